/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates as the product makes them, with evidence of a simulated platform, and an attester
 * that counts and can be made to fail or to bind something else.
 */
#pragma once

#include <openssl/x509v3.h>

#include "base/limits.h"
#include "crypto/crypto_evidence.h"
#include "ratls/ratls_identity.h"
#include "sim_scene.h"

struct identity_scene {
    struct sim_scene sim;
    struct capsa_appraiser *appraiser;
    struct capsa_ratls_attester attester;
    int collected;       /* how often evidence was made */
    bool fails;          /* ... and shall not be */
    bool binds_another;  /* ... and shall bind what was not asked for */
    bool without_extras; /* ... and shall come without collateral */
};

static inline capsa_result identity_collect(void *context,
                                            const uint8_t report_data[CAPSA_REPORT_DATA],
                                            capsa_buf *ret_evidence,
                                            capsa_collateral *ret_collateral)
{
    struct identity_scene *scene = context;
    scene->collected++;
    CAPSA_REQUIRE(!scene->fails, NETWORK, "the quoting service does not answer");
    struct capsa_sim_claims claims = {.platform = scene->attester.platform, .isv_svn = 1};
    memset(claims.mr_enclave, 0x41, sizeof(claims.mr_enclave));
    memset(claims.mr_td, 0x43, sizeof(claims.mr_td));
    memcpy(claims.report_data, report_data, CAPSA_REPORT_DATA);
    claims.report_data[CAPSA_REPORT_DATA - 1] ^= scene->binds_another;
    CAPSA_TRY(capsa_sim_quote(scene->sim.sim, &claims, ret_evidence));
    return scene->without_extras
               ? CAPSA_OK
               : capsa_sim_collateral(scene->sim.sim, scene->attester.platform, ret_collateral);
}

static inline int identity_scene_setup(void **state)
{
    struct identity_scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    sim_scene_open(&scene->sim);
    scene->appraiser = sim_scene_appraiser(&scene->sim);
    scene->attester = (struct capsa_ratls_attester){scene, CAPSA_PLATFORM_SGX, identity_collect};
    *state = scene;
    return 0;
}

static inline int identity_scene_reset(void **state)
{
    struct identity_scene *scene = *state;
    scene->attester.platform = CAPSA_PLATFORM_SGX;
    scene->collected = 0;
    scene->fails = scene->binds_another = scene->without_extras = false;
    return 0;
}

static inline int identity_scene_teardown(void **state)
{
    struct identity_scene *scene = *state;
    capsa_appraiser_free(scene->appraiser);
    sim_scene_close(&scene->sim);
    free(scene);
    return 0;
}

/* By the real appraiser, as of `now`. */
static inline capsa_result identity_judge(const struct identity_scene *scene, capsa_bytes der,
                                          const struct capsa_ratls_rules *rules, capsa_time now,
                                          struct capsa_ratls_report *report)
{
    const struct capsa_ratls_appraiser appraiser = {scene->appraiser, sim_judge};
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_sim_collateral(scene->sim.sim, scene->attester.platform, &collateral));
    return capsa_ratls_judge(der, rules, &appraiser, &collateral, now, report);
}

static inline struct capsa_ratls_profile identity_profile(const char *forms, const char *key)
{
    struct capsa_ratls_profile profile;
    capsa_ratls_profile_default(&profile);
    assert_ok(capsa_ratls_profile_forms(&profile, forms));
    assert_ok(capsa_ratls_profile_key(&profile, key));
    return profile;
}

static inline struct capsa_ratls_credential *
identity_made(const struct identity_scene *scene, const struct capsa_ratls_profile *profile)
{
    struct capsa_ratls_credential *made = NULL;
    assert_ok(capsa_ratls_make(&scene->attester, profile, SIM_NOW, &made));
    return made;
}

static inline struct capsa_ratls_certificate *
identity_read(const struct capsa_ratls_credential *credential)
{
    struct capsa_ratls_certificate *read = NULL;
    assert_ok(capsa_ratls_read(capsa_ratls_credential_der(credential), &read));
    return read;
}
