/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects within objects as lines for people: what evidence and collateral say of themselves.
 */
#pragma once

#include "cli/cli_verb.h"

void capsa_cli_say_members(struct capsa_cli *cli, size_t depth, const struct capsa_json *object);
