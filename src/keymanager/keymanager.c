/* SPDX-License-Identifier: Apache-2.0
 *
 * The key manager as an object: its life, its RPC table, its log lines and counters.
 */
#include "keymanager/keymanager.h"

#include <stdio.h>

#include "base/alloc.h"
#include "keymanager/keymanager_call.h"
#include "keymanager/keymanager_identity.h"

static capsa_result entry_init(struct capsa_keymanager *manager, size_t index)
{
    struct capsa_km_entry *entry = &manager->entries[index];
    entry->manager = manager;
    entry->method = &capsa_km_methods[index];
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_format(&path, "/%s/%s", CAPSA_KEYMANAGER_SERVICE, entry->method->name));
    return capsa_buf_take_str(&path, &entry->path);
}

static capsa_result init(struct capsa_keymanager *manager)
{
    manager->entries = capsa_alloc_array(capsa_km_method_count, sizeof(*manager->entries));
    CAPSA_REQUIRE_MEMORY(manager->entries);
    for (size_t i = 0; i < capsa_km_method_count; i++) {
        CAPSA_TRY(entry_init(manager, i));
    }
    CAPSA_TRY(capsa_cert_cache_new(&manager->certs));
    return capsa_km_identity_load(&manager->options, &manager->identity);
}

CAPSA_RESULT capsa_keymanager_new(const struct capsa_keymanager_options *options,
                                  struct capsa_keymanager **ret_manager)
{
    struct capsa_keymanager *manager = CAPSA_NEW(struct capsa_keymanager);
    CAPSA_REQUIRE_MEMORY(manager);
    manager->options = *options;
    capsa_result result = init(manager);
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
    for (size_t i = 0; manager->entries != NULL && i < capsa_km_method_count; i++) {
        capsa_dealloc(manager->entries[i].path);
    }
    capsa_dealloc(manager->entries);
    capsa_cert_cache_free(manager->certs);
    capsa_km_identity_free(manager->identity);
    capsa_dealloc(manager);
}

size_t capsa_keymanager_method_count(void)
{
    return capsa_km_method_count;
}

void capsa_keymanager_methods(struct capsa_keymanager *manager,
                              struct capsa_rpc_method *ret_methods)
{
    for (size_t i = 0; i < capsa_km_method_count; i++) {
        ret_methods[i] = (struct capsa_rpc_method){
            .path = manager->entries[i].path,
            .handler = capsa_km_methods[i].needs == 0 ? capsa_km_dispatch_ra_cert
                                                      : capsa_km_dispatch_enveloped,
            .context = &manager->entries[i],
        };
    }
}

CAPSA_RESULT capsa_keymanager_renew(struct capsa_keymanager *manager)
{
    return capsa_km_identity_renew(manager->identity);
}

CAPSA_RESULT capsa_keymanager_fingerprint(struct capsa_keymanager *manager,
                                          char ret_id[CAPSA_PARTY_ID])
{
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_km_identity_cert(manager->identity, &pem));
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY(capsa_cert_parse_pem(capsa_buf_bytes(&pem), &cert));
    return capsa_cert_party_id(cert, ret_id);
}

bool capsa_keymanager_is_new(const struct capsa_keymanager *manager)
{
    return capsa_km_identity_is_new(manager->identity);
}

CAPSA_RESULT capsa_keymanager_probe(struct capsa_keymanager *manager)
{
    CAPSA_AUTO_FREE(capsa_km_txn) txn = NULL;
    CAPSA_TRY(capsa_km_txn_new(manager->options.store, &txn));
    CAPSA_TRY(capsa_km_probe_put(txn, capsa_now(manager->options.clock)));
    return capsa_km_txn_commit(txn, manager->options.writer);
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

CAPSA_RESULT capsa_keymanager_metrics(struct capsa_keymanager *manager, capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_str(text, "# HELP capsa_answers_total Answered calls, by in-band status.\n"
                                  "# TYPE capsa_answers_total counter\n"));
    for (size_t i = 0; i < capsa_km_method_count; i++) {
        for (int status = 0; status < CAPSA_KM_STATUSES; status++) {
            uint64_t count =
                atomic_load_explicit(&manager->entries[i].answered[status], memory_order_relaxed);
            if (count > 0) {
                CAPSA_TRY(capsa_buf_format(
                    text, "capsa_answers_total{method=\"%s\",status=\"%d\"} %llu\n",
                    capsa_km_methods[i].name, status, (unsigned long long)count));
            }
        }
    }
    return CAPSA_OK;
}
