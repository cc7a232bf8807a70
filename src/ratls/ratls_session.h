/* SPDX-License-Identifier: Apache-2.0
 *
 * Binding evidence to one TLS session (docs/explanation/PROTOCOL.md, section 10): what follows the
 * handshake, as a machine that is fed bytes and says what to do next. It does no I/O of its own;
 * its two steps of work (making evidence, judging it) block and may run on any thread, one at a
 * time.
 */
#pragma once

#include "ratls/ratls_context.h"

#define CAPSA_RATLS_ALPN    "capsa-ratls/1"
#define CAPSA_RATLS_ALPN_H2 "capsa-ratls/1+h2"
/* RFC 5705, RFC 8446 section 7.5. */
#define CAPSA_RATLS_EXPORTER_LABEL "EXPORTER-Capsa-RA-TLS-1"
#define CAPSA_RATLS_EXPORTER       32
#define CAPSA_RATLS_PURPOSE        "ratls-session"

/* Who attests. */
enum capsa_ratls_role { CAPSA_RATLS_SERVER, CAPSA_RATLS_CLIENT };

/* What both ends know of a session. */
struct capsa_ratls_transcript {
    uint8_t server_spki[32]; /* SHA-256 over the SubjectPublicKeyInfo of the certificate shown */
    uint8_t client_spki[32];
    bool has_client; /* false: the client showed no certificate, and client_spki is empty */
};
/* The context for the exporter, appended: be32-length-prefixed purpose, role ("server", "client"),
 * server_spki, client_spki (or empty). */
CAPSA_RESULT capsa_ratls_exporter_context(const struct capsa_ratls_transcript *transcript,
                                          enum capsa_ratls_role role, capsa_buf *ret_context);
/* capsa_report_data_native(CAPSA_RATLS_PURPOSE, {role, exported, server_spki, client_spki}). */
CAPSA_RESULT capsa_ratls_session_report_data(const struct capsa_ratls_transcript *transcript,
                                             enum capsa_ratls_role role,
                                             const uint8_t exported[CAPSA_RATLS_EXPORTER],
                                             uint8_t ret_report_data[CAPSA_REPORT_DATA]);

/* Messages: one byte of type, three of length (big-endian), content. */
enum capsa_ratls_message {
    CAPSA_RATLS_MSG_EVIDENCE = 1,    /* a unified attestation report */
    CAPSA_RATLS_MSG_NO_EVIDENCE = 2, /* empty: this side shows none */
    CAPSA_RATLS_MSG_ACCEPTED = 3,    /* empty: the other's is accepted, or none was wanted */
    CAPSA_RATLS_MSG_REFUSED = 4,     /* the name of the check that failed, or "internal" */
};
#define CAPSA_RATLS_REFUSAL 64 /* the longest name */

enum capsa_ratls_next {
    CAPSA_RATLS_READ, /* feed bytes of the peer */
    CAPSA_RATLS_WORK, /* call capsa_ratls_session_work, on any thread */
    CAPSA_RATLS_DONE, /* both accepted: what follows is the application's */
};

struct capsa_ratls_session;
/* `session`: its handshake is done. Unbound contexts have a session too, whose only work is to
 * judge the certificate that was shown. Borrows the SSL for as long as it lives. */
CAPSA_RESULT capsa_ratls_session_new(struct capsa_ratls_context *context, struct ssl_st *session,
                                     struct capsa_ratls_session **ret_session);
void capsa_ratls_session_free(struct capsa_ratls_session *session);
CAPSA_DEFINE_AUTO_FREE(capsa_ratls_session)
enum capsa_ratls_next capsa_ratls_session_next(const struct capsa_ratls_session *session);
/* Touches no SSL: that may be gone meanwhile, if nothing but _free follows. A refusal of the peer
 * is an error of the check's code; what failed stays failed. */
CAPSA_RESULT capsa_ratls_session_work(struct capsa_ratls_session *session);
/* Of READ: so many bytes may be read without reading what is the application's. Else 0. */
size_t capsa_ratls_session_wants(const struct capsa_ratls_session *session);
/* Takes what belongs to the exchange; *ret_taken may be less than there is only when the last
 * message was read. Bytes behind it are the application's. */
CAPSA_RESULT capsa_ratls_session_feed(struct capsa_ratls_session *session, capsa_bytes bytes,
                                      size_t *ret_taken);
/* What has to be sent now, after each of the above, also after a failure: appended, and forgotten.
 * From then on capsa_ratls_peer knows what was found. */
CAPSA_RESULT capsa_ratls_session_output(struct capsa_ratls_session *session, capsa_buf *ret_bytes);
