/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a configuration can be: what each value may be, and what goes with what
 * (capsad_check.h). Nothing is opened.
 */
#include "programs/capsad_check.h"

#include "attester/attester.h"
#include "base/limits.h"

/* ---- the mode -------------------------------------------------------------------------------- */

bool capsad_stores_in_memory(const struct capsad_config *config)
{
    return capsa_streq(config->storage_backend, "memory") ||
           capsa_streq(config->storage_backend, "inmemory");
}

/* Where nothing but the platform vouches for the manager, nothing may undo that. One line for each
 * thing that cannot be. */
static capsa_result check_production(const struct capsad_config *config)
{
    const struct {
        bool wrong;
        const char *why;
    } checks[] = {
        {*config->platform == '\0', "needs a platform (sgx, tdx, snp or csv): without its evidence "
                                    "nobody could know what runs here"},
        {capsad_platform_is_simulated(config->platform),
         "the platform is simulated, and its evidence proves nothing"},
        {*capsad_sim_dir(config) != '\0',
         "sim_dir: its root is simulated, and never trusted in production"},
        {config->enable_inject_cm_key, "enable_inject_cm_key: a private key that lies in a file is "
                                       "whoever reads it; here the manager makes its own"},
        {!capsad_stores_in_memory(config),
         "the store's root key would rest in a file, and no slot that seals it to a platform is "
         "built yet; only storage_config.storage_backend memory can be, and forgets everything "
         "when it stops"},
    };
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        CAPSA_REQUIRE(!checks[i].wrong, USAGE, "mode production: %s", checks[i].why);
    }
    return CAPSA_OK;
}

static void note_first(void *context, const char *name, const char *help)
{
    (void)help;
    const char **first = context;
    *first = *first == NULL ? name : *first;
}

static capsa_result check_insecure(const struct capsad_config *config)
{
    const char *first = NULL;
    capsad_config_each_insecure(config, note_first, &first);
    CAPSA_REQUIRE(first == NULL || !capsa_streq(config->mode, "production"), USAGE,
                  "mode production: %s weakens it; there is no such option in production", first);
    CAPSA_REQUIRE(
        !config->insecure_client_env || *config->platform == '\0', USAGE,
        "insecure_client_env: where there is a platform, only verified evidence says what "
        "r.env is");
    return CAPSA_OK;
}

static capsa_result check_mode(const struct capsad_config *config)
{
    CAPSA_REQUIRE(*config->mode != '\0', USAGE,
                  "no mode: say --mode simulation (for trying out and tests) or --mode production");
    bool is_production = capsa_streq(config->mode, "production");
    CAPSA_REQUIRE(is_production || capsa_streq(config->mode, "simulation"), MALFORMED,
                  "mode \"%s\": simulation or production", config->mode);
    CAPSA_TRY(check_insecure(config));
    return is_production ? check_production(config) : CAPSA_OK;
}

/* ---- evidence -------------------------------------------------------------------------------- */

#ifdef CAPSA_SIMULATION
const char *capsad_sim_dir(const struct capsad_config *config)
{
    return config->sim_dir;
}

const char *capsad_sim_code(const struct capsad_config *config)
{
    return config->sim_code;
}
#else
const char *capsad_sim_dir(const struct capsad_config *config)
{
    (void)config;
    return "";
}

const char *capsad_sim_code(const struct capsad_config *config)
{
    (void)config;
    return "";
}
#endif

bool capsad_platform_is_simulated(const char *platform)
{
    return strncmp(platform, "sim-", 4) == 0;
}

bool capsad_evidence_is_required(const struct capsad_config *config)
{
    return *config->evidence == '\0' ? *config->platform != '\0'
                                     : capsa_streq(config->evidence, "required");
}

static capsa_result check_platform(const struct capsad_config *config)
{
    if (*config->platform == '\0' || capsa_attester_by_name(config->platform) != NULL) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) names = capsa_buf_of(KIB(1));
    const char *text;
    CAPSA_TRY(capsa_attester_list(&names));
    CAPSA_TRY(capsa_buf_cstr(&names, &text));
    CAPSA_FAIL(UNSUPPORTED, "platform \"%s\": this build has %s", config->platform, text);
}

#ifdef CAPSA_SIMULATION
static capsa_result check_simulated(const struct capsad_config *config)
{
    bool is_simulated = capsad_platform_is_simulated(config->platform);
    CAPSA_REQUIRE(!is_simulated || *capsad_sim_dir(config) != '\0', USAGE,
                  "platform %s: sim_dir is needed, the folder that capsa sim init made",
                  config->platform);
    CAPSA_REQUIRE(is_simulated || *capsad_sim_code(config) == '\0', USAGE,
                  "sim_code: of no use without a simulated platform");
    return CAPSA_OK;
}
#else
static capsa_result check_simulated(const struct capsad_config *config)
{
    (void)config; /* a simulated platform is none that this build has */
    return CAPSA_OK;
}
#endif

/* Evidence says which code runs, and not how it was started. Whoever pins the code, which is all
 * that original clients can do, would send his keys to a manager whose root, or whose very key,
 * lies in a file of its host. */
static capsa_result check_hardware(const struct capsad_config *config)
{
    bool is_hardware = *config->platform != '\0' && !capsad_platform_is_simulated(config->platform);
    CAPSA_REQUIRE(!is_hardware || capsa_streq(config->mode, "production"), USAGE,
                  "platform %s goes with mode production alone: its evidence is believed by "
                  "whoever knows this program, and would not say what mode %s leaves open",
                  config->platform, config->mode);
    return CAPSA_OK;
}

static capsa_result check_evidence(const struct capsad_config *config)
{
    static const char *const words[] = {"", "required", "optional"};
    bool known = false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        known = known || capsa_streq(config->evidence, words[i]);
    }
    CAPSA_REQUIRE(known, MALFORMED, "evidence \"%s\": required or optional", config->evidence);
    CAPSA_REQUIRE(*config->tdx_qgs == '\0' || capsa_streq(config->platform, "tdx"), USAGE,
                  "tdx_qgs: of no use without platform tdx");
    CAPSA_REQUIRE(*config->platform == '\0' || capsad_evidence_is_required(config), USAGE,
                  "evidence optional: where there is a platform (%s), it is required",
                  config->platform);
    CAPSA_TRY(check_platform(config));
    CAPSA_TRY(check_hardware(config));
    return check_simulated(config);
}

/* What would say nothing is refused. */
static capsa_result check_collateral(const struct capsad_config *config)
{
    const struct {
        const char *name;
        bool given;
    } keys[] = {
        {"pccs_url", *config->collateral_pccs_url != '\0'},
        {"kds_url", *config->collateral_kds_url != '\0'},
        {"hygon_url", *config->collateral_hygon_url != '\0'},
        {"ca_file", *config->collateral_ca_file != '\0'},
        {"cache_dir", *config->collateral_cache_dir != '\0'},
        {"stale_while_error", config->collateral_stale},
        {"max_age_seconds", config->collateral_max_age != 0},
    };
    bool bundle = *config->collateral_bundle != '\0';
    CAPSA_REQUIRE(!bundle || !config->collateral_fetch, USAGE,
                  "collateral.bundle and collateral.fetch: either a file or servers");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CAPSA_REQUIRE(!keys[i].given || config->collateral_fetch, USAGE,
                      "collateral.%s: of no use without collateral.fetch", keys[i].name);
    }
    CAPSA_REQUIRE(config->collateral_timeout >= 1 && config->collateral_timeout <= 3600, MALFORMED,
                  "collateral.timeout_seconds %lld: 1 to 3600",
                  (long long)config->collateral_timeout);
    CAPSA_REQUIRE(config->collateral_max_age >= 0, MALFORMED,
                  "collateral.max_age_seconds %lld: 0 or more",
                  (long long)config->collateral_max_age);
    return CAPSA_OK;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static capsa_result check_numbers(const struct capsad_config *config)
{
    CAPSA_REQUIRE(config->port >= 0 && config->port <= 65535, MALFORMED,
                  "port %lld: 0 (any free one) to 65535", (long long)config->port);
    CAPSA_REQUIRE(config->workers >= 0 && config->workers <= 1024, MALFORMED,
                  "workers %lld: 0 to 1024", (long long)config->workers);
    CAPSA_REQUIRE(config->rsa_bits == 2048 || config->rsa_bits == 3072 || config->rsa_bits == 4096,
                  MALFORMED, "rsa_bits %lld: 2048, 3072 or 4096", (long long)config->rsa_bits);
    CAPSA_REQUIRE(config->stop_grace_seconds >= 0 && config->stop_grace_seconds <= 3600, MALFORMED,
                  "stop_grace_seconds %lld: 0 to 3600", (long long)config->stop_grace_seconds);
    return CAPSA_OK;
}

static capsa_result check_words(const struct capsad_config *config)
{
    CAPSA_REQUIRE(capsa_streq(config->scheme, "RSA"), UNSUPPORTED,
                  "scheme \"%s\": only RSA (SM2 was never implemented in the original either)",
                  config->scheme);
    CAPSA_REQUIRE(
        capsa_streq(config->client_auth, "required") || capsa_streq(config->client_auth, "none"),
        MALFORMED, "tls_config.client_auth \"%s\": required or none", config->client_auth);
    CAPSA_REQUIRE(*config->db_password == '\0', UNSUPPORTED,
                  "storage_config.password: neither sqlite nor memory has one");
    return CAPSA_OK;
}

CAPSA_RESULT capsad_check_config(const struct capsad_config *config)
{
    CAPSA_TRY(check_mode(config));
    CAPSA_TRY(check_evidence(config));
    CAPSA_TRY(check_collateral(config));
    CAPSA_TRY(check_numbers(config));
    return check_words(config);
}
