/* SPDX-License-Identifier: Apache-2.0
 *
 * The genesis: read strictly, and asked whether it allows a start (audit_genesis.h).
 */
#include "audit/audit_genesis.h"

#include "codec/protobuf.h"

#define FORMAT   1
#define STORE_ID 16

static bool is_mode(const char *mode)
{
    return capsa_streq(mode, "simulation") || capsa_streq(mode, "production");
}

static capsa_result check(const Native__Genesis *genesis)
{
    CAPSA_REQUIRE(genesis->format == FORMAT, UNSUPPORTED,
                  "a genesis of format %lld, which this program does not know",
                  (long long)genesis->format);
    CAPSA_REQUIRE(genesis->store_id.len == STORE_ID, MALFORMED, "genesis: store_id: not %d bytes",
                  STORE_ID);
    CAPSA_REQUIRE(is_mode(genesis->mode), MALFORMED, "genesis: mode: simulation or production");
    CAPSA_REQUIRE(genesis->audit_key.len == CAPSA_ED25519_PUBLIC &&
                      genesis->announce_key.len == CAPSA_ED25519_PUBLIC,
                  MALFORMED, "genesis: a key is not %d bytes", CAPSA_ED25519_PUBLIC);
    CAPSA_REQUIRE(*genesis->membership != '\0', MALFORMED, "genesis: membership: missing");
    for (size_t i = 1; i < genesis->n_insecure; i++) {
        CAPSA_REQUIRE(strcmp(genesis->insecure[i - 1], genesis->insecure[i]) < 0, MALFORMED,
                      "genesis: insecure: not sorted, each once");
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_genesis_parse(capsa_bytes bytes, Native__Genesis **ret_genesis)
{
    CAPSA_REQUIRE(bytes.len <= CAPSA_LIMIT_manager_info, TOO_LARGE, "genesis: over %d bytes",
                  CAPSA_LIMIT_manager_info);
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY_AT(
        capsa_protobuf_parse(&native__genesis__descriptor, bytes, CAPSA_UNKNOWN_REFUSED, &message),
        "genesis");
    CAPSA_TRY(check((const Native__Genesis *)(const void *)message));
    *ret_genesis = (Native__Genesis *)(void *)message;
    message = NULL; /* handed over */
    return CAPSA_OK;
}

void capsa_genesis_id(capsa_bytes bytes, char ret_id[CAPSA_MANAGER_ID])
{
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(bytes, digest);
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(digest); i++) {
        ret_id[2 * i] = digits[digest[i] >> 4];
        ret_id[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_id[CAPSA_MANAGER_ID - 1] = '\0';
}

static bool has_insecure(const Native__Genesis *genesis, const char *name)
{
    for (size_t i = 0; i < genesis->n_insecure; i++) {
        if (capsa_streq(genesis->insecure[i], name)) {
            return true;
        }
    }
    return false;
}

CAPSA_RESULT capsa_genesis_allows(const Native__Genesis *genesis, const char *mode,
                                  const char *const *insecure)
{
    CAPSA_REQUIRE(capsa_streq(genesis->mode, mode), DENIED,
                  "this store began in mode %s and opens in no other; mode %s needs a store of its "
                  "own",
                  genesis->mode, mode);
    for (size_t i = 0; insecure != NULL && insecure[i] != NULL; i++) {
        CAPSA_REQUIRE(has_insecure(genesis, insecure[i]), DENIED,
                      "this store began without %s, and its owners trust it to stay so: start "
                      "without the option, or with a store of its own",
                      insecure[i]);
    }
    return CAPSA_OK;
}

static bool has_anchor(const Native__Genesis *genesis, const struct capsa_genesis_anchor *anchor)
{
    for (size_t i = 0; i < genesis->n_anchors; i++) {
        ProtobufCBinaryData sha256 = genesis->anchors[i]->sha256;
        if (sha256.len == CAPSA_SHA256 && memcmp(sha256.data, anchor->sha256, CAPSA_SHA256) == 0) {
            return true;
        }
    }
    return false;
}

CAPSA_RESULT capsa_genesis_allows_anchor(const Native__Genesis *genesis,
                                         const struct capsa_genesis_anchor *anchor)
{
    CAPSA_REQUIRE(
        anchor->is_vendor || has_anchor(genesis, anchor), DENIED,
        "this store began without the simulated trust anchor \"%s\", and its owners trust "
        "it to judge evidence without: start without it, or with a store of its own",
        anchor->id);
    return CAPSA_OK;
}
