#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""capsa attest against fakes of every interface, and what it makes read back by the command itself.
CAPSA_BIN is the folder of the programs, CAPSA_BUILD the build that holds the fakes.
Ends with a line "N passed, N failed, N skipped"."""
import hashlib
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

from harness import BIN, ROOT, Skip, Suite, VECTORS as RECORDED

VECTORS = f"{RECORDED}/attestation"
BUILD = os.path.abspath(os.environ.get("CAPSA_BUILD", os.path.join(ROOT, "build-test")))
FAKES = os.path.join(BUILD, "tests/fakes")
CANNOT = 77  # of fake_ioctl, where this system has no seccomp user notification
RAW = "--insecure-raw-report-data"
suite = Suite(own_folder=True)
test = suite.test
if not os.path.exists(f"{FAKES}/fake_ioctl"):
    suite.missing = f"this build has no fakes ({FAKES})"


def run(args, status=0):
    done = subprocess.run(args, capture_output=True, timeout=60)
    if done.returncode == CANNOT:
        raise Skip("no seccomp user notification here: " + done.stderr.decode().strip())
    assert done.returncode == status, f"{args}: status {done.returncode}, not {status}: {done.stderr.decode()}"
    return done


def capsa(*args, under=(), status=0):
    return run([*under, f"{BIN}/capsa", *args], status)


def device(name, fault="none"):
    """Run what follows with the ioctls of a device answered by the fake."""
    return [f"{FAKES}/fake_ioctl", name, fault, "sim", "-"]


def native(purpose, *fields):
    """Report data as the protocol has it, written down a second time."""
    parts = [b"capsa/1", purpose, *fields]
    return hashlib.sha512(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).hexdigest()


def claims(path, platform):
    shown = json.loads(capsa("evidence", "show", "--evidence", path, "-o", "json").stdout)
    assert shown["platform"] == platform, shown
    return json.dumps(shown)


def make_machine():
    capsa("sim", "init", "sim")
    for path in ("dev/sgx", "dev/tdx_guest", "dev/sev-guest", "dev/csv-guest"):
        os.makedirs("root/dev", exist_ok=True)
        open(f"root/{path}", "wb").close()


DEVICES = {"sgx": "occlum", "tdx": "tdx", "snp": "sev", "csv": "csv"}


@test
def every_device_gives_evidence_that_binds_purpose_and_fields_in_order():
    make_machine()
    with open("field", "wb") as file:
        file.write(b"from a file")
    wanted = native(b"test purpose", b"text", b"\xc0\xff\xee", b"from a file", b"last")
    for platform, fake in DEVICES.items():
        done = capsa("attest", "--platform", platform, "--sys-root", "root", "--purpose", "test purpose", "--bind", "text",
                     "--bind-hex", "c0ffee", "--bind-file", "field", "--bind", "last", "--out", f"{platform}.json",
                     "-o", "json", under=device(fake))
        assert json.loads(done.stdout)["report_data"] == wanted, done.stdout
        assert wanted in claims(f"{platform}.json", platform), platform
        report = json.load(open(f"{platform}.json", encoding="utf-8"))
        assert report["str_report_type"] == "BackgroundCheck" and report["str_report_version"] == "1.0", report


@test
def gramines_files_give_a_quote():
    make_machine()
    os.makedirs("root/dev/attestation")
    if not os.path.exists("/dev/fuse"):
        raise Skip("no /dev/fuse")
    fake = subprocess.Popen([f"{FAKES}/fake_gramine", os.path.abspath("root/dev/attestation"),
                             os.path.abspath("sim"), "none"], stdout=subprocess.PIPE)
    try:
        if fake.stdout.readline() != b"ready\n":
            raise Skip("this user cannot mount a FUSE file system")
        capsa("attest", "--platform", "sgx", "--sys-root", "root", "--purpose", "p", "--to", "raw", "--out", "quote")
        assert native(b"p") in claims("quote", "sgx")
    finally:
        fake.send_signal(signal.SIGTERM)
        fake.wait(30)


@test
def raw_evidence_and_a_background_check_hold_the_same_bytes():
    make_machine()
    for args in (["--to", "raw", "--out", "raw"], ["--to", "ual", "--out", "ual"]):
        capsa("attest", "--platform", "csv", "--sys-root", "root", "--purpose", "p", *args, under=device("csv"))
    assert os.path.getsize("raw") == 2548
    secret = open("raw", "rb").read()[2484:2516]
    assert secret == bytes(32), "the secret bytes of a CSV report left the machine"
    assert native(b"p") in claims("raw", "csv") and native(b"p") in claims("ual", "csv")
    stdout = capsa("attest", "--platform", "csv", "--sys-root", "root", "--purpose", "p", under=device("csv")).stdout
    assert json.loads(stdout)["str_tee_platform"] == "CSV", stdout


@test
def a_passport_ships_what_proves_it_and_verifies():
    make_machine()
    common = ["--platform", "sgx", "--sys-root", "root", "--purpose", "p", "--out", "passport"]
    capsa("attest", *common, "--type", "passport", under=device("occlum"), status=1)
    assert not os.path.exists("passport")
    capsa("attest", *common, "--collateral", "sim/sgx", under=device("occlum"))
    assert json.load(open("passport", encoding="utf-8"))["str_report_type"] == "Passport"
    capsa("verify", "--evidence", "passport", "--root", "sim/root.pem", "--report-data", native(b"p"))
    capsa("verify", "--evidence", "passport", "--root", "sim/root.pem", "--report-data", native(b"q"), status=2)
    capsa("attest", *common, "--collateral", "sim/sgx", under=device("occlum"), status=1)  # it is there already


@test
def the_simulated_platforms_are_asked_by_their_own_names():
    make_machine()
    for platform in ("sgx", "tdx"):
        capsa("attest", "--platform", f"sim-{platform}", "--sim-dir", "sim", "--purpose", "p", "--type", "passport",
              "--out", platform)
        capsa("verify", "--evidence", platform, "--root", "sim/root.pem", "--report-data", native(b"p"))
    capsa("attest", "--platform", "sgx", "--sim-dir", "sim", "--sys-root", "nowhere", "--purpose", "p", status=1)


@test
def A25_bytes_of_the_caller_are_bound_only_when_he_says_insecure():
    make_machine()
    chosen = "5a" * 64
    common = ["attest", "--platform", "snp", "--sys-root", "root", "--out", "report", "--force"]
    capsa(*common, "--purpose", "", "--bind-hex", chosen, under=device("sev"), status=1)
    capsa(*common, "--bind-hex", chosen, under=device("sev"), status=1)
    assert not os.path.exists("report")
    capsa(*common, "--purpose", "p", "--bind-hex", chosen, under=device("sev"))
    assert chosen not in claims("report", "snp")
    done = capsa(*common, RAW, chosen, under=device("sev"))
    assert chosen in claims("report", "snp") and b"warning" in done.stderr, done.stderr


@test
def what_the_machine_is_is_listed():
    make_machine()
    def here(*args):
        listed = json.loads(capsa("attest", "--list", *args, "-o", "json").stdout)["attesters"]
        return [entry["name"] for entry in listed if entry["present"]]
    assert here("--sys-root", "nowhere") == []
    assert here("--sys-root", "root") == ["sgx", "tdx", "snp", "csv"]
    assert here("--sys-root", "nowhere", "--sim-dir", "sim") == ["sim-sgx", "sim-tdx"]


@test
def a_machine_that_refuses_is_named_and_leaves_no_file():
    make_machine()
    cases = [("snp", "sev", "firmware", 5, b"firmware refuses"), ("csv", "csv", "bad_mac", 2, b"MAC"),
             ("tdx", "tdx", "mainline", 1, b"configfs-tsm"), ("sgx", "occlum", "other_data", 3, b"other report data")]
    for platform, fake, fault, status, says in cases:
        done = capsa("attest", "--platform", platform, "--sys-root", "root", "--purpose", "p", "--out", "out",
                     under=device(fake, fault), status=status)
        assert says in done.stderr and not os.path.exists("out"), done.stderr


if __name__ == "__main__":
    suite.main()
