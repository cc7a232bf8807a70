/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of envelope_file: what the two formats share. A sealed file is a header and then records,
 * all of the same size but the last; so where each one lies follows from its number, and any thread
 * may do any record. Pure: no files here, only bytes, a key and (sealing) randomness.
 */
#pragma once

#include "crypto/crypto.h"
#include "envelope/envelope_file.h"

struct capsa_file_rules;

#define CAPSA_FILE_SALT  32
#define CAPSA_FILE_PROOF 32

/* One file's parameters. Read-only once made, so all threads share it. */
struct capsa_file_codec {
    const struct capsa_file_rules *rules;
    struct capsa_secret *key; /* the records' key; NULL until keyed */
    uint64_t records;         /* sdc1: as the header says or shall say; capsa: 0, it does not */
    bool empty_form;          /* sdc1: count 0 and one empty block, as the original writes "" */
    uint32_t plain_record;    /* plaintext bytes of every record but the last */
    uint32_t sealed_record;
    size_t header_len;
    unsigned key_bytes;              /* what the header says; 0: it does not */
    uint8_t salt[CAPSA_FILE_SALT];   /* capsa: public, as is the proof */
    uint8_t proof[CAPSA_FILE_PROOF]; /* capsa: shows that whoever wrote the header had the key */
    char resource[CAPSA_LIMIT_id_bytes + 1];
};
void capsa_file_codec_drop(struct capsa_file_codec *codec);
typedef struct capsa_file_codec capsa_file_codec;

/* What one thread has of its own. */
#define CAPSA_FILE_IVS 64
struct capsa_file_hand {
    const struct capsa_file_codec *codec;
    struct capsa_gcm *gcm;
    uint8_t ivs[CAPSA_FILE_IVS][12]; /* randomness is asked for in batches */
    unsigned ivs_left;
};
CAPSA_RESULT capsa_file_hand_init(struct capsa_file_hand *hand,
                                  const struct capsa_file_codec *codec);
void capsa_file_hand_drop(struct capsa_file_hand *hand);
typedef struct capsa_file_hand capsa_file_hand;

/* `number` counts from 0; `last` says that the input ends with this record. `out` has room for what
 * comes out: in.len plus or minus the overhead. */
typedef capsa_result (*capsa_file_record_fn)(struct capsa_file_hand *hand, uint64_t number,
                                             bool last, capsa_bytes in, uint8_t *out);

struct capsa_file_rules {
    const char *name;
    enum capsa_file_format format;
    size_t header_max;   /* no header of this format is longer */
    bool counts;         /* the header holds the number of records */
    bool names_resource; /* the header can hold the resource's name */
    /* True when a file that starts like this claims to be of this format. */
    bool (*is)(capsa_bytes start);
    /* Sealing: choose the parameters and derive the key. */
    capsa_result (*start)(struct capsa_file_codec *codec, capsa_secret_bytes key,
                          const struct capsa_file_options *options);
    /* Append the header; codec->records is final. */
    capsa_result (*header_write)(const struct capsa_file_codec *codec, capsa_buf *header);
    /* Opening: read the header at the start of `bytes`; no key yet, nothing verified. */
    capsa_result (*header_parse)(struct capsa_file_codec *codec, capsa_bytes bytes);
    /* Opening: derive the key, verify what of the parsed header can be. */
    capsa_result (*header_check)(struct capsa_file_codec *codec, capsa_secret_bytes key);
    capsa_file_record_fn seal, open;
};

extern const struct capsa_file_rules capsa_file_rules_capsa;
extern const struct capsa_file_rules capsa_file_rules_sdc1;

/* The rules for sealing as `format`. */
const struct capsa_file_rules *capsa_file_rules_of(enum capsa_file_format format);
/* Tell the format by the first bytes and read the header. */
CAPSA_RESULT capsa_file_codec_parse(struct capsa_file_codec *codec, capsa_bytes start);

static inline uint32_t capsa_file_overhead(const struct capsa_file_codec *codec)
{
    return codec->sealed_record - codec->plain_record;
}

/* How many records `size` bytes make that come in pieces of `record`; no bytes are one piece. */
static inline uint64_t capsa_file_count(uint64_t size, uint32_t record)
{
    return size == 0 ? 1 : size / record + (size % record != 0);
}

/* Holds when a file of `sealed_size` bytes can have this header; then how many records it has and
 * what they open to. */
CAPSA_RESULT capsa_file_fit(const struct capsa_file_codec *codec, uint64_t sealed_size,
                            uint64_t *ret_records, uint64_t *ret_plain_size);
/* The size of `plain_size` bytes sealed. TOO_LARGE when no file can be that large. */
CAPSA_RESULT capsa_file_grown(const struct capsa_file_codec *codec, uint64_t plain_size,
                              uint64_t *ret_records, uint64_t *ret_sealed_size);
