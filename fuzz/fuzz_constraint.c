/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts of constraints: whatever compiles ends within its bounds, gives the same verdict twice,
 * what is called constant does not depend on the request, and what is called never true or never
 * false is not.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "policy/constraint.h"

static const char request_text[] =
    "{\"attrs\":\"a\\u00e9z\",\"columns\":[\"f1\",\"f2\",3],\"env\":{\"request_time\":"
    "\"2023-08-24T12:55:52Z\",\"tee\":{\"platform\":\"sgx\",\"sgx\":{\"mr_enclave\":\"aa11\","
    "\"isv_svn\":2}}},\"initiator_party_id\":\"P1\",\"op_name\":\"xgb\",\"scope\":\"default\","
    "\"resource_uri\":\"d1\"}";

static CAPSA_RESULT count_use(void *context, const struct capsa_constraint_use *use)
{
    if (use->path == NULL || use->line == 0 || use->column == 0) {
        abort();
    }
    *(size_t *)context += 1;
    return CAPSA_OK;
}

/* 0 false, 1 true, 2 error */
static int verdict(const struct capsa_constraint *constraint, const char *r_text)
{
    CAPSA_AUTO_FREE(capsa_json) r = NULL;
    if (capsa_failed(capsa_json_parse(capsa_bytes_str(r_text), &r))) {
        abort();
    }
    bool truth = false;
    return capsa_failed(capsa_constraint_eval(constraint, r, &truth)) ? 2 : truth;
}

static CAPSA_RESULT see_part(void *context, enum capsa_truth truth, size_t line, size_t column)
{
    (void)context;
    if (truth == CAPSA_TRUTH_OPEN || line == 0 || column == 0) {
        abort();
    }
    return CAPSA_OK;
}

static void check_truth(const struct capsa_constraint *constraint, int verdict)
{
    size_t line = 0, column = 0;
    enum capsa_truth truth = capsa_constraint_truth(constraint, &line, &column);
    if ((truth == CAPSA_TRUTH_NEVER_FALSE && verdict == 0) ||
        (truth == CAPSA_TRUTH_NEVER_TRUE && verdict == 1) ||
        (truth == CAPSA_TRUTH_FAILS && verdict != 2) || line == 0 ||
        capsa_failed(capsa_constraint_parts(constraint, see_part, NULL))) {
        abort();
    }
}

static void look_at(const struct capsa_constraint *constraint)
{
    int first = verdict(constraint, request_text);
    if (verdict(constraint, request_text) != first) {
        abort();
    }
    if (capsa_constraint_is_constant(constraint) && verdict(constraint, "{}") != first) {
        abort();
    }
    check_truth(constraint, first);
    size_t uses = 0;
    if (capsa_failed(capsa_constraint_uses(constraint, count_use, &uses)) ||
        (capsa_constraint_pins(constraint) != 0 && uses == 0)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text =
        capsa_strndup((const char *)data, size < 2 * CAPSA_LIMIT_expression_bytes ? size : 0);
    CAPSA_AUTO_FREE(capsa_constraint) constraint = NULL;
    if (text != NULL && !capsa_failed(capsa_constraint_compile(text, &constraint))) {
        look_at(constraint);
    }
    capsa_dealloc(text);
    return 0;
}
