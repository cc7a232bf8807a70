/* SPDX-License-Identifier: Apache-2.0
 *
 * A store with many keys in it, as a key manager would have written it:
 *
 *   bench_fill FOLDER TYPE KEYS     FOLDER is a data_dir; TYPE "rsa" or "p256"
 *
 * Makes the party FOLDER/TYPE.{key,crt}, registers KEYS data keys for it, and a policy for each
 * data_uuid that lets the party use them. The records are written by the key manager's own code,
 * without its envelopes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench_party.h"
#include "keymanager/keymanager_records.h"
#include "ledger/ledger.h"

#define A_COMMIT 4000 /* keys */

struct filling {
    const char *type;
    capsa_party party;
    struct capsa_ledger *ledger;
};

static capsa_result put_policy(struct filling *filling, struct capsa_km_txn *txn, char *uuid)
{
    char star[] = "*", op[] = BENCH_OP, id[] = "r";
    char *stars[] = {star}, *grantees[] = {filling->party.id};
    Cm__Rule__OpConstraint allowed = CM__RULE__OP_CONSTRAINT__INIT;
    allowed.op_name = op;
    Cm__Rule__OpConstraint *ops[] = {&allowed};
    Cm__Rule rule = CM__RULE__INIT;
    rule.rule_id = id;
    rule.columns = stars;
    rule.n_columns = 1;
    rule.grantee_party_ids = grantees;
    rule.n_grantee_party_ids = 1;
    rule.op_constraints = ops;
    rule.n_op_constraints = 1;
    Cm__Rule *rules[] = {&rule};
    Cm__Policy policy = CM__POLICY__INIT;
    policy.data_uuid = uuid;
    policy.rules = rules;
    policy.n_rules = 1;
    return capsa_km_policy_put(txn, filling->party.id, BENCH_SCOPE, uuid, &policy);
}

static capsa_result put_resource(struct filling *filling, struct capsa_km_txn *txn, size_t index)
{
    char uuid[BENCH_NAME];
    bench_uuid(filling->type, index, uuid);
    Rec__Resource resource = REC__RESOURCE__INIT;
    resource.owner_party_id = filling->party.id;
    resource.incarnation = 1;
    resource.created_at = capsa_now(&capsa_clock_system);
    CAPSA_TRY(put_policy(filling, txn, uuid));
    return capsa_km_resource_put(txn, uuid, (const char *const[]){filling->party.id, NULL},
                                 &resource);
}

static capsa_result put_key(struct filling *filling, struct capsa_km_txn *txn, size_t index)
{
    char uuid[BENCH_NAME], uri[BENCH_NAME], data_key[] = BENCH_KEY;
    bench_uuid(filling->type, index, uuid);
    bench_uri(filling->type, index, uri);
    Rec__Key key = REC__KEY__INIT;
    key.data_key_b64 = data_key;
    key.holder = filling->party.id;
    key.incarnation = 1;
    if (index % BENCH_UUID == 0) {
        CAPSA_TRY(put_resource(filling, txn, index));
    }
    return capsa_km_key_put(txn, uuid, uri, (const char *const[]){filling->party.id, NULL}, &key);
}

/* A change of records that no entry of the log tells of would look like tampering. */
static capsa_result put_entry(struct capsa_km_txn *txn)
{
    const struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_UPKEEP,
                                            .time = capsa_now(&capsa_clock_system),
                                            .details = CAPSA_BYTES_LITERAL("{}")};
    return capsa_audit_add(capsa_km_txn_batch(txn), &entry, NULL);
}

static capsa_result fill_part(struct filling *filling, size_t from, size_t to)
{
    CAPSA_AUTO_FREE(capsa_km_txn) txn = NULL;
    CAPSA_TRY(capsa_km_txn_new(capsa_ledger_store(filling->ledger), &txn));
    for (size_t i = from; i < to; i++) {
        CAPSA_TRY(put_key(filling, txn, i));
    }
    CAPSA_TRY(put_entry(txn));
    return capsa_km_txn_commit(txn, capsa_ledger_writer(filling->ledger));
}

static capsa_result fill(struct filling *filling, const char *folder, size_t keys)
{
    char location[4096], root[4096];
    (void)snprintf(location, sizeof(location), "sqlite:%s/capsa.db", folder);
    (void)snprintf(root, sizeof(root), "%s/root.key", folder);
    const struct capsa_ledger_options options = {.location = location,
                                                 .root_key_path = root,
                                                 .mode = "simulation",
                                                 .clock = &capsa_clock_system};
    CAPSA_TRY(capsa_ledger_open(&options, &filling->ledger));
    CAPSA_TRY(bench_party_make(filling->type, folder, &filling->party));
    for (size_t i = 0; i < keys; i += A_COMMIT) {
        CAPSA_TRY(fill_part(filling, i, i + A_COMMIT < keys ? i + A_COMMIT : keys));
    }
    return CAPSA_OK;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fprintf(stderr, "bench_fill FOLDER TYPE KEYS\n");
        return 1;
    }
    struct filling filling = {.type = argv[2]};
    capsa_result result = fill(&filling, argv[1], strtoul(argv[3], NULL, 10));
    if (capsa_failed(result)) {
        (void)fprintf(stderr, "bench_fill: %s\n", capsa_text_of(result));
    }
    capsa_ledger_free(filling.ledger);
    capsa_party_drop(&filling.party);
    return capsa_failed(result) ? 1 : 0;
}
