/* SPDX-License-Identifier: Apache-2.0
 *
 * The manager's log as its answers show it (docs/explanation/PROTOCOL.md, section 7): it only ever
 * grows. The newest checkpoint seen is kept, by this client and, with a memory, from run to run.
 *
 * Several commands may run at once: the answer that is older by then is no fault. What counts is
 * that a log is never smaller than it was known to be when the request was sent, and that any two
 * checkpoints are of one log.
 */
#include "client/client_internal.h"

#define STEPS 16 /* so often somebody else may have kept a newer checkpoint meanwhile */

static const char put_back[] = "its log was put back to an earlier state; the answer is not used";

/* ---- what is kept ---------------------------------------------------------------------------- */

static capsa_result open_note(const struct capsa_client *client, capsa_bytes note,
                              struct capsa_checkpoint *ret_checkpoint)
{
    return capsa_checkpoint_open(note, client->manager.id, client->manager.genesis->audit_key.data,
                                 ret_checkpoint);
}

CAPSA_RESULT capsa_client_log_open(const struct capsa_client *client, const char *note,
                                   struct capsa_checkpoint *ret_checkpoint)
{
    CAPSA_TRY_AT(open_note(client, capsa_bytes_str(note), ret_checkpoint),
                 "the checkpoint in the manager's answer");
    return CAPSA_OK;
}

static capsa_result open_kept(const struct capsa_client *client, capsa_bytes note,
                              struct capsa_checkpoint *ret_checkpoint)
{
    capsa_result result = open_note(client, note, ret_checkpoint);
    if (!capsa_failed(result)) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(8));
    CAPSA_TRY(capsa_memory_checkpoint_path(client->options.memory, client->manager.id, &path));
    const char *name;
    CAPSA_TRY(capsa_buf_cstr(&path, &name));
    CAPSA_TRY_AT(result, "the checkpoint that was kept in %s", name);
    return CAPSA_OK;
}

/* The newer of the two is the one to compare with from now on. */
static void keep(struct capsa_client *client, const struct capsa_checkpoint *checkpoint)
{
    if (!client->has_checkpoint || checkpoint->size > client->checkpoint.size) {
        client->checkpoint = *checkpoint;
        client->has_checkpoint = true;
    }
}

CAPSA_RESULT capsa_client_log_begin(struct capsa_client *client, uint64_t *ret_size)
{
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(CAPSA_CLIENT_NOTE_MAX);
    struct capsa_checkpoint kept = {.size = 0};
    if (client->options.memory != NULL && client->has_identity) {
        CAPSA_TRY(capsa_memory_checkpoint(client->options.memory, client->manager.id, &note));
        CAPSA_TRY(note.len > 0 ? open_kept(client, capsa_buf_bytes(&note), &kept) : CAPSA_OK);
    }
    *ret_size = client->has_checkpoint && client->checkpoint.size > kept.size
                    ? client->checkpoint.size
                    : kept.size;
    return CAPSA_OK;
}

/* ---- two checkpoints ------------------------------------------------------------------------- */

static capsa_result join_hashes(const ProtobufCBinaryData *list, size_t count, capsa_buf *hashes)
{
    for (size_t i = 0; i < count; i++) {
        CAPSA_REQUIRE(list[i].len == CAPSA_TREE_HASH, MALFORMED, "hashes[%zu]: %zu bytes, not %d",
                      i, list[i].len, CAPSA_TREE_HASH);
        CAPSA_TRY(capsa_buf_append(hashes, capsa_bytes_of(list[i].data, list[i].len)));
    }
    return CAPSA_OK;
}

#define HASHES_MAX ((size_t)(CAPSA_TREE_PATH_MAX + 1) * CAPSA_TREE_HASH)

static capsa_result ask_consistency(struct capsa_client *client, uint64_t first, uint64_t second,
                                    capsa_buf *hashes)
{
    Native__ConsistencyRequest request = NATIVE__CONSISTENCY_REQUEST__INIT;
    request.first = (int64_t)first;
    request.second = (int64_t)second;
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_client_send(client, capsa_client_native.service, "GetConsistency",
                                &request.base, &native__consistency_response__descriptor,
                                &message));
    const Native__ConsistencyResponse *response =
        (const Native__ConsistencyResponse *)(const void *)message;
    CAPSA_TRY(capsa_client_check_status(response->status));
    return join_hashes(response->hashes, response->n_hashes, hashes);
}

static capsa_result forked(const char *why)
{
    CAPSA_FAIL(TAMPERED,
               "the manager shows another log than before (it was forked): %s; the answer is not "
               "used",
               why);
}

/* `first` is the beginning of `second`. That the manager does not prove it is as bad as that it is
 * not so. */
static capsa_result check_consistent(struct capsa_client *client,
                                     const struct capsa_checkpoint *first,
                                     const struct capsa_checkpoint *second)
{
    if (first->size == 0) {
        return CAPSA_OK;
    }
    if (first->size == second->size) {
        bool same = memcmp(first->root, second->root, sizeof(first->root)) == 0;
        return same ? CAPSA_OK : forked("two roots for one size");
    }
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(HASHES_MAX);
    CAPSA_TRY_AT(ask_consistency(client, first->size, second->size, &hashes),
                 "asking the manager to prove its log");
    capsa_result result = capsa_tree_consistency_check(first->size, first->root, second->size,
                                                       second->root, capsa_buf_bytes(&hashes));
    return capsa_code_of(result) == CAPSA_E_UNAUTHENTIC ? forked(capsa_text_of(result)) : result;
}

static capsa_result check_either(struct capsa_client *client, const struct capsa_checkpoint *a,
                                 const struct capsa_checkpoint *b)
{
    return a->size <= b->size ? check_consistent(client, a, b) : check_consistent(client, b, a);
}

/* ---- a new one ------------------------------------------------------------------------------- */

static bool same_checkpoint(const struct capsa_checkpoint *a, const struct capsa_checkpoint *b)
{
    return a->size == b->size && memcmp(a->root, b->root, sizeof(a->root)) == 0;
}

/* The one kept in a file, unless it is that of this client, which was compared already. */
static capsa_result check_kept(struct capsa_client *client, const struct capsa_checkpoint *kept,
                               const struct capsa_checkpoint *checkpoint)
{
    return client->has_checkpoint && same_checkpoint(&client->checkpoint, kept)
               ? CAPSA_OK
               : check_either(client, kept, checkpoint);
}

/* Compared with the one that was kept, and put in its place if it is newer. False: somebody else
 * has kept another meanwhile. */
static capsa_result remember_once(struct capsa_client *client, capsa_bytes note,
                                  const struct capsa_checkpoint *checkpoint, bool *ret_done)
{
    CAPSA_AUTO(capsa_buf) old = capsa_buf_of(CAPSA_CLIENT_NOTE_MAX);
    CAPSA_TRY(capsa_memory_checkpoint(client->options.memory, client->manager.id, &old));
    if (old.len > 0) {
        struct capsa_checkpoint kept;
        CAPSA_TRY(open_kept(client, capsa_buf_bytes(&old), &kept));
        CAPSA_TRY(check_kept(client, &kept, checkpoint));
        if (kept.size >= checkpoint->size) {
            *ret_done = true;
            return CAPSA_OK;
        }
    }
    if (old.len == 0 && client->options.introduces) {
        *ret_done = true; /* a look leaves nothing behind */
        return CAPSA_OK;
    }
    return capsa_memory_advance(client->options.memory, client->manager.id, capsa_buf_bytes(&old),
                                note, ret_done);
}

static capsa_result remember(struct capsa_client *client, capsa_bytes note,
                             const struct capsa_checkpoint *checkpoint)
{
    bool done = client->options.memory == NULL;
    for (int i = 0; i < STEPS && !done; i++) {
        CAPSA_TRY(remember_once(client, note, checkpoint, &done));
    }
    CAPSA_REQUIRE(done, BUSY, "others keep checkpoints of this manager all the time; try again");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_client_log_take(struct capsa_client *client, const char *note, uint64_t least,
                                   struct capsa_checkpoint *ret_checkpoint)
{
    struct capsa_checkpoint checkpoint;
    capsa_bytes bytes = capsa_bytes_str(note);
    CAPSA_TRY(capsa_client_log_open(client, note, &checkpoint));
    CAPSA_REQUIRE(checkpoint.size >= least, TAMPERED,
                  "the manager's log has %llu entries, and it had %llu: %s",
                  (unsigned long long)checkpoint.size, (unsigned long long)least, put_back);
    CAPSA_TRY(client->has_checkpoint ? check_either(client, &client->checkpoint, &checkpoint)
                                     : CAPSA_OK);
    CAPSA_TRY(remember(client, bytes, &checkpoint));
    keep(client, &checkpoint);
    *ret_checkpoint = checkpoint;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_client_log_compare(struct capsa_client *client, const char *note,
                                      const struct capsa_checkpoint *with,
                                      struct capsa_checkpoint *ret_checkpoint)
{
    struct capsa_checkpoint checkpoint;
    CAPSA_TRY(capsa_client_log_open(client, note, &checkpoint));
    CAPSA_TRY(same_checkpoint(&checkpoint, with) ? CAPSA_OK
                                                 : check_either(client, &checkpoint, with));
    *ret_checkpoint = checkpoint;
    return CAPSA_OK;
}

/* ---- proofs ---------------------------------------------------------------------------------- */

static capsa_result check_path(capsa_bytes leaf, const Native__InclusionProof *proof,
                               const struct capsa_checkpoint *checkpoint)
{
    CAPSA_REQUIRE(proof != NULL, UNAUTHENTIC, "missing");
    CAPSA_REQUIRE(proof->index >= 0, MALFORMED, "index: %lld", (long long)proof->index);
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(HASHES_MAX);
    CAPSA_TRY(join_hashes(proof->hashes, proof->n_hashes, &hashes));
    uint8_t leaf_hash[CAPSA_TREE_HASH];
    capsa_tree_leaf_hash(leaf, leaf_hash);
    return capsa_tree_inclusion_check(leaf_hash, (uint64_t)proof->index, checkpoint->size,
                                      capsa_buf_bytes(&hashes), checkpoint->root);
}

CAPSA_RESULT capsa_client_log_prove(capsa_bytes leaf, const Native__InclusionProof *proof,
                                    const struct capsa_checkpoint *checkpoint,
                                    struct capsa_audit_leaf *ret_leaf, uint64_t *ret_index)
{
    struct capsa_audit_leaf parsed;
    CAPSA_TRY_AT(capsa_audit_leaf_parse(leaf, &parsed), "the record's leaf");
    CAPSA_TRY_AT(check_path(leaf, proof, checkpoint),
                 "the proof that the record stands in the log");
    *ret_leaf = parsed;
    *ret_index = (uint64_t)proof->index;
    return CAPSA_OK;
}
