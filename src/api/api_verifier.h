/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: a verifier as those see it who judge with it.
 */
#pragma once

#include "api/api_internal.h"

struct libcapsa_verifier {
    capsa_api_references references;
    struct capsa_anchors *anchors;
    struct capsa_appraisal_policy *policy;
    bool vendor_only;
    libcapsa_cache *cache;                 /* a reference, or NULL */
    struct capsa_collateral_getter getter; /* .get NULL: none */
    void (*drop_getter)(void *context);    /* what becomes of its context */
};

/* One more that uses it; libcapsa_verifier_free lets go. NULL stays NULL. */
libcapsa_verifier *capsa_api_verifier_share(const libcapsa_verifier *verifier);

struct capsa_verify_cache *capsa_api_cache(const libcapsa_verifier *verifier);
CAPSA_RESULT capsa_api_verifier_new(libcapsa_verifier **ret_verifier);
CAPSA_RESULT capsa_api_set_policy(libcapsa_verifier *verifier, const void *text, size_t len);
/* Instead of the one that it has; `drop` is called when it is replaced, or the verifier goes. */
void capsa_api_set_getter(libcapsa_verifier *verifier, struct capsa_collateral_getter getter,
                          void (*drop)(void *context));

/* ---- Judging ----------------------------------------------------------------------------------
 */

/* Evidence by anchors, policy, cache and getter of `verifier`, as capsa_appraiser_judge. */
CAPSA_RESULT capsa_api_appraise(const libcapsa_verifier *verifier, enum capsa_platform platform,
                                capsa_bytes evidence, const capsa_collateral *shipped,
                                capsa_time now, const uint8_t *report_data,
                                struct capsa_verdict *verdict);

/* Did a judgement that failed say anything of the evidence? */
bool capsa_api_is_refusal(capsa_result judged, const struct capsa_verdict *verdict);

/* What was found, and what of it goes to the caller. */
struct capsa_api_answer {
    struct capsa_ratls_report report;
    bool of_certificate;    /* else only the verdict in it says anything */
    libcapsa_verdict *made; /* NULL: it came to none */
};
/* Makes the verdict, and returns what was judged. An error that is no refusal leaves none; and one
 * that neither accepts nor refuses is an error. */
CAPSA_RESULT capsa_api_conclude(capsa_result judged, capsa_time now,
                                struct capsa_api_answer *answer);
/* The end of a function that judges: the verdict goes to the caller before the number does. */
int capsa_api_give(capsa_result result, const struct capsa_api_answer *answer,
                   libcapsa_verdict **ret_verdict, libcapsa_error *ret_error);
