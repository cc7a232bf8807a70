/* SPDX-License-Identifier: Apache-2.0
 *
 * Hygon CSV reports: root (HRK) -> HSK -> CEK -> PEK -> report, SM2 each, under the id that stands
 * in the signer's own certificate. Nothing of Hygon's expires or is revoked.
 *
 * The PEK comes in the report, hidden by the XOR with anonce, and is taken from nowhere else.
 * Neither that word nor the hidden PEK is signed: whoever changes the word alone is found out,
 * because the PEK then reads as a key that the CEK did not sign; whoever hides the PEK anew with
 * another word is not, and turns all fields by one word. The measurement turns with them. So a
 * policy that does not ask for the measurement has no ground to believe the rest, the debug bit
 * first of all.
 */
#include "verifier/verifier_csv.h"

#include "base/alloc.h"
#include "crypto/crypto_evidence.h"
#include "verifier/verifier_cache.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SM2_SIGNS 4 /* the number that Hygon gave to SM2 with SM3 */

/* ---- Signatures --------------------------------------------------------------------------------
 */

static capsa_result key_of(const struct capsa_csv_key *key, struct capsa_public_key **ret_key)
{
    return capsa_public_key_of_point(CAPSA_KEY_SM2, capsa_bytes_of(key->x, sizeof(key->x)),
                                     capsa_bytes_of(key->y, sizeof(key->y)), ret_key);
}

static capsa_result check_signature(const struct capsa_csv_key *signer, capsa_bytes message,
                                    const uint8_t signature[64])
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_TRY(key_of(signer, &key));
    return capsa_sm2_check(key, signer->user_id, message, capsa_bytes_of(signature, 64));
}

/* Either place of a certificate may hold the signature: which one, the usage says. The other is an
 * owner's (OCA), or empty. */
static capsa_result check_signed_by(const struct capsa_csv_cert *cert, uint32_t usage,
                                    const struct capsa_csv_key *signer)
{
    capsa_result failed = CAPSA_OK;
    for (size_t i = 0; i < COUNT(cert->sigs); i++) {
        if (cert->sigs[i].usage != usage || cert->sigs[i].algo != SM2_SIGNS) {
            continue;
        }
        failed = check_signature(signer, cert->signed_region, cert->sigs[i].signature);
        if (!capsa_failed(failed)) {
            return CAPSA_OK;
        }
    }
    CAPSA_TRY(failed);
    CAPSA_FAIL(UNAUTHENTIC, "neither signature is of usage 0x%x with SM2", (unsigned)usage);
}

static capsa_result check_usage(const struct capsa_csv_cert *cert, uint32_t usage)
{
    CAPSA_REQUIRE(cert->pubkey_usage == usage, UNAUTHENTIC,
                  "its key is for usage 0x%x where 0x%x belongs", (unsigned)cert->pubkey_usage,
                  (unsigned)usage);
    CAPSA_REQUIRE(cert->pubkey_algo == SM2_SIGNS, UNAUTHENTIC,
                  "its key is for algorithm %u, only 4 (SM2) is known",
                  (unsigned)cert->pubkey_algo);
    return CAPSA_OK;
}

/* ---- HRK, HSK, CEK -----------------------------------------------------------------------------
 */

static capsa_result judge_parts(const capsa_collateral *collateral, struct capsa_verdict *verdict,
                                struct capsa_csv_root_cert *hsk, struct capsa_csv_cert *cek)
{
    CAPSA_JUDGE(verdict, COLLATERAL_MISSING, collateral->csv_hsk.len > 0,
                "a CSV report needs Hygon's intermediate certificate (HSK), and the collateral has "
                "none");
    CAPSA_JUDGE(verdict, COLLATERAL_MISSING, collateral->csv_cek.len > 0,
                "a CSV report needs the chip's certificate (CEK), and the collateral has none");
    CAPSA_JUDGE_TRY(verdict, COLLATERAL_FORMAT,
                    capsa_csv_root_cert_parse(capsa_buf_bytes(&collateral->csv_hsk), hsk));
    CAPSA_JUDGE_TRY(verdict, COLLATERAL_FORMAT,
                    capsa_csv_cert_parse(capsa_buf_bytes(&collateral->csv_cek), cek));
    CAPSA_JUDGE(verdict, CHAIN, hsk->key_usage == CAPSA_CSV_USAGE_HSK,
                "HSK: its key is for usage 0x%x where 0x13 belongs", (unsigned)hsk->key_usage);
    capsa_result usage = check_usage(cek, CAPSA_CSV_USAGE_CEK);
    CAPSA_JUDGE_TRY(verdict, CHAIN,
                    capsa_failed(usage) ? capsa_error_within(usage, "CEK") : CAPSA_OK);
    return CAPSA_OK;
}

/* The root is named in the HSK by its key id, and has signed it. */
static capsa_result check_under(const struct capsa_anchor_key *anchor,
                                const struct capsa_csv_root_cert *hsk)
{
    struct capsa_csv_root_cert hrk;
    CAPSA_TRY_AT(capsa_csv_root_cert_parse(capsa_buf_bytes(&anchor->hrk), &hrk), "the anchor %s",
                 anchor->id);
    CAPSA_REQUIRE(capsa_bytes_equal(hsk->certifying_id, hrk.key_id), UNAUTHENTIC,
                  "HSK: it names another root as its signer than %s", anchor->id);
    CAPSA_TRY_AT(check_signature(&hrk.key, hsk->signed_region, hsk->signature),
                 "HSK: not signed by the root %s", anchor->id);
    return CAPSA_OK;
}

static capsa_result judge_anchor(const struct capsa_verify_input *input,
                                 const struct capsa_csv_root_cert *hsk,
                                 struct capsa_verdict *verdict, size_t *ret_anchor)
{
    capsa_result failed = CAPSA_OK;
    const struct capsa_anchor_key *anchor = NULL;
    for (size_t i = 0; (anchor = capsa_anchors_at(input->anchors, CAPSA_PLATFORM_CSV, i)) != NULL;
         i++) {
        failed = check_under(anchor, hsk);
        if (!capsa_failed(failed)) {
            CAPSA_TRY(capsa_anchor_use(input, anchor, verdict));
            *ret_anchor = i;
            return CAPSA_OK;
        }
    }
    CAPSA_JUDGE_TRY(verdict, ANCHOR, failed);
    CAPSA_JUDGE(verdict, ANCHOR, false, "no trust anchor is a Hygon root key");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_csv_chain_judge(const struct capsa_verify_input *input,
                                   struct capsa_verdict *verdict, size_t *ret_anchor,
                                   struct capsa_csv_cert *ret_cek)
{
    struct capsa_csv_root_cert hsk;
    struct capsa_csv_cert cek = {.version = 0};
    CAPSA_TRY(judge_parts(input->collateral, verdict, &hsk, &cek));
    size_t anchor = 0;
    CAPSA_TRY(judge_anchor(input, &hsk, verdict, &anchor));
    capsa_result checked = check_signed_by(&cek, CAPSA_CSV_USAGE_HSK, &hsk.key);
    CAPSA_JUDGE_TRY(verdict, CHAIN,
                    capsa_failed(checked) ? capsa_error_within(checked, "CEK") : CAPSA_OK);
    *ret_anchor = anchor;
    *ret_cek = cek;
    return CAPSA_OK;
}

/* ---- PEK ---------------------------------------------------------------------------------------
 */

#define USER_ID_MAX 256

/* A PEK whose whole chain held. Immutable, and shared with the cache. */
struct capsa_csv_signer {
    struct capsa_kept kept;
    size_t anchor; /* index */
    struct capsa_public_key *key;
    capsa_buf user_id;
};

static void destroy_signer(struct capsa_kept *kept)
{
    struct capsa_csv_signer *signer = (struct capsa_csv_signer *)kept; /* its first member */
    capsa_public_key_free(signer->key);
    capsa_buf_drop(&signer->user_id);
    capsa_dealloc(signer);
}

static void capsa_csv_signer_free(struct capsa_csv_signer *signer)
{
    capsa_kept_release(signer == NULL ? NULL : &signer->kept);
}
CAPSA_DEFINE_AUTO_FREE(capsa_csv_signer)

static capsa_result make_signer(const struct capsa_csv_key *key, size_t anchor,
                                struct capsa_csv_signer **ret_signer)
{
    CAPSA_AUTO_FREE(capsa_csv_signer) signer = CAPSA_NEW(struct capsa_csv_signer);
    CAPSA_REQUIRE_MEMORY(signer);
    capsa_kept_init(&signer->kept, destroy_signer);
    signer->anchor = anchor;
    signer->user_id = capsa_buf_of(USER_ID_MAX);
    CAPSA_TRY(capsa_buf_append(&signer->user_id, key->user_id));
    CAPSA_TRY(key_of(key, &signer->key));
    *ret_signer = signer;
    signer = NULL;
    return CAPSA_OK;
}

static capsa_result read_pek(const struct capsa_csv_report *report,
                             const struct capsa_csv_cert *cek, struct capsa_csv_cert *ret_pek)
{
    CAPSA_TRY(capsa_csv_cert_parse(capsa_bytes_of(report->pek, sizeof(report->pek)), ret_pek));
    CAPSA_TRY(check_usage(ret_pek, CAPSA_CSV_USAGE_PEK));
    return check_signed_by(ret_pek, CAPSA_CSV_USAGE_CEK, &cek->key);
}

static capsa_result judge_anew(const struct capsa_verify_input *input,
                               const struct capsa_csv_report *report, struct capsa_verdict *verdict,
                               struct capsa_csv_signer **ret_signer)
{
    struct capsa_csv_cert cek, pek;
    size_t anchor = 0;
    CAPSA_TRY(capsa_csv_chain_judge(input, verdict, &anchor, &cek));
    capsa_result read = read_pek(report, &cek, &pek);
    CAPSA_JUDGE_TRY(verdict, CHAIN,
                    capsa_failed(read)
                        ? capsa_error_within(read, "PEK, read with the report's anonce")
                        : CAPSA_OK);
    CAPSA_JUDGE_TRY(verdict, CHAIN, make_signer(&pek.key, anchor, ret_signer));
    return CAPSA_OK;
}

static capsa_result judge_signer(const struct capsa_verify_input *input,
                                 const struct capsa_csv_report *report,
                                 struct capsa_verdict *verdict,
                                 struct capsa_csv_signer **ret_signer)
{
    uint8_t anchors[CAPSA_SHA256];
    capsa_anchors_digest(input->anchors, anchors);
    const capsa_bytes parts[] = {
        capsa_buf_bytes(&input->collateral->csv_hsk),
        capsa_buf_bytes(&input->collateral->csv_cek),
        capsa_bytes_of(report->pek, sizeof(report->pek)),
        capsa_bytes_of(anchors, sizeof(anchors)),
    };
    const struct capsa_cache_key key = {"csv signer", parts, COUNT(parts)};
    CAPSA_AUTO_FREE(capsa_csv_signer)
    signer = (struct capsa_csv_signer *)capsa_verify_cache_find(input->cache, &key);
    if (signer != NULL) {
        CAPSA_TRY(capsa_anchor_use(
            input, capsa_anchors_at(input->anchors, CAPSA_PLATFORM_CSV, signer->anchor), verdict));
    } else {
        CAPSA_TRY(judge_anew(input, report, verdict, &signer));
        capsa_verify_cache_keep(input->cache, &key, &signer->kept);
    }
    *ret_signer = signer;
    signer = NULL;
    return CAPSA_OK;
}

/* ---- Report ------------------------------------------------------------------------------------
 */

/* The signature covers the bytes as they were delivered, hidden. */
static capsa_result judge_signature(const struct capsa_csv_report *report,
                                    const struct capsa_csv_signer *signer,
                                    struct capsa_verdict *verdict)
{
    CAPSA_JUDGE(verdict, SIGNATURE, report->sig_usage == CAPSA_CSV_USAGE_PEK,
                "the report's signature is of usage 0x%x where 0x1002 (PEK) belongs",
                (unsigned)report->sig_usage);
    CAPSA_JUDGE(verdict, SIGNATURE, report->sig_algo == SM2_SIGNS,
                "the report's signature is by algorithm %u, only 4 (SM2) is known",
                (unsigned)report->sig_algo);
    CAPSA_JUDGE_TRY(verdict, SIGNATURE,
                    capsa_sm2_check(signer->key, capsa_buf_bytes(&signer->user_id),
                                    report->signed_region, capsa_bytes_of(report->signature, 64)));
    return CAPSA_OK;
}

static CAPSA_RESULT verify_csv(const struct capsa_verify_input *input,
                               struct capsa_verdict *verdict)
{
    struct capsa_csv_report report;
    CAPSA_AUTO_FREE(capsa_csv_signer) signer = NULL;
    CAPSA_JUDGE_TRY(verdict, FORMAT, capsa_csv_report_parse(input->evidence, &report));
    CAPSA_JUDGE_TRY(verdict, FORMAT, capsa_csv_claims(&report, &verdict->claims));
    verdict->claims.debug = (report.policy & CAPSA_CSV_POLICY_NODBG) == 0;
    CAPSA_TRY(judge_signer(input, &report, verdict, &signer));
    return judge_signature(&report, signer, verdict);
}

const struct capsa_verifier capsa_verifier_csv = {CAPSA_PLATFORM_CSV, verify_csv};
