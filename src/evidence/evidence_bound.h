/* SPDX-License-Identifier: Apache-2.0
 *
 * What evidence binds in the key manager's two protocols (docs/explanation/PROTOCOL.md, section 9),
 * for both of their ends: the report data of a manager's certificate, and of a program's request.
 * Nobody else's bytes are ever bound. And reading the message that carries it.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "evidence/evidence.h"
#include "wire/capsule_manager.pb-c.h"

#define CAPSA_BIND_JTI  16
#define CAPSA_BIND_SPKI 32

/* That of GetRaCert: `cert` as it is answered, and the nonce as it was asked with, as text. */
CAPSA_RESULT capsa_bind_cert(bool native, capsa_bytes cert, const char *nonce,
                             uint8_t ret_report_data[CAPSA_REPORT_DATA]);

/* One request that carries evidence. Borrowed. */
struct capsa_bound_request {
    const char *method;              /* "GetDataKeys" */
    const ProtobufCMessage *message; /* resource_request, or the body of a result */
    const char *cert;                /* the original's: PEM, or NULL where the request has none */
    /* Natively, where all three are there; NULL in the original protocol. */
    const char *manager_id;
    const uint8_t *jti;  /* CAPSA_BIND_JTI bytes: so that evidence is good for one request */
    const uint8_t *spki; /* CAPSA_BIND_SPKI bytes: SHA-256 of the key that signs the request */
};
CAPSA_RESULT capsa_bind_request(const struct capsa_bound_request *request,
                                uint8_t ret_report_data[CAPSA_REPORT_DATA]);

/* capsa_ual_parse_fields of what a message carries; `what` is what errors begin with. */
CAPSA_RESULT capsa_ual_parse_message(const Cm__UnifiedAttestationReport *report, const char *what,
                                     capsa_evidence *ret_evidence,
                                     capsa_collateral *ret_collateral);
