/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels whose ends prove what they are, as the command's words say it: whose evidence is shown,
 * by what the peer's is judged, and whether it is bound to the session. What is judged by can be
 * read again while connections come and go.
 */
#pragma once

#include <pthread.h>

#include "cli/cli_ratls.h"
#include "net/net_address.h"
#include "ratls/ratls_context.h"

/* Of every verb that makes channels, beside those of CAPSA_CLI_PROVES and CAPSA_CLI_JUDGES. */
#define CAPSA_CLI_CHANNEL_OPTIONS                                                                  \
    {"insecure-unbound", NULL,                                                                     \
     "plain RA-TLS, for peers that know nothing else: whoever has stolen the peer's TLS key can "  \
     "stand between (docs/explanation/ra-tls.md)",                                                 \
     0},                                                                                           \
        {"tls12", NULL, "with --insecure-unbound: TLS 1.2 too, for old peers", 0},                 \
        {"insecure-old-x509", NULL,                                                                \
         "with --insecure-unbound: take X.509 version 1 and SHA-1, as grpc-ra-tls has them", 0},   \
        {"http2", NULL, "what is spoken inside is HTTP/2, and TLS shall say so (ALPN h2)", 0},     \
        {"insecure-unpinned-peer", NULL,                                                           \
         "take a peer of which the policy does not say which code it has to be", 0},               \
        {"handshake-seconds", "N", "how long a TLS handshake may take; 10", 0},                    \
    {                                                                                              \
        "evidence-seconds", "N", "how long the exchange of evidence behind it may take; 30", 0     \
    }

struct capsa_cli_judging; /* one reading of what is judged by; kept while somebody judges by it */

typedef struct capsa_cli_channel {
    struct capsa_cli *cli;
    capsa_cli_prover prover;
    struct capsa_ratls_identity *identity; /* NULL: this end proves nothing */
    pthread_mutex_t lock;                  /* guards `judging`, the pointer, and its users */
    bool has_lock;
    struct capsa_cli_judging *judging; /* NULL: the peer is not asked */
    struct capsa_ratls_context *context;
    bool bound;
} capsa_cli_channel;

/* Start from {0}; it must stay where it is, and outlive its context and who uses that. Makes the
 * identity's first certificate, and says what is insecure. `asks`: the peer has to prove something;
 * a server that is given none of the options for it asks for nothing. */
CAPSA_RESULT capsa_cli_channel_read(struct capsa_cli *cli, bool is_server,
                                    capsa_cli_channel *channel);
void capsa_cli_channel_drop(capsa_cli_channel *channel); /* callable twice, and on zeros */
/* Policy, roots and collateral once more; connections from now on are judged by them. On failure
 * everything stays as it was. */
CAPSA_RESULT capsa_cli_channel_reload(capsa_cli_channel *channel);

/* The value of a HOST:PORT option that the verb needs. `listens`: port 0 is any. */
CAPSA_RESULT capsa_cli_channel_target(const struct capsa_cli *cli, const char *option, bool listens,
                                      struct capsa_net_target *ret_target);
/* Seconds as microseconds; 0: not given. */
CAPSA_RESULT capsa_cli_channel_seconds(const struct capsa_cli *cli, const char *option,
                                       int64_t *ret_us);
