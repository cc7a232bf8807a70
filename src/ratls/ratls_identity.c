/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server or client presents, and how it is exchanged (ratls_identity.h). One lock is held
 * while a credential is made, which may take seconds; another one for the moment in which somebody
 * takes the current one: nobody who has to show a certificate waits for the making of the next.
 */
#include "ratls/ratls_identity.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "ratls/ratls_issue.h"

struct capsa_ratls_identity {
    atomic_uint owners; /* _free takes one away */
    struct capsa_ratls_attester attester;
    bool attests;  /* there is an attester */
    bool is_fixed; /* a foreign credential: never renewed */
    struct capsa_ratls_profile profile;
    capsa_buf nonce;        /* the profile's */
    pthread_mutex_t making; /* taken first */
    pthread_mutex_t taking; /* for `current` */
    struct capsa_ratls_credential *current;
};

static capsa_result identity_new(const struct capsa_ratls_attester *attester,
                                 struct capsa_ratls_identity **ret_identity)
{
    struct capsa_ratls_identity *identity = CAPSA_NEW(struct capsa_ratls_identity);
    CAPSA_REQUIRE_MEMORY(identity);
    atomic_init(&identity->owners, 1);
    identity->attests = attester != NULL;
    if (attester != NULL) {
        identity->attester = *attester;
    }
    identity->nonce = capsa_buf_of(CAPSA_LIMIT_ratls_nonce);
    (void)pthread_mutex_init(&identity->making, NULL);
    (void)pthread_mutex_init(&identity->taking, NULL);
    *ret_identity = identity;
    return CAPSA_OK;
}

/* An empty nonce is one too, and no NULL. */
static capsa_result keep_profile(const struct capsa_ratls_profile *profile,
                                 struct capsa_ratls_identity *identity)
{
    static const uint8_t nothing[1] = {0};
    identity->profile = *profile;
    if (profile->nonce.data != NULL) {
        CAPSA_TRY(capsa_buf_append(&identity->nonce, profile->nonce));
        identity->profile.nonce =
            profile->nonce.len > 0 ? capsa_buf_bytes(&identity->nonce) : capsa_bytes_of(nothing, 0);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_identity_new(const struct capsa_ratls_attester *attester,
                                      const struct capsa_ratls_profile *profile,
                                      struct capsa_ratls_identity **ret_identity)
{
    CAPSA_TRY(capsa_ratls_profile_check(profile, attester->platform));
    CAPSA_AUTO_FREE(capsa_ratls_identity) identity = NULL;
    CAPSA_TRY(identity_new(attester, &identity));
    CAPSA_TRY(keep_profile(profile, identity));
    *ret_identity = identity;
    identity = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_identity_of(struct capsa_ratls_credential *credential,
                                     const struct capsa_ratls_attester *attester,
                                     struct capsa_ratls_identity **ret_identity)
{
    struct capsa_ratls_identity *identity = NULL;
    CAPSA_TRY(identity_new(attester, &identity));
    identity->is_fixed = true;
    identity->current = capsa_ratls_credential_share(credential);
    *ret_identity = identity;
    return CAPSA_OK;
}

struct capsa_ratls_identity *capsa_ratls_identity_share(struct capsa_ratls_identity *identity)
{
    (void)atomic_fetch_add_explicit(&identity->owners, 1, memory_order_relaxed);
    return identity;
}

void capsa_ratls_identity_free(struct capsa_ratls_identity *identity)
{
    if (identity == NULL ||
        atomic_fetch_sub_explicit(&identity->owners, 1, memory_order_acq_rel) > 1) {
        return;
    }
    capsa_ratls_credential_free(identity->current);
    (void)pthread_mutex_destroy(&identity->taking);
    (void)pthread_mutex_destroy(&identity->making);
    capsa_buf_drop(&identity->nonce);
    capsa_dealloc(identity);
}

CAPSA_RESULT capsa_ratls_identity_renew(struct capsa_ratls_identity *identity, capsa_time now)
{
    CAPSA_REQUIRE(!identity->is_fixed, USAGE,
                  "a certificate that somebody else made is renewed by him");
    struct capsa_ratls_credential *made = NULL;
    (void)pthread_mutex_lock(&identity->making);
    capsa_result result = capsa_ratls_make(&identity->attester, &identity->profile, now, &made);
    if (!capsa_failed(result)) {
        (void)pthread_mutex_lock(&identity->taking);
        struct capsa_ratls_credential *old = identity->current;
        identity->current = made;
        (void)pthread_mutex_unlock(&identity->taking);
        capsa_ratls_credential_free(old);
    }
    (void)pthread_mutex_unlock(&identity->making);
    return result;
}

struct capsa_ratls_credential *capsa_ratls_identity_current(struct capsa_ratls_identity *identity)
{
    (void)pthread_mutex_lock(&identity->taking);
    struct capsa_ratls_credential *current = identity->current;
    if (current != NULL) {
        (void)capsa_ratls_credential_share(current);
    }
    (void)pthread_mutex_unlock(&identity->taking);
    return current;
}

const struct capsa_ratls_attester *
capsa_ratls_identity_attester(const struct capsa_ratls_identity *identity)
{
    return identity->attests ? &identity->attester : NULL;
}
