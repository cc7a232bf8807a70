/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own format of sealed files, "capsa" version 1 (docs/explanation/FILES.md has it byte by
 * byte). A key of its own for each file, made of the data key, a random salt and the whole header;
 * so nothing of one file opens in another, and a changed header opens nothing. Chunks carry their
 * number and whether they are the last in the nonce (the STREAM construction of Hoang,
 * Reyhanitabar, Rogaway and Vizar, CRYPTO 2015), so order and end cannot be changed.
 */
#include "base/reader.h"
#include "codec/text.h"
#include "envelope/envelope_file_format.h"

#define VERSION 1
#define FIXED   44U /* magic, version, key bytes, chunk, zero, resource length, salt */

static const uint8_t magic[6] = {'C', 'A', 'P', 'S', 'A', 'F'};

static bool own_is(capsa_bytes start)
{
    return start.len >= sizeof(magic) && memcmp(start.data, magic, sizeof(magic)) == 0;
}

static bool chunk_is_good(uint32_t chunk)
{
    return chunk >= CAPSA_FILE_CHUNK_MIN && chunk <= CAPSA_FILE_CHUNK_MAX &&
           (chunk & (chunk - 1)) == 0;
}

static void own_sizes(struct capsa_file_codec *codec, uint32_t chunk)
{
    codec->plain_record = chunk;
    codec->sealed_record = chunk + CAPSA_GCM_TAG;
    codec->header_len = FIXED + strlen(codec->resource) + CAPSA_FILE_PROOF;
}

/* All of the header but the proof. */
static capsa_result claims_write(const struct capsa_file_codec *codec, capsa_buf *header)
{
    size_t resource_len = strlen(codec->resource);
    CAPSA_TRY(capsa_buf_append(header, capsa_bytes_of(magic, sizeof(magic))));
    CAPSA_TRY(capsa_buf_u8(header, VERSION));
    CAPSA_TRY(capsa_buf_u8(header, (uint8_t)codec->key_bytes));
    CAPSA_TRY(capsa_buf_u8(header, (uint8_t)__builtin_ctz(codec->plain_record)));
    CAPSA_TRY(capsa_buf_u8(header, 0));
    CAPSA_TRY(capsa_buf_be16(header, (uint16_t)resource_len));
    CAPSA_TRY(capsa_buf_append(header, capsa_bytes_of(codec->salt, CAPSA_FILE_SALT)));
    return capsa_buf_append(header, capsa_bytes_of(codec->resource, resource_len));
}

/* HKDF gives the chunks' key and the header's proof in one piece: the proof can only be made with
 * the data key, and fixes both the header and the key, so no file opens under two keys. */
static capsa_result derive(struct capsa_file_codec *codec, capsa_secret_bytes key,
                           uint8_t ret_proof[CAPSA_FILE_PROOF])
{
    CAPSA_AUTO(capsa_buf) claims = capsa_buf_of(FIXED + CAPSA_LIMIT_id_bytes);
    CAPSA_TRY(claims_write(codec, &claims));
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(capsa_buf_bytes(&claims), digest);
    CAPSA_AUTO(capsa_buf) info = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_str(&info, "capsa file v1"));
    CAPSA_TRY(capsa_buf_append(&info, capsa_bytes_of(digest, sizeof(digest))));
    CAPSA_AUTO_FREE(capsa_secret) both = NULL;
    CAPSA_TRY(capsa_secret_new(key.len + CAPSA_FILE_PROOF, &both));
    uint8_t *derived = capsa_secret_room(both);
    CAPSA_TRY(capsa_hkdf(key, capsa_bytes_of(codec->salt, CAPSA_FILE_SALT), capsa_buf_bytes(&info),
                         derived, key.len + CAPSA_FILE_PROOF));
    CAPSA_TRY(capsa_secret_copy(capsa_bytes_of(derived, key.len), &codec->key));
    memcpy(ret_proof, derived + key.len, CAPSA_FILE_PROOF);
    return CAPSA_OK;
}

static capsa_result resource_set(struct capsa_file_codec *codec, capsa_bytes resource)
{
    CAPSA_REQUIRE(resource.len <= CAPSA_LIMIT_id_bytes, TOO_LARGE,
                  "the resource's name has %zu bytes; %d are the most", resource.len,
                  CAPSA_LIMIT_id_bytes);
    for (size_t i = 0; i < resource.len; i++) {
        CAPSA_REQUIRE(resource.data[i] >= 0x20 && resource.data[i] != 0x7f, MALFORMED,
                      "the resource's name has a control character at byte %zu", i);
    }
    CAPSA_TRY_AT(capsa_utf8_check(resource), "the resource's name");
    if (resource.len > 0) {
        memcpy(codec->resource, resource.data, resource.len);
    }
    codec->resource[resource.len] = '\0';
    return CAPSA_OK;
}

static capsa_result own_start(struct capsa_file_codec *codec, capsa_secret_bytes key,
                              const struct capsa_file_options *options)
{
    uint32_t chunk = options->chunk == 0 ? CAPSA_FILE_CHUNK_DEFAULT : options->chunk;
    CAPSA_REQUIRE(chunk_is_good(chunk), USAGE,
                  "a chunk of %u bytes; it must be a power of two from %u to %u", chunk,
                  CAPSA_FILE_CHUNK_MIN, CAPSA_FILE_CHUNK_MAX);
    CAPSA_TRY(resource_set(codec, capsa_bytes_str(options->resource)));
    codec->key_bytes = (unsigned)key.len;
    own_sizes(codec, chunk);
    CAPSA_TRY(capsa_random(codec->salt, CAPSA_FILE_SALT));
    return derive(codec, key, codec->proof);
}

static capsa_result own_header_write(const struct capsa_file_codec *codec, capsa_buf *header)
{
    CAPSA_TRY(claims_write(codec, header));
    return capsa_buf_append(header, capsa_bytes_of(codec->proof, CAPSA_FILE_PROOF));
}

static capsa_result sizes_check(uint8_t version, uint8_t key_bytes, uint8_t chunk_bits,
                                uint8_t zero)
{
    CAPSA_REQUIRE(version == VERSION, UNSUPPORTED,
                  "the file is of version %u of the capsa format; this program reads version %d",
                  version, VERSION);
    CAPSA_REQUIRE(key_bytes == 16 || key_bytes == 24 || key_bytes == 32, MALFORMED,
                  "capsa header: a key of %u bytes", key_bytes);
    CAPSA_REQUIRE(chunk_bits < 32 && chunk_is_good((uint32_t)1 << chunk_bits), MALFORMED,
                  "capsa header: chunks of 2^%u bytes", chunk_bits);
    CAPSA_REQUIRE(zero == 0, MALFORMED, "capsa header: byte 9 is %u instead of 0", zero);
    return CAPSA_OK;
}

static capsa_result fields_parse(struct capsa_file_codec *codec, struct capsa_reader *reader)
{
    capsa_bytes start = {0};
    uint8_t version = 0;
    uint8_t key_bytes = 0;
    uint8_t chunk_bits = 0;
    uint8_t zero = 0;
    uint16_t resource_len = 0;
    capsa_bytes resource = {0};
    CAPSA_TRY(capsa_read_bytes(reader, sizeof(magic), &start));
    CAPSA_TRY(capsa_read_u8(reader, &version));
    CAPSA_TRY(capsa_read_u8(reader, &key_bytes));
    CAPSA_TRY(capsa_read_u8(reader, &chunk_bits));
    CAPSA_TRY(capsa_read_u8(reader, &zero));
    CAPSA_TRY(sizes_check(version, key_bytes, chunk_bits, zero));
    CAPSA_TRY(capsa_read_be16(reader, &resource_len));
    CAPSA_REQUIRE(resource_len <= CAPSA_LIMIT_id_bytes, TOO_LARGE,
                  "capsa header: the resource's name has %u bytes; %d are the most", resource_len,
                  CAPSA_LIMIT_id_bytes);
    CAPSA_TRY(capsa_read_into(reader, codec->salt, CAPSA_FILE_SALT));
    CAPSA_TRY(capsa_read_bytes(reader, resource_len, &resource));
    CAPSA_TRY(resource_set(codec, resource));
    CAPSA_TRY(capsa_read_into(reader, codec->proof, CAPSA_FILE_PROOF));
    codec->key_bytes = key_bytes;
    own_sizes(codec, (uint32_t)1 << chunk_bits);
    return CAPSA_OK;
}

static capsa_result own_header_parse(struct capsa_file_codec *codec, capsa_bytes bytes)
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    CAPSA_TRY_AT(fields_parse(codec, &reader), "capsa header");
    return CAPSA_OK;
}

static capsa_result own_header_check(struct capsa_file_codec *codec, capsa_secret_bytes key)
{
    CAPSA_REQUIRE(key.len == codec->key_bytes, UNAUTHENTIC,
                  "the file was sealed with a key of %u bytes; this one has %zu", codec->key_bytes,
                  key.len);
    uint8_t proof[CAPSA_FILE_PROOF];
    CAPSA_TRY(derive(codec, key, proof));
    CAPSA_REQUIRE(capsa_equal_ct((capsa_secret_bytes){proof, sizeof(proof)},
                                 (capsa_secret_bytes){codec->proof, sizeof(codec->proof)}),
                  UNAUTHENTIC,
                  "the key is not the one that sealed this file, or its header was altered");
    return CAPSA_OK;
}

/* Big-endian number, then whether the chunk ends the file. The key is the file's own, so no
 * randomness is needed here. */
static void nonce_make(uint64_t number, bool last, uint8_t nonce[12])
{
    memset(nonce, 0, 12);
    for (unsigned i = 0; i < 8; i++) {
        nonce[3 + i] = (uint8_t)(number >> (8 * (7 - i)));
    }
    nonce[11] = last;
}

static capsa_result own_seal(struct capsa_file_hand *hand, uint64_t number, bool last,
                             capsa_bytes in, uint8_t *out)
{
    uint8_t nonce[12];
    nonce_make(number, last, nonce);
    return capsa_gcm_seal_block(hand->gcm, nonce, capsa_bytes_of(NULL, 0), in, out, out + in.len);
}

static capsa_result chunk_open(struct capsa_file_hand *hand, uint64_t number, bool last,
                               capsa_bytes in, uint8_t *out)
{
    uint8_t nonce[12];
    nonce_make(number, last, nonce);
    size_t len = in.len - CAPSA_GCM_TAG;
    return capsa_gcm_open_block(hand->gcm, nonce, capsa_bytes_of(NULL, 0),
                                capsa_bytes_of(in.data, len), in.data + len, out);
}

/* A chunk that does not open here: would it, were the end of the file elsewhere? Then say that. */
static capsa_result explain(struct capsa_file_hand *hand, uint64_t number, bool last,
                            capsa_bytes in, uint8_t *out)
{
    capsa_result other = chunk_open(hand, number, !last, in, out);
    capsa_wipe(out, in.len - CAPSA_GCM_TAG);
    CAPSA_REQUIRE(capsa_failed(other) || !last, TRUNCATED,
                  "the end of the file is missing: more must follow chunk %ju", (uintmax_t)number);
    CAPSA_REQUIRE(capsa_failed(other) || last, MALFORMED,
                  "bytes follow chunk %ju, which ends the file", (uintmax_t)number);
    CAPSA_FAIL(UNAUTHENTIC, "chunk %ju is not authentic: the file was altered", (uintmax_t)number);
}

static capsa_result own_open(struct capsa_file_hand *hand, uint64_t number, bool last,
                             capsa_bytes in, uint8_t *out)
{
    CAPSA_REQUIRE(in.len >= CAPSA_GCM_TAG, TRUNCATED,
                  "the end of the file is missing: its last chunk has only %zu bytes", in.len);
    /* Only the empty file has an empty chunk: each plaintext has one number of chunks. */
    CAPSA_REQUIRE(in.len > CAPSA_GCM_TAG || number == 0, TRUNCATED,
                  "the end of the file is missing: chunk %ju is empty", (uintmax_t)number);
    capsa_result opened = chunk_open(hand, number, last, in, out);
    if (capsa_code_of(opened) == CAPSA_E_UNAUTHENTIC) {
        return explain(hand, number, last, in, out);
    }
    return opened;
}

const struct capsa_file_rules capsa_file_rules_capsa = {
    .name = "capsa",
    .format = CAPSA_FILE_CAPSA,
    .header_max = FIXED + CAPSA_LIMIT_id_bytes + CAPSA_FILE_PROOF,
    .names_resource = true,
    .is = own_is,
    .start = own_start,
    .header_write = own_header_write,
    .header_parse = own_header_parse,
    .header_check = own_header_check,
    .seal = own_seal,
    .open = own_open,
};
