/* SPDX-License-Identifier: Apache-2.0
 *
 * SM3 (GB/T 32905) and HMAC-SM3. By hand, because libcrypto offers SM3 only by way of calls that
 * allocate and so may fail, and a digest here cannot (crypto_digest.c says why). Tests hold it
 * against libcrypto's. It takes no branch and reads no table by what it digests.
 */
#include "crypto/crypto_evidence.h"

#define BLOCK       64
#define WORDS       8
#define ROUNDS      64
#define LENGTH_AT   (BLOCK - 8) /* where the message's length in bits stands in the last block */
#define EARLY       16          /* rounds with other functions and another constant */
#define EARLY_ROUND 0x79cc4519u
#define LATE_ROUND  0x7a879d8au

struct sm3 {
    uint32_t state[WORDS];
    uint64_t total; /* bytes so far */
    uint8_t block[BLOCK];
};

static uint32_t turned(uint32_t word, unsigned bits)
{
    bits %= 32;
    return bits == 0 ? word : word << bits | word >> (32 - bits);
}

/* §5.3.2: 68 words out of the block's sixteen. */
static void expand(const uint8_t block[BLOCK], uint32_t words[ROUNDS + 4])
{
    for (size_t i = 0; i < 16; i++) {
        const uint8_t *at = block + 4 * i;
        words[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (size_t i = 16; i < ROUNDS + 4; i++) {
        uint32_t mixed = words[i - 16] ^ words[i - 9] ^ turned(words[i - 3], 15);
        mixed ^= turned(mixed, 15) ^ turned(mixed, 23);
        words[i] = mixed ^ turned(words[i - 13], 7) ^ words[i - 6];
    }
}

/* §5.3.3; a to h are s[0] to s[7]. */
static void one_round(uint32_t s[WORDS], const uint32_t words[ROUNDS + 4], unsigned j)
{
    bool early = j < EARLY;
    uint32_t constant = turned(early ? EARLY_ROUND : LATE_ROUND, j);
    uint32_t ss1 = turned(turned(s[0], 12) + s[4] + constant, 7);
    uint32_t ss2 = ss1 ^ turned(s[0], 12);
    uint32_t ff = early ? s[0] ^ s[1] ^ s[2] : (s[0] & s[1]) | (s[0] & s[2]) | (s[1] & s[2]);
    uint32_t gg = early ? s[4] ^ s[5] ^ s[6] : (s[4] & s[5]) | (~s[4] & s[6]);
    uint32_t tt1 = ff + s[3] + ss2 + (words[j] ^ words[j + 4]);
    uint32_t tt2 = gg + s[7] + ss1 + words[j];
    s[3] = s[2];
    s[2] = turned(s[1], 9);
    s[1] = s[0];
    s[0] = tt1;
    s[7] = s[6];
    s[6] = turned(s[5], 19);
    s[5] = s[4];
    s[4] = tt2 ^ turned(tt2, 9) ^ turned(tt2, 17);
}

static void compress(uint32_t state[WORDS], const uint8_t block[BLOCK])
{
    uint32_t words[ROUNDS + 4], s[WORDS];
    expand(block, words);
    memcpy(s, state, sizeof(s));
    for (unsigned j = 0; j < ROUNDS; j++) {
        one_round(s, words, j);
    }
    for (size_t i = 0; i < WORDS; i++) {
        state[i] ^= s[i];
    }
    capsa_wipe(words, sizeof(words));
    capsa_wipe(s, sizeof(s));
}

static void sm3_begin(struct sm3 *sm3)
{
    *sm3 = (struct sm3){.state = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc,
                                  0x163138aa, 0xe38dee4d, 0xb0fb0e4e}};
}

static void sm3_add(struct sm3 *sm3, capsa_bytes bytes)
{
    while (bytes.len > 0) {
        size_t used = sm3->total % BLOCK;
        size_t taken = bytes.len < BLOCK - used ? bytes.len : BLOCK - used;
        memcpy(sm3->block + used, bytes.data, taken);
        sm3->total += taken;
        bytes = capsa_bytes_from(bytes, taken);
        if (used + taken == BLOCK) {
            compress(sm3->state, sm3->block);
        }
    }
}

static void put_be32(uint8_t *at, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(word >> (24 - 8 * i));
    }
}

/* §5.2: a bit that is set, zeros, and the length in the last eight bytes of a block. */
static void sm3_end(struct sm3 *sm3, uint8_t ret_digest[CAPSA_SM3])
{
    static const uint8_t filling[BLOCK] = {0x80};
    uint64_t bits = sm3->total * 8;
    size_t used = sm3->total % BLOCK;
    size_t fill = used < LENGTH_AT ? LENGTH_AT - used : BLOCK + LENGTH_AT - used;
    sm3_add(sm3, capsa_bytes_of(filling, fill));
    uint8_t length[8];
    put_be32(length, (uint32_t)(bits >> 32));
    put_be32(length + 4, (uint32_t)bits);
    sm3_add(sm3, capsa_bytes_of(length, sizeof(length)));
    for (size_t i = 0; i < WORDS; i++) {
        put_be32(ret_digest + 4 * i, sm3->state[i]);
    }
    capsa_wipe(sm3, sizeof(*sm3));
}

void capsa_sm3(capsa_bytes bytes, uint8_t ret_digest[CAPSA_SM3])
{
    struct sm3 sm3;
    sm3_begin(&sm3);
    sm3_add(&sm3, bytes);
    sm3_end(&sm3, ret_digest);
}

/* RFC 2104: H(key ^ pad, bytes), the key filled with zeros up to a block. */
static void hmac_half(const uint8_t key[BLOCK], uint8_t pad, capsa_bytes bytes,
                      uint8_t ret_digest[CAPSA_SM3])
{
    uint8_t block[BLOCK];
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] = key[i] ^ pad;
    }
    struct sm3 sm3;
    sm3_begin(&sm3);
    sm3_add(&sm3, capsa_bytes_of(block, sizeof(block)));
    sm3_add(&sm3, bytes);
    sm3_end(&sm3, ret_digest);
    capsa_wipe(block, sizeof(block));
}

void capsa_hmac_sm3(capsa_secret_bytes key, capsa_bytes bytes, uint8_t ret_mac[CAPSA_SM3])
{
    uint8_t block[BLOCK] = {0}, inner[CAPSA_SM3];
    if (key.len > sizeof(block)) {
        capsa_sm3(capsa_declassify(key, "HMAC's rule for long keys"), block);
    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }
    hmac_half(block, 0x36, bytes, inner);
    hmac_half(block, 0x5c, capsa_bytes_of(inner, sizeof(inner)), ret_mac);
    capsa_wipe(block, sizeof(block));
    capsa_wipe(inner, sizeof(inner));
}
