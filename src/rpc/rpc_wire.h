/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC's own syntax within HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md): timeouts, percent-encoded status
 * messages, content types, and the length-prefixed message. Pure; used by server and client.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/result.h"
#include "rpc/rpc_method.h"

#define CAPSA_RPC_PREFIX 5 /* compressed flag, be32 length */

/* grpc-timeout: 1 to 8 digits and one of H M S m u n. Nanoseconds are rounded up. */
CAPSA_RESULT capsa_rpc_timeout_parse(capsa_bytes text, int64_t *ret_us);
#define CAPSA_RPC_TIMEOUT_TEXT 24
/* The finest unit that holds it; at least 1 microsecond. */
void capsa_rpc_timeout_write(int64_t us, char text[CAPSA_RPC_TIMEOUT_TEXT]);

/* grpc-message: printable ASCII but '%' stands for itself, every other byte is %XX. */
CAPSA_RESULT capsa_rpc_percent_write(const char *text, capsa_buf *buf);
/* Lenient, as the specification asks: what is no valid escape stands for itself. */
CAPSA_RESULT capsa_rpc_percent_parse(capsa_bytes text, capsa_buf *buf);

/* "application/grpc", alone, with "+proto", or with parameters. */
bool capsa_rpc_is_content_type(capsa_bytes value);

void capsa_rpc_prefix_write(size_t len, uint8_t prefix[CAPSA_RPC_PREFIX]);

/* What a call is refused with. */
struct capsa_rpc_refusal {
    int http;   /* 200: the gRPC status counts; else an HTTP status and nothing more */
    int status; /* CAPSA_RPC_OK: not refused */
    char text[128];
};

void capsa_rpc_refuse(struct capsa_rpc_refusal *refusal, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Collects the one message of a unary direction. */
struct capsa_rpc_body {
    uint8_t prefix[CAPSA_RPC_PREFIX];
    size_t prefix_len;
    size_t want; /* of the message, once the prefix is complete */
    size_t max;
    bool compressed; /* the other side named an encoding: a flag of 1 is then legal, but unwanted */
};

/* Append to `message` what belongs to it. A message over body->max is refused (OUT_OF_RANGE) once
 * its prefix is read, before any of it is kept. */
void capsa_rpc_body_feed(struct capsa_rpc_body *body, capsa_bytes bytes, capsa_buf *message,
                         struct capsa_rpc_refusal *refusal);
/* The stream ended: refuses what is not exactly one whole message. */
void capsa_rpc_body_end(const struct capsa_rpc_body *body, const capsa_buf *message,
                        struct capsa_rpc_refusal *refusal);
