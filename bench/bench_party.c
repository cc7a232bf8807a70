/* SPDX-License-Identifier: Apache-2.0
 *
 * A party is two files: <type>.key and <type>.crt.
 */
#include "bench_party.h"

#include <stdio.h>

#include "base/file.h"
#include "base/time.h"

#define RSA_BITS   3072
#define BENCH_PATH 4096

static capsa_result path_of(const char *folder, const char *type, const char *ending,
                            char ret_path[BENCH_PATH])
{
    int len = snprintf(ret_path, BENCH_PATH, "%s/%s.%s", folder, type, ending);
    CAPSA_REQUIRE(len > 0 && len < BENCH_PATH, USAGE, "the path is too long");
    return CAPSA_OK;
}

static capsa_result make_key(const char *type, struct capsa_private_key **ret_key)
{
    return capsa_streq(type, "rsa") ? capsa_private_key_new_rsa(RSA_BITS, ret_key)
                                    : capsa_private_key_new_p256(ret_key);
}

static capsa_result save(const char *folder, const char *type, const capsa_party *party)
{
    char path[BENCH_PATH];
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(KIB(64)), cert = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_private_key_write(party->key, &key));
    CAPSA_TRY(path_of(folder, type, "key", path));
    CAPSA_TRY(capsa_file_write(path, capsa_buf_bytes(&key), 0600, true));
    CAPSA_TRY(capsa_party_cert(party, &cert));
    CAPSA_TRY(path_of(folder, type, "crt", path));
    return capsa_file_write(path, capsa_buf_bytes(&cert), 0600, true);
}

CAPSA_RESULT bench_party_make(const char *type, const char *folder, capsa_party *ret_party)
{
    CAPSA_AUTO(capsa_party) party = {.key = NULL};
    capsa_time now = capsa_now(&capsa_clock_system);
    const struct capsa_cert_request request = {.not_before = now - 3600, .not_after = now + 86400};
    CAPSA_TRY(make_key(type, &party.key));
    CAPSA_TRY(capsa_cert_self_sign(party.key, &request, &party.chain.certs[0]));
    party.chain.count = 1;
    CAPSA_TRY(save(folder, type, &party));
    return bench_party_load(type, folder, ret_party);
}

CAPSA_RESULT bench_party_load(const char *type, const char *folder, capsa_party *ret_party)
{
    char path[BENCH_PATH];
    CAPSA_TRY(path_of(folder, type, "crt", path));
    CAPSA_TRY(capsa_party_load_chain(ret_party, (const char *const[]){path, NULL}));
    CAPSA_TRY(path_of(folder, type, "key", path));
    return capsa_party_load_key(ret_party, path);
}

void bench_uuid(const char *type, size_t index, char ret_uuid[BENCH_NAME])
{
    (void)snprintf(ret_uuid, BENCH_NAME, "%s-%zu", type, index / BENCH_UUID);
}

void bench_uri(const char *type, size_t index, char ret_uri[BENCH_NAME])
{
    (void)snprintf(ret_uri, BENCH_NAME, "%s-%zu/%zu", type, index / BENCH_UUID, index);
}
