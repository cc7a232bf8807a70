/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML text: what is read, written and read again is the same value.
 */
#include <stdlib.h>

#include "codec/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    if (size > KIB(64) || capsa_failed(capsa_yaml_parse(capsa_bytes_of(data, size), &value))) {
        return 0;
    }
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    capsa_result wrote = capsa_yaml_write(value, &text);
    if (capsa_code_of(wrote) == CAPSA_E_TOO_LARGE) {
        return 0; /* a key too long to be written */
    }
    CAPSA_AUTO_FREE(capsa_json) again = NULL;
    CAPSA_AUTO(capsa_buf) before = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) after = capsa_buf_of(MIB(1));
    if (capsa_failed(wrote) || capsa_failed(capsa_yaml_parse(capsa_buf_bytes(&text), &again)) ||
        capsa_failed(capsa_json_write(value, CAPSA_JSON_COMPACT, &before)) ||
        capsa_failed(capsa_json_write(again, CAPSA_JSON_COMPACT, &after)) ||
        !capsa_bytes_equal(capsa_buf_bytes(&before), capsa_buf_bytes(&after))) {
        abort();
    }
    return 0;
}
