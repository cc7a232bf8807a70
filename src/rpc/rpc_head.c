/* SPDX-License-Identifier: Apache-2.0
 *
 * Request header fields, as a table of readers and a table of refusals.
 */
#include "rpc/rpc_head.h"

#include "base/limits.h"

#define FIELD_OVERHEAD 32 /* RFC 9113 section 6.5.2 */

static void read_method(struct capsa_rpc_head *head, capsa_bytes value)
{
    head->post = capsa_bytes_is(value, "POST");
}

static void read_content_type(struct capsa_rpc_head *head, capsa_bytes value)
{
    head->grpc = capsa_rpc_is_content_type(value);
}

static void read_encoding(struct capsa_rpc_head *head, capsa_bytes value)
{
    head->encoded = !capsa_bytes_is(value, "identity");
}

static void read_timeout(struct capsa_rpc_head *head, capsa_bytes value)
{
    head->has_timeout = true;
    head->bad_timeout = capsa_failed(capsa_rpc_timeout_parse(value, &head->timeout_us));
}

static const struct {
    const char *name;
    void (*read)(struct capsa_rpc_head *head, capsa_bytes value);
} readers[] = {
    {":method", read_method},
    {"content-type", read_content_type},
    {"grpc-encoding", read_encoding},
    {"grpc-timeout", read_timeout},
};

static const struct capsa_rpc_method *find_method(const struct capsa_rpc_method *methods,
                                                  size_t count, capsa_bytes path)
{
    for (size_t i = 0; i < count; i++) {
        if (capsa_bytes_is(path, methods[i].path)) {
            return &methods[i];
        }
    }
    return NULL;
}

void capsa_rpc_head_trailer(struct capsa_rpc_head *head, capsa_bytes name, capsa_bytes value)
{
    head->bytes += name.len + value.len + FIELD_OVERHEAD;
}

void capsa_rpc_head_field(struct capsa_rpc_head *head, const struct capsa_rpc_method *methods,
                          size_t count, capsa_bytes name, capsa_bytes value)
{
    capsa_rpc_head_trailer(head, name, value);
    if (head->bytes > CAPSA_LIMIT_http2_header_list) {
        return;
    }
    if (capsa_bytes_is(name, ":path")) {
        head->method = find_method(methods, count, value);
        return;
    }
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (capsa_bytes_is(name, readers[i].name)) {
            readers[i].read(head, value);
            return;
        }
    }
}

static void refuse_http(struct capsa_rpc_refusal *refusal, int http, const char *text)
{
    capsa_rpc_refuse(refusal, CAPSA_RPC_INTERNAL, "%s", text);
    refusal->http = http;
}

void capsa_rpc_head_judge(const struct capsa_rpc_head *head, struct capsa_rpc_refusal *refusal)
{
    if (head->bytes > CAPSA_LIMIT_http2_header_list) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_RESOURCE_EXHAUSTED, "the header list has over %d bytes",
                         CAPSA_LIMIT_http2_header_list);
    } else if (!head->post) {
        refuse_http(refusal, 405, "only POST is served here");
    } else if (!head->grpc) {
        refuse_http(refusal, 415, "the content type is not application/grpc");
    } else if (head->method == NULL) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_UNIMPLEMENTED, "this server has no such method");
    } else if (head->encoded) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_UNIMPLEMENTED, "compressed messages are not supported");
    } else if (head->bad_timeout) {
        capsa_rpc_refuse(refusal, CAPSA_RPC_INTERNAL, "grpc-timeout cannot be read");
    }
}
