/* SPDX-License-Identifier: Apache-2.0
 *
 * "file:PATH": the latest checkpoint in a file elsewhere, on another disk or another machine's
 * share, where whoever puts the store back does not reach. The lease is a lock on PATH.lock, which
 * ends with its holder. Only writes of a whole file happen here, so an empty or overlong one is
 * none of ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit_anchor.h"
#include "base/alloc.h"
#include "base/file.h"

struct file_anchor {
    struct capsa_anchor base;
    char *path;
    int lock;
};

static void file_close(struct capsa_anchor *base)
{
    struct file_anchor *anchor = (struct file_anchor *)base;
    if (anchor->lock >= 0) {
        (void)close(anchor->lock); /* the lock goes with it */
    }
    capsa_dealloc(anchor->path);
    capsa_dealloc(anchor);
}

/* The lock file stays: who removed it could let two holders in. */
static capsa_result take_lease(struct file_anchor *anchor)
{
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(PATH_MAX);
    const char *path;
    CAPSA_TRY(capsa_buf_format(&name, "%s.lock", anchor->path));
    CAPSA_TRY(capsa_buf_cstr(&name, &path));
    anchor->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    CAPSA_REQUIRE(anchor->lock >= 0, IO, "cannot open the anchor's lock %s: %s", path,
                  strerror(errno));
    int rc = flock(anchor->lock, LOCK_EX | LOCK_NB);
    CAPSA_REQUIRE(rc == 0 || errno != EWOULDBLOCK, BUSY,
                  "the anchor %s is held by another manager: a copy of this one runs",
                  anchor->path);
    CAPSA_REQUIRE(rc == 0, IO, "cannot lock %s: %s", path, strerror(errno));
    return CAPSA_OK;
}

static capsa_result file_open(const char *where, struct capsa_anchor **ret_anchor)
{
    struct file_anchor *anchor = CAPSA_NEW(struct file_anchor);
    CAPSA_REQUIRE_MEMORY(anchor);
    anchor->base.ops = &capsa_anchor_file;
    anchor->lock = -1;
    anchor->path = capsa_strdup(where);
    capsa_result result = anchor->path == NULL
                              ? capsa_error_make(CAPSA_E_NOMEM, __FILE__, __LINE__, "out of memory")
                              : take_lease(anchor);
    if (capsa_failed(result)) {
        file_close(&anchor->base);
        return result;
    }
    *ret_anchor = &anchor->base;
    return CAPSA_OK;
}

static capsa_result file_get(struct capsa_anchor *base, capsa_buf *note)
{
    const char *path = ((const struct file_anchor *)base)->path;
    struct stat status;
    if (stat(path, &status) != 0) {
        CAPSA_REQUIRE(errno == ENOENT, IO, "cannot read the anchor %s: %s", path, strerror(errno));
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(S_ISREG(status.st_mode), IO, "the anchor %s is no regular file", path);
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    capsa_result result = capsa_file_read(path, &content);
    CAPSA_REQUIRE(capsa_code_of(result) != CAPSA_E_TOO_LARGE, TAMPERED,
                  "the anchor %s holds more than a checkpoint", path);
    CAPSA_TRY(result);
    CAPSA_REQUIRE(content.len > 0, TAMPERED, "the anchor %s is empty", path);
    return capsa_buf_append(note, capsa_buf_bytes(&content));
}

static capsa_result file_advance(struct capsa_anchor *base, capsa_bytes from, capsa_bytes to)
{
    const struct file_anchor *anchor = (const struct file_anchor *)base;
    CAPSA_REQUIRE(to.len > 0 && to.len <= CAPSA_LIMIT_checkpoint_bytes, USAGE,
                  "an anchor takes checkpoints");
    CAPSA_AUTO(capsa_buf) now = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    CAPSA_TRY(file_get(base, &now));
    CAPSA_REQUIRE(capsa_bytes_equal(capsa_buf_bytes(&now), from), CONFLICT,
                  "the anchor %s was moved by somebody else: a copy of this manager runs",
                  anchor->path);
    return capsa_file_write(anchor->path, to, 0600, from.len > 0);
}

const struct capsa_anchor_ops capsa_anchor_file = {
    .name = "file",
    .open = file_open,
    .close = file_close,
    .get = file_get,
    .advance = file_advance,
};
