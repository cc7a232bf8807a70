/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS settings: PEM files into an SSL_CTX that new connections share, exchanged as a whole on
 * reload. Running connections keep the one they began with (libssl counts the references).
 */
#include <dirent.h>
#include <errno.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "net/net_address.h"
#include "net/net_tls_ssl.h"

#define PEM_FILE_MAX MIB(1)
/* AEAD and forward secrecy; TLS 1.3 has nothing else. */
#define TLS12_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

static const unsigned char alpn_h2[] = {2, 'h', '2'};

struct capsa_net_tls {
    bool server;
    struct capsa_net_tls_maker maker; /* .session NULL: from files, all of what follows */
    char *cert_path;
    char *key_path;
    char *ca_path;
    pthread_mutex_t lock; /* guards ctx, the pointer */
    SSL_CTX *ctx;
};

const char *capsa_net_tls_reason(void)
{
    const unsigned long code = ERR_get_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    ERR_clear_error();
    return reason == NULL ? "no further reason given" : reason;
}

/* ---- PEM files ---- */

static void bio_free_at(BIO **bio)
{
    (void)BIO_free(*bio);
}
#define AUTO_BIO __attribute__((cleanup(bio_free_at))) BIO *

static CAPSA_RESULT read_pem(const char *path, capsa_buf *content, BIO **ret_bio)
{
    CAPSA_TRY(capsa_file_read(path, content));
    /* An empty file has no data at all, which libcrypto takes for an error. */
    BIO *bio =
        BIO_new_mem_buf(content->len == 0 ? "" : (const void *)content->data, (int)content->len);
    CAPSA_REQUIRE_MEMORY(bio);
    *ret_bio = bio;
    return CAPSA_OK;
}

/* The next certificate, or NULL at the end of the file. */
static CAPSA_RESULT next_certificate(BIO *bio, const char *path, X509 **ret_certificate)
{
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (certificate == NULL) {
        const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        CAPSA_REQUIRE(at_end, MALFORMED, "%s: a certificate cannot be read: %s", path,
                      capsa_net_tls_reason());
        ERR_clear_error();
    }
    *ret_certificate = certificate;
    return CAPSA_OK;
}

static CAPSA_RESULT use_chain(SSL_CTX *ctx, const char *path)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(PEM_FILE_MAX);
    AUTO_BIO bio = NULL;
    CAPSA_TRY(read_pem(path, &content, &bio));
    X509 *leaf = NULL;
    CAPSA_TRY(next_certificate(bio, path, &leaf));
    CAPSA_REQUIRE(leaf != NULL, MALFORMED, "%s: there is no PEM certificate in it", path);
    const int used = SSL_CTX_use_certificate(ctx, leaf);
    X509_free(leaf);
    CAPSA_REQUIRE(used == 1, MALFORMED, "%s: the certificate cannot be used: %s", path,
                  capsa_net_tls_reason());
    for (;;) {
        X509 *link = NULL;
        CAPSA_TRY(next_certificate(bio, path, &link));
        if (link == NULL) {
            return CAPSA_OK;
        }
        if (SSL_CTX_add0_chain_cert(ctx, link) != 1) {
            X509_free(link);
            CAPSA_FAIL(MALFORMED, "%s: a chain certificate cannot be used: %s", path,
                       capsa_net_tls_reason());
        }
    }
}

/* A daemon has nobody to ask for a password. */
static int no_password(char *room, int size, int writing, void *context)
{
    (void)room;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static CAPSA_RESULT use_key(SSL_CTX *ctx, const char *path, const char *cert_path)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(PEM_FILE_MAX);
    AUTO_BIO bio = NULL;
    CAPSA_TRY(read_pem(path, &content, &bio));
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    CAPSA_REQUIRE(key != NULL, MALFORMED, "%s: there is no unencrypted PEM private key in it: %s",
                  path, capsa_net_tls_reason());
    const bool fits = SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    EVP_PKEY_free(key);
    ERR_clear_error();
    CAPSA_REQUIRE(fits, MALFORMED, "%s: the key does not belong to the certificate in %s", path,
                  cert_path);
    return CAPSA_OK;
}

/* ---- roots ---- */

static CAPSA_RESULT add_roots_file(SSL_CTX *ctx, const char *path, bool name_them, size_t *count)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(PEM_FILE_MAX);
    AUTO_BIO bio = NULL;
    CAPSA_TRY(read_pem(path, &content, &bio));
    for (;;) {
        X509 *root = NULL;
        CAPSA_TRY(next_certificate(bio, path, &root));
        if (root == NULL) {
            return CAPSA_OK;
        }
        const bool added = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), root) == 1 &&
                           (!name_them || SSL_CTX_add_client_CA(ctx, root) == 1);
        X509_free(root);
        CAPSA_REQUIRE(added, MALFORMED, "%s: a certificate cannot be used as a root: %s", path,
                      capsa_net_tls_reason());
        ++*count;
    }
}

static CAPSA_RESULT add_roots_entry(SSL_CTX *ctx, const char *directory, const char *name,
                                    bool name_them, size_t *count)
{
    CAPSA_AUTO(capsa_buf) path_buf = capsa_buf_of(KIB(8));
    const char *path;
    CAPSA_TRY(capsa_buf_format(&path_buf, "%s/%s", directory, name));
    CAPSA_TRY(capsa_buf_cstr(&path_buf, &path));
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        return CAPSA_OK;
    }
    return add_roots_file(ctx, path, name_them, count);
}

static CAPSA_RESULT add_roots_directory(SSL_CTX *ctx, const char *path, bool name_them,
                                        size_t *count)
{
    DIR *directory = opendir(path);
    CAPSA_REQUIRE(directory != NULL, IO, "%s: cannot list the directory: %s", path,
                  strerror(errno));
    capsa_result result = CAPSA_OK;
    for (const struct dirent *entry = readdir(directory); entry != NULL && !capsa_failed(result);
         entry = readdir(directory)) {
        if (entry->d_name[0] != '.') {
            result = add_roots_entry(ctx, path, entry->d_name, name_them, count);
        }
    }
    (void)closedir(directory);
    return result;
}

static CAPSA_RESULT add_roots(SSL_CTX *ctx, const char *path, bool name_them)
{
    struct stat status;
    CAPSA_REQUIRE(stat(path, &status) == 0, IO, "%s: cannot be opened: %s", path, strerror(errno));
    size_t count = 0;
    if (S_ISDIR(status.st_mode)) {
        CAPSA_TRY(add_roots_directory(ctx, path, name_them, &count));
    } else {
        CAPSA_TRY(add_roots_file(ctx, path, name_them, &count));
    }
    CAPSA_REQUIRE(count > 0, MALFORMED, "%s: there is no PEM certificate in it", path);
    /* A root is what the operator put there, be it an intermediate of somebody's. */
    (void)X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    return CAPSA_OK;
}

/* ---- contexts ---- */

static int select_h2(SSL *session, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *in, unsigned in_len, void *context)
{
    (void)session;
    (void)context;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_len, alpn_h2, sizeof(alpn_h2), in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool set_common(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                       SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* Idle connections keep no buffers. */
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_cipher_list(ctx, TLS12_CIPHERS) == 1;
}

static CAPSA_RESULT fill_server(const struct capsa_net_tls *tls, SSL_CTX *ctx)
{
    SSL_CTX_set_alpn_select_cb(ctx, select_h2, NULL);
    CAPSA_TRY_AT(use_chain(ctx, tls->cert_path), "TLS certificate");
    CAPSA_TRY_AT(use_key(ctx, tls->key_path, tls->cert_path), "TLS key");
    if (tls->ca_path != NULL) {
        CAPSA_TRY_AT(add_roots(ctx, tls->ca_path, true), "TLS client roots");
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return CAPSA_OK;
}

static CAPSA_RESULT fill_client(const struct capsa_net_tls *tls, SSL_CTX *ctx)
{
    /* This one call has 0 for success. */
    CAPSA_REQUIRE(SSL_CTX_set_alpn_protos(ctx, alpn_h2, sizeof(alpn_h2)) == 0, NOMEM,
                  "out of memory");
    CAPSA_TRY_AT(add_roots(ctx, tls->ca_path, false), "TLS roots");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (tls->cert_path != NULL) {
        CAPSA_TRY_AT(use_chain(ctx, tls->cert_path), "TLS certificate");
        CAPSA_TRY_AT(use_key(ctx, tls->key_path, tls->cert_path), "TLS key");
    }
    return CAPSA_OK;
}

static CAPSA_RESULT load(const struct capsa_net_tls *tls, SSL_CTX **ret_ctx)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(tls->server ? TLS_server_method() : TLS_client_method());
    CAPSA_REQUIRE_MEMORY(ctx);
    capsa_result result = CAPSA_OK;
    if (!set_common(ctx)) {
        result = capsa_error_make(CAPSA_E_INTERNAL, __FILE__, __LINE__, "TLS cannot be set up: %s",
                                  capsa_net_tls_reason());
    } else {
        result = tls->server ? fill_server(tls, ctx) : fill_client(tls, ctx);
    }
    if (capsa_failed(result)) {
        SSL_CTX_free(ctx);
        return result;
    }
    *ret_ctx = ctx;
    return CAPSA_OK;
}

static bool copy_path(const char *path, char **ret_copy)
{
    *ret_copy = path == NULL ? NULL : capsa_strdup(path);
    return path == NULL || *ret_copy != NULL;
}

static CAPSA_RESULT alloc_tls(bool server, struct capsa_net_tls **ret_tls)
{
    struct capsa_net_tls *tls = CAPSA_NEW(struct capsa_net_tls);
    CAPSA_REQUIRE_MEMORY(tls);
    tls->server = server;
    if (pthread_mutex_init(&tls->lock, NULL) != 0) {
        capsa_dealloc(tls);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    *ret_tls = tls;
    return CAPSA_OK;
}

static CAPSA_RESULT new_tls(bool server, const char *cert_path, const char *key_path,
                            const char *ca_path, struct capsa_net_tls **ret_tls)
{
    CAPSA_AUTO_FREE(capsa_net_tls) tls = NULL;
    CAPSA_TRY(alloc_tls(server, &tls));
    CAPSA_REQUIRE(copy_path(cert_path, &tls->cert_path) && copy_path(key_path, &tls->key_path) &&
                      copy_path(ca_path, &tls->ca_path),
                  NOMEM, "out of memory");
    CAPSA_TRY(load(tls, &tls->ctx));
    *ret_tls = tls;
    tls = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_tls_server_new(const struct capsa_net_tls_server_options *options,
                                      struct capsa_net_tls **ret_tls)
{
    CAPSA_REQUIRE(options->cert_path != NULL && options->key_path != NULL, USAGE,
                  "a TLS server needs a certificate and a key");
    return new_tls(true, options->cert_path, options->key_path, options->client_ca_path, ret_tls);
}

CAPSA_RESULT capsa_net_tls_client_new(const struct capsa_net_tls_client_options *options,
                                      struct capsa_net_tls **ret_tls)
{
    CAPSA_REQUIRE(options->ca_path != NULL, USAGE, "a TLS client needs roots to trust");
    CAPSA_REQUIRE((options->cert_path == NULL) == (options->key_path == NULL), USAGE,
                  "a TLS client certificate needs its key, and a key its certificate");
    return new_tls(false, options->cert_path, options->key_path, options->ca_path, ret_tls);
}

CAPSA_RESULT capsa_net_tls_of_maker(const struct capsa_net_tls_maker *maker,
                                    struct capsa_net_tls **ret_tls)
{
    CAPSA_REQUIRE(maker->session != NULL, USAGE, "TLS settings that make no sessions");
    struct capsa_net_tls *tls = NULL;
    CAPSA_TRY(alloc_tls(maker->is_server, &tls));
    tls->maker = *maker;
    *ret_tls = tls;
    return CAPSA_OK;
}

void capsa_net_tls_free(struct capsa_net_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    if (tls->maker.session != NULL && tls->maker.free != NULL) {
        tls->maker.free(tls->maker.context);
    }
    SSL_CTX_free(tls->ctx);
    (void)pthread_mutex_destroy(&tls->lock);
    capsa_dealloc(tls->cert_path);
    capsa_dealloc(tls->key_path);
    capsa_dealloc(tls->ca_path);
    capsa_dealloc(tls);
}

CAPSA_RESULT capsa_net_tls_reload(struct capsa_net_tls *tls)
{
    if (tls->maker.session != NULL) {
        return CAPSA_OK;
    }
    SSL_CTX *fresh = NULL;
    CAPSA_TRY(load(tls, &fresh));
    (void)pthread_mutex_lock(&tls->lock);
    SSL_CTX *old = tls->ctx;
    tls->ctx = fresh;
    (void)pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    return CAPSA_OK;
}

bool capsa_net_tls_is_mutual(const struct capsa_net_tls *tls)
{
    return tls->server && (tls->ca_path != NULL || tls->maker.is_mutual);
}

/* ---- sessions ---- */

static CAPSA_RESULT make_session(struct capsa_net_tls *tls, SSL **ret_session)
{
    if (tls->maker.session != NULL) {
        return tls->maker.session(tls->maker.context, ret_session);
    }
    (void)pthread_mutex_lock(&tls->lock);
    SSL *session = SSL_new(tls->ctx);
    (void)pthread_mutex_unlock(&tls->lock);
    CAPSA_REQUIRE_MEMORY(session);
    *ret_session = session;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_tls_session(struct capsa_net_tls *tls, bool as_server, SSL **ret_session)
{
    CAPSA_REQUIRE(tls->server == as_server, USAGE, "TLS settings of a %s for a %s",
                  tls->server ? "server" : "client", as_server ? "server" : "client");
    SSL *session = NULL;
    CAPSA_TRY(make_session(tls, &session));
    /* A record that is libssl's own (of keys that change) ends a read as one does that has not
     * come: who sends nothing else would keep a loop to himself. */
    (void)SSL_clear_mode(session, SSL_MODE_AUTO_RETRY);
    if (as_server) {
        SSL_set_accept_state(session);
    } else {
        SSL_set_connect_state(session);
    }
    *ret_session = session;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_tls_expect_name(const struct capsa_net_tls *tls, SSL *session,
                                       const char *name)
{
    if (tls->maker.session != NULL) {
        return CAPSA_OK;
    }
    char copy[CAPSA_NET_HOST_TEXT] = {0}; /* libssl's macro for SNI takes no const */
    const size_t len = strlen(name);
    CAPSA_REQUIRE(len > 0 && len < sizeof(copy), USAGE, "\"%s\" is not a server name", name);
    memcpy(copy, name, len);
    /* Names stand in subjectAltName, and a wildcard is a whole label (RFC 9525 section 6). */
    SSL_set_hostflags(session,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const bool set =
        capsa_net_host_is_ip(name)
            ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name) == 1
            : SSL_set1_host(session, name) == 1 && SSL_set_tlsext_host_name(session, copy) == 1;
    CAPSA_REQUIRE(set, USAGE, "\"%s\" cannot be looked for in a certificate", name);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_tls_check_alpn(const struct capsa_net_tls *tls, const SSL *session)
{
    const char *wanted = tls->maker.session != NULL ? tls->maker.alpn : "h2";
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(session, &name, &len);
    if (wanted == NULL || capsa_bytes_is(capsa_bytes_of(name, len), wanted)) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(tls->maker.session != NULL, NETWORK, "TLS without HTTP/2 (ALPN \"h2\")");
    CAPSA_FAIL(NETWORK, "TLS without \"%s\" (ALPN)", wanted);
}

const struct capsa_net_admission *capsa_net_tls_admission(const struct capsa_net_tls *tls)
{
    return tls->maker.session != NULL ? &tls->maker.admission : NULL;
}

bool capsa_net_tls_has_verified(const struct capsa_net_tls *tls, const SSL *session)
{
    if (tls->maker.session != NULL) {
        return !tls->server || tls->maker.is_mutual;
    }
    /* With SSL_VERIFY_PEER set, a handshake ends well only if the chain did; ask again all the
     * same, and ask whether there was a certificate at all. */
    return SSL_get0_peer_certificate(session) != NULL &&
           SSL_get_verify_result(session) == X509_V_OK &&
           (SSL_get_verify_mode(session) & SSL_VERIFY_PEER) != 0;
}
