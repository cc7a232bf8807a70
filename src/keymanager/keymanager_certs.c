/* SPDX-License-Identifier: Apache-2.0
 *
 * RegisterCert. Its JWS has no x5c: the chain stands in the body, is verified with its first
 * certificate, and the party is the last one's. What is registered is kept and used for nothing: a
 * signature elsewhere is verified with the chain that it carries.
 */
#include "keymanager/keymanager_call.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "envelope/envelope_jws.h"

CAPSA_RESULT capsa_km_register_cert_check(const struct capsa_jws *jws,
                                          const Cm__RegisterCertRequest *request, capsa_time now,
                                          capsa_chain *ret_chain, char ret_party[CAPSA_PARTY_ID])
{
    CAPSA_REQUIRE(request->n_certs > 0, MALFORMED, "certs: must not be empty");
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    for (size_t i = 0; i < request->n_certs; i++) {
        CAPSA_TRY_AT(capsa_chain_add_pem(&chain, capsa_bytes_str(request->certs[i])), "certs[%zu]",
                     i);
    }
    CAPSA_REQUIRE(!jws->has_x5c || capsa_cert_same_key(jws->x5c.certs[0], chain.certs[0]),
                  UNAUTHENTIC, "x5c and certs begin with different keys");
    CAPSA_TRY(capsa_jws_check(jws, &chain, now, ret_party));
    *ret_chain = chain;
    chain = (capsa_chain){.count = 0};
    return CAPSA_OK;
}

static bool is_same(const Rec__Certs *kept, const Cm__RegisterCertRequest *request)
{
    bool same = kept->n_pem == request->n_certs;
    for (size_t i = 0; same && i < request->n_certs; i++) {
        same = capsa_streq(kept->pem[i], request->certs[i]);
    }
    return same;
}

CAPSA_RESULT capsa_km_register_cert(struct capsa_km_call *call)
{
    const Cm__RegisterCertRequest *request = (const Cm__RegisterCertRequest *)call->request;
    CAPSA_TRY(capsa_km_party_check(call, "owner_party_id", request->owner_party_id));
    CAPSA_REQUIRE(*request->scheme == '\0' || capsa_streq(request->scheme, "RSA"), UNSUPPORTED,
                  "scheme \"%s\": only RSA", request->scheme);
    CAPSA_AUTO_RECORD(Rec__Certs) kept = NULL;
    CAPSA_TRY(capsa_km_certs_find(call->txn, call->signer.party, &kept));
    if (kept != NULL) {
        CAPSA_REQUIRE(is_same(kept, request), EXISTS, "%s has registered other certificates",
                      call->signer.party);
        return CAPSA_OK;
    }
    Rec__Certs certs = REC__CERTS__INIT;
    certs.pem = request->certs;
    certs.n_pem = request->n_certs;
    return capsa_km_certs_put(call->txn, call->signer.party, &certs);
}
