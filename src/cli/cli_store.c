/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa store: copies of a daemon's store, and the root that it is sealed under.
 */
#include <inttypes.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_read.h"
#include "codec/text.h"
#include "store/store_sealed.h"

/* --store LOCATION, or the store of --data-dir. */
static capsa_result location_of(const struct capsa_cli *cli, capsa_buf *ret_location)
{
    const char *store = capsa_cli_option(cli, "store");
    const char *dir = capsa_cli_option(cli, "data-dir");
    CAPSA_REQUIRE((store == NULL) != (dir == NULL), USAGE,
                  "which store? --data-dir DIR (capsad's data_dir) or --store sqlite:FILE");
    return store != NULL ? capsa_buf_str(ret_location, store)
                         : capsa_buf_format(ret_location, "sqlite:%s/capsa.db", dir);
}

#define HEADER_BYTES 100

/* What is no store of ours by its first bytes: SQLite's magic, and at 68 the application id "caps",
 * or none yet. A store that was just begun may have all of it in its log still (`may_be_empty`).
 * What cannot be read is for the store to report. */
static capsa_result check_header(const char *path, bool may_be_empty, const char *what)
{
    uint8_t header[HEADER_BYTES] = {0};
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return CAPSA_OK;
    }
    size_t len = fread(header, 1, sizeof(header), file);
    (void)fclose(file);
    static const uint8_t none[4];
    bool magic = len == sizeof(header) && memcmp(header, "SQLite format 3", 16) == 0;
    bool ours = memcmp(header + 68, "caps", 4) == 0 || memcmp(header + 68, none, 4) == 0;
    CAPSA_REQUIRE((magic && ours) || (len == 0 && may_be_empty), MALFORMED, "%s is no Capsa %s",
                  path, what);
    return CAPSA_OK;
}

/* The file of a location; "" for one of another kind. */
static const char *file_of(const char *location)
{
    static const char scheme[] = "sqlite:";
    bool sqlite = strncmp(location, scheme, sizeof(scheme) - 1) == 0;
    return sqlite ? location + sizeof(scheme) - 1 : "";
}

static capsa_result run_backup(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(8));
    const char *location;
    CAPSA_TRY(location_of(cli, &text));
    CAPSA_TRY(capsa_buf_cstr(&text, &location));
    const char *to = capsa_cli_option(cli, "to");
    struct capsa_file_place place;
    CAPSA_TRY(capsa_file_place_find(to, &place));
    CAPSA_REQUIRE(!place.direct, USAGE, "%s is no place for a backup", to);
    CAPSA_TRY(check_header(file_of(location), true, "store"));
    CAPSA_TRY(capsa_store_backup(location, to));
    capsa_cli_say(cli,
                  "wrote %s: values are sealed in it; the root key (root.key) is not in it, "
                  "and without that key it is of no use\n",
                  to);
    return capsa_cli_set_text(cli, "file", to);
}

static capsa_result run_restore(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(8));
    const char *location;
    CAPSA_TRY(location_of(cli, &text));
    CAPSA_TRY(capsa_buf_cstr(&text, &location));
    const char *from = capsa_cli_option(cli, "from");
    CAPSA_TRY(check_header(from, false, "backup"));
    CAPSA_TRY(capsa_store_restore(location, from));
    capsa_cli_say(cli, "restored %s from %s: it needs the root key that it was sealed under\n",
                  location, from);
    return capsa_cli_set_text(cli, "store", location);
}

/* ---- the root -------------------------------------------------------------------------------- */

/* Opening a store makes it where there is none; these verbs only want one that is there. */
static capsa_result existing_store(const struct capsa_cli *cli, capsa_buf *buf,
                                   const char **ret_location)
{
    CAPSA_TRY(location_of(cli, buf));
    CAPSA_TRY(capsa_buf_cstr(buf, ret_location));
    const char *file = file_of(*ret_location);
    CAPSA_REQUIRE(*file == '\0' || access(file, F_OK) == 0, NOT_FOUND, "there is no store %s",
                  file);
    return check_header(file, true, "store");
}

/* --root-key FILE, or root.key of --data-dir. */
static capsa_result root_key_of(const struct capsa_cli *cli, capsa_buf *buf, const char **ret_path)
{
    const char *path = capsa_cli_option(cli, "root-key");
    const char *dir = capsa_cli_option(cli, "data-dir");
    CAPSA_REQUIRE(path != NULL || dir != NULL, USAGE, "which root key? --root-key FILE");
    CAPSA_TRY(path != NULL ? capsa_buf_str(buf, path) : capsa_buf_format(buf, "%s/root.key", dir));
    return capsa_buf_cstr(buf, ret_path);
}

struct slots {
    struct capsa_cli *cli;
    struct capsa_json *list;
};

static capsa_result slot_value(const struct capsa_slot *slot, const char *manager,
                               struct capsa_json **ret_value)
{
    CAPSA_AUTO_FREE(capsa_json) value = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(value);
    CAPSA_TRY(capsa_json_set(value, "id", capsa_json_new_string(slot->id)));
    CAPSA_TRY(capsa_json_set(value, "provider", capsa_json_new_string(slot->provider->name)));
    CAPSA_TRY(capsa_json_set(
        value, "class", capsa_json_new_string(capsa_slot_class_name(slot->provider->trust_class))));
    CAPSA_TRY(capsa_json_set(value, "epoch", capsa_json_new_int(slot->epoch)));
    CAPSA_TRY(capsa_json_set(value, "manager", capsa_json_new_string(manager)));
    *ret_value = capsa_cli_hand(&value);
    return CAPSA_OK;
}

static capsa_result show_slot(void *context, const struct capsa_slot *slot, uint64_t version,
                              bool *ret_stop)
{
    (void)version;
    (void)ret_stop;
    struct slots *slots = context;
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
    const char *manager;
    struct capsa_json *value;
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(slot->manager_id, sizeof(slot->manager_id)), &hex));
    CAPSA_TRY(capsa_buf_cstr(&hex, &manager));
    capsa_cli_say(slots->cli, "%s: provider %s (%s), root epoch %" PRIu32 ", manager %s\n",
                  slot->id, slot->provider->name,
                  capsa_slot_class_name(slot->provider->trust_class), slot->epoch, manager);
    CAPSA_TRY(slot_value(slot, manager, &value));
    return capsa_json_push(slots->list, value);
}

static capsa_result run_slots(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(8));
    const char *location;
    CAPSA_TRY(existing_store(cli, &text, &location));
    CAPSA_AUTO_FREE(capsa_store) store = NULL;
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    struct slots slots = {cli, list};
    CAPSA_TRY(capsa_store_open(location, &store));
    CAPSA_TRY(capsa_store_slots(store, show_slot, &slots));
    return capsa_cli_set(cli, "slots", capsa_cli_hand(&list));
}

static capsa_result run_rekey(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_buf) root_text = capsa_buf_of(KIB(8));
    struct capsa_store_options options = {.provider = "file"};
    CAPSA_TRY(existing_store(cli, &text, &options.location));
    CAPSA_TRY(root_key_of(cli, &root_text, &options.provider_where));
    CAPSA_AUTO_FREE(capsa_store) store = NULL;
    CAPSA_TRY(capsa_store_open_sealed(&options, &store));
    CAPSA_TRY(capsa_store_rekey(store, options.provider_where, NULL, NULL));
    capsa_cli_say(cli,
                  "sealed %s anew: root epoch %" PRIu32 "; the root key file is the same. Backups "
                  "from before open with it as before\n",
                  options.location, capsa_store_epoch(store));
    return capsa_cli_set(cli, "epoch", capsa_json_new_int(capsa_store_epoch(store)));
}

/* ---- table ----------------------------------------------------------------------------------- */

#define WHICH_OPTIONS                                                                              \
    {"data-dir", "DIR", "the store in this data_dir of capsad", 0},                                \
    {                                                                                              \
        "store", "LOCATION", "instead: sqlite:FILE", 0                                             \
    }

static const struct capsa_cli_option backup_options[] = {
    WHICH_OPTIONS,
    {"to", "FILE", "a new file", CAPSA_CLI_NEEDED},
    {.name = NULL},
};

static const struct capsa_cli_option restore_options[] = {
    WHICH_OPTIONS,
    {"from", "FILE", "what capsa store backup wrote", CAPSA_CLI_NEEDED},
    {.name = NULL},
};

static const struct capsa_cli_option slots_options[] = {
    WHICH_OPTIONS,
    {.name = NULL},
};

static const struct capsa_cli_option rekey_options[] = {
    WHICH_OPTIONS,
    {"root-key", "FILE", "capsad's root_key_file; otherwise root.key in the data_dir", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"backup", "--data-dir DIR", "Copy a store to a file, also while capsad runs.", 0, 0, 0,
     backup_options, run_backup},
    {"restore", "--data-dir DIR", "Put a copy in the store's place, while capsad does not run.", 0,
     0, 0, restore_options, run_restore},
    {"slots", "--data-dir DIR", "Show what can open a store, while capsad does not run.", 0, 0, 0,
     slots_options, run_slots},
    {"rekey", "--data-dir DIR",
     "Seal everything in a store under a new root, while capsad does not run.", 0, 0, 0,
     rekey_options, run_rekey},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_store = {
    "store", NULL, "back up, restore and seal anew what a manager keeps", verbs, NULL};
