/* SPDX-License-Identifier: Apache-2.0
 *
 * The protocol of the original capsule manager: a request as JSON in a signature (x5c), in an
 * envelope sealed to the manager's certificate; an answer sealed to the caller's key. Who answers
 * cannot be told from an answer.
 */
#include "base/limits.h"
#include "client/client_internal.h"
#include "envelope/envelope_jws.h"

static capsa_result check(struct capsa_client *client)
{
    return client->has_identity ? capsa_manager_cert_key_check(&client->manager, client->cert,
                                                               capsa_now(client->clock))
                                : CAPSA_OK;
}

/* Request to JSON, signed by the party. */
static capsa_result sign(const struct capsa_client *client, const capsa_client_exchange *call,
                         capsa_buf *jws)
{
    const capsa_party *party = client->options.party;
    CAPSA_AUTO(capsa_buf) payload = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY_AT(capsa_protojson_write(call->request, CAPSA_PROTOJSON_MINIMAL, &payload),
                 "the request");
    return capsa_jws_make(party->key, call->method->without_x5c ? NULL : &party->chain,
                          capsa_buf_bytes(&payload), jws);
}

static capsa_result seal(struct capsa_client *client, capsa_client_exchange *call,
                         capsa_jwe_out *ret_sealed)
{
    CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(sign(client, call, &jws));
    CAPSA_TRY_AT(capsa_jwe_seal(capsa_cert_key(client->cert), CAPSA_JWE_RSA_OAEP_256,
                                CAPSA_JWE_A128GCM, capsa_buf_bytes(&jws), ret_sealed),
                 "sealing to the manager's certificate");
    return CAPSA_OK;
}

/* The body of an answer, opened with the party's key. */
static capsa_result open_body(const struct capsa_client *client, const Cm__Jwe *jwe,
                              const ProtobufCMessageDescriptor *shape,
                              ProtobufCMessage **ret_answer)
{
    CAPSA_REQUIRE(jwe != NULL, MALFORMED, "the manager's answer has no body");
    const struct capsa_jwe form = {jwe->protected_header, jwe->encrypted_key, jwe->iv,
                                   jwe->ciphertext,       jwe->tag,           jwe->aad};
    CAPSA_AUTO(capsa_jwe_parsed) parsed = {0};
    CAPSA_TRY_AT(capsa_jwe_parse(&form, &parsed), "the manager's answer");
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY_AT(capsa_jwe_open(&parsed, client->options.party->key, &text),
                 "the manager's answer");
    CAPSA_TRY_AT(
        capsa_protojson_parse(shape, capsa_buf_bytes(&text), CAPSA_UNKNOWN_SKIPPED, ret_answer),
        "the manager's answer");
    return CAPSA_OK;
}

static capsa_result open_response(struct capsa_client *client, capsa_client_exchange *call,
                                  const Cm__EncryptedResponse *response,
                                  ProtobufCMessage **ret_answer)
{
    CAPSA_TRY(capsa_client_check_status(response->status));
    if (call->method->answer == NULL) {
        *ret_answer = NULL;
        return CAPSA_OK;
    }
    return open_body(client, response->message, call->method->answer, ret_answer);
}

const struct capsa_client_protocol capsa_client_original = {
    .service = "/secretflowapis.v2.sdc.capsule_manager.CapsuleManager/",
    .check = check,
    .seal = seal,
    .open = open_response,
};
