/* SPDX-License-Identifier: Apache-2.0
 *
 * The unified attestation report: JSON that holds JSON that, in a Passport, holds JSON. Each level
 * is read strictly and bounded by the length of the outermost. What a report says of its platform
 * is compared with what the evidence itself says, and never believed instead.
 */
#include "base/limits.h"
#include "codec/text.h"
#include "evidence/collateral_internal.h"
#include "evidence/evidence.h"
#include "evidence/evidence_csv.h"

static const char version[] = "1.0";

static const char *const type_names[] = {
    [CAPSA_REPORT_PASSPORT] = "Passport",
    [CAPSA_REPORT_BACKGROUND_CHECK] = "BackgroundCheck",
};

/* ---- What differs by platform ---------------------------------------------------------------- */

static capsa_result write_qvl_sgx(const capsa_collateral *collateral, struct capsa_json **ret_json)
{
    return capsa_collateral_write_qvl(collateral, CAPSA_PLATFORM_SGX, ret_json);
}

static capsa_result write_qvl_tdx(const capsa_collateral *collateral, struct capsa_json **ret_json)
{
    return capsa_collateral_write_qvl(collateral, CAPSA_PLATFORM_TDX, ret_json);
}

struct form {
    const char *collateral; /* the member of json_report */
    const char *chip_id;    /* the member, or NULL */
    capsa_result (*parse)(const struct capsa_json *object, capsa_collateral *ret_collateral);
    capsa_result (*write)(const capsa_collateral *collateral, struct capsa_json **ret_json);
};
static const struct form forms[CAPSA_PLATFORM_COUNT] = {
    [CAPSA_PLATFORM_SGX] = {"json_collateral", NULL, capsa_collateral_parse_qvl, write_qvl_sgx},
    [CAPSA_PLATFORM_TDX] = {"json_collateral", NULL, capsa_collateral_parse_qvl, write_qvl_tdx},
    [CAPSA_PLATFORM_SNP] = {"json_collateral", NULL, capsa_collateral_parse_snp,
                            capsa_collateral_write_snp},
    [CAPSA_PLATFORM_CSV] = {"json_cert_chain", "str_chip_id", capsa_collateral_parse_csv,
                            capsa_collateral_write_csv},
};

/* ---- Reading the head ------------------------------------------------------------------------ */

struct head {
    enum capsa_report_type type;
    enum capsa_platform platform;
};

static capsa_result read_type(const char *name, enum capsa_report_type *ret_type)
{
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        if (capsa_streq(name, type_names[i])) {
            *ret_type = (enum capsa_report_type)i;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(MALFORMED,
               "str_report_type: \"Passport\" or \"BackgroundCheck\" wanted, got \"%.32s\"", name);
}

static capsa_result read_head(const struct capsa_ual_fields *fields, struct head *ret_head)
{
    struct head head = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_REQUIRE(capsa_streq(fields->version, version), MALFORMED,
                  "str_report_version: \"%s\" wanted, got \"%.32s\"", version, fields->version);
    CAPSA_TRY(read_type(fields->type, &head.type));
    head.platform = capsa_platform_by_ual(fields->platform);
    CAPSA_REQUIRE(head.platform != CAPSA_PLATFORM_NONE, UNSUPPORTED,
                  "str_tee_platform: no platform has the name \"%.32s\"", fields->platform);
    CAPSA_REQUIRE(strlen(fields->json_report) <= CAPSA_LIMIT_ual_bytes, TOO_LARGE,
                  "json_report: over %d bytes", CAPSA_LIMIT_ual_bytes);
    *ret_head = head;
    return CAPSA_OK;
}

/* ---- Reading json_report --------------------------------------------------------------------- */

/* Some programs write the chip's id as an array of 64 characters, with all its NULs. */
static capsa_result read_inner(const struct head *head, const char *text,
                               struct capsa_json **ret_json)
{
    const struct form *form = &forms[head->platform];
    const char *const padded[] = {form->chip_id, NULL};
    const char *const names[] = {"b64_quote", form->collateral, form->chip_id, NULL};
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_json_parse_nul(capsa_bytes_str(text), padded, &json));
    CAPSA_REQUIRE(capsa_json_kind_of(json) == CAPSA_JSON_OBJECT, MALFORMED, "an object wanted");
    CAPSA_TRY(capsa_collateral_members("report", json, names));
    for (size_t i = 0; names[i] != NULL; i++) {
        enum capsa_json_kind kind = capsa_json_kind_of(capsa_json_get(json, names[i]));
        CAPSA_REQUIRE(kind == CAPSA_JSON_STRING || kind == CAPSA_JSON_NULL, MALFORMED,
                      "%s: a string wanted, got %s", names[i], capsa_json_kind_name(kind));
    }
    *ret_json = json;
    json = NULL;
    return CAPSA_OK;
}

static const char *member_text(const struct capsa_json *json, const char *name)
{
    const char *text = capsa_json_string(capsa_json_get(json, name));
    return text == NULL ? "" : text;
}

static capsa_result read_evidence(const struct head *head, const struct capsa_json *json,
                                  capsa_evidence *ret_evidence)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_TRY(capsa_collateral_base64("b64_quote", member_text(json, "b64_quote"), &bytes));
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_TRY_AT(capsa_evidence_of_bytes(capsa_buf_bytes(&bytes), &evidence), "b64_quote");
    CAPSA_REQUIRE(evidence.platform == head->platform, MALFORMED,
                  "b64_quote: evidence of %s, where str_tee_platform says %s",
                  capsa_platform_what(evidence.platform), capsa_platform_what(head->platform));
    *ret_evidence = evidence;
    evidence.bytes = capsa_buf_of(0);
    return CAPSA_OK;
}

static capsa_result read_collateral(const struct head *head, const struct capsa_json *json,
                                    capsa_collateral *ret_collateral)
{
    const struct form *form = &forms[head->platform];
    const char *text = member_text(json, form->collateral);
    if (head->type == CAPSA_REPORT_BACKGROUND_CHECK) {
        CAPSA_REQUIRE(text[0] == '\0', MALFORMED, "%s: a BackgroundCheck has none",
                      form->collateral);
        capsa_collateral_init(ret_collateral);
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(text[0] != '\0', MALFORMED, "%s: a Passport has to have it", form->collateral);
    CAPSA_AUTO_FREE(capsa_json) object = NULL;
    CAPSA_TRY_AT(capsa_collateral_json(capsa_bytes_str(text), &object), "%s", form->collateral);
    CAPSA_TRY_AT(form->parse(object, ret_collateral), "%s", form->collateral);
    return CAPSA_OK;
}

static capsa_result read_both(const struct head *head, const char *text,
                              capsa_evidence *ret_evidence, capsa_collateral *ret_collateral)
{
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(read_inner(head, text, &json));
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_TRY(read_evidence(head, json, &evidence));
    CAPSA_TRY(read_collateral(head, json, ret_collateral));
    *ret_evidence = evidence;
    evidence.bytes = capsa_buf_of(0);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ual_parse_fields(const struct capsa_ual_fields *fields,
                                    capsa_evidence *ret_evidence, capsa_collateral *ret_collateral,
                                    enum capsa_report_type *ret_type)
{
    struct head head = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_TRY(read_head(fields, &head));
    CAPSA_TRY_AT(read_both(&head, fields->json_report, ret_evidence, ret_collateral),
                 "json_report");
    *ret_type = head.type;
    return CAPSA_OK;
}

/* ---- Reading the whole ----------------------------------------------------------------------- */

static capsa_result read_fields(const struct capsa_json *report,
                                struct capsa_ual_fields *ret_fields)
{
    struct capsa_ual_fields fields = {"", "", "", ""};
    const char *nested = "";
    static const char *const names[] = {"str_report_version",  "str_report_type",
                                        "str_tee_platform",    "json_report",
                                        "json_nested_reports", NULL};
    const char **const places[] = {&fields.version, &fields.type, &fields.platform,
                                   &fields.json_report, &nested};
    CAPSA_REQUIRE(capsa_json_kind_of(report) == CAPSA_JSON_OBJECT, MALFORMED,
                  "unified report: an object wanted");
    CAPSA_TRY(capsa_collateral_members("unified report", report, names));
    for (size_t i = 0; names[i] != NULL; i++) {
        const struct capsa_json *value = capsa_json_get(report, names[i]);
        enum capsa_json_kind kind = capsa_json_kind_of(value);
        CAPSA_REQUIRE(kind == CAPSA_JSON_STRING || kind == CAPSA_JSON_NULL, MALFORMED,
                      "unified report: %s: a string wanted, got %s", names[i],
                      capsa_json_kind_name(kind));
        if (kind == CAPSA_JSON_STRING) {
            *places[i] = capsa_json_string(value);
        }
    }
    CAPSA_REQUIRE(nested[0] == '\0', UNSUPPORTED,
                  "unified report: json_nested_reports: reports within a report are not supported");
    *ret_fields = fields;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ual_parse(capsa_bytes text, capsa_evidence *ret_evidence,
                             capsa_collateral *ret_collateral, enum capsa_report_type *ret_type)
{
    CAPSA_REQUIRE(text.len <= CAPSA_LIMIT_ual_bytes, TOO_LARGE,
                  "unified report of %zu bytes, at most %d", text.len, CAPSA_LIMIT_ual_bytes);
    CAPSA_AUTO_FREE(capsa_json) report = NULL;
    CAPSA_TRY_AT(capsa_json_parse(text, &report), "unified report");
    struct capsa_ual_fields fields;
    CAPSA_TRY(read_fields(report, &fields));
    CAPSA_TRY_AT(capsa_ual_parse_fields(&fields, ret_evidence, ret_collateral, ret_type),
                 "unified report");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ual_collateral(const struct capsa_json *report, capsa_collateral *ret_collateral)
{
    struct capsa_ual_fields fields;
    CAPSA_TRY(read_fields(report, &fields));
    struct head head = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_TRY(read_head(&fields, &head));
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY_AT(read_inner(&head, fields.json_report, &json), "json_report");
    CAPSA_TRY_AT(read_collateral(&head, json, ret_collateral), "json_report");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_evidence_parse(capsa_bytes file, capsa_evidence *ret_evidence,
                                  capsa_collateral *ret_collateral, bool *ret_is_ual)
{
    capsa_bytes trimmed = capsa_collateral_trimmed(file);
    /* The first byte of a CSV report may be any; none of them is UTF-8 as a whole. */
    bool is_ual =
        trimmed.len > 0 && trimmed.data[0] == '{' && !capsa_failed(capsa_utf8_check(trimmed));
    if (is_ual) {
        enum capsa_report_type type;
        CAPSA_TRY(capsa_ual_parse(file, ret_evidence, ret_collateral, &type));
    } else {
        CAPSA_TRY(capsa_evidence_of_bytes(file, ret_evidence));
        capsa_collateral_init(ret_collateral);
    }
    if (ret_is_ual != NULL) {
        *ret_is_ual = is_ual;
    }
    return CAPSA_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static capsa_result set_base64(struct capsa_json *object, const char *name, capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of((size_t)CAPSA_LIMIT_evidence_bytes * 2);
    const char *base64;
    CAPSA_TRY(capsa_base64_write(bytes, CAPSA_BASE64_STD, &text));
    CAPSA_TRY(capsa_buf_cstr(&text, &base64));
    return capsa_json_set(object, name, capsa_json_new_string(base64));
}

/* A value as the text of a string member. */
static capsa_result set_json(struct capsa_json *object, const char *name,
                             const struct capsa_json *value)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    const char *string;
    CAPSA_TRY(capsa_json_write(value, CAPSA_JSON_COMPACT, &text));
    CAPSA_TRY(capsa_buf_cstr(&text, &string));
    return capsa_json_set(object, name, capsa_json_new_string(string));
}

static capsa_result set_collateral(struct capsa_json *object, const struct form *form,
                                   const capsa_collateral *collateral)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY(form->write(collateral, &value));
    return set_json(object, form->collateral, value);
}

static capsa_result set_chip_id(struct capsa_json *object, const char *name, capsa_bytes bytes)
{
    struct capsa_csv_report report;
    CAPSA_TRY(capsa_csv_report_parse(bytes, &report));
    CAPSA_TRY_AT(capsa_utf8_check(capsa_bytes_str(report.chip_id)), "chip id");
    return capsa_json_set(object, name, capsa_json_new_string(report.chip_id));
}

static bool has_collateral(const capsa_collateral *collateral)
{
    return collateral != NULL && !capsa_collateral_is_empty(collateral);
}

CAPSA_RESULT capsa_ual_write_json_report(enum capsa_platform platform, capsa_bytes evidence,
                                         const capsa_collateral *collateral, capsa_buf *ret_text)
{
    CAPSA_AUTO(capsa_evidence) own = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_TRY(capsa_evidence_of_bytes(evidence, &own)); /* without what is secret */
    CAPSA_REQUIRE(own.platform == platform, MALFORMED, "evidence of %s, where %s was stated",
                  capsa_platform_what(own.platform), capsa_platform_what(platform));
    const struct form *form = &forms[platform];
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(set_base64(object, "b64_quote", capsa_buf_bytes(&own.bytes)));
    if (has_collateral(collateral)) {
        CAPSA_TRY(set_collateral(object, form, collateral));
    }
    if (form->chip_id != NULL) {
        CAPSA_TRY(set_chip_id(object, form->chip_id, capsa_buf_bytes(&own.bytes)));
    }
    return capsa_json_write(object, CAPSA_JSON_COMPACT, ret_text);
}

static capsa_result set_head(struct capsa_json *object, enum capsa_platform platform,
                             const capsa_collateral *collateral)
{
    enum capsa_report_type type =
        has_collateral(collateral) ? CAPSA_REPORT_PASSPORT : CAPSA_REPORT_BACKGROUND_CHECK;
    CAPSA_TRY(capsa_json_set(object, "str_report_version", capsa_json_new_string(version)));
    CAPSA_TRY(capsa_json_set(object, "str_report_type", capsa_json_new_string(type_names[type])));
    return capsa_json_set(object, "str_tee_platform",
                          capsa_json_new_string(capsa_platform_ual(platform)));
}

CAPSA_RESULT capsa_ual_write(enum capsa_platform platform, capsa_bytes evidence,
                             const capsa_collateral *collateral, capsa_buf *ret_text)
{
    CAPSA_AUTO(capsa_buf) inner = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    CAPSA_TRY(capsa_ual_write_json_report(platform, evidence, collateral, &inner));
    const char *inner_text;
    CAPSA_TRY(capsa_buf_cstr(&inner, &inner_text));
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(set_head(object, platform, collateral));
    CAPSA_TRY(capsa_json_set(object, "json_report", capsa_json_new_string(inner_text)));
    return capsa_json_write(object, CAPSA_JSON_COMPACT, ret_text);
}
