/* SPDX-License-Identifier: Apache-2.0
 *
 * TCB Info (versions 2 and 3) and enclave identities out of their signed JSON. Members are named in
 * tables; others are skipped, since Intel adds some. What is there has to be whole: sixteen
 * components, known statuses, no level twice. Levels are sorted here, highest first, because the
 * first that fits decides and the order of the text is nobody's promise.
 */
#include "verifier/verifier_levels.h"

#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"

#define REQUIRED CAPSA_FIELD_REQUIRED

/* ---- Levels of a platform ---------------------------------------------------------------------
 */

struct raw_tcb {
    const struct capsa_json *sgx, *tdx;
    int64_t pce_svn;
    int64_t flat[CAPSA_TCB_COMPONENTS]; /* version 2 has a member for each */
};

static const struct capsa_json_field tcb_fields[] = {
    {"sgxtcbcomponents", CAPSA_FIELD_VALUE, offsetof(struct raw_tcb, sgx), REQUIRED, 0, 0, NULL},
    {"tdxtcbcomponents", CAPSA_FIELD_VALUE, offsetof(struct raw_tcb, tdx), 0, 0, 0, NULL},
    {"pcesvn", CAPSA_FIELD_INT, offsetof(struct raw_tcb, pce_svn), REQUIRED, 0, UINT16_MAX, NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL},
};

#define FLAT(number, index)                                                                        \
    {                                                                                              \
        "sgxtcbcomp" number "svn", CAPSA_FIELD_INT, offsetof(struct raw_tcb, flat[index]),         \
            REQUIRED, 0, UINT8_MAX, NULL                                                           \
    }
static const struct capsa_json_field flat_tcb_fields[] = {
    FLAT("01", 0),
    FLAT("02", 1),
    FLAT("03", 2),
    FLAT("04", 3),
    FLAT("05", 4),
    FLAT("06", 5),
    FLAT("07", 6),
    FLAT("08", 7),
    FLAT("09", 8),
    FLAT("10", 9),
    FLAT("11", 10),
    FLAT("12", 11),
    FLAT("13", 12),
    FLAT("14", 13),
    FLAT("15", 14),
    FLAT("16", 15),
    {"pcesvn", CAPSA_FIELD_INT, offsetof(struct raw_tcb, pce_svn), REQUIRED, 0, UINT16_MAX, NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL},
};

struct raw_component {
    int64_t svn;
};

static const struct capsa_json_field component_fields[] = {
    {"svn", CAPSA_FIELD_INT, offsetof(struct raw_component, svn), REQUIRED, 0, UINT8_MAX, NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL},
};

static CAPSA_RESULT read_components(const char *member, const struct capsa_json *array,
                                    uint8_t out[CAPSA_TCB_COMPONENTS])
{
    CAPSA_REQUIRE(capsa_json_kind_of(array) == CAPSA_JSON_ARRAY &&
                      capsa_json_count(array) == CAPSA_TCB_COMPONENTS,
                  MALFORMED, "%s: an array of %d is wanted, got %s of %zu", member,
                  CAPSA_TCB_COMPONENTS, capsa_json_kind_name(capsa_json_kind_of(array)),
                  capsa_json_count(array));
    for (size_t i = 0; i < CAPSA_TCB_COMPONENTS; i++) {
        struct raw_component component = {0};
        CAPSA_TRY_AT(capsa_tcb_decode(capsa_json_at(array, i), component_fields, &component),
                     "%s[%zu]", member, i);
        out[i] = (uint8_t)component.svn;
    }
    return CAPSA_OK;
}

static CAPSA_RESULT read_tcb(const struct capsa_tcb_info *info, const struct capsa_json *object,
                             struct capsa_tcb_level *ret_level)
{
    struct raw_tcb raw = {.sgx = NULL};
    CAPSA_TRY(capsa_tcb_decode(object, info->version == 2 ? flat_tcb_fields : tcb_fields, &raw));
    ret_level->pce_svn = (uint16_t)raw.pce_svn;
    if (info->version == 2) {
        for (size_t i = 0; i < CAPSA_TCB_COMPONENTS; i++) {
            ret_level->sgx[i] = (uint8_t)raw.flat[i];
        }
        return CAPSA_OK;
    }
    CAPSA_TRY(read_components("sgxtcbcomponents", raw.sgx, ret_level->sgx));
    return info->is_tdx ? read_components("tdxtcbcomponents", raw.tdx, ret_level->tdx) : CAPSA_OK;
}

static CAPSA_RESULT read_level(struct capsa_tcb_info *info, const struct capsa_json *object,
                               struct capsa_tcb_level *ret_level)
{
    struct capsa_tcb_raw_level raw = {NULL, NULL, NULL, NULL};
    CAPSA_TRY(capsa_tcb_decode(object, capsa_tcb_level_fields, &raw));
    CAPSA_TRY_AT(read_tcb(info, raw.tcb, ret_level), "tcb");
    CAPSA_TRY(capsa_tcb_read_status(raw.status, &ret_level->status));
    CAPSA_TRY(capsa_tcb_read_time("tcbDate", raw.date, &ret_level->date));
    return capsa_tcb_read_advisories(raw.advisories, &info->advisories, &ret_level->advisories);
}

/* Highest first: components one by one, then PCESVN, then the components of TDX. */
static int compare_levels(const void *left, const void *right)
{
    const struct capsa_tcb_level *a = left, *b = right;
    int order = memcmp(b->sgx, a->sgx, sizeof(a->sgx));
    order = order != 0 ? order : (int)b->pce_svn - (int)a->pce_svn;
    return order != 0 ? order : memcmp(b->tdx, a->tdx, sizeof(a->tdx));
}

static CAPSA_RESULT read_levels(struct capsa_tcb_info *info, const struct capsa_json *array)
{
    size_t count = 0;
    CAPSA_TRY(capsa_tcb_count("tcbLevels", array, CAPSA_LIMIT_tcb_levels, &count));
    info->levels = capsa_alloc_array(count, sizeof(*info->levels));
    CAPSA_REQUIRE_MEMORY(info->levels);
    info->count = count;
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY_AT(read_level(info, capsa_json_at(array, i), &info->levels[i]), "tcbLevels[%zu]",
                     i);
    }
    qsort(info->levels, count, sizeof(*info->levels), compare_levels);
    for (size_t i = 1; i < count; i++) {
        CAPSA_REQUIRE(compare_levels(&info->levels[i - 1], &info->levels[i]) != 0, MALFORMED,
                      "tcbLevels: two levels are of the same TCB");
    }
    return CAPSA_OK;
}

/* ---- TDX modules ------------------------------------------------------------------------------
 */

struct raw_module {
    const char *id, *mr_signer, *attributes;
    const struct capsa_json *levels;
};

static const struct capsa_json_field module_fields[] = {
    {"id", CAPSA_FIELD_STRING, offsetof(struct raw_module, id), 0, 0, 0, NULL},
    {"mrsigner", CAPSA_FIELD_STRING, offsetof(struct raw_module, mr_signer), REQUIRED, 0, 0, NULL},
    {"attributes", CAPSA_FIELD_STRING, offsetof(struct raw_module, attributes), REQUIRED, 0, 0,
     NULL},
    {"tcbLevels", CAPSA_FIELD_VALUE, offsetof(struct raw_module, levels), 0, 0, 0, NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL},
};

static CAPSA_RESULT read_module_values(const struct raw_module *raw,
                                       struct capsa_tdx_module *ret_module)
{
    CAPSA_TRY(capsa_tcb_read_hex("mrsigner", raw->mr_signer, ret_module->mr_signer,
                                 sizeof(ret_module->mr_signer)));
    return capsa_tcb_read_hex("attributes", raw->attributes, ret_module->attributes,
                              sizeof(ret_module->attributes));
}

/* "TDX_" and two hex digits, in either case. */
static CAPSA_RESULT read_module_version(const char *id, uint8_t *ret_version)
{
    static const char start[] = "TDX_";
    CAPSA_REQUIRE(id != NULL && strlen(id) == sizeof(start) + 1 &&
                      strncasecmp(id, start, sizeof(start) - 1) == 0,
                  MALFORMED, "id: \"TDX_\" and two hex digits are wanted");
    return capsa_tcb_read_hex("id", id + sizeof(start) - 1, ret_version, 1);
}

static CAPSA_RESULT read_module(struct capsa_tcb_info *info, const struct capsa_json *object,
                                struct capsa_tdx_module *ret_module)
{
    struct raw_module raw = {NULL, NULL, NULL, NULL};
    CAPSA_TRY(capsa_tcb_decode(object, module_fields, &raw));
    CAPSA_TRY(read_module_version(raw.id, &ret_module->version));
    CAPSA_TRY(read_module_values(&raw, ret_module));
    return capsa_tcb_read_isv_levels(raw.levels, &info->advisories, &ret_module->levels,
                                     &ret_module->count);
}

static bool has_twin(const struct capsa_tcb_info *info, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (info->modules[i].version == info->modules[index].version) {
            return true;
        }
    }
    return false;
}

static CAPSA_RESULT read_modules(struct capsa_tcb_info *info, const struct capsa_json *array)
{
    if (capsa_json_kind_of(array) == CAPSA_JSON_NULL || capsa_json_count(array) == 0) {
        return CAPSA_OK; /* platforms of the first module's line alone have none */
    }
    size_t count = 0;
    CAPSA_TRY(capsa_tcb_count("tdxModuleIdentities", array, CAPSA_LIMIT_tdx_modules, &count));
    info->modules = capsa_alloc_array(count, sizeof(*info->modules));
    CAPSA_REQUIRE_MEMORY(info->modules);
    info->module_count = count;
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY_AT(read_module(info, capsa_json_at(array, i), &info->modules[i]),
                     "tdxModuleIdentities[%zu]", i);
        CAPSA_REQUIRE(!has_twin(info, i), MALFORMED,
                      "tdxModuleIdentities[%zu]: another one has its id", i);
    }
    return CAPSA_OK;
}

/* ---- TCB Info ---------------------------------------------------------------------------------
 */

struct raw_info {
    const char *id, *issued, *next_update, *fmspc, *pce_id;
    int64_t version, tcb_type, evaluation;
    const struct capsa_json *levels, *module, *modules;
};

#define INFO(name, type, member, flags, max)                                                       \
    {                                                                                              \
        name, CAPSA_FIELD_##type, offsetof(struct raw_info, member), flags, 0, max, NULL           \
    }
static const struct capsa_json_field info_fields[] = {
    INFO("id", STRING, id, 0, 0),
    INFO("version", INT, version, REQUIRED, UINT16_MAX),
    INFO("issueDate", STRING, issued, REQUIRED, 0),
    INFO("nextUpdate", STRING, next_update, REQUIRED, 0),
    INFO("fmspc", STRING, fmspc, REQUIRED, 0),
    INFO("pceId", STRING, pce_id, REQUIRED, 0),
    INFO("tcbType", INT, tcb_type, REQUIRED, UINT16_MAX),
    INFO("tcbEvaluationDataNumber", INT, evaluation, REQUIRED, UINT32_MAX),
    INFO("tcbLevels", VALUE, levels, REQUIRED, 0),
    INFO("tdxModule", VALUE, module, 0, 0),
    INFO("tdxModuleIdentities", VALUE, modules, 0, 0),
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL},
};

static CAPSA_RESULT read_kind(const struct raw_info *raw, struct capsa_tcb_info *info)
{
    CAPSA_REQUIRE(raw->version == 2 || raw->version == 3, MALFORMED,
                  "version: %lld, 2 or 3 is wanted", (long long)raw->version);
    CAPSA_REQUIRE(raw->tcb_type == 0, MALFORMED, "tcbType: %lld, 0 is wanted",
                  (long long)raw->tcb_type);
    info->version = (int)raw->version;
    if (info->version == 2) {
        return CAPSA_OK; /* it has no id, and knows of SGX alone */
    }
    CAPSA_REQUIRE(raw->id != NULL && (capsa_streq(raw->id, "SGX") || capsa_streq(raw->id, "TDX")),
                  MALFORMED, "id: \"SGX\" or \"TDX\" is wanted");
    info->is_tdx = capsa_streq(raw->id, "TDX");
    return CAPSA_OK;
}

static CAPSA_RESULT read_info(const struct raw_info *raw, struct capsa_tcb_info *info)
{
    CAPSA_TRY(read_kind(raw, info));
    CAPSA_TRY(capsa_tcb_read_hex("fmspc", raw->fmspc, info->fmspc, sizeof(info->fmspc)));
    CAPSA_TRY(capsa_tcb_read_hex("pceId", raw->pce_id, info->pce_id, sizeof(info->pce_id)));
    CAPSA_TRY(capsa_tcb_read_time("issueDate", raw->issued, &info->issued));
    CAPSA_TRY(capsa_tcb_read_time("nextUpdate", raw->next_update, &info->next_update));
    info->evaluation = (uint32_t)raw->evaluation;
    CAPSA_TRY(read_levels(info, raw->levels));
    if (!info->is_tdx) {
        return CAPSA_OK;
    }
    struct raw_module module = {NULL, NULL, NULL, NULL};
    CAPSA_TRY_AT(capsa_tcb_decode(raw->module, module_fields, &module), "tdxModule");
    CAPSA_TRY_AT(read_module_values(&module, &info->module), "tdxModule");
    return read_modules(info, raw->modules);
}

CAPSA_RESULT capsa_tcb_info_parse(capsa_bytes text, struct capsa_tcb_info *ret_info)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    struct raw_info raw = {.id = NULL};
    CAPSA_TRY_AT(capsa_json_parse(text, &value), "TCB Info");
    CAPSA_TRY_AT(capsa_tcb_decode(value, info_fields, &raw), "TCB Info");
    struct capsa_tcb_info info = {.advisories = capsa_tcb_new_pool()};
    capsa_result result = read_info(&raw, &info);
    if (capsa_failed(result)) {
        capsa_tcb_info_drop(&info);
        return capsa_error_within(result, "TCB Info");
    }
    *ret_info = info;
    return CAPSA_OK;
}

void capsa_tcb_info_drop(struct capsa_tcb_info *info)
{
    for (size_t i = 0; i < info->module_count; i++) {
        capsa_dealloc(info->modules[i].levels);
    }
    capsa_dealloc(info->modules);
    capsa_dealloc(info->levels);
    capsa_buf_drop(&info->advisories);
    memset(info, 0, sizeof(*info));
}
