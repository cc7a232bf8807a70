/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa manager, cert, config and version: what is there, and who is known.
 */
#include "base/limits.h"
#include "cli/cli_config.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "codec/text.h"

/* ---- manager --------------------------------------------------------------------------------- */

static capsa_result run_manager_cert(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, false, &link));
    const struct capsa_cert *cert;
    CAPSA_TRY(capsa_cli_manager(&link, &cert));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_cert_write_pem(cert, &pem));
    const char *out = capsa_cli_option(cli, "out");
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&pem, &text));
    if (out != NULL) {
        CAPSA_TRY(capsa_cli_write_public(cli, out, capsa_buf_bytes(&pem)));
        capsa_cli_say(cli, "wrote the manager's certificate to %s\n", out);
    } else if (!cli->json) {
        capsa_cli_print(cli, capsa_buf_bytes(&pem));
    }
    return capsa_cli_set_text(cli, "cert", text);
}

static capsa_result run_manager_show(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, false, &link));
    const struct capsa_cert *cert;
    CAPSA_TRY(capsa_cli_manager(&link, &cert));
    char id[CAPSA_PARTY_ID];
    CAPSA_TRY(capsa_cert_party_id(cert, id));
    capsa_time from;
    capsa_time to;
    char from_text[CAPSA_TIME_TEXT];
    char to_text[CAPSA_TIME_TEXT];
    capsa_cert_validity(cert, &from, &to);
    capsa_time_text(from, from_text);
    capsa_time_text(to, to_text);
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_public_key_write(capsa_cert_key(cert), &pem));
    const char *key;
    CAPSA_TRY(capsa_buf_cstr(&pem, &key));
    capsa_cli_say(cli, "party id     %s\nvalid        %s to %s\nproven       %s\n", id, from_text,
                  to_text,
                  capsa_cli_option(cli, "manager-cert") == NULL
                      ? "by nothing: compare the party id with what its operator says"
                      : "by --manager-cert");
    if (!cli->json) {
        capsa_cli_print(cli, capsa_buf_bytes(&pem));
    }
    CAPSA_TRY(capsa_cli_set_text(cli, "party_id", id));
    CAPSA_TRY(capsa_cli_set_text(cli, "not_before", from_text));
    CAPSA_TRY(capsa_cli_set_text(cli, "not_after", to_text));
    return capsa_cli_set_text(cli, "public_key", key);
}

static const struct capsa_cli_option manager_cert_options[] = {
    {"out", "FILE", "write it to a file, to be used as --manager-cert", 0},
    {"force", NULL, "replace an existing file", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb manager_verbs[] = {
    {"cert", "", "Print the manager's certificate.", 0, 0, CAPSA_CLI_SERVER, manager_cert_options,
     run_manager_cert},
    {"show", "", "Print the manager's party id, validity and public key.", 0, 0, CAPSA_CLI_SERVER,
     NULL, run_manager_show},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_manager = {
    "manager", NULL, "who answers at the other end", manager_verbs, NULL};

/* ---- cert ------------------------------------------------------------------------------------ */

static capsa_result run_cert_register(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"owner_party_id", link.party.id},
                                                               {"scheme", "RSA"},
                                                               {NULL, NULL}},
                               &request));
    struct capsa_json *certs;
    CAPSA_TRY(capsa_party_certs(&link.party, &certs));
    CAPSA_TRY(capsa_json_set(request, "certs", certs));
    CAPSA_TRY(capsa_cli_call(&link, CAPSA_CLIENT_REGISTER_CERT, capsa_cli_hand(&request), NULL));
    capsa_cli_say(cli, "registered the certificates of party %s\n", link.party.id);
    return capsa_cli_set_text(cli, "party_id", link.party.id);
}

static const struct capsa_cli_verb cert_verbs[] = {
    {"register", "", "Tell the manager one's certificates. No other verb needs it.", 0, 0,
     CAPSA_CLI_SERVER | CAPSA_CLI_SIGNS, NULL, run_cert_register},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_cert = {"cert", NULL, "register one's certificates",
                                                   cert_verbs, NULL};

/* ---- config, version ------------------------------------------------------------------------- */

static capsa_result run_limits(struct capsa_cli *cli)
{
    CAPSA_AUTO_FREE(capsa_json) limits = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(limits);
    for (size_t i = 0; i < capsa_limits_count; i++) {
        const struct capsa_limit *limit = &capsa_limits[i];
        capsa_cli_say(cli, "%-26s %12zu %-12s %s\n", limit->name, limit->value, limit->unit,
                      limit->stops);
        CAPSA_TRY(capsa_json_set(limits, limit->name, capsa_json_new_int((int64_t)limit->value)));
    }
    return capsa_cli_set(cli, "limits", capsa_cli_hand(&limits));
}

static const struct capsa_cli_verb config_verbs[] = {
    {"limits", "", "Print every limit on input, and what it stops.", 0, 0, 0, NULL, run_limits},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_config = {"config", NULL, "what is built in",
                                                     config_verbs, NULL};

static capsa_result run_version(struct capsa_cli *cli)
{
    capsa_cli_say(cli, "capsa %s\n", CAPSA_VERSION);
    return capsa_cli_set_text(cli, "version", CAPSA_VERSION);
}

static const struct capsa_cli_verb version_verbs[] = {
    {"", "", "Print the version.", 0, 0, 0, NULL, run_version},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_version = {"version", NULL, "print the version",
                                                      version_verbs, NULL};
