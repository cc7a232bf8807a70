/* SPDX-License-Identifier: Apache-2.0
 *
 * Mutations as values (store.h): making them, and judging a step against the version it finds.
 */
#include "store/store_backend.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/limits.h"

CAPSA_RESULT capsa_batch_new(struct capsa_batch **ret_batch)
{
    struct capsa_batch *batch = CAPSA_NEW(struct capsa_batch);
    CAPSA_REQUIRE_MEMORY(batch);
    *ret_batch = batch;
    return CAPSA_OK;
}

static void step_drop(struct capsa_step *step)
{
    capsa_buf_drop(&step->key);
    capsa_buf_drop(&step->owners);
    capsa_buf_drop(&step->value);
}

void capsa_batch_free(struct capsa_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        step_drop(&batch->steps[i]);
    }
    for (size_t i = 0; i < batch->leaf_count; i++) {
        capsa_buf_drop(&batch->leaves[i].bytes);
    }
    capsa_dealloc(batch->steps);
    capsa_dealloc(batch->leaves);
    capsa_dealloc(batch);
}

/* Room for one more element. The arrays hold pointers and lengths, no secrets: realloc will do. */
static capsa_result grow(void **array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(count < CAPSA_LIMIT_batch_steps, TOO_LARGE, "a mutation of more than %d steps",
                  CAPSA_LIMIT_batch_steps);
    size_t more = *capacity == 0 ? 4 : *capacity * 2;
    void *grown = capsa_realloc(*array, more * size);
    CAPSA_REQUIRE_MEMORY(grown);
    *array = grown;
    *capacity = more;
    return CAPSA_OK;
}

static capsa_result copy_bytes(capsa_bytes bytes, capsa_buf *ret_copy)
{
    *ret_copy = capsa_buf_of(bytes.len);
    return capsa_buf_append(ret_copy, bytes);
}

CAPSA_RESULT capsa_batch_step(struct capsa_batch *batch, enum capsa_step_kind kind, capsa_bytes key,
                              uint64_t expected, capsa_bytes owners, capsa_bytes value)
{
    void *steps = batch->steps;
    CAPSA_TRY(grow(&steps, batch->count, &batch->capacity, sizeof(struct capsa_step)));
    batch->steps = steps;
    struct capsa_step step = {.kind = kind, .expected = expected};
    capsa_result result = copy_bytes(key, &step.key);
    if (!capsa_failed(result)) {
        result = copy_bytes(owners, &step.owners);
    }
    if (!capsa_failed(result)) {
        result = copy_bytes(value, &step.value);
    }
    if (capsa_failed(result)) {
        step_drop(&step);
        return result;
    }
    batch->steps[batch->count++] = step;
    batch->bytes += key.len + owners.len + value.len;
    return CAPSA_OK;
}

/* A step from outside: a whole key, in its canonical form. */
static capsa_result add(struct capsa_batch *batch, enum capsa_step_kind kind,
                        const struct capsa_record_key *key, uint64_t expected, capsa_bytes owners,
                        capsa_bytes value)
{
    CAPSA_REQUIRE(key->ns != NULL && key->kind != NULL, USAGE,
                  "a record key without namespace and kind");
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_TRY(capsa_record_key_write(key, &bytes));
    return capsa_batch_step(batch, kind, capsa_buf_bytes(&bytes), expected, owners, value);
}

CAPSA_RESULT capsa_batch_put_owned(struct capsa_batch *batch, const struct capsa_record_key *key,
                                   uint64_t expected, capsa_bytes owners, capsa_bytes value)
{
    CAPSA_REQUIRE(expected < INT64_MAX, USAGE, "a put must name the version that it replaces");
    CAPSA_REQUIRE(value.len <= CAPSA_LIMIT_record_value, TOO_LARGE,
                  "a %s record of %zu bytes, at most %d", key->kind, value.len,
                  CAPSA_LIMIT_record_value);
    CAPSA_TRY(capsa_owners_check(owners));
    return add(batch, CAPSA_STEP_PUT, key, expected, owners, value);
}

CAPSA_RESULT capsa_batch_put(struct capsa_batch *batch, const struct capsa_record_key *key,
                             uint64_t expected, const char *const *owners, capsa_bytes value)
{
    CAPSA_AUTO(capsa_buf)
    set = capsa_buf_of(CAPSA_LIMIT_record_owners * (CAPSA_LIMIT_id_bytes + 4));
    CAPSA_TRY(capsa_owners_write(owners, &set));
    return capsa_batch_put_owned(batch, key, expected, capsa_buf_bytes(&set), value);
}

CAPSA_RESULT capsa_batch_remove(struct capsa_batch *batch, const struct capsa_record_key *key,
                                uint64_t expected)
{
    CAPSA_REQUIRE(expected != 0, USAGE, "removing a record that must not be there");
    CAPSA_REQUIRE(expected <= INT64_MAX || expected == CAPSA_VERSION_ANY, USAGE,
                  "a version over 2^63");
    const capsa_bytes none = {NULL, 0};
    return add(batch, CAPSA_STEP_REMOVE, key, expected, none, none);
}

CAPSA_RESULT capsa_batch_check(struct capsa_batch *batch, const struct capsa_record_key *key,
                               uint64_t expected)
{
    CAPSA_REQUIRE(expected <= INT64_MAX, USAGE, "a check must name a version");
    const capsa_bytes none = {NULL, 0};
    return add(batch, CAPSA_STEP_CHECK, key, expected, none, none);
}

CAPSA_RESULT capsa_batch_leaf(struct capsa_batch *batch, capsa_bytes leaf, void *context)
{
    CAPSA_REQUIRE(leaf.len <= CAPSA_LIMIT_record_value, TOO_LARGE,
                  "an audit leaf of %zu bytes, at most %d", leaf.len, CAPSA_LIMIT_record_value);
    void *leaves = batch->leaves;
    CAPSA_TRY(grow(&leaves, batch->leaf_count, &batch->leaf_capacity, sizeof(struct capsa_leaf)));
    batch->leaves = leaves;
    struct capsa_leaf added = {.context = context};
    CAPSA_TRY(copy_bytes(leaf, &added.bytes));
    batch->leaves[batch->leaf_count++] = added;
    batch->bytes += leaf.len;
    return CAPSA_OK;
}

bool capsa_batch_is_empty(const struct capsa_batch *batch)
{
    return batch->count == 0 && batch->leaf_count == 0;
}

/* ---- Judging --------------------------------------------------------------------------------- */

bool capsa_step_holds(const struct capsa_step *step, uint64_t found)
{
    return step->expected == CAPSA_VERSION_ANY || step->expected == found;
}

CAPSA_RESULT capsa_step_conflict(const struct capsa_step *step, uint64_t found)
{
    char key[CAPSA_RECORD_KEY_TEXT];
    capsa_record_key_text(capsa_buf_bytes(&step->key), key);
    CAPSA_REQUIRE(found != 0, CONFLICT, "%s is not there (version %" PRIu64 " expected)", key,
                  step->expected);
    CAPSA_REQUIRE(step->expected != 0, CONFLICT, "%s is there already (version %" PRIu64 ")", key,
                  found);
    CAPSA_FAIL(CONFLICT, "%s was changed meanwhile (version %" PRIu64 ", %" PRIu64 " expected)",
               key, found, step->expected);
}

bool capsa_group_has_taken(const struct capsa_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        if (group->results[i].code == CAPSA_E_OK) {
            return true;
        }
    }
    return false;
}

CAPSA_RESULT capsa_group_is_whole(const struct capsa_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        CAPSA_TRY(capsa_error_again(&group->results[i]));
    }
    return CAPSA_OK;
}
