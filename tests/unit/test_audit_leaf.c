/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: leaves and checkpoints: what they commit to, and that there is one form of each.
 */
#include "unit.h"

#include "audit/audit_leaf.h"
#include "audit/audit_note.h"
#include "codec/text.h"

#define ORIGIN  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DETAILS CAPSA_BYTES_LITERAL("{\"resource\":\"capsule://x\"}")

static const uint8_t salt[CAPSA_AUDIT_SALT] = {1, 2, 3};

static void assert_hex(const uint8_t *bytes, size_t len, const char *wanted)
{
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
    const char *text;
    assert_ok(capsa_hex_write(capsa_bytes_of(bytes, len), &hex));
    assert_ok(capsa_buf_cstr(&hex, &text));
    assert_string_equal(text, wanted);
}

static struct capsa_audit_leaf make(const char *owner)
{
    struct capsa_audit_leaf leaf;
    assert_ok(capsa_audit_leaf_make(CAPSA_AUDIT_KEY_RELEASE, 1800000000, owner, salt, DETAILS, NULL,
                                    &leaf));
    return leaf;
}

/* ---- Leaves ---------------------------------------------------------------------------------- */

/* Computed apart from this code, with another language's HMAC. */
static void a_leaf_has_the_bytes_that_the_protocol_says(void **state)
{
    (void)state;
    struct capsa_audit_leaf leaf = make("ALICE");
    memset(leaf.state, 0x5a, sizeof(leaf.state));
    uint8_t bytes[CAPSA_AUDIT_LEAF];
    capsa_audit_leaf_write(&leaf, bytes);
    assert_hex(bytes, sizeof(bytes),
               "0120000000006b49d20025ffcaafcc1a9822afbb03f76094cdc523e9c7e91fa4"
               "6b0a66cb32410e765f3fca9779a5139401623eca035719703d36036bb477551e"
               "874b640292996fe860ba5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
               "5a5a5a5a5a5a5a5a5a5a");
}

static void a_leaf_is_read_back_as_it_was_written(void **state)
{
    (void)state;
    struct capsa_audit_leaf leaf = make("ALICE"), again = {0};
    uint8_t bytes[CAPSA_AUDIT_LEAF], twice[CAPSA_AUDIT_LEAF];
    capsa_audit_leaf_write(&leaf, bytes);
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        capsa_result result = capsa_audit_leaf_parse(capsa_bytes_of(bytes, sizeof(bytes)), &again);
        if (bit / 8 == 0 || bit == 2 * 8 + 7) { /* the format; a time before 1970 */
            assert_fails(result, MALFORMED);
        } else {
            assert_ok(result);
            capsa_audit_leaf_write(&again, twice);
            assert_memory_equal(twice, bytes, sizeof(bytes));
        }
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    assert_fails(capsa_audit_leaf_parse(capsa_bytes_of(bytes, sizeof(bytes) - 1), &again),
                 MALFORMED);
    assert_fails(capsa_audit_leaf_parse(capsa_bytes_of(NULL, 0), &again), MALFORMED);
}

static void a_leaf_commits_to_owner_salt_and_details(void **state)
{
    (void)state;
    const struct capsa_audit_leaf leaf = make("ALICE");
    uint8_t other[CAPSA_AUDIT_SALT] = {1, 2, 4};
    assert_ok(capsa_audit_leaf_check(&leaf, "ALICE", salt, DETAILS));
    assert_ok(capsa_audit_leaf_check(&leaf, NULL, salt, DETAILS));
    assert_fails(capsa_audit_leaf_check(&leaf, "BOB", salt, DETAILS), UNAUTHENTIC);
    assert_fails(capsa_audit_leaf_check(&leaf, "", salt, DETAILS), UNAUTHENTIC);
    assert_fails(capsa_audit_leaf_check(&leaf, "ALICE", other, DETAILS), UNAUTHENTIC);
    assert_fails(capsa_audit_leaf_check(&leaf, NULL, salt, CAPSA_BYTES_LITERAL("{}")), UNAUTHENTIC);
    const struct capsa_audit_leaf nobodys = make(NULL);
    assert_ok(capsa_audit_leaf_check(&nobodys, "", salt, DETAILS));
    assert_fails(capsa_audit_leaf_check(&nobodys, "ALICE", salt, DETAILS), UNAUTHENTIC);
}

/* Else details could be shown as an owner's name, or the other way. */
static void owner_and_details_are_hashed_apart(void **state)
{
    (void)state;
    struct capsa_audit_leaf leaf;
    assert_ok(capsa_audit_leaf_make(CAPSA_AUDIT_DENIAL, 1, "SAME", salt,
                                    CAPSA_BYTES_LITERAL("SAME"), NULL, &leaf));
    assert_memory_not_equal(leaf.owner, leaf.commitment, sizeof(leaf.owner));
}

static void a_decision_of_several_leaves_has_the_id_of_its_first(void **state)
{
    (void)state;
    const struct capsa_audit_leaf first = make("ALICE");
    struct capsa_audit_leaf second;
    uint8_t own[CAPSA_AUDIT_ID];
    assert_ok(capsa_audit_leaf_make(CAPSA_AUDIT_KEY_RELEASE, 1800000000, "BOB", salt, DETAILS,
                                    first.decision_id, &second));
    capsa_audit_leaf_own_id(&first, own);
    assert_memory_equal(first.decision_id, own, sizeof(own));
    assert_memory_equal(second.decision_id, own, sizeof(own));
    capsa_audit_leaf_own_id(&second, own);
    assert_memory_not_equal(second.decision_id, own, sizeof(own));
}

static void a_decision_id_depends_on_all_but_the_state(void **state)
{
    (void)state;
    const struct capsa_audit_leaf leaf = make("ALICE");
    struct capsa_audit_leaf other = leaf;
    uint8_t own[CAPSA_AUDIT_ID];
    other.state[0] ^= 1;
    capsa_audit_leaf_own_id(&other, own);
    assert_memory_equal(own, leaf.decision_id, sizeof(own));
    other.type ^= 1;
    capsa_audit_leaf_own_id(&other, own);
    assert_memory_not_equal(own, leaf.decision_id, sizeof(own));
    other = leaf;
    other.time++;
    capsa_audit_leaf_own_id(&other, own);
    assert_memory_not_equal(own, leaf.decision_id, sizeof(own));
    other = leaf;
    other.owner[15] ^= 1;
    capsa_audit_leaf_own_id(&other, own);
    assert_memory_not_equal(own, leaf.decision_id, sizeof(own));
    other = leaf;
    other.commitment[31] ^= 1;
    capsa_audit_leaf_own_id(&other, own);
    assert_memory_not_equal(own, leaf.decision_id, sizeof(own));
}

static void ids_are_hex_and_types_have_names(void **state)
{
    (void)state;
    const struct capsa_audit_leaf leaf = make("ALICE");
    char text[CAPSA_AUDIT_ID_TEXT];
    uint8_t id[CAPSA_AUDIT_ID];
    capsa_audit_id_text(leaf.decision_id, text);
    assert_int_equal(strlen(text), 32);
    assert_ok(capsa_audit_id_parse(text, id));
    assert_memory_equal(id, leaf.decision_id, sizeof(id));
    text[31] = 'g';
    assert_fails(capsa_audit_id_parse(text, id), MALFORMED);
    assert_fails(capsa_audit_id_parse("00", id), MALFORMED);
    assert_string_equal(capsa_audit_type_name(CAPSA_AUDIT_KEY_RELEASE), "key-release");
    assert_string_equal(capsa_audit_type_name(CAPSA_AUDIT_GENESIS), "genesis");
    assert_string_equal(capsa_audit_type_name(0), "unknown");
    assert_string_equal(capsa_audit_type_name(255), "unknown");
}

/* ---- Checkpoints ----------------------------------------------------------------------------- */

struct signer {
    struct capsa_private_key *key;
    uint8_t raw[CAPSA_ED25519_PUBLIC];
};

static struct signer signer_new(void)
{
    struct signer signer = {.key = NULL};
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    assert_ok(capsa_private_key_new_ed25519(&signer.key));
    assert_ok(capsa_public_key_of(signer.key, &public_key));
    assert_ok(capsa_public_key_raw(public_key, signer.raw));
    return signer;
}

static void sign(const struct signer *signer, uint64_t size, capsa_buf *note)
{
    struct capsa_checkpoint checkpoint = {.origin = ORIGIN, .size = size};
    memset(checkpoint.root, 0x11, sizeof(checkpoint.root));
    assert_ok(capsa_checkpoint_sign(&checkpoint, signer->key, note));
}

static void a_checkpoint_opens_with_its_key_alone(void **state)
{
    (void)state;
    struct signer signer = signer_new(), other = signer_new();
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    sign(&signer, INT64_MAX, &note);
    struct capsa_checkpoint got = {.size = 0};
    assert_ok(capsa_checkpoint_open(capsa_buf_bytes(&note), ORIGIN, signer.raw, &got));
    assert_string_equal(got.origin, ORIGIN);
    assert_true(got.size == INT64_MAX);
    assert_int_equal(got.root[31], 0x11);
    struct capsa_checkpoint not_it = {.size = 7};
    assert_fails(capsa_checkpoint_open(capsa_buf_bytes(&note), ORIGIN, other.raw, &not_it),
                 UNAUTHENTIC);
    char elsewhere[] = ORIGIN;
    elsewhere[0] = 'f';
    assert_fails(capsa_checkpoint_open(capsa_buf_bytes(&note), elsewhere, signer.raw, &not_it),
                 UNAUTHENTIC);
    assert_int_equal(not_it.size, 7);
    capsa_private_key_free(signer.key);
    capsa_private_key_free(other.key);
}

static void a_checkpoint_has_the_lines_of_a_signed_note(void **state)
{
    (void)state;
    struct signer signer = signer_new();
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    const char *text;
    const char *begin = ORIGIN "\n1234\nERERERERERERERERERERERERERERERERERERERERERE=\n\n"
                               "\xe2\x80\x94 " ORIGIN " ";
    sign(&signer, 1234, &note);
    assert_ok(capsa_buf_cstr(&note, &text));
    assert_memory_equal(text, begin, strlen(begin));
    assert_int_equal(strlen(text), strlen(begin) + 92 + 1); /* b64 of 68 bytes, newline */
    capsa_private_key_free(signer.key);
}

static void no_changed_checkpoint_opens(void **state)
{
    (void)state;
    struct signer signer = signer_new();
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    struct capsa_checkpoint got = {.size = 7};
    sign(&signer, 1234, &note);
    for (size_t bit = 0; bit < 8 * note.len; bit++) {
        note.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_true(
            capsa_failed(capsa_checkpoint_open(capsa_buf_bytes(&note), ORIGIN, signer.raw, &got)));
        note.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    for (size_t len = 0; len < note.len; len++) {
        assert_true(capsa_failed(
            capsa_checkpoint_open(capsa_bytes_of(note.data, len), ORIGIN, signer.raw, &got)));
    }
    assert_ok(capsa_buf_str(&note, "\n"));
    assert_fails(capsa_checkpoint_open(capsa_buf_bytes(&note), ORIGIN, signer.raw, &got),
                 MALFORMED);
    assert_int_equal(got.size, 7);
    capsa_private_key_free(signer.key);
}

/* The signature holds for these; but there is one form. */
static void sizes_with_zeros_before_them_are_refused(void **state)
{
    (void)state;
    struct signer signer = signer_new();
    static const char *const sizes[] = {
        "01", "+1", "-1", " 1", "", "1 ", "9223372036854775808", "18446744073709551617"};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
        CAPSA_AUTO(capsa_buf) good = capsa_buf_of(KIB(1));
        struct capsa_checkpoint got;
        assert_ok(capsa_buf_format(&note, ORIGIN "\n%s\n", sizes[i]));
        assert_ok(capsa_buf_str(&note, "ERERERERERERERERERERERERERERERERERERERERERE=\n"));
        uint8_t signature[CAPSA_ED25519_SIGNATURE];
        assert_ok(capsa_ed25519_sign(signer.key, capsa_buf_bytes(&note), signature));
        sign(&signer, 1, &good);
        CAPSA_AUTO(capsa_buf) raw = capsa_buf_of(68);
        capsa_bytes line = capsa_bytes_of(good.data + good.len - 93, 92);
        assert_ok(capsa_base64_parse(line, CAPSA_BASE64_STD, &raw));
        memcpy(raw.data + 4, signature, sizeof(signature));
        assert_ok(capsa_buf_str(&note, "\n\xe2\x80\x94 " ORIGIN " "));
        assert_ok(capsa_base64_write(capsa_buf_bytes(&raw), CAPSA_BASE64_STD, &note));
        assert_ok(capsa_buf_str(&note, "\n"));
        assert_fails(capsa_checkpoint_open(capsa_buf_bytes(&note), ORIGIN, signer.raw, &got),
                     MALFORMED);
    }
    capsa_private_key_free(signer.key);
}

static void a_checkpoint_over_its_limit_is_told_apart(void **state)
{
    (void)state;
    struct capsa_checkpoint got;
    const uint8_t key[CAPSA_ED25519_PUBLIC] = {0};
    uint8_t large[CAPSA_LIMIT_checkpoint_bytes + 1] = {'\n'};
    assert_fails(capsa_checkpoint_open(capsa_bytes_of(large, sizeof(large)), ORIGIN, key, &got),
                 TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leaf_has_the_bytes_that_the_protocol_says),
        cmocka_unit_test(a_leaf_is_read_back_as_it_was_written),
        cmocka_unit_test(a_leaf_commits_to_owner_salt_and_details),
        cmocka_unit_test(owner_and_details_are_hashed_apart),
        cmocka_unit_test(a_decision_of_several_leaves_has_the_id_of_its_first),
        cmocka_unit_test(a_decision_id_depends_on_all_but_the_state),
        cmocka_unit_test(ids_are_hex_and_types_have_names),
        cmocka_unit_test(a_checkpoint_opens_with_its_key_alone),
        cmocka_unit_test(a_checkpoint_has_the_lines_of_a_signed_note),
        cmocka_unit_test(no_changed_checkpoint_opens),
        cmocka_unit_test(sizes_with_zeros_before_them_are_refused),
        cmocka_unit_test(a_checkpoint_over_its_limit_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
