# SPDX-License-Identifier: Apache-2.0
"""The other side of a port between processes: DPDK's testpmd, told what to do on its standard input."""
import os
import re
import shutil
import subprocess
import time

import live

PROGRAM = 'dpdk-testpmd'


def why_not():
    return None if shutil.which(PROGRAM) else f'no program {PROGRAM} (package dpdk-dev)'


class Testpmd:
    """A process with one port, ready for commands; `command` is what it is run by."""

    serial = 0

    def __init__(self, case, vdev, command=(), mode='txonly', options=(), cpus=None):
        Testpmd.serial += 1
        self.log = os.path.join(case.dir, f'testpmd{Testpmd.serial}')
        cpus = cpus or f'(0-{os.cpu_count() - 1})'
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                [*command, 'stdbuf', '-oL', PROGRAM, '--no-huge', '-m', '200', '--no-pci', '--no-shconf', '--no-telemetry',
                 f'--file-prefix=peer{os.getpid()}-{Testpmd.serial}', f'--lcores=(0,1)@{cpus}', f'--vdev={vdev}', '--', '-i',
                 '--total-num-mbufs=8192', '--no-flush-rx', '--no-mlockall', f'--forward-mode={mode}', *options],
                stdin=subprocess.PIPE, stdout=log, stderr=log, text=True)
        case.addCleanup(self.kill)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def text(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()

    def wait(self, words, times=1):
        live.wait_for(lambda: self.text().count(words) >= times, 30)

    def tell(self, *commands):
        for c in commands:
            self.process.stdin.write(c + '\n')
        self.process.stdin.flush()

    def begin(self):
        self.wait('testpmd>')
        self.tell('clear port stats all', 'start')

    def end(self, what='TX'):
        """Stop forwarding: -> packets sent (or received), as it counts them."""
        times = self.text().count('Accumulated forward statistics') + 1
        self.tell('stop')
        self.wait('Accumulated forward statistics', times)
        self.wait('\nDone.', times)
        return int(re.findall(what + r'-packets: (\d+)', self.text())[-1])

    def send(self, seconds=0.3):
        """-> packets that the other side took from it."""
        self.begin()
        time.sleep(seconds)
        return self.end()
