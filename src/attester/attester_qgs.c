/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the host's quoting service (attester_qgs.h). The host is hostile: its answer is read with
 * a limit and within a time, and what it holds is believed by nobody before it was verified.
 */
#include "attester/attester_qgs.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/reader.h"

#define LENGTH_BYTES  4
#define HEADER_BYTES  16
#define MAJOR         1
#define MINOR_MAX     1
#define QUOTE_REQUEST 0
#define QUOTE_ANSWER  1

/* ---- Messages -------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_qgs_write_request(const uint8_t tdreport[CAPSA_TDREPORT_BYTES],
                                     capsa_buf *ret_message)
{
    const uint32_t size = HEADER_BYTES + 4 + 4 + CAPSA_TDREPORT_BYTES;
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(LENGTH_BYTES + size);
    CAPSA_TRY(capsa_buf_be32(&message, size));
    CAPSA_TRY(capsa_buf_le32(&message, MAJOR)); /* u16 major, u16 minor 0 */
    CAPSA_TRY(capsa_buf_le32(&message, QUOTE_REQUEST));
    CAPSA_TRY(capsa_buf_le32(&message, size));
    CAPSA_TRY(capsa_buf_le32(&message, 0)); /* error */
    CAPSA_TRY(capsa_buf_le32(&message, CAPSA_TDREPORT_BYTES));
    CAPSA_TRY(capsa_buf_le32(&message, 0)); /* no list of quoting enclaves: any */
    CAPSA_TRY(capsa_buf_append(&message, capsa_bytes_of(tdreport, CAPSA_TDREPORT_BYTES)));
    return capsa_buf_append(ret_message, capsa_buf_bytes(&message));
}

static capsa_result check_header(struct capsa_reader *reader, uint32_t len)
{
    uint16_t major, minor;
    uint32_t type, size, error;
    CAPSA_TRY(capsa_read_le16(reader, &major));
    CAPSA_TRY(capsa_read_le16(reader, &minor));
    CAPSA_REQUIRE(major == MAJOR && minor <= MINOR_MAX, UNSUPPORTED, "version %u.%u, wanted %d.0",
                  major, minor, MAJOR);
    CAPSA_TRY(capsa_read_le32(reader, &type));
    CAPSA_TRY(capsa_read_le32(reader, &size));
    CAPSA_TRY(capsa_read_le32(reader, &error));
    CAPSA_REQUIRE(type == QUOTE_ANSWER, MALFORMED, "a message of type %u, wanted %d", type,
                  QUOTE_ANSWER);
    CAPSA_REQUIRE(size == len, MALFORMED, "a message that says it has %u bytes, in a frame of %u",
                  size, len);
    CAPSA_REQUIRE(error == 0, IO, "it refuses, error 0x%x", error);
    return CAPSA_OK;
}

static capsa_result parse(capsa_bytes answer, capsa_bytes *ret_quote)
{
    struct capsa_reader reader = capsa_reader_of(answer);
    uint32_t len, id_size, quote_size;
    capsa_bytes id, quote;
    CAPSA_TRY(capsa_read_be32(&reader, &len));
    CAPSA_REQUIRE(len <= CAPSA_LIMIT_qgs_answer, TOO_LARGE, "a frame of %u bytes, at most %d", len,
                  CAPSA_LIMIT_qgs_answer);
    CAPSA_REQUIRE(len == capsa_reader_left(&reader), TRUNCATED,
                  "a frame that says it has %u bytes, and has %zu", len,
                  capsa_reader_left(&reader));
    CAPSA_TRY(check_header(&reader, len));
    CAPSA_TRY(capsa_read_le32(&reader, &id_size));
    CAPSA_TRY(capsa_read_le32(&reader, &quote_size));
    CAPSA_TRY_AT(capsa_read_bytes(&reader, id_size, &id), "id of the quoting enclave");
    CAPSA_TRY_AT(capsa_read_bytes(&reader, quote_size, &quote), "quote");
    CAPSA_REQUIRE(quote.len > 0, TRUNCATED, "no quote in it");
    CAPSA_TRY(capsa_read_end(&reader));
    *ret_quote = quote;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_qgs_parse_answer(capsa_bytes answer, capsa_bytes *ret_quote)
{
    CAPSA_TRY_AT(parse(answer, ret_quote), "answer of the quoting service");
    return CAPSA_OK;
}

/* ---- Over a stream --------------------------------------------------------------------------- */

static capsa_result stream_failed(int error, const char *what)
{
    bool late = error == EAGAIN || error == EWOULDBLOCK;
    return capsa_error_make(late ? CAPSA_E_TIMEOUT : CAPSA_E_NETWORK, __FILE__, __LINE__,
                            "cannot %s the quoting service: %s", what,
                            late ? "it does not answer in time" : strerror(error));
}

static capsa_result send_all(int fd, capsa_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return stream_failed(errno, "write to");
        }
        bytes = capsa_bytes_from(bytes, (size_t)sent);
    }
    return CAPSA_OK;
}

static capsa_result receive(int fd, uint8_t *ret_bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t got = recv(fd, ret_bytes + done, len - done, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return stream_failed(errno, "read from");
        }
        CAPSA_REQUIRE(got > 0, TRUNCATED,
                      "the quoting service hung up after %zu of %zu bytes of its answer", done,
                      len);
        done += (size_t)got;
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_qgs_exchange(int fd, const uint8_t tdreport[CAPSA_TDREPORT_BYTES],
                                capsa_buf *ret_quote)
{
    CAPSA_AUTO(capsa_buf) request = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(LENGTH_BYTES + CAPSA_LIMIT_qgs_answer);
    uint8_t *at;
    uint32_t len;
    capsa_bytes quote;
    CAPSA_TRY(capsa_qgs_write_request(tdreport, &request));
    CAPSA_TRY(send_all(fd, capsa_buf_bytes(&request)));
    CAPSA_TRY(capsa_buf_extend(&answer, LENGTH_BYTES, &at));
    CAPSA_TRY(receive(fd, at, LENGTH_BYTES));
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&answer));
    CAPSA_TRY(capsa_read_be32(&reader, &len));
    CAPSA_REQUIRE(len <= CAPSA_LIMIT_qgs_answer, TOO_LARGE,
                  "the quoting service announces an answer of %u bytes, at most %d", len,
                  CAPSA_LIMIT_qgs_answer);
    CAPSA_TRY(capsa_buf_extend(&answer, len, &at));
    CAPSA_TRY(receive(fd, at, len));
    CAPSA_TRY(capsa_qgs_parse_answer(capsa_buf_bytes(&answer), &quote));
    return capsa_buf_append(ret_quote, quote);
}

/* ---- Where it is ----------------------------------------------------------------------------- */

union address {
    struct sockaddr any;
    struct sockaddr_vm vsock;
    struct sockaddr_un local;
};

/* A number and what must stand behind it. */
static bool take_number(const char **text, char end, uint32_t *ret_number)
{
    char *behind;
    errno = 0;
    unsigned long number = strtoul(*text, &behind, 10);
    if (**text < '0' || **text > '9' || *behind != end || errno != 0 || number > UINT32_MAX) {
        return false;
    }
    *text = behind + (end == '\0' ? 0 : 1);
    *ret_number = (uint32_t)number;
    return true;
}

static capsa_result parse_address(const char *text, union address *ret_address, socklen_t *ret_len)
{
    *ret_address = (union address){.vsock = {.svm_family = AF_VSOCK}};
    if (strncmp(text, "vsock:", 6) == 0) {
        const char *at = text + 6;
        if (take_number(&at, ':', &ret_address->vsock.svm_cid) &&
            take_number(&at, '\0', &ret_address->vsock.svm_port)) {
            *ret_len = sizeof(ret_address->vsock);
            return CAPSA_OK;
        }
    } else if (strncmp(text, "unix:", 5) == 0 && text[5] != '\0' &&
               strlen(text + 5) < sizeof(ret_address->local.sun_path)) {
        *ret_address = (union address){.local = {.sun_family = AF_UNIX}};
        memcpy(ret_address->local.sun_path, text + 5, strlen(text + 5) + 1);
        *ret_len = sizeof(ret_address->local);
        return CAPSA_OK;
    }
    CAPSA_FAIL(USAGE, "\"%s\" is no address of a quoting service: vsock:CID:PORT or unix:PATH",
               text);
}

CAPSA_RESULT capsa_qgs_connect(const char *address, int *ret_fd)
{
    union address where;
    socklen_t len;
    CAPSA_TRY(parse_address(address, &where, &len));
    int fd = socket(where.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CAPSA_REQUIRE(fd >= 0, UNSUPPORTED, "cannot make a socket for the quoting service at %s: %s",
                  address, strerror(errno));
    const struct timeval patience = {.tv_sec = CAPSA_LIMIT_qgs_seconds};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
        connect(fd, &where.any, len) != 0) {
        int error = errno;
        (void)close(fd);
        CAPSA_FAIL(NETWORK, "cannot reach the quoting service at %s: %s", address, strerror(error));
    }
    *ret_fd = fd;
    return CAPSA_OK;
}

/* ---- /etc/tdx-attest.conf -------------------------------------------------------------------- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static capsa_bytes trim(capsa_bytes text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text = capsa_bytes_from(text, 1);
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static capsa_result parse_port(capsa_bytes value, unsigned line, unsigned *ret_port)
{
    unsigned port = 0;
    bool good = value.len > 0 && value.len <= 9;
    for (size_t i = 0; good && i < value.len; i++) {
        good = value.data[i] >= '0' && value.data[i] <= '9';
        port = port * 10 + (unsigned)(value.data[i] - '0');
    }
    CAPSA_REQUIRE(good && port > 0, MALFORMED, "line %u: the port is no number above 0", line);
    *ret_port = port;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_qgs_parse_conf(capsa_bytes text, unsigned *ret_port)
{
    unsigned line = 0;
    while (text.len > 0) {
        line++;
        size_t len = capsa_bytes_find(text, '\n');
        capsa_bytes whole = trim(capsa_bytes_of(text.data, len));
        text = capsa_bytes_from(text, len + 1);
        size_t equals = capsa_bytes_find(whole, '=');
        if (equals < whole.len &&
            capsa_bytes_is(trim(capsa_bytes_of(whole.data, equals)), "port")) {
            return parse_port(trim(capsa_bytes_from(whole, equals + 1)), line, ret_port);
        }
    }
    CAPSA_FAIL(NOT_FOUND, "no line \"port = NUMBER\"");
}
