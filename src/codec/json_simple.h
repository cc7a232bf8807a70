/* SPDX-License-Identifier: Apache-2.0
 *
 * Within codec only: a quick reader of simple JSON. What it takes it reads as jansson would; of
 * everything else, be it wrong or only unusual, it says nothing, and jansson is asked.
 */
#pragma once

#include <jansson.h>

#include "base/bytes.h"

/* The value, or NULL. At most CAPSA_LIMIT_json_depth levels deep; the caller has made sure. */
json_t *capsa_json_simple(capsa_bytes text);
