/* SPDX-License-Identifier: Apache-2.0
 *
 * What a manager is, and what it may be opened as: genesis, manager id, mode, insecure options, the
 * place of the root, announcements, the time floor, another root, and a store that was put back as
 * a whole.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "codec/protobuf.h"
#include "ledger/ledger.h"
#include "store/store_slots.h"

#define NOW 1780000000

static struct capsa_clock test_clock;
static char folder[] = "/tmp/capsa-ledger-XXXXXX";
static char location[128], root_key[128];

static int begin(void **state)
{
    (void)state;
    test_clock = capsa_clock_at(NOW);
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int end(void **state)
{
    (void)state;
    test_remove_tree(folder);
    return 0;
}

/* A store of its own for each test. */
static void place(const char *name)
{
    (void)snprintf(location, sizeof(location), "sqlite:%s/%s/x.db", folder, name);
    (void)snprintf(root_key, sizeof(root_key), "%s/%s/root.key", folder, name);
}

static struct capsa_ledger_options options_of(const char *mode, const char *const *insecure)
{
    return (struct capsa_ledger_options){.location = location,
                                         .root_key_path = root_key,
                                         .mode = mode,
                                         .insecure = insecure,
                                         .clock = &test_clock};
}

static struct capsa_ledger *open_as(const char *mode, const char *const *insecure)
{
    const struct capsa_ledger_options options = options_of(mode, insecure);
    struct capsa_ledger *ledger;
    assert_ok(capsa_ledger_open(&options, &ledger));
    return ledger;
}

static capsa_result try_as(const char *mode, const char *const *insecure)
{
    const struct capsa_ledger_options options = options_of(mode, insecure);
    struct capsa_ledger *ledger = NULL;
    capsa_result result = capsa_ledger_open(&options, &ledger);
    capsa_ledger_free(ledger);
    return result;
}

static void put(struct capsa_ledger *ledger, const char *part, uint64_t version)
{
    const struct capsa_record_key key = CAPSA_RECORD_KEY("default", "test", part);
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    const struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_KEY_CREATE,
                                            .time = test_clock.fixed,
                                            .owner = "owner",
                                            .details = CAPSA_BYTES_LITERAL("{}")};
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_put(batch, &key, version, NULL, CAPSA_BYTES_LITERAL("value")));
    assert_ok(capsa_audit_add(batch, &entry, NULL));
    assert_ok(capsa_writer_commit(capsa_ledger_writer(ledger), batch));
}

/* ---- identity -------------------------------------------------------------------------------- */

static void the_manager_id_is_the_digest_of_the_genesis_and_stays(void **state)
{
    (void)state;
    place("id");
    char first[CAPSA_MANAGER_ID], computed[CAPSA_MANAGER_ID];
    struct capsa_ledger *ledger = open_as("simulation", NULL);
    assert_true(capsa_ledger_is_new(ledger));
    capsa_genesis_id(capsa_store_genesis(capsa_ledger_store(ledger)), computed);
    (void)snprintf(first, sizeof(first), "%s", capsa_ledger_manager_id(ledger));
    assert_string_equal(first, computed);
    put(ledger, "a", 0);
    capsa_ledger_free(ledger);
    ledger = open_as("simulation", NULL);
    assert_false(capsa_ledger_is_new(ledger));
    assert_string_equal(capsa_ledger_manager_id(ledger), first);
    capsa_ledger_free(ledger);
    place("id2");
    ledger = open_as("simulation", NULL);
    assert_string_not_equal(capsa_ledger_manager_id(ledger), first);
    capsa_ledger_free(ledger);
}

static void a_store_opens_in_the_mode_of_its_genesis_alone(void **state)
{
    (void)state;
    place("mode");
    capsa_ledger_free(open_as("simulation", NULL));
    assert_fails(try_as("production", NULL), DENIED);
    assert_fails(try_as("", NULL), DENIED);
    assert_ok(try_as("simulation", NULL));
}

static void a_store_opens_with_no_weaker_option_than_its_genesis_has(void **state)
{
    (void)state;
    static const char *const one[] = {"insecure_a", NULL};
    static const char *const both[] = {"insecure_a", "insecure_b", NULL};
    static const char *const other[] = {"insecure_b", NULL};
    place("weak");
    capsa_ledger_free(open_as("simulation", one));
    assert_ok(try_as("simulation", NULL)); /* stronger is fine */
    assert_ok(try_as("simulation", one));
    assert_fails(try_as("simulation", both), DENIED);
    assert_fails(try_as("simulation", other), DENIED);
}

static capsa_result try_anchors(const struct capsa_genesis_anchor *anchors, size_t count)
{
    struct capsa_ledger_options options = options_of("simulation", NULL);
    options.anchors = anchors;
    options.anchors_count = count;
    struct capsa_ledger *ledger = NULL;
    capsa_result result = capsa_ledger_open(&options, &ledger);
    capsa_ledger_free(ledger);
    return result;
}

static void a_store_takes_no_simulated_anchor_that_its_genesis_does_not_name(void **state)
{
    (void)state;
    const struct capsa_genesis_anchor vendor = {.id = "v", .sha256 = {1}, .is_vendor = true};
    const struct capsa_genesis_anchor newer = {.id = "w", .sha256 = {2}, .is_vendor = true};
    const struct capsa_genesis_anchor simulated = {.id = "s", .sha256 = {3}};
    const struct capsa_genesis_anchor other = {.id = "s", .sha256 = {4}};
    const struct capsa_genesis_anchor both[] = {vendor, simulated};
    place("anchors");
    assert_ok(try_anchors(&vendor, 1));
    assert_ok(try_anchors(&newer, 1));
    assert_fails(try_anchors(both, 2), DENIED);
    place("simulated");
    assert_ok(try_anchors(both, 2));
    assert_ok(try_anchors(&vendor, 1));
    assert_ok(try_anchors(both, 2));
    assert_fails(try_anchors(&other, 1), DENIED); /* the name is nothing */
}

static void in_production_no_root_rests_in_a_file(void **state)
{
    (void)state;
    place("production");
    capsa_result refused = try_as("production", NULL);
    assert_fails(refused, DENIED);
    assert_non_null(strstr(capsa_text_of(refused), "file"));
    struct capsa_ledger_options options = options_of("production", NULL);
    options.location = "memory:";
    struct capsa_ledger *ledger = NULL;
    assert_fails(capsa_ledger_open(&options, &ledger), DENIED);
    options.root_key_path = NULL; /* it rests nowhere */
    assert_ok(capsa_ledger_open(&options, &ledger));
    capsa_ledger_free(ledger);
}

static void a_genesis_is_read_strictly(void **state)
{
    (void)state;
    place("strict");
    struct capsa_ledger *ledger = open_as("simulation", NULL);
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(4));
    assert_ok(capsa_buf_append(&bytes, capsa_store_genesis(capsa_ledger_store(ledger))));
    capsa_ledger_free(ledger);
    Native__Genesis *parsed;
    assert_ok(capsa_genesis_parse(capsa_buf_bytes(&bytes), &parsed));
    capsa_message_free(&parsed->base);
    for (size_t len = 0; len < bytes.len; len++) { /* what is cut is none */
        capsa_result cut = capsa_genesis_parse(capsa_bytes_of(bytes.data, len), &parsed);
        if (!capsa_failed(cut)) { /* but for fields that may be absent, which stand at the end */
            assert_true(bytes.len - len <= 8);
            capsa_message_free(&parsed->base);
        }
    }
    assert_ok(capsa_buf_append(&bytes, CAPSA_BYTES_LITERAL("\x58\x01"))); /* field 11 */
    assert_true(capsa_failed(capsa_genesis_parse(capsa_buf_bytes(&bytes), &parsed)));
    Native__Genesis genesis = NATIVE__GENESIS__INIT;
    static uint8_t key[33];
    char *unsorted[] = {(char[]){"b"}, (char[]){"a"}};
    char simulation[] = "simulation", any[] = "any", other[] = "test";
    const struct {
        int64_t format;
        size_t id, audit, announce, insecure;
        char *mode, *membership;
        enum capsa_code code;
    } cases[] = {
        {1, 16, 32, 32, 0, simulation, any, CAPSA_E_OK},
        {2, 16, 32, 32, 0, simulation, any, CAPSA_E_UNSUPPORTED},
        {1, 15, 32, 32, 0, simulation, any, CAPSA_E_MALFORMED},
        {1, 16, 33, 32, 0, simulation, any, CAPSA_E_MALFORMED},
        {1, 16, 32, 31, 0, simulation, any, CAPSA_E_MALFORMED},
        {1, 16, 32, 32, 2, simulation, any, CAPSA_E_MALFORMED},
        {1, 16, 32, 32, 0, other, any, CAPSA_E_MALFORMED},
        {1, 16, 32, 32, 0, simulation, (char[]){""}, CAPSA_E_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        genesis.format = cases[i].format;
        genesis.store_id = (ProtobufCBinaryData){cases[i].id, key};
        genesis.audit_key = (ProtobufCBinaryData){cases[i].audit, key};
        genesis.announce_key = (ProtobufCBinaryData){cases[i].announce, key};
        genesis.mode = cases[i].mode;
        genesis.membership = cases[i].membership;
        genesis.insecure = unsorted;
        genesis.n_insecure = cases[i].insecure;
        CAPSA_AUTO(capsa_buf) made = capsa_buf_of(KIB(4));
        assert_ok(capsa_protobuf_write(&genesis.base, &made));
        capsa_result result = capsa_genesis_parse(capsa_buf_bytes(&made), &parsed);
        assert_int_equal(capsa_code_of(result), cases[i].code);
        if (!capsa_failed(result)) {
            capsa_message_free(&parsed->base);
        }
    }
}

static void an_announcement_is_signed_by_the_key_of_the_genesis(void **state)
{
    (void)state;
    place("announce");
    struct capsa_ledger *ledger = open_as("simulation", NULL);
    char kid[] = "k", alg[] = "a";
    Native__ManagerInfo__EnvelopeKey key = NATIVE__MANAGER_INFO__ENVELOPE_KEY__INIT;
    Native__ManagerInfo__EnvelopeKey *keys[] = {&key};
    key.kid = kid;
    key.alg = alg;
    CAPSA_AUTO(capsa_buf) announced = capsa_buf_of(KIB(8));
    CAPSA_AUTO_MESSAGE outer = NULL;
    assert_ok(capsa_ledger_announce(ledger, keys, 1, &announced));
    assert_ok(capsa_protobuf_parse(&native__signed_manager_info__descriptor,
                                   capsa_buf_bytes(&announced), CAPSA_UNKNOWN_REFUSED, &outer));
    const Native__SignedManagerInfo *info = (const Native__SignedManagerInfo *)outer;
    Native__Genesis *genesis;
    assert_ok(capsa_genesis_parse(capsa_store_genesis(capsa_ledger_store(ledger)), &genesis));
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(KIB(8));
    assert_ok(capsa_buf_str(&message, "capsa manager info v1\n"));
    assert_ok(capsa_buf_append(&message, capsa_bytes_of(info->info.data, info->info.len)));
    capsa_bytes signature = capsa_bytes_of(info->signature.data, info->signature.len);
    assert_ok(
        capsa_ed25519_check(genesis->announce_key.data, capsa_buf_bytes(&message), signature));
    /* One key, one use: the audit key signs no announcement. */
    assert_fails(capsa_ed25519_check(genesis->audit_key.data, capsa_buf_bytes(&message), signature),
                 UNAUTHENTIC);
    assert_memory_not_equal(genesis->audit_key.data, genesis->announce_key.data, 32);
    capsa_message_free(&genesis->base);
    capsa_ledger_free(ledger);
}

static void blind_names_are_the_stores_own(void **state)
{
    (void)state;
    const capsa_bytes parts[] = {CAPSA_BYTES_LITERAL("a"), CAPSA_BYTES_LITERAL("bc")};
    const capsa_bytes shifted[] = {CAPSA_BYTES_LITERAL("ab"), CAPSA_BYTES_LITERAL("c")};
    uint8_t first[CAPSA_SHA256], again[CAPSA_SHA256], other[CAPSA_SHA256];
    place("blind");
    struct capsa_ledger *ledger = open_as("simulation", NULL);
    capsa_ledger_blind(ledger, parts, 2, first);
    capsa_ledger_blind(ledger, shifted, 2, other);
    assert_memory_not_equal(first, other, sizeof(first));
    capsa_ledger_free(ledger);
    ledger = open_as("simulation", NULL);
    capsa_ledger_blind(ledger, parts, 2, again);
    assert_memory_equal(first, again, sizeof(first));
    capsa_ledger_free(ledger);
    place("blind2");
    ledger = open_as("simulation", NULL);
    capsa_ledger_blind(ledger, parts, 2, other);
    assert_memory_not_equal(first, other, sizeof(first));
    capsa_ledger_free(ledger);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void the_floor_is_the_latest_entry_also_after_a_restart(void **state)
{
    (void)state;
    place("time");
    capsa_time now;
    struct capsa_ledger *ledger = open_as("simulation", NULL);
    test_clock.fixed = NOW + 1000;
    put(ledger, "a", 0);
    capsa_ledger_free(ledger);
    test_clock.fixed = NOW + 999;
    ledger = open_as("simulation", NULL);
    assert_fails(capsa_ledger_now(ledger, &now), BUSY);
    test_clock.fixed = NOW + 1000;
    assert_ok(capsa_ledger_now(ledger, &now));
    assert_int_equal(now, NOW + 1000);
    capsa_ledger_free(ledger);
    test_clock.fixed = NOW;
}

/* ---- another root ---------------------------------------------------------------------------- */

static void another_root_keeps_manager_data_and_log(void **state)
{
    (void)state;
    place("rekey");
    char id[CAPSA_MANAGER_ID];
    struct capsa_ledger *ledger = open_as("simulation", NULL);
    put(ledger, "a", 0);
    (void)snprintf(id, sizeof(id), "%s", capsa_ledger_manager_id(ledger));
    struct capsa_audit_head before, after;
    capsa_audit_log_head(capsa_ledger_log(ledger), &before);
    capsa_ledger_free(ledger);
    for (uint32_t wanted = 2; wanted <= 3; wanted++) {
        const struct capsa_ledger_options options = options_of(NULL, NULL);
        uint32_t epoch = 0;
        assert_ok(capsa_ledger_rekey(&options, &epoch));
        assert_int_equal(epoch, wanted);
    }
    ledger = open_as("simulation", NULL);
    assert_string_equal(capsa_ledger_manager_id(ledger), id);
    capsa_audit_log_head(capsa_ledger_log(ledger), &after);
    assert_int_equal(after.size, before.size + 2);
    CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
    struct capsa_audit_leaf leaf;
    assert_ok(capsa_audit_log_read(capsa_ledger_log(ledger), after.size - 1, &kept));
    assert_ok(capsa_audit_leaf_parse(capsa_buf_bytes(&kept.leaf), &leaf));
    assert_int_equal(leaf.type, CAPSA_AUDIT_REKEY);
    put(ledger, "a", 1); /* and it goes on */
    capsa_ledger_free(ledger);
}

static void a_command_beside_the_daemon_begins_no_store(void **state)
{
    (void)state;
    place("absent");
    const struct capsa_ledger_options options = options_of(NULL, NULL);
    uint32_t epoch;
    assert_fails(capsa_ledger_rekey(&options, &epoch), NOT_FOUND);
}

/* ---- everything put back --------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(16));
    assert_ok(capsa_file_read(from, &bytes));
    assert_ok(capsa_file_write(to, capsa_buf_bytes(&bytes), 0600, true));
}

/* What one instance alone cannot notice, an anchor does. */
static void a_store_put_back_as_a_whole_is_noticed_by_its_anchor_alone(void **state)
{
    (void)state;
    char file[160], copy[160], anchor[160];
    place("whole");
    (void)snprintf(file, sizeof(file), "%s", location + strlen("sqlite:"));
    (void)snprintf(copy, sizeof(copy), "%s/copy", folder);
    (void)snprintf(anchor, sizeof(anchor), "file:%s/anchor", folder);
    struct capsa_ledger_options options = options_of("simulation", NULL);
    options.anchor = anchor;
    struct capsa_ledger *ledger;
    assert_ok(capsa_ledger_open(&options, &ledger));
    assert_string_equal(capsa_ledger_anchor_name(ledger), "file");
    put(ledger, "a", 0);
    capsa_ledger_free(ledger);
    copy_file(file, copy);
    assert_ok(capsa_ledger_open(&options, &ledger));
    put(ledger, "a", 1);
    capsa_ledger_free(ledger);
    copy_file(copy, file);
    assert_fails(capsa_ledger_open(&options, &ledger), TAMPERED);
    options.anchor = "none";
    assert_ok(capsa_ledger_open(&options, &ledger));
    assert_string_equal(capsa_ledger_anchor_name(ledger), "none");
    capsa_ledger_free(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manager_id_is_the_digest_of_the_genesis_and_stays),
        cmocka_unit_test(a_store_opens_in_the_mode_of_its_genesis_alone),
        cmocka_unit_test(a_store_opens_with_no_weaker_option_than_its_genesis_has),
        cmocka_unit_test(a_store_takes_no_simulated_anchor_that_its_genesis_does_not_name),
        cmocka_unit_test(in_production_no_root_rests_in_a_file),
        cmocka_unit_test(a_genesis_is_read_strictly),
        cmocka_unit_test(an_announcement_is_signed_by_the_key_of_the_genesis),
        cmocka_unit_test(blind_names_are_the_stores_own),
        cmocka_unit_test(the_floor_is_the_latest_entry_also_after_a_restart),
        cmocka_unit_test(another_root_keeps_manager_data_and_log),
        cmocka_unit_test(a_command_beside_the_daemon_begins_no_store),
        cmocka_unit_test(a_store_put_back_as_a_whole_is_noticed_by_its_anchor_alone),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
