/* SPDX-License-Identifier: Apache-2.0
 *
 * Output of verbs (cli_print.h).
 */
#include "cli/cli_print.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli_read.h"
#include "client/client_text.h"

/* ---- text ------------------------------------------------------------------------------------ */

static capsa_result show(FILE *out, const char *text, int width)
{
    CAPSA_AUTO(capsa_buf) shown = capsa_buf_of(MIB(64));
    CAPSA_TRY(capsa_text_show(text, &shown));
    const char *string;
    CAPSA_TRY(capsa_buf_cstr(&shown, &string));
    (void)fprintf(out, "%*s", width, string);
    return CAPSA_OK;
}

/* One conversion of printf's: its width (negative: to the left), size and letter. */
struct conversion {
    int width;
    char size; /* l, q for ll, z, or 0 */
    char letter;
};

static const char *read_conversion(const char *format, struct conversion *ret)
{
    *ret = (struct conversion){0, '\0', '\0'};
    bool left = *format == '-';
    for (format += left; *format >= '0' && *format <= '9'; format++) {
        ret->width = ret->width * 10 + (*format - '0');
    }
    ret->width = left ? -ret->width : ret->width;
    for (; *format == 'l' || *format == 'z'; format++) {
        ret->size = ret->size == 'l' ? 'q' : *format;
    }
    ret->letter = *format;
    return format + (*format != '\0');
}

/* printf, but that texts are shown: what is not in `format` itself may be anybody's. */
static void write_shown(FILE *out, const char *format, va_list list)
{
    while (*format != '\0') {
        size_t len = strcspn(format, "%");
        (void)fwrite(format, 1, len, out);
        format += len;
        if (*format == '\0') {
            return;
        }
        struct conversion wanted;
        format = read_conversion(format + 1, &wanted);
        if (wanted.letter == 's') {
            capsa_ignore(show(out, va_arg(list, const char *), wanted.width),
                         "without memory there is nothing to say it with");
        } else if (wanted.letter == 'd') {
            long long number = wanted.size == '\0'  ? va_arg(list, int)
                               : wanted.size == 'l' ? va_arg(list, long)
                                                    : va_arg(list, long long);
            (void)fprintf(out, "%*lld", wanted.width, number);
        } else if (wanted.letter == 'u') {
            unsigned long long number = wanted.size == '\0'  ? va_arg(list, unsigned)
                                        : wanted.size == 'l' ? va_arg(list, unsigned long)
                                        : wanted.size == 'z' ? va_arg(list, size_t)
                                                             : va_arg(list, unsigned long long);
            (void)fprintf(out, "%*llu", wanted.width, number);
        } else {
            (void)fputc('%', out);
        }
    }
}

void capsa_cli_say(struct capsa_cli *cli, const char *format, ...)
{
    if (cli->json) {
        return;
    }
    va_list list;
    va_start(list, format);
    write_shown(cli->out, format, list);
    va_end(list);
}

void capsa_cli_complain(struct capsa_cli *cli, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    write_shown(cli->err, format, list);
    va_end(list);
}

void capsa_cli_print(struct capsa_cli *cli, capsa_bytes bytes)
{
    if (bytes.len > 0) {
        (void)fwrite(bytes.data, 1, bytes.len, cli->out);
    }
}

void capsa_cli_warn(struct capsa_cli *cli, const char *format, ...)
{
    (void)fputs("capsa: warning: ", cli->err);
    va_list list;
    va_start(list, format);
    write_shown(cli->err, format, list);
    va_end(list);
    (void)fputc('\n', cli->err);
}

/* ---- values ---------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_cli_set(struct capsa_cli *cli, const char *name, struct capsa_json *value)
{
    if (cli->answer == NULL) {
        cli->answer = capsa_json_new_object();
    }
    if (cli->answer == NULL) {
        capsa_json_free(value);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    return capsa_json_set(cli->answer, name, value);
}

CAPSA_RESULT capsa_cli_set_text(struct capsa_cli *cli, const char *name, const char *text)
{
    return capsa_cli_set(cli, name, capsa_json_new_string(text));
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool same_file(const char *path, const char *other)
{
    struct stat a;
    struct stat b;
    return other != NULL && stat(path, &a) == 0 && stat(other, &b) == 0 && S_ISREG(a.st_mode) &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

CAPSA_RESULT capsa_cli_check_no_key(const struct capsa_cli *cli, const char *path)
{
    static const char *const names[] = {"data-key", "data-key-file", "key"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (size_t k = 0; k < capsa_cli_option_count(cli, names[i]); k++) {
            CAPSA_REQUIRE(!same_file(path, capsa_cli_option_nth(cli, names[i], k)), USAGE,
                          "%s is the key of --%s itself: it would be lost", path, names[i]);
        }
    }
    if ((cli->verb->flags & CAPSA_CLI_SIGNS) == 0) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(8));
    const char *as = capsa_cli_option(cli, "as");
    const char *key = cli->places->key;
    if (as != NULL) {
        CAPSA_TRY(capsa_buf_format(&name, "%s.key", as));
        CAPSA_TRY(capsa_buf_cstr(&name, &key));
    }
    CAPSA_REQUIRE(!same_file(path, key), USAGE, "%s is the party's own key: it would be lost",
                  path);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_check_out(const struct capsa_cli *cli, const char *path)
{
    if (capsa_streq(path, "-")) {
        CAPSA_REQUIRE(!cli->json, USAGE,
                      "-o json and the content cannot both go to standard output");
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_cli_check_no_key(cli, path));
    struct capsa_file_place place;
    CAPSA_TRY(capsa_file_place_find(path, &place));
    CAPSA_REQUIRE(capsa_cli_flag(cli, "force") || !place.exists, EXISTS,
                  "%s exists already; --force replaces it", path);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_check_room(const struct capsa_cli *cli, const char *path)
{
    CAPSA_TRY(capsa_cli_check_out(cli, path));
    struct capsa_file_place place = {.direct = true};
    if (!capsa_streq(path, "-")) {
        CAPSA_TRY(capsa_file_place_find(path, &place));
    }
    if (place.direct) {
        return CAPSA_OK;
    }
    static const uint8_t nothing[CAPSA_CLI_KEY_TEXT];
    CAPSA_AUTO(capsa_file_out) out = {.fd = -1};
    CAPSA_TRY(capsa_file_out_open(path, 0600, capsa_cli_flag(cli, "force"), &out));
    CAPSA_TRY(capsa_file_out_write(&out, capsa_bytes_of(nothing, sizeof(nothing))));
    CAPSA_REQUIRE(fsync(out.fd) == 0, IO, "cannot write %s: %s", path, strerror(errno));
    return CAPSA_OK;
}

static capsa_result write_file(struct capsa_cli *cli, const char *path, capsa_bytes content,
                               unsigned mode)
{
    CAPSA_TRY(capsa_cli_check_out(cli, path));
    if (capsa_streq(path, "-")) {
        capsa_cli_print(cli, content);
        return CAPSA_OK;
    }
    return capsa_file_write(path, content, mode, capsa_cli_flag(cli, "force"));
}

CAPSA_RESULT capsa_cli_write_secret(struct capsa_cli *cli, const char *path, capsa_bytes content)
{
    return write_file(cli, path, content, 0600);
}

CAPSA_RESULT capsa_cli_write_public(struct capsa_cli *cli, const char *path, capsa_bytes content)
{
    return write_file(cli, path, content, 0644);
}
