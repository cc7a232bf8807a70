/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence at the key manager, with a simulated platform in-process: what must be bound, what is
 * made of it in constraints and in the log, whom it vouches for, and the manager's own.
 */
#include "keymanager_native.h"

#include "attester/attester_sim_forge.h"
#include "base/file.h"
#include "evidence/evidence_bound.h"

#define DAYS 30

static char folder[64] = "/tmp/capsa-evidence-XXXXXX";
static char sim_dir[96], code_file[96];

/* A manager that wants evidence, and how it is told. */
struct gate {
    struct scene scene;
    struct capsa_appraiser *appraiser; /* the manager's */
};

/* What a program shows; zeroed members are as they should be. */
struct shown {
    const struct capsa_sim_claims *claims; /* NULL: of the code file */
    enum capsa_platform platform;          /* NONE: SGX */
    const char *bound_method, *bound_op;   /* instead of what is asked for */
    const struct party *bound_cert;
    const char *initiator;
    bool native, background, missing;
    const uint8_t *jti;         /* native: bound, instead of the request's own */
    struct capsa_sim_turn knob; /* forged so */
};

static struct capsa_appraiser *appraiser_of(const char *policy_text)
{
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(KIB(64));
    struct capsa_appraiser_options options = {.cache_entries = 64};
    assert_ok(capsa_file_read(text("%s/%s", sim_dir, CAPSA_SIM_ROOT_FILE), &root));
    assert_ok(capsa_anchors_new_simulation(capsa_buf_bytes(&root), &options.anchors));
    assert_ok(policy_text == NULL
                  ? capsa_appraisal_policy_new(&options.policy)
                  : capsa_appraisal_policy_load(capsa_bytes_str(policy_text), &options.policy));
    struct capsa_appraiser *appraiser;
    assert_ok(capsa_appraiser_new(&options, &appraiser));
    return appraiser;
}

static const struct capsa_attester_options where = {.sim_dir = sim_dir, .sim_code = code_file};

static void gate_open_with(struct gate *gate, const char *policy_text,
                           struct capsa_keymanager_options options)
{
    test_clock.fixed = NOW;
    gate->appraiser = appraiser_of(policy_text);
    options.evidence.appraiser = gate->appraiser;
    house_open(&gate->scene.house, options);
    announced_learn(&gate->scene.house, &gate->scene.announced);
    assert_int_equal(register_key(&gate->scene.house, &alice, "a", KEY_B64), 0);
}

static void gate_open(struct gate *gate)
{
    gate_open_with(gate, NULL, (struct capsa_keymanager_options){.evidence = {.required = true}});
}

static void gate_close(struct gate *gate)
{
    scene_close(&gate->scene);
}

/* ---- a program ------------------------------------------------------------------------------- */

static struct capsa_sim_claims measured(enum capsa_platform platform)
{
    struct capsa_sim_claims claims = {.platform = platform, .isv_prod_id = 7, .isv_svn = 3};
    assert_ok(capsa_sim_measure(code_file, &claims));
    return claims;
}

static const char *hex_of(const uint8_t *bytes, size_t len)
{
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
    assert_ok(capsa_hex_write(capsa_bytes_of(bytes, len), &hex));
    return text("%.*s", (int)hex.len, (const char *)hex.data);
}

static const char *code_hex(void)
{
    struct capsa_sim_claims claims = measured(CAPSA_PLATFORM_SGX);
    return hex_of(claims.mr_enclave, sizeof(claims.mr_enclave));
}

static struct capsa_json *forged_report(const struct capsa_sim *sim, const struct shown *shown,
                                        const uint8_t report_data[CAPSA_REPORT_DATA])
{
    const char *hex = hex_of(report_data, CAPSA_REPORT_DATA);
    const struct capsa_sim_turn turns[] = {{"report-data", hex}, shown->knob};
    CAPSA_AUTO(capsa_sim_forgery) forgery = {.check = NULL};
    CAPSA_AUTO(capsa_buf) report = capsa_buf_of(MIB(1));
    struct capsa_json *value;
    assert_ok(capsa_sim_forge(sim, NOW, turns, 2, &forgery));
    assert_ok(capsa_ual_write(forgery.platform, capsa_buf_bytes(&forgery.evidence),
                              &forgery.collateral, &report));
    assert_ok(capsa_json_parse(capsa_buf_bytes(&report), &value));
    return value;
}

/* The report as JSON, binding what it is told. */
static struct capsa_json *report_of(const struct shown *shown,
                                    const uint8_t report_data[CAPSA_REPORT_DATA])
{
    enum capsa_platform platform =
        shown->platform == CAPSA_PLATFORM_NONE ? CAPSA_PLATFORM_SGX : shown->platform;
    struct capsa_sim_claims claims = shown->claims == NULL ? measured(platform) : *shown->claims;
    memcpy(claims.report_data, report_data, CAPSA_REPORT_DATA);
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) report = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_sim_open(sim_dir, &sim));
    if (shown->knob.knob != NULL) {
        return forged_report(sim, shown, report_data);
    }
    assert_ok(capsa_sim_quote(sim, &claims, &quote));
    if (!shown->background) {
        assert_ok(capsa_sim_collateral(sim, platform, &collateral));
    }
    assert_ok(capsa_ual_write(platform, capsa_buf_bytes(&quote), &collateral, &report));
    struct capsa_json *value;
    assert_ok(capsa_json_parse(capsa_buf_bytes(&report), &value));
    return value;
}

static const char *request_json(const struct shown *shown, const struct party *job, const char *op)
{
    const char *initiator = shown->initiator == NULL ? job->id : shown->initiator;
    return text("{\"initiator_party_id\":\"%s\",\"scope\":\"default\",\"op_name\":\"%s\","
                "\"resources\":[{\"resource_uri\":\"a\",\"columns\":[\"x\"]}],"
                "\"env\":\"{\\\"tee\\\":{\\\"platform\\\":\\\"sgx\\\",\\\"sgx\\\":{"
                "\\\"mr_enclave\\\":\\\"cc\\\"}}}\"}",
                initiator, op);
}

/* The whole body of GetDataKeys or GetTlsAsset, with its evidence. */
static void body_of(const struct gate *gate, const struct shown *shown, const struct party *job,
                    const char *method, const uint8_t jti[CAPSA_BIND_JTI], capsa_buf *ret_json)
{
    const struct party *certified = shown->bound_cert == NULL ? job : shown->bound_cert;
    CAPSA_AUTO_MESSAGE bound = NULL;
    assert_ok(
        capsa_protojson_parse(&cm__resource_request__descriptor,
                              capsa_bytes_str(request_json(
                                  shown, job, shown->bound_op == NULL ? "join" : shown->bound_op)),
                              CAPSA_UNKNOWN_REFUSED, &bound));
    struct capsa_bound_request request = {
        .method = shown->bound_method == NULL ? method : shown->bound_method,
        .message = bound,
        .cert = certified->pem};
    uint8_t spki[CAPSA_SHA256], report_data[CAPSA_REPORT_DATA];
    assert_ok(capsa_cert_spki_digest(certified->chain.certs[0], spki));
    if (shown->native) {
        request.manager_id = gate->scene.announced.id;
        request.jti = shown->jti == NULL ? jti : shown->jti;
        request.spki = spki;
    }
    assert_ok(capsa_bind_request(&request, report_data));
    CAPSA_AUTO_FREE(capsa_json) json = capsa_json_new_object();
    struct capsa_json *inner;
    assert_ok(capsa_json_parse(capsa_bytes_str(request_json(shown, job, "join")), &inner));
    assert_ok(capsa_json_set(json, "cert", capsa_json_new_string(job->pem)));
    assert_ok(capsa_json_set(json, "resource_request", inner));
    if (!shown->missing) {
        assert_ok(capsa_json_set(json, "attestation_report", report_of(shown, report_data)));
    }
    assert_ok(capsa_json_write(json, CAPSA_JSON_COMPACT, ret_json));
}

static int ask_for(const struct gate *gate, const struct shown *shown, const struct party *job,
                   const char *method)
{
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
    const char *json_text;
    body_of(gate, shown, job, method, NULL, &json);
    assert_ok(capsa_buf_cstr(&json, &json_text));
    return call(&gate->scene.house, method, job, json_text);
}

static int get(const struct gate *gate, const struct shown *shown)
{
    return ask_for(gate, shown, &carol, "GetDataKeys");
}

static int get_natively(const struct gate *gate, const struct shown *shown,
                        struct native_answer *ret_answer)
{
    uint8_t jti[CAPSA_BIND_JTI];
    assert_ok(capsa_random(jti, sizeof(jti)));
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
    const char *json_text;
    body_of(gate, shown, &carol, "GetDataKeys", jti, &json);
    assert_ok(capsa_buf_cstr(&json, &json_text));
    const struct native_request request = {
        .method = "GetDataKeys", .signer = &carol, .json = json_text, .jti = jti};
    return native_call(&gate->scene.house, &gate->scene.announced, &request, ret_answer);
}

static void grant_if(const struct gate *gate, const char *grantee, const char *constraint)
{
    CAPSA_AUTO_FREE(capsa_json) quoted = capsa_json_new_string(constraint);
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(8));
    const char *condition;
    assert_ok(capsa_json_write(quoted, CAPSA_JSON_COMPACT, &json));
    assert_ok(capsa_buf_cstr(&json, &condition));
    assert_int_equal(
        call(&gate->scene.house, "CreateDataPolicy", &alice,
             text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"policy\":{\"data_uuid\":"
                  "\"a\",\"rules\":[{\"rule_id\":\"r1\",\"grantee_party_ids\":[\"%s\"],"
                  "\"columns\":[\"x\"],\"op_constraints\":[{\"op_name\":\"join\"}],"
                  "\"global_constraints\":[%s]}]}}",
                  alice.id, grantee, condition)),
        0);
}

static void assert_says(const char *part)
{
    if (strstr(status_text, part) == NULL) {
        fail_msg("\"%s\" says nothing of \"%s\"", status_text, part);
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

static void what_is_verified_is_what_constraints_see(void **state)
{
    (void)state;
    struct gate gate;
    gate_open(&gate);
    const struct shown sgx = {.platform = CAPSA_PLATFORM_SGX};
    const struct shown tdx = {.platform = CAPSA_PLATFORM_TDX};
    struct capsa_sim_claims td = measured(CAPSA_PLATFORM_TDX);
    char enclave[256], mr_td[256], boot[512];
    (void)snprintf(enclave, sizeof(enclave), "r.env.tee.sgx.mr_enclave == \"%s\"", code_hex());
    (void)snprintf(mr_td, sizeof(mr_td), "r.env.tee.tdx.mr_td == \"%s\"",
                   hex_of(td.mr_td, sizeof(td.mr_td)));
    (void)snprintf(boot, sizeof(boot), "r.env.tee.tdx.mr_boot == \"%s%s\"",
                   hex_of(td.rtmr[0], sizeof(td.rtmr[0])), hex_of(td.rtmr[1], sizeof(td.rtmr[1])));
    const struct {
        const char *constraint;
        const struct shown *shown;
        int code;
    } cases[] = {
        {enclave, &sgx, 0},
        {"r.env.tee.sgx.mr_enclave == \"cc\"", &sgx, 7}, /* that the request claims */
        {"r.env.tee.platform == \"sgx\" && r.env.tee.tcb_status == \"UpToDate\"", &sgx, 0},
        {"r.env.tee.sgx.isv_prod_id == 7 && r.env.tee.sgx.isv_svn >= 3", &sgx, 0},
        {"r.env.tee.sgx.isv_svn >= 4", &sgx, 7},
        {"r.env.request_time == \"2026-05-28T20:26:40Z\"", &sgx, 0},
        {"!(\"INTEL-SA-00001\" in r.env.tee.advisory_ids) && r.env.tee.is_debug == false", &sgx, 0},
        {"r.env.tee.tdx == ()", &sgx, 0},
        {mr_td, &tdx, 0},
        {boot, &tdx, 0},
        {"r.env.tee.sgx == ()", &tdx, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        grant_if(&gate, carol.id, cases[i].constraint);
        int code = get(&gate, cases[i].shown);
        if (code != cases[i].code) {
            fail_msg("%s: %d, %s", cases[i].constraint, code, status_text);
        }
    }
    gate_close(&gate);
}

/* Not with the option for simulation either, once there is evidence. */
static void a_clients_own_env_does_not_count_beside_evidence(void **state)
{
    (void)state;
    struct gate gate;
    gate_open_with(&gate, NULL, (struct capsa_keymanager_options){.insecure_client_env = true});
    const struct shown shown = {.platform = CAPSA_PLATFORM_SGX};
    const struct shown none = {.missing = true};
    grant_if(&gate, carol.id, "r.env.tee.sgx.mr_enclave == \"cc\"");
    assert_int_equal(get(&gate, &none), 0); /* as the original's simulation */
    assert_int_equal(get(&gate, &shown), 7);
    gate_close(&gate);
}

static void A17_missing_evidence_is_refused_where_it_is_required(void **state)
{
    (void)state;
    struct gate gate;
    gate_open(&gate);
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    const struct shown none = {.missing = true}, shown = {.missing = false};
    static const char *const methods[] = {"GetDataKeys", "GetTlsAsset"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ask_for(&gate, &none, &carol, methods[i]), 7);
        assert_says("attestation_report: missing");
        assert_int_equal(ask_for(&gate, &shown, &carol, methods[i]), 0);
    }
    assert_int_equal(register_result(&gate.scene.house, &carol, "r", "[\"a\"]"), 7);
    assert_says("attestation_report: missing");
    gate_close(&gate);
}

static void A14_evidence_that_binds_something_else_is_refused(void **state)
{
    (void)state;
    struct gate gate;
    gate_open(&gate);
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    static const uint8_t old_jti[CAPSA_BIND_JTI] = {1};
    const struct shown wrong[] = {
        {.bound_op = "train"},            /* of another request */
        {.bound_cert = &mallory},         /* of another key */
        {.native = true, .jti = old_jti}, /* of the other protocol */
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(get(&gate, &wrong[i]), 7);
        assert_says("report-data");
    }
    const struct shown wrong_natively[] = {
        {.native = true, .jti = old_jti},
        {.native = true, .bound_method = "GetTlsAsset"},
        {.native = true, .bound_op = "train"},
        {.native = true, .bound_cert = &mallory},
        {.native = false},
    };
    struct native_answer answer;
    for (size_t i = 0; i < sizeof(wrong_natively) / sizeof(wrong_natively[0]); i++) {
        assert_int_equal(get_natively(&gate, &wrong_natively[i], &answer), 7);
        assert_non_null(strstr(answer.text, "report-data"));
        native_answer_free(&answer);
    }
    const struct shown right = {.native = true};
    assert_int_equal(get_natively(&gate, &right, &answer), 0);
    native_answer_free(&answer);
    gate_close(&gate);
}

static void a_result_wants_evidence_of_its_body(void **state)
{
    (void)state;
    struct gate gate;
    gate_open(&gate);
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    const struct shown shown = {.missing = false};
    assert_int_equal(get(&gate, &shown), 0);
    static const char *const uris[] = {"other", "result"};
    for (size_t i = 0; i < 2; i++) { /* bound to "result", and sent for both */
        const char *bound = "{\"resource_uri\":\"result\",\"scope\":\"default\",\"data_key_b64\":"
                            "\"" KEY2_B64 "\",\"ancestor_uuids\":[\"a\"]}";
        const char *sent = text("{\"resource_uri\":\"%s\",\"scope\":\"default\",\"data_key_b64\":"
                                "\"" KEY2_B64 "\",\"ancestor_uuids\":[\"a\"]}",
                                uris[i]);
        CAPSA_AUTO_MESSAGE body = NULL;
        CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
        const char *json_text;
        uint8_t report_data[CAPSA_REPORT_DATA];
        struct capsa_json *inner;
        assert_ok(capsa_protojson_parse(&cm__create_result_data_key_request__body__descriptor,
                                        capsa_bytes_str(bound), CAPSA_UNKNOWN_REFUSED, &body));
        const struct capsa_bound_request request = {.method = "CreateResultDataKey",
                                                    .message = body};
        assert_ok(capsa_bind_request(&request, report_data));
        CAPSA_AUTO_FREE(capsa_json) whole = capsa_json_new_object();
        assert_ok(capsa_json_parse(capsa_bytes_str(sent), &inner));
        assert_ok(capsa_json_set(whole, "body", inner));
        assert_ok(capsa_json_set(whole, "attestation_report", report_of(&shown, report_data)));
        assert_ok(capsa_json_write(whole, CAPSA_JSON_COMPACT, &json));
        assert_ok(capsa_buf_cstr(&json, &json_text));
        assert_int_equal(call(&gate.scene.house, "CreateResultDataKey", &carol, json_text),
                         i == 0 ? 7 : 0);
    }
    gate_close(&gate);
}

static void a_report_that_is_none_is_told_from_one_that_is_refused(void **state)
{
    (void)state;
    struct gate gate;
    gate_open(&gate);
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    static const struct {
        const char *report;
        int code;
    } cases[] = {
        {"{\"str_report_version\":\"1.0\",\"str_report_type\":\"Passport\",\"str_tee_platform\":"
         "\"ABC\",\"json_report\":\"{}\"}",
         12},
        {"{\"str_report_version\":\"1.0\",\"str_report_type\":\"Passport\",\"str_tee_platform\":"
         "\"SGX_DCAP\",\"json_report\":\"{\"}",
         3},
        {"{\"str_report_version\":\"9\",\"str_report_type\":\"Passport\",\"str_tee_platform\":"
         "\"SGX_DCAP\",\"json_report\":\"{}\"}",
         3},
        {"{\"str_report_version\":\"1.0\",\"str_report_type\":\"Passport\",\"str_tee_platform\":"
         "\"SGX_DCAP\",\"json_report\":\"{\\\"b64_quote\\\":\\\"AAAA\\\"}\"}",
         3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct shown shown = {.missing = true};
        CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
        CAPSA_AUTO_FREE(capsa_json) whole = NULL;
        struct capsa_json *report;
        const char *json_text;
        body_of(&gate, &shown, &carol, "GetDataKeys", NULL, &json);
        assert_ok(capsa_json_parse(capsa_buf_bytes(&json), &whole));
        assert_ok(capsa_json_parse(capsa_bytes_str(cases[i].report), &report));
        assert_ok(capsa_json_set(whole, "attestation_report", report));
        capsa_buf_clear(&json);
        assert_ok(capsa_json_write(whole, CAPSA_JSON_COMPACT, &json));
        assert_ok(capsa_buf_cstr(&json, &json_text));
        int code = call(&gate.scene.house, "GetDataKeys", &carol, json_text);
        if (code != cases[i].code) {
            fail_msg("%s: %d, %s", cases[i].report, code, status_text);
        }
    }
    gate_close(&gate);
}

static void evidence_of_a_debug_enclave_or_out_of_date_is_refused(void **state)
{
    (void)state;
    struct gate gate;
    gate_open(&gate);
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    struct capsa_sim_claims debug = measured(CAPSA_PLATFORM_SGX);
    debug.debug = true;
    const struct shown shown = {.claims = &debug}, good = {.missing = false};
    assert_int_equal(get(&gate, &shown), 7);
    assert_says("debug");
    const struct shown without = {.background = true};
    assert_int_equal(get(&gate, &without), 7);
    assert_says("collateral-missing");
    test_clock.fixed = NOW + (DAYS + 1) * 86400;
    assert_ok(capsa_cert_self_sign(
        carol.key, &(struct capsa_cert_request){.not_before = NOW, .not_after = NOW + 9000000},
        &carol.chain.certs[1])); /* hers has expired by then */
    struct capsa_cert *was = carol.chain.certs[0];
    carol.chain.certs[0] = carol.chain.certs[1];
    carol.chain.count = 1;
    bool renewed;
    assert_ok(capsa_keymanager_renew(gate.scene.house.manager, &renewed));
    capsa_cert_free(gate.scene.house.cert);
    house_learn_cert(&gate.scene.house);
    assert_int_equal(get(&gate, &good), 7);
    assert_says("expired");
    capsa_cert_free(carol.chain.certs[0]);
    carol.chain.certs[0] = was;
    carol.chain.certs[1] = NULL;
    gate_close(&gate);
}

/* One of each kind: the rest are the verifier's own tests. */
static void A1_A2_A6_A13_forged_evidence_releases_nothing(void **state)
{
    (void)state;
    static const struct {
        struct capsa_sim_turn knob;
        const char *check; /* NULL: it is as it should be */
    } cases[] = {
        {{"revoke", "pck"}, "revoked"},
        {{"self-made-qe", ""}, "qe-report"},
        {{"unsigned-crl", "pck-crl"}, "crl"},
        {{"expire", "pck"}, "expired"},
        {{"tcb-status", "OutOfDate"}, "tcb-status"},
        {{"damage", "quote"}, "signature"},
        {{"isv-svn", "4"}, NULL},
    };
    struct gate gate;
    gate_open(&gate);
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct shown shown = {.knob = cases[i].knob};
        int code = get(&gate, &shown);
        if (code != (cases[i].check == NULL ? 0 : 7)) {
            fail_msg("%s: %d, %s", cases[i].knob.knob, code, status_text);
        }
        if (cases[i].check != NULL) {
            assert_says(cases[i].check);
        }
    }
    gate_close(&gate);
}

/* Whatever was verified before, and however often: the next request is judged by the new policy. */
static void A29_a_policy_that_denies_is_in_force_at_once(void **state)
{
    (void)state;
    struct gate gate;
    gate_open(&gate);
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    const struct shown shown = {.platform = CAPSA_PLATFORM_SGX};
    assert_int_equal(get(&gate, &shown), 0);
    assert_int_equal(get(&gate, &shown), 0);
    const struct capsa_keymanager_evidence how = {.appraiser =
                                                      appraiser_of("{\"platforms\":[\"tdx\"]}")};
    assert_ok(capsa_keymanager_appraise_by(gate.scene.house.manager, &how));
    gate.appraiser = how.appraiser; /* the one before is gone */
    assert_int_equal(get(&gate, &shown), 7);
    assert_says("evidence refused: platform");
    gate_close(&gate);
}

static void evidence_vouches_for_an_initiator_under_a_rule_that_pins_code_alone(void **state)
{
    (void)state;
    struct gate gate;
    gate_open_with(&gate, NULL, (struct capsa_keymanager_options){.rsa_bits = 0});
    const struct shown shown = {.initiator = bob.id};
    const struct shown none = {.initiator = bob.id, .missing = true};
    grant_if(&gate, bob.id, text("r.env.tee.sgx.mr_enclave == \"%s\"", code_hex()));
    assert_int_equal(get(&gate, &shown), 0);
    assert_int_equal(get(&gate, &none), 7);
    assert_says("a mere claim counts only with evidence");
    grant_if(&gate, bob.id, "r.env.tee.platform == \"sgx\""); /* any program at all */
    assert_int_equal(get(&gate, &shown), 7);
    grant_if(&gate, carol.id, "r.env.tee.platform == \"sgx\""); /* who signs by herself */
    const struct shown signs = {.platform = CAPSA_PLATFORM_SGX};
    assert_int_equal(get(&gate, &signs), 0);
    gate_close(&gate);
}

/* Whatever the operator's policy and anchors are. */
static void A15_production_takes_no_simulated_anchor(void **state)
{
    (void)state;
    struct gate gate;
    gate_open_with(
        &gate, NULL,
        (struct capsa_keymanager_options){.evidence = {.required = true, .production = true}});
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    const struct shown shown = {.platform = CAPSA_PLATFORM_SGX};
    assert_int_equal(get(&gate, &shown), 7);
    assert_says("anchor-kind");
    gate_close(&gate);
}

/* ---- who is told what ------------------------------------------------------------------------ */

static struct capsa_json *newest_details(const struct gate *gate, const struct party *owner)
{
    struct native_answer answer;
    const struct native_request request = {
        .method = "ListAudit",
        .signer = owner,
        .json = text("{\"party_id\":\"%s\",\"limit\":1}", owner->id)};
    assert_int_equal(native_call(&gate->scene.house, &gate->scene.announced, &request, &answer), 0);
    const struct capsa_json *entry = capsa_json_at(capsa_json_get(answer.body, "entries"), 0);
    struct capsa_json *details;
    assert_ok(capsa_json_parse(capsa_bytes_str(capsa_json_string(capsa_json_get(entry, "details"))),
                               &details));
    native_answer_free(&answer);
    return details;
}

static const char *evidence_text(const struct capsa_json *details, const char *name)
{
    const char *found =
        capsa_json_string(capsa_json_get(capsa_json_get(details, "evidence"), name));
    assert_non_null(found);
    return found;
}

static void what_the_policy_wants_is_told_to_the_owner_alone(void **state)
{
    (void)state;
    static const char wanted[] = "00000000000000000000000000000000000000000000000000000000000000ab";
    struct gate gate;
    gate_open_with(&gate,
                   text("{\"reference_values\":[{\"sgx\":{\"mr_enclave\":\"%s\"}}]}", wanted),
                   (struct capsa_keymanager_options){.evidence = {.required = true}});
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    const struct shown shown = {.platform = CAPSA_PLATFORM_SGX};
    assert_int_equal(get(&gate, &shown), 7);
    assert_says("reference-values");
    assert_null(strstr(status_text, "00ab"));
    assert_null(strstr(status_text, wanted));
    CAPSA_AUTO_FREE(capsa_json) details = newest_details(&gate, &alice);
    assert_string_equal(evidence_text(details, "failed_check"), "reference-values");
    assert_string_equal(evidence_text(details, "mr_enclave"), code_hex());
    assert_string_equal(evidence_text(details, "platform"), "sgx");
    assert_string_equal(evidence_text(details, "tcb_status"), "UpToDate");
    assert_non_null(strstr(evidence_text(details, "reason"), code_hex()));
    gate_close(&gate);
}

/* Of a result too, though nobody knows yet whether it comes from what it says. */
static void a_result_without_evidence_is_told_to_the_owner(void **state)
{
    (void)state;
    struct gate gate;
    gate_open(&gate);
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    assert_int_equal(register_result(&gate.scene.house, &carol, "r", "[\"a\"]"), 7);
    CAPSA_AUTO_FREE(capsa_json) details = newest_details(&gate, &alice);
    const char *reason = capsa_json_string(capsa_json_get(details, "reason"));
    assert_non_null(reason);
    assert_non_null(strstr(reason, "attestation_report: missing"));
    assert_int_equal(register_result(&gate.scene.house, &carol, "r", "[\"nothing\"]"), 7);
    assert_says("attestation_report: missing"); /* as of what is there */
    gate_close(&gate);
}

static void a_release_says_to_which_code(void **state)
{
    (void)state;
    struct gate gate;
    gate_open(&gate);
    assert_int_equal(grant(&gate.scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    const struct shown shown = {.platform = CAPSA_PLATFORM_SGX};
    assert_int_equal(get(&gate, &shown), 0);
    CAPSA_AUTO_FREE(capsa_json) details = newest_details(&gate, &alice);
    assert_string_equal(evidence_text(details, "mr_enclave"), code_hex());
    assert_null(capsa_json_get(capsa_json_get(details, "evidence"), "failed_check"));
    gate_close(&gate);
}

/* ---- the manager's own ----------------------------------------------------------------------- */

static void check_own(const struct gate *gate, const char *service, bool native)
{
    Cm__GetRaCertRequest request = CM__GET_RA_CERT_REQUEST__INIT;
    CAPSA_AUTO(capsa_buf) asked = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(1));
    CAPSA_AUTO_MESSAGE message = NULL;
    static char nonce[] = "a nonce as text";
    request.nonce = nonce;
    assert_ok(capsa_protobuf_write(&request.base, &asked));
    ask_method(method_of(&gate->scene.house, service, "GetRaCert"), capsa_buf_bytes(&asked),
               &answer);
    assert_ok(capsa_protobuf_parse(&cm__get_ra_cert_response__descriptor, capsa_buf_bytes(&answer),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Cm__GetRaCertResponse *ra = (const Cm__GetRaCertResponse *)message;
    assert_int_equal(ra->status->code, 0);
    assert_non_null(ra->attestation_report);
    const struct capsa_ual_fields fields = {
        ra->attestation_report->str_report_version, ra->attestation_report->str_report_type,
        ra->attestation_report->str_tee_platform, ra->attestation_report->json_report};
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    enum capsa_report_type type;
    assert_ok(capsa_ual_parse_fields(&fields, &evidence, &collateral, &type));
    assert_int_equal(type, CAPSA_REPORT_PASSPORT);
    uint8_t wanted[CAPSA_REPORT_DATA];
    for (unsigned other = 0; other < 2; other++) { /* the other protocol's is another */
        struct capsa_verdict verdict;
        assert_ok(
            capsa_bind_cert(native != (other == 1), capsa_bytes_str(ra->cert), nonce, wanted));
        capsa_result judged = capsa_appraiser_judge(gate->appraiser, evidence.platform,
                                                    capsa_buf_bytes(&evidence.bytes), &collateral,
                                                    NOW, wanted, &verdict);
        assert_int_equal(capsa_failed(judged), other == 1);
        assert_int_equal(verdict.failed_check,
                         other == 1 ? CAPSA_CHECK_REPORT_DATA : CAPSA_CHECK_NONE);
    }
}

static void the_manager_shows_evidence_of_its_certificate_and_the_nonce(void **state)
{
    (void)state;
    struct gate gate;
    gate_open_with(&gate, NULL,
                   (struct capsa_keymanager_options){
                       .evidence = {.attester = capsa_attester_by_name("sim-sgx"),
                                    .where = where,
                                    .required = true}});
    check_own(&gate, CAPSA_KEYMANAGER_SERVICE, false);
    check_own(&gate, CAPSA_KEYMANAGER_NATIVE_SERVICE, true);
    gate_close(&gate);
}

/* ---- all ------------------------------------------------------------------------------------- */

static int begin(void **state)
{
    (void)state;
    party_make(&alice);
    party_make(&bob);
    party_make(&carol);
    party_make(&mallory);
    test_clock = capsa_clock_at(NOW);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(sim_dir, sizeof(sim_dir), "%s/sim", folder);
    (void)snprintf(code_file, sizeof(code_file), "%s/job", folder);
    assert_ok(capsa_file_write(code_file, CAPSA_BYTES_LITERAL("a program\n"), 0700, false));
    assert_ok(capsa_sim_init(sim_dir, NOW, DAYS));
    return 0;
}

static int end(void **state)
{
    (void)state;
    party_free(&alice);
    party_free(&bob);
    party_free(&carol);
    party_free(&mallory);
    test_remove_tree(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_verified_is_what_constraints_see),
        cmocka_unit_test(a_clients_own_env_does_not_count_beside_evidence),
        cmocka_unit_test(A17_missing_evidence_is_refused_where_it_is_required),
        cmocka_unit_test(A14_evidence_that_binds_something_else_is_refused),
        cmocka_unit_test(a_result_wants_evidence_of_its_body),
        cmocka_unit_test(a_report_that_is_none_is_told_from_one_that_is_refused),
        cmocka_unit_test(evidence_of_a_debug_enclave_or_out_of_date_is_refused),
        cmocka_unit_test(A1_A2_A6_A13_forged_evidence_releases_nothing),
        cmocka_unit_test(A29_a_policy_that_denies_is_in_force_at_once),
        cmocka_unit_test(evidence_vouches_for_an_initiator_under_a_rule_that_pins_code_alone),
        cmocka_unit_test(A15_production_takes_no_simulated_anchor),
        cmocka_unit_test(what_the_policy_wants_is_told_to_the_owner_alone),
        cmocka_unit_test(a_result_without_evidence_is_told_to_the_owner),
        cmocka_unit_test(a_release_says_to_which_code),
        cmocka_unit_test(the_manager_shows_evidence_of_its_certificate_and_the_nonce),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
