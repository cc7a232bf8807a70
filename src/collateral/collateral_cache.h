/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers on disk: a folder that several processes may share, one file an answer, named by the hash
 * of its URL. Files are written whole or not at all and end in a digest, so that one that was cut
 * or changed by accident is as good as none. What is in them is verified by whoever uses it; but
 * what is old and valid is too, and so nobody else may write there. Bounded: what was written
 * longest ago goes.
 */
#pragma once

#include "collateral/collateral_web.h"

/* Made when it is not there; IO when it cannot be written, DENIED when others can write it too. */
CAPSA_RESULT capsa_collateral_cache_prepare(const char *folder);
/* NOT_FOUND when there is none, MALFORMED when it cannot be used; both mean: fetch. */
CAPSA_RESULT capsa_collateral_cache_load(const char *folder, const char *url, size_t max,
                                         capsa_web_answer *ret_answer);
CAPSA_RESULT capsa_collateral_cache_keep(const char *folder, const char *url,
                                         const capsa_web_answer *answer);

/* The content of a file. */
CAPSA_RESULT capsa_collateral_cache_encode(const char *url, const capsa_web_answer *answer,
                                           capsa_buf *ret_file);
CAPSA_RESULT capsa_collateral_cache_decode(const char *url, capsa_bytes file, size_t max,
                                           capsa_web_answer *ret_answer);
/* Remove what was written longest ago until at most `files` files with `bytes` bytes are left. */
CAPSA_RESULT capsa_collateral_cache_trim(const char *folder, size_t files, size_t bytes);
