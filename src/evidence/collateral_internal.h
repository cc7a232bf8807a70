/* SPDX-License-Identifier: Apache-2.0
 *
 * Within evidence only: the parts of collateral as a table, so that what holds for every one of
 * them is written once, and readers of text that several forms share.
 */
#pragma once

#include "evidence/collateral.h"

#define CAPSA_COLLATERAL_SIGNATURE 64

struct capsa_collateral_part {
    const char *name; /* as QuoteCollateralV3 names it, or ours */
    size_t offset;    /* of the capsa_buf */
    size_t max;
};
extern const struct capsa_collateral_part capsa_collateral_parts[];
extern const size_t capsa_collateral_parts_count;

capsa_buf *capsa_collateral_part_at(capsa_collateral *collateral, size_t offset);
capsa_bytes capsa_collateral_part_bytes(const capsa_collateral *collateral, size_t offset);

/* JSON text of any form: members that hold C strings may have NULs at their end. */
CAPSA_RESULT capsa_collateral_json(capsa_bytes text, struct capsa_json **ret_json);
/* The collateral within the text of a unified report, whatever its evidence is; left as it is for a
 * BackgroundCheck. */
CAPSA_RESULT capsa_ual_collateral(const struct capsa_json *report,
                                  capsa_collateral *ret_collateral);

/* Without NULs at the end; without NULs and white space at both ends. */
capsa_bytes capsa_collateral_unended(capsa_bytes text);
capsa_bytes capsa_collateral_trimmed(capsa_bytes text);
bool capsa_collateral_is_pem(capsa_bytes text, const char *label);
bool capsa_collateral_is_hex(capsa_bytes text); /* nothing but hex digits, at least two */
/* base64, of at most what `ret_bytes` has room for: refused before it is decoded. */
CAPSA_RESULT capsa_collateral_base64(const char *field, const char *text, capsa_buf *ret_bytes);

/* Refuse members that are none of `names` (NULL-ended), naming the nearest. */
CAPSA_RESULT capsa_collateral_members(const char *what, const struct capsa_json *object,
                                      const char *const *names);

/* What a file of certificates or revocation lists holds (PEM, DER, or hex of a list), into a fresh
 * *ret_collateral. *ret_why is NULL; or says why it is none, where it is something else that may
 * well lie beside collateral, and *ret_collateral stays empty. */
CAPSA_RESULT capsa_collateral_certs(const char *name, capsa_bytes bytes,
                                    capsa_collateral *ret_collateral, const char **ret_why);
bool capsa_collateral_is_cert(const char *name, capsa_bytes bytes); /* by name, or PEM */
CAPSA_RESULT capsa_collateral_crl_file(capsa_bytes bytes, capsa_collateral *ret_collateral);
/* Is it the file's name, without what stands behind its first dot? */
bool capsa_collateral_stem_is(const char *name, const char *stem);
