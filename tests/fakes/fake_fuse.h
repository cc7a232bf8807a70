/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fakes that are file systems share: mounting in the foreground, and a line "ready" on
 * standard output once the kernel will ask us. They serve one request at a time, until SIGTERM.
 */
#pragma once

#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_evidence.h"

/* Asked by the leak sanitizer. libfuse forgets the request that it is waiting for when the signal
 * comes that ends it. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfuse3";
}

__attribute__((visibility("default"))) const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

#define FUSE_ENDED_BY_SIGNAL 8 /* what fuse_main returns then: it is how a fake is stopped */

static inline void *fake_fuse_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->direct_io = 1; /* sizes are not known before a file is opened */
    config->attr_timeout = 0;
    config->entry_timeout = 0;
    config->negative_timeout = 0;
    (void)printf("ready\n");
    (void)fflush(stdout);
    return fuse_get_context()->private_data;
}

static inline int fake_fuse_serve(const char *program, const char *mount,
                                  const struct fuse_operations *operations, void *data)
{
    char name[256], where[4096];
    char foreground[] = "-f", single[] = "-s";
    (void)snprintf(name, sizeof(name), "%s", program);
    (void)snprintf(where, sizeof(where), "%s", mount);
    char *argv[] = {name, foreground, single, where, NULL};
    int status = fuse_main(4, argv, operations, data);
    return status == FUSE_ENDED_BY_SIGNAL ? 0 : status;
}

static inline void fake_fuse_attributes(struct stat *status, bool is_folder, mode_t mode)
{
    *status = (struct stat){.st_mode = (is_folder ? S_IFDIR : S_IFREG) | mode,
                            .st_nlink = is_folder ? 2 : 1,
                            .st_uid = getuid(),
                            .st_gid = getgid()};
}

/* The part of `content` that a read of `size` bytes at `offset` gets. */
static inline int fake_fuse_piece(capsa_bytes content, char *out, size_t size, off_t offset)
{
    capsa_bytes rest = capsa_bytes_from(content, (size_t)offset);
    size_t len = rest.len < size ? rest.len : size;
    if (len > 0) {
        memcpy(out, rest.data, len);
    }
    return (int)len;
}
