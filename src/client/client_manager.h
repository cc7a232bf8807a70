/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a manager says that it is (docs/explanation/PROTOCOL.md, section 2): the extension of its
 * certificate, read and checked. What is checked here is that the manager of that genesis said it.
 * Whether that is the manager one wants is for whoever knows an id to say. Pure.
 */
#pragma once

#include "audit/audit_genesis.h"
#include "crypto/crypto.h"

#define CAPSA_MANAGER_OID "1.2.840.113556.1.8000.2554.35527.355.40132.19456.35205.9612017.2054100"

/* Start from {0}. The messages are owned; what they hold was checked. */
typedef struct capsa_manager {
    char id[CAPSA_MANAGER_ID]; /* hex SHA-256 of the genesis */
    Native__Genesis *genesis;
    ProtobufCMessage *info_message;
    const Native__ManagerInfo *info; /* in info_message */
} capsa_manager;
void capsa_manager_drop(capsa_manager *manager); /* callable twice, and on zeros */

/* `extension` is a serialized SignedManagerInfo. MALFORMED or TOO_LARGE: not the form; UNAUTHENTIC:
 * not signed by the announce key of the genesis inside, or a kid that is not its key's. */
CAPSA_RESULT capsa_manager_parse(capsa_bytes extension, capsa_manager *ret_manager);

/* Of a certificate; its own key must be among the envelope keys (UNAUTHENTIC). NOT_FOUND: it has no
 * such extension, and no other failure has that code. */
CAPSA_RESULT capsa_manager_of_cert(const struct capsa_cert *cert, capsa_manager *ret_manager);

bool capsa_manager_is_production(const capsa_manager *manager);
/* 64 lower-case hex digits; else USAGE. */
CAPSA_RESULT capsa_manager_id_check(const char *id);

/* A key of the native protocol that is good at `now`, X25519 rather than P-256. None: UNSUPPORTED;
 * none any more: EXPIRED. The kid is borrowed from the manager. */
CAPSA_RESULT capsa_manager_native_key(const capsa_manager *manager, capsa_time now,
                                      struct capsa_public_key **ret_key, const char **ret_kid);
/* The certificate's own key, to which requests of the original protocol are sealed, is still good:
 * else EXPIRED. */
CAPSA_RESULT capsa_manager_cert_key_check(const capsa_manager *manager,
                                          const struct capsa_cert *cert, capsa_time now);
