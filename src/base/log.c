/* SPDX-License-Identifier: Apache-2.0
 *
 * The log (log.h): formats a line in one buffer and writes it with one call a sink.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"

#define ROLLED_FILES   9
#define LINE_MAX_BYTES KIB(16)

struct capsa_log {
    pthread_mutex_t lock;
    struct capsa_log_options options;
    char *path;
    int file; /* -1: none */
    size_t file_size;
    uint64_t lost;
};

static const char *const level_names[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};

CAPSA_RESULT capsa_log_level_parse(const char *name, enum capsa_log_level *ret_level)
{
    static const struct {
        const char *name;
        enum capsa_log_level level;
    } levels[] = {{"debug", CAPSA_LOG_DEBUG},
                  {"info", CAPSA_LOG_INFO},
                  {"warn", CAPSA_LOG_WARN},
                  {"error", CAPSA_LOG_ERROR}};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (capsa_streq(name, levels[i].name)) {
            *ret_level = levels[i].level;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(MALFORMED, "log level \"%s\": one of debug, info, warn, error", name);
}

static capsa_result open_file(struct capsa_log *log)
{
    log->file = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    CAPSA_REQUIRE(log->file >= 0, IO, "cannot open log file %s: %s", log->path, strerror(errno));
    struct stat status;
    log->file_size = fstat(log->file, &status) == 0 ? (size_t)status.st_size : 0;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_log_open(const struct capsa_log_options *options, struct capsa_log **ret_log)
{
    struct capsa_log *log = CAPSA_NEW(struct capsa_log);
    CAPSA_REQUIRE_MEMORY(log);
    (void)pthread_mutex_init(&log->lock, NULL);
    log->options = *options;
    log->file = -1;
    capsa_result result = CAPSA_OK;
    if (options->directory != NULL) {
        CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(4));
        if (mkdir(options->directory, 0750) != 0 && errno != EEXIST) {
            result =
                capsa_error_make(CAPSA_E_IO, __FILE__, __LINE__, "cannot make log directory %s: %s",
                                 options->directory, strerror(errno));
        } else {
            result = capsa_buf_format(&path, "%s/%s", options->directory, options->file_name);
        }
        if (!capsa_failed(result)) {
            result = capsa_buf_take_str(&path, &log->path);
        }
        if (!capsa_failed(result)) {
            result = open_file(log);
        }
    }
    if (capsa_failed(result)) {
        capsa_log_close(log);
        return result;
    }
    *ret_log = log;
    return CAPSA_OK;
}

void capsa_log_close(struct capsa_log *log)
{
    if (log == NULL) {
        return;
    }
    if (log->file >= 0) {
        (void)close(log->file);
    }
    (void)pthread_mutex_destroy(&log->lock);
    capsa_dealloc(log->path);
    capsa_dealloc(log);
}

/* FILE.8 -> FILE.9, ..., FILE -> FILE.1 */
static void roll(struct capsa_log *log)
{
    char from[4200], to[4200];
    for (int i = ROLLED_FILES - 1; i >= 0; i--) {
        (void)snprintf(to, sizeof(to), "%s.%d", log->path, i + 1);
        if (i > 0) {
            (void)snprintf(from, sizeof(from), "%s.%d", log->path, i);
        } else {
            (void)snprintf(from, sizeof(from), "%s", log->path);
        }
        (void)rename(from, to); /* absent ones are of no consequence */
    }
    (void)close(log->file);
    log->file = -1;
    if (capsa_failed(open_file(log))) {
        log->lost++;
    }
}

static bool write_all(int fd, capsa_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t wrote = write(fd, bytes.data, bytes.len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return false;
        }
        bytes = capsa_bytes_from(bytes, (size_t)wrote);
    }
    return true;
}

static void write_sinks(struct capsa_log *log, capsa_bytes line)
{
    (void)pthread_mutex_lock(&log->lock);
    if (log->lost > 0) {
        char note[96];
        int len = snprintf(note, sizeof(note), "(%llu log lines were lost)\n",
                           (unsigned long long)log->lost);
        if (log->file >= 0 && write_all(log->file, capsa_bytes_of(note, (size_t)len))) {
            log->lost = 0;
        }
    }
    if (log->options.console) {
        (void)write_all(STDERR_FILENO, line);
    }
    if (log->file >= 0) {
        if (log->options.roll_at > 0 && log->file_size + line.len > log->options.roll_at) {
            roll(log);
        }
        if (log->file >= 0 && write_all(log->file, line)) {
            log->file_size += line.len;
        } else {
            log->lost++;
        }
    }
    (void)pthread_mutex_unlock(&log->lock);
}

static capsa_result put_quoted(capsa_buf *line, const char *text)
{
    size_t len = strnlen(text, CAPSA_LOG_VALUE);
    bool plain = len > 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        plain = plain && byte > 0x20 && byte != '"' && byte != '=' && byte != 0x7f;
    }
    if (plain) {
        return capsa_buf_append(line, capsa_bytes_of(text, len));
    }
    CAPSA_TRY(capsa_buf_u8(line, '"'));
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\') {
            CAPSA_TRY(capsa_buf_u8(line, '\\'));
        }
        CAPSA_TRY(capsa_buf_u8(line, byte < 0x20 || byte == 0x7f ? '?' : byte));
    }
    return capsa_buf_u8(line, '"');
}

static capsa_result format_line(capsa_buf *line, capsa_time now, enum capsa_log_level level,
                                const char *event, const struct capsa_log_field *fields,
                                size_t count)
{
    char time[CAPSA_TIME_TEXT];
    capsa_time_text(now, time);
    CAPSA_TRY(capsa_buf_format(line, "%s %s %s", time, level_names[level], event));
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(capsa_buf_format(line, " %s=", fields[i].name));
        if (fields[i].text != NULL) {
            CAPSA_TRY(put_quoted(line, fields[i].text));
        } else {
            CAPSA_TRY(capsa_buf_format(line, "%lld", (long long)fields[i].number));
        }
    }
    return capsa_buf_u8(line, '\n');
}

static void count_lost(struct capsa_log *log)
{
    (void)pthread_mutex_lock(&log->lock);
    log->lost++;
    (void)pthread_mutex_unlock(&log->lock);
}

void capsa_log_write(struct capsa_log *log, enum capsa_log_level level, const char *event,
                     const struct capsa_log_field *fields, size_t count)
{
    if (log == NULL || level < log->options.level) {
        return;
    }
    CAPSA_AUTO(capsa_buf) line = capsa_buf_of(LINE_MAX_BYTES);
    if (capsa_failed(
            format_line(&line, capsa_now(log->options.clock), level, event, fields, count))) {
        count_lost(log);
        return;
    }
    write_sinks(log, capsa_buf_bytes(&line));
}

void capsa_log_raw(struct capsa_log *log, const char *text)
{
    if (log == NULL) {
        return;
    }
    char time[CAPSA_TIME_TEXT];
    capsa_time_text(capsa_now(log->options.clock), time);
    CAPSA_AUTO(capsa_buf) line = capsa_buf_of(LINE_MAX_BYTES);
    if (capsa_failed(capsa_buf_format(&line, "%s %s\n", time, text))) {
        count_lost(log);
        return;
    }
    for (size_t i = 0; i + 1 < line.len; i++) {
        if (line.data[i] < 0x20 || line.data[i] == 0x7f) {
            line.data[i] = '?';
        }
    }
    write_sinks(log, capsa_buf_bytes(&line));
}
