/* SPDX-License-Identifier: Apache-2.0
 *
 * The request object `r`: what constraints see of a request, and what messages to the owner show of
 * it beside a constraint that does not hold.
 */
#include "policy/policy_match.h"

#include <stdio.h>

CAPSA_RESULT capsa_request_object(const struct capsa_request *request, struct capsa_json **ret_r)
{
    CAPSA_AUTO_FREE(capsa_json) r = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(r);
    const struct {
        const char *name, *text;
    } strings[] = {
        {"resource_uri", request->resource_uri},
        {"initiator_party_id", request->initiator_party_id},
        {"scope", request->scope},
        {"op_name", request->op_name},
        {"attrs", request->attrs},
    };
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        CAPSA_TRY(capsa_json_set(r, strings[i].name, capsa_json_new_string(strings[i].text)));
    }
    CAPSA_AUTO_FREE(capsa_json) columns = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(columns);
    for (size_t i = 0; i < request->columns_count; i++) {
        CAPSA_TRY(capsa_json_push(columns, capsa_json_new_string(request->columns[i])));
    }
    struct capsa_json *handed = columns;
    columns = NULL;
    CAPSA_TRY(capsa_json_set(r, "columns", handed));
    if (request->env != NULL) {
        CAPSA_TRY(capsa_json_set(r, "env", capsa_json_copy(request->env)));
    }
    *ret_r = r;
    r = NULL;
    return CAPSA_OK;
}

/* ---- Shown to the owner ------------------------------------------------------------------- */

struct showing {
    const struct capsa_json *r;
    char *text;
    size_t size;
    bool started;
};

/* The value at "env.tee.platform", or NULL. */
static const struct capsa_json *find_path(const struct capsa_json *value, const char *path)
{
    while (value != NULL && *path != '\0') {
        char name[CAPSA_SHOWN];
        size_t len = strcspn(path, ".");
        if (len >= sizeof(name)) {
            return NULL;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        value = capsa_json_get(value, name);
        path += len + (path[len] == '.');
    }
    return value;
}

static CAPSA_RESULT show_use(void *context, const struct capsa_constraint_use *use)
{
    struct showing *showing = context;
    if (*use->path == '\0') {
        return CAPSA_OK;
    }
    const struct capsa_json *value = find_path(showing->r, use->path);
    const char *string = value == NULL ? NULL : capsa_json_string(value);
    size_t len = strlen(showing->text);
    (void)snprintf(showing->text + len, showing->size - len, "%sr.%s is %s",
                   showing->started ? ", " : "; ", use->path,
                   string != NULL  ? capsa_show(string).text
                   : value == NULL ? "absent"
                                   : capsa_json_kind_name(capsa_json_kind_of(value)));
    showing->started = true;
    return CAPSA_OK;
}

void capsa_show_request(const struct capsa_constraint *constraint, const struct capsa_json *r,
                        char *text, size_t size)
{
    struct showing showing = {.r = r, .text = text, .size = size};
    capsa_ignore(capsa_constraint_uses(constraint, show_use, &showing), "show_use never fails");
}
