#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`capsa verify` beside OpenSSL's own commands, over all recorded SEV-SNP and CSV evidence. OpenSSL is asked for signatures
alone: `verify` and `dgst -verify` for SNP, `pkeyutl -verify` for the SM2 of CSV. So what it refuses we must refuse, and what
we refuse while its signatures hold must be for a reason that is none of signatures.

CAPSA_BIN is the folder of the program, CAPSA_VECTORS that of recorded vectors. Ends with "N passed, N failed, N skipped"."""
import base64
import collections
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("CAPSA_BIN", os.path.join(ROOT, "build/bin")))
VECTORS = os.path.abspath(os.environ.get("CAPSA_VECTORS", os.path.join(ROOT, "../shared/vectors")) + "/attestation")
SOME_TIME = 1780000000  # for evidence that never expires

# What OpenSSL's commands cannot see, as our failed check and reason.
UNSEEN = [
    (r"^format: ", "lengths and fields of reports"),
    (r"^debug: ", "a debug bit"),
    (r"^chain: .*usage", "what a key of Hygon's is for"),
    (r"^signature: .*(usage|algorithm)", "what the report says of its signature"),
]
# Hygon's root key as everybody pins it: x, y, and the id that it signs under.
HRK = (bytes.fromhex("be62e14d62a4f14cf3d702db09563a75c80935e785cd1f502af5f21d92c2f62d"),
       bytes.fromhex("3bab123a57bb7015584f8b97164e95384a640c10b9be884738744d68b41eb946"), b"HYGON-SSD-HRK")
HRK_USAGE, HSK_USAGE, CEK_USAGE, PEK_USAGE = 0, 0x13, 0x1004, 0x1002


def read(path):
    with open(path, "rb") as file:
        return file.read()


def openssl(*words):
    return subprocess.run(["openssl", *words], capture_output=True, timeout=60)


class Room:
    """A folder for what commands want as files."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="capsa-openssl-")

    def file(self, name, content):
        path = f"{self.folder.name}/{name}"
        with open(path, "wb") as file:
            file.write(content)
        return path


def der(tag, content):
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + head + content


def der_signature(r, s):
    """Numbers, little-endian, as SEQUENCE of two INTEGERs."""
    def integer(number):
        value = int.from_bytes(number, "little")
        return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))
    return der(0x30, integer(r) + integer(s))


# ---- SEV-SNP ---------------------------------------------------------------------------------------------------------------


def snp_holds(folder, time):
    """None, or what does not hold."""
    room = Room()
    report = read(f"{folder}/report.bin")
    leaf = room.file("leaf.pem", openssl("x509", "-inform", "DER", "-in", f"{folder}/leaf.der").stdout)
    chain = openssl("verify", "-attime", str(time), "-CAfile", f"{folder}/ark.pem", "-untrusted", f"{folder}/ask.pem", leaf)
    if chain.returncode != 0:
        return f"chain: {chain.stderr.decode()}"
    key = room.file("key.pem", openssl("x509", "-in", leaf, "-noout", "-pubkey").stdout)
    signature = room.file("signature", der_signature(report[0x2A0:0x2A0 + 72], report[0x2E8:0x2E8 + 72]))
    signed = openssl("dgst", "-sha384", "-verify", key, "-signature", signature, room.file("body", report[:0x2A0]))
    return None if signed.returncode == 0 else f"report: {signed.stdout.decode()}"


# ---- CSV -------------------------------------------------------------------------------------------------------------------


def sm2_pem(x, y):
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
    spki = der(0x30, algorithm + der(3, b"\0\4" + x + y))
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(spki) + b"-----END PUBLIC KEY-----\n"


def sm2_holds(signer, body, r, s):
    x, y, user = signer
    room = Room()
    done = openssl("pkeyutl", "-verify", "-pubin", "-inkey", room.file("key.pem", sm2_pem(x, y)), "-rawin", "-digest", "sm3",
                   "-pkeyopt", f"hexdistid:{user.hex()}", "-sigfile", room.file("signature", der_signature(r, s)),
                   "-in", room.file("body", body))
    return done.returncode == 0


def csv_key(bytes_at):
    """Coordinates, little-endian in the low bytes of 72, and the user id."""
    size = int.from_bytes(bytes_at[148:150], "little")
    return bytes_at[4:36][::-1], bytes_at[76:108][::-1], bytes_at[150:150 + size]


def masked(report, start, end):
    return bytes(byte ^ report[188 + at % 4] for at, byte in enumerate(report[start:end], start))


def pek_holds(pek, cek):
    """One of its two signatures is CEK's."""
    slots = [at for at in (1044, 1564) if int.from_bytes(pek[at:at + 4], "little") == CEK_USAGE]
    return any(sm2_holds(cek, pek[:1044], pek[at + 8:at + 80], pek[at + 80:at + 152]) for at in slots)


def csv_holds(folder, hrk_file):
    report, hsk, cek = (read(f"{folder}/{name}") for name in ("report.bin", "hsk.cert", "cek.cert"))
    if len(report) < 2420 or len(hsk) != 832 or len(cek) != 2084:
        return "lengths"
    hrk = HRK
    if hrk_file is not None:
        whole = read(hrk_file)
        hrk = csv_key(whole[64:468])
        if not sm2_holds(hrk, whole[:576], whole[576:648], whole[648:720]):
            return "the signature of HRK"
    if not sm2_holds(hrk, hsk[:576], hsk[576:648], hsk[648:720]):
        return "the signature of HSK"
    if not sm2_holds(csv_key(hsk[64:468]), cek[:1044], cek[1052:1124], cek[1124:1196]):
        return "the signature of CEK"
    pek = masked(report, 336, 2420)
    if not pek_holds(pek, csv_key(cek[16:420])):
        return "the signature of PEK"
    if not sm2_holds(csv_key(pek[16:420]), report[:180], report[192:264], report[264:336]):
        return "the signature of the report"
    return None


# ---- comparing -------------------------------------------------------------------------------------------------------------


def ours(folder, time, root):
    words = ["--root", root] if root else []
    done = subprocess.run([f"{BIN}/capsa", "verify", "-o", "json", "--evidence", f"{folder}/report.bin", "--collateral", folder,
                           "--time", str(time), *words], capture_output=True, text=True, timeout=60)
    answer = json.loads(done.stdout)
    return None if answer["verdict"] == "accept" else f"{answer['failed_check']}: {answer['reason']}"


def compare(folder):
    """What is wrong, or None; and which of UNSEEN explained it."""
    about = json.loads(read(f"{folder}/expected.json"))
    time = about.get("verification_time_unix", SOME_TIME)
    root = about.get("trusted_hrk") and f"{folder}/{about['trusted_hrk']}"
    broken = snp_holds(folder, time) if about["platform"] == "snp" else csv_holds(folder, root)
    refused = ours(folder, time, root)
    if (broken is None) == (refused is None):
        return None, None
    if refused is None:
        return f"we accept, and OpenSSL does not: {broken}", None
    row = next((row for row in UNSEEN if re.search(row[0], refused)), None)
    return (None, row) if row else (f"OpenSSL's signatures hold, and we refuse: {refused}", None)


def folders():
    """All with a report and what proves it."""
    found = glob.glob(f"{VECTORS}/snp_*") + glob.glob(f"{VECTORS}/csv_*") + \
        glob.glob(f"{VECTORS}/mutations_snp/*") + glob.glob(f"{VECTORS}/mutations_csv/*")
    return sorted(one for one in found if os.path.exists(f"{one}/report.bin") and
                  (os.path.exists(f"{one}/leaf.der") or os.path.exists(f"{one}/cek.cert")))


def main():
    if not os.path.isdir(VECTORS):
        print(f"skipped: no recorded vectors at {VECTORS}\n0 passed, 0 failed, 1 skipped")
        return 0
    failed, unseen, all_folders = 0, collections.Counter(), folders()
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for folder, (wrong, row) in zip(all_folders, pool.map(compare, all_folders)):
            unseen[row] += 1
            if wrong:
                failed += 1
                print(f"failed {os.path.basename(folder)}: {wrong}")
    for row, count in unseen.items():
        if row:
            print(f"OpenSSL cannot see {row[1]}: {count}")
    print(f"{len(all_folders) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
