/* SPDX-License-Identifier: Apache-2.0
 *
 * SGX under Occlum: a device that is asked first how long a quote is and then for one. On a bare
 * host a device of the same name may belong to an old driver of SGX, which knows neither question
 * and says so. Source: contracts, ra-tls section 10.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "attester/attester_device.h"
#include "attester/attester_sgx.h"
#include "base/limits.h"

#define DEVICE "/dev/sgx"

struct quote_request {
    const uint8_t *report_data;
    uint32_t *len; /* in: room; out: how long the quote is */
    uint8_t *quote;
};
#define IOCTL_QUOTE_SIZE _IOR('s', 7, uint32_t)
#define IOCTL_QUOTE      _IOWR('s', 8, struct quote_request)

static bool present(const struct capsa_attester_options *options)
{
    return capsa_device_exists(options, DEVICE);
}

static capsa_result ask(const capsa_device *device, const uint8_t report_data[CAPSA_REPORT_DATA],
                        capsa_buf *ret_evidence, capsa_buf *ret_certs)
{
    (void)ret_certs;
    uint32_t room = 0;
    int error = capsa_device_ioctl(device, IOCTL_QUOTE_SIZE, &room);
    CAPSA_DEVICE_REQUIRE(error == 0, error, "ask for the size of a quote of", device->path);
    CAPSA_REQUIRE(room > 0 && room <= CAPSA_LIMIT_evidence_bytes, TOO_LARGE,
                  "%s says that a quote has %u bytes; 1 to %d are possible", device->path, room,
                  CAPSA_LIMIT_evidence_bytes);
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    uint8_t *at;
    CAPSA_TRY(capsa_buf_extend(&quote, room, &at));
    uint32_t len = room;
    struct quote_request request = {report_data, &len, at};
    error = capsa_device_ioctl(device, IOCTL_QUOTE, &request);
    CAPSA_DEVICE_REQUIRE(error == 0, error, "ask for a quote of", device->path);
    CAPSA_REQUIRE(len > 0 && len <= room, EVIDENCE,
                  "%s says that it wrote a quote of %u bytes where there is room for %u",
                  device->path, len, room);
    return capsa_buf_append(ret_evidence, capsa_bytes_of(at, len));
}

static capsa_result collect(const struct capsa_attester_options *options,
                            const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
                            capsa_buf *ret_certs)
{
    return capsa_device_ask(options, DEVICE, O_RDONLY, ask, report_data, ret_evidence, ret_certs);
}

const struct capsa_interface capsa_interface_occlum = {"Occlum", present, collect};
