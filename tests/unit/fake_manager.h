/* SPDX-License-Identifier: Apache-2.0
 *
 * A manager of the native protocol in a test's own memory: a genesis, keys, a log that grows, and
 * answers to whatever a client sends through its transport. It keeps to PROTOCOL.md, except where a
 * test tells it to lie. It grants every request that asks for keys, unless it is told to deny.
 */
#pragma once

#include "fake_manager_self.h"

/* ---- plain methods --------------------------------------------------------------------------- */

static inline capsa_result fake_ra_cert(struct fake_manager *fake, capsa_buf *ret_answer)
{
    fake->ra_certs++;
    Cm__Status status = CM__STATUS__INIT;
    Cm__GetRaCertResponse response = CM__GET_RA_CERT_RESPONSE__INIT;
    response.status = &status;
    response.cert = fake->cert;
    return capsa_protobuf_write(&response.base, ret_answer);
}

static inline capsa_result fake_consistency(struct fake_manager *fake, capsa_bytes request,
                                            capsa_buf *ret_answer)
{
    fake->consistencies++;
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&native__consistency_request__descriptor, request,
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Native__ConsistencyRequest *asked =
        (const Native__ConsistencyRequest *)(const void *)message;
    Cm__Status status = CM__STATUS__INIT;
    Native__ConsistencyResponse response = NATIVE__CONSISTENCY_RESPONSE__INIT;
    response.status = &status;
    struct fake_hashes hashes = {.count = 0};
    if (fake->lie == FAKE_CONSISTENCY_REFUSED || asked->second > (int64_t)fake->count) {
        status.code = 3;
    } else {
        fake_prove_growth(fake, (size_t)asked->first, (size_t)asked->second, &hashes);
    }
    response.hashes = hashes.list;
    response.n_hashes =
        hashes.count + (fake->lie == FAKE_CONSISTENCY_LONG) - (fake->lie == FAKE_CONSISTENCY_SHORT);
    hashes.bytes[0][0] ^= fake->lie == FAKE_CONSISTENCY_CHANGED;
    return capsa_protobuf_write(&response.base, ret_answer);
}

static inline capsa_result fake_audit_log(struct fake_manager *fake, capsa_bytes request,
                                          capsa_buf *ret_answer)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&native__audit_log_request__descriptor, request,
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Native__AuditLogRequest *asked = (const Native__AuditLogRequest *)(const void *)message;
    Cm__Status status = CM__STATUS__INIT;
    Native__AuditLogResponse response = NATIVE__AUDIT_LOG_RESPONSE__INIT;
    ProtobufCBinaryData leaves[FAKE_MAX];
    response.leaves = leaves;
    size_t page = fake->page == 0 ? FAKE_MAX : fake->page;
    for (size_t i = (size_t)asked->start; i < fake->count && response.n_leaves < page; i++) {
        leaves[response.n_leaves++] = fake_data(fake->entries[i].leaf, CAPSA_AUDIT_LEAF);
    }
    if (fake->lie == FAKE_LEAVES_NONE) {
        response.n_leaves = 0;
    }
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(2));
    fake_note(fake, fake_size(fake), &note);
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&note, &text));
    response.status = &status;
    response.checkpoint = (char *)note.data;
    return capsa_protobuf_write(&response.base, ret_answer);
}

/* ---- enveloped methods ----------------------------------------------------------------------- */

/* One enveloped call as the fake has opened it. */
struct fake_call {
    capsa_native_channel channel;
    capsa_jws jws;
};

static inline capsa_result fake_open(struct fake_manager *fake, const Cm__Jwe *jwe,
                                     struct fake_call *call, bool *ret_known)
{
    const struct capsa_jwe form = {jwe->protected_header, jwe->encrypted_key, jwe->iv,
                                   jwe->ciphertext,       jwe->tag,           jwe->aad};
    CAPSA_AUTO(capsa_native_parsed) parsed = {.kind = CAPSA_KEY_OTHER};
    CAPSA_TRY(capsa_native_parse(&form, &parsed));
    CAPSA_AUTO_FREE(capsa_public_key) public = NULL;
    CAPSA_TRY(capsa_public_key_of(fake->native, &public));
    char kid[CAPSA_KID];
    capsa_public_key_kid(public, kid);
    memcpy(fake->last_kid, parsed.kid, sizeof(fake->last_kid));
    *ret_known = capsa_streq(kid, parsed.kid) && fake->lie != FAKE_KID_UNKNOWN_FOR_EVER;
    if (!*ret_known) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    CAPSA_TRY(capsa_native_open(&parsed, fake->native, &text, &call->channel));
    return capsa_jws_parse(capsa_buf_bytes(&text), &call->jws);
}

static inline void fake_check(struct fake_manager *fake, const char *method,
                              const struct fake_call *call)
{
    char party[CAPSA_PARTY_ID];
    assert_ok(capsa_jws_check_x5c(&call->jws, FAKE_NOW, party));
    assert_ok(capsa_jws_claims_check(&call->jws, fake->id, method, FAKE_NOW));
    memcpy(fake->jti_before, fake->last_jti, sizeof(fake->jti_before));
    memcpy(fake->last_jti, call->jws.jti, sizeof(fake->last_jti));
    fake->last_version = call->jws.has_version ? call->jws.version : -1;
    (void)snprintf(fake->last_method, sizeof(fake->last_method), "%s", method);
    size_t len = call->jws.payload.len;
    assert_true(len < sizeof(fake->last_payload));
    memcpy(fake->last_payload, call->jws.payload.data, len);
    fake->last_payload[len] = '\0';
}

/* What an answer points at. */
struct fake_answer {
    Native__Answer message;
    Native__InclusionProof proof;
    Cm__Status status;
    struct fake_hashes hashes;
    uint8_t leaf[CAPSA_AUDIT_LEAF];
    char id[CAPSA_AUDIT_ID_TEXT];
    capsa_buf note;
    capsa_buf body;
};

static inline void fake_answer_drop(struct fake_answer *answer)
{
    capsa_buf_drop(&answer->note);
    capsa_buf_drop(&answer->body);
}
typedef struct fake_answer fake_answer;

/* The record of the call: the newest entry. */
static inline void fake_put_leaf(const struct fake_manager *fake, struct fake_answer *answer)
{
    bool before = fake->lie == FAKE_LEAF_OF_BEFORE;
    size_t index = fake->count - 1 - before;
    memcpy(answer->leaf, fake->entries[index].leaf, sizeof(answer->leaf));
    struct capsa_audit_leaf leaf;
    assert_ok(capsa_audit_leaf_parse(capsa_bytes_of(answer->leaf, sizeof(answer->leaf)), &leaf));
    leaf.decision_id[0] ^= fake->lie == FAKE_LEAF_OF_ANOTHER_DECISION;
    capsa_audit_id_text(leaf.decision_id, answer->id);
    fake_prove(fake, index, fake->count, &answer->hashes);
    answer->proof.index = (int64_t)index;
    answer->proof.hashes = answer->hashes.list;
    answer->proof.n_hashes = answer->hashes.count;
    answer->message.leaf = fake_data(answer->leaf, sizeof(answer->leaf));
    answer->message.proof = &answer->proof;
    answer->message.decision_id = answer->id;
}

static inline void fake_lie_about_leaf(const struct fake_manager *fake, struct fake_answer *answer)
{
    answer->leaf[20] ^= fake->lie == FAKE_LEAF_CHANGED;
    answer->hashes.bytes[0][0] ^= fake->lie == FAKE_PROOF_CHANGED;
    answer->proof.n_hashes += fake->lie == FAKE_PROOF_LONG;
    answer->proof.n_hashes -= fake->lie == FAKE_PROOF_SHORT;
    answer->hashes.list[0].len -= fake->lie == FAKE_PROOF_HASH_SHORT;
    if (fake->lie == FAKE_PROOF_INDEX_NEGATIVE) {
        answer->proof.index = -1;
    }
    if (fake->lie == FAKE_PROOF_INDEX_OUTSIDE) {
        answer->proof.index = (int64_t)fake->count;
    }
    if (fake->lie == FAKE_NO_PROOF) {
        answer->message.proof = NULL;
    }
    if (fake->lie == FAKE_NO_LEAF) {
        answer->message.leaf = fake_data(NULL, 0);
        answer->message.proof = NULL;
    }
}

static inline void fake_release(struct fake_manager *fake, struct fake_answer *answer)
{
    bool other = fake->lie == FAKE_LEAF_OF_ANOTHER_KIND;
    fake_add(fake,
             fake->denies ? CAPSA_AUDIT_DENIAL
             : other      ? CAPSA_AUDIT_KEY_CREATE
                          : CAPSA_AUDIT_KEY_RELEASE,
             "OWNER", "{\"op_name\":\"join\"}");
    fake_put_leaf(fake, answer);
    fake_lie_about_leaf(fake, answer);
    if (fake->denies) {
        static char why[] = "not granted";
        answer->status.code = 7;
        answer->status.message = why;
        return;
    }
    assert_ok(capsa_buf_str(&answer->body,
                            fake->lie == FAKE_NO_BODY
                                ? ""
                                : "{\"data_keys\":[{\"resource_uri\":\"u\",\"data_key_b64\":"
                                  "\"a2V5\"}]}"));
}

/* ---- lists ----------------------------------------------------------------------------------- */

struct fake_listed {
    Native__ListAuditResponse__Entry entry;
    Native__InclusionProof proof;
    struct fake_hashes hashes;
    struct fake_entry copy;
};

static inline void fake_list_one(const struct fake_manager *fake, size_t index,
                                 struct fake_listed *listed)
{
    listed->copy = fake->entries[index];
    fake_prove(fake, index, fake->count, &listed->hashes);
    listed->proof = (Native__InclusionProof)NATIVE__INCLUSION_PROOF__INIT;
    listed->proof.index = (int64_t)index;
    listed->proof.hashes = listed->hashes.list;
    listed->proof.n_hashes = listed->hashes.count;
    listed->copy.details[2] ^= fake->lie == FAKE_DETAILS_CHANGED;
    listed->copy.salt[0] ^= fake->lie == FAKE_SALT_CHANGED;
    listed->entry = (Native__ListAuditResponse__Entry)NATIVE__LIST_AUDIT_RESPONSE__ENTRY__INIT;
    listed->entry.leaf = fake_data(listed->copy.leaf, CAPSA_AUDIT_LEAF);
    listed->entry.proof = &listed->proof;
    listed->entry.salt =
        fake_data(listed->copy.salt, CAPSA_AUDIT_SALT - (fake->lie == FAKE_SALT_SHORT));
    listed->entry.details = listed->copy.details;
}

static inline bool fake_is_wanted(const struct fake_manager *fake, size_t index,
                                  const Native__ListAuditRequest *asked)
{
    struct capsa_audit_leaf leaf;
    char id[CAPSA_AUDIT_ID_TEXT];
    assert_ok(
        capsa_audit_leaf_parse(capsa_bytes_of(fake->entries[index].leaf, CAPSA_AUDIT_LEAF), &leaf));
    capsa_audit_id_text(leaf.decision_id, id);
    bool own = capsa_streq(fake->entries[index].owner, asked->party_id) ||
               fake->lie == FAKE_ENTRY_OF_ANOTHER_OWNER;
    return own && (*asked->decision_id == '\0' || capsa_streq(asked->decision_id, id) ||
                   fake->lie == FAKE_ENTRY_OF_ANOTHER_DECISION);
}

static inline int64_t fake_next(const struct fake_manager *fake, int64_t from, size_t end)
{
    return fake->lie == FAKE_NEXT_STAYS      ? from
           : fake->lie == FAKE_NEXT_GROWS    ? from + 1
           : fake->lie == FAKE_NEXT_NEGATIVE ? -1
                                             : (int64_t)end;
}

static inline void fake_list(struct fake_manager *fake, struct fake_answer *answer)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protojson_parse(&native__list_audit_request__descriptor,
                                    capsa_bytes_str(fake->last_payload), CAPSA_UNKNOWN_REFUSED,
                                    &message));
    const Native__ListAuditRequest *asked = (const Native__ListAuditRequest *)(const void *)message;
    size_t from = asked->before == 0 ? fake->count : (size_t)asked->before;
    size_t end = fake->page == 0 || fake->page > from ? 0 : from - fake->page;
    struct fake_listed *listed = capsa_alloc_array(FAKE_MAX + 1, sizeof(*listed));
    Native__ListAuditResponse__Entry *entries[FAKE_MAX + 1];
    Native__ListAuditResponse response = NATIVE__LIST_AUDIT_RESPONSE__INIT;
    response.entries = entries;
    for (size_t i = from; i > end; i--) {
        size_t index = fake->lie == FAKE_ENTRIES_OLDEST_FIRST ? end + (from - i) : i - 1;
        if (fake_is_wanted(fake, index, asked)) {
            fake_list_one(fake, index, &listed[response.n_entries]);
            entries[response.n_entries] = &listed[response.n_entries].entry;
            response.n_entries++;
        }
    }
    if (fake->lie == FAKE_ENTRY_TWICE) {
        entries[1] = entries[0];
    }
    response.next = fake_next(fake, (int64_t)from, end);
    enum fake_lie lie = fake->lie;
    fake->lie = lie == FAKE_PAGE_CHECKPOINT_OF_ANOTHER ? FAKE_CHECKPOINT_OF_ANOTHER : lie;
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(2));
    fake_note(fake, fake->count, &note);
    fake->lie = lie;
    const char *text;
    assert_ok(capsa_buf_cstr(&note, &text));
    response.checkpoint = (char *)note.data;
    assert_ok(capsa_protojson_write(&response.base, CAPSA_PROTOJSON_ALL, &answer->body));
    capsa_dealloc(listed);
}

/* ---- votes ----------------------------------------------------------------------------------- */

static inline void fake_vote_terms(struct fake_manager *fake, const struct capsa_cert *signer,
                                   struct fake_answer *answer)
{
    static char nonce[] = "00112233445566778899aabbccddeeff";
    static char resource[] = "token-of-it";
    uint8_t digest[CAPSA_SHA256];
    assert_ok(capsa_cert_spki_digest(signer, digest));
    digest[0] ^= fake->lie == FAKE_TERMS_FOR_ANOTHER_KEY;
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(100);
    assert_ok(capsa_hex_write(capsa_bytes_of(digest, sizeof(digest)), &hex));
    const char *text;
    assert_ok(capsa_buf_cstr(&hex, &text));
    char id[CAPSA_MANAGER_ID];
    memcpy(id, fake->id, sizeof(id));
    id[0] = fake->lie != FAKE_TERMS_OF_ANOTHER_MANAGER ? id[0] : id[0] == 'a' ? 'b' : 'a';
    Native__VoteTermsResponse response = NATIVE__VOTE_TERMS_RESPONSE__INIT;
    response.manager = id;
    response.resource = resource;
    response.requester = (char *)hex.data;
    response.nonce = nonce;
    assert_ok(capsa_protojson_write(&response.base, CAPSA_PROTOJSON_ALL, &answer->body));
}

/* ---- answering ------------------------------------------------------------------------------- */

static inline void fake_do(struct fake_manager *fake, const char *method,
                           const struct capsa_cert *signer, struct fake_answer *answer)
{
    answer->message = (Native__Answer)NATIVE__ANSWER__INIT;
    answer->proof = (Native__InclusionProof)NATIVE__INCLUSION_PROOF__INIT;
    answer->status = (Cm__Status)CM__STATUS__INIT;
    answer->note = capsa_buf_of(KIB(2));
    answer->body = capsa_buf_of(MIB(1));
    if (capsa_streq(method, "GetDataKeys") || capsa_streq(method, "GetExportDataKey")) {
        fake_release(fake, answer);
    }
    if (capsa_streq(method, "ListAudit")) {
        fake_list(fake, answer);
    }
    if (capsa_streq(method, "GetVoteTerms")) {
        fake_vote_terms(fake, signer, answer);
    }
    fake_note(fake, fake_size(fake), &answer->note);
    const char *text;
    assert_ok(capsa_buf_cstr(&answer->note, &text));
    assert_ok(capsa_buf_cstr(&answer->body, &text));
    answer->message.status = fake->lie == FAKE_NO_STATUS ? NULL : &answer->status;
    if (fake->lie != FAKE_NO_CHECKPOINT) {
        answer->message.checkpoint = (char *)answer->note.data;
    }
    answer->message.body = (char *)answer->body.data;
}

static inline capsa_result fake_respond(Cm__Status *status, const capsa_jwe_out *sealed,
                                        capsa_buf *ret_answer)
{
    Cm__EncryptedResponse response = CM__ENCRYPTED_RESPONSE__INIT;
    Cm__Jwe jwe = CM__JWE__INIT;
    response.status = status;
    if (sealed != NULL) {
        jwe.protected_header = sealed->protected_header;
        jwe.encrypted_key = sealed->encrypted_key;
        jwe.iv = sealed->iv;
        jwe.ciphertext = sealed->ciphertext;
        jwe.tag = sealed->tag;
        jwe.aad = sealed->aad;
        response.message = &jwe;
    }
    return capsa_protobuf_write(&response.base, ret_answer);
}

static inline capsa_result fake_answer_call(struct fake_manager *fake, const char *method,
                                            const struct fake_call *call, capsa_buf *ret_answer)
{
    CAPSA_AUTO(fake_answer) answer = {.proof = NATIVE__INCLUSION_PROOF__INIT};
    fake_do(fake, method, call->jws.x5c.certs[0], &answer);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(2));
    CAPSA_TRY(capsa_protojson_write(&answer.message.base, CAPSA_PROTOJSON_ALL, &text));
    CAPSA_AUTO(capsa_jwe_out) sealed = {.iv = NULL};
    CAPSA_TRY(capsa_native_answer_seal(&call->channel, capsa_buf_bytes(&text), &sealed));
    CAPSA_AUTO(capsa_buf) response = capsa_buf_of(MIB(4));
    CAPSA_TRY(fake_respond(NULL, &sealed, &response));
    bool replayed = fake->lie == FAKE_ANSWER_OF_BEFORE;
    CAPSA_TRY(
        capsa_buf_append(ret_answer, capsa_buf_bytes(replayed ? &fake->last_response : &response)));
    capsa_buf_clear(&fake->last_response);
    return capsa_buf_append(&fake->last_response, capsa_buf_bytes(&response));
}

static inline capsa_result fake_enveloped(struct fake_manager *fake, const char *method,
                                          capsa_bytes request, capsa_buf *ret_answer)
{
    fake->calls++;
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&cm__encrypted_request__descriptor, request,
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Cm__EncryptedRequest *outer = (const Cm__EncryptedRequest *)(const void *)message;
    assert_true(outer->has_signature);
    struct fake_call call = {.channel = {NULL}};
    bool known = false;
    capsa_result result = fake_open(fake, outer->message, &call, &known);
    Cm__Status status = CM__STATUS__INIT;
    if (!capsa_failed(result) && known && fake->lie != FAKE_ANSWER_IN_THE_CLEAR) {
        fake_check(fake, method, &call);
        known = fake->lie != FAKE_KID_REFUSAL_PUT_IN;
        result = known ? fake_answer_call(fake, method, &call, ret_answer) : CAPSA_OK;
    }
    if (!capsa_failed(result) && (!known || fake->lie == FAKE_ANSWER_IN_THE_CLEAR)) {
        static char unknown[] = "kid: not one of this manager's keys";
        status.code = known ? 0 : 16;
        status.message = known ? status.message : unknown;
        result = fake_respond(&status, NULL, ret_answer);
    }
    capsa_native_channel_drop(&call.channel);
    capsa_jws_drop(&call.jws);
    return result;
}

static inline capsa_result fake_exchange(const struct capsa_client_transport *transport,
                                         const char *path, capsa_bytes request,
                                         capsa_buf *ret_answer)
{
    union {
        const struct capsa_client_transport *in;
        struct fake_manager *out;
    } self = {.in = transport};
    const char *method = strrchr(path, '/') + 1;
    if (capsa_streq(method, "GetRaCert")) {
        return fake_ra_cert(self.out, ret_answer);
    }
    assert_memory_equal(path, "/capsa.v1.Manager/", strlen("/capsa.v1.Manager/"));
    if (capsa_streq(method, "GetConsistency")) {
        return fake_consistency(self.out, request, ret_answer);
    }
    return capsa_streq(method, "GetAuditLog")
               ? fake_audit_log(self.out, request, ret_answer)
               : fake_enveloped(self.out, method, request, ret_answer);
}

/* ---- its life -------------------------------------------------------------------------------- */

/* Another native key in the place of the present one. */
static inline void fake_rotate(struct fake_manager *fake)
{
    capsa_private_key_free(fake->native);
    assert_ok(capsa_private_key_new_x25519(&fake->native));
    fake_announce(fake);
}

/* A job's key and certificate, P-256: it signs natively, and could not have an original answer. */
static inline void fake_party(capsa_party *party)
{
    assert_ok(capsa_private_key_new_p256(&party->key));
    const struct capsa_cert_request request = {
        .common_name = "job", .not_before = FAKE_NOW - FAKE_DAY, .not_after = FAKE_NOW + FAKE_DAY};
    assert_ok(capsa_cert_self_sign(party->key, &request, &party->chain.certs[0]));
    party->chain.count = 1;
    assert_ok(capsa_cert_party_id(party->chain.certs[0], party->id));
}

static inline struct fake_manager *fake_new(struct capsa_private_key *rsa, const char *mode)
{
    struct fake_manager *fake = CAPSA_NEW(struct fake_manager);
    assert_non_null(fake);
    fake->transport.exchange = fake_exchange;
    fake->mode = mode;
    fake->rsa = rsa;
    fake->genesis = capsa_buf_of(KIB(4));
    fake->last_response = capsa_buf_of(MIB(4));
    assert_ok(capsa_private_key_new_ed25519(&fake->announce));
    assert_ok(capsa_private_key_new_ed25519(&fake->audit));
    assert_ok(capsa_private_key_new_ed25519(&fake->stranger));
    assert_ok(capsa_private_key_new_x25519(&fake->native));
    fake_write_genesis(fake);
    fake_announce(fake);
    fake_add(fake, CAPSA_AUDIT_GENESIS, "", "{}");
    fake_add(fake, CAPSA_AUDIT_START, "", "{}");
    return fake;
}

static inline void fake_free(struct fake_manager *fake)
{
    capsa_private_key_free(fake->announce);
    capsa_private_key_free(fake->audit);
    capsa_private_key_free(fake->stranger);
    capsa_private_key_free(fake->native);
    capsa_private_key_free(fake->p256);
    capsa_buf_drop(&fake->genesis);
    capsa_buf_drop(&fake->last_response);
    capsa_dealloc(fake->cert);
    capsa_dealloc(fake);
}
