/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa evidence: every field of evidence in a file, unjudged, and from form to form.
 */
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_members.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_read.h"
#include "cli/cli_trust.h"
#include "evidence/collateral_show.h"
#include "evidence/evidence.h"
#include "evidence/evidence_show.h"

struct given_file {
    capsa_evidence evidence;
    capsa_collateral collateral; /* what a Passport ships */
};
typedef struct given_file given_file;

static void given_file_drop(given_file *given)
{
    capsa_evidence_drop(&given->evidence);
    capsa_collateral_drop(&given->collateral);
}

static capsa_result read_evidence(const struct capsa_cli *cli, struct given_file *ret_given)
{
    const char *path = capsa_cli_option(cli, "evidence");
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_TRY(capsa_file_read(path, &file));
    CAPSA_TRY_AT(capsa_evidence_parse(capsa_buf_bytes(&file), &ret_given->evidence,
                                      &ret_given->collateral, NULL),
                 "%s", path);
    return CAPSA_OK;
}

/* ---- show ------------------------------------------------------------------------------------ */

static capsa_result run_show(struct capsa_cli *cli)
{
    CAPSA_AUTO(given_file) given = {.evidence = {.platform = CAPSA_PLATFORM_NONE}};
    CAPSA_TRY(read_evidence(cli, &given));
    struct capsa_json *shown = NULL;
    CAPSA_TRY(capsa_evidence_show(given.evidence.platform, capsa_buf_bytes(&given.evidence.bytes),
                                  &shown));
    capsa_json_free(cli->answer);
    cli->answer = shown;
    if (!capsa_collateral_is_empty(&given.collateral)) {
        struct capsa_json *collateral = NULL;
        CAPSA_TRY(capsa_collateral_show(&given.collateral, &collateral));
        CAPSA_TRY(capsa_cli_set(cli, "collateral", collateral));
    }
    capsa_cli_say_members(cli, 0, cli->answer);
    return CAPSA_OK;
}

/* ---- convert --------------------------------------------------------------------------------- */

static capsa_result write_line(const struct capsa_json *json, capsa_buf *ret_file)
{
    CAPSA_TRY(capsa_json_write(json, CAPSA_JSON_COMPACT, ret_file));
    return capsa_buf_str(ret_file, "\n");
}

static capsa_result to_raw(struct capsa_cli *cli, const struct given_file *given,
                           capsa_buf *ret_file)
{
    (void)cli;
    return capsa_buf_append(ret_file, capsa_buf_bytes(&given->evidence.bytes));
}

/* SgxQlQveCollateral has no member for the chain of a quote that carries none. */
static void warn_of_loss(struct capsa_cli *cli, const struct given_file *given)
{
    if (given->collateral.pck_certificate_chain.len > 0) {
        capsa_cli_warn(cli, "pck_certificate_chain is left out: this form has no place for it\n");
    }
}

static capsa_result to_ual(struct capsa_cli *cli, const struct given_file *given,
                           capsa_buf *ret_file)
{
    const char *type = capsa_cli_option(cli, "type");
    bool is_empty = capsa_collateral_is_empty(&given->collateral);
    bool is_passport = type == NULL ? !is_empty : capsa_streq(type, "passport");
    CAPSA_REQUIRE(type == NULL || is_passport || capsa_streq(type, "background-check"), USAGE,
                  "--type is passport or background-check, not \"%s\"", type);
    CAPSA_REQUIRE(!is_passport || !is_empty, USAGE,
                  "a passport ships collateral: --collateral FILE|DIR");
    if (is_passport) {
        warn_of_loss(cli, given);
    }
    CAPSA_TRY(capsa_ual_write(given->evidence.platform, capsa_buf_bytes(&given->evidence.bytes),
                              is_passport ? &given->collateral : NULL, ret_file));
    return capsa_buf_str(ret_file, "\n");
}

static capsa_result check_intel(const struct given_file *given, const char *form)
{
    enum capsa_platform platform = given->evidence.platform;
    CAPSA_REQUIRE(platform == CAPSA_PLATFORM_SGX || platform == CAPSA_PLATFORM_TDX, UNSUPPORTED,
                  "%s holds Intel's collateral, and this evidence is of %s", form,
                  capsa_platform_what(platform));
    CAPSA_REQUIRE(!capsa_collateral_is_empty(&given->collateral), USAGE,
                  "there is no collateral: --collateral FILE|DIR");
    return CAPSA_OK;
}

static capsa_result to_v3(struct capsa_cli *cli, const struct given_file *given,
                          capsa_buf *ret_file)
{
    (void)cli;
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(check_intel(given, "collateral-v3"));
    CAPSA_TRY(capsa_collateral_write_v3(&given->collateral, &json));
    return write_line(json, ret_file);
}

static capsa_result to_qvl(struct capsa_cli *cli, const struct given_file *given,
                           capsa_buf *ret_file)
{
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(check_intel(given, "collateral-qvl"));
    warn_of_loss(cli, given);
    CAPSA_TRY(capsa_collateral_write_qvl(&given->collateral, given->evidence.platform, &json));
    return write_line(json, ret_file);
}

static const struct form {
    const char *name;
    capsa_result (*write)(struct capsa_cli *cli, const struct given_file *given,
                          capsa_buf *ret_file);
} forms[] = {
    {"raw", to_raw},
    {"ual", to_ual},
    {"collateral-v3", to_v3},
    {"collateral-qvl", to_qvl},
};

static capsa_result find_form(const char *name, const struct form **ret_form)
{
    const char *names[sizeof(forms) / sizeof(forms[0]) + 1] = {NULL};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        names[i] = forms[i].name;
        if (capsa_streq(forms[i].name, name)) {
            *ret_form = &forms[i];
            return CAPSA_OK;
        }
    }
    const char *nearest = capsa_nearest_name(name, names);
    CAPSA_REQUIRE(nearest == NULL, USAGE, "--to \"%s\": did you mean %s?", name, nearest);
    CAPSA_FAIL(USAGE, "--to is raw, ual, collateral-v3 or collateral-qvl, not \"%s\"", name);
}

static capsa_result run_convert(struct capsa_cli *cli)
{
    const char *out = capsa_cli_option(cli, "out");
    const char *to = capsa_cli_option(cli, "to");
    const struct form *form = NULL;
    CAPSA_TRY(find_form(to, &form));
    CAPSA_REQUIRE(capsa_cli_option(cli, "type") == NULL || form->write == to_ual, USAGE,
                  "--type goes with --to ual");
    CAPSA_TRY(capsa_cli_check_out(cli, out));
    CAPSA_AUTO(given_file) given = {.evidence = {.platform = CAPSA_PLATFORM_NONE}};
    CAPSA_TRY(read_evidence(cli, &given));
    CAPSA_TRY(capsa_cli_read_collateral(cli, &given.collateral));
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(form->write(cli, &given, &file));
    CAPSA_TRY(capsa_cli_write_public(cli, out, capsa_buf_bytes(&file)));
    if (!capsa_streq(out, "-")) {
        capsa_cli_say(cli, "wrote %s\n", out);
    }
    CAPSA_TRY(capsa_cli_set_text(cli, "platform", capsa_platform_name(given.evidence.platform)));
    return capsa_cli_set_text(cli, "file", out);
}

/* ---- The table ------------------------------------------------------------------------------- */

#define EVIDENCE_OPTION                                                                            \
    {                                                                                              \
        "evidence", "FILE",                                                                        \
            "an SGX or TDX quote, an SEV-SNP or CSV report, or a unified attestation report "      \
            "(JSON)",                                                                              \
            CAPSA_CLI_NEEDED                                                                       \
    }

static const struct capsa_cli_option show_options[] = {
    EVIDENCE_OPTION,
    {.name = NULL},
};

static const struct capsa_cli_option convert_options[] = {
    EVIDENCE_OPTION,
    {"collateral", "FILE|DIR", "what proves it, in any form; without, a Passport's own is taken",
     CAPSA_CLI_REPEAT},
    {"to", "FORM", "raw, ual, collateral-v3 or collateral-qvl", CAPSA_CLI_NEEDED},
    {"type", "TYPE", "of a ual: passport, which ships the collateral, or background-check", 0},
    {"out", "FILE", "where to write it; - is standard output", CAPSA_CLI_NEEDED},
    {"force", NULL, "replace an existing file", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"show", "",
     "Print every field of evidence without judging any; of a Passport also what its collateral "
     "says of itself.",
     0, 0, 0, show_options, run_show},
    {"convert", "", "Write evidence or its collateral in another form. Nothing is verified.", 0, 0,
     0, convert_options, run_convert},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_evidence = {
    "evidence", NULL, "evidence of trusted environments: show, convert", verbs, NULL};
