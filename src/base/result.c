/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors as values, in a ring per thread (result.h). The only per-thread state in the tree.
 */
#include "base/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct code_line {
    enum capsa_code code;
    const char *name;
    int status;
    int exit;
    const char *text;
};

static const struct code_line code_lines[] = {
#define CAPSA_ERROR(symbol, number, status, exit, text)                                            \
    {CAPSA_E_##symbol, #symbol, status, exit, text},
#include "base/errors.def"
#undef CAPSA_ERROR
};

static _Thread_local struct capsa_error ring[CAPSA_ERROR_RING];
static _Thread_local unsigned ring_next;

static struct capsa_error *ring_take(void)
{
    struct capsa_error *error = &ring[ring_next % CAPSA_ERROR_RING];
    ring_next++;
    return error;
}

/* Bytes of the well-formed UTF-8 character at `at` (RFC 3629 §4), or 0. Never looks past a NUL. */
static size_t utf8_length(const unsigned char *at)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        size_t length;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (at[0] < forms[i].first_low || at[0] > forms[i].first_high) {
            continue;
        }
        size_t length = 1;
        while (length < forms[i].length &&
               at[length] >= (length == 1 ? forms[i].second_low : 0x80) &&
               at[length] <= (length == 1 ? forms[i].second_high : 0xbf)) {
            length++;
        }
        return length == forms[i].length ? length : 0;
    }
    return 0;
}

/* A hostile name in a message must not forge log lines, drive a terminal, or make the message no
 * string of protobuf. A character that was cut at the end of the text goes. */
static void make_printable(char *text, size_t size)
{
    size_t len = strlen(text);
    bool cut = len + 1 == size;
    for (size_t at = 0; at < len;) {
        size_t length = utf8_length((const unsigned char *)text + at);
        if (length == 0 && cut && len - at < 4 && ((unsigned char)text[at] & 0xc0) == 0xc0) {
            text[at] = '\0';
            return;
        }
        bool control = (unsigned char)text[at] < 0x20 || text[at] == 0x7f;
        if (length == 0 || control) {
            text[at] = '?';
            length = 1;
        }
        at += length;
    }
}

capsa_result capsa_error_make(enum capsa_code code, const char *file, int line, const char *format,
                              ...)
{
    char text[CAPSA_ERROR_TEXT]; /* the arguments may point into the ring */
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    make_printable(text, sizeof(text));

    struct capsa_error *error = ring_take();
    error->code = code;
    error->file = file;
    error->line = line;
    memcpy(error->text, text, sizeof(text));
    return (capsa_result){error};
}

capsa_result capsa_error_within(capsa_result inner, const char *format, ...)
{
    char where[CAPSA_ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(where, sizeof(where), format, arguments);
    va_end(arguments);
    return capsa_error_make(inner.error->code, inner.error->file, inner.error->line, "%s: %s",
                            where, inner.error->text);
}

void capsa_error_keep(capsa_result result, struct capsa_error *kept)
{
    if (result.error == NULL) {
        *kept = (struct capsa_error){.code = CAPSA_E_OK};
        return;
    }
    *kept = *result.error;
}

capsa_result capsa_error_kept(const struct capsa_error *kept)
{
    return (capsa_result){kept->code == CAPSA_E_OK ? NULL : kept};
}

capsa_result capsa_error_again(const struct capsa_error *kept)
{
    return kept->code == CAPSA_E_OK
               ? CAPSA_OK
               : capsa_error_make(kept->code, kept->file, kept->line, "%s", kept->text);
}

bool capsa_failed(capsa_result result)
{
    return result.error != NULL;
}

enum capsa_code capsa_code_of(capsa_result result)
{
    return result.error == NULL ? CAPSA_E_OK : result.error->code;
}

const char *capsa_text_of(capsa_result result)
{
    return result.error == NULL ? "success" : result.error->text;
}

static const struct code_line *code_find(enum capsa_code code)
{
    const struct code_line *internal = NULL;
    for (size_t i = 0; i < sizeof(code_lines) / sizeof(code_lines[0]); i++) {
        if (code_lines[i].code == code) {
            return &code_lines[i];
        }
        if (code_lines[i].code == CAPSA_E_INTERNAL) {
            internal = &code_lines[i];
        }
    }
    return internal;
}

const char *capsa_code_name(enum capsa_code code)
{
    return code == CAPSA_E_OK ? "OK" : code_find(code)->name;
}

const char *capsa_code_text(enum capsa_code code)
{
    return code == CAPSA_E_OK ? "success" : code_find(code)->text;
}

int capsa_code_status(enum capsa_code code)
{
    return code == CAPSA_E_OK ? 0 : code_find(code)->status;
}

int capsa_code_exit(enum capsa_code code)
{
    return code == CAPSA_E_OK ? 0 : code_find(code)->exit;
}
