/* SPDX-License-Identifier: Apache-2.0
 *
 * Rounds, waits and commands (cli_follow.h).
 */
#include "cli/cli_follow.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

void capsa_cli_watch(const struct capsa_cli *cli, bool on)
{
    if (cli->signals != NULL) {
        cli->signals->watch(on);
    }
}

int capsa_cli_stopped(const struct capsa_cli *cli)
{
    return cli->signals == NULL ? 0 : (int)*cli->signals->caught;
}

/* Signals come in only while it waits: none can slip in between looking and waiting. */
static void wait_seconds(const struct capsa_cli *cli, int64_t seconds)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t stops;
    sigset_t before;
    (void)sigemptyset(&stops);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)sigaddset(&stops, numbers[i]);
    }
    const struct timespec pause = {.tv_sec = seconds};
    (void)sigprocmask(SIG_BLOCK, &stops, &before);
    if (capsa_cli_stopped(cli) == 0) {
        (void)pselect(0, NULL, NULL, NULL, &pause, &before);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

void capsa_cli_follow(const struct capsa_cli *cli, int64_t seconds, void (*round)(void *context),
                      void *context)
{
    for (;;) {
        (void)fflush(cli->out);
        wait_seconds(cli, seconds);
        if (capsa_cli_stopped(cli) != 0) {
            return;
        }
        round(context);
    }
}

CAPSA_RESULT capsa_cli_command_ended(const char *command, int status)
{
    CAPSA_REQUIRE(!WIFSIGNALED(status), IO, "\"%s\" was ended by signal %d", command,
                  WTERMSIG(status));
    CAPSA_REQUIRE(WEXITSTATUS(status) == 0, IO, "\"%s\" ended with status %d", command,
                  WEXITSTATUS(status));
    return CAPSA_OK;
}

static capsa_result wait_for_end(const struct capsa_cli *cli, const char *command, pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        CAPSA_REQUIRE(errno == EINTR, IO, "cannot wait for \"%s\": %s", command, strerror(errno));
        if (capsa_cli_stopped(cli) != 0) {
            (void)kill(child, capsa_cli_stopped(cli));
        }
    }
    return capsa_cli_command_ended(command, status);
}

CAPSA_RESULT capsa_cli_command(const struct capsa_cli *cli, const char *command)
{
    union {
        const char *text;
        char *argument; /* posix_spawn changes none of them */
    } words[] = {{"sh"}, {"-c"}, {command}};
    char *const arguments[] = {words[0].argument, words[1].argument, words[2].argument, NULL};
    pid_t child;
    (void)fflush(cli->out);
    int error = posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ);
    CAPSA_REQUIRE(error == 0, IO, "cannot run \"%s\": %s", command, strerror(error));
    return wait_for_end(cli, command, child);
}
