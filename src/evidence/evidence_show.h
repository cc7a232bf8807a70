/* SPDX-License-Identifier: Apache-2.0
 *
 * Every field of evidence as JSON, in the order of the bytes, without judging any of it.
 */
#pragma once

#include "evidence/claims.h"

/* Fails for what cannot be parsed as evidence of this platform. Reserved bytes are shown when they
 * are not zero; flags get their names; the secret bytes of a CSV report are "(secret)". */
CAPSA_RESULT capsa_evidence_show(enum capsa_platform platform, capsa_bytes bytes,
                                 struct capsa_json **ret_json);
