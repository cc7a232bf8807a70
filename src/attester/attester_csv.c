/* SPDX-License-Identifier: Apache-2.0
 *
 * The attester of Hygon CSV: /dev/csv-guest. Request and answer lie in one page, which the firmware
 * reads and writes. Only who asked can check the MAC of the answer, under the nonce that was asked
 * with, so it is checked here; and the bytes of the report with which anybody else could make
 * another MAC are zeroed before it leaves this function. Source: contracts, quote-verification
 * sections 15.1 and 17.
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "attester/attester_device.h"
#include "attester/attester_interface.h"
#include "attester/attester_table.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "crypto/crypto_evidence.h"
#include "evidence/evidence_csv.h"

#define DEVICE "/dev/csv-guest"
#define PAGE   4096
#define MNONCE 16

struct attestation_request {
    uint64_t address;
    int32_t len;
};
#define IOCTL_ATTESTATION _IOWR('D', 1, struct attestation_request)

/* What is asked: report data, nonce, SM3 of both. */
static capsa_result write_request(const uint8_t report_data[CAPSA_REPORT_DATA],
                                  const uint8_t mnonce[MNONCE], const capsa_device_pages *page)
{
    memcpy(page->bytes, report_data, CAPSA_REPORT_DATA);
    memcpy(page->bytes + CAPSA_REPORT_DATA, mnonce, MNONCE);
    return capsa_sm3(capsa_bytes_of(page->bytes, CAPSA_REPORT_DATA + MNONCE),
                     page->bytes + CAPSA_REPORT_DATA + MNONCE);
}

static capsa_result ask(const capsa_device *device, const uint8_t report_data[CAPSA_REPORT_DATA],
                        capsa_buf *ret_evidence, capsa_buf *ret_certs)
{
    (void)ret_certs;
    uint8_t mnonce[MNONCE];
    CAPSA_AUTO(capsa_device_pages) page = {NULL, 0};
    CAPSA_TRY(capsa_device_pages_new(PAGE, &page));
    CAPSA_TRY(capsa_random(mnonce, sizeof(mnonce)));
    CAPSA_TRY(write_request(report_data, mnonce, &page));
    struct attestation_request request = {(uint64_t)(uintptr_t)page.bytes, PAGE};
    int error = capsa_device_ioctl(device, IOCTL_ATTESTATION, &request);
    CAPSA_DEVICE_REQUIRE(error == 0, error, "ask for a report of", device->path);
    const capsa_bytes report = capsa_bytes_of(page.bytes, CAPSA_CSV_REPORT_BYTES);
    CAPSA_TRY(capsa_csv_report_check_mac(report, mnonce));
    capsa_wipe(page.bytes + CAPSA_CSV_SECRET_OFFSET, CAPSA_CSV_SECRET_BYTES);
    return capsa_buf_append(ret_evidence, report);
}

static capsa_result collect_device(const struct capsa_attester_options *options,
                                   const uint8_t report_data[CAPSA_REPORT_DATA],
                                   capsa_buf *ret_evidence, capsa_buf *ret_certs)
{
    return capsa_device_ask(options, DEVICE, O_RDWR, ask, report_data, ret_evidence, ret_certs);
}

static bool device_present(const struct capsa_attester_options *options)
{
    return capsa_device_exists(options, DEVICE);
}

static const struct capsa_interface device = {"csv-guest", device_present, collect_device};
static const struct capsa_interface *const list[] = {&device, NULL};
static const struct capsa_interfaces interfaces = {DEVICE, list};

const struct capsa_attester capsa_attester_csv = {"csv",
                                                  "Hygon CSV guest",
                                                  CAPSA_PLATFORM_CSV,
                                                  capsa_interfaces_present,
                                                  capsa_interfaces_collect,
                                                  &interfaces};
