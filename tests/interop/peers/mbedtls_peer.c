/* SPDX-License-Identifier: Apache-2.0
 *
 * See mbedtls_peer.h. Written as a user of mbedTLS 2.28 would write it who wants attested peers:
 * what is judged, and by whom, is all that differs from ordinary TLS.
 */
#include "mbedtls_peer.h"

#include <capsa/ratls.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RESULTS_BYTES 136 /* of Gramine's struct ra_tls_verify_callback_results */

bool peer_failed(const char *what, int error)
{
    char text[128] = "";
    mbedtls_strerror(error, text, sizeof(text));
    (void)fprintf(stderr, "mbedtls: %s: -0x%04X (%s)\n", what, (unsigned)-error, text);
    return false;
}

bool peer_options(struct peer *peer, char **argv, int first)
{
    const struct {
        const char *name;
        const char **place;
    } known[] = {{"--cert", &peer->cert},
                 {"--key", &peer->key},
                 {"--simulation", &peer->simulation},
                 {"--policy", &peer->policy},
                 {"--drop-in", &peer->drop_in}};
    for (char **word = argv + first; *word != NULL; word += 2) {
        size_t i = 0;
        while (i < sizeof(known) / sizeof(known[0]) && strcmp(known[i].name, *word) != 0) {
            i++;
        }
        if (i == sizeof(known) / sizeof(known[0]) || word[1] == NULL) {
            (void)fprintf(stderr, "mbedtls: what is \"%s\"?\n", *word);
            return false;
        }
        *known[i].place = word[1];
    }
    return true;
}

/* ---- Judging ------------------------------------------------------------------------------------
 */

static int judge_by_libcapsa(const struct peer *peer, const mbedtls_x509_crt *certificate)
{
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_verdict *verdict = NULL;
    int code = libcapsa_verifier_judge_certificate(
        peer->verifier, certificate->raw.p, certificate->raw.len, LIBCAPSA_CERTIFICATE_COMPAT, NULL,
        (int64_t)time(NULL), &verdict, error);
    (void)fprintf(stderr, "mbedtls: judged by libcapsa: %s %s %s\n",
                  code == 0 ? "accepted" : "refused", libcapsa_verdict_failed_check(verdict),
                  code == 0 ? libcapsa_verdict_tcb_status(verdict, LIBCAPSA_PART_ALL)
                            : libcapsa_error_text(error));
    libcapsa_verdict_free(verdict);
    libcapsa_error_free(error);
    return code;
}

static int judge_by_drop_in(const struct peer *peer, const mbedtls_x509_crt *certificate)
{
    int results[RESULTS_BYTES / sizeof(int)] = {0};
    int code = peer->drop_in_verify(certificate->raw.p, certificate->raw.len, results);
    (void)fprintf(stderr, "mbedtls: judged by the drop-in library: %s, code -0x%04X, stage %d\n",
                  code == 0 ? "accepted" : "refused", (unsigned)-code, results[1]);
    return code;
}

/* mbedTLS asks for each certificate of the chain, the leaf last. What it found itself (no CA known)
 * counts for nothing; what the judge says is all. */
static int verify(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    const struct peer *peer = context;
    if (depth != 0) {
        return MBEDTLS_ERR_X509_INVALID_FORMAT;
    }
    int code = peer->drop_in_verify != NULL ? judge_by_drop_in(peer, certificate)
                                            : judge_by_libcapsa(peer, certificate);
    if (code == 0) {
        *flags = 0;
        return 0;
    }
    return MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
}

static bool load_libcapsa(struct peer *peer)
{
    libcapsa_error *error = libcapsa_error_new();
    bool loaded =
        libcapsa_verifier_new(&peer->verifier, error) == 0 &&
        libcapsa_verifier_insecure_set_simulation(peer->verifier, peer->simulation, error) == 0 &&
        (peer->policy == NULL ||
         libcapsa_verifier_load_policy(peer->verifier, peer->policy, error) == 0);
    if (!loaded) {
        (void)fprintf(stderr, "mbedtls: %s\n", libcapsa_error_text(error));
    }
    libcapsa_error_free(error);
    return loaded;
}

static bool load_drop_in(struct peer *peer)
{
    void *library = dlopen(peer->drop_in, RTLD_NOW);
    void *symbol = library == NULL ? NULL : dlsym(library, "ra_tls_verify_callback_extended_der");
    if (symbol == NULL) {
        (void)fprintf(stderr, "mbedtls: %s\n", dlerror());
        return false;
    }
    memcpy(&peer->drop_in_verify, &symbol, sizeof(symbol)); /* C has no cast for it */
    return true;
}

static bool judges(const struct peer *peer)
{
    return peer->simulation != NULL || peer->drop_in != NULL;
}

static bool prepare_judge(struct peer *peer)
{
    if (!judges(peer)) {
        mbedtls_ssl_conf_authmode(&peer->config, MBEDTLS_SSL_VERIFY_NONE);
        return true;
    }
    if (peer->drop_in != NULL ? !load_drop_in(peer) : !load_libcapsa(peer)) {
        return false;
    }
    mbedtls_ssl_conf_authmode(&peer->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&peer->config, &peer->nobody, NULL);
    mbedtls_ssl_conf_verify(&peer->config, verify, peer);
    return true;
}

/* ---- Settings -----------------------------------------------------------------------------------
 */

static bool prepare_own(struct peer *peer)
{
    if (peer->cert == NULL) {
        return true;
    }
    int code = mbedtls_x509_crt_parse_file(&peer->own, peer->cert);
    if (code != 0) {
        return peer_failed(peer->cert, code);
    }
    code = mbedtls_pk_parse_keyfile(&peer->own_key, peer->key, NULL);
    if (code != 0) {
        return peer_failed(peer->key, code);
    }
    code = mbedtls_ssl_conf_own_cert(&peer->config, &peer->own, &peer->own_key);
    return code == 0 || peer_failed("own certificate", code);
}

bool peer_prepare(struct peer *peer, int endpoint)
{
    mbedtls_entropy_init(&peer->entropy);
    mbedtls_ctr_drbg_init(&peer->random);
    mbedtls_ssl_config_init(&peer->config);
    mbedtls_x509_crt_init(&peer->own);
    mbedtls_x509_crt_init(&peer->nobody);
    mbedtls_pk_init(&peer->own_key);
    int code = mbedtls_ctr_drbg_seed(&peer->random, mbedtls_entropy_func, &peer->entropy, NULL, 0);
    if (code != 0) {
        return peer_failed("random numbers", code);
    }
    code = mbedtls_ssl_config_defaults(&peer->config, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
                                       MBEDTLS_SSL_PRESET_DEFAULT);
    if (code != 0) {
        return peer_failed("settings", code);
    }
    mbedtls_ssl_conf_rng(&peer->config, mbedtls_ctr_drbg_random, &peer->random);
    return prepare_own(peer) && prepare_judge(peer);
}

void peer_drop(struct peer *peer)
{
    libcapsa_verifier_free(peer->verifier);
    mbedtls_pk_free(&peer->own_key);
    mbedtls_x509_crt_free(&peer->nobody);
    mbedtls_x509_crt_free(&peer->own);
    mbedtls_ssl_config_free(&peer->config);
    mbedtls_ctr_drbg_free(&peer->random);
    mbedtls_entropy_free(&peer->entropy);
}

/* ---- A connection -------------------------------------------------------------------------------
 */

bool peer_handshake(mbedtls_ssl_context *session, const struct peer *peer,
                    mbedtls_net_context *socket)
{
    char version[32] = "";
    int code = mbedtls_ssl_setup(session, &peer->config);
    if (code != 0) {
        return peer_failed("session", code);
    }
    mbedtls_ssl_set_bio(session, socket, mbedtls_net_send, mbedtls_net_recv, NULL);
    code = mbedtls_ssl_handshake(session);
    if (code != 0) {
        return peer_failed("handshake", code);
    }
    mbedtls_version_get_string_full(version);
    const mbedtls_x509_crt *shown = mbedtls_ssl_get_peer_cert(session);
    (void)fprintf(stderr, "mbedtls: connected: %s, %s, %s, its certificate %zu bytes, ours %zu\n",
                  version, mbedtls_ssl_get_version(session), mbedtls_ssl_get_ciphersuite(session),
                  shown == NULL ? 0 : shown->raw.len, peer->own.raw.len);
    return true;
}

bool peer_write(mbedtls_ssl_context *session, const unsigned char *bytes, size_t len)
{
    while (len > 0) {
        int sent = mbedtls_ssl_write(session, bytes, len);
        if (sent <= 0) {
            return peer_failed("write", sent);
        }
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

int peer_read(mbedtls_ssl_context *session, unsigned char *room, size_t len)
{
    int got = mbedtls_ssl_read(session, room, len);
    if (got == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        return 0;
    }
    if (got == 0) {
        (void)fprintf(stderr, "mbedtls: the stream ended without a close\n");
        return -1;
    }
    if (got < 0) {
        (void)peer_failed("read", got);
    }
    return got;
}
