/* SPDX-License-Identifier: Apache-2.0
 *
 * Every byte of everything that is signed, changed in one bit: quotes of every version from the
 * first byte to the certification data, TCB Info, identities, revocation lists and certificates.
 * Each must be refused as not authentic; the unchanged is accepted, so that it is the bit that does
 * it.
 */
#include "attester/attester_sim_lab.h"
#include "codec/text.h"
#include "evidence/evidence_quote.h"
#include "sim_scene.h"

/* What is judged: borrowed parts that one test changes and puts back. */
struct subject {
    const struct sim_scene *scene;
    struct capsa_verify_cache *cache;
    capsa_sim_forgery forgery;
};

static void subject_open(const struct sim_scene *scene, const struct capsa_sim_turn *turns,
                         size_t count, struct subject *subject)
{
    *subject = (struct subject){.scene = scene};
    assert_ok(capsa_sim_forge(scene->sim, SIM_NOW + 10, turns, count, &subject->forgery));
    assert_ok(capsa_verify_cache_new(8, &subject->cache));
}

static void subject_close(struct subject *subject)
{
    capsa_verify_cache_free(subject->cache);
    capsa_sim_forgery_drop(&subject->forgery);
}

static void judge(const struct subject *subject, struct capsa_verify_cache *cache,
                  struct capsa_verdict *ret_verdict)
{
    const struct capsa_verify_input input = {.platform = subject->forgery.platform,
                                             .evidence =
                                                 capsa_buf_bytes(&subject->forgery.evidence),
                                             .collateral = &subject->forgery.collateral,
                                             .now = SIM_NOW + 10,
                                             .anchors = subject->scene->anchors,
                                             .cache = cache};
    capsa_result result = capsa_appraise(&input, subject->scene->policy, NULL, ret_verdict);
    assert_int_equal(ret_verdict->accepted, !capsa_failed(result));
    assert_true(ret_verdict->accepted || capsa_code_of(result) == CAPSA_E_EVIDENCE);
}

static void assert_accepted(const struct subject *subject, const char *what)
{
    struct capsa_verdict verdict;
    judge(subject, subject->cache, &verdict);
    if (!verdict.accepted) {
        fail_msg("%s: %s", what, verdict.reason);
    }
}

static void assert_refused(const struct subject *subject, struct capsa_verify_cache *cache,
                           const char *what, size_t at)
{
    struct capsa_verdict verdict;
    judge(subject, cache, &verdict);
    if (verdict.accepted) {
        fail_msg("%s: accepted with byte %zu changed", what, at);
    }
}

/* Each byte of `bytes`, which stand in the subject, with one bit of eight in turn. */
static void flip_all(const struct subject *subject, struct capsa_verify_cache *cache,
                     const char *what, uint8_t *bytes, size_t len)
{
    assert_true(len > 0);
    assert_accepted(subject, what);
    for (size_t i = 0; i < len; i++) {
        uint8_t bit = (uint8_t)(1U << (i % 8));
        bytes[i] ^= bit;
        assert_refused(subject, cache, what, i);
        bytes[i] ^= bit;
    }
    assert_accepted(subject, what);
}

/* ---- quotes -----------------------------------------------------------------------------------
 */

/* The cache knows the platform, the collateral and their signatures: what a service would run with.
 */
static void every_byte_of_a_quote_is_signed(void **state)
{
    static const struct {
        const char *name;
        struct capsa_sim_turn turns[2];
        size_t count;
    } kinds[] = {
        {"sgx v3", {{"quote-version", "3"}}, 1},
        {"sgx v4", {{"quote-version", "4"}}, 1},
        {"sgx v5", {{"quote-version", "5"}}, 1},
        {"tdx v4", {{"platform", "tdx"}}, 1},
        {"tdx v5", {{"platform", "tdx"}, {"quote-version", "5"}}, 2},
        {"tdx v5, td 1.5", {{"platform", "tdx"}, {"td15", ""}}, 2},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct subject subject;
        subject_open(*state, kinds[i].turns, kinds[i].count, &subject);
        struct capsa_quote quote;
        assert_ok(capsa_quote_parse(capsa_buf_bytes(&subject.forgery.evidence), &quote));
        /* up to the kind and length of the certification data: these only say where to look */
        size_t len = (size_t)(quote.cert_data.data - subject.forgery.evidence.data) - 6;
        assert_true(len > 1000);
        flip_all(&subject, subject.cache, kinds[i].name, subject.forgery.evidence.data, len);
        subject_close(&subject);
    }
}

/* Without any cache, from the first of all signatures on. */
static void A1_every_byte_of_a_quoting_enclave_is_signed(void **state)
{
    static const struct capsa_sim_turn turns[] = {{"platform", "tdx"}, {"td15", ""}};
    for (size_t count = 0; count <= 2; count += 2) {
        struct subject subject;
        subject_open(*state, turns, count, &subject);
        struct capsa_quote quote;
        assert_ok(capsa_quote_parse(capsa_buf_bytes(&subject.forgery.evidence), &quote));
        size_t at = (size_t)(quote.qe_report.data - subject.forgery.evidence.data);
        size_t len = quote.qe_report.len + quote.qe_signature.len + 2 + quote.qe_auth.len;
        flip_all(&subject, NULL, "quoting enclave", subject.forgery.evidence.data + at, len);
        subject_close(&subject);
    }
}

/* A quote cut anywhere is none. */
static void A28_a_quote_cut_anywhere_is_refused(void **state)
{
    static const struct capsa_sim_turn turns[] = {{"platform", "tdx"}, {"td15", ""}};
    for (size_t count = 0; count <= 2; count += 2) {
        struct subject subject;
        subject_open(*state, turns, count, &subject);
        capsa_buf *evidence = &subject.forgery.evidence;
        size_t len = evidence->len;
        for (size_t cut = 0; cut < len; cut++) {
            evidence->len = cut; /* the rest stays, and is whole again afterwards */
            assert_refused(&subject, subject.cache, "cut", cut);
        }
        evidence->len = len;
        assert_accepted(&subject, "whole");
        subject_close(&subject);
    }
}

/* ---- collateral -------------------------------------------------------------------------------
 */

static void flip_collateral(const struct sim_scene *scene, const char *platform)
{
    const struct capsa_sim_turn turn = {"platform", platform};
    struct subject subject;
    subject_open(scene, &turn, 1, &subject);
    capsa_collateral *collateral = &subject.forgery.collateral;
    const struct {
        const char *name;
        capsa_buf *part;
    } parts[] = {
        {"TCB Info", &collateral->tcb_info},
        {"its signature", &collateral->tcb_info_signature},
        {"identity", &collateral->qe_identity},
        {"its signature", &collateral->qe_identity_signature},
        {"root CRL", &collateral->root_ca_crl},
        {"PCK CRL", &collateral->pck_crl},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        flip_all(&subject, subject.cache, parts[i].name, parts[i].part->data, parts[i].part->len);
    }
    subject_close(&subject);
}

static void every_byte_of_sgx_collateral_is_signed(void **state)
{
    flip_collateral(*state, "sgx");
}

static void every_byte_of_tdx_collateral_is_signed(void **state)
{
    flip_collateral(*state, "tdx");
}

/* ---- certificates -----------------------------------------------------------------------------
 */

static void write_pem(capsa_bytes der, capsa_buf *pem)
{
    assert_ok(capsa_buf_str(pem, "-----BEGIN CERTIFICATE-----\n"));
    CAPSA_AUTO(capsa_buf) base64 = capsa_buf_of(KIB(16));
    assert_ok(capsa_base64_write(der, CAPSA_BASE64_STD, &base64));
    for (size_t at = 0; at < base64.len; at += 64) {
        size_t len = base64.len - at < 64 ? base64.len - at : 64;
        assert_ok(capsa_buf_append(pem, capsa_bytes_of(base64.data + at, len)));
        assert_ok(capsa_buf_str(pem, "\n"));
    }
    assert_ok(capsa_buf_str(pem, "-----END CERTIFICATE-----\n"));
}

/* The chain of `order` with one bit of the `which`-th certificate changed; SIZE_MAX: with none. */
static void write_chain(const struct sim_scene *scene, const enum capsa_sim_part *order,
                        size_t count, size_t which, size_t byte, capsa_buf *pem)
{
    for (size_t i = 0; i < count; i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
        assert_ok(capsa_cert_write_der(scene->sim->certs[order[i]], &der));
        if (i == which) {
            der.data[byte] ^= (uint8_t)(1U << (byte % 8));
        }
        write_pem(capsa_buf_bytes(&der), pem);
    }
}

static size_t cert_len(const struct sim_scene *scene, enum capsa_sim_part part)
{
    return capsa_cert_der(scene->sim->certs[part]).len;
}

static void every_byte_of_the_pck_chain_is_signed(void **state)
{
    static const enum capsa_sim_part order[] = {CAPSA_SIM_PCK, CAPSA_SIM_PLATFORM_CA,
                                                CAPSA_SIM_ROOT};
    const struct sim_scene *scene = *state;
    struct subject subject;
    subject_open(scene, NULL, 0, &subject);
    capsa_collateral_drop(&subject.forgery.collateral);
    assert_ok(capsa_sim_collateral(scene->sim, CAPSA_PLATFORM_SGX, &subject.forgery.collateral));
    struct capsa_sim_recipe recipe;
    const struct capsa_sim_claims claims = {.platform = CAPSA_PLATFORM_SGX};
    assert_ok(capsa_sim_recipe_make(scene->sim, &claims, SIM_NOW, 30, &recipe));
    for (size_t which = 0; which < 3; which++) {
        size_t len = cert_len(scene, order[which]);
        for (size_t i = 0; i <= len; i++) { /* the last time, nothing is changed */
            CAPSA_AUTO(capsa_buf) chain = capsa_buf_of(KIB(64));
            write_chain(scene, order, 3, i < len ? which : SIZE_MAX, i, &chain);
            capsa_buf_clear(&subject.forgery.evidence);
            assert_ok(capsa_sim_quote_make(scene->sim, &recipe, capsa_buf_bytes(&chain),
                                           &subject.forgery.evidence));
            if (i < len) {
                assert_refused(&subject, subject.cache, capsa_sim_part_name(order[which]), i);
            } else {
                assert_accepted(&subject, "unchanged chain");
            }
        }
    }
    subject_close(&subject);
}

static void every_byte_of_the_tcb_signer_is_signed(void **state)
{
    static const enum capsa_sim_part order[] = {CAPSA_SIM_TCB_SIGNER, CAPSA_SIM_ROOT};
    const struct sim_scene *scene = *state;
    struct subject subject;
    subject_open(scene, NULL, 0, &subject);
    capsa_collateral_drop(&subject.forgery.collateral);
    assert_ok(capsa_sim_collateral(scene->sim, CAPSA_PLATFORM_SGX, &subject.forgery.collateral));
    capsa_buf *chains[] = {&subject.forgery.collateral.tcb_info_issuer_chain,
                           &subject.forgery.collateral.qe_identity_issuer_chain};
    size_t len = cert_len(scene, CAPSA_SIM_TCB_SIGNER);
    for (size_t k = 0; k < sizeof(chains) / sizeof(chains[0]); k++) {
        for (size_t i = 0; i <= len; i++) {
            capsa_buf_clear(chains[k]);
            write_chain(scene, order, 2, i < len ? 0 : SIZE_MAX, i, chains[k]);
            if (i < len) {
                assert_refused(&subject, subject.cache, "tcb-signer", i);
            } else {
                assert_accepted(&subject, "unchanged chain");
            }
        }
    }
    subject_close(&subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_a_quote_is_signed),
        cmocka_unit_test(A1_every_byte_of_a_quoting_enclave_is_signed),
        cmocka_unit_test(A28_a_quote_cut_anywhere_is_refused),
        cmocka_unit_test(every_byte_of_sgx_collateral_is_signed),
        cmocka_unit_test(every_byte_of_tdx_collateral_is_signed),
        cmocka_unit_test(every_byte_of_the_pck_chain_is_signed),
        cmocka_unit_test(every_byte_of_the_tcb_signer_is_signed),
    };
    return cmocka_run_group_tests(tests, sim_scene_setup, sim_scene_teardown);
}
