/* SPDX-License-Identifier: Apache-2.0
 *
 * What TCB Info and enclave identities have in common: their values as Intel writes them, and
 * levels by ISVSVN. Whatever is short, long or unknown is refused, and the error says which member.
 */
#include "verifier/verifier_levels.h"

#include "base/alloc.h"
#include "codec/text.h"

#define REQUIRED CAPSA_FIELD_REQUIRED

/* ---- Values -----------------------------------------------------------------------------------
 */

CAPSA_RESULT capsa_tcb_read_hex(const char *member, const char *text, uint8_t *out, size_t size)
{
    size_t len = strlen(text);
    CAPSA_REQUIRE(len == 2 * size, MALFORMED, "%s: %zu hex digits, %zu are wanted", member, len,
                  2 * size);
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(size);
    CAPSA_TRY_AT(capsa_hex_parse(capsa_bytes_of(text, len), &bytes), "%s", member);
    memcpy(out, bytes.data, size);
    return CAPSA_OK;
}

/* "2025-02-26T10:37:20Z" and no other form of RFC 3339. */
CAPSA_RESULT capsa_tcb_read_time(const char *member, const char *text, capsa_time *ret_time)
{
    size_t len = strlen(text);
    CAPSA_REQUIRE(len == CAPSA_TIME_TEXT - 1 && text[10] == 'T' && text[len - 1] == 'Z', MALFORMED,
                  "%s: YYYY-MM-DDThh:mm:ssZ is wanted", member);
    capsa_time time = 0;
    CAPSA_TRY_AT(capsa_time_parse(capsa_bytes_of(text, len), &time), "%s", member);
    CAPSA_REQUIRE(time > 0, MALFORMED, "%s: before 1970", member);
    *ret_time = time;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_tcb_read_advisories(const struct capsa_json *list, capsa_buf *pool,
                                       struct capsa_advisory_rows *ret_rows)
{
    size_t count = capsa_json_count(list);
    CAPSA_REQUIRE(count <= CAPSA_ADVISORIES, TOO_LARGE, "advisoryIDs: %zu, at most %d are read",
                  count, CAPSA_ADVISORIES);
    struct capsa_advisory_rows rows = {(uint32_t)(pool->len / CAPSA_ADVISORY_TEXT),
                                       (uint32_t)count};
    for (size_t i = 0; i < count; i++) {
        const char *text = capsa_json_string(capsa_json_at(list, i));
        size_t len = strlen(text);
        CAPSA_REQUIRE(len > 0 && len < CAPSA_ADVISORY_TEXT, MALFORMED,
                      "advisoryIDs[%zu]: %zu characters, wanted are 1 to %d", i, len,
                      CAPSA_ADVISORY_TEXT - 1);
        uint8_t *row = NULL;
        CAPSA_TRY(capsa_buf_extend(pool, CAPSA_ADVISORY_TEXT, &row));
        memset(row, 0, CAPSA_ADVISORY_TEXT);
        memcpy(row, text, len);
    }
    *ret_rows = rows;
    return CAPSA_OK;
}

capsa_buf capsa_tcb_new_pool(void)
{
    return capsa_buf_of((size_t)CAPSA_LIMIT_tcb_advisories * CAPSA_ADVISORY_TEXT);
}

const struct capsa_json_field capsa_tcb_level_fields[] = {
    {"tcb", CAPSA_FIELD_VALUE, offsetof(struct capsa_tcb_raw_level, tcb), REQUIRED, 0, 0, NULL},
    {"tcbDate", CAPSA_FIELD_STRING, offsetof(struct capsa_tcb_raw_level, date), REQUIRED, 0, 0,
     NULL},
    {"tcbStatus", CAPSA_FIELD_STRING, offsetof(struct capsa_tcb_raw_level, status), REQUIRED, 0, 0,
     NULL},
    {"advisoryIDs", CAPSA_FIELD_STRINGS, offsetof(struct capsa_tcb_raw_level, advisories), 0, 0, 0,
     NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL},
};

CAPSA_RESULT capsa_tcb_decode(const struct capsa_json *object,
                              const struct capsa_json_field *fields, void *ret_struct)
{
    CAPSA_REQUIRE(capsa_json_kind_of(object) == CAPSA_JSON_OBJECT, MALFORMED,
                  "an object is wanted, got %s", capsa_json_kind_name(capsa_json_kind_of(object)));
    return capsa_json_decode(object, fields, CAPSA_JSON_UNKNOWN_SKIPPED, ret_struct);
}

/* Of an array that has to be there and hold something. */
CAPSA_RESULT capsa_tcb_count(const char *member, const struct capsa_json *array, size_t max,
                             size_t *ret_count)
{
    CAPSA_REQUIRE(capsa_json_kind_of(array) == CAPSA_JSON_ARRAY, MALFORMED,
                  "%s: an array is wanted, got %s", member,
                  capsa_json_kind_name(capsa_json_kind_of(array)));
    size_t count = capsa_json_count(array);
    CAPSA_REQUIRE(count > 0, MALFORMED, "%s: it is empty", member);
    CAPSA_REQUIRE(count <= max, TOO_LARGE, "%s: %zu entries, at most %zu are read", member, count,
                  max);
    *ret_count = count;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_tcb_read_status(const char *text, enum capsa_tcb_status *ret_status)
{
    enum capsa_tcb_status status = capsa_tcb_status_by_name(capsa_bytes_str(text));
    CAPSA_REQUIRE(status != CAPSA_TCB_ABSENT && status != CAPSA_TCB_TD_RELAUNCH_ADVISED &&
                      status != CAPSA_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
                  MALFORMED, "tcbStatus: no such status as \"%s\"", text);
    *ret_status = status;
    return CAPSA_OK;
}

/* ---- Levels of modules and enclaves -----------------------------------------------------------
 */

struct raw_isv_tcb {
    int64_t isv_svn;
};

static const struct capsa_json_field isv_tcb_fields[] = {
    {"isvsvn", CAPSA_FIELD_INT, offsetof(struct raw_isv_tcb, isv_svn), REQUIRED, 0, UINT16_MAX,
     NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL},
};

/* Of these Intel's library knows good, revoked, and everything else. */
static enum capsa_tcb_status isv_status(enum capsa_tcb_status status)
{
    bool is_kept = status == CAPSA_TCB_UP_TO_DATE || status == CAPSA_TCB_REVOKED;
    return is_kept ? status : CAPSA_TCB_OUT_OF_DATE;
}

static CAPSA_RESULT read_isv_level(const struct capsa_json *object, capsa_buf *pool,
                                   struct capsa_isv_level *ret_level)
{
    struct capsa_tcb_raw_level raw = {NULL, NULL, NULL, NULL};
    struct raw_isv_tcb tcb = {0};
    CAPSA_TRY(capsa_tcb_decode(object, capsa_tcb_level_fields, &raw));
    CAPSA_TRY_AT(capsa_tcb_decode(raw.tcb, isv_tcb_fields, &tcb), "tcb");
    ret_level->isv_svn = (uint16_t)tcb.isv_svn;
    enum capsa_tcb_status status = CAPSA_TCB_ABSENT;
    CAPSA_TRY(capsa_tcb_read_status(raw.status, &status));
    ret_level->status = isv_status(status);
    CAPSA_TRY(capsa_tcb_read_time("tcbDate", raw.date, &ret_level->date));
    return capsa_tcb_read_advisories(raw.advisories, pool, &ret_level->advisories);
}

/* *ret_levels is the caller's to free, whether this succeeds or not. */
CAPSA_RESULT capsa_tcb_read_isv_levels(const struct capsa_json *array, capsa_buf *pool,
                                       struct capsa_isv_level **ret_levels, size_t *ret_count)
{
    size_t count = 0;
    CAPSA_TRY(capsa_tcb_count("tcbLevels", array, CAPSA_LIMIT_tcb_levels, &count));
    struct capsa_isv_level *levels = capsa_alloc_array(count, sizeof(*levels));
    CAPSA_REQUIRE_MEMORY(levels);
    *ret_levels = levels;
    *ret_count = count;
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY_AT(read_isv_level(capsa_json_at(array, i), pool, &levels[i]), "tcbLevels[%zu]",
                     i);
    }
    return CAPSA_OK;
}
