/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of collateral in all their forms, revocation lists and signed envelopes. What was cut out
 * of an envelope and is put into one again must come out the same.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "evidence/collateral_show.h"

static void check_file(const char *name, capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    capsa_result result = capsa_collateral_add(&collateral, name, bytes);
    if (capsa_failed(result) != capsa_collateral_is_empty(&collateral)) {
        abort();
    }
    CAPSA_AUTO_FREE(capsa_json) shown = NULL;
    if (capsa_failed(capsa_collateral_show(&collateral, &shown))) {
        abort();
    }
    if (!capsa_failed(result) && capsa_failed(capsa_collateral_add(&collateral, name, bytes))) {
        abort(); /* the same once more is no other */
    }
}

static void check_v3(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_collateral) collateral;
    CAPSA_AUTO_FREE(capsa_json) qvl = NULL;
    capsa_collateral_init(&collateral);
    if (capsa_failed(capsa_collateral_add(&collateral, "c.json", bytes)) ||
        capsa_failed(capsa_collateral_write_qvl(&collateral, CAPSA_PLATFORM_TDX, &qvl))) {
        return;
    }
    CAPSA_AUTO(capsa_collateral) again;
    capsa_collateral_init(&again);
    if (capsa_failed(capsa_collateral_parse_qvl(qvl, &again)) ||
        !capsa_bytes_equal(capsa_buf_bytes(&again.tcb_info),
                           capsa_buf_bytes(&collateral.tcb_info)) ||
        !capsa_bytes_equal(capsa_buf_bytes(&again.pck_crl), capsa_buf_bytes(&collateral.pck_crl))) {
        abort();
    }
}

static void check_signed(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_collateral_signed);
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(64);
    CAPSA_AUTO(capsa_buf) envelope = capsa_buf_of(MIB(1));
    if (!capsa_failed(capsa_collateral_signed("tcbInfo", bytes, &text, &signature)) &&
        capsa_failed(capsa_collateral_envelope("tcbInfo", capsa_buf_bytes(&text),
                                               capsa_buf_bytes(&signature), &envelope))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    capsa_bytes bytes = capsa_bytes_of(data, size);
    check_file("x", bytes);
    check_file("leaf.der", bytes);
    check_file("cek.cert", bytes);
    check_v3(bytes);
    check_signed(bytes);
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(CAPSA_LIMIT_collateral_crl);
    capsa_ignore(capsa_collateral_crl("list", bytes, &der), "any bytes may come");
    return 0;
}
