/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: an identity as contexts use it.
 */
#pragma once

#include "api/api_internal.h"
#include "capsa/ratls.h"
#include "ratls/ratls_identity.h"

CAPSA_DEFINE_AUTO_FREE(libcapsa_identity)

/* One more that uses it; libcapsa_identity_free lets go. NULL stays NULL. */
libcapsa_identity *capsa_api_identity_share(const libcapsa_identity *identity);
/* What was made, to be freed; USAGE when nothing was. It needs the identity for as long as it
 * lives. */
CAPSA_RESULT capsa_api_identity_made(const libcapsa_identity *identity,
                                     struct capsa_ratls_identity **ret_made);
/* Where collateral comes from instead of from the attester; `drop` is called when it is replaced,
 * or the identity goes. USAGE when it was made already: then nothing is taken over. */
CAPSA_RESULT capsa_api_identity_set_getter(libcapsa_identity *identity,
                                           struct capsa_collateral_getter getter,
                                           void (*drop)(void *context));
