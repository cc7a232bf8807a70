/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon's manager needs to make evidence and to judge it, put together from the
 * configuration; and whether its own evidence can be made at all, tried before anything is served.
 */
#pragma once

#include "audit/audit_genesis.h"
#include "collateral/collateral_source.h"
#include "keymanager/keymanager.h"
#include "programs/capsad_config.h"

#define CAPSAD_ANCHORS         16
#define CAPSAD_INSECURE_POLICY 8

/* Borrows from the configuration. Start from {0}. */
typedef struct capsad_evidence {
    struct capsa_keymanager_evidence options; /* the appraiser: until a manager has it */
    /* By which evidence is judged, for the genesis. */
    struct capsa_genesis_anchor anchors[CAPSAD_ANCHORS];
    char anchor_ids[CAPSAD_ANCHORS][CAPSA_ANCHOR_TEXT];
    size_t anchors_count;
    struct capsa_collateral_store *collateral; /* NULL: nothing is got */
    /* What of evidence_policy is insecure: as the genesis has such names. */
    const char *insecure[CAPSAD_INSECURE_POLICY]; /* static */
    size_t insecure_count;
    char doubt[CAPSA_ERROR_TEXT]; /* why clients may refuse the manager's own evidence; "": none */
} capsad_evidence;
void capsad_evidence_drop(capsad_evidence *evidence); /* callable twice, and on zeros */

/* The policy for what requests bring, read anew. A file that cannot be one, or that is insecure in
 * a way in which the one at the start was not, leaves the policy as it was; so does another
 * simulated root than at the start. */
CAPSA_RESULT capsad_evidence_reload(const struct capsad_config *config,
                                    const capsad_evidence *evidence,
                                    struct capsa_keymanager *manager);

/* EVIDENCE: the platform makes none, or none that could be believed. */
CAPSA_RESULT capsad_evidence_open(const struct capsad_config *config, capsad_evidence *evidence);
