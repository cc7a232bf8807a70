/* SPDX-License-Identifier: Apache-2.0
 *
 * Party and connection (cli_link.h).
 */
#include "cli/cli_link.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_config.h"
#include "cli/cli_print.h"
#include "codec/protobuf.h"

#define DEFAULT_HOST    "127.0.0.1:8888"
#define TIMEOUT_SECONDS 30

void capsa_cli_link_drop(capsa_cli_link *link)
{
    capsa_client_free(link->client);
    link->client = NULL;
    capsa_cli_evidence_drop(&link->evidence);
    capsa_party_drop(&link->party);
    capsa_texts_drop(&link->tls_certs);
    capsa_cert_free(link->manager);
    link->manager = NULL;
}

/* Option, environment, file: the first that says something. */
static capsa_result choose(const struct capsa_cli *cli, const char *option, const char *place,
                           const char *config_path, const char **ret_text)
{
    const char *text = capsa_cli_option(cli, option);
    text = text == NULL ? place : text;
    if (text == NULL) {
        return capsa_cli_config_text(cli, config_path, ret_text);
    }
    *ret_text = text;
    return CAPSA_OK;
}

/* The same for a list. */
static capsa_result choose_all(const struct capsa_cli *cli, const char *option, const char *place,
                               const char *config_path, capsa_texts *texts)
{
    for (size_t i = 0; i < capsa_cli_option_count(cli, option); i++) {
        CAPSA_TRY(capsa_texts_add(texts, capsa_cli_option_nth(cli, option, i)));
    }
    if (texts->count == 0 && place != NULL) {
        CAPSA_TRY(capsa_texts_add(texts, place));
    }
    return texts->count > 0 ? CAPSA_OK : capsa_cli_config_texts(cli, config_path, texts);
}

/* ---- the party ------------------------------------------------------------------------------- */

/* --as NAME is short for --cert NAME.crt --key NAME.key. Files that hold the names' texts. */
static capsa_result name_file(const struct capsa_cli *cli, const char *ending, capsa_buf *name,
                              const char **ret_path)
{
    const char *as = capsa_cli_option(cli, "as");
    *ret_path = NULL;
    if (as == NULL) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(capsa_cli_option(cli, "cert") == NULL && capsa_cli_option(cli, "key") == NULL,
                  USAGE, "--as %s names certificate and key; --cert and --key do not go with it",
                  as);
    CAPSA_TRY(capsa_buf_format(name, "%s%s", as, ending));
    CAPSA_TRY(capsa_buf_cstr(name, ret_path));
    CAPSA_REQUIRE(access(*ret_path, F_OK) == 0, USAGE,
                  "--as %s: there is no %s (to make both files: capsa party new --name %s)", as,
                  *ret_path, as);
    return CAPSA_OK;
}

/* A config file that says who the party is must mean this one. */
static capsa_result check_party_id(const struct capsa_cli *cli, const capsa_party *party)
{
    const char *claimed = NULL;
    CAPSA_TRY(capsa_cli_config_text(cli, "common.party_id", &claimed));
    bool from_config = capsa_cli_option(cli, "cert") == NULL &&
                       capsa_cli_option(cli, "as") == NULL && cli->places->cert == NULL;
    CAPSA_REQUIRE(!from_config || claimed == NULL || *claimed == '\0' ||
                      capsa_streq(claimed, party->id),
                  USAGE, "%s: common.party_id is %s, but the certificates are those of %s",
                  cli->config_path, claimed == NULL ? "" : claimed, party->id);
    return CAPSA_OK;
}

/* Others who may write it, or all who may read it, hold the party's identity too. */
void capsa_cli_warn_open(struct capsa_cli *cli, const char *key_path)
{
    struct stat status;
    if (!cli->warned && stat(key_path, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_uid == geteuid() && (status.st_mode & 0777 & ~0640U) != 0) {
        char mode[16];
        (void)snprintf(mode, sizeof(mode), "%04o", (unsigned)status.st_mode & 0777U);
        capsa_cli_warn(cli, "%s is a private key with mode %s; it should be 0600", key_path, mode);
        cli->warned = true;
    }
}

CAPSA_RESULT capsa_cli_party(struct capsa_cli *cli, bool with_key, capsa_party *party)
{
    CAPSA_TRY(capsa_cli_config_load(cli, NULL));
    CAPSA_AUTO(capsa_buf) cert_name = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_buf) key_name = capsa_buf_of(KIB(8));
    const char *cert;
    const char *key;
    CAPSA_TRY(name_file(cli, ".crt", &cert_name, &cert));
    CAPSA_AUTO(capsa_texts) certs = {NULL, 0};
    CAPSA_TRY(choose_all(cli, "cert", cert == NULL ? cli->places->cert : cert,
                         "common.cert_pems_file", &certs));
    CAPSA_REQUIRE(certs.count > 0, USAGE,
                  "who is it? --as NAME, or --cert FILE and --key FILE, CAPSA_CERT and CAPSA_KEY, "
                  "or common in the config file");
    CAPSA_TRY(capsa_party_load_chain(party, certs.items));
    CAPSA_TRY(check_party_id(cli, party));
    if (!with_key) {
        return CAPSA_OK;
    }
    CAPSA_TRY(name_file(cli, ".key", &key_name, &key));
    if (key == NULL) {
        CAPSA_TRY(choose(cli, "key", cli->places->key, "common.private_key_file", &key));
    }
    CAPSA_REQUIRE(key != NULL, USAGE,
                  "the certificate's private key is needed: --key FILE, CAPSA_KEY, or "
                  "common.private_key_file in the config file");
    capsa_cli_warn_open(cli, key);
    return capsa_party_load_key(party, key);
}

/* ---- the connection -------------------------------------------------------------------------- */

static capsa_result choose_tls(struct capsa_cli *cli, capsa_cli_link *link,
                               struct capsa_client_options *options)
{
    CAPSA_TRY(choose(cli, "root-ca", NULL, "root_ca_file", &options->ca_path));
    link->tls = options->ca_path != NULL;
    CAPSA_TRY(choose(cli, "tls-key", NULL, "private_key_file", &options->tls_key));
    CAPSA_TRY(choose_all(cli, "tls-cert", NULL, "cert_chain_file", &link->tls_certs));
    options->tls_certs = link->tls_certs.items;
    if (!capsa_streq(cli->noun->name, "cms")) {
        return CAPSA_OK;
    }
    bool all = options->ca_path != NULL && options->tls_key != NULL && options->tls_certs != NULL;
    bool none = options->ca_path == NULL && options->tls_key == NULL && options->tls_certs == NULL;
    CAPSA_REQUIRE(all || none, USAGE,
                  "%s: root_ca_file, private_key_file and cert_chain_file are given all (TLS) or "
                  "not at all (no TLS)",
                  cli->config_path);
    return CAPSA_OK;
}

static capsa_result load_pin(struct capsa_cli *cli, capsa_cli_link *link)
{
    const char *path = capsa_cli_option(cli, "manager-cert");
    if (path == NULL) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(
        capsa_cli_is_original(cli), USAGE,
        "--manager-cert pins the key of the original's protocol, and goes with --original; "
        "natively --manager-id pins the manager");
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_file_read(path, &pem));
    CAPSA_TRY_AT(capsa_cert_parse_pem(capsa_buf_bytes(&pem), &link->manager), "%s", path);
    return CAPSA_OK;
}

static bool speaks_as_original(const struct capsa_cli *cli)
{
    return capsa_streq(cli->noun->name, "cms") || capsa_streq(cli->noun->name, "cms_util");
}

bool capsa_cli_is_original(const struct capsa_cli *cli)
{
    return capsa_cli_flag(cli, "original") || speaks_as_original(cli);
}

bool capsa_cli_memory(const struct capsa_cli *cli, struct capsa_client_memory *ret_memory)
{
    if (cli->places->memory == NULL || speaks_as_original(cli)) {
        return false;
    }
    ret_memory->folder = cli->places->memory;
    return true;
}

static capsa_result take_version(struct capsa_cli *cli, capsa_cli_link *link)
{
    link->has_version = capsa_cli_option(cli, "if-version") != NULL;
    CAPSA_REQUIRE(!link->has_version || !capsa_cli_is_original(cli), USAGE,
                  "--if-version does not go with --original, whose policies have no versions");
    return capsa_cli_number(cli, "if-version", 0, INT64_C(1) << 53, 0, &link->if_version);
}

/* Which manager: where it is, and who it has to be. */
static capsa_result choose_manager(struct capsa_cli *cli, capsa_cli_link *link,
                                   struct capsa_client_options *options)
{
    CAPSA_TRY(load_pin(cli, link));
    options->manager = link->manager;
    options->original = capsa_cli_is_original(cli);
    CAPSA_TRY(choose(cli, "manager-id", NULL, "manager_id", &options->manager_id));
    options->memory = capsa_cli_memory(cli, &link->memory) ? &link->memory : NULL;
    CAPSA_TRY(choose(cli, "host", cli->places->host, "host", &options->target));
    if (options->target == NULL || *options->target == '\0') {
        options->target = DEFAULT_HOST;
    }
    return CAPSA_OK;
}

static capsa_result open_link(struct capsa_cli *cli, bool signs, bool introduces,
                              capsa_cli_link *link)
{
    link->cli = cli;
    CAPSA_TRY(capsa_cli_config_load(cli, NULL));
    if (signs) {
        CAPSA_TRY(capsa_cli_party(cli, true, &link->party));
    }
    struct capsa_client_options options = {.party = signs ? &link->party : NULL,
                                           .introduces = introduces};
    CAPSA_TRY(choose_tls(cli, link, &options));
    CAPSA_TRY(choose_manager(cli, link, &options));
    CAPSA_TRY(capsa_cli_trust(cli, &link->evidence, &options));
    CAPSA_TRY(capsa_cli_attest(cli, &link->evidence, &options));
    CAPSA_TRY(take_version(cli, link));
    int64_t seconds;
    CAPSA_TRY(capsa_cli_number(cli, "timeout", 1, 3600, TIMEOUT_SECONDS, &seconds));
    options.timeout_us = seconds * 1000000;
    return capsa_client_new(&options, &link->client);
}

CAPSA_RESULT capsa_cli_link_open(struct capsa_cli *cli, bool signs, capsa_cli_link *link)
{
    return open_link(cli, signs, false, link);
}

CAPSA_RESULT capsa_cli_link_look(struct capsa_cli *cli, capsa_cli_link *link)
{
    return open_link(cli, false, true, link);
}

/* A server was reached, and did not speak as expected: most often TLS is on at one end only. */
static capsa_result hint_of_tls(const capsa_cli_link *link, capsa_result result)
{
    bool reached = capsa_code_of(result) == CAPSA_E_NETWORK &&
                   strncmp(capsa_text_of(result), "cannot ", strlen("cannot ")) != 0;
    CAPSA_REQUIRE(!reached || link->tls, NETWORK, "%s (if the server has TLS on: --root-ca FILE)",
                  capsa_text_of(result));
    CAPSA_REQUIRE(!reached, NETWORK, "%s (if the server has TLS off: no --root-ca)",
                  capsa_text_of(result));
    return result;
}

static capsa_result say_met(capsa_cli_link *link)
{
    const capsa_manager *manager;
    CAPSA_TRY(capsa_client_identity(link->client, &manager));
    if (capsa_client_has_met(link->client) && !link->met) {
        capsa_cli_complain(link->cli,
                           "capsa: met manager %s (%s) for the first time; from now on no other is "
                           "accepted at this address\n",
                           manager->id, manager->genesis->mode);
        link->met = true;
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_manager(capsa_cli_link *link, const struct capsa_cert **ret_cert)
{
    CAPSA_TRY(hint_of_tls(link, capsa_client_manager(link->client, ret_cert)));
    return say_met(link);
}

/* What the manager recorded can be looked up by whose data it was. */
static capsa_result name_decision(capsa_cli_link *link, capsa_result failed)
{
    const char *id = link->outcome.decision_id;
    if (*id == '\0') {
        return failed;
    }
    memcpy(link->cli->decision_id, id, sizeof(link->cli->decision_id));
    return capsa_error_make(capsa_code_of(failed), __FILE__, __LINE__,
                            "%.220s (its owner sees why: capsa policy explain %s)",
                            capsa_text_of(failed), id);
}

CAPSA_RESULT capsa_cli_call(capsa_cli_link *link, enum capsa_client_method method,
                            struct capsa_json *request, ProtobufCMessage **ret_answer)
{
    CAPSA_AUTO_FREE(capsa_json) taken = request;
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(
        capsa_protojson_decode(capsa_client_shape(method), taken, CAPSA_UNKNOWN_REFUSED, &message));
    const struct capsa_cert *manager;
    CAPSA_TRY(capsa_cli_manager(link, &manager)); /* where nobody speaks our protocol, this fails */
    bool versioned = link->has_version && capsa_client_changes_policy(method);
    CAPSA_AUTO_MESSAGE answer = NULL;
    capsa_result result =
        capsa_client_call_with(link->client, method, message, versioned ? &link->if_version : NULL,
                               &link->outcome, &answer);
    enum capsa_code code = capsa_code_of(result);
    link->cli->refused = code == CAPSA_E_NOT_FOUND || code == CAPSA_E_EXISTS;
    if (capsa_failed(result)) {
        return name_decision(link, result);
    }
    if (ret_answer != NULL) {
        *ret_answer = answer;
        answer = NULL;
    }
    return CAPSA_OK;
}
