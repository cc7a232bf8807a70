/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the values of policy files (appraisal_read.h).
 */
#include "appraisal/appraisal_read.h"

#include "codec/text.h"

CAPSA_RESULT capsa_appraisal_unknown(const char *what, const char *name, const char *const *known)
{
    const char *nearest = capsa_nearest_name(name, known);
    CAPSA_REQUIRE(nearest != NULL, UNKNOWN_FIELD, "unknown %s \"%.64s\"", what, name);
    CAPSA_FAIL(UNKNOWN_FIELD, "unknown %s \"%.64s\"; \"%s\" is the nearest known", what, name,
               nearest);
}

CAPSA_RESULT capsa_appraisal_kind(const struct capsa_json *value, enum capsa_json_kind wanted)
{
    enum capsa_json_kind kind = capsa_json_kind_of(value);
    CAPSA_REQUIRE(kind == wanted, MALFORMED, "%s wanted, got %s", capsa_json_kind_name(wanted),
                  capsa_json_kind_name(kind));
    return CAPSA_OK;
}

/* ---- Hex --------------------------------------------------------------------------------------
 */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'f';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'F';
}

static capsa_result check_digits(const char *text, size_t digits, bool any_case)
{
    bool lower = false, upper = false;
    for (size_t i = 0; text[i] != '\0'; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        lower = lower || is_lower(text[i]);
        upper = upper || is_upper(text[i]);
        CAPSA_REQUIRE(digit || is_lower(text[i]) || is_upper(text[i]), MALFORMED,
                      "%zu hex digits wanted, got \"%.24s\"; nothing stands for any value", digits,
                      text);
    }
    CAPSA_REQUIRE(any_case || !lower || !upper, MALFORMED,
                  "hex digits of one case wanted, got lower and upper case");
    return CAPSA_OK;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    uint8_t all = 0;
    for (size_t i = 0; i < size; i++) {
        all |= bytes[i];
    }
    return all == 0;
}

CAPSA_RESULT capsa_appraisal_hex(const struct capsa_json *value, size_t size, bool any_case,
                                 uint8_t *ret_bytes)
{
    const char *text = capsa_json_string(value);
    CAPSA_REQUIRE(text != NULL, MALFORMED,
                  "a string of %zu hex digits wanted, got %s (quote what is all digits)", size * 2,
                  capsa_json_kind_name(capsa_json_kind_of(value)));
    CAPSA_REQUIRE(*text != '\0', MALFORMED, "%zu hex digits wanted, got nothing", size * 2);
    CAPSA_TRY(check_digits(text, size * 2, any_case));
    size_t len = strlen(text);
    CAPSA_REQUIRE(len == size * 2, MALFORMED, "%zu hex digits wanted, got %zu", size * 2, len);
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(size);
    CAPSA_TRY(capsa_hex_parse(capsa_bytes_str(text), &bytes));
    CAPSA_REQUIRE(!is_zero(bytes.data, bytes.len), MALFORMED,
                  "all zero, which is what evidence without a value has");
    memcpy(ret_bytes, bytes.data, size);
    return CAPSA_OK;
}

/* ---- Lists ------------------------------------------------------------------------------------
 */

size_t capsa_appraisal_count(const struct capsa_json *value)
{
    return capsa_json_kind_of(value) == CAPSA_JSON_ARRAY ? capsa_json_count(value) : 1;
}

const struct capsa_json *capsa_appraisal_nth(const struct capsa_json *value, size_t index)
{
    return capsa_json_kind_of(value) == CAPSA_JSON_ARRAY ? capsa_json_at(value, index) : value;
}

static capsa_result name_bit(const struct capsa_json *value, const char *what,
                             const char *const *known, uint64_t *ret_bit)
{
    CAPSA_TRY(capsa_appraisal_kind(value, CAPSA_JSON_STRING));
    const char *name = capsa_json_string(value);
    for (size_t i = 0; known[i] != NULL; i++) {
        if (capsa_streq(known[i], name)) {
            *ret_bit = UINT64_C(1) << i;
            return CAPSA_OK;
        }
    }
    return capsa_appraisal_unknown(what, name, known);
}

CAPSA_RESULT capsa_appraisal_names(const struct capsa_json *list, const char *what,
                                   const char *const *known, uint64_t *ret_set)
{
    CAPSA_TRY(capsa_appraisal_kind(list, CAPSA_JSON_ARRAY));
    size_t count = capsa_json_count(list);
    CAPSA_REQUIRE(count > 0, MALFORMED, "empty: nothing would be accepted; leave it out instead");
    uint64_t set = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t bit;
        CAPSA_TRY_AT(name_bit(capsa_json_at(list, i), what, known, &bit), "[%zu]", i);
        CAPSA_REQUIRE((set & bit) == 0, MALFORMED, "[%zu]: given twice", i);
        set |= bit;
    }
    *ret_set = set;
    return CAPSA_OK;
}
