/* SPDX-License-Identifier: Apache-2.0
 *
 * Declares the table of every noun in cli_nouns.def.
 */
#pragma once

#include "cli/cli_verb.h"

#define CAPSA_CLI_NOUN(symbol) extern const struct capsa_cli_noun capsa_cli_noun_##symbol;
#include "cli/cli_nouns.def"
#undef CAPSA_CLI_NOUN
