/* SPDX-License-Identifier: Apache-2.0
 *
 * The attester of AMD SEV-SNP: configfs-tsm, which newer kernels have, then /dev/sev-guest.
 */
#include "attester/attester_sev.h"
#include "attester/attester_table.h"
#include "attester/attester_tsm.h"

static capsa_result collect_tsm(const struct capsa_attester_options *options,
                                const uint8_t report_data[CAPSA_REPORT_DATA],
                                capsa_buf *ret_evidence, capsa_buf *ret_certs)
{
    return capsa_tsm_collect(options, "sev_guest", report_data, ret_evidence, ret_certs);
}

static const struct capsa_interface tsm = {"configfs-tsm", capsa_tsm_present, collect_tsm};
static const struct capsa_interface *const list[] = {&tsm, &capsa_interface_sev, NULL};
static const struct capsa_interfaces interfaces = {
    "configfs-tsm (/sys/kernel/config/tsm/report), /dev/sev-guest", list};

const struct capsa_attester capsa_attester_snp = {"snp",
                                                  "AMD SEV-SNP guest",
                                                  CAPSA_PLATFORM_SNP,
                                                  capsa_interfaces_present,
                                                  capsa_interfaces_collect,
                                                  &interfaces};
