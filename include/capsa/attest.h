/* SPDX-License-Identifier: Apache-2.0
 *
 * Making evidence of the program that runs here. An attester is asked for by name, and nothing is
 * chosen because something else is missing: "sgx", "tdx", "snp", "csv" as far as this build has
 * them, and "sim-sgx", "sim-tdx", which prove nothing, in builds with simulation. In libcapsa, not
 * in libcapsa-verify.
 */
#ifndef CAPSA_ATTEST_H
#define CAPSA_ATTEST_H

#include "capsa.h"
#include "evidence.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The names of this build, in no order that means anything; NULL behind the last. Static. */
LIBCAPSA_API const char *libcapsa_attester_name_at(size_t index);

typedef struct libcapsa_attester libcapsa_attester;
/* UNSUPPORTED: this build has none of that name. The machine is not looked at. */
LIBCAPSA_API int libcapsa_attester_new(const char *name, libcapsa_attester **ret_attester,
                                       libcapsa_error *ret_error);
LIBCAPSA_API void libcapsa_attester_free(libcapsa_attester *attester);

/* Put before every path of the kernel's interfaces: for containers and tests. Copied. */
LIBCAPSA_API int libcapsa_attester_set_root(libcapsa_attester *attester, const char *root,
                                            libcapsa_error *ret_error);
/* Of tdx: where the host's quoting service listens, "vsock:CID:PORT" or "unix:PATH"; NULL: what the
 * machine's configuration says. Copied. */
LIBCAPSA_API int libcapsa_attester_set_quoting_service(libcapsa_attester *attester,
                                                       const char *address,
                                                       libcapsa_error *ret_error);
/* Of sim-sgx and sim-tdx: the folder that `capsa sim init` made, and the file that counts as the
 * program's code (NULL: the running program's own). Copied. */
LIBCAPSA_API int libcapsa_attester_insecure_set_simulation(libcapsa_attester *attester,
                                                           const char *folder, const char *code,
                                                           libcapsa_error *ret_error);

LIBCAPSA_API const char *libcapsa_attester_name(const libcapsa_attester *attester);
LIBCAPSA_API const char *libcapsa_attester_platform(const libcapsa_attester *attester);
/* 1 when this machine has the interface, else 0. Cheap. */
LIBCAPSA_API int libcapsa_attester_present(const libcapsa_attester *attester);

/* Evidence that binds libcapsa_report_data(purpose, fields). Blocks. IO and NOT_FOUND say which
 * interface failed. The evidence has the collateral with it that the interface itself hands out. */
LIBCAPSA_API int libcapsa_attester_attest(const libcapsa_attester *attester, const char *purpose,
                                          const libcapsa_bytes *fields, size_t count,
                                          libcapsa_evidence **ret_evidence,
                                          libcapsa_error *ret_error);
/* Evidence that binds these 64 bytes as they are. Whoever lets somebody else choose them vouches
 * for whatever that somebody likes: for foreign protocols that prescribe the bytes, and no other
 * use. */
LIBCAPSA_API int libcapsa_attester_insecure_attest_raw(const libcapsa_attester *attester,
                                                       const uint8_t *report_data, size_t len,
                                                       libcapsa_evidence **ret_evidence,
                                                       libcapsa_error *ret_error);

#ifdef __cplusplus
}
#endif

#endif
