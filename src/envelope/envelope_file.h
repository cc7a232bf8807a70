/* SPDX-License-Identifier: Apache-2.0
 *
 * Encrypted files of any size in constant memory, in two formats (docs/explanation/FILES.md):
 *   capsa  ours: authenticated header, chunks bound to their place and to the end of the file;
 *          cutting, reordering, repeating, appending and mixing files are noticed
 *   sdc1   the original key manager's: blocks authenticated one by one, so a cut-off end is noticed
 *          by its count alone and reordered blocks are not noticed at all
 *
 * A destination is either as it was or complete: output goes to a temporary file beside it, which
 * takes its name when everything was read, verified and is on disk. So source and destination may
 * be the same file. Calls block, and work on up to CAPSA_LIMIT_file_threads threads of their own
 * that end before they return; together they hold at most CAPSA_LIMIT_file_buffers bytes. Nothing
 * here prints, and no key leaves.
 */
#pragma once

#include <stdint.h>

#include "base/limits.h"
#include "base/result.h"
#include "base/secret.h"

enum capsa_file_format {
    CAPSA_FILE_ANY, /* opening: told by the first bytes; sealing: CAPSA_FILE_CAPSA */
    CAPSA_FILE_CAPSA,
    CAPSA_FILE_SDC1,
};

/* "capsa" or "sdc1". */
CAPSA_RESULT capsa_file_format_parse(const char *name, enum capsa_file_format *ret_format);
const char *capsa_file_format_name(enum capsa_file_format format);

#define CAPSA_FILE_CHUNK_MIN     ((uint32_t)4096)
#define CAPSA_FILE_CHUNK_MAX     ((uint32_t)4194304)
#define CAPSA_FILE_CHUNK_DEFAULT ((uint32_t)262144)

/* All zero (or NULL instead of the struct) is a good choice. */
struct capsa_file_options {
    /* Sealing: what to write. Opening: the only format to accept. */
    enum capsa_file_format format;
    /* Sealing (capsa only): a name put into the authenticated header, which anybody can read; it
     * tells which key is needed. Opening: the name that the header must have; sdc1 has none and is
     * then refused. NULL: none. */
    const char *resource;
    uint32_t chunk;   /* sealing (capsa only): a power of two; 0: CAPSA_FILE_CHUNK_DEFAULT */
    unsigned threads; /* 0: one for each processor */
    bool replace;     /* an existing destination is replaced instead of CAPSA_E_EXISTS */
    /* Permission bits of the destination. 0: those of an existing destination; else, sealing, those
     * of the source without execution; else 0600, so opened data is its owner's alone. */
    unsigned mode;
    /* Told how many bytes of input are done, of how many (0: not known, a pipe), on the caller's
     * thread, never backwards, at last with done == total. False stops: CAPSA_E_CANCELLED, and the
     * destination is as it was. NULL: nobody is told. */
    bool (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/* `source` "-" is standard input, `destination` "-" standard output. A link as destination is
 * followed; anything but a regular file there is refused.
 *
 * `key` is a data key of 16, 24 or 32 bytes (AES-128, -192, -256). sdc1 begins with the number of
 * blocks, so it cannot go to standard output when the size of the source is not known:
 * CAPSA_E_UNSUPPORTED. A source that changes while it is read is CAPSA_E_IO. */
CAPSA_RESULT capsa_file_seal(const char *source, const char *destination, capsa_secret_bytes key,
                             const struct capsa_file_options *options);

/* CAPSA_E_UNAUTHENTIC: the wrong key, or a file that was altered. CAPSA_E_TRUNCATED: its end is
 * missing. CAPSA_E_MALFORMED: neither format, or bytes behind the end. On standard output only
 * authentic pieces in their order appear, but a failure may come after some of them: whoever reads
 * that stream must throw it away unless this succeeds. */
CAPSA_RESULT capsa_file_open(const char *source, const char *destination, capsa_secret_bytes key,
                             const struct capsa_file_options *options);

/* What a sealed file says of itself: needs no key, so nothing here is verified beyond that the
 * numbers fit the size of the file. */
struct capsa_file_info {
    enum capsa_file_format format;
    uint64_t sealed_size;                    /* bytes of the file */
    uint64_t plain_size;                     /* bytes it opens to */
    uint64_t pieces;                         /* chunks or blocks */
    uint32_t piece_size;                     /* plaintext bytes of all but the last */
    unsigned key_bytes;                      /* 16, 24 or 32; 0: the format does not say */
    char resource[CAPSA_LIMIT_id_bytes + 1]; /* "": none */
};
/* `path` must be a regular file. */
CAPSA_RESULT capsa_file_show(const char *path, struct capsa_file_info *ret_info);
