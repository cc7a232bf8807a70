/* SPDX-License-Identifier: Apache-2.0
 *
 * Records at rest. A record is found under (namespace, kind, tuple of strings) and holds a version,
 * a set of owners and bytes. Reading goes straight to the store, from any thread; changing goes by
 * a batch, a value that says what must hold and what shall become of it, and that is committed
 * whole or not at all (store_writer.h is how services commit).
 *
 * What rests on disk is sealed by a decorator (store_sealed.h), so that no back-end's author has to
 * think of it. A back-end is a table of functions (store_backend.h). This file knows nothing of
 * policies, releases or audit: their records are bytes here.
 *
 *   const struct capsa_record_key key = CAPSA_RECORD_KEY("default", "policy", scope, uuid);
 *   CAPSA_AUTO(capsa_record) old = {0};
 *   CAPSA_TRY(capsa_store_find(store, &key, &old));         // version 0 when there is none
 *   CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
 *   CAPSA_TRY(capsa_batch_new(&batch));
 *   CAPSA_TRY(capsa_batch_put(batch, &key, old.version, owners, value));
 *   CAPSA_TRY(capsa_writer_commit(writer, batch));          // CONFLICT: somebody was quicker
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"

/* ---- Keys ------------------------------------------------------------------------------------ */

#define CAPSA_RECORD_KEY_PARTS 6

/* All strings are borrowed. Any may be empty; none holds a NUL. In a prefix (capsa_store_each) the
 * namespace alone, or both, may be NULL: all kinds, everything. */
struct capsa_record_key {
    const char *ns;                                /* namespace: "default" for original clients */
    const char *kind;                              /* "policy", "data_key", ... */
    const char *parts[CAPSA_RECORD_KEY_PARTS + 1]; /* NULL-ended */
};

/* A trailing NULL argument ends the tuple early, so an optional last part can be passed as it is.
 */
#define CAPSA_RECORD_KEY(ns_, kind_, ...)                                                          \
    ((struct capsa_record_key){.ns = (ns_), .kind = (kind_), .parts = {__VA_ARGS__}})

/* The canonical form: each of namespace, kind and parts behind its be32 length. No two keys share
 * one, and that of a shorter tuple is a prefix of those that go on from it. At most
 * CAPSA_LIMIT_record_key bytes. */
CAPSA_RESULT capsa_record_key_write(const struct capsa_record_key *key, capsa_buf *ret_bytes);
/* Back again; the strings live in `texts`, NUL-ended, until it changes. */
CAPSA_RESULT capsa_record_key_parse(capsa_bytes bytes, capsa_buf *texts,
                                    struct capsa_record_key *ret_key);

/* For people, in errors: "default/policy/scope/uuid", cut to fit. Never fails; bytes that are no
 * key show as "(unreadable key)". */
#define CAPSA_RECORD_KEY_TEXT 160
void capsa_record_key_text(capsa_bytes bytes, char ret_text[CAPSA_RECORD_KEY_TEXT]);

/* ---- Owners ---------------------------------------------------------------------------------- */

/* A set of owners is written as its ids in byte order, each once, behind their be32 lengths: one
 * form for one set. An empty set authorises nobody, and an empty id is refused (USAGE). At most
 * CAPSA_LIMIT_record_owners ids. */
CAPSA_RESULT capsa_owners_write(const char *const *ids /* NULL-ended, or NULL */,
                                capsa_buf *ret_owners);
size_t capsa_owners_count(capsa_bytes owners);
bool capsa_owners_has(capsa_bytes owners, const char *id);
/* The index-th id (not NUL-ended), or len 0 and data NULL behind the last. */
capsa_bytes capsa_owners_at(capsa_bytes owners, size_t index);
CAPSA_RESULT capsa_owners_check(capsa_bytes owners); /* holds when it is that one form */

/* ---- Records --------------------------------------------------------------------------------- */

/* Start from {0}. Both buffers are wiped when dropped. */
typedef struct {
    uint64_t version; /* 1 at first, one more with each put; 0: there is no record */
    capsa_buf owners; /* capsa_owners_... reads it */
    capsa_buf value;
} capsa_record;
void capsa_record_drop(capsa_record *record);

/* ---- Batches --------------------------------------------------------------------------------- */

/* A mutation as a value. Steps are taken in the order in which they were added, and each sees what
 * those before it did. The batch owns copies of all bytes and wipes them. One thread at a time. */
struct capsa_batch;
CAPSA_RESULT capsa_batch_new(struct capsa_batch **ret_batch);
void capsa_batch_free(struct capsa_batch *batch); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_batch)

/* For a remove alone: whatever is there, or nothing. A put always names the version it replaces,
 * because the version is sealed with the value. */
#define CAPSA_VERSION_ANY UINT64_MAX

/* `expected`: the version that the record must have now, 0: that there must be none. Otherwise the
 * whole batch fails with CAPSA_E_CONFLICT naming the key. After a put the version is expected + 1.
 * `owners`: ids, NULL-ended; NULL: none. A value is at most CAPSA_LIMIT_record_value bytes. */
CAPSA_RESULT capsa_batch_put(struct capsa_batch *batch, const struct capsa_record_key *key,
                             uint64_t expected, const char *const *owners, capsa_bytes value);
/* As before, with owners as a record holds them: to put a record back with its owners. */
CAPSA_RESULT capsa_batch_put_owned(struct capsa_batch *batch, const struct capsa_record_key *key,
                                   uint64_t expected, capsa_bytes owners, capsa_bytes value);
CAPSA_RESULT capsa_batch_remove(struct capsa_batch *batch, const struct capsa_record_key *key,
                                uint64_t expected);
/* Nothing changes; the batch fails unless the version is (still) the expected one. */
CAPSA_RESULT capsa_batch_check(struct capsa_batch *batch, const struct capsa_record_key *key,
                               uint64_t expected);
/* An audit leaf, opaque here, of at most CAPSA_LIMIT_record_value bytes; `context` is handed
 * through. Whoever commits turns the leaves of the batches that went in into records of the same
 * transaction (capsa_group.finish in store_backend.h). Committing a batch with leaves where nobody
 * does that is CAPSA_E_UNSUPPORTED: no leaf is dropped unnoticed. */
CAPSA_RESULT capsa_batch_leaf(struct capsa_batch *batch, capsa_bytes leaf, void *context);
bool capsa_batch_is_empty(const struct capsa_batch *batch);

/* ---- Stores ---------------------------------------------------------------------------------- */

struct capsa_store;

/* Of a sealed store: which records it holds, in so many bytes (store_sealed.h). */
#define CAPSA_STORE_STATE 32

/* "sqlite:/var/lib/capsa/keys.db", "memory:". An unknown scheme is CAPSA_E_UNSUPPORTED and names
 * the schemes there are. A store that another process has open is CAPSA_E_BUSY. What this opens
 * does not seal: services use capsa_store_open_sealed. */
CAPSA_RESULT capsa_store_open(const char *location, struct capsa_store **ret_store);
/* Call when no other thread uses it any more. NULL is fine. */
void capsa_store_free(struct capsa_store *store);
CAPSA_DEFINE_AUTO_FREE(capsa_store)
/* "sqlite", "memory": for the banner. The decorator answers with what it wraps. */
const char *capsa_store_scheme(const struct capsa_store *store);

/* Any thread. The record is as of one committed state. CAPSA_E_NOT_FOUND when there is none;
 * CAPSA_E_TAMPERED, naming it, when it is not as it was sealed; CAPSA_E_STORE when it cannot be
 * read. */
CAPSA_RESULT capsa_store_get(struct capsa_store *store, const struct capsa_record_key *key,
                             capsa_record *ret_record);
/* The same, except that no record is success with version 0. */
CAPSA_RESULT capsa_store_find(struct capsa_store *store, const struct capsa_record_key *key,
                              capsa_record *ret_record);

/* Called for each record in the order of canonical keys (stable; a shorter part comes before a
 * longer one). Key and record are borrowed for the call. A failure ends the walk and is returned;
 * *ret_stop = true ends it with success. Must not call the store: collect, then get. */
typedef capsa_result (*capsa_store_visit)(void *context, const struct capsa_record_key *key,
                                          const capsa_record *record, bool *ret_stop);
/* All records under `prefix` as of one committed state. Any thread. One that was tampered with
 * fails the walk: an incomplete list is no list. */
CAPSA_RESULT capsa_store_each(struct capsa_store *store, const struct capsa_record_key *prefix,
                              capsa_store_visit visit, void *context);

/* Commit one batch, durably, when one thread does all the writing (commands, tests). Services use
 * the writer. */
CAPSA_RESULT capsa_store_commit(struct capsa_store *store, const struct capsa_batch *batch);

/* Copy the store as of one committed state to a new file, also while a daemon has it open: complete
 * and on disk, or absent. Sealed values stay sealed: the root key is not in it. CAPSA_E_EXISTS:
 * `to` is there already. CAPSA_E_UNSUPPORTED: the scheme keeps nothing on disk. */
CAPSA_RESULT capsa_store_backup(const char *location, const char *to);
/* Check such a file and put it in the store's place, in one transaction, while no daemon runs
 * (else CAPSA_E_BUSY). Makes the store when there is none; what was there is kept in a file with
 * CAPSA_STORE_KEPT behind its name, and where that is still there, CAPSA_E_EXISTS. */
#define CAPSA_STORE_KEPT ".before-restore"
CAPSA_RESULT capsa_store_restore(const char *location, const char *from);
