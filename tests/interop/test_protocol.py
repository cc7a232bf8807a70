# SPDX-License-Identifier: Apache-2.0
"""What do the calls do that need no policy, what does gRPC itself refuse, and are the requests that
were recorded from the original SDK answered?

Scenarios 7, 15 and 20 of the interoperation list, and the recorded vectors.
"""

import datetime
import json
import os

import parties
from harness import VECTORS, Skip, Suite, equal, holds, temporary_folder
from protocol import (
    DENIED,
    EXISTS,
    MALFORMED,
    NOT_FOUND,
    PACKAGE,
    UNAUTHENTIC,
    Answer,
    fresh,
    message_class,
    new_key,
)
from scene import PACKAGES, Running, alice, running

suite = Suite()
suite.needs(*PACKAGES)


def client():
    return running(suite).client


# ---- 7. Certificates that were registered do not replace x5c ----------------------------------


@suite.test
def x5c_stays_needed_after_registering_a_certificate():
    party = parties.plain("registered")
    client().register_cert(party).ok()
    uuid = fresh()
    client().create_keys(party, {uuid: new_key()}, x5c=None).is_refused(UNAUTHENTIC)
    client().delete_policy(party, uuid, x5c=None).is_refused(UNAUTHENTIC)
    client().create_keys(party, {uuid: new_key()}).ok()


# ---- 15. Certificates -------------------------------------------------------------------------


@suite.test
def certificates_are_registered_once():
    party = parties.under_two("cert-leaf", root="cert-root")
    client().register_cert(party).ok()
    client().register_cert(party).ok()
    others = parties.under_root("cert-leaf", root="cert-root")
    equal(others.id, party.id, "party")
    client().register_cert(others).is_refused(EXISTS)
    # With x5c it is the same, if its first certificate has the key of the first one in the body.
    client().register_cert(party, x5c=party.x5c).ok()
    client().register_cert(party, x5c=alice().x5c).is_refused(UNAUTHENTIC)


# ---- 20. What gRPC itself refuses -------------------------------------------------------------


def grpc_code(call, *wanted):
    import grpc

    try:
        call()
    except grpc.RpcError as error:
        holds(
            error.code().name in wanted, "gRPC status %s: %s" % (error.code().name, error.details())
        )
        return error
    raise AssertionError("the call succeeded")


@suite.test
def unknown_methods_are_unimplemented():
    for path in (
        "NoSuchMethod",
        "getRaCert",
        "GetRaCert/",
        "/no.such.Service/GetRaCert",
        "/" + PACKAGE + "/GetRaCert",
        "/",
    ):
        grpc_code(lambda: client().method(path)(b"", timeout=60), "UNIMPLEMENTED")
    equal(client().ra_cert().status.code, 0, "code")


@suite.test
def malformed_messages_are_refused():
    for body in (
        b"\xff",
        b"\x12",
        b"\x12\x05abc",
        b"\x12\xff\xff\xff\xff\x0f",
        b"\x08" + b"\xff" * 11,
        b"\x0b" * 1000,
        b"\x0a\x03\x0a\x01\xff",
        os.urandom(1000),
    ):
        for name in ("GetRaCert", "CreateDataKeys"):
            try:
                answer = client().method(
                    name, name == "GetRaCert" and "GetRaCertResponse" or "EncryptedResponse"
                )(body, timeout=60)
                holds(
                    answer.status.code == MALFORMED,
                    "%s %r: code %d" % (name, body, answer.status.code),
                )
            except Exception as error:
                holds(getattr(error, "code", None), repr(error))
                holds(error.code().name in ("INVALID_ARGUMENT", "INTERNAL"), repr(error.code()))
    equal(client().ra_cert().status.code, 0, "code")


@suite.test
def bad_utf8_in_messages_is_refused():
    answer = client().method("GetRaCert", "GetRaCertResponse")
    try:
        equal(answer(b"\x12\x02\xc3\x28", timeout=60).status.code, MALFORMED, "code")
    except Exception as error:
        holds(error.code().name in ("INVALID_ARGUMENT", "INTERNAL"), repr(error))


@suite.test
def messages_have_a_limit_of_four_mebibytes():
    head = 5  # tag and length of a nonce of that size
    largest = 4 * 1024 * 1024 - head
    equal(client().ra_cert("n" * largest).status.code in (0, MALFORMED), True, "in-band answer")
    for more in (1, 1000, 4 * 1024 * 1024):
        grpc_code(
            lambda: client().ra_cert("n" * (largest + more)), "OUT_OF_RANGE", "RESOURCE_EXHAUSTED"
        )
    equal(client().ra_cert().status.code, 0, "code")


@suite.test
def compressed_messages_are_refused():
    import grpc

    grpc_code(
        lambda: client().ra_cert("n" * 5000, compression=grpc.Compression.Gzip), "UNIMPLEMENTED"
    )
    equal(client().ra_cert().status.code, 0, "code")


@suite.test
def requests_in_several_messages_are_refused():
    call = client().channel.stream_unary(
        "/" + PACKAGE + ".CapsuleManager/GetRaCert", lambda m: m, bytes
    )
    grpc_code(
        lambda: call(iter([b"", b""]), timeout=60), "INVALID_ARGUMENT", "INTERNAL", "UNIMPLEMENTED"
    )
    grpc_code(
        lambda: call(iter([]), timeout=60),
        "INVALID_ARGUMENT",
        "INTERNAL",
        "UNIMPLEMENTED",
        "CANCELLED",
    )
    equal(client().ra_cert().status.code, 0, "code")


@suite.test
def health_service_answers():
    check = client().channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        lambda m: m.SerializeToString(),
        message_class("grpc.health.v1.HealthCheckResponse").FromString,
    )
    request = message_class("grpc.health.v1.HealthCheckRequest")
    for service in ("", PACKAGE + ".CapsuleManager"):
        equal(check(request(service=service), timeout=60).status, 1, "status of %r" % service)
    grpc_code(lambda: check(request(service="nobody"), timeout=60), "NOT_FOUND")


# ---- The recorded requests --------------------------------------------------------------------


def vector(name, mode="rb"):
    path = os.path.join(VECTORS, "capsule-manager", name)
    if not os.path.exists(path):
        raise Skip("no recorded requests at CAPSA_VECTORS")
    with open(path, mode) as file:
        return file.read()


@suite.test
def recorded_requests_of_the_original_sdk_are_answered():
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    cert = x509.load_pem_x509_certificate(vector("cm.crt"))
    alice_cert = x509.load_pem_x509_certificate(vector("alice.crt"))
    now = datetime.datetime.now(datetime.timezone.utc)
    if not all(c.not_valid_before_utc <= now <= c.not_valid_after_utc for c in (cert, alice_cert)):
        raise Skip("the recorded certificates are not valid today")
    folder = temporary_folder("injected")
    with open(os.path.join(folder, "cm.key"), "w") as file:
        file.write(parties.key_pem_of(load_der_private_key(vector("cm.key.der"), None)))
    with open(os.path.join(folder, "cm.crt"), "wb") as file:
        file.write(vector("cm.crt"))
    opener = load_der_private_key(vector("alice.key.der"), None)
    running = Running(
        enable_inject_cm_key="true",
        cm_private_key_path=os.path.join(folder, "cm.key"),
        cm_cert_path=os.path.join(folder, "cm.crt"),
    )
    try:

        def replay(name):
            return Answer(
                running.client.method(name)(vector(name + ".request.bin"), timeout=60), opener
            )

        plain = running.client.method("GetRaCert", "GetRaCertResponse")(
            vector("GetRaCert.request.bin"), timeout=60
        )
        equal(
            (plain.status.code, plain.cert), (0, vector("cm.crt", "r")), "the injected certificate"
        )
        replay("RegisterCert").ok()
        replay("RegisterCert").is_refused(EXISTS)
        replay("CreateDataKeys").ok()
        replay("CreateDataPolicy").ok()
        replay("AddDataRule").ok()
        listed = replay("ListDataPolicy").ok()
        equal(listed.alg, "RSA-OAEP-256", "alg of the answer")
        wanted = json.loads(vector("CreateDataPolicy.payload.json"))["policy"]
        wanted["rules"].append(json.loads(vector("AddDataRule.payload.json"))["rule"])
        equal(pruned(listed.body["policies"]), pruned([wanted]), "listed policies")
        replay("GetExportDataKey").is_refused((MALFORMED, DENIED))
        replay("DeleteDataRule").ok()
        replay("DeleteDataPolicy").ok()
        replay("DeleteDataKey").ok()
        # Each is good once.
        for name in ("AddDataRule", "ListDataPolicy", "DeleteDataKey", "CreateDataPolicy"):
            replay(name).is_refused(EXISTS)
        # One method's envelope is no other method's.
        replayed = running.client.method("DeleteDataPolicy")(
            vector("AddDataRule.request.bin"), timeout=60
        )
        Answer(replayed, opener).is_refused(EXISTS)
    finally:
        running.stop()


def pruned(value):
    """Without members that have their default, which may be printed or not."""
    if isinstance(value, dict):
        return {
            name: pruned(member)
            for name, member in value.items()
            if member not in ("", [], None, {})
        }
    return [pruned(member) for member in value] if isinstance(value, list) else value


suite.main()
