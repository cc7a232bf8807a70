/* SPDX-License-Identifier: Apache-2.0
 *
 * A manager's account of itself (client_manager.h).
 */
#include "client/client_manager.h"

#include "base/limits.h"
#include "codec/protobuf.h"
#include "codec/text.h"

#define INFO_LABEL "capsa manager info v1\n"
#define ALG_NATIVE "ECDH-ES+A256KW"
#define ALG_RSA    "RSA-OAEP" /* and what may stand behind it */

void capsa_manager_drop(capsa_manager *manager)
{
    capsa_message_free(manager->genesis == NULL ? NULL : &manager->genesis->base);
    capsa_message_free(manager->info_message);
    *manager = (capsa_manager){.genesis = NULL};
}

static capsa_bytes bytes_of(ProtobufCBinaryData data)
{
    return capsa_bytes_of(data.data, data.len);
}

bool capsa_manager_is_production(const capsa_manager *manager)
{
    return capsa_streq(manager->genesis->mode, "production");
}

CAPSA_RESULT capsa_manager_id_check(const char *id)
{
    CAPSA_REQUIRE(strlen(id) == CAPSA_MANAGER_ID - 1 &&
                      strspn(id, "0123456789abcdef") == CAPSA_MANAGER_ID - 1,
                  USAGE, "\"%s\" is not a manager id: 64 hex digits, lower case", id);
    return CAPSA_OK;
}

/* ---- envelope keys --------------------------------------------------------------------------- */

typedef Native__ManagerInfo__EnvelopeKey envelope_key;

/* The kid of a key is made of the key, so that none can be passed off as another. */
static capsa_result check_key(const envelope_key *key)
{
    CAPSA_AUTO_FREE(capsa_public_key) public = NULL;
    CAPSA_TRY(capsa_public_key_parse(bytes_of(key->spki), &public));
    char kid[CAPSA_KID];
    capsa_public_key_kid(public, kid);
    CAPSA_REQUIRE(capsa_streq(kid, key->kid), UNAUTHENTIC, "kid is \"%s\", and its key's is \"%s\"",
                  key->kid, kid);
    return CAPSA_OK;
}

static capsa_result check_keys(const Native__ManagerInfo *info)
{
    CAPSA_REQUIRE(info->n_keys <= CAPSA_LIMIT_manager_keys, TOO_LARGE, "more than %d keys",
                  CAPSA_LIMIT_manager_keys);
    for (size_t i = 0; i < info->n_keys; i++) {
        CAPSA_TRY_AT(check_key(info->keys[i]), "keys[%zu]", i);
    }
    return CAPSA_OK;
}

/* The certificate's own key as the manager lists it, or NULL. */
static const envelope_key *find_cert_key(const Native__ManagerInfo *info,
                                         const struct capsa_cert *cert)
{
    char kid[CAPSA_KID];
    capsa_public_key_kid(capsa_cert_key(cert), kid);
    for (size_t i = 0; i < info->n_keys; i++) {
        if (capsa_streq(info->keys[i]->kid, kid) &&
            strncmp(info->keys[i]->alg, ALG_RSA, strlen(ALG_RSA)) == 0) {
            return info->keys[i];
        }
    }
    return NULL;
}

static capsa_result expired(const envelope_key *key)
{
    char ended[CAPSA_TIME_TEXT];
    capsa_time_text(key->not_after, ended);
    CAPSA_FAIL(EXPIRED,
               "the manager's key for requests ended at %s: its certificate is an old one, or a "
               "clock is wrong",
               ended);
}

CAPSA_RESULT capsa_manager_cert_key_check(const capsa_manager *manager,
                                          const struct capsa_cert *cert, capsa_time now)
{
    const envelope_key *key = find_cert_key(manager->info, cert);
    CAPSA_REQUIRE(key != NULL, UNAUTHENTIC,
                  "the certificate's own key is not among the manager's envelope keys");
    return key->not_after > now ? CAPSA_OK : expired(key);
}

static bool is_better(enum capsa_key_kind kind, const struct capsa_public_key *than)
{
    return kind == CAPSA_KEY_X25519
               ? than == NULL || capsa_public_key_kind(than) != CAPSA_KEY_X25519
               : kind == CAPSA_KEY_P256 && than == NULL;
}

CAPSA_RESULT capsa_manager_native_key(const capsa_manager *manager, capsa_time now,
                                      struct capsa_public_key **ret_key, const char **ret_kid)
{
    CAPSA_AUTO_FREE(capsa_public_key) best = NULL;
    const envelope_key *late = NULL;
    const char *kid = NULL;
    for (size_t i = 0; i < manager->info->n_keys; i++) {
        const envelope_key *listed = manager->info->keys[i];
        if (!capsa_streq(listed->alg, ALG_NATIVE)) {
            continue;
        }
        if (listed->not_after <= now) {
            late = listed;
            continue;
        }
        CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
        CAPSA_TRY(capsa_public_key_parse(bytes_of(listed->spki), &key));
        if (is_better(capsa_public_key_kind(key), best)) {
            struct capsa_public_key *worse = best;
            best = key;
            key = worse;
            kid = listed->kid;
        }
    }
    CAPSA_REQUIRE(best != NULL || late != NULL, UNSUPPORTED,
                  "the manager has no key of the native protocol that is known here");
    CAPSA_TRY(best == NULL ? expired(late) : CAPSA_OK);
    *ret_key = best;
    best = NULL;
    *ret_kid = kid;
    return CAPSA_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static capsa_result check_signature(const Native__SignedManagerInfo *outer,
                                    const Native__Genesis *genesis)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_manager_info + sizeof(INFO_LABEL));
    CAPSA_TRY(capsa_buf_str(&text, INFO_LABEL));
    CAPSA_TRY(capsa_buf_append(&text, bytes_of(outer->info)));
    CAPSA_TRY_AT(capsa_ed25519_check(genesis->announce_key.data, capsa_buf_bytes(&text),
                                     bytes_of(outer->signature)),
                 "what the manager says of itself");
    return CAPSA_OK;
}

static void hand_over(capsa_manager *from, capsa_manager *to)
{
    *to = *from;
    *from = (capsa_manager){.genesis = NULL};
}

CAPSA_RESULT capsa_manager_parse(capsa_bytes extension, capsa_manager *ret_manager)
{
    CAPSA_REQUIRE(extension.len <= CAPSA_LIMIT_manager_info, TOO_LARGE, "over %d bytes",
                  CAPSA_LIMIT_manager_info);
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&native__signed_manager_info__descriptor, extension,
                                   CAPSA_UNKNOWN_SKIPPED, &message));
    const Native__SignedManagerInfo *outer =
        (const Native__SignedManagerInfo *)(const void *)message;
    CAPSA_AUTO(capsa_manager) manager = {.genesis = NULL};
    CAPSA_TRY_AT(capsa_protobuf_parse(&native__manager_info__descriptor, bytes_of(outer->info),
                                      CAPSA_UNKNOWN_SKIPPED, &manager.info_message),
                 "info");
    manager.info = (const Native__ManagerInfo *)(const void *)manager.info_message;
    CAPSA_TRY(capsa_genesis_parse(bytes_of(manager.info->genesis), &manager.genesis));
    capsa_genesis_id(bytes_of(manager.info->genesis), manager.id);
    CAPSA_TRY(check_signature(outer, manager.genesis));
    CAPSA_TRY(check_keys(manager.info));
    hand_over(&manager, ret_manager);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_manager_of_cert(const struct capsa_cert *cert, capsa_manager *ret_manager)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_cert_extension(cert, CAPSA_MANAGER_OID, &content));
    CAPSA_AUTO(capsa_manager) manager = {.genesis = NULL};
    CAPSA_TRY_AT(capsa_manager_parse(capsa_buf_bytes(&content), &manager),
                 "the manager's certificate");
    CAPSA_REQUIRE(find_cert_key(manager.info, cert) != NULL, UNAUTHENTIC,
                  "the certificate's own key is not among the envelope keys of manager %s",
                  manager.id);
    hand_over(&manager, ret_manager);
    return CAPSA_OK;
}
