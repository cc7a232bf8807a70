/* SPDX-License-Identifier: Apache-2.0
 *
 * AMD's key distribution service: the VCEK of one chip at one set of versions, the chain of its
 * product, and the list of what of it was revoked. Certificates there never change, and the service
 * answers few requests, so they are kept for good. A VLEK is the cloud provider's and not there.
 * Source: contracts, quote-verification section 16.2.
 */
#include "base/limits.h"
#include "codec/text.h"
#include "collateral/collateral_intel.h"
#include "collateral/collateral_web.h"
#include "crypto/crypto_pki.h"
#include "evidence/evidence_snp.h"

#define KDS_BASE    "https://kdsintf.amd.com"
#define URL_MAX     KIB(2)
#define TURIN_HWID  8
#define KINDS_CERTS 2

/* ---- What is asked for ----------------------------------------------------------------------- */

/* The parts of a TCB as the service calls them, in the order in which it lists them. */
static const struct {
    const char *name;
    enum capsa_snp_part part;
} parameters[] = {
    {"fmcSPL", CAPSA_SNP_FMC}, {"blSPL", CAPSA_SNP_BL},       {"teeSPL", CAPSA_SNP_TEE},
    {"snpSPL", CAPSA_SNP_SNP}, {"ucodeSPL", CAPSA_SNP_UCODE},
};

static capsa_result add_versions(const struct capsa_snp_report *report,
                                 enum capsa_snp_product product, capsa_buf *url)
{
    const char *separator = "?";
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        int version = capsa_snp_tcb_part(product, report->reported_tcb, parameters[i].part);
        if (version >= 0) {
            CAPSA_TRY(capsa_buf_format(url, "%s%s=%02d", separator, parameters[i].name, version));
            separator = "&";
        }
    }
    return CAPSA_OK;
}

static capsa_result add_base(const struct capsa_collateral_options *options,
                             enum capsa_snp_product product, capsa_buf *url)
{
    CAPSA_TRY(capsa_web_base(options->kds_url, KDS_BASE, url));
    return capsa_buf_format(url, "/vcek/v1/%s/", capsa_snp_product_name(product));
}

static capsa_result leaf_url(const struct capsa_collateral_options *options,
                             const struct capsa_snp_report *report, enum capsa_snp_product product,
                             capsa_buf *url)
{
    size_t hwid = product == CAPSA_SNP_TURIN ? TURIN_HWID : report->chip_id.len;
    CAPSA_TRY(add_base(options, product, url));
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(report->chip_id.data, hwid), url));
    return add_versions(report, product, url);
}

/* ---- What is answered ------------------------------------------------------------------------ */

static capsa_result check_leaf(const struct capsa_web_wish *wish, const capsa_web_answer *answer,
                               capsa_time *ret_until)
{
    (void)wish;
    CAPSA_AUTO_FREE(capsa_cert) leaf = NULL;
    char name[CAPSA_COMMON_NAME];
    CAPSA_TRY(capsa_cert_parse_der(capsa_buf_bytes(&answer->body), &leaf));
    CAPSA_TRY(capsa_cert_subject_name(leaf, name));
    CAPSA_REQUIRE(capsa_streq(name, "SEV-VCEK"), MALFORMED,
                  "a certificate of \"%.60s\", not of a VCEK", name);
    *ret_until = 0;
    return CAPSA_OK;
}

static capsa_result read_chain(capsa_bytes text, capsa_chain *ret_chain)
{
    CAPSA_TRY(capsa_certs_parse(text, ret_chain));
    CAPSA_REQUIRE(ret_chain->count == KINDS_CERTS, MALFORMED,
                  "the ASK and the ARK wanted, got %zu certificates", ret_chain->count);
    return CAPSA_OK;
}

static capsa_result check_chain(const struct capsa_web_wish *wish, const capsa_web_answer *answer,
                                capsa_time *ret_until)
{
    (void)wish;
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY(read_chain(capsa_buf_bytes(&answer->body), &chain));
    *ret_until = 0;
    return CAPSA_OK;
}

static capsa_result check_crl(const struct capsa_web_wish *wish, const capsa_web_answer *answer,
                              capsa_time *ret_until)
{
    (void)wish;
    return capsa_collateral_crl_until(capsa_buf_bytes(&answer->body), ret_until);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static capsa_result ask(struct capsa_collateral_web *web, capsa_buf *url_text, size_t max,
                        CAPSA_RESULT (*check)(const struct capsa_web_wish *wish,
                                              const capsa_web_answer *answer,
                                              capsa_time *ret_until),
                        capsa_web_answer *ret_answer)
{
    struct capsa_web_wish wish = {.max = max, .check = check};
    CAPSA_TRY(capsa_buf_cstr(url_text, &wish.url));
    return capsa_web_get(web, &wish, ret_answer);
}

static capsa_result get_leaf(const struct capsa_collateral_options *options,
                             struct capsa_collateral_web *web,
                             const struct capsa_snp_report *report, enum capsa_snp_product product,
                             capsa_collateral *collateral)
{
    CAPSA_AUTO(capsa_buf) url = capsa_buf_of(URL_MAX);
    CAPSA_AUTO(capsa_web_answer) answer;
    capsa_web_answer_init(&answer, 0);
    CAPSA_TRY(leaf_url(options, report, product, &url));
    CAPSA_TRY(ask(web, &url, CAPSA_LIMIT_collateral_chain, check_leaf, &answer));
    return capsa_buf_append(&collateral->snp_leaf, capsa_buf_bytes(&answer.body));
}

static capsa_result get_chain(const struct capsa_collateral_options *options,
                              struct capsa_collateral_web *web, enum capsa_snp_product product,
                              capsa_collateral *collateral)
{
    CAPSA_AUTO(capsa_buf) url = capsa_buf_of(URL_MAX);
    CAPSA_AUTO(capsa_web_answer) answer;
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    capsa_web_answer_init(&answer, 0);
    CAPSA_TRY(add_base(options, product, &url));
    CAPSA_TRY(capsa_buf_str(&url, "cert_chain"));
    CAPSA_TRY(ask(web, &url, CAPSA_LIMIT_collateral_chain, check_chain, &answer));
    CAPSA_TRY(read_chain(capsa_buf_bytes(&answer.body), &chain));
    CAPSA_TRY(capsa_buf_append(&collateral->snp_ask, capsa_cert_der(chain.certs[0])));
    return capsa_buf_append(&collateral->snp_ark, capsa_cert_der(chain.certs[1]));
}

static capsa_result get_crl(const struct capsa_collateral_options *options,
                            struct capsa_collateral_web *web, enum capsa_snp_product product,
                            capsa_collateral *collateral)
{
    CAPSA_AUTO(capsa_buf) url = capsa_buf_of(URL_MAX);
    CAPSA_AUTO(capsa_web_answer) answer;
    capsa_web_answer_init(&answer, 0);
    CAPSA_TRY(add_base(options, product, &url));
    CAPSA_TRY(capsa_buf_str(&url, "crl"));
    CAPSA_TRY(ask(web, &url, CAPSA_LIMIT_collateral_crl, check_crl, &answer));
    return capsa_buf_append(&collateral->snp_crl, capsa_buf_bytes(&answer.body));
}

/* ---- The source ------------------------------------------------------------------------------ */

/* Reports of version 2 do not name their product; only these two were on the market then. */
static const enum capsa_snp_product tried[] = {CAPSA_SNP_MILAN, CAPSA_SNP_GENOA};

static capsa_result find_leaf(const struct capsa_collateral_options *options,
                              struct capsa_collateral_web *web,
                              const struct capsa_snp_report *report, capsa_collateral *collateral,
                              enum capsa_snp_product *ret_product)
{
    *ret_product = report->product;
    if (report->product != CAPSA_SNP_UNKNOWN) {
        return get_leaf(options, web, report, report->product, collateral);
    }
    capsa_result got = CAPSA_OK;
    for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
        got = get_leaf(options, web, report, tried[i], collateral);
        *ret_product = tried[i];
        if (capsa_code_of(got) != CAPSA_E_NOT_FOUND) {
            return got;
        }
    }
    return got;
}

static capsa_result check_report(const struct capsa_snp_report *report)
{
    CAPSA_REQUIRE(report->signing_key != CAPSA_SNP_VLEK, NOT_FOUND,
                  "the report is signed by a VLEK, whose certificate comes from the cloud provider "
                  "with the evidence, and not from AMD");
    bool is_masked = true;
    for (size_t i = 0; i < report->chip_id.len; i++) {
        is_masked &= report->chip_id.data[i] == 0;
    }
    CAPSA_REQUIRE(!is_masked, NOT_FOUND,
                  "the report's chip id is masked, and certificates are found by it");
    return CAPSA_OK;
}

static capsa_result fetch(const struct capsa_collateral_options *options,
                          struct capsa_collateral_web *web, enum capsa_platform platform,
                          capsa_bytes evidence, capsa_collateral *ret_collateral)
{
    (void)platform;
    struct capsa_snp_report report;
    enum capsa_snp_product product;
    CAPSA_TRY_AT(capsa_snp_report_parse(evidence, &report), "report");
    CAPSA_TRY(check_report(&report));
    CAPSA_TRY(find_leaf(options, web, &report, ret_collateral, &product));
    CAPSA_TRY(get_chain(options, web, product, ret_collateral));
    return get_crl(options, web, product, ret_collateral);
}

static bool serves(const struct capsa_collateral_options *options, enum capsa_platform platform)
{
    (void)options;
    return platform == CAPSA_PLATFORM_SNP;
}

const struct capsa_collateral_source capsa_collateral_kds = {
    .name = "kds",
    .serves = serves,
    .fetch = fetch,
};
