/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities, contexts, sources and certificates of the public interface: every allocation of ours
 * fails in turn. What was there before stays, and nothing that ran out of memory is accepted. Those
 * of libraries fail where their callers are tested (failing_ratls*.c, failing_collateral.c).
 */
#include "failing.h"

#include <ftw.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "attester/attester_sim.h"
#include "capsa/fetch.h"
#include "capsa/ratls.h"

#define NOW 1800000000

/* Made while nothing fails. */
static char folder[64];
static libcapsa_attester *attester;
static libcapsa_verifier *verifier;
static libcapsa_identity *identity;
static libcapsa_evidence *evidence;
static uint8_t *der;
static size_t der_len;

static int fixtures_make(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/capsa-api-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_ok(capsa_sim_init(folder, NOW - 60, 30));
    assert_int_equal(libcapsa_attester_new("sim-sgx", &attester, NULL), LIBCAPSA_OK);
    assert_int_equal(libcapsa_attester_insecure_set_simulation(attester, folder, NULL, NULL),
                     LIBCAPSA_OK);
    assert_int_equal(libcapsa_verifier_new(&verifier, NULL), LIBCAPSA_OK);
    assert_int_equal(libcapsa_verifier_insecure_set_simulation(verifier, folder, NULL),
                     LIBCAPSA_OK);
    assert_int_equal(libcapsa_identity_new(attester, &identity, NULL), LIBCAPSA_OK);
    assert_int_equal(libcapsa_identity_set_endorsements(identity, 1, NULL), LIBCAPSA_OK);
    assert_int_equal(libcapsa_identity_make(identity, NOW, NULL), LIBCAPSA_OK);
    assert_int_equal(libcapsa_identity_certificate(identity, "der", &der, &der_len, NULL),
                     LIBCAPSA_OK);
    assert_int_equal(libcapsa_attester_attest(attester, "test", NULL, 0, &evidence, NULL),
                     LIBCAPSA_OK);
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

static int fixtures_free(void **state)
{
    (void)state;
    libcapsa_free(der);
    libcapsa_evidence_free(evidence);
    libcapsa_identity_free(identity);
    libcapsa_verifier_free(verifier);
    libcapsa_attester_free(attester);
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static capsa_result of_code(int code)
{
    return code == LIBCAPSA_OK
               ? CAPSA_OK
               : capsa_error_make((enum capsa_code)code, __FILE__, __LINE__, "a public function");
}

/* ---- Certificates ---------------------------------------------------------------------------- */

static capsa_result parse(struct failing_out *out)
{
    libcapsa_certificate *certificate = NULL;
    const int code = libcapsa_certificate_parse(der, der_len, &certificate, NULL);
    assert_int_equal(certificate != NULL, code == LIBCAPSA_OK);
    out->made = certificate == NULL ? out->made : certificate;
    return of_code(code);
}

static void free_certificate(void *made)
{
    libcapsa_certificate_free(made);
}

static capsa_result judge(struct failing_out *out)
{
    libcapsa_verdict *verdict = NULL;
    const int code = libcapsa_verifier_judge_certificate(
        verifier, der, der_len, LIBCAPSA_CERTIFICATE_NATIVE, NULL, NOW, &verdict, NULL);
    assert_int_equal(libcapsa_verdict_accepted(verdict), code == LIBCAPSA_OK);
    if (code == LIBCAPSA_OK) {
        out->made = verdict;
        return CAPSA_OK;
    }
    assert_null(verdict);
    return of_code(code);
}

static void free_verdict(void *made)
{
    libcapsa_verdict_free(made);
}

/* ---- Identities ------------------------------------------------------------------------------ */

static int set_up(libcapsa_identity *fresh)
{
    const int codes[] = {
        libcapsa_identity_set_key(fresh, "p256", NULL),
        libcapsa_identity_set_forms(fresh, "dice", NULL),
        libcapsa_identity_set_nonce(fresh, "nonce", 5, NULL),
        libcapsa_identity_set_lifetime(fresh, 3600, NULL),
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i] != LIBCAPSA_OK) {
            return codes[i];
        }
    }
    return LIBCAPSA_OK;
}

static capsa_result new_identity(struct failing_out *out)
{
    libcapsa_identity *fresh = NULL;
    int code = libcapsa_identity_new(attester, &fresh, NULL);
    if (code == LIBCAPSA_OK) {
        code = set_up(fresh);
    }
    if (code == LIBCAPSA_OK) {
        code = libcapsa_identity_make(fresh, NOW, NULL);
        assert_int_equal(libcapsa_identity_renew_at(fresh) != 0, code == LIBCAPSA_OK);
    }
    if (code != LIBCAPSA_OK) {
        libcapsa_identity_free(fresh);
        return of_code(code);
    }
    out->made = fresh;
    return CAPSA_OK;
}

static void free_identity(void *made)
{
    libcapsa_identity_free(made);
}

static capsa_result write_key(struct failing_out *out)
{
    uint8_t *key = NULL;
    size_t len = 77;
    const int code = libcapsa_identity_key(identity, "pem", &key, &len, NULL);
    if (code != LIBCAPSA_OK) {
        assert_null(key);
        assert_int_equal(len, 77);
        return of_code(code);
    }
    out->made = key;
    return CAPSA_OK;
}

/* ---- Contexts and sources -------------------------------------------------------------------- */

static int use(libcapsa_ratls *ratls)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (ctx == NULL) {
        return LIBCAPSA_E_NOMEM;
    }
    int code = libcapsa_ratls_insecure_set_unbound(ratls, 1, NULL);
    if (code == LIBCAPSA_OK) {
        code = libcapsa_ratls_insecure_set_any_code(ratls, 1, NULL);
    }
    if (code == LIBCAPSA_OK) {
        code = libcapsa_ratls_use(ratls, ctx, NULL);
    }
    SSL_CTX_free(ctx);
    return code;
}

static capsa_result new_context(struct failing_out *out)
{
    libcapsa_ratls *ratls = NULL;
    int code = libcapsa_ratls_server_new(identity, verifier, &ratls, NULL);
    if (code == LIBCAPSA_OK) {
        code = use(ratls);
    }
    if (code != LIBCAPSA_OK) {
        libcapsa_ratls_free(ratls);
        return of_code(code);
    }
    out->made = ratls;
    return CAPSA_OK;
}

static void free_context(void *made)
{
    libcapsa_ratls_free(made);
}

static int get(libcapsa_source *source, libcapsa_collateral **ret_collateral)
{
    char bundle[96];
    (void)snprintf(bundle, sizeof(bundle), "%s/sgx", folder);
    const int code = libcapsa_source_set(source, "bundle", bundle, NULL);
    return code == LIBCAPSA_OK ? libcapsa_source_get(source, evidence, ret_collateral, NULL) : code;
}

static capsa_result new_source(struct failing_out *out)
{
    libcapsa_source *source = NULL;
    libcapsa_collateral *collateral = NULL;
    int code = libcapsa_source_new(&source, NULL);
    if (code == LIBCAPSA_OK) {
        code = get(source, &collateral);
    }
    libcapsa_source_free(source);
    assert_int_equal(collateral != NULL, code == LIBCAPSA_OK);
    out->made = collateral == NULL ? out->made : collateral;
    return of_code(code);
}

static void free_collateral(void *made)
{
    libcapsa_collateral_free(made);
}

static capsa_result set_simulation(struct failing_out *out)
{
    (void)out;
    return of_code(libcapsa_verifier_insecure_set_simulation(verifier, folder, NULL));
}

static void what_was_there_survives_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"certificate_parse", parse, free_certificate, false, true},
        {"judge_certificate", judge, free_verdict, false, true},
        {"identity", new_identity, free_identity, false, true},
        {"identity_key", write_key, libcapsa_free, false, true},
        {"ratls", new_context, free_context, false, true},
        {"source", new_source, free_collateral, false, true},
        {"set_simulation", set_simulation, NULL, false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        failing_try(&cases[i], FAILING_MEMORY, FAILING_ONCE);
        failing_try(&cases[i], FAILING_MEMORY, FAILING_EVER);
    }
    failing_try_all(cases, 0); /* which counts the complaints of all */
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_there_survives_every_failure),
    };
    return cmocka_run_group_tests_name("api, ratls, failing", tests, fixtures_make, fixtures_free);
}
