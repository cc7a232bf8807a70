/* SPDX-License-Identifier: Apache-2.0
 *
 * What /dev/sgx of Occlum, /dev/tdx_guest, /dev/sev-guest and /dev/csv-guest answer (fake_ioctl.h).
 * Numbers and offsets are the contracts', written as they stand there and not as the attesters have
 * them.
 */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "crypto/crypto_evidence.h"
#include "fake_evidence.h"
#include "fake_ioctl.h"

static const uint8_t nothing[64];

static bool evidence(const struct fake_call *call, enum capsa_platform platform,
                     const uint8_t report_data[64], capsa_buf *ret_evidence)
{
    uint8_t bound[64];
    memcpy(bound, report_data, sizeof(bound));
    bound[7] ^= fake_fault(call, "other_data");
    return !capsa_failed(fake_evidence(platform, call->sim_dir, bound, ret_evidence));
}

static uint32_t le32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* ---- Occlum ---------------------------------------------------------------------------------- */

static int occlum_size(const struct fake_call *call)
{
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    if (!evidence(call, CAPSA_PLATFORM_SGX, nothing, &quote)) {
        return EIO;
    }
    uint32_t size = fake_fault(call, "oversize") ? 0x10000000u : (uint32_t)quote.len;
    if (fake_fault(call, "no_driver")) {
        return ENOTTY;
    }
    return fake_poke(call, call->address, &size, sizeof(size)) ? 0 : EFAULT;
}

static int occlum_quote(const struct fake_call *call)
{
    uint64_t pointers[3]; /* report data, length, quote */
    uint8_t report_data[64];
    uint32_t room;
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    if (!fake_peek(call, call->address, pointers, sizeof(pointers)) ||
        !fake_peek(call, pointers[0], report_data, sizeof(report_data)) ||
        !fake_peek(call, pointers[1], &room, sizeof(room))) {
        return EFAULT;
    }
    if (fake_fault(call, "busy_once")) {
        return EBUSY;
    }
    enum capsa_platform platform =
        fake_fault(call, "other_platform") ? CAPSA_PLATFORM_SNP : CAPSA_PLATFORM_SGX;
    if (!evidence(call, platform, report_data, &quote) || quote.len > room) {
        return EIO;
    }
    uint32_t len = (uint32_t)quote.len + (fake_fault(call, "long") ? 1 : 0);
    return fake_poke(call, pointers[2], quote.data, quote.len) &&
                   fake_poke(call, pointers[1], &len, sizeof(len))
               ? 0
               : EFAULT;
}

const struct fake_device fake_occlum = {"occlum",
                                        {{0x80047307, occlum_size}, {0xC0187308, occlum_quote}}};

/* ---- TDX ------------------------------------------------------------------------------------- */

static int tdx_report(const struct fake_call *call)
{
    uint8_t request[64 + 1024] = {0};
    if (!fake_peek(call, call->address, request, 64)) {
        return EFAULT;
    }
    if (fake_fault(call, "report_eio")) {
        return EIO;
    }
    request[64] = 0x81;                      /* type of the report */
    memcpy(request + 64 + 128, request, 64); /* REPORTDATA */
    memset(request + 64 + 224, 0x4d, 32);    /* MAC */
    return fake_poke(call, call->address, request, sizeof(request)) ? 0 : EFAULT;
}

struct shared {
    uint64_t version, status;
    uint32_t in_len, out_len;
    uint8_t payload[16384 - 24];
};

static int tdx_quote(const struct fake_call *call)
{
    static const uint8_t asked[28] = {0, 0, 4, 24, 1, 0, 0, 0, 0, 0, 0, 0, 24, 4,
                                      0, 0, 0, 0,  0, 0, 0, 4, 0, 0, 0, 0, 0,  0};
    uint64_t request[2];
    struct shared page;
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(1));
    if (!fake_peek(call, call->address, request, sizeof(request)) || request[1] != sizeof(page) ||
        request[0] % 4096 != 0 || !fake_peek(call, request[0], &page, sizeof(page))) {
        return EFAULT;
    }
    if (page.version != 1 || page.in_len != sizeof(asked) + 1024 ||
        memcmp(page.payload, asked, sizeof(asked)) != 0) {
        return EINVAL;
    }
    if (!evidence(call, CAPSA_PLATFORM_TDX, page.payload + sizeof(asked) + 128, &quote) ||
        capsa_failed(fake_qgs_frame(capsa_buf_bytes(&quote), &answer)) ||
        answer.len > sizeof(page.payload)) {
        return EIO;
    }
    memcpy(page.payload, answer.data, answer.len);
    page.out_len = fake_fault(call, "long") ? 20000 : (uint32_t)answer.len;
    page.status = fake_fault(call, "in_flight_once") ? UINT64_MAX
                  : fake_fault(call, "refused")      ? 0x8000000000000001u
                                                     : 0;
    return fake_poke(call, request[0], &page, sizeof(page)) ? 0 : EFAULT;
}

static int tdx_quote_new(const struct fake_call *call)
{
    return fake_fault(call, "mainline") || fake_fault(call, "old_number") ? ENOTTY
                                                                          : tdx_quote(call);
}

static int tdx_quote_old(const struct fake_call *call)
{
    return fake_fault(call, "mainline") ? ENOTTY : tdx_quote(call);
}

const struct fake_device fake_tdx = {
    "tdx", {{0xC4405401, tdx_report}, {0x80105404, tdx_quote_new}, {0xC0105402, tdx_quote_old}}};

/* ---- SEV-SNP --------------------------------------------------------------------------------- */

/* What fails, and the numbers that say so: errno, the firmware's, the hypervisor's. */
static const struct {
    const char *fault;
    int error;
    uint32_t firmware, vmm;
} sev_faults[] = {
    {"busy_once", EIO, 0, 2},   {"busy_errno_once", EBUSY, 0, 0}, {"busy", EIO, 0, 2},
    {"firmware", EIO, 0x16, 0}, {"hypervisor", EIO, 0, 9},        {"eio", EIO, 0, 0},
};

struct sev_request {
    uint8_t version, padding[7];
    uint64_t request, response;
    uint32_t firmware, vmm;
};

static int sev_fail(const struct fake_call *call, struct sev_request *asked, int error,
                    uint32_t firmware, uint32_t vmm)
{
    asked->firmware = firmware;
    asked->vmm = vmm;
    return fake_poke(call, call->address, asked, sizeof(*asked)) ? error : EFAULT;
}

static int sev_answer(const struct fake_call *call, const struct sev_request *asked,
                      const uint8_t report_data[64])
{
    uint8_t response[4000] = {0};
    CAPSA_AUTO(capsa_buf) report = capsa_buf_of(MIB(1));
    if (!evidence(call, CAPSA_PLATFORM_SNP, report_data, &report)) {
        return EIO;
    }
    response[0] = fake_fault(call, "status") ? 0x16 : 0;
    response[4] = fake_fault(call, "size") ? 0xa1 : 0xa0;
    response[5] = 0x04;
    memcpy(response + 32, report.data, report.len);
    return fake_poke(call, asked->response, response, sizeof(response)) ? 0 : EFAULT;
}

/* The host's certificates, in whole pages; too little room for them is no failure of the guest. */
static int sev_certs(const struct fake_call *call, struct sev_request *asked, uint64_t address,
                     uint32_t room)
{
    CAPSA_AUTO(capsa_buf) certs = capsa_buf_of(MIB(1));
    if (call->file != NULL && capsa_failed(capsa_file_read(call->file, &certs))) {
        return EIO;
    }
    bool no_space = fake_fault(call, "more_room_enospc");
    uint32_t needed = (uint32_t)((certs.len + 4095) / 4096 * 4096);
    needed = fake_fault(call, "more_room") || no_space ? 40960 : needed;
    needed = fake_fault(call, "huge_room") ? 0x40000000 : needed;
    if (room < needed) {
        return fake_poke(call, asked->request + 104, &needed, sizeof(needed))
                   ? sev_fail(call, asked, no_space ? ENOSPC : EIO, 0, 1)
                   : EFAULT;
    }
    return certs.len == 0 || fake_poke(call, address, certs.data, certs.len) ? 0 : EFAULT;
}

static int sev_report(const struct fake_call *call)
{
    struct sev_request asked;
    uint8_t request[96];
    if (!fake_peek(call, call->address, &asked, sizeof(asked)) || asked.version != 1 ||
        !fake_peek(call, asked.request, request, sizeof(request))) {
        return EFAULT;
    }
    return le32(request + 64) != 0 ? EINVAL : sev_answer(call, &asked, request);
}

static int sev_extended(const struct fake_call *call)
{
    struct sev_request asked;
    uint8_t request[112];
    if (!fake_peek(call, call->address, &asked, sizeof(asked)) || asked.version != 1 ||
        !fake_peek(call, asked.request, request, sizeof(request))) {
        return EFAULT;
    }
    if (fake_fault(call, "plain_only")) {
        return ENOTTY;
    }
    for (size_t i = 0; i < sizeof(sev_faults) / sizeof(sev_faults[0]); i++) {
        if (fake_fault(call, sev_faults[i].fault)) {
            return sev_fail(call, &asked, sev_faults[i].error, sev_faults[i].firmware,
                            sev_faults[i].vmm);
        }
    }
    uint64_t address;
    memcpy(&address, request + 96, sizeof(address));
    int error = sev_certs(call, &asked, address, le32(request + 104));
    return error != 0 ? error : sev_answer(call, &asked, request);
}

const struct fake_device fake_sev = {"sev", {{0xC0205300, sev_report}, {0xC0205302, sev_extended}}};

/* ---- CSV ------------------------------------------------------------------------------------- */

struct csv_request {
    uint64_t address;
    int32_t len, padding;
};

static int csv_report(const struct fake_call *call)
{
    struct csv_request request;
    uint8_t page[4096], digest[CAPSA_SM3], report[FAKE_CSV_REPORT];
    if (!fake_peek(call, call->address, &request, sizeof(request)) || request.len != 4096 ||
        request.address % 4096 != 0 || !fake_peek(call, request.address, page, sizeof(page))) {
        return EFAULT;
    }
    if (capsa_failed(capsa_sm3(capsa_bytes_of(page, 80), digest)) ||
        memcmp(digest, page + 80, sizeof(digest)) != 0) {
        return EBADMSG;
    }
    if (fake_fault(call, "busy_once")) {
        return EBUSY;
    }
    if (fake_fault(call, "eio")) {
        return EIO;
    }
    page[64] ^= fake_fault(call, "other_mnonce");
    page[3] ^= fake_fault(call, "other_data");
    if (capsa_failed(fake_csv_report(page, page + 64, report))) {
        return EIO;
    }
    report[2516] ^= fake_fault(call, "bad_mac");
    report[2490] ^= fake_fault(call, "bad_secret");
    memset(page, 0, sizeof(page));
    memcpy(page, report, sizeof(report));
    return fake_poke(call, request.address, page, sizeof(page)) ? 0 : EFAULT;
}

const struct fake_device fake_csv = {"csv", {{0xC0104401, csv_report}}};
