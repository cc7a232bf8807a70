/* SPDX-License-Identifier: Apache-2.0
 *
 * The bodies of Intel quotes: an SGX report, a TD report of TDX 1.0 or 1.5, and what they claim
 * (evidence_quote.h). Reserved bytes are signed and without meaning; they are let through, because
 * newer processors give meaning to them and Intel's own library does not look.
 */
#include "base/reader.h"
#include "evidence/evidence_layout.h"
#include "evidence/evidence_quote.h"

#define TD_ATTRIBUTE_DEBUG 0x01u

static const struct capsa_layout_bits sgx_attribute_bits = {
    0,
    {{0, "init"},
     {1, "debug"},
     {2, "mode64bit"},
     {4, "provision_key"},
     {5, "einittoken_key"},
     {7, "kss"}},
};
static const struct capsa_layout_bits td_attribute_bits = {
    0,
    {{0, "debug"}, {28, "sept_ve_disable"}, {30, "pks"}, {31, "kl"}, {63, "perfmon"}},
};

#define NONE CAPSA_LAYOUT_NOWHERE
#define FIELD(member, size, kind, bits)                                                            \
    {                                                                                              \
#member, size, CAPSA_LAYOUT_##kind, offsetof(struct capsa_sgx_report, member), 0, bits     \
    }
#define SKIP(name, size)                                                                           \
    {                                                                                              \
        name, size, CAPSA_LAYOUT_RESERVED, NONE, 0, NULL                                           \
    }
const struct capsa_layout capsa_sgx_report_layout[] = {
    FIELD(cpu_svn, 16, BYTES, NULL),
    FIELD(misc_select, 4, NUMBER, NULL),
    SKIP("reserved1", 12),
    FIELD(isv_ext_prod_id, 16, BYTES, NULL),
    FIELD(attributes, 16, BYTES, &sgx_attribute_bits),
    FIELD(mr_enclave, 32, BYTES, NULL),
    SKIP("reserved2", 32),
    FIELD(mr_signer, 32, BYTES, NULL),
    SKIP("reserved3", 32),
    FIELD(config_id, 64, BYTES, NULL),
    FIELD(isv_prod_id, 2, NUMBER, NULL),
    FIELD(isv_svn, 2, NUMBER, NULL),
    FIELD(config_svn, 2, NUMBER, NULL),
    SKIP("reserved4", 42),
    FIELD(isv_family_id, 16, BYTES, NULL),
    FIELD(report_data, 64, BYTES, NULL),
    {0},
};
#undef FIELD

#define FIELD(name, member, size, bits)                                                            \
    {                                                                                              \
        name, size, CAPSA_LAYOUT_BYTES, offsetof(struct capsa_td_report, member), 0, bits          \
    }
const struct capsa_layout capsa_td_report_layout[] = {
    FIELD("tee_tcb_svn", tee_tcb_svn, 16, NULL),
    FIELD("mr_seam", mr_seam, 48, NULL),
    FIELD("mr_signer_seam", mr_signer_seam, 48, NULL),
    FIELD("seam_attributes", seam_attributes, 8, NULL),
    FIELD("td_attributes", td_attributes, 8, &td_attribute_bits),
    FIELD("xfam", xfam, 8, NULL),
    FIELD("mr_td", mr_td, 48, NULL),
    FIELD("mr_config_id", mr_config_id, 48, NULL),
    FIELD("mr_owner", mr_owner, 48, NULL),
    FIELD("mr_owner_config", mr_owner_config, 48, NULL),
    FIELD("rtmr0", rtmr[0], 48, NULL),
    FIELD("rtmr1", rtmr[1], 48, NULL),
    FIELD("rtmr2", rtmr[2], 48, NULL),
    FIELD("rtmr3", rtmr[3], 48, NULL),
    FIELD("report_data", report_data, 64, NULL),
    {0},
};
const struct capsa_layout capsa_td15_layout[] = {
    FIELD("tee_tcb_svn2", tee_tcb_svn2, 16, NULL),
    FIELD("mr_service_td", mr_service_td, 48, NULL),
    {0},
};
#undef FIELD

CAPSA_RESULT capsa_sgx_report_parse(capsa_bytes body, struct capsa_sgx_report *ret_report)
{
    CAPSA_REQUIRE(body.len == CAPSA_SGX_REPORT_BYTES, MALFORMED,
                  "an SGX report of %zu bytes; it has 384", body.len);
    struct capsa_sgx_report report = {0};
    struct capsa_reader reader = capsa_reader_of(body);
    CAPSA_TRY_AT(capsa_layout_read(capsa_sgx_report_layout, &reader, &report), "SGX report");
    struct capsa_reader attributes = capsa_reader_of(report.attributes);
    CAPSA_TRY(capsa_read_le64(&attributes, &report.flags));
    CAPSA_TRY(capsa_read_le64(&attributes, &report.xfrm));
    *ret_report = report;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_td_report_parse(capsa_bytes body, struct capsa_td_report *ret_report)
{
    CAPSA_REQUIRE(body.len == CAPSA_TD10_REPORT_BYTES || body.len == CAPSA_TD15_REPORT_BYTES,
                  MALFORMED, "a TD report of %zu bytes; it has 584, or 648 since TD 1.5", body.len);
    struct capsa_td_report report = {0};
    struct capsa_reader reader = capsa_reader_of(body);
    CAPSA_TRY_AT(capsa_layout_read(capsa_td_report_layout, &reader, &report), "TD report");
    if (body.len == CAPSA_TD15_REPORT_BYTES) {
        CAPSA_TRY_AT(capsa_layout_read(capsa_td15_layout, &reader, &report), "TD report");
    }
    *ret_report = report;
    return CAPSA_OK;
}

/* ---- Claims ---------------------------------------------------------------------------------- */

static capsa_result sgx_claims(capsa_bytes body, struct capsa_claims *ret_claims)
{
    struct capsa_sgx_report report;
    CAPSA_TRY(capsa_sgx_report_parse(body, &report));
    *ret_claims = (struct capsa_claims){
        .platform = CAPSA_PLATFORM_SGX,
        .debug = (report.flags & CAPSA_SGX_FLAG_DEBUG) != 0,
    };
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_SGX_MR_ENCLAVE, report.mr_enclave);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_SGX_MR_SIGNER, report.mr_signer);
    capsa_claim_set_number(ret_claims, CAPSA_CLAIM_SGX_ISV_PROD_ID, report.isv_prod_id);
    capsa_claim_set_number(ret_claims, CAPSA_CLAIM_SGX_ISV_SVN, report.isv_svn);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_SGX_ATTRIBUTES, report.attributes);
    capsa_claim_set_number(ret_claims, CAPSA_CLAIM_SGX_MISC_SELECT, report.misc_select);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_SGX_CPU_SVN, report.cpu_svn);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_SGX_CONFIG_ID, report.config_id);
    capsa_claim_set_number(ret_claims, CAPSA_CLAIM_SGX_CONFIG_SVN, report.config_svn);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_SGX_ISV_EXT_PROD_ID, report.isv_ext_prod_id);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_SGX_ISV_FAMILY_ID, report.isv_family_id);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_SGX_REPORT_DATA, report.report_data);
    return CAPSA_OK;
}

static void set_td_registers(const struct capsa_td_report *report, struct capsa_claims *claims)
{
    static const enum capsa_claim rtmrs[] = {CAPSA_CLAIM_TDX_RTMR0, CAPSA_CLAIM_TDX_RTMR1,
                                             CAPSA_CLAIM_TDX_RTMR2, CAPSA_CLAIM_TDX_RTMR3};
    for (size_t i = 0; i < sizeof(rtmrs) / sizeof(rtmrs[0]); i++) {
        capsa_claim_set_bytes(claims, rtmrs[i], report->rtmr[i]);
    }
    /* Absent, and not empty, in TD 1.0. */
    capsa_claim_set_bytes(claims, CAPSA_CLAIM_TDX_TEE_TCB_SVN2, report->tee_tcb_svn2);
    capsa_claim_set_bytes(claims, CAPSA_CLAIM_TDX_MR_SERVICE_TD, report->mr_service_td);
}

static capsa_result td_claims(capsa_bytes body, struct capsa_claims *ret_claims)
{
    struct capsa_td_report report;
    CAPSA_TRY(capsa_td_report_parse(body, &report));
    *ret_claims = (struct capsa_claims){
        .platform = CAPSA_PLATFORM_TDX,
        .debug = (report.td_attributes.data[0] & TD_ATTRIBUTE_DEBUG) != 0,
    };
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_MR_TD, report.mr_td);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_MR_SEAM, report.mr_seam);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_MR_SIGNER_SEAM, report.mr_signer_seam);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_SEAM_ATTRIBUTES, report.seam_attributes);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_TD_ATTRIBUTES, report.td_attributes);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_XFAM, report.xfam);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_MR_CONFIG_ID, report.mr_config_id);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_MR_OWNER, report.mr_owner);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_MR_OWNER_CONFIG, report.mr_owner_config);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_TEE_TCB_SVN, report.tee_tcb_svn);
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_TDX_REPORT_DATA, report.report_data);
    set_td_registers(&report, ret_claims);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_quote_claims(const struct capsa_quote *quote, struct capsa_claims *ret_claims)
{
    return quote->body_kind == CAPSA_BODY_SGX ? sgx_claims(quote->body, ret_claims)
                                              : td_claims(quote->body, ret_claims);
}
