/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed JSON of Intel's, TCB Info and enclave identities, as it is read once its signature held.
 * Whatever is read is whole: levels highest first, every advisory a text within its pool.
 */
#include <stdlib.h>

#include "verifier/verifier_dcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_rows(const capsa_buf *pool, struct capsa_advisory_rows rows)
{
    must(((size_t)rows.first + rows.count) * CAPSA_ADVISORY_TEXT <= pool->len);
    for (uint32_t i = 0; i < rows.count; i++) {
        const uint8_t *row = pool->data + (size_t)(rows.first + i) * CAPSA_ADVISORY_TEXT;
        must(row[0] != '\0' && row[CAPSA_ADVISORY_TEXT - 1] == '\0');
    }
}

static void check_levels(const struct capsa_isv_level *levels, size_t count, const capsa_buf *pool)
{
    must(count > 0);
    for (size_t i = 0; i < count; i++) {
        must(levels[i].status != CAPSA_TCB_ABSENT);
        check_rows(pool, levels[i].advisories);
    }
}

static void use_info(const struct capsa_tcb_info *info)
{
    must(info->count > 0 && (info->version == 2 || info->version == 3));
    for (size_t i = 0; i < info->count; i++) {
        must(info->levels[i].status != CAPSA_TCB_ABSENT && info->levels[i].date > 0);
        must(i == 0 || memcmp(info->levels[i - 1].sgx, info->levels[i].sgx, 16) >= 0);
        check_rows(&info->advisories, info->levels[i].advisories);
    }
    for (size_t i = 0; i < info->module_count; i++) {
        check_levels(info->modules[i].levels, info->modules[i].count, &info->advisories);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    capsa_bytes text = capsa_bytes_of(data, size);
    struct capsa_tcb_info info;
    if (!capsa_failed(capsa_tcb_info_parse(text, &info))) {
        use_info(&info);
        capsa_tcb_info_drop(&info);
    }
    struct capsa_enclave_identity identity;
    if (!capsa_failed(capsa_enclave_identity_parse(text, &identity))) {
        check_levels(identity.levels, identity.count, &identity.advisories);
        capsa_enclave_identity_drop(&identity);
    }
    return 0;
}
