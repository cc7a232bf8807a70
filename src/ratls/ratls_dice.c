/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence and claims of DICE (ratls_dice.h). What other verifiers take and this one does not: no
 * key among the claims (then the certificate's key is bound to nothing), a name that only begins
 * with "pubkey-hash", the last of two, and bytes behind the end.
 */
#include "ratls/ratls_dice.h"

#include <inttypes.h>

#include "base/limits.h"
#include "codec/cbor.h"
#include "crypto/crypto_evidence.h"

#define EVIDENCE_ITEMS 2
#define KEY_ITEMS      2
#define KEY_MAX        (2 * CAPSA_RATLS_DIGEST) /* bytes of the pair of algorithm and digest */

static const char key_name[] = "pubkey-hash";
static const char nonce_name[] = "nonce";

/* ---- Hashes ---------------------------------------------------------------------------------- */

static const struct hash {
    enum capsa_ratls_hash hash; /* the number of IANA's named information registry */
    const char *name;
    size_t len;
    void (*digest)(capsa_bytes bytes, uint8_t *ret_digest);
} hashes[] = {
    {CAPSA_RATLS_SHA256, "sha256", CAPSA_SHA256, capsa_sha256},
    {CAPSA_RATLS_SHA384, "sha384", CAPSA_SHA384, capsa_sha384},
    {CAPSA_RATLS_SHA512, "sha512", CAPSA_SHA512, capsa_sha512},
};
#define HASHES (sizeof(hashes) / sizeof(hashes[0]))

static const struct hash *hash_of(uint64_t number)
{
    for (size_t i = 0; i < HASHES; i++) {
        if ((uint64_t)hashes[i].hash == number) {
            return &hashes[i];
        }
    }
    return NULL;
}

const char *capsa_ratls_hash_name(enum capsa_ratls_hash hash)
{
    const struct hash *found = hash_of((uint64_t)hash);
    return found == NULL ? "" : found->name;
}

size_t capsa_ratls_digest(enum capsa_ratls_hash hash, capsa_bytes bytes,
                          uint8_t ret_digest[CAPSA_RATLS_DIGEST])
{
    const struct hash *found = hash_of((uint64_t)hash);
    if (found == NULL) {
        return 0;
    }
    found->digest(bytes, ret_digest);
    return found->len;
}

/* ---- Tags ------------------------------------------------------------------------------------ */

static const struct tag {
    uint64_t number;
    enum capsa_platform platforms[2]; /* NONE, NONE: not read */
    const char *what;
} tags[] = {
    {60000, {CAPSA_PLATFORM_SGX, CAPSA_PLATFORM_TDX}, "a quote of Intel's"},
    {60001, {CAPSA_PLATFORM_NONE}, "a report of Intel's for local attestation"},
    {60002, {CAPSA_PLATFORM_NONE}, "a report of SGX for local attestation"},
    {0x1A7504, {CAPSA_PLATFORM_SNP}, "a report of AMD SEV-SNP (rats-tls)"},
    {0x1A7505, {CAPSA_PLATFORM_NONE}, "evidence of AMD SEV or SEV-ES (rats-tls)"},
    {0x1A7506, {CAPSA_PLATFORM_CSV}, "a report of Hygon CSV (rats-tls)"},
};
#define TAGS (sizeof(tags) / sizeof(tags[0]))

static const struct tag *tag_of(uint64_t number)
{
    for (size_t i = 0; i < TAGS; i++) {
        if (tags[i].number == number) {
            return &tags[i];
        }
    }
    return NULL;
}

static bool tag_has(const struct tag *tag, enum capsa_platform platform)
{
    return platform != CAPSA_PLATFORM_NONE &&
           (tag->platforms[0] == platform || tag->platforms[1] == platform);
}

static capsa_result check_tag(uint64_t number)
{
    const struct tag *tag = tag_of(number);
    CAPSA_REQUIRE(tag != NULL, UNSUPPORTED, "DICE evidence under the unknown CBOR tag %" PRIu64,
                  number);
    CAPSA_REQUIRE(tag->platforms[0] != CAPSA_PLATFORM_NONE, UNSUPPORTED,
                  "DICE evidence under the CBOR tag %" PRIu64 ": %s is not supported", number,
                  tag->what);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_dice_check_platform(uint64_t number, enum capsa_platform platform)
{
    const struct tag *tag = tag_of(number);
    CAPSA_REQUIRE(tag != NULL && tag_has(tag, platform), MALFORMED,
                  "DICE evidence: the CBOR tag %" PRIu64 " says %s, and it is evidence of %s",
                  number, tag == NULL ? "nothing" : tag->what, capsa_platform_what(platform));
    return CAPSA_OK;
}

/* ---- Evidence -------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_ratls_dice_read_evidence(capsa_bytes content, struct capsa_ratls_dice *ret_dice)
{
    struct capsa_reader reader = capsa_reader_of(content);
    struct capsa_ratls_dice dice = {.tag = 0};
    uint64_t items = 0;
    CAPSA_TRY(capsa_cbor_tag(&reader, "DICE evidence", &dice.tag));
    CAPSA_TRY(check_tag(dice.tag));
    CAPSA_TRY(capsa_cbor_array(&reader, "DICE evidence", EVIDENCE_ITEMS, &items));
    CAPSA_REQUIRE(items == EVIDENCE_ITEMS, MALFORMED,
                  "DICE evidence: an array of %" PRIu64 ", wanted %d", items, EVIDENCE_ITEMS);
    CAPSA_TRY(capsa_cbor_bytes(&reader, "DICE evidence", &dice.evidence));
    CAPSA_TRY(capsa_cbor_bytes(&reader, "DICE claims", &dice.claims));
    CAPSA_TRY(capsa_cbor_end(&reader, "DICE evidence"));
    *ret_dice = dice;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_dice_write_evidence(enum capsa_platform platform, capsa_bytes evidence,
                                             capsa_bytes claims, capsa_buf *ret)
{
    size_t i = 0;
    while (i < TAGS && !tag_has(&tags[i], platform)) {
        i++;
    }
    CAPSA_REQUIRE(i < TAGS, UNSUPPORTED, "DICE evidence of %s", capsa_platform_what(platform));
    CAPSA_AUTO(capsa_buf) whole = capsa_buf_of(CAPSA_LIMIT_ratls_certificate);
    CAPSA_TRY(capsa_cbor_write(&whole, CAPSA_CBOR_TAG, tags[i].number));
    CAPSA_TRY(capsa_cbor_write(&whole, CAPSA_CBOR_ARRAY, EVIDENCE_ITEMS));
    CAPSA_TRY(capsa_cbor_write_bytes(&whole, evidence));
    CAPSA_TRY(capsa_cbor_write_bytes(&whole, claims));
    return capsa_buf_append(ret, capsa_buf_bytes(&whole));
}

/* ---- Claims ---------------------------------------------------------------------------------- */

/* The serialised pair [algorithm, digest]. */
static capsa_result read_key(capsa_bytes pair, struct capsa_ratls_claims *claims)
{
    struct capsa_reader reader = capsa_reader_of(pair);
    uint64_t items = 0, number = 0;
    CAPSA_TRY(capsa_cbor_array(&reader, key_name, KEY_ITEMS, &items));
    CAPSA_REQUIRE(items == KEY_ITEMS, MALFORMED, "%s: an array of %" PRIu64 ", wanted %d", key_name,
                  items, KEY_ITEMS);
    CAPSA_TRY(capsa_cbor_unsigned(&reader, key_name, UINT64_MAX, &number));
    const struct hash *hash = hash_of(number);
    CAPSA_REQUIRE(hash != NULL, MALFORMED,
                  "%s: hash %" PRIu64 ", wanted 1 (SHA-256), 7 (SHA-384) or 8 (SHA-512)", key_name,
                  number);
    CAPSA_TRY(capsa_cbor_bytes(&reader, key_name, &claims->key_digest));
    CAPSA_REQUIRE(claims->key_digest.len == hash->len, MALFORMED,
                  "%s: a digest of %zu bytes, that of %s has %zu", key_name, claims->key_digest.len,
                  hash->name, hash->len);
    CAPSA_TRY(capsa_cbor_end(&reader, key_name));
    claims->hash = hash->hash;
    return CAPSA_OK;
}

static capsa_result read_nonce(capsa_bytes nonce, struct capsa_ratls_claims *claims)
{
    CAPSA_REQUIRE(nonce.len <= CAPSA_LIMIT_ratls_nonce, TOO_LARGE,
                  "the claim nonce: %zu bytes, at most %d", nonce.len, CAPSA_LIMIT_ratls_nonce);
    claims->nonce = nonce;
    return CAPSA_OK;
}

static capsa_result read_claim(capsa_bytes name, capsa_bytes value,
                               struct capsa_ratls_claims *claims)
{
    if (capsa_bytes_is(name, key_name)) {
        return read_key(value, claims);
    }
    if (capsa_bytes_is(name, nonce_name)) {
        return read_nonce(value, claims);
    }
    return CAPSA_OK;
}

/* Names are compared with all that came before: there are few, and no two may be the same. */
static capsa_result check_new(capsa_bytes name, const capsa_bytes *before, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        CAPSA_REQUIRE(!capsa_bytes_equal(name, before[i]), MALFORMED,
                      "DICE claims: the claim %.*s twice", (int)(name.len > 64 ? 64 : name.len),
                      (const char *)name.data);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_dice_read_claims(capsa_bytes content,
                                          struct capsa_ratls_claims *ret_claims)
{
    struct capsa_reader reader = capsa_reader_of(content);
    struct capsa_ratls_claims claims = {.key_digest = {NULL, 0}};
    capsa_bytes names[CAPSA_LIMIT_ratls_claims];
    uint64_t pairs = 0;
    CAPSA_TRY(capsa_cbor_map(&reader, "DICE claims", CAPSA_LIMIT_ratls_claims, &pairs));
    for (uint64_t i = 0; i < pairs; i++) {
        capsa_bytes value = {NULL, 0};
        CAPSA_TRY(capsa_cbor_text(&reader, "the name of a DICE claim", &names[i]));
        CAPSA_TRY(check_new(names[i], names, i));
        CAPSA_TRY(capsa_cbor_bytes(&reader, "the value of a DICE claim", &value));
        CAPSA_TRY(read_claim(names[i], value, &claims));
    }
    CAPSA_TRY(capsa_cbor_end(&reader, "DICE claims"));
    CAPSA_REQUIRE(claims.key_digest.data != NULL, MALFORMED,
                  "DICE claims: no %s, without which the evidence says nothing of the key",
                  key_name);
    *ret_claims = claims;
    return CAPSA_OK;
}

static capsa_result write_key(enum capsa_ratls_hash hash, capsa_bytes spki, capsa_buf *buf)
{
    uint8_t digest[CAPSA_RATLS_DIGEST];
    size_t len = capsa_ratls_digest(hash, spki, digest);
    CAPSA_REQUIRE(len > 0, USAGE, "a hash of number %d", (int)hash);
    CAPSA_AUTO(capsa_buf) pair = capsa_buf_of(KEY_MAX);
    CAPSA_TRY(capsa_cbor_write(&pair, CAPSA_CBOR_ARRAY, KEY_ITEMS));
    CAPSA_TRY(capsa_cbor_write(&pair, CAPSA_CBOR_UNSIGNED, (uint64_t)hash));
    CAPSA_TRY(capsa_cbor_write_bytes(&pair, capsa_bytes_of(digest, len)));
    CAPSA_TRY(capsa_cbor_write_text(buf, key_name));
    return capsa_cbor_write_bytes(buf, capsa_buf_bytes(&pair));
}

CAPSA_RESULT capsa_ratls_dice_write_claims(enum capsa_ratls_hash hash, capsa_bytes spki,
                                           capsa_bytes nonce, capsa_buf *ret)
{
    CAPSA_REQUIRE(nonce.len <= CAPSA_LIMIT_ratls_nonce, TOO_LARGE,
                  "a nonce of %zu bytes, at most %d", nonce.len, CAPSA_LIMIT_ratls_nonce);
    CAPSA_AUTO(capsa_buf) claims = capsa_buf_of(CAPSA_LIMIT_ratls_nonce + KIB(1));
    CAPSA_TRY(capsa_cbor_write(&claims, CAPSA_CBOR_MAP, nonce.data == NULL ? 1 : 2));
    CAPSA_TRY(write_key(hash, spki, &claims));
    if (nonce.data != NULL) {
        CAPSA_TRY(capsa_cbor_write_text(&claims, nonce_name));
        CAPSA_TRY(capsa_cbor_write_bytes(&claims, nonce));
    }
    return capsa_buf_append(ret, capsa_buf_bytes(&claims));
}
