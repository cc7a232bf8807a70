/* SPDX-License-Identifier: Apache-2.0
 *
 * gramine-ratls [-h|-D|-P|-T] CERTPATH KEYPATH [-- CMD ARGS...]: a key and a certificate with
 * evidence, as files for a server that knows nothing of either; then the server in its place.
 * Command line and order of paths are Gramine's. The certificate is labelled as everybody's is, so
 * that everybody reads it, and no NUL stands behind the text; -T labels it as Gramine does.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pem.h"
#include "ra_tls.h"

static const char usage[] =
    "usage: gramine-ratls [-h|-D|-P|-T] CERTPATH KEYPATH [-- CMD ARGS...]\n"
    "Writes a certificate that carries evidence, and its key (mode 0600), then runs CMD.\n"
    "  -P  PEM, with the labels CERTIFICATE and EC PRIVATE KEY (the default)\n"
    "  -T  the same with the label TRUSTED CERTIFICATE, as Gramine writes it\n"
    "  -D  DER\n"
    "  -h  this text\n";

struct wanted {
    bool der, trusted;
    const char *cert_path, *key_path;
    char **command; /* NULL: none */
};

static int complain(const char *what, const char *path)
{
    (void)fprintf(stderr, "gramine-ratls: %s %s: %s\n", what, path, strerror(errno));
    return 1;
}

/* ---- The command line ------------------------------------------------------------------------ */

static int refuse(const char *why, const char *what)
{
    (void)fprintf(stderr, "gramine-ratls: %s%s\n%s", why, what, usage);
    return 1;
}

/* 0: go on; below 0: done, and well. */
static int take_options(int argc, char **argv, struct wanted *wanted)
{
    int option;
    while ((option = getopt(argc, argv, "+hDPT")) != -1) {
        switch (option) {
        case 'h':
            (void)fputs(usage, stdout);
            return -1;
        case 'D':
            wanted->der = true;
            break;
        case 'P':
            wanted->der = false;
            break;
        case 'T':
            wanted->trusted = true;
            break;
        default:
            (void)fputs(usage, stderr);
            return 1;
        }
    }
    return wanted->der && wanted->trusted ? refuse("-T is a label, and DER has none", "") : 0;
}

static int take_arguments(int argc, char **argv, struct wanted *wanted)
{
    const int taken = take_options(argc, argv, wanted);
    if (taken != 0) {
        return taken;
    }
    if (argc - optind < 2) {
        return refuse("two paths are wanted, of the certificate and of the key", "");
    }
    wanted->cert_path = argv[optind];
    wanted->key_path = argv[optind + 1];
    const int behind = optind + 2;
    if (behind == argc) {
        return 0;
    }
    if (strcmp(argv[behind], "--") != 0) {
        return refuse("a command stands behind --, unlike ", argv[behind]);
    }
    if (behind + 1 == argc) {
        return refuse("there is no command behind --", "");
    }
    wanted->command = argv + behind + 1;
    return 0;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            len -= (size_t)written;
        }
    }
    return fsync(fd) == 0 || errno == EINVAL; /* what cannot be synchronised is no disk */
}

/* Beside its place, then renamed: whoever reads finds the old file or the new one, whole. */
static int write_file(const char *path, const uint8_t *bytes, size_t len, mode_t mode)
{
    char beside[PATH_MAX];
    const int printed = snprintf(beside, sizeof(beside), "%s.XXXXXX", path);
    if (printed < 0 || (size_t)printed >= sizeof(beside)) {
        errno = ENAMETOOLONG;
        return complain("cannot write", path);
    }
    const int fd = mkstemp(beside);
    if (fd < 0) {
        return complain("cannot write beside", path);
    }
    const bool written = fchmod(fd, mode) == 0 && write_all(fd, bytes, len);
    if (close(fd) != 0 || !written || rename(beside, path) != 0) {
        const int failed = complain("cannot write", path);
        (void)unlink(beside);
        return failed;
    }
    return 0;
}

static int write_pem(const char *path, const char *label, const uint8_t *der, size_t len,
                     mode_t mode)
{
    char header[64];
    char footer[64];
    (void)snprintf(header, sizeof(header), "-----BEGIN %s-----\n", label);
    (void)snprintf(footer, sizeof(footer), "-----END %s-----\n", label);
    const size_t size = ra_tls_pem_size(header, footer, len);
    char *pem = size == 0 ? NULL : malloc(size);
    if (pem == NULL) {
        errno = ENOMEM;
        return complain("cannot write", path);
    }
    ra_tls_pem_write(header, footer, der, len, pem);
    const int failed = write_file(path, (const uint8_t *)pem, size - 1, mode);
    explicit_bzero(pem, size);
    free(pem);
    return failed;
}

/* The key first: who finds the new certificate finds its key. */
static int write_both(const struct wanted *wanted, const uint8_t *key, size_t key_len,
                      const uint8_t *crt, size_t crt_len)
{
    if (wanted->der) {
        const int failed = write_file(wanted->key_path, key, key_len, 0600);
        return failed != 0 ? failed : write_file(wanted->cert_path, crt, crt_len, 0644);
    }
    const char *label = wanted->trusted ? "TRUSTED CERTIFICATE" : "CERTIFICATE";
    const int failed = write_pem(wanted->key_path, "EC PRIVATE KEY", key, key_len, 0600);
    return failed != 0 ? failed : write_pem(wanted->cert_path, label, crt, crt_len, 0644);
}

static int make(const struct wanted *wanted)
{
    uint8_t *key = NULL;
    uint8_t *crt = NULL;
    size_t key_len = 0;
    size_t crt_len = 0;
    const int code = ra_tls_create_key_and_crt_der(&key, &key_len, &crt, &crt_len);
    if (code != 0) {
        (void)fprintf(stderr, "gramine-ratls: no certificate was made (%d)\n", code);
        return 1;
    }
    const int failed = write_both(wanted, key, key_len, crt, crt_len);
    explicit_bzero(key, key_len);
    free(key);
    free(crt);
    return failed;
}

int main(int argc, char **argv)
{
    struct wanted wanted = {.der = false};
    const int taken = take_arguments(argc, argv, &wanted);
    if (taken != 0) {
        return taken < 0 ? 0 : taken;
    }
    const int failed = make(&wanted);
    if (failed != 0 || wanted.command == NULL) {
        return failed;
    }
    (void)execvp(wanted.command[0], wanted.command);
    return complain("cannot run", wanted.command[0]);
}
