/* SPDX-License-Identifier: Apache-2.0
 *
 * From configuration to a store of collateral (capsad_collateral.h).
 */
#include "programs/capsad_collateral.h"

#define TIMEOUT_MAX 3600
#define AGE_MAX     (INT64_C(366) * 24 * 3600)

static const char *empty_is_none(const char *text)
{
    return *text == '\0' ? NULL : text;
}

/* What would have no effect is not passed over: somebody thinks that it has one. */
static capsa_result check_effect(const struct capsad_config *config)
{
    const struct {
        const char *name;
        bool given;
    } fetching[] = {
        {"pccs_url", *config->collateral_pccs_url != '\0'},
        {"root_crl_url", *config->collateral_root_crl_url != '\0'},
        {"kds_url", *config->collateral_kds_url != '\0'},
        {"hygon_url", *config->collateral_hygon_url != '\0'},
        {"ca_file", *config->collateral_ca_file != '\0'},
        {"cache_dir", *config->collateral_cache_dir != '\0'},
        {"max_age_seconds", config->collateral_max_age != 0},
        {"stale_while_error", config->collateral_stale_while_error},
    };
    for (size_t i = 0; i < sizeof(fetching) / sizeof(fetching[0]); i++) {
        CAPSA_REQUIRE(config->collateral_fetch || !fetching[i].given, USAGE,
                      "collateral_config.%s has no effect without collateral_config.fetch",
                      fetching[i].name);
    }
    CAPSA_REQUIRE(config->collateral_fetch || !config->insecure_collateral_tls, USAGE,
                  "insecure_collateral_tls has no effect without collateral_config.fetch");
    CAPSA_REQUIRE(!config->collateral_fetch || *config->collateral_bundle == '\0', USAGE,
                  "collateral_config.fetch and collateral_config.bundle: with a bundle nobody is "
                  "asked");
    return CAPSA_OK;
}

static capsa_result check_numbers(const struct capsad_config *config)
{
    CAPSA_REQUIRE(config->collateral_timeout >= 1 && config->collateral_timeout <= TIMEOUT_MAX,
                  MALFORMED, "collateral_config.timeout_seconds: 1 to %d, not %lld", TIMEOUT_MAX,
                  (long long)config->collateral_timeout);
    CAPSA_REQUIRE(config->collateral_max_age >= 0 && config->collateral_max_age <= AGE_MAX,
                  MALFORMED, "collateral_config.max_age_seconds: 0 to %lld, not %lld",
                  (long long)AGE_MAX, (long long)config->collateral_max_age);
    return CAPSA_OK;
}

CAPSA_RESULT capsad_collateral_open(const struct capsad_config *config,
                                    struct capsa_collateral_store **ret_store)
{
    CAPSA_TRY(check_effect(config));
    CAPSA_TRY(check_numbers(config));
    if (!config->collateral_fetch && *config->collateral_bundle == '\0') {
        *ret_store = NULL;
        return CAPSA_OK;
    }
    const struct capsa_collateral_options options = {
        .pccs_url = empty_is_none(config->collateral_pccs_url),
        .root_crl_url = empty_is_none(config->collateral_root_crl_url),
        .kds_url = empty_is_none(config->collateral_kds_url),
        .hygon_url = empty_is_none(config->collateral_hygon_url),
        .ca_file = empty_is_none(config->collateral_ca_file),
        .insecure_tls = config->insecure_collateral_tls,
        .bundle = empty_is_none(config->collateral_bundle),
        .timeout_seconds = (unsigned)config->collateral_timeout,
        .cache_dir = empty_is_none(config->collateral_cache_dir),
        .min_fresh_seconds = config->collateral_max_age,
        .stale_while_error = config->collateral_stale_while_error,
        .clock = &capsa_clock_system,
    };
    CAPSA_TRY_AT(capsa_collateral_store_new(&options, ret_store), "collateral_config");
    return CAPSA_OK;
}
