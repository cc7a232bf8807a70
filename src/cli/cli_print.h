/* SPDX-License-Identifier: Apache-2.0
 *
 * What a verb says, and where it goes: sentences to standard output, values to -o json, warnings to
 * standard error, keys to files that only their owner reads.
 */
#pragma once

#include "base/buf.h"
#include "cli/cli_verb.h"

/* For people; nothing with -o json. Texts among the arguments are shown as capsa_text_show does:
 * none steers the terminal or begins a line. The format knows %s, %d, %u and their sizes, and a
 * width. That standard output could not be written is noticed at the end of the run. */
void capsa_cli_say(struct capsa_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same to standard error, also with -o json. */
void capsa_cli_complain(struct capsa_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Bytes as they are, also with -o json. */
void capsa_cli_print(struct capsa_cli *cli, capsa_bytes bytes);
/* "capsa: warning: ..." to standard error. */
void capsa_cli_warn(struct capsa_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A member of what -o json prints; takes ownership of `value`, NULL is NOMEM. */
CAPSA_RESULT capsa_cli_set(struct capsa_cli *cli, const char *name, struct capsa_json *value);
CAPSA_RESULT capsa_cli_set_text(struct capsa_cli *cli, const char *name, const char *text);

/* Can it be written? Before work is done in vain: EXISTS when a file is in the way and --force was
 * not given, USAGE when -o json is or the file is the key that the verb works with, IO when it is
 * no place for a file. */
CAPSA_RESULT capsa_cli_check_out(const struct capsa_cli *cli, const char *path);
/* The same, and that a file of a key's size can be made there: before a key is asked for. */
CAPSA_RESULT capsa_cli_check_room(const struct capsa_cli *cli, const char *path);
/* USAGE when `path` is the file of a key that was given. */
CAPSA_RESULT capsa_cli_check_no_key(const struct capsa_cli *cli, const char *path);
/* "-" is standard output. An existing file is EXISTS unless --force was given. */
CAPSA_RESULT capsa_cli_write_secret(struct capsa_cli *cli, const char *path, capsa_bytes content);
CAPSA_RESULT capsa_cli_write_public(struct capsa_cli *cli, const char *path, capsa_bytes content);
