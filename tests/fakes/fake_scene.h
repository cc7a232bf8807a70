/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine made of fakes, for tests: a folder that stands for "/", a simulated platform that signs
 * what the fakes hand out, and programs started and stopped.
 */
#pragma once

#include "../unit/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attester/attester_sim.h"
#include "codec/text.h"

struct fake_scene {
    char top[64];   /* temporary, holds the two below */
    char root[128]; /* stands for / */
    char sim[128];
    pid_t fake; /* that serves files; 0: none */
};

static inline void fake_make(const struct fake_scene *scene, const char *path, bool is_folder)
{
    char whole[512];
    (void)snprintf(whole, sizeof(whole), "%s%s", scene->root, path);
    for (char *slash = strchr(whole + strlen(scene->root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(whole, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    if (is_folder) {
        assert_true(mkdir(whole, 0700) == 0 || errno == EEXIST);
        return;
    }
    int fd = open(whole, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

static inline void fake_scene_make(struct fake_scene *scene)
{
    *scene = (struct fake_scene){.top = "/tmp/capsa-fake-XXXXXX"};
    assert_non_null(mkdtemp(scene->top));
    (void)snprintf(scene->root, sizeof(scene->root), "%s/root", scene->top);
    (void)snprintf(scene->sim, sizeof(scene->sim), "%s/sim", scene->top);
    assert_int_equal(mkdir(scene->root, 0700), 0);
    assert_ok(capsa_sim_init(scene->sim, capsa_now(&capsa_clock_system), 1));
}

static inline void fake_stop(struct fake_scene *scene)
{
    int status;
    if (scene->fake > 0) {
        assert_int_equal(kill(scene->fake, SIGTERM), 0);
        assert_int_equal(waitpid(scene->fake, &status, 0), scene->fake);
        scene->fake = 0;
        assert_true(WIFEXITED(status)); /* of a sanitizer's report too */
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static inline void fake_scene_drop(struct fake_scene *scene)
{
    fake_stop(scene);
    test_remove_tree(scene->top);
}

/* Run a program with its standard output in a pipe. */
static inline pid_t fake_spawn(const char *const argv[], int *ret_out)
{
    int ends[2];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], 1), 0);
    assert_int_equal(
        posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    *ret_out = ends[0];
    return pid;
}

/* A fake that is a file system, mounted once this returns; the test is skipped where none can be.
 */
static inline void fake_mount(struct fake_scene *scene, const char *const argv[])
{
    char byte = 0;
    int out, fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse < 0) {
        print_message("skipped: no file system can be faked here: /dev/fuse: %s\n",
                      strerror(errno));
        skip();
    }
    (void)close(fuse);
    scene->fake = fake_spawn(argv, &out);
    ssize_t got = read(out, &byte, 1); /* of "ready" */
    (void)close(out);
    if (got != 1) {
        int status;
        (void)waitpid(scene->fake, &status, 0);
        scene->fake = 0;
        print_message("skipped: this user cannot mount a FUSE file system (%s ended with %d)\n",
                      argv[0], status);
        skip();
    }
}

/* All that a program prints, and its exit status. */
static inline int fake_run(const char *const argv[], capsa_buf *ret_text)
{
    int out, status;
    char piece[4096];
    ssize_t got;
    pid_t pid = fake_spawn(argv, &out);
    while ((got = read(out, piece, sizeof(piece))) > 0) {
        assert_ok(capsa_buf_append(ret_text, capsa_bytes_of(piece, (size_t)got)));
    }
    (void)close(out);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Report data that no two cases share. */
static inline void fake_report_data(unsigned number, uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    for (size_t i = 0; i < CAPSA_REPORT_DATA; i++) {
        ret_report_data[i] = (uint8_t)(i * 7 + number * 31 + 1);
    }
}

/* The evidence says that it is of this platform and binds this. */
static inline void assert_binds(enum capsa_platform platform, capsa_bytes evidence,
                                const uint8_t report_data[CAPSA_REPORT_DATA])
{
    struct capsa_claims claims;
    assert_ok(capsa_evidence_claims(platform, evidence, &claims));
    capsa_bytes bound = capsa_claims_report_data(&claims);
    assert_int_equal(bound.len, CAPSA_REPORT_DATA);
    assert_memory_equal(bound.data, report_data, CAPSA_REPORT_DATA);
}

/* The table of certificates beside SNP reports, of recorded ones, into a file; false where there
 * are none. */
static inline bool fake_certs_file(const struct fake_scene *scene, char ret_path[256])
{
    static const struct {
        const char *file;
        uint8_t guid[16];
    } parts[] = {
        {"leaf.der",
         {0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64, 0x45, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac,
          0xcd}},
        {"ask.pem",
         {0x79, 0xb3, 0xb7, 0x4a, 0xac, 0xbb, 0xe4, 0x4f, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7,
          0x82}},
    };
    capsa_buf table = capsa_buf_of(KIB(64)), contents = capsa_buf_of(KIB(64));
    size_t before = (sizeof(parts) / sizeof(parts[0]) + 1) * 24;
    (void)snprintf(ret_path, 256, "%s/certs", scene->top);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char name[128], path[VECTOR_PATH];
        size_t at = before + contents.len;
        (void)snprintf(name, sizeof(name), "attestation/snp_v3_milan_vcek/%s", parts[i].file);
        test_vector_path(name, path);
        if (access(path, R_OK) != 0) {
            print_message("skipped: no recorded certificates at %s\n", path);
            capsa_buf_drop(&table);
            capsa_buf_drop(&contents);
            return false;
        }
        assert_ok(capsa_file_read(path, &contents));
        assert_ok(capsa_buf_append(&table, capsa_bytes_of(parts[i].guid, 16)));
        assert_ok(capsa_buf_le32(&table, (uint32_t)at));
        assert_ok(capsa_buf_le32(&table, (uint32_t)(before + contents.len - at)));
    }
    assert_ok(capsa_buf_append(&table, capsa_bytes_of((uint8_t[24]){0}, 24)));
    assert_ok(capsa_buf_append(&table, capsa_buf_bytes(&contents)));
    assert_ok(capsa_file_write(ret_path, capsa_buf_bytes(&table), 0600, true));
    capsa_buf_drop(&table);
    capsa_buf_drop(&contents);
    return true;
}
