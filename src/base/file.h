/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole small files: read with a limit; written so that the destination is either as it was or
 * complete and on disk. Blocking.
 */
#pragma once

#include <stdio.h>

#include "base/buf.h"
#include "base/result.h"

/* Append the file's content to `ret_content`, whose max is the limit. "-" is standard input. */
CAPSA_RESULT capsa_file_read(const char *path, capsa_buf *ret_content);

/* Write to a temporary file beside `path`, fsync, rename, fsync the folder. Mode as given, never
 * wider for an instant. `replace` false: an existing file is CAPSA_E_EXISTS. */
CAPSA_RESULT capsa_file_write(const char *path, capsa_bytes content, unsigned mode, bool replace);

/* The same for content that comes piece by piece. Dropping before _commit removes the temporary
 * file and leaves the destination alone. */
struct capsa_file_out {
    int fd; /* -1: closed */
    char *path;
    char *temporary;
    bool replace;
};
CAPSA_RESULT capsa_file_out_open(const char *path, unsigned mode, bool replace,
                                 struct capsa_file_out *ret_out);
CAPSA_RESULT capsa_file_out_write(struct capsa_file_out *out, capsa_bytes bytes);
CAPSA_RESULT capsa_file_out_commit(struct capsa_file_out *out);
void capsa_file_out_drop(struct capsa_file_out *out);
typedef struct capsa_file_out capsa_file_out;
