/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading signed JSON of Intel's, for verifier_tcbinfo.c and verifier_identity.c alone.
 */
#pragma once

#include "codec/json.h"
#include "verifier/verifier_dcap.h"

/* Exactly `size` bytes. `member` is for the error. */
CAPSA_RESULT capsa_tcb_read_hex(const char *member, const char *text, uint8_t *out, size_t size);
/* "2025-02-26T10:37:20Z" and no other form of RFC 3339. */
CAPSA_RESULT capsa_tcb_read_time(const char *member, const char *text, capsa_time *ret_time);
/* An unknown name is refused, for nobody can say what it means; so are those that Intel's signed
 * documents never use, because only a verifier makes them of a running TD. */
CAPSA_RESULT capsa_tcb_read_status(const char *text, enum capsa_tcb_status *ret_status);

/* Where advisories of a document go, and one list of them; NULL is an empty list. */
capsa_buf capsa_tcb_new_pool(void);
CAPSA_RESULT capsa_tcb_read_advisories(const struct capsa_json *list, capsa_buf *pool,
                                       struct capsa_advisory_rows *ret_rows);

/* An object by a table; members that the table does not know are skipped. */
CAPSA_RESULT capsa_tcb_decode(const struct capsa_json *object,
                              const struct capsa_json_field *fields, void *ret_struct);
/* Of an array that has to be there and hold something. */
CAPSA_RESULT capsa_tcb_count(const char *member, const struct capsa_json *array, size_t max,
                             size_t *ret_count);

/* What every level has, whatever it is a level of. */
struct capsa_tcb_raw_level {
    const struct capsa_json *tcb, *advisories;
    const char *date, *status;
};
extern const struct capsa_json_field capsa_tcb_level_fields[];

/* *ret_levels is the caller's to free, whether this succeeds or not. */
CAPSA_RESULT capsa_tcb_read_isv_levels(const struct capsa_json *array, capsa_buf *pool,
                                       struct capsa_isv_level **ret_levels, size_t *ret_count);
