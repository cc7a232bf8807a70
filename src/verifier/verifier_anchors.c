/* SPDX-License-Identifier: Apache-2.0
 *
 * Trust anchors: the vendors' as a compiled table, or one given by hand. X.509 roots are known by
 * the SHA-256 of their SubjectPublicKeyInfo, because more than one certificate is around for the
 * same key (Intel's); Hygon's root is its whole published certificate, made here of its values.
 */
#include "verifier/verifier.h"

#include <stdio.h>

#include "base/alloc.h"
#include "codec/text.h"
#include "crypto/crypto.h"
#include "evidence/evidence_csv.h"

#define ANCHORS_MAX 8

struct capsa_anchors {
    size_t count;
    struct capsa_anchor_key keys[ANCHORS_MAX];
    uint8_t digest[CAPSA_SHA256];
};

/* ---- The compiled table ------------------------------------------------------------------------
 */

/* id_ecPublicKey on prime256v1, then the uncompressed point of Intel's SGX root. */
#define INTEL_SPKI                                                                                 \
    "3059301306072a8648ce3d020106082a8648ce3d030107034200"                                         \
    "040ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5"                           \
    "67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394"

static const struct vendor_root {
    const char *id;
    enum capsa_platform platforms[2];
    enum capsa_snp_product product;
    const char *spki_sha256; /* of the root's DER SubjectPublicKeyInfo */
    const char *spki;        /* NULL: known by its digest alone */
} vendor_roots[] = {
    {"intel-sgx-root",
     {CAPSA_PLATFORM_SGX, CAPSA_PLATFORM_TDX},
     CAPSA_SNP_UNKNOWN,
     NULL,
     INTEL_SPKI},
    {"amd-ark-milan",
     {CAPSA_PLATFORM_SNP, CAPSA_PLATFORM_NONE},
     CAPSA_SNP_MILAN,
     "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9",
     NULL},
    {"amd-ark-genoa",
     {CAPSA_PLATFORM_SNP, CAPSA_PLATFORM_NONE},
     CAPSA_SNP_GENOA,
     "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831",
     NULL},
    {"amd-ark-turin",
     {CAPSA_PLATFORM_SNP, CAPSA_PLATFORM_NONE},
     CAPSA_SNP_TURIN,
     "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08",
     NULL},
};

/* What in Hygon's root certificate is not zero, by its offset. Numbers are little-endian. */
static const struct {
    size_t offset;
    const char *hex;
} hrk_values[] = {
    {0, "01000000"},                                                           /* version */
    {4, "3ae86a9701355cce333a589de21583d7"},                                   /* key id */
    {20, "3ae86a9701355cce333a589de21583d7"},                                  /* of its signer */
    {64, "03000000"},                                                          /* curve: SM2 */
    {68, "2df6c2921df2f52a501fcd85e73509c8753a5609db02d7f34cf1a4624de162be"},  /* x */
    {140, "46b91eb4684d74384788beb9100c644a38954e16978b4f581570bb573a12ab3b"}, /* y */
    {212, "0d004859474f4e2d5353442d48524b"},                                   /* its SM2 id */
    {576, "2965ffee8ce048a0cb8e0b3be6ceb758099433628df7e60847c8be40a4dab6b1"}, /* r */
    {648, "50d76be34fbb2b857c56a351f323d581ab542549c6a1c9b546d3798ede21438e"}, /* s */
};

static CAPSA_RESULT hex_into(const char *hex, uint8_t *out, size_t size, size_t *ret_len)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(size);
    CAPSA_TRY(capsa_hex_parse(capsa_bytes_str(hex), &bytes));
    memcpy(out, bytes.data, bytes.len);
    *ret_len = bytes.len;
    return CAPSA_OK;
}

static CAPSA_RESULT make_hrk(capsa_buf *hrk)
{
    uint8_t *room = NULL;
    CAPSA_TRY(capsa_buf_extend(hrk, CAPSA_CSV_ROOT_CERT_BYTES, &room));
    memset(room, 0, CAPSA_CSV_ROOT_CERT_BYTES);
    for (size_t i = 0; i < sizeof(hrk_values) / sizeof(hrk_values[0]); i++) {
        size_t len = 0;
        CAPSA_TRY(hex_into(hrk_values[i].hex, room + hrk_values[i].offset,
                           CAPSA_CSV_ROOT_CERT_BYTES - hrk_values[i].offset, &len));
    }
    return CAPSA_OK;
}

/* ---- Making ------------------------------------------------------------------------------------
 */

/* The next place of the table, begun. It counts only when the caller counts it. */
static struct capsa_anchor_key *begin(struct capsa_anchors *anchors, enum capsa_anchor_kind kind)
{
    struct capsa_anchor_key *key = &anchors->keys[anchors->count];
    key->kind = kind;
    key->spki = capsa_buf_of(KIB(4));
    key->hrk = capsa_buf_of(CAPSA_CSV_ROOT_CERT_BYTES);
    return key;
}

static void set_platforms(struct capsa_anchor_key *key, enum capsa_platform first,
                          enum capsa_platform second)
{
    key->platforms[0] = first;
    key->platforms[1] = second;
}

static CAPSA_RESULT add_vendor_root(struct capsa_anchors *anchors, const struct vendor_root *root)
{
    struct capsa_anchor_key *key = begin(anchors, CAPSA_ANCHOR_VENDOR);
    anchors->count++; /* from here on it is freed with the rest */
    (void)snprintf(key->id, sizeof(key->id), "%s", root->id);
    set_platforms(key, root->platforms[0], root->platforms[1]);
    key->product = root->product;
    if (root->spki != NULL) {
        CAPSA_TRY(capsa_hex_parse(capsa_bytes_str(root->spki), &key->spki));
        capsa_sha256(capsa_buf_bytes(&key->spki), key->spki_sha256);
        return CAPSA_OK;
    }
    size_t len = 0;
    CAPSA_TRY(hex_into(root->spki_sha256, key->spki_sha256, sizeof(key->spki_sha256), &len));
    CAPSA_REQUIRE(len == CAPSA_SHA256, INTERNAL, "the digest of %s has %zu bytes", root->id, len);
    return CAPSA_OK;
}

static CAPSA_RESULT add_hygon(struct capsa_anchors *anchors)
{
    struct capsa_anchor_key *key = begin(anchors, CAPSA_ANCHOR_VENDOR);
    anchors->count++;
    (void)snprintf(key->id, sizeof(key->id), "hygon-hrk");
    set_platforms(key, CAPSA_PLATFORM_CSV, CAPSA_PLATFORM_NONE);
    return make_hrk(&key->hrk);
}

static CAPSA_RESULT add_vendors(struct capsa_anchors *anchors)
{
    for (size_t i = 0; i < sizeof(vendor_roots) / sizeof(vendor_roots[0]); i++) {
        CAPSA_TRY(add_vendor_root(anchors, &vendor_roots[i]));
    }
    return add_hygon(anchors);
}

/* "custom:<sha256 of the certificate>" */
static CAPSA_RESULT name_given(struct capsa_anchor_key *key, const char *prefix, capsa_bytes whole)
{
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(whole, digest);
    CAPSA_AUTO(capsa_buf) id = capsa_buf_of(CAPSA_ANCHOR_TEXT);
    CAPSA_TRY(capsa_buf_str(&id, prefix));
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(digest, sizeof(digest)), &id));
    memcpy(key->id, id.data, id.len);
    key->id[id.len] = '\0';
    return CAPSA_OK;
}

/* The kind of key says which platforms' chains it can stand above. */
static CAPSA_RESULT fit_platforms(struct capsa_anchor_key *key, const struct capsa_public_key *root)
{
    static const struct {
        enum capsa_key_kind kind;
        enum capsa_platform platforms[2];
    } fits[] = {
        {CAPSA_KEY_P256, {CAPSA_PLATFORM_SGX, CAPSA_PLATFORM_TDX}},
        {CAPSA_KEY_RSA, {CAPSA_PLATFORM_SNP, CAPSA_PLATFORM_NONE}},
    };
    for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
        if (fits[i].kind == capsa_public_key_kind(root)) {
            set_platforms(key, fits[i].platforms[0], fits[i].platforms[1]);
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(UNSUPPORTED, "the root's key is of a kind that no platform's chain ends in; P-256 "
                            "(SGX, TDX) or RSA (SNP) is wanted");
}

static CAPSA_RESULT read_certificate(capsa_bytes root, struct capsa_cert **ret_cert)
{
    /* DER begins with a SEQUENCE, and no PEM text does. */
    bool is_der = root.len > 0 && root.data[0] == 0x30;
    return is_der ? capsa_cert_parse_der(root, ret_cert) : capsa_cert_parse_pem(root, ret_cert);
}

static CAPSA_RESULT add_given_cert(struct capsa_anchor_key *key, const char *prefix,
                                   capsa_bytes root)
{
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY_AT(read_certificate(root, &cert), "the root");
    CAPSA_TRY(fit_platforms(key, capsa_cert_key(cert)));
    CAPSA_TRY(capsa_public_key_spki(capsa_cert_key(cert), &key->spki));
    capsa_sha256(capsa_buf_bytes(&key->spki), key->spki_sha256);
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_cert_write_der(cert, &der));
    return name_given(key, prefix, capsa_buf_bytes(&der));
}

static CAPSA_RESULT add_given(struct capsa_anchors *anchors, enum capsa_anchor_kind kind,
                              const char *prefix, capsa_bytes root)
{
    struct capsa_anchor_key *key = begin(anchors, kind);
    anchors->count++;
    if (root.len != CAPSA_CSV_ROOT_CERT_BYTES || root.data[0] == 0x30 || root.data[0] == '-') {
        return add_given_cert(key, prefix, root);
    }
    struct capsa_csv_root_cert hrk;
    CAPSA_TRY_AT(capsa_csv_root_cert_parse(root, &hrk), "the root");
    CAPSA_REQUIRE(hrk.key_usage == CAPSA_CSV_USAGE_HRK, MALFORMED,
                  "the root: key usage 0x%x, a Hygon root key (0) is wanted", hrk.key_usage);
    set_platforms(key, CAPSA_PLATFORM_CSV, CAPSA_PLATFORM_NONE);
    CAPSA_TRY(capsa_buf_append(&key->hrk, root));
    return name_given(key, prefix, root);
}

static CAPSA_RESULT append_digested(capsa_buf *all, const struct capsa_anchor_key *key)
{
    CAPSA_TRY(capsa_buf_field(all, capsa_bytes_str(key->id)));
    CAPSA_TRY(capsa_buf_be32(all, (uint32_t)key->kind));
    CAPSA_TRY(capsa_buf_be32(all, (uint32_t)key->platforms[0]));
    CAPSA_TRY(capsa_buf_be32(all, (uint32_t)key->platforms[1]));
    CAPSA_TRY(capsa_buf_be32(all, (uint32_t)key->product));
    CAPSA_TRY(capsa_buf_field(all, capsa_bytes_of(key->spki_sha256, sizeof(key->spki_sha256))));
    return capsa_buf_field(all, capsa_buf_bytes(&key->hrk));
}

static CAPSA_RESULT finish(struct capsa_anchors *anchors)
{
    CAPSA_AUTO(capsa_buf) all = capsa_buf_of(KIB(16));
    for (size_t i = 0; i < anchors->count; i++) {
        CAPSA_TRY(append_digested(&all, &anchors->keys[i]));
    }
    capsa_sha256(capsa_buf_bytes(&all), anchors->digest);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_anchors_new_vendor(struct capsa_anchors **ret_anchors)
{
    CAPSA_AUTO_FREE(capsa_anchors) anchors = CAPSA_NEW(struct capsa_anchors);
    CAPSA_REQUIRE_MEMORY(anchors);
    CAPSA_TRY(add_vendors(anchors));
    CAPSA_TRY(finish(anchors));
    *ret_anchors = anchors;
    anchors = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_anchors_new_custom(capsa_bytes root, struct capsa_anchors **ret_anchors)
{
    CAPSA_AUTO_FREE(capsa_anchors) anchors = CAPSA_NEW(struct capsa_anchors);
    CAPSA_REQUIRE_MEMORY(anchors);
    CAPSA_TRY(add_given(anchors, CAPSA_ANCHOR_CUSTOM, "custom:", root));
    CAPSA_TRY(finish(anchors));
    *ret_anchors = anchors;
    anchors = NULL;
    return CAPSA_OK;
}

#ifdef CAPSA_SIMULATION
CAPSA_RESULT capsa_anchors_new_simulation(capsa_bytes root, struct capsa_anchors **ret_anchors)
{
    CAPSA_AUTO_FREE(capsa_anchors) anchors = CAPSA_NEW(struct capsa_anchors);
    CAPSA_REQUIRE_MEMORY(anchors);
    CAPSA_TRY(add_vendors(anchors));
    CAPSA_TRY(add_given(anchors, CAPSA_ANCHOR_SIMULATION, "simulation:", root));
    CAPSA_TRY(finish(anchors));
    *ret_anchors = anchors;
    anchors = NULL;
    return CAPSA_OK;
}
#endif

void capsa_anchors_free(struct capsa_anchors *anchors)
{
    if (anchors == NULL) {
        return;
    }
    for (size_t i = 0; i < anchors->count; i++) {
        capsa_buf_drop(&anchors->keys[i].spki);
        capsa_buf_drop(&anchors->keys[i].hrk);
    }
    capsa_dealloc(anchors);
}

/* ---- Asking ------------------------------------------------------------------------------------
 */

static bool vouches_for(const struct capsa_anchor_key *key, enum capsa_platform platform)
{
    return platform != CAPSA_PLATFORM_NONE &&
           (key->platforms[0] == platform || key->platforms[1] == platform);
}

const struct capsa_anchor_key *capsa_anchors_find(const struct capsa_anchors *anchors,
                                                  enum capsa_platform platform, capsa_bytes spki)
{
    if (spki.len == 0) {
        return NULL;
    }
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(spki, digest);
    for (size_t i = 0; i < anchors->count; i++) {
        const struct capsa_anchor_key *key = &anchors->keys[i];
        /* Hygon's has no SubjectPublicKeyInfo: its digest is zeros, and must never be met. */
        if (vouches_for(key, platform) && key->hrk.len == 0 &&
            memcmp(key->spki_sha256, digest, sizeof(digest)) == 0) {
            return key;
        }
    }
    return NULL;
}

const struct capsa_anchor_key *capsa_anchors_at(const struct capsa_anchors *anchors,
                                                enum capsa_platform platform, size_t index)
{
    for (size_t i = 0; i < anchors->count; i++) {
        if (vouches_for(&anchors->keys[i], platform) && index-- == 0) {
            return &anchors->keys[i];
        }
    }
    return NULL;
}

CAPSA_RESULT capsa_anchor_use(const struct capsa_verify_input *input,
                              const struct capsa_anchor_key *key, struct capsa_verdict *verdict)
{
    (void)snprintf(verdict->anchor, sizeof(verdict->anchor), "%s", key->id);
    verdict->anchor_kind = key->kind;
    CAPSA_JUDGE(verdict, ANCHOR_KIND, !input->vendor_only || key->kind == CAPSA_ANCHOR_VENDOR,
                "a vendor's trust anchor is demanded, and the evidence stands under %s", key->id);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_anchors_judge(const struct capsa_verify_input *input, capsa_bytes spki,
                                 struct capsa_verdict *verdict,
                                 const struct capsa_anchor_key **ret_key)
{
    const struct capsa_anchor_key *key = capsa_anchors_find(input->anchors, input->platform, spki);
    CAPSA_JUDGE(verdict, ANCHOR, key != NULL,
                "the chain ends in a root key that is no trust anchor of %s",
                capsa_platform_what(input->platform));
    CAPSA_TRY(capsa_anchor_use(input, key, verdict));
    *ret_key = key;
    return CAPSA_OK;
}

void capsa_anchors_digest(const struct capsa_anchors *anchors, uint8_t ret_digest[CAPSA_SHA256])
{
    memcpy(ret_digest, anchors->digest, CAPSA_SHA256);
}
