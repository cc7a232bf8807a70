/* SPDX-License-Identifier: Apache-2.0
 *
 * DICE's endorsements (ratls_dice.h): Intel's collateral as an array of fixed order, which is that
 * of Open Enclave's. One table reads and writes it. Nothing is believed here: what does not prove
 * the evidence, the verifier finds out.
 */
#include "ratls/ratls_dice.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/limits.h"
#include "codec/cbor.h"
#include "ratls/ratls_pem.h"

#define TAG_INTEL       60000
#define PARTS           7
#define ITEMS_MIN       (1 + PARTS) /* the version before them */
#define ITEMS_MAX       (ITEMS_MIN + 1)
#define DATE_MAX        64
#define VERSION         1
#define WHOLE_MAX       MIB(2)
#define UNSIGNED_4BYTES 0x1a /* a number that takes four bytes: rats-tls reads no other version */

struct part {
    const char *name;
    size_t at, signature; /* offsets in capsa_collateral; of the signature 0: none */
    const char *inner;    /* of signed JSON, what is signed */
    bool is_list;         /* a revocation list */
};

#define AT(member) offsetof(capsa_collateral, member)
static const struct part parts[PARTS] = {
    {"TCB Info", AT(tcb_info), AT(tcb_info_signature), "tcbInfo", false},
    {"TCB Info's chain", AT(tcb_info_issuer_chain), 0, NULL, false},
    {"the PCK revocation list", AT(pck_crl), 0, NULL, true},
    {"the root's revocation list", AT(root_ca_crl), 0, NULL, true},
    {"the PCK list's chain", AT(pck_crl_issuer_chain), 0, NULL, false},
    {"the QE identity", AT(qe_identity), AT(qe_identity_signature), "enclaveIdentity", false},
    {"the QE identity's chain", AT(qe_identity_issuer_chain), 0, NULL, false},
};

static capsa_buf *part_at(capsa_collateral *collateral, size_t at)
{
    return (capsa_buf *)(void *)((char *)collateral + at);
}

static capsa_bytes part_bytes(const capsa_collateral *collateral, size_t at)
{
    return capsa_buf_bytes((const capsa_buf *)(const void *)((const char *)collateral + at));
}

/* ---- Reading --------------------------------------------------------------------------------- */

static capsa_bytes without_nuls(capsa_bytes text)
{
    while (text.len > 0 && text.data[text.len - 1] == 0) {
        text.len--;
    }
    return text;
}

/* An empty part is an absent one: the verifier says what it misses. */
static capsa_result read_part(const struct part *part, capsa_bytes content,
                              capsa_collateral *collateral)
{
    capsa_bytes text = without_nuls(content);
    if (text.len == 0) {
        return CAPSA_OK;
    }
    if (part->is_list) {
        return capsa_collateral_crl(part->name, content, part_at(collateral, part->at));
    }
    if (part->inner != NULL) {
        return capsa_collateral_signed(part->inner, text, part_at(collateral, part->at),
                                       part_at(collateral, part->signature));
    }
    CAPSA_REQUIRE(capsa_bytes_find(text, 0) == text.len, MALFORMED, "a NUL within the text");
    return capsa_buf_append(part_at(collateral, part->at), text);
}

/* When it was made, as text or as bytes; nobody relies on it. */
static capsa_result read_date(struct capsa_reader *reader)
{
    capsa_bytes date = {NULL, 0};
    if (capsa_failed(capsa_cbor_text(reader, "the date", &date))) {
        CAPSA_TRY(capsa_cbor_bytes(reader, "the date", &date));
    }
    CAPSA_REQUIRE(date.len <= DATE_MAX, MALFORMED, "a date of %zu bytes", date.len);
    return CAPSA_OK;
}

static capsa_result read_items(struct capsa_reader *reader, capsa_collateral *collateral)
{
    uint64_t tag = 0, items = 0, version = 0;
    CAPSA_TRY(capsa_cbor_tag(reader, "the whole", &tag));
    CAPSA_REQUIRE(tag == TAG_INTEL, UNSUPPORTED, "the CBOR tag %" PRIu64 ", wanted %d", tag,
                  TAG_INTEL);
    CAPSA_TRY(capsa_cbor_array(reader, "the whole", ITEMS_MAX, &items));
    CAPSA_REQUIRE(items >= ITEMS_MIN, MALFORMED, "an array of %" PRIu64 ", wanted %d or %d", items,
                  ITEMS_MIN, ITEMS_MAX);
    /* It says how lists are encoded, which they themselves show. */
    CAPSA_TRY(capsa_cbor_unsigned(reader, "the version", UINT32_MAX, &version));
    for (size_t i = 0; i < PARTS; i++) {
        capsa_bytes content = {NULL, 0};
        CAPSA_TRY(capsa_cbor_bytes(reader, parts[i].name, &content));
        CAPSA_TRY_AT(read_part(&parts[i], content, collateral), "%s", parts[i].name);
    }
    if (items == ITEMS_MAX) {
        CAPSA_TRY(read_date(reader));
    }
    return capsa_cbor_end(reader, "the whole");
}

CAPSA_RESULT capsa_ratls_dice_read_endorsements(capsa_bytes content,
                                                capsa_collateral *ret_collateral)
{
    struct capsa_reader reader = capsa_reader_of(content);
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    CAPSA_TRY_AT(read_items(&reader, &collateral), "DICE endorsements");
    *ret_collateral = collateral;
    capsa_collateral_init(&collateral);
    return CAPSA_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static capsa_result put_part(const struct part *part, const capsa_collateral *collateral,
                             capsa_buf *text)
{
    capsa_bytes content = part_bytes(collateral, part->at);
    CAPSA_REQUIRE(content.len > 0, MALFORMED, "it is missing");
    if (part->is_list) {
        return capsa_ratls_pem_write("X509 CRL", content, text);
    }
    return part->inner == NULL
               ? capsa_buf_append(text, content)
               : capsa_collateral_envelope(part->inner, content,
                                           part_bytes(collateral, part->signature), text);
}

static capsa_result write_part(const struct part *part, const capsa_collateral *collateral,
                               capsa_buf *whole)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(WHOLE_MAX);
    CAPSA_TRY_AT(put_part(part, collateral, &text), "DICE endorsements: %s", part->name);
    CAPSA_TRY(capsa_buf_u8(&text, 0));
    return capsa_cbor_write_bytes(whole, capsa_buf_bytes(&text));
}

CAPSA_RESULT capsa_ratls_dice_write_endorsements(const capsa_collateral *collateral, capsa_buf *ret)
{
    CAPSA_AUTO(capsa_buf) whole = capsa_buf_of(WHOLE_MAX);
    CAPSA_TRY(capsa_cbor_write(&whole, CAPSA_CBOR_TAG, TAG_INTEL));
    CAPSA_TRY(capsa_cbor_write(&whole, CAPSA_CBOR_ARRAY, ITEMS_MIN));
    CAPSA_TRY(capsa_buf_u8(&whole, UNSIGNED_4BYTES));
    CAPSA_TRY(capsa_buf_be32(&whole, VERSION));
    for (size_t i = 0; i < PARTS; i++) {
        CAPSA_TRY(write_part(&parts[i], collateral, &whole));
    }
    return capsa_buf_append(ret, capsa_buf_bytes(&whole));
}
