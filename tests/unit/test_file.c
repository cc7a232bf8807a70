/* SPDX-License-Identifier: Apache-2.0
 *
 * The two formats of sealed files: sizes, keys, and damage of every kind. How files are read and
 * written is in test_file_io.c.
 */
#include "file_fixture.h"

#include "codec/text.h"
#include "envelope/envelope_file_format.h"

/* ---- what goes in comes out ------------------------------------------------------------------ */

static void every_size_opens_to_what_was_sealed(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,         1,          8125,       8126,           8127,
                                   16252,     16253,      CHUNK - 1,  CHUNK,          CHUNK + 1,
                                   3 * CHUNK, MIB(1) + 1, 129 * 8126, 129 * 8126 + 1, 2 * MIB(1)};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        put_made("plain", sizes[i]);
        for (unsigned f = 0; f < 2; f++) {
            for (size_t len = 16; len <= 32; len += 8) {
                capsa_secret_bytes any = {key_bytes, len};
                assert_ok(capsa_file_seal(at("plain"), at("sealed"), any, formats[f]));
                assert_ok(capsa_file_open(at("sealed"), at("opened"), any, NULL));
                assert_same("plain", "opened");
                assert_int_equal(unlink(at("sealed")), 0);
                assert_int_equal(unlink(at("opened")), 0);
            }
        }
    }
}

static void a_sealed_file_tells_its_numbers_without_the_key(void **state)
{
    (void)state;
    struct capsa_file_info info;
    struct capsa_file_options named = {.chunk = CHUNK,
                                       .resource = "hospital/t\xc3\xa4"
                                                   "ble"};
    put_made("plain", 3 * CHUNK + 5);
    assert_ok(capsa_file_seal(at("plain"), at("a"), (capsa_secret_bytes){key_bytes, 32}, &named));
    assert_ok(capsa_file_show(at("a"), &info));
    assert_int_equal(info.format, CAPSA_FILE_CAPSA);
    assert_int_equal(info.plain_size, 3 * CHUNK + 5);
    assert_int_equal(info.sealed_size, 44 + 15 + 32 + 3 * CHUNK + 5 + 4 * 16);
    assert_int_equal(info.pieces, 4);
    assert_int_equal(info.piece_size, CHUNK);
    assert_int_equal(info.key_bytes, 32);
    assert_string_equal(info.resource, "hospital/t\xc3\xa4"
                                       "ble");
    put_made("plain", 16253);
    assert_ok(capsa_file_seal(at("plain"), at("b"), key, &sdc1));
    assert_ok(capsa_file_show(at("b"), &info));
    assert_int_equal(info.format, CAPSA_FILE_SDC1);
    assert_int_equal(info.plain_size, 16253);
    assert_int_equal(info.sealed_size, 20 + 3 * 66 + 16253);
    assert_int_equal(info.pieces, 3);
    assert_int_equal(info.key_bytes, 0);
    assert_string_equal(info.resource, "");
    assert_fails(capsa_file_show(at("plain"), &info), MALFORMED);
    assert_fails(capsa_file_show(folder, &info), IO);
}

/* shared/vectors/capsule-manager/hello.enc, which the original's Python made. */
static const char recorded[] = "0100000001000000010000000000000000200000"
                               "0c0660273d1a2901d3229991b1"
                               "0000000000000000000000000000000000000000"
                               "10e245b487715baa875db4780bb1993ffa"
                               "00000000000000000000000000000000"
                               "26e5c3c9b686f65d7f7c9d5e0baa";

/* docs/explanation/FILES.md shows this file; a program of another language made it. */
static const char worked_example[] =
    "434150534146011012000007"
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
    "612f7461626c65"
    "e77a3539f19c2e4de887e1ad148cbc092c66945a870fa99512f2b15abf938579"
    "d446124ee4ef8e32f7cfea1dd6f69356dec60d55ecdad144015cddbd12b0";

static void put_hex(const char *name, const char *hex)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(1));
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &bytes));
    put(name, capsa_buf_bytes(&bytes));
}

static void recorded_files_open(void **state)
{
    (void)state;
    put_hex("sealed", recorded);
    assert_ok(reopen("sealed", NULL));
    assert_holds("opened", "hello capsule\n");
    put_hex("sealed", worked_example);
    assert_ok(reopen("sealed", &(struct capsa_file_options){.resource = "a/table"}));
    assert_holds("opened", "hello capsule\n");
}

static void the_recorded_vector_file_opens(void **state)
{
    (void)state;
    char path[512];
    const char *vectors = getenv("CAPSA_VECTORS");
    (void)snprintf(path, sizeof(path), "%s/capsule-manager/hello.enc",
                   vectors == NULL ? CAPSA_SOURCE_ROOT "/../shared/vectors" : vectors);
    if (access(path, R_OK) != 0) {
        print_message("skipped: no recorded vectors at %s\n", path);
        skip();
    }
    assert_ok(capsa_file_open(path, at("opened"), key, NULL));
    assert_holds("opened", "hello capsule\n");
}

/* The original writes an empty file as count 0 and one empty block, and then cannot read it. */
static void the_originals_empty_file_is_read_and_never_written(void **state)
{
    (void)state;
    put("plain", capsa_bytes_of(NULL, 0));
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, &sdc1));
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(16));
    get("sealed", &sealed);
    assert_int_equal(sealed.len, 86);
    assert_int_equal(sealed.data[8], 1);
    sealed.data[8] = 0;
    put("sealed", capsa_buf_bytes(&sealed));
    assert_ok(reopen("sealed", NULL));
    assert_same("plain", "opened");
    struct capsa_file_info info;
    assert_ok(capsa_file_show(at("sealed"), &info));
    assert_int_equal(info.plain_size, 0);
    sealed.data[70] ^= 1; /* of the tag field's padding */
    put("sealed", capsa_buf_bytes(&sealed));
    assert_fails(reopen("sealed", NULL), MALFORMED);

    put_hex("sealed", recorded); /* count 0, but 14 bytes of data */
    get("sealed", &sealed);
    sealed.data[8] = 0;
    put("sealed", capsa_buf_bytes(&sealed));
    assert_fails(reopen("sealed", NULL), MALFORMED);
    put("sealed", capsa_bytes_of(sealed.data, 20)); /* count 0 and nothing authentic at all */
    assert_fails(reopen("sealed", NULL), TRUNCATED);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {20, 2 * CHUNK, 8126 + 30};
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(64));
    for (unsigned i = 0; i < 6; i++) {
        put_made("plain", sizes[i / 2]);
        (void)unlink(at("sealed"));
        assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, formats[i % 2]));
        get("sealed", &sealed);
        size_t step = sealed.len > 1000 ? 37 : 1; /* 37: meets all offsets in a block in turn */
        for (size_t len = 0; len < sealed.len; len += step) {
            put("cut", capsa_bytes_of(sealed.data, len));
            assert_true(capsa_failed(reopen("cut", NULL)));
        }
    }
    assert_nothing_left(3);
}

static void a_cut_between_pieces_is_said_to_be_one(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(64));
    put_made("plain", 2 * CHUNK + 1);
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, &own));
    get("sealed", &sealed);
    put("cut", capsa_bytes_of(sealed.data, 76 + 2 * (CHUNK + 16)));
    capsa_result result = reopen("cut", NULL);
    assert_fails(result, TRUNCATED);
    assert_non_null(strstr(capsa_text_of(result), "more must follow chunk 1"));
    put("cut", capsa_bytes_of(sealed.data, 76 + 2 * (CHUNK + 16) + 16));
    assert_fails(reopen("cut", NULL), TRUNCATED);
    struct capsa_file_info info;
    put("cut", capsa_bytes_of(sealed.data, 76 + 2 * (CHUNK + 16) + 15));
    assert_fails(capsa_file_show(at("cut"), &info), TRUNCATED);
    put("cut", capsa_bytes_of(sealed.data, 76));
    assert_fails(reopen("cut", NULL), TRUNCATED);
    (void)unlink(at("sealed"));
    put_made("plain", 2 * 8126 + 1);
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, &sdc1));
    get("sealed", &sealed);
    put("cut", capsa_bytes_of(sealed.data, 20 + 2 * 8192));
    assert_fails(reopen("cut", NULL), TRUNCATED);
    assert_nothing_left(3);
}

static void bytes_behind_the_end_are_refused(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(64));
        size_t size = f == 0 ? CHUNK : 8126;
        put_made("plain", size);
        (void)unlink(at("sealed"));
        assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, formats[f]));
        get("sealed", &sealed);
        size_t piece = f == 0 ? CHUNK + 16 : 8192;
        capsa_bytes last = capsa_bytes_of(sealed.data + sealed.len - piece, piece);
        CAPSA_AUTO(capsa_buf) longer = capsa_buf_of(KIB(64));
        assert_ok(capsa_buf_append(&longer, capsa_buf_bytes(&sealed)));
        assert_ok(capsa_buf_append(&longer, last));
        put("longer", capsa_buf_bytes(&longer));
        assert_fails(reopen("longer", NULL), MALFORMED);
        put("longer", capsa_bytes_of(longer.data, sealed.len + 1));
        assert_true(capsa_failed(reopen("longer", NULL)));
    }
    assert_nothing_left(3);
}

static void every_changed_bit_is_noticed(void **state)
{
    (void)state;
    struct capsa_file_options named = {.resource = "a/table"};
    const struct capsa_file_options *const all[] = {&named, &own, &sdc1, &sdc1};
    static const size_t sizes[] = {21, 2 * CHUNK + 9, 21, 8126 + 9};
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(64));
    for (unsigned i = 0; i < 4; i++) {
        put_made("plain", sizes[i]);
        (void)unlink(at("sealed"));
        assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, all[i]));
        get("sealed", &sealed);
        size_t step = sealed.len > 1000 ? 83 : 1;
        for (size_t bit = 0; bit < sealed.len * 8; bit += step) {
            sealed.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            put("bad", capsa_buf_bytes(&sealed));
            if (!capsa_failed(reopen("bad", NULL))) {
                fail_msg("case %u: bit %zu of byte %zu can change unnoticed", i, bit % 8, bit / 8);
            }
            sealed.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        }
        put("bad", capsa_buf_bytes(&sealed));
        assert_ok(reopen("bad", NULL));
    }
}

/* Build a file of pieces taken from `from`, in the order of `order` (digits), behind its header. */
static void rearrange(const char *from, size_t header, size_t piece, const char *order)
{
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_buf) made = capsa_buf_of(KIB(64));
    get(from, &sealed);
    assert_ok(capsa_buf_append(&made, capsa_bytes_of(sealed.data, header)));
    for (const char *digit = order; *digit != '\0'; digit++) {
        size_t start = header + (size_t)(*digit - '0') * piece;
        size_t len = sealed.len - start < piece ? sealed.len - start : piece;
        assert_ok(capsa_buf_append(&made, capsa_bytes_of(sealed.data + start, len)));
    }
    put("made", capsa_buf_bytes(&made));
}

static void chunks_out_of_their_place_are_refused(void **state)
{
    (void)state;
    put_made("plain", 4 * CHUNK); /* all chunks of one size: only their place tells them apart */
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, &own));
    rearrange("sealed", 76, CHUNK + 16, "0123");
    assert_ok(reopen("made", NULL));
    static const char *const orders[] = {"1023", "0213", "0132", "3210", "0023",  "01123", "023",
                                         "123",  "0122", "0",    "3",    "01233", "012"};
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        rearrange("sealed", 76, CHUNK + 16, orders[i]);
        assert_true(capsa_failed(reopen("made", NULL)));
    }
    assert_nothing_left(3);
}

static void a_chunk_of_another_file_is_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) one = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_buf) two = capsa_buf_of(KIB(64));
    put_made("plain", 2 * CHUNK);
    assert_ok(capsa_file_seal(at("plain"), at("one"), key, &own));
    assert_ok(capsa_file_seal(at("plain"), at("two"), key, &own));
    get("one", &one);
    get("two", &two);
    memcpy(one.data + 76, two.data + 76, CHUNK + 16); /* same key, same place, same content */
    put("one", capsa_buf_bytes(&one));
    assert_fails(reopen("one", NULL), UNAUTHENTIC);
    memcpy(one.data, two.data, 76); /* a whole header of another file */
    memcpy(one.data + 76, two.data + 76 + CHUNK + 16, CHUNK + 16);
    put("one", capsa_buf_bytes(&one));
    assert_fails(reopen("one", NULL), UNAUTHENTIC);
}

/* What the format cannot show, docs/explanation/FILES.md says; ours is there for that. */
static void sdc1_does_not_show_reordering_but_its_count_shows_a_dropped_block(void **state)
{
    (void)state;
    put_made("plain", 4 * 8126);
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, &sdc1));
    rearrange("sealed", 20, 8192, "1032");
    assert_ok(reopen("made", NULL));
    rearrange("sealed", 20, 8192, "012");
    assert_fails(reopen("made", NULL), TRUNCATED);
    rearrange("sealed", 20, 8192, "01233");
    assert_fails(reopen("made", NULL), MALFORMED);
}

static void the_wrong_key_is_refused(void **state)
{
    (void)state;
    put_made("plain", 100);
    for (unsigned f = 0; f < 2; f++) {
        (void)unlink(at("sealed"));
        assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, formats[f]));
        for (size_t len = 16; len <= 32; len += 8) {
            capsa_secret_bytes wrong = {key_bytes + (len == 16 ? 1 : 0), len};
            assert_fails(capsa_file_open(at("sealed"), at("opened"), wrong, NULL), UNAUTHENTIC);
        }
        capsa_secret_bytes odd = {key_bytes, 17};
        assert_fails(capsa_file_open(at("sealed"), at("opened"), odd, NULL), USAGE);
        assert_fails(capsa_file_seal(at("plain"), at("opened"), odd, formats[f]), USAGE);
    }
    assert_nothing_left(2);
}

static void a_header_with_impossible_numbers_is_refused(void **state)
{
    (void)state;
    static const struct {
        bool is_sdc1;
        size_t at;
        uint8_t value;
        enum capsa_code code;
    } cases[] = {
        {true, 0, 2, CAPSA_E_MALFORMED},      /* version */
        {true, 4, 2, CAPSA_E_MALFORMED},      /* schema */
        {true, 8, 2, CAPSA_E_TRUNCATED},      /* count */
        {true, 15, 0xff, CAPSA_E_TOO_LARGE},  /* count over 2^56 */
        {true, 12, 1, CAPSA_E_TOO_LARGE},     /* count 2^32 + 1 */
        {true, 16, 1, CAPSA_E_MALFORMED},     /* block length 0x2001 */
        {true, 17, 0, CAPSA_E_MALFORMED},     /* block length 0 */
        {true, 20, 13, CAPSA_E_MALFORMED},    /* IV length */
        {true, 20, 33, CAPSA_E_MALFORMED},    /* IV length beyond its field */
        {true, 52, 1, CAPSA_E_MALFORMED},     /* IV padding */
        {true, 53, 12, CAPSA_E_MALFORMED},    /* tag length */
        {true, 85, 1, CAPSA_E_MALFORMED},     /* tag padding */
        {false, 5, 'E', CAPSA_E_MALFORMED},   /* magic */
        {false, 6, 2, CAPSA_E_UNSUPPORTED},   /* version */
        {false, 7, 17, CAPSA_E_MALFORMED},    /* key bytes */
        {false, 7, 32, CAPSA_E_UNAUTHENTIC},  /* key bytes of another key */
        {false, 8, 11, CAPSA_E_MALFORMED},    /* chunk below the least */
        {false, 8, 23, CAPSA_E_MALFORMED},    /* chunk above the most */
        {false, 8, 255, CAPSA_E_MALFORMED},   /* chunk 2^255 */
        {false, 8, 13, CAPSA_E_UNAUTHENTIC},  /* another chunk size */
        {false, 9, 1, CAPSA_E_MALFORMED},     /* must be zero */
        {false, 10, 4, CAPSA_E_TOO_LARGE},    /* resource of 1031 bytes */
        {false, 10, 0xff, CAPSA_E_TOO_LARGE}, /* resource of 65287 bytes */
        {false, 44, '\n', CAPSA_E_MALFORMED}, /* resource with a control character */
        {false, 44, 0xff, CAPSA_E_MALFORMED}, /* resource that is no UTF-8 */
        {false, 44, 'b', CAPSA_E_UNAUTHENTIC},
    };
    struct capsa_file_options named = {.resource = "a/table", .chunk = CHUNK};
    put_made("plain", 30);
    assert_ok(capsa_file_seal(at("plain"), at("own"), key, &named));
    assert_ok(capsa_file_seal(at("plain"), at("sdc1"), key, &sdc1));
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(64));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        get(cases[i].is_sdc1 ? "sdc1" : "own", &sealed);
        sealed.data[cases[i].at] = cases[i].value;
        put("bad", capsa_buf_bytes(&sealed));
        capsa_result result = reopen("bad", NULL);
        if (capsa_code_of(result) != cases[i].code) {
            fail_msg("case %zu: wanted %s, got %s: %s", i, capsa_code_name(cases[i].code),
                     capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
        }
    }
    assert_nothing_left(4);
}

static void what_the_caller_will_not_accept_is_refused(void **state)
{
    (void)state;
    struct capsa_file_options named = {.resource = "a/table"};
    struct capsa_file_options other = {.resource = "b/table"};
    put_made("plain", 30);
    assert_ok(capsa_file_seal(at("plain"), at("own"), key, &named));
    assert_ok(capsa_file_seal(at("plain"), at("sdc1"), key, &sdc1));
    assert_ok(reopen("own", &named));
    assert_fails(reopen("own", &other), DENIED);
    assert_fails(reopen("own", &sdc1), UNSUPPORTED);
    assert_fails(reopen("sdc1", &own), UNSUPPORTED);
    assert_fails(reopen("sdc1", &named), UNSUPPORTED);
    assert_ok(reopen("sdc1", &sdc1));
    char *long_name = malloc(CAPSA_LIMIT_id_bytes + 2);
    assert_non_null(long_name);
    memset(long_name, 'a', CAPSA_LIMIT_id_bytes + 1);
    long_name[CAPSA_LIMIT_id_bytes + 1] = '\0';
    struct capsa_file_options bad = {.resource = long_name};
    assert_fails(capsa_file_seal(at("plain"), at("x"), key, &bad), TOO_LARGE);
    long_name[CAPSA_LIMIT_id_bytes] = '\0';
    assert_ok(capsa_file_seal(at("plain"), at("x"), key, &bad));
    assert_ok(reopen("x", &bad));
    free(long_name);
    bad = (struct capsa_file_options){.chunk = 5000};
    assert_fails(capsa_file_seal(at("plain"), at("y"), key, &bad), USAGE);
    bad = (struct capsa_file_options){.chunk = 2 * CAPSA_FILE_CHUNK_MAX};
    assert_fails(capsa_file_seal(at("plain"), at("y"), key, &bad), USAGE);
    bad = (struct capsa_file_options){.format = CAPSA_FILE_SDC1, .resource = "a"};
    assert_fails(capsa_file_seal(at("plain"), at("y"), key, &bad), UNSUPPORTED);
}

/* ---- sizes no test writes -------------------------------------------------------------------- */

static void sizes_over_4_gib_are_counted_rightly(void **state)
{
    (void)state;
    const struct capsa_file_codec block = {
        .header_len = 20, .plain_record = 8126, .sealed_record = 8192};
    static const struct {
        uint64_t plain, records, sealed;
    } cases[] = {
        {0, 1, 86},
        {8126, 1, 8212},
        {8127, 2, 8279},
        {4294967296, 528547, 4329851418},
        {5368709120, 660683, 5412314218},
        {34900904247291, 4294967296, 35184372088847},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t records = 0;
        uint64_t size = 0;
        assert_ok(capsa_file_grown(&block, cases[i].plain, &records, &size));
        assert_int_equal(records, cases[i].records);
        assert_int_equal(size, cases[i].sealed);
        assert_ok(capsa_file_fit(&block, cases[i].sealed, &records, &size));
        assert_int_equal(records, cases[i].records);
        assert_int_equal(size, cases[i].plain);
    }
    uint64_t records = 7;
    uint64_t size = 7;
    assert_fails(capsa_file_grown(&block, INT64_MAX, &records, &size), TOO_LARGE);
    assert_fails(capsa_file_grown(&block, ((uint64_t)1 << 32) * 8126 + 1, &records, &size),
                 TOO_LARGE);
    assert_ok(capsa_file_grown(&block, ((uint64_t)1 << 32) * 8126, &records, &size));
    assert_fails(capsa_file_fit(&block, UINT64_MAX, &records, &size), TOO_LARGE);
}

static void a_file_over_4_gib_is_measured_and_told_from_a_cut_one(void **state)
{
    (void)state;
    static const uint8_t header[20] = {1,    0, 0, 0, 1, 0, 0, 0,    0xcb, 0x14,
                                       0x0a, 0, 0, 0, 0, 0, 0, 0x20, 0,    0};
    put("sparse", capsa_bytes_of(header, sizeof(header)));
    struct capsa_file_info info;
    assert_int_equal(truncate(at("sparse"), 5412314218), 0);
    assert_ok(capsa_file_show(at("sparse"), &info));
    assert_int_equal(info.pieces, 660683);
    assert_int_equal(info.plain_size, 5368709120);
    assert_int_equal(truncate(at("sparse"), 5412314218 - 4294967296), 0);
    assert_fails(capsa_file_show(at("sparse"), &info), TRUNCATED);
    assert_int_equal(truncate(at("sparse"), 20 + (off_t)660683 * 8192 + 1), 0);
    assert_fails(capsa_file_show(at("sparse"), &info), MALFORMED);
}

static void formats_have_names(void **state)
{
    (void)state;
    enum capsa_file_format format = CAPSA_FILE_ANY;
    assert_ok(capsa_file_format_parse("sdc1", &format));
    assert_int_equal(format, CAPSA_FILE_SDC1);
    assert_ok(capsa_file_format_parse(capsa_file_format_name(CAPSA_FILE_CAPSA), &format));
    assert_int_equal(format, CAPSA_FILE_CAPSA);
    assert_fails(capsa_file_format_parse("zip", &format), USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(every_size_opens_to_what_was_sealed),
        in_folder(a_sealed_file_tells_its_numbers_without_the_key),
        in_folder(recorded_files_open),
        in_folder(the_recorded_vector_file_opens),
        in_folder(the_originals_empty_file_is_read_and_never_written),
        in_folder(a_file_cut_anywhere_is_refused),
        in_folder(a_cut_between_pieces_is_said_to_be_one),
        in_folder(bytes_behind_the_end_are_refused),
        in_folder(every_changed_bit_is_noticed),
        in_folder(chunks_out_of_their_place_are_refused),
        in_folder(a_chunk_of_another_file_is_refused),
        in_folder(sdc1_does_not_show_reordering_but_its_count_shows_a_dropped_block),
        in_folder(the_wrong_key_is_refused),
        in_folder(a_header_with_impossible_numbers_is_refused),
        in_folder(what_the_caller_will_not_accept_is_refused),
        cmocka_unit_test(sizes_over_4_gib_are_counted_rightly),
        in_folder(a_file_over_4_gib_is_measured_and_told_from_a_cut_one),
        cmocka_unit_test(formats_have_names),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
