/* SPDX-License-Identifier: Apache-2.0
 *
 * Gramine's /dev/attestation by FUSE:  fake_gramine MOUNT SIM_DIR FAULT
 * Each write to user_report_data replaces the whole value; the quote is made when it is opened and
 * does not change while it is read.
 */
#include "fake_fuse.h"

#include <stdlib.h>

#include "base/limits.h"

struct gramine {
    const char *sim_dir, *fault;
    uint8_t report_data[64];
    capsa_buf quote; /* one reader at a time */
};

static struct gramine *gramine_of(void)
{
    return fuse_get_context()->private_data;
}

static bool fault_is(const char *fault)
{
    return strcmp(gramine_of()->fault, fault) == 0;
}

static int get_attributes(const char *path, struct stat *status, struct fuse_file_info *file)
{
    (void)file;
    fake_fuse_attributes(status, strcmp(path, "/") == 0, strcmp(path, "/") == 0 ? 0700 : 0600);
    bool has_quote = !fault_is("none_type");
    return strcmp(path, "/") == 0 || strcmp(path, "/attestation_type") == 0 ||
                   strcmp(path, "/user_report_data") == 0 ||
                   (has_quote && strcmp(path, "/quote") == 0)
               ? 0
               : -ENOENT;
}

static int write_value(const char *path, const char *data, size_t size, off_t offset,
                       struct fuse_file_info *file)
{
    (void)offset;
    (void)file;
    struct gramine *gramine = gramine_of();
    if (strcmp(path, "/user_report_data") != 0) {
        return -EACCES;
    }
    size_t kept = size < sizeof(gramine->report_data) ? size : sizeof(gramine->report_data);
    memset(gramine->report_data, 0, sizeof(gramine->report_data));
    memcpy(gramine->report_data, data, kept);
    return (int)size;
}

static int make_quote(struct gramine *gramine)
{
    enum capsa_platform platform =
        fault_is("other_platform") ? CAPSA_PLATFORM_TDX : CAPSA_PLATFORM_SGX;
    uint8_t *room;
    if (fault_is("forbidden")) {
        return -EACCES;
    }
    gramine->report_data[0] ^= fault_is("other_data");
    capsa_buf_clear(&gramine->quote);
    if (capsa_failed(
            fake_evidence(platform, gramine->sim_dir, gramine->report_data, &gramine->quote))) {
        return -EIO;
    }
    if (fault_is("short")) {
        capsa_buf_cut(&gramine->quote, 400);
    }
    if (fault_is("oversize") &&
        capsa_failed(capsa_buf_extend(&gramine->quote, CAPSA_LIMIT_evidence_bytes, &room))) {
        return -EIO;
    }
    return 0;
}

static int open_value(const char *path, struct fuse_file_info *file)
{
    (void)file;
    return strcmp(path, "/quote") == 0 ? make_quote(gramine_of()) : 0;
}

static int read_value(const char *path, char *out, size_t size, off_t offset,
                      struct fuse_file_info *file)
{
    (void)file;
    if (strcmp(path, "/quote") == 0) {
        return fake_fuse_piece(capsa_buf_bytes(&gramine_of()->quote), out, size, offset);
    }
    const char *type = fault_is("none_type") ? "none" : "dcap";
    bool is_type = strcmp(path, "/attestation_type") == 0;
    return fake_fuse_piece(capsa_bytes_str(is_type ? type : ""), out, size, offset);
}

static const struct fuse_operations operations = {
    .init = fake_fuse_init,
    .getattr = get_attributes,
    .open = open_value,
    .read = read_value,
    .write = write_value,
};

int main(int argc, char **argv)
{
    if (argc < 4) {
        (void)fprintf(stderr, "fake_gramine MOUNT SIM_DIR FAULT\n");
        return 1;
    }
    struct gramine gramine = {.sim_dir = argv[2], .fault = argv[3], .quote = capsa_buf_of(MIB(1))};
    int status = fake_fuse_serve(argv[0], argv[1], &operations, &gramine);
    capsa_buf_drop(&gramine.quote);
    return status;
}
