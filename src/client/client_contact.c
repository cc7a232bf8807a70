/* SPDX-License-Identifier: Apache-2.0
 *
 * Meeting a manager: its certificate is asked for, and then it is decided whether this is the one
 * wanted (client.h). Whatever is wrong with it, nothing but GetRaCert was sent to it by then.
 */
#include <stdio.h>

#include "client/client_internal.h"
#include "codec/text.h"

/* Fresh for each call, in the form the original uses: 32 random bytes in hex. */
static capsa_result make_nonce(capsa_buf *nonce)
{
    uint8_t random[32];
    CAPSA_TRY(capsa_random(random, sizeof(random)));
    return capsa_hex_write(capsa_bytes_of(random, sizeof(random)), nonce);
}

static capsa_result ask(struct capsa_client *client, const char *nonce,
                        ProtobufCMessage **ret_answer)
{
    Cm__GetRaCertRequest request = CM__GET_RA_CERT_REQUEST__INIT;
    request.nonce = capsa_client_field(nonce);
    return capsa_client_send(client, client->protocol->service, "GetRaCert", &request.base,
                             &cm__get_ra_cert_response__descriptor, ret_answer);
}

/* The manager's certificate, and what its evidence says for it. */
static capsa_result fetch(struct capsa_client *client, struct capsa_cert **ret_cert,
                          struct capsa_client_vouched *ret_vouched)
{
    CAPSA_AUTO(capsa_buf) nonce_buf = capsa_buf_of(128);
    CAPSA_AUTO_MESSAGE answer = NULL;
    const char *nonce;
    CAPSA_TRY(make_nonce(&nonce_buf));
    CAPSA_TRY(capsa_buf_cstr(&nonce_buf, &nonce));
    CAPSA_TRY(ask(client, nonce, &answer));
    const Cm__GetRaCertResponse *ra = (const Cm__GetRaCertResponse *)(const void *)answer;
    CAPSA_TRY(capsa_client_check_status(ra->status));
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY_AT(capsa_cert_parse_pem(capsa_bytes_str(ra->cert), &cert),
                 "the manager's certificate");
    CAPSA_TRY(capsa_client_evidence_check(client, ra, nonce, ret_vouched));
    *ret_cert = cert;
    cert = NULL; /* handed over */
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

/* Evidence that does not say which code runs is shown by any program on such a platform. */
static capsa_result check_pinned_code(const struct capsa_client *client,
                                      const struct capsa_client_vouched *vouched)
{
    const struct capsa_client_trust *trust = client->options.trust;
    CAPSA_REQUIRE(!vouched->shown || vouched->by_code || client->options.manager_id != NULL ||
                      client->options.introduces || trust->insecure_unpinned_manager,
                  UNAUTHENTIC,
                  "the manager's evidence holds, but the policy for it does not say which code a "
                  "manager is, so any program on such a platform passes; nothing was sent to it. "
                  "Name its code, or its id (--manager-id), or say insecure_unpinned_manager");
    return CAPSA_OK;
}

/* The mode is the manager's own word; what is simulated cannot keep it. */
static capsa_result check_production(const capsa_manager *manager,
                                     const struct capsa_client_vouched *vouched)
{
    CAPSA_REQUIRE(!vouched->shown || vouched->by_vendor || !capsa_manager_is_production(manager),
                  EVIDENCE,
                  "manager %s says that it is in production, but its evidence is not of a vendor's "
                  "platform; nothing was sent to it",
                  manager->id);
    return CAPSA_OK;
}

/* Nobody has said yet which manager it should be. */
static capsa_result check_stranger(const struct capsa_client *client, const capsa_manager *manager,
                                   const struct capsa_client_vouched *vouched)
{
    CAPSA_TRY(check_pinned_code(client, vouched));
    CAPSA_REQUIRE(client->options.manager_id != NULL || client->options.introduces ||
                      vouched->shown || !capsa_manager_is_production(manager),
                  UNAUTHENTIC,
                  "a production manager is not trusted at first sight; nothing was sent to it. "
                  "This one is %s: compare that with what its operator says, then give it as "
                  "--manager-id; or give a policy for its evidence (--manager-policy)",
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

static capsa_result check_identity(struct capsa_client *client, const capsa_manager *manager,
                                   const struct capsa_client_vouched *vouched)
{
    CAPSA_TRY(check_production(manager, vouched));
    CAPSA_TRY(check_pinned_id(client->options.manager_id, manager));
    bool found;
    struct capsa_known known;
    CAPSA_TRY(find_known(client, &found, &known));
    if (found) {
        return check_known_id(&known, manager);
    }
    CAPSA_TRY(check_stranger(client, manager, vouched));
    return client->options.memory == NULL || client->options.introduces ? CAPSA_OK
                                                                        : remember(client, manager);
}

/* A certificate that names no manager is the original's; but not where another was seen or is
 * wanted, because taking the extension away is what an impostor would do. */
static capsa_result check_nameless(const struct capsa_client *client,
                                   const struct capsa_client_vouched *vouched)
{
    CAPSA_TRY(check_pinned_code(client, vouched));
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
                             const struct capsa_client_vouched *vouched, capsa_manager *ret_manager)
{
    capsa_result result = capsa_manager_of_cert(cert, ret_manager);
    if (capsa_code_of(result) == CAPSA_E_NOT_FOUND) {
        return check_nameless(client, vouched);
    }
    CAPSA_TRY(result);
    return check_identity(client, ret_manager, vouched);
}

CAPSA_RESULT capsa_client_contact(struct capsa_client *client)
{
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    struct capsa_client_vouched vouched;
    CAPSA_TRY(fetch(client, &cert, &vouched));
    CAPSA_TRY(check_pinned_cert(client->options.manager, cert));
    CAPSA_AUTO(capsa_manager) manager = {.genesis = NULL};
    CAPSA_TRY(identify(client, cert, &vouched, &manager));
    CAPSA_TRY(take(client, cert, &manager));
    cert = NULL;
    manager = (capsa_manager){.genesis = NULL};
    return CAPSA_OK;
}
