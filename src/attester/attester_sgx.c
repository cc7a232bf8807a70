/* SPDX-License-Identifier: Apache-2.0
 *
 * The attester of Intel SGX. An enclave sees the world through its library OS, and which one that
 * is shows in what lies in /dev: Gramine's files first, then Occlum's device.
 */
#include "attester/attester_sgx.h"

#include "attester/attester_table.h"

static const struct capsa_interface *const list[] = {&capsa_interface_gramine,
                                                     &capsa_interface_occlum, NULL};
static const struct capsa_interfaces interfaces = {
    CAPSA_PLATFORM_SGX, "Gramine's /dev/attestation, Occlum's /dev/sgx", list};

static bool present(const struct capsa_attester_options *options)
{
    return capsa_interfaces_present(&interfaces, options);
}

static capsa_result collect(const struct capsa_attester_options *options,
                            const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
                            capsa_collateral *ret_collateral)
{
    return capsa_interfaces_collect(&interfaces, options, report_data, ret_evidence,
                                    ret_collateral);
}

const struct capsa_attester capsa_attester_sgx = {"sgx", "Intel SGX, under Gramine or Occlum",
                                                  CAPSA_PLATFORM_SGX, present, collect};
