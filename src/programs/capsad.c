/* SPDX-License-Identifier: Apache-2.0
 *
 * capsad, the server: reads its configuration, opens the store, and serves the key manager over
 * gRPC until it is told to stop. What it serves is in keymanager/; this file only puts parts
 * together.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "keymanager/keymanager.h"
#include "ledger/ledger.h"
#include "net/net.h"
#include "net/net_http.h"
#include "net/net_tls.h"
#include "programs/capsad_admin.h"
#include "programs/capsad_check.h"
#include "programs/capsad_config.h"
#include "programs/capsad_evidence.h"
#include "programs/capsad_keeper.h"
#include "programs/capsad_version.h"
#include "rpc/rpc_health.h"
#include "rpc/rpc_server.h"

#define LOG_ROLL_AT       MIB(10)
#define RENEW_EVERY_US    (INT64_C(30) * 1000000)
#define PROGRESS_EVERY_US INT64_C(1000000)
#define TROUBLE_EVERY_US  INT64_C(1000000)
#define PROBE_EVERY_US    INT64_C(2000000)

/* The parts, in the order in which they are made; freed the other way round. */
struct capsad {
    capsad_config config;
    struct capsa_log *log;
    struct capsa_log *monitor;
    struct capsa_net_tls *tls;
    struct capsa_net_loop *loop;
    struct capsad_admin *admin; /* answers while the ledger is being opened */
    struct capsa_store_progress progress;
    capsad_evidence evidence;
    struct capsa_ledger *ledger;
    capsa_buf injected_key;
    capsa_buf injected_cert;
    struct capsa_keymanager *manager;
    struct capsad_keeper *keeper;
    struct capsa_rpc_health *health;
    struct capsa_rpc_method *methods;
    struct capsa_rpc_server *server;
    struct capsa_net_signal *signals[3];
    struct capsa_net_timer *renewal;
    struct capsa_net_timer *probe;
    int64_t trouble_after_us; /* log no connection trouble before */
    uint64_t trouble_count;
};
typedef struct capsad capsad;

static void capsad_drop(capsad *daemon)
{
    for (size_t i = 0; i < sizeof(daemon->signals) / sizeof(daemon->signals[0]); i++) {
        capsa_net_signal_free(daemon->signals[i]);
    }
    capsa_net_timer_free(daemon->probe);
    capsa_net_timer_free(daemon->renewal);
    capsa_rpc_server_free(daemon->server);
    capsa_dealloc(daemon->methods);
    capsa_rpc_health_free(daemon->health);
    capsad_admin_free(daemon->admin);
    capsa_net_loop_free(daemon->loop);
    capsa_net_tls_free(daemon->tls);
    capsad_keeper_free(daemon->keeper);
    capsa_keymanager_free(daemon->manager);
    capsa_buf_drop(&daemon->injected_cert);
    capsa_buf_drop(&daemon->injected_key);
    capsa_ledger_free(daemon->ledger);
    capsad_evidence_drop(&daemon->evidence);
    capsa_log_close(daemon->monitor);
    capsa_log_close(daemon->log);
    capsad_config_drop(&daemon->config);
}

/* ---- opening the parts ----------------------------------------------------------------------- */

/* storage_backend and db_url to the location that the store opens. */
static capsa_result store_location(const struct capsad_config *config, capsa_buf *ret_location)
{
    const char *backend = config->storage_backend;
    if (capsad_stores_in_memory(config)) {
        CAPSA_REQUIRE(*config->db_url == '\0', USAGE,
                      "storage_config.db_url: storage_backend \"%s\" keeps nothing there", backend);
        return capsa_buf_str(ret_location, "memory:");
    }
    CAPSA_REQUIRE(capsa_streq(backend, "sqlite"), UNSUPPORTED,
                  "storage_config.storage_backend \"%s\" is not supported; use sqlite (the "
                  "default, keeps everything in data_dir) or memory",
                  backend);
    if (*config->db_url == '\0') {
        return capsa_buf_format(ret_location, "sqlite:%s/capsa.db", config->data_dir);
    }
    const char *scheme = strstr(config->db_url, "://");
    CAPSA_REQUIRE(scheme == NULL, UNSUPPORTED,
                  "storage_config.db_url \"%.*s://...\": sqlite wants the path of a file",
                  (int)(scheme - config->db_url), config->db_url);
    bool has_scheme = strncmp(config->db_url, "sqlite:", 7) == 0;
    return capsa_buf_format(ret_location, "%s%s", has_scheme ? "" : "sqlite:", config->db_url);
}

static capsa_result open_logs(capsad *daemon)
{
    const struct capsad_config *config = &daemon->config;
    struct capsa_log_options options = {
        .console = config->enable_console_logger,
        .directory = *config->log_dir == '\0' ? NULL : config->log_dir,
        .file_name = "capsule_manager.log",
        .roll_at = LOG_ROLL_AT,
        .clock = &capsa_clock_system,
    };
    CAPSA_TRY_AT(capsa_log_level_parse(config->log_level, &options.level), "log_config.log_level");
    CAPSA_TRY(capsa_log_open(&options, &daemon->log));
    if (options.directory == NULL) {
        return CAPSA_OK;
    }
    options.console = false;
    options.file_name = "monitor.log";
    return capsa_log_open(&options, &daemon->monitor);
}

/* The insecure options that are on, sorted and NULL-ended, as the genesis has them. */
#define INSECURE_MOST 16
struct insecure {
    const char *names[INSECURE_MOST + 1];
    size_t count;
};

static void note_insecure(void *context, const char *name, const char *help)
{
    (void)help;
    struct insecure *on = context;
    size_t at = on->count < INSECURE_MOST ? on->count++ : INSECURE_MOST - 1;
    while (at > 0 && strcmp(on->names[at - 1], name) > 0) {
        on->names[at] = on->names[at - 1];
        at--;
    }
    on->names[at] = name;
}

static capsa_result open_ledger(capsad *daemon)
{
    const struct capsad_config *config = &daemon->config;
    CAPSA_AUTO(capsa_buf) location_buf = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_buf) root_buf = capsa_buf_of(KIB(8));
    const char *location, *root_path;
    CAPSA_TRY(store_location(config, &location_buf));
    CAPSA_TRY(capsa_buf_cstr(&location_buf, &location));
    if (*config->root_key_file != '\0') {
        CAPSA_TRY(capsa_buf_str(&root_buf, config->root_key_file));
    } else {
        CAPSA_TRY(capsa_buf_format(&root_buf, "%s/root.key", config->data_dir));
    }
    CAPSA_TRY(capsa_buf_cstr(&root_buf, &root_path));
    struct insecure on = {.count = 0};
    capsad_config_each_insecure(config, note_insecure, &on);
    for (size_t i = 0; i < daemon->evidence.insecure_count; i++) {
        note_insecure(&on, daemon->evidence.insecure[i], "");
    }
    const struct capsa_ledger_options options = {
        .location = location,
        .root_key_path = capsa_streq(location, "memory:") ? NULL : root_path,
        .anchor = config->anchor,
        .mode = config->mode,
        .insecure = on.names,
        .anchors = daemon->evidence.anchors,
        .anchors_count = daemon->evidence.anchors_count,
        .clock = &capsa_clock_system,
        .progress = &daemon->progress,
    };
    return capsa_ledger_open(&options, &daemon->ledger);
}

static capsa_result open_manager(capsad *daemon)
{
    const struct capsad_config *config = &daemon->config;
    if (config->enable_inject_cm_key) {
        CAPSA_TRY_AT(capsa_file_read(config->cm_private_key_path, &daemon->injected_key),
                     "cm_private_key_path");
        CAPSA_TRY_AT(capsa_file_read(config->cm_cert_path, &daemon->injected_cert), "cm_cert_path");
        CAPSA_REQUIRE(daemon->injected_key.len > 0, MALFORMED, "cm_private_key_path: %s is empty",
                      config->cm_private_key_path);
    }
    const struct capsa_keymanager_options options = {
        .ledger = daemon->ledger,
        .clock = &capsa_clock_system,
        .log = daemon->log,
        .monitor = daemon->monitor,
        .rsa_bits = (unsigned)config->rsa_bits,
        .injected_key = capsa_buf_bytes(&daemon->injected_key),
        .injected_cert = capsa_buf_bytes(&daemon->injected_cert),
        .evidence = daemon->evidence.options,
        .insecure_empty_columns_pass = config->insecure_empty_columns_pass,
        .insecure_claimed_initiator = config->insecure_claimed_initiator,
        .insecure_client_env = config->insecure_client_env,
    };
    CAPSA_TRY(capsa_keymanager_new(&options, &daemon->manager));
    daemon->evidence.options.appraiser = NULL; /* the manager's */
    capsa_buf_drop(&daemon->injected_key);     /* the manager has it where no core dump goes */
    return CAPSA_OK;
}

static capsa_result open_tls(capsad *daemon)
{
    const struct capsad_config *config = &daemon->config;
    if (!config->enable_tls) {
        return CAPSA_OK;
    }
    const struct capsa_net_tls_server_options options = {
        .cert_path = config->server_cert_path,
        .key_path = config->server_private_key_path,
        .client_ca_path =
            capsa_streq(config->client_auth, "none") ? NULL : config->client_ca_cert_path,
    };
    capsa_result result = capsa_net_tls_server_new(&options, &daemon->tls);
    if (capsa_failed(result)) {
        CAPSA_FAIL(USAGE, "TLS is on (tls_config.enable_tls), but %s", capsa_text_of(result));
    }
    return CAPSA_OK;
}

/* A hostile peer must not fill the disk with log lines: one a second, with a count. */
static void on_trouble(void *context, const char *peer, const char *text)
{
    capsad *daemon = context;
    daemon->trouble_count++;
    int64_t now = capsa_monotonic_us();
    if (now < daemon->trouble_after_us) {
        return;
    }
    capsa_log_event(daemon->log, CAPSA_LOG_WARN, "connection", CAPSA_LOG_STR("peer", peer),
                    CAPSA_LOG_STR("why", text), CAPSA_LOG_INT("so_far", daemon->trouble_count));
    daemon->trouble_after_us = now + TROUBLE_EVERY_US;
}

static unsigned worker_count(const struct capsad_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned automatic = cores < 8 ? 32 : (unsigned)cores * 4; /* most wait for the disk */
    return config->workers == 0 ? automatic : (unsigned)config->workers;
}

static capsa_result open_server(capsad *daemon)
{
    static const char *const names[] = {CAPSA_KEYMANAGER_SERVICE, CAPSA_KEYMANAGER_NATIVE_SERVICE};
    CAPSA_TRY(capsa_rpc_health_new(names, 2, &daemon->health));
    size_t own = capsa_keymanager_method_count();
    daemon->methods = capsa_alloc_array(own + CAPSA_RPC_HEALTH_METHODS, sizeof(*daemon->methods));
    CAPSA_REQUIRE_MEMORY(daemon->methods);
    capsa_keymanager_methods(daemon->manager, daemon->methods);
    capsa_rpc_health_methods(daemon->health, daemon->methods + own);
    const struct capsa_rpc_server_options options = {
        .loop = daemon->loop,
        .address = daemon->config.listen,
        .port = (unsigned)daemon->config.port,
        .tls = daemon->tls,
        .methods = daemon->methods,
        .method_count = own + CAPSA_RPC_HEALTH_METHODS,
        .workers = worker_count(&daemon->config),
        .grace_us = daemon->config.stop_grace_seconds * 1000000 + 1,
        .on_trouble = on_trouble,
        .context = daemon,
    };
    CAPSA_TRY_AT(capsa_rpc_server_new(&options, &daemon->server), "listen");
    return CAPSA_OK;
}

static capsa_result open_admin(capsad *daemon)
{
    if (*daemon->config.admin_listen == '\0') {
        return CAPSA_OK;
    }
    CAPSA_TRY_AT(capsad_admin_new(daemon->loop, daemon->config.admin_listen, daemon->config.mode,
                                  &daemon->progress, &daemon->admin),
                 "admin_listen");
    return CAPSA_OK;
}

/* ---- opening what takes long, while the admin listener answers --------------------------------
 */

struct opening {
    capsad *daemon;
    struct capsa_error error;
    struct capsa_net_timer *timer; /* NULL: nobody watches */
    bool has_spoken;
};

/* Once a second, on a terminal. */
static void on_opening(void *context)
{
    struct opening *opening = context;
    (void)fprintf(stderr, "\r  checking the store: %llu records",
                  (unsigned long long)atomic_load(&opening->daemon->progress.checked));
    opening->has_spoken = true;
    capsa_ignore(capsa_net_timer_set(opening->timer, PROGRESS_EVERY_US), "then nothing is shown");
}

static void stop_showing(struct opening *opening)
{
    capsa_net_timer_free(opening->timer);
    if (opening->has_spoken) {
        (void)fprintf(stderr, "\n");
    }
}

static capsa_result open_long(capsad *daemon)
{
    CAPSA_TRY(open_ledger(daemon));
    CAPSA_TRY(open_manager(daemon));
    return capsad_keeper_new(daemon->manager, daemon->log, &daemon->keeper);
}

static void *open_and_stop(void *context)
{
    struct opening *opening = context;
    capsa_error_keep(open_long(opening->daemon), &opening->error);
    capsa_net_loop_stop(opening->daemon->loop);
    return NULL;
}

static capsa_result open_meanwhile(capsad *daemon)
{
    struct opening opening = {.daemon = daemon};
    pthread_t thread;
    if (isatty(STDERR_FILENO) == 1) {
        CAPSA_TRY(capsa_net_timer_new(daemon->loop, on_opening, &opening, &opening.timer));
        capsa_ignore(capsa_net_timer_set(opening.timer, PROGRESS_EVERY_US), "only shown");
    }
    bool started = pthread_create(&thread, NULL, open_and_stop, &opening) == 0;
    capsa_result ran = started ? capsa_net_loop_run(daemon->loop) : CAPSA_OK;
    if (started) {
        (void)pthread_join(thread, NULL);
    }
    stop_showing(&opening);
    CAPSA_REQUIRE(started, NOMEM, "cannot start the thread that opens the store");
    CAPSA_TRY(ran);
    return capsa_error_again(&opening.error);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_stop(void *context)
{
    capsad *daemon = context;
    capsa_log_event(daemon->log, CAPSA_LOG_INFO, "stopping",
                    CAPSA_LOG_INT("grace_seconds", daemon->config.stop_grace_seconds));
    capsa_rpc_health_set(daemon->health, NULL, CAPSA_RPC_HEALTH_NOT_SERVING);
    capsad_admin_stopping(daemon->admin);
    capsa_rpc_server_stop(daemon->server);
}

static void log_reload(capsad *daemon, const char *what, capsa_result result)
{
    capsa_log_event(daemon->log, capsa_failed(result) ? CAPSA_LOG_ERROR : CAPSA_LOG_INFO, "reload",
                    CAPSA_LOG_STR("what", what), CAPSA_LOG_CODE("result", result));
}

static void on_reload(void *context)
{
    capsad *daemon = context;
    if (daemon->tls != NULL) {
        log_reload(daemon, "TLS certificates", capsa_net_tls_reload(daemon->tls));
    }
    log_reload(daemon, "evidence_policy",
               capsad_evidence_reload(&daemon->config, &daemon->evidence, daemon->manager));
}

static void on_renewal(void *context)
{
    capsad *daemon = context;
    capsad_keeper_wake(daemon->keeper);
    capsa_ignore(capsa_net_timer_set(daemon->renewal, RENEW_EVERY_US), "tried again at a restart");
}

/* After a write that failed, see now and then whether writing works again: where nobody sends
 * writes to a manager that is not ready, nothing else would. */
static void on_probe(void *context)
{
    capsad *daemon = context;
    struct capsa_writer_state state;
    capsa_writer_state(capsa_ledger_writer(daemon->ledger), &state);
    if (state.last.code != CAPSA_E_OK && !capsa_failed(capsa_keymanager_probe(daemon->manager))) {
        capsa_log_event(daemon->log, CAPSA_LOG_INFO, "store", CAPSA_LOG_STR("why", "writes again"));
    }
    capsa_ignore(capsa_net_timer_set(daemon->probe, PROBE_EVERY_US), "as good as no probe");
}

static capsa_result watch_events(capsad *daemon)
{
    static const struct {
        int number;
        capsa_net_callback callback;
    } signals[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        CAPSA_TRY(capsa_net_signal_new(daemon->loop, signals[i].number, signals[i].callback, daemon,
                                       &daemon->signals[i]));
    }
    CAPSA_TRY(capsa_net_timer_new(daemon->loop, on_renewal, daemon, &daemon->renewal));
    CAPSA_TRY(capsa_net_timer_set(daemon->renewal, RENEW_EVERY_US));
    CAPSA_TRY(capsa_net_timer_new(daemon->loop, on_probe, daemon, &daemon->probe));
    return capsa_net_timer_set(daemon->probe, PROBE_EVERY_US);
}

/* ---- the banner ------------------------------------------------------------------------------ */

static void announce_insecure(void *context, const char *name, const char *help)
{
    const capsad *daemon = context;
    (void)fprintf(stderr, "  INSECURE  %s: %s\n", name, help);
    capsa_log_event(daemon->log, CAPSA_LOG_WARN, "insecure", CAPSA_LOG_STR("option", name));
}

static const char *tls_word(const capsad *daemon)
{
    if (daemon->tls == NULL) {
        return "off";
    }
    return capsa_net_tls_is_mutual(daemon->tls) ? "mutual" : "server";
}

static const char *mode_means(const capsad *daemon)
{
    if (capsa_streq(daemon->config.mode, "production")) {
        return "";
    }
    return daemon->evidence.options.attester == NULL
               ? ": nothing is attested; do not trust it with real data"
               : ": do not trust it with real data";
}

static void banner_evidence(const capsad *daemon)
{
    const struct capsa_keymanager_evidence *how = &daemon->evidence.options;
    (void)fprintf(
        stderr, "  platform  %s%s%s\n  evidence  %s of programs\n",
        how->attester == NULL ? "none" : how->attester->name, how->attester == NULL ? "" : ": ",
        how->attester == NULL ? "" : how->attester->what, how->required ? "required" : "optional");
    if (*daemon->evidence.doubt != '\0') {
        (void)fprintf(stderr, "  WARNING   %s\n", daemon->evidence.doubt);
        capsa_log_event(daemon->log, CAPSA_LOG_WARN, "evidence",
                        CAPSA_LOG_STR("why", daemon->evidence.doubt));
    }
}

static void banner(capsad *daemon)
{
    const char *id = capsa_ledger_manager_id(daemon->ledger);
    const char *scheme = capsa_store_scheme(capsa_ledger_store(daemon->ledger));
    const char *anchor = capsa_ledger_anchor_name(daemon->ledger);
    bool is_new = capsa_ledger_is_new(daemon->ledger);
    const char *listen = daemon->config.listen;
    unsigned port = capsa_rpc_server_port(daemon->server);
    bool in_memory = capsa_streq(scheme, "memory");
    const char *where =
        *daemon->config.db_url == '\0' ? daemon->config.data_dir : daemon->config.db_url;
    (void)fprintf(stderr, "capsad %s\n  mode      %s%s\n  store     %s%s%s\n", CAPSA_VERSION,
                  daemon->config.mode, mode_means(daemon), scheme,
                  in_memory ? " (gone when it stops)" : " in ", in_memory ? "" : where);
    banner_evidence(daemon);
    (void)fprintf(stderr,
                  "  grpc      %s:%u, TLS %s\n  admin     %s\n  anchor    %s%s\n  manager   %s%s\n",
                  listen, port, tls_word(daemon),
                  daemon->admin == NULL ? "off" : capsad_admin_address(daemon->admin), anchor,
                  capsa_streq(anchor, "none") ? ": a store put back as a whole is not noticed" : "",
                  id, is_new ? " (new: the store was empty)" : "");
    capsad_config_each_insecure(&daemon->config, announce_insecure, daemon);
    for (size_t i = 0; i < daemon->evidence.insecure_count; i++) {
        announce_insecure(daemon, daemon->evidence.insecure[i], "of evidence_policy");
    }
    if (capsa_secret_lock_failed()) {
        (void)fprintf(stderr, "  WARNING   secrets could not be locked in memory (ulimit -l)\n");
    }
    if (is_new) {
        capsa_log_event(daemon->log, CAPSA_LOG_WARN, "new_manager", CAPSA_LOG_STR("manager", id));
    }
    capsa_log_event(daemon->log, CAPSA_LOG_INFO, "started", CAPSA_LOG_STR("version", CAPSA_VERSION),
                    CAPSA_LOG_STR("mode", daemon->config.mode),
                    CAPSA_LOG_STR("platform", daemon->config.platform),
                    CAPSA_LOG_STR("store", scheme), CAPSA_LOG_STR("anchor", anchor),
                    CAPSA_LOG_STR("listen", listen), CAPSA_LOG_INT("port", port),
                    CAPSA_LOG_STR("tls", tls_word(daemon)), CAPSA_LOG_STR("manager", id));
    (void)printf("capsad: ready: grpc %s:%u tls=%s admin %s\n",
                 capsa_streq(listen, "0.0.0.0") ? "127.0.0.1" : listen, port, tls_word(daemon),
                 daemon->admin == NULL ? "off" : capsad_admin_address(daemon->admin));
    (void)fflush(stdout);
}

/* ---- life ------------------------------------------------------------------------------------ */

static capsa_result start(capsad *daemon)
{
    CAPSA_TRY(capsad_check_config(&daemon->config));
    CAPSA_TRY(open_logs(daemon));
    CAPSA_TRY(open_tls(daemon));
    CAPSA_TRY(capsad_evidence_open(&daemon->config, &daemon->evidence));
    CAPSA_TRY(capsa_net_loop_new(&daemon->loop));
    CAPSA_TRY(open_admin(daemon));
    CAPSA_TRY(open_meanwhile(daemon));
    CAPSA_TRY(open_server(daemon));
    capsad_admin_opened(daemon->admin, daemon->server, daemon->ledger, daemon->manager);
    return watch_events(daemon);
}

static capsa_result serve(int argc, char *const *argv, enum capsad_command *command)
{
    CAPSA_AUTO(capsad) daemon = {.log = NULL};
    daemon.injected_key = capsa_buf_of(KIB(64));
    daemon.injected_cert = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsad_config_load(argc, argv, &daemon.config, command));
    if (*command != CAPSAD_SERVE) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_secret_forbid_dumps());
    (void)umask(077); /* whatever is made here is the operator's alone */
    CAPSA_TRY(start(&daemon));
    capsa_rpc_health_set(daemon.health, NULL, CAPSA_RPC_HEALTH_SERVING);
    banner(&daemon);
    CAPSA_TRY(capsa_rpc_server_run(daemon.server));
    capsa_log_event(daemon.log, CAPSA_LOG_INFO, "stopped", CAPSA_LOG_STR("why", "asked to"));
    return CAPSA_OK;
}

static capsa_result print(CAPSA_RESULT (*write)(capsa_buf *text))
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    CAPSA_TRY(write(&text));
    CAPSA_REQUIRE(fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0, IO,
                  "cannot write to standard output");
    return CAPSA_OK;
}

static capsa_result write_version(capsa_buf *text)
{
    return capsa_buf_str(text, "capsad " CAPSA_VERSION "\n");
}

int main(int argc, char **argv)
{
    enum capsad_command command = CAPSAD_SERVE;
    capsa_result result = serve(argc, argv, &command);
    if (!capsa_failed(result) && command == CAPSAD_HELP) {
        result = print(capsad_config_help);
    } else if (!capsa_failed(result) && command == CAPSAD_KEYS) {
        result = print(capsad_config_reference);
    } else if (!capsa_failed(result) && command == CAPSAD_VERSION) {
        result = print(write_version);
    }
    if (capsa_failed(result)) {
        (void)fprintf(stderr, "capsad: %s\n", capsa_text_of(result));
        return capsa_code_exit(capsa_code_of(result));
    }
    return EXIT_SUCCESS;
}
