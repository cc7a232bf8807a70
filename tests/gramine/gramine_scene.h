/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that was built for Gramine's libraries, and finds ours: it loads them by their names
 * and calls them by its own declarations. Around it a simulated platform, certificates made with
 * OpenSSL and by nothing of this project, and an environment of its own.
 */
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "attester/attester_sim_forge.h"
#include "attester/attester_sim_recipe.h"
#include "base/file.h"
#include "unit/unit.h"

/* ---- The original's interface, in our own words ------------------------------------------------
 */

struct gramine_results {
    int scheme, err_loc, func_result, qv_result;
    char rest[120];
};
_Static_assert(sizeof(struct gramine_results) == 136, "as Gramine's");

enum {
    AT_NONE = 0,
    AT_INIT = 1,
    AT_EXTRACT = 2,
    AT_VERIFY = 3,
    AT_ATTRIBUTES = 4,
    AT_MEASURED = 5
};
enum {
    INVALID_FORMAT = -0x2180,
    INVALID_EXTENSIONS = -0x2500,
    SIG_MISMATCH = -0x2680,
    VERIFY_FAILED = -0x2700,
    BAD_INPUT = -0x2800,
    FILE_IO = -0x2900,
};

typedef int (*gramine_callback)(const char *, const char *, const char *, const char *);

/* ---- The scene --------------------------------------------------------------------------------
 */

struct gramine {
    char dir[192], place[128]; /* the platform's folder; everything else */
    struct capsa_sim *sim;
    void *attest_library, *verify_library;
    int (*create)(uint8_t **, size_t *, uint8_t **, size_t *);
    int (*verify)(uint8_t *, size_t, struct gramine_results *);
    int (*verify_simply)(uint8_t *, size_t);
    void (*set_callback)(gramine_callback);
};

/* Everything that either library reads: unset. */
void gramine_clear(void);
void gramine_set(const char *name, const char *value); /* NULL: unset */
/* The simulated platform, and `any` for all measurements, which is allowed. */
void gramine_anything(const struct gramine *scene);

int gramine_setup(void **state);
int gramine_teardown(void **state);

/* Collateral with these knobs turned (`capsa sim forge`), as the bundle that is read. */
void gramine_collateral(const struct gramine *scene, const struct capsa_sim_turn *turns,
                        size_t count);

/* ---- Certificates -----------------------------------------------------------------------------
 */

/* What an enclave is, and what is wrong with its certificate. */
struct gramine_enclave {
    uint8_t mr_enclave[32], mr_signer[32];
    uint16_t isv_prod_id, isv_svn;
    bool debug;
    uint64_t flip;     /* of its attribute flags */
    bool tdx;          /* it is a TD, and no enclave */
    uint8_t last_byte; /* of the report data, whose second half is zero */
    bool no_key_hash;  /* the claims have another name for it */
    bool other_key;    /* the evidence is of another key */
    bool dice, legacy; /* its extensions; at least one */
    bool damage_dice;  /* one bit of the quote there */
    bool damage_signature;
};
/* 0x11 ..., 0x12 ..., 7, 4, by DICE. */
struct gramine_enclave gramine_enclave(void);

struct gramine_crt {
    uint8_t *der;
    size_t len;
};
struct gramine_crt gramine_certificate(const struct gramine *scene,
                                       const struct gramine_enclave *enclave);

/* ---- Asserts ----------------------------------------------------------------------------------
 */

/* What a call writes to standard error, whole. */
int gramine_judge(const struct gramine *scene, struct gramine_crt crt,
                  struct gramine_results *ret_results, char said[2048]);
void gramine_expect(const char *what, const struct gramine *scene, struct gramine_crt crt, int code,
                    int step);
