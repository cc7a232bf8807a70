/* SPDX-License-Identifier: Apache-2.0
 *
 * Meeting a manager: its certificate is asked for, and then it is decided whether this is the one
 * wanted (client.h). Whatever is wrong with it, nothing but GetRaCert was sent to it by then.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "client/client_internal.h"
#include "codec/text.h"

/* Fresh for each call, in the form the original uses: 32 random bytes in hex. */
static capsa_result make_nonce(capsa_buf *nonce)
{
    uint8_t random[32];
    CAPSA_TRY(capsa_random(random, sizeof(random)));
    return capsa_hex_write(capsa_bytes_of(random, sizeof(random)), nonce);
}

static capsa_result ask(struct capsa_client *client, ProtobufCMessage **ret_answer)
{
    CAPSA_AUTO(capsa_buf) nonce = capsa_buf_of(128);
    CAPSA_TRY(make_nonce(&nonce));
    Cm__GetRaCertRequest request = CM__GET_RA_CERT_REQUEST__INIT;
    char *text = NULL;
    CAPSA_TRY(capsa_buf_take_str(&nonce, &text));
    request.nonce = text;
    capsa_result result =
        capsa_client_send(client, client->protocol->service, "GetRaCert", &request.base,
                          &cm__get_ra_cert_response__descriptor, ret_answer);
    capsa_dealloc(text);
    return result;
}

static capsa_result fetch(struct capsa_client *client, struct capsa_cert **ret_cert)
{
    CAPSA_AUTO_MESSAGE answer = NULL;
    CAPSA_TRY(ask(client, &answer));
    const Cm__GetRaCertResponse *ra = (const Cm__GetRaCertResponse *)(const void *)answer;
    CAPSA_TRY(capsa_client_check_status(ra->status));
    CAPSA_TRY_AT(capsa_cert_parse_pem(capsa_bytes_str(ra->cert), ret_cert),
                 "the manager's certificate");
    return CAPSA_OK;
}

/* ---- is it the one wanted? ------------------------------------------------------------------- */

static capsa_result check_pinned_cert(const struct capsa_cert *pin, const struct capsa_cert *got)
{
    CAPSA_REQUIRE(pin == NULL || capsa_cert_same_key(pin, got), UNAUTHENTIC,
                  "the manager has another key than the certificate that it should have; nothing "
                  "was sent to it");
    return CAPSA_OK;
}

static capsa_result check_pinned_id(const char *pin, const capsa_manager *manager)
{
    CAPSA_REQUIRE(pin == NULL || capsa_streq(pin, manager->id), UNAUTHENTIC,
                  "this is manager %s, and not the one wanted, %s; nothing was sent to it",
                  manager->id, pin == NULL ? "" : pin);
    return CAPSA_OK;
}

static capsa_result check_known_id(const struct capsa_known *known, const capsa_manager *manager)
{
    CAPSA_REQUIRE(capsa_streq(known->id, manager->id), UNAUTHENTIC,
                  "at %s was manager %s, and now there is %s; nothing was sent to it. If that is "
                  "as it should be: capsa manager forget %s",
                  known->address, known->id, manager->id, known->address);
    return CAPSA_OK;
}

/* Nobody has said yet which manager it should be. */
static capsa_result check_stranger(const struct capsa_client *client, const capsa_manager *manager)
{
    CAPSA_REQUIRE(client->options.manager_id != NULL || client->options.introduces ||
                      !capsa_manager_is_production(manager),
                  UNAUTHENTIC,
                  "a production manager is not trusted at first sight; nothing was sent to it. "
                  "This one is %s: compare that with what its operator says, then give it as "
                  "--manager-id",
                  manager->id);
    return CAPSA_OK;
}

static capsa_result remember(struct capsa_client *client, const capsa_manager *manager)
{
    struct capsa_known known = {.mode = ""};
    int len = snprintf(known.address, sizeof(known.address), "%s", client->options.target);
    CAPSA_REQUIRE(len > 0 && (size_t)len < sizeof(known.address), TOO_LARGE,
                  "the manager's address is over %zu bytes", sizeof(known.address) - 1);
    memcpy(known.id, manager->id, sizeof(known.id));
    (void)snprintf(known.mode, sizeof(known.mode), "%s", manager->genesis->mode);
    CAPSA_TRY(capsa_memory_remember(client->options.memory, &known));
    client->has_met = true;
    return CAPSA_OK;
}

static capsa_result find_known(const struct capsa_client *client, bool *ret_found,
                               struct capsa_known *ret_known)
{
    *ret_found = false;
    return client->options.memory == NULL
               ? CAPSA_OK
               : capsa_memory_find(client->options.memory, client->options.target, ret_found,
                                   ret_known);
}

static capsa_result check_identity(struct capsa_client *client, const capsa_manager *manager)
{
    CAPSA_TRY(check_pinned_id(client->options.manager_id, manager));
    bool found;
    struct capsa_known known;
    CAPSA_TRY(find_known(client, &found, &known));
    if (found) {
        return check_known_id(&known, manager);
    }
    CAPSA_TRY(check_stranger(client, manager));
    return client->options.memory == NULL || client->options.introduces ? CAPSA_OK
                                                                        : remember(client, manager);
}

/* A certificate that names no manager is the original's; but not where another was seen or is
 * wanted, because taking the extension away is what an impostor would do. */
static capsa_result check_nameless(const struct capsa_client *client)
{
    CAPSA_REQUIRE(client->options.manager_id == NULL, UNAUTHENTIC,
                  "the manager's certificate names no manager id, and %s is wanted; nothing was "
                  "sent to it",
                  client->options.manager_id);
    bool found;
    struct capsa_known known;
    CAPSA_TRY(find_known(client, &found, &known));
    CAPSA_REQUIRE(!found, UNAUTHENTIC,
                  "at %s was manager %s, and now there is one that does not say who it is; nothing "
                  "was sent to it. If that is as it should be: capsa manager forget %s",
                  known.address, known.id, known.address);
    return CAPSA_OK;
}

/* ---- both ------------------------------------------------------------------------------------ */

/* In the place of what was known before. A client meets one manager in its life. */
static capsa_result take(struct capsa_client *client, struct capsa_cert *cert,
                         const capsa_manager *manager)
{
    CAPSA_REQUIRE(!client->has_identity || manager->genesis != NULL, UNAUTHENTIC,
                  "the manager does not say any more who it is");
    CAPSA_REQUIRE(!client->has_identity || capsa_streq(client->manager.id, manager->id),
                  UNAUTHENTIC, "this was manager %s a moment ago, and now it is %s",
                  client->manager.id, manager->id);
    capsa_cert_free(client->cert);
    client->cert = cert;
    capsa_manager_drop(&client->manager);
    client->manager = *manager;
    client->has_identity = manager->genesis != NULL;
    return CAPSA_OK;
}

static capsa_result identify(struct capsa_client *client, const struct capsa_cert *cert,
                             capsa_manager *ret_manager)
{
    capsa_result result = capsa_manager_of_cert(cert, ret_manager);
    if (capsa_code_of(result) == CAPSA_E_NOT_FOUND) {
        return check_nameless(client);
    }
    CAPSA_TRY(result);
    return check_identity(client, ret_manager);
}

CAPSA_RESULT capsa_client_contact(struct capsa_client *client)
{
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY(fetch(client, &cert));
    CAPSA_TRY(check_pinned_cert(client->options.manager, cert));
    CAPSA_AUTO(capsa_manager) manager = {.genesis = NULL};
    CAPSA_TRY(identify(client, cert, &manager));
    CAPSA_TRY(take(client, cert, &manager));
    cert = NULL;
    manager = (capsa_manager){.genesis = NULL};
    return CAPSA_OK;
}
