/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities across the public interface (capsa/ratls.h): settings, and what was made with them.
 * The settings stand from the first making on; what was made is exchanged as a whole, under a lock
 * that is never held while evidence is made.
 */
#include "api/api_identity.h"

#include <pthread.h>
#include <stddef.h>

#include "api/api_attester.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/secret.h"
#include "ratls/ratls_pem.h"

struct libcapsa_identity {
    capsa_api_references references;
    libcapsa_attester *attester; /* a copy of the caller's */
    struct capsa_ratls_profile profile;
    capsa_buf nonce;
    bool has_nonce;
    struct capsa_collateral_getter getter; /* .get NULL: what the attester hands out */
    void (*drop_getter)(void *context);    /* what becomes of its context */
    pthread_mutex_t lock;                  /* of what follows */
    struct capsa_error unfetched;          /* how the getter failed last; success: not */
    struct capsa_ratls_identity *made;     /* NULL before the first success */
};

static capsa_result new_identity(const libcapsa_attester *attester,
                                 libcapsa_identity **ret_identity)
{
    CAPSA_API_GIVEN(attester);
    CAPSA_API_GIVEN(ret_identity);
    CAPSA_AUTO_FREE(libcapsa_attester) copy = NULL;
    CAPSA_TRY(capsa_api_attester_copy(attester, &copy));
    struct libcapsa_identity *identity = CAPSA_NEW(struct libcapsa_identity);
    CAPSA_REQUIRE_MEMORY(identity);
    atomic_init(&identity->references, 1);
    (void)pthread_mutex_init(&identity->lock, NULL);
    identity->attester = copy;
    copy = NULL;
    identity->nonce = capsa_buf_of(CAPSA_LIMIT_ratls_nonce);
    capsa_ratls_profile_default(&identity->profile);
    *ret_identity = identity;
    return CAPSA_OK;
}

int libcapsa_identity_new(const libcapsa_attester *attester, libcapsa_identity **ret_identity,
                          libcapsa_error *ret_error)
{
    return capsa_api_end(new_identity(attester, ret_identity), ret_error);
}

static void replace_getter(libcapsa_identity *identity, struct capsa_collateral_getter getter,
                           void (*drop)(void *context))
{
    if (identity->drop_getter != NULL) {
        identity->drop_getter(identity->getter.context);
    }
    identity->getter = getter;
    identity->drop_getter = drop;
}

void libcapsa_identity_free(libcapsa_identity *identity)
{
    if (identity == NULL || !capsa_api_let_go(&identity->references)) {
        return;
    }
    capsa_ratls_identity_free(identity->made); /* which asks the attester */
    libcapsa_attester_free(identity->attester);
    replace_getter(identity, (struct capsa_collateral_getter){.get = NULL}, NULL);
    capsa_buf_drop(&identity->nonce);
    (void)pthread_mutex_destroy(&identity->lock);
    capsa_dealloc(identity);
}

/* Whoever uses it counts himself, and locks; the settings are only read. */
static libcapsa_identity *usable(const libcapsa_identity *identity)
{
    return (libcapsa_identity *)(uintptr_t)identity;
}

libcapsa_identity *capsa_api_identity_share(const libcapsa_identity *identity)
{
    libcapsa_identity *shared = usable(identity);
    if (shared != NULL) {
        capsa_api_hold(&shared->references);
    }
    return shared;
}

/* A share of it, or NULL. */
static struct capsa_ratls_identity *made_of(const libcapsa_identity *identity)
{
    libcapsa_identity *locked = usable(identity);
    (void)pthread_mutex_lock(&locked->lock);
    struct capsa_ratls_identity *made =
        locked->made == NULL ? NULL : capsa_ratls_identity_share(locked->made);
    (void)pthread_mutex_unlock(&locked->lock);
    return made;
}

CAPSA_RESULT capsa_api_identity_made(const libcapsa_identity *identity,
                                     struct capsa_ratls_identity **ret_made)
{
    struct capsa_ratls_identity *made = made_of(identity);
    CAPSA_REQUIRE(made != NULL, USAGE,
                  "the identity has no key and no certificate yet: libcapsa_identity_make");
    *ret_made = made;
    return CAPSA_OK;
}

/* ---- Setting up ------------------------------------------------------------------------------ */

static capsa_result check_unmade(const libcapsa_identity *identity)
{
    CAPSA_API_GIVEN(identity);
    CAPSA_AUTO_FREE(capsa_ratls_identity) made = made_of(identity);
    CAPSA_REQUIRE(made == NULL, USAGE, "the identity was made already, and its settings stand");
    return CAPSA_OK;
}

static capsa_result set_by_text(libcapsa_identity *identity, const char *text,
                                capsa_result (*read)(struct capsa_ratls_profile *, const char *))
{
    CAPSA_TRY(check_unmade(identity));
    CAPSA_API_GIVEN(text);
    struct capsa_ratls_profile profile = identity->profile;
    CAPSA_TRY(read(&profile, text));
    identity->profile = profile;
    return CAPSA_OK;
}

int libcapsa_identity_set_key(libcapsa_identity *identity, const char *kind,
                              libcapsa_error *ret_error)
{
    return capsa_api_end(set_by_text(identity, kind, capsa_ratls_profile_key), ret_error);
}

int libcapsa_identity_set_forms(libcapsa_identity *identity, const char *forms,
                                libcapsa_error *ret_error)
{
    return capsa_api_end(set_by_text(identity, forms, capsa_ratls_profile_forms), ret_error);
}

int libcapsa_identity_set_hash(libcapsa_identity *identity, const char *hash,
                               libcapsa_error *ret_error)
{
    return capsa_api_end(set_by_text(identity, hash, capsa_ratls_profile_hash), ret_error);
}

static capsa_result set_nonce(libcapsa_identity *identity, const void *nonce, size_t len)
{
    CAPSA_TRY(check_unmade(identity));
    capsa_bytes given;
    CAPSA_TRY(capsa_api_bytes("nonce", nonce, len, &given));
    CAPSA_AUTO(capsa_buf) copy = capsa_buf_of(CAPSA_LIMIT_ratls_nonce);
    CAPSA_TRY_AT(capsa_buf_append(&copy, given), "nonce");
    capsa_buf_drop(&identity->nonce);
    identity->nonce = copy;
    identity->has_nonce = nonce != NULL;
    copy = capsa_buf_of(0);
    return CAPSA_OK;
}

int libcapsa_identity_set_nonce(libcapsa_identity *identity, const void *nonce, size_t len,
                                libcapsa_error *ret_error)
{
    return capsa_api_end(set_nonce(identity, nonce, len), ret_error);
}

static capsa_result set_lifetime(libcapsa_identity *identity, int64_t seconds)
{
    CAPSA_TRY(check_unmade(identity));
    CAPSA_REQUIRE(seconds >= CAPSA_RATLS_LIFE_MIN && seconds <= CAPSA_RATLS_LIFE_MAX, USAGE,
                  "a life of %lld seconds; %d to %lld are possible", (long long)seconds,
                  CAPSA_RATLS_LIFE_MIN, (long long)CAPSA_RATLS_LIFE_MAX);
    identity->profile.life_seconds = seconds;
    return CAPSA_OK;
}

int libcapsa_identity_set_lifetime(libcapsa_identity *identity, int64_t seconds,
                                   libcapsa_error *ret_error)
{
    return capsa_api_end(set_lifetime(identity, seconds), ret_error);
}

static capsa_result set_dates(libcapsa_identity *identity, capsa_time not_before,
                              capsa_time not_after)
{
    CAPSA_TRY(check_unmade(identity));
    CAPSA_REQUIRE(not_after < CAPSA_RATLS_NEVER, USAGE,
                  "dates until %lld: these are seconds since 1970, and certificates end before the "
                  "year 10000",
                  (long long)not_after);
    CAPSA_REQUIRE(not_before > 0 && not_before < not_after, USAGE,
                  "dates from %lld to %lld: the first has to be before the second, and both after "
                  "1970",
                  (long long)not_before, (long long)not_after);
    identity->profile.not_before = not_before;
    identity->profile.not_after = not_after;
    return CAPSA_OK;
}

int libcapsa_identity_set_dates(libcapsa_identity *identity, int64_t not_before, int64_t not_after,
                                libcapsa_error *ret_error)
{
    return capsa_api_end(set_dates(identity, not_before, not_after), ret_error);
}

static capsa_result set_endorsements(libcapsa_identity *identity, bool embed)
{
    CAPSA_TRY(check_unmade(identity));
    identity->profile.endorsements = embed;
    return CAPSA_OK;
}

int libcapsa_identity_set_endorsements(libcapsa_identity *identity, int embed,
                                       libcapsa_error *ret_error)
{
    return capsa_api_end(set_endorsements(identity, embed != 0), ret_error);
}

CAPSA_RESULT capsa_api_identity_set_getter(libcapsa_identity *identity,
                                           struct capsa_collateral_getter getter,
                                           void (*drop)(void *context))
{
    CAPSA_TRY(check_unmade(identity));
    replace_getter(identity, getter, drop);
    return CAPSA_OK;
}

/* ---- Evidence, with collateral --------------------------------------------------------------- */

static void remember(libcapsa_identity *identity, capsa_result got)
{
    (void)pthread_mutex_lock(&identity->lock);
    capsa_error_keep(got, &identity->unfetched);
    (void)pthread_mutex_unlock(&identity->lock);
}

/* What cannot be fetched is not shown: peers may know where to look, and a server serves on. */
static void fetch(libcapsa_identity *identity, capsa_bytes evidence, capsa_collateral *collateral)
{
    CAPSA_AUTO(capsa_collateral) fetched;
    capsa_collateral_init(&fetched);
    const enum capsa_platform platform = capsa_api_attester(identity->attester).platform;
    const struct capsa_collateral_getter *getter = &identity->getter;
    const capsa_result got = getter->get(getter->context, platform, evidence, &fetched);
    remember(identity, got);
    if (!capsa_failed(got)) {
        capsa_collateral_drop(collateral);
        *collateral = fetched;
        capsa_collateral_init(&fetched);
    }
}

static capsa_result collect(void *context, const uint8_t report_data[CAPSA_REPORT_DATA],
                            capsa_buf *ret_evidence, capsa_collateral *ret_collateral)
{
    libcapsa_identity *identity = context;
    const struct capsa_ratls_attester attester = capsa_api_attester(identity->attester);
    CAPSA_TRY(attester.collect(attester.context, report_data, ret_evidence, ret_collateral));
    if (identity->getter.get != NULL) {
        fetch(identity, capsa_buf_bytes(ret_evidence), ret_collateral);
    }
    return CAPSA_OK;
}

static struct capsa_ratls_attester attester_of(libcapsa_identity *identity)
{
    struct capsa_ratls_attester attester = capsa_api_attester(identity->attester);
    attester.context = identity;
    attester.collect = collect;
    return attester;
}

/* ---- Making ---------------------------------------------------------------------------------- */

/* An empty nonce is one, and no nonce is none. */
static capsa_bytes nonce_of(const libcapsa_identity *identity)
{
    static const uint8_t empty[1];
    const capsa_bytes nonce = capsa_buf_bytes(&identity->nonce);
    if (!identity->has_nonce) {
        return (capsa_bytes){NULL, 0};
    }
    return nonce.len == 0 ? capsa_bytes_of(empty, 0) : nonce;
}

/* Two threads may make the first one at once: the later one's is not used, and is as good. */
static void publish(libcapsa_identity *identity, struct capsa_ratls_identity **fresh)
{
    (void)pthread_mutex_lock(&identity->lock);
    if (identity->made == NULL) {
        identity->made = *fresh;
        *fresh = NULL;
    }
    (void)pthread_mutex_unlock(&identity->lock);
}

static capsa_result make_first(libcapsa_identity *identity, capsa_time now)
{
    struct capsa_ratls_profile profile = identity->profile;
    profile.nonce = nonce_of(identity);
    const struct capsa_ratls_attester attester = attester_of(identity);
    CAPSA_AUTO_FREE(capsa_ratls_identity) fresh = NULL;
    CAPSA_TRY(capsa_ratls_identity_new(&attester, &profile, &fresh));
    CAPSA_TRY(capsa_ratls_identity_renew(fresh, now));
    publish(identity, &fresh);
    return CAPSA_OK;
}

/* That collateral is missing says little; why it is, the getter knew. */
static capsa_result with_reason(libcapsa_identity *identity, capsa_result failed)
{
    (void)pthread_mutex_lock(&identity->lock);
    const struct capsa_error why = identity->unfetched;
    (void)pthread_mutex_unlock(&identity->lock);
    return why.code == CAPSA_E_OK
               ? failed
               : capsa_error_within(failed, "no collateral could be fetched (%.200s)", why.text);
}

static capsa_result make(libcapsa_identity *identity, capsa_time now)
{
    CAPSA_API_GIVEN(identity);
    CAPSA_REQUIRE(now >= 0 && now < CAPSA_RATLS_NEVER - CAPSA_RATLS_LIFE_MAX, USAGE,
                  "a certificate as of %lld: that is no time in seconds since 1970",
                  (long long)now);
    CAPSA_AUTO_FREE(capsa_ratls_identity) made = made_of(identity);
    const capsa_result result =
        made == NULL ? make_first(identity, now) : capsa_ratls_identity_renew(made, now);
    const bool wants_collateral = identity->profile.endorsements;
    return capsa_failed(result) && wants_collateral ? with_reason(identity, result) : result;
}

int libcapsa_identity_make(libcapsa_identity *identity, int64_t time, libcapsa_error *ret_error)
{
    return capsa_api_end(make(identity, time), ret_error);
}

/* ---- What was made --------------------------------------------------------------------------- */

static capsa_result current(const libcapsa_identity *identity,
                            struct capsa_ratls_credential **ret_credential)
{
    CAPSA_API_GIVEN(identity);
    CAPSA_AUTO_FREE(capsa_ratls_identity) made = NULL;
    CAPSA_TRY(capsa_api_identity_made(identity, &made));
    *ret_credential = capsa_ratls_identity_current(made);
    return CAPSA_OK;
}

int64_t libcapsa_identity_renew_at(const libcapsa_identity *identity)
{
    CAPSA_AUTO_FREE(capsa_ratls_credential) credential = NULL;
    return capsa_failed(current(identity, &credential))
               ? 0
               : capsa_ratls_credential_renew_at(credential);
}

/* How a certificate or key is written in one format. */
struct writer {
    const char *format;
    capsa_result (*write)(const struct capsa_ratls_credential *, capsa_buf *);
};

static capsa_result certificate_pem(const struct capsa_ratls_credential *credential, capsa_buf *pem)
{
    return capsa_ratls_pem_write("CERTIFICATE", capsa_ratls_credential_der(credential), pem);
}

static capsa_result certificate_der(const struct capsa_ratls_credential *credential, capsa_buf *der)
{
    return capsa_buf_append(der, capsa_ratls_credential_der(credential));
}

static capsa_result key_pem(const struct capsa_ratls_credential *credential, capsa_buf *pem)
{
    return capsa_private_key_write(capsa_ratls_credential_key(credential), pem);
}

static capsa_result key_der(const struct capsa_ratls_credential *credential, capsa_buf *der)
{
    return capsa_private_key_write_der(capsa_ratls_credential_key(credential), der);
}

#define FORMATS 2
static const struct writer certificate_writers[FORMATS] = {{"pem", certificate_pem},
                                                           {"der", certificate_der}};
static const struct writer key_writers[FORMATS] = {{"pem", key_pem}, {"der", key_der}};

static capsa_result find_writer(const struct writer writers[FORMATS], const char *format,
                                const struct writer **ret_writer)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (capsa_streq(writers[i].format, format)) {
            *ret_writer = &writers[i];
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE, "no format has the name \"%.32s\"; pem or der is wanted", format);
}

struct wanted {
    const struct writer *writers;
    const char *format;
    uint8_t **ret_bytes;
    size_t *ret_len;
};

static capsa_result write_out(const libcapsa_identity *identity, const struct wanted *wanted)
{
    CAPSA_REQUIRE(wanted->format != NULL && wanted->ret_bytes != NULL && wanted->ret_len != NULL,
                  USAGE, "format, ret_bytes and ret_len have to be given");
    const struct writer *writer = NULL;
    CAPSA_TRY(find_writer(wanted->writers, wanted->format, &writer));
    CAPSA_AUTO_FREE(capsa_ratls_credential) credential = NULL;
    CAPSA_TRY(current(identity, &credential));
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(1));
    CAPSA_TRY(writer->write(credential, &bytes));
    const size_t len = bytes.len;
    char *text = NULL;
    CAPSA_TRY(capsa_buf_take_str(&bytes, &text));
    *wanted->ret_bytes = (uint8_t *)text;
    *wanted->ret_len = len;
    return CAPSA_OK;
}

int libcapsa_identity_certificate(const libcapsa_identity *identity, const char *format,
                                  uint8_t **ret_bytes, size_t *ret_len, libcapsa_error *ret_error)
{
    const struct wanted wanted = {certificate_writers, format, ret_bytes, ret_len};
    return capsa_api_end(write_out(identity, &wanted), ret_error);
}

int libcapsa_identity_key(const libcapsa_identity *identity, const char *format,
                          uint8_t **ret_bytes, size_t *ret_len, libcapsa_error *ret_error)
{
    const struct wanted wanted = {key_writers, format, ret_bytes, ret_len};
    return capsa_api_end(write_out(identity, &wanted), ret_error);
}

static capsa_result write_files(const libcapsa_identity *identity, const char *cert_path,
                                const char *key_path)
{
    CAPSA_API_GIVEN(cert_path);
    CAPSA_API_GIVEN(key_path);
    CAPSA_AUTO_FREE(capsa_ratls_credential) credential = NULL;
    CAPSA_TRY(current(identity, &credential));
    return capsa_ratls_credential_write(credential, cert_path, key_path);
}

int libcapsa_identity_write(const libcapsa_identity *identity, const char *cert_path,
                            const char *key_path, libcapsa_error *ret_error)
{
    return capsa_api_end(write_files(identity, cert_path, key_path), ret_error);
}
