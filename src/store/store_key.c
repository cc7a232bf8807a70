/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical bytes of keys and owner sets (store.h). Both are lists of fields, each behind its be32
 * length, and for both there is one form only: what comes from a back-end is checked to be in it.
 */
#include "store/store.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/reader.h"

/* ---- Keys ------------------------------------------------------------------------------------ */

static capsa_result write_names(const struct capsa_record_key *key, capsa_buf *bytes)
{
    if (key->ns == NULL) {
        CAPSA_REQUIRE(key->kind == NULL && key->parts[0] == NULL, USAGE,
                      "a record key without a namespace");
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_buf_field(bytes, capsa_bytes_str(key->ns)));
    if (key->kind == NULL) {
        CAPSA_REQUIRE(key->parts[0] == NULL, USAGE, "a record key without a kind");
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_buf_field(bytes, capsa_bytes_str(key->kind)));
    for (size_t i = 0; i < CAPSA_RECORD_KEY_PARTS && key->parts[i] != NULL; i++) {
        CAPSA_TRY(capsa_buf_field(bytes, capsa_bytes_str(key->parts[i])));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_record_key_write(const struct capsa_record_key *key, capsa_buf *ret_bytes)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_TRY_AT(write_names(key, &bytes), "the key of a %s record",
                 key->kind == NULL ? "(any)" : key->kind);
    return capsa_buf_append(ret_bytes, capsa_buf_bytes(&bytes));
}

/* Copy one field to `texts`, NUL-ended. */
static capsa_result take_name(struct capsa_reader *reader, capsa_buf *texts)
{
    capsa_bytes name;
    CAPSA_TRY(capsa_read_field(reader, CAPSA_LIMIT_record_key, &name));
    CAPSA_REQUIRE(capsa_bytes_find(name, 0) == name.len, MALFORMED, "a NUL in a record key");
    CAPSA_TRY(capsa_buf_append(texts, name));
    return capsa_buf_u8(texts, 0);
}

CAPSA_RESULT capsa_record_key_parse(capsa_bytes bytes, capsa_buf *texts,
                                    struct capsa_record_key *ret_key)
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    size_t count = 0;
    capsa_buf_clear(texts);
    while (capsa_reader_left(&reader) > 0) {
        CAPSA_REQUIRE(count < 2 + CAPSA_RECORD_KEY_PARTS, MALFORMED,
                      "a record key of more than %d parts", CAPSA_RECORD_KEY_PARTS);
        CAPSA_TRY(take_name(&reader, texts));
        count++;
    }
    CAPSA_REQUIRE(count >= 2, MALFORMED, "a record key without namespace and kind");

    /* `texts` has stopped growing: now its strings stay where they are. */
    const char *names[2 + CAPSA_RECORD_KEY_PARTS];
    const char *at = (const char *)texts->data;
    for (size_t i = 0; i < count; i++) {
        names[i] = at;
        at += strlen(at) + 1;
    }
    struct capsa_record_key key = {.ns = names[0], .kind = names[1]};
    for (size_t i = 2; i < count; i++) {
        key.parts[i - 2] = names[i];
    }
    *ret_key = key;
    return CAPSA_OK;
}

void capsa_record_key_text(capsa_bytes bytes, char ret_text[CAPSA_RECORD_KEY_TEXT])
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    size_t len = 0;
    ret_text[0] = '\0';
    while (capsa_reader_left(&reader) > 0) {
        capsa_bytes name;
        if (capsa_failed(capsa_read_field(&reader, CAPSA_LIMIT_record_key, &name))) {
            (void)snprintf(ret_text, CAPSA_RECORD_KEY_TEXT, "(unreadable key)");
            return;
        }
        int cut = (int)(name.len < CAPSA_RECORD_KEY_TEXT ? name.len : CAPSA_RECORD_KEY_TEXT);
        int wrote =
            snprintf(ret_text + len, CAPSA_RECORD_KEY_TEXT - len, "%s%.*s", len == 0 ? "" : "/",
                     cut, name.len == 0 ? "" : (const char *)name.data);
        if (wrote < 0 || (size_t)wrote >= CAPSA_RECORD_KEY_TEXT - len) {
            memcpy(ret_text + CAPSA_RECORD_KEY_TEXT - 4, "...", 4);
            return;
        }
        len += (size_t)wrote;
    }
}

/* ---- Owners ---------------------------------------------------------------------------------- */

static int compare_bytes(capsa_bytes a, capsa_bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The id that comes next in byte order behind `last` (NULL: the first), or NULL. A quadratic walk:
 * a set is small, and sorting would need a copy. */
static const char *next_owner(const char *const *ids, const char *last)
{
    const char *next = NULL;
    for (size_t i = 0; ids[i] != NULL; i++) {
        if ((last == NULL || strcmp(ids[i], last) > 0) &&
            (next == NULL || strcmp(ids[i], next) < 0)) {
            next = ids[i];
        }
    }
    return next;
}

CAPSA_RESULT capsa_owners_write(const char *const *ids, capsa_buf *ret_owners)
{
    if (ids == NULL) {
        return CAPSA_OK;
    }
    size_t count = 0;
    while (ids[count] != NULL) {
        CAPSA_REQUIRE(count < CAPSA_LIMIT_record_owners, TOO_LARGE, "more than %d owners",
                      CAPSA_LIMIT_record_owners);
        CAPSA_REQUIRE(ids[count][0] != '\0', USAGE, "an empty owner");
        CAPSA_REQUIRE(strlen(ids[count]) <= CAPSA_LIMIT_id_bytes, TOO_LARGE,
                      "an owner of more than %d bytes", CAPSA_LIMIT_id_bytes);
        count++;
    }
    for (const char *id = next_owner(ids, NULL); id != NULL; id = next_owner(ids, id)) {
        CAPSA_TRY(capsa_buf_field(ret_owners, capsa_bytes_str(id)));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_owners_check(capsa_bytes owners)
{
    struct capsa_reader reader = capsa_reader_of(owners);
    capsa_bytes last = {NULL, 0};
    for (size_t count = 0; capsa_reader_left(&reader) > 0; count++) {
        capsa_bytes id;
        CAPSA_REQUIRE(count < CAPSA_LIMIT_record_owners, MALFORMED, "more than %d owners",
                      CAPSA_LIMIT_record_owners);
        CAPSA_TRY(capsa_read_field(&reader, CAPSA_LIMIT_id_bytes, &id));
        CAPSA_REQUIRE(id.len > 0, MALFORMED, "an empty owner");
        CAPSA_REQUIRE(capsa_bytes_find(id, 0) == id.len, MALFORMED, "a NUL in an owner");
        CAPSA_REQUIRE(count == 0 || compare_bytes(last, id) < 0, MALFORMED,
                      "owners that are not in order, each once");
        last = id;
    }
    return CAPSA_OK;
}

capsa_bytes capsa_owners_at(capsa_bytes owners, size_t index)
{
    struct capsa_reader reader = capsa_reader_of(owners);
    capsa_bytes id = {NULL, 0};
    for (size_t i = 0; i <= index; i++) {
        if (capsa_failed(capsa_read_field(&reader, CAPSA_LIMIT_id_bytes, &id))) {
            return (capsa_bytes){NULL, 0};
        }
    }
    return id;
}

size_t capsa_owners_count(capsa_bytes owners)
{
    struct capsa_reader reader = capsa_reader_of(owners);
    size_t count = 0;
    capsa_bytes id;
    while (capsa_reader_left(&reader) > 0 &&
           !capsa_failed(capsa_read_field(&reader, CAPSA_LIMIT_id_bytes, &id))) {
        count++;
    }
    return count;
}

bool capsa_owners_has(capsa_bytes owners, const char *id)
{
    struct capsa_reader reader = capsa_reader_of(owners);
    capsa_bytes each;
    while (capsa_reader_left(&reader) > 0 &&
           !capsa_failed(capsa_read_field(&reader, CAPSA_LIMIT_id_bytes, &each))) {
        if (capsa_bytes_is(each, id)) {
            return true;
        }
    }
    return false;
}
