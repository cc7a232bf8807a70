/* SPDX-License-Identifier: Apache-2.0
 *
 * Hygon's server: HSK and CEK of one chip, in one answer of fixed length, by the chip id that
 * stands in the report. Nothing of it ever expires. Source: contracts, quote-verification section
 * 15.3.
 */
#include "collateral/collateral_web.h"
#include "evidence/evidence_csv.h"

#define HYGON_BASE "https://cert.hygon.cn"
#define URL_MAX    KIB(1)
#define BOTH_BYTES (CAPSA_CSV_ROOT_CERT_BYTES + CAPSA_CSV_CERT_BYTES)

static capsa_result take(capsa_bytes body, capsa_collateral *collateral)
{
    struct capsa_csv_root_cert hsk;
    struct capsa_csv_cert cek;
    CAPSA_REQUIRE(body.len == BOTH_BYTES, MALFORMED, "HSK and CEK have %d bytes, got %zu",
                  BOTH_BYTES, body.len);
    capsa_bytes first = capsa_bytes_of(body.data, CAPSA_CSV_ROOT_CERT_BYTES);
    capsa_bytes second = capsa_bytes_from(body, CAPSA_CSV_ROOT_CERT_BYTES);
    CAPSA_TRY_AT(capsa_csv_root_cert_parse(first, &hsk), "HSK");
    CAPSA_REQUIRE(hsk.key_usage == CAPSA_CSV_USAGE_HSK, MALFORMED, "HSK: key usage 0x%x",
                  hsk.key_usage);
    CAPSA_TRY_AT(capsa_csv_cert_parse(second, &cek), "CEK");
    CAPSA_REQUIRE(cek.pubkey_usage == CAPSA_CSV_USAGE_CEK, MALFORMED, "CEK: key usage 0x%x",
                  cek.pubkey_usage);
    CAPSA_TRY(capsa_buf_append(&collateral->csv_hsk, first));
    return capsa_buf_append(&collateral->csv_cek, second);
}

static capsa_result check(const struct capsa_web_wish *wish, const capsa_web_answer *answer,
                          capsa_time *ret_until)
{
    (void)wish;
    CAPSA_AUTO(capsa_collateral) scratch;
    capsa_collateral_init(&scratch);
    CAPSA_TRY(take(capsa_buf_bytes(&answer->body), &scratch));
    *ret_until = 0;
    return CAPSA_OK;
}

/* It comes out of unverified evidence and goes into a URL. */
static capsa_result check_chip_id(const char *chip_id)
{
    static const char allowed[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    size_t len = strspn(chip_id, allowed);
    CAPSA_REQUIRE(len > 0 && chip_id[len] == '\0', MALFORMED,
                  "report: a chip id of letters and digits wanted");
    return CAPSA_OK;
}

static capsa_result fetch(const struct capsa_collateral_options *options,
                          struct capsa_collateral_web *web, enum capsa_platform platform,
                          capsa_bytes evidence, capsa_collateral *ret_collateral)
{
    (void)platform;
    struct capsa_csv_report report;
    struct capsa_web_wish wish = {.max = BOTH_BYTES, .check = check};
    CAPSA_AUTO(capsa_buf) url = capsa_buf_of(URL_MAX);
    CAPSA_AUTO(capsa_web_answer) answer;
    capsa_web_answer_init(&answer, 0);
    CAPSA_TRY_AT(capsa_csv_report_parse(evidence, &report), "report");
    CAPSA_TRY(check_chip_id(report.chip_id));
    CAPSA_TRY(capsa_web_base(options->hygon_url, HYGON_BASE, &url));
    CAPSA_TRY(capsa_buf_format(&url, "/hsk_cek?snumber=%s", report.chip_id));
    CAPSA_TRY(capsa_buf_cstr(&url, &wish.url));
    CAPSA_TRY(capsa_web_get(web, &wish, &answer));
    return take(capsa_buf_bytes(&answer.body), ret_collateral);
}

static bool serves(const struct capsa_collateral_options *options, enum capsa_platform platform)
{
    (void)options;
    return platform == CAPSA_PLATFORM_CSV;
}

const struct capsa_collateral_source capsa_collateral_hygon = {
    .name = "hygon",
    .serves = serves,
    .fetch = fetch,
};
