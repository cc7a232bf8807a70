#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libcapsa.so by ctypes: what a binding needs that has the library and no compiler. CAPSA_BUILD is a plain build.
Ends with a line "N passed, N failed, N skipped"."""
import ctypes
import json
import os
import socket
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("CAPSA_BUILD", os.path.join(ROOT, "build")))
VECTORS = os.path.abspath(os.environ.get("CAPSA_VECTORS", os.path.join(ROOT, "../shared/vectors")) + "/attestation")
VECTOR, TIME = f"{VECTORS}/sgx_v3_swh_2025", 1756530546
pointer, text, number, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
GETTER = ctypes.CFUNCTYPE(number, pointer, text, pointer, size, pointer, pointer)


class Bytes(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("len", size)]


class Skip(Exception):
    pass


def bind(library, name, result, *arguments):
    function = getattr(library, "libcapsa_" + name)
    function.restype, function.argtypes = result, arguments
    return function


class Capsa:
    """The functions that these tests call, with their types."""

    def __init__(self, library):
        def use(name, result, *arguments):
            setattr(self, name, bind(library, name, result, *arguments))

        for name in ("error", "verifier", "evidence", "collateral", "verdict", "attester", "cache", "identity", "ratls", "channel"):
            use(f"{name}_free", None, pointer)
        use("free", None, pointer)
        use("error_new", pointer)
        use("error_text", text, pointer)
        use("error_check", text, pointer)
        use("collateral_new", pointer)
        use("collateral_load", number, pointer, text, pointer)
        use("verifier_new", number, ctypes.POINTER(pointer), pointer)
        use("verifier_set_getter", number, pointer, GETTER, pointer, pointer)
        use("verifier_insecure_set_simulated_root", number, pointer, text, size, pointer)
        use("verifier_judge", number, pointer, pointer, pointer, ctypes.c_int64, text, size, ctypes.POINTER(pointer), pointer)
        use("verifier_judge_bytes", number, pointer, text, size, pointer, ctypes.c_int64, text, size, ctypes.POINTER(pointer), pointer)
        use("verify", number, text, size, text, size, text, size, ctypes.c_int64, text, size, ctypes.POINTER(pointer), pointer)
        use("verdict_json", number, pointer, ctypes.POINTER(pointer), pointer)
        use("verdict_failed_check", text, pointer)
        use("verdict_claim", pointer, pointer, text)
        use("claim_text", text, pointer)
        use("claim_bytes", ctypes.POINTER(ctypes.c_uint8), pointer, ctypes.POINTER(size))
        use("attester_new", number, text, ctypes.POINTER(pointer), pointer)
        use("attester_insecure_set_simulation", number, pointer, text, text, pointer)
        use("attester_attest", number, pointer, text, ctypes.POINTER(Bytes), size, ctypes.POINTER(pointer), pointer)
        use("verifier_insecure_set_simulation", number, pointer, text, pointer)
        use("identity_new", number, pointer, ctypes.POINTER(pointer), pointer)
        use("identity_make", number, pointer, ctypes.c_int64, pointer)
        use("identity_certificate", number, pointer, text, ctypes.POINTER(pointer), ctypes.POINTER(size), pointer)
        use("verifier_judge_certificate", number, pointer, text, size, ctypes.c_uint, pointer, ctypes.c_int64,
            ctypes.POINTER(pointer), pointer)  # fmt: skip
        use("ratls_server_new", number, pointer, pointer, ctypes.POINTER(pointer), pointer)
        use("ratls_insecure_set_any_code", number, pointer, number, pointer)
        use("ratls_client_new", number, pointer, pointer, ctypes.POINTER(pointer), pointer)
        for name in ("ratls_accept", "ratls_connect_fd"):
            use(name, number, pointer, number, ctypes.POINTER(pointer), ctypes.POINTER(pointer), pointer)
        use("channel_read", number, pointer, ctypes.c_char_p, size, ctypes.c_int64, ctypes.POINTER(size), pointer)
        use("channel_write", number, pointer, text, size, ctypes.c_int64, pointer)
        use("report_data", number, text, ctypes.POINTER(Bytes), size, ctypes.c_char * 64, pointer)

    def json_of(self, verdict):
        out = pointer()
        assert self.verdict_json(verdict, ctypes.byref(out), None) == 0
        try:
            return json.loads(ctypes.string_at(out))
        finally:
            self.free(out)

    def verifier(self):
        made = pointer()
        assert self.verifier_new(ctypes.byref(made), None) == 0
        return made


def read(path):
    if not os.path.exists(path):
        raise Skip(f"no recorded evidence at {path}")
    with open(path, "rb") as file:
        return file.read()


def in_one_go(capsa):
    quote, collateral = read(f"{VECTOR}/quote.bin"), read(f"{VECTOR}/collateral.json")
    for moment, code, verdict_text in ((TIME, 0, "accept"), (4000000000, -208, "reject")):
        verdict = pointer()
        got = capsa.verify(quote, len(quote), collateral, len(collateral), None, 0, moment, None, 0, ctypes.byref(verdict), None)
        assert got == code, got
        answer = capsa.json_of(verdict)
        assert answer["verdict"] == verdict_text and answer["platform"] == "sgx", answer
        claim = capsa.verdict_claim(verdict, b"sgx.mr_enclave")
        length = size()
        data = capsa.claim_bytes(claim, ctypes.byref(length))
        assert bytes(data[:length.value]).hex() == capsa.claim_text(claim).decode() == answer["claims"]["sgx"]["mr_enclave"]
        capsa.verdict_free(verdict)


def errors_of_each_thread(capsa):
    verifier, wrong = capsa.verifier(), []

    def judge(index):
        error, verdict, junk = capsa.error_new(), pointer(), b"x" * (index + 1)
        for _ in range(50):
            code = capsa.verifier_judge_bytes(verifier, junk, len(junk), None, TIME, None, 0, ctypes.byref(verdict), error)
            said = capsa.error_text(error).decode()
            if code != -207 or capsa.error_check(error) != b"format" or f"{len(junk)} bytes" not in said:
                wrong.append((index, code, said))
            capsa.verdict_free(verdict)
        capsa.error_free(error)

    threads = [threading.Thread(target=judge, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    capsa.verifier_free(verifier)


def a_getter_in_python(capsa):
    quote, seen = read(f"{VECTOR}/quote.bin"), []

    def get(_context, platform, evidence, length, collateral, error):
        seen.append((platform, ctypes.string_at(evidence, length)))
        return capsa.collateral_load(collateral, VECTOR.encode(), error)

    verifier, getter, verdict = capsa.verifier(), GETTER(get), pointer()
    assert capsa.verifier_set_getter(verifier, getter, None, None) == 0
    assert capsa.verifier_judge_bytes(verifier, quote, len(quote), None, TIME, None, 0, ctypes.byref(verdict), None) == 0
    assert seen == [(b"sgx", quote)]
    capsa.verdict_free(verdict)
    capsa.verifier_free(verifier)


def attest_and_verify(capsa):
    program = f"{BUILD}/src/programs/capsa"
    attester, evidence, verdict, error = pointer(), pointer(), pointer(), capsa.error_new()
    if capsa.attester_new(b"sim-sgx", ctypes.byref(attester), error) != 0 or not os.path.exists(program):
        raise Skip("this build has no simulation, or no program to set it up")
    with tempfile.TemporaryDirectory() as room:
        assert os.spawnl(os.P_WAIT, program, "capsa", "sim", "init", f"{room}/sim") == 0
        root = read(f"{room}/sim/root.pem")
        assert capsa.attester_insecure_set_simulation(attester, f"{room}/sim".encode(), None, error) == 0
        fields, bound = (Bytes * 1)(Bytes(b"field", 5)), (ctypes.c_char * 64)()
        code = capsa.attester_attest(attester, b"test", fields, 1, ctypes.byref(evidence), error)
        assert code == 0, capsa.error_text(error)
        assert capsa.report_data(b"test", fields, 1, bound, None) == 0
    verifier = capsa.verifier()
    now = int(time.time()) + 1
    assert capsa.verifier_judge(verifier, evidence, None, now, bound.raw, 64, None, error) == -207
    assert capsa.error_check(error) == b"anchor"
    assert capsa.verifier_insecure_set_simulated_root(verifier, root, len(root), error) == 0
    code = capsa.verifier_judge(verifier, evidence, None, now, bound.raw, 64, ctypes.byref(verdict), error)
    assert code == 0, capsa.error_text(error)
    capsa.verdict_free(verdict)
    capsa.verifier_free(verifier)
    capsa.evidence_free(evidence)
    capsa.attester_free(attester)
    capsa.error_free(error)


class Platform:
    """A simulated one in a folder: an identity that was made, and a verifier that trusts it."""

    def __init__(self, capsa, room):
        self.capsa, self.error = capsa, capsa.error_new()
        program, attester, self.identity = f"{BUILD}/src/programs/capsa", pointer(), pointer()
        if capsa.attester_new(b"sim-sgx", ctypes.byref(attester), self.error) != 0 or not os.path.exists(program):
            raise Skip("this build has no simulation, or no program to set it up")
        with open(os.devnull, "w", encoding="utf-8") as quiet:
            where = [(os.POSIX_SPAWN_DUP2, quiet.fileno(), 1)]
            child = os.posix_spawn(program, ["capsa", "sim", "init", f"{room}/sim"], os.environ, file_actions=where)
        assert os.waitpid(child, 0)[1] == 0
        self.must(capsa.attester_insecure_set_simulation(attester, f"{room}/sim".encode(), None, self.error))
        self.must(capsa.identity_new(attester, ctypes.byref(self.identity), self.error))
        capsa.attester_free(attester)
        self.must(capsa.identity_make(self.identity, int(time.time()), self.error))
        self.verifier = capsa.verifier()
        self.must(capsa.verifier_insecure_set_simulation(self.verifier, f"{room}/sim".encode(), self.error))

    def must(self, code):
        assert code == 0, self.capsa.error_text(self.error)

    def free(self):
        self.capsa.identity_free(self.identity)
        self.capsa.verifier_free(self.verifier)
        self.capsa.error_free(self.error)


def a_certificate_is_made_and_judged(capsa):
    with tempfile.TemporaryDirectory() as room:
        platform, der, length, verdict = Platform(capsa, room), pointer(), size(), pointer()
        platform.must(capsa.identity_certificate(platform.identity, b"der", ctypes.byref(der), ctypes.byref(length), platform.error))
        held = ctypes.string_at(der, length.value)
        capsa.free(der)
        now = int(time.time())
        platform.must(capsa.verifier_judge_certificate(platform.verifier, held, len(held), 1, None, now, ctypes.byref(verdict),
                                                       platform.error))  # fmt: skip
        about = capsa.json_of(verdict)["certificate"]
        assert about["form"] == "dice" and about["session_bound"] is False, about
        capsa.verdict_free(verdict)
        platform.free()


def a_channel_between_two_threads(capsa):
    """Calls that wait let other threads run; everything is freed before the channel is used."""
    with tempfile.TemporaryDirectory() as room:
        platform, server, client, verdict = Platform(capsa, room), pointer(), pointer(), pointer()
        platform.must(capsa.ratls_server_new(platform.identity, None, ctypes.byref(server), platform.error))
        platform.must(capsa.ratls_client_new(platform.verifier, None, ctypes.byref(client), platform.error))
        platform.must(capsa.ratls_insecure_set_any_code(client, 1, platform.error))
        near, far = (end.detach() for end in socket.socketpair())
        accepted, connected, codes = pointer(), pointer(), []
        thread = threading.Thread(target=lambda: codes.append(capsa.ratls_accept(server, far, ctypes.byref(accepted), None, None)))
        thread.start()
        platform.must(capsa.ratls_connect_fd(client, near, ctypes.byref(connected), ctypes.byref(verdict), platform.error))
        thread.join()
        assert codes == [0], codes
        capsa.ratls_free(server)
        capsa.ratls_free(client)
        assert capsa.json_of(verdict)["certificate"]["session_bound"] is True
        capsa.verdict_free(verdict)
        platform.must(capsa.channel_write(connected, b"hello", 5, 5000, platform.error))
        taken, length = ctypes.create_string_buffer(16), size()
        platform.must(capsa.channel_read(accepted, taken, 16, 5000, ctypes.byref(length), platform.error))
        assert taken.raw[: length.value] == b"hello"
        capsa.channel_free(connected)
        platform.must(capsa.channel_read(accepted, taken, 16, 5000, ctypes.byref(length), platform.error))
        assert length.value == 0, "closed, properly"
        capsa.channel_free(accepted)
        platform.free()


TESTS = [in_one_go, errors_of_each_thread, a_getter_in_python, attest_and_verify, a_certificate_is_made_and_judged,
         a_channel_between_two_threads]


def main():
    capsa = Capsa(ctypes.CDLL(f"{BUILD}/src/api/libcapsa.so.0"))
    count = dict(passed=0, failed=0, skipped=0)
    for test in TESTS:
        try:
            test(capsa)
            count["passed"] += 1
        except Skip as why:
            count["skipped"] += 1
            print(f"skipped {test.__name__}: {why}")
        except Exception:  # pylint: disable=broad-except
            count["failed"] += 1
            print(f"FAILED {test.__name__}")
            traceback.print_exc(file=sys.stdout)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**count))
    return 1 if count["failed"] else 0


sys.exit(main())
