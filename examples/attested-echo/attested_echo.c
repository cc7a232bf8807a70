/* SPDX-License-Identifier: Apache-2.0
 *
 * attested-echo serve PORT PLATFORM [SIM-FOLDER]: proves what it is, and sends back what comes.
 * attested-echo ask HOST PORT POLICY TEXT [SIM-FOLDER]: sends TEXT once the server has proved to be
 *   what the policy wants, and prints what comes back. Exit status 2: it was refused.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <capsa/ratls.h>

#define WAIT_MS 10000

static int failed(const char *what, const libcapsa_error *error)
{
    const char *check = libcapsa_error_check(error);
    (void)fprintf(stderr, "%s: %s%s%s\n", what, check, *check ? ": " : "",
                  libcapsa_error_text(error));
    return *check ? 2 : 1;
}

static int listen_on(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        perror("listen");
        return -1;
    }
    printf("ready on port %u\n", ntohs(address.sin_port));
    return fflush(stdout) == 0 ? fd : -1;
}

static int echo(libcapsa_channel *channel, libcapsa_error *error)
{
    char room[4096];
    size_t len = 0;
    do { /* until the client has said all */
        if (libcapsa_channel_read(channel, room, sizeof(room), WAIT_MS, &len, error) != 0 ||
            libcapsa_channel_write(channel, room, len, WAIT_MS, error) != 0) {
            return failed("echo", error);
        }
    } while (len > 0);
    return libcapsa_channel_end(channel, WAIT_MS, error);
}

/* One client after the other. The certificate is renewed in time; channels that run keep theirs. */
static int serve(const char *port, libcapsa_identity *identity, libcapsa_error *error)
{
    libcapsa_ratls *server = NULL;
    if (libcapsa_identity_make(identity, time(NULL), error) != 0 ||
        libcapsa_ratls_server_new(identity, NULL, &server, error) != 0) {
        return failed("serve", error);
    }
    const int listener = listen_on(port);
    for (int fd = listener; listener >= 0 && (fd = accept(listener, NULL, NULL)) >= 0;) {
        libcapsa_channel *channel = NULL;
        if (time(NULL) >= libcapsa_identity_renew_at(identity) &&
            libcapsa_identity_make(identity, time(NULL), error) != 0) {
            (void)failed("renew", error); /* the old one is good for a while */
        }
        if (libcapsa_ratls_accept(server, fd, &channel, NULL, error) != 0) {
            (void)failed("client", error);
        } else {
            (void)echo(channel, error);
        }
        libcapsa_channel_free(channel);
    }
    libcapsa_ratls_free(server);
    return 1;
}

static int run_server(int argc, char **argv, libcapsa_error *error)
{
    libcapsa_attester *attester = NULL;
    libcapsa_identity *identity = NULL;
    const char *sim = argc > 4 ? argv[4] : NULL;
    if (libcapsa_attester_new(argv[3], &attester, error) != 0 ||
        (sim && libcapsa_attester_insecure_set_simulation(attester, sim, NULL, error) != 0) ||
        libcapsa_identity_new(attester, &identity, error) != 0) {
        return failed("identity", error);
    }
    const int status = serve(argv[2], identity, error);
    libcapsa_identity_free(identity);
    libcapsa_attester_free(attester);
    return status;
}

static int ask(libcapsa_channel *channel, const char *text, libcapsa_error *error)
{
    char room[4096];
    size_t len = 0;
    if (libcapsa_channel_write(channel, text, strlen(text), WAIT_MS, error) != 0 ||
        libcapsa_channel_end(channel, WAIT_MS, error) != 0) {
        return failed("write", error);
    }
    do {
        if (libcapsa_channel_read(channel, room, sizeof(room), WAIT_MS, &len, error) != 0) {
            return failed("read", error);
        }
        (void)fwrite(room, 1, len, stdout);
    } while (len > 0);
    return printf("\n") < 0;
}

/* Without, any program on genuine hardware would do, an attacker's among them. */
static int identifies_code(const libcapsa_verifier *verifier)
{
    return libcapsa_verifier_pins_code(verifier, "sgx") ||
           libcapsa_verifier_pins_code(verifier, "tdx") ||
           libcapsa_verifier_pins_code(verifier, "snp") ||
           libcapsa_verifier_pins_code(verifier, "csv");
}

static int run_client(int argc, char **argv, libcapsa_error *error)
{
    libcapsa_verifier *verifier = NULL;
    libcapsa_ratls *client = NULL;
    libcapsa_channel *channel = NULL;
    libcapsa_verdict *verdict = NULL;
    if (libcapsa_verifier_new(&verifier, error) != 0 ||
        libcapsa_verifier_load_policy(verifier, argv[4], error) != 0) {
        return failed("policy", error);
    }
    if (!identifies_code(verifier)) {
        (void)fprintf(stderr, "%s: identifies no code, so that anybody's would do\n", argv[4]);
        return 1;
    }
    if ((argc > 6 && libcapsa_verifier_insecure_set_simulation(verifier, argv[6], error) != 0) ||
        libcapsa_ratls_client_new(verifier, NULL, &client, error) != 0 ||
        libcapsa_ratls_connect(client, argv[2], (unsigned)strtoul(argv[3], NULL, 10), &channel,
                               &verdict, error) != 0) {
        return failed("connect", error);
    }
    (void)fprintf(stderr, "%s %s\n", libcapsa_verdict_platform(verdict),
                  libcapsa_claim_text(libcapsa_verdict_claim(verdict, "sgx.mr_enclave")));
    const int status = ask(channel, argv[5], error);
    libcapsa_verdict_free(verdict);
    libcapsa_channel_free(channel);
    libcapsa_ratls_free(client);
    libcapsa_verifier_free(verifier);
    return status;
}

int main(int argc, char **argv)
{
    const int serves = argc > 3 && argc < 6 && strcmp(argv[1], "serve") == 0;
    if (!serves && (argc < 6 || argc > 7 || strcmp(argv[1], "ask") != 0)) {
        (void)fprintf(stderr, "attested-echo serve PORT PLATFORM [SIM-FOLDER]\n"
                              "attested-echo ask HOST PORT POLICY TEXT [SIM-FOLDER]\n");
        return 1;
    }
    libcapsa_error *error = libcapsa_error_new();
    const int status = serves ? run_server(argc, argv, error) : run_client(argc, argv, error);
    libcapsa_error_free(error);
    return status;
}
