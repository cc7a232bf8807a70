/* SPDX-License-Identifier: Apache-2.0
 *
 * Forms and limits of evidence at the key manager, for which no platform is needed: the bytes that
 * are bound, what constraints are given of claims, and how many reports are made at once.
 */
#include "keymanager_scene.h"

#include "evidence/evidence_bound.h"
#include "keymanager/keymanager_evidence.h"
#include "policy/constraint.h"
#include "policy/policy_claims.h"
#include "vectors.h"

/* ---- forms ----------------------------------------------------------------------------------- */

/* As the original client and its programs compute it. */
static void what_is_bound_is_the_originals_bytes(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) cert = capsa_buf_of(KIB(16));
    test_vector_read("capsule-manager/alice.crt", &cert);
    const char *pem;
    assert_ok(capsa_buf_cstr(&cert, &pem));
    CAPSA_AUTO_MESSAGE asked = NULL;
    assert_ok(capsa_protojson_parse(
        &cm__resource_request__descriptor,
        CAPSA_BYTES_LITERAL(
            "{\"op_name\":\"psi\",\"resources\":[{\"resource_uri\":\"data-uuid-1\",\"columns\":"
            "[\"id\",\"f1\"]},{\"resource_uri\":\"data-uuid-2\",\"attrs\":\"\"}],\"scope\":"
            "\"default\",\"env\":\"\",\"initiator_party_id\":"
            "\"G4FNVUI53TLW3BCHXI2CWEXF6QRTV5VRGFTI6VUMFBKYP66FUUXQ\"}"),
        CAPSA_UNKNOWN_REFUSED, &asked));
    CAPSA_AUTO_MESSAGE body = NULL;
    assert_ok(capsa_protojson_parse(
        &cm__create_result_data_key_request__body__descriptor,
        CAPSA_BYTES_LITERAL(
            "{\"resource_uri\":\"result-1\",\"scope\":\"default\",\"owner_id\":\"\","
            "\"data_key_b64\":\"AAECAwQFBgcICQoLDA0ODw==\",\"ancestor_uuids\":"
            "[\"data-uuid-1\",\"data-uuid-2\"]}"),
        CAPSA_UNKNOWN_REFUSED, &body));
    const struct {
        struct capsa_bound_request request;
        const char *wanted;
    } cases[] = {
        {{.method = "GetDataKeys", .message = asked, .cert = pem},
         "a9b892c89fa1a43ba9a5846ddc9b587f1635fcc5cfebd65e432f03d3b30c38b8"},
        {{.method = "CreateResultDataKey", .message = body},
         "909375479582bda08ffb57143e3be462226219708daa2335bc0bb7844b5e29cc"},
    };
    for (size_t i = 0; i < 2; i++) {
        uint8_t report_data[CAPSA_REPORT_DATA];
        CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
        assert_ok(capsa_bind_request(&cases[i].request, report_data));
        assert_ok(capsa_hex_write(capsa_bytes_of(report_data, sizeof(report_data)), &hex));
        assert_memory_equal(hex.data, cases[i].wanted, 64);
        for (size_t zero = 64; zero < 128; zero++) {
            assert_int_equal(hex.data[zero], '0');
        }
    }
}

/* The report data of GetRaCert, as its recorder computed it. */
static void what_the_manager_binds_is_the_originals_bytes(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) cert = capsa_buf_of(KIB(16));
    test_vector_read("capsule-manager/cm.crt", &cert);
    uint8_t report_data[CAPSA_REPORT_DATA];
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
    assert_ok(capsa_bind_cert(false, capsa_buf_bytes(&cert),
                              "d772015bfd918e7f6a2ff24c7ee62226f8cbbd56d8fb8dbf6c9e9b8b72914b0b",
                              report_data));
    assert_ok(capsa_hex_write(capsa_bytes_of(report_data, sizeof(report_data)), &hex));
    assert_memory_equal(hex.data,
                        "ce759521dd45d9bf6e94d323e4711a94e4a789d02f68134cd6ab8acfc23e370a", 64);
}

/* Every claim of a platform that a verifier could find, as constraints get it. */
static struct capsa_json *env_of(enum capsa_platform platform, uint64_t number,
                                 enum capsa_tcb_status status)
{
    capsa_km_evidence evidence = {.present = true, .verdict = {.accepted = true}};
    evidence.verdict.tcb_status = status;
    evidence.verdict.claims.platform = platform;
    for (int i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        const struct capsa_claim_type *type = capsa_claim_type((enum capsa_claim)i);
        uint8_t bytes[CAPSA_CLAIM_BYTES];
        memset(bytes, 'A', sizeof(bytes));
        if (type->platform == platform && type->kind == CAPSA_CLAIM_NUMBER) {
            capsa_claim_set_number(&evidence.verdict.claims, (enum capsa_claim)i, number);
        } else if (type->platform == platform) {
            capsa_claim_set_bytes(&evidence.verdict.claims, (enum capsa_claim)i,
                                  capsa_bytes_of(bytes, type->size));
        }
    }
    struct capsa_json *env = capsa_json_new_object();
    assert_non_null(env);
    assert_ok(capsa_km_evidence_env(&evidence, env));
    return env;
}

static void constraints_can_read_what_every_platform_says(void **state)
{
    (void)state;
    for (unsigned i = CAPSA_PLATFORM_NONE + 1; i < CAPSA_PLATFORM_COUNT; i++) {
        const char *name = capsa_platform_name((enum capsa_platform)i);
        CAPSA_AUTO_FREE(capsa_json)
        env = env_of((enum capsa_platform)i, INT32_MAX, CAPSA_TCB_ABSENT);
        const struct capsa_json *tee = capsa_json_get(env, "tee");
        CAPSA_AUTO_FREE(capsa_json) r = capsa_json_new_object();
        assert_ok(capsa_json_set(r, "env", capsa_json_copy(env)));
        assert_ok(capsa_constraint_check_request(r));
        assert_null(capsa_json_get(tee, "tcb_status")); /* never UpToDate by being absent */
        const struct capsa_r_value *value;
        for (size_t v = 0; (value = capsa_r_value_at(v)) != NULL; v++) {
            char platform[8] = "";
            char claim[64] = "";
            if (sscanf(value->path, "env.tee.%7[a-z].%63s", platform, claim) == 2 &&
                capsa_streq(platform, name)) {
                const struct capsa_json *got = capsa_json_get(capsa_json_get(tee, name), claim);
                if (got == NULL || (capsa_json_string(got) != NULL && value->digits > 0 &&
                                    strlen(capsa_json_string(got)) != value->digits)) {
                    fail_msg("%s", value->path);
                }
            }
        }
        CAPSA_AUTO_FREE(capsa_json)
        large = env_of((enum capsa_platform)i, (uint64_t)INT32_MAX + 1, CAPSA_TCB_UP_TO_DATE);
        CAPSA_AUTO_FREE(capsa_json) whole = capsa_json_new_object();
        assert_ok(capsa_json_set(whole, "env", capsa_json_copy(large)));
        assert_ok(capsa_constraint_check_request(whole)); /* what it cannot read is left out */
    }
    CAPSA_AUTO_FREE(capsa_json) csv = env_of(CAPSA_PLATFORM_CSV, 0, CAPSA_TCB_ABSENT);
    assert_null(capsa_json_get(capsa_json_get(capsa_json_get(csv, "tee"), "csv"), "chip_id"));
}

/* ---- many who ask for the manager's evidence ------------------------------------------------- */

/* An attester that is in no hurry. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned busy;
    bool open;
} slow = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};

static capsa_result slow_collect(const struct capsa_attester *attester,
                                 const struct capsa_attester_options *options,
                                 const uint8_t report_data[CAPSA_REPORT_DATA],
                                 capsa_buf *ret_evidence, capsa_collateral *ret_collateral)
{
    (void)attester;
    (void)options;
    (void)report_data;
    (void)ret_evidence;
    (void)ret_collateral;
    (void)pthread_mutex_lock(&slow.lock);
    slow.busy++;
    (void)pthread_cond_broadcast(&slow.changed);
    while (!slow.open) {
        (void)pthread_cond_wait(&slow.changed, &slow.lock);
    }
    (void)pthread_mutex_unlock(&slow.lock);
    CAPSA_FAIL(IO, "the interface has no evidence today");
}

static int ask_for_cert(const struct house *house)
{
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(1));
    CAPSA_AUTO_MESSAGE message = NULL;
    ask(house, "GetRaCert", CAPSA_BYTES_LITERAL(""), &answer);
    assert_ok(capsa_protobuf_parse(&cm__get_ra_cert_response__descriptor, capsa_buf_bytes(&answer),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    return ((const Cm__GetRaCertResponse *)message)->status->code;
}

static void *ask_and_wait(void *house)
{
    (void)ask_for_cert(house);
    return NULL;
}

static void so_many_reports_are_made_at_once_and_no_more(void **state)
{
    (void)state;
    static const struct capsa_attester attester = {
        .name = "slow", .what = "slow", .platform = CAPSA_PLATFORM_SGX, .collect = slow_collect};
    test_clock.fixed = NOW;
    struct house house = {.ledger = NULL};
    const struct capsa_ledger_options ledger = ledger_options("memory:", NULL);
    assert_ok(capsa_ledger_open(&ledger, &house.ledger));
    house_open_on(&house, (struct capsa_keymanager_options){.evidence = {.attester = &attester}});
    pthread_t threads[CAPSA_LIMIT_reports_at_once];
    for (size_t i = 0; i < CAPSA_LIMIT_reports_at_once; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_and_wait, &house), 0);
    }
    (void)pthread_mutex_lock(&slow.lock);
    while (slow.busy < CAPSA_LIMIT_reports_at_once) {
        (void)pthread_cond_wait(&slow.changed, &slow.lock);
    }
    (void)pthread_mutex_unlock(&slow.lock);
    assert_int_equal(ask_for_cert(&house), 14);
    (void)pthread_mutex_lock(&slow.lock);
    assert_int_equal(slow.busy, CAPSA_LIMIT_reports_at_once); /* it was not asked */
    slow.open = true;
    (void)pthread_cond_broadcast(&slow.changed);
    (void)pthread_mutex_unlock(&slow.lock);
    for (size_t i = 0; i < CAPSA_LIMIT_reports_at_once; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(ask_for_cert(&house), 14); /* no evidence today: and no certificate without */
    assert_int_equal(slow.busy, CAPSA_LIMIT_reports_at_once + 1);
    house_close(&house);
}

/* ---- another policy while requests are judged ------------------------------------------------ */

#define JUDGES 4
#define TURNS  50

static struct capsa_appraiser *vendors_appraiser(void)
{
    struct capsa_appraiser_options options = {.cache_entries = 4};
    struct capsa_appraiser *appraiser;
    assert_ok(capsa_anchors_new_vendor(&options.anchors));
    assert_ok(capsa_appraisal_policy_new(&options.policy));
    assert_ok(capsa_appraiser_new(&options, &appraiser));
    return appraiser;
}

/* A quote by its header, and none by what follows. */
static const char *hollow_report(void)
{
    static const uint8_t header[48] = {3,    0,    2,    0,    0,    0,    0,    0,    0,    0,
                                       0,    0,    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                       0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
    uint8_t quote[1024] = {0};
    memcpy(quote, header, sizeof(header));
    CAPSA_AUTO(capsa_buf) base64 = capsa_buf_of(KIB(4));
    assert_ok(capsa_base64_write(capsa_bytes_of(quote, sizeof(quote)), CAPSA_BASE64_STD, &base64));
    return text("{\"b64_quote\":\"%.*s\"}", (int)base64.len, (const char *)base64.data);
}

struct judging {
    struct capsa_keymanager *manager;
    const Cm__UnifiedAttestationReport *report;
};

static void *judge_often(void *context)
{
    const struct judging *judging = context;
    Cm__CreateResultDataKeyRequest__Body body = CM__CREATE_RESULT_DATA_KEY_REQUEST__BODY__INIT;
    static const struct capsa_km_method method = {.name = "CreateResultDataKey"};
    const struct capsa_km_call call = {.manager = judging->manager, .method = &method, .now = NOW};
    const struct capsa_km_bound bound = {NULL, &body.base};
    for (int i = 0; i < TURNS; i++) {
        capsa_km_evidence evidence = {.present = false};
        assert_true(
            capsa_failed(capsa_km_evidence_judge(&call, judging->report, &bound, &evidence)));
        assert_int_equal(evidence.verdict.failed_check, CAPSA_CHECK_FORMAT);
    }
    return NULL;
}

static void policies_may_be_replaced_while_requests_are_judged(void **state)
{
    (void)state;
    struct house house;
    house_open(&house,
               (struct capsa_keymanager_options){.evidence = {.appraiser = vendors_appraiser()}});
    Cm__UnifiedAttestationReport report = CM__UNIFIED_ATTESTATION_REPORT__INIT;
    report.str_report_version = capsa_km_field("1.0");
    report.str_report_type = capsa_km_field("BackgroundCheck");
    report.str_tee_platform = capsa_km_field("SGX_DCAP");
    report.json_report = capsa_km_field(hollow_report());
    struct judging judging = {house.manager, &report};
    pthread_t threads[JUDGES];
    for (size_t i = 0; i < JUDGES; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, judge_often, &judging), 0);
    }
    for (size_t i = 0; i < TURNS; i++) {
        const struct capsa_keymanager_evidence how = {.appraiser = vendors_appraiser()};
        assert_ok(capsa_keymanager_appraise_by(house.manager, &how));
    }
    for (size_t i = 0; i < JUDGES; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    house_close(&house);
}

static bool is_composite(const char *name, enum capsa_platform platform)
{
    for (size_t i = 0; i < capsa_composites_count; i++) {
        if (capsa_composites[i].platform == platform &&
            capsa_streq(capsa_composites[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Two tables on one floor, neither of which can read the other. */
static void policies_know_exactly_what_evidence_says(void **state)
{
    (void)state;
    static const enum capsa_r_kind kinds[] = {
        [CAPSA_CLAIM_HEX] = CAPSA_R_HEX,
        [CAPSA_CLAIM_NUMBER] = CAPSA_R_NUMBER,
        [CAPSA_CLAIM_TEXT] = CAPSA_R_TEXT,
    };
    size_t signed_claims = 0;
    for (int i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        const struct capsa_claim_type *type = capsa_claim_type((enum capsa_claim)i);
        const char *path = text("env.tee.%s.%s", capsa_platform_name(type->platform), type->name);
        const struct capsa_r_value *value = capsa_r_value_find(path);
        bool is_signed = type->provenance != CAPSA_PROVENANCE_ASSERTED;
        if ((value != NULL) != is_signed) {
            fail_msg("%s", path);
        }
        signed_claims += is_signed;
        if (!is_signed) {
            continue;
        }
        enum capsa_r_kind kind = value->kind == CAPSA_R_MEASUREMENT ? CAPSA_R_HEX : value->kind;
        size_t digits = type->kind == CAPSA_CLAIM_HEX ? 2 * type->size : 0;
        if (kind != kinds[type->kind] || value->digits != digits) {
            fail_msg("%s is of another kind or size", path);
        }
    }
    size_t listed = 0;
    const struct capsa_r_value *value;
    for (size_t i = 0; (value = capsa_r_value_at(i)) != NULL; i++) {
        char platform[8] = "";
        char name[64] = "";
        if (sscanf(value->path, "env.tee.%7[a-z].%63s", platform, name) == 2) {
            listed += !is_composite(name, capsa_platform_by_name(platform));
        }
    }
    assert_int_equal(listed, signed_claims);
}

static int begin(void **state)
{
    (void)state;
    test_clock = capsa_clock_at(NOW);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_bound_is_the_originals_bytes),
        cmocka_unit_test(what_the_manager_binds_is_the_originals_bytes),
        cmocka_unit_test(constraints_can_read_what_every_platform_says),
        cmocka_unit_test(so_many_reports_are_made_at_once_and_no_more),
        cmocka_unit_test(policies_may_be_replaced_while_requests_are_judged),
        cmocka_unit_test(policies_know_exactly_what_evidence_says),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
