/* SPDX-License-Identifier: Apache-2.0
 *
 * The encrypted-file format of the original key manager ("sdc1", docs/explanation/FILES.md): a
 * header of 20 bytes that nothing authenticates, then blocks of up to 8192 bytes, each with its own
 * random IV and tag. The reader takes only what the original's writers write; what the format
 * cannot show (blocks dropped with the count, reordered, or taken from another file under the same
 * key) no reader can find.
 */
#include "base/reader.h"
#include "envelope/envelope_file_format.h"

#define VERSION      1U
#define SCHEMA       1U
#define HEADER       20U
#define BLOCK        8192U
#define IV_LEN       12U
#define FIELD        32U /* the IV and the tag each stand in a field of this size, then zeros */
#define BLOCK_HEADER (2 * (1 + FIELD))
#define BLOCK_PLAIN  (BLOCK - BLOCK_HEADER)
#define TAG_AT       (1 + FIELD)
#define COUNT_MAX    ((uint64_t)1 << 32) /* and so sizes cannot overflow */

_Static_assert(BLOCK_PLAIN == 8126, "the contract's plaintext bytes of a block");

static const uint8_t zeros[FIELD];

static bool sdc1_is(capsa_bytes start)
{
    static const uint8_t version_and_schema[8] = {VERSION, 0, 0, 0, SCHEMA, 0, 0, 0};
    return start.len >= sizeof(version_and_schema) &&
           memcmp(start.data, version_and_schema, sizeof(version_and_schema)) == 0;
}

static void sdc1_sizes(struct capsa_file_codec *codec)
{
    codec->plain_record = BLOCK_PLAIN;
    codec->sealed_record = BLOCK;
    codec->header_len = HEADER;
}

/* The data key itself seals the blocks. */
static capsa_result key_take(struct capsa_file_codec *codec, capsa_secret_bytes key)
{
    CAPSA_TRY(capsa_secret_new(key.len, &codec->key));
    memcpy(capsa_secret_room(codec->key), key.data, key.len);
    return CAPSA_OK;
}

static capsa_result sdc1_start(struct capsa_file_codec *codec, capsa_secret_bytes key,
                               const struct capsa_file_options *options)
{
    CAPSA_REQUIRE(options->resource == NULL, UNSUPPORTED,
                  "sdc1 files cannot name their resource; leave it out, or use format capsa");
    CAPSA_REQUIRE(options->chunk == 0, UNSUPPORTED, "sdc1 files have blocks of one size only");
    sdc1_sizes(codec);
    return key_take(codec, key);
}

static capsa_result sdc1_header_write(const struct capsa_file_codec *codec, capsa_buf *header)
{
    CAPSA_TRY(capsa_buf_le32(header, VERSION));
    CAPSA_TRY(capsa_buf_le32(header, SCHEMA));
    CAPSA_TRY(capsa_buf_le64(header, codec->records));
    return capsa_buf_le32(header, BLOCK);
}

static capsa_result sdc1_header_parse(struct capsa_file_codec *codec, capsa_bytes bytes)
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    uint64_t count = 0;
    uint32_t ignored = 0;
    uint32_t block = 0;
    CAPSA_TRY_AT(capsa_read_le32(&reader, &ignored), "sdc1 header");
    CAPSA_TRY_AT(capsa_read_le32(&reader, &ignored), "sdc1 header");
    CAPSA_TRY_AT(capsa_read_le64(&reader, &count), "sdc1 header");
    CAPSA_TRY_AT(capsa_read_le32(&reader, &block), "sdc1 header");
    CAPSA_REQUIRE(block == BLOCK, MALFORMED, "sdc1 header: block length %u instead of %u", block,
                  BLOCK);
    CAPSA_REQUIRE(count <= COUNT_MAX, TOO_LARGE, "sdc1 header: %ju blocks are more than 2^32",
                  (uintmax_t)count);
    sdc1_sizes(codec);
    codec->empty_form = count == 0;
    codec->records = count == 0 ? 1 : count;
    return CAPSA_OK;
}

static capsa_result next_iv(struct capsa_file_hand *hand, const uint8_t **ret_iv)
{
    if (hand->ivs_left == 0) {
        CAPSA_TRY(capsa_random(hand->ivs, sizeof(hand->ivs)));
        hand->ivs_left = CAPSA_FILE_IVS;
    }
    *ret_iv = hand->ivs[--hand->ivs_left];
    return CAPSA_OK;
}

static capsa_result sdc1_seal(struct capsa_file_hand *hand, uint64_t number, bool last,
                              capsa_bytes in, uint8_t *out)
{
    (void)number;
    (void)last;
    const uint8_t *iv = NULL;
    CAPSA_TRY(next_iv(hand, &iv));
    memset(out, 0, BLOCK_HEADER);
    out[0] = IV_LEN;
    memcpy(out + 1, iv, IV_LEN);
    out[TAG_AT] = CAPSA_GCM_TAG;
    return capsa_gcm_seal_block(hand->gcm, iv, capsa_bytes_of(NULL, 0), in, out + BLOCK_HEADER,
                                out + TAG_AT + 1);
}

/* One of the two length-and-field pairs at the start of a block. */
static capsa_result field_read(struct capsa_reader *reader, uint64_t number, const char *name,
                               size_t wanted, const uint8_t **ret_value)
{
    uint8_t len = 0;
    capsa_bytes field = {0};
    CAPSA_TRY(capsa_read_u8(reader, &len));
    CAPSA_TRY(capsa_read_bytes(reader, FIELD, &field));
    CAPSA_REQUIRE(len == wanted, MALFORMED, "block %ju: %s of %u bytes instead of %zu",
                  (uintmax_t)number, name, len, wanted);
    CAPSA_REQUIRE(memcmp(field.data + len, zeros, FIELD - len) == 0, MALFORMED,
                  "block %ju: bytes other than zero behind the %s", (uintmax_t)number, name);
    *ret_value = field.data;
    return CAPSA_OK;
}

/* The count is all that tells where the file should end. */
static capsa_result place_check(const struct capsa_file_codec *codec, uint64_t number, bool last,
                                size_t len)
{
    uint64_t left = number < codec->records ? codec->records - number : 0; /* with this one */
    CAPSA_REQUIRE(left > 1 || (left == 1 && last), MALFORMED,
                  "bytes follow the %ju blocks that the header counts", (uintmax_t)codec->records);
    CAPSA_REQUIRE(len >= BLOCK_HEADER && (left == 1 || !last), TRUNCATED,
                  "the end of the file is missing: it stops in block %ju of %ju", (uintmax_t)number,
                  (uintmax_t)codec->records);
    CAPSA_REQUIRE(!codec->empty_form || len == BLOCK_HEADER, MALFORMED,
                  "the header counts no blocks, and yet there is data");
    return CAPSA_OK;
}

static capsa_result sdc1_open(struct capsa_file_hand *hand, uint64_t number, bool last,
                              capsa_bytes in, uint8_t *out)
{
    CAPSA_TRY(place_check(hand->codec, number, last, in.len));
    struct capsa_reader reader = capsa_reader_of(in);
    const uint8_t *iv = NULL;
    const uint8_t *tag = NULL;
    CAPSA_TRY(field_read(&reader, number, "IV", IV_LEN, &iv));
    CAPSA_TRY(field_read(&reader, number, "tag", CAPSA_GCM_TAG, &tag));
    capsa_result opened = capsa_gcm_open_block(hand->gcm, iv, capsa_bytes_of(NULL, 0),
                                               capsa_bytes_from(in, BLOCK_HEADER), tag, out);
    CAPSA_REQUIRE(capsa_code_of(opened) != CAPSA_E_UNAUTHENTIC, UNAUTHENTIC,
                  "block %ju is not authentic: the key is another one, or the file was altered",
                  (uintmax_t)number);
    return opened;
}

const struct capsa_file_rules capsa_file_rules_sdc1 = {
    .name = "sdc1",
    .format = CAPSA_FILE_SDC1,
    .header_max = HEADER,
    .counts = true,
    .is = sdc1_is,
    .start = sdc1_start,
    .header_write = sdc1_header_write,
    .header_parse = sdc1_header_parse,
    .header_check = key_take, /* nothing in the header can be checked */
    .seal = sdc1_seal,
    .open = sdc1_open,
};
