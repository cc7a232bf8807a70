/* SPDX-License-Identifier: Apache-2.0
 *
 * What a call leaves in the audit log. A handler notes, for each owner concerned, what was done to
 * or asked of that owner's data and nothing about anybody else's; the dispatcher makes entries of
 * the notes, in the same commit as the handler's changes. Notes are JSON objects;
 * docs/reference/audit.md lists their members.
 */
#pragma once

#include "base/result.h"
#include "codec/json.h"

struct capsa_km_note {
    char *owner; /* party id; "": nobody's */
    struct capsa_json *details;
    size_t room; /* bytes left for what may be left out */
};

typedef struct capsa_km_notes {
    struct capsa_km_note *items;
    size_t count, capacity;
} capsa_km_notes;
void capsa_km_notes_drop(capsa_km_notes *notes); /* callable twice, and on zeros */

/* The details for `owner` (NULL: nobody), begun if there are none. Borrowed until the next call. */
CAPSA_RESULT capsa_km_notes_of(capsa_km_notes *notes, const char *owner,
                               struct capsa_km_note **ret_note);
/* Add {resource_uri, columns} to the details' "resources"; columns are left out when they are too
 * many. */
CAPSA_RESULT capsa_km_notes_resource(capsa_km_notes *notes, const char *owner,
                                     const char *resource_uri, char *const *columns, size_t count);
/* A text member of an owner's details. */
CAPSA_RESULT capsa_km_notes_text(capsa_km_notes *notes, const char *owner, const char *name,
                                 const char *text);
