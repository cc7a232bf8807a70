/* SPDX-License-Identifier: Apache-2.0
 *
 * Plain scalars (yaml_scalar.h).
 */
#include "codec/yaml_scalar.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

static const struct word {
    const char *text;
    enum capsa_yaml_plain plain;
} words[] = {
    {"", CAPSA_YAML_NULL},       {"~", CAPSA_YAML_NULL},      {"null", CAPSA_YAML_NULL},
    {"Null", CAPSA_YAML_NULL},   {"NULL", CAPSA_YAML_NULL},   {"true", CAPSA_YAML_TRUE},
    {"True", CAPSA_YAML_TRUE},   {"TRUE", CAPSA_YAML_TRUE},   {"false", CAPSA_YAML_FALSE},
    {"False", CAPSA_YAML_FALSE}, {"FALSE", CAPSA_YAML_FALSE},
};

/* Words that mean something to YAML 1.1, in any case. */
static const char *const reserved[] = {
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", NULL,
};

static bool is_int(const char *text)
{
    const char *digits = text + (text[0] == '-');
    size_t len = strspn(digits, "0123456789");
    if (len == 0 || digits[len] != '\0' || (digits[0] == '0' && text[1] != '\0')) {
        return false;
    }
    errno = 0;
    (void)strtoll(text, NULL, 10);
    return errno == 0;
}

enum capsa_yaml_plain capsa_yaml_plain_of(const char *text)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (capsa_streq(words[i].text, text)) {
            return words[i].plain;
        }
    }
    return is_int(text) ? CAPSA_YAML_INT : CAPSA_YAML_STRING;
}

static bool is_safe_byte(const char *text, size_t at)
{
    char byte = text[at];
    if (isalnum((unsigned char)byte) || strchr("_-./+=@%()*", byte) != NULL) {
        return true;
    }
    char next = text[at + 1];
    /* ": " begins a value, " #" a comment; a space at the end is lost. */
    return byte == ':' ? next != '\0' && next != ' ' : byte == ' ' && next != '\0';
}

bool capsa_yaml_is_plain_safe(const char *text)
{
    /* Digits, signs and points may begin numbers and dates, the rest indicators. */
    if (!isalpha((unsigned char)text[0]) && text[0] != '_' && text[0] != '/') {
        return false;
    }
    for (size_t at = 0; text[at] != '\0'; at++) {
        if (!is_safe_byte(text, at)) {
            return false;
        }
    }
    for (size_t i = 0; reserved[i] != NULL; i++) {
        if (strcasecmp(reserved[i], text) == 0) {
            return false;
        }
    }
    return true;
}
