/* SPDX-License-Identifier: Apache-2.0
 *
 * What failing.c and failing_disk.c share: what is to become of one call.
 */
#pragma once

#include "failing.h"

enum failing_fate {
    FAILING_FATE_NONE,  /* done as asked */
    FAILING_FATE_FAILS, /* not done; an error */
    FAILING_FATE_SHORT, /* a write: half of it is done, which is no error; else as FAILS */
    FAILING_FATE_KILLED,
    FAILING_FATE_HALFWAY,
    FAILING_FATE_BEHIND,
};

/* Counts a call of the kind. */
enum failing_fate failing_fate_of(enum failing_what what);
/* The call that failed was to bring something to the disk. */
void failing_lost(void);
void failing_synced(void);
