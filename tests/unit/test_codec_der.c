/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: DER, in which each value has one form.
 */
#include "unit.h"

#include "codec/der.h"
#include "codec/text.h"
#include "codec_failing.h"

static capsa_buf unhex(const char *hex)
{
    capsa_buf buf = capsa_buf_of(KIB(128));
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &buf));
    return buf;
}

static void assert_hex(const capsa_buf *buf, const char *hex)
{
    CAPSA_AUTO(capsa_buf) wanted = unhex(hex);
    assert_int_equal(buf->len, wanted.len);
    assert_memory_equal(buf->data, wanted.data, wanted.len);
}

static void elements_are_read_one_after_the_other(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf)
    bytes = unhex("3003020105"
                  "0500"
                  "0401aa");
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
    capsa_bytes content;
    uint8_t tag = 0;
    assert_ok(capsa_der_read(&reader, CAPSA_DER_SEQUENCE, &content));
    assert_ptr_equal(content.data, bytes.data + 2);
    assert_int_equal(content.len, 3);
    assert_ok(capsa_der_any(&reader, &tag, &content));
    assert_int_equal(tag, CAPSA_DER_NULL);
    assert_int_equal(content.len, 0);
    assert_fails(capsa_der_read(&reader, CAPSA_DER_NULL, &content), MALFORMED);
    assert_int_equal(reader.at, 7); /* the failure left it before the OCTET STRING */
    assert_ok(capsa_der_read(&reader, CAPSA_DER_OCTET_STRING, &content));
    assert_int_equal(content.data[0], 0xaa);
    assert_int_equal(capsa_reader_left(&reader), 0);
    assert_fails(capsa_der_any(&reader, &tag, &content), TRUNCATED);
}

static void what_is_not_der_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "1f0100",           /* a tag that goes on */
        "3080020100000000", /* indefinite length */
        "04810100",         /* a length below 128 in the long form */
        "0482008000",       /* a length with a zero before it */
        "0485000000000100", /* a length of five bytes */
        "04ff00",           /* a length of 127 bytes */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = unhex(bad[i]);
        struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
        capsa_bytes content = {bytes.data, 77};
        uint8_t tag = 99;
        assert_fails(capsa_der_any(&reader, &tag, &content), MALFORMED);
        assert_int_equal(reader.at, 0);
        assert_int_equal(tag, 99);
        assert_int_equal(content.len, 77);
    }
}

static void an_element_that_ends_too_early_is_refused_at_every_length(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(KIB(1));
    uint8_t *room = NULL;
    assert_ok(capsa_buf_extend(&content, 300, &room));
    CAPSA_AUTO(capsa_buf) whole = capsa_buf_of(KIB(1));
    assert_ok(capsa_der_write(&whole, CAPSA_DER_SEQUENCE, capsa_buf_bytes(&content)));
    for (size_t len = 0; len < whole.len; len++) {
        struct capsa_reader reader = capsa_reader_of(capsa_bytes_of(whole.data, len));
        capsa_bytes read;
        uint8_t tag;
        assert_fails(capsa_der_any(&reader, &tag, &read), TRUNCATED);
        assert_int_equal(reader.at, 0);
    }
    capsa_bytes read;
    assert_ok(capsa_der_whole(capsa_buf_bytes(&whole), CAPSA_DER_SEQUENCE, &read));
    assert_int_equal(read.len, 300);
    assert_ok(capsa_buf_u8(&whole, 0));
    assert_fails(capsa_der_whole(capsa_buf_bytes(&whole), CAPSA_DER_SEQUENCE, &read), MALFORMED);
}

static void numbers_have_one_form_and_a_maximum(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint64_t max, value;
        bool fails;
    } cases[] = {
        {"020100", 0, 0, false},
        {"02017f", 127, 127, false},
        {"020200ff", 255, 255, false}, /* as certificates have 255 */
        {"020200db", 65535, 0xdb, false},
        {"0203010000", 65536, 65536, false},
        {"0203010000", 65535, 0, true},
        {"020900ffffffffffffffff", UINT64_MAX, UINT64_MAX, false},
        {"0209010000000000000000", UINT64_MAX, 0, true}, /* 2^64 */
        {"020a00ffffffffffffffffff", UINT64_MAX, 0, true},
        {"0201ff", 255, 0, true},   /* -1 */
        {"020180", 255, 0, true},   /* -128 */
        {"0202007f", 255, 0, true}, /* not the shortest form */
        {"02020000", 255, 0, true},
        {"0200", 255, 0, true},
        {"0a0101", 255, 0, true}, /* an ENUMERATED */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = unhex(cases[i].hex);
        struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
        uint64_t value = 4711;
        capsa_result read = capsa_der_unsigned(&reader, CAPSA_DER_INTEGER, cases[i].max, &value);
        if (cases[i].fails) {
            assert_fails(read, MALFORMED);
            assert_int_equal(value, 4711);
            assert_int_equal(reader.at, 0);
            continue;
        }
        assert_ok(read);
        assert_int_equal(value, cases[i].value);
        CAPSA_AUTO(capsa_buf) again = capsa_buf_of(16);
        assert_ok(capsa_der_write_unsigned(&again, CAPSA_DER_INTEGER, value));
        assert_hex(&again, cases[i].hex);
    }
}

static void truth_is_ff_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool value, fails;
    } cases[] = {{"0101ff", true, false}, {"010100", false, false},  {"010101", false, true},
                 {"0100", false, true},   {"0102ffff", false, true}, {"0201ff", false, true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = unhex(cases[i].hex);
        struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
        bool value = !cases[i].value;
        if (cases[i].fails) {
            assert_fails(capsa_der_boolean(&reader, &value), MALFORMED);
        } else {
            assert_ok(capsa_der_boolean(&reader, &value));
            assert_int_equal(value, cases[i].value);
        }
    }
}

static void object_numbers_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *dotted, *hex; /* hex NULL: refused */
    } cases[] = {
        {"1.2.840.113741.1.13.1", "2a864886f84d010d01"},
        {"1.3.6.1.4.1.3704.1.3.8", "2b060104019c78010308"},
        {"2.5.29.20", "551d14"},
        {"2.999.3", "883703"},
        {"0.39", "27"},
        {"2.25.18446744073709551615", "6981ffffffffffffffff7f"},
        {"2.25.18446744073709551616", NULL},
        {"1.40.1", NULL},
        {"3.1", NULL},
        {"1", NULL},
        {"", NULL},
        {"1.2.", NULL},
        {"1..2", NULL},
        {".1.2", NULL},
        {"1.2.03", NULL},
        {"1.2.-3", NULL},
        {"1.2.3 ", NULL},
        {"1.2.x", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) content = capsa_buf_of(64);
        if (cases[i].hex == NULL) {
            assert_fails(capsa_der_oid(cases[i].dotted, &content), USAGE);
            assert_int_equal(content.len, 0);
        } else {
            assert_ok(capsa_der_oid(cases[i].dotted, &content));
            assert_hex(&content, cases[i].hex);
        }
    }
}

static void an_object_number_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char dotted[256] = "1.2";
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(256);
    for (size_t bytes = 1; bytes <= 64; bytes++) { /* each number takes a byte more */
        capsa_buf_clear(&content);
        assert_ok(capsa_der_oid(dotted, &content));
        assert_int_equal(content.len, bytes);
        memcpy(dotted + strlen(dotted), ".1", 3);
    }
    assert_fails(capsa_der_oid(dotted, &content), USAGE);
}

static void lengths_are_written_in_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        const char *head;
    } cases[] = {{0, "0400"},       {127, "047f"},       {128, "048180"},      {255, "0481ff"},
                 {256, "04820100"}, {65535, "0482ffff"}, {65536, "0483010000"}};
    static const uint8_t zeros[65536];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(128));
        CAPSA_AUTO(capsa_buf) head = unhex(cases[i].head);
        capsa_bytes content = {zeros, cases[i].len}, read;
        assert_ok(capsa_der_write(&buf, CAPSA_DER_OCTET_STRING, content));
        assert_int_equal(buf.len, head.len + cases[i].len);
        assert_memory_equal(buf.data, head.data, head.len);
        assert_ok(capsa_der_whole(capsa_buf_bytes(&buf), CAPSA_DER_OCTET_STRING, &read));
        assert_int_equal(read.len, cases[i].len);
    }
}

static void what_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    for (size_t max = 3; max < 3 + 7; max++) {
        CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(max);
        assert_ok(capsa_buf_str(&buf, "abc"));
        assert_fails(capsa_der_write(&buf, CAPSA_DER_OCTET_STRING, CAPSA_BYTES_LITERAL("hello")),
                     TOO_LARGE);
        assert_true(capsa_bytes_is(capsa_buf_bytes(&buf), "abc"));
    }
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(16);
    assert_fails(capsa_der_write(&buf, 0x1f, CAPSA_BYTES_LITERAL("")), USAGE);
}

static capsa_result write_all(void)
{
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_der_write(&buf, CAPSA_DER_OCTET_STRING, CAPSA_BYTES_LITERAL("hello")));
    CAPSA_TRY(capsa_der_write_unsigned(&buf, CAPSA_DER_INTEGER, UINT64_MAX));
    return capsa_der_oid("1.2.840.113741.1.13.1", &buf);
}

static void running_out_of_memory_is_said(void **state)
{
    (void)state;
    ASSERT_FAILS_CLEANLY(write_all());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_read_one_after_the_other),
        cmocka_unit_test(what_is_not_der_is_refused),
        cmocka_unit_test(an_element_that_ends_too_early_is_refused_at_every_length),
        cmocka_unit_test(numbers_have_one_form_and_a_maximum),
        cmocka_unit_test(truth_is_ff_and_nothing_else),
        cmocka_unit_test(object_numbers_are_written),
        cmocka_unit_test(an_object_number_that_is_too_long_is_refused),
        cmocka_unit_test(lengths_are_written_in_their_shortest_form),
        cmocka_unit_test(what_does_not_fit_leaves_the_buffer_as_it_was),
        cmocka_unit_test(running_out_of_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
