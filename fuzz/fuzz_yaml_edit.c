/* SPDX-License-Identifier: Apache-2.0
 *
 * Editing a YAML file that somebody else wrote: the edit fails and leaves the text, or the text has
 * the value, and then setting it again changes nothing.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "cli/cli_yaml_edit.h"

static void edit(capsa_bytes before, const char *path, const struct capsa_json *value)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_yaml_bytes);
    if (capsa_failed(capsa_buf_append(&text, before))) {
        return;
    }
    if (capsa_failed(capsa_yaml_set(&text, path, value))) {
        if (!capsa_bytes_equal(capsa_buf_bytes(&text), before)) {
            abort();
        }
        return;
    }
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(CAPSA_LIMIT_yaml_bytes);
    if (capsa_failed(capsa_buf_append(&again, capsa_buf_bytes(&text)))) {
        return;
    }
    if (capsa_failed(capsa_yaml_set(&again, path, value)) ||
        !capsa_bytes_equal(capsa_buf_bytes(&text), capsa_buf_bytes(&again))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"host", "common.party_id", "a.b.c"};
    capsa_bytes text = capsa_bytes_of(data, size);
    CAPSA_AUTO_FREE(capsa_json) string = capsa_json_new_string("it's: #1");
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    if (string == NULL || list == NULL ||
        capsa_failed(capsa_json_push(list, capsa_json_new_string("x")))) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        edit(text, paths[i], string);
        edit(text, paths[i], list);
    }
    return 0;
}
