/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of an exported log (audit_file.h). One form of each: single spaces, canonical numbers and
 * canonical base64.
 */
#include "audit/audit_file.h"

#include <inttypes.h>

#include "codec/text.h"

#define FIRST "capsa-audit-log 1"

const char *capsa_audit_fault_name(enum capsa_audit_fault fault)
{
    switch (fault) {
    case CAPSA_AUDIT_SOUND:
        return "sound";
    case CAPSA_AUDIT_EDITED:
        return "edited";
    case CAPSA_AUDIT_REMOVED:
        return "removed";
    case CAPSA_AUDIT_REORDERED:
        return "reordered";
    case CAPSA_AUDIT_CUT:
        return "cut";
    case CAPSA_AUDIT_FORKED:
        return "forked";
    case CAPSA_AUDIT_UNSIGNED:
        return "unsigned";
    }
    return "unknown";
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* The text up to the next space, which is left out of it. */
static capsa_bytes next_word(capsa_bytes *rest)
{
    size_t len = capsa_bytes_find(*rest, ' ');
    capsa_bytes word = capsa_bytes_of(rest->data, len);
    *rest = capsa_bytes_from(*rest, len + 1);
    return word;
}

static capsa_result read_index(capsa_bytes word, uint64_t *ret_index)
{
    uint64_t index = 0;
    CAPSA_REQUIRE(word.len > 0 && word.len <= 18 && (word.len == 1 || word.data[0] != '0'),
                  MALFORMED, "an entry without an index");
    for (size_t i = 0; i < word.len; i++) {
        CAPSA_REQUIRE(word.data[i] >= '0' && word.data[i] <= '9', MALFORMED,
                      "an entry without an index");
        index = index * 10 + (uint64_t)(word.data[i] - '0');
    }
    *ret_index = index;
    return CAPSA_OK;
}

static capsa_result read_base64(capsa_bytes word, const char *what, capsa_buf *scratch)
{
    capsa_buf_clear(scratch);
    CAPSA_TRY_AT(capsa_base64_parse(word, CAPSA_BASE64_STD, scratch), "%s", what);
    CAPSA_REQUIRE(scratch->len > 0, MALFORMED, "%s is empty", what);
    return CAPSA_OK;
}

static capsa_result parse_first(capsa_bytes rest, capsa_buf *scratch,
                                struct capsa_audit_parsed_line *line)
{
    (void)scratch;
    (void)line;
    CAPSA_REQUIRE(capsa_bytes_is(rest, "1"), UNSUPPORTED,
                  "an exported log of another version; this program knows 1");
    return CAPSA_OK;
}

static capsa_result parse_genesis(capsa_bytes rest, capsa_buf *scratch,
                                  struct capsa_audit_parsed_line *line)
{
    CAPSA_TRY(read_base64(rest, "the genesis", scratch));
    line->bytes = capsa_buf_bytes(scratch);
    return CAPSA_OK;
}

static capsa_result parse_entry(capsa_bytes rest, capsa_buf *scratch,
                                struct capsa_audit_parsed_line *line)
{
    CAPSA_TRY(read_index(next_word(&rest), &line->index));
    CAPSA_TRY_AT(read_base64(next_word(&rest), "its leaf hash", scratch), "entry %" PRIu64,
                 line->index);
    CAPSA_REQUIRE(scratch->len == CAPSA_TREE_HASH, MALFORMED,
                  "entry %" PRIu64 ": its leaf hash is %zu bytes", line->index, scratch->len);
    memcpy(line->leaf_hash, scratch->data, CAPSA_TREE_HASH);
    CAPSA_TRY_AT(read_base64(rest, "its leaf", scratch), "entry %" PRIu64, line->index);
    line->bytes = capsa_buf_bytes(scratch);
    return CAPSA_OK;
}

static capsa_result parse_checkpoint(capsa_bytes rest, capsa_buf *scratch,
                                     struct capsa_audit_parsed_line *line)
{
    CAPSA_TRY(read_base64(rest, "a checkpoint", scratch));
    line->bytes = capsa_buf_bytes(scratch);
    return CAPSA_OK;
}

static const struct {
    const char *word;
    capsa_result (*parse)(capsa_bytes rest, capsa_buf *scratch,
                          struct capsa_audit_parsed_line *line);
} kinds[] = {
    [CAPSA_AUDIT_LINE_FIRST] = {"capsa-audit-log", parse_first},
    [CAPSA_AUDIT_LINE_GENESIS] = {"genesis", parse_genesis},
    [CAPSA_AUDIT_LINE_ENTRY] = {"entry", parse_entry},
    [CAPSA_AUDIT_LINE_CHECKPOINT] = {"checkpoint", parse_checkpoint},
};

CAPSA_RESULT capsa_audit_line_parse(capsa_bytes text, capsa_buf *scratch,
                                    struct capsa_audit_parsed_line *ret_line)
{
    CAPSA_REQUIRE(text.len <= CAPSA_LIMIT_audit_line, TOO_LARGE, "a line of %zu bytes, at most %d",
                  text.len, CAPSA_LIMIT_audit_line);
    struct capsa_audit_parsed_line line = {.index = 0};
    capsa_bytes word = next_word(&text);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (capsa_bytes_is(word, kinds[i].word)) {
            line.kind = (enum capsa_audit_line)i;
            CAPSA_TRY(kinds[i].parse(text, scratch, &line));
            *ret_line = line;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(MALFORMED, "a line that is no genesis, entry or checkpoint");
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* "WORD BASE64\n", whole or not at all. */
static capsa_result write_line(const char *begin, capsa_bytes bytes, capsa_buf *text)
{
    CAPSA_AUTO(capsa_buf) line = capsa_buf_of(CAPSA_LIMIT_audit_line + 1);
    CAPSA_TRY(capsa_buf_str(&line, begin));
    CAPSA_TRY(capsa_base64_write(bytes, CAPSA_BASE64_STD, &line));
    CAPSA_TRY(capsa_buf_str(&line, "\n"));
    return capsa_buf_append(text, capsa_buf_bytes(&line));
}

CAPSA_RESULT capsa_audit_line_first(capsa_buf *text)
{
    return capsa_buf_str(text, FIRST "\n");
}

CAPSA_RESULT capsa_audit_line_genesis(capsa_bytes genesis, capsa_buf *text)
{
    return write_line("genesis ", genesis, text);
}

CAPSA_RESULT capsa_audit_line_entry(uint64_t index, capsa_bytes leaf, capsa_buf *text)
{
    CAPSA_REQUIRE(leaf.len == CAPSA_AUDIT_LEAF, USAGE, "a leaf of %zu bytes", leaf.len);
    uint8_t hash[CAPSA_TREE_HASH];
    capsa_tree_leaf_hash(leaf, hash);
    CAPSA_AUTO(capsa_buf) begin = capsa_buf_of(128);
    const char *begin_text;
    CAPSA_TRY(capsa_buf_format(&begin, "entry %" PRIu64 " ", index));
    CAPSA_TRY(capsa_base64_write(capsa_bytes_of(hash, sizeof(hash)), CAPSA_BASE64_STD, &begin));
    CAPSA_TRY(capsa_buf_str(&begin, " "));
    CAPSA_TRY(capsa_buf_cstr(&begin, &begin_text));
    return write_line(begin_text, leaf, text);
}

CAPSA_RESULT capsa_audit_line_checkpoint(capsa_bytes note, capsa_buf *text)
{
    return write_line("checkpoint ", note, text);
}
