/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder, and for its fuzzer: the message in which a TD asks the host's quoting service
 * for a quote, and its answer. Both come behind their length, 4 bytes big-endian; within, numbers
 * are little-endian. The same bytes go over a stream socket and through /dev/tdx_guest. Source:
 * contracts, quote-verification section 17, ra-tls section 10.
 */
#pragma once

#include "base/buf.h"

#define CAPSA_TDREPORT_BYTES 1024

/* Appended, with its length before it. */
CAPSA_RESULT capsa_qgs_write_request(const uint8_t tdreport[CAPSA_TDREPORT_BYTES],
                                     capsa_buf *ret_message);
/* The quote within a whole answer with its length, borrowed. MALFORMED, TRUNCATED, TOO_LARGE; IO
 * for what the service refuses, with its number. */
CAPSA_RESULT capsa_qgs_parse_answer(capsa_bytes answer, capsa_bytes *ret_quote);

/* Ask over a connected stream, and append the quote. */
CAPSA_RESULT capsa_qgs_exchange(int fd, const uint8_t tdreport[CAPSA_TDREPORT_BYTES],
                                capsa_buf *ret_quote);

/* Connect to "vsock:CID:PORT" or "unix:PATH". *ret_fd is the caller's to close. */
CAPSA_RESULT capsa_qgs_connect(const char *address, int *ret_fd);
/* The port in the text of /etc/tdx-attest.conf ("port = 4050"); NOT_FOUND when it names none. */
CAPSA_RESULT capsa_qgs_parse_conf(capsa_bytes text, unsigned *ret_port);
