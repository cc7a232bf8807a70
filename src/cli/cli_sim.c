/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa sim: a simulated platform, to learn and to test with. Makes its folder, renews its
 * collateral, measures programs and signs quotes of them; forging is cli_sim_forge.c's. It says at
 * every making that what it makes proves nothing.
 */
#include "cli/cli_sim.h"

#include "attester/attester_sim.h"
#include "base/file.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "codec/text.h"

#define DAYS_DEFAULT 30
#define DAYS_MAX     3650
#define QUOTE_MAX    MIB(1)

/* ---- init, renew ----------------------------------------------------------------------------- */

static capsa_result days_of(const struct capsa_cli *cli, unsigned *ret_days)
{
    int64_t days;
    CAPSA_TRY(capsa_cli_number(cli, "days", 1, DAYS_MAX, DAYS_DEFAULT, &days));
    *ret_days = (unsigned)days;
    return CAPSA_OK;
}

static capsa_result run_init(struct capsa_cli *cli)
{
    const char *dir = cli->words[0];
    unsigned days;
    CAPSA_TRY(days_of(cli, &days));
    CAPSA_TRY(capsa_sim_init(dir, capsa_now(&capsa_clock_system), days));
    capsa_cli_say(cli,
                  "made a simulated platform in %s\n\n"
                  "  *** It proves nothing. Its keys are files: whoever reads %s can make\n"
                  "  *** evidence of any program. Use it to learn and to test, with data\n"
                  "  *** that is nobody's secret.\n\n"
                  "trust anchor   %s/%s\n"
                  "collateral     %s/sgx, %s/tdx, for %u days (capsa sim renew)\n",
                  dir, dir, dir, CAPSA_SIM_ROOT_FILE, dir, dir, days);
    CAPSA_TRY(capsa_cli_set_text(cli, "warning", "a simulated platform proves nothing"));
    return capsa_cli_set_text(cli, "dir", dir);
}

static capsa_result run_renew(struct capsa_cli *cli)
{
    unsigned days;
    CAPSA_TRY(days_of(cli, &days));
    CAPSA_TRY(capsa_sim_renew(cli->words[0], capsa_now(&capsa_clock_system), days));
    capsa_cli_say(cli, "signed the collateral of %s anew, for %u days\n", cli->words[0], days);
    return capsa_cli_set_text(cli, "dir", cli->words[0]);
}

/* ---- measure --------------------------------------------------------------------------------- */

static capsa_result show_hex(struct capsa_cli *cli, const char *name, capsa_bytes value)
{
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_hex_write(value, &hex));
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&hex, &text));
    capsa_cli_say(cli, "%-12s %s\n", name, text);
    return capsa_cli_set_text(cli, name, text);
}

static capsa_result run_measure(struct capsa_cli *cli)
{
    struct capsa_sim_claims sgx = {.platform = CAPSA_PLATFORM_SGX};
    struct capsa_sim_claims tdx = {.platform = CAPSA_PLATFORM_TDX};
    CAPSA_TRY(capsa_sim_measure(cli->words[0], &sgx));
    CAPSA_TRY(capsa_sim_measure(cli->words[0], &tdx));
    CAPSA_TRY(show_hex(cli, "mr_enclave", capsa_bytes_of(sgx.mr_enclave, sizeof(sgx.mr_enclave))));
    CAPSA_TRY(show_hex(cli, "mr_td", capsa_bytes_of(tdx.mr_td, sizeof(tdx.mr_td))));
    CAPSA_TRY(show_hex(cli, "rtmr0", capsa_bytes_of(tdx.rtmr[0], sizeof(tdx.rtmr[0]))));
    CAPSA_TRY(show_hex(cli, "rtmr1", capsa_bytes_of(tdx.rtmr[1], sizeof(tdx.rtmr[1]))));
    const char *dir = capsa_cli_option(cli, "dir");
    if (dir == NULL) {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    CAPSA_TRY(capsa_sim_open(dir, &sim));
    CAPSA_TRY(capsa_sim_mr_signer(sim, sgx.mr_signer));
    return show_hex(cli, "mr_signer", capsa_bytes_of(sgx.mr_signer, sizeof(sgx.mr_signer)));
}

/* ---- quote ----------------------------------------------------------------------------------- */

/* Hex of exactly `len` bytes; `ret` is left alone when the option was not given. */
static capsa_result hex_of(const struct capsa_cli *cli, const char *name, uint8_t *ret, size_t len)
{
    const char *text = capsa_cli_option(cli, name);
    if (text == NULL) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(1));
    CAPSA_REQUIRE(strlen(text) == 2 * len &&
                      !capsa_failed(capsa_hex_parse(capsa_bytes_str(text), &bytes)),
                  USAGE, "--%s wants %zu bytes as %zu hex digits", name, len, 2 * len);
    memcpy(ret, bytes.data, len);
    return CAPSA_OK;
}

static capsa_result report_data_of(const struct capsa_cli *cli, uint8_t ret[CAPSA_REPORT_DATA])
{
    const char *file = capsa_cli_option(cli, "insecure-report-data-file");
    const char *raw = capsa_cli_option(cli, "insecure-raw-report-data");
    CAPSA_REQUIRE((file == NULL) != (raw == NULL), USAGE,
                  "give either --insecure-report-data-file FILE or --insecure-raw-report-data HEX");
    if (raw != NULL) {
        return hex_of(cli, "insecure-raw-report-data", ret, CAPSA_REPORT_DATA);
    }
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_file_read(file, &bytes));
    CAPSA_REQUIRE(bytes.len == CAPSA_REPORT_DATA, USAGE,
                  "%s has %zu bytes; report data is %d bytes, as they are", file, bytes.len,
                  CAPSA_REPORT_DATA);
    memcpy(ret, bytes.data, CAPSA_REPORT_DATA);
    return CAPSA_OK;
}

static capsa_result code_of(const struct capsa_cli *cli, struct capsa_sim_claims *claims)
{
    bool tdx = claims->platform == CAPSA_PLATFORM_TDX;
    const char *by_hand = tdx ? "mr-td" : "mr-enclave";
    const char *other = tdx ? "mr-enclave" : "mr-td";
    const char *code = capsa_cli_option(cli, "code");
    CAPSA_REQUIRE(capsa_cli_option(cli, other) == NULL, USAGE, "--%s is of the other platform",
                  other);
    CAPSA_REQUIRE((code == NULL) != (capsa_cli_option(cli, by_hand) == NULL), USAGE,
                  "whose quote? give either --code FILE or --%s HEX", by_hand);
    return code == NULL ? CAPSA_OK : capsa_sim_measure(code, claims);
}

static capsa_result numbers_of(const struct capsa_cli *cli, struct capsa_sim_claims *claims)
{
    int64_t version;
    int64_t prod_id;
    int64_t svn;
    CAPSA_TRY(capsa_cli_number(cli, "quote-version", 3, 5, 0, &version));
    CAPSA_TRY(capsa_cli_number(cli, "isv-prod-id", 0, UINT16_MAX, 1, &prod_id));
    CAPSA_TRY(capsa_cli_number(cli, "isv-svn", 0, UINT16_MAX, 1, &svn));
    claims->quote_version = (unsigned)version;
    claims->isv_prod_id = (uint16_t)prod_id;
    claims->isv_svn = (uint16_t)svn;
    claims->td15 = capsa_cli_flag(cli, "td15");
    claims->debug = capsa_cli_flag(cli, "debug");
    return CAPSA_OK;
}

static capsa_result claims_of(const struct capsa_cli *cli, const struct capsa_sim *sim,
                              struct capsa_sim_claims *claims)
{
    const struct {
        const char *name;
        uint8_t *data;
        size_t len;
    } values[] = {
        {"mr-enclave", claims->mr_enclave, sizeof(claims->mr_enclave)},
        {"mr-signer", claims->mr_signer, sizeof(claims->mr_signer)},
        {"mr-td", claims->mr_td, sizeof(claims->mr_td)},
        {"rtmr0", claims->rtmr[0], sizeof(claims->rtmr[0])},
        {"rtmr1", claims->rtmr[1], sizeof(claims->rtmr[1])},
        {"rtmr2", claims->rtmr[2], sizeof(claims->rtmr[2])},
        {"rtmr3", claims->rtmr[3], sizeof(claims->rtmr[3])},
        {"mr-config-id", claims->mr_config_id, sizeof(claims->mr_config_id)},
        {"mr-owner", claims->mr_owner, sizeof(claims->mr_owner)},
        {"mr-owner-config", claims->mr_owner_config, sizeof(claims->mr_owner_config)},
    };
    CAPSA_TRY(code_of(cli, claims));
    CAPSA_TRY(capsa_sim_mr_signer(sim, claims->mr_signer));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        CAPSA_TRY(hex_of(cli, values[i].name, values[i].data, values[i].len));
    }
    CAPSA_TRY(numbers_of(cli, claims));
    return report_data_of(cli, claims->report_data);
}

static capsa_result run_quote(struct capsa_cli *cli)
{
    const char *platform = capsa_cli_option(cli, "platform");
    const char *out = capsa_cli_option(cli, "out");
    struct capsa_sim_claims claims = {.platform = capsa_platform_by_name(platform)};
    CAPSA_REQUIRE(claims.platform == CAPSA_PLATFORM_SGX || claims.platform == CAPSA_PLATFORM_TDX,
                  USAGE, "--platform is sgx or tdx, not \"%s\"", platform);
    CAPSA_TRY(capsa_cli_check_out(cli, out));
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    CAPSA_TRY(capsa_sim_open(cli->words[0], &sim));
    CAPSA_TRY(claims_of(cli, sim, &claims));
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(QUOTE_MAX);
    CAPSA_TRY(capsa_sim_quote(sim, &claims, &quote));
    CAPSA_TRY(capsa_cli_write_public(cli, out, capsa_buf_bytes(&quote)));
    if (!capsa_streq(out, "-")) {
        capsa_cli_say(cli, "wrote a simulated quote, which proves nothing, to %s\n", out);
    }
    return capsa_cli_set_text(cli, "quote_file", out);
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option days_options[] = {
    {"days", "N", "how long its collateral is valid; 30", 0},
    {.name = NULL},
};

static const struct capsa_cli_option measure_options[] = {
    {"dir", "DIR", "the simulated platform, to see its mr_signer too", 0},
    {.name = NULL},
};

static const struct capsa_cli_option quote_options[] = {
    {"platform", "sgx|tdx", "of an enclave or of a TD", CAPSA_CLI_NEEDED},
    {"code", "FILE", "the program whose measurement it shall hold", 0},
    {"mr-enclave", "HEX", "instead, with sgx", 0},
    {"mr-td", "HEX", "instead, with tdx", 0},
    {"mr-signer", "HEX", "with sgx; otherwise that of the platform's own enclaves", 0},
    {"isv-prod-id", "N", "with sgx; 1", 0},
    {"isv-svn", "N", "with sgx; 1", 0},
    {"rtmr0", "HEX", "with tdx: firmware", 0},
    {"rtmr1", "HEX", "with tdx: kernel", 0},
    {"rtmr2", "HEX", "with tdx; zeros", 0},
    {"rtmr3", "HEX", "with tdx; zeros", 0},
    {"mr-config-id", "HEX", "with tdx; zeros", 0},
    {"mr-owner", "HEX", "with tdx; zeros", 0},
    {"mr-owner-config", "HEX", "with tdx; zeros", 0},
    {"debug", NULL, "as if its host could look inside", 0},
    {"quote-version", "N", "3, 4 or 5; 3 for sgx, 4 for tdx", 0},
    {"td15", NULL, "with tdx: the TD 1.5 body, in a quote of version 5", 0},
    {"insecure-report-data-file", "FILE", "the 64 bytes that it binds; nothing vouches for them",
     0},
    {"insecure-raw-report-data", "HEX", "the same by hand: nothing vouches for what they mean", 0},
    {"out", "FILE", "where to write it; - is standard output", CAPSA_CLI_NEEDED},
    {"force", NULL, "replace an existing file", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"init", "DIR",
     "Make a simulated platform: a root of trust of its own, certificates, TCB Info, identities "
     "and "
     "revocation lists in the genuine formats. It proves nothing.",
     1, 1, 0, days_options, run_init},
    {"renew", "DIR", "Sign its collateral anew, from now on.", 1, 1, 0, days_options, run_renew},
    {"measure", "FILE", "Show what a program measures in simulation.", 1, 1, 0, measure_options,
     run_measure},
    {"quote", "DIR", "Sign a quote of genuine format for a chosen measurement.", 1, 1, 0,
     quote_options, run_quote},
    {"forge", "DIR",
     "Make wrong evidence on purpose, to test verifiers with: every option is a knob that makes "
     "one "
     "thing wrong. --out gets a folder of evidence, collateral, root and the expected verdict.",
     0, 1, 0, capsa_cli_sim_forge_options, capsa_cli_run_sim_forge},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_sim = {
    "sim", NULL, "a simulated platform, which proves nothing: init, quote, forge", verbs, NULL};
