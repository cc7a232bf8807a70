/* SPDX-License-Identifier: Apache-2.0
 *
 * Within net only: TLS sessions as libssl sees them.
 */
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/net_tls.h"

/* A session with the settings as they are now. SSL_free it. */
CAPSA_RESULT capsa_net_tls_session(struct capsa_net_tls *tls, SSL **ret_session);
/* After the handshake: the peer agreed to speak HTTP/2. */
bool capsa_net_tls_agreed_h2(const SSL *session);
/* The oldest error of this thread's queue in words; empties the queue. Static text. */
const char *capsa_net_tls_reason(void);
