/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence across the public interface (capsa/evidence.h): read, shown and written, never judged.
 */
#include "api/api_internal.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "evidence/evidence_show.h"

CAPSA_RESULT capsa_api_evidence(capsa_evidence *evidence, capsa_collateral *shipped,
                                libcapsa_evidence **ret_evidence)
{
    struct libcapsa_evidence *made = CAPSA_NEW(struct libcapsa_evidence);
    CAPSA_REQUIRE_MEMORY(made);
    made->held = *evidence;
    made->shipped.held = *shipped;
    evidence->bytes = capsa_buf_of(0);
    capsa_collateral_init(shipped);
    *ret_evidence = made;
    return CAPSA_OK;
}

void libcapsa_evidence_free(libcapsa_evidence *evidence)
{
    if (evidence == NULL) {
        return;
    }
    capsa_evidence_drop(&evidence->held);
    capsa_collateral_drop(&evidence->shipped.held);
    capsa_dealloc(evidence);
}

/* ---- Reading --------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_api_evidence_parse(capsa_bytes bytes, libcapsa_evidence **ret_evidence)
{
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO(capsa_collateral) shipped;
    capsa_collateral_init(&shipped);
    CAPSA_TRY(capsa_evidence_parse(bytes, &evidence, &shipped, NULL));
    return capsa_api_evidence(&evidence, &shipped, ret_evidence);
}

static capsa_result parse_given(const void *bytes, size_t len, libcapsa_evidence **ret_evidence)
{
    CAPSA_API_GIVEN(ret_evidence);
    capsa_bytes given;
    CAPSA_TRY(capsa_api_bytes("bytes", bytes, len, &given));
    return capsa_api_evidence_parse(given, ret_evidence);
}

int libcapsa_evidence_parse(const void *bytes, size_t len, libcapsa_evidence **ret_evidence,
                            libcapsa_error *ret_error)
{
    return capsa_api_end(parse_given(bytes, len, ret_evidence), ret_error);
}

static capsa_result load(const char *path, libcapsa_evidence **ret_evidence)
{
    CAPSA_API_GIVEN(ret_evidence);
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(0);
    CAPSA_TRY(capsa_api_read(path, CAPSA_LIMIT_evidence_bytes, &content));
    CAPSA_TRY_AT(capsa_api_evidence_parse(capsa_buf_bytes(&content), ret_evidence), "%s", path);
    return CAPSA_OK;
}

int libcapsa_evidence_load(const char *path, libcapsa_evidence **ret_evidence,
                           libcapsa_error *ret_error)
{
    return capsa_api_end(load(path, ret_evidence), ret_error);
}

/* ---- What it is ------------------------------------------------------------------------------ */

const char *libcapsa_evidence_platform(const libcapsa_evidence *evidence)
{
    return evidence == NULL ? "" : capsa_platform_name(evidence->held.platform);
}

const uint8_t *libcapsa_evidence_bytes(const libcapsa_evidence *evidence, size_t *ret_len)
{
    if (ret_len != NULL) {
        *ret_len = evidence == NULL ? 0 : evidence->held.bytes.len;
    }
    return evidence == NULL ? NULL : evidence->held.bytes.data;
}

const libcapsa_collateral *libcapsa_evidence_collateral(const libcapsa_evidence *evidence)
{
    bool has = evidence != NULL && !capsa_collateral_is_empty(&evidence->shipped.held);
    return has ? &evidence->shipped : NULL;
}

static capsa_result show(const libcapsa_evidence *evidence, char **ret_text)
{
    CAPSA_API_GIVEN(evidence);
    CAPSA_API_GIVEN(ret_text);
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_evidence_show(evidence->held.platform, capsa_buf_bytes(&evidence->held.bytes),
                                  &json));
    return capsa_api_json_text(json, ret_text);
}

int libcapsa_evidence_show(const libcapsa_evidence *evidence, char **ret_text,
                           libcapsa_error *ret_error)
{
    return capsa_api_end(show(evidence, ret_text), ret_error);
}

/* ---- What it binds --------------------------------------------------------------------------- */

_Static_assert(LIBCAPSA_REPORT_DATA == CAPSA_REPORT_DATA, "capsa.h and evidence.h disagree");

static capsa_result bound(const libcapsa_evidence *evidence, uint8_t *ret_report_data)
{
    CAPSA_API_GIVEN(evidence);
    CAPSA_API_GIVEN(ret_report_data);
    struct capsa_claims claims;
    CAPSA_TRY(capsa_evidence_claims(evidence->held.platform, capsa_buf_bytes(&evidence->held.bytes),
                                    &claims));
    const capsa_bytes data = capsa_claims_report_data(&claims);
    CAPSA_REQUIRE(data.len == CAPSA_REPORT_DATA, MALFORMED, "the evidence binds %zu bytes, not %d",
                  data.len, CAPSA_REPORT_DATA);
    memcpy(ret_report_data, data.data, CAPSA_REPORT_DATA);
    return CAPSA_OK;
}

int libcapsa_evidence_report_data(const libcapsa_evidence *evidence,
                                  uint8_t ret_report_data[LIBCAPSA_REPORT_DATA],
                                  libcapsa_error *ret_error)
{
    return capsa_api_end(bound(evidence, ret_report_data), ret_error);
}

/* More than the interface says fails further in, with its limit. */
#define FIELDS_MAX 16

CAPSA_RESULT capsa_api_report_data(const char *purpose, const libcapsa_bytes *fields, size_t count,
                                   uint8_t *ret_report_data)
{
    CAPSA_API_GIVEN(purpose);
    CAPSA_API_GIVEN(ret_report_data);
    CAPSA_REQUIRE(*purpose != '\0', USAGE, "report data without a purpose would be good for any");
    CAPSA_REQUIRE(fields != NULL || count == 0, USAGE, "fields: NULL, and %zu of them", count);
    CAPSA_REQUIRE(count <= FIELDS_MAX, TOO_LARGE, "fields: %zu of them, at most %d", count,
                  FIELDS_MAX);
    capsa_bytes given[FIELDS_MAX];
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY_AT(capsa_api_bytes("its bytes", fields[i].data, fields[i].len, &given[i]),
                     "field %zu", i);
    }
    return capsa_report_data_native(purpose, given, count, ret_report_data);
}

int libcapsa_report_data(const char *purpose, const libcapsa_bytes *fields, size_t count,
                         uint8_t ret_report_data[LIBCAPSA_REPORT_DATA], libcapsa_error *ret_error)
{
    return capsa_api_end(capsa_api_report_data(purpose, fields, count, ret_report_data), ret_error);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static capsa_result write_report(const libcapsa_evidence *evidence,
                                 const libcapsa_collateral *collateral, char **ret_text)
{
    CAPSA_API_GIVEN(evidence);
    CAPSA_API_GIVEN(ret_text);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(4));
    CAPSA_TRY(capsa_ual_write(evidence->held.platform, capsa_buf_bytes(&evidence->held.bytes),
                              collateral == NULL ? NULL : &collateral->held, &text));
    return capsa_buf_take_str(&text, ret_text);
}

int libcapsa_evidence_report(const libcapsa_evidence *evidence,
                             const libcapsa_collateral *collateral, char **ret_text,
                             libcapsa_error *ret_error)
{
    return capsa_api_end(write_report(evidence, collateral, ret_text), ret_error);
}
