/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence between a client and a manager, both real and in one process, on a simulated platform:
 * what a client wants of a manager before it sends anything, whoever stands between the two, and
 * that its own requests carry evidence of it.
 */
#include "keymanager_scene.h"

#include "attester/attester_sim.h"
#include "base/file.h"
#include "client/client.h"

#define DAYS 30

static char folder[64] = "/tmp/capsa-evidence-XXXXXX";
static char sim_dir[96], code_file[96];
static char measurement[2 * 32 + 1];

static const struct capsa_attester_options where = {.sim_dir = sim_dir, .sim_code = code_file};

/* What whoever stands between client and manager does to GetRaCert's answer. */
enum meddling {
    MEDDLE_NOT,
    MEDDLE_TAKE_REPORT,    /* there is none */
    MEDDLE_REPLAY,         /* an answer of before */
    MEDDLE_SWAP_REPORT,    /* of another manager of the same code */
    MEDDLE_OTHER_PROTOCOL, /* of the original service */
    MEDDLE_PLATFORM,       /* it is said to be of another platform */
};

/* From the client to the manager, and what was sent. */
struct path {
    struct capsa_client_transport base;
    const struct house *house, *other;
    enum meddling meddling;
    capsa_buf kept; /* an earlier answer */
    unsigned sent;  /* besides GetRaCert */
};

static const struct capsa_rpc_method *find(const struct house *house, const char *path)
{
    for (size_t i = 0; i < capsa_keymanager_method_count(); i++) {
        if (capsa_streq(house->methods[i].path, path)) {
            return &house->methods[i];
        }
    }
    fail_msg("no method %s", path);
    abort();
}

static ProtobufCMessage *cert_answer(const struct house *house, const char *path,
                                     capsa_bytes request)
{
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(1));
    ProtobufCMessage *message;
    ask_method(find(house, path), request, &answer);
    assert_ok(capsa_protobuf_parse(&cm__get_ra_cert_response__descriptor, capsa_buf_bytes(&answer),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    return message;
}

static void meddle(const struct path *path, const char *name, capsa_bytes request,
                   capsa_buf *ret_answer)
{
    const char *from =
        path->meddling == MEDDLE_OTHER_PROTOCOL ? "/" CAPSA_KEYMANAGER_SERVICE "/GetRaCert" : name;
    CAPSA_AUTO_MESSAGE mine = cert_answer(path->house, from, request);
    CAPSA_AUTO_MESSAGE theirs = cert_answer(path->other, name, request);
    Cm__GetRaCertResponse *answer = (Cm__GetRaCertResponse *)(void *)mine;
    Cm__UnifiedAttestationReport *report = answer->attestation_report;
    char *platform = report->str_tee_platform;
    if (path->meddling == MEDDLE_TAKE_REPORT) {
        answer->attestation_report = NULL;
    } else if (path->meddling == MEDDLE_SWAP_REPORT) {
        answer->attestation_report = ((Cm__GetRaCertResponse *)(void *)theirs)->attestation_report;
    } else if (path->meddling == MEDDLE_PLATFORM) {
        static char tdx[] = "TDX";
        report->str_tee_platform = tdx;
    }
    assert_ok(capsa_protobuf_write(&answer->base, ret_answer));
    answer->attestation_report = report;
    report->str_tee_platform = platform;
}

static capsa_result exchange(const struct capsa_client_transport *transport, const char *name,
                             capsa_bytes request, capsa_buf *ret_answer)
{
    union {
        const struct capsa_client_transport *transport;
        struct path *path;
    } same = {transport};
    struct path *path = same.path;
    if (strstr(name, "/GetRaCert") == NULL) {
        path->sent++;
        ask_method(find(path->house, name), request, ret_answer);
    } else if (path->meddling == MEDDLE_REPLAY && path->kept.len > 0) {
        assert_ok(capsa_buf_append(ret_answer, capsa_buf_bytes(&path->kept)));
    } else {
        meddle(path, name, request, ret_answer);
    }
    if (path->meddling == MEDDLE_NOT && strstr(name, "/GetRaCert") != NULL) {
        capsa_buf_clear(&path->kept);
        assert_ok(capsa_buf_append(&path->kept, capsa_buf_bytes(ret_answer)));
    }
    return CAPSA_OK;
}

/* ---- a scene --------------------------------------------------------------------------------- */

static struct house house, other;
static struct path path;

static struct capsa_anchors *anchors(void)
{
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(KIB(64));
    struct capsa_anchors *made;
    assert_ok(capsa_file_read(text("%s/%s", sim_dir, CAPSA_SIM_ROOT_FILE), &root));
    assert_ok(capsa_anchors_new_simulation(capsa_buf_bytes(&root), &made));
    return made;
}

static struct capsa_appraiser *appraiser_of(const char *policy, struct capsa_client_trust *trust)
{
    struct capsa_appraiser_options options = {.anchors = anchors()};
    struct capsa_appraiser *appraiser;
    assert_ok(policy == NULL
                  ? capsa_appraisal_policy_new(&options.policy)
                  : capsa_appraisal_policy_load(capsa_bytes_str(policy), &options.policy));
    for (unsigned i = CAPSA_PLATFORM_NONE + 1; trust != NULL && i < CAPSA_PLATFORM_COUNT; i++) {
        trust->pins_code[i] =
            capsa_appraisal_policy_pins_code(options.policy, (enum capsa_platform)i);
    }
    assert_ok(capsa_appraiser_new(&options, &appraiser));
    return appraiser;
}

static const char *naming(const char *hex)
{
    return text("{\"reference_values\":[{\"sgx\":{\"mr_enclave\":\"%s\"}}]}", hex);
}

/* A client that wants what the policy says; NULL for `client`: only whether it takes the manager.
 */
static capsa_result meet(const char *policy, const struct capsa_client_options *more)
{
    struct capsa_client_trust trust = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO_FREE(capsa_appraiser) appraiser = appraiser_of(policy, &trust);
    struct capsa_client_options options = *more;
    if (more->trust != NULL) {
        trust.platform = more->trust->platform;
        trust.insecure_unpinned_manager = more->trust->insecure_unpinned_manager;
    }
    trust.appraiser = appraiser;
    options.trust = &trust;
    options.target = "manager:1";
    options.transport = &path.base;
    options.clock = &test_clock;
    CAPSA_AUTO_FREE(capsa_client) client = NULL;
    const struct capsa_cert *cert;
    assert_ok(capsa_client_new(&options, &client));
    path.sent = 0;
    capsa_result result = capsa_client_manager(client, &cert);
    assert_int_equal(path.sent, 0);
    return result;
}

static void assert_refused(capsa_result result, enum capsa_code code, const char *said)
{
    if (capsa_code_of(result) != code || strstr(capsa_text_of(result), said) == NULL) {
        fail_msg("%s: %s, not %s: %s", capsa_code_name(capsa_code_of(result)),
                 capsa_text_of(result), capsa_code_name(code), said);
    }
}

/* ---- the manager's --------------------------------------------------------------------------- */

static void a_manager_of_the_right_code_is_taken_in_both_protocols(void **state)
{
    (void)state;
    for (int original = 0; original < 2; original++) {
        const struct capsa_client_options options = {.original = original == 1};
        path.meddling = MEDDLE_NOT;
        assert_ok(meet(naming(measurement), &options));
    }
}

static void a_manager_of_other_code_is_refused_with_both_measurements(void **state)
{
    (void)state;
    char wrong[sizeof(measurement)];
    memcpy(wrong, measurement, sizeof(wrong));
    wrong[0] = wrong[0] == '0' ? '1' : '0';
    const struct capsa_client_options options = {.target = NULL};
    path.meddling = MEDDLE_NOT;
    capsa_result refused = meet(naming(wrong), &options);
    assert_refused(refused, CAPSA_E_DENIED, wrong);
    assert_refused(refused, CAPSA_E_DENIED, measurement);
    assert_refused(refused, CAPSA_E_DENIED, "nothing was sent to it");
}

static void A26_who_stands_between_cannot_pass_off_another_managers_evidence(void **state)
{
    (void)state;
    static const struct {
        enum meddling meddling;
        enum capsa_code code;
        const char *said;
    } cases[] = {
        {MEDDLE_TAKE_REPORT, CAPSA_E_EVIDENCE, "shows no evidence"},
        {MEDDLE_REPLAY, CAPSA_E_DENIED, "report-data"},
        {MEDDLE_SWAP_REPORT, CAPSA_E_DENIED, "report-data"},
        {MEDDLE_OTHER_PROTOCOL, CAPSA_E_DENIED, "report-data"},
        {MEDDLE_PLATFORM, CAPSA_E_MALFORMED, "the manager's evidence"},
    };
    const struct capsa_client_options options = {.target = NULL};
    path.meddling = MEDDLE_NOT;
    assert_ok(meet(naming(measurement), &options)); /* to be replayed */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        path.meddling = cases[i].meddling;
        assert_refused(meet(naming(measurement), &options), cases[i].code, cases[i].said);
    }
}

static void a_policy_that_names_no_code_needs_an_id_or_an_insecure_word(void **state)
{
    (void)state;
    static const struct capsa_client_trust insecure = {.insecure_unpinned_manager = true};
    const char *id = capsa_ledger_manager_id(house.ledger);
    const struct capsa_client_options plain = {.target = NULL}, known = {.manager_id = id},
                                      looks = {.introduces = true}, word = {.trust = &insecure};
    path.meddling = MEDDLE_NOT;
    assert_refused(meet(NULL, &plain), CAPSA_E_UNAUTHENTIC, "insecure_unpinned_manager");
    assert_ok(meet(NULL, &known));
    assert_ok(meet(NULL, &looks));
    assert_ok(meet(NULL, &word));
}

static void another_platform_than_the_one_wanted_is_refused(void **state)
{
    (void)state;
    static const struct capsa_client_trust tdx = {.platform = CAPSA_PLATFORM_TDX};
    const struct capsa_client_options options = {.trust = &tdx};
    path.meddling = MEDDLE_NOT;
    assert_refused(meet(naming(measurement), &options), CAPSA_E_EVIDENCE, "Intel TDX is wanted");
}

/* ---- one's own ------------------------------------------------------------------------------- */

static capsa_result get_keys_as(bool original, const struct capsa_client_attest *attest,
                                enum capsa_client_method method)
{
    capsa_party party = {.chain = carol.chain, .key = carol.key};
    memcpy(party.id, carol.id, sizeof(party.id));
    const struct capsa_client_options options = {.target = "manager:1",
                                                 .transport = &path.base,
                                                 .clock = &test_clock,
                                                 .party = &party,
                                                 .original = original,
                                                 .attest = attest};
    CAPSA_AUTO_FREE(capsa_client) client = NULL;
    assert_ok(capsa_client_new(&options, &client));
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
    CAPSA_AUTO_MESSAGE request = NULL;
    CAPSA_AUTO_MESSAGE answer = NULL;
    key_request(&carol, "default", "join", "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]}]", &json);
    assert_ok(capsa_protojson_parse(capsa_client_shape(method), capsa_buf_bytes(&json),
                                    CAPSA_UNKNOWN_REFUSED, &request));
    capsa_result result = capsa_client_call(client, method, request, &answer);
    if (method == CAPSA_CLIENT_GET_DATA_KEYS) { /* the caller's request is as it was */
        assert_null(((Cm__GetDataKeysRequest *)(void *)request)->attestation_report);
    }
    return result;
}

static void requests_carry_the_programs_evidence_in_both_protocols(void **state)
{
    (void)state;
    const struct capsa_client_attest attest = {.attester = capsa_attester_by_name("sim-sgx"),
                                               .where = &where};
    static const enum capsa_client_method methods[] = {CAPSA_CLIENT_GET_DATA_KEYS,
                                                       CAPSA_CLIENT_GET_TLS_ASSET};
    path.meddling = MEDDLE_NOT;
    for (size_t i = 0; i < 2; i++) {
        for (int original = 0; original < 2; original++) {
            assert_refused(get_keys_as(original == 1, NULL, methods[i]), CAPSA_E_DENIED,
                           "attestation_report: missing");
            assert_ok(get_keys_as(original == 1, &attest, methods[i]));
        }
    }
}

/* Collateral that was given is sent, and not the interface's own. */
static void collateral_that_was_given_goes_along(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_sim_open(sim_dir, &sim));
    assert_ok(capsa_sim_collateral(sim, CAPSA_PLATFORM_SGX, &collateral));
    const struct capsa_client_attest attest = {
        .attester = capsa_attester_by_name("sim-sgx"), .where = &where, .collateral = &collateral};
    path.meddling = MEDDLE_NOT;
    assert_ok(get_keys_as(false, &attest, CAPSA_CLIENT_GET_DATA_KEYS));
    collateral.pck_crl.data[collateral.pck_crl.len - 1] ^= 1;
    assert_refused(get_keys_as(false, &attest, CAPSA_CLIENT_GET_DATA_KEYS), CAPSA_E_DENIED,
                   "evidence refused: crl");
}

/* ---- all ------------------------------------------------------------------------------------- */

static void open_evident(struct house *ret_house)
{
    house_open(ret_house, (struct capsa_keymanager_options){
                              .evidence = {.attester = capsa_attester_by_name("sim-sgx"),
                                           .where = where,
                                           .appraiser = appraiser_of(NULL, NULL),
                                           .required = true}});
}

static int begin(void **state)
{
    (void)state;
    party_make(&alice);
    party_make(&carol);
    test_clock = capsa_clock_at(NOW);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(sim_dir, sizeof(sim_dir), "%s/sim", folder);
    (void)snprintf(code_file, sizeof(code_file), "%s/program", folder);
    assert_ok(capsa_file_write(code_file, CAPSA_BYTES_LITERAL("a program\n"), 0700, false));
    assert_ok(capsa_sim_init(sim_dir, NOW, DAYS));
    struct capsa_sim_claims claims = {.platform = CAPSA_PLATFORM_SGX};
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
    assert_ok(capsa_sim_measure(code_file, &claims));
    assert_ok(capsa_hex_write(capsa_bytes_of(claims.mr_enclave, sizeof(claims.mr_enclave)), &hex));
    memcpy(measurement, hex.data, hex.len);
    open_evident(&house);
    open_evident(&other);
    path = (struct path){.base = {exchange}, .house = &house, .other = &other};
    path.kept = capsa_buf_of(MIB(1));
    assert_int_equal(register_key(&house, &alice, "a", KEY_B64), 0);
    assert_int_equal(grant(&house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    house_close(&house);
    house_close(&other);
    capsa_buf_drop(&path.kept);
    party_free(&alice);
    party_free(&carol);
    test_remove_tree(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manager_of_the_right_code_is_taken_in_both_protocols),
        cmocka_unit_test(a_manager_of_other_code_is_refused_with_both_measurements),
        cmocka_unit_test(A26_who_stands_between_cannot_pass_off_another_managers_evidence),
        cmocka_unit_test(a_policy_that_names_no_code_needs_an_id_or_an_insecure_word),
        cmocka_unit_test(another_platform_than_the_one_wanted_is_refused),
        cmocka_unit_test(requests_carry_the_programs_evidence_in_both_protocols),
        cmocka_unit_test(collateral_that_was_given_goes_along),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
