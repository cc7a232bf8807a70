/* SPDX-License-Identifier: Apache-2.0
 *
 * The key manager as an object: its life, its RPC table, its log lines and counters.
 */
#include "keymanager/keymanager.h"

#include <stdio.h>

#include "base/alloc.h"
#include "keymanager/keymanager_call.h"
#include "keymanager/keymanager_denials.h"
#include "keymanager/keymanager_envelope.h"
#include "keymanager/keymanager_evidence.h"
#include "keymanager/keymanager_spent.h"

static capsa_result entry_add(struct capsa_keymanager *manager,
                              const struct capsa_km_method *method, bool native)
{
    struct capsa_km_entry *entry = &manager->entries[manager->entry_count++];
    entry->manager = manager;
    entry->method = method;
    entry->native = native;
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_format(&path, "/%s/%s",
                               native ? CAPSA_KEYMANAGER_NATIVE_SERVICE : CAPSA_KEYMANAGER_SERVICE,
                               method->name));
    return capsa_buf_take_str(&path, &entry->path);
}

/* Every method in the native service, and those that the original knows in its own. */
static capsa_result entries_make(struct capsa_keymanager *manager)
{
    manager->entries = capsa_alloc_array(2 * capsa_km_method_count, sizeof(*manager->entries));
    CAPSA_REQUIRE_MEMORY(manager->entries);
    for (size_t i = 0; i < capsa_km_method_count; i++) {
        if ((capsa_km_methods[i].needs & CAPSA_KM_NATIVE) == 0) {
            CAPSA_TRY(entry_add(manager, &capsa_km_methods[i], false));
        }
        CAPSA_TRY(entry_add(manager, &capsa_km_methods[i], true));
    }
    return CAPSA_OK;
}

/* Requests that the log has recorded since the keys that are still good were made are spent. Back
 * from the newest entry to the one about the oldest of those keys: times would not do, for who was
 * held up writes an old one behind newer ones. */
static capsa_result spent_load(struct capsa_keymanager *manager)
{
    struct capsa_audit_head head;
    unsigned turns = capsa_km_envelope_turns(manager->envelope), turned = 0;
    capsa_audit_log_head(manager->log, &head);
    for (uint64_t at = head.size; at > 0 && (turns == 0 || turned < turns); at--) {
        CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
        struct capsa_audit_leaf leaf;
        CAPSA_TRY(capsa_audit_log_read(manager->log, at - 1, &kept));
        CAPSA_TRY(capsa_audit_leaf_parse(capsa_buf_bytes(&kept.leaf), &leaf));
        turned += leaf.type == CAPSA_AUDIT_ENVELOPE_KEYS;
        if (kept.spent.len == CAPSA_SHA256) {
            CAPSA_TRY(capsa_km_spent_restore(manager->spent, kept.spent.data));
        }
    }
    return CAPSA_OK;
}

/* That a manager opened the store, and how it runs. */
static capsa_result record_start(struct capsa_keymanager *manager)
{
    const struct {
        bool on;
        const char *name;
    } options[] = {
        {manager->options.insecure_claimed_initiator, "insecure_claimed_initiator"},
        {manager->options.insecure_client_env, "insecure_client_env"},
        {manager->options.insecure_empty_columns_pass, "insecure_empty_columns_pass"},
    };
    CAPSA_AUTO(capsa_buf) details = capsa_buf_of(KIB(4));
    CAPSA_TRY(capsa_buf_str(&details, "{\"insecure\":["));
    size_t on = 0;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (options[i].on) {
            CAPSA_TRY(
                capsa_buf_format(&details, "%s\"%s\"", on++ == 0 ? "" : ",", options[i].name));
        }
    }
    const struct capsa_keymanager_evidence *evidence = &manager->options.evidence;
    CAPSA_TRY(capsa_buf_format(&details, "],\"platform\":\"%s\",\"evidence\":\"%s\"}",
                               evidence->attester == NULL ? "" : evidence->attester->name,
                               evidence->required ? "required" : "optional"));
    struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_START,
                                      .details = capsa_buf_bytes(&details)};
    CAPSA_TRY(capsa_ledger_now(manager->options.ledger, &entry.time));
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    CAPSA_TRY(capsa_batch_new(&batch));
    CAPSA_TRY(capsa_audit_add(batch, &entry, NULL));
    return capsa_writer_commit(manager->writer, batch);
}

static capsa_result init(struct capsa_keymanager *manager)
{
    manager->store = capsa_ledger_store(manager->options.ledger);
    manager->writer = capsa_ledger_writer(manager->options.ledger);
    manager->log = capsa_ledger_log(manager->options.ledger);
    CAPSA_TRY(entries_make(manager));
    CAPSA_TRY(capsa_cert_cache_new(&manager->certs));
    CAPSA_TRY(record_start(manager));
    CAPSA_TRY(capsa_km_spent_new(&manager->spent));
    CAPSA_TRY(capsa_km_envelope_load(&manager->options, manager->spent, &manager->envelope));
    CAPSA_TRY(capsa_km_denials_new(&manager->denials));
    return spent_load(manager);
}

CAPSA_RESULT capsa_keymanager_new(const struct capsa_keymanager_options *options,
                                  struct capsa_keymanager **ret_manager)
{
    struct capsa_keymanager *manager = CAPSA_NEW(struct capsa_keymanager);
    CAPSA_REQUIRE_MEMORY(manager);
    manager->options = *options;
    (void)pthread_mutex_init(&manager->judge_lock, NULL);
    capsa_result result = init(manager);
    result =
        capsa_failed(result) ? result : capsa_keymanager_appraise_by(manager, &options->evidence);
    if (capsa_failed(result)) {
        capsa_keymanager_free(manager);
        return result;
    }
    *ret_manager = manager;
    return CAPSA_OK;
}

void capsa_keymanager_free(struct capsa_keymanager *manager)
{
    if (manager == NULL) {
        return;
    }
    for (size_t i = 0; i < manager->entry_count; i++) {
        capsa_dealloc(manager->entries[i].path);
    }
    capsa_dealloc(manager->entries);
    capsa_km_denials_free(manager->denials);
    capsa_km_envelope_free(manager->envelope);
    capsa_km_spent_free(manager->spent);
    capsa_cert_cache_free(manager->certs);
    capsa_km_judge_put(manager, manager->judge);
    (void)pthread_mutex_destroy(&manager->judge_lock);
    capsa_dealloc(manager);
}

size_t capsa_keymanager_method_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < capsa_km_method_count; i++) {
        count += (capsa_km_methods[i].needs & CAPSA_KM_NATIVE) == 0 ? 2 : 1;
    }
    return count;
}

void capsa_keymanager_methods(struct capsa_keymanager *manager,
                              struct capsa_rpc_method *ret_methods)
{
    for (size_t i = 0; i < manager->entry_count; i++) {
        struct capsa_km_entry *entry = &manager->entries[i];
        ret_methods[i] = (struct capsa_rpc_method){
            .path = entry->path,
            .handler = entry->method->plain != NULL ? capsa_km_dispatch_plain
                                                    : capsa_km_dispatch_enveloped,
            .context = entry,
        };
    }
}

CAPSA_RESULT capsa_keymanager_renew(struct capsa_keymanager *manager, bool *ret_renewed)
{
    bool filling = capsa_km_spent_is_filling(manager->spent);
    return capsa_km_envelope_rotate(manager->envelope, filling, ret_renewed);
}

CAPSA_RESULT capsa_keymanager_probe(struct capsa_keymanager *manager)
{
    CAPSA_AUTO_FREE(capsa_km_txn) txn = NULL;
    CAPSA_TRY(capsa_km_txn_new(manager->store, &txn));
    CAPSA_TRY(capsa_km_probe_put(txn, capsa_now(manager->options.clock)));
    return capsa_km_txn_commit(txn, manager->writer);
}

/* ---- log and counters ------------------------------------------------------------------------ */

/* The original's monitor line: |<rpc>|"Y" or "N"|<ms>|"<status message>" */
static void monitor_line(struct capsa_km_entry *entry, int64_t elapsed_us, capsa_result result)
{
    char text[CAPSA_ERROR_TEXT];
    char line[CAPSA_ERROR_TEXT + 128];
    (void)snprintf(text, sizeof(text), "%s", capsa_text_of(result));
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '|') { /* the original's form has no escapes */
            *at = '\'';
        }
    }
    (void)snprintf(line, sizeof(line), "|%s|\"%s\"|%lld|\"%s\"", entry->method->name,
                   capsa_failed(result) ? "N" : "Y", (long long)(elapsed_us / 1000), text);
    capsa_log_raw(entry->manager->options.monitor, line);
}

void capsa_km_answered(struct capsa_km_entry *entry, const struct capsa_rpc_call *rpc,
                       int64_t started_us, const char *party, capsa_result result)
{
    int64_t elapsed_us = capsa_monotonic_us() - started_us;
    int status = capsa_code_status(capsa_code_of(result));
    atomic_fetch_add_explicit(&entry->answered[status], 1, memory_order_relaxed);
    monitor_line(entry, elapsed_us, result);
    struct capsa_log *log = entry->manager->options.log;
    if (!capsa_failed(result)) {
        capsa_log_event(log, CAPSA_LOG_INFO, "answered", CAPSA_LOG_INT("id", rpc->id),
                        CAPSA_LOG_STR("method", entry->method->name), CAPSA_LOG_STR("party", party),
                        CAPSA_LOG_INT("us", elapsed_us));
        return;
    }
    capsa_log_event(log, CAPSA_LOG_WARN, "refused", CAPSA_LOG_INT("id", rpc->id),
                    CAPSA_LOG_STR("method", entry->method->name), CAPSA_LOG_STR("party", party),
                    CAPSA_LOG_STR("peer", rpc->peer),
                    CAPSA_LOG_STR("code", capsa_code_name(capsa_code_of(result))),
                    CAPSA_LOG_STR("why", capsa_text_of(result)), CAPSA_LOG_INT("us", elapsed_us));
}

static capsa_result answers_write(const struct capsa_km_entry *entry, capsa_buf *text)
{
    for (int status = 0; status < CAPSA_KM_STATUSES; status++) {
        uint64_t count = atomic_load_explicit(&entry->answered[status], memory_order_relaxed);
        if (count > 0) {
            CAPSA_TRY(capsa_buf_format(
                text, "capsa_answers_total{protocol=\"%s\",method=\"%s\",status=\"%d\"} %llu\n",
                entry->native ? "native" : "original", entry->method->name, status,
                (unsigned long long)count));
        }
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_keymanager_metrics(struct capsa_keymanager *manager, capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_str(text, "# HELP capsa_answers_total Answered calls, by in-band status.\n"
                                  "# TYPE capsa_answers_total counter\n"));
    for (size_t i = 0; i < manager->entry_count; i++) {
        CAPSA_TRY(answers_write(&manager->entries[i], text));
    }
    struct capsa_audit_head head;
    capsa_audit_log_head(manager->log, &head);
    const struct {
        const char *name;
        const char *kind;
        unsigned long long value;
    } lines[] = {
        {"capsa_audit_entries", "gauge", head.size},
        {"capsa_spent_requests", "gauge", capsa_km_spent_count(manager->spent)},
        {"capsa_denials_coalesced_total", "counter", capsa_km_denials_coalesced(manager->denials)},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        CAPSA_TRY(capsa_buf_format(text, "# TYPE %s %s\n%s %llu\n", lines[i].name, lines[i].kind,
                                   lines[i].name, lines[i].value));
    }
    return CAPSA_OK;
}
