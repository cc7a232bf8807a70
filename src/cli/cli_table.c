/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of nouns, in the order of help, and the options that verbs share (cli_verb.h). Each
 * noun's verbs are at the end of its own file.
 */
#include "base/bytes.h"
#include "cli/cli_nouns.h"
#include "cli/cli_ratls.h"
#include "cli/cli_trust.h"

const struct capsa_cli_noun *const capsa_cli_nouns[] = {
#define CAPSA_CLI_NOUN(symbol) &capsa_cli_noun_##symbol,
#include "cli/cli_nouns.def"
#undef CAPSA_CLI_NOUN
    NULL,
};

static const struct capsa_cli_option cert_options[] = {
    {"as", "NAME", "the party of NAME.crt and NAME.key, as capsa party new writes them", 0},
    {"cert", "FILE", "the party's certificates: leaf, intermediates, root; or one file with all",
     CAPSA_CLI_REPEAT},
    {.name = NULL},
};

static const struct capsa_cli_option key_options[] = {
    {"key", "FILE", "the private key of the first certificate", 0},
    {.name = NULL},
};

static const struct capsa_cli_option server_options[] = {
    {"host", "HOST:PORT", "the manager; 127.0.0.1:8888 when nothing names one", 0},
    {"timeout", "SECONDS", "for each call; 30", 0},
    {"manager-id", "ID", "refuse a manager that is another than this (capsa manager show)", 0},
    {"original", NULL, "speak the original's protocol, whose answers prove nothing", 0},
    {"manager-cert", "FILE",
     "with --original: refuse a manager that has another key than this certificate; natively "
     "--manager-id pins it",
     0},
    {"root-ca", "FILE", "use TLS, and trust a server that this certifies", 0},
    {"tls-cert", "FILE", "TLS certificates to show to the server, leaf first", CAPSA_CLI_REPEAT},
    {"tls-key", "FILE", "private key of the TLS certificate", 0},
    {.name = NULL},
};

static const struct capsa_cli_option config_options[] = {
    {"config-file", "FILE", "YAML as cms reads it: host, TLS files, common", 0},
    {.name = NULL},
};

const struct capsa_cli_noun *capsa_cli_noun_find(const char *name)
{
    for (size_t i = 0; capsa_cli_nouns[i] != NULL; i++) {
        const struct capsa_cli_noun *noun = capsa_cli_nouns[i];
        if (capsa_streq(noun->name, name) ||
            (noun->alias != NULL && capsa_streq(noun->alias, name))) {
            return noun;
        }
    }
    return NULL;
}

const struct capsa_cli_verb *capsa_cli_verb_find(const struct capsa_cli_noun *noun,
                                                 const char *name)
{
    for (const struct capsa_cli_verb *verb = noun->verbs; verb->name != NULL; verb++) {
        if (capsa_streq(verb->name, name)) {
            return verb;
        }
    }
    return NULL;
}

const struct capsa_cli_option *capsa_cli_option_at(const struct capsa_cli_noun *noun,
                                                   const struct capsa_cli_verb *verb, size_t index,
                                                   bool *ret_shared)
{
    unsigned flags = verb == NULL ? 0 : verb->flags;
    bool config = (flags & (CAPSA_CLI_SERVER | CAPSA_CLI_SIGNS | CAPSA_CLI_NAMES)) != 0;
    enum { OWN_TABLES = 4 };
    const struct {
        const struct capsa_cli_option *options;
        bool taken;
    } tables[] = {
        /* its own: */
        {verb == NULL ? NULL : verb->options, true},
        {capsa_cli_attest_options, (flags & CAPSA_CLI_ATTESTS) != 0},
        {capsa_cli_prove_options, (flags & CAPSA_CLI_PROVES) != 0},
        {capsa_cli_judge_options, (flags & CAPSA_CLI_JUDGES) != 0},
        /* shared: */
        {noun->options, true},
        {cert_options, (flags & (CAPSA_CLI_SIGNS | CAPSA_CLI_NAMES)) != 0},
        {key_options, (flags & CAPSA_CLI_SIGNS) != 0},
        {server_options, (flags & CAPSA_CLI_SERVER) != 0},
        {capsa_cli_trust_options, (flags & CAPSA_CLI_SERVER) != 0},
        {config_options, config && noun->options == NULL},
    };
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        const struct capsa_cli_option *option = tables[t].taken ? tables[t].options : NULL;
        for (; option != NULL && option->name != NULL; option++) {
            if (index-- == 0) {
                if (ret_shared != NULL) {
                    *ret_shared = t >= OWN_TABLES;
                }
                return option;
            }
        }
    }
    return NULL;
}
