/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client remembers of managers from one run to the next, in a folder of its own:
 *   known_managers            which manager answers at which address (client_known.h)
 *   checkpoints/MANAGER-ID    the last checkpoint of its log, a signed note
 * Files are written whole or not at all, and under a lock, so that several commands may run at
 * once. The folder appears with the first thing to remember. Nothing in it is secret; that nobody
 * else may write it is what it is worth.
 */
#pragma once

#include "base/buf.h"
#include "client/client_known.h"

struct capsa_client_memory {
    const char *folder; /* borrowed */
};

/* The entry of an address. MALFORMED names the file and the line. */
CAPSA_RESULT capsa_memory_find(const struct capsa_client_memory *memory, const char *address,
                               bool *ret_found, struct capsa_known *ret_known);
/* EXISTS when somebody else was faster with another id; the same entry again is fine. */
CAPSA_RESULT capsa_memory_remember(const struct capsa_client_memory *memory,
                                   const struct capsa_known *known);
/* Takes the entry out, and the manager's checkpoint when no other address has its id. NOT_FOUND:
 * there is no such entry. `ret_known` is what was forgotten. */
CAPSA_RESULT capsa_memory_forget(const struct capsa_client_memory *memory, const char *address,
                                 struct capsa_known *ret_known);
CAPSA_RESULT capsa_memory_walk(const struct capsa_client_memory *memory, capsa_known_each each,
                               void *context);

/* Append the last note of a manager; nothing when there is none. What stands there is not checked.
 */
CAPSA_RESULT capsa_memory_checkpoint(const struct capsa_client_memory *memory, const char *id,
                                     capsa_buf *note);
/* Put `to` in the place of `from` (empty: of none). False: it is not `from` any more. */
CAPSA_RESULT capsa_memory_advance(const struct capsa_client_memory *memory, const char *id,
                                  capsa_bytes from, capsa_bytes to, bool *ret_done);
/* The path of a manager's checkpoint, for error texts. */
CAPSA_RESULT capsa_memory_checkpoint_path(const struct capsa_client_memory *memory, const char *id,
                                          capsa_buf *path);
