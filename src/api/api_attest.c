/* SPDX-License-Identifier: Apache-2.0
 *
 * Making evidence across the public interface (capsa/attest.h). What comes from an attester goes
 * through the same reader as evidence from outside, so that what this library hands out it would
 * also take.
 */
#include "api/api_attester.h"
#include "attester/attester.h"
#include "base/alloc.h"
#include "base/limits.h"

struct libcapsa_attester {
    const struct capsa_attester *kind;
    char *root, *qgs, *sim_dir, *sim_code; /* NULL: not set */
};

const char *libcapsa_attester_name_at(size_t index)
{
    size_t count = 0;
    const struct capsa_attester *const *all = capsa_attesters(&count);
    return index < count ? all[index]->name : NULL;
}

static capsa_result new_attester(const char *name, libcapsa_attester **ret_attester)
{
    CAPSA_API_GIVEN(name);
    CAPSA_API_GIVEN(ret_attester);
    const struct capsa_attester *kind = capsa_attester_by_name(name);
    CAPSA_REQUIRE(kind != NULL, UNSUPPORTED, "this build has no attester \"%.32s\"", name);
    struct libcapsa_attester *attester = CAPSA_NEW(struct libcapsa_attester);
    CAPSA_REQUIRE_MEMORY(attester);
    attester->kind = kind;
    *ret_attester = attester;
    return CAPSA_OK;
}

int libcapsa_attester_new(const char *name, libcapsa_attester **ret_attester,
                          libcapsa_error *ret_error)
{
    return capsa_api_end(new_attester(name, ret_attester), ret_error);
}

void libcapsa_attester_free(libcapsa_attester *attester)
{
    if (attester == NULL) {
        return;
    }
    capsa_dealloc(attester->root);
    capsa_dealloc(attester->qgs);
    capsa_dealloc(attester->sim_dir);
    capsa_dealloc(attester->sim_code);
    capsa_dealloc(attester);
}

/* ---- Setting up ------------------------------------------------------------------------------ */

/* NULL is not set. */
static capsa_result copy_text(const char *text, char **ret_copy)
{
    char *copy = text == NULL ? NULL : capsa_strdup(text);
    CAPSA_REQUIRE(text == NULL || copy != NULL, NOMEM, "out of memory");
    *ret_copy = copy;
    return CAPSA_OK;
}

static void replace(char **place, char *text)
{
    capsa_dealloc(*place);
    *place = text;
}

/* The member at `offset`. */
static capsa_result set_text(libcapsa_attester *attester, size_t offset, const char *text)
{
    CAPSA_API_GIVEN(attester);
    char *copy;
    CAPSA_TRY(copy_text(text, &copy));
    replace((char **)(void *)((char *)attester + offset), copy);
    return CAPSA_OK;
}

int libcapsa_attester_set_root(libcapsa_attester *attester, const char *root,
                               libcapsa_error *ret_error)
{
    return capsa_api_end(set_text(attester, offsetof(libcapsa_attester, root), root), ret_error);
}

int libcapsa_attester_set_quoting_service(libcapsa_attester *attester, const char *address,
                                          libcapsa_error *ret_error)
{
    return capsa_api_end(set_text(attester, offsetof(libcapsa_attester, qgs), address), ret_error);
}

static capsa_result set_simulation(libcapsa_attester *attester, const char *folder,
                                   const char *code)
{
    CAPSA_API_GIVEN(attester);
    CAPSA_API_GIVEN(folder);
    char *folder_copy;
    CAPSA_TRY(copy_text(folder, &folder_copy));
    char *code_copy = NULL;
    const capsa_result copied = copy_text(code, &code_copy);
    if (capsa_failed(copied)) {
        capsa_dealloc(folder_copy);
        return copied;
    }
    replace(&attester->sim_dir, folder_copy);
    replace(&attester->sim_code, code_copy);
    return CAPSA_OK;
}

int libcapsa_attester_insecure_set_simulation(libcapsa_attester *attester, const char *folder,
                                              const char *code, libcapsa_error *ret_error)
{
    return capsa_api_end(set_simulation(attester, folder, code), ret_error);
}

/* ---- What it is ------------------------------------------------------------------------------ */

const char *libcapsa_attester_name(const libcapsa_attester *attester)
{
    return attester == NULL ? "" : attester->kind->name;
}

const char *libcapsa_attester_platform(const libcapsa_attester *attester)
{
    return attester == NULL ? "" : capsa_platform_name(attester->kind->platform);
}

static struct capsa_attester_options options_of(const libcapsa_attester *attester)
{
    return (struct capsa_attester_options){
        .root = attester->root,
        .qgs = attester->qgs,
        .sim_dir = attester->sim_dir,
        .sim_code = attester->sim_code,
    };
}

int libcapsa_attester_present(const libcapsa_attester *attester)
{
    if (attester == NULL) {
        return 0;
    }
    const struct capsa_attester_options options = options_of(attester);
    return attester->kind->present(attester->kind, &options);
}

/* ---- Attesting ------------------------------------------------------------------------------- */

/* Read as if it came from outside. */
static capsa_result collect_bytes(const libcapsa_attester *attester,
                                  const uint8_t report_data[CAPSA_REPORT_DATA],
                                  capsa_evidence *ret_evidence, capsa_collateral *ret_shipped)
{
    const struct capsa_attester *kind = attester->kind;
    const struct capsa_attester_options options = options_of(attester);
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_TRY_AT(kind->collect(kind, &options, report_data, &bytes, ret_shipped), "%s", kind->name);
    CAPSA_TRY_AT(capsa_evidence_of_bytes(capsa_buf_bytes(&bytes), ret_evidence), "%s", kind->name);
    CAPSA_REQUIRE(ret_evidence->platform == kind->platform, MALFORMED,
                  "%s: the interface gave evidence of %s", kind->name,
                  capsa_platform_what(ret_evidence->platform));
    return CAPSA_OK;
}

static capsa_result collect(const libcapsa_attester *attester,
                            const uint8_t report_data[CAPSA_REPORT_DATA],
                            libcapsa_evidence **ret_evidence)
{
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO(capsa_collateral) shipped;
    capsa_collateral_init(&shipped);
    CAPSA_TRY(collect_bytes(attester, report_data, &evidence, &shipped));
    return capsa_api_evidence(&evidence, &shipped, ret_evidence);
}

static capsa_result attest(const libcapsa_attester *attester, const char *purpose,
                           const libcapsa_bytes *fields, size_t count,
                           libcapsa_evidence **ret_evidence)
{
    CAPSA_API_GIVEN(attester);
    CAPSA_API_GIVEN(ret_evidence);
    uint8_t report_data[CAPSA_REPORT_DATA];
    CAPSA_TRY(capsa_api_report_data(purpose, fields, count, report_data));
    return collect(attester, report_data, ret_evidence);
}

int libcapsa_attester_attest(const libcapsa_attester *attester, const char *purpose,
                             const libcapsa_bytes *fields, size_t count,
                             libcapsa_evidence **ret_evidence, libcapsa_error *ret_error)
{
    return capsa_api_end(attest(attester, purpose, fields, count, ret_evidence), ret_error);
}

static capsa_result attest_raw(const libcapsa_attester *attester, const uint8_t *report_data,
                               size_t len, libcapsa_evidence **ret_evidence)
{
    CAPSA_API_GIVEN(attester);
    CAPSA_API_GIVEN(report_data);
    CAPSA_API_GIVEN(ret_evidence);
    CAPSA_REQUIRE(len == CAPSA_REPORT_DATA, USAGE, "report_data: %zu bytes, wanted %d", len,
                  CAPSA_REPORT_DATA);
    return collect(attester, report_data, ret_evidence);
}

int libcapsa_attester_insecure_attest_raw(const libcapsa_attester *attester,
                                          const uint8_t *report_data, size_t len,
                                          libcapsa_evidence **ret_evidence,
                                          libcapsa_error *ret_error)
{
    return capsa_api_end(attest_raw(attester, report_data, len, ret_evidence), ret_error);
}

/* ---- For identities -------------------------------------------------------------------------- */

static capsa_result copy_texts(const libcapsa_attester *from, libcapsa_attester *to)
{
    CAPSA_TRY(copy_text(from->root, &to->root));
    CAPSA_TRY(copy_text(from->qgs, &to->qgs));
    CAPSA_TRY(copy_text(from->sim_dir, &to->sim_dir));
    return copy_text(from->sim_code, &to->sim_code);
}

CAPSA_RESULT capsa_api_attester_copy(const libcapsa_attester *attester,
                                     libcapsa_attester **ret_copy)
{
    CAPSA_API_GIVEN(attester);
    CAPSA_AUTO_FREE(libcapsa_attester) copy = CAPSA_NEW(struct libcapsa_attester);
    CAPSA_REQUIRE_MEMORY(copy);
    copy->kind = attester->kind;
    CAPSA_TRY(copy_texts(attester, copy));
    *ret_copy = copy;
    copy = NULL;
    return CAPSA_OK;
}

static capsa_result collect_for_ratls(void *context, const uint8_t report_data[CAPSA_REPORT_DATA],
                                      capsa_buf *ret_evidence, capsa_collateral *ret_collateral)
{
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_TRY(collect_bytes(context, report_data, &evidence, ret_collateral));
    return capsa_buf_append(ret_evidence, capsa_buf_bytes(&evidence.bytes));
}

struct capsa_ratls_attester capsa_api_attester(libcapsa_attester *attester)
{
    return (struct capsa_ratls_attester){
        .context = attester,
        .platform = attester->kind->platform,
        .collect = collect_for_ratls,
    };
}
