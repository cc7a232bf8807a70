/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the command line by the tables (cli_verb.h). Options and words may be mixed; "--" ends
 * the options; a value stands behind "=" or in the next word.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/cli_verb.h"

/* ---- names ----------------------------------------------------------------------------------- */

#define NAMES_MAX 96

static capsa_result unknown_option(const struct capsa_cli *cli, const char *name)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    for (size_t i = 0; i < NAMES_MAX; i++) {
        const struct capsa_cli_option *option = capsa_cli_option_at(cli->noun, cli->verb, i, NULL);
        if (option == NULL) {
            break;
        }
        names[i] = option->name;
    }
    const char *nearest = capsa_nearest_name(name, names);
    const char *verb = cli->verb == NULL ? "" : cli->verb->name;
    CAPSA_REQUIRE(nearest == NULL, USAGE, "unknown option --%s; did you mean --%s?", name, nearest);
    CAPSA_FAIL(USAGE, "unknown option --%s; see: capsa %s%s%s --help", name, cli->noun->name,
               *verb == '\0' ? "" : " ", verb);
}

static capsa_result find_noun(struct capsa_cli *cli, const char *name)
{
    cli->noun = capsa_cli_noun_find(name);
    if (cli->noun != NULL) {
        return CAPSA_OK;
    }
    const char *names[NAMES_MAX + 1] = {NULL};
    for (size_t i = 0; i < NAMES_MAX && capsa_cli_nouns[i] != NULL; i++) {
        names[i] = capsa_cli_nouns[i]->name;
    }
    const char *nearest = capsa_nearest_name(name, names);
    CAPSA_REQUIRE(nearest == NULL, USAGE, "unknown command \"%s\"; did you mean \"%s\"?", name,
                  nearest);
    CAPSA_FAIL(USAGE, "unknown command \"%s\"; see: capsa help", name);
}

static capsa_result find_verb(struct capsa_cli *cli, const char *name)
{
    cli->verb = capsa_cli_verb_find(cli->noun, name);
    if (cli->verb != NULL) {
        return CAPSA_OK;
    }
    const char *names[NAMES_MAX + 1] = {NULL};
    for (size_t i = 0; i < NAMES_MAX && cli->noun->verbs[i].name != NULL; i++) {
        names[i] = cli->noun->verbs[i].name;
    }
    const char *nearest = capsa_nearest_name(name, names);
    CAPSA_REQUIRE(nearest == NULL, USAGE, "capsa %s has no \"%s\"; did you mean \"%s\"?",
                  cli->noun->name, name, nearest);
    CAPSA_FAIL(USAGE, "capsa %s has no \"%s\"; see: capsa help %s", cli->noun->name, name,
               cli->noun->name);
}

static const struct capsa_cli_option *find_option(const struct capsa_cli *cli, const char *name,
                                                  size_t len)
{
    const struct capsa_cli_option *option;
    for (size_t i = 0; (option = capsa_cli_option_at(cli->noun, cli->verb, i, NULL)) != NULL; i++) {
        if (strlen(option->name) == len && memcmp(option->name, name, len) == 0) {
            return option;
        }
    }
    return NULL;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* What is left of the command line. */
struct line {
    int argc;
    char *const *argv;
    int next;
};

static capsa_result keep(struct capsa_cli *cli, const struct capsa_cli_option *option,
                         const char *value)
{
    CAPSA_REQUIRE((option->flags & CAPSA_CLI_REPEAT) != 0 ||
                      capsa_cli_option_count(cli, option->name) == 0,
                  USAGE, "--%s is given twice", option->name);
    cli->given[cli->given_count++] = (struct capsa_cli_given){option, value};
    return CAPSA_OK;
}

static capsa_result take_output(struct capsa_cli *cli, struct line *line)
{
    CAPSA_REQUIRE(line->next < line->argc, USAGE, "-o wants json or text");
    const char *form = line->argv[line->next++];
    CAPSA_REQUIRE(capsa_streq(form, "json") || capsa_streq(form, "text"), USAGE,
                  "-o is json or text, not \"%s\"", form);
    cli->json = capsa_streq(form, "json");
    return CAPSA_OK;
}

static capsa_result take_option(struct capsa_cli *cli, struct line *line)
{
    const char *word = line->argv[line->next++];
    if (capsa_streq(word, "-o")) {
        return take_output(cli, line);
    }
    if (capsa_streq(word, "-h") || capsa_streq(word, "--help")) {
        cli->wants_help = true;
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(strncmp(word, "--", 2) == 0, USAGE, "unknown option %s", word);
    const char *name = word + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals == NULL ? strlen(name) : (size_t)(equals - name);
    const struct capsa_cli_option *option = find_option(cli, name, len);
    if (option == NULL) {
        char *wrong = capsa_strndup(name, len);
        CAPSA_REQUIRE_MEMORY(wrong);
        capsa_result result = unknown_option(cli, wrong);
        capsa_dealloc(wrong);
        return result;
    }
    if (option->value == NULL) {
        CAPSA_REQUIRE(equals == NULL, USAGE, "--%s takes no value", option->name);
        return keep(cli, option, "");
    }
    if (equals != NULL) {
        return keep(cli, option, equals + 1);
    }
    const char *value = line->next < line->argc ? line->argv[line->next] : NULL;
    CAPSA_REQUIRE(value != NULL && strncmp(value, "--", 2) != 0, USAGE, "--%s wants a value: %s",
                  option->name, option->value);
    line->next++;
    return keep(cli, option, value);
}

static bool is_option(const struct capsa_cli *cli, const char *word)
{
    if (word[0] != '-' || word[1] == '\0') {
        return false;
    }
    bool literal = cli->verb != NULL && (cli->verb->flags & CAPSA_CLI_LITERAL) != 0;
    return !literal || word[1] == '-' || capsa_streq(word, "-o") || capsa_streq(word, "-h");
}

static capsa_result take_words(struct capsa_cli *cli, struct line *line)
{
    bool options = true;
    while (line->next < line->argc) {
        const char *word = line->argv[line->next];
        if (options && capsa_streq(word, "--")) {
            options = false;
            line->next++;
        } else if (options && is_option(cli, word)) {
            CAPSA_TRY(take_option(cli, line));
        } else {
            cli->words[cli->words_count++] = word;
            line->next++;
        }
    }
    return CAPSA_OK;
}

/* ---- the whole line -------------------------------------------------------------------------- */

static capsa_result usage_failure(const struct capsa_cli *cli, const char *what)
{
    CAPSA_AUTO(capsa_buf) usage = capsa_buf_of(KIB(4));
    CAPSA_TRY(capsa_cli_usage(cli->noun, cli->verb, &usage));
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&usage, &text));
    CAPSA_FAIL(USAGE, "%s; use: %s", what, text);
}

static capsa_result check_complete(const struct capsa_cli *cli)
{
    const struct capsa_cli_verb *verb = cli->verb;
    CAPSA_REQUIRE(!cli->json || (verb->flags & CAPSA_CLI_RAW) == 0, USAGE,
                  "capsa %s %s prints what the original prints; it has no -o json", cli->noun->name,
                  verb->name);
    if (cli->words_count < verb->least) {
        return usage_failure(cli, "something is missing");
    }
    if (cli->words_count > verb->most) {
        CAPSA_REQUIRE(verb->most > 0, USAGE, "capsa %s%s%s takes no further word: \"%s\"",
                      cli->noun->name, *verb->name == '\0' ? "" : " ", verb->name, cli->words[0]);
        return usage_failure(cli, "too many words");
    }
    for (size_t i = 0; verb->options != NULL && verb->options[i].name != NULL; i++) {
        const struct capsa_cli_option *option = &verb->options[i];
        CAPSA_REQUIRE((option->flags & CAPSA_CLI_NEEDED) == 0 ||
                          capsa_cli_option_count(cli, option->name) > 0,
                      USAGE, "--%s %s is needed: %s", option->name,
                      option->value == NULL ? "" : option->value, option->help);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_parse(struct capsa_cli *cli, int argc, char *const *argv)
{
    struct line line = {argc, argv, 1};
    cli->given = capsa_alloc_array((size_t)argc + 1, sizeof(*cli->given));
    cli->words = capsa_alloc_array((size_t)argc + 1, sizeof(*cli->words));
    CAPSA_REQUIRE_MEMORY(cli->given);
    CAPSA_REQUIRE_MEMORY(cli->words);
    CAPSA_REQUIRE(argv[1][0] != '-', USAGE, "a command comes first, not %s; see: capsa help",
                  argv[1]);
    CAPSA_TRY(find_noun(cli, argv[line.next++]));
    cli->verb = capsa_cli_verb_find(cli->noun, "");
    while (cli->verb == NULL && line.next < argc && is_option(cli, argv[line.next])) {
        CAPSA_TRY(take_option(cli, &line));
    }
    if (cli->verb == NULL && line.next < argc) {
        CAPSA_TRY(find_verb(cli, argv[line.next++]));
    }
    if (cli->verb == NULL) {
        CAPSA_REQUIRE(cli->wants_help, USAGE, "capsa %s what? see: capsa help %s", cli->noun->name,
                      cli->noun->name);
        return CAPSA_OK;
    }
    CAPSA_TRY(take_words(cli, &line));
    return cli->wants_help ? CAPSA_OK : check_complete(cli);
}

/* ---- what was given -------------------------------------------------------------------------- */

const char *capsa_cli_option_nth(const struct capsa_cli *cli, const char *name, size_t index)
{
    for (size_t i = 0; i < cli->given_count; i++) {
        if (capsa_streq(cli->given[i].option->name, name) && index-- == 0) {
            return cli->given[i].value;
        }
    }
    return NULL;
}

size_t capsa_cli_option_count(const struct capsa_cli *cli, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < cli->given_count; i++) {
        count += capsa_streq(cli->given[i].option->name, name);
    }
    return count;
}

const char *capsa_cli_option(const struct capsa_cli *cli, const char *name)
{
    size_t count = capsa_cli_option_count(cli, name);
    return count == 0 ? NULL : capsa_cli_option_nth(cli, name, count - 1);
}

bool capsa_cli_flag(const struct capsa_cli *cli, const char *name)
{
    return capsa_cli_option_count(cli, name) > 0;
}

CAPSA_RESULT capsa_cli_number(const struct capsa_cli *cli, const char *name, int64_t min,
                              int64_t max, int64_t otherwise, int64_t *ret_number)
{
    const char *text = capsa_cli_option(cli, name);
    if (text == NULL) {
        *ret_number = otherwise;
        return CAPSA_OK;
    }
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    CAPSA_REQUIRE(errno == 0 && *text != '\0' && *end == '\0' && number >= min && number <= max,
                  USAGE, "--%s is a whole number from %lld to %lld, not \"%s\"", name,
                  (long long)min, (long long)max, text);
    *ret_number = number;
    return CAPSA_OK;
}
