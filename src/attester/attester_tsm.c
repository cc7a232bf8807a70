/* SPDX-License-Identifier: Apache-2.0
 *
 * configfs-tsm (attester_tsm.h): a directory is made, what to bind is written into it, the report
 * is read out of it. The attribute "generation" counts the writes: it has to say that there were
 * ours and no others, both before and after the report was read, or else the report may be of
 * somebody else's bytes, and all is done again in a fresh directory.
 */
#include "attester/attester_tsm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attester/attester_device.h"
#include "base/limits.h"
#include "crypto/crypto.h"

#define REPORTS        "/sys/kernel/config/tsm/report"
#define NAME_MAX_LEN   64
#define ATTRIBUTE_TEXT 64
#define PRIVLEVEL_MAX  3

bool capsa_tsm_present(const struct capsa_attester_options *options)
{
    return capsa_device_exists(options, REPORTS);
}

/* ---- The directory --------------------------------------------------------------------------- */

typedef struct {
    char path[PATH_MAX]; /* "": none was made */
} tsm_directory;

static void tsm_directory_drop(tsm_directory *directory)
{
    if (directory->path[0] != '\0') {
        /* what cannot be removed hinders nobody: no name comes twice */
        (void)rmdir(directory->path);
    }
    directory->path[0] = '\0';
}

static capsa_result make_directory(const struct capsa_attester_options *options,
                                   tsm_directory *ret_directory)
{
    uint64_t number;
    char name[sizeof(REPORTS) + NAME_MAX_LEN], path[PATH_MAX];
    CAPSA_TRY(capsa_random(&number, sizeof(number)));
    (void)snprintf(name, sizeof(name), REPORTS "/capsa-%ld-%016" PRIx64, (long)getpid(), number);
    CAPSA_TRY(capsa_device_path(options, name, path));
    CAPSA_DEVICE_REQUIRE(mkdir(path, 0700) == 0, errno, "make", path);
    memcpy(ret_directory->path, path, sizeof(path));
    return CAPSA_OK;
}

/* ---- Attributes ------------------------------------------------------------------------------ */

static capsa_result attribute_path(const tsm_directory *directory, const char *name,
                                   char ret_path[PATH_MAX])
{
    int len = snprintf(ret_path, PATH_MAX, "%s/%s", directory->path, name);
    CAPSA_REQUIRE(len > 0 && len < PATH_MAX, TOO_LARGE, "the path of %s is too long", name);
    return CAPSA_OK;
}

static bool has_attribute(const tsm_directory *directory, const char *name)
{
    char path[PATH_MAX];
    return !capsa_failed(attribute_path(directory, name, path)) && access(path, F_OK) == 0;
}

static capsa_result read_attribute(const tsm_directory *directory, const char *name,
                                   capsa_buf *ret_content)
{
    char path[PATH_MAX];
    CAPSA_TRY(attribute_path(directory, name, path));
    return capsa_device_read_file(path, ret_content);
}

/* One line of text, without its end. */
static capsa_result read_text(const tsm_directory *directory, const char *name,
                              char ret_text[ATTRIBUTE_TEXT])
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(ATTRIBUTE_TEXT - 1);
    CAPSA_TRY(read_attribute(directory, name, &content));
    size_t len = capsa_bytes_find(capsa_buf_bytes(&content), '\n');
    if (len > 0) {
        memcpy(ret_text, content.data, len);
    }
    ret_text[len] = '\0';
    return CAPSA_OK;
}

static capsa_result read_number(const tsm_directory *directory, const char *name,
                                unsigned long long *ret_number)
{
    char text[ATTRIBUTE_TEXT];
    char *end;
    CAPSA_TRY(read_text(directory, name, text));
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    CAPSA_REQUIRE(text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0, MALFORMED,
                  "%s/%s is no number: \"%s\"", directory->path, name, text);
    *ret_number = number;
    return CAPSA_OK;
}

static capsa_result write_attribute(const tsm_directory *directory, const char *name,
                                    capsa_bytes value)
{
    char path[PATH_MAX];
    CAPSA_TRY(attribute_path(directory, name, path));
    return capsa_device_write_file(path, value);
}

/* ---- One report ------------------------------------------------------------------------------ */

static capsa_result check_provider(const tsm_directory *directory, const char *wanted)
{
    char provider[ATTRIBUTE_TEXT];
    CAPSA_TRY(read_text(directory, "provider", provider));
    CAPSA_REQUIRE(capsa_streq(provider, wanted), EVIDENCE,
                  "this machine's reports are made by \"%s\", and \"%s\" was asked for", provider,
                  wanted);
    return CAPSA_OK;
}

/* A guest below another one (SVSM) may not speak for the highest level, which is what the kernel
 * asks for unless it is told: then we take the highest that is ours. Counts what it writes. */
static capsa_result choose_level(const tsm_directory *directory, unsigned *writes)
{
    unsigned long long level = 0;
    if (!has_attribute(directory, "privlevel_floor")) {
        return CAPSA_OK;
    }
    CAPSA_TRY(read_number(directory, "privlevel_floor", &level));
    CAPSA_REQUIRE(level <= PRIVLEVEL_MAX, MALFORMED, "%s/privlevel_floor is %llu; 0 to %d exist",
                  directory->path, level, PRIVLEVEL_MAX);
    if (level == 0) {
        return CAPSA_OK;
    }
    const uint8_t digit = (uint8_t)('0' + level);
    (*writes)++;
    return write_attribute(directory, "privlevel", capsa_bytes_of(&digit, 1));
}

/* That it raced is BUSY: the next try may not. */
static capsa_result check_generation(const tsm_directory *directory, unsigned long long wanted)
{
    unsigned long long generation = 0;
    CAPSA_TRY(read_number(directory, "generation", &generation));
    CAPSA_REQUIRE(generation == wanted, BUSY,
                  "%s: somebody else wrote to it (generation %llu, wanted %llu)", directory->path,
                  generation, wanted);
    return CAPSA_OK;
}

static capsa_result report(const tsm_directory *directory, const char *provider,
                           const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *outblob,
                           capsa_buf *auxblob)
{
    unsigned long long before;
    unsigned writes = 1; /* inblob */
    CAPSA_TRY(check_provider(directory, provider));
    CAPSA_TRY(read_number(directory, "generation", &before));
    CAPSA_TRY(choose_level(directory, &writes));
    CAPSA_TRY(write_attribute(directory, "inblob", capsa_bytes_of(report_data, CAPSA_REPORT_DATA)));
    CAPSA_TRY(check_generation(directory, before + writes));
    CAPSA_TRY(read_attribute(directory, "outblob", outblob));
    if (auxblob != NULL && has_attribute(directory, "auxblob")) {
        CAPSA_TRY(read_attribute(directory, "auxblob", auxblob));
    }
    CAPSA_TRY(check_generation(directory, before + writes));
    CAPSA_REQUIRE(outblob->len > 0, TRUNCATED, "%s/outblob is empty", directory->path);
    return CAPSA_OK;
}

static capsa_result try_once(const struct capsa_attester_options *options, const char *provider,
                             const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_outblob,
                             capsa_buf *ret_auxblob)
{
    CAPSA_AUTO(tsm_directory) directory = {.path = ""};
    CAPSA_AUTO(capsa_buf) outblob = capsa_buf_of(CAPSA_LIMIT_tsm_blob);
    CAPSA_AUTO(capsa_buf) auxblob = capsa_buf_of(CAPSA_LIMIT_tsm_blob);
    CAPSA_TRY(make_directory(options, &directory));
    CAPSA_TRY(
        report(&directory, provider, report_data, &outblob, ret_auxblob == NULL ? NULL : &auxblob));
    CAPSA_TRY(capsa_buf_append(ret_outblob, capsa_buf_bytes(&outblob)));
    return ret_auxblob == NULL ? CAPSA_OK
                               : capsa_buf_append(ret_auxblob, capsa_buf_bytes(&auxblob));
}

CAPSA_RESULT capsa_tsm_collect(const struct capsa_attester_options *options, const char *provider,
                               const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_outblob,
                               capsa_buf *ret_auxblob)
{
    struct capsa_device_tries tries = {.allowed = options->tries};
    capsa_result result;
    do {
        result = try_once(options, provider, report_data, ret_outblob, ret_auxblob);
    } while (capsa_failed(result) && capsa_device_again(&tries, result));
    return result;
}
