/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this evidence authentic, and is it what a policy wants? Offline: a function of evidence,
 * collateral, time, trust anchors and policy alone, at least as strict as Intel's own library.
 *
 *   libcapsa_verifier *verifier;            once: anchors, policy, cache
 *   libcapsa_verifier_new(&verifier, error);
 *   libcapsa_verifier_set_policy(verifier, text, len, error);
 *   ...
 *   libcapsa_verdict *verdict;              any number of times, in any number of threads
 *   if (libcapsa_verifier_judge(verifier, evidence, NULL, now, report_data, 64, &verdict, error) ==
 *       0) { ... accepted ... }
 *   libcapsa_verdict_free(verdict);
 */
#ifndef CAPSA_VERIFY_H
#define CAPSA_VERIFY_H

#include "capsa.h"
#include "collateral.h"
#include "evidence.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The cache ----------------------------------------------------------------------------------
 * Signature checks that held, by every byte that went in and the anchors. It makes answers faster
 * and changes none: time, status, revocation and policy are judged on every call. Bounded,
 * thread-safe, good for several verifiers at once. */
typedef struct libcapsa_cache libcapsa_cache;
/* Room for `entries` (1 to 65536); a platform takes a few. TOO_LARGE, USAGE. */
LIBCAPSA_API int libcapsa_cache_new(size_t entries, libcapsa_cache **ret_cache,
                                    libcapsa_error *ret_error);
/* Verifiers that use it keep it alive. */
LIBCAPSA_API void libcapsa_cache_free(libcapsa_cache *cache);

/* ---- A verifier ---------------------------------------------------------------------------------
 * New, it trusts the makers' roots (Intel, AMD, Hygon) and has the default policy: authentic,
 * unexpired, not debug, TCB status UpToDate or SWHardeningNeeded; of no particular code. It has no
 * cache. Set it up first, share it then: setters are for one thread, and none may judge meanwhile.
 * A setter that fails leaves it as it was. */
typedef struct libcapsa_verifier libcapsa_verifier;
LIBCAPSA_API int libcapsa_verifier_new(libcapsa_verifier **ret_verifier, libcapsa_error *ret_error);
LIBCAPSA_API void libcapsa_verifier_free(libcapsa_verifier *verifier);

/* The policy, YAML or JSON (docs/reference/appraisal-policy.md). MALFORMED and UNKNOWN_FIELD say
 * where; values that would match too much are refused here. */
LIBCAPSA_API int libcapsa_verifier_set_policy(libcapsa_verifier *verifier, const void *text,
                                              size_t len, libcapsa_error *ret_error);
LIBCAPSA_API int libcapsa_verifier_load_policy(libcapsa_verifier *verifier, const char *path,
                                               libcapsa_error *ret_error);
/* 1 when the policy has reference values that identify code on "sgx", ...; else 0. Without, any
 * program on genuine hardware passes. */
LIBCAPSA_API int libcapsa_verifier_pins_code(const libcapsa_verifier *verifier,
                                             const char *platform);

/* Trust this root alone instead of the makers': a certificate in PEM or DER, or Hygon's 832 bytes.
 */
LIBCAPSA_API int libcapsa_verifier_set_root(libcapsa_verifier *verifier, const void *root,
                                            size_t len, libcapsa_error *ret_error);
LIBCAPSA_API int libcapsa_verifier_load_root(libcapsa_verifier *verifier, const char *path,
                                             libcapsa_error *ret_error);
/* Trust the root of a simulated platform beside the makers'. It proves nothing. UNSUPPORTED in
 * builds without simulation. */
LIBCAPSA_API int libcapsa_verifier_insecure_set_simulated_root(libcapsa_verifier *verifier,
                                                               const void *root, size_t len,
                                                               libcapsa_error *ret_error);
/* The same of a folder that `capsa sim init` made: its root, and its collateral where evidence
 * brings none (the getter is set, and reads the folder). */
LIBCAPSA_API int libcapsa_verifier_insecure_set_simulation(libcapsa_verifier *verifier,
                                                           const char *folder,
                                                           libcapsa_error *ret_error);
/* 1: refuse whatever does not stand under a maker's root, before anything else. For production. */
LIBCAPSA_API int libcapsa_verifier_set_vendor_only(libcapsa_verifier *verifier, int vendor_only,
                                                   libcapsa_error *ret_error);

/* The cache stays the caller's to free, at any time. NULL: none. */
LIBCAPSA_API int libcapsa_verifier_set_cache(libcapsa_verifier *verifier, libcapsa_cache *cache,
                                             libcapsa_error *ret_error);

/* Asked when the collateral at hand is missing, expired or not as fresh as the policy wants. Adds
 * what it finds to `collateral`, which is empty, and returns 0; or returns a code, and may say why
 * in `error`. Called by whichever thread judges, by several at once. NULL: none, as at first. */
typedef int (*libcapsa_getter)(void *context, const char *platform, const uint8_t *evidence,
                               size_t len, libcapsa_collateral *collateral, libcapsa_error *error);
LIBCAPSA_API int libcapsa_verifier_set_getter(libcapsa_verifier *verifier, libcapsa_getter getter,
                                              void *context, libcapsa_error *ret_error);

/* ---- Judging ------------------------------------------------------------------------------------
 */

typedef struct libcapsa_verdict libcapsa_verdict;

/* 0: accepted, and only then. A refusal is EVIDENCE, TCB or DENIED; *ret_verdict is set on refusals
 * as well, and to NULL on other failures (ret_verdict itself may be NULL). `collateral` NULL: what
 * came with the evidence. `time`: as of when. `report_data`: the 64 bytes that must be bound (len
 * 64); NULL and 0: not asked, for who compares them himself. */
LIBCAPSA_API int libcapsa_verifier_judge(const libcapsa_verifier *verifier,
                                         const libcapsa_evidence *evidence,
                                         const libcapsa_collateral *collateral, int64_t time,
                                         const uint8_t *report_data, size_t report_data_len,
                                         libcapsa_verdict **ret_verdict, libcapsa_error *ret_error);
/* The same of bytes. What cannot be parsed is a refusal too (check "format"). */
LIBCAPSA_API int libcapsa_verifier_judge_bytes(const libcapsa_verifier *verifier,
                                               const void *evidence, size_t evidence_len,
                                               const libcapsa_collateral *collateral, int64_t time,
                                               const uint8_t *report_data, size_t report_data_len,
                                               libcapsa_verdict **ret_verdict,
                                               libcapsa_error *ret_error);
/* In one go, by the makers' roots: evidence and collateral in any form (no collateral: NULL and 0),
 * a policy's text (NULL and 0: the default one). */
LIBCAPSA_API int libcapsa_verify(const void *evidence, size_t evidence_len, const void *collateral,
                                 size_t collateral_len, const void *policy, size_t policy_len,
                                 int64_t time, const uint8_t *report_data, size_t report_data_len,
                                 libcapsa_verdict **ret_verdict, libcapsa_error *ret_error);

/* ---- Verdicts -----------------------------------------------------------------------------------
 * Never changes. Texts are "" where there is nothing to say, times and numbers 0; of NULL too. */
LIBCAPSA_API void libcapsa_verdict_free(libcapsa_verdict *verdict);

LIBCAPSA_API int libcapsa_verdict_accepted(const libcapsa_verdict *verdict); /* 1 or 0 */
/* 1 when everything up to the policy held: then the claims are proved, also of a refusal. */
LIBCAPSA_API int libcapsa_verdict_authentic(const libcapsa_verdict *verdict);
LIBCAPSA_API const char *libcapsa_verdict_failed_check(const libcapsa_verdict *verdict);
LIBCAPSA_API const char *libcapsa_verdict_reason(const libcapsa_verdict *verdict);
/* Of accepted evidence: what it does not prove, in words; "" nothing. */
LIBCAPSA_API const char *libcapsa_verdict_note(const libcapsa_verdict *verdict);
/* What a check asks for ("the evidence is signed"), by its name; "" for no check. Static. */
LIBCAPSA_API const char *libcapsa_check_what(const char *check);

LIBCAPSA_API const char *libcapsa_verdict_platform(const libcapsa_verdict *verdict);
/* "intel-sgx-root", "amd-ark-milan", "custom:<sha256>", ...; and "vendor", "custom" or
 * "simulation". */
LIBCAPSA_API const char *libcapsa_verdict_anchor(const libcapsa_verdict *verdict);
LIBCAPSA_API const char *libcapsa_verdict_anchor_kind(const libcapsa_verdict *verdict);
LIBCAPSA_API int libcapsa_verdict_debug(const libcapsa_verdict *verdict); /* 1: debug */

/* Intel's status and advisories: as a whole, or of one part. */
enum libcapsa_part {
    LIBCAPSA_PART_ALL = 0,
    LIBCAPSA_PART_PLATFORM = 1, /* the level of TCB Info: what Intel's sa_list is made of */
    LIBCAPSA_PART_MODULE = 2,   /* the TDX module */
    LIBCAPSA_PART_QE = 3        /* the quoting enclave */
};
LIBCAPSA_API const char *libcapsa_verdict_tcb_status(const libcapsa_verdict *verdict, int part);
LIBCAPSA_API size_t libcapsa_verdict_advisory_count(const libcapsa_verdict *verdict, int part);
/* "INTEL-SA-00615"; NULL behind the last. */
LIBCAPSA_API const char *libcapsa_verdict_advisory(const libcapsa_verdict *verdict, int part,
                                                   size_t index);
/* What Intel's library would answer (sgx_ql_qv_result_t: 0, 0xA001 to 0xA00A), before any policy;
 * and its flag of expired collateral. Of other platforms, and of NULL, it is 0xA006 (unspecified):
 * 0 is Intel's success. Whether the evidence is accepted, libcapsa_verdict_accepted says. */
LIBCAPSA_API uint32_t libcapsa_verdict_intel_result(const libcapsa_verdict *verdict);
LIBCAPSA_API int libcapsa_verdict_collateral_expired(const libcapsa_verdict *verdict);

/* Of everything that was used: the latest start and the earliest end of validity, and how old the
 * oldest part is; the date of the TCB level; the smaller TCB evaluation data number. */
LIBCAPSA_API int64_t libcapsa_verdict_issued(const libcapsa_verdict *verdict);
LIBCAPSA_API int64_t libcapsa_verdict_expires(const libcapsa_verdict *verdict);
LIBCAPSA_API int64_t libcapsa_verdict_signed_at(const libcapsa_verdict *verdict);
LIBCAPSA_API int64_t libcapsa_verdict_tcb_date(const libcapsa_verdict *verdict);
LIBCAPSA_API uint32_t libcapsa_verdict_tcb_evaluation(const libcapsa_verdict *verdict);

/* The whole as JSON, with the members that `capsa verify -o json` prints. Free *ret_text with
 * libcapsa_free. */
LIBCAPSA_API int libcapsa_verdict_json(const libcapsa_verdict *verdict, char **ret_text,
                                       libcapsa_error *ret_error);

/* ---- Claims -------------------------------------------------------------------------------------
 * What the evidence says, lent by the verdict. Proved only if libcapsa_verdict_authentic. */
typedef struct libcapsa_claim libcapsa_claim;
/* By name: "sgx.mr_enclave", "tdx.rtmr0", "snp.measurement"; NULL: the evidence has none. */
LIBCAPSA_API const libcapsa_claim *libcapsa_verdict_claim(const libcapsa_verdict *verdict,
                                                          const char *name);
LIBCAPSA_API size_t libcapsa_verdict_claim_count(const libcapsa_verdict *verdict);
LIBCAPSA_API const libcapsa_claim *libcapsa_verdict_claim_at(const libcapsa_verdict *verdict,
                                                             size_t index);

enum libcapsa_claim_kind {
    LIBCAPSA_CLAIM_BYTES = 0,  /* libcapsa_claim_bytes */
    LIBCAPSA_CLAIM_NUMBER = 1, /* libcapsa_claim_number */
    LIBCAPSA_CLAIM_TEXT = 2    /* libcapsa_claim_text */
};
LIBCAPSA_API const char *libcapsa_claim_name(const libcapsa_claim *claim); /* "sgx.mr_enclave" */
LIBCAPSA_API int libcapsa_claim_kind(const libcapsa_claim *claim);         /* -1: of NULL */
/* Who speaks for it: "measured" by the hardware, "host" or "guest" set and signed, "endorsed" by
 * the maker, "asserted" by nobody. */
LIBCAPSA_API const char *libcapsa_claim_provenance(const libcapsa_claim *claim);
LIBCAPSA_API const uint8_t *libcapsa_claim_bytes(const libcapsa_claim *claim, size_t *ret_len);
LIBCAPSA_API uint64_t libcapsa_claim_number(const libcapsa_claim *claim);
/* Of any kind, for people: hex digits, a decimal number, the text. */
LIBCAPSA_API const char *libcapsa_claim_text(const libcapsa_claim *claim);

#ifdef __cplusplus
}
#endif

#endif
