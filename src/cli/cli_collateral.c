/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa collateral: fetch what proves evidence, show it, and put it together for places without a
 * network. Nothing here is verified; capsa verify does that.
 */
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_fetch.h"
#include "cli/cli_members.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_read.h"
#include "collateral/collateral_bundle.h"
#include "evidence/collateral_show.h"
#include "evidence/evidence.h"

/* ---- fetch ----------------------------------------------------------------------------------- */

static capsa_result read_evidence(const struct capsa_cli *cli, capsa_evidence *ret_evidence)
{
    const char *path = capsa_cli_option(cli, "evidence");
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_AUTO(capsa_collateral) shipped;
    capsa_collateral_init(&shipped);
    CAPSA_TRY(capsa_file_read(path, &file));
    CAPSA_TRY_AT(capsa_evidence_parse(capsa_buf_bytes(&file), ret_evidence, &shipped, NULL), "%s",
                 path);
    return CAPSA_OK;
}

static capsa_result write_json(struct capsa_cli *cli, const char *out,
                               const struct capsa_json *json)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(capsa_json_write(json, CAPSA_JSON_COMPACT, &text));
    CAPSA_TRY(capsa_buf_str(&text, "\n"));
    return capsa_cli_write_public(cli, out, capsa_buf_bytes(&text));
}

static void say_written(struct capsa_cli *cli, const char *out)
{
    if (!capsa_streq(out, "-")) {
        capsa_cli_say(cli, "wrote %s\n", out);
    }
}

static capsa_result run_fetch(struct capsa_cli *cli)
{
    const char *out = capsa_cli_option(cli, "out");
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO(capsa_cli_fetch) fetch = {.options = {.pccs_url = NULL}};
    CAPSA_AUTO_FREE(capsa_collateral_store) store = NULL;
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    CAPSA_TRY(capsa_cli_check_out(cli, out));
    CAPSA_TRY(capsa_cli_fetch_read(cli, &fetch));
    CAPSA_TRY(read_evidence(cli, &evidence));
    CAPSA_TRY(capsa_collateral_store_new(&fetch.options, &store));
    CAPSA_TRY(capsa_collateral_get(store, evidence.platform, capsa_buf_bytes(&evidence.bytes),
                                   &collateral));
    CAPSA_TRY(capsa_collateral_write(&collateral, &json));
    CAPSA_TRY(write_json(cli, out, json));
    say_written(cli, out);
    size_t requests = capsa_collateral_store_numbers(store).requests;
    CAPSA_TRY(capsa_cli_set(cli, "requests", capsa_json_new_int((int64_t)requests)));
    CAPSA_TRY(capsa_cli_set_text(cli, "platform", capsa_platform_name(evidence.platform)));
    return capsa_cli_set_text(cli, "file", out);
}

/* ---- show ------------------------------------------------------------------------------------ */

/* Parts that are not complete are shown too: that is what people look for. */
static capsa_result show_entry(struct capsa_cli *cli, const capsa_collateral *collateral,
                               struct capsa_json *list)
{
    struct capsa_json *shown = NULL;
    CAPSA_TRY(capsa_collateral_show(collateral, &shown));
    capsa_cli_say_members(cli, 0, shown);
    capsa_cli_say(cli, "\n");
    return capsa_json_push(list, shown);
}

static capsa_result run_show(struct capsa_cli *cli)
{
    const char *path = cli->words[0];
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    CAPSA_AUTO(capsa_collateral_entries) entries;
    capsa_collateral_entries_init(&entries);
    CAPSA_TRY(capsa_collateral_entries_load(&entries, path));
    capsa_ignore(capsa_collateral_entries_end(&entries), "incomplete parts are shown as they are");
    for (size_t i = 0; i < entries.count; i++) {
        CAPSA_TRY(show_entry(cli, &entries.items[i].collateral, list));
    }
    if (!capsa_collateral_is_empty(&entries.parts)) {
        CAPSA_TRY(show_entry(cli, &entries.parts, list));
    }
    CAPSA_REQUIRE(capsa_json_count(list) > 0, NOT_FOUND, "%s: no collateral in it", path);
    return capsa_cli_set(cli, "entries", capsa_cli_hand(&list));
}

/* ---- bundle ---------------------------------------------------------------------------------- */

static capsa_result run_bundle(struct capsa_cli *cli)
{
    const char *out = capsa_cli_option(cli, "out");
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_AUTO(capsa_collateral_entries) entries;
    capsa_collateral_entries_init(&entries);
    CAPSA_TRY(capsa_cli_check_out(cli, out));
    for (size_t i = 0; i < cli->words_count; i++) {
        CAPSA_TRY(capsa_collateral_entries_load(&entries, cli->words[i]));
    }
    CAPSA_TRY(capsa_collateral_entries_end(&entries));
    CAPSA_TRY(capsa_collateral_entries_write(&entries, &text));
    CAPSA_TRY(capsa_cli_write_public(cli, out, capsa_buf_bytes(&text)));
    say_written(cli, out);
    CAPSA_TRY(capsa_cli_set(cli, "entries", capsa_json_new_int((int64_t)entries.count)));
    return capsa_cli_set_text(cli, "file", out);
}

/* ---- The table ------------------------------------------------------------------------------- */

#define OUT_OPTIONS                                                                                \
    {"out", "FILE", "where to write it; - is standard output", CAPSA_CLI_NEEDED},                  \
    {                                                                                              \
        "force", NULL, "replace an existing file", 0                                               \
    }

static const struct capsa_cli_option fetch_options[] = {
    {"evidence", "FILE",
     "an SGX or TDX quote, an SEV-SNP or CSV report, or a unified attestation report (JSON)",
     CAPSA_CLI_NEEDED},
    CAPSA_CLI_FETCH_OPTIONS,
    OUT_OPTIONS,
    {.name = NULL},
};

static const struct capsa_cli_option bundle_options[] = {
    OUT_OPTIONS,
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"fetch", "", "Fetch what proves evidence from its maker's servers. Nothing is verified.", 0, 0,
     0, fetch_options, run_fetch},
    {"show", "FILE|DIR",
     "Print what collateral says of itself: dates, evaluation numbers, names, how much is revoked.",
     1, 1, 0, NULL, run_show},
    {"bundle", "FILE|DIR...",
     "Put collateral together in one file: parts of one platform, or collateral of many.", 1,
     CAPSA_CLI_MANY, 0, bundle_options, run_bundle},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_collateral = {
    "collateral", NULL, "what proves evidence: fetch, show, bundle", verbs, NULL};
