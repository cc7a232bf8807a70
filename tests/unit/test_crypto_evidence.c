/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: what evidence is signed and hashed with. Known answers are of RFC 6979 (A.2.5, A.2.6), of
 * the standards of the digests, and of a recorded chain of certificates.
 */
#include "unit.h"

#include <openssl/err.h>

#include "base/alloc.h"
#include "certs.h"
#include "codec/text.h"
#include "codec_failing.h"
#include "crypto/crypto_evidence.h"
#include "vectors.h"

static int no_errors_are_left(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static capsa_buf unhex(const char *hex)
{
    capsa_buf buf = capsa_buf_of(KIB(16));
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &buf));
    return buf;
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    CAPSA_AUTO(capsa_buf) wanted = unhex(hex);
    assert_int_equal(len, wanted.len);
    assert_memory_equal(bytes, wanted.data, len);
}

static struct capsa_public_key *public_of(const struct capsa_private_key *key)
{
    struct capsa_public_key *made = NULL;
    assert_ok(capsa_public_key_of(key, &made));
    return made;
}

static struct capsa_public_key *key_of_point(enum capsa_key_kind kind, const char *x, const char *y)
{
    CAPSA_AUTO(capsa_buf) x_bytes = unhex(x);
    CAPSA_AUTO(capsa_buf) y_bytes = unhex(y);
    struct capsa_public_key *key = NULL;
    assert_ok(capsa_public_key_of_point(kind, capsa_buf_bytes(&x_bytes), capsa_buf_bytes(&y_bytes),
                                        &key));
    return key;
}

/* ---- digests --------------------------------------------------------------------------------- */

static void digests_give_the_answers_of_their_standards(void **state)
{
    (void)state;
    uint8_t digest[CAPSA_SHA384];
    capsa_sha384(capsa_bytes_str("abc"), digest);
    assert_hex(digest, CAPSA_SHA384,
               "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
               "8086072ba1e7cc2358baeca134c825a7");
    assert_ok(capsa_sm3(capsa_bytes_str("abc"), digest));
    assert_hex(digest, CAPSA_SM3,
               "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    assert_ok(capsa_sm3(
        capsa_bytes_str("abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd"),
        digest));
    assert_hex(digest, CAPSA_SM3,
               "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
}

/* With keys of no bytes, below, at and above a block: RFC 2104 in its own words. */
static void hmac_sm3_is_the_recipe_over_sm3(void **state)
{
    (void)state;
    uint8_t bytes[200], mac[CAPSA_SM3], wanted[CAPSA_SM3];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 37 + (i >> 3));
    }
    for (size_t len = 0; len <= 130; len++) {
        uint8_t key[64] = {0}, inner[64 + sizeof(bytes)], outer[64 + CAPSA_SM3];
        if (len > sizeof(key)) {
            assert_ok(capsa_sm3(capsa_bytes_of(bytes, len), key));
        } else {
            memcpy(key, bytes, len);
        }
        for (size_t i = 0; i < sizeof(key); i++) {
            inner[i] = key[i] ^ 0x36;
            outer[i] = key[i] ^ 0x5c;
        }
        memcpy(inner + sizeof(key), bytes, sizeof(bytes));
        assert_ok(capsa_sm3(capsa_bytes_of(inner, sizeof(inner)), outer + sizeof(key)));
        assert_ok(capsa_sm3(capsa_bytes_of(outer, sizeof(outer)), wanted));
        assert_ok(capsa_hmac_sm3((capsa_secret_bytes){len == 0 ? NULL : bytes, len},
                                 capsa_bytes_of(bytes, sizeof(bytes)), mac));
        assert_memory_equal(mac, wanted, sizeof(mac));
    }
}

static void parts_of_sha512_are_told_apart(void **state)
{
    (void)state;
    const capsa_bytes one[] = {CAPSA_BYTES_LITERAL("ab"), CAPSA_BYTES_LITERAL("c")};
    const capsa_bytes other[] = {CAPSA_BYTES_LITERAL("a"), CAPSA_BYTES_LITERAL("bc")};
    uint8_t a[CAPSA_SHA512], b[CAPSA_SHA512];
    capsa_sha512_parts(one, 2, a);
    capsa_sha512_parts(other, 2, b);
    assert_memory_not_equal(a, b, sizeof(a));
    /* of 00000002 "ab" 00000001 "c" */
    assert_hex(a, CAPSA_SHA512,
               "f4c7aff8e7d0439e9b76477c0f27dd58a005278145d675f9f5f62199022cbf77"
               "2a62d52c1f5eedcbf30e0716c31db26fc7db4b923ffe95b7c7114ccd21fcd1d7");
}

/* ---- ECDSA ----------------------------------------------------------------------------------- */

struct known {
    enum capsa_key_kind kind;
    const char *x, *y, *message, *r, *s, *order;
};

static const struct known known[] = {
    {CAPSA_KEY_P256, "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
     "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299", "sample",
     "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
     "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"},
    {CAPSA_KEY_P384,
     "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480b"
     "c"
     "13",
     "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264"
     "7"
     "20",
     "sample",
     "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fab"
     "e"
     "46",
     "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628"
     "a"
     "c8",
     "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52"
     "9"
     "73"},
};

/* order - number, big-endian */
static void negate(const capsa_buf *order, uint8_t *number)
{
    int borrow = 0;
    for (size_t i = order->len; i-- > 0;) {
        int digit = order->data[i] - number[i] - borrow;
        borrow = digit < 0 ? 1 : 0;
        number[i] = (uint8_t)(digit + 256 * borrow);
    }
}

static void ecdsa_gives_the_answers_of_rfc_6979(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO_FREE(capsa_public_key)
        key = key_of_point(known[i].kind, known[i].x, known[i].y);
        CAPSA_AUTO(capsa_buf) rs = unhex(known[i].r);
        assert_ok(capsa_hex_parse(capsa_bytes_str(known[i].s), &rs));
        capsa_bytes message = capsa_bytes_str(known[i].message);
        assert_ok(capsa_ecdsa_check(key, message, capsa_buf_bytes(&rs)));
        assert_fails(capsa_ecdsa_check(key, capsa_bytes_str("sampl"), capsa_buf_bytes(&rs)),
                     UNAUTHENTIC);
        for (size_t bit = 0; bit < rs.len * 8; bit += 7) {
            rs.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_fails(capsa_ecdsa_check(key, message, capsa_buf_bytes(&rs)), UNAUTHENTIC);
            rs.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t len = 0; len < rs.len; len++) {
            assert_fails(capsa_ecdsa_check(key, message, capsa_bytes_of(rs.data, len)),
                         UNAUTHENTIC);
        }
        assert_ok(capsa_buf_u8(&rs, 0));
        assert_fails(capsa_ecdsa_check(key, message, capsa_buf_bytes(&rs)), UNAUTHENTIC);
    }
}

static void a_high_s_is_as_good_as_a_low_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO_FREE(capsa_public_key)
        key = key_of_point(known[i].kind, known[i].x, known[i].y);
        CAPSA_AUTO(capsa_buf) rs = unhex(known[i].r);
        assert_ok(capsa_hex_parse(capsa_bytes_str(known[i].s), &rs));
        CAPSA_AUTO(capsa_buf) order = unhex(known[i].order);
        negate(&order, rs.data + order.len); /* the recorded s is high */
        assert_true(rs.data[order.len] < 0x80);
        assert_ok(capsa_ecdsa_check(key, capsa_bytes_str(known[i].message), capsa_buf_bytes(&rs)));
    }
}

typedef capsa_result check_pair(const struct capsa_public_key *key, capsa_bytes rs);

static capsa_result check_known(const struct capsa_public_key *key, capsa_bytes rs)
{
    return capsa_ecdsa_check(key, capsa_bytes_str("sample"), rs);
}

/* r and s each zero, one, the order, over it; all with the other one as it is or the same. */
static void assert_bounds(const struct capsa_public_key *key, check_pair *check,
                          const capsa_buf *good, const char *order_hex)
{
    CAPSA_AUTO(capsa_buf) order = unhex(order_hex);
    size_t half = good->len / 2;
    uint8_t bad[4][48] = {{0}, {0}};
    memcpy(bad[1], order.data, half);
    memset(bad[2], 0xff, half);
    bad[3][half - 1] = 1;
    for (size_t i = 0; i < 4; i++) {
        for (unsigned where = 1; where <= 3; where++) {
            uint8_t rs[96];
            memcpy(rs, good->data, good->len);
            if ((where & 1) != 0) {
                memcpy(rs, bad[i], half);
            }
            if ((where & 2) != 0) {
                memcpy(rs + half, bad[i], half);
            }
            assert_fails(check(key, capsa_bytes_of(rs, good->len)), UNAUTHENTIC);
        }
    }
}

static void r_and_s_of_evidence_lie_between_zero_and_the_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO_FREE(capsa_public_key)
        key = key_of_point(known[i].kind, known[i].x, known[i].y);
        CAPSA_AUTO(capsa_buf) rs = unhex(known[i].r);
        assert_ok(capsa_hex_parse(capsa_bytes_str(known[i].s), &rs));
        assert_bounds(key, check_known, &rs, known[i].order);
    }
}

static void what_is_signed_holds_for_its_key_alone(void **state)
{
    (void)state;
    capsa_result (*const make[])(struct capsa_private_key **) = {capsa_private_key_new_p256,
                                                                 capsa_private_key_new_p384};
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
        CAPSA_AUTO_FREE(capsa_private_key) other = NULL;
        assert_ok(make[i](&key));
        assert_ok(make[i](&other));
        CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
        CAPSA_AUTO_FREE(capsa_public_key) other_public = public_of(other);
        capsa_bytes message = capsa_bytes_str("message");
        for (int n = 0; n < 300; n++) { /* some have an r or s with zeros before it */
            CAPSA_AUTO(capsa_buf) rs = capsa_buf_of(96);
            assert_ok(capsa_ecdsa_sign(key, message, &rs));
            assert_int_equal(rs.len, i == 0 ? 64 : 96);
            assert_ok(capsa_ecdsa_check(public_key, message, capsa_buf_bytes(&rs)));
            if (n == 0) {
                assert_fails(capsa_ecdsa_check(other_public, message, capsa_buf_bytes(&rs)),
                             UNAUTHENTIC);
            }
        }
    }
}

static void keys_of_other_kinds_neither_sign_nor_check_evidence(void **state)
{
    (void)state;
    static const uint8_t zeros[96];
    CAPSA_AUTO_FREE(capsa_private_key) ed25519 = NULL;
    CAPSA_AUTO_FREE(capsa_private_key) sm2 = NULL;
    CAPSA_AUTO_FREE(capsa_private_key) p256 = NULL;
    CAPSA_AUTO_FREE(capsa_private_key) p384 = NULL;
    assert_ok(capsa_private_key_new_ed25519(&ed25519));
    assert_ok(capsa_private_key_new_sm2(&sm2));
    assert_ok(capsa_private_key_new_p256(&p256));
    assert_ok(capsa_private_key_new_p384(&p384));
    CAPSA_AUTO_FREE(capsa_public_key) ed25519_public = public_of(ed25519);
    CAPSA_AUTO_FREE(capsa_public_key) sm2_public = public_of(sm2);
    CAPSA_AUTO_FREE(capsa_public_key) p256_public = public_of(p256);
    CAPSA_AUTO_FREE(capsa_public_key) p384_public = public_of(p384);
    CAPSA_AUTO(capsa_buf) rs = capsa_buf_of(96);
    capsa_bytes text = capsa_bytes_str("x"), pair = {zeros, 64};
    assert_fails(capsa_ecdsa_sign(ed25519, text, &rs), UNSUPPORTED);
    assert_fails(capsa_ecdsa_sign(sm2, text, &rs), UNSUPPORTED);
    assert_fails(capsa_sm2_sign(p256, text, text, &rs), UNSUPPORTED);
    assert_fails(capsa_ecdsa_check(ed25519_public, text, pair), UNAUTHENTIC);
    assert_fails(capsa_ecdsa_check(sm2_public, text, pair), UNAUTHENTIC);
    assert_fails(capsa_sm2_check(p256_public, text, text, pair), UNAUTHENTIC);
    assert_fails(capsa_public_key_point(ed25519_public, &rs), UNSUPPORTED);
    assert_int_equal(rs.len, 0);
    /* a P-384 key is no party's: no JOSE scheme came to it */
    enum capsa_scheme scheme;
    assert_false(capsa_scheme_by_name("ES384", &scheme));
    assert_fails(capsa_scheme_for_kind(CAPSA_KEY_P384, &scheme), UNSUPPORTED);
    assert_ok(capsa_ecdsa_sign(p384, text, &rs));
    for (scheme = CAPSA_RS256; scheme <= CAPSA_SM2_SM3; scheme++) {
        assert_fails(capsa_sign_check(p384_public, scheme, text, capsa_buf_bytes(&rs)),
                     UNAUTHENTIC);
    }
}

/* ---- points ---------------------------------------------------------------------------------- */

static void a_point_becomes_the_same_key_as_its_spki(void **state)
{
    (void)state;
    static const enum capsa_key_kind kinds[] = {CAPSA_KEY_P256, CAPSA_KEY_P384, CAPSA_KEY_SM2};
    capsa_result (*const make[])(struct capsa_private_key **) = {
        capsa_private_key_new_p256, capsa_private_key_new_p384, capsa_private_key_new_sm2};
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO_FREE(capsa_private_key) private_key = NULL;
        assert_ok(make[i](&private_key));
        assert_int_equal(capsa_private_key_kind(private_key), kinds[i]);
        CAPSA_AUTO_FREE(capsa_public_key) key = public_of(private_key);
        CAPSA_AUTO(capsa_buf) xy = capsa_buf_of(96);
        assert_ok(capsa_public_key_point(key, &xy));
        size_t half = xy.len / 2;
        assert_int_equal(half, i == 1 ? 48 : 32);
        CAPSA_AUTO_FREE(capsa_public_key) again = NULL;
        assert_ok(capsa_public_key_of_point(kinds[i], capsa_bytes_of(xy.data, half),
                                            capsa_bytes_of(xy.data + half, half), &again));
        assert_int_equal(capsa_public_key_kind(again), kinds[i]);
        assert_true(capsa_public_key_same(key, again));
        CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(256);
        CAPSA_AUTO_FREE(capsa_public_key) parsed = NULL;
        assert_ok(capsa_public_key_spki(again, &spki));
        assert_ok(capsa_public_key_parse(capsa_buf_bytes(&spki), &parsed));
        assert_int_equal(capsa_public_key_kind(parsed), kinds[i]);
    }
}

static void points_that_are_no_keys_are_refused(void **state)
{
    (void)state;
    static const uint8_t zeros[49], ones[48] = {[0 ... 47] = 0xff};
    static const struct {
        enum capsa_key_kind kind;
        size_t half;
    } curves[] = {{CAPSA_KEY_P256, 32}, {CAPSA_KEY_P384, 48}, {CAPSA_KEY_SM2, 32}};
    for (size_t i = 0; i < 3; i++) {
        size_t half = curves[i].half;
        capsa_bytes zero = {zeros, half}, large = {ones, half};
        struct capsa_public_key *key = NULL;
        assert_fails(capsa_public_key_of_point(curves[i].kind, zero, zero, &key), MALFORMED);
        assert_fails(capsa_public_key_of_point(curves[i].kind, large, large, &key), MALFORMED);
        assert_fails(
            capsa_public_key_of_point(curves[i].kind, capsa_bytes_of(zeros, half + 1), zero, &key),
            MALFORMED);
        assert_fails(
            capsa_public_key_of_point(curves[i].kind, zero, capsa_bytes_of(zeros, half - 1), &key),
            MALFORMED);
        assert_null(key);
    }
    CAPSA_AUTO(capsa_buf) x = unhex(known[0].x);
    CAPSA_AUTO(capsa_buf) y = unhex(known[0].y);
    struct capsa_public_key *key = NULL;
    y.data[31] ^= 1;
    assert_fails(
        capsa_public_key_of_point(CAPSA_KEY_P256, capsa_buf_bytes(&x), capsa_buf_bytes(&y), &key),
        MALFORMED);
    y.data[31] ^= 1;
    assert_fails(
        capsa_public_key_of_point(CAPSA_KEY_SM2, capsa_buf_bytes(&x), capsa_buf_bytes(&y), &key),
        MALFORMED);
    assert_fails(
        capsa_public_key_of_point(CAPSA_KEY_RSA, capsa_buf_bytes(&x), capsa_buf_bytes(&y), &key),
        UNSUPPORTED);
    assert_null(key);
}

/* The same number modulo the field's prime, were it taken: x + p does not fit for most, so x = 0 is
 * taken, for which P-256 has points, and p in its place. */
static void a_coordinate_has_one_form(void **state)
{
    (void)state;
    static const char root[] = "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4";
    CAPSA_AUTO(capsa_buf)
    zero = unhex("0000000000000000000000000000000000000000000000000000000000000000");
    CAPSA_AUTO(capsa_buf)
    prime = unhex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    CAPSA_AUTO(capsa_buf) y = unhex(root); /* of the curve's b */
    struct capsa_public_key *key = NULL;
    assert_fails(capsa_public_key_of_point(CAPSA_KEY_P256, capsa_buf_bytes(&prime),
                                           capsa_buf_bytes(&y), &key),
                 MALFORMED);
    assert_ok(capsa_public_key_of_point(CAPSA_KEY_P256, capsa_buf_bytes(&zero), capsa_buf_bytes(&y),
                                        &key));
    capsa_public_key_free(key);
}

static void a_compressed_point_is_told_whole(void **state)
{
    (void)state;
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    unsigned char point[65];
    size_t len = 0;
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(pkey, "encoded-pub-key", point, sizeof(point), &len), 1);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, "point-format", "compressed"), 1);
    unsigned char *spki = NULL;
    int spki_len = i2d_PUBKEY(pkey, &spki);
    assert_true(spki_len > 0 && spki_len < 64); /* it is compressed */
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_AUTO(capsa_buf) xy = capsa_buf_of(64);
    assert_ok(capsa_public_key_parse(capsa_bytes_of(spki, (size_t)spki_len), &key));
    assert_ok(capsa_public_key_point(key, &xy));
    assert_int_equal(xy.len, 64);
    assert_memory_equal(xy.data, point + 1, 64);
    OPENSSL_free(spki);
    EVP_PKEY_free(pkey);
}

/* ---- SM2 ------------------------------------------------------------------------------------- */

static capsa_result check_sm2(const struct capsa_public_key *key, capsa_bytes rs)
{
    return capsa_sm2_check(key, capsa_bytes_str("me"), capsa_bytes_str("x"), rs);
}

static void sm2_covers_the_id_of_its_signer(void **state)
{
    (void)state;
    static uint8_t long_id[8191];
    const capsa_bytes ids[] = {capsa_bytes_str("HYGON-SSD-HRK"), capsa_bytes_str("HYGON-SSD-HSK"),
                               capsa_bytes_str("1234567812345678"), capsa_bytes_str(""),
                               capsa_bytes_of(long_id, 8190)};
    const size_t count = sizeof(ids) / sizeof(ids[0]);
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    assert_ok(capsa_private_key_new_sm2(&key));
    CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
    capsa_bytes text = capsa_bytes_str("text");
    for (size_t i = 0; i < count; i++) {
        CAPSA_AUTO(capsa_buf) rs = capsa_buf_of(64);
        assert_ok(capsa_sm2_sign(key, ids[i], text, &rs));
        assert_int_equal(rs.len, 64);
        for (size_t k = 0; k < count; k++) {
            capsa_result checked = capsa_sm2_check(public_key, ids[k], text, capsa_buf_bytes(&rs));
            assert_int_equal(capsa_code_of(checked), i == k ? CAPSA_E_OK : CAPSA_E_UNAUTHENTIC);
        }
        /* JOSE's scheme has the usual id, and knows no other */
        capsa_result jose = capsa_sign_check(public_key, CAPSA_SM2_SM3, text, capsa_buf_bytes(&rs));
        assert_int_equal(capsa_code_of(jose), i == 2 ? CAPSA_E_OK : CAPSA_E_UNAUTHENTIC);
    }
    CAPSA_AUTO(capsa_buf) rs = capsa_buf_of(64);
    capsa_bytes too_long = capsa_bytes_of(long_id, sizeof(long_id));
    assert_fails(capsa_sm2_sign(key, too_long, text, &rs), TOO_LARGE);
    assert_ok(capsa_sm2_sign(key, capsa_bytes_str("me"), capsa_bytes_str("x"), &rs));
    assert_fails(capsa_sm2_check(public_key, too_long, text, capsa_buf_bytes(&rs)), TOO_LARGE);
    assert_ok(check_sm2(public_key, capsa_buf_bytes(&rs)));
    assert_bounds(public_key, check_sm2, &rs,
                  "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123");
}

/* A number of a maker's certificate: 32 bytes, little-endian, in 72. */
static capsa_bytes number_at(const capsa_buf *cert, size_t at, uint8_t ret_number[32])
{
    assert_true(at + 72 <= cert->len);
    for (size_t i = 0; i < 32; i++) {
        ret_number[i] = cert->data[at + 31 - i];
    }
    for (size_t i = 32; i < 72; i++) {
        assert_int_equal(cert->data[at + i], 0);
    }
    return capsa_bytes_of(ret_number, 32);
}

static struct capsa_public_key *key_at(const capsa_buf *cert, size_t at)
{
    uint8_t x[32], y[32];
    struct capsa_public_key *key = NULL;
    assert_ok(capsa_public_key_of_point(CAPSA_KEY_SM2, number_at(cert, at + 4, x),
                                        number_at(cert, at + 76, y), &key));
    return key;
}

static void assert_signed(const struct capsa_public_key *signer, const char *id,
                          const capsa_buf *cert, size_t signed_len, size_t signature_at)
{
    uint8_t rs[64];
    (void)number_at(cert, signature_at, rs);
    (void)number_at(cert, signature_at + 72, rs + 32);
    capsa_bytes pair = {rs, sizeof(rs)}, message = {cert->data, signed_len};
    assert_ok(capsa_sm2_check(signer, capsa_bytes_str(id), message, pair));
    assert_fails(capsa_sm2_check(signer, capsa_bytes_str("1234567812345678"), message, pair),
                 UNAUTHENTIC);
    message.len--;
    assert_fails(capsa_sm2_check(signer, capsa_bytes_str(id), message, pair), UNAUTHENTIC);
}

static void sm2_gives_the_answers_of_a_recorded_chain(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) hrk = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) hsk = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) cek = capsa_buf_of(KIB(4));
    test_vector_read("attestation/csv_real_chain_hrk_hsk_cek/hrk.cert", &hrk);
    test_vector_read("attestation/csv_real_chain_hrk_hsk_cek/hsk.cert", &hsk);
    test_vector_read("attestation/csv_real_chain_hrk_hsk_cek/cek.cert", &cek);
    CAPSA_AUTO_FREE(capsa_public_key) hrk_key = key_at(&hrk, 64);
    CAPSA_AUTO_FREE(capsa_public_key) hsk_key = key_at(&hsk, 64);
    assert_signed(hrk_key, "HYGON-SSD-HRK", &hrk, 576, 576);
    assert_signed(hrk_key, "HYGON-SSD-HRK", &hsk, 576, 576);
    assert_signed(hsk_key, "HYGON-SSD-HSK", &cek, 1044, 1052);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static capsa_result everything(void)
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_AUTO(capsa_buf) x = capsa_buf_of(64);
    CAPSA_AUTO(capsa_buf) y = capsa_buf_of(64);
    CAPSA_AUTO(capsa_buf) rs = capsa_buf_of(64);
    CAPSA_TRY(capsa_hex_parse(capsa_bytes_str(known[0].x), &x));
    CAPSA_TRY(capsa_hex_parse(capsa_bytes_str(known[0].y), &y));
    CAPSA_TRY(
        capsa_public_key_of_point(CAPSA_KEY_P256, capsa_buf_bytes(&x), capsa_buf_bytes(&y), &key));
    CAPSA_TRY(capsa_hex_parse(capsa_bytes_str(known[0].r), &rs));
    CAPSA_TRY(capsa_hex_parse(capsa_bytes_str(known[0].s), &rs));
    return capsa_ecdsa_check(key, capsa_bytes_str("sample"), capsa_buf_bytes(&rs));
}

static void running_out_of_memory_is_said(void **state)
{
    (void)state;
    ASSERT_FAILS_CLEANLY(everything());
}

#define CASE(name) cmocka_unit_test_teardown(name, no_errors_are_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(digests_give_the_answers_of_their_standards),
        CASE(hmac_sm3_is_the_recipe_over_sm3),
        CASE(parts_of_sha512_are_told_apart),
        CASE(ecdsa_gives_the_answers_of_rfc_6979),
        CASE(a_high_s_is_as_good_as_a_low_one),
        CASE(r_and_s_of_evidence_lie_between_zero_and_the_order),
        CASE(what_is_signed_holds_for_its_key_alone),
        CASE(keys_of_other_kinds_neither_sign_nor_check_evidence),
        CASE(a_point_becomes_the_same_key_as_its_spki),
        CASE(points_that_are_no_keys_are_refused),
        CASE(a_coordinate_has_one_form),
        CASE(a_compressed_point_is_told_whole),
        CASE(sm2_covers_the_id_of_its_signer),
        CASE(sm2_gives_the_answers_of_a_recorded_chain),
        CASE(running_out_of_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
