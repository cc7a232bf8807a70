/* SPDX-License-Identifier: Apache-2.0
 *
 * Anchors, policy, platform: put together (capsad_evidence.h).
 */
#include "programs/capsad_evidence.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "programs/capsad_check.h"
#ifdef CAPSA_SIMULATION
#include "attester/attester_sim.h"
#endif

#define CACHE_ENTRIES 4096

void capsad_evidence_drop(capsad_evidence *evidence)
{
    capsa_appraiser_free(evidence->options.appraiser);
    capsa_collateral_store_free(evidence->collateral);
    *evidence = (capsad_evidence){.anchors_count = 0};
}

/* ---- anchors --------------------------------------------------------------------------------- */

#ifdef CAPSA_SIMULATION
static capsa_result anchors_simulated(const struct capsad_config *config,
                                      struct capsa_anchors **ret_anchors)
{
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    const char *name;
    CAPSA_TRY(capsa_buf_format(&path, "%s/%s", config->sim_dir, CAPSA_SIM_ROOT_FILE));
    CAPSA_TRY(capsa_buf_cstr(&path, &name));
    CAPSA_TRY_AT(capsa_file_read(name, &root), "sim_dir");
    return capsa_anchors_new_simulation(capsa_buf_bytes(&root), ret_anchors);
}
#else
static capsa_result anchors_simulated(const struct capsad_config *config,
                                      struct capsa_anchors **ret_anchors)
{
    (void)config;
    (void)ret_anchors;
    CAPSA_FAIL(UNSUPPORTED, "this build has no simulation");
}
#endif

static capsa_result anchors_make(const struct capsad_config *config,
                                 struct capsa_anchors **ret_anchors)
{
    return *capsad_sim_dir(config) == '\0' ? capsa_anchors_new_vendor(ret_anchors)
                                           : anchors_simulated(config, ret_anchors);
}

static bool is_listed(const capsad_evidence *evidence, const char *id)
{
    for (size_t i = 0; i < evidence->anchors_count; i++) {
        if (capsa_streq(evidence->anchor_ids[i], id)) {
            return true;
        }
    }
    return false;
}

/* An anchor may vouch for several platforms, and is listed once. */
static capsa_result anchor_list(capsad_evidence *evidence, const struct capsa_anchor_key *key)
{
    if (is_listed(evidence, key->id)) {
        return CAPSA_OK;
    }
    size_t at = evidence->anchors_count;
    CAPSA_REQUIRE(at < CAPSAD_ANCHORS, INTERNAL, "more than %d trust anchors", CAPSAD_ANCHORS);
    struct capsa_genesis_anchor *anchor = &evidence->anchors[at];
    (void)snprintf(evidence->anchor_ids[at], sizeof(evidence->anchor_ids[at]), "%s", key->id);
    anchor->id = evidence->anchor_ids[at];
    anchor->is_vendor = key->kind == CAPSA_ANCHOR_VENDOR;
    capsa_sha256(capsa_buf_bytes(key->spki.len > 0 ? &key->spki : &key->hrk), anchor->sha256);
    evidence->anchors_count++;
    return CAPSA_OK;
}

static capsa_result anchors_list(const struct capsa_anchors *anchors, capsad_evidence *evidence)
{
    for (unsigned platform = CAPSA_PLATFORM_NONE + 1; platform < CAPSA_PLATFORM_COUNT; platform++) {
        const struct capsa_anchor_key *key;
        for (size_t i = 0;
             (key = capsa_anchors_at(anchors, (enum capsa_platform)platform, i)) != NULL; i++) {
            CAPSA_TRY(anchor_list(evidence, key));
        }
    }
    return CAPSA_OK;
}

/* ---- what proves evidence -------------------------------------------------------------------- */

static const char *or_none(const char *text)
{
    return *text == '\0' ? NULL : text;
}

static capsa_result get(void *context, enum capsa_platform platform, capsa_bytes evidence,
                        capsa_collateral *ret_collateral)
{
    return capsa_collateral_get(context, platform, evidence, ret_collateral);
}

/* Nothing is got unless the operator says from where. */
static capsa_result open_collateral(const struct capsad_config *config, capsad_evidence *evidence)
{
    if (!config->collateral_fetch && *config->collateral_bundle == '\0') {
        return CAPSA_OK;
    }
    const char *bundle = or_none(config->collateral_bundle);
    CAPSA_REQUIRE(bundle == NULL || access(bundle, R_OK) == 0, USAGE,
                  "collateral.bundle: cannot read %s", bundle);
    const struct capsa_collateral_options options = {
        .pccs_url = or_none(config->collateral_pccs_url),
        .kds_url = or_none(config->collateral_kds_url),
        .hygon_url = or_none(config->collateral_hygon_url),
        .ca_file = or_none(config->collateral_ca_file),
        .insecure_tls = config->insecure_collateral_tls,
        .bundle = bundle,
        .timeout_seconds = (unsigned)config->collateral_timeout,
        .cache_dir = or_none(config->collateral_cache_dir),
        .min_fresh_seconds = config->collateral_max_age,
        .stale_while_error = config->collateral_stale,
    };
    CAPSA_TRY_AT(capsa_collateral_store_new(&options, &evidence->collateral), "collateral");
    evidence->options.getter = (struct capsa_collateral_getter){evidence->collateral, get};
    return CAPSA_OK;
}

/* ---- what requests bring --------------------------------------------------------------------- */

/* The policy, and into `found` what of it is insecure. */
static capsa_result policy_load(const struct capsad_config *config,
                                struct capsa_appraisal_policy **ret_policy, capsad_evidence *found)
{
    if (*config->evidence_policy == '\0') {
        return capsa_appraisal_policy_new(ret_policy);
    }
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_yaml_bytes);
    CAPSA_TRY_AT(capsa_file_read(config->evidence_policy, &text), "evidence_policy");
    CAPSA_TRY_AT(capsa_appraisal_policy_load(capsa_buf_bytes(&text), ret_policy),
                 "evidence_policy %s", config->evidence_policy);
    const char *name;
    while (found->insecure_count < CAPSAD_INSECURE_POLICY &&
           (name = capsa_appraisal_policy_insecure(*ret_policy, found->insecure_count)) != NULL) {
        found->insecure[found->insecure_count++] = name;
    }
    CAPSA_REQUIRE(found->insecure_count == 0 || !capsa_streq(config->mode, "production"), USAGE,
                  "mode production: evidence_policy: %s weakens it; there is no such option in "
                  "production",
                  found->insecure[0]);
    return CAPSA_OK;
}

static capsa_result appraiser_make(const struct capsad_config *config,
                                   struct capsa_anchors **anchors,
                                   struct capsa_appraisal_policy **policy,
                                   struct capsa_collateral_getter getter,
                                   struct capsa_appraiser **ret_appraiser)
{
    const struct capsa_appraiser_options options = {
        .anchors = *anchors,
        .policy = *policy,
        .vendor_only = capsa_streq(config->mode, "production"),
        .cache_entries = CACHE_ENTRIES,
        .getter = getter,
    };
    CAPSA_TRY(capsa_appraiser_new(&options, ret_appraiser));
    *anchors = NULL; /* handed over */
    *policy = NULL;
    return CAPSA_OK;
}

/* The policy of the file, with anchors: an appraiser, and which platforms it has a floor for. Into
 * `found` what the store has to allow. */
static capsa_result appraise_as_told(const struct capsad_config *config,
                                     struct capsa_keymanager_evidence *how, capsad_evidence *found)
{
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = NULL;
    CAPSA_TRY(anchors_make(config, &anchors));
    CAPSA_TRY(anchors_list(anchors, found));
    CAPSA_TRY(policy_load(config, &policy, found));
    for (unsigned i = CAPSA_PLATFORM_NONE + 1; i < CAPSA_PLATFORM_COUNT; i++) {
        how->has_floor[i] = capsa_appraisal_policy_has_floor(policy, (enum capsa_platform)i);
    }
    return appraiser_make(config, &anchors, &policy, how->getter, &how->appraiser);
}

static capsa_result open_appraiser(const struct capsad_config *config, capsad_evidence *evidence)
{
    CAPSA_TRY(appraise_as_told(config, &evidence->options, evidence));
    evidence->options.required = capsad_evidence_is_required(config);
    evidence->options.production = capsa_streq(config->mode, "production");
    return CAPSA_OK;
}

static bool was_insecure(const capsad_evidence *evidence, const char *name)
{
    for (size_t i = 0; i < evidence->insecure_count; i++) {
        if (capsa_streq(evidence->insecure[i], name)) {
            return true;
        }
    }
    return false;
}

/* Nobody has announced it, and the store may not allow it. The id of an anchor that is not compiled
 * in holds the digest of its key. */
static capsa_result check_no_weaker(const capsad_evidence *evidence, const capsad_evidence *found)
{
    for (size_t i = 0; i < found->anchors_count; i++) {
        CAPSA_REQUIRE(is_listed(evidence, found->anchor_ids[i]), DENIED,
                      "sim_dir: the trust anchor %s takes a start, where the store is asked",
                      found->anchor_ids[i]);
    }
    for (size_t i = 0; i < found->insecure_count; i++) {
        CAPSA_REQUIRE(was_insecure(evidence, found->insecure[i]), DENIED,
                      "evidence_policy: %s takes a start, where it is announced",
                      found->insecure[i]);
    }
    return CAPSA_OK;
}

static capsa_result replace(const capsad_evidence *evidence, const capsad_evidence *found,
                            const struct capsa_keymanager_evidence *how,
                            struct capsa_keymanager *manager)
{
    CAPSA_TRY(check_no_weaker(evidence, found));
    return capsa_keymanager_appraise_by(manager, how);
}

CAPSA_RESULT capsad_evidence_reload(const struct capsad_config *config,
                                    const capsad_evidence *evidence,
                                    struct capsa_keymanager *manager)
{
    struct capsa_keymanager_evidence how = {.getter = evidence->options.getter};
    capsad_evidence found = {.insecure_count = 0};
    CAPSA_TRY(appraise_as_told(config, &how, &found));
    capsa_result result = replace(evidence, &found, &how, manager);
    if (capsa_failed(result)) {
        capsa_appraiser_free(how.appraiser);
    }
    return result;
}

/* ---- its own --------------------------------------------------------------------------------- */

static void open_platform(const struct capsad_config *config, capsad_evidence *evidence)
{
    struct capsa_keymanager_evidence *options = &evidence->options;
    options->attester = capsa_attester_by_name(config->platform);
    options->where = (struct capsa_attester_options){
        .root = config->tee_root,
        .qgs = or_none(config->tdx_qgs),
        .sim_dir = or_none(capsad_sim_dir(config)),
        .sim_code = or_none(capsad_sim_code(config)),
    };
}

/* For nobody but ourselves: bound to a number that is not used again. */
static capsa_result collect(const capsad_evidence *evidence, uint8_t report_data[CAPSA_REPORT_DATA],
                            capsa_buf *bytes, capsa_collateral *collateral)
{
    uint8_t random[CAPSA_SHA256];
    CAPSA_TRY(capsa_random(random, sizeof(random)));
    const capsa_bytes field = capsa_bytes_of(random, sizeof(random));
    CAPSA_TRY(capsa_report_data_native("self check", &field, 1, report_data));
    const struct capsa_keymanager_evidence *options = &evidence->options;
    CAPSA_TRY(options->attester->collect(options->attester, &options->where, report_data, bytes,
                                         collateral));
    if (capsa_collateral_is_empty(collateral) && options->getter.get != NULL) {
        CAPSA_TRY(options->getter.get(options->getter.context, options->attester->platform,
                                      capsa_buf_bytes(bytes), collateral));
    }
    return CAPSA_OK;
}

static capsa_result judge_own(const struct capsad_config *config, const capsad_evidence *evidence,
                              struct capsa_verdict *verdict)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    CAPSA_AUTO(capsa_collateral) collateral;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = NULL;
    CAPSA_AUTO_FREE(capsa_appraiser) appraiser = NULL;
    uint8_t report_data[CAPSA_REPORT_DATA];
    capsa_collateral_init(&collateral);
    CAPSA_TRY(collect(evidence, report_data, &bytes, &collateral));
    CAPSA_TRY(anchors_make(config, &anchors));
    CAPSA_TRY(capsa_appraisal_policy_new(&policy));
    CAPSA_TRY(appraiser_make(config, &anchors, &policy, evidence->options.getter, &appraiser));
    return capsa_appraiser_judge(appraiser, evidence->options.attester->platform,
                                 capsa_buf_bytes(&bytes), &collateral,
                                 capsa_now(&capsa_clock_system), report_data, verdict);
}

/* What the machine says of itself, its clients will see too. A status, or collateral that is
 * missing here, they may take or have; the rest nobody takes. */
static capsa_result try_platform(const struct capsad_config *config, capsad_evidence *evidence)
{
    struct capsa_verdict verdict = {.accepted = false};
    capsa_result result = judge_own(config, evidence, &verdict);
    if (capsa_code_of(result) == CAPSA_E_TCB) {
        (void)snprintf(evidence->doubt, sizeof(evidence->doubt),
                       "clients may refuse this manager's evidence: %s: %.300s",
                       capsa_check_name(verdict.failed_check), verdict.reason);
        return CAPSA_OK;
    }
    CAPSA_TRY_AT(result, "platform %s makes no evidence that anybody could believe",
                 config->platform);
    return CAPSA_OK;
}

CAPSA_RESULT capsad_evidence_open(const struct capsad_config *config, capsad_evidence *evidence)
{
    CAPSA_TRY(open_collateral(config, evidence));
    CAPSA_TRY(open_appraiser(config, evidence));
    if (*config->platform == '\0') {
        return CAPSA_OK;
    }
    open_platform(config, evidence);
    return try_platform(config, evidence);
}
