/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: the contents of DICE's extensions. What is handed out lies within the input; claims that
 * were read are written anew and read the same.
 */
#include <stdlib.h>

#include "ratls/ratls_dice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void must_lie_within(capsa_bytes part, capsa_bytes whole)
{
    must(part.len == 0 ||
         (part.data >= whole.data && (size_t)(part.data - whole.data) + part.len <= whole.len));
}

static void use_claims(capsa_bytes bytes)
{
    struct capsa_ratls_claims claims = {.hash = CAPSA_RATLS_SHA512};
    if (capsa_failed(capsa_ratls_dice_read_claims(bytes, &claims))) {
        must(claims.hash == CAPSA_RATLS_SHA512 && claims.key_digest.data == NULL);
        return;
    }
    uint8_t digest[CAPSA_RATLS_DIGEST];
    must_lie_within(claims.key_digest, bytes);
    must_lie_within(claims.nonce, bytes);
    must(claims.key_digest.len == capsa_ratls_digest(claims.hash, bytes, digest));
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(KIB(16));
    must(!capsa_failed(capsa_ratls_dice_write_claims(claims.hash, bytes, claims.nonce, &again)));
    struct capsa_ratls_claims twice;
    must(!capsa_failed(capsa_ratls_dice_read_claims(capsa_buf_bytes(&again), &twice)));
    must(twice.hash == claims.hash && capsa_bytes_equal(twice.nonce, claims.nonce) &&
         (twice.nonce.data == NULL) == (claims.nonce.data == NULL));
}

static void use_endorsements(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    capsa_result read = capsa_ratls_dice_read_endorsements(bytes, &collateral);
    must(!capsa_failed(read) || capsa_collateral_is_empty(&collateral));
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(MIB(4));
    if (capsa_failed(capsa_ratls_dice_write_endorsements(&collateral, &again))) {
        must(again.len == 0);
        return;
    }
    CAPSA_AUTO(capsa_collateral) twice;
    capsa_collateral_init(&twice);
    must(!capsa_failed(capsa_ratls_dice_read_endorsements(capsa_buf_bytes(&again), &twice)));
    must(
        capsa_bytes_equal(capsa_buf_bytes(&twice.tcb_info), capsa_buf_bytes(&collateral.tcb_info)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const capsa_bytes bytes = capsa_bytes_of(data, size);
    struct capsa_ratls_dice dice = {.tag = 77};
    if (capsa_failed(capsa_ratls_dice_read_evidence(bytes, &dice))) {
        must(dice.tag == 77);
    } else {
        must_lie_within(dice.evidence, bytes);
        must_lie_within(dice.claims, bytes);
        use_claims(dice.claims);
    }
    use_claims(bytes);
    use_endorsements(bytes);
    return 0;
}
