/* SPDX-License-Identifier: Apache-2.0
 *
 * An anchor: a place outside the store that remembers the latest checkpoint, so that putting back
 * everything at once is noticed, and two running copies of one store are. A plug-in table:
 * capsa_anchors[]. Where nothing outside is configured the anchor is "none", and says so in the
 * banner and in the manager's certificate.
 */
#pragma once

#include "audit/audit_note.h"

struct capsa_anchor;

struct capsa_anchor_ops {
    const char *name; /* "file" in file:/var/lib/elsewhere/anchor */
    /* Takes the lease: BUSY when another holder has it. `where` is what stands behind "name:". */
    CAPSA_RESULT (*open)(const char *where, struct capsa_anchor **ret_anchor);
    void (*close)(struct capsa_anchor *anchor); /* gives the lease back */
    /* The latest checkpoint's note; nothing appended when there is none yet. */
    CAPSA_RESULT (*get)(struct capsa_anchor *anchor, capsa_buf *note);
    /* Compare and swap: `from` is what get gave, `to` takes its place and is durable at success.
     * CONFLICT: it is not `from` any more. */
    CAPSA_RESULT (*advance)(struct capsa_anchor *anchor, capsa_bytes from, capsa_bytes to);
};

struct capsa_anchor {
    const struct capsa_anchor_ops *ops;
};

extern const struct capsa_anchor_ops capsa_anchor_file;
extern const struct capsa_anchor_ops *const capsa_anchors[]; /* NULL-ended */

/* "none" or "file:PATH"; others are UNSUPPORTED and the known ones named ("witness", "peers" and
 * "tpm" are planned). For "none" *ret_anchor is NULL. */
CAPSA_RESULT capsa_anchor_open(const char *location, struct capsa_anchor **ret_anchor);
void capsa_anchor_close(struct capsa_anchor *anchor);             /* NULL is fine */
const char *capsa_anchor_name(const struct capsa_anchor *anchor); /* "none" for NULL */
