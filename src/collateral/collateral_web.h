/* SPDX-License-Identifier: Apache-2.0
 *
 * What sources fetch, URL by URL, with everything that makes that bearable for the servers and for
 * us: an answer is kept, in memory and on disk, as long as it is fresh enough; however many ask for
 * one URL at once, one request is made; a server that failed or said "later" is left alone for a
 * while. Thread-safe.
 */
#pragma once

#include "collateral/collateral_source.h"

typedef struct capsa_web_answer {
    capsa_buf body;
    capsa_buf header; /* the value of the wished header */
    capsa_time fetched;
} capsa_web_answer;
void capsa_web_answer_init(capsa_web_answer *answer, size_t max); /* empty, with limits */
void capsa_web_answer_drop(capsa_web_answer *answer);

struct capsa_web_wish {
    const char *url;
    size_t max;                 /* of the body */
    const char *const *headers; /* NULL-ended: one of them has to be there; NULL: none */
    /* Is the answer what was asked for? One that is not is not kept. *ret_until is when it ends by
     * its own account; 0: never, it is immutable. */
    CAPSA_RESULT(*check)
    (const struct capsa_web_wish *wish, const capsa_web_answer *answer, capsa_time *ret_until);
    const void *context; /* for `check` */
};

/* `options` must outlive it, with its clock. */
CAPSA_RESULT capsa_collateral_web_new(const struct capsa_collateral_options *options,
                                      struct capsa_collateral_web **ret_web);
void capsa_collateral_web_free(struct capsa_collateral_web *web);
CAPSA_DEFINE_AUTO_FREE(capsa_collateral_web)
/* Into a fresh *ret_answer. Errors as capsa_collateral_get has them. */
CAPSA_RESULT capsa_web_get(struct capsa_collateral_web *web, const struct capsa_web_wish *wish,
                           capsa_web_answer *ret_answer);
struct capsa_collateral_numbers capsa_collateral_web_numbers(struct capsa_collateral_web *web);

/* One request, without any of the above (collateral_ask.c). *ret_retry_after: seconds that the
 * server wants to be left alone, -1 when it does not say. */
CAPSA_RESULT capsa_web_ask(const struct capsa_collateral_options *options,
                           const struct capsa_web_wish *wish, capsa_web_answer *ret_answer,
                           int64_t *ret_retry_after);
/* Where a server is, appended: `given`, or `usual` when that is NULL, without slashes at its end.
 */
CAPSA_RESULT capsa_web_base(const char *given, const char *usual, capsa_buf *ret_url);
/* Is an answer so old that it has to be fetched anew? */
bool capsa_web_is_due(const struct capsa_collateral_options *options, capsa_time fetched,
                      capsa_time until);
