/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa party: make an identity, and say whose a certificate is.
 */
#include "base/time.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"

#define RSA_BITS     3072
#define DAYS         3650
#define DAYS_MAX     36500
#define DAY_SECONDS  86400
#define EARLY_BEGINS DAY_SECONDS /* for clocks that are behind ours */

/* ---- new ------------------------------------------------------------------------------------- */

static capsa_result check_name(const char *name)
{
    CAPSA_REQUIRE(*name != '\0' && *name != '.' && *name != '-' && strchr(name, '/') == NULL, USAGE,
                  "--name is the beginning of two file names, not a path: \"%s\"", name);
    return CAPSA_OK;
}

static capsa_result sign_self(const struct capsa_private_key *key, const char *name, int64_t days,
                              struct capsa_cert **ret_cert)
{
    capsa_time now = capsa_now(&capsa_clock_system);
    const struct capsa_cert_request request = {
        .common_name = name,
        .not_before = now - EARLY_BEGINS,
        .not_after = now + days * DAY_SECONDS,
        .is_ca = true, /* so that the party may certify keys of its own later */
        .signs_digitally = true,
    };
    return capsa_cert_self_sign(key, &request, ret_cert);
}

static capsa_result write_party(struct capsa_cli *cli, const struct capsa_private_key *key,
                                const struct capsa_cert *cert, const char *key_path,
                                const char *cert_path)
{
    CAPSA_TRY(capsa_cli_check_out(cli, key_path));
    CAPSA_TRY(capsa_cli_check_out(cli, cert_path));
    CAPSA_AUTO(capsa_buf) key_pem = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_private_key_write(key, &key_pem));
    CAPSA_AUTO(capsa_buf) cert_pem = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_cert_write_pem(cert, &cert_pem));
    CAPSA_TRY(capsa_cli_write_secret(cli, key_path, capsa_buf_bytes(&key_pem)));
    return capsa_cli_write_public(cli, cert_path, capsa_buf_bytes(&cert_pem));
}

static capsa_result run_new(struct capsa_cli *cli)
{
    const char *name = capsa_cli_option(cli, "name");
    const char *dir = capsa_cli_option(cli, "dir");
    const char *slash = dir == NULL ? "" : "/";
    dir = dir == NULL ? "" : dir;
    int64_t days;
    CAPSA_TRY(check_name(name));
    CAPSA_TRY(capsa_cli_number(cli, "days", 1, DAYS_MAX, DAYS, &days));
    CAPSA_AUTO(capsa_buf) key_name = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_buf) cert_name = capsa_buf_of(KIB(8));
    const char *key_path;
    const char *cert_path;
    CAPSA_TRY(capsa_buf_format(&key_name, "%s%s%s.key", dir, slash, name));
    CAPSA_TRY(capsa_buf_format(&cert_name, "%s%s%s.crt", dir, slash, name));
    CAPSA_TRY(capsa_buf_cstr(&key_name, &key_path));
    CAPSA_TRY(capsa_buf_cstr(&cert_name, &cert_path));
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_TRY(capsa_private_key_new_rsa(RSA_BITS, &key));
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY(sign_self(key, name, days, &cert));
    CAPSA_TRY(write_party(cli, key, cert, key_path, cert_path));
    char id[CAPSA_PARTY_ID];
    CAPSA_TRY(capsa_cert_party_id(cert, id));
    capsa_cli_say(cli, "%s is party %s\n  private key  %s (keep it)\n  certificate  %s\n", name, id,
                  key_path, cert_path);
    CAPSA_TRY(capsa_cli_set_text(cli, "party_id", id));
    CAPSA_TRY(capsa_cli_set_text(cli, "key_file", key_path));
    return capsa_cli_set_text(cli, "cert_file", cert_path);
}

/* ---- id -------------------------------------------------------------------------------------- */

static capsa_result run_id(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_party) party = {.key = NULL};
    if (cli->words_count > 0) {
        CAPSA_REQUIRE(capsa_cli_option(cli, "cert") == NULL, USAGE,
                      "name the certificates as words or with --cert, not both");
        CAPSA_AUTO(capsa_texts) paths = {NULL, 0};
        for (size_t i = 0; i < cli->words_count; i++) {
            CAPSA_TRY(capsa_texts_add(&paths, cli->words[i]));
        }
        CAPSA_TRY(capsa_party_load_chain(&party, paths.items));
    } else {
        CAPSA_TRY(capsa_cli_party(cli, false, &party));
    }
    capsa_cli_say(cli, "%s\n", party.id);
    return capsa_cli_set_text(cli, "party_id", party.id);
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option new_options[] = {
    {"name", "NAME", "writes NAME.key and NAME.crt", CAPSA_CLI_NEEDED},
    {"dir", "DIR", "where; the current folder", 0},
    {"days", "N", "how long the certificate is valid; 3650", 0},
    {"force", NULL, "replace existing files", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"new", "", "Make a party: an RSA-3072 key and a certificate that it signs itself.", 0, 0, 0,
     new_options, run_new},
    {"id", "[FILE...]",
     "Print the party id of a chain of certificates: that of the last one's key.", 0,
     CAPSA_CLI_MANY, CAPSA_CLI_NAMES, NULL, run_id},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_party = {
    "party", NULL, "who signs: a key and its certificate", verbs, NULL};
