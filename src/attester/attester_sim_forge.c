/* SPDX-License-Identifier: Apache-2.0
 *
 * The lab itself (attester_sim_forge.h): turns knobs, makes what the changed recipe says, and
 * writes it with the verdict that is expected of it.
 */
#include "attester/attester_sim_forge.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "attester/attester_sim_lab.h"
#include "base/file.h"
#include "codec/text.h"

#define EVIDENCE_MAX MIB(1)
#define TEXT_MAX     MIB(1)
#define DAYS         30

/* ---- what is expected ------------------------------------------------------------------------ */

/* Every check that simulated evidence can fail, in the order of judging, with the exit status of
 * its class; the verifier's own list is on this floor, and a test compares the two. */
static const struct {
    const char *check;
    int exit;
} ranks[] = {
    {"format", 3},
    {"collateral-missing", 4},
    {"collateral-format", 3},
    {"anchor", 3},
    {"chain", 3},
    {"crl", 3},
    {"revoked", 3},
    {"tcb-info-signature", 3},
    {"tcb-info", 3},
    {"qe-identity-signature", 3},
    {"qe-identity", 3},
    {"collateral-match", 3},
    {"qe-report-signature", 3},
    {"qe-report-binding", 3},
    {"qe-report", 3},
    {"signature", 3},
    {"tdx-module", 3},
    {"td-attributes", 3},
    {"debug", 3},
    {"not-yet-valid", 4},
    {"expired", 4},
    {"stale", 4},
    {"tcb-level", 4},
    {"tcb-status", 4},
    {"advisory", 4},
    {"chip-denied", 2},
    {"guest-policy", 2},
    {"report-data", 2},
    {"reference-values", 2},
    {"", 0}, /* nothing is wrong */
};
#define RANKS (sizeof(ranks) / sizeof(ranks[0]))

const char *capsa_sim_rank_check(size_t rank, int *ret_exit)
{
    *ret_exit = ranks[rank].exit;
    return ranks[rank].check;
}

size_t capsa_sim_rank_none(void)
{
    return RANKS - 1;
}

static capsa_result rank_of(const char *check, size_t *ret_rank)
{
    for (size_t i = 0; i < RANKS; i++) {
        if (capsa_streq(ranks[i].check, check)) {
            *ret_rank = i;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(INTERNAL, "the lab knows no check \"%s\"", check);
}

CAPSA_RESULT capsa_sim_expect(struct capsa_sim_lab *lab, const char *check)
{
    size_t rank;
    CAPSA_TRY(rank_of(check, &rank));
    lab->rank = rank < lab->rank ? rank : lab->rank;
    return CAPSA_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

void capsa_sim_forgery_drop(capsa_sim_forgery *forgery)
{
    capsa_buf_drop(&forgery->evidence);
    capsa_collateral_drop(&forgery->collateral);
    capsa_buf_drop(&forgery->root);
    capsa_buf_drop(&forgery->policy);
    capsa_buf_drop(&forgery->expected);
}

static void forgery_init(capsa_sim_forgery *forgery)
{
    *forgery = (capsa_sim_forgery){.evidence = capsa_buf_of(EVIDENCE_MAX),
                                   .root = capsa_buf_of(CAPSA_LIMIT_cert_pem),
                                   .policy = capsa_buf_of(TEXT_MAX),
                                   .expected = capsa_buf_of(TEXT_MAX)};
    capsa_collateral_init(&forgery->collateral);
}

/* Measurements that a policy can name, where no knob says others. */
static void claim(struct capsa_sim_claims *claims)
{
    const capsa_bytes nothing = {NULL, 0};
    *claims =
        (struct capsa_sim_claims){.platform = CAPSA_PLATFORM_SGX, .isv_prod_id = 1, .isv_svn = 1};
    capsa_sim_digest("forge mr_enclave", nothing, claims->mr_enclave);
    capsa_sim_digest("forge mr_signer", nothing, claims->mr_signer);
    capsa_sim_digest384("forge mr_td", nothing, claims->mr_td);
    capsa_sim_digest384("rtmr0", nothing, claims->rtmr[0]);
    capsa_sim_digest384("rtmr1", nothing, claims->rtmr[1]);
    capsa_sim_digest("forge report_data", nothing, claims->report_data);
}

static capsa_result turn_knobs(const struct capsa_sim *sim, capsa_time now,
                               const struct capsa_sim_turn *turns, size_t count,
                               struct capsa_sim_lab *lab)
{
    *lab = (struct capsa_sim_lab){.now = now, .rank = capsa_sim_rank_none()};
    claim(&lab->recipe.claims);
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(capsa_sim_knob_turn(lab, &turns[i], true));
    }
    const struct capsa_sim_claims claims = lab->recipe.claims;
    CAPSA_TRY(capsa_sim_recipe_make(sim, &claims, now, DAYS, &lab->recipe));
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(capsa_sim_knob_turn(lab, &turns[i], false));
    }
    return CAPSA_OK;
}

static capsa_result make_all(const struct capsa_sim *sim, const struct capsa_sim_lab *lab,
                             struct capsa_cert *const certs[CAPSA_SIM_CERTS],
                             capsa_sim_forgery *forgery)
{
    CAPSA_TRY(capsa_sim_collateral_make(sim, &lab->recipe, certs, &forgery->collateral));
    CAPSA_AUTO(capsa_buf) chain = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_sim_chain_write(&lab->recipe, certs, &chain));
    CAPSA_TRY(capsa_sim_quote_make(sim, &lab->recipe, capsa_buf_bytes(&chain), &forgery->evidence));
    return lab->without_root ? CAPSA_OK
                             : capsa_cert_write_pem(certs[CAPSA_SIM_ROOT], &forgery->root);
}

/* The platform with a forger's key beside its own, which stay the platform's. */
static capsa_result make_beside(const struct capsa_sim *sim, const struct capsa_sim_lab *lab,
                                capsa_sim_forgery *forgery)
{
    CAPSA_AUTO_FREE(capsa_private_key) stranger = NULL;
    CAPSA_TRY(capsa_private_key_new_p256(&stranger));
    struct capsa_sim beside = *sim;
    beside.keys[CAPSA_SIM_STRANGER_KEY] = stranger;
    struct capsa_cert *certs[CAPSA_SIM_CERTS] = {NULL};
    CAPSA_TRY(capsa_sim_certs_make(&beside, &lab->recipe, certs));
    capsa_result made = make_all(&beside, lab, certs, forgery);
    capsa_sim_certs_drop(certs);
    return made;
}

static capsa_result set_text_or_null(struct capsa_json *object, const char *name, const char *text)
{
    return capsa_json_set(object, name,
                          text == NULL || *text == '\0' ? capsa_json_new_null()
                                                        : capsa_json_new_string(text));
}

static capsa_result set_hex(struct capsa_json *object, const char *name, capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_hex_write(bytes, &hex));
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&hex, &text));
    return capsa_json_set(object, name, capsa_json_new_string(text));
}

static capsa_result set_turns(struct capsa_json *object, const struct capsa_sim_turn *turns,
                              size_t count)
{
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t i = 0; i < count; i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
        CAPSA_TRY(capsa_buf_format(&text, "--%s%s%s", turns[i].knob,
                                   *turns[i].value == '\0' ? "" : " ", turns[i].value));
        const char *shown;
        CAPSA_TRY(capsa_buf_cstr(&text, &shown));
        CAPSA_TRY(capsa_json_push(list, capsa_json_new_string(shown)));
    }
    struct capsa_json *handed = list;
    list = NULL;
    return capsa_json_set(object, "knobs", handed);
}

static capsa_result write_expected(const capsa_sim_forgery *forgery,
                                   const struct capsa_sim_turn *turns, size_t count,
                                   capsa_buf *ret_text)
{
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    bool accepted = *forgery->check == '\0';
    CAPSA_TRY(set_text_or_null(object, "verdict", accepted ? "accept" : "reject"));
    CAPSA_TRY(set_text_or_null(object, "failed_check", forgery->check));
    CAPSA_TRY(capsa_json_set(object, "exit", capsa_json_new_int(forgery->exit)));
    CAPSA_TRY(set_text_or_null(object, "tcb_status", forgery->tcb_status));
    CAPSA_TRY(set_text_or_null(object, "platform", capsa_platform_name(forgery->platform)));
    CAPSA_TRY(
        capsa_json_set(object, "verification_time_unix", capsa_json_new_int(forgery->verify_time)));
    if (forgery->binds) {
        CAPSA_TRY(set_hex(object, "report_data",
                          capsa_bytes_of(forgery->report_data, CAPSA_REPORT_DATA)));
    }
    CAPSA_TRY(set_turns(object, turns, count));
    CAPSA_TRY(capsa_json_write(object, CAPSA_JSON_PRETTY, ret_text));
    return capsa_buf_u8(ret_text, '\n');
}

static capsa_result forge(const struct capsa_sim *sim, capsa_time now,
                          const struct capsa_sim_turn *turns, size_t count,
                          const struct capsa_sim_case *wanted, capsa_sim_forgery *forgery)
{
    struct capsa_sim_lab lab;
    CAPSA_TRY(turn_knobs(sim, now, turns, count, &lab));
    CAPSA_TRY(make_beside(sim, &lab, forgery));
    size_t rank = lab.rank;
    if (wanted != NULL && wanted->check != NULL) {
        CAPSA_TRY(rank_of(wanted->check, &rank));
    }
    forgery->platform = lab.recipe.claims.platform;
    forgery->check = capsa_sim_rank_check(rank, &forgery->exit);
    forgery->tcb_status = wanted == NULL ? NULL : wanted->tcb_status;
    forgery->verify_time = now;
    forgery->binds = lab.binds;
    memcpy(forgery->report_data, lab.expected_report_data, CAPSA_REPORT_DATA);
    if (wanted != NULL && wanted->policy != NULL) {
        CAPSA_TRY(capsa_buf_str(&forgery->policy, wanted->policy));
    }
    return write_expected(forgery, turns, count, &forgery->expected);
}

static capsa_result forge_into(const struct capsa_sim *sim, capsa_time now,
                               const struct capsa_sim_turn *turns, size_t count,
                               const struct capsa_sim_case *wanted, capsa_sim_forgery *ret_forgery)
{
    capsa_sim_forgery forgery;
    forgery_init(&forgery);
    capsa_result made = forge(sim, now, turns, count, wanted, &forgery);
    if (capsa_failed(made)) {
        capsa_sim_forgery_drop(&forgery);
        return made;
    }
    *ret_forgery = forgery;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_forge(const struct capsa_sim *sim, capsa_time now,
                             const struct capsa_sim_turn *turns, size_t count,
                             capsa_sim_forgery *ret_forgery)
{
    return forge_into(sim, now, turns, count, NULL, ret_forgery);
}

CAPSA_RESULT capsa_sim_case_make(const struct capsa_sim *sim, capsa_time now,
                                 const struct capsa_sim_case *wanted,
                                 capsa_sim_forgery *ret_forgery)
{
    size_t count = 0;
    while (count < CAPSA_SIM_CASE_TURNS && wanted->turns[count].knob != NULL) {
        count++;
    }
    CAPSA_TRY_AT(forge_into(sim, now, wanted->turns, count, wanted, ret_forgery), "%s", wanted->id);
    return CAPSA_OK;
}

/* ---- saving ---------------------------------------------------------------------------------- */

static capsa_result write_file(const char *dir, const char *name, const capsa_buf *content)
{
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(PATH_MAX);
    CAPSA_TRY(capsa_buf_format(&path, "%s/%s", dir, name));
    const char *file;
    CAPSA_TRY(capsa_buf_cstr(&path, &file));
    return capsa_file_write(file, capsa_buf_bytes(content), 0644, false);
}

/* QuoteCollateralV3, also of collateral that no honest writer would write: parts may be missing. */
CAPSA_RESULT capsa_sim_forgery_collateral(const capsa_sim_forgery *forgery, capsa_buf *ret_text)
{
    const capsa_collateral *from = &forgery->collateral;
    const struct {
        const char *name;
        const capsa_buf *part;
        bool hex;
    } members[] = {
        {"pck_crl_issuer_chain", &from->pck_crl_issuer_chain, false},
        {"root_ca_crl", &from->root_ca_crl, true},
        {"pck_crl", &from->pck_crl, true},
        {"tcb_info_issuer_chain", &from->tcb_info_issuer_chain, false},
        {"tcb_info", &from->tcb_info, false},
        {"tcb_info_signature", &from->tcb_info_signature, true},
        {"qe_identity_issuer_chain", &from->qe_identity_issuer_chain, false},
        {"qe_identity", &from->qe_identity, false},
        {"qe_identity_signature", &from->qe_identity_signature, true},
    };
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(TEXT_MAX);
        capsa_bytes bytes = capsa_buf_bytes(members[i].part);
        CAPSA_TRY(members[i].hex ? capsa_hex_write(bytes, &text) : capsa_buf_append(&text, bytes));
        const char *value;
        CAPSA_TRY(capsa_buf_cstr(&text, &value));
        CAPSA_TRY(capsa_json_set(object, members[i].name, capsa_json_new_string(value)));
    }
    CAPSA_TRY(capsa_json_write(object, CAPSA_JSON_PRETTY, ret_text));
    return capsa_buf_u8(ret_text, '\n');
}

CAPSA_RESULT capsa_sim_forgery_save(const capsa_sim_forgery *forgery, const char *dir)
{
    CAPSA_REQUIRE(mkdir(dir, 0755) == 0, IO, "cannot make %s: %s", dir, strerror(errno));
    CAPSA_AUTO(capsa_buf) collateral = capsa_buf_of(TEXT_MAX);
    CAPSA_TRY(capsa_sim_forgery_collateral(forgery, &collateral));
    const struct {
        const char *name;
        const capsa_buf *content;
        bool also_empty;
    } files[] = {
        {"evidence.bin", &forgery->evidence, true},   {"collateral.json", &collateral, true},
        {CAPSA_SIM_ROOT_FILE, &forgery->root, false}, {"policy.json", &forgery->policy, false},
        {"expected.json", &forgery->expected, true},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (files[i].content->len > 0 || files[i].also_empty) {
            CAPSA_TRY(write_file(dir, files[i].name, files[i].content));
        }
    }
    return CAPSA_OK;
}
