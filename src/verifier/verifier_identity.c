/* SPDX-License-Identifier: Apache-2.0
 *
 * The identity of Intel's quoting enclaves out of its signed JSON: which enclave may certify an
 * attestation key, and which of its versions are good. Whether a report is that enclave's, is
 * judged where the report is (verifier_dcap.c).
 */
#include "base/alloc.h"
#include "base/reader.h"
#include "verifier/verifier_levels.h"

#define REQUIRED CAPSA_FIELD_REQUIRED

static const char *const id_names[] = {
    [CAPSA_ENCLAVE_QE] = "QE",
    [CAPSA_ENCLAVE_TD_QE] = "TD_QE",
    [CAPSA_ENCLAVE_QVE] = "QVE",
    [CAPSA_ENCLAVE_QAE] = "QAE",
};
#define IDS (sizeof(id_names) / sizeof(id_names[0]))

const char *capsa_enclave_id_name(enum capsa_enclave_id id)
{
    return id < IDS ? id_names[id] : "";
}

struct raw_identity {
    const char *id, *issued, *next_update;
    const char *misc_select, *misc_select_mask, *attributes, *attributes_mask, *mr_signer;
    int64_t version, evaluation, isv_prod_id;
    const struct capsa_json *levels;
};

#define FIELD(name, type, member, max)                                                             \
    {                                                                                              \
        name, CAPSA_FIELD_##type, offsetof(struct raw_identity, member), REQUIRED, 0, max, NULL    \
    }
static const struct capsa_json_field identity_fields[] = {
    FIELD("id", STRING, id, 0),
    FIELD("version", INT, version, UINT16_MAX),
    FIELD("issueDate", STRING, issued, 0),
    FIELD("nextUpdate", STRING, next_update, 0),
    FIELD("tcbEvaluationDataNumber", INT, evaluation, UINT32_MAX),
    FIELD("miscselect", STRING, misc_select, 0),
    FIELD("miscselectMask", STRING, misc_select_mask, 0),
    FIELD("attributes", STRING, attributes, 0),
    FIELD("attributesMask", STRING, attributes_mask, 0),
    FIELD("mrsigner", STRING, mr_signer, 0),
    FIELD("isvprodid", INT, isv_prod_id, UINT16_MAX),
    FIELD("tcbLevels", VALUE, levels, 0),
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL},
};

static CAPSA_RESULT read_id(const char *text, enum capsa_enclave_id *ret_id)
{
    for (enum capsa_enclave_id i = CAPSA_ENCLAVE_QE; i < IDS; i++) {
        if (capsa_streq(text, id_names[i])) {
            *ret_id = i;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(MALFORMED, "id: \"%s\" is no enclave of Intel's", text);
}

/* Four bytes in the order of memory, as MISCSELECT stands in a report. */
static CAPSA_RESULT read_misc_select(const char *member, const char *text, uint32_t *ret_value)
{
    uint8_t bytes[4];
    CAPSA_TRY(capsa_tcb_read_hex(member, text, bytes, sizeof(bytes)));
    struct capsa_reader reader = capsa_reader_of(capsa_bytes_of(bytes, sizeof(bytes)));
    return capsa_read_le32(&reader, ret_value);
}

static CAPSA_RESULT read_values(const struct raw_identity *raw,
                                struct capsa_enclave_identity *identity)
{
    CAPSA_TRY(read_misc_select("miscselect", raw->misc_select, &identity->misc_select));
    CAPSA_TRY(
        read_misc_select("miscselectMask", raw->misc_select_mask, &identity->misc_select_mask));
    CAPSA_TRY(capsa_tcb_read_hex("attributes", raw->attributes, identity->attributes,
                                 sizeof(identity->attributes)));
    CAPSA_TRY(capsa_tcb_read_hex("attributesMask", raw->attributes_mask, identity->attributes_mask,
                                 sizeof(identity->attributes_mask)));
    CAPSA_TRY(capsa_tcb_read_hex("mrsigner", raw->mr_signer, identity->mr_signer,
                                 sizeof(identity->mr_signer)));
    identity->isv_prod_id = (uint16_t)raw->isv_prod_id;
    return CAPSA_OK;
}

static CAPSA_RESULT read_identity(const struct raw_identity *raw,
                                  struct capsa_enclave_identity *identity)
{
    CAPSA_REQUIRE(raw->version == 2, MALFORMED, "version: %lld, 2 is wanted",
                  (long long)raw->version);
    CAPSA_TRY(read_id(raw->id, &identity->id));
    CAPSA_TRY(capsa_tcb_read_time("issueDate", raw->issued, &identity->issued));
    CAPSA_TRY(capsa_tcb_read_time("nextUpdate", raw->next_update, &identity->next_update));
    identity->evaluation = (uint32_t)raw->evaluation;
    CAPSA_TRY(read_values(raw, identity));
    return capsa_tcb_read_isv_levels(raw->levels, &identity->advisories, &identity->levels,
                                     &identity->count);
}

CAPSA_RESULT capsa_enclave_identity_parse(capsa_bytes text,
                                          struct capsa_enclave_identity *ret_identity)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    struct raw_identity raw = {.id = NULL};
    CAPSA_TRY_AT(capsa_json_parse(text, &value), "enclave identity");
    CAPSA_TRY_AT(capsa_tcb_decode(value, identity_fields, &raw), "enclave identity");
    struct capsa_enclave_identity identity = {.advisories = capsa_tcb_new_pool()};
    capsa_result result = read_identity(&raw, &identity);
    if (capsa_failed(result)) {
        capsa_enclave_identity_drop(&identity);
        return capsa_error_within(result, "enclave identity");
    }
    *ret_identity = identity;
    return CAPSA_OK;
}

void capsa_enclave_identity_drop(struct capsa_enclave_identity *identity)
{
    capsa_dealloc(identity->levels);
    capsa_buf_drop(&identity->advisories);
    memset(identity, 0, sizeof(*identity));
}
