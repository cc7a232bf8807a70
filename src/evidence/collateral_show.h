/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral for people: what each part says of itself, without judging any of it.
 */
#pragma once

#include "evidence/collateral.h"

/* An object with a member for each part that is there: of signed JSON its dates, numbers and how
 * many levels, of lists their dates and entries, of certificates names and validity. A part that
 * cannot be read has {"error": ...}. */
CAPSA_RESULT capsa_collateral_show(const capsa_collateral *collateral,
                                   struct capsa_json **ret_json);
