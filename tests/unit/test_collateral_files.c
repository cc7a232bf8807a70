/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: collateral in files and folders, told apart by content.
 */
#include "attestation.h"

#include <sys/stat.h>

#include "codec/text.h"
#include "evidence/collateral_internal.h"
#include "evidence/evidence_csv.h"

#define SGX "attestation/sgx_v3_swh_2025"
#define SNP "attestation/snp_v3_milan_vcek"
#define CSV "attestation/csv_v1_synthetic_ok"

static capsa_buf file_of(const char *folder, const char *name)
{
    capsa_buf file = capsa_buf_of(CAPSA_LIMIT_collateral_file);
    attestation_read(folder, name, &file);
    return file;
}

static void add(capsa_collateral *collateral, const char *folder, const char *name)
{
    CAPSA_AUTO(capsa_buf) file = file_of(folder, name);
    assert_ok(capsa_collateral_add(collateral, name, capsa_buf_bytes(&file)));
}

/* ---- Folders that were recorded -------------------------------------------------------------- */

static void assert_complete(const capsa_collateral *collateral, const char *folder)
{
    const char *name = folder + strlen("attestation/");
    bool has_intel = collateral->tcb_info.len > 0 && collateral->tcb_info_signature.len == 64 &&
                     collateral->qe_identity.len > 0 && collateral->root_ca_crl.len > 0 &&
                     collateral->pck_crl.len > 0 && collateral->tcb_info_issuer_chain.len > 0;
    bool has_amd =
        collateral->snp_leaf.len > 0 && collateral->snp_ask.len > 0 && collateral->snp_ark.len > 0;
    bool has_hygon = collateral->csv_hsk.len == CAPSA_CSV_ROOT_CERT_BYTES &&
                     collateral->csv_cek.len == CAPSA_CSV_CERT_BYTES;
    bool is_snp = strncmp(name, "snp", 3) == 0;
    bool is_csv = strncmp(name, "csv", 3) == 0;
    if (has_amd != is_snp || has_hygon != is_csv || has_intel != (!is_snp && !is_csv)) {
        fail_msg("%s: not what belongs to it", name);
    }
}

static void recorded_folders_give_all_that_belongs_to_their_evidence(void **state)
{
    (void)state;
    static struct attestation_case cases[ATTESTATION_FOLDERS];
    size_t all = 0;
    size_t count = attestation_folders("attestation", "expected.json", cases);
    for (size_t i = 0; i < count; i++) {
        char path[VECTOR_PATH];
        test_vector_path(cases[i].name, path);
        CAPSA_AUTO(capsa_collateral) collateral;
        capsa_collateral_init(&collateral);
        capsa_result result = capsa_collateral_load(path, &collateral);
        if (strstr(cases[i].name, "csv_real_report_pek_only") != NULL) {
            assert_int_equal(capsa_code_of(result), CAPSA_E_NOT_FOUND);
            continue;
        }
        assert_ok(result);
        assert_complete(&collateral, cases[i].name);
        all++;
    }
    assert_true(all >= 40);
}

static void folders_of_the_synthetic_suite_load(void **state)
{
    (void)state;
    static struct attestation_case cases[ATTESTATION_FOLDERS];
    size_t count = attestation_folders("attestation/synthetic", "collateral.json", cases);
    for (size_t i = 0; i < count; i++) {
        char path[VECTOR_PATH];
        test_vector_path(cases[i].name, path);
        CAPSA_AUTO(capsa_collateral) collateral;
        capsa_collateral_init(&collateral);
        assert_ok(capsa_collateral_load(path, &collateral));
        assert_true(collateral.tcb_info.len > 0);
    }
    assert_true(count > 100);
}

/* ---- One file -------------------------------------------------------------------------------- */

static void A15_a_root_is_never_collateral(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *file, *name;
    } roots[] = {
        {CSV, "hrk.cert", "hrk.cert"},
        {CSV, "hrk.cert", "any.bin"},
        {"attestation/sgx_v3_intel_sampleapp_testroot", "trusted_root.pem", "trusted_root.pem"},
        {"attestation/sgx_v3_intel_sampleapp_testroot", "trusted_root.pem", "any.pem"},
    };
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        CAPSA_AUTO(capsa_buf) file = file_of(roots[i].folder, roots[i].file);
        CAPSA_AUTO(capsa_collateral) collateral;
        capsa_collateral_init(&collateral);
        assert_fails(capsa_collateral_add(&collateral, roots[i].name, capsa_buf_bytes(&file)),
                     MALFORMED);
        assert_true(capsa_collateral_is_empty(&collateral));
    }
}

/* The root's revocation list is no root, though people call its file so: passed over, it would be
 * missed in silence. */
static void a_revocation_list_is_taken_also_when_its_file_is_called_root(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_collateral) whole;
    capsa_collateral_init(&whole);
    add(&whole, "attestation/sgx_v3_swh_2025", "collateral.json");
    static const char *const names[] = {"root.der", "root.crl", "trusted_root.der"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CAPSA_AUTO(capsa_collateral) one;
        capsa_collateral_init(&one);
        assert_ok(capsa_collateral_add(&one, names[i], capsa_buf_bytes(&whole.root_ca_crl)));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&one.root_ca_crl),
                                      capsa_buf_bytes(&whole.root_ca_crl)));
    }
}

static void certificates_go_where_their_names_say_whatever_the_file_is_called(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_collateral) named;
    CAPSA_AUTO(capsa_collateral) unnamed;
    capsa_collateral_init(&named);
    capsa_collateral_init(&unnamed);
    static const char *const files[] = {"leaf.der", "ask.pem", "ark.pem"};
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO(capsa_buf) file = file_of(SNP, files[i]);
        assert_ok(capsa_collateral_add(&named, files[i], capsa_buf_bytes(&file)));
        assert_ok(capsa_collateral_add(&unnamed, files[(i + 1) % 3], capsa_buf_bytes(&file)));
    }
    CAPSA_AUTO(capsa_buf) leaf = file_of(SNP, "leaf.der");
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&named.snp_leaf), capsa_buf_bytes(&leaf)));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&unnamed.snp_leaf), capsa_buf_bytes(&leaf)));
    assert_int_equal(named.snp_ark.data[0], 0x30); /* DER, of a file in PEM */
    assert_ok(capsa_collateral_take(&named, &unnamed));
}

static void asks_and_arks_in_one_file_are_split(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) chain = file_of(SNP, "ask.pem");
    CAPSA_AUTO(capsa_buf) ark = file_of(SNP, "ark.pem");
    assert_ok(capsa_buf_append(&chain, capsa_buf_bytes(&ark)));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_collateral_add(&collateral, "cert_chain", capsa_buf_bytes(&chain)));
    assert_true(collateral.snp_ask.len > 0 && collateral.snp_ark.len > 0);
    assert_int_equal(collateral.snp_leaf.len, 0);
    add(&collateral, SNP, "ark.pem"); /* once more is the same */
}

static void hsk_and_cek_come_apart_or_as_they_are_served(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_collateral) apart;
    CAPSA_AUTO(capsa_collateral) together;
    capsa_collateral_init(&apart);
    capsa_collateral_init(&together);
    add(&apart, CSV, "hsk.cert");
    add(&apart, CSV, "cek.cert");
    CAPSA_AUTO(capsa_buf) both = file_of(CSV, "hsk.cert");
    CAPSA_AUTO(capsa_buf) cek = file_of(CSV, "cek.cert");
    assert_ok(capsa_buf_append(&both, capsa_buf_bytes(&cek)));
    assert_ok(capsa_collateral_add(&together, "hsk_cek.cert", capsa_buf_bytes(&both)));
    assert_int_equal(together.csv_cek.len, CAPSA_CSV_CERT_BYTES);
    assert_ok(capsa_collateral_take(&apart, &together));
    for (size_t len = 0; len < both.len; len += 13) { /* 832 is one of them */
        assert_true(
            len == CAPSA_CSV_ROOT_CERT_BYTES ||
            capsa_failed(capsa_collateral_add(&together, "x", (capsa_bytes){both.data, len})));
    }
    assert_fails(capsa_collateral_add(&together, "hsk.cert", (capsa_bytes){both.data, 831}),
                 MALFORMED);
    assert_fails(capsa_collateral_add(&together, "cek.cert", (capsa_bytes){cek.data, 2083}),
                 MALFORMED);
}

static void another_of_the_same_part_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    add(&collateral, SGX, "collateral.json");
    add(&collateral, SGX, "ual_report.json"); /* the same once more */
    CAPSA_AUTO(capsa_collateral) chain;
    capsa_collateral_init(&chain);
    assert_ok(capsa_buf_append(&chain.tcb_info_issuer_chain,
                               capsa_buf_bytes(&collateral.tcb_info_issuer_chain)));
    assert_ok(capsa_buf_str(&chain.tcb_info_issuer_chain, "\n"));
    assert_ok(capsa_collateral_take(&collateral, &chain)); /* so is another line end */
    CAPSA_AUTO(capsa_buf) other = file_of("attestation/tdx_v5_uptodate", "collateral.json");
    size_t before = collateral.tcb_info.len;
    capsa_result result =
        capsa_collateral_add(&collateral, "collateral.json", capsa_buf_bytes(&other));
    assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
    assert_non_null(strstr(capsa_text_of(result), "is there already, and is another"));
    assert_int_equal(collateral.tcb_info.len, before);
}

static void what_is_no_collateral_is_an_error_when_it_is_named(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "hello", "{}", "{\"a\":1}", "{", "[1]", "-----BEGIN PUBLIC KEY-----\n", "\x30\x82zz"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CAPSA_AUTO(capsa_collateral) collateral;
        capsa_collateral_init(&collateral);
        capsa_result result = capsa_collateral_add(&collateral, "x.y", capsa_bytes_str(bad[i]));
        if (!capsa_failed(result) || strncmp(capsa_text_of(result), "x.y: ", 5) != 0) {
            fail_msg("%s: %s", bad[i], capsa_text_of(result));
        }
    }
}

static void the_evidence_of_a_passport_is_not_looked_at(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    static const char report[] =
        "{\"str_report_version\":\"1.0\",\"str_report_type\":\"Passport\",\"str_tee_platform\":"
        "\"SNP\",\"json_report\":\"{\\\"b64_quote\\\":\\\"AAAA\\\",\\\"json_collateral\\\":\\\"{"
        "\\\\\\\"b64_vlek\\\\\\\":\\\\\\\"MAA=\\\\\\\"}\\\"}\"}";
    assert_ok(capsa_collateral_add(&collateral, "r.json", capsa_bytes_str(report)));
    assert_int_equal(collateral.snp_leaf.len, 2);
}

/* GUIDs as their text has them; in the table the first three parts are little-endian. */
static void push_entry(capsa_buf *table, const char *guid_as_stored, size_t offset, size_t len)
{
    assert_ok(capsa_hex_parse(capsa_bytes_str(guid_as_stored), table));
    assert_ok(capsa_buf_le32(table, (uint32_t)offset));
    assert_ok(capsa_buf_le32(table, (uint32_t)len));
}

static void a_table_of_certificates_is_taken_apart(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) leaf = file_of(SNP, "leaf.der");
    CAPSA_AUTO(capsa_buf) ask = file_of(SNP, "ask.pem");
    CAPSA_AUTO(capsa_buf) table = capsa_buf_of(KIB(64));
    size_t begin = (size_t)3 * 24;
    push_entry(&table, "8d75da6364e66445adc5f4b93be8accd", begin, leaf.len);
    push_entry(&table, "79b3b74aacbbe44fa02f05aef327c782", begin + leaf.len, ask.len);
    push_entry(&table, "00000000000000000000000000000000", 0, 0);
    assert_ok(capsa_buf_append(&table, capsa_buf_bytes(&leaf)));
    assert_ok(capsa_buf_append(&table, capsa_buf_bytes(&ask)));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_collateral_add(&collateral, "auxblob", capsa_buf_bytes(&table)));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&collateral.snp_leaf), capsa_buf_bytes(&leaf)));
    assert_true(collateral.snp_ask.len > 0);
    assert_int_equal(collateral.snp_ark.len, 0);
}

/* ---- Folders made here ----------------------------------------------------------------------- */

static void write_file(const char *folder, const char *name, capsa_bytes bytes)
{
    char path[PATH_MAX];
    assert_true(snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path));
    assert_ok(capsa_file_write(path, bytes, 0600, true));
}

static void write_text(const char *folder, const char *name, const capsa_buf *text)
{
    write_file(folder, name, capsa_buf_bytes(text));
}

/* What a service answers, saved file by file: lists as PEM-less DER and as hex, chains, envelopes.
 */
static void answers_of_services_saved_as_they_came_are_collateral(void **state)
{
    (void)state;
    char folder[] = "/tmp/capsa-collateral-XXXXXX";
    assert_non_null(mkdtemp(folder));
    CAPSA_AUTO(capsa_collateral) wanted;
    capsa_collateral_init(&wanted);
    add(&wanted, SGX, "collateral.json");
    CAPSA_AUTO(capsa_buf) tcb = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) identity = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(MIB(1));
    assert_ok(capsa_collateral_envelope("tcbInfo", capsa_buf_bytes(&wanted.tcb_info),
                                        capsa_buf_bytes(&wanted.tcb_info_signature), &tcb));
    assert_ok(capsa_collateral_envelope("enclaveIdentity", capsa_buf_bytes(&wanted.qe_identity),
                                        capsa_buf_bytes(&wanted.qe_identity_signature), &identity));
    assert_ok(capsa_hex_write(capsa_buf_bytes(&wanted.pck_crl), &hex));
    write_text(folder, "tcb", &tcb);
    write_text(folder, "identity", &identity);
    write_text(folder, "pckcrl", &hex);
    write_text(folder, "IntelSGXRootCA.der", &wanted.root_ca_crl);
    write_text(folder, "signer.pem", &wanted.tcb_info_issuer_chain);
    write_text(folder, "pck_ca.pem", &wanted.pck_crl_issuer_chain);
    write_file(folder, "README.md", CAPSA_BYTES_LITERAL("what this is"));
    CAPSA_AUTO(capsa_collateral) got;
    capsa_collateral_init(&got);
    assert_ok(capsa_collateral_load(folder, &got));
    assert_true(got.qe_identity_issuer_chain.len > 0);
    assert_ok(capsa_collateral_take(&wanted, &got));
    test_remove_tree(folder);
}

static void a_folder_passes_over_what_is_known_and_refuses_what_is_broken(void **state)
{
    (void)state;
    char folder[] = "/tmp/capsa-collateral-XXXXXX";
    char below[PATH_MAX];
    assert_non_null(mkdtemp(folder));
    CAPSA_AUTO(capsa_collateral) got;
    capsa_collateral_init(&got);
    assert_fails(capsa_collateral_load(folder, &got), NOT_FOUND);
    assert_true(snprintf(below, sizeof(below), "%s/below", folder) > 0);
    assert_int_equal(mkdir(below, 0700), 0);
    CAPSA_AUTO(capsa_buf) leaf = file_of(SNP, "leaf.der");
    write_file(folder, "notes.txt", CAPSA_BYTES_LITERAL("hello"));
    write_file(folder, ".hidden.json", CAPSA_BYTES_LITERAL("{"));
    write_text(folder, "leaf.der", &leaf);
    assert_ok(capsa_collateral_load(folder, &got));
    write_file(folder, "ask.pem", CAPSA_BYTES_LITERAL("-----BEGIN CERTIFICATE-----\n"));
    capsa_collateral_drop(&got);
    capsa_result result = capsa_collateral_load(folder, &got);
    assert_true(capsa_failed(result));
    assert_non_null(strstr(capsa_text_of(result), "ask.pem"));
    assert_true(capsa_collateral_is_empty(&got));
    test_remove_tree(folder);
}

static void a_folder_has_a_limit_of_files_and_of_their_size(void **state)
{
    (void)state;
    char folder[] = "/tmp/capsa-collateral-XXXXXX";
    assert_non_null(mkdtemp(folder));
    CAPSA_AUTO(capsa_collateral) got;
    capsa_collateral_init(&got);
    for (int i = 0; i <= CAPSA_LIMIT_collateral_files; i++) {
        char name[32];
        assert_true(snprintf(name, sizeof(name), "%d.txt", i) > 0);
        write_file(folder, name, CAPSA_BYTES_LITERAL("x"));
    }
    assert_fails(capsa_collateral_load(folder, &got), TOO_LARGE);
    test_remove_tree(folder);
    char file[] = "/tmp/capsa-collateral-XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, CAPSA_LIMIT_collateral_file + 1), 0);
    assert_int_equal(close(fd), 0);
    assert_fails(capsa_collateral_load(file, &got), TOO_LARGE);
    assert_int_equal(unlink(file), 0);
    assert_fails(capsa_collateral_load(file, &got), IO);
}

/* ---- Our form for SNP ------------------------------------------------------------------------ */

static void certificates_of_snp_go_into_a_report_and_out_again(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *leaf;
    } cases[] = {{SNP, "b64_vcek"}, {"attestation/snp_v3_milan_vlek", "b64_vlek"}};
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_collateral) first;
        CAPSA_AUTO(capsa_collateral) second;
        CAPSA_AUTO_FREE(capsa_json) json = NULL;
        char path[VECTOR_PATH];
        capsa_collateral_init(&first);
        test_vector_path(cases[i].folder, path);
        CAPSA_AUTO(capsa_buf) leaf = file_of(cases[i].folder, "leaf.der");
        assert_ok(capsa_collateral_load(path, &first));
        assert_ok(capsa_collateral_write_snp(&first, &json));
        assert_non_null(capsa_json_get(json, cases[i].leaf));
        assert_ok(capsa_collateral_parse_snp(json, &second));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&second.snp_leaf), capsa_buf_bytes(&leaf)));
        assert_ok(capsa_collateral_take(&first, &second));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_folders_give_all_that_belongs_to_their_evidence),
        cmocka_unit_test(folders_of_the_synthetic_suite_load),
        cmocka_unit_test(A15_a_root_is_never_collateral),
        cmocka_unit_test(a_revocation_list_is_taken_also_when_its_file_is_called_root),
        cmocka_unit_test(certificates_go_where_their_names_say_whatever_the_file_is_called),
        cmocka_unit_test(asks_and_arks_in_one_file_are_split),
        cmocka_unit_test(hsk_and_cek_come_apart_or_as_they_are_served),
        cmocka_unit_test(another_of_the_same_part_is_refused_and_changes_nothing),
        cmocka_unit_test(what_is_no_collateral_is_an_error_when_it_is_named),
        cmocka_unit_test(the_evidence_of_a_passport_is_not_looked_at),
        cmocka_unit_test(a_table_of_certificates_is_taken_apart),
        cmocka_unit_test(answers_of_services_saved_as_they_came_are_collateral),
        cmocka_unit_test(a_folder_passes_over_what_is_known_and_refuses_what_is_broken),
        cmocka_unit_test(a_folder_has_a_limit_of_files_and_of_their_size),
        cmocka_unit_test(certificates_of_snp_go_into_a_report_and_out_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
