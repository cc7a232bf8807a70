/* SPDX-License-Identifier: Apache-2.0
 *
 * How these libraries, whose interface has numbers and no text, tell a person what went wrong: one
 * line on standard error, as the originals do.
 */
#pragma once

/* Returns `code`, so that a refusal can be said and returned in one go. */
int ra_tls_say(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
