/* SPDX-License-Identifier: Apache-2.0
 *
 * The root of a store rests in slots: rows of the store that hold it wrapped, each by a provider
 * that can unwrap it again. Slots stand in the clear, since they come before everything that is
 * sealed; what wraps them is bound to the slot and to the manager. A provider is a table of two
 * functions; providers that are designed and not built stand in the table with the reason.
 *
 * A provider may need somebody else (a peer, shares, a key service), so its calls may end later.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "store/store.h"

#define CAPSA_SLOT_NAMESPACE "capsa"
#define CAPSA_SLOT_KIND      "slot"

/* What somebody must break who wants the root out of a slot. */
enum capsa_slot_class {
    CAPSA_SLOT_SIMULATION, /* nothing: it is a file */
    CAPSA_SLOT_PLATFORM,   /* the TEE */
    CAPSA_SLOT_EXTERNAL,   /* a key service, or the operator's token for it */
    CAPSA_SLOT_QUORUM,     /* other instances, or k of n people */
};
const char *capsa_slot_class_name(enum capsa_slot_class trust_class);

typedef struct capsa_slot {
    char *id;
    const struct capsa_slot_provider *provider; /* static */
    capsa_buf parameters;                       /* the provider's own; public */
    uint32_t epoch;
    capsa_buf wrapped;
    uint8_t manager_id[CAPSA_SHA256];
} capsa_slot;
void capsa_slot_drop(capsa_slot *slot); /* callable twice, and on zeros */

/* A slot row's value (rec.Slot), and back: pure. */
CAPSA_RESULT capsa_slot_write(const struct capsa_slot *slot, capsa_buf *ret_bytes);
CAPSA_RESULT capsa_slot_parse(capsa_bytes bytes, capsa_slot *ret_slot);
/* What the wrapped root must be bound to: everything of the slot but the wrapped bytes. */
CAPSA_RESULT capsa_slot_aad(const struct capsa_slot *slot, capsa_buf *ret_aad);

/* ---- Providers ------------------------------------------------------------------------------- */

enum capsa_slot_progress {
    CAPSA_SLOT_DONE,
    CAPSA_SLOT_PENDING, /* `done` will be called by another thread */
};

/* Called once for each call below, also when it failed. `bytes` is borrowed for the call: of a wrap
 * what capsa_slot.wrapped shall be, of an unwrap the root. */
typedef void (*capsa_slot_done)(void *context, capsa_result result, capsa_secret_bytes bytes);

struct capsa_slot_provider {
    const char *name;
    enum capsa_slot_class trust_class;
    const char *missing; /* NULL, or why it cannot be used; then there are no functions */
    /* Public parameters of a new store's slot, before its first wrap; what `where` names is made
     * when it is not there. */
    CAPSA_RESULT (*prepare)(const char *where, capsa_buf *ret_parameters);
    /* `where` is the configuration's. Success of the call is told by `done`, not before. */
    enum capsa_slot_progress (*wrap)(const char *where, const struct capsa_slot *slot,
                                     capsa_secret_bytes root, capsa_slot_done done, void *context);
    enum capsa_slot_progress (*unwrap)(const char *where, const struct capsa_slot *slot,
                                       capsa_slot_done done, void *context);
};

extern const struct capsa_slot_provider capsa_slot_file;
extern const struct capsa_slot_provider *const capsa_slot_providers[]; /* NULL-ended */

/* One that can be used. UNSUPPORTED: an unknown one (the known ones are named), or one that is not
 * built. */
CAPSA_RESULT capsa_slot_provider_find(const char *name,
                                      const struct capsa_slot_provider **ret_provider);

/* Call, and wait for the end; `on_pending` (or NULL) is called once when it takes longer. */
typedef void (*capsa_slot_pending)(void *context);
CAPSA_RESULT capsa_slot_wrap(struct capsa_slot *slot, const char *where, capsa_secret_bytes root);
CAPSA_RESULT capsa_slot_unwrap(const struct capsa_slot *slot, const char *where,
                               capsa_slot_pending on_pending, void *context,
                               struct capsa_secret **ret_root);

/* ---- Of a store ------------------------------------------------------------------------------ */

/* The slots of a store, sealed or not, in the order of their ids. The slot is borrowed for the
 * call. One that cannot be read is TAMPERED. */
typedef capsa_result (*capsa_slot_visit)(void *context, const struct capsa_slot *slot,
                                         uint64_t version, bool *ret_stop);
CAPSA_RESULT capsa_store_slots(struct capsa_store *store, capsa_slot_visit visit, void *context);
