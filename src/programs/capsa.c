/* SPDX-License-Identifier: Apache-2.0
 *
 * The command. The environment is read and signals are caught here and nowhere else; everything is
 * in cli/.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"
#include "cli/cli.h"

/* An empty variable is as good as none. */
static const char *place(const char *variable)
{
    const char *value = getenv(variable);
    return value == NULL || *value == '\0' ? NULL : value;
}

/* A handler has no other way to say something. */
static volatile sig_atomic_t caught;

static void catch_signal(int number)
{
    caught = number;
}

/* A second one kills, should the first not be heeded. What was ignored at the start stays so. */
static void watch(bool on)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) != 0 || action.sa_handler == SIG_IGN) {
            continue;
        }
        action = (struct sigaction){.sa_flags = (int)SA_RESETHAND};
        action.sa_handler = on ? catch_signal : SIG_DFL;
        (void)sigaction(numbers[i], &action, NULL);
    }
}

/* $XDG_CONFIG_HOME/capsa or $HOME/.config/capsa; NULL: there is no such place, or it is too deep.
 */
static const char *memory_folder(char path[PATH_MAX])
{
    const char *config = place("XDG_CONFIG_HOME");
    const char *home = place("HOME");
    if (config == NULL && home == NULL) {
        return NULL;
    }
    int len = config != NULL ? snprintf(path, PATH_MAX, "%s/capsa", config)
                             : snprintf(path, PATH_MAX, "%s/.config/capsa", home);
    return len > 0 && len < PATH_MAX ? path : NULL;
}

int main(int argc, char **argv)
{
    char folder[PATH_MAX];
    const struct capsa_cli_places places = {
        .host = place("CAPSA_HOST"),
        .cert = place("CAPSA_CERT"),
        .key = place("CAPSA_KEY"),
        .config_file = place("CAPSA_CONFIG_FILE"),
        .memory = memory_folder(folder),
    };
    const struct capsa_cli_signals signals = {&caught, watch};
    capsa_ignore(capsa_secret_forbid_dumps(), "a sandbox may forbid asking; the command goes on");
    return capsa_cli_main(argc, argv, &places, &signals);
}
