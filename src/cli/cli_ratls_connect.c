/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa ratls connect: one attested connection, as a report or as a stream between it and standard
 * input and output. Each direction ends for itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/cli_print.h"
#include "cli/cli_ratls_channel.h"
#include "cli/cli_verdict.h"
#include "net/net_stream.h"

#define CONNECT_US INT64_C(10000000)
#define CHUNK      (16 * 1024)

struct connecting {
    struct capsa_cli *cli;
    capsa_cli_channel channel;
    struct capsa_net_target target;
    struct capsa_net_tls_maker inner; /* what attested streams are made by */
    struct capsa_net_tls *tls;
    struct capsa_net_stream *stream;
    struct capsa_ratls_report found; /* of the peer, also of a refused one */
    bool has_found;
};
typedef struct connecting connecting;

static void connecting_drop(connecting *call)
{
    capsa_net_stream_free(call->stream);
    capsa_net_tls_free(call->tls);
    capsa_cli_channel_drop(&call->channel);
}

/* ---- A peer that is refused still has a report: its session is gone when opening has failed ----
 */

static capsa_result make_session(void *context, struct ssl_st **ret_session)
{
    const struct connecting *call = context;
    return call->inner.session(call->inner.context, ret_session);
}

static capsa_result admit(void *context, struct capsa_net_stream *stream, struct ssl_st *session)
{
    struct connecting *call = context;
    const struct capsa_net_admission *inner = &call->inner.admission;
    const capsa_result admitted = inner->admit(inner->context, stream, session);
    const struct capsa_ratls_report *report = capsa_ratls_peer(session);
    if (report != NULL) {
        call->found = *report;
        call->has_found = true;
    }
    return admitted;
}

static void free_inner(void *context)
{
    const struct connecting *call = context;
    call->inner.free(call->inner.context);
}

static capsa_result make_tls(connecting *call)
{
    CAPSA_TRY(capsa_ratls_maker(call->channel.context, &call->inner));
    struct capsa_net_tls_maker maker = call->inner;
    maker.context = call;
    maker.session = make_session;
    maker.free = free_inner;
    maker.admission.context = call;
    maker.admission.admit = admit;
    const capsa_result made = capsa_net_tls_of_maker(&maker, &call->tls);
    if (capsa_failed(made)) {
        free_inner(call);
    }
    return made;
}

/* ---- The stream ------------------------------------------------------------------------------ */

struct pump {
    struct capsa_net_stream *stream;
    uint8_t chunk[CHUNK]; /* of standard input, to be sent */
    size_t at, len;
    bool read_all;  /* standard input is at its end, and the peer knows */
    bool heard_all; /* the peer's direction is over */
};

static capsa_result write_out(capsa_bytes bytes)
{
    while (bytes.len > 0) {
        const ssize_t written = write(STDOUT_FILENO, bytes.data, bytes.len);
        CAPSA_REQUIRE(written >= 0 || errno == EINTR, IO, "standard output: %s", strerror(errno));
        bytes = capsa_bytes_from(bytes, written < 0 ? 0 : (size_t)written);
    }
    return CAPSA_OK;
}

/* What is there already. */
static capsa_result receive(struct pump *pump)
{
    uint8_t room[CHUNK];
    size_t len = 0;
    const capsa_result received =
        capsa_net_stream_receive(pump->stream, room, sizeof(room), 0, &len);
    if (capsa_code_of(received) == CAPSA_E_TIMEOUT) {
        return CAPSA_OK; /* no whole record */
    }
    CAPSA_TRY(received);
    pump->heard_all = len == 0;
    return write_out(capsa_bytes_of(room, len));
}

static capsa_result read_in(struct pump *pump)
{
    const ssize_t got = read(STDIN_FILENO, pump->chunk, sizeof(pump->chunk));
    CAPSA_REQUIRE(got >= 0 || errno == EINTR || errno == EAGAIN, IO, "standard input: %s",
                  strerror(errno));
    pump->at = 0;
    pump->len = got < 0 ? 0 : (size_t)got;
    if (got == 0) {
        pump->read_all = true;
        CAPSA_TRY(capsa_net_stream_end(pump->stream, INT64_MAX));
    }
    return CAPSA_OK;
}

/* A peer that speaks before it listens on is listened to. */
static capsa_result send_chunk(struct pump *pump)
{
    size_t sent = 0;
    CAPSA_TRY(capsa_net_stream_send_some(
        pump->stream, capsa_bytes_of(pump->chunk + pump->at, pump->len - pump->at), INT64_MAX,
        &sent));
    pump->at += sent;
    return sent == 0 && !pump->heard_all ? receive(pump) : CAPSA_OK;
}

static capsa_result step(struct pump *pump)
{
    if (pump->at < pump->len) {
        return send_chunk(pump);
    }
    bool input = false;
    bool typed = false;
    CAPSA_TRY(capsa_net_stream_wait(pump->stream, pump->read_all ? -1 : STDIN_FILENO, INT64_MAX,
                                    &input, &typed));
    if (input && !pump->heard_all) {
        CAPSA_TRY(receive(pump));
    }
    return typed && !pump->heard_all ? read_in(pump) : CAPSA_OK;
}

/* Until the peer has said all. What standard input still has, nobody waits for then. */
static capsa_result be_its_stream(const connecting *call)
{
    struct pump pump = {.stream = call->stream};
    (void)signal(SIGPIPE, SIG_IGN); /* a closed standard output is an error to be told */
    while (!pump.heard_all) {
        CAPSA_TRY(step(&pump));
    }
    return CAPSA_OK;
}

/* ---- The verb -------------------------------------------------------------------------------- */

static capsa_result open_stream(connecting *call)
{
    int64_t connect_us;
    CAPSA_TRY(capsa_cli_channel_seconds(call->cli, "connect-seconds", &connect_us));
    CAPSA_TRY(capsa_net_target_parse(call->cli->words[0], &call->target));
    CAPSA_TRY(capsa_cli_channel_read(call->cli, false, &call->channel));
    CAPSA_TRY(make_tls(call));
    /* Each step has a limit of its own: this one is of the TCP connection, before both. */
    const int64_t begun_us = capsa_monotonic_us();
    const int64_t total_us = (connect_us == 0 ? CONNECT_US : connect_us) +
                             call->inner.admission.handshake_us +
                             call->inner.admission.admission_us;
    return capsa_net_stream_open(&call->target, call->tls, NULL, begun_us + total_us,
                                 &call->stream);
}

static capsa_result set_answer(const connecting *call)
{
    struct capsa_json *json = NULL;
    CAPSA_TRY(capsa_ratls_report_json(&call->found, &json));
    return capsa_cli_set_verdict(call->cli, json, capsa_now(&capsa_clock_system));
}

/* Standard output is the peer's, unless the report is all that was wanted. */
static capsa_result say_report(const connecting *call, bool on_output)
{
    struct capsa_cli *cli = call->cli;
    FILE *out = cli->out;
    cli->out = on_output ? out : cli->err;
    const capsa_result said = capsa_cli_say_report(cli, &call->found);
    cli->out = out;
    return said;
}

/* TLS says this in words of its own, which tell nobody what to do. */
static void hint(const connecting *call, capsa_result opened)
{
    if (capsa_failed(opened) && strstr(capsa_text_of(opened), "no application protocol") != NULL) {
        capsa_cli_warn(call->cli, "%s",
                       call->channel.bound
                           ? "the other end does not bind its evidence to the session; if it is "
                             "other software, both ends have to be --insecure-unbound"
                           : "the other end may want evidence that is bound to the session: leave "
                             "out --insecure-unbound");
    }
}

capsa_result capsa_cli_ratls_connect(struct capsa_cli *cli)
{
    const bool report_only = capsa_cli_flag(cli, "report");
    CAPSA_REQUIRE(report_only || !cli->json, USAGE, "-o json goes with --report");
    CAPSA_AUTO(connecting) call = {.cli = cli};
    const capsa_result opened = open_stream(&call);
    if (!call.has_found) {
        hint(&call, opened);
        return opened;
    }
    if (capsa_failed(opened)) {
        CAPSA_TRY(capsa_cli_judged(cli, &call.found.verdict, opened));
        if (call.found.verdict.accepted) {
            return opened; /* the peer is what it should be, and refused us */
        }
    }
    CAPSA_TRY(set_answer(&call));
    CAPSA_TRY(say_report(&call, report_only));
    if (report_only || capsa_failed(opened)) {
        return CAPSA_OK;
    }
    return be_its_stream(&call);
}

const struct capsa_cli_option capsa_cli_ratls_connect_options[] = {
    {"report", NULL, "say what the peer has proved, and end", 0},
    {"connect-seconds", "N", "how long the TCP connection may take; 10", 0},
    CAPSA_CLI_CHANNEL_OPTIONS,
    {.name = NULL},
};
