/* SPDX-License-Identifier: Apache-2.0
 *
 * Native requests and answers: six lines, the fields of struct capsa_jwe in their order. A first
 * line that begins with { is the header as JSON, to be encoded first; so changes get past base64. A
 * message of good form is also opened, with a key it was not made for; nothing may come of that.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "codec/text.h"
#include "envelope/envelope_native.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static const struct capsa_private_key *fuzz_key(enum capsa_key_kind kind)
{
    static struct capsa_private_key *p256, *x25519; /* one thread */
    if (p256 == NULL) {
        must(!capsa_failed(capsa_private_key_new_p256(&p256)));
        must(!capsa_failed(capsa_private_key_new_x25519(&x25519)));
    }
    return kind == CAPSA_KEY_P256 ? p256 : x25519;
}

static const capsa_native_channel *fuzz_channel(void)
{
    static capsa_native_channel channel;
    if (channel.response_key == NULL) {
        CAPSA_AUTO(capsa_jwe_out) out = {0};
        CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
        must(!capsa_failed(capsa_public_key_of(fuzz_key(CAPSA_KEY_X25519), &key)));
        must(!capsa_failed(capsa_native_seal(key, capsa_bytes_str(""), &out, &channel)));
    }
    return &channel;
}

static void open_request(const struct capsa_jwe *jwe)
{
    CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
    CAPSA_AUTO(capsa_native_channel) channel = {NULL};
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(64));
    if (capsa_failed(capsa_native_parse(jwe, &parsed))) {
        must(parsed.epk == NULL);
        return;
    }
    must(strlen(parsed.kid) + 1 == CAPSA_KID);
    must(capsa_public_key_kind(parsed.epk) == parsed.kind);
    must(capsa_failed(capsa_native_open(&parsed, fuzz_key(parsed.kind), &plaintext, &channel)));
    must(plaintext.len == 0 && channel.response_key == NULL);
}

static void open_answer(const struct capsa_jwe *jwe)
{
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(64));
    must(capsa_failed(capsa_native_answer_open(fuzz_channel(), jwe, &plaintext)));
    must(plaintext.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = capsa_strndup((const char *)data, size);
    must(text != NULL);
    char *fields[6] = {NULL};
    char *rest = text;
    for (size_t i = 0; i < 6 && rest != NULL; i++) {
        fields[i] = strsep(&rest, "\n");
    }
    CAPSA_AUTO(capsa_buf) encoded = capsa_buf_of(2 * size + 8);
    const char *header = fields[0];
    if (header[0] == '{') {
        must(
            !capsa_failed(capsa_base64_write(capsa_bytes_str(header), CAPSA_BASE64_URL, &encoded)));
        must(!capsa_failed(capsa_buf_cstr(&encoded, &header)));
    }
    const struct capsa_jwe jwe = {header, fields[1], fields[2], fields[3], fields[4], fields[5]};
    open_request(&jwe);
    open_answer(&jwe);
    capsa_dealloc(text);
    return 0;
}
