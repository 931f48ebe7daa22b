#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What agents report becomes others' tables: over both dialects, over restarts, whatever hostile ones send; and clusters."""
import json
import os
import sys
import zlib

import live
import weir

try:
    import rpc_codec
    from controller_live import Controller, ControllerCase, Peer, wait_for
    from controllers import number, text
    from sync_live import SyncAgentCase
except ModuleNotFoundError as e:
    print(f'SKIP: {e}')
    sys.exit(77)

LAN, WAN = 4, 3
DIALECTS = ('agent', 'trident')


def mac(n):
    return f'02:00:00:00:00:{n:02x}'


class Reporter(Peer):
    """Agent `n`: 10.9.0.N, 02:00:00:00:00:N."""

    def __init__(self, case, controller, n, dialect='agent', **more):
        super().__init__(case, controller, dialect, f'10.9.0.{n}', mac(n), **more)
        self.case, self.controller, self.n, self.id = case, controller, n, 0

    def sync(self, **values):
        answer = super().sync(**values)
        own = self.own(answer) if 'dynamic_config' in answer or 'config' in answer else {}
        self.id = own.get('agent_id') or self.id
        return answer

    def again(self):
        """-> the same agent, over a new connection."""
        new = Reporter(self.case, self.controller, self.n, self.dialect)
        new.held, new.id = self.held, self.id
        return new

    def genesis(self, version, platform=None, **more):
        """-> the version it is answered with. `platform`: values, or bytes."""
        values = {'version': version, 'source_ip': self.ip,
                  'agent_id' if self.dialect == 'agent' else 'vtap_id': self.id, **more}
        if self.dialect == 'agent':
            values.setdefault('agent_info', {'ip': self.ip, 'mac': self.mac})
        data = rpc_codec.encode(self.dialect, 'GenesisSyncRequest', values)
        if platform is not None:
            if isinstance(platform, dict):
                platform = rpc_codec.encode(self.dialect, 'GenesisPlatformData', platform)
            data += text(9, platform)
        answer = rpc_codec.decode(self.dialect, 'GenesisSyncResponse', self.bytes('GenesisSync', data))
        return answer.get('version', 0)

    def says(self, version, *interfaces):
        """Each one (MAC, name, addresses ...)."""
        return self.genesis(version, {'raw_hostname': 'h', 'interfaces': [
            {'mac': m, 'name': name, 'ip': list(ips), 'tap_index': i} for i, (m, name, *ips) in enumerate(interfaces)]})

    def tables(self):
        """-> {MAC: interface}, CIDRs, of what it gets now, as if it held nothing."""
        answer = self.sync(version_platform_data=0)
        data = rpc_codec.decode(self.dialect, 'PlatformData', answer['platform_data'])
        return {i['mac']: i for i in data.get('interfaces', [])}, data.get('cidrs', [])

    def has(self, *macs):
        """Until it gets exactly these: -> their interfaces."""
        def is_so():
            nonlocal got
            got = self.tables()[0]
            return set(got) == set(macs)
        got = {}
        try:
            wait_for(is_so)
        except AssertionError as e:
            raise AssertionError(f'{[hex(m) for m in macs]} were waited for, it has {[hex(m) for m in got]}') from e
        return got


class TablesTest(ControllerCase):
    def setUp(self):
        super().setUp()
        self.c = Controller(self)

    def reporter(self, n, dialect='agent'):
        r = Reporter(self, self.c, n, dialect)
        r.sync()
        return r

    def test_what_one_reports_another_gets_in_either_dialect(self):
        for i, (says, hears) in enumerate((a, b) for a in DIALECTS for b in DIALECTS):
            with self.subTest(says=says, hears=hears):
                one, two = self.reporter(10 + i, says), self.reporter(20 + i, hears)
                m = 0x0a0000000000 + i
                self.assertEqual(one.says(7, (m, 'eth0', f'10.1.{i}.3/24', '8.8.4.4/29')), 7)
                wait_for(lambda: m in two.tables()[0])
                interfaces, cidrs = two.tables()
                row = interfaces[m]
                self.assertEqual(two.own(two.sync())['region_id'], row['region_id'])  # of another region MACs say nothing
                ip = {'ip': f'10.1.{i}.3', 'masklen': 24}
                self.assertEqual({k: row[k] for k in ('if_type', 'epc_id', 'region_id', 'mac', 'device_type')},
                                 {'if_type': LAN, 'epc_id': 1, 'region_id': 1, 'mac': m, 'device_type': 1})
                self.assertEqual([{k: r[k] for k in ip} for r in row['ip_resources']], [ip])
                wan = interfaces[0]
                self.assertEqual((wan['if_type'], [r['ip'] for r in wan['ip_resources']]), (WAN, ['8.8.4.4']))
                self.assertIn(f'10.1.{i}.0/24', [c['prefix'] for c in cidrs])
                one.genesis(8, {'interfaces': []})

    def test_ones_own_macs_are_in_the_segment_of_that_agent_only(self):
        one, two = self.reporter(1), self.reporter(2, 'trident')
        one.says(7, (0x020000000001, 'eth0'), (0x0a0000000001, 'eth1'))
        two.has(0x020000000001, 0x0a0000000001)
        segments = one.sync()['local_segments']
        self.assertEqual([(s['mac'], s['vmac']) for s in segments], [([mac(1), '0a:00:00:00:00:01'],) * 2])
        self.assertEqual(two.sync().get('local_segments', []), [])

    def test_versions_are_the_same_after_a_restart_and_nothing_is_sent_anew(self):
        one, two = self.reporter(1), self.reporter(2)
        one.says(7, (0x020000000001, 'eth0', '10.1.0.1/24'))
        two.has(0x020000000001)
        held = two.hold(two.sync(version_platform_data=0))
        for end in (self.c.stop, self.c.kill):
            end()
            self.c.start()
            one, two = one.again(), two.again()
            answer = two.sync()
            self.assertEqual(answer['version_platform_data'], held['version_platform_data'])
            self.assertNotIn('platform_data', answer)
            self.assertEqual(one.genesis(7), 7)  # a heartbeat is enough

    def test_a_change_comes_with_bytes_and_by_push(self):
        one, two = self.reporter(1), self.reporter(2)
        two.hold(two.sync())
        push = two.push()
        push.next()
        one.says(7, (0x020000000001, 'eth0', '10.1.0.1/24'))
        said = push.next()
        self.assertGreater(said['version_platform_data'], two.held['version_platform_data'])
        self.assertIn('platform_data', said)

    def test_rows_leave_with_their_agent(self):
        one, two = self.reporter(1), self.reporter(2)
        one.says(7, (0x020000000001, 'eth0'))
        two.has(0x020000000001)
        gone = self.c.agent('10.9.0.1')
        self.c.http('DELETE', f'/v1/vtaps/{gone["LCUUID"]}/')
        two.has()
        one.id = 0
        self.assertEqual(one.genesis(7), 0)

    def test_who_reports_before_it_is_registered_is_heard_when_it_is(self):
        one, two = Reporter(self, self.c, 1), self.reporter(2)
        one.says(7, (0x020000000001, 'eth0'))
        one.sync()
        two.has(0x020000000001)

    def test_an_address_that_ip_has_printed_is_reported_by_deepflows_agents(self):
        one, two = self.reporter(1), self.reporter(2)
        one.genesis(7, {'raw_ip_netns': ['default'], 'raw_ip_addrs': [
            '2: eth0: <BROADCAST,UP> mtu 1500\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n'
            '    inet 10.1.0.1/24 brd 10.1.0.255 scope global eth0\n']})
        row = two.has(0x020000000001)[0x020000000001]
        self.assertEqual([r['ip'] for r in row['ip_resources']], ['10.1.0.1'])

    # ---- what hostile ones send

    def hostile(self, why, call, *arguments, **more):
        """It is refused, with a line in the log that says why; what was there stays."""
        before = self.c.text().count(why)
        try:
            self.assertEqual(call(*arguments, **more), 0)
        except Exception as e:  # refused before it is read
            if 'StatusCode' not in repr(e):
                raise
            self.assertIn(why, str(e))
            return
        self.assertGreater(self.c.text().count(why), before, self.c.text()[-2000:])

    def test_reports_that_make_no_sense_are_refused_by_name(self):
        one, two = self.reporter(1), self.reporter(2)
        one.says(7, (0x020000000001, 'eth0', '10.1.0.1/24'))
        two.has(0x020000000001)
        version = two.sync()['version_platform_data']
        self.hostile('MAC 0x1020000000001 is longer than 48 bits', one.says, 8, (0x1020000000001, 'eth0'))
        for ip in ('10.0.0.1/-1', 'fd00::1/129', "'; DROP TABLE agent;--", '<script>'):
            self.hostile('this is no address', one.says, 8, (0x020000000001, 'eth0', ip))
        self.hostile('more than 8192 interfaces', one.genesis, 8, text(32, number(1, 1) + text(3, 'eth0')) * 8193)
        self.hostile('at most 4194304 of one reporter', one.genesis, 8, text(32, number(1, 1) + text(3, 'x' * 250)) * 20000)
        self.hostile('longer than 255 bytes', one.says, 8, (1, 'x' * 300))
        self.assertEqual(one.genesis(8), 7)
        self.assertEqual(two.sync()['version_platform_data'], version)
        two.has(0x020000000001)

    def test_garbage_and_negative_lengths_are_refused_and_the_controller_goes_on(self):
        one, two = self.reporter(1), self.reporter(2)
        head = rpc_codec.encode('agent', 'GenesisSyncRequest',
                                {'version': 8, 'agent_id': one.id, 'agent_info': {'ip': one.ip, 'mac': one.mac}})
        for bad in (b'\xff' * 40, b'\x4a' + b'\xff' * 9 + b'\x01', text(9, b'\x82\x02' + b'\xff' * 9 + b'\x01')):
            with self.assertRaises(Exception) as e:
                one.bytes('GenesisSync', head + bad)
            self.assertIn('INVALID_ARGUMENT', str(e.exception))
        self.assertEqual(one.says(9, (0x020000000001, 'eth0')), 9)
        two.has(0x020000000001)

    def test_ten_megabytes_of_interfaces_are_refused(self):
        one, two = self.reporter(1), self.reporter(2)
        one.says(7, (0x020000000001, 'eth0'))
        two.has(0x020000000001)
        for platform in (text(32, number(1, 0x020000000001) + text(3, 'eth0')) * 700000, text(32, b'') * 3500000):
            self.assertGreater(len(platform), 10 << 20)
            try:
                self.assertEqual(one.genesis(8, platform), 0)
            except Exception as e:
                self.assertIn('RESOURCE_EXHAUSTED', str(e))
        self.assertEqual(one.genesis(8), 7)
        two.has(0x020000000001)

    def test_who_says_it_is_another_is_not_heard(self):
        one, two, three = self.reporter(1), self.reporter(2), self.reporter(3, 'trident')
        one.says(7, (0x020000000001, 'eth0'))
        two.has(0x020000000001)
        lie = {'interfaces': [{'mac': 0x0666, 'name': 'eth0'}]}
        for liar, more in ((two, {'agent_info': {'ip': one.ip, 'mac': one.mac}}), (three, {'source_ip': one.ip})):
            try:
                self.assertEqual(liar.genesis(8, lie, **more), 0)
            except Exception as e:
                self.assertIn('StatusCode', repr(e))
        two.says(7, (0x020000000002, 'eth0'), (0x020000000001, 'liar'), (0x0a0000000001, 'liar', '10.9.0.1/24'))
        got = three.has(0x020000000001, 0x020000000002, 0x0a0000000001)
        self.assertEqual(got[0x020000000001]['id'] >> 16, one.id)
        self.assertEqual(got[0x0a0000000001].get('ip_resources', []), [])


def pod(name):
    return {'type': '*v1.Pod', 'compressed_info': zlib.compress(json.dumps({'metadata': {'name': name, 'uid': name}}).encode())}


class ClustersTest(ControllerCase):
    """The table of control plane, 4.7, over the wire; the unit test has each of its rows."""

    def setUp(self):
        super().setUp()
        self.c = Controller(self)

    def watcher(self, dialect, n=1):
        w = Reporter(self, self.c, n, dialect)
        w.sync(kubernetes_cluster_id='d-0123456789', kubernetes_cluster_name='one')
        return w

    def says(self, w, version, entries=(), error='', **more):
        return w.call('KubernetesAPISync', {'cluster_id': 'd-0123456789', 'version': version, 'error_msg': error,
                                            'vtap_id' if w.dialect == 'trident' else 'agent_id': w.id, 'source_ip': w.ip,
                                            'entries': list(entries), **more})

    def domain(self, **want):
        """Until it is so: -> the domain."""
        def is_so():
            nonlocal d
            d = next(d for d in self.c.http('GET', '/v2/domains/') if d['CLUSTER_ID'] == 'd-0123456789')
            return d if all(want[k] == d[k] for k in want) else None
        d = None
        try:
            return wait_for(is_so)
        except AssertionError as e:
            raise AssertionError(f'{want}: {d}') from e

    def test_versions_are_answered_as_watchers_expect_in_either_dialect(self):
        for dialect, n in (('agent', 1), ('trident', 2)):
            with self.subTest(dialect):
                w = self.watcher(dialect, n)
                start = 1000 * n
                self.assertNotEqual(self.says(w, start).get('version', 0), start)
                self.assertEqual(self.says(w, start, [pod('a')]), {'version': start})
                self.assertEqual(self.says(w, start), {'version': start})
                self.assertEqual(self.says(w, start + 1), {'version': start})
                self.assertEqual(self.says(w, start + 1, [pod('a'), pod('b')]), {'version': start + 1})
                self.assertEqual(self.says(w, 0, [pod('a')]), {})
                self.assertEqual(self.says(w, 5, [pod('a')], cluster_id=''), {})
                w.id = 0
                self.assertEqual(self.says(w, start + 2, [pod('a')]), {})

    def test_a_restart_asks_for_nothing(self):
        w = self.watcher('agent')
        self.says(w, 7, [pod('a')])
        self.domain(STATE=1, ERROR_MSG='')
        self.c.stop()
        self.c.start()
        self.assertEqual(self.says(w.again(), 7), {'version': 7})

    def test_errors_and_damage_are_shown_at_the_domain(self):
        w = self.watcher('agent')
        self.says(w, 7, [pod('a')])
        self.domain(STATE=1, ERROR_MSG='')
        self.says(w, 7, error='v1/pods watcher is not ready')
        self.domain(STATE=4, ERROR_MSG='v1/pods watcher is not ready')
        self.says(w, 7)
        self.domain(STATE=1, ERROR_MSG='')
        cut = pod('b')
        cut['compressed_info'] = cut['compressed_info'][:-3]
        self.says(w, 8, [pod('a'), cut])
        self.assertIn('*v1.Pod is damaged', self.domain(STATE=4)['ERROR_MSG'])
        blown = {'type': '*v1.ConfigMap', 'compressed_info': zlib.compress(bytes(64 << 20), 9)}
        self.says(w, 9, [blown])
        wait_for(lambda: '*v1.ConfigMap is too large' in self.domain(STATE=4)['ERROR_MSG'])
        self.says(w, 10, [pod('a')])
        self.domain(STATE=1, ERROR_MSG='')


class AgentTest(SyncAgentCase):
    """weir's own agent beside its controller, in a network namespace of a test."""

    def test_interfaces_of_a_running_agent_are_in_the_tables_of_another(self):
        self.ip(self.here, 'link', 'set', 'cap', 'address', '02:00:00:00:0a:01')
        self.ip(self.here, 'addr', 'add', '10.77.0.1/24', 'dev', 'cap')
        c = Controller(self, command=('ip', 'netns', 'exec', self.here))
        conf = self.conf('{ name = "edge"; ports = [ "cap" ]; }',
                         f'controller = {{ address = "127.0.0.1"; port = {c.grpc_port}; }};')
        agent = self.agent(conf, command=('env', f'STATE_DIRECTORY={self.dir}/agent'))
        other = ('import json, sys, unittest; sys.path.insert(0, sys.argv[1]); import controller_inventory_test as t\n'
                 'case = unittest.TestCase(); case.enterContext = None\n'
                 'class C: target = sys.argv[2]\n'
                 'r = t.Reporter(case, C, 9); print(json.dumps(r.tables())); case.doCleanups()')

        def there():
            out = self.sh('ip', 'netns', 'exec', self.here, '/usr/bin/python3', '-B', '-c', other,
                          os.path.dirname(os.path.abspath(__file__)), c.target)
            interfaces, cidrs = json.loads(out)
            return (interfaces, cidrs) if str(0x020000000a01) in interfaces else None
        try:
            interfaces, cidrs = live.wait_for(there, 40)
        except AssertionError as e:
            raise AssertionError(f'{agent.text()}\n{c.text()}') from e
        row = interfaces[str(0x020000000a01)]
        self.assertEqual([(r['ip'], r['masklen']) for r in row['ip_resources']], [('10.77.0.1', 24)])
        self.assertEqual([x['prefix'] for x in cidrs], ['10.77.0.0/24'])


if __name__ == '__main__':
    weir.main()
