/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: what is behind the handles of include/capsa, and how every public function
 * ends. Public names begin with libcapsa_, so that neither a name nor a type meets one of ours.
 */
#pragma once

#include <stdatomic.h>

#include "appraisal/appraisal.h"
#include "capsa/collateral.h"
#include "capsa/evidence.h"
#include "capsa/verify.h"
#include "ratls/ratls_certificate.h"

struct libcapsa_error {
    struct capsa_error kept;
    enum capsa_check check;
};

struct libcapsa_collateral {
    capsa_collateral held;
};

struct libcapsa_evidence {
    capsa_evidence held;
    libcapsa_collateral shipped;
};

/* Handles that live as long as somebody uses them. */
typedef atomic_size_t capsa_api_references; /* 1 when made */
void capsa_api_hold(capsa_api_references *references);
bool capsa_api_let_go(capsa_api_references *references); /* true: that was the last one */

CAPSA_DEFINE_AUTO_FREE(libcapsa_evidence)
CAPSA_DEFINE_AUTO_FREE(libcapsa_collateral)
CAPSA_DEFINE_AUTO_FREE(libcapsa_verifier)

/* The end of every public function that can fail: the error for the caller, and the number. */
int capsa_api_end(capsa_result result, libcapsa_error *ret_error);
/* The same, and which check refused. */
int capsa_api_end_check(capsa_result result, enum capsa_check check, libcapsa_error *ret_error);

/* Bytes that a caller gave: NULL is none, and only with a length of 0. */
CAPSA_RESULT capsa_api_bytes(const char *what, const void *data, size_t len,
                             capsa_bytes *ret_bytes);
/* The platform of this name. */
CAPSA_RESULT capsa_api_platform(const char *name, enum capsa_platform *ret_platform);
/* A whole file of at most `max` bytes. */
CAPSA_RESULT capsa_api_read(const char *path, size_t max, capsa_buf *ret_content);
CAPSA_RESULT capsa_api_json_text(const struct capsa_json *json, char **ret_text);

#define CAPSA_API_GIVEN(pointer)                                                                   \
    CAPSA_REQUIRE((pointer) != NULL, USAGE, "%s is NULL, and has to be given", #pointer)

/* Evidence that owns what it is made of; both are taken over, and left empty, on success. */
CAPSA_RESULT capsa_api_evidence(capsa_evidence *evidence, capsa_collateral *shipped,
                                libcapsa_evidence **ret_evidence);

CAPSA_RESULT capsa_api_evidence_parse(capsa_bytes bytes, libcapsa_evidence **ret_evidence);

CAPSA_RESULT capsa_api_report_data(const char *purpose, const libcapsa_bytes *fields, size_t count,
                                   uint8_t *ret_report_data);

/* Of a judgement that came to one: of a certificate, or of the verdict in `report` alone. */
CAPSA_RESULT capsa_api_verdict(const struct capsa_ratls_report *report, bool of_certificate,
                               capsa_time time, libcapsa_verdict **ret_verdict);
