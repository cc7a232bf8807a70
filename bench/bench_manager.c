/* SPDX-License-Identifier: Apache-2.0
 *
 * Load for a running capsad: requests are made beforehand, then sent by a number of clients, each
 * on a connection of its own, and the time of the answers is taken. Prints one JSON object a line.
 *
 *   bench_manager HOST:PORT SECONDS
 * Only for a manager on this machine: it registers keys and floods it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "client/client.h"
#include "codec/protobuf.h"
#include "envelope/envelope_jwe.h"
#include "envelope/envelope_jws.h"
#include "rpc/rpc_client.h"

#define SERVICE     "/secretflowapis.v2.sdc.capsule_manager.CapsuleManager/"
#define CLIENTS_MAX 64
#define PREPARED    512
#define RSA_BITS    3072
#define LATENCIES   (1 << 20)

struct bench {
    const char *target;
    double seconds;
    capsa_party party;
    capsa_buf pem;
    const struct capsa_cert *manager;
};

struct prepared {
    const char *name;
    const char *path;
    capsa_buf requests[PREPARED];
};

/* ---- making requests ------------------------------------------------------------------------- */

static capsa_result seal(const struct bench *bench, const ProtobufCMessage *message,
                         capsa_buf *ret_request)
{
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(MIB(2));
    CAPSA_AUTO(capsa_jwe_out) jwe = {.iv = NULL};
    CAPSA_TRY(capsa_protojson_write(message, CAPSA_PROTOJSON_MINIMAL, &json));
    CAPSA_TRY(capsa_jws_make(bench->party.key, &bench->party.chain, capsa_buf_bytes(&json), &jws));
    CAPSA_TRY(capsa_jwe_seal(capsa_cert_key(bench->manager), CAPSA_JWE_RSA_OAEP_256,
                             CAPSA_JWE_A128GCM, capsa_buf_bytes(&jws), &jwe));
    Cm__Jwe inner = CM__JWE__INIT;
    inner.protected_header = jwe.protected_header;
    inner.encrypted_key = jwe.encrypted_key;
    inner.iv = jwe.iv;
    inner.ciphertext = jwe.ciphertext;
    inner.tag = jwe.tag;
    inner.aad = jwe.aad;
    Cm__EncryptedRequest outer = CM__ENCRYPTED_REQUEST__INIT;
    outer.message = &inner;
    outer.has_signature = true;
    return capsa_protobuf_write(&outer.base, ret_request);
}

static capsa_result make_create(struct bench *bench, size_t index, capsa_buf *ret_request)
{
    char uri[64];
    (void)snprintf(uri, sizeof(uri), "bench/%zu", index);
    char key[] = "AAECAwQFBgcICQoLDA0ODw==";
    Cm__DataKey data_key = CM__DATA_KEY__INIT;
    data_key.resource_uri = uri;
    data_key.data_key_b64 = key;
    Cm__DataKey *keys[] = {&data_key};
    Cm__CreateDataKeysRequest request = CM__CREATE_DATA_KEYS_REQUEST__INIT;
    request.owner_party_id = bench->party.id;
    request.data_keys = keys;
    request.n_data_keys = 1;
    return seal(bench, &request.base, ret_request);
}

static capsa_result make_get(struct bench *bench, size_t index, capsa_buf *ret_request)
{
    char uri[64], scope[] = "default", op[] = "bench", column[] = "*";
    (void)snprintf(uri, sizeof(uri), "bench/%zu", index);
    char *columns[] = {column};
    Cm__ResourceRequest__Resource resource = CM__RESOURCE_REQUEST__RESOURCE__INIT;
    resource.resource_uri = uri;
    resource.columns = columns;
    resource.n_columns = 1;
    Cm__ResourceRequest__Resource *resources[] = {&resource};
    Cm__ResourceRequest asked = CM__RESOURCE_REQUEST__INIT;
    asked.initiator_party_id = bench->party.id;
    asked.scope = scope;
    asked.op_name = op;
    asked.resources = resources;
    asked.n_resources = 1;
    Cm__GetDataKeysRequest request = CM__GET_DATA_KEYS_REQUEST__INIT;
    request.cert = (char *)bench->pem.data;
    request.resource_request = &asked;
    return seal(bench, &request.base, ret_request);
}

static capsa_result prepare(struct bench *bench, struct prepared *prepared,
                            capsa_result (*make)(struct bench *, size_t, capsa_buf *))
{
    for (size_t i = 0; i < PREPARED; i++) {
        prepared->requests[i] = capsa_buf_of(MIB(1));
        CAPSA_TRY(make(bench, i, &prepared->requests[i]));
    }
    return CAPSA_OK;
}

/* The policy that lets the party use its own keys. */
static capsa_result grant(struct bench *bench, struct capsa_client *client)
{
    char star[] = "*", op[] = "bench", uuid[] = "bench", scope[] = "default", id[] = "r";
    char *stars[] = {star}, *grantees[] = {bench->party.id};
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
    Cm__CreateDataPolicyRequest request = CM__CREATE_DATA_POLICY_REQUEST__INIT;
    request.owner_party_id = bench->party.id;
    request.scope = scope;
    request.policy = &policy;
    ProtobufCMessage *none = NULL;
    return capsa_client_call(client, CAPSA_CLIENT_CREATE_DATA_POLICY, &request.base, &none);
}

/* ---- sending them ---------------------------------------------------------------------------- */

struct run {
    const struct bench *bench;
    const struct prepared *prepared;
    int64_t until_us;
    atomic_size_t next;
    atomic_size_t answered;
    atomic_size_t failed;
    uint32_t *latencies; /* us, of the first LATENCIES answers */
};

static bool is_success(const capsa_buf *answer)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    return !capsa_failed(capsa_protobuf_parse(&cm__encrypted_response__descriptor,
                                              capsa_buf_bytes(answer), CAPSA_UNKNOWN_SKIPPED,
                                              &message)) &&
           ((const Cm__EncryptedResponse *)message)->status->code == 0;
}

static void *send_until_late(void *context)
{
    struct run *run = context;
    const struct capsa_rpc_client_options options = {.target = run->bench->target};
    struct capsa_rpc_client *client = NULL;
    if (capsa_failed(capsa_rpc_client_new(&options, &client))) {
        atomic_fetch_add(&run->failed, 1);
        return NULL;
    }
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    for (int64_t now = capsa_monotonic_us(); now < run->until_us;) {
        size_t index = atomic_fetch_add(&run->next, 1) % PREPARED;
        capsa_buf_clear(&answer);
        capsa_result result =
            capsa_rpc_call_unary(client, run->prepared->path,
                                 capsa_buf_bytes(&run->prepared->requests[index]), &answer, NULL);
        int64_t after = capsa_monotonic_us();
        if (capsa_failed(result) || !is_success(&answer)) {
            atomic_fetch_add(&run->failed, 1);
        } else {
            size_t at = atomic_fetch_add(&run->answered, 1);
            if (at < LATENCIES) {
                run->latencies[at] = (uint32_t)(after - now);
            }
        }
        now = after;
    }
    capsa_rpc_client_free(client);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint32_t left, right;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

static capsa_result measure(const struct bench *bench, const struct prepared *prepared,
                            size_t clients)
{
    uint32_t *latencies = capsa_alloc_array(LATENCIES, sizeof(*latencies));
    CAPSA_REQUIRE_MEMORY(latencies);
    int64_t began = capsa_monotonic_us();
    struct run run = {.bench = bench,
                      .prepared = prepared,
                      .until_us = began + (int64_t)(bench->seconds * 1e6),
                      .latencies = latencies};
    pthread_t threads[CLIENTS_MAX];
    size_t started = 0;
    while (started < clients &&
           pthread_create(&threads[started], NULL, send_until_late, &run) == 0) {
        started++;
    }
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    double elapsed = (double)(capsa_monotonic_us() - began) / 1e6;
    size_t answered = atomic_load(&run.answered);
    size_t kept = answered < LATENCIES ? answered : LATENCIES;
    qsort(latencies, kept, sizeof(*latencies), by_value);
    (void)printf("{\"method\":\"%s\",\"clients\":%zu,\"per_second\":%.1f,\"p50_us\":%u,"
                 "\"p99_us\":%u,\"failed\":%zu}\n",
                 prepared->name, clients, (double)answered / elapsed,
                 kept == 0 ? 0 : latencies[kept / 2], kept == 0 ? 0 : latencies[kept * 99 / 100],
                 atomic_load(&run.failed));
    (void)fflush(stdout);
    capsa_dealloc(latencies);
    CAPSA_REQUIRE(started == clients && atomic_load(&run.failed) == 0, INTERNAL,
                  "%s: %zu of the calls failed", prepared->name, atomic_load(&run.failed));
    return CAPSA_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static capsa_result be_party(struct bench *bench)
{
    capsa_time now = capsa_now(&capsa_clock_system);
    const struct capsa_cert_request request = {.not_before = now - 3600, .not_after = now + 86400};
    CAPSA_TRY(capsa_private_key_new_rsa(RSA_BITS, &bench->party.key));
    CAPSA_TRY(capsa_cert_self_sign(bench->party.key, &request, &bench->party.chain.certs[0]));
    bench->party.chain.count = 1;
    CAPSA_TRY(capsa_cert_party_id(bench->party.chain.certs[0], bench->party.id));
    CAPSA_TRY(capsa_party_cert(&bench->party, &bench->pem));
    return capsa_buf_u8(&bench->pem, '\0');
}

static capsa_result run_all(struct bench *bench)
{
    static struct prepared creates = {"CreateDataKeys", SERVICE "CreateDataKeys", {{0}}};
    static struct prepared gets = {"GetDataKeys", SERVICE "GetDataKeys", {{0}}};
    static const size_t clients[] = {1, 8, 64};
    CAPSA_TRY(be_party(bench));
    const struct capsa_client_options options = {.target = bench->target, .party = &bench->party};
    CAPSA_AUTO_FREE(capsa_client) client = NULL;
    CAPSA_TRY(capsa_client_new(&options, &client));
    CAPSA_TRY(capsa_client_manager(client, &bench->manager));
    CAPSA_TRY(grant(bench, client));
    CAPSA_TRY(prepare(bench, &creates, make_create));
    CAPSA_TRY(prepare(bench, &gets, make_get));
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        CAPSA_TRY(measure(bench, &creates, clients[i]));
        CAPSA_TRY(measure(bench, &gets, clients[i]));
    }
    return CAPSA_OK;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "bench_manager HOST:PORT SECONDS\n");
        return 1;
    }
    struct bench bench = {.target = argv[1], .seconds = strtod(argv[2], NULL)};
    bench.pem = capsa_buf_of(KIB(64));
    capsa_result result = run_all(&bench);
    if (capsa_failed(result)) {
        (void)fprintf(stderr, "bench_manager: %s\n", capsa_text_of(result));
        return 1;
    }
    return 0;
}
