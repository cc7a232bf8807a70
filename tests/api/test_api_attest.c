/* SPDX-License-Identifier: Apache-2.0
 *
 * From an attester to a verdict through the public interface alone, on a simulated platform. Only
 * the platform itself is made with what is behind the interface.
 */
#include "api_test.h"

#include <ftw.h>
#include <sys/stat.h>

#include "attester/attester_sim.h"

#define NOW 1800000000

struct platform {
    char folder[64], root[96];
    struct api_bytes pem;
};

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

static int platform_setup(void **state)
{
    struct platform *platform = calloc(1, sizeof(*platform));
    assert_non_null(platform);
    (void)snprintf(platform->folder, sizeof(platform->folder), "/tmp/capsa-api-XXXXXX");
    assert_non_null(mkdtemp(platform->folder));
    assert_int_equal(capsa_code_of(capsa_sim_init(platform->folder, NOW, 30)), CAPSA_E_OK);
    (void)snprintf(platform->root, sizeof(platform->root), "%s/root.pem", platform->folder);
    platform->pem = (struct api_bytes){calloc(1, 65536), 0};
    FILE *in = fopen(platform->root, "rb");
    assert_non_null(in);
    platform->pem.len = fread(platform->pem.data, 1, 65536, in);
    (void)fclose(in);
    *state = platform;
    return 0;
}

static int platform_teardown(void **state)
{
    struct platform *platform = *state;
    assert_int_equal(nftw(platform->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(platform->pem.data);
    free(platform);
    return 0;
}

static libcapsa_attester *attester_of(const struct platform *platform, const char *name)
{
    libcapsa_attester *attester = NULL;
    assert_success(libcapsa_attester_new(name, &attester, NULL), NULL);
    assert_success(
        libcapsa_attester_insecure_set_simulation(attester, platform->folder, NULL, NULL), NULL);
    return attester;
}

static const libcapsa_bytes fields[] = {{"field", 5}, {NULL, 0}};

static void check_simulated(const struct platform *platform, const char *name)
{
    libcapsa_attester *attester = attester_of(platform, name);
    libcapsa_verifier *verifier = NULL;
    libcapsa_evidence *evidence = NULL;
    uint8_t bound[LIBCAPSA_REPORT_DATA];
    uint8_t other[LIBCAPSA_REPORT_DATA];
    libcapsa_error *error = libcapsa_error_new();
    assert_string_equal(libcapsa_attester_name(attester), name);
    assert_int_equal(libcapsa_attester_present(attester), 1);
    assert_success(libcapsa_attester_attest(attester, "test", fields, 2, &evidence, error), error);
    assert_string_equal(libcapsa_evidence_platform(evidence), libcapsa_attester_platform(attester));
    assert_success(libcapsa_report_data("test", fields, 2, bound, error), error);
    assert_success(libcapsa_report_data("test", fields, 1, other, error), error);
    assert_success(libcapsa_verifier_new(&verifier, error), error);
#define JUDGE(data)                                                                                \
    libcapsa_verifier_judge(verifier, evidence, NULL, NOW + 60, data, LIBCAPSA_REPORT_DATA, NULL,  \
                            error)
    /* Nobody trusts it by default. */
    assert_code(JUDGE(bound), LIBCAPSA_E_EVIDENCE, error);
    assert_string_equal(libcapsa_error_check(error), "anchor");
    assert_success(libcapsa_verifier_insecure_set_simulated_root(verifier, platform->pem.data,
                                                                 platform->pem.len, error),
                   error);
    assert_success(JUDGE(bound), error);
    assert_code(JUDGE(other), LIBCAPSA_E_DENIED, error);
    assert_success(libcapsa_verifier_set_vendor_only(verifier, 1, error), error);
    assert_code(JUDGE(bound), LIBCAPSA_E_EVIDENCE, error);
    assert_string_equal(libcapsa_error_check(error), "anchor-kind");
    libcapsa_error_free(error);
    libcapsa_verifier_free(verifier);
    libcapsa_evidence_free(evidence);
    libcapsa_attester_free(attester);
}

static void what_is_attested_is_verified_and_bound(void **state)
{
    check_simulated(*state, "sim-sgx");
    check_simulated(*state, "sim-tdx");
}

static void raw_report_data_is_64_bytes_and_bound_as_it_is(void **state)
{
    libcapsa_attester *attester = attester_of(*state, "sim-sgx");
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_evidence *evidence = NULL;
    uint8_t raw[LIBCAPSA_REPORT_DATA];
    uint8_t bound[LIBCAPSA_REPORT_DATA];
    memset(raw, 0xa5, sizeof(raw));
    assert_code(libcapsa_attester_insecure_attest_raw(attester, raw, 32, &evidence, error),
                LIBCAPSA_E_USAGE, error);
    assert_null(evidence);
    assert_success(
        libcapsa_attester_insecure_attest_raw(attester, raw, sizeof(raw), &evidence, error), error);
    assert_success(libcapsa_evidence_report_data(evidence, bound, error), error);
    assert_memory_equal(raw, bound, sizeof(raw));
    libcapsa_evidence_free(evidence);
    libcapsa_error_free(error);
    libcapsa_attester_free(attester);
}

static void write_file(const char *root, const char *name, const void *bytes, size_t len)
{
    char path[160];
    assert_true(snprintf(path, sizeof(path), "%s/dev/attestation/%s", root, name) <
                (int)sizeof(path));
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

/* What Gramine would show to an enclave whose quote was recorded. */
static void make_enclave(char *root, struct api_bytes quote)
{
    char path[96];
    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof(path), "%s/dev", root);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/dev/attestation", root);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(root, "attestation_type", "dcap", 4);
    write_file(root, "user_report_data", "", 0);
    write_file(root, "quote", quote.data, quote.len);
}

static void the_interface_of_another_root_is_used_and_its_binding_checked(void **state)
{
    (void)state;
    char root[] = "/tmp/capsa-api-XXXXXX";
    struct api_bytes quote = api_read("sgx_v3_swh_2025", "quote.bin");
    const uint8_t *bound = quote.data + 48 + 320;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_attester *attester = NULL;
    libcapsa_evidence *evidence = NULL;
    make_enclave(root, quote);
    assert_success(libcapsa_attester_new("sgx", &attester, error), error);
    assert_success(libcapsa_attester_set_root(attester, root, error), error);
    assert_int_equal(libcapsa_attester_present(attester), 1);
    assert_success(libcapsa_attester_insecure_attest_raw(attester, bound, LIBCAPSA_REPORT_DATA,
                                                         &evidence, error),
                   error);
    size_t len = 0;
    const uint8_t *got = libcapsa_evidence_bytes(evidence, &len);
    assert_int_equal(len, quote.len);
    assert_memory_equal(got, quote.data, len);
    libcapsa_evidence *other = NULL;
    assert_int_not_equal(libcapsa_attester_attest(attester, "test", NULL, 0, &other, error),
                         LIBCAPSA_OK);
    assert_null(other);
    libcapsa_evidence_free(evidence);
    libcapsa_attester_free(attester);
    libcapsa_error_free(error);
    free(quote.data);
    assert_int_equal(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void an_attester_that_is_not_there_says_so(void **state)
{
    (void)state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_attester *attester = NULL;
    libcapsa_evidence *evidence = NULL;
    assert_code(libcapsa_attester_new("vax", &attester, error), LIBCAPSA_E_UNSUPPORTED, error);
    assert_null(attester);
    assert_non_null(strstr(libcapsa_error_text(error), "vax"));
    assert_success(libcapsa_attester_new("sim-sgx", &attester, error), error);
    assert_success(
        libcapsa_attester_insecure_set_simulation(attester, "/nowhere/at/all", NULL, error), error);
    assert_int_equal(libcapsa_attester_present(attester), 0);
    assert_int_not_equal(libcapsa_attester_attest(attester, "test", NULL, 0, &evidence, error),
                         LIBCAPSA_OK);
    assert_null(evidence);
    assert_non_null(strstr(libcapsa_error_text(error), "/nowhere/at/all"));
    libcapsa_error_free(error);
    libcapsa_attester_free(attester);
}

static void every_attester_of_the_table_can_be_asked_for(void **state)
{
    (void)state;
    size_t count = 0;
    for (const char *name = NULL; (name = libcapsa_attester_name_at(count)) != NULL; count++) {
        libcapsa_attester *attester = NULL;
        assert_success(libcapsa_attester_new(name, &attester, NULL), NULL);
        assert_string_equal(libcapsa_attester_name(attester), name);
        libcapsa_attester_free(attester);
    }
    assert_true(count >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_attested_is_verified_and_bound),
        cmocka_unit_test(raw_report_data_is_64_bytes_and_bound_as_it_is),
        cmocka_unit_test(the_interface_of_another_root_is_used_and_its_binding_checked),
        cmocka_unit_test(an_attester_that_is_not_there_says_so),
        cmocka_unit_test(every_attester_of_the_table_can_be_asked_for),
    };
    return cmocka_run_group_tests(tests, platform_setup, platform_teardown);
}
