/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC's syntax within HTTP/2.
 */
#include "rpc/rpc_wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- timeouts ---- */

static const struct timeout_unit {
    uint8_t name;
    int64_t us;
    int64_t divisor;
} timeout_units[] = {
    {'n', 1, 1000},    {'u', 1, 1},        {'m', 1000, 1},
    {'S', 1000000, 1}, {'M', 60000000, 1}, {'H', INT64_C(3600000000), 1},
};
#define TIMEOUT_UNITS  (sizeof(timeout_units) / sizeof(timeout_units[0]))
#define TIMEOUT_DIGITS 8
#define TIMEOUT_MAX    INT64_C(99999999)

CAPSA_RESULT capsa_rpc_timeout_parse(capsa_bytes text, int64_t *ret_us)
{
    CAPSA_REQUIRE(text.len >= 2 && text.len <= TIMEOUT_DIGITS + 1, MALFORMED,
                  "grpc-timeout is not 1 to 8 digits and a unit");
    int64_t number = 0;
    for (size_t i = 0; i < text.len - 1; i++) {
        CAPSA_REQUIRE(text.data[i] >= '0' && text.data[i] <= '9', MALFORMED,
                      "grpc-timeout is not 1 to 8 digits and a unit");
        number = number * 10 + (text.data[i] - '0');
    }
    for (size_t i = 0; i < TIMEOUT_UNITS; i++) {
        const struct timeout_unit *unit = &timeout_units[i];
        if (unit->name == text.data[text.len - 1]) {
            *ret_us = (number * unit->us + unit->divisor - 1) / unit->divisor;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(MALFORMED, "grpc-timeout has no unit of H, M, S, m, u, n");
}

void capsa_rpc_timeout_write(int64_t us, char text[CAPSA_RPC_TIMEOUT_TEXT])
{
    const int64_t positive = us < 1 ? 1 : us;
    for (size_t i = 1; i < TIMEOUT_UNITS; i++) { /* from microseconds on */
        const int64_t number = positive / timeout_units[i].us;
        if (number <= TIMEOUT_MAX) {
            (void)snprintf(text, CAPSA_RPC_TIMEOUT_TEXT, "%lld%c", (long long)number,
                           timeout_units[i].name);
            return;
        }
    }
    (void)snprintf(text, CAPSA_RPC_TIMEOUT_TEXT, "%lldH", (long long)TIMEOUT_MAX);
}

/* ---- status messages ---- */

CAPSA_RESULT capsa_rpc_percent_write(const char *text, capsa_buf *buf)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at >= 0x20 && *at <= 0x7E && *at != '%') {
            CAPSA_TRY(capsa_buf_u8(buf, (uint8_t)*at));
        } else {
            CAPSA_TRY(capsa_buf_format(buf, "%%%02X", (unsigned)(uint8_t)*at));
        }
    }
    return CAPSA_OK;
}

static int hex_digit(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    const int lower = digit | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

CAPSA_RESULT capsa_rpc_percent_parse(capsa_bytes text, capsa_buf *buf)
{
    for (size_t i = 0; i < text.len; i++) {
        const bool room = text.data[i] == '%' && text.len - i > 2;
        const int high = room ? hex_digit(text.data[i + 1]) : -1;
        const int low = room ? hex_digit(text.data[i + 2]) : -1;
        if (high >= 0 && low >= 0) {
            CAPSA_TRY(capsa_buf_u8(buf, (uint8_t)(high << 4 | low)));
            i += 2;
        } else {
            CAPSA_TRY(capsa_buf_u8(buf, text.data[i]));
        }
    }
    return CAPSA_OK;
}

bool capsa_rpc_is_content_type(capsa_bytes value)
{
    static const char *const types[] = {"application/grpc+proto", "application/grpc"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const size_t len = strlen(types[i]);
        if (value.len >= len && memcmp(value.data, types[i], len) == 0) {
            const capsa_bytes rest = capsa_bytes_from(value, len);
            return rest.len == 0 || rest.data[0] == ';' || rest.data[0] == ' ';
        }
    }
    return false;
}

/* ---- messages ---- */

void capsa_rpc_prefix_write(size_t len, uint8_t prefix[CAPSA_RPC_PREFIX])
{
    prefix[0] = 0;
    for (size_t i = 1; i < CAPSA_RPC_PREFIX; i++) {
        prefix[i] = (uint8_t)(len >> (8 * (CAPSA_RPC_PREFIX - 1 - i)));
    }
}

void capsa_rpc_refuse(struct capsa_rpc_refusal *refusal, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    refusal->http = 200;
    refusal->status = status;
    (void)vsnprintf(refusal->text, sizeof(refusal->text), format, arguments);
    va_end(arguments);
}

static void judge_prefix(struct capsa_rpc_body *body, struct capsa_rpc_refusal *refusal)
{
    const uint8_t *prefix = body->prefix;
    body->want = (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 |
                 (size_t)prefix[4];
    if (prefix[0] > 1) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_INTERNAL, "the message's compressed flag is %u",
                         prefix[0]);
    } else if (prefix[0] == 1 && body->compressed) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_UNIMPLEMENTED, "compressed messages are not supported");
    } else if (prefix[0] == 1) {
        /* grpc/doc/compression.md: a flag without an encoding is the sender's bug. */
        capsa_rpc_refuse(refusal, CAPSA_RPC_INTERNAL,
                         "the compressed flag is set, but no grpc-encoding is named");
    } else if (body->want > body->max) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_OUT_OF_RANGE,
                         "the message has %zu bytes; at most %zu are accepted", body->want,
                         body->max);
    }
}

void capsa_rpc_body_feed(struct capsa_rpc_body *body, capsa_bytes bytes, capsa_buf *message,
                         struct capsa_rpc_refusal *refusal)
{
    size_t at = 0;
    while (at < bytes.len && body->prefix_len < CAPSA_RPC_PREFIX) {
        body->prefix[body->prefix_len++] = bytes.data[at++];
        if (body->prefix_len == CAPSA_RPC_PREFIX) {
            judge_prefix(body, refusal);
            if (refusal->status != CAPSA_RPC_OK) {
                return;
            }
        }
    }
    const capsa_bytes rest = capsa_bytes_from(bytes, at);
    if (rest.len == 0) {
        return;
    }
    if (rest.len > body->want - message->len) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_UNIMPLEMENTED,
                         "there is more than one message in a unary call");
        return;
    }
    const capsa_result kept = capsa_buf_append(message, rest);
    if (capsa_failed(kept)) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_RESOURCE_EXHAUSTED, "%s", capsa_text_of(kept));
    }
}

void capsa_rpc_body_end(const struct capsa_rpc_body *body, const capsa_buf *message,
                        struct capsa_rpc_refusal *refusal)
{
    if (body->prefix_len == 0) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_UNIMPLEMENTED, "there is no message in a unary call");
    } else if (body->prefix_len < CAPSA_RPC_PREFIX || message->len < body->want) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_INTERNAL, "the message ends too early");
    }
}
