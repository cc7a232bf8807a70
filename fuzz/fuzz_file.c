/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealed files, both formats: any bytes as a whole file, read as capsa_file_open reads them, with
 * the key of the seeds. A header that is read must be the one that would be written, and records
 * must lie where the sizes say.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "envelope/envelope_file_format.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void header_is_canonical(const struct capsa_file_codec *codec, const uint8_t *data)
{
    CAPSA_AUTO(capsa_buf) header = capsa_buf_of(codec->rules->header_max);
    must(!capsa_failed(codec->rules->header_write(codec, &header)));
    must(header.len == codec->header_len);
    must(codec->empty_form || memcmp(header.data, data, header.len) == 0);
}

static capsa_result open_all(const struct capsa_file_codec *codec, capsa_bytes body,
                             uint64_t records, uint64_t *ret_size)
{
    CAPSA_AUTO(capsa_file_hand) hand = {0};
    CAPSA_TRY(capsa_file_hand_init(&hand, codec));
    CAPSA_AUTO(capsa_buf) plain = capsa_buf_of(codec->plain_record);
    uint8_t *out = NULL;
    CAPSA_TRY(capsa_buf_extend(&plain, codec->plain_record, &out));
    for (uint64_t i = 0; i < records; i++) {
        capsa_bytes record = capsa_bytes_from(body, (size_t)i * codec->sealed_record);
        record.len = record.len < codec->sealed_record ? record.len : codec->sealed_record;
        CAPSA_TRY(codec->rules->open(&hand, i, i + 1 == records, record, out));
        *ret_size += record.len - capsa_file_overhead(codec);
    }
    return CAPSA_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[32] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    CAPSA_AUTO(capsa_file_codec) codec = {0};
    uint64_t records = 0;
    uint64_t plain_size = 0;
    uint64_t opened_size = 0;
    if (capsa_failed(capsa_file_codec_parse(&codec, capsa_bytes_of(data, size)))) {
        return 0;
    }
    header_is_canonical(&codec, data);
    if (capsa_failed(capsa_file_fit(&codec, size, &records, &plain_size))) {
        return 0;
    }
    size_t key_len = codec.key_bytes == 0 ? 16 : codec.key_bytes;
    if (capsa_failed(codec.rules->header_check(&codec, (capsa_secret_bytes){key, key_len}))) {
        return 0;
    }
    capsa_bytes body = capsa_bytes_from(capsa_bytes_of(data, size), codec.header_len);
    if (!capsa_failed(open_all(&codec, body, records, &opened_size))) {
        must(opened_size == plain_size);
    }
    return 0;
}
