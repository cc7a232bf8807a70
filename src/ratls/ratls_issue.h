/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a key, evidence of it, and the certificate that carries it. For this folder.
 */
#pragma once

#include "crypto/crypto_pki.h"
#include "ratls/ratls_identity.h"

/* What of a profile makes no sense, or is nothing for evidence of `platform`: USAGE, UNSUPPORTED.
 */
CAPSA_RESULT capsa_ratls_profile_check(const struct capsa_ratls_profile *profile,
                                       enum capsa_platform platform);
/* From when to when a certificate made `now` is valid. */
void capsa_ratls_profile_dates(const struct capsa_ratls_profile *profile, capsa_time now,
                               capsa_time *ret_not_before, capsa_time *ret_not_after);

/* A fresh key and its certificate. */
CAPSA_RESULT capsa_ratls_issue(const struct capsa_ratls_attester *attester,
                               const struct capsa_ratls_profile *profile, capsa_time now,
                               struct capsa_private_key **ret_key, struct capsa_cert **ret_cert);
