/* SPDX-License-Identifier: Apache-2.0
 *
 * The attester of Intel TDX. Looked for in this order: configfs-tsm, which does it all; the host's
 * quoting service, where options->qgs or /etc/tdx-attest.conf names it; the ioctl of older kernels
 * that have the hypervisor pass the question on. The latter two start from a TDREPORT, which only
 * this machine can check, that /dev/tdx_guest gives, and send it in the same message. Source:
 * contracts, quote-verification section 17, trustflow section 5.1.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attester/attester_device.h"
#include "attester/attester_interface.h"
#include "attester/attester_qgs.h"
#include "attester/attester_table.h"
#include "attester/attester_tsm.h"
#include "base/limits.h"
#include "base/reader.h"

#define DEVICE   "/dev/tdx_guest"
#define CONF     "/etc/tdx-attest.conf"
#define HOST_CID 2
#define FLAGS    (O_RDWR | O_SYNC)

struct report_request {
    uint8_t report_data[CAPSA_REPORT_DATA];
    uint8_t tdreport[CAPSA_TDREPORT_BYTES];
};
struct quote_request {
    uint64_t address, len;
};
#define IOCTL_REPORT _IOWR('T', 1, struct report_request)
/* Kernels before 6.7 had this one from Intel, or from their distribution. */
static const unsigned long quote_ioctls[] = {_IOR('T', 4, struct quote_request),
                                             _IOWR('T', 2, struct quote_request)};

static bool device_present(const struct capsa_attester_options *options)
{
    return capsa_device_exists(options, DEVICE);
}

/* ---- TDREPORT -------------------------------------------------------------------------------- */

static capsa_result tdreport(const capsa_device *device,
                             const uint8_t report_data[CAPSA_REPORT_DATA],
                             struct report_request *ret_report)
{
    *ret_report = (struct report_request){.tdreport = {0}};
    memcpy(ret_report->report_data, report_data, CAPSA_REPORT_DATA);
    int error = capsa_device_ioctl(device, IOCTL_REPORT, ret_report);
    CAPSA_DEVICE_REQUIRE(error == 0, error, "ask for a TDREPORT of", device->path);
    return CAPSA_OK;
}

/* ---- configfs-tsm ---------------------------------------------------------------------------- */

static capsa_result collect_tsm(const struct capsa_attester_options *options,
                                const uint8_t report_data[CAPSA_REPORT_DATA],
                                capsa_buf *ret_evidence, capsa_buf *ret_certs)
{
    (void)ret_certs;
    return capsa_tsm_collect(options, "tdx_guest", report_data, ret_evidence, NULL);
}

static const struct capsa_interface tsm = {"configfs-tsm", capsa_tsm_present, collect_tsm};

/* ---- The host's quoting service -------------------------------------------------------------- */

static bool qgs_present(const struct capsa_attester_options *options)
{
    return device_present(options) && (options->qgs != NULL || capsa_device_exists(options, CONF));
}

static capsa_result qgs_address(const struct capsa_attester_options *options,
                                char ret_address[PATH_MAX])
{
    if (options->qgs != NULL) {
        CAPSA_REQUIRE(strlen(options->qgs) < PATH_MAX, USAGE,
                      "the address of the quoting service is too long");
        (void)snprintf(ret_address, PATH_MAX, "%s", options->qgs);
        return CAPSA_OK;
    }
    unsigned port;
    char path[PATH_MAX];
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(16));
    CAPSA_TRY(capsa_device_path(options, CONF, path));
    CAPSA_TRY(capsa_device_read_file(path, &text));
    CAPSA_TRY_AT(capsa_qgs_parse_conf(capsa_buf_bytes(&text), &port), "%s", path);
    (void)snprintf(ret_address, PATH_MAX, "vsock:%d:%u", HOST_CID, port);
    return CAPSA_OK;
}

static capsa_result collect_qgs(const struct capsa_attester_options *options,
                                const uint8_t report_data[CAPSA_REPORT_DATA],
                                capsa_buf *ret_evidence, capsa_buf *ret_certs)
{
    (void)ret_certs;
    char address[PATH_MAX];
    struct report_request report;
    CAPSA_AUTO(capsa_device) device = {.fd = -1};
    CAPSA_AUTO(capsa_device) stream = {.fd = -1};
    CAPSA_TRY(qgs_address(options, address));
    CAPSA_TRY(capsa_device_open_at(options, DEVICE, FLAGS, &device));
    CAPSA_TRY(tdreport(&device, report_data, &report));
    CAPSA_TRY(capsa_qgs_connect(address, &stream.fd));
    CAPSA_TRY_AT(capsa_qgs_exchange(stream.fd, report.tdreport, ret_evidence), "%s", address);
    return CAPSA_OK;
}

static const struct capsa_interface qgs = {"quoting service of the host", qgs_present, collect_qgs};

/* ---- The hypervisor, by ioctl ---------------------------------------------------------------- */

#define QUOTE_VERSION   1
#define QUOTE_IN_FLIGHT UINT64_MAX
#define QUOTE_BYTES     KIB(16)
#define QUOTE_PAYLOAD   (QUOTE_BYTES - 24)

/* What lies in the memory that is shared with the hypervisor. */
struct quote_page {
    uint64_t version;
    uint64_t status;
    uint32_t in_len, out_len;
    uint8_t payload[QUOTE_PAYLOAD];
};

static capsa_result ask_hypervisor(const capsa_device *device, struct quote_page *page)
{
    struct quote_request request = {(uint64_t)(uintptr_t)page, sizeof(*page)};
    int error = ENOTTY;
    for (size_t i = 0; error == ENOTTY && i < sizeof(quote_ioctls) / sizeof(quote_ioctls[0]); i++) {
        error = capsa_device_ioctl(device, quote_ioctls[i], &request);
    }
    CAPSA_REQUIRE(error != ENOTTY, UNSUPPORTED,
                  "this kernel makes no quotes by %s: it takes one with configfs-tsm (Linux 6.7), "
                  "or " CONF " naming the port of the host's quoting service",
                  device->path);
    CAPSA_DEVICE_REQUIRE(error == 0, error, "ask for a quote of", device->path);
    CAPSA_REQUIRE(page->status != QUOTE_IN_FLIGHT, BUSY, "%s: the quote is still being made",
                  device->path);
    CAPSA_REQUIRE(page->status == 0, IO, "%s: the hypervisor refuses, status 0x%llx", device->path,
                  (unsigned long long)page->status);
    CAPSA_REQUIRE(page->out_len <= QUOTE_PAYLOAD, EVIDENCE,
                  "%s says that it answered %u bytes where there is room for %zu", device->path,
                  page->out_len, (size_t)QUOTE_PAYLOAD);
    return CAPSA_OK;
}

static capsa_result hypervisor_once(const capsa_device *device,
                                    const uint8_t report_data[CAPSA_REPORT_DATA],
                                    capsa_buf *ret_evidence, capsa_buf *ret_certs)
{
    (void)ret_certs;
    struct report_request report;
    CAPSA_AUTO(capsa_device_pages) pages = {NULL, 0};
    CAPSA_TRY(capsa_device_pages_new(sizeof(struct quote_page), &pages));
    struct quote_page *page = (struct quote_page *)(void *)pages.bytes;
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(QUOTE_PAYLOAD);
    capsa_bytes quote;
    CAPSA_TRY(tdreport(device, report_data, &report));
    CAPSA_TRY(capsa_qgs_write_request(report.tdreport, &message));
    page->version = QUOTE_VERSION;
    memcpy(page->payload, message.data, message.len);
    page->in_len = (uint32_t)message.len;
    CAPSA_TRY(ask_hypervisor(device, page));
    CAPSA_TRY(capsa_qgs_parse_answer(capsa_bytes_of(page->payload, page->out_len), &quote));
    return capsa_buf_append(ret_evidence, quote);
}

static capsa_result collect_ioctl(const struct capsa_attester_options *options,
                                  const uint8_t report_data[CAPSA_REPORT_DATA],
                                  capsa_buf *ret_evidence, capsa_buf *ret_certs)
{
    return capsa_device_ask(options, DEVICE, FLAGS, hypervisor_once, report_data, ret_evidence,
                            ret_certs);
}

static const struct capsa_interface hypervisor = {"tdx_guest", device_present, collect_ioctl};

/* ---- The attester ---------------------------------------------------------------------------- */

static const struct capsa_interface *const list[] = {&tsm, &qgs, &hypervisor, NULL};
static const struct capsa_interfaces interfaces = {
    "configfs-tsm (/sys/kernel/config/tsm/report), " DEVICE, list};

const struct capsa_attester capsa_attester_tdx = {"tdx",
                                                  "Intel TDX guest",
                                                  CAPSA_PLATFORM_TDX,
                                                  capsa_interfaces_present,
                                                  capsa_interfaces_collect,
                                                  &interfaces};
