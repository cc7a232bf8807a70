/* SPDX-License-Identifier: Apache-2.0
 *
 * The three functions of libra_tls_verify_dcap.so and libra_tls_verify_dcap_gramine.so. The
 * environment is read at every call, as in the original; what it asks for is kept, so that a second
 * certificate costs no more than its signatures.
 *
 * The one state: this interface has no handle that could hold a verifier, nor a callback. It stands
 * behind a lock; certificates are judged outside of it.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <capsa/fetch.h>
#include <capsa/verify.h>

#include "ra_tls.h"
#include "ra_tls_env.h"
#include "ra_tls_judge.h"
#include "ra_tls_say.h"

#define CACHE_ENTRIES 1024

/* ---- What is kept ---------------------------------------------------------------------------- */

/* A verifier, set up; never changes. */
struct engine {
    unsigned references; /* under the lock */
    struct ra_tls_env env;
    char stamp[128]; /* of the file or folder that was read for it */
    libcapsa_verifier *verifier;
};

static struct {
    pthread_mutex_t lock;
    ra_tls_measurement_callback callback;
    struct engine *engine; /* of the last call, or NULL */
    libcapsa_cache *cache; /* whatever the policy is, a signature holds or does not */
    bool told_of_simulation;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void drop(struct engine *engine)
{
    if (engine != NULL && --engine->references == 0) {
        libcapsa_verifier_free(engine->verifier);
        free(engine);
    }
}

/* For who unloads the library. */
__attribute__((destructor)) static void unload(void)
{
    (void)pthread_mutex_lock(&kept.lock);
    drop(kept.engine);
    kept.engine = NULL;
    libcapsa_cache_free(kept.cache);
    kept.cache = NULL;
    (void)pthread_mutex_unlock(&kept.lock);
}

static const char *file_of(const struct ra_tls_env *env)
{
    return env->bundle[0] != '\0'       ? env->bundle
           : env->simulation[0] != '\0' ? env->simulation
                                        : env->qcnl;
}

/* A file that was exchanged is read again. Of one that is gone the stamp is "", and reading it says
 * so. */
static void stamp_of(const struct ra_tls_env *env, char ret_stamp[128])
{
    struct stat found;
    ret_stamp[0] = '\0';
    if (stat(file_of(env), &found) == 0) {
        (void)snprintf(ret_stamp, 128, "%llu/%llu/%lld/%lld.%09ld",
                       (unsigned long long)found.st_dev, (unsigned long long)found.st_ino,
                       (long long)found.st_size, (long long)found.st_mtim.tv_sec,
                       found.st_mtim.tv_nsec);
    }
}

static bool is_same(const struct engine *engine, const struct ra_tls_env *env, const char *stamp)
{
    return engine != NULL && strcmp(engine->env.policy, env->policy) == 0 &&
           strcmp(engine->env.bundle, env->bundle) == 0 &&
           strcmp(engine->env.simulation, env->simulation) == 0 &&
           strcmp(engine->env.qcnl, env->qcnl) == 0 && strcmp(engine->stamp, stamp) == 0;
}

/* ---- Setting one up -------------------------------------------------------------------------- */

static int code_of(int error)
{
    return error == LIBCAPSA_E_NOMEM                                 ? RA_TLS_ALLOC_FAILED
           : error == LIBCAPSA_E_IO || error == LIBCAPSA_E_NOT_FOUND ? RA_TLS_FILE_IO
                                                                     : RA_TLS_BAD_INPUT;
}

static int set_source(libcapsa_verifier *verifier, const struct ra_tls_env *env,
                      libcapsa_error *error)
{
    libcapsa_source *source = NULL;
    int set = libcapsa_source_new(&source, error);
    if (set == 0 && env->bundle[0] != '\0') {
        set = libcapsa_source_set(source, "bundle", env->bundle, error);
    } else if (set == 0 && env->qcnl[0] != '\0') {
        set = libcapsa_source_load_qcnl(source, env->qcnl, error);
    }
    set = set != 0 ? set : libcapsa_verifier_set_source(verifier, source, error);
    libcapsa_source_free(source);
    return set;
}

#ifdef CAPSA_SIMULATION
static int set_simulation(libcapsa_verifier *verifier, const struct ra_tls_env *env,
                          libcapsa_error *error)
{
    const int set = libcapsa_verifier_insecure_set_simulation(verifier, env->simulation, error);
    if (set == 0 && !kept.told_of_simulation) {
        kept.told_of_simulation = true;
        (void)ra_tls_say(
            0,
            "INSECURE: CAPSA_INSECURE_SIMULATION is set, and evidence of the simulated "
            "platform in %s is accepted: it proves nothing",
            env->simulation);
    }
    return set;
}
#else
/* Not reached: whoever asks for it was refused when the environment was read. */
static int set_simulation(libcapsa_verifier *verifier, const struct ra_tls_env *env,
                          libcapsa_error *error)
{
    return libcapsa_verifier_insecure_set_simulation(verifier, env->simulation, error);
}
#endif

static int set_up(struct engine *engine, libcapsa_error *error, int *ret_step)
{
    const struct ra_tls_env *env = &engine->env;
    *ret_step = RA_TLS_AT_INIT;
    int set = libcapsa_verifier_new(&engine->verifier, error);
    if (set == 0 && kept.cache == NULL) {
        set = libcapsa_cache_new(CACHE_ENTRIES, &kept.cache, error);
    }
    set = set != 0 ? set : libcapsa_verifier_set_cache(engine->verifier, kept.cache, error);
    if (set == 0 && env->simulation[0] != '\0') {
        set = set_simulation(engine->verifier, env, error);
    }
    /* A bundle goes before the simulation's own collateral. */
    if (set == 0 && (env->simulation[0] == '\0' || env->bundle[0] != '\0')) {
        set = set_source(engine->verifier, env, error);
    }
    if (set != 0) {
        return ra_tls_say(code_of(set), "%s", libcapsa_error_text(error));
    }
    *ret_step = RA_TLS_AT_MEASUREMENTS;
    set = libcapsa_verifier_set_policy(engine->verifier, env->policy, strlen(env->policy), error);
    return set == 0 ? RA_TLS_OK
                    : ra_tls_say(code_of(set), "the RA_TLS_ variables make no policy: %s",
                                 libcapsa_error_text(error));
}

static int make(const struct ra_tls_env *env, const char *stamp, struct engine **ret_engine,
                int *ret_step)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    libcapsa_error *error = libcapsa_error_new();
    int code = RA_TLS_ALLOC_FAILED;
    *ret_step = RA_TLS_AT_INIT;
    if (engine != NULL) {
        engine->references = 1;
    }
    if (engine == NULL || error == NULL) {
        (void)ra_tls_say(code, "out of memory");
    } else {
        engine->env = *env;
        memcpy(engine->stamp, stamp, sizeof(engine->stamp));
        code = set_up(engine, error, ret_step);
    }
    libcapsa_error_free(error);
    if (code != RA_TLS_OK) {
        drop(engine);
        return code;
    }
    *ret_engine = engine;
    return RA_TLS_OK;
}

/* Under the lock: that of the last call, or a new one in its place. */
static int take(const struct ra_tls_env *env, struct engine **ret_engine, int *ret_step)
{
    char stamp[sizeof(((struct engine *)0)->stamp)] = {0};
    stamp_of(env, stamp);
    if (!is_same(kept.engine, env, stamp)) {
        struct engine *engine = NULL;
        const int code = make(env, stamp, &engine, ret_step);
        if (code != RA_TLS_OK) {
            return code;
        }
        drop(kept.engine);
        kept.engine = engine;
    }
    kept.engine->references++;
    *ret_engine = kept.engine;
    return RA_TLS_OK;
}

/* ---- The interface --------------------------------------------------------------------------- */

static int verify(const uint8_t *crt, size_t crt_len,
                  struct ra_tls_verify_callback_results *results)
{
    if (crt == NULL || crt_len == 0) {
        return ra_tls_say(RA_TLS_BAD_INPUT, "no certificate was given");
    }
    (void)pthread_mutex_lock(&kept.lock);
    const ra_tls_measurement_callback callback = kept.callback;
    struct ra_tls_env env;
    struct engine *engine = NULL;
    int code = ra_tls_env_read(callback == NULL, &env, &results->err_loc);
    code = code != RA_TLS_OK ? code : take(&env, &engine, &results->err_loc);
    (void)pthread_mutex_unlock(&kept.lock);
    if (code != RA_TLS_OK) {
        return code;
    }
    code = ra_tls_judge(engine->verifier, &engine->env, callback, crt, crt_len, results);
    (void)pthread_mutex_lock(&kept.lock);
    drop(engine);
    (void)pthread_mutex_unlock(&kept.lock);
    return code;
}

int ra_tls_verify_callback_extended_der(uint8_t *crt, size_t crt_len,
                                        struct ra_tls_verify_callback_results *results)
{
    /* Until there is a result it is "unspecified", since 0 is Intel's success. */
    struct ra_tls_verify_callback_results found = {
        .attestation_scheme = RA_TLS_SCHEME_DCAP,
        .err_loc = RA_TLS_AT_INIT,
    };
    found.dcap.quote_verification_result = (int)libcapsa_verdict_intel_result(NULL);
    const int code = verify(crt, crt_len, &found);
    if (results != NULL) {
        *results = found;
    }
    return code;
}

int ra_tls_verify_callback_der(uint8_t *crt, size_t crt_len)
{
    return ra_tls_verify_callback_extended_der(crt, crt_len, NULL);
}

void ra_tls_set_measurement_callback(ra_tls_measurement_callback callback)
{
    (void)pthread_mutex_lock(&kept.lock);
    kept.callback = callback;
    (void)pthread_mutex_unlock(&kept.lock);
}
