/* SPDX-License-Identifier: Apache-2.0
 *
 * What plain (unquoted) YAML scalars mean: to us when reading, and to any reader when writing. Of
 * this folder only.
 */
#pragma once

#include <stdbool.h>

enum capsa_yaml_plain {
    CAPSA_YAML_NULL,
    CAPSA_YAML_TRUE,
    CAPSA_YAML_FALSE,
    CAPSA_YAML_INT, /* decimal, without leading zeros or plus, and int64 holds it */
    CAPSA_YAML_STRING,
};

enum capsa_yaml_plain capsa_yaml_plain_of(const char *text);

/* Whether every reader, of YAML 1.1 or 1.2, takes this text without quotes for a string. Errs on
 * the side of quotes. */
bool capsa_yaml_is_plain_safe(const char *text);
