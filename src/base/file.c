/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are never half written (file.h).
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
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

static capsa_result folder_open(const char *path, int *ret_fd)
{
    char *copy = capsa_strdup(path);
    CAPSA_REQUIRE_MEMORY(copy);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    capsa_dealloc(copy);
    CAPSA_REQUIRE(fd >= 0, IO, "cannot open the folder of %s: %s", path, strerror(errno));
    *ret_fd = fd;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_file_out_open(const char *path, unsigned mode, bool replace,
                                 struct capsa_file_out *ret_out)
{
    CAPSA_REQUIRE(replace || access(path, F_OK) != 0, EXISTS, "%s exists already", path);
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(8));
    CAPSA_TRY(capsa_buf_format(&name, "%s.part-XXXXXX", path));
    capsa_file_out out = {.fd = -1, .replace = replace};
    CAPSA_TRY(capsa_buf_take_str(&name, &out.temporary));
    out.path = capsa_strdup(path);
    if (out.path == NULL) {
        capsa_dealloc(out.temporary);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    out.fd = mkostemp(out.temporary, O_CLOEXEC); /* mode 0600 */
    if (out.fd < 0 || fchmod(out.fd, (mode_t)mode) != 0) {
        capsa_result result = capsa_error_make(CAPSA_E_IO, __FILE__, __LINE__,
                                               "cannot write beside %s: %s", path, strerror(errno));
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

static capsa_result take_name(struct capsa_file_out *out)
{
    if (out->replace) {
        CAPSA_REQUIRE(rename(out->temporary, out->path) == 0, IO, "cannot replace %s: %s",
                      out->path, strerror(errno));
    } else { /* link refuses an existing name; rename would not */
        CAPSA_REQUIRE(link(out->temporary, out->path) == 0, EXISTS, "cannot create %s: %s",
                      out->path, strerror(errno));
        (void)unlink(out->temporary);
    }
    capsa_dealloc(out->temporary);
    out->temporary = NULL;
    return CAPSA_OK;
}

/* Whatever can fail comes before the name is taken; behind it there is only the folder's sync. */
CAPSA_RESULT capsa_file_out_commit(struct capsa_file_out *out)
{
    CAPSA_REQUIRE(fsync(out->fd) == 0, IO, "cannot sync %s: %s", out->path, strerror(errno));
    int closed = close(out->fd);
    out->fd = -1;
    CAPSA_REQUIRE(closed == 0, IO, "cannot close %s: %s", out->path, strerror(errno));
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
