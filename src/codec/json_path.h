/* SPDX-License-Identifier: Apache-2.0
 *
 * Where in a JSON value a decoder stands, for its errors: "policy.rules[2].columns[0]". A chain of
 * steps on the decoder's stack. Of this folder only.
 */
#pragma once

#include "base/result.h"

#define CAPSA_JSON_PATH 160

struct capsa_json_path {
    const struct capsa_json_path *up; /* NULL: a step from the whole value */
    const char *name;                 /* NULL: an index */
    size_t index;
};

/* The path and ": ", or nothing for NULL, the whole value. Cut when too long. */
void capsa_json_path_text(const struct capsa_json_path *path, char text[CAPSA_JSON_PATH]);

/* CAPSA_FAIL with the path before the text. */
#define CAPSA_FAIL_AT(path, code, format, ...)                                                     \
    do {                                                                                           \
        char capsa_path_[CAPSA_JSON_PATH];                                                         \
        capsa_json_path_text(path, capsa_path_);                                                   \
        CAPSA_FAIL(code, "%s" format, capsa_path_, ##__VA_ARGS__);                                 \
    } while (0)
