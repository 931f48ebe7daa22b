# SPDX-License-Identifier: Apache-2.0
"""weir-agent run under controllers that misbehave: it says so, what was in force stays, no packet is lost, and a good one is heard again."""
import os
import shutil
import socket
import sys
import threading
import time

import live
import weir

try:
    from controllers import Agent, Controller, FAILED, enter, number, text
    from sync_live import ANALYZER, HoursCase, PORT, SyncAgentCase, TAP
except ModuleNotFoundError as e:
    print(f'SKIP: {e}')
    sys.exit(77)

MIB = 1 << 20


def config(memory, more=''):
    return (f'global:\n  limits: {{max_memory: {memory}}}\n  communication: {{proactive_request_interval: 10s}}\n'
            f'{ANALYZER}{more}')


def good(memory=2048, **more):
    return Agent.response(config=config(memory), versions=(5, 5, 5), **more)


class BadTest(HoursCase):
    def setUp(self):
        super().setUp()
        self.answer = lambda f: good()
        self.sport = 20000

    def serve(self):
        return self.v7(lambda f: self.answer(f))

    def running(self):
        """-> a server, and an agent that has its configuration in force and captures."""
        server = self.serve()
        agent = self.start()
        self.in_force(agent, revision=1)
        agent.wait_port('cap', state='up')
        self.as_before(agent)
        return server, agent

    def as_before(self, agent, memory=2048):
        """What was in force is, and nothing is lost."""
        self.assertEqual(self.value(agent, 'global.limits.max_memory'), str(memory))
        self.sport += 100
        self.captures(agent, self.sport)

    def good_again(self, agent, memory=2049):
        self.answer = lambda f: good(memory)
        self.pass_until(lambda: self.value(agent, 'global.limits.max_memory') == str(memory) and self.hop(agent)['state'] == 'ok',
                        agent.text)
        self.as_before(agent, memory)
        self.assertEqual(agent.stop(), weir.OK, agent.text())

    def unheard(self, answer, said):
        """An answer that is none: the controller is as if it were away."""
        _, agent = self.running()
        self.answer = answer
        self.pass_until(lambda: self.hop(agent)['state'] == 'warn', agent.text)
        self.assertIn(said, self.hop(agent)['detail'])
        self.assertIn(said, agent.text())
        self.as_before(agent)
        self.good_again(agent)

    def refused(self, text_, said):
        """A configuration that cannot be one: it is told, and the one before stays, here and on disk."""
        server, agent = self.running()
        live.wait_for(lambda: self.kept_has(b'max_memory: 2048'))
        self.answer = lambda f: Agent.response(config=text_, versions=(5, 5, 5))
        self.pass_until(lambda: server.calls('Sync', 'agent')[-1][3].get(6) == [256], agent.text)
        self.assertEqual(server.calls('Sync', 'agent')[-1][3][2], [0])  # config_accepted
        self.assertIn('its configuration is refused, the one before it stays', agent.text())
        self.assertIn(said, agent.text())
        self.as_before(agent)
        self.hours.pass_s(10)
        self.assertTrue(self.kept_has(b'max_memory: 2048'))
        self.good_again(agent)

    # --- answers that are none ---

    def test_garbage(self):
        self.unheard(lambda f: os.urandom(500) + b'\xff' * 20, 'it cannot be decoded')

    def test_a_message_over_the_limit(self):
        self.unheard(lambda f: text(999, bytes(6 * MIB)), 'RESOURCE_EXHAUSTED')

    def test_fields_of_another_type(self):
        self.unheard(lambda f: text(1, 'no number') + number(2, 7), 'it cannot be decoded')

    def test_a_message_that_takes_too_much_memory_unpacked(self):
        self.unheard(lambda f: b'\x42\x00' * (2 * MIB + MIB // 4), 'RESOURCE_EXHAUSTED')  # containers, all empty

    def test_an_error_of_the_server(self):
        def broken(_):
            raise RuntimeError('no database')
        self.unheard(broken, 'no database')

    def test_failed_without_a_configuration(self):
        self.unheard(lambda f: number(1, FAILED), 'it answers FAILED, without a configuration')

    def test_an_answer_that_never_comes(self):
        gone = threading.Event()
        self.addCleanup(gone.set)
        _, agent = self.running()
        self.answer = lambda f: gone.wait() and b''
        self.hours.pass_s(10)
        live.wait_for(lambda: self.hop(agent)['state'] == 'warn', 60)  # 30 s, by gRPC's clock
        self.assertIn('DEADLINE_EXCEEDED', self.hop(agent)['detail'])
        self.as_before(agent)
        gone.set()
        self.good_again(agent)

    # --- answers that are odd ---

    def test_a_slow_answer_is_waited_for_and_nothing_else_is(self):
        server, agent = self.running()
        live.wait_for(lambda: server.streams)

        def slow(_):
            time.sleep(4)
            return good(2050)
        self.answer = slow
        n = len(server.calls('Sync', 'agent'))
        self.pass_until(lambda: len(server.calls('Sync', 'agent')) > n, agent.text)
        self.as_before(agent)
        server.push(good(2049))  # while the Sync is under way
        live.wait_for(lambda: self.value(agent, 'global.limits.max_memory') == '2049', 3)
        live.wait_for(lambda: self.value(agent, 'global.limits.max_memory') == '2050')
        self.as_before(agent, 2050)
        self.good_again(agent, 2051)

    def test_failed_with_a_configuration(self):
        _, agent = self.running()
        self.answer = lambda f: Agent.response(FAILED, config=config(2049), versions=(6, 6, 6))
        self.pass_until(lambda: self.value(agent, 'global.limits.max_memory') == '2049', agent.text)
        self.assertIn('it answers FAILED; its configuration is taken', agent.text())
        self.assertEqual(self.hop(agent)['state'], 'ok')
        self.as_before(agent, 2049)
        self.good_again(agent, 2050)

    def test_everything_absent(self):
        """Neither status nor configuration nor version, then empty messages of each kind: the defaults of absent fields, no crash."""
        server, agent = self.running()
        empty_rows = text(11, text(1, b'') + text(3, b'') + text(4, b'')) + text(12, text(1, text(6, b''))) + text(13, text(1, b''))
        for m in (b'', text(20, b''), text(9, b'') + text(10, b'') + text(14, b'') + text(15, b'') + text(8, b'') + text(21, b''),
                  number(5, 6) + number(6, 6) + number(7, 6) + empty_rows):
            n = len(server.calls('Sync', 'agent'))
            self.answer = lambda f, m=m: m
            self.pass_until(lambda n=n: len(server.calls('Sync', 'agent')) > n + 1, agent.text)
            self.as_before(agent)
        self.good_again(agent)

    def test_huge_texts(self):
        huge = 'h' * (MIB // 4)
        dynamic = number(2, 1) + number(13, 9) + text(20, huge) + text(21, huge) + text(22, huge)
        segment = text(9, number(1, 5) + text(2, huge) + text(4, huge))
        server, agent = self.running()
        self.answer = lambda f: Agent.response(config=config(2049), dynamic=dynamic, versions=(6, 6, 6), segments=segment,
                                               tables=(text(1, text(5, text(1, huge))), text(1, text(4, huge)), text(1, text(5, huge))),
                                               extra=text(3, huge) + text(4, huge))
        self.pass_until(lambda: self.value(agent, 'global.limits.max_memory') == '2049', agent.text)
        n = len(server.calls('Sync', 'agent'))
        self.pass_until(lambda: len(server.calls('Sync', 'agent')) > n, agent.text)
        self.as_before(agent, 2049)
        self.assertLess(max(len(line) for line in agent.text().splitlines()), 2000)
        self.good_again(agent, 2050)

    def test_versions_that_jump_back(self):
        rows = {5: 1, 4: 2, 3: 1}
        now = [5]

        def answer(_):
            one = text(1, number(1, 1) + number(3, 4) + number(4, 7) + text(5, text(1, '10.1.0.1')) + number(7, 0x020000000002))
            return Agent.response(config=config(2048), versions=(now[0], 1, 1), tables=(one * rows[now[0]], None, None))
        self.answer = answer
        server, agent = self.running()
        for version in (5, 4, 3):
            now[0] = version
            t = self.pass_until(lambda v=version: next((t for t in agent.data('config')['tables'] if t['table'] == 'inventory' and
                                                        t['version'] == v), None), agent.text)
            self.assertEqual((t['rows'], t['refusals']), (rows[version], 0))
            self.as_before(agent)
        self.good_again(agent)

    # --- Push ---

    def test_a_push_that_ends_each_time(self):
        server = self.serve()
        server.push_first = good()
        server.push_ends = True
        agent = self.start()
        self.in_force(agent, revision=1)
        agent.wait_port('cap', state='up')
        self.hours.pass_s(100)
        pushes = self.pass_until(lambda: len(server.calls('Push')) >= 3 and server.calls('Push'), agent.text)
        self.assertLessEqual(len(pushes), 2 + self.hours.ahead / 5)  # not before 5 s
        self.as_before(agent)
        self.assertEqual(agent.data('status')['group']['revision'], 1)  # the same text is not applied again
        self.good_again(agent)

    def test_configurations_that_flap(self):
        server, agent = self.running()
        live.wait_for(lambda: server.streams)
        pid = agent.process.pid
        for i in range(1, 21):
            self.answer = lambda f, i=i: good(2048 + i % 2)  # of Sync, too: time goes by
            server.push(good(2048 + i % 2))
            live.wait_for(lambda i=i: self.value(agent, 'global.limits.max_memory') == str(2048 + i % 2))
            self.as_before(agent, 2048 + i % 2)
            self.hours.pass_s(1)
        self.assertEqual(agent.process.pid, pid)
        self.hours.pass_s(10)
        live.wait_for(lambda: self.kept_has(b'max_memory: 2048'))
        self.good_again(agent)

    # --- configurations ---

    def test_a_yaml_bomb_of_aliases(self):
        levels = ''.join(f'{c}: &{c} [{", ".join([f"*{b}"] * 9)}]\n' for b, c in zip('abcdefgh', 'bcdefghi'))
        self.refused('a: &a ["lol", "lol", "lol"]\n' + levels, 'alias')

    def test_a_yaml_bomb_of_depth(self):
        self.refused('a: ' + '[' * 1000000, 'lists and groups within each other')

    def test_a_configuration_of_10_mb(self):
        text_ = config(2049) + '# a comment\n' * (10 * MIB // 12)

        def answer(f):
            if f[50][0] < 16 * MIB:
                return Agent.response(versions=(5, 5, 5), extra=number(30, 1) + number(31, 16 * MIB))
            return Agent.response(config=text_, versions=(5, 5, 5))
        server, agent = self.running()
        self.answer = lambda f: Agent.response(config=text_, versions=(5, 5, 5))
        self.pass_until(lambda: 'RESOURCE_EXHAUSTED' in self.hop(agent)['detail'], agent.text)  # over the agreed buffer
        self.as_before(agent)
        self.answer = answer  # a larger one is agreed upon
        self.pass_until(lambda: server.calls('Sync', 'agent')[-1][3].get(6) == [256], agent.text)
        self.assertIn('allowed are 1048576', agent.text())
        self.as_before(agent)
        self.good_again(agent)

    def test_a_configuration_that_is_not_utf_8(self):
        self.refused(b'global:\n  limits: {max_memory: \xff\xfe}\n', 'UTF-8')

    def test_a_configuration_with_a_zero_byte(self):
        self.refused(config(2049).encode() + b'\x00' + b'garbage', 'control characters')

    def test_a_configuration_with_mistakes(self):
        self.refused(config(2049, 'globl: 1\nprocessors: {flow_log: {tunning: {concurrent_flow_limit: many}}}\n'), 'many')


class CertificateTest(SyncAgentCase):
    """DeepFlow's boot file names a certificate: nothing but TLS is spoken, and only with whom it vouches for."""

    def setUp(self):
        super().setUp()
        self.openssl('req', '-x509', *self.NEW, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=ca')
        self.trust('ca.pem')
        self.etc = os.path.join(self.dir, 'etc')
        os.mkdir(self.etc)

    ADVICE = 'its certificate has to be in force, of this address, and signed by one of '
    NEW = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes')

    def openssl(self, *arguments):
        p = weir.run('openssl', *arguments, cwd=self.dir)
        self.assertEqual(p.returncode, 0, p.stderr)

    def path(self, name):
        return os.path.join(self.dir, name)

    def trust(self, name):
        shutil.copy(self.path(name), self.path('trusted.new'))
        os.replace(self.path('trusted.new'), self.path('trusted.127.0.0.1'))

    def certificate(self, name, subject='IP:127.0.0.1', ca='ca', days='2'):
        """-> key and certificate of `ca`; a negative number of days: it has expired."""
        self.file('ext', f'subjectAltName={subject}\n'.encode())
        self.openssl('req', *self.NEW, '-keyout', f'{name}.key', '-out', f'{name}.csr', '-subj', f'/CN={name}')
        self.openssl('x509', '-req', '-in', f'{name}.csr', '-CA', f'{ca}.pem', '-CAkey', f'{ca}.key', '-CAcreateserial',
                     '-days', days, '-extfile', 'ext', '-out', f'{name}.pem')
        return self.path(f'{name}.key'), self.path(f'{name}.pem')

    def serve(self, tls, memory=2048):
        c = Controller(('agent',), PORT, lambda d, f, c: good(memory), netns=self.here, tls=tls)
        self.addCleanup(c.stop)
        return c

    def start(self):
        """Under an /etc of its own, with DeepFlow's boot file in it."""
        boot = self.file('boot.yaml', f'controller-ips: [127.0.0.1]\ncontroller-tls-port: {PORT}\n'
                         f'controller-cert-file-prefix: {self.path("trusted")}\n'.encode())
        old = self.path('etc.old')
        os.mkdir(old)
        script = (f'mount --bind /etc {old} && ln -s {old}/* {self.etc} && mkdir {self.etc}/deepflow-agent && '
                  f'cp {boot} {self.etc}/deepflow-agent/deepflow-agent.yaml && mount --bind {self.etc} /etc && exec "$@"')
        machine = self.machine({'/proc/loadavg': b'0.01 0.01 0.01 1/100 1\n'})
        agent = self.agent(self.conf(TAP), command=(*machine, 'sh', '-c', script, 'sh', 'env', f'STATE_DIRECTORY={self.path("state")}'))
        self.in_force(agent, revision=1)
        agent.wait_port('cap', state='up')
        return agent

    def left_alone(self, said, tls, before=lambda: None):
        """A controller with `tls` in the place of a good one is not spoken with; a good one is again."""
        fine = self.certificate('fine')
        server = self.serve(fine)
        agent = self.start()
        self.captures(agent, 20000)
        server.stop()
        before()
        wrong = self.serve(tls, 2049)
        live.wait_for(lambda: self.hop(agent)['state'] == 'warn', 30)
        time.sleep(3)  # more than one try
        self.assertIn(said, agent.text())
        self.assertEqual(wrong.requests, [])
        self.assertEqual(self.value(agent, 'global.limits.max_memory'), '2048')
        self.captures(agent, 21000)
        wrong.stop()
        self.trust('ca.pem')
        self.serve(fine, 2050)
        live.wait_for(lambda: self.value(agent, 'global.limits.max_memory') == '2050', 90)
        self.captures(agent, 22000)
        self.assertEqual(agent.stop(), weir.OK, agent.text())

    def test_a_certificate_that_has_expired(self):
        self.left_alone(self.ADVICE, self.certificate('late', days='-1'))

    def test_a_certificate_of_another_name(self):
        self.left_alone('Peer name 127.0.0.1 is not in peer certificate', self.certificate('other', 'IP:127.0.0.2,DNS:elsewhere'))

    def test_a_certificate_of_another_ca(self):
        self.openssl('req', '-x509', *self.NEW, '-keyout', 'stranger.key', '-out', 'stranger.pem', '-days', '2', '-subj', '/CN=stranger')
        self.left_alone(self.ADVICE, self.certificate('strange', ca='stranger'))

    def test_a_controller_in_cleartext(self):
        self.left_alone(self.ADVICE, None)

    def test_nothing_but_tls_goes_over_the_wire(self):
        """A listener that only listens: what comes is the first record of a TLS handshake, RFC 8446, 5.1."""
        fine = self.certificate('fine')
        server = self.serve(fine)
        agent = self.start()
        server.stop()
        heard = []
        enter(f'/run/netns/{self.here}')
        try:
            ear = socket.create_server(('127.0.0.1', PORT))
        finally:
            enter(f'/proc/{os.getpid()}/ns/net')

        def listen():
            while True:
                try:
                    c, _ = ear.accept()
                except OSError:
                    return
                with c:
                    c.settimeout(1)
                    heard.append(c.recv(5))

        threading.Thread(target=listen, daemon=True).start()
        live.wait_for(lambda: len(heard) >= 3, 60)
        ear.close()
        for first in heard:
            self.assertEqual(first[:2], b'\x16\x03', heard)
        self.captures(agent, 20000)

    def test_a_trusted_certificate_that_is_renewed_badly_is_said_and_the_one_before_counts(self):
        fine = self.certificate('fine')
        server = self.serve(fine)
        agent = self.start()
        self.file('none', b'no certificate')
        self.trust('none')
        live.wait_for(lambda: 'trusted.127.0.0.1: there is no certificate in it' in agent.text(), 30)
        self.openssl('req', '-x509', *self.NEW, '-keyout', 'old.key', '-out', 'old.pem', '-days', '2', '-subj', '/CN=old')
        server.stop()
        self.serve(fine, 2050)
        live.wait_for(lambda: self.value(agent, 'global.limits.max_memory') == '2050', 90)
        self.captures(agent, 20000)


if __name__ == '__main__':
    weir.main()
