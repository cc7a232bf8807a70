/* SPDX-License-Identifier: Apache-2.0
 *
 * Making evidence of the program that runs here. Asked for by name; nothing is ever chosen because
 * something else is missing. Blocks; never logs. What is bound is the caller's 64 bytes: only our
 * own protocols make them (evidence.h), and no service binds what its caller chose.
 */
#pragma once

#include "evidence/evidence.h"

/* Where the interfaces of the kernel stand; for tests and containers. */
struct capsa_attester_options {
    const char *root;     /* put before every path: "" or NULL is the real one */
    const char *sim_dir;  /* of sim-sgx and sim-tdx: what `capsa sim init` made */
    const char *sim_code; /* of sim-sgx and sim-tdx: the file whose bytes are the program's code;
                             NULL: /proc/self/exe */
    const char *qgs;      /* of tdx: where the host's quoting service listens, "vsock:CID:PORT" or
                             "unix:PATH"; NULL: what /etc/tdx-attest.conf says */
    unsigned tries;       /* how often an interface that is busy is asked; 0: a dozen, in 4 s */
};

struct capsa_interfaces; /* attester_interface.h, within this folder */

/* Its functions are given itself. */
struct capsa_attester {
    const char *name; /* "sgx", "tdx", "snp", "csv", "sim-sgx", "sim-tdx" */
    const char *what;
    enum capsa_platform platform;
    /* Cheap; may be called any time. False: this machine has no such interface. */
    bool (*present)(const struct capsa_attester *attester,
                    const struct capsa_attester_options *options);
    /* Evidence that binds report_data; and the certificates that the interface itself hands out
     * beside it, if any (SNP's table): the rest of the collateral is fetched by collateral/. */
    CAPSA_RESULT(*collect)
    (const struct capsa_attester *attester, const struct capsa_attester_options *options,
     const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
     capsa_collateral *ret_collateral);
    const struct capsa_interfaces *interfaces; /* NULL: it has none of the kernel */
};
/* NULL: no such attester in this build. */
const struct capsa_attester *capsa_attester_by_name(const char *name);
const struct capsa_attester *const *capsa_attesters(size_t *ret_count);
/* "sgx, tdx": those of this build, appended. */
CAPSA_RESULT capsa_attester_list(capsa_buf *ret_names);
