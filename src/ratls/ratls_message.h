/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: the messages of a session, put into bytes and taken out of them. Lengths are
 * judged by the four bytes of the head, before anything is kept.
 */
#pragma once

#include "ratls/ratls_session.h"

#define CAPSA_RATLS_HEAD 4

/* The message that is being read. Zeroed: none. */
struct capsa_ratls_inbox {
    uint8_t head[CAPSA_RATLS_HEAD];
    size_t head_len;
    size_t content_len; /* once the head is whole */
    capsa_buf content;
};
void capsa_ratls_inbox_drop(struct capsa_ratls_inbox *inbox);
/* Its type and length are known. */
bool capsa_ratls_inbox_has_head(const struct capsa_ratls_inbox *inbox);
/* How many bytes the message is known to lack. */
size_t capsa_ratls_inbox_wants(const struct capsa_ratls_inbox *inbox);
/* Takes of `bytes` what belongs to the message; *ret_whole: it is all there, and _next forgets it.
 * MALFORMED: an unknown type; TOO_LARGE, MALFORMED: a length that its type does not have. */
CAPSA_RESULT capsa_ratls_inbox_take(struct capsa_ratls_inbox *inbox, capsa_bytes bytes,
                                    size_t *ret_taken, bool *ret_whole);
/* Of one that has its head. */
enum capsa_ratls_message capsa_ratls_inbox_type(const struct capsa_ratls_inbox *inbox);
void capsa_ratls_inbox_next(struct capsa_ratls_inbox *inbox);
const char *capsa_ratls_message_name(enum capsa_ratls_message type); /* "EVIDENCE" */

/* Appended whole, or not at all. */
CAPSA_RESULT capsa_ratls_message_write(enum capsa_ratls_message type, capsa_bytes content,
                                       capsa_buf *ret_bytes);
