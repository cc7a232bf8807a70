/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral of many platforms in one file or folder, for places without a network. A file that is
 * complete by itself is an entry; files that are only parts make up one entry together. Which entry
 * belongs to evidence is found by what stands in both; that it really proves it is for the verifier
 * to say.
 */
#pragma once

#include "crypto/crypto.h"
#include "evidence/evidence.h"

struct capsa_collateral_entry {
    capsa_collateral collateral;
    uint8_t digest[CAPSA_SHA256]; /* of its text: what is there already is not added again */
};

typedef struct capsa_collateral_entries {
    struct capsa_collateral_entry *items;
    size_t count, room;
    capsa_collateral parts; /* of files that are not complete by themselves */
} capsa_collateral_entries;
void capsa_collateral_entries_init(capsa_collateral_entries *entries);
void capsa_collateral_entries_drop(capsa_collateral_entries *entries);

/* One file's content: a bundle, or whatever capsa_collateral_add takes; with `any`
 * capsa_collateral_add_any. After a failure some of it may have been added. */
CAPSA_RESULT capsa_collateral_entries_add(capsa_collateral_entries *entries, const char *name,
                                          capsa_bytes bytes, bool any);
/* A file; or a folder: its files that are collateral, and each of its folders as one entry, as
 * capsa_collateral_load reads them. */
CAPSA_RESULT capsa_collateral_entries_load(capsa_collateral_entries *entries, const char *path);
/* No more is added: the parts become an entry, if they are any. */
CAPSA_RESULT capsa_collateral_entries_end(capsa_collateral_entries *entries);

/* Text of one file: of one entry in its own form, which every command takes as collateral; of
 * several in a list. MALFORMED when an entry is incomplete, naming what it lacks. */
CAPSA_RESULT capsa_collateral_entries_write(const capsa_collateral_entries *entries,
                                            capsa_buf *ret_text);
/* The same for collateral that was fetched. */
CAPSA_RESULT capsa_collateral_write(const capsa_collateral *collateral,
                                    struct capsa_json **ret_json);
/* Takes the entry out that belongs to the evidence, into a fresh *ret_collateral. NOT_FOUND says
 * what was looked for. */
CAPSA_RESULT capsa_collateral_entries_take(capsa_collateral_entries *entries,
                                           enum capsa_platform platform, capsa_bytes evidence,
                                           capsa_collateral *ret_collateral);
