/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of others that people read: names in requests, files and answers. What steers a terminal,
 * begins a line, or makes letters stand in another order than they were written is found here, to
 * be refused or shown as an escape. Letters that merely look alike are not.
 */
#pragma once

#include "base/buf.h"

/* Bytes of the character at `text`, and whether it hides something: C0, C1, DEL, line separators,
 * the controls of writing direction (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069),
 * or a byte that is no UTF-8. `text` is not at its end. */
size_t capsa_text_character(const char *text, bool *ret_hides);

/* Nothing in `text` hides anything; else USAGE, which calls it `name`. */
CAPSA_RESULT capsa_text_check(const char *name, const char *text);

/* Append `text`, with \x1b or \u202e in the place of what hides. */
CAPSA_RESULT capsa_text_show(const char *text, capsa_buf *ret_shown);
