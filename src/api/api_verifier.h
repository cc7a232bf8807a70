/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: a verifier as those see it who judge with it.
 */
#pragma once

#include "api/api_internal.h"

struct libcapsa_verifier {
    struct capsa_anchors *anchors;
    struct capsa_appraisal_policy *policy;
    bool vendor_only;
    libcapsa_cache *cache; /* a reference, or NULL */
    libcapsa_getter getter;
    void *getter_context;
};

struct capsa_verify_cache *capsa_api_cache(const libcapsa_verifier *verifier);
CAPSA_RESULT capsa_api_verifier_new(libcapsa_verifier **ret_verifier);
CAPSA_RESULT capsa_api_set_policy(libcapsa_verifier *verifier, const void *text, size_t len);
