/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel's qcnl configuration (collateral_qcnl.h). Comments are blanked out before the strict JSON
 * reader sees the text, so that the places in its errors stay right.
 */
#include "collateral/collateral_qcnl.h"

#include <strings.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/json.h"

void capsa_qcnl_drop(capsa_qcnl *qcnl)
{
    capsa_dealloc(qcnl->pccs_url);
    qcnl->pccs_url = NULL;
}

static capsa_result set_url(capsa_bytes url, capsa_qcnl *qcnl)
{
    CAPSA_REQUIRE(qcnl->pccs_url == NULL, MALFORMED, "a second PCCS");
    CAPSA_REQUIRE(url.len > 0 && capsa_bytes_find(url, 0) == url.len, MALFORMED,
                  "the URL of the PCCS is empty");
    qcnl->pccs_url = capsa_strndup((const char *)url.data, url.len);
    CAPSA_REQUIRE_MEMORY(qcnl->pccs_url);
    return CAPSA_OK;
}

/* ---- JSON with comments ---------------------------------------------------------------------- */

enum where { IN_TEXT, IN_STRING, IN_LINE, IN_BLOCK };

/* Where the text at `at` leads to; *ret_skip is how many bytes belong to that step. */
static enum where step(capsa_bytes text, size_t at, enum where where, size_t *ret_skip)
{
    uint8_t byte = text.data[at];
    uint8_t next = at + 1 < text.len ? text.data[at + 1] : 0;
    *ret_skip = 1;
    switch (where) {
    case IN_TEXT:
        *ret_skip = byte == '/' && (next == '/' || next == '*') ? 2 : 1;
        return *ret_skip == 2 ? (next == '/' ? IN_LINE : IN_BLOCK)
                              : (byte == '"' ? IN_STRING : IN_TEXT);
    case IN_STRING:
        *ret_skip = byte == '\\' && at + 1 < text.len ? 2 : 1;
        return byte == '"' ? IN_TEXT : IN_STRING;
    case IN_LINE:
        return byte == '\n' ? IN_TEXT : IN_LINE;
    case IN_BLOCK:
        *ret_skip = byte == '*' && next == '/' ? 2 : 1;
        return *ret_skip == 2 ? IN_TEXT : IN_BLOCK;
    }
    return where;
}

static capsa_result blank_comments(capsa_bytes text, capsa_buf *ret_text)
{
    enum where where = IN_TEXT;
    size_t skip;
    for (size_t at = 0; at < text.len; at += skip) {
        enum where next = step(text, at, where, &skip);
        bool is_comment = next >= IN_LINE || where >= IN_LINE;
        for (size_t i = at; i < at + skip; i++) {
            uint8_t byte = text.data[i];
            CAPSA_TRY(capsa_buf_u8(ret_text, is_comment && byte != '\n' ? ' ' : byte));
        }
        where = next;
    }
    CAPSA_REQUIRE(where != IN_BLOCK, MALFORMED, "a comment without an end");
    return CAPSA_OK;
}

static capsa_result read_json(capsa_bytes text, capsa_qcnl *qcnl)
{
    CAPSA_AUTO(capsa_buf) plain = capsa_buf_of(CAPSA_LIMIT_qcnl_bytes);
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(blank_comments(text, &plain));
    CAPSA_TRY(capsa_json_parse(capsa_buf_bytes(&plain), &json));
    const struct capsa_json *url = capsa_json_get(json, "pccs_url");
    const struct capsa_json *secure = capsa_json_get(json, "use_secure_cert");
    enum capsa_json_kind kind = capsa_json_kind_of(secure);
    CAPSA_REQUIRE(capsa_json_kind_of(url) == CAPSA_JSON_STRING, MALFORMED,
                  "pccs_url: a string wanted");
    CAPSA_REQUIRE(kind == CAPSA_JSON_BOOL || kind == CAPSA_JSON_NULL, MALFORMED,
                  "use_secure_cert: true or false wanted, got %s", capsa_json_kind_name(kind));
    qcnl->accepts_any_cert = kind == CAPSA_JSON_BOOL && !capsa_json_bool(secure);
    return set_url(capsa_json_bytes(url), qcnl);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static capsa_bytes trimmed(capsa_bytes text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text = capsa_bytes_from(text, 1);
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static bool is_name(capsa_bytes text, const char *name)
{
    return text.len == strlen(name) && strncasecmp((const char *)text.data, name, text.len) == 0;
}

static capsa_result read_line(capsa_bytes line, capsa_qcnl *qcnl)
{
    if (line.len == 0 || line.data[0] == '#') {
        return CAPSA_OK;
    }
    size_t equals = capsa_bytes_find(line, '=');
    CAPSA_REQUIRE(equals < line.len, MALFORMED, "NAME=VALUE wanted");
    capsa_bytes name = trimmed(capsa_bytes_of(line.data, equals));
    capsa_bytes value = trimmed(capsa_bytes_from(line, equals + 1));
    if (is_name(name, "PCCS_URL")) {
        return set_url(value, qcnl);
    }
    if (is_name(name, "USE_SECURE_CERT")) {
        bool is_false = is_name(value, "false");
        CAPSA_REQUIRE(is_false || is_name(value, "true"), MALFORMED,
                      "USE_SECURE_CERT: TRUE or FALSE wanted");
        qcnl->accepts_any_cert = is_false;
    }
    return CAPSA_OK;
}

static capsa_result read_lines(capsa_bytes text, capsa_qcnl *qcnl)
{
    for (size_t number = 1; text.len > 0; number++) {
        capsa_bytes line = capsa_bytes_of(text.data, capsa_bytes_find(text, '\n'));
        text = capsa_bytes_from(text, line.len + 1);
        CAPSA_TRY_AT(read_line(trimmed(line), qcnl), "line %zu", number);
    }
    CAPSA_REQUIRE(qcnl->pccs_url != NULL, MALFORMED, "no PCCS_URL in it");
    return CAPSA_OK;
}

/* ---- Either ---------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_qcnl_parse(capsa_bytes text, capsa_qcnl *ret_qcnl)
{
    CAPSA_REQUIRE(text.len <= CAPSA_LIMIT_qcnl_bytes, TOO_LARGE,
                  "qcnl configuration: over %d bytes", CAPSA_LIMIT_qcnl_bytes);
    CAPSA_AUTO(capsa_qcnl) qcnl = {.pccs_url = NULL};
    capsa_bytes begin = trimmed(text);
    bool is_json = begin.len > 0 && (begin.data[0] == '{' || begin.data[0] == '/');
    CAPSA_TRY_AT(is_json ? read_json(text, &qcnl) : read_lines(text, &qcnl), "qcnl configuration");
    *ret_qcnl = qcnl;
    qcnl.pccs_url = NULL;
    return CAPSA_OK;
}
