#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attested TLS with everybody else's software, in both directions: OpenSSL's s_client and s_server, a client and a server on
mbedTLS (peers/mbedtls_*.c), curl, nginx, gRPC's C core, GnuTLS. Foreign clients and servers know nothing of evidence, so they
are shown that it does not get in their way; those that judge do so through libcapsa. CAPSA_BIN is the folder of the programs,
CAPSA_BUILD the build that holds the programs on mbedTLS. Prints the versions that were run. Ends with a line "N passed, N
failed, N skipped"."""
import base64
import concurrent.futures
import hashlib
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

from harness import CAPSA, PATIENCE, ROOT, Skip, Suite, check_sanitizers, contains, equal, holds, run, temporary_folder
from ratls_scene import Echo, Platform, Tunnel, plain_talk, until

BUILD = os.path.abspath(os.environ.get("CAPSA_BUILD", os.path.join(ROOT, "build-test")))
UNBOUND = ["--insecure-unbound"]
TLS12 = [*UNBOUND, "--tls12"]
suite = Suite()
test = suite.test
platform = Platform()
echo = Echo()


def program(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if not found:
        raise Skip(name + " is not installed")
    return found


def serving(*words, target=None):
    return Tunnel("serve", *platform.proving, *words, target=target or echo.port)


def connect(port, *words, stdin="", status=0):
    """`capsa ratls connect`: its standard output and error."""
    got, out, err = run(CAPSA, "ratls", "connect", "127.0.0.1:%d" % port, *words, stdin=stdin)
    equal(got, status, "status of connect (%s)" % err[-600:])
    return out, err


def own_files(kind="p256", *words):
    """Certificate and key of the platform's program, made once by `capsa ratls cert`."""
    name = "-".join(("own", kind, *words)).replace("--", "")
    paths = platform.path(name + ".crt"), platform.path(name + ".key")
    return paths if os.path.exists(paths[0]) else platform.certificate(name, "--key", kind, *words)


# ---- OpenSSL --------------------------------------------------------------------------------------


class Running:
    """A foreign program with a conversation: lines in, whatever it says out."""

    def __init__(self, *words, env=None):
        self.words = words
        self.said = b""
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            some = os.read(self.process.stdout.fileno(), 1 << 16)
            if not some:
                return
            self.said += some

    def text(self):
        return self.said.decode(errors="replace")

    def says(self, pattern):
        """Wait for it; the match."""
        until(lambda: re.search(pattern, self.text()), lambda: "%r in %r" % (pattern, self.text()[-1500:]))
        return re.search(pattern, self.text())

    def tell(self, line):
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    def stop(self):
        """End its input, and it."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(PATIENCE)
        check_sanitizers(self.text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def s_client(port, *words):
    return Running(program("openssl"), "s_client", "-connect", "127.0.0.1:%d" % port, *words)


def talks(client, line="through the tunnel"):
    """An echo answers what was typed."""
    client.tell(line + "\n")
    client.says(r"(?m)^%s\r?$" % re.escape(line))


def shown_certificate(client):
    found = client.says(r"(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----")
    path = platform.path("shown.crt")
    with open(path, "w", encoding="ascii") as file:
        file.write(found[0] + "\n")
    return path


@test
def s_client_with_tls_13():
    with serving(*UNBOUND) as server, s_client(server.port, "-tls1_3") as client:
        talks(client)
        contains(client.text(), "TLSv1.3")
        holds("Session Ticket" not in client.text(), "there was a session ticket")
        answer = json.loads(platform.capsa("ratls", "verify", "-o", "json", "--cert", shown_certificate(client), *platform.judging))
        equal(answer["verdict"], "accept", "verdict on what s_client was shown")


@test
def s_client_with_tls_12_where_it_is_allowed():
    with serving(*TLS12) as server:
        with s_client(server.port, "-tls1_2") as client:
            talks(client)
            contains(client.text(), "TLSv1.2")
            holds("TLS session ticket:" not in client.text(), "there was a session ticket")
            contains(client.text(), "Secure Renegotiation IS supported")
        with s_client(server.port, "-tls1_2", "-cipher", "AES128-SHA:ECDHE-ECDSA-AES128-SHA") as client:
            client.says("alert handshake failure|no shared cipher")
        with s_client(server.port, "-tls1_1") as client:
            client.says("alert protocol version|no protocols available")
    with serving(*UNBOUND) as server, s_client(server.port, "-tls1_2") as client:
        client.says("alert protocol version")


@test
def s_client_cannot_resume_or_send_early_data():
    with serving(*TLS12) as server:
        for version in ("-tls1_3", "-tls1_2"):
            with s_client(server.port, version, "-reconnect") as client:
                talks(client)
                holds("Reused" not in client.text(), "a session was resumed (%s)" % version)


@test
def s_client_is_judged_by_its_certificate():
    cert, key = own_files()
    with serving(*platform.judging, *UNBOUND) as server:
        with s_client(server.port, "-cert", cert, "-key", key) as client:
            talks(client)
        with s_client(server.port, "-tls1_3") as client:
            client.says("alert certificate required|alert number 116")
    with serving(*platform.judging_by(platform.other_policy), *UNBOUND) as server:
        with s_client(server.port, "-cert", cert, "-key", key) as client:
            server.says("reference-values")


@test
def s_client_cannot_speak_with_a_bound_server():
    with serving() as server:
        for words in ((), ("-alpn", "h2"), ("-tls1_2",)):
            with s_client(server.port, *words) as client:
                client.says("alert|handshake failure")


class SServer(Running):
    """`openssl s_server` that turns lines around, with a certificate of ours."""

    def __init__(self, *words, kind="p256", cert_words=()):
        cert, key = own_files(kind, *cert_words)
        super().__init__(program("openssl"), "s_server", "-accept", "127.0.0.1:0", "-rev", "-cert", cert, "-key", key, *words)
        self.port = int(self.says(r"ACCEPT \S+:(\d+)")[1])

    def stop(self):
        self.process.terminate()  # the end of its input is nothing to it
        super().stop()


@test
def s_server_with_our_files_of_every_kind_of_key():
    for kind in ("p256", "p384", "rsa3072"):
        with SServer("-tls1_3", kind=kind) as server:
            out, err = connect(server.port, *platform.judging, *UNBOUND, stdin="abc\n")
            equal(out, "cba\n", "what came back (%s)" % kind)
            contains(err, platform.measured["mr_enclave"][:8])
            connect(server.port, *platform.judging_by(platform.other_policy), *UNBOUND, stdin="abc\n", status=2)


@test
def s_server_with_tls_12():
    with SServer("-tls1_2") as server:
        equal(connect(server.port, *platform.judging, *TLS12, stdin="abc\n")[0], "cba\n", "what came back")
        got, out, _ = run(CAPSA, "ratls", "connect", "127.0.0.1:%d" % server.port, *platform.judging, *UNBOUND, stdin="abc\n")
        holds(got != 0 and out == "", "TLS 1.2 without --tls12: status %d" % got)


@test
def s_server_that_asks_is_shown_our_certificate():
    with SServer("-tls1_3", "-Verify", "1") as server:
        out, _ = connect(server.port, *platform.judging, *platform.proving, *UNBOUND, stdin="abc\n")
        equal(out, "cba\n", "what came back")
        server.says("(?i)client certificate|depth=0")


@test
def s_server_behind_a_proxy():
    with SServer("-tls1_3") as server:
        with Tunnel("proxy", *platform.judging, *UNBOUND, target=server.port) as proxy:
            equal(plain_talk(proxy.port, b"abc\n"), b"cba\n", "what came back")


@test
def no_bound_client_falls_back_for_s_server():
    with SServer("-tls1_3") as server:
        got, out, err = run(CAPSA, "ratls", "connect", "127.0.0.1:%d" % server.port, *platform.judging, stdin="abc\n")
        holds(got != 0 and out == "", "status %d, output %r" % (got, out))
        contains(err, "no fallback")


# ---- mbedTLS --------------------------------------------------------------------------------------


def mbedtls(name):
    path = os.path.join(BUILD, "tests/interop", name)
    if not os.path.exists(path):
        raise Skip("this build has no %s: libmbedtls-dev was not there (%s)" % (name, BUILD))
    return path


def judge_words(policy=None):
    return ["--simulation", platform.sim, "--policy", policy or platform.policy]


def mbedtls_client(port, *words, stdin="hello from mbedTLS", status=0, env=None):
    """Its standard output and error."""
    got, out, err = run(mbedtls("mbedtls_client"), "127.0.0.1", port, *words, stdin=stdin, env=env)
    equal(got, status, "status of the client on mbedTLS (%s)" % err[-800:])
    return out, err


@test
def a_client_on_mbedtls_judges_our_server():
    text = "through TLS 1.2 " * 5000
    for kind in ("p256", "p384", "rsa3072"):
        with serving(*TLS12, "--key", kind) as server:
            out, err = mbedtls_client(server.port, *judge_words(), stdin=text)
            equal(out, text, "what came back")
            contains(err, "TLSv1.2", "accepted")
            _, err = mbedtls_client(server.port, *judge_words(platform.other_policy), status=1)
            contains(err, "refused reference-values")


def size_of_der(path):
    with open(path, encoding="ascii") as file:
        return len(base64.b64decode("".join(line for line in file if "-----" not in line)))


@test
def a_client_on_mbedtls_shows_a_certificate_of_ten_kilobytes():
    cert, key = own_files("p384", "--forms", "gramine,dice")
    holds(8192 < size_of_der(cert) < 16384, "a certificate of two quotes has %d bytes" % size_of_der(cert))
    with serving(*platform.judging, *TLS12) as server:
        out, err = mbedtls_client(server.port, *judge_words(), "--cert", cert, "--key", key)
        equal(out, "hello from mbedTLS", "what came back")
        contains(err, "ours %d" % size_of_der(cert))
        mbedtls_client(server.port, *judge_words(), status=1)  # shows none


class MbedServer(Running):
    def __init__(self, *words, env=None):
        super().__init__(mbedtls("mbedtls_server"), *words, env=env)
        self.port = int(self.says(r"ready (\d+)")[1])


@test
def a_server_on_mbedtls_is_judged_and_judges():
    cert, key = own_files("p384", "--forms", "gramine,dice")
    with MbedServer("--cert", cert, "--key", key) as server:
        equal(connect(server.port, *platform.judging, *TLS12, stdin="abc")[0], "abc", "what came back")
        connect(server.port, *platform.judging_by(platform.other_policy), *TLS12, stdin="abc", status=2)
    with MbedServer("--cert", cert, "--key", key, *judge_words()) as server:
        out, _ = connect(server.port, *platform.judging, *platform.proving, *TLS12, stdin="abc")
        equal(out, "abc", "what came back where both prove something")
        server.says("judged by libcapsa: accepted")
    with MbedServer("--cert", cert, "--key", key, *judge_words(platform.other_policy)) as server:
        run(CAPSA, "ratls", "connect", "127.0.0.1:%d" % server.port, *platform.judging, *platform.proving, *TLS12, stdin="abc")
        server.says("judged by libcapsa: refused reference-values")


@test
def mbedtls_and_certificates_with_endorsements():
    """mbedTLS 2.28 cannot read a handshake message that is larger than a record, of 16 KiB. Such certificates are fine with
    OpenSSL and with us."""
    for forms in ("dice", "gramine,dice"):
        words = ["--endorsements", "--forms", forms]
        cert, key = own_files("p256", *words)
        size = size_of_der(cert)
        fits = size < 16384 - 16
        equal(fits, forms == "dice", "that %d bytes fit into a record" % size)
        with serving(*TLS12, *words) as server:
            got, _, err = run(mbedtls("mbedtls_client"), "127.0.0.1", server.port, *judge_words(), stdin="abc")
            print("mbedTLS reads a certificate of %d bytes: %s" % (size, err.strip().splitlines()[-1]))
            equal(got == 0, fits, "success of mbedTLS with %d bytes" % size)
            with s_client(server.port, "-tls1_2") as client:
                talks(client)
            connect(server.port, *platform.judging, *TLS12)
        with serving(*platform.judging, *TLS12) as server:
            got, _, err = run(mbedtls("mbedtls_client"), "127.0.0.1", server.port, *judge_words(), "--cert", cert, "--key", key,
                              stdin="abc")
            print("mbedTLS sends a certificate of %d bytes: %s" % (size, err.strip().splitlines()[-1]))
            equal(got == 0, fits, "success of mbedTLS with %d bytes of its own" % size)


def drop_in():
    for name in ("integrations/gramine/libra_tls_verify_dcap.so", "integrations/gramine/libra_tls_verify_dcap_gramine.so"):
        if os.path.exists(os.path.join(BUILD, name)):
            return os.path.join(BUILD, name)
    raise Skip("this build has no drop-in libraries (%s)" % BUILD)


def gramines_environment(**more):
    mine = {"RA_TLS_MRENCLAVE": platform.measured["mr_enclave"], "RA_TLS_MRSIGNER": "any", "RA_TLS_ISV_PROD_ID": "any",
            "RA_TLS_ISV_SVN": "any", "CAPSA_INSECURE_SIMULATION": platform.sim, **more}
    return {**os.environ, **mine}


@test
def a_client_on_mbedtls_judges_by_gramines_symbol():
    words = ["--drop-in", drop_in()]
    for forms in ("dice", "gramine", "gramine,dice"):
        with serving(*TLS12, "--key", "p384", "--forms", forms) as server:
            _, err = mbedtls_client(server.port, *words, env=gramines_environment())
            contains(err, "judged by the drop-in library: accepted")
            _, err = mbedtls_client(server.port, *words, env=gramines_environment(RA_TLS_MRENCLAVE="17" * 32), status=1)
            contains(err, "judged by the drop-in library: refused", "stage 5")


# ---- GnuTLS ---------------------------------------------------------------------------------------


@test
def gnutls_cli_in_both_versions():
    with serving(*TLS12) as server:
        for priority, version in (("NORMAL:-VERS-ALL:+VERS-TLS1.3", "TLS1.3"), ("NORMAL:-VERS-ALL:+VERS-TLS1.2", "TLS1.2")):
            with Running(program("gnutls-cli"), "--insecure", "--port", str(server.port), "--priority", priority,
                         "127.0.0.1") as client:
                client.says("Simple Client Mode")
                talks(client)
                contains(client.text(), version)


# ---- curl -----------------------------------------------------------------------------------------


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"a page behind attested TLS, at " + self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def web_service():
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    return service.server_address[1]


def pin_of(cert):
    """As curl wants it: SHA-256 over the public key, in base64."""
    spki = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=spki, capture_output=True, check=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


@test
def curl_that_pins_what_was_verified():
    curl = program("curl")
    with serving(*UNBOUND, target=web_service()) as server:
        with s_client(server.port) as client:
            cert = shown_certificate(client)
        platform.capsa("ratls", "verify", "--cert", cert, *platform.judging)
        url = "https://127.0.0.1:%d/here" % server.port
        status, out, err = run(curl, "-sSk", "--pinnedpubkey", "sha256//" + pin_of(cert), url)
        equal((status, out), (0, "a page behind attested TLS, at /here"), "answer (%s)" % err)
        other = base64.b64encode(bytes(32)).decode()
        status, out, _ = run(curl, "-sSk", "--pinnedpubkey", "sha256//" + other, url)
        equal((status, out), (90, ""), "answer to who pins another key")


@test
def curl_through_a_bound_tunnel():
    """Programs that know no TLS at all, with all of it bound to the session."""
    with serving(target=web_service()) as server:
        with Tunnel("proxy", *platform.judging, target=server.port) as proxy:
            status, out, err = run(program("curl"), "-sS", "http://127.0.0.1:%d/bound" % proxy.port)
            equal((status, out), (0, "a page behind attested TLS, at /bound"), "answer (%s)" % err)


# ---- nginx ----------------------------------------------------------------------------------------

NGINX = """
daemon off; master_process on; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 2;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {cert}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off; ssl_session_cache off;
    location / {{ default_type text/plain; return 200 "nginx behind evidence\\n"; }}
  }}
}}
"""


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def page_of(port):
    """With the direction towards nginx left open: it takes a client that half-closes for one who has gone."""
    client = Running(CAPSA, "ratls", "connect", "127.0.0.1:%d" % port, *platform.judging, *UNBOUND)
    client.tell("GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    client.says("(?s)200 OK.*nginx behind evidence")
    equal(client.process.wait(PATIENCE), 0, "status of connect (%s)" % client.text()[-300:])
    client.stop()


def key_shown(port):
    """SHA-256 of the key that a server shows, as `capsa ratls connect` reports it."""
    out = platform.capsa("ratls", "connect", "127.0.0.1:%d" % port, *platform.judging, *UNBOUND, "--report", "-o", "json")
    return json.loads(out)["certificate"]["spki_sha256"]


@test
def nginx_serves_our_certificate_and_the_next_one():
    nginx, folder, port = program("nginx"), temporary_folder("nginx"), free_port()
    os.chmod(folder, 0o755)
    cert, key, conf = (os.path.join(folder, name) for name in ("own.crt", "own.key", "nginx.conf"))
    with open(conf, "w", encoding="ascii") as file:
        file.write(NGINX.format(folder=folder, port=port, cert=cert, key=key))
    reload_it = "%s -p %s -c %s -s reload" % (nginx, folder, conf)
    keeper = Running(CAPSA, "ratls", "cert", *platform.proving, "--out-cert", cert, "--out-key", key, "--keep", "--on-renew",
                     "test ! -e %s/nginx.pid || %s" % (folder, reload_it))
    try:
        until(lambda: os.path.exists(cert), lambda: keeper.text())
        with Running(nginx, "-p", folder, "-c", conf):
            until(lambda: answers(port), lambda: open(folder + "/error.log").read())
            page_of(port)
            first = key_shown(port)
            keeper.process.send_signal(signal.SIGHUP)
            until(lambda: key_shown(port) != first, lambda: "another key (%s)" % keeper.text())
            page_of(port)
    finally:
        keeper.process.terminate()
        keeper.stop()


def answers(port):
    import socket

    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except ConnectionError:
        return False


# ---- gRPC -----------------------------------------------------------------------------------------


def grpc_module():
    try:
        import grpc
    except ImportError as error:
        raise Skip("grpcio is not installed") from error
    return grpc


def grpc_server(grpc, credentials=None):
    """Sends back what it gets, at /echo/Echo; the server and its port."""

    class Echoing(grpc.GenericRpcHandler):
        def service(self, details):
            if details.method != "/echo/Echo":
                return None
            return grpc.unary_unary_rpc_method_handler(lambda request, context: request)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Echoing()])
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return server, port


def calls(grpc, channel, count=20):
    with channel:
        call = channel.unary_unary("/echo/Echo")
        for number in range(count):
            message = b"call %d " % number * 5000
            equal(call(message, timeout=PATIENCE), message, "what came back")


@test
def grpc_through_a_bound_tunnel():
    grpc = grpc_module()
    behind, port = grpc_server(grpc)
    try:
        with serving("--http2", target=port) as server:
            with Tunnel("proxy", *platform.judging, "--http2", target=server.port) as proxy:
                calls(grpc, grpc.insecure_channel("127.0.0.1:%d" % proxy.port))
            with Tunnel("proxy", *platform.judging_by(platform.other_policy), "--http2", target=server.port) as proxy:
                try:
                    calls(grpc, grpc.insecure_channel("127.0.0.1:%d" % proxy.port), 1)
                    raise AssertionError("a refused server was called")
                except grpc.RpcError as error:
                    equal(error.code(), grpc.StatusCode.UNAVAILABLE, "code")
    finally:
        behind.stop(None)


@test
def a_grpc_client_that_pins_what_was_verified():
    grpc = grpc_module()
    behind, port = grpc_server(grpc)
    try:
        with serving(*UNBOUND, "--http2", target=port) as server:
            with s_client(server.port, "-alpn", "h2") as client:
                cert = shown_certificate(client)
            platform.capsa("ratls", "verify", "--cert", cert, *platform.judging)
            with open(cert, "rb") as file:
                credentials = grpc.ssl_channel_credentials(file.read())
            named = [("grpc.ssl_target_name_override", "Capsa RA-TLS")]
            calls(grpc, grpc.secure_channel("127.0.0.1:%d" % server.port, credentials, named))
    finally:
        behind.stop(None)


@test
def a_grpc_server_with_our_files():
    grpc = grpc_module()
    cert, key = own_files()
    with open(cert, "rb") as one, open(key, "rb") as other:
        behind, port = grpc_server(grpc, grpc.ssl_server_credentials([(other.read(), one.read())]))
    try:
        with Tunnel("proxy", *platform.judging, *UNBOUND, "--http2", target=port) as proxy:
            calls(grpc, grpc.insecure_channel("127.0.0.1:%d" % proxy.port))
    finally:
        behind.stop(None)


# ---- Versions -------------------------------------------------------------------------------------


def first_line(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip().splitlines()[0]


def mbedtls_version():
    with serving(*TLS12) as server:
        _, err = mbedtls_client(server.port, *judge_words())
    return re.search(r"mbed TLS [\d.]+", err, re.I)[0]


@test
def the_versions_that_were_run():
    found = {
        "openssl": lambda: first_line(program("openssl"), "version"),
        "mbedTLS": mbedtls_version,
        "gnutls-cli": lambda: first_line(program("gnutls-cli"), "--version"),
        "curl": lambda: first_line(program("curl"), "--version"),
        "nginx": lambda: first_line(program("nginx"), "-v"),
        "grpcio": lambda: "grpcio " + grpc_module().__version__,
        "python": lambda: sys.version.split()[0] + ", " + __import__("ssl").OPENSSL_VERSION,
    }
    for name, ask in found.items():
        try:
            print("version of %s: %s" % (name, ask()))
        except Skip as reason:
            print("version of %s: not run: %s" % (name, reason))


if __name__ == "__main__":
    suite.main()
