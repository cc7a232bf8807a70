/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: one platform may be reached by several interfaces of the kernel. Each is one
 * struct; a platform's attester lists its own in the order in which they are looked for. The first
 * that is there is used, and when it fails nothing else is tried: a second interface is for
 * machines that do not have the first, never for those where the first said no.
 *
 * Whatever an interface hands out is looked at before anybody gets it: it has to be evidence of the
 * platform that was asked for, and to bind the bytes that were asked for.
 */
#pragma once

#include "attester/attester.h"

struct capsa_interface {
    const char *name; /* "configfs-tsm": for errors */
    bool (*present)(const struct capsa_attester_options *options);
    /* *ret_evidence is empty and has room for any evidence; *ret_certs likewise, for SNP's table.
     * What a failure leaves in them is thrown away. */
    capsa_result (*collect)(const struct capsa_attester_options *options,
                            const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
                            capsa_buf *ret_certs);
};

struct capsa_interfaces {
    const char *wanted; /* what is looked for, for people: "/dev/a, then /dev/b" */
    const struct capsa_interface *const *list; /* NULL-ended */
};

/* What an attester with interfaces has as its functions. */
bool capsa_interfaces_present(const struct capsa_attester *attester,
                              const struct capsa_attester_options *options);
CAPSA_RESULT capsa_interfaces_collect(const struct capsa_attester *attester,
                                      const struct capsa_attester_options *options,
                                      const uint8_t report_data[CAPSA_REPORT_DATA],
                                      capsa_buf *ret_evidence, capsa_collateral *ret_collateral);
