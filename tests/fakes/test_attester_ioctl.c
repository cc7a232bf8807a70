/* SPDX-License-Identifier: Apache-2.0
 *
 * Attesters that speak to devices by ioctl, each against a supervisor that answers in the driver's
 * stead (fake_ioctl.c): the attester's code is what is shipped, its structs are the kernel's, and
 * every number here is that of the contracts.
 */
#include "fake_scene.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fake_evidence.h"

#define CANNOT 77

static struct fake_scene scene; /* one at a time: made by the group */

static int scene_make(void **state)
{
    (void)state;
    static const char *const devices[] = {"/dev/sgx", "/dev/tdx_guest", "/dev/sev-guest",
                                          "/dev/csv-guest"};
    fake_scene_make(&scene);
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        fake_make(&scene, devices[i], false); /* never asked: the supervisor answers before */
    }
    return 0;
}

static int scene_drop(void **state)
{
    (void)state;
    fake_scene_drop(&scene);
    return 0;
}

/* ---- One question ---------------------------------------------------------------------------- */

struct said {
    char code[32];
    char certs[32];
    char text[512];
    capsa_buf evidence;
};

static void take_line(capsa_bytes *rest, char *ret_line, size_t room)
{
    size_t len = capsa_bytes_find(*rest, '\n');
    size_t kept = len < room - 1 ? len : room - 1;
    if (kept > 0) {
        memcpy(ret_line, rest->data, kept);
    }
    ret_line[kept] = '\0';
    *rest = capsa_bytes_from(*rest, len + 1);
}

/* What the fake is to do, and the rest of what attest_once is told. */
struct question {
    const char *device, *fault;
    const char *certs; /* a file, or NULL */
    const char *qgs;   /* likewise an address */
};

static void ask_by(const struct question *question, const char *platform,
                   const uint8_t report_data[CAPSA_REPORT_DATA], struct said *said)
{
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    const char *hex_text;
    assert_ok(capsa_hex_write(capsa_bytes_of(report_data, CAPSA_REPORT_DATA), &hex));
    assert_ok(capsa_buf_cstr(&hex, &hex_text));
    const char *argv[] = {CAPSA_FAKES "/fake_ioctl",
                          question->device,
                          question->fault,
                          scene.sim,
                          question->certs == NULL ? "-" : question->certs,
                          CAPSA_FAKES "/attest_once",
                          platform,
                          scene.root,
                          hex_text,
                          "3",
                          question->qgs,
                          NULL};
    int status = fake_run(argv, &text);
    if (status == CANNOT) {
        print_message("skipped: this system does not let ioctls be answered by another process "
                      "(seccomp user notification)\n");
        skip();
    }
    assert_int_equal(status, 0);
    capsa_bytes rest = capsa_buf_bytes(&text);
    *said = (struct said){.evidence = capsa_buf_of(MIB(1))};
    take_line(&rest, said->code, sizeof(said->code));
    if (strcmp(said->code, "OK") != 0) {
        take_line(&rest, said->text, sizeof(said->text));
        return;
    }
    size_t len = capsa_bytes_find(rest, '\n');
    assert_ok(capsa_hex_parse(capsa_bytes_of(rest.data, len), &said->evidence));
    rest = capsa_bytes_from(rest, len + 1);
    take_line(&rest, said->certs, sizeof(said->certs));
}

static void ask(const char *device, const char *platform, const char *fault, const char *certs,
                const uint8_t report_data[CAPSA_REPORT_DATA], struct said *said)
{
    const struct question question = {device, fault, certs, NULL};
    ask_by(&question, platform, report_data, said);
}

struct expected {
    const char *fault;
    const char *code;
    const char *says; /* in the error's text */
};

static void try_all(const char *device, const char *name, const struct expected *cases,
                    size_t count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t report_data[CAPSA_REPORT_DATA];
        struct said said;
        fake_report_data(i, report_data);
        ask(device, name, cases[i].fault, NULL, report_data, &said);
        if (strcmp(said.code, cases[i].code) != 0 || strstr(said.text, cases[i].says) == NULL) {
            fail_msg("%s, %s: wanted %s \"%s\", got %s: %s", name, cases[i].fault, cases[i].code,
                     cases[i].says, said.code, said.text);
        }
        if (strcmp(said.code, "OK") == 0) {
            assert_binds(capsa_platform_by_name(name), capsa_buf_bytes(&said.evidence),
                         report_data);
        }
        capsa_buf_drop(&said.evidence);
    }
}
#define TRY_ALL(device, name, cases)                                                               \
    try_all(device, name, cases, sizeof(cases) / sizeof((cases)[0]))

/* ---- SGX under Occlum ------------------------------------------------------------------------ */

static void occlum_makes_a_quote_and_says_what_hinders_it(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"none", "OK", ""},
        {"busy_once", "OK", ""},
        {"no_driver", "UNSUPPORTED", "size of a quote"},
        {"oversize", "TOO_LARGE", "268435456 bytes"},
        {"long", "EVIDENCE", "where there is room for"},
        {"other_data", "EVIDENCE", "binds other report data"},
        {"other_platform", "EVIDENCE", "evidence of AMD SEV-SNP, and Intel SGX was asked for"},
    };
    TRY_ALL("occlum", "sgx", cases);
}

/* ---- TDX ------------------------------------------------------------------------------------- */

static void tdx_quotes_by_the_hypervisor(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"none", "OK", ""},
        {"old_number", "OK", ""},
        {"in_flight_once", "OK", ""},
        {"mainline", "UNSUPPORTED", "configfs-tsm (Linux 6.7)"},
        {"refused", "IO", "status 0x8000000000000001"},
        {"long", "EVIDENCE", "20000 bytes"},
        {"report_eio", "IO", "TDREPORT"},
        {"other_data", "EVIDENCE", "binds other report data"},
    };
    TRY_ALL("tdx", "tdx", cases);
}

/* The host's quoting service, which is asked for a quote of the TDREPORT it is sent. */
struct service {
    int listener;
    bool answers;
};

static void *serve_one(void *data)
{
    const struct service *service = data;
    uint8_t request[4 + 24 + 1024] = {0};
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(1));
    int fd = accept(service->listener, NULL, NULL);
    if (recv(fd, request, sizeof(request), MSG_WAITALL) == (ssize_t)sizeof(request) &&
        service->answers &&
        !capsa_failed(fake_evidence(CAPSA_PLATFORM_TDX, scene.sim, request + 28 + 128, &quote)) &&
        !capsa_failed(fake_qgs_frame(capsa_buf_bytes(&quote), &answer))) {
        (void)send(fd, answer.data, answer.len, MSG_NOSIGNAL);
    }
    (void)close(fd);
    return NULL;
}

static void ask_service(bool answers, const uint8_t report_data[CAPSA_REPORT_DATA],
                        struct said *said)
{
    char address[128];
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    struct service service = {.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                              .answers = answers};
    pthread_t thread;
    (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s/qgs%d", scene.top, answers);
    (void)snprintf(address, sizeof(address), "unix:%s/qgs%d", scene.top, answers);
    assert_int_equal(bind(service.listener, (const struct sockaddr *)&where, sizeof(where)), 0);
    assert_int_equal(listen(service.listener, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve_one, &service), 0);
    const struct question question = {"tdx", "mainline", NULL, address};
    ask_by(&question, "tdx", report_data, said);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(service.listener);
}

/* With a kernel that makes no quotes itself. */
static void tdx_quotes_by_the_hosts_service(void **state)
{
    (void)state;
    uint8_t report_data[CAPSA_REPORT_DATA];
    struct said said;
    fake_report_data(21, report_data);
    ask("tdx", "tdx", "mainline", NULL, report_data, &said); /* or the test is skipped here */
    ask_service(true, report_data, &said);
    assert_string_equal(said.text, "");
    assert_string_equal(said.code, "OK");
    assert_binds(CAPSA_PLATFORM_TDX, capsa_buf_bytes(&said.evidence), report_data);
    capsa_buf_drop(&said.evidence);
    ask_service(false, report_data, &said);
    assert_string_equal(said.code, "TRUNCATED");
    assert_non_null(strstr(said.text, "hung up after 0 of 4 bytes"));
}

/* ---- SEV-SNP --------------------------------------------------------------------------------- */

static void snp_reports_by_sev_guest(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"none", "OK", ""},
        {"busy_once", "OK", ""},
        {"busy_errno_once", "OK", ""},
        {"more_room", "OK", ""},
        {"more_room_enospc", "OK", ""},
        {"plain_only", "OK", ""},
        {"huge_room", "TOO_LARGE", "1073741824 bytes"},
        {"busy", "BUSY", "hypervisor is busy"},
        {"firmware", "IO", "firmware refuses, error 0x16"},
        {"hypervisor", "IO", "hypervisor refuses, error 0x9"},
        {"eio", "IO", "Input/output error"},
        {"status", "IO", "status 0x16"},
        {"size", "EVIDENCE", "1185 bytes"},
        {"other_data", "EVIDENCE", "binds other report data"},
    };
    TRY_ALL("sev", "snp", cases);
}

/* Also when they need more room than is offered at first. */
static void certificates_of_the_host_are_collateral(void **state)
{
    (void)state;
    static const char *const faults[] = {"none", "more_room"};
    uint8_t report_data[CAPSA_REPORT_DATA];
    struct said said;
    char certs[256];
    if (!fake_certs_file(&scene, certs)) {
        skip();
    }
    fake_report_data(9, report_data);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        ask("sev", "snp", faults[i], certs, report_data, &said);
        assert_string_equal(said.code, "OK");
        assert_string_equal(said.certs, "certificates");
        capsa_buf_drop(&said.evidence);
    }
    ask("sev", "snp", "plain_only", certs, report_data, &said);
    assert_string_equal(said.certs, "no certificates");
    capsa_buf_drop(&said.evidence);
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static void csv_reports_by_csv_guest(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"none", "OK", ""},
        {"busy_once", "OK", ""},
        {"eio", "IO", "/dev/csv-guest: Input/output error"},
        {"other_mnonce", "UNAUTHENTIC", "nonce that was asked with"},
        {"bad_mac", "UNAUTHENTIC", "MAC"},
        {"bad_secret", "UNAUTHENTIC", "MAC"},
        {"other_data", "EVIDENCE", "binds other report data"},
    };
    TRY_ALL("csv", "csv", cases);
}

/* With them anybody could make another MAC. The MAC itself stays. */
static void secret_bytes_of_a_csv_report_do_not_leave_the_attester(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    uint8_t report_data[CAPSA_REPORT_DATA];
    struct said said;
    fake_report_data(11, report_data);
    ask("csv", "csv", "none", NULL, report_data, &said);
    assert_string_equal(said.code, "OK");
    assert_int_equal(said.evidence.len, 2548);
    assert_memory_equal(said.evidence.data + 2484, zeros, sizeof(zeros));
    assert_memory_not_equal(said.evidence.data + 2516, zeros, sizeof(zeros));
    capsa_buf_drop(&said.evidence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(occlum_makes_a_quote_and_says_what_hinders_it),
        cmocka_unit_test(tdx_quotes_by_the_hypervisor),
        cmocka_unit_test(tdx_quotes_by_the_hosts_service),
        cmocka_unit_test(snp_reports_by_sev_guest),
        cmocka_unit_test(certificates_of_the_host_are_collateral),
        cmocka_unit_test(csv_reports_by_csv_guest),
        cmocka_unit_test(secret_bytes_of_a_csv_report_do_not_leave_the_attester),
    };
    return cmocka_run_group_tests_name("attesters of devices", tests, scene_make, scene_drop);
}
