/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains of several certificates and revocation lists, as evidence and collateral bring them. All
 * that is read is also asked for everything it says.
 */
#include <stdlib.h>

#include "crypto/crypto_pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool lies_in(capsa_bytes piece, capsa_bytes whole)
{
    return piece.len <= whole.len && memmem(whole.data, whole.len, piece.data, piece.len) != NULL;
}

static void use_cert(const struct capsa_cert *cert)
{
    char name[CAPSA_COMMON_NAME];
    must(lies_in(capsa_cert_issuer(cert), capsa_cert_der(cert)));
    must(lies_in(capsa_cert_subject(cert), capsa_cert_der(cert)));
    must(lies_in(capsa_cert_serial(cert), capsa_cert_der(cert)));
    if (!capsa_failed(capsa_cert_subject_name(cert, name))) {
        must(strlen(name) < sizeof(name));
    }
    capsa_ignore(capsa_cert_issuer_name(cert, name), "any answer will do");
    must(!capsa_cert_is_ca(cert) ||
         (capsa_cert_extensions(cert) & CAPSA_CERT_HAS_BASIC_CONSTRAINTS) != 0);
    (void)capsa_cert_signs_certs(cert);
    (void)capsa_cert_signs_crls(cert);
}

/* Read by libcrypto alone, it must say the same of its key. */
static void compare(const struct capsa_cert *quick)
{
    CAPSA_AUTO_FREE(capsa_cert) plain = NULL;
    must(!capsa_failed(capsa_cert_parse_der(capsa_cert_der(quick), &plain)));
    must(capsa_cert_same_key(quick, plain));
    must(capsa_public_key_kind(capsa_cert_key(quick)) ==
         capsa_public_key_kind(capsa_cert_key(plain)));
}

static void use_chain(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    if (capsa_failed(capsa_certs_parse(bytes, &chain))) {
        must(chain.count == 0);
        return;
    }
    must(chain.count > 0 && chain.count <= CAPSA_LIMIT_x5c_certs);
    for (size_t i = 0; i < chain.count; i++) {
        use_cert(chain.certs[i]);
        compare(chain.certs[i]);
        const struct capsa_cert *issuer = chain.certs[i + 1 < chain.count ? i + 1 : i];
        capsa_ignore(capsa_cert_link_check(chain.certs[i], issuer, CAPSA_LINK_P256_SHA256),
                     "any answer will do");
        capsa_ignore(capsa_cert_link_check(chain.certs[i], issuer, CAPSA_LINK_RSA_PSS_SHA384),
                     "any answer will do");
    }
}

static void use_list(capsa_bytes bytes)
{
    CAPSA_AUTO_FREE(capsa_crl) crl = NULL;
    if (!capsa_failed(capsa_crl_parse(bytes, &crl))) {
        capsa_time from = 0, to = 0;
        capsa_crl_validity(crl, &from, &to);
        must(lies_in(capsa_crl_issuer(crl), bytes));
        must(capsa_crl_count(crl) < bytes.len);
        (void)capsa_crl_has_number_and_aki(crl);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    use_chain(capsa_bytes_of(data, size));
    use_list(capsa_bytes_of(data, size));
    return 0;
}
