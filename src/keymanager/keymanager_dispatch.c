/* SPDX-License-Identifier: Apache-2.0
 *
 * From the bytes of a call to its handler and back: open the envelope, check the signature that the
 * method's table entry wants, read the request, run the handler, commit with its entries in the
 * audit log, answer. What differs between the two protocols is in keymanager_original.c and
 * keymanager_native.c. Every failure becomes an in-band status; gRPC itself says OK.
 */
#include "keymanager/keymanager_work.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/text.h"
#include "keymanager/keymanager_spent.h"

/* So that the answer sealed, which is base64, fits one message with its certificate and status. */
#define ANSWER_MAX ((CAPSA_LIMIT_grpc_message - KIB(64)) / 4 * 3)
#define ATTEMPTS   64 /* when others change what a handler reads; each time somebody got ahead */

static void capsa_km_work_drop(capsa_km_work *work)
{
    capsa_jwe_parsed_drop(&work->jwe);
    capsa_native_parsed_drop(&work->native);
    capsa_native_channel_drop(&work->channel);
    capsa_km_generations_drop(&work->taken);
    capsa_jws_drop(&work->jws);
    capsa_chain_drop(&work->body_chain);
    capsa_message_free(work->request);
    capsa_buf_drop(&work->answer);
    capsa_km_notes_drop(&work->notes);
    capsa_dealloc(work->about);
    capsa_audit_receipt_drop(&work->receipt);
}

/* ---- opening --------------------------------------------------------------------------------- */

static capsa_result open_envelope(capsa_km_work *work, capsa_buf *ret_text, bool *ret_has_signature)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&cm__encrypted_request__descriptor, work->rpc->request,
                                   CAPSA_UNKNOWN_SKIPPED, &message));
    const Cm__EncryptedRequest *outer = (const Cm__EncryptedRequest *)message;
    CAPSA_REQUIRE(outer->message != NULL, MALFORMED, "message: missing");
    const struct capsa_jwe jwe = {
        outer->message->protected_header, outer->message->encrypted_key, outer->message->iv,
        outer->message->ciphertext,       outer->message->tag,           outer->message->aad};
    *ret_has_signature = outer->has_signature;
    return work->protocol->open(work, &jwe, ret_text);
}

static capsa_result parse_request(capsa_km_work *work)
{
    CAPSA_TRY(capsa_protojson_parse(work->entry->method->shape, capsa_buf_bytes(&work->jws.payload),
                                    CAPSA_UNKNOWN_REFUSED, &work->request));
    return CAPSA_OK;
}

static capsa_result identify(capsa_km_work *work, const struct capsa_cert *cert)
{
    uint8_t digest[CAPSA_SHA256];
    CAPSA_TRY(capsa_cert_spki_digest(cert, digest));
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(CAPSA_KM_SPKI);
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(digest, sizeof(digest)), &hex));
    memcpy(work->signer.spki, hex.data, hex.len);
    work->signer.spki[hex.len] = '\0';
    work->signer.cert = cert;
    return CAPSA_OK;
}

/* The signature holds: is the request meant for us, and new? From here on it is spent. What was
 * sealed to keys that are gone by now, because this thread was held up, may be forgotten and seem
 * new. */
static capsa_result spend(capsa_km_work *work)
{
    CAPSA_TRY(work->protocol->check(work));
    CAPSA_TRY(capsa_km_spent_take(work->entry->manager->spent, work->spent_id));
    work->is_spent = true;
    CAPSA_REQUIRE(capsa_km_generations_are_good(&work->taken), UNAUTHENTIC,
                  "kid: the manager has other keys by now; ask for its certificate again");
    capsa_km_generations_drop(&work->taken);
    return CAPSA_OK;
}

/* Nothing of the payload is read before its signature holds; but RegisterCert's chain is in it. */
static capsa_result check_signer(capsa_km_work *work)
{
    if ((work->entry->method->needs & CAPSA_KM_SIGNED_BODY) != 0) {
        CAPSA_TRY(parse_request(work));
        CAPSA_TRY(capsa_km_register_cert_check(&work->jws,
                                               (const Cm__RegisterCertRequest *)work->request,
                                               work->now, &work->body_chain, work->signer.party));
        CAPSA_TRY(identify(work, work->body_chain.certs[0]));
        return spend(work);
    }
    CAPSA_REQUIRE(work->jws.has_x5c, UNAUTHENTIC,
                  "no x5c: a request carries the certificates of its signer");
    CAPSA_TRY(capsa_jws_check_x5c(&work->jws, work->now, work->signer.party));
    CAPSA_TRY(identify(work, work->jws.x5c.certs[0]));
    CAPSA_TRY(spend(work));
    return parse_request(work);
}

static capsa_result open_request(capsa_km_work *work)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    bool has_signature;
    CAPSA_TRY(open_envelope(work, &text, &has_signature));
    CAPSA_REQUIRE(has_signature, MALFORMED, "has_signature: %s must be signed",
                  work->entry->method->name);
    CAPSA_TRY(
        capsa_jws_parse_cached(capsa_buf_bytes(&text), work->entry->manager->certs, &work->jws));
    return check_signer(work);
}

/* ---- doing ----------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_km_still_wanted(const struct capsa_km_call *call)
{
    CAPSA_REQUIRE(!capsa_rpc_cancelled(call->rpc), CANCELLED, "nobody waits for the answer");
    return CAPSA_OK;
}

static void begin_anew(capsa_km_work *work)
{
    capsa_buf_clear(&work->answer);
    capsa_km_notes_drop(&work->notes);
    capsa_audit_receipt_drop(&work->receipt);
    capsa_dealloc(work->about);
    work->about = NULL;
}

/* What the handler says the refusal is about lives in its own memory. */
static capsa_result keep_about(capsa_km_work *work, const struct capsa_km_call *call,
                               capsa_result result)
{
    if (capsa_failed(result) && call->about != NULL) {
        work->about = capsa_strdup(call->about); /* without it denials are told apart less well */
    }
    return result;
}

static capsa_result handle_once(capsa_km_work *work)
{
    struct capsa_keymanager *manager = work->entry->manager;
    CAPSA_AUTO_FREE(capsa_km_txn) txn = NULL;
    CAPSA_TRY(capsa_km_txn_new(manager->store, &txn));
    begin_anew(work);
    struct capsa_km_call call = {
        .manager = manager,
        .method = work->entry->method,
        .rpc = work->rpc,
        .now = work->now,
        .request = work->request,
        .signer = work->signer,
        .txn = txn,
        .answer = &work->answer,
        .native = work->entry->native,
        .jti = work->entry->native ? work->jws.jti : NULL,
        .has_version = work->jws.has_version,
        .version = work->jws.version,
        .notes = &work->notes,
    };
    capsa_result handled = work->entry->method->handle(&call);
    if (capsa_code_of(handled) == CAPSA_E_TAMPERED) {
        CAPSA_TRY(capsa_km_txn_still_holds(txn)); /* or it was two moments of the store */
    }
    CAPSA_TRY(keep_about(work, &call, handled));
    CAPSA_TRY(capsa_km_still_wanted(&call));
    if (work->entry->method->audit != 0) {
        CAPSA_TRY(capsa_km_entries_add(work, capsa_km_txn_batch(txn)));
    }
    CAPSA_TRY(capsa_km_txn_commit(txn, manager->writer));
    work->is_recorded = work->entry->method->audit != 0;
    return CAPSA_OK;
}

/* A condition that nobody looks at is none. */
static capsa_result check_version(const capsa_km_work *work)
{
    unsigned changes = work->entry->method->audit;
    CAPSA_REQUIRE(!work->jws.has_version ||
                      (changes >= CAPSA_AUDIT_POLICY_PUT && changes <= CAPSA_AUDIT_RULE_DELETE),
                  MALFORMED, "version: %s changes no policy, and has no version to expect",
                  work->entry->method->name);
    return CAPSA_OK;
}

static capsa_result handle(capsa_km_work *work)
{
    CAPSA_TRY(check_version(work));
    capsa_result result = CAPSA_OK;
    for (int i = 0; i < ATTEMPTS; i++) {
        result = handle_once(work);
        if (capsa_code_of(result) != CAPSA_E_CONFLICT || work->jws.has_version) {
            break;
        }
    }
    return result;
}

/* A request that came to nothing because of the machine may be sent again as it is. One whose entry
 * is in the log did not come to nothing: a commit that the anchor does not follow fails, and
 * stands. */
static bool may_come_again(const capsa_km_work *work, capsa_result result)
{
    enum capsa_code code = capsa_code_of(result);
    bool is_logged = work->receipt.size > 0;
    return !is_logged && (code == CAPSA_E_NOMEM || code == CAPSA_E_INTERNAL || code <= CAPSA_E_IO);
}

static capsa_result do_request(capsa_km_work *work)
{
    if (work->entry->method->audit != 0) {
        CAPSA_TRY(capsa_ledger_now(work->entry->manager->options.ledger, &work->now));
    }
    capsa_result result = handle(work);
    return capsa_km_is_denial(result) ? capsa_km_denial_record(work, result) : result;
}

/* ---- answering ------------------------------------------------------------------------------- */

capsa_result capsa_km_for_peer(capsa_result result)
{
    switch (capsa_code_of(result)) {
    case CAPSA_E_STORE:
    case CAPSA_E_IO:
    case CAPSA_E_TAMPERED:
    case CAPSA_E_INTERNAL:
        return capsa_error_make(capsa_code_of(result), __FILE__, __LINE__,
                                "the manager cannot do this now; its log says why");
    default:
        return result;
    }
}

Cm__Status capsa_km_status(capsa_result result)
{
    Cm__Status status = CM__STATUS__INIT;
    status.code = capsa_code_status(capsa_code_of(result));
    status.message = capsa_km_field(capsa_text_of(result));
    return status;
}

CAPSA_RESULT capsa_km_response_write(const Cm__Status *status, const capsa_jwe_out *sealed,
                                     capsa_buf *ret_message)
{
    Cm__Status head = CM__STATUS__INIT;
    Cm__Jwe jwe = CM__JWE__INIT;
    Cm__EncryptedResponse response = CM__ENCRYPTED_RESPONSE__INIT;
    if (status != NULL) {
        head = *status;
        response.status = &head;
    }
    if (sealed != NULL) {
        jwe.protected_header = sealed->protected_header;
        jwe.encrypted_key = sealed->encrypted_key;
        jwe.iv = sealed->iv;
        jwe.ciphertext = sealed->ciphertext;
        jwe.tag = sealed->tag;
        jwe.aad = sealed->aad;
        response.message = &jwe;
    }
    return capsa_protobuf_write(&response.base, ret_message);
}

static capsa_result run(capsa_km_work *work)
{
    capsa_result result = open_request(work);
    result = capsa_failed(result) ? result : do_request(work);
    if (work->is_spent && capsa_failed(result) && may_come_again(work, result)) {
        capsa_km_spent_return(work->entry->manager->spent, work->spent_id);
    }
    return result;
}

CAPSA_RESULT capsa_km_dispatch_enveloped(void *context, const struct capsa_rpc_call *rpc,
                                         capsa_buf *ret_message)
{
    int64_t started_us = capsa_monotonic_us();
    struct capsa_km_entry *entry = context;
    CAPSA_AUTO(capsa_km_work) work = {.entry = entry, .rpc = rpc};
    work.protocol = entry->native ? &capsa_km_native : &capsa_km_original;
    work.now = capsa_now(entry->manager->options.clock);
    work.answer = capsa_buf_of(ANSWER_MAX);
    capsa_result result = run(&work);
    capsa_km_answered(entry, rpc, started_us, work.signer.party, result);
    return work.protocol->answer(&work, capsa_km_for_peer(result), ret_message);
}
