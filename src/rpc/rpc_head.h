/* SPDX-License-Identifier: Apache-2.0
 *
 * Within rpc only: what the header fields of a request amount to. Pure.
 */
#pragma once

#include "base/bytes.h"
#include "rpc/rpc_method.h"
#include "rpc/rpc_wire.h"

struct capsa_rpc_head {
    const struct capsa_rpc_method *method; /* NULL: no such method */
    size_t bytes;                          /* of the header list, RFC 9113 section 6.5.2 */
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
/* The list is complete: refuse what cannot be served. */
void capsa_rpc_head_judge(const struct capsa_rpc_head *head, struct capsa_rpc_refusal *refusal);
