/* SPDX-License-Identifier: Apache-2.0
 *
 * The parties of the measurements, and the names of their keys. bench_fill makes a party's files
 * and its keys in a store; bench_manager asks for them.
 */
#pragma once

#include "client/client_party.h"

#define BENCH_OP    "bench"
#define BENCH_SCOPE "default"
#define BENCH_KEY   "AAECAwQFBgcICQoLDA0ODw=="
#define BENCH_UUID  1000 /* keys under one data_uuid */
#define BENCH_NAME  64

/* "rsa" or "p256": a party whose key is of that type. */
CAPSA_RESULT bench_party_make(const char *type, const char *folder, capsa_party *ret_party);
CAPSA_RESULT bench_party_load(const char *type, const char *folder, capsa_party *ret_party);

/* The index-th key of a party: "<type>-<index / BENCH_UUID>/<index>". */
void bench_uuid(const char *type, size_t index, char ret_uuid[BENCH_NAME]);
void bench_uri(const char *type, size_t index, char ret_uri[BENCH_NAME]);
