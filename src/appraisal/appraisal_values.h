/* SPDX-License-Identifier: Apache-2.0
 *
 * Reference values (RFC 9334) as alternatives: evidence passes if all expectations of one of them
 * hold. Both forms of policy, our own and the originals', load into these. Of this folder only.
 */
#pragma once

#include "appraisal/appraisal_read.h"
#include "verifier/verdict.h"

enum capsa_expect {
    CAPSA_EXPECT_ONE_OF,   /* the claim is one of the values */
    CAPSA_EXPECT_AT_LEAST, /* a number, not below the value */
    CAPSA_EXPECT_ZERO,     /* all zero, said in so many words */
    CAPSA_EXPECT_NO_DEBUG, /* of the evidence as a whole */
    CAPSA_EXPECT_DEBUG,
};

#define CAPSA_EXPECT_PARTS 6
#define CAPSA_EXPECT_BYTES (CAPSA_EXPECT_PARTS * 48)

/* Numbers count as 8 bytes, big-endian; texts as their claim's size, filled with zeros. */
struct capsa_expectation {
    const char *name; /* static: what it is called in the policy */
    enum capsa_expect rule;
    enum capsa_claim parts[CAPSA_EXPECT_PARTS]; /* one behind the other */
    size_t parts_count;
    size_t offset, width; /* the bytes of the parts that are meant */
    capsa_buf values;     /* `width` bytes each */
};

struct capsa_alternative {
    enum capsa_platform platform;
    const char *list; /* static: the member of the policy that it stands in */
    size_t index;     /* in that list */
    bool pins;        /* leaves only such code as it names */
    struct capsa_expectation *items;
    size_t count, room;
};

typedef struct capsa_alternatives {
    struct capsa_alternative *items;
    size_t count, room;
} capsa_alternatives;
void capsa_alternatives_drop(capsa_alternatives *alternatives);

/* Grow by one zeroed element, which stays the list's. */
CAPSA_RESULT capsa_alternatives_add(capsa_alternatives *alternatives,
                                    struct capsa_alternative **ret_alternative);
void capsa_alternatives_take_back(capsa_alternatives *alternatives); /* the last one */
CAPSA_RESULT capsa_alternative_add(struct capsa_alternative *alternative,
                                   struct capsa_expectation **ret_expectation);

/* What a name means on a platform: a claim or a composite. False: nothing. */
bool capsa_expectation_of_name(enum capsa_platform platform, const char *name,
                               struct capsa_expectation *expectation);

/* Which claims of a platform are fixed by exact values or floors. */
void capsa_alternative_covers(const struct capsa_alternative *alternative,
                              bool ret_covered[CAPSA_CLAIM_COUNT]);
/* Do these claims identify code on the platform? */
bool capsa_claims_identify_code(enum capsa_platform platform,
                                const bool covered[CAPSA_CLAIM_COUNT]);
/* Of every alternative for the platform, of which there is at least one. */
bool capsa_alternatives_pin(const capsa_alternatives *alternatives, enum capsa_platform platform);

/* REFERENCE_VALUES: none fits; the nearest one says what was expected and what came. */
CAPSA_RESULT capsa_alternatives_judge(const capsa_alternatives *alternatives,
                                      struct capsa_verdict *verdict);

/* ---- Loading ------------------------------------------------------------------------------------
 */

/* Our own form: `reference_values` (appraisal_reference.c). */
CAPSA_RESULT capsa_reference_values_load(const struct capsa_json *list,
                                         capsa_alternatives *ret_alternatives);
/* The originals': `main_attributes` (appraisal_unified.c). `compat`: sets that pin nothing pass. */
CAPSA_RESULT capsa_unified_attributes_load(const struct capsa_json *list, bool compat,
                                           capsa_alternatives *ret_alternatives);
