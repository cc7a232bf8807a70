/* SPDX-License-Identifier: Apache-2.0
 *
 * Text readers: what is accepted is canonical, so writing it again gives the same text.
 */
#include <stdlib.h>

#include "codec/text.h"

typedef capsa_result (*text_parse)(capsa_bytes text, capsa_buf *buf);

static capsa_result parse_std(capsa_bytes text, capsa_buf *buf)
{
    return capsa_base64_parse(text, CAPSA_BASE64_STD, buf);
}

static capsa_result parse_url(capsa_bytes text, capsa_buf *buf)
{
    return capsa_base64_parse(text, CAPSA_BASE64_URL, buf);
}

static capsa_result write_std(capsa_bytes bytes, capsa_buf *buf)
{
    return capsa_base64_write(bytes, CAPSA_BASE64_STD, buf);
}

static capsa_result write_url(capsa_bytes bytes, capsa_buf *buf)
{
    return capsa_base64_write(bytes, CAPSA_BASE64_URL, buf);
}

static void round_trip(capsa_bytes text, text_parse parse, text_parse write, bool fold_case)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(MIB(2));
    if (capsa_failed(parse(text, &bytes))) {
        if (bytes.len != 0) {
            abort();
        }
        return;
    }
    if (capsa_failed(write(capsa_buf_bytes(&bytes), &again)) || again.len != text.len) {
        abort();
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t fold = fold_case && text.data[i] >= 'A' && text.data[i] <= 'F' ? 0x20 : 0;
        if ((text.data[i] | fold) != again.data[i]) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    capsa_bytes text = capsa_bytes_of(data, size);
    round_trip(text, parse_std, write_std, false);
    round_trip(text, parse_url, write_url, false);
    round_trip(text, capsa_hex_parse, capsa_hex_write, true);
    capsa_ignore(capsa_utf8_check(text), "any answer will do; it is memory that is watched");
    return 0;
}
