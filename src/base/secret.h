/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets: keys and what is derived from them. A capsa_secret lies in pages of its own between two
 * guard pages, locked in memory where the system allows it, kept out of core dumps and of forked
 * children, and is wiped when freed (its page may serve the next one). Borrowing one gives
 * capsa_secret_bytes, a type of its own: neither the logger nor a hex printer nor a plain compare
 * takes it. The one way to capsa_bytes is capsa_declassify(bytes, "reason"), and
 * tools/check-mistakes counts its uses.
 *
 * Larger or shorter-lived secret text (an opened envelope) lives in capsa_buf, which wipes too.
 */
#pragma once

#include "base/buf.h"
#include "base/bytes.h"
#include "base/result.h"

struct capsa_secret;

typedef struct {
    const uint8_t *data;
    size_t len;
} capsa_secret_bytes;

/* A secret of `len` zero bytes, to be filled through capsa_secret_room. At most 1 MiB. */
CAPSA_RESULT capsa_secret_new(size_t len, struct capsa_secret **ret_secret);
CAPSA_RESULT capsa_secret_copy(capsa_bytes bytes, struct capsa_secret **ret_secret);
void capsa_secret_free(struct capsa_secret *secret); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_secret)

uint8_t *capsa_secret_room(struct capsa_secret *secret); /* writable, len bytes */
capsa_secret_bytes capsa_secret_borrow(const struct capsa_secret *secret);

/* True once a secret could not be locked in memory (RLIMIT_MEMLOCK); the daemon's banner says so.
 */
bool capsa_secret_lock_failed(void);

/* For programs, first of all: no core dump of this process, and no debugger of the same user,
 * because libraries keep keys in plain memory. */
CAPSA_RESULT capsa_secret_forbid_dumps(void);

#define capsa_declassify(secret, reason)                                                           \
    ((void)sizeof(reason), capsa_bytes_of((secret).data, (secret).len))

/* A secret that lies in a wiping buffer. */
static inline capsa_secret_bytes capsa_secret_of_buf(const capsa_buf *buf)
{
    return (capsa_secret_bytes){buf->data, buf->len};
}

void capsa_wipe(void *data, size_t len); /* never optimised away */
/* Equal, in time that depends on the lengths alone. */
bool capsa_equal_ct(capsa_secret_bytes a, capsa_secret_bytes b);
