# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: where the programs are, how to run them, what a capture file looks like."""
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('WEIR_BUILD', os.path.join(SOURCE, 'build'))
AGENT = os.path.join(BUILD, 'app/agent/weir-agent')
CTL = os.path.join(BUILD, 'tools/ctl/weirctl')
CONTROLLER = os.path.join(BUILD, 'app/controller/weir-controller')
TRAFFIC = os.path.join(BUILD, 'tools/dev/traffic')
DATA = os.path.join(SOURCE, 'tests/data')
CAPTURES = os.path.join(os.path.dirname(SOURCE), 'shared/pcaps')

OK, FAILED, USAGE, INVALID, NOT_FOUND, REFUSED, UNREACHABLE, PARTIAL = 0, 1, 2, 3, 4, 5, 6, 7


def run(*command, timeout=120, stdout=subprocess.PIPE, **options):
    if command[0] == AGENT and command[1:2] in (('replay',), ('bench',), ('check',)):
        command = (*command[:2], '-c', '/dev/null', *command[2:])  # not this machine's own; a later -c wins
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True,
                          timeout=timeout, **options)


def replay(*arguments, **options):
    return run(AGENT, 'replay', *arguments, **options)


def flows(*arguments):
    """-> flow records of a replay, exit status 0 demanded."""
    p = replay('--flows', '-', *arguments)
    if p.returncode != OK:
        raise AssertionError(f'exit {p.returncode}: {p.stderr}')
    return [json.loads(line) for line in p.stdout.splitlines()]


def accounting(*arguments):
    """-> exit status, the accounting object, standard error."""
    p = replay('--accounting', *arguments)
    lines = p.stdout.splitlines()
    return p.returncode, json.loads(lines[-1]) if lines else None, p.stderr


def data(name):
    return os.path.join(DATA, name)


def pcap(frames, linktype=1, ns=False):
    """-> bytes of a capture file; frames are (seconds, bytes)."""
    parts = [struct.pack('<IHHIIII', 0xa1b23c4d if ns else 0xa1b2c3d4, 2, 4, 0, 0, 65535, linktype)]
    for t, frame in frames:
        unit = 1e9 if ns else 1e6
        parts += (struct.pack('<IIII', int(t), int(t % 1 * unit), len(frame), len(frame)), frame)
    return b''.join(parts)


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='weir-e2e-')
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def file(self, name, content):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(content)
        return path

    def assert_conserved(self, a):
        self.assertEqual(a['received'], sum(a['outcomes'].values()), a)


def leave(code):
    """At once: at its usual end Python waits for threads, and one of gRPC's may wait for a peer that is gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main():
    """All tests of a file; where each was skipped, so is the file, in whose words its tests are."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores both,
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)             # and so would every program that is started here
    result = unittest.main(module='__main__', exit=False).result
    if result.skipped and result.wasSuccessful() and result.testsRun <= len(result.skipped):
        print('SKIP: ' + ', '.join(sorted({why for _, why in result.skipped})))
        leave(77)
    leave(int(not result.wasSuccessful()))
