/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel's extension of a PCK certificate, as values: which platform it is and at which versions.
 * The verifier judges by it, and who fetches collateral asks by it. Parsed, not believed. Source:
 * contracts, quote-verification section 3.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/result.h"

#define CAPSA_TCB_COMPONENTS 16
struct capsa_pck {
    uint8_t ppid[16], cpu_svn[16], instance[16], pce_id[2], fmspc[6];
    uint8_t components[CAPSA_TCB_COMPONENTS]; /* these are compared, never the CPUSVN */
    uint16_t pce_svn;
    uint8_t sgx_type;
    bool has_instance; /* by the Platform CA: with platform instance and configuration */
    bool dynamic_platform, cached_keys, smt;
};
#define CAPSA_PCK_OID "1.2.840.113741.1.13.1"
CAPSA_RESULT capsa_pck_parse(capsa_bytes extension, struct capsa_pck *ret_pck);
