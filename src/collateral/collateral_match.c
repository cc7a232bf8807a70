/* SPDX-License-Identifier: Apache-2.0
 *
 * Which entry of a bundle belongs to evidence. Intel: TCB Info of the FMSPC and the TEE, and the
 * revocation list of the leaf's issuer. AMD: a leaf of the chip at the reported versions. Hygon: a
 * CEK that signed the report's PEK. A choice among what lies there, and no verification. A check
 * holds for the entry that belongs to the evidence; why one does not is only told apart from a
 * failure of ours.
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

static capsa_result check_tcb_info(capsa_bytes text, const char *fmspc,
                                   enum capsa_platform platform)
{
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_json_parse(text, &json));
    const char *its = capsa_json_string(capsa_json_get(json, "fmspc"));
    const char *id = capsa_json_string(capsa_json_get(json, "id"));
    const char *wanted = platform == CAPSA_PLATFORM_TDX ? "TDX" : "SGX";
    CAPSA_REQUIRE(its != NULL && strcasecmp(its, fmspc) == 0, NOT_FOUND, "another FMSPC");
    /* Version 2 has no id, and is SGX's. */
    CAPSA_REQUIRE(capsa_streq(id == NULL ? "SGX" : id, wanted), NOT_FOUND, "another TEE");
    return CAPSA_OK;
}

/* Lists of both CAs look alike but for their issuer's name. */
static capsa_result check_crl(capsa_bytes der, const struct capsa_intel_platform *about)
{
    static const char name[] = "PCK Platform CA";
    CAPSA_AUTO_FREE(capsa_crl) crl = NULL;
    CAPSA_TRY(capsa_crl_parse(der, &crl));
    capsa_bytes issuer = capsa_crl_issuer(crl);
    bool is_platform = memmem(issuer.data, issuer.len, name, sizeof(name) - 1) != NULL;
    CAPSA_REQUIRE(is_platform == about->is_platform_ca, NOT_FOUND, "another CA");
    return CAPSA_OK;
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

static capsa_result match_intel(enum capsa_platform platform, capsa_bytes evidence,
                                const capsa_collateral *entry)
{
    struct capsa_quote quote;
    struct capsa_intel_platform about;
    CAPSA_TRY(capsa_quote_parse(evidence, &quote));
    CAPSA_TRY(platform_of(&quote, entry, &about));
    CAPSA_TRY(check_tcb_info(capsa_buf_bytes(&entry->tcb_info), about.fmspc, platform));
    return check_crl(capsa_buf_bytes(&entry->pck_crl), &about);
}

/* ---- AMD ------------------------------------------------------------------------------------- */

static const char *const part_oids[CAPSA_SNP_PARTS] = {
    [CAPSA_SNP_BL] = AMD "3.1",    [CAPSA_SNP_TEE] = AMD "3.2", [CAPSA_SNP_SNP] = AMD "3.3",
    [CAPSA_SNP_UCODE] = AMD "3.8", [CAPSA_SNP_FMC] = AMD "3.9",
};

/* Left empty where there is none. */
static capsa_result extension(const struct capsa_cert *cert, const char *oid, capsa_buf *content)
{
    *content = capsa_buf_of(EXTENSION_MAX);
    capsa_result got = capsa_cert_extension(cert, oid, content);
    return capsa_code_of(got) == CAPSA_E_NOT_FOUND ? CAPSA_OK : got;
}

static capsa_result check_version(const struct capsa_cert *leaf, const char *oid, int version)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(0);
    CAPSA_TRY(extension(leaf, oid, &content));
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&content));
    uint64_t its;
    CAPSA_TRY(capsa_der_unsigned(&reader, CAPSA_DER_INTEGER, UINT8_MAX, &its));
    CAPSA_REQUIRE(its == (uint64_t)version, NOT_FOUND, "another version");
    return CAPSA_OK;
}

/* Turin alone has FMC, and lists its versions in another order. */
static capsa_result check_versions(const struct capsa_cert *leaf,
                                   const struct capsa_snp_report *report)
{
    CAPSA_AUTO(capsa_buf) fmc = capsa_buf_of(0);
    CAPSA_TRY(extension(leaf, part_oids[CAPSA_SNP_FMC], &fmc));
    enum capsa_snp_product product = report->product;
    if (product == CAPSA_SNP_UNKNOWN) {
        product = fmc.len > 0 ? CAPSA_SNP_TURIN : CAPSA_SNP_MILAN;
    }
    for (int i = 0; i < CAPSA_SNP_PARTS; i++) {
        int version = capsa_snp_tcb_part(product, report->reported_tcb, (enum capsa_snp_part)i);
        CAPSA_TRY(version < 0 ? CAPSA_OK : check_version(leaf, part_oids[i], version));
    }
    return CAPSA_OK;
}

/* A VLEK has no hardware id: it is of no one chip. */
static capsa_result check_chip(const struct capsa_cert *leaf, const struct capsa_snp_report *report)
{
    CAPSA_AUTO(capsa_buf) hwid = capsa_buf_of(0);
    CAPSA_TRY(extension(leaf, AMD "4", &hwid));
    bool is_vlek = report->signing_key == CAPSA_SNP_VLEK;
    CAPSA_REQUIRE(is_vlek == (hwid.len == 0), NOT_FOUND, "another kind of leaf");
    CAPSA_REQUIRE(is_vlek || (hwid.len <= report->chip_id.len &&
                              memcmp(report->chip_id.data, hwid.data, hwid.len) == 0),
                  NOT_FOUND, "another chip");
    return CAPSA_OK;
}

static capsa_result match_snp(enum capsa_platform platform, capsa_bytes evidence,
                              const capsa_collateral *entry)
{
    (void)platform;
    struct capsa_snp_report report;
    CAPSA_AUTO_FREE(capsa_cert) leaf = NULL;
    CAPSA_TRY(capsa_snp_report_parse(evidence, &report));
    CAPSA_TRY(capsa_cert_parse_der(capsa_buf_bytes(&entry->snp_leaf), &leaf));
    CAPSA_TRY(check_chip(leaf, &report));
    return check_versions(leaf, &report);
}

/* ---- Hygon ----------------------------------------------------------------------------------- */

static capsa_result check_signed(const struct capsa_csv_cert *pek, const struct capsa_csv_cert *cek)
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_TRY(capsa_public_key_of_point(CAPSA_KEY_SM2,
                                        capsa_bytes_of(cek->key.x, sizeof(cek->key.x)),
                                        capsa_bytes_of(cek->key.y, sizeof(cek->key.y)), &key));
    for (size_t i = 0; i < sizeof(pek->sigs) / sizeof(pek->sigs[0]); i++) {
        if (pek->sigs[i].usage == CAPSA_CSV_USAGE_CEK) { /* the other slot is the owner's */
            return capsa_sm2_check(
                key, cek->key.user_id, pek->signed_region,
                capsa_bytes_of(pek->sigs[i].signature, sizeof(pek->sigs[i].signature)));
        }
    }
    CAPSA_FAIL(NOT_FOUND, "a PEK that no CEK signed");
}

static capsa_result match_csv(enum capsa_platform platform, capsa_bytes evidence,
                              const capsa_collateral *entry)
{
    (void)platform;
    struct capsa_csv_report report;
    struct capsa_csv_cert pek, cek;
    CAPSA_TRY(capsa_csv_report_parse(evidence, &report));
    CAPSA_TRY(capsa_csv_cert_parse(capsa_bytes_of(report.pek, sizeof(report.pek)), &pek));
    CAPSA_TRY(capsa_csv_cert_parse(capsa_buf_bytes(&entry->csv_cek), &cek));
    return check_signed(&pek, &cek);
}

/* ---- Any ------------------------------------------------------------------------------------- */

static const struct matcher {
    enum capsa_platform platform;
    capsa_result (*match)(enum capsa_platform platform, capsa_bytes evidence,
                          const capsa_collateral *entry);
    const char *by;
} matchers[] = {
    {CAPSA_PLATFORM_SGX, match_intel, "its FMSPC and CA"},
    {CAPSA_PLATFORM_TDX, match_intel, "its FMSPC and CA"},
    {CAPSA_PLATFORM_SNP, match_snp, "its chip id and reported TCB"},
    {CAPSA_PLATFORM_CSV, match_csv, "its chip's CEK"},
};

static const struct matcher *matcher_of(enum capsa_platform platform)
{
    for (size_t i = 0; i < sizeof(matchers) / sizeof(matchers[0]); i++) {
        if (matchers[i].platform == platform) {
            return &matchers[i];
        }
    }
    return NULL;
}

/* Of the entry: the failure is ours. */
static bool says_nothing(capsa_result failed)
{
    return capsa_code_of(failed) == CAPSA_E_NOMEM || capsa_code_of(failed) == CAPSA_E_INTERNAL;
}

CAPSA_RESULT capsa_collateral_entries_take(capsa_collateral_entries *entries,
                                           enum capsa_platform platform, capsa_bytes evidence,
                                           capsa_collateral *ret_collateral)
{
    const struct matcher *matcher = matcher_of(platform);
    CAPSA_REQUIRE(matcher != NULL, UNSUPPORTED, "nothing is known of collateral for %s",
                  capsa_platform_what(platform));
    for (size_t i = 0; i < entries->count; i++) {
        capsa_collateral *entry = &entries->items[i].collateral;
        capsa_result matched = matcher->match(platform, evidence, entry);
        CAPSA_TRY(says_nothing(matched) ? matched : CAPSA_OK);
        if (!capsa_failed(matched)) {
            return capsa_collateral_take(ret_collateral, entry);
        }
    }
    CAPSA_FAIL(NOT_FOUND, "none of %zu entries is for this evidence of %s, by %s", entries->count,
               capsa_platform_what(platform), matcher->by);
}
