/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own certificate and key, handed to libssl as each handshake asks for them, so that a renewed
 * identity is shown at once. The last credential is kept in libssl's form: reading a key takes it
 * longer than the handshake's signature.
 */
#include "ratls/ratls_channel.h"

#define KEY_PEM_MAX KIB(16)

/* What SSL_use_* shares. */
struct presented {
    X509 *certificate;
    EVP_PKEY *key;
};

static void presented_drop(struct presented *presented)
{
    X509_free(presented->certificate);
    EVP_PKEY_free(presented->key);
    *presented = (struct presented){NULL, NULL};
}

static capsa_result read_key(const struct capsa_private_key *key, EVP_PKEY **ret_key)
{
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KEY_PEM_MAX);
    CAPSA_TRY(capsa_private_key_write(key, &pem));
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    CAPSA_REQUIRE_MEMORY(bio);
    EVP_PKEY *read = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    (void)BIO_free(bio);
    CAPSA_REQUIRE(read != NULL, INTERNAL, "the identity's key cannot be used for TLS: %s",
                  capsa_ratls_libssl_reason());
    *ret_key = read;
    return CAPSA_OK;
}

static capsa_result read_credential(const struct capsa_ratls_credential *credential,
                                    struct presented *ret_presented)
{
    struct presented presented = {NULL, NULL};
    CAPSA_TRY(read_key(capsa_ratls_credential_key(credential), &presented.key));
    const capsa_bytes der = capsa_ratls_credential_der(credential);
    const unsigned char *at = der.data;
    presented.certificate = d2i_X509(NULL, &at, (long)der.len);
    if (presented.certificate == NULL) {
        presented_drop(&presented);
        CAPSA_FAIL(MALFORMED, "the identity's certificate cannot be used for TLS: %s",
                   capsa_ratls_libssl_reason());
    }
    *ret_presented = presented;
    return CAPSA_OK;
}

static struct presented share_kept(const struct capsa_ratls_context *context)
{
    (void)X509_up_ref(context->kept_certificate);
    (void)EVP_PKEY_up_ref(context->kept_key);
    return (struct presented){context->kept_certificate, context->kept_key};
}

/* Under the lock. The kept credential's share makes sure that no other has its address. */
static capsa_result take_credential(struct capsa_ratls_context *context,
                                    struct capsa_ratls_credential *credential,
                                    struct presented *ret_presented)
{
    if (context->kept != credential) {
        struct presented fresh = {NULL, NULL};
        CAPSA_TRY(read_credential(credential, &fresh));
        struct presented old = {context->kept_certificate, context->kept_key};
        presented_drop(&old);
        capsa_ratls_credential_free(context->kept);
        context->kept = capsa_ratls_credential_share(credential);
        context->kept_certificate = fresh.certificate;
        context->kept_key = fresh.key;
    }
    *ret_presented = share_kept(context);
    return CAPSA_OK;
}

static capsa_result current(const struct capsa_ratls_context *context,
                            struct capsa_ratls_credential **ret_credential)
{
    CAPSA_AUTO_FREE(capsa_ratls_credential)
    credential = capsa_ratls_identity_current(context->identity);
    CAPSA_REQUIRE(credential != NULL, NOT_FOUND,
                  "the identity has no certificate yet: it was never made");
    const capsa_time end = capsa_ratls_credential_not_after(credential);
    char text[CAPSA_TIME_TEXT];
    capsa_time_text(end, text);
    CAPSA_REQUIRE(capsa_now(context->clock) <= end, EXPIRED,
                  "the identity's certificate expired at %s and was not renewed", text);
    *ret_credential = credential;
    credential = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_presentable(const struct capsa_ratls_context *context)
{
    if (context->identity == NULL) {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_ratls_credential) credential = NULL;
    return current(context, &credential);
}

CAPSA_RESULT capsa_ratls_present(struct capsa_ratls_context *context, SSL *session)
{
    CAPSA_AUTO_FREE(capsa_ratls_credential) credential = NULL;
    CAPSA_TRY(current(context, &credential));
    struct presented presented = {NULL, NULL};
    (void)pthread_mutex_lock(&context->lock);
    capsa_result taken = take_credential(context, credential, &presented);
    (void)pthread_mutex_unlock(&context->lock);
    CAPSA_TRY(taken);
    const bool used = SSL_use_certificate(session, presented.certificate) == 1 &&
                      SSL_use_PrivateKey(session, presented.key) == 1;
    presented_drop(&presented);
    CAPSA_REQUIRE(used, INTERNAL, "the identity's certificate cannot be used for TLS: %s",
                  capsa_ratls_libssl_reason());
    return CAPSA_OK;
}
