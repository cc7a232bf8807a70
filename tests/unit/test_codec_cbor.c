/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: CBOR, read item by item.
 */
#include <stdlib.h>

#include "unit.h"

#include "codec/cbor.h"
#include "codec/text.h"
#include "codec_failing.h"

static capsa_buf unhex(const char *hex)
{
    capsa_buf buf = capsa_buf_of(KIB(128));
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &buf));
    return buf;
}

/* What kind of item a call reads; each returns its number, or the length of its string. */
static capsa_result read_unsigned(struct capsa_reader *reader, uint64_t *ret)
{
    return capsa_cbor_unsigned(reader, "it", UINT64_MAX, ret);
}

static capsa_result read_bytes(struct capsa_reader *reader, uint64_t *ret)
{
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY(capsa_cbor_bytes(reader, "it", &content));
    *ret = content.len;
    return CAPSA_OK;
}

static capsa_result read_text(struct capsa_reader *reader, uint64_t *ret)
{
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY(capsa_cbor_text(reader, "it", &content));
    *ret = content.len;
    return CAPSA_OK;
}

static capsa_result read_array(struct capsa_reader *reader, uint64_t *ret)
{
    return capsa_cbor_array(reader, "it", 100, ret);
}

static capsa_result read_map(struct capsa_reader *reader, uint64_t *ret)
{
    return capsa_cbor_map(reader, "it", 100, ret);
}

static capsa_result read_tag(struct capsa_reader *reader, uint64_t *ret)
{
    return capsa_cbor_tag(reader, "it", ret);
}

typedef capsa_result item_reader(struct capsa_reader *reader, uint64_t *ret);
static item_reader *const readers[] = {
    [CAPSA_CBOR_UNSIGNED] = read_unsigned, [CAPSA_CBOR_BYTES] = read_bytes,
    [CAPSA_CBOR_TEXT] = read_text,         [CAPSA_CBOR_ARRAY] = read_array,
    [CAPSA_CBOR_MAP] = read_map,           [CAPSA_CBOR_TAG] = read_tag,
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

static const struct {
    enum capsa_cbor_kind kind;
    const char *hex;
    uint64_t number;
    size_t used;
} items[] = {
    {CAPSA_CBOR_UNSIGNED, "00", 0, 1},
    {CAPSA_CBOR_UNSIGNED, "17", 23, 1},
    {CAPSA_CBOR_UNSIGNED, "1818", 24, 2},
    {CAPSA_CBOR_UNSIGNED, "18ff", 255, 2},
    {CAPSA_CBOR_UNSIGNED, "190100", 256, 3},
    {CAPSA_CBOR_UNSIGNED, "19ffff", 65535, 3},
    {CAPSA_CBOR_UNSIGNED, "1a00010000", 65536, 5},
    {CAPSA_CBOR_UNSIGNED, "1affffffff", UINT32_MAX, 5},
    {CAPSA_CBOR_UNSIGNED, "1b0000000100000000", (uint64_t)UINT32_MAX + 1, 9},
    {CAPSA_CBOR_UNSIGNED, "1bffffffffffffffff", UINT64_MAX, 9},
    {CAPSA_CBOR_BYTES, "40", 0, 1},
    {CAPSA_CBOR_BYTES, "43616263", 3, 4},
    {CAPSA_CBOR_TEXT, "60", 0, 1},
    {CAPSA_CBOR_TEXT, "62c3a4", 2, 3},
    {CAPSA_CBOR_ARRAY, "80", 0, 1},
    {CAPSA_CBOR_ARRAY, "820102", 2, 1},
    {CAPSA_CBOR_MAP, "a0", 0, 1},
    {CAPSA_CBOR_MAP, "a10102", 1, 1},
    {CAPSA_CBOR_TAG, "d9ea60", 60000, 3},
    {CAPSA_CBOR_TAG, "da001a7504", 0x1A7504, 5},
};
#define ITEMS (sizeof(items) / sizeof(items[0]))

static void every_item_is_read_as_its_own_kind_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < ITEMS; i++) {
        CAPSA_AUTO(capsa_buf) bytes = unhex(items[i].hex);
        for (size_t kind = 0; kind < READERS; kind++) {
            if (readers[kind] == NULL) {
                continue;
            }
            struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
            uint64_t number = 77;
            capsa_result read = readers[kind](&reader, &number);
            bool is = kind == (size_t)items[i].kind;
            assert_int_equal(capsa_code_of(read), is ? CAPSA_E_OK : CAPSA_E_MALFORMED);
            assert_int_equal(reader.at, is ? items[i].used : 0);
            assert_true(number == (is ? items[i].number : 77));
        }
    }
}

/* The heads as they are written are the shortest: each item of the table but its content. */
static void what_is_written_is_the_shortest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ITEMS; i++) {
        CAPSA_AUTO(capsa_buf) wanted = unhex(items[i].hex);
        CAPSA_AUTO(capsa_buf) got = capsa_buf_of(64);
        assert_ok(capsa_cbor_write(&got, items[i].kind, items[i].number));
        assert_true(got.len <= wanted.len);
        assert_memory_equal(got.data, wanted.data, got.len);
    }
    CAPSA_AUTO(capsa_buf) got = capsa_buf_of(64);
    CAPSA_AUTO(capsa_buf) wanted = unhex("426162626364");
    assert_ok(capsa_cbor_write_bytes(&got, CAPSA_BYTES_LITERAL("ab")));
    assert_ok(capsa_cbor_write_text(&got, "cd"));
    assert_int_equal(got.len, wanted.len);
    assert_memory_equal(got.data, wanted.data, got.len);
    assert_fails(capsa_cbor_write_text(&got, "\xff"), USAGE);
    assert_int_equal(got.len, wanted.len);
}

static void lengths_at_each_border_come_back(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 23, 24, 255, 256, 65535, 65536};
    static const uint8_t zeros[65536];
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(128));
        assert_ok(capsa_cbor_write_bytes(&buf, capsa_bytes_of(zeros, lens[i])));
        struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&buf));
        capsa_bytes content = {NULL, 0};
        assert_ok(capsa_cbor_bytes(&reader, "it", &content));
        assert_ok(capsa_cbor_end(&reader, "it"));
        assert_int_equal(content.len, lens[i]);
        assert_non_null(content.data); /* what is empty is there */
    }
}

static void widths_need_not_be_the_shortest(void **state)
{
    (void)state;
    static const char *const ones[] = {"01", "1801", "190001", "1a00000001", "1b0000000000000001"};
    for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = unhex(ones[i]);
        struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
        uint64_t value = 0;
        assert_ok(capsa_cbor_unsigned(&reader, "it", 1, &value));
        assert_int_equal(value, 1);
        assert_ok(capsa_cbor_end(&reader, "it"));
    }
}

/* Each as every kind of item; none is one. */
static void what_is_not_read_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",           "20",     "3903e7",     "5f4101ff", "5fff",
        "7f6161ff",   "9f01ff", "bf616101ff", "9fff",     "bfff",
        "f4",         "f6",     "f7",         "f93c00",   "fb3ff199999999",
        "fa47c35000", "ff",     "1c",         "1d",       "1e",
        "1f",         "5c",     "5d",         "5e",       "dc",
        "df",         "9c",     "bc",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = unhex(refused[i]);
        for (size_t kind = 0; kind < READERS; kind++) {
            struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
            uint64_t number = 77;
            if (readers[kind] == NULL) {
                continue;
            }
            capsa_result read = readers[kind](&reader, &number);
            if (capsa_code_of(read) != CAPSA_E_MALFORMED || reader.at != 0 || number != 77) {
                fail_msg("%s as kind %zu was taken", refused[i], kind);
            }
        }
    }
}

static void bad_text_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {"61ff", "62c328", "6100", "63eda080", "62c080"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = unhex(refused[i]);
        struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
        capsa_bytes content = {NULL, 0};
        assert_fails(capsa_cbor_text(&reader, "it", &content), MALFORMED);
        assert_null(content.data);
        assert_int_equal(reader.at, 0);
    }
}

/* No count and no length is believed that the bytes cannot hold. */
static void A24_counts_and_lengths_without_the_bytes_are_refused(void **state)
{
    (void)state;
    static const char *const bombs[] = {
        "9bffffffffffffffff",
        "bbffffffffffffffff",
        "5bffffffffffffffff",
        "7bffffffffffffffff",
        "9a80000000",
        "ba80000000",
        "5a80000000",
        "7affffffff00",
        "8300",
        "a2000000",
        "98640000",
        "b83200",
        "4261",
        "7b00000001000000006161",
    };
    for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = unhex(bombs[i]);
        enum capsa_cbor_kind kind = (enum capsa_cbor_kind)(bytes.data[0] >> 5);
        struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
        uint64_t number = 77;
        capsa_result read = readers[kind](&reader, &number);
        if (capsa_code_of(read) != CAPSA_E_MALFORMED || reader.at != 0 || number != 77) {
            fail_msg("%s was taken", bombs[i]);
        }
    }
    CAPSA_AUTO(capsa_buf) many = unhex("8301020304");
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&many));
    uint64_t count = 0;
    assert_fails(capsa_cbor_array(&reader, "it", 2, &count), MALFORMED);
    assert_ok(capsa_cbor_array(&reader, "it", 3, &count));
    assert_int_equal(count, 3);
}

static void numbers_over_the_maximum_are_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) bytes = unhex("190100");
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
    uint64_t value = 77;
    assert_fails(capsa_cbor_unsigned(&reader, "it", 255, &value), MALFORMED);
    assert_int_equal(value, 77);
    assert_ok(capsa_cbor_unsigned(&reader, "it", 256, &value));
}

/* In memory of exactly that length, so that a read behind the end shows. */
static void an_item_that_ends_too_early_is_refused_at_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < ITEMS; i++) {
        CAPSA_AUTO(capsa_buf) bytes = unhex(items[i].hex);
        for (size_t len = 0; len < bytes.len; len++) {
            uint8_t *copy = malloc(len > 0 ? len : 1);
            assert_non_null(copy);
            memcpy(copy, bytes.data, len);
            struct capsa_reader reader = capsa_reader_of(capsa_bytes_of(copy, len));
            uint64_t number = 77;
            assert_fails(readers[items[i].kind](&reader, &number), MALFORMED);
            assert_int_equal(reader.at, 0);
            free(copy);
        }
    }
}

static void errors_say_what_came_and_where(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) bytes = unhex("0143616263");
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&bytes));
    uint64_t value = 0;
    assert_ok(capsa_cbor_unsigned(&reader, "the alg", 1, &value));
    capsa_result wrong = capsa_cbor_map(&reader, "the claims", 4, &value);
    assert_string_equal(capsa_text_of(wrong),
                        "the claims: a map wanted at byte 1, got a byte string");
    wrong = capsa_cbor_end(&reader, "the claims");
    assert_string_equal(capsa_text_of(wrong), "the claims: 4 bytes behind its end at byte 1");
}

static capsa_result write_all(void)
{
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_cbor_write(&buf, CAPSA_CBOR_MAP, 1));
    CAPSA_TRY(capsa_cbor_write_text(&buf, "a"));
    return capsa_cbor_write_bytes(&buf, CAPSA_BYTES_LITERAL("hello"));
}

static void what_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    for (size_t max = 3; max < 3 + 6; max++) {
        CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(max);
        assert_ok(capsa_buf_str(&buf, "abc"));
        assert_fails(capsa_cbor_write_bytes(&buf, CAPSA_BYTES_LITERAL("hello")), TOO_LARGE);
        assert_true(capsa_bytes_is(capsa_buf_bytes(&buf), "abc"));
    }
    ASSERT_FAILS_CLEANLY(write_all());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_read_as_its_own_kind_and_no_other),
        cmocka_unit_test(what_is_written_is_the_shortest),
        cmocka_unit_test(lengths_at_each_border_come_back),
        cmocka_unit_test(widths_need_not_be_the_shortest),
        cmocka_unit_test(what_is_not_read_is_refused),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(A24_counts_and_lengths_without_the_bytes_are_refused),
        cmocka_unit_test(numbers_over_the_maximum_are_refused),
        cmocka_unit_test(an_item_that_ends_too_early_is_refused_at_every_length),
        cmocka_unit_test(errors_say_what_came_and_where),
        cmocka_unit_test(what_does_not_fit_leaves_the_buffer_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
