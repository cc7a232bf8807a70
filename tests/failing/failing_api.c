/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface: every allocation fails in turn. What ran out of memory is neither accepted
 * nor refused, leaves outputs alone, and is told as what it is.
 */
#include "failing.h"

#include "base/file.h"
#include "capsa/verify.h"

#define CORPUS CAPSA_SOURCE_ROOT "/fuzz/corpus/"
#define ROOT   832
#define HSK    832
#define CEK    2084
#define NOW    1800000000

/* Made while nothing fails: a root, its certificates, a report (fuzz/fuzz_csv_chain.c). */
static capsa_buf honest, policy;
static libcapsa_verifier *verifier;
static libcapsa_collateral *collateral;

static capsa_bytes report(void)
{
    return capsa_bytes_from(capsa_buf_bytes(&honest), ROOT + HSK + CEK);
}

static int fixtures_make(void **state)
{
    (void)state;
    honest = capsa_buf_of(KIB(64));
    policy = capsa_buf_of(KIB(64));
    assert_ok(capsa_file_read(CORPUS "csv_chain/honest", &honest));
    assert_ok(capsa_file_read(CORPUS "appraisal_policy/every_member.yaml", &policy));
    collateral = libcapsa_collateral_new();
    assert_non_null(collateral);
    assert_int_equal(libcapsa_verifier_new(&verifier, NULL), LIBCAPSA_OK);
    assert_int_equal(libcapsa_verifier_set_root(verifier, honest.data, ROOT, NULL), LIBCAPSA_OK);
    assert_int_equal(libcapsa_collateral_add(collateral, NULL, honest.data + ROOT, HSK + CEK, NULL),
                     LIBCAPSA_OK);
    return 0;
}

static int fixtures_free(void **state)
{
    (void)state;
    libcapsa_verifier_free(verifier);
    libcapsa_collateral_free(collateral);
    capsa_buf_drop(&honest);
    capsa_buf_drop(&policy);
    return 0;
}

/* The number is all that the interface gives: an error of ours again. */
static capsa_result of_code(int code)
{
    return code == LIBCAPSA_OK
               ? CAPSA_OK
               : capsa_error_make((enum capsa_code)code, __FILE__, __LINE__, "a public function");
}

static capsa_result judge(struct failing_out *out)
{
    libcapsa_verdict *verdict = NULL;
    const int code = libcapsa_verifier_judge_bytes(verifier, report().data, report().len,
                                                   collateral, NOW, NULL, 0, &verdict, NULL);
    if (code == LIBCAPSA_OK) {
        assert_int_equal(libcapsa_verdict_accepted(verdict), 1);
        assert_non_null(libcapsa_verdict_claim(verdict, "csv.measure"));
        out->made = verdict;
        return CAPSA_OK;
    }
    /* Libcrypto does not always tell that memory ran out: then a signature does not hold. */
    const bool refused = code == LIBCAPSA_E_EVIDENCE;
    assert_int_equal(verdict != NULL, refused);
    assert_int_equal(libcapsa_verdict_accepted(verdict), 0);
    libcapsa_verdict_free(verdict);
    return of_code(refused ? LIBCAPSA_E_UNAUTHENTIC : code);
}

static capsa_result refuse(struct failing_out *out)
{
    libcapsa_verdict *verdict = NULL;
    const int code = libcapsa_verifier_judge_bytes(verifier, "junk", 4, collateral, NOW, NULL, 0,
                                                   &verdict, NULL);
    if (code != LIBCAPSA_E_EVIDENCE) {
        assert_null(verdict);
        return of_code(code);
    }
    assert_string_equal(libcapsa_verdict_failed_check(verdict), "format");
    out->made = verdict;
    return CAPSA_OK;
}

static void free_verdict(void *made)
{
    libcapsa_verdict_free(made);
}

static capsa_result new_verifier(struct failing_out *out)
{
    libcapsa_verifier *made = NULL;
    const int code = libcapsa_verifier_new(&made, NULL);
    out->made = code == LIBCAPSA_OK ? made : out->made;
    return of_code(code);
}

static void free_verifier(void *made)
{
    libcapsa_verifier_free(made);
}

/* The verifier lives on between the runs, and keeps what it had. */
static capsa_result set_root(struct failing_out *out)
{
    (void)out;
    return of_code(libcapsa_verifier_set_root(verifier, honest.data, ROOT, NULL));
}

static capsa_result set_policy(struct failing_out *out)
{
    CAPSA_TRY(new_verifier(out));
    const int code = libcapsa_verifier_set_policy(out->made, policy.data, policy.len, NULL);
    if (code != LIBCAPSA_OK) {
        libcapsa_verifier_free(out->made);
        out->made = FAILING_MARK;
    }
    return of_code(code);
}

static capsa_result write_report(struct failing_out *out)
{
    libcapsa_evidence *evidence = NULL;
    char *text = NULL;
    int code = libcapsa_evidence_parse(report().data, report().len, &evidence, NULL);
    if (code == LIBCAPSA_OK) {
        code = libcapsa_evidence_report(evidence, collateral, &text, NULL);
    }
    libcapsa_evidence_free(evidence);
    out->made = code == LIBCAPSA_OK ? text : out->made;
    return of_code(code);
}

static void the_interface_survives_every_failure(void **state)
{
    (void)state;
    static const struct failing_case accepted = {"judge, accepted", judge, free_verdict, true,
                                                 false};
    static const struct failing_case cases[] = {
        {"judge, refused", refuse, free_verdict, false, false},
        {"verifier_new", new_verifier, free_verifier, false, false},
        {"set_root", set_root, NULL, false, false},
        {"set_policy", set_policy, free_verifier, false, false},
        {"evidence_report", write_report, libcapsa_free, false, false},
    };
    /* Not without randomness: SM2 blinds with it where it can, and verifies as well where not. */
    for (enum failing_what what = FAILING_MEMORY; what <= FAILING_LIBRARIES; what++) {
        failing_try(&accepted, what, FAILING_ONCE);
        failing_try(&accepted, what, FAILING_EVER);
    }
    FAILING_TRY_ALL(cases); /* which also counts the complaints of all */
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interface_survives_every_failure),
    };
    return cmocka_run_group_tests_name("api, failing", tests, fixtures_make, fixtures_free);
}
