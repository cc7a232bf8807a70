/* SPDX-License-Identifier: Apache-2.0
 *
 * Which chip, of which product, at which versions: AMD's certificates (verifier_snp_chain.h). The
 * names in them are roles, and each role is asked for, because one root signs the chains of both
 * kinds of leaf and a VLEK must never pass for the key of one chip.
 */
#include "verifier/verifier_snp_chain.h"

#include <stdio.h>

#include "base/alloc.h"
#include "codec/der.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define AMD "1.3.6.1.4.1.3704.1."

/* A certificate has some 1.5 KiB, so that no extension of an honest one comes near. */
#define EXTENSION_MAX KIB(4)

static const char *const part_oids[CAPSA_SNP_PARTS] = {
    [CAPSA_SNP_BL] = AMD "3.1",    [CAPSA_SNP_TEE] = AMD "3.2", [CAPSA_SNP_SNP] = AMD "3.3",
    [CAPSA_SNP_UCODE] = AMD "3.8", [CAPSA_SNP_FMC] = AMD "3.9",
};

/* What each kind of leaf and its issuer are called; the issuer's name ends in the product's. */
static const struct role {
    enum capsa_snp_key kind;
    const char *leaf, *ask;
} roles[] = {
    {CAPSA_SNP_VCEK, "SEV-VCEK", "SEV-"},
    {CAPSA_SNP_VLEK, "SEV-VLEK", "SEV-VLEK-"},
};

/* ---- Extensions of the leaf --------------------------------------------------------------------
 */

/* "Milan-B0", "Genoa": the product, and after a dash the stepping. */
static bool names_product(capsa_bytes text, const char *product)
{
    size_t len = strlen(product);
    return text.len >= len && memcmp(text.data, product, len) == 0 &&
           (text.len == len || text.data[len] == '-');
}

static capsa_result read_product(capsa_bytes content, enum capsa_snp_product *ret_product)
{
    capsa_bytes text;
    CAPSA_REQUIRE(content.len > 0, MALFORMED, "the extension with the product's name is missing");
    CAPSA_TRY_AT(capsa_der_whole(content, CAPSA_DER_IA5_STRING, &text), "product name");
    for (int i = CAPSA_SNP_MILAN; i <= CAPSA_SNP_TURIN; i++) {
        if (names_product(text, capsa_snp_product_name((enum capsa_snp_product)i))) {
            *ret_product = (enum capsa_snp_product)i;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(MALFORMED, "product name: \"%.*s\" is none of Milan, Genoa, Turin",
               (int)(text.len < 32 ? text.len : 32), (const char *)text.data);
}

static bool has_part(enum capsa_snp_product product, enum capsa_snp_part part)
{
    static const uint8_t zeros[8];
    return capsa_snp_tcb_part(product, capsa_bytes_of(zeros, sizeof(zeros)), part) >= 0;
}

static capsa_result read_part(capsa_bytes content, uint8_t *ret_part)
{
    struct capsa_reader reader = capsa_reader_of(content);
    uint64_t value = 0;
    CAPSA_TRY(capsa_der_unsigned(&reader, CAPSA_DER_INTEGER, UINT8_MAX, &value));
    CAPSA_TRY(capsa_read_end(&reader));
    *ret_part = (uint8_t)value;
    return CAPSA_OK;
}

static capsa_result read_parts(const struct capsa_snp_extensions *extensions,
                               struct capsa_snp_leaf *leaf)
{
    for (int i = 0; i < CAPSA_SNP_PARTS; i++) {
        const char *name = capsa_snp_part_name((enum capsa_snp_part)i);
        if (!has_part(leaf->product, (enum capsa_snp_part)i)) {
            continue;
        }
        CAPSA_REQUIRE(extensions->parts[i].len > 0, MALFORMED,
                      "the extension with the version of %s is missing", name);
        CAPSA_TRY_AT(read_part(extensions->parts[i], &leaf->parts[i]), "version of %s", name);
    }
    return CAPSA_OK;
}

/* 64 bytes, 8 on Turin: bare, as AMD writes them, without a tag of their own. */
static capsa_result read_hwid(capsa_bytes content, struct capsa_snp_leaf *leaf)
{
    size_t wanted = leaf->product == CAPSA_SNP_TURIN ? 8 : CAPSA_SNP_CHIP_ID;
    CAPSA_REQUIRE(content.len > 0, MALFORMED, "a VCEK without a HWID: it is of no chip");
    CAPSA_REQUIRE(content.len == wanted, MALFORMED, "a HWID of %zu bytes, %s has %zu", content.len,
                  capsa_snp_product_name(leaf->product), wanted);
    memcpy(leaf->hwid, content.data, wanted);
    leaf->hwid_len = wanted;
    return CAPSA_OK;
}

static capsa_result check_csp(capsa_bytes content)
{
    struct capsa_reader reader = capsa_reader_of(content);
    uint8_t tag = 0;
    capsa_bytes text;
    CAPSA_REQUIRE(content.len > 0, MALFORMED, "a VLEK without a CSP id: it is nobody's");
    CAPSA_TRY_AT(capsa_der_any(&reader, &tag, &text), "CSP id");
    CAPSA_TRY_AT(capsa_read_end(&reader), "CSP id");
    CAPSA_REQUIRE(text.len > 0, MALFORMED, "CSP id: it is empty");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_snp_leaf_read(enum capsa_snp_key kind,
                                 const struct capsa_snp_extensions *extensions,
                                 struct capsa_snp_leaf *ret_leaf)
{
    struct capsa_snp_leaf leaf = {.kind = kind};
    CAPSA_TRY(read_product(extensions->product, &leaf.product));
    CAPSA_TRY(read_parts(extensions, &leaf));
    if (kind == CAPSA_SNP_VCEK) {
        CAPSA_REQUIRE(extensions->csp.len == 0, MALFORMED, "a VCEK with a CSP id");
        CAPSA_TRY(read_hwid(extensions->hwid, &leaf));
    } else {
        CAPSA_REQUIRE(extensions->hwid.len == 0, MALFORMED, "a VLEK with a HWID");
        CAPSA_TRY(check_csp(extensions->csp));
    }
    *ret_leaf = leaf;
    return CAPSA_OK;
}

/* Absent: nothing is appended. Present and empty is no less than malformed. */
static capsa_result extension(const struct capsa_cert *cert, const char *oid, capsa_buf *content)
{
    *content = capsa_buf_of(EXTENSION_MAX);
    capsa_result got = capsa_cert_extension(cert, oid, content);
    if (capsa_code_of(got) == CAPSA_E_NOT_FOUND) {
        return CAPSA_OK;
    }
    CAPSA_TRY(got);
    CAPSA_REQUIRE(content->len > 0, MALFORMED, "the extension %s is empty", oid);
    return CAPSA_OK;
}

typedef struct held_extensions {
    capsa_buf product, hwid, csp, parts[CAPSA_SNP_PARTS];
} held_extensions;

static void held_extensions_drop(held_extensions *held)
{
    capsa_buf_drop(&held->product);
    capsa_buf_drop(&held->hwid);
    capsa_buf_drop(&held->csp);
    for (size_t i = 0; i < CAPSA_SNP_PARTS; i++) {
        capsa_buf_drop(&held->parts[i]);
    }
}

static capsa_result read_leaf(const struct capsa_cert *cert, enum capsa_snp_key kind,
                              struct capsa_snp_leaf *ret_leaf)
{
    CAPSA_AUTO(held_extensions) held = {0};
    CAPSA_TRY(extension(cert, AMD "2", &held.product));
    CAPSA_TRY(extension(cert, AMD "4", &held.hwid));
    CAPSA_TRY(extension(cert, AMD "5", &held.csp));
    struct capsa_snp_extensions extensions = {
        .product = capsa_buf_bytes(&held.product),
        .hwid = capsa_buf_bytes(&held.hwid),
        .csp = capsa_buf_bytes(&held.csp),
    };
    for (size_t i = 0; i < CAPSA_SNP_PARTS; i++) {
        CAPSA_TRY(extension(cert, part_oids[i], &held.parts[i]));
        extensions.parts[i] = capsa_buf_bytes(&held.parts[i]);
    }
    return capsa_snp_leaf_read(kind, &extensions, ret_leaf);
}

/* ---- Reading -----------------------------------------------------------------------------------
 */

static void destroy_chain(struct capsa_kept *kept)
{
    struct capsa_snp_chain *chain = (struct capsa_snp_chain *)kept; /* its first member */
    capsa_chain_drop(&chain->leaf);
    capsa_chain_drop(&chain->ask);
    capsa_chain_drop(&chain->ark);
    capsa_crl_free(chain->crl);
    capsa_buf_drop(&chain->root_spki);
    capsa_dealloc(chain);
}

void capsa_snp_chain_free(struct capsa_snp_chain *chain)
{
    capsa_kept_release(chain == NULL ? NULL : &chain->kept);
}

static capsa_result judge_presence(const capsa_collateral *collateral,
                                   struct capsa_verdict *verdict)
{
    const struct {
        const char *name;
        const capsa_buf *part;
    } parts[] = {
        {"VCEK or VLEK certificate", &collateral->snp_leaf},
        {"intermediate certificate (ASK)", &collateral->snp_ask},
        {"root certificate (ARK)", &collateral->snp_ark},
    };
    for (size_t i = 0; i < COUNT(parts); i++) {
        CAPSA_JUDGE(verdict, COLLATERAL_MISSING, parts[i].part->len > 0,
                    "an SNP report needs its %s, and the collateral has none", parts[i].name);
    }
    return CAPSA_OK;
}

static capsa_result read_one(const capsa_buf *from, capsa_chain *ret_one)
{
    CAPSA_TRY(capsa_certs_parse(capsa_buf_bytes(from), ret_one));
    CAPSA_REQUIRE(ret_one->count == 1, MALFORMED, "%zu certificates where one belongs",
                  ret_one->count);
    return CAPSA_OK;
}

static capsa_result read_all(const capsa_collateral *collateral, struct capsa_snp_chain *chain)
{
    CAPSA_TRY_AT(read_one(&collateral->snp_leaf, &chain->leaf), "VCEK or VLEK certificate");
    CAPSA_TRY_AT(read_one(&collateral->snp_ask, &chain->ask), "intermediate certificate (ASK)");
    CAPSA_TRY_AT(read_one(&collateral->snp_ark, &chain->ark), "root certificate (ARK)");
    if (collateral->snp_crl.len > 0) {
        CAPSA_TRY_AT(capsa_crl_parse(capsa_buf_bytes(&collateral->snp_crl), &chain->crl),
                     "AMD's revocation list");
    }
    chain->root_spki = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    return capsa_public_key_spki(capsa_cert_key(chain->ark.certs[0]), &chain->root_spki);
}

static capsa_result read_chain(const capsa_collateral *collateral,
                               struct capsa_snp_chain **ret_chain)
{
    CAPSA_AUTO_FREE(capsa_snp_chain) chain = CAPSA_NEW(struct capsa_snp_chain);
    CAPSA_REQUIRE_MEMORY(chain);
    capsa_kept_init(&chain->kept, destroy_chain);
    CAPSA_TRY(read_all(collateral, chain));
    *ret_chain = chain;
    chain = NULL;
    return CAPSA_OK;
}

/* ---- Roles -------------------------------------------------------------------------------------
 */

static capsa_result role_of(const struct capsa_cert *leaf, const struct role **ret_role)
{
    char name[CAPSA_COMMON_NAME];
    CAPSA_TRY(capsa_cert_subject_name(leaf, name));
    for (size_t i = 0; i < COUNT(roles); i++) {
        if (capsa_streq(roles[i].leaf, name)) {
            *ret_role = &roles[i];
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(UNAUTHENTIC, "the leaf is called \"%s\", neither SEV-VCEK nor SEV-VLEK", name);
}

static capsa_result check_authority(const struct capsa_cert *cert, const char *prefix,
                                    enum capsa_snp_product product)
{
    char name[CAPSA_COMMON_NAME], wanted[CAPSA_COMMON_NAME];
    (void)snprintf(wanted, sizeof(wanted), "%s%s", prefix, capsa_snp_product_name(product));
    CAPSA_TRY(capsa_cert_subject_name(cert, name));
    CAPSA_REQUIRE(capsa_streq(name, wanted), UNAUTHENTIC,
                  "a certificate of \"%s\" where \"%s\" belongs", name, wanted);
    CAPSA_REQUIRE(capsa_cert_is_ca(cert) && capsa_cert_signs_certs(cert), UNAUTHENTIC,
                  "\"%s\" may not sign certificates", name);
    return CAPSA_OK;
}

static capsa_result check_roles(const struct role *role, const struct capsa_snp_chain *chain)
{
    const struct capsa_cert *leaf = chain->leaf.certs[0];
    CAPSA_TRY(check_authority(chain->ark.certs[0], "ARK-", chain->says.product));
    CAPSA_TRY(check_authority(chain->ask.certs[0], role->ask, chain->says.product));
    CAPSA_REQUIRE(!capsa_cert_is_ca(leaf), UNAUTHENTIC, "the %s says that it is an authority",
                  role->leaf);
    CAPSA_REQUIRE(capsa_public_key_kind(capsa_cert_key(leaf)) == CAPSA_KEY_P384, UNAUTHENTIC,
                  "the key of the %s is none on P-384", role->leaf);
    return CAPSA_OK;
}

/* ---- Signatures --------------------------------------------------------------------------------
 */

/* The root's own signature too: names and dates are read from that certificate, and its key alone
 * is what was pinned. */
static capsa_result check_links(const struct capsa_snp_chain *chain)
{
    const struct {
        const char *name;
        const struct capsa_cert *cert, *issuer;
    } links[] = {
        {"root certificate (ARK)", chain->ark.certs[0], chain->ark.certs[0]},
        {"intermediate certificate (ASK)", chain->ask.certs[0], chain->ark.certs[0]},
        {"VCEK or VLEK certificate", chain->leaf.certs[0], chain->ask.certs[0]},
    };
    for (size_t i = 0; i < COUNT(links); i++) {
        CAPSA_TRY_AT(
            capsa_cert_link_check(links[i].cert, links[i].issuer, CAPSA_LINK_RSA_PSS_SHA384), "%s",
            links[i].name);
    }
    return CAPSA_OK;
}

static capsa_result check_crl(const struct capsa_snp_chain *chain)
{
    if (chain->crl == NULL) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(capsa_cert_signs_crls(chain->ark.certs[0]), UNAUTHENTIC,
                  "the root may not sign revocation lists");
    return capsa_crl_check(chain->crl, chain->ark.certs[0], CAPSA_LINK_RSA_PSS_SHA384);
}

/* By their serial numbers. The list is the root's, which did not issue the leaf; that a number on
 * it is the leaf's can then only be meant for it, or be a mistake on the safe side. */
static capsa_result judge_revocation(const struct capsa_snp_chain *chain,
                                     struct capsa_verdict *verdict)
{
    const struct {
        const char *name;
        const struct capsa_cert *cert;
    } certs[] = {
        {"the root certificate (ARK)", chain->ark.certs[0]},
        {"the intermediate certificate (ASK)", chain->ask.certs[0]},
        {"the VCEK or VLEK certificate", chain->leaf.certs[0]},
    };
    for (size_t i = 0; chain->crl != NULL && i < COUNT(certs); i++) {
        CAPSA_JUDGE(verdict, REVOKED, !capsa_crl_revokes(chain->crl, certs[i].cert),
                    "%s is on AMD's revocation list", certs[i].name);
    }
    return CAPSA_OK;
}

/* ---- Windows -----------------------------------------------------------------------------------
 */

static void note_window(struct capsa_verdict *verdict, capsa_time from, capsa_time to)
{
    to -= to == 0 ? 1 : 0; /* zero says that nothing ends */
    if (from > verdict->collateral_issued) {
        verdict->collateral_issued = from;
    }
    if (verdict->collateral_expires == 0 || to < verdict->collateral_expires) {
        verdict->collateral_expires = to;
    }
}

static void note_windows(const struct capsa_snp_chain *chain, capsa_time now,
                         struct capsa_verdict *verdict)
{
    const capsa_chain *certs[] = {&chain->ark, &chain->ask, &chain->leaf};
    capsa_time from = 0, to = 0;
    for (size_t i = 0; i < COUNT(certs); i++) {
        capsa_cert_validity(certs[i]->certs[0], &from, &to);
        note_window(verdict, from, to);
    }
    if (chain->crl != NULL) {
        capsa_crl_validity(chain->crl, &from, &to);
        /* Without a nextUpdate the list counts as old from the start: it promises nothing. */
        note_window(verdict, from, to == 0 ? from : to);
        verdict->signed_at = from;
    }
    verdict->collateral_status = verdict->collateral_expires <= now ? 1 : 0;
}

/* ---- Judging -----------------------------------------------------------------------------------
 */

/* All that does not change as long as these bytes and the anchors stay the same. */
static capsa_result judge_once(const struct capsa_anchor_key *anchor, struct capsa_verdict *verdict,
                               struct capsa_snp_chain *chain)
{
    const struct role *role = NULL;
    CAPSA_JUDGE_TRY(verdict, CHAIN, role_of(chain->leaf.certs[0], &role));
    CAPSA_JUDGE_TRY(verdict, CHAIN, read_leaf(chain->leaf.certs[0], role->kind, &chain->says));
    CAPSA_JUDGE(verdict, CHAIN,
                anchor->product == CAPSA_SNP_UNKNOWN || anchor->product == chain->says.product,
                "the %s says %s, and its root is the one of %s", role->leaf,
                capsa_snp_product_name(chain->says.product),
                capsa_snp_product_name(anchor->product));
    CAPSA_JUDGE_TRY(verdict, CHAIN, check_roles(role, chain));
    CAPSA_JUDGE_TRY(verdict, CHAIN, check_links(chain));
    CAPSA_JUDGE_TRY(verdict, CRL, check_crl(chain));
    return judge_revocation(chain, verdict);
}

CAPSA_RESULT capsa_snp_chain_judge(const struct capsa_verify_input *input,
                                   struct capsa_verdict *verdict,
                                   struct capsa_snp_chain **ret_chain)
{
    const capsa_collateral *collateral = input->collateral;
    const struct capsa_anchor_key *anchor = NULL;
    uint8_t anchors[CAPSA_SHA256];
    CAPSA_TRY(judge_presence(collateral, verdict));
    capsa_anchors_digest(input->anchors, anchors);
    const capsa_bytes parts[] = {
        capsa_buf_bytes(&collateral->snp_leaf),   capsa_buf_bytes(&collateral->snp_ask),
        capsa_buf_bytes(&collateral->snp_ark),    capsa_buf_bytes(&collateral->snp_crl),
        capsa_bytes_of(anchors, sizeof(anchors)),
    };
    const struct capsa_cache_key key = {"snp chain", parts, COUNT(parts)};
    CAPSA_AUTO_FREE(capsa_snp_chain)
    chain = (struct capsa_snp_chain *)capsa_verify_cache_find(input->cache, &key);
    bool is_known = chain != NULL;
    if (!is_known) {
        CAPSA_JUDGE_TRY(verdict, COLLATERAL_FORMAT, read_chain(collateral, &chain));
    }
    CAPSA_TRY(capsa_anchors_judge(input, capsa_buf_bytes(&chain->root_spki), verdict, &anchor));
    if (!is_known) {
        CAPSA_TRY(judge_once(anchor, verdict, chain));
        capsa_verify_cache_keep(input->cache, &key, &chain->kept);
    }
    note_windows(chain, input->now, verdict);
    *ret_chain = chain;
    chain = NULL;
    return CAPSA_OK;
}
