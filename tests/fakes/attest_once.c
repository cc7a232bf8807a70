/* SPDX-License-Identifier: Apache-2.0
 *
 * One question to one attester, for running under fake_ioctl:
 *   attest_once PLATFORM ROOT REPORT_DATA_HEX TRIES [QGS]
 * Prints the name of the error's code ("OK"), then a line of its text, or of the evidence in hex,
 * then whether certificates came with it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "attester/attester.h"
#include "codec/text.h"

static void say_hex(capsa_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        (void)printf("%02x", bytes.data[i]);
    }
    (void)printf("\n");
}

int main(int argc, char **argv)
{
    CAPSA_AUTO(capsa_buf) report_data = capsa_buf_of(KIB(1));
    const struct capsa_attester *attester = argc < 5 ? NULL : capsa_attester_by_name(argv[1]);
    if (attester == NULL || capsa_failed(capsa_hex_parse(capsa_bytes_str(argv[3]), &report_data)) ||
        report_data.len != CAPSA_REPORT_DATA) {
        (void)fprintf(stderr, "attest_once PLATFORM ROOT REPORT_DATA_HEX TRIES [QGS]\n");
        return 1;
    }
    const struct capsa_attester_options options = {.root = argv[2],
                                                   .qgs = argc > 5 ? argv[5] : NULL,
                                                   .tries = (unsigned)strtoul(argv[4], NULL, 10)};
    CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    capsa_result result =
        attester->collect(attester, &options, report_data.data, &evidence, &collateral);
    if (capsa_failed(result)) {
        (void)printf("%s\n%s\n", capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
        return evidence.len == 0 ? 0 : 2; /* outputs stay as they were */
    }
    (void)printf("OK\n");
    say_hex(capsa_buf_bytes(&evidence));
    (void)printf("%s\n",
                 capsa_collateral_is_empty(&collateral) ? "no certificates" : "certificates");
    return 0;
}
