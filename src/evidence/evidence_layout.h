/* SPDX-License-Identifier: Apache-2.0
 *
 * Fixed layouts of evidence as tables: one table says where each field stands, and both the parser
 * of a structure and its printer walk it, so that neither can know another layout than the other.
 * Within evidence only.
 */
#pragma once

#include "base/reader.h"
#include "codec/json.h"

enum capsa_layout_kind {
    CAPSA_LAYOUT_BYTES,    /* borrowed: a capsa_bytes at `place` */
    CAPSA_LAYOUT_COPY,     /* copied: `size` bytes at `place` */
    CAPSA_LAYOUT_NUMBER,   /* little-endian, 1, 2, 4 or 8 bytes: the uint of that size */
    CAPSA_LAYOUT_SCALAR,   /* a little-endian number that fills `width` bytes of its field: those,
                            * big-endian, at `place`; the bytes above must be zero */
    CAPSA_LAYOUT_RESERVED, /* not looked at; shown unless it is zero */
    CAPSA_LAYOUT_ZERO,     /* reserved, and refused unless it is zero */
    CAPSA_LAYOUT_SECRET,   /* never read; shown as "(secret)" */
};

/* What the bits of a field (its first 8 bytes, little-endian) are called. */
struct capsa_layout_bits {
    uint64_t numbers; /* bits that are parts of numbers within, and no flags */
    struct {
        unsigned bit;
        const char *name; /* NULL ends the list */
    } named[16];
};

#define CAPSA_LAYOUT_NOWHERE SIZE_MAX
struct capsa_layout {
    const char *name; /* NULL ends the table */
    size_t size;
    enum capsa_layout_kind kind;
    size_t place; /* offset in the structure that is filled, or CAPSA_LAYOUT_NOWHERE */
    size_t width; /* SCALAR */
    const struct capsa_layout_bits *bits;
};

/* Field after field from where the reader stands. `ret_struct` may be half filled on failure: read
 * into one of your own. */
CAPSA_RESULT capsa_layout_read(const struct capsa_layout *table, struct capsa_reader *reader,
                               void *ret_struct);
size_t capsa_layout_size(const struct capsa_layout *table);
/* Every field of `bytes`, as members of `object` in the order of the bytes. Bytes are hex, numbers
 * to 4 bytes are numbers and longer ones hex, as are SCALARs, from their highest byte on; flags get
 * a second member "<name>_flags". */
CAPSA_RESULT capsa_layout_show(const struct capsa_layout *table, capsa_bytes bytes,
                               struct capsa_json *object);

/* One SCALAR, outside of a table. */
CAPSA_RESULT capsa_layout_scalar(const char *name, capsa_bytes field, size_t width,
                                 uint8_t *ret_number);
bool capsa_all_zero(capsa_bytes bytes);
/* Lower-case hex as a JSON string; NULL when out of memory, which capsa_json_set reports. */
struct capsa_json *capsa_json_new_hex(capsa_bytes bytes);

/* The layouts; each stands beside its parser. */
extern const struct capsa_layout capsa_quote_header_layout[];
extern const struct capsa_layout capsa_sgx_report_layout[];
extern const struct capsa_layout capsa_td_report_layout[];
extern const struct capsa_layout capsa_td15_layout[]; /* what TD 1.5 appends */
extern const struct capsa_layout capsa_snp_layout[];  /* without the signature */
extern const struct capsa_layout capsa_csv_report_layout[];
extern const struct capsa_layout capsa_csv_cert_layout[];
