/* SPDX-License-Identifier: Apache-2.0
 *
 * A progress bar (cli_progress.h).
 */
#include "cli/cli_progress.h"

#include <string.h>
#include <unistd.h>

#include "base/time.h"

#define FIRST_AFTER_US 300000
#define EVERY_US       100000
#define BAR            30
#define MEGABYTE       1000000.0

void capsa_cli_progress_text(const char *name, uint64_t done, uint64_t total, int64_t elapsed_us,
                             char *ret_text, size_t size)
{
    double seconds = (double)elapsed_us / 1e6;
    double rate = seconds > 0 ? (double)done / MEGABYTE / seconds : 0;
    if (total == 0) {
        (void)snprintf(ret_text, size, "%s  %.0f MB  %.0f MB/s", name, (double)done / MEGABYTE,
                       rate);
        return;
    }
    double part = done >= total ? 1 : (double)done / (double)total;
    char bar[BAR + 1];
    memset(bar, '.', BAR);
    memset(bar, '#', (size_t)(part * BAR));
    bar[BAR] = '\0';
    (void)snprintf(ret_text, size, "%s  [%s] %3d%%  %.0f MB/s", name, bar, (int)(part * 100), rate);
}

bool capsa_cli_progress_step(void *context, uint64_t done, uint64_t total)
{
    struct capsa_cli_progress *progress = context;
    if (progress->caught != NULL && *progress->caught != 0) {
        return false;
    }
    int64_t now = capsa_monotonic_us();
    if (progress->started == 0) {
        progress->started = now;
    }
    int64_t last =
        progress->drawn == 0 ? progress->started + FIRST_AFTER_US - EVERY_US : progress->drawn;
    if (now - last < EVERY_US || isatty(fileno(progress->out)) == 0) {
        return true;
    }
    char text[160];
    if (progress->unit == NULL) {
        capsa_cli_progress_text(progress->name, done, total, now - progress->started, text,
                                sizeof(text));
    } else {
        (void)snprintf(text, sizeof(text), "%s: %llu of %llu %s", progress->name,
                       (unsigned long long)done, (unsigned long long)total, progress->unit);
    }
    (void)fprintf(progress->out, "\r\x1b[K%s", text);
    (void)fflush(progress->out);
    progress->drawn = now;
    return true;
}

void capsa_cli_progress_end(struct capsa_cli_progress *progress)
{
    if (progress->drawn != 0) {
        (void)fputs("\r\x1b[K", progress->out);
        (void)fflush(progress->out);
    }
}
