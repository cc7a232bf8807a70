/* SPDX-License-Identifier: Apache-2.0
 *
 * One enveloped call in the works, and what differs between the two protocols: how a request is
 * opened, what beside its signature is asked of it, and how it is answered. For the dispatcher's
 * files alone.
 */
#pragma once

#include "envelope/envelope_jwe.h"
#include "envelope/envelope_jws.h"
#include "envelope/envelope_native.h"
#include "keymanager/keymanager_call.h"
#include "keymanager/keymanager_envelope.h"

struct capsa_km_protocol;

/* Everything that must outlive the handler. */
typedef struct capsa_km_work {
    struct capsa_km_entry *entry;
    const struct capsa_rpc_call *rpc;
    const struct capsa_km_protocol *protocol;
    capsa_time now;
    capsa_jwe_parsed jwe; /* original */
    capsa_native_parsed native;
    capsa_native_channel channel;
    capsa_km_generations taken; /* one of which has opened it; until it is spent */
    bool is_open;               /* native: the channel is there, so the answer is sealed */
    capsa_jws jws;
    capsa_chain body_chain; /* RegisterCert's */
    ProtobufCMessage *request;
    struct capsa_km_signer signer;
    uint8_t spent_id[CAPSA_SHA256];
    bool is_spent;
    capsa_buf answer;
    capsa_km_notes notes;
    char *about; /* of a refusal: the resource */
    capsa_audit_receipt receipt;
    bool is_recorded; /* the receipt is one */
    char decision[CAPSA_AUDIT_ID_TEXT];
} capsa_km_work;

struct capsa_km_protocol {
    /* The envelope's text appended to `ret_text`. Fills in `taken`. */
    CAPSA_RESULT (*open)(capsa_km_work *work, const struct capsa_jwe *jwe, capsa_buf *ret_text);
    /* The signature holds: is the request meant for this manager, method and time? Fills in
     * spent_id. */
    CAPSA_RESULT (*check)(capsa_km_work *work);
    /* The outcome as an EncryptedResponse. */
    CAPSA_RESULT (*answer)(capsa_km_work *work, capsa_result result, capsa_buf *ret_message);
};
extern const struct capsa_km_protocol capsa_km_original;
extern const struct capsa_km_protocol capsa_km_native;

/* An EncryptedResponse; either may be NULL. */
CAPSA_RESULT capsa_km_response_write(const Cm__Status *status, const capsa_jwe_out *sealed,
                                     capsa_buf *ret_message);

/* keymanager_entries.c: the call's notes as entries of the log in `batch`. */
CAPSA_RESULT capsa_km_entries_add(capsa_km_work *work, struct capsa_batch *batch);
/* Give a refusal its entry, or the one that speaks for it: the refusal, or why it cannot be
 * recorded. */
capsa_result capsa_km_denial_record(capsa_km_work *work, capsa_result refused);
/* Is it a refusal, to be recorded, and no fault of form or of the machine? */
bool capsa_km_is_denial(capsa_result result);
