/* SPDX-License-Identifier: Apache-2.0
 *
 * Vote documents as people hand them to each other: whatever stands in one, it is checked or
 * refused, and nothing is left in the view of one that was refused.
 */
#include <stdlib.h>

#include "client/client_vote.h"
#include "codec/yaml.h"

#define NOW 1700000000

static void check_request(const struct capsa_json *request)
{
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    capsa_result result = capsa_vote_request_check(request, NOW, &view);
    if (capsa_failed(result) != (view.resource_uri == NULL)) {
        abort();
    }
}

static void check_vote(const struct capsa_json *vote, const struct capsa_json *request)
{
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    capsa_result result = capsa_vote_check(vote, request, NOW, &view);
    if (capsa_failed(result) != (view.action == NULL)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    if (capsa_failed(capsa_yaml_parse(capsa_bytes_of(data, size), &document))) {
        return 0;
    }
    const struct capsa_json *request = capsa_json_get(document, "vote_request");
    const struct capsa_json *votes = capsa_json_get(document, "vote_invite");
    check_request(request == NULL ? document : request);
    for (size_t i = 0; request != NULL && i < capsa_json_count(votes); i++) {
        check_vote(capsa_json_at(votes, i), request);
    }
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    capsa_ignore(capsa_chain_add_text(&chain, capsa_bytes_of(data, size)), "any text may come");
    return 0;
}
