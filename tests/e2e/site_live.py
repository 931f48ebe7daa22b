# SPDX-License-Identifier: Apache-2.0
"""A running weir-controller, and weirctl that asks it."""
import os
import re
import subprocess
import time

import weir

CONTROLLER = os.path.join(weir.BUILD, 'app/controller/weir-controller')


class Controller:
    """Of a state directory; at ports that are free, or (in a namespace of the test's own) at the usual ones."""

    def __init__(self, case, state, command=(), grpc='127.0.0.1:0', http='127.0.0.1:0', more=()):
        self.log = os.path.join(case.dir, f'controller{time.monotonic_ns()}.log')
        with open(self.log, 'wb') as log:
            at = ['--grpc', grpc] if grpc else []
            self.process = subprocess.Popen([*command, CONTROLLER, 'run', '--state', state, *at, '--http', http, *more],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        case.addCleanup(self.kill)
        self.grpc, self.http = self.ports()

    def ports(self):
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(r'agents at port (\d+), weirctl at port (\d+)', self.text())
            if found:
                return int(found[1]), int(found[2])
            time.sleep(0.02)
        raise AssertionError(f'the controller does not run\n{self.text()}')

    def text(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        """-> exit status"""
        self.process.terminate()
        return self.process.wait(timeout=60)


class SiteCase(weir.Case):
    """A controller, and weirctl with nobody's token."""

    def setUp(self):
        super().setUp()
        self.env = {k: v for k, v in os.environ.items() if k not in ('WEIR_TOKEN', 'XDG_CONFIG_HOME')}
        self.env['HOME'] = self.dir
        self.state = os.path.join(self.dir, 'state')
        self.controller = None

    def run_controller(self, **options):
        self.controller = Controller(self, self.state, **options)
        return self.controller

    def ctl(self, *words, code=weir.OK, env=None):
        """-> what weirctl writes to standard output; its standard error is self.err."""
        p = weir.run(weir.CTL, '--api-port', str(self.controller.http), *words, env={**self.env, **(env or {})})
        self.assertEqual(p.returncode, code, f'{words}: {p.stdout}{p.stderr}\n{self.controller.text()}')
        self.err = p.stderr
        return p.stdout
