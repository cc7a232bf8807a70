/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of the constraint language. The signs and words are two tables, which also hold what the
 * language lacks, with the advice that a person needs: the original runs a whole scripting language
 * here, and what somebody tries is mostly a piece of that. Signs are taken as long as possible, as
 * the original takes them, so `1<-2` is an error in both.
 */
#include <stdarg.h>
#include <stdio.h>

#include "policy/policy_expression.h"

struct sign {
    const char *text;
    enum token token;
    const char *advice; /* not NULL: not in the language */
};

/* Longer ones first. */
static const struct sign signs[] = {
    {"===", TOKEN_END, "use '=='"},
    {"!==", TOKEN_END, "use '!='"},
    {"..=", TOKEN_RANGE_INCLUSIVE, NULL},
    {"...", TOKEN_END, "a range is written a..b"},
    {"**=", TOKEN_END, "nothing can be assigned"},
    {"<<=", TOKEN_END, "nothing can be assigned"},
    {">>=", TOKEN_END, "nothing can be assigned"},
    {"==", TOKEN_EQUAL, NULL},
    {"!=", TOKEN_NOT_EQUAL, NULL},
    {"<=", TOKEN_LESS_EQUAL, NULL},
    {">=", TOKEN_GREATER_EQUAL, NULL},
    {"&&", TOKEN_AND, NULL},
    {"||", TOKEN_OR, NULL},
    {"**", TOKEN_POWER, NULL},
    {"<<", TOKEN_SHIFT_LEFT, NULL},
    {">>", TOKEN_SHIFT_RIGHT, NULL},
    {"??", TOKEN_ELSE, NULL},
    {"?.", TOKEN_SAFE_DOT, NULL},
    {"?[", TOKEN_SAFE_INDEX, NULL},
    {"..", TOKEN_RANGE, NULL},
    {"()", TOKEN_UNIT, NULL},
    {"=>", TOKEN_END, "'greater or equal' is '>='"},
    {"=<", TOKEN_END, "'less or equal' is '<='"},
    {"=~", TOKEN_END, "there are no patterns"},
    {"<>", TOKEN_END, "use '!='"},
    {"<-", TOKEN_END, "put a space between '<' and '-'"},
    {"->", TOKEN_END, "put a space between '-' and '>'"},
    {"--", TOKEN_END, "put a space between the two"},
    {"++", TOKEN_END, "put a space between the two"},
    {"+=", TOKEN_END, "nothing can be assigned"},
    {"-=", TOKEN_END, "nothing can be assigned"},
    {"*=", TOKEN_END, "nothing can be assigned"},
    {"/=", TOKEN_END, "nothing can be assigned"},
    {"%=", TOKEN_END, "nothing can be assigned"},
    {"&=", TOKEN_END, "nothing can be assigned"},
    {"|=", TOKEN_END, "nothing can be assigned"},
    {"^=", TOKEN_END, "nothing can be assigned"},
    {":=", TOKEN_END, "nothing can be assigned"},
    {"<|", TOKEN_END, "there are no pipes"},
    {"|>", TOKEN_END, "there are no pipes"},
    {"::", TOKEN_END, "there are no modules"},
    {"#{", TOKEN_END, "there are no object literals"},
    {"(", TOKEN_OPEN, NULL},
    {")", TOKEN_CLOSE, NULL},
    {"[", TOKEN_INDEX, NULL},
    {"]", TOKEN_INDEX_END, NULL},
    {".", TOKEN_DOT, NULL},
    {",", TOKEN_COMMA, NULL},
    {"+", TOKEN_PLUS, NULL},
    {"-", TOKEN_MINUS, NULL},
    {"*", TOKEN_TIMES, NULL},
    {"/", TOKEN_DIVIDE, NULL},
    {"%", TOKEN_REMAINDER, NULL},
    {"<", TOKEN_LESS, NULL},
    {">", TOKEN_GREATER, NULL},
    {"!", TOKEN_NOT, NULL},
    {"&", TOKEN_BIT_AND, NULL},
    {"|", TOKEN_BIT_OR, NULL},
    {"^", TOKEN_BIT_XOR, NULL},
    {"=", TOKEN_END, "it is no comparison; use '=='"},
    {"?", TOKEN_END, "instead of a ? b : c write (a && b) || (!a && c)"},
    {":", TOKEN_END, "instead of a ? b : c write (a && b) || (!a && c)"},
    {";", TOKEN_END, "a constraint is one expression; join conditions with '&&'"},
    {"{", TOKEN_END, "a constraint is one expression, without blocks"},
    {"}", TOKEN_END, "a constraint is one expression, without blocks"},
    {"`", TOKEN_END, "text stands in double quotes"},
    {"~", TOKEN_END, NULL},
    {"@", TOKEN_END, NULL},
    {"$", TOKEN_END, NULL},
    {"#", TOKEN_END, "comments begin with //"},
    {"\\", TOKEN_END, NULL},
};

struct word {
    const char *text;
    enum token token;
    const char *advice;
};

static const char no_functions[] = "there are no functions";
static const char no_statements[] = "a constraint is one expression, without statements";

/* Reserved by the original too, also as names of properties: write r["case"] for those. */
static const struct word words[] = {
    {"true", TOKEN_TRUE, NULL},
    {"false", TOKEN_FALSE, NULL},
    {"in", TOKEN_IN, NULL},
    {"if", TOKEN_END, "instead of if a {b} else {c} write (a && b) || (!a && c)"},
    {"else", TOKEN_END, "instead of if a {b} else {c} write (a && b) || (!a && c)"},
    {"switch", TOKEN_END, "instead of switch use ==, || and in [..]"},
    {"case", TOKEN_END, "instead of switch use ==, || and in [..]"},
    {"match", TOKEN_END, "instead of match use ==, || and in [..]"},
    {"default", TOKEN_END, "a default value is written a ?? b"},
    {"eval", TOKEN_END, no_functions},
    {"type_of", TOKEN_END, no_functions},
    {"is_def_var", TOKEN_END, no_functions},
    {"is_def_fn", TOKEN_END, no_functions},
    {"is_shared", TOKEN_END, no_functions},
    {"print", TOKEN_END, no_functions},
    {"debug", TOKEN_END, no_functions},
    {"call", TOKEN_END, no_functions},
    {"curry", TOKEN_END, no_functions},
    {"Fn", TOKEN_END, no_functions},
    {"null", TOKEN_END, "what is absent equals ()"},
    {"nil", TOKEN_END, "what is absent equals ()"},
    {"this", TOKEN_END, "the request is called r"},
    {"let", TOKEN_END, no_statements},
    {"const", TOKEN_END, no_statements},
    {"var", TOKEN_END, no_statements},
    {"do", TOKEN_END, no_statements},
    {"while", TOKEN_END, no_statements},
    {"until", TOKEN_END, no_statements},
    {"loop", TOKEN_END, no_statements},
    {"for", TOKEN_END, no_statements},
    {"continue", TOKEN_END, no_statements},
    {"break", TOKEN_END, no_statements},
    {"return", TOKEN_END, no_statements},
    {"throw", TOKEN_END, no_statements},
    {"try", TOKEN_END, no_statements},
    {"catch", TOKEN_END, no_statements},
    {"fn", TOKEN_END, no_functions},
    {"private", TOKEN_END, no_functions},
    {"import", TOKEN_END, no_statements},
    {"export", TOKEN_END, no_statements},
    {"exit", TOKEN_END, no_functions},
    {"as", TOKEN_END, NULL},
    {"is", TOKEN_END, "use '=='"},
    {"async", TOKEN_END, NULL},
    {"await", TOKEN_END, NULL},
    {"go", TOKEN_END, NULL},
    {"goto", TOKEN_END, NULL},
    {"module", TOKEN_END, NULL},
    {"new", TOKEN_END, NULL},
    {"package", TOKEN_END, NULL},
    {"protected", TOKEN_END, NULL},
    {"public", TOKEN_END, NULL},
    {"shared", TOKEN_END, NULL},
    {"spawn", TOKEN_END, NULL},
    {"static", TOKEN_END, NULL},
    {"super", TOKEN_END, NULL},
    {"sync", TOKEN_END, NULL},
    {"thread", TOKEN_END, NULL},
    {"use", TOKEN_END, NULL},
    {"void", TOKEN_END, NULL},
    {"with", TOKEN_END, NULL},
    {"yield", TOKEN_END, NULL},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct operator_line {
    const char *text;
    unsigned level;
} operator_lines[TOKEN_COUNT] = {
#define CAPSA_OPERATOR(symbol, text, level) [TOKEN_##symbol] = {text, level},
    CAPSA_OPERATORS
#undef CAPSA_OPERATOR
};

const char *capsa_operator_text(enum token token)
{
    return operator_lines[token].text;
}

unsigned capsa_operator_level(enum token token)
{
    return operator_lines[token].text == NULL ? LEVEL_UNARY : operator_lines[token].level;
}

void capsa_place_of(const char *text, size_t at, size_t *ret_line, size_t *ret_column)
{
    *ret_line = 1;
    *ret_column = 1;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            *ret_line += 1;
            *ret_column = 1;
        } else if (((unsigned char)text[i + 1] & 0xc0) != 0x80) {
            *ret_column += 1; /* the next byte begins a character */
        }
    }
}

capsa_result capsa_fault(enum capsa_code code, const char *file, int line, const char *text,
                         size_t at, const char *format, ...)
{
    char what[CAPSA_ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    size_t row, column;
    capsa_place_of(text, at, &row, &column);
    return capsa_error_make(code, file, line, "line %zu, column %zu: %s", row, column, what);
}

/* Bytes at the cursor; the text ends with NUL, which no class below contains. */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(char c)
{
    return is_letter(c) || is_digit(c) || c == '_';
}

static unsigned digit_value(char c)
{
    return is_digit(c)              ? (unsigned)(c - '0')
           : (c >= 'a' && c <= 'f') ? (unsigned)(c - 'a') + 10
           : (c >= 'A' && c <= 'F') ? (unsigned)(c - 'A') + 10
                                    : UINT32_MAX;
}

static void skip_line(struct lexer *lexer)
{
    const char *text = lexer->constraint->text;
    while (text[lexer->at] != '\0' && text[lexer->at] != '\n' && text[lexer->at] != '\r') {
        lexer->at++;
    }
}

/* Block comments nest. */
static CAPSA_RESULT skip_block(struct lexer *lexer)
{
    const char *text = lexer->constraint->text;
    size_t start = lexer->at;
    size_t level = 0;
    do {
        CAPSA_REQUIRE_AT(text[lexer->at] != '\0', text, start, "this comment has no end");
        bool opens = text[lexer->at] == '/' && text[lexer->at + 1] == '*';
        bool closes = text[lexer->at] == '*' && text[lexer->at + 1] == '/';
        level = opens ? level + 1 : closes ? level - 1 : level;
        lexer->at += opens || closes ? 2 : 1;
    } while (level > 0);
    return CAPSA_OK;
}

static CAPSA_RESULT skip_space(struct lexer *lexer)
{
    const char *text = lexer->constraint->text;
    for (;;) {
        if (is_space(text[lexer->at])) {
            lexer->at++;
        } else if (text[lexer->at] == '/' && text[lexer->at + 1] == '/') {
            skip_line(lexer);
        } else if (text[lexer->at] == '/' && text[lexer->at + 1] == '*') {
            CAPSA_TRY(skip_block(lexer));
        } else {
            return CAPSA_OK;
        }
    }
}

static unsigned radix_of(const char *digits)
{
    static const struct {
        char low, high;
        unsigned radix;
    } prefixes[] = {{'x', 'X', 16}, {'o', 'O', 8}, {'b', 'B', 2}};
    for (size_t i = 0; digits[0] == '0' && i < COUNT(prefixes); i++) {
        if (digits[1] == prefixes[i].low || digits[1] == prefixes[i].high) {
            return prefixes[i].radix;
        }
    }
    return 10;
}

static CAPSA_RESULT lex_number(struct lexer *lexer, struct token_value *token)
{
    const char *text = lexer->constraint->text;
    unsigned radix = radix_of(text + token->at);
    size_t at = token->at + (radix == 10 ? 0 : 2);
    uint64_t number = 0;
    bool any = false;
    for (; text[at] == '_' || digit_value(text[at]) < radix; at++) {
        if (text[at] == '_') {
            continue;
        }
        any = true;
        number = number * radix + digit_value(text[at]);
        CAPSA_REQUIRE_AT(number <= (radix == 10 ? 2147483648U : 2147483647U), text, token->at,
                         "this number is too large; integers go from -2147483648 to 2147483647");
    }
    CAPSA_REQUIRE_AT(any && !is_name(text[at]), text, token->at, "this is no number");
    CAPSA_REQUIRE_AT(text[at] != '.' || !is_digit(text[at + 1]), text, token->at,
                     "there are no fractions, only whole numbers");
    token->kind = TOKEN_INT;
    token->number = (uint32_t)number;
    token->has_radix = radix != 10;
    lexer->at = at;
    return CAPSA_OK;
}

static void pool_byte(struct capsa_constraint *constraint, unsigned byte)
{
    constraint->pool[constraint->pool_len++] = (char)(unsigned char)byte;
}

/* UTF-8 of a code point: never longer than the escape that it came from. */
static void pool_code_point(struct capsa_constraint *constraint, uint32_t point)
{
    if (point < 0x80) {
        pool_byte(constraint, point);
        return;
    }
    unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};
    pool_byte(constraint, lead[more] | point >> (6 * more));
    while (more-- > 0) {
        pool_byte(constraint, 0x80 | (point >> (6 * more) & 0x3f));
    }
}

static CAPSA_RESULT lex_hex_escape(struct lexer *lexer, size_t escape_at, unsigned digits)
{
    const char *text = lexer->constraint->text;
    uint64_t point = 0;
    for (unsigned i = 0; i < digits; i++, lexer->at++) {
        unsigned digit = digit_value(text[lexer->at]);
        CAPSA_REQUIRE_AT(digit < 16, text, escape_at, "this escape takes %u hex digits", digits);
        point = point * 16 + digit;
    }
    CAPSA_REQUIRE_AT(point <= 0x10ffff && (point < 0xd800 || point > 0xdfff), text, escape_at,
                     "this escape names no character");
    pool_code_point(lexer->constraint, (uint32_t)point);
    return CAPSA_OK;
}

/* At the character behind the backslash. */
static CAPSA_RESULT lex_escape(struct lexer *lexer, char quote)
{
    const char *text = lexer->constraint->text;
    size_t escape_at = lexer->at - 1;
    char c = text[lexer->at];
    static const struct {
        char c, byte;
        unsigned digits;
    } escapes[] = {
        {'\\', '\\', 0}, {'n', '\n', 0}, {'r', '\r', 0}, {'t', '\t', 0},
        {'x', 0, 2},     {'u', 0, 4},    {'U', 0, 8},
    };
    for (size_t i = 0; i < COUNT(escapes); i++) {
        if (escapes[i].c == c) {
            lexer->at++;
            if (escapes[i].digits > 0) {
                return lex_hex_escape(lexer, escape_at, escapes[i].digits);
            }
            pool_byte(lexer->constraint, (unsigned char)escapes[i].byte);
            return CAPSA_OK;
        }
    }
    CAPSA_REQUIRE_AT(c == quote, text, escape_at,
                     "this is no escape; there are \\%c \\\\ \\n \\r \\t \\xHH \\uHHHH \\UHHHHHHHH",
                     quote);
    lexer->at++;
    pool_byte(lexer->constraint, (unsigned char)c);
    return CAPSA_OK;
}

/* Up to the closing quote; the quote doubled stands for itself. */
static CAPSA_RESULT lex_quoted(struct lexer *lexer, char quote, struct token_value *token)
{
    struct capsa_constraint *constraint = lexer->constraint;
    const char *text = constraint->text;
    size_t start = constraint->pool_len;
    for (lexer->at++;;) {
        char c = text[lexer->at];
        CAPSA_REQUIRE_AT(c != '\0' && c != '\n', text, token->at,
                         "this text has no closing quote on its line");
        lexer->at++;
        if (c == '\\') {
            CAPSA_TRY(lex_escape(lexer, quote));
            continue;
        }
        if (c == quote && text[lexer->at] != quote) {
            break;
        }
        lexer->at += c == quote ? 1 : 0;
        pool_byte(constraint, (unsigned char)c);
    }
    token->text_at = (uint32_t)start;
    token->text_len = (uint32_t)(constraint->pool_len - start);
    pool_byte(constraint, '\0');
    return CAPSA_OK;
}

static size_t characters(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return count;
}

static CAPSA_RESULT lex_string(struct lexer *lexer, struct token_value *token)
{
    token->kind = TOKEN_STRING;
    return lex_quoted(lexer, '"', token);
}

static CAPSA_RESULT lex_char(struct lexer *lexer, struct token_value *token)
{
    const struct capsa_constraint *constraint = lexer->constraint;
    CAPSA_REQUIRE_AT(constraint->text[token->at + 1] != '\'', constraint->text, token->at,
                     "'' holds no character; an empty text is \"\"");
    CAPSA_TRY(lex_quoted(lexer, '\'', token));
    CAPSA_REQUIRE_AT(characters(constraint->pool + token->text_at, token->text_len) == 1,
                     constraint->text, token->at,
                     "single quotes hold one character; text stands in double quotes");
    token->kind = TOKEN_CHAR;
    return CAPSA_OK;
}

static CAPSA_RESULT refuse(const char *text, size_t at, size_t len, const char *advice)
{
    CAPSA_FAIL_AT(MALFORMED, text, at, "'%.*s' is not in the language%s%s", (int)len, text + at,
                  advice == NULL ? "" : "; ", advice == NULL ? "" : advice);
}

static CAPSA_RESULT lex_word(struct lexer *lexer, struct token_value *token)
{
    struct capsa_constraint *constraint = lexer->constraint;
    const char *text = constraint->text;
    while (is_name(text[lexer->at])) {
        lexer->at++;
    }
    capsa_bytes name = capsa_bytes_of(text + token->at, lexer->at - token->at);
    token->kind = TOKEN_NAME;
    for (size_t i = 0; i < COUNT(words); i++) {
        if (capsa_bytes_is(name, words[i].text)) {
            if (words[i].token == TOKEN_END) {
                return refuse(text, token->at, name.len, words[i].advice);
            }
            token->kind = words[i].token;
            return CAPSA_OK;
        }
    }
    token->text_at = (uint32_t)constraint->pool_len;
    token->text_len = (uint32_t)name.len;
    memcpy(constraint->pool + constraint->pool_len, name.data, name.len);
    constraint->pool_len += name.len;
    pool_byte(constraint, '\0');
    return CAPSA_OK;
}

/* The original reads !in as one word. */
static bool is_not_in(const char *at)
{
    return at[0] == '!' && at[1] == 'i' && at[2] == 'n' && !is_name(at[3]);
}

static CAPSA_RESULT lex_sign(struct lexer *lexer, struct token_value *token)
{
    const char *text = lexer->constraint->text;
    const char *here = text + lexer->at;
    CAPSA_REQUIRE_AT(!is_not_in(here), text, lexer->at,
                     "'!in' is not in the language; write !(a in [..])");
    for (size_t i = 0; i < COUNT(signs); i++) {
        size_t len = strlen(signs[i].text);
        if (strncmp(here, signs[i].text, len) == 0) {
            if (signs[i].token == TOKEN_END) {
                return refuse(text, lexer->at, len, signs[i].advice);
            }
            token->kind = signs[i].token;
            lexer->at += len;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL_AT(MALFORMED, text, lexer->at, "no part of the language begins with this character");
}

CAPSA_RESULT capsa_lex(struct lexer *lexer, struct token_value *ret_token)
{
    CAPSA_TRY(skip_space(lexer));
    struct token_value token = {.kind = TOKEN_END, .at = lexer->at};
    char c = lexer->constraint->text[lexer->at];
    if (is_digit(c)) {
        CAPSA_TRY(lex_number(lexer, &token));
    } else if (c == '"') {
        CAPSA_TRY(lex_string(lexer, &token));
    } else if (c == '\'') {
        CAPSA_TRY(lex_char(lexer, &token));
    } else if (is_letter(c) || c == '_') {
        CAPSA_TRY(lex_word(lexer, &token));
    } else if (c != '\0') {
        CAPSA_TRY(lex_sign(lexer, &token));
    }
    token.end = lexer->at;
    *ret_token = token;
    return CAPSA_OK;
}
