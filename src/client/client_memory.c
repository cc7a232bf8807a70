/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client remembers (client_memory.h).
 */
#include "client/client_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"

#define FOLDER_MODE 0700
#define FILE_MODE   0600
#define NOTE_MAX    KIB(4)
#define PATH_TEXT   KIB(8)

/* ---- places ---------------------------------------------------------------------------------- */

static capsa_result path_of(const struct capsa_client_memory *memory, const char *name,
                            capsa_buf *path, const char **ret_path)
{
    CAPSA_TRY(capsa_buf_format(path, "%s/%s", memory->folder, name));
    return capsa_buf_cstr(path, ret_path);
}

CAPSA_RESULT capsa_memory_checkpoint_path(const struct capsa_client_memory *memory, const char *id,
                                          capsa_buf *path)
{
    return capsa_buf_format(path, "%s/checkpoints/%s", memory->folder, id);
}

static capsa_result make_folder(const char *path)
{
    CAPSA_REQUIRE(mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST, IO,
                  "cannot make the folder %s: %s", path, strerror(errno));
    return CAPSA_OK;
}

/* The folder, and those above it. */
static capsa_result make_folders(const char *path)
{
    CAPSA_AUTO(capsa_buf) part = capsa_buf_of(PATH_TEXT);
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        capsa_buf_clear(&part);
        CAPSA_TRY(capsa_buf_append(&part, capsa_bytes_of(path, (size_t)(slash - path))));
        const char *text;
        CAPSA_TRY(capsa_buf_cstr(&part, &text));
        CAPSA_TRY(make_folder(text));
    }
    return make_folder(path);
}

static capsa_result make_places(const struct capsa_client_memory *memory)
{
    CAPSA_TRY(make_folders(memory->folder));
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(PATH_TEXT);
    const char *checkpoints;
    CAPSA_TRY(path_of(memory, "checkpoints", &path, &checkpoints));
    return make_folder(checkpoints);
}

/* ---- the lock -------------------------------------------------------------------------------- */

typedef struct {
    int fd; /* -1: not held */
} memory_lock;

static void memory_lock_drop(memory_lock *lock)
{
    if (lock->fd >= 0) {
        (void)close(lock->fd); /* gives the lock back */
    }
    lock->fd = -1;
}

static capsa_result take_lock(const struct capsa_client_memory *memory, memory_lock *ret_lock)
{
    CAPSA_TRY(make_places(memory));
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(PATH_TEXT);
    const char *name;
    CAPSA_TRY(path_of(memory, "lock", &path, &name));
    CAPSA_AUTO(memory_lock) lock = {open(name, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE)};
    CAPSA_REQUIRE(lock.fd >= 0, IO, "cannot open %s: %s", name, strerror(errno));
    int locked;
    do {
        locked = flock(lock.fd, LOCK_EX);
    } while (locked != 0 && errno == EINTR);
    CAPSA_REQUIRE(locked == 0, IO, "cannot lock %s: %s", name, strerror(errno));
    *ret_lock = lock;
    lock.fd = -1;
    return CAPSA_OK;
}

/* ---- known managers -------------------------------------------------------------------------- */

/* Nothing for a file that is not there. */
static capsa_result read_file(const char *path, capsa_buf *ret_content)
{
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return CAPSA_OK;
    }
    return capsa_file_read(path, ret_content);
}

static capsa_result read_known(const struct capsa_client_memory *memory, capsa_buf *path,
                               capsa_buf *ret_text, const char **ret_path)
{
    CAPSA_TRY(path_of(memory, "known_managers", path, ret_path));
    return read_file(*ret_path, ret_text);
}

CAPSA_RESULT capsa_memory_find(const struct capsa_client_memory *memory, const char *address,
                               bool *ret_found, struct capsa_known *ret_known)
{
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(PATH_TEXT);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_known_managers);
    const char *path;
    CAPSA_TRY(read_known(memory, &name, &text, &path));
    CAPSA_TRY_AT(capsa_known_find(capsa_buf_bytes(&text), address, ret_found, ret_known), "%s",
                 path);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_memory_walk(const struct capsa_client_memory *memory, capsa_known_each each,
                               void *context)
{
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(PATH_TEXT);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_known_managers);
    const char *path;
    CAPSA_TRY(read_known(memory, &name, &text, &path));
    CAPSA_TRY_AT(capsa_known_walk(capsa_buf_bytes(&text), each, context), "%s", path);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_memory_remember(const struct capsa_client_memory *memory,
                                   const struct capsa_known *known)
{
    CAPSA_AUTO(memory_lock) lock = {-1};
    CAPSA_TRY(take_lock(memory, &lock));
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(PATH_TEXT);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_known_managers);
    const char *path;
    CAPSA_TRY(read_known(memory, &name, &text, &path));
    bool found;
    struct capsa_known old;
    CAPSA_TRY_AT(capsa_known_find(capsa_buf_bytes(&text), known->address, &found, &old), "%s",
                 path);
    if (found && capsa_streq(old.id, known->id)) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) more = capsa_buf_of(CAPSA_LIMIT_known_managers);
    CAPSA_TRY_AT(capsa_known_add(capsa_buf_bytes(&text), known, &more), "%s", path);
    return capsa_file_write(path, capsa_buf_bytes(&more), FILE_MODE, true);
}

static capsa_result count_id(void *context, const struct capsa_known *known)
{
    struct capsa_known *wanted = context;
    if (capsa_streq(wanted->id, known->id)) {
        wanted->address[0] = '\0'; /* it has another address */
    }
    return CAPSA_OK;
}

/* The checkpoint of a manager that is known at no address any more. */
static capsa_result drop_checkpoint(const struct capsa_client_memory *memory, capsa_bytes text,
                                    const struct capsa_known *gone)
{
    struct capsa_known wanted = *gone;
    CAPSA_TRY(capsa_known_walk(text, count_id, &wanted));
    if (wanted.address[0] == '\0') {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(PATH_TEXT);
    CAPSA_TRY(capsa_memory_checkpoint_path(memory, gone->id, &name));
    const char *path;
    CAPSA_TRY(capsa_buf_cstr(&name, &path));
    CAPSA_REQUIRE(unlink(path) == 0 || errno == ENOENT, IO, "cannot remove %s: %s", path,
                  strerror(errno));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_memory_forget(const struct capsa_client_memory *memory, const char *address,
                                 struct capsa_known *ret_known)
{
    CAPSA_AUTO(memory_lock) lock = {-1};
    CAPSA_TRY(take_lock(memory, &lock));
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(PATH_TEXT);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_known_managers);
    const char *path;
    CAPSA_TRY(read_known(memory, &name, &text, &path));
    bool found;
    struct capsa_known known;
    CAPSA_TRY_AT(capsa_known_find(capsa_buf_bytes(&text), address, &found, &known), "%s", path);
    CAPSA_REQUIRE(found, NOT_FOUND, "%s has no manager at %s", path, address);
    CAPSA_AUTO(capsa_buf) rest = capsa_buf_of(CAPSA_LIMIT_known_managers + 1);
    CAPSA_TRY_AT(capsa_known_remove(capsa_buf_bytes(&text), address, &rest), "%s", path);
    CAPSA_TRY(capsa_file_write(path, capsa_buf_bytes(&rest), FILE_MODE, true));
    CAPSA_TRY(drop_checkpoint(memory, capsa_buf_bytes(&rest), &known));
    *ret_known = known;
    return CAPSA_OK;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

CAPSA_RESULT capsa_memory_checkpoint(const struct capsa_client_memory *memory, const char *id,
                                     capsa_buf *note)
{
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(PATH_TEXT);
    CAPSA_TRY(capsa_memory_checkpoint_path(memory, id, &name));
    const char *path;
    CAPSA_TRY(capsa_buf_cstr(&name, &path));
    return read_file(path, note);
}

CAPSA_RESULT capsa_memory_advance(const struct capsa_client_memory *memory, const char *id,
                                  capsa_bytes from, capsa_bytes to, bool *ret_done)
{
    CAPSA_AUTO(memory_lock) lock = {-1};
    CAPSA_TRY(take_lock(memory, &lock));
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(PATH_TEXT);
    CAPSA_TRY(capsa_memory_checkpoint_path(memory, id, &name));
    const char *path;
    CAPSA_TRY(capsa_buf_cstr(&name, &path));
    CAPSA_AUTO(capsa_buf) now = capsa_buf_of(NOTE_MAX);
    CAPSA_TRY(read_file(path, &now));
    bool same = capsa_bytes_equal(capsa_buf_bytes(&now), from);
    if (same) {
        CAPSA_TRY(capsa_file_write(path, to, FILE_MODE, true));
    }
    *ret_done = same;
    return CAPSA_OK;
}
