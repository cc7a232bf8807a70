/* SPDX-License-Identifier: Apache-2.0
 *
 * Help and the reference page, written from the tables (cli_verb.h).
 */
#include "cli/cli_verb.h"

/* ---- for a terminal -------------------------------------------------------------------------- */

static capsa_result write_option_name(const struct capsa_cli_option *option, capsa_buf *text)
{
    return capsa_buf_format(text, "--%s%s%s", option->name, option->value == NULL ? "" : " ",
                            option->value == NULL ? "" : option->value);
}

CAPSA_RESULT capsa_cli_usage(const struct capsa_cli_noun *noun, const struct capsa_cli_verb *verb,
                             capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_format(text, "capsa %s%s%s%s%s", noun->name, *verb->name == '\0' ? "" : " ",
                               verb->name, *verb->takes == '\0' ? "" : " ", verb->takes));
    for (size_t i = 0; verb->options != NULL && verb->options[i].name != NULL; i++) {
        if ((verb->options[i].flags & CAPSA_CLI_NEEDED) != 0) {
            CAPSA_TRY(capsa_buf_str(text, " "));
            CAPSA_TRY(write_option_name(&verb->options[i], text));
        }
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_help_all(capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_str(text, "capsa: hand out data keys, and only as their owners allow\n\n"
                                  "  capsa COMMAND VERB ...       do something\n"
                                  "  capsa help COMMAND [VERB]    what it does and takes\n\n"));
    for (size_t i = 0; capsa_cli_nouns[i] != NULL; i++) {
        CAPSA_TRY(capsa_buf_format(text, "  %-11s %s\n", capsa_cli_nouns[i]->name,
                                   capsa_cli_nouns[i]->help));
    }
    return capsa_buf_str(
        text, "\n-o json prints for programs. CAPSA_HOST, CAPSA_CERT, CAPSA_KEY and\n"
              "CAPSA_CONFIG_FILE say where things are.\n\nStatus: " CAPSA_CLI_STATUS ".\n");
}

CAPSA_RESULT capsa_cli_help_noun(const struct capsa_cli_noun *noun, capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_format(text, "capsa %s: %s\n\n", noun->name, noun->help));
    for (const struct capsa_cli_verb *verb = noun->verbs; verb->name != NULL; verb++) {
        CAPSA_TRY(capsa_buf_str(text, "  "));
        CAPSA_TRY(capsa_cli_usage(noun, verb, text));
        CAPSA_TRY(capsa_buf_format(text, "\n      %s\n", verb->help));
    }
    return capsa_buf_format(text, "\nAll options of one: capsa help %s VERB\n", noun->name);
}

static capsa_result write_options(const struct capsa_cli_noun *noun,
                                  const struct capsa_cli_verb *verb, bool shared, const char *title,
                                  capsa_buf *text)
{
    bool titled = false;
    const struct capsa_cli_option *option;
    bool is_shared;
    for (size_t i = 0; (option = capsa_cli_option_at(noun, verb, i, &is_shared)) != NULL; i++) {
        if (is_shared != shared) {
            continue;
        }
        CAPSA_TRY(capsa_buf_str(text, titled ? "" : title));
        titled = true;
        CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(1));
        CAPSA_TRY(write_option_name(option, &name));
        const char *shown;
        CAPSA_TRY(capsa_buf_cstr(&name, &shown));
        CAPSA_TRY(capsa_buf_format(text, "  %-26s %s%s%s\n", shown, option->help,
                                   (option->flags & CAPSA_CLI_NEEDED) != 0 ? " (needed)" : "",
                                   (option->flags & CAPSA_CLI_REPEAT) != 0 ? " (repeatable)" : ""));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_help_verb(const struct capsa_cli_noun *noun,
                                 const struct capsa_cli_verb *verb, capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_str(text, "  "));
    CAPSA_TRY(capsa_cli_usage(noun, verb, text));
    CAPSA_TRY(capsa_buf_format(text, "\n\n%s\n", verb->help));
    CAPSA_TRY(write_options(noun, verb, false, "\n", text));
    return write_options(noun, verb, true, "\nWhere and who:\n", text);
}

/* ---- the reference page ---------------------------------------------------------------------- */

/* Text in a table: a bar would end the cell. */
static capsa_result write_cell(const char *cell, capsa_buf *text)
{
    for (; *cell != '\0'; cell++) {
        CAPSA_TRY(capsa_buf_format(text, "%s%c", *cell == '|' ? "\\" : "", *cell));
    }
    return CAPSA_OK;
}

static capsa_result reference_options(const struct capsa_cli_noun *noun,
                                      const struct capsa_cli_verb *verb, capsa_buf *text)
{
    const struct capsa_cli_option *option;
    bool shared;
    bool titled = false;
    for (size_t i = 0; (option = capsa_cli_option_at(noun, verb, i, &shared)) != NULL; i++) {
        if (shared) {
            continue;
        }
        CAPSA_TRY(capsa_buf_str(text, titled ? "" : "\n| option | |\n|---|---|\n"));
        titled = true;
        CAPSA_TRY(capsa_buf_str(text, "| `"));
        CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(1));
        CAPSA_TRY(write_option_name(option, &name));
        const char *shown;
        CAPSA_TRY(capsa_buf_cstr(&name, &shown));
        CAPSA_TRY(write_cell(shown, text));
        CAPSA_TRY(capsa_buf_str(text, "` | "));
        CAPSA_TRY(write_cell(option->help, text));
        CAPSA_TRY(capsa_buf_format(text, "%s%s |\n",
                                   (option->flags & CAPSA_CLI_NEEDED) != 0 ? "; needed" : "",
                                   (option->flags & CAPSA_CLI_REPEAT) != 0 ? "; repeatable" : ""));
    }
    return CAPSA_OK;
}

static capsa_result reference_verb(const struct capsa_cli_noun *noun,
                                   const struct capsa_cli_verb *verb, capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_str(text, "\n### `"));
    CAPSA_TRY(capsa_cli_usage(noun, verb, text));
    CAPSA_TRY(capsa_buf_format(text, "`\n%s\n", verb->help));
    const char *who = (verb->flags & CAPSA_CLI_SIGNS) != 0   ? "Signs"
                      : (verb->flags & CAPSA_CLI_NAMES) != 0 ? "Takes `--cert`"
                                                             : NULL;
    bool server = (verb->flags & CAPSA_CLI_SERVER) != 0;
    if (who != NULL || server) {
        CAPSA_TRY(capsa_buf_format(
            text, "%s%s%s.\n", who == NULL ? "" : who, who != NULL && server ? "; " : "",
            server ? (who == NULL ? "Talks to the manager" : "talks to the manager") : ""));
    }
    return reference_options(noun, verb, text);
}

/* The shared options, as one verb that takes them all would show them. */
static capsa_result reference_shared(capsa_buf *text)
{
    static const struct capsa_cli_verb all = {
        .name = "", .takes = "", .help = "", .flags = CAPSA_CLI_SERVER | CAPSA_CLI_SIGNS};
    static const struct capsa_cli_noun none = {.name = "", .help = ""};
    CAPSA_TRY(capsa_buf_str(
        text, "\n## Where and who\n"
              "Verbs that sign take `--as`, or `--cert` and `--key`; verbs that talk to the "
              "manager take the "
              "rest too. An option wins\nover the environment (`CAPSA_HOST`, `CAPSA_CERT`, "
              "`CAPSA_KEY`, `CAPSA_CONFIG_FILE`), and that over the file.\n\n"
              "| option | |\n|---|---|\n"));
    const struct capsa_cli_option *option;
    for (size_t i = 0; (option = capsa_cli_option_at(&none, &all, i, NULL)) != NULL; i++) {
        CAPSA_TRY(capsa_buf_str(text, "| `"));
        CAPSA_TRY(write_option_name(option, text));
        CAPSA_TRY(capsa_buf_format(text, "` | %s%s |\n", option->help,
                                   (option->flags & CAPSA_CLI_REPEAT) != 0 ? "; repeatable" : ""));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_reference(capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_str(
        text,
        "# The command capsa\n\n"
        "Made by `capsa --print-reference`; `./dev test` compares.\n\n"
        "`-o json` (or `-o text`, the default) goes with every verb but those of the originals' "
        "commands.\nErrors are one line on standard error that begins with `capsa: `.\n"
        "Keys are written to files with mode 0600, which are never replaced without `--force`; "
        "links are followed;\n`-` is standard input or output.\n\n"
        "Exit status: " CAPSA_CLI_STATUS ".\n"));
    CAPSA_TRY(reference_shared(text));
    for (size_t i = 0; capsa_cli_nouns[i] != NULL; i++) {
        const struct capsa_cli_noun *noun = capsa_cli_nouns[i];
        CAPSA_TRY(capsa_buf_format(text, "\n## capsa %s\n", noun->name));
        CAPSA_TRY(capsa_buf_format(text, "%s.\n", noun->help));
        if (noun->options != NULL) {
            CAPSA_TRY(
                capsa_buf_str(text, "\n| option, before or behind the verb | |\n|---|---|\n"));
            for (const struct capsa_cli_option *o = noun->options; o->name != NULL; o++) {
                CAPSA_TRY(
                    capsa_buf_format(text, "| `--%s %s` | %s |\n", o->name, o->value, o->help));
            }
        }
        for (const struct capsa_cli_verb *verb = noun->verbs; verb->name != NULL; verb++) {
            CAPSA_TRY(reference_verb(noun, verb, text));
        }
    }
    return CAPSA_OK;
}
