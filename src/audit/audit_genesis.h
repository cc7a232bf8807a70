/* SPDX-License-Identifier: Apache-2.0
 *
 * The genesis of a manager: how it began, and so who it is (docs/explanation/PROTOCOL.md, section
 * 2). The manager reads its own, clients that of whoever answers, and auditors that of a log. Pure.
 */
#pragma once

#include "audit/audit_note.h"
#include "wire/capsa.pb-c.h"

/* Parsed strictly: format 1, a known mode, keys of the right size, insecure options sorted. Belongs
 * to the caller (capsa_message_free). */
CAPSA_RESULT capsa_genesis_parse(capsa_bytes bytes, Native__Genesis **ret_genesis);
/* The manager id: hex of SHA-256. */
void capsa_genesis_id(capsa_bytes bytes, char ret_id[CAPSA_MANAGER_ID]);
/* May a store of this genesis be opened so? `insecure` is NULL-ended, or NULL. DENIED says what
 * differs. */
CAPSA_RESULT capsa_genesis_allows(const Native__Genesis *genesis, const char *mode,
                                  const char *const *insecure);

/* A trust anchor by which evidence is judged, as the genesis names it. */
struct capsa_genesis_anchor {
    const char *id;
    uint8_t sha256[CAPSA_SHA256]; /* of its key */
    bool is_vendor;               /* else simulated */
};
/* A vendor's anchors are part of the code and may come and go with it; a simulated one is good only
 * for the store that began with it. DENIED. */
CAPSA_RESULT capsa_genesis_allows_anchor(const Native__Genesis *genesis,
                                         const struct capsa_genesis_anchor *anchor);
