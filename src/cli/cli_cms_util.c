/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa cms_util: the original's offline helper, with its own options, files and output. What
 * differs, on purpose: private keys have mode 0600 and are not overwritten without --force; files
 * appear whole or not at all, also in place; an empty file is written in the form that readers
 * accept; a data key can come from a file, where other users of the machine do not see it.
 */
#include "base/file.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/cli_file.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "client/client_vote.h"
#include "codec/yaml.h"

/* ---- keys and ids ---------------------------------------------------------------------------- */

#define RSA_BITS    3072
#define DAY_SECONDS 86400
#define VALID_DAYS  30

static capsa_result run_generate_rsa_keypair(struct capsa_cli *cli)
{
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_TRY(capsa_private_key_new_rsa(RSA_BITS, &key));
    capsa_time now = capsa_now(&capsa_clock_system);
    const struct capsa_cert_request request = {
        .common_name = "capsule-manager",
        .not_before = now - DAY_SECONDS,
        .not_after = now + (capsa_time)VALID_DAYS * DAY_SECONDS,
        .is_ca = true,
        .signs_digitally = true,
    };
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY(capsa_cert_self_sign(key, &request, &cert));
    CAPSA_AUTO(capsa_buf) key_pem = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_private_key_write(key, &key_pem));
    CAPSA_AUTO(capsa_buf) cert_pem = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_cert_write_pem(cert, &cert_pem));
    CAPSA_TRY(capsa_cli_write_secret(cli, capsa_cli_option(cli, "private-key-file"),
                                     capsa_buf_bytes(&key_pem)));
    return capsa_file_write(capsa_cli_option(cli, "cert-file"), capsa_buf_bytes(&cert_pem), 0644,
                            true);
}

static capsa_result run_generate_party_id(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_texts) paths = {NULL, 0};
    for (size_t i = 0; i < capsa_cli_option_count(cli, "cert-file"); i++) {
        CAPSA_TRY(capsa_texts_add(&paths, capsa_cli_option_nth(cli, "cert-file", i)));
    }
    CAPSA_AUTO(capsa_party) party = {.key = NULL};
    CAPSA_TRY(capsa_party_load_chain(&party, paths.items));
    capsa_cli_say(cli, "%s\n", party.id);
    return CAPSA_OK;
}

static capsa_result run_generate_data_key(struct capsa_cli *cli)
{
    int64_t bits;
    CAPSA_TRY(capsa_cli_number(cli, "bit-len", 0, 4096, 128, &bits));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_cli_new_data_key(bits, &text));
    CAPSA_TRY(capsa_buf_u8(&text, '\n'));
    capsa_cli_print(cli, capsa_buf_bytes(&text));
    return CAPSA_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

static capsa_result key_of_options(const struct capsa_cli *cli, struct capsa_secret **ret_key)
{
    const char *text = capsa_cli_option(cli, "data-key-b64");
    const char *file = capsa_cli_option(cli, "data-key-file");
    CAPSA_REQUIRE((text == NULL) != (file == NULL), USAGE,
                  "the data key is wanted once: --data-key-b64 KEY, or --data-key-file FILE, which "
                  "nobody else on this machine sees");
    return file != NULL ? capsa_cli_read_data_key(file, ret_key)
                        : capsa_cli_data_key_of(capsa_bytes_str(text), "--data-key-b64", ret_key);
}

static capsa_result encrypt(struct capsa_cli *cli, const char *source, const char *destination)
{
    CAPSA_TRY(capsa_cli_check_no_key(cli, destination));
    CAPSA_AUTO_FREE(capsa_secret) key = NULL;
    CAPSA_TRY(key_of_options(cli, &key));
    const struct capsa_file_options options = {.format = CAPSA_FILE_SDC1, .replace = true};
    return capsa_cli_seal(cli, source, destination, capsa_secret_borrow(key), options);
}

static capsa_result decrypt(struct capsa_cli *cli, const char *source, const char *destination)
{
    CAPSA_TRY(capsa_cli_check_no_key(cli, destination));
    CAPSA_AUTO_FREE(capsa_secret) key = NULL;
    CAPSA_TRY(key_of_options(cli, &key));
    const struct capsa_file_options options = {.format = CAPSA_FILE_ANY, .replace = true};
    return capsa_cli_open(cli, source, destination, capsa_secret_borrow(key), options);
}

typedef capsa_result (*file_fn)(struct capsa_cli *cli, const char *source, const char *destination);

/* To --dest-file, or beside the source with `ending`. */
static capsa_result run_beside(struct capsa_cli *cli, file_fn work, const char *ending)
{
    const char *source = capsa_cli_option(cli, "source-file");
    const char *destination = capsa_cli_option(cli, "dest-file");
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(8));
    if (destination == NULL) {
        CAPSA_TRY(capsa_buf_format(&name, "%s%s", source, ending));
        CAPSA_TRY(capsa_buf_cstr(&name, &destination));
    }
    return work(cli, source, destination);
}

static capsa_result run_encrypt_file(struct capsa_cli *cli)
{
    return run_beside(cli, encrypt, ".enc");
}

static capsa_result run_decrypt_file(struct capsa_cli *cli)
{
    return run_beside(cli, decrypt, ".dec");
}

static capsa_result run_encrypt_inplace(struct capsa_cli *cli)
{
    const char *file = capsa_cli_option(cli, "file");
    return encrypt(cli, file, file);
}

static capsa_result run_decrypt_inplace(struct capsa_cli *cli)
{
    const char *file = capsa_cli_option(cli, "file");
    return decrypt(cli, file, file);
}

/* ---- votes ----------------------------------------------------------------------------------- */

static capsa_result need_object(const char *path, const char *name, const struct capsa_json *value)
{
    CAPSA_REQUIRE(value != NULL && capsa_json_kind_of(value) == CAPSA_JSON_OBJECT, MALFORMED,
                  "%s: %s", path, name);
    return CAPSA_OK;
}

/* What is signed: everything that does not say how to sign. */
static capsa_result body_of(const struct capsa_json *input, const char *const *others,
                            struct capsa_json **ret_body)
{
    CAPSA_AUTO_FREE(capsa_json) body = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(body);
    const char *name;
    const struct capsa_json *value;
    for (size_t i = 0; capsa_json_member(input, i, &name, &value); i++) {
        if (!capsa_cli_is_among(name, others)) {
            CAPSA_TRY(capsa_json_set(body, name, capsa_json_copy(value)));
        }
    }
    *ret_body = body;
    body = NULL;
    return CAPSA_OK;
}

/* cert_chain_file is a list of paths or one path. */
static capsa_result signer_of(struct capsa_cli *cli, const char *path,
                              const struct capsa_json *input, capsa_party *party)
{
    const struct capsa_json *chain = capsa_json_get(input, "cert_chain_file");
    const char *key = capsa_json_string(capsa_json_get(input, "private_key_file"));
    CAPSA_AUTO(capsa_texts) paths = {NULL, 0};
    if (capsa_json_string(chain) != NULL) {
        CAPSA_TRY(capsa_texts_add(&paths, capsa_json_string(chain)));
    }
    for (size_t i = 0; i < capsa_json_count(chain); i++) {
        const char *item = capsa_json_string(capsa_json_at(chain, i));
        CAPSA_REQUIRE(item != NULL, MALFORMED, "%s: cert_chain_file[%zu] is not a path", path, i);
        CAPSA_TRY(capsa_texts_add(&paths, item));
    }
    CAPSA_REQUIRE(paths.count > 0, MALFORMED, "%s: cert_chain_file is missing", path);
    CAPSA_REQUIRE(key != NULL, MALFORMED, "%s: private_key_file is missing", path);
    CAPSA_TRY(capsa_party_load_chain(party, paths.items));
    capsa_cli_warn_open(cli, key);
    return capsa_party_load_key(party, key);
}

static capsa_result write_yaml(const char *path, const struct capsa_json *document)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    CAPSA_TRY(capsa_yaml_write(document, &text));
    return capsa_file_write(path, capsa_buf_bytes(&text), 0644, true);
}

static capsa_result run_sign_vote_request(struct capsa_cli *cli)
{
    static const char *const others[] = {"cert_chain_file", "private_key_file", NULL};
    const char *path = capsa_cli_option(cli, "vote-request-file");
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    CAPSA_TRY(capsa_cli_read_document(path, &document));
    const struct capsa_json *input = capsa_json_get(document, "vote_request");
    CAPSA_TRY(need_object(path, "the section vote_request is missing", input));
    CAPSA_AUTO(capsa_party) party = {.key = NULL};
    CAPSA_TRY(signer_of(cli, path, input, &party));
    CAPSA_AUTO_FREE(capsa_json) body = NULL;
    CAPSA_TRY(body_of(input, others, &body));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_vote_request_make(&party, body, &request));
    return write_yaml(capsa_cli_option(cli, "signed-vote-request-file"), request);
}

static capsa_result run_voter_sign(struct capsa_cli *cli)
{
    static const char *const others[] = {"cert_chain_file", "private_key_file",
                                         "vote_request_signature", NULL};
    const char *path = capsa_cli_option(cli, "voter-file");
    CAPSA_AUTO_FREE(capsa_json) input = NULL;
    CAPSA_TRY(capsa_cli_read_document(path, &input));
    CAPSA_TRY(need_object(path, "vote_request_signature and action are wanted", input));
    const char *signature = capsa_json_string(capsa_json_get(input, "vote_request_signature"));
    CAPSA_REQUIRE(signature != NULL, MALFORMED, "%s: vote_request_signature is missing", path);
    CAPSA_REQUIRE(capsa_json_string(capsa_json_get(input, "action")) != NULL, MALFORMED,
                  "%s: action (APPROVE or REJECT) is missing", path);
    CAPSA_AUTO(capsa_party) party = {.key = NULL};
    CAPSA_TRY(signer_of(cli, path, input, &party));
    CAPSA_AUTO_FREE(capsa_json) body = NULL;
    CAPSA_TRY(body_of(input, others, &body));
    CAPSA_AUTO_FREE(capsa_json) vote = NULL;
    CAPSA_TRY(capsa_vote_make(&party, signature, body, &vote));
    return write_yaml(capsa_cli_option(cli, "signed-voter-file"), vote);
}

/* The original checks nothing here; so nothing stops here, but nobody is left to guess later. */
static void warn_if(struct capsa_cli *cli, const char *path, capsa_result checked)
{
    if (capsa_failed(checked)) {
        capsa_cli_warn(cli, "%s: %s; the manager will refuse it", path, capsa_text_of(checked));
    }
}

static capsa_result run_generate_vote_result(struct capsa_cli *cli)
{
    const char *path = capsa_cli_option(cli, "signed-vote-request-file");
    capsa_time now = capsa_now(&capsa_clock_system);
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_read_document(path, &request));
    CAPSA_AUTO(capsa_vote_view) asked = {.resource_uri = NULL};
    warn_if(cli, path, capsa_vote_request_check(request, now, &asked));
    CAPSA_AUTO_FREE(capsa_json) result = NULL;
    CAPSA_TRY(capsa_vote_result_new(request, &result));
    for (size_t i = 0; i < capsa_cli_option_count(cli, "signed-voter-files"); i++) {
        const char *vote_path = capsa_cli_option_nth(cli, "signed-voter-files", i);
        CAPSA_AUTO_FREE(capsa_json) vote = NULL;
        CAPSA_TRY(capsa_cli_read_document(vote_path, &vote));
        CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
        warn_if(cli, vote_path, capsa_vote_check(vote, request, now, &view));
        CAPSA_TRY(capsa_vote_result_add(result, vote));
    }
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(4));
    CAPSA_TRY(capsa_json_write(result, CAPSA_JSON_PYTHON, &text));
    return capsa_file_write(capsa_cli_option(cli, "vote-result-file"), capsa_buf_bytes(&text), 0644,
                            true);
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option keypair_options[] = {
    {"private-key-file", "FILE", "where to write the key (PKCS#8 PEM)", CAPSA_CLI_NEEDED},
    {"cert-file", "FILE", "where to write the certificate", CAPSA_CLI_NEEDED},
    {"force", NULL, "replace an existing key (not in the original, which always did)", 0},
    {.name = NULL},
};

static const struct capsa_cli_option party_id_options[] = {
    {"cert-file", "FILE", "certificates, the root last", CAPSA_CLI_NEEDED | CAPSA_CLI_REPEAT},
    {.name = NULL},
};

static const struct capsa_cli_option data_key_options[] = {
    {"bit-len", "128|192|256", "its size; 128", 0},
    {.name = NULL},
};

#define KEY_OPTIONS                                                                                \
    {"data-key-b64", "KEY", "the data key; others on this machine can see it here", 0},            \
    {                                                                                              \
        "data-key-file", "FILE", "instead: a file that holds it (not in the original)", 0          \
    }

static const struct capsa_cli_option beside_options[] = {
    {"source-file", "FILE", "what to read", CAPSA_CLI_NEEDED},
    {"dest-file", "FILE", "what to write; the source's name and .enc or .dec", 0},
    KEY_OPTIONS,
    {.name = NULL},
};

static const struct capsa_cli_option inplace_options[] = {
    {"file", "FILE", "what to replace", CAPSA_CLI_NEEDED},
    KEY_OPTIONS,
    {.name = NULL},
};

static const struct capsa_cli_option sign_request_options[] = {
    {"vote-request-file", "FILE", "YAML with the section vote_request", CAPSA_CLI_NEEDED},
    {"signed-vote-request-file", "FILE", "where to write it signed", CAPSA_CLI_NEEDED},
    {.name = NULL},
};

static const struct capsa_cli_option voter_options[] = {
    {"voter-file", "FILE", "YAML with vote_request_signature, action and whose keys",
     CAPSA_CLI_NEEDED},
    {"signed-voter-file", "FILE", "where to write it signed", CAPSA_CLI_NEEDED},
    {.name = NULL},
};

static const struct capsa_cli_option vote_result_options[] = {
    {"signed-vote-request-file", "FILE", "what sign-vote-request wrote", CAPSA_CLI_NEEDED},
    {"signed-voter-files", "FILE", "what voter-sign wrote", CAPSA_CLI_NEEDED | CAPSA_CLI_REPEAT},
    {"vote-result-file", "FILE", "where to write the vote result (JSON)", CAPSA_CLI_NEEDED},
    {.name = NULL},
};

#define UTIL(name, help, options, run)                                                             \
    {                                                                                              \
        name, "", help, 0, 0, CAPSA_CLI_RAW, options, run                                          \
    }

static const struct capsa_cli_verb verbs[] = {
    UTIL("generate-rsa-keypair", "Make an RSA-3072 key and a certificate valid for 30 days.",
         keypair_options, run_generate_rsa_keypair),
    UTIL("generate-party-id", "Print the party id of the last certificate.", party_id_options,
         run_generate_party_id),
    UTIL("generate-data-key-b64", "Print a random data key.", data_key_options,
         run_generate_data_key),
    UTIL("encrypt-file", "Encrypt a file in the original's format.", beside_options,
         run_encrypt_file),
    UTIL("decrypt-file", "Decrypt a file.", beside_options, run_decrypt_file),
    UTIL("encrypt-file-inplace", "Encrypt a file where it is.", inplace_options,
         run_encrypt_inplace),
    UTIL("decrypt-file-inplace", "Decrypt a file where it is.", inplace_options,
         run_decrypt_inplace),
    UTIL("sign-vote-request", "Sign a request for votes.", sign_request_options,
         run_sign_vote_request),
    UTIL("voter-sign", "Sign a vote.", voter_options, run_voter_sign),
    UTIL("generate-vote-result", "Put a request and its votes together.", vote_result_options,
         run_generate_vote_result),
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_cms_util = {
    "cms_util", "cms-util", "the original's offline helper", verbs, NULL};
