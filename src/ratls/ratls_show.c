/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and reports as JSON, for people and programs (ratls_certificate.h).
 */
#include <stdio.h>

#include "codec/text.h"
#include "crypto/crypto.h"
#include "evidence/collateral_show.h"
#include "evidence/evidence_show.h"
#include "ratls/ratls_certificate.h"

/* ---- Members --------------------------------------------------------------------------------- */

static capsa_result set_text(struct capsa_json *object, const char *name, const char *text)
{
    return capsa_json_set(object, name,
                          *text == '\0' ? capsa_json_new_null() : capsa_json_new_string(text));
}

static capsa_result set_hex(struct capsa_json *object, const char *name, capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(bytes.len * 2 + 1);
    const char *text = NULL;
    CAPSA_TRY(capsa_hex_write(bytes, &hex));
    CAPSA_TRY(capsa_buf_cstr(&hex, &text));
    return capsa_json_set(object, name, capsa_json_new_string(text));
}

/* NULL data is an absent value. */
static capsa_result set_hex_or_null(struct capsa_json *object, const char *name, capsa_bytes bytes)
{
    return bytes.data == NULL ? capsa_json_set(object, name, capsa_json_new_null())
                              : set_hex(object, name, bytes);
}

static capsa_result set_time(struct capsa_json *object, const char *name, capsa_time time)
{
    char text[CAPSA_TIME_TEXT];
    capsa_time_text(time, text);
    return capsa_json_set(object, name, capsa_json_new_string(text));
}

static capsa_result set_bool(struct capsa_json *object, const char *name, bool truth)
{
    return capsa_json_set(object, name, capsa_json_new_bool(truth));
}

static capsa_result set_identity(struct capsa_json *object, enum capsa_ratls_form form,
                                 enum capsa_ratls_hash hash, capsa_time not_before,
                                 capsa_time not_after, const uint8_t spki_sha256[CAPSA_SHA256])
{
    CAPSA_TRY(set_text(object, "form", capsa_ratls_form_type(form)->name));
    CAPSA_TRY(set_text(object, "hash", capsa_ratls_hash_name(hash)));
    CAPSA_TRY(set_time(object, "not_before", not_before));
    CAPSA_TRY(set_time(object, "not_after", not_after));
    return set_hex(object, "spki_sha256", capsa_bytes_of(spki_sha256, CAPSA_SHA256));
}

/* ---- Certificates ---------------------------------------------------------------------------- */

static capsa_result set_x509(struct capsa_json *object,
                             const struct capsa_ratls_certificate *certificate)
{
    CAPSA_TRY(capsa_json_set(object, "bytes", capsa_json_new_int((int64_t)certificate->der.len)));
    CAPSA_TRY(capsa_json_set(object, "x509_version",
                             capsa_json_new_int((int64_t)certificate->x509_version)));
    CAPSA_TRY(set_bool(object, "signed_with_sha1", certificate->signed_with_sha1));
    CAPSA_TRY(set_bool(object, "critical", certificate->critical));
    return set_bool(object, "has_legacy", certificate->has_legacy);
}

static capsa_result set_dice(struct capsa_json *object,
                             const struct capsa_ratls_certificate *certificate)
{
    CAPSA_TRY(set_hex_or_null(object, "claims", certificate->claims));
    CAPSA_TRY(set_hex_or_null(object, "key_digest", certificate->key_digest));
    return set_hex_or_null(object, "nonce", certificate->nonce);
}

/* Whether the evidence binds the key is arithmetic; whether the evidence is true is not. */
static capsa_result set_binding(struct capsa_json *object,
                                const struct capsa_ratls_certificate *certificate)
{
    uint8_t report_data[CAPSA_REPORT_DATA];
    capsa_result bound = capsa_ratls_bound(certificate, report_data);
    if (capsa_failed(bound) && capsa_code_of(bound) != CAPSA_E_UNAUTHENTIC) {
        return bound;
    }
    CAPSA_TRY(set_bool(object, "binds_key", !capsa_failed(bound)));
    return set_text(object, "binding_error", capsa_failed(bound) ? capsa_text_of(bound) : "");
}

static capsa_result set_evidence(struct capsa_json *object,
                                 const struct capsa_ratls_certificate *certificate)
{
    const capsa_evidence *evidence = &certificate->evidence;
    struct capsa_json *shown = NULL;
    CAPSA_TRY(set_text(object, "platform", capsa_platform_name(evidence->platform)));
    CAPSA_TRY(capsa_evidence_show(evidence->platform, capsa_buf_bytes(&evidence->bytes), &shown));
    CAPSA_TRY(capsa_json_set(object, "evidence", shown));
    if (capsa_collateral_is_empty(&certificate->endorsements)) {
        return capsa_json_set(object, "endorsements", capsa_json_new_null());
    }
    CAPSA_TRY(capsa_collateral_show(&certificate->endorsements, &shown));
    return capsa_json_set(object, "endorsements", shown);
}

CAPSA_RESULT capsa_ratls_show(const struct capsa_ratls_certificate *certificate,
                              struct capsa_json **ret_json)
{
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(set_identity(object, certificate->form, certificate->hash, certificate->not_before,
                           certificate->not_after, certificate->spki_sha256));
    CAPSA_TRY(set_x509(object, certificate));
    CAPSA_TRY(set_dice(object, certificate));
    CAPSA_TRY(set_binding(object, certificate));
    CAPSA_TRY(set_evidence(object, certificate));
    *ret_json = object;
    object = NULL;
    return CAPSA_OK;
}

/* ---- Reports --------------------------------------------------------------------------------- */

static capsa_result certificate_of(const struct capsa_ratls_report *report,
                                   struct capsa_json **ret_json)
{
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(set_identity(object, report->form, report->hash, report->not_before,
                           report->not_after, report->spki_sha256));
    CAPSA_TRY(set_bool(object, "session_bound", report->session_bound));
    CAPSA_TRY(set_text(object, "warning", report->warning));
    *ret_json = object;
    object = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_report_json(const struct capsa_ratls_report *report,
                                     struct capsa_json **ret_json)
{
    CAPSA_AUTO_FREE(capsa_json) verdict = NULL;
    CAPSA_TRY(capsa_verdict_json(&report->verdict, &verdict));
    struct capsa_json *certificate = capsa_json_new_null();
    if (report->form != CAPSA_RATLS_NONE) {
        capsa_json_free(certificate);
        CAPSA_TRY(certificate_of(report, &certificate));
    }
    CAPSA_TRY(capsa_json_set(verdict, "certificate", certificate));
    *ret_json = verdict;
    verdict = NULL;
    return CAPSA_OK;
}
