/* SPDX-License-Identifier: Apache-2.0
 *
 * The attester of Intel SGX. An enclave sees the world through its library OS, and which one that
 * is shows in what lies in /dev: Gramine's files first, then Occlum's device.
 */
#include "attester/attester_sgx.h"

#include "attester/attester_table.h"

static const struct capsa_interface *const list[] = {&capsa_interface_gramine,
                                                     &capsa_interface_occlum, NULL};
static const struct capsa_interfaces interfaces = {"Gramine's /dev/attestation, Occlum's /dev/sgx",
                                                   list};

const struct capsa_attester capsa_attester_sgx = {"sgx",
                                                  "Intel SGX, under Gramine or Occlum",
                                                  CAPSA_PLATFORM_SGX,
                                                  capsa_interfaces_present,
                                                  capsa_interfaces_collect,
                                                  &interfaces};
