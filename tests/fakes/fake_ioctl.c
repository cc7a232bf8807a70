/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices without drivers:  fake_ioctl DEVICE FAULT SIM_DIR FILE|- PROGRAM [ARG...]
 * Runs PROGRAM under a seccomp filter that holds ioctls of the device's numbers, whatever they are
 * called on, and answers them here, in PROGRAM's memory. So the shipped code runs as it is, with
 * its real structs and the kernel's way to say errno. Exits as PROGRAM does; 77 when this system
 * does not let us.
 */
#include "fake_ioctl.h"

#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT 77

static const struct fake_device *const devices[] = {&fake_occlum, &fake_tdx, &fake_sev, &fake_csv};

bool fake_fault(const struct fake_call *call, const char *fault)
{
    if (strcmp(call->fault, fault) != 0 || *call->done) {
        return false;
    }
    size_t len = strlen(fault);
    *call->done = len > 4 && strcmp(fault + len - 4, "once") == 0;
    return true;
}

bool fake_peek(const struct fake_call *call, uint64_t address, void *ret_bytes, size_t len)
{
    struct iovec ours = {ret_bytes, len}, theirs = {(void *)(uintptr_t)address, len};
    return process_vm_readv(call->pid, &ours, 1, &theirs, 1, 0) == (ssize_t)len;
}

bool fake_poke(const struct fake_call *call, uint64_t address, const void *bytes, size_t len)
{
    struct iovec ours = {(void *)(uintptr_t)bytes, len};
    struct iovec theirs = {(void *)(uintptr_t)address, len};
    return process_vm_writev(call->pid, &ours, 1, &theirs, 1, 0) == (ssize_t)len;
}

/* ---- The program under its filter ------------------------------------------------------------ */

static bool send_descriptor(int socket, int descriptor)
{
    char byte = 0;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof(descriptor));
    return sendmsg(socket, &message, 0) == 1;
}

static int receive_descriptor(int socket)
{
    char byte;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    int descriptor = -1;
    if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message) != NULL) {
        memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(descriptor));
    }
    return descriptor;
}

/* In the child: nothing but the program comes behind. */
static void run_filtered(const struct fake_device *device, int socket, char **program)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool good = filter != NULL;
    for (size_t i = 0; good && device->ioctls[i].number != 0; i++) {
        good = seccomp_rule_add(
                   filter, SCMP_ACT_NOTIFY, SCMP_SYS(ioctl), 1,
                   SCMP_A1_64(SCMP_CMP_MASKED_EQ, UINT32_MAX, device->ioctls[i].number)) == 0;
    }
    if (!good || seccomp_load(filter) != 0 || !send_descriptor(socket, seccomp_notify_fd(filter))) {
        (void)fprintf(stderr, "this system does not let ioctls be answered by another process\n");
        _exit(CANNOT);
    }
    (void)close(seccomp_notify_fd(filter));
    seccomp_release(filter);
    (void)close(socket);
    (void)execv(program[0], program);
    (void)fprintf(stderr, "cannot run %s: %s\n", program[0], strerror(errno));
    _exit(127);
}

/* ---- Answering ------------------------------------------------------------------------------- */

static int answer(const struct fake_device *device, uint32_t number, const struct fake_call *call)
{
    for (size_t i = 0; device->ioctls[i].number != 0; i++) {
        if (device->ioctls[i].number == number) {
            return device->ioctls[i].answer(call);
        }
    }
    return ENOTTY;
}

static bool answer_one(const struct fake_device *device, int notify, const struct fake_call *call)
{
    struct seccomp_notif *asked = NULL;
    struct seccomp_notif_resp *said = NULL;
    if (seccomp_notify_alloc(&asked, &said) != 0) {
        return false;
    }
    bool received = seccomp_notify_receive(notify, asked) == 0;
    if (received) {
        struct fake_call whole = *call;
        whole.pid = (pid_t)asked->pid;
        whole.address = asked->data.args[2];
        said->id = asked->id;
        said->error = -answer(device, (uint32_t)asked->data.args[1], &whole);
        (void)seccomp_notify_respond(notify, said); /* fails when the asker is gone: no matter */
    }
    seccomp_notify_free(asked, said);
    return received;
}

static void serve(const struct fake_device *device, int notify, const struct fake_call *call)
{
    struct pollfd wait = {.fd = notify, .events = POLLIN};
    while (poll(&wait, 1, -1) >= 0 || errno == EINTR) {
        bool asked = (wait.revents & POLLIN) != 0;
        if ((asked && !answer_one(device, notify, call)) || (!asked && wait.revents != 0)) {
            return; /* all that could ask are gone */
        }
    }
}

int main(int argc, char **argv)
{
    const struct fake_device *device = NULL;
    for (size_t i = 0; argc > 5 && i < sizeof(devices) / sizeof(devices[0]); i++) {
        device = strcmp(devices[i]->name, argv[1]) == 0 ? devices[i] : device;
    }
    int pair[2];
    if (device == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        (void)fprintf(stderr, "fake_ioctl DEVICE FAULT SIM_DIR FILE|- PROGRAM [ARG...]\n");
        return 1;
    }
    pid_t child = fork();
    if (child == 0) {
        run_filtered(device, pair[1], argv + 5);
    }
    (void)close(pair[1]);
    int notify = receive_descriptor(pair[0]);
    bool done = false;
    const struct fake_call call = {.sim_dir = argv[3],
                                   .fault = argv[2],
                                   .file = strcmp(argv[4], "-") == 0 ? NULL : argv[4],
                                   .done = &done};
    if (notify >= 0) {
        serve(device, notify, &call);
    }
    int status = 0;
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
