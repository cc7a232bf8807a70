/* SPDX-License-Identifier: Apache-2.0
 *
 * Output of verbs (cli_print.h).
 */
#include "cli/cli_print.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/file.h"

void capsa_cli_say(struct capsa_cli *cli, const char *format, ...)
{
    if (cli->json) {
        return;
    }
    va_list list;
    va_start(list, format);
    (void)vfprintf(cli->out, format, list);
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
    (void)vfprintf(cli->err, format, list);
    va_end(list);
    (void)fputc('\n', cli->err);
}

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

CAPSA_RESULT capsa_cli_check_out(const struct capsa_cli *cli, const char *path)
{
    bool piped = capsa_streq(path, "-");
    CAPSA_REQUIRE(!piped || !cli->json, USAGE,
                  "-o json and the content cannot both go to standard output");
    CAPSA_REQUIRE(piped || capsa_cli_flag(cli, "force") || access(path, F_OK) != 0, EXISTS,
                  "%s exists already; --force replaces it", path);
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
