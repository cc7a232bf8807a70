/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries as services add them to a mutation (audit_log.h), and what they get back.
 */
#include "audit/audit_log_internal.h"
#include "codec/protobuf.h"

/* ---- Adding ---------------------------------------------------------------------------------- */

static capsa_result write_entry(const struct capsa_audit_entry *entry,
                                const struct capsa_audit_leaf *leaf,
                                const uint8_t salt[CAPSA_AUDIT_SALT], capsa_buf *bytes)
{
    uint8_t leaf_bytes[CAPSA_AUDIT_LEAF];
    capsa_audit_leaf_write(leaf, leaf_bytes);
    const capsa_bytes owner = capsa_bytes_str(entry->owner);
    Rec__Entry message = REC__ENTRY__INIT;
    message.leaf = audit_field(leaf_bytes, sizeof(leaf_bytes));
    message.salt = audit_field(salt, CAPSA_AUDIT_SALT);
    message.owner = audit_field(owner.data, owner.len);
    message.details = audit_field(entry->details.data, entry->details.len);
    message.spent = audit_field(entry->spent, entry->spent == NULL ? 0 : CAPSA_SHA256);
    return capsa_protobuf_write(&message.base, bytes);
}

CAPSA_RESULT audit_entry_make(const struct capsa_audit_entry *entry,
                              uint8_t ret_decision_id[CAPSA_AUDIT_ID], capsa_buf *bytes)
{
    CAPSA_REQUIRE(entry->details.len <= CAPSA_LIMIT_audit_details, TOO_LARGE,
                  "an audit entry with %zu bytes of details, at most %d", entry->details.len,
                  CAPSA_LIMIT_audit_details);
    CAPSA_REQUIRE(capsa_bytes_str(entry->owner).len <= CAPSA_LIMIT_id_bytes, TOO_LARGE,
                  "an audit entry's owner of more than %d bytes", CAPSA_LIMIT_id_bytes);
    uint8_t salt[CAPSA_AUDIT_SALT];
    struct capsa_audit_leaf leaf;
    CAPSA_TRY(capsa_random(salt, sizeof(salt)));
    CAPSA_TRY(capsa_audit_leaf_make(entry->type, entry->time, entry->owner, salt, entry->details,
                                    entry->decision_id, &leaf));
    capsa_result result = write_entry(entry, &leaf, salt, bytes);
    capsa_wipe(salt, sizeof(salt));
    CAPSA_TRY(result);
    memcpy(ret_decision_id, leaf.decision_id, CAPSA_AUDIT_ID);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_audit_add(struct capsa_batch *batch, const struct capsa_audit_entry *entry,
                             capsa_audit_receipt *receipt)
{
    uint8_t decision_id[CAPSA_AUDIT_ID];
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_record_value);
    CAPSA_TRY(audit_entry_make(entry, decision_id, &bytes));
    CAPSA_TRY(capsa_batch_leaf(batch, capsa_buf_bytes(&bytes), receipt));
    if (receipt != NULL) {
        memcpy(receipt->decision_id, decision_id, sizeof(decision_id));
    }
    return CAPSA_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static capsa_result check_entry(const Rec__Entry *entry)
{
    CAPSA_REQUIRE(entry->leaf.len == CAPSA_AUDIT_LEAF, MALFORMED, "its leaf has %zu bytes",
                  entry->leaf.len);
    CAPSA_REQUIRE(entry->salt.len == CAPSA_AUDIT_SALT, MALFORMED, "its salt has %zu bytes",
                  entry->salt.len);
    CAPSA_REQUIRE(entry->spent.len == 0 || entry->spent.len == CAPSA_SHA256, MALFORMED,
                  "its spent digest has %zu bytes", entry->spent.len);
    return CAPSA_OK;
}

CAPSA_RESULT audit_entry_parse(capsa_bytes bytes, ProtobufCMessage **ret_message)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(
        capsa_protobuf_parse(&rec__entry__descriptor, bytes, CAPSA_UNKNOWN_REFUSED, &message));
    CAPSA_TRY(check_entry(audit_entry_of(message)));
    *ret_message = message;
    message = NULL; /* handed over */
    return CAPSA_OK;
}

/* ---- What callers own ------------------------------------------------------------------------ */

void capsa_audit_receipt_drop(capsa_audit_receipt *receipt)
{
    capsa_buf_drop(&receipt->proof);
    capsa_buf_drop(&receipt->note);
    *receipt = (capsa_audit_receipt){.index = 0};
}

void capsa_audit_kept_drop(capsa_audit_kept *kept)
{
    capsa_buf_drop(&kept->leaf);
    capsa_buf_drop(&kept->salt);
    capsa_buf_drop(&kept->owner);
    capsa_buf_drop(&kept->details);
    capsa_buf_drop(&kept->spent);
    capsa_buf_drop(&kept->note);
    *kept = (capsa_audit_kept){.index = 0};
}
