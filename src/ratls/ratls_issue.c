/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a certificate with evidence (contracts, ra-tls 2 to 4). The key first, since all evidence
 * binds it; then what each form binds, and one piece of evidence for each of these that differs;
 * then the extensions, legacy ones before DICE's, as everybody's certificates have them.
 */
#include "ratls/ratls_issue.h"

#include "base/limits.h"
#include "crypto/crypto_evidence.h"
#include "ratls/ratls_dice.h"

#define RSA_BITS       3072
#define EXTENSIONS_MAX 4 /* two legacy ones, DICE's evidence and endorsements */
#define SPKI_MAX       KIB(1)

/* Evidence that binds `report_data`. */
struct issue_quote {
    uint8_t report_data[CAPSA_REPORT_DATA];
    capsa_buf evidence;
};

/* Everything on the way to a certificate. */
typedef struct {
    const struct capsa_ratls_attester *attester;
    const struct capsa_ratls_profile *profile;
    capsa_buf spki, claims;
    struct issue_quote quotes[EXTENSIONS_MAX];
    size_t quotes_count;
    capsa_collateral collateral; /* what came with the evidence */
    capsa_buf contents[EXTENSIONS_MAX];
    struct capsa_cert_extra extensions[EXTENSIONS_MAX];
    size_t extensions_count;
} issuing;

static void issuing_init(issuing *work, const struct capsa_ratls_attester *attester,
                         const struct capsa_ratls_profile *profile)
{
    *work = (issuing){.attester = attester, .profile = profile};
    work->spki = capsa_buf_of(SPKI_MAX);
    work->claims = capsa_buf_of(CAPSA_LIMIT_ratls_nonce + KIB(1));
    capsa_collateral_init(&work->collateral);
    for (size_t i = 0; i < EXTENSIONS_MAX; i++) {
        work->quotes[i].evidence = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
        work->contents[i] = capsa_buf_of(CAPSA_LIMIT_ratls_certificate);
    }
}

static void issuing_drop(issuing *work)
{
    capsa_buf_drop(&work->spki);
    capsa_buf_drop(&work->claims);
    capsa_collateral_drop(&work->collateral);
    for (size_t i = 0; i < EXTENSIONS_MAX; i++) {
        capsa_buf_drop(&work->quotes[i].evidence);
        capsa_buf_drop(&work->contents[i]);
    }
}

/* ---- The key --------------------------------------------------------------------------------- */

static capsa_result make_key(enum capsa_key_kind kind, struct capsa_private_key **ret_key)
{
    switch (kind) {
    case CAPSA_KEY_P256:
        return capsa_private_key_new_p256(ret_key);
    case CAPSA_KEY_P384:
        return capsa_private_key_new_p384(ret_key);
    default: /* capsa_ratls_profile_check has seen to it */
        return capsa_private_key_new_rsa(RSA_BITS, ret_key);
    }
}

static capsa_result note_spki(issuing *work, const struct capsa_private_key *key)
{
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    CAPSA_TRY(capsa_public_key_of(key, &public_key));
    return capsa_public_key_spki(public_key, &work->spki);
}

/* ---- Evidence -------------------------------------------------------------------------------- */

/* A platform that binds something else would make certificates that nobody takes: better said here
 * than by every peer. */
static capsa_result check_bound(const issuing *work, const struct issue_quote *quote)
{
    struct capsa_claims claims;
    CAPSA_TRY_AT(
        capsa_evidence_claims(work->attester->platform, capsa_buf_bytes(&quote->evidence), &claims),
        "evidence that was just made");
    CAPSA_REQUIRE(capsa_bytes_equal(capsa_claims_report_data(&claims),
                                    capsa_bytes_of(quote->report_data, CAPSA_REPORT_DATA)),
                  EVIDENCE, "the evidence that was just made does not bind what was asked for");
    return CAPSA_OK;
}

static capsa_result collect(issuing *work, struct issue_quote *quote)
{
    CAPSA_AUTO(capsa_collateral) came;
    capsa_collateral_init(&came);
    CAPSA_TRY(work->attester->collect(work->attester->context, quote->report_data, &quote->evidence,
                                      &came));
    CAPSA_TRY(check_bound(work, quote));
    capsa_collateral_drop(&work->collateral); /* the latest is as good as the one before */
    work->collateral = came;
    capsa_collateral_init(&came);
    return CAPSA_OK;
}

/* The evidence for a form: made, unless another form binds the same. */
static capsa_result evidence_for(issuing *work, enum capsa_ratls_form form, capsa_bytes *ret)
{
    struct issue_quote *quote = &work->quotes[work->quotes_count];
    CAPSA_TRY(capsa_ratls_report_data(form, work->profile->wide, capsa_buf_bytes(&work->spki),
                                      capsa_buf_bytes(&work->claims), quote->report_data));
    for (size_t i = 0; i < work->quotes_count; i++) {
        if (memcmp(work->quotes[i].report_data, quote->report_data, CAPSA_REPORT_DATA) == 0) {
            *ret = capsa_buf_bytes(&work->quotes[i].evidence);
            return CAPSA_OK;
        }
    }
    CAPSA_TRY(collect(work, quote));
    work->quotes_count++;
    *ret = capsa_buf_bytes(&quote->evidence);
    return CAPSA_OK;
}

/* ---- Extensions ------------------------------------------------------------------------------ */

static void add_extension(issuing *work, enum capsa_ratls_form form, capsa_bytes content)
{
    work->extensions[work->extensions_count++] = (struct capsa_cert_extra){
        .oid = capsa_ratls_form_type(form)->oid,
        .content = content,
    };
}

/* The evidence as it is. Intel's beside DICE is the very quote that DICE's extension holds. */
static capsa_result add_legacy(issuing *work, enum capsa_ratls_form form)
{
    bool shared = form == CAPSA_RATLS_INTEL_SDK && work->profile->dice;
    capsa_bytes evidence;
    CAPSA_TRY(evidence_for(work, shared ? CAPSA_RATLS_DICE : form, &evidence));
    add_extension(work, form, evidence);
    return CAPSA_OK;
}

static capsa_result add_dice(issuing *work)
{
    capsa_buf *content = &work->contents[work->extensions_count];
    capsa_bytes evidence;
    CAPSA_TRY(evidence_for(work, CAPSA_RATLS_DICE, &evidence));
    CAPSA_TRY(capsa_ratls_dice_write_evidence(work->attester->platform, evidence,
                                              capsa_buf_bytes(&work->claims), content));
    add_extension(work, CAPSA_RATLS_DICE, capsa_buf_bytes(content));
    return CAPSA_OK;
}

static capsa_result add_endorsements(issuing *work)
{
    capsa_buf *content = &work->contents[work->extensions_count];
    CAPSA_REQUIRE(!capsa_collateral_is_empty(&work->collateral), USAGE,
                  "endorsements were asked for, and none came with the evidence");
    CAPSA_TRY_AT(capsa_ratls_dice_write_endorsements(&work->collateral, content), "endorsements");
    add_extension(work, CAPSA_RATLS_ENDORSEMENTS, capsa_buf_bytes(content));
    return CAPSA_OK;
}

static capsa_result add_extensions(issuing *work)
{
    const struct capsa_ratls_profile *profile = work->profile;
    if (profile->dice) {
        CAPSA_TRY(capsa_ratls_dice_write_claims(profile->hash, capsa_buf_bytes(&work->spki),
                                                profile->nonce, &work->claims));
    }
    CAPSA_TRY(profile->gramine ? add_legacy(work, CAPSA_RATLS_GRAMINE) : CAPSA_OK);
    CAPSA_TRY(profile->intel_sdk ? add_legacy(work, CAPSA_RATLS_INTEL_SDK) : CAPSA_OK);
    CAPSA_TRY(profile->dice ? add_dice(work) : CAPSA_OK);
    return profile->endorsements ? add_endorsements(work) : CAPSA_OK;
}

/* ---- The certificate ------------------------------------------------------------------------- */

static capsa_result sign(const issuing *work, const struct capsa_private_key *key, capsa_time now,
                         struct capsa_cert **ret_cert)
{
    struct capsa_cert_request request = {
        .common_name = work->profile->common_name,
        .is_bare = true,
        .extra = work->extensions,
        .extra_count = work->extensions_count,
    };
    capsa_ratls_profile_dates(work->profile, now, &request.not_before, &request.not_after);
    return capsa_cert_self_sign(key, &request, ret_cert);
}

CAPSA_RESULT capsa_ratls_issue(const struct capsa_ratls_attester *attester,
                               const struct capsa_ratls_profile *profile, capsa_time now,
                               struct capsa_private_key **ret_key, struct capsa_cert **ret_cert)
{
    CAPSA_TRY(capsa_ratls_profile_check(profile, attester->platform));
    CAPSA_AUTO(issuing) work;
    issuing_init(&work, attester, profile);
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_TRY(make_key(profile->key, &key));
    CAPSA_TRY(note_spki(&work, key));
    CAPSA_TRY(add_extensions(&work));
    CAPSA_TRY(sign(&work, key, now, ret_cert));
    *ret_key = key;
    key = NULL;
    return CAPSA_OK;
}
