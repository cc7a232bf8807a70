/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of envelope_file: all records of one file through a codec, on several threads, in constant
 * memory. A thread takes a batch of records, does them, and puts the result where it belongs. Where
 * a side can seek, threads read or write at the offsets that follow from the batch's number; where
 * it cannot (a pipe), they take turns in the order of the batches. Opens and closes nothing.
 */
#pragma once

#include "envelope/envelope_file_format.h"

#define CAPSA_FILE_BATCH ((uint32_t)1048576) /* bytes, about; less only for shorter files */
#define CAPSA_FILE_AHEAD 2048                /* at least every header_max, and one */

struct capsa_file_input {
    int fd;
    const char *name; /* for messages */
    bool seeks;
    uint64_t base, size;             /* seeks: where the records begin, and their bytes */
    uint8_t ahead[CAPSA_FILE_AHEAD]; /* a pipe's bytes that were read already and not used */
    size_t ahead_len;
};

struct capsa_file_output {
    int fd;
    const char *name;
    bool seeks;
    uint64_t base; /* seeks: where the records begin */
};

struct capsa_file_work {
    const struct capsa_file_codec *codec;
    bool sealing;
    struct capsa_file_input *in;
    const struct capsa_file_output *out;
    const struct capsa_file_options *options; /* threads, progress */
    uint64_t header_in; /* bytes of input that were done before, for progress */
};

/* Up to `len` bytes; fewer only at the end of the input. */
CAPSA_RESULT capsa_file_read_at(const struct capsa_file_input *in, uint64_t at, uint8_t *data,
                                size_t len, size_t *ret_len);
CAPSA_RESULT capsa_file_read_next(struct capsa_file_input *in, uint8_t *data, size_t len,
                                  size_t *ret_len);
CAPSA_RESULT capsa_file_write_at(const struct capsa_file_output *out, uint64_t at,
                                 capsa_bytes bytes);
CAPSA_RESULT capsa_file_write_next(const struct capsa_file_output *out, capsa_bytes bytes);

/* Returns when every record is written and every thread has ended. */
CAPSA_RESULT capsa_file_run(const struct capsa_file_work *work, uint64_t *ret_records,
                            uint64_t *ret_bytes_in);
