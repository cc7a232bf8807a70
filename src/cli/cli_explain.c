/* SPDX-License-Identifier: Apache-2.0
 *
 * Decisions for their owner's eyes (cli_explain.h). Details are JSON that the manager wrote and
 * committed to; what members there are depends on the kind of entry, and those that are not known
 * here are still in -o json.
 */
#include "cli/cli_explain.h"

#include "base/limits.h"
#include "cli/cli_link.h"
#include "cli/cli_print.h"
#include "cli/cli_progress.h"
#include "cli/cli_read.h"

/* ---- values as text -------------------------------------------------------------------------- */

/* Text as it is, anything else as JSON. */
static capsa_result write_value(const struct capsa_json *value, capsa_buf *text)
{
    const char *string = capsa_json_string(value);
    return string != NULL ? capsa_buf_str(text, string)
                          : capsa_json_write(value, CAPSA_JSON_COMPACT, text);
}

static capsa_result write_list(const struct capsa_json *array, capsa_buf *text)
{
    for (size_t i = 0; i < capsa_json_count(array); i++) {
        CAPSA_TRY(capsa_buf_str(text, i == 0 ? "" : ", "));
        CAPSA_TRY(write_value(capsa_json_at(array, i), text));
    }
    return CAPSA_OK;
}

/* "alice-table (id, radius)" */
static capsa_result write_resource(const struct capsa_json *resource, capsa_buf *text)
{
    const struct capsa_json *uri = capsa_json_get(resource, "resource_uri");
    const struct capsa_json *columns = capsa_json_get(resource, "columns");
    CAPSA_TRY(uri == NULL ? write_value(resource, text) : write_value(uri, text));
    if (capsa_json_count(columns) == 0) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_buf_str(text, " ("));
    CAPSA_TRY(write_list(columns, text));
    return capsa_buf_str(text, ")");
}

/* ---- one line -------------------------------------------------------------------------------- */

/* Members that say what it is about, in the order of the line, and what stands before each. */
static const struct {
    const char *member;
    const char *before;
} line_parts[] = {
    {"op_name", ""},      {"resources", "on "}, {"resource_uri", "on "}, {"data_uuid", "on "},
    {"rule_id", "rule "}, {"signer", "by "},    {"reason", "- "},
};

static capsa_result write_part(const struct capsa_json *value, capsa_buf *text)
{
    if (capsa_json_kind_of(value) != CAPSA_JSON_ARRAY) {
        return write_value(value, text);
    }
    for (size_t i = 0; i < capsa_json_count(value); i++) {
        CAPSA_TRY(capsa_buf_str(text, i == 0 ? "" : ", "));
        CAPSA_TRY(write_resource(capsa_json_at(value, i), text));
    }
    return CAPSA_OK;
}

static bool says_something(const struct capsa_json *value)
{
    const char *text = capsa_json_string(value);
    return capsa_json_kind_of(value) != CAPSA_JSON_NULL && (text == NULL || *text != '\0');
}

CAPSA_RESULT capsa_cli_entry_line(const struct capsa_json *details, capsa_buf *ret_line)
{
    bool first = true;
    for (size_t i = 0; i < sizeof(line_parts) / sizeof(line_parts[0]); i++) {
        const struct capsa_json *value = capsa_json_get(details, line_parts[i].member);
        if (!says_something(value)) {
            continue;
        }
        CAPSA_TRY(capsa_buf_format(ret_line, "%s%s", first ? "" : " ", line_parts[i].before));
        CAPSA_TRY(write_part(value, ret_line));
        first = false;
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_entry_value(const struct capsa_audit_own *entry,
                                   struct capsa_json **ret_value)
{
    char time[CAPSA_TIME_TEXT];
    char id[CAPSA_AUDIT_ID_TEXT];
    capsa_time_text(entry->leaf.time, time);
    capsa_audit_id_text(entry->leaf.decision_id, id);
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){{"time", time},
                                        {"type", capsa_audit_type_name(entry->leaf.type)},
                                        {"decision_id", id},
                                        {NULL, NULL}},
        &value));
    CAPSA_TRY(capsa_json_set(value, "index", capsa_json_new_int((int64_t)entry->index)));
    CAPSA_TRY(capsa_json_set(value, "details", capsa_json_copy(entry->details)));
    *ret_value = value;
    value = NULL;
    return CAPSA_OK;
}

/* ---- in full --------------------------------------------------------------------------------- */

/* The members of details that people read, by their order and names here. */
static const struct {
    const char *member;
    const char *label;
} shown[] = {
    {"method", "method"},      {"signer", "who asked"},
    {"spki", "with the key"},  {"initiator", "started by"},
    {"scope", "scope"},        {"op_name", "operation"},
    {"resources", "resource"}, {"resource_uri", "resource"},
    {"data_uuid", "data"},     {"rule_id", "rule"},
    {"clause", "failed at"},   {"where", "where"},
    {"expected", "expected"},  {"got", "got"},
    {"reason", "reason"},      {"repeated", "repeated"}, /* times, coalesced */
};

static capsa_result show_line(struct capsa_cli *cli, const char *label,
                              capsa_result (*write)(const struct capsa_json *, capsa_buf *),
                              const struct capsa_json *value)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(write(value, &text));
    const char *string;
    CAPSA_TRY(capsa_buf_cstr(&text, &string));
    capsa_cli_say(cli, "%-13s %s\n", label, string);
    return CAPSA_OK;
}

static capsa_result show_member(struct capsa_cli *cli, const char *label,
                                const struct capsa_json *value)
{
    if (capsa_json_kind_of(value) != CAPSA_JSON_ARRAY) {
        return show_line(cli, label, write_value, value);
    }
    for (size_t i = 0; i < capsa_json_count(value); i++) {
        CAPSA_TRY(show_line(cli, label, write_resource, capsa_json_at(value, i)));
    }
    return CAPSA_OK;
}

/* " 2 of operation 1 of rule 1": which constraint it was, as far as the details count them. */
static capsa_result write_place(const struct capsa_json *details, capsa_buf *text)
{
    static const struct {
        const char *member;
        const char *clause; /* NULL: of each */
        const char *before;
    } places[] = {
        {"constraint", "op constraint", ""},
        {"constraint", "global constraint", ""},
        {"entry", "op constraint", "of operation "},
        {"rule", NULL, "of rule "},
    };
    const char *clause = capsa_json_string(capsa_json_get(details, "clause"));
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int64_t number = capsa_json_int(capsa_json_get(details, places[i].member));
        if (number > 0 && (places[i].clause == NULL || capsa_streq(clause, places[i].clause))) {
            CAPSA_TRY(capsa_buf_format(text, " %s%lld", places[i].before, (long long)number));
        }
    }
    return CAPSA_OK;
}

static capsa_result write_clause(const struct capsa_json *details, capsa_buf *text)
{
    const struct capsa_json *clause = capsa_json_get(details, "clause");
    CAPSA_TRY(write_value(clause, text));
    return capsa_json_string(clause) == NULL ? CAPSA_OK : write_place(details, text);
}

/* No rule let a refused request pass; the one that is named came nearest. */
static const char *label_of(size_t index, unsigned type)
{
    bool nearest = type == CAPSA_AUDIT_DENIAL && capsa_streq(shown[index].member, "rule_id");
    return nearest ? "nearest rule" : shown[index].label;
}

static const char *what_of(unsigned type)
{
    static const struct {
        unsigned type;
        const char *what;
    } kinds[] = {
#define CAPSA_AUDIT_TYPE(symbol, number, name, what) {number, what},
#include "audit/audit_types.def"
#undef CAPSA_AUDIT_TYPE
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].type == type) {
            return kinds[i].what;
        }
    }
    return "of a kind that is not known here";
}

static bool signs_for_himself(const struct capsa_json *details)
{
    const char *signer = capsa_json_string(capsa_json_get(details, "signer"));
    const char *initiator = capsa_json_string(capsa_json_get(details, "initiator"));
    return signer != NULL && initiator != NULL && capsa_streq(signer, initiator);
}

/* What the program that asked proved of itself, each claim on a line: hex is long. */
static capsa_result show_evidence(struct capsa_cli *cli, const struct capsa_json *evidence)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    const char *before = "evidence";
    while (capsa_json_next(evidence, &walk, &name, &value)) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
        bool is_list = capsa_json_kind_of(value) == CAPSA_JSON_ARRAY;
        CAPSA_TRY(capsa_buf_format(&text, "%-13s ", name));
        CAPSA_TRY(is_list ? write_list(value, &text) : write_value(value, &text));
        const char *line;
        CAPSA_TRY(capsa_buf_cstr(&text, &line));
        if (says_something(value) && (!is_list || capsa_json_count(value) > 0)) {
            capsa_cli_say(cli, "%-13s %s\n", before, line);
            before = "";
        }
    }
    return CAPSA_OK;
}

static capsa_result show_entry(struct capsa_cli *cli, const struct capsa_audit_own *entry)
{
    char time[CAPSA_TIME_TEXT];
    char id[CAPSA_AUDIT_ID_TEXT];
    capsa_time_text(entry->leaf.time, time);
    capsa_audit_id_text(entry->leaf.decision_id, id);
    capsa_cli_say(cli, "%-13s %s\n%-13s %s\n%-13s %s: %s\n", "decision", id, "when", time, "what",
                  capsa_audit_type_name(entry->leaf.type), what_of(entry->leaf.type));
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        const struct capsa_json *value = capsa_json_get(entry->details, shown[i].member);
        if (capsa_streq(shown[i].member, "initiator") && signs_for_himself(entry->details)) {
            continue;
        }
        if (says_something(value)) {
            const char *label = label_of(i, entry->leaf.type);
            CAPSA_TRY(capsa_streq(shown[i].member, "clause")
                          ? show_line(cli, label, write_clause, entry->details)
                          : show_member(cli, label, value));
        }
    }
    CAPSA_TRY(show_evidence(cli, capsa_json_get(entry->details, "evidence")));
    capsa_cli_say(cli, "%-13s entry %llu of the manager's log; its proof and its details hold\n",
                  "proven", (unsigned long long)entry->index);
    return CAPSA_OK;
}

/* ---- looking for it -------------------------------------------------------------------------- */

struct search {
    struct capsa_cli *cli;
    bool found;
};

static capsa_result take_entry(void *context, const struct capsa_audit_own *entry, bool *ret_enough)
{
    struct search *search = context;
    search->found = true;
    *ret_enough = true;
    CAPSA_TRY(show_entry(search->cli, entry));
    struct capsa_json *value;
    CAPSA_TRY(capsa_cli_entry_value(entry, &value));
    return capsa_cli_set(search->cli, "decision", value);
}

static capsa_result look_for(capsa_cli_link *link, const char *id, struct search *search,
                             uint64_t *ret_looked_at)
{
    struct capsa_cli_progress progress = {
        .out = search->cli->err, .name = "looking through the log", .unit = "entries"};
    struct capsa_audit_query query = {.decision_id = id};
    bool enough = false;
    capsa_result result = CAPSA_OK;
    while (!capsa_failed(result) && !enough && !query.ended) {
        result = capsa_client_audit_page(link->client, &query, take_entry, search, &enough);
        (void)capsa_cli_progress_step(&progress, query.looked_at, query.looked_at + query.before);
    }
    capsa_cli_progress_end(&progress);
    *ret_looked_at = query.looked_at;
    return result;
}

capsa_result capsa_cli_run_explain(struct capsa_cli *cli)
{
    const char *id = cli->words[0];
    uint8_t bytes[CAPSA_AUDIT_ID];
    char text[CAPSA_AUDIT_ID_TEXT];
    CAPSA_TRY_AT(capsa_audit_id_parse(id, bytes), "\"%s\" is no decision id", id);
    capsa_audit_id_text(bytes, text);
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    const struct capsa_cert *manager;
    CAPSA_TRY(capsa_cli_manager(&link, &manager));
    struct search search = {cli, false};
    uint64_t looked_at = 0;
    CAPSA_TRY(look_for(&link, text, &search, &looked_at));
    cli->refused = !search.found;
    CAPSA_REQUIRE(search.found, NOT_FOUND,
                  "the manager has no decision %s on data of yours (%llu entries were looked "
                  "through); whose data it was about can ask",
                  text, (unsigned long long)looked_at);
    return CAPSA_OK;
}
