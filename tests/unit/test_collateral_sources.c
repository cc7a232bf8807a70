/* SPDX-License-Identifier: Apache-2.0
 *
 * What sources make of evidence and of answers, without a server: what a quote is asked by, chains
 * in headers, the configuration of Intel's client, and what bundles hold.
 */
#include "attestation.h"
#include "codec/text.h"
#include "collateral/collateral_bundle.h"
#include "collateral/collateral_intel.h"
#include "collateral/collateral_qcnl.h"
#include "collateral/collateral_source.h"

static void read_vector(const char *folder, const char *file, capsa_buf *content)
{
    *content = capsa_buf_of(MIB(1));
    attestation_read(folder, file, content);
}

/* ---- What is asked by ------------------------------------------------------------------------ */

static void a_quote_names_its_platform(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *fmspc;
        bool is_platform_ca;
    } cases[] = {
        {"attestation/tdx_v4_uptodate_90C06F", "90c06f000000", true},
        {"attestation/sgx_v3_outofdate_processor_ca_2025", NULL, false},
        {"attestation/sgx_v3_swh_2025", NULL, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes;
        struct capsa_quote quote;
        struct capsa_intel_platform about;
        read_vector(cases[i].folder, "quote.bin", &bytes);
        assert_ok(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote));
        assert_ok(capsa_intel_platform_of_quote(&quote, &about));
        assert_int_equal(about.is_platform_ca, cases[i].is_platform_ca);
        assert_int_equal(strlen(about.fmspc), 12);
        if (cases[i].fmspc != NULL) {
            assert_string_equal(about.fmspc, cases[i].fmspc);
        }
    }
}

static void a_chain_is_read_in_any_order_and_refused_without_a_leaf(void **state)
{
    (void)state;
    static const char end[] = "-----END CERTIFICATE-----\n";
    CAPSA_AUTO(capsa_buf) bytes;
    CAPSA_AUTO(capsa_buf) turned = capsa_buf_of(MIB(1));
    struct capsa_quote quote;
    struct capsa_intel_platform about, turned_about;
    read_vector("attestation/sgx_v3_swh_2025", "quote.bin", &bytes);
    assert_ok(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote));
    const uint8_t *found = memmem(quote.cert_data.data, quote.cert_data.len, end, sizeof(end) - 1);
    assert_non_null(found);
    size_t leaf = (size_t)(found - quote.cert_data.data) + sizeof(end) - 1;
    capsa_bytes rest = capsa_bytes_from(quote.cert_data, leaf);
    while (rest.data[rest.len - 1] == 0) {
        rest.len--;
    }
    assert_ok(capsa_buf_append(&turned, rest));
    assert_fails(capsa_intel_platform_of_chain(capsa_buf_bytes(&turned), &about), MALFORMED);
    assert_ok(capsa_buf_str(&turned, "\n"));
    assert_ok(capsa_buf_append(&turned, capsa_bytes_of(quote.cert_data.data, leaf)));
    assert_ok(capsa_intel_platform_of_chain(capsa_buf_bytes(&turned), &turned_about));
    assert_ok(capsa_intel_platform_of_chain(quote.cert_data, &about));
    assert_string_equal(about.fmspc, turned_about.fmspc);
}

static void an_encrypted_ppid_makes_a_query(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) bytes;
    CAPSA_AUTO(capsa_buf) query = capsa_buf_of(KIB(4));
    struct capsa_quote quote;
    struct capsa_intel_platform about;
    const char *text;
    read_vector("attestation/sgx_v3_certtype3_eppid", "quote.bin", &bytes);
    assert_ok(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote));
    assert_fails(capsa_intel_platform_of_quote(&quote, &about), UNSUPPORTED);
    assert_ok(capsa_intel_pck_query(&quote, &query));
    assert_ok(capsa_buf_cstr(&query, &text));
    assert_int_equal(strlen(text), strlen("encrypted_ppid=&cpusvn=&pcesvn=&pceid=&qeid=") +
                                       2 * (384 + 16 + 2 + 2 + 16));
    assert_non_null(strstr(text, "&cpusvn=0e0e100fffff01000000000000000000&pcesvn="));
    struct capsa_quote other = quote;
    for (size_t len = 0; len < quote.cert_data.len; len++) {
        other.cert_data.len = len;
        assert_fails(capsa_intel_pck_query(&other, &query), TRUNCATED);
    }
    other = quote;
    other.cert_type = 2; /* 256 bytes: then there is too much */
    assert_true(capsa_failed(capsa_intel_pck_query(&other, &query)));
    other.cert_type = 1;
    assert_fails(capsa_intel_pck_query(&other, &query), UNSUPPORTED);
}

/* ---- Chains in headers ----------------------------------------------------------------------- */

static void encode_all(capsa_bytes pem, capsa_buf *text)
{
    for (size_t i = 0; i < pem.len; i++) {
        assert_ok(capsa_buf_format(text, i % 2 == 0 ? "%%%02X" : "%%%02x", pem.data[i]));
    }
}

static void a_chain_comes_out_of_its_header(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_collateral) collateral;
    CAPSA_AUTO(capsa_buf) json;
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(64));
    capsa_collateral_init(&collateral);
    read_vector("attestation/sgx_v3_swh_2025", "collateral.json", &json);
    assert_ok(capsa_collateral_add(&collateral, "c.json", capsa_buf_bytes(&json)));
    capsa_bytes chain = capsa_buf_bytes(&collateral.tcb_info_issuer_chain);
    encode_all(chain, &value);
    assert_ok(capsa_intel_chain_decode(capsa_buf_bytes(&value), &pem));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&pem), chain));
    capsa_buf_clear(&pem);
    /* Three characters each: cut at every length, of which only the last lets a certificate end. */
    size_t first_end =
        (size_t)((const uint8_t *)memmem(chain.data, chain.len, "-----END", 8) - chain.data + 25) *
        3;
    for (size_t len = 0; len < first_end; len++) {
        assert_true(capsa_failed(capsa_intel_chain_decode(capsa_bytes_of(value.data, len), &pem)));
        assert_int_equal(pem.len, 0);
    }
    static const char *const bad[] = {
        "",     "%",   "%4",    "%4g",       "%00",
        "\x80", "%ff", "A%0aB", "%2D%2D%2D", "-----BEGIN%20CERTIFICATE-----"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(capsa_failed(capsa_intel_chain_decode(capsa_bytes_str(bad[i]), &pem)));
        assert_int_equal(pem.len, 0);
    }
}

/* base64 has plus signs, and some servers leave them as they are. */
static void a_plus_sign_stands_for_itself(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_collateral) collateral;
    CAPSA_AUTO(capsa_buf) json;
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(64));
    capsa_collateral_init(&collateral);
    read_vector("attestation/sgx_v3_swh_2025", "collateral.json", &json);
    assert_ok(capsa_collateral_add(&collateral, "c.json", capsa_buf_bytes(&json)));
    capsa_bytes chain = capsa_buf_bytes(&collateral.tcb_info_issuer_chain);
    assert_true(capsa_bytes_find(chain, '+') < chain.len);
    for (size_t i = 0; i < chain.len; i++) {
        bool bare = chain.data[i] > ' ' && chain.data[i] != '%';
        assert_ok(capsa_buf_format(&value, bare ? "%c" : "%%%02x", chain.data[i]));
    }
    assert_ok(capsa_intel_chain_decode(capsa_buf_bytes(&value), &pem));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&pem), chain));
}

/* ---- qcnl ------------------------------------------------------------------------------------ */

static void the_configuration_is_read_in_both_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *url;
        bool any;
    } cases[] = {
        {"{\"pccs_url\":\"https://h/\"}", "https://h/", false},
        {"// c\n{ \"pccs_url\": \"https://h//x\" , // \"}\n/* { */\"use_secure_cert\": false}",
         "https://h//x", true},
        {"{\"pccs_url\":\"a\\\"//b\",\"use_secure_cert\":true,\"retry_times\":6}", "a\"//b", false},
        {"#PCCS_URL=no\nPCCS_URL=https://h:8081/sgx/certification/v3/\r\nUSE_SECURE_CERT=FALSE\n",
         "https://h:8081/sgx/certification/v3/", true},
        {" pccs_url = x \n\nOTHER=1", "x", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_qcnl) qcnl = {.pccs_url = NULL};
        assert_ok(capsa_qcnl_parse(capsa_bytes_str(cases[i].text), &qcnl));
        assert_string_equal(qcnl.pccs_url, cases[i].url);
        assert_int_equal(qcnl.accepts_any_cert, cases[i].any);
    }
}

static void a_wrong_configuration_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{}",
        "{\"pccs_url\":\"\"}",
        "{\"pccs_url\":1}",
        "{\"pccs_url\":\"x\",\"use_secure_cert\":\"false\"}",
        "{\"pccs_url\":\"x\"} /* open",
        "{\"pccs_url\":\"x\"} / {}",
        "{\"pccs_url\":\"x\",\"pccs_url\":\"y\"}",
        "PCCS_URL=x\nPCCS_URL=y",
        "PCCS_URL=",
        "USE_SECURE_CERT=TRUE",
        "PCCS_URL=x\nUSE_SECURE_CERT=maybe",
        "words",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CAPSA_AUTO(capsa_qcnl) qcnl = {.pccs_url = NULL};
        assert_fails(capsa_qcnl_parse(capsa_bytes_str(bad[i]), &qcnl), MALFORMED);
        assert_null(qcnl.pccs_url);
    }
    static const char whole[] = "/* a */ {\"pccs_url\":\"x\"}";
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        CAPSA_AUTO(capsa_qcnl) qcnl = {.pccs_url = NULL};
        assert_fails(capsa_qcnl_parse(capsa_bytes_of(whole, len), &qcnl), MALFORMED);
    }
}

/* ---- Bundles --------------------------------------------------------------------------------- */

static void the_same_collateral_is_one_entry_in_whatever_form(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_collateral_entries) entries;
    CAPSA_AUTO(capsa_buf) v3;
    CAPSA_AUTO(capsa_buf) ual;
    capsa_collateral_entries_init(&entries);
    read_vector("attestation/tdx_v4_uptodate_90C06F", "collateral.json", &v3);
    read_vector("attestation/tdx_v4_uptodate_90C06F", "ual_report.json", &ual);
    assert_ok(capsa_collateral_entries_add(&entries, "a", capsa_buf_bytes(&v3), false));
    assert_ok(capsa_collateral_entries_add(&entries, "b", capsa_buf_bytes(&ual), false));
    assert_ok(capsa_collateral_entries_end(&entries));
    assert_int_equal(entries.count, 1);
}

/* Two quotes of one FMSPC, one of SGX and one of TDX, must not get each other's. */
static void an_entry_is_of_one_tee_and_one_ca(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_collateral_entries) entries;
    CAPSA_AUTO(capsa_buf) json;
    CAPSA_AUTO(capsa_buf) quote;
    CAPSA_AUTO(capsa_collateral) found;
    capsa_collateral_entries_init(&entries);
    capsa_collateral_init(&found);
    read_vector("attestation/tdx_v4_uptodate_90C06F", "collateral.json", &json);
    read_vector("attestation/tdx_v4_uptodate_90C06F", "quote.bin", &quote);
    assert_ok(capsa_collateral_entries_add(&entries, "a", capsa_buf_bytes(&json), false));
    assert_fails(capsa_collateral_entries_take(&entries, CAPSA_PLATFORM_SGX,
                                               capsa_buf_bytes(&quote), &found),
                 NOT_FOUND);
    assert_true(capsa_collateral_is_empty(&found));
    assert_ok(capsa_collateral_entries_take(&entries, CAPSA_PLATFORM_TDX, capsa_buf_bytes(&quote),
                                            &found));
    assert_true(found.tcb_info.len > 0);
}

static void a_store_refuses_what_is_no_url(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "h:8081", "ftp://h", "http://", "http://h/?x=1", "http://h/#x", "http://h /"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct capsa_collateral_options options = {.kds_url = bad[i]};
        struct capsa_collateral_store *store = NULL;
        assert_fails(capsa_collateral_store_new(&options, &store), USAGE);
        assert_null(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quote_names_its_platform),
        cmocka_unit_test(a_chain_is_read_in_any_order_and_refused_without_a_leaf),
        cmocka_unit_test(an_encrypted_ppid_makes_a_query),
        cmocka_unit_test(a_chain_comes_out_of_its_header),
        cmocka_unit_test(a_plus_sign_stands_for_itself),
        cmocka_unit_test(the_configuration_is_read_in_both_forms),
        cmocka_unit_test(a_wrong_configuration_is_refused),
        cmocka_unit_test(the_same_collateral_is_one_entry_in_whatever_form),
        cmocka_unit_test(an_entry_is_of_one_tee_and_one_ca),
        cmocka_unit_test(a_store_refuses_what_is_no_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
