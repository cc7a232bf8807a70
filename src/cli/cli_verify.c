/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa verify: is this evidence authentic, and is it what a policy wants? The verdict is the
 * answer, on refusals too; its exit status says of which kind a refusal is. Only what was wrong
 * with the command itself, and not with the evidence, is an error.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "appraisal/appraisal.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_read.h"
#include "cli/cli_trust.h"
#include "codec/text.h"

struct question {
    capsa_evidence evidence;
    capsa_collateral collateral;
    struct capsa_anchors *anchors;
    struct capsa_appraisal_policy *policy;
    capsa_time now;
    bool binds;
    uint8_t report_data[CAPSA_REPORT_DATA];
};
typedef struct question question;

static void question_drop(question *asked)
{
    capsa_evidence_drop(&asked->evidence);
    capsa_collateral_drop(&asked->collateral);
    capsa_anchors_free(asked->anchors);
    capsa_appraisal_policy_free(asked->policy);
}

/* ---- What was asked: errors are the caller's ------------------------------------------------- */

static capsa_result check_readable(const char *option, const char *path)
{
    CAPSA_REQUIRE(capsa_streq(path, "-") || access(path, R_OK) == 0, USAGE, "--%s %s: %s", option,
                  path, strerror(errno));
    return CAPSA_OK;
}

static capsa_result read_time(const struct capsa_cli *cli, capsa_time *ret_now)
{
    *ret_now = capsa_now(&capsa_clock_system);
    return capsa_cli_number(cli, "time", INT64_MIN, INT64_C(1) << 40, *ret_now, ret_now);
}

static capsa_result read_anchors(const struct capsa_cli *cli, struct capsa_anchors **ret_anchors)
{
    const char *path = capsa_cli_option(cli, "root");
    if (path == NULL) {
        return capsa_anchors_new_vendor(ret_anchors);
    }
    CAPSA_TRY(check_readable("root", path));
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_file_read(path, &root));
    capsa_result made = capsa_anchors_new_custom(capsa_buf_bytes(&root), ret_anchors);
    CAPSA_REQUIRE(!capsa_failed(made) || capsa_code_of(made) == CAPSA_E_NOMEM, USAGE,
                  "--root %s: %s", path, capsa_text_of(made));
    return made;
}

static capsa_result read_policy(struct capsa_cli *cli, struct capsa_appraisal_policy **ret_policy)
{
    const char *path = capsa_cli_option(cli, "policy");
    if (path == NULL) {
        return capsa_appraisal_policy_new(ret_policy);
    }
    CAPSA_TRY(check_readable("policy", path));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(capsa_file_read(path, &text));
    CAPSA_TRY_AT(capsa_appraisal_policy_load(capsa_buf_bytes(&text), ret_policy), "%s", path);
    capsa_cli_warn_insecure(cli, path, *ret_policy);
    return CAPSA_OK;
}

static capsa_result read_report_data(const struct capsa_cli *cli, struct question *asked)
{
    const char *text = capsa_cli_option(cli, "report-data");
    if (text == NULL) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_REPORT_DATA);
    capsa_result read = capsa_hex_parse(capsa_bytes_str(text), &bytes);
    CAPSA_REQUIRE(!capsa_failed(read) && bytes.len == CAPSA_REPORT_DATA, USAGE,
                  "--report-data wants 64 bytes as 128 hex digits, got %zu characters",
                  strlen(text));
    memcpy(asked->report_data, bytes.data, CAPSA_REPORT_DATA);
    asked->binds = true;
    return CAPSA_OK;
}

/* ---- What was given: errors are the verdict -------------------------------------------------- */

static capsa_result parse_evidence(capsa_bytes bytes, struct question *asked)
{
    CAPSA_REQUIRE(bytes.len > 0, MALFORMED, "expected evidence, got an empty file");
    return capsa_evidence_parse(bytes, &asked->evidence, &asked->collateral, NULL);
}

static capsa_result read_evidence(const struct capsa_cli *cli, struct question *asked,
                                  struct capsa_verdict *verdict)
{
    const char *path = capsa_cli_option(cli, "evidence");
    CAPSA_TRY(check_readable("evidence", path));
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    capsa_result read = capsa_file_read(path, &bytes);
    CAPSA_REQUIRE(capsa_code_of(read) != CAPSA_E_IO, USAGE, "--evidence %s", capsa_text_of(read));
    CAPSA_JUDGE_TRY(verdict, FORMAT, read);
    CAPSA_JUDGE_TRY(verdict, FORMAT, parse_evidence(capsa_buf_bytes(&bytes), asked));
    return CAPSA_OK;
}

/* What is given by option replaces what the evidence brought along. */
static capsa_result read_collateral(const struct capsa_cli *cli, struct question *asked,
                                    struct capsa_verdict *verdict)
{
    size_t count = capsa_cli_option_count(cli, "collateral");
    CAPSA_AUTO(capsa_collateral) given;
    capsa_collateral_init(&given);
    for (size_t i = 0; i < count; i++) {
        const char *path = capsa_cli_option_nth(cli, "collateral", i);
        CAPSA_TRY(check_readable("collateral", path));
        capsa_result loaded = capsa_collateral_load(path, &given);
        /* A folder without any is as good as none: the verifier says what is missing. */
        if (capsa_code_of(loaded) != CAPSA_E_NOT_FOUND) {
            CAPSA_JUDGE_TRY(verdict, COLLATERAL_FORMAT, loaded);
        }
    }
    if (count > 0) {
        capsa_collateral_drop(&asked->collateral);
        asked->collateral = given;
        capsa_collateral_init(&given);
    }
    return CAPSA_OK;
}

/* ---- The answer ------------------------------------------------------------------------------ */

/* Everything from debug on in checks.def is judged of evidence that is authentic. */
static bool is_authentic(const struct capsa_verdict *verdict)
{
    return verdict->failed_check == CAPSA_CHECK_NONE || verdict->failed_check >= CAPSA_CHECK_DEBUG;
}

static capsa_result say_claim(struct capsa_cli *cli, const struct capsa_claim_type *type,
                              const struct capsa_claim_value *value)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
    if (type->kind == CAPSA_CLAIM_NUMBER) {
        CAPSA_TRY(capsa_buf_format(&text, "%llu", (unsigned long long)value->number));
    } else if (type->kind == CAPSA_CLAIM_TEXT) {
        CAPSA_TRY(capsa_buf_append(&text, capsa_bytes_of(value->bytes, value->len)));
    } else {
        CAPSA_TRY(capsa_hex_write(capsa_bytes_of(value->bytes, value->len), &text));
    }
    const char *shown;
    CAPSA_TRY(capsa_buf_cstr(&text, &shown));
    capsa_cli_say(cli, "  %-18s %-9s %s\n", type->name, capsa_provenance_name(type->provenance),
                  shown);
    return CAPSA_OK;
}

static capsa_result say_claims(struct capsa_cli *cli, const struct capsa_verdict *verdict)
{
    if (verdict->claims.platform == CAPSA_PLATFORM_NONE) {
        return CAPSA_OK;
    }
    capsa_cli_say(cli, "\n%s\n",
                  is_authentic(verdict) ? "What is proved, and who speaks for it:"
                                        : "What it says of itself, and nothing proves:");
    for (int i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        if (verdict->claims.values[i].present) {
            CAPSA_TRY(
                say_claim(cli, capsa_claim_type((enum capsa_claim)i), &verdict->claims.values[i]));
        }
    }
    return CAPSA_OK;
}

static void say_line(struct capsa_cli *cli, const char *name, const char *value)
{
    if (*value != '\0') {
        capsa_cli_say(cli, "%-20s %s\n", name, value);
    }
}

static capsa_result say_verdict(struct capsa_cli *cli, const struct capsa_verdict *verdict)
{
    if (verdict->accepted) {
        capsa_cli_say(cli, "accepted\n");
    } else {
        capsa_cli_say(cli, "refused: %s: %s\n", capsa_check_name(verdict->failed_check),
                      verdict->reason);
        say_line(cli, "what should hold", capsa_check_what(verdict->failed_check));
    }
    bool known = verdict->claims.platform != CAPSA_PLATFORM_NONE;
    say_line(cli, "platform", known ? capsa_platform_what(verdict->claims.platform) : "");
    say_line(cli, "note", verdict->note);
    say_line(cli, "trust anchor", verdict->anchor);
    say_line(cli, "TCB status", capsa_tcb_status_name(verdict->tcb_status));
    for (size_t i = 0; i < verdict->advisories.count; i++) {
        say_line(cli, "advisory", verdict->advisories.ids[i]);
    }
    if (verdict->collateral_expires != 0) {
        char text[CAPSA_TIME_TEXT];
        capsa_time_text(verdict->collateral_expires, text);
        say_line(cli, "valid until", text);
    }
    return say_claims(cli, verdict);
}

/* The members of the verdict are those of the answer. */
static capsa_result answer(struct capsa_cli *cli, const struct question *asked,
                           const struct capsa_verdict *verdict)
{
    capsa_json_free(cli->answer);
    cli->answer = NULL;
    CAPSA_TRY(capsa_verdict_json(verdict, &cli->answer));
    CAPSA_TRY(capsa_cli_set(cli, "verification_time_unix", capsa_json_new_int(asked->now)));
    return say_verdict(cli, verdict);
}

static bool is_verdict(enum capsa_code code)
{
    return code == CAPSA_E_EVIDENCE || code == CAPSA_E_TCB || code == CAPSA_E_DENIED;
}

static capsa_result judge(const struct capsa_cli *cli, struct question *asked,
                          struct capsa_verdict *verdict)
{
    CAPSA_TRY(read_evidence(cli, asked, verdict));
    /* Of evidence whose collateral cannot be read it can still be said what it claims. */
    verdict->claims.platform = asked->evidence.platform;
    capsa_ignore(capsa_evidence_claims(asked->evidence.platform,
                                       capsa_buf_bytes(&asked->evidence.bytes), &verdict->claims),
                 "the verifier parses it again, and refuses what has none");
    CAPSA_TRY(read_collateral(cli, asked, verdict));
    const struct capsa_verify_input input = {
        .platform = asked->evidence.platform,
        .evidence = capsa_buf_bytes(&asked->evidence.bytes),
        .collateral = &asked->collateral,
        .now = asked->now,
        .anchors = asked->anchors,
    };
    return capsa_appraise(&input, asked->policy, asked->binds ? asked->report_data : NULL, verdict);
}

/* A number that is no time is wrong use; but who reads only the answer shall find a refusal in it.
 */
static capsa_result refuse_time(struct capsa_cli *cli, const struct question *asked)
{
    struct capsa_verdict verdict = {.accepted = false};
    capsa_result refused = capsa_verdict_fail(
        &verdict, CAPSA_CHECK_TIME, __FILE__, __LINE__,
        "--time is seconds since 1970 and above zero, not %lld", (long long)asked->now);
    cli->exit = capsa_code_exit(CAPSA_E_USAGE);
    capsa_cli_complain(cli, "capsa: %s\n", capsa_text_of(refused));
    return answer(cli, asked, &verdict);
}

static capsa_result run_verify(struct capsa_cli *cli)
{
    CAPSA_AUTO(question) asked = {.anchors = NULL};
    capsa_collateral_init(&asked.collateral);
    CAPSA_TRY(read_time(cli, &asked.now));
    if (asked.now <= 0) {
        return refuse_time(cli, &asked);
    }
    CAPSA_TRY(read_report_data(cli, &asked));
    CAPSA_TRY(read_policy(cli, &asked.policy));
    CAPSA_TRY(read_anchors(cli, &asked.anchors));
    struct capsa_verdict verdict = {.accepted = false};
    capsa_result judged = judge(cli, &asked, &verdict);
    if (!verdict.accepted) {
        bool about_evidence = capsa_failed(judged) && is_verdict(capsa_code_of(judged)) &&
                              verdict.failed_check != CAPSA_CHECK_NONE;
        CAPSA_TRY(about_evidence ? CAPSA_OK : judged);
        CAPSA_REQUIRE(about_evidence, INTERNAL, "the evidence was neither accepted nor refused");
        cli->exit = capsa_code_exit(capsa_code_of(judged));
    }
    return answer(cli, &asked, &verdict);
}

/* ---- The table ------------------------------------------------------------------------------- */

static const struct capsa_cli_option verify_options[] = {
    {"evidence", "FILE",
     "an SGX or TDX quote, an SEV-SNP or CSV report, or a unified attestation report (JSON)",
     CAPSA_CLI_NEEDED},
    {"collateral", "FILE|DIR", "what proves it, in any form; without, a Passport's own is taken",
     CAPSA_CLI_REPEAT},
    {"time", "UNIX", "judge as of this time, in seconds since 1970; now", 0},
    {"root", "FILE",
     "trust this root alone instead of the makers' (PEM or DER, or Hygon's 832 bytes)", 0},
    {"policy", "FILE", "what to accept (docs/reference/appraisal-policy.md); the default policy",
     0},
    {"report-data", "HEX", "the 64 bytes that the evidence must bind", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb verify_verbs[] = {
    {"", "",
     "Verify evidence and judge it by a policy. Status: 0 accepted; 3 not parsable, not "
     "authentic, or debug; 4 expired, without collateral, or TCB status not accepted; 2 "
     "authentic, and refused by the policy; 1 the command itself was wrong.",
     0, 0, 0, verify_options, run_verify},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_verify = {
    "verify", NULL, "verify evidence of a trusted environment", verify_verbs, NULL};
