/* SPDX-License-Identifier: Apache-2.0
 *
 * One line on standard error (ra_tls_say.h), written at once, so that lines of several threads do
 * not mix.
 */
#include "ra_tls_say.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 1024

int ra_tls_say(int code, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    const int len = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (len > 0) {
        (void)fprintf(stderr, "ra-tls: %s\n", line);
    }
    return code;
}
