/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints as signed notes (audit_note.h). There is one form only: what was read is written
 * again and must be the same.
 */
#include "audit/audit_note.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "codec/text.h"

#define KEY_HASH  4
#define SIGNATURE (KEY_HASH + CAPSA_ED25519_SIGNATURE)

/* c2sp.org/signed-note: an em dash, then name and signature. */
#define SIGNER "\xe2\x80\x94 "

/* ---- Writing --------------------------------------------------------------------------------- */

/* The first four bytes of SHA-256(name || 0x0A || 0x01 || public key); 01 is Ed25519. */
static void key_hash(const char *origin, const uint8_t public_key[CAPSA_ED25519_PUBLIC],
                     uint8_t ret_hash[KEY_HASH])
{
    uint8_t message[CAPSA_MANAGER_ID - 1 + 2 + CAPSA_ED25519_PUBLIC];
    uint8_t digest[CAPSA_SHA256];
    memcpy(message, origin, CAPSA_MANAGER_ID - 1);
    message[CAPSA_MANAGER_ID - 1] = 0x0a;
    message[CAPSA_MANAGER_ID] = 0x01;
    memcpy(message + CAPSA_MANAGER_ID + 1, public_key, CAPSA_ED25519_PUBLIC);
    capsa_sha256(capsa_bytes_of(message, sizeof(message)), digest);
    memcpy(ret_hash, digest, KEY_HASH);
}

static bool is_origin(const char origin[CAPSA_MANAGER_ID])
{
    for (size_t i = 0; i < CAPSA_MANAGER_ID - 1; i++) {
        bool is_hex =
            (origin[i] >= '0' && origin[i] <= '9') || (origin[i] >= 'a' && origin[i] <= 'f');
        if (!is_hex) {
            return false;
        }
    }
    return origin[CAPSA_MANAGER_ID - 1] == '\0';
}

/* The three lines that are signed. */
static capsa_result write_text(const struct capsa_checkpoint *checkpoint, capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_format(text, "%s\n%" PRIu64 "\n", checkpoint->origin, checkpoint->size));
    CAPSA_TRY(capsa_base64_write(capsa_bytes_of(checkpoint->root, CAPSA_TREE_HASH),
                                 CAPSA_BASE64_STD, text));
    return capsa_buf_str(text, "\n");
}

static capsa_result write_signature(const char *origin, const uint8_t signature[SIGNATURE],
                                    capsa_buf *note)
{
    CAPSA_TRY(capsa_buf_format(note, "\n" SIGNER "%s ", origin));
    CAPSA_TRY(capsa_base64_write(capsa_bytes_of(signature, SIGNATURE), CAPSA_BASE64_STD, note));
    return capsa_buf_str(note, "\n");
}

CAPSA_RESULT capsa_checkpoint_sign_as(const struct capsa_checkpoint *checkpoint,
                                      const struct capsa_private_key *audit_key,
                                      const uint8_t public_key[CAPSA_ED25519_PUBLIC],
                                      capsa_buf *note)
{
    CAPSA_REQUIRE(is_origin(checkpoint->origin), USAGE, "a checkpoint of no manager id");
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    CAPSA_TRY(write_text(checkpoint, &text));
    uint8_t signature[SIGNATURE];
    key_hash(checkpoint->origin, public_key, signature);
    CAPSA_TRY(capsa_ed25519_sign(audit_key, capsa_buf_bytes(&text), signature + KEY_HASH));
    CAPSA_TRY(write_signature(checkpoint->origin, signature, &text));
    return capsa_buf_append(note, capsa_buf_bytes(&text));
}

CAPSA_RESULT capsa_checkpoint_sign(const struct capsa_checkpoint *checkpoint,
                                   const struct capsa_private_key *audit_key, capsa_buf *note)
{
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    uint8_t raw[CAPSA_ED25519_PUBLIC];
    CAPSA_TRY(capsa_public_key_of(audit_key, &public_key));
    CAPSA_TRY(capsa_public_key_raw(public_key, raw));
    return capsa_checkpoint_sign_as(checkpoint, audit_key, raw, note);
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct parsed {
    struct capsa_checkpoint checkpoint;
    capsa_bytes text; /* of the note: what is signed */
    uint8_t signature[SIGNATURE];
};

/* What stands before the next newline, which is left out of it. */
static capsa_result next_line(capsa_bytes *rest, const char *what, capsa_bytes *ret_line)
{
    size_t len = capsa_bytes_find(*rest, '\n');
    CAPSA_REQUIRE(len < rest->len, MALFORMED, "a checkpoint that ends in its %s", what);
    *ret_line = capsa_bytes_of(rest->data, len);
    *rest = capsa_bytes_from(*rest, len + 1);
    return CAPSA_OK;
}

static capsa_result read_size(capsa_bytes line, uint64_t *ret_size)
{
    uint64_t size = 0;
    CAPSA_REQUIRE(line.len > 0 && line.len <= 19, MALFORMED, "a checkpoint with no size");
    for (size_t i = 0; i < line.len; i++) {
        CAPSA_REQUIRE(line.data[i] >= '0' && line.data[i] <= '9', MALFORMED,
                      "a checkpoint with no size");
        size = size * 10 + (uint64_t)(line.data[i] - '0');
    }
    CAPSA_REQUIRE(size <= CAPSA_TREE_SIZE_MAX, MALFORMED, "a checkpoint of too many entries");
    *ret_size = size;
    return CAPSA_OK;
}

static capsa_result read_base64(capsa_bytes text, size_t len, const char *what, uint8_t *ret_bytes)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(len);
    CAPSA_TRY_AT(capsa_base64_parse(text, CAPSA_BASE64_STD, &bytes), "a checkpoint's %s", what);
    CAPSA_REQUIRE(bytes.len == len, MALFORMED, "a checkpoint's %s of %zu bytes", what, bytes.len);
    memcpy(ret_bytes, bytes.data, len);
    return CAPSA_OK;
}

static capsa_result read_origin(capsa_bytes line, char ret_origin[CAPSA_MANAGER_ID])
{
    char origin[CAPSA_MANAGER_ID] = {0};
    CAPSA_REQUIRE(line.len == CAPSA_MANAGER_ID - 1, MALFORMED, "a checkpoint of no manager id");
    memcpy(origin, line.data, line.len);
    CAPSA_REQUIRE(is_origin(origin), MALFORMED, "a checkpoint of no manager id");
    memcpy(ret_origin, origin, sizeof(origin));
    return CAPSA_OK;
}

static capsa_result read_text(capsa_bytes *rest, struct capsa_checkpoint *checkpoint)
{
    capsa_bytes line;
    CAPSA_TRY(next_line(rest, "origin", &line));
    CAPSA_TRY(read_origin(line, checkpoint->origin));
    CAPSA_TRY(next_line(rest, "size", &line));
    CAPSA_TRY(read_size(line, &checkpoint->size));
    CAPSA_TRY(next_line(rest, "root", &line));
    return read_base64(line, CAPSA_TREE_HASH, "root", checkpoint->root);
}

/* "— ORIGIN SIGNATURE": only where the signature lies; the rest is compared by require_form. */
static capsa_result read_signature(capsa_bytes *rest, uint8_t ret_signature[SIGNATURE])
{
    capsa_bytes line;
    size_t before = sizeof(SIGNER) - 1 + CAPSA_MANAGER_ID - 1 + 1;
    CAPSA_TRY(next_line(rest, "text", &line)); /* the empty line */
    CAPSA_TRY(next_line(rest, "signature", &line));
    CAPSA_REQUIRE(line.len > before, MALFORMED, "a checkpoint without its one signature");
    return read_base64(capsa_bytes_from(line, before), SIGNATURE, "signature", ret_signature);
}

static capsa_result require_form(capsa_bytes note, const struct parsed *parsed)
{
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    CAPSA_TRY(write_text(&parsed->checkpoint, &again));
    CAPSA_TRY(write_signature(parsed->checkpoint.origin, parsed->signature, &again));
    CAPSA_REQUIRE(capsa_bytes_equal(note, capsa_buf_bytes(&again)), MALFORMED,
                  "a checkpoint that is not in its one form");
    return CAPSA_OK;
}

static capsa_result parse(capsa_bytes note, struct parsed *ret_parsed)
{
    CAPSA_REQUIRE(note.len <= CAPSA_LIMIT_checkpoint_bytes, TOO_LARGE,
                  "a checkpoint of %zu bytes, at most %d", note.len, CAPSA_LIMIT_checkpoint_bytes);
    capsa_bytes rest = note;
    CAPSA_TRY(read_text(&rest, &ret_parsed->checkpoint));
    ret_parsed->text = capsa_bytes_of(note.data, note.len - rest.len);
    CAPSA_TRY(read_signature(&rest, ret_parsed->signature));
    return require_form(note, ret_parsed);
}

CAPSA_RESULT capsa_checkpoint_open(capsa_bytes note, const char *origin,
                                   const uint8_t public_key[CAPSA_ED25519_PUBLIC],
                                   struct capsa_checkpoint *ret_checkpoint)
{
    struct parsed parsed = {.text = {NULL, 0}};
    uint8_t wanted[KEY_HASH];
    CAPSA_TRY(parse(note, &parsed));
    CAPSA_REQUIRE(capsa_streq(parsed.checkpoint.origin, origin), UNAUTHENTIC,
                  "a checkpoint of manager %s, not of %s", parsed.checkpoint.origin, origin);
    key_hash(origin, public_key, wanted);
    CAPSA_REQUIRE(memcmp(parsed.signature, wanted, KEY_HASH) == 0, UNAUTHENTIC,
                  "a checkpoint that names another key");
    CAPSA_TRY_AT(
        capsa_ed25519_check(public_key, parsed.text,
                            capsa_bytes_of(parsed.signature + KEY_HASH, CAPSA_ED25519_SIGNATURE)),
        "a checkpoint of %" PRIu64 " entries", parsed.checkpoint.size);
    *ret_checkpoint = parsed.checkpoint;
    return CAPSA_OK;
}
