/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder of answers (collateral_cache.h). A file is
 *   "capsa-collateral-1\n", be64 when it was fetched, and the fields URL, header, body, each with
 *   its length before it; then SHA-256 of all of that.
 */
#include "collateral/collateral_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/reader.h"
#include "codec/text.h"
#include "crypto/crypto.h"

static const char magic[] = "capsa-collateral-1\n";

#define MAGIC_LEN (sizeof(magic) - 1)
#define URL_MAX   KIB(4)
/* Everything but the body. */
#define FRAME_MAX ((size_t)CAPSA_LIMIT_fetch_headers + URL_MAX + KIB(1))
#define NAME_HEX  ((size_t)CAPSA_SHA256 * 2)

/* ---- One file -------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_collateral_cache_encode(const char *url, const capsa_web_answer *answer,
                                           capsa_buf *ret_file)
{
    uint8_t digest[CAPSA_SHA256];
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(answer->body.len + FRAME_MAX);
    CAPSA_TRY(capsa_buf_str(&file, magic));
    CAPSA_TRY(capsa_buf_be64(&file, (uint64_t)answer->fetched));
    CAPSA_TRY(capsa_buf_field(&file, capsa_bytes_str(url)));
    CAPSA_TRY(capsa_buf_field(&file, capsa_buf_bytes(&answer->header)));
    CAPSA_TRY(capsa_buf_field(&file, capsa_buf_bytes(&answer->body)));
    capsa_sha256(capsa_buf_bytes(&file), digest);
    CAPSA_TRY(capsa_buf_append(&file, capsa_bytes_of(digest, sizeof(digest))));
    return capsa_buf_append(ret_file, capsa_buf_bytes(&file));
}

static capsa_result check_digest(capsa_bytes file, capsa_bytes *ret_content)
{
    uint8_t digest[CAPSA_SHA256];
    CAPSA_REQUIRE(file.len >= sizeof(digest), MALFORMED, "cut short");
    capsa_bytes content = capsa_bytes_of(file.data, file.len - sizeof(digest));
    capsa_sha256(content, digest);
    CAPSA_REQUIRE(capsa_bytes_equal(capsa_bytes_from(file, content.len),
                                    capsa_bytes_of(digest, sizeof(digest))),
                  MALFORMED, "not as it was written");
    *ret_content = content;
    return CAPSA_OK;
}

static capsa_result read_fields(const char *url, capsa_bytes content, size_t max,
                                capsa_web_answer *answer)
{
    struct capsa_reader reader = capsa_reader_of(content);
    capsa_bytes begin, name, header, body;
    uint64_t fetched;
    CAPSA_TRY(capsa_read_bytes(&reader, MAGIC_LEN, &begin));
    CAPSA_REQUIRE(capsa_bytes_is(begin, magic), MALFORMED, "of another version");
    CAPSA_TRY(capsa_read_be64(&reader, &fetched));
    CAPSA_TRY(capsa_read_field(&reader, URL_MAX, &name));
    CAPSA_TRY(capsa_read_field(&reader, CAPSA_LIMIT_fetch_headers, &header));
    CAPSA_TRY(capsa_read_field(&reader, max, &body));
    CAPSA_TRY(capsa_read_end(&reader));
    CAPSA_REQUIRE(capsa_bytes_is(name, url), MALFORMED, "of another URL");
    CAPSA_REQUIRE(fetched <= INT64_MAX, MALFORMED, "fetched at no time");
    answer->fetched = (capsa_time)fetched;
    CAPSA_TRY(capsa_buf_append(&answer->header, header));
    return capsa_buf_append(&answer->body, body);
}

CAPSA_RESULT capsa_collateral_cache_decode(const char *url, capsa_bytes file, size_t max,
                                           capsa_web_answer *ret_answer)
{
    CAPSA_AUTO(capsa_web_answer) answer;
    capsa_web_answer_init(&answer, max);
    capsa_bytes content;
    CAPSA_TRY(check_digest(file, &content));
    CAPSA_TRY(read_fields(url, content, max, &answer));
    *ret_answer = answer;
    capsa_web_answer_init(&answer, 0);
    return CAPSA_OK;
}

/* ---- The folder ------------------------------------------------------------------------------ */

/* Signatures hold for what was valid last month too, and how old a file says that it is nobody
 * signs: whoever can write the folder can put newer collateral out of sight. */
static capsa_result check_folder(const char *folder)
{
    struct stat status;
    CAPSA_REQUIRE(stat(folder, &status) == 0 && S_ISDIR(status.st_mode), IO,
                  "the cache %s is no folder", folder);
    CAPSA_REQUIRE(status.st_uid == geteuid() || status.st_uid == 0, DENIED,
                  "the cache folder %s is another user's", folder);
    CAPSA_REQUIRE((status.st_mode & (S_IWGRP | S_IWOTH)) == 0, DENIED,
                  "others can write the cache folder %s (mode %04o; 0700 is wanted)", folder,
                  (unsigned)status.st_mode & 07777U);
    CAPSA_REQUIRE(access(folder, R_OK | W_OK | X_OK) == 0, IO,
                  "cannot write the cache folder %s: %s", folder, strerror(errno));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_cache_prepare(const char *folder)
{
    int made = mkdir(folder, 0700);
    CAPSA_REQUIRE(made == 0 || errno == EEXIST, IO, "cannot make the cache folder %s: %s", folder,
                  strerror(errno));
    return check_folder(folder);
}

static capsa_result path_of(const char *folder, const char *url, capsa_buf *ret_path)
{
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(capsa_bytes_str(url), digest);
    CAPSA_TRY(capsa_buf_format(ret_path, "%s/", folder));
    return capsa_hex_write(capsa_bytes_of(digest, sizeof(digest)), ret_path);
}

CAPSA_RESULT capsa_collateral_cache_load(const char *folder, const char *url, size_t max,
                                         capsa_web_answer *ret_answer)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(PATH_MAX);
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(max + FRAME_MAX);
    const char *path;
    CAPSA_TRY(path_of(folder, url, &text));
    CAPSA_TRY(capsa_buf_cstr(&text, &path));
    struct stat status;
    CAPSA_REQUIRE(lstat(path, &status) == 0 && S_ISREG(status.st_mode), NOT_FOUND,
                  "%s: no such file", path);
    CAPSA_TRY(capsa_file_read(path, &file));
    CAPSA_TRY_AT(capsa_collateral_cache_decode(url, capsa_buf_bytes(&file), max, ret_answer), "%s",
                 path);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_cache_keep(const char *folder, const char *url,
                                         const capsa_web_answer *answer)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(PATH_MAX);
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(answer->body.len + FRAME_MAX);
    const char *path;
    CAPSA_TRY(path_of(folder, url, &text));
    CAPSA_TRY(capsa_buf_cstr(&text, &path));
    CAPSA_TRY(capsa_collateral_cache_encode(url, answer, &file));
    CAPSA_TRY(capsa_file_write(path, capsa_buf_bytes(&file), 0600, true));
    return capsa_collateral_cache_trim(folder, CAPSA_LIMIT_cache_files, CAPSA_LIMIT_cache_bytes);
}

/* ---- Its bounds ------------------------------------------------------------------------------ */

struct held_file {
    char name[NAME_MAX + 1];
    struct timespec written;
    size_t bytes;
};

typedef struct held_files {
    struct held_file *items;
    size_t count, room, bytes;
} held_files;

static void held_files_drop(held_files *files)
{
    capsa_dealloc(files->items);
}

/* Ours, and what a process that died left of one: the folder may hold other things. */
static bool is_ours(const char *name)
{
    return strspn(name, "0123456789abcdef") == NAME_HEX &&
           (name[NAME_HEX] == '\0' || strncmp(name + NAME_HEX, ".part-", 6) == 0);
}

static capsa_result list_file(int folder, const char *name, held_files *files)
{
    struct stat status;
    if (!is_ours(name) || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode)) {
        return CAPSA_OK; /* or another process removed it meanwhile */
    }
    if (files->count == files->room) {
        size_t room = files->room * 2 + 64;
        struct held_file *items = capsa_realloc(files->items, room * sizeof(*items));
        CAPSA_REQUIRE_MEMORY(items);
        files->items = items;
        files->room = room;
    }
    struct held_file *file = &files->items[files->count++];
    (void)snprintf(file->name, sizeof(file->name), "%s", name);
    file->written = status.st_mtim;
    file->bytes = (size_t)status.st_size;
    files->bytes += file->bytes;
    return CAPSA_OK;
}

static int by_age(const void *a, const void *b)
{
    const struct timespec *left = &((const struct held_file *)a)->written;
    const struct timespec *right = &((const struct held_file *)b)->written;
    if (left->tv_sec != right->tv_sec) {
        return left->tv_sec < right->tv_sec ? -1 : 1;
    }
    return (left->tv_nsec > right->tv_nsec) - (left->tv_nsec < right->tv_nsec);
}

static capsa_result list_files(DIR *folder, held_files *files)
{
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        CAPSA_TRY(list_file(dirfd(folder), entry->d_name, files));
    }
    return CAPSA_OK;
}

static void remove_oldest(int folder, held_files *files, size_t most, size_t most_bytes)
{
    if (files->count <= most && files->bytes <= most_bytes) {
        return;
    }
    qsort(files->items, files->count, sizeof(files->items[0]), by_age);
    size_t left = files->count;
    for (size_t i = 0; i < files->count && (left > most || files->bytes > most_bytes); i++) {
        (void)unlinkat(folder, files->items[i].name, 0); /* another process may have been quicker */
        files->bytes -= files->items[i].bytes;
        left--;
    }
}

CAPSA_RESULT capsa_collateral_cache_trim(const char *folder, size_t files, size_t bytes)
{
    DIR *directory = opendir(folder);
    CAPSA_REQUIRE(directory != NULL, IO, "cannot open %s: %s", folder, strerror(errno));
    CAPSA_AUTO(held_files) held = {.count = 0};
    capsa_result listed = list_files(directory, &held);
    if (!capsa_failed(listed)) {
        remove_oldest(dirfd(directory), &held, files, bytes);
    }
    (void)closedir(directory);
    return listed;
}
