#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`capsa sim`: a platform, its quotes, and the whole corpus of forgeries through `capsa verify`. CAPSA_BIN is the folder
of the program. Ends with a line "N passed, N failed, N skipped"."""
import concurrent.futures
import json
import os
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

from harness import BIN, ROOT, Suite

DATA = "ab" * 64
suite = Suite(own_folder=True)
test = suite.test


def capsa(*args, status=0):
    env = {k: v for k, v in os.environ.items() if not k.startswith("CAPSA_")}
    done = subprocess.run([f"{BIN}/capsa", *args], capture_output=True, timeout=60, env=env)
    assert status is None or done.returncode == status, f"{args}: {done.returncode}, not {status}: {done.stderr}"
    return done


def verify(*args, status=0):
    return json.loads(capsa("verify", "-o", "json", *args, status=status).stdout)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def quote(sim, out, *args, status=0):
    return capsa("sim", "quote", sim, "--insecure-raw-report-data", DATA, "--out", out, *args, status=status)


def made():
    capsa("sim", "init", "sim", "--days", "2")
    return "sim"


def time_of(sim):
    """A second at which what was made in `sim` is valid."""
    with open(f"{sim}/sgx/collateral.json", encoding="utf-8") as file:
        issued = json.loads(json.load(file)["tcb_info"])["issueDate"]
    done = subprocess.run(["date", "-d", issued, "+%s"], capture_output=True, text=True, check=True)
    return str(int(done.stdout) + 3600)


@test
def a_platform_says_that_it_proves_nothing():
    shown = capsa("sim", "init", "sim").stdout.decode()
    assert "proves nothing" in shown, shown
    assert "proves nothing" in json.loads(capsa("sim", "init", "other", "-o", "json").stdout)["warning"]
    keys = [name for name in os.listdir("sim") if name.endswith(".key")]
    assert len(keys) == 6, keys
    for name in keys:
        assert stat.S_IMODE(os.stat(f"sim/{name}").st_mode) == 0o600, name
    error = capsa("sim", "init", "sim", status=1).stderr.decode()
    assert "not empty" in error, error


@test
def quotes_are_accepted_under_their_own_root_alone():
    sim = made()
    for args in (["sgx"], ["sgx", "--quote-version", "5"], ["tdx"], ["tdx", "--td15"]):
        platform, name = args[0], f"{'-'.join(args)}.bin"
        quote(sim, name, "--platform", platform, "--code", "/bin/sh", *args[1:])
        where = ["--evidence", name, "--collateral", f"{sim}/{platform}", "--time", time_of(sim)]
        answer = verify(*where, "--root", f"{sim}/root.pem", "--report-data", DATA)
        measured = json.loads(capsa("sim", "measure", "/bin/sh", "-o", "json").stdout)
        code = "mr_enclave" if platform == "sgx" else "mr_td"
        assert answer["claims"][platform][code] == measured[code]
        assert answer["anchor"].startswith("custom:"), answer["anchor"]
        assert verify(*where, status=3)["failed_check"] == "anchor"
        assert verify(*where, "--root", f"{sim}/root.pem", "--report-data", "ac" * 64, status=2)


@test
def one_byte_of_code_is_refused_by_its_measurement():
    sim, measured = made(), {}
    for name in ("good", "evil"):
        with open(name, "wb") as file:
            file.write(read("/bin/sh")[:-1] + name[:1].encode())
        quote(sim, f"{name}.bin", "--platform", "sgx", "--code", name)
        measured[name] = json.loads(capsa("sim", "measure", name, "-o", "json").stdout)["mr_enclave"]
    with open("policy.json", "w", encoding="utf-8") as file:
        json.dump({"reference_values": [{"sgx": {"mr_enclave": measured["good"]}}]}, file)
    where = ["--collateral", f"{sim}/sgx", "--time", time_of(sim), "--root", f"{sim}/root.pem",
             "--policy", "policy.json"]
    assert verify("--evidence", "good.bin", *where)["verdict"] == "accept"
    answer = verify("--evidence", "evil.bin", *where, status=2)
    assert answer["failed_check"] == "reference-values"
    assert "mr_enclave" in answer["reason"], answer["reason"]


@test
def wrong_use_says_what_to_do():
    sim = made()
    out = "q.bin"
    cases = [
        (["--platform", "snp", "--code", "/bin/sh"], "sgx or tdx"),
        (["--platform", "sgx"], "--code"),
        (["--platform", "sgx", "--mr-td", "00" * 48], "other platform"),
        (["--platform", "sgx", "--mr-enclave", "00"], "32 bytes"),
        (["--platform", "sgx", "--code", "/bin/sh", "--td15"], "TD 1.5"),
        (["--platform", "tdx", "--code", "/bin/sh", "--quote-version", "3"], "version"),
    ]
    for args, said in cases:
        error = quote(sim, out, *args, status=1).stderr.decode()
        assert said in error, (args, error)
        assert not os.path.exists(out)
    error = capsa("sim", "quote", sim, "--platform", "sgx", "--code", "/bin/sh", "--out", out, status=1).stderr.decode()
    assert "report-data" in error, error


@test
def renewing_makes_expired_collateral_good():
    sim = made()
    quote(sim, "q.bin", "--platform", "sgx", "--code", "/bin/sh")
    later = str(int(time_of(sim)) + 5 * 86400)
    where = ["--evidence", "q.bin", "--collateral", f"{sim}/sgx", "--root", f"{sim}/root.pem", "--time", later]
    assert verify(*where, status=4)["failed_check"] == "expired"
    capsa("sim", "renew", sim, "--days", "10")
    assert verify(*where)["verdict"] == "accept"


@test
def a_forgery_tells_its_verdict():
    sim = made()
    said = capsa("sim", "forge", sim, "--out", "f", "--revoke", "pck", "--revoke", "platform-ca", "--debug")
    assert b"revoked" in said.stdout, said.stdout
    expected = json.loads(read("f/expected.json"))
    assert expected["knobs"] == ["--revoke pck", "--revoke platform-ca", "--debug"], expected
    judge("f")
    capsa("sim", "forge", sim, "--out", "f", status=5)  # never over what is there
    error = capsa("sim", "forge", sim, "--out", "g", "--revoke", "quote", status=1).stderr.decode()
    assert "--revoke" in error and not os.path.exists("g"), error


def judge(case):
    """Whether `capsa verify` says of a folder what its expected.json says."""
    expected = json.loads(read(f"{case}/expected.json"))
    args = ["--evidence", f"{case}/evidence.bin", "--collateral", f"{case}/collateral.json",
            "--time", str(expected["verification_time_unix"])]
    for option, name in (("--root", "root.pem"), ("--policy", "policy.json")):
        args += [option, f"{case}/{name}"] if os.path.exists(f"{case}/{name}") else []
    args += ["--report-data", expected["report_data"]] if "report_data" in expected else []
    done = capsa("verify", "-o", "json", *args, status=None)
    answer = json.loads(done.stdout)
    got = [answer["verdict"], answer["failed_check"], done.returncode]
    wanted = [expected[name] for name in ("verdict", "failed_check", "exit")]
    assert got == wanted, f"{os.path.basename(case)}: {got}, not {wanted}: {answer['reason']}"
    status = expected["tcb_status"]
    assert status in (None, answer["tcb_status"]), f"{os.path.basename(case)}: {answer['tcb_status']}, not {status}"


@test
def the_corpus_is_judged_as_expected():
    sim = made()
    capsa("sim", "forge", sim, "--corpus", "corpus")
    cases = sorted(f"corpus/{name}" for name in os.listdir("corpus"))
    assert len(cases) >= 190, len(cases)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(judge, case) for case in cases]:
            done.result()


@test
def the_knobs_are_in_the_reference():
    page = read(f"{ROOT}/docs/reference/forge.md").decode()
    table = capsa("sim", "forge", "--list").stdout.decode()
    assert table in page, "docs/reference/forge.md: its table is `capsa sim forge --list`"


if __name__ == "__main__":
    suite.main()
