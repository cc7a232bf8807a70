/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc.health.v1.Health. Its two messages have one field each (request: 1 string service; response:
 * 1 enum status), so they are read and written here by hand.
 */
#include "rpc/rpc_health.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/reader.h"

#define TAG_SERVICE 0x0A /* field 1, length-delimited */
#define TAG_STATUS  0x08 /* field 1, varint */

struct health_entry {
    char *name;
    enum capsa_rpc_health_status status;
};

struct capsa_rpc_health {
    pthread_mutex_t lock;
    size_t count;
    struct health_entry entries[];
};

/* ---- the messages ---- */

/* At most 2 bytes: names are not longer than id_bytes. */
static CAPSA_RESULT read_length(struct capsa_reader *reader, size_t *ret_length)
{
    uint8_t low = 0;
    uint8_t high = 0;
    CAPSA_TRY(capsa_read_u8(reader, &low));
    if (low >= 0x80) {
        CAPSA_TRY(capsa_read_u8(reader, &high));
        CAPSA_REQUIRE(high < 0x80, TOO_LARGE, "the service name is too long");
    }
    *ret_length = (size_t)(low & 0x7F) | (size_t)high << 7;
    CAPSA_REQUIRE(*ret_length <= CAPSA_LIMIT_id_bytes, TOO_LARGE,
                  "the service name is over %d bytes", CAPSA_LIMIT_id_bytes);
    return CAPSA_OK;
}

static CAPSA_RESULT read_request(capsa_bytes message, capsa_bytes *ret_name)
{
    struct capsa_reader reader = capsa_reader_of(message);
    capsa_bytes name = {NULL, 0};
    while (capsa_reader_left(&reader) > 0) {
        uint8_t tag = 0;
        size_t length = 0;
        CAPSA_TRY_AT(capsa_read_u8(&reader, &tag), "HealthCheckRequest");
        CAPSA_REQUIRE(tag == TAG_SERVICE, UNKNOWN_FIELD, "HealthCheckRequest: unknown field");
        CAPSA_TRY_AT(read_length(&reader, &length), "HealthCheckRequest");
        CAPSA_TRY_AT(capsa_read_bytes(&reader, length, &name), "HealthCheckRequest");
    }
    *ret_name = name;
    return CAPSA_OK;
}

static CAPSA_RESULT write_response(enum capsa_rpc_health_status status, capsa_buf *message)
{
    if (status == CAPSA_RPC_HEALTH_UNKNOWN) {
        return CAPSA_OK; /* proto3: the default is not written */
    }
    CAPSA_TRY(capsa_buf_u8(message, TAG_STATUS));
    return capsa_buf_u8(message, (uint8_t)status);
}

/* ---- the table of services ---- */

CAPSA_RESULT capsa_rpc_health_new(const char *const *names, size_t count,
                                  struct capsa_rpc_health **ret_health)
{
    CAPSA_AUTO_FREE(capsa_rpc_health)
    health =
        capsa_alloc(sizeof(struct capsa_rpc_health) + (count + 1) * sizeof(struct health_entry));
    CAPSA_REQUIRE_MEMORY(health);
    CAPSA_REQUIRE(pthread_mutex_init(&health->lock, NULL) == 0, NOMEM, "out of memory");
    for (size_t i = 0; i <= count; i++) {
        health->entries[i].name = capsa_strdup(i == 0 ? "" : names[i - 1]);
        health->entries[i].status = CAPSA_RPC_HEALTH_NOT_SERVING;
        health->count++;
        CAPSA_REQUIRE_MEMORY(health->entries[i].name);
    }
    *ret_health = health;
    health = NULL;
    return CAPSA_OK;
}

void capsa_rpc_health_free(struct capsa_rpc_health *health)
{
    if (health == NULL) {
        return;
    }
    for (size_t i = 0; i < health->count; i++) {
        capsa_dealloc(health->entries[i].name);
    }
    (void)pthread_mutex_destroy(&health->lock);
    capsa_dealloc(health);
}

void capsa_rpc_health_set(struct capsa_rpc_health *health, const char *name,
                          enum capsa_rpc_health_status status)
{
    (void)pthread_mutex_lock(&health->lock);
    for (size_t i = 0; i < health->count; i++) {
        struct health_entry *entry = &health->entries[i];
        if (name == NULL || capsa_streq(entry->name, name)) {
            entry->status = status;
        }
    }
    (void)pthread_mutex_unlock(&health->lock);
}

/* CAPSA_RPC_HEALTH_SERVICE_UNKNOWN for a name that is not in the table. */
static enum capsa_rpc_health_status look_up(struct capsa_rpc_health *health, capsa_bytes name)
{
    enum capsa_rpc_health_status status = CAPSA_RPC_HEALTH_SERVICE_UNKNOWN;
    (void)pthread_mutex_lock(&health->lock);
    for (size_t i = 0; i < health->count; i++) {
        if (capsa_bytes_is(name, health->entries[i].name)) {
            status = health->entries[i].status;
        }
    }
    (void)pthread_mutex_unlock(&health->lock);
    return status;
}

/* ---- the methods ---- */

static CAPSA_RESULT check(void *context, const struct capsa_rpc_call *call, capsa_buf *ret_message)
{
    capsa_bytes name;
    CAPSA_TRY(read_request(call->request, &name));
    const enum capsa_rpc_health_status status = look_up(context, name);
    CAPSA_REQUIRE(status != CAPSA_RPC_HEALTH_SERVICE_UNKNOWN, NOT_FOUND, "unknown service");
    return write_response(status, ret_message);
}

/* A version is the status and 1: only a change of this very service is news. */
static CAPSA_RESULT watch(void *context, const struct capsa_rpc_call *call, uint64_t *version,
                          capsa_buf *ret_message)
{
    capsa_bytes name;
    CAPSA_TRY(read_request(call->request, &name));
    const enum capsa_rpc_health_status status = look_up(context, name);
    const uint64_t current = (uint64_t)status + 1;
    if (*version == current) {
        return CAPSA_OK;
    }
    CAPSA_TRY(write_response(status, ret_message));
    *version = current;
    return CAPSA_OK;
}

void capsa_rpc_health_methods(struct capsa_rpc_health *health,
                              struct capsa_rpc_method ret_methods[CAPSA_RPC_HEALTH_METHODS])
{
    ret_methods[0] = (struct capsa_rpc_method){
        .path = "/grpc.health.v1.Health/Check",
        .max_request = KIB(4),
        .handler = check,
        .context = health,
    };
    ret_methods[1] = (struct capsa_rpc_method){
        .path = "/grpc.health.v1.Health/Watch",
        .max_request = KIB(4),
        .watcher = watch,
        .context = health,
    };
}
