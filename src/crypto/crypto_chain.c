/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains of certificates: the checks of RFC 5280 §6 that bear on who signed. A chain here is not
 * searched for but given, and its last certificate is not trusted: it is whose party id counts. So
 * names and policies constrain nothing, and a critical extension that this file does not judge is
 * refused instead of skipped. There is no revocation list in this protocol.
 */
#include "crypto/crypto_x509.h"

#define SIGNATURE_BITS_MIN 112 /* SHA-1 and MD5 are below it */

struct place {
    size_t index; /* 0 is the leaf */
    size_t count;
};

/* ---- one certificate ------------------------------------------------------------------------- */

static capsa_result check_validity(const struct capsa_cert *cert, capsa_time now, size_t index)
{
    char text[CAPSA_TIME_TEXT];
    if (now < cert->not_before) {
        capsa_time_text(cert->not_before, text);
        CAPSA_FAIL(EXPIRED, "certificate %zu of the chain is not valid before %s", index, text);
    }
    if (now > cert->not_after) {
        capsa_time_text(cert->not_after, text);
        CAPSA_FAIL(EXPIRED, "certificate %zu of the chain expired at %s", index, text);
    }
    return CAPSA_OK;
}

static bool is_judged(X509_EXTENSION *extension, int *ret_nid)
{
    static const int judged[] = {NID_basic_constraints,      NID_key_usage,
                                 NID_ext_key_usage,          NID_subject_alt_name,
                                 NID_subject_key_identifier, NID_authority_key_identifier};
    *ret_nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
    for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
        if (*ret_nid == judged[i]) {
            return true;
        }
    }
    return false;
}

static capsa_result check_extensions(const struct capsa_cert *cert, size_t index)
{
    for (int i = 0; i < X509_get_ext_count(cert->x509); i++) {
        X509_EXTENSION *extension = X509_get_ext(cert->x509, i);
        int nid = NID_undef;
        if (X509_EXTENSION_get_critical(extension) == 1 && !is_judged(extension, &nid)) {
            CAPSA_FAIL(UNAUTHENTIC,
                       "certificate %zu of the chain has a critical extension that is not "
                       "understood (%s)",
                       index, nid == NID_undef ? "unknown" : OBJ_nid2sn(nid));
        }
    }
    return CAPSA_OK;
}

/* ---- one link -------------------------------------------------------------------------------- */

static capsa_result check_issuer_may_sign(const struct capsa_cert *issuer, struct place at)
{
    uint32_t flags = X509_get_extension_flags(issuer->x509);
    if ((flags & EXFLAG_BCONS) == 0) {
        bool plain = (flags & EXFLAG_V1) != 0 || X509_get_ext_count(issuer->x509) == 0;
        CAPSA_REQUIRE(plain && at.index + 1 == at.count, UNAUTHENTIC,
                      "certificate %zu of the chain signs another one without being a CA "
                      "(no basicConstraints)",
                      at.index);
    } else {
        CAPSA_REQUIRE((flags & EXFLAG_CA) != 0, UNAUTHENTIC,
                      "certificate %zu of the chain signs another one without being a CA",
                      at.index);
    }
    /* UINT32_MAX, which has all bits, when there is no such extension */
    CAPSA_REQUIRE((X509_get_key_usage(issuer->x509) & KU_KEY_CERT_SIGN) != 0, UNAUTHENTIC,
                  "certificate %zu of the chain may not sign certificates by its keyUsage",
                  at.index);
    long below = X509_get_pathlen(issuer->x509); /* -1: no limit */
    CAPSA_REQUIRE(below < 0 || (size_t)below + 1 >= at.index, UNAUTHENTIC,
                  "certificate %zu of the chain allows %ld certificates between it and the leaf, "
                  "and there are %zu",
                  at.index, below, at.index - 1);
    return CAPSA_OK;
}

static capsa_result check_issuer_key(const struct capsa_public_key *key, size_t index)
{
    CAPSA_REQUIRE(capsa_crypto_certifies(key->kind), UNAUTHENTIC,
                  "certificate %zu of the chain signs another one with a key that is neither RSA "
                  "nor P-256 nor P-384 nor SM2",
                  index);
    if (key->kind == CAPSA_KEY_RSA) {
        CAPSA_TRY_AT(capsa_crypto_rsa_check(key->pkey), "certificate %zu of the chain", index);
    }
    return CAPSA_OK;
}

static capsa_result check_signature(const struct capsa_cert *cert, const struct capsa_cert *issuer,
                                    size_t index)
{
    int bits = 0;
    bool known = X509_get_signature_info(cert->x509, NULL, NULL, &bits, NULL) == 1;
    CRYPTO_REQUIRE_MEMORY_UNLESS(known);
    CAPSA_REQUIRE(known && bits >= SIGNATURE_BITS_MIN, UNAUTHENTIC,
                  "certificate %zu of the chain is signed in a way that is too weak or not known",
                  index);
    int status = X509_verify(cert->x509, issuer->key->pkey);
    CRYPTO_REQUIRE_MEMORY_UNLESS(status == 1);
    CAPSA_REQUIRE(status == 1, UNAUTHENTIC,
                  "certificate %zu of the chain is not signed by certificate %zu", index,
                  index + 1);
    return CAPSA_OK;
}

static capsa_result check_link(const struct capsa_cert *cert, const struct capsa_cert *issuer,
                               struct place at)
{
    CAPSA_REQUIRE(
        X509_NAME_cmp(X509_get_issuer_name(cert->x509), X509_get_subject_name(issuer->x509)) == 0,
        UNAUTHENTIC,
        "certificate %zu of the chain names another issuer than certificate "
        "%zu",
        at.index, at.index + 1);
    struct place issuer_at = {at.index + 1, at.count};
    CAPSA_TRY(check_issuer_may_sign(issuer, issuer_at));
    CAPSA_TRY(check_issuer_key(issuer->key, issuer_at.index));
    return check_signature(cert, issuer, at.index);
}

CAPSA_RESULT capsa_chain_check(struct capsa_cert *const *chain, size_t count, capsa_time now)
{
    CAPSA_REQUIRE(count > 0, MALFORMED, "an empty chain of certificates");
    CAPSA_REQUIRE(count <= CAPSA_LIMIT_x5c_certs, TOO_LARGE,
                  "a chain of %zu certificates, at most %d", count, CAPSA_LIMIT_x5c_certs);
    for (size_t i = 0; i < count; i++) {
        CAPSA_REQUIRE(!chain[i]->is_bare, INTERNAL,
                      "certificate %zu of the chain was read for other checks than these", i);
        CAPSA_TRY(check_validity(chain[i], now, i));
        CAPSA_TRY(check_extensions(chain[i], i));
    }
    for (size_t i = 0; i + 1 < count; i++) {
        CAPSA_TRY(check_link(chain[i], chain[i + 1], (struct place){i, count}));
    }
    return CAPSA_OK;
}

/* ---- a chain that owns its certificates ------------------------------------------------------ */

void capsa_chain_drop(capsa_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        capsa_cert_free(chain->certs[i]);
        chain->certs[i] = NULL;
    }
    chain->count = 0;
}

static capsa_result chain_add(capsa_chain *chain, capsa_bytes text,
                              capsa_result (*parse)(capsa_bytes text, struct capsa_cert **ret))
{
    CAPSA_REQUIRE(chain->count < CAPSA_LIMIT_x5c_certs, TOO_LARGE,
                  "a chain of more than %d certificates", CAPSA_LIMIT_x5c_certs);
    CAPSA_TRY_AT(parse(text, &chain->certs[chain->count]), "certificate %zu of the chain",
                 chain->count);
    chain->count++;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_chain_add_der(capsa_chain *chain, capsa_bytes der)
{
    return chain_add(chain, der, capsa_cert_parse_der);
}

CAPSA_RESULT capsa_chain_add_pem(capsa_chain *chain, capsa_bytes pem)
{
    return chain_add(chain, pem, capsa_cert_parse_pem);
}
