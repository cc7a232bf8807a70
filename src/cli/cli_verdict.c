/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what evidence is judged by, and saying what came of it (cli_verdict.h).
 */
#include "cli/cli_verdict.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_print.h"
#include "cli/cli_trust.h"
#include "codec/text.h"

/* ---- What was asked -------------------------------------------------------------------------- */

CAPSA_RESULT capsa_cli_check_readable(const char *option, const char *path)
{
    CAPSA_REQUIRE(capsa_streq(path, "-") || access(path, R_OK) == 0, USAGE, "--%s %s: %s", option,
                  path, strerror(errno));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_verdict_time(const struct capsa_cli *cli, capsa_time *ret_now)
{
    *ret_now = capsa_now(&capsa_clock_system);
    return capsa_cli_number(cli, "time", INT64_MIN, INT64_C(1) << 40, *ret_now, ret_now);
}

CAPSA_RESULT capsa_cli_anchors(const struct capsa_cli *cli, struct capsa_anchors **ret_anchors)
{
    const char *path = capsa_cli_option(cli, "root");
    if (path == NULL) {
        return capsa_anchors_new_vendor(ret_anchors);
    }
    CAPSA_TRY(capsa_cli_check_readable("root", path));
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_file_read(path, &root));
    capsa_result made = capsa_anchors_new_custom(capsa_buf_bytes(&root), ret_anchors);
    CAPSA_REQUIRE(!capsa_failed(made) || capsa_code_of(made) == CAPSA_E_NOMEM, USAGE,
                  "--root %s: %s", path, capsa_text_of(made));
    return made;
}

CAPSA_RESULT capsa_cli_policy(struct capsa_cli *cli, struct capsa_appraisal_policy **ret_policy)
{
    const char *path = capsa_cli_option(cli, "policy");
    if (path == NULL) {
        return capsa_appraisal_policy_new(ret_policy);
    }
    CAPSA_TRY(capsa_cli_check_readable("policy", path));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(capsa_file_read(path, &text));
    CAPSA_TRY_AT(capsa_appraisal_policy_load(capsa_buf_bytes(&text), ret_policy), "%s", path);
    capsa_cli_warn_insecure(cli, path, *ret_policy);
    return CAPSA_OK;
}

/* ---- Saying it ------------------------------------------------------------------------------- */

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

void capsa_cli_say_line(struct capsa_cli *cli, const char *name, const char *value)
{
    if (*value != '\0') {
        capsa_cli_say(cli, "%-20s %s\n", name, value);
    }
}

void capsa_cli_say_outcome(struct capsa_cli *cli, const struct capsa_verdict *verdict)
{
    if (verdict->accepted) {
        capsa_cli_say(cli, "accepted\n");
        return;
    }
    capsa_cli_say(cli, "refused: %s: %s\n", capsa_check_name(verdict->failed_check),
                  verdict->reason);
    capsa_cli_say_line(cli, "what should hold", capsa_check_what(verdict->failed_check));
}

CAPSA_RESULT capsa_cli_say_findings(struct capsa_cli *cli, const struct capsa_verdict *verdict)
{
    bool known = verdict->claims.platform != CAPSA_PLATFORM_NONE;
    capsa_cli_say_line(cli, "platform", known ? capsa_platform_what(verdict->claims.platform) : "");
    capsa_cli_say_line(cli, "note", verdict->note);
    capsa_cli_say_line(cli, "trust anchor", verdict->anchor);
    capsa_cli_say_line(cli, "TCB status", capsa_tcb_status_name(verdict->tcb_status));
    for (size_t i = 0; i < verdict->advisories.count; i++) {
        capsa_cli_say_line(cli, "advisory", verdict->advisories.ids[i]);
    }
    if (verdict->collateral_expires != 0) {
        char text[CAPSA_TIME_TEXT];
        capsa_time_text(verdict->collateral_expires, text);
        capsa_cli_say_line(cli, "valid until", text);
    }
    return say_claims(cli, verdict);
}

/* ---- The answer ------------------------------------------------------------------------------ */

CAPSA_RESULT capsa_cli_set_verdict(struct capsa_cli *cli, struct capsa_json *json, capsa_time now)
{
    capsa_json_free(cli->answer);
    cli->answer = json;
    return capsa_cli_set(cli, "verification_time_unix", capsa_json_new_int(now));
}

static bool is_verdict(enum capsa_code code)
{
    return code == CAPSA_E_EVIDENCE || code == CAPSA_E_TCB || code == CAPSA_E_DENIED;
}

CAPSA_RESULT capsa_cli_judged(struct capsa_cli *cli, const struct capsa_verdict *verdict,
                              capsa_result judged)
{
    if (verdict->accepted) {
        return CAPSA_OK;
    }
    bool about_evidence = capsa_failed(judged) && is_verdict(capsa_code_of(judged)) &&
                          verdict->failed_check != CAPSA_CHECK_NONE;
    CAPSA_TRY(about_evidence ? CAPSA_OK : judged);
    CAPSA_REQUIRE(about_evidence, INTERNAL, "the evidence was neither accepted nor refused");
    cli->exit = capsa_code_exit(capsa_code_of(judged));
    return CAPSA_OK;
}

/* A number that is no time is wrong use; but who reads only the answer shall find a refusal in it.
 */
void capsa_cli_refuse_time(struct capsa_cli *cli, capsa_time now, struct capsa_verdict *ret_verdict)
{
    *ret_verdict = (struct capsa_verdict){.accepted = false};
    capsa_result refused =
        capsa_verdict_fail(ret_verdict, CAPSA_CHECK_TIME, __FILE__, __LINE__,
                           "--time is seconds since 1970 and above zero, not %lld", (long long)now);
    cli->exit = capsa_code_exit(CAPSA_E_USAGE);
    capsa_cli_complain(cli, "capsa: %s\n", capsa_text_of(refused));
}
