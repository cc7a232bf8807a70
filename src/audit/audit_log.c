/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of an audit log (audit_log.h).
 */
#include "audit/audit_log_internal.h"
#include "base/alloc.h"

void audit_head_drop(struct audit_head *head)
{
    capsa_tree_drop(&head->tree);
    capsa_buf_drop(&head->note);
}

static capsa_result read_public_key(struct capsa_audit_log *log)
{
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    CAPSA_TRY(capsa_public_key_of(log->options.audit_key, &public_key));
    CAPSA_REQUIRE(capsa_public_key_kind(public_key) == CAPSA_KEY_ED25519, USAGE,
                  "an audit key that is no Ed25519 key");
    return capsa_public_key_raw(public_key, log->public_key);
}

static capsa_result start(struct capsa_audit_log *log)
{
    CAPSA_TRY(read_public_key(log));
    return audit_load(log);
}

CAPSA_RESULT capsa_audit_log_open(const struct capsa_audit_log_options *options,
                                  struct capsa_audit_log **ret_log)
{
    struct capsa_audit_log *log = CAPSA_NEW(struct capsa_audit_log);
    CAPSA_REQUIRE_MEMORY(log);
    log->options = *options;
    log->now.note = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    log->next.note = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    log->anchored = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    (void)pthread_mutex_init(&log->mutex, NULL); /* cannot fail without attributes */
    capsa_result result = start(log);
    if (capsa_failed(result)) {
        capsa_audit_log_free(log);
        return result;
    }
    *ret_log = log;
    return CAPSA_OK;
}

void capsa_audit_log_free(struct capsa_audit_log *log)
{
    if (log == NULL) {
        return;
    }
    audit_group_drop(log);
    audit_head_drop(&log->now);
    audit_head_drop(&log->next);
    capsa_buf_drop(&log->anchored);
    capsa_dealloc(log->recent);
    (void)pthread_mutex_destroy(&log->mutex);
    capsa_dealloc(log);
}

struct capsa_writer_audit capsa_audit_log_writer(struct capsa_audit_log *log)
{
    return (struct capsa_writer_audit){
        .finish = audit_finish, .settle = audit_settle, .context = log};
}
