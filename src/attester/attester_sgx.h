/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: the interfaces of SGX.
 */
#pragma once

#include "attester/attester_interface.h"

extern const struct capsa_interface capsa_interface_gramine, capsa_interface_occlum;
