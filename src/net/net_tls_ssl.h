/* SPDX-License-Identifier: Apache-2.0
 *
 * Within net only: TLS sessions as libssl sees them, be their settings from files or made by
 * somebody else.
 */
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/net_tls.h"

/* A session with the settings as they are now, which must be those of a server or of a client
 * (USAGE). SSL_free it. */
CAPSA_RESULT capsa_net_tls_session(struct capsa_net_tls *tls, bool as_server, SSL **ret_session);
/* Of a client, before the handshake: whose certificate it must be. Of a maker's: does nothing. */
CAPSA_RESULT capsa_net_tls_expect_name(const struct capsa_net_tls *tls, SSL *session,
                                       const char *name);
/* After the handshake: the peer agreed to speak what we do; NETWORK, and what it should have been.
 */
CAPSA_RESULT capsa_net_tls_check_alpn(const struct capsa_net_tls *tls, const SSL *session);
/* NULL: none, and .begin or .admit may be. Lives as long as the settings. */
const struct capsa_net_admission *capsa_net_tls_admission(const struct capsa_net_tls *tls);
/* Once handshake and admission are over: the peer had to prove who it is, and did. */
bool capsa_net_tls_has_verified(const struct capsa_net_tls *tls, const SSL *session);
/* The oldest error of this thread's queue in words; empties the queue. Static text. */
const char *capsa_net_tls_reason(void);
