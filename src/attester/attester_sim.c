/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated platform's folder (attester_sim.h): made, renewed, opened; and its two attesters,
 * which collect evidence of this process as Gramine or a TD would.
 */
#include "attester/attester_sim.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attester/attester_sim_recipe.h"
#include "attester/attester_table.h"
#include "base/alloc.h"
#include "base/file.h"

#define COLLATERAL_MAX MIB(1)
#define CODE_MAX       MIB(256)
#define DAYS_MAX       3650

static const char *const key_files[CAPSA_SIM_FOLDER_KEYS] = {
    [CAPSA_SIM_ROOT_KEY] = "root.key",
    [CAPSA_SIM_PLATFORM_CA_KEY] = "platform-ca.key",
    [CAPSA_SIM_PCK_KEY] = "pck.key",
    [CAPSA_SIM_TCB_SIGNER_KEY] = "tcb-signer.key",
    [CAPSA_SIM_ATTESTATION_KEY] = "attestation.key",
    [CAPSA_SIM_ENCLAVE_SIGNER_KEY] = "enclave-signer.key",
};
static const char *const cert_files[CAPSA_SIM_CERTS] = {
    [CAPSA_SIM_ROOT] = CAPSA_SIM_ROOT_FILE,
    [CAPSA_SIM_PLATFORM_CA] = "platform-ca.pem",
    [CAPSA_SIM_PCK] = "pck.pem",
    [CAPSA_SIM_TCB_SIGNER] = "tcb-signer.pem",
};
/* A folder each, so that either can be given as a folder of collateral. */
static const struct {
    enum capsa_platform platform;
    const char *folder, *collateral;
} platforms[] = {
    {CAPSA_PLATFORM_SGX, "sgx", "sgx/collateral.json"},
    {CAPSA_PLATFORM_TDX, "tdx", "tdx/collateral.json"},
};
#define PLATFORMS (sizeof(platforms) / sizeof(platforms[0]))

/* ---- files ----------------------------------------------------------------------------------- */

/* The path of `name` in `dir`, NUL-terminated in `path`, which keeps it. */
static capsa_result path_in(const char *dir, const char *name, capsa_buf *path,
                            const char **ret_path)
{
    capsa_buf_clear(path);
    CAPSA_TRY(capsa_buf_format(path, "%s/%s", dir, name));
    return capsa_buf_cstr(path, ret_path);
}

static capsa_result write_in(const char *dir, const char *name, const capsa_buf *content,
                             unsigned mode)
{
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(PATH_MAX);
    const char *file;
    CAPSA_TRY(path_in(dir, name, &path, &file));
    return capsa_file_write(file, capsa_buf_bytes(content), mode, true);
}

static capsa_result read_in(const char *dir, const char *name, capsa_buf *ret_content)
{
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(PATH_MAX);
    const char *file;
    CAPSA_TRY(path_in(dir, name, &path, &file));
    return capsa_file_read(file, ret_content);
}

static capsa_result require_empty(const char *dir)
{
    DIR *folder = opendir(dir);
    CAPSA_REQUIRE(folder != NULL, IO, "cannot look into %s: %s", dir, strerror(errno));
    bool empty = true;
    for (const struct dirent *entry = readdir(folder); empty && entry != NULL;
         entry = readdir(folder)) {
        empty = capsa_streq(entry->d_name, ".") || capsa_streq(entry->d_name, "..");
    }
    (void)closedir(folder);
    CAPSA_REQUIRE(empty, EXISTS, "%s is not empty: a simulated platform wants a folder of its own",
                  dir);
    return CAPSA_OK;
}

static capsa_result make_folders(const char *dir)
{
    if (mkdir(dir, 0700) != 0) {
        CAPSA_REQUIRE(errno == EEXIST, IO, "cannot make %s: %s", dir, strerror(errno));
        CAPSA_TRY(require_empty(dir));
        CAPSA_REQUIRE(chmod(dir, 0700) == 0, IO, "cannot close %s to others: %s", dir,
                      strerror(errno));
    }
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(PATH_MAX);
    for (size_t i = 0; i < PLATFORMS; i++) {
        const char *folder;
        CAPSA_TRY(path_in(dir, platforms[i].folder, &path, &folder));
        CAPSA_REQUIRE(mkdir(folder, 0700) == 0, IO, "cannot make %s: %s", folder, strerror(errno));
    }
    return CAPSA_OK;
}

/* ---- keys and certificates ------------------------------------------------------------------- */

static capsa_result save_keys(const struct capsa_sim *sim)
{
    for (size_t i = 0; i < CAPSA_SIM_FOLDER_KEYS; i++) {
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(4));
        CAPSA_TRY(capsa_private_key_write(sim->keys[i], &pem));
        CAPSA_TRY(write_in(sim->dir, key_files[i], &pem, 0600));
    }
    return CAPSA_OK;
}

static capsa_result save_certs(const struct capsa_sim *sim)
{
    /* the anchor last: a folder that has it is complete */
    for (size_t i = CAPSA_SIM_CERTS; i-- > 0;) {
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
        CAPSA_TRY(capsa_cert_write_pem(sim->certs[i], &pem));
        CAPSA_TRY(write_in(sim->dir, cert_files[i], &pem, 0644));
    }
    return CAPSA_OK;
}

static capsa_result save_collateral(const struct capsa_sim *sim, size_t index, capsa_time now,
                                    unsigned days)
{
    const struct capsa_sim_claims claims = {.platform = platforms[index].platform};
    struct capsa_sim_recipe recipe;
    CAPSA_TRY(capsa_sim_recipe_make(sim, &claims, now, days, &recipe));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    CAPSA_TRY(capsa_sim_collateral_make(sim, &recipe, sim->certs, &collateral));
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_collateral_write_v3(&collateral, &json));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(COLLATERAL_MAX);
    CAPSA_TRY(capsa_json_write(json, CAPSA_JSON_PRETTY, &text));
    CAPSA_TRY(capsa_buf_u8(&text, '\n'));
    return write_in(sim->dir, platforms[index].collateral, &text, 0644);
}

static capsa_result save_all_collateral(const struct capsa_sim *sim, capsa_time now, unsigned days)
{
    CAPSA_REQUIRE(now > 0, USAGE, "the time of this machine is not set");
    CAPSA_REQUIRE(days > 0 && days <= DAYS_MAX, USAGE,
                  "collateral for %u days; 1 to %d are possible", days, DAYS_MAX);
    for (size_t i = 0; i < PLATFORMS; i++) {
        CAPSA_TRY(save_collateral(sim, i, now, days));
    }
    return CAPSA_OK;
}

static capsa_result sim_new(const char *dir, struct capsa_sim **ret_sim)
{
    struct capsa_sim *sim = CAPSA_NEW(struct capsa_sim);
    CAPSA_REQUIRE_MEMORY(sim);
    sim->dir = capsa_strdup(dir);
    if (sim->dir == NULL) {
        capsa_sim_free(sim);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    *ret_sim = sim;
    return CAPSA_OK;
}

void capsa_sim_free(struct capsa_sim *sim)
{
    if (sim == NULL) {
        return;
    }
    for (size_t i = 0; i < CAPSA_SIM_KEYS; i++) {
        capsa_private_key_free(sim->keys[i]);
    }
    capsa_sim_certs_drop(sim->certs);
    capsa_dealloc(sim->dir);
    capsa_dealloc(sim);
}

CAPSA_RESULT capsa_sim_init(const char *dir, capsa_time now, unsigned days)
{
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    CAPSA_TRY(sim_new(dir, &sim));
    for (size_t i = 0; i < CAPSA_SIM_FOLDER_KEYS; i++) {
        CAPSA_TRY(capsa_private_key_new_p256(&sim->keys[i]));
    }
    const struct capsa_sim_claims claims = {.platform = CAPSA_PLATFORM_SGX};
    struct capsa_sim_recipe recipe;
    CAPSA_TRY(capsa_sim_recipe_make(sim, &claims, now, days, &recipe));
    CAPSA_TRY(capsa_sim_certs_make(sim, &recipe, sim->certs));
    CAPSA_TRY(make_folders(dir));
    CAPSA_TRY(save_keys(sim));
    CAPSA_TRY(save_all_collateral(sim, now, days));
    return save_certs(sim);
}

static capsa_result load_parts(struct capsa_sim *sim)
{
    for (size_t i = 0; i < CAPSA_SIM_FOLDER_KEYS; i++) {
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(4));
        CAPSA_TRY(read_in(sim->dir, key_files[i], &pem));
        CAPSA_TRY_AT(capsa_private_key_parse(capsa_buf_bytes(&pem), &sim->keys[i]), "%s/%s",
                     sim->dir, key_files[i]);
        CAPSA_REQUIRE(capsa_private_key_kind(sim->keys[i]) == CAPSA_KEY_P256, MALFORMED,
                      "%s/%s: the keys of a simulated platform are on P-256", sim->dir,
                      key_files[i]);
    }
    for (size_t i = 0; i < CAPSA_SIM_CERTS; i++) {
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
        CAPSA_TRY(read_in(sim->dir, cert_files[i], &pem));
        CAPSA_TRY_AT(capsa_cert_parse_pem(capsa_buf_bytes(&pem), &sim->certs[i]), "%s/%s", sim->dir,
                     cert_files[i]);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_open(const char *dir, struct capsa_sim **ret_sim)
{
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    CAPSA_TRY(sim_new(dir, &sim));
    CAPSA_TRY_AT(load_parts(sim), "the simulated platform (capsa sim init makes one)");
    *ret_sim = sim;
    sim = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_renew(const char *dir, capsa_time now, unsigned days)
{
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    CAPSA_TRY(capsa_sim_open(dir, &sim));
    return save_all_collateral(sim, now, days);
}

/* ---- collateral, measurements, quotes -------------------------------------------------------- */

CAPSA_RESULT capsa_sim_collateral(const struct capsa_sim *sim, enum capsa_platform platform,
                                  capsa_collateral *ret_collateral)
{
    const char *file = NULL;
    for (size_t i = 0; i < PLATFORMS; i++) {
        file = platforms[i].platform == platform ? platforms[i].collateral : file;
    }
    CAPSA_REQUIRE(file != NULL, USAGE, "the simulation has no collateral of %s",
                  capsa_platform_name(platform));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(COLLATERAL_MAX);
    CAPSA_TRY(read_in(sim->dir, file, &text));
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY_AT(capsa_json_parse(capsa_buf_bytes(&text), &json), "%s/%s", sim->dir, file);
    CAPSA_TRY_AT(capsa_collateral_parse_v3(json, ret_collateral), "%s/%s", sim->dir, file);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_mr_signer(const struct capsa_sim *sim, uint8_t ret_mr_signer[32])
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_TRY(capsa_public_key_of(sim->keys[CAPSA_SIM_ENCLAVE_SIGNER_KEY], &key));
    CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_public_key_spki(key, &spki));
    capsa_sha256(capsa_buf_bytes(&spki), ret_mr_signer);
    return CAPSA_OK;
}

/* be32 length and label, be32 length and bytes of the file */
static capsa_result read_code(const char *file, const char *label, capsa_buf *ret_input)
{
    CAPSA_TRY(capsa_buf_field(ret_input, capsa_bytes_str(label)));
    size_t at = ret_input->len;
    CAPSA_TRY(capsa_buf_be32(ret_input, 0));
    CAPSA_TRY(capsa_file_read(file, ret_input));
    size_t len = ret_input->len - at - 4;
    CAPSA_REQUIRE(len > 0, USAGE, "%s is empty: there is nothing to measure", file);
    for (size_t i = 0; i < 4; i++) {
        ret_input->data[at + i] = (uint8_t)(len >> (24 - 8 * i));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_measure(const char *file, struct capsa_sim_claims *claims)
{
    bool tdx = claims->platform == CAPSA_PLATFORM_TDX;
    CAPSA_AUTO(capsa_buf) input = capsa_buf_of(CODE_MAX);
    CAPSA_TRY(read_code(file, tdx ? "capsa sim mr_td" : "capsa sim mr_enclave", &input));
    if (!tdx) {
        capsa_sha256(capsa_buf_bytes(&input), claims->mr_enclave);
        return CAPSA_OK;
    }
    capsa_sha384(capsa_buf_bytes(&input), claims->mr_td);
    /* firmware and kernel are always the same ones, and never zero: a policy can name them */
    capsa_sim_digest384("rtmr0", capsa_bytes_of(NULL, 0), claims->rtmr[0]);
    capsa_sim_digest384("rtmr1", capsa_bytes_of(NULL, 0), claims->rtmr[1]);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_quote(const struct capsa_sim *sim, const struct capsa_sim_claims *claims,
                             capsa_buf *ret_quote)
{
    struct capsa_sim_recipe recipe;
    CAPSA_TRY(capsa_sim_recipe_make(sim, claims, 0, 0, &recipe));
    CAPSA_AUTO(capsa_buf) chain = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_sim_chain_write(&recipe, sim->certs, &chain));
    return capsa_sim_quote_make(sim, &recipe, capsa_buf_bytes(&chain), ret_quote);
}

/* ---- attesters ------------------------------------------------------------------------------- */

static bool is_present(const struct capsa_attester *attester,
                       const struct capsa_attester_options *options)
{
    (void)attester;
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(PATH_MAX);
    const char *root = NULL;
    return options->sim_dir != NULL &&
           !capsa_failed(path_in(options->sim_dir, CAPSA_SIM_ROOT_FILE, &path, &root)) &&
           access(root, R_OK) == 0;
}

static capsa_result collect(const struct capsa_attester *attester,
                            const struct capsa_attester_options *options,
                            const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
                            capsa_collateral *ret_collateral)
{
    CAPSA_REQUIRE(options->sim_dir != NULL, USAGE,
                  "simulated evidence wants the folder that capsa sim init made");
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    CAPSA_TRY(capsa_sim_open(options->sim_dir, &sim));
    struct capsa_sim_claims claims = {
        .platform = attester->platform, .isv_prod_id = 1, .isv_svn = 1};
    CAPSA_TRY(capsa_sim_mr_signer(sim, claims.mr_signer));
    CAPSA_TRY(capsa_sim_measure(options->sim_code == NULL ? "/proc/self/exe" : options->sim_code,
                                &claims));
    memcpy(claims.report_data, report_data, CAPSA_REPORT_DATA);
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    CAPSA_TRY(capsa_sim_quote(sim, &claims, &quote));
    CAPSA_TRY(capsa_sim_collateral(sim, attester->platform, ret_collateral));
    return capsa_buf_append(ret_evidence, capsa_buf_bytes(&quote));
}

const struct capsa_attester capsa_attester_sim_sgx = {
    .name = "sim-sgx",
    .what = "simulated SGX: proves nothing",
    .platform = CAPSA_PLATFORM_SGX,
    .present = is_present,
    .collect = collect,
};
const struct capsa_attester capsa_attester_sim_tdx = {
    .name = "sim-tdx",
    .what = "simulated TDX: proves nothing",
    .platform = CAPSA_PLATFORM_TDX,
    .present = is_present,
    .collect = collect,
};
