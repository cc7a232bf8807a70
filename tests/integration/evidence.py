#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands `capsa evidence show` and `capsa evidence convert` on recorded evidence. CAPSA_BIN is the folder of the
program, CAPSA_VECTORS that of what was recorded. Ends with a line "N passed, N failed, N skipped"."""

import base64
import glob
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

from harness import BIN, Suite, VECTORS as RECORDED

VECTORS = f"{RECORDED}/attestation"
SGX = f"{VECTORS}/sgx_v3_swh_2025"
TDX = f"{VECTORS}/tdx_v5_uptodate"
SNP = f"{VECTORS}/snp_v3_milan_vlek"
CSV = f"{VECTORS}/csv_v1_synthetic_ok"
suite = Suite(own_folder=True)
test = suite.test
if not os.path.isdir(VECTORS):
    suite.missing = f"no recorded evidence at {VECTORS}"


def capsa(*args, status=0):
    env = {k: v for k, v in os.environ.items() if not k.startswith("CAPSA_")}
    done = subprocess.run(
        [f"{BIN}/capsa", "evidence", *args], capture_output=True, timeout=60, env=env
    )
    assert (
        done.returncode == status
    ), f"{args}: status {done.returncode}, not {status}: {done.stdout} {done.stderr}"
    return done


def convert(evidence, to, out, *more, status=0):
    return capsa(
        "convert", "--evidence", evidence, "--to", to, "--out", out, *more, status=status
    ).stderr.decode()


def show(path):
    return json.loads(capsa("show", "--evidence", path, "-o", "json").stdout)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def load(path):
    return json.loads(read(path))


@test
def every_recorded_evidence_is_shown():
    seen = 0
    for path in sorted(glob.glob(f"{VECTORS}/*/quote.bin") + glob.glob(f"{VECTORS}/*/report.bin")):
        shown = show(path)
        assert os.path.basename(os.path.dirname(path)).startswith(shown["platform"]), path
        assert shown["size"] == os.path.getsize(path), path
        assert "collateral" not in shown
        seen += 1
    assert seen >= 40, seen


@test
def fields_are_those_of_the_bytes():
    shown, quote = show(f"{SGX}/quote.bin"), read(f"{SGX}/quote.bin")
    assert shown["header"]["version"] == 3
    assert shown["body"]["mr_enclave"] == quote[112:144].hex()
    assert shown["body"]["report_data"] == quote[368:432].hex()
    text = capsa("show", "--evidence", f"{SGX}/quote.bin").stdout.decode()
    assert f"  mr_enclave                      {quote[112:144].hex()}\n" in text, text
    assert "\n      -----BEGIN CERTIFICATE-----\n" in text, text


@test
def the_secret_bytes_of_a_csv_report_do_not_come_out():
    report = bytearray(read(f"{CSV}/report.bin"))
    report[2484:2516] = secret = bytes(range(0xA0, 0xC0))
    with open("report.bin", "wb") as file:
        file.write(report)
    for args in (
        ("show", "--evidence", "report.bin", "-o", "json"),
        ("show", "--evidence", "report.bin"),
    ):
        out = capsa(*args).stdout
        assert secret.hex().encode() not in out and secret[:8].hex().encode() not in out
        assert b"(secret)" in out
    for form in "raw", "ual":
        convert("report.bin", form, f"out.{form}")
    quote = base64.b64decode(json.loads(load("out.ual")["json_report"])["b64_quote"])
    assert quote == read("out.raw") == bytes(report[:2484]) + bytes(32) + bytes(report[2516:])


@test
def what_a_passport_ships_is_shown_and_what_cannot_be_read_says_so():
    shown = show(f"{SGX}/ual_report.json")["collateral"]
    wanted = json.loads(load(f"{SGX}/collateral.json")["tcb_info"])
    assert shown["tcb_info"]["issueDate"] == wanted["issueDate"]
    assert shown["tcb_info"]["tcbEvaluationDataNumber"] == wanted["tcbEvaluationDataNumber"]
    assert shown["tcb_info"]["levels"] == len(wanted["tcbLevels"])
    assert shown["pck_crl"]["entries"] == 44
    names = [cert["subject"] for cert in shown["tcb_info_issuer_chain"]["certificates"]]
    assert names == ["Intel SGX TCB Signing", "Intel SGX Root CA"], names
    report = load(f"{SGX}/ual_report.json")
    inner = json.loads(report["json_report"])
    collateral = json.loads(inner["json_collateral"])
    collateral["pck_crl"] = collateral["pck_crl"][:-2]
    inner["json_collateral"] = json.dumps(collateral)
    report["json_report"] = json.dumps(inner)
    with open("cut.json", "w") as file:
        json.dump(report, file)
    assert "error" in show("cut.json")["collateral"]["pck_crl"]


@test
def all_recorded_collateral_survives_every_form():
    for folder in sorted(glob.glob(f"{VECTORS}/*/")):
        if not os.path.exists(f"{folder}/collateral.json"):
            continue
        quote = f"{folder}/quote.bin"
        original = load(f"{folder}/collateral.json")
        for name in "u.json", "q.json", "v.json", "w.json":
            if os.path.exists(name):
                os.unlink(name)
        said = convert(quote, "ual", "u.json", "--collateral", f"{folder}/collateral.json")
        assert ("pck_certificate_chain" in said) == ("pck_certificate_chain" in original), said
        convert("u.json", "collateral-qvl", "q.json")
        convert(quote, "collateral-v3", "v.json", "--collateral", "q.json")
        original.pop("pck_certificate_chain", None)
        assert load("v.json") == original, folder
        convert("u.json", "raw", "w.json")
        assert read("w.json") == read(quote), folder


@test
def a_whole_folder_is_collateral_whatever_else_lies_in_it():
    for folder, evidence in ((SGX, "quote.bin"), (TDX, "quote.bin"), (CSV, "report.bin")):
        path = f"{os.path.basename(folder)}.json"
        convert(f"{folder}/{evidence}", "ual", path, "--collateral", folder)
        assert load(path) == load(f"{folder}/ual_report.json"), folder
    convert(f"{SNP}/report.bin", "ual", "snp.json", "--collateral", SNP)
    shown = show("snp.json")["collateral"]
    assert shown["snp_leaf"]["certificates"][0]["subject"] == "SEV-VLEK"
    inner = json.loads(load("snp.json")["json_report"])
    assert base64.b64decode(json.loads(inner["json_collateral"])["b64_vlek"]) == read(
        f"{SNP}/leaf.der"
    )


@test
def the_type_of_a_report_follows_its_collateral_or_the_option():
    convert(f"{SGX}/quote.bin", "ual", "a.json")
    assert load("a.json")["str_report_type"] == "BackgroundCheck"
    convert(f"{SGX}/ual_report.json", "ual", "b.json")
    assert load("b.json")["str_report_type"] == "Passport"
    convert(f"{SGX}/ual_report.json", "ual", "c.json", "--type", "background-check")
    assert load("c.json") == load("a.json")
    said = convert("a.json", "ual", "d.json", "--type", "passport", status=1)
    assert "--collateral" in said and not os.path.exists("d.json"), said


@test
def wrong_use_says_what_is_wrong_and_writes_nothing():
    quote = f"{SGX}/quote.bin"
    for args, said in [
        ((quote, "collateral-v4", "x"), "did you mean collateral-v3?"),
        ((quote, "raw", "x", "--type", "passport"), "--type goes with --to ual"),
        ((quote, "ual", "x", "--type", "visa"), '--type is passport or background-check, not "visa"'),
        ((quote, "collateral-v3", "x"), "there is no collateral"),
        ((f"{SNP}/report.bin", "collateral-qvl", "x", "--collateral", SNP), "AMD SEV-SNP"),
        ((quote, "ual", "x", "--collateral", f"{CSV}/hrk.cert"), "never collateral"),
        ((quote, "ual", "x", "--collateral", f"{CSV}/expected.json"), "none of the forms"),
        ((f"{SGX}/expected.json", "raw", "x"), "unified report"),
        ((f"{CSV}/hsk.cert", "raw", "x"), "not evidence: 832 bytes"),
    ]:
        got = convert(*args, status=1)
        assert said in got and got.startswith("capsa: ") and got.count("\n") == 1, (args, got)
        assert not os.path.exists("x")
    with open("kept", "w") as file:
        file.write("mine")
    convert(quote, "raw", "kept", status=1)
    assert read("kept") == b"mine"
    convert(quote, "raw", "kept", "--force")
    assert read("kept") == read(quote)


if __name__ == "__main__":
    suite.main()
