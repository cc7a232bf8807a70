/* SPDX-License-Identifier: Apache-2.0
 *
 * Showing evidence (evidence_show.h). The parser of the platform runs first; then the same tables
 * that it read by are walked once more, into JSON.
 */
#include "evidence/evidence_show.h"

#include <stdio.h>

#include "codec/text.h"
#include "evidence/evidence_csv.h"
#include "evidence/evidence_layout.h"
#include "evidence/evidence_quote.h"
#include "evidence/evidence_snp.h"

static capsa_result set_size(struct capsa_json *object, const char *name, size_t size)
{
    return capsa_json_set(object, name, capsa_json_new_int((int64_t)size));
}

static capsa_result set_hex(struct capsa_json *object, const char *name, capsa_bytes bytes)
{
    return capsa_json_set(object, name, capsa_json_new_hex(bytes));
}

static capsa_result set_text(struct capsa_json *object, const char *name, const char *text)
{
    return capsa_json_set(object, name, capsa_json_new_string(text));
}

/* As text when it is text, else as hex. */
static capsa_result set_printable(struct capsa_json *object, const char *name, capsa_bytes bytes)
{
    if (capsa_failed(capsa_utf8_check(bytes))) {
        return set_hex(object, name, bytes);
    }
    CAPSA_AUTO(capsa_buf) copy = capsa_buf_of(bytes.len + 1);
    const char *text = NULL;
    CAPSA_TRY(capsa_buf_append(&copy, bytes));
    CAPSA_TRY(capsa_buf_cstr(&copy, &text));
    return set_text(object, name, text);
}

/* A new object as a member, filled by `fill`. */
static capsa_result set_object(struct capsa_json *object, const char *name,
                               capsa_result (*fill)(struct capsa_json *member, const void *of),
                               const void *of)
{
    CAPSA_AUTO_FREE(capsa_json) member = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(member);
    CAPSA_TRY(fill(member, of));
    struct capsa_json *given = member;
    member = NULL;
    return capsa_json_set(object, name, given);
}

/* ---- Intel ----------------------------------------------------------------------------------- */

struct quote_bytes {
    struct capsa_quote quote;
    capsa_bytes bytes;
};

static capsa_result fill_header(struct capsa_json *object, const void *of)
{
    const struct quote_bytes *all = of;
    return capsa_layout_show(capsa_quote_header_layout, all->bytes, object);
}

static capsa_result fill_sgx_report(struct capsa_json *object, const void *of)
{
    return capsa_layout_show(capsa_sgx_report_layout, *(const capsa_bytes *)of, object);
}

static capsa_result fill_body(struct capsa_json *object, const void *of)
{
    const struct capsa_quote *quote = of;
    if (quote->body_kind == CAPSA_BODY_SGX) {
        return fill_sgx_report(object, &quote->body);
    }
    CAPSA_TRY(capsa_layout_show(capsa_td_report_layout, quote->body, object));
    return quote->body_kind == CAPSA_BODY_TD10
               ? CAPSA_OK
               : capsa_layout_show(capsa_td15_layout,
                                   capsa_bytes_from(quote->body, CAPSA_TD10_REPORT_BYTES), object);
}

static const char *cert_type_name(unsigned type)
{
    static const char *const names[] = {
        [1] = "PPID, in the clear",           [2] = "PPID, encrypted for RSA-2048",
        [3] = "PPID, encrypted for RSA-3072", [4] = "PCK certificate",
        [5] = "PCK certificate chain",        [7] = "platform manifest",
    };
    return type < sizeof(names) / sizeof(names[0]) && names[type] != NULL ? names[type] : "unknown";
}

/* Certification of types 1 to 3 ends with these, whatever the length of the PPID. */
static const struct capsa_layout ppid_tail[] = {
    {"cpu_svn", 16, CAPSA_LAYOUT_BYTES, CAPSA_LAYOUT_NOWHERE, 0, NULL},
    {"pce_svn", 2, CAPSA_LAYOUT_NUMBER, CAPSA_LAYOUT_NOWHERE, 0, NULL},
    {"pce_id", 2, CAPSA_LAYOUT_NUMBER, CAPSA_LAYOUT_NOWHERE, 0, NULL},
    {0},
};

static capsa_result fill_ppid(struct capsa_json *object, const struct capsa_quote *quote)
{
    const size_t ppid = quote->cert_data.len - capsa_layout_size(ppid_tail);
    CAPSA_TRY(set_hex(object, quote->cert_type == 1 ? "ppid" : "encrypted_ppid",
                      capsa_bytes_of(quote->cert_data.data, ppid)));
    return capsa_layout_show(ppid_tail, capsa_bytes_from(quote->cert_data, ppid), object);
}

/* PEM chains often end with a NUL. */
static capsa_bytes without_nuls(capsa_bytes data)
{
    while (data.len > 0 && data.data[data.len - 1] == 0) {
        data.len--;
    }
    return data;
}

static capsa_result fill_certification(struct capsa_json *object, const void *of)
{
    const struct capsa_quote *quote = of;
    CAPSA_TRY(set_size(object, "type", quote->cert_type));
    CAPSA_TRY(set_text(object, "what", cert_type_name(quote->cert_type)));
    CAPSA_TRY(set_size(object, "size", quote->cert_data.len));
    return quote->cert_type <= 3 && quote->cert_data.len >= capsa_layout_size(ppid_tail)
               ? fill_ppid(object, quote)
               : set_printable(object, "data", without_nuls(quote->cert_data));
}

static capsa_result fill_authentication(struct capsa_json *object, const void *of)
{
    const struct quote_bytes *all = of;
    const struct capsa_quote *quote = &all->quote;
    CAPSA_TRY(
        set_size(object, "size", all->bytes.len - quote->signed_region.len - 4 - quote->trailing));
    CAPSA_TRY(set_hex(object, "signature", quote->signature));
    CAPSA_TRY(set_hex(object, "attestation_key", quote->attestation_key));
    if (quote->version > 3) {
        CAPSA_TRY(set_size(object, "outer_certification_type", 6));
        CAPSA_TRY(set_size(object, "outer_certification_size", quote->certification.len));
    }
    CAPSA_TRY(set_object(object, "qe_report", fill_sgx_report, &quote->qe_report));
    CAPSA_TRY(set_hex(object, "qe_report_signature", quote->qe_signature));
    CAPSA_TRY(set_size(object, "qe_authentication_data_size", quote->qe_auth.len));
    CAPSA_TRY(set_hex(object, "qe_authentication_data", quote->qe_auth));
    return set_object(object, "certification", fill_certification, quote);
}

static capsa_result show_quote(enum capsa_platform platform, capsa_bytes bytes,
                               struct capsa_json *object)
{
    struct quote_bytes all = {.bytes = bytes};
    const struct capsa_quote *quote = &all.quote;
    CAPSA_TRY(capsa_quote_parse(bytes, &all.quote));
    const enum capsa_platform of =
        quote->body_kind == CAPSA_BODY_SGX ? CAPSA_PLATFORM_SGX : CAPSA_PLATFORM_TDX;
    CAPSA_REQUIRE(of == platform, MALFORMED, "a quote of %s, where one of %s was wanted",
                  capsa_platform_what(of), capsa_platform_what(platform));
    CAPSA_TRY(set_object(object, "header", fill_header, &all));
    if (quote->version == 5) {
        CAPSA_TRY(set_size(object, "body_type", quote->body_kind));
        CAPSA_TRY(set_size(object, "body_size", quote->body.len));
    }
    CAPSA_TRY(set_object(object, "body", fill_body, quote));
    CAPSA_TRY(set_object(object, "authentication", fill_authentication, &all));
    return set_size(object, "trailing_bytes", quote->trailing);
}

/* ---- AMD ------------------------------------------------------------------------------------- */

static capsa_result fill_snp_report(struct capsa_json *object, const void *of)
{
    const struct capsa_snp_report *report = of;
    return capsa_layout_show(capsa_snp_layout, report->signed_region, object);
}

static capsa_result fill_snp_signature(struct capsa_json *object, const void *of)
{
    const struct capsa_snp_report *report = of;
    CAPSA_TRY(set_hex(object, "r", capsa_bytes_of(report->signature, 48)));
    return set_hex(object, "s", capsa_bytes_of(report->signature + 48, 48));
}

struct tcb {
    enum capsa_snp_product product;
    capsa_bytes bytes;
};

static capsa_result fill_tcb(struct capsa_json *object, const void *of)
{
    const struct tcb *tcb = of;
    for (unsigned i = 0; i < CAPSA_SNP_PARTS; i++) {
        const enum capsa_snp_part part = (enum capsa_snp_part)i;
        const int svn = capsa_snp_tcb_part(tcb->product, tcb->bytes, part);
        if (svn >= 0) {
            CAPSA_TRY(set_size(object, capsa_snp_part_name(part), (size_t)svn));
        }
    }
    return CAPSA_OK;
}

/* Numbers within the words of the report, taken apart. */
static capsa_result fill_snp_meaning(struct capsa_json *object, const void *of)
{
    const struct capsa_snp_report *report = of;
    const struct {
        const char *name;
        struct tcb tcb;
    } tcbs[] = {
        {"current_tcb", {report->product, report->current_tcb}},
        {"reported_tcb", {report->product, report->reported_tcb}},
        {"committed_tcb", {report->product, report->committed_tcb}},
        {"launch_tcb", {report->product, report->launch_tcb}},
    };
    char abi[16];
    (void)snprintf(abi, sizeof(abi), "%u.%u", (unsigned)(report->policy >> 8 & 0xff),
                   (unsigned)(report->policy & 0xff));
    const char *key = report->signing_key == CAPSA_SNP_VCEK     ? "VCEK"
                      : report->signing_key == CAPSA_SNP_VLEK   ? "VLEK"
                      : report->signing_key == CAPSA_SNP_NO_KEY ? "none"
                                                                : "unknown";
    CAPSA_TRY(set_text(object, "product", capsa_snp_product_name(report->product)));
    CAPSA_TRY(set_text(object, "policy_abi", abi));
    CAPSA_TRY(set_text(object, "signing_key", key));
    for (size_t i = 0; i < sizeof(tcbs) / sizeof(tcbs[0]) && report->product != CAPSA_SNP_UNKNOWN;
         i++) {
        CAPSA_TRY(set_object(object, tcbs[i].name, fill_tcb, &tcbs[i].tcb));
    }
    return CAPSA_OK;
}

static capsa_result show_snp(enum capsa_platform platform, capsa_bytes bytes,
                             struct capsa_json *object)
{
    (void)platform;
    struct capsa_snp_report report;
    CAPSA_TRY(capsa_snp_report_parse(bytes, &report));
    CAPSA_TRY(set_object(object, "report", fill_snp_report, &report));
    CAPSA_TRY(set_object(object, "signature", fill_snp_signature, &report));
    return set_object(object, "meaning", fill_snp_meaning, &report);
}

/* ---- Hygon ----------------------------------------------------------------------------------- */

struct csv_bytes {
    struct capsa_csv_report report;
    struct capsa_csv_cert pek;
    uint8_t plain[CAPSA_CSV_REPORT_BYTES];
};

/* Setting a member again puts the new value where the old one stood. */
static capsa_result fill_pek(struct capsa_json *object, const void *of)
{
    const struct csv_bytes *all = of;
    const capsa_bytes user_id = all->pek.key.user_id;
    CAPSA_TRY(capsa_layout_show(capsa_csv_cert_layout,
                                capsa_bytes_of(all->report.pek, CAPSA_CSV_CERT_BYTES), object));
    return set_printable(object, "user_id", user_id);
}

/* A PEK that is none stays the hex that it is in the table. */
static capsa_result fill_csv_report(struct capsa_json *object, const void *of)
{
    const struct csv_bytes *all = of;
    CAPSA_TRY(capsa_layout_show(capsa_csv_report_layout,
                                capsa_bytes_of(all->plain, sizeof(all->plain)), object));
    if (all->pek.signed_region.len > 0) {
        CAPSA_TRY(set_object(object, "pek", fill_pek, all));
    }
    return set_text(object, "chip_id", all->report.chip_id);
}

static capsa_result show_csv(enum capsa_platform platform, capsa_bytes bytes,
                             struct capsa_json *object)
{
    (void)platform;
    struct csv_bytes all = {0};
    CAPSA_TRY(capsa_csv_report_parse(bytes, &all.report));
    CAPSA_TRY(capsa_csv_report_unmask(bytes, all.plain));
    capsa_ignore(
        capsa_csv_cert_parse(capsa_bytes_of(all.report.pek, sizeof(all.report.pek)), &all.pek),
        "a PEK that is no certificate is shown as bytes");
    return set_object(object, "report", fill_csv_report, &all);
}

/* ---- All ------------------------------------------------------------------------------------- */

static const struct {
    capsa_result (*show)(enum capsa_platform platform, capsa_bytes bytes,
                         struct capsa_json *object);
} printers[CAPSA_PLATFORM_COUNT] = {
    [CAPSA_PLATFORM_SGX] = {show_quote},
    [CAPSA_PLATFORM_TDX] = {show_quote},
    [CAPSA_PLATFORM_SNP] = {show_snp},
    [CAPSA_PLATFORM_CSV] = {show_csv},
};

CAPSA_RESULT capsa_evidence_show(enum capsa_platform platform, capsa_bytes bytes,
                                 struct capsa_json **ret_json)
{
    CAPSA_REQUIRE((size_t)platform < CAPSA_PLATFORM_COUNT && printers[platform].show != NULL,
                  UNSUPPORTED, "evidence of no known platform cannot be shown");
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(set_text(object, "platform", capsa_platform_name(platform)));
    CAPSA_TRY(set_size(object, "size", bytes.len));
    CAPSA_TRY(printers[platform].show(platform, bytes, object));
    *ret_json = object;
    object = NULL;
    return CAPSA_OK;
}
