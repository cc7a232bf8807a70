# SPDX-License-Identifier: Apache-2.0
"""Evidence in both protocols, by a client that has what is bound from docs/explanation/PROTOCOL.md,
section 9, and from nowhere else: the manager's own, and that of programs, with replays.

Quotes are a simulated platform's; without it in the build everything is skipped.
"""

import base64
import hashlib
import json
import os
import struct

from harness import CAPSA, Skip, contains, equal, holds, run, temporary_folder
from nativescene import NativeRunning, suite
from protocol import b64, b64u, DENIED, fresh, manager_message, new_key, rule
from scene import alice, carol, owned

BODY, REPORT_DATA = 48, 320  # of a quote: where its report begins, and in that the report data


class Evident(NativeRunning):
    """A manager on a simulated platform, and quotes of programs on the same."""

    def __init__(self):
        self.sim = os.path.join(temporary_folder("sim"), "sim")
        if run(CAPSA, "sim", "init", self.sim)[0] != 0:
            raise Skip("this build has no simulated platform")
        super().__init__(platform="sim-sgx", sim_dir=self.sim)

    def quote(self, report_data):
        out = os.path.join(temporary_folder("quote"), "quote")
        code = os.path.join(self.sim, "root.pem")  # any file will do as a program
        status, _, text = run(
            CAPSA,
            *("sim", "quote", self.sim, "--platform", "sgx", "--code", code, "--out", out),
            *("--insecure-raw-report-data", report_data.hex()),
        )
        equal(status, 0, "status of sim quote (%s)" % text)
        with open(out, "rb") as file:
            return file.read()

    def report(self, report_data):
        """A Passport, with the collateral that the manager shows for the same platform."""
        own = json.loads(self.original.ra_cert().attestation_report.json_report)
        inner = {
            "b64_quote": b64(self.quote(report_data)),
            "json_collateral": own["json_collateral"],
        }
        return {
            "str_report_version": "1.0",
            "str_report_type": "Passport",
            "str_tee_platform": "SGX_DCAP",
            "json_report": json.dumps(inner),
        }


def evident():
    return suite.shared("evident", Evident)


# ---- §9. What is bound ------------------------------------------------------------------------


def field(data):
    return struct.pack(">I", len(data)) + data


def bound_natively(purpose, *fields):
    text = b"".join(field(part) for part in (b"capsa/1", purpose.encode(), *fields))
    return hashlib.sha512(text).digest()


def bound_originally(*parts):
    return hashlib.sha256(b".".join(parts)).digest() + bytes(32)


def canonical(kind, body):
    """The message's canonical encoding, made by Python's protobuf."""
    from google.protobuf import json_format

    message = json_format.ParseDict(body, manager_message(kind)())
    return message.SerializeToString(deterministic=True)


def request_for(uuid, party, op="psi"):
    return {
        "initiator_party_id": party.id,
        "scope": "default",
        "op_name": op,
        "resources": [{"resource_uri": uuid, "columns": ["id"]}],
    }


def spki_of(party):
    from cryptography.hazmat.primitives import serialization  # without it all is skipped

    public = party.key.public_key()
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).digest()


# ---- The manager's own ------------------------------------------------------------------------


def report_data_shown(answer):
    equal(answer.status.code, 0, "code of GetRaCert")
    report = answer.attestation_report
    equal(
        (report.str_report_version, report.str_report_type, report.str_tee_platform),
        ("1.0", "Passport", "SGX_DCAP"),
        "head of the report",
    )
    inner = json.loads(report.json_report)
    equal(set(inner), {"b64_quote", "json_collateral"}, "members of json_report")
    quote = base64.b64decode(inner["b64_quote"], validate=True)
    return quote[BODY + REPORT_DATA : BODY + REPORT_DATA + 64]


@suite.test
def the_managers_evidence_binds_certificate_and_nonce_in_the_form_of_the_protocol():
    scene = evident()
    for nonce in ("", "0f" * 32, "any text, with spaces"):
        answer = scene.original.ra_cert(nonce)
        wanted = bound_originally(answer.cert.encode(), nonce.encode())
        equal(report_data_shown(answer), wanted, "report data")
        answer = scene.client.ra_cert(nonce)
        wanted = bound_natively("manager certificate", answer.cert.encode(), nonce.encode())
        equal(report_data_shown(answer), wanted, "report data")


# ---- Programs ---------------------------------------------------------------------------------


def ask_originally(scene, uuid, bound=None, cert=None, method="GetDataKeys"):
    """bound: what the evidence binds, instead of what is asked for."""
    job = carol()  # another certificate each time, of the same key
    asked = request_for(uuid, job)
    parts = ((cert or job.pem).encode(), canonical("ResourceRequest", bound or asked))
    body = {"cert": job.pem, "resource_request": asked}
    body["attestation_report"] = scene.report(bound_originally(*parts))
    return scene.original.ask(method, body, job)


@suite.test
def A14_an_original_report_is_for_its_request_and_key():
    scene = evident()
    uuid, data = owned(scene.original, alice(), [rule([carol()])])
    other, _ = owned(scene.original, alice(), [rule([carol()])])
    for method in ("GetDataKeys", "GetTlsAsset"):
        answer = ask_originally(scene, uuid, method=method).ok()
        equal(answer.body["data_keys"][0]["data_key_b64"], b64(data), "key")
    for what, more in (
        ("of another resource", {"bound": request_for(other, carol())}),
        ("of another operation", {"bound": request_for(uuid, carol(), op="train")}),
        ("of another key", {"cert": alice().pem}),
        ("of another certificate of the same key", {"cert": carol().pem}),
    ):
        message = ask_originally(scene, uuid, **more).is_refused(DENIED)
        contains(message, "report-data")
    body = {"cert": carol().pem, "resource_request": request_for(uuid, carol())}
    contains(
        scene.original.ask("GetDataKeys", body, carol()).is_refused(DENIED), "missing"
    )


def ask_natively(scene, uuid, jti=None, report=None, said=None, manager=None):
    """said: the method that the evidence is for. Returns the answer and the report."""
    asked = request_for(uuid, carol())
    own = os.urandom(16)
    if report is None:
        report = scene.report(
            bound_natively(
                said or "GetDataKeys",
                (manager or scene.client.manager.id).encode(),
                jti or own,
                spki_of(carol()),
                canonical("ResourceRequest", asked),
            )
        )
    body = {"cert": carol().pem, "resource_request": asked, "attestation_report": report}
    return scene.client.ask("GetDataKeys", body, carol(), jti=b64u(own)), report


@suite.test
def A14_a_native_report_is_good_once_and_for_one_manager():
    scene = evident()
    uuid, data = owned(scene.client, alice(), [rule([carol()])])
    answer, report = ask_natively(scene, uuid)
    equal(answer.ok().body["data_keys"][0]["data_key_b64"], b64(data), "key")
    for what, more in (
        ("again", {"report": report}),
        ("of another request", {"jti": os.urandom(16)}),
        ("of another method", {"said": "GetTlsAsset"}),
        ("for another manager", {"manager": "00" * 32}),
    ):
        message = ask_natively(scene, uuid, **more)[0].refused(DENIED)
        holds("report-data" in message, "%s: %s" % (what, message))
    # The original's form is none here.
    parts = (carol().pem.encode(), canonical("ResourceRequest", request_for(uuid, carol())))
    report = scene.report(bound_originally(*parts))
    contains(ask_natively(scene, uuid, report=report)[0].refused(DENIED), "report-data")


@suite.test
def a_results_report_binds_its_body():
    scene = evident()
    uuid, _ = owned(scene.original, alice(), [rule([carol()])])
    ask_originally(scene, uuid).ok()
    body = {
        "owner_id": "",
        "resource_uri": fresh("result"),
        "scope": "default",
        "data_key_b64": b64(new_key()),
        "ancestor_uuids": [uuid],
    }
    bound = bound_originally(canonical("CreateResultDataKeyRequest.Body", body))
    other = {**body, "resource_uri": fresh("result")}
    for sent, is_right in ((other, False), (body, True)):
        answer = scene.original.ask(
            "CreateResultDataKey",
            {"body": sent, "attestation_report": scene.report(bound)},
            carol(),
        )
        if is_right:
            answer.ok()
        else:
            contains(answer.is_refused(DENIED), "report-data")


suite.main()
