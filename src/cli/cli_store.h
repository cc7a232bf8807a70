/* SPDX-License-Identifier: Apache-2.0
 *
 * Which store a verb is about that works beside the daemon, on its files.
 */
#pragma once

#include "cli/cli_verb.h"

/* --store LOCATION, or the store of --data-dir. Opening a store makes it where there is none; this
 * wants one that is there (NOT_FOUND). The texts live in `buf`. */
CAPSA_RESULT capsa_cli_existing_store(const struct capsa_cli *cli, capsa_buf *buf,
                                      const char **ret_location);
/* --root-key FILE, or root.key of --data-dir. */
CAPSA_RESULT capsa_cli_root_key(const struct capsa_cli *cli, capsa_buf *buf, const char **ret_path);
