/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: a leaf from anywhere. What is read is written back as the same bytes.
 */
#include <stdlib.h>

#include "audit/audit_leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Ids are read from text, too: what is one is written back in lower case. */
static void try_id(const uint8_t *data, size_t size)
{
    char text[64] = {0}, again[CAPSA_AUDIT_ID_TEXT];
    uint8_t id[CAPSA_AUDIT_ID];
    memcpy(text, data, size < sizeof(text) ? size : sizeof(text) - 1);
    if (!capsa_failed(capsa_audit_id_parse(text, id))) {
        capsa_audit_id_text(id, again);
        for (size_t i = 0; i < sizeof(again); i++) {
            must(again[i] == (text[i] >= 'A' && text[i] <= 'F' ? text[i] + 32 : text[i]));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_audit_leaf leaf = {.type = 77};
    uint8_t again[CAPSA_AUDIT_LEAF], id[CAPSA_AUDIT_ID];
    try_id(data, size);
    if (capsa_failed(capsa_audit_leaf_parse(capsa_bytes_of(data, size), &leaf))) {
        must(leaf.type == 77); /* outputs are untouched on failure */
        return 0;
    }
    capsa_audit_leaf_write(&leaf, again);
    must(size == sizeof(again) && memcmp(again, data, size) == 0);
    capsa_audit_leaf_own_id(&leaf, id);
    must(capsa_audit_type_name(leaf.type) != NULL);
    return 0;
}
