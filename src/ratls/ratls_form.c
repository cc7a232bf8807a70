/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of ratls_forms.def, by name and by number.
 */
#include "ratls/ratls_form.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#define OID_TEXT   64 /* as dotted text; ours have at most 26 characters */
#define GROUP_BITS 7  /* of a number, in each byte */
#define GROUP_MASK 0x7f
#define GROUP_MORE 0x80

static const struct capsa_ratls_form_type forms[] = {
    [CAPSA_RATLS_NONE] = {"", "", CAPSA_RATLS_USE_UNSUPPORTED, ""},
#define CAPSA_RATLS_FORM(symbol, name, oid, use, what)                                             \
    [CAPSA_RATLS_##symbol] = {name, oid, CAPSA_RATLS_USE_##use, what},
#include "ratls/ratls_forms.def"
#undef CAPSA_RATLS_FORM
};

const struct capsa_ratls_form_type *capsa_ratls_form_type(enum capsa_ratls_form form)
{
    return &forms[form];
}

/* The next number of an OBJECT IDENTIFIER's content, in its shortest form. */
static bool read_arc(capsa_bytes *rest, uint64_t *ret_arc)
{
    uint64_t arc = 0;
    for (size_t i = 0; i < rest->len && arc <= UINT64_MAX >> GROUP_BITS; i++) {
        uint8_t byte = rest->data[i];
        arc = arc << GROUP_BITS | (byte & GROUP_MASK);
        if (i == 0 && byte == GROUP_MORE) {
            return false;
        }
        if (byte < GROUP_MORE) {
            *rest = capsa_bytes_from(*rest, i + 1);
            *ret_arc = arc;
            return true;
        }
    }
    return false;
}

/* Dotted text, into memory that is there: a number that is not known because memory ran out would
 * be an extension that is not found. False: no such number, or a longer one than any of ours. */
static bool dotted_of(capsa_bytes oid, char ret_text[OID_TEXT])
{
    uint64_t arc = 0;
    if (!read_arc(&oid, &arc)) {
        return false;
    }
    uint64_t root = arc < 80 ? arc / 40 : 2; /* X.690 section 8.19.4: two numbers share the first */
    int len = snprintf(ret_text, OID_TEXT, "%" PRIu64 ".%" PRIu64, root, arc - 40 * root);
    while (oid.len > 0) {
        if (!read_arc(&oid, &arc)) {
            return false;
        }
        len += snprintf(ret_text + len, OID_TEXT - (size_t)len, ".%" PRIu64, arc);
        if (len >= OID_TEXT) {
            return false;
        }
    }
    return true;
}

enum capsa_ratls_form capsa_ratls_form_by_oid(capsa_bytes oid)
{
    char dotted[OID_TEXT];
    if (!dotted_of(oid, dotted)) {
        return CAPSA_RATLS_NONE;
    }
    for (int i = CAPSA_RATLS_NONE + 1; i < CAPSA_RATLS_FORM_COUNT; i++) {
        if (capsa_streq(forms[i].oid, dotted)) {
            return (enum capsa_ratls_form)i;
        }
    }
    return CAPSA_RATLS_NONE;
}
