/* SPDX-License-Identifier: Apache-2.0
 *
 * What every service stands on: a sealed store with its genesis, its audit log, its anchor and its
 * one writer, opened together and in the one order that is safe. A manager is who its genesis says;
 * the SHA-256 of the genesis is the manager id (docs/explanation/PROTOCOL.md, section 2).
 */
#pragma once

#include "audit/audit_genesis.h"
#include "audit/audit_log.h"
#include "base/log.h"
#include "base/time.h"
#include "store/store_sealed.h"
#include "store/store_writer.h"

struct capsa_ledger;

struct capsa_ledger_options {
    const char *location; /* "sqlite:PATH", "memory:" */
    struct capsa_store
        *inner; /* NULL, or instead of `location` a back-end that is open; taken over */
    const char *root_key_path; /* of the slot of provider "file"; NULL with "memory:" */
    const char *anchor;        /* of the log: "none", "file:PATH"; NULL is "none" */
    /* "simulation" or "production": must be that of the genesis. NULL: whatever that says, and an
     * empty store is NOT_FOUND; for commands beside the daemon. */
    const char *mode;
    /* The insecure options that are on, sorted, NULL-ended (NULL: none). A new store's genesis
     * holds them; one that exists must hold every one, or it does not open. */
    const char *const *insecure;
    /* The trust anchors by which evidence is judged. A new store's genesis names them; one that
     * exists must name each one that is simulated. */
    const struct capsa_genesis_anchor *anchors;
    size_t anchors_count;
    const struct capsa_clock *clock;
    struct capsa_store_progress *progress; /* or NULL */
};

/* Makes what is absent. DENIED: another mode, or an option or trust anchor that the genesis does
 * not allow. TAMPERED: the store is not what its log says. Blocks while records are checked. */
CAPSA_RESULT capsa_ledger_open(const struct capsa_ledger_options *options,
                               struct capsa_ledger **ret_ledger);
/* Stops the writer. NULL is fine. */
void capsa_ledger_free(struct capsa_ledger *ledger);
CAPSA_DEFINE_AUTO_FREE(capsa_ledger)

/* All borrowed, good until _free. */
struct capsa_store *capsa_ledger_store(const struct capsa_ledger *ledger);
struct capsa_writer *capsa_ledger_writer(const struct capsa_ledger *ledger);
struct capsa_audit_log *capsa_ledger_log(const struct capsa_ledger *ledger);
const char *capsa_ledger_manager_id(const struct capsa_ledger *ledger); /* 64 hex digits */
const char *capsa_ledger_anchor_name(const struct capsa_ledger *ledger);
bool capsa_ledger_is_new(const struct capsa_ledger *ledger); /* begun by this _open */

/* A SignedManagerInfo for these keys: the content of the certificate's extension. `kid`, `alg`,
 * `spki` and `not_after` of each are the caller's. */
CAPSA_RESULT capsa_ledger_announce(const struct capsa_ledger *ledger,
                                   Native__ManagerInfo__EnvelopeKey *const *keys, size_t count,
                                   capsa_buf *ret_signed_info);

/* A name for what the parts say that tells nothing to whoever does not have this store: HMAC under
 * a key of its own. */
void capsa_ledger_blind(const struct capsa_ledger *ledger, const capsa_bytes *parts, size_t count,
                        uint8_t ret_name[CAPSA_SHA256]);

/* The time, and that it is not before anything the log has recorded. BUSY, saying by how much: the
 * clock was put back, and nothing is released or changed until it has caught up. */
CAPSA_RESULT capsa_ledger_now(const struct capsa_ledger *ledger, capsa_time *ret_now);

/* All records sealed anew under a new root key, in one transaction with the log's entry about it.
 * For a store that no daemon has open. */
CAPSA_RESULT capsa_ledger_rekey(const struct capsa_ledger_options *options, uint32_t *ret_epoch);
