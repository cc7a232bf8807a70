/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that knows its size, so that it can be wiped (codec_alloc.h).
 */
#include "codec/codec_alloc.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/secret.h"

struct header {
    alignas(max_align_t) size_t size; /* of what follows the header */
};

static _Thread_local bool failed;
static _Thread_local bool ends_at_failure;

void capsa_wiping_forget(void)
{
    failed = false;
}

bool capsa_wiping_has_failed(void)
{
    return failed;
}

void capsa_wiping_once(bool on)
{
    ends_at_failure = on;
}

void *capsa_wiping_alloc(size_t size)
{
    struct header *header = NULL;
    bool is_over = failed && ends_at_failure;
    if (!is_over && size <= SIZE_MAX - sizeof(struct header)) {
        header = capsa_alloc(sizeof(struct header) + size);
    }
    if (header == NULL) {
        failed = true;
        return NULL;
    }
    header->size = size;
    return header + 1;
}

void capsa_wiping_free(void *pointer)
{
    if (pointer == NULL) {
        return;
    }
    struct header *header = (struct header *)pointer - 1;
    capsa_wipe(pointer, header->size);
    capsa_dealloc(header);
}
