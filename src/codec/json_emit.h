/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON text, piece by piece, in an exact style. It puts commas, line breaks and indentation; that
 * the pieces make sense is the caller's affair. Of this folder only.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"

struct capsa_json_emit {
    capsa_buf *buf;
    bool indent; /* a piece a line, 2 spaces a level, ": " */
    bool spaced; /* ", " and ": " on one line */
    bool ascii;  /* non-ASCII as \uXXXX */
    size_t depth;
    bool first; /* nothing stands yet in the innermost container */
};

/* '{' or '[' as a value. */
CAPSA_RESULT capsa_json_emit_open(struct capsa_json_emit *emit, char bracket);
CAPSA_RESULT capsa_json_emit_close(struct capsa_json_emit *emit, char bracket);
/* Before each element of an array. */
CAPSA_RESULT capsa_json_emit_next(struct capsa_json_emit *emit);
/* Before each value of an object. */
CAPSA_RESULT capsa_json_emit_name(struct capsa_json_emit *emit, const char *name);
/* Values. `text` is UTF-8. */
CAPSA_RESULT capsa_json_emit_string(struct capsa_json_emit *emit, const char *text);
CAPSA_RESULT capsa_json_emit_int(struct capsa_json_emit *emit, int64_t number);
/* The shortest digits that read as the same double, as Python's repr has them. */
CAPSA_RESULT capsa_json_emit_real(struct capsa_json_emit *emit, double number);
CAPSA_RESULT capsa_json_emit_bool(struct capsa_json_emit *emit, bool truth);
CAPSA_RESULT capsa_json_emit_null(struct capsa_json_emit *emit);
