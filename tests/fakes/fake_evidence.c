/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence for the fakes to hand out (fake_evidence.h). Offsets are those of the contracts, written
 * down a second time on purpose: a fake that used the attester's would agree with its mistakes.
 */
#include "fake_evidence.h"

#include "attester/attester_sim.h"
#include "crypto/crypto_evidence.h"

static capsa_result quote(enum capsa_platform platform, const char *sim_dir,
                          const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_quote)
{
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    CAPSA_TRY(capsa_sim_open(sim_dir, &sim));
    struct capsa_sim_claims claims = {.platform = platform, .isv_prod_id = 1, .isv_svn = 1};
    memset(claims.mr_enclave, 0xe1, sizeof(claims.mr_enclave));
    memset(claims.mr_td, 0x7d, sizeof(claims.mr_td));
    memcpy(claims.report_data, report_data, CAPSA_REPORT_DATA);
    return capsa_sim_quote(sim, &claims, ret_quote);
}

static capsa_result snp_report(const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_report)
{
    uint8_t report[1184] = {0};
    report[0x000] = 3;      /* version */
    report[0x00a] = 0x02;   /* policy: the bit that is always set */
    report[0x034] = 1;      /* ECDSA P-384 with SHA-384 */
    report[0x188] = 0x19;   /* family */
    report[0x189] = 0x01;   /* model: Milan */
    report[0x2a0] = 1;      /* r */
    report[0x2a0 + 72] = 1; /* s */
    memset(report + 0x090, 0x3a, 48);
    memcpy(report + 0x050, report_data, CAPSA_REPORT_DATA);
    return capsa_buf_append(ret_report, capsa_bytes_of(report, sizeof(report)));
}

CAPSA_RESULT fake_evidence(enum capsa_platform platform, const char *sim_dir,
                           const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence)
{
    return platform == CAPSA_PLATFORM_SNP ? snp_report(report_data, ret_evidence)
                                          : quote(platform, sim_dir, report_data, ret_evidence);
}

static void mask(uint8_t *report, size_t from, size_t to)
{
    static const uint8_t anonce[4] = {0xd1, 0x07, 0x9c, 0x44};
    for (size_t i = from; i < to; i++) {
        report[i] ^= anonce[i % 4];
    }
}

CAPSA_RESULT fake_csv_report(const uint8_t report_data[CAPSA_REPORT_DATA], const uint8_t mnonce[16],
                             uint8_t ret_report[FAKE_CSV_REPORT])
{
    memset(ret_report, 0, FAKE_CSV_REPORT);
    memcpy(ret_report + 64, report_data, CAPSA_REPORT_DATA);
    memcpy(ret_report + 128, mnonce, 16);
    memset(ret_report + 144, 0xc5, 32); /* measure */
    ret_report[176] = 0x01;             /* policy: not to be debugged */
    ret_report[180] = 0x02;             /* sig_usage: PEK, 0x1002 */
    ret_report[181] = 0x10;
    ret_report[192] = 1; /* r */
    ret_report[264] = 1; /* s */
    memcpy(ret_report + 2420, "FAKECHIP00001", 13);
    mask(ret_report, 0, 192); /* of anonce itself: XOR with zero leaves anonce */
    mask(ret_report, 336, 2484);
    memset(ret_report + 2484, FAKE_CSV_SECRET, 32);
    return capsa_hmac_sm3((capsa_secret_bytes){mnonce, 16},
                          capsa_bytes_of(ret_report + 336, 2516 - 336), ret_report + 2516);
}

CAPSA_RESULT fake_qgs_frame(capsa_bytes quote, capsa_buf *ret_frame)
{
    const uint32_t size = (uint32_t)(16 + 8 + quote.len);
    const uint32_t numbers[] = {1, 1, size, 0, 0, (uint32_t)quote.len};
    CAPSA_TRY(capsa_buf_be32(ret_frame, size));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        CAPSA_TRY(capsa_buf_le32(ret_frame, numbers[i]));
    }
    return capsa_buf_append(ret_frame, quote);
}
