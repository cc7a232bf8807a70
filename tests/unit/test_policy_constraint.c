/* SPDX-License-Identifier: Apache-2.0
 *
 * policy: the constraint language. Its own table of verdicts; the recorded outcomes of the original
 * where they are at hand; messages; bounds; random texts; pins and uses.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "policy/constraint.h"

static const char request_text[] =
    "{\"attrs\":\"\",\"columns\":[\"f1\",\"f2\"],\"env\":{\"request_time\":"
    "\"2023-08-24T12:55:52Z\",\"tee\":{\"platform\":\"sgx\",\"sgx\":{\"mr_enclave\":\"aa11\","
    "\"mr_signer\":\"bb22\"}}},\"initiator_party_id\":\"P1\",\"op_name\":\"xgb\","
    "\"resource_uri\":\"d1\",\"scope\":\"default\"}";

static struct capsa_json *parse_request(const char *text)
{
    struct capsa_json *r = NULL;
    assert_ok(capsa_json_parse(capsa_bytes_str(text), &r));
    return r;
}

static struct capsa_constraint *compile(const char *text)
{
    struct capsa_constraint *constraint = NULL;
    capsa_result result = capsa_constraint_compile(text, &constraint);
    if (capsa_failed(result)) {
        fail_msg("%s: %s", text, capsa_text_of(result));
    }
    return constraint;
}

/* 'T' true, 'F' false, 'E' fails when evaluated, 'C' is refused when compiled */
static char outcome_of(const char *text, const struct capsa_json *r)
{
    CAPSA_AUTO_FREE(capsa_constraint) constraint = NULL;
    if (capsa_failed(capsa_constraint_compile(text, &constraint))) {
        assert_null(constraint);
        return 'C';
    }
    bool truth = false;
    capsa_result result = capsa_constraint_eval(constraint, r, &truth);
    return capsa_failed(result) ? 'E' : truth ? 'T' : 'F';
}

struct verdict {
    const char *text;
    char outcome;
};

static void check_verdicts(const struct verdict *verdicts, size_t count)
{
    CAPSA_AUTO_FREE(capsa_json) r = parse_request(request_text);
    for (size_t i = 0; i < count; i++) {
        char got = outcome_of(verdicts[i].text, r);
        if (got != verdicts[i].outcome) {
            fail_msg("%s: wanted %c, got %c", verdicts[i].text, verdicts[i].outcome, got);
        }
    }
}
#define CHECK(verdicts) check_verdicts(verdicts, sizeof(verdicts) / sizeof((verdicts)[0]))

static void paths_read_the_request(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {"r.op_name==\"xgb\"", 'T'},
        {"r[\"op_name\"]==\"xgb\"", 'T'},
        {"r\n . op_name == \"xgb\"", 'T'},
        {"r.env[\"tee\"].platform==\"sgx\"", 'T'},
        {"r[\"op\"+\"_name\"]==\"xgb\"", 'T'},
        {"r.nope==()", 'T'},
        {"r.nope!=\"x\"", 'T'},
        {"r.nope.x==\"x\"", 'E'},
        {"r.env.tee.csv.mr_boot!=\"x\"", 'E'},
        {"r.env.tee.csv!=\"x\"", 'T'},
        {"r?.nope?.x==()", 'T'},
        {"r.nope?.x.y.z[0]==()", 'T'},
        {"(r.nope?.x).y==()", 'E'},
        {"r.nope?[\"x\"]==()", 'T'},
        {"r.nope?.x[1/0]==()", 'E'}, /* what stands in brackets is evaluated all the same */
        {"r.op_name.len==3", 'E'},
        {"r.columns.len==2", 'E'},
        {"r.columns[0]==\"f1\"", 'T'},
        {"r.columns[-1]==\"f2\"", 'T'},
        {"r.columns[-2]==\"f1\"", 'T'},
        {"r.columns[2]==\"f1\"", 'E'},
        {"r.columns[-3]==\"f1\"", 'E'},
        {"r.columns[1-1][1]=='1'", 'T'},
        {"r.columns['0']==\"f1\"", 'E'},
        {"r['x']==()", 'E'},
        {"r[0]==()", 'E'},
        {"5[0]==true", 'E'},
        {"r.attrs==\"\"", 'T'},
        {"r", 'E'},
        {"r.op_name", 'E'},
        {"x==1", 'C'},
        {"R.op_name==\"xgb\"", 'C'},
        {"r.case==()", 'C'},
        {"r[\"case\"]==()", 'T'},
        {"r.true==()", 'C'},
        {"r.[\"a\"]==()", 'C'},
        {"r.1==()", 'C'},
    };
    CHECK(verdicts);
}

static void operators_bind_as_in_the_original(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {"true || true && false", 'T'},
        {"true | true && false", 'T'},
        {"true ^ true || true", 'T'}, /* one level, from the left */
        {"true || false ^ true", 'F'},
        {"true && false & true | true", 'T'},
        {"6|3==7", 'E'},
        {"(6|3)==7", 'T'},
        {"(6&3)==2 && (6^3)==5", 'T'},
        {"1 < 2 == 2 > 1", 'T'},
        {"false == false != true", 'F'},
        {"true == 1 in [1]", 'T'},
        {"1 < 2 in [true]", 'T'},
        {"() ?? 1 + 1 == 2", 'T'},
        {"() ?? 1 == 1 && true", 'T'},
        {"() ?? () ?? 3 == 3", 'T'},
        {"1 ?? 1/0 == 1", 'T'},
        {"1 + 1 << 2 == 5", 'T'},
        {"1 << 2 ** 2 == 16", 'T'},
        {"2 * 3 ** 2 == 18", 'T'},
        {"2 ** 3 ** 2 == 512", 'T'},
        {"-2 ** 2 == 4", 'T'},
        {"10 - 3 - 2 == 5", 'T'},
        {"100 / 10 % 4 == 2", 'T'},
        {"!false == true", 'T'},
        {"!r.nope", 'E'},
        {"!!true && !(1==2)", 'T'},
        {"!1", 'E'},
    };
    CHECK(verdicts);
}

static void what_does_not_matter_is_not_evaluated(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {"true || 1/0 == 1", 'T'},  {"false && r.nope.nope", 'F'},
        {"false & 1/0 == 1", 'E'},  {"true | 1/0 == 1", 'E'},
        {"r.op_name && true", 'E'}, {"true && r.op_name", 'E'},
        {"true || r.op_name", 'T'}, {"1 && true", 'C'},
        {"true || \"\"", 'C'},      {"true && ()", 'C'},
        {"true && 'c'", 'C'},       {"true && (1)", 'C'},
    };
    CHECK(verdicts);
}

static void integers_never_leave_32_bits(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {"2147483647 + 1 < 0", 'E'},
        {"2147483647 + 0 == 2147483647", 'T'},
        {"-2147483648 < 0", 'T'},
        {"-2147483648 - 1 < 0", 'E'},
        {"- 2147483648 < 0", 'C'},
        {"-(-2147483648) < 0", 'C'},
        {"2147483648 > 0", 'C'},
        {"99999999999999999999 > 0", 'C'},
        {"65536 * 32768 < 0", 'E'},
        {"65536 * -32768 == -2147483648", 'T'},
        {"1/0 == 1", 'E'},
        {"1%0 == 0", 'E'},
        {"-2147483648 / -1 == 0", 'E'},
        {"-2147483648 % -1 == 0", 'E'},
        {"-7 / 2 == -3 && -7 % 2 == -1", 'T'},
        {"2 ** 30 == 1073741824", 'T'},
        {"2 ** 31 > 0", 'E'},
        {"(-2) ** 31 == -2147483648", 'T'},
        {"(-2) ** 32 > 0", 'E'},
        {"46341 ** 2 > 0", 'E'},
        {"0 ** 0 == 1", 'T'},
        {"(-1) ** 2147483647 == -1", 'T'},
        {"3 ** 2147483647 == 1", 'E'},
        {"2 ** -1 == 0", 'E'},
        {"1 << 31 == -2147483648", 'T'},
        {"1 << 32 == 1", 'E'},
        {"1 << -1 == 0", 'E'},
        {"-8 >> 1 == -4", 'T'},
        {"8 >> 32 == 0", 'E'},
        {"0xff == 255 && 0o17 == 15 && 0b101 == 5 && 1_000 == 1000 && 0XfF == 255", 'T'},
        {"0x7fffffff == 2147483647", 'T'},
        {"0xffffffff == -1", 'C'},
        {"-0x1 == -1", 'C'},
        {"0x == 0", 'C'},
        {"0b2 == 2", 'C'},
        {"1.5 > 1", 'C'},
        {"1e3 == 1000", 'C'},
        {"- 1 < 0 && +1 > 0 && 5 - -3 == 8 && - -1 == 1", 'T'},
        {"--1 == 1", 'C'},
        {"1<-2", 'C'},
        {"1 < -2", 'F'},
        {"-r.attrs == 1", 'C'},
    };
    CHECK(verdicts);
}

static void texts_and_characters_are_compared_by_bytes(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {"\"a\"<\"B\"", 'F'},
        {"\"10\"<\"9\"", 'T'},
        {"\"abc\">\"ab\" && \"\"<\"a\"", 'T'},
        {"\"a\"=='a' && 'a'==\"a\" && 'a'<'b' && 'a'<\"ab\"", 'T'},
        {"\"a\"==1", 'F'},
        {"\"a\"!=1", 'T'},
        {"\"a\"<1 || 1<\"a\" || true<1", 'F'},
        {"true>false || false<true || true>=true || false<=false", 'F'}, /* as in the original */
        {"true==true && true!=false", 'T'},
        {"()==() && ()!=1", 'T'},
        {"()<=() || ()!=()", 'F'},
        {"r.columns==r.columns", 'E'},
        {"r==r", 'E'},
        {"r!=r", 'E'},
        {"r.columns<r.columns", 'E'},
        {"r.columns!=r", 'T'},
        {"r.columns==\"f1\"", 'F'},
        {"\"a\"+\"b\"==\"ab\" && 'a'+'b'==\"ab\" && \"a\"+'b'==\"ab\" && 'a'+\"b\"==\"ab\"", 'T'},
        {"\"a\"+()==\"a\" && ()+\"a\"==\"a\"", 'T'},
        {"'a'+()==\"a\"", 'E'},
        {"()+()==()", 'E'},
        {"\"a\"+1==\"a1\"", 'E'},
        {"\"a\"*2==\"aa\"", 'E'},
        {"\"banana\"-\"an\"==\"ba\" && \"banana\"-'a'==\"bnn\" && \"a\"-\"\"==\"a\"", 'T'},
        {"\"\"-\"a\"==\"a\" && \"\"-'a'==\"\"", 'T'},
        {"'a'-\"a\"==\"\"", 'E'},
        {"\"a\"\"b\"==\"a\\\"b\"", 'T'},
        {"\"\\x41\\u0042\\U00000043\\t\\n\\r\\\\\"==\"ABC\\x09\\x0a\\x0d\\x5c\"", 'T'},
        {"\"\\u00e9\"==\"\xc3\xa9\" && \"\\U0001F600\"==\"\xf0\x9f\x98\x80\"", 'T'},
        {"'\xc3\xa9'==\"\xc3\xa9\" && '\\''==\"'\"", 'T'},
        {"\"\\x00\"<\"\\x01\"", 'T'},
        {"r[\"op_name\\x00\"]==()", 'T'},
        {"\"\\/\"==\"/\"", 'C'},
        {"\"\\'\"==\"'\"", 'C'},
        {"\"\\ud800\"==\"\"", 'C'},
        {"\"\\U00110000\"==\"\"", 'C'},
        {"\"\\x4\"==\"\"", 'C'},
        {"\"a\nb\"==\"\"", 'C'},
        {"\"a", 'C'},
        {"\"a\\", 'C'},
        {"'ab'=='ab'", 'C'},
        {"''==\"\"", 'C'},
        {"`a`==\"a\"", 'C'},
        {"\"a\xc3\xa9z\"[1]=='\xc3\xa9' && \"a\xc3\xa9z\"[-2]=='\xc3\xa9'", 'T'},
        {"\"abc\"[3]=='c'", 'E'},
        {"\"abc\"[-4]=='a'", 'E'},
        {"\"\"[0]=='a'", 'E'},
        {"\"abc\"[0..2]==\"ab\" && \"abc\"[1..]==\"bc\" && \"abc\"[0..=1]==\"ab\"", 'T'},
        {"\"abc\"[1..9]==\"bc\" && \"abc\"[9..]==\"\" && \"abc\"[2..1]==\"\"", 'T'},
        {"\"abc\"[-2..-1]==\"b\" && \"abc\"[-2..]==\"bc\" && \"abc\"[0..-9]==\"\"", 'T'},
        {"\"abc\"[1..=1]==\"\"", 'T'}, /* as in the original */
        {"\"abc\"[-4..]==\"\"", 'E'},
        {"\"abc\"[0..1+1]==\"ab\"", 'T'},
        {"\"abc\"[0 ?? 1..2]==\"a\"", 'C'},
        {"\"abc\"[\"a\"..2]==\"\"", 'E'},
        {"\"abc\"[0..()]==\"\"", 'E'},
        {"\"abc\"[0..=]==\"\"", 'C'},
        {"r.columns[0..1]==\"f1\"", 'E'},
        {"(0..3)==(0..3)", 'C'},
    };
    CHECK(verdicts);
}

static void in_finds_what_equals(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {"r.op_name in [\"psi\",\"xgb\"]", 'T'},
        {"r.op_name in [\"psi\",\"lr\",]", 'F'},
        {"r.op_name in []", 'F'},
        {"1 in [\"1\",1]", 'T'},
        {"'x' in [\"x\"]", 'T'},
        {"() in [()]", 'T'},
        {"1 in [1,1/0]", 'E'},
        {"r in [r]", 'E'},
        {"r.op_name in [r.scope, r.op_name]", 'T'},
        {"\"f1\" in r.columns && !(\"f9\" in r.columns)", 'T'},
        {"\"f1\" in r.nope", 'E'},
        {"\"x\" in r.op_name", 'E'},
        {"\"x\" in r", 'C'},
        {"\"x\" in \"xgb\"", 'C'},
        {"1 in 0..3", 'C'},
        {"r.op in (\"XGB\", \"LR\")", 'C'},
        {"r.op_name !in [\"psi\"]", 'C'},
        {"!index", 'C'},
        {"1 in [1][0]", 'C'},
        {"[1,2]==[1,2]", 'C'},
        {"1 in [1,,2]", 'C'},
        {"1 in [1", 'C'},
    };
    CHECK(verdicts);
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {"", 'C'},
        {" \n\t", 'C'},
        {"// nothing", 'C'},
        {"1==1 // c\n", 'T'},
        {"/* a /* b */ c */ 1==1", 'T'},
        {"1==1 /* c", 'C'},
        {"1==1; 1==2", 'C'},
        {"1==1 1==1", 'C'},
        {"(1==1", 'C'},
        {"1==1)", 'C'},
        {"( )==()", 'C'},
        {"(1==1)()", 'C'},
        {"eval(\"true\")", 'C'},
        {"type_of(r)==\"map\"", 'C'},
        {"is_def_var(\"r\")", 'C'},
        {"contains(r.op_name,\"gb\")", 'C'},
        {"r.op_name.contains(\"gb\")", 'C'},
        {"r.keys()", 'C'},
        {"r()", 'C'},
        {"if true { true } else { false }", 'C'},
        {"switch 1 { 1 => true, _ => false }", 'C'},
        {"#{a:1}.a==1", 'C'},
        {"{ true }", 'C'},
        {"true ? false : true", 'C'},
        {"not true", 'C'},
        {"true and true", 'C'},
        {"r.op_name=\"xgb\"", 'C'},
        {"r.op_name===\"xgb\"", 'C'},
        {"r.op_name<>\"xgb\"", 'C'},
        {"null==null", 'C'},
        {"let x = 1", 'C'},
        {"|x| x", 'C'},
        {"true |", 'C'},
        {"== true", 'C'},
        {"@", 'C'},
        {"\xc3\xa9", 'C'},
        {"\"\xff\"==\"\"", 'C'},
    };
    CHECK(verdicts);
}

static void messages_say_what_to_write_instead(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"r.env.tee.sgx.mr_enclave = \"aa\"",
         "line 1, column 26: '=' is not in the language; it is no comparison; use '=='"},
        {"r.op_name===\"xgb\"", "line 1, column 10: '===' is not in the language; use '=='"},
        {"true and true", "line 1, column 6: an operator expected, got 'and'; use '&&'"},
        {"true or true", "line 1, column 6: an operator expected, got 'or'; use '||'"},
        {"not true", "line 1, column 1: there is no 'not', only the request r; use '!'"},
        {"r.op in (\"a\", \"b\")",
         "line 1, column 13: ')' expected, got ','; a list is written a in [b, c]"},
        {"r.columns.len() == 2", "line 1, column 14: there are no functions and no methods"},
        {"contains(r, 1)", "line 1, column 9: there are no functions and no methods"},
        {"\n\n  r.op_name == \"\xc3\xa9\" ;",
         "line 3, column 20: ';' is not in the language; a constraint is one expression; join "
         "conditions with '&&'"},
        {"(1==1", "line 1, column 6: ')' expected, but this is the end"},
        {"'ab'=='ab'",
         "line 1, column 1: single quotes hold one character; text stands in double quotes"},
        {"true && 1", "line 1, column 9: '&&' joins what is true or false; this is a number"},
        {"[1]==1", "line 1, column 1: a list can only stand right of 'in'"},
        {"1.5 > 1", "line 1, column 1: there are no fractions, only whole numbers"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct capsa_constraint *constraint = NULL;
        capsa_result result = capsa_constraint_compile(cases[i].text, &constraint);
        assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
        assert_string_equal(capsa_text_of(result), cases[i].message);
    }
}

static void evaluation_errors_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"r.env.tee.csv.mr_boot==\"x\"", "line 1, column 15: 'mr_boot' is asked of (): what stands "
                                         "before it is not in the request"},
        {"1 +\n2147483647 == 1", "line 1, column 3: the result does not fit into 32 bits"},
        {"1/0 == 1", "line 1, column 2: division by zero"},
        {"r.op_name == \"a\" && r.columns == r.columns",
         "line 1, column 31: '==' cannot compare an array with an array"},
        {"r.scope", "the result is a text, neither true nor false"},
    };
    CAPSA_AUTO_FREE(capsa_json) r = parse_request(request_text);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO_FREE(capsa_constraint) constraint = compile(cases[i].text);
        bool truth = true;
        capsa_result result = capsa_constraint_eval(constraint, r, &truth);
        if (i == 3) { /* the left side is false, so the right one is never looked at */
            assert_ok(result);
            assert_false(truth);
            continue;
        }
        assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
        assert_string_equal(capsa_text_of(result), cases[i].message);
        assert_true(truth);
    }
}

static void requests_that_the_original_cannot_read_deny(void **state)
{
    (void)state;
    static const struct {
        const char *r;
        char outcome;
    } cases[] = {
        {"{}", 'T'},
        {"{\"a\":{\"b\":[1,true,\"\\n\\u0001\"]}}", 'T'},
        {"{\"a\":{\"b\":[null]}}", 'E'},
        {"{\"a\":1.5}", 'E'},
        {"{\"a\":2147483648}", 'E'},
        {"{\"a\":-2147483648}", 'T'},
        {"{\"a\":\"x\\b\"}", 'E'},
        {"{\"a\":[\"x\\f\"]}", 'E'},
        {"{\"a\\f\":1}", 'E'},
        {"[]", 'E'},
        {"\"x\"", 'E'},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO_FREE(capsa_json) r = parse_request(cases[i].r);
        char got = outcome_of("true", r);
        if (got != cases[i].outcome) {
            fail_msg("%s: wanted %c, got %c", cases[i].r, cases[i].outcome, got);
        }
    }
}

/* ---- The recorded outcomes ---------------------------------------------------------------- */

/* What the original answers with true or false and we refuse (when compiling, 'C') or stop (when
 * evaluating, 'E'), by feature: all of it, so that nothing joins this list unnoticed. */
static const struct {
    const char *feature;
    const char *text;
    char ours;
} differences[] = {
    {"integers do not wrap", "2147483647+1<0", 'E'},
    {"integers do not wrap", "2**-1==0", 'E'},
    {"shifts go from 0 to 31", "1 << 33 == 2", 'E'},
    {"shifts go from 0 to 31", "1 << -1 == 0", 'E'},
    {"object literals", "#{a:1}.a==1", 'C'},
    {"object literals", "#{\"a\":1}[\"a\"]==1", 'C'},
    {"back-ticks", "r.env.tee.sgx.mr_enclave==`aa11`", 'C'},
    {"back-ticks", "`a${1}b`==\"a1b\"", 'C'},
    {"back-ticks", "`a${r.op_name}b`==\"axgbb\"", 'C'},
    {"back-ticks", "`${eval(\"true\")}`==\"true\"", 'C'},
    {"if", "if r.op_name==\"xgb\" { r.env.tee.platform==\"sgx\" } else { false }", 'C'},
    {"switch", "switch r.op_name { \"xgb\" => true, _ => false }", 'C'},
    {"switch", "switch r.op_name { \"psi\" => true, _ => false }", 'C'},
    {"switch", "switch r.op_name { \"a\" | \"xgb\" => true, _ => false }", 'C'},
    {"switch", "switch r.op_name { \"xgb\" if r.scope==\"default\" => true, _ => false }", 'C'},
    {"switch", "switch 5 { 0..=9 => true, _ => false }", 'C'},
    {"type_of", "type_of(r)==\"map\"", 'C'},
    {"type_of", "type_of(1)==\"i32\"", 'C'},
    {"type_of", "type_of(r.env.tee.sgx)==\"map\"", 'C'},
    {"type_of", "type_of(r.columns)==\"array\"", 'C'},
    {"is_def_var", "is_def_var(\"r\")", 'C'},
    {"eval", "eval(\"true\")", 'C'},
    {"eval", "eval(\"r.op_name = \\\"psi\\\"; r.op_name==\\\"psi\\\"\")", 'C'},
};

/* What the original cannot evaluate, and we do: `in`. */
static const struct verdict improvements[] = {
    {"\"f1\" in r.columns", 'T'},
    {"\"f9\" in r.columns", 'F'},
    {"r.op_name in [\"xgb\",\"psi\"]", 'T'},
    {"1 in [1,2]", 'T'},
};

static char recorded(const char *outcome)
{
    static const struct verdict names[] = {
        {"true", 'T'}, {"false", 'F'}, {"COMPILE_ERR", 'C'}, {"EVAL_ERR", 'E'}, {"PANIC", 'E'}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(outcome, names[i].text, strlen(names[i].text)) == 0) {
            return names[i].outcome;
        }
    }
    fail_msg("unknown outcome %s", outcome);
    return '?';
}

/* Line feeds are written \n in the file; other escapes belong to the constraint. */
static void unescape(char *text)
{
    for (char *at = strstr(text, "\\n"); at != NULL; at = strstr(at, "\\n")) {
        *at = '\n';
        memmove(at + 1, at + 2, strlen(at + 2) + 1);
    }
}

static char expected_of(const char *text, char original, size_t *different)
{
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        if (strcmp(differences[i].text, text) == 0) {
            *different += 1;
            return differences[i].ours;
        }
    }
    for (size_t i = 0; i < sizeof(improvements) / sizeof(improvements[0]); i++) {
        if (strcmp(improvements[i].text, text) == 0) {
            return improvements[i].outcome;
        }
    }
    return original == 'C' ? 'E' : original; /* E and C are one: it denies */
}

static void trim_end(char *text)
{
    for (size_t len = strlen(text); len > 0 && text[len - 1] == ' '; len--) {
        text[len - 1] = '\0';
    }
}

static void verdicts_are_those_recorded_of_the_original(void **state)
{
    (void)state;
    const char *vectors = getenv("CAPSA_VECTORS");
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/capsule-manager/constraints.txt",
                   vectors != NULL ? vectors : CAPSA_SOURCE_ROOT "/../shared/vectors");
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_message("skipped: no recorded outcomes at %s\n", path);
        skip();
    }
    CAPSA_AUTO_FREE(capsa_json) r = parse_request(request_text);
    char line[4096];
    size_t lines = 0, different = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "# ", 2) == 0) {
            continue;
        }
        char *arrow = NULL; /* the last one: constraints contain some too */
        for (char *at = strstr(line, " => "); at != NULL; at = strstr(at + 1, " => ")) {
            arrow = at;
        }
        if (arrow == NULL) {
            fail_msg("no outcome: %s", line);
            break;
        }
        *arrow = '\0';
        const char *outcome = arrow + 4;
        trim_end(line);
        unescape(line);
        char original = recorded(outcome);
        char got = outcome_of(line, r);
        char wanted = expected_of(line, original, &different);
        bool same = wanted == 'E' ? got == 'E' || got == 'C' : got == wanted;
        if (!same) {
            fail_msg("%s: the original %c, wanted %c, got %c", line, original, wanted, got);
        }
        lines++;
    }
    (void)fclose(file);
    assert_true(lines > 200);
    assert_int_equal(different, sizeof(differences) / sizeof(differences[0]));
}

/* ---- Bounds ------------------------------------------------------------------------------- */

static char *repeat(const char *head, const char *piece, size_t count, const char *tail)
{
    size_t size = strlen(head) + count * strlen(piece) + strlen(tail) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    char *at = stpcpy(text, head);
    for (size_t i = 0; i < count; i++) {
        at = stpcpy(at, piece);
    }
    (void)stpcpy(at, tail);
    return text;
}

static void assert_compile(const char *head, const char *piece, size_t count, const char *tail,
                           enum capsa_code code)
{
    char *text = repeat(head, piece, count, tail);
    struct capsa_constraint *constraint = NULL;
    capsa_result result = capsa_constraint_compile(text, &constraint);
    if (capsa_code_of(result) != code) {
        fail_msg("%zu of %s: %s", count, piece, capsa_text_of(result));
    }
    capsa_constraint_free(constraint);
    free(text);
}

static void nesting_is_bounded_and_length_is_not_nesting(void **state)
{
    (void)state;
    const size_t depth = CAPSA_LIMIT_expression_depth;
    char *close = repeat("", ")", depth, "");
    char *text = repeat("", "(", depth, "true");
    char *both = repeat(text, "", 0, close);
    CAPSA_AUTO_FREE(capsa_json) r = parse_request(request_text);
    assert_int_equal(outcome_of(both, r), 'T');
    free(both);
    free(text);
    free(close);

    assert_compile("", "(", depth + 1, "true", CAPSA_E_TOO_LARGE);
    assert_compile("", "(", 15000, "", CAPSA_E_TOO_LARGE);
    assert_compile("", "!", depth, "true", CAPSA_E_OK);
    assert_compile("", "!", depth + 1, "true", CAPSA_E_TOO_LARGE);
    assert_compile("", "- ", 5000, "1==1", CAPSA_E_TOO_LARGE);
    assert_compile("1", "**1", depth + 1, "==1", CAPSA_E_TOO_LARGE);
    assert_compile("", "r[", depth + 1, "", CAPSA_E_TOO_LARGE);
    assert_compile("", "1 in [", depth + 1, "", CAPSA_E_TOO_LARGE);
    assert_compile("1==1", "&&1==1", 1000, "", CAPSA_E_OK);
    assert_compile("r", ".a", 3000, "==1", CAPSA_E_OK);
}

static void size_is_bounded(void **state)
{
    (void)state;
    assert_compile("1==1", " ", CAPSA_LIMIT_expression_bytes - 4, "", CAPSA_E_OK);
    assert_compile("1==1", " ", CAPSA_LIMIT_expression_bytes - 3, "", CAPSA_E_TOO_LARGE);
    assert_compile("1==1", "+1", CAPSA_LIMIT_expression_nodes - 8, "", CAPSA_E_OK);
    assert_compile("1==1", "+1", CAPSA_LIMIT_expression_nodes, "", CAPSA_E_TOO_LARGE);
}

static struct capsa_json *request_with(const char *name, struct capsa_json *value)
{
    struct capsa_json *r = capsa_json_new_object();
    assert_non_null(r);
    assert_ok(capsa_json_set(r, name, value));
    return r;
}

static void texts_made_while_evaluating_are_bounded(void **state)
{
    (void)state;
    char *big = repeat("", "x", CAPSA_LIMIT_expression_string / 2, "");
    CAPSA_AUTO_FREE(capsa_json) r = request_with("attrs", capsa_json_new_string(big));
    free(big);
    CAPSA_AUTO_FREE(capsa_constraint) fits = compile("r.attrs + r.attrs != \"\"");
    bool truth = false;
    assert_ok(capsa_constraint_eval(fits, r, &truth));
    assert_true(truth);
    CAPSA_AUTO_FREE(capsa_constraint) over = compile("r.attrs + r.attrs + \"x\" != \"\"");
    assert_fails(capsa_constraint_eval(over, r, &truth), TOO_LARGE);
    CAPSA_AUTO_FREE(capsa_constraint)
    thrice = compile("r.attrs + \"\" == \"\" || r.attrs + \"\" == \"\" || r.attrs + \"\" == \"\"");
    assert_fails(capsa_constraint_eval(thrice, r, &truth), TOO_LARGE);
}

static void steps_are_bounded_and_counted(void **state)
{
    (void)state;
    struct capsa_json *columns = capsa_json_new_array();
    for (size_t i = 0; i < 2000; i++) {
        assert_ok(capsa_json_push(columns, capsa_json_new_string("c")));
    }
    CAPSA_AUTO_FREE(capsa_json) r = request_with("columns", columns);
    char *text = repeat("false", " || \"d\" in r.columns", 60, "");
    CAPSA_AUTO_FREE(capsa_constraint) slow = compile(text);
    free(text);
    bool truth = false;
    assert_fails(capsa_constraint_eval(slow, r, &truth), TOO_LARGE);

    CAPSA_AUTO_FREE(capsa_constraint) once = compile("\"d\" in r.columns");
    size_t steps = 5000;
    assert_ok(capsa_constraint_eval_within(once, r, &steps, &truth));
    assert_true(steps > 2000 && steps < 3000);
    assert_ok(capsa_constraint_eval_within(once, r, &steps, &truth));
    assert_fails(capsa_constraint_eval_within(once, r, &steps, &truth), TOO_LARGE);
    assert_int_equal(steps, 0);
}

/* ---- Random texts ------------------------------------------------------------------------- */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void random_expressions_end_in_a_verdict_or_an_error(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "r",   ".op_name", "[\"env\"]", ".columns", "[0]", "[-1]", "?.nope", "==", "!=", "<",
        "&&",  "||",       "!",         "(",        ")",   "1",    "0x7f",   "+",  "-",  "*",
        "/",   "**",       "<<",        "??",       "in",  "[",    "]",      ",",  "()", "\"a\"",
        "'c'", "true",     "false",     "..",       "&",   "|",    "^",      "%",  " ",  "\\u",
    };
    CAPSA_AUTO_FREE(capsa_json) r = parse_request(request_text);
    uint32_t seed = 7;
    size_t counts[128] = {0};
    for (size_t i = 0; i < 200000; i++) {
        char text[256] = "";
        size_t parts = 1 + next_random(&seed) % 9;
        char *at = text;
        for (size_t j = 0; j < parts; j++) {
            at = stpcpy(at, pieces[next_random(&seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
        }
        counts[(unsigned char)outcome_of(text, r)]++;
    }
    assert_true(counts['T'] > 100 && counts['F'] > 100 && counts['E'] > 100 && counts['C'] > 100);
}

static int allocations_left;

static int allocation_fails(size_t size)
{
    (void)size;
    return allocations_left-- == 0;
}

static void failing_allocations_are_errors(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json) r = parse_request(request_text);
    const char *text = "r.op_name + \"1\" in [\"xgb1\"] && r[\"sco\" + \"pe\"] == \"default\"";
    for (int n = 0;; n++) {
        assert_true(n < 100);
        allocations_left = n;
        capsa_alloc_set_hook(allocation_fails);
        CAPSA_AUTO_FREE(capsa_constraint) constraint = NULL;
        capsa_result result = capsa_constraint_compile(text, &constraint);
        bool truth = false;
        if (!capsa_failed(result)) {
            result = capsa_constraint_eval(constraint, r, &truth);
        }
        capsa_alloc_set_hook(NULL);
        assert_true(capsa_failed(result) ? !truth : truth);
        if (!capsa_failed(result)) {
            assert_true(n > 5);
            return;
        }
        assert_int_equal(capsa_code_of(result), CAPSA_E_NOMEM);
    }
}

/* ---- Facts -------------------------------------------------------------------------------- */

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ENC   "r.env.tee.sgx.mr_enclave"
#define SIG   "r.env.tee.sgx.mr_signer"
#define CSV   "r.env.tee.csv.mr_boot"

#define TD(name) "r.env.tee.tdx." name "==\"" HEX64 "abcdefabcdefabcdefabcdefabcdef00\""

static void a_constraint_pins_what_it_equates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned pins;
        bool code;
    } cases[] = {
        {ENC "==\"" HEX64 "\"", CAPSA_PINS_MR_ENCLAVE, true},
        {"\"" HEX64 "\"==" ENC, CAPSA_PINS_MR_ENCLAVE, true},
        {"r[\"env\"]?.tee.sgx[\"mr_enclave\"]==\"" HEX64 "\"", CAPSA_PINS_MR_ENCLAVE, true},
        {"r.scope==\"a\" && (" ENC "==\"" HEX64 "\")", CAPSA_PINS_MR_ENCLAVE, true},
        {"r.scope==\"a\" & " ENC " in [\"" HEX64 "\",\"" HEX64 "\"]", CAPSA_PINS_MR_ENCLAVE, true},
        {CSV "==\"" HEX64 "\"", CAPSA_PINS_CSV_MR_BOOT, true},
        {"r.env.tee.csv.measure==\"" HEX64 "\"", CAPSA_PINS_CSV_MR_BOOT, true},
        {TD("mr_td") " && " TD("rtmr0") " && " TD("rtmr1"), CAPSA_PINS_TDX_RTMR1, true},
        {TD("mr_td") " && " TD("rtmr0"), CAPSA_PINS_TDX_RTMR0, false},
        {TD("rtmr0") " && " TD("rtmr1"), CAPSA_PINS_TDX_RTMR1, false},
        {TD("mr_td") " && " TD("rtmr2") " && " TD("rtmr3"), CAPSA_PINS_TDX_MR_TD, false},
        {SIG "==\"" HEX64 "\"", CAPSA_PINS_MR_SIGNER, false},
        {SIG "==\"" HEX64 "\" && r.env.tee.sgx.isv_prod_id==1", CAPSA_PINS_MR_SIGNER, false},
        {SIG "==\"" HEX64 "\" && r.env.tee.sgx.isv_prod_id==1 && r.env.tee.sgx.isv_svn>=2",
         CAPSA_PINS_MR_SIGNER, true},
        {SIG "==\"" HEX64 "\" && r.env.tee.sgx.isv_prod_id==1 && 2<=r.env.tee.sgx.isv_svn",
         CAPSA_PINS_MR_SIGNER, true},
        {SIG "==\"" HEX64 "\" && r.env.tee.sgx.isv_prod_id==1 && r.env.tee.sgx.isv_svn<=2",
         CAPSA_PINS_MR_SIGNER, false},
        {ENC "==\"" HEX64 "\" || " ENC "==\"" HEX64 "\"", CAPSA_PINS_MR_ENCLAVE, true},
        {ENC "==\"" HEX64 "\" || " CSV "==\"" HEX64 "\"", CAPSA_PINS_CODE, true},
        {ENC "==\"" HEX64 "\" || r.scope==\"a\"", 0, false},
        {"true || " ENC "==\"" HEX64 "\"", 0, false},
        {ENC "==\"" HEX64 "\" ^ true", 0, false},
        {"true ^ " ENC "==\"" HEX64 "\"", 0, false},
        {"!(" ENC "==\"" HEX64 "\")", 0, false},
        {ENC "!=\"" HEX64 "\"", 0, false},
        {ENC ">=\"" HEX64 "\"", 0, false},
        {ENC "==\"" HEX64 "\" == true", 0, false},
        {ENC "==r.attrs", 0, false},
        {ENC " in r.columns", 0, false},
        {ENC " in []", 0, false},
        {ENC " in [\"" HEX64 "\",\"\"]", 0, false},
        {ENC "==\"\"", 0, false},
        {ENC "==\"aa11\"", 0, false},
        {ENC "==\"" HEX64 "0\"", 0, false},
        {ENC "==\"A0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"", 0, false},
        {ENC "==\"0000000000000000000000000000000000000000000000000000000000000000\"", 0, false},
        {"r.env.tee.sgx.mr_enclav==\"" HEX64 "\"", 0, false},
        {ENC ".x==\"" HEX64 "\"", 0, false},
        {"r.env.tee[\"sgx.mr_enclave\"]==\"" HEX64 "\"", 0, false},
        {"true", 0, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO_FREE(capsa_constraint) constraint = compile(cases[i].text);
        unsigned pins = capsa_constraint_pins(constraint);
        if ((pins & cases[i].pins) != cases[i].pins || (cases[i].pins == 0 && pins != 0) ||
            capsa_pins_are_code(pins) != cases[i].code) {
            fail_msg("%s pins %#x", cases[i].text, pins);
        }
    }
}

static void constants_are_known_without_a_request(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool constant;
    } cases[] = {
        {"true", true},
        {"1/0==1", true},
        {"true || r.a==1", true},
        {"r.a==1 || true", false},
        {"\"a\" in r.columns", false},
        {"\"a\" in [\"a\"]", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO_FREE(capsa_constraint) constraint = compile(cases[i].text);
        if (capsa_constraint_is_constant(constraint) != cases[i].constant) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static CAPSA_RESULT note_use(void *context, const struct capsa_constraint_use *use)
{
    return capsa_buf_format(context, "%s%s %s %s %zu:%zu\n", use->path, use->whole ? "" : "~",
                            use->compare == NULL ? "-" : use->compare,
                            use->literal == NULL ? "-" : use->literal, use->line, use->column);
}

static void uses_are_listed_with_what_they_are_compared_with(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_constraint)
    constraint =
        compile("r.op_name == \"a\" && !(\"b\" != r.env.tee.x)\n"
                "&& r[\"scope\"] in [\"c\", r.attrs] && r.columns[r.n] + \"z\" == r.a.b[0].c");
    CAPSA_AUTO(capsa_buf) notes = capsa_buf_of(4096);
    assert_ok(capsa_constraint_uses(constraint, note_use, &notes));
    const char *text;
    assert_ok(capsa_buf_cstr(&notes, &text));
    assert_string_equal(text, "op_name == a 1:1\n"
                              "env.tee.x != b 1:30\n"
                              "scope in c 2:4\n"
                              "scope in - 2:4\n"
                              "attrs - - 2:24\n"
                              "columns~ - - 2:36\n"
                              "n - - 2:46\n"
                              "a.b~ == - 2:60\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_read_the_request),
        cmocka_unit_test(operators_bind_as_in_the_original),
        cmocka_unit_test(what_does_not_matter_is_not_evaluated),
        cmocka_unit_test(integers_never_leave_32_bits),
        cmocka_unit_test(texts_and_characters_are_compared_by_bytes),
        cmocka_unit_test(in_finds_what_equals),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(messages_say_what_to_write_instead),
        cmocka_unit_test(evaluation_errors_name_their_place),
        cmocka_unit_test(requests_that_the_original_cannot_read_deny),
        cmocka_unit_test(verdicts_are_those_recorded_of_the_original),
        cmocka_unit_test(nesting_is_bounded_and_length_is_not_nesting),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(texts_made_while_evaluating_are_bounded),
        cmocka_unit_test(steps_are_bounded_and_counted),
        cmocka_unit_test(random_expressions_end_in_a_verdict_or_an_error),
        cmocka_unit_test(failing_allocations_are_errors),
        cmocka_unit_test(a_constraint_pins_what_it_equates),
        cmocka_unit_test(constants_are_known_without_a_request),
        cmocka_unit_test(uses_are_listed_with_what_they_are_compared_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
