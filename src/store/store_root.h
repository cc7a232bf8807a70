/* SPDX-License-Identifier: Apache-2.0
 *
 * A root key: 256 random bits, never derived from anything. A store has one, from which every
 * record's key is derived; it rests wrapped in slots (store_slots.h). Slots of provider "file" have
 * another, which wraps it and lies in a file, root.key. Lost, the store is lost; read by somebody
 * else, the store is read: the file is for simulation and for tests of the rest.
 *
 * The file is text, mode 0600, owned by who runs the program:
 *   capsa-root 1
 *   id 0123456789abcdef          first 8 bytes of HKDF(key, "", "capsa root id"), in hex
 *   epoch 1
 *   key <64 hex digits>
 *   check 0123456789abcdef       first 8 bytes of SHA-256 over the lines above
 */
#pragma once

#include "base/result.h"
#include "base/secret.h"

#define CAPSA_ROOT_KEY     32
#define CAPSA_ROOT_ID      8
#define CAPSA_ROOT_ID_TEXT 17

struct capsa_root {
    uint8_t id[CAPSA_ROOT_ID]; /* says which key, tells nothing of it */
    uint32_t epoch;            /* of a store: 1; one more with each rekey */
    struct capsa_secret *key;
};

/* A fresh one of epoch 1, in memory only. */
CAPSA_RESULT capsa_root_new(struct capsa_root **ret_root);
/* Of CAPSA_ROOT_KEY bytes. */
CAPSA_RESULT capsa_root_of(capsa_secret_bytes key, uint32_t epoch, struct capsa_root **ret_root);
void capsa_root_free(struct capsa_root *root); /* NULL is fine; wipes */
CAPSA_DEFINE_AUTO_FREE(capsa_root)

/* Refuses (DENIED) a file that is not ours or that others may read, with what to type; a damaged
 * one is MALFORMED; none is NOT_FOUND. */
CAPSA_RESULT capsa_root_load(const char *path, struct capsa_root **ret_root);
/* Never over a file that is there (EXISTS); on disk when this returns. Makes the folder, 0700. */
CAPSA_RESULT capsa_root_save(const struct capsa_root *root, const char *path);
/* The text of the file, and back: pure. */
CAPSA_RESULT capsa_root_write(const struct capsa_root *root, capsa_buf *ret_text);
CAPSA_RESULT capsa_root_parse(capsa_bytes text, struct capsa_root **ret_root);

void capsa_root_id_text(const uint8_t id[CAPSA_ROOT_ID], char ret_text[CAPSA_ROOT_ID_TEXT]);
