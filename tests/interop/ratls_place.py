# SPDX-License-Identifier: Apache-2.0
"""Programs on a simulated platform, for tests of `capsa ratls`: each with a certificate, its key,
and a policy that takes this program alone."""

import json
import os

from harness import CAPSA, Skip, equal, run, temporary_folder


class Place:
    def __init__(self, *names):
        self.folder = temporary_folder("ratls")
        status, _, err = run(CAPSA, "sim", "init", self.path("sim"))
        if status == 1 and "unknown command" in err:
            raise Skip("this build has no simulated platform")
        equal(status, 0, "exit status of capsa sim init (%s)" % err)
        for name in names:
            self.write(name, "the program called %s\n" % name)
            self.write(
                name + ".yaml", "reference_values:\n  - sgx: {mr_enclave: %s}\n" % self.measure(name)
            )

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def measure(self, name):
        """What evidence says of the program."""
        cert, key = self.files(name)
        status, _, err = run(
            CAPSA, "ratls", "cert", *self.proves(name), "--out-cert", cert, "--out-key", key
        )
        equal(status, 0, "exit status of capsa ratls cert (%s)" % err)
        status, out, err = run(
            CAPSA, "ratls", "verify", "--cert", cert, "--sim-root", self.path("sim"), "-o", "json"
        )
        equal(status, 0, "exit status of capsa ratls verify (%s)" % err)
        return json.loads(out)["claims"]["sgx"]["mr_enclave"]

    def files(self, name):
        return self.path(name + ".crt"), self.path(name + ".key")

    def proves(self, name):
        return ["--platform", "sim-sgx", "--sim-dir", self.path("sim"), "--sim-code", self.path(name)]

    def judges(self, name):
        return ["--policy", self.path(name + ".yaml"), "--sim-root", self.path("sim")]

    def stop(self):
        pass
