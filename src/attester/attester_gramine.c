/* SPDX-License-Identifier: Apache-2.0
 *
 * SGX under Gramine: pseudo-files of this very enclave. The bytes to bind are written to one, and
 * the quote is made when another is opened. Nothing ties the two together but that nobody wrote in
 * between, so this process does both under one lock; the binding is checked afterwards as
 * everywhere. Source: contracts, ra-tls section 10.
 */
#include <pthread.h>

#include "attester/attester_device.h"
#include "attester/attester_sgx.h"
#include "base/limits.h"

#define TYPE_FILE        "/dev/attestation/attestation_type"
#define REPORT_DATA_FILE "/dev/attestation/user_report_data"
#define QUOTE_FILE       "/dev/attestation/quote"

static bool present(const struct capsa_attester_options *options)
{
    return capsa_device_exists(options, TYPE_FILE);
}

static capsa_result check_type(const struct capsa_attester_options *options)
{
    char path[PATH_MAX];
    const char *type;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(64);
    CAPSA_TRY(capsa_device_path(options, TYPE_FILE, path));
    CAPSA_TRY(capsa_device_read_file(path, &text));
    CAPSA_TRY(capsa_buf_cstr(&text, &type));
    CAPSA_REQUIRE(capsa_bytes_is(capsa_buf_bytes(&text), "dcap"), UNSUPPORTED,
                  "%s says \"%s\": the manifest has to say sgx.remote_attestation = \"dcap\"", path,
                  type);
    return CAPSA_OK;
}

/* The files belong to the process, and so does the lock. */
static capsa_result write_and_read(const char *report_data_path, const char *quote_path,
                                   const uint8_t report_data[CAPSA_REPORT_DATA],
                                   capsa_buf *ret_evidence)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    (void)pthread_mutex_lock(&mutex);
    capsa_result result =
        capsa_device_write_file(report_data_path, capsa_bytes_of(report_data, CAPSA_REPORT_DATA));
    if (!capsa_failed(result)) {
        result = capsa_device_read_file(quote_path, ret_evidence);
    }
    (void)pthread_mutex_unlock(&mutex);
    if (capsa_failed(result)) { /* Gramine has one errno for all of them: EACCES */
        return capsa_error_within(result, "no quote could be made (is AESM within reach?)");
    }
    return CAPSA_OK;
}

static capsa_result collect(const struct capsa_attester_options *options,
                            const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
                            capsa_buf *ret_certs)
{
    (void)ret_certs;
    char report_data_path[PATH_MAX], quote_path[PATH_MAX];
    CAPSA_TRY(check_type(options));
    CAPSA_TRY(capsa_device_path(options, REPORT_DATA_FILE, report_data_path));
    CAPSA_TRY(capsa_device_path(options, QUOTE_FILE, quote_path));
    return write_and_read(report_data_path, quote_path, report_data, ret_evidence);
}

const struct capsa_interface capsa_interface_gramine = {"Gramine", present, collect};
