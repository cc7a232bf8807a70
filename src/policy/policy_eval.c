/* SPDX-License-Identifier: Apache-2.0
 *
 * The value of a constraint for one request object. Recursion follows the nesting of the nodes,
 * which compiling has bounded; steps and made strings are counted; so every evaluation ends soon.
 */
#include "base/alloc.h"
#include "policy/policy_value.h"

#define TEXT(run) ((run)->constraint->text)

static CAPSA_RESULT evaluate(struct run *run, uint16_t id, struct value *ret_value);

/* ---- Accesses ----------------------------------------------------------------------------- */

/* The array's or text's element -len .. len-1 counted from 0, or none. */
static bool find_place(size_t count, int32_t index, size_t *ret_place)
{
    int64_t place = index >= 0 ? index : (int64_t)count + index;
    *ret_place = place < 0 ? 0 : (size_t)place;
    return place >= 0 && (size_t)place < count;
}

static bool begins_character(uint8_t byte)
{
    return (byte & 0xc0) != 0x80;
}

static size_t count_characters(capsa_bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += begins_character(text.data[i]);
    }
    return count;
}

/* Offset of the n-th character, or the length. */
static size_t offset_of(capsa_bytes text, size_t n)
{
    for (size_t i = 0; i < text.len; i++) {
        if (begins_character(text.data[i]) && n-- == 0) {
            return i;
        }
    }
    return text.len;
}

static capsa_bytes characters_of(capsa_bytes text, size_t from, size_t count)
{
    capsa_bytes rest = capsa_bytes_from(text, offset_of(text, from));
    return capsa_bytes_of(rest.data, offset_of(rest, count));
}

static CAPSA_RESULT get_member(struct run *run, size_t at, const char *name, struct value *value)
{
    const struct capsa_json *json = capsa_json_get(value->json, name);
    if (json == NULL) {
        *value = (struct value){.kind = VALUE_UNIT};
        return CAPSA_OK;
    }
    return capsa_value_of_json(run, at, json, value);
}

/* A name that was computed; members are found by NUL-terminated names, and none contains a NUL. */
static CAPSA_RESULT get_named(struct run *run, size_t at, capsa_bytes name, struct value *value)
{
    if (capsa_bytes_find(name, '\0') < name.len) {
        *value = (struct value){.kind = VALUE_UNIT};
        return CAPSA_OK;
    }
    uint8_t *copy;
    CAPSA_TRY(capsa_run_string(run, name.len + 1, &copy));
    memcpy(copy, name.len == 0 ? (const void *)"" : name.data, name.len);
    return get_member(run, at, (const char *)copy, value);
}

static CAPSA_RESULT get_property(struct run *run, const struct node *node, struct value *value)
{
    capsa_bytes name = capsa_node_text(run->constraint, node);
    int len = (int)(name.len < 64 ? name.len : 64);
    CAPSA_REQUIRE_AT(value->kind != VALUE_UNIT, TEXT(run), node->at,
                     "'%.*s' is asked of (): what stands before it is not in the request", len,
                     (const char *)name.data);
    CAPSA_REQUIRE_AT(value->kind == VALUE_MAP, TEXT(run), node->at, "%s has no property '%.*s'",
                     capsa_value_name(value->kind), len, (const char *)name.data);
    return get_member(run, node->at, (const char *)name.data, value);
}

static CAPSA_RESULT get_element(struct run *run, const struct node *node, int32_t index,
                                struct value *value)
{
    bool array = value->kind == VALUE_ARRAY;
    if (!array) {
        CAPSA_TRY(capsa_run_charge(run, 0, 32 * value->text.len));
    }
    size_t count = array ? capsa_json_count(value->json) : count_characters(value->text);
    size_t place;
    CAPSA_REQUIRE_AT(find_place(count, index, &place), TEXT(run), node->at,
                     "there is no element %d of %zu", index, count);
    if (array) {
        return capsa_value_of_json(run, node->at, capsa_json_at(value->json, place), value);
    }
    *value = (struct value){.kind = VALUE_CHAR, .text = characters_of(value->text, place, 1)};
    return CAPSA_OK;
}

static CAPSA_RESULT evaluate_int(struct run *run, uint16_t id, int32_t *ret_number)
{
    struct value value;
    CAPSA_TRY(evaluate(run, id, &value));
    CAPSA_REQUIRE_AT(value.kind == VALUE_INT, TEXT(run), capsa_node(run->constraint, id)->at,
                     "a number is wanted here, not %s", capsa_value_name(value.kind));
    *ret_number = value.number;
    return CAPSA_OK;
}

/* As the original cuts: past the end is no error, an end before the beginning is, counted from the
 * end, 0; and a..=a is empty. */
static CAPSA_RESULT get_slice(struct run *run, const struct node *range, int32_t from, int32_t to,
                              struct value *value)
{
    CAPSA_REQUIRE_AT(value->kind == VALUE_STRING, TEXT(run), range->at,
                     "only a text has ranges, not %s", capsa_value_name(value->kind));
    CAPSA_TRY(capsa_run_charge(run, 0, 32 * value->text.len));
    size_t count = count_characters(value->text);
    size_t begin = (size_t)from, end = (size_t)to;
    CAPSA_REQUIRE_AT(from >= 0 || find_place(count, from, &begin), TEXT(run), range->at,
                     "there is no element %d of %zu", from, count);
    if (to < 0 && !find_place(count, to, &end)) {
        end = 0;
    }
    size_t len = end > begin ? end - begin + (size_t)range->number : 0;
    value->text = characters_of(value->text, begin, len);
    return CAPSA_OK;
}

static CAPSA_RESULT get_index(struct run *run, uint16_t id, const struct value *index,
                              struct value *value)
{
    const struct node *node = capsa_node(run->constraint, id);
    CAPSA_REQUIRE_AT(value->kind >= VALUE_STRING, TEXT(run), node->at, "%s has no elements",
                     capsa_value_name(value->kind));
    enum value_kind wanted = value->kind == VALUE_MAP ? VALUE_STRING : VALUE_INT;
    CAPSA_REQUIRE_AT(index->kind == wanted, TEXT(run), node->at, "%s wants %s here, not %s",
                     capsa_value_name(value->kind), capsa_value_name(wanted),
                     capsa_value_name(index->kind));
    if (wanted == VALUE_STRING) {
        return get_named(run, node->at, index->text, value);
    }
    return get_element(run, node, index->number, value);
}

/* What stands in brackets is evaluated even where a `?.` before it has ended the path: an error
 * there is an error, as in the original. */
static CAPSA_RESULT apply_bracket(struct run *run, uint16_t id, bool ended, struct value *value)
{
    const struct node *node = capsa_node(run->constraint, id);
    if (node->kind != NODE_RANGE) {
        struct value index;
        CAPSA_TRY(evaluate(run, id, &index));
        return ended ? CAPSA_OK : get_index(run, id, &index, value);
    }
    int32_t from, to = INT32_MAX;
    CAPSA_TRY(evaluate_int(run, node->first, &from));
    if (node->last != node->first) {
        CAPSA_TRY(evaluate_int(run, node->last, &to));
    }
    return ended ? CAPSA_OK : get_slice(run, node, from, to, value);
}

static CAPSA_RESULT evaluate_path(struct run *run, const struct node *path, struct value *ret_value)
{
    struct value value;
    CAPSA_TRY(evaluate(run, path->first, &value));
    bool ended = false;
    uint16_t id = capsa_node(run->constraint, path->first)->next;
    for (; id != 0; id = capsa_node(run->constraint, id)->next) {
        const struct node *access = capsa_node(run->constraint, id);
        bool safe = access->op == TOKEN_SAFE_DOT || access->op == TOKEN_SAFE_INDEX;
        bool dot = access->op == TOKEN_DOT || access->op == TOKEN_SAFE_DOT;
        CAPSA_TRY(capsa_run_charge(run, 1, 0));
        ended = ended || (safe && value.kind == VALUE_UNIT);
        if (!dot) {
            CAPSA_TRY(apply_bracket(run, id, ended, &value));
        } else if (!ended) {
            CAPSA_TRY(get_property(run, access, &value));
        }
    }
    *ret_value = value;
    return CAPSA_OK;
}

/* ---- Operators ---------------------------------------------------------------------------- */

static CAPSA_RESULT found_in_list(struct run *run, const struct node *list,
                                  const struct value *wanted, bool *ret_found)
{
    bool found = false;
    uint16_t id = list->first;
    for (; id != 0; id = capsa_node(run->constraint, id)->next) {
        struct value element, equal;
        CAPSA_TRY(evaluate(run, id, &element));
        CAPSA_TRY(capsa_value_apply(run, TOKEN_EQUAL, list->op_at, wanted, &element, &equal));
        found = found || equal.truth;
    }
    *ret_found = found;
    return CAPSA_OK;
}

static CAPSA_RESULT found_in_array(struct run *run, uint16_t id, const struct value *wanted,
                                   bool *ret_found)
{
    size_t at = capsa_node(run->constraint, id)->op_at;
    struct value array;
    CAPSA_TRY(evaluate(run, id, &array));
    CAPSA_REQUIRE_AT(array.kind == VALUE_ARRAY, TEXT(run), at, "right of 'in' stands %s, no array",
                     capsa_value_name(array.kind));
    bool found = false;
    for (size_t i = 0; !found && i < capsa_json_count(array.json); i++) {
        struct value element, equal;
        CAPSA_TRY(capsa_run_charge(run, 1, 0));
        CAPSA_TRY(capsa_value_of_json(run, at, capsa_json_at(array.json, i), &element));
        CAPSA_TRY(capsa_value_apply(run, TOKEN_EQUAL, at, wanted, &element, &equal));
        found = equal.truth;
    }
    *ret_found = found;
    return CAPSA_OK;
}

static CAPSA_RESULT apply_in(struct run *run, uint16_t id, struct value *value)
{
    const struct node *right = capsa_node(run->constraint, id);
    bool found;
    if (right->kind == NODE_LIST) {
        CAPSA_TRY(found_in_list(run, right, value, &found));
    } else {
        CAPSA_TRY(found_in_array(run, id, value, &found));
    }
    *value = (struct value){.kind = VALUE_BOOL, .truth = found};
    return CAPSA_OK;
}

static CAPSA_RESULT require_truth(struct run *run, size_t at, enum token op,
                                  const struct value *value)
{
    CAPSA_REQUIRE_AT(value->kind == VALUE_BOOL, TEXT(run), at, "'%s' wants true or false, not %s",
                     op == TOKEN_NOT ? "!" : capsa_operator_text(op),
                     capsa_value_name(value->kind));
    return CAPSA_OK;
}

static CAPSA_RESULT apply_logical(struct run *run, uint16_t id, struct value *value)
{
    const struct node *right = capsa_node(run->constraint, id);
    CAPSA_TRY(require_truth(run, right->op_at, right->op, value));
    if (value->truth == (right->op == TOKEN_OR)) {
        return CAPSA_OK;
    }
    CAPSA_TRY(evaluate(run, id, value));
    return require_truth(run, right->op_at, right->op, value);
}

/* One operator of a chain: `value` is what stands left of it, and becomes the result. */
static CAPSA_RESULT apply_operator(struct run *run, uint16_t id, struct value *value)
{
    const struct node *right = capsa_node(run->constraint, id);
    CAPSA_TRY(capsa_run_charge(run, 1, 0));
    switch (right->op) {
    case TOKEN_AND:
    case TOKEN_OR:
        return apply_logical(run, id, value);
    case TOKEN_ELSE:
        return value->kind == VALUE_UNIT ? evaluate(run, id, value) : CAPSA_OK;
    case TOKEN_IN:
        return apply_in(run, id, value);
    default:
        break;
    }
    struct value operand;
    CAPSA_TRY(evaluate(run, id, &operand));
    return capsa_value_apply(run, right->op, right->op_at, value, &operand, value);
}

static CAPSA_RESULT evaluate_chain(struct run *run, const struct node *chain,
                                   struct value *ret_value)
{
    struct value value;
    CAPSA_TRY(evaluate(run, chain->first, &value));
    uint16_t id = capsa_node(run->constraint, chain->first)->next;
    for (; id != 0; id = capsa_node(run->constraint, id)->next) {
        CAPSA_TRY(apply_operator(run, id, &value));
    }
    *ret_value = value;
    return CAPSA_OK;
}

static CAPSA_RESULT evaluate_not(struct run *run, const struct node *node, struct value *ret_value)
{
    struct value value;
    CAPSA_TRY(evaluate(run, node->first, &value));
    CAPSA_TRY(require_truth(run, node->at, TOKEN_NOT, &value));
    *ret_value = (struct value){.kind = VALUE_BOOL, .truth = !value.truth};
    return CAPSA_OK;
}

static CAPSA_RESULT evaluate_request(struct run *run, const struct node *node,
                                     struct value *ret_value)
{
    run->read = true;
    CAPSA_REQUIRE_AT(run->r != NULL, TEXT(run), node->at, "there is no request");
    return capsa_value_of_json(run, node->at, run->r, ret_value);
}

static CAPSA_RESULT evaluate(struct run *run, uint16_t id, struct value *ret_value)
{
    const struct node *node = capsa_node(run->constraint, id);
    CAPSA_TRY(capsa_run_charge(run, 1, 0));
    switch ((enum node_kind)node->kind) {
    case NODE_BOOL:
        *ret_value = (struct value){.kind = VALUE_BOOL, .truth = node->number != 0};
        return CAPSA_OK;
    case NODE_INT:
        *ret_value = (struct value){.kind = VALUE_INT, .number = node->number};
        return CAPSA_OK;
    case NODE_CHAR:
    case NODE_STRING:
        *ret_value = (struct value){
            .kind = node->kind == NODE_CHAR ? VALUE_CHAR : VALUE_STRING,
            .text = capsa_node_text(run->constraint, node),
        };
        return CAPSA_OK;
    case NODE_UNIT:
        *ret_value = (struct value){.kind = VALUE_UNIT};
        return CAPSA_OK;
    case NODE_REQUEST:
        return evaluate_request(run, node, ret_value);
    case NODE_NOT:
        return evaluate_not(run, node, ret_value);
    case NODE_CHAIN:
        return evaluate_chain(run, node, ret_value);
    case NODE_PATH:
        return evaluate_path(run, node, ret_value);
    case NODE_NONE:
    case NODE_RANGE:
    case NODE_LIST:
        break;
    }
    CAPSA_FAIL(INTERNAL, "node %u of a constraint is no value", (unsigned)id);
}

CAPSA_RESULT capsa_expression_run(const struct capsa_constraint *constraint, uint16_t root,
                                  const struct capsa_json *r, size_t *steps_left, bool *ret_read,
                                  bool *ret_truth)
{
    struct run run = {
        .constraint = constraint,
        .r = r,
        .steps_left = steps_left,
        .string_left = CAPSA_LIMIT_expression_string,
    };
    struct value value;
    capsa_result result = evaluate(&run, root, &value);
    capsa_run_drop(&run);
    *ret_read = run.read;
    CAPSA_TRY(result);
    CAPSA_REQUIRE(value.kind == VALUE_BOOL, MALFORMED, "the result is %s, neither true nor false",
                  capsa_value_name(value.kind));
    *ret_truth = value.truth;
    return CAPSA_OK;
}
