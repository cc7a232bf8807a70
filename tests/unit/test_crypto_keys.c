/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: the keys of the native protocol (Ed25519, X25519, P-256), kids, and the manager's
 * extension of its certificate. The older kinds: test_crypto.c.
 */
#include "unit.h"

#include <openssl/err.h>

#include "base/alloc.h"
#include "certs.h"
#include "codec/text.h"
#include "crypto/crypto_evidence.h"
#include "crypto/crypto_pki.h"

#define PKCS8_ED25519 "302e020100300506032b657004220420"

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

static void assert_hex(capsa_bytes bytes, const char *hex)
{
    CAPSA_AUTO(capsa_buf) wanted = unhex(hex);
    assert_int_equal(bytes.len, wanted.len);
    assert_memory_equal(bytes.data, wanted.data, bytes.len);
}

/* A private key out of the prefix of its PKCS#8 form and its 32 bytes. */
static struct capsa_private_key *raw_key(const char *prefix, const char *hex)
{
    CAPSA_AUTO(capsa_buf) der = unhex(prefix);
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &der));
    struct capsa_private_key *key = NULL;
    assert_ok(capsa_private_key_parse(capsa_buf_bytes(&der), &key));
    return key;
}

static struct capsa_public_key *public_of(const struct capsa_private_key *key)
{
    struct capsa_public_key *made = NULL;
    assert_ok(capsa_public_key_of(key, &made));
    return made;
}

/* ---- Ed25519 --------------------------------------------------------------------------------- */

static void ed25519_gives_the_answers_of_its_rfc(void **state)
{
    (void)state;
    static const struct {
        const char *private_key, *public_key, *message, *signature;
    } cases[] = {
        /* RFC 8032 §7.1, TEST 1 and 3 */
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
         "cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
         "84dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO_FREE(capsa_private_key) key = raw_key(PKCS8_ED25519, cases[i].private_key);
        CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
        assert_int_equal(capsa_private_key_kind(key), CAPSA_KEY_ED25519);
        uint8_t raw[CAPSA_ED25519_PUBLIC], signature[CAPSA_ED25519_SIGNATURE];
        assert_ok(capsa_public_key_raw(public_key, raw));
        assert_hex(capsa_bytes_of(raw, sizeof(raw)), cases[i].public_key);
        CAPSA_AUTO(capsa_buf) message = unhex(cases[i].message);
        assert_ok(capsa_ed25519_sign(key, capsa_buf_bytes(&message), signature));
        assert_hex(capsa_bytes_of(signature, sizeof(signature)), cases[i].signature);
        assert_ok(capsa_ed25519_check(raw, capsa_buf_bytes(&message),
                                      capsa_bytes_of(signature, sizeof(signature))));
    }
}

static void every_changed_bit_of_an_ed25519_signature_is_noticed(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    assert_ok(capsa_private_key_new_ed25519(&key));
    CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
    uint8_t raw[CAPSA_ED25519_PUBLIC], signature[CAPSA_ED25519_SIGNATURE];
    const capsa_bytes message = CAPSA_BYTES_LITERAL("a checkpoint");
    assert_ok(capsa_public_key_raw(public_key, raw));
    assert_ok(capsa_ed25519_sign(key, message, signature));
    const capsa_bytes whole = capsa_bytes_of(signature, sizeof(signature));
    for (size_t i = 0; i < sizeof(signature) * 8; i++) {
        signature[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_fails(capsa_ed25519_check(raw, message, whole), UNAUTHENTIC);
        signature[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_fails(capsa_ed25519_check(raw, CAPSA_BYTES_LITERAL("a checkpoinu"), whole), UNAUTHENTIC);
    assert_fails(capsa_ed25519_check(raw, message, capsa_bytes_of(signature, 63)), UNAUTHENTIC);
    assert_fails(capsa_ed25519_check(raw, message, capsa_bytes_of(NULL, 0)), UNAUTHENTIC);
    assert_ok(capsa_ed25519_check(raw, message, whole));
    raw[0] ^= 1;
    assert_fails(capsa_ed25519_check(raw, message, whole), UNAUTHENTIC);
}

static void keys_of_other_kinds_neither_sign_ed25519_nor_have_a_raw_form(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) x25519 = NULL;
    CAPSA_AUTO_FREE(capsa_private_key) p256 = NULL;
    assert_ok(capsa_private_key_new_x25519(&x25519));
    assert_ok(capsa_private_key_new_p256(&p256));
    uint8_t signature[CAPSA_ED25519_SIGNATURE] = {0}, raw[32];
    assert_fails(capsa_ed25519_sign(x25519, capsa_bytes_str("x"), signature), UNSUPPORTED);
    assert_fails(capsa_ed25519_sign(p256, capsa_bytes_str("x"), signature), UNSUPPORTED);
    CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(p256);
    assert_fails(capsa_public_key_raw(public_key, raw), UNSUPPORTED);
}

/* ---- public keys ----------------------------------------------------------------------------- */

static capsa_result new_kind(size_t kind, struct capsa_private_key **ret_key)
{
    static capsa_result (*const makers[])(struct capsa_private_key **) = {
        capsa_private_key_new_p256, capsa_private_key_new_ed25519, capsa_private_key_new_x25519,
        capsa_private_key_new_sm2};
    return makers[kind](ret_key);
}
static const enum capsa_key_kind kinds[] = {CAPSA_KEY_P256, CAPSA_KEY_ED25519, CAPSA_KEY_X25519,
                                            CAPSA_KEY_SM2};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void keys_of_every_kind_survive_their_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
        CAPSA_AUTO_FREE(capsa_private_key) again = NULL;
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(16));
        CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(KIB(16));
        assert_ok(new_kind(i, &key));
        assert_ok(capsa_private_key_write(key, &pem));
        assert_ok(capsa_private_key_parse(capsa_buf_bytes(&pem), &again));
        assert_int_equal(capsa_private_key_kind(again), kinds[i]);
        CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
        CAPSA_AUTO_FREE(capsa_public_key) public_again = public_of(again);
        CAPSA_AUTO_FREE(capsa_public_key) parsed = NULL;
        assert_true(capsa_public_key_same(public_key, public_again));
        assert_ok(capsa_public_key_spki(public_key, &spki));
        assert_ok(capsa_public_key_parse(capsa_buf_bytes(&spki), &parsed));
        assert_int_equal(capsa_public_key_kind(parsed), kinds[i]);
        assert_true(capsa_public_key_same(public_key, parsed));
    }
}

static void a_public_key_has_one_form(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    assert_ok(capsa_private_key_new_p256(&key));
    CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
    CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(KIB(16));
    assert_ok(capsa_public_key_spki(public_key, &spki));
    CAPSA_AUTO_FREE(capsa_public_key) parsed = NULL;
    for (size_t len = 0; len < spki.len; len++) {
        assert_fails(capsa_public_key_parse(capsa_bytes_of(spki.data, len), &parsed), MALFORMED);
    }
    assert_ok(capsa_buf_u8(&spki, 0));
    assert_fails(capsa_public_key_parse(capsa_buf_bytes(&spki), &parsed), MALFORMED);
    capsa_buf_cut(&spki, spki.len - 1);
    /* the same with a length written in two bytes where one is enough: BER and not DER */
    CAPSA_AUTO(capsa_buf) ber = capsa_buf_of(KIB(16));
    assert_ok(capsa_buf_u8(&ber, spki.data[0]));
    assert_ok(capsa_buf_u8(&ber, 0x81));
    assert_ok(capsa_buf_append(&ber, capsa_bytes_from(capsa_buf_bytes(&spki), 1)));
    assert_fails(capsa_public_key_parse(capsa_buf_bytes(&ber), &parsed), MALFORMED);
    spki.data[spki.len - 1] ^= 1; /* off the curve */
    assert_fails(capsa_public_key_parse(capsa_buf_bytes(&spki), &parsed), MALFORMED);
    assert_null(parsed);
}

static void a_kid_is_the_digest_of_the_key_in_base64url(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
        assert_ok(new_kind(i, &key));
        CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
        CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(KIB(16));
        CAPSA_AUTO(capsa_buf) wanted = capsa_buf_of(64);
        uint8_t digest[CAPSA_SHA256];
        char kid[CAPSA_KID];
        capsa_public_key_kid(public_key, kid);
        assert_ok(capsa_public_key_spki(public_key, &spki));
        capsa_sha256(capsa_buf_bytes(&spki), digest);
        assert_ok(
            capsa_base64_write(capsa_bytes_of(digest, sizeof(digest)), CAPSA_BASE64_URL, &wanted));
        assert_true(capsa_bytes_is(capsa_buf_bytes(&wanted), kid));
    }
}

/* ---- agreement ------------------------------------------------------------------------------- */

#define PKCS8_X25519 "302e020100300506032b656e04220420"
/* RFC 7748 §6.1 */
#define X25519_A     "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
#define X25519_A_PUB "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
#define X25519_B     "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
#define X25519_B_PUB "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
#define X25519_AB    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"

static struct capsa_public_key *x25519_of(const char *hex)
{
    CAPSA_AUTO(capsa_buf) raw = unhex(hex);
    struct capsa_public_key *key = NULL;
    assert_ok(capsa_public_key_of_x25519(capsa_buf_bytes(&raw), &key));
    return key;
}

static void assert_agree(const struct capsa_private_key *key, const struct capsa_public_key *peer,
                         const char *hex)
{
    CAPSA_AUTO_FREE(capsa_secret) secret = NULL;
    assert_ok(capsa_agree(key, peer, &secret));
    assert_hex(capsa_declassify(capsa_secret_borrow(secret), "a published vector"), hex);
}

static void x25519_gives_the_answers_of_its_rfc(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) a = raw_key(PKCS8_X25519, X25519_A);
    CAPSA_AUTO_FREE(capsa_private_key) b = raw_key(PKCS8_X25519, X25519_B);
    CAPSA_AUTO_FREE(capsa_public_key) a_public = x25519_of(X25519_A_PUB);
    CAPSA_AUTO_FREE(capsa_public_key) b_public = x25519_of(X25519_B_PUB);
    CAPSA_AUTO_FREE(capsa_public_key) a_own = public_of(a);
    assert_true(capsa_public_key_same(a_own, a_public)); /* the same SubjectPublicKeyInfo */
    assert_agree(a, b_public, X25519_AB);
    assert_agree(b, a_public, X25519_AB);
}

static void x25519_points_of_low_order_agree_on_nothing(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    CAPSA_AUTO_FREE(capsa_private_key) key = raw_key(PKCS8_X25519, X25519_A);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        CAPSA_AUTO_FREE(capsa_public_key) peer = x25519_of(points[i]);
        CAPSA_AUTO_FREE(capsa_secret) secret = NULL;
        assert_fails(capsa_agree(key, peer, &secret), MALFORMED);
        assert_null(secret);
        CAPSA_AUTO_FREE(capsa_public_key) ephemeral = NULL;
        uint8_t cek[CAPSA_ECDH_KEY] = {1}, wrapped[CAPSA_ECDH_WRAPPED];
        assert_fails(capsa_ecdh_seal(peer, cek, &ephemeral, wrapped), MALFORMED);
        assert_null(ephemeral);
    }
}

static void from_base64(const char *text, uint8_t ret_bytes[32])
{
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(64);
    assert_ok(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_URL, &buf));
    assert_int_equal(buf.len, 32);
    memcpy(ret_bytes, buf.data, 32);
}

/* RFC 7518, appendix C */
static void p256_and_concat_kdf_give_the_answers_of_jwa(void **state)
{
    (void)state;
    uint8_t x[32], y[32], again_x[32], again_y[32];
    from_base64("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", x);
    from_base64("e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck", y);
    CAPSA_AUTO_FREE(capsa_public_key) bob = NULL;
    assert_ok(capsa_public_key_of_p256(capsa_bytes_of(x, 32), capsa_bytes_of(y, 32), &bob));
    assert_ok(capsa_public_key_p256_xy(bob, again_x, again_y));
    assert_memory_equal(x, again_x, 32);
    assert_memory_equal(y, again_y, 32);
    /* Alice's ephemeral key, SEC1: 0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo */
    CAPSA_AUTO_FREE(capsa_private_key)
    alice =
        raw_key("30310201010420", "d3f3716913d4310a0026de741b3f18893afc8114f0c84682ba677e313a13988a"
                                  "a00a06082a8648ce3d030107");
    CAPSA_AUTO_FREE(capsa_secret) secret = NULL;
    assert_ok(capsa_agree(alice, bob, &secret));
    assert_hex(capsa_declassify(capsa_secret_borrow(secret), "a published vector"),
               "9e56d91d817135d372834283bf84269cfb316ea3da806a48f6daa7798cfe90c4");
    uint8_t key[16];
    assert_ok(capsa_concat_kdf(capsa_secret_borrow(secret), capsa_bytes_str("A128GCM"),
                               capsa_bytes_str("Alice"), capsa_bytes_str("Bob"), key, sizeof(key)));
    assert_hex(capsa_bytes_of(key, sizeof(key)), "56aa8deaf8236d205c2228cd71a7101a");
    assert_fails(capsa_concat_kdf(capsa_secret_borrow(secret), capsa_bytes_str("x"),
                                  capsa_bytes_str(""), capsa_bytes_str(""), key, 33),
                 USAGE);
}

static void a_jwk_is_the_same_key_as_its_spki(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    assert_ok(capsa_private_key_new_p256(&key));
    CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
    CAPSA_AUTO_FREE(capsa_public_key) same = NULL;
    uint8_t x[32], y[32];
    assert_ok(capsa_public_key_p256_xy(public_key, x, y));
    assert_ok(capsa_public_key_of_p256(capsa_bytes_of(x, 32), capsa_bytes_of(y, 32), &same));
    assert_true(capsa_public_key_same(public_key, same));
    assert_int_equal(capsa_public_key_kind(same), CAPSA_KEY_P256);
}

static void points_off_the_curve_are_refused(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    uint8_t x[32], y[32];
    from_base64("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", x);
    from_base64("e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck", y);
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    for (size_t i = 0; i < 256; i++) {
        y[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_fails(capsa_public_key_of_p256(capsa_bytes_of(x, 32), capsa_bytes_of(y, 32), &key),
                     MALFORMED);
        y[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    const capsa_bytes good_x = {x, 32}, good_y = {y, 32}, zero = {zeros, 32}, cut = {x, 31};
    assert_fails(capsa_public_key_of_p256(zero, zero, &key), MALFORMED);
    assert_fails(capsa_public_key_of_p256(good_y, good_x, &key), MALFORMED);
    assert_fails(capsa_public_key_of_p256(cut, good_y, &key), MALFORMED);
    assert_fails(capsa_public_key_of_p256(good_x, capsa_bytes_of(NULL, 0), &key), MALFORMED);
    assert_fails(capsa_public_key_of_x25519(cut, &key), MALFORMED);
    /* x = p + 0 spells a point on the curve, (0, y), in another way */
    CAPSA_AUTO(capsa_buf)
    small = unhex("0000000000000000000000000000000000000000000000000000000000000000");
    CAPSA_AUTO(capsa_buf)
    over = unhex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    CAPSA_AUTO(capsa_buf)
    its_y = unhex("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4");
    CAPSA_AUTO_FREE(capsa_public_key) on_curve = NULL;
    assert_ok(
        capsa_public_key_of_p256(capsa_buf_bytes(&small), capsa_buf_bytes(&its_y), &on_curve));
    assert_fails(capsa_public_key_of_p256(capsa_buf_bytes(&over), capsa_buf_bytes(&its_y), &key),
                 MALFORMED);
    assert_null(key);
}

static void keys_on_different_curves_do_not_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        for (size_t k = 0; k < KINDS; k++) {
            bool can = i == k && (kinds[i] == CAPSA_KEY_P256 || kinds[i] == CAPSA_KEY_X25519);
            CAPSA_AUTO_FREE(capsa_private_key) a = NULL;
            CAPSA_AUTO_FREE(capsa_private_key) b = NULL;
            CAPSA_AUTO_FREE(capsa_secret) secret = NULL;
            assert_ok(new_kind(i, &a));
            assert_ok(new_kind(k, &b));
            CAPSA_AUTO_FREE(capsa_public_key) peer = public_of(b);
            assert_int_equal(!capsa_failed(capsa_agree(a, peer, &secret)), can);
        }
    }
}

/* ---- ECDH-ES+A256KW -------------------------------------------------------------------------- */

static void an_ecdh_key_opens_for_its_holder_and_is_chance_for_others(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
        CAPSA_AUTO_FREE(capsa_private_key) other = NULL;
        CAPSA_AUTO_FREE(capsa_public_key) ephemeral = NULL;
        assert_ok(new_kind(kind, &key));
        assert_ok(new_kind(kind, &other));
        CAPSA_AUTO_FREE(capsa_public_key) peer = public_of(key);
        uint8_t cek[CAPSA_ECDH_KEY] = {1, 2, 3}, wrapped[CAPSA_ECDH_WRAPPED];
        if (kinds[kind] != CAPSA_KEY_P256 && kinds[kind] != CAPSA_KEY_X25519) {
            assert_fails(capsa_ecdh_seal(peer, cek, &ephemeral, wrapped), UNSUPPORTED);
            continue;
        }
        assert_ok(capsa_ecdh_seal(peer, cek, &ephemeral, wrapped));
        const capsa_secret_bytes wanted = {cek, sizeof(cek)};
        CAPSA_AUTO_FREE(capsa_secret) opened = NULL;
        assert_ok(capsa_ecdh_open(key, ephemeral, wrapped, &opened));
        assert_true(capsa_equal_ct(capsa_secret_borrow(opened), wanted));
        for (size_t i = 0; i <= sizeof(wrapped); i++) { /* the last time with another key */
            CAPSA_AUTO_FREE(capsa_secret) first = NULL;
            CAPSA_AUTO_FREE(capsa_secret) second = NULL;
            bool last = i == sizeof(wrapped);
            wrapped[last ? 0 : i] ^= last ? 0 : 0x10;
            assert_ok(capsa_ecdh_open(last ? other : key, ephemeral, wrapped, &first));
            assert_ok(capsa_ecdh_open(last ? other : key, ephemeral, wrapped, &second));
            wrapped[last ? 0 : i] ^= last ? 0 : 0x10;
            assert_false(capsa_equal_ct(capsa_secret_borrow(first), wanted));
            assert_false(capsa_equal_ct(capsa_secret_borrow(first), capsa_secret_borrow(second)));
        }
    }
}

static void an_ephemeral_of_low_order_opens_to_chance(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) key = raw_key(PKCS8_X25519, X25519_A);
    CAPSA_AUTO_FREE(capsa_public_key)
    peer = x25519_of("0000000000000000000000000000000000000000000000000000000000000000");
    /* wrapped under what Concat KDF makes of a secret of zeros */
    static const uint8_t zeros[32];
    uint8_t kek[32], cek[CAPSA_ECDH_KEY] = {7};
    const capsa_bytes none = {NULL, 0};
    assert_ok(capsa_concat_kdf((capsa_secret_bytes){zeros, 32}, capsa_bytes_str("ECDH-ES+A256KW"),
                               none, none, kek, sizeof(kek)));
    CAPSA_AUTO(capsa_buf) wrapped = capsa_buf_of(64);
    assert_ok(
        capsa_aes_kw_wrap((capsa_secret_bytes){kek, 32}, (capsa_secret_bytes){cek, 32}, &wrapped));
    CAPSA_AUTO_FREE(capsa_secret) opened = NULL;
    assert_ok(capsa_ecdh_open(key, peer, wrapped.data, &opened));
    assert_false(capsa_equal_ct(capsa_secret_borrow(opened), (capsa_secret_bytes){cek, 32}));
}

/* ---- AES key wrap ---------------------------------------------------------------------------- */

static void key_wrap_gives_the_answers_of_its_rfc(void **state)
{
    (void)state;
    static const struct {
        const char *key, *wrapped;
    } cases[] = {
        /* RFC 3394 §4.3, 4.5, 4.6 */
        {"00112233445566778899aabbccddeeff", "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"},
        {"00112233445566778899aabbccddeeff0001020304050607",
         "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"},
        {"00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
         "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
    };
    CAPSA_AUTO(capsa_buf)
    kek = unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) key = unhex(cases[i].key);
        CAPSA_AUTO(capsa_buf) wrapped = capsa_buf_of(64);
        assert_ok(
            capsa_aes_kw_wrap(capsa_secret_of_buf(&kek), capsa_secret_of_buf(&key), &wrapped));
        assert_hex(capsa_buf_bytes(&wrapped), cases[i].wrapped);
        CAPSA_AUTO_FREE(capsa_secret) again = NULL;
        assert_ok(
            capsa_aes_kw_unwrap(capsa_secret_of_buf(&kek), capsa_buf_bytes(&wrapped), &again));
        assert_true(capsa_equal_ct(capsa_secret_borrow(again), capsa_secret_of_buf(&key)));
        for (size_t bit = 0; bit < wrapped.len * 8; bit++) {
            CAPSA_AUTO_FREE(capsa_secret) none = NULL;
            wrapped.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_fails(
                capsa_aes_kw_unwrap(capsa_secret_of_buf(&kek), capsa_buf_bytes(&wrapped), &none),
                UNAUTHENTIC);
            wrapped.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_null(none);
        }
    }
}

static void key_wrap_refuses_odd_sizes(void **state)
{
    (void)state;
    static const uint8_t bytes[8192];
    const capsa_secret_bytes kek = {bytes, 32};
    CAPSA_AUTO(capsa_buf) wrapped = capsa_buf_of(KIB(16));
    CAPSA_AUTO_FREE(capsa_secret) key = NULL;
    for (size_t len = 0; len <= 4112; len++) {
        bool good = len >= 16 && len <= 4096 && len % 8 == 0;
        capsa_result made = capsa_aes_kw_wrap(kek, (capsa_secret_bytes){bytes, len}, &wrapped);
        assert_int_equal(capsa_code_of(made), good ? CAPSA_E_OK : CAPSA_E_MALFORMED);
        assert_int_equal(wrapped.len, good ? len + 8 : 0);
        capsa_buf_clear(&wrapped);
        capsa_result opened = capsa_aes_kw_unwrap(kek, capsa_bytes_of(bytes, len), &key);
        good = len >= 24 && len <= 4104 && len % 8 == 0;
        assert_int_equal(capsa_code_of(opened), good ? CAPSA_E_UNAUTHENTIC : CAPSA_E_MALFORMED);
    }
    const capsa_secret_bytes short_kek = {bytes, 16};
    assert_fails(capsa_aes_kw_wrap(short_kek, kek, &wrapped), USAGE);
    assert_fails(capsa_aes_kw_unwrap(short_kek, capsa_bytes_of(bytes, 40), &key), USAGE);
}

/* ---- SM2 ------------------------------------------------------------------------------------- */

/* Made by the command openssl: dgst -sm3 -sign KEY -sigopt distid:1234567812345678 */
#define SM2_KEY                                                                                    \
    "30770201010420c39bce48b4a429e009b9d245b30f0e0b84e691b27a4446c6a3a8f2a03225d284a00a06082a811c" \
    "cf5501822da1440342000447300779ece69f823405643b680771521ff02121267dcf425f48b58bda352b343934af" \
    "0edda841975525e0ac704b3784aa03f8e38861ae07fcc251f0202c37c7"
#define SM2_TEXT "Capsa signs with SM2"
#define SM2_SIGNATURE                                                                              \
    "4b260364408dfafbc72174e40023a115c46d94b0b7ea6967180477560614edd9"                             \
    "cdd3cfad7ced92cb1db5b3bcf2609baa320f1e0fec8cf9ec1f29c55541a32daf"
/* the same without distid, which is an empty id to OpenSSL 3.0 */
#define SM2_EMPTY_ID                                                                               \
    "b1fbf5180fd0319c67962864bd66cefb5e933d2f3e1cc41863d6d80ceb7a8fe0"                             \
    "bbeed7925e7828e86238c0b19378488d993eb1d1cf0a152653e8e9cc5ba2d581"

static void sm2_agrees_with_the_command_openssl_on_the_id(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) key = raw_key("", SM2_KEY);
    CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
    assert_int_equal(capsa_private_key_kind(key), CAPSA_KEY_SM2);
    const capsa_bytes text = CAPSA_BYTES_LITERAL(SM2_TEXT);
    CAPSA_AUTO(capsa_buf) theirs = unhex(SM2_SIGNATURE);
    CAPSA_AUTO(capsa_buf) empty_id = unhex(SM2_EMPTY_ID);
    assert_ok(capsa_sign_check(public_key, CAPSA_SM2_SM3, text, capsa_buf_bytes(&theirs)));
    assert_fails(capsa_sign_check(public_key, CAPSA_SM2_SM3, text, capsa_buf_bytes(&empty_id)),
                 UNAUTHENTIC);
    CAPSA_AUTO(capsa_buf) ours = capsa_buf_of(256);
    assert_ok(capsa_sign(key, CAPSA_SM2_SM3, text, &ours));
    assert_int_equal(ours.len, 64);
    assert_ok(capsa_sign_check(public_key, CAPSA_SM2_SM3, text, capsa_buf_bytes(&ours)));
    for (size_t i = 0; i < ours.len * 8; i++) {
        ours.data[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_fails(capsa_sign_check(public_key, CAPSA_SM2_SM3, text, capsa_buf_bytes(&ours)),
                     UNAUTHENTIC);
        ours.data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    const capsa_bytes cut = {ours.data, 63};
    assert_fails(capsa_sign_check(public_key, CAPSA_SM2_SM3, text, cut), UNAUTHENTIC);
}

static void every_key_signs_in_its_own_scheme_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
        assert_ok(new_kind(i, &key));
        CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
        for (enum capsa_scheme scheme = CAPSA_RS256; scheme <= CAPSA_SM2_SM3; scheme++) {
            bool own = (kinds[i] == CAPSA_KEY_P256 && scheme == CAPSA_ES256) ||
                       (kinds[i] == CAPSA_KEY_SM2 && scheme == CAPSA_SM2_SM3);
            CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(KIB(2));
            capsa_result made = capsa_sign(key, scheme, capsa_bytes_str("x"), &signature);
            assert_int_equal(capsa_code_of(made), own ? CAPSA_E_OK : CAPSA_E_UNAUTHENTIC);
            uint8_t any[64] = {1};
            capsa_result checked = capsa_sign_check(public_key, scheme, capsa_bytes_str("x"),
                                                    own ? capsa_buf_bytes(&signature)
                                                        : capsa_bytes_of(any, sizeof(any)));
            assert_int_equal(capsa_code_of(checked), own ? CAPSA_E_OK : CAPSA_E_UNAUTHENTIC);
        }
    }
    enum capsa_scheme scheme = CAPSA_RS256;
    assert_ok(capsa_scheme_for_kind(CAPSA_KEY_SM2, &scheme));
    assert_int_equal(scheme, CAPSA_SM2_SM3);
    assert_fails(capsa_scheme_for_kind(CAPSA_KEY_ED25519, &scheme), UNSUPPORTED);
    assert_fails(capsa_scheme_for_kind(CAPSA_KEY_X25519, &scheme), UNSUPPORTED);
    assert_true(capsa_scheme_by_name("SM2-SM3", &scheme));
}

static void r_and_s_lie_between_zero_and_the_order(void **state)
{
    (void)state;
    static const struct {
        size_t kind;
        enum capsa_scheme scheme;
        const char *order;
    } cases[] = {
        {0, CAPSA_ES256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"},
        {3, CAPSA_SM2_SM3, "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"},
    };
    static const uint8_t zeros[32], ones[32] = {[0 ... 31] = 0xff};
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
        assert_ok(new_kind(cases[i].kind, &key));
        CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
        CAPSA_AUTO(capsa_buf) order = unhex(cases[i].order);
        CAPSA_AUTO(capsa_buf) good = capsa_buf_of(256);
        assert_ok(capsa_sign(key, cases[i].scheme, capsa_bytes_str("x"), &good));
        const uint8_t *const bad[] = {zeros, order.data, ones};
        for (size_t k = 0; k < 6; k++) {
            uint8_t signature[64];
            memcpy(signature, good.data, 64);
            memcpy(signature + k / 3 * 32, bad[k % 3], 32);
            assert_fails(capsa_sign_check(public_key, cases[i].scheme, capsa_bytes_str("x"),
                                          capsa_bytes_of(signature, sizeof(signature))),
                         UNAUTHENTIC);
        }
    }
}

/* openssl req -x509 -new -sm3 -sigopt distid:1234567812345678, and the same without distid */
static const char sm2_cert[] =
    "MIIBejCCASGgAwIBAgIUBp4cCh1r7d6+pK6jfkWMNP0B4kIwCgYIKoEcz1UBg3UwEjEQMA4GA1UEAwwHc20ycm9vdDAg"
    "Fw0yNjExMjcxMTExMDhaGA8yMTI2MTEwMzExMTEwOFowEjEQMA4GA1UEAwwHc20ycm9vdDBZMBMGByqGSM49AgEGCCqB"
    "HM9VAYItA0IABEcwB3ns5p+CNAVkO2gHcVIf8CEhJn3PQl9ItYvaNSs0OTSvDt2oQZdVJeCscEs3hKoD+OOIYa4H/MJR"
    "8CAsN8ejUzBRMB0GA1UdDgQWBBT3a6u1y4HvzCn2PCih03EuV9waEDAfBgNVHSMEGDAWgBT3a6u1y4HvzCn2PCih03Eu"
    "V9waEDAPBgNVHRMBAf8EBTADAQH/MAoGCCqBHM9VAYN1A0cAMEQCICniqAdBkw5KjDghe+HcHuytRDHtfRr1/x09yEtD"
    "6F8TAiABXGa4fTpIQ5mm1DliqvHSP2RM6buQXkMMbmh7pohUcA==";
static const char sm2_cert_empty_id[] =
    "MIIBejCCASGgAwIBAgIUZ/YEm8lH77EFtLJm4U+cVtSQyFgwCgYIKoEcz1UBg3UwEjEQMA4GA1UEAwwHc20ycm9vdDAg"
    "Fw0yNjExMjcxMTEzMTNaGA8yMTI2MTEwMzExMTMxM1owEjEQMA4GA1UEAwwHc20ycm9vdDBZMBMGByqGSM49AgEGCCqB"
    "HM9VAYItA0IABEcwB3ns5p+CNAVkO2gHcVIf8CEhJn3PQl9ItYvaNSs0OTSvDt2oQZdVJeCscEs3hKoD+OOIYa4H/MJR"
    "8CAsN8ejUzBRMB0GA1UdDgQWBBT3a6u1y4HvzCn2PCih03EuV9waEDAfBgNVHSMEGDAWgBT3a6u1y4HvzCn2PCih03Eu"
    "V9waEDAPBgNVHRMBAf8EBTADAQH/MAoGCCqBHM9VAYN1A0cAMEQCIERkmGvCB2cITC7F+rql+dN4SYhBIZsXJ5X90L4a"
    "cF3cAiAp5Xo76+MvA64LMXU4mpv70CnB6eyBe/AXvqzqQVdjYQ==";
#define SM2_CERT_NOW (TEST_NOW + 365 * (capsa_time)86400)

static struct capsa_cert *cert_base64(const char *text)
{
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    assert_ok(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_STD, &der));
    struct capsa_cert *cert = NULL;
    assert_ok(capsa_cert_parse_der(capsa_buf_bytes(&der), &cert));
    return cert;
}

/* A certificate that signs itself is its own issuer. */
static void chains_of_sm2_certificates_hold_with_the_right_id(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_cert) good = cert_base64(sm2_cert);
    CAPSA_AUTO_FREE(capsa_cert) empty_id = cert_base64(sm2_cert_empty_id);
    struct capsa_cert *const good_chain[] = {good, good};
    struct capsa_cert *const bad_chain[] = {empty_id, good};
    assert_ok(capsa_chain_check(good_chain, 2, SM2_CERT_NOW));
    assert_fails(capsa_chain_check(bad_chain, 2, SM2_CERT_NOW), UNAUTHENTIC);
    CAPSA_AUTO_FREE(capsa_private_key) key = raw_key("", SM2_KEY);
    const struct capsa_cert_request request = {
        .common_name = "sm2root", .not_before = TEST_NOW, .not_after = SM2_CERT_NOW, .is_ca = true};
    CAPSA_AUTO_FREE(capsa_cert) ours = NULL;
    assert_ok(capsa_cert_self_sign(key, &request, &ours));
    struct capsa_cert *const mixed[] = {good, ours, good};
    assert_ok(capsa_chain_check(mixed, 3, SM2_CERT_NOW));
    char id[CAPSA_PARTY_ID], again[CAPSA_PARTY_ID];
    assert_ok(capsa_cert_party_id(good, id));
    assert_ok(capsa_cert_party_id(ours, again));
    assert_string_equal(id, again);
}

static void keys_that_sign_no_certificates_sign_no_chains(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *x509 = test_cert_make((struct test_cert){.key = key, .name = "r", .extensions = TEST_CA});
    CAPSA_AUTO(capsa_chain) chain = {0};
    test_chain_add(&chain, x509);
    assert_ok(capsa_chain_check(chain.certs, 1, TEST_NOW));
    test_chain_add(&chain, x509);
    assert_fails(capsa_chain_check(chain.certs, 2, TEST_NOW), UNAUTHENTIC);
    X509_free(x509);
    CAPSA_AUTO_FREE(capsa_private_key) ed25519 = test_private_key(key);
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    const struct capsa_cert_request request = {.not_before = TEST_NOW, .not_after = TEST_NOW};
    assert_fails(capsa_cert_self_sign(ed25519, &request, &cert), UNSUPPORTED);
    EVP_PKEY_free(key);
}

/* ---- certificates ---------------------------------------------------------------------------- */

#define OID "1.3.6.1.4.1.99999.7.1"

static struct capsa_cert *extended(struct capsa_cert_request request)
{
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    assert_ok(capsa_private_key_new_p256(&key));
    request.not_before = TEST_NOW;
    request.not_after = TEST_NOW + 10;
    struct capsa_cert *cert = NULL;
    assert_ok(capsa_cert_self_sign(key, &request, &cert));
    return cert;
}

static void an_extension_of_ones_own_travels_in_a_certificate(void **state)
{
    (void)state;
    static uint8_t large[KIB(20)];
    const capsa_bytes contents[] = {
        {NULL, 0}, CAPSA_BYTES_LITERAL("\0\x05\xff"), {large, sizeof(large)}};
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        CAPSA_AUTO_FREE(capsa_cert)
        cert = extended((struct capsa_cert_request){
            .is_ca = true, .extension_oid = OID, .extension = contents[i]});
        CAPSA_AUTO(capsa_buf) content = capsa_buf_of(KIB(64));
        assert_ok(capsa_cert_extension(cert, OID, &content));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&content), contents[i]));
        assert_ok(capsa_chain_check(&cert, 1, TEST_NOW)); /* so it is not critical */
        assert_fails(capsa_cert_extension(cert, OID ".1", &content), NOT_FOUND);
        assert_fails(capsa_cert_extension(cert, "keyUsage", &content), USAGE);
    }
}

static void an_extension_that_stands_there_twice_is_none(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = test_cert_make((struct test_cert){
        .key = key, .name = "m", .extensions = OID " DER:0401\n" OID " DER:0402\n"});
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    test_cert_der(x509, &der);
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    assert_ok(capsa_cert_parse_der(capsa_buf_bytes(&der), &cert));
    assert_fails(capsa_cert_extension(cert, OID, &der), MALFORMED);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static uint32_t usage_of(const struct capsa_cert *cert)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(64);
    assert_ok(capsa_cert_extension(cert, "2.5.29.15", &content));
    assert_int_equal(content.data[0], 3); /* BIT STRING */
    return content.data[3];
}

static void a_ca_signs_digitally_only_when_asked_to(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_cert) ca = extended((struct capsa_cert_request){.is_ca = true});
    CAPSA_AUTO_FREE(capsa_cert)
    both = extended((struct capsa_cert_request){.is_ca = true, .signs_digitally = true});
    CAPSA_AUTO_FREE(capsa_cert) leaf = extended((struct capsa_cert_request){.is_ca = false});
    assert_int_equal(usage_of(ca), 0x06);
    assert_int_equal(usage_of(both), 0x86);
    assert_int_equal(usage_of(leaf), 0x80);
}

#define CASE(name) cmocka_unit_test_teardown(name, no_errors_are_left)

/* ---- Certificates that carry evidence -------------------------------------------------------- */

static void keys_have_the_forms_of_old_tls_libraries(void **state)
{
    (void)state;
    struct capsa_private_key *keys[4] = {NULL};
    assert_ok(capsa_private_key_new_p256(&keys[0]));
    assert_ok(capsa_private_key_new_p384(&keys[1]));
    assert_ok(capsa_private_key_new_rsa(2048, &keys[2]));
    assert_ok(capsa_private_key_new_ed25519(&keys[3]));
    for (size_t i = 0; i < 4; i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
        if (i == 3) {
            assert_fails(capsa_private_key_write_der(keys[i], &der), UNSUPPORTED);
            assert_int_equal(der.len, 0);
            continue;
        }
        assert_ok(capsa_private_key_write_der(keys[i], &der));
        /* SEC1 begins with its version, 1, and the key; PKCS#1 with its version, 0, and the
         * modulus; PKCS#8 with 0 and a SEQUENCE */
        const uint8_t *at = der.data + (der.data[1] < 0x80 ? 2 : 2 + (der.data[1] & 0x7f));
        assert_memory_equal(at, i == 2 ? "\x02\x01\x00\x02" : "\x02\x01\x01\x04", 4);
        CAPSA_AUTO_FREE(capsa_private_key) back = NULL;
        assert_ok(capsa_private_key_parse(capsa_buf_bytes(&der), &back));
        CAPSA_AUTO_FREE(capsa_public_key) is = public_of(back);
        CAPSA_AUTO_FREE(capsa_public_key) was = public_of(keys[i]);
        assert_true(capsa_public_key_same(is, was));
    }
    for (size_t i = 0; i < 4; i++) {
        capsa_private_key_free(keys[i]);
    }
}

static void a_bare_certificate_says_nothing_of_what_its_key_may_do(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    assert_ok(capsa_private_key_new_p256(&key));
    const struct capsa_cert_extra extra[] = {{"1.2.3.4", CAPSA_BYTES_LITERAL("first")},
                                             {"1.2.3.5", CAPSA_BYTES_LITERAL("second")}};
    const char *const names[] = {"localhost", NULL};
    const struct capsa_cert_request good = {.common_name = "bare",
                                            .not_before = TEST_NOW,
                                            .not_after = TEST_NOW + 10,
                                            .is_bare = true,
                                            .extra = extra,
                                            .extra_count = 2};
    assert_ok(capsa_cert_self_sign(key, &good, &cert));
    assert_int_equal(capsa_cert_extensions(cert),
                     CAPSA_CERT_HAS_AKI | CAPSA_CERT_HAS_SKI | CAPSA_CERT_HAS_BASIC_CONSTRAINTS);
    assert_false(capsa_cert_is_ca(cert));
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_buf) content = capsa_buf_of(KIB(1));
        assert_ok(capsa_cert_extension(cert, extra[i].oid, &content));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&content), extra[i].content));
    }
    struct capsa_cert_request wrong[] = {good, good, good, good};
    wrong[0].is_ca = true;
    wrong[1].server_use = true;
    wrong[2].client_use = true;
    wrong[3].dns_names = names;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CAPSA_AUTO_FREE(capsa_cert) none = NULL;
        assert_fails(capsa_cert_self_sign(key, &wrong[i], &none), USAGE);
        assert_null(none);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(ed25519_gives_the_answers_of_its_rfc),
        CASE(every_changed_bit_of_an_ed25519_signature_is_noticed),
        CASE(keys_of_other_kinds_neither_sign_ed25519_nor_have_a_raw_form),
        CASE(keys_of_every_kind_survive_their_files),
        CASE(a_public_key_has_one_form),
        CASE(a_kid_is_the_digest_of_the_key_in_base64url),
        CASE(x25519_gives_the_answers_of_its_rfc),
        CASE(x25519_points_of_low_order_agree_on_nothing),
        CASE(p256_and_concat_kdf_give_the_answers_of_jwa),
        CASE(a_jwk_is_the_same_key_as_its_spki),
        CASE(points_off_the_curve_are_refused),
        CASE(keys_on_different_curves_do_not_agree),
        CASE(an_ecdh_key_opens_for_its_holder_and_is_chance_for_others),
        CASE(an_ephemeral_of_low_order_opens_to_chance),
        CASE(key_wrap_gives_the_answers_of_its_rfc),
        CASE(key_wrap_refuses_odd_sizes),
        CASE(sm2_agrees_with_the_command_openssl_on_the_id),
        CASE(every_key_signs_in_its_own_scheme_and_no_other),
        CASE(r_and_s_lie_between_zero_and_the_order),
        CASE(chains_of_sm2_certificates_hold_with_the_right_id),
        CASE(keys_that_sign_no_certificates_sign_no_chains),
        CASE(an_extension_of_ones_own_travels_in_a_certificate),
        CASE(an_extension_that_stands_there_twice_is_none),
        CASE(a_ca_signs_digitally_only_when_asked_to),
        CASE(keys_have_the_forms_of_old_tls_libraries),
        CASE(a_bare_certificate_says_nothing_of_what_its_key_may_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
