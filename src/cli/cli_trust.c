/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence from options and config file (cli_trust.h).
 */
#include "cli/cli_trust.h"

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_config.h"
#include "cli/cli_print.h"
#include "cli/cli_read.h"

#define SIMULATED "sim-"

void capsa_cli_evidence_drop(capsa_cli_evidence *evidence)
{
    capsa_appraiser_free(evidence->appraiser);
    evidence->appraiser = NULL;
    if (evidence->has_collateral) {
        capsa_collateral_drop(&evidence->collateral);
    }
    evidence->has_collateral = false;
}

/* ---- which platform -------------------------------------------------------------------------- */

/* tee_plat of the config file. */
struct wanted {
    enum capsa_platform platform; /* NONE: not said */
    bool simulated;
};

static capsa_result read_platform(const struct capsa_cli *cli, struct wanted *ret_wanted)
{
    const char *name = NULL;
    CAPSA_TRY(capsa_cli_config_text(cli, "tee_plat", &name));
    *ret_wanted = (struct wanted){.platform = CAPSA_PLATFORM_NONE};
    if (name == NULL || *name == '\0' || capsa_streq(name, "sim")) {
        return CAPSA_OK; /* nothing is verified, as in the original */
    }
    size_t prefix = strlen(SIMULATED);
    ret_wanted->simulated = strncmp(name, SIMULATED, prefix) == 0;
    ret_wanted->platform = capsa_platform_by_name(ret_wanted->simulated ? name + prefix : name);
    CAPSA_REQUIRE(ret_wanted->platform != CAPSA_PLATFORM_NONE, USAGE,
                  "%s: tee_plat is \"%.32s\": sim (nothing is verified), sgx, tdx, snp or csv",
                  cli->config_path, name);
    return CAPSA_OK;
}

/* ---- anchors --------------------------------------------------------------------------------- */

#ifdef CAPSA_SIMULATION
static capsa_result sim_root_of(const struct capsa_cli *cli, const char **ret_path)
{
    *ret_path = capsa_cli_option(cli, "sim-root");
    return *ret_path == NULL ? capsa_cli_config_text(cli, "sim_root", ret_path) : CAPSA_OK;
}

CAPSA_RESULT capsa_cli_sim_anchors(const char *path, struct capsa_anchors **ret_anchors)
{
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_file_read(path, &root));
    CAPSA_TRY_AT(capsa_anchors_new_simulation(capsa_buf_bytes(&root), ret_anchors), "%s", path);
    return CAPSA_OK;
}
#else
static capsa_result sim_root_of(const struct capsa_cli *cli, const char **ret_path)
{
    (void)cli;
    *ret_path = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_sim_anchors(const char *path, struct capsa_anchors **ret_anchors)
{
    (void)ret_anchors;
    CAPSA_FAIL(UNSUPPORTED, "%s: this build has no simulation", path);
}
#endif

/* A simulated root is trusted only by being named; what it vouches for is no vendor's, and is told
 * apart everywhere. */
static capsa_result make_anchors(const struct capsa_cli *cli, const struct wanted *wanted,
                                 struct capsa_anchors **ret_anchors)
{
    const char *root = NULL;
    CAPSA_TRY(sim_root_of(cli, &root));
    CAPSA_REQUIRE(!wanted->simulated || root != NULL, USAGE,
                  "%s: tee_plat is simulated: the root of that platform is needed (--sim-root FILE "
                  "or sim_root)",
                  cli->config_path);
    return root == NULL ? capsa_anchors_new_vendor(ret_anchors)
                        : capsa_cli_sim_anchors(root, ret_anchors);
}

/* ---- tee_constraints ------------------------------------------------------------------------- */

/* What each means on each platform; the names are the original's, for SNP ours. */
static const struct constraint {
    enum capsa_platform platform;
    const char *name;
    const char *claim;
} constraints[] = {
    {CAPSA_PLATFORM_SGX, "mr_ta", "mr_enclave"},    {CAPSA_PLATFORM_SGX, "mr_signer", "mr_signer"},
    {CAPSA_PLATFORM_TDX, "mr_plat", "mr_plat"},     {CAPSA_PLATFORM_TDX, "mr_boot", "mr_boot"},
    {CAPSA_PLATFORM_TDX, "mr_ta", "mr_ta"},         {CAPSA_PLATFORM_CSV, "mr_boot", "mr_boot"},
    {CAPSA_PLATFORM_SNP, "mr_boot", "measurement"},
};
static const char *const names[] = {"mr_plat", "mr_boot", "mr_ta", "mr_signer"};
#define NAMES (sizeof(names) / sizeof(names[0]))

/* What of TDX stays open when a constraint is left out: a policy wants that said. */
static const struct {
    const char *name;
    const char *claims[2];
} open_registers[] = {
    {"mr_plat", {"mr_td", NULL}},
    {"mr_boot", {"rtmr0", "rtmr1"}},
    {"mr_ta", {"rtmr2", "rtmr3"}},
};

static const char *claim_of(enum capsa_platform platform, const char *name)
{
    for (size_t i = 0; i < sizeof(constraints) / sizeof(constraints[0]); i++) {
        if (constraints[i].platform == platform && capsa_streq(constraints[i].name, name)) {
            return constraints[i].claim;
        }
    }
    return NULL;
}

static capsa_result read_constraint(const struct capsa_cli *cli, const char *name,
                                    const char **ret_text)
{
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(64);
    const char *text;
    CAPSA_TRY(capsa_buf_format(&path, "tee_constraints.%s", name));
    CAPSA_TRY(capsa_buf_cstr(&path, &text));
    *ret_text = NULL;
    CAPSA_TRY(capsa_cli_config_text(cli, text, ret_text));
    *ret_text = *ret_text != NULL && **ret_text == '\0' ? NULL : *ret_text;
    return CAPSA_OK;
}

/* The original compares without regard to case. */
static capsa_result set_lower(struct capsa_json *object, const char *claim, const char *hex)
{
    CAPSA_AUTO(capsa_buf) lower = capsa_buf_of(KIB(2));
    const char *text;
    for (const char *at = hex; *at != '\0'; at++) {
        bool upper = *at >= 'A' && *at <= 'F';
        CAPSA_TRY(capsa_buf_u8(&lower, (uint8_t)(upper ? *at - 'A' + 'a' : *at)));
    }
    CAPSA_TRY(capsa_buf_cstr(&lower, &text));
    return capsa_json_set(object, claim, capsa_json_new_string(text));
}

/* The constraints of the config file as values of a policy; an empty object: there are none. */
static capsa_result read_values(const struct capsa_cli *cli, enum capsa_platform platform,
                                struct capsa_json *values)
{
    for (size_t i = 0; i < NAMES; i++) {
        const char *text;
        const char *claim = claim_of(platform, names[i]);
        CAPSA_TRY(read_constraint(cli, names[i], &text));
        CAPSA_REQUIRE(text == NULL || claim != NULL, USAGE,
                      "%s: tee_constraints.%s says nothing about %s; leave it empty",
                      cli->config_path, names[i], capsa_platform_what(platform));
        if (text != NULL) {
            CAPSA_TRY_AT(set_lower(values, claim, text), "%s: tee_constraints.%s", cli->config_path,
                         names[i]);
        }
    }
    return CAPSA_OK;
}

static capsa_result leave_open(struct capsa_json *values)
{
    CAPSA_AUTO_FREE(capsa_json) ignored = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(ignored);
    for (size_t i = 0; i < sizeof(open_registers) / sizeof(open_registers[0]); i++) {
        bool given = capsa_json_get(values, open_registers[i].name) != NULL;
        for (size_t c = 0; !given && c < 2 && open_registers[i].claims[c] != NULL; c++) {
            CAPSA_TRY(capsa_json_push(ignored, capsa_json_new_string(open_registers[i].claims[c])));
        }
    }
    return capsa_json_set(values, "ignored", capsa_cli_hand(&ignored));
}

/* {"platforms": ["sgx"], "reference_values": [{"sgx": {"mr_enclave": ".."}}]} */
static capsa_result write_policy(const struct capsa_cli *cli, enum capsa_platform platform,
                                 struct capsa_json *policy)
{
    const char *name = capsa_platform_name(platform);
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_AUTO_FREE(capsa_json) entry = capsa_json_new_object();
    CAPSA_AUTO_FREE(capsa_json) values = capsa_json_new_object();
    CAPSA_AUTO_FREE(capsa_json) platforms = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    CAPSA_REQUIRE_MEMORY(entry);
    CAPSA_REQUIRE_MEMORY(values);
    CAPSA_REQUIRE_MEMORY(platforms);
    CAPSA_TRY(capsa_json_push(platforms, capsa_json_new_string(name)));
    CAPSA_TRY(capsa_json_set(policy, "platforms", capsa_cli_hand(&platforms)));
    CAPSA_TRY(read_values(cli, platform, values));
    if (capsa_json_count(values) == 0) {
        return CAPSA_OK;
    }
    CAPSA_TRY(platform == CAPSA_PLATFORM_TDX ? leave_open(values) : CAPSA_OK);
    CAPSA_TRY(capsa_json_set(entry, name, capsa_cli_hand(&values)));
    CAPSA_TRY(capsa_json_push(list, capsa_cli_hand(&entry)));
    return capsa_json_set(policy, "reference_values", capsa_cli_hand(&list));
}

static capsa_result policy_of_config(const struct capsa_cli *cli, enum capsa_platform platform,
                                     struct capsa_appraisal_policy **ret_policy)
{
    CAPSA_AUTO_FREE(capsa_json) policy = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(policy);
    CAPSA_TRY(write_policy(cli, platform, policy));
    CAPSA_TRY_AT(capsa_appraisal_policy_of(policy, ret_policy), "%s: tee_constraints",
                 cli->config_path);
    return CAPSA_OK;
}

void capsa_cli_warn_insecure(struct capsa_cli *cli, const char *path,
                             const struct capsa_appraisal_policy *policy)
{
    const char *name;
    for (size_t i = 0; (name = capsa_appraisal_policy_insecure(policy, i)) != NULL; i++) {
        capsa_cli_warn(cli, "%s: %s is on", path, name);
    }
}

static capsa_result policy_of_file(struct capsa_cli *cli, const char *path,
                                   struct capsa_appraisal_policy **ret_policy)
{
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    CAPSA_TRY(capsa_cli_read_document(path, &document));
    CAPSA_TRY_AT(capsa_appraisal_policy_of(document, ret_policy), "%s", path);
    capsa_cli_warn_insecure(cli, path, *ret_policy);
    return CAPSA_OK;
}

/* ---- what a manager has to show -------------------------------------------------------------- */

static capsa_result is_unpinned(const struct capsa_cli *cli, bool *ret_unpinned)
{
    *ret_unpinned = capsa_cli_flag(cli, "insecure-unpinned-manager");
    const struct capsa_json *value = capsa_cli_config_get(cli, "insecure_unpinned_manager");
    CAPSA_REQUIRE(value == NULL || capsa_json_kind_of(value) == CAPSA_JSON_BOOL, MALFORMED,
                  "%s: insecure_unpinned_manager: true or false", cli->config_path);
    *ret_unpinned = *ret_unpinned || (value != NULL && capsa_json_bool(value));
    return CAPSA_OK;
}

static capsa_result make_appraiser(struct capsa_anchors **anchors,
                                   struct capsa_appraisal_policy **policy,
                                   struct capsa_appraiser **ret_appraiser)
{
    const struct capsa_appraiser_options options = {.anchors = *anchors, .policy = *policy};
    CAPSA_TRY(capsa_appraiser_new(&options, ret_appraiser));
    *anchors = NULL; /* handed over */
    *policy = NULL;
    return CAPSA_OK;
}

/* By the policy alone it can be known that no manager will do: said before anybody is called. */
static capsa_result check_pinned(const struct wanted *wanted,
                                 const struct capsa_client_options *options,
                                 const struct capsa_client_trust *trust)
{
    CAPSA_REQUIRE(wanted->platform == CAPSA_PLATFORM_NONE || trust->pins_code[wanted->platform] ||
                      options->manager_id != NULL || options->introduces ||
                      trust->insecure_unpinned_manager,
                  USAGE,
                  "nothing says which code the manager on %s has to be, so any program there would "
                  "pass: of sgx that takes mr_ta (its mr_enclave), of tdx mr_plat and mr_boot, of "
                  "csv and snp mr_boot; or its id (--manager-id), or insecure_unpinned_manager",
                  capsa_platform_what(wanted->platform));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_trust(struct capsa_cli *cli, capsa_cli_evidence *evidence,
                             struct capsa_client_options *options)
{
    struct wanted wanted;
    const char *file = capsa_cli_option(cli, "manager-policy");
    CAPSA_TRY(read_platform(cli, &wanted));
    CAPSA_TRY(file == NULL ? capsa_cli_config_text(cli, "manager_policy", &file) : CAPSA_OK);
    if (file == NULL && wanted.platform == CAPSA_PLATFORM_NONE) {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = NULL;
    CAPSA_TRY(file == NULL ? policy_of_config(cli, wanted.platform, &policy)
                           : policy_of_file(cli, file, &policy));
    CAPSA_TRY(make_anchors(cli, &wanted, &anchors));
    evidence->trust.platform = wanted.platform;
    for (unsigned i = CAPSA_PLATFORM_NONE + 1; i < CAPSA_PLATFORM_COUNT; i++) {
        evidence->trust.pins_code[i] =
            capsa_appraisal_policy_pins_code(policy, (enum capsa_platform)i);
    }
    CAPSA_TRY(is_unpinned(cli, &evidence->trust.insecure_unpinned_manager));
    CAPSA_TRY(check_pinned(&wanted, options, &evidence->trust));
    CAPSA_TRY(make_appraiser(&anchors, &policy, &evidence->appraiser));
    evidence->trust.appraiser = evidence->appraiser;
    options->trust = &evidence->trust;
    return CAPSA_OK;
}

/* ---- one's own ------------------------------------------------------------------------------- */

static capsa_result load_collateral(const struct capsa_cli *cli, capsa_cli_evidence *evidence)
{
    const char *path = capsa_cli_option(cli, "collateral");
    if (path == NULL) {
        return CAPSA_OK;
    }
    capsa_collateral_init(&evidence->collateral);
    evidence->has_collateral = true;
    CAPSA_TRY(capsa_collateral_load(path, &evidence->collateral));
    evidence->attest.collateral = &evidence->collateral;
    return CAPSA_OK;
}

static capsa_result unknown_platform(const char *name)
{
    enum { NAMES_MAX = 16 };
    const char *known[NAMES_MAX + 1] = {NULL};
    size_t count;
    const struct capsa_attester *const *attesters = capsa_attesters(&count);
    for (size_t i = 0; i < count && i < NAMES_MAX; i++) {
        known[i] = attesters[i]->name;
    }
    const char *nearest = capsa_nearest_name(name, known);
    CAPSA_REQUIRE(nearest == NULL, USAGE, "no platform \"%s\"; did you mean %s?", name, nearest);
    CAPSA_AUTO(capsa_buf) list = capsa_buf_of(KIB(1));
    const char *text;
    CAPSA_TRY(capsa_attester_list(&list));
    CAPSA_TRY(capsa_buf_cstr(&list, &text));
    CAPSA_FAIL(USAGE, "no platform \"%.32s\": this build has %s", name, text);
}

CAPSA_RESULT capsa_cli_attester_find(const char *name, const struct capsa_attester **ret_attester)
{
    const struct capsa_attester *attester = capsa_attester_by_name(name);
    CAPSA_TRY(attester == NULL ? unknown_platform(name) : CAPSA_OK);
    *ret_attester = attester;
    return CAPSA_OK;
}

struct capsa_attester_options capsa_cli_attester_options(const struct capsa_cli *cli)
{
    return (struct capsa_attester_options){
        .root = capsa_cli_option(cli, "sys-root"),
        .qgs = capsa_cli_option(cli, "qgs"),
        .sim_dir = capsa_cli_option(cli, "sim-dir"),
        .sim_code = capsa_cli_option(cli, "sim-code"),
    };
}

CAPSA_RESULT capsa_cli_read_collateral(const struct capsa_cli *cli, capsa_collateral *collateral)
{
    size_t count = capsa_cli_option_count(cli, "collateral");
    CAPSA_AUTO(capsa_collateral) given;
    capsa_collateral_init(&given);
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(capsa_collateral_load(capsa_cli_option_nth(cli, "collateral", i), &given));
    }
    if (count > 0) {
        capsa_collateral_drop(collateral);
        *collateral = given;
        capsa_collateral_init(&given);
    }
    return CAPSA_OK;
}

/* What would say nothing is refused. */
CAPSA_RESULT capsa_cli_check_no_platform(const struct capsa_cli *cli,
                                         const struct capsa_cli_option *options)
{
    for (const struct capsa_cli_option *option = options; option->name != NULL; option++) {
        CAPSA_REQUIRE(capsa_cli_option(cli, option->name) == NULL, USAGE,
                      "--%s goes with --platform", option->name);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_attest(struct capsa_cli *cli, capsa_cli_evidence *evidence,
                              struct capsa_client_options *options)
{
    const char *name = capsa_cli_option(cli, "platform");
    if ((cli->verb->flags & CAPSA_CLI_ATTESTS) == 0) {
        return CAPSA_OK;
    }
    if (name == NULL) {
        return capsa_cli_check_no_platform(cli, capsa_cli_attest_options);
    }
    CAPSA_TRY(capsa_cli_attester_find(name, &evidence->attest.attester));
    evidence->where = capsa_cli_attester_options(cli);
    evidence->attest.where = &evidence->where;
    CAPSA_TRY(load_collateral(cli, evidence));
    options->attest = &evidence->attest;
    return CAPSA_OK;
}

/* ---- options --------------------------------------------------------------------------------- */

const struct capsa_cli_option capsa_cli_trust_options[] = {
    {"manager-policy", "FILE",
     "the manager has to show evidence that this appraisal policy accepts, before anything is sent "
     "to it",
     0},
#ifdef CAPSA_SIMULATION
    {"sim-root", "FILE", "with it: trust evidence of the simulated platform that has this root", 0},
#endif
    {"insecure-unpinned-manager", NULL,
     "with it: take a manager of which it does not say which code it is", 0},
    {.name = NULL},
};

const struct capsa_cli_option capsa_cli_attest_options[] = {
    {"platform", "NAME", "show evidence of this program, made by that platform", 0},
    {"collateral", "FILE|DIR", "what proves the evidence, to send along", 0},
    CAPSA_CLI_INTERFACE_OPTIONS,
#ifdef CAPSA_SIMULATION
    {"sim-dir", "DIR", "folder of the simulated platform (capsa sim init)", 0},
    {"sim-code", "FILE", "what the simulated platform measures; this program", 0},
#endif
    {.name = NULL},
};
