# SPDX-License-Identifier: Apache-2.0
"""What the tests of the running agent share: network namespaces, the agent in one, and its control socket."""
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time
import unittest

import weir

PORT = 19740  # of HTTP, in namespaces of our own
SHIM = os.path.join(weir.BUILD, 'tests/e2e/libshim.so')


def why_not():
    """-> why live tests cannot run here, or None."""
    if os.geteuid() != 0:
        return 'network namespaces need root'
    for program in ('ip', 'tcpreplay'):
        if shutil.which(program) is None:
            return f'no program {program}'
    probe = f'weirprobe{os.getpid()}'
    if subprocess.run(['ip', 'netns', 'add', probe], capture_output=True).returncode:
        return 'no network namespaces in this kernel'
    veth = subprocess.run(['ip', '-n', probe, 'link', 'add', 'name', 'a', 'type', 'veth', 'peer', 'name', 'b'], capture_output=True)
    subprocess.run(['ip', 'netns', 'del', probe], capture_output=True)
    return 'no veth in this kernel' if veth.returncode else None


def wait_for(what, seconds=15):
    """-> the first true value of what(); fails when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError('waited in vain')
        time.sleep(0.05)


def tcp_frame(src, dst, sport, dport, flags, seq=1, ack=0, payload=b''):
    """-> Ethernet, IPv4, TCP; checksums are left out."""
    address = [bytes(int(b) for b in a.split('.')) for a in (src, dst)]
    tcp = struct.pack('>HHIIBBHHH', sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + payload
    ip = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(tcp), seq & 0xffff, 0x4000, 64, 6, 0) + address[0] + address[1]
    return b'\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0' + ip + tcp


def conversation(n, client='10.1.0.1', server='10.1.0.2', sport=20000):
    """-> frames of `n` TCP connections: 4 packets of the client, 3 of the server each."""
    frames = []
    for i in range(n):
        there, back = (client, server, sport + i, 80), (server, client, 80, sport + i)
        frames += (tcp_frame(*there, 0x02, 100), tcp_frame(*back, 0x12, 500, 101),
                   tcp_frame(*there, 0x10, 101, 501), tcp_frame(*there, 0x18, 101, 501, b'x' * 100),
                   tcp_frame(*back, 0x11, 501, 201), tcp_frame(*there, 0x11, 201, 502),
                   tcp_frame(*back, 0x10, 502, 202))
    return frames


class Agent:
    """A running agent; `command` begins with what it is run by."""

    def __init__(self, case, command, control, env=None):
        self.control = control
        self.log = os.path.join(case.dir, f'log{time.monotonic_ns()}')
        self.words = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)  # to systemd
        path = self.log + '.notify'
        self.words.bind(path)
        self.said = []
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, 'NOTIFY_SOCKET': path, **(env or {})})
        case.addCleanup(self.kill)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.words.close()

    def text(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()

    def wait_word(self, word, seconds=20):
        """Until systemd is told this: -> the datagram."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if select.select([self.words], [], [], 0.2)[0]:
                self.said.append(self.words.recv(4096).decode())
                if word in self.said[-1]:
                    return self.said[-1]
        raise AssertionError(f'{word}: never said\n{self.text()}')

    def ask(self, command, **args):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as s:
            s.settimeout(20)
            s.connect(self.control)
            s.sendall(json.dumps({'command': command, 'args': args}).encode() + b'\n')
            with s.makefile('rb') as f:
                return json.loads(f.readline())

    def data(self, command, **args):
        reply = self.ask(command, **args)
        if not reply['ok']:
            raise AssertionError(reply)
        return reply['data']

    def port(self, name):
        """-> what `ports` says of it, or None."""
        return next((p for p in self.data('ports')['ports'] if p['name'] == name), None)

    def wait_port(self, name, **want):
        """Until these keys of the port have these values, or one of those of a tuple: -> what is said of it."""
        def is_so():
            nonlocal p
            p = self.port(name)
            return p and all(p[k] in (v if isinstance(v, tuple) else (v,)) for k, v in want.items())
        p = None
        try:
            wait_for(is_so)
        except AssertionError as e:
            raise AssertionError(f'{want} was waited for, of {name} is known {p}\n{self.text()}') from e
        return p

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        self.wait_word('RELOADING=1')
        self.wait_word('READY=1')

    def stop(self, signo=signal.SIGTERM):
        """-> exit status"""
        self.process.send_signal(signo)
        return self.process.wait(timeout=60)


class Hours:
    """The clock of one agent, which the test advances: shim.c."""

    def __init__(self, case):
        self.file = case.file('hours', struct.pack('=q', 0))
        self.ahead = 0
        self.env = {'LD_PRELOAD': SHIM, 'SHIM_HOURS': self.file, 'ASAN_OPTIONS': 'verify_asan_link_order=0'}

    def pass_s(self, seconds):
        """So many seconds go by, 5 at a time at most."""
        until = self.ahead + seconds
        while self.ahead < until:
            self.ahead = min(self.ahead + 5, until)
            with open(self.file, 'r+b') as f:
                f.write(struct.pack('=q', self.ahead * 10**9))
            time.sleep(0.02)


class LiveCase(weir.Case):
    """Two namespaces with a veth pair between them: `cap` in the agent's, `snd` where packets come from."""

    @classmethod
    def setUpClass(cls):
        why = why_not()
        if why:
            raise unittest.SkipTest(why)

    def setUp(self):
        super().setUp()
        self.here, self.there = (f'weir{os.getpid()}{c}' for c in 'ab')
        for ns in (self.here, self.there):
            self.sh('ip', 'netns', 'add', ns)
            self.addCleanup(subprocess.run, ['ip', 'netns', 'del', ns], capture_output=True)
            self.sh('ip', 'netns', 'exec', ns, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1',
                    'net.ipv6.conf.default.disable_ipv6=1')
            self.ip(ns, 'link', 'set', 'lo', 'up')
        self.veth('cap', 'snd')
        self.socket = os.path.join(self.dir, 'agent.sock')
        self.store = os.path.join(self.dir, 'store')

    def sh(self, *command):
        p = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(p.returncode, 0, f'{command}: {p.stderr}')
        return p.stdout

    def ip(self, ns, *words):
        return self.sh('ip', '-n', ns, *words)

    def veth(self, here, there):
        self.ip(self.here, 'link', 'add', 'name', here, 'type', 'veth', 'peer', 'name', there, 'netns', self.there)
        self.ip(self.there, 'link', 'set', there, 'up')
        self.ip(self.here, 'link', 'set', here, 'up')
        for ns, name in ((self.here, here), (self.there, there)):  # the kernel takes a moment to say so
            wait_for(lambda: json.loads(self.ip(ns, '-j', 'link', 'show', name))[0]['operstate'] == 'UP')

    def kernel_received(self, name='cap'):
        return json.loads(self.ip(self.here, '-s', '-j', 'link', 'show', name))[0]['stats64']['rx']['packets']

    def send(self, frames, through='snd', pps=20000):
        """-> packets sent, as tcpreplay says."""
        path = self.file('send.pcap', weir.pcap([(1.0, f) for f in frames]))
        out = self.sh('ip', 'netns', 'exec', self.there, 'tcpreplay', '-i', through, '--pps', str(pps), path)
        return int(out.split('Successful packets:')[1].split()[0])

    def conf(self, taps, more='', name='agent.cfg', listen='127.0.0.1'):
        text = (f'control = {{ socket = "{self.socket}"; }};\nhttp = {{ listen = "{listen + f":{PORT}" if listen else ""}"; }};\n'
                f'flow = {{ capacity = 65536; }};\n'
                f'sinks = ( {{ type = "store"; path = "{self.store}"; }} );\n{more}\ntaps = ( {taps} );\n')
        return self.file(name, text.encode())

    def machine(self, files):
        """-> what runs a program where these files are others: they can be written to while it runs."""
        mounts = [f'mount --bind {self.file("machine" + path, text)} {path}' for path, text in files.items()]
        return ['sh', '-c', ' && '.join([*mounts, 'exec "$@"']), 'sh']

    def agent(self, path, ready=True, command=(), more=()):
        if '--group-config' in more and not command:  # a group has a breaker of load, and tests make some
            command = self.machine({'/proc/loadavg': b'0.01 0.01 0.01 1/100 1\n'})
        a = Agent(self, ['ip', 'netns', 'exec', self.here, *command, weir.AGENT, 'run', '-c', path, *more], self.socket)
        if ready:
            a.wait_word('READY=1')
        return a

    def wait_received(self, agent, n, port='cap'):
        """Until all of `n` were taken or missed, and what became of each is known: -> what is said of the port."""
        def all_there():
            nonlocal p
            p = agent.port(port)
            accounted = p and sum(o['packets'] for o in p['outcomes'].values())
            return p and p['received'] + (p['missed'] or 0) >= n and accounted == p['received']
        p = None
        try:
            wait_for(all_there, 60)
        except AssertionError as e:
            raise AssertionError(f'{n} packets were sent, of {port} is known {p}\n{agent.text()}') from e
        return p

    def rows(self, query):
        """-> rows of a query over every file of the store, asked with SQLite."""
        rows = []
        for name in sorted(os.listdir(self.store)):
            if name.endswith('.sqlite'):
                with contextlib.closing(sqlite3.connect(os.path.join(self.store, name))) as db:
                    rows += db.execute(query).fetchall()
        return rows

    def http(self, path, ns=None, host='127.0.0.1'):
        """-> status, text; by a client of its own."""
        code = f'import http.client as h; c = h.HTTPConnection("{host}", {PORT}, timeout=10); c.request("GET", "{path}")\n' \
               'r = c.getresponse(); print(r.status); print(r.read().decode(), end="")'
        out = self.sh('ip', 'netns', 'exec', ns or self.here, '/usr/bin/python3', '-c', code)
        status, text = out.split('\n', 1)
        return int(status), text

    def assert_port_conserved(self, p):
        self.assertEqual(p['received'], sum(o['packets'] for o in p['outcomes'].values()), p)
