/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that renews the manager's envelope keys when it is time: making an RSA key takes too
 * long for the event loop.
 */
#pragma once

#include "base/log.h"
#include "keymanager/keymanager.h"

struct capsad_keeper;

/* Both are borrowed. */
CAPSA_RESULT capsad_keeper_new(struct capsa_keymanager *manager, struct capsa_log *log,
                               struct capsad_keeper **ret_keeper);
/* Look whether it is time. Any thread; does not wait. */
void capsad_keeper_wake(struct capsad_keeper *keeper);
/* Waits for a renewal that is under way. NULL is fine. */
void capsad_keeper_free(struct capsad_keeper *keeper);
