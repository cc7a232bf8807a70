/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral across the public interface (capsa/collateral.h).
 */
#include "api/api_internal.h"
#include "base/alloc.h"

libcapsa_collateral *libcapsa_collateral_new(void)
{
    libcapsa_collateral *collateral = CAPSA_NEW(struct libcapsa_collateral);
    if (collateral != NULL) {
        capsa_collateral_init(&collateral->held);
    }
    return collateral;
}

void libcapsa_collateral_free(libcapsa_collateral *collateral)
{
    if (collateral == NULL) {
        return;
    }
    capsa_collateral_drop(&collateral->held);
    capsa_dealloc(collateral);
}

int libcapsa_collateral_is_empty(const libcapsa_collateral *collateral)
{
    return collateral == NULL || capsa_collateral_is_empty(&collateral->held);
}

/* ---- Adding ---------------------------------------------------------------------------------- */

static capsa_result add(libcapsa_collateral *collateral, const char *name, const void *bytes,
                        size_t len)
{
    CAPSA_API_GIVEN(collateral);
    capsa_bytes given;
    CAPSA_TRY(capsa_api_bytes("bytes", bytes, len, &given));
    return capsa_collateral_add(&collateral->held, name == NULL ? "" : name, given);
}

int libcapsa_collateral_add(libcapsa_collateral *collateral, const char *name, const void *bytes,
                            size_t len, libcapsa_error *ret_error)
{
    return capsa_api_end(add(collateral, name, bytes, len), ret_error);
}

/* Beside first: a folder's third file may be bad, and the first two are not half of anything. */
static capsa_result load(libcapsa_collateral *collateral, const char *path)
{
    CAPSA_API_GIVEN(collateral);
    CAPSA_API_GIVEN(path);
    CAPSA_AUTO(capsa_collateral) loaded;
    capsa_collateral_init(&loaded);
    CAPSA_TRY(capsa_collateral_load(path, &loaded));
    CAPSA_TRY_AT(capsa_collateral_take(&collateral->held, &loaded), "%s", path);
    return CAPSA_OK;
}

int libcapsa_collateral_load(libcapsa_collateral *collateral, const char *path,
                             libcapsa_error *ret_error)
{
    return capsa_api_end(load(collateral, path), ret_error);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static capsa_result write_json(const libcapsa_collateral *collateral, const char *platform,
                               char **ret_text)
{
    static capsa_result (*const writers[CAPSA_PLATFORM_COUNT])(const capsa_collateral *,
                                                               struct capsa_json **) = {
        [CAPSA_PLATFORM_SGX] = capsa_collateral_write_v3,
        [CAPSA_PLATFORM_TDX] = capsa_collateral_write_v3,
        [CAPSA_PLATFORM_SNP] = capsa_collateral_write_snp,
        [CAPSA_PLATFORM_CSV] = capsa_collateral_write_csv,
    };
    CAPSA_API_GIVEN(collateral);
    CAPSA_API_GIVEN(ret_text);
    enum capsa_platform of = CAPSA_PLATFORM_NONE;
    CAPSA_TRY(capsa_api_platform(platform, &of));
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(writers[of](&collateral->held, &json));
    return capsa_api_json_text(json, ret_text);
}

int libcapsa_collateral_json(const libcapsa_collateral *collateral, const char *platform,
                             char **ret_text, libcapsa_error *ret_error)
{
    return capsa_api_end(write_json(collateral, platform, ret_text), ret_error);
}
