/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: the kernel's files and devices, as attesters use them. Every failure says
 * what was done, to which path, and what the kernel answered. Blocks.
 */
#pragma once

#include <limits.h>
#include <stdio.h>

#include "attester/attester.h"

typedef struct {
    int fd; /* -1: closed */
    char path[PATH_MAX];
} capsa_device;
void capsa_device_drop(capsa_device *device);

/* `path` (of the real machine) behind options->root. TOO_LARGE. */
CAPSA_RESULT capsa_device_path(const struct capsa_attester_options *options, const char *path,
                               char ret_path[PATH_MAX]);
/* Is there anything at all of this name? */
bool capsa_device_exists(const struct capsa_attester_options *options, const char *path);

/* `flags` as for open(2); `path` is a whole one, of capsa_device_path. */
CAPSA_RESULT capsa_device_open(const char *path, int flags, capsa_device *ret_device);
/* The same for a path of the real machine, behind options->root. */
CAPSA_RESULT capsa_device_open_at(const struct capsa_attester_options *options, const char *path,
                                  int flags, capsa_device *ret_device);
/* All of `bytes` in one write(2): these files take a value a write. */
CAPSA_RESULT capsa_device_write(const capsa_device *device, capsa_bytes bytes);
/* From where it stands to its end, appended; over ret_content's max is TOO_LARGE. */
CAPSA_RESULT capsa_device_read(const capsa_device *device, capsa_buf *ret_content);
/* Open, read, close. */
CAPSA_RESULT capsa_device_read_file(const char *path, capsa_buf *ret_content);
CAPSA_RESULT capsa_device_write_file(const char *path, capsa_bytes bytes);

/* ioctl(2) again while it is interrupted; 0, or errno. */
int capsa_device_ioctl(const capsa_device *device, unsigned long request, void *argument);

/* Memory that begins with a page, zeroed, nothing else beside it: what firmware reads and writes.
 * Wiped with its scope. Not on a stack, whose alignment is the compiler's affair. */
typedef struct {
    uint8_t *bytes;
    size_t size;
} capsa_device_pages;
CAPSA_RESULT capsa_device_pages_new(size_t size, capsa_device_pages *ret_pages);
void capsa_device_pages_drop(capsa_device_pages *pages);

/* The error for an errno: BUSY and TIMEOUT may be asked again, UNSUPPORTED is of machines without
 * the interface, all else is IO. */
capsa_result capsa_device_failed(const char *file, int line, int error, const char *what,
                                 const char *path);
#define CAPSA_DEVICE_REQUIRE(condition, error, what, path)                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return capsa_error_made(capsa_device_failed(__FILE__, __LINE__, error, what, path));   \
        }                                                                                          \
    } while (0)

/* ---- Again ------------------------------------------------------------------------------------
 */

/* Counts how often something busy was asked, with a pause before each further time that doubles up
 * to 2 s. Start from {options->tries}. */
struct capsa_device_tries {
    unsigned allowed; /* 0: a dozen */
    unsigned used;
};
/* True, after the pause: ask again. `failed` is what happened; what is not BUSY or TIMEOUT is
 * final. */
bool capsa_device_again(struct capsa_device_tries *tries, capsa_result failed);

/* One question to an open device. Appends to both only when it succeeds. */
typedef capsa_result capsa_device_question(const capsa_device *device,
                                           const uint8_t report_data[CAPSA_REPORT_DATA],
                                           capsa_buf *ret_evidence, capsa_buf *ret_certs);
/* Open `path` of the real machine and ask, again while it is busy. */
CAPSA_RESULT capsa_device_ask(const struct capsa_attester_options *options, const char *path,
                              int flags, capsa_device_question *question,
                              const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
                              capsa_buf *ret_certs);
