/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's files and devices (attester_device.h).
 */
#include "attester/attester_device.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"

#define TRIES_DEFAULT  12
#define PAUSE_FIRST_MS 2u
#define PAUSE_MAX_MS   2048u

void capsa_device_drop(capsa_device *device)
{
    if (device->fd >= 0) {
        (void)close(device->fd);
    }
    device->fd = -1;
}

CAPSA_RESULT capsa_device_path(const struct capsa_attester_options *options, const char *path,
                               char ret_path[PATH_MAX])
{
    const char *root = options->root == NULL ? "" : options->root;
    CAPSA_REQUIRE(strlen(root) + strlen(path) < PATH_MAX, TOO_LARGE,
                  "the root before %s is too long for a path", path);
    (void)snprintf(ret_path, PATH_MAX, "%s%s", root, path);
    return CAPSA_OK;
}

bool capsa_device_exists(const struct capsa_attester_options *options, const char *path)
{
    char whole[PATH_MAX];
    return !capsa_failed(capsa_device_path(options, path, whole)) && access(whole, F_OK) == 0;
}

CAPSA_RESULT capsa_device_pages_new(size_t size, capsa_device_pages *ret_pages)
{
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CAPSA_REQUIRE(bytes != MAP_FAILED, NOMEM, "out of memory");
    *ret_pages = (capsa_device_pages){bytes, size};
    return CAPSA_OK;
}

void capsa_device_pages_drop(capsa_device_pages *pages)
{
    if (pages->bytes != NULL) {
        capsa_wipe(pages->bytes, pages->size);
        (void)munmap(pages->bytes, pages->size);
    }
    *pages = (capsa_device_pages){NULL, 0};
}

/* ---- What the kernel answers ----------------------------------------------------------------- */

static const struct {
    int error;
    enum capsa_code code;
} codes[] = {
    {EBUSY, CAPSA_E_BUSY},
    {EINTR, CAPSA_E_BUSY},
    {EAGAIN, CAPSA_E_BUSY},
    {ETIMEDOUT, CAPSA_E_TIMEOUT},
    {ENOENT, CAPSA_E_UNSUPPORTED},
    {ENXIO, CAPSA_E_UNSUPPORTED},
    {ENODEV, CAPSA_E_UNSUPPORTED},
    {ENOTTY, CAPSA_E_UNSUPPORTED},
    {ENOTDIR, CAPSA_E_UNSUPPORTED},
    {ENOMEM, CAPSA_E_NOMEM},
    {EOPNOTSUPP, CAPSA_E_UNSUPPORTED},
};

capsa_result capsa_device_failed(const char *file, int line, int error, const char *what,
                                 const char *path)
{
    enum capsa_code code = CAPSA_E_IO;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        code = codes[i].error == error ? codes[i].code : code;
    }
    const char *hint = error == EACCES || error == EPERM ? " (is this user allowed to?)" : "";
    return capsa_error_make(code, file, line, "cannot %s %s: %s%s", what, path, strerror(error),
                            hint);
}

/* ---- Files ----------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_device_open(const char *path, int flags, capsa_device *ret_device)
{
    capsa_device device = {.fd = open(path, flags | O_CLOEXEC)};
    CAPSA_DEVICE_REQUIRE(device.fd >= 0, errno, "open", path);
    (void)snprintf(device.path, sizeof(device.path), "%s", path);
    *ret_device = device;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_device_open_at(const struct capsa_attester_options *options, const char *path,
                                  int flags, capsa_device *ret_device)
{
    char whole[PATH_MAX];
    CAPSA_TRY(capsa_device_path(options, path, whole));
    return capsa_device_open(whole, flags, ret_device);
}

CAPSA_RESULT capsa_device_write(const capsa_device *device, capsa_bytes bytes)
{
    ssize_t written = write(device->fd, bytes.data, bytes.len);
    CAPSA_DEVICE_REQUIRE(written >= 0, errno, "write to", device->path);
    CAPSA_REQUIRE((size_t)written == bytes.len, IO, "%s took %zd of %zu bytes", device->path,
                  written, bytes.len);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_device_read(const capsa_device *device, capsa_buf *ret_content)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(ret_content->max - ret_content->len);
    uint8_t piece[KIB(8)];
    ssize_t got;
    while ((got = read(device->fd, piece, sizeof(piece))) != 0) {
        CAPSA_DEVICE_REQUIRE(got > 0, errno, "read", device->path);
        CAPSA_TRY_AT(capsa_buf_append(&content, capsa_bytes_of(piece, (size_t)got)), "%s",
                     device->path);
    }
    return capsa_buf_append(ret_content, capsa_buf_bytes(&content));
}

CAPSA_RESULT capsa_device_read_file(const char *path, capsa_buf *ret_content)
{
    CAPSA_AUTO(capsa_device) device = {.fd = -1};
    CAPSA_TRY(capsa_device_open(path, O_RDONLY, &device));
    return capsa_device_read(&device, ret_content);
}

CAPSA_RESULT capsa_device_write_file(const char *path, capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_device) device = {.fd = -1};
    CAPSA_TRY(capsa_device_open(path, O_WRONLY, &device));
    return capsa_device_write(&device, bytes);
}

int capsa_device_ioctl(const capsa_device *device, unsigned long request, void *argument)
{
    int status;
    do {
        status = ioctl(device->fd, request, argument);
    } while (status < 0 && errno == EINTR);
    return status < 0 ? errno : 0;
}

/* ---- Again ----------------------------------------------------------------------------------- */

static void pause_for(unsigned milliseconds)
{
    struct timespec left = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

bool capsa_device_again(struct capsa_device_tries *tries, capsa_result failed)
{
    enum capsa_code code = capsa_code_of(failed);
    unsigned allowed = tries->allowed == 0 ? TRIES_DEFAULT : tries->allowed;
    tries->used++;
    if ((code != CAPSA_E_BUSY && code != CAPSA_E_TIMEOUT) || tries->used >= allowed) {
        return false;
    }
    unsigned pause = PAUSE_MAX_MS;
    if (tries->used <= 10) {
        pause = PAUSE_FIRST_MS << (tries->used - 1);
    }
    pause_for(pause);
    return true;
}

CAPSA_RESULT capsa_device_ask(const struct capsa_attester_options *options, const char *path,
                              int flags, capsa_device_question *question,
                              const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
                              capsa_buf *ret_certs)
{
    CAPSA_AUTO(capsa_device) device = {.fd = -1};
    CAPSA_TRY(capsa_device_open_at(options, path, flags, &device));
    struct capsa_device_tries tries = {.allowed = options->tries};
    capsa_result result;
    do {
        result = question(&device, report_data, ret_evidence, ret_certs);
    } while (capsa_failed(result) && capsa_device_again(&tries, result));
    return result;
}
