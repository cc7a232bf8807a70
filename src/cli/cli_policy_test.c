/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa policy test: every case of a table judged as a manager would, one line each. The judging is
 * capsa_policy_decide alone; nothing here knows what a rule means.
 */
#include "cli/cli_policy_table.h"
#include "cli/cli_print.h"
#include "cli/cli_read.h"

struct run {
    struct capsa_cli *cli;
    struct capsa_json *list; /* for -o json */
    const char *path;
    const capsa_policy_table *table;
    const capsa_policy_case *test;
    size_t passed, failed;
};

/* A case as it came out. */
struct outcome {
    bool passed;
    bool decided;
    struct capsa_decision decision; /* where decided */
    char error[CAPSA_ERROR_TEXT];   /* else */
};

static const char *word_of(bool allow)
{
    return allow ? "allow" : "deny";
}

/* ---- for people ------------------------------------------------------------------------------ */

static void write_place(const struct capsa_decision *decision, char *text, size_t size)
{
    if (decision->clause == CAPSA_CLAUSE_OP_CONSTRAINT) {
        (void)snprintf(text, size, "op_constraints %zu, constraint %zu", decision->entry + 1,
                       decision->constraint + 1);
    } else if (decision->clause == CAPSA_CLAUSE_GLOBAL_CONSTRAINT) {
        (void)snprintf(text, size, "global constraint %zu", decision->constraint + 1);
    } else {
        (void)snprintf(text, size, "%s", capsa_clause_name(decision->clause));
    }
}

/* ` (rule "join", clause columns)`: what the table says beside allow or deny. */
static void say_expected(const struct run *run)
{
    const capsa_policy_case *test = run->test;
    capsa_cli_say(run->cli, ": expected %s", word_of(test->allow));
    if (test->rule != NULL) {
        capsa_cli_say(run->cli, " by rule \"%s\"", test->rule);
    }
    if (test->clause != CAPSA_CLAUSE_NONE) {
        capsa_cli_say(run->cli, " for its %s", capsa_clause_name(test->clause));
    }
}

static void say_decision(const struct run *run, const struct capsa_decision *decision)
{
    const char *id = decision->rule_id;
    capsa_cli_say(run->cli, ", got %s", word_of(decision->allowed));
    if (decision->clause == CAPSA_CLAUSE_RULES) {
        capsa_cli_say(run->cli, ": the policy has no rules\n");
        return;
    }
    capsa_cli_say(run->cli, ": rule %zu%s%s%s", decision->rule + 1, *id == '\0' ? "" : " \"", id,
                  *id == '\0' ? "" : "\"");
    if (decision->allowed) {
        capsa_cli_say(run->cli, " matches\n");
        return;
    }
    char place[96];
    write_place(decision, place, sizeof(place));
    capsa_cli_say(run->cli, " is nearest; %s: wanted %s, got %s\n", place, decision->expected,
                  decision->got);
}

static void say(const struct run *run, const struct outcome *outcome)
{
    bool many = run->cli->words_count > 1;
    capsa_cli_say(run->cli, "%-4s  %s%s%s", outcome->passed ? "ok" : "FAIL", many ? run->path : "",
                  many ? ": " : "", run->test->name);
    if (outcome->passed) {
        capsa_cli_say(run->cli, "\n");
        return;
    }
    say_expected(run);
    if (outcome->decided) {
        say_decision(run, &outcome->decision);
    } else {
        capsa_cli_say(run->cli, ", got no decision: %s\n", outcome->error);
    }
}

/* ---- for programs ---------------------------------------------------------------------------- */

static capsa_result add_decision(const struct capsa_decision *decision, struct capsa_json *entry)
{
    const struct capsa_cli_pair texts[] = {
        {"decision", word_of(decision->allowed)},
        {"rule", decision->rule_id},
        {"clause", capsa_clause_name(decision->clause)},
        {"wanted", decision->expected},
        {"got", decision->got},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CAPSA_TRY(capsa_json_set(entry, texts[i].name, capsa_json_new_string(texts[i].text)));
    }
    if (decision->clause == CAPSA_CLAUSE_RULES) {
        return CAPSA_OK;
    }
    return capsa_json_set(entry, "rule_number", capsa_json_new_int((int64_t)decision->rule + 1));
}

static capsa_result add(const struct run *run, const struct outcome *outcome)
{
    CAPSA_AUTO_FREE(capsa_json) entry = NULL;
    CAPSA_TRY(
        capsa_cli_object((const struct capsa_cli_pair[]){{"file", run->path},
                                                         {"name", run->test->name},
                                                         {"expect", word_of(run->test->allow)},
                                                         {NULL, NULL}},
                         &entry));
    CAPSA_TRY(capsa_json_set(entry, "passed", capsa_json_new_bool(outcome->passed)));
    if (outcome->decided) {
        CAPSA_TRY(add_decision(&outcome->decision, entry));
    } else {
        CAPSA_TRY(capsa_json_set(entry, "error", capsa_json_new_string(outcome->error)));
    }
    return capsa_json_push(run->list, capsa_cli_hand(&entry));
}

/* ---- the run --------------------------------------------------------------------------------- */

/* What cannot be judged is no denial that somebody meant: it fails, whatever was expected. */
static capsa_result judge(const struct run *run, struct outcome *ret_outcome)
{
    struct outcome outcome = {.passed = false};
    capsa_result result =
        capsa_policy_decide(run->table->policy, &run->test->request, &outcome.decision);
    if (capsa_code_of(result) == CAPSA_E_NOMEM) {
        return result;
    }
    outcome.decided = !capsa_failed(result);
    if (outcome.decided) {
        outcome.passed = capsa_policy_case_passes(run->test, &outcome.decision);
    } else {
        (void)snprintf(outcome.error, sizeof(outcome.error), "%s", capsa_text_of(result));
    }
    *ret_outcome = outcome;
    return CAPSA_OK;
}

static capsa_result settle(struct run *run)
{
    struct outcome outcome = {.passed = false};
    CAPSA_TRY(judge(run, &outcome));
    run->passed += outcome.passed;
    run->failed += !outcome.passed;
    say(run, &outcome);
    return add(run, &outcome);
}

static capsa_result run_case(struct run *run, size_t index)
{
    CAPSA_AUTO(capsa_policy_case) test = {.members = NULL};
    CAPSA_TRY_AT(capsa_policy_case_of(run->table, index, &test), "%s", run->path);
    run->test = &test;
    capsa_result result = settle(run);
    run->test = NULL;
    return result;
}

static capsa_result run_cases(struct run *run)
{
    for (size_t i = 0; i < capsa_policy_table_count(run->table); i++) {
        CAPSA_TRY(run_case(run, i));
    }
    return CAPSA_OK;
}

static capsa_result run_table(struct run *run, const char *path)
{
    CAPSA_AUTO(capsa_policy_table) table = {.document = NULL};
    CAPSA_TRY(capsa_policy_table_read(path, &table));
    run->path = path;
    run->table = &table;
    capsa_result result = run_cases(run);
    run->table = NULL;
    return result;
}

CAPSA_RESULT capsa_cli_policy_test(struct capsa_cli *cli)
{
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    struct run run = {.cli = cli, .list = list};
    for (size_t i = 0; i < cli->words_count; i++) {
        CAPSA_TRY(run_table(&run, cli->words[i]));
    }
    capsa_cli_say(cli, "%zu passed, %zu failed\n", run.passed, run.failed);
    cli->exit = run.failed == 0 ? 0 : capsa_code_exit(CAPSA_E_DENIED);
    CAPSA_TRY(capsa_cli_set(cli, "passed", capsa_json_new_int((int64_t)run.passed)));
    CAPSA_TRY(capsa_cli_set(cli, "failed", capsa_json_new_int((int64_t)run.failed)));
    return capsa_cli_set(cli, "tests", capsa_cli_hand(&list));
}
