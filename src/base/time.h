/* SPDX-License-Identifier: Apache-2.0
 *
 * Time as a value, and a clock that tests can set. Whoever needs the time is handed a clock.
 */
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/result.h"

typedef int64_t capsa_time; /* seconds since 1970-01-01T00:00:00Z */

struct capsa_clock {
    capsa_time (*now)(const struct capsa_clock *clock); /* any thread */
    capsa_time fixed;                                   /* for capsa_clock_at */
};

extern const struct capsa_clock capsa_clock_system;
/* A clock that stands at `at`; change .fixed to move it. */
struct capsa_clock capsa_clock_at(capsa_time at);

static inline capsa_time capsa_now(const struct capsa_clock *clock)
{
    return clock->now(clock);
}

/* Monotonic microseconds, for durations only. */
int64_t capsa_monotonic_us(void);

#define CAPSA_TIME_TEXT 21
/* "2026-11-21T12:00:00Z" (RFC 3339, UTC, seconds). */
void capsa_time_text(capsa_time time, char text[CAPSA_TIME_TEXT]);
/* RFC 3339 with any offset and fraction (dropped). */
CAPSA_RESULT capsa_time_parse(capsa_bytes text, capsa_time *ret_time);
