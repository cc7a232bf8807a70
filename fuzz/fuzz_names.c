/* SPDX-License-Identifier: Apache-2.0
 *
 * Resource URIs and data keys of requests: what is accepted has a data_uuid without a slash that
 * begins the URI.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "keymanager/keymanager_call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = capsa_strndup((const char *)data, size);
    CAPSA_AUTO(capsa_buf) uuid = capsa_buf_of(CAPSA_LIMIT_id_bytes);
    if (!capsa_failed(capsa_km_uri_parse(text, &uuid)) &&
        (uuid.len == 0 || capsa_bytes_find(capsa_buf_bytes(&uuid), '/') != uuid.len ||
         strncmp(text, (const char *)uuid.data, uuid.len) != 0)) {
        abort();
    }
    capsa_ignore(capsa_km_data_key_check("key", text), "only crashes count here");
    capsa_dealloc(text);
    return 0;
}
