/* SPDX-License-Identifier: Apache-2.0
 *
 * The fake manager's self (fake_manager.h): which lies it knows, who it says that it is, its log
 * and proofs about that.
 */
#pragma once

#include <stdio.h>

#include "audit/audit_leaf.h"
#include "audit/audit_note.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "client/client.h"
#include "codec/protobuf.h"
#include "codec/text.h"
#include "envelope/envelope_jws.h"
#include "envelope/envelope_native.h"
#include "unit.h"

#define FAKE_NOW ((capsa_time)1795000000)
#define FAKE_DAY 86400
#define FAKE_MAX 200 /* entries: fewer than one tile */

enum fake_lie {
    FAKE_HONEST,
    /* the certificate */
    FAKE_NO_EXTENSION,
    FAKE_INFO_SIGNED_BY_ANOTHER,
    FAKE_INFO_CHANGED,
    FAKE_GENESIS_OF_ANOTHER,
    FAKE_KID_OF_ANOTHER,
    FAKE_CERT_KEY_NOT_LISTED,
    FAKE_ONLY_RSA,
    FAKE_KEYS_EXPIRED,
    FAKE_MODE_UNKNOWN,
    /* the envelope */
    FAKE_ANSWER_IN_THE_CLEAR,
    FAKE_ANSWER_OF_BEFORE,
    FAKE_KID_UNKNOWN_FOR_EVER,
    FAKE_KID_REFUSAL_PUT_IN, /* the request comes through, and another answer back */
    /* the answer */
    FAKE_NO_STATUS,
    FAKE_NO_CHECKPOINT,
    FAKE_CHECKPOINT_OF_ANOTHER,
    FAKE_CHECKPOINT_SIGNED_BY_ANOTHER,
    FAKE_NO_LEAF,
    FAKE_LEAF_OF_BEFORE,
    FAKE_LEAF_OF_ANOTHER_KIND,
    FAKE_LEAF_CHANGED,
    FAKE_LEAF_OF_ANOTHER_DECISION,
    FAKE_NO_PROOF,
    FAKE_PROOF_CHANGED,
    FAKE_PROOF_SHORT,
    FAKE_PROOF_LONG,
    FAKE_PROOF_HASH_SHORT,
    FAKE_PROOF_INDEX_NEGATIVE,
    FAKE_PROOF_INDEX_OUTSIDE,
    FAKE_CHECKPOINT_HUGE,
    FAKE_NO_BODY,
    /* the log */
    FAKE_CONSISTENCY_CHANGED,
    FAKE_CONSISTENCY_SHORT,
    FAKE_CONSISTENCY_LONG,
    FAKE_CONSISTENCY_REFUSED,
    /* lists of entries */
    FAKE_DETAILS_CHANGED,
    FAKE_SALT_CHANGED,
    FAKE_SALT_SHORT,
    FAKE_ENTRY_OF_ANOTHER_OWNER,
    FAKE_ENTRY_OF_ANOTHER_DECISION,
    FAKE_ENTRIES_OLDEST_FIRST,
    FAKE_ENTRY_TWICE,
    FAKE_NEXT_STAYS,
    FAKE_NEXT_GROWS,
    FAKE_NEXT_NEGATIVE,
    FAKE_PAGE_CHECKPOINT_OF_ANOTHER,
    FAKE_LEAVES_NONE,
    /* votes */
    FAKE_TERMS_OF_ANOTHER_MANAGER,
    FAKE_TERMS_FOR_ANOTHER_KEY,
};

struct fake_entry {
    uint8_t leaf[CAPSA_AUDIT_LEAF];
    uint8_t salt[CAPSA_AUDIT_SALT];
    char owner[CAPSA_PARTY_ID];
    char details[200];
};

struct fake_manager {
    struct capsa_client_transport transport; /* first: the fake is found by it */
    enum fake_lie lie;
    bool denies;
    bool p256_first;
    const char *mode;
    struct capsa_private_key *announce, *audit, *stranger; /* Ed25519 */
    struct capsa_private_key *native;                      /* X25519 or P-256 */
    struct capsa_private_key *p256; /* or NULL: listed as well, and none that it answers with */
    struct capsa_private_key *rsa;  /* borrowed */
    capsa_buf genesis;
    char id[CAPSA_MANAGER_ID];
    char *cert; /* PEM */
    struct fake_entry entries[FAKE_MAX];
    size_t count;
    size_t shown; /* entries that its checkpoints are of; 0: all */
    size_t page;  /* entries that a list looks at at once; 0: all */
    capsa_buf last_response;
    /* what was asked */
    char last_method[40];
    char last_payload[2000];
    uint8_t jti_before[CAPSA_JWS_JTI];
    uint8_t last_jti[CAPSA_JWS_JTI];
    char last_kid[CAPSA_KID];
    int64_t last_version; /* -1: none */
    int ra_certs, calls, consistencies;
};

/* ---- bytes ----------------------------------------------------------------------------------- */

static inline ProtobufCBinaryData fake_data(void *data, size_t len)
{
    return (ProtobufCBinaryData){len, data};
}

static inline void fake_raw(const struct capsa_private_key *key, uint8_t raw[32])
{
    CAPSA_AUTO_FREE(capsa_public_key) public = NULL;
    assert_ok(capsa_public_key_of(key, &public));
    assert_ok(capsa_public_key_raw(public, raw));
}

/* ---- who it is ------------------------------------------------------------------------------- */

static inline void fake_write_genesis(struct fake_manager *fake)
{
    uint8_t store_id[16] = {7};
    uint8_t audit_key[32];
    uint8_t announce_key[32];
    char mode[20];
    fake_raw(fake->audit, audit_key);
    fake_raw(fake->lie == FAKE_GENESIS_OF_ANOTHER ? fake->stranger : fake->announce, announce_key);
    (void)snprintf(mode, sizeof(mode), "%s", fake->lie == FAKE_MODE_UNKNOWN ? "test" : fake->mode);
    char membership[] = "any";
    Native__Genesis genesis = NATIVE__GENESIS__INIT;
    genesis.format = 1;
    genesis.store_id = fake_data(store_id, sizeof(store_id));
    genesis.mode = mode;
    genesis.membership = membership;
    genesis.audit_key = fake_data(audit_key, sizeof(audit_key));
    genesis.announce_key = fake_data(announce_key, sizeof(announce_key));
    genesis.created_at = FAKE_NOW - FAKE_DAY;
    capsa_buf_clear(&fake->genesis);
    assert_ok(capsa_protobuf_write(&genesis.base, &fake->genesis));
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(capsa_buf_bytes(&fake->genesis), digest);
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(100);
    assert_ok(capsa_hex_write(capsa_bytes_of(digest, sizeof(digest)), &hex));
    memcpy(fake->id, hex.data, hex.len);
    fake->id[hex.len] = '\0';
}

struct fake_key {
    Native__ManagerInfo__EnvelopeKey message;
    capsa_buf spki;
    char kid[CAPSA_KID];
};

static inline void fake_list_key(const struct fake_manager *fake,
                                 const struct capsa_private_key *key, char *alg,
                                 struct fake_key *listed)
{
    CAPSA_AUTO_FREE(capsa_public_key) public = NULL;
    assert_ok(capsa_public_key_of(key, &public));
    listed->spki = capsa_buf_of(KIB(4));
    assert_ok(capsa_public_key_spki(public, &listed->spki));
    capsa_public_key_kid(public, listed->kid);
    listed->message = (Native__ManagerInfo__EnvelopeKey)NATIVE__MANAGER_INFO__ENVELOPE_KEY__INIT;
    listed->message.kid = listed->kid;
    listed->message.alg = alg;
    listed->message.spki = fake_data(listed->spki.data, listed->spki.len);
    listed->message.not_after = FAKE_NOW + (fake->lie == FAKE_KEYS_EXPIRED ? -1 : FAKE_DAY);
}

static inline void fake_write_info(struct fake_manager *fake, capsa_buf *info)
{
    static char rsa_alg[] = "RSA-OAEP-256";
    static char native_alg[] = "ECDH-ES+A256KW";
    static char anchor[] = "none";
    struct fake_key rsa;
    struct fake_key native;
    fake_list_key(fake, fake->rsa, rsa_alg, &rsa);
    fake_list_key(fake, fake->native, native_alg, &native);
    struct fake_key p256 = {.spki = capsa_buf_of(0)};
    if (fake->p256 != NULL) {
        fake_list_key(fake, fake->p256, native_alg, &p256);
    }
    if (fake->lie == FAKE_KID_OF_ANOTHER) {
        native.message.kid = rsa.kid;
    }
    Native__ManagerInfo__EnvelopeKey *keys[] = {&rsa.message, &native.message, &p256.message};
    if (fake->p256_first) {
        keys[1] = &p256.message;
        keys[2] = &native.message;
    }
    Native__ManagerInfo message = NATIVE__MANAGER_INFO__INIT;
    message.genesis = fake_data(fake->genesis.data, fake->genesis.len);
    message.keys = fake->lie == FAKE_CERT_KEY_NOT_LISTED ? keys + 1 : keys;
    bool one = fake->lie == FAKE_CERT_KEY_NOT_LISTED || fake->lie == FAKE_ONLY_RSA;
    message.n_keys = one ? 1 : fake->p256 == NULL ? 2 : 3;
    message.anchor = anchor;
    message.issued_at = FAKE_NOW;
    assert_ok(capsa_protobuf_write(&message.base, info));
    capsa_buf_drop(&rsa.spki);
    capsa_buf_drop(&native.spki);
    capsa_buf_drop(&p256.spki);
}

static inline void fake_write_extension(struct fake_manager *fake, capsa_buf *extension)
{
    CAPSA_AUTO(capsa_buf) info = capsa_buf_of(KIB(64));
    fake_write_info(fake, &info);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(65));
    assert_ok(capsa_buf_str(&text, "capsa manager info v1\n"));
    assert_ok(capsa_buf_append(&text, capsa_buf_bytes(&info)));
    uint8_t signature[CAPSA_ED25519_SIGNATURE];
    bool strange = fake->lie == FAKE_INFO_SIGNED_BY_ANOTHER;
    assert_ok(capsa_ed25519_sign(strange ? fake->stranger : fake->announce, capsa_buf_bytes(&text),
                                 signature));
    if (fake->lie == FAKE_INFO_CHANGED) { /* the time of issue, at the end */
        info.data[info.len - 1] ^= 1;
    }
    Native__SignedManagerInfo outer = NATIVE__SIGNED_MANAGER_INFO__INIT;
    outer.info = fake_data(info.data, info.len);
    outer.signature = fake_data(signature, sizeof(signature));
    assert_ok(capsa_protobuf_write(&outer.base, extension));
}

/* Its certificate anew, as its keys and its lie are now. */
static inline void fake_announce(struct fake_manager *fake)
{
    CAPSA_AUTO(capsa_buf) extension = capsa_buf_of(KIB(64));
    fake_write_extension(fake, &extension);
    const struct capsa_cert_request request = {
        .common_name = "manager",
        .not_before = FAKE_NOW - FAKE_DAY,
        .not_after = FAKE_NOW + FAKE_DAY,
        .extension_oid = fake->lie == FAKE_NO_EXTENSION ? NULL : CAPSA_MANAGER_OID,
        .extension = capsa_buf_bytes(&extension),
    };
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    assert_ok(capsa_cert_self_sign(fake->rsa, &request, &cert));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    assert_ok(capsa_cert_write_pem(cert, &pem));
    capsa_dealloc(fake->cert);
    assert_ok(capsa_buf_take_str(&pem, &fake->cert));
}

/* ---- its log --------------------------------------------------------------------------------- */

static inline void fake_add(struct fake_manager *fake, enum capsa_audit_type type,
                            const char *owner, const char *details)
{
    assert_true(fake->count < FAKE_MAX);
    struct fake_entry *entry = &fake->entries[fake->count];
    assert_ok(capsa_random(entry->salt, sizeof(entry->salt)));
    (void)snprintf(entry->owner, sizeof(entry->owner), "%s", owner);
    (void)snprintf(entry->details, sizeof(entry->details), "%s", details);
    struct capsa_audit_leaf leaf;
    assert_ok(capsa_audit_leaf_make(type, FAKE_NOW + (capsa_time)fake->count, owner, entry->salt,
                                    capsa_bytes_str(details), NULL, &leaf));
    capsa_audit_leaf_write(&leaf, entry->leaf);
    fake->count++;
}

static inline capsa_result fake_no_tile(void *context, unsigned level, uint64_t index,
                                        const uint8_t *hashes)
{
    (void)context, (void)level, (void)index, (void)hashes;
    fail_msg("the fake's log fills no tile");
    return CAPSA_OK;
}

static inline capsa_result fake_no_fetch(void *context, unsigned level, uint64_t index,
                                         uint8_t *ret_hashes)
{
    (void)context, (void)level, (void)index, (void)ret_hashes;
    fail_msg("the fake's log has no tile");
    return CAPSA_OK;
}

static inline void fake_tree(const struct fake_manager *fake, size_t size, capsa_tree *tree)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t hash[CAPSA_TREE_HASH];
        capsa_tree_leaf_hash(capsa_bytes_of(fake->entries[i].leaf, CAPSA_AUDIT_LEAF), hash);
        assert_ok(capsa_tree_append(tree, hash, fake_no_tile, NULL));
    }
}

static inline size_t fake_size(const struct fake_manager *fake)
{
    return fake->shown == 0 ? fake->count : fake->shown;
}

static inline void fake_note(const struct fake_manager *fake, size_t size, capsa_buf *note)
{
    CAPSA_AUTO(capsa_tree) tree = {.size = 0};
    fake_tree(fake, size, &tree);
    struct capsa_checkpoint checkpoint = {.size = size};
    memcpy(checkpoint.origin, fake->id, sizeof(checkpoint.origin));
    capsa_tree_root(&tree, checkpoint.root);
    if (fake->lie == FAKE_CHECKPOINT_OF_ANOTHER) {
        checkpoint.origin[0] = checkpoint.origin[0] == 'a' ? 'b' : 'a';
    }
    if (fake->lie == FAKE_CHECKPOINT_HUGE) {
        checkpoint.size = INT64_MAX;
    }
    bool strange = fake->lie == FAKE_CHECKPOINT_SIGNED_BY_ANOTHER;
    assert_ok(capsa_checkpoint_sign(&checkpoint, strange ? fake->stranger : fake->audit, note));
}

/* ---- proofs ---------------------------------------------------------------------------------- */

struct fake_hashes {
    uint8_t bytes[CAPSA_TREE_PATH_MAX + 2][CAPSA_TREE_HASH];
    ProtobufCBinaryData list[CAPSA_TREE_PATH_MAX + 2];
    size_t count;
};

static inline void fake_split(const capsa_buf *joined, struct fake_hashes *hashes)
{
    hashes->count = joined->len / CAPSA_TREE_HASH;
    memset(hashes->bytes, 0, sizeof(hashes->bytes));
    if (joined->len > 0) {
        memcpy(hashes->bytes, joined->data, joined->len);
    }
    for (size_t i = 0; i < CAPSA_TREE_PATH_MAX + 2; i++) {
        hashes->list[i] = fake_data(hashes->bytes[i], CAPSA_TREE_HASH);
    }
}

static inline void fake_prove(const struct fake_manager *fake, size_t index, size_t size,
                              struct fake_hashes *hashes)
{
    CAPSA_AUTO(capsa_tree) tree = {.size = 0};
    fake_tree(fake, size, &tree);
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    assert_ok(capsa_tree_prover_new(&tree, fake_no_fetch, NULL, &prover));
    CAPSA_AUTO(capsa_buf) joined = capsa_buf_of(KIB(4));
    assert_ok(capsa_tree_inclusion(prover, index, size, &joined));
    fake_split(&joined, hashes);
}

static inline void fake_prove_growth(const struct fake_manager *fake, size_t first, size_t second,
                                     struct fake_hashes *hashes)
{
    CAPSA_AUTO(capsa_tree) tree = {.size = 0};
    fake_tree(fake, second, &tree);
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    assert_ok(capsa_tree_prover_new(&tree, fake_no_fetch, NULL, &prover));
    CAPSA_AUTO(capsa_buf) joined = capsa_buf_of(KIB(4));
    assert_ok(capsa_tree_consistency(prover, first, second, &joined));
    fake_split(&joined, hashes);
}
