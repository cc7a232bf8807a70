/* SPDX-License-Identifier: Apache-2.0
 *
 * The readers' side of freshness (store_freshness.h): whether a row, or the end of a list, is what
 * stood at some moment since the reader began.
 */
#include "base/alloc.h"
#include "store/store_freshness_internal.h"

/* ---- what stood before ----------------------------------------------------------------------- */

CAPSA_RESULT fresh_past_reserve(struct capsa_freshness *freshness, size_t more)
{
    struct fresh_past *past = &freshness->past[freshness->era & 1];
    size_t wanted = past->count + more;
    if (wanted <= past->capacity) {
        return CAPSA_OK;
    }
    size_t capacity = wanted + wanted / 2;
    struct fresh_change *grown = capsa_realloc(past->changes, capacity * sizeof(*grown));
    CAPSA_REQUIRE_MEMORY(grown);
    past->changes = grown;
    past->capacity = capacity;
    return CAPSA_OK;
}

void fresh_past_add(struct capsa_freshness *freshness, const struct capsa_mark_name *name,
                    capsa_mark before)
{
    struct fresh_past *past = &freshness->past[freshness->era & 1];
    bool is_read = freshness->past[0].readers + freshness->past[1].readers > 0;
    if (is_read) {
        past->changes[past->count++] = (struct fresh_change){*name, before, freshness->settled + 1};
    }
}

/* The era before the present one is over when its last reader left; the present one then becomes
 * the one before. */
void fresh_past_forget(struct capsa_freshness *freshness)
{
    struct fresh_past *before = &freshness->past[(freshness->era & 1) ^ 1];
    if (before->readers == 0) {
        capsa_dealloc(before->changes);
        *before = (struct fresh_past){.changes = NULL};
        freshness->era++;
    }
}

static bool stood_since(const struct capsa_freshness *freshness,
                        const struct capsa_freshness_reader *reader,
                        const struct capsa_mark_name *name, capsa_mark mark)
{
    for (size_t era = 0; era < 2; era++) {
        const struct fresh_past *past = &freshness->past[era];
        for (size_t i = 0; i < past->count; i++) {
            const struct fresh_change *change = &past->changes[i];
            if (change->settled > reader->since && change->before == mark &&
                memcmp(&change->name, name, sizeof(*name)) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* ---- judging --------------------------------------------------------------------------------- */

void capsa_freshness_enter(struct capsa_freshness *freshness,
                           struct capsa_freshness_reader *ret_reader)
{
    (void)pthread_mutex_lock(&freshness->mutex);
    *ret_reader =
        (struct capsa_freshness_reader){.since = freshness->settled, .era = freshness->era};
    freshness->past[freshness->era & 1].readers++;
    (void)pthread_mutex_unlock(&freshness->mutex);
}

void capsa_freshness_leave(struct capsa_freshness *freshness,
                           const struct capsa_freshness_reader *reader)
{
    (void)pthread_mutex_lock(&freshness->mutex);
    freshness->past[reader->era & 1].readers--;
    (void)pthread_mutex_unlock(&freshness->mutex);
}

/* `ret_known`: what stands now. */
static bool stood(struct capsa_freshness *freshness, const struct capsa_freshness_reader *reader,
                  const struct capsa_mark_name *name, capsa_mark mark, capsa_mark *ret_known)
{
    capsa_mark known = 0;
    capsa_mark pending = 0;
    (void)pthread_mutex_lock(&freshness->mutex);
    (void)capsa_marks_find(&freshness->marks, name, &known);
    bool holds = known == mark ||
                 (capsa_marks_find(&freshness->pending, name, &pending) && pending == mark) ||
                 stood_since(freshness, reader, name, mark);
    (void)pthread_mutex_unlock(&freshness->mutex);
    *ret_known = known;
    return holds;
}

CAPSA_RESULT fresh_tampered(capsa_bytes key, const char *how)
{
    char name[CAPSA_RECORD_KEY_TEXT];
    capsa_record_key_text(key, name);
    CAPSA_FAIL(TAMPERED, "the record %s %s", name, how);
}

static capsa_result check_mark(struct capsa_freshness *freshness,
                               const struct capsa_freshness_reader *reader, capsa_bytes key,
                               capsa_mark mark)
{
    const struct capsa_mark_name name = fresh_record_name(freshness, key);
    capsa_mark known;
    if (stood(freshness, reader, &name, mark, &known)) {
        return CAPSA_OK;
    }
    if (mark == 0) {
        return fresh_tampered(key, "was removed from the store by somebody else");
    }
    return fresh_tampered(key, known == 0 ? "should not be there: it was added, or put back"
                                          : "is not the one that was written last: it was put back "
                                            "or replaced");
}

CAPSA_RESULT capsa_freshness_check(struct capsa_freshness *freshness,
                                   const struct capsa_freshness_reader *reader, capsa_bytes key,
                                   const capsa_record *row)
{
    return capsa_freshness_covers(key)
               ? check_mark(freshness, reader, key, fresh_row_mark(freshness, key, row))
               : CAPSA_OK;
}

/* ---- walks ----------------------------------------------------------------------------------- */

void capsa_freshness_walk_begin(struct capsa_freshness *freshness, capsa_bytes prefix,
                                struct capsa_freshness_walk *ret_walk)
{
    struct capsa_freshness_walk walk = {.prefix = prefix};
    capsa_freshness_enter(freshness, &walk.reader);
    *ret_walk = walk;
}

static bool is_member(capsa_bytes key, capsa_bytes prefix)
{
    capsa_bytes lists[FRESH_LISTS];
    size_t count = fresh_lists_of(key, lists);
    for (size_t i = 0; i < count; i++) {
        if (capsa_bytes_equal(lists[i], prefix)) {
            return true;
        }
    }
    return false;
}

CAPSA_RESULT capsa_freshness_walk_check(struct capsa_freshness *freshness,
                                        struct capsa_freshness_walk *walk, capsa_bytes key,
                                        const capsa_record *row)
{
    if (!capsa_freshness_covers(key)) {
        return CAPSA_OK;
    }
    capsa_mark mark = fresh_row_mark(freshness, key, row);
    CAPSA_TRY(check_mark(freshness, &walk->reader, key, mark));
    walk->sum += is_member(key, walk->prefix) ? mark : 0;
    walk->saw_itself = walk->saw_itself || capsa_bytes_equal(key, walk->prefix);
    return CAPSA_OK;
}

/* A prefix of a namespace alone is no list. */
static bool is_list(capsa_bytes prefix)
{
    capsa_bytes lists[FRESH_LISTS];
    return prefix.len == 0 || fresh_lists_of(prefix, lists) > 1;
}

CAPSA_RESULT capsa_freshness_walk_end(struct capsa_freshness *freshness,
                                      struct capsa_freshness_walk *walk)
{
    if (!is_list(walk->prefix) || !capsa_freshness_covers(walk->prefix)) {
        return CAPSA_OK;
    }
    const struct capsa_mark_name name = fresh_list_name(freshness, walk->prefix);
    capsa_mark known;
    if (!stood(freshness, &walk->reader, &name, walk->sum, &known)) {
        char text[CAPSA_RECORD_KEY_TEXT];
        capsa_record_key_text(walk->prefix, text);
        CAPSA_FAIL(TAMPERED, "of the records %s%s some are missing",
                   walk->prefix.len == 0 ? "of the store" : "under ", text);
    }
    return walk->saw_itself ? CAPSA_OK : check_mark(freshness, &walk->reader, walk->prefix, 0);
}
