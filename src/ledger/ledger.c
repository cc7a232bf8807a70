/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a ledger, and what it is asked (ledger.h).
 */
#include "ledger/ledger.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/protobuf.h"
#include "records.pb-c.h"

#define SIGNING_KEY CAPSA_RECORD_KEY("capsa", "signing", NULL)
#define INFO_LABEL  CAPSA_BYTES_LITERAL("capsa manager info v1\n")
#define STORE_ID    16
#define PROVIDER    "file" /* the only one that is built */

struct capsa_ledger {
    struct capsa_ledger_options options;
    struct capsa_store *store;
    Native__Genesis *genesis;
    char manager_id[CAPSA_MANAGER_ID];
    struct capsa_private_key *audit_key;
    struct capsa_private_key *announce_key;
    struct capsa_secret *blind_key;
    struct capsa_anchor *anchor;
    struct capsa_audit_log *log;
    struct capsa_writer *writer;
};

void capsa_ledger_free(struct capsa_ledger *ledger)
{
    if (ledger == NULL) {
        return;
    }
    capsa_writer_free(ledger->writer);
    capsa_audit_log_free(ledger->log);
    capsa_anchor_close(ledger->anchor);
    capsa_secret_free(ledger->blind_key);
    capsa_private_key_free(ledger->announce_key);
    capsa_private_key_free(ledger->audit_key);
    capsa_message_free(ledger->genesis == NULL ? NULL : &ledger->genesis->base);
    capsa_store_free(ledger->store);
    capsa_dealloc(ledger);
}

struct capsa_store *capsa_ledger_store(const struct capsa_ledger *ledger)
{
    return ledger->store;
}

struct capsa_writer *capsa_ledger_writer(const struct capsa_ledger *ledger)
{
    return ledger->writer;
}

struct capsa_audit_log *capsa_ledger_log(const struct capsa_ledger *ledger)
{
    return ledger->log;
}

const char *capsa_ledger_manager_id(const struct capsa_ledger *ledger)
{
    return ledger->manager_id;
}

const char *capsa_ledger_anchor_name(const struct capsa_ledger *ledger)
{
    return capsa_anchor_name(ledger->anchor);
}

bool capsa_ledger_is_new(const struct capsa_ledger *ledger)
{
    return capsa_store_was_begun(ledger->store);
}

/* ---- beginning ------------------------------------------------------------------------------- */

/* A fresh Ed25519 key: its private half as PEM with a NUL, its public half raw. */
static capsa_result new_signing_key(capsa_buf *pem, uint8_t ret_public[CAPSA_ED25519_PUBLIC])
{
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    CAPSA_TRY(capsa_private_key_new_ed25519(&key));
    CAPSA_TRY(capsa_public_key_of(key, &public_key));
    CAPSA_TRY(capsa_public_key_raw(public_key, ret_public));
    CAPSA_TRY(capsa_private_key_write(key, pem));
    return capsa_buf_u8(pem, '\0');
}

static capsa_result put_signing(struct capsa_batch *first, const capsa_buf *audit_pem,
                                const capsa_buf *announce_pem)
{
    CAPSA_AUTO(capsa_buf) blind = capsa_buf_of(CAPSA_SHA256);
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(&blind, CAPSA_SHA256, &room));
    CAPSA_TRY(capsa_random(room, CAPSA_SHA256));
    Rec__Signing signing = REC__SIGNING__INIT;
    signing.blind_key = (ProtobufCBinaryData){blind.len, blind.data};
    signing.audit_key = (char *)audit_pem->data;
    signing.announce_key = (char *)announce_pem->data;
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(KIB(8));
    CAPSA_TRY(capsa_protobuf_write(&signing.base, &value));
    const struct capsa_record_key key = SIGNING_KEY;
    return capsa_batch_put(first, &key, 0, NULL, capsa_buf_bytes(&value));
}

static char *field(const char *text)
{
    union {
        const char *text;
        char *field;
    } same = {text};
    return same.field;
}

/* Fields of protobuf messages have no const. */
typedef struct {
    Native__Genesis__TrustAnchor *items;
    Native__Genesis__TrustAnchor **list;
    uint8_t (*digests)[CAPSA_SHA256];
} anchor_fields;

static void anchor_fields_drop(anchor_fields *fields)
{
    capsa_dealloc(fields->items);
    capsa_dealloc(fields->list);
    capsa_dealloc(fields->digests);
}

static capsa_result anchors_write(const struct capsa_ledger_options *options, anchor_fields *fields)
{
    size_t count = options->anchors_count;
    fields->items = capsa_alloc_array(count, sizeof(*fields->items));
    fields->list = capsa_alloc_array(count, sizeof(Native__Genesis__TrustAnchor *));
    fields->digests = capsa_alloc_array(count, sizeof(*fields->digests));
    CAPSA_REQUIRE_MEMORY(fields->items);
    CAPSA_REQUIRE_MEMORY(fields->list);
    CAPSA_REQUIRE_MEMORY(fields->digests);
    for (size_t i = 0; i < count; i++) {
        const struct capsa_genesis_anchor *anchor = &options->anchors[i];
        Native__Genesis__TrustAnchor *item = &fields->items[i];
        native__genesis__trust_anchor__init(item);
        memcpy(fields->digests[i], anchor->sha256, CAPSA_SHA256);
        item->id = field(anchor->id);
        item->sha256 = (ProtobufCBinaryData){CAPSA_SHA256, fields->digests[i]};
        item->kind = field(anchor->is_vendor ? "vendor" : "simulation");
        fields->list[i] = item;
    }
    return CAPSA_OK;
}

static capsa_result write_genesis(const struct capsa_ledger_options *options,
                                  uint8_t audit_public[CAPSA_ED25519_PUBLIC],
                                  uint8_t announce_public[CAPSA_ED25519_PUBLIC],
                                  capsa_buf *ret_genesis)
{
    uint8_t store_id[STORE_ID];
    CAPSA_TRY(capsa_random(store_id, sizeof(store_id)));
    size_t count = 0;
    while (options->insecure != NULL && options->insecure[count] != NULL) {
        count++;
    }
    CAPSA_AUTO(anchor_fields) anchors = {NULL, NULL, NULL};
    CAPSA_TRY(anchors_write(options, &anchors));
    char **insecure = capsa_alloc_array(count, sizeof(*insecure));
    CAPSA_REQUIRE_MEMORY(insecure);
    for (size_t i = 0; i < count; i++) {
        insecure[i] = field(options->insecure[i]);
    }
    Native__Genesis genesis = NATIVE__GENESIS__INIT;
    genesis.format = 1;
    genesis.store_id = (ProtobufCBinaryData){sizeof(store_id), store_id};
    genesis.mode = field(options->mode);
    genesis.audit_key = (ProtobufCBinaryData){CAPSA_ED25519_PUBLIC, audit_public};
    genesis.announce_key = (ProtobufCBinaryData){CAPSA_ED25519_PUBLIC, announce_public};
    genesis.membership = field("any");
    genesis.anchors = anchors.list;
    genesis.n_anchors = options->anchors_count;
    genesis.insecure = insecure;
    genesis.n_insecure = count;
    genesis.created_at = capsa_now(options->clock);
    capsa_result result = capsa_protobuf_write(&genesis.base, ret_genesis);
    capsa_dealloc(insecure);
    return result;
}

/* A root that rests in a file is anybody's who reads the disk. One that rests nowhere is gone with
 * the process, whose platform protects it. */
static capsa_result check_provider(const struct capsa_ledger_options *options, const char *mode,
                                   const struct capsa_slot_provider *provider)
{
    bool rests = options->root_key_path != NULL;
    CAPSA_REQUIRE(!rests || !capsa_streq(mode, "production") ||
                      provider->trust_class != CAPSA_SLOT_SIMULATION,
                  DENIED, "mode production: a slot of provider \"%s\" is for simulation",
                  provider->name);
    return CAPSA_OK;
}

static capsa_result begin(void *context, capsa_buf *ret_genesis, struct capsa_batch *first)
{
    const struct capsa_ledger_options *options = context;
    const struct capsa_slot_provider *provider;
    CAPSA_TRY(capsa_slot_provider_find(PROVIDER, &provider));
    CAPSA_TRY(check_provider(options, options->mode, provider));
    CAPSA_AUTO(capsa_buf) audit_pem = capsa_buf_of(KIB(2));
    CAPSA_AUTO(capsa_buf) announce_pem = capsa_buf_of(KIB(2));
    uint8_t audit_public[CAPSA_ED25519_PUBLIC], announce_public[CAPSA_ED25519_PUBLIC];
    CAPSA_TRY(new_signing_key(&audit_pem, audit_public));
    CAPSA_TRY(new_signing_key(&announce_pem, announce_public));
    CAPSA_TRY(put_signing(first, &audit_pem, &announce_pem));
    return write_genesis(options, audit_public, announce_public, ret_genesis);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The private key must be that of the genesis: whoever put another record there signs nothing. */
static capsa_result load_key(const char *pem, ProtobufCBinaryData wanted, const char *what,
                             struct capsa_private_key **ret_key)
{
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    uint8_t raw[CAPSA_ED25519_PUBLIC];
    CAPSA_TRY_AT(capsa_private_key_parse(capsa_bytes_str(pem), &key), "the %s key", what);
    CAPSA_TRY(capsa_public_key_of(key, &public_key));
    CAPSA_TRY(capsa_public_key_raw(public_key, raw));
    CAPSA_REQUIRE(wanted.len == sizeof(raw) && memcmp(wanted.data, raw, sizeof(raw)) == 0, TAMPERED,
                  "the stored %s key is not the one of the genesis", what);
    *ret_key = key;
    key = NULL;
    return CAPSA_OK;
}

static capsa_result load_keys(struct capsa_ledger *ledger)
{
    const struct capsa_record_key key = SIGNING_KEY;
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(capsa_store_get(ledger->store, &key, &record));
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&rec__signing__descriptor, capsa_buf_bytes(&record.value),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Rec__Signing *signing = (const Rec__Signing *)(const void *)message;
    CAPSA_TRY(
        load_key(signing->audit_key, ledger->genesis->audit_key, "audit", &ledger->audit_key));
    CAPSA_TRY(load_key(signing->announce_key, ledger->genesis->announce_key, "announce",
                       &ledger->announce_key));
    CAPSA_REQUIRE(signing->blind_key.len == CAPSA_SHA256, TAMPERED,
                  "the stored blinding key is none");
    return capsa_secret_copy(capsa_bytes_of(signing->blind_key.data, signing->blind_key.len),
                             &ledger->blind_key);
}

static capsa_result check_slot(void *context, const struct capsa_slot *slot, uint64_t version,
                               bool *ret_stop)
{
    (void)version;
    (void)ret_stop;
    const struct capsa_ledger *ledger = context;
    return check_provider(&ledger->options, ledger->genesis->mode, slot->provider);
}

static capsa_result load_genesis(struct capsa_ledger *ledger)
{
    capsa_bytes genesis = capsa_store_genesis(ledger->store);
    CAPSA_TRY(capsa_genesis_parse(genesis, &ledger->genesis));
    if (ledger->options.mode != NULL) {
        CAPSA_TRY(
            capsa_genesis_allows(ledger->genesis, ledger->options.mode, ledger->options.insecure));
    }
    for (size_t i = 0; i < ledger->options.anchors_count; i++) {
        CAPSA_TRY(capsa_genesis_allows_anchor(ledger->genesis, &ledger->options.anchors[i]));
    }
    CAPSA_TRY(capsa_store_slots(ledger->store, check_slot, ledger));
    capsa_genesis_id(genesis, ledger->manager_id);
    return load_keys(ledger);
}

static capsa_result open_log(struct capsa_ledger *ledger)
{
    struct capsa_audit_log_options options = {
        .store = ledger->store,
        .audit_key = ledger->audit_key,
        .anchor = ledger->anchor,
        .clock = ledger->options.clock,
    };
    memcpy(options.origin, ledger->manager_id, sizeof(options.origin));
    CAPSA_TRY(capsa_audit_log_open(&options, &ledger->log));
    const struct capsa_writer_audit audit = capsa_audit_log_writer(ledger->log);
    return capsa_writer_new(ledger->store, &audit, &ledger->writer);
}

static capsa_result open_store(struct capsa_ledger *ledger)
{
    const struct capsa_store_options options = {
        .location = ledger->options.location,
        .provider = PROVIDER,
        .provider_where = ledger->options.root_key_path,
        .begin = ledger->options.mode == NULL ? NULL : begin,
        .context = &ledger->options,
        .progress = ledger->options.progress,
    };
    return ledger->options.inner == NULL
               ? capsa_store_open_sealed(&options, &ledger->store)
               : capsa_store_seal(ledger->options.inner, &options, &ledger->store);
}

static capsa_result open_all(struct capsa_ledger *ledger)
{
    const char *anchor = ledger->options.anchor == NULL ? "none" : ledger->options.anchor;
    CAPSA_TRY(capsa_anchor_open(anchor, &ledger->anchor));
    CAPSA_TRY(open_store(ledger));
    CAPSA_TRY(load_genesis(ledger));
    return open_log(ledger);
}

CAPSA_RESULT capsa_ledger_open(const struct capsa_ledger_options *options,
                               struct capsa_ledger **ret_ledger)
{
    struct capsa_ledger *ledger = CAPSA_NEW(struct capsa_ledger);
    CAPSA_REQUIRE_MEMORY(ledger);
    ledger->options = *options;
    capsa_result result = open_all(ledger);
    if (capsa_failed(result)) {
        capsa_ledger_free(ledger);
        return result;
    }
    *ret_ledger = ledger;
    return CAPSA_OK;
}

/* ---- asked ----------------------------------------------------------------------------------- */

static capsa_result sign_info(const struct capsa_ledger *ledger, capsa_buf *info,
                              capsa_buf *ret_signed)
{
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(info->len + 64);
    CAPSA_TRY(capsa_buf_append(&message, INFO_LABEL));
    CAPSA_TRY(capsa_buf_append(&message, capsa_buf_bytes(info)));
    uint8_t signature[CAPSA_ED25519_SIGNATURE];
    CAPSA_TRY(capsa_ed25519_sign(ledger->announce_key, capsa_buf_bytes(&message), signature));
    Native__SignedManagerInfo outer = NATIVE__SIGNED_MANAGER_INFO__INIT;
    outer.info = (ProtobufCBinaryData){info->len, info->data};
    outer.signature = (ProtobufCBinaryData){sizeof(signature), signature};
    return capsa_protobuf_write(&outer.base, ret_signed);
}

CAPSA_RESULT capsa_ledger_announce(const struct capsa_ledger *ledger,
                                   Native__ManagerInfo__EnvelopeKey *const *keys, size_t count,
                                   capsa_buf *ret_signed_info)
{
    CAPSA_AUTO(capsa_buf) genesis = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_buf_append(&genesis, capsa_store_genesis(ledger->store)));
    Native__ManagerInfo__EnvelopeKey **list = capsa_alloc_array(count, sizeof(*list));
    CAPSA_REQUIRE_MEMORY(list);
    memcpy(list, keys, count * sizeof(*list));
    Native__ManagerInfo info = NATIVE__MANAGER_INFO__INIT;
    info.genesis = (ProtobufCBinaryData){genesis.len, genesis.data};
    info.keys = list;
    info.n_keys = count;
    info.anchor = field(capsa_ledger_anchor_name(ledger));
    info.issued_at = capsa_now(ledger->options.clock);
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(128));
    capsa_result result = capsa_protobuf_write(&info.base, &bytes);
    capsa_dealloc(list);
    CAPSA_TRY(result);
    return sign_info(ledger, &bytes, ret_signed_info);
}

void capsa_ledger_blind(const struct capsa_ledger *ledger, const capsa_bytes *parts, size_t count,
                        uint8_t ret_name[CAPSA_SHA256])
{
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256_parts(parts, count, digest);
    capsa_hmac_sha256(capsa_secret_borrow(ledger->blind_key),
                      capsa_bytes_of(digest, sizeof(digest)), ret_name);
}

CAPSA_RESULT capsa_ledger_now(const struct capsa_ledger *ledger, capsa_time *ret_now)
{
    struct capsa_audit_head head;
    capsa_audit_log_head(ledger->log, &head);
    capsa_time now = capsa_now(ledger->options.clock);
    CAPSA_REQUIRE(now >= head.time, BUSY,
                  "the manager's clock is %lld s behind what it has recorded; it releases and "
                  "changes nothing until the clock is right",
                  (long long)(head.time - now));
    *ret_now = now;
    return CAPSA_OK;
}

/* ---- another root ---------------------------------------------------------------------------- */

CAPSA_RESULT capsa_ledger_rekey(const struct capsa_ledger_options *options, uint32_t *ret_epoch)
{
    CAPSA_AUTO_FREE(capsa_ledger) ledger = NULL;
    CAPSA_TRY(capsa_ledger_open(options, &ledger));
    CAPSA_AUTO(capsa_buf) details = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_format(&details, "{\"epoch\":%u}", capsa_store_epoch(ledger->store) + 1));
    struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_REKEY,
                                      .details = capsa_buf_bytes(&details)};
    CAPSA_TRY(capsa_ledger_now(ledger, &entry.time));
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    CAPSA_TRY(capsa_batch_new(&batch));
    CAPSA_TRY(capsa_audit_add(batch, &entry, NULL));
    const struct capsa_writer_audit audit = capsa_audit_log_writer(ledger->log);
    CAPSA_TRY(capsa_store_rekey(ledger->store, options->root_key_path, batch, &audit));
    *ret_epoch = capsa_store_epoch(ledger->store);
    return CAPSA_OK;
}
