/* SPDX-License-Identifier: Apache-2.0
 *
 * The key manager: keeps the keys and policies of data owners, and gives a key to a program only as
 * its owner's policy allows. Speaks the capsule manager protocol
 * (secretflowapis.v2.sdc.capsule_manager.CapsuleManager) as a table of RPC methods; knows nothing
 * of sockets. keymanager_methods.c is everything that it can be asked.
 */
#pragma once

#include "appraisal/appraisal.h"
#include "attester/attester.h"
#include "base/log.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "rpc/rpc_method.h"

struct capsa_keymanager;

/* How evidence is made and judged. Zeroed: the manager has no platform, and verifies nothing. */
struct capsa_keymanager_evidence {
    /* The platform that it runs on, of which GetRaCert shows evidence; NULL: none. */
    const struct capsa_attester *attester;
    struct capsa_attester_options where;
    struct capsa_collateral_getter getter; /* for that evidence; .get NULL: none */
    struct capsa_appraiser *appraiser;     /* of what requests bring; NULL: UNSUPPORTED. Taken over
                                              by the manager, once it is made */
    bool required;                         /* no key without */
    bool production; /* vendors' anchors only, no debug, and a floor where there is no TCB status */
    bool has_floor[CAPSA_PLATFORM_COUNT];
};

struct capsa_keymanager_options {
    struct capsa_ledger *ledger; /* all of these outlive the manager */
    const struct capsa_clock *clock;
    struct capsa_log *log;     /* may be NULL */
    struct capsa_log *monitor; /* a line a call in the original's form; may be NULL */
    unsigned rsa_bits;         /* of new envelope keys */
    /* The manager's own RSA key and certificate, PEM, when they are not its own to make; empty: it
     * makes its envelope keys, keeps them in the store and replaces them every day. */
    capsa_bytes injected_key;
    capsa_bytes injected_cert;
    struct capsa_keymanager_evidence evidence;
    bool insecure_empty_columns_pass;
    bool insecure_claimed_initiator;
    bool insecure_client_env;
};

/* Loads or makes the envelope keys, and reads from the log which requests are spent; blocks. */
CAPSA_RESULT capsa_keymanager_new(const struct capsa_keymanager_options *options,
                                  struct capsa_keymanager **ret_manager);
void capsa_keymanager_free(struct capsa_keymanager *manager); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_keymanager)

#define CAPSA_KEYMANAGER_SERVICE        "secretflowapis.v2.sdc.capsule_manager.CapsuleManager"
#define CAPSA_KEYMANAGER_NATIVE_SERVICE "capsa.v1.Manager"

/* Of both services together. */
size_t capsa_keymanager_method_count(void);
/* `ret_methods` has room for that many; their handlers run on any thread, several at once. */
void capsa_keymanager_methods(struct capsa_keymanager *manager,
                              struct capsa_rpc_method *ret_methods);

/* From now on judge what requests bring by this appraiser, which is taken over, with these floors;
 * waits for nobody, so that what is being judged is judged by the one before. */
CAPSA_RESULT capsa_keymanager_appraise_by(struct capsa_keymanager *manager,
                                          const struct capsa_keymanager_evidence *how);

/* New envelope keys, when it is time. Call every minute or so, not on the event loop: making an RSA
 * key takes a while. *ret_renewed says whether there are new ones. */
CAPSA_RESULT capsa_keymanager_renew(struct capsa_keymanager *manager, bool *ret_renewed);
/* Commit something that changes nothing: whether the store takes writes again after it did not. */
CAPSA_RESULT capsa_keymanager_probe(struct capsa_keymanager *manager);
/* Prometheus text: calls by service, method and status; the log's size. Names no resource and no
 * party. */
CAPSA_RESULT capsa_keymanager_metrics(struct capsa_keymanager *manager, capsa_buf *text);
