/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: /dev/sev-guest, the older interface of SEV-SNP guests.
 */
#pragma once

#include "attester/attester_interface.h"

extern const struct capsa_interface capsa_interface_sev;
