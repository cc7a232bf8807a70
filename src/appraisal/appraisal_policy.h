/* SPDX-License-Identifier: Apache-2.0
 *
 * What a policy is once it is loaded: values that were checked, in the form in which they are
 * compared. Never changed afterwards, so any number of threads may judge by one. Of this folder
 * only.
 */
#pragma once

#include "appraisal/appraisal.h"
#include "appraisal/appraisal_guest.h"
#include "appraisal/appraisal_values.h"

/* A chip that is not trusted any more: a PPID, or a chip id of which AMD's shorter ones are padded
 * with zeros. */
#define CAPSA_CHIP_BYTES 64
struct capsa_denied_chip {
    size_t len; /* 16: a PPID; 64: a chip id */
    uint8_t id[CAPSA_CHIP_BYTES];
};

struct capsa_appraisal_policy {
    uint64_t platforms;         /* bit 1 << (platform - 1) */
    uint64_t accepted_statuses; /* bit 1 << (status - 1) */
    int64_t grace_seconds, tcb_grace_days, clock_skew_seconds;
    int64_t max_collateral_age_seconds; /* 0: any */
    int64_t min_tcb_evaluation_data_number;
    capsa_time min_issue_date; /* 0: any */
    bool allow_debug, allow_expired;
    unsigned insecure; /* bit 1 << place in the table of such members */
    char (*denied_advisories)[CAPSA_ADVISORY_TEXT];
    size_t denied_advisories_count;
    struct capsa_denied_chip *denied_chips;
    size_t denied_chips_count;
    struct capsa_guest_policy guest;
    bool has_values; /* then some alternative must fit */
    capsa_alternatives values;
};

#define CAPSA_STATUS_BIT(status)     (UINT64_C(1) << ((unsigned)(status)-1))
#define CAPSA_PLATFORM_BIT(platform) (UINT64_C(1) << ((unsigned)(platform)-1))
