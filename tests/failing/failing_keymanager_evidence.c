/* SPDX-License-Identifier: Apache-2.0
 *
 * keymanager: evidence of a simulated platform made and judged, with every allocation and read of
 * randomness failing in turn. What is good may fail for want of memory, and is not called forged
 * for it; what is not good is never accepted.
 */
#include "../unit/keymanager_scene.h"
#include "failing.h"

#include "attester/attester_sim.h"
#include "base/file.h"
#include "evidence/evidence_bound.h"
#include "keymanager/keymanager_evidence.h"

static char folder[64] = "/tmp/capsa-failing-XXXXXX";
static char sim_dir[96], code_file[96];
static struct capsa_keymanager manager; /* as much of one as evidence needs */
static capsa_km_report good;            /* of the body below */
static Cm__CreateResultDataKeyRequest__Body body = CM__CREATE_RESULT_DATA_KEY_REQUEST__BODY__INIT;
static const struct capsa_km_method method = {.name = "CreateResultDataKey"};

/* A result's body is what a manager's certificate is to GetRaCert: bytes that are bound. */
static capsa_result make_report(capsa_km_report *ret_report)
{
    return capsa_km_report_make(&manager, true, CAPSA_BYTES_LITERAL("cert"), "nonce", ret_report);
}

static capsa_result report_run(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO(capsa_km_report) report = {.json_report = {.data = NULL}};
    capsa_result result = make_report(&report);
    if (!capsa_failed(result)) {
        assert_string_equal(report.message.str_report_type, "Passport");
        assert_non_null(strstr(report.message.json_report, "b64_quote"));
    }
    return result;
}

static struct capsa_km_call call_now(void)
{
    return (struct capsa_km_call){.manager = &manager, .method = &method, .now = NOW};
}

static capsa_result accept_run(struct failing_out *out)
{
    (void)out;
    const struct capsa_km_call call = call_now();
    const struct capsa_km_bound bound = {NULL, &body.base};
    capsa_km_evidence evidence = {.present = false};
    capsa_result result = capsa_km_evidence_judge(&call, &good.message, &bound, &evidence);
    assert_int_equal(capsa_failed(result), !evidence.verdict.accepted);
    return result;
}

/* Bound to something else: whatever fails, it is not accepted. */
static capsa_result refuse_run(struct failing_out *out)
{
    (void)out;
    Cm__CreateResultDataKeyRequest__Body other = body;
    other.resource_uri = capsa_km_field("other");
    const struct capsa_km_call call = call_now();
    const struct capsa_km_bound bound = {NULL, &other.base};
    capsa_km_evidence evidence = {.present = false};
    capsa_result result = capsa_km_evidence_judge(&call, &good.message, &bound, &evidence);
    assert_true(capsa_failed(result) && !evidence.verdict.accepted);
    return capsa_code_of(result) == CAPSA_E_DENIED ? CAPSA_OK : result;
}

static capsa_result tell_run(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO_FREE(capsa_json) env = capsa_json_new_object();
    CAPSA_AUTO(capsa_km_notes) notes = {.items = NULL};
    CAPSA_REQUIRE_MEMORY(env);
    capsa_km_evidence evidence = {.present = true, .verdict = {.accepted = true}};
    evidence.verdict.claims.platform = CAPSA_PLATFORM_SGX;
    evidence.verdict.advisories = (struct capsa_advisories){1, {"INTEL-SA-00001"}};
    static const uint8_t measurement[32] = {1};
    capsa_claim_set_bytes(&evidence.verdict.claims, CAPSA_CLAIM_SGX_MR_ENCLAVE,
                          capsa_bytes_of(measurement, sizeof(measurement)));
    capsa_claim_set_number(&evidence.verdict.claims, CAPSA_CLAIM_SGX_ISV_SVN, 3);
    CAPSA_TRY(capsa_km_evidence_env(&evidence, env));
    CAPSA_TRY(capsa_km_evidence_note(&evidence, &notes, "owner"));
    const struct capsa_json *sgx = capsa_json_get(capsa_json_get(env, "tee"), "sgx");
    assert_int_equal(capsa_json_int(capsa_json_get(sgx, "isv_svn")), 3);
    assert_non_null(capsa_json_get(notes.items[0].details, "evidence"));
    return CAPSA_OK;
}

static void evidence_survives_every_failure(void **state)
{
    (void)state;
    /* libcrypto breaks when it has no memory for signing (failing_crypto.c); it does not say
     * whether a signature did not hold or could not be looked at */
    static const struct failing_case cases[] = {
        {.name = "report", .run = report_run, .spares_libraries = true},
        {.name = "accept", .run = accept_run, .spares_libraries = true},
        {.name = "refuse", .run = refuse_run, .spares_libraries = true},
        {.name = "tell", .run = tell_run},
    };
    FAILING_TRY_ALL(cases);
    failing_check_leaks();
}

/* What libcrypto could not look at may be refused; it is never accepted. */
static void what_is_not_good_is_never_accepted_for_want_of_memory(void **state)
{
    (void)state;
    for (size_t nth = 0;; nth = failing_next(nth)) {
        failing_arm(FAILING_LIBRARIES, FAILING_ONCE, nth);
        capsa_result result = refuse_run(NULL);
        struct failing_count count = failing_disarm();
        if (count.failed == 0) {
            assert_ok(result);
            break;
        }
    }
    assert_ok(refuse_run(NULL)); /* and as before, once there is memory */
    assert_ok(accept_run(NULL));
}

/* ---- the scene ------------------------------------------------------------------------------- */

static struct capsa_appraiser *appraiser_new(void)
{
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(KIB(64));
    struct capsa_appraiser_options options = {.cache_entries = 0}; /* each time as the first */
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/%s", sim_dir, CAPSA_SIM_ROOT_FILE);
    assert_ok(capsa_file_read(path, &root));
    assert_ok(capsa_anchors_new_simulation(capsa_buf_bytes(&root), &options.anchors));
    assert_ok(capsa_appraisal_policy_new(&options.policy));
    struct capsa_appraiser *appraiser;
    assert_ok(capsa_appraiser_new(&options, &appraiser));
    return appraiser;
}

/* The report that binds the body, in the place of the manager's own. */
static void good_make(void)
{
    const struct capsa_bound_request request = {.method = method.name, .message = &body.base};
    uint8_t report_data[CAPSA_REPORT_DATA];
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_bind_request(&request, report_data));
    const struct capsa_keymanager_evidence *how = &manager.options.evidence;
    assert_ok(how->attester->collect(how->attester, &how->where, report_data, &quote, &collateral));
    good.json_report = capsa_buf_of(MIB(1));
    const char *text_of;
    assert_ok(capsa_ual_write_json_report(CAPSA_PLATFORM_SGX, capsa_buf_bytes(&quote), &collateral,
                                          &good.json_report));
    assert_ok(capsa_buf_cstr(&good.json_report, &text_of));
    cm__unified_attestation_report__init(&good.message);
    good.message.str_report_version = capsa_km_field("1.0");
    good.message.str_report_type = capsa_km_field("Passport");
    good.message.str_tee_platform = capsa_km_field("SGX_DCAP");
    good.message.json_report = capsa_km_field(text_of);
}

static int begin(void **state)
{
    (void)state;
    test_clock = capsa_clock_at(NOW);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(sim_dir, sizeof(sim_dir), "%s/sim", folder);
    (void)snprintf(code_file, sizeof(code_file), "%s/job", folder);
    assert_ok(capsa_file_write(code_file, CAPSA_BYTES_LITERAL("a program\n"), 0700, false));
    assert_ok(capsa_sim_init(sim_dir, NOW, 30));
    body.resource_uri = capsa_km_field("result");
    manager.options.evidence.attester = capsa_attester_by_name("sim-sgx");
    manager.options.evidence.where =
        (struct capsa_attester_options){.sim_dir = sim_dir, .sim_code = code_file};
    (void)pthread_mutex_init(&manager.judge_lock, NULL);
    const struct capsa_keymanager_evidence how = {.appraiser = appraiser_new()};
    assert_ok(capsa_keymanager_appraise_by(&manager, &how));
    good_make();
    return 0;
}

static int end(void **state)
{
    (void)state;
    capsa_km_report_drop(&good);
    capsa_km_judge_put(&manager, manager.judge);
    (void)pthread_mutex_destroy(&manager.judge_lock);
    test_remove_tree(folder);
    return 0;
}

int main(void)
{
    failing_install();
    failing_sample(20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evidence_survives_every_failure),
        cmocka_unit_test(what_is_not_good_is_never_accepted_for_want_of_memory),
    };
    return cmocka_run_group_tests_name("keymanager evidence, failing", tests, begin, end);
}
