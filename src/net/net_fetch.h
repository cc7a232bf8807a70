/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP or HTTPS GET, blocking, with a limit on everything: for what is fetched from servers
 * that are not trusted (collateral is signed). No redirect is followed, no proxy is asked, nothing
 * is taken from the environment, no connection is kept. Any thread; nothing here logs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/time.h"

struct capsa_net_fetch {
    const char *url;          /* http or https, without a user in it */
    size_t max;               /* of the body */
    unsigned connect_seconds; /* 0: 5 */
    unsigned total_seconds;   /* 0: 10 */
    const char *ca_file;      /* PEM; NULL: those of the system */
    bool insecure_tls;        /* whoever answers is believed to be the server */
};

typedef struct capsa_net_answer {
    unsigned status;
    capsa_buf body;
    capsa_buf headers; /* lines "Name: value", ended by LF */
} capsa_net_answer;
void capsa_net_answer_drop(capsa_net_answer *answer);

/* Success whenever the server answered whole, whatever its status. Errors name the URL: USAGE (no
 * such URL or CA file), NETWORK (not resolved, refused, reset, cut short), TIMEOUT, TOO_LARGE,
 * UNAUTHENTIC (TLS: not the server it should be). */
CAPSA_RESULT capsa_net_fetch_get(const struct capsa_net_fetch *fetch, capsa_net_answer *ret_answer);

/* The value of the first header of this name, in any case; false when there is none. */
bool capsa_net_answer_header(const capsa_net_answer *answer, const char *name,
                             capsa_bytes *ret_value);
/* Retry-After (RFC 9110 10.2.3), in seconds or as a date: seconds from `now`, 0 for a date that has
 * passed; -1 when there is none or it is neither. */
int64_t capsa_net_answer_retry_after(const capsa_net_answer *answer, capsa_time now);
