/* SPDX-License-Identifier: Apache-2.0
 *
 * The original capsule manager protocol's half of the dispatcher: an RSA envelope without a name of
 * its key, no time and no number in the request, and an answer sealed to the signer's RSA key.
 */
#include "keymanager/keymanager_work.h"

#include <stdio.h>

#include "base/limits.h"

/* While two generations are good, nothing in the request says which one it was sealed to: the newer
 * one is tried first. At other times there is one. */
static capsa_result open_original(capsa_km_work *work, const struct capsa_jwe *jwe,
                                  capsa_buf *ret_text)
{
    CAPSA_TRY_AT(capsa_jwe_parse(jwe, &work->jwe), "message");
    const capsa_km_generations *taken = &work->taken;
    capsa_km_generations_take(work->entry->manager->envelope, work->now, &work->taken);
    capsa_result result = capsa_jwe_open(&work->jwe, taken->items[0]->rsa, ret_text);
    for (size_t i = 1; i < taken->count && capsa_code_of(result) == CAPSA_E_UNAUTHENTIC; i++) {
        result = capsa_jwe_open(&work->jwe, taken->items[i]->rsa, ret_text);
    }
    return result;
}

/* Answers are sealed to the signer, so a signer without an RSA key cannot be answered. Whoever puts
 * our own members into the header is held to them. */
static capsa_result check_original(capsa_km_work *work)
{
    const struct capsa_km_method *method = work->entry->method;
    memcpy(work->spent_id, work->jwe.replay_key, sizeof(work->spent_id));
    CAPSA_REQUIRE((method->needs & CAPSA_KM_ANSWERS) == 0 ||
                      capsa_public_key_kind(capsa_cert_key(work->signer.cert)) == CAPSA_KEY_RSA,
                  UNSUPPORTED,
                  "the answer of %s is sealed with RSA-OAEP, and the signer's key is not RSA",
                  method->name);
    if (!work->jws.has_native) {
        return CAPSA_OK;
    }
    return capsa_jws_claims_check(&work->jws,
                                  capsa_ledger_manager_id(work->entry->manager->options.ledger),
                                  method->name, work->now);
}

/* The status's text, with the decision behind it: there is no other place for that. */
#define TEXT_MAX (CAPSA_ERROR_TEXT + 64)

static capsa_result answer_original(capsa_km_work *work, capsa_result result,
                                    capsa_buf *ret_message)
{
    CAPSA_AUTO(capsa_jwe_out) sealed = {.iv = NULL};
    bool has_body = !capsa_failed(result) && work->answer.len > 0;
    if (has_body) { /* in the flavour of the request: C++ clients read no other */
        result = capsa_jwe_seal(capsa_cert_key(work->signer.cert), work->jwe.alg, CAPSA_JWE_A128GCM,
                                capsa_buf_bytes(&work->answer), &sealed);
    }
    has_body = has_body && !capsa_failed(result);
    Cm__Status status = capsa_km_status(result);
    char text[TEXT_MAX];
    if (capsa_failed(result) && *work->decision != '\0') {
        (void)snprintf(text, sizeof(text), "%s (decision %s)", status.message, work->decision);
        status.message = text;
    }
    return capsa_km_response_write(&status, has_body ? &sealed : NULL, ret_message);
}

const struct capsa_km_protocol capsa_km_original = {
    .open = open_original,
    .check = check_original,
    .answer = answer_original,
};
