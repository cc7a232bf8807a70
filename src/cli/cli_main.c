/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of the command (cli.h): parse, do, print, and the exit status.
 */
#include "base/alloc.h"
#include "cli/cli_print.h"
#include "cli/cli_verb.h"

void capsa_cli_drop(struct capsa_cli *cli)
{
    capsa_dealloc(cli->given);
    capsa_dealloc((void *)cli->words);
    capsa_json_free(cli->answer);
    capsa_json_free(cli->config);
    cli->given = NULL;
    cli->words = NULL;
    cli->answer = NULL;
    cli->config = NULL;
}

/* ---- help ------------------------------------------------------------------------------------ */

static capsa_result write_help(const struct capsa_cli_noun *noun, const struct capsa_cli_verb *verb,
                               capsa_buf *text)
{
    if (noun == NULL) {
        return capsa_cli_help_all(text);
    }
    return verb == NULL ? capsa_cli_help_noun(noun, text) : capsa_cli_help_verb(noun, verb, text);
}

/* `capsa help [COMMAND [VERB]]` */
static capsa_result find_help(int argc, char *const *argv, capsa_buf *text)
{
    const struct capsa_cli_noun *noun = NULL;
    const struct capsa_cli_verb *verb = NULL;
    if (argc > 2) {
        noun = capsa_cli_noun_find(argv[2]);
        CAPSA_REQUIRE(noun != NULL, USAGE, "there is no \"%s\" to help with; see: capsa help",
                      argv[2]);
        verb = capsa_cli_verb_find(noun, argc > 3 ? argv[3] : "");
        CAPSA_REQUIRE(argc < 4 || verb != NULL, USAGE, "capsa %s has no \"%s\"; see: capsa help %s",
                      noun->name, argv[3], noun->name);
    }
    return write_help(noun, verb, text);
}

static bool is_help_word(const char *word)
{
    return capsa_streq(word, "help") || capsa_streq(word, "--help") || capsa_streq(word, "-h");
}

static capsa_result write_reference(int argc, char *const *argv, capsa_buf *text)
{
    (void)argc;
    (void)argv;
    return capsa_cli_reference(text);
}

/* ---- the run --------------------------------------------------------------------------------- */

static capsa_result print_text(struct capsa_cli *cli, int argc, char *const *argv,
                               capsa_result (*write)(int, char *const *, capsa_buf *))
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    CAPSA_TRY(write(argc, argv, &text));
    capsa_cli_print(cli, capsa_buf_bytes(&text));
    return CAPSA_OK;
}

static capsa_result print_answer(struct capsa_cli *cli)
{
    if (cli->answer == NULL) {
        cli->answer = capsa_json_new_object();
        CAPSA_REQUIRE_MEMORY(cli->answer);
    }
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(64));
    CAPSA_TRY(capsa_json_write(cli->answer, CAPSA_JSON_PRETTY, &text));
    capsa_cli_print(cli, capsa_buf_bytes(&text));
    capsa_cli_print(cli, CAPSA_BYTES_LITERAL("\n"));
    return CAPSA_OK;
}

static capsa_result run(struct capsa_cli *cli, int argc, char *const *argv)
{
    if (is_help_word(argv[1])) {
        return print_text(cli, argc, argv, find_help);
    }
    if (capsa_streq(argv[1], "--print-reference")) {
        return print_text(cli, argc, argv, write_reference);
    }
    static char version_word[] = "version";
    char *const version[] = {argv[0], version_word, NULL};
    bool is_version = capsa_streq(argv[1], "--version");
    CAPSA_TRY(capsa_cli_parse(cli, is_version ? 2 : argc, is_version ? version : argv));
    if (cli->wants_help) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
        CAPSA_TRY(write_help(cli->noun, cli->verb, &text));
        capsa_cli_print(cli, capsa_buf_bytes(&text));
        return CAPSA_OK;
    }
    CAPSA_TRY(cli->verb->run(cli));
    return cli->json ? print_answer(cli) : CAPSA_OK;
}

/* With -o json the error is on standard output too, so that a program need not read two. */
static void print_error(struct capsa_cli *cli, capsa_result failed)
{
    capsa_cli_complain(cli, "capsa: %s\n", capsa_text_of(failed));
    if (!cli->json) {
        return;
    }
    CAPSA_AUTO_FREE(capsa_json) inner = capsa_json_new_object();
    if (inner == NULL) {
        return;
    }
    capsa_result result = capsa_json_set(
        inner, "code", capsa_json_new_string(capsa_code_name(capsa_code_of(failed))));
    if (!capsa_failed(result)) {
        result = capsa_json_set(inner, "message", capsa_json_new_string(capsa_text_of(failed)));
    }
    if (!capsa_failed(result) && cli->decision_id[0] != '\0') {
        result = capsa_json_set(inner, "decision_id", capsa_json_new_string(cli->decision_id));
    }
    if (capsa_failed(result)) {
        return;
    }
    capsa_json_free(cli->answer);
    cli->answer = NULL;
    result = capsa_cli_set(cli, "error", inner);
    inner = NULL;
    if (!capsa_failed(result)) {
        capsa_ignore(print_answer(cli), "standard error has said it already");
    }
}

static int status_of(const struct capsa_cli *cli, enum capsa_code code)
{
    if (code == CAPSA_E_CANCELLED && cli->signals != NULL && *cli->signals->caught != 0) {
        return 128 + *cli->signals->caught; /* as a shell counts it */
    }
    return cli->refused ? capsa_code_exit(CAPSA_E_DENIED) : capsa_code_exit(code);
}

int capsa_cli_main(int argc, char *const *argv, const struct capsa_cli_places *places,
                   const struct capsa_cli_signals *signals)
{
    CAPSA_AUTO(capsa_cli)
    cli = {.out = stdout, .err = stderr, .places = places, .signals = signals};
    if (argc < 2) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
        if (!capsa_failed(capsa_cli_help_all(&text))) {
            (void)fwrite(text.data, 1, text.len, cli.err);
        }
        return capsa_code_exit(CAPSA_E_USAGE);
    }
    capsa_result result = run(&cli, argc, argv);
    int status = cli.exit;
    if (capsa_failed(result)) {
        status = status_of(&cli, capsa_code_of(result));
        print_error(&cli, result);
    }
    if (fflush(cli.out) != 0 || ferror(cli.out) != 0) {
        (void)fprintf(cli.err, "capsa: standard output cannot be written\n");
        return capsa_code_exit(CAPSA_E_IO);
    }
    return status;
}
