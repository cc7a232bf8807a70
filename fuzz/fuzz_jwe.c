/* SPDX-License-Identifier: Apache-2.0
 *
 * JWE messages: six lines, the fields of struct capsa_jwe in their order. A message of good form is
 * also opened, with a key it was not made for; nothing may come of that.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "envelope/envelope_jwe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static const struct capsa_private_key *fuzz_key(void)
{
    static struct capsa_private_key *key; /* one thread, and making one takes long */
    if (key == NULL) {
        must(!capsa_failed(capsa_private_key_new_rsa(CAPSA_LIMIT_rsa_bits_min, &key)));
    }
    return key;
}

static void open_form(const struct capsa_jwe *jwe)
{
    CAPSA_AUTO(capsa_jwe_parsed) parsed = {0};
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(64));
    if (capsa_failed(capsa_jwe_parse(jwe, &parsed))) {
        return;
    }
    must(parsed.tag.len == CAPSA_GCM_TAG && parsed.iv.len <= 32);
    must(capsa_failed(capsa_jwe_open(&parsed, fuzz_key(), &plaintext)));
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
    const struct capsa_jwe jwe = {fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]};
    open_form(&jwe);
    capsa_dealloc(text);
    return 0;
}
