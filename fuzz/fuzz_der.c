/* SPDX-License-Identifier: Apache-2.0
 *
 * DER, element by element and into what is nested. What is read must be written as the same bytes:
 * that is what makes it DER.
 */
#include <stdlib.h>

#include "codec/der.h"

#define DEPTH_MAX   8
#define CONSTRUCTED 0x20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void must_be_written(capsa_bytes whole, uint8_t tag, capsa_bytes content)
{
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(MIB(2));
    must(!capsa_failed(capsa_der_write(&again, tag, content)));
    must(capsa_bytes_equal(capsa_buf_bytes(&again), whole));
}

static void use_number(capsa_bytes whole, uint8_t tag)
{
    struct capsa_reader reader = capsa_reader_of(whole);
    uint64_t value = 0;
    if (!capsa_failed(capsa_der_unsigned(&reader, tag, UINT64_MAX, &value))) {
        CAPSA_AUTO(capsa_buf) again = capsa_buf_of(16);
        must(!capsa_failed(capsa_der_write_unsigned(&again, tag, value)));
        must(capsa_bytes_equal(capsa_buf_bytes(&again), whole));
    }
}

static void walk(capsa_bytes bytes, int depth)
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    uint8_t tag = 0;
    capsa_bytes content;
    size_t before = 0;
    while (!capsa_failed(capsa_der_any(&reader, &tag, &content))) {
        must(reader.at > before);
        capsa_bytes whole = capsa_bytes_of(bytes.data + before, reader.at - before);
        must_be_written(whole, tag, content);
        use_number(whole, tag);
        bool truth = false;
        struct capsa_reader again = capsa_reader_of(whole);
        capsa_ignore(capsa_der_boolean(&again, &truth), "any answer will do");
        if ((tag & CONSTRUCTED) != 0 && depth < DEPTH_MAX) {
            walk(content, depth + 1);
        }
        before = reader.at;
    }
    must(reader.at == before); /* a failure leaves the cursor */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    walk(capsa_bytes_of(data, size), 0);
    return 0;
}
