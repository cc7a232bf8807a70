/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa verify: is this evidence authentic, and is it what a policy wants? The verdict is the
 * answer, on refusals too; its exit status says of which kind a refusal is. Only what was wrong
 * with the command itself, and not with the evidence, is an error.
 */
#include "appraisal/appraisal.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_nouns.h"
#include "cli/cli_verdict.h"
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
    CAPSA_TRY(capsa_cli_check_readable("evidence", path));
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
        CAPSA_TRY(capsa_cli_check_readable("collateral", path));
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

/* The members of the verdict are those of the answer. */
static capsa_result answer(struct capsa_cli *cli, const struct question *asked,
                           const struct capsa_verdict *verdict)
{
    struct capsa_json *json = NULL;
    CAPSA_TRY(capsa_verdict_json(verdict, &json));
    CAPSA_TRY(capsa_cli_set_verdict(cli, json, asked->now));
    capsa_cli_say_outcome(cli, verdict);
    return capsa_cli_say_findings(cli, verdict);
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

static capsa_result run_verify(struct capsa_cli *cli)
{
    struct capsa_verdict verdict = {.accepted = false};
    CAPSA_AUTO(question) asked = {.anchors = NULL};
    capsa_collateral_init(&asked.collateral);
    CAPSA_TRY(capsa_cli_verdict_time(cli, &asked.now));
    if (asked.now <= 0) {
        capsa_cli_refuse_time(cli, asked.now, &verdict);
        return answer(cli, &asked, &verdict);
    }
    CAPSA_TRY(read_report_data(cli, &asked));
    CAPSA_TRY(capsa_cli_policy(cli, &asked.policy));
    CAPSA_TRY(capsa_cli_anchors(cli, &asked.anchors));
    CAPSA_TRY(capsa_cli_judged(cli, &verdict, judge(cli, &asked, &verdict)));
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
