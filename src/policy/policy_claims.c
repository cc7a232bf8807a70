/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of what `r` can have (policy_claims.h).
 */
#include "policy/policy_claims.h"

#include "codec/json.h"
#include "policy/constraint.h"

#define PART(path_)                                                                                \
    {                                                                                              \
        .path = (path_), .kind = CAPSA_R_OBJECT                                                    \
    }
#define VALUE(path_, kind_, digits_, pin_, always_)                                                \
    {                                                                                              \
        .path = (path_), .kind = CAPSA_R_##kind_, .always = (always_), .digits = (digits_),        \
        .pin = (pin_)                                                                              \
    }

static const struct capsa_r_value values[] = {
    PART("env"),         PART("env.tee"),     PART("env.tee.sgx"),
    PART("env.tee.tdx"), PART("env.tee.snp"), PART("env.tee.csv"),
#define CAPSA_R_TOP(name, kind, digits, pin) VALUE(name, kind, digits, pin, true),
#define CAPSA_R_ENV(name, kind, digits, pin) VALUE("env." name, kind, digits, pin, false),
#define CAPSA_R_TEE(name, kind, digits, pin) VALUE("env.tee." name, kind, digits, pin, false),
#define CAPSA_R_SGX(name, kind, digits, pin) VALUE("env.tee.sgx." name, kind, digits, pin, false),
#define CAPSA_R_TDX(name, kind, digits, pin) VALUE("env.tee.tdx." name, kind, digits, pin, false),
#define CAPSA_R_SNP(name, kind, digits, pin) VALUE("env.tee.snp." name, kind, digits, pin, false),
#define CAPSA_R_CSV(name, kind, digits, pin) VALUE("env.tee.csv." name, kind, digits, pin, false),
#include "policy/policy_claims.def"
};
#define VALUES (sizeof(values) / sizeof(values[0]))

const struct capsa_r_value *capsa_r_value_at(size_t index)
{
    return index < VALUES ? &values[index] : NULL;
}

const struct capsa_r_value *capsa_r_value_find(const char *path)
{
    for (size_t i = 0; i < VALUES; i++) {
        if (capsa_streq(values[i].path, path)) {
            return &values[i];
        }
    }
    return NULL;
}

const char *capsa_r_value_nearest(const char *path)
{
    const char *names[VALUES + 1] = {NULL};
    for (size_t i = 0; i < VALUES; i++) {
        names[i] = values[i].path;
    }
    return capsa_nearest_name(path, names);
}

bool capsa_r_value_can_be(const struct capsa_r_value *value, capsa_bytes text)
{
    if (value->digits == 0) {
        return true;
    }
    bool zero = true, hex = text.len == value->digits;
    for (size_t i = 0; i < text.len && hex; i++) {
        char c = (char)text.data[i];
        zero = zero && c == '0';
        hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    return hex && !(zero && value->kind == CAPSA_R_MEASUREMENT);
}
