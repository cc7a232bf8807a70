/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral as JSON objects: (a) QuoteCollateralV3, (b) SgxQlQveCollateral, and the base64
 * certificates of CSV and SNP reports. A form is a table: which member is which part, and how its
 * text is read and written.
 */
#include "base/limits.h"
#include "codec/text.h"
#include "crypto/crypto_pki.h"
#include "evidence/collateral_internal.h"

struct member {
    const char *name; /* NULL ends a form */
    size_t part;      /* offset in capsa_collateral */
    capsa_result (*read)(const struct member *member, capsa_bytes text, capsa_collateral *ret);
    capsa_result (*write)(const struct member *member, const capsa_collateral *collateral,
                          capsa_buf *ret_text);
    const char *inner; /* what is signed, in an envelope */
    size_t signature;  /* where its signature goes */
    bool may_lack;
};

/* ---- Reading one member ---------------------------------------------------------------------- */

static capsa_result read_text(const struct member *member, capsa_bytes text, capsa_collateral *ret)
{
    CAPSA_REQUIRE(capsa_bytes_find(text, 0) == text.len, MALFORMED, "%s: a NUL in the text",
                  member->name);
    CAPSA_TRY_AT(capsa_buf_append(capsa_collateral_part_at(ret, member->part), text), "%s",
                 member->name);
    return CAPSA_OK;
}

/* DER in a JSON string is one character a byte. PEM and hex stay as they are by the same reading.
 */
static capsa_result bytes_of_characters(const char *name, capsa_bytes text, capsa_buf *ret_bytes)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned byte = text.data[i];
        if (byte >=
            0x80) { /* UTF-8, as the JSON reader has made sure: U+0080 to U+00FF are C2, C3 */
            CAPSA_REQUIRE(byte <= 0xC3 && i + 1 < text.len, MALFORMED,
                          "%s: a revocation list as PEM, hex or DER wanted", name);
            byte = ((byte & 3U) << 6) | (text.data[++i] & 0x3FU);
        }
        CAPSA_TRY_AT(capsa_buf_u8(ret_bytes, (uint8_t)byte), "%s", name);
    }
    return CAPSA_OK;
}

static capsa_result read_crl(const struct member *member, capsa_bytes text, capsa_collateral *ret)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of((size_t)CAPSA_LIMIT_collateral_crl * 2);
    CAPSA_TRY(bytes_of_characters(member->name, text, &bytes));
    return capsa_collateral_crl(member->name, capsa_buf_bytes(&bytes),
                                capsa_collateral_part_at(ret, member->part));
}

static capsa_result read_signature(const struct member *member, capsa_bytes text,
                                   capsa_collateral *ret)
{
    CAPSA_REQUIRE(text.len == (size_t)CAPSA_COLLATERAL_SIGNATURE * 2, MALFORMED,
                  "%s: %d hex digits wanted, got %zu characters", member->name,
                  CAPSA_COLLATERAL_SIGNATURE * 2, text.len);
    CAPSA_TRY_AT(capsa_hex_parse(text, capsa_collateral_part_at(ret, member->part)), "%s",
                 member->name);
    return CAPSA_OK;
}

static capsa_result read_envelope(const struct member *member, capsa_bytes text,
                                  capsa_collateral *ret)
{
    CAPSA_TRY_AT(capsa_collateral_signed(member->inner, text,
                                         capsa_collateral_part_at(ret, member->part),
                                         capsa_collateral_part_at(ret, member->signature)),
                 "%s", member->name);
    return CAPSA_OK;
}

static capsa_result read_base64(const struct member *member, capsa_bytes text,
                                capsa_collateral *ret)
{
    CAPSA_REQUIRE(capsa_bytes_find(text, 0) == text.len, MALFORMED, "%s: a NUL in the text",
                  member->name);
    CAPSA_AUTO(capsa_buf) copy = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    const char *base64;
    CAPSA_TRY(capsa_buf_append(&copy, text));
    CAPSA_TRY(capsa_buf_cstr(&copy, &base64));
    return capsa_collateral_base64(member->name, base64,
                                   capsa_collateral_part_at(ret, member->part));
}

/* Hygon's certificates have one length each, which is the limit of their part. */
static capsa_result read_base64_whole(const struct member *member, capsa_bytes text,
                                      capsa_collateral *ret)
{
    CAPSA_TRY(read_base64(member, text, ret));
    const capsa_buf *part = capsa_collateral_part_at(ret, member->part);
    CAPSA_REQUIRE(part->len == part->max, MALFORMED, "%s: %zu bytes wanted, got %zu", member->name,
                  part->max, part->len);
    return CAPSA_OK;
}

/* ---- Writing one member ---------------------------------------------------------------------- */

static capsa_result write_text(const struct member *member, const capsa_collateral *collateral,
                               capsa_buf *ret_text)
{
    capsa_bytes text = capsa_collateral_part_bytes(collateral, member->part);
    CAPSA_TRY_AT(capsa_utf8_check(text), "%s", member->name);
    return capsa_buf_append(ret_text, text);
}

static capsa_result write_hex(const struct member *member, const capsa_collateral *collateral,
                              capsa_buf *ret_text)
{
    return capsa_hex_write(capsa_collateral_part_bytes(collateral, member->part), ret_text);
}

static capsa_result write_base64(const struct member *member, const capsa_collateral *collateral,
                                 capsa_buf *ret_text)
{
    return capsa_base64_write(capsa_collateral_part_bytes(collateral, member->part),
                              CAPSA_BASE64_STD, ret_text);
}

static capsa_result write_envelope(const struct member *member, const capsa_collateral *collateral,
                                   capsa_buf *ret_text)
{
    return capsa_collateral_envelope(
        member->inner, capsa_collateral_part_bytes(collateral, member->part),
        capsa_collateral_part_bytes(collateral, member->signature), ret_text);
}

/* ---- The forms ------------------------------------------------------------------------------- */

#define AT(member) offsetof(capsa_collateral, member)
#define TEXT(name)                                                                                 \
    {                                                                                              \
#name, AT(name), read_text, write_text, NULL, 0, false                                     \
    }
#define CRL(name)                                                                                  \
    {                                                                                              \
#name, AT(name), read_crl, write_hex, NULL, 0, false                                       \
    }
#define SIGNATURE(name)                                                                            \
    {                                                                                              \
#name, AT(name), read_signature, write_hex, NULL, 0, false                                 \
    }
#define ENVELOPE(name, inner)                                                                      \
    {                                                                                              \
#name, AT(name), read_envelope, write_envelope, inner, AT(name##_signature), false         \
    }
#define BASE64(name, part, may_lack)                                                               \
    {                                                                                              \
        name, AT(part), read_base64, write_base64, NULL, 0, may_lack                               \
    }

static const struct member form_v3[] = {
    TEXT(pck_crl_issuer_chain),
    CRL(root_ca_crl),
    CRL(pck_crl),
    TEXT(tcb_info_issuer_chain),
    TEXT(tcb_info),
    SIGNATURE(tcb_info_signature),
    TEXT(qe_identity_issuer_chain),
    TEXT(qe_identity),
    SIGNATURE(qe_identity_signature),
    {"pck_certificate_chain", AT(pck_certificate_chain), read_text, write_text, NULL, 0, true},
    {.name = NULL},
};

/* version and tee_type stand beside these. */
static const struct member form_qvl[] = {
    TEXT(pck_crl_issuer_chain),
    CRL(root_ca_crl),
    CRL(pck_crl),
    TEXT(tcb_info_issuer_chain),
    ENVELOPE(tcb_info, "tcbInfo"),
    TEXT(qe_identity_issuer_chain),
    ENVELOPE(qe_identity, "enclaveIdentity"),
    {.name = NULL},
};

static const struct member form_csv[] = {
    {"b64_hsk_cert", AT(csv_hsk), read_base64_whole, write_base64, NULL, 0, false},
    {"b64_cek_cert", AT(csv_cek), read_base64_whole, write_base64, NULL, 0, false},
    {.name = NULL},
};

/* The leaf has two names, by the key that it certifies. */
static const struct member form_snp_vcek[] = {
    BASE64("b64_vcek", snp_leaf, false),
    BASE64("b64_ask", snp_ask, false),
    BASE64("b64_ark", snp_ark, false),
    BASE64("b64_crl", snp_crl, true),
    {.name = NULL},
};
static const struct member form_snp_vlek[] = {
    BASE64("b64_vlek", snp_leaf, false),
    BASE64("b64_ask", snp_ask, false),
    BASE64("b64_ark", snp_ark, false),
    BASE64("b64_crl", snp_crl, true),
    {.name = NULL},
};

#define FORM_MEMBERS 16

/* ---- Whole objects --------------------------------------------------------------------------- */

static capsa_result check_names(const char *what, const struct capsa_json *object,
                                const struct member *form, const char *const *more)
{
    CAPSA_REQUIRE(capsa_json_kind_of(object) == CAPSA_JSON_OBJECT, MALFORMED,
                  "%s: an object wanted, got %s", what,
                  capsa_json_kind_name(capsa_json_kind_of(object)));
    const char *names[FORM_MEMBERS] = {NULL};
    size_t count = 0;
    for (; more != NULL && *more != NULL; more++) {
        names[count++] = *more;
    }
    for (; form->name != NULL; form++) {
        names[count++] = form->name;
    }
    return capsa_collateral_members(what, object, names);
}

static capsa_result read_members(const struct capsa_json *object, const struct member *form,
                                 capsa_collateral *collateral)
{
    for (; form->name != NULL; form++) {
        const struct capsa_json *value = capsa_json_get(object, form->name);
        enum capsa_json_kind kind = capsa_json_kind_of(value);
        CAPSA_REQUIRE(kind == CAPSA_JSON_STRING || kind == CAPSA_JSON_NULL, MALFORMED,
                      "%s: a string wanted, got %s", form->name, capsa_json_kind_name(kind));
        capsa_bytes text = capsa_json_bytes(value);
        text =
            form->read == read_crl ? text : capsa_collateral_unended(text); /* DER may end in 0 */
        if (text.len > 0) {
            CAPSA_TRY(form->read(form, text, collateral));
        }
    }
    CAPSA_REQUIRE(!capsa_collateral_is_empty(collateral), MALFORMED, "nothing is in it");
    return CAPSA_OK;
}

static capsa_result read_form(const char *what, const struct capsa_json *object,
                              const struct member *form, capsa_collateral *ret_collateral)
{
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    CAPSA_TRY_AT(read_members(object, form, &collateral), "%s", what);
    *ret_collateral = collateral;
    capsa_collateral_init(&collateral);
    return CAPSA_OK;
}

static capsa_result write_member(const struct member *member, const capsa_collateral *collateral,
                                 struct capsa_json *object)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(member->write(member, collateral, &text));
    const char *string;
    CAPSA_TRY(capsa_buf_cstr(&text, &string));
    return capsa_json_set(object, member->name, capsa_json_new_string(string));
}

static capsa_result write_members(const char *what, const struct member *form,
                                  const capsa_collateral *collateral, struct capsa_json *object)
{
    for (; form->name != NULL; form++) {
        bool is_there = capsa_collateral_part_bytes(collateral, form->part).len > 0 &&
                        (form->inner == NULL ||
                         capsa_collateral_part_bytes(collateral, form->signature).len > 0);
        CAPSA_REQUIRE(is_there || form->may_lack, MALFORMED,
                      "%s: not to be written, the collateral lacks %s", what, form->name);
        if (is_there) {
            CAPSA_TRY_AT(write_member(form, collateral, object), "%s", what);
        }
    }
    return CAPSA_OK;
}

static capsa_result write_form(const char *what, const struct member *form,
                               const capsa_collateral *collateral, struct capsa_json **ret_json)
{
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(write_members(what, form, collateral, object));
    *ret_json = object;
    object = NULL;
    return CAPSA_OK;
}

/* ---- QuoteCollateralV3 ----------------------------------------------------------------------- */

CAPSA_RESULT capsa_collateral_parse_v3(const struct capsa_json *object,
                                       capsa_collateral *ret_collateral)
{
    CAPSA_TRY(check_names("QuoteCollateralV3", object, form_v3, NULL));
    return read_form("QuoteCollateralV3", object, form_v3, ret_collateral);
}

CAPSA_RESULT capsa_collateral_write_v3(const capsa_collateral *collateral,
                                       struct capsa_json **ret_json)
{
    return write_form("QuoteCollateralV3", form_v3, collateral, ret_json);
}

/* ---- SgxQlQveCollateral ---------------------------------------------------------------------- */

#define TEE_TYPE_TDX 0x81

/* An int64 of protobuf JSON: a number, or its decimal digits as a string. */
static capsa_result read_number(const char *name, const struct capsa_json *value,
                                int64_t *ret_number)
{
    if (capsa_json_kind_of(value) == CAPSA_JSON_INT) {
        *ret_number = capsa_json_int(value);
        return CAPSA_OK;
    }
    capsa_bytes text = capsa_json_bytes(value);
    CAPSA_REQUIRE(text.len > 0 && text.len <= 10, MALFORMED,
                  "SgxQlQveCollateral: %s: a whole number wanted", name);
    int64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        CAPSA_REQUIRE(text.data[i] >= '0' && text.data[i] <= '9', MALFORMED,
                      "SgxQlQveCollateral: %s: a whole number wanted", name);
        number = number * 10 + (text.data[i] - '0');
    }
    *ret_number = number;
    return CAPSA_OK;
}

/* What they say is not signed, and decides nothing: other values are of a form not known here. */
static capsa_result check_numbers(const struct capsa_json *object)
{
    int64_t version = 0;
    int64_t tee_type = 0;
    CAPSA_TRY(read_number("version", capsa_json_get(object, "version"), &version));
    int64_t major = version & 0xFFFF;
    CAPSA_REQUIRE(
        version > 0 && version >> 16 <= 1 && (major == 1 || major == 3 || major == 4), UNSUPPORTED,
        "SgxQlQveCollateral: version: 1, 3, 3.1 (65539) or 4 wanted, got %lld", (long long)version);
    const struct capsa_json *given = capsa_json_get(object, "tee_type");
    if (capsa_json_kind_of(given) != CAPSA_JSON_NULL) {
        CAPSA_TRY(read_number("tee_type", given, &tee_type));
    }
    CAPSA_REQUIRE(tee_type == 0 || tee_type == TEE_TYPE_TDX, UNSUPPORTED,
                  "SgxQlQveCollateral: tee_type: 0 or %d wanted, got %lld", TEE_TYPE_TDX,
                  (long long)tee_type);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_parse_qvl(const struct capsa_json *object,
                                        capsa_collateral *ret_collateral)
{
    static const char *const numbers[] = {"version", "tee_type", NULL};
    CAPSA_TRY(check_names("SgxQlQveCollateral", object, form_qvl, numbers));
    CAPSA_TRY(check_numbers(object));
    return read_form("SgxQlQveCollateral", object, form_qvl, ret_collateral);
}

/* Revocation lists are written as hex, which is version 3. */
CAPSA_RESULT capsa_collateral_write_qvl(const capsa_collateral *collateral,
                                        enum capsa_platform platform, struct capsa_json **ret_json)
{
    CAPSA_REQUIRE(platform == CAPSA_PLATFORM_SGX || platform == CAPSA_PLATFORM_TDX, UNSUPPORTED,
                  "SgxQlQveCollateral is for Intel SGX and TDX, not for %s",
                  capsa_platform_what(platform));
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(capsa_json_set(object, "version", capsa_json_new_string("3")));
    CAPSA_TRY(write_members("SgxQlQveCollateral", form_qvl, collateral, object));
    const char *tee_type = platform == CAPSA_PLATFORM_TDX ? "129" : "0";
    CAPSA_TRY(capsa_json_set(object, "tee_type", capsa_json_new_string(tee_type)));
    *ret_json = object;
    object = NULL;
    return CAPSA_OK;
}

/* ---- Hygon and AMD --------------------------------------------------------------------------- */

CAPSA_RESULT capsa_collateral_parse_csv(const struct capsa_json *object,
                                        capsa_collateral *ret_collateral)
{
    CAPSA_TRY(check_names("CSV certificates", object, form_csv, NULL));
    return read_form("CSV certificates", object, form_csv, ret_collateral);
}

CAPSA_RESULT capsa_collateral_write_csv(const capsa_collateral *collateral,
                                        struct capsa_json **ret_json)
{
    return write_form("CSV certificates", form_csv, collateral, ret_json);
}

CAPSA_RESULT capsa_collateral_parse_snp(const struct capsa_json *object,
                                        capsa_collateral *ret_collateral)
{
    static const char *const vlek[] = {"b64_vlek", NULL};
    CAPSA_TRY(check_names("SNP certificates", object, form_snp_vcek, vlek));
    bool has_vlek = capsa_json_get(object, "b64_vlek") != NULL;
    CAPSA_REQUIRE(!has_vlek || capsa_json_get(object, "b64_vcek") == NULL, MALFORMED,
                  "SNP certificates: b64_vcek and b64_vlek, of which only one can be the leaf");
    return read_form("SNP certificates", object, has_vlek ? form_snp_vlek : form_snp_vcek,
                     ret_collateral);
}

/* A leaf that cannot be read is no VLEK, whatever else it is. */
static capsa_result find_vlek(capsa_bytes der, bool *ret_is_vlek)
{
    CAPSA_AUTO_FREE(capsa_cert) leaf = NULL;
    char name[CAPSA_COMMON_NAME] = "";
    capsa_result read = capsa_cert_parse_der(der, &leaf);
    read = capsa_failed(read) ? read : capsa_cert_subject_name(leaf, name);
    CAPSA_TRY(capsa_code_of(read) == CAPSA_E_NOMEM ? read : CAPSA_OK);
    *ret_is_vlek = !capsa_failed(read) && capsa_streq(name, "SEV-VLEK");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_write_snp(const capsa_collateral *collateral,
                                        struct capsa_json **ret_json)
{
    bool is_vlek = false;
    CAPSA_TRY(find_vlek(capsa_buf_bytes(&collateral->snp_leaf), &is_vlek));
    return write_form("SNP certificates", is_vlek ? form_snp_vlek : form_snp_vcek, collateral,
                      ret_json);
}
