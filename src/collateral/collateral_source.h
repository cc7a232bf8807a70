/* SPDX-License-Identifier: Apache-2.0
 *
 * Where collateral comes from: each kind of source one file behind one table. Answers are bytes to
 * be verified; nothing here decides what is trusted. Blocks; any thread; never logs.
 */
#pragma once

#include "base/time.h"
#include "evidence/evidence.h"

struct capsa_collateral_options {
    const char
        *pccs_url; /* base, e.g. https://localhost:8081/sgx/certification/v4/; NULL: Intel's PCS */
    const char *kds_url;      /* NULL: https://kdsintf.amd.com */
    const char *hygon_url;    /* NULL: https://cert.hygon.cn */
    const char *ca_file;      /* PEM bundle for TLS of these servers; NULL: the system's */
    bool insecure_tls;        /* as use_secure_cert: false of sgx_default_qcnl.conf */
    const char *bundle;       /* offline: a file or folder that `capsa collateral bundle` made; then
                                 nothing is fetched */
    unsigned timeout_seconds; /* of one request; 0: 10 */
    const char *cache_dir;    /* NULL: no cache on disk */
    capsa_time min_fresh_seconds; /* what is older than this is fetched anew; 0: half of its life */
    bool stale_while_error; /* an answer that is still valid may be used when the source fails */
    const struct capsa_clock *clock;
};

struct capsa_collateral_source {
    const char *name; /* "pccs", "kds", "hygon", "bundle" */
    bool (*serves)(enum capsa_platform platform);
    CAPSA_RESULT(*fetch)
    (const struct capsa_collateral_options *options, enum capsa_platform platform,
     capsa_bytes evidence, capsa_collateral *ret_collateral);
};

struct capsa_collateral_store; /* sources and cache together; thread-safe; single-flight */
CAPSA_RESULT capsa_collateral_store_new(const struct capsa_collateral_options *options,
                                        struct capsa_collateral_store **ret_store);
void capsa_collateral_store_free(struct capsa_collateral_store *store);
CAPSA_DEFINE_AUTO_FREE(capsa_collateral_store)
/* What proves this evidence. NETWORK, TIMEOUT, NOT_FOUND, MALFORMED, each naming the URL. */
CAPSA_RESULT capsa_collateral_get(struct capsa_collateral_store *store,
                                  enum capsa_platform platform, capsa_bytes evidence,
                                  capsa_collateral *ret_collateral);
