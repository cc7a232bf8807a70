/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetching collateral: from Intel's servers or a PCCS, AMD's, Hygon's, or from a bundle that lies
 * here and then from nowhere else. In libcapsa, not in libcapsa-verify, which has no network in it.
 */
#ifndef CAPSA_FETCH_H
#define CAPSA_FETCH_H

#include "ratls.h"
#include "verify.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Set it up, use it then, by any number of threads at once. Answers are kept in memory. */
typedef struct libcapsa_source libcapsa_source;
LIBCAPSA_API int libcapsa_source_new(libcapsa_source **ret_source, libcapsa_error *ret_error);
/* Verifiers that use it keep it alive. */
LIBCAPSA_API void libcapsa_source_free(libcapsa_source *source);
/* By name, as the options of `capsa collateral fetch`: "pccs-url", "root-crl-url", "kds-url",
 * "hygon-url", "ca-file" (PEM, for TLS of these servers), "bundle" (a file or folder; then nothing
 * is fetched), "cache-dir", "timeout-seconds" (1 to 3600, of one request). `value` NULL: as new.
 * USAGE: no such name, or the source was used already. What a value is good for, the first use
 * tells. */
LIBCAPSA_API int libcapsa_source_set(libcapsa_source *source, const char *name, const char *value,
                                     libcapsa_error *ret_error);
/* 1: servers need not show a certificate that holds: what they send is signed, but who reads along
 * and what is withheld nobody knows. */
LIBCAPSA_API int libcapsa_source_insecure_set_tls(libcapsa_source *source, int insecure,
                                                  libcapsa_error *ret_error);
/* pccs_url and use_secure_cert of Intel's sgx_default_qcnl.conf: as "pccs-url"; and when the file
 * says that no secure certificate is needed, as libcapsa_source_insecure_set_tls. */
LIBCAPSA_API int libcapsa_source_load_qcnl(libcapsa_source *source, const char *path,
                                           libcapsa_error *ret_error);
/* What proves this evidence; to be freed. Blocks. */
LIBCAPSA_API int libcapsa_source_get(const libcapsa_source *source,
                                     const libcapsa_evidence *evidence,
                                     libcapsa_collateral **ret_collateral,
                                     libcapsa_error *ret_error);
/* The verifier's getter is this. NULL: none. */
LIBCAPSA_API int libcapsa_verifier_set_source(libcapsa_verifier *verifier,
                                              const libcapsa_source *source,
                                              libcapsa_error *ret_error);

/* Before an identity is made: where the collateral comes from that goes into its certificate
 * (libcapsa_identity_set_endorsements) and to the peers of bound channels, which then need no
 * source of their own; instead of what the attester hands out, which is nothing on SGX and TDX.
 * What cannot be got is left out. NULL: none, as at first. */
LIBCAPSA_API int libcapsa_identity_set_source(libcapsa_identity *identity,
                                              const libcapsa_source *source,
                                              libcapsa_error *ret_error);

#ifdef __cplusplus
}
#endif

#endif
