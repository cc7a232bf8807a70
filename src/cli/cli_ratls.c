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
    {"serve", "",
     "Attested TLS in front of a plain TCP service, with a certificate that renews itself. Clients "
     "are asked for evidence when --policy says what to accept. SIGHUP renews, and reads the "
     "policy again.",
     0, 0, CAPSA_CLI_PROVES | CAPSA_CLI_JUDGES, capsa_cli_ratls_serve_options,
     capsa_cli_ratls_serve},
    {"connect", "HOST:PORT",
     "Connect, say on standard error what the peer has proved, and then be its stream: standard "
     "input goes there, what it says comes to standard output. Status on refusals as of capsa "
     "verify.",
     1, 1, CAPSA_CLI_PROVES | CAPSA_CLI_JUDGES, capsa_cli_ratls_connect_options,
     capsa_cli_ratls_connect},
    {"proxy", "",
     "A plain TCP port whose connections go out as attested TLS, to a service that has to prove "
     "what it is. Whoever reaches the port speaks with what --platform proves of us.",
     0, 0, CAPSA_CLI_PROVES | CAPSA_CLI_JUDGES, capsa_cli_ratls_proxy_options,
     capsa_cli_ratls_proxy},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_ratls = {
    "ratls", NULL, "TLS whose peers prove what they are: certificates and channels", verbs, NULL};
