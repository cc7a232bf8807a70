/* SPDX-License-Identifier: Apache-2.0
 *
 * The sections of the platforms (appraisal_guest.h). Bits are known by the names that their makers'
 * manuals use; one without a name is given by its number. The tables are the whole knowledge.
 */
#include "appraisal/appraisal_guest.h"

#include <stdio.h>

#include "appraisal/appraisal_read.h"

/* ---- Bits -------------------------------------------------------------------------------------
 */

struct bit {
    const char *name; /* NULL ends */
    unsigned bit;
};

static const struct bit sgx_attributes[] = {
    {"mode64bit", 2}, {"provision_key", 4}, {"einittoken_key", 5},
    {"cet", 6},       {"kss", 7},           {NULL, 0},
};
static const struct bit tdx_attributes[] = {
    {"sept_ve_disable", 28}, {"pks", 30}, {"kl", 31}, {"perfmon", 63}, {NULL, 0},
};
static const struct bit snp_policy[] = {
    {"smt", 16},
    {"migration_agent", 18},
    {"single_socket", 20},
    {"cxl", 21},
    {"aes_256_xts", 22},
    {"rapl_disabled", 23},
    {"ciphertext_hiding", 24},
    {"page_swap_disabled", 25},
    {NULL, 0},
};
static const struct bit snp_platform[] = {
    {"smt", 0},
    {"tsme", 1},
    {"ecc", 2},
    {"rapl_disabled", 3},
    {"ciphertext_hiding", 4},
    {"alias_check_complete", 5},
    {"tio", 7},
    {NULL, 0},
};
static const struct bit csv_policy[] = {
    {"noks", 1}, {"es", 2},   {"nosend", 3},     {"domain", 4},
    {"csv", 5},  {"csv3", 6}, {"asid_reuse", 7}, {NULL, 0},
};
#define BITS_MAX 8

static const struct word {
    enum capsa_platform platform;
    enum capsa_claim claim; /* little-endian, of which 8 bytes count */
    unsigned width;         /* bits */
    const struct bit *bits;
} words[CAPSA_WORD_COUNT] = {
    [CAPSA_WORD_SGX_ATTRIBUTES] = {CAPSA_PLATFORM_SGX, CAPSA_CLAIM_SGX_ATTRIBUTES, 64,
                                   sgx_attributes},
    [CAPSA_WORD_TDX_ATTRIBUTES] = {CAPSA_PLATFORM_TDX, CAPSA_CLAIM_TDX_TD_ATTRIBUTES, 64,
                                   tdx_attributes},
    [CAPSA_WORD_SNP_POLICY] = {CAPSA_PLATFORM_SNP, CAPSA_CLAIM_SNP_POLICY, 64, snp_policy},
    [CAPSA_WORD_SNP_PLATFORM] = {CAPSA_PLATFORM_SNP, CAPSA_CLAIM_SNP_PLATFORM_INFO, 64,
                                 snp_platform},
    [CAPSA_WORD_CSV_POLICY] = {CAPSA_PLATFORM_CSV, CAPSA_CLAIM_CSV_POLICY, 32, csv_policy},
};

static capsa_result bit_of(const struct capsa_json *value, const struct word *word,
                           unsigned *ret_bit)
{
    if (capsa_json_kind_of(value) == CAPSA_JSON_INT) {
        int64_t number = capsa_json_int(value);
        CAPSA_REQUIRE(number >= 0 && number < word->width, MALFORMED,
                      "a bit of 0 to %u wanted, got %lld", word->width - 1, (long long)number);
        *ret_bit = (unsigned)number;
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_appraisal_kind(value, CAPSA_JSON_STRING));
    const char *known[BITS_MAX + 1] = {NULL};
    for (size_t i = 0; word->bits[i].name != NULL; i++) {
        known[i] = word->bits[i].name;
        if (capsa_streq(known[i], capsa_json_string(value))) {
            *ret_bit = word->bits[i].bit;
            return CAPSA_OK;
        }
    }
    return capsa_appraisal_unknown("bit", capsa_json_string(value), known);
}

static capsa_result load_bits(const struct capsa_json *list, const struct word *word,
                              uint64_t *ret_bits)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < capsa_json_count(list); i++) {
        unsigned bit = 0;
        CAPSA_TRY_AT(bit_of(capsa_json_at(list, i), word, &bit), "[%zu]", i);
        bits |= UINT64_C(1) << bit;
    }
    *ret_bits = bits;
    return CAPSA_OK;
}

/* A list of bits; NULL: absent, and nothing is set. */
static capsa_result load_list(const struct capsa_json *list, const char *name,
                              const struct word *word, uint64_t *ret_bits)
{
    if (list == NULL) {
        return CAPSA_OK;
    }
    CAPSA_TRY_AT(capsa_appraisal_kind(list, CAPSA_JSON_ARRAY), "%s", name);
    CAPSA_TRY_AT(load_bits(list, word, ret_bits), "%s", name);
    return CAPSA_OK;
}

/* The name of the lowest bit of `bits`. */
static const char *bit_name(const struct word *word, uint64_t bits, char text[16])
{
    unsigned lowest = (unsigned)__builtin_ctzll(bits);
    for (size_t i = 0; word->bits[i].name != NULL; i++) {
        if (word->bits[i].bit == lowest) {
            return word->bits[i].name;
        }
    }
    (void)snprintf(text, 16, "bit %u", lowest);
    return text;
}

static capsa_result judge_word(const struct word *word, uint64_t required, uint64_t denied,
                               struct capsa_verdict *verdict)
{
    const struct capsa_claim_type *type = capsa_claim_type(word->claim);
    const char *platform = capsa_platform_name(word->platform);
    capsa_bytes bytes = capsa_claim_bytes(&verdict->claims, word->claim);
    CAPSA_JUDGE(verdict, GUEST_POLICY, bytes.len == type->size,
                "%s.%s: expected a value, and the evidence has none", platform, type->name);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len && i < sizeof(value); i++) {
        value |= (uint64_t)bytes.data[i] << 8 * i;
    }
    char text[16];
    CAPSA_JUDGE(verdict, GUEST_POLICY, (required & ~value) == 0,
                "%s.%s: expected %s to be set, got 0x%llx", platform, type->name,
                bit_name(word, required & ~value, text), (unsigned long long)value);
    CAPSA_JUDGE(verdict, GUEST_POLICY, (denied & value) == 0,
                "%s.%s: expected %s not to be set, got 0x%llx", platform, type->name,
                bit_name(word, denied & value, text), (unsigned long long)value);
    return CAPSA_OK;
}

/* ---- Loading ----------------------------------------------------------------------------------
 */

/* A section as it is written. */
struct section {
    const struct capsa_json *required, *denied, *required_info, *denied_info;
    bool no_service_td, require_crl;
    int64_t max_vmpl;
    const struct capsa_json *floors[CAPSA_FLOOR_COUNT];
    const struct capsa_json *api;
};

#define FIELD(name, type, member)                                                                  \
    {                                                                                              \
        name, CAPSA_FIELD_##type, offsetof(struct section, member), 0, 0, 0, NULL                  \
    }
#define MAX_VMPL 3

static const struct capsa_json_field sgx_fields[] = {
    FIELD("required_attributes", VALUE, required),
    FIELD("denied_attributes", VALUE, denied),
    {.name = NULL},
};
static const struct capsa_json_field tdx_fields[] = {
    FIELD("required_attributes", VALUE, required),
    FIELD("denied_attributes", VALUE, denied),
    FIELD("require_no_service_td", BOOL, no_service_td),
    {.name = NULL},
};
static const struct capsa_json_field snp_fields[] = {
    FIELD("required_policy", VALUE, required),
    FIELD("denied_policy", VALUE, denied),
    FIELD("required_platform_info", VALUE, required_info),
    FIELD("denied_platform_info", VALUE, denied_info),
    FIELD("require_crl", BOOL, require_crl),
    {"max_vmpl", CAPSA_FIELD_INT, offsetof(struct section, max_vmpl), 0, 0, MAX_VMPL, NULL},
    FIELD("min_tcb", VALUE, floors[CAPSA_FLOOR_REPORTED]),
    FIELD("min_committed_tcb", VALUE, floors[CAPSA_FLOOR_COMMITTED]),
    FIELD("min_launch_tcb", VALUE, floors[CAPSA_FLOOR_LAUNCH]),
    {.name = NULL},
};
static const struct capsa_json_field csv_fields[] = {
    FIELD("required_policy", VALUE, required),
    FIELD("denied_policy", VALUE, denied),
    FIELD("min_api_version", VALUE, api),
    {.name = NULL},
};

static const struct {
    const struct capsa_json_field *fields;
    enum capsa_guest_word word, info; /* CAPSA_WORD_COUNT: none */
    const char *required, *denied;
} sections[CAPSA_PLATFORM_COUNT] = {
    [CAPSA_PLATFORM_SGX] = {sgx_fields, CAPSA_WORD_SGX_ATTRIBUTES, CAPSA_WORD_COUNT,
                            "required_attributes", "denied_attributes"},
    [CAPSA_PLATFORM_TDX] = {tdx_fields, CAPSA_WORD_TDX_ATTRIBUTES, CAPSA_WORD_COUNT,
                            "required_attributes", "denied_attributes"},
    [CAPSA_PLATFORM_SNP] = {snp_fields, CAPSA_WORD_SNP_POLICY, CAPSA_WORD_SNP_PLATFORM,
                            "required_policy", "denied_policy"},
    [CAPSA_PLATFORM_CSV] = {csv_fields, CAPSA_WORD_CSV_POLICY, CAPSA_WORD_COUNT, "required_policy",
                            "denied_policy"},
};

/* {boot_loader: 4, snp: 22, ...}. FMC is Turin's alone; elsewhere its floor would compare nothing.
 */
static capsa_result load_floor(const struct capsa_json *object, enum capsa_snp_product product,
                               struct capsa_snp_floor *floor)
{
    CAPSA_TRY(capsa_appraisal_kind(object, CAPSA_JSON_OBJECT));
    CAPSA_REQUIRE(capsa_json_count(object) > 0, MALFORMED, "empty: no version would be too low");
    const char *known[CAPSA_SNP_PARTS + 1] = {NULL};
    size_t count = 0;
    for (int part = 0; part < CAPSA_SNP_PARTS; part++) {
        if (part != CAPSA_SNP_FMC || product == CAPSA_SNP_TURIN) {
            known[count++] = capsa_snp_part_name((enum capsa_snp_part)part);
        }
    }
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(object, &walk, &name, &value)) {
        size_t part = 0;
        while (part < count && !capsa_streq(known[part], name)) {
            part++;
        }
        if (part == count) {
            return capsa_appraisal_unknown("part", name, known);
        }
        CAPSA_TRY_AT(capsa_appraisal_kind(value, CAPSA_JSON_INT), "%s", name);
        int64_t version = capsa_json_int(value);
        CAPSA_REQUIRE(version >= 0 && version <= UINT8_MAX, MALFORMED,
                      "%s: 0 to 255 wanted, got %lld", name, (long long)version);
        floor->parts[part] = (uint8_t)version;
    }
    floor->given = true;
    return CAPSA_OK;
}

/* {Milan: {...}, Genoa: {...}}: the numbers of one product say nothing about another's. */
static capsa_result load_floors(const struct capsa_json *object,
                                struct capsa_snp_floor floors[CAPSA_SNP_PRODUCTS])
{
    CAPSA_TRY(capsa_appraisal_kind(object, CAPSA_JSON_OBJECT));
    CAPSA_REQUIRE(capsa_json_count(object) > 0, MALFORMED, "empty: no product would pass");
    const char *known[CAPSA_SNP_PRODUCTS] = {NULL};
    for (int product = CAPSA_SNP_MILAN; product < CAPSA_SNP_PRODUCTS; product++) {
        known[product - 1] = capsa_snp_product_name((enum capsa_snp_product)product);
    }
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(object, &walk, &name, &value)) {
        int product = CAPSA_SNP_MILAN;
        while (known[product - 1] != NULL && !capsa_streq(known[product - 1], name)) {
            product++;
        }
        if (known[product - 1] == NULL) {
            return capsa_appraisal_unknown("product", name, known);
        }
        CAPSA_TRY_AT(load_floor(value, (enum capsa_snp_product)product, &floors[product]), "%s",
                     name);
    }
    return CAPSA_OK;
}

static capsa_result load_api(const struct capsa_json *object, struct capsa_guest_policy *guest)
{
    static const struct capsa_json_field fields[] = {
        {"major", CAPSA_FIELD_INT, offsetof(struct capsa_guest_policy, csv_api_major),
         CAPSA_FIELD_REQUIRED, 0, UINT8_MAX, NULL},
        {"minor", CAPSA_FIELD_INT, offsetof(struct capsa_guest_policy, csv_api_minor),
         CAPSA_FIELD_REQUIRED, 0, UINT8_MAX, NULL},
        {.name = NULL},
    };
    CAPSA_TRY(capsa_json_decode(object, fields, CAPSA_JSON_UNKNOWN_REFUSED, guest));
    guest->csv_has_floor = true;
    return CAPSA_OK;
}

static capsa_result load_words(enum capsa_platform platform, const struct section *section,
                               struct capsa_guest_policy *guest)
{
    const struct {
        enum capsa_guest_word word;
        const struct capsa_json *required, *denied;
        const char *required_name, *denied_name;
    } lists[] = {
        {sections[platform].word, section->required, section->denied, sections[platform].required,
         sections[platform].denied},
        {sections[platform].info, section->required_info, section->denied_info,
         "required_platform_info", "denied_platform_info"},
    };
    for (size_t i = 0; i < 2 && lists[i].word != CAPSA_WORD_COUNT; i++) {
        const struct word *word = &words[lists[i].word];
        uint64_t required = 0, denied = 0;
        CAPSA_TRY(load_list(lists[i].required, lists[i].required_name, word, &required));
        CAPSA_TRY(load_list(lists[i].denied, lists[i].denied_name, word, &denied));
        char text[16];
        CAPSA_REQUIRE((required & denied) == 0, MALFORMED, "%s: %s stands in %s too",
                      lists[i].required_name, bit_name(word, required & denied, text),
                      lists[i].denied_name);
        guest->words[lists[i].word].required = required;
        guest->words[lists[i].word].denied = denied;
    }
    return CAPSA_OK;
}

void capsa_guest_policy_init(struct capsa_guest_policy *guest)
{
    *guest = (struct capsa_guest_policy){.snp_max_vmpl = MAX_VMPL};
}

CAPSA_RESULT capsa_guest_policy_load(enum capsa_platform platform, const struct capsa_json *section,
                                     struct capsa_guest_policy *guest)
{
    if (section == NULL) {
        return CAPSA_OK;
    }
    struct section read = {.max_vmpl = MAX_VMPL};
    CAPSA_TRY(
        capsa_json_decode(section, sections[platform].fields, CAPSA_JSON_UNKNOWN_REFUSED, &read));
    CAPSA_TRY(load_words(platform, &read, guest));
    static const char *const floor_names[CAPSA_FLOOR_COUNT] = {"min_tcb", "min_committed_tcb",
                                                               "min_launch_tcb"};
    for (size_t i = 0; i < CAPSA_FLOOR_COUNT; i++) {
        if (read.floors[i] != NULL) {
            CAPSA_TRY_AT(load_floors(read.floors[i], guest->snp_floors[i]), "%s", floor_names[i]);
            guest->snp_has_floor[i] = true;
        }
    }
    if (read.api != NULL) {
        CAPSA_TRY_AT(load_api(read.api, guest), "min_api_version");
    }
    if (platform == CAPSA_PLATFORM_SNP) {
        guest->snp_max_vmpl = read.max_vmpl;
        guest->snp_require_crl = read.require_crl;
    }
    guest->tdx_no_service_td = guest->tdx_no_service_td || read.no_service_td;
    return CAPSA_OK;
}

/* ---- Judging ----------------------------------------------------------------------------------
 */

static capsa_result judge_service_td(struct capsa_verdict *verdict)
{
    /* Absent in TD 1.0, which has no service TDs. */
    capsa_bytes service = capsa_claim_bytes(&verdict->claims, CAPSA_CLAIM_TDX_MR_SERVICE_TD);
    uint8_t all = 0;
    for (size_t i = 0; i < service.len; i++) {
        all |= service.data[i];
    }
    CAPSA_JUDGE(verdict, GUEST_POLICY, all == 0,
                "tdx.mr_service_td: expected zero (require_no_service_td), got %02x%02x%02x%02x...",
                service.data[0], service.data[1], service.data[2], service.data[3]);
    return CAPSA_OK;
}

static capsa_result judge_vmpl(int64_t max, struct capsa_verdict *verdict)
{
    const struct capsa_claim_value *vmpl = &verdict->claims.values[CAPSA_CLAIM_SNP_VMPL];
    CAPSA_JUDGE(verdict, GUEST_POLICY, vmpl->present && vmpl->number <= (uint64_t)max,
                "snp.vmpl: expected at most %lld, got %llu", (long long)max,
                (unsigned long long)vmpl->number);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_guest_policy_judge(const struct capsa_guest_policy *guest,
                                      struct capsa_verdict *verdict)
{
    enum capsa_platform platform = verdict->claims.platform;
    for (size_t i = 0; i < CAPSA_WORD_COUNT; i++) {
        bool asked = (guest->words[i].required | guest->words[i].denied) != 0;
        if (words[i].platform == platform && asked) {
            CAPSA_TRY(
                judge_word(&words[i], guest->words[i].required, guest->words[i].denied, verdict));
        }
    }
    if (platform == CAPSA_PLATFORM_TDX && guest->tdx_no_service_td) {
        CAPSA_TRY(judge_service_td(verdict));
    }
    if (platform == CAPSA_PLATFORM_SNP && guest->snp_max_vmpl < MAX_VMPL) {
        CAPSA_TRY(judge_vmpl(guest->snp_max_vmpl, verdict));
    }
    return CAPSA_OK;
}

static enum capsa_snp_product product_of(const struct capsa_claims *claims)
{
    capsa_bytes name = capsa_claim_bytes(claims, CAPSA_CLAIM_SNP_PRODUCT);
    for (int product = CAPSA_SNP_MILAN; product < CAPSA_SNP_PRODUCTS; product++) {
        if (capsa_bytes_is(name, capsa_snp_product_name((enum capsa_snp_product)product))) {
            return (enum capsa_snp_product)product;
        }
    }
    return CAPSA_SNP_UNKNOWN;
}

static capsa_result judge_snp_floor(const struct capsa_snp_floor *floors, enum capsa_claim claim,
                                    struct capsa_verdict *verdict)
{
    enum capsa_snp_product product = product_of(&verdict->claims);
    const char *name = capsa_claim_type(claim)->name;
    const struct capsa_snp_floor *floor = &floors[product];
    CAPSA_JUDGE(verdict, TCB_FLOOR, floor->given, "snp.%s: the policy has no floor for %s", name,
                product == CAPSA_SNP_UNKNOWN ? "an unknown product"
                                             : capsa_snp_product_name(product));
    capsa_bytes tcb = capsa_claim_bytes(&verdict->claims, claim);
    CAPSA_JUDGE(verdict, TCB_FLOOR, tcb.len == capsa_claim_type(claim)->size,
                "snp.%s: expected a value, and the evidence has none", name);
    for (int i = 0; i < CAPSA_SNP_PARTS; i++) {
        enum capsa_snp_part part = (enum capsa_snp_part)i;
        int got = capsa_snp_tcb_part(product, tcb, part);
        CAPSA_JUDGE(verdict, TCB_FLOOR, got >= floor->parts[part] || floor->parts[part] == 0,
                    "snp.%s %s: expected at least %u, got %d", name, capsa_snp_part_name(part),
                    (unsigned)floor->parts[part], got);
    }
    return CAPSA_OK;
}

/* The guest policy's own minimum, which the firmware enforced and the report signs. */
static capsa_result judge_csv_floor(const struct capsa_guest_policy *guest,
                                    struct capsa_verdict *verdict)
{
    capsa_bytes policy = capsa_claim_bytes(&verdict->claims, CAPSA_CLAIM_CSV_POLICY);
    CAPSA_JUDGE(verdict, TCB_FLOOR, policy.len == 4,
                "csv.policy: expected a value, and the evidence has none");
    int64_t major = policy.data[2], minor = policy.data[3];
    CAPSA_JUDGE(verdict, TCB_FLOOR,
                major > guest->csv_api_major ||
                    (major == guest->csv_api_major && minor >= guest->csv_api_minor),
                "csv.policy: expected API version %lld.%lld or later, got %lld.%lld",
                (long long)guest->csv_api_major, (long long)guest->csv_api_minor, (long long)major,
                (long long)minor);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_guest_floor_judge(const struct capsa_guest_policy *guest,
                                     struct capsa_verdict *verdict)
{
    static const enum capsa_claim claims[CAPSA_FLOOR_COUNT] = {
        CAPSA_CLAIM_SNP_REPORTED_TCB,
        CAPSA_CLAIM_SNP_COMMITTED_TCB,
        CAPSA_CLAIM_SNP_LAUNCH_TCB,
    };
    if (verdict->claims.platform == CAPSA_PLATFORM_CSV && guest->csv_has_floor) {
        return judge_csv_floor(guest, verdict);
    }
    for (size_t i = 0; i < CAPSA_FLOOR_COUNT; i++) {
        if (verdict->claims.platform == CAPSA_PLATFORM_SNP && guest->snp_has_floor[i]) {
            CAPSA_TRY(judge_snp_floor(guest->snp_floors[i], claims[i], verdict));
        }
    }
    return CAPSA_OK;
}
