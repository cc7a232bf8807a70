/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: every allocation fails in turn while certificates are read, judged, shown, and their
 * extensions written. Memory that ran out never looks like a bad certificate, nor like a good one.
 */
#include "failing.h"

#include "base/file.h"
#include "base/limits.h"
#include "ratls/ratls_dice.h"

#define CORPUS CAPSA_SOURCE_ROOT "/fuzz/corpus/"
#define NOW    1800000000

/* Made while nothing fails. */
static capsa_buf dice, tdx, gramine, endorsements;
static struct capsa_ratls_certificate *certificate;
static struct capsa_ratls_report report;
static capsa_collateral collateral;

static capsa_buf content_of(const char *path)
{
    capsa_buf content = capsa_buf_of(CAPSA_LIMIT_ratls_certificate);
    assert_ok(capsa_file_read(path, &content));
    return content;
}

static capsa_result accept(void *context, enum capsa_platform platform, capsa_bytes evidence,
                           const capsa_collateral *shipped, capsa_time now,
                           const uint8_t *report_data, struct capsa_verdict *verdict)
{
    (void)context;
    (void)platform;
    (void)evidence;
    (void)shipped;
    (void)now;
    (void)report_data;
    *verdict = (struct capsa_verdict){.accepted = true};
    return CAPSA_OK;
}

static capsa_result judge_one(const capsa_buf *text, struct capsa_ratls_report *ret_report)
{
    static const struct capsa_ratls_rules native = {.native = true};
    static const struct capsa_ratls_appraiser appraiser = {NULL, accept};
    return capsa_ratls_judge(capsa_buf_bytes(text), &native, &appraiser, NULL, NOW, ret_report);
}

static int fixtures_make(void **state)
{
    (void)state;
    dice = content_of(CORPUS "ratls_certificate/dice.der");
    tdx = content_of(CORPUS "ratls_certificate/tdx_wide.der");
    gramine = content_of(CORPUS "ratls_certificate/gramine.pem");
    endorsements = content_of(CORPUS "ratls_dice/endorsements");
    capsa_collateral_init(&collateral);
    assert_ok(capsa_ratls_dice_read_endorsements(capsa_buf_bytes(&endorsements), &collateral));
    /* What the seed leaves out, so that it can be written. */
    assert_ok(capsa_buf_str(&collateral.pck_crl_issuer_chain, "chain"));
    assert_ok(capsa_buf_str(&collateral.qe_identity_issuer_chain, "chain"));
    assert_ok(capsa_buf_append(&collateral.qe_identity, capsa_buf_bytes(&collateral.tcb_info)));
    assert_ok(capsa_buf_append(&collateral.qe_identity_signature,
                               capsa_buf_bytes(&collateral.tcb_info_signature)));
    assert_ok(capsa_ratls_read(capsa_buf_bytes(&tdx), &certificate));
    assert_ok(judge_one(&tdx, &report));
    return 0;
}

static int fixtures_free(void **state)
{
    (void)state;
    capsa_buf_drop(&dice);
    capsa_buf_drop(&tdx);
    capsa_buf_drop(&gramine);
    capsa_buf_drop(&endorsements);
    capsa_collateral_drop(&collateral);
    capsa_ratls_certificate_free(certificate);
    return 0;
}

/* ---- Reading and judging --------------------------------------------------------------------- */

static void free_certificate(void *made)
{
    capsa_ratls_certificate_free(made);
}

static capsa_result read_one(const capsa_buf *text, struct failing_out *out)
{
    struct capsa_ratls_certificate *read = out->made;
    capsa_result result = capsa_ratls_read(capsa_buf_bytes(text), &read);
    out->made = read;
    return result;
}

static capsa_result read_dice(struct failing_out *out)
{
    return read_one(&dice, out);
}

static capsa_result read_endorsed(struct failing_out *out)
{
    CAPSA_TRY(read_one(&tdx, out));
    const struct capsa_ratls_certificate *read = out->made;
    assert_false(capsa_collateral_is_empty(&read->endorsements));
    return CAPSA_OK;
}

static capsa_result read_pem(struct failing_out *out)
{
    return read_one(&gramine, out);
}

/* A verdict that says nothing of the evidence names no check. */
static capsa_result judge(const capsa_buf *text)
{
    struct capsa_ratls_report judged;
    capsa_result result = judge_one(text, &judged);
    assert_int_equal(judged.verdict.accepted, !capsa_failed(result));
    if (capsa_code_of(result) == CAPSA_E_NOMEM) {
        assert_int_equal(judged.verdict.failed_check, CAPSA_CHECK_NONE);
    }
    /* As what may_refuse is about, before a verdict made its own code of it. */
    if (judged.verdict.failed_check == CAPSA_CHECK_CERTIFICATE_SIGNATURE) {
        CAPSA_FAIL(UNAUTHENTIC, "%s", judged.verdict.reason);
    }
    return result;
}

/* Not the one on P-384: libcrypto draws randomness for keys on it and goes on without. */
static capsa_result judge_dice(struct failing_out *out)
{
    (void)out;
    return judge(&dice);
}

static capsa_result judge_pem(struct failing_out *out)
{
    (void)out;
    return judge(&gramine);
}

/* ---- Showing and writing --------------------------------------------------------------------- */

static void free_json(void *made)
{
    capsa_json_free(made);
}

static capsa_result show(struct failing_out *out)
{
    struct capsa_json *shown = out->made;
    CAPSA_TRY(capsa_ratls_show(certificate, &shown));
    assert_true(capsa_json_bool(capsa_json_get(shown, "binds_key")));
    out->made = shown;
    return CAPSA_OK;
}

static capsa_result show_report(struct failing_out *out)
{
    struct capsa_json *shown = out->made;
    CAPSA_TRY(capsa_ratls_report_json(&report, &shown));
    out->made = shown;
    return CAPSA_OK;
}

static capsa_result write_claims(struct failing_out *out)
{
    return capsa_ratls_dice_write_claims(CAPSA_RATLS_SHA384, certificate->spki,
                                         CAPSA_BYTES_LITERAL("nonce"), &out->buf);
}

static capsa_result write_evidence(struct failing_out *out)
{
    return capsa_ratls_dice_write_evidence(CAPSA_PLATFORM_TDX,
                                           capsa_buf_bytes(&certificate->evidence.bytes),
                                           certificate->claims, &out->buf);
}

static capsa_result write_endorsements(struct failing_out *out)
{
    return capsa_ratls_dice_write_endorsements(&collateral, &out->buf);
}

static void certificates_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"ratls_read DICE", read_dice, free_certificate, false, false},
        {"ratls_read endorsed", read_endorsed, free_certificate, false, false},
        {"ratls_read PEM", read_pem, free_certificate, false, false},
        {"ratls_judge DICE", judge_dice, NULL, true, false},
        {"ratls_judge PEM", judge_pem, NULL, true, false},
        {"ratls_show", show, free_json, false, false},
        {"ratls_report_json", show_report, free_json, false, false},
        {"ratls_dice_write_claims", write_claims, NULL, false, false},
        {"ratls_dice_write_evidence", write_evidence, NULL, false, false},
        {"ratls_dice_write_endorsements", write_endorsements, NULL, false, false},
    };
    FAILING_TRY_ALL(cases);
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_survive_every_failure),
    };
    return cmocka_run_group_tests_name("ratls reading, failing", tests, fixtures_make,
                                       fixtures_free);
}
