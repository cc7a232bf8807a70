/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: threads that make and judge evidence, so that no loop waits for it. A bounded
 * queue, first come first served; what nobody waits for any more is not begun.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/result.h"

/* Lies in what is worked at. `run` is called once, on a worker, unless it was withdrawn. */
struct capsa_ratls_work {
    void (*run)(struct capsa_ratls_work *work);
    struct capsa_ratls_work *before, *after;
    bool is_queued;
};

struct capsa_ratls_workers;
/* At most `max` pieces wait. */
CAPSA_RESULT capsa_ratls_workers_new(unsigned threads, size_t max,
                                     struct capsa_ratls_workers **ret_workers);
/* Waits for what runs; what waits is not begun, and must not be touched any more. NULL is fine. */
void capsa_ratls_workers_free(struct capsa_ratls_workers *workers);
CAPSA_DEFINE_AUTO_FREE(capsa_ratls_workers)
/* BUSY: too many wait, and the work stays the caller's. */
CAPSA_RESULT capsa_ratls_workers_submit(struct capsa_ratls_workers *workers,
                                        struct capsa_ratls_work *work);
/* True: it had not begun, and never will. False: it runs, or has run. */
bool capsa_ratls_workers_withdraw(struct capsa_ratls_workers *workers,
                                  struct capsa_ratls_work *work);
