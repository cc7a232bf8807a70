/* SPDX-License-Identifier: Apache-2.0
 *
 * One byte of type, three of length, content.
 */
#include "ratls/ratls_message.h"

#include "base/limits.h"

static const struct {
    const char *name; /* NULL: no such type */
    size_t min, max;
} kinds[] = {
    [CAPSA_RATLS_MSG_EVIDENCE] = {"EVIDENCE", 1, CAPSA_LIMIT_ual_bytes},
    [CAPSA_RATLS_MSG_NO_EVIDENCE] = {"NO_EVIDENCE", 0, 0},
    [CAPSA_RATLS_MSG_ACCEPTED] = {"ACCEPTED", 0, 0},
    [CAPSA_RATLS_MSG_REFUSED] = {"REFUSED", 1, CAPSA_RATLS_REFUSAL},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

void capsa_ratls_inbox_drop(struct capsa_ratls_inbox *inbox)
{
    capsa_buf_drop(&inbox->content);
}

bool capsa_ratls_inbox_has_head(const struct capsa_ratls_inbox *inbox)
{
    return inbox->head_len == CAPSA_RATLS_HEAD;
}

size_t capsa_ratls_inbox_wants(const struct capsa_ratls_inbox *inbox)
{
    return capsa_ratls_inbox_has_head(inbox) ? inbox->content_len - inbox->content.len
                                             : CAPSA_RATLS_HEAD - inbox->head_len;
}

static capsa_bytes at_most(capsa_bytes bytes, size_t len)
{
    return capsa_bytes_of(bytes.data, bytes.len < len ? bytes.len : len);
}

static capsa_result read_head(struct capsa_ratls_inbox *inbox)
{
    const unsigned type = inbox->head[0];
    const size_t len =
        (size_t)inbox->head[1] << 16 | (size_t)inbox->head[2] << 8 | (size_t)inbox->head[3];
    CAPSA_REQUIRE(type < KINDS && kinds[type].name != NULL, MALFORMED,
                  "the peer sent a message of the unknown type %u", type);
    CAPSA_REQUIRE(len <= kinds[type].max, TOO_LARGE,
                  "the peer announced %s of %zu bytes, at most %zu", kinds[type].name, len,
                  kinds[type].max);
    CAPSA_REQUIRE(len >= kinds[type].min, MALFORMED, "the peer sent an empty %s", kinds[type].name);
    inbox->content_len = len;
    inbox->content = capsa_buf_of(len);
    return CAPSA_OK;
}

static capsa_result take_head(struct capsa_ratls_inbox *inbox, capsa_bytes bytes, size_t *ret_taken)
{
    const capsa_bytes part = at_most(bytes, CAPSA_RATLS_HEAD - inbox->head_len);
    if (part.len > 0) {
        memcpy(inbox->head + inbox->head_len, part.data, part.len);
    }
    inbox->head_len += part.len;
    *ret_taken = part.len;
    return capsa_ratls_inbox_has_head(inbox) && part.len > 0 ? read_head(inbox) : CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_inbox_take(struct capsa_ratls_inbox *inbox, capsa_bytes bytes,
                                    size_t *ret_taken, bool *ret_whole)
{
    size_t taken = 0;
    if (!capsa_ratls_inbox_has_head(inbox)) {
        CAPSA_TRY(take_head(inbox, bytes, &taken));
    }
    if (capsa_ratls_inbox_has_head(inbox)) {
        const capsa_bytes part =
            at_most(capsa_bytes_from(bytes, taken), capsa_ratls_inbox_wants(inbox));
        CAPSA_TRY(capsa_buf_append(&inbox->content, part));
        taken += part.len;
    }
    *ret_taken = taken;
    *ret_whole = capsa_ratls_inbox_has_head(inbox) && capsa_ratls_inbox_wants(inbox) == 0;
    return CAPSA_OK;
}

enum capsa_ratls_message capsa_ratls_inbox_type(const struct capsa_ratls_inbox *inbox)
{
    return (enum capsa_ratls_message)inbox->head[0];
}

void capsa_ratls_inbox_next(struct capsa_ratls_inbox *inbox)
{
    capsa_buf_drop(&inbox->content);
    *inbox = (struct capsa_ratls_inbox){.head_len = 0};
}

const char *capsa_ratls_message_name(enum capsa_ratls_message type)
{
    return kinds[type].name;
}

CAPSA_RESULT capsa_ratls_message_write(enum capsa_ratls_message type, capsa_bytes content,
                                       capsa_buf *ret_bytes)
{
    CAPSA_REQUIRE(content.len >= kinds[type].min && content.len <= kinds[type].max, TOO_LARGE,
                  "%s of %zu bytes, at most %zu", kinds[type].name, content.len, kinds[type].max);
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(ret_bytes, CAPSA_RATLS_HEAD + content.len, &room));
    room[0] = (uint8_t)type;
    room[1] = (uint8_t)(content.len >> 16);
    room[2] = (uint8_t)(content.len >> 8);
    room[3] = (uint8_t)content.len;
    if (content.len > 0) {
        memcpy(room + CAPSA_RATLS_HEAD, content.data, content.len);
    }
    return CAPSA_OK;
}
