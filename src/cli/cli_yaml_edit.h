/* SPDX-License-Identifier: Apache-2.0
 *
 * Set a value in a YAML text and leave all else as it is: comments, order, white space. Block style
 * mappings only. Whatever the text looks like, the result is read back and compared with what it
 * should mean: an edit that went wrong is an error, never a broken file.
 */
#pragma once

#include "base/buf.h"
#include "codec/json.h"

/* `path` is "host" or "common.party_id" or "add_data_rule.rule.rule_id"; `value` a string or an
 * array of strings. Sections that are absent are made. UNSUPPORTED: the text is written in a way
 * that this cannot edit. On failure `text` is as it was. */
CAPSA_RESULT capsa_yaml_set(capsa_buf *text, const char *path, const struct capsa_json *value);
