/* SPDX-License-Identifier: Apache-2.0
 *
 * A gRPC server with nothing but test methods, for clients of others: rpc_interop.py, h2load, curl.
 * Prints "port N" once it listens, and "admin N" before it with --admin. SIGTERM stops it
 * gracefully, SIGHUP reads the certificates again.
 *
 *   rpc_echo_server [--port N] [--cert F --key F [--client-ca F]] [--workers N] [--admin] [--grace
 * S]
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "base/time.h"
#include "net/net.h"
#include "net/net_http.h"
#include "net/net_tls.h"
#include "rpc/rpc_health.h"
#include "rpc/rpc_server.h"

struct echo_server {
    struct capsa_net_loop *loop;
    struct capsa_rpc_server *rpc;
    struct capsa_net_tls *tls;
    struct capsa_rpc_health *health;
    atomic_uint cancelled; /* handlers that saw that nobody waits */
    atomic_uint started;
};

static long number_in(capsa_bytes text)
{
    char digits[16] = {0};
    memcpy(digits, text.data, text.len < sizeof(digits) ? text.len : sizeof(digits) - 1);
    return strtol(digits, NULL, 10);
}

static CAPSA_RESULT echo(void *context, const struct capsa_rpc_call *call, capsa_buf *ret_message)
{
    (void)context;
    return capsa_buf_append(ret_message, call->request);
}

/* Sleeps for as many milliseconds as the request says, or until nobody waits. */
static CAPSA_RESULT nap(void *context, const struct capsa_rpc_call *call, capsa_buf *ret_message)
{
    struct echo_server *server = context;
    const struct timespec millisecond = {0, 1000000};
    atomic_fetch_add(&server->started, 1);
    for (long left = number_in(call->request); left > 0; left--) {
        if (capsa_rpc_cancelled(call)) {
            atomic_fetch_add(&server->cancelled, 1);
            CAPSA_FAIL(CANCELLED, "nobody waits");
        }
        (void)nanosleep(&millisecond, NULL);
    }
    return capsa_buf_str(ret_message, "rested");
}

/* As many bytes as the request says. */
static CAPSA_RESULT big(void *context, const struct capsa_rpc_call *call, capsa_buf *ret_message)
{
    (void)context;
    uint8_t *room;
    return capsa_buf_extend(ret_message, (size_t)number_in(call->request), &room);
}

static CAPSA_RESULT refuse(void *context, const struct capsa_rpc_call *call, capsa_buf *ret_message)
{
    (void)context;
    (void)call;
    (void)ret_message;
    CAPSA_FAIL(DENIED, "100%% refused, sch\xC3\xB6n");
}

static CAPSA_RESULT tell(void *context, const struct capsa_rpc_call *call, capsa_buf *ret_message)
{
    struct echo_server *server = context;
    return capsa_buf_format(ret_message, "started=%u cancelled=%u verified=%d",
                            atomic_load(&server->started), atomic_load(&server->cancelled),
                            call->peer_verified);
}

static CAPSA_RESULT set_health(void *context, const struct capsa_rpc_call *call,
                               capsa_buf *ret_message)
{
    (void)ret_message;
    struct echo_server *server = context;
    capsa_rpc_health_set(server->health, NULL,
                         (enum capsa_rpc_health_status)number_in(call->request));
    return CAPSA_OK;
}

static CAPSA_RESULT page_alive(void *context, int *ret_status, capsa_buf *ret_body)
{
    (void)context;
    (void)ret_status;
    return capsa_buf_str(ret_body, "alive\n");
}

static CAPSA_RESULT page_stats(void *context, int *ret_status, capsa_buf *ret_body)
{
    (void)ret_status;
    const struct echo_server *server = context;
    struct capsa_rpc_stats stats;
    capsa_rpc_server_stats(server->rpc, &stats);
    return capsa_buf_format(ret_body, "connections %zu\ncalls %zu\nqueued %zu\nbody %zu\n",
                            stats.connections, stats.calls, stats.queued, stats.body_bytes);
}

static void on_trouble(void *context, const char *peer, const char *text)
{
    (void)context;
    (void)fprintf(stderr, "%s: %s\n", peer, text);
}

static void on_term(void *context)
{
    struct echo_server *server = context;
    capsa_rpc_server_stop(server->rpc);
}

static void on_hangup(void *context)
{
    struct echo_server *server = context;
    const capsa_result result = server->tls == NULL ? CAPSA_OK : capsa_net_tls_reload(server->tls);
    (void)printf("reload %s\n", capsa_failed(result) ? capsa_text_of(result) : "done");
    (void)fflush(stdout);
}

struct arguments {
    unsigned port;
    unsigned workers;
    unsigned grace;
    bool admin;
    struct capsa_net_tls_server_options tls;
};

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},    {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},     {"client-ca", required_argument, NULL, 'r'},
        {"workers", required_argument, NULL, 'w'}, {"admin", no_argument, NULL, 'a'},
        {"grace", required_argument, NULL, 'g'},   {NULL, 0, NULL, 0},
    };
    for (int option = 0; option != -1; option = getopt_long(argc, argv, "", options, NULL)) {
        switch (option) {
        case 0:
            break;
        case 'p':
            arguments->port = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            arguments->workers = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'g':
            arguments->grace = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            arguments->tls.cert_path = optarg;
            break;
        case 'k':
            arguments->tls.key_path = optarg;
            break;
        case 'r':
            arguments->tls.client_ca_path = optarg;
            break;
        case 'a':
            arguments->admin = true;
            break;
        default:
            return false;
        }
    }
    return optind == argc;
}

static CAPSA_RESULT serve(struct echo_server *server, const struct arguments *arguments)
{
    struct capsa_rpc_method methods[] = {
        {"/test.Echo/Echo", 0, echo, NULL, NULL},
        {"/test.Echo/Small", 16, echo, NULL, NULL},
        {"/test.Echo/Nap", 64, nap, server, NULL},
        {"/test.Echo/Big", 64, big, NULL, NULL},
        {"/test.Echo/Refuse", 64, refuse, NULL, NULL},
        {"/test.Echo/Tell", 64, tell, server, NULL},
        {"/test.Echo/SetHealth", 64, set_health, server, NULL},
        {0},
        {0},
    };
    const size_t count = sizeof(methods) / sizeof(methods[0]);
    const struct capsa_net_http_page pages[] = {
        {"/healthz", "text/plain; charset=utf-8", page_alive, NULL},
        {"/stats", "text/plain; charset=utf-8", page_stats, server},
    };
    const struct capsa_rpc_server_options options = {
        .loop = server->loop,
        .address = "127.0.0.1",
        .port = arguments->port,
        .tls = server->tls,
        .methods = methods,
        .method_count = count,
        .workers = arguments->workers,
        .grace_us = (int64_t)arguments->grace * 1000000,
        .on_trouble = on_trouble,
    };
    capsa_rpc_health_methods(server->health, &methods[count - CAPSA_RPC_HEALTH_METHODS]);
    CAPSA_AUTO_FREE(capsa_net_http) admin = NULL;
    struct capsa_net_signal *term = NULL;
    struct capsa_net_signal *hangup = NULL;
    CAPSA_TRY(capsa_rpc_server_new(&options, &server->rpc));
    if (arguments->admin) {
        CAPSA_TRY(capsa_net_http_new(server->loop, "127.0.0.1", 0, pages, 2, &admin));
        (void)printf("admin %u\n", capsa_net_http_port(admin));
    }
    CAPSA_TRY(capsa_net_signal_new(server->loop, SIGTERM, on_term, server, &term));
    CAPSA_TRY(capsa_net_signal_new(server->loop, SIGHUP, on_hangup, server, &hangup));
    (void)printf("port %u\n", capsa_rpc_server_port(server->rpc));
    (void)fflush(stdout);
    const capsa_result result = capsa_rpc_server_run(server->rpc);
    capsa_net_signal_free(term);
    capsa_net_signal_free(hangup);
    capsa_rpc_server_free(server->rpc);
    return result;
}

static CAPSA_RESULT set_up_and_serve(struct echo_server *server, const struct arguments *arguments)
{
    const char *const services[] = {"test.Echo"};
    if (arguments->tls.cert_path != NULL) {
        CAPSA_TRY(capsa_net_tls_server_new(&arguments->tls, &server->tls));
    }
    CAPSA_TRY(capsa_net_loop_new(&server->loop));
    CAPSA_TRY(capsa_rpc_health_new(services, 1, &server->health));
    capsa_rpc_health_set(server->health, NULL, CAPSA_RPC_HEALTH_SERVING);
    return serve(server, arguments);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct echo_server server = {0};
    if (!read_arguments(argc, argv, &arguments)) {
        (void)fprintf(stderr, "wrong arguments; see the head of rpc_echo_server.c\n");
        return 1;
    }
    const capsa_result result = set_up_and_serve(&server, &arguments);
    if (capsa_failed(result)) {
        (void)fprintf(stderr, "%s\n", capsa_text_of(result));
    }
    capsa_rpc_health_free(server.health);
    capsa_net_loop_free(server.loop);
    capsa_net_tls_free(server.tls);
    return capsa_failed(result) ? 1 : 0;
}
