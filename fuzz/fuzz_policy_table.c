/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of tests for policies: whatever stands in one, it is refused or every case of it can be
 * judged, and says what it expects.
 */
#include <stdlib.h>

#include "cli/cli_policy_table.h"
#include "codec/yaml.h"

static void judge(const capsa_policy_table *table, size_t index)
{
    CAPSA_AUTO(capsa_policy_case) test = {.members = NULL};
    if (capsa_failed(capsa_policy_case_of(table, index, &test)) || test.name == NULL ||
        test.name[0] == '\0') {
        abort(); /* all were read before */
    }
    struct capsa_decision decision;
    if (!capsa_failed(capsa_policy_decide(table->policy, &test.request, &decision)) &&
        capsa_policy_case_passes(&test, &decision) && test.allow != decision.allowed) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    if (size > KIB(64) || capsa_failed(capsa_yaml_parse(capsa_bytes_of(data, size), &document))) {
        return 0;
    }
    CAPSA_AUTO(capsa_policy_table) table = {.document = NULL};
    if (capsa_failed(capsa_policy_table_of(document, NULL, &table))) {
        return 0;
    }
    if (capsa_policy_table_count(&table) == 0) {
        abort();
    }
    for (size_t i = 0; i < capsa_policy_table_count(&table); i++) {
        judge(&table, i);
    }
    return 0;
}
