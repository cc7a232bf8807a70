/* SPDX-License-Identifier: Apache-2.0
 *
 * Root keys and their file (store_root.h).
 */
#include "store/store_root.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/reader.h"
#include "codec/text.h"
#include "crypto/crypto.h"
#include "store/store_backend.h"

#define CHECK_LEN  8
#define TEXT_MAX   KIB(1)
#define FIRST_LINE "capsa-root 1\n"

void capsa_root_free(struct capsa_root *root)
{
    if (root != NULL) {
        capsa_secret_free(root->key);
        capsa_dealloc(root);
    }
}

void capsa_root_id_text(const uint8_t id[CAPSA_ROOT_ID], char ret_text[CAPSA_ROOT_ID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < CAPSA_ROOT_ID; i++) {
        ret_text[2 * i] = digits[id[i] >> 4];
        ret_text[2 * i + 1] = digits[id[i] & 15];
    }
    ret_text[CAPSA_ROOT_ID_TEXT - 1] = '\0';
}

/* A root with its key still zero. */
static capsa_result root_blank(uint32_t epoch, struct capsa_root **ret_root)
{
    CAPSA_AUTO_FREE(capsa_root) root = CAPSA_NEW(struct capsa_root);
    CAPSA_REQUIRE_MEMORY(root);
    CAPSA_TRY(capsa_secret_new(CAPSA_ROOT_KEY, &root->key));
    root->epoch = epoch;
    *ret_root = root;
    root = NULL; /* handed over */
    return CAPSA_OK;
}

static capsa_result name_root(struct capsa_root *root)
{
    return capsa_hkdf(capsa_secret_borrow(root->key), capsa_bytes_of(NULL, 0),
                      CAPSA_BYTES_LITERAL("capsa root id"), root->id, CAPSA_ROOT_ID);
}

CAPSA_RESULT capsa_root_new(struct capsa_root **ret_root)
{
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    CAPSA_TRY(root_blank(1, &root));
    CAPSA_TRY(capsa_random(capsa_secret_room(root->key), CAPSA_ROOT_KEY));
    CAPSA_TRY(name_root(root));
    *ret_root = root;
    root = NULL; /* handed over */
    return CAPSA_OK;
}

CAPSA_RESULT capsa_root_of(capsa_secret_bytes key, uint32_t epoch, struct capsa_root **ret_root)
{
    CAPSA_REQUIRE(key.len == CAPSA_ROOT_KEY, MALFORMED, "a root key of %zu bytes, not %d", key.len,
                  CAPSA_ROOT_KEY);
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    CAPSA_TRY(root_blank(epoch, &root));
    memcpy(capsa_secret_room(root->key), key.data, CAPSA_ROOT_KEY);
    CAPSA_TRY(name_root(root));
    *ret_root = root;
    root = NULL; /* handed over */
    return CAPSA_OK;
}

/* ---- The text -------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_root_write(const struct capsa_root *root, capsa_buf *ret_text)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(TEXT_MAX);
    char id[CAPSA_ROOT_ID_TEXT];
    capsa_root_id_text(root->id, id);
    CAPSA_TRY(capsa_buf_str(&text, FIRST_LINE));
    CAPSA_TRY(capsa_buf_format(&text, "id %s\nepoch %" PRIu32 "\nkey ", id, root->epoch));
    CAPSA_TRY(capsa_hex_write(
        capsa_declassify(capsa_secret_borrow(root->key), "this file is where the root key rests"),
        &text));
    CAPSA_TRY(capsa_buf_str(&text, "\n"));
    uint8_t check[CAPSA_SHA256];
    capsa_sha256(capsa_buf_bytes(&text), check);
    CAPSA_TRY(capsa_buf_str(&text, "check "));
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(check, CHECK_LEN), &text));
    CAPSA_TRY(capsa_buf_str(&text, "\n"));
    return capsa_buf_append(ret_text, capsa_buf_bytes(&text));
}

/* The rest of the line that begins with `name` and a space. */
static capsa_result read_line(struct capsa_reader *reader, const char *name, capsa_bytes *ret_value)
{
    capsa_bytes left = capsa_bytes_from(reader->bytes, reader->at);
    size_t end = capsa_bytes_find(left, '\n');
    size_t len = strlen(name);
    CAPSA_REQUIRE(
        end < left.len && end > len && memcmp(left.data, name, len) == 0 && left.data[len] == ' ',
        MALFORMED, "a root key file has a line \"%s ...\" here, at byte %zu", name, reader->at);
    *ret_value = capsa_bytes_of(left.data + len + 1, end - len - 1);
    reader->at += end + 1;
    return CAPSA_OK;
}

static capsa_result parse_epoch(capsa_bytes text, uint32_t *ret_epoch)
{
    uint64_t epoch = 0;
    for (size_t i = 0; i < text.len && epoch <= UINT32_MAX; i++) {
        CAPSA_REQUIRE(text.data[i] >= '0' && text.data[i] <= '9', MALFORMED,
                      "the epoch of a root key is a number");
        epoch = epoch * 10 + (uint64_t)(text.data[i] - '0');
    }
    CAPSA_REQUIRE(epoch >= 1 && epoch <= UINT32_MAX, MALFORMED,
                  "the epoch of a root key is a number from 1 to 4294967295");
    *ret_epoch = (uint32_t)epoch;
    return CAPSA_OK;
}

static capsa_result parse_lines(capsa_bytes text, uint32_t *ret_epoch, capsa_buf *ret_key)
{
    struct capsa_reader reader = capsa_reader_of(text);
    capsa_bytes value;
    CAPSA_TRY(read_line(&reader, "capsa-root", &value));
    CAPSA_REQUIRE(capsa_bytes_is(value, "1"), UNSUPPORTED,
                  "a root key file of a version that this program does not know");
    CAPSA_TRY(read_line(&reader, "id", &value));
    CAPSA_TRY(read_line(&reader, "epoch", &value));
    CAPSA_TRY(parse_epoch(value, ret_epoch));
    CAPSA_TRY(read_line(&reader, "key", &value));
    CAPSA_TRY_AT(capsa_hex_parse(value, ret_key), "the root key");
    CAPSA_REQUIRE(ret_key->len == CAPSA_ROOT_KEY, MALFORMED, "a root key of %zu bytes, not %d",
                  ret_key->len, CAPSA_ROOT_KEY);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_root_parse(capsa_bytes text, struct capsa_root **ret_root)
{
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(TEXT_MAX);
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    uint32_t epoch = 0;
    CAPSA_TRY(parse_lines(text, &epoch, &key));
    CAPSA_TRY(capsa_root_of(capsa_secret_of_buf(&key), epoch, &root));
    /* One form only: what we would write ourselves. That covers id, check and every byte between.
     */
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(TEXT_MAX);
    CAPSA_TRY(capsa_root_write(root, &again));
    CAPSA_REQUIRE(
        capsa_equal_ct((capsa_secret_bytes){text.data, text.len}, capsa_secret_of_buf(&again)),
        MALFORMED, "a root key file that was damaged: its lines do not match");
    *ret_root = root;
    root = NULL; /* handed over */
    return CAPSA_OK;
}

/* ---- The file -------------------------------------------------------------------------------- */

static capsa_result check_file(int fd, const char *path)
{
    struct stat status;
    CAPSA_REQUIRE(fstat(fd, &status) == 0, IO, "cannot look at %s: %s", path, strerror(errno));
    CAPSA_REQUIRE(S_ISREG(status.st_mode), DENIED, "the root key %s is not a file", path);
    CAPSA_REQUIRE(status.st_uid == geteuid(), DENIED,
                  "the root key %s belongs to user %ld, not to us: chown %ld %s", path,
                  (long)status.st_uid, (long)geteuid(), path);
    CAPSA_REQUIRE((status.st_mode & 077) == 0, DENIED,
                  "others may open the root key %s (mode %03o): chmod 600 %s", path,
                  (unsigned)status.st_mode & 0777, path);
    return CAPSA_OK;
}

static capsa_result read_file(int fd, const char *path, capsa_buf *ret_text)
{
    CAPSA_TRY(check_file(fd, path));
    for (;;) {
        uint8_t *room;
        size_t before = ret_text->len;
        CAPSA_TRY_AT(capsa_buf_extend(ret_text, 256, &room), "%s", path);
        ssize_t got = read(fd, room, 256);
        int why = errno;
        capsa_buf_cut(ret_text, before + (got > 0 ? (size_t)got : 0));
        CAPSA_REQUIRE(got >= 0 || why == EINTR, IO, "cannot read %s: %s", path, strerror(why));
        if (got == 0) {
            return CAPSA_OK;
        }
    }
}

CAPSA_RESULT capsa_root_load(const char *path, struct capsa_root **ret_root)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    CAPSA_REQUIRE(fd >= 0 || errno != ENOENT, NOT_FOUND, "there is no root key %s", path);
    CAPSA_REQUIRE(fd >= 0, IO, "cannot open the root key %s: %s", path, strerror(errno));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(2 * TEXT_MAX);
    capsa_result result = read_file(fd, path, &text);
    (void)close(fd);
    CAPSA_TRY(result);
    CAPSA_TRY_AT(capsa_root_parse(capsa_buf_bytes(&text), ret_root), "%s", path);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_root_save(const struct capsa_root *root, const char *path)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(TEXT_MAX);
    CAPSA_TRY(capsa_root_write(root, &text));
    CAPSA_TRY(capsa_store_folder_make(path));
    return capsa_file_write(path, capsa_buf_bytes(&text), 0600, false);
}
