/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for time or signals, and commands meanwhile (cli_keep.h).
 */
#include "cli/cli_keep.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "cli/cli_follow.h"

#define SECOND       INT64_C(1000000) /* of capsa_monotonic_us */
#define STOP_SECONDS 10               /* that a command gets to end when this program shall */

/* ---- Signals --------------------------------------------------------------------------------- */

bool capsa_cli_is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void capsa_cli_keep_begin(capsa_cli_keep *keep)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    keep->stopped = false;
    (void)sigemptyset(&keep->waited);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (!capsa_cli_is_ignored(numbers[i])) {
            (void)sigaddset(&keep->waited, numbers[i]);
        }
    }
    (void)signal(SIGCHLD, SIG_DFL); /* ignored, nothing would be told of how a command ended */
    (void)sigaddset(&keep->waited, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &keep->waited, &keep->before);
}

void capsa_cli_keep_drop(capsa_cli_keep *keep)
{
    (void)sigprocmask(SIG_SETMASK, &keep->before, NULL);
}

/* One of `signals` until the deadline (monotonic microseconds); 0: none came. */
static int wait_until(const sigset_t *signals, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - capsa_monotonic_us();
        left = left < 0 ? 0 : left;
        const struct timespec pause = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND * 1000};
        int number = sigtimedwait(signals, NULL, &pause);
        if (number > 0 || errno == EAGAIN) {
            return number > 0 ? number : 0;
        }
    }
}

enum capsa_cli_woken capsa_cli_keep_wait(capsa_cli_keep *keep, int64_t seconds)
{
    sigset_t signals = keep->waited;
    (void)sigdelset(&signals, SIGCHLD);
    int64_t deadline = capsa_monotonic_us() + seconds * SECOND;
    int number = keep->stopped ? SIGTERM : wait_until(&signals, deadline);
    keep->stopped = number == SIGINT || number == SIGTERM;
    return keep->stopped      ? CAPSA_CLI_WOKEN_STOP
           : number == SIGHUP ? CAPSA_CLI_WOKEN_NOW
                              : CAPSA_CLI_WOKEN_TIME;
}

/* ---- Commands -------------------------------------------------------------------------------- */

/* `variables` before everything else: of two of one name the first counts, so ours goes first and
 * what was there of that name is left out. */
static bool is_among(const char *entry, const char *const *variables)
{
    for (; *variables != NULL; variables++) {
        size_t name = strcspn(*variables, "=") + 1;
        if (strncmp(entry, *variables, name) == 0) {
            return true;
        }
    }
    return false;
}

static capsa_result make_environment(const char *const *variables, const char ***ret_environment)
{
    size_t count = 1;
    for (size_t i = 0; environ[i] != NULL; i++) {
        count++;
    }
    for (size_t i = 0; variables[i] != NULL; i++) {
        count++;
    }
    const char **environment = capsa_alloc_array(count, sizeof(*environment));
    CAPSA_REQUIRE_MEMORY(environment);
    size_t at = 0;
    for (size_t i = 0; variables[i] != NULL; i++) {
        environment[at++] = variables[i];
    }
    for (size_t i = 0; environ[i] != NULL; i++) {
        if (!is_among(environ[i], variables)) {
            environment[at++] = environ[i];
        }
    }
    *ret_environment = environment;
    return CAPSA_OK;
}

/* In a group of its own, so that all that it started can be ended; and with signals as this program
 * found them. */
static int spawn(const sigset_t *mask, const char *command, const char *const *environment,
                 pid_t *ret_child)
{
    const char *const words[] = {"sh", "-c", command, NULL};
    posix_spawnattr_t attributes;
    int error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        return error;
    }
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    (void)posix_spawnattr_setsigmask(&attributes, mask);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    error = posix_spawn(ret_child, "/bin/sh", NULL, &attributes, (char *const *)(uintptr_t)words,
                        (char *const *)(uintptr_t)environment); /* it changes none of them */
    (void)posix_spawnattr_destroy(&attributes);
    return error;
}

static capsa_result wait_for_end(capsa_cli_keep *keep, const char *command, pid_t child)
{
    sigset_t signals = keep->waited;
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigdelset(&signals, SIGHUP); /* waits for its turn */
    int64_t deadline = capsa_monotonic_us() + SECOND * CAPSA_CLI_COMMAND_SECONDS;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        int number = wait_until(&signals, deadline);
        if (number == SIGINT || number == SIGTERM) {
            keep->stopped = true;
            deadline = capsa_monotonic_us() + SECOND * STOP_SECONDS;
            (void)kill(-child, number);
        } else if (number == 0) {
            (void)kill(-child, SIGKILL);
            (void)waitpid(child, &status, 0);
            CAPSA_FAIL(TIMEOUT, "\"%s\" took too long, and was killed", command);
        }
    }
    return capsa_cli_command_ended(command, status);
}

CAPSA_RESULT capsa_cli_keep_command(capsa_cli_keep *keep, const struct capsa_cli *cli,
                                    const char *command, const char *const *variables)
{
    const char **environment = NULL;
    pid_t child;
    CAPSA_TRY(make_environment(variables, &environment));
    (void)fflush(cli->out);
    int error = spawn(&keep->before, command, environment, &child);
    capsa_dealloc((void *)environment);
    CAPSA_REQUIRE(error == 0, IO, "cannot run \"%s\": %s", command, strerror(error));
    return wait_for_end(keep, command, child);
}
