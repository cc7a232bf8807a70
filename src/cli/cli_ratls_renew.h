/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps an identity's certificate fresh, on a thread of its own, since evidence takes its time.
 */
#pragma once

#include "base/log.h"
#include "ratls/ratls_identity.h"

struct capsa_cli_renewer;

/* A certificate was made already. Renews when two thirds of its life are over; a failure is told
 * and tried again, and the old one goes on being used. `log` must outlive it. */
CAPSA_RESULT capsa_cli_renewer_new(struct capsa_ratls_identity *identity, struct capsa_log *log,
                                   struct capsa_cli_renewer **ret_renewer);
void capsa_cli_renewer_now(struct capsa_cli_renewer *renewer); /* NULL is fine */
/* Waits for evidence that is being made. NULL is fine. */
void capsa_cli_renewer_free(struct capsa_cli_renewer *renewer);
CAPSA_DEFINE_AUTO_FREE(capsa_cli_renewer)
