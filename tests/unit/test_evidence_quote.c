/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: Intel quotes. Structure is made here (evidence_bytes.h); real quotes and changed ones
 * are recorded vectors.
 */
#include "evidence/evidence_quote.h"
#include "evidence_bytes.h"

static void assert_at(capsa_bytes field, const capsa_buf *quote, size_t at, size_t len)
{
    assert_int_equal(field.len, len);
    if (len > 0) {
        assert_ptr_equal(field.data, quote->data + at);
    }
}

static void every_part_stands_where_its_version_puts_it(void **state)
{
    (void)state;
    static const struct {
        size_t body, body_len;
    } wanted[QUOTE_PLANS] = {{48, 384}, {48, 384}, {48, 584}, {54, 384}, {54, 584}, {54, 648}};
    for (size_t i = 0; i < QUOTE_PLANS; i++) {
        const struct quote_plan *plan = &quote_plans[i];
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
        struct capsa_quote quote;
        make_quote(plan, &bytes);
        assert_ok(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote));
        assert_int_equal(quote.version, plan->version);
        assert_int_equal(quote.key_type, 2);
        assert_int_equal(quote.tee_type, plan->tee);
        assert_int_equal(quote.qe_svn, 0x0a09);
        assert_int_equal(quote.pce_svn, 0x0e0d);
        assert_int_equal(quote.body_kind, plan->body_type);
        assert_at(quote.qe_vendor_id, &bytes, 12, 16);
        assert_at(quote.user_data, &bytes, 28, 20);
        assert_at(quote.body, &bytes, wanted[i].body, wanted[i].body_len);
        const size_t auth = wanted[i].body + wanted[i].body_len + 4;
        const size_t qe = auth + (plan->version == 3 ? 128 : 134);
        assert_at(quote.signed_region, &bytes, 0, auth - 4);
        assert_at(quote.signature, &bytes, auth, 64);
        assert_at(quote.attestation_key, &bytes, auth + 64, 64);
        assert_at(quote.qe_report, &bytes, qe, 384);
        assert_at(quote.qe_signature, &bytes, qe + 384, 64);
        assert_at(quote.qe_auth, &bytes, qe + 450, 32);
        assert_int_equal(quote.cert_type, 5);
        assert_at(quote.cert_data, &bytes, qe + 450 + 32 + 6, strlen(plan->cert));
        assert_at(quote.certification, &bytes, qe, bytes.len - qe);
        assert_int_equal(quote.trailing, 0);
    }
}

/* Offset and length of each field as the contract lists them, against what the parser borrowed. */
static void every_field_of_the_bodies_stands_where_it_should(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) body = capsa_buf_of(EVIDENCE_MAX);
    append_pattern(&body, 648);
    struct capsa_sgx_report sgx;
    assert_ok(capsa_sgx_report_parse(capsa_bytes_of(body.data, 384), &sgx));
    assert_at(sgx.cpu_svn, &body, 0, 16);
    assert_at(sgx.isv_ext_prod_id, &body, 32, 16);
    assert_at(sgx.attributes, &body, 48, 16);
    assert_at(sgx.mr_enclave, &body, 64, 32);
    assert_at(sgx.mr_signer, &body, 128, 32);
    assert_at(sgx.config_id, &body, 192, 64);
    assert_at(sgx.isv_family_id, &body, 304, 16);
    assert_at(sgx.report_data, &body, 320, 64);
    const uint8_t *d = body.data;
    assert_int_equal(sgx.misc_select, get_le(d + 16, 4));
    assert_int_equal(sgx.isv_prod_id, get_le(d + 256, 2));
    assert_int_equal(sgx.isv_svn, get_le(d + 258, 2));
    assert_int_equal(sgx.config_svn, get_le(d + 260, 2));
    assert_true(sgx.flags == get_le(d + 48, 8));
    assert_true(sgx.xfrm == get_le(d + 56, 8));

    struct capsa_td_report td;
    assert_ok(capsa_td_report_parse(capsa_buf_bytes(&body), &td));
    assert_at(td.tee_tcb_svn, &body, 0, 16);
    assert_at(td.mr_seam, &body, 16, 48);
    assert_at(td.mr_signer_seam, &body, 64, 48);
    assert_at(td.seam_attributes, &body, 112, 8);
    assert_at(td.td_attributes, &body, 120, 8);
    assert_at(td.xfam, &body, 128, 8);
    assert_at(td.mr_td, &body, 136, 48);
    assert_at(td.mr_config_id, &body, 184, 48);
    assert_at(td.mr_owner, &body, 232, 48);
    assert_at(td.mr_owner_config, &body, 280, 48);
    for (size_t i = 0; i < 4; i++) {
        assert_at(td.rtmr[i], &body, 328 + 48 * i, 48);
    }
    assert_at(td.report_data, &body, 520, 64);
    assert_at(td.tee_tcb_svn2, &body, 584, 16);
    assert_at(td.mr_service_td, &body, 600, 48);
    assert_ok(capsa_td_report_parse(capsa_bytes_of(body.data, 584), &td));
    assert_int_equal(td.mr_service_td.len, 0);
    assert_int_equal(td.tee_tcb_svn2.len, 0);
    for (size_t len = 0; len <= 648; len++) {
        assert_int_equal(capsa_failed(capsa_sgx_report_parse(capsa_bytes_of(d, len), &sgx)),
                         len != 384);
        assert_int_equal(capsa_failed(capsa_td_report_parse(capsa_bytes_of(d, len), &td)),
                         len != 584 && len != 648);
    }
}

static void A28_no_truncated_quote_is_parsed_or_read_behind_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_PLANS; i++) {
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
        make_quote(&quote_plans[i], &bytes);
        for (size_t len = 0; len < bytes.len; len++) {
            uint8_t *copy = exact_copy(bytes.data, len);
            struct capsa_quote quote = {.version = 77};
            capsa_result parsed = capsa_quote_parse(capsa_bytes_of(copy, len), &quote);
            assert_int_equal(capsa_code_of(parsed), CAPSA_E_TRUNCATED);
            assert_int_equal(quote.version, 77);
            free(copy);
        }
    }
}

static void bytes_behind_the_authentication_data_are_counted_and_ignored(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_PLANS; i++) {
        struct quote_plan plan = quote_plans[i];
        plan.trailing = 371;
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
        const struct quote_places places = make_quote(&plan, &bytes);
        struct capsa_quote quote;
        assert_ok(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote));
        assert_int_equal(quote.trailing, 371);
        assert_ptr_equal(quote.certification.data + quote.certification.len,
                         bytes.data + places.end);
    }
}

/* With trailing bytes there, a length that is too long finds something to read. */
static void A28_lengths_at_their_extremes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_PLANS; i++) {
        struct quote_plan plan = quote_plans[i];
        plan.trailing = 70000;
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
        const struct quote_places places = make_quote(&plan, &bytes);
        const struct {
            size_t at, size;
        } lengths[] = {{places.body_size, 4},
                       {places.auth_size, 4},
                       {places.outer_size, 4},
                       {places.qe_auth_size, 2},
                       {places.cert_size, 4}};
        for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
            if (lengths[j].at == 0) {
                continue;
            }
            uint8_t *at = bytes.data + lengths[j].at;
            uint64_t right = 0;
            memcpy(&right, at, lengths[j].size);
            const uint64_t left = bytes.len - lengths[j].at - lengths[j].size;
            const uint64_t wrong[] = {0,          1,          right - 1,  right + 1,
                                      left - 1,   left,       left + 1,   0x7fffffff,
                                      0x80000000, 0xfffffffe, 0xffffffff, 0xffff};
            for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
                struct capsa_quote quote = {.version = 77};
                if ((wrong[k] & (lengths[j].size == 2 ? 0xffff : UINT32_MAX)) == right) {
                    continue;
                }
                put_le(at, wrong[k], lengths[j].size);
                if (!capsa_failed(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote))) {
                    fail_msg("plan %zu: length %zu of %llu was taken", i, j,
                             (unsigned long long)wrong[k]);
                }
                assert_int_equal(quote.version, 77);
            }
            put_le(at, right, lengths[j].size);
        }
    }
}

static void slack_within_the_authentication_data_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_PLANS; i++) {
        struct quote_plan inner = quote_plans[i], outer = quote_plans[i];
        inner.tail_slack = 1;
        outer.outer_slack = 1;
        const struct quote_plan *plans[] = {&inner, &outer};
        for (size_t j = 0; j < 2; j++) {
            CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
            struct capsa_quote quote;
            make_quote(plans[j], &bytes);
            assert_fails(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote), MALFORMED);
        }
    }
}

static void qe_authentication_data_has_any_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 31, 32, 33, 1000, 65535};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (size_t j = 0; j < QUOTE_PLANS; j++) {
            struct quote_plan plan = quote_plans[j];
            plan.qe_auth = lengths[i];
            CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
            struct capsa_quote quote;
            make_quote(&plan, &bytes);
            assert_ok(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote));
            assert_int_equal(quote.qe_auth.len, lengths[i]);
        }
    }
}

static void the_header_is_held_to_its_rules(void **state)
{
    (void)state;
    static const struct {
        size_t plan, at;
        uint64_t value;
        size_t size;
        enum capsa_code code;
        const char *says;
    } rules[] = {
        {0, 0, 0, 2, CAPSA_E_UNSUPPORTED, "version 0"},
        {0, 0, 2, 2, CAPSA_E_UNSUPPORTED, "version 2"},
        {0, 0, 6, 2, CAPSA_E_UNSUPPORTED, "version 6"},
        {0, 0, 0x0103, 2, CAPSA_E_UNSUPPORTED, "version 259"},
        {0, 2, 0, 2, CAPSA_E_UNSUPPORTED, "key type 0"},
        {2, 2, 3, 2, CAPSA_E_UNSUPPORTED, "key type 3"},
        {0, 4, 0x81, 4, CAPSA_E_MALFORMED, "version 3"},
        {1, 4, 1, 4, CAPSA_E_UNSUPPORTED, "TEE type 0x00000001"},
        {2, 4, 0x0181, 4, CAPSA_E_UNSUPPORTED, "TEE type 0x00000181"},
        {1, 12, 0x92, 1, CAPSA_E_UNSUPPORTED, "vendor"},
        {1, 27, 0x06, 1, CAPSA_E_UNSUPPORTED, "vendor"},
        {3, 48, 2, 2, CAPSA_E_MALFORMED, "body size 384"},
        {3, 48, 0, 2, CAPSA_E_UNSUPPORTED, "body type 0"},
        {5, 48, 4, 2, CAPSA_E_UNSUPPORTED, "body type 4"},
        {5, 50, 584, 4, CAPSA_E_MALFORMED, "body size 584"},
        {5, 4, 0, 4, CAPSA_E_MALFORMED, "under TEE type 0x00"},
        {3, 4, 0x81, 4, CAPSA_E_MALFORMED, "under TEE type 0x81"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
        struct capsa_quote quote;
        make_quote(&quote_plans[rules[i].plan], &bytes);
        put_le(bytes.data + rules[i].at, rules[i].value, rules[i].size);
        capsa_result parsed = capsa_quote_parse(capsa_buf_bytes(&bytes), &quote);
        if (capsa_code_of(parsed) != rules[i].code ||
            strstr(capsa_text_of(parsed), rules[i].says) == NULL) {
            fail_msg("rule %zu: %s", i, capsa_text_of(parsed));
        }
    }
}

static void certification_types_are_those_of_the_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_PLANS; i++) {
        for (unsigned type = 0; type <= 9; type++) {
            struct quote_plan plan = quote_plans[i];
            plan.cert_type = type;
            CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
            struct capsa_quote quote;
            make_quote(&plan, &bytes);
            const bool taken = !capsa_failed(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote));
            assert_int_equal(taken, (type >= 1 && type <= 5) || (type == 7 && plan.version == 3));
        }
    }
    for (unsigned type = 0; type <= 9; type++) {
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
        struct capsa_quote quote;
        const struct quote_places places = make_quote(&quote_plans[2], &bytes);
        put_le(bytes.data + places.outer_size - 2, type, 2);
        assert_int_equal(capsa_failed(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote)),
                         type != 6);
    }
}

static void a_quote_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct quote_plan plan = quote_plans[0];
    plan.trailing = 262144;
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_quote quote;
    make_quote(&plan, &bytes);
    assert_fails(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote), TOO_LARGE);
    assert_ok(capsa_quote_parse(capsa_bytes_of(bytes.data, 262144), &quote));
}

static bool debug_of(const capsa_buf *bytes)
{
    struct capsa_quote quote;
    struct capsa_claims claims;
    assert_ok(capsa_quote_parse(capsa_buf_bytes(bytes), &quote));
    assert_ok(capsa_quote_claims(&quote, &claims));
    return claims.debug;
}

/* The original tests SGX's bit of a TD's attributes. */
static void A4_debug_is_bit_1_of_sgx_and_bit_0_of_tdx(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_PLANS; i++) {
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
        const struct quote_places places = make_quote(&quote_plans[i], &bytes);
        const bool sgx = quote_plans[i].body_type == 1;
        uint8_t *flags = bytes.data + places.body + (sgx ? 48 : 120);
        for (unsigned bit = 0; bit < 8; bit++) {
            *flags = (uint8_t)(1u << bit);
            assert_int_equal(debug_of(&bytes), bit == (sgx ? 1u : 0u));
        }
        *flags = 0;
        flags[1] = 0xff;
        assert_false(debug_of(&bytes));
    }
}

/* ---- Recorded vectors ------------------------------------------------------------------------ */

struct seen {
    size_t quotes, claims;
};

static uint64_t number_of(const struct capsa_json *fields, const char *name, uint64_t otherwise)
{
    const struct capsa_json *value = capsa_json_get(fields, name);
    return capsa_json_kind_of(value) == CAPSA_JSON_NULL ? otherwise
           : capsa_json_kind_of(value) == CAPSA_JSON_STRING
               ? strtoull(capsa_json_string(value), NULL, 0)
               : (uint64_t)capsa_json_int(value);
}

static void compare_frame(const struct capsa_quote *quote, const struct capsa_json *fields)
{
    struct capsa_sgx_report qe;
    assert_ok(capsa_sgx_report_parse(quote->qe_report, &qe));
    assert_int_equal(number_of(fields, "quote_version", 0), quote->version);
    assert_int_equal(number_of(fields, "tee_type", 1), quote->tee_type);
    assert_int_equal(number_of(fields, "cert_data_type", 0), quote->cert_type);
    assert_int_equal(number_of(fields, "qe_auth_len", 0), quote->qe_auth.len);
    assert_int_equal(number_of(fields, "trailing_bytes", 0), quote->trailing);
    assert_int_equal(number_of(fields, "qe_isv_svn", qe.isv_svn), qe.isv_svn);
    assert_int_equal(number_of(fields, "body_type", quote->body_kind), quote->body_kind);
}

static void try_real(const char *name, const struct capsa_json *expected, void *context)
{
    struct seen *seen = context;
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
    const struct capsa_json *fields = capsa_json_get(expected, "fields");
    struct capsa_quote quote;
    struct capsa_claims claims;
    if (!vector_file(name, "quote.bin", &bytes)) {
        return;
    }
    capsa_result parsed = capsa_quote_parse(capsa_buf_bytes(&bytes), &quote);
    if (capsa_failed(parsed)) {
        fail_msg("%s: %s", name, capsa_text_of(parsed));
    }
    assert_non_null(fields);
    compare_frame(&quote, fields);
    assert_ok(capsa_quote_claims(&quote, &claims));
    assert_string_equal(capsa_platform_name(claims.platform),
                        capsa_json_string(capsa_json_get(expected, "platform")));
    seen->claims += compare_claims(name, fields, &claims);
    seen->quotes++;
}

static void real_quotes_say_what_was_recorded(void **state)
{
    (void)state;
    struct seen seen = {0, 0};
    (void)each_vector("", try_real, &seen);
    assert_true(seen.quotes >= 30);
    assert_true(seen.claims >= 10 * seen.quotes / 2);
}

static bool among(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        const size_t len = strlen(*names);
        if (strncmp(name, *names, len) == 0 && (name[len] == 0 || name[len - 1] == '_')) {
            return true;
        }
    }
    return false;
}

/* Of the synthetic suite, what is wrong in structure, and nothing else, is refused here. */
static void try_synthetic(const char *name, const struct capsa_json *expected, void *context)
{
    static const char *const broken[] = {"version_2",
                                         "sgx_v5_declares_td15_body",
                                         "tdx_quote_v3",
                                         "tdx_v5_declares_sgx_body",
                                         "keytype_p384",
                                         "v4_auth_slack",
                                         NULL};
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_quote quote;
    (void)expected;
    assert_true(vector_file(name, "quote.bin", &bytes));
    capsa_result parsed = capsa_quote_parse(capsa_buf_bytes(&bytes), &quote);
    if (capsa_failed(parsed) != among(strrchr(name, '/') + 1, broken)) {
        fail_msg("%s: %s", name, capsa_text_of(parsed));
    }
    *(size_t *)context += 1;
}

static void synthetic_quotes_parse_unless_their_structure_is_wrong(void **state)
{
    (void)state;
    size_t count = 0;
    (void)each_vector("synthetic", try_synthetic, &count);
    assert_true(count >= 100);
}

static bool is_broken(const char *id, const char *base)
{
    static const char *const broken[] = {
        "hdr_version_",   "hdr_keytype_", "hdr_teetype_", "hdr_vendor_bit",
        "authlen_",       "certlen_",     "certtype_0",   "certtype_6",
        "certtype_65535", "outerlen_",    "outertype_",   "qeauth_len_",
        "trunc_",         "v5_bodysize_", "v5_bodytype_", NULL};
    return among(id, broken) || (capsa_streq(id, "certtype_7") && strncmp(base, "sgx_v3", 6) != 0);
}

static size_t try_mutations(const char *list)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(4));
    char name[512];
    (void)snprintf(name, sizeof(name), "attestation/mutations/%s", list);
    test_vector_read(name, &text);
    capsa_bytes rest = capsa_buf_bytes(&text);
    size_t count = 0;
    while (rest.len > 0) {
        struct capsa_json *line = NULL;
        const size_t end = capsa_bytes_find(rest, '\n');
        assert_ok(capsa_json_parse(capsa_bytes_of(rest.data, end), &line));
        rest = capsa_bytes_from(rest, end + 1);
        const char *id = capsa_json_string(capsa_json_get(line, "id"));
        const char *base = capsa_json_string(capsa_json_get(line, "base"));
        const char *path = capsa_json_string(capsa_json_get(line, "quote"));
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
        struct capsa_quote quote;
        struct capsa_claims claims;
        assert_true(vector_file("mutations", path, &bytes));
        uint8_t *copy = exact_copy(bytes.data, bytes.len);
        capsa_result parsed = capsa_quote_parse(capsa_bytes_of(copy, bytes.len), &quote);
        if (capsa_failed(parsed) != is_broken(id, base)) {
            fail_msg("%s of %s: %s", id, base, capsa_text_of(parsed));
        }
        if (!capsa_failed(parsed)) {
            assert_ok(capsa_quote_claims(&quote, &claims));
        }
        free(copy);
        capsa_json_free(line);
        count++;
    }
    return count;
}

static void mutations_parse_unless_their_structure_is_wrong(void **state)
{
    (void)state;
    assert_true(try_mutations("manifest.jsonl") > 1000);
    assert_true(try_mutations("divergent.jsonl") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_stands_where_its_version_puts_it),
        cmocka_unit_test(every_field_of_the_bodies_stands_where_it_should),
        cmocka_unit_test(A28_no_truncated_quote_is_parsed_or_read_behind_its_end),
        cmocka_unit_test(bytes_behind_the_authentication_data_are_counted_and_ignored),
        cmocka_unit_test(A28_lengths_at_their_extremes_are_refused),
        cmocka_unit_test(slack_within_the_authentication_data_is_refused),
        cmocka_unit_test(qe_authentication_data_has_any_length),
        cmocka_unit_test(the_header_is_held_to_its_rules),
        cmocka_unit_test(certification_types_are_those_of_the_version),
        cmocka_unit_test(a_quote_over_the_limit_is_refused),
        cmocka_unit_test(A4_debug_is_bit_1_of_sgx_and_bit_0_of_tdx),
        cmocka_unit_test(real_quotes_say_what_was_recorded),
        cmocka_unit_test(synthetic_quotes_parse_unless_their_structure_is_wrong),
        cmocka_unit_test(mutations_parse_unless_their_structure_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
