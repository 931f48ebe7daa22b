# SPDX-License-Identifier: Apache-2.0
"""The session with controllers that share no code with it: servers of v6.5 and of v7, that die, return, and misbehave."""
import json
import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

try:
    from controllers import (Agent, Controller, FAILED, HEARTBEAT, Trident, ntp_server, number, text)
    import grpc
except ModuleNotFoundError as e:
    print(f'SKIP: {e}')
    sys.exit(77)

import weir

CLIENT = os.path.join(weir.BUILD, 'tests/e2e/sync_client')
QUICK = ('retry_first=100', 'retry_most=400', 'push_again=300', 'interval=400', 'escape=60000', 'call=2000')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Client:
    """tests/e2e/sync_client, its lines as they come."""

    def __init__(self, folder, port, *options, addresses=('127.0.0.1',), env=None, boot='', command=()):
        path = os.path.join(folder, 'boot.yaml')
        with open(path, 'w') as f:
            f.write(f'controller-ips: [{", ".join(addresses)}]\ncontroller-port: {port}\n'
                    f'vtap-group-id-request: g-test\n{boot}')
        self.kept = os.path.join(folder, 'kept')
        self.err = open(os.path.join(folder, 'err'), 'a+')
        self.process = subprocess.Popen([*command, CLIENT, path, self.kept, *(QUICK + options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.err, text=True,
                                        env={**os.environ, **(env or {})})
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for line in self.process.stdout:
                self.lines.put(line.rstrip('\n').split('\t'))
        except ValueError:
            pass  # closed

    def wait(self, *head, seconds=8):
        """The next line that begins so; what comes before it is in `seen`."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f'no line {head}; seen {self.seen[-12:]}; {self.errors()}') from None
            self.seen.append(line)
            if tuple(line[:len(head)]) == head:
                return line

    def all(self):
        while not self.lines.empty():
            self.seen.append(self.lines.get())
        return self.seen

    def errors(self):
        with open(self.err.name) as f:
            return f.read()[-3000:]

    def say(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()

    def view(self):
        self.say('view')
        names = 'state dialect server proxy kept identity error syncs failures pushes'.split()
        return dict(zip(names, self.wait('view')[1:]))

    def until(self, check, seconds=8):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            v = self.view()
            if check(v):
                return v
            time.sleep(0.05)
        raise AssertionError(f'not so: {v}; {self.errors()}')

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(10)
        self.close()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self):
        for f in (self.err, self.process.stdin, self.process.stdout):
            f.close()


class SyncTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def controller(self, dialects, sync, **options):
        c = Controller(dialects, sync=sync, **options)
        self.addCleanup(c.stop)
        return c

    def client(self, port, *options, **more):
        c = Client(self.folder, port, *options, **more)
        self.addCleanup(lambda: self.assertEqual(c.stop(), 0))
        return c

    def v7(self, answer, **options):
        """agent.Synchronizer works; trident.Synchronizer/Sync answers FAILED, as v7 does."""
        return self.controller(('agent', 'trident'),
                               lambda d, f, c: answer(f) if d == 'agent' else Trident.response(FAILED), **options)

    def v65(self, answer, **options):
        return self.controller(('trident',), lambda d, f, c: answer(f), **options)

    # --- what is spoken ---

    def test_a_v7_server_is_understood(self):
        dynamic = number(2, 1) + number(13, 77) + number(16, 6) + text(22, 'g-real')
        server = self.v7(lambda f: Agent.response(config=Agent.group(2048), dynamic=dynamic, versions=(5, 6, 7),
                                                  tables=(b'', b'', b'')))
        c = self.client(server.port)
        line = c.wait('group')
        self.assertEqual(line[1:], [f'controller 127.0.0.1:{server.port}', '1', '2048'])
        self.assertEqual(c.wait('dynamic')[1:], ['77', '1', 'g-real'])
        c.wait('tables')
        v = c.until(lambda v: int(v['syncs']) >= 2)
        self.assertEqual((v['state'], v['dialect']), ('in contact', 'agent'))
        self.assertEqual(v['identity'], '127.0.0.1 00:00:00:00:00:00')
        first, second = [r[3] for r in server.calls('Sync')[:2]]
        self.assertEqual(first[21][0], b'127.0.0.1')
        self.assertEqual(first[25][0], b'00:00:00:00:00:00')
        self.assertEqual(first[26][0], b'g-test')
        self.assertEqual(first[22][0].decode(), os.uname().nodename)
        self.assertEqual(first[36][0].decode(), os.uname().release)
        self.assertEqual(first[4], [2])
        self.assertEqual([first[n] for n in (9, 10, 11)], [[0], [0], [0]])
        self.assertEqual([second[n] for n in (9, 10, 11)], [[5], [6], [7]])
        self.assertLess(abs(first[1][0] - time.time()), 60)
        self.assertEqual(server.calls('Sync', 'trident'), [])

    def test_a_v65_server_is_found_by_asking(self):
        config = Trident.group(3072, text(510, 'default-tap-type: 4\n'))
        server = self.v65(lambda f: Trident.response(config=config, versions=(5, 6, 7)))
        c = self.client(server.port)
        self.assertEqual(c.wait('group')[3], '3072')
        self.assertEqual(c.wait('dynamic')[1:3], ['77', '1'])
        v = c.until(lambda v: int(v['syncs']) >= 2)
        self.assertEqual((v['state'], v['dialect'], v['failures']), ('in contact', 'trident', '0'))

    def test_a_server_that_was_updated_is_found_again(self):
        port = free_port()
        old = Controller(('trident',), port, lambda d, f, c: Trident.response(config=Trident.group(1000)))
        c = self.client(port)
        self.assertEqual(c.wait('group')[3], '1000')
        old.stop()
        self.v7(lambda f: Agent.response(config=Agent.group(2000)), port=port)
        self.assertEqual(c.wait('group')[3], '2000')
        self.assertEqual(c.until(lambda v: v['state'] == 'in contact')['dialect'], 'agent')

    # --- Push ---

    def test_a_push_is_in_force_at_once(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000), versions=(1, 1, 1)))
        c = self.client(server.port, 'interval=60000')
        c.wait('group')
        while not server.streams:
            time.sleep(0.01)
        took = []
        for i in range(50):
            began = time.monotonic()
            server.push(Agent.response(config=Agent.group(1001 + i), versions=(1, 1, 1)))
            self.assertEqual(c.wait('group')[3], str(1001 + i))
            took.append(time.monotonic() - began)
        took.sort()
        print(f'push to in force: p50 {took[25] * 1e3:.1f} ms, most {took[-1] * 1e3:.1f} ms', file=sys.stderr)
        self.assertLess(took[25], 0.2)  # the last ones are a busy machine's
        self.assertEqual(len(server.calls('Sync')), 1)

    def test_a_heartbeat_changes_nothing(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000), versions=(1, 1, 1)))
        c = self.client(server.port)
        c.wait('group')
        while not server.streams:
            time.sleep(0.01)
        server.push(Agent.response(HEARTBEAT, config=Agent.group(9999), versions=(9, 9, 9)))
        c.until(lambda v: v['pushes'] == '1')
        self.assertNotIn('9999', [line[3] for line in c.all() if line[0] == 'group'])

    def test_a_push_that_ends_each_time_is_opened_again_without_haste(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000), versions=(1, 1, 1)))
        server.push_first = Agent.response(config=Agent.group(1000), versions=(1, 1, 1))
        server.push_ends = True
        c = self.client(server.port, 'push_again=500')
        c.wait('group')
        time.sleep(3)
        pushes = server.calls('Push')
        self.assertGreaterEqual(len(pushes), 4)
        self.assertLessEqual(len(pushes), 13)  # 250 to 500 ms apart
        self.assertEqual([line for line in c.all() if line[0] == 'group'][1:], [])
        self.assertEqual(c.view()['state'], 'in contact')

    # --- tables ---

    def test_versions_say_what_becomes_of_tables(self):
        answer = {}
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000), **answer))
        row = text(1, number(3, 4))
        answer.update(versions=(0, 0, 0), tables=(row, None, None))  # 0: being prepared
        c = self.client(server.port)
        c.until(lambda v: int(v['syncs']) >= 3)
        self.assertEqual([line for line in c.all() if line[0] == 'tables'], [])
        answer.update(versions=(5, 5, 5), tables=(row, None, None))
        self.assertEqual(c.wait('tables')[1:], ['7', f'5:{len(row)}', '5:0', '5:0', '0:0'])
        answer.update(tables=(None, None, None))  # the same version
        n = int(c.view()['syncs'])
        c.until(lambda v: int(v['syncs']) >= n + 3)
        self.assertEqual(len([line for line in c.all() if line[0] == 'tables']), 1)
        answer.update(versions=(4, 5, 5), tables=(row + row, None, None))  # jumps back
        self.assertEqual(c.wait('tables')[1:3], ['1', f'4:{2 * len(row)}'])
        answer.update(versions=(6, 5, 5), tables=(None, None, None))  # another, and nothing came
        self.assertEqual(c.wait('tables')[1:3], ['1', '6:0'])
        self.assertIn('has emptied a table', c.errors())

    def test_segments_are_compared_as_they_have_no_version(self):
        segment = text(9, number(1, 5) + text(2, '02:00:00:00:00:01') + text(4, '02:00:00:00:00:01'))
        answer = dict(versions=(5, 5, 5), segments=segment)
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000), **answer))
        c = self.client(server.port)
        self.assertEqual(c.wait('tables')[5], f'0:{len(segment)}')
        n = int(c.view()['syncs'])
        c.until(lambda v: int(v['syncs']) >= n + 3)
        answer.update(segments=segment + segment, extra=number(30, 1))  # partial: not meant
        n = int(c.view()['syncs'])
        c.until(lambda v: int(v['syncs']) >= n + 3)
        self.assertEqual(len([line for line in c.all() if line[0] == 'tables']), 1)
        answer.update(extra=b'')
        self.assertEqual(c.wait('tables')[1], '8')

    def test_a_larger_buffer_is_agreed_upon(self):
        big = bytes(text(1, number(3, 4)) * 1000000)  # 4 MB, then 8 MB

        def answer(f):
            if f[50][0] < 12 << 20:
                return Agent.response(config=Agent.group(1000), versions=(5, 0, 0),
                                      extra=number(30, 1) + number(31, 12 << 20))
            return Agent.response(config=Agent.group(1000), versions=(5, 0, 0), tables=(big + big, None, None))

        server = self.v7(answer)
        c = self.client(server.port, 'interval=60000')
        self.assertEqual(c.wait('tables')[2], f'5:{2 * len(big)}')
        self.assertEqual([r[3][50][0] for r in server.calls('Sync')], [5 << 20, 12 << 20])

    # --- exceptions, time, host ---

    def test_an_exception_is_told_within_two_seconds(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)))
        c = self.client(server.port, 'interval=60000')
        c.until(lambda v: v['state'] == 'in contact')
        c.say('raise 64')
        end = time.monotonic() + 3
        while len(server.calls('Sync')) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(server.calls('Sync')[1][3][6], [64])
        c.say('raise 8')  # stays until its end
        while len(server.calls('Sync')) < 3 and time.monotonic() < end + 3:
            time.sleep(0.02)
        self.assertEqual(server.calls('Sync')[2][3][6], [8])  # 64 was gone with its report

    def test_an_exception_that_was_not_told_is_told_by_the_next_session(self):
        silent = {'yes': False}
        server = self.v7(lambda f: (silent['yes'] and time.sleep(30)) or Agent.response(config=Agent.group(1000)))
        c = self.client(server.port, 'interval=60000', 'call=60000')
        c.until(lambda v: v['state'] == 'in contact')
        silent['yes'] = True
        c.say('raise 64')
        self.until(lambda: len(server.calls('Sync')) == 2)  # it was asked, and does not answer
        self.assertEqual(server.calls('Sync')[1][3][6], [64])
        silent['yes'] = False
        c.say('again')
        self.until(lambda: len(server.calls('Sync')) == 3)
        self.assertEqual(server.calls('Sync')[2][3][6], [64])

    def until(self, check, seconds=8):
        end = time.monotonic() + seconds
        while not check() and time.monotonic() < end:
            time.sleep(0.02)

    def test_the_longest_message_is_the_group_s(self):
        now = {'mib': 20}
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000, '  communication: {grpc_buffer_size: %d}\n' % now['mib'])))
        c = self.client(server.port)
        c.wait('group')
        self.until(lambda: server.calls('Sync')[-1][3][50] == [20 << 20])
        now['mib'] = 6
        self.until(lambda: server.calls('Sync')[-1][3][50] == [6 << 20])
        self.assertEqual([n >> 20 for n in dict.fromkeys(r[3][50][0] for r in server.calls('Sync'))], [5, 20, 6])

    def test_time_comes_through_the_controller(self):
        config = Agent.group(1000, '  ntp: {enabled: true}\n')
        server = self.v7(lambda f: Agent.response(config=config), query=lambda p: ntp_server(p, 3600))
        c = self.client(server.port)
        self.assertAlmostEqual(int(c.wait('clock')[1]), 3600, delta=1)
        n = len(server.calls('Sync'))
        c.until(lambda v: len(server.calls('Sync')) > n + 1)
        self.assertLess(abs(server.calls('Sync')[-1][3][1][0] - time.time() - 3600), 60)

    def test_interfaces_are_reported_once_and_then_their_version(self):
        config = Agent.group(1000, 'inputs:\n  resources: {push_interval: 10s}\n')
        server = self.v7(lambda f: Agent.response(config=config, dynamic=number(13, 5) + text(22, 'g-x')))
        c = self.client(server.port)
        c.wait('group')
        end = time.monotonic() + 14
        while len(server.calls('GenesisSync')) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        first, second = [r[3] for r in server.calls('GenesisSync')[:2]]
        self.assertIn(9, first)
        self.assertNotIn(9, second)
        self.assertEqual(first[1], second[1])
        self.assertIn(b'127.0.0.1', first[11][0])
        self.assertIn(b'127.0.0.1/8', first[9][0])

    # --- a controller that is away ---

    def test_a_controller_that_dies_and_returns_costs_nothing(self):
        port = free_port()
        server = Controller(('agent',), port, lambda d, f, c: Agent.response(config=Agent.group(1000)))
        c = self.client(port)
        c.wait('group')
        server.stop()
        c.until(lambda v: int(v['failures']) >= 3)
        self.v7(lambda f: Agent.response(config=Agent.group(1000)), port=port)
        c.until(lambda v: v['state'] == 'in contact')
        self.assertEqual([line for line in c.all() if line[0] in ('group', 'capture')][1:], [])

    def test_two_agents_that_lost_the_same_controller_do_not_come_back_in_step(self):
        port = free_port()
        tries = {}
        clients = []
        for name in ('one', 'two'):
            folder = os.path.join(self.folder, name)
            os.mkdir(folder)
            c = Client(folder, port, 'retry_first=400', 'retry_most=1600')
            self.addCleanup(c.stop)
            clients.append((name, c))
        end = time.monotonic() + 12
        while time.monotonic() < end:
            for name, c in clients:
                tries.setdefault(name, {}).setdefault(int(c.view()['failures']), time.monotonic())
            time.sleep(0.02)
        # how long each waited before its next try: from half of a doubled wait to the whole, by chance
        waits = {name: [t[n + 1] - t[n] for n in sorted(t) if n > 0 and n + 1 in t] for name, t in tries.items()}
        for name, w in waits.items():
            self.assertGreaterEqual(len(w), 6, waits)
            self.assertGreater(max(w[3:]) - min(w[3:]), 0.05, waits)  # not of one length
            self.assertGreaterEqual(min(w[2:]), 0.7, waits)           # 800 ms at least
        apart = [abs(a - b) for a, b in zip(waits['one'], waits['two'])]
        self.assertGreater(max(apart), 0.05, waits)

    def test_longer_than_the_escape_time_stops_capture_until_it_is_back(self):
        port = free_port()
        server = Controller(('agent',), port, lambda d, f, c: Agent.response(config=Agent.group(1000)))
        c = self.client(port, 'escape=2000')
        c.wait('group')
        server.stop()
        began = time.monotonic()
        self.assertEqual(c.wait('capture')[1:], ['off', 'escaped'])
        self.assertGreater(time.monotonic() - began, 1.2)
        self.assertEqual(c.view()['state'], 'escaped')
        self.v7(lambda f: Agent.response(config=Agent.group(1000)), port=port)
        self.assertEqual(c.wait('capture')[1], 'on')
        self.assertEqual(len([line for line in c.all() if line[0] == 'group']), 1)

    def test_a_restart_without_a_controller_goes_on_with_what_was_kept(self):
        port = free_port()
        row = text(1, number(3, 4))
        server = Controller(('agent',), port,
                            lambda d, f, c: Agent.response(config=Agent.group(1234), dynamic=number(2, 1) + number(13, 9),
                                                           versions=(5, 6, 7), tables=(row, None, None)))
        c = Client(self.folder, port)
        c.wait('tables')
        while not os.path.exists(c.kept):
            time.sleep(0.01)
        server.stop()
        c.kill()
        self.assertEqual(os.stat(c.kept).st_mode & 0o777, 0o600)
        c = self.client(port)
        line = c.wait('group')
        self.assertEqual(line[1], f'controller 127.0.0.1:{port}, kept')
        self.assertEqual(line[3], '1234')
        self.assertEqual(c.wait('dynamic')[1], '9')
        self.assertEqual(c.wait('tables')[2], f'5:{len(row)}')
        self.assertEqual(c.view()['kept'], '1')
        again = self.v7(lambda f: Agent.response(config=Agent.group(1234), versions=(5, 6, 7), tables=(row, b'', b'')),
                        port=port)
        v = c.until(lambda v: v['state'] == 'in contact')
        self.assertEqual(v['kept'], '0')
        self.assertEqual(again.calls('Sync', 'agent')[0][3][9], [0])  # all is asked for anew

    def test_what_was_kept_and_is_damaged_is_not_used(self):
        kept = os.path.join(self.folder, 'kept')
        with open(kept, 'wb') as f:
            f.write(b'weir-sync 1\nconfig 0 0 5\nglob')
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)))
        c = self.client(server.port)
        self.assertEqual(c.wait('group')[1], f'controller 127.0.0.1:{server.port}')
        self.assertIn('it is not whole', c.errors())

    def test_an_empty_server_takes_no_configuration_away(self):
        port = free_port()
        server = Controller(('agent',), port, lambda d, f, c: Agent.response(config=Agent.group(1000), versions=(5, 5, 5)))
        c = self.client(port)
        c.wait('tables')
        server.stop()
        self.v7(lambda f: Agent.response(), port=port)  # knows no agent: no configuration, versions 0
        n = int(c.view()['syncs'])
        c.until(lambda v: v['state'] == 'in contact' and int(v['syncs']) > n + 3)
        self.assertEqual([line for line in c.all() if line[0] in ('group', 'capture', 'tables')][2:], [])

    def test_the_next_controller_is_asked_when_one_fails(self):
        port = free_port()
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)), port=port)
        c = self.client(port, addresses=('127.0.0.2', '127.0.0.1'))
        c.wait('group')
        self.assertEqual(c.view()['server'], f'127.0.0.1:{port}')
        self.assertGreaterEqual(len(server.calls('Sync')), 1)

    def test_a_proxy_is_used_and_left_when_it_fails(self):
        proxy = Controller(('agent',), sync=lambda d, f, c: Agent.response(config=config))
        config = Agent.group(1000, f'  communication: {{proxy_controller_ip: 127.0.0.1, proxy_controller_port: {proxy.port}}}\n')
        server = self.v7(lambda f: Agent.response(config=config))
        c = self.client(server.port)
        v = c.until(lambda v: v['proxy'] == '1' and v['state'] == 'in contact')
        self.assertEqual(v['server'], f'127.0.0.1:{proxy.port}')
        proxy.stop()
        n = len(server.calls('Sync'))
        c.until(lambda v: len(server.calls('Sync')) > n)

    def test_an_empty_proxy_is_none(self):
        config = Agent.group(1000, f'  communication: {{proxy_controller_ip: "", proxy_controller_port: {free_port()}}}\n')
        server = self.v7(lambda f: Agent.response(config=config))
        c = self.client(server.port)
        v = c.until(lambda v: int(v['syncs']) > 3)
        self.assertEqual((v['server'], v['proxy'], v['failures']), (f'127.0.0.1:{server.port}', '0', '0'))

    def test_a_host_name_is_looked_up(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)))
        c = self.client(server.port, addresses=('localhost',))
        c.wait('group')
        self.assertIn(c.view()['server'], (f'127.0.0.1:{server.port}', f'[::1]:{server.port}'))

    def test_a_name_is_asked_first_however_long_name_servers_take(self):
        if os.geteuid() != 0:
            self.skipTest('a mount namespace needs root')
        def answer():
            while True:
                try:
                    query, who = dns.recvfrom(512)
                except OSError:
                    return
                time.sleep(0.01)
                end = query.index(b'\0', 12) + 5
                found = b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1' if query[end - 4:end - 2] == b'\0\1' else b''
                dns.sendto(query[:2] + b'\x81\x80\0\1\0' + bytes([bool(found)]) + b'\0\0\0\0' + query[12:end] + found, who)
        dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(dns.close)
        dns.bind(('127.0.0.77', 53))
        threading.Thread(target=answer, daemon=True).start()
        resolv = os.path.join(self.folder, 'resolv.conf')
        with open(resolv, 'w', encoding='ascii') as f:
            f.write('nameserver 127.0.0.77\n')
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)))
        c = self.client(server.port, addresses=('first.test', '127.0.0.2'),
                        command=('unshare', '-m', 'sh', '-c', f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', 'sh'))
        c.wait('group')
        self.assertEqual(c.view()['server'], f'127.0.0.1:{server.port}')
        self.assertNotIn('127.0.0.2', c.errors())

    def test_a_name_that_nobody_knows_is_said_and_the_next_controller_asked(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)))
        c = self.client(server.port, addresses=('nowhere.invalid', '127.0.0.1'))
        c.wait('group')
        self.assertIn('nowhere.invalid', c.errors())

    # --- TLS: DeepFlow's file names the certificate by prefix and address ---

    def certificate(self, name, subject='IP:127.0.0.1', days=1):
        """-> key and self-signed certificate."""
        key, cert = (os.path.join(self.folder, f'{name}.{end}') for end in ('key', 'pem'))
        p = weir.run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days',
                     str(days), '-subj', '/CN=controller', '-addext', f'subjectAltName={subject}', '-keyout', key, '-out', cert)
        self.assertEqual(p.returncode, 0, p.stderr)
        return key, cert

    def tls_client(self, port, trusted):
        prefix = os.path.join(self.folder, 'trusted')
        shutil.copy(trusted, f'{prefix}.127.0.0.1')
        return self.client(1, boot=f'controller-tls-port: {port}\ncontroller-cert-file-prefix: {prefix}\n')

    def test_a_controller_with_a_certificate(self):
        tls = self.certificate('good')
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)), tls=tls)
        c = self.tls_client(server.port, tls[1])
        c.wait('group')

    def refused(self, server, trusted, said):
        c = self.tls_client(server.port, trusted)
        c.until(lambda v: int(v['failures']) >= 3)
        self.assertIn(said, c.view()['error'])
        self.assertEqual(server.calls('Sync'), [])

    def test_a_controller_of_another_ca_is_not_spoken_with(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)), tls=self.certificate('other'))
        self.refused(server, self.certificate('good')[1], 'UNAVAILABLE')

    def test_a_controller_of_another_name_is_not_spoken_with(self):
        tls = self.certificate('named', 'IP:127.0.0.2,DNS:elsewhere')
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)), tls=tls)
        self.refused(server, tls[1], 'UNAVAILABLE')

    def test_there_is_no_way_back_to_cleartext(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)))
        self.refused(server, self.certificate('good')[1], 'UNAVAILABLE')

    def test_a_proxy_at_the_usual_port_is_called_at_that_of_tls(self):
        tls = self.certificate('proxy')
        config = Agent.group(1000, '  communication: {proxy_controller_ip: 127.0.0.1, proxy_controller_port: 1}\n')  # as tls_client's controller-port
        server = self.v7(lambda f: Agent.response(config=config), tls=tls)
        c = self.tls_client(server.port, tls[1])
        v = c.until(lambda v: v['proxy'] == '1' and int(v['syncs']) > 3)
        self.assertEqual((v['server'], v['failures']), (f'127.0.0.1:{server.port}', '0'))

    def test_a_certificate_that_is_none_is_said(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)))
        none = os.path.join(self.folder, 'none')
        with open(none, 'w') as f:
            f.write('no certificate')
        c = self.tls_client(server.port, none)
        c.until(lambda v: int(v['failures']) >= 1)
        self.assertIn('trusted.127.0.0.1', c.errors())
        self.assertEqual(server.calls('Sync'), [])

    # --- in a pod: control plane, 2.2, 2.4 and 4.9 ---

    def pod(self, ca=b'-----BEGIN CERTIFICATE-----\nof a cluster\n'):
        """-> what runs a program where a service account has this CA."""
        if os.geteuid() != 0:
            self.skipTest('a mount namespace needs root')
        path = os.path.join(self.folder, 'ca.crt')
        with open(path, 'wb') as f:
            f.write(ca)
        account = '/run/secrets/kubernetes.io/serviceaccount'
        return ('unshare', '-m', 'sh', '-c',
                f'mount -t tmpfs none /run && mkdir -p {account} && cp {path} {account}/ca.crt && exec "$@"', 'sh')

    def in_a_pod(self, dialect, server, md5):
        c = self.client(server.port, command=self.pod(), boot='kubernetes-cluster-name: of-mine\nteam-id: t-1\n')
        c.wait('group')
        asked = server.calls('GetKubernetesClusterID')
        self.assertEqual([r[3] for r in asked], [{1: [md5], 2: [b't-1'], 46: [b'of-mine']}])
        self.assertEqual(asked[0][1], dialect)
        syncs = server.calls('Sync', dialect)
        self.assertLess(asked[0][0], syncs[0][0])  # nothing else starts before
        self.assertEqual(syncs[0][3][45], [b'd-0123456789'])
        self.assertEqual(syncs[0][3][46], [b'of-mine'])
        return syncs[0][3]

    MD5 = b'd149651b794df0bfac35b3e82ae48fb9'  # printf '...' | md5sum, of pod()'s CA

    def test_in_a_pod_of_a_v7_server_the_cluster_s_id_is_asked_for_first(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)), cluster=lambda f: text(2, 'd-0123456789'))
        sync = self.in_a_pod('agent', server, self.MD5)
        self.assertEqual(sync[47], [self.MD5])

    def test_in_a_pod_of_a_v65_server_the_cluster_s_id_is_asked_for_first(self):
        server = self.v65(lambda f: Trident.response(config=Trident.group(1000)), cluster=lambda f: text(2, 'd-0123456789'))
        self.in_a_pod('trident', server, self.MD5)

    def test_without_an_id_of_the_cluster_nothing_starts_and_it_is_asked_for_again(self):
        answers = [text(1, 'no license for clusters'), b'']
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)),
                         cluster=lambda f: answers.pop(0) if answers else text(2, 'd-abc'))
        c = self.client(server.port, command=self.pod())
        c.wait('group')
        self.assertEqual(len(server.calls('GetKubernetesClusterID')), 3)
        self.assertLess(server.calls('GetKubernetesClusterID')[2][0], server.calls('Sync', 'agent')[0][0])
        self.assertIn('no license for clusters', c.errors())

    def test_a_cluster_s_id_of_the_boot_file_is_not_asked_for(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000)))
        c = self.client(server.port, command=self.pod(), boot='kubernetes-cluster-id: d-fromfile00\n')
        c.wait('group')
        self.assertEqual(server.calls('Sync', 'agent')[0][3][45], [b'd-fromfile00'])
        self.assertEqual(server.calls('GetKubernetesClusterID'), [])

    def first_sync(self, env, dialect='agent'):
        """What the first SyncRequest of a new agent says with these variables of the environment."""
        answer = (lambda f: Agent.response(config=Agent.group(1000))) if dialect == 'agent' else \
            (lambda f: Trident.response(config=Trident.group(1000)))
        server = (self.v7 if dialect == 'agent' else self.v65)(answer)
        c = Client(self.folder, server.port, *QUICK, env=env)
        try:
            c.wait('group')
        finally:
            c.stop()
        os.unlink(c.kept)
        return server.calls('Sync', dialect)[0][3]

    def test_either_way_to_say_watch_only_counts_in_a_container_and_sets_both_fields(self):
        for env, forced, policy in (({}, 0, 0),
                                    ({'IN_CONTAINER': 'yes'}, 0, 0),
                                    ({'IN_CONTAINER': '', 'ONLY_WATCH_K8S_RESOURCE': ''}, 1, 1),
                                    ({'ONLY_WATCH_K8S_RESOURCE': 'true'}, 0, 0),
                                    ({'IN_CONTAINER': 'yes', 'K8S_WATCH_POLICY': 'watch-only'}, 1, 1),
                                    ({'K8S_WATCH_POLICY': 'watch-only'}, 0, 0),
                                    ({'K8S_WATCH_POLICY': 'watch-disabled'}, 0, 2),
                                    ({'K8S_WATCH_POLICY': 'something'}, 0, 0)):
            for dialect in ('agent', 'trident'):
                with self.subTest(env=env, dialect=dialect):
                    sync = self.first_sync(env, dialect)
                    self.assertEqual((sync[27], sync[41]), ([forced], [policy]))

    def host_address(self):
        """-> name, MAC and address of a link of the host that is not loopback, as iproute2 says."""
        links = json.loads(weir.run('ip', '-j', '-4', 'addr').stdout)
        macs = {link['ifname']: link.get('address', '') for link in json.loads(weir.run('ip', '-j', 'link').stdout)}
        for link in links:
            for a in link['addr_info']:
                if a['scope'] == 'global' and macs[link['ifname']]:
                    return link['ifname'], macs[link['ifname']], a['local']
        return self.skipTest('no interface with an address but loopback')

    def test_the_node_s_address_is_the_identity_where_a_link_has_it(self):
        _, mac, address = self.host_address()
        sync = self.first_sync({'K8S_NODE_IP_FOR_DEEPFLOW': address})
        self.assertEqual((sync[21], sync[25]), ([address.encode()], [mac.encode()]))
        sync = self.first_sync({'K8S_NODE_IP_FOR_DEEPFLOW': '203.0.113.77'})  # no link has it: the way to the controller
        self.assertEqual((sync[21], sync[25]), ([b'127.0.0.1'], [b'00:00:00:00:00:00']))

    def test_the_control_interface_is_the_identity_with_the_pod_s_address(self):
        name, mac, address = self.host_address()
        sync = self.first_sync({'CTRL_NETWORK_INTERFACE': name})
        self.assertEqual((sync[21], sync[25]), ([address.encode()], [mac.encode()]))
        sync = self.first_sync({'CTRL_NETWORK_INTERFACE': name, 'K8S_POD_IP_FOR_DEEPFLOW': '127.0.0.1,203.0.113.5,2001:db8::5'})
        self.assertEqual((sync[21], sync[25]), ([b'203.0.113.5'], [mac.encode()]))

    def test_variables_that_only_inform_change_nothing(self):
        sync = self.first_sync({})
        told = self.first_sync({'K8S_NODE_NAME_FOR_DEEPFLOW': 'node7', 'K8S_POD_NAME_FOR_DEEPFLOW': 'pod7', 'TZ': 'UTC',
                                   'K8S_NAMESPACE_FOR_DEEPFLOW': 'other', 'K8S_MEM_LIMIT_FOR_DEEPFLOW': '200'})
        sync.pop(1), told.pop(1)  # boot_time
        self.assertEqual(told, sync)

    # --- a controller that misbehaves ---

    def bad(self, answer, said):
        """A good configuration, then `answer`: the good one stays, and it is said."""
        state = {'bad': False}
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000), versions=(5, 5, 5)))
        good = server.sync
        server.sync = lambda d, f, c: answer(d, f, c) if state['bad'] else good(d, f, c)
        c = self.client(server.port)
        c.wait('group')
        state['bad'] = True
        n = int(c.view()['failures'])
        c.until(lambda v: int(v['failures']) > n + 1, 15)
        self.assertIn(said, c.errors())
        self.assertEqual([line for line in c.all() if line[0] in ('group', 'capture', 'refused')][1:], [])
        state['bad'] = False
        c.until(lambda v: v['state'] == 'in contact', 15)
        self.assertEqual(c.stop(), 0)

    def test_garbage(self):
        self.bad(lambda d, f, c: os.urandom(500) + b'\xff' * 20, 'INTERNAL')

    def test_a_wrong_type(self):
        self.bad(lambda d, f, c: text(1, 'no number'), 'INTERNAL')

    def test_an_answer_that_is_too_large(self):
        self.bad(lambda d, f, c: text(999, bytes(6 << 20)), 'RESOURCE_EXHAUSTED')

    def test_an_answer_that_never_comes(self):
        self.bad(lambda d, f, c: time.sleep(2.5) or b'', 'DEADLINE_EXCEEDED')

    def test_failed_in_both_dialects(self):
        self.bad(lambda d, f, c: number(1, FAILED), 'it answers FAILED, without a configuration')

    def test_an_error_of_the_server(self):
        self.bad(lambda d, f, c: c.abort(grpc.StatusCode.INTERNAL, 'no database'), 'no database')

    def test_a_bad_configuration_is_refused_and_told(self):
        now = {'config': Agent.group(1000)}
        server = self.v7(lambda f: Agent.response(config=now['config'], versions=(5, 5, 5)))
        c = self.client(server.port)
        c.wait('group')
        for bad in ('global:\n  limits: {max_memory: lots}\n', 'a: &a [1]\nb: *a\n', 'global: [', '\x00'.join('abc'),
                    'x' * 2000000):
            now['config'] = bad
            n = len(server.calls('Sync'))
            c.until(lambda v: server.calls('Sync')[-1][3][6] == [256] and len(server.calls('Sync')) > n + 1)
            self.assertEqual(server.calls('Sync')[-1][3][2], [0])  # config_accepted
            self.assertIn('its configuration is refused', c.errors())
        self.assertEqual(len([line for line in c.all() if line[0] == 'group']), 1)
        now['config'] = Agent.group(1001)
        self.assertEqual(c.wait('group')[3], '1001')
        c.until(lambda v: server.calls('Sync')[-1][3][6] == [0] and server.calls('Sync')[-1][3][2] == [1])

    def test_a_refusal_is_told_at_once(self):
        server = self.v7(lambda f: Agent.response(config='global: ['))
        c = self.client(server.port, 'interval=60000')
        c.until(lambda v: server.calls('Sync') and server.calls('Sync')[-1][3][6] == [256])

    def test_a_refusal_is_no_silence_and_a_return_is_told(self):
        now = {'config': Agent.group(1000)}
        server = self.v7(lambda f: Agent.response(config=now['config']))
        c = self.client(server.port, 'escape=1500')
        c.wait('group')
        now['config'] = 'global: ['
        time.sleep(3.5)
        self.assertEqual(c.view()['state'], 'in contact')
        self.assertEqual([line for line in c.all() if line[0] == 'capture'], [])
        now['config'] = Agent.group(1000)  # exactly what is in force
        self.assertEqual(c.wait('group')[3], '1000')

    def test_configurations_that_flap_lose_nothing(self):
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000), versions=(1, 1, 1)))
        c = self.client(server.port, 'interval=60000')
        c.wait('group')
        while not server.streams:
            time.sleep(0.01)
        for i in range(200):
            server.push(Agent.response(config=Agent.group(1000 + (i + 1) % 2), versions=(1, 1, 1)))
        seen = [c.wait('group')[3] for _ in range(200)]
        self.assertEqual(seen, ['1001', '1000'] * 100)
        self.assertEqual(c.stop(), 0)
        with open(c.kept, 'rb') as f:
            self.assertIn(b'max_memory: 1000', f.read())

    def test_a_disabled_agent_captures_nothing(self):
        enabled = [0]
        server = self.v7(lambda f: Agent.response(config=Agent.group(1000), dynamic=number(2, enabled[0]) + number(13, 5)))
        c = self.client(server.port)
        self.assertEqual(c.wait('capture')[1:], ['off', ''])
        enabled[0] = 1
        self.assertEqual(c.wait('capture')[1], 'on')


class ListTest(unittest.TestCase):
    """The list of cases in README.md."""

    def test_each_test_that_the_list_names_is_there(self):
        here = os.path.dirname(os.path.abspath(__file__))
        there = set()
        for name in os.listdir(here):
            if name.startswith('sync_') and name.endswith('_test.py'):
                with open(os.path.join(here, name), encoding='utf-8') as f:
                    there.update(re.findall(r'def (test_\w+)', f.read()))
        with open(os.path.join(here, 'README.md'), encoding='utf-8') as f:
            named = set(re.findall(r'`(test_\w+)`', f.read()))
        self.assertGreater(len(named), 40)
        self.assertEqual(named - there, set())


if __name__ == '__main__':
    weir.main()
