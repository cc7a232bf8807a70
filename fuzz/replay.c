/* SPDX-License-Identifier: Apache-2.0
 *
 * The main() of a fuzz target when it runs as a plain test: every file of the folders given, in the
 * order of their names, and for each file the inputs that most often break parsers: every prefix
 * (of small files) and some thousand changes drawn from a fixed seed. The same run every time; it
 * finds what once was found, and little that is new. New things are libFuzzer's work.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    FILE_MAX = 1 << 20,
    PREFIX_MAX = 4096,     /* every prefix of files up to this long */
    CHANGES = 2000,        /* per file */
    CHANGES_AT_ONCE = 4,   /* at most, in one input */
    CHANGE_WORK = 8 << 20, /* bytes of changed input per file: large files get fewer changes */
};

static size_t inputs;

/* A copy of exactly this size, so that the address sanitizer sees a read behind the end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    inputs++;
}

/* xorshift64* */
static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545f4914f6cdd1dU;
}

/* Flip a bit, set a byte, insert one, remove one, or repeat a stretch. */
static size_t change(uint8_t *data, size_t size, size_t room, uint64_t *seed)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '{', '[', ':', '\n', '\\'};
    uint64_t dice = draw(seed);
    size_t at = size == 0 ? 0 : (size_t)(draw(seed) % size);
    uint8_t byte = dice & 0x80 ? (uint8_t)(dice >> 8) : telling[(dice >> 8) % sizeof(telling)];
    switch (size == 0 ? 2 : dice % 5) {
    case 0:
        data[at] ^= (uint8_t)(1U << (dice >> 16 & 7));
        return size;
    case 1:
        data[at] = byte;
        return size;
    case 2:
        if (size == room) {
            return size;
        }
        memmove(data + at + 1, data + at, size - at);
        data[at] = byte;
        return size + 1;
    case 3:
        memmove(data + at, data + at + 1, size - at - 1);
        return size - 1;
    default: {
        size_t len = 1 + (size_t)(dice >> 24) % 32;
        len = len > size - at ? size - at : len;
        len = len > room - size ? room - size : len;
        memmove(data + at + len, data + at, size - at);
        return size + len;
    }
    }
}

static void run_changes(const uint8_t *data, size_t size)
{
    size_t room = size + 256;
    uint8_t *changed = malloc(room);
    if (changed == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    uint64_t seed = 0x9e3779b97f4a7c15U + size;
    size_t work = 0;
    for (int i = 0; i < CHANGES && work < CHANGE_WORK; i++) {
        memcpy(changed, data, size);
        size_t len = size;
        for (uint64_t n = 1 + draw(&seed) % CHANGES_AT_ONCE; n > 0; n--) {
            len = change(changed, len, room, &seed);
        }
        run(changed, len);
        work += len + 1;
    }
    free(changed);
}

static bool run_file(const char *path)
{
    static uint8_t data[FILE_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    size_t size = fread(data, 1, sizeof(data), file);
    bool whole = feof(file) || fgetc(file) == EOF;
    (void)fclose(file);
    if (!whole) {
        fprintf(stderr, "%s: larger than %d bytes\n", path, FILE_MAX);
        return false;
    }
    run(data, size);
    for (size_t len = 0; size <= PREFIX_MAX && len < size; len++) {
        run(data, len);
    }
    run_changes(data, size);
    return true;
}

static bool run_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) {
        fprintf(stderr, "%s: no such corpus folder\n", folder);
        return false;
    }
    bool ok = true;
    size_t files = 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        int len = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && len > 0 && (size_t)len < sizeof(path)) {
            files++;
            ok = run_file(path) && ok;
        }
        free(entries[i]);
    }
    free(entries);
    if (files == 0) {
        fprintf(stderr, "%s: no seeds\n", folder);
    }
    return ok && files > 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
        return 2;
    }
    bool ok = true;
    for (int i = 1; i < argc; i++) {
        ok = run_folder(argv[i]) && ok;
    }
    printf("%zu inputs\n", inputs);
    return ok ? 0 : 1;
}
