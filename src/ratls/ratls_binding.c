/* SPDX-License-Identifier: Apache-2.0
 *
 * What evidence in certificates binds (ratls_certificate.h; contracts, ra-tls 1 and 2): a hash, and
 * zeros up to all 64 bytes, which are all compared. Which hash, the form says, and no other counts.
 */
#include "crypto/crypto_evidence.h"
#include "ratls/ratls_dice.h"
#include "ratls/ratls_pem.h"

#define SHOWN 32 /* bytes of report data in messages: as long as the shortest hash */

/* ---- Making ---------------------------------------------------------------------------------- */

static capsa_result bind_claims(capsa_bytes spki, capsa_bytes claims, bool wide, uint8_t *data)
{
    (void)spki;
    (void)capsa_ratls_digest(wide ? CAPSA_RATLS_SHA384 : CAPSA_RATLS_SHA256, claims, data);
    return CAPSA_OK;
}

static capsa_result bind_key(capsa_bytes spki, capsa_bytes claims, bool wide, uint8_t *data)
{
    (void)claims;
    (void)wide;
    capsa_sha256(spki, data);
    return CAPSA_OK;
}

/* The text is hashed as a C string, with the NUL that ends it. */
static capsa_result bind_pem(capsa_bytes spki, capsa_bytes claims, bool wide, uint8_t *data)
{
    (void)claims;
    (void)wide;
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(spki.len * 2 + KIB(1));
    CAPSA_TRY(capsa_ratls_pem_write("PUBLIC KEY", spki, &pem));
    CAPSA_TRY(capsa_buf_u8(&pem, 0));
    capsa_sha256(capsa_buf_bytes(&pem), data);
    return CAPSA_OK;
}

static const struct {
    capsa_result (*make)(capsa_bytes spki, capsa_bytes claims, bool wide, uint8_t *data);
    const char *what;
} bindings[CAPSA_RATLS_FORM_COUNT] = {
    [CAPSA_RATLS_DICE] = {bind_claims, "the hash of its claims"},
    [CAPSA_RATLS_GRAMINE] = {bind_key, "SHA-256 of the key"},
    [CAPSA_RATLS_GRAMINE_MEANT] = {bind_key, "SHA-256 of the key"},
    [CAPSA_RATLS_GRPC] = {bind_key, "SHA-256 of the key"},
    [CAPSA_RATLS_INTEL_SDK] = {bind_pem, "SHA-256 of the key as PEM"},
    [CAPSA_RATLS_OE_V1] = {bind_pem, "SHA-256 of the key as PEM"},
    [CAPSA_RATLS_OE_OLD_V1] = {bind_pem, "SHA-256 of the key as PEM"},
};

CAPSA_RESULT capsa_ratls_report_data(enum capsa_ratls_form form, bool wide, capsa_bytes spki,
                                     capsa_bytes claims, uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    CAPSA_REQUIRE((size_t)form < CAPSA_RATLS_FORM_COUNT && bindings[form].make != NULL, UNSUPPORTED,
                  "evidence of this kind binds nothing that is known here");
    CAPSA_REQUIRE(!wide || form == CAPSA_RATLS_DICE, UNSUPPORTED,
                  "only DICE's claims have a wide binding");
    uint8_t data[CAPSA_REPORT_DATA] = {0};
    CAPSA_TRY(bindings[form].make(spki, claims, wide, data));
    memcpy(ret_report_data, data, CAPSA_REPORT_DATA);
    return CAPSA_OK;
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static void hex_of(const uint8_t bytes[SHOWN], char ret_text[2 * SHOWN + 1])
{
    for (size_t i = 0; i < SHOWN; i++) {
        ret_text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        ret_text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    ret_text[2 * SHOWN] = '\0';
}

static capsa_result say_unbound(enum capsa_ratls_form form, const uint8_t *bound,
                                const uint8_t *wanted)
{
    CAPSA_REQUIRE(memcmp(bound, wanted, CAPSA_SHA256) != 0, UNAUTHENTIC,
                  "the report data of the evidence begins with %s, and does not go on with zeros",
                  bindings[form].what);
    char got[2 * SHOWN + 1], expected[2 * SHOWN + 1];
    hex_of(bound, got);
    hex_of(wanted, expected);
    CAPSA_FAIL(UNAUTHENTIC,
               "the evidence was made for another key: its report data is %s.., and %s would be %s",
               got, bindings[form].what, expected);
}

static capsa_result check_digest(const struct capsa_ratls_certificate *certificate)
{
    uint8_t digest[CAPSA_RATLS_DIGEST];
    size_t len = capsa_ratls_digest(certificate->hash, certificate->spki, digest);
    CAPSA_REQUIRE(capsa_bytes_equal(capsa_bytes_of(digest, len), certificate->key_digest),
                  UNAUTHENTIC, "the claims are about another key than the certificate's (%s of it)",
                  capsa_ratls_hash_name(certificate->hash));
    return CAPSA_OK;
}

static capsa_result bound_bytes(const struct capsa_ratls_certificate *certificate,
                                uint8_t ret_bound[CAPSA_REPORT_DATA])
{
    struct capsa_claims claims;
    CAPSA_TRY(capsa_evidence_claims(certificate->evidence.platform,
                                    capsa_buf_bytes(&certificate->evidence.bytes), &claims));
    capsa_bytes bound = capsa_claims_report_data(&claims);
    CAPSA_REQUIRE(bound.len == CAPSA_REPORT_DATA, UNAUTHENTIC,
                  "%zu bytes of report data, wanted %d", bound.len, CAPSA_REPORT_DATA);
    memcpy(ret_bound, bound.data, CAPSA_REPORT_DATA);
    return CAPSA_OK;
}

/* Intel's SDK hashes more widely for TDX than the specification says. */
static bool may_be_wide(const struct capsa_ratls_certificate *certificate)
{
    return certificate->form == CAPSA_RATLS_DICE &&
           certificate->evidence.platform == CAPSA_PLATFORM_TDX;
}

CAPSA_RESULT capsa_ratls_bound(const struct capsa_ratls_certificate *certificate,
                               uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    uint8_t bound[CAPSA_REPORT_DATA], wanted[CAPSA_REPORT_DATA], wide[CAPSA_REPORT_DATA];
    if (certificate->form == CAPSA_RATLS_DICE) {
        CAPSA_TRY(check_digest(certificate));
    }
    CAPSA_TRY(bound_bytes(certificate, bound));
    CAPSA_TRY(capsa_ratls_report_data(certificate->form, false, certificate->spki,
                                      certificate->claims, wanted));
    bool holds = memcmp(bound, wanted, CAPSA_REPORT_DATA) == 0;
    if (!holds && may_be_wide(certificate)) {
        CAPSA_TRY(capsa_ratls_report_data(certificate->form, true, certificate->spki,
                                          certificate->claims, wide));
        holds = memcmp(bound, wide, CAPSA_REPORT_DATA) == 0;
    }
    if (!holds) {
        return say_unbound(certificate->form, bound, wanted);
    }
    memcpy(ret_report_data, bound, CAPSA_REPORT_DATA);
    return CAPSA_OK;
}
