/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON text: what is read is what jansson reads, and written again, in any style, it is the same
 * value.
 */
#include <jansson.h>
#include <stdlib.h>

#include "codec/json.h"

static void write_again(const struct capsa_json *value, enum capsa_json_style style, capsa_buf *buf)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(64));
    CAPSA_AUTO_FREE(capsa_json) again = NULL;
    if (capsa_failed(capsa_json_write(value, style, &text)) ||
        capsa_failed(capsa_json_parse(capsa_buf_bytes(&text), &again)) ||
        capsa_failed(capsa_json_write(again, CAPSA_JSON_COMPACT, buf))) {
        abort();
    }
}

/* Simple text is read without jansson (json_simple.h). */
static void read_again(const uint8_t *data, size_t size, const struct capsa_json *value)
{
    json_t *again =
        json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (!json_equal(again, (const json_t *)value)) {
        abort();
    }
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    if (size > KIB(256) || capsa_failed(capsa_json_parse(capsa_bytes_of(data, size), &value))) {
        return 0;
    }
    read_again(data, size, value);
    CAPSA_AUTO(capsa_buf) first = capsa_buf_of(MIB(64));
    write_again(value, CAPSA_JSON_COMPACT, &first);
    for (int style = CAPSA_JSON_PRETTY; style <= CAPSA_JSON_PYTHON; style++) {
        CAPSA_AUTO(capsa_buf) other = capsa_buf_of(MIB(64));
        write_again(value, (enum capsa_json_style)style, &other);
        if (!capsa_bytes_equal(capsa_buf_bytes(&first), capsa_buf_bytes(&other))) {
            abort();
        }
    }
    return 0;
}
