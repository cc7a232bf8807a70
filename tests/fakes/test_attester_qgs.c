/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's quoting service: its messages byte by byte, and the exchange over a stream with a
 * service of the test's own. The shipped way to it is vsock, which differs in its address alone;
 * that is tried where this machine has vsock for itself, and said not to be where it has not.
 */
#include "fake_scene.h"

#include <linux/vm_sockets.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "attester/attester_qgs.h"
#include "fake_evidence.h"

/* An answer with `quote`, as the contract writes it. */
static void write_answer(capsa_bytes quote, uint32_t error, capsa_buf *ret_answer)
{
    uint32_t size = (uint32_t)(16 + 8 + 3 + quote.len);
    assert_ok(capsa_buf_be32(ret_answer, size));
    assert_ok(capsa_buf_append(ret_answer, CAPSA_BYTES_LITERAL("\x01\x00\x01\x00")));
    assert_ok(capsa_buf_le32(ret_answer, 1));
    assert_ok(capsa_buf_le32(ret_answer, size));
    assert_ok(capsa_buf_le32(ret_answer, error));
    assert_ok(capsa_buf_le32(ret_answer, 3));
    assert_ok(capsa_buf_le32(ret_answer, (uint32_t)quote.len));
    assert_ok(capsa_buf_str(ret_answer, "QE3"));
    assert_ok(capsa_buf_append(ret_answer, quote));
}

/* ---- Messages -------------------------------------------------------------------------------- */

static void a_request_is_what_the_contract_says(void **state)
{
    (void)state;
    static const uint8_t head[] = {0, 0, 4, 24, 1, 0, 0, 0, 0, 0, 0, 0, 24, 4,
                                   0, 0, 0, 0,  0, 0, 0, 4, 0, 0, 0, 0, 0,  0};
    uint8_t tdreport[CAPSA_TDREPORT_BYTES];
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(KIB(4));
    memset(tdreport, 0xa7, sizeof(tdreport));
    assert_ok(capsa_qgs_write_request(tdreport, &message));
    assert_int_equal(message.len, sizeof(head) + sizeof(tdreport));
    assert_memory_equal(message.data, head, sizeof(head));
    assert_memory_equal(message.data + sizeof(head), tdreport, sizeof(tdreport));
}

static void an_answer_is_read_and_refused_when_cut_anywhere(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(4));
    capsa_bytes quote = {NULL, 0};
    write_answer(CAPSA_BYTES_LITERAL("the quote"), 0, &answer);
    assert_ok(capsa_qgs_parse_answer(capsa_buf_bytes(&answer), &quote));
    assert_true(capsa_bytes_is(quote, "the quote"));
    for (size_t len = 0; len < answer.len; len++) {
        capsa_bytes none = {NULL, 7};
        assert_fails(capsa_qgs_parse_answer(capsa_bytes_of(answer.data, len), &none), TRUNCATED);
        assert_int_equal(none.len, 7);
    }
}

/* Each changes one number of a good answer. */
static void every_number_of_an_answer_counts(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        enum capsa_code code;
        const char *says;
    } cases[] = {
        {0, 0xff, CAPSA_E_TOO_LARGE, "at most"},
        {3, 0, CAPSA_E_TRUNCATED, "frame"},
        {4, 2, CAPSA_E_UNSUPPORTED, "version 2.1"},
        {6, 2, CAPSA_E_UNSUPPORTED, "version 1.2"},
        {8, 0, CAPSA_E_MALFORMED, "type 0"},
        {12, 1, CAPSA_E_MALFORMED, "says it has"},
        {16, 9, CAPSA_E_IO, "error 0x9"},
        {23, 0xff, CAPSA_E_TRUNCATED, "enclave"},
        {24, 8, CAPSA_E_MALFORMED, ""},
        {24, 10, CAPSA_E_TRUNCATED, "quote"},
        {27, 0xff, CAPSA_E_TRUNCATED, "quote"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(4));
        capsa_bytes quote;
        write_answer(CAPSA_BYTES_LITERAL("the quote"), 0, &answer);
        answer.data[cases[i].at] = cases[i].value;
        capsa_result result = capsa_qgs_parse_answer(capsa_buf_bytes(&answer), &quote);
        if (capsa_code_of(result) != cases[i].code ||
            strstr(capsa_text_of(result), cases[i].says) == NULL) {
            fail_msg("byte %zu: %s: %s", cases[i].at, capsa_code_name(capsa_code_of(result)),
                     capsa_text_of(result));
        }
    }
}

static void the_port_is_read_from_its_file(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned port; /* 0: refused */
    } cases[] = {
        {"port=4050\n", 4050},
        {"port = 4050", 4050},
        {"# port = 1\r\n\tport\t= 7 \r\n", 7},
        {"port = ", 0},
        {"port = 4o50", 0},
        {"port = 0", 0},
        {"port = -1", 0},
        {"port = 99999999999", 0},
        {"ports = 4050", 0},
        {"", 0},
        {"port", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned port = 0;
        capsa_result result = capsa_qgs_parse_conf(capsa_bytes_str(cases[i].text), &port);
        assert_int_equal(capsa_failed(result), cases[i].port == 0);
        assert_int_equal(port, cases[i].port);
    }
}

/* ---- Over a stream --------------------------------------------------------------------------- */

/* Answers one request with `len` bytes of `answer`, then hangs up. */
struct service {
    int listener;
    const capsa_buf *answer;
    size_t len;
    size_t got; /* how much it was asked */
};

static void *serve_one(void *data)
{
    struct service *service = data;
    uint8_t request[4 + 24 + CAPSA_TDREPORT_BYTES];
    int fd = accept(service->listener, NULL, NULL);
    ssize_t got = recv(fd, request, sizeof(request), MSG_WAITALL);
    service->got = got < 0 ? 0 : (size_t)got;
    for (size_t i = 0; i < service->len; i++) { /* byte by byte: nobody promised more */
        (void)send(fd, service->answer->data + i, 1, MSG_NOSIGNAL);
    }
    (void)close(fd);
    return NULL;
}

static capsa_result exchange(struct service *service, const char *address, capsa_buf *ret_quote)
{
    static const uint8_t tdreport[CAPSA_TDREPORT_BYTES];
    pthread_t thread;
    int fd = -1;
    assert_int_equal(pthread_create(&thread, NULL, serve_one, service), 0);
    assert_ok(capsa_qgs_connect(address, &fd));
    capsa_result result = capsa_qgs_exchange(fd, tdreport, ret_quote);
    (void)close(fd);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(service->got, 4 + 24 + CAPSA_TDREPORT_BYTES);
    return result;
}

static void a_quote_is_fetched_and_one_that_ends_early_is_not(void **state)
{
    (void)state;
    char folder[] = "/tmp/capsa-qgs-XXXXXX", address[128];
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(4));
    write_answer(CAPSA_BYTES_LITERAL("the quote"), 0, &answer);
    struct service service = {.answer = &answer};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s/qgs", folder);
    (void)snprintf(address, sizeof(address), "unix:%s/qgs", folder);
    service.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(service.listener, (const struct sockaddr *)&where, sizeof(where)), 0);
    assert_int_equal(listen(service.listener, 1), 0);
    for (service.len = 0; service.len <= answer.len; service.len++) {
        CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(KIB(4));
        capsa_result result = exchange(&service, address, &quote);
        bool whole = service.len == answer.len;
        assert_int_equal(capsa_code_of(result), whole ? CAPSA_E_OK : CAPSA_E_TRUNCATED);
        assert_int_equal(quote.len, whole ? 9 : 0);
    }
    answer.data[0] = 0x7f; /* announces 2 GiB: refused before it is read */
    service.len = answer.len;
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(KIB(4));
    assert_fails(exchange(&service, address, &quote), TOO_LARGE);
    (void)close(service.listener);
    test_remove_tree(folder);
}

static void addresses_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "vsock:",
                                        "vsock:2",
                                        "vsock:2:",
                                        "vsock:2:4050x",
                                        "vsock:-1:4050",
                                        "vsock::4050",
                                        "unix:",
                                        "tcp:localhost:4050",
                                        "vsock:4294967296:1"};
    int fd = -1;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_fails(capsa_qgs_connect(wrong[i], &fd), USAGE);
    }
    assert_fails(capsa_qgs_connect("unix:/nonexistent/qgs", &fd), NETWORK);
    assert_int_equal(fd, -1);
}

static void vsock_is_the_same_where_there_is_one(void **state)
{
    (void)state;
    struct sockaddr_vm where = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = VMADDR_PORT_ANY};
    socklen_t len = sizeof(where);
    struct service service = {.len = 0};
    service.listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (service.listener < 0 ||
        bind(service.listener, (const struct sockaddr *)&where, sizeof(where)) != 0 ||
        listen(service.listener, 1) != 0 ||
        getsockname(service.listener, (struct sockaddr *)&where, &len) != 0) {
        print_message("skipped: vsock not tried here: %s\n", strerror(errno));
        (void)close(service.listener);
        skip();
    }
    char address[64];
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(KIB(4));
    write_answer(CAPSA_BYTES_LITERAL("the quote"), 0, &answer);
    service.answer = &answer;
    service.len = answer.len;
    (void)snprintf(address, sizeof(address), "vsock:%u:%u", VMADDR_CID_LOCAL, where.svm_port);
    assert_ok(exchange(&service, address, &quote));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&quote), "the quote"));
    (void)close(service.listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_what_the_contract_says),
        cmocka_unit_test(an_answer_is_read_and_refused_when_cut_anywhere),
        cmocka_unit_test(every_number_of_an_answer_counts),
        cmocka_unit_test(the_port_is_read_from_its_file),
        cmocka_unit_test(a_quote_is_fetched_and_one_that_ends_early_is_not),
        cmocka_unit_test(addresses_that_are_none_are_refused),
        cmocka_unit_test(vsock_is_the_same_where_there_is_one),
    };
    return cmocka_run_group_tests_name("quoting service", tests, NULL, NULL);
}
