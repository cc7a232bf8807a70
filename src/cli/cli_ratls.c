/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa ratls: TLS whose peers prove what they are. Its verbs are in the files that cli_ratls.h
 * names.
 */
#include "cli/cli_ratls.h"

#include "cli/cli_nouns.h"

static const struct capsa_cli_verb verbs[] = {
    {"cert", "",
     "Make a TLS key and a certificate with evidence of it, for servers that read both from files. "
     "With --keep it stays and renews them.",
     0, 0, CAPSA_CLI_PROVES, capsa_cli_ratls_cert_options, capsa_cli_ratls_cert},
    {"show", "FILE",
     "Print what a certificate with evidence says, of whatever generation. Nothing is verified.", 1,
     1, 0, NULL, capsa_cli_ratls_show},
    {"verify", "",
     "Judge a certificate with evidence. Whoever has it need not have its key: that a TLS "
     "handshake alone proves. Status as of capsa verify.",
     0, 0, CAPSA_CLI_JUDGES, capsa_cli_ratls_verify_options, capsa_cli_ratls_verify},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_ratls = {
    "ratls", NULL, "TLS whose peers prove what they are: certificates and channels", verbs, NULL};
