/* SPDX-License-Identifier: Apache-2.0
 *
 * A GET on libcurl (net_fetch.h). Each one has a handle of its own: requests are rare and slow
 * beside what keeping connections would save, and nothing of one leaks into the next.
 */
#include "net/net_fetch.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

#define URL_SHOWN 160 /* characters in errors; longer ones hold long hex */

#define DEFAULT_CONNECT_SECONDS 5
#define DEFAULT_TOTAL_SECONDS   10

typedef CURL *curl_handle;

static void curl_handle_drop(curl_handle *handle)
{
    curl_easy_cleanup(*handle);
}

void capsa_net_answer_drop(capsa_net_answer *answer)
{
    capsa_buf_drop(&answer->body);
    capsa_buf_drop(&answer->headers);
}

/* ---- what comes in ---- */

/* What libcurl calls back with; `failed` is the code that stopped it. */
struct incoming {
    capsa_net_answer *answer;
    enum capsa_code failed;
};

static size_t keep(struct incoming *incoming, capsa_buf *buf, capsa_bytes bytes)
{
    capsa_result kept = capsa_buf_append(buf, bytes);
    if (capsa_failed(kept)) {
        incoming->failed = capsa_code_of(kept);
        return 0;
    }
    return bytes.len;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct incoming *incoming = context;
    size_t len = size * count; /* libcurl: size is 1 */
    size_t kept = keep(incoming, &incoming->answer->body, capsa_bytes_of(data, len));
    return len == 0 ? 0 : kept;
}

static bool is_status_line(capsa_bytes line)
{
    return line.len >= 5 && memcmp(line.data, "HTTP/", 5) == 0;
}

/* Lines of an answer that went before (100 Continue) give way to those of the next. */
static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct incoming *incoming = context;
    capsa_bytes line = capsa_bytes_of(data, size * count);
    size_t len = line.len;
    if (is_status_line(line)) {
        capsa_buf_clear(&incoming->answer->headers);
        return len;
    }
    while (line.len > 0 && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r')) {
        line.len--;
    }
    if (line.len == 0) {
        return len;
    }
    bool is_kept = keep(incoming, &incoming->answer->headers, line) == line.len &&
                   keep(incoming, &incoming->answer->headers, CAPSA_BYTES_LITERAL("\n")) == 1;
    return is_kept ? len : 0;
}

/* ---- how it is asked ---- */

static CURLcode set_tls(CURL *handle, const struct capsa_net_fetch *fetch)
{
    CURLcode set = curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (set == CURLE_OK && fetch->insecure_tls) {
        set = curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
        set = set == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L) : set;
    }
    if (set == CURLE_OK && fetch->ca_file != NULL) {
        set = curl_easy_setopt(handle, CURLOPT_CAINFO, fetch->ca_file);
        /* With a file of one's own, the system's folder is none of ours. */
        set = set == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_CAPATH, NULL) : set;
    }
    return set;
}

static long seconds_or(unsigned seconds, unsigned otherwise)
{
    return (long)(seconds == 0 ? otherwise : seconds);
}

static CURLcode set_numbers(CURL *handle, const struct capsa_net_fetch *fetch)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1L},
        {CURLOPT_FOLLOWLOCATION, 0L},
        {CURLOPT_CONNECTTIMEOUT, seconds_or(fetch->connect_seconds, DEFAULT_CONNECT_SECONDS)},
        {CURLOPT_TIMEOUT, seconds_or(fetch->total_seconds, DEFAULT_TOTAL_SECONDS)},
        {CURLOPT_FORBID_REUSE, 1L},
        {CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1},
    };
    CURLcode set = CURLE_OK;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && set == CURLE_OK; i++) {
        set = curl_easy_setopt(handle, numbers[i].option, numbers[i].value);
    }
    return set;
}

static CURLcode set_texts(CURL *handle, const struct capsa_net_fetch *fetch)
{
    const struct {
        CURLoption option;
        const char *value;
    } texts[] = {
        {CURLOPT_URL, fetch->url},
        {CURLOPT_PROTOCOLS_STR, "http,https"},
        {CURLOPT_PROXY, ""}, /* not even that of the environment */
        {CURLOPT_USERAGENT, "capsa"},
    };
    CURLcode set = CURLE_OK;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && set == CURLE_OK; i++) {
        set = curl_easy_setopt(handle, texts[i].option, texts[i].value);
    }
    return set;
}

static CURLcode set_incoming(CURL *handle, struct incoming *incoming)
{
    CURLcode set = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    set = set == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_WRITEDATA, incoming) : set;
    set = set == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header) : set;
    return set == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_HEADERDATA, incoming) : set;
}

/* ---- how it failed ---- */

static const struct {
    CURLcode curl;
    enum capsa_code code;
} failures[] = {
    {CURLE_OPERATION_TIMEDOUT, CAPSA_E_TIMEOUT},
    {CURLE_OUT_OF_MEMORY, CAPSA_E_NOMEM},
    {CURLE_PEER_FAILED_VERIFICATION, CAPSA_E_UNAUTHENTIC},
    {CURLE_SSL_CACERT_BADFILE, CAPSA_E_USAGE},
    {CURLE_URL_MALFORMAT, CAPSA_E_USAGE},
    {CURLE_UNSUPPORTED_PROTOCOL, CAPSA_E_USAGE},
};

static enum capsa_code code_of(CURLcode curl, const struct incoming *incoming)
{
    if (incoming->failed != CAPSA_E_OK) {
        return incoming->failed;
    }
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].curl == curl) {
            return failures[i].code;
        }
    }
    return CAPSA_E_NETWORK;
}

static capsa_result failed(const struct capsa_net_fetch *fetch, CURLcode curl,
                           const struct incoming *incoming, const char *detail)
{
    enum capsa_code code = code_of(curl, incoming);
    const char *why = *detail != '\0' ? detail : curl_easy_strerror(curl);
    why = code == CAPSA_E_TOO_LARGE ? "the answer is over its limit" : why;
    return capsa_error_make(code, __FILE__, __LINE__, "%.*s: %.180s", URL_SHOWN, fetch->url, why);
}

/* ---- the request ---- */

/* A user name in a URL would be sent to whoever answers there. */
static capsa_result check_url(const char *url)
{
    bool is_http = strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
    CAPSA_REQUIRE(is_http, USAGE, "%.*s: a URL with http:// or https:// wanted", URL_SHOWN, url);
    const char *host = strstr(url, "://") + 3;
    CAPSA_REQUIRE(memchr(host, '@', strcspn(host, "/?#")) == NULL, USAGE,
                  "a URL with a user in it is not taken");
    return CAPSA_OK;
}

static capsa_result perform(const struct capsa_net_fetch *fetch, CURL *handle,
                            struct incoming *incoming)
{
    char detail[CURL_ERROR_SIZE] = "";
    CURLcode curl = curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
    curl = curl == CURLE_OK ? set_texts(handle, fetch) : curl;
    curl = curl == CURLE_OK ? set_numbers(handle, fetch) : curl;
    curl = curl == CURLE_OK ? set_tls(handle, fetch) : curl;
    curl = curl == CURLE_OK ? set_incoming(handle, incoming) : curl;
    curl = curl == CURLE_OK ? curl_easy_perform(handle) : curl;
    long status = 0;
    if (curl == CURLE_OK) {
        curl = curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    }
    if (curl != CURLE_OK) {
        return failed(fetch, curl, incoming, detail);
    }
    incoming->answer->status = (unsigned)status;
    return CAPSA_OK;
}

/* curl_easy_init prepares libcurl itself at the first call; from 7.84 on in any thread. */
CAPSA_RESULT capsa_net_fetch_get(const struct capsa_net_fetch *fetch, capsa_net_answer *ret_answer)
{
    CAPSA_TRY(check_url(fetch->url));
    CAPSA_AUTO(curl_handle) handle = curl_easy_init();
    CAPSA_REQUIRE_MEMORY(handle);
    CAPSA_AUTO(capsa_net_answer)
    answer = {.body = capsa_buf_of(fetch->max), .headers = capsa_buf_of(CAPSA_LIMIT_fetch_headers)};
    struct incoming incoming = {.answer = &answer, .failed = CAPSA_E_OK};
    CAPSA_TRY(perform(fetch, handle, &incoming));
    *ret_answer = answer;
    answer = (capsa_net_answer){.status = 0};
    return CAPSA_OK;
}

/* ---- headers ---- */

static capsa_bytes trimmed(capsa_bytes text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = capsa_bytes_from(text, 1);
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

bool capsa_net_answer_header(const capsa_net_answer *answer, const char *name,
                             capsa_bytes *ret_value)
{
    size_t name_len = strlen(name);
    capsa_bytes rest = capsa_buf_bytes(&answer->headers);
    while (rest.len > 0) {
        capsa_bytes line = capsa_bytes_of(rest.data, capsa_bytes_find(rest, '\n'));
        rest = capsa_bytes_from(rest, line.len + 1);
        if (line.len > name_len && line.data[name_len] == ':' &&
            strncasecmp((const char *)line.data, name, name_len) == 0) {
            *ret_value = trimmed(capsa_bytes_from(line, name_len + 1));
            return true;
        }
    }
    return false;
}

#define RETRY_TEXT 64

int64_t capsa_net_answer_retry_after(const capsa_net_answer *answer, capsa_time now)
{
    capsa_bytes value;
    char text[RETRY_TEXT];
    if (!capsa_net_answer_header(answer, "Retry-After", &value) || value.len == 0 ||
        value.len >= sizeof(text)) {
        return -1;
    }
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    size_t digits = strspn(text, "0123456789");
    int64_t seconds = 0;
    for (size_t i = 0; i < digits && i < 9; i++) {
        seconds = seconds * 10 + (text[i] - '0');
    }
    if (digits == value.len) {
        return seconds;
    }
    time_t date = curl_getdate(text, NULL);
    if (date == (time_t)-1) {
        return -1;
    }
    return date > now ? (int64_t)date - now : 0;
}
