/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration of Intel's own collateral client (/etc/sgx_default_qcnl.conf), for hosts that
 * have one: where its PCCS is, and whether its TLS certificate is checked. JSON with comments, or
 * the older lines NAME=VALUE.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

typedef struct capsa_qcnl {
    char *pccs_url;        /* owned */
    bool accepts_any_cert; /* use_secure_cert: false */
} capsa_qcnl;
void capsa_qcnl_drop(capsa_qcnl *qcnl);
/* MALFORMED with the place; also when no PCCS is named. Settings of no use here are passed over. */
CAPSA_RESULT capsa_qcnl_parse(capsa_bytes text, capsa_qcnl *ret_qcnl);
