/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading where collateral is fetched from (cli_fetch.h).
 */
#include "cli/cli_fetch.h"

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_print.h"

#define TIMEOUT_MAX 3600
#define FRESH_MAX   (INT64_C(366) * 24 * 3600)

void capsa_cli_fetch_drop(capsa_cli_fetch *fetch)
{
    capsa_qcnl_drop(&fetch->qcnl);
}

static capsa_result read_qcnl(const struct capsa_cli *cli, capsa_cli_fetch *fetch)
{
    const char *path = capsa_cli_option(cli, "qcnl");
    if (path == NULL) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(fetch->options.pccs_url == NULL, USAGE,
                  "--qcnl and --pccs-url: either says where the PCCS is");
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_qcnl_bytes);
    CAPSA_TRY(capsa_file_read(path, &text));
    CAPSA_TRY_AT(capsa_qcnl_parse(capsa_buf_bytes(&text), &fetch->qcnl), "%s", path);
    fetch->options.pccs_url = fetch->qcnl.pccs_url;
    fetch->options.insecure_tls |= fetch->qcnl.accepts_any_cert;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_fetch_read(struct capsa_cli *cli, capsa_cli_fetch *fetch)
{
    int64_t timeout = 0;
    int64_t fresh = 0;
    CAPSA_TRY(capsa_cli_number(cli, "timeout", 1, TIMEOUT_MAX, 0, &timeout));
    CAPSA_TRY(capsa_cli_number(cli, "max-age", 1, FRESH_MAX, 0, &fresh));
    fetch->options = (struct capsa_collateral_options){
        .pccs_url = capsa_cli_option(cli, "pccs-url"),
        .root_crl_url = capsa_cli_option(cli, "root-crl-url"),
        .kds_url = capsa_cli_option(cli, "kds-url"),
        .hygon_url = capsa_cli_option(cli, "hygon-url"),
        .ca_file = capsa_cli_option(cli, "ca-file"),
        .insecure_tls = capsa_cli_flag(cli, "insecure-tls"),
        .bundle = capsa_cli_option(cli, "bundle"),
        .cache_dir = capsa_cli_option(cli, "cache-dir"),
        .timeout_seconds = (unsigned)timeout,
        .min_fresh_seconds = fresh,
        .stale_while_error = capsa_cli_flag(cli, "stale-while-error"),
        .clock = &capsa_clock_system,
    };
    CAPSA_TRY(read_qcnl(cli, fetch));
    if (fetch->options.insecure_tls) {
        capsa_cli_warn(cli, "the TLS certificates of servers are not checked: whoever answers may "
                            "keep newer collateral from you\n");
    }
    return CAPSA_OK;
}

const char *capsa_cli_fetch_given(const struct capsa_cli *cli)
{
    static const struct capsa_cli_option options[] = {CAPSA_CLI_FETCH_OPTIONS, {.name = NULL}};
    for (const struct capsa_cli_option *option = options; option->name != NULL; option++) {
        if (capsa_cli_option(cli, option->name) != NULL) {
            return option->name;
        }
    }
    return NULL;
}
