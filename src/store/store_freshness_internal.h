/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two halves of freshness share: store_freshness.c (marks, the writer) and
 * store_freshness_read.c (readers, and what they may still see).
 */
#pragma once

#include <pthread.h>

#include "store/store_freshness.h"

#define FRESH_KEY   32
#define FRESH_LISTS 3

enum fresh_key_use {
    FRESH_NAMES,
    FRESH_ROWS,
    FRESH_STATE,
    FRESH_KEYS,
};

/* Something that stood before, kept for who began to read while it did. */
struct fresh_change {
    struct capsa_mark_name name;
    capsa_mark before;
    uint64_t settled; /* by which commit it was replaced */
};

struct fresh_past {
    struct fresh_change *changes;
    size_t count, capacity;
    size_t readers; /* who began in this era and are still under way */
};

struct fresh_memo {
    capsa_buf prefix;
    capsa_mark sum;
    bool in_use;
};

struct capsa_freshness {
    struct capsa_secret *keys;
    struct fresh_memo memos[FRESH_LISTS]; /* while learning */
    capsa_marks next;                     /* the writer's own; a mark 0: it will be gone */
    int64_t next_count;                   /* how many records more */
    pthread_mutex_t mutex;                /* guards what follows; only the writer changes it */
    capsa_marks marks;
    capsa_marks pending; /* what a commit under way will make of `marks` */
    uint64_t count;      /* records */
    uint64_t settled;    /* commits */
    /* Two eras: readers begin in the present one; when none of the one before is left, what it
     * kept is forgotten and a new era begins. */
    struct fresh_past past[2];
    unsigned era;
};

static inline capsa_secret_bytes fresh_key(const struct capsa_freshness *freshness,
                                           enum fresh_key_use use)
{
    return (capsa_secret_bytes){capsa_secret_borrow(freshness->keys).data + (size_t)use * FRESH_KEY,
                                FRESH_KEY};
}

static inline bool fresh_begins(capsa_bytes bytes, capsa_bytes with)
{
    return bytes.len >= with.len && capsa_bytes_equal(capsa_bytes_of(bytes.data, with.len), with);
}

struct capsa_mark_name fresh_record_name(const struct capsa_freshness *freshness, capsa_bytes key);
struct capsa_mark_name fresh_list_name(const struct capsa_freshness *freshness, capsa_bytes prefix);
/* 0 for a row that is not there. */
capsa_mark fresh_row_mark(const struct capsa_freshness *freshness, capsa_bytes key,
                          const capsa_record *row);
/* The prefixes of the lists that a record is in; the first is that of everything. */
size_t fresh_lists_of(capsa_bytes key, capsa_bytes ret_lists[FRESH_LISTS]);
/* "the record default/key/one <how>" */
CAPSA_RESULT fresh_tampered(capsa_bytes key, const char *how);

/* With the mutex held. */
CAPSA_RESULT fresh_past_reserve(struct capsa_freshness *freshness, size_t more);
void fresh_past_add(struct capsa_freshness *freshness, const struct capsa_mark_name *name,
                    capsa_mark before);
void fresh_past_forget(struct capsa_freshness *freshness);
