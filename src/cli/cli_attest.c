/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa attest: evidence of the machine, or enclave, that this runs in. What it binds says what it
 * is for: a purpose and fields, digested as Capsa's own protocols do it (capsa_report_data_native).
 * Whoever could have 64 bytes of his choice bound could have evidence made for any protocol there
 * is, so those take an option with insecure in its name.
 */
#include "attester/attester.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_trust.h"
#include "codec/text.h"
#include "ratls/ratls_session.h"

#define FIELDS_MAX 16 /* of capsa_report_data_native */

/* ---- --list ---------------------------------------------------------------------------------- */

static capsa_result list_one(struct capsa_cli *cli, const struct capsa_attester *attester,
                             const struct capsa_attester_options *where, struct capsa_json *list)
{
    bool present = attester->present(attester, where);
    struct capsa_json *entry = NULL;
    capsa_cli_say(cli, "%-8s %-4s %s\n", attester->name, present ? "yes" : "no", attester->what);
    entry = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(entry);
    CAPSA_TRY(capsa_json_push(list, entry));
    CAPSA_TRY(capsa_json_set(entry, "name", capsa_json_new_string(attester->name)));
    CAPSA_TRY(capsa_json_set(entry, "what", capsa_json_new_string(attester->what)));
    return capsa_json_set(entry, "present", capsa_json_new_bool(present));
}

static capsa_result list(struct capsa_cli *cli)
{
    size_t count;
    const struct capsa_attester *const *attesters = capsa_attesters(&count);
    const struct capsa_attester_options where = capsa_cli_attester_options(cli);
    struct capsa_json *listed = capsa_json_new_array();
    CAPSA_TRY(capsa_cli_set(cli, "attesters", listed));
    capsa_cli_say(cli, "%-8s %-4s %s\n", "name", "here", "what");
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(list_one(cli, attesters[i], &where, listed));
    }
    return CAPSA_OK;
}

/* ---- What is bound --------------------------------------------------------------------------- */

/* The fields, in the order of the command line; those read from files and hex lie in `kept`. */
typedef struct {
    capsa_bytes fields[FIELDS_MAX];
    capsa_buf kept[FIELDS_MAX];
    size_t count;
} attest_fields;

static void attest_fields_drop(attest_fields *bound)
{
    for (size_t i = 0; i < FIELDS_MAX; i++) {
        capsa_buf_drop(&bound->kept[i]);
    }
}

static capsa_result of_text(const char *value, capsa_buf *field)
{
    return capsa_buf_str(field, value);
}

static capsa_result of_hex(const char *value, capsa_buf *field)
{
    CAPSA_TRY_AT(capsa_hex_parse(capsa_bytes_str(value), field), "--bind-hex");
    return CAPSA_OK;
}

static capsa_result of_file(const char *value, capsa_buf *field)
{
    return capsa_file_read(value, field);
}

static const struct {
    const char *option;
    capsa_result (*read)(const char *value, capsa_buf *field);
} kinds[] = {{"bind", of_text}, {"bind-hex", of_hex}, {"bind-file", of_file}};

static capsa_result add_field(const struct capsa_cli_given *given, attest_fields *bound)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!capsa_streq(given->option->name, kinds[i].option)) {
            continue;
        }
        CAPSA_REQUIRE(bound->count < FIELDS_MAX, USAGE, "more than %d fields to bind", FIELDS_MAX);
        capsa_buf *field = &bound->kept[bound->count];
        *field = capsa_buf_of(CAPSA_LIMIT_json_bytes);
        CAPSA_TRY(kinds[i].read(given->value, field));
        bound->fields[bound->count++] = capsa_buf_bytes(field);
    }
    return CAPSA_OK;
}

static capsa_result bind_fields(const struct capsa_cli *cli, const char *purpose,
                                uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    CAPSA_AUTO(attest_fields) bound = {.count = 0};
    CAPSA_REQUIRE(purpose != NULL && *purpose != '\0', USAGE,
                  "what is it for? give --purpose TEXT, and --bind for what it shall bind");
    /* Else whoever can call this could stand for this program in a channel (A25, A26). */
    CAPSA_REQUIRE(!capsa_streq(purpose, CAPSA_RATLS_PURPOSE), USAGE,
                  "the purpose \"%s\" is that of attested channels, whose ends bind what no caller "
                  "chooses",
                  purpose);
    for (size_t i = 0; i < cli->given_count; i++) {
        CAPSA_TRY(add_field(&cli->given[i], &bound));
    }
    return capsa_report_data_native(purpose, bound.fields, bound.count, ret_report_data);
}

static capsa_result bind_raw(struct capsa_cli *cli, const char *hex,
                             uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(1));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        CAPSA_REQUIRE(!capsa_cli_flag(cli, kinds[i].option), USAGE,
                      "--%s and --insecure-raw-report-data exclude each other", kinds[i].option);
    }
    CAPSA_REQUIRE(!capsa_cli_flag(cli, "purpose"), USAGE,
                  "--purpose and --insecure-raw-report-data exclude each other");
    CAPSA_REQUIRE(strlen(hex) == 2 * CAPSA_REPORT_DATA &&
                      !capsa_failed(capsa_hex_parse(capsa_bytes_str(hex), &bytes)),
                  USAGE, "--insecure-raw-report-data wants %d bytes as %d hex digits",
                  CAPSA_REPORT_DATA, 2 * CAPSA_REPORT_DATA);
    capsa_cli_warn(cli, "binding 64 bytes that were handed in: nothing says what they are for");
    memcpy(ret_report_data, bytes.data, CAPSA_REPORT_DATA);
    return CAPSA_OK;
}

static capsa_result report_data_of(struct capsa_cli *cli,
                                   uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    const char *raw = capsa_cli_option(cli, "insecure-raw-report-data");
    return raw != NULL ? bind_raw(cli, raw, ret_report_data)
                       : bind_fields(cli, capsa_cli_option(cli, "purpose"), ret_report_data);
}

/* ---- How it is written ----------------------------------------------------------------------- */

struct form {
    bool is_raw;
    bool is_passport;
};

/* One of two words; `otherwise` when the option was not given. */
static capsa_result choice(const struct capsa_cli *cli, const char *option, const char *no,
                           const char *yes, bool otherwise, bool *ret_yes)
{
    const char *value = capsa_cli_option(cli, option);
    CAPSA_REQUIRE(value == NULL || capsa_streq(value, no) || capsa_streq(value, yes), USAGE,
                  "--%s is %s or %s, not \"%s\"", option, no, yes, value);
    *ret_yes = value == NULL ? otherwise : capsa_streq(value, yes);
    return CAPSA_OK;
}

static capsa_result form_of(const struct capsa_cli *cli, struct form *ret_form)
{
    bool has_collateral = capsa_cli_flag(cli, "collateral");
    CAPSA_TRY(choice(cli, "to", "ual", "raw", false, &ret_form->is_raw));
    CAPSA_TRY(choice(cli, "type", "background-check", "passport", has_collateral,
                     &ret_form->is_passport));
    CAPSA_REQUIRE(!ret_form->is_raw || !ret_form->is_passport, USAGE,
                  "raw evidence has no room for collateral: leave out --to raw, or --collateral "
                  "and --type passport");
    CAPSA_REQUIRE(ret_form->is_passport || !has_collateral, USAGE,
                  "a background-check has no room for collateral: leave out --collateral");
    return CAPSA_OK;
}

/* What was given counts alone; without, what the interface itself handed out. */
static capsa_result collateral_of(const struct capsa_cli *cli, capsa_collateral *collateral)
{
    CAPSA_TRY(capsa_cli_read_collateral(cli, collateral));
    CAPSA_REQUIRE(!capsa_collateral_is_empty(collateral), USAGE,
                  "a passport ships collateral, and this machine hands out none: give --collateral "
                  "FILE|DIR, or --type background-check");
    return CAPSA_OK;
}

static capsa_result write_form(const struct capsa_cli *cli, const struct capsa_attester *attester,
                               const struct form *form, capsa_bytes evidence,
                               capsa_collateral *collateral, capsa_buf *ret_file)
{
    if (form->is_raw) {
        return capsa_buf_append(ret_file, evidence);
    }
    if (form->is_passport) {
        CAPSA_TRY(collateral_of(cli, collateral));
    }
    CAPSA_TRY(capsa_ual_write(attester->platform, evidence, form->is_passport ? collateral : NULL,
                              ret_file));
    return capsa_buf_str(ret_file, "\n");
}

/* ---- Making ---------------------------------------------------------------------------------- */

static capsa_result answer(struct capsa_cli *cli, const struct capsa_attester *attester,
                           const uint8_t report_data[CAPSA_REPORT_DATA], const char *out)
{
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
    const char *text;
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(report_data, CAPSA_REPORT_DATA), &hex));
    CAPSA_TRY(capsa_buf_cstr(&hex, &text));
    if (!capsa_streq(out, "-")) {
        capsa_cli_say(cli, "wrote evidence of %s to %s\nbinds %s\n", attester->what, out, text);
    }
    CAPSA_TRY(capsa_cli_set_text(cli, "platform", attester->name));
    CAPSA_TRY(capsa_cli_set_text(cli, "report_data", text));
    return capsa_cli_set_text(cli, "file", out);
}

static capsa_result make(struct capsa_cli *cli)
{
    const char *given_out = capsa_cli_option(cli, "out");
    const char *out = given_out == NULL ? "-" : given_out;
    const struct capsa_attester_options where = capsa_cli_attester_options(cli);
    const struct capsa_attester *attester = NULL;
    uint8_t report_data[CAPSA_REPORT_DATA];
    struct form form;
    const char *platform = capsa_cli_option(cli, "platform");
    CAPSA_REQUIRE(platform != NULL, USAGE,
                  "of which platform? give --platform NAME; see: capsa attest --list");
    CAPSA_TRY(capsa_cli_attester_find(platform, &attester));
    CAPSA_TRY(form_of(cli, &form));
    CAPSA_TRY(capsa_cli_check_out(cli, out));
    CAPSA_TRY(report_data_of(cli, report_data));
    CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    CAPSA_TRY(attester->collect(attester, &where, report_data, &evidence, &collateral));
    CAPSA_TRY(write_form(cli, attester, &form, capsa_buf_bytes(&evidence), &collateral, &file));
    CAPSA_TRY(capsa_cli_write_public(cli, out, capsa_buf_bytes(&file)));
    return answer(cli, attester, report_data, out);
}

static capsa_result run_attest(struct capsa_cli *cli)
{
    return capsa_cli_flag(cli, "list") ? list(cli) : make(cli);
}

/* ---- The table ------------------------------------------------------------------------------- */

static const struct capsa_cli_option options[] = {
    {"platform", "NAME", "sgx, tdx, snp, csv; capsa attest --list knows all", 0},
    {"list", NULL, "which platforms there are, and which of them this machine is", 0},
    {"purpose", "TEXT", "what the evidence is for; bound before the fields", 0},
    {"bind", "TEXT", "a field to bind; their order counts", CAPSA_CLI_REPEAT},
    {"bind-hex", "HEX", "likewise, bytes as hex", CAPSA_CLI_REPEAT},
    {"bind-file", "FILE", "likewise, the bytes of a file", CAPSA_CLI_REPEAT},
    {"insecure-raw-report-data", "HEX",
     "instead: these 64 bytes, which may mean anything to anybody", 0},
    {"to", "FORM", "ual, a unified attestation report (default), or raw", 0},
    {"type", "TYPE",
     "of a ual: passport, which ships collateral, or background-check (default without "
     "--collateral)",
     0},
    {"collateral", "FILE|DIR", "what a passport ships, in any form", CAPSA_CLI_REPEAT},
    {"out", "FILE", "where to write it; - is standard output (default)", 0},
    {"force", NULL, "replace an existing file", 0},
    CAPSA_CLI_INTERFACE_OPTIONS,
#ifdef CAPSA_SIMULATION
    {"sim-dir", "DIR", "of sim-sgx and sim-tdx: what capsa sim init made", 0},
    {"sim-code", "FILE", "likewise: the program whose measurement it holds; capsa itself", 0},
#endif
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"", "", "Make evidence of the machine that this runs on, binding a purpose and fields.", 0, 0,
     0, options, run_attest},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_attest = {
    "attest", NULL, "make evidence of the machine that this runs on", verbs, NULL};
