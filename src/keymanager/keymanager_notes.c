/* SPDX-License-Identifier: Apache-2.0
 *
 * What a call leaves in the audit log (keymanager_notes.h).
 */
#include "keymanager/keymanager_notes.h"

#include <string.h>

#include "base/alloc.h"

#define ROOM KIB(64) /* for columns, in the details of one owner */

void capsa_km_notes_drop(capsa_km_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++) {
        capsa_dealloc(notes->items[i].owner);
        capsa_json_free(notes->items[i].details);
    }
    capsa_dealloc(notes->items);
    *notes = (capsa_km_notes){.items = NULL};
}

static capsa_result note_new(capsa_km_notes *notes, const char *owner,
                             struct capsa_km_note **ret_note)
{
    if (notes->count == notes->capacity) {
        size_t capacity = notes->capacity == 0 ? 4 : notes->capacity * 2;
        struct capsa_km_note *grown = capsa_realloc(notes->items, capacity * sizeof(*grown));
        CAPSA_REQUIRE_MEMORY(grown);
        notes->items = grown;
        notes->capacity = capacity;
    }
    struct capsa_km_note note = {capsa_strdup(owner), capsa_json_new_object(), ROOM};
    if (note.owner == NULL || note.details == NULL) {
        capsa_dealloc(note.owner);
        capsa_json_free(note.details);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    notes->items[notes->count] = note;
    *ret_note = &notes->items[notes->count++];
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_notes_of(capsa_km_notes *notes, const char *owner,
                               struct capsa_km_note **ret_note)
{
    owner = owner == NULL ? "" : owner;
    for (size_t i = 0; i < notes->count; i++) {
        if (capsa_streq(notes->items[i].owner, owner)) {
            *ret_note = &notes->items[i];
            return CAPSA_OK;
        }
    }
    return note_new(notes, owner, ret_note);
}

/* The array of that name, which is made when there is none. */
static capsa_result array_of(struct capsa_json *object, const char *name,
                             struct capsa_json **ret_array)
{
    if (capsa_json_get(object, name) == NULL) {
        CAPSA_TRY(capsa_json_set(object, name, capsa_json_new_array()));
    }
    union {
        const struct capsa_json *read;
        struct capsa_json *write;
    } same = {capsa_json_get(object, name)};
    *ret_array = same.write;
    return CAPSA_OK;
}

/* As many columns as there is room for, and how many were left out. */
static capsa_result add_columns(struct capsa_km_note *note, struct capsa_json *resource,
                                char *const *columns, size_t count)
{
    struct capsa_json *list;
    CAPSA_TRY(array_of(resource, "columns", &list));
    size_t shown = 0;
    while (shown < count && strlen(columns[shown]) < note->room) {
        note->room -= strlen(columns[shown]);
        CAPSA_TRY(capsa_json_push(list, capsa_json_new_string(columns[shown])));
        shown++;
    }
    if (shown == count) {
        return CAPSA_OK;
    }
    return capsa_json_set(resource, "columns_left_out",
                          capsa_json_new_int((int64_t)(count - shown)));
}

CAPSA_RESULT capsa_km_notes_resource(capsa_km_notes *notes, const char *owner,
                                     const char *resource_uri, char *const *columns, size_t count)
{
    struct capsa_km_note *note;
    struct capsa_json *resources;
    CAPSA_TRY(capsa_km_notes_of(notes, owner, &note));
    CAPSA_TRY(array_of(note->details, "resources", &resources));
    CAPSA_AUTO_FREE(capsa_json) resource = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(resource);
    CAPSA_TRY(capsa_json_set(resource, "resource_uri", capsa_json_new_string(resource_uri)));
    if (count > 0) {
        CAPSA_TRY(add_columns(note, resource, columns, count));
    }
    struct capsa_json *handed_over = resource;
    resource = NULL;
    return capsa_json_push(resources, handed_over);
}

CAPSA_RESULT capsa_km_notes_text(capsa_km_notes *notes, const char *owner, const char *name,
                                 const char *text)
{
    struct capsa_km_note *note;
    CAPSA_TRY(capsa_km_notes_of(notes, owner, &note));
    return capsa_json_set(note->details, name, capsa_json_new_string(text));
}
