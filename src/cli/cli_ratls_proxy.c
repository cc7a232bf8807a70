/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa ratls serve and capsa ratls proxy: attested TLS in front of a plain service, and attested
 * TLS out of a plain port. Both join what comes with what they dial (ratls_proxy.h), and differ in
 * which side is attested.
 */
#include <signal.h>

#include "cli/cli_keep.h"
#include "cli/cli_print.h"
#include "cli/cli_ratls_channel.h"
#include "cli/cli_ratls_renew.h"
#include "ratls/ratls_proxy.h"

#define SECOND          INT64_C(1000000)
#define DRAIN_SECONDS   10 /* for what is joined, once SIGTERM came */
#define CONNECTIONS_MAX 1048576
#define CODE_SHOWN      8 /* bytes of a measurement in a line */

struct tunnel {
    struct capsa_cli *cli;
    capsa_cli_channel channel;
    struct capsa_net_target listen;
    struct capsa_net_target target;
    struct capsa_log *log;
    struct capsa_cli_renewer *renewer;
    struct capsa_net_tls *tls;
    struct capsa_net_loop *loop;
    struct capsa_ratls_proxy *proxy;
    struct capsa_net_timer *drain;
    struct capsa_net_signal *signals[3];
    bool stops;
};
typedef struct tunnel tunnel;

static void tunnel_drop(tunnel *made)
{
    capsa_ratls_proxy_free(made->proxy);
    for (size_t i = 0; i < sizeof(made->signals) / sizeof(made->signals[0]); i++) {
        capsa_net_signal_free(made->signals[i]);
    }
    capsa_net_timer_free(made->drain);
    capsa_net_loop_free(made->loop);
    capsa_net_tls_free(made->tls);
    capsa_cli_renewer_free(made->renewer);
    capsa_cli_channel_drop(&made->channel);
    capsa_log_close(made->log);
}

/* ---- One line a connection ------------------------------------------------------------------- */

/* Which program the peer is, on each platform. */
static const struct {
    enum capsa_platform platform;
    enum capsa_claim claim;
} codes[] = {
    {CAPSA_PLATFORM_SGX, CAPSA_CLAIM_SGX_MR_ENCLAVE},
    {CAPSA_PLATFORM_TDX, CAPSA_CLAIM_TDX_MR_TD},
    {CAPSA_PLATFORM_SNP, CAPSA_CLAIM_SNP_MEASUREMENT},
    {CAPSA_PLATFORM_CSV, CAPSA_CLAIM_CSV_MEASURE},
};

/* "" when nothing says it. */
static void code_text(const struct capsa_verdict *verdict, char text[2 * CODE_SHOWN + 1])
{
    static const char digits[] = "0123456789abcdef";
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        const struct capsa_claim_value *value = &verdict->claims.values[codes[i].claim];
        if (codes[i].platform == verdict->claims.platform && value->present) {
            for (size_t b = 0; b < CODE_SHOWN; b++) {
                text[2 * b] = digits[value->bytes[b] >> 4];
                text[2 * b + 1] = digits[value->bytes[b] & 15];
            }
            text[2 * CODE_SHOWN] = '\0';
        }
    }
}

static void on_joined(void *context, const struct capsa_ratls_proxy_event *event)
{
    const struct tunnel *own = context;
    const struct capsa_ratls_report *report = event->report;
    if (report == NULL || !report->verdict.accepted) {
        capsa_log_event(own->log, CAPSA_LOG_INFO, "joined", CAPSA_LOG_INT("id", event->id),
                        CAPSA_LOG_STR("peer", event->peer), CAPSA_LOG_STR("proved", "nothing"));
        return;
    }
    char code[2 * CODE_SHOWN + 1];
    code_text(&report->verdict, code);
    capsa_log_event(own->log, CAPSA_LOG_INFO, "joined", CAPSA_LOG_INT("id", event->id),
                    CAPSA_LOG_STR("peer", event->peer),
                    CAPSA_LOG_STR("proved", capsa_platform_name(report->verdict.claims.platform)),
                    CAPSA_LOG_STR("code", (const char *)code),
                    CAPSA_LOG_STR("tcb", capsa_tcb_status_name(report->verdict.tcb_status)),
                    CAPSA_LOG_STR("bound", report->session_bound ? "session" : "key"));
}

static void log_end(const struct tunnel *own, const struct capsa_ratls_proxy_event *event)
{
    const struct capsa_ratls_report *report = event->report;
    const char *why = event->why == NULL ? "over" : event->why;
    if (event->was_joined) {
        capsa_log_event(own->log, CAPSA_LOG_INFO, "ended", CAPSA_LOG_INT("id", event->id),
                        CAPSA_LOG_STR("peer", event->peer), CAPSA_LOG_STR("why", why),
                        CAPSA_LOG_INT("in", event->in_bytes),
                        CAPSA_LOG_INT("out", event->out_bytes));
    } else if (report != NULL && report->verdict.failed_check != CAPSA_CHECK_NONE) {
        capsa_log_event(own->log, CAPSA_LOG_WARN, "refused", CAPSA_LOG_INT("id", event->id),
                        CAPSA_LOG_STR("peer", event->peer),
                        CAPSA_LOG_STR("check", capsa_check_name(report->verdict.failed_check)),
                        CAPSA_LOG_STR("why", (const char *)report->verdict.reason));
    } else {
        capsa_log_event(own->log, CAPSA_LOG_WARN, "failed", CAPSA_LOG_INT("id", event->id),
                        CAPSA_LOG_STR("peer", event->peer), CAPSA_LOG_STR("why", why));
    }
}

static void stop_if_idle(struct tunnel *own)
{
    if (own->stops && capsa_ratls_proxy_connections(own->proxy) == 0) {
        capsa_net_loop_stop(own->loop);
    }
}

/* The connection that ends is still among those that are counted. */
static void on_ended(void *context, const struct capsa_ratls_proxy_event *event)
{
    struct tunnel *own = context;
    log_end(own, event);
    if (own->stops && capsa_ratls_proxy_connections(own->proxy) <= 1) {
        capsa_net_loop_stop(own->loop);
    }
}

/* ---- Signals --------------------------------------------------------------------------------- */

static void on_patience_over(void *context)
{
    const struct tunnel *own = context;
    capsa_net_loop_stop(own->loop);
}

/* The first stops politely, the second at once. */
static void on_stop(void *context)
{
    struct tunnel *own = context;
    if (own->stops || capsa_failed(capsa_net_timer_set(own->drain, DRAIN_SECONDS * SECOND))) {
        capsa_net_loop_stop(own->loop);
        return;
    }
    own->stops = true;
    capsa_ratls_proxy_close(own->proxy);
    capsa_log_event(own->log, CAPSA_LOG_INFO, "stopping",
                    CAPSA_LOG_INT("connections", capsa_ratls_proxy_connections(own->proxy)));
    stop_if_idle(own);
}

static void on_hangup(void *context)
{
    struct tunnel *own = context;
    capsa_cli_renewer_now(own->renewer);
    const capsa_result reloaded = capsa_cli_channel_reload(&own->channel);
    capsa_log_event(own->log, capsa_failed(reloaded) ? CAPSA_LOG_ERROR : CAPSA_LOG_INFO, "reloaded",
                    CAPSA_LOG_CODE("result", reloaded));
}

/* What was ignored when the program started stays ignored (nohup). */
static capsa_result watch_signals(struct tunnel *own)
{
    static const struct {
        int number;
        capsa_net_callback callback;
    } watched[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_hangup}};
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
        if (!capsa_cli_is_ignored(watched[i].number)) {
            CAPSA_TRY(capsa_net_signal_new(own->loop, watched[i].number, watched[i].callback, own,
                                           &own->signals[i]));
        }
    }
    return CAPSA_OK;
}

/* ---- Running --------------------------------------------------------------------------------- */

static capsa_result open_proxy(struct tunnel *own, bool is_server)
{
    int64_t most;
    struct capsa_ratls_proxy_options options = {
        .loop = own->loop,
        .listen_address = own->listen.host,
        .listen_port = own->listen.port,
        .listen_tls = is_server ? own->tls : NULL,
        .target = &own->target,
        .target_tls = is_server ? NULL : own->tls,
        .joined = on_joined,
        .ended = on_ended,
        .context = own,
    };
    const struct capsa_cli *cli = own->cli;
    CAPSA_TRY(capsa_cli_number(cli, "max-connections", 1, CONNECTIONS_MAX, 0, &most));
    options.max_connections = (size_t)most;
    CAPSA_TRY(capsa_cli_channel_seconds(cli, "handshake-seconds", &options.handshake_us));
    CAPSA_TRY(capsa_cli_channel_seconds(cli, "connect-seconds", &options.connect_us));
    CAPSA_TRY(capsa_cli_channel_seconds(cli, "idle-seconds", &options.idle_us));
    return capsa_ratls_proxy_new(&options, &own->proxy);
}

static capsa_result set_up(struct tunnel *own, bool is_server)
{
    const struct capsa_log_options log = {
        .level = CAPSA_LOG_INFO, .console = true, .clock = &capsa_clock_system};
    CAPSA_TRY(capsa_log_open(&log, &own->log));
    CAPSA_TRY(capsa_cli_channel_read(own->cli, is_server, &own->channel));
    CAPSA_TRY(capsa_ratls_tls_new(own->channel.context, &own->tls));
    CAPSA_TRY(capsa_net_loop_new(&own->loop));
    CAPSA_TRY(capsa_net_timer_new(own->loop, on_patience_over, own, &own->drain));
    CAPSA_TRY(open_proxy(own, is_server));
    CAPSA_TRY(watch_signals(own));
    if (own->channel.identity != NULL) {
        CAPSA_TRY(capsa_cli_renewer_new(own->channel.identity, own->log, &own->renewer));
    }
    return CAPSA_OK;
}

static void say_ready(const struct tunnel *own, bool is_server)
{
    struct capsa_net_target at = own->listen;
    char from[CAPSA_NET_NAME_TEXT];
    char to[CAPSA_NET_NAME_TEXT];
    at.port = capsa_ratls_proxy_port(own->proxy);
    capsa_net_target_text(&at, from);
    capsa_net_target_text(&own->target, to);
    const char *attested = own->channel.bound ? "attested" : "attested-unbound";
    capsa_cli_say(own->cli, "capsa: ready: %s %s to %s %s\n", is_server ? attested : "plain", from,
                  is_server ? "plain" : attested, to);
    (void)fflush(own->cli->out);
}

static capsa_result run(struct capsa_cli *cli, bool is_server)
{
    CAPSA_REQUIRE(!cli->json, USAGE, "it says what it does line by line: leave out -o json");
    CAPSA_AUTO(tunnel) made = {.cli = cli};
    CAPSA_TRY(capsa_cli_channel_target(cli, "listen", true, &made.listen));
    CAPSA_TRY(capsa_cli_channel_target(cli, "target", false, &made.target));
    CAPSA_TRY(set_up(&made, is_server));
    if (!is_server && !capsa_net_host_is_loopback(made.listen.host)) {
        capsa_cli_warn(cli,
                       "--listen %s is not this machine alone: whoever reaches it speaks through "
                       "us%s",
                       made.listen.host,
                       made.channel.identity != NULL ? ", and with our evidence" : "");
    }
    say_ready(&made, is_server);
    return capsa_net_loop_run(made.loop);
}

capsa_result capsa_cli_ratls_serve(struct capsa_cli *cli)
{
    return run(cli, true);
}

capsa_result capsa_cli_ratls_proxy(struct capsa_cli *cli)
{
    return run(cli, false);
}

#define TUNNEL_OPTIONS                                                                             \
    {"connect-seconds", "N", "how long connecting to the target may take; 10", 0},                 \
        {"idle-seconds", "N", "end a connection on which nothing moves for so long; never", 0},    \
    {                                                                                              \
        "max-connections", "N", "at once; 16384, or what the limit of open files allows", 0        \
    }

const struct capsa_cli_option capsa_cli_ratls_serve_options[] = {
    {"listen", "HOST:PORT", "where attested TLS is served; port 0 is any", CAPSA_CLI_NEEDED},
    {"target", "HOST:PORT", "the plain TCP service behind it", CAPSA_CLI_NEEDED},
    CAPSA_CLI_CHANNEL_OPTIONS,
    TUNNEL_OPTIONS,
    {.name = NULL},
};

const struct capsa_cli_option capsa_cli_ratls_proxy_options[] = {
    {"listen", "HOST:PORT", "where plain TCP comes in; port 0 is any", CAPSA_CLI_NEEDED},
    {"target", "HOST:PORT", "the attested service", CAPSA_CLI_NEEDED},
    CAPSA_CLI_CHANNEL_OPTIONS,
    TUNNEL_OPTIONS,
    {.name = NULL},
};
