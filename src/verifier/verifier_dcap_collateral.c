/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel's collateral under one root: the intermediate, both revocation lists, TCB Info and identity
 * of the quoting enclave, each believed only when its signature held, and read only then. Seven
 * signature checks and the root's own, whose outcome is the same for every platform below that
 * intermediate.
 */
#include "base/alloc.h"
#include "verifier/verifier_dcap.h"

enum { INTERMEDIATE = 1, ROOT = 2 }; /* in a PCK chain */
enum { SIGNER = 0, SIGNER_ROOT = 1 };

static void destroy(struct capsa_kept *kept)
{
    struct capsa_dcap_collateral *collateral = (struct capsa_dcap_collateral *)(void *)kept;
    capsa_crl_free(collateral->root_crl);
    capsa_crl_free(collateral->pck_crl);
    capsa_chain_drop(&collateral->tcb_chain);
    capsa_chain_drop(&collateral->identity_chain);
    capsa_tcb_info_drop(&collateral->tcb_info);
    capsa_enclave_identity_drop(&collateral->identity);
    capsa_dealloc(collateral);
}

void capsa_dcap_collateral_free(struct capsa_dcap_collateral *collateral)
{
    if (collateral != NULL) {
        capsa_kept_release(&collateral->kept);
    }
}

/* What counts for age: when the part was signed. */
static void note_signed(struct capsa_dcap_collateral *collateral, capsa_time at)
{
    if (collateral->signed_at == 0 || at < collateral->signed_at) {
        collateral->signed_at = at;
    }
}

/* ---- Revocation lists -------------------------------------------------------------------------
 */

static CAPSA_RESULT check_crl(const char *what, const capsa_buf *der,
                              const struct capsa_cert *issuer,
                              struct capsa_dcap_collateral *collateral, struct capsa_crl **ret_crl)
{
    CAPSA_TRY_AT(capsa_crl_parse(capsa_buf_bytes(der), ret_crl), "%s", what);
    CAPSA_TRY_AT(capsa_crl_check(*ret_crl, issuer, CAPSA_LINK_P256_SHA256), "%s", what);
    CAPSA_REQUIRE(capsa_crl_has_number_and_aki(*ret_crl), UNAUTHENTIC,
                  "%s: it has no CRL number or no authorityKeyIdentifier", what);
    capsa_time from = 0, until = 0;
    capsa_crl_validity(*ret_crl, &from, &until);
    CAPSA_REQUIRE(until != 0, UNAUTHENTIC, "%s: it does not say when the next one comes", what);
    capsa_window_add(&collateral->window, from, until);
    return CAPSA_OK;
}

/* The root's list is renewed once a year: it would make fresh collateral look old. The other parts
 * are renewed each month. */
static void note_pck_crl(struct capsa_dcap_collateral *collateral)
{
    capsa_time from = 0, until = 0;
    capsa_crl_validity(collateral->pck_crl, &from, &until);
    note_signed(collateral, from);
}

/* ---- Who signs JSON ---------------------------------------------------------------------------
 */

static bool is_same_cert(const struct capsa_cert *a, const struct capsa_cert *b)
{
    return capsa_bytes_equal(capsa_cert_der(a), capsa_cert_der(b));
}

/* Intel's own, whose signature of itself holds: that need not be found out each time. */
static bool is_intel_root(const struct capsa_cert *root)
{
    static const uint8_t intel_root[CAPSA_SHA256] = {
        0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49,
        0xe9, 0x5b, 0x80, 0x7a, 0x35, 0x0e, 0x74, 0x24, 0x96, 0x43, 0x99,
        0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6, 0x74, 0xd3};
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(capsa_cert_der(root), digest);
    return memcmp(digest, intel_root, sizeof(digest)) == 0;
}

/* A root is known by its key, since Intel's is around in two encodings. What else it says, its
 * dates above all, it says under its own signature. */
static CAPSA_RESULT check_root(const struct capsa_cert *root)
{
    if (is_intel_root(root)) {
        return CAPSA_OK;
    }
    return capsa_cert_link_check(root, root, CAPSA_LINK_P256_SHA256);
}

static CAPSA_RESULT check_signer(const capsa_chain *chain, const struct capsa_cert *root,
                                 struct capsa_dcap_collateral *collateral)
{
    CAPSA_REQUIRE(capsa_cert_same_key(chain->certs[SIGNER_ROOT], root), UNAUTHENTIC,
                  "its root key is not that of the PCK chain");
    if (!is_same_cert(chain->certs[SIGNER_ROOT], root)) {
        CAPSA_TRY_AT(check_root(chain->certs[SIGNER_ROOT]), "the root CA");
    }
    CAPSA_TRY(capsa_cert_link_check(chain->certs[SIGNER], chain->certs[SIGNER_ROOT],
                                    CAPSA_LINK_P256_SHA256));
    for (size_t i = 0; i < chain->count; i++) {
        capsa_time from = 0, until = 0;
        capsa_cert_validity(chain->certs[i], &from, &until);
        capsa_window_add(&collateral->window, from, until);
    }
    return CAPSA_OK;
}

static CAPSA_RESULT read_signers(struct capsa_cert_cache *certs, const char *what,
                                 const capsa_buf *text, capsa_chain *chain)
{
    CAPSA_TRY_AT(capsa_dcap_chain_parse(certs, capsa_buf_bytes(text), chain), "%s", what);
    CAPSA_TRY_AT(capsa_dcap_signer_roles(chain), "%s", what);
    return CAPSA_OK;
}

static CAPSA_RESULT check_signers(const capsa_collateral *given, struct capsa_cert_cache *certs,
                                  const struct capsa_cert *root,
                                  struct capsa_dcap_collateral *collateral)
{
    static const char tcb[] = "TCB Info's issuer chain", identity[] = "the identity's issuer chain";
    CAPSA_TRY(read_signers(certs, tcb, &given->tcb_info_issuer_chain, &collateral->tcb_chain));
    CAPSA_TRY_AT(check_signer(&collateral->tcb_chain, root, collateral), "%s", tcb);
    CAPSA_TRY(read_signers(certs, identity, &given->qe_identity_issuer_chain,
                           &collateral->identity_chain));
    bool is_checked = is_same_cert(collateral->identity_chain.certs[SIGNER],
                                   collateral->tcb_chain.certs[SIGNER]) &&
                      is_same_cert(collateral->identity_chain.certs[SIGNER_ROOT],
                                   collateral->tcb_chain.certs[SIGNER_ROOT]);
    if (!is_checked) {
        CAPSA_TRY_AT(check_signer(&collateral->identity_chain, root, collateral), "%s", identity);
    }
    return CAPSA_OK;
}

/* ---- Signed JSON ------------------------------------------------------------------------------
 */

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* White space outside strings left out: what was signed, if somebody reformatted it on the way. */
static CAPSA_RESULT compact(capsa_bytes text, capsa_buf *ret_text)
{
    uint8_t *room = NULL;
    CAPSA_TRY(capsa_buf_extend(ret_text, text.len, &room));
    size_t len = 0;
    bool is_string = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (is_string && byte == '\\' && i + 1 < text.len) {
            room[len++] = byte;
            byte = text.data[++i];
        } else if (byte == '"') {
            is_string = !is_string;
        } else if (!is_string && is_space(byte)) {
            continue;
        }
        room[len++] = byte;
    }
    capsa_buf_cut(ret_text, len);
    return CAPSA_OK;
}

/* *ret_signed is what the signature covers, byte by byte: nothing else may be read. It lies in
 * `given` or, when that was reformatted, in `room`. */
static CAPSA_RESULT check_json(const struct capsa_cert *signer, const capsa_buf *given,
                               const capsa_buf *signature, capsa_buf *room, capsa_bytes *ret_signed)
{
    const struct capsa_public_key *key = capsa_cert_key(signer);
    capsa_bytes text = capsa_buf_bytes(given);
    capsa_result raw = capsa_ecdsa_check(key, text, capsa_buf_bytes(signature));
    if (capsa_failed(raw)) {
        CAPSA_TRY(capsa_code_of(raw) == CAPSA_E_NOMEM ? raw : CAPSA_OK);
        CAPSA_TRY(compact(text, room));
        CAPSA_TRY(room->len == text.len ? raw : CAPSA_OK);
        text = capsa_buf_bytes(room);
        CAPSA_TRY(capsa_ecdsa_check(key, text, capsa_buf_bytes(signature)));
    }
    *ret_signed = text;
    return CAPSA_OK;
}

static void note_dates(struct capsa_dcap_collateral *collateral, capsa_time issued,
                       capsa_time next_update)
{
    capsa_window_add(&collateral->window, issued, next_update);
    note_signed(collateral, issued);
}

static CAPSA_RESULT check_tcb_info(const capsa_collateral *given, struct capsa_verdict *verdict,
                                   struct capsa_dcap_collateral *collateral)
{
    CAPSA_AUTO(capsa_buf) room = capsa_buf_of(given->tcb_info.len);
    capsa_bytes text;
    CAPSA_JUDGE_TRY(verdict, TCB_INFO_SIGNATURE,
                    check_json(collateral->tcb_chain.certs[SIGNER], &given->tcb_info,
                               &given->tcb_info_signature, &room, &text));
    CAPSA_JUDGE_TRY(verdict, TCB_INFO, capsa_tcb_info_parse(text, &collateral->tcb_info));
    note_dates(collateral, collateral->tcb_info.issued, collateral->tcb_info.next_update);
    return CAPSA_OK;
}

static CAPSA_RESULT check_identity(const capsa_collateral *given, struct capsa_verdict *verdict,
                                   struct capsa_dcap_collateral *collateral)
{
    CAPSA_AUTO(capsa_buf) room = capsa_buf_of(given->qe_identity.len);
    capsa_bytes text;
    CAPSA_JUDGE_TRY(verdict, QE_IDENTITY_SIGNATURE,
                    check_json(collateral->identity_chain.certs[SIGNER], &given->qe_identity,
                               &given->qe_identity_signature, &room, &text));
    CAPSA_JUDGE_TRY(verdict, QE_IDENTITY,
                    capsa_enclave_identity_parse(text, &collateral->identity));
    note_dates(collateral, collateral->identity.issued, collateral->identity.next_update);
    return CAPSA_OK;
}

/* ---- All of it --------------------------------------------------------------------------------
 */

static CAPSA_RESULT check_all(const capsa_collateral *given, struct capsa_cert_cache *certs,
                              const capsa_chain *pck, struct capsa_verdict *verdict,
                              struct capsa_dcap_collateral *collateral)
{
    CAPSA_JUDGE_TRY(verdict, CHAIN, check_signers(given, certs, pck->certs[ROOT], collateral));
    CAPSA_JUDGE_TRY(verdict, CRL,
                    check_crl("the root CA's revocation list", &given->root_ca_crl,
                              pck->certs[ROOT], collateral, &collateral->root_crl));
    CAPSA_JUDGE_TRY(verdict, CRL,
                    check_crl("the PCK CA's revocation list", &given->pck_crl,
                              pck->certs[INTERMEDIATE], collateral, &collateral->pck_crl));
    note_pck_crl(collateral);
    CAPSA_TRY(check_tcb_info(given, verdict, collateral));
    return check_identity(given, verdict, collateral);
}

static CAPSA_RESULT check_issuers(const capsa_chain *pck)
{
    CAPSA_TRY_AT(check_root(pck->certs[ROOT]), "the root CA");
    CAPSA_TRY_AT(
        capsa_cert_link_check(pck->certs[INTERMEDIATE], pck->certs[ROOT], CAPSA_LINK_P256_SHA256),
        "the PCK CA");
    return CAPSA_OK;
}

/* Each part that has to be there, by the name under which people know it. */
static CAPSA_RESULT judge_missing(const capsa_collateral *given, struct capsa_verdict *verdict)
{
    const struct {
        const char *name;
        const capsa_buf *part;
    } parts[] = {
        {"root_ca_crl", &given->root_ca_crl},
        {"pck_crl", &given->pck_crl},
        {"tcb_info_issuer_chain", &given->tcb_info_issuer_chain},
        {"tcb_info", &given->tcb_info},
        {"tcb_info_signature", &given->tcb_info_signature},
        {"qe_identity_issuer_chain", &given->qe_identity_issuer_chain},
        {"qe_identity", &given->qe_identity},
        {"qe_identity_signature", &given->qe_identity_signature},
    };
    CAPSA_AUTO(capsa_buf) missing = capsa_buf_of(KIB(1));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].part->len == 0) {
            CAPSA_TRY(
                capsa_buf_format(&missing, "%s%s", missing.len == 0 ? "" : ", ", parts[i].name));
        }
    }
    const char *names = "";
    CAPSA_TRY(capsa_buf_cstr(&missing, &names));
    CAPSA_JUDGE(verdict, COLLATERAL_MISSING, missing.len == 0, "the collateral has no %s", names);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_dcap_collateral_check(const struct capsa_verify_input *input,
                                         struct capsa_cert_cache *certs,
                                         const struct capsa_dcap_platform *platform,
                                         struct capsa_verdict *verdict,
                                         struct capsa_dcap_collateral **ret_collateral)
{
    /* First, so that a forged chain is called that even if nothing else is there. */
    CAPSA_JUDGE_TRY(verdict, CHAIN, check_issuers(&platform->chain));
    CAPSA_TRY(judge_missing(input->collateral, verdict));
    CAPSA_AUTO_FREE(capsa_dcap_collateral) collateral = CAPSA_NEW(struct capsa_dcap_collateral);
    CAPSA_REQUIRE_MEMORY(collateral);
    capsa_kept_init(&collateral->kept, destroy);
    CAPSA_TRY(check_all(input->collateral, certs, &platform->chain, verdict, collateral));
    *ret_collateral = collateral;
    collateral = NULL;
    return CAPSA_OK;
}
