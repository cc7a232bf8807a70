/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured logs: a time, a level, an event name, and named values, one line each:
 *   2026-11-21T12:00:00Z INFO  request method=GetDataKeys code=7 ms=2
 * A value is made by CAPSA_LOG_STR, _INT or _CODE; no maker takes bytes or a secret, so a key
 * cannot be logged. Strings are cut at CAPSA_LOG_VALUE bytes and quoted, so a hostile name cannot
 * forge a line. The folders base to rpc never log; they return. Thread-safe.
 */
#pragma once

#include <stdint.h>

#include "base/result.h"
#include "base/time.h"

enum capsa_log_level {
    CAPSA_LOG_DEBUG,
    CAPSA_LOG_INFO,
    CAPSA_LOG_WARN,
    CAPSA_LOG_ERROR,
};

#define CAPSA_LOG_VALUE 256

struct capsa_log_field {
    const char *name;
    const char *text; /* NULL: number */
    int64_t number;
};

#define CAPSA_LOG_STR(name, value)                                                                 \
    ((struct capsa_log_field){name, _Generic((value), char * : (value), const char * : (value)), 0})
#define CAPSA_LOG_INT(name, value)   ((struct capsa_log_field){name, NULL, (int64_t)(value)})
#define CAPSA_LOG_CODE(name, result) ((struct capsa_log_field){name, capsa_text_of(result), 0})

struct capsa_log;

struct capsa_log_options {
    enum capsa_log_level level;
    bool console;          /* to standard error */
    const char *directory; /* NULL: none; else capsule_manager.log there, made if absent */
    const char *file_name; /* within the directory */
    size_t roll_at;        /* bytes; then FILE becomes FILE.1, .2 ... ; 0: never */
    const struct capsa_clock *clock;
};

CAPSA_RESULT capsa_log_open(const struct capsa_log_options *options, struct capsa_log **ret_log);
void capsa_log_close(struct capsa_log *log); /* NULL is fine */

/* Writes nothing when log is NULL or the level is lower than wanted. Never fails: a log that cannot
 * be written counts its losses and says so in the next line that can. */
void capsa_log_write(struct capsa_log *log, enum capsa_log_level level, const char *event,
                     const struct capsa_log_field *fields, size_t count);
/* One line as it stands, behind the time: for log formats of others. Control bytes become '?'. */
void capsa_log_raw(struct capsa_log *log, const char *line);

#define capsa_log_event(log, level, event, ...)                                                    \
    do {                                                                                           \
        const struct capsa_log_field capsa_log_fields_[] = {__VA_ARGS__};                          \
        capsa_log_write(log, level, event, capsa_log_fields_,                                      \
                        sizeof(capsa_log_fields_) / sizeof(capsa_log_fields_[0]));                 \
    } while (0)

CAPSA_RESULT capsa_log_level_parse(const char *name, enum capsa_log_level *ret_level);
