/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: bytes as text.
 */
#include "unit.h"

#include "codec/text.h"

/* RFC 4648 section 10, without padding where the form has none; and the bytes that tell the two
 * alphabets apart. */
static const struct pair {
    const char *bytes;
    const char *std, *url, *base32, *hex;
} pairs[] = {
    {"", "", "", "", ""},
    {"f", "Zg==", "Zg", "MY", "66"},
    {"fo", "Zm8=", "Zm8", "MZXQ", "666f"},
    {"foo", "Zm9v", "Zm9v", "MZXW6", "666f6f"},
    {"foob", "Zm9vYg==", "Zm9vYg", "MZXW6YQ", "666f6f62"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE", "MZXW6YTB", "666f6f6261"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy", "MZXW6YTBOI", "666f6f626172"},
    {"\xfb\xef\xff", "++//", "--__", "7PX76", "fbefff"},
};

static void assert_text(const capsa_buf *buf, const char *text)
{
    if (!capsa_bytes_is(capsa_buf_bytes(buf), text)) {
        fail_msg("wanted %s, got %.*s", text, (int)buf->len, (const char *)buf->data);
    }
}

static void the_test_vectors_of_rfc_4648_read_and_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const struct pair *pair = &pairs[i];
        capsa_bytes bytes = capsa_bytes_str(pair->bytes);
        CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(64);
        assert_ok(capsa_base64_write(bytes, CAPSA_BASE64_STD, &buf));
        assert_text(&buf, pair->std);
        capsa_buf_clear(&buf);
        assert_ok(capsa_base64_write(bytes, CAPSA_BASE64_URL, &buf));
        assert_text(&buf, pair->url);
        capsa_buf_clear(&buf);
        assert_ok(capsa_base32_write(bytes, &buf));
        assert_text(&buf, pair->base32);
        capsa_buf_clear(&buf);
        assert_ok(capsa_hex_write(bytes, &buf));
        assert_text(&buf, pair->hex);
        capsa_buf_clear(&buf);
        assert_ok(capsa_base64_parse(capsa_bytes_str(pair->std), CAPSA_BASE64_STD, &buf));
        assert_text(&buf, pair->bytes);
        capsa_buf_clear(&buf);
        assert_ok(capsa_base64_parse(capsa_bytes_str(pair->url), CAPSA_BASE64_URL, &buf));
        assert_text(&buf, pair->bytes);
        capsa_buf_clear(&buf);
        assert_ok(capsa_hex_parse(capsa_bytes_str(pair->hex), &buf));
        assert_text(&buf, pair->bytes);
    }
}

static void hex_is_read_in_both_cases(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(64);
    assert_ok(capsa_hex_parse(CAPSA_BYTES_LITERAL("aFAf09"), &buf));
    assert_text(&buf, "\xaf\xaf\x09");
}

static void text_that_is_not_canonical_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const bad_std[] = {
        "Zg",     "Zg=",   "Zg===", "Zh==",     "Zm9=", "Z===", "=",    "====",  "Zg==Zg==",
        "Zm9v\n", " Zm9v", "Zm 9v", "Zm9v====", "--__", "Zm=v", "Z*9v", "Zm9vY", NULL,
    };
    static const char *const bad_url[] = {
        "A", "AAAAA", "Zg==", "Zh", "Zm9", "Z", "Zm9vY", "++//", "Zm9v\n", "Zm8=", "Zm.v", NULL,
    };
    static const char *const bad_hex[] = {"0",  "0g", "g0", "0x00", " 00", "00 ",
                                          "@0", "`0", "/0", ":0",   NULL};
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(64);
    assert_ok(capsa_buf_str(&buf, "before"));
    for (size_t i = 0; bad_std[i] != NULL; i++) {
        assert_fails(capsa_base64_parse(capsa_bytes_str(bad_std[i]), CAPSA_BASE64_STD, &buf),
                     MALFORMED);
    }
    for (size_t i = 0; bad_url[i] != NULL; i++) {
        assert_fails(capsa_base64_parse(capsa_bytes_str(bad_url[i]), CAPSA_BASE64_URL, &buf),
                     MALFORMED);
    }
    for (size_t i = 0; bad_hex[i] != NULL; i++) {
        assert_fails(capsa_hex_parse(capsa_bytes_str(bad_hex[i]), &buf), MALFORMED);
    }
    assert_fails(capsa_base64_parse(CAPSA_BYTES_LITERAL("Zg\0="), CAPSA_BASE64_STD, &buf),
                 MALFORMED);
    assert_text(&buf, "before");
}

static void a_full_buffer_stays_as_it_was(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(3);
    assert_ok(capsa_buf_str(&buf, "x"));
    assert_fails(capsa_base64_write(CAPSA_BYTES_LITERAL("abc"), CAPSA_BASE64_URL, &buf), TOO_LARGE);
    assert_fails(capsa_base64_parse(CAPSA_BYTES_LITERAL("YWJj"), CAPSA_BASE64_URL, &buf),
                 TOO_LARGE);
    assert_fails(capsa_hex_parse(CAPSA_BYTES_LITERAL("616263"), &buf), TOO_LARGE);
    assert_text(&buf, "x");
}

static void every_byte_string_comes_back(void **state)
{
    (void)state;
    uint8_t bytes[67];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 91 + 17);
    }
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        for (int form = CAPSA_BASE64_STD; form <= CAPSA_BASE64_URL; form++) {
            CAPSA_AUTO(capsa_buf) text = capsa_buf_of(256);
            CAPSA_AUTO(capsa_buf) again = capsa_buf_of(256);
            capsa_bytes all = capsa_bytes_of(bytes, len);
            assert_ok(capsa_base64_write(all, (enum capsa_base64)form, &text));
            assert_ok(capsa_base64_parse(capsa_buf_bytes(&text), (enum capsa_base64)form, &again));
            assert_true(capsa_bytes_equal(all, capsa_buf_bytes(&again)));
        }
    }
}

static void utf8_is_taken_in_its_shortest_form_only(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "plain",
        "\x01\x7f",
        "\xc2\x80\xdf\xbf",
        "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
        "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
        NULL,
    };
    static const char *const bad[] = {
        "\x80",             /* what follows, without what leads */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong, 2 bytes */
        "\xe0\x9f\xbf",     /* overlong, 3 bytes */
        "\xf0\x8f\xbf\xbf", /* overlong, 4 bytes */
        "\xed\xa0\x80",     /* surrogates */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* behind the last code point */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc2", /* cut */
        "\xe2\x82",
        "\xf0\x9f\x94",
        "\xe2\x82\x41", /* something else in its place */
        "\xf0\x9f\x41\x91",
        "\xf0\x41\x94\x91",
        "ok then \xfe",
        NULL,
    };
    for (size_t i = 0; good[i] != NULL; i++) {
        assert_ok(capsa_utf8_check(capsa_bytes_str(good[i])));
    }
    for (size_t i = 0; bad[i] != NULL; i++) {
        assert_fails(capsa_utf8_check(capsa_bytes_str(bad[i])), MALFORMED);
    }
    capsa_result result = capsa_utf8_check(CAPSA_BYTES_LITERAL("ab\0c"));
    assert_string_equal(capsa_text_of(result), "text has a NUL at byte 2");
}

/* What a decoder of the definition (RFC 3629 section 3) says of two bytes, against the table. */
static void every_pair_of_bytes_is_judged_as_the_definition_says(void **state)
{
    (void)state;
    for (unsigned a = 1; a < 256; a++) {
        for (unsigned b = 1; b < 256; b++) {
            uint8_t pair[2] = {(uint8_t)a, (uint8_t)b};
            bool two_ascii = a < 0x80 && b < 0x80;
            unsigned point = (a & 0x1f) << 6 | (b & 0x3f);
            bool one = (a & 0xe0) == 0xc0 && (b & 0xc0) == 0x80 && point >= 0x80;
            bool holds = !capsa_failed(capsa_utf8_check(capsa_bytes_of(pair, 2)));
            assert_int_equal(holds, two_ascii || one);
        }
    }
}

/* The check goes in steps of several bytes: it must see each of them. */
static void a_byte_that_is_no_text_is_seen_wherever_it_lies(void **state)
{
    (void)state;
    for (size_t at = 0; at < 40; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            char text[40], why[80];
            memset(text, byte % 2 == 0 ? '\x01' : '\x7f', sizeof(text));
            text[at] = (char)byte;
            capsa_result result = capsa_utf8_check(capsa_bytes_of(text, sizeof(text)));
            assert_int_equal(capsa_failed(result), byte == 0 || byte > 0x7f);
            (void)snprintf(why, sizeof(why), "text %s at byte %zu",
                           byte == 0 ? "has a NUL" : "is not UTF-8", at);
            assert_true(!capsa_failed(result) || capsa_streq(capsa_text_of(result), why));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_test_vectors_of_rfc_4648_read_and_write),
        cmocka_unit_test(hex_is_read_in_both_cases),
        cmocka_unit_test(text_that_is_not_canonical_is_refused_and_changes_nothing),
        cmocka_unit_test(a_full_buffer_stays_as_it_was),
        cmocka_unit_test(every_byte_string_comes_back),
        cmocka_unit_test(utf8_is_taken_in_its_shortest_form_only),
        cmocka_unit_test(every_pair_of_bytes_is_judged_as_the_definition_says),
        cmocka_unit_test(a_byte_that_is_no_text_is_seen_wherever_it_lies),
    };
    return cmocka_run_group_tests_name("codec text", tests, NULL, NULL);
}
