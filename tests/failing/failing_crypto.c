/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: every allocation, ours and libcrypto's, and every read of randomness fails in turn.
 */
#include "failing.h"

#include "base/alloc.h"
#include "crypto/crypto.h"
#include "crypto/crypto_evidence.h"
#include "crypto/crypto_pki.h"

#define NOW ((capsa_time)1780000000)

static const uint8_t bytes[96];
static const capsa_secret_bytes secret = {bytes, 32};
static const uint8_t iv[12];

/* Made while nothing fails. */
static struct capsa_private_key *rsa, *p256;
static struct capsa_public_key *rsa_public, *p256_public;
static struct capsa_cert *cert;
static struct capsa_private_key *p384, *sm2;
static struct capsa_public_key *p384_public, *sm2_public;
static struct capsa_cert *maker;
static capsa_buf key_pem, cert_pem, cert_der, wrapped, sealed, rs256, es256, list, xy;
static uint8_t tag[CAPSA_GCM_TAG];
static uint8_t digest[CAPSA_SHA256];

static const struct capsa_cert_request request = {
    .common_name = "name", .not_before = NOW - 10, .not_after = NOW + 10, .is_ca = true};

static struct capsa_cert_issue maker_issue(void)
{
    return (struct capsa_cert_issue){.common_name = "maker",
                                     .issuer_key = p256,
                                     .key = p256_public,
                                     .kind = CAPSA_LINK_P256_SHA256,
                                     .not_before = NOW - 10,
                                     .not_after = NOW + 10,
                                     .is_ca = true,
                                     .crl_url = "http://maker.example/crl"};
}

static struct capsa_crl_issue list_issue(void)
{
    return (struct capsa_crl_issue){.issuer = maker,
                                    .issuer_key = p256,
                                    .kind = CAPSA_LINK_P256_SHA256,
                                    .this_update = NOW - 10,
                                    .next_update = NOW + 10,
                                    .revoked = (const struct capsa_cert *const *)&maker,
                                    .revoked_count = 1};
}

static void fixtures_of_evidence(void)
{
    const struct capsa_cert_issue issue = maker_issue();
    list = xy = capsa_buf_of(KIB(64));
    assert_ok(capsa_private_key_new_p384(&p384));
    assert_ok(capsa_private_key_new_sm2(&sm2));
    assert_ok(capsa_public_key_of(p384, &p384_public));
    assert_ok(capsa_public_key_of(sm2, &sm2_public));
    assert_ok(capsa_public_key_point(p384_public, &xy));
    assert_ok(capsa_cert_issue(&issue, &maker));
    const struct capsa_crl_issue revoking = list_issue();
    assert_ok(capsa_crl_issue(&revoking, &list));
}

static int fixtures_make(void **state)
{
    (void)state;
    key_pem = cert_pem = cert_der = wrapped = sealed = rs256 = es256 = capsa_buf_of(KIB(64));
    assert_ok(capsa_private_key_new_rsa(2048, &rsa));
    assert_ok(capsa_private_key_new_p256(&p256));
    assert_ok(capsa_public_key_of(rsa, &rsa_public));
    assert_ok(capsa_public_key_of(p256, &p256_public));
    assert_ok(capsa_cert_self_sign(rsa, &request, &cert));
    assert_ok(capsa_private_key_write(rsa, &key_pem));
    assert_ok(capsa_cert_write_pem(cert, &cert_pem));
    assert_ok(capsa_cert_write_der(cert, &cert_der));
    assert_ok(capsa_oaep_seal(rsa_public, CAPSA_OAEP_SHA256, secret, &wrapped));
    assert_ok(capsa_gcm_seal(secret, capsa_bytes_of(iv, 12), capsa_bytes_of(bytes, 5),
                             capsa_bytes_of(bytes, 96), &sealed, tag));
    assert_ok(capsa_sign(rsa, CAPSA_RS256, capsa_bytes_of(bytes, 96), &rs256));
    assert_ok(capsa_sign(p256, CAPSA_ES256, capsa_bytes_of(bytes, 96), &es256));
    capsa_sha256(capsa_bytes_of(bytes, 96), digest);
    fixtures_of_evidence();
    return 0;
}

static int fixtures_free(void **state)
{
    (void)state;
    capsa_private_key_free(rsa);
    capsa_private_key_free(p256);
    capsa_public_key_free(rsa_public);
    capsa_public_key_free(p256_public);
    capsa_private_key_free(p384);
    capsa_private_key_free(sm2);
    capsa_public_key_free(p384_public);
    capsa_public_key_free(sm2_public);
    capsa_cert_free(cert);
    capsa_cert_free(maker);
    capsa_buf *const bufs[] = {&key_pem, &cert_pem, &cert_der, &wrapped, &sealed,
                               &rs256,   &es256,    &list,     &xy};
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++) {
        capsa_buf_drop(bufs[i]);
    }
    return 0;
}

/* ---- Digests and derivation ------------------------------------------------------------------ */

/* Those that cannot say that they failed must not fail. */
static capsa_result digests(struct failing_out *out)
{
    (void)out;
    uint8_t made[CAPSA_SHA256];
    const capsa_bytes parts[] = {capsa_bytes_of(bytes, 3), capsa_bytes_of(bytes, 0)};
    capsa_sha256(capsa_bytes_of(bytes, 96), made);
    assert_memory_equal(made, digest, sizeof(made));
    capsa_sha256_parts(parts, 2, made);
    capsa_hmac_sha256(secret, capsa_bytes_of(bytes, 96), made);
    return CAPSA_OK;
}

static capsa_result sm3(struct failing_out *out)
{
    (void)out;
    uint8_t made[CAPSA_SM3], mac[CAPSA_SM3];
    CAPSA_TRY(capsa_sm3(capsa_bytes_of(bytes, 96), made));
    return capsa_hmac_sm3(secret, capsa_bytes_of(made, sizeof(made)), mac);
}

static capsa_result hkdf(struct failing_out *out)
{
    uint8_t made[48];
    memset(made, 0x5a, sizeof(made));
    (void)out;
    return capsa_hkdf(secret, capsa_bytes_of(bytes, 8), CAPSA_BYTES_LITERAL("info"), made,
                      sizeof(made));
}

static capsa_result random_bytes(struct failing_out *out)
{
    uint8_t made[48];
    (void)out;
    return capsa_random(made, sizeof(made));
}

/* ---- AES-GCM --------------------------------------------------------------------------------- */

static capsa_result gcm_seal(struct failing_out *out)
{
    uint8_t made[CAPSA_GCM_TAG];
    CAPSA_TRY(capsa_gcm_seal(secret, capsa_bytes_of(iv, 12), capsa_bytes_of(bytes, 5),
                             capsa_bytes_of(bytes, 96), &out->buf, made));
    assert_memory_equal(made, tag, sizeof(made));
    return CAPSA_OK;
}

static capsa_result gcm_open(struct failing_out *out)
{
    CAPSA_TRY(capsa_gcm_open(secret, capsa_bytes_of(iv, 12), capsa_bytes_of(bytes, 5),
                             capsa_buf_bytes(&sealed), capsa_bytes_of(tag, sizeof(tag)),
                             &out->buf));
    assert_memory_equal(out->buf.data + strlen("before"), bytes, 96);
    return CAPSA_OK;
}

static capsa_result gcm_block(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO_FREE(capsa_gcm) gcm = NULL;
    uint8_t block[96], made[CAPSA_GCM_TAG];
    CAPSA_TRY(capsa_gcm_new(secret, &gcm));
    CAPSA_TRY(capsa_gcm_seal_block(gcm, iv, capsa_bytes_of(bytes, 5), capsa_bytes_of(bytes, 96),
                                   block, made));
    assert_memory_equal(made, tag, sizeof(made));
    return capsa_gcm_open_block(gcm, iv, capsa_bytes_of(bytes, 5), capsa_bytes_of(block, 96), made,
                                block);
}

static void digests_and_ciphers_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"digests", digests, NULL, false, false},
        {"sm3", sm3, NULL, false, false},
        {"hkdf", hkdf, NULL, false, false},
        {"random", random_bytes, NULL, false, false},
        {"gcm_seal", gcm_seal, NULL, false, false},
        {"gcm_open", gcm_open, NULL, false, false},
        {"gcm blocks", gcm_block, NULL, false, false},
    };
    FAILING_TRY_ALL(cases);
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static void free_private_key(void *made)
{
    capsa_private_key_free(made);
}

static void free_public_key(void *made)
{
    capsa_public_key_free(made);
}

static capsa_result key_new_p256(struct failing_out *out)
{
    struct capsa_private_key *key = out->made;
    capsa_result result = capsa_private_key_new_p256(&key);
    out->made = key;
    return result;
}

static capsa_result key_parse(struct failing_out *out)
{
    struct capsa_private_key *key = out->made;
    capsa_result result = capsa_private_key_parse(capsa_buf_bytes(&key_pem), &key);
    out->made = key;
    return result;
}

static capsa_result key_write(struct failing_out *out)
{
    return capsa_private_key_write(rsa, &out->buf);
}

static capsa_result public_key_of(struct failing_out *out)
{
    struct capsa_public_key *key = out->made;
    capsa_result result = capsa_public_key_of(rsa, &key);
    out->made = key;
    return result;
}

static capsa_result public_key_write(struct failing_out *out)
{
    return capsa_public_key_write(rsa_public, &out->buf);
}

static capsa_result oaep_seal(struct failing_out *out)
{
    return capsa_oaep_seal(rsa_public, CAPSA_OAEP_SHA256, secret, &out->buf);
}

/* A failure within is told, or it looks like a wrong padding: a random key, never half of one. */
static capsa_result oaep_open(struct failing_out *out)
{
    CAPSA_AUTO_FREE(capsa_secret) key = NULL;
    CAPSA_TRY(capsa_oaep_open(rsa, CAPSA_OAEP_SHA256, capsa_buf_bytes(&wrapped), 32, &key));
    CAPSA_REQUIRE(capsa_equal_ct(capsa_secret_borrow(key), secret), UNAUTHENTIC, "another key");
    out->made = key;
    key = NULL;
    return CAPSA_OK;
}

static void free_secret(void *made)
{
    capsa_secret_free(made);
}

static capsa_result sign_and_check(const struct capsa_private_key *key,
                                   const struct capsa_public_key *public_key,
                                   enum capsa_scheme scheme, capsa_buf *buf)
{
    size_t before = buf->len;
    CAPSA_TRY(capsa_sign(key, scheme, capsa_bytes_of(bytes, 96), buf));
    capsa_result result = capsa_sign_check(public_key, scheme, capsa_bytes_of(bytes, 96),
                                           capsa_bytes_from(capsa_buf_bytes(buf), before));
    capsa_buf_cut(buf, before);
    return result;
}

static capsa_result sign_rs256(struct failing_out *out)
{
    return sign_and_check(rsa, rsa_public, CAPSA_RS256, &out->buf);
}

static capsa_result sign_ps256(struct failing_out *out)
{
    return sign_and_check(rsa, rsa_public, CAPSA_PS256, &out->buf);
}

static capsa_result sign_es256(struct failing_out *out)
{
    return sign_and_check(p256, p256_public, CAPSA_ES256, &out->buf);
}

static capsa_result check_rs256(struct failing_out *out)
{
    (void)out;
    return capsa_sign_check(rsa_public, CAPSA_RS256, capsa_bytes_of(bytes, 96),
                            capsa_buf_bytes(&rs256));
}

static capsa_result check_es256(struct failing_out *out)
{
    (void)out;
    return capsa_sign_check(p256_public, CAPSA_ES256, capsa_bytes_of(bytes, 96),
                            capsa_buf_bytes(&es256));
}

static void keys_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"key_new_p256", key_new_p256, free_private_key, false, false},
        {"private_key_parse", key_parse, free_private_key, true, false},
        {"private_key_write", key_write, NULL, false, false},
        {"public_key_of", public_key_of, free_public_key, false, false},
        {"public_key_write", public_key_write, NULL, false, false},
        {"oaep_seal", oaep_seal, NULL, false, false},
        {"oaep_open", oaep_open, free_secret, true, false},
        {"sign RS256", sign_rs256, NULL, true, false},
        {"sign PS256", sign_ps256, NULL, true, false},
        {"sign ES256", sign_es256, NULL, true, false},
        {"sign_check RS256", check_rs256, NULL, true, false},
        {"sign_check ES256", check_es256, NULL, true, false},
    };
    FAILING_TRY_ALL(cases);
}

/* ---- Certificates ---------------------------------------------------------------------------- */

/* When memory runs out libcrypto may lose a certificate's key without a word: it is of a kind that
 * is good for nothing then. */
static void free_cert(void *made)
{
    capsa_cert_free(made);
}

static capsa_result cert_self_sign(struct failing_out *out)
{
    struct capsa_cert *made = out->made;
    capsa_result result = capsa_cert_self_sign(rsa, &request, &made);
    out->made = made;
    return result;
}

static capsa_result cert_parse_pem(struct failing_out *out)
{
    struct capsa_cert *made = out->made;
    capsa_result result = capsa_cert_parse_pem(capsa_buf_bytes(&cert_pem), &made);
    out->made = made;
    return result;
}

static capsa_result cert_parse_der(struct failing_out *out)
{
    struct capsa_cert *made = out->made;
    capsa_result result = capsa_cert_parse_der(capsa_buf_bytes(&cert_der), &made);
    out->made = made;
    return result;
}

static capsa_result cert_write_pem(struct failing_out *out)
{
    return capsa_cert_write_pem(cert, &out->buf);
}

static capsa_result cert_write_der(struct failing_out *out)
{
    return capsa_cert_write_der(cert, &out->buf);
}

static capsa_result cert_party_id(struct failing_out *out)
{
    (void)out;
    char id[CAPSA_PARTY_ID];
    return capsa_cert_party_id(cert, id);
}

/* A certificate that signs itself stands in for leaf and root: its own key verifies it. */
static void free_own_cert(void *made)
{
    struct capsa_cert *const chain[] = {made, made};
    assert_ok(capsa_chain_check(chain, 2, NOW));
    capsa_cert_free(made);
}

static capsa_result chain_check(struct failing_out *out)
{
    (void)out;
    struct capsa_cert *const chain[] = {cert, cert};
    return capsa_chain_check(chain, 2, NOW);
}

static capsa_result chain_add(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY(capsa_chain_add_der(&chain, capsa_buf_bytes(&cert_der)));
    return capsa_chain_add_pem(&chain, capsa_buf_bytes(&cert_pem));
}

static void certificates_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        /* libcrypto 3.0's ASN1_item_sign_ctx frees a part of the certificate as if it were whole */
        {"cert_self_sign", cert_self_sign, free_own_cert, false, true},
        {"cert_parse_pem", cert_parse_pem, free_cert, true, false},
        {"cert_parse_der", cert_parse_der, free_cert, true, false},
        {"cert_write_pem", cert_write_pem, NULL, false, false},
        {"cert_write_der", cert_write_der, NULL, false, false},
        {"cert_party_id", cert_party_id, NULL, false, false},
        {"chain_check", chain_check, NULL, true, false},
        {"chain_add", chain_add, NULL, true, false},
    };
    FAILING_TRY_ALL(cases);
}

/* ---- Evidence -------------------------------------------------------------------------------- */

static capsa_result key_of_point(struct failing_out *out)
{
    struct capsa_public_key *made = out->made;
    capsa_result result = capsa_public_key_of_point(CAPSA_KEY_P384, capsa_bytes_of(xy.data, 48),
                                                    capsa_bytes_of(xy.data + 48, 48), &made);
    out->made = made;
    return result;
}

static capsa_result point(struct failing_out *out)
{
    return capsa_public_key_point(p384_public, &out->buf);
}

/* Signatures are checked when nothing fails any more: for a check on these curves libcrypto draws
 * randomness too, keeps no secret by it, and goes on without it. */
static capsa_result kept(capsa_result signed_, struct failing_out *out, size_t before)
{
    CAPSA_TRY(signed_);
    capsa_buf *rs = capsa_alloc(sizeof(*rs));
    bool copied = rs != NULL;
    if (copied) {
        *rs = capsa_buf_of(KIB(1));
        copied = !capsa_failed(
            capsa_buf_append(rs, capsa_bytes_from(capsa_buf_bytes(&out->buf), before)));
    }
    capsa_buf_cut(&out->buf, before);
    if (!copied) {
        capsa_dealloc(rs);
    }
    CAPSA_REQUIRE(copied, NOMEM, "out of memory");
    out->made = rs;
    return CAPSA_OK;
}

static void free_rs(capsa_buf *rs)
{
    capsa_buf_drop(rs);
    capsa_dealloc(rs);
}

static capsa_result sign_p384(struct failing_out *out)
{
    size_t before = out->buf.len;
    return kept(capsa_ecdsa_sign(p384, capsa_bytes_of(bytes, 96), &out->buf), out, before);
}

static void free_p384(void *made)
{
    assert_ok(capsa_ecdsa_check(p384_public, capsa_bytes_of(bytes, 96), capsa_buf_bytes(made)));
    free_rs(made);
}

static capsa_result sign_sm2(struct failing_out *out)
{
    size_t before = out->buf.len;
    return kept(
        capsa_sm2_sign(sm2, capsa_bytes_of(bytes, 13), capsa_bytes_of(bytes, 96), &out->buf), out,
        before);
}

static void free_sm2(void *made)
{
    assert_ok(capsa_sm2_check(sm2_public, capsa_bytes_of(bytes, 13), capsa_bytes_of(bytes, 96),
                              capsa_buf_bytes(made)));
    free_rs(made);
}

static void free_made_by_maker(void *made)
{
    assert_ok(capsa_cert_link_check(made, maker, CAPSA_LINK_P256_SHA256));
    capsa_cert_free(made);
}

static capsa_result cert_issue(struct failing_out *out)
{
    struct capsa_cert_issue issue = maker_issue();
    issue.issuer = maker;
    struct capsa_cert *made = out->made;
    capsa_result result = capsa_cert_issue(&issue, &made);
    out->made = made;
    return result;
}

static capsa_result crl_issue(struct failing_out *out)
{
    const struct capsa_crl_issue issue = list_issue();
    size_t before = out->buf.len;
    capsa_result result = capsa_crl_issue(&issue, &out->buf);
    if (!capsa_failed(result)) {
        capsa_buf_cut(&out->buf, before);
    }
    return result;
}

static void free_list(void *made)
{
    assert_int_equal(capsa_crl_count(made), 1);
    assert_true(capsa_crl_revokes(made, maker));
    capsa_crl_free(made);
}

static capsa_result crl_parse(struct failing_out *out)
{
    struct capsa_crl *made = out->made;
    capsa_result result = capsa_crl_parse(capsa_buf_bytes(&list), &made);
    out->made = made;
    return result;
}

static capsa_result link_check(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO_FREE(capsa_crl) crl = NULL;
    CAPSA_TRY(capsa_crl_parse(capsa_buf_bytes(&list), &crl));
    CAPSA_TRY(capsa_crl_check(crl, maker, CAPSA_LINK_P256_SHA256));
    return capsa_cert_link_check(maker, maker, CAPSA_LINK_P256_SHA256);
}

static capsa_result certs_parse(struct failing_out *out)
{
    (void)out;
    char name[CAPSA_COMMON_NAME];
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY(capsa_certs_parse(capsa_buf_bytes(&cert_pem), &chain));
    return capsa_cert_subject_name(chain.certs[0], name);
}

static void evidence_survives_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"public_key_of_point", key_of_point, free_public_key, true, false},
        {"public_key_point", point, NULL, false, false},
        {"ecdsa_sign", sign_p384, free_p384, true, false},
        {"sm2_sign", sign_sm2, free_sm2, true, false},
        {"cert_issue", cert_issue, free_made_by_maker, true, true}, /* as cert_self_sign */
        {"crl_issue", crl_issue, NULL, false, true},
        {"crl_parse", crl_parse, free_list, true, false},
        {"certs_parse", certs_parse, NULL, true, false},
        {"link_check", link_check, NULL, true, false},
    };
    FAILING_TRY_ALL(cases);
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_and_ciphers_survive_every_failure),
        cmocka_unit_test(keys_survive_every_failure),
        cmocka_unit_test(certificates_survive_every_failure),
        cmocka_unit_test(evidence_survives_every_failure),
    };
    return cmocka_run_group_tests_name("crypto, failing", tests, fixtures_make, fixtures_free);
}
