/* SPDX-License-Identifier: Apache-2.0
 *
 * From a store of collateral to what an appraiser asks (appraisal_getter.h).
 */
#include "appraisal/appraisal_getter.h"

static capsa_result get(void *context, enum capsa_platform platform, capsa_bytes evidence,
                        capsa_collateral *ret_collateral)
{
    return capsa_collateral_get(context, platform, evidence, ret_collateral);
}

struct capsa_collateral_getter capsa_collateral_getter_of(struct capsa_collateral_store *store)
{
    return (struct capsa_collateral_getter){.context = store, .get = store == NULL ? NULL : get};
}
