/* SPDX-License-Identifier: Apache-2.0
 *
 * configfs-tsm by FUSE:  fake_tsm MOUNT PROVIDER SIM_DIR FAULT [AUXBLOB_FILE|- [OUTBLOB_FILE]]
 * A directory that is made there has the kernel's attributes: inblob takes what to bind, outblob is
 * the report, generation counts what was written. FAULT is "none" or what shall go wrong; faults
 * whose name ends in "once" do so the first time only. OUTBLOB_FILE is a recorded report, handed
 * out whatever was asked.
 */
#include "fake_fuse.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"

#define DIRECTORIES 8

struct directory {
    char name[64]; /* "": free */
    uint8_t inblob[64];
    bool has_inblob;
    unsigned generation;
    unsigned privlevel;
};

struct tsm {
    const char *provider, *sim_dir, *fault;
    bool done; /* what happens once has happened */
    struct directory directories[DIRECTORIES];
    capsa_buf auxblob, recorded;
    capsa_buf opened; /* the report that is being read: one at a time */
};

static struct tsm *tsm_of(void)
{
    return fuse_get_context()->private_data;
}

static bool fault_is(struct tsm *tsm, const char *fault)
{
    if (strcmp(tsm->fault, fault) != 0 || tsm->done) {
        return false;
    }
    tsm->done = strlen(fault) > 4 && strcmp(fault + strlen(fault) - 4, "once") == 0;
    return true;
}

/* ---- Paths ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    mode_t mode;
} attributes[] = {{"inblob", 0200},         {"outblob", 0400},    {"auxblob", 0400},
                  {"provider", 0400},       {"generation", 0400}, {"privlevel", 0200},
                  {"privlevel_floor", 0400}};
#define ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

/* "/name/attribute": the directory, and the attribute or NULL. */
static struct directory *find(struct tsm *tsm, const char *path, const char **ret_attribute)
{
    const char *name = path + 1;
    const char *slash = strchr(name, '/');
    size_t len = slash == NULL ? strlen(name) : (size_t)(slash - name);
    *ret_attribute = slash == NULL ? NULL : slash + 1;
    for (size_t i = 0; i < DIRECTORIES; i++) {
        struct directory *directory = &tsm->directories[i];
        if (len > 0 && strlen(directory->name) == len && memcmp(directory->name, name, len) == 0) {
            return directory;
        }
    }
    return NULL;
}

static int get_attributes(const char *path, struct stat *status, struct fuse_file_info *file)
{
    (void)file;
    const char *attribute;
    const struct directory *directory = find(tsm_of(), path, &attribute);
    if (strcmp(path, "/") == 0 || (directory != NULL && attribute == NULL)) {
        fake_fuse_attributes(status, true, 0700);
        return 0;
    }
    for (size_t i = 0; directory != NULL && i < ATTRIBUTES; i++) {
        if (strcmp(attributes[i].name, attribute) == 0) {
            fake_fuse_attributes(status, false, attributes[i].mode);
            return 0;
        }
    }
    return -ENOENT;
}

static int list(const char *path, void *out, fuse_fill_dir_t fill, off_t offset,
                struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
    (void)offset;
    (void)file;
    (void)flags;
    struct tsm *tsm = tsm_of();
    bool is_root = strcmp(path, "/") == 0;
    for (size_t i = 0; is_root && i < DIRECTORIES; i++) {
        if (tsm->directories[i].name[0] != '\0') {
            (void)fill(out, tsm->directories[i].name, NULL, 0, 0);
        }
    }
    for (size_t i = 0; !is_root && i < ATTRIBUTES; i++) {
        (void)fill(out, attributes[i].name, NULL, 0, 0);
    }
    return 0;
}

static int make(const char *path, mode_t mode)
{
    (void)mode;
    struct tsm *tsm = tsm_of();
    if (fault_is(tsm, "forbidden")) {
        return -EACCES;
    }
    if (fault_is(tsm, "mkdir_busy_once")) {
        return -EBUSY;
    }
    for (size_t i = 0; i < DIRECTORIES; i++) {
        if (tsm->directories[i].name[0] == '\0') {
            tsm->directories[i] = (struct directory){.generation = 41};
            (void)snprintf(tsm->directories[i].name, sizeof(tsm->directories[i].name), "%s",
                           path + 1);
            return 0;
        }
    }
    return -ENOSPC;
}

static int drop(const char *path)
{
    const char *attribute;
    struct directory *directory = find(tsm_of(), path, &attribute);
    if (directory == NULL) {
        return -ENOENT;
    }
    *directory = (struct directory){.name = ""};
    return 0;
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* One write, as the kernel takes it: all 64 bytes or nothing. */
static int write_inblob(struct tsm *tsm, struct directory *directory, const char *data, size_t size)
{
    if (size != sizeof(directory->inblob)) {
        return -EINVAL;
    }
    if (fault_is(tsm, "write_busy_once") || fault_is(tsm, "busy")) {
        return -EBUSY;
    }
    if (fault_is(tsm, "gone")) {
        return -ENXIO;
    }
    if (strcmp(tsm->fault, "floor") == 0 && directory->privlevel < 2) {
        return -EINVAL;
    }
    memcpy(directory->inblob, data, size);
    directory->has_inblob = true;
    directory->generation++;
    if (fault_is(tsm, "write_race_once")) { /* another writer, and his bytes */
        directory->inblob[0] ^= 1;
        directory->generation++;
    }
    return (int)size;
}

static int write_value(const char *path, const char *data, size_t size, off_t offset,
                       struct fuse_file_info *file)
{
    (void)offset;
    (void)file;
    struct tsm *tsm = tsm_of();
    const char *attribute;
    struct directory *directory = find(tsm, path, &attribute);
    if (directory == NULL || attribute == NULL) {
        return -ENOENT;
    }
    if (strcmp(attribute, "inblob") == 0) {
        return write_inblob(tsm, directory, data, size);
    }
    if (strcmp(attribute, "privlevel") == 0 && size == 1 && data[0] >= '0' && data[0] <= '3') {
        directory->privlevel = (unsigned)(data[0] - '0');
        directory->generation++;
        return 1;
    }
    return -EINVAL;
}

static enum capsa_platform platform_of(struct tsm *tsm)
{
    bool is_tdx = strcmp(tsm->provider, "tdx_guest") == 0;
    if (fault_is(tsm, "other_platform")) {
        return is_tdx ? CAPSA_PLATFORM_SNP : CAPSA_PLATFORM_SGX;
    }
    return is_tdx ? CAPSA_PLATFORM_TDX : CAPSA_PLATFORM_SNP;
}

static const struct {
    const char *fault;
    size_t len; /* of the outblob instead */
} lengths[] = {{"empty", 0}, {"short", 100}, {"oversize", CAPSA_LIMIT_tsm_blob + 1}};

/* What was recorded, or made for what was asked. */
static bool fill_report(struct tsm *tsm, const struct directory *directory)
{
    capsa_buf_clear(&tsm->opened);
    return !capsa_failed(
        tsm->recorded.len > 0
            ? capsa_buf_append(&tsm->opened, capsa_buf_bytes(&tsm->recorded))
            : fake_evidence(platform_of(tsm), tsm->sim_dir, directory->inblob, &tsm->opened));
}

static int make_report(struct tsm *tsm, struct directory *directory)
{
    if (!directory->has_inblob) {
        return -EINVAL;
    }
    if (fault_is(tsm, "read_busy_once")) {
        return -EBUSY;
    }
    if (fault_is(tsm, "read_interrupted_once")) {
        return -EINTR;
    }
    if (fault_is(tsm, "read_timeout_once")) {
        return -ETIMEDOUT;
    }
    uint8_t *room;
    if (fault_is(tsm, "other_data")) {
        directory->inblob[63] ^= 1;
    }
    if (!fill_report(tsm, directory)) {
        return -EIO;
    }
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        if (!fault_is(tsm, lengths[i].fault)) {
            continue;
        }
        if (lengths[i].len < tsm->opened.len) {
            capsa_buf_cut(&tsm->opened, lengths[i].len);
        } else if (capsa_failed(
                       capsa_buf_extend(&tsm->opened, lengths[i].len - tsm->opened.len, &room))) {
            return -EIO;
        }
    }
    if (fault_is(tsm, "read_race_once") || fault_is(tsm, "race")) {
        directory->generation++;
    }
    return 0;
}

static int read_value(const char *path, char *out, size_t size, off_t offset,
                      struct fuse_file_info *file)
{
    (void)file;
    struct tsm *tsm = tsm_of();
    const char *attribute;
    struct directory *directory = find(tsm, path, &attribute);
    if (directory == NULL || attribute == NULL) {
        return -ENOENT;
    }
    if (strcmp(attribute, "outblob") == 0) {
        int status = offset == 0 ? make_report(tsm, directory) : 0;
        return status != 0 ? status
                           : fake_fuse_piece(capsa_buf_bytes(&tsm->opened), out, size, offset);
    }
    if (strcmp(attribute, "auxblob") == 0) {
        return fake_fuse_piece(capsa_buf_bytes(&tsm->auxblob), out, size, offset);
    }
    char text[64];
    if (strcmp(attribute, "provider") == 0) {
        (void)snprintf(text, sizeof(text), "%s\n", tsm->provider);
    } else if (strcmp(attribute, "generation") == 0) {
        (void)snprintf(text, sizeof(text), "%u\n", directory->generation);
    } else if (strcmp(attribute, "privlevel_floor") == 0) {
        (void)snprintf(text, sizeof(text), "%d\n", strcmp(tsm->fault, "floor") == 0 ? 2 : 0);
    } else {
        return -EINVAL;
    }
    return fake_fuse_piece(capsa_bytes_str(text), out, size, offset);
}

static const struct fuse_operations operations = {
    .init = fake_fuse_init,
    .getattr = get_attributes,
    .readdir = list,
    .mkdir = make,
    .rmdir = drop,
    .read = read_value,
    .write = write_value,
};

static bool read_file(const char *path, capsa_buf *ret_content)
{
    if (path == NULL || strcmp(path, "-") == 0) {
        return true;
    }
    capsa_result read = capsa_file_read(path, ret_content);
    if (capsa_failed(read)) {
        (void)fprintf(stderr, "%s\n", capsa_text_of(read));
    }
    return !capsa_failed(read);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        (void)fprintf(stderr, "fake_tsm MOUNT PROVIDER SIM_DIR FAULT [AUXBLOB_FILE|- "
                              "[OUTBLOB_FILE]]\n");
        return 1;
    }
    struct tsm tsm = {.provider = argv[2],
                      .sim_dir = argv[3],
                      .fault = argv[4],
                      .auxblob = capsa_buf_of(MIB(1)),
                      .recorded = capsa_buf_of(MIB(1)),
                      .opened = capsa_buf_of(MIB(1))};
    int status = 1;
    if (read_file(argv[5], &tsm.auxblob) && read_file(argc > 6 ? argv[6] : NULL, &tsm.recorded)) {
        status = fake_fuse_serve(argv[0], argv[1], &operations, &tsm);
    }
    capsa_buf_drop(&tsm.auxblob);
    capsa_buf_drop(&tsm.recorded);
    capsa_buf_drop(&tsm.opened);
    return status;
}
