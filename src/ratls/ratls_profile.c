/* SPDX-License-Identifier: Apache-2.0
 *
 * What a certificate shall look like: the default, how its parts are called, and what goes with
 * what. Nothing is left out in silence: what a platform or a form cannot have is refused.
 */
#include "base/limits.h"
#include "ratls/ratls_issue.h"

#define LIFE_DEFAULT (INT64_C(24) * 3600)
#define SKEW_MAX     60
#define FORM_NAME    16 /* the longest that can be asked for, with its NUL */

void capsa_ratls_profile_default(struct capsa_ratls_profile *ret_profile)
{
    *ret_profile = (struct capsa_ratls_profile){
        .key = CAPSA_KEY_P256,
        .dice = true,
        .hash = CAPSA_RATLS_SHA256,
        .common_name = "Capsa RA-TLS",
        .life_seconds = LIFE_DEFAULT,
    };
}

/* ---- Parts by name --------------------------------------------------------------------------- */

static bool *form_of(struct capsa_ratls_profile *profile, capsa_bytes name)
{
    const struct {
        const char *name;
        bool *wanted;
    } forms[] = {
        {"dice", &profile->dice},
        {"gramine", &profile->gramine},
        {"intel-sdk", &profile->intel_sdk},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (capsa_bytes_is(name, forms[i].name)) {
            return forms[i].wanted;
        }
    }
    return NULL;
}

CAPSA_RESULT capsa_ratls_profile_forms(struct capsa_ratls_profile *profile, const char *forms)
{
    struct capsa_ratls_profile changed = *profile;
    changed.dice = changed.gramine = changed.intel_sdk = false;
    capsa_bytes rest = capsa_bytes_str(forms);
    for (bool more = true; more;) {
        size_t comma = capsa_bytes_find(rest, ',');
        capsa_bytes name = capsa_bytes_of(rest.data, comma);
        bool *wanted = form_of(&changed, name);
        CAPSA_REQUIRE(wanted != NULL, USAGE,
                      "no form of certificate \"%.*s\": dice, gramine and intel-sdk can be made",
                      (int)(name.len < FORM_NAME ? name.len : FORM_NAME), (const char *)name.data);
        CAPSA_REQUIRE(!*wanted, USAGE, "the form %.*s is named twice", (int)name.len,
                      (const char *)name.data);
        *wanted = true;
        more = comma < rest.len;
        rest = capsa_bytes_from(rest, comma + 1);
    }
    *profile = changed;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_profile_key(struct capsa_ratls_profile *profile, const char *key)
{
    static const struct {
        const char *name;
        enum capsa_key_kind kind;
    } kinds[] = {
        {"p256", CAPSA_KEY_P256},
        {"p384", CAPSA_KEY_P384},
        {"rsa3072", CAPSA_KEY_RSA},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (capsa_streq(kinds[i].name, key)) {
            profile->key = kinds[i].kind;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE, "no kind of key \"%.32s\": p256, p384 and rsa3072 can be made", key);
}

CAPSA_RESULT capsa_ratls_profile_hash(struct capsa_ratls_profile *profile, const char *hash)
{
    static const enum capsa_ratls_hash hashes[] = {CAPSA_RATLS_SHA256, CAPSA_RATLS_SHA384,
                                                   CAPSA_RATLS_SHA512};
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        if (capsa_streq(capsa_ratls_hash_name(hashes[i]), hash)) {
            profile->hash = hashes[i];
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE, "no digest \"%.32s\": sha256, sha384 and sha512 are known", hash);
}

/* ---- What goes with what --------------------------------------------------------------------- */

static capsa_result check_parts(const struct capsa_ratls_profile *profile)
{
    bool is_kind = profile->key == CAPSA_KEY_P256 || profile->key == CAPSA_KEY_P384 ||
                   profile->key == CAPSA_KEY_RSA;
    bool is_hash = profile->hash == CAPSA_RATLS_SHA256 || profile->hash == CAPSA_RATLS_SHA384 ||
                   profile->hash == CAPSA_RATLS_SHA512;
    CAPSA_REQUIRE(is_kind, USAGE, "a key for TLS is of P-256, P-384 or RSA");
    CAPSA_REQUIRE(is_hash, USAGE, "the key is hashed with SHA-256, SHA-384 or SHA-512");
    CAPSA_REQUIRE(profile->dice || profile->gramine || profile->intel_sdk, USAGE,
                  "a certificate without any form of evidence");
    CAPSA_REQUIRE(profile->dice || !profile->gramine || !profile->intel_sdk, USAGE,
                  "of two legacy forms nobody can tell which one counts: make dice beside them");
    CAPSA_REQUIRE(profile->common_name[0] != '\0', USAGE, "a certificate without a common name");
    return CAPSA_OK;
}

static capsa_result check_dates(const struct capsa_ratls_profile *profile)
{
    if (profile->not_before != 0 && profile->not_after != 0) {
        CAPSA_REQUIRE(profile->not_before <= profile->not_after, USAGE,
                      "a certificate that ends before it begins");
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(profile->not_before == 0 && profile->not_after == 0, USAGE,
                  "a certificate has both dates or none: the other one comes of no life");
    CAPSA_REQUIRE(profile->life_seconds >= CAPSA_RATLS_LIFE_MIN &&
                      profile->life_seconds <= CAPSA_RATLS_LIFE_MAX,
                  USAGE, "a certificate lives %d seconds to 366 days, not %lld seconds",
                  CAPSA_RATLS_LIFE_MIN, (long long)profile->life_seconds);
    return CAPSA_OK;
}

/* What only DICE's extension can hold. */
static capsa_result check_dice(const struct capsa_ratls_profile *profile)
{
    bool has_nonce = profile->nonce.data != NULL;
    CAPSA_REQUIRE(profile->dice || (!has_nonce && !profile->wide && !profile->endorsements), USAGE,
                  "a nonce, wide report data and endorsements go with the form dice alone");
    CAPSA_REQUIRE(!has_nonce || profile->nonce.len <= CAPSA_LIMIT_ratls_nonce, TOO_LARGE,
                  "a nonce of %zu bytes, at most %d", profile->nonce.len, CAPSA_LIMIT_ratls_nonce);
    return CAPSA_OK;
}

/* Legacy extensions hold what their inventors' platforms make. */
static capsa_result check_platform(const struct capsa_ratls_profile *profile,
                                   enum capsa_platform platform)
{
    bool intel = platform == CAPSA_PLATFORM_SGX || platform == CAPSA_PLATFORM_TDX;
    CAPSA_REQUIRE(!profile->gramine || platform == CAPSA_PLATFORM_SGX, UNSUPPORTED,
                  "the form gramine holds evidence of Intel SGX, not of %s",
                  capsa_platform_what(platform));
    CAPSA_REQUIRE(!profile->intel_sdk || intel, UNSUPPORTED,
                  "the form intel-sdk holds evidence of Intel SGX and TDX, not of %s",
                  capsa_platform_what(platform));
    CAPSA_REQUIRE(!profile->intel_sdk || profile->dice || platform != CAPSA_PLATFORM_TDX,
                  UNSUPPORTED, "by itself the form intel-sdk holds evidence of Intel SGX alone");
    CAPSA_REQUIRE(!profile->wide || platform == CAPSA_PLATFORM_TDX, UNSUPPORTED,
                  "report data is wide in Intel's certificates of TDX, not in those of %s",
                  capsa_platform_what(platform));
    CAPSA_REQUIRE(!profile->endorsements || intel, UNSUPPORTED,
                  "endorsements in certificates are Intel's, there is no form for those of %s",
                  capsa_platform_what(platform));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_profile_check(const struct capsa_ratls_profile *profile,
                                       enum capsa_platform platform)
{
    CAPSA_TRY(check_parts(profile));
    CAPSA_TRY(check_dates(profile));
    CAPSA_TRY(check_dice(profile));
    return check_platform(profile, platform);
}

/* A peer whose clock is behind must not find a new certificate not yet valid; and a life is as long
 * as it was asked for, because peers refuse what lives longer than they like. So it begins a little
 * early, and is counted from there. */
void capsa_ratls_profile_dates(const struct capsa_ratls_profile *profile, capsa_time now,
                               capsa_time *ret_not_before, capsa_time *ret_not_after)
{
    if (profile->not_before != 0 && profile->not_after != 0) {
        *ret_not_before = profile->not_before;
        *ret_not_after = profile->not_after;
        return;
    }
    int64_t skew = profile->life_seconds / 10;
    *ret_not_before = now - (skew < SKEW_MAX ? skew : SKEW_MAX);
    *ret_not_after = *ret_not_before + profile->life_seconds;
}
