/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa audit: what a manager has recorded. One's own entries, the whole log, its checkpoints.
 */
#include "cli/cli_audit.h"

#include "base/limits.h"
#include "cli/cli_explain.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_read.h"

/* ---- list ------------------------------------------------------------------------------------ */

#define LAST_ENTRIES 20
/* Entries that were made at the same time by several hands lie next to each other in any order. */
#define DISORDER_SECONDS 600

struct listing {
    struct capsa_cli *cli;
    struct capsa_json *list;
    int64_t left; /* entries that are still wanted */
    capsa_time since;
    unsigned type; /* 0: any */
};

static capsa_result print_entry(struct listing *listing, const struct capsa_audit_own *entry)
{
    char time[CAPSA_TIME_TEXT];
    char id[CAPSA_AUDIT_ID_TEXT];
    capsa_time_text(entry->leaf.time, time);
    capsa_audit_id_text(entry->leaf.decision_id, id);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(capsa_cli_entry_line(entry->details, &text));
    const char *line;
    CAPSA_TRY(capsa_buf_cstr(&text, &line));
    capsa_cli_say(listing->cli, "%s %-13s %s %s\n", time, capsa_audit_type_name(entry->leaf.type),
                  id, line);
    struct capsa_json *value;
    CAPSA_TRY(capsa_cli_entry_value(entry, &value));
    return capsa_json_push(listing->list, value);
}

static capsa_result list_entry(void *context, const struct capsa_audit_own *entry, bool *ret_enough)
{
    struct listing *listing = context;
    *ret_enough = entry->leaf.time < listing->since - DISORDER_SECONDS;
    if (entry->leaf.time < listing->since ||
        (listing->type != 0 && entry->leaf.type != listing->type)) {
        return CAPSA_OK;
    }
    *ret_enough = --listing->left == 0;
    return print_entry(listing, entry);
}

static capsa_result type_by_name(const char *name, unsigned *ret_type)
{
    static const struct {
        unsigned number;
        const char *name;
    } types[] = {
#define CAPSA_AUDIT_TYPE(symbol, number, name, what) {number, name},
#include "audit/audit_types.def"
#undef CAPSA_AUDIT_TYPE
    };
    const char *names[sizeof(types) / sizeof(types[0]) + 1] = {NULL};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        names[i] = types[i].name;
        if (capsa_streq(types[i].name, name)) {
            *ret_type = types[i].number;
            return CAPSA_OK;
        }
    }
    const char *nearest = capsa_nearest_name(name, names);
    CAPSA_REQUIRE(nearest == NULL, USAGE, "there is no kind of entry \"%s\"; did you mean \"%s\"?",
                  name, nearest);
    CAPSA_FAIL(USAGE,
               "there is no kind of entry \"%s\"; there are key-create, key-release, denial "
               "and others",
               name);
}

static capsa_result read_filters(const struct capsa_cli *cli, struct listing *listing)
{
    bool all = capsa_cli_flag(cli, "all");
    CAPSA_REQUIRE(!all || capsa_cli_option(cli, "last") == NULL, USAGE,
                  "--last and --all do not go together");
    const char *since = capsa_cli_option(cli, "since");
    int64_t otherwise = all || since != NULL ? INT64_MAX : LAST_ENTRIES;
    CAPSA_TRY(capsa_cli_number(cli, "last", 1, INT64_MAX, otherwise, &listing->left));
    CAPSA_TRY_AT(since == NULL ? CAPSA_OK
                               : capsa_time_parse(capsa_bytes_str(since), &listing->since),
                 "--since wants a time like 2026-11-21T12:00:00Z");
    const char *type = capsa_cli_option(cli, "type");
    return type == NULL ? CAPSA_OK : type_by_name(type, &listing->type);
}

static capsa_result run_list(struct capsa_cli *cli)
{
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    struct listing listing = {.cli = cli, .list = list};
    CAPSA_TRY(read_filters(cli, &listing));
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    const struct capsa_cert *manager;
    CAPSA_TRY(capsa_cli_manager(&link, &manager));
    struct capsa_audit_query query = {.decision_id = NULL};
    bool enough = false;
    while (!enough && !query.ended) {
        CAPSA_TRY(capsa_client_audit_page(link.client, &query, list_entry, &listing, &enough));
    }
    if (capsa_json_count(list) == 0) {
        capsa_cli_say(cli, "no entries of yours\n");
    }
    return capsa_cli_set(cli, "entries", capsa_cli_hand(&list));
}

/* ---- checkpoint ------------------------------------------------------------------------------ */

static capsa_result run_checkpoint(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, false, &link));
    const struct capsa_cert *manager;
    CAPSA_TRY(capsa_cli_manager(&link, &manager));
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(4));
    struct capsa_checkpoint checkpoint;
    CAPSA_TRY(capsa_client_checkpoint(link.client, &note, &checkpoint));
    const char *out = capsa_cli_option(cli, "out");
    if (out != NULL) {
        CAPSA_TRY(capsa_cli_write_public(cli, out, capsa_buf_bytes(&note)));
        capsa_cli_say(cli, "wrote the checkpoint of %llu entries to %s\n",
                      (unsigned long long)checkpoint.size, out);
    } else if (!cli->json) {
        capsa_cli_print(cli, capsa_buf_bytes(&note));
    }
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&note, &text));
    CAPSA_TRY(capsa_cli_set(cli, "size", capsa_json_new_int((int64_t)checkpoint.size)));
    return capsa_cli_set_text(cli, "checkpoint", text);
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option list_options[] = {
    {"last", "N", "so many entries; 20", 0},
    {"since", "TIME", "those made then or later: 2026-11-21T12:00:00Z", 0},
    {"type", "TYPE", "those of one kind: key-release, denial, policy-put ...", 0},
    {"all", NULL, "all of them", 0},
    {.name = NULL},
};

static const struct capsa_cli_option export_options[] = {
    {"out", "FILE", "where to write it; - is standard output", CAPSA_CLI_NEEDED},
    {"force", NULL, "replace an existing file", 0},
    {.name = NULL},
};

static const struct capsa_cli_option verify_options[] = {
    {"since", "FILE",
     "a checkpoint that the log must go on from; \"known\": the last one that was seen", 0},
    {.name = NULL},
};

static const struct capsa_cli_option checkpoint_options[] = {
    {"out", "FILE", "where to write it: for capsa audit verify --since", 0},
    {"force", NULL, "replace an existing file", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"list", "",
     "Show the entries about one's own data, the newest first, each with its proof "
     "checked.",
     0, 0, CAPSA_CLI_SERVER | CAPSA_CLI_SIGNS, list_options, run_list},
    {"export", "",
     "Fetch the whole log with its checkpoint into a file. It tells times and kinds of events, and "
     "no names.",
     0, 0, CAPSA_CLI_SERVER, export_options, capsa_cli_run_audit_export},
    {"verify", "[FILE]",
     "Check a log, of a file or the manager's own: that nothing was edited, removed or reordered, "
     "and that it is what was signed. The status says what is wrong: 11 edited, 12 removed, 13 "
     "reordered, 14 cut, 15 forked, 16 unsigned.",
     0, 1, CAPSA_CLI_SERVER, verify_options, capsa_cli_run_audit_verify},
    {"checkpoint", "", "Print the manager's latest checkpoint, checked against those before.", 0, 0,
     CAPSA_CLI_SERVER, checkpoint_options, run_checkpoint},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_audit = {
    "audit", NULL, "what the manager has recorded: list, export, verify", verbs, NULL};
