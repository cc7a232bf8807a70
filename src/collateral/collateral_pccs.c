/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel's collateral, from a PCCS or Intel's own PCS, version 3 or 4 of their interface: the paths
 * are the same, and the answers nearly. What is asked for follows from the quote's PCK certificate.
 * Source: contracts, quote-verification section 12.
 */
#include "base/limits.h"
#include "collateral/collateral_intel.h"
#include "collateral/collateral_web.h"

#define PCS_BASE "https://api.trustedservices.intel.com"
#define PCS_ROOT "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define URL_MAX  KIB(4)

/* ---- The base -------------------------------------------------------------------------------- */

/* "https://host:8081" and "https://host:8081/sgx/certification/v4/" mean the same. */
struct base {
    char host[512]; /* and what may stand before /sgx, without a slash at the end */
    unsigned version;
    bool is_pcs;
};

static capsa_result read_version(const char *path, unsigned *ret_version)
{
    bool is_known = (path[0] == 'v') && (path[1] == '3' || path[1] == '4') &&
                    (path[2] == '\0' || (path[2] == '/' && path[3] == '\0'));
    CAPSA_REQUIRE(is_known, USAGE, "pccs_url: v3 or v4 wanted at its end, not \"%.60s\"", path);
    *ret_version = (unsigned)(path[1] - '0');
    return CAPSA_OK;
}

static capsa_result read_base(const struct capsa_collateral_options *options, struct base *ret_base)
{
    static const char path[] = "/sgx/certification/";
    const char *url = options->pccs_url == NULL ? PCS_BASE : options->pccs_url;
    struct base base = {.version = 4, .is_pcs = strncmp(url, PCS_BASE, strlen(PCS_BASE)) == 0};
    const char *at = strstr(url, path);
    size_t len = at == NULL ? strlen(url) : (size_t)(at - url);
    CAPSA_TRY(at == NULL ? CAPSA_OK : read_version(at + sizeof(path) - 1, &base.version));
    while (len > 0 && url[len - 1] == '/') {
        len--;
    }
    CAPSA_REQUIRE(len < sizeof(base.host), USAGE, "pccs_url: longer than %zu characters",
                  sizeof(base.host) - 1);
    memcpy(base.host, url, len);
    *ret_base = base;
    return CAPSA_OK;
}

static const char *tee_path(enum capsa_platform platform)
{
    return platform == CAPSA_PLATFORM_TDX ? "tdx" : "sgx";
}

/* ---- What is asked for ----------------------------------------------------------------------- */

/* What is asked about, and where the answer goes. */
struct question {
    const struct capsa_intel_platform *about;
    enum capsa_platform platform;
    capsa_collateral *collateral; /* to be filled */
};

static const char *const crl_headers[] = {"SGX-PCK-CRL-Issuer-Chain", NULL};
static const char *const tcb_headers[] = {"TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain",
                                          NULL};
static const char *const identity_headers[] = {"SGX-Enclave-Identity-Issuer-Chain", NULL};
static const char *const pck_headers[] = {"SGX-PCK-Certificate-Issuer-Chain", NULL};

static capsa_result take_crl(const struct question *question, const capsa_web_answer *answer,
                             capsa_time *ret_until)
{
    capsa_collateral *collateral = question->collateral;
    CAPSA_TRY(
        capsa_collateral_crl("PCK CRL", capsa_buf_bytes(&answer->body), &collateral->pck_crl));
    CAPSA_TRY(capsa_intel_chain_decode(capsa_buf_bytes(&answer->header),
                                       &collateral->pck_crl_issuer_chain));
    return capsa_collateral_crl_until(capsa_buf_bytes(&collateral->pck_crl), ret_until);
}

static capsa_result take_root_crl(const struct question *question, const capsa_web_answer *answer,
                                  capsa_time *ret_until)
{
    capsa_buf *crl = &question->collateral->root_ca_crl;
    CAPSA_TRY(capsa_collateral_crl("root CRL", capsa_buf_bytes(&answer->body), crl));
    return capsa_collateral_crl_until(capsa_buf_bytes(crl), ret_until);
}

/* An answer about another platform is no answer, however well it is signed. */
static capsa_result check_tcb_info(const struct question *question, capsa_bytes text)
{
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_json_parse(text, &json));
    const char *fmspc = capsa_json_string(capsa_json_get(json, "fmspc"));
    const char *id = capsa_json_string(capsa_json_get(json, "id"));
    const char *wanted = question->platform == CAPSA_PLATFORM_TDX ? "TDX" : "SGX";
    CAPSA_REQUIRE(fmspc != NULL && strcasecmp(fmspc, question->about->fmspc) == 0, MALFORMED,
                  "TCB Info of FMSPC %.20s, asked was for %s", fmspc == NULL ? "(none)" : fmspc,
                  question->about->fmspc);
    bool is_version_2 = id == NULL && question->platform == CAPSA_PLATFORM_SGX;
    CAPSA_REQUIRE(is_version_2 || (id != NULL && capsa_streq(id, wanted)), MALFORMED,
                  "TCB Info of %.20s, asked was for %s", id == NULL ? "(nothing)" : id, wanted);
    return CAPSA_OK;
}

static capsa_result take_tcb_info(const struct question *question, const capsa_web_answer *answer,
                                  capsa_time *ret_until)
{
    capsa_collateral *collateral = question->collateral;
    CAPSA_TRY(capsa_collateral_signed("tcbInfo", capsa_buf_bytes(&answer->body),
                                      &collateral->tcb_info, &collateral->tcb_info_signature));
    CAPSA_TRY(capsa_intel_chain_decode(capsa_buf_bytes(&answer->header),
                                       &collateral->tcb_info_issuer_chain));
    CAPSA_TRY(check_tcb_info(question, capsa_buf_bytes(&collateral->tcb_info)));
    return capsa_intel_signed_until(capsa_buf_bytes(&collateral->tcb_info), ret_until);
}

static capsa_result take_identity(const struct question *question, const capsa_web_answer *answer,
                                  capsa_time *ret_until)
{
    capsa_collateral *collateral = question->collateral;
    CAPSA_TRY(capsa_collateral_signed("enclaveIdentity", capsa_buf_bytes(&answer->body),
                                      &collateral->qe_identity,
                                      &collateral->qe_identity_signature));
    CAPSA_TRY(capsa_intel_chain_decode(capsa_buf_bytes(&answer->header),
                                       &collateral->qe_identity_issuer_chain));
    return capsa_intel_signed_until(capsa_buf_bytes(&collateral->qe_identity), ret_until);
}

/* The leaf, then the chain of the header. Good until the platform's versions change, and then other
 * versions are asked for. */
static capsa_result take_pck(const struct question *question, const capsa_web_answer *answer,
                             capsa_time *ret_until)
{
    capsa_buf *chain = &question->collateral->pck_certificate_chain;
    struct capsa_intel_platform about;
    CAPSA_TRY(capsa_buf_append(chain, capsa_buf_bytes(&answer->body)));
    CAPSA_TRY(capsa_buf_str(chain, "\n"));
    CAPSA_TRY(capsa_intel_chain_decode(capsa_buf_bytes(&answer->header), chain));
    CAPSA_TRY(capsa_intel_platform_of_chain(capsa_buf_bytes(chain), &about));
    *ret_until = 0;
    return CAPSA_OK;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

typedef capsa_result (*take_function)(const struct question *question,
                                      const capsa_web_answer *answer, capsa_time *ret_until);

struct asked {
    const struct question *question;
    take_function take;
};

/* An answer is what was asked for when it can be taken; here into collateral of its own. */
static capsa_result check_answer(const struct capsa_web_wish *wish, const capsa_web_answer *answer,
                                 capsa_time *ret_until)
{
    const struct asked *asked = wish->context;
    CAPSA_AUTO(capsa_collateral) scratch;
    capsa_collateral_init(&scratch);
    struct question question = *asked->question;
    question.collateral = &scratch;
    return asked->take(&question, answer, ret_until);
}

static capsa_result ask(struct capsa_collateral_web *web, const struct question *question,
                        const char *url, size_t max, const char *const *headers, take_function take)
{
    const struct asked asked = {.question = question, .take = take};
    const struct capsa_web_wish wish = {
        .url = url, .max = max, .headers = headers, .check = check_answer, .context = &asked};
    capsa_time until;
    CAPSA_AUTO(capsa_web_answer) answer;
    capsa_web_answer_init(&answer, 0);
    CAPSA_TRY(capsa_web_get(web, &wish, &answer));
    return take(question, &answer, &until);
}

/* What every quote needs, and where it is. */
static const struct {
    bool per_tee;     /* below /tdx for TDX; else below /sgx */
    const char *path; /* up to what the platform makes of it, and what stands behind that */
    enum { WITH_NOTHING, WITH_FMSPC, WITH_CA } with;
    const char *rest;
    size_t max;
    const char *const *headers;
    take_function take;
} questions[] = {
    {true, "tcb?fmspc=", WITH_FMSPC, "", CAPSA_LIMIT_collateral_signed, tcb_headers, take_tcb_info},
    {true, "qe/identity", WITH_NOTHING, "", CAPSA_LIMIT_collateral_signed, identity_headers,
     take_identity},
    {false, "pckcrl?ca=", WITH_CA, "&encoding=der", (size_t)CAPSA_LIMIT_collateral_crl * 2,
     crl_headers, take_crl},
};

static capsa_result ask_all(struct capsa_collateral_web *web, const struct base *base,
                            const struct question *question)
{
    const char *const with[] = {"", question->about->fmspc,
                                question->about->is_platform_ca ? "platform" : "processor"};
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(URL_MAX);
        const char *url;
        CAPSA_TRY(capsa_buf_format(&text, "%s/%s/certification/v%u/%s%s%s", base->host,
                                   questions[i].per_tee ? tee_path(question->platform) : "sgx",
                                   base->version, questions[i].path, with[questions[i].with],
                                   questions[i].rest));
        CAPSA_TRY(capsa_buf_cstr(&text, &url));
        CAPSA_TRY(
            ask(web, question, url, questions[i].max, questions[i].headers, questions[i].take));
    }
    return CAPSA_OK;
}

static capsa_result ask_root_crl(const struct capsa_collateral_options *options,
                                 struct capsa_collateral_web *web, const struct base *base,
                                 const struct question *question)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(URL_MAX);
    const char *url = options->root_crl_url;
    url = url == NULL && base->is_pcs ? PCS_ROOT : url;
    if (url == NULL) {
        CAPSA_TRY(capsa_buf_format(&text, "%s/sgx/certification/v%u/rootcacrl", base->host,
                                   base->version));
        CAPSA_TRY(capsa_buf_cstr(&text, &url));
    }
    return ask(web, question, url, (size_t)CAPSA_LIMIT_collateral_crl * 2, NULL, take_root_crl);
}

static capsa_result ask_pck(struct capsa_collateral_web *web, const struct base *base,
                            const struct capsa_quote *quote, const struct question *question)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(URL_MAX);
    const char *url;
    CAPSA_TRY(
        capsa_buf_format(&text, "%s/sgx/certification/v%u/pckcert?", base->host, base->version));
    CAPSA_TRY(capsa_intel_pck_query(quote, &text));
    CAPSA_TRY(capsa_buf_cstr(&text, &url));
    return ask(web, question, url, CAPSA_LIMIT_collateral_chain, pck_headers, take_pck);
}

/* ---- The source ------------------------------------------------------------------------------ */

/* A quote that carries only its leaf lacks what the CRL's chain has as well. */
static capsa_result complete_chain(const struct capsa_quote *quote, capsa_collateral *collateral)
{
    if (quote->cert_type != 4) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_buf_append(&collateral->pck_certificate_chain, quote->cert_data));
    CAPSA_TRY(capsa_buf_str(&collateral->pck_certificate_chain, "\n"));
    return capsa_buf_append(&collateral->pck_certificate_chain,
                            capsa_buf_bytes(&collateral->pck_crl_issuer_chain));
}

static capsa_result fetch(const struct capsa_collateral_options *options,
                          struct capsa_collateral_web *web, enum capsa_platform platform,
                          capsa_bytes evidence, capsa_collateral *ret_collateral)
{
    struct capsa_quote quote;
    struct base base;
    struct capsa_intel_platform about = {.fmspc = ""};
    const struct question question = {
        .about = &about, .platform = platform, .collateral = ret_collateral};
    CAPSA_TRY(read_base(options, &base));
    CAPSA_TRY_AT(capsa_quote_parse(evidence, &quote), "quote");
    CAPSA_REQUIRE(base.version == 4 || platform == CAPSA_PLATFORM_SGX, UNSUPPORTED,
                  "pccs_url: version 3 of the interface has nothing for Intel TDX");
    if (quote.cert_type == 4 || quote.cert_type == 5) {
        CAPSA_TRY(capsa_intel_platform_of_quote(&quote, &about));
    } else {
        CAPSA_TRY(ask_pck(web, &base, &quote, &question));
        CAPSA_TRY(capsa_intel_platform_of_chain(
            capsa_buf_bytes(&ret_collateral->pck_certificate_chain), &about));
    }
    CAPSA_TRY(ask_all(web, &base, &question));
    CAPSA_TRY(ask_root_crl(options, web, &base, &question));
    return complete_chain(&quote, ret_collateral);
}

static bool serves(const struct capsa_collateral_options *options, enum capsa_platform platform)
{
    (void)options;
    return platform == CAPSA_PLATFORM_SGX || platform == CAPSA_PLATFORM_TDX;
}

const struct capsa_collateral_source capsa_collateral_pccs = {
    .name = "pccs",
    .serves = serves,
    .fetch = fetch,
};
