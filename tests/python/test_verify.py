#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Evidence, certificates and identities from Python: what is accepted, and what each refusal names."""

import gc
import os
import pickle
import stat
import subprocess
import threading
import time
import weakref

from python_scene import (
    QUOTE,
    QUOTE_TIME,
    VECTORS,
    WRONG,
    Suite,
    harness,
    contains,
    equal,
    holds,
    identity,
    in_thread,
    measured,
    platform,
    raises,
    read,
    verifier,
)

import capsa

suite = Suite()


def quote():
    return read(QUOTE + "/quote.bin")


def collateral():
    return capsa.Collateral(read(QUOTE + "/collateral.json"))


# ---- Recorded evidence ---------------------------------------------------------------------------


@suite.plain_test
def a_recorded_quote_is_accepted_and_its_claims_are_there():
    verdict = capsa.verify_quote(
        quote(), collateral=read(QUOTE + "/collateral.json"), time=QUOTE_TIME
    )
    holds(verdict.accepted and verdict.authentic and not verdict.debug, repr(verdict))
    equal((verdict.platform, verdict.anchor_kind, verdict.failed_check), ("sgx", "vendor", ""))
    equal(verdict.tcb_status(), "SWHardeningNeeded", "status")
    holds("INTEL-SA-00615" in verdict.advisories(), "advisories: %r" % verdict.advisories())
    claims = verdict.claims
    holds(claims["sgx.mr_enclave"].value.hex() == claims["sgx.mr_enclave"].text, "mr_enclave")
    equal(claims["sgx.mr_enclave"].value, quote()[112:144], "mr_enclave")
    equal(claims["sgx.isv_svn"].value, int.from_bytes(quote()[306:308], "little"), "isv_svn")
    equal(claims["sgx.mr_enclave"].provenance, "measured", "provenance")
    equal(verdict.json()["claims"]["sgx"]["mr_enclave"], claims["sgx.mr_enclave"].text, "JSON")
    holds(verdict.issued <= QUOTE_TIME <= verdict.expires, "validity")


@suite.plain_test
def A6_tcb_out_of_date_is_not_success():
    """A status that the policy does not name is refused, and the check named."""
    refused = raises(
        capsa.TcbRefused,
        lambda: capsa.verify_quote(
            quote(),
            collateral=collateral(),
            time=QUOTE_TIME,
            policy=capsa.Policy.sgx(
                mr_enclave=quote()[112:144], accepted_tcb_statuses=["UpToDate"]
            ),
        ),
        "tcb-status",
        "SWHardeningNeeded",
    )
    equal((refused.check, refused.code), ("tcb-status", -208))
    holds(not refused.verdict.accepted, "the verdict of a refusal")
    equal(refused.verdict.tcb_status(), "SWHardeningNeeded", "status")


@suite.plain_test
def each_refusal_is_its_exception_and_names_its_check():
    good = dict(collateral=collateral(), time=QUOTE_TIME)
    signature = bytearray(quote())
    signature[440] ^= 1
    other = capsa.Policy.sgx(mr_enclave=WRONG)
    for kind, check, call in (
        (capsa.EvidenceRefused, "format", lambda: capsa.verify_quote(b"junk", **good)),
        (capsa.EvidenceRefused, "signature", lambda: capsa.verify_quote(bytes(signature), **good)),
        (
            capsa.TcbRefused,
            "expired",
            lambda: capsa.verify_quote(quote(), **{**good, "time": 4 * 10**9}),
        ),
        (
            capsa.TcbRefused,
            "collateral-missing",
            lambda: capsa.verify_quote(quote(), time=QUOTE_TIME),
        ),
        (
            capsa.PolicyRefused,
            "reference-values",
            lambda: capsa.verify_quote(quote(), policy=other, **good),
        ),
        (
            capsa.PolicyRefused,
            "report-data",
            lambda: capsa.verify_quote(quote(), report_data=b"x" * 64, **good),
        ),
    ):
        refused = raises(kind, call, check)
        equal(refused.check, check, "check of %s" % refused)
        equal(refused.verdict.failed_check, check, "check of the verdict")
        holds(capsa.what_is_checked(check), "nothing explains " + check)
    # Both measurements are named, so that whoever reads it sees which is which.
    refused = raises(capsa.PolicyRefused, lambda: capsa.verify_quote(quote(), policy=other, **good))
    contains(str(refused), WRONG, quote()[112:144].hex())


@suite.plain_test
def report_data_that_is_not_64_bytes_is_an_error_and_not_unasked():
    judge = capsa.Verifier({"platforms": ["sgx"]}, insecure_any_code=True)
    for wrong in (b"", b"x" * 63, b"x" * 65):
        raises(ValueError, lambda wrong=wrong: judge.verify(quote(), report_data=wrong), "64")


@suite.plain_test
def a_verifier_without_reference_values_has_to_be_asked_for():
    raises(ValueError, capsa.Verifier, "identifies no code", "insecure_any_code")
    raises(ValueError, lambda: capsa.Verifier("platforms: [sgx]"), "identifies no code")
    raises(TypeError, capsa.Policy.sgx, "any enclave would do")
    raises(ValueError, lambda: capsa.Policy.sgx(mr_enclave="77"), "64 hex digits")
    raises(ValueError, lambda: capsa.Policy.sgx(mr_enclave="0x" + "7" * 62), "64 hex digits")
    raises(capsa.Malformed, lambda: capsa.Verifier("reference_value: []"), "reference_value")


@suite.plain_test
def a_number_that_is_0_is_compared():
    """0 means 0, and not "any"."""
    wanted = capsa.Policy.sgx(mr_signer=quote()[176:208], isv_prod_id=0, min_isv_svn=0)
    contains(wanted.text, '"isv_prod_id": 0', '"min_isv_svn": 0')
    product = int.from_bytes(quote()[304:306], "little")
    judge = lambda number: capsa.verify_quote(  # noqa: E731
        quote(),
        collateral=collateral(),
        time=QUOTE_TIME,
        policy=capsa.Policy.sgx(mr_signer=quote()[176:208], isv_prod_id=number, min_isv_svn=0),
    )
    holds(judge(product).accepted, "its own number")
    raises(capsa.PolicyRefused, lambda: judge(product + 1), "isv_prod_id")


# ---- Collateral, from Python ---------------------------------------------------------------------


@suite.plain_test
def a_getter_in_python_is_asked_and_its_failures_are_told():
    asked = []

    def get(name, evidence):
        asked.append((name, evidence))
        return collateral()

    policy = capsa.Policy.sgx(mr_enclave=quote()[112:144])
    judge = capsa.Verifier(policy, getter=get)
    holds(judge.verify(quote(), time=QUOTE_TIME).accepted, "with a getter")
    equal(asked, [("sgx", quote())], "what the getter was asked")

    def broken(_name, _evidence):
        raise OSError("the shelf is empty")

    refused = raises(
        capsa.CapsaError,
        lambda: capsa.Verifier(policy, getter=broken).verify(quote(), time=QUOTE_TIME),
    )
    contains(str(refused), "the shelf is empty")


@suite.plain_test
def a_source_reads_a_bundle_and_names_what_it_does_not_know():
    policy = capsa.Policy.sgx(mr_enclave=quote()[112:144])
    source = capsa.Source(bundle=QUOTE + "/collateral.json")
    holds(capsa.Verifier(policy, source=source).verify(quote(), time=QUOTE_TIME).accepted, "bundle")
    holds(source.get(quote()).json("sgx"), "collateral of a source")
    raises(
        ValueError,
        lambda: capsa.Verifier(policy, source=source, getter=lambda *_: None),
        "one of them",
    )


# ---- Certificates --------------------------------------------------------------------------------


@suite.plain_test
def the_certificates_of_others_are_read_and_refused_for_what_they_are():
    """Three real ones, whose enclaves are debug: readable, and never accepted by default."""
    judge = capsa.Verifier({"platforms": ["sgx"]}, insecure_any_code=True)
    for name in ("gramine", "intel-sgxsdk", "rats-tls"):
        der = read("%s/ra-tls/%s.der" % (VECTORS, name))
        certificate = capsa.Certificate(der)
        equal(certificate.form, "dice", "form of " + name)
        equal(certificate.der, der, "DER of " + name)
        equal(certificate.evidence().platform, "sgx", "platform of " + name)
        holds(certificate.not_before < certificate.not_after, "dates of " + name)
        refused = raises(capsa.Refused, lambda der=der: judge.verify_certificate(der))
        holds(refused.check, "%s: no check is named: %s" % (name, refused))
        swapped = bytearray(der)
        at = der.find(bytes.fromhex("2a8648ce3d0201")) + 24  # within the public key
        swapped[at] ^= 1
        refused = raises(
            capsa.EvidenceRefused, lambda s=bytes(swapped): judge.verify_certificate(s)
        )
        holds(refused.check.startswith("certificate"), "%s: %s" % (name, refused))


@suite.plain_test
def an_identity_is_accepted_by_its_measurement_and_by_no_other():
    mine = identity()
    for form in ("pem", "der"):
        verdict = verifier().verify_certificate(mine.certificate(form))
        equal(verdict.claims["sgx.mr_enclave"].text, measured(), "mr_enclave")
        equal(verdict.anchor_kind, "simulation", "kind of anchor")
    refused = raises(
        capsa.PolicyRefused,
        lambda: verifier(WRONG).verify_certificate(mine.certificate()),
        "reference-values",
        WRONG,
        measured(),
    )
    equal(refused.check, "reference-values")
    # Who does not trust the simulation sees no evidence at all.
    strict = capsa.Verifier(capsa.Policy.sgx(mr_enclave=measured()))
    raises(capsa.EvidenceRefused, lambda: strict.verify_certificate(mine.certificate()))


@suite.plain_test
def identities_take_every_key_form_and_date_and_refuse_others():
    for settings, form in (
        ({"key": "p384", "forms": ("gramine", "dice")}, "dice"),
        ({"key": "rsa3072", "forms": "gramine"}, "gramine"),
        ({"hash": "sha384", "nonce": b"n" * 16}, "dice"),
        ({"lifetime": 60}, "dice"),
    ):
        made = identity(**settings)
        certificate = capsa.Certificate(made.certificate())
        equal(certificate.form, form, "form of %r" % settings)
        holds(verifier().verify_certificate(made.certificate()).accepted, repr(settings))
        if "lifetime" in settings:
            holds(made.renew_at <= time.time() + 60, "renewal of 60 seconds")
    raises(capsa.CapsaError, lambda: identity(key="p255"), "p255")
    raises(capsa.CapsaError, lambda: identity(lifetime=59))
    raises(capsa.Unsupported, lambda: capsa.Identity("sgy"), "sgy")
    raises(ValueError, lambda: capsa.Identity("sgx", code="/bin/true"), "simulation")
    holds("sim-sgx" in capsa.attesters(), "attesters: %r" % capsa.attesters())


@suite.plain_test
def a_certificate_that_has_expired_is_refused():
    now = int(time.time())
    old = identity(dates=(now - 7200, now - 3600))
    refused = raises(capsa.Refused, lambda: verifier().verify_certificate(old.certificate()))
    equal(refused.check, "certificate-time")


@suite.plain_test
def P24_a_life_over_a_year_is_told_and_natively_refused():
    now = int(time.time())
    long = identity(dates=(now - 60, now + 400 * 86400)).certificate()
    holds(verifier().verify_certificate(long).note, "a life over a year is told")
    refused = raises(capsa.PolicyRefused, lambda: verifier().verify_certificate(long, native=True))
    equal(refused.check, "certificate-lifetime")


@suite.plain_test
def what_is_written_can_be_read_by_openssl_and_by_nobody_else():
    folder = harness.temporary_folder("files")
    key, cert = folder + "/key.pem", folder + "/cert.pem"
    made = capsa.write_key_and_certificate(
        key, cert, "sim-sgx", simulation=platform(), code=os.path.abspath(__file__)
    )
    equal(stat.S_IMODE(os.stat(key).st_mode), 0o600, "mode of the key")
    equal(read(cert), made.certificate(), "certificate")
    of_key = harness.run("openssl", "pkey", "-in", key, "-pubout")[1]
    of_cert = harness.run("openssl", "x509", "-in", cert, "-noout", "-pubkey")[1]
    holds(of_key and of_key == of_cert, "key and certificate do not belong together")
    before = made.certificate()
    made.make()
    made.write(key_path=key, cert_path=cert)
    holds(read(cert) != before, "a renewal is a new certificate")
    equal(sorted(os.listdir(folder)), ["cert.pem", "key.pem"], "files that are left")
    raises(
        capsa.CapsaError, lambda: made.write(key_path="/nowhere/key", cert_path=cert), "/nowhere"
    )
    equal(read(cert), made.certificate(), "certificate after a failure")


# ---- Renewal -------------------------------------------------------------------------------------


class Clockwork:
    """Something that is due when it says so, and fails as often as it was told."""

    def __init__(self, due, failures=0):
        self.renew_at, self.failures, self.turns = due, failures, 0

    def renew(self):
        self.turns += 1
        if self.turns <= self.failures:
            raise OSError("no evidence today")
        self.renew_at = 1 << 40


@suite.plain_test
def what_is_due_is_renewed_and_told():
    now = int(time.time())
    mine, done = identity(dates=(now - 100, now - 50)), threading.Event()
    before = mine.certificate()
    with capsa.KeepRenewed(mine, on_renew=done.set):
        holds(done.wait(harness.PATIENCE), "it was not renewed")
    holds(mine.certificate() != before, "the certificate is the old one")


@suite.plain_test
def what_is_not_due_is_left_alone_and_stopping_does_not_wait_for_it():
    later = Clockwork(1 << 40)
    began = time.monotonic()
    capsa.KeepRenewed(later).stop()
    holds(time.monotonic() - began < 60, "stopping waited")
    equal(later.turns, 0, "renewals")


@suite.plain_test
def a_renewal_that_fails_is_told():
    told, heard = [], threading.Event()
    failing = Clockwork(0, failures=1)
    with capsa.KeepRenewed(failing, on_error=lambda e: (told.append(str(e)), heard.set())):
        holds(heard.wait(harness.PATIENCE), "nobody was told")
    equal(told, ["no evidence today"], "what was told")
    silent = capsa.KeepRenewed(Clockwork(0, failures=1))
    silent._thread.join(harness.PATIENCE)
    contains(str(silent.failure), "no evidence today")


@suite.plain_test
def what_follows_a_renewal_is_tried_again_alone():
    """A file that could not be written is written later, and not when the next certificate is due."""
    from capsa import renew

    due, tries, done = Clockwork(0), [], threading.Event()

    def write():
        tries.append(due.turns)
        if len(tries) == 1:
            raise OSError("the disk is full")
        done.set()

    kept, renew.FIRST_PAUSE = renew.FIRST_PAUSE, 0.01
    try:
        told = []
        with capsa.KeepRenewed(due, on_renew=write, on_error=told.append):
            holds(done.wait(harness.PATIENCE), "it was not tried again")
    finally:
        renew.FIRST_PAUSE = kept
    equal((tries, len(told)), ([1, 1], 1), "renewals at each try, and what was told")


@suite.plain_test
def asyncio_renews_while_its_loop_goes_on():
    import asyncio

    async def run():
        due, renewed = Clockwork(0), asyncio.Event()
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(
            capsa.keep_renewed(due, on_renew=lambda: loop.call_soon_threadsafe(renewed.set))
        )
        await asyncio.wait_for(renewed.wait(), harness.PATIENCE)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        return due.turns

    equal(asyncio.run(run()), 1, "renewals")


# ---- Threads, and who lives how long -------------------------------------------------------------


@suite.plain_test
def one_verifier_serves_many_threads():
    judge = capsa.Verifier(
        capsa.Policy.sgx(mr_enclave=quote()[112:144]), getter=lambda *_: collateral()
    )
    strict = capsa.Verifier(capsa.Policy.sgx(mr_enclave=WRONG))

    def work():
        for turn in range(20):
            holds(judge.verify(quote(), time=QUOTE_TIME).accepted, "accepted")
            refused = raises(
                capsa.PolicyRefused,
                lambda: strict.verify(quote(), collateral=collateral(), time=QUOTE_TIME),
            )
            holds(WRONG in str(refused), "turn %d: the error of somebody else" % turn)
            junk = b"x" * (turn + 1)
            told = raises(capsa.EvidenceRefused, lambda j=junk: judge.verify(j, time=QUOTE_TIME))
            contains(str(told), "%d byte" % len(junk))

    for wait in [in_thread(work) for _ in range(6)]:
        wait()


@suite.plain_test
def objects_may_go_in_any_order():
    made, judge = identity(), verifier()
    certificate = capsa.Certificate(made.certificate())
    evidence = certificate.evidence()
    del certificate
    gc.collect()
    equal(evidence.platform, "sgx", "evidence whose certificate is gone")
    verdict = judge.verify_certificate(made.certificate())
    gone = weakref.ref(judge)
    del judge, made
    gc.collect()
    holds(gone() is None, "the verifier is kept by something")
    equal(verdict.claims["sgx.mr_enclave"].text, measured(), "a verdict whose verifier is gone")


@suite.plain_test
def the_interpreter_ends_well_with_everything_still_there():
    program = (
        "import capsa, threading\n"
        "kept = [capsa.Verifier(capsa.Policy.sgx(mr_enclave='5a' * 32)) for _ in range(3)]\n"
        "kept.append(kept)\n"
        "def judge():\n"
        "    while True:\n"
        "        try: kept[0].verify(b'junk')\n"
        "        except capsa.Refused: pass\n"
        "threading.Thread(target=judge, daemon=True).start()\n"
        "print('done')\n"
    )
    done = subprocess.run(
        ["python3", "-c", program],
        env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(capsa.__file__))},
        capture_output=True,
        text=True,
        timeout=harness.PATIENCE,
    )
    equal((done.returncode, done.stdout), (0, "done\n"), "end of the interpreter: " + done.stderr)


@suite.plain_test
def refusals_travel_between_processes():
    refused = raises(capsa.EvidenceRefused, lambda: capsa.verify_quote(b"junk"))
    again = pickle.loads(pickle.dumps(refused))
    equal((type(again), str(again), again.check), (type(refused), str(refused), refused.check))
    # Those of asyncio are an ssl.SSLError as well here, and the refusal alone elsewhere.
    again = pickle.loads(pickle.dumps(capsa.tls._as_ssl_error(refused)))
    equal((type(again), str(again), again.check), (type(refused), str(refused), refused.check))


@suite.plain_test
def one_root_alone_is_not_widened_by_a_simulation():
    """Whose root stands beside the makers', so that the one alone would be forgotten."""
    root = read(platform() + "/root.pem")
    raises(ValueError, lambda: verifier(root=root), "root")
    raises(ValueError, lambda: verifier(vendor_only=True), "vendor_only")


@suite.plain_test
def text_is_not_taken_for_bytes():
    """ctypes would hand it over as wide characters: of the nonce "abc" the letter a, and two zeros."""
    anchors = capsa.Policy.sgx(mr_enclave=measured())
    for call in (
        lambda: identity(nonce="abc"),
        lambda: capsa.Evidence("abc"),
        lambda: capsa.Verifier(anchors, root="abc"),
        lambda: verifier().verify(quote(), report_data="0" * 64),
    ):
        raises(TypeError, call)
    for kind in (bytes, bytearray, memoryview):
        equal(bytes(capsa.Evidence(kind(quote()))), quote(), kind.__name__)
        refused = raises(
            capsa.Refused,
            lambda k=kind: capsa.verify_quote(
                quote(),
                collateral=collateral(),
                report_data=k(bytes(64)),
                time=QUOTE_TIME,
            ),
        )
        equal(refused.check, "report-data", kind.__name__)


@suite.plain_test
def collateral_of_a_source_goes_into_the_certificate():
    """The attester's own, which on SGX and TDX there is none of, ends sooner."""
    sim = os.path.join(harness.temporary_folder("source"), "sim")
    kept = sim + "-kept.json"
    for words in (("init", sim), ("renew", sim, "--days", "7")):
        equal(harness.run(harness.CAPSA, "sim", *words)[0], 0, "capsa sim")
        if not os.path.exists(kept):
            os.rename(sim + "/sgx/collateral.json", kept)
    offline = capsa.Verifier(
        capsa.Policy.sgx(mr_enclave=measured()), root=read(sim + "/root.pem")
    )

    def left(**more):
        made = capsa.Identity(
            "sim-sgx",
            simulation=sim,
            code=os.path.join(os.path.dirname(__file__), "python_scene.py"),
            endorsements=True,
            **more,
        )
        return (offline.verify_certificate(made.certificate()).expires - time.time()) // 86400

    equal(left(), 6, "days")
    equal(left(source=capsa.Source(bundle=kept)), 29, "days")


if __name__ == "__main__":
    suite.main()
