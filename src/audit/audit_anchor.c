/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of anchors, and what a name that is not in it is told (audit_anchor.h).
 */
#include "audit/audit_anchor.h"

const struct capsa_anchor_ops *const capsa_anchors[] = {
    &capsa_anchor_file,
    NULL,
};

/* Designed and not built. */
static const char *const planned[] = {"witness", "peers", "tpm"};

static bool names(const char *location, const char *name)
{
    size_t len = strlen(name);
    return strncmp(location, name, len) == 0 && (location[len] == ':' || location[len] == '\0');
}

static capsa_result unknown(const char *location)
{
    for (size_t i = 0; i < sizeof(planned) / sizeof(planned[0]); i++) {
        CAPSA_REQUIRE(!names(location, planned[i]), UNSUPPORTED,
                      "the anchor \"%s\" is not built yet; there are none and file:PATH",
                      planned[i]);
    }
    CAPSA_FAIL(UNSUPPORTED,
               "no anchor of the kind of \"%s\"; there are none and file:PATH "
               "(witness, peers and tpm are planned)",
               location);
}

CAPSA_RESULT capsa_anchor_open(const char *location, struct capsa_anchor **ret_anchor)
{
    if (capsa_streq(location, "none")) {
        *ret_anchor = NULL;
        return CAPSA_OK;
    }
    for (size_t i = 0; capsa_anchors[i] != NULL; i++) {
        size_t len = strlen(capsa_anchors[i]->name);
        if (names(location, capsa_anchors[i]->name)) {
            CAPSA_REQUIRE(location[len] == ':' && location[len + 1] != '\0', USAGE,
                          "the anchor \"%s\" needs a place: \"%s:PATH\"", location,
                          capsa_anchors[i]->name);
            return capsa_anchors[i]->open(location + len + 1, ret_anchor);
        }
    }
    return unknown(location);
}

void capsa_anchor_close(struct capsa_anchor *anchor)
{
    if (anchor != NULL) {
        anchor->ops->close(anchor);
    }
}

const char *capsa_anchor_name(const struct capsa_anchor *anchor)
{
    return anchor == NULL ? "none" : anchor->ops->name;
}
