/* SPDX-License-Identifier: Apache-2.0
 *
 * A progress bar on a terminal. Start from {.name = ...}; drawn at most ten times a second, and not
 * at all where standard error is no terminal or the work is short.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct capsa_cli_progress {
    FILE *out;
    const char *name;                    /* what is being done: "sealing big.csv" */
    const char *unit;                    /* what is counted: "entries"; NULL: bytes */
    int64_t started;                     /* monotonic microseconds; 0: not yet */
    int64_t drawn;                       /* when last; 0: never */
    const volatile sig_atomic_t *caught; /* a signal that asked to stop; or NULL */
};

/* For capsa_file_options.progress: `context` is the struct. False once a signal asked to stop. */
bool capsa_cli_progress_step(void *context, uint64_t done, uint64_t total);
/* Take the bar away, if there is one. */
void capsa_cli_progress_end(struct capsa_cli_progress *progress);

/* The bar's text without colours or line end, cut to `size`. `total` 0: not known. Pure. */
void capsa_cli_progress_text(const char *name, uint64_t done, uint64_t total, int64_t elapsed_us,
                             char *ret_text, size_t size);
