/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials from PEM files (client_party.h).
 */
#include "client/client_party.h"

#include "base/file.h"
#include "base/limits.h"

static const char block_begin[] = "-----BEGIN CERTIFICATE-----";
static const char block_end[] = "-----END CERTIFICATE-----";

void capsa_party_drop(capsa_party *party)
{
    capsa_chain_drop(&party->chain);
    capsa_private_key_free(party->key);
    party->key = NULL;
    party->id[0] = '\0';
}

/* The next block, from its first dash to its last; false when there is no whole one. */
static bool next_block(capsa_bytes *rest, capsa_bytes *ret_block)
{
    const uint8_t *begin =
        rest->len == 0 ? NULL : memmem(rest->data, rest->len, block_begin, sizeof(block_begin) - 1);
    if (begin == NULL) {
        return false;
    }
    capsa_bytes tail = capsa_bytes_of(begin, rest->len - (size_t)(begin - rest->data));
    const uint8_t *end = memmem(tail.data, tail.len, block_end, sizeof(block_end) - 1);
    if (end == NULL) {
        return false;
    }
    size_t len = (size_t)(end - tail.data) + sizeof(block_end) - 1;
    *ret_block = capsa_bytes_of(tail.data, len);
    *rest = capsa_bytes_from(tail, len);
    return true;
}

CAPSA_RESULT capsa_chain_add_text(capsa_chain *chain, capsa_bytes text)
{
    size_t before = chain->count;
    capsa_bytes block;
    while (next_block(&text, &block)) {
        CAPSA_TRY_AT(capsa_chain_add_pem(chain, block), "certificate %zu",
                     chain->count - before + 1);
    }
    CAPSA_REQUIRE(chain->count > before, MALFORMED, "no PEM certificate (%s ...) is in it",
                  block_begin);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_party_load_chain(capsa_party *party, const char *const *cert_paths)
{
    for (size_t i = 0; cert_paths[i] != NULL; i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_cert_pem);
        CAPSA_TRY(capsa_file_read(cert_paths[i], &text));
        CAPSA_TRY_AT(capsa_chain_add_text(&party->chain, capsa_buf_bytes(&text)), "%s",
                     cert_paths[i]);
    }
    CAPSA_REQUIRE(party->chain.count > 0, USAGE, "no certificate is named");
    return capsa_cert_party_id(party->chain.certs[party->chain.count - 1], party->id);
}

CAPSA_RESULT capsa_party_load_key(capsa_party *party, const char *key_path)
{
    CAPSA_REQUIRE(party->chain.count > 0, USAGE, "a key needs its certificate");
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_file_read(key_path, &text));
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_TRY_AT(capsa_private_key_parse(capsa_buf_bytes(&text), &key), "%s", key_path);
    CAPSA_AUTO_FREE(capsa_public_key) public = NULL;
    CAPSA_TRY(capsa_public_key_of(key, &public));
    CAPSA_REQUIRE(capsa_public_key_same(public, capsa_cert_key(party->chain.certs[0])), USAGE,
                  "%s is not the key of the first certificate (the order is leaf, intermediates, "
                  "root)",
                  key_path);
    capsa_private_key_free(party->key);
    party->key = key;
    key = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_party_cert(const capsa_party *party, capsa_buf *pem)
{
    CAPSA_REQUIRE(party->chain.count > 0, USAGE, "the party has no certificate");
    return capsa_cert_write_pem(party->chain.certs[0], pem);
}

CAPSA_RESULT capsa_party_certs(const capsa_party *party, struct capsa_json **ret_certs)
{
    CAPSA_AUTO_FREE(capsa_json) certs = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(certs);
    for (size_t i = 0; i < party->chain.count; i++) {
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
        CAPSA_TRY(capsa_cert_write_pem(party->chain.certs[i], &pem));
        const char *text;
        CAPSA_TRY(capsa_buf_cstr(&pem, &text));
        CAPSA_TRY(capsa_json_push(certs, capsa_json_new_string(text)));
    }
    *ret_certs = certs;
    certs = NULL;
    return CAPSA_OK;
}
