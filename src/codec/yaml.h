/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML 1.1 as people write configuration in it, into JSON values: block and flow style, comments,
 * plain and quoted scalars, an empty value is null. One document. Duplicate keys, anchors and
 * aliases, tags, non-string keys, and more than CAPSA_LIMIT_yaml_depth levels or
 * CAPSA_LIMIT_yaml_nodes nodes are refused, with line and column. Plain scalars resolve to null
 * (empty, ~, null), booleans (true/false, also True/TRUE...), decimal integers that int64 holds,
 * and strings; quoted ones are strings. Like YAML 1.2, "yes" and "on" are strings.
 */
#pragma once

#include "codec/json.h"

CAPSA_RESULT capsa_yaml_parse(capsa_bytes text, struct capsa_json **ret_value);
/* Block style, two spaces, strings quoted where a reader could take them for something else, long
 * and multi-line strings as literal blocks. */
CAPSA_RESULT capsa_yaml_write(const struct capsa_json *value, capsa_buf *buf);
