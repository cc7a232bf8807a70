/* SPDX-License-Identifier: Apache-2.0
 *
 * Where collateral comes from: each kind of source one file behind one table. Answers are bytes to
 * be verified; nothing here decides what is trusted. Blocks; any thread; never logs.
 */
#pragma once

#include "base/time.h"
#include "evidence/evidence.h"

struct capsa_collateral_web; /* collateral_web.h */

/* Texts are copied. Unless said otherwise NULL and 0 mean what is written behind them. */
struct capsa_collateral_options {
    const char
        *pccs_url; /* base, e.g. https://localhost:8081/sgx/certification/v4/; NULL: Intel's PCS */
    const char *root_crl_url; /* of Intel's root; NULL: Intel's own, or the PCCS's rootcacrl */
    const char *kds_url;      /* NULL: https://kdsintf.amd.com */
    const char *hygon_url;    /* NULL: https://cert.hygon.cn */
    const char *ca_file;      /* PEM bundle for TLS of these servers; NULL: the system's */
    bool insecure_tls;        /* as use_secure_cert: false of sgx_default_qcnl.conf */
    const char *bundle;       /* offline: a file or folder that `capsa collateral bundle` made; then
                                 nothing is fetched */
    unsigned timeout_seconds; /* of one request; 0: 10 */
    const char *cache_dir;    /* made when it is not there; NULL: no cache on disk */
    capsa_time min_fresh_seconds; /* what is older than this is fetched anew; 0: half of its life */
    bool stale_while_error; /* an answer that is still valid may be used when the source fails */
    const struct capsa_clock *clock; /* NULL: the system's */
};

struct capsa_collateral_source {
    const char *name; /* "bundle", "pccs", "kds", "hygon" */
    bool (*serves)(const struct capsa_collateral_options *options, enum capsa_platform platform);
    /* Into a fresh *ret_collateral, which is dropped after a failure. */
    CAPSA_RESULT(*fetch)
    (const struct capsa_collateral_options *options, struct capsa_collateral_web *web,
     enum capsa_platform platform, capsa_bytes evidence, capsa_collateral *ret_collateral);
};
/* The table of collateral_store.c; the first that serves is asked. */
extern const struct capsa_collateral_source capsa_collateral_bundle;
extern const struct capsa_collateral_source capsa_collateral_pccs;
extern const struct capsa_collateral_source capsa_collateral_kds;
extern const struct capsa_collateral_source capsa_collateral_hygon;

struct capsa_collateral_store; /* sources and cache together; thread-safe; single-flight */
/* USAGE for a URL that cannot be one; IO for a cache folder that cannot be written, DENIED for one
 * that others can write. */
CAPSA_RESULT capsa_collateral_store_new(const struct capsa_collateral_options *options,
                                        struct capsa_collateral_store **ret_store);
void capsa_collateral_store_free(struct capsa_collateral_store *store);
CAPSA_DEFINE_AUTO_FREE(capsa_collateral_store)
/* What proves this evidence; *ret_collateral is overwritten: hand in a fresh one. NETWORK, TIMEOUT,
 * UNAUTHENTIC (TLS), BUSY, NOT_FOUND, DENIED, MALFORMED, TOO_LARGE, each naming the URL;
 * UNSUPPORTED for evidence that no source knows collateral of. */
CAPSA_RESULT capsa_collateral_get(struct capsa_collateral_store *store,
                                  enum capsa_platform platform, capsa_bytes evidence,
                                  capsa_collateral *ret_collateral);
/* How often servers were asked, and how many callers wait just now for what another one asked. */
struct capsa_collateral_numbers {
    size_t requests, waiting;
};
struct capsa_collateral_numbers
capsa_collateral_store_numbers(struct capsa_collateral_store *store);
