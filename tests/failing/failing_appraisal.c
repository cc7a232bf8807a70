/* SPDX-License-Identifier: Apache-2.0
 *
 * appraisal: every allocation fails in turn while policies are loaded and evidence is judged. What
 * was not loaded whole must not judge, and what could not be judged must not be accepted.
 */
#include "failing.h"

#include "appraisal/appraisal.h"
#include "base/file.h"

#define CORPUS CAPSA_SOURCE_ROOT "/fuzz/corpus/appraisal_policy/"

/* Made while nothing fails. */
static capsa_buf every_member, values, unified;
static struct capsa_appraisal_policy *policy;

static capsa_buf content_of(const char *path)
{
    capsa_buf content = capsa_buf_of(KIB(64));
    assert_ok(capsa_file_read(path, &content));
    return content;
}

static int fixtures_make(void **state)
{
    (void)state;
    every_member = content_of(CORPUS "every_member.yaml");
    values = content_of(CORPUS "values.yaml");
    unified = content_of(CORPUS "unified.json");
    assert_ok(capsa_appraisal_policy_load(capsa_buf_bytes(&values), &policy));
    return 0;
}

static int fixtures_free(void **state)
{
    (void)state;
    capsa_buf_drop(&every_member);
    capsa_buf_drop(&values);
    capsa_buf_drop(&unified);
    capsa_appraisal_policy_free(policy);
    return 0;
}

static void free_policy(void *made)
{
    capsa_appraisal_policy_free(made);
}

static capsa_result load(const capsa_buf *text, struct failing_out *out)
{
    struct capsa_appraisal_policy *made = out->made;
    capsa_result result = capsa_appraisal_policy_load(capsa_buf_bytes(text), &made);
    out->made = made;
    return result;
}

static capsa_result load_every_member(struct failing_out *out)
{
    return load(&every_member, out);
}

static capsa_result load_values(struct failing_out *out)
{
    CAPSA_TRY(load(&values, out));
    assert_false(capsa_appraisal_policy_pins_code(out->made, CAPSA_PLATFORM_SNP));
    assert_true(capsa_appraisal_policy_pins_code(out->made, CAPSA_PLATFORM_SGX));
    return CAPSA_OK;
}

static capsa_result load_unified(struct failing_out *out)
{
    CAPSA_TRY(load(&unified, out));
    /* Its second set pins nothing, on SGX as elsewhere: it must not have been lost. */
    assert_false(capsa_appraisal_policy_pins_code(out->made, CAPSA_PLATFORM_SGX));
    return CAPSA_OK;
}

static capsa_result judge(struct failing_out *out)
{
    (void)out;
    struct capsa_verdict verdict = {.anchor = "intel-sgx-root", .tcb_status = CAPSA_TCB_UP_TO_DATE};
    verdict.claims.platform = CAPSA_PLATFORM_SGX;
    capsa_result result = capsa_appraise_verdict(policy, 1800000000, NULL, &verdict);
    assert_int_equal(capsa_code_of(result), CAPSA_E_DENIED);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_REFERENCE_VALUES);
    assert_false(verdict.accepted);
    return CAPSA_OK;
}

static void policies_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"policy_load, every member", load_every_member, free_policy, false, false},
        {"policy_load, values", load_values, free_policy, false, false},
        {"policy_load, unified", load_unified, free_policy, false, false},
        {"appraise_verdict", judge, NULL, false, false},
    };
    FAILING_TRY_ALL(cases);
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_survive_every_failure),
    };
    return cmocka_run_group_tests_name("appraisal, failing", tests, fixtures_make, fixtures_free);
}
