/* SPDX-License-Identifier: Apache-2.0
 *
 * What the command is made of: nouns, their verbs, the options of those, and the context that a
 * verb runs with. Parsing, help, suggestions and docs/reference/cli.md all come from these tables.
 * To add a verb: a line in the table at the end of its noun's file. To add a noun: also a line in
 * cli_table.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "audit/audit_leaf.h"
#include "base/buf.h"
#include "base/result.h"
#include "cli/cli.h"
#include "codec/json.h"

struct capsa_cli;

enum {
    CAPSA_CLI_REPEAT = 1 << 0, /* may be given several times */
    CAPSA_CLI_NEEDED = 1 << 1,
};

struct capsa_cli_option {
    const char *name;  /* without dashes; NULL ends the table */
    const char *value; /* what the help calls its value; NULL: a flag */
    const char *help;
    unsigned flags;
};

enum {
    CAPSA_CLI_SERVER = 1 << 0,  /* talks to a manager: takes the options of connections */
    CAPSA_CLI_SIGNS = 1 << 1,   /* takes --cert and --key */
    CAPSA_CLI_NAMES = 1 << 2,   /* takes --cert: who, not a signature */
    CAPSA_CLI_LITERAL = 1 << 3, /* "-1 < 2" is a word, not an option */
    CAPSA_CLI_RAW = 1 << 4,     /* prints what the original prints; no -o */
    CAPSA_CLI_ATTESTS = 1 << 5, /* its request may carry evidence */
    CAPSA_CLI_PROVES = 1 << 6,  /* makes evidence for TLS (cli_ratls.h) */
    CAPSA_CLI_JUDGES = 1 << 7,  /* judges evidence of TLS peers (cli_ratls.h) */
};

#define CAPSA_CLI_MANY 4096u

struct capsa_cli_verb {
    const char *name;     /* NULL ends the table; "" for a noun that is its own verb */
    const char *takes;    /* the words it takes, for people: "URI..." */
    const char *help;     /* one sentence or two */
    unsigned least, most; /* how many words */
    unsigned flags;
    const struct capsa_cli_option *options; /* NULL: none of its own */
    capsa_result (*run)(struct capsa_cli *cli);
};

struct capsa_cli_noun {
    const char *name;
    const char *alias; /* another spelling, or NULL */
    const char *help;
    const struct capsa_cli_verb *verbs;
    const struct capsa_cli_option *options; /* of all its verbs, also before the verb; or NULL */
};

/* cli_table.c: NULL-ended */
extern const struct capsa_cli_noun *const capsa_cli_nouns[];
const struct capsa_cli_noun *capsa_cli_noun_find(const char *name); /* NULL: none */
const struct capsa_cli_verb *capsa_cli_verb_find(const struct capsa_cli_noun *noun,
                                                 const char *name);
/* The index-th option that the verb takes, its own first, then shared ones; NULL behind the last.
 * `shared` (or NULL) is set for one that is not its own. */
const struct capsa_cli_option *capsa_cli_option_at(const struct capsa_cli_noun *noun,
                                                   const struct capsa_cli_verb *verb, size_t index,
                                                   bool *ret_shared);

/* ---- one run ----------------------------------------------------------------------------------
 */

struct capsa_cli_given {
    const struct capsa_cli_option *option;
    const char *value; /* "" for a flag */
};

struct capsa_cli {
    FILE *out;
    FILE *err;
    const struct capsa_cli_places *places;
    const struct capsa_cli_signals *signals; /* or NULL */
    const struct capsa_cli_noun *noun;
    const struct capsa_cli_verb *verb;
    struct capsa_cli_given *given; /* in the order of the command line */
    size_t given_count;
    const char **words; /* likewise */
    size_t words_count;
    bool wants_help;
    bool json;                 /* -o json */
    struct capsa_json *answer; /* what -o json prints: an object; verbs fill it */
    struct capsa_json *config; /* cli_config.h; NULL: none was read */
    const char *config_path;
    bool refused;                          /* the failure is the manager's answer */
    char decision_id[CAPSA_AUDIT_ID_TEXT]; /* under which a failure was recorded; "": it was not */
    bool warned;                           /* capsa_cli_warn_open has spoken */
    int exit; /* of a success; 0 but for verbs whose answer is a status */
};

void capsa_cli_drop(struct capsa_cli *cli);
typedef struct capsa_cli capsa_cli;

/* cli_options.c: read the words behind argv[0] into `cli`. Errors are USAGE and say what to do. */
CAPSA_RESULT capsa_cli_parse(struct capsa_cli *cli, int argc, char *const *argv);

/* The value given last, or NULL. For a flag, not NULL means given. */
const char *capsa_cli_option(const struct capsa_cli *cli, const char *name);
/* The index-th value given, or NULL. */
const char *capsa_cli_option_nth(const struct capsa_cli *cli, const char *name, size_t index);
size_t capsa_cli_option_count(const struct capsa_cli *cli, const char *name);
bool capsa_cli_flag(const struct capsa_cli *cli, const char *name);
/* A whole number of [min, max]; `otherwise` when it was not given. */
CAPSA_RESULT capsa_cli_number(const struct capsa_cli *cli, const char *name, int64_t min,
                              int64_t max, int64_t otherwise, int64_t *ret_number);

/* cli_help.c */
CAPSA_RESULT capsa_cli_help_all(capsa_buf *text);
CAPSA_RESULT capsa_cli_help_noun(const struct capsa_cli_noun *noun, capsa_buf *text);
CAPSA_RESULT capsa_cli_help_verb(const struct capsa_cli_noun *noun,
                                 const struct capsa_cli_verb *verb, capsa_buf *text);
/* "capsa key get URI... --out FILE|DIR [options]" */
CAPSA_RESULT capsa_cli_usage(const struct capsa_cli_noun *noun, const struct capsa_cli_verb *verb,
                             capsa_buf *text);
CAPSA_RESULT capsa_cli_reference(capsa_buf *text); /* docs/reference/cli.md */
