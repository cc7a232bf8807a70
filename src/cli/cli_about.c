/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa cert, config and version: who is known, and what is built in.
 */
#include "base/limits.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"

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
