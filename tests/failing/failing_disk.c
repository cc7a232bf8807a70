/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of libc that change a disk, by their names, so that this program, and the libraries
 * in it, call these. Each asks what shall become of it, and does it by a system call.
 */
#include "failing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The name for the linker; headers may have renamed the function to its 64-bit form. */
#define NAMED(name) __asm__(name) __attribute__((visibility("default"), used))

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;) {
        (void)pause();
    }
}

struct call {
    long number, a, b, c, d, e;
};

static long make(struct call call)
{
    return syscall(call.number, call.a, call.b, call.c, call.d, call.e);
}

/* A call that is done or not. */
static long whole(struct call call, int error)
{
    bool is_sync = call.number == SYS_fsync || call.number == SYS_fdatasync;
    enum failing_fate fate = failing_fate_of(FAILING_DISK);
    if (fate == FAILING_FATE_KILLED || fate == FAILING_FATE_HALFWAY) {
        die();
    }
    if (fate == FAILING_FATE_FAILS || fate == FAILING_FATE_SHORT) {
        if (is_sync) {
            failing_lost();
        }
        errno = error;
        return -1;
    }
    long done = make(call);
    if (is_sync) {
        failing_synced();
    }
    if (fate == FAILING_FATE_BEHIND) {
        die();
    }
    return done;
}

/* A write can also be done by half: `c` is its length. */
static long divisible(struct call call)
{
    enum failing_fate fate = failing_fate_of(FAILING_DISK);
    bool half = (fate == FAILING_FATE_SHORT || fate == FAILING_FATE_HALFWAY) && call.c > 1;
    if (fate == FAILING_FATE_KILLED) {
        die();
    }
    if (fate == FAILING_FATE_FAILS) {
        failing_lost();
        errno = ENOSPC;
        return -1;
    }
    call.c = half ? call.c / 2 : call.c;
    long done = make(call);
    if (fate == FAILING_FATE_HALFWAY || fate == FAILING_FATE_BEHIND) {
        die();
    }
    return done;
}

ssize_t failing_write(int fd, const void *data, size_t len) NAMED("write");
ssize_t failing_write(int fd, const void *data, size_t len)
{
    return divisible((struct call){SYS_write, fd, (long)data, (long)len, 0, 0});
}

ssize_t failing_pwrite(int fd, const void *data, size_t len, off_t at) NAMED("pwrite64");
ssize_t failing_pwrite(int fd, const void *data, size_t len, off_t at)
{
    return divisible((struct call){SYS_pwrite64, fd, (long)data, (long)len, at, 0});
}

int failing_fsync(int fd) NAMED("fsync");
int failing_fsync(int fd)
{
    return (int)whole((struct call){SYS_fsync, fd, 0, 0, 0, 0}, EIO);
}

int failing_fdatasync(int fd) NAMED("fdatasync");
int failing_fdatasync(int fd)
{
    return (int)whole((struct call){SYS_fdatasync, fd, 0, 0, 0, 0}, EIO);
}

int failing_ftruncate(int fd, off_t len) NAMED("ftruncate64");
int failing_ftruncate(int fd, off_t len)
{
    return (int)whole((struct call){SYS_ftruncate, fd, len, 0, 0, 0}, EIO);
}

int failing_fallocate(int fd, int mode, off_t at, off_t len) NAMED("fallocate64");
int failing_fallocate(int fd, int mode, off_t at, off_t len)
{
    return (int)whole((struct call){SYS_fallocate, fd, mode, at, len, 0}, ENOSPC);
}

static int open_counted(const char *path, int flags, mode_t mode)
{
    return (int)whole((struct call){SYS_openat, AT_FDCWD, (long)path, flags, mode, 0}, EMFILE);
}

int failing_open(const char *path, int flags, ...) NAMED("open64");
int failing_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_counted(path, flags, mode);
}

int failing_open_plain(const char *path, int flags, ...) NAMED("open");
int failing_open_plain(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_counted(path, flags, mode);
}

int failing_mkostemp(char *name, int flags) NAMED("mkostemp64");
int failing_mkostemp(char *name, int flags)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    static unsigned next;
    char *ending = name + strlen(name) - 6;
    int fd = -1;
    do {
        unsigned number = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) + (unsigned)getpid();
        for (size_t i = 0; i < 6; i++, number /= 26) {
            ending[i] = letters[number % 26];
        }
        fd = open_counted(name, flags | O_RDWR | O_CREAT | O_EXCL, 0600);
    } while (fd < 0 && errno == EEXIST);
    return fd;
}

int failing_rename(const char *from, const char *to) NAMED("rename");
int failing_rename(const char *from, const char *to)
{
    return (int)whole((struct call){SYS_renameat2, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0},
                      EIO);
}

int failing_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
    NAMED("renameat2");
int failing_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return (int)whole(
        (struct call){SYS_renameat2, from_dir, (long)from, to_dir, (long)to, (long)flags}, EIO);
}

int failing_link(const char *from, const char *to) NAMED("link");
int failing_link(const char *from, const char *to)
{
    return (int)whole((struct call){SYS_linkat, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0}, EIO);
}

int failing_unlink(const char *path) NAMED("unlink");
int failing_unlink(const char *path)
{
    return (int)whole((struct call){SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0}, EIO);
}

int failing_mkdir(const char *path, mode_t mode) NAMED("mkdir");
int failing_mkdir(const char *path, mode_t mode)
{
    return (int)whole((struct call){SYS_mkdirat, AT_FDCWD, (long)path, (long)mode, 0, 0}, ENOSPC);
}

int failing_fchmod(int fd, mode_t mode) NAMED("fchmod");
int failing_fchmod(int fd, mode_t mode)
{
    return (int)whole((struct call){SYS_fchmod, fd, (long)mode, 0, 0, 0}, EIO);
}
