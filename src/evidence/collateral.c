/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral as a value: its parts with their limits, and how two are put together.
 */
#include "evidence/collateral_internal.h"

#include "base/limits.h"
#include "evidence/evidence_csv.h"

#define PART(member, limit)                                                                        \
    {                                                                                              \
#member, offsetof(capsa_collateral, member), limit                                         \
    }

const struct capsa_collateral_part capsa_collateral_parts[] = {
    PART(pck_certificate_chain, CAPSA_LIMIT_collateral_chain),
    PART(pck_crl_issuer_chain, CAPSA_LIMIT_collateral_chain),
    PART(root_ca_crl, CAPSA_LIMIT_collateral_crl),
    PART(pck_crl, CAPSA_LIMIT_collateral_crl),
    PART(tcb_info_issuer_chain, CAPSA_LIMIT_collateral_chain),
    PART(tcb_info, CAPSA_LIMIT_collateral_signed),
    PART(tcb_info_signature, CAPSA_COLLATERAL_SIGNATURE),
    PART(qe_identity_issuer_chain, CAPSA_LIMIT_collateral_chain),
    PART(qe_identity, CAPSA_LIMIT_collateral_signed),
    PART(qe_identity_signature, CAPSA_COLLATERAL_SIGNATURE),
    PART(snp_leaf, CAPSA_LIMIT_collateral_chain),
    PART(snp_ask, CAPSA_LIMIT_collateral_chain),
    PART(snp_ark, CAPSA_LIMIT_collateral_chain),
    PART(snp_crl, CAPSA_LIMIT_collateral_crl),
    PART(csv_hsk, CAPSA_CSV_ROOT_CERT_BYTES),
    PART(csv_cek, CAPSA_CSV_CERT_BYTES),
};
const size_t capsa_collateral_parts_count =
    sizeof(capsa_collateral_parts) / sizeof(capsa_collateral_parts[0]);

_Static_assert(sizeof(capsa_collateral) / sizeof(capsa_buf) ==
                   sizeof(capsa_collateral_parts) / sizeof(capsa_collateral_parts[0]),
               "a part of collateral is not in the table");

capsa_buf *capsa_collateral_part_at(capsa_collateral *collateral, size_t offset)
{
    return (capsa_buf *)((char *)collateral + offset);
}

capsa_bytes capsa_collateral_part_bytes(const capsa_collateral *collateral, size_t offset)
{
    return capsa_buf_bytes((const capsa_buf *)((const char *)collateral + offset));
}

void capsa_collateral_init(capsa_collateral *collateral)
{
    for (size_t i = 0; i < capsa_collateral_parts_count; i++) {
        const struct capsa_collateral_part *part = &capsa_collateral_parts[i];
        *capsa_collateral_part_at(collateral, part->offset) = capsa_buf_of(part->max);
    }
}

void capsa_collateral_drop(capsa_collateral *collateral)
{
    for (size_t i = 0; i < capsa_collateral_parts_count; i++) {
        capsa_buf_drop(capsa_collateral_part_at(collateral, capsa_collateral_parts[i].offset));
    }
}

bool capsa_collateral_is_empty(const capsa_collateral *collateral)
{
    bool is_empty = true;
    for (size_t i = 0; i < capsa_collateral_parts_count; i++) {
        is_empty &=
            capsa_collateral_part_bytes(collateral, capsa_collateral_parts[i].offset).len == 0;
    }
    return is_empty;
}

/* PEM is the same with another line end behind it. */
static bool is_same(capsa_bytes a, capsa_bytes b)
{
    bool is_pem =
        capsa_collateral_is_pem(a, "CERTIFICATE") && capsa_collateral_is_pem(b, "CERTIFICATE");
    return is_pem ? capsa_bytes_equal(capsa_collateral_trimmed(a), capsa_collateral_trimmed(b))
                  : capsa_bytes_equal(a, b);
}

static capsa_result check_same(const capsa_collateral *collateral, const capsa_collateral *from)
{
    for (size_t i = 0; i < capsa_collateral_parts_count; i++) {
        const struct capsa_collateral_part *part = &capsa_collateral_parts[i];
        capsa_bytes old = capsa_collateral_part_bytes(collateral, part->offset);
        capsa_bytes new = capsa_collateral_part_bytes(from, part->offset);
        CAPSA_REQUIRE(old.len == 0 || new.len == 0 || is_same(old, new), MALFORMED,
                      "%s is there already, and is another", part->name);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_take(capsa_collateral *collateral, capsa_collateral *from)
{
    CAPSA_TRY(check_same(collateral, from));
    for (size_t i = 0; i < capsa_collateral_parts_count; i++) {
        const struct capsa_collateral_part *part = &capsa_collateral_parts[i];
        capsa_buf *old = capsa_collateral_part_at(collateral, part->offset);
        capsa_buf *new = capsa_collateral_part_at(from, part->offset);
        if (old->len == 0 && new->len > 0) {
            capsa_buf_drop(old);
            *old = *new;
            *new = capsa_buf_of(part->max);
        }
    }
    capsa_collateral_drop(from);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_copy(const capsa_collateral *collateral, capsa_collateral *ret_copy)
{
    capsa_collateral_init(ret_copy);
    for (size_t i = 0; i < capsa_collateral_parts_count; i++) {
        const size_t offset = capsa_collateral_parts[i].offset;
        capsa_result copied = capsa_buf_append(capsa_collateral_part_at(ret_copy, offset),
                                               capsa_collateral_part_bytes(collateral, offset));
        if (capsa_failed(copied)) {
            capsa_collateral_drop(ret_copy);
            return copied;
        }
    }
    return CAPSA_OK;
}
