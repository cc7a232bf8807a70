# SPDX-License-Identifier: Apache-2.0
"""Do the flows of the original SDK run unmodified?

The SDK comes from its registry (requirements.txt); without it everything here says skipped.
Scenarios 1, 2, 6, 8, 14, 16 and 17 of the interoperation list, as far as its interface goes. Its
command lines are in test_tools.py.
"""

import json
import os
import threading

import parties
import protocol
from harness import Server, Suite, equal, holds
from protocol import DENIED, EXISTS, NOT_FOUND, UNAUTHENTIC, b64, fresh, new_key, rule
from scene import PACKAGES, alice, bob, carol, owned, running
from tls import Tls

suite = Suite()
suite.needs(*PACKAGES, "sdc.capsule_manager_frame", "cli.cms", "cli.cms_util")
if suite.missing is None:
    import sdk
    from sdc.error import CapsuleManagerError
    from sdk import Original, of


def server():
    return running(suite).server


def client():
    return running(suite).client


def frame():
    return sdk.frame(server())


def refused(code, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except CapsuleManagerError as error:
        equal(error.code, code, "code (%s)" % error.message)
        return error.message
    raise AssertionError("the call succeeded")


def sdk_rule(rule_id, grantees, columns=("*",), ops=("*",)):
    return {
        "rule_id": rule_id,
        "grantee_party_ids": [g.id for g in grantees],
        "columns": list(columns),
        "global_constraints": None,
        "op_constraints": [{"op_name": op, "constraints": None} for op in ops],
    }


# ---- The messages -----------------------------------------------------------------------------


@suite.test
def our_messages_are_the_originals_on_the_wire():
    from secretflowapis.v2 import status_pb2
    from secretflowapis.v2.sdc import jwt_pb2, ual_pb2
    from secretflowapis.v2.sdc.capsule_manager import capsule_manager_pb2

    def flat(messages, prefix):
        for message in messages:
            yield prefix + message.name, message
            yield from flat(message.nested_type, prefix + message.name + ".")

    ours = {}
    for file in protocol.descriptors().file:
        ours.update(flat(file.message_type, file.package + "."))
    compared, missing = 0, []
    for module in (status_pb2, jwt_pb2, ual_pb2, capsule_manager_pb2):
        file = module.DESCRIPTOR
        for name, message in [(m.full_name, m) for m in file.message_types_by_name.values()]:
            stack = [(name, message)]
            while stack:
                name, message = stack.pop()
                stack += [
                    (n.full_name, n) for n in message.nested_types if not n.GetOptions().map_entry
                ]
                if name not in ours:
                    missing.append(name)
                    continue
                mine = {f.name: f for f in ours[name].field}
                for field in message.fields:
                    holds(field.name in mine, "%s.%s is missing" % (name, field.name))
                    got = mine[field.name]
                    equal(
                        (got.number, got.type, got.label),
                        (field.number, field.type, field.label),
                        name + "." + field.name,
                    )
                    if name.endswith("EncryptedResponse"):
                        continue  # the SDK's generation of these files misnames one member
                    equal(got.json_name, field.json_name, "JSON name of %s.%s" % (name, field.name))
                    compared += 1
    # Nothing that the manager's methods take or give refers to these.
    unused = {
        "secretflowapis.v2.sdc." + name
        for name in ("UnifiedAttestationAuthReport", "HyperEnclaveReport", "KunpengReport")
    }
    equal(set(missing), unused, "messages that are missing")
    holds(compared > 80, "only %d fields were compared" % compared)


# ---- The SDK's own interface ------------------------------------------------------------------


@suite.test
def public_key_stays_the_same():
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    first = frame().get_public_key()
    equal(first, frame().get_public_key(), "a second key")
    holds(load_pem_public_key(first).key_size >= 2048, "the key is small")


@suite.test
def keys_are_registered_with_every_kind_of_chain():
    for party in (
        parties.plain("alice"),
        parties.plain("alice", "alice"),
        parties.under_root("leaf"),
        parties.under_two("leaf"),
        parties.under_root("leaf", root="ec-root", root_kind="ec"),
    ):
        uuid, data = fresh(), new_key()
        frame().create_data_keys(
            party.id, [{"resource_uri": uuid, "data_key_b64": b64(data)}], **of(party)
        )
        client().create_policy(party, uuid, [rule([carol()])]).ok()
        equal(client().got_keys(carol(), [uuid]), {uuid: data}, "keys")
    for party in (
        parties.plain("alice", days=(-5, -1)),
        parties.under_two("leaf", middle_ca=False),
    ):
        try:
            frame().create_data_keys(
                party.id, [{"resource_uri": fresh(), "data_key_b64": b64(b"k")}], **of(party)
            )
        except CapsuleManagerError as error:
            holds(error.code in (DENIED, UNAUTHENTIC), str(error))
        else:
            raise AssertionError("a bad chain was accepted")


@suite.test
def calls_without_certificates_are_refused():
    # The SDK's own unit test does this against its mock; the original manager refuses it, too.
    keys = [{"resource_uri": fresh(), "data_key_b64": b64(new_key())}]
    refused(UNAUTHENTIC, frame().create_data_keys, alice().id, keys, None, alice().key_pem.encode())
    # Without a private key the SDK makes up a party that is not the one it names.
    refused(UNAUTHENTIC, frame().create_data_keys, alice().id, keys)


@suite.test
def policies_go_through_their_whole_life():
    owner = parties.plain("sdk-owner")
    uuid = fresh()
    asked, who = frame(), of(parties.plain("sdk-owner"))
    asked.create_data_keys(
        owner.id, [{"resource_uri": uuid, "data_key_b64": b64(new_key())}], **who
    )
    asked.create_data_policy(
        owner.id, "default", uuid, [sdk_rule("one", [bob()], ["id"], ["psi"])], **who
    )
    listed = asked.get_data_policys(owner.id, "default", **who)
    equal([p.data_uuid for p in listed], [uuid], "policies")
    equal(listed[0].rules[0].rule_id, "one", "rule")
    equal(list(listed[0].rules[0].grantee_party_ids), [bob().id], "grantees")
    equal(listed[0].rules[0].op_constraints[0].op_name, "psi", "operation")
    asked.add_data_rule(owner.id, "default", uuid, sdk_rule("two", [carol()]), **who)
    refused(
        EXISTS, asked.add_data_rule, owner.id, "default", uuid, sdk_rule("two", [carol()]), **who
    )
    equal(
        [r.rule_id for r in asked.get_data_policys(owner.id, "default", **who)[0].rules],
        ["one", "two"],
        "rules",
    )
    asked.delete_data_rule(owner.id, "default", uuid, "one", **who)
    asked.delete_data_rule(owner.id, "default", uuid, "one", **who)
    equal(
        [r.rule_id for r in asked.get_data_policys(owner.id, "default", **who)[0].rules],
        ["two"],
        "rules",
    )
    equal(asked.get_data_policys(owner.id, "other", **who), [], "policies of another scope")
    asked.delete_data_policy(owner.id, "default", uuid, **who)
    equal(asked.get_data_policys(owner.id, "default", **who), [], "policies")


@suite.test
def text_of_every_script_survives():
    name = '数据 \U0001f512 "quoted" \\ späť'
    owner, uuid = parties.plain("sdk-unicode"), fresh(name)
    who = of(owner)
    frame().create_data_keys(
        owner.id, [{"resource_uri": uuid, "data_key_b64": b64(new_key())}], **who
    )
    frame().create_data_policy(
        owner.id, name, uuid, [sdk_rule(name, [bob()], [name], [name])], **who
    )
    listed = frame().get_data_policys(owner.id, name, **who)[0]
    equal(
        (
            listed.data_uuid,
            listed.rules[0].rule_id,
            listed.rules[0].columns[0],
            listed.rules[0].op_constraints[0].op_name,
        ),
        (uuid, name, name, name),
        "listed policy",
    )


@suite.test
def strangers_are_refused():
    uuid, mallory = fresh(), parties.plain("mallory")
    keys = [{"resource_uri": uuid, "data_key_b64": b64(new_key())}]
    frame().create_data_keys(alice().id, keys, **of(alice()))
    frame().create_data_policy(
        alice().id, "default", uuid, [sdk_rule("one", [bob()])], **of(alice())
    )
    who = of(mallory)
    refused(DENIED, frame().create_data_keys, mallory.id, keys, **who)
    refused(
        DENIED,
        frame().create_data_policy,
        mallory.id,
        "default",
        uuid,
        [sdk_rule("x", [mallory])],
        **who
    )
    refused(
        DENIED, frame().add_data_rule, mallory.id, "default", uuid, sdk_rule("x", [mallory]), **who
    )
    refused(DENIED, frame().delete_data_rule, mallory.id, "default", uuid, "one", **who)
    refused(DENIED, frame().delete_data_policy, mallory.id, "default", uuid, **who)
    refused(NOT_FOUND, frame().delete_data_key, mallory.id, uuid, **who)
    refused(UNAUTHENTIC, frame().delete_data_key, alice().id, uuid, **who)
    client().got_keys(bob(), [uuid])


@suite.test
def deleted_keys_are_gone():
    uuid = fresh()
    frame().create_data_keys(
        alice().id, [{"resource_uri": uuid, "data_key_b64": b64(new_key())}], **of(alice())
    )
    frame().delete_data_key(alice().id, uuid, **of(alice()))
    refused(NOT_FOUND, frame().delete_data_key, alice().id, uuid, **of(alice()))
    frame().create_data_keys(
        alice().id, [{"resource_uri": uuid, "data_key_b64": b64(new_key())}], **of(alice())
    )


@suite.test
def exports_work_by_the_sdk():
    uuid, data = owned(client(), alice())
    votes = json.dumps(protocol.vote_result(alice(), uuid))
    equal(frame().get_export_data_key_b64(alice().id, uuid, votes, **of(alice())), b64(data), "key")
    votes = json.dumps(protocol.vote_result(bob(), uuid))
    refused(DENIED, frame().get_export_data_key_b64, bob().id, uuid, votes, **of(bob()))


@suite.test
def certificates_are_registered():
    party = parties.under_root("sdk-cert", root="sdk-cert-root")
    pems = of(party)["cert_pems"]
    frame().register_cert(party.id, pems, "RSA", party.key_pem.encode())
    frame().register_cert(party.id, pems, "RSA", party.key_pem.encode())
    other = parties.under_root("sdk-cert", root="sdk-cert-root")
    refused(
        EXISTS,
        frame().register_cert,
        party.id,
        of(other)["cert_pems"],
        "RSA",
        party.key_pem.encode(),
    )
    refused(
        UNAUTHENTIC,
        frame().register_cert,
        bob().id,
        of(carol())["cert_pems"],
        "RSA",
        carol().key_pem.encode(),
    )


@suite.test
def thirty_two_sdk_clients_work_at_once():
    failures, stems = [], [fresh("crowd") for _ in range(32)]
    owners = [parties.plain("crowd %d" % (number % 8)) for number in range(32)]

    def work(stem, owner):
        try:
            # Loading a key from text is slow in Python, so they bring it as it is.
            asked, who = sdk.frame(server()), {**of(owner), "private_key": owner.key}
            for turn in range(3):
                uuid, data = "%s-%d" % (stem, turn), os.urandom(16)
                asked.create_data_keys(
                    owner.id, [{"resource_uri": uuid, "data_key_b64": b64(data)}], **who
                )
                asked.create_data_policy(owner.id, stem, uuid, [sdk_rule("one", [owner])], **who)
                asked.add_data_rule(owner.id, stem, uuid, sdk_rule("two", [bob()]), **who)
                rules = {
                    p.data_uuid: [r.rule_id for r in p.rules]
                    for p in asked.get_data_policys(owner.id, stem, **who)
                }
                equal(rules[uuid], ["one", "two"], "rules")
                votes = json.dumps(protocol.vote_result(owner, uuid))
                equal(asked.get_export_data_key_b64(owner.id, uuid, votes, **who), b64(data), "key")
                if turn == 1:
                    asked.delete_data_policy(owner.id, stem, uuid, **who)
                    asked.delete_data_key(owner.id, uuid, **who)
        except Exception as error:
            failures.append("%s: %r" % (stem, error))

    threads = [threading.Thread(target=work, args=pair) for pair in zip(stems, owners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [], "failures")


# ---- TLS --------------------------------------------------------------------------------------


@suite.test
def sdk_speaks_mutual_tls():
    tls = Tls()
    with Server(**tls.flags()) as secure:
        equal(secure.tls, "mutual", "tls")
        asked = sdk.frame(secure, tls.files())
        uuid = fresh()
        asked.create_data_keys(
            alice().id, [{"resource_uri": uuid, "data_key_b64": b64(new_key())}], **of(alice())
        )
        key_file, cert_files = alice().write(tls.folder, "alice")
        path = sdk.write_yaml(
            tls.path("cms.yaml"),
            sdk.config(
                secure.target,
                alice(),
                key_file,
                cert_files,
                delete_data_key={"resource_uri": uuid},
                tls=(tls.path("ca/root.crt"), tls.path("client.key"), tls.path("client.crt")),
            ),
        )
        Original().cms(path, "delete-data-key")
        sdk.fails(lambda: Original().cms(path, "delete-data-key"), "error code: 5")
        for wrong in (
            None,
            (
                parties.pem_of(tls.root).encode(),
                parties.plain("other").key_pem.encode(),
                parties.plain("other").pem.encode(),
            ),
        ):
            try:
                sdk.frame(secure, wrong).stub.GetRaCert(protocol_request(), timeout=60)
            except Exception as error:
                equal(error.code().name, "UNAVAILABLE", "status without a good certificate")
            else:
                raise AssertionError("a client without a good certificate was served")


def protocol_request():
    from secretflowapis.v2.sdc.capsule_manager import capsule_manager_pb2

    return capsule_manager_pb2.GetRaCertRequest()


suite.main()
