/* SPDX-License-Identifier: Apache-2.0
 *
 * Server, pool and client over real sockets on the loopback, plain and with TLS; and what a client
 * says of servers that are none.
 */
#include "rpc/rpc_client.h"
#include "rpc/rpc_server.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/time.h"
#include "certs.h"
#include "http2_peer.h"
#include "net/net_stream.h"
#include "net/net_tls.h"
#include "rpc/rpc_pool.h"

#define SECOND   INT64_C(1000000)
#define PATIENCE (60 * SECOND)

/* ---- a server in a thread ---- */

struct running {
    struct capsa_net_loop *loop;
    struct capsa_rpc_server *server;
    pthread_t thread;
    char target[32];
    sem_t begun; /* the gate handler began */
    sem_t gate;  /* and waits for this */
    atomic_uint calls;
    atomic_int last_status;
    atomic_uint troubles;
    atomic_bool verified;
};

static CAPSA_RESULT echo(void *context, const struct capsa_rpc_call *call, capsa_buf *ret_message)
{
    struct running *running = context;
    atomic_store(&running->verified, call->peer_verified);
    return capsa_buf_append(ret_message, call->request);
}

static CAPSA_RESULT refuse(void *context, const struct capsa_rpc_call *call, capsa_buf *ret_message)
{
    (void)context;
    (void)call;
    (void)ret_message;
    CAPSA_FAIL(NOT_FOUND, "no such thing: 100%% gone, sch\xC3\xB6n");
}

static CAPSA_RESULT wait_at_gate(void *context, const struct capsa_rpc_call *call,
                                 capsa_buf *ret_message)
{
    struct running *running = context;
    (void)sem_post(&running->begun);
    while (sem_wait(&running->gate) != 0) {
    }
    return capsa_buf_str(ret_message, capsa_rpc_cancelled(call) ? "cancelled" : "waited");
}

static CAPSA_RESULT wait_until_cancelled(void *context, const struct capsa_rpc_call *call,
                                         capsa_buf *ret_message)
{
    (void)context;
    while (!capsa_rpc_cancelled(call)) {
        (void)sched_yield();
    }
    return capsa_buf_str(ret_message, "for nobody");
}

static void on_call(void *context, const struct capsa_rpc_info *info)
{
    struct running *running = context;
    atomic_store(&running->last_status, info->status);
    atomic_fetch_add(&running->calls, 1);
}

static void on_trouble(void *context, const char *peer, const char *text)
{
    (void)peer;
    (void)text;
    struct running *running = context;
    atomic_fetch_add(&running->troubles, 1);
}

static void *run_server(void *context)
{
    struct running *running = context;
    capsa_ignore(capsa_rpc_server_run(running->server), "the test sees what comes of it");
    return NULL;
}

#define METHODS 4
static struct capsa_rpc_method methods[METHODS];

static void start_small(struct running *running, struct capsa_net_tls *tls, unsigned port,
                        size_t max_connections)
{
    *running = (struct running){0};
    methods[0] = (struct capsa_rpc_method){"/t.T/Echo", 0, echo, running, NULL};
    methods[1] = (struct capsa_rpc_method){"/t.T/Refuse", 0, refuse, running, NULL};
    methods[2] = (struct capsa_rpc_method){"/t.T/Gate", 0, wait_at_gate, running, NULL};
    methods[3] = (struct capsa_rpc_method){"/t.T/Wait", 0, wait_until_cancelled, running, NULL};
    assert_int_equal(sem_init(&running->begun, 0, 0), 0);
    assert_int_equal(sem_init(&running->gate, 0, 0), 0);
    assert_ok(capsa_net_loop_new(&running->loop));
    const struct capsa_rpc_server_options options = {
        .loop = running->loop,
        .address = "127.0.0.1",
        .port = port,
        .tls = tls,
        .methods = methods,
        .method_count = METHODS,
        .max_connections = max_connections,
        .workers = 2,
        .grace_us = PATIENCE,
        .on_call = on_call,
        .on_trouble = on_trouble,
        .context = running,
    };
    assert_ok(capsa_rpc_server_new(&options, &running->server));
    (void)snprintf(running->target, sizeof(running->target), "127.0.0.1:%u",
                   capsa_rpc_server_port(running->server));
    assert_int_equal(pthread_create(&running->thread, NULL, run_server, running), 0);
}

static void start(struct running *running, struct capsa_net_tls *tls, unsigned port)
{
    start_small(running, tls, port, 0);
}

static void join(struct running *running)
{
    assert_int_equal(pthread_join(running->thread, NULL), 0);
    capsa_rpc_server_free(running->server);
    capsa_net_loop_free(running->loop);
    (void)sem_destroy(&running->begun);
    (void)sem_destroy(&running->gate);
}

static void stop(struct running *running)
{
    capsa_rpc_server_stop(running->server);
    join(running);
}

static struct capsa_rpc_client *client_of(const char *target, struct capsa_net_tls *tls,
                                          int64_t timeout_us)
{
    const struct capsa_rpc_client_options options = {
        .target = target, .tls = tls, .timeout_us = timeout_us};
    struct capsa_rpc_client *client = NULL;
    assert_ok(capsa_rpc_client_new(&options, &client));
    return client;
}

static void hang_up(struct capsa_rpc_client **client)
{
    capsa_rpc_client_free(*client);
    *client = NULL;
}

static void assert_echo(struct capsa_rpc_client *client, capsa_bytes message)
{
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(4));
    int status = -1;
    assert_ok(capsa_rpc_call_unary(client, "/t.T/Echo", message, &answer, &status));
    assert_int_equal(status, 0);
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&answer), message));
}

#define HELLO CAPSA_BYTES_LITERAL("hello")

/* ---- calls ---- */

static void calls_share_one_connection_and_carry_up_to_4_mib(void **state)
{
    (void)state;
    struct running running;
    start(&running, NULL, 0);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(running.target, NULL, PATIENCE);
    CAPSA_AUTO(capsa_buf) large = capsa_buf_of(MIB(5));
    uint8_t *room;
    assert_ok(capsa_buf_extend(&large, CAPSA_LIMIT_grpc_message, &room));
    for (size_t i = 0; i < large.len; i++) {
        room[i] = (uint8_t)(i * 7 + i / 251);
    }
    assert_echo(client, (capsa_bytes){NULL, 0});
    assert_echo(client, HELLO);
    assert_echo(client, capsa_buf_bytes(&large));
    assert_ok(capsa_buf_u8(&large, 0));
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(4));
    int status = -1;
    assert_fails(
        capsa_rpc_call_unary(client, "/t.T/Echo", capsa_buf_bytes(&large), &answer, &status),
        TOO_LARGE);
    assert_int_equal(status, 11);
    assert_int_equal(answer.len, 0);
    assert_echo(client, HELLO);
    hang_up(&client);
    stop(&running);
    assert_int_equal(atomic_load(&running.calls), 5);
    assert_int_equal(atomic_load(&running.troubles), 0);
}

static void errors_of_the_server_come_with_status_code_and_words(void **state)
{
    (void)state;
    struct running running;
    start(&running, NULL, 0);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(running.target, NULL, PATIENCE);
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    int status = -1;
    capsa_result result = capsa_rpc_call_unary(client, "/t.T/Refuse", HELLO, &answer, &status);
    assert_int_equal(capsa_code_of(result), CAPSA_E_NOT_FOUND);
    assert_non_null(
        strstr(capsa_text_of(result), "NOT_FOUND: no such thing: 100% gone, sch\xC3\xB6n"));
    assert_int_equal(status, 5);
    assert_fails(capsa_rpc_call_unary(client, "/t.T/None", HELLO, &answer, &status), UNSUPPORTED);
    assert_int_equal(status, 12);
    assert_echo(client, HELLO);
    hang_up(&client);
    stop(&running);
}

static void an_answer_over_the_callers_limit_is_refused_and_the_next_call_works(void **state)
{
    (void)state;
    struct running running;
    start(&running, NULL, 0);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(running.target, NULL, PATIENCE);
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(4);
    assert_fails(capsa_rpc_call_unary(client, "/t.T/Echo", HELLO, &answer, NULL), TOO_LARGE);
    assert_int_equal(answer.len, 0);
    assert_echo(client, HELLO);
    hang_up(&client);
    stop(&running);
}

static void a_call_that_takes_too_long_times_out_and_the_handler_is_told(void **state)
{
    (void)state;
    struct running running;
    start(&running, NULL, 0);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(running.target, NULL, SECOND / 5);
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    assert_fails(capsa_rpc_call_unary(client, "/t.T/Wait", HELLO, &answer, NULL), TIMEOUT);
    hang_up(&client);
    stop(&running);
    assert_int_equal(atomic_load(&running.calls), 1);
    /* The deadline passed, or the caller left first: never OK. */
    assert_int_not_equal(atomic_load(&running.last_status), 0);
}

/* ---- stopping ---- */

struct gate_call {
    struct capsa_rpc_client *client;
    pthread_t thread;
    capsa_buf answer;
    enum capsa_code code;
};

static void *call_gate(void *context)
{
    struct gate_call *call = context;
    call->code =
        capsa_code_of(capsa_rpc_call_unary(call->client, "/t.T/Gate", HELLO, &call->answer, NULL));
    return NULL;
}

static void a_stop_lets_calls_in_flight_finish(void **state)
{
    (void)state;
    struct running running;
    start(&running, NULL, 0);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(running.target, NULL, PATIENCE);
    CAPSA_AUTO_FREE(capsa_rpc_client) idle = client_of(running.target, NULL, PATIENCE);
    assert_echo(idle, HELLO);
    struct gate_call call = {.client = client, .answer = capsa_buf_of(KIB(1))};
    assert_int_equal(pthread_create(&call.thread, NULL, call_gate, &call), 0);
    assert_int_equal(sem_wait(&running.begun), 0);
    capsa_rpc_server_stop(running.server);
    capsa_rpc_server_stop(running.server);
    /* New connections are refused from some moment on, long before the call is done. */
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    capsa_result result = CAPSA_OK;
    while (!capsa_failed(result)) {
        CAPSA_AUTO_FREE(capsa_rpc_client) late = client_of(running.target, NULL, PATIENCE);
        result = capsa_rpc_call_unary(late, "/t.T/Echo", HELLO, &answer, NULL);
    }
    assert_int_equal(capsa_code_of(result), CAPSA_E_NETWORK);
    assert_int_equal(sem_post(&running.gate), 0);
    assert_int_equal(pthread_join(call.thread, NULL), 0);
    assert_int_equal(call.code, CAPSA_E_OK);
    assert_true(capsa_bytes_is(capsa_buf_bytes(&call.answer), "waited"));
    capsa_buf_drop(&call.answer);
    join(&running);
}

/* ---- many connections ---- */

static void the_longest_idle_connection_makes_room_and_busy_ones_do_not(void **state)
{
    (void)state;
    struct running running;
    start_small(&running, NULL, 0, 2);
    struct capsa_rpc_client *clients[3];
    struct gate_call calls[2];
    for (size_t i = 0; i < 3; i++) {
        clients[i] = client_of(running.target, NULL, PATIENCE);
        assert_echo(clients[i], HELLO); /* the third pushes the first out */
    }
    assert_int_equal(atomic_load(&running.troubles), 1);
    assert_echo(clients[1], HELLO);
    assert_int_equal(atomic_load(&running.troubles), 1); /* it is connected still */
    for (size_t i = 0; i < 2; i++) {
        calls[i] = (struct gate_call){.client = clients[i + 1], .answer = capsa_buf_of(KIB(1))};
        assert_int_equal(pthread_create(&calls[i].thread, NULL, call_gate, &calls[i]), 0);
        assert_int_equal(sem_wait(&running.begun), 0);
    }
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    assert_fails(capsa_rpc_call_unary(clients[0], "/t.T/Echo", HELLO, &answer, NULL), NETWORK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sem_post(&running.gate), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(calls[i].thread, NULL), 0);
        assert_int_equal(calls[i].code, CAPSA_E_OK);
        capsa_buf_drop(&calls[i].answer);
    }
    assert_echo(clients[0], HELLO); /* now one of them is idle */
    for (size_t i = 0; i < 3; i++) {
        capsa_rpc_client_free(clients[i]);
    }
    stop(&running);
}

static void a_client_finds_a_restarted_server_again(void **state)
{
    (void)state;
    struct running running;
    start(&running, NULL, 0);
    const unsigned port = capsa_rpc_server_port(running.server);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(running.target, NULL, PATIENCE);
    assert_echo(client, HELLO);
    stop(&running);
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    capsa_result result = capsa_rpc_call_unary(client, "/t.T/Echo", HELLO, &answer, NULL);
    assert_int_equal(capsa_code_of(result), CAPSA_E_NETWORK);
    assert_non_null(strstr(capsa_text_of(result), "Connection refused"));
    start(&running, NULL, port);
    assert_echo(client, HELLO);
    hang_up(&client);
    stop(&running);
}

static void a_server_that_never_ran_can_be_freed(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_net_loop) loop = NULL;
    struct capsa_rpc_server *server = NULL;
    assert_ok(capsa_net_loop_new(&loop));
    struct capsa_rpc_server_options options = {
        .loop = loop, .address = "127.0.0.1", .methods = methods, .method_count = METHODS};
    assert_ok(capsa_rpc_server_new(&options, &server));
    struct capsa_rpc_server *second = NULL;
    options.port = capsa_rpc_server_port(server);
    assert_fails(capsa_rpc_server_new(&options, &second), NETWORK); /* in use */
    options.port = 70051;
    assert_fails(capsa_rpc_server_new(&options, &second), USAGE);
    options.port = 0;
    options.address = "no.such.host.invalid";
    assert_fails(capsa_rpc_server_new(&options, &second), NETWORK);
    assert_null(second);
    capsa_rpc_server_free(server);
    capsa_rpc_server_free(NULL);
}

/* ---- servers that are none ---- */

static void *accept_and_say(void *context)
{
    const int *listener = context;
    const int fd = accept(*listener, NULL, NULL);
    if (fd >= 0) {
        static const char words[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";
        (void)!write(fd, words, sizeof(words) - 1);
        (void)close(fd);
    }
    return NULL;
}

static int listen_anywhere(char target[CAPSA_NET_ADDRESS_TEXT])
{
    struct capsa_net_addresses addresses;
    assert_ok(capsa_net_resolve("127.0.0.1", 0, true, &addresses));
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr *address = (struct sockaddr *)&addresses.list[0];
    assert_int_equal(bind(fd, address, addresses.lens[0]), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, address, &addresses.lens[0]), 0);
    capsa_net_address_text(address, target);
    return fd;
}

static void what_is_no_grpc_server_is_named_so(void **state)
{
    (void)state;
    char target[CAPSA_NET_ADDRESS_TEXT];
    pthread_t thread;
    int listener = listen_anywhere(target);
    assert_int_equal(pthread_create(&thread, NULL, accept_and_say, &listener), 0);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(target, NULL, PATIENCE);
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    int status = 7;
    assert_fails(capsa_rpc_call_unary(client, "/t.T/Echo", HELLO, &answer, &status), NETWORK);
    assert_int_equal(status, -1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(listener);
    capsa_result result = capsa_rpc_call_unary(client, "/t.T/Echo", HELLO, &answer, NULL);
    assert_int_equal(capsa_code_of(result), CAPSA_E_NETWORK);
    assert_non_null(strstr(capsa_text_of(result), target));
    assert_non_null(strstr(capsa_text_of(result), "Connection refused"));
}

static void a_server_that_never_answers_is_a_timeout(void **state)
{
    (void)state;
    char target[CAPSA_NET_ADDRESS_TEXT];
    const int listener = listen_anywhere(target); /* accepts nothing */
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(target, NULL, SECOND / 10);
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    assert_fails(capsa_rpc_call_unary(client, "/t.T/Echo", HELLO, &answer, NULL), TIMEOUT);
    (void)close(listener);
}

#define CHATTER_US (4 * SECOND)
#define LONG_FIELD 3700

/* Informational headers without end, each of whose bytes stands for a long field of HPACK's dynamic
 * table: they take longer to read than to send, so that there is always something to read. */
static void *accept_and_chatter(void *context)
{
    const int *listener = context;
    const int64_t until_us = capsa_monotonic_us() + CHATTER_US;
    const int fd = accept(*listener, NULL, NULL);
    uint8_t room[1024];
    for (ssize_t got = 0, part = 1; got < 80 && part > 0; got += part) {
        part = read(fd, room, sizeof(room)); /* up to the beginning of the request */
    }
    CAPSA_AUTO(capsa_buf) words = capsa_buf_of(KIB(64));
    char value[LONG_FIELD + 1] = {0};
    memset(value, 'v', LONG_FIELD);
    CAPSA_AUTO(capsa_buf) first = capsa_buf_of(KIB(8));
    assert_ok(capsa_buf_append(&first, CAPSA_BYTES_LITERAL("\x08\x03"
                                                           "100\x40\x01x")));
    peer_hpack_text(&first, value);
    peer_frame(&words, NGHTTP2_SETTINGS, 0, 0, (capsa_bytes){NULL, 0});
    peer_frame(&words, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, capsa_buf_bytes(&first));
    uint8_t again[KIB(16)] = "\x08\x03"
                             "100";
    memset(again + 5, 0xbe, sizeof(again) - 5);
    ssize_t sent = 1;
    while (sent > 0 && capsa_monotonic_us() < until_us) {
        peer_frame(&words, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
                   capsa_bytes_of(again, sizeof(again)));
        sent = send(fd, words.data, words.len, MSG_NOSIGNAL);
        capsa_buf_clear(&words);
    }
    (void)close(fd);
    return NULL;
}

static void a_server_that_never_stops_talking_is_a_timeout(void **state)
{
    (void)state;
    char target[CAPSA_NET_ADDRESS_TEXT];
    pthread_t thread;
    int listener = listen_anywhere(target);
    assert_int_equal(pthread_create(&thread, NULL, accept_and_chatter, &listener), 0);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(target, NULL, SECOND / 10);
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    const int64_t began_us = capsa_monotonic_us();
    assert_fails(capsa_rpc_call_unary(client, "/t.T/Echo", HELLO, &answer, NULL), TIMEOUT);
    assert_true(capsa_monotonic_us() - began_us < CHATTER_US / 2);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(listener);
}

/* ---- TLS ---- */

struct tls_files {
    char folder[32];
    EVP_PKEY *root_key;
    X509 *root;
};

static const char *file_in(const struct tls_files *files, const char *name, char path[64])
{
    (void)snprintf(path, 64, "%s/%s", files->folder, name);
    return path;
}

static void write_pem(const struct tls_files *files, const char *name, X509 *x509, EVP_PKEY *key)
{
    char path[64];
    BIO *bio = BIO_new(BIO_s_mem());
    if (x509 != NULL) {
        assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
    } else {
        assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    }
    char *data = NULL;
    const long len = BIO_get_mem_data(bio, &data);
    assert_ok(capsa_file_write(file_in(files, name, path), capsa_bytes_of(data, (size_t)len), 0600,
                               true));
    BIO_free(bio);
}

static void issue(const struct tls_files *files, const char *name, const char *extensions)
{
    char file[32];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = test_cert_make((struct test_cert){.key = key,
                                                   .issuer = files->root,
                                                   .issuer_key = files->root_key,
                                                   .name = name,
                                                   .extensions = extensions,
                                                   .from = -1,
                                                   .to = 36500});
    (void)snprintf(file, sizeof(file), "%s.pem", name);
    write_pem(files, file, x509, NULL);
    (void)snprintf(file, sizeof(file), "%s.key", name);
    write_pem(files, file, NULL, key);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static int make_tls_files(void **state)
{
    static struct tls_files files;
    (void)snprintf(files.folder, sizeof(files.folder), "/tmp/capsa-tls-XXXXXX");
    assert_non_null(mkdtemp(files.folder));
    files.root_key = EVP_EC_gen("P-256");
    files.root = test_cert_make((struct test_cert){
        .key = files.root_key, .name = "root", .extensions = TEST_CA, .from = -1, .to = 36500});
    write_pem(&files, "root.pem", files.root, NULL);
    issue(&files, "server", "subjectAltName DNS:localhost,IP:127.0.0.1\n");
    issue(&files, "elsewhere", "subjectAltName DNS:elsewhere.test\n");
    issue(&files, "localhost", "extendedKeyUsage serverAuth\n");
    issue(&files, "wildcard", "subjectAltName DNS:wild*.capsa.test,DNS:*.whole.test\n");
    issue(&files, "client", "extendedKeyUsage clientAuth\n");
    *state = &files;
    return 0;
}

static int remove_tls_files(void **state)
{
    struct tls_files *files = *state;
    X509_free(files->root);
    EVP_PKEY_free(files->root_key);
    test_remove_tree(files->folder);
    return 0;
}

static struct capsa_net_tls *tls_server(const struct tls_files *files, const char *name,
                                        bool mutual)
{
    char cert[64], key[64], root[64], file[32];
    (void)snprintf(file, sizeof(file), "%s.pem", name);
    file_in(files, file, cert);
    (void)snprintf(file, sizeof(file), "%s.key", name);
    file_in(files, file, key);
    const struct capsa_net_tls_server_options options = {
        .cert_path = cert,
        .key_path = key,
        .client_ca_path = mutual ? file_in(files, "root.pem", root) : NULL,
    };
    struct capsa_net_tls *tls = NULL;
    assert_ok(capsa_net_tls_server_new(&options, &tls));
    assert_int_equal(capsa_net_tls_is_mutual(tls), mutual);
    return tls;
}

static struct capsa_net_tls *tls_client(const struct tls_files *files, const char *root_name,
                                        bool certificate)
{
    char root[64], cert[64], key[64];
    const struct capsa_net_tls_client_options options = {
        .ca_path = file_in(files, root_name, root),
        .cert_path = certificate ? file_in(files, "client.pem", cert) : NULL,
        .key_path = certificate ? file_in(files, "client.key", key) : NULL,
    };
    struct capsa_net_tls *tls = NULL;
    assert_ok(capsa_net_tls_client_new(&options, &tls));
    return tls;
}

static void mutual_tls_works_and_says_that_the_peer_is_verified(void **state)
{
    struct running running;
    CAPSA_AUTO_FREE(capsa_net_tls) server_tls = tls_server(*state, "server", true);
    CAPSA_AUTO_FREE(capsa_net_tls) client_tls = tls_client(*state, "root.pem", true);
    CAPSA_AUTO_FREE(capsa_net_tls) nameless = tls_client(*state, "root.pem", false);
    start(&running, server_tls, 0);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(running.target, client_tls, PATIENCE);
    static uint8_t large[MIB(1)];
    assert_echo(client, capsa_bytes_of(large, sizeof(large)));
    assert_echo(client, HELLO);
    assert_true(atomic_load(&running.verified));
    CAPSA_AUTO_FREE(capsa_rpc_client) stranger = client_of(running.target, nameless, PATIENCE);
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    assert_fails(capsa_rpc_call_unary(stranger, "/t.T/Echo", HELLO, &answer, NULL), UNAUTHENTIC);
    hang_up(&client);
    hang_up(&stranger);
    stop(&running);
}

static void server_tls_needs_no_client_certificate_and_reloads(void **state)
{
    struct running running;
    CAPSA_AUTO_FREE(capsa_net_tls) server_tls = tls_server(*state, "server", false);
    CAPSA_AUTO_FREE(capsa_net_tls) client_tls = tls_client(*state, "root.pem", false);
    start(&running, server_tls, 0);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(running.target, client_tls, PATIENCE);
    assert_echo(client, HELLO);
    assert_false(atomic_load(&running.verified));
    assert_ok(capsa_net_tls_reload(server_tls));
    CAPSA_AUTO_FREE(capsa_rpc_client) second = client_of(running.target, client_tls, PATIENCE);
    assert_echo(second, HELLO);
    assert_echo(client, HELLO);
    hang_up(&client);
    hang_up(&second);
    stop(&running);
}

static void a_server_with_the_wrong_name_or_root_is_refused(void **state)
{
    struct running running;
    CAPSA_AUTO_FREE(capsa_net_tls) server_tls = tls_server(*state, "elsewhere", false);
    CAPSA_AUTO_FREE(capsa_net_tls) right_root = tls_client(*state, "root.pem", false);
    CAPSA_AUTO_FREE(capsa_net_tls) wrong_root = tls_client(*state, "client.pem", false);
    start(&running, server_tls, 0);
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    struct {
        struct capsa_net_tls *tls;
        const char *name;
        enum capsa_code code;
    } cases[] = {
        {right_root, "elsewhere.test", CAPSA_E_OK},
        {right_root, NULL, CAPSA_E_UNAUTHENTIC},
        {right_root, "localhost", CAPSA_E_UNAUTHENTIC},
        {wrong_root, "elsewhere.test", CAPSA_E_UNAUTHENTIC},
        {NULL, NULL, CAPSA_E_NETWORK}, /* plain HTTP/2 to a TLS port */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct capsa_rpc_client_options options = {.target = running.target,
                                                         .tls = cases[i].tls,
                                                         .server_name = cases[i].name,
                                                         .timeout_us = PATIENCE};
        CAPSA_AUTO_FREE(capsa_rpc_client) client = NULL;
        assert_ok(capsa_rpc_client_new(&options, &client));
        assert_int_equal(
            capsa_code_of(capsa_rpc_call_unary(client, "/t.T/Echo", HELLO, &answer, NULL)),
            cases[i].code);
    }
    stop(&running);
}

static enum capsa_code call_as(const struct tls_files *files, const char *certificate,
                               const char *name)
{
    struct running running;
    CAPSA_AUTO_FREE(capsa_net_tls) server_tls = tls_server(files, certificate, false);
    CAPSA_AUTO_FREE(capsa_net_tls) client_tls = tls_client(files, "root.pem", false);
    start(&running, server_tls, 0);
    const struct capsa_rpc_client_options options = {
        .target = running.target, .tls = client_tls, .server_name = name, .timeout_us = PATIENCE};
    CAPSA_AUTO_FREE(capsa_rpc_client) client = NULL;
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    assert_ok(capsa_rpc_client_new(&options, &client));
    const enum capsa_code code =
        capsa_code_of(capsa_rpc_call_unary(client, "/t.T/Echo", HELLO, &answer, NULL));
    stop(&running);
    return code;
}

static void names_stand_in_subject_alt_name_and_wildcards_are_whole_labels(void **state)
{
    assert_int_equal(call_as(*state, "localhost", "localhost"), CAPSA_E_UNAUTHENTIC);
    assert_int_equal(call_as(*state, "wildcard", "wild1.capsa.test"), CAPSA_E_UNAUTHENTIC);
    assert_int_equal(call_as(*state, "wildcard", "any.whole.test"), CAPSA_E_OK);
}

static void tls_to_a_plain_port_is_refused(void **state)
{
    struct running running;
    CAPSA_AUTO_FREE(capsa_net_tls) client_tls = tls_client(*state, "root.pem", false);
    start(&running, NULL, 0);
    CAPSA_AUTO_FREE(capsa_rpc_client) client = client_of(running.target, client_tls, PATIENCE);
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    assert_fails(capsa_rpc_call_unary(client, "/t.T/Echo", HELLO, &answer, NULL), NETWORK);
    hang_up(&client);
    stop(&running);
    assert_int_equal(atomic_load(&running.troubles), 1);
}

static void tls_files_with_mistakes_are_named(void **state)
{
    const struct tls_files *files = *state;
    char server_pem[64], server_key[64], client_key[64], empty[64], missing[64];
    file_in(files, "server.pem", server_pem);
    file_in(files, "server.key", server_key);
    file_in(files, "client.key", client_key);
    file_in(files, "missing", missing);
    assert_ok(capsa_file_write(file_in(files, "empty", empty), (capsa_bytes){NULL, 0}, 0600, true));
    const struct {
        struct capsa_net_tls_server_options options;
        const char *named;
    } cases[] = {
        {{missing, server_key, NULL}, missing},       {{server_pem, missing, NULL}, missing},
        {{server_pem, server_key, missing}, missing}, {{empty, server_key, NULL}, empty},
        {{server_pem, empty, NULL}, empty},           {{server_pem, server_key, empty}, empty},
        {{server_key, server_key, NULL}, server_key}, {{server_pem, server_pem, NULL}, server_pem},
        {{server_pem, client_key, NULL}, client_key},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct capsa_net_tls *tls = NULL;
        const capsa_result result = capsa_net_tls_server_new(&cases[i].options, &tls);
        assert_true(capsa_failed(result));
        assert_null(tls);
        if (strstr(capsa_text_of(result), cases[i].named) == NULL) {
            fail_msg("\"%s\" does not name %s", capsa_text_of(result), cases[i].named);
        }
    }
}

/* ---- the pool ---- */

static void a_full_pool_refuses_and_gives_back_what_is_withdrawn(void **state)
{
    (void)state;
    struct running running = {0};
    struct capsa_net_wake *wake = NULL;
    CAPSA_AUTO_FREE(capsa_rpc_pool) pool = NULL;
    assert_int_equal(sem_init(&running.begun, 0, 0), 0);
    assert_int_equal(sem_init(&running.gate, 0, 0), 0);
    assert_ok(capsa_net_loop_new(&running.loop));
    assert_ok(capsa_net_wake_new(running.loop, (capsa_net_callback)abort, NULL, &wake));
    assert_ok(capsa_rpc_pool_new(1, 2, 2, wake, &pool));
    const struct capsa_rpc_method gate = {"/t.T/Gate", 0, wait_at_gate, &running, NULL};
    struct capsa_rpc_work work[4];
    for (size_t i = 0; i < 4; i++) {
        work[i] = (struct capsa_rpc_work){.method = &gate, .answer = capsa_buf_of(KIB(1))};
        work[i].call.deadline_us = CAPSA_RPC_NO_DEADLINE;
    }
    assert_ok(capsa_rpc_pool_submit(pool, &work[0]));
    assert_int_equal(sem_wait(&running.begun), 0); /* the only worker is busy */
    work[1].call.deadline_us = capsa_monotonic_us();
    assert_ok(capsa_rpc_pool_submit(pool, &work[1]));
    assert_ok(capsa_rpc_pool_submit(pool, &work[2]));
    assert_fails(capsa_rpc_pool_submit(pool, &work[3]), BUSY);
    assert_false(capsa_rpc_pool_withdraw(pool, &work[0])); /* it runs */
    assert_true(capsa_rpc_pool_withdraw(pool, &work[2]));
    assert_false(capsa_rpc_pool_withdraw(pool, &work[2]));
    assert_int_equal(capsa_rpc_pool_queued(pool), 1);
    assert_int_equal(sem_post(&running.gate), 0);
    size_t done = 0;
    while (done < 2) {
        for (struct capsa_rpc_work *at = capsa_rpc_pool_take_done(pool); at != NULL;
             at = at->after) {
            assert_ptr_equal(at, &work[done++]);
        }
    }
    assert_false(work[0].failed);
    assert_true(work[1].failed); /* its time had passed while it waited: it was not run */
    assert_int_equal(work[1].failure.code, CAPSA_E_TIMEOUT);
    capsa_buf_drop(&work[0].answer);
    capsa_rpc_pool_stop(pool);
    assert_fails(capsa_rpc_pool_submit(pool, &work[3]), BUSY);
    capsa_net_wake_free(wake);
    capsa_net_loop_free(running.loop);
    (void)sem_destroy(&running.begun);
    (void)sem_destroy(&running.gate);
}

static void one_address_cannot_fill_the_queue(void **state)
{
    (void)state;
    static const char *const peers[] = {"10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "10.0.0.2:1",
                                        "[::1]:1"};
    CAPSA_AUTO_FREE(capsa_net_loop) loop = NULL;
    struct capsa_net_wake *wake = NULL;
    CAPSA_AUTO_FREE(capsa_rpc_pool) pool = NULL;
    assert_ok(capsa_net_loop_new(&loop));
    assert_ok(capsa_net_wake_new(loop, (capsa_net_callback)abort, NULL, &wake));
    assert_ok(capsa_rpc_pool_new(0, 4, 2, wake, &pool)); /* nobody works: all of it waits */
    struct capsa_rpc_work work[5];
    for (size_t i = 0; i < 5; i++) {
        work[i] = (struct capsa_rpc_work){.queued = false};
        (void)snprintf(work[i].peer, sizeof(work[i].peer), "%s", peers[i]);
    }
    assert_ok(capsa_rpc_pool_submit(pool, &work[0]));
    assert_ok(capsa_rpc_pool_submit(pool, &work[1]));
    assert_fails(capsa_rpc_pool_submit(pool, &work[2]), BUSY);
    assert_ok(capsa_rpc_pool_submit(pool, &work[3]));
    assert_ok(capsa_rpc_pool_submit(pool, &work[4]));
    assert_true(capsa_rpc_pool_withdraw(pool, &work[0]));
    assert_ok(capsa_rpc_pool_submit(pool, &work[2]));
    assert_int_equal(capsa_rpc_pool_queued(pool), 4);
    capsa_rpc_pool_stop(pool);
    capsa_net_wake_free(wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_share_one_connection_and_carry_up_to_4_mib),
        cmocka_unit_test(errors_of_the_server_come_with_status_code_and_words),
        cmocka_unit_test(an_answer_over_the_callers_limit_is_refused_and_the_next_call_works),
        cmocka_unit_test(a_call_that_takes_too_long_times_out_and_the_handler_is_told),
        cmocka_unit_test(a_stop_lets_calls_in_flight_finish),
        cmocka_unit_test(the_longest_idle_connection_makes_room_and_busy_ones_do_not),
        cmocka_unit_test(a_client_finds_a_restarted_server_again),
        cmocka_unit_test(a_server_that_never_ran_can_be_freed),
        cmocka_unit_test(what_is_no_grpc_server_is_named_so),
        cmocka_unit_test(a_server_that_never_answers_is_a_timeout),
        cmocka_unit_test(a_server_that_never_stops_talking_is_a_timeout),
        cmocka_unit_test(mutual_tls_works_and_says_that_the_peer_is_verified),
        cmocka_unit_test(server_tls_needs_no_client_certificate_and_reloads),
        cmocka_unit_test(a_server_with_the_wrong_name_or_root_is_refused),
        cmocka_unit_test(names_stand_in_subject_alt_name_and_wildcards_are_whole_labels),
        cmocka_unit_test(tls_to_a_plain_port_is_refused),
        cmocka_unit_test(tls_files_with_mistakes_are_named),
        cmocka_unit_test(a_full_pool_refuses_and_gives_back_what_is_withdrawn),
        cmocka_unit_test(one_address_cannot_fill_the_queue),
    };
    return cmocka_run_group_tests_name("rpc_server", tests, make_tls_files, remove_tls_files);
}
