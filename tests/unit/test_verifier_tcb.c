/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed JSON and certificate extensions of DCAP as values: what is short, double, unknown or cut
 * is refused. And TCB evaluation by itself: sorting, matching, convergence, the relaunch rule, TDX
 * modules and attributes, against the words of the contract.
 */
#include "dcap_case.h"

#include "base/alloc.h"
#include "codec/der.h"
#include "codec/text.h"
#include "verifier/verifier_dcap.h"
#include "verifier/verifier_levels.h"

/* ---- Documents --------------------------------------------------------------------------------
 */

#define LEVEL(first, pcesvn, status)                                                               \
    "{\"tcb\":{\"sgxtcbcomponents\":[{\"svn\":" first "},{\"svn\":2},{\"svn\":2},{\"svn\":2},"     \
    "{\"svn\":2},{\"svn\":2},{\"svn\":2},{\"svn\":2},{\"svn\":2},{\"svn\":2},{\"svn\":2},"         \
    "{\"svn\":2},{\"svn\":2},{\"svn\":2},{\"svn\":2},{\"svn\":2}],\"pcesvn\":" pcesvn "},"         \
    "\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"" status                                 \
    "\",\"advisoryIDs\":[\"INTEL-SA-00001\",\"INTEL-SA-00002\"]}"
#define INFO_HEAD                                                                                  \
    "{\"id\":\"SGX\",\"version\":3,\"issueDate\":\"2025-02-26T10:37:20Z\","                        \
    "\"nextUpdate\":\"2025-03-28T10:37:20Z\",\"fmspc\":\"00906ed50000\",\"pceId\":\"0000\","       \
    "\"tcbType\":0,\"tcbEvaluationDataNumber\":17,\"tcbLevels\":["
#define INFO(levels) INFO_HEAD levels "]}"
static const char good_info[] = INFO(
    LEVEL("3", "10", "OutOfDate") "," LEVEL("3", "13", "UpToDate") "," LEVEL("4", "1", "Revoked"));

static const char good_identity[] =
    "{\"id\":\"QE\",\"version\":2,\"issueDate\":\"2025-02-26T10:37:20Z\","
    "\"nextUpdate\":\"2025-03-28T10:37:20Z\",\"tcbEvaluationDataNumber\":16,"
    "\"miscselect\":\"01020304\",\"miscselectMask\":\"FFFFFFFF\","
    "\"attributes\":\"11000000000000000000000000000000\","
    "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\","
    "\"mrsigner\":\"8C4F5775D796503E96137F77C68A829A0056AC8DED70140B081B094490C57BFF\","
    "\"isvprodid\":1,\"future\":{\"x\":1},\"tcbLevels\":["
    "{\"tcb\":{\"isvsvn\":8},\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"UpToDate\"},"
    "{\"tcb\":{\"isvsvn\":6},\"tcbDate\":\"2021-03-13T00:00:00Z\","
    "\"tcbStatus\":\"OutOfDateConfigurationNeeded\",\"advisoryIDs\":[\"INTEL-SA-00003\"]}]}";

static void info_is_read_and_its_levels_are_sorted(void **state)
{
    (void)state;
    struct capsa_tcb_info info;
    assert_ok(capsa_tcb_info_parse(capsa_bytes_str(good_info), &info));
    assert_false(info.is_tdx);
    assert_int_equal(info.version, 3);
    assert_int_equal(info.evaluation, 17);
    assert_int_equal(info.fmspc[1], 0x90);
    assert_int_equal(info.count, 3);
    assert_int_equal(info.levels[0].status, CAPSA_TCB_REVOKED); /* a component outweighs PCESVN */
    assert_int_equal(info.levels[1].status, CAPSA_TCB_UP_TO_DATE);
    assert_int_equal(info.levels[1].pce_svn, 13);
    assert_int_equal(info.levels[2].status, CAPSA_TCB_OUT_OF_DATE);
    assert_int_equal(info.levels[2].advisories.count, 2);
    assert_int_equal(info.next_update - info.issued, 30 * 24 * 3600);
    capsa_tcb_info_drop(&info);
}

static void an_identity_is_read(void **state)
{
    (void)state;
    struct capsa_enclave_identity identity;
    assert_ok(capsa_enclave_identity_parse(capsa_bytes_str(good_identity), &identity));
    assert_int_equal(identity.id, CAPSA_ENCLAVE_QE);
    assert_int_equal(identity.misc_select, 0x04030201); /* as it lies in memory */
    assert_int_equal(identity.attributes_mask[0], 0xfb);
    assert_int_equal(identity.levels[0].status, CAPSA_TCB_UP_TO_DATE);
    /* Whatever is neither good nor revoked is out of date, as Intel's library has it. */
    assert_int_equal(identity.levels[1].status, CAPSA_TCB_OUT_OF_DATE);
    capsa_enclave_identity_drop(&identity);
}

static capsa_result parse_changed(const char *text, const char *from, const char *to)
{
    CAPSA_AUTO(capsa_buf) changed = capsa_buf_of(MIB(1));
    const char *at = strstr(text, from);
    assert_non_null(at);
    assert_ok(capsa_buf_append(&changed, capsa_bytes_of(text, (size_t)(at - text))));
    assert_ok(capsa_buf_str(&changed, to));
    assert_ok(capsa_buf_str(&changed, at + strlen(from)));
    if (text == good_info) {
        struct capsa_tcb_info info;
        capsa_result result = capsa_tcb_info_parse(capsa_buf_bytes(&changed), &info);
        if (!capsa_failed(result)) {
            capsa_tcb_info_drop(&info);
        }
        return result;
    }
    struct capsa_enclave_identity identity;
    capsa_result result = capsa_enclave_identity_parse(capsa_buf_bytes(&changed), &identity);
    if (!capsa_failed(result)) {
        capsa_enclave_identity_drop(&identity);
    }
    return result;
}

static void A3_what_is_wrong_in_info_is_refused_and_named(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *named;
    } changes[] = {
        {"\"UpToDate\"", "\"uptodate\"", "uptodate"},
        {"\"UpToDate\"", "\"TDRelaunchAdvised\"", "TDRelaunchAdvised"},
        {"\"UpToDate\"", "\"\"", "tcbStatus"},
        {",{\"svn\":2}]", "]", "sgxtcbcomponents"},
        {",{\"svn\":2}]", ",{\"svn\":2},{\"svn\":2}]", "sgxtcbcomponents"},
        {"{\"svn\":2}", "{\"svn\":256}", "svn"},
        {"{\"svn\":2}", "{\"svn\":-1}", "svn"},
        {"{\"svn\":2}", "{}", "svn"},
        {"\"pcesvn\":10", "\"pcesvn\":65536", "pcesvn"},
        {"\"pcesvn\":10", "\"pcesvn\":13", "same TCB"},
        {"\"pcesvn\":10", "\"pcesvn\":10,\"pcesvn\":9", "twice"},
        {"\"version\":3", "\"version\":4", "version"},
        {"\"version\":3", "\"version\":2", "sgxtcbcomp01svn"},
        {"\"tcbType\":0", "\"tcbType\":1", "tcbType"},
        {"\"id\":\"SGX\"", "\"id\":\"sgx\"", "id"},
        {"\"id\":\"SGX\"", "\"id\":\"TDX\"", "tdxtcbcomponents"},
        {"\"id\":\"SGX\",", "", "id"},
        {"00906ed50000", "00906ed5000", "fmspc"},
        {"00906ed50000", "00906ed5000g", "fmspc"},
        {"\"pceId\":\"0000\"", "\"pceId\":\"000000\"", "pceId"},
        {"2025-02-26T10:37:20Z", "2025-02-26T10:37:20+00:00", "issueDate"},
        {"2025-02-26T10:37:20Z", "2025-13-26T10:37:20Z", "issueDate"},
        {"2025-02-26T10:37:20Z", "", "issueDate"},
        {"\"nextUpdate\"", "\"nextupdate\"", "nextUpdate"},
        {"INTEL-SA-00001", "INTEL-SA-00000000000000000", "advisoryIDs"},
        {"\"INTEL-SA-00001\"", "\"\"", "advisoryIDs"},
        {"\"INTEL-SA-00001\"", "1", "advisoryIDs"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        capsa_result result = parse_changed(good_info, changes[i].from, changes[i].to);
        if (!capsa_failed(result) || strstr(capsa_text_of(result), changes[i].named) == NULL) {
            fail_msg("%s to %s: %s", changes[i].from, changes[i].to, capsa_text_of(result));
        }
    }
    assert_ok(parse_changed(good_info, "\"tcbType\":0", "\"tcbType\":0,\"new\":[{}]"));
    assert_ok(parse_changed(good_info, "00906ed50000", "00906ED50000"));
    struct capsa_tcb_info info;
    assert_true(capsa_failed(capsa_tcb_info_parse(CAPSA_BYTES_LITERAL(INFO("")), &info)));
}

/* One form of a time, and days and seconds that there are. */
static void times_have_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        capsa_time time; /* 0: none */
    } times[] = {
        {"2025-02-26T10:37:20Z", 1740566240}, {"9999-12-31T23:59:59Z", 253402300799},
        {"2016-12-31T23:59:60Z", 1483228800}, {"1970-01-01T00:00:01Z", 1},
        {"1970-01-01T00:00:00Z", 0},          {"1969-12-31T23:59:59Z", 0},
        {"2025-02-26t10:37:20Z", 0},          {"2025-02-26 10:37:20Z", 0},
        {"2025-02-26T10:37:20z", 0},          {"2025-02-26T10:37:20+00:00", 0},
        {"2025-02-26T10:37:20.0Z", 0},        {"2025-02-30T10:37:60Z", 0},
        {"2025-02-29T00:00:00Z", 0},          {"2025-02-26T24:00:00Z", 0},
        {"2025-02-26T10:37:61Z", 0},          {"02025-2-26T10:37:20Z", 0},
        {"2025-02-26T10:37:2Z", 0},           {"", 0},
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        capsa_time time = 77;
        capsa_result read = capsa_tcb_read_time("issueDate", times[i].text, &time);
        if (capsa_failed(read) != (times[i].time == 0) ||
            time != (times[i].time == 0 ? 77 : times[i].time)) {
            fail_msg("\"%s\": %lld, %s", times[i].text, (long long)time, capsa_text_of(read));
        }
    }
}

/* Zero says "nothing expires": a certificate that ended at that very second must not. */
static void an_end_at_the_epoch_is_an_end(void **state)
{
    (void)state;
    struct capsa_window window = {0, 0};
    capsa_window_add(&window, 0, 0);
    assert_true(window.expires != 0 && window.expires < 1);
    capsa_window_add(&window, 10, 20);
    assert_true(window.expires != 0 && window.expires < 1);
    assert_int_equal(window.issued, 10);
}

static void A1_what_is_wrong_in_an_identity_is_refused_and_named(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *named;
    } changes[] = {
        {"\"QE\"", "\"QE2\"", "QE2"},
        {"\"version\":2", "\"version\":3", "version"},
        {"\"01020304\"", "\"010203\"", "miscselect"},
        {"FBFFFFFFFFFFFFFF0000000000000000", "FBFFFFFFFFFFFFFF", "attributesMask"},
        {"8C4F57", "8C4F", "mrsigner"},
        {"\"isvprodid\":1,", "", "isvprodid"},
        {"\"isvsvn\":8", "\"isvsvn\":70000", "isvsvn"},
        {"\"UpToDate\"", "\"Fine\"", "Fine"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        capsa_result result = parse_changed(good_identity, changes[i].from, changes[i].to);
        if (!capsa_failed(result) || strstr(capsa_text_of(result), changes[i].named) == NULL) {
            fail_msg("%s to %s: %s", changes[i].from, changes[i].to, capsa_text_of(result));
        }
    }
}

static void A5_documents_with_anything_behind_or_cut_anywhere_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {good_info, good_identity};
    for (size_t t = 0; t < 2; t++) {
        size_t whole = strlen(texts[t]);
        for (size_t len = 0; len <= whole + 1; len++) {
            uint8_t *copy = capsa_alloc(len); /* of that very length */
            assert_non_null(copy);
            memset(copy, '}', len);
            memcpy(copy, texts[t], len < whole ? len : whole);
            capsa_bytes text = capsa_bytes_of(copy, len);
            struct capsa_tcb_info info;
            struct capsa_enclave_identity identity;
            capsa_result result = t == 0 ? capsa_tcb_info_parse(text, &info)
                                         : capsa_enclave_identity_parse(text, &identity);
            assert_int_equal(capsa_failed(result), len != whole);
            if (!capsa_failed(result) && t == 0) {
                capsa_tcb_info_drop(&info);
            } else if (!capsa_failed(result)) {
                capsa_enclave_identity_drop(&identity);
            }
            capsa_dealloc(copy);
        }
    }
}

/* ---- The PCK certificate's extension -----------------------------------------------------------
 */

/* Entries as they are written, each to be left out, doubled, or changed. */
struct extension {
    bool without[8];  /* by id */
    int doubled;      /* an id; 0: none */
    int missing_comp; /* of the TCB; 0: none */
    uint64_t comp, pce_svn;
    size_t fmspc_len;
};

static void write_entry(capsa_buf *to, const char *oid, uint8_t tag, capsa_bytes value)
{
    CAPSA_AUTO(capsa_buf) number = capsa_buf_of(64);
    CAPSA_AUTO(capsa_buf) entry = capsa_buf_of(KIB(4));
    assert_ok(capsa_der_oid(oid, &number));
    assert_ok(capsa_der_write(&entry, CAPSA_DER_OID, capsa_buf_bytes(&number)));
    assert_ok(capsa_der_write(&entry, tag, value));
    assert_ok(capsa_der_write(to, CAPSA_DER_SEQUENCE, capsa_buf_bytes(&entry)));
}

static void write_number(capsa_buf *to, const char *oid, uint64_t value)
{
    CAPSA_AUTO(capsa_buf) number = capsa_buf_of(64);
    CAPSA_AUTO(capsa_buf) entry = capsa_buf_of(KIB(4));
    assert_ok(capsa_der_oid(oid, &number));
    assert_ok(capsa_der_write(&entry, CAPSA_DER_OID, capsa_buf_bytes(&number)));
    assert_ok(capsa_der_write_unsigned(&entry, CAPSA_DER_INTEGER, value));
    assert_ok(capsa_der_write(to, CAPSA_DER_SEQUENCE, capsa_buf_bytes(&entry)));
}

static void write_tcb(const struct extension *wanted, capsa_buf *to)
{
    static const uint8_t cpu_svn[16] = {1};
    char oid[64];
    for (int i = 1; i <= 18; i++) {
        (void)snprintf(oid, sizeof(oid), CAPSA_PCK_OID ".2.%d", i);
        if (i == wanted->missing_comp) {
            continue;
        }
        if (i == 18) {
            write_entry(to, oid, CAPSA_DER_OCTET_STRING, capsa_bytes_of(cpu_svn, 16));
        } else {
            write_number(to, oid, i == 17 ? wanted->pce_svn : wanted->comp + (uint64_t)i - 1);
        }
    }
}

static void write_one(const struct extension *wanted, int id, capsa_buf *to)
{
    static const uint8_t bytes[16] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7};
    static const size_t lens[8] = {0, 16, 0, 2, 0, 0, 16, 0};
    char oid[64];
    (void)snprintf(oid, sizeof(oid), CAPSA_PCK_OID ".%d", id);
    CAPSA_AUTO(capsa_buf) inner = capsa_buf_of(KIB(8));
    if (id == 2) {
        write_tcb(wanted, &inner);
        write_entry(to, oid, CAPSA_DER_SEQUENCE, capsa_buf_bytes(&inner));
    } else if (id == 5) {
        write_entry(to, oid, CAPSA_DER_ENUMERATED, capsa_bytes_of("\1", 1));
    } else if (id == 7) {
        write_entry(&inner, CAPSA_PCK_OID ".7.1", CAPSA_DER_BOOLEAN, capsa_bytes_of("\xff", 1));
        write_entry(to, oid, CAPSA_DER_SEQUENCE, capsa_buf_bytes(&inner));
    } else {
        write_entry(to, oid, CAPSA_DER_OCTET_STRING,
                    capsa_bytes_of(bytes, id == 4 ? wanted->fmspc_len : lens[id]));
    }
}

static void write_extension(const struct extension *wanted, capsa_buf *to)
{
    CAPSA_AUTO(capsa_buf) entries = capsa_buf_of(KIB(16));
    for (int id = 7; id >= 1; id--) { /* the order is free */
        for (int n = wanted->without[id] ? 0 : wanted->doubled == id ? 2 : 1; n > 0; n--) {
            write_one(wanted, id, &entries);
        }
    }
    assert_ok(capsa_der_write(to, CAPSA_DER_SEQUENCE, capsa_buf_bytes(&entries)));
}

static capsa_result parse_extension(const struct extension *wanted, struct capsa_pck *ret_pck)
{
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    write_extension(wanted, &der);
    return capsa_pck_parse(capsa_buf_bytes(&der), ret_pck);
}

static const struct extension good_extension = {.comp = 3, .pce_svn = 65535, .fmspc_len = 6};

static void an_extension_is_read_in_any_order(void **state)
{
    (void)state;
    struct capsa_pck pck;
    struct extension wanted = good_extension;
    assert_ok(parse_extension(&wanted, &pck));
    assert_int_equal(pck.pce_svn, 65535);
    assert_int_equal(pck.components[0], 3);
    assert_int_equal(pck.components[15], 18);
    assert_int_equal(pck.fmspc[5], 0xa5);
    assert_int_equal(pck.sgx_type, 1);
    assert_true(pck.has_instance && pck.dynamic_platform && !pck.smt);
    wanted.without[6] = wanted.without[7] = true;
    assert_ok(parse_extension(&wanted, &pck));
    assert_false(pck.has_instance);
}

static void an_extension_that_is_not_whole_is_refused(void **state)
{
    (void)state;
    struct capsa_pck pck;
    for (int id = 1; id <= 7; id++) {
        struct extension wanted = good_extension;
        wanted.without[id] = true;
        assert_fails(parse_extension(&wanted, &pck), MALFORMED);
        wanted.without[id] = false;
        wanted.doubled = id;
        assert_fails(parse_extension(&wanted, &pck), MALFORMED);
    }
    for (int comp = 1; comp <= 18; comp++) {
        struct extension wanted = good_extension;
        wanted.missing_comp = comp;
        assert_true(capsa_failed(parse_extension(&wanted, &pck)));
    }
    static const struct extension wrong[] = {
        {.comp = 241, .pce_svn = 1, .fmspc_len = 6}, /* the last one is 256 */
        {.comp = 1, .pce_svn = 65536, .fmspc_len = 6},
        {.comp = 1, .pce_svn = 1, .fmspc_len = 5},
        {.comp = 1, .pce_svn = 1, .fmspc_len = 7},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_true(capsa_failed(parse_extension(&wrong[i], &pck)));
    }
}

static void an_extension_cut_anywhere_is_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    write_extension(&good_extension, &der);
    struct capsa_pck pck;
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *copy = capsa_alloc(len);
        assert_non_null(copy);
        memcpy(copy, der.data, len);
        assert_true(capsa_failed(capsa_pck_parse(capsa_bytes_of(copy, len), &pck)));
        capsa_dealloc(copy);
    }
    assert_ok(capsa_buf_u8(&der, 0));
    assert_true(capsa_failed(capsa_pck_parse(capsa_buf_bytes(&der), &pck)));
}

/* ---- Evaluation -------------------------------------------------------------------------------
 */

/* One TDX platform with one level, one module of line 1 and one of line 3, and its enclave; all of
 * it in reach of the test. */
struct platform {
    struct capsa_pck pck;
    struct capsa_tcb_level levels[2];
    struct capsa_isv_level module_levels[2], enclave_level;
    struct capsa_tdx_module modules[2];
    struct capsa_tcb_info info;
    struct capsa_enclave_identity identity;
    uint8_t svn[16], svn2[16], attributes[8], seam_attributes[8], mr_signer_seam[48];
    struct capsa_td_report td;
    struct capsa_dcap_facts facts;
};

static void make_platform(struct platform *platform, enum capsa_tcb_status level,
                          enum capsa_tcb_status module, enum capsa_tcb_status enclave)
{
    memset(platform, 0, sizeof(*platform));
    memset(platform->pck.components, 5, sizeof(platform->pck.components));
    platform->pck.pce_svn = 13;
    platform->levels[0].status = level;
    memset(platform->levels[0].sgx, 5, 16);
    platform->levels[0].tdx[0] = 7; /* skipped: the module's own identity judges it */
    platform->levels[0].tdx[2] = 3;
    platform->levels[0].pce_svn = 13;
    platform->levels[0].date = 1710288000;
    platform->module_levels[0] = (struct capsa_isv_level){7, CAPSA_TCB_UP_TO_DATE, 1, {0, 0}};
    platform->module_levels[1] = (struct capsa_isv_level){4, module, 1, {0, 0}};
    platform->enclave_level = (struct capsa_isv_level){4, enclave, 1, {0, 0}};
    platform->modules[0] =
        (struct capsa_tdx_module){.version = 3, .levels = platform->module_levels, .count = 1};
    platform->modules[1] =
        (struct capsa_tdx_module){.version = 1, .levels = platform->module_levels, .count = 2};
    platform->info = (struct capsa_tcb_info){.is_tdx = true,
                                             .version = 3,
                                             .evaluation = 18,
                                             .levels = platform->levels,
                                             .count = 1,
                                             .modules = platform->modules,
                                             .module_count = 2};
    platform->identity = (struct capsa_enclave_identity){
        .evaluation = 17, .levels = &platform->enclave_level, .count = 1};
    platform->svn[0] = 4;
    platform->svn[1] = 1;
    platform->svn[2] = 3;
    platform->td = (struct capsa_td_report){
        .tee_tcb_svn = capsa_bytes_of(platform->svn, 16),
        .td_attributes = capsa_bytes_of(platform->attributes, 8),
        .seam_attributes = capsa_bytes_of(platform->seam_attributes, 8),
        .mr_signer_seam = capsa_bytes_of(platform->mr_signer_seam, 48),
    };
    platform->facts = (struct capsa_dcap_facts){&platform->pck, &platform->info,
                                                &platform->identity, 4, &platform->td};
}

static enum capsa_tcb_status judge(const struct platform *platform, struct capsa_verdict *verdict)
{
    memset(verdict, 0, sizeof(*verdict));
    assert_ok(capsa_dcap_judge_tcb(&platform->facts, verdict));
    return verdict->tcb_status;
}

#define UP   CAPSA_TCB_UP_TO_DATE
#define SWH  CAPSA_TCB_SW_HARDENING_NEEDED
#define CN   CAPSA_TCB_CONFIGURATION_NEEDED
#define CSWH CAPSA_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED
#define OOD  CAPSA_TCB_OUT_OF_DATE
#define OODC CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED
#define REV  CAPSA_TCB_REVOKED

static void statuses_converge_as_intels_library_has_it(void **state)
{
    (void)state;
    static const struct {
        enum capsa_tcb_status level, other, wanted;
    } rows[] = {
        {UP, UP, UP},    {SWH, UP, SWH},    {CN, UP, CN},    {CSWH, UP, CSWH},
        {OOD, UP, OOD},  {OODC, UP, OODC},  {UP, OOD, OOD},  {SWH, OOD, OOD},
        {CN, OOD, OODC}, {CSWH, OOD, OODC}, {OOD, OOD, OOD}, {OODC, OOD, OODC},
        {UP, REV, REV},  {OODC, REV, REV},  {REV, UP, REV},  {REV, OOD, REV},
    };
    struct platform platform;
    struct capsa_verdict verdict;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_platform(&platform, rows[i].level, rows[i].other, UP); /* the module */
        assert_int_equal(judge(&platform, &verdict), rows[i].wanted);
        assert_int_equal(verdict.module_tcb_status, rows[i].other);
        assert_int_equal(verdict.tcb_evaluation, 17);
        make_platform(&platform, rows[i].level, UP, rows[i].other); /* the enclave */
        assert_int_equal(judge(&platform, &verdict), rows[i].wanted);
        assert_int_equal(verdict.qe_tcb_status, rows[i].other);
        platform.facts.td = NULL; /* SGX */
        assert_int_equal(judge(&platform, &verdict), rows[i].wanted);
        assert_int_equal(verdict.module_tcb_status, CAPSA_TCB_ABSENT);
    }
}

static void a_platform_below_in_any_component_does_not_fit(void **state)
{
    (void)state;
    struct platform platform;
    struct capsa_verdict verdict;
    for (size_t i = 0; i < 16; i++) {
        make_platform(&platform, UP, UP, UP);
        platform.pck.components[i] = 4;
        assert_int_equal(judge(&platform, &verdict), CAPSA_TCB_ABSENT);
        assert_true(verdict.tcb_unsupported);
        make_platform(&platform, UP, UP, UP);
        platform.levels[0].tdx[i] = 200;
        assert_int_equal(judge(&platform, &verdict), i < 2 ? UP : CAPSA_TCB_ABSENT);
        platform.svn[1] = 0; /* the first line of modules: all components count */
        assert_int_equal(judge(&platform, &verdict), CAPSA_TCB_ABSENT);
    }
    make_platform(&platform, UP, UP, UP);
    platform.pck.pce_svn = 12;
    assert_int_equal(judge(&platform, &verdict), CAPSA_TCB_ABSENT);
    make_platform(&platform, UP, UP, UP);
    platform.facts.qe_isv_svn = 3;
    assert_int_equal(judge(&platform, &verdict), CAPSA_TCB_ABSENT);
    assert_true(verdict.tcb_unsupported);
    make_platform(&platform, UP, UP, UP);
    platform.svn[0] = 3;
    assert_int_equal(judge(&platform, &verdict), CAPSA_TCB_ABSENT);
    assert_true(verdict.tcb_unsupported);
}

static void a_td_whose_module_was_updated_is_to_be_relaunched(void **state)
{
    (void)state;
    static const struct {
        enum capsa_tcb_status level, enclave, wanted;
        uint8_t svn2[3];
    } rows[] = {
        {UP, UP, CAPSA_TCB_TD_RELAUNCH_ADVISED, {7, 1, 3}},
        {SWH, UP, CAPSA_TCB_TD_RELAUNCH_ADVISED, {7, 3, 3}},
        {CN, UP, CAPSA_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED, {7, 1, 3}},
        {CSWH, UP, CAPSA_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED, {9, 1, 9}},
        {UP, UP, CAPSA_TCB_TD_RELAUNCH_ADVISED, {7, 0, 3}},
        {UP, UP, OOD, {6, 0, 3}},
        {UP, UP, OOD, {6, 1, 3}},
        {UP, UP, OOD, {7, 1, 2}},
        {OOD, UP, OOD, {7, 1, 3}},
        {UP, OOD, OOD, {7, 1, 3}},
        {CN, OOD, OODC, {7, 1, 3}},
        {UP, REV, REV, {7, 1, 3}},
    };
    struct platform platform;
    struct capsa_verdict verdict;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_platform(&platform, rows[i].level, OOD, rows[i].enclave);
        memcpy(platform.svn2, rows[i].svn2, 3);
        enum capsa_tcb_status without = judge(&platform, &verdict); /* TD 1.0 has no second set */
        assert_true(without == OOD || without == OODC || without == REV);
        platform.td.tee_tcb_svn2 = capsa_bytes_of(platform.svn2, 16);
        if (judge(&platform, &verdict) != rows[i].wanted) {
            fail_msg("row %zu: %s", i, capsa_tcb_status_name(verdict.tcb_status));
        }
    }
    platform.svn2[1] = 9;
    make_platform(&platform, UP, OOD, UP);
    platform.svn2[1] = 9;
    platform.td.tee_tcb_svn2 = capsa_bytes_of(platform.svn2, 16);
    assert_fails(capsa_dcap_judge_tcb(&platform.facts, &verdict), EVIDENCE);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_TDX_MODULE);
}

static void A4_attributes_that_make_a_td_untrusted_are_refused(void **state)
{
    (void)state;
    struct platform platform;
    struct capsa_verdict verdict;
    for (unsigned bit = 0; bit < 64; bit++) {
        make_platform(&platform, UP, UP, UP);
        memset(&verdict, 0, sizeof(verdict));
        platform.attributes[bit / 8] = (uint8_t)(1u << bit % 8);
        capsa_result result = capsa_dcap_judge_td(&platform.facts, &verdict);
        bool is_untrusted = bit >= 1 && bit <= 7; /* debug is the appraisal's, others a policy's */
        assert_int_equal(capsa_failed(result), is_untrusted);
        assert_true(!is_untrusted || verdict.failed_check == CAPSA_CHECK_TD_ATTRIBUTES);
    }
}

static void A4_a_module_of_another_signer_is_refused(void **state)
{
    (void)state;
    struct platform platform;
    struct capsa_verdict verdict;
    for (uint8_t version = 0; version < 5; version++) {
        make_platform(&platform, UP, UP, UP);
        platform.svn[1] = version;
        bool is_known = version == 0 || version == 1 || version == 3;
        assert_int_equal(capsa_failed(capsa_dcap_judge_td(&platform.facts, &verdict)), !is_known);
        platform.mr_signer_seam[47] = 1;
        assert_fails(capsa_dcap_judge_td(&platform.facts, &verdict), EVIDENCE);
        assert_int_equal(verdict.failed_check, CAPSA_CHECK_TDX_MODULE);
        platform.mr_signer_seam[47] = 0;
        platform.seam_attributes[7] = 1;
        assert_fails(capsa_dcap_judge_td(&platform.facts, &verdict), EVIDENCE);
        /* Not even if Intel's own identity says so. */
        platform.modules[0].attributes[7] = platform.modules[1].attributes[7] = 1;
        platform.info.module.attributes[7] = 1;
        assert_fails(capsa_dcap_judge_td(&platform.facts, &verdict), EVIDENCE);
    }
}

static void advisories_are_listed_once_and_in_order(void **state)
{
    (void)state;
    static const char *const pool[] = {"B", "A", "A", "C", "B", "D"};
    struct platform platform;
    struct capsa_verdict verdict;
    make_platform(&platform, UP, OOD, OOD);
    platform.info.advisories = capsa_buf_of(KIB(4));
    platform.identity.advisories = capsa_buf_of(KIB(4));
    for (size_t i = 0; i < 6; i++) {
        char row[CAPSA_ADVISORY_TEXT] = {0};
        row[0] = pool[i][0];
        assert_ok(
            capsa_buf_append(i < 4 ? &platform.info.advisories : &platform.identity.advisories,
                             capsa_bytes_of(row, sizeof(row))));
    }
    platform.levels[0].advisories = (struct capsa_advisory_rows){0, 3};
    platform.module_levels[1].advisories = (struct capsa_advisory_rows){2, 2};
    platform.enclave_level.advisories = (struct capsa_advisory_rows){0, 2};
    assert_int_equal(judge(&platform, &verdict), OOD);
    assert_int_equal(verdict.level_advisories.count, 2);
    assert_int_equal(verdict.module_advisories.count, 2);
    assert_int_equal(verdict.qe_advisories.count, 2);
    static const char *const wanted[] = {"B", "A", "C", "D"};
    assert_int_equal(verdict.advisories.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(verdict.advisories.ids[i], wanted[i]);
    }
    capsa_buf_drop(&platform.info.advisories);
    capsa_buf_drop(&platform.identity.advisories);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_is_read_and_its_levels_are_sorted),
        cmocka_unit_test(an_identity_is_read),
        cmocka_unit_test(A3_what_is_wrong_in_info_is_refused_and_named),
        cmocka_unit_test(times_have_one_form),
        cmocka_unit_test(an_end_at_the_epoch_is_an_end),
        cmocka_unit_test(A1_what_is_wrong_in_an_identity_is_refused_and_named),
        cmocka_unit_test(A5_documents_with_anything_behind_or_cut_anywhere_are_refused),
        cmocka_unit_test(an_extension_is_read_in_any_order),
        cmocka_unit_test(an_extension_that_is_not_whole_is_refused),
        cmocka_unit_test(an_extension_cut_anywhere_is_refused),
        cmocka_unit_test(statuses_converge_as_intels_library_has_it),
        cmocka_unit_test(a_platform_below_in_any_component_does_not_fit),
        cmocka_unit_test(a_td_whose_module_was_updated_is_to_be_relaunched),
        cmocka_unit_test(A4_attributes_that_make_a_td_untrusted_are_refused),
        cmocka_unit_test(A4_a_module_of_another_signer_is_refused),
        cmocka_unit_test(advisories_are_listed_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
