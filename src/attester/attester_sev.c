/* SPDX-License-Identifier: Apache-2.0
 *
 * /dev/sev-guest. The report and the host's certificates are asked for together; kernels that only
 * know the plain question get that. What failed stands in two numbers beside errno: the firmware's,
 * and the hypervisor's, of which two are no failures but say "more room" and "later". Source:
 * contracts, quote-verification section 17.
 */
#include "attester/attester_sev.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "attester/attester_device.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/reader.h"
#include "base/secret.h"
#include "evidence/evidence_snp.h"

#define DEVICE            "/dev/sev-guest"
#define MESSAGE_VERSION   1
#define RESPONSE_BYTES    4000
#define RESPONSE_RESERVED 24
#define CERTS_FIRST       KIB(16) /* what Linux takes at most */
#define VMM_MORE_ROOM     1u
#define VMM_BUSY          2u

struct report_request {
    uint8_t user_data[CAPSA_REPORT_DATA];
    uint32_t vmpl;
    uint8_t reserved[28];
};
struct extended_request {
    struct report_request data;
    uint64_t certs_address;
    uint32_t certs_len;
};
struct guest_request {
    uint8_t message_version;
    uint64_t request, response;
    uint32_t firmware_error, vmm_error;
};
#define IOCTL_REPORT          _IOWR('S', 0, struct guest_request)
#define IOCTL_EXTENDED_REPORT _IOWR('S', 2, struct guest_request)

static bool present(const struct capsa_attester_options *options)
{
    return capsa_device_exists(options, DEVICE);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* What one question gave: 0 or errno, and the two numbers. */
struct answer {
    int error;
    uint32_t firmware_error, vmm_error;
};

static struct answer ask(const capsa_device *device, unsigned long number, const void *request,
                         uint8_t response[RESPONSE_BYTES])
{
    struct guest_request asked = {.message_version = MESSAGE_VERSION,
                                  .request = (uint64_t)(uintptr_t)request,
                                  .response = (uint64_t)(uintptr_t)response};
    int error = capsa_device_ioctl(device, number, &asked);
    return (struct answer){error, asked.firmware_error, asked.vmm_error};
}

static capsa_result check_answer(const capsa_device *device, struct answer answer)
{
    CAPSA_REQUIRE(answer.error == 0 || answer.vmm_error != VMM_BUSY, BUSY,
                  "%s: the hypervisor is busy", device->path);
    CAPSA_REQUIRE(answer.error == 0 || answer.vmm_error == 0, IO,
                  "%s: the hypervisor refuses, error 0x%x", device->path, answer.vmm_error);
    CAPSA_REQUIRE(answer.error == 0 || answer.firmware_error == 0, IO,
                  "%s: the firmware refuses, error 0x%x", device->path, answer.firmware_error);
    CAPSA_DEVICE_REQUIRE(answer.error == 0, answer.error, "ask for a report of", device->path);
    return CAPSA_OK;
}

/* The response: u32 status, u32 size, reserved bytes, the report. */
static capsa_result take_report(const uint8_t response[RESPONSE_BYTES], capsa_buf *ret_evidence)
{
    struct capsa_reader reader = capsa_reader_of(capsa_bytes_of(response, RESPONSE_BYTES));
    uint32_t status, size;
    capsa_bytes reserved, report;
    CAPSA_TRY(capsa_read_le32(&reader, &status));
    CAPSA_TRY(capsa_read_le32(&reader, &size));
    CAPSA_REQUIRE(status == 0, IO, DEVICE ": the firmware answers status 0x%x", status);
    CAPSA_REQUIRE(size == CAPSA_SNP_REPORT_BYTES, EVIDENCE,
                  DEVICE ": a report of %u bytes; reports have %d", size, CAPSA_SNP_REPORT_BYTES);
    CAPSA_TRY(capsa_read_bytes(&reader, RESPONSE_RESERVED, &reserved));
    CAPSA_TRY(capsa_read_bytes(&reader, size, &report));
    return capsa_buf_append(ret_evidence, report);
}

/* ---- Both questions -------------------------------------------------------------------------- */

static capsa_result plain(const capsa_device *device, const struct report_request *request,
                          capsa_buf *ret_evidence)
{
    uint8_t response[RESPONSE_BYTES] = {0};
    CAPSA_TRY(check_answer(device, ask(device, IOCTL_REPORT, request, response)));
    return take_report(response, ret_evidence);
}

static bool wants_room(struct answer answer)
{
    return (answer.error == EIO || answer.error == ENOSPC) && answer.vmm_error == VMM_MORE_ROOM;
}

/* With `room` bytes for certificates; how much is needed, in *ret_needed, when that is too few. */
static capsa_result extended(const capsa_device *device, const struct report_request *request,
                             size_t room, capsa_buf *ret_evidence, capsa_buf *ret_certs,
                             size_t *ret_needed)
{
    uint8_t response[RESPONSE_BYTES] = {0};
    CAPSA_AUTO(capsa_buf) certs = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    uint8_t *at;
    CAPSA_TRY(capsa_buf_extend(&certs, room, &at));
    memset(at, 0, room);
    struct extended_request asked = {*request, (uint64_t)(uintptr_t)at, (uint32_t)room};
    struct answer answer = ask(device, IOCTL_EXTENDED_REPORT, &asked, response);
    if (answer.error == ENOTTY) {
        return plain(device, request, ret_evidence);
    }
    if (wants_room(answer)) {
        CAPSA_REQUIRE(asked.certs_len > room && asked.certs_len <= CAPSA_LIMIT_evidence_bytes,
                      TOO_LARGE,
                      "%s: the host's certificates need %u bytes; given were %zu, and %d are the "
                      "most",
                      device->path, asked.certs_len, room, CAPSA_LIMIT_evidence_bytes);
        *ret_needed = asked.certs_len;
        return CAPSA_OK;
    }
    CAPSA_TRY(check_answer(device, answer));
    CAPSA_TRY(take_report(response, ret_evidence));
    return capsa_buf_append(ret_certs, capsa_buf_bytes(&certs));
}

static capsa_result try_once(const capsa_device *device,
                             const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
                             capsa_buf *ret_certs)
{
    struct report_request request = {.vmpl = 0};
    memcpy(request.user_data, report_data, CAPSA_REPORT_DATA);
    size_t needed = 0;
    CAPSA_TRY(extended(device, &request, CERTS_FIRST, ret_evidence, ret_certs, &needed));
    if (needed > 0) {
        size_t again = 0;
        CAPSA_TRY(extended(device, &request, needed, ret_evidence, ret_certs, &again));
        CAPSA_REQUIRE(again == 0, BUSY, "%s: the host's certificates grew meanwhile, to %zu bytes",
                      device->path, again);
    }
    return CAPSA_OK;
}

static capsa_result collect(const struct capsa_attester_options *options,
                            const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
                            capsa_buf *ret_certs)
{
    return capsa_device_ask(options, DEVICE, O_RDWR, try_once, report_data, ret_evidence,
                            ret_certs);
}

const struct capsa_interface capsa_interface_sev = {"sev-guest", present, collect};
