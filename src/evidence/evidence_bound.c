/* SPDX-License-Identifier: Apache-2.0
 *
 * Report data of the key manager's protocols (evidence_bound.h).
 */
#include "evidence/evidence_bound.h"

#include "base/limits.h"
#include "codec/protobuf.h"

CAPSA_RESULT capsa_bind_cert(bool native, capsa_bytes cert, const char *nonce,
                             uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    const capsa_bytes parts[] = {cert, capsa_bytes_str(nonce)};
    return native ? capsa_report_data_native("manager certificate", parts, 2, ret_report_data)
                  : capsa_report_data_original(parts, 2, ret_report_data);
}

CAPSA_RESULT capsa_bind_request(const struct capsa_bound_request *request,
                                uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    CAPSA_AUTO(capsa_buf) canonical = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    /* fields ascending, defaults left out: whoever reads the message comes to the same bytes */
    CAPSA_TRY(capsa_protobuf_write(request->message, &canonical));
    if (request->manager_id != NULL) {
        const capsa_bytes fields[] = {
            capsa_bytes_str(request->manager_id),
            capsa_bytes_of(request->jti, CAPSA_BIND_JTI),
            capsa_bytes_of(request->spki, CAPSA_BIND_SPKI),
            capsa_buf_bytes(&canonical),
        };
        return capsa_report_data_native(request->method, fields, 4, ret_report_data);
    }
    const capsa_bytes parts[] = {capsa_bytes_str(request->cert), capsa_buf_bytes(&canonical)};
    bool has_cert = request->cert != NULL;
    return capsa_report_data_original(has_cert ? parts : &parts[1], has_cert ? 2 : 1,
                                      ret_report_data);
}

CAPSA_RESULT capsa_ual_parse_message(const Cm__UnifiedAttestationReport *report, const char *what,
                                     capsa_evidence *ret_evidence, capsa_collateral *ret_collateral)
{
    const struct capsa_ual_fields fields = {
        .version = report->str_report_version,
        .type = report->str_report_type,
        .platform = report->str_tee_platform,
        .json_report = report->json_report,
    };
    enum capsa_report_type type;
    CAPSA_TRY_AT(capsa_ual_parse_fields(&fields, ret_evidence, ret_collateral, &type), "%s", what);
    return CAPSA_OK;
}
