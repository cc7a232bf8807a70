/* SPDX-License-Identifier: Apache-2.0
 *
 * policy, and the parts of client that need no connection: every allocation and read of randomness
 * fails in turn. What denies when it fails must not allow.
 */
#include "failing.h"

#include "client/client_party.h"
#include "client/client_text.h"
#include "client/client_vote.h"
#include "codec/protobuf.h"
#include "policy/policy.h"

#define NOW ((capsa_time)1780000000)
#define CONSTRAINT                                                                                 \
    "r.op_name == \"psi\" && (r.columns[0] in [\"id\", \"x\"] || r.env.n + 2 * 3 > 1) && "         \
    "r.attrs + \"tail\" != r.scope"
#define POLICY                                                                                     \
    "{\"data_uuid\":\"u\",\"rules\":[{\"rule_id\":\"one\",\"grantee_party_ids\":[\"p\"],"          \
    "\"columns\":[\"id\",\"x\"],\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":["        \
    "\"r.op_name == \\\"psi\\\"\"]}],\"global_constraints\":[\"r.columns[0] == \\\"id\\\"\","      \
    "\"true || r.env.tee.sgx.mr_enclave == \\\"ab\\\"\"]}]}"

/* Made while nothing fails. */
static ProtobufCMessage *policy;
static struct capsa_json *r, *terms, *vote_request, *vote;
static struct capsa_constraint *constraint;
static capsa_party party;
static capsa_buf cert_pem;
static char *columns[] = {(char[]){"id"}};
static const struct capsa_request request = {.resource_uri = "u",
                                             .initiator_party_id = "p",
                                             .scope = "default",
                                             .op_name = "psi",
                                             .attrs = "",
                                             .columns = columns,
                                             .columns_count = 1};

static void party_make(void)
{
    const struct capsa_cert_request asked = {.not_before = NOW - 10, .not_after = NOW + 10};
    assert_ok(capsa_private_key_new_rsa(2048, &party.key));
    assert_ok(capsa_cert_self_sign(party.key, &asked, &party.chain.certs[0]));
    party.chain.count = 1;
    assert_ok(capsa_cert_party_id(party.chain.certs[0], party.id));
    cert_pem = capsa_buf_of(KIB(64));
    assert_ok(capsa_cert_write_pem(party.chain.certs[0], &cert_pem));
}

static int fixtures_make(void **state)
{
    (void)state;
    struct capsa_json *answer = NULL;
    assert_ok(capsa_protojson_parse(&cm__policy__descriptor, CAPSA_BYTES_LITERAL(POLICY),
                                    CAPSA_UNKNOWN_REFUSED, &policy));
    assert_ok(capsa_request_object(&request, &r));
    assert_ok(capsa_constraint_compile(CONSTRAINT, &constraint));
    party_make();
    assert_ok(capsa_vote_terms("u", 1, &terms));
    assert_ok(capsa_vote_request_make(&party, terms, &vote_request));
    assert_ok(capsa_json_parse(CAPSA_BYTES_LITERAL("{\"action\":\"APPROVE\"}"), &answer));
    assert_ok(capsa_vote_make(
        &party, capsa_json_string(capsa_json_get(vote_request, "vote_request_signature")), answer,
        &vote));
    capsa_json_free(answer);
    return 0;
}

static int fixtures_free(void **state)
{
    (void)state;
    capsa_message_free(policy);
    capsa_json_free(r);
    capsa_json_free(terms);
    capsa_json_free(vote_request);
    capsa_json_free(vote);
    capsa_constraint_free(constraint);
    capsa_party_drop(&party);
    capsa_buf_drop(&cert_pem);
    return 0;
}

/* ---- policy ---------------------------------------------------------------------------------- */

static capsa_result compile(struct failing_out *out)
{
    struct capsa_constraint *made = out->made;
    capsa_result result = capsa_constraint_compile(CONSTRAINT, &made);
    out->made = made;
    return result;
}

static void free_constraint(void *made)
{
    assert_false(capsa_constraint_is_constant(made));
    capsa_constraint_free(made);
}

static capsa_result eval(struct failing_out *out)
{
    (void)out;
    bool truth = false;
    capsa_result result = capsa_constraint_eval(constraint, r, &truth);
    assert_true(capsa_failed(result) != truth);
    return result;
}

static capsa_result no_use(void *context, const struct capsa_constraint_use *use)
{
    (void)use;
    ++*(size_t *)context;
    return CAPSA_OK;
}

static capsa_result uses(struct failing_out *out)
{
    (void)out;
    size_t count = 0;
    CAPSA_TRY(capsa_constraint_uses(constraint, no_use, &count));
    assert_true(count >= 5);
    return CAPSA_OK;
}

static capsa_result check(struct failing_out *out)
{
    (void)out;
    return capsa_policy_check((const Cm__Policy *)policy);
}

static capsa_result decide(struct failing_out *out)
{
    (void)out;
    struct capsa_decision decision = {.allowed = false};
    capsa_result result = capsa_policy_decide((const Cm__Policy *)policy, &request, &decision);
    assert_true(capsa_failed(result) != decision.allowed);
    return result;
}

/* That nothing is allowed that should not be, although the clause that says so cannot be read. */
static capsa_result deny(struct failing_out *out)
{
    (void)out;
    char *other_columns[] = {(char[]){"x"}}; /* granted, and not what a constraint wants */
    struct capsa_request other = request;
    other.columns = other_columns;
    struct capsa_decision decision = {.allowed = false};
    capsa_result result = capsa_policy_decide((const Cm__Policy *)policy, &other, &decision);
    assert_false(decision.allowed);
    return result;
}

static capsa_result no_finding(void *context, const struct capsa_lint_finding *finding)
{
    (void)context;
    (void)finding;
    return CAPSA_OK;
}

static capsa_result lint(struct failing_out *out)
{
    (void)out;
    return capsa_policy_lint((const Cm__Policy *)policy, no_finding, NULL);
}

static capsa_result request_object(struct failing_out *out)
{
    struct capsa_json *made = out->made;
    capsa_result result = capsa_request_object(&request, &made);
    out->made = made;
    return result;
}

static void free_json(void *made)
{
    capsa_json_free(made);
}

static void policies_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"constraint_compile", compile, free_constraint, false, false},
        {"constraint_eval", eval, NULL, false, false},
        {"constraint_uses", uses, NULL, false, false},
        {"policy_check", check, NULL, false, false},
        {"policy_decide", decide, NULL, false, false},
        {"policy_decide denies", deny, NULL, false, false},
        {"policy_lint", lint, NULL, false, false},
        {"request_object", request_object, free_json, false, false},
    };
    FAILING_TRY_ALL(cases);
}

/* ---- client ---------------------------------------------------------------------------------- */

static capsa_result chain_add_text(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY(capsa_chain_add_text(&chain, capsa_buf_bytes(&cert_pem)));
    assert_int_equal(chain.count, 1);
    return CAPSA_OK;
}

static capsa_result party_certs(struct failing_out *out)
{
    struct capsa_json *made = out->made;
    capsa_result result = capsa_party_certs(&party, &made);
    out->made = made;
    return result;
}

static capsa_result party_cert(struct failing_out *out)
{
    return capsa_party_cert(&party, &out->buf);
}

static capsa_result text_show(struct failing_out *out)
{
    return capsa_text_show("a name that hides \x1b and more of it, long enough to grow a buffer",
                           &out->buf);
}

static capsa_result vote_terms(struct failing_out *out)
{
    struct capsa_json *made = out->made;
    capsa_result result = capsa_vote_terms("u", 1, &made);
    out->made = made;
    return result;
}

static capsa_result vote_request_make(struct failing_out *out)
{
    struct capsa_json *made = out->made;
    capsa_result result = capsa_vote_request_make(&party, terms, &made);
    out->made = made;
    return result;
}

static capsa_result vote_check(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO(capsa_vote_view) view = {.threshold = 0};
    CAPSA_TRY(capsa_vote_check(vote, vote_request, NOW, &view));
    assert_string_equal(view.action, "APPROVE");
    return CAPSA_OK;
}

static capsa_result vote_result(struct failing_out *out)
{
    CAPSA_AUTO_FREE(capsa_json) made = NULL;
    CAPSA_TRY(capsa_vote_result_new(vote_request, &made));
    CAPSA_TRY(capsa_vote_result_add(made, vote));
    out->made = made;
    made = NULL;
    return CAPSA_OK;
}

static void the_clients_documents_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"chain_add_text", chain_add_text, NULL, true, false},
        {"party_certs", party_certs, free_json, false, false},
        {"party_cert", party_cert, NULL, false, false},
        {"text_show", text_show, NULL, false, false},
        {"vote_terms", vote_terms, free_json, false, false},
        {"vote_request_make", vote_request_make, free_json, false, false},
        {"vote_check", vote_check, NULL, true, false},
        {"vote_result", vote_result, free_json, false, false},
    };
    FAILING_TRY_ALL(cases);
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_survive_every_failure),
        cmocka_unit_test(the_clients_documents_survive_every_failure),
    };
    return cmocka_run_group_tests_name("policy and client, failing", tests, fixtures_make,
                                       fixtures_free);
}
