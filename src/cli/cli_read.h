/* SPDX-License-Identifier: Apache-2.0
 *
 * What verbs read: data keys, JSON and YAML documents, lists of texts; and the small objects that
 * requests are made of.
 */
#pragma once

#include "base/buf.h"
#include "base/limits.h"
#include "base/secret.h"
#include "codec/json.h"

/* A list of borrowed texts, NULL-ended once it holds one. Start from {0}. */
typedef struct capsa_texts {
    const char **items;
    size_t count;
} capsa_texts;
CAPSA_RESULT capsa_texts_add(capsa_texts *texts, const char *text);
void capsa_texts_drop(capsa_texts *texts); /* callable twice, and on zeros */

/* JSON when it begins as JSON does, else YAML. Errors name the file, line and column. */
CAPSA_RESULT capsa_cli_read_document(const char *path, struct capsa_json **ret_document);

/* Room for the longest data key as base64, and a line end. */
#define CAPSA_CLI_KEY_TEXT ((size_t)CAPSA_LIMIT_data_key_bytes * 2)

/* A data key as files hold it: base64 (standard, padded), white space around it allowed.
 * 1 to CAPSA_LIMIT_data_key_bytes bytes. "-" is standard input. */
CAPSA_RESULT capsa_cli_read_data_key_text(const char *path, capsa_buf *ret_base64);
/* Decoded, for sealing files: 16, 24 or 32 bytes. `where` says in errors where the text is from. */
CAPSA_RESULT capsa_cli_read_data_key(const char *path, struct capsa_secret **ret_key);
CAPSA_RESULT capsa_cli_data_key_of(capsa_bytes base64, const char *where,
                                   struct capsa_secret **ret_key);
/* A key that came from a manager: nothing but base64, so that it cannot steer a terminal. */
CAPSA_RESULT capsa_cli_data_key_check(const char *base64);
/* A fresh one of `bits`, as base64 text. */
CAPSA_RESULT capsa_cli_new_data_key(int64_t bits, capsa_buf *ret_base64);

/* Hand a value over to a function that takes ownership. */
static inline struct capsa_json *capsa_cli_hand(struct capsa_json **at)
{
    struct capsa_json *handed = *at;
    *at = NULL;
    return handed;
}

struct capsa_cli_pair {
    const char *name; /* NULL ends */
    const char *text;
};
/* An object of strings. Text that is not UTF-8 is USAGE and names the member. */
CAPSA_RESULT capsa_cli_object(const struct capsa_cli_pair *pairs, struct capsa_json **ret_object);
/* A string, refused likewise. */
CAPSA_RESULT capsa_cli_string(const char *name, const char *text, struct capsa_json **ret_string);
CAPSA_RESULT capsa_cli_push_text(struct capsa_json *array, const char *name, const char *text);
/* "a,b,c" into the array; an empty part is USAGE. */
CAPSA_RESULT capsa_cli_push_parts(struct capsa_json *array, const char *name, const char *parts);
/* Is it one of `names` (NULL-ended)? */
bool capsa_cli_is_among(const char *name, const char *const *names);
/* A copy without members that are null: YAML says null where somebody left a value blank. */
CAPSA_RESULT capsa_cli_without_nulls(const struct capsa_json *value, struct capsa_json **ret_copy);
