/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: threads that make and judge evidence, so that no loop waits for it. A bounded
 * queue, of which one address can take a part and no more; what nobody waits for any more is not
 * begun.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/result.h"

/* Lies in what is worked at. `run` is called once, on a worker, unless it was withdrawn. */
struct capsa_ratls_work {
    void (*run)(struct capsa_ratls_work *work);
    struct capsa_ratls_work *before, *after;
    unsigned slot; /* of the peer's address */
    bool is_queued;
};

struct capsa_ratls_workers;
/* At most `max` pieces wait, `share` of them for one address. */
CAPSA_RESULT capsa_ratls_workers_new(unsigned threads, size_t max, size_t share,
                                     struct capsa_ratls_workers **ret_workers);
/* Waits for what runs; what waits is not begun, and must not be touched any more. NULL is fine. */
void capsa_ratls_workers_free(struct capsa_ratls_workers *workers);
CAPSA_DEFINE_AUTO_FREE(capsa_ratls_workers)
/* `peer`: "127.0.0.1:80", for whom it is. Of what waits, that is begun first whose address has the
 * fewest threads working for it; of these, what came first. BUSY: too many wait, at all or of this
 * address, and the work stays the caller's. */
CAPSA_RESULT capsa_ratls_workers_submit(struct capsa_ratls_workers *workers, const char *peer,
                                        struct capsa_ratls_work *work);
/* True: it had not begun, and never will. False: it runs, or has run. */
bool capsa_ratls_workers_withdraw(struct capsa_ratls_workers *workers,
                                  struct capsa_ratls_work *work);
