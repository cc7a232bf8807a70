/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels as the command's words say it (cli_ratls_channel.h).
 */
#include "cli/cli_ratls_channel.h"

#include "base/alloc.h"
#include "cli/cli_fetch.h"
#include "cli/cli_print.h"

#define SECOND      INT64_C(1000000)
#define SECONDS_MAX 86400

struct capsa_cli_judging {
    capsa_cli_judge by;
    size_t users; /* who judge now, and the channel */
};

/* ---- What is judged by ----------------------------------------------------------------------- */

static struct capsa_cli_judging *take(capsa_cli_channel *channel)
{
    (void)pthread_mutex_lock(&channel->lock);
    struct capsa_cli_judging *judging = channel->judging;
    judging->users++;
    (void)pthread_mutex_unlock(&channel->lock);
    return judging;
}

static void let_go(capsa_cli_channel *channel, struct capsa_cli_judging *judging)
{
    (void)pthread_mutex_lock(&channel->lock);
    const bool last = --judging->users == 0;
    (void)pthread_mutex_unlock(&channel->lock);
    if (last) {
        capsa_cli_judge_drop(&judging->by);
        capsa_dealloc(judging);
    }
}

/* On any thread. What the peer ships is taken before what was given to us. */
static capsa_result judge_now(void *context, enum capsa_platform platform, capsa_bytes evidence,
                              const capsa_collateral *shipped, capsa_time now,
                              const uint8_t *report_data, struct capsa_verdict *verdict)
{
    capsa_cli_channel *channel = context;
    struct capsa_cli_judging *judging = take(channel);
    const struct capsa_ratls_appraiser *judge = &judging->by.judge;
    const bool ships = shipped != NULL && !capsa_collateral_is_empty(shipped);
    const capsa_result judged =
        judge->judge(judge->context, platform, evidence, ships ? shipped : &judging->by.collateral,
                     now, report_data, verdict);
    let_go(channel, judging);
    return judged;
}

static capsa_result read_judging(struct capsa_cli *cli, struct capsa_cli_judging **ret_judging)
{
    struct capsa_cli_judging *judging = CAPSA_NEW(struct capsa_cli_judging);
    CAPSA_REQUIRE_MEMORY(judging);
    judging->users = 1;
    const capsa_result read = capsa_cli_judge_read(cli, true, &judging->by);
    if (capsa_failed(read)) {
        capsa_cli_judge_drop(&judging->by);
        capsa_dealloc(judging);
        return read;
    }
    *ret_judging = judging;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_channel_reload(capsa_cli_channel *channel)
{
    if (channel->judging == NULL) {
        return CAPSA_OK;
    }
    struct capsa_cli_judging *fresh = NULL;
    CAPSA_TRY(read_judging(channel->cli, &fresh));
    (void)pthread_mutex_lock(&channel->lock);
    struct capsa_cli_judging *old = channel->judging;
    channel->judging = fresh;
    (void)pthread_mutex_unlock(&channel->lock);
    let_go(channel, old);
    return CAPSA_OK;
}

/* A server asks its clients for evidence when it is told by what to judge it. */
static bool is_asking(const struct capsa_cli *cli)
{
    const struct capsa_cli_option *option = capsa_cli_judge_options;
    for (; option->name != NULL; option++) {
        if (capsa_cli_option(cli, option->name) != NULL) {
            return true;
        }
    }
    return capsa_cli_flag(cli, "insecure-unpinned-peer");
}

/* ---- Reading --------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_cli_channel_seconds(const struct capsa_cli *cli, const char *option,
                                       int64_t *ret_us)
{
    int64_t seconds;
    CAPSA_TRY(capsa_cli_number(cli, option, 1, SECONDS_MAX, 0, &seconds));
    *ret_us = seconds * SECOND;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_channel_target(const struct capsa_cli *cli, const char *option, bool listens,
                                      struct capsa_net_target *ret_target)
{
    const char *text = capsa_cli_option(cli, option);
    CAPSA_REQUIRE(text != NULL, USAGE, "--%s HOST:PORT is needed", option);
    CAPSA_TRY_AT(listens ? capsa_net_listen_parse(text, ret_target)
                         : capsa_net_target_parse(text, ret_target),
                 "--%s", option);
    return CAPSA_OK;
}

static void announce(const capsa_cli_channel *channel)
{
    struct capsa_cli *cli = channel->cli;
    if (!channel->bound) {
        capsa_cli_warn(cli, "--insecure-unbound: evidence is bound to the TLS key alone; whoever "
                            "has stolen that key from one genuine peer can stand between");
    }
    if (capsa_cli_flag(cli, "insecure-old-x509")) {
        capsa_cli_warn(cli, "--insecure-old-x509: certificates signed with SHA-1 are taken");
    }
    if (channel->judging != NULL && capsa_cli_flag(cli, "insecure-unpinned-peer")) {
        capsa_cli_warn(cli, "--insecure-unpinned-peer: any program on genuine hardware may be the "
                            "peer, where the policy does not say which");
    }
}

static capsa_result make_identity(capsa_cli_channel *channel)
{
    CAPSA_TRY(capsa_ratls_identity_new(&channel->prover.made, &channel->prover.profile,
                                       &channel->identity));
    return capsa_ratls_identity_renew(channel->identity, capsa_now(&capsa_clock_system));
}

static capsa_result make_context(capsa_cli_channel *channel, bool is_server)
{
    struct capsa_cli *cli = channel->cli;
    struct capsa_ratls_context_options options = {
        .is_server = is_server,
        .identity = channel->identity,
        .insecure_unbound = !channel->bound,
        .insecure_old_x509 = capsa_cli_flag(cli, "insecure-old-x509"),
        .tls12 = capsa_cli_flag(cli, "tls12"),
        .http2 = capsa_cli_flag(cli, "http2"),
    };
    if (channel->judging != NULL) {
        options.appraiser = (struct capsa_ratls_appraiser){.context = channel, .judge = judge_now};
    }
    CAPSA_TRY(capsa_cli_channel_seconds(cli, "handshake-seconds", &options.handshake_us));
    CAPSA_TRY(capsa_cli_channel_seconds(cli, "evidence-seconds", &options.evidence_us));
    return capsa_ratls_context_new(&options, &channel->context);
}

CAPSA_RESULT capsa_cli_channel_read(struct capsa_cli *cli, bool is_server,
                                    capsa_cli_channel *channel)
{
    channel->cli = cli;
    channel->bound = !capsa_cli_flag(cli, "insecure-unbound");
    CAPSA_REQUIRE(pthread_mutex_init(&channel->lock, NULL) == 0, NOMEM, "out of memory");
    channel->has_lock = true;
    CAPSA_TRY(is_server ? capsa_cli_prover_need(cli, &channel->prover)
                        : capsa_cli_prover_read(cli, &channel->prover));
    if (!is_server || is_asking(cli)) {
        CAPSA_TRY(read_judging(cli, &channel->judging));
    }
    if (channel->prover.attester != NULL) {
        CAPSA_TRY(make_identity(channel));
    }
    CAPSA_TRY(make_context(channel, is_server));
    announce(channel);
    return CAPSA_OK;
}

void capsa_cli_channel_drop(capsa_cli_channel *channel)
{
    capsa_ratls_context_free(channel->context);
    channel->context = NULL;
    capsa_ratls_identity_free(channel->identity);
    channel->identity = NULL;
    capsa_cli_prover_drop(&channel->prover);
    if (channel->judging != NULL) {
        let_go(channel, channel->judging);
        channel->judging = NULL;
    }
    if (channel->has_lock) {
        (void)pthread_mutex_destroy(&channel->lock);
        channel->has_lock = false;
    }
}
