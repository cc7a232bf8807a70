/* SPDX-License-Identifier: Apache-2.0
 *
 * Variables in, policy out (ra_tls_env.h). Values are read once into places of our own: whoever
 * changes the environment meanwhile gets the old values or the new ones.
 */
#include "ra_tls_env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ra_tls.h"
#include "ra_tls_say.h"

#define HEX_DIGITS    64
#define QCNL_DEFAULT  "/etc/sgx_default_qcnl.conf"
#define ANY           "any"
#define SHOWN         80 /* bytes of a wrong value that are repeated to whoever gave it */
#define FLAG_INSECURE "RA_TLS_ALLOW_ANY_MEASUREMENT_INSECURE"

/* ---- Single values --------------------------------------------------------------------------- */

/* What a terminal or a log must not be given goes as '?'. */
static int refuse(const char *name, const char *value, const char *wanted)
{
    char shown[SHOWN + 1] = {0};
    for (size_t i = 0; i < SHOWN && value[i] != '\0'; i++) {
        shown[i] = value[i];
        if (value[i] < ' ' || value[i] > '~') {
            shown[i] = '?';
        }
    }
    return ra_tls_say(RA_TLS_BAD_INPUT, "%s is \"%s\"%s; wanted is %s", name, shown,
                      strlen(value) > SHOWN ? "..." : "", wanted);
}

/* NULL: not set. The one door to the environment, but for paths. */
static const char *value_of(const char *name)
{
    return getenv(name);
}

/* To whoever has more rights than the one who started him (setuid) no path is told: neither files
 * to open, nor a platform to believe. */
static const char *path_of(const char *name)
{
    return secure_getenv(name);
}

/* Only "1" is yes, as in the original: everything else is the safe side. */
static bool is_on(const char *name)
{
    const char *value = value_of(name);
    return value != NULL && strcmp(value, "1") == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
}

static int require(const char *name, const char **ret_value)
{
    const char *value = value_of(name);
    if (value == NULL) {
        return ra_tls_say(RA_TLS_BAD_INPUT,
                          "%s is not set, and has to be: what it should say, or \"" ANY "\"", name);
    }
    *ret_value = value;
    return RA_TLS_OK;
}

/* "": any. */
static int read_measurement(const char *name, char ret_hex[HEX_DIGITS + 1])
{
    const char *value = NULL;
    const int code = require(name, &value);
    if (code != RA_TLS_OK) {
        return code;
    }
    char hex[HEX_DIGITS + 1] = {0};
    size_t len = 0;
    while (len < HEX_DIGITS && is_lower_hex(lower(value[len]))) {
        hex[len] = lower(value[len]);
        len++;
    }
    if (len == HEX_DIGITS && value[len] == '\0') {
        memcpy(ret_hex, hex, sizeof(hex));
        return RA_TLS_OK;
    }
    if (strcmp(value, ANY) == 0) {
        ret_hex[0] = '\0';
        return RA_TLS_OK;
    }
    return refuse(name, value, "64 hex digits without 0x, or \"" ANY "\"");
}

/* Below 0: any. */
static int read_number(const char *name, int *ret_number)
{
    const char *value = NULL;
    const int code = require(name, &value);
    if (code != RA_TLS_OK) {
        return code;
    }
    int number = 0;
    size_t len = 0;
    while (len < 5 && is_digit(value[len])) {
        number = 10 * number + (value[len] - '0');
        len++;
    }
    if (len > 0 && value[len] == '\0' && number <= UINT16_MAX) {
        *ret_number = number;
        return RA_TLS_OK;
    }
    if (strcmp(value, ANY) == 0) {
        *ret_number = -1;
        return RA_TLS_OK;
    }
    return refuse(name, value, "a number of 0 to 65535, or \"" ANY "\"");
}

int ra_tls_env_path(const char *name, char ret_path[PATH_MAX])
{
    const char *value = path_of(name);
    if (value == NULL) {
        ret_path[0] = '\0';
        return RA_TLS_OK;
    }
    const size_t len = strnlen(value, PATH_MAX);
    if (len == 0 || len >= PATH_MAX) {
        return ra_tls_say(RA_TLS_BAD_INPUT, "%s is %s; wanted is a path", name,
                          len == 0 ? "empty" : "too long");
    }
    memcpy(ret_path, value, len + 1);
    return RA_TLS_OK;
}

int ra_tls_env_simulation(char ret_path[PATH_MAX])
{
    static const char name[] = "CAPSA_INSECURE_SIMULATION";
#ifndef CAPSA_SIMULATION
    if (path_of(name) != NULL) {
        return ra_tls_say(RA_TLS_BAD_INPUT, "%s is set, and this build has no simulation", name);
    }
#endif
    return ra_tls_env_path(name, ret_path);
}

/* ---- Times ----------------------------------------------------------------------------------- */

#define TIME_DIGITS 14

static int number_at(const char *digits, size_t at, size_t len)
{
    int number = 0;
    for (size_t i = at; i < at + len; i++) {
        number = 10 * number + (digits[i] - '0');
    }
    return number;
}

/* timegm makes March of the 30th of February, and that is no day. */
static bool is_day_and_time(const struct tm *wanted, struct tm *made, int64_t *ret_time)
{
    const time_t time = timegm(made);
    *ret_time = time;
    return made->tm_year == wanted->tm_year && made->tm_mon == wanted->tm_mon &&
           made->tm_mday == wanted->tm_mday && made->tm_hour == wanted->tm_hour &&
           made->tm_min == wanted->tm_min && made->tm_sec == wanted->tm_sec;
}

int ra_tls_env_time(const char *name, bool *ret_given, int64_t *ret_time)
{
    static const char wanted_text[] = "a time in UTC as YYYYMMDDHHMMSS";
    const char *value = value_of(name);
    *ret_given = value != NULL;
    if (value == NULL) {
        return RA_TLS_OK;
    }
    char digits[TIME_DIGITS + 1] = {0};
    size_t len = 0;
    while (len < TIME_DIGITS && is_digit(value[len])) {
        digits[len] = value[len];
        len++;
    }
    if (len != TIME_DIGITS || value[len] != '\0') {
        return refuse(name, value, wanted_text);
    }
    const struct tm wanted = {
        .tm_year = number_at(digits, 0, 4) - 1900,
        .tm_mon = number_at(digits, 4, 2) - 1,
        .tm_mday = number_at(digits, 6, 2),
        .tm_hour = number_at(digits, 8, 2),
        .tm_min = number_at(digits, 10, 2),
        .tm_sec = number_at(digits, 12, 2),
    };
    struct tm made = wanted;
    return is_day_and_time(&wanted, &made, ret_time) ? RA_TLS_OK : refuse(name, value, wanted_text);
}

/* ---- The policy ------------------------------------------------------------------------------ */

struct measurements {
    char mr_enclave[HEX_DIGITS + 1], mr_signer[HEX_DIGITS + 1]; /* "": any */
    int isv_prod_id, isv_svn;                                   /* below 0: any */
};

static int read_measurements(struct measurements *measurements)
{
    int code = read_measurement("RA_TLS_MRENCLAVE", measurements->mr_enclave);
    code = code != RA_TLS_OK ? code : read_measurement("RA_TLS_MRSIGNER", measurements->mr_signer);
    code = code != RA_TLS_OK ? code : read_number("RA_TLS_ISV_PROD_ID", &measurements->isv_prod_id);
    code = code != RA_TLS_OK ? code : read_number("RA_TLS_ISV_SVN", &measurements->isv_svn);
    if (code != RA_TLS_OK) {
        return code;
    }
    if (measurements->mr_enclave[0] == '\0' && measurements->mr_signer[0] == '\0' &&
        !is_on(FLAG_INSECURE)) {
        return ra_tls_say(RA_TLS_BAD_INPUT,
                          "RA_TLS_MRENCLAVE and RA_TLS_MRSIGNER are both \"" ANY
                          "\": any program of anybody would do; " FLAG_INSECURE "=1 allows it");
    }
    return RA_TLS_OK;
}

struct text {
    char *at;
    size_t room, len; /* len >= room: it did not fit */
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    if (text->len >= text->room) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    const int len = vsnprintf(text->at + text->len, text->room - text->len, format, arguments);
    va_end(arguments);
    text->len = len < 0 ? text->room : text->len + (size_t)len;
}

/* Revoked, bad signatures and what nobody knows are not among them. */
const struct ra_tls_status ra_tls_statuses[RA_TLS_STATUSES] = {
    {"UpToDate", 0x0000, false, false, false},
    {"ConfigurationNeeded", 0xa001, false, true, false},
    {"OutOfDate", 0xa002, true, false, false},
    {"OutOfDateConfigurationNeeded", 0xa003, true, true, false},
    {"SWHardeningNeeded", 0xa007, false, false, true},
    {"ConfigurationAndSWHardeningNeeded", 0xa008, false, true, true},
};

bool ra_tls_env_allows(const struct ra_tls_env *env, const struct ra_tls_status *status)
{
    return (!status->outdated || env->allow_outdated) &&
           (!status->hw_config || env->allow_hw_config) &&
           (!status->sw_hardening || env->allow_sw_hardening);
}

static void add_statuses(struct text *text, const struct ra_tls_env *env)
{
    const char *before = "";
    for (size_t i = 0; i < RA_TLS_STATUSES; i++) {
        if (ra_tls_env_allows(env, &ra_tls_statuses[i])) {
            add(text, "%s\"%s\"", before, ra_tls_statuses[i].name);
            before = ",";
        }
    }
}

static const char *add_member(struct text *text, const char *before, const char *name,
                              const char *hex)
{
    if (hex[0] == '\0') {
        return before;
    }
    add(text, "%s\"%s\":\"%s\"", before, name, hex);
    return ",";
}

static const char *add_number(struct text *text, const char *before, const char *name, int number)
{
    if (number < 0) {
        return before;
    }
    add(text, "%s\"%s\":%d", before, name, number);
    return ",";
}

/* Where nothing is compared there is no list: an empty entry would be refused, and rightly. */
static void add_reference(struct text *text, const struct measurements *measurements)
{
    char members[512] = {0};
    struct text inner = {members, sizeof(members), 0};
    const char *before = add_member(&inner, "", "mr_enclave", measurements->mr_enclave);
    before = add_member(&inner, before, "mr_signer", measurements->mr_signer);
    before = add_number(&inner, before, "isv_prod_id", measurements->isv_prod_id);
    (void)add_number(&inner, before, "min_isv_svn", measurements->isv_svn);
    if (inner.len > 0) {
        add(text, ",\"reference_values\":[{\"sgx\":{%s}}]", members);
    }
}

/* Bit 0 of the attributes is INIT, which has no name in policies: hardware sets it. */
static int write_policy(struct ra_tls_env *env, const struct measurements *measurements)
{
    struct text text = {env->policy, sizeof(env->policy), 0};
    add(&text, "{\"platforms\":[\"sgx\"],\"accepted_tcb_statuses\":[");
    add_statuses(&text, env);
    add(&text, "],\"sgx\":{\"required_attributes\":[0,\"mode64bit\"],"
               "\"denied_attributes\":[\"provision_key\",\"einittoken_key\"]}");
    add(&text, "%s", env->allow_debug ? ",\"insecure_allow_debug\":true" : "");
    add(&text, "%s", env->allow_outdated ? ",\"insecure_allow_expired\":true" : "");
    if (measurements != NULL) {
        add_reference(&text, measurements);
    }
    add(&text, "}");
    return text.len < text.room
               ? RA_TLS_OK
               : ra_tls_say(RA_TLS_FATAL, "the policy is longer than any should be");
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* Intel's library has the same variable and the same file. A file that nobody named may be absent:
 * then Intel's own servers are asked. */
static int read_qcnl(char ret_path[PATH_MAX])
{
    const int code = ra_tls_env_path("QCNL_CONF_PATH", ret_path);
    if (code == RA_TLS_OK && ret_path[0] == '\0' && access(QCNL_DEFAULT, F_OK) == 0) {
        memcpy(ret_path, QCNL_DEFAULT, sizeof(QCNL_DEFAULT));
    }
    return code;
}

static int read_sources(struct ra_tls_env *env)
{
    int code = ra_tls_env_path("CAPSA_COLLATERAL_BUNDLE", env->bundle);
    code = code != RA_TLS_OK ? code : ra_tls_env_simulation(env->simulation);
    return code != RA_TLS_OK ? code : read_qcnl(env->qcnl);
}

int ra_tls_env_read(bool measured, struct ra_tls_env *ret_env, int *ret_step)
{
    struct measurements measurements = {.isv_prod_id = -1, .isv_svn = -1};
    struct ra_tls_env env = {
        .allow_outdated = is_on("RA_TLS_ALLOW_OUTDATED_TCB_INSECURE"),
        .allow_hw_config = is_on("RA_TLS_ALLOW_HW_CONFIG_NEEDED"),
        .allow_sw_hardening = is_on("RA_TLS_ALLOW_SW_HARDENING_NEEDED"),
        .allow_debug = is_on("RA_TLS_ALLOW_DEBUG_ENCLAVE_INSECURE"),
    };
    *ret_step = RA_TLS_AT_MEASUREMENTS;
    int code = measured ? read_measurements(&measurements) : RA_TLS_OK;
    if (code != RA_TLS_OK) {
        return code;
    }
    *ret_step = RA_TLS_AT_INIT;
    code = read_sources(&env);
    code = code != RA_TLS_OK ? code : write_policy(&env, measured ? &measurements : NULL);
    if (code == RA_TLS_OK) {
        *ret_env = env;
    }
    return code;
}
