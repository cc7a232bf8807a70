/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates, private and public keys, DER and PEM. A certificate that is read is also checked,
 * written and read again, and must stay the same party; a public key that is read must be written
 * as the same bytes.
 */
#include <stdlib.h>

#include "crypto/crypto.h"

#define FUZZ_NOW  ((capsa_time)1795000000)
#define FUZZ_OID  "2.5.29.17" /* subjectAltName, which the seeds have */
#define SMALL_KEY 200         /* bytes: a P-256 key in DER has 121 to 138 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void use(struct capsa_cert *cert)
{
    char id[CAPSA_PARTY_ID], again_id[CAPSA_PARTY_ID];
    must(!capsa_failed(capsa_cert_party_id(cert, id)));
    struct capsa_cert *chain[] = {cert, cert};
    capsa_ignore(capsa_chain_check(chain, 1, FUZZ_NOW), "any answer will do");
    capsa_ignore(capsa_chain_check(chain, 2, FUZZ_NOW), "any answer will do");
    capsa_ignore(capsa_sign_check(capsa_cert_key(cert), CAPSA_RS256, capsa_bytes_str("text"),
                                  CAPSA_BYTES_LITERAL("signature")),
                 "any answer will do");
    CAPSA_AUTO(capsa_buf) extension = capsa_buf_of(MIB(1));
    capsa_ignore(capsa_cert_extension(cert, FUZZ_OID, &extension), "any answer will do");
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(MIB(1));
    CAPSA_AUTO_FREE(capsa_cert) again = NULL;
    must(!capsa_failed(capsa_cert_write_pem(cert, &pem)));
    if (!capsa_failed(capsa_cert_parse_pem(capsa_buf_bytes(&pem), &again))) {
        must(!capsa_failed(capsa_cert_party_id(again, again_id)));
        must(capsa_streq(id, again_id));
    }
}

/* OpenSSL takes milliseconds to find that bytes are no key, so only some are shown to it. A public
 * key begins with a SEQUENCE in a SEQUENCE, a private one with a number. */
static bool may_be_public(capsa_bytes bytes)
{
    return bytes.len > 2 && bytes.len < SMALL_KEY && bytes.data[2] == 0x30;
}

static bool may_be_private(capsa_bytes bytes)
{
    static const char mark[] = "PRIVATE KEY";
    return (bytes.len < SMALL_KEY && !may_be_public(bytes)) ||
           memmem(bytes.data, bytes.len, mark, sizeof(mark) - 1) != NULL;
}

static void use_public(capsa_bytes bytes)
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    if (may_be_public(bytes) && !capsa_failed(capsa_public_key_parse(bytes, &key))) {
        CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(SMALL_KEY);
        must(!capsa_failed(capsa_public_key_spki(key, &spki)));
        must(capsa_bytes_equal(capsa_buf_bytes(&spki), bytes));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    capsa_bytes bytes = {data, size};
    CAPSA_AUTO_FREE(capsa_cert) from_der = NULL;
    CAPSA_AUTO_FREE(capsa_cert) from_pem = NULL;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    if (!capsa_failed(capsa_cert_parse_der(bytes, &from_der))) {
        use(from_der);
    }
    if (!capsa_failed(capsa_cert_parse_pem(bytes, &from_pem))) {
        use(from_pem);
    }
    use_public(bytes);
    if (may_be_private(bytes) && !capsa_failed(capsa_private_key_parse(bytes, &key))) {
        CAPSA_AUTO_FREE(capsa_public_key) own = NULL;
        must(!capsa_failed(capsa_public_key_of(key, &own)));
    }
    return 0;
}
