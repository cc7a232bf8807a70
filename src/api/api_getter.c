/* SPDX-License-Identifier: Apache-2.0
 *
 * The getter of a verifier (capsa/verify.h): the caller's function, or whatever of ours stands in
 * its place, with a context that is dropped when the verifier no longer needs it.
 */
#include "api/api_verifier.h"
#include "base/alloc.h"

void capsa_api_set_getter(libcapsa_verifier *verifier, struct capsa_collateral_getter getter,
                          void (*drop)(void *context))
{
    if (verifier->drop_getter != NULL) {
        verifier->drop_getter(verifier->getter.context);
    }
    verifier->getter = getter;
    verifier->drop_getter = drop;
}

/* ---- The caller's ---------------------------------------------------------------------------- */

struct by_caller {
    libcapsa_getter getter;
    void *context;
};

/* A number that is no error of ours would make a failure look like something else. */
static capsa_result getter_failure(int code, const struct libcapsa_error *error)
{
    const char *text = error->kept.code == CAPSA_E_OK ? "" : error->kept.text;
    const bool known = code < 0 && !capsa_streq(capsa_code_name((enum capsa_code)code), "INTERNAL");
    return capsa_error_make(known ? (enum capsa_code)code : CAPSA_E_INTERNAL, __FILE__, __LINE__,
                            "the getter of collateral failed with %d%s%s", code,
                            *text == '\0' ? "" : ": ", text);
}

static capsa_result get_by_caller(void *context, enum capsa_platform platform, capsa_bytes evidence,
                                  capsa_collateral *ret_collateral)
{
    const struct by_caller *by = context;
    CAPSA_AUTO_FREE(libcapsa_collateral) found = libcapsa_collateral_new();
    CAPSA_REQUIRE_MEMORY(found);
    struct libcapsa_error error = {.check = CAPSA_CHECK_NONE};
    const int got = by->getter(by->context, capsa_platform_name(platform), evidence.data,
                               evidence.len, found, &error);
    if (got != 0) {
        return getter_failure(got, &error);
    }
    return capsa_collateral_take(ret_collateral, &found->held);
}

static capsa_result set_getter(libcapsa_verifier *verifier, libcapsa_getter getter, void *context)
{
    CAPSA_API_GIVEN(verifier);
    if (getter == NULL) {
        capsa_api_set_getter(verifier, (struct capsa_collateral_getter){.get = NULL}, NULL);
        return CAPSA_OK;
    }
    struct by_caller *by = CAPSA_NEW(struct by_caller);
    CAPSA_REQUIRE_MEMORY(by);
    *by = (struct by_caller){getter, context};
    capsa_api_set_getter(verifier, (struct capsa_collateral_getter){by, get_by_caller},
                         capsa_dealloc);
    return CAPSA_OK;
}

int libcapsa_verifier_set_getter(libcapsa_verifier *verifier, libcapsa_getter getter, void *context,
                                 libcapsa_error *ret_error)
{
    return capsa_api_end(set_getter(verifier, getter, context), ret_error);
}
