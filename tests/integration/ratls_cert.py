#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""capsa ratls cert, show and verify, with the programs that such certificates are for: openssl reads
them, nginx serves them and takes the new one when it is told. Renewing is asked for by SIGHUP, so
that nothing waits for time to pass. CAPSA_BIN is the folder of the programs.
Ends with a line "N passed, N failed, N skipped"."""
import hashlib
import json
import os
import select
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

from harness import CAPSA, PATIENCE, VECTORS, Skip, Suite, check_sanitizers, contains, equal, holds, run

suite = Suite(own_folder=True)
test = suite.test
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
REAL = os.path.join(VECTORS, "ra-tls")


def capsa(*words, status=0):
    got, out, err = run(CAPSA, *words)
    equal(got, status, "exit status of capsa %s (%s)" % (" ".join(map(str, words)), err))
    return out


def make_sim():
    """A simulated platform in sim/, and a program on it."""
    status, _, err = run(CAPSA, "sim", "init", "sim")
    if status == 1 and "unknown command" in err:
        raise Skip("this build has no simulated platform")
    equal(status, 0, "exit status of capsa sim init (%s)" % err)
    with open("code", "w") as file:
        file.write("the program\n")


ATTEST = ["--platform", "sim-sgx", "--sim-dir", "sim", "--sim-code", "code"]
FILES = ["--out-cert", "tls.crt", "--out-key", "tls.key"]


def spki_of(pem):
    der = subprocess.run(["openssl", "x509", "-noout", "-pubkey"], input=pem, capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=der, capture_output=True, check=True).stdout
    return hashlib.sha256(der).hexdigest()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def is_pair():
    """The key is that of the certificate, by OpenSSL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("tls.crt", "tls.key")


class Keeper:
    """One `capsa ratls cert --keep` that has made its first certificate."""

    def __init__(self, *more, env=None):
        self.process = subprocess.Popen([CAPSA, "ratls", "cert", *ATTEST, *FILES, "--keep", *more], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=open("errors", "wb"), env=env)
        self.seen = b""
        self.wait_for("capsa: ready: tls.crt")

    def wait_for(self, text):
        """Until it has said this, from what was not yet looked at."""
        ends = time.monotonic() + PATIENCE
        while text.encode() not in self.seen:
            left = ends - time.monotonic()
            holds(left > 0 and select.select([self.process.stdout], [], [], left)[0], "it never said %r: %r" % (text, self.seen))
            more = os.read(self.process.stdout.fileno(), 4096)
            holds(more, "it ended before it said %r: %r %r" % (text, self.seen, read("errors")))
            self.seen += more
        self.seen = self.seen.split(text.encode(), 1)[1]

    def wait_for_error(self, text):
        """Until a warning says this. There is no event for a file that grows; whoever asks again has slept no time."""
        ends = time.monotonic() + PATIENCE
        while text.encode() not in read("errors"):
            holds(time.monotonic() < ends and self.process.poll() is None, "no error says %r: %r" % (text, read("errors")))
            os.sched_yield()

    def stop(self, number=signal.SIGTERM, status=0):
        self.process.send_signal(number)
        self.ended(status)

    def ended(self, status):
        got = self.process.wait(PATIENCE)
        self.process.stdout.close()
        check_sanitizers(read("errors").decode())
        equal(got, status, "exit status (%r)" % read("errors"))


# ---- Making, showing, judging -----------------------------------------------------------------


@test
def openssl_reads_what_is_made_and_agrees_on_what_it_says():
    make_sim()
    made = json.loads(capsa("ratls", "cert", *ATTEST, *FILES, "--forms", "dice,gramine", "--key", "p384", "-o", "json"))
    equal(made["spki_sha256"], spki_of(read("tls.crt")), "digest of the key")
    text = subprocess.run(["openssl", "x509", "-in", "tls.crt", "-noout", "-text"], capture_output=True, check=True).stdout
    contains(text.decode(errors="replace"), "2.23.133.5.4.9", "0.6.9.42.840.113741.1337.6", "secp384r1", "CA:FALSE")
    equal(stat.S_IMODE(os.stat("tls.key").st_mode), 0o600, "mode of the key")
    is_pair()
    end = subprocess.run(["openssl", "x509", "-in", "tls.crt", "-noout", "-enddate"], capture_output=True, check=True).stdout
    equal(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.strptime(end.decode().strip(), "notAfter=%b %d %H:%M:%S %Y GMT")),
          made["not_after"], "end of validity")
    subprocess.run(["openssl", "verify", "-CAfile", "tls.crt", "tls.crt"], check=True, capture_output=True)


@test
def a_verdict_names_the_certificate_and_the_code():
    make_sim()
    capsa("ratls", "cert", *ATTEST, *FILES, "--nonce", "00ff")
    shown = json.loads(capsa("ratls", "verify", "--cert", "tls.crt", "--sim-root", "sim", "--nonce", "00ff", "--native", "-o", "json"))
    equal(shown["verdict"], "accept", "verdict")
    equal(shown["certificate"]["form"], "dice", "form")
    equal(shown["certificate"]["spki_sha256"], spki_of(read("tls.crt")), "digest of the key")
    measured = json.loads(capsa("sim", "measure", "code", "-o", "json"))["mr_enclave"]
    contains(json.dumps(shown["claims"]), measured)
    text = capsa("ratls", "verify", "--cert", "tls.crt", "--sim-root", "sim")
    contains(text, "accepted\n", "certificate valid", "TCG DICE", "mr_enclave", measured)
    equal(json.loads(capsa("ratls", "show", "tls.crt", "-o", "json"))["nonce"], "00ff", "nonce")


@test
def a_certificate_with_another_key_is_refused():
    make_sim()
    capsa("ratls", "cert", *ATTEST, *FILES)
    # Everything as it was made, signed anew with a key of one's own: the evidence is of the other one.
    subprocess.run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-out", "own.key"], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-in", "tls.crt", "-signkey", "own.key", "-out", "own.crt"],
                   check=True, capture_output=True)
    status, out, err = run(CAPSA, "ratls", "verify", "--cert", "own.crt", "--sim-root", "sim", "-o", "json")
    equal(status, 3, "exit status (%s)" % err)
    equal(json.loads(out)["failed_check"], "certificate-key", "check that failed")


@test
def every_recorded_certificate_is_shown_and_is_nobodys_word():
    names = [name for name in sorted(os.listdir(REAL)) if name.endswith(".der")] if os.path.isdir(REAL) else []
    if not names:
        raise Skip("no recorded certificates in %s" % REAL)
    for name in names:
        path = os.path.join(REAL, name)
        shown = json.loads(capsa("ratls", "show", path, "-o", "json"))
        equal(shown["form"], "dice", "form of %s" % name)
        # genuine, and without the collateral of their time: not called forged
        status, out, err = run(CAPSA, "ratls", "verify", "--cert", path, "--time", "1677082230", "-o", "json")
        equal((status, json.loads(out)["failed_check"]), (4, "collateral-missing"), "verdict on %s (%s)" % (name, err))


# ---- Keeping ----------------------------------------------------------------------------------


@test
def hangup_renews_and_the_command_finds_the_new_pair():
    make_sim()
    keeper = Keeper("--life", "3600", "--on-renew", 'cat "$CAPSA_CERT_FILE" > told.crt; test -r "$CAPSA_KEY_FILE"; echo told')
    first = spki_of(read("tls.crt"))
    holds(not os.path.exists("told.crt"), "the command ran before anything was renewed")
    for _ in range(2):
        keeper.process.send_signal(signal.SIGHUP)
        keeper.wait_for("renewed: ")
        keeper.wait_for("told")
        second = spki_of(read("tls.crt"))
        holds(first != second, "the key is the same")
        equal(spki_of(read("told.crt")), second, "what the command found")
        is_pair()
        first = second
    keeper.stop()
    equal(sorted(os.listdir(".")), ["code", "errors", "sim", "tls.crt", "tls.key", "told.crt"], "files")


@test
def a_command_that_fails_is_told_and_run_again():
    make_sim()
    keeper = Keeper("--on-renew", "test -e fine && echo went well")
    keeper.process.send_signal(signal.SIGHUP)
    keeper.wait_for_error('ended with status 1; it is run again at the next renewal')
    open("fine", "w").close()
    keeper.process.send_signal(signal.SIGHUP)
    keeper.wait_for("went well")
    keeper.stop(signal.SIGINT)


@test
def a_platform_that_fails_is_told_and_the_old_pair_stays():
    make_sim()
    keeper = Keeper()
    before = read("tls.crt"), read("tls.key")
    os.rename("sim", "away")
    keeper.process.send_signal(signal.SIGHUP)
    keeper.wait_for_error("trying again in 5")
    contains(read("errors").decode(), "could not renew: ", "the old certificate is good for")
    equal((read("tls.crt"), read("tls.key")), before, "the pair")
    os.rename("away", "sim")
    keeper.process.send_signal(signal.SIGHUP)
    keeper.wait_for("renewed: ")
    holds(read("tls.crt") != before[0], "it was not renewed")
    is_pair()
    keeper.stop()


@test
def what_cannot_be_made_the_first_time_ends_it():
    make_sim()
    status, _, err = run(CAPSA, "ratls", "cert", "--platform", "sim-sgx", "--sim-dir", "nowhere", *FILES, "--keep")
    holds(status != 0 and err, "it went on")
    holds(not os.path.exists("tls.key"), "a key without a certificate was left")


@test
def a_stop_ends_the_command_too():
    make_sim()
    os.mkfifo("never")
    keeper = Keeper("--on-renew", "echo begun; cat never")
    keeper.process.send_signal(signal.SIGHUP)
    keeper.wait_for("begun")
    keeper.stop()  # its command waits for a writer who never comes
    contains(read("errors").decode(), "ended by signal 15")


# ---- nginx ------------------------------------------------------------------------------------

CONFIGURATION = """
daemon off; pid %(here)s/nginx.pid; error_log stderr; worker_processes 2;
events {}
http {
  access_log off;
  client_body_temp_path %(here)s/body; proxy_temp_path %(here)s/proxy; fastcgi_temp_path %(here)s/fastcgi;
  uwsgi_temp_path %(here)s/uwsgi; scgi_temp_path %(here)s/scgi;
  server {
    listen 127.0.0.1:%(port)d ssl;
    ssl_certificate %(here)s/tls.crt; ssl_certificate_key %(here)s/tls.key;
    ssl_protocols TLSv1.3; ssl_session_tickets off;
    location / { return 200 "hello\\n"; }
  }
}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def served(port):
    """The certificate that is served, PEM; None: nobody listens."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", port)).encode()
    except OSError:
        return None


def until_served(port, spki, process):
    """nginx tells nobody when it has taken a new certificate: ask until it has."""
    ends = time.monotonic() + PATIENCE
    while True:
        pem = served(port)
        if pem is not None and spki_of(pem) == spki:
            return
        holds(process.poll() is None and time.monotonic() < ends, "nginx never served the certificate of that key")


@test
def nginx_serves_the_new_certificate_after_its_reload():
    if NGINX is None:
        raise Skip("nginx is not installed (nginx-light)")
    make_sim()
    port, here = free_port(), os.getcwd()
    with open("nginx.conf", "w") as file:
        file.write(CONFIGURATION % {"here": here, "port": port})
    command = "%s -p %s -c %s/nginx.conf -s reload" % (NGINX, here, here)
    keeper = Keeper("--on-renew", command)
    nginx = subprocess.Popen([NGINX, "-p", here, "-c", here + "/nginx.conf"], stdin=subprocess.DEVNULL,
                             stderr=open("nginx.log", "wb"))
    try:
        first = spki_of(read("tls.crt"))
        until_served(port, first, nginx)
        keeper.process.send_signal(signal.SIGHUP)
        keeper.wait_for("renewed: ")
        second = spki_of(read("tls.crt"))
        holds(first != second, "the key is the same")
        until_served(port, second, nginx)
        # a real peer sees it, and what it sees is what the platform vouches for
        seen = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1_3"], input=b"",
                              capture_output=True, timeout=PATIENCE, check=True).stdout
        pem = b"-----BEGIN CERTIFICATE-----" + seen.split(b"-----BEGIN CERTIFICATE-----")[1].split(b"-----END")[0]
        with open("seen.crt", "wb") as file:
            file.write(pem + b"-----END CERTIFICATE-----\n")
        equal(spki_of(read("seen.crt")), second, "what s_client saw")
        capsa("ratls", "verify", "--cert", "seen.crt", "--sim-root", "sim", "--native")
    finally:
        keeper.stop()
        nginx.terminate()
        nginx.wait(PATIENCE)


suite.main()
