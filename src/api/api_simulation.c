/* SPDX-License-Identifier: Apache-2.0
 *
 * A verifier for a simulated platform (capsa/verify.h): the root of a folder that `capsa sim init`
 * made, and the folder itself as getter, which is read anew whenever somebody asks, so that
 * `capsa sim renew` counts at once.
 */
#include "api/api_verifier.h"

#ifdef CAPSA_SIMULATION
#include "attester/attester_sim.h"
#include "base/alloc.h"
#include "base/limits.h"

static capsa_result path_in(const char *folder, const char *name, capsa_buf *ret_path,
                            const char **ret_text)
{
    CAPSA_TRY(capsa_buf_format(ret_path, "%s/%s", folder, name));
    return capsa_buf_cstr(ret_path, ret_text);
}

/* The folder has one for each platform that can be simulated. */
static capsa_result get_from_folder(void *context, enum capsa_platform platform,
                                    capsa_bytes evidence, capsa_collateral *ret_collateral)
{
    (void)evidence; /* there is one set of collateral a platform */
    CAPSA_REQUIRE(platform == CAPSA_PLATFORM_SGX || platform == CAPSA_PLATFORM_TDX, NOT_FOUND,
                  "%s is not simulated", capsa_platform_what(platform));
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(8));
    const char *text;
    CAPSA_TRY(path_in(context, capsa_platform_name(platform), &path, &text));
    return capsa_collateral_load(text, ret_collateral);
}

static capsa_result read_root(const char *folder, struct capsa_anchors **ret_anchors)
{
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(0);
    const char *text;
    CAPSA_TRY(path_in(folder, CAPSA_SIM_ROOT_FILE, &path, &text));
    CAPSA_TRY(capsa_api_read(text, CAPSA_LIMIT_cert_pem, &root));
    CAPSA_TRY_AT(capsa_anchors_new_simulation(capsa_buf_bytes(&root), ret_anchors), "%s", text);
    return CAPSA_OK;
}

static capsa_result set_simulation(libcapsa_verifier *verifier, const char *folder)
{
    CAPSA_API_GIVEN(verifier);
    CAPSA_API_GIVEN(folder);
    struct capsa_anchors *anchors = NULL;
    CAPSA_TRY(read_root(folder, &anchors));
    char *copy = capsa_strdup(folder);
    if (copy == NULL) {
        capsa_anchors_free(anchors);
        CAPSA_REQUIRE_MEMORY(copy);
    }
    capsa_anchors_free(verifier->anchors);
    verifier->anchors = anchors;
    capsa_api_set_getter(verifier, (struct capsa_collateral_getter){copy, get_from_folder},
                         capsa_dealloc);
    return CAPSA_OK;
}
#else
static capsa_result set_simulation(libcapsa_verifier *verifier, const char *folder)
{
    CAPSA_API_GIVEN(verifier);
    CAPSA_API_GIVEN(folder);
    CAPSA_FAIL(UNSUPPORTED, "this build has no simulation, and trusts no simulated root");
}
#endif

int libcapsa_verifier_insecure_set_simulation(libcapsa_verifier *verifier, const char *folder,
                                              libcapsa_error *ret_error)
{
    return capsa_api_end(set_simulation(verifier, folder), ret_error);
}
