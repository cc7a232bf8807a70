/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a certificate (ratls_certificate.h): which of its extensions is the evidence that counts,
 * and what is in it. Where DICE's stands, nothing else counts, whatever is wrong with it: who could
 * break it in transit would otherwise choose what is judged.
 */
#include "ratls/ratls_certificate.h"

#include "base/alloc.h"
#include "crypto/crypto_evidence.h"
#include "crypto/crypto_pki.h"
#include "ratls/ratls_dice.h"
#include "ratls/ratls_evidence.h"
#include "ratls/ratls_pem.h"
#include "ratls/ratls_x509.h"

/* ---- Choosing -------------------------------------------------------------------------------- */

/* Extensions of ours among a certificate's; NULL: it has none of the kind. */
struct found {
    const struct capsa_ratls_extension *dice, *endorsements, *legacy, *unsupported;
    enum capsa_ratls_form legacy_form, unsupported_form;
    size_t legacies;
    bool has_pck; /* Intel's number, and what its PCK certificates keep there */
};

static void note_legacy(struct found *found, enum capsa_ratls_form form,
                        const struct capsa_ratls_extension *extension)
{
    if (!capsa_ratls_is_evidence(form, extension->content)) {
        found->has_pck = true;
        return;
    }
    found->legacy = extension;
    found->legacy_form = form;
    found->legacies++;
}

static void note_extension(struct found *found, const struct capsa_ratls_extension *extension)
{
    enum capsa_ratls_form form = capsa_ratls_form_by_oid(extension->oid);
    if (form == CAPSA_RATLS_NONE) {
        return;
    }
    if (form == CAPSA_RATLS_DICE) {
        found->dice = extension;
    } else if (form == CAPSA_RATLS_ENDORSEMENTS) {
        found->endorsements = extension;
    } else if (capsa_ratls_form_type(form)->use == CAPSA_RATLS_USE_EVIDENCE) {
        note_legacy(found, form, extension);
    } else if (found->unsupported == NULL) {
        found->unsupported = extension;
        found->unsupported_form = form;
    }
}

static struct found find(const struct capsa_ratls_x509 *x509)
{
    struct found found = {.dice = NULL};
    for (size_t i = 0; i < x509->count; i++) {
        note_extension(&found, &x509->extensions[i]);
    }
    return found;
}

static capsa_result check_legacy(const struct found *found)
{
    bool is_known = found->unsupported == NULL || found->legacies > 0;
    CAPSA_REQUIRE(is_known, UNSUPPORTED,
                  "the certificate's evidence is of a kind that is not read: "
                  "%s",
                  capsa_ratls_form_type(found->unsupported_form)->what);
    CAPSA_REQUIRE(found->legacies > 0 || !found->has_pck, MALFORMED,
                  "the certificate carries no evidence: what it has under 1.2.840.113741.1.13.1 is "
                  "the extension of Intel's PCK certificates, and no quote");
    CAPSA_REQUIRE(found->legacies > 0, MALFORMED, "the certificate carries no evidence");
    CAPSA_REQUIRE(
        found->legacies == 1 && found->unsupported == NULL, MALFORMED,
        "the certificate carries evidence twice, of two generations, and DICE's is none of "
        "them: which one counts cannot be told");
    return CAPSA_OK;
}

/* ---- Reading what was chosen ----------------------------------------------------------------- */

static capsa_result read_dice(const struct capsa_ratls_extension *extension,
                              struct capsa_ratls_certificate *certificate)
{
    struct capsa_ratls_dice dice;
    struct capsa_ratls_claims claims;
    CAPSA_TRY(capsa_ratls_dice_read_evidence(extension->content, &dice));
    CAPSA_TRY(capsa_ratls_dice_read_claims(dice.claims, &claims));
    CAPSA_TRY_AT(capsa_evidence_of_bytes(dice.evidence, &certificate->evidence), "DICE evidence");
    CAPSA_TRY(capsa_ratls_dice_check_platform(dice.tag, certificate->evidence.platform));
    certificate->form = CAPSA_RATLS_DICE;
    certificate->critical = extension->critical;
    certificate->claims = dice.claims;
    certificate->hash = claims.hash;
    certificate->key_digest = claims.key_digest;
    certificate->nonce = claims.nonce;
    return CAPSA_OK;
}

static capsa_result read_legacy(const struct found *found,
                                struct capsa_ratls_certificate *certificate)
{
    CAPSA_TRY(check_legacy(found));
    certificate->form = found->legacy_form;
    certificate->critical = found->legacy->critical;
    return capsa_ratls_legacy_evidence(found->legacy_form, found->legacy->content,
                                       &certificate->evidence);
}

static bool is_intel(enum capsa_platform platform)
{
    return platform == CAPSA_PLATFORM_SGX || platform == CAPSA_PLATFORM_TDX;
}

static capsa_result read_endorsements(const struct capsa_ratls_extension *extension,
                                      struct capsa_ratls_certificate *certificate)
{
    CAPSA_REQUIRE(is_intel(certificate->evidence.platform), MALFORMED,
                  "DICE endorsements of Intel beside evidence of %s",
                  capsa_platform_what(certificate->evidence.platform));
    return capsa_ratls_dice_read_endorsements(extension->content, &certificate->endorsements);
}

static capsa_result read_evidence(const struct capsa_ratls_x509 *x509,
                                  struct capsa_ratls_certificate *certificate)
{
    const struct found found = find(x509);
    if (found.dice != NULL) {
        CAPSA_TRY(read_dice(found.dice, certificate));
        certificate->has_legacy = found.legacies > 0 || found.unsupported != NULL;
    } else {
        CAPSA_TRY(read_legacy(&found, certificate));
    }
    /* What has no claims is no evidence; what it claims is asked for where it is needed. */
    struct capsa_claims claims;
    CAPSA_TRY_AT(capsa_evidence_claims(certificate->evidence.platform,
                                       capsa_buf_bytes(&certificate->evidence.bytes), &claims),
                 "the certificate's evidence");
    return found.endorsements == NULL ? CAPSA_OK
                                      : read_endorsements(found.endorsements, certificate);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void take_facts(const struct capsa_ratls_x509 *x509,
                       struct capsa_ratls_certificate *certificate)
{
    certificate->x509_version = x509->version;
    certificate->signed_with_sha1 = capsa_selfcheck_is_sha1(x509->algorithm);
    certificate->not_before = x509->not_before;
    certificate->not_after = x509->not_after;
    certificate->tbs = x509->tbs;
    certificate->algorithm = x509->algorithm;
    certificate->signature = x509->signature;
    certificate->spki = x509->spki;
    capsa_sha256(x509->spki, certificate->spki_sha256);
}

static capsa_result read_certificate(capsa_bytes text,
                                     struct capsa_ratls_certificate **ret_certificate)
{
    CAPSA_AUTO_FREE(capsa_ratls_certificate)
    certificate = CAPSA_NEW(struct capsa_ratls_certificate);
    CAPSA_REQUIRE_MEMORY(certificate);
    certificate->der = capsa_buf_of(CAPSA_LIMIT_ratls_certificate);
    capsa_collateral_init(&certificate->endorsements);
    CAPSA_TRY(capsa_ratls_pem_certificate(text, &certificate->der));
    struct capsa_ratls_x509 x509;
    CAPSA_TRY(capsa_ratls_x509_parse(capsa_buf_bytes(&certificate->der), &x509));
    take_facts(&x509, certificate);
    CAPSA_TRY(read_evidence(&x509, certificate));
    *ret_certificate = certificate;
    certificate = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_read(capsa_bytes text, struct capsa_ratls_certificate **ret_certificate)
{
    capsa_result result = read_certificate(text, ret_certificate);
    if (capsa_code_of(result) != CAPSA_E_TRUNCATED) {
        return result;
    }
    /* A part that ends too early, in a certificate that is whole, is a bad part. */
    struct capsa_error kept;
    capsa_error_keep(result, &kept);
    kept.code = CAPSA_E_MALFORMED;
    return capsa_error_again(&kept);
}

void capsa_ratls_certificate_free(struct capsa_ratls_certificate *certificate)
{
    if (certificate == NULL) {
        return;
    }
    capsa_buf_drop(&certificate->der);
    capsa_evidence_drop(&certificate->evidence);
    capsa_collateral_drop(&certificate->endorsements);
    capsa_dealloc(certificate);
}
