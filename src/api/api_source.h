/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: a source of collateral as verifiers and identities use it.
 */
#pragma once

#include "api/api_internal.h"
#include "capsa/fetch.h"

/* One more that uses it; libcapsa_source_free lets go. NULL stays NULL. */
libcapsa_source *capsa_api_source_share(const libcapsa_source *source);
/* As capsa_collateral_getter's; `source` is a libcapsa_source. */
CAPSA_RESULT capsa_api_source_get(void *source, enum capsa_platform platform, capsa_bytes evidence,
                                  capsa_collateral *ret_collateral);
