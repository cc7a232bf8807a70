/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole small files: read with a limit; written so that the destination is either as it was or
 * complete and on disk. Blocking.
 */
#pragma once

#include <limits.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/result.h"

/* Append the file's content to `ret_content`, whose max is the limit. "-" is standard input. */
CAPSA_RESULT capsa_file_read(const char *path, capsa_buf *ret_content);

/* Where a destination really lies: links are followed, so that what they point at is written and
 * they stay. A folder, a link to nothing, a socket or a block device is CAPSA_E_IO; so is a name in
 * a folder that is not there. */
struct capsa_file_place {
    char path[PATH_MAX];
    bool exists;   /* as a regular file */
    bool direct;   /* a character device or a FIFO: written as it is, with no temporary file */
    unsigned mode; /* the permission bits of an existing file */
};
CAPSA_RESULT capsa_file_place_find(const char *path, struct capsa_file_place *ret_place);

/* Write to a temporary file beside where `path` really lies, fsync, take the name, fsync the
 * folder. Mode as given, never wider for an instant. `replace` false: an existing file is
 * CAPSA_E_EXISTS, also one that appears meanwhile; on file systems that have neither hard links nor
 * a rename that spares what is there, such a late one is not noticed. */
CAPSA_RESULT capsa_file_write(const char *path, capsa_bytes content, unsigned mode, bool replace);

/* The same for content that comes piece by piece. Dropping before _commit removes the temporary
 * file and leaves the destination alone. */
struct capsa_file_out {
    int fd;          /* -1: closed */
    char *path;      /* where the file really lies */
    char *temporary; /* NULL: `path` is written directly (capsa_file_place), or committed */
    bool replace;
};
CAPSA_RESULT capsa_file_out_open(const char *path, unsigned mode, bool replace,
                                 struct capsa_file_out *ret_out);
CAPSA_RESULT capsa_file_out_write(struct capsa_file_out *out, capsa_bytes bytes);
CAPSA_RESULT capsa_file_out_commit(struct capsa_file_out *out);
void capsa_file_out_drop(struct capsa_file_out *out);
typedef struct capsa_file_out capsa_file_out;
