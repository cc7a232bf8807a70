/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa vote: ask for the key of a result, answer such a request, and put request and votes
 * together for the manager. The documents are files that people hand to each other, in the
 * originals' forms; the manager is asked once, for what binds a request to it.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "client/client_vote.h"
#include "codec/protobuf.h"
#include "codec/yaml.h"

static capsa_result write_yaml(struct capsa_cli *cli, const struct capsa_json *document)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    CAPSA_TRY(capsa_yaml_write(document, &text));
    return capsa_cli_write_public(cli, capsa_cli_option(cli, "out"), capsa_buf_bytes(&text));
}

/* A sentence for people, unless the document itself goes to standard output. */
#define say_unless_piped(cli, ...)                                                                 \
    do {                                                                                           \
        if (!capsa_streq(capsa_cli_option(cli, "out"), "-")) {                                     \
            capsa_cli_say(cli, __VA_ARGS__);                                                       \
        }                                                                                          \
    } while (0)

static capsa_result read_request(const char *path, struct capsa_json **ret_request,
                                 capsa_vote_view *ret_view)
{
    CAPSA_TRY(capsa_cli_read_document(path, ret_request));
    CAPSA_TRY_AT(capsa_vote_request_check(*ret_request, capsa_now(&capsa_clock_system), ret_view),
                 "%s", path);
    return CAPSA_OK;
}

/* What a bound request is bound to. */
static capsa_result answer_bond(struct capsa_cli *cli, const capsa_vote_view *view)
{
    char expires[CAPSA_TIME_TEXT];
    capsa_time_text(view->expires, expires);
    CAPSA_TRY(capsa_cli_set_text(cli, "manager", view->manager));
    CAPSA_TRY(capsa_cli_set_text(cli, "resource", view->resource));
    CAPSA_TRY(capsa_cli_set_text(cli, "requester_key", view->requester));
    return capsa_cli_set_text(cli, "expires", expires);
}

/* Votes are made on what is shown here. Not on standard output when the document goes there. */
static void show_bond(struct capsa_cli *cli, const capsa_vote_view *view)
{
    char expires[CAPSA_TIME_TEXT];
    capsa_time_text(view->expires, expires);
    if (!view->is_bound) {
        capsa_cli_say(cli, "not bound to a manager, a key or a time: only the original's protocol "
                           "takes it\n");
        return;
    }
    capsa_cli_say(cli,
                  "manager   %s\nresource  %s\nrequester %s\n          with the key %s\n"
                  "expires   %s\n",
                  view->manager, view->resource, view->party, view->requester, expires);
}

static capsa_result answer_request(struct capsa_cli *cli, const capsa_vote_view *view)
{
    CAPSA_TRY(view->is_bound ? answer_bond(cli, view) : CAPSA_OK);
    CAPSA_TRY(capsa_cli_set_text(cli, "resource_uri", view->resource_uri));
    CAPSA_TRY(capsa_cli_set_text(cli, "requester", view->party));
    return capsa_cli_set(cli, "threshold", capsa_json_new_int(view->threshold));
}

/* ---- request --------------------------------------------------------------------------------- */

#define DAY_SECONDS  86400
#define EXPIRES_DAYS 7

/* "90d", "36h", "20m": the time from now until which votes count. */
static capsa_result read_duration(const struct capsa_cli *cli, int64_t *ret_seconds)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'d', DAY_SECONDS}, {'h', 3600}, {'m', 60}};
    const char *text = capsa_cli_option(cli, "expires");
    if (text == NULL) {
        *ret_seconds = (int64_t)EXPIRES_DAYS * DAY_SECONDS;
        return CAPSA_OK;
    }
    char *end;
    long number = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
    for (size_t i = 0; number > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (end[0] == units[i].letter && end[1] == '\0' &&
            number <= CAPSA_VOTE_DAYS_MAX * DAY_SECONDS / units[i].seconds) {
            *ret_seconds = number * units[i].seconds;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE, "--expires is a time like 7d, 36h or 20m, at most %dd; not \"%s\"",
               CAPSA_VOTE_DAYS_MAX, text);
}

/* Ask the manager for what the request is bound to, and put it into the terms. */
static capsa_result bind_terms(struct capsa_cli *cli, int64_t seconds, struct capsa_json *terms)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    struct capsa_json *request;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"party_id", link.party.id},
                                                               {"resource_uri", cli->words[0]},
                                                               {NULL, NULL}},
                               &request));
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_cli_call(&link, CAPSA_CLIENT_GET_VOTE_TERMS, request, &message));
    const Native__VoteTermsResponse *given =
        (const Native__VoteTermsResponse *)(const void *)message;
    const capsa_manager *manager;
    CAPSA_TRY(capsa_client_identity(link.client, &manager));
    const struct capsa_vote_bond bond = {
        .manager = given->manager,
        .resource = given->resource,
        .requester = given->requester,
        .nonce = given->nonce,
        .expires = capsa_now(&capsa_clock_system) + seconds,
    };
    CAPSA_TRY(capsa_vote_bond_check(&bond, manager->id, link.party.chain.certs[0]));
    return capsa_vote_terms_bind(terms, &bond);
}

static capsa_result run_request(struct capsa_cli *cli)
{
    int64_t threshold;
    int64_t seconds;
    CAPSA_TRY(capsa_cli_number(cli, "threshold", 0, UINT32_MAX, 0, &threshold));
    CAPSA_TRY(read_duration(cli, &seconds));
    CAPSA_TRY(capsa_cli_check_out(cli, capsa_cli_option(cli, "out")));
    CAPSA_AUTO(capsa_party) party = {.key = NULL};
    CAPSA_TRY(capsa_cli_party(cli, true, &party));
    CAPSA_AUTO_FREE(capsa_json) terms = NULL;
    CAPSA_TRY(capsa_vote_terms(cli->words[0], threshold, &terms));
    bool original = capsa_cli_is_original(cli);
    CAPSA_REQUIRE(!original || capsa_cli_option(cli, "expires") == NULL, USAGE,
                  "--expires does not go with --original, whose requests are good for ever");
    CAPSA_TRY(original ? CAPSA_OK : bind_terms(cli, seconds, terms));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_vote_request_make(&party, terms, &request));
    CAPSA_TRY(write_yaml(cli, request));
    say_unless_piped(cli, "wrote a request for the key of %s to %s: its owners may vote on it\n",
                     cli->words[0], capsa_cli_option(cli, "out"));
    return capsa_cli_set_text(cli, "request_file", capsa_cli_option(cli, "out"));
}

/* ---- show, cast ------------------------------------------------------------------------------ */

static capsa_result run_show(struct capsa_cli *cli)
{
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    CAPSA_TRY(read_request(cli->words[0], &request, &view));
    capsa_cli_say(cli, "party %s\nasks for the key of %s\n", view.party, view.resource_uri);
    if (view.threshold > 0) {
        capsa_cli_say(cli, "every other owner has to approve, and %lld or more in all\n",
                      (long long)view.threshold);
    } else {
        capsa_cli_say(cli, "every other owner has to approve\n");
    }
    show_bond(cli, &view);
    capsa_result late = capsa_vote_live_check(&view, capsa_now(&capsa_clock_system));
    if (capsa_failed(late)) {
        capsa_cli_warn(cli, "%s", capsa_text_of(late));
    }
    return answer_request(cli, &view);
}

static capsa_result run_cast(struct capsa_cli *cli)
{
    bool approve = capsa_cli_flag(cli, "approve");
    CAPSA_REQUIRE(approve != capsa_cli_flag(cli, "reject"), USAGE,
                  "a vote is either --approve or --reject");
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    CAPSA_TRY(read_request(cli->words[0], &request, &view));
    CAPSA_TRY_AT(capsa_vote_live_check(&view, capsa_now(&capsa_clock_system)), "%s", cli->words[0]);
    CAPSA_AUTO(capsa_party) party = {.key = NULL};
    CAPSA_TRY(capsa_cli_party(cli, true, &party));
    const char *action = approve ? "APPROVE" : "REJECT";
    CAPSA_AUTO_FREE(capsa_json) body = NULL;
    CAPSA_TRY(
        capsa_cli_object((const struct capsa_cli_pair[]){{"action", action}, {NULL, NULL}}, &body));
    CAPSA_AUTO_FREE(capsa_json) vote = NULL;
    CAPSA_TRY(capsa_vote_make(
        &party, capsa_json_string(capsa_json_get(request, "vote_request_signature")), body, &vote));
    CAPSA_TRY(write_yaml(cli, vote));
    say_unless_piped(cli, "voted to %s that %s gets the key of %s: %s\n",
                     approve ? "approve" : "reject", view.party, view.resource_uri,
                     capsa_cli_option(cli, "out"));
    if (!capsa_streq(capsa_cli_option(cli, "out"), "-")) {
        show_bond(cli, &view);
    }
    CAPSA_TRY(capsa_cli_set_text(cli, "action", action));
    return answer_request(cli, &view);
}

/* ---- result ---------------------------------------------------------------------------------- */

/* Who has voted, to have each once. */
struct tally {
    size_t approvals;
    size_t count;
    char parties[CAPSA_LIMIT_votes][CAPSA_PARTY_ID];
};

static capsa_result count_once(struct tally *tally, const char *path, const capsa_vote_view *view)
{
    for (size_t i = 0; i < tally->count; i++) {
        CAPSA_REQUIRE(!capsa_streq(tally->parties[i], view->party), USAGE,
                      "%s: party %s has a vote among the files before", path, view->party);
    }
    CAPSA_REQUIRE(tally->count < CAPSA_LIMIT_votes, TOO_LARGE, "more than %d votes",
                  CAPSA_LIMIT_votes);
    memcpy(tally->parties[tally->count++], view->party, sizeof(view->party));
    tally->approvals += capsa_streq(view->action, "APPROVE");
    return CAPSA_OK;
}

static capsa_result add_vote(struct capsa_cli *cli, const char *path,
                             const struct capsa_json *request, struct capsa_json *result,
                             struct tally *tally)
{
    CAPSA_AUTO_FREE(capsa_json) vote = NULL;
    CAPSA_TRY(capsa_cli_read_document(path, &vote));
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    CAPSA_TRY_AT(capsa_vote_check(vote, request, capsa_now(&capsa_clock_system), &view), "%s",
                 path);
    CAPSA_TRY(count_once(tally, path, &view));
    if (!capsa_streq(view.action, "APPROVE")) {
        capsa_cli_warn(cli, "%s: party %s rejects: the manager will refuse", path, view.party);
    }
    return capsa_vote_result_add(result, vote);
}

static capsa_result run_result(struct capsa_cli *cli)
{
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    CAPSA_TRY(read_request(cli->words[0], &request, &view));
    CAPSA_AUTO_FREE(capsa_json) result = NULL;
    CAPSA_TRY(capsa_vote_result_new(request, &result));
    CAPSA_TRY_AT(capsa_vote_live_check(&view, capsa_now(&capsa_clock_system)), "%s", cli->words[0]);
    struct tally tally = {.count = 0};
    for (size_t i = 1; i < cli->words_count; i++) {
        CAPSA_TRY(add_vote(cli, cli->words[i], request, result, &tally));
    }
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(4));
    CAPSA_TRY(capsa_json_write(result, CAPSA_JSON_PYTHON, &text));
    CAPSA_TRY(capsa_buf_u8(&text, '\n'));
    CAPSA_TRY(capsa_cli_write_public(cli, capsa_cli_option(cli, "out"), capsa_buf_bytes(&text)));
    say_unless_piped(cli,
                     "wrote the votes on %s to %s: %zu approve; whose count, the manager decides\n",
                     view.resource_uri, capsa_cli_option(cli, "out"), tally.approvals);
    CAPSA_TRY(capsa_cli_set(cli, "approvals", capsa_json_new_int((int64_t)tally.approvals)));
    return answer_request(cli, &view);
}

/* ---- table ----------------------------------------------------------------------------------- */

#define OUT_OPTIONS                                                                                \
    {"out", "FILE", "where to write it; - is standard output", CAPSA_CLI_NEEDED},                  \
    {                                                                                              \
        "force", NULL, "replace an existing file", 0                                               \
    }

static const struct capsa_cli_option request_options[] = {
    OUT_OPTIONS,
    {"expires", "TIME", "until when votes count: 7d, 36h, 20m; 7d", 0},
    {"threshold", "N", "want at least N votes, even if fewer owners have to agree; 0", 0},
    {.name = NULL},
};

static const struct capsa_cli_option cast_options[] = {
    OUT_OPTIONS,
    {"approve", NULL, "vote for it", 0},
    {"reject", NULL, "vote against it", 0},
    {.name = NULL},
};

static const struct capsa_cli_option result_options[] = {
    OUT_OPTIONS,
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"request", "URI",
     "Ask for the key of a result: a signed request that owners vote on. The manager is asked what "
     "to "
     "bind it to; with --original nobody is asked.",
     1, 1, CAPSA_CLI_SERVER | CAPSA_CLI_SIGNS, request_options, run_request},
    {"show", "REQUEST", "Check a request, and say who asks for what.", 1, 1, 0, NULL, run_show},
    {"cast", "REQUEST --approve|--reject", "Vote on a request: a signed answer to it.", 1, 1,
     CAPSA_CLI_SIGNS, cast_options, run_cast},
    {"result", "REQUEST [VOTE...]",
     "Put a request and the votes on it together, for capsa key export. All are checked, and "
     "two of one party are refused; whose votes count is for the manager to decide.",
     1, CAPSA_LIMIT_votes + 1, 0, result_options, run_result},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_vote = {"vote", NULL, "the owners' consent to an export",
                                                   verbs, NULL};
