/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots as bytes, the table of their providers, and waiting for one (store_slots.h).
 */
#include "store/store_slots.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/protobuf.h"
#include "records.pb-c.h"
#include "store/store_backend.h"

#define ROOT_MAX KIB(1)

/* ---- the table ------------------------------------------------------------------------------- */

#define NOT_BUILT "is not built yet"
#define PLANNED(symbol, name_, class_, missing_)                                                   \
    static const struct capsa_slot_provider symbol = {                                             \
        .name = (name_), .trust_class = (class_), .missing = (missing_)}

PLANNED(sgx_mrenclave, "sgx-mrenclave", CAPSA_SLOT_PLATFORM, NOT_BUILT);
PLANNED(sgx_mrsigner, "sgx-mrsigner", CAPSA_SLOT_PLATFORM, NOT_BUILT);
PLANNED(snp_derived, "snp-derived", CAPSA_SLOT_PLATFORM, NOT_BUILT);
PLANNED(csv_sealing, "csv-sealing", CAPSA_SLOT_PLATFORM, NOT_BUILT);
PLANNED(tdx, "tdx", CAPSA_SLOT_PLATFORM,
        "does not exist: TDX has no sealing key; its root needs a peer, a quorum or an external "
        "root (vault-transit)");
PLANNED(vault_transit, "vault-transit", CAPSA_SLOT_EXTERNAL, NOT_BUILT);
PLANNED(peer, "peer", CAPSA_SLOT_QUORUM, NOT_BUILT);
PLANNED(quorum, "quorum", CAPSA_SLOT_QUORUM, NOT_BUILT);

const struct capsa_slot_provider *const capsa_slot_providers[] = {
    &capsa_slot_file, &sgx_mrenclave, &sgx_mrsigner, &snp_derived, &csv_sealing, &tdx,
    &vault_transit,   &peer,          &quorum,       NULL,
};

const char *capsa_slot_class_name(enum capsa_slot_class trust_class)
{
    static const char *const names[] = {
        [CAPSA_SLOT_SIMULATION] = "simulation",
        [CAPSA_SLOT_PLATFORM] = "platform",
        [CAPSA_SLOT_EXTERNAL] = "external",
        [CAPSA_SLOT_QUORUM] = "quorum",
    };
    return names[trust_class];
}

static const struct capsa_slot_provider *provider_by_name(const char *name)
{
    for (size_t i = 0; capsa_slot_providers[i] != NULL; i++) {
        if (capsa_streq(capsa_slot_providers[i]->name, name)) {
            return capsa_slot_providers[i];
        }
    }
    return NULL;
}

static capsa_result unknown_provider(const char *name)
{
    CAPSA_AUTO(capsa_buf) known = capsa_buf_of(CAPSA_ERROR_TEXT);
    for (size_t i = 0; capsa_slot_providers[i] != NULL; i++) {
        CAPSA_TRY(
            capsa_buf_format(&known, "%s%s", i == 0 ? "" : ", ", capsa_slot_providers[i]->name));
    }
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&known, &text));
    CAPSA_FAIL(UNSUPPORTED, "no provider \"%s\" for a slot of the root; there are %s", name, text);
}

CAPSA_RESULT capsa_slot_provider_find(const char *name,
                                      const struct capsa_slot_provider **ret_provider)
{
    const struct capsa_slot_provider *provider = provider_by_name(name);
    if (provider == NULL) {
        return unknown_provider(name);
    }
    CAPSA_REQUIRE(provider->missing == NULL, UNSUPPORTED, "the slot provider %s %s", name,
                  provider->missing);
    *ret_provider = provider;
    return CAPSA_OK;
}

/* ---- as bytes -------------------------------------------------------------------------------- */

void capsa_slot_drop(capsa_slot *slot)
{
    capsa_dealloc(slot->id);
    slot->id = NULL;
    capsa_buf_drop(&slot->parameters);
    capsa_buf_drop(&slot->wrapped);
}

static ProtobufCBinaryData binary(const capsa_buf *buf)
{
    return (ProtobufCBinaryData){.len = buf->len, .data = buf->data};
}

/* The message only lends what it points at; protobuf-c has no const. */
static char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

CAPSA_RESULT capsa_slot_write(const struct capsa_slot *slot, capsa_buf *ret_bytes)
{
    uint8_t manager_id[CAPSA_SHA256];
    memcpy(manager_id, slot->manager_id, sizeof(manager_id));
    Rec__Slot message = REC__SLOT__INIT;
    message.id = slot->id;
    message.provider = lent(slot->provider->name);
    message.trust_class = lent(capsa_slot_class_name(slot->provider->trust_class));
    message.parameters = binary(&slot->parameters);
    message.epoch = slot->epoch;
    message.wrapped = binary(&slot->wrapped);
    message.manager_id = (ProtobufCBinaryData){sizeof(manager_id), manager_id};
    return capsa_protobuf_write(&message.base, ret_bytes);
}

static capsa_result copy_binary(ProtobufCBinaryData data, capsa_buf *ret_copy)
{
    *ret_copy = capsa_buf_of(data.len);
    return capsa_buf_append(ret_copy, capsa_bytes_of(data.data, data.len));
}

static capsa_result check_slot(const Rec__Slot *message,
                               const struct capsa_slot_provider **ret_provider)
{
    CAPSA_REQUIRE(*message->id != '\0' && strlen(message->id) <= CAPSA_LIMIT_slot_id, MALFORMED,
                  "a slot whose id is empty or longer than %d bytes", CAPSA_LIMIT_slot_id);
    const struct capsa_slot_provider *provider = provider_by_name(message->provider);
    CAPSA_REQUIRE(provider != NULL, UNSUPPORTED, "a slot of provider \"%s\", which is not known",
                  message->provider);
    CAPSA_REQUIRE(capsa_streq(message->trust_class, capsa_slot_class_name(provider->trust_class)),
                  MALFORMED, "a slot of provider %s with trust class \"%s\", not %s",
                  provider->name, message->trust_class,
                  capsa_slot_class_name(provider->trust_class));
    CAPSA_REQUIRE(message->epoch >= 1, MALFORMED, "a slot without a root epoch");
    CAPSA_REQUIRE(message->manager_id.len == CAPSA_SHA256, MALFORMED,
                  "a slot with a manager id of %zu bytes, not %d", message->manager_id.len,
                  CAPSA_SHA256);
    *ret_provider = provider;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_slot_parse(capsa_bytes bytes, capsa_slot *ret_slot)
{
    CAPSA_REQUIRE(bytes.len <= CAPSA_LIMIT_slot_bytes, TOO_LARGE, "a slot of %zu bytes, at most %d",
                  bytes.len, CAPSA_LIMIT_slot_bytes);
    CAPSA_AUTO_MESSAGE parsed = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&rec__slot__descriptor, bytes, CAPSA_UNKNOWN_REFUSED, &parsed));
    const Rec__Slot *message = (const Rec__Slot *)parsed;
    CAPSA_AUTO(capsa_slot) slot = {.epoch = message->epoch};
    CAPSA_TRY(check_slot(message, &slot.provider));
    memcpy(slot.manager_id, message->manager_id.data, CAPSA_SHA256);
    slot.id = capsa_strdup(message->id);
    CAPSA_REQUIRE_MEMORY(slot.id);
    CAPSA_TRY(copy_binary(message->parameters, &slot.parameters));
    CAPSA_TRY(copy_binary(message->wrapped, &slot.wrapped));
    *ret_slot = slot;
    slot = (capsa_slot){.id = NULL}; /* handed over */
    return CAPSA_OK;
}

CAPSA_RESULT capsa_slot_aad(const struct capsa_slot *slot, capsa_buf *ret_aad)
{
    const char *trust_class = capsa_slot_class_name(slot->provider->trust_class);
    CAPSA_TRY(capsa_buf_str(ret_aad, "capsa slot v1"));
    CAPSA_TRY(capsa_buf_append(ret_aad, capsa_bytes_of(slot->manager_id, CAPSA_SHA256)));
    CAPSA_TRY(capsa_buf_be32(ret_aad, slot->epoch));
    CAPSA_TRY(capsa_buf_field(ret_aad, capsa_bytes_str(slot->id)));
    CAPSA_TRY(capsa_buf_field(ret_aad, capsa_bytes_str(slot->provider->name)));
    CAPSA_TRY(capsa_buf_field(ret_aad, capsa_bytes_str(trust_class)));
    return capsa_buf_field(ret_aad, capsa_buf_bytes(&slot->parameters));
}

/* ---- waiting for a provider ------------------------------------------------------------------ */

struct call {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool is_done;
    struct capsa_error error;
    capsa_buf bytes;
};

static void call_init(struct call *call)
{
    *call = (struct call){.bytes = capsa_buf_of(CAPSA_LIMIT_slot_bytes)};
    (void)pthread_mutex_init(&call->mutex, NULL); /* cannot fail without attributes */
    (void)pthread_cond_init(&call->ended, NULL);
}

static void call_drop(struct call *call)
{
    capsa_buf_drop(&call->bytes);
    (void)pthread_cond_destroy(&call->ended);
    (void)pthread_mutex_destroy(&call->mutex);
}

static void call_done(void *context, capsa_result result, capsa_secret_bytes bytes)
{
    struct call *call = context;
    (void)pthread_mutex_lock(&call->mutex);
    if (!capsa_failed(result)) {
        result = capsa_buf_append(&call->bytes, capsa_declassify(bytes, "into a wiping buffer"));
    }
    capsa_error_keep(result, &call->error);
    call->is_done = true;
    (void)pthread_cond_signal(&call->ended);
    (void)pthread_mutex_unlock(&call->mutex);
}

/* The outcome, on this thread's ring. */
static capsa_result call_wait(struct call *call)
{
    (void)pthread_mutex_lock(&call->mutex);
    while (!call->is_done) {
        (void)pthread_cond_wait(&call->ended, &call->mutex);
    }
    (void)pthread_mutex_unlock(&call->mutex);
    return capsa_error_again(&call->error);
}

CAPSA_RESULT capsa_slot_wrap(struct capsa_slot *slot, const char *where, capsa_secret_bytes root)
{
    struct call call;
    call_init(&call);
    (void)slot->provider->wrap(where, slot, root, call_done, &call);
    capsa_result result = call_wait(&call);
    if (!capsa_failed(result)) {
        capsa_buf_drop(&slot->wrapped);
        slot->wrapped = call.bytes;
        call.bytes = capsa_buf_of(0); /* handed over */
    }
    call_drop(&call);
    return result;
}

CAPSA_RESULT capsa_slot_unwrap(const struct capsa_slot *slot, const char *where,
                               capsa_slot_pending on_pending, void *context,
                               struct capsa_secret **ret_root)
{
    CAPSA_REQUIRE(slot->provider->missing == NULL, UNSUPPORTED, "the slot provider %s %s",
                  slot->provider->name, slot->provider->missing);
    struct call call;
    call_init(&call);
    enum capsa_slot_progress progress = slot->provider->unwrap(where, slot, call_done, &call);
    if (progress == CAPSA_SLOT_PENDING && on_pending != NULL) {
        on_pending(context);
    }
    capsa_result result = call_wait(&call);
    if (!capsa_failed(result)) {
        result = capsa_secret_copy(capsa_buf_bytes(&call.bytes), ret_root);
    }
    call_drop(&call);
    return result;
}

/* ---- of a store ------------------------------------------------------------------------------ */

struct slots_walk {
    capsa_slot_visit visit;
    void *context;
};

static capsa_result visit_slot(void *context, const struct capsa_record_key *key,
                               const capsa_record *row, bool *ret_stop)
{
    const struct slots_walk *walk = context;
    CAPSA_AUTO(capsa_slot) slot = {.id = NULL};
    capsa_result parsed = capsa_slot_parse(capsa_buf_bytes(&row->value), &slot);
    const char *id = key->parts[0] == NULL ? "" : key->parts[0];
    if (capsa_code_of(parsed) == CAPSA_E_UNSUPPORTED || capsa_code_of(parsed) == CAPSA_E_NOMEM) {
        return parsed;
    }
    CAPSA_REQUIRE(!capsa_failed(parsed), TAMPERED,
                  "the slot \"%s\" of the store cannot be read: %s", id, capsa_text_of(parsed));
    CAPSA_REQUIRE(capsa_streq(slot.id, id) && key->parts[1] == NULL, TAMPERED,
                  "the slot \"%s\" of the store says that it is \"%s\"", id, slot.id);
    return walk->visit(walk->context, &slot, row->version, ret_stop);
}

CAPSA_RESULT capsa_store_slots(struct capsa_store *store, capsa_slot_visit visit, void *context)
{
    while (store->inner != NULL) { /* a sealed store does not show them */
        store = store->inner;
    }
    const struct capsa_record_key prefix = {.ns = CAPSA_SLOT_NAMESPACE, .kind = CAPSA_SLOT_KIND};
    struct slots_walk walk = {visit, context};
    return capsa_store_each(store, &prefix, visit_slot, &walk);
}
