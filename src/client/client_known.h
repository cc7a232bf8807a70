/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of the file known_managers: which manager answers at which address.
 *
 *   # whatever somebody wants to remember
 *   HOST:PORT MANAGER-ID MODE
 *
 * One line a manager, words apart by spaces or tabs; empty lines and comments stay when the file is
 * written anew. Anything else is refused: a line that cannot be read is a manager that is not
 * recognized. Pure.
 */
#pragma once

#include "audit/audit_note.h"
#include "base/buf.h"

#define CAPSA_KNOWN_ADDRESS 280 /* a DNS name, brackets, a port */
#define CAPSA_KNOWN_MODE    16

struct capsa_known {
    char address[CAPSA_KNOWN_ADDRESS];
    char id[CAPSA_MANAGER_ID];
    char mode[CAPSA_KNOWN_MODE]; /* "simulation" or "production" */
};

/* Every entry, in their order; a failure of `each` is handed on. MALFORMED names the line. */
typedef CAPSA_RESULT (*capsa_known_each)(void *context, const struct capsa_known *known);
CAPSA_RESULT capsa_known_walk(capsa_bytes text, capsa_known_each each, void *context);

/* The entry of an address; false when there is none. Two of them are MALFORMED. */
CAPSA_RESULT capsa_known_find(capsa_bytes text, const char *address, bool *ret_found,
                              struct capsa_known *ret_known);
/* Append the text as it is with one more line; the address is not there yet. */
CAPSA_RESULT capsa_known_add(capsa_bytes text, const struct capsa_known *known,
                             capsa_buf *ret_text);
/* Append the text without the line of an address. */
CAPSA_RESULT capsa_known_remove(capsa_bytes text, const char *address, capsa_buf *ret_text);
