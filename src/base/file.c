/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are never half written (file.h).
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

CAPSA_RESULT capsa_file_read(const char *path, capsa_buf *ret_content)
{
    int fd = capsa_streq(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    CAPSA_REQUIRE(fd >= 0, IO, "cannot open %s: %s", path, strerror(errno));
    capsa_result result = CAPSA_OK;
    uint8_t chunk[16384];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            result = capsa_error_make(CAPSA_E_IO, __FILE__, __LINE__, "cannot read %s: %s", path,
                                      strerror(errno));
        } else if (got > 0) {
            result = capsa_buf_append(ret_content, capsa_bytes_of(chunk, (size_t)got));
        }
        if (got <= 0 || capsa_failed(result)) {
            break;
        }
    }
    (void)close(fd);
    explicit_bzero(chunk, sizeof(chunk));
    return capsa_failed(result) ? capsa_error_within(result, "%s", path) : result;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* The folder part of a path, in `folder`: "." for a bare name. */
static void folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path) + (slash == path);
    memcpy(folder, path, len);
    memcpy(folder + len, len == 0 ? "." : "", len == 0 ? 2 : 1);
}

static capsa_result find_existing(const char *path, const struct stat *status,
                                  struct capsa_file_place *place)
{
    mode_t kind = status->st_mode & S_IFMT;
    CAPSA_REQUIRE(kind != S_IFDIR, IO, "%s is a folder; name a file in it", path);
    CAPSA_REQUIRE(kind == S_IFREG || kind == S_IFCHR || kind == S_IFIFO, IO,
                  "%s is not a regular file (standard output is -)", path);
    place->exists = kind == S_IFREG;
    place->direct = kind != S_IFREG;
    place->mode = status->st_mode & 0777U;
    if (place->direct) { /* /dev/stdout leads to what has no name */
        memcpy(place->path, path, strlen(path) + 1);
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(realpath(path, place->path) != NULL, IO, "cannot find %s: %s", path,
                  strerror(errno));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_file_place_find(const char *path, struct capsa_file_place *ret_place)
{
    struct capsa_file_place place = {.exists = false};
    struct stat status;
    size_t len = strlen(path);
    CAPSA_REQUIRE(len > 0 && len < PATH_MAX, USAGE,
                  "the name of a file to write is empty or too long");
    if (stat(path, &status) == 0) {
        CAPSA_TRY(find_existing(path, &status, &place));
    } else {
        int error = errno;
        CAPSA_REQUIRE(lstat(path, &status) != 0, IO, "%s is a link to nothing", path);
        CAPSA_REQUIRE(path[len - 1] != '/', IO, "%s is a folder; name a file in it", path);
        folder_of(path, place.path);
        CAPSA_REQUIRE(error != ENOENT || access(place.path, F_OK) == 0, IO,
                      "cannot write %s: there is no folder %s", path, place.path);
        CAPSA_REQUIRE(error == ENOENT, IO, "cannot look at %s: %s", path, strerror(error));
        memcpy(place.path, path, len + 1);
    }
    *ret_place = place;
    return CAPSA_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static capsa_result folder_open(const char *path, int *ret_fd)
{
    char folder[PATH_MAX];
    folder_of(path, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CAPSA_REQUIRE(fd >= 0, IO, "cannot open the folder of %s: %s", path, strerror(errno));
    *ret_fd = fd;
    return CAPSA_OK;
}

/* The temporary name is the destination's and an ending, cut where that is too long for a name. */
static capsa_result open_temporary(const char *path, struct capsa_file_out *out)
{
    static const char ending[] = ".part-XXXXXX";
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t room = NAME_MAX - (sizeof(ending) - 1);
    size_t len = strlen(name) < room ? strlen(name) : room;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(PATH_MAX + sizeof(ending));
    CAPSA_TRY(capsa_buf_append(&text, capsa_bytes_of(path, (size_t)(name - path) + len)));
    CAPSA_TRY(capsa_buf_str(&text, ending));
    CAPSA_TRY(capsa_buf_take_str(&text, &out->temporary));
    out->fd = mkostemp(out->temporary, O_CLOEXEC); /* mode 0600 */
    int error = errno;
    if (out->fd < 0) { /* nothing is there to be removed */
        capsa_dealloc(out->temporary);
        out->temporary = NULL;
    }
    CAPSA_REQUIRE(out->fd >= 0, IO, "cannot write beside %s: %s", path, strerror(error));
    return CAPSA_OK;
}

static capsa_result open_at(const struct capsa_file_place *place, unsigned mode,
                            struct capsa_file_out *out)
{
    out->path = capsa_strdup(place->path);
    CAPSA_REQUIRE_MEMORY(out->path);
    if (place->direct) {
        out->fd = open(place->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        CAPSA_REQUIRE(out->fd >= 0, IO, "cannot write %s: %s", place->path, strerror(errno));
        return CAPSA_OK;
    }
    CAPSA_TRY(open_temporary(place->path, out));
    CAPSA_REQUIRE(fchmod(out->fd, (mode_t)mode) == 0, IO, "cannot write beside %s: %s", place->path,
                  strerror(errno));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_file_out_open(const char *path, unsigned mode, bool replace,
                                 struct capsa_file_out *ret_out)
{
    struct capsa_file_place place;
    CAPSA_TRY(capsa_file_place_find(path, &place));
    CAPSA_REQUIRE(replace || !place.exists, EXISTS, "%s exists already", path);
    capsa_file_out out = {.fd = -1, .replace = replace};
    capsa_result result = open_at(&place, mode, &out);
    if (capsa_failed(result)) {
        capsa_file_out_drop(&out);
        return result;
    }
    *ret_out = out;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_file_out_write(struct capsa_file_out *out, capsa_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t wrote = write(out->fd, bytes.data, bytes.len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        CAPSA_REQUIRE(wrote > 0, IO, "cannot write %s: %s", out->path, strerror(errno));
        bytes = capsa_bytes_from(bytes, (size_t)wrote);
    }
    return CAPSA_OK;
}

/* A rename that refuses an existing name, or else a link, which does so too. Where the file system
 * has neither, look and rename. */
static int take_free_name(const char *temporary, const char *path)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno == EEXIST) {
        return EEXIST;
    }
    if (link(temporary, path) == 0) {
        (void)unlink(temporary);
        return 0;
    }
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK) {
        return errno;
    }
    if (access(path, F_OK) == 0) {
        return EEXIST;
    }
    return rename(temporary, path) == 0 ? 0 : errno;
}

static capsa_result take_name(struct capsa_file_out *out)
{
    if (out->replace) {
        CAPSA_REQUIRE(rename(out->temporary, out->path) == 0, IO, "cannot replace %s: %s",
                      out->path, strerror(errno));
    } else {
        int error = take_free_name(out->temporary, out->path);
        CAPSA_REQUIRE(error != EEXIST, EXISTS, "%s exists already", out->path);
        CAPSA_REQUIRE(error == 0, IO, "cannot create %s: %s", out->path, strerror(error));
    }
    capsa_dealloc(out->temporary);
    out->temporary = NULL;
    return CAPSA_OK;
}

/* Whatever can fail comes before the name is taken; behind it there is only the folder's sync. */
CAPSA_RESULT capsa_file_out_commit(struct capsa_file_out *out)
{
    bool direct = out->temporary == NULL;
    CAPSA_REQUIRE(direct || fsync(out->fd) == 0, IO, "cannot sync %s: %s", out->path,
                  strerror(errno));
    int closed = close(out->fd);
    out->fd = -1;
    CAPSA_REQUIRE(closed == 0, IO, "cannot close %s: %s", out->path, strerror(errno));
    if (direct) {
        return CAPSA_OK;
    }
    int folder = -1;
    CAPSA_TRY(folder_open(out->path, &folder));
    capsa_result result = take_name(out);
    if (!capsa_failed(result) && fsync(folder) != 0 && errno != EINVAL) {
        result = capsa_error_make(CAPSA_E_IO, __FILE__, __LINE__,
                                  "cannot sync the folder of %s: %s", out->path, strerror(errno));
    }
    (void)close(folder);
    return result;
}

void capsa_file_out_drop(struct capsa_file_out *out)
{
    if (out->fd >= 0) {
        (void)close(out->fd);
        out->fd = -1;
    }
    if (out->temporary != NULL) {
        (void)unlink(out->temporary);
    }
    capsa_dealloc(out->temporary);
    capsa_dealloc(out->path);
    out->temporary = NULL;
    out->path = NULL;
}

CAPSA_RESULT capsa_file_write(const char *path, capsa_bytes content, unsigned mode, bool replace)
{
    CAPSA_AUTO(capsa_file_out) out = {.fd = -1};
    CAPSA_TRY(capsa_file_out_open(path, mode, replace, &out));
    CAPSA_TRY(capsa_file_out_write(&out, content));
    return capsa_file_out_commit(&out);
}
