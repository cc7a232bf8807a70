/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains of Intel's certificates: which certificate is which, and whether it may be that. Order is
 * found by names, so that chains may come in any; how many there are is fixed. What a role asks is
 * a row of a table. It is stricter than Intel's library in looking at CA, keyUsage and the kind of
 * key, without which any leaf could pose as an intermediate.
 */
#include "verifier/verifier_dcap.h"

#include <stdio.h>

void capsa_window_add(struct capsa_window *window, capsa_time from, capsa_time until)
{
    until -= until == 0 ? 1 : 0; /* zero says that nothing ends */
    if (from > window->issued) {
        window->issued = from;
    }
    if (window->expires == 0 || until < window->expires) {
        window->expires = until;
    }
}

/* ---- Roles ------------------------------------------------------------------------------------
 */

#define EXTENSIONS_WANTED                                                                          \
    (CAPSA_CERT_HAS_AKI | CAPSA_CERT_HAS_SKI | CAPSA_CERT_HAS_KEY_USAGE |                          \
     CAPSA_CERT_HAS_BASIC_CONSTRAINTS | CAPSA_CERT_HAS_CRL_POINTS)

static const struct role {
    const char *what;
    const char *names[2]; /* one of them stands in the common name */
    bool is_ca;
} roles[] = {
    [CAPSA_DCAP_LEAF] = {"PCK certificate", {"Intel SGX PCK Certificate", NULL}, false},
    [CAPSA_DCAP_INTERMEDIATE] = {"PCK CA",
                                 {"Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"},
                                 true},
    [CAPSA_DCAP_ROOT] = {"root CA", {"Intel SGX Root CA", NULL}, true},
    [CAPSA_DCAP_SIGNER] = {"TCB signing certificate", {"Intel SGX TCB Signing", NULL}, false},
};

static CAPSA_RESULT check_name(const struct capsa_cert *cert, const struct role *role)
{
    char name[CAPSA_COMMON_NAME];
    CAPSA_TRY(capsa_cert_subject_name(cert, name));
    for (size_t i = 0; i < 2 && role->names[i] != NULL; i++) {
        if (strstr(name, role->names[i]) != NULL) {
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(UNAUTHENTIC, "its common name is \"%s\", wanted is \"%s\"%s%s%s", name,
               role->names[0], role->names[1] == NULL ? "" : " or \"",
               role->names[1] == NULL ? "" : role->names[1], role->names[1] == NULL ? "" : "\"");
}

static CAPSA_RESULT check_role(const struct capsa_cert *cert, const struct role *role)
{
    CAPSA_TRY(check_name(cert, role));
    unsigned missing = EXTENSIONS_WANTED & ~capsa_cert_extensions(cert);
    CAPSA_REQUIRE(missing == 0, UNAUTHENTIC, "it lacks%s%s%s%s%s",
                  (missing & CAPSA_CERT_HAS_AKI) ? " authorityKeyIdentifier" : "",
                  (missing & CAPSA_CERT_HAS_SKI) ? " subjectKeyIdentifier" : "",
                  (missing & CAPSA_CERT_HAS_KEY_USAGE) ? " keyUsage" : "",
                  (missing & CAPSA_CERT_HAS_BASIC_CONSTRAINTS) ? " basicConstraints" : "",
                  (missing & CAPSA_CERT_HAS_CRL_POINTS) ? " cRLDistributionPoints" : "");
    CAPSA_REQUIRE(capsa_cert_is_ca(cert) == role->is_ca, UNAUTHENTIC,
                  role->is_ca ? "basicConstraints do not say that it is a CA"
                              : "basicConstraints say that it is a CA");
    CAPSA_REQUIRE(!role->is_ca || (capsa_cert_signs_certs(cert) && capsa_cert_signs_crls(cert)),
                  UNAUTHENTIC, "keyUsage lets it sign no certificates or revocation lists");
    CAPSA_REQUIRE(capsa_public_key_kind(capsa_cert_key(cert)) == CAPSA_KEY_P256, UNAUTHENTIC,
                  "its key is not on P-256");
    return CAPSA_OK;
}

/* ---- Order ------------------------------------------------------------------------------------
 */

static bool issued_by(const struct capsa_cert *cert, const struct capsa_cert *issuer)
{
    return capsa_bytes_equal(capsa_cert_issuer(cert), capsa_cert_subject(issuer));
}

static void swap(capsa_chain *chain, size_t a, size_t b)
{
    struct capsa_cert *kept = chain->certs[a];
    chain->certs[a] = chain->certs[b];
    chain->certs[b] = kept;
}

/* The one of the first `count` whose issuer is `issuer` (NULL: itself), moved behind them. */
static CAPSA_RESULT move_issued(capsa_chain *chain, size_t count, const struct capsa_cert *issuer)
{
    for (size_t i = 0; i < count; i++) {
        if (issued_by(chain->certs[i], issuer == NULL ? chain->certs[i] : issuer)) {
            swap(chain, i, count - 1);
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(UNAUTHENTIC, issuer == NULL ? "no certificate of the chain names itself as issuer"
                                           : "no certificate of the chain names the next one up "
                                             "as issuer");
}

static CAPSA_RESULT check_roles(capsa_chain *chain, const enum capsa_dcap_role *wanted,
                                size_t count)
{
    CAPSA_REQUIRE(chain->count == count, UNAUTHENTIC, "%zu certificates, %zu are wanted",
                  chain->count, count);
    CAPSA_TRY(move_issued(chain, count, NULL));
    for (size_t i = count - 1; i > 0; i--) {
        CAPSA_TRY(move_issued(chain, i, chain->certs[i]));
    }
    for (size_t i = 0; i < count; i++) {
        const struct role *role = &roles[wanted[i]];
        CAPSA_TRY_AT(check_role(chain->certs[i], role), "the %s", role->what);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_dcap_pck_roles(capsa_chain *chain)
{
    static const enum capsa_dcap_role wanted[] = {CAPSA_DCAP_LEAF, CAPSA_DCAP_INTERMEDIATE,
                                                  CAPSA_DCAP_ROOT};
    return check_roles(chain, wanted, sizeof(wanted) / sizeof(wanted[0]));
}

CAPSA_RESULT capsa_dcap_signer_roles(capsa_chain *chain)
{
    static const enum capsa_dcap_role wanted[] = {CAPSA_DCAP_SIGNER, CAPSA_DCAP_ROOT};
    return check_roles(chain, wanted, sizeof(wanted) / sizeof(wanted[0]));
}

CAPSA_RESULT capsa_dcap_chain_parse(struct capsa_cert_cache *certs, capsa_bytes text,
                                    capsa_chain *ret_chain)
{
    return capsa_certs_parse_known(certs, text, ret_chain);
}
