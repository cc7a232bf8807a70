/* SPDX-License-Identifier: Apache-2.0
 *
 * The marks of records and lists, and how they change (store_freshness.h). The writer works out
 * what a group will change in `next`, alone; _ready hands that to the readers as `pending`, beside
 * what stands; _settle makes it what stands and, when readers are under way, keeps what was
 * replaced for them. store_freshness_read.c is the readers' side.
 */
#include "store/store_freshness_internal.h"

#include "base/alloc.h"
#include "base/reader.h"
#include "crypto/crypto.h"
#include "store/store_sealed.h"

#define PIECES 256

/* ---- names and marks ------------------------------------------------------------------------- */

static struct capsa_mark_name name_of(const struct capsa_freshness *freshness, uint8_t what,
                                      capsa_bytes bytes)
{
    const capsa_bytes parts[] = {
        capsa_declassify(fresh_key(freshness, FRESH_NAMES), "the key of a keyed hash"),
        capsa_bytes_of(&what, 1), bytes};
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256_parts(parts, 3, digest);
    struct capsa_mark_name name;
    memcpy(name.bytes, digest, sizeof(name.bytes));
    name.bytes[CAPSA_MARK_NAME - 1] |= 1; /* never all zero: a free entry is */
    return name;
}

struct capsa_mark_name fresh_record_name(const struct capsa_freshness *freshness, capsa_bytes key)
{
    return name_of(freshness, 1, key);
}

struct capsa_mark_name fresh_list_name(const struct capsa_freshness *freshness, capsa_bytes prefix)
{
    return name_of(freshness, 2, prefix);
}

static void write_be64(uint64_t number, uint8_t ret_bytes[8])
{
    for (unsigned i = 0; i < 8; i++) {
        ret_bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    }
}

static capsa_mark mark_of(const struct capsa_freshness *freshness, capsa_bytes key,
                          uint64_t version, capsa_bytes owners, capsa_bytes value)
{
    uint8_t number[8];
    write_be64(version, number);
    const capsa_bytes parts[] = {
        capsa_declassify(fresh_key(freshness, FRESH_ROWS), "the key of a keyed hash"), key,
        capsa_bytes_of(number, sizeof(number)), owners, value};
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256_parts(parts, 5, digest);
    capsa_mark mark = 0;
    for (unsigned i = 0; i < 12; i++) {
        mark = mark << 8 | digest[i];
    }
    return mark << 32 | (uint32_t)version;
}

capsa_mark fresh_row_mark(const struct capsa_freshness *freshness, capsa_bytes key,
                          const capsa_record *row)
{
    return row->version == 0 ? 0
                             : mark_of(freshness, key, row->version, capsa_buf_bytes(&row->owners),
                                       capsa_buf_bytes(&row->value));
}

/* ---- lists ----------------------------------------------------------------------------------- */

bool capsa_freshness_covers(capsa_bytes key)
{
    static const char log[] = "\0\0\0\x09" CAPSA_STORE_LOG_NAMESPACE;
    static const char slot[] = "\0\0\0\x05"
                               "capsa\0\0\0\x04"
                               "slot";
    return !fresh_begins(key, CAPSA_BYTES_LITERAL(log)) &&
           !fresh_begins(key, CAPSA_BYTES_LITERAL(slot));
}

/* A key that is none is in the list of everything alone, and so is found there. */
size_t fresh_lists_of(capsa_bytes key, capsa_bytes ret_lists[FRESH_LISTS])
{
    ret_lists[0] = capsa_bytes_of(NULL, 0);
    struct capsa_reader reader = capsa_reader_of(key);
    size_t ends[2] = {0, 0}; /* of the field before the last, and of the last */
    size_t kind_end = 0;
    for (size_t count = 1; capsa_reader_left(&reader) > 0; count++) {
        capsa_bytes field;
        if (capsa_failed(capsa_read_field(&reader, key.len, &field))) {
            return 1;
        }
        ends[0] = ends[1];
        ends[1] = reader.at;
        kind_end = count == 2 ? reader.at : kind_end;
    }
    if (kind_end == 0) {
        return 1;
    }
    ret_lists[1] = capsa_bytes_of(key.data, kind_end);
    ret_lists[2] = capsa_bytes_of(key.data, ends[0]);
    return ends[0] > kind_end ? 3 : 2;
}

/* ---- learning -------------------------------------------------------------------------------- */

static capsa_result add_to_list(struct capsa_freshness *freshness,
                                const struct capsa_mark_name *list, capsa_mark mark)
{
    capsa_mark sum = 0;
    (void)capsa_marks_find(&freshness->marks, list, &sum);
    return capsa_marks_set(&freshness->marks, list, sum + mark);
}

static capsa_result memo_flush(struct capsa_freshness *freshness, struct fresh_memo *memo)
{
    if (memo->in_use) {
        const struct capsa_mark_name name =
            fresh_list_name(freshness, capsa_buf_bytes(&memo->prefix));
        CAPSA_TRY(add_to_list(freshness, &name, memo->sum));
    }
    memo->in_use = false;
    memo->sum = 0;
    return CAPSA_OK;
}

/* Neighbours are in the same lists, mostly: their marks are summed up before they are filed. */
static capsa_result memo_add(struct capsa_freshness *freshness, struct fresh_memo *memo,
                             capsa_bytes prefix, capsa_mark mark)
{
    if (!memo->in_use || !capsa_bytes_equal(capsa_buf_bytes(&memo->prefix), prefix)) {
        CAPSA_TRY(memo_flush(freshness, memo));
        capsa_buf_cut(&memo->prefix, 0);
        memo->prefix.max = prefix.len;
        CAPSA_TRY(capsa_buf_append(&memo->prefix, prefix));
        memo->in_use = true;
    }
    memo->sum += mark;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_freshness_learn(struct capsa_freshness *freshness, capsa_bytes key,
                                   const capsa_record *row)
{
    if (!capsa_freshness_covers(key)) {
        return CAPSA_OK;
    }
    const struct capsa_mark_name name = fresh_record_name(freshness, key);
    capsa_mark mark = fresh_row_mark(freshness, key, row);
    CAPSA_TRY(capsa_marks_set(&freshness->marks, &name, mark));
    capsa_bytes lists[FRESH_LISTS];
    size_t count = fresh_lists_of(key, lists);
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(memo_add(freshness, &freshness->memos[i], lists[i], mark));
    }
    freshness->count++;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_freshness_learned(struct capsa_freshness *freshness)
{
    for (size_t i = 0; i < FRESH_LISTS; i++) {
        CAPSA_TRY(memo_flush(freshness, &freshness->memos[i]));
        capsa_buf_drop(&freshness->memos[i].prefix);
    }
    return CAPSA_OK;
}

/* ---- changing -------------------------------------------------------------------------------- */

/* What stands after the steps so far: only the writer changes the marks, so it may read them. */
static capsa_mark next_of(const struct capsa_freshness *freshness,
                          const struct capsa_mark_name *name)
{
    capsa_mark mark = 0;
    if (!capsa_marks_find(&freshness->next, name, &mark)) {
        (void)capsa_marks_find(&freshness->marks, name, &mark);
    }
    return mark;
}

static capsa_result set_next(struct capsa_freshness *freshness, const struct capsa_mark_name *name,
                             capsa_mark mark)
{
    capsa_mark none;
    if (!capsa_marks_find(&freshness->next, name, &none)) {
        (void)pthread_mutex_lock(&freshness->mutex); /* readers look into `marks` meanwhile */
        capsa_result result = capsa_marks_reserve(&freshness->marks, name);
        (void)pthread_mutex_unlock(&freshness->mutex);
        CAPSA_TRY(result);
    }
    return capsa_marks_set(&freshness->next, name, mark);
}

/* The back-end compared the step with the version that it found; that must be the true one. */
static capsa_result check_found(const struct capsa_step *step, capsa_mark known)
{
    bool there = known != 0;
    bool holds = step->expected == CAPSA_VERSION_ANY ||
                 (there == (step->expected != 0) && (uint32_t)known == (uint32_t)step->expected);
    return holds ? CAPSA_OK
                 : fresh_tampered(capsa_buf_bytes(&step->key),
                                  "has another version than the one that was written last");
}

static capsa_result change(struct capsa_freshness *freshness, capsa_bytes key, capsa_mark before,
                           capsa_mark after)
{
    capsa_bytes lists[FRESH_LISTS];
    size_t count = fresh_lists_of(key, lists);
    for (size_t i = 0; i < count; i++) {
        const struct capsa_mark_name list = fresh_list_name(freshness, lists[i]);
        CAPSA_TRY(set_next(freshness, &list, next_of(freshness, &list) - before + after));
    }
    const struct capsa_mark_name name = fresh_record_name(freshness, key);
    freshness->next_count += (after != 0) - (before != 0);
    return set_next(freshness, &name, after);
}

CAPSA_RESULT capsa_freshness_step(struct capsa_freshness *freshness, const struct capsa_step *step)
{
    capsa_bytes key = capsa_buf_bytes(&step->key);
    if (!capsa_freshness_covers(key)) {
        return CAPSA_OK;
    }
    const struct capsa_mark_name name = fresh_record_name(freshness, key);
    capsa_mark before = next_of(freshness, &name);
    CAPSA_TRY(check_found(step, before));
    if (step->kind == CAPSA_STEP_CHECK || (step->kind == CAPSA_STEP_REMOVE && before == 0)) {
        return CAPSA_OK;
    }
    capsa_mark after = step->kind == CAPSA_STEP_REMOVE
                           ? 0
                           : mark_of(freshness, key, step->expected + 1,
                                     capsa_buf_bytes(&step->owners), capsa_buf_bytes(&step->value));
    return change(freshness, key, before, after);
}

static void write_state(const struct capsa_freshness *freshness, capsa_mark sum, uint64_t count,
                        uint8_t ret_state[CAPSA_STORE_STATE])
{
    uint8_t bytes[24];
    write_be64((uint64_t)(sum >> 64), bytes);
    write_be64((uint64_t)sum, bytes + 8);
    write_be64(count, bytes + 16);
    capsa_hmac_sha256(fresh_key(freshness, FRESH_STATE), capsa_bytes_of(bytes, sizeof(bytes)),
                      ret_state);
}

static uint64_t count_after(const struct capsa_freshness *freshness)
{
    return freshness->count + (uint64_t)freshness->next_count;
}

CAPSA_RESULT capsa_freshness_ready(struct capsa_freshness *freshness,
                                   uint8_t ret_state[CAPSA_STORE_STATE])
{
    const struct capsa_mark_name all = fresh_list_name(freshness, capsa_bytes_of(NULL, 0));
    write_state(freshness, next_of(freshness, &all), count_after(freshness), ret_state);
    (void)pthread_mutex_lock(&freshness->mutex);
    capsa_result result = fresh_past_reserve(freshness, capsa_marks_count(&freshness->next));
    if (!capsa_failed(result)) {
        freshness->pending = freshness->next;
        freshness->next.pieces = NULL;
    }
    (void)pthread_mutex_unlock(&freshness->mutex);
    return result;
}

/* One change of `pending` becomes what stands. Its room is reserved: it cannot fail. */
static void settle_one(struct capsa_freshness *freshness, const struct capsa_mark_entry *entry)
{
    capsa_mark before = 0;
    capsa_mark after = capsa_mark_of(entry);
    (void)capsa_marks_find(&freshness->marks, &entry->name, &before);
    fresh_past_add(freshness, &entry->name, before);
    if (after == 0) {
        capsa_marks_erase(&freshness->marks, &entry->name);
    } else {
        capsa_ignore(capsa_marks_set(&freshness->marks, &entry->name, after), "room is reserved");
    }
}

void capsa_freshness_settle(struct capsa_freshness *freshness, bool committed)
{
    (void)pthread_mutex_lock(&freshness->mutex);
    size_t at = 0;
    const struct capsa_mark_entry *entry = capsa_marks_next(&freshness->pending, &at);
    for (; committed && entry != NULL; entry = capsa_marks_next(&freshness->pending, &at)) {
        settle_one(freshness, entry);
    }
    freshness->count = committed ? count_after(freshness) : freshness->count;
    freshness->next_count = 0;
    freshness->settled++;
    capsa_marks_release(&freshness->marks);
    capsa_marks_drop(&freshness->pending);
    capsa_marks_drop(&freshness->next);
    fresh_past_forget(freshness);
    (void)pthread_mutex_unlock(&freshness->mutex);
}

/* ---- as a whole ------------------------------------------------------------------------------ */

static capsa_mark sum_of(const struct capsa_freshness *freshness)
{
    const struct capsa_mark_name all = fresh_list_name(freshness, capsa_bytes_of(NULL, 0));
    capsa_mark sum = 0;
    (void)capsa_marks_find(&freshness->marks, &all, &sum);
    return sum;
}

void capsa_freshness_state(struct capsa_freshness *freshness, uint8_t ret_state[CAPSA_STORE_STATE])
{
    (void)pthread_mutex_lock(&freshness->mutex);
    write_state(freshness, sum_of(freshness), freshness->count, ret_state);
    (void)pthread_mutex_unlock(&freshness->mutex);
}

void capsa_freshness_state_without(struct capsa_freshness *freshness, capsa_bytes key,
                                   const capsa_record *row, uint8_t ret_state[CAPSA_STORE_STATE])
{
    capsa_mark mark = fresh_row_mark(freshness, key, row);
    (void)pthread_mutex_lock(&freshness->mutex);
    write_state(freshness, sum_of(freshness) - mark, freshness->count - 1, ret_state);
    (void)pthread_mutex_unlock(&freshness->mutex);
}

uint64_t capsa_freshness_count(struct capsa_freshness *freshness)
{
    (void)pthread_mutex_lock(&freshness->mutex);
    uint64_t count = freshness->count;
    (void)pthread_mutex_unlock(&freshness->mutex);
    return count;
}

size_t capsa_freshness_bytes(struct capsa_freshness *freshness)
{
    (void)pthread_mutex_lock(&freshness->mutex);
    size_t bytes = sizeof(*freshness) + capsa_marks_bytes(&freshness->marks);
    (void)pthread_mutex_unlock(&freshness->mutex);
    return bytes;
}

/* ---- life ------------------------------------------------------------------------------------ */

CAPSA_RESULT capsa_freshness_new(const struct capsa_root *root,
                                 struct capsa_freshness **ret_freshness)
{
    CAPSA_AUTO_FREE(capsa_freshness) freshness = CAPSA_NEW(struct capsa_freshness);
    CAPSA_REQUIRE_MEMORY(freshness);
    (void)pthread_mutex_init(&freshness->mutex, NULL); /* cannot fail without attributes */
    freshness->marks.piece_count = PIECES;
    freshness->next.piece_count = 1;
    freshness->pending.piece_count = 1;
    CAPSA_TRY(capsa_secret_new((size_t)FRESH_KEYS * FRESH_KEY, &freshness->keys));
    CAPSA_TRY(capsa_hkdf(capsa_secret_borrow(root->key), capsa_bytes_of(NULL, 0),
                         CAPSA_BYTES_LITERAL("capsa freshness"), capsa_secret_room(freshness->keys),
                         (size_t)FRESH_KEYS * FRESH_KEY));
    *ret_freshness = freshness;
    freshness = NULL; /* handed over */
    return CAPSA_OK;
}

void capsa_freshness_free(struct capsa_freshness *freshness)
{
    if (freshness == NULL) {
        return;
    }
    capsa_marks_drop(&freshness->marks);
    capsa_marks_drop(&freshness->next);
    capsa_marks_drop(&freshness->pending);
    for (size_t i = 0; i < 2; i++) {
        capsa_dealloc(freshness->past[i].changes);
    }
    for (size_t i = 0; i < FRESH_LISTS; i++) {
        capsa_buf_drop(&freshness->memos[i].prefix);
    }
    capsa_secret_free(freshness->keys);
    (void)pthread_mutex_destroy(&freshness->mutex);
    capsa_dealloc(freshness);
}
