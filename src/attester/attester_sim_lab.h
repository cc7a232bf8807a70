/* SPDX-License-Identifier: Apache-2.0
 *
 * Within the lab only: what a knob works on.
 */
#pragma once

#include "attester/attester_sim_forge.h"
#include "attester/attester_sim_recipe.h"

struct capsa_sim_lab {
    struct capsa_sim_recipe recipe;
    capsa_time now;
    size_t rank;           /* of the check that is expected to fail: the first judged of all */
    bool without_root;     /* the verifier gets no anchor of ours */
    bool without_evidence; /* nothing at all */
    bool binds;
    uint8_t expected_report_data[CAPSA_REPORT_DATA];
};

/* The lab expects that `check` fails, unless something that is judged before it does. */
CAPSA_RESULT capsa_sim_expect(struct capsa_sim_lab *lab, const char *check);
/* The check of a rank and its exit status; "" and 0 for the rank of nothing wrong. */
const char *capsa_sim_rank_check(size_t rank, int *ret_exit);
size_t capsa_sim_rank_none(void);

/* Turn one knob. Early ones make claims, and are turned before the recipe is made of these. */
CAPSA_RESULT capsa_sim_knob_turn(struct capsa_sim_lab *lab, const struct capsa_sim_turn *turn,
                                 bool early);

/* Arguments: a whole number of [min, max], and hex of exactly `len` bytes. */
CAPSA_RESULT capsa_sim_number_of(const char *text, int64_t min, uint64_t max, int64_t *ret_number);
CAPSA_RESULT capsa_sim_hex_of(const char *text, void *ret, size_t len);

/* The functions of knobs (attester_sim_knobs.c). */
#define CALL(function)       CAPSA_RESULT function(struct capsa_sim_lab *lab, const char *value);
#define EARLY_CALL(function) CALL(function)
#define FLAG(member)
#define NUMBER(member)
#define SIGNED(member)
#define HEX(member)
#define TEXT(member)
#define EARLY_FLAG(member)
#define EARLY_NUMBER(member)
#define EARLY_HEX(member)
#define CAPSA_SIM_KNOB(name, takes, times, what, how, leads) how
#include "attester/attester_sim_knobs.def"
#undef CAPSA_SIM_KNOB
#undef EARLY_HEX
#undef EARLY_NUMBER
#undef EARLY_FLAG
#undef TEXT
#undef HEX
#undef SIGNED
#undef NUMBER
#undef FLAG
#undef EARLY_CALL
#undef CALL
