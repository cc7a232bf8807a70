/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults on purpose: the n-th allocation, read of randomness or call that changes a disk is made to
 * fail, for every n until a run goes through without one. Counted are our own allocations, those of
 * the libraries (libcrypto, SQLite, libyaml; jansson and protobuf-c allocate through us), our reads
 * of randomness and libcrypto's, and the calls of libc that open, write, sync, cut, name or remove
 * files, also SQLite's: the program has functions of those names that stand before libc's.
 *
 * What must hold each time: no crash and no report of a sanitizer; an error of a fitting code, or
 * success with the right result; outputs as they were; no leak (asked after each test); and the
 * next run, with whatever lives on between runs, works.
 *
 * CAPSA_FULL=1 fails every call; without it, of runs with many calls only a sample.
 */
#pragma once

#include "../unit/unit.h"

#include "base/buf.h"

enum failing_what {
    FAILING_NOTHING,
    FAILING_MEMORY,    /* ours */
    FAILING_LIBRARIES, /* theirs */
    FAILING_RANDOM,
    FAILING_DISK,
    FAILING_KINDS,
};

enum failing_how {
    FAILING_ONCE,    /* the n-th call, and no other */
    FAILING_EVER,    /* and all that follow; a write that is the n-th is done by half */
    FAILING_KILLED,  /* the process ends by SIGKILL before the n-th call is done */
    FAILING_HALFWAY, /* ... when a write is half done; other calls: not done */
    FAILING_BEHIND,  /* ... when it is done, before anybody knows */
};

/* First of all in main: puts the hooks in place, before any library allocates. */
void failing_install(void);

/* The call that is to fail: the `nth` of this kind from now on, counted from 0, on any thread. */
void failing_arm(enum failing_what what, enum failing_how how, size_t nth);
/* Nothing fails any more. How many calls of the kind there were. */
struct failing_count {
    size_t calls, failed;
    size_t lost;  /* writes and syncs among those that failed: something may not be on disk */
    size_t syncs; /* of files, that were done */
};
struct failing_count failing_disarm(void);

bool failing_is_full(void);
/* Without CAPSA_FULL: the first `dense` calls (60) each, then every n-th with n growing. */
void failing_sample(size_t dense);
/* The n to try after `nth`: the next one, or a few further when only a sample is wanted. */
size_t failing_next(size_t nth);

/* ---- Calls in a table ------------------------------------------------------------------------ */

/* What a call under test may put its result into. `buf` holds "before" and `made` is FAILING_MARK
 * when it is called, and both must still be so when it fails. */
struct failing_out {
    capsa_buf buf;
    void *made;
};
extern char failing_mark;
#define FAILING_MARK ((void *)&failing_mark)

struct failing_case {
    const char *name;
    /* Does it once, and checks what it made when it succeeds. */
    capsa_result (*run)(struct failing_out *out);
    void (*drop)(void *made); /* NULL: nothing was made */
    /* libcrypto does not always tell that memory ran out. What it could not look at is refused
     * then: MALFORMED or UNAUTHENTIC. */
    bool may_refuse;
    bool spares_libraries; /* a library itself breaks; the table says how */
};

/* Every fault of the kind; a failure must have one of the codes of its kind. */
void failing_try(const struct failing_case *one, enum failing_what what, enum failing_how how);
/* The codes that a fault of a kind may lead to. */
bool failing_code_fits(enum failing_what what, enum capsa_code code);
/* Nothing may do without the randomness that it did not get; other faults may do no harm. */
bool failing_must_fail(enum failing_what what, struct failing_count count);

/* A table through every kind of fault that is no disk's; how many entries, by sizeof. */
void failing_try_all(const struct failing_case *cases, size_t count);
#define FAILING_TRY_ALL(cases) failing_try_all(cases, sizeof(cases) / sizeof((cases)[0]))

/* Fails the test when something was leaked since the program began (builds with ASan). */
void failing_check_leaks(void);
