/* SPDX-License-Identifier: Apache-2.0
 *
 * A maker of SNP platforms of our own: root, intermediate, leaf, and reports signed by it, each of
 * them with whatever is to be wrong. Making RSA keys takes seconds, so theirs are recorded.
 */
#pragma once

#include "base/file.h"
#include "codec/der.h"
#include "crypto/crypto_evidence.h"
#include "crypto/crypto_pki.h"
#include "verifier_case.h"

#define SNP_NOW  ((capsa_time)1795000000)
#define SNP_YEAR ((capsa_time)31536000)

/* What is made, field by field. */
struct snp_plan {
    const char *ark, *ask, *leaf; /* names */
    const char *product;          /* NULL: no such extension */
    int parts[CAPSA_SNP_PARTS];   /* below 0: no such extension */
    size_t hwid_len;              /* 0: no such extension */
    bool csp;
    bool leaf_is_ca, ask_is_no_ca;
    struct capsa_private_key *leaf_signer; /* NULL: the intermediate's */
    capsa_time from, to;                   /* of the leaf */
};

#define SNP_HWID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static inline struct snp_plan snp_plan_milan(void)
{
    return (struct snp_plan){
        .ark = "ARK-Milan",
        .ask = "SEV-Milan",
        .leaf = "SEV-VCEK",
        .product = "Milan-B0",
        .parts = {3, 0, 8, 0xdb, -1},
        .hwid_len = 64,
        .from = SNP_NOW - SNP_YEAR,
        .to = SNP_NOW + SNP_YEAR,
    };
}

static inline struct snp_plan snp_plan_vlek(void)
{
    struct snp_plan plan = snp_plan_milan();
    plan.ask = "SEV-VLEK-Milan";
    plan.leaf = "SEV-VLEK";
    plan.product = "Milan";
    plan.hwid_len = 0;
    plan.csp = true;
    return plan;
}

static inline struct snp_plan snp_plan_turin(void)
{
    struct snp_plan plan = snp_plan_milan();
    plan.ark = "ARK-Turin";
    plan.ask = "SEV-Turin";
    plan.product = "Turin";
    plan.parts[CAPSA_SNP_FMC] = 2;
    plan.hwid_len = 8;
    return plan;
}

struct snp_scene {
    struct capsa_private_key *ark_key, *ask_key, *leaf_key;
    struct capsa_cert *ark, *ask, *leaf;
    struct capsa_anchors *anchors;
    struct capsa_verify_cache *cache; /* NULL: none */
    capsa_collateral collateral;
    uint8_t report[CAPSA_SNP_REPORT_BYTES];
};

static inline void snp_key(const char *name, struct capsa_private_key **ret_key)
{
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(8));
    char path[VECTOR_PATH];
    (void)snprintf(path, sizeof(path), CAPSA_SOURCE_ROOT "/tests/vectors/%s", name);
    assert_ok(capsa_file_read(path, &pem));
    assert_ok(capsa_private_key_parse(capsa_buf_bytes(&pem), ret_key));
}

static inline void snp_scene_open(struct snp_scene *scene)
{
    *scene = (struct snp_scene){0};
    snp_key("snp_ark.pem", &scene->ark_key);
    snp_key("snp_ask.pem", &scene->ask_key);
    assert_ok(capsa_private_key_new_p384(&scene->leaf_key));
    test_collateral_init(&scene->collateral);
}

/* What was made; the keys stay. */
static inline void snp_scene_clear(struct snp_scene *scene)
{
    capsa_cert_free(scene->ark);
    capsa_cert_free(scene->ask);
    capsa_cert_free(scene->leaf);
    capsa_anchors_free(scene->anchors);
    scene->ark = scene->ask = scene->leaf = NULL;
    scene->anchors = NULL;
    test_collateral_drop(&scene->collateral);
}

static inline void snp_scene_close(struct snp_scene *scene)
{
    snp_scene_clear(scene);
    capsa_private_key_free(scene->ark_key);
    capsa_private_key_free(scene->ask_key);
    capsa_private_key_free(scene->leaf_key);
}

static inline void snp_issue(const struct capsa_cert_issue *how,
                             const struct capsa_private_key *subject, struct capsa_cert **ret_cert)
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    assert_ok(capsa_public_key_of(subject, &key));
    struct capsa_cert_issue issue = *how;
    issue.key = key;
    issue.kind = CAPSA_LINK_RSA_PSS_SHA384;
    assert_ok(capsa_cert_issue(&issue, ret_cert));
}

#define SNP_OID "1.3.6.1.4.1.3704.1."

/* AMD's extensions of the leaf. */
struct snp_extras {
    struct capsa_cert_extra list[10];
    size_t count;
    capsa_buf held[10];
};

static inline void snp_add_extra(struct snp_extras *extras, const char *oid, uint8_t tag,
                                 capsa_bytes content)
{
    capsa_buf *held = &extras->held[extras->count];
    *held = capsa_buf_of(KIB(1));
    if (tag == 0) {
        assert_ok(capsa_buf_append(held, content));
    } else {
        assert_ok(capsa_der_write(held, tag, content));
    }
    extras->list[extras->count] = (struct capsa_cert_extra){oid, capsa_buf_bytes(held)};
    extras->count++;
}

static inline void snp_extras_of(const struct snp_plan *plan, struct snp_extras *extras)
{
    static const char *const oids[] = {SNP_OID "3.1", SNP_OID "3.2", SNP_OID "3.3", SNP_OID "3.8",
                                       SNP_OID "3.9"};
    memset(extras, 0, sizeof(*extras));
    if (plan->product != NULL) {
        snp_add_extra(extras, SNP_OID "2", CAPSA_DER_IA5_STRING, capsa_bytes_str(plan->product));
    }
    for (size_t i = 0; i < CAPSA_SNP_PARTS; i++) {
        if (plan->parts[i] >= 0) {
            const uint8_t number[] = {0, (uint8_t)plan->parts[i]};
            snp_add_extra(extras, oids[i], CAPSA_DER_INTEGER,
                          number[1] < 0x80 ? capsa_bytes_of(number + 1, 1)
                                           : capsa_bytes_of(number, 2));
        }
    }
    if (plan->hwid_len > 0) {
        snp_add_extra(extras, SNP_OID "4", 0, capsa_bytes_of(SNP_HWID, plan->hwid_len));
    }
    if (plan->csp) {
        snp_add_extra(extras, SNP_OID "5", CAPSA_DER_IA5_STRING, capsa_bytes_str("CN=cloud"));
    }
}

static inline void snp_issue_leaf(struct snp_scene *scene, const struct snp_plan *plan)
{
    struct snp_extras extras;
    snp_extras_of(plan, &extras);
    const struct capsa_cert_issue issue = {
        .common_name = plan->leaf,
        .issuer = scene->ask,
        .issuer_key = plan->leaf_signer == NULL ? scene->ask_key : plan->leaf_signer,
        .not_before = plan->from,
        .not_after = plan->to,
        .is_ca = plan->leaf_is_ca,
        .extra = extras.list,
        .extra_count = extras.count,
    };
    snp_issue(&issue, scene->leaf_key, &scene->leaf);
    for (size_t i = 0; i < extras.count; i++) {
        capsa_buf_drop(&extras.held[i]);
    }
}

static inline void snp_put(capsa_buf *to, const struct capsa_cert *cert)
{
    capsa_buf_clear(to);
    assert_ok(capsa_buf_append(to, capsa_cert_der(cert)));
}

/* Chain, anchors and collateral by the plan. */
static inline void snp_make(struct snp_scene *scene, const struct snp_plan *plan)
{
    snp_scene_clear(scene);
    struct capsa_cert_issue issue = {
        .common_name = plan->ark,
        .issuer_key = scene->ark_key,
        .not_before = SNP_NOW - 20 * SNP_YEAR,
        .not_after = SNP_NOW + 20 * SNP_YEAR,
        .is_ca = true,
    };
    snp_issue(&issue, scene->ark_key, &scene->ark);
    issue.common_name = plan->ask;
    issue.issuer = scene->ark;
    issue.not_before += SNP_YEAR;
    issue.is_ca = !plan->ask_is_no_ca;
    snp_issue(&issue, scene->ask_key, &scene->ask);
    snp_issue_leaf(scene, plan);
    snp_put(&scene->collateral.snp_ark, scene->ark);
    snp_put(&scene->collateral.snp_ask, scene->ask);
    snp_put(&scene->collateral.snp_leaf, scene->leaf);
    assert_ok(capsa_anchors_new_custom(capsa_cert_der(scene->ark), &scene->anchors));
}

static inline void snp_write32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

/* reported_tcb of the report, as the plan's leaf was made for. */
static inline void snp_write_tcb(uint8_t *at, const struct snp_plan *plan, bool turin)
{
    static const int milan_at[] = {0, 1, 6, 7, -1}, turin_at[] = {1, 2, 3, 7, 0};
    for (size_t i = 0; i < CAPSA_SNP_PARTS; i++) {
        int where = (turin ? turin_at : milan_at)[i];
        if (where >= 0) {
            at[where] = (uint8_t)plan->parts[i];
        }
    }
}

/* r or s of a signature into its 72 bytes, little-endian. */
static inline void snp_write_number(uint8_t *at, const uint8_t big[48])
{
    for (int i = 0; i < 48; i++) {
        at[i] = big[47 - i];
    }
}

static inline void snp_sign(struct snp_scene *scene)
{
    CAPSA_AUTO(capsa_buf) rs = capsa_buf_of(96);
    assert_ok(capsa_ecdsa_sign(scene->leaf_key,
                               capsa_bytes_of(scene->report, CAPSA_SNP_SIGNED_BYTES), &rs));
    snp_write_number(scene->report + 0x2a0, rs.data);
    snp_write_number(scene->report + 0x2a0 + 72, rs.data + 48);
}

/* An honest report of the plan's platform, signed. */
static inline void snp_report(struct snp_scene *scene, const struct snp_plan *plan)
{
    bool turin = plan->parts[CAPSA_SNP_FMC] >= 0, vlek = plan->csp;
    uint8_t *report = scene->report;
    memset(report, 0, sizeof(scene->report));
    snp_write32(report, turin ? 5 : 3);
    report[0x00a] = 0x03; /* policy: SMT, and the bit that is always one */
    snp_write32(report + 0x034, 1);
    snp_write32(report + 0x048, vlek ? 1 << 2 : 0);
    memset(report + 0x050, 0x5a, 64);
    memset(report + 0x090, 0x77, 48);
    snp_write_tcb(report + 0x180, plan, turin);
    report[0x188] = turin ? 0x1a : 0x19;
    report[0x189] = turin ? 0x02 : 0x01;
    report[0x18a] = 0x01;
    memcpy(report + 0x1a0, SNP_HWID, plan->hwid_len);
    snp_sign(scene);
}

static inline struct capsa_verify_input snp_input(const struct snp_scene *scene)
{
    return (struct capsa_verify_input){
        .platform = CAPSA_PLATFORM_SNP,
        .evidence = capsa_bytes_of(scene->report, sizeof(scene->report)),
        .collateral = &scene->collateral,
        .now = SNP_NOW,
        .anchors = scene->anchors,
        .cache = scene->cache,
    };
}

/* The scene as it stands is refused by this check, or by none (NONE). */
static inline void snp_expect(const struct snp_scene *scene, enum capsa_check check)
{
    struct capsa_verdict verdict;
    struct capsa_verify_input input = snp_input(scene);
    (void)test_accepts(&input, &verdict);
    if (verdict.failed_check != check) {
        fail_msg("wanted check \"%s\", got \"%s\": %s", capsa_check_name(check),
                 capsa_check_name(verdict.failed_check), verdict.reason);
    }
}

/* Chain and report by the plan, and what comes of them. */
static inline void snp_try(struct snp_scene *scene, const struct snp_plan *plan,
                           enum capsa_check check)
{
    snp_make(scene, plan);
    snp_report(scene, plan);
    snp_expect(scene, check);
}
