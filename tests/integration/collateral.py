#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`capsa collateral` against a real HTTP server that serves recorded answers, well and badly. CAPSA_BIN is the folder
of the program, CAPSA_VECTORS that of what was recorded. Ends with a line "N passed, N failed, N skipped"."""

import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

from harness import BIN, Suite, VECTORS as RECORDED
from pccs import Answer, Server, fields, load, paths, pccs, read, tcb_of

VECTORS = f"{RECORDED}/attestation"
SGX = f"{VECTORS}/sgx_v3_swh_2025"
TDX = f"{VECTORS}/tdx_v4_uptodate_90C06F"
SNP = f"{VECTORS}/snp_v3_milan_vcek"
TURIN = f"{VECTORS}/snp_v5_turin_vcek"
GENOA_V2 = f"{VECTORS}/snp_v2_genoa_vcek"
VLEK = f"{VECTORS}/snp_v3_milan_vlek"
CSV = f"{VECTORS}/csv_v1_synthetic_ok"
suite = Suite(own_folder=True)
test = suite.test
if not os.path.isdir(VECTORS):
    suite.missing = f"no recorded evidence at {VECTORS}"


# ---- The command -----------------------------------------------------------------------------------------------------


def run(*args, status=0):
    env = {k: v for k, v in os.environ.items() if not k.startswith("CAPSA_")}
    # What libcurl would take from the environment must not count.
    env.update(http_proxy="http://127.0.0.1:1", https_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")
    done = subprocess.run([f"{BIN}/capsa", *args], capture_output=True, timeout=120, env=env)
    assert done.returncode == status, f"{args}: status {done.returncode}, not {status}: {done.stdout} {done.stderr}"
    return done


def fetch(folder, *more, out="c.json", status=0):
    evidence = "quote.bin" if os.path.exists(f"{folder}/quote.bin") else "report.bin"
    done = run(
        "collateral", "fetch", "--evidence", f"{folder}/{evidence}", "--out", out, "--force", *more, status=status
    )
    return done.stderr.decode()


def verify(folder, collateral, *more, status=0):
    evidence = "quote.bin" if os.path.exists(f"{folder}/quote.bin") else "report.bin"
    time = load(f"{folder}/expected.json").get("verification_time_unix", 1763000000)
    done = run(
        "verify", "--evidence", f"{folder}/{evidence}", "--collateral", collateral, "--time", str(time), "-o", "json",
        *more, status=status,
    )  # fmt: skip
    return json.loads(done.stdout)


def refused(folder, code, wanted, **changed):
    """The fetch fails with this status and says this; nothing is written."""
    with Server(pccs(folder, **changed)) as server:
        said = fetch(folder, "--pccs-url", server.url, "--timeout", "1", out="none.json", status=code)
        assert wanted in said and server.url in said, said
        assert not os.path.exists("none.json")
        return said


# ---- Intel -----------------------------------------------------------------------------------------------------------


@test
def what_a_pccs_serves_verifies_sgx_and_tdx():
    for folder in SGX, TDX, f"{VECTORS}/sgx_v3_outofdate_processor_ca_2025":
        with Server(pccs(folder)) as server:
            for base in server.url, f"{server.url}/sgx/certification/v4/":
                server.asked.clear()
                fetch(folder, "--pccs-url", base)
                assert sorted(server.asked) == sorted(paths(folder).values()), server.asked
                wanted = load(f"{folder}/collateral.json")
                assert {k: v for k, v in wanted.items() if k != "pck_certificate_chain"} == load("c.json"), folder
        wanted = load(f"{folder}/expected.json")["expected"]
        code = 0 if wanted["tcb_status"] in ("UpToDate", "SWHardeningNeeded") else 4
        verdict = verify(folder, "c.json", status=code)
        assert verdict["tcb_status"] == wanted["tcb_status"], verdict


@test
def every_encoding_of_a_crl_is_taken():
    der = bytes.fromhex(load(f"{SGX}/collateral.json")["pck_crl"])
    chain = {"SGX-PCK-CRL-Issuer-Chain": urllib.parse.quote(load(f"{SGX}/collateral.json")["pck_crl_issuer_chain"])}
    pem = ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", "X509 CRL").encode()
    for body in der.hex().encode(), der.hex().upper().encode() + b"\n", pem:
        with Server(pccs(SGX, crl=Answer(body, headers=chain))) as server:
            fetch(SGX, "--pccs-url", server.url)
            assert bytes.fromhex(load("c.json")["pck_crl"]) == der


@test
def version_3_of_a_pccs_has_another_header_and_nothing_for_tdx():
    folder = f"{VECTORS}/sgx_v3_swh_tcbv2_2025"
    answers = pccs(folder)
    tcb = answers[paths(folder)["tcb"]]
    tcb.headers = {"SGX-TCB-Info-Issuer-Chain": tcb.headers["TCB-Info-Issuer-Chain"]}
    with Server({path.replace("/v4/", "/v3/"): answer for path, answer in answers.items()}) as server:
        base = f"{server.url}/sgx/certification/v3"
        fetch(folder, "--pccs-url", base)
        assert load("c.json")["tcb_info"] == load(f"{folder}/collateral.json")["tcb_info"]
        assert "version 3" in fetch(TDX, "--pccs-url", base, status=1)


@test
def a_quote_without_a_chain_asks_for_its_pck_certificate():
    quote, folder = read(f"{VECTORS}/sgx_v3_certtype3_eppid/quote.bin"), SGX
    auth = 436 + 64 + 64 + 384 + 64
    at = auth + 2 + int.from_bytes(quote[auth : auth + 2], "little")
    data = quote[at + 6 : at + 6 + 404]
    query = f"encrypted_ppid={data[:384].hex()}&cpusvn={data[384:400].hex()}&pcesvn={data[400:402].hex()}"
    query += f"&pceid={data[402:404].hex()}&qeid={quote[28:44].hex()}"
    # Any platform's chain will do here: that it is of this quote is for the verifier to find out.
    other = read(f"{SGX}/quote.bin")
    pem = other[other.index(b"-----BEGIN") :].rstrip(b"\0").decode()
    cut = pem.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
    answers = pccs(SGX)
    answers[f"/sgx/certification/v4/pckcert?{query}"] = Answer(
        pem[:cut].encode(), headers={"SGX-PCK-Certificate-Issuer-Chain": urllib.parse.quote(pem[cut:].strip())}
    )
    with Server(answers) as server:
        fetch(f"{VECTORS}/sgx_v3_certtype3_eppid", "--pccs-url", server.url)
        assert len(server.asked) == 5
    chain = load("c.json")["pck_certificate_chain"]
    assert chain.count("BEGIN CERTIFICATE") == 3 and chain.startswith(pem[:cut])


@test
def failures_say_what_and_where():
    tcb = pccs(SGX)[paths(SGX)["tcb"]]
    big = Answer(b"{" + b" " * (1 << 20), headers=tcb.headers)
    for code, wanted, answer in (
        (5, "no answer", None),
        (5, "status 500", Answer(status=500)),
        (1, "the server has none (status 404)", Answer(status=404)),
        (1, "any more (status 410)", Answer(status=410)),
        (5, "too many requests", Answer(status=429, headers={"Retry-After": "7"})),
        (5, "not available", Answer(status=503)),
        (2, "subscription key", Answer(status=401)),
        (5, "redirects, which is not followed", Answer(status=302, redirect="http://127.0.0.1:1/")),
        (1, "lacks the header TCB-Info-Issuer-Chain", Answer(tcb.body)),
        (1, "over its limit", big),
        (5, "", Answer(tcb.body, headers=tcb.headers, cut=10)),
        (1, "", Answer(b"<html>log in</html>", headers=tcb.headers)),
        (1, "issuer chain", Answer(tcb.body, headers={"TCB-Info-Issuer-Chain": "%0"})),
        (1, "issuer chain", Answer(tcb.body, headers={"TCB-Info-Issuer-Chain": "nonsense"})),
    ):
        if answer is not None:
            refused(SGX, code, wanted, tcb=answer)
    said = refused(SGX, 5, "", tcb=Answer(hang=True))
    assert "timed out" in said.lower(), said


@test
def an_answer_about_another_platform_is_refused():
    folder = f"{VECTORS}/sgx_v3_outofdate_processor_ca_2025"
    other = pccs(folder)[paths(folder)["tcb"]]
    assert "asked was for" in refused(SGX, 1, "TCB Info of FMSPC", tcb=other)
    # The same FMSPC, but of the other TEE.
    tcb = pccs(TDX)[paths(TDX)["tcb"]]
    body = tcb.body.replace(b'"id":"TDX"', b'"id":"SGX"')
    refused(TDX, 1, "TCB Info of SGX, asked was for TDX", tcb=Answer(body, headers=tcb.headers))


@test
def nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        said = fetch(SGX, "--pccs-url", url, out="none.json", status=5)
        assert url in said, said
    for bad in "localhost:8081", "ftp://localhost", "http://", "http://h/?x":
        assert "pccs_url" in fetch(SGX, "--pccs-url", bad, out="none.json", status=1)
    said = fetch(SGX, "--pccs-url", "http://a:b@127.0.0.1:1", out="none.json", status=1)
    assert "user" in said and "a:b" not in said, said


# ---- TLS -------------------------------------------------------------------------------------------------------------


def certificate(name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    return f"{name}.crt", f"{name}.key"


@test
def tls_is_verified_unless_told_otherwise():
    good, other = certificate("good"), certificate("other")
    with Server(pccs(SGX), tls=good) as server:
        fetch(SGX, "--pccs-url", server.url, "--ca-file", good[0])
        for more in ("--ca-file", other[0]), ():
            said = fetch(SGX, "--pccs-url", server.url, *more, out="none.json", status=2)
            assert server.url in said and "certificate" in said.lower(), said
        wrong_name = server.url.replace("127.0.0.1", "localhost")
        fetch(SGX, "--pccs-url", wrong_name, "--ca-file", good[0], out="none.json", status=2)
        said = fetch(SGX, "--pccs-url", server.url, "--insecure-tls")
        assert "warning" in said and "not checked" in said, said
        fetch(SGX, "--pccs-url", server.url, "--ca-file", "absent.pem", out="none.json", status=1)


@test
def the_configuration_of_intels_client_is_read():
    good = certificate("good")
    with Server(pccs(SGX), tls=good) as server:
        with open("qcnl.conf", "w") as file:
            file.write(
                f'{{ // where\n  "pccs_url": "{server.url}/sgx/certification/v4/", /* "x" */\n'
                '  "use_secure_cert": false, "retry_times": 6 }\n'
            )
        said = fetch(SGX, "--qcnl", "qcnl.conf")
        assert "not checked" in said
        with open("qcnl.conf", "w") as file:
            file.write(f"# old\nPCCS_URL={server.url}/sgx/certification/v4/\nUSE_SECURE_CERT=TRUE\n")
        fetch(SGX, "--qcnl", "qcnl.conf", "--ca-file", good[0])
        fetch(SGX, "--qcnl", "qcnl.conf", out="none.json", status=2)
        assert "either" in fetch(SGX, "--qcnl", "qcnl.conf", "--pccs-url", server.url, out="none.json", status=1)


# ---- AMD and Hygon ---------------------------------------------------------------------------------------------------


def kds(folder, product, crl=None):
    report = read(f"{folder}/report.bin")
    tcb, turin = report[0x180:0x188], product == "Turin"
    names = {"fmcSPL": 0, "blSPL": 1, "teeSPL": 2, "snpSPL": 3, "ucodeSPL": 7} if turin else {
        "blSPL": 0, "teeSPL": 1, "snpSPL": 6, "ucodeSPL": 7}  # fmt: skip
    query = "&".join(f"{name}={tcb[at]:02d}" for name, at in names.items())
    hwid = report[0x1A0 : 0x1A0 + (8 if turin else 64)].hex()
    return {
        f"/vcek/v1/{product}/{hwid}?{query}": Answer(read(f"{folder}/leaf.der")),
        f"/vcek/v1/{product}/cert_chain": Answer(read(f"{folder}/ask.pem") + read(f"{folder}/ark.pem")),
        f"/vcek/v1/{product}/crl": Answer(crl or some_crl()),
    }


def some_crl():
    """A list of another maker: what is in it is for the verifier, which is not asked here."""
    return bytes.fromhex(load(f"{SGX}/collateral.json")["root_ca_crl"])


@test
def what_kds_serves_is_asked_for_by_chip_and_versions():
    for folder, product in (SNP, "Milan"), (TURIN, "Turin"), (GENOA_V2, "Genoa"):
        answers = kds(folder, product)
        with Server(answers) as server:
            fetch(folder, "--kds-url", server.url)
            asked = list(server.asked)
            if folder == GENOA_V2:  # version 2 does not say its product: Milan was tried first
                assert "/Milan/" in asked.pop(0)
            assert asked == list(answers), (asked, list(answers))
        collateral = load("c.json")
        del collateral["b64_crl"]
        with open("without.json", "w") as file:
            json.dump(collateral, file)
        verify(folder, "without.json")


@test
def no_product_has_the_chip():
    with Server({}) as server:
        assert "status 404" in fetch(GENOA_V2, "--kds-url", server.url, out="none.json", status=1)
        assert len(server.asked) == 2
        said = fetch(VLEK, "--kds-url", server.url, out="none.json", status=1)
        assert "VLEK" in said and "provider" in said and len(server.asked) == 2, said
    answers = kds(SNP, "Milan")
    leaf = next(iter(answers))
    answers[leaf] = Answer(read(f"{VLEK}/leaf.der"))
    with Server(answers) as server:
        said = fetch(SNP, "--kds-url", server.url, out="none.json", status=1)
        assert "SEV-VLEK" in said and "not of a VCEK" in said, said


@test
def what_hygon_serves_verifies():
    both = read(f"{CSV}/hsk.cert") + read(f"{CSV}/cek.cert")
    path = f"/hsk_cek?snumber={fields(CSV)['chip_id']}"
    with Server({path: Answer(both)}) as server:
        fetch(CSV, "--hygon-url", server.url + "/")
        assert server.asked == [path]
    verify(CSV, "c.json", "--root", f"{CSV}/hrk.cert")
    wrong = read(f"{CSV}/cek.cert") + read(f"{CSV}/hsk.cert")
    for body in both[:-1], both + b"\0", wrong, b"":
        with Server({path: Answer(body)}) as server:
            fetch(CSV, "--hygon-url", server.url, out="none.json", status=1)


# ---- Cache -----------------------------------------------------------------------------------------------------------


@test
def a_cache_is_shared_and_what_is_corrupted_in_it_is_fetched_anew():
    both = read(f"{CSV}/hsk.cert") + read(f"{CSV}/cek.cert")
    path = f"/hsk_cek?snumber={fields(CSV)['chip_id']}"
    with Server({path: Answer(both)}) as server:
        more = ("--hygon-url", server.url, "--cache-dir", "cache")
        fetch(CSV, *more)
        first = read("c.json")
        fetch(CSV, *more)
        assert len(server.asked) == 1 and read("c.json") == first
        (name,) = os.listdir("cache")
        whole = read(f"cache/{name}")
        assert os.stat("cache").st_mode & 0o777 == 0o700
        for spoilt in b"", whole[:-1], whole[:40], whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], whole + b"x":
            before = len(server.asked)
            with open(f"cache/{name}", "wb") as file:
                file.write(spoilt)
            fetch(CSV, *more)
            assert len(server.asked) == before + 1 and read("c.json") == first
            # Not the same bytes: it was fetched at another time.
            assert len(read(f"cache/{name}")) == len(whole)
        before = len(server.asked)
        processes = [
            subprocess.Popen(
                [f"{BIN}/capsa", "collateral", "fetch", "--evidence", f"{CSV}/report.bin", "--out", f"p{i}.json", *more],
                stdout=subprocess.DEVNULL,
            )
            for i in range(4)
        ]
        assert [process.wait() for process in processes] == [0] * 4
        assert len(server.asked) == before and all(read(f"p{i}.json") == first for i in range(4))
        with open("file", "w") as file:
            file.write("x")
        said = fetch(CSV, "--hygon-url", server.url, "--cache-dir", "file", out="none.json", status=5)
        assert "no folder" in said, said


@test
def what_is_wrong_is_not_kept():
    path = f"/hsk_cek?snumber={fields(CSV)['chip_id']}"
    with Server({path: Answer(b"<html>log in</html>")}) as server:
        fetch(CSV, "--hygon-url", server.url, "--cache-dir", "wrong", out="none.json", status=1)
        assert os.listdir("wrong") == []


# ---- Bundles ---------------------------------------------------------------------------------------------------------


@test
def a_bundle_has_what_each_evidence_needs():
    both = f"{VECTORS}/sgx_v3_outofdate_processor_ca_2025"
    run("collateral", "bundle", "--out", "b.json", "--force", *(f"{f}/collateral.json" for f in (SGX, TDX, both)),
        SNP, TURIN, VLEK, CSV)  # fmt: skip
    shown = json.loads(run("collateral", "show", "b.json", "-o", "json").stdout)
    assert len(shown["entries"]) == 7, len(shown["entries"])
    os.makedirs("folder/csv", exist_ok=True)
    for name, source in ("csv/hsk_cek.cert", None), ("a.json", f"{SGX}/collateral.json"), ("b.json", "b.json"):
        with open(f"folder/{name}", "wb") as file:
            file.write(read(source) if source else read(f"{CSV}/hsk.cert") + read(f"{CSV}/cek.cert"))
    for bundle in "b.json", "folder":
        for folder, more in (SGX, ()), (TDX, ()), (SNP, ()), (TURIN, ()), (VLEK, ()), (CSV, ("--root", f"{CSV}/hrk.cert")):
            fetch(folder, "--bundle", bundle)
            verify(folder, "c.json", *more)
        said = fetch(GENOA_V2, "--bundle", bundle, out="none.json", status=1)
        assert "none of 7 entries" in said and "chip id" in said, said


@test
def parts_make_one_entry_and_a_missing_one_is_named():
    c = load(f"{TDX}/collateral.json")
    run("collateral", "bundle", "--out", "one.json", "--force", f"{TDX}/collateral.json")
    assert load("one.json") == c  # the form that everybody reads
    run("collateral", "bundle", "--out", "snp.json", "--force", f"{SNP}/leaf.der", f"{SNP}/ask.pem", f"{SNP}/ark.pem")
    verify(SNP, "snp.json")
    said = run(
        "collateral", "bundle", "--out", "none.json", f"{SNP}/leaf.der", f"{SNP}/ark.pem", status=1
    ).stderr.decode()
    assert "b64_ask" in said and not os.path.exists("none.json"), said
    for text, wanted in (
        ('{"collateral_bundle":2,"entries":[]}', "version 1"),
        ('{"collateral_bundle":1,"entries":[{}]}', "entries[0]"),
        ('{"collateral_bundle":1,"entries":[],"more":1}', "nothing else"),
    ):
        with open("bad.json", "w") as file:
            file.write(text)
        said = run("collateral", "show", "bad.json", status=1).stderr.decode()
        assert wanted in said, said


@test
def what_collateral_says_of_itself_is_shown():
    shown = json.loads(run("collateral", "show", f"{SGX}/collateral.json", "-o", "json").stdout)["entries"][0]
    wanted = tcb_of(SGX)
    for name in "issueDate", "nextUpdate", "tcbEvaluationDataNumber", "fmspc":
        assert shown["tcb_info"][name] == wanted[name]
    assert shown["pck_crl"]["entries"] == 44
    text = run("collateral", "show", f"{SNP}/leaf.der").stdout.decode()
    assert "SEV-VCEK" in text and "not_after" in text, text
    os.mkdir("empty")
    assert "no collateral" in run("collateral", "show", "empty", status=1).stderr.decode()


if __name__ == "__main__":
    suite.main()
