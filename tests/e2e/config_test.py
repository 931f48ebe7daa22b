#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weirctl config and reload: of an agent that runs, and where none does."""
import csv
import io
import json
import os
import time

import live
import weir

CTL = weir.CTL
TIMEOUTS = 'processors.flow_log.conntrack.timeouts.'


class WithoutAgent(weir.Case):
    def test_a_setting_is_explained_by_any_of_its_names(self):
        said = [weir.run(CTL, 'config', 'explain', name, '--socket', self.dir + '/none', '-o', 'json').stdout
                for name in ('inputs.cbpf.common.capture_mode', 'tap_mode', 'capture_mode')]
        self.assertEqual(said[0], said[1])
        self.assertEqual(said[0], said[2])
        row = json.loads(said[0])[0]
        self.assertEqual((row['old_names'], row['value'], row['configuration']), ('tap_mode', None, 'group'))
        self.assertIn('analyzer (2)', row['allowed'])
        p = weir.run(CTL, 'config', 'explain', 'static_config.flow.others-timeout', '--socket', self.dir + '/none')
        self.assertEqual(p.returncode, weir.OK)
        for words in (TIMEOUTS + 'others', 'duration, 1s to 1d', 'no agent was asked', 'live'):
            self.assertIn(words, p.stdout)

    def test_a_name_that_is_none_gets_the_nearest_one(self):
        for name, meant in (('capture_mod', 'capture_mode'), ('inputs.cbpf.comon.capture_mode', 'inputs.cbpf.common.capture_mode'),
                            ('flow.capacty', 'capacity')):
            p = weir.run(CTL, 'config', 'explain', name)
            self.assertEqual(p.returncode, 4, name)
            self.assertIn('did you mean ' + meant, p.stderr)

    def test_every_setting_of_the_reference_is_explained(self):
        with open(os.path.join(weir.BUILD, 'config', 'settings.md')) as f:
            names = [line.split('`')[1] for line in f if line.startswith('| `')]
        names = [n for n in names if n not in ('dev',)][::7]  # a sample: each is a process
        self.assertGreater(len(names), 20)
        for name in names:
            p = weir.run(CTL, 'config', 'explain', name, '--socket', self.dir + '/none')
            self.assertEqual(p.returncode, weir.OK, name + p.stderr)

    def test_a_replay_passes_on_the_records_that_a_group_wants(self):
        lines = {}
        for name, more in (('all', ''), ('none', 'l4_log_tap_types: [-1]'), ('of_3', 'l4_log_tap_types: [3]'), ('of_4', 'l4_log_tap_types: [4]'),
                           ('of_s', 'l4_log_ignore_tap_sides: [rest, c]')):
            group = self.file('group.yaml', f'tap_mode: 2\n{more}\n'.encode())
            lines[name] = weir.flows('--sorted', '--group-config', group, weir.data('quickstart.pcap'))
        self.assertEqual(lines['all'], lines['of_3'])
        self.assertGreater(len(lines['all']), 5)
        self.assertEqual((lines['none'], lines['of_4'], lines['of_s']), ([], [], []))

    def test_behind_a_gateway_a_connection_is_one_flow_whatever_its_mac_addresses(self):
        frames = live.conversation(1)
        there = lambda f: b'\x02\0\0\0\0\1\x02\0\0\0\0\2' + f[12:]
        back = lambda f: b'\x02\0\0\0\0\4\x02\0\0\0\0\3' + f[12:]  # another hop: not the same two
        capture = self.file('gateway.pcap', weir.pcap([(1 + i / 100, (there if f[26:30] == frames[0][26:30] else back)(f))
                                                       for i, f in enumerate(frames)]))
        for mode, gateway, n in ((2, 'false', 2), (2, 'true', 1), (1, 'true', 1), (0, 'true', 2)):
            text = f'tap_mode: {mode}\nstatic_config: {{cloud-gateway-traffic: {gateway}, flow: {{ignore-l2-end: true}}}}\n'  # both MACs
            records = weir.flows('--group-config', self.file('group.yaml', text.encode()), capture)
            self.assertEqual([len(records), sum(r['packet_tx'] + r['packet_rx'] for r in records)], [n, 7], text)

    def test_a_plan_needs_an_agent_but_its_mistakes_do_not(self):
        good, bad = self.file('good.yaml', b'tap_mode: 2'), self.file('bad.yaml', b'tap_mode: 2\nmax_memry: 7\n')
        p = weir.run(CTL, 'config', 'plan', '-f', good, '--socket', self.dir + '/none')
        self.assertEqual(p.returncode, 6)
        p = weir.run(CTL, 'config', 'plan', '-f', bad, '--socket', self.dir + '/none')
        self.assertEqual((p.returncode, p.stdout), (weir.INVALID, ''))
        self.assertIn(f'{bad}:2:1: max_memry: is not a setting; did you mean max_memory', p.stderr)
        self.assertEqual(weir.run(CTL, 'config', 'plan').returncode, weir.USAGE)


class WithoutMemory(live.LiveCase):
    def test_a_change_for_which_memory_runs_out_holds_whole_or_not_at_all(self):
        self.veth('cap2', 'snd2')
        left = self.file('left', bytes(8))

        def write(second):
            """One of two configurations, which differ in ports, in filters and in what flows are made of."""
            ports, tcp = ('"cap", "cap2"', '7s') if second else ('"cap"', '5s')
            self.file('group.yaml', f'processors: {{flow_log: {{conntrack: {{timeouts: {{others: {tcp}}}}}}}}}\n'
                      f'inputs: {{cbpf: {{common: {{capture_mode: {"mirror" if second else "analyzer"}}}}}}}\n'.encode())
            return self.conf(f'{{ name = "edge"; ports = [ {ports} ]; filter = "{"tcp" if second else ""}"; }}')

        def holds(second):
            value = next(v['value'] for v in agent.data('config')['values'] if v['key'] == TIMEOUTS + 'others')
            ports = {p['name']: p['filter'] == 'tcp' for p in agent.data('ports')['ports']}
            return (value, ports) == (('7s', {'cap': True, 'cap2': True}) if second else ('5s', {'cap': False}))

        def reload(n):
            with open(left, 'r+b') as f:
                f.write(n.to_bytes(8, 'little'))
            agent.reload()
            with open(left, 'r+b') as f:
                rest = int.from_bytes(f.read(8), 'little')
                f.seek(0)
                f.write(bytes(8))
            return rest
        path = write(False)
        shim = os.path.join(weir.BUILD, 'tests/e2e/libno_memory.so')
        agent = self.agent(path, command=(*self.machine({'/proc/loadavg': b'0.01 0.01 0.01 1/100 1\n'}), 'env',
                                          f'LD_PRELOAD={shim}', f'NO_MEMORY={left}'),
                           more=('--group-config', os.path.join(self.dir, 'group.yaml')))
        live.wait_for(lambda: holds(False))
        write(True)
        requests = 10**6 - reload(10**6)
        live.wait_for(lambda: holds(True))
        self.assertGreater(requests, 100)
        taken, second = 0, True
        for n in range(requests, requests // 3, -1):  # before that the box's file is read, by a library that ends the program
            write(not second)
            reload(n)
            refused = agent.data('status')['group']['refused']
            second = second if refused else not second
            taken += not refused
            live.wait_for(lambda: holds(second), 10)
        self.assertGreater(taken, 0)
        self.assertRegex(agent.text(), 'no memory (for the settings of flows|to compare configurations)')
        self.assertEqual(agent.stop(), weir.OK)


class WithAgent(live.LiveCase):
    def ctl(self, *words):
        return weir.run(CTL, *words, '--socket', self.socket)

    def rows(self, *words):
        p = self.ctl(*words, '-o', 'json')
        self.assertEqual(p.returncode, weir.OK, p.stderr)
        return json.loads(p.stdout)

    def begin(self, text):
        self.group = self.file('group.yaml', text)
        return self.agent(self.conf('{ name = "edge"; ports = [ "cap" ]; }'), more=('--group-config', self.group))

    def test_values_have_an_origin_and_a_time_and_a_reload_changes_only_those_it_changes(self):
        begun = time.time()
        self.begin(b'# mine\nprocessors: {flow_log: {conntrack: {timeouts: {others: 50s, closing_rst: 20s}}}}\n')
        rows = {r['key']: r for r in self.rows('config', 'show')}
        self.assertEqual(set(rows), {TIMEOUTS + 'others', TIMEOUTS + 'closing_rst'})
        others = rows[TIMEOUTS + 'others']
        self.assertEqual((others['value'], others['origin'], others['revision']), ('50s', self.group + ':2', 0))
        self.assertLess(abs(others['since_us'] / 1e6 - begun), 30)
        everything = self.rows('config', 'show', '--effective')
        self.assertGreater(len(everything), 200)
        self.assertIn(('outputs.npb.max_mtu', '1500', 'default'), [(r['key'], r['value'], r['origin']) for r in everything])
        self.file('group.yaml', b'processors: {flow_log: {conntrack: {timeouts: {others: 40s, closing_rst: 20s}}}}\n')
        changes = [r['change'] for r in self.rows('reload')]
        self.assertEqual(changes, [TIMEOUTS + 'others: 50s -> 40s: live'])
        after = {r['key']: r for r in self.rows('config', 'show')}
        self.assertGreater(after[TIMEOUTS + 'others']['since_us'], others['since_us'])
        self.assertEqual(after[TIMEOUTS + 'closing_rst']['since_us'], rows[TIMEOUTS + 'closing_rst']['since_us'])
        row = self.rows('config', 'explain', TIMEOUTS + 'others')[0]
        self.assertEqual((row['value'], row['origin'], row['default']), ('40s', self.group + ':1', '5s'))

    def test_a_plan_may_be_as_long_as_a_configuration_may_be(self):
        self.begin(b'tap_mode: 2\n')
        names = '\n'.join(f'  - plugin-{i:0100}' for i in range(8000))
        plan = self.file('plan.yaml', f'so_plugins:\n{names}\nmtu: 600\ncapture_bpf: "tcp prt 80"\n'.encode())
        self.assertGreater(os.path.getsize(plan), 800000)
        p = self.ctl('config', 'plan', '-f', plan)  # a mistake that only the agent finds
        self.assertEqual(p.returncode, weir.INVALID, p.stderr)
        self.assertIn(f'{plan}:8003: inputs.cbpf.af_packet.extra_bpf_filter: ', p.stderr)
        plan = self.file('plan.yaml', f'so_plugins:\n{names}\nmtu: 600\ncapture_bpf: "tcp port 80"\n'.encode())
        rows = {r['key']: r for r in self.rows('config', 'plan', '-f', plan)}
        self.assertEqual(rows['outputs.npb.max_mtu']['new'], '600')
        self.assertEqual(rows['inputs.cbpf.af_packet.extra_bpf_filter']['effect'], 'live')

    def test_a_plan_says_what_would_happen_and_nothing_does(self):
        self.begin(b'tap_mode: 2\n')
        plan = self.file('plan.yaml', b'tap_mode: 2\nmtu: 600\nstatic_config:\n  server-ports: [443]\n'
                                      b'  flow: {others-timeout: 7s, flow-count-limit: 1024}\n')
        want = [('processors.flow_log.conntrack.flow_generation.server_ports', '[]', '[443]', 'live, ends flows', 4),
                (TIMEOUTS + 'others', '5s', '7s', 'live', 5),
                ('processors.flow_log.tunning.concurrent_flow_limit', '65535', '1024', 'rebuild', 5),
                ('outputs.npb.max_mtu', '1500', '600', 'no effect yet', 2)]
        rows = self.rows('config', 'plan', '-f', plan)
        self.assertEqual([tuple(r[k] for k in ('key', 'old', 'new', 'effect', 'line')) for r in rows], want)
        table = self.ctl('config', 'plan', '-f', plan).stdout
        self.assertIn('no effect yet', table)
        cells = list(csv.reader(io.StringIO(self.ctl('config', 'plan', '-f', plan, '-o', 'csv').stdout)))
        self.assertEqual(cells[0], ['key', 'old', 'new', 'effect', 'line'])
        self.assertEqual(cells[2][1:3], ['5s', '7s'])
        self.assertEqual(self.rows('config', 'plan', '-f', self.group), [])
        self.assertEqual(self.rows('config', 'plan', '-f', plan), rows)

    def test_what_quotes_half_a_character_is_said_all_the_same(self):
        agent = self.begin(b'tap_mode: 2\n')
        wrong = f'tap_mode: x{"é" * 40}\n'  # messages quote 60 bytes of a value
        self.assertIn('is not known', agent.data('check', text=wrong)['mistakes'][0]['message'])
        self.file('group.yaml', wrong.encode())
        agent.ask('reload')
        self.assertIn('is not known', agent.data('config')['group']['refused']['reason'])
        status = agent.data('status')
        self.assertIn('is not known', status['group']['refused']['reason'])
        self.assertEqual([h['object'] for h in status['hops'] if h['hop'] == 'config'], ['group'])
        self.file('group.yaml', f'tap_mode: 2\ntap_interface_regex: x{"é" * 200}\n'.encode())
        changes = [r['change'] for r in self.rows('reload')]
        self.assertEqual([c.split(':')[0] for c in changes], ['inputs.cbpf.af_packet.interface_regex'])

    def test_what_only_the_agent_knows_is_wrong_has_the_line_of_the_file(self):
        self.begin(b'tap_mode: 2\n')
        plan = self.file('plan.yaml', b'# a comment\nmtu: 600\ntap_interface_regex: "("\nstatic_config: {flow: {flow-count-limit: 70000}}\n'
                                      b'capture_bpf: tcp prt 80\n')
        p = self.ctl('config', 'plan', '-f', plan)
        self.assertEqual((p.returncode, p.stdout), (weir.INVALID, ''))
        for place in (f'{plan}:3: inputs.cbpf.af_packet.interface_regex: ', f'{plan}:5: inputs.cbpf.af_packet.extra_bpf_filter: '):
            self.assertIn(place, p.stderr)
        plan = self.file('plan.yaml', b'static_config: {flow: {flow-count-limit: 70000}}\n')
        p = self.ctl('config', 'plan', '-f', plan)
        self.assertEqual(p.returncode, weir.INVALID)
        self.assertIn('allowed are 65536', p.stderr)

    def test_a_refused_file_is_exit_3_and_show_says_so_beside_what_is_in_force(self):
        self.begin(b'tap_mode: 2\n')
        self.file('group.yaml', b'tap_mode: 9\n')
        p = self.ctl('reload')
        self.assertEqual((p.returncode, p.stdout), (weir.INVALID, ''))
        self.assertIn('the old one stays', p.stderr)
        p = self.ctl('config', 'show')
        self.assertEqual(p.returncode, weir.OK)
        self.assertIn('"analyzer"', p.stdout)
        self.assertIn('is refused: ', p.stderr)
        hop = next(h for h in self.rows('status')['hops'] if h['hop'] == 'config')
        self.assertEqual(hop['state'], 'warn')
        self.assertIn('tap_mode', hop['detail'])


if __name__ == '__main__':
    weir.main()
