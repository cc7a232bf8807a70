/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa store: copies of a daemon's store.
 */
#include "base/file.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "store/store.h"

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

static const struct capsa_cli_verb verbs[] = {
    {"backup", "--data-dir DIR", "Copy a store to a file, also while capsad runs.", 0, 0, 0,
     backup_options, run_backup},
    {"restore", "--data-dir DIR", "Put a copy in the store's place, while capsad does not run.", 0,
     0, 0, restore_options, run_restore},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_store = {
    "store", NULL, "back up and restore what a manager keeps", verbs, NULL};
