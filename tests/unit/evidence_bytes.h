/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence made of nothing but structure: every byte has a value of its own place, every length is
 * right, no signature is. And walking the recorded vectors with what is expected of them.
 */
#pragma once

#include <stdlib.h>

#include "base/alloc.h"
#include "codec/json.h"
#include "codec/text.h"
#include "evidence/claims.h"
#include "vectors.h"

#define EVIDENCE_MAX MIB(1)

static inline void put_le(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static inline uint64_t get_le(const uint8_t *at, size_t size)
{
    uint64_t number = 0;
    for (size_t i = size; i > 0; i--) {
        number = number << 8 | at[i - 1];
    }
    return number;
}

static inline void append_le(capsa_buf *buf, uint64_t value, size_t size)
{
    uint8_t *room = NULL;
    assert_ok(capsa_buf_extend(buf, size, &room));
    put_le(room, value, size);
}

/* Bytes that differ from their neighbours and from those of other fields of the same length. */
static inline uint8_t pattern_byte(size_t at)
{
    return (uint8_t)(at * 7 + at / 256 * 3 + 1);
}

static inline void append_pattern(capsa_buf *buf, size_t len)
{
    uint8_t *room = NULL;
    const size_t at = buf->len;
    assert_ok(capsa_buf_extend(buf, len, &room));
    for (size_t i = 0; i < len; i++) {
        room[i] = pattern_byte(at + i);
    }
}

/* ---- Quotes ---------------------------------------------------------------------------------- */

struct quote_plan {
    unsigned version, tee, body_type; /* body_type: 1 SGX, 2 TD 1.0, 3 TD 1.5 */
    size_t qe_auth;
    unsigned cert_type;
    const char *cert;
    size_t tail_slack;  /* behind the certification data, within the innermost length */
    size_t outer_slack; /* behind the frame of type 6, within the authentication data */
    size_t trailing;
};
struct quote_places { /* offsets of the lengths that a plan leads to; 0: there is none */
    size_t body_size, body, auth_size, outer_size, qe_report, qe_auth_size, cert_type, cert_size,
        end;
};

static const uint8_t plan_vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                        0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static inline struct quote_places make_quote(const struct quote_plan *plan, capsa_buf *quote)
{
    static const size_t body_sizes[] = {0, 384, 584, 648};
    struct quote_places places = {0};
    const size_t tail = 384 + 64 + 2 + plan->qe_auth + 2 + 4 + strlen(plan->cert);
    append_le(quote, plan->version, 2);
    append_le(quote, 2, 2);
    append_le(quote, plan->tee, 4);
    append_le(quote, 0x0a09, 2);
    append_le(quote, 0x0e0d, 2);
    assert_ok(capsa_buf_append(quote, capsa_bytes_of(plan_vendor, sizeof(plan_vendor))));
    append_pattern(quote, 20);
    if (plan->version == 5) {
        append_le(quote, plan->body_type, 2);
        places.body_size = quote->len;
        append_le(quote, body_sizes[plan->body_type], 4);
    }
    places.body = quote->len;
    append_pattern(quote, body_sizes[plan->body_type]);
    places.auth_size = quote->len;
    append_le(quote,
              128 + (plan->version > 3 ? 6u : 0u) + tail + plan->tail_slack + plan->outer_slack, 4);
    append_pattern(quote, 128);
    if (plan->version > 3) {
        append_le(quote, 6, 2);
        places.outer_size = quote->len;
        append_le(quote, tail + plan->tail_slack, 4);
    }
    places.qe_report = quote->len;
    append_pattern(quote, 384 + 64);
    places.qe_auth_size = quote->len;
    append_le(quote, plan->qe_auth, 2);
    append_pattern(quote, plan->qe_auth);
    places.cert_type = quote->len;
    append_le(quote, plan->cert_type, 2);
    places.cert_size = quote->len;
    append_le(quote, strlen(plan->cert), 4);
    assert_ok(capsa_buf_str(quote, plan->cert));
    append_pattern(quote, plan->tail_slack + plan->outer_slack);
    places.end = quote->len;
    append_pattern(quote, plan->trailing);
    return places;
}

#define PLAN_TAIL .qe_auth = 32, .cert_type = 5, .cert = "-----BEGIN NOTHING-----\n"
static const struct quote_plan quote_plans[] = {
    {.version = 3, .tee = 0, .body_type = 1, PLAN_TAIL},
    {.version = 4, .tee = 0, .body_type = 1, PLAN_TAIL},
    {.version = 4, .tee = 0x81, .body_type = 2, PLAN_TAIL},
    {.version = 5, .tee = 0, .body_type = 1, PLAN_TAIL},
    {.version = 5, .tee = 0x81, .body_type = 2, PLAN_TAIL},
    {.version = 5, .tee = 0x81, .body_type = 3, PLAN_TAIL},
};
#define QUOTE_PLANS (sizeof(quote_plans) / sizeof(quote_plans[0]))

/* ---- SNP, CSV -------------------------------------------------------------------------------- */

/* Reserved bytes are zero, everything else is a pattern. */
static inline void make_snp(unsigned version, uint8_t report[1184])
{
    static const struct {
        size_t from, to;
    } zeros[] = {{0x49, 0x50},   {0x18b, 0x1a0}, {0x1eb, 0x1ec}, {0x1ef, 0x1f0},
                 {0x208, 0x2a0}, {0x2d0, 0x2e8}, {0x318, 0x4a0}};
    for (size_t i = 0; i < 1184; i++) {
        report[i] = pattern_byte(i);
    }
    put_le(report, version, 4);
    put_le(report + 0x34, 1, 4);
    report[0x48] = 0;
    for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++) {
        memset(report + zeros[i].from, 0, zeros[i].to - zeros[i].from);
    }
    if (version < 3) {
        memset(report + 0x188, 0, 3);
        memset(report + 0x1f8, 0, 16);
    }
}

#define CSV_SECRET 0xa5

/* In clear: keys and numbers of 32 bytes in fields of 72. */
static inline void make_csv_cert(uint8_t cert[2084])
{
    static const size_t scalars[] = {20, 92, 1052, 1124, 1572, 1644};
    memset(cert, 0, 2084);
    put_le(cert, 1, 4);
    cert[4] = 1;
    cert[5] = 3;
    put_le(cert + 8, 0x1002, 4);
    put_le(cert + 12, 4, 4);
    put_le(cert + 16, 3, 4);
    for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
        for (size_t j = 0; j < 32; j++) {
            cert[scalars[i] + j] = pattern_byte(scalars[i] + j);
        }
    }
    put_le(cert + 164, 13, 2);
    memcpy(cert + 166, "HYGON-SSD-PEK", 13);
    put_le(cert + 1044, 0x1004, 4);
    put_le(cert + 1048, 4, 4);
    put_le(cert + 1564, 0x1001, 4);
    put_le(cert + 1568, 4, 4);
}

static inline void make_csv(uint32_t anonce, uint8_t report[2548])
{
    for (size_t i = 0; i < 188; i++) {
        report[i] = pattern_byte(i);
    }
    put_le(report + 176, 0x45, 4);
    put_le(report + 180, 0x1002, 4);
    put_le(report + 184, 4, 4);
    put_le(report + 188, anonce, 4);
    memset(report + 192, 0, 144);
    for (size_t i = 0; i < 32; i++) {
        report[192 + i] = pattern_byte(192 + i);
        report[264 + i] = pattern_byte(264 + i);
    }
    make_csv_cert(report + 336);
    memset(report + 2420, 0, 64);
    memcpy(report + 2420, "CHIP0000000001", 14);
    memset(report + 2484, CSV_SECRET, 32);
    for (size_t i = 2516; i < 2548; i++) {
        report[i] = pattern_byte(i);
    }
    for (size_t i = 0; i < 2484; i++) {
        report[i] ^= i < 188 || i >= 336 ? report[188 + i % 4] : 0;
    }
}

/* A copy of exactly this length on the heap, so that reading one byte more is noticed. */
static inline uint8_t *exact_copy(const void *data, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    return copy;
}

static inline void assert_hex_equal(capsa_bytes bytes, const char *hex, const char *what)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(EVIDENCE_MAX);
    const char *got = NULL;
    assert_ok(capsa_hex_write(bytes, &text));
    assert_ok(capsa_buf_cstr(&text, &got));
    if (strcmp(got, hex) != 0) {
        fail_msg("%s: wanted %s, got %s", what, hex, got);
    }
}

/* ---- Recorded vectors ------------------------------------------------------------------------ */

#define VECTORS_OF "attestation/"

typedef void (*vector_case)(const char *name, const struct capsa_json *expected, void *context);

static inline bool vector_file(const char *folder, const char *file, capsa_buf *ret_content)
{
    char name[1024], path[VECTOR_PATH];
    (void)snprintf(name, sizeof(name), VECTORS_OF "%s/%s", folder, file);
    test_vector_path(name, path);
    if (access(path, R_OK) != 0) {
        return false;
    }
    assert_ok(capsa_file_read(path, ret_content));
    return true;
}

/* Strings of ours hold no NUL; one recorded chip id does. It is read as U+0001. */
static inline void no_nul_escapes(capsa_buf *text)
{
    for (size_t i = 0; i + 6 <= text->len; i++) {
        if (memcmp(text->data + i, "\\u0000", 6) == 0) {
            text->data[i + 5] = '1';
        }
    }
}

struct vector_walk {
    vector_case try;
    void *context;
    size_t count;
};

static inline void try_vector(const char *folder, void *context)
{
    struct vector_walk *walk = context;
    const char *name = folder + strlen(VECTORS_OF);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_json *expected = NULL;
    if (!vector_file(name, "expected.json", &text)) {
        return;
    }
    no_nul_escapes(&text);
    assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &expected));
    walk->try(name, expected, walk->context);
    capsa_json_free(expected);
    walk->count++;
}

/* Each folder below `under` ("attestation/<under>") that has an expected.json. Skips the test when
 * there are no vectors. */
static inline size_t each_vector(const char *under, vector_case try, void *context)
{
    struct vector_walk walk = {try, context, 0};
    char parent[512];
    (void)snprintf(parent, sizeof(parent), VECTORS_OF "%s", under);
    (void)test_vector_each(parent, "", try_vector, &walk);
    return walk.count;
}

/* What a vector's `fields` says of a claim is what the claim says; how many were compared. */
static inline size_t compare_claims(const char *name, const struct capsa_json *fields,
                                    const struct capsa_claims *claims)
{
    struct capsa_json *all = NULL;
    assert_ok(capsa_claims_json(claims, &all));
    const struct capsa_json *values = capsa_json_get(all, capsa_platform_name(claims->platform));
    struct capsa_json_walk walk = {NULL, false};
    const char *member = NULL;
    const struct capsa_json *wanted = NULL;
    size_t compared = 0;
    while (capsa_json_next(fields, &walk, &member, &wanted)) {
        const struct capsa_json *got = capsa_json_get(values, member);
        if (got == NULL || capsa_json_kind_of(got) != capsa_json_kind_of(wanted) ||
            capsa_streq(member, "policy") || capsa_streq(member, "platform_info") ||
            (capsa_streq(member, "chip_id") && claims->platform == CAPSA_PLATFORM_CSV)) {
            continue;
        }
        const bool same = capsa_json_kind_of(got) == CAPSA_JSON_STRING
                              ? capsa_streq(capsa_json_string(got), capsa_json_string(wanted))
                              : capsa_json_int(got) == capsa_json_int(wanted);
        if (!same) {
            fail_msg("%s: %s differs", name, member);
        }
        compared++;
    }
    if (capsa_json_get(fields, "debug") != NULL) {
        assert_int_equal(claims->debug, capsa_json_bool(capsa_json_get(fields, "debug")));
        assert_int_equal(capsa_json_bool(capsa_json_get(all, "debug")), claims->debug);
    }
    capsa_json_free(all);
    return compared;
}
