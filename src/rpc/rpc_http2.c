/* SPDX-License-Identifier: Apache-2.0
 *
 * nghttp2's allocator and header fields.
 */
#include "rpc/rpc_http2.h"

#include <string.h>

#include "base/alloc.h"

static void *http2_malloc(size_t size, void *context)
{
    (void)context;
    return capsa_alloc(size);
}

static void http2_free(void *pointer, void *context)
{
    (void)context;
    capsa_dealloc(pointer);
}

static void *http2_calloc(size_t count, size_t size, void *context)
{
    (void)context;
    return capsa_alloc_array(count, size);
}

static void *http2_realloc(void *old, size_t size, void *context)
{
    (void)context;
    return capsa_realloc(old, size);
}

nghttp2_mem capsa_rpc_http2_memory(void)
{
    return (nghttp2_mem){NULL, http2_malloc, http2_free, http2_calloc, http2_realloc};
}

nghttp2_nv capsa_rpc_http2_field(const char *name, const char *value)
{
    /* nghttp2 writes to neither text; its type has no const. */
    union {
        const char *in;
        uint8_t *out;
    } name_bytes = {name}, value_bytes = {value};
    return (nghttp2_nv){name_bytes.out, value_bytes.out, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NONE};
}
