/* SPDX-License-Identifier: Apache-2.0
 *
 * Both ends of a TLS connection in one process, for bench_ratls: plain TLS 1.3 under a certificate
 * of a CA, and channels of ratls/ between simulated enclaves, one-way and mutual. Handshakes are
 * driven over memory, in one thread, so that what is counted is work and not waiting.
 */
#pragma once

#include <openssl/ssl.h>

#include "appraisal/appraisal.h"
#include "attester/attester.h"
#include "net/net_stream.h"
#include "ratls/ratls_context.h"

enum bench_kind {
    BENCH_BLIND,    /* plain, and no certificate is looked at */
    BENCH_PLAIN,    /* under a CA */
    BENCH_UNBOUND,  /* attested: the certificate proves */
    BENCH_BOUND,    /* and evidence of the session, as the kernel's interfaces make it: alone */
    BENCH_PASSPORT, /* and that one comes with collateral, as the simulated platform makes it */
    BENCH_KIND_COUNT
};

struct bench_ends {
    enum bench_kind kind;
    /* Plain. */
    SSL_CTX *plain_server, *plain_client;
    /* Attested. */
    const struct capsa_attester *attester;
    struct capsa_attester_options where;
    struct capsa_appraiser *appraiser;
    capsa_collateral collateral;
    struct capsa_ratls_identity *identity;
    struct capsa_ratls_context *server, *client;
    int64_t making_ns; /* CPU time so far of making evidence, which is simulated */
    capsa_buf quote;   /* what further ones differ from in report data and signature alone */
    EVP_PKEY *quoting_key;
};
static inline bool bench_is_plain(const struct bench_ends *ends)
{
    return ends->kind == BENCH_PLAIN || ends->kind == BENCH_BLIND;
}

/* `key` is "p256", "p384" or "rsa3072", of all certificates; `sim` a folder of `capsa sim init`,
 * `code` what runs in its enclaves. What it points to must stay; it must not move. */
CAPSA_RESULT bench_ends_open(enum bench_kind kind, bool mutual, const char *key, const char *sim,
                             const char *code, struct bench_ends *ret_ends);
void bench_ends_close(struct bench_ends *ends);

/* A new connection, from nothing to where both may send; and away with it. */
CAPSA_RESULT bench_handshake(struct bench_ends *ends);
/* One end on a connected socket, which is taken over: a plain session, or a stream. */
CAPSA_RESULT bench_plain_open(struct bench_ends *ends, bool server, int fd, SSL **ret_session);
CAPSA_RESULT bench_stream_open(struct bench_ends *ends, bool server, int fd,
                               struct capsa_net_stream **ret_stream);
