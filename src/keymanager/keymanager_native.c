/* SPDX-License-Identifier: Apache-2.0
 *
 * The native protocol's half of the dispatcher (docs/explanation/PROTOCOL.md, sections 3 to 5): an
 * envelope that names its key, a signature that says for whom, for what and when, and an answer
 * that only who opened the request can have made.
 */
#include "keymanager/keymanager_work.h"

#include "base/limits.h"

static capsa_result open_native(capsa_km_work *work, const struct capsa_jwe *jwe,
                                capsa_buf *ret_text)
{
    CAPSA_TRY_AT(capsa_native_parse(jwe, &work->native), "message");
    capsa_km_generations_take(work->entry->manager->envelope, work->now, &work->taken);
    const struct capsa_private_key *key = capsa_km_generations_find(&work->taken, work->native.kid);
    CAPSA_REQUIRE(key != NULL, UNAUTHENTIC,
                  "kid: no key of this manager, or not any more; ask for its certificate again");
    CAPSA_TRY(capsa_native_open(&work->native, key, ret_text, &work->channel));
    work->is_open = true;
    return CAPSA_OK;
}

static capsa_result check_native(capsa_km_work *work)
{
    CAPSA_TRY(capsa_jws_claims_check(&work->jws,
                                     capsa_ledger_manager_id(work->entry->manager->options.ledger),
                                     work->entry->method->name, work->now));
    const capsa_bytes parts[] = {
        CAPSA_BYTES_LITERAL("capsa jti"),
        capsa_bytes_str(work->signer.spki),
        capsa_bytes_of(work->jws.jti, sizeof(work->jws.jti)),
    };
    capsa_sha256_parts(parts, 3, work->spent_id);
    return CAPSA_OK;
}

/* ---- answering ------------------------------------------------------------------------------- */

/* The proof's hashes, one by one; `list` has room for them. */
static void split_hashes(const capsa_buf *hashes, ProtobufCBinaryData *list,
                         Native__InclusionProof *ret_proof)
{
    ret_proof->n_hashes = hashes->len / CAPSA_TREE_HASH;
    for (size_t i = 0; i < ret_proof->n_hashes; i++) {
        list[i] = (ProtobufCBinaryData){CAPSA_TREE_HASH, hashes->data + i * CAPSA_TREE_HASH};
    }
    ret_proof->hashes = list;
}

static capsa_result checkpoint_text(capsa_km_work *work, capsa_buf *note, const char **ret_text)
{
    if (work->is_recorded) {
        CAPSA_TRY(capsa_buf_append(note, capsa_buf_bytes(&work->receipt.note)));
    } else {
        CAPSA_TRY(capsa_audit_log_checkpoint(work->entry->manager->log, note));
    }
    return capsa_buf_cstr(note, ret_text);
}

static capsa_result write_answer(capsa_km_work *work, capsa_result outcome, capsa_buf *ret_json)
{
    Cm__Status status = capsa_km_status(outcome);
    Native__InclusionProof proof = NATIVE__INCLUSION_PROOF__INIT;
    ProtobufCBinaryData hashes[CAPSA_TREE_PATH_MAX];
    Native__Answer answer = NATIVE__ANSWER__INIT;
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(4));
    const char *text;
    answer.status = &status;
    answer.decision_id = work->decision;
    CAPSA_TRY(checkpoint_text(work, &note, &text));
    answer.checkpoint = capsa_km_field(text);
    if (work->is_recorded) {
        answer.leaf = (ProtobufCBinaryData){CAPSA_AUDIT_LEAF, work->receipt.leaf};
        proof.index = (int64_t)work->receipt.index;
        CAPSA_REQUIRE(work->receipt.proof.len <=
                          sizeof(hashes) / sizeof(hashes[0]) * CAPSA_TREE_HASH,
                      INTERNAL, "a proof longer than any");
        split_hashes(&work->receipt.proof, hashes, &proof);
        answer.proof = &proof;
    }
    if (!capsa_failed(outcome) && work->answer.len > 0) {
        CAPSA_TRY(capsa_buf_cstr(&work->answer, &text));
        answer.body = capsa_km_field(text);
    }
    return capsa_protojson_write(&answer.base, CAPSA_PROTOJSON_MINIMAL, ret_json);
}

static capsa_result seal_answer(capsa_km_work *work, capsa_result outcome, capsa_buf *ret_message)
{
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    CAPSA_AUTO(capsa_jwe_out) sealed = {.iv = NULL};
    CAPSA_TRY(write_answer(work, outcome, &json));
    CAPSA_TRY(capsa_native_answer_seal(&work->channel, capsa_buf_bytes(&json), &sealed));
    return capsa_km_response_write(NULL, &sealed, ret_message);
}

static capsa_result answer_native(capsa_km_work *work, capsa_result result, capsa_buf *ret_message)
{
    if (work->is_open) {
        return seal_answer(work, result, ret_message);
    }
    const Cm__Status status = capsa_km_status(result);
    return capsa_km_response_write(&status, NULL, ret_message);
}

const struct capsa_km_protocol capsa_km_native = {
    .open = open_native,
    .check = check_native,
    .answer = answer_native,
};
