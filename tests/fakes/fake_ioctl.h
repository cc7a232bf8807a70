/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices that answer ioctls, for fake_ioctl.c, which catches those of a program and hands them to
 * one of these. A device is a table of numbers, each with what answers it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fake_call {
    pid_t pid;        /* who asks */
    uint64_t address; /* of the argument, in his memory */
    const char *sim_dir, *fault;
    const char *file; /* of certificates, or NULL */
    bool *done;       /* what happens once has happened; kept between calls */
};

struct fake_ioctl {
    uint32_t number;                             /* 0 ends the table */
    int (*answer)(const struct fake_call *call); /* 0, or errno */
};

struct fake_device {
    const char *name;
    struct fake_ioctl ioctls[4];
};
extern const struct fake_device fake_occlum, fake_tdx, fake_sev, fake_csv;

/* True when this fault was asked for; one whose name ends in "once" only the first time. */
bool fake_fault(const struct fake_call *call, const char *fault);
/* The asker's memory; false when it is not his. */
bool fake_peek(const struct fake_call *call, uint64_t address, void *ret_bytes, size_t len);
bool fake_poke(const struct fake_call *call, uint64_t address, const void *bytes, size_t len);
