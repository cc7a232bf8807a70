/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking a table of fields (evidence_layout.h): to fill a structure, and to show it.
 */
#include "evidence/evidence_layout.h"

#include <inttypes.h>
#include <stdio.h>

#include "codec/text.h"

bool capsa_all_zero(capsa_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] != 0) {
            return false;
        }
    }
    return true;
}

static uint64_t little_endian(capsa_bytes bytes)
{
    uint64_t number = 0;
    for (size_t i = bytes.len < 8 ? bytes.len : 8; i > 0; i--) {
        number = number << 8 | bytes.data[i - 1];
    }
    return number;
}

size_t capsa_layout_size(const struct capsa_layout *table)
{
    size_t size = 0;
    for (; table->name != NULL; table++) {
        size += table->size;
    }
    return size;
}

/* ---- Reading --------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_layout_scalar(const char *name, capsa_bytes field, size_t width,
                                 uint8_t *ret_number)
{
    CAPSA_REQUIRE(width <= field.len, INTERNAL, "%s: %zu bytes of a field of %zu", name, width,
                  field.len);
    CAPSA_REQUIRE(capsa_all_zero(capsa_bytes_from(field, width)), MALFORMED,
                  "%s: a number of more than %zu bytes", name, width);
    for (size_t i = 0; i < width; i++) {
        ret_number[i] = field.data[width - 1 - i];
    }
    return CAPSA_OK;
}

static void put_number(uint64_t number, size_t size, void *place)
{
    const uint8_t u8 = (uint8_t)number;
    const uint16_t u16 = (uint16_t)number;
    const uint32_t u32 = (uint32_t)number;
    const void *from = size == 1   ? (const void *)&u8
                       : size == 2 ? (const void *)&u16
                       : size == 4 ? (const void *)&u32
                                   : (const void *)&number;
    memcpy(place, from, size);
}

static capsa_result put(const struct capsa_layout *field, capsa_bytes bytes, size_t at,
                        uint8_t *place)
{
    switch (field->kind) {
    case CAPSA_LAYOUT_BYTES:
        memcpy(place, &bytes, sizeof(bytes));
        return CAPSA_OK;
    case CAPSA_LAYOUT_COPY:
        memcpy(place, bytes.data, bytes.len);
        return CAPSA_OK;
    case CAPSA_LAYOUT_NUMBER:
        put_number(little_endian(bytes), field->size, place);
        return CAPSA_OK;
    case CAPSA_LAYOUT_SCALAR:
        CAPSA_TRY_AT(capsa_layout_scalar(field->name, bytes, field->width, place), "at offset %zu",
                     at);
        return CAPSA_OK;
    case CAPSA_LAYOUT_RESERVED:
    case CAPSA_LAYOUT_ZERO:
    case CAPSA_LAYOUT_SECRET:
        break;
    }
    CAPSA_FAIL(INTERNAL, "%s: such a field has no place", field->name);
}

CAPSA_RESULT capsa_layout_read(const struct capsa_layout *table, struct capsa_reader *reader,
                               void *ret_struct)
{
    for (const struct capsa_layout *field = table; field->name != NULL; field++) {
        const size_t at = reader->at;
        capsa_bytes bytes;
        CAPSA_TRY_AT(capsa_read_bytes(reader, field->size, &bytes), "%s", field->name);
        CAPSA_REQUIRE(field->kind != CAPSA_LAYOUT_ZERO || capsa_all_zero(bytes), MALFORMED,
                      "at offset %zu: %s: %zu reserved bytes are not zero", at, field->name,
                      field->size);
        if (field->place != CAPSA_LAYOUT_NOWHERE) {
            CAPSA_TRY(put(field, bytes, at, (uint8_t *)ret_struct + field->place));
        }
    }
    return CAPSA_OK;
}

/* ---- Showing --------------------------------------------------------------------------------- */

struct capsa_json *capsa_json_new_hex(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(2 * bytes.len + 1);
    const char *hex = NULL;
    if (capsa_failed(capsa_hex_write(bytes, &text)) || capsa_failed(capsa_buf_cstr(&text, &hex))) {
        return NULL;
    }
    return capsa_json_new_string(hex);
}

static struct capsa_json *number_json(capsa_bytes bytes)
{
    if (bytes.len <= 4) {
        return capsa_json_new_int((int64_t)little_endian(bytes));
    }
    char text[2 + 16 + 1];
    (void)snprintf(text, sizeof(text), "0x%016" PRIx64, little_endian(bytes));
    return capsa_json_new_string(text);
}

static const char *bit_name(const struct capsa_layout_bits *bits, unsigned bit)
{
    for (size_t i = 0; i < sizeof(bits->named) / sizeof(bits->named[0]); i++) {
        if (bits->named[i].name != NULL && bits->named[i].bit == bit) {
            return bits->named[i].name;
        }
    }
    return NULL;
}

static capsa_result show_flags(const struct capsa_layout *field, capsa_bytes bytes,
                               struct capsa_json *object)
{
    CAPSA_AUTO_FREE(capsa_json) names = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(names);
    const uint64_t flags = little_endian(bytes) & ~field->bits->numbers;
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((flags >> bit & 1) == 0) {
            continue;
        }
        char unknown[16];
        (void)snprintf(unknown, sizeof(unknown), "bit %u", bit);
        const char *name = bit_name(field->bits, bit);
        CAPSA_TRY(capsa_json_push(names, capsa_json_new_string(name != NULL ? name : unknown)));
    }
    char member[64];
    (void)snprintf(member, sizeof(member), "%s_flags", field->name);
    struct capsa_json *given = names;
    names = NULL;
    return capsa_json_set(object, member, given);
}

/* The number, or the whole field as it stands when it is none. */
static struct capsa_json *scalar_json(const struct capsa_layout *field, capsa_bytes bytes)
{
    uint8_t number[64];
    return field->width <= sizeof(number) &&
                   !capsa_failed(capsa_layout_scalar(field->name, bytes, field->width, number))
               ? capsa_json_new_hex(capsa_bytes_of(number, field->width))
               : capsa_json_new_hex(bytes);
}

static capsa_result show(const struct capsa_layout *field, capsa_bytes bytes,
                         struct capsa_json *object)
{
    switch (field->kind) {
    case CAPSA_LAYOUT_SECRET:
        return capsa_json_set(object, field->name, capsa_json_new_string("(secret)"));
    case CAPSA_LAYOUT_RESERVED:
    case CAPSA_LAYOUT_ZERO:
        return capsa_all_zero(bytes)
                   ? CAPSA_OK
                   : capsa_json_set(object, field->name, capsa_json_new_hex(bytes));
    case CAPSA_LAYOUT_NUMBER:
        return capsa_json_set(object, field->name, number_json(bytes));
    case CAPSA_LAYOUT_SCALAR:
        return capsa_json_set(object, field->name, scalar_json(field, bytes));
    case CAPSA_LAYOUT_BYTES:
    case CAPSA_LAYOUT_COPY:
        break;
    }
    return capsa_json_set(object, field->name, capsa_json_new_hex(bytes));
}

CAPSA_RESULT capsa_layout_show(const struct capsa_layout *table, capsa_bytes bytes,
                               struct capsa_json *object)
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    for (const struct capsa_layout *field = table; field->name != NULL; field++) {
        capsa_bytes value;
        CAPSA_TRY_AT(capsa_read_bytes(&reader, field->size, &value), "%s", field->name);
        CAPSA_TRY(show(field, value, object));
        if (field->bits != NULL) {
            CAPSA_TRY(show_flags(field, value, object));
        }
    }
    return CAPSA_OK;
}
