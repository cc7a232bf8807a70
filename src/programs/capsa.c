/* SPDX-License-Identifier: Apache-2.0
 *
 * The command. The environment is read here and nowhere else; everything is in cli/.
 */
#include <stdlib.h>

#include "cli/cli.h"

/* An empty variable is as good as none. */
static const char *place(const char *variable)
{
    const char *value = getenv(variable);
    return value == NULL || *value == '\0' ? NULL : value;
}

int main(int argc, char **argv)
{
    const struct capsa_cli_places places = {
        .host = place("CAPSA_HOST"),
        .cert = place("CAPSA_CERT"),
        .key = place("CAPSA_KEY"),
        .config_file = place("CAPSA_CONFIG_FILE"),
    };
    return capsa_cli_main(argc, argv, &places);
}
