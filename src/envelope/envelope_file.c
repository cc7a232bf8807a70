/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing, opening and showing files (envelope_file.h): which files are read and written, and when
 * the destination takes its name. The formats are in envelope_file_capsa.c and _sdc1.c, the threads
 * in envelope_file_pipe.c.
 */
#include "envelope/envelope_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "envelope/envelope_file_pipe.h"

#define MODE_OPENED  0600U
#define MODE_NO_EXEC 0666U

static const struct capsa_file_options no_options;

/* ---- the source ------------------------------------------------------------------------------ */

struct file_source {
    struct capsa_file_input input; /* its base is where the file begins, until the header is read */
    struct stat status;            /* when it was opened */
};

static void file_source_drop(struct file_source *source)
{
    if (source->input.fd >= 0) {
        (void)close(source->input.fd);
        source->input.fd = -1;
    }
    explicit_bzero(source->input.ahead, sizeof(source->input.ahead)); /* may be plaintext */
}
typedef struct file_source file_source;

/* A regular file's size is known. One of no bytes may be a kernel's file that has content all the
 * same, so it is read like a pipe. Standard input may be a file of which a part was read. */
static void size_find(struct file_source *source, bool is_standard)
{
    struct capsa_file_input *input = &source->input;
    off_t at = is_standard ? lseek(input->fd, 0, SEEK_CUR) : 0;
    if (S_ISREG(source->status.st_mode) && at >= 0 && at < source->status.st_size) {
        input->seeks = true;
        input->base = (uint64_t)at;
        input->size = (uint64_t)(source->status.st_size - at);
    }
}

static capsa_result source_open(const char *path, struct file_source *source)
{
    bool is_standard = capsa_streq(path, "-");
    struct capsa_file_input *input = &source->input;
    input->name = is_standard ? "standard input" : path;
    input->fd = is_standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                            : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    CAPSA_REQUIRE(input->fd >= 0, IO, "cannot open %s: %s", input->name, strerror(errno));
    CAPSA_REQUIRE(fstat(input->fd, &source->status) == 0, IO, "cannot look at %s: %s", input->name,
                  strerror(errno));
    CAPSA_REQUIRE(!S_ISDIR(source->status.st_mode), IO, "%s is a folder, not a file", input->name);
    size_find(source, is_standard);
    return CAPSA_OK;
}

/* A file that was written meanwhile was read half old and half new. */
static capsa_result source_unchanged_check(const struct file_source *source)
{
    struct stat now;
    CAPSA_REQUIRE(fstat(source->input.fd, &now) == 0, IO, "cannot look at %s: %s",
                  source->input.name, strerror(errno));
    const struct stat *then = &source->status;
    bool same = now.st_size == then->st_size && now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
                now.st_mtim.tv_nsec == then->st_mtim.tv_nsec;
    CAPSA_REQUIRE(same || !source->input.seeks, IO, "%s changed while it was read",
                  source->input.name);
    return CAPSA_OK;
}

/* The first bytes, for the header. Those of a pipe stay in front of what it will give. */
static capsa_result source_start(struct file_source *source, capsa_bytes *ret_start)
{
    struct capsa_file_input *input = &source->input;
    uint8_t start[CAPSA_FILE_AHEAD];
    size_t len = 0;
    if (input->seeks) {
        size_t wanted = input->size < sizeof(start) ? (size_t)input->size : sizeof(start);
        CAPSA_TRY(capsa_file_read_at(input, input->base, start, wanted, &len));
    } else {
        CAPSA_TRY(capsa_file_read_next(input, start, sizeof(start), &len));
    }
    memcpy(input->ahead, start, len);
    input->ahead_len = len;
    *ret_start = capsa_bytes_of(input->ahead, len);
    return CAPSA_OK;
}

static void source_skip_header(struct file_source *source, size_t header_len)
{
    struct capsa_file_input *input = &source->input;
    if (input->seeks) {
        input->base += header_len;
        input->size -= header_len;
        input->ahead_len = 0;
    } else {
        input->ahead_len -= header_len;
        memmove(input->ahead, input->ahead + header_len, input->ahead_len);
    }
}

/* ---- the destination ------------------------------------------------------------------------- */

struct file_target {
    struct capsa_file_output output;
    capsa_file_out file; /* not standard output */
};

static void file_target_drop(struct file_target *target)
{
    capsa_file_out_drop(&target->file);
}
typedef struct file_target file_target;

/* `name` is for messages and outlives the target. Pieces are written where they belong and not in
 * their order, so a device or a FIFO will not do. */
static capsa_result target_open(const char *name, const struct capsa_file_options *options,
                                unsigned mode, struct file_target *target)
{
    if (capsa_streq(name, "-")) {
        target->output.fd = STDOUT_FILENO;
        target->output.name = "standard output";
        return CAPSA_OK;
    }
    struct capsa_file_place place;
    CAPSA_TRY(capsa_file_place_find(name, &place));
    CAPSA_REQUIRE(!place.direct, IO, "%s is not a regular file (standard output is -)", name);
    mode = options->mode != 0 ? options->mode : place.exists ? place.mode : mode;
    CAPSA_TRY(capsa_file_out_open(name, mode, options->replace, &target->file));
    target->output = (struct capsa_file_output){target->file.fd, name, true, 0};
    return CAPSA_OK;
}

/* A full disk is better found before the work than after it. File systems that cannot set room
 * aside just find it later. */
static capsa_result target_reserve(const struct file_target *target, uint64_t size)
{
    if (!target->output.seeks || size == 0) {
        return CAPSA_OK;
    }
    int reserved = fallocate(target->output.fd, 0, 0, (off_t)size);
    CAPSA_REQUIRE(reserved == 0 || (errno != ENOSPC && errno != EFBIG && errno != EDQUOT), IO,
                  "cannot write %s: %s", target->output.name, strerror(errno));
    return CAPSA_OK;
}

static capsa_result target_commit(struct file_target *target)
{
    return target->output.seeks ? capsa_file_out_commit(&target->file) : CAPSA_OK;
}

/* ---- sealing --------------------------------------------------------------------------------- */

static capsa_result key_check(capsa_secret_bytes key)
{
    CAPSA_REQUIRE(key.len == 16 || key.len == 24 || key.len == 32, USAGE,
                  "a data key of %zu bytes; it must have 16, 24 or 32", key.len);
    return CAPSA_OK;
}

static capsa_result finish(const struct file_source *source, struct file_target *target,
                           const struct capsa_file_options *options, uint64_t total)
{
    CAPSA_TRY(source_unchanged_check(source));
    CAPSA_REQUIRE(options->progress == NULL || options->progress(options->context, total, total),
                  CANCELLED, "stopped on request");
    return target_commit(target);
}

/* sdc1's header holds a count: on a destination that seeks it can come last, else it must be known.
 */
static capsa_result header_put(const struct capsa_file_codec *codec,
                               const struct file_target *target)
{
    CAPSA_AUTO(capsa_buf) header = capsa_buf_of(codec->rules->header_max);
    CAPSA_TRY(codec->rules->header_write(codec, &header));
    return target->output.seeks ? capsa_file_write_at(&target->output, 0, capsa_buf_bytes(&header))
                                : capsa_file_write_next(&target->output, capsa_buf_bytes(&header));
}

static capsa_result seal_into(struct capsa_file_codec *codec, struct file_source *source,
                              struct file_target *target, const struct capsa_file_options *options)
{
    uint64_t bytes = 0;
    target->output.base = codec->header_len;
    struct capsa_file_work work = {codec, true, &source->input, &target->output, options, 0};
    if (!target->output.seeks) {
        CAPSA_TRY(header_put(codec, target));
    }
    CAPSA_TRY(capsa_file_run(&work, &codec->records, &bytes));
    if (target->output.seeks) {
        CAPSA_TRY(header_put(codec, target));
    }
    return finish(source, target, options, bytes);
}

CAPSA_RESULT capsa_file_seal(const char *source_path, const char *destination,
                             capsa_secret_bytes key, const struct capsa_file_options *options)
{
    options = options == NULL ? &no_options : options;
    CAPSA_TRY(key_check(key));
    CAPSA_AUTO(capsa_file_codec) codec = {.rules = capsa_file_rules_of(options->format)};
    CAPSA_AUTO(file_source) source = {.input.fd = -1};
    CAPSA_AUTO(file_target) target = {.file.fd = -1};
    CAPSA_TRY(codec.rules->start(&codec, key, options));
    CAPSA_TRY(source_open(source_path, &source));
    bool has_size = source.input.seeks;
    CAPSA_REQUIRE(has_size || !capsa_streq(destination, "-") || !codec.rules->counts, UNSUPPORTED,
                  "%s files begin with their number of blocks, which a pipe does not tell: name a "
                  "file on one side, or use format capsa",
                  codec.rules->name);
    uint64_t size = 0;
    if (has_size) {
        CAPSA_TRY_AT(capsa_file_grown(&codec, source.input.size, &codec.records, &size), "%s",
                     source.input.name);
    }
    unsigned mode =
        S_ISREG(source.status.st_mode) ? source.status.st_mode & MODE_NO_EXEC : MODE_OPENED;
    CAPSA_TRY(target_open(destination, options, mode, &target));
    CAPSA_TRY(target_reserve(&target, size));
    return seal_into(&codec, &source, &target, options);
}

/* ---- opening and showing --------------------------------------------------------------------- */

/* What the caller will accept, against what the header says; the key has not been tried yet. */
static capsa_result wanted_check(const struct capsa_file_codec *codec,
                                 const struct capsa_file_options *options)
{
    CAPSA_REQUIRE(options->format == CAPSA_FILE_ANY || options->format == codec->rules->format,
                  UNSUPPORTED, "the file has format %s, and only %s is wanted", codec->rules->name,
                  capsa_file_format_name(options->format));
    if (options->resource == NULL) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(codec->rules->names_resource, UNSUPPORTED,
                  "%s files do not name their resource, so this one cannot be checked to be %s",
                  codec->rules->name, options->resource);
    CAPSA_REQUIRE(capsa_streq(codec->resource, options->resource), DENIED,
                  "the file holds resource \"%s\" instead of \"%s\"", codec->resource,
                  options->resource);
    return CAPSA_OK;
}

static capsa_result header_read(struct capsa_file_codec *codec, struct file_source *source,
                                uint64_t *ret_records, uint64_t *ret_plain_size)
{
    capsa_bytes start = {0};
    CAPSA_TRY(source_start(source, &start));
    CAPSA_TRY_AT(capsa_file_codec_parse(codec, start), "%s", source->input.name);
    if (source->input.seeks) {
        CAPSA_TRY_AT(capsa_file_fit(codec, source->input.size, ret_records, ret_plain_size), "%s",
                     source->input.name);
    }
    return CAPSA_OK;
}

static capsa_result open_into(const struct capsa_file_codec *codec, struct file_source *source,
                              struct file_target *target, const struct capsa_file_options *options)
{
    uint64_t records = 0;
    uint64_t bytes = 0;
    source_skip_header(source, codec->header_len);
    struct capsa_file_work work = {codec,           false,   &source->input,
                                   &target->output, options, codec->header_len};
    CAPSA_TRY(capsa_file_run(&work, &records, &bytes));
    return finish(source, target, options, codec->header_len + bytes);
}

CAPSA_RESULT capsa_file_open(const char *source_path, const char *destination,
                             capsa_secret_bytes key, const struct capsa_file_options *options)
{
    options = options == NULL ? &no_options : options;
    CAPSA_TRY(key_check(key));
    CAPSA_AUTO(capsa_file_codec) codec = {0};
    CAPSA_AUTO(file_source) source = {.input.fd = -1};
    CAPSA_AUTO(file_target) target = {.file.fd = -1};
    uint64_t records = 0;
    uint64_t size = 0;
    CAPSA_TRY(source_open(source_path, &source));
    CAPSA_TRY(header_read(&codec, &source, &records, &size));
    CAPSA_TRY_AT(wanted_check(&codec, options), "%s", source.input.name);
    CAPSA_TRY_AT(codec.rules->header_check(&codec, key), "%s", source.input.name);
    CAPSA_TRY(target_open(destination, options, MODE_OPENED, &target));
    CAPSA_TRY(target_reserve(&target, size));
    return open_into(&codec, &source, &target, options);
}

CAPSA_RESULT capsa_file_show(const char *path, struct capsa_file_info *ret_info)
{
    CAPSA_AUTO(capsa_file_codec) codec = {0};
    CAPSA_AUTO(file_source) source = {.input.fd = -1};
    uint64_t records = 0;
    uint64_t size = 0;
    CAPSA_TRY(source_open(path, &source));
    CAPSA_REQUIRE(S_ISREG(source.status.st_mode), USAGE, "%s is not a regular file",
                  source.input.name);
    CAPSA_TRY(header_read(&codec, &source, &records, &size));
    *ret_info = (struct capsa_file_info){
        .format = codec.rules->format,
        .sealed_size = source.input.size,
        .plain_size = size,
        .pieces = records,
        .piece_size = codec.plain_record,
        .key_bytes = codec.key_bytes,
    };
    memcpy(ret_info->resource, codec.resource, sizeof(codec.resource));
    return CAPSA_OK;
}
