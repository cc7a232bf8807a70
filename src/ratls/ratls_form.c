/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of ratls_forms.def, by name and by number.
 */
#include "ratls/ratls_form.h"

#include "codec/der.h"

#define OID_MAX 32 /* content octets; ours have at most 13 */

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

enum capsa_ratls_form capsa_ratls_form_by_name(const char *name)
{
    for (int i = CAPSA_RATLS_NONE + 1; i < CAPSA_RATLS_FORM_COUNT; i++) {
        if (capsa_streq(forms[i].name, name)) {
            return (enum capsa_ratls_form)i;
        }
    }
    return CAPSA_RATLS_NONE;
}

static bool has_oid(const struct capsa_ratls_form_type *type, capsa_bytes oid)
{
    CAPSA_AUTO(capsa_buf) own = capsa_buf_of(OID_MAX);
    return !capsa_failed(capsa_der_oid(type->oid, &own)) &&
           capsa_bytes_equal(capsa_buf_bytes(&own), oid);
}

enum capsa_ratls_form capsa_ratls_form_by_oid(capsa_bytes oid)
{
    for (int i = CAPSA_RATLS_NONE + 1; i < CAPSA_RATLS_FORM_COUNT; i++) {
        if (has_oid(&forms[i], oid)) {
            return (enum capsa_ratls_form)i;
        }
    }
    return CAPSA_RATLS_NONE;
}
