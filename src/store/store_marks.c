/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of marks (store_marks.h). A name's first byte chooses the piece, the next eight its
 * home there: home = number * capacity / 2^64, so that a capacity need not be a power of two and
 * growing by a quarter copies entries almost in their order. Linear probing; an entry that is taken
 * out is filled from behind it, so that no graves are left.
 */
#include "store/store_marks.h"

#include <string.h>

#include "base/alloc.h"

#define FIRST_CAPACITY 16

static const struct capsa_mark_name no_name;

static bool same(const struct capsa_mark_name *a, const struct capsa_mark_name *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

capsa_mark capsa_mark_of(const struct capsa_mark_entry *entry)
{
    capsa_mark mark;
    memcpy(&mark, entry->mark, sizeof(mark));
    return mark;
}

static struct capsa_marks_piece *piece_of(const capsa_marks *marks,
                                          const struct capsa_mark_name *name)
{
    return &marks->pieces[name->bytes[0] & (marks->piece_count - 1)];
}

static size_t home_of(const struct capsa_marks_piece *piece, const struct capsa_mark_name *name)
{
    uint64_t number;
    memcpy(&number, name->bytes + 1, sizeof(number));
    return (size_t)((capsa_mark)number * piece->capacity >> 64);
}

static size_t behind(const struct capsa_marks_piece *piece, size_t at)
{
    return at + 1 == piece->capacity ? 0 : at + 1;
}

/* Where the name is, or where it would go. There is always a free entry. */
static size_t seek(const struct capsa_marks_piece *piece, const struct capsa_mark_name *name)
{
    size_t at = home_of(piece, name);
    while (!same(&piece->entries[at].name, &no_name) && !same(&piece->entries[at].name, name)) {
        at = behind(piece, at);
    }
    return at;
}

static void write_entry(struct capsa_marks_piece *piece, const struct capsa_mark_name *name,
                        capsa_mark mark)
{
    struct capsa_mark_entry *entry = &piece->entries[seek(piece, name)];
    piece->count += same(&entry->name, &no_name);
    entry->name = *name;
    memcpy(entry->mark, &mark, sizeof(mark));
}

static bool has_room(const struct capsa_marks_piece *piece, size_t more)
{
    return piece->count + piece->reserved + more <= piece->capacity * 13 / 16 &&
           piece->capacity > 0;
}

/* A quarter more, until there is room for `more` entries. */
static capsa_result make_room(struct capsa_marks_piece *piece, size_t more)
{
    if (has_room(piece, more)) {
        return CAPSA_OK;
    }
    struct capsa_marks_piece grown = {.capacity = piece->capacity, .reserved = piece->reserved};
    grown.count = piece->count;
    do {
        grown.capacity = grown.capacity == 0 ? FIRST_CAPACITY : grown.capacity * 5 / 4;
    } while (!has_room(&grown, more));
    grown.entries = capsa_alloc_array(grown.capacity, sizeof(*grown.entries));
    CAPSA_REQUIRE_MEMORY(grown.entries);
    grown.count = 0;
    for (size_t i = 0; i < piece->capacity; i++) {
        if (!same(&piece->entries[i].name, &no_name)) {
            write_entry(&grown, &piece->entries[i].name, capsa_mark_of(&piece->entries[i]));
        }
    }
    capsa_dealloc(piece->entries);
    *piece = grown;
    return CAPSA_OK;
}

static capsa_result have_pieces(capsa_marks *marks)
{
    if (marks->pieces == NULL) {
        marks->pieces = capsa_alloc_array(marks->piece_count, sizeof(*marks->pieces));
        CAPSA_REQUIRE_MEMORY(marks->pieces);
    }
    return CAPSA_OK;
}

void capsa_marks_drop(capsa_marks *marks)
{
    for (size_t i = 0; marks->pieces != NULL && i < marks->piece_count; i++) {
        capsa_dealloc(marks->pieces[i].entries);
    }
    capsa_dealloc(marks->pieces);
    marks->pieces = NULL;
}

bool capsa_marks_find(const capsa_marks *marks, const struct capsa_mark_name *name,
                      capsa_mark *ret_mark)
{
    const struct capsa_marks_piece *piece = marks->pieces == NULL ? NULL : piece_of(marks, name);
    if (piece == NULL || piece->capacity == 0) {
        return false;
    }
    const struct capsa_mark_entry *entry = &piece->entries[seek(piece, name)];
    if (!same(&entry->name, name)) {
        return false;
    }
    *ret_mark = capsa_mark_of(entry);
    return true;
}

CAPSA_RESULT capsa_marks_set(capsa_marks *marks, const struct capsa_mark_name *name,
                             capsa_mark mark)
{
    CAPSA_TRY(have_pieces(marks));
    struct capsa_marks_piece *piece = piece_of(marks, name);
    if (piece->reserved == 0) { /* else there is room: one reservation is for this one */
        CAPSA_TRY(make_room(piece, 1));
    }
    write_entry(piece, name, mark);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_marks_reserve(capsa_marks *marks, const struct capsa_mark_name *name)
{
    CAPSA_TRY(have_pieces(marks));
    struct capsa_marks_piece *piece = piece_of(marks, name);
    CAPSA_TRY(make_room(piece, 1));
    piece->reserved++;
    return CAPSA_OK;
}

void capsa_marks_release(capsa_marks *marks)
{
    for (size_t i = 0; marks->pieces != NULL && i < marks->piece_count; i++) {
        marks->pieces[i].reserved = 0;
    }
}

/* Whether an entry at `at`, whose home is `home`, may move back to the free place `hole`. */
static bool may_move(size_t hole, size_t home, size_t at)
{
    return hole <= at ? home <= hole || home > at : home <= hole && home > at;
}

void capsa_marks_erase(capsa_marks *marks, const struct capsa_mark_name *name)
{
    struct capsa_marks_piece *piece = marks->pieces == NULL ? NULL : piece_of(marks, name);
    if (piece == NULL || piece->capacity == 0) {
        return;
    }
    size_t hole = seek(piece, name);
    if (!same(&piece->entries[hole].name, name)) {
        return;
    }
    for (size_t at = behind(piece, hole); !same(&piece->entries[at].name, &no_name);
         at = behind(piece, at)) {
        if (may_move(hole, home_of(piece, &piece->entries[at].name), at)) {
            piece->entries[hole] = piece->entries[at];
            hole = at;
        }
    }
    piece->entries[hole] = (struct capsa_mark_entry){.name = no_name};
    piece->count--;
}

size_t capsa_marks_count(const capsa_marks *marks)
{
    size_t count = 0;
    for (size_t i = 0; marks->pieces != NULL && i < marks->piece_count; i++) {
        count += marks->pieces[i].count;
    }
    return count;
}

size_t capsa_marks_bytes(const capsa_marks *marks)
{
    size_t bytes = marks->pieces == NULL ? 0 : marks->piece_count * sizeof(*marks->pieces);
    for (size_t i = 0; marks->pieces != NULL && i < marks->piece_count; i++) {
        bytes += marks->pieces[i].capacity * sizeof(struct capsa_mark_entry);
    }
    return bytes;
}

/* `at` counts entries of all pieces, one piece behind the other. */
const struct capsa_mark_entry *capsa_marks_next(const capsa_marks *marks, size_t *at)
{
    size_t before = 0;
    for (size_t i = 0; marks->pieces != NULL && i < marks->piece_count; i++) {
        const struct capsa_marks_piece *piece = &marks->pieces[i];
        while (*at < before + piece->capacity) {
            const struct capsa_mark_entry *entry = &piece->entries[(*at)++ - before];
            if (!same(&entry->name, &no_name)) {
                return entry;
            }
        }
        before += piece->capacity;
    }
    return NULL;
}
