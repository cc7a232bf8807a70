/* SPDX-License-Identifier: Apache-2.0
 *
 * Showing collateral (collateral_show.h). Nothing here is verified, and what cannot be read is
 * shown as that: this is where people look when a verifier has refused.
 */
#include "evidence/collateral_show.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/reader.h"
#include "base/time.h"
#include "crypto/crypto_pki.h"
#include "evidence/collateral_internal.h"
#include "evidence/evidence_csv.h"

static capsa_result set_text(struct capsa_json *object, const char *name, const char *text)
{
    return capsa_json_set(object, name, capsa_json_new_string(text));
}

static capsa_result set_size(struct capsa_json *object, const char *name, size_t size)
{
    return capsa_json_set(object, name, capsa_json_new_int((int64_t)size));
}

static capsa_result set_time(struct capsa_json *object, const char *name, capsa_time time)
{
    char text[CAPSA_TIME_TEXT];
    capsa_time_text(time, text);
    return set_text(object, name, text);
}

static capsa_result set_taken(struct capsa_json *object, const char *name, struct capsa_json **from)
{
    struct capsa_json *taken = *from;
    *from = NULL;
    return capsa_json_set(object, name, taken);
}

/* ---- Signed JSON ----------------------------------------------------------------------------- */

static capsa_result show_signed(capsa_bytes text, struct capsa_json *object)
{
    static const char *const members[] = {"id",         "version",  "issueDate",
                                          "nextUpdate", "fmspc",    "pceId",
                                          "tcbType",    "mrsigner", "tcbEvaluationDataNumber"};
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_json_parse(text, &json));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const struct capsa_json *value = capsa_json_get(json, members[i]);
        if (value != NULL) {
            CAPSA_TRY(capsa_json_set(object, members[i], capsa_json_copy(value)));
        }
    }
    return set_size(object, "levels", capsa_json_count(capsa_json_get(json, "tcbLevels")));
}

static capsa_result show_signature(capsa_bytes bytes, struct capsa_json *object)
{
    return set_size(object, "size", bytes.len);
}

/* ---- Certificates and lists ------------------------------------------------------------------ */

static capsa_result show_cert(const struct capsa_cert *cert, struct capsa_json **ret_json)
{
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    char name[CAPSA_COMMON_NAME];
    capsa_time from;
    capsa_time to;
    bool is_named = !capsa_failed(capsa_cert_subject_name(cert, name));
    CAPSA_TRY(set_text(object, "subject", is_named ? name : "(no common name)"));
    is_named = !capsa_failed(capsa_cert_issuer_name(cert, name));
    CAPSA_TRY(set_text(object, "issuer", is_named ? name : "(no common name)"));
    capsa_cert_validity(cert, &from, &to);
    CAPSA_TRY(set_time(object, "not_before", from));
    CAPSA_TRY(set_time(object, "not_after", to));
    *ret_json = object;
    object = NULL;
    return CAPSA_OK;
}

static capsa_result show_chain(capsa_bytes bytes, struct capsa_json *object)
{
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY(capsa_certs_parse(bytes, &chain));
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t i = 0; i < chain.count; i++) {
        struct capsa_json *cert = NULL;
        CAPSA_TRY(show_cert(chain.certs[i], &cert));
        CAPSA_TRY(capsa_json_push(list, cert));
    }
    return set_taken(object, "certificates", &list);
}

static capsa_result show_crl(capsa_bytes bytes, struct capsa_json *object)
{
    CAPSA_AUTO_FREE(capsa_crl) crl = NULL;
    capsa_time this_update;
    capsa_time next_update;
    CAPSA_TRY(capsa_crl_parse(bytes, &crl));
    capsa_crl_validity(crl, &this_update, &next_update);
    CAPSA_TRY(set_time(object, "this_update", this_update));
    if (next_update != 0) {
        CAPSA_TRY(set_time(object, "next_update", next_update));
    }
    return set_size(object, "entries", capsa_crl_count(crl));
}

/* ---- Hygon ----------------------------------------------------------------------------------- */

static capsa_result show_usage(struct capsa_json *object, uint32_t usage)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "0x%x", usage);
    return set_text(object, "usage", text);
}

static capsa_result show_hsk(capsa_bytes bytes, struct capsa_json *object)
{
    struct capsa_csv_root_cert cert;
    CAPSA_TRY(capsa_csv_root_cert_parse(bytes, &cert));
    return show_usage(object, cert.key_usage);
}

static capsa_result show_cek(capsa_bytes bytes, struct capsa_json *object)
{
    struct capsa_csv_cert cert;
    CAPSA_TRY(capsa_csv_cert_parse(bytes, &cert));
    return show_usage(object, cert.pubkey_usage);
}

/* ---- All ------------------------------------------------------------------------------------- */

#define SHOWN(member, show)                                                                        \
    {                                                                                              \
        offsetof(capsa_collateral, member), show                                                   \
    }
static const struct {
    size_t offset;
    capsa_result (*show)(capsa_bytes bytes, struct capsa_json *object);
} printers[] = {
    SHOWN(pck_certificate_chain, show_chain),
    SHOWN(pck_crl_issuer_chain, show_chain),
    SHOWN(root_ca_crl, show_crl),
    SHOWN(pck_crl, show_crl),
    SHOWN(tcb_info_issuer_chain, show_chain),
    SHOWN(tcb_info, show_signed),
    SHOWN(tcb_info_signature, show_signature),
    SHOWN(qe_identity_issuer_chain, show_chain),
    SHOWN(qe_identity, show_signed),
    SHOWN(qe_identity_signature, show_signature),
    SHOWN(snp_leaf, show_chain),
    SHOWN(snp_ask, show_chain),
    SHOWN(snp_ark, show_chain),
    SHOWN(snp_crl, show_crl),
    SHOWN(csv_hsk, show_hsk),
    SHOWN(csv_cek, show_cek),
};

static capsa_result show_part(const struct capsa_collateral_part *part, capsa_bytes bytes,
                              struct capsa_json *object)
{
    CAPSA_AUTO_FREE(capsa_json) member = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(member);
    for (size_t i = 0; i < sizeof(printers) / sizeof(printers[0]); i++) {
        if (printers[i].offset != part->offset) {
            continue;
        }
        capsa_result shown = printers[i].show(bytes, member);
        CAPSA_TRY(capsa_code_of(shown) == CAPSA_E_NOMEM ? shown : CAPSA_OK);
        if (capsa_failed(shown)) {
            CAPSA_TRY(set_text(member, "error", capsa_text_of(shown)));
        }
    }
    return set_taken(object, part->name, &member);
}

CAPSA_RESULT capsa_collateral_show(const capsa_collateral *collateral, struct capsa_json **ret_json)
{
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    for (size_t i = 0; i < capsa_collateral_parts_count; i++) {
        const struct capsa_collateral_part *part = &capsa_collateral_parts[i];
        capsa_bytes bytes = capsa_collateral_part_bytes(collateral, part->offset);
        if (bytes.len > 0) {
            CAPSA_TRY(show_part(part, bytes, object));
        }
    }
    *ret_json = object;
    object = NULL;
    return CAPSA_OK;
}
