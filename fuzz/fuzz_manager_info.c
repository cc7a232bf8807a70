/* SPDX-License-Identifier: Apache-2.0
 *
 * What a manager says of itself: whatever the extension of a certificate holds, it is checked or
 * refused, and what was checked can be used. The input is taken as the extension, and, so that more
 * than the signature is tried, as the signed part of one that is signed here: by the key that the
 * seeds name in their genesis.
 */
#include <stdlib.h>

#include "client/client_manager.h"
#include "codec/protobuf.h"

#define NOW 1795000000

/* A manager that was accepted has an id, and a key or a reason why it has none. */
static void use(const capsa_manager *manager)
{
    if (capsa_failed(capsa_manager_id_check(manager->id)) || manager->genesis == NULL) {
        abort();
    }
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    const char *kid = NULL;
    capsa_result result = capsa_manager_native_key(manager, NOW, &key, &kid);
    if (capsa_failed(result) != (kid == NULL)) {
        abort();
    }
}

/* The private key of the 32 bytes 1, 2, 3 ..., PKCS#8. */
static struct capsa_private_key *announce_key(void)
{
    uint8_t der[48] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                       0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
    for (size_t i = 16; i < sizeof(der); i++) {
        der[i] = (uint8_t)(i - 15);
    }
    struct capsa_private_key *key = NULL;
    if (capsa_failed(capsa_private_key_parse(capsa_bytes_of(der, sizeof(der)), &key))) {
        abort();
    }
    return key;
}

static capsa_result sign(capsa_bytes info, capsa_buf *extension)
{
    CAPSA_AUTO_FREE(capsa_private_key) key = announce_key();
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(2));
    CAPSA_TRY(capsa_buf_str(&text, "capsa manager info v1\n"));
    CAPSA_TRY(capsa_buf_append(&text, info));
    uint8_t signature[CAPSA_ED25519_SIGNATURE];
    CAPSA_TRY(capsa_ed25519_sign(key, capsa_buf_bytes(&text), signature));
    CAPSA_AUTO(capsa_buf) copy = capsa_buf_of(MIB(2));
    CAPSA_TRY(capsa_buf_append(&copy, info));
    Native__SignedManagerInfo outer = NATIVE__SIGNED_MANAGER_INFO__INIT;
    outer.info = (ProtobufCBinaryData){copy.len, copy.data};
    outer.signature = (ProtobufCBinaryData){sizeof(signature), signature};
    return capsa_protobuf_write(&outer.base, extension);
}

static void parse(capsa_bytes extension)
{
    CAPSA_AUTO(capsa_manager) manager = {.genesis = NULL};
    capsa_result result = capsa_manager_parse(extension, &manager);
    if (capsa_failed(result) != (manager.genesis == NULL)) {
        abort();
    }
    if (manager.genesis != NULL) {
        use(&manager);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(capsa_bytes_of(data, size));
    CAPSA_AUTO(capsa_buf) extension = capsa_buf_of(MIB(4));
    if (!capsa_failed(sign(capsa_bytes_of(data, size), &extension))) {
        parse(capsa_buf_bytes(&extension));
    }
    return 0;
}
