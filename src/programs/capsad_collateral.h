/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the daemon gets collateral that evidence does not bring along: nowhere, unless the
 * configuration says so, because whoever waits for a key waits for that server then.
 */
#pragma once

#include "collateral/collateral_source.h"
#include "programs/capsad_config.h"

/* NULL when nothing is to be fetched. USAGE for what does not go together, IO for a cache that
 * cannot be written. */
CAPSA_RESULT capsad_collateral_open(const struct capsad_config *config,
                                    struct capsa_collateral_store **ret_store);
