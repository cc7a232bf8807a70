/* SPDX-License-Identifier: Apache-2.0
 *
 * Which entry of a bundle belongs to evidence. Intel: TCB Info of the FMSPC and the TEE, and the
 * revocation list of the leaf's issuer. AMD: a leaf of the chip at the reported versions. Hygon: a
 * CEK that signed the report's PEK. A choice among what lies there, and no verification.
 */
#include "base/limits.h"
#include "codec/der.h"
#include "collateral/collateral_bundle.h"
#include "collateral/collateral_intel.h"
#include "crypto/crypto_evidence.h"
#include "crypto/crypto_pki.h"
#include "evidence/evidence_csv.h"
#include "evidence/evidence_snp.h"

#define AMD           "1.3.6.1.4.1.3704.1."
#define EXTENSION_MAX KIB(4)

/* ---- Intel ----------------------------------------------------------------------------------- */

static bool is_tcb_info_of(capsa_bytes text, const char *fmspc, enum capsa_platform platform)
{
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    if (capsa_failed(capsa_json_parse(text, &json))) {
        return false;
    }
    const char *its = capsa_json_string(capsa_json_get(json, "fmspc"));
    const char *id = capsa_json_string(capsa_json_get(json, "id"));
    const char *wanted = platform == CAPSA_PLATFORM_TDX ? "TDX" : "SGX";
    return its != NULL && strcasecmp(its, fmspc) == 0 &&
           capsa_streq(id == NULL ? "SGX" : id, wanted); /* version 2 has no id, and is SGX's */
}

/* Lists of both CAs look alike but for their issuer's name. */
static bool is_crl_of(capsa_bytes der, const struct capsa_intel_platform *about)
{
    CAPSA_AUTO_FREE(capsa_crl) crl = NULL;
    if (capsa_failed(capsa_crl_parse(der, &crl))) {
        return false;
    }
    static const char name[] = "PCK Platform CA";
    capsa_bytes issuer = capsa_crl_issuer(crl);
    bool is_platform = memmem(issuer.data, issuer.len, name, sizeof(name) - 1) != NULL;
    return is_platform == about->is_platform_ca;
}

/* Of a quote without a chain only an entry that has one can be the right one. */
static capsa_result platform_of(const struct capsa_quote *quote, const capsa_collateral *entry,
                                struct capsa_intel_platform *ret_about)
{
    if (quote->cert_type == 4 || quote->cert_type == 5) {
        return capsa_intel_platform_of_quote(quote, ret_about);
    }
    CAPSA_REQUIRE(entry->pck_certificate_chain.len > 0, NOT_FOUND, "no PCK certificate");
    return capsa_intel_platform_of_chain(capsa_buf_bytes(&entry->pck_certificate_chain), ret_about);
}

static bool matches_intel(enum capsa_platform platform, capsa_bytes evidence,
                          const capsa_collateral *entry)
{
    struct capsa_quote quote;
    struct capsa_intel_platform about;
    return !capsa_failed(capsa_quote_parse(evidence, &quote)) &&
           !capsa_failed(platform_of(&quote, entry, &about)) &&
           is_tcb_info_of(capsa_buf_bytes(&entry->tcb_info), about.fmspc, platform) &&
           is_crl_of(capsa_buf_bytes(&entry->pck_crl), &about);
}

/* ---- AMD ------------------------------------------------------------------------------------- */

static const char *const part_oids[CAPSA_SNP_PARTS] = {
    [CAPSA_SNP_BL] = AMD "3.1",    [CAPSA_SNP_TEE] = AMD "3.2", [CAPSA_SNP_SNP] = AMD "3.3",
    [CAPSA_SNP_UCODE] = AMD "3.8", [CAPSA_SNP_FMC] = AMD "3.9",
};

/* Empty: there is none. */
static void extension(const struct capsa_cert *cert, const char *oid, capsa_buf *content)
{
    *content = capsa_buf_of(EXTENSION_MAX);
    capsa_ignore(capsa_cert_extension(cert, oid, content), "what has none matches nothing");
}

static bool has_version(const struct capsa_cert *leaf, const char *oid, int version)
{
    CAPSA_AUTO(capsa_buf) content;
    extension(leaf, oid, &content);
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&content));
    uint64_t its = UINT64_MAX;
    return !capsa_failed(capsa_der_unsigned(&reader, CAPSA_DER_INTEGER, UINT8_MAX, &its)) &&
           its == (uint64_t)version;
}

/* Turin alone has FMC, and lists its versions in another order. */
static bool has_versions(const struct capsa_cert *leaf, const struct capsa_snp_report *report)
{
    CAPSA_AUTO(capsa_buf) fmc;
    extension(leaf, part_oids[CAPSA_SNP_FMC], &fmc);
    enum capsa_snp_product product = report->product;
    if (product == CAPSA_SNP_UNKNOWN) {
        product = fmc.len > 0 ? CAPSA_SNP_TURIN : CAPSA_SNP_MILAN;
    }
    for (int i = 0; i < CAPSA_SNP_PARTS; i++) {
        int version = capsa_snp_tcb_part(product, report->reported_tcb, (enum capsa_snp_part)i);
        if (version >= 0 && !has_version(leaf, part_oids[i], version)) {
            return false;
        }
    }
    return true;
}

/* A VLEK has no hardware id: it is of no one chip. */
static bool is_of_chip(const struct capsa_cert *leaf, const struct capsa_snp_report *report)
{
    CAPSA_AUTO(capsa_buf) hwid;
    extension(leaf, AMD "4", &hwid);
    bool is_vlek = report->signing_key == CAPSA_SNP_VLEK;
    return is_vlek ? hwid.len == 0
                   : hwid.len > 0 && hwid.len <= report->chip_id.len &&
                         memcmp(report->chip_id.data, hwid.data, hwid.len) == 0;
}

static bool matches_snp(enum capsa_platform platform, capsa_bytes evidence,
                        const capsa_collateral *entry)
{
    (void)platform;
    struct capsa_snp_report report;
    CAPSA_AUTO_FREE(capsa_cert) leaf = NULL;
    return !capsa_failed(capsa_snp_report_parse(evidence, &report)) &&
           !capsa_failed(capsa_cert_parse_der(capsa_buf_bytes(&entry->snp_leaf), &leaf)) &&
           is_of_chip(leaf, &report) && has_versions(leaf, &report);
}

/* ---- Hygon ----------------------------------------------------------------------------------- */

static bool signed_by(const struct capsa_csv_cert *pek, const struct capsa_csv_cert *cek)
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    if (capsa_failed(
            capsa_public_key_of_point(CAPSA_KEY_SM2, capsa_bytes_of(cek->key.x, sizeof(cek->key.x)),
                                      capsa_bytes_of(cek->key.y, sizeof(cek->key.y)), &key))) {
        return false;
    }
    bool is_signed = false;
    for (size_t i = 0; i < 2; i++) {
        is_signed |= pek->sigs[i].usage == CAPSA_CSV_USAGE_CEK &&
                     !capsa_failed(capsa_sm2_check(
                         key, cek->key.user_id, pek->signed_region,
                         capsa_bytes_of(pek->sigs[i].signature, sizeof(pek->sigs[i].signature))));
    }
    return is_signed;
}

static bool matches_csv(enum capsa_platform platform, capsa_bytes evidence,
                        const capsa_collateral *entry)
{
    (void)platform;
    struct capsa_csv_report report;
    struct capsa_csv_cert pek, cek;
    return !capsa_failed(capsa_csv_report_parse(evidence, &report)) &&
           !capsa_failed(
               capsa_csv_cert_parse(capsa_bytes_of(report.pek, sizeof(report.pek)), &pek)) &&
           !capsa_failed(capsa_csv_cert_parse(capsa_buf_bytes(&entry->csv_cek), &cek)) &&
           signed_by(&pek, &cek);
}

/* ---- Any ------------------------------------------------------------------------------------- */

static const struct {
    enum capsa_platform platform;
    bool (*matches)(enum capsa_platform platform, capsa_bytes evidence,
                    const capsa_collateral *entry);
    const char *by;
} matchers[] = {
    {CAPSA_PLATFORM_SGX, matches_intel, "its FMSPC and CA"},
    {CAPSA_PLATFORM_TDX, matches_intel, "its FMSPC and CA"},
    {CAPSA_PLATFORM_SNP, matches_snp, "its chip id and reported TCB"},
    {CAPSA_PLATFORM_CSV, matches_csv, "its chip's CEK"},
};

CAPSA_RESULT capsa_collateral_entries_take(capsa_collateral_entries *entries,
                                           enum capsa_platform platform, capsa_bytes evidence,
                                           capsa_collateral *ret_collateral)
{
    for (size_t m = 0; m < sizeof(matchers) / sizeof(matchers[0]); m++) {
        for (size_t i = 0; matchers[m].platform == platform && i < entries->count; i++) {
            if (matchers[m].matches(platform, evidence, &entries->items[i].collateral)) {
                return capsa_collateral_take(ret_collateral, &entries->items[i].collateral);
            }
        }
        CAPSA_REQUIRE(matchers[m].platform != platform, NOT_FOUND,
                      "none of %zu entries is for this evidence of %s, by %s", entries->count,
                      capsa_platform_what(platform), matchers[m].by);
    }
    CAPSA_FAIL(UNSUPPORTED, "nothing is known of collateral for %s", capsa_platform_what(platform));
}
