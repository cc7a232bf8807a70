/* SPDX-License-Identifier: Apache-2.0
 *
 * Claims (RFC 9334): what evidence says, as values with a name and a provenance. claims.def is the
 * whole list. A plain value: copy it, no destructor.
 */
#pragma once

#include "base/buf.h"
#include "codec/json.h"

enum capsa_platform {
    CAPSA_PLATFORM_NONE, /* not known (yet) */
#define CAPSA_PLATFORM(symbol, name, ual, what) CAPSA_PLATFORM_##symbol,
#include "evidence/platforms.def"
#undef CAPSA_PLATFORM
    CAPSA_PLATFORM_COUNT,
};
const char *capsa_platform_name(enum capsa_platform platform); /* "sgx"; "none" */
const char *capsa_platform_ual(enum capsa_platform platform);  /* "SGX_DCAP" */
const char *capsa_platform_what(enum capsa_platform platform); /* "Intel SGX" */
/* NONE when no platform has this name, or this UAL name. */
enum capsa_platform capsa_platform_by_name(const char *name);
enum capsa_platform capsa_platform_by_ual(const char *ual);

enum capsa_claim {
#define CAPSA_CLAIM(symbol, platform, name, kind, size, provenance, what) CAPSA_CLAIM_##symbol,
#include "evidence/claims.def"
#undef CAPSA_CLAIM
    CAPSA_CLAIM_COUNT,
};

enum capsa_claim_kind { CAPSA_CLAIM_HEX, CAPSA_CLAIM_NUMBER, CAPSA_CLAIM_TEXT };
enum capsa_provenance {
    CAPSA_PROVENANCE_MEASURED,
    CAPSA_PROVENANCE_HOST,
    CAPSA_PROVENANCE_GUEST,
    CAPSA_PROVENANCE_ENDORSED,
    CAPSA_PROVENANCE_ASSERTED,
};
const char *capsa_provenance_name(enum capsa_provenance provenance); /* "measured", ... */

struct capsa_claim_type {
    enum capsa_platform platform;
    const char *name; /* "mr_enclave" */
    enum capsa_claim_kind kind;
    size_t size; /* HEX: exactly; TEXT: at most; bytes */
    enum capsa_provenance provenance;
    const char *what;
};
const struct capsa_claim_type *capsa_claim_type(enum capsa_claim claim);
/* By platform and name; false when there is none. */
bool capsa_claim_by_name(enum capsa_platform platform, const char *name,
                         enum capsa_claim *ret_claim);

#define CAPSA_CLAIM_BYTES 64
struct capsa_claim_value {
    bool present;
    uint8_t len;     /* HEX, TEXT */
    uint64_t number; /* NUMBER */
    uint8_t bytes[CAPSA_CLAIM_BYTES];
};

struct capsa_claims {
    enum capsa_platform platform;
    bool debug; /* the platform lets its host look inside */
    struct capsa_claim_value values[CAPSA_CLAIM_COUNT];
};

/* Bytes of HEX and TEXT claims, borrowed; empty when absent. */
capsa_bytes capsa_claim_bytes(const struct capsa_claims *claims, enum capsa_claim claim);
/* `bytes` must have the claim's size (TEXT: at most). */
void capsa_claim_set_bytes(struct capsa_claims *claims, enum capsa_claim claim, capsa_bytes bytes);
void capsa_claim_set_number(struct capsa_claims *claims, enum capsa_claim claim, uint64_t number);

/* The 64 bytes that the evidence binds, of whatever platform; empty when there are none. */
capsa_bytes capsa_claims_report_data(const struct capsa_claims *claims);

/* Measurements that the originals put together (contracts, trustflow 5.5), lower-case hex,
 * appended: tdx mr_plat = MRSEAM MRSIGNERSEAM MRTD MRCONFIGID MROWNER MROWNERCONFIG; mr_boot =
 * RTMR0 RTMR1; mr_ta = RTMR2 RTMR3; csv mr_boot = measure. Names: a table of these is
 * capsa_composites. */
struct capsa_composite {
    enum capsa_platform platform;
    const char *name;
    enum capsa_claim parts[6];
    size_t count;
};
extern const struct capsa_composite capsa_composites[];
extern const size_t capsa_composites_count;
CAPSA_RESULT capsa_composite_hex(const struct capsa_claims *claims,
                                 const struct capsa_composite *composite, capsa_buf *ret_hex);

/* {"platform":"sgx","debug":false,"sgx":{"mr_enclave":"..","isv_svn":1,..}}: every claim that is
 * present, and the composites. */
CAPSA_RESULT capsa_claims_json(const struct capsa_claims *claims, struct capsa_json **ret_json);
