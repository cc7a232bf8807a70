/* SPDX-License-Identifier: Apache-2.0
 *
 * What the legacy extensions hold: a quote of Intel's, and what each generation puts around it.
 */
#pragma once

#include "evidence/evidence.h"
#include "ratls/ratls_form.h"

/* Is this the content of evidence at all? Under the number of Intel's SDK, Intel's own PCK
 * certificates keep something else. */
bool capsa_ratls_is_evidence(enum capsa_ratls_form form, capsa_bytes content);
/* The quote within. MALFORMED; UNSUPPORTED, by name, for what some make of grpc-ra-tls that binds
 * no key. */
CAPSA_RESULT capsa_ratls_legacy_evidence(enum capsa_ratls_form form, capsa_bytes content,
                                         capsa_evidence *ret_evidence);
