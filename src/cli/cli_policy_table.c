/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of tests for policies: reading them (cli_policy_table.h). A table that does not say what
 * its author meant must not pass, so everything is checked before anything is judged.
 */
#include "cli/cli_policy_table.h"

#include "base/alloc.h"
#include "base/time.h"
#include "cli/cli_policy_file.h"
#include "cli/cli_read.h"

void capsa_policy_table_drop(capsa_policy_table *table)
{
    capsa_json_free(table->document);
    capsa_json_free(table->file);
    capsa_json_free(table->defaults);
    capsa_message_free(table->message);
    *table = (capsa_policy_table){.document = NULL};
}

void capsa_policy_case_drop(capsa_policy_case *test)
{
    capsa_json_free(test->members);
    capsa_dealloc(test->columns);
    *test = (capsa_policy_case){.members = NULL};
}

size_t capsa_policy_table_count(const capsa_policy_table *table)
{
    return capsa_json_count(table->tests);
}

/* ---- members --------------------------------------------------------------------------------- */

/* Everything that a test can say. */
struct members {
    const char *name, *expect, *rule, *clause;
    const char *initiator, *op, *resource_uri, *attrs, *scope;
    const struct capsa_json *columns;
    bool is_result, is_signed;
    union {
        const char *text;
        int64_t number;
        bool truth;
        const struct capsa_json *list;
    } claim; /* the last of those of env, which are checked here and read where r.env is */
};

#define TEXT(name, member, flags)                                                                  \
    {                                                                                              \
        name, CAPSA_FIELD_STRING, offsetof(struct members, member), flags, 0, 0, NULL              \
    }
#define TRUTH(name, member)                                                                        \
    {                                                                                              \
        name, CAPSA_FIELD_BOOL, offsetof(struct members, member), 0, 0, 0, NULL                    \
    }
/* Of env: by the kinds of policy_claims.def. Nothing reads these through the table. */
#define OF_ENV(name, type, max)                                                                    \
    {                                                                                              \
        name, type, 0, 0, 0, max, NULL                                                             \
    }
#define OF_MEASUREMENT(name)                 OF_ENV(name, CAPSA_FIELD_STRING, 0)
#define OF_HEX(name)                         OF_ENV(name, CAPSA_FIELD_STRING, 0)
#define OF_TEXT(name)                        OF_ENV(name, CAPSA_FIELD_STRING, 0)
#define OF_NUMBER(name)                      OF_ENV(name, CAPSA_FIELD_INT, INT32_MAX)
#define OF_LIST(name)                        OF_ENV(name, CAPSA_FIELD_STRINGS, 0)
#define OF_TRUTH(name)                       OF_ENV(name, CAPSA_FIELD_BOOL, 0)
#define CAPSA_R_ANY(name, kind, digits, pin) OF_##kind(name),
#define PART(name, fields)                                                                         \
    {                                                                                              \
        name, CAPSA_FIELD_OBJECT, 0, 0, 0, 0, fields                                               \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL                                                  \
    }

/* What a manager can know of a request's environment. */
static const struct capsa_json_field sgx_fields[] = {
#define CAPSA_R_SGX CAPSA_R_ANY
#include "policy/policy_claims.def"
    END};
static const struct capsa_json_field tdx_fields[] = {
#define CAPSA_R_TDX CAPSA_R_ANY
#include "policy/policy_claims.def"
    END};
static const struct capsa_json_field csv_fields[] = {
#define CAPSA_R_CSV CAPSA_R_ANY
#include "policy/policy_claims.def"
    END};
static const struct capsa_json_field snp_fields[] = {
#define CAPSA_R_SNP CAPSA_R_ANY
#include "policy/policy_claims.def"
    END};
static const struct capsa_json_field tee_fields[] = {
#define CAPSA_R_TEE CAPSA_R_ANY
#include "policy/policy_claims.def"
    PART("sgx", sgx_fields), PART("tdx", tdx_fields), PART("csv", csv_fields),
    PART("snp", snp_fields), END};
static const struct capsa_json_field env_fields[] = {
#define CAPSA_R_ENV CAPSA_R_ANY
#include "policy/policy_claims.def"
    PART("tee", tee_fields), END};

#define REQUEST_FIELDS                                                                             \
    TEXT("expect", expect, 0), TEXT("initiator", initiator, CAPSA_FIELD_NOT_EMPTY),                \
        TEXT("op", op, 0), TEXT("resource_uri", resource_uri, 0), TEXT("attrs", attrs, 0),         \
        TEXT("scope", scope, 0), TRUTH("is_result", is_result), TRUTH("signed", is_signed),        \
        {"columns", CAPSA_FIELD_STRINGS, offsetof(struct members, columns), 0, 0, 0, NULL},        \
        {"env", CAPSA_FIELD_OBJECT, offsetof(struct members, claim), 0, 0, 0, env_fields}, END

static const struct capsa_json_field default_fields[] = {REQUEST_FIELDS};
static const struct capsa_json_field case_fields[] = {
    TEXT("name", name, CAPSA_FIELD_REQUIRED | CAPSA_FIELD_NOT_EMPTY),
    TEXT("rule", rule, CAPSA_FIELD_NOT_EMPTY),
    TEXT("clause", clause, CAPSA_FIELD_NOT_EMPTY),
    REQUEST_FIELDS,
};

static capsa_result merge(const struct capsa_json *base, const struct capsa_json *over,
                          struct capsa_json **ret_merged);

static bool is_object(const struct capsa_json *value)
{
    return capsa_json_kind_of(value) == CAPSA_JSON_OBJECT;
}

/* The member `name`, given what stands there below and above. Null, or nothing: there is none. */
static capsa_result merge_member(const char *name, const struct capsa_json *base,
                                 const struct capsa_json *over, struct capsa_json *merged)
{
    struct capsa_json *value = NULL;
    if (capsa_json_kind_of(over) == CAPSA_JSON_NULL) {
        return CAPSA_OK;
    }
    if (is_object(over)) {
        CAPSA_TRY(merge(is_object(base) ? base : NULL, over, &value));
    } else {
        CAPSA_TRY(capsa_cli_without_nulls(over, &value));
    }
    return capsa_json_set(merged, name, value);
}

/* An object of the members of both; where both have one, objects are merged and else `over` wins.
 * The depth is that of a parsed document, which has a limit. */
static capsa_result merge(const struct capsa_json *base, const struct capsa_json *over,
                          struct capsa_json **ret_merged)
{
    CAPSA_AUTO_FREE(capsa_json) merged = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(merged);
    struct capsa_json_walk below = {NULL, false}, above = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(base, &below, &name, &value)) {
        if (capsa_json_get(over, name) == NULL) {
            CAPSA_TRY(merge_member(name, NULL, value, merged));
        }
    }
    while (capsa_json_next(over, &above, &name, &value)) {
        CAPSA_TRY(merge_member(name, capsa_json_get(base, name), value, merged));
    }
    *ret_merged = capsa_cli_hand(&merged);
    return CAPSA_OK;
}

/* ---- what no manager would see ----------------------------------------------------------------
 */

/* Only the part of the platform is ever there, and never without the platform. */
static capsa_result check_tee(const struct capsa_json *tee)
{
    const char *platform = capsa_json_string(capsa_json_get(tee, "platform"));
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(tee, &walk, &name, &value)) {
        CAPSA_REQUIRE(platform != NULL, MALFORMED, "env.tee.platform is missing beside %s", name);
        CAPSA_REQUIRE(!is_object(value) || capsa_streq(name, platform), MALFORMED,
                      "env.tee.%s cannot be there when the platform is \"%s\" (null takes a "
                      "default away)",
                      name, platform);
    }
    return CAPSA_OK;
}

static capsa_result check_time(const char *text)
{
    capsa_time time;
    char same[CAPSA_TIME_TEXT] = "";
    if (!capsa_failed(capsa_time_parse(capsa_bytes_str(text), &time))) {
        capsa_time_text(time, same);
    }
    CAPSA_REQUIRE(capsa_streq(text, same), MALFORMED,
                  "env.request_time is a text as in \"2026-11-21T12:00:00Z\", not \"%.40s\"", text);
    return CAPSA_OK;
}

/* Names and kinds are right already. */
static capsa_result check_env(const struct capsa_json *env)
{
    const char *time = capsa_json_string(capsa_json_get(env, "request_time"));
    CAPSA_TRY(time == NULL ? CAPSA_OK : check_time(time));
    return check_tee(capsa_json_get(env, "tee"));
}

/* ---- a test ---------------------------------------------------------------------------------- */

static capsa_result expectation_of(const char *text, bool *ret_allow)
{
    CAPSA_REQUIRE(text != NULL, MALFORMED, "expect is missing: allow or deny");
    *ret_allow = capsa_streq(text, "allow");
    CAPSA_REQUIRE(*ret_allow || capsa_streq(text, "deny"), MALFORMED,
                  "expect: allow or deny, not \"%.64s\"", text);
    return CAPSA_OK;
}

static capsa_result clause_of(const char *text, bool allow, enum capsa_clause *ret_clause)
{
    CAPSA_REQUIRE(!allow, MALFORMED, "clause says what denies; it does not go with expect: allow");
    const char *names[CAPSA_CLAUSE_GLOBAL_CONSTRAINT + 1] = {NULL};
    for (unsigned i = CAPSA_CLAUSE_RULES; i <= CAPSA_CLAUSE_GLOBAL_CONSTRAINT; i++) {
        names[i - 1] = capsa_clause_name((enum capsa_clause)i);
        if (capsa_streq(text, names[i - 1])) {
            *ret_clause = (enum capsa_clause)i;
            return CAPSA_OK;
        }
    }
    const char *nearest = capsa_nearest_name(text, names);
    CAPSA_FAIL(MALFORMED, "clause: there is no \"%.64s\"; %s", text,
               nearest != NULL ? nearest
                               : "rules, grantee, initiator, operation, columns, op constraint, "
                                 "global constraint");
}

static capsa_result check_rule(const Cm__Policy *policy, const char *id)
{
    capsa_texts ids = {NULL, 0};
    capsa_result result = CAPSA_OK;
    for (size_t i = 0; !capsa_failed(result) && i < policy->n_rules; i++) {
        result = capsa_texts_add(&ids, policy->rules[i]->rule_id);
    }
    bool there = ids.count > 0 && capsa_cli_is_among(id, ids.items);
    const char *nearest = ids.count > 0 ? capsa_nearest_name(id, ids.items) : NULL;
    capsa_texts_drop(&ids);
    CAPSA_TRY(result);
    CAPSA_REQUIRE(there, MALFORMED, "rule: the policy has no \"%.64s\"%s%.64s%s", id,
                  nearest == NULL ? "" : "; \"", nearest == NULL ? "" : nearest,
                  nearest == NULL ? "" : "\" is the nearest");
    return CAPSA_OK;
}

static capsa_result expect(const capsa_policy_table *table, const struct members *members,
                           capsa_policy_case *test)
{
    test->name = members->name;
    CAPSA_TRY(expectation_of(members->expect, &test->allow));
    if (members->clause != NULL) {
        CAPSA_TRY(clause_of(members->clause, test->allow, &test->clause));
    }
    if (members->rule != NULL) {
        CAPSA_REQUIRE(test->clause != CAPSA_CLAUSE_RULES, MALFORMED,
                      "rule: clause \"rules\" means that there is none");
        CAPSA_TRY(check_rule(table->policy, members->rule));
        test->rule = members->rule;
    }
    return CAPSA_OK;
}

static capsa_result take_columns(const struct capsa_json *list, capsa_policy_case *test)
{
    size_t count = capsa_json_count(list);
    CAPSA_REQUIRE(count <= CAPSA_LIMIT_columns, TOO_LARGE,
                  "columns: %zu of them; at most %d are allowed", count, CAPSA_LIMIT_columns);
    test->columns = capsa_alloc_array(count, sizeof(char *));
    CAPSA_REQUIRE_MEMORY(test->columns);
    for (size_t i = 0; i < count; i++) {
        const char *text = capsa_json_string(capsa_json_at(list, i));
        memcpy(&test->columns[i], &text, sizeof(text)); /* nobody writes to it */
    }
    test->request.columns = test->columns;
    test->request.columns_count = count;
    return CAPSA_OK;
}

static const char *or_else(const char *text, const char *otherwise)
{
    return text == NULL ? otherwise : text;
}

static capsa_result make_request(const capsa_policy_table *table, const struct members *members,
                                 capsa_policy_case *test)
{
    CAPSA_REQUIRE(members->initiator != NULL, MALFORMED, "initiator is missing: who asks?");
    CAPSA_REQUIRE(members->op != NULL, MALFORMED, "op is missing: for what operation?");
    const struct capsa_json *env = capsa_json_get(test->members, "env");
    CAPSA_TRY(check_env(env));
    test->request = (struct capsa_request){
        .resource_uri = or_else(members->resource_uri, table->policy->data_uuid),
        .initiator_party_id = members->initiator,
        .scope = or_else(members->scope, table->scope),
        .op_name = members->op,
        .attrs = or_else(members->attrs, ""),
        .env = env,
        .is_result = members->is_result,
        .only_pinned_code = !members->is_signed,
    };
    return take_columns(members->columns, test);
}

static capsa_result read_case(const capsa_policy_table *table, const struct capsa_json *value,
                              capsa_policy_case *test)
{
    CAPSA_REQUIRE(is_object(value), MALFORMED, "a test is an object, not %s",
                  capsa_json_kind_name(capsa_json_kind_of(value)));
    struct members members = {.is_signed = true};
    CAPSA_TRY(merge(table->defaults, value, &test->members));
    CAPSA_TRY(capsa_json_decode(test->members, case_fields, CAPSA_JSON_UNKNOWN_REFUSED, &members));
    CAPSA_TRY(expect(table, &members, test));
    return make_request(table, &members, test);
}

CAPSA_RESULT capsa_policy_case_of(const capsa_policy_table *table, size_t index,
                                  capsa_policy_case *ret_case)
{
    const struct capsa_json *value = capsa_json_at(table->tests, index);
    capsa_policy_case test = {.members = NULL};
    capsa_result result = read_case(table, value, &test);
    if (capsa_failed(result)) {
        capsa_policy_case_drop(&test);
        const char *name = capsa_json_string(capsa_json_get(value, "name"));
        CAPSA_TRY_AT(result, "tests[%zu]%s%.64s%s", index, name == NULL ? "" : " \"",
                     name == NULL ? "" : name, name == NULL ? "" : "\"");
    }
    *ret_case = test;
    return CAPSA_OK;
}

bool capsa_policy_case_passes(const capsa_policy_case *test, const struct capsa_decision *decision)
{
    return decision->allowed == test->allow &&
           (test->clause == CAPSA_CLAUSE_NONE || decision->clause == test->clause) &&
           (test->rule == NULL || capsa_streq(decision->rule_id, test->rule));
}

/* ---- the table ------------------------------------------------------------------------------- */

/* The file that a path in the table means. */
static capsa_result beside(const char *table, const char *path, capsa_buf *ret_path)
{
    const char *slash = strrchr(table, '/');
    if (path[0] != '/' && slash != NULL) {
        CAPSA_TRY(capsa_buf_append(ret_path, capsa_bytes_of(table, (size_t)(slash - table) + 1)));
    }
    return capsa_buf_str(ret_path, path);
}

/* The document that holds the policy: a file's, or what stands in the table itself. */
static capsa_result policy_document(const struct capsa_json *value, const char *path,
                                    struct capsa_json **ret_file,
                                    const struct capsa_json **ret_document)
{
    const char *name = capsa_json_string(value);
    CAPSA_REQUIRE(capsa_json_kind_of(value) != CAPSA_JSON_NULL, MALFORMED,
                  "policy is missing: the path of its file, or the policy itself");
    if (name == NULL) {
        *ret_document = value;
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(path != NULL, UNSUPPORTED, "policy: no other file can be read here");
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(8));
    const char *file;
    CAPSA_TRY_AT(beside(path, name, &text), "policy");
    CAPSA_TRY_AT(capsa_buf_cstr(&text, &file), "policy");
    CAPSA_TRY_AT(capsa_cli_read_document(file, ret_file), "policy");
    *ret_document = *ret_file;
    return CAPSA_OK;
}

static const char *uuid_of(const ProtobufCMessage *message)
{
    return ((const Cm__Policy *)(const void *)message)->data_uuid;
}

static capsa_result message_at(const struct capsa_json *document, size_t index,
                               const char **ret_scope, ProtobufCMessage **ret_message)
{
    static const struct capsa_cli no_options = {.out = NULL};
    CAPSA_AUTO_FREE(capsa_json) policy = NULL;
    CAPSA_TRY(capsa_cli_policy_of(&no_options, document, index, ret_scope, &policy));
    return capsa_cli_policy_message(policy, ret_message);
}

/* The policy of `uuid` (NULL: the only one there is). */
static capsa_result find_policy(const struct capsa_json *document, const char *uuid,
                                capsa_policy_table *table)
{
    size_t count = capsa_cli_policies_count(document);
    CAPSA_REQUIRE(uuid != NULL || count == 1, MALFORMED,
                  "policy: there are %zu; data_uuid, beside policy, says which is meant", count);
    for (size_t i = 0; table->message == NULL && i < count; i++) {
        CAPSA_AUTO_MESSAGE message = NULL;
        CAPSA_TRY_AT(message_at(document, i, &table->scope, &message), "policy");
        if (uuid == NULL || capsa_streq(uuid, uuid_of(message))) {
            table->message = message;
            message = NULL;
        }
    }
    CAPSA_REQUIRE(table->message != NULL, MALFORMED, "data_uuid: policy has none of \"%.64s\"",
                  uuid);
    table->policy = (const Cm__Policy *)(const void *)table->message;
    CAPSA_TRY_AT(capsa_policy_check(table->policy), "policy");
    return CAPSA_OK;
}

static capsa_result read_defaults(const struct capsa_json *value, capsa_policy_table *table)
{
    struct members unused = {.name = NULL};
    CAPSA_TRY(merge(NULL, value, &table->defaults));
    CAPSA_TRY_AT(
        capsa_json_decode(table->defaults, default_fields, CAPSA_JSON_UNKNOWN_REFUSED, &unused),
        "defaults");
    return CAPSA_OK;
}

/* Two of one name: which one failed? */
static capsa_result check_names(const capsa_policy_table *table)
{
    for (size_t i = 0; i < capsa_policy_table_count(table); i++) {
        const char *name =
            capsa_json_string(capsa_json_get(capsa_json_at(table->tests, i), "name"));
        for (size_t k = 0; k < i; k++) {
            const char *other =
                capsa_json_string(capsa_json_get(capsa_json_at(table->tests, k), "name"));
            CAPSA_REQUIRE(!capsa_streq(name, other), MALFORMED,
                          "tests[%zu]: tests[%zu] has the name \"%.64s\" already", i, k, name);
        }
    }
    return CAPSA_OK;
}

static capsa_result check_cases(const capsa_policy_table *table)
{
    size_t count = capsa_policy_table_count(table);
    CAPSA_REQUIRE(count > 0, MALFORMED, "tests: there is none");
    CAPSA_REQUIRE(count <= CAPSA_LIMIT_policy_tests, TOO_LARGE,
                  "tests: %zu of them; at most %d are allowed", count, CAPSA_LIMIT_policy_tests);
    for (size_t i = 0; i < count; i++) {
        CAPSA_AUTO(capsa_policy_case) test = {.members = NULL};
        CAPSA_TRY(capsa_policy_case_of(table, i, &test));
    }
    return check_names(table);
}

struct table_members {
    const struct capsa_json *policy, *defaults, *tests;
    const char *uuid;
};

static const struct capsa_json_field table_fields[] = {
    {"policy", CAPSA_FIELD_VALUE, offsetof(struct table_members, policy), 0, 0, 0, NULL},
    {"data_uuid", CAPSA_FIELD_STRING, offsetof(struct table_members, uuid), 0, 0, 0, NULL},
    {"defaults", CAPSA_FIELD_VALUE, offsetof(struct table_members, defaults), 0, 0, 0, NULL},
    {"tests", CAPSA_FIELD_VALUE, offsetof(struct table_members, tests), 0, 0, 0, NULL},
    END};

static capsa_result read_table(const char *path, capsa_policy_table *table)
{
    struct table_members members = {.policy = NULL};
    CAPSA_REQUIRE(is_object(table->document), MALFORMED,
                  "a table of tests is an object with policy and tests, not %s",
                  capsa_json_kind_name(capsa_json_kind_of(table->document)));
    CAPSA_TRY(
        capsa_json_decode(table->document, table_fields, CAPSA_JSON_UNKNOWN_REFUSED, &members));
    enum capsa_json_kind kind = capsa_json_kind_of(members.defaults);
    CAPSA_REQUIRE(kind == CAPSA_JSON_NULL || kind == CAPSA_JSON_OBJECT, MALFORMED,
                  "defaults: an object wanted, got %s", capsa_json_kind_name(kind));
    kind = capsa_json_kind_of(members.tests);
    CAPSA_REQUIRE(kind != CAPSA_JSON_NULL, MALFORMED, "tests: there is none");
    CAPSA_REQUIRE(kind == CAPSA_JSON_ARRAY, MALFORMED, "tests: a list wanted, got %s",
                  capsa_json_kind_name(kind));
    const struct capsa_json *document;
    CAPSA_TRY(policy_document(members.policy, path, &table->file, &document));
    CAPSA_TRY(find_policy(document, members.uuid, table));
    CAPSA_TRY(read_defaults(members.defaults, table));
    table->tests = members.tests;
    return check_cases(table);
}

CAPSA_RESULT capsa_policy_table_of(const struct capsa_json *document, const char *path,
                                   capsa_policy_table *ret_table)
{
    CAPSA_AUTO(capsa_policy_table) table = {.document = capsa_json_copy(document)};
    CAPSA_REQUIRE_MEMORY(table.document);
    CAPSA_TRY(read_table(path, &table));
    *ret_table = table;
    table = (capsa_policy_table){.document = NULL};
    return CAPSA_OK;
}

CAPSA_RESULT capsa_policy_table_read(const char *path, capsa_policy_table *ret_table)
{
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    CAPSA_TRY(capsa_cli_read_document(path, &document));
    CAPSA_TRY_AT(capsa_policy_table_of(document, path, ret_table), "%s", path);
    return CAPSA_OK;
}
