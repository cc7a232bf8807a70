/* SPDX-License-Identifier: Apache-2.0
 *
 * What the evidence of a session binds: the exporter's context and the report data made with it.
 */
#include "crypto/crypto.h"
#include "ratls/ratls_session.h"

static const char *const role_names[] = {
    [CAPSA_RATLS_SERVER] = "server",
    [CAPSA_RATLS_CLIENT] = "client",
};

/* A server always shows a certificate. */
static capsa_bytes client_spki(const struct capsa_ratls_transcript *transcript)
{
    return transcript->has_client
               ? capsa_bytes_of(transcript->client_spki, sizeof(transcript->client_spki))
               : capsa_bytes_of(NULL, 0);
}

static capsa_bytes server_spki(const struct capsa_ratls_transcript *transcript)
{
    return capsa_bytes_of(transcript->server_spki, sizeof(transcript->server_spki));
}

CAPSA_RESULT capsa_ratls_exporter_context(const struct capsa_ratls_transcript *transcript,
                                          enum capsa_ratls_role role, capsa_buf *ret_context)
{
    const capsa_bytes fields[] = {
        CAPSA_BYTES_LITERAL(CAPSA_RATLS_PURPOSE),
        capsa_bytes_str(role_names[role]),
        server_spki(transcript),
        client_spki(transcript),
    };
    const size_t before = ret_context->len;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        capsa_result written = capsa_buf_field(ret_context, fields[i]);
        if (capsa_failed(written)) {
            capsa_buf_cut(ret_context, before);
            return written;
        }
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_session_report_data(const struct capsa_ratls_transcript *transcript,
                                             enum capsa_ratls_role role,
                                             const uint8_t exported[CAPSA_RATLS_EXPORTER],
                                             uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    const capsa_bytes fields[] = {
        capsa_bytes_str(role_names[role]),
        capsa_bytes_of(exported, CAPSA_RATLS_EXPORTER),
        server_spki(transcript),
        client_spki(transcript),
    };
    return capsa_report_data_native(CAPSA_RATLS_PURPOSE, fields, sizeof(fields) / sizeof(fields[0]),
                                    ret_report_data);
}
