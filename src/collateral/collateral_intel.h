/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of Intel's servers, taken from a quote, and the two encodings of their answers that
 * nobody else has. Pure functions, apart from the sources themselves.
 */
#pragma once

#include "base/time.h"
#include "evidence/collateral.h"
#include "evidence/evidence_pck.h"
#include "evidence/evidence_quote.h"

/* By which TCB Info and CRL are found. */
struct capsa_intel_platform {
    char fmspc[13];
    bool is_platform_ca; /* of the leaf's issuer: the Platform CA; else the Processor CA */
};
/* Of a PCK chain, in any order, PEM or DER. */
CAPSA_RESULT capsa_intel_platform_of_chain(capsa_bytes chain,
                                           struct capsa_intel_platform *ret_platform);
/* Of a quote that carries its chain. */
CAPSA_RESULT capsa_intel_platform_of_quote(const struct capsa_quote *quote,
                                           struct capsa_intel_platform *ret_platform);
/* What to ask for the PCK certificate of a quote of certification type 2 or 3, which carries the
 * encrypted PPID instead: "encrypted_ppid=..&cpusvn=..&pcesvn=..&pceid=..&qeid=..", appended. */
CAPSA_RESULT capsa_intel_pck_query(const struct capsa_quote *quote, capsa_buf *ret_query);

/* The URL-encoded PEM chain of a header, decoded; nothing but certificates, at least one. A plus
 * sign stands for itself: base64 has it, and some servers leave it bare. */
CAPSA_RESULT capsa_intel_chain_decode(capsa_bytes value, capsa_buf *ret_pem);

/* How long an answer is good by its own account. */
CAPSA_RESULT capsa_intel_signed_until(capsa_bytes text, capsa_time *ret_until); /* nextUpdate */
CAPSA_RESULT capsa_collateral_crl_until(capsa_bytes der, capsa_time *ret_until);
