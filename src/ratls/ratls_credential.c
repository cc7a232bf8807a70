/* SPDX-License-Identifier: Apache-2.0
 *
 * A key with its certificate, shared by whoever uses it, and written to files (ratls_identity.h).
 */
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "ratls/ratls_issue.h"
#include "ratls/ratls_pem.h"

struct capsa_ratls_credential {
    atomic_uint owners; /* _free takes one away */
    struct capsa_private_key *key;
    struct capsa_cert *cert;
    uint8_t spki[CAPSA_SHA256];
    capsa_time not_after, renew_at;
};

/* Takes over both, also on failure. `from`: since when it is used. */
static capsa_result credential_new(struct capsa_private_key *taken_key,
                                   struct capsa_cert *taken_cert, capsa_time from,
                                   struct capsa_ratls_credential **ret_credential)
{
    CAPSA_AUTO_FREE(capsa_private_key) key = taken_key;
    CAPSA_AUTO_FREE(capsa_cert) cert = taken_cert;
    struct capsa_ratls_credential *credential = CAPSA_NEW(struct capsa_ratls_credential);
    CAPSA_REQUIRE_MEMORY(credential);
    capsa_time not_before;
    capsa_cert_validity(cert, &not_before, &credential->not_after);
    from = from == 0 ? not_before : from;
    credential->renew_at = from + (credential->not_after - from) / 3 * 2;
    capsa_ignore(capsa_cert_spki_digest(cert, credential->spki), "digests have no way to fail");
    credential->key = key;
    credential->cert = cert;
    atomic_init(&credential->owners, 1);
    key = NULL;
    cert = NULL;
    *ret_credential = credential;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_make(const struct capsa_ratls_attester *attester,
                              const struct capsa_ratls_profile *profile, capsa_time now,
                              struct capsa_ratls_credential **ret_credential)
{
    struct capsa_private_key *key = NULL;
    struct capsa_cert *cert = NULL;
    CAPSA_TRY(capsa_ratls_issue(attester, profile, now, &key, &cert));
    return credential_new(key, cert, now, ret_credential);
}

CAPSA_RESULT capsa_ratls_credential_of(capsa_bytes certificate, capsa_bytes key,
                                       struct capsa_ratls_credential **ret_credential)
{
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(CAPSA_LIMIT_ratls_certificate);
    CAPSA_AUTO_FREE(capsa_private_key) own = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY_AT(capsa_ratls_pem_certificate(certificate, &der), "the certificate");
    CAPSA_TRY_AT(capsa_cert_parse_der(capsa_buf_bytes(&der), &cert), "the certificate");
    CAPSA_TRY_AT(capsa_private_key_parse(key, &own), "the key");
    CAPSA_TRY(capsa_public_key_of(own, &public_key));
    CAPSA_REQUIRE(capsa_public_key_same(public_key, capsa_cert_key(cert)), USAGE,
                  "the key is not that of the certificate");
    struct capsa_private_key *taken_key = own;
    struct capsa_cert *taken_cert = cert;
    own = NULL;
    cert = NULL;
    return credential_new(taken_key, taken_cert, 0, ret_credential);
}

struct capsa_ratls_credential *
capsa_ratls_credential_share(struct capsa_ratls_credential *credential)
{
    (void)atomic_fetch_add_explicit(&credential->owners, 1, memory_order_relaxed);
    return credential;
}

void capsa_ratls_credential_free(struct capsa_ratls_credential *credential)
{
    if (credential == NULL ||
        atomic_fetch_sub_explicit(&credential->owners, 1, memory_order_acq_rel) > 1) {
        return;
    }
    capsa_private_key_free(credential->key);
    capsa_cert_free(credential->cert);
    capsa_dealloc(credential);
}

/* ---- What it holds --------------------------------------------------------------------------- */

capsa_bytes capsa_ratls_credential_der(const struct capsa_ratls_credential *credential)
{
    return capsa_cert_der(credential->cert);
}

const struct capsa_private_key *
capsa_ratls_credential_key(const struct capsa_ratls_credential *credential)
{
    return credential->key;
}

void capsa_ratls_credential_spki(const struct capsa_ratls_credential *credential,
                                 uint8_t ret_digest[32])
{
    memcpy(ret_digest, credential->spki, CAPSA_SHA256);
}

capsa_time capsa_ratls_credential_renew_at(const struct capsa_ratls_credential *credential)
{
    return credential->renew_at;
}

capsa_time capsa_ratls_credential_not_after(const struct capsa_ratls_credential *credential)
{
    return credential->not_after;
}

/* ---- Files ----------------------------------------------------------------------------------- */

#define KEY_FILE_MODE  0600
#define CERT_FILE_MODE 0644

/* What lay where the key goes, to be put back should the certificate not get to its place. */
typedef struct {
    struct capsa_file_place place;
    capsa_buf content;
} previous_key;

static void previous_key_drop(previous_key *previous)
{
    capsa_buf_drop(&previous->content);
}

static capsa_result remember_key(const char *path, previous_key *previous)
{
    CAPSA_TRY(capsa_file_place_find(path, &previous->place));
    return previous->place.exists ? capsa_file_read(path, &previous->content) : CAPSA_OK;
}

static capsa_result check_apart(const char *cert_path, const struct capsa_file_place *key)
{
    struct capsa_file_place cert;
    CAPSA_TRY(capsa_file_place_find(cert_path, &cert));
    CAPSA_REQUIRE(!capsa_streq(cert.path, key->path), USAGE,
                  "certificate and key would be written to one file, %s", cert.path);
    return CAPSA_OK;
}

static capsa_result put_back(const char *path, const previous_key *previous)
{
    if (previous->place.exists) {
        return capsa_file_write(path, capsa_buf_bytes(&previous->content), previous->place.mode,
                                true);
    }
    CAPSA_REQUIRE(unlink(path) == 0 || errno == ENOENT, IO, "cannot remove %s: %s", path,
                  strerror(errno));
    return CAPSA_OK;
}

static capsa_result stage(const char *path, unsigned mode, const capsa_buf *content,
                          struct capsa_file_out *ret_out)
{
    CAPSA_TRY(capsa_file_out_open(path, mode, true, ret_out));
    return capsa_file_out_write(ret_out, capsa_buf_bytes(content));
}

static capsa_result commit_both(struct capsa_file_out *key, struct capsa_file_out *cert)
{
    CAPSA_TRY(capsa_file_out_commit(key));
    return capsa_file_out_commit(cert);
}

/* Both lie beside their places before either takes it. A failure may come behind the taking, of the
 * folder's syncing: which of them took its place, its temporary file says. */
static capsa_result write_both(const capsa_buf *cert, const char *cert_path, const capsa_buf *key,
                               const char *key_path)
{
    CAPSA_AUTO(previous_key) previous = {.content = capsa_buf_of(CAPSA_LIMIT_ratls_certificate)};
    CAPSA_AUTO(capsa_file_out) key_out = {.fd = -1};
    CAPSA_AUTO(capsa_file_out) cert_out = {.fd = -1};
    CAPSA_TRY(remember_key(key_path, &previous));
    CAPSA_TRY(check_apart(cert_path, &previous.place));
    CAPSA_TRY(stage(key_path, KEY_FILE_MODE, key, &key_out));
    CAPSA_TRY(stage(cert_path, CERT_FILE_MODE, cert, &cert_out));
    capsa_result committed = commit_both(&key_out, &cert_out);
    bool key_alone = capsa_failed(committed) && !previous.place.direct &&
                     key_out.temporary == NULL && cert_out.temporary != NULL;
    if (key_alone && capsa_failed(put_back(key_path, &previous))) {
        return capsa_error_within(committed, "%s now has the key of a certificate that was lost",
                                  key_path);
    }
    return committed;
}

CAPSA_RESULT capsa_ratls_credential_write(const struct capsa_ratls_credential *credential,
                                          const char *cert_path, const char *key_path)
{
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_AUTO(capsa_buf) cert = capsa_buf_of((size_t)2 * CAPSA_LIMIT_ratls_certificate);
    CAPSA_TRY(capsa_private_key_write(credential->key, &key));
    CAPSA_TRY(capsa_cert_write_pem(credential->cert, &cert));
    return write_both(&cert, cert_path, &key, key_path);
}
