/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa vote: ask for the key of a result, answer such a request, and put request and votes
 * together for the manager. Offline: the documents are files that people hand to each other, in
 * the originals' forms.
 */
#include "base/limits.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "client/client_vote.h"
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

static capsa_result answer_request(struct capsa_cli *cli, const capsa_vote_view *view)
{
    CAPSA_TRY(capsa_cli_set_text(cli, "resource_uri", view->resource_uri));
    CAPSA_TRY(capsa_cli_set_text(cli, "requester", view->party));
    return capsa_cli_set(cli, "threshold", capsa_json_new_int(view->threshold));
}

/* ---- request --------------------------------------------------------------------------------- */

static capsa_result run_request(struct capsa_cli *cli)
{
    int64_t threshold;
    CAPSA_TRY(capsa_cli_number(cli, "threshold", 0, UINT32_MAX, 0, &threshold));
    CAPSA_AUTO(capsa_party) party = {.key = NULL};
    CAPSA_TRY(capsa_cli_party(cli, true, &party));
    CAPSA_AUTO_FREE(capsa_json) terms = NULL;
    CAPSA_TRY(capsa_vote_terms(cli->words[0], threshold, &terms));
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
    {"request", "URI", "Ask for the key of a result: a signed request that owners vote on.", 1, 1,
     CAPSA_CLI_SIGNS, request_options, run_request},
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
