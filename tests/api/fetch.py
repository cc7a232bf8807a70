#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Collateral fetched by libcapsa.so from a real HTTP server that serves recorded answers. CAPSA_BUILD is a plain build;
CAPSA_VECTORS the folder of recorded vectors. Ends with "N passed, N failed, N skipped"."""
import ctypes
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/interop")

from harness import Suite  # noqa: E402
from pccs import Answer, Server, paths, pccs, read  # noqa: E402

BUILD = os.path.abspath(os.environ.get("CAPSA_BUILD", os.path.join(ROOT, "build")))
VECTORS = os.path.abspath(os.environ.get("CAPSA_VECTORS", os.path.join(ROOT, "../shared/vectors")) + "/attestation")
SGX, TIME = f"{VECTORS}/sgx_v3_swh_2025", 1756530546
pointer, text, number, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
capsa = ctypes.CDLL(f"{BUILD}/src/api/libcapsa.so.0")
TCB = -208
suite = Suite()
if not os.path.isdir(VECTORS):
    suite.missing = f"no recorded evidence at {VECTORS}"


def bind(name, result, *arguments):
    function = getattr(capsa, "libcapsa_" + name)
    function.restype, function.argtypes = result, arguments
    return function


error_new, error_text, error_check = bind("error_new", pointer), bind("error_text", text, pointer), bind("error_check", text, pointer)
verifier_new = bind("verifier_new", number, ctypes.POINTER(pointer), pointer)
verifier_free, source_free = bind("verifier_free", None, pointer), bind("source_free", None, pointer)
source_new = bind("source_new", number, ctypes.POINTER(pointer), pointer)
source_set = bind("source_set", number, pointer, text, text, pointer)
source_insecure_set_tls = bind("source_insecure_set_tls", number, pointer, number, pointer)
set_source = bind("verifier_set_source", number, pointer, pointer, pointer)
judge_bytes = bind("verifier_judge_bytes", number, pointer, text, size, pointer, ctypes.c_int64, text, size, pointer, pointer)


class Fetching:
    """A verifier with a source of these settings; the source is not held by anybody else."""

    def __init__(self, insecure_tls=False, **settings):
        self.error, self.verifier, source = error_new(), pointer(), pointer()
        assert verifier_new(ctypes.byref(self.verifier), self.error) == 0
        assert source_new(ctypes.byref(source), self.error) == 0
        for name, value in settings.items():
            assert source_set(source, name.replace("_", "-").encode(), value.encode(), self.error) == 0, self.said()
        if insecure_tls:
            assert source_insecure_set_tls(source, 1, self.error) == 0
        assert set_source(self.verifier, source, self.error) == 0
        source_free(source)

    def judge(self, folder=SGX, time=TIME):
        quote = read(f"{folder}/quote.bin")
        return judge_bytes(self.verifier, quote, len(quote), None, time, None, 0, None, self.error)

    def said(self):
        return error_text(self.error).decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        verifier_free(self.verifier)


@suite.test
def a_pccs_is_asked_once_and_its_answers_are_kept():
    with Server(pccs(SGX)) as server, Fetching(pccs_url=server.url) as fetching:
        for _ in range(3):
            assert fetching.judge() == 0, fetching.said()
        assert sorted(server.asked) == sorted(paths(SGX).values()), server.asked


@suite.test
def answers_are_kept_on_disk_for_the_next_process():
    with Server(pccs(SGX)) as server, tempfile.TemporaryDirectory() as room:
        for _ in range(2):
            with Fetching(pccs_url=server.url, cache_dir=f"{room}/cache") as fetching:
                assert fetching.judge() == 0, fetching.said()
        assert len(server.asked) == len(paths(SGX)), server.asked


@suite.test
def what_a_server_changed_is_refused_and_by_which_check():
    changed = pccs(SGX)[paths(SGX)["tcb"]]
    changed.body = changed.body.replace(b'"tcbType":0', b'"tcbType":1', 1)
    with Server(pccs(SGX, tcb=changed)) as server, Fetching(pccs_url=server.url) as fetching:
        assert fetching.judge() == -207, fetching.said()
        assert error_check(fetching.error) == b"tcb-info-signature", fetching.said()


@suite.test
def what_a_server_lacks_is_missing():
    with Server(pccs(SGX, crl=Answer(status=404))) as server, Fetching(pccs_url=server.url) as fetching:
        assert fetching.judge() == TCB
        assert error_check(fetching.error) == b"collateral-missing"
        assert "status 404" in fetching.said() and server.url in fetching.said(), fetching.said()


@suite.test
def a_server_has_to_show_a_certificate_that_holds():
    with tempfile.TemporaryDirectory() as room:
        tls = [f"{room}/cert.pem", f"{room}/key.pem"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=here",
             "-addext", "subjectAltName=IP:127.0.0.1", "-out", tls[0], "-keyout", tls[1]], check=True, capture_output=True)  # fmt: skip
        with Server(pccs(SGX), tls=tls) as server:
            with Fetching(pccs_url=server.url) as fetching:
                assert fetching.judge() == TCB and "certificate" in fetching.said().lower(), fetching.said()
            assert not server.asked
            for how in dict(ca_file=tls[0]), dict(insecure_tls=True):
                with Fetching(pccs_url=server.url, **how) as fetching:
                    assert fetching.judge() == 0, fetching.said()


suite.main()
