/* SPDX-License-Identifier: Apache-2.0
 *
 * Which interface of a platform is used, and what is asked of what it gives (attester_interface.h).
 */
#include "attester/attester_interface.h"

#include "base/limits.h"
#include "evidence/evidence_snp.h"

static const struct capsa_interface *find(const struct capsa_interfaces *interfaces,
                                          const struct capsa_attester_options *options)
{
    for (size_t i = 0; interfaces->list[i] != NULL; i++) {
        if (interfaces->list[i]->present(options)) {
            return interfaces->list[i];
        }
    }
    return NULL;
}

bool capsa_interfaces_present(const struct capsa_attester *attester,
                              const struct capsa_attester_options *options)
{
    return find(attester->interfaces, options) != NULL;
}

/* ---- What was given -------------------------------------------------------------------------- */

static capsa_result check_binding(const capsa_evidence *evidence,
                                  const uint8_t report_data[CAPSA_REPORT_DATA])
{
    struct capsa_claims claims;
    CAPSA_TRY(
        capsa_evidence_claims(evidence->platform, capsa_buf_bytes(&evidence->bytes), &claims));
    CAPSA_REQUIRE(capsa_bytes_equal(capsa_claims_report_data(&claims),
                                    capsa_bytes_of(report_data, CAPSA_REPORT_DATA)),
                  EVIDENCE,
                  "the evidence binds other report data than was asked for: another writer got "
                  "between, or the interface is not what it says");
    return CAPSA_OK;
}

static capsa_result take(enum capsa_platform platform, capsa_bytes raw,
                         const uint8_t report_data[CAPSA_REPORT_DATA], capsa_evidence *ret_evidence)
{
    CAPSA_TRY(capsa_evidence_of_bytes(raw, ret_evidence));
    CAPSA_REQUIRE(ret_evidence->platform == platform, EVIDENCE,
                  "it gave evidence of %s, and %s was asked for",
                  capsa_platform_what(ret_evidence->platform), capsa_platform_what(platform));
    return check_binding(ret_evidence, report_data);
}

/* The table beside an SNP report. A host that has no certificates gives an empty one. */
static capsa_result take_certs(capsa_bytes table, capsa_collateral *ret_collateral)
{
    struct capsa_snp_certs certs;
    CAPSA_TRY(capsa_snp_certs_parse(table, &certs));
    bool any = certs.vcek.len + certs.vlek.len + certs.ask.len + certs.ark.len + certs.crl.len > 0;
    return any ? capsa_collateral_add(ret_collateral, "certificates", table) : CAPSA_OK;
}

CAPSA_RESULT capsa_interfaces_collect(const struct capsa_attester *attester,
                                      const struct capsa_attester_options *options,
                                      const uint8_t report_data[CAPSA_REPORT_DATA],
                                      capsa_buf *ret_evidence, capsa_collateral *ret_collateral)
{
    const char *platform = capsa_platform_what(attester->platform);
    const struct capsa_interface *interface = find(attester->interfaces, options);
    CAPSA_REQUIRE(interface != NULL, UNSUPPORTED,
                  "this machine cannot make evidence of %s: there is none of %s", platform,
                  attester->interfaces->wanted);
    CAPSA_AUTO(capsa_buf) raw = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_AUTO(capsa_buf) certs = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_TRY_AT(interface->collect(options, report_data, &raw, &certs), "%s, %s", platform,
                 interface->name);
    CAPSA_TRY_AT(take(attester->platform, capsa_buf_bytes(&raw), report_data, &evidence), "%s, %s",
                 platform, interface->name);
    const size_t before = ret_evidence->len;
    CAPSA_TRY(capsa_buf_append(ret_evidence, capsa_buf_bytes(&evidence.bytes)));
    capsa_result taken = take_certs(capsa_buf_bytes(&certs), ret_collateral);
    if (capsa_failed(taken)) {
        capsa_buf_cut(ret_evidence, before);
        return capsa_error_within(taken, "%s, %s", platform, interface->name);
    }
    return CAPSA_OK;
}
