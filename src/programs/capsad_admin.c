/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin listener (capsad_admin.h).
 */
#include "programs/capsad_admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "net/net_http.h"

#define PAGES 3

struct capsad_admin {
    const char *mode;
    const struct capsa_store_progress *progress;
    struct capsa_rpc_server *server; /* NULL, as are the next two: still opening */
    struct capsa_ledger *ledger;
    struct capsa_keymanager *manager;
    struct capsa_net_http_page pages[PAGES];
    struct capsa_net_http *http;
    char address[CAPSA_NET_HOST_TEXT + 16];
    bool is_stopping;
};

static capsa_result healthz(void *context, int *ret_status, capsa_buf *ret_body)
{
    (void)context;
    (void)ret_status;
    return capsa_buf_str(ret_body, "ok\n");
}

/* NULL: ready. The details may name paths; they are in the log. */
static const char *trouble_of(const struct capsad_admin *admin)
{
    if (admin->is_stopping) {
        return "stopping";
    }
    if (admin->ledger == NULL) {
        enum capsa_store_phase phase = atomic_load(&admin->progress->phase);
        return phase == CAPSA_STORE_OPEN ? "starting" : capsa_store_phase_name(phase);
    }
    struct capsa_writer_state state;
    capsa_time now;
    capsa_writer_state(capsa_ledger_writer(admin->ledger), &state);
    if (state.last.code != CAPSA_E_OK) {
        return "store";
    }
    return capsa_failed(capsa_ledger_now(admin->ledger, &now)) ? "clock" : NULL;
}

static capsa_result readyz(void *context, int *ret_status, capsa_buf *ret_body)
{
    const struct capsad_admin *admin = context;
    const char *why = trouble_of(admin);
    *ret_status = why == NULL ? 200 : 503;
    CAPSA_TRY(capsa_buf_format(ret_body, "{\"ready\":%s,\"mode\":\"%s\",\"state\":\"%s\"",
                               why == NULL ? "true" : "false", admin->mode,
                               why == NULL ? "open" : why));
    if (admin->ledger == NULL) {
        CAPSA_TRY(capsa_buf_format(ret_body, ",\"records_checked\":%llu",
                                   (unsigned long long)atomic_load(&admin->progress->checked)));
    } else {
        CAPSA_TRY(capsa_buf_format(ret_body, ",\"manager\":\"%s\",\"anchor\":\"%s\"",
                                   capsa_ledger_manager_id(admin->ledger),
                                   capsa_ledger_anchor_name(admin->ledger)));
    }
    return capsa_buf_str(ret_body, "}\n");
}

static capsa_result metrics(void *context, int *ret_status, capsa_buf *ret_body)
{
    (void)ret_status;
    const struct capsad_admin *admin = context;
    if (admin->ledger == NULL) {
        return capsa_buf_str(ret_body, "# the store is being opened\n");
    }
    CAPSA_TRY(capsa_keymanager_metrics(admin->manager, ret_body));
    struct capsa_rpc_stats rpc;
    capsa_rpc_server_stats(admin->server, &rpc);
    struct capsa_writer_state writer;
    capsa_writer_state(capsa_ledger_writer(admin->ledger), &writer);
    const struct {
        const char *name;
        const char *kind;
        unsigned long long value;
    } lines[] = {
        {"capsa_connections", "gauge", rpc.connections},
        {"capsa_calls", "gauge", rpc.calls},
        {"capsa_calls_queued", "gauge", rpc.queued},
        {"capsa_body_bytes", "gauge", rpc.body_bytes},
        {"capsa_store_commits_total", "counter", writer.commits},
        {"capsa_store_batches_total", "counter", writer.batches},
        {"capsa_store_conflicts_total", "counter", writer.conflicts},
        {"capsa_store_failures_total", "counter", writer.failures},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        CAPSA_TRY(capsa_buf_format(ret_body, "# TYPE %s %s\n%s %llu\n", lines[i].name,
                                   lines[i].kind, lines[i].name, lines[i].value));
    }
    return CAPSA_OK;
}

/* "ADDRESS:PORT"; unlike a client's target, port 0 is allowed. */
static capsa_result parse_listen(const char *text, char *ret_host, size_t size, unsigned *ret_port)
{
    const char *colon = strrchr(text, ':');
    CAPSA_REQUIRE(colon != NULL && colon != text, USAGE, "\"%s\": ADDRESS:PORT wanted", text);
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    CAPSA_REQUIRE(colon[1] >= '0' && colon[1] <= '9' && *end == '\0' && port <= 65535, USAGE,
                  "\"%s\": the port must be 0 to 65535", text);
    size_t len = (size_t)(colon - text);
    bool bracketed = text[0] == '[' && text[len - 1] == ']';
    const char *host = bracketed ? text + 1 : text;
    len -= bracketed ? 2 : 0;
    CAPSA_REQUIRE(len < size, USAGE, "\"%s\": the address is too long", text);
    memcpy(ret_host, host, len);
    ret_host[len] = '\0';
    *ret_port = (unsigned)port;
    return CAPSA_OK;
}

CAPSA_RESULT capsad_admin_new(struct capsa_net_loop *loop, const char *listen, const char *mode,
                              const struct capsa_store_progress *progress,
                              struct capsad_admin **ret_admin)
{
    char host[CAPSA_NET_HOST_TEXT];
    unsigned port;
    CAPSA_TRY(parse_listen(listen, host, sizeof(host), &port));
    struct capsad_admin *admin = CAPSA_NEW(struct capsad_admin);
    CAPSA_REQUIRE_MEMORY(admin);
    admin->mode = mode;
    admin->progress = progress;
    static const char text[] = "text/plain; charset=utf-8";
    admin->pages[0] = (struct capsa_net_http_page){"/healthz", text, healthz, admin};
    admin->pages[1] = (struct capsa_net_http_page){"/readyz", "application/json", readyz, admin};
    admin->pages[2] =
        (struct capsa_net_http_page){"/metrics", "text/plain; version=0.0.4", metrics, admin};
    capsa_result result = capsa_net_http_new(loop, host, port, admin->pages, PAGES, &admin->http);
    if (capsa_failed(result)) {
        capsad_admin_free(admin);
        return result;
    }
    (void)snprintf(admin->address, sizeof(admin->address),
                   strchr(host, ':') == NULL ? "%s:%u" : "[%s]:%u", host,
                   capsa_net_http_port(admin->http));
    *ret_admin = admin;
    return CAPSA_OK;
}

void capsad_admin_opened(struct capsad_admin *admin, struct capsa_rpc_server *server,
                         struct capsa_ledger *ledger, struct capsa_keymanager *manager)
{
    if (admin != NULL) {
        admin->server = server;
        admin->ledger = ledger;
        admin->manager = manager;
    }
}

void capsad_admin_free(struct capsad_admin *admin)
{
    if (admin != NULL) {
        capsa_net_http_free(admin->http);
        capsa_dealloc(admin);
    }
}

const char *capsad_admin_address(const struct capsad_admin *admin)
{
    return admin->address;
}

void capsad_admin_stopping(struct capsad_admin *admin)
{
    if (admin != NULL) {
        admin->is_stopping = true;
    }
}
