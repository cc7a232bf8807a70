/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: certificates and revocation lists that makers of hardware really issued, as recorded.
 */
#include "unit.h"

#include <openssl/err.h>

#include "codec/text.h"
#include "crypto/crypto_pki.h"
#include "vectors.h"

static int no_errors_are_left(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static capsa_buf read_file(const char *folder, const char *file)
{
    char name[512];
    (void)snprintf(name, sizeof(name), "%s/%s", folder, file);
    capsa_buf content = capsa_buf_of(MIB(4));
    test_vector_read(name, &content);
    return content;
}

static bool has(const capsa_buf *text, const char *part)
{
    return memmem(text->data, text->len, part, strlen(part)) != NULL;
}

/* ---- AMD ------------------------------------------------------------------------------------- */

static void add_file(capsa_chain *chain, const char *folder, const char *file)
{
    CAPSA_AUTO(capsa_buf) text = read_file(folder, file);
    CAPSA_AUTO(capsa_chain) one = {.count = 0};
    assert_ok(capsa_certs_parse(capsa_buf_bytes(&text), &one));
    assert_int_equal(one.count, 1);
    assert_ok(capsa_chain_add_der(chain, capsa_cert_der(one.certs[0])));
}

static void use_amd(const char *folder, void *context)
{
    (void)context;
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    add_file(&chain, folder, "leaf.der");
    add_file(&chain, folder, "ask.pem");
    add_file(&chain, folder, "ark.pem");
    for (size_t i = 0; i < 3; i++) {
        const struct capsa_cert *issuer = chain.certs[i < 2 ? i + 1 : i];
        assert_ok(capsa_cert_link_check(chain.certs[i], issuer, CAPSA_LINK_RSA_PSS_SHA384));
        assert_fails(capsa_cert_link_check(chain.certs[i], issuer, CAPSA_LINK_P256_SHA256),
                     UNAUTHENTIC);
    }
    assert_fails(capsa_cert_link_check(chain.certs[0], chain.certs[2], CAPSA_LINK_RSA_PSS_SHA384),
                 UNAUTHENTIC);
    assert_int_equal(capsa_public_key_kind(capsa_cert_key(chain.certs[0])), CAPSA_KEY_P384);
    assert_int_equal(capsa_public_key_rsa_size(capsa_cert_key(chain.certs[1])), 512);
    assert_false(capsa_cert_is_ca(chain.certs[0]));
    assert_true(capsa_cert_is_ca(chain.certs[1]) && capsa_cert_signs_certs(chain.certs[1]));
    assert_true(capsa_cert_is_ca(chain.certs[2]) && capsa_cert_signs_certs(chain.certs[2]));
    char leaf[CAPSA_COMMON_NAME], ask[CAPSA_COMMON_NAME], ark[CAPSA_COMMON_NAME];
    assert_ok(capsa_cert_subject_name(chain.certs[0], leaf));
    assert_ok(capsa_cert_issuer_name(chain.certs[0], ask));
    assert_ok(capsa_cert_issuer_name(chain.certs[1], ark));
    assert_true(capsa_streq(leaf, "SEV-VCEK") || capsa_streq(leaf, "SEV-VLEK"));
    assert_memory_equal(ask, "SEV-", 4);
    assert_memory_equal(ark, "ARK-", 4);
}

static void chains_of_amd_hold(void **state)
{
    (void)state;
    assert_true(test_vector_each("attestation", "snp_", use_amd, NULL) >= 10);
}

/* ---- Intel ----------------------------------------------------------------------------------- */

/* The certificates in a quote: one PEM block after the other, and perhaps zeros. */
static bool chain_of_quote(const char *folder, capsa_chain *ret_chain)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    CAPSA_AUTO(capsa_buf) quote = read_file(folder, "quote.bin");
    const uint8_t *from = memmem(quote.data, quote.len, begin, strlen(begin));
    if (from == NULL) {
        return false;
    }
    capsa_bytes text = capsa_bytes_from(capsa_buf_bytes(&quote), (size_t)(from - quote.data));
    const uint8_t *to = from;
    for (const uint8_t *at = from; at != NULL;
         at = memmem(at + 1, text.len - (size_t)(at + 1 - from), end, strlen(end))) {
        to = at;
    }
    text.len = (size_t)(to - from) + strlen(end);
    bool zero_behind = from + text.len < quote.data + quote.len && from[text.len] == 0;
    text.len += zero_behind ? 1 : 0;
    return !capsa_failed(capsa_certs_parse(text, ret_chain));
}

/* A member of a JSON object that is hex. */
static struct capsa_crl *list_of(const capsa_buf *json, const char *member)
{
    const char *at = memmem(json->data, json->len, member, strlen(member));
    assert_non_null(at);
    at = strchr(at + strlen(member), ':');
    assert_non_null(at);
    at = strchr(at, '"') + 1;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(MIB(1));
    assert_ok(capsa_hex_parse(capsa_bytes_of(at, strcspn(at, "\"")), &der));
    struct capsa_crl *crl = NULL;
    assert_ok(capsa_crl_parse(capsa_buf_bytes(&der), &crl));
    return crl;
}

static size_t intel_chains, revocations;

static void use_lists(const char *folder, const capsa_chain *chain)
{
    CAPSA_AUTO(capsa_buf) json = read_file(folder, "collateral.json");
    const char *text = NULL;
    assert_ok(capsa_buf_cstr(&json, &text));
    CAPSA_AUTO_FREE(capsa_crl) root = list_of(&json, "\"root_ca_crl\"");
    CAPSA_AUTO_FREE(capsa_crl) pck = list_of(&json, "\"pck_crl\"");
    assert_ok(capsa_crl_check(root, chain->certs[2], CAPSA_LINK_P256_SHA256));
    assert_ok(capsa_crl_check(pck, chain->certs[1], CAPSA_LINK_P256_SHA256));
    assert_fails(capsa_crl_check(root, chain->certs[1], CAPSA_LINK_P256_SHA256), UNAUTHENTIC);
    assert_true(capsa_crl_has_number_and_aki(root) && capsa_crl_has_number_and_aki(pck));
    assert_false(capsa_crl_revokes(root, chain->certs[1]));
    assert_false(capsa_crl_revokes(pck, chain->certs[0]));
    capsa_time from = 0, to = 0;
    capsa_crl_validity(pck, &from, &to);
    assert_true(from > 1500000000 && to > from);
    revocations += capsa_crl_count(pck);
}

static void use_intel(const char *folder, void *context)
{
    (void)context;
    CAPSA_AUTO(capsa_buf) expected = read_file(folder, "expected.json");
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    if (!has(&expected, "\"verdict\": \"accept\"") || !chain_of_quote(folder, &chain)) {
        return;
    }
    assert_int_equal(chain.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(capsa_cert_link_check(chain.certs[i], chain.certs[i < 2 ? i + 1 : i],
                                        CAPSA_LINK_P256_SHA256));
        unsigned all = CAPSA_CERT_HAS_AKI | CAPSA_CERT_HAS_SKI | CAPSA_CERT_HAS_KEY_USAGE |
                       CAPSA_CERT_HAS_BASIC_CONSTRAINTS | CAPSA_CERT_HAS_CRL_POINTS;
        assert_int_equal(capsa_cert_extensions(chain.certs[i]), all);
        assert_int_equal(capsa_cert_is_ca(chain.certs[i]), i > 0);
    }
    char name[CAPSA_COMMON_NAME];
    assert_ok(capsa_cert_subject_name(chain.certs[0], name));
    assert_non_null(strstr(name, "Intel SGX PCK Certificate"));
    assert_ok(capsa_cert_subject_name(chain.certs[2], name));
    assert_string_equal(name, "Intel SGX Root CA");
    use_lists(folder, &chain);
    intel_chains++;
}

static void chains_and_lists_of_intel_hold(void **state)
{
    (void)state;
    (void)test_vector_each("attestation", "sgx_", use_intel, NULL);
    (void)test_vector_each("attestation", "tdx_", use_intel, NULL);
    assert_true(intel_chains >= 20);
    assert_true(revocations > 500);
}

#define CASE(name) cmocka_unit_test_teardown(name, no_errors_are_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(chains_of_amd_hold),
        CASE(chains_and_lists_of_intel_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
