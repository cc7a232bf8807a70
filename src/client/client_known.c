/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of known_managers (client_known.h).
 */
#include "client/client_known.h"

#include "base/limits.h"

#define WORDS 3

/* ---- lines ----------------------------------------------------------------------------------- */

static bool next_line(capsa_bytes *rest, capsa_bytes *ret_line)
{
    if (rest->len == 0) {
        return false;
    }
    size_t len = capsa_bytes_find(*rest, '\n');
    *ret_line = capsa_bytes_of(rest->data, len);
    *rest = capsa_bytes_from(*rest, len + 1);
    return true;
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* The words of a line, at most WORDS + 1 of them counted; 0 for a comment. */
static size_t split(capsa_bytes line, capsa_bytes words[WORDS])
{
    size_t count = 0;
    size_t at = 0;
    while (count <= WORDS) {
        while (at < line.len && is_space(line.data[at])) {
            at++;
        }
        if (at == line.len || (count == 0 && line.data[at] == '#')) {
            break;
        }
        size_t from = at;
        while (at < line.len && !is_space(line.data[at])) {
            at++;
        }
        if (count < WORDS) {
            words[count] = capsa_bytes_of(line.data + from, at - from);
        }
        count++;
    }
    return count;
}

static capsa_result copy_word(const char *name, capsa_bytes word, char *ret_text, size_t size)
{
    CAPSA_REQUIRE(word.len < size, MALFORMED, "%s: over %zu bytes", name, size - 1);
    for (size_t i = 0; i < word.len; i++) {
        CAPSA_REQUIRE(word.data[i] > ' ' && word.data[i] < 0x7f, MALFORMED,
                      "%s: no plain letter at offset %zu", name, i);
    }
    memcpy(ret_text, word.data, word.len);
    ret_text[word.len] = '\0';
    return CAPSA_OK;
}

static capsa_result check(const struct capsa_known *known)
{
    CAPSA_REQUIRE(strchr(known->address, ':') != NULL, MALFORMED,
                  "\"%s\" is no address: HOST:PORT is wanted", known->address);
    CAPSA_REQUIRE(strlen(known->id) == CAPSA_MANAGER_ID - 1 &&
                      strspn(known->id, "0123456789abcdef") == CAPSA_MANAGER_ID - 1,
                  MALFORMED, "\"%s\" is no manager id: 64 hex digits, lower case", known->id);
    CAPSA_REQUIRE(capsa_streq(known->mode, "simulation") || capsa_streq(known->mode, "production"),
                  MALFORMED, "the mode \"%s\" is neither simulation nor production", known->mode);
    return CAPSA_OK;
}

/* A line that is none (`ret_is` false), an entry, or wrong. */
static capsa_result parse_line(capsa_bytes line, bool *ret_is, struct capsa_known *ret_known)
{
    capsa_bytes words[WORDS];
    size_t count = split(line, words);
    *ret_is = count > 0;
    if (count == 0) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(count == WORDS, MALFORMED, "HOST:PORT MANAGER-ID MODE wanted, got %s words",
                  count < WORDS ? "fewer" : "more");
    struct capsa_known known;
    CAPSA_TRY(copy_word("the address", words[0], known.address, sizeof(known.address)));
    CAPSA_TRY(copy_word("the manager id", words[1], known.id, sizeof(known.id)));
    CAPSA_TRY(copy_word("the mode", words[2], known.mode, sizeof(known.mode)));
    CAPSA_TRY(check(&known));
    *ret_known = known;
    return CAPSA_OK;
}

/* ---- the file -------------------------------------------------------------------------------- */

static capsa_result walk(capsa_bytes text, capsa_known_each each, void *context)
{
    CAPSA_REQUIRE(text.len <= CAPSA_LIMIT_known_managers, TOO_LARGE, "over %d bytes",
                  CAPSA_LIMIT_known_managers);
    capsa_bytes rest = text;
    capsa_bytes line;
    for (size_t number = 1; next_line(&rest, &line); number++) {
        struct capsa_known known;
        bool is;
        CAPSA_TRY_AT(parse_line(line, &is, &known), "line %zu", number);
        if (is) {
            CAPSA_TRY_AT(each(context, &known), "line %zu", number);
        }
    }
    return CAPSA_OK;
}

struct search {
    const char *address;
    size_t found;
    struct capsa_known known;
};

static capsa_result compare(void *context, const struct capsa_known *known)
{
    struct search *search = context;
    if (capsa_streq(known->address, search->address)) {
        search->known = *known;
        CAPSA_REQUIRE(++search->found == 1, MALFORMED, "%s stands in a line before",
                      search->address);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_known_find(capsa_bytes text, const char *address, bool *ret_found,
                              struct capsa_known *ret_known)
{
    struct search search = {.address = address};
    CAPSA_TRY(walk(text, compare, &search));
    *ret_found = search.found > 0;
    if (search.found > 0) {
        *ret_known = search.known;
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_known_walk(capsa_bytes text, capsa_known_each each, void *context)
{
    return walk(text, each, context);
}

CAPSA_RESULT capsa_known_add(capsa_bytes text, const struct capsa_known *known, capsa_buf *ret_text)
{
    CAPSA_TRY(check(known));
    bool found;
    struct capsa_known old;
    CAPSA_TRY(capsa_known_find(text, known->address, &found, &old));
    CAPSA_REQUIRE(!found, EXISTS, "%s is known already, as manager %s", known->address, old.id);
    CAPSA_TRY(capsa_buf_append(ret_text, text));
    if (text.len > 0 && text.data[text.len - 1] != '\n') {
        CAPSA_TRY(capsa_buf_u8(ret_text, '\n'));
    }
    return capsa_buf_format(ret_text, "%s %s %s\n", known->address, known->id, known->mode);
}

CAPSA_RESULT capsa_known_remove(capsa_bytes text, const char *address, capsa_buf *ret_text)
{
    capsa_bytes rest = text;
    capsa_bytes line;
    for (size_t number = 1; next_line(&rest, &line); number++) {
        struct capsa_known known;
        bool is;
        CAPSA_TRY_AT(parse_line(line, &is, &known), "line %zu", number);
        if (!is || !capsa_streq(known.address, address)) {
            CAPSA_TRY(capsa_buf_append(ret_text, line));
            CAPSA_TRY(capsa_buf_u8(ret_text, '\n'));
        }
    }
    return CAPSA_OK;
}
