/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: digests, AES-GCM, keys, RSA-OAEP, signatures, certificates. Chains: test_chain.c.
 */
#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>

#include "base/alloc.h"
#include "certs.h"
#include "codec/text.h"
#include "vectors.h"

static struct capsa_private_key *rsa, *p256; /* made once: RSA keys take long to make */
static struct capsa_public_key *rsa_public, *p256_public;

static int make_keys(void **state)
{
    (void)state;
    assert_ok(capsa_private_key_new_rsa(2048, &rsa));
    assert_ok(capsa_private_key_new_p256(&p256));
    assert_ok(capsa_public_key_of(rsa, &rsa_public));
    assert_ok(capsa_public_key_of(p256, &p256_public));
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    capsa_private_key_free(rsa);
    capsa_private_key_free(p256);
    capsa_public_key_free(rsa_public);
    capsa_public_key_free(p256_public);
    return 0;
}

/* No call may leave anything for the next user of OpenSSL's queue on this thread. */
static int no_errors_are_left(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static void assert_hex(capsa_bytes bytes, const char *hex)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(16));
    const char *got = NULL;
    assert_ok(capsa_hex_write(bytes, &text));
    assert_ok(capsa_buf_cstr(&text, &got));
    assert_string_equal(got, hex);
}

static void unhex(const char *hex, capsa_buf *buf)
{
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), buf));
}

static capsa_secret_bytes secret_str(const char *text)
{
    return (capsa_secret_bytes){(const uint8_t *)text, strlen(text)};
}

/* ---- digests --------------------------------------------------------------------------------- */

static void sha256_gives_the_known_answers(void **state)
{
    (void)state;
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(capsa_bytes_str("abc"), digest);
    assert_hex(capsa_bytes_of(digest, sizeof(digest)),
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    capsa_sha256(capsa_bytes_of(NULL, 0), digest);
    assert_hex(capsa_bytes_of(digest, sizeof(digest)),
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_digest_of_parts_knows_where_a_part_ends(void **state)
{
    (void)state;
    const capsa_bytes parts[][2] = {{CAPSA_BYTES_LITERAL("ab"), CAPSA_BYTES_LITERAL("c")},
                                    {CAPSA_BYTES_LITERAL("a"), CAPSA_BYTES_LITERAL("bc")}};
    uint8_t digests[2][CAPSA_SHA256], whole[CAPSA_SHA256];
    capsa_sha256_parts(parts[0], 2, digests[0]);
    capsa_sha256_parts(parts[1], 2, digests[1]);
    assert_memory_not_equal(digests[0], digests[1], CAPSA_SHA256);
    capsa_sha256(CAPSA_BYTES_LITERAL("\0\0\0\2ab\0\0\0\1c"), whole);
    assert_memory_equal(digests[0], whole, CAPSA_SHA256);
}

static void hmac_and_hkdf_give_the_answers_of_their_rfcs(void **state)
{
    (void)state;
    uint8_t mac[CAPSA_SHA256];
    /* RFC 4231, test case 2 */
    capsa_hmac_sha256(secret_str("Jefe"), capsa_bytes_str("what do ya want for nothing?"), mac);
    assert_hex(capsa_bytes_of(mac, sizeof(mac)),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    /* and 6, a key longer than a block */
    uint8_t long_key[131];
    memset(long_key, 0xaa, sizeof(long_key));
    capsa_hmac_sha256((capsa_secret_bytes){long_key, sizeof(long_key)},
                      capsa_bytes_str("Test Using Larger Than Block-Size Key - Hash Key First"),
                      mac);
    assert_hex(capsa_bytes_of(mac, sizeof(mac)),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    /* RFC 5869, A.1 and A.3 (no salt, no info) */
    CAPSA_AUTO(capsa_buf) input = capsa_buf_of(64);
    CAPSA_AUTO(capsa_buf) salt = capsa_buf_of(64);
    CAPSA_AUTO(capsa_buf) info = capsa_buf_of(64);
    unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", &input);
    unhex("000102030405060708090a0b0c", &salt);
    unhex("f0f1f2f3f4f5f6f7f8f9", &info);
    uint8_t key[42];
    assert_ok(capsa_hkdf(capsa_secret_of_buf(&input), capsa_buf_bytes(&salt),
                         capsa_buf_bytes(&info), key, sizeof(key)));
    assert_hex(
        capsa_bytes_of(key, sizeof(key)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_ok(capsa_hkdf(capsa_secret_of_buf(&input), capsa_bytes_of(NULL, 0),
                         capsa_bytes_of(NULL, 0), key, sizeof(key)));
    assert_hex(
        capsa_bytes_of(key, sizeof(key)),
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    static uint8_t large[255 * CAPSA_SHA256 + 1];
    assert_ok(capsa_hkdf(capsa_secret_of_buf(&input), capsa_bytes_of(NULL, 0),
                         capsa_bytes_of(NULL, 0), large, sizeof(large) - 1));
    assert_fails(capsa_hkdf(capsa_secret_of_buf(&input), capsa_bytes_of(NULL, 0),
                            capsa_bytes_of(NULL, 0), large, sizeof(large)),
                 USAGE);
    assert_fails(capsa_hkdf(secret_str(""), capsa_bytes_of(NULL, 0), capsa_bytes_of(NULL, 0), key,
                            sizeof(key)),
                 USAGE);
}

/* 300 bytes, none like its neighbour. */
static const uint8_t *some_bytes(void)
{
    static uint8_t bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 167 + 13);
    }
    return bytes;
}

static void hmac_is_that_of_libcrypto_for_all_lengths_about_a_block(void **state)
{
    (void)state;
    const uint8_t *bytes = some_bytes();
    for (size_t key = 0; key <= 140; key++) {
        for (size_t text = 0; text <= 140; text += text < 60 ? 7 : 1) {
            uint8_t ours[CAPSA_SHA256], theirs[CAPSA_SHA256];
            capsa_hmac_sha256((capsa_secret_bytes){bytes + 150, key}, capsa_bytes_of(bytes, text),
                              ours);
            assert_non_null(HMAC(EVP_sha256(), bytes + 150, (int)key, bytes, text, theirs, NULL));
            assert_memory_equal(ours, theirs, sizeof(ours));
        }
    }
}

static void hkdf_of_libcrypto(capsa_bytes key, capsa_bytes salt, capsa_bytes info, uint8_t *ret_key,
                              size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key.data, key.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.data,
                                          salt.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.data,
                                          info.len),
        OSSL_PARAM_construct_end(),
    };
    assert_int_equal(EVP_KDF_derive(context, ret_key, len, params), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static void assert_hkdf_agrees(size_t key_len, size_t salt_len, size_t info_len, size_t len)
{
    static uint8_t ours[255 * CAPSA_SHA256 + 1], theirs[255 * CAPSA_SHA256];
    const uint8_t *bytes = some_bytes();
    const capsa_bytes salt = {bytes, salt_len}, info = {bytes + 33, info_len};
    ours[len] = 0x5a;
    assert_ok(capsa_hkdf((capsa_secret_bytes){bytes + 100, key_len}, salt, info, ours, len));
    hkdf_of_libcrypto(capsa_bytes_of(bytes + 100, key_len), salt, info, theirs, len);
    assert_memory_equal(ours, theirs, len);
    assert_int_equal(ours[len], 0x5a); /* and nothing behind it */
}

static void hkdf_is_that_of_libcrypto_for_all_lengths(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 200; len++) {
        assert_hkdf_agrees(32, 24, 20, len);
    }
    for (size_t blocks = 7; blocks <= 255; blocks++) {
        assert_hkdf_agrees(32, 32, 3, blocks * CAPSA_SHA256 - blocks % 3);
    }
    for (size_t part = 1; part <= 140; part++) {
        assert_hkdf_agrees(part, 24, 20, 44);
        assert_hkdf_agrees(32, part, 20, 44);
        assert_hkdf_agrees(32, 24, part, 70);
    }
    assert_hkdf_agrees(32, 0, 0, 96);
}

static int refuse_random(size_t len)
{
    (void)len;
    return 1;
}

static void without_randomness_nothing_is_made(void **state)
{
    (void)state;
    uint8_t a[16] = {0}, b[16] = {0};
    assert_ok(capsa_random(a, sizeof(a)));
    assert_ok(capsa_random(b, sizeof(b)));
    assert_memory_not_equal(a, b, sizeof(a));
    capsa_random_set_hook(refuse_random);
    assert_fails(capsa_random(a, sizeof(a)), IO);
    CAPSA_AUTO_FREE(capsa_secret) secret = NULL;
    assert_fails(capsa_oaep_open(rsa, CAPSA_OAEP_SHA1, capsa_bytes_of(a, sizeof(a)), 16, &secret),
                 IO);
    capsa_random_set_hook(NULL);
}

/* ---- AES-GCM --------------------------------------------------------------------------------- */

static void gcm_gives_the_known_answer(void **state)
{
    (void)state;
    /* The Galois/Counter Mode of Operation (McGrew, Viega), test case 4 */
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(32);
    CAPSA_AUTO(capsa_buf) iv = capsa_buf_of(32);
    CAPSA_AUTO(capsa_buf) aad = capsa_buf_of(32);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(64);
    unhex("feffe9928665731c6d6a8f9467308308", &key);
    unhex("cafebabefacedbaddecaf888", &iv);
    unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", &aad);
    unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
          "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
          &text);
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(64);
    uint8_t tag[CAPSA_GCM_TAG];
    assert_ok(capsa_gcm_seal(capsa_secret_of_buf(&key), capsa_buf_bytes(&iv), capsa_buf_bytes(&aad),
                             capsa_buf_bytes(&text), &sealed, tag));
    assert_hex(capsa_buf_bytes(&sealed),
               "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
               "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091");
    assert_hex(capsa_bytes_of(tag, sizeof(tag)), "5bc94fbc3221a5db94fae95ae7121a47");
}

static void gcm_opens_what_it_sealed_with_every_size_of_key_and_iv(void **state)
{
    (void)state;
    static const size_t keys[] = {16, 24, 32}, ivs[] = {12, 16, 32}, texts[] = {0, 1, 16, 1000};
    uint8_t key[32], iv[32], text[1000], tag[CAPSA_GCM_TAG];
    assert_ok(capsa_random(key, sizeof(key)));
    assert_ok(capsa_random(iv, sizeof(iv)));
    assert_ok(capsa_random(text, sizeof(text)));
    for (size_t i = 0; i < 3 * 3 * 4; i++) {
        capsa_secret_bytes with = {key, keys[i % 3]};
        capsa_bytes nonce = {iv, ivs[i / 3 % 3]}, plain = {text, texts[i / 9]};
        CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(1));
        CAPSA_AUTO(capsa_buf) opened = capsa_buf_of(KIB(2));
        assert_ok(capsa_gcm_seal(with, nonce, capsa_bytes_str("aad"), plain, &sealed, tag));
        assert_ok(capsa_gcm_open(with, nonce, capsa_bytes_str("aad"), capsa_buf_bytes(&sealed),
                                 capsa_bytes_of(tag, sizeof(tag)), &opened));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&opened), plain));
        assert_fails(capsa_gcm_open(with, nonce, capsa_bytes_str("aae"), capsa_buf_bytes(&sealed),
                                    capsa_bytes_of(tag, sizeof(tag)), &opened),
                     UNAUTHENTIC);
    }
}

static void gcm_refuses_odd_sizes_and_short_tags(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0}, tag[CAPSA_GCM_TAG] = {0};
    CAPSA_AUTO(capsa_buf) out = capsa_buf_of(KIB(1));
    for (size_t n = 0; n <= 64; n++) {
        capsa_bytes some = {bytes, n}, iv = {bytes, 12}, whole_tag = {tag, sizeof(tag)};
        capsa_secret_bytes key = {bytes, 16}, odd_key = {bytes, n};
        bool good_iv = n == 12 || n == 16 || n == 32, good_key = n == 16 || n == 24 || n == 32;
        capsa_result with_iv = capsa_gcm_open(key, some, some, some, whole_tag, &out);
        assert_int_equal(capsa_code_of(with_iv), good_iv ? CAPSA_E_UNAUTHENTIC : CAPSA_E_MALFORMED);
        capsa_result with_key = capsa_gcm_open(odd_key, iv, some, some, whole_tag, &out);
        assert_int_equal(capsa_code_of(with_key),
                         good_key ? CAPSA_E_UNAUTHENTIC : CAPSA_E_MALFORMED);
        capsa_result with_tag = capsa_gcm_open(key, iv, some, some, some, &out);
        assert_int_equal(capsa_code_of(with_tag),
                         n == 16 ? CAPSA_E_UNAUTHENTIC : CAPSA_E_MALFORMED);
    }
    assert_int_equal(out.len, 0);
}

static void a_wrong_tag_leaves_no_plaintext(void **state)
{
    (void)state;
    uint8_t key[16] = {1}, iv[12] = {2}, tag[CAPSA_GCM_TAG];
    capsa_secret_bytes with = {key, sizeof(key)};
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(64);
    CAPSA_AUTO(capsa_buf) opened = capsa_buf_of(64);
    assert_ok(capsa_gcm_seal(with, capsa_bytes_of(iv, 12), capsa_bytes_of(NULL, 0),
                             capsa_bytes_str("attack at dawn"), &sealed, tag));
    assert_ok(capsa_buf_str(&opened, "before"));
    tag[15] ^= 1;
    assert_fails(capsa_gcm_open(with, capsa_bytes_of(iv, 12), capsa_bytes_of(NULL, 0),
                                capsa_buf_bytes(&sealed), capsa_bytes_of(tag, 16), &opened),
                 UNAUTHENTIC);
    assert_true(capsa_bytes_is(capsa_buf_bytes(&opened), "before"));
    for (size_t i = 6; i < opened.capacity && i < 20; i++) {
        assert_int_equal(opened.data[i], 0);
    }
}

static void gcm_blocks_are_the_same_in_place_and_in_either_direction(void **state)
{
    (void)state;
    uint8_t key[32] = {7}, iv[12] = {9}, block[100], again[100], tag[CAPSA_GCM_TAG];
    memset(block, 'x', sizeof(block));
    CAPSA_AUTO_FREE(capsa_gcm) gcm = NULL;
    assert_ok(capsa_gcm_new((capsa_secret_bytes){key, sizeof(key)}, &gcm));
    CAPSA_AUTO(capsa_buf) whole = capsa_buf_of(KIB(1));
    uint8_t whole_tag[CAPSA_GCM_TAG];
    for (int round = 0; round < 3; round++) {
        iv[0] = (uint8_t)round;
        capsa_buf_clear(&whole);
        assert_ok(capsa_gcm_seal((capsa_secret_bytes){key, sizeof(key)}, capsa_bytes_of(iv, 12),
                                 capsa_bytes_str("n"), capsa_bytes_of(block, sizeof(block)), &whole,
                                 whole_tag));
        assert_ok(capsa_gcm_seal_block(gcm, iv, capsa_bytes_str("n"),
                                       capsa_bytes_of(block, sizeof(block)), block, tag));
        assert_true(
            capsa_bytes_equal(capsa_buf_bytes(&whole), capsa_bytes_of(block, sizeof(block))));
        assert_memory_equal(tag, whole_tag, sizeof(tag));
        tag[0] ^= 1;
        assert_fails(capsa_gcm_open_block(gcm, iv, capsa_bytes_str("n"),
                                          capsa_bytes_of(block, sizeof(block)), tag, again),
                     UNAUTHENTIC);
        assert_int_equal(again[0] | again[50] | again[99], 0);
        tag[0] ^= 1;
        assert_ok(capsa_gcm_open_block(gcm, iv, capsa_bytes_str("n"),
                                       capsa_bytes_of(block, sizeof(block)), tag, block));
        assert_int_equal(block[99], 'x');
    }
    assert_fails(capsa_gcm_new((capsa_secret_bytes){key, 15}, &gcm), MALFORMED);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void a_private_key_survives_its_file(void **state)
{
    (void)state;
    struct capsa_private_key *const keys[] = {rsa, p256};
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(16));
        CAPSA_AUTO(capsa_buf) again = capsa_buf_of(KIB(16));
        CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
        assert_ok(capsa_private_key_write(keys[i], &pem));
        assert_int_equal(memcmp(pem.data, "-----BEGIN PRIVATE KEY-----", 27), 0);
        assert_ok(capsa_private_key_parse(capsa_buf_bytes(&pem), &key));
        assert_ok(capsa_private_key_write(key, &again));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&pem), capsa_buf_bytes(&again)));
        assert_int_equal(capsa_private_key_kind(key), i == 0 ? CAPSA_KEY_RSA : CAPSA_KEY_P256);
        assert_int_equal(capsa_private_key_rsa_size(key), i == 0 ? 256 : 0);
    }
}

/* PEM of an EVP key in its older form, PKCS#1 or SEC1. */
static void write_traditional(EVP_PKEY *key, capsa_buf *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    assert_ok(capsa_buf_append(pem, capsa_bytes_of(text, (size_t)len)));
    BIO_free(bio);
}

static void private_keys_are_read_in_all_their_forms(void **state)
{
    (void)state;
    EVP_PKEY *made[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256"), EVP_EC_gen("P-384")};
    const enum capsa_key_kind kinds[] = {CAPSA_KEY_RSA, CAPSA_KEY_P256, CAPSA_KEY_P384};
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(16));
        write_traditional(made[i], &pem);
        CAPSA_AUTO_FREE(capsa_private_key) from_pem = NULL;
        assert_ok(capsa_private_key_parse(capsa_buf_bytes(&pem), &from_pem));
        assert_int_equal(capsa_private_key_kind(from_pem), kinds[i]);
        unsigned char *der = NULL;
        int len = i2d_PrivateKey(made[i], &der);
        CAPSA_AUTO_FREE(capsa_private_key) from_der = test_private_key(made[i]);
        assert_int_equal(capsa_private_key_kind(from_der), kinds[i]);
        CAPSA_AUTO_FREE(capsa_private_key) none = NULL;
        for (int cut = 0; cut < len; cut += 7) {
            assert_fails(capsa_private_key_parse(capsa_bytes_of(der, (size_t)cut), &none),
                         MALFORMED);
        }
        OPENSSL_free(der);
        EVP_PKEY_free(made[i]);
    }
}

/* `openssl ecparam -genkey` puts the curve's name before the key. */
static void a_key_file_may_name_the_curve_first(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(16));
    assert_ok(capsa_buf_str(&pem, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                                  "-----END EC PARAMETERS-----\n"));
    write_traditional(key, &pem);
    CAPSA_AUTO_FREE(capsa_private_key) parsed = NULL;
    assert_ok(capsa_private_key_parse(capsa_buf_bytes(&pem), &parsed));
    EVP_PKEY_free(key);
}

static void a_key_with_a_pass_phrase_is_refused_and_says_so(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    const unsigned char phrase[] = "open";
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, EVP_aes_128_cbc(), phrase, 4, NULL, NULL),
                     1);
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    CAPSA_AUTO_FREE(capsa_private_key) parsed = NULL;
    capsa_result result = capsa_private_key_parse(capsa_bytes_of(text, (size_t)len), &parsed);
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNSUPPORTED);
    assert_non_null(strstr(capsa_text_of(result), "pass phrase"));
    assert_null(parsed);
    BIO_free(bio);
    EVP_PKEY_free(key);
}

static void what_is_no_private_key_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN "};
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_fails(capsa_private_key_parse(capsa_bytes_str(texts[i]), &key), MALFORMED);
    }
    assert_fails(capsa_private_key_new_rsa(1024, &key), USAGE);
    assert_fails(capsa_private_key_new_rsa(16384, &key), USAGE);
    assert_null(key);
}

static void public_keys_are_written_and_compared(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(16));
    CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(KIB(16));
    assert_ok(capsa_public_key_write(rsa_public, &pem));
    assert_int_equal(memcmp(pem.data, "-----BEGIN PUBLIC KEY-----\n", 27), 0);
    assert_ok(capsa_public_key_spki(rsa_public, &spki));
    assert_int_equal(spki.len, 294);
    assert_int_equal(capsa_public_key_rsa_size(rsa_public), 256);
    assert_int_equal(capsa_public_key_rsa_size(p256_public), 0);
    CAPSA_AUTO_FREE(capsa_public_key) again = NULL;
    assert_ok(capsa_public_key_of(rsa, &again));
    assert_true(capsa_public_key_same(rsa_public, again));
    assert_false(capsa_public_key_same(rsa_public, p256_public));
}

/* ---- RSA-OAEP -------------------------------------------------------------------------------- */

static bool opens_to(const struct capsa_private_key *key, enum capsa_oaep hash, capsa_bytes sealed,
                     const char *text)
{
    CAPSA_AUTO_FREE(capsa_secret) secret = NULL;
    assert_ok(capsa_oaep_open(key, hash, sealed, strlen(text), &secret));
    assert_int_equal(capsa_secret_borrow(secret).len, strlen(text));
    return capsa_equal_ct(capsa_secret_borrow(secret), secret_str(text));
}

static void oaep_opens_what_it_sealed(void **state)
{
    (void)state;
    for (enum capsa_oaep hash = CAPSA_OAEP_SHA1; hash <= CAPSA_OAEP_SHA256; hash++) {
        CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(1));
        assert_ok(capsa_oaep_seal(rsa_public, hash, secret_str("0123456789abcdef"), &sealed));
        assert_int_equal(sealed.len, 256);
        assert_true(opens_to(rsa, hash, capsa_buf_bytes(&sealed), "0123456789abcdef"));
    }
    CAPSA_AUTO(capsa_buf) none = capsa_buf_of(KIB(1));
    assert_fails(capsa_oaep_seal(p256_public, CAPSA_OAEP_SHA1, secret_str("x"), &none),
                 UNSUPPORTED);
    CAPSA_AUTO_FREE(capsa_secret) secret = NULL;
    assert_fails(
        capsa_oaep_open(p256, CAPSA_OAEP_SHA1, CAPSA_BYTES_LITERAL("0123456789"), 16, &secret),
        UNSUPPORTED);
}

/* Whatever is wrong, a key of the wanted length comes out, another one each time. */
static void assert_opens_to_chance(enum capsa_oaep hash, capsa_bytes sealed, size_t len)
{
    CAPSA_AUTO_FREE(capsa_secret) first = NULL;
    CAPSA_AUTO_FREE(capsa_secret) second = NULL;
    assert_ok(capsa_oaep_open(rsa, hash, sealed, len, &first));
    assert_ok(capsa_oaep_open(rsa, hash, sealed, len, &second));
    assert_int_equal(capsa_secret_borrow(first).len, len);
    assert_false(capsa_equal_ct(capsa_secret_borrow(first), capsa_secret_borrow(second)));
}

static void oaep_never_tells_what_was_wrong(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(1));
    assert_ok(
        capsa_oaep_seal(rsa_public, CAPSA_OAEP_SHA256, secret_str("0123456789abcdef"), &sealed));
    capsa_bytes whole = capsa_buf_bytes(&sealed);
    assert_opens_to_chance(CAPSA_OAEP_SHA1, whole, 16);   /* another hash */
    assert_opens_to_chance(CAPSA_OAEP_SHA256, whole, 32); /* another length */
    assert_opens_to_chance(CAPSA_OAEP_SHA256, whole, 15);
    for (size_t len = 0; len <= 64; len++) {
        assert_opens_to_chance(CAPSA_OAEP_SHA256, capsa_bytes_of(sealed.data, len), 16);
    }
    assert_opens_to_chance(CAPSA_OAEP_SHA256, capsa_bytes_of(sealed.data, 255), 16);
    sealed.data[100] ^= 1;
    assert_opens_to_chance(CAPSA_OAEP_SHA256, whole, 16);
    memset(sealed.data, 0xff, sealed.len); /* over the modulus */
    assert_opens_to_chance(CAPSA_OAEP_SHA256, whole, 16);
    memset(sealed.data, 0, sealed.len);
    assert_opens_to_chance(CAPSA_OAEP_SHA256, whole, 16);
    /* lengths that OpenSSL may leave behind when it fails */
    assert_opens_to_chance(CAPSA_OAEP_SHA256, whole, 256);
    assert_opens_to_chance(CAPSA_OAEP_SHA256, whole, CAPSA_LIMIT_rsa_bits_max / 8);
}

/* ---- signatures ------------------------------------------------------------------------------ */

static void every_scheme_checks_its_own_signatures_and_no_others(void **state)
{
    (void)state;
    for (enum capsa_scheme made = CAPSA_RS256; made <= CAPSA_ES256; made++) {
        bool curve = made == CAPSA_ES256;
        CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(KIB(1));
        assert_ok(capsa_sign(curve ? p256 : rsa, made, capsa_bytes_str("text"), &signature));
        assert_int_equal(signature.len, curve ? 64 : 256);
        for (enum capsa_scheme tried = CAPSA_RS256; tried <= CAPSA_ES256; tried++) {
            capsa_result checked =
                capsa_sign_check(curve ? p256_public : rsa_public, tried, capsa_bytes_str("text"),
                                 capsa_buf_bytes(&signature));
            assert_int_equal(capsa_code_of(checked),
                             tried == made ? CAPSA_E_OK : CAPSA_E_UNAUTHENTIC);
        }
        assert_fails(capsa_sign_check(curve ? p256_public : rsa_public, made,
                                      capsa_bytes_str("texT"), capsa_buf_bytes(&signature)),
                     UNAUTHENTIC);
        for (size_t i = 0; i < signature.len; i += 15) {
            signature.data[i] ^= 0x10;
            assert_fails(capsa_sign_check(curve ? p256_public : rsa_public, made,
                                          capsa_bytes_str("text"), capsa_buf_bytes(&signature)),
                         UNAUTHENTIC);
            signature.data[i] ^= 0x10;
        }
        for (size_t len = 0; len < signature.len; len++) {
            assert_fails(capsa_sign_check(curve ? p256_public : rsa_public, made,
                                          capsa_bytes_str("text"),
                                          capsa_bytes_of(signature.data, len)),
                         UNAUTHENTIC);
        }
    }
    CAPSA_AUTO(capsa_buf) none = capsa_buf_of(KIB(1));
    assert_fails(capsa_sign(p256, CAPSA_RS256, capsa_bytes_str("text"), &none), UNAUTHENTIC);
    assert_fails(capsa_sign(rsa, CAPSA_ES256, capsa_bytes_str("text"), &none), UNAUTHENTIC);
}

/* RFC 7518 §3.5: the salt is as long as the hash, no shorter and no longer. */
static void a_pss_signature_with_another_salt_is_refused(void **state)
{
    (void)state;
    static const int salts[] = {32, 0, 20, 222};
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    CAPSA_AUTO_FREE(capsa_private_key) own = test_private_key(pkey);
    CAPSA_AUTO_FREE(capsa_public_key) own_public = NULL;
    assert_ok(capsa_public_key_of(own, &own_public));
    for (size_t i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
        uint8_t signature[256];
        size_t len = sizeof(signature);
        EVP_PKEY_CTX *how = NULL;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestSignInit(context, &how, EVP_sha256(), NULL, pkey), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(how, salts[i]), 1);
        assert_int_equal(EVP_DigestSign(context, signature, &len, (const uint8_t *)"text", 4), 1);
        EVP_MD_CTX_free(context);
        capsa_result checked = capsa_sign_check(own_public, CAPSA_PS256, capsa_bytes_str("text"),
                                                capsa_bytes_of(signature, len));
        assert_int_equal(capsa_code_of(checked), salts[i] == 32 ? CAPSA_E_OK : CAPSA_E_UNAUTHENTIC);
    }
    EVP_PKEY_free(pkey);
}

/* CVE-2022-21449: zeros as r and s pass a checker that forgets their range. */
static void an_es256_signature_of_zeros_is_refused(void **state)
{
    (void)state;
    uint8_t zeros[64] = {0};
    assert_fails(capsa_sign_check(p256_public, CAPSA_ES256, capsa_bytes_str("text"),
                                  capsa_bytes_of(zeros, sizeof(zeros))),
                 UNAUTHENTIC);
    memset(zeros, 0xff, sizeof(zeros));
    assert_fails(capsa_sign_check(p256_public, CAPSA_ES256, capsa_bytes_str("text"),
                                  capsa_bytes_of(zeros, sizeof(zeros))),
                 UNAUTHENTIC);
}

static void schemes_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"RS256", "RS384", "RS512", "PS256",
                                        "PS384", "PS512", "ES256"};
    enum capsa_scheme scheme = CAPSA_RS256;
    for (size_t i = 0; i < 7; i++) {
        assert_true(capsa_scheme_by_name(names[i], &scheme));
        assert_int_equal(scheme, i);
        assert_string_equal(capsa_scheme_name(scheme), names[i]);
    }
    static const char *const refused[] = {"none", "HS256", "ES384", "rs256", "", "RS256 "};
    for (size_t i = 0; i < 6; i++) {
        assert_false(capsa_scheme_by_name(refused[i], &scheme));
    }
    assert_ok(capsa_scheme_for_kind(CAPSA_KEY_RSA, &scheme));
    assert_int_equal(scheme, CAPSA_RS256);
    assert_ok(capsa_scheme_for_kind(CAPSA_KEY_P256, &scheme));
    assert_int_equal(scheme, CAPSA_ES256);
    assert_fails(capsa_scheme_for_kind(CAPSA_KEY_P384, &scheme), UNSUPPORTED);
}

/* The key of a certificate made for `pkey`, with all that the product knows about it. */
static struct capsa_cert *cert_for(EVP_PKEY *pkey)
{
    X509 *x509 = test_cert_make((struct test_cert){.key = pkey, .name = "key"});
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64));
    test_cert_der(x509, &der);
    X509_free(x509);
    struct capsa_cert *cert = NULL;
    assert_ok(capsa_cert_parse_der(capsa_buf_bytes(&der), &cert));
    return cert;
}

static void keys_outside_the_limits_neither_check_nor_seal(void **state)
{
    (void)state;
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    CAPSA_AUTO_FREE(capsa_cert) cert = cert_for(weak);
    uint8_t bytes[128] = {1};
    capsa_result checked = capsa_sign_check(capsa_cert_key(cert), CAPSA_RS256,
                                            capsa_bytes_str("text"), capsa_bytes_of(bytes, 128));
    assert_int_equal(capsa_code_of(checked), CAPSA_E_MALFORMED);
    assert_non_null(strstr(capsa_text_of(checked), "1024 bits"));
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(1));
    assert_fails(capsa_oaep_seal(capsa_cert_key(cert), CAPSA_OAEP_SHA256, secret_str("x"), &sealed),
                 MALFORMED);
    EVP_PKEY_free(weak);
}

static void a_key_of_another_type_is_good_for_a_party_id_only(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
    CAPSA_AUTO_FREE(capsa_cert) cert = cert_for(key);
    assert_int_equal(capsa_public_key_kind(capsa_cert_key(cert)), CAPSA_KEY_OTHER);
    char id[CAPSA_PARTY_ID];
    assert_ok(capsa_cert_party_id(cert, id));
    uint8_t bytes[64] = {1};
    for (enum capsa_scheme scheme = CAPSA_RS256; scheme <= CAPSA_ES256; scheme++) {
        assert_fails(capsa_sign_check(capsa_cert_key(cert), scheme, capsa_bytes_str("text"),
                                      capsa_bytes_of(bytes, sizeof(bytes))),
                     UNAUTHENTIC);
    }
    EVP_PKEY_free(key);
}

/* ---- certificates ---------------------------------------------------------------------------- */

static void a_self_signed_certificate_says_what_was_asked(void **state)
{
    (void)state;
    const char *const names[] = {"localhost", "manager.example", NULL};
    const char *const addresses[] = {"127.0.0.1", "::1", NULL};
    struct capsa_cert_request request = {
        .common_name = "capsule-manager",
        .organization = "Example, Inc.",
        .not_before = TEST_NOW - 86400,
        .not_after = TEST_NOW + 86400,
        .dns_names = names,
        .ip_addresses = addresses,
        .server_use = true,
    };
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    assert_ok(capsa_cert_self_sign(rsa, &request, &cert));
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    assert_ok(capsa_cert_write_der(cert, &der));
    const unsigned char *at = der.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
    assert_non_null(x509);
    assert_int_equal(X509_get_version(x509), X509_VERSION_3);
    assert_int_equal(X509_verify(x509, X509_get0_pubkey(x509)), 1);
    assert_int_equal(X509_check_host(x509, "manager.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(x509, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x509, "::1", 0), 1);
    assert_int_equal(X509_check_host(x509, "other.example", 0, 0, NULL), 0);
    assert_int_equal(X509_check_purpose(x509, X509_PURPOSE_SSL_SERVER, 0), 1);
    assert_int_equal(X509_check_purpose(x509, X509_PURPOSE_SSL_CLIENT, 0), 0);
    assert_int_equal(X509_check_ca(x509), 0);
    assert_non_null(X509_get0_subject_key_id(x509));
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
    assert_false(BN_is_zero(serial) || BN_is_negative(serial));
    assert_true(BN_num_bits(serial) > 64);
    BN_free(serial);
    char line[128];
    X509_NAME_oneline(X509_get_subject_name(x509), line, sizeof(line));
    assert_string_equal(line, "/O=Example, Inc./CN=capsule-manager");
    capsa_time from = 0, to = 0;
    capsa_cert_validity(cert, &from, &to);
    assert_int_equal(from, request.not_before);
    assert_int_equal(to, request.not_after);
    assert_true(capsa_public_key_same(capsa_cert_key(cert), rsa_public));
    X509_free(x509);
}

static void a_certificate_may_be_a_ca_without_a_subject(void **state)
{
    (void)state;
    struct capsa_cert_request request = {
        .not_before = TEST_NOW, .not_after = TEST_NOW + 10, .is_ca = true, .client_use = true};
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    assert_ok(capsa_cert_self_sign(p256, &request, &cert));
    assert_ok(capsa_chain_check(&cert, 1, TEST_NOW));
    struct capsa_cert *twice[] = {cert, cert}; /* its own issuer: a CA in every respect */
    assert_ok(capsa_chain_check(twice, 2, TEST_NOW));
}

static void impossible_certificates_are_refused(void **state)
{
    (void)state;
    const char *const smuggled[] = {"a\nDNS:b", NULL}, *const no_ip[] = {"localhost", NULL};
    char long_name[66];
    memset(long_name, 'n', 65);
    long_name[65] = '\0';
    const struct capsa_cert_request requests[] = {
        {.not_before = 2, .not_after = 1}, {.common_name = long_name},
        {.common_name = "bad \xff utf-8"}, {.dns_names = smuggled},
        {.ip_addresses = no_ip},
    };
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        assert_fails(capsa_cert_self_sign(p256, &requests[i], &cert), USAGE);
    }
    assert_null(cert);
}

static void a_pem_certificate_is_one_block_and_nothing_else(void **state)
{
    (void)state;
    struct capsa_cert_request request = {.not_before = TEST_NOW, .not_after = TEST_NOW + 10};
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    assert_ok(capsa_cert_self_sign(p256, &request, &cert));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(16));
    assert_ok(capsa_cert_write_pem(cert, &pem));
    const char *text = NULL;
    assert_ok(capsa_buf_cstr(&pem, &text));
    static const struct {
        const char *format;
        bool good;
    } forms[] = {
        {"%s", true},
        {" \r\n%s\n\n", true},
        {"leading %s", false},
        {"%s trailing", false},
        {"%1$s%1$s", false},
        {"%.40s", false},
        {"-----BEGIN PUBLIC KEY-----\n%s", false},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char shaped[4096];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(shaped, sizeof(shaped), forms[i].format, text);
#pragma GCC diagnostic pop
        CAPSA_AUTO_FREE(capsa_cert) parsed = NULL;
        capsa_result result = capsa_cert_parse_pem(capsa_bytes_str(shaped), &parsed);
        assert_int_equal(capsa_code_of(result), forms[i].good ? CAPSA_E_OK : CAPSA_E_MALFORMED);
        assert_true(!forms[i].good || capsa_cert_same_key(cert, parsed));
    }
}

static void bytes_that_are_no_certificate_are_refused(void **state)
{
    (void)state;
    struct capsa_cert_request request = {.not_before = TEST_NOW, .not_after = TEST_NOW + 10};
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    assert_ok(capsa_cert_self_sign(p256, &request, &cert));
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    CAPSA_AUTO_FREE(capsa_cert) none = NULL;
    assert_ok(capsa_cert_write_der(cert, &der));
    for (size_t len = 0; len < der.len; len++) {
        assert_fails(capsa_cert_parse_der(capsa_bytes_of(der.data, len), &none), MALFORMED);
    }
    assert_ok(capsa_buf_u8(&der, 0));
    assert_fails(capsa_cert_parse_der(capsa_buf_bytes(&der), &none), MALFORMED);
    static uint8_t large[CAPSA_LIMIT_cert_pem + 1];
    assert_fails(capsa_cert_parse_der(capsa_bytes_of(large, sizeof(large)), &none), TOO_LARGE);
    assert_fails(capsa_cert_parse_pem(capsa_bytes_of(large, sizeof(large)), &none), TOO_LARGE);
    assert_null(none);
}

static void a_changed_certificate_never_crashes(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    struct capsa_cert_request request = {.not_before = TEST_NOW, .not_after = TEST_NOW + 10};
    assert_ok(capsa_cert_self_sign(p256, &request, &cert));
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    assert_ok(capsa_cert_write_der(cert, &der));
    for (size_t i = 0; i < der.len * 8; i++) {
        der.data[i / 8] ^= (uint8_t)(1U << i % 8);
        CAPSA_AUTO_FREE(capsa_cert) changed = NULL;
        if (!capsa_failed(capsa_cert_parse_der(capsa_buf_bytes(&der), &changed))) {
            char id[CAPSA_PARTY_ID];
            assert_ok(capsa_cert_party_id(changed, id));
            capsa_ignore(capsa_chain_check(&changed, 1, TEST_NOW), "any answer will do");
        }
        der.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
}

static void the_recorded_party_has_the_recorded_id(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(16));
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    test_vector_read("capsule-manager/alice.crt", &pem);
    test_vector_read("capsule-manager/alice.key.der", &der);
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) own = NULL;
    assert_ok(capsa_cert_parse_pem(capsa_buf_bytes(&pem), &cert));
    assert_ok(capsa_private_key_parse(capsa_buf_bytes(&der), &key));
    assert_ok(capsa_public_key_of(key, &own));
    char id[CAPSA_PARTY_ID];
    assert_ok(capsa_cert_party_id(cert, id));
    assert_string_equal(id, "G4FNVUI53TLW3BCHXI2CWEXF6QRTV5VRGFTI6VUMFBKYP66FUUXQ");
    assert_true(capsa_public_key_same(own, capsa_cert_key(cert)));
    /* the same by the general writer of base32 */
    uint8_t digest[CAPSA_SHA256];
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
    assert_ok(capsa_cert_spki_digest(cert, digest));
    assert_ok(capsa_base32_write(capsa_bytes_of(digest, sizeof(digest)), &text));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&text), id));
}

#define CASE(name) cmocka_unit_test_teardown(name, no_errors_are_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(sha256_gives_the_known_answers),
        CASE(a_digest_of_parts_knows_where_a_part_ends),
        CASE(hmac_and_hkdf_give_the_answers_of_their_rfcs),
        CASE(hmac_is_that_of_libcrypto_for_all_lengths_about_a_block),
        CASE(hkdf_is_that_of_libcrypto_for_all_lengths),
        CASE(without_randomness_nothing_is_made),
        CASE(gcm_gives_the_known_answer),
        CASE(gcm_opens_what_it_sealed_with_every_size_of_key_and_iv),
        CASE(gcm_refuses_odd_sizes_and_short_tags),
        CASE(a_wrong_tag_leaves_no_plaintext),
        CASE(gcm_blocks_are_the_same_in_place_and_in_either_direction),
        CASE(a_private_key_survives_its_file),
        CASE(private_keys_are_read_in_all_their_forms),
        CASE(a_key_file_may_name_the_curve_first),
        CASE(a_key_with_a_pass_phrase_is_refused_and_says_so),
        CASE(what_is_no_private_key_is_refused),
        CASE(public_keys_are_written_and_compared),
        CASE(oaep_opens_what_it_sealed),
        CASE(oaep_never_tells_what_was_wrong),
        CASE(every_scheme_checks_its_own_signatures_and_no_others),
        CASE(a_pss_signature_with_another_salt_is_refused),
        CASE(an_es256_signature_of_zeros_is_refused),
        CASE(schemes_have_names),
        CASE(keys_outside_the_limits_neither_check_nor_seal),
        CASE(a_key_of_another_type_is_good_for_a_party_id_only),
        CASE(a_self_signed_certificate_says_what_was_asked),
        CASE(a_certificate_may_be_a_ca_without_a_subject),
        CASE(impossible_certificates_are_refused),
        CASE(a_pem_certificate_is_one_block_and_nothing_else),
        CASE(bytes_that_are_no_certificate_are_refused),
        CASE(a_changed_certificate_never_crashes),
        CASE(the_recorded_party_has_the_recorded_id),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
