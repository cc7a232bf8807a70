/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two formats of sealed files share: the arithmetic of sizes, and telling them apart.
 */
#include "envelope/envelope_file_format.h"

static const struct capsa_file_rules *const all_rules[] = {
    &capsa_file_rules_capsa,
    &capsa_file_rules_sdc1,
};
#define RULES_COUNT (sizeof(all_rules) / sizeof(all_rules[0]))

/* 2^32 records under one key keep AES-GCM within its bounds (NIST SP 800-38D §8.3). */
#define RECORDS_MAX ((uint64_t)1 << 32)

const struct capsa_file_rules *capsa_file_rules_of(enum capsa_file_format format)
{
    for (size_t i = 0; i < RULES_COUNT; i++) {
        if (all_rules[i]->format == format) {
            return all_rules[i];
        }
    }
    return all_rules[0];
}

CAPSA_RESULT capsa_file_format_parse(const char *name, enum capsa_file_format *ret_format)
{
    for (size_t i = 0; i < RULES_COUNT; i++) {
        if (capsa_streq(all_rules[i]->name, name)) {
            *ret_format = all_rules[i]->format;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE, "no file format is called %s; there are capsa and sdc1", name);
}

const char *capsa_file_format_name(enum capsa_file_format format)
{
    return capsa_file_rules_of(format)->name;
}

CAPSA_RESULT capsa_file_codec_parse(struct capsa_file_codec *codec, capsa_bytes start)
{
    for (size_t i = 0; i < RULES_COUNT; i++) {
        if (all_rules[i]->is(start)) {
            codec->rules = all_rules[i];
            return all_rules[i]->header_parse(codec, start);
        }
    }
    CAPSA_FAIL(MALFORMED, "this is no sealed file: it starts like neither format (capsa, sdc1)");
}

CAPSA_RESULT capsa_file_fit(const struct capsa_file_codec *codec, uint64_t sealed_size,
                            uint64_t *ret_records, uint64_t *ret_plain_size)
{
    CAPSA_REQUIRE(sealed_size >= codec->header_len, TRUNCATED, "the file ends within its header");
    uint64_t body = sealed_size - codec->header_len;
    uint64_t records = capsa_file_count(body, codec->sealed_record);
    uint64_t last = body - (records - 1) * codec->sealed_record;
    CAPSA_REQUIRE(codec->records == 0 || records >= codec->records, TRUNCATED,
                  "the end of the file is missing: it has %ju of %ju blocks", (uintmax_t)records,
                  (uintmax_t)codec->records);
    CAPSA_REQUIRE(codec->records == 0 || records == codec->records, MALFORMED,
                  "bytes follow the %ju blocks that the header counts", (uintmax_t)codec->records);
    CAPSA_REQUIRE(last >= capsa_file_overhead(codec), TRUNCATED,
                  "the end of the file is missing: its last piece has only %ju bytes",
                  (uintmax_t)last);
    CAPSA_REQUIRE(records <= RECORDS_MAX, TOO_LARGE, "the file has more than 2^32 pieces");
    *ret_records = records;
    *ret_plain_size = body - records * capsa_file_overhead(codec);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_file_grown(const struct capsa_file_codec *codec, uint64_t plain_size,
                              uint64_t *ret_records, uint64_t *ret_sealed_size)
{
    uint64_t records = capsa_file_count(plain_size, codec->plain_record);
    CAPSA_REQUIRE(records <= RECORDS_MAX, TOO_LARGE, "the file has more than 2^32 pieces");
    *ret_records = records;
    /* far below 2^63: a record has at most CAPSA_FILE_CHUNK_MAX bytes */
    *ret_sealed_size = codec->header_len + plain_size + records * capsa_file_overhead(codec);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_file_hand_init(struct capsa_file_hand *hand,
                                  const struct capsa_file_codec *codec)
{
    *hand = (struct capsa_file_hand){.codec = codec};
    return capsa_gcm_new(capsa_secret_borrow(codec->key), &hand->gcm);
}

void capsa_file_hand_drop(struct capsa_file_hand *hand)
{
    capsa_gcm_free(hand->gcm);
    *hand = (struct capsa_file_hand){0};
}

void capsa_file_codec_drop(struct capsa_file_codec *codec)
{
    capsa_secret_free(codec->key);
    *codec = (struct capsa_file_codec){0};
}
