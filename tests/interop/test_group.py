# SPDX-License-Identifier: Apache-2.0
"""Do programs that use the same data know each other by the TLS key that the manager gives them?

GetTlsAsset as TEE applications call it, and the asset where it is used: shown as certificate and
held as the only trust anchor, on both sides at once, by OpenSSL, nginx, Python and gRPC's
BoringSSL. And `capsa tls get`, which puts it into files and follows it.
"""

import datetime
import functools
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import parties
import protocol
from harness import CAPSA, PATIENCE, Skip, Suite, contains, equal, holds, run, temporary_folder
from protocol import DENIED, MALFORMED, NOT_FOUND, TEE, UNAUTHENTIC, Client, b64, new_key, rule
from scene import PACKAGES, Running, alice, bob, carol, owned, running

try:
    import grpc
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:  # the script says skipped
    pass

suite = Suite()
suite.needs(*PACKAGES)

NAME = "group.capsa.internal"


def client():
    return running(suite).client


def shared_data(asked, members, op="interact"):
    """A key of Alice's and one of Bob's, which the members may use: {uri: columns}."""
    rules = [rule(members, [op], ["id"])]
    return {owned(asked, owner, rules)[0]: ["id"] for owner in (alice(), bob())}


class Member:
    """Files of an asset, as a program that got it has them."""

    def __init__(self, cert, key, folder=None):
        self.folder = folder or temporary_folder("member")
        self.cert, self.key = self.path("tls.crt"), self.path("tls.key")
        self.write("tls.crt", cert)
        self.write("tls.key", key)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def texts(self):
        return read(self.cert), read(self.key)


def read(path):
    with open(path) as file:
        return file.read()


@functools.lru_cache(maxsize=None)
def group():
    """A member of the group of most tests."""
    resources = shared_data(client(), [carol()])
    return Member(*client().got_asset(carol(), resources, op="interact", **TEE))


@functools.lru_cache(maxsize=None)
def stranger():
    """With a certificate of the same names and uses, over another key."""
    like = x509.load_pem_x509_certificate(read(group().cert).encode())
    own = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(like.subject)
        .issuer_name(like.issuer)
        .serial_number(like.serial_number)
        .not_valid_before(like.not_valid_before_utc)
        .not_valid_after(like.not_valid_after_utc)
        .public_key(own.public_key())
    )
    for extension in like.extensions:
        if not isinstance(extension.value, x509.SubjectKeyIdentifier):
            builder = builder.add_extension(extension.value, extension.critical)
    return Member(parties.pem_of(builder.sign(own, hashes.SHA256())), parties.key_pem_of(own))


# ---- The call ---------------------------------------------------------------------------------


def original_shape(name):
    """A message as the original knows it: without our fields."""
    from google.protobuf import descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    for file in protocol.descriptors().file:
        for message in file.message_type:
            ours = [field for field in message.field if field.number >= 1000]
            for field in ours:
                message.field.remove(field)
        pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(protocol.PACKAGE + "." + name)
    )


@suite.test
def tee_applications_are_answered_as_they_expect():
    # The proxy of the original: OAEP with SHA-1, compact JSON with all defaults, five seconds.
    from google.protobuf import json_format

    asked = client()
    alices, data = owned(asked, alice(), [rule([carol()], ["interact"], ["id"])])
    with Client(running(suite).server.target, timeout=5) as hurried:
        answer = hurried.get_asset(carol(), [alices], op="interact", **TEE).ok()
    equal(answer.alg, "RSA-OAEP", "alg of the answer")
    message = original_shape("GetTlsAssetResponse")()
    json_format.ParseDict(answer.body, message)  # unknown members are an error
    equal(
        [(k.resource_uri, k.data_key_b64) for k in message.data_keys], [(alices, b64(data))], "keys"
    )
    equal(message.cert, asked.ra_cert().cert, "the manager's certificate")
    holds(message.tls_asset.cert.startswith("-----BEGIN CERTIFICATE-----\n"), "cert is no PEM")
    key = message.tls_asset.private_key
    holds(key.startswith("-----BEGIN PRIVATE KEY-----\n"), "private_key is no PKCS#8")
    equal(message.tls_asset.cert.count("BEGIN"), 1, "certificates")


@suite.test
def certificate_is_fit_to_be_shown_and_to_be_trusted():
    cert = x509.load_pem_x509_certificate(read(group().cert).encode())
    key = serialization.load_pem_private_key(read(group().key).encode(), None)
    equal(
        parties.party_id_of_key(key.public_key()), parties.party_id_of_key(cert.public_key()), "key"
    )
    holds(isinstance(key.curve, ec.SECP256R1), "the key is not P-256")
    cert.verify_directly_issued_by(cert)
    holds(cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME), "no common name")

    def extension(kind):
        return cert.extensions.get_extension_for_class(kind).value

    names = extension(x509.SubjectAlternativeName)
    equal([(type(n), n.value) for n in names], [(x509.DNSName, NAME)], "names")
    equal(
        set(extension(x509.ExtendedKeyUsage)),
        {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH},
        "extended key usage",
    )
    usage = extension(x509.KeyUsage)
    holds(usage.digital_signature and usage.key_cert_sign, "key usage %r" % usage)
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    holds(now - 2 * day < cert.not_valid_before_utc < now, "begins %s" % cert.not_valid_before_utc)
    holds(364 * day < cert.not_valid_after_utc - now <= 365 * day, "ends")


@suite.test
def two_parties_get_the_same_bytes_and_others_nothing():
    asked = client()
    resources = shared_data(asked, [bob(), carol()])
    first = asked.got_asset(carol(), resources, op="interact", **TEE)
    turned = dict(reversed(list(resources.items())))
    equal(asked.got_asset(bob(), turned, op="interact"), first, "asset of another member")
    mallory = parties.plain("mallory")
    asked.get_asset(mallory, resources, op="interact").is_refused(DENIED)
    asked.get_asset(carol(), resources, op="train").is_refused(DENIED)
    asked.get_asset(carol(), {**resources, "none": ["id"]}, op="interact").is_refused(DENIED)
    asked.get_asset(mallory, resources, op="interact", initiator=carol().id).is_refused(DENIED)
    asked.get_asset(mallory, resources, op="interact", cert=carol().pem).is_refused(UNAUTHENTIC)
    asked.get_asset(carol(), resources, op="interact", x5c=None).is_refused(UNAUTHENTIC)
    asked.get_asset(carol(), {}, op="interact").is_refused(MALFORMED)


@suite.test
def group_survives_a_crash_and_changes_with_a_data_key():
    with Running() as scene:
        resources = shared_data(scene.client, [bob(), carol()])
        first = scene.client.got_asset(carol(), resources, op="interact")
        scene.restart(kill=True)
        equal(scene.client.got_asset(bob(), resources, op="interact"), first, "after a crash")
        scene.client.create_keys(alice(), {list(resources)[0]: new_key()}).ok()
        second = scene.client.got_asset(carol(), resources, op="interact")
        holds(second[0] != first[0] and second[1] != first[1], "nothing changed")
        scene.client.delete_key(bob(), list(resources)[1]).ok()
        scene.client.get_asset(carol(), resources, op="interact").is_refused(NOT_FOUND)


@suite.test
def of_many_first_callers_all_get_the_same():
    asked = client()
    members = [parties.plain("member %d" % n) for n in range(8)]
    resources = shared_data(asked, members)
    asked.manager_key()
    gate, got = threading.Barrier(len(members)), []

    def call(member):
        gate.wait()
        got.append(asked.got_asset(member, resources, op="interact"))

    threads = [threading.Thread(target=call, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal((len(got), len(set(got))), (len(members), 1), "answers, and different ones")


# ---- Where it is used -------------------------------------------------------------------------


def python_context(side, member, trusted, strict):
    context = ssl.SSLContext(side)
    context.load_cert_chain(member.cert, member.key)
    context.load_verify_locations(trusted.cert)
    context.verify_mode = ssl.CERT_REQUIRED
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def python_talk(server, its_trust, shower, their_trust, strict=False):
    """A handshake, and a byte back: None, or what either side said against it."""
    ends = socket.socketpair()
    said = []

    def serve():
        try:
            context = python_context(ssl.PROTOCOL_TLS_SERVER, server, its_trust, strict)
            with context.wrap_socket(ends[0], server_side=True) as stream:
                stream.sendall(b"x")
        except ssl.SSLError as error:
            said.append(str(error))
        finally:
            ends[0].close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        context = python_context(ssl.PROTOCOL_TLS_CLIENT, shower, their_trust, strict)
        with context.wrap_socket(ends[1], server_hostname=NAME) as stream:
            equal(stream.recv(1), b"x", "byte")
    except (ssl.SSLError, OSError, AssertionError) as error:
        said.append(str(error))
    finally:
        ends[1].close()
        thread.join()
    return said or None


@suite.test
def python_takes_it_on_both_sides():
    member, other = group(), stranger()
    for strict in (False, True):
        equal(python_talk(member, member, member, member, strict), None, "said")
        contains(str(python_talk(other, other, member, member, strict)), "verify failed")
        contains(str(python_talk(member, member, other, member, strict)), "verify failed")


def openssl_talk(server, shower, *more):
    """A line through s_client to s_server and back; each holds the group's certificate. True when
    it came back."""
    trust = ["-CAfile", group().cert, "-no-CApath", "-no-CAstore", "-verify_return_error", *more]
    serving = subprocess.Popen(
        ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", server.cert, "-key", server.key]
        + ["-Verify", "1", "-rev", *trust],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        line = serving.stdout.readline()
        while line and not line.startswith("ACCEPT"):
            line = serving.stdout.readline()
        target = line.split()[1]
        calling = subprocess.Popen(
            ["openssl", "s_client", "-connect", target, "-cert", shower.cert, "-key", shower.key]
            + ["-verify", "1", "-verify_hostname", NAME, "-quiet", *trust],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            calling.stdin.write("abc\n")
            calling.stdin.flush()
        except BrokenPipeError:
            pass
        came_back = calling.stdout.readline() == "cba\n"
        calling.kill()
        calling.communicate()
        return came_back
    finally:
        serving.kill()
        serving.communicate()


@suite.test
def openssl_takes_it_on_both_sides():
    for version in ("-tls1_2", "-tls1_3"):
        for strict in ([], ["-x509_strict"]):
            holds(openssl_talk(group(), group(), version, *strict), "%s %s" % (version, strict))
        holds(not openssl_talk(stranger(), group(), version), "a stranger served " + version)
        holds(not openssl_talk(group(), stranger(), version), "a stranger was served " + version)


def grpc_talk(server, shower):
    """An echo through gRPC's BoringSSL, each side holding the group's certificate; None, or what
    was said."""

    def bytes_of(member):
        return tuple(text.encode() for text in member.texts())

    trust = bytes_of(group())[0]
    cert, key = bytes_of(server)
    from concurrent import futures

    serving = grpc.server(futures.ThreadPoolExecutor(1))
    echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    serving.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t", {"e": echo}),))
    port = serving.add_secure_port(
        "127.0.0.1:0", grpc.ssl_server_credentials([(key, cert)], trust, True)
    )
    serving.start()
    cert, key = bytes_of(shower)
    options = [("grpc.ssl_target_name_override", NAME), ("grpc.enable_retries", 0)]
    credentials = grpc.ssl_channel_credentials(trust, key, cert)
    try:
        with grpc.secure_channel("127.0.0.1:%d" % port, credentials, options) as channel:
            equal(channel.unary_unary("/t/e")(b"x", timeout=PATIENCE), b"x", "echo")
    except grpc.RpcError as error:
        return error.code().name
    finally:
        serving.stop(0).wait()
    return None


@suite.test
def boringssl_takes_it_on_both_sides():
    equal(grpc_talk(group(), group()), None, "said")
    equal(grpc_talk(stranger(), group()), "UNAVAILABLE", "said of a stranger that serves")
    equal(grpc_talk(group(), stranger()), "UNAVAILABLE", "said to a stranger")


NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{ # a member that serves
        listen unix:{folder}/tls.sock ssl;
        ssl_certificate {own}/tls.crt; ssl_certificate_key {own}/tls.key;
        ssl_client_certificate {trust}/tls.crt; ssl_verify_client on;
        location / {{ return 200 "verified=$ssl_client_verify\\n"; }}
    }}
    server {{ # a member that calls it for those inside
        listen unix:{folder}/plain.sock;
        location / {{
            proxy_pass https://unix:{folder}/tls.sock:/;
            proxy_ssl_certificate {shown}/tls.crt; proxy_ssl_certificate_key {shown}/tls.key;
            proxy_ssl_trusted_certificate {trust}/tls.crt; proxy_ssl_verify on;
            proxy_ssl_name {name}; proxy_ssl_server_name on;
        }}
    }}
}}
"""


class Nginx:
    """One nginx that serves with one member's files and calls itself with another's."""

    def __init__(self, own, shown):
        self.folder = temporary_folder("nginx")
        path = os.path.join(self.folder, "conf")
        with open(path, "w") as file:
            file.write(
                NGINX.format(
                    folder=self.folder,
                    own=own.folder,
                    shown=shown.folder,
                    trust=group().folder,
                    name=NAME,
                )
            )
        status, _, said = run(nginx_program(), "-t", "-p", self.folder, "-c", path)
        equal(status, 0, "nginx -t: " + said)
        self.process = subprocess.Popen(
            [nginx_program(), "-p", self.folder, "-c", path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        line = b"-"
        while line and b"event method" not in line:  # said once it listens
            line = self.process.stderr.readline()

    def get(self):
        """(status, body) of a plain request to the calling side."""
        status, out, said = run(
            "curl", "-s", "-m", PATIENCE, "-w", "%{http_code}", "--unix-socket",
            os.path.join(self.folder, "plain.sock"), "http://any/",
        )  # fmt: skip
        equal(status, 0, "curl: " + said)
        return out[-3:], out[:-3]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)


def nginx_program():
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not found:
        raise Skip("nginx is not installed")
    return found


@suite.test
def nginx_takes_it_on_both_sides():
    with Nginx(group(), group()) as server:
        equal(server.get(), ("200", "verified=SUCCESS\n"), "answer")


@suite.test
def nginx_takes_no_stranger():
    with Nginx(stranger(), group()) as server:
        equal(server.get()[0], "502", "status of a stranger that serves")
    with Nginx(group(), stranger()) as server:
        status, body = server.get()
        equal(status, "400", "status for a stranger")
        holds("verified" not in body, body)


# ---- capsa tls --------------------------------------------------------------------------------


def tls_get(server, party, resources, *more, op="interact", folder=None):
    """The words of `capsa tls get` into tls.crt and tls.key of a new folder: (folder, words)."""
    folder = folder or temporary_folder("tls")
    key, certs = party.write(folder, "party")
    os.chmod(key, 0o600)
    words = ["tls", "get", "--host", server.target, "--cert", certs[0], "--key", key, "--op", op]
    for uri in resources:
        words += ["--uri", uri]
    words += ["--columns", "id", "--cert-out", os.path.join(folder, "tls.crt")]
    words += ["--key-out", os.path.join(folder, "tls.key"), *more]
    if isinstance(server, Puppet):  # which speaks the original protocol alone
        words.append("--original")
    return folder, words


def mode(path):
    return oct(os.stat(path).st_mode & 0o777)


@suite.test
def command_writes_the_files_of_a_member():
    server, asked = running(suite).server, client()
    resources = shared_data(asked, [carol()])
    folder = temporary_folder("tls")
    trust = os.path.join(folder, "trust.pem")
    folder, words = tls_get(server, carol(), resources, "--trust-out", trust, folder=folder)
    status, out, said = run(CAPSA, *words)
    equal(status, 0, "status: " + said)
    asset = asked.got_asset(carol(), resources, op="interact")
    cert, key = os.path.join(folder, "tls.crt"), os.path.join(folder, "tls.key")
    equal((read(cert), read(key)), asset, "files")
    equal(read(trust), asset[0], "trust")
    equal((mode(key), mode(cert), mode(trust)), ("0o600", "0o644", "0o644"), "modes")
    contains(out, cert, key, "good until 20")
    # what is there is neither replaced nor asked for unless that is said
    status, _, said = run(CAPSA, *words)
    equal(status, 1, "status")
    contains(said, "exists already; --force")
    os.chmod(key, 0o644)
    before = os.stat(cert).st_ino
    status, out, said = run(CAPSA, *words, "--force", "-o", "json")
    equal(status, 0, "status: " + said)
    equal(mode(key), "0o600", "mode of a key that was open")
    answer = json.loads(out)
    equal(
        (answer["cert_file"], answer["key_file"], answer["trust_file"]), (cert, key, trust), "json"
    )
    holds(answer["not_after"].startswith("20"), "not_after")
    before = os.stat(cert).st_ino
    equal(run(CAPSA, *words, "--force")[0], 0, "status")
    equal(os.stat(cert).st_ino, before, "a file that did not change")


@suite.test
def command_leaves_nothing_of_what_it_may_not_have():
    server = running(suite).server
    resources = shared_data(client(), [carol()])
    for words, code, text in (
        (tls_get(server, bob(), resources), 2, "refused"),
        (tls_get(server, carol(), resources, op="train"), 2, "refused"),
        (tls_get(server, carol(), []), 1, "capsa tls get --uri URI"),
        (tls_get(server, carol(), resources, "--on-change", "true"), 1, "--follow"),
        (tls_get(server, carol(), resources, "--follow", "0"), 1, "whole number"),
        (tls_get(server, carol(), resources, "--follow", "1", "-o", "json"), 1, "no end"),
        (tls_get(server, carol(), resources, "--trust-out", "-"), 1, "standard output"),
        (tls_get(server, carol(), resources, "--trust-out", "/dev/null"), 1, "regular"),
    ):
        folder, line = words
        status, _, said = run(CAPSA, *line)
        equal(status, code, "status of %r (%s)" % (line, said))
        contains(said, text)
        equal(sorted(os.listdir(folder)), ["party.0.crt", "party.key"], "files")
    folder = temporary_folder("same")
    same = os.path.join(folder, "tls.key")
    with open(same, "w"):
        pass
    _, line = tls_get(server, carol(), resources, "--trust-out", same, "--force", folder=folder)
    contains(run(CAPSA, *line)[2], "the same file")
    equal(read(same), "", "file")


class Follower:
    """`capsa tls get --follow 1`, whose command writes a line into a FIFO."""

    def __init__(self, server, party, resources, command="echo changed", *more):
        self.folder = temporary_folder("follower")
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        self.fifo = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.command = "{ %s; } >%s" % (command, fifo)
        _, self.words = tls_get(server, party, resources, "--follow", "1", "--on-change",
                                self.command, *more, folder=self.folder)  # fmt: skip
        self.process = subprocess.Popen(
            [CAPSA, *self.words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if not isinstance(server, Puppet):
            contains(self.line(self.process.stderr), "met manager")

    def files(self):
        return tuple(read(os.path.join(self.folder, "tls." + end)) for end in ("crt", "key"))

    def line(self, descriptor):
        """Wait for the next line of a stream of the process, or of the command (None)."""
        descriptor = self.fifo if descriptor is None else descriptor.fileno()
        text = b""
        while not text.endswith(b"\n"):
            holds(select.select([descriptor], [], [], PATIENCE)[0], "no line came")
            byte = os.read(descriptor, 1)
            if not byte:
                raise AssertionError("it ended: %r" % self.process.communicate()[1])
            text += byte
        return text.decode()

    def nothing_said(self):
        return not select.select([self.fifo], [], [], 0)[0]

    def stop(self, number=signal.SIGTERM):
        """It ends at once and cleanly; what it said on its standard error."""
        self.process.send_signal(number)
        said = self.process.communicate(timeout=PATIENCE)[1].decode()
        os.close(self.fifo)
        equal(self.process.returncode, 0, "status: " + said)
        left = [name for name in os.listdir(self.folder) if ".part-" in name]
        equal(left, [], "temporary files")
        return said


@suite.test
def follower_rewrites_the_files_and_runs_the_command():
    with Running() as scene:
        resources = shared_data(scene.client, [carol()])
        follower = Follower(scene.server, carol(), resources)
        contains(follower.line(follower.process.stdout), "wrote the group's TLS key")
        first = scene.client.got_asset(carol(), resources, op="interact")
        equal(follower.files(), first, "files")
        holds(follower.nothing_said(), "the command ran for files that are new")
        scene.client.create_keys(alice(), {list(resources)[0]: new_key()}).ok()
        equal(follower.line(None), "changed\n", "line of the command")
        second = scene.client.got_asset(carol(), resources, op="interact")
        holds(first != second, "nothing changed")
        equal(follower.files(), second, "files")
        equal(follower.stop(), "", "said")
        # One that is started again finds what is there: no command when it is still so ...
        again = [CAPSA, *follower.words, "--force"]
        again[again.index("--follow") + 1] = "600"
        reader = os.open(os.path.join(follower.folder, "fifo"), os.O_RDONLY | os.O_NONBLOCK)
        scene.client.create_keys(bob(), {list(resources)[1]: new_key()}).ok()
        process = subprocess.Popen(again, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:  # ... and the command when it is not
            holds(select.select([reader], [], [], PATIENCE)[0], "no line came")
            equal(os.read(reader, 99), b"changed\n", "line of the command")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)
            os.close(reader)
        equal(process.returncode, 0, "status")
        third = scene.client.got_asset(carol(), resources, op="interact")
        equal(follower.files(), third, "files")


@suite.test
def follower_runs_a_command_that_failed_again():
    with Running() as scene:
        resources = shared_data(scene.client, [carol()])
        mark = os.path.join(temporary_folder("mark"), "mark")
        failing = "if [ -e %s ]; then echo done; else touch %s; exit 3; fi" % (mark, mark)
        follower = Follower(scene.server, carol(), resources, failing)
        follower.line(follower.process.stdout)
        scene.client.create_keys(alice(), {list(resources)[0]: new_key()}).ok()
        contains(follower.line(follower.process.stderr), "ended with status 3", "again")
        equal(follower.line(None), "done\n", "line of the command")
        equal(follower.stop(signal.SIGHUP), "", "said")


@suite.test
def follower_outlives_the_manager_and_a_denial():
    with Running() as scene:
        resources = shared_data(scene.client, [carol()])
        follower = Follower(scene.server, carol(), resources)
        follower.line(follower.process.stdout)
        files = follower.files()
        port = scene.server.port
        scene.client.close()
        scene.server.stop()
        contains(follower.line(follower.process.stderr), "warning", "it is asked again")
        scene.server.flags["port"] = port
        scene.server.start()
        scene.client = Client(scene.server.target)
        scene.client.delete_policy(bob(), list(resources)[1]).ok()
        while "refused" not in follower.line(follower.process.stderr):
            pass
        equal(follower.files(), files, "files")
        scene.client.create_policy(bob(), list(resources)[1], [rule([carol()])]).ok()
        scene.client.create_keys(alice(), {list(resources)[0]: new_key()}).ok()
        equal(follower.line(None), "changed\n", "line of the command")
        holds(follower.files() != files, "the files did not change")
        follower.stop()


class Puppet:
    """A manager that answers GetTlsAsset with what it is told to, one after the other, and with the
    last for ever: an asset, or a code of refusal."""

    def __init__(self, *answers):
        from concurrent import futures

        self.answers = list(answers)
        self.party = parties.plain("puppet")
        self.grpc = grpc.server(futures.ThreadPoolExecutor(1))
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                function,
                protocol.manager_message(request).FromString,
                lambda message: message.SerializeToString(),
            )
            for name, function, request in (
                ("GetRaCert", self.ra_cert, "GetRaCertRequest"),
                ("GetTlsAsset", self.tls_asset, "EncryptedRequest"),
            )
        }
        service = protocol.SERVICE.strip("/")
        self.grpc.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, handlers),)
        )
        self.target = "127.0.0.1:%d" % self.grpc.add_insecure_port("127.0.0.1:0")
        self.grpc.start()

    def ra_cert(self, request, context):
        answer = protocol.manager_message("GetRaCertResponse")(cert=self.party.pem)
        answer.status.SetInParent()
        return answer

    def tls_asset(self, request, context):
        asset = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = protocol.manager_message("EncryptedResponse")()
        answer.status.SetInParent()
        if isinstance(asset, int):
            answer.status.code = asset
            return answer
        text = protocol.json_text({"tls_asset": asset})
        members = protocol.seal(text, carol().key.public_key(), alg="RSA-OAEP", iv=12)
        for name, value in members.items():
            setattr(answer.message, name, value)
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.grpc.stop(0).wait()


def asset_of(name, **more):
    own = parties.key(name, "ec")
    cert = parties.certificate(own.public_key(), own, "group", ca=True, sign_use=True)
    return {"cert": parties.pem_of(cert), "private_key": parties.key_pem_of(own), **more}


@suite.test
def command_believes_no_asset_that_is_none():
    good, other = asset_of("one"), asset_of("two")
    for asset, text in (
        ({**good, "private_key": other["private_key"]}, "do not go together"),
        ({**good, "cert": good["cert"] + other["cert"]}, "certificate"),
        ({**good, "cert": ""}, "certificate"),
        ({**good, "private_key": "x"}, "key"),
        ({**good, "previous_cert": "x"}, "previous certificate"),
        (None, "without a TLS key"),
    ):
        with Puppet(asset) as puppet:
            folder, words = tls_get(puppet, carol(), ["u"])
            status, _, said = run(CAPSA, *words)
            holds(status not in (0, 2), "status %d" % status)
            contains(said, text)
            equal(sorted(os.listdir(folder)), ["party.0.crt", "party.key"], "files")


@suite.test
def trust_holds_the_certificate_before_too():
    first = asset_of("one")
    second = asset_of("two", previous_cert=first["cert"])
    with Puppet(second) as puppet:
        folder = temporary_folder("trust")
        trust = os.path.join(folder, "trust.pem")
        _, words = tls_get(puppet, carol(), ["u"], "--trust-out", trust, folder=folder)
        equal(run(CAPSA, *words)[0], 0, "status")
        equal(read(trust), second["cert"] + first["cert"], "trust")
        equal(read(os.path.join(folder, "tls.crt")), second["cert"], "certificate")


@suite.test
def follower_tells_of_a_failure_once():
    with Puppet(asset_of("one"), DENIED, DENIED, DENIED, NOT_FOUND, asset_of("two")) as puppet:
        follower = Follower(puppet, carol(), ["u"])
        follower.line(follower.process.stdout)
        equal(follower.line(None), "changed\n", "line of the command")
        said = follower.stop()
        equal(said.count("it is asked again"), 2, "warnings in %r" % said)


suite.main()
