/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of attesters (attester.h). The order is that of lists for people: an attester is asked
 * for by name, and none stands in for another.
 */
#include "attester/attester.h"

#include "attester/attester_table.h"

static const struct capsa_attester *const attesters[] = {
    &capsa_attester_sgx,
    &capsa_attester_tdx,
    &capsa_attester_snp,
    &capsa_attester_csv,
#ifdef CAPSA_SIMULATION
    &capsa_attester_sim_sgx,
    &capsa_attester_sim_tdx,
#endif
    NULL,
};

const struct capsa_attester *capsa_attester_by_name(const char *name)
{
    for (size_t i = 0; attesters[i] != NULL; i++) {
        if (capsa_streq(attesters[i]->name, name)) {
            return attesters[i];
        }
    }
    return NULL;
}

const struct capsa_attester *const *capsa_attesters(size_t *ret_count)
{
    *ret_count = sizeof(attesters) / sizeof(attesters[0]) - 1;
    return attesters;
}

CAPSA_RESULT capsa_attester_list(capsa_buf *ret_names)
{
    for (size_t i = 0; attesters[i] != NULL; i++) {
        CAPSA_TRY(capsa_buf_format(ret_names, "%s%s", i == 0 ? "" : ", ", attesters[i]->name));
    }
    return CAPSA_OK;
}
