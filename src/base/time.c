/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks, and RFC 3339 text (time.h).
 */
#include "base/time.h"

#include <stdio.h>
#include <time.h>

#include "base/reader.h"

static capsa_time system_now(const struct capsa_clock *clock)
{
    (void)clock;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

static capsa_time fixed_now(const struct capsa_clock *clock)
{
    return clock->fixed;
}

const struct capsa_clock capsa_clock_system = {.now = system_now};

struct capsa_clock capsa_clock_at(capsa_time at)
{
    return (struct capsa_clock){.now = fixed_now, .fixed = at};
}

int64_t capsa_monotonic_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void capsa_time_text(capsa_time time, char text[CAPSA_TIME_TEXT])
{
    /* Years that four digits cannot hold are shown at the end that they lie behind. */
    const capsa_time first = -62167219200; /* 0000-01-01 */
    const capsa_time last = 253402300799;  /* 9999-12-31T23:59:59 */
    time_t seconds = time < first ? first : time > last ? last : time;
    struct tm parts;
    (void)gmtime_r(&seconds, &parts);
    (void)strftime(text, CAPSA_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static capsa_result read_digits(struct capsa_reader *reader, size_t count, int *ret_value)
{
    capsa_bytes digits;
    CAPSA_TRY(capsa_read_bytes(reader, count, &digits));
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        CAPSA_REQUIRE(digits.data[i] >= '0' && digits.data[i] <= '9', MALFORMED,
                      "at offset %zu: a digit wanted", reader->at - count + i);
        value = value * 10 + (digits.data[i] - '0');
    }
    *ret_value = value;
    return CAPSA_OK;
}

static capsa_result read_one_of(struct capsa_reader *reader, const char *wanted, char *ret_got)
{
    uint8_t byte;
    CAPSA_TRY(capsa_read_u8(reader, &byte));
    CAPSA_REQUIRE(byte != 0 && strchr(wanted, byte) != NULL, MALFORMED,
                  "at offset %zu: one of \"%s\" wanted", reader->at - 1, wanted);
    *ret_got = (char)byte;
    return CAPSA_OK;
}

/* RFC 3339 §5.6: date-time. */
CAPSA_RESULT capsa_time_parse(capsa_bytes text, capsa_time *ret_time)
{
    struct capsa_reader reader = capsa_reader_of(text);
    int year, month, day, hour, minute, second;
    char mark;
    CAPSA_TRY(read_digits(&reader, 4, &year));
    CAPSA_TRY(read_one_of(&reader, "-", &mark));
    CAPSA_TRY(read_digits(&reader, 2, &month));
    CAPSA_TRY(read_one_of(&reader, "-", &mark));
    CAPSA_TRY(read_digits(&reader, 2, &day));
    CAPSA_TRY(read_one_of(&reader, "Tt ", &mark));
    CAPSA_TRY(read_digits(&reader, 2, &hour));
    CAPSA_TRY(read_one_of(&reader, ":", &mark));
    CAPSA_TRY(read_digits(&reader, 2, &minute));
    CAPSA_TRY(read_one_of(&reader, ":", &mark));
    CAPSA_TRY(read_digits(&reader, 2, &second));
    CAPSA_TRY(read_one_of(&reader, ".Zz+-", &mark));
    while (mark == '.' || (mark >= '0' && mark <= '9')) {
        CAPSA_TRY(read_one_of(&reader, mark == '.' ? "0123456789" : "0123456789Zz+-", &mark));
    }
    int offset_hour = 0, offset_minute = 0;
    if (mark == '+' || mark == '-') {
        char colon;
        CAPSA_TRY(read_digits(&reader, 2, &offset_hour));
        CAPSA_TRY(read_one_of(&reader, ":", &colon));
        CAPSA_TRY(read_digits(&reader, 2, &offset_minute));
    }
    CAPSA_TRY(capsa_read_end(&reader));
    CAPSA_REQUIRE(month >= 1 && month <= 12 && day >= 1 && hour <= 23 && minute <= 59 &&
                      second <= 60 && offset_hour <= 23 && offset_minute <= 59,
                  MALFORMED, "no such date or time");
    struct tm parts = {.tm_year = year - 1900,
                       .tm_mon = month - 1,
                       .tm_mday = day,
                       .tm_hour = hour,
                       .tm_min = minute};
    /* Normalises parts: the 30th of February moves. So does a leap second, which stays out. */
    time_t seconds = timegm(&parts) + second;
    CAPSA_REQUIRE(parts.tm_mday == day, MALFORMED, "no such day");
    int offset = (offset_hour * 60 + offset_minute) * 60;
    *ret_time = seconds - (mark == '-' ? -offset : offset);
    return CAPSA_OK;
}
