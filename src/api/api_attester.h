/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: an attester as identities use it.
 */
#pragma once

#include "api/api_internal.h"
#include "capsa/attest.h"
#include "ratls/ratls_identity.h"

CAPSA_DEFINE_AUTO_FREE(libcapsa_attester)

/* With all that it is set to. */
CAPSA_RESULT capsa_api_attester_copy(const libcapsa_attester *attester,
                                     libcapsa_attester **ret_copy);
/* It as ratls/ asks it; borrowed. */
struct capsa_ratls_attester capsa_api_attester(libcapsa_attester *attester);
