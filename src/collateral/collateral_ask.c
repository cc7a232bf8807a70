/* SPDX-License-Identifier: Apache-2.0
 *
 * One question to one server: which statuses mean what, and whether the answer is what was asked
 * for. Nothing is kept here.
 */
#include "base/limits.h"
#include "collateral/collateral_web.h"
#include "net/net_fetch.h"

#define URL_SHOWN 160

void capsa_web_answer_init(capsa_web_answer *answer, size_t max)
{
    *answer = (capsa_web_answer){.body = capsa_buf_of(max),
                                 .header = capsa_buf_of(CAPSA_LIMIT_fetch_headers)};
}

void capsa_web_answer_drop(capsa_web_answer *answer)
{
    capsa_buf_drop(&answer->body);
    capsa_buf_drop(&answer->header);
}

CAPSA_RESULT capsa_web_base(const char *given, const char *usual, capsa_buf *ret_url)
{
    const char *base = given == NULL ? usual : given;
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/') {
        len--;
    }
    return capsa_buf_append(ret_url, capsa_bytes_of(base, len));
}

/* ---- Statuses -------------------------------------------------------------------------------- */

static const struct {
    unsigned status;
    enum capsa_code code;
    const char *what;
} statuses[] = {
    {400, CAPSA_E_NETWORK, "the server does not understand the request"},
    {401, CAPSA_E_DENIED, "the server wants a subscription key"},
    {403, CAPSA_E_DENIED, "the server refuses"},
    {404, CAPSA_E_NOT_FOUND, "the server has none"},
    {410, CAPSA_E_NOT_FOUND, "the server does not have it any more"},
    {429, CAPSA_E_BUSY, "too many requests"},
    {461, CAPSA_E_NOT_FOUND, "the server does not know the platform"},
    {462, CAPSA_E_NOT_FOUND, "the server has no certificates for the platform's versions"},
    {503, CAPSA_E_BUSY, "the server is not available"},
};

static capsa_result check_status(const char *url, unsigned status)
{
    if (status == 200) {
        return CAPSA_OK;
    }
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].status == status) {
            return capsa_error_make(statuses[i].code, __FILE__, __LINE__, "%.*s: %s (status %u)",
                                    URL_SHOWN, url, statuses[i].what, status);
        }
    }
    CAPSA_REQUIRE(status / 100 != 3, NETWORK,
                  "%.*s: the server redirects, which is not followed (status %u)", URL_SHOWN, url,
                  status);
    CAPSA_FAIL(NETWORK, "%.*s: status %u", URL_SHOWN, url, status);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static capsa_result take_header(const struct capsa_web_wish *wish, const capsa_net_answer *got,
                                capsa_buf *ret_header)
{
    for (size_t i = 0; wish->headers != NULL && wish->headers[i] != NULL; i++) {
        capsa_bytes value;
        if (capsa_net_answer_header(got, wish->headers[i], &value)) {
            return capsa_buf_append(ret_header, value);
        }
    }
    CAPSA_REQUIRE(wish->headers == NULL, MALFORMED, "%.*s: the answer lacks the header %s",
                  URL_SHOWN, wish->url, wish->headers[0]);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_web_ask(const struct capsa_collateral_options *options,
                           const struct capsa_web_wish *wish, capsa_web_answer *ret_answer,
                           int64_t *ret_retry_after)
{
    const struct capsa_net_fetch fetch = {
        .url = wish->url,
        .max = wish->max,
        .total_seconds = options->timeout_seconds,
        .ca_file = options->ca_file,
        .insecure_tls = options->insecure_tls,
    };
    CAPSA_AUTO(capsa_net_answer) got = {.status = 0};
    CAPSA_AUTO(capsa_web_answer) answer;
    capsa_web_answer_init(&answer, wish->max);
    *ret_retry_after = -1;
    CAPSA_TRY(capsa_net_fetch_get(&fetch, &got));
    answer.fetched = capsa_now(options->clock);
    *ret_retry_after = capsa_net_answer_retry_after(&got, answer.fetched);
    CAPSA_TRY(check_status(wish->url, got.status));
    CAPSA_TRY(capsa_buf_append(&answer.body, capsa_buf_bytes(&got.body)));
    CAPSA_TRY(take_header(wish, &got, &answer.header));
    *ret_answer = answer;
    capsa_web_answer_init(&answer, 0);
    return CAPSA_OK;
}

/* ---- Age ------------------------------------------------------------------------------------- */

/* Also what has expired when it comes is not asked for again sooner: servers serve such things. */
#define SHORTEST_SECONDS 60

bool capsa_web_is_due(const struct capsa_collateral_options *options, capsa_time fetched,
                      capsa_time until)
{
    capsa_time now = capsa_now(options->clock);
    if (fetched > now) { /* a clock was set back: nothing is known of its age */
        return true;
    }
    if (until == 0) {
        return false;
    }
    capsa_time half = (until - fetched) / 2;
    capsa_time allowed = half > SHORTEST_SECONDS ? half : SHORTEST_SECONDS;
    allowed = options->min_fresh_seconds > 0 ? options->min_fresh_seconds : allowed;
    if (now > until && allowed > SHORTEST_SECONDS) {
        allowed = SHORTEST_SECONDS;
    }
    return now - fetched >= allowed;
}
