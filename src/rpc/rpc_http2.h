/* SPDX-License-Identifier: Apache-2.0
 *
 * Within rpc only: what server and client both need to talk to nghttp2.
 */
#pragma once

#include <nghttp2/nghttp2.h>

/* Our allocator, for nghttp2_session_*_new3. */
nghttp2_mem capsa_rpc_http2_memory(void);
/* A header field; nghttp2 copies both texts when it is submitted. */
nghttp2_nv capsa_rpc_http2_field(const char *name, const char *value);
