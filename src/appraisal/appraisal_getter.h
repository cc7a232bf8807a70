/* SPDX-License-Identifier: Apache-2.0
 *
 * The getter of an appraiser on a store of collateral (collateral_source.h).
 */
#pragma once

#include "appraisal/appraisal.h"
#include "collateral/collateral_source.h"

/* Borrows `store`, which must outlive whoever holds the getter; NULL: a getter that is none. */
struct capsa_collateral_getter capsa_collateral_getter_of(struct capsa_collateral_store *store);
