/* SPDX-License-Identifier: Apache-2.0
 *
 * Within rpc only: what the header fields of a request amount to. Pure.
 */
#pragma once

#include "base/bytes.h"
#include "base/limits.h"
#include "rpc/rpc_method.h"
#include "rpc/rpc_wire.h"

/* Longer lists are refused; ones longer than this are not even read to their end. */
#define CAPSA_RPC_HEAD_BYTES_MAX ((size_t)4 * CAPSA_LIMIT_http2_header_list)

struct capsa_rpc_head {
    const struct capsa_rpc_method *method; /* NULL: no such method */
    size_t bytes;                          /* of header list and trailers, RFC 9113 section 6.5.2 */
    bool post;
    bool grpc;    /* the content type is right */
    bool encoded; /* grpc-encoding names something other than identity */
    bool bad_timeout;
    bool has_timeout;
    int64_t timeout_us;
};

/* One field, pseudo-header fields too, in the order of the wire. */
void capsa_rpc_head_field(struct capsa_rpc_head *head, const struct capsa_rpc_method *methods,
                          size_t count, capsa_bytes name, capsa_bytes value);
/* Trailers mean nothing to us, but they cost. */
void capsa_rpc_head_trailer(struct capsa_rpc_head *head, capsa_bytes name, capsa_bytes value);
/* The list is complete: refuse what cannot be served. */
void capsa_rpc_head_judge(const struct capsa_rpc_head *head, struct capsa_rpc_refusal *refusal);
