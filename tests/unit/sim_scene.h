/* SPDX-License-Identifier: Apache-2.0
 *
 * A simulated platform in a temporary folder, and verdicts on what it makes.
 */
#pragma once

#include <stdlib.h>

#include "appraisal/appraisal.h"
#include "attester/attester_sim.h"
#include "attester/attester_sim_forge.h"
#include "base/file.h"
#include "unit.h"

#define SIM_NOW 1800000000

struct sim_scene {
    char dir[64];
    struct capsa_sim *sim;
    struct capsa_anchors *anchors;
    struct capsa_appraisal_policy *policy; /* the default one */
};

static inline void sim_scene_open(struct sim_scene *scene)
{
    (void)snprintf(scene->dir, sizeof(scene->dir), "/tmp/capsa-sim-XXXXXX");
    assert_non_null(mkdtemp(scene->dir));
    assert_ok(capsa_sim_init(scene->dir, SIM_NOW, 30));
    assert_ok(capsa_sim_open(scene->dir, &scene->sim));
    char root[96];
    (void)snprintf(root, sizeof(root), "%s/%s", scene->dir, CAPSA_SIM_ROOT_FILE);
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(64));
    assert_ok(capsa_file_read(root, &pem));
    assert_ok(capsa_anchors_new_simulation(capsa_buf_bytes(&pem), &scene->anchors));
    assert_ok(capsa_appraisal_policy_new(&scene->policy));
}

static inline void sim_scene_close(struct sim_scene *scene)
{
    capsa_appraisal_policy_free(scene->policy);
    capsa_anchors_free(scene->anchors);
    capsa_sim_free(scene->sim);
    test_remove_tree(scene->dir);
}

/* By the scene's anchors and policy, which become its own. */
static inline struct capsa_appraiser *sim_scene_appraiser(struct sim_scene *scene)
{
    const struct capsa_appraiser_options options = {.anchors = scene->anchors,
                                                    .policy = scene->policy};
    struct capsa_appraiser *appraiser = NULL;
    assert_ok(capsa_appraiser_new(&options, &appraiser));
    scene->anchors = NULL;
    scene->policy = NULL;
    return appraiser;
}

/* An appraiser as what ratls asks. */
static inline capsa_result sim_judge(void *context, enum capsa_platform platform,
                                     capsa_bytes evidence, const capsa_collateral *shipped,
                                     capsa_time now, const uint8_t *report_data,
                                     struct capsa_verdict *verdict)
{
    return capsa_appraiser_judge(context, platform, evidence, shipped, now, report_data, verdict);
}

static inline int sim_scene_setup(void **state)
{
    struct sim_scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    sim_scene_open(scene);
    *state = scene;
    return 0;
}

static inline int sim_scene_teardown(void **state)
{
    sim_scene_close(*state);
    free(*state);
    return 0;
}
