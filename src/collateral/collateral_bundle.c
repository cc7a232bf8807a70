/* SPDX-License-Identifier: Apache-2.0
 *
 * Bundles: reading and writing them (collateral_bundle.h), and the source that asks nobody. A file
 * with several entries is {"collateral_bundle":1,"entries":[...]}, each entry in the form that
 * collateral of its platform has anyway.
 */
#include "collateral/collateral_bundle.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "collateral/collateral_web.h"

#define BUNDLE_MEMBER  "collateral_bundle"
#define BUNDLE_VERSION 1

void capsa_collateral_entries_init(capsa_collateral_entries *entries)
{
    *entries = (capsa_collateral_entries){.count = 0};
    capsa_collateral_init(&entries->parts);
}

void capsa_collateral_entries_drop(capsa_collateral_entries *entries)
{
    while (entries->count > 0) {
        capsa_collateral_drop(&entries->items[--entries->count].collateral);
    }
    capsa_dealloc(entries->items);
    entries->items = NULL;
    entries->room = 0;
    capsa_collateral_drop(&entries->parts);
}

/* ---- Forms ----------------------------------------------------------------------------------- */

/* By a part that only this platform's collateral has. */
static const struct form {
    size_t part;
    const char *what;
    capsa_result (*write)(const capsa_collateral *collateral, struct capsa_json **ret_json);
} forms[] = {
    {offsetof(capsa_collateral, tcb_info), "Intel", capsa_collateral_write_v3},
    {offsetof(capsa_collateral, snp_leaf), "AMD", capsa_collateral_write_snp},
    {offsetof(capsa_collateral, csv_hsk), "Hygon", capsa_collateral_write_csv},
};

static const struct form *form_of(const capsa_collateral *collateral)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (((const capsa_buf *)((const char *)collateral + forms[i].part))->len > 0) {
            return &forms[i];
        }
    }
    return NULL;
}

CAPSA_RESULT capsa_collateral_write(const capsa_collateral *collateral,
                                    struct capsa_json **ret_json)
{
    const struct form *form = form_of(collateral);
    CAPSA_REQUIRE(form != NULL, MALFORMED,
                  "incomplete: neither TCB Info nor a VCEK or VLEK nor an HSK is among it");
    CAPSA_TRY_AT(form->write(collateral, ret_json), "%s", form->what);
    return CAPSA_OK;
}

/* Whole texts of one form are the same exactly when what is in them is. */
static capsa_result digest_of(const capsa_collateral *collateral, uint8_t ret_digest[CAPSA_SHA256])
{
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(capsa_collateral_write(collateral, &json));
    CAPSA_TRY(capsa_json_write(json, CAPSA_JSON_COMPACT, &text));
    capsa_sha256(capsa_buf_bytes(&text), ret_digest);
    return CAPSA_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static bool is_there(const capsa_collateral_entries *entries, const uint8_t digest[CAPSA_SHA256])
{
    for (size_t i = 0; i < entries->count; i++) {
        if (memcmp(entries->items[i].digest, digest, CAPSA_SHA256) == 0) {
            return true;
        }
    }
    return false;
}

/* Complete collateral, with its digest. */
static capsa_result push(capsa_collateral_entries *entries, capsa_collateral *from,
                         const uint8_t digest[CAPSA_SHA256])
{
    if (is_there(entries, digest)) {
        capsa_collateral_drop(from);
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(entries->count < CAPSA_LIMIT_bundle_entries, TOO_LARGE, "more than %d entries",
                  CAPSA_LIMIT_bundle_entries);
    if (entries->count == entries->room) {
        size_t room = entries->room * 2 + 8;
        struct capsa_collateral_entry *items = capsa_realloc(entries->items, room * sizeof(*items));
        CAPSA_REQUIRE_MEMORY(items);
        entries->items = items;
        entries->room = room;
    }
    struct capsa_collateral_entry *entry = &entries->items[entries->count++];
    entry->collateral = *from;
    memcpy(entry->digest, digest, CAPSA_SHA256);
    capsa_collateral_init(from);
    return CAPSA_OK;
}

static capsa_result add_collateral(capsa_collateral_entries *entries, capsa_collateral *from)
{
    uint8_t digest[CAPSA_SHA256];
    capsa_result complete = digest_of(from, digest);
    CAPSA_TRY(capsa_code_of(complete) == CAPSA_E_NOMEM ? complete : CAPSA_OK);
    return capsa_failed(complete) ? capsa_collateral_take(&entries->parts, from)
                                  : push(entries, from, digest);
}

static capsa_result add_entry(capsa_collateral_entries *entries, const struct capsa_json *value)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_collateral_file);
    CAPSA_AUTO(capsa_collateral) found;
    capsa_collateral_init(&found);
    CAPSA_TRY(capsa_json_write(value, CAPSA_JSON_COMPACT, &text));
    CAPSA_TRY(capsa_collateral_add(&found, "entry", capsa_buf_bytes(&text)));
    uint8_t digest[CAPSA_SHA256];
    CAPSA_TRY(digest_of(&found, digest)); /* no parts within a bundle */
    return push(entries, &found, digest);
}

static capsa_result add_bundle(capsa_collateral_entries *entries, const struct capsa_json *bundle)
{
    const struct capsa_json *list = capsa_json_get(bundle, "entries");
    const struct capsa_json *version = capsa_json_get(bundle, BUNDLE_MEMBER);
    CAPSA_REQUIRE(capsa_json_kind_of(version) == CAPSA_JSON_INT &&
                      capsa_json_int(version) == BUNDLE_VERSION,
                  UNSUPPORTED, "%s: version %d wanted", BUNDLE_MEMBER, BUNDLE_VERSION);
    CAPSA_REQUIRE(capsa_json_kind_of(list) == CAPSA_JSON_ARRAY && capsa_json_count(bundle) == 2,
                  MALFORMED, "a bundle has %s and entries, and nothing else", BUNDLE_MEMBER);
    for (size_t i = 0; i < capsa_json_count(list); i++) {
        CAPSA_TRY_AT(add_entry(entries, capsa_json_at(list, i)), "entries[%zu]", i);
    }
    return CAPSA_OK;
}

/* NULL: it is none, whatever else it is. */
static capsa_result parse_bundle(capsa_bytes bytes, struct capsa_json **ret_bundle)
{
    size_t at = 0;
    while (at < bytes.len && (bytes.data[at] == ' ' || bytes.data[at] == '\n')) {
        at++;
    }
    *ret_bundle = NULL;
    if (at == bytes.len || bytes.data[at] != '{') {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    capsa_result parsed = capsa_json_parse(bytes, &json);
    CAPSA_TRY(capsa_code_of(parsed) == CAPSA_E_NOMEM ? parsed : CAPSA_OK);
    if (!capsa_failed(parsed) && capsa_json_get(json, BUNDLE_MEMBER) != NULL) {
        *ret_bundle = json;
        json = NULL;
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_entries_add(capsa_collateral_entries *entries, const char *name,
                                          capsa_bytes bytes, bool any)
{
    CAPSA_AUTO_FREE(capsa_json) bundle = NULL;
    CAPSA_TRY(parse_bundle(bytes, &bundle));
    if (bundle != NULL) {
        CAPSA_TRY_AT(add_bundle(entries, bundle), "%s", name);
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_collateral) found;
    capsa_collateral_init(&found);
    CAPSA_TRY(any ? capsa_collateral_add_any(&found, name, bytes)
                  : capsa_collateral_add(&found, name, bytes));
    CAPSA_TRY_AT(add_collateral(entries, &found), "%s", name);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_entries_end(capsa_collateral_entries *entries)
{
    if (capsa_collateral_is_empty(&entries->parts)) {
        return CAPSA_OK;
    }
    uint8_t digest[CAPSA_SHA256];
    CAPSA_TRY_AT(digest_of(&entries->parts, digest), "files that are not complete by themselves");
    return push(entries, &entries->parts, digest);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static capsa_result load_file(capsa_collateral_entries *entries, const char *path, bool any)
{
    const char *slash = strrchr(path, '/');
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(capsa_file_read(path, &content));
    return capsa_collateral_entries_add(entries, slash == NULL ? path : slash + 1,
                                        capsa_buf_bytes(&content), any);
}

/* A folder within a folder is one entry, or part of one. */
static capsa_result load_as_one(capsa_collateral_entries *entries, const char *path)
{
    CAPSA_AUTO(capsa_collateral) found;
    capsa_collateral_init(&found);
    capsa_result loaded = capsa_collateral_load(path, &found);
    if (capsa_code_of(loaded) == CAPSA_E_NOT_FOUND) {
        return CAPSA_OK;
    }
    CAPSA_TRY(loaded);
    CAPSA_TRY_AT(add_collateral(entries, &found), "%s", path);
    return CAPSA_OK;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static capsa_result load_name(capsa_collateral_entries *entries, const char *folder,
                              const char *name)
{
    char path[PATH_MAX];
    struct stat status;
    int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
    CAPSA_REQUIRE(len > 0 && (size_t)len < sizeof(path), MALFORMED, "%.64s: too long a name", name);
    CAPSA_REQUIRE(stat(path, &status) == 0, IO, "%s: %s", path, strerror(errno));
    return S_ISDIR(status.st_mode) ? load_as_one(entries, path) : load_file(entries, path, true);
}

static capsa_result load_folder(capsa_collateral_entries *entries, const char *path)
{
    struct dirent **names = NULL;
    int count = scandir(path, &names, not_hidden, alphasort);
    CAPSA_REQUIRE(count >= 0, IO, "%s: %s", path, strerror(errno));
    capsa_result result = CAPSA_OK;
    for (int i = 0; i < count; i++) {
        result = capsa_failed(result) ? result : load_name(entries, path, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return result;
}

/* Parts that are complete together with others of their folder are none of another folder's. */
static capsa_result move_all(capsa_collateral_entries *from, capsa_collateral_entries *entries)
{
    for (size_t i = 0; i < from->count; i++) {
        CAPSA_TRY(push(entries, &from->items[i].collateral, from->items[i].digest));
    }
    return capsa_collateral_is_empty(&from->parts) ? CAPSA_OK
                                                   : add_collateral(entries, &from->parts);
}

CAPSA_RESULT capsa_collateral_entries_load(capsa_collateral_entries *entries, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return load_file(entries, path, false);
    }
    CAPSA_AUTO(capsa_collateral_entries) within;
    capsa_collateral_entries_init(&within);
    CAPSA_TRY(load_folder(&within, path));
    CAPSA_TRY_AT(move_all(&within, entries), "%s", path);
    return CAPSA_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static capsa_result write_list(const capsa_collateral_entries *entries,
                               struct capsa_json **ret_json)
{
    CAPSA_AUTO_FREE(capsa_json) bundle = capsa_json_new_object();
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(bundle);
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t i = 0; i < entries->count; i++) {
        struct capsa_json *entry = NULL;
        CAPSA_TRY_AT(capsa_collateral_write(&entries->items[i].collateral, &entry), "entry %zu",
                     i + 1);
        CAPSA_TRY(capsa_json_push(list, entry));
    }
    CAPSA_TRY(capsa_json_set(bundle, BUNDLE_MEMBER, capsa_json_new_int(BUNDLE_VERSION)));
    struct capsa_json *handed = list;
    list = NULL;
    CAPSA_TRY(capsa_json_set(bundle, "entries", handed));
    *ret_json = bundle;
    bundle = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_entries_write(const capsa_collateral_entries *entries,
                                            capsa_buf *ret_text)
{
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_REQUIRE(entries->count > 0, NOT_FOUND, "no collateral");
    CAPSA_TRY(entries->count == 1 ? capsa_collateral_write(&entries->items[0].collateral, &json)
                                  : write_list(entries, &json));
    CAPSA_TRY(capsa_json_write(json, CAPSA_JSON_COMPACT, &text));
    CAPSA_TRY(capsa_buf_str(&text, "\n"));
    return capsa_buf_append(ret_text, capsa_buf_bytes(&text));
}

/* ---- The source ------------------------------------------------------------------------------ */

/* Read anew each time, so that a bundle may be replaced while a daemon runs. */
static capsa_result fetch(const struct capsa_collateral_options *options,
                          struct capsa_collateral_web *web, enum capsa_platform platform,
                          capsa_bytes evidence, capsa_collateral *ret_collateral)
{
    (void)web;
    CAPSA_AUTO(capsa_collateral_entries) entries;
    capsa_collateral_entries_init(&entries);
    CAPSA_TRY(capsa_collateral_entries_load(&entries, options->bundle));
    CAPSA_TRY_AT(capsa_collateral_entries_end(&entries), "%s", options->bundle);
    CAPSA_TRY_AT(capsa_collateral_entries_take(&entries, platform, evidence, ret_collateral), "%s",
                 options->bundle);
    return CAPSA_OK;
}

static bool serves(const struct capsa_collateral_options *options, enum capsa_platform platform)
{
    (void)platform;
    return options->bundle != NULL;
}

const struct capsa_collateral_source capsa_collateral_bundle = {
    .name = "bundle",
    .serves = serves,
    .fetch = fetch,
};
