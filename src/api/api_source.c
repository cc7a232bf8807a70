/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetching collateral across the public interface (capsa/fetch.h): settings by name, and at the
 * first use a store of collateral/, which answers any number of threads and verifiers.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "api/api_identity.h"
#include "api/api_verifier.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "capsa/fetch.h"
#include "collateral/collateral_qcnl.h"
#include "collateral/collateral_source.h"

enum setting {
    PCCS_URL,
    ROOT_CRL_URL,
    KDS_URL,
    HYGON_URL,
    CA_FILE,
    BUNDLE,
    CACHE_DIR,
    TIMEOUT_SECONDS,
    SETTINGS,
};

static const char *const setting_names[SETTINGS] = {
    [PCCS_URL] = "pccs-url",   [ROOT_CRL_URL] = "root-crl-url",
    [KDS_URL] = "kds-url",     [HYGON_URL] = "hygon-url",
    [CA_FILE] = "ca-file",     [BUNDLE] = "bundle",
    [CACHE_DIR] = "cache-dir", [TIMEOUT_SECONDS] = "timeout-seconds",
};

struct libcapsa_source {
    capsa_api_references references;
    char *texts[SETTINGS]; /* NULL: as usual */
    bool insecure_tls;
    pthread_mutex_t lock;                 /* of the store's making, and of whether it is made */
    struct capsa_collateral_store *store; /* NULL: not used yet */
};

static capsa_result new_source(libcapsa_source **ret_source)
{
    CAPSA_API_GIVEN(ret_source);
    struct libcapsa_source *source = CAPSA_NEW(struct libcapsa_source);
    CAPSA_REQUIRE_MEMORY(source);
    atomic_init(&source->references, 1);
    (void)pthread_mutex_init(&source->lock, NULL);
    *ret_source = source;
    return CAPSA_OK;
}

int libcapsa_source_new(libcapsa_source **ret_source, libcapsa_error *ret_error)
{
    return capsa_api_end(new_source(ret_source), ret_error);
}

void libcapsa_source_free(libcapsa_source *source)
{
    if (source == NULL || !capsa_api_let_go(&source->references)) {
        return;
    }
    for (size_t i = 0; i < SETTINGS; i++) {
        capsa_dealloc(source->texts[i]);
    }
    capsa_collateral_store_free(source->store);
    (void)pthread_mutex_destroy(&source->lock);
    capsa_dealloc(source);
}

/* ---- Setting up ------------------------------------------------------------------------------ */

#define TIMEOUT_MAX 3600

static capsa_result read_timeout(const char *text, unsigned *ret_seconds)
{
    char *end = NULL;
    errno = 0;
    const long seconds = text == NULL ? 0 : strtol(text, &end, 10);
    CAPSA_REQUIRE(text == NULL || (errno == 0 && end != text && *end == '\0' && seconds >= 1 &&
                                   seconds <= TIMEOUT_MAX),
                  USAGE, "timeout-seconds: \"%.32s\" is not a number from 1 to %d", text,
                  TIMEOUT_MAX);
    *ret_seconds = (unsigned)seconds;
    return CAPSA_OK;
}

static capsa_result find_setting(const char *name, enum setting *ret_setting)
{
    for (int i = 0; i < SETTINGS; i++) {
        if (capsa_streq(name, setting_names[i])) {
            *ret_setting = (enum setting)i;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE, "a source of collateral has no setting \"%.32s\"", name);
}

static capsa_result check_unused(const libcapsa_source *source)
{
    CAPSA_REQUIRE(source->store == NULL, USAGE,
                  "the source of collateral is in use already, and its settings stand");
    return CAPSA_OK;
}

static capsa_result put(libcapsa_source *source, enum setting setting, const char *value)
{
    unsigned seconds;
    CAPSA_TRY(check_unused(source));
    CAPSA_TRY(setting == TIMEOUT_SECONDS ? read_timeout(value, &seconds) : CAPSA_OK);
    char *copy = value == NULL ? NULL : capsa_strdup(value);
    CAPSA_REQUIRE(copy != NULL || value == NULL, NOMEM, "out of memory");
    capsa_dealloc(source->texts[setting]);
    source->texts[setting] = copy;
    return CAPSA_OK;
}

static capsa_result set(libcapsa_source *source, const char *name, const char *value)
{
    CAPSA_API_GIVEN(source);
    CAPSA_API_GIVEN(name);
    enum setting setting;
    CAPSA_TRY(find_setting(name, &setting));
    return put(source, setting, value);
}

int libcapsa_source_set(libcapsa_source *source, const char *name, const char *value,
                        libcapsa_error *ret_error)
{
    return capsa_api_end(set(source, name, value), ret_error);
}

static capsa_result set_insecure_tls(libcapsa_source *source, bool insecure)
{
    CAPSA_API_GIVEN(source);
    CAPSA_TRY(check_unused(source));
    source->insecure_tls = insecure;
    return CAPSA_OK;
}

int libcapsa_source_insecure_set_tls(libcapsa_source *source, int insecure,
                                     libcapsa_error *ret_error)
{
    return capsa_api_end(set_insecure_tls(source, insecure != 0), ret_error);
}

static capsa_result load_qcnl(libcapsa_source *source, const char *path)
{
    CAPSA_API_GIVEN(source);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(0);
    CAPSA_AUTO(capsa_qcnl) qcnl = {.pccs_url = NULL};
    CAPSA_TRY(capsa_api_read(path, CAPSA_LIMIT_qcnl_bytes, &text));
    CAPSA_TRY_AT(capsa_qcnl_parse(capsa_buf_bytes(&text), &qcnl), "%s", path);
    CAPSA_TRY(put(source, PCCS_URL, qcnl.pccs_url));
    source->insecure_tls = source->insecure_tls || qcnl.accepts_any_cert;
    return CAPSA_OK;
}

int libcapsa_source_load_qcnl(libcapsa_source *source, const char *path, libcapsa_error *ret_error)
{
    return capsa_api_end(load_qcnl(source, path), ret_error);
}

/* ---- Getting --------------------------------------------------------------------------------- */

static capsa_result make_store(const libcapsa_source *source,
                               struct capsa_collateral_store **ret_store)
{
    const char *const *texts = (const char *const *)source->texts;
    struct capsa_collateral_options options = {
        .pccs_url = texts[PCCS_URL],
        .root_crl_url = texts[ROOT_CRL_URL],
        .kds_url = texts[KDS_URL],
        .hygon_url = texts[HYGON_URL],
        .ca_file = texts[CA_FILE],
        .insecure_tls = source->insecure_tls,
        .bundle = texts[BUNDLE],
        .cache_dir = texts[CACHE_DIR],
    };
    CAPSA_TRY(read_timeout(texts[TIMEOUT_SECONDS], &options.timeout_seconds));
    return capsa_collateral_store_new(&options, ret_store);
}

/* The settings are read by whoever comes first, and only the store by all others. */
static capsa_result store_of(libcapsa_source *source, struct capsa_collateral_store **ret_store)
{
    (void)pthread_mutex_lock(&source->lock);
    const capsa_result made = source->store == NULL ? make_store(source, &source->store) : CAPSA_OK;
    *ret_store = source->store;
    (void)pthread_mutex_unlock(&source->lock);
    return made;
}

static capsa_result get_by_source(void *context, enum capsa_platform platform, capsa_bytes evidence,
                                  capsa_collateral *ret_collateral)
{
    struct capsa_collateral_store *store = NULL;
    CAPSA_TRY(store_of(context, &store));
    return capsa_collateral_get(store, platform, evidence, ret_collateral);
}

/* Whoever uses it counts himself, or makes the store; the settings are only read. */
static libcapsa_source *usable(const libcapsa_source *source)
{
    return (libcapsa_source *)(uintptr_t)source;
}

static capsa_result get(const libcapsa_source *source, const libcapsa_evidence *evidence,
                        libcapsa_collateral **ret_collateral)
{
    CAPSA_API_GIVEN(source);
    CAPSA_API_GIVEN(evidence);
    CAPSA_API_GIVEN(ret_collateral);
    CAPSA_AUTO_FREE(libcapsa_collateral) got = libcapsa_collateral_new();
    CAPSA_REQUIRE_MEMORY(got);
    CAPSA_TRY(get_by_source(usable(source), evidence->held.platform,
                            capsa_buf_bytes(&evidence->held.bytes), &got->held));
    *ret_collateral = got;
    got = NULL;
    return CAPSA_OK;
}

int libcapsa_source_get(const libcapsa_source *source, const libcapsa_evidence *evidence,
                        libcapsa_collateral **ret_collateral, libcapsa_error *ret_error)
{
    return capsa_api_end(get(source, evidence, ret_collateral), ret_error);
}

/* ---- Used by others -------------------------------------------------------------------------- */

static void let_go(void *source)
{
    libcapsa_source_free(source);
}

/* With a reference of its own, taken first: who has it already may be its last user. */
static struct capsa_collateral_getter getter_of(const libcapsa_source *source)
{
    libcapsa_source *shared = usable(source);
    if (shared == NULL) {
        return (struct capsa_collateral_getter){.get = NULL};
    }
    capsa_api_hold(&shared->references);
    return (struct capsa_collateral_getter){shared, get_by_source};
}

static capsa_result set_verifiers(libcapsa_verifier *verifier, const libcapsa_source *source)
{
    CAPSA_API_GIVEN(verifier);
    capsa_api_set_getter(verifier, getter_of(source), let_go);
    return CAPSA_OK;
}

int libcapsa_verifier_set_source(libcapsa_verifier *verifier, const libcapsa_source *source,
                                 libcapsa_error *ret_error)
{
    return capsa_api_end(set_verifiers(verifier, source), ret_error);
}

static capsa_result set_identitys(libcapsa_identity *identity, const libcapsa_source *source)
{
    const struct capsa_collateral_getter getter = getter_of(source);
    const capsa_result set = capsa_api_identity_set_getter(identity, getter, let_go);
    if (capsa_failed(set)) {
        let_go(getter.context);
    }
    return set;
}

int libcapsa_identity_set_source(libcapsa_identity *identity, const libcapsa_source *source,
                                 libcapsa_error *ret_error)
{
    return capsa_api_end(set_identitys(identity, source), ret_error);
}
