# SPDX-License-Identifier: Apache-2.0
"""What every interop and integration script stands on: running tests, and running capsad.

A script collects its tests with a Suite and ends with `suite.main()`: one line a test, then
`N passed, N failed[, N skipped]`, exit status 1 when something failed. `script.py NAME...` runs the
tests whose names contain one of the words. Nothing here knows the protocol (protocol.py) or
certificates (parties.py), and nothing needs a package that Python does not bring along.

From the environment: CAPSA_BIN (folder of capsad and capsa), CAPSA_VECTORS (recorded vectors),
CAPSA_FULL=1 (the long form of some tests), CAPSA_KEEP=1 (leave the temporary folder).
"""

import atexit
import http.client
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

# gRPC's own library logs every handshake that a test makes fail; it reads this when it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("CAPSA_BIN") or os.path.join(ROOT, "build", "bin"))
VECTORS = os.path.abspath(
    os.environ.get("CAPSA_VECTORS") or os.path.join(os.path.dirname(ROOT), "shared", "vectors")
)
FULL = os.environ.get("CAPSA_FULL") == "1"
CAPSAD = os.path.join(BIN, "capsad")
CAPSA = os.path.join(BIN, "capsa")

# How long anything may take before a test fails instead of hanging. Binaries with sanitizers on a
# busy machine are slow, so it is long; nothing ever waits for it to pass.
PATIENCE = 120

_temporary = None


def temporary_folder(name):
    """A new folder that is gone when the script ends."""
    global _temporary
    if _temporary is None:
        _temporary = tempfile.mkdtemp(prefix="capsa-interop-")
        if os.environ.get("CAPSA_KEEP") == "1":
            print("kept: " + _temporary)
        else:
            atexit.register(shutil.rmtree, _temporary, ignore_errors=True)
    return tempfile.mkdtemp(prefix=name + "-", dir=_temporary)


# ---- Tests ------------------------------------------------------------------------------------


class Skip(Exception):
    """Raised by a test that cannot run here; its text says why."""


class Suite:
    """Tests in the order in which they are written."""

    def __init__(self, own_folder=False):
        """`own_folder`: each test runs in a fresh folder, which is gone after it with all beside it."""
        self.own_folder = own_folder
        self.tests = []
        self.missing = None  # why no test can run but the plain ones
        self._shared = {}

    def test(self, function):
        self.tests.append((function, True))
        return function

    def plain_test(self, function):
        """A test that needs no Python package."""
        self.tests.append((function, False))
        return function

    def needs(self, *modules):
        """Say which packages the tests need; without them they are skipped."""
        absent = []
        for module in modules:
            try:
                __import__(module)
            except ImportError:
                absent.append(module)
        if absent:
            self.missing = "the Python packages are not installed: " + ", ".join(absent)

    def shared(self, name, make):
        """A server (or something else with stop()) that several tests use, made at first use."""
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]

    def main(self):
        words = sys.argv[1:]
        if not os.path.exists(CAPSAD):
            print(
                "FAIL: there is no %s; build first, or set CAPSA_BIN\n0 passed, 1 failed" % CAPSAD
            )
            sys.exit(1)
        # What ignored them when it started (a background job, nohup) hands that on to its children.
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        chosen = [t for t in self.tests if not words or any(w in t[0].__name__ for w in words)]
        counts = {"ok": 0, "FAIL": 0, "skipped": 0}
        for function, needs_packages in chosen:
            missing = self.missing if needs_packages else None
            run = (lambda f=function: self._run_in_folder(f)) if self.own_folder else function
            counts[self._run(function.__name__, run, missing)] += 1
        for name, thing in self._shared.items():
            counts[self._run(name + "_stops_clean", thing.stop, None)] += 1
        line = "%d passed, %d failed" % (counts["ok"], counts["FAIL"])
        if counts["skipped"]:
            line += ", %d skipped" % counts["skipped"]
        print(line, flush=True)
        sys.exit(1 if counts["FAIL"] else 0)

    @staticmethod
    def _run_in_folder(function):
        before = os.getcwd()
        with tempfile.TemporaryDirectory(prefix="capsa-test-", ignore_cleanup_errors=True) as folder:
            os.mkdir(folder + "/here")
            os.chdir(folder + "/here")
            try:
                function()
            finally:
                os.chdir(before)

    @staticmethod
    def _run(name, function, missing):
        started = time.monotonic()
        try:
            if missing:
                raise Skip(missing)
            function()
        except Skip as reason:
            print("skipped %s: %s" % (name, reason), flush=True)
            return "skipped"
        except Exception as error:  # every failure is a line, never the end of the run
            text = "%s: %s" % (type(error).__name__, error)
            if isinstance(error, AssertionError):
                text = str(error) or "assertion"
            print("FAIL %s: %s" % (name, text.replace("\n", " | ")[:2000]), flush=True)
            frames = traceback.extract_tb(error.__traceback__)
            print(
                "  at "
                + " < ".join(
                    "%s:%d" % (os.path.basename(f.filename), f.lineno)
                    for f in reversed(frames[-6:])
                ),
                flush=True,
            )
            return "FAIL"
        print("ok %s (%.1f s)" % (name, time.monotonic() - started), flush=True)
        return "ok"


def equal(got, wanted, what="value"):
    if got != wanted:
        raise AssertionError("%s is %r, not %r" % (what, got, wanted))


def holds(condition, text):
    if not condition:
        raise AssertionError(text)


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError("%r does not say %r" % (text[-1500:], part))


# ---- Programs ---------------------------------------------------------------------------------


def run(program, *arguments, stdin=None, cwd=None, env=None, timeout=PATIENCE):
    """Run to the end: (exit status, standard output, standard error), both as text."""
    done = subprocess.run(
        [program, *map(str, arguments)],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=env,
        timeout=timeout,
        text=True,
        stdin=subprocess.DEVNULL if stdin is None else None,
    )
    check_sanitizers(done.stderr)
    return done.returncode, done.stdout, done.stderr


def check_sanitizers(text):
    found = re.search(
        r"(ERROR: \w+Sanitizer.*|WARNING: ThreadSanitizer.*|.*runtime error: .*)", text
    )
    if found:
        raise AssertionError("sanitizer: " + text[found.start() : found.start() + 1500])


class NotStarted(Exception):
    """capsad ended instead of becoming ready. `status` is its exit status, the text its stderr."""

    def __init__(self, status, text):
        super().__init__("capsad ended with %s: %s" % (status, text[-1500:]))
        self.status = status
        self.text = text


# What tests want unless they say something else. A flag that is None is left out.
FLAGS = {
    "mode": "simulation",
    "listen": "127.0.0.1",
    "port": 0,
    "rsa_bits": 2048,
    "tls_config.enable_tls": "false",
}

READY = re.compile(r"capsad: ready: grpc (\S+):(\d+) tls=(off|server|mutual) admin (\S+)\n")


class Server:
    """One capsad with a folder of its own: folder/data, folder/log, folder/stderr.N."""

    def __init__(self, folder=None, start=True, before=None, **flags):
        """Flags with dots are written with two underscores: tls_config__enable_tls="true". `before`
        is called in the new process before it becomes capsad."""
        self.folder = folder or temporary_folder("capsad")
        self.flags = dict(FLAGS)
        self.flags["data_dir"] = os.path.join(self.folder, "data")
        self.flags["log_config.log_dir"] = os.path.join(self.folder, "log")
        self.flags.update({name.replace("__", "."): value for name, value in flags.items()})
        self.before = before
        self.process = None
        self.starts = 0
        if start:
            self.start()

    def arguments(self):
        for name, value in self.flags.items():
            if value is not None:
                yield "--" + name
                yield str(value)

    def start(self):
        self.starts += 1
        # The command remembers who answered at an address; ports come round again.
        os.environ["XDG_CONFIG_HOME"] = temporary_folder("config")
        self.stderr_path = os.path.join(self.folder, "stderr.%d" % self.starts)
        with open(self.stderr_path, "wb") as errors:
            self.process = subprocess.Popen(
                [CAPSAD, *self.arguments()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=self.before,
            )
        atexit.register(self.kill)
        found = READY.fullmatch(self._read_line())
        if not found:
            status = self.process.wait(PATIENCE)
            check_sanitizers(self.stderr())
            raise NotStarted(status, self.stderr())
        self.host, self.port, self.tls = found[1], int(found[2]), found[3]
        self.admin = None if found[4] == "off" else found[4]
        self.target = "%s:%d" % (self.host, self.port)
        return self

    def _read_line(self):
        line, ends = b"", time.monotonic() + PATIENCE
        while not line.endswith(b"\n"):
            left = ends - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                self.kill()
                raise AssertionError("capsad did not become ready: " + self.stderr()[-1500:])
            byte = os.read(self.process.stdout.fileno(), 1)
            if not byte:
                break
            line += byte
        return line.decode()

    def stderr(self):
        with open(self.stderr_path, errors="replace") as errors:
            return errors.read()

    def logs(self):
        """Everything that this server wrote for people, at any start: stderr and log files."""
        text = ""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if name.startswith("stderr.") or folder.endswith("log"):
                    with open(os.path.join(folder, name), errors="replace") as log:
                        text += log.read()
        return text

    def get(self, path, method="GET"):
        """A page of the admin listener: (status, text, content type)."""
        connection = http.client.HTTPConnection(self.admin, timeout=PATIENCE)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode(), response.getheader("content-type")
        finally:
            connection.close()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Wait for a stop that was asked for; it must be a clean one."""
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        check_sanitizers(self.stderr())
        equal(status, 0, "exit status of capsad (%s)" % self.stderr()[-500:])

    def stop(self):
        self.signal(signal.SIGTERM)
        self.wait()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self, kill=False, **flags):
        if kill:
            self.kill()
        else:
            self.stop()
        self.flags.update({name.replace("__", "."): value for name, value in flags.items()})
        return self.start()

    def alive(self):
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.kill()
        elif self.process and self.alive():
            self.stop()


def refused_start(*words, **flags):
    """capsad must not start, exit with an error, and say all of the words. Returns its text."""
    server = Server(start=False, **flags)
    try:
        server.start()
    except NotStarted as refusal:
        holds(
            refusal.status is not None and 0 < refusal.status < 128,
            "exit status %s" % refusal.status,
        )
        contains(refusal.text, *words)
        return refusal.text
    server.kill()
    raise AssertionError("capsad started with %r" % flags)
