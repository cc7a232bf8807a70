/* SPDX-License-Identifier: Apache-2.0
 *
 * A simulated platform of today for tests of identities and channels, which read the clock: its
 * folder, an attester on it, a verifier that trusts it, an identity that was made.
 */
#pragma once

#include "api_test.h"

#include <ftw.h>
#include <sys/stat.h>
#include <time.h>

#include <capsa/fetch.h>
#include <capsa/ratls.h>

#include "attester/attester_sim.h"

struct ratls_scene {
    char folder[64];
    char policy[160]; /* of this very program */
    libcapsa_attester *attester;
    libcapsa_verifier *verifier;
    libcapsa_identity *identity;
};

static inline int scene_remove_one(const char *path, const struct stat *status, int flag,
                                   struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

static inline libcapsa_verifier *scene_verifier(const struct ratls_scene *scene)
{
    libcapsa_verifier *verifier = NULL;
    assert_success(libcapsa_verifier_new(&verifier, NULL), NULL);
    assert_success(libcapsa_verifier_insecure_set_simulation(verifier, scene->folder, NULL), NULL);
    assert_success(
        libcapsa_verifier_set_policy(verifier, scene->policy, strlen(scene->policy), NULL), NULL);
    return verifier;
}

static inline void scene_write_policy(struct ratls_scene *scene)
{
    libcapsa_evidence *evidence = NULL;
    libcapsa_verdict *verdict = NULL;
    libcapsa_verifier *verifier = scene_verifier(scene);
    assert_success(
        libcapsa_attester_attest(scene->attester, "who is this", NULL, 0, &evidence, NULL), NULL);
    assert_success(
        libcapsa_verifier_judge(verifier, evidence, NULL, time(NULL), NULL, 0, &verdict, NULL),
        NULL);
    (void)snprintf(scene->policy, sizeof(scene->policy),
                   "reference_values: [{sgx: {mr_enclave: %s}}]\n",
                   libcapsa_claim_text(libcapsa_verdict_claim(verdict, "sgx.mr_enclave")));
    libcapsa_verdict_free(verdict);
    libcapsa_evidence_free(evidence);
    libcapsa_verifier_free(verifier);
}

static inline libcapsa_identity *scene_identity(const struct ratls_scene *scene)
{
    libcapsa_identity *identity = NULL;
    assert_success(libcapsa_identity_new(scene->attester, &identity, NULL), NULL);
    return identity;
}

static inline int scene_setup(void **state)
{
    struct ratls_scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    (void)snprintf(scene->folder, sizeof(scene->folder), "/tmp/capsa-api-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    assert_int_equal(capsa_code_of(capsa_sim_init(scene->folder, time(NULL) - 3600, 30)),
                     CAPSA_E_OK);
    assert_success(libcapsa_attester_new("sim-sgx", &scene->attester, NULL), NULL);
    assert_success(
        libcapsa_attester_insecure_set_simulation(scene->attester, scene->folder, NULL, NULL),
        NULL);
    (void)snprintf(scene->policy, sizeof(scene->policy), "{}");
    scene_write_policy(scene);
    scene->verifier = scene_verifier(scene);
    scene->identity = scene_identity(scene);
    assert_success(libcapsa_identity_make(scene->identity, time(NULL), NULL), NULL);
    *state = scene;
    return 0;
}

static inline int scene_teardown(void **state)
{
    struct ratls_scene *scene = *state;
    libcapsa_identity_free(scene->identity);
    libcapsa_verifier_free(scene->verifier);
    libcapsa_attester_free(scene->attester);
    assert_int_equal(nftw(scene->folder, scene_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(scene);
    return 0;
}

/* Of no program that there is. */
#define POLICY_OF_OTHERS                                                                           \
    "reference_values: [{sgx: {mr_enclave: "                                                       \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}}]\n"
