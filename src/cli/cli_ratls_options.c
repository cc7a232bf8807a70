/* SPDX-License-Identifier: Apache-2.0
 *
 * What the verbs of capsa ratls share (cli_ratls.h): the options of those that make evidence, and
 * of those that judge it.
 */
#include "cli/cli_ratls.h"

#include <sys/stat.h>

#include "attester/attester_sim.h"
#include "base/limits.h"
#include "cli/cli_fetch.h"
#include "cli/cli_print.h"
#include "cli/cli_trust.h"
#include "cli/cli_verdict.h"
#include "codec/text.h"

#define CACHE_ENTRIES 64

/* ---- Evidence of this program ---------------------------------------------------------------- */

static capsa_result collect(void *context, const uint8_t report_data[CAPSA_REPORT_DATA],
                            capsa_buf *ret_evidence, capsa_collateral *ret_collateral)
{
    const capsa_cli_prover *prover = context;
    CAPSA_TRY(prover->attester->collect(prover->attester, &prover->where, report_data, ret_evidence,
                                        ret_collateral));
    if (prover->endorsements_from == NULL) {
        return CAPSA_OK;
    }
    capsa_collateral_drop(ret_collateral);
    capsa_collateral_init(ret_collateral);
    return capsa_collateral_load(prover->endorsements_from, ret_collateral);
}

/* "90", "90s", "15m", "24h", "30d" */
static capsa_result read_life(const struct capsa_cli *cli, int64_t *ret_seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'\0', 1}};
    const char *text = capsa_cli_option(cli, "life");
    if (text == NULL) {
        return CAPSA_OK;
    }
    int64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && number < INT32_MAX; at++) {
        number = number * 10 + (*at - '0');
    }
    for (size_t i = 0; at != text && i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].unit == *at && (*at == '\0' || at[1] == '\0')) {
            *ret_seconds = number * units[i].seconds;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE,
               "--life wants seconds, or a number with s, m, h or d behind it; not \"%.32s\"",
               text);
}

static capsa_result read_nonce(const struct capsa_cli *cli, capsa_cli_prover *prover)
{
    const char *hex = capsa_cli_option(cli, "nonce");
    if (hex == NULL) {
        return CAPSA_OK;
    }
    prover->nonce = capsa_buf_of(CAPSA_LIMIT_ratls_nonce);
    CAPSA_TRY_AT(capsa_hex_parse(capsa_bytes_str(hex), &prover->nonce), "--nonce");
    CAPSA_REQUIRE(prover->nonce.len > 0, USAGE, "--nonce: an empty one makes nothing fresh");
    prover->profile.nonce = capsa_buf_bytes(&prover->nonce);
    return CAPSA_OK;
}

static capsa_result read_named(const struct capsa_cli *cli, struct capsa_ratls_profile *profile)
{
    static const struct {
        const char *option;
        capsa_result (*set)(struct capsa_ratls_profile *profile, const char *value);
    } parts[] = {
        {"key", capsa_ratls_profile_key},
        {"forms", capsa_ratls_profile_forms},
        {"hash", capsa_ratls_profile_hash},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *value = capsa_cli_option(cli, parts[i].option);
        if (value != NULL) {
            CAPSA_TRY_AT(parts[i].set(profile, value), "--%s", parts[i].option);
        }
    }
    return CAPSA_OK;
}

static capsa_result read_profile(const struct capsa_cli *cli, capsa_cli_prover *prover)
{
    struct capsa_ratls_profile *profile = &prover->profile;
    capsa_ratls_profile_default(profile);
    profile->wide = capsa_cli_flag(cli, "wide");
    profile->hash = profile->wide ? CAPSA_RATLS_SHA384 : profile->hash; /* as Intel's have it */
    prover->endorsements_from = capsa_cli_option(cli, "endorsements-from");
    profile->endorsements =
        capsa_cli_flag(cli, "endorsements") || prover->endorsements_from != NULL;
    CAPSA_TRY(read_named(cli, profile));
    CAPSA_TRY(read_life(cli, &profile->life_seconds));
    return read_nonce(cli, prover);
}

CAPSA_RESULT capsa_cli_prover_read(struct capsa_cli *cli, capsa_cli_prover *prover)
{
    const char *name = capsa_cli_option(cli, "platform");
    if (name == NULL) {
        return capsa_cli_check_no_platform(cli, capsa_cli_prove_options);
    }
    CAPSA_TRY(capsa_cli_attester_find(name, &prover->attester));
    prover->where = capsa_cli_attester_options(cli);
    prover->made = (struct capsa_ratls_attester){
        .context = prover, .platform = prover->attester->platform, .collect = collect};
    return read_profile(cli, prover);
}

CAPSA_RESULT capsa_cli_prover_need(struct capsa_cli *cli, capsa_cli_prover *prover)
{
    CAPSA_REQUIRE(capsa_cli_option(cli, "platform") != NULL, USAGE,
                  "evidence of which platform? give --platform NAME; see: capsa attest --list");
    return capsa_cli_prover_read(cli, prover);
}

void capsa_cli_prover_drop(capsa_cli_prover *prover)
{
    capsa_buf_drop(&prover->nonce);
}

const struct capsa_cli_option capsa_cli_prove_options[] = {
    {"platform", "NAME", "make evidence of this platform: sgx, tdx, snp, csv (capsa attest --list)",
     0},
    {"key", "KIND", "p256 (default), p384 or rsa3072; made anew with every certificate", 0},
    {"forms", "LIST",
     "how the certificate carries evidence: dice (default), gramine, intel-sdk, or several with "
     "commas between",
     0},
    {"hash", "NAME", "of the key, in the form dice: sha256 (default), sha384, sha512", 0},
    {"wide", NULL, "of tdx: bind it as Intel's SDK does, with SHA-384", 0},
    {"life", "TIME", "how long a certificate lives: seconds, or 90m, 24h (default), 30d", 0},
    {"endorsements", NULL,
     "put the collateral that the platform hands out into the certificate, which gets too large "
     "for some TLS libraries",
     0},
    {"endorsements-from", "FILE|DIR", "likewise this collateral, read whenever evidence is made",
     0},
    CAPSA_CLI_INTERFACE_OPTIONS,
#ifdef CAPSA_SIMULATION
    {"sim-dir", "DIR", "folder of the simulated platform (capsa sim init)", 0},
    {"sim-code", "FILE", "what the simulated platform measures; this program", 0},
#endif
    {.name = NULL},
};

/* ---- Evidence of others ---------------------------------------------------------------------- */

static capsa_result judge_peer(void *context, enum capsa_platform platform, capsa_bytes evidence,
                               const capsa_collateral *shipped, capsa_time now,
                               const uint8_t *report_data, struct capsa_verdict *verdict)
{
    const capsa_cli_judge *judge = context;
    CAPSA_TRY(capsa_appraiser_judge(judge->appraiser, platform, evidence, shipped, now, report_data,
                                    verdict));
    if (judge->must_pin && !capsa_appraisal_policy_pins_code(judge->policy, platform)) {
        verdict->accepted = false;
        return capsa_error_made(capsa_verdict_fail(
            verdict, CAPSA_CHECK_REFERENCE_VALUES, __FILE__, __LINE__,
            "the policy does not say which code a peer on %s has to be, so any program there "
            "would pass",
            capsa_platform_what(platform)));
    }
    return CAPSA_OK;
}

#ifdef CAPSA_SIMULATION
static capsa_result get_simulated(void *context, enum capsa_platform platform, capsa_bytes evidence,
                                  capsa_collateral *ret_collateral)
{
    const capsa_cli_judge *judge = context;
    (void)evidence;
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    CAPSA_TRY(capsa_sim_open(judge->sim_dir, &sim));
    return capsa_sim_collateral(sim, platform, ret_collateral);
}

/* A root, or a folder of which its root and its collateral are taken. */
static capsa_result simulated_anchors(capsa_cli_judge *judge, const char *path,
                                      struct capsa_anchors **ret_anchors)
{
    struct stat status;
    CAPSA_TRY(capsa_cli_check_readable("sim-root", path));
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return capsa_cli_sim_anchors(path, ret_anchors);
    }
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(KIB(8));
    const char *root;
    CAPSA_TRY(capsa_buf_format(&file, "%s/%s", path, CAPSA_SIM_ROOT_FILE));
    CAPSA_TRY(capsa_buf_cstr(&file, &root));
    CAPSA_TRY(capsa_cli_sim_anchors(root, ret_anchors));
    judge->sim_dir = path;
    return CAPSA_OK;
}
#else
static capsa_result get_simulated(void *context, enum capsa_platform platform, capsa_bytes evidence,
                                  capsa_collateral *ret_collateral)
{
    (void)context;
    (void)platform;
    (void)evidence;
    (void)ret_collateral;
    CAPSA_FAIL(UNSUPPORTED, "this build has no simulation");
}

static capsa_result simulated_anchors(capsa_cli_judge *judge, const char *path,
                                      struct capsa_anchors **ret_anchors)
{
    (void)judge;
    return capsa_cli_sim_anchors(path, ret_anchors);
}
#endif

static capsa_result read_anchors(const struct capsa_cli *cli, capsa_cli_judge *judge,
                                 struct capsa_anchors **ret_anchors)
{
    const char *simulated = capsa_cli_option(cli, "sim-root");
    CAPSA_REQUIRE(simulated == NULL || capsa_cli_option(cli, "root") == NULL, USAGE,
                  "--root and --sim-root: either says whom to trust");
    return simulated == NULL ? capsa_cli_anchors(cli, ret_anchors)
                             : simulated_anchors(judge, simulated, ret_anchors);
}

static capsa_result read_collateral(const struct capsa_cli *cli, capsa_cli_judge *judge)
{
    capsa_collateral_init(&judge->collateral);
    judge->has_collateral = true;
    return capsa_cli_read_collateral(cli, &judge->collateral);
}

/* Nobody is asked for anything unless that was wanted. */
static capsa_result read_fetching(struct capsa_cli *cli, capsa_cli_judge *judge)
{
    const char *given = capsa_cli_fetch_given(cli);
    if (given == NULL && !capsa_cli_flag(cli, "fetch")) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(judge->sim_dir == NULL, USAGE,
                  "--%s, and a folder given to --sim-root: either says where collateral is",
                  given == NULL ? "fetch" : given);
    CAPSA_AUTO(capsa_cli_fetch) fetch = {.options = {.pccs_url = NULL}};
    CAPSA_TRY(capsa_cli_fetch_read(cli, &fetch));
    return capsa_collateral_store_new(&fetch.options, &judge->store);
}

static capsa_result get_fetched(void *context, enum capsa_platform platform, capsa_bytes evidence,
                                capsa_collateral *ret_collateral)
{
    const capsa_cli_judge *judge = context;
    return capsa_collateral_get(judge->store, platform, evidence, ret_collateral);
}

static struct capsa_collateral_getter getter_of(capsa_cli_judge *judge)
{
    return (struct capsa_collateral_getter){
        .context = judge,
        .get = judge->sim_dir != NULL ? get_simulated
               : judge->store != NULL ? get_fetched
                                      : NULL,
    };
}

static capsa_result check_pinned(const capsa_cli_judge *judge)
{
    bool pins = false;
    for (unsigned i = CAPSA_PLATFORM_NONE + 1; i < CAPSA_PLATFORM_COUNT; i++) {
        pins = pins || capsa_appraisal_policy_pins_code(judge->policy, (enum capsa_platform)i);
    }
    CAPSA_REQUIRE(pins || !judge->must_pin, USAGE,
                  "%s say which code a peer has to be, so any program on genuine hardware would "
                  "pass; give --policy FILE with reference values, or --insecure-unpinned-peer",
                  judge->has_policy ? "the policy does not" : "without a policy nothing would");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_judge_read(struct capsa_cli *cli, bool must_pin, capsa_cli_judge *judge)
{
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = NULL;
    CAPSA_TRY(capsa_cli_policy(cli, &policy));
    CAPSA_TRY(read_anchors(cli, judge, &anchors));
    CAPSA_TRY(read_collateral(cli, judge));
    CAPSA_TRY(read_fetching(cli, judge));
    judge->policy = policy;
    judge->has_policy = capsa_cli_option(cli, "policy") != NULL;
    judge->must_pin = must_pin && !capsa_cli_flag(cli, "insecure-unpinned-peer");
    CAPSA_TRY(check_pinned(judge));
    const struct capsa_appraiser_options options = {
        .anchors = anchors,
        .policy = policy,
        .cache_entries = CACHE_ENTRIES,
        .getter = getter_of(judge),
    };
    CAPSA_TRY(capsa_appraiser_new(&options, &judge->appraiser));
    anchors = NULL; /* handed over */
    policy = NULL;
    judge->judge = (struct capsa_ratls_appraiser){.context = judge, .judge = judge_peer};
    return CAPSA_OK;
}

void capsa_cli_judge_drop(capsa_cli_judge *judge)
{
    capsa_appraiser_free(judge->appraiser);
    capsa_collateral_store_free(judge->store);
    if (judge->has_collateral) {
        capsa_collateral_drop(&judge->collateral);
    }
    *judge = (capsa_cli_judge){.appraiser = NULL};
}

const struct capsa_cli_option capsa_cli_judge_options[] = {
    {"policy", "FILE",
     "what evidence to accept (docs/reference/appraisal-policy.md); the default policy", 0},
    {"root", "FILE",
     "trust this root alone instead of the makers' (PEM or DER, or Hygon's 832 bytes)", 0},
#ifdef CAPSA_SIMULATION
    {"sim-root", "FILE|DIR",
     "trust a simulated platform too: its root, or its folder with root and collateral", 0},
#endif
    {"collateral", "FILE|DIR", "what proves evidence that comes without, in any form",
     CAPSA_CLI_REPEAT},
    {"fetch", NULL,
     "ask the makers' servers for what proves evidence; any option below says so too", 0},
    CAPSA_CLI_FETCH_OPTIONS,
    {.name = NULL},
};

/* ---- Reports --------------------------------------------------------------------------------- */

static capsa_result say_certificate(struct capsa_cli *cli, const struct capsa_ratls_report *report)
{
    char from[CAPSA_TIME_TEXT], to[CAPSA_TIME_TEXT];
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(KIB(1));
    const char *text;
    CAPSA_TRY(
        capsa_hex_write(capsa_bytes_of(report->spki_sha256, sizeof(report->spki_sha256)), &key));
    CAPSA_TRY(capsa_buf_cstr(&key, &text));
    capsa_time_text(report->not_before, from);
    capsa_time_text(report->not_after, to);
    capsa_cli_say_line(cli, "certificate", capsa_ratls_form_type(report->form)->what);
    capsa_cli_say(cli, "%-20s %s to %s\n", "certificate valid", from, to);
    capsa_cli_say_line(cli, "key (SHA-256)", text);
    capsa_cli_say_line(cli, "session",
                       report->session_bound ? "its evidence was made for this very session" : "");
    capsa_cli_say_line(cli, "warning", report->warning);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_say_report(struct capsa_cli *cli, const struct capsa_ratls_report *report)
{
    capsa_cli_say_outcome(cli, &report->verdict);
    if (report->form != CAPSA_RATLS_NONE) { /* it was read */
        CAPSA_TRY(say_certificate(cli, report));
    }
    return capsa_cli_say_findings(cli, &report->verdict);
}
