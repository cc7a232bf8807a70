/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral in files, as people and their tools keep it: told apart by content, and by name where
 * content cannot. In a folder lie other things too; what is known to be one of those is passed
 * over, and what is collateral but broken is an error, so that nothing is missed in silence.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "codec/der.h"
#include "crypto/crypto_pki.h"
#include "evidence/collateral_internal.h"
#include "evidence/evidence_csv.h"
#include "evidence/evidence_snp.h"

#define HSK_CEK_BYTES (CAPSA_CSV_ROOT_CERT_BYTES + CAPSA_CSV_CERT_BYTES)

bool capsa_collateral_stem_is(const char *name, const char *stem)
{
    return strncasecmp(name, stem, strlen(stem)) == 0 &&
           (name[strlen(stem)] == '.' || name[strlen(stem)] == '\0');
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* A C string of a tool may have lost its end only by its NULs. */
CAPSA_RESULT capsa_collateral_json(capsa_bytes text, struct capsa_json **ret_json)
{
    static const char *const padded[] = {"pck_crl_issuer_chain",
                                         "root_ca_crl",
                                         "pck_crl",
                                         "tcb_info_issuer_chain",
                                         "tcb_info",
                                         "qe_identity_issuer_chain",
                                         "qe_identity",
                                         "pck_certificate_chain",
                                         NULL};
    return capsa_json_parse_nul(text, padded, ret_json);
}

static capsa_result read_tcb_info(capsa_bytes text, capsa_collateral *ret)
{
    return capsa_collateral_signed("tcbInfo", text, &ret->tcb_info, &ret->tcb_info_signature);
}

static capsa_result read_identity(capsa_bytes text, capsa_collateral *ret)
{
    return capsa_collateral_signed("enclaveIdentity", text, &ret->qe_identity,
                                   &ret->qe_identity_signature);
}

/* The first member that is there decides. Of names that other JSON may well have, such as version
 * or tcb_info, none does. */
static const struct {
    const char *member;
    capsa_result (*of_object)(const struct capsa_json *object, capsa_collateral *ret);
    capsa_result (*of_text)(capsa_bytes text, capsa_collateral *ret);
} json_forms[] = {
    {"json_report", capsa_ual_collateral, NULL},
    {"str_tee_platform", capsa_ual_collateral, NULL},
    {"tcb_info_signature", capsa_collateral_parse_v3, NULL},
    {"qe_identity_signature", capsa_collateral_parse_v3, NULL},
    {"tcb_info_issuer_chain", capsa_collateral_parse_qvl, NULL},
    {"qe_identity_issuer_chain", capsa_collateral_parse_qvl, NULL},
    {"pck_crl", capsa_collateral_parse_qvl, NULL},
    {"root_ca_crl", capsa_collateral_parse_qvl, NULL},
    {"b64_hsk_cert", capsa_collateral_parse_csv, NULL},
    {"b64_cek_cert", capsa_collateral_parse_csv, NULL},
    {"b64_vcek", capsa_collateral_parse_snp, NULL},
    {"b64_vlek", capsa_collateral_parse_snp, NULL},
    {"b64_ask", capsa_collateral_parse_snp, NULL},
    {"b64_ark", capsa_collateral_parse_snp, NULL},
    {"tcbInfo", NULL, read_tcb_info},
    {"enclaveIdentity", NULL, read_identity},
};

static capsa_result read_json(const char *name, capsa_bytes bytes, capsa_collateral *ret,
                              const char **ret_why)
{
    (void)name;
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_collateral_json(bytes, &json));
    *ret_why = NULL;
    for (size_t i = 0; i < sizeof(json_forms) / sizeof(json_forms[0]); i++) {
        if (capsa_json_get(json, json_forms[i].member) == NULL) {
            continue;
        }
        CAPSA_TRY(json_forms[i].of_object != NULL ? json_forms[i].of_object(json, ret)
                                                  : json_forms[i].of_text(bytes, ret));
        *ret_why = capsa_collateral_is_empty(ret) ? "a report that ships no collateral" : NULL;
        return CAPSA_OK;
    }
    *ret_why = "JSON that is none of the forms of collateral";
    return CAPSA_OK;
}

/* ---- Hygon ----------------------------------------------------------------------------------- */

static uint32_t key_usage(capsa_bytes cert, size_t offset)
{
    struct capsa_reader reader = capsa_reader_of(capsa_bytes_from(cert, offset));
    uint32_t usage = UINT32_MAX;
    capsa_ignore(capsa_read_le32(&reader, &usage), "too short is no usage");
    return usage;
}

#define ROOT_CERT_USAGE_AT 36
#define CERT_USAGE_AT      8

/* HSK, CEK, or both one behind the other, as Hygon serves them. A file that its name calls one of
 * them has to be as long as one, and whether it says so itself is for the verifier. */
static capsa_result read_hygon(const char *name, capsa_bytes bytes, capsa_collateral *ret,
                               const char **ret_why)
{
    bool is_hsk = capsa_collateral_stem_is(name, "hsk");
    bool is_cek = capsa_collateral_stem_is(name, "cek");
    bool is_hrk = capsa_collateral_stem_is(name, "hrk") ||
                  (bytes.len == CAPSA_CSV_ROOT_CERT_BYTES && !is_hsk &&
                   key_usage(bytes, ROOT_CERT_USAGE_AT) == CAPSA_CSV_USAGE_HRK);
    *ret_why = is_hrk ? "a root (HRK), which is never collateral (--root)" : NULL;
    if (is_hrk) {
        return CAPSA_OK;
    }
    size_t wanted = is_hsk ? CAPSA_CSV_ROOT_CERT_BYTES : is_cek ? CAPSA_CSV_CERT_BYTES : bytes.len;
    CAPSA_REQUIRE(bytes.len == wanted, MALFORMED, "a certificate of %zu bytes wanted, got %zu",
                  wanted, bytes.len);
    bool is_both = bytes.len == HSK_CEK_BYTES;
    if (bytes.len == CAPSA_CSV_ROOT_CERT_BYTES || is_both) {
        CAPSA_TRY(
            capsa_buf_append(&ret->csv_hsk, capsa_bytes_of(bytes.data, CAPSA_CSV_ROOT_CERT_BYTES)));
    }
    if (bytes.len == CAPSA_CSV_CERT_BYTES || is_both) {
        CAPSA_TRY(capsa_buf_append(
            &ret->csv_cek,
            capsa_bytes_from(bytes, is_both ? (size_t)CAPSA_CSV_ROOT_CERT_BYTES : 0)));
    }
    return CAPSA_OK;
}

static bool is_hygon(const char *name, capsa_bytes bytes)
{
    uint32_t root_usage = key_usage(bytes, ROOT_CERT_USAGE_AT);
    bool is_named = capsa_collateral_stem_is(name, "hsk") ||
                    capsa_collateral_stem_is(name, "cek") || capsa_collateral_stem_is(name, "hrk");
    return is_named ||
           ((bytes.len == CAPSA_CSV_ROOT_CERT_BYTES || bytes.len == HSK_CEK_BYTES) &&
            (root_usage == CAPSA_CSV_USAGE_HSK || root_usage == CAPSA_CSV_USAGE_HRK)) ||
           (bytes.len == CAPSA_CSV_CERT_BYTES &&
            key_usage(bytes, CERT_USAGE_AT) == CAPSA_CSV_USAGE_CEK);
}

/* ---- AMD's certificate table ----------------------------------------------------------------- */

static capsa_result read_amd_part(capsa_bytes bytes, capsa_collateral *ret)
{
    if (bytes.len == 0) {
        return CAPSA_OK;
    }
    const char *why;
    CAPSA_AUTO(capsa_collateral) part;
    capsa_collateral_init(&part);
    CAPSA_TRY(capsa_collateral_certs("", bytes, &part, &why));
    CAPSA_REQUIRE(why == NULL, MALFORMED, "%s", why);
    return capsa_collateral_take(ret, &part);
}

static capsa_result read_amd_table(const char *name, capsa_bytes bytes, capsa_collateral *ret,
                                   const char **ret_why)
{
    (void)name;
    struct capsa_snp_certs certs;
    CAPSA_TRY(capsa_snp_certs_parse(bytes, &certs));
    CAPSA_REQUIRE(certs.vcek.len == 0 || certs.vlek.len == 0, UNSUPPORTED,
                  "a table with a VCEK and a VLEK: which of them signed is not known here");
    CAPSA_TRY_AT(read_amd_part(certs.vcek, ret), "VCEK");
    CAPSA_TRY_AT(read_amd_part(certs.vlek, ret), "VLEK");
    CAPSA_TRY_AT(read_amd_part(certs.ask, ret), "ASK");
    CAPSA_TRY_AT(read_amd_part(certs.ark, ret), "ARK");
    if (certs.crl.len > 0) {
        CAPSA_TRY_AT(capsa_collateral_crl_file(certs.crl, ret), "CRL");
    }
    *ret_why = NULL;
    return CAPSA_OK;
}

static bool is_amd_table(const char *name, capsa_bytes bytes)
{
    (void)name;
    struct capsa_snp_certs certs;
    return !capsa_failed(capsa_snp_certs_parse(bytes, &certs)) &&
           certs.vcek.len + certs.vlek.len + certs.ask.len + certs.ark.len + certs.crl.len > 0;
}

/* ---- Certificates and lists ------------------------------------------------------------------ */

static capsa_result read_crl(const char *name, capsa_bytes bytes, capsa_collateral *ret,
                             const char **ret_why)
{
    (void)name;
    *ret_why = NULL;
    return capsa_collateral_crl_file(bytes, ret);
}

static bool is_crl(const char *name, capsa_bytes bytes)
{
    (void)name;
    return capsa_collateral_is_pem(bytes, "X509 CRL") ||
           capsa_collateral_is_hex(capsa_collateral_trimmed(bytes));
}

/* A SEQUENCE whose length takes two bytes or more: what every certificate and list begins with. */
static bool is_der(const char *name, capsa_bytes bytes)
{
    (void)name;
    return bytes.len >= 2 && bytes.data[0] == CAPSA_DER_SEQUENCE && bytes.data[1] >= 0x81 &&
           bytes.data[1] <= 0x84;
}

static capsa_result read_der(const char *name, capsa_bytes bytes, capsa_collateral *ret,
                             const char **ret_why)
{
    CAPSA_AUTO(capsa_collateral) tried;
    capsa_collateral_init(&tried);
    capsa_result read = capsa_collateral_crl_file(bytes, &tried);
    CAPSA_TRY(capsa_code_of(read) == CAPSA_E_NOMEM ? read : CAPSA_OK);
    if (!capsa_failed(read)) {
        *ret_why = NULL;
        return capsa_collateral_take(ret, &tried);
    }
    return capsa_collateral_certs(name, bytes, ret, ret_why);
}

/* ---- Any file -------------------------------------------------------------------------------- */

static bool is_json(const char *name, capsa_bytes bytes)
{
    (void)name;
    capsa_bytes trimmed = capsa_collateral_trimmed(bytes);
    return trimmed.len > 0 && trimmed.data[0] == '{';
}

/* Where memory ran out, whoever reads it next says so. */
static bool may_be_der_crl(capsa_bytes bytes)
{
    CAPSA_AUTO_FREE(capsa_crl) crl = NULL;
    capsa_result parsed = capsa_crl_parse(bytes, &crl);
    return !capsa_failed(parsed) || capsa_code_of(parsed) == CAPSA_E_NOMEM;
}

/* Roots that are given with --root, and evidence: by the names that people give them. A root's
 * revocation list is neither. */
static bool is_beside(const char *name, capsa_bytes bytes)
{
    static const char *const stems[] = {"trusted_root", "root", "quote", "report"};
    for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++) {
        if (capsa_collateral_stem_is(name, stems[i])) {
            return !capsa_collateral_is_pem(bytes, "X509 CRL") && !may_be_der_crl(bytes);
        }
    }
    return false;
}

static capsa_result read_beside(const char *name, capsa_bytes bytes, capsa_collateral *ret,
                                const char **ret_why)
{
    (void)name;
    (void)bytes;
    (void)ret;
    *ret_why = "by its name a root or evidence";
    return CAPSA_OK;
}

static const struct {
    bool (*is)(const char *name, capsa_bytes bytes);
    capsa_result (*read)(const char *name, capsa_bytes bytes, capsa_collateral *ret,
                         const char **ret_why);
} file_forms[] = {
    {is_json, read_json},
    {is_beside, read_beside},
    {is_hygon, read_hygon},
    {capsa_collateral_is_cert, capsa_collateral_certs},
    {is_crl, read_crl},
    {is_der, read_der},
    {is_amd_table, read_amd_table},
};

static capsa_result take_one(const char *name, capsa_bytes bytes, capsa_collateral *ret_collateral,
                             const char **ret_why)
{
    CAPSA_REQUIRE(bytes.len <= CAPSA_LIMIT_collateral_file, TOO_LARGE, "over %d bytes",
                  CAPSA_LIMIT_collateral_file);
    *ret_why = "of none of the forms of collateral";
    for (size_t i = 0; i < sizeof(file_forms) / sizeof(file_forms[0]); i++) {
        if (file_forms[i].is(name, bytes)) {
            return file_forms[i].read(name, bytes, ret_collateral, ret_why);
        }
    }
    return CAPSA_OK;
}

/* `must`: what is no collateral is an error. */
static capsa_result add_file(capsa_collateral *collateral, const char *name, capsa_bytes bytes,
                             bool must)
{
    CAPSA_AUTO(capsa_collateral) found;
    capsa_collateral_init(&found);
    const char *why = NULL;
    CAPSA_TRY_AT(take_one(name, bytes, &found, &why), "%s", name);
    CAPSA_REQUIRE(why == NULL || !must, MALFORMED, "%s: %s", name, why);
    CAPSA_TRY_AT(capsa_collateral_take(collateral, &found), "%s", name);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_add(capsa_collateral *collateral, const char *name, capsa_bytes bytes)
{
    return add_file(collateral, name, bytes, true);
}

CAPSA_RESULT capsa_collateral_add_any(capsa_collateral *collateral, const char *name,
                                      capsa_bytes bytes)
{
    return add_file(collateral, name, bytes, false);
}

/* ---- Paths ----------------------------------------------------------------------------------- */

typedef struct listing {
    char *names[CAPSA_LIMIT_collateral_files];
    size_t count;
} listing;

static void listing_drop(listing *list)
{
    while (list->count > 0) {
        capsa_dealloc(list->names[--list->count]);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static capsa_result list_name(listing *list, const char *name)
{
    if (name[0] == '.') {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(list->count < CAPSA_LIMIT_collateral_files, TOO_LARGE,
                  "a folder with more than %d files", CAPSA_LIMIT_collateral_files);
    char *copy = capsa_strdup(name);
    CAPSA_REQUIRE_MEMORY(copy);
    list->names[list->count++] = copy;
    return CAPSA_OK;
}

static capsa_result list_folder(const char *path, listing *list)
{
    DIR *folder = opendir(path);
    CAPSA_REQUIRE(folder != NULL, IO, "cannot open: %s", strerror(errno));
    capsa_result result = CAPSA_OK;
    for (const struct dirent *entry = readdir(folder); entry != NULL && !capsa_failed(result);
         entry = readdir(folder)) {
        result = list_name(list, entry->d_name);
    }
    (void)closedir(folder);
    CAPSA_TRY(result);
    qsort(list->names, list->count, sizeof(list->names[0]), by_name);
    return CAPSA_OK;
}

static capsa_result load_file(const char *path, const char *name, bool must,
                              capsa_collateral *collateral)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(CAPSA_LIMIT_collateral_file);
    CAPSA_TRY(capsa_file_read(path, &content));
    return add_file(collateral, name, capsa_buf_bytes(&content), must);
}

static capsa_result load_entry(const char *folder, const char *name, capsa_collateral *collateral)
{
    char path[PATH_MAX];
    struct stat status;
    int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
    CAPSA_REQUIRE(len > 0 && (size_t)len < sizeof(path), MALFORMED, "%.64s: too long a name", name);
    CAPSA_REQUIRE(stat(path, &status) == 0, IO, "%s: %s", name, strerror(errno));
    return S_ISREG(status.st_mode) ? load_file(path, name, false, collateral) : CAPSA_OK;
}

static capsa_result load_folder(const char *path, capsa_collateral *collateral)
{
    CAPSA_AUTO(listing) list = {.count = 0};
    CAPSA_TRY(list_folder(path, &list));
    for (size_t i = 0; i < list.count; i++) {
        CAPSA_TRY(load_entry(path, list.names[i], collateral));
    }
    CAPSA_REQUIRE(!capsa_collateral_is_empty(collateral), NOT_FOUND, "no collateral lies in it");
    return CAPSA_OK;
}

/* What was read before a failure stays with neither: it is put into `collateral` at the end. */
CAPSA_RESULT capsa_collateral_load(const char *path, capsa_collateral *collateral)
{
    CAPSA_AUTO(capsa_collateral) found;
    capsa_collateral_init(&found);
    struct stat status;
    bool is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (is_folder) {
        CAPSA_TRY_AT(load_folder(path, &found), "%s", path);
    } else {
        const char *slash = strrchr(path, '/');
        CAPSA_TRY(load_file(path, slash == NULL ? path : slash + 1, true, &found));
    }
    CAPSA_TRY_AT(capsa_collateral_take(collateral, &found), "%s", path);
    return CAPSA_OK;
}
