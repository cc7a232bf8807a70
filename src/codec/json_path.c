/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths as text (json_path.h).
 */
#include "codec/json_path.h"

#include <stdio.h>

enum {
    BEHIND = 4, /* room kept for ": " and NUL */
};

/* Steps are written from the outside in; recursion is as deep as the decoder's own. */
static size_t write_steps(const struct capsa_json_path *path, char *text, size_t size)
{
    if (path == NULL) {
        return 0;
    }
    size_t len = write_steps(path->up, text, size);
    int wrote = path->name == NULL
                    ? snprintf(text + len, size - len, "[%zu]", path->index)
                    : snprintf(text + len, size - len, "%s%s", len > 0 ? "." : "", path->name);
    size_t left = size - len - 1;
    return len + (wrote < 0 ? 0 : (size_t)wrote > left ? left : (size_t)wrote);
}

void capsa_json_path_text(const struct capsa_json_path *path, char text[CAPSA_JSON_PATH])
{
    text[0] = '\0';
    size_t len = write_steps(path, text, CAPSA_JSON_PATH - BEHIND);
    if (len > 0) {
        (void)snprintf(text + len, CAPSA_JSON_PATH - len, ": ");
    }
}
