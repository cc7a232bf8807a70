/* SPDX-License-Identifier: Apache-2.0
 *
 * What a verb says, and where it goes: sentences to standard output, values to -o json, warnings to
 * standard error, keys to files that only their owner reads.
 */
#pragma once

#include "base/buf.h"
#include "cli/cli_verb.h"

/* For people; nothing with -o json. That standard output could not be written is noticed at the
 * end of the run. */
void capsa_cli_say(struct capsa_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Bytes as they are, also with -o json. */
void capsa_cli_print(struct capsa_cli *cli, capsa_bytes bytes);
/* "capsa: warning: ..." to standard error. */
void capsa_cli_warn(struct capsa_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A member of what -o json prints; takes ownership of `value`, NULL is NOMEM. */
CAPSA_RESULT capsa_cli_set(struct capsa_cli *cli, const char *name, struct capsa_json *value);
CAPSA_RESULT capsa_cli_set_text(struct capsa_cli *cli, const char *name, const char *text);

/* EXISTS when a file is in the way and --force was not given, USAGE when -o json is: before work is
 * done in vain. */
CAPSA_RESULT capsa_cli_check_out(const struct capsa_cli *cli, const char *path);
/* "-" is standard output. An existing file is EXISTS unless --force was given. */
CAPSA_RESULT capsa_cli_write_secret(struct capsa_cli *cli, const char *path, capsa_bytes content);
CAPSA_RESULT capsa_cli_write_public(struct capsa_cli *cli, const char *path, capsa_bytes content);
