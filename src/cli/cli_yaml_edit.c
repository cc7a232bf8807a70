/* SPDX-License-Identifier: Apache-2.0
 *
 * Editing YAML by lines (cli_yaml_edit.h). A value's lines are those behind its key that are
 * indented deeper, and list items indented as deep.
 */
#include "cli/cli_yaml_edit.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/yaml.h"

#define INDENT  2
#define KEY_MAX 64

/* ---- lines ----------------------------------------------------------------------------------- */

struct line {
    capsa_bytes bytes; /* without the line end */
    size_t indent;
    bool blank; /* nothing but white space or a comment */
};

/* The line that begins at `at`; the next one begins at *ret_next. */
static struct line line_at(capsa_bytes text, size_t at, size_t *ret_next)
{
    capsa_bytes rest = capsa_bytes_from(text, at);
    size_t len = capsa_bytes_find(rest, '\n');
    *ret_next = at + len + (len < rest.len);
    struct line line = {capsa_bytes_of(rest.data, len), 0, false};
    while (line.indent < len && rest.data[line.indent] == ' ') {
        line.indent++;
    }
    uint8_t first = line.indent < len ? rest.data[line.indent] : '#';
    line.blank = first == '#' || first == '\r' || first == '\t';
    return line;
}

static bool is_item(const struct line *line)
{
    return line->bytes.data[line->indent] == '-';
}

/* "key:" and then white space or nothing. */
static bool has_key(const struct line *line, const char *key)
{
    size_t len = strlen(key);
    capsa_bytes rest = capsa_bytes_from(line->bytes, line->indent);
    return rest.len > len && memcmp(rest.data, key, len) == 0 && rest.data[len] == ':' &&
           (rest.len == len + 1 || rest.data[len + 1] == ' ' || rest.data[len + 1] == '\r');
}

/* A part of the text: whole lines. */
struct span {
    size_t from;
    size_t to;
};

/* The lines of the value whose key stands in the line before `from` at `indent`. Comments and blank
 * lines behind the last of them are not the value's. */
static struct span value_span(capsa_bytes text, size_t from, size_t limit, size_t indent)
{
    struct span span = {from, from};
    size_t next;
    for (size_t at = from; at < limit; at = next) {
        struct line line = line_at(text, at, &next);
        if (line.blank) {
            continue;
        }
        if (line.indent < indent || (line.indent == indent && !is_item(&line))) {
            break;
        }
        span.to = next;
    }
    return span;
}

/* How deep the keys of a section are: as its first one is. */
static size_t indent_within(capsa_bytes text, struct span span, size_t otherwise)
{
    size_t next;
    for (size_t at = span.from; at < span.to; at = next) {
        struct line line = line_at(text, at, &next);
        if (!line.blank) {
            return line.indent;
        }
    }
    return otherwise;
}

static bool find_key(capsa_bytes text, struct span span, size_t indent, const char *key,
                     struct span *ret_line)
{
    size_t next;
    for (size_t at = span.from; at < span.to; at = next) {
        struct line line = line_at(text, at, &next);
        if (!line.blank && line.indent == indent && has_key(&line, key)) {
            *ret_line = (struct span){at, next};
            return true;
        }
    }
    return false;
}

/* ---- writing --------------------------------------------------------------------------------- */

static capsa_result write_indent(capsa_buf *out, size_t indent)
{
    for (size_t i = 0; i < indent; i++) {
        CAPSA_TRY(capsa_buf_u8(out, ' '));
    }
    return CAPSA_OK;
}

/* What stands behind " #" in a line, outside of quotes; empty when nothing does. */
static capsa_bytes comment_of(capsa_bytes line)
{
    uint8_t quote = 0;
    for (size_t i = 1; i < line.len; i++) {
        uint8_t byte = line.data[i];
        if (quote != 0) {
            quote = byte == quote ? 0 : quote;
        } else if (byte == '"' || byte == '\'') {
            quote = byte;
        } else if (byte == '#' && (line.data[i - 1] == ' ' || line.data[i - 1] == '\t')) {
            return capsa_bytes_from(line, i);
        }
    }
    return (capsa_bytes){NULL, 0};
}

/* One scalar in one line, quoted where it has to be. */
static capsa_result write_scalar(const struct capsa_json *scalar, capsa_buf *out)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_yaml_write(scalar, &text));
    while (text.len > 0 && text.data[text.len - 1] == '\n') {
        capsa_buf_cut(&text, text.len - 1);
    }
    CAPSA_REQUIRE(capsa_bytes_find(capsa_buf_bytes(&text), '\n') == text.len, UNSUPPORTED,
                  "a value of several lines");
    return capsa_buf_append(out, capsa_buf_bytes(&text));
}

static capsa_result write_value(const struct capsa_json *value, size_t indent, capsa_bytes comment,
                                capsa_buf *out)
{
    if (capsa_json_kind_of(value) == CAPSA_JSON_STRING) {
        CAPSA_TRY(capsa_buf_u8(out, ' '));
        CAPSA_TRY(write_scalar(value, out));
    }
    CAPSA_TRY(capsa_buf_str(out, comment.len > 0 ? " " : ""));
    CAPSA_TRY(capsa_buf_append(out, comment));
    CAPSA_TRY(capsa_buf_u8(out, '\n'));
    for (size_t i = 0; i < capsa_json_count(value); i++) {
        CAPSA_TRY(write_indent(out, indent + INDENT));
        CAPSA_TRY(capsa_buf_str(out, "- "));
        CAPSA_TRY(write_scalar(capsa_json_at(value, i), out));
        CAPSA_TRY(capsa_buf_u8(out, '\n'));
    }
    return CAPSA_OK;
}

/* The keys of `path` that are absent, each deeper than the one before, and the value. */
static capsa_result write_new(const char *path, size_t indent, const struct capsa_json *value,
                              capsa_bytes comment, capsa_buf *out)
{
    for (;;) {
        size_t len = strcspn(path, ".");
        CAPSA_TRY(write_indent(out, indent));
        CAPSA_TRY(capsa_buf_append(out, capsa_bytes_of(path, len)));
        CAPSA_TRY(capsa_buf_u8(out, ':'));
        if (path[len] == '\0') {
            return write_value(value, indent, comment, out);
        }
        CAPSA_TRY(capsa_buf_u8(out, '\n'));
        path += len + 1;
        indent += INDENT;
    }
}

static capsa_result append_lines(capsa_bytes text, struct span span, capsa_buf *out)
{
    CAPSA_TRY(capsa_buf_append(out, capsa_bytes_of(text.data + span.from, span.to - span.from)));
    bool ended = out->len == 0 || out->data[out->len - 1] == '\n';
    return ended ? CAPSA_OK : capsa_buf_u8(out, '\n');
}

/* ---- the edit -------------------------------------------------------------------------------- */

static capsa_result edit(capsa_bytes text, const char *path, const struct capsa_json *value,
                         capsa_buf *out)
{
    struct span within = {0, text.len};
    size_t indent = 0;
    for (;;) {
        char key[KEY_MAX];
        size_t len = strcspn(path, ".");
        CAPSA_REQUIRE(len < sizeof(key), USAGE, "a key of that length");
        memcpy(key, path, len);
        key[len] = '\0';
        struct span line;
        if (!find_key(text, within, indent, key, &line)) {
            CAPSA_TRY(append_lines(text, (struct span){0, within.to}, out));
            CAPSA_TRY(write_new(path, indent, value, (capsa_bytes){NULL, 0}, out));
            return capsa_buf_append(out, capsa_bytes_from(text, within.to));
        }
        struct span below = value_span(text, line.to, within.to, indent);
        if (path[len] == '\0') {
            size_t next;
            capsa_bytes comment = comment_of(line_at(text, line.from, &next).bytes);
            CAPSA_TRY(append_lines(text, (struct span){0, line.from}, out));
            CAPSA_TRY(write_new(path, indent, value, comment, out));
            return capsa_buf_append(out, capsa_bytes_from(text, below.to));
        }
        indent = indent_within(text, below, indent + INDENT);
        within = below;
        path += len + 1;
    }
}

/* ---- proof ----------------------------------------------------------------------------------- */

/* A copy of `object` (or of nothing) with the value at the path. */
static capsa_result with_value(const struct capsa_json *object, const char *path,
                               const struct capsa_json *value, struct capsa_json **ret_copy)
{
    CAPSA_AUTO_FREE(capsa_json)
    copy = object != NULL && capsa_json_kind_of(object) == CAPSA_JSON_OBJECT
               ? capsa_json_copy(object)
               : capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(copy);
    size_t len = strcspn(path, ".");
    char *key = capsa_strndup(path, len);
    CAPSA_REQUIRE_MEMORY(key);
    struct capsa_json *member = NULL;
    capsa_result result = CAPSA_OK;
    if (path[len] == '\0') {
        member = capsa_json_copy(value);
    } else {
        result = with_value(capsa_json_get(copy, key), path + len + 1, value, &member);
    }
    if (!capsa_failed(result)) {
        result = capsa_json_set(copy, key, member);
    }
    capsa_dealloc(key);
    CAPSA_TRY(result);
    *ret_copy = copy;
    copy = NULL;
    return CAPSA_OK;
}

/* Equal whatever the order of members. */
static bool same_value(const struct capsa_json *a, const struct capsa_json *b)
{
    enum capsa_json_kind kind = capsa_json_kind_of(a);
    if (kind != capsa_json_kind_of(b) || capsa_json_count(a) != capsa_json_count(b)) {
        return false;
    }
    switch (kind) {
    case CAPSA_JSON_STRING:
        return capsa_streq(capsa_json_string(a), capsa_json_string(b));
    case CAPSA_JSON_INT:
        return capsa_json_int(a) == capsa_json_int(b);
    case CAPSA_JSON_BOOL:
        return capsa_json_bool(a) == capsa_json_bool(b);
    case CAPSA_JSON_REAL:
        return !(capsa_json_real(a) < capsa_json_real(b)) &&
               !(capsa_json_real(a) > capsa_json_real(b));
    case CAPSA_JSON_NULL:
        return true;
    case CAPSA_JSON_ARRAY:
        for (size_t i = 0; i < capsa_json_count(a); i++) {
            if (!same_value(capsa_json_at(a, i), capsa_json_at(b, i))) {
                return false;
            }
        }
        return true;
    case CAPSA_JSON_OBJECT:
        break;
    }
    const char *name;
    const struct capsa_json *member;
    for (size_t i = 0; capsa_json_member(a, i, &name, &member); i++) {
        const struct capsa_json *other = capsa_json_get(b, name);
        if (other == NULL || !same_value(member, other)) {
            return false;
        }
    }
    return true;
}

CAPSA_RESULT capsa_yaml_set(capsa_buf *text, const char *path, const struct capsa_json *value)
{
    CAPSA_AUTO_FREE(capsa_json) before = NULL;
    CAPSA_TRY(capsa_yaml_parse(capsa_buf_bytes(text), &before));
    CAPSA_AUTO_FREE(capsa_json) wanted = NULL;
    CAPSA_TRY(with_value(before, path, value, &wanted));
    CAPSA_AUTO(capsa_buf) edited = capsa_buf_of(CAPSA_LIMIT_yaml_bytes);
    CAPSA_TRY(edit(capsa_buf_bytes(text), path, value, &edited));
    CAPSA_AUTO_FREE(capsa_json) after = NULL;
    capsa_result parsed = capsa_yaml_parse(capsa_buf_bytes(&edited), &after);
    CAPSA_REQUIRE(!capsa_failed(parsed) && same_value(wanted, after), UNSUPPORTED,
                  "%s cannot be set in a text that is written like this; edit it by hand", path);
    capsa_buf_clear(text);
    return capsa_buf_append(text, capsa_buf_bytes(&edited));
}
