/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a configuration can be, said before anything is opened.
 */
#pragma once

#include "base/bytes.h"
#include "programs/capsad_config.h"

/* MALFORMED, USAGE or UNSUPPORTED, naming the key. */
CAPSA_RESULT capsad_check_config(const struct capsad_config *config);

bool capsad_stores_in_memory(const struct capsad_config *config);
bool capsad_platform_is_simulated(const char *platform);
/* sim_dir and sim_code; "" in builds without simulation. */
const char *capsad_sim_dir(const struct capsad_config *config);
const char *capsad_sim_code(const struct capsad_config *config);
/* Of programs: as `evidence` says, or by default where there is a platform. */
bool capsad_evidence_is_required(const struct capsad_config *config);
