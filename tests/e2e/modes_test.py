#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A running agent whose group changes: its capture mode while packets flow, and which interfaces it captures."""
import contextlib
import json
import os
import resource
import subprocess
import time

import live
import weir

NAMED = 'inputs: {cbpf: {af_packet: {interface_regex: "%s"}, common: {capture_mode: %s}}}\n'


def tagged(frame, vlan):
    """-> the frame with an 802.1Q tag of priority 0."""
    return frame[:12] + b'\x81\0' + vlan.to_bytes(2, 'big') + frame[12:]


class Group(live.LiveCase):
    def begin(self, text, more=''):
        self.file('group.yaml', text.encode())
        return self.agent(self.conf('', more), more=('--group-config', self.dir + '/group.yaml'))

    def group(self, agent, text):
        """-> the changes a reload tells of."""
        self.file('group.yaml', text.encode())
        return agent.data('reload')['changes']

    def names(self, agent):
        return sorted(p['name'] for p in agent.data('ports')['ports'] if p['state'] == 'up')

    def test_modes_switch_while_packets_flow_and_none_is_lost(self):
        # VLAN 5 is network 7 of an analyzer; for the other modes everything is the cloud's, 3.
        agent = self.begin(NAMED % ('^cap$', 'analyzer'), 'vlan_map = ( { vlan = 5; type = 7; } );')
        agent.wait_port('cap', state='up')
        frames = [tagged(f, 5) for f in live.conversation(1000)]
        path = self.file('flow.pcap', weir.pcap([(1.0, f) for f in frames]))
        sender = subprocess.Popen(['ip', 'netns', 'exec', self.there, 'tcpreplay', '-i', 'snd', '--pps', '2000', '--loop', '2', path],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(sender.wait)
        self.addCleanup(sender.terminate)
        for mode in ('mirror', 'local', 'analyzer', 'mirror', 'analyzer', 'local'):
            time.sleep(0.8)
            self.assertIsNone(sender.poll(), 'packets did not flow')
            changes = self.group(agent, NAMED % ('^cap$', mode))
            self.assertTrue(any(f'-> "{mode}": live, ends flows' in c for c in changes), changes)
            self.assertFalse(any('opened again' in c for c in changes), changes)
        self.assertEqual(sender.wait(60), 0)
        p = self.wait_received(agent, 14000)
        self.assertEqual((p['received'], p['missed'], self.kernel_received()), (14000, 0, 14000))
        self.assert_port_conserved(p)
        self.assertEqual(agent.stop(), weir.OK)
        packets = dict(self.rows('SELECT capture_network_type_id, sum(packet_tx + packet_rx) FROM flow GROUP BY 1'))
        self.assertEqual(set(packets), {3, 7})
        self.assertEqual(sum(packets.values()), p['outcomes']['flow']['packets'])
        for network, share in packets.items():
            self.assertGreater(share, 1000, network)
        ended = self.rows('SELECT count(DISTINCT close_type) FROM flow WHERE close_type = 5')
        self.assertEqual(ended, [(1,)])  # some flow was cut by a change

    def test_as_many_others_have_their_places_once_those_before_are_closed(self):
        for i in range(40):
            for kind in 'xy':
                self.ip(self.here, 'link', 'add', 'name', f'{kind}{i}', 'type', 'veth', 'peer', 'name', f'peer{kind}{i}')
                self.ip(self.here, 'link', 'set', f'{kind}{i}', 'up')
                self.ip(self.here, 'link', 'set', f'peer{kind}{i}', 'up')
        tap = lambda kind: self.conf('{ name = "edge"; memory_mib = 2; ports = [ %s ]; }' % ', '.join(f'"{kind}{i}"' for i in range(40)))
        agent = self.agent(tap('x'))
        live.wait_for(lambda: len(self.names(agent)) == 40)
        tap('y')
        agent.reload()
        live.wait_for(lambda: self.names(agent) == sorted(f'y{i}' for i in range(40)), 30)

    def test_a_local_agent_keeps_what_comes_twice_and_a_mirror_does_not(self):
        twice = [f for f in live.conversation(10) for _ in range(2)]
        agent = self.begin(NAMED % ('^cap$', 'local'))
        agent.wait_port('cap', state='up')
        self.send(twice)
        self.assertEqual(self.wait_received(agent, 140)['outcomes']['duplicate']['packets'], 0)
        self.group(agent, NAMED % ('^cap$', 'mirror'))
        self.send([f for f in live.conversation(10, sport=30000) for _ in range(2)])
        self.assertEqual(self.wait_received(agent, 280)['outcomes']['duplicate']['packets'], 70)

    def test_interfaces_are_chosen_by_their_names_and_followed(self):
        self.veth('cap2', 'snd2')
        self.veth('other', 'snd3')
        agent = self.begin(NAMED % ('^cap', 'local'))
        live.wait_for(lambda: self.names(agent) == ['cap', 'cap2'])
        self.send(live.conversation(10), 'snd2')
        taps = {p['name']: p['tap_number'] for p in agent.data('ports')['ports']}
        self.wait_received(agent, 70, 'cap2')
        self.veth('cap3', 'snd4')  # one comes
        live.wait_for(lambda: self.names(agent) == ['cap', 'cap2', 'cap3'])
        self.send(live.conversation(10), 'snd4')
        self.wait_received(agent, 70, 'cap3')
        self.ip(self.here, 'link', 'del', 'cap2')  # one goes, and others stay what they are
        live.wait_for(lambda: self.names(agent) == ['cap', 'cap3'])
        self.assertEqual(agent.port('cap')['tap_number'], taps['cap'])
        self.assertEqual(agent.port('cap3')['received'], 70)
        self.veth('cap2', 'snd2')  # and returns, as the same tap
        live.wait_for(lambda: self.names(agent) == ['cap', 'cap2', 'cap3'])
        self.assertEqual(agent.port('cap2')['tap_number'], taps['cap2'])
        self.group(agent, NAMED % ('^(other|cap3)$', 'local'))
        live.wait_for(lambda: self.names(agent) == ['cap3', 'other'])
        self.group(agent, 'tap_interface_regex: ""\n')  # the older name; nothing
        live.wait_for(lambda: self.names(agent) == [])
        self.group(agent, 'tap_interface_regex: ca[p]\n')
        live.wait_for(lambda: self.names(agent) == ['cap', 'cap2', 'cap3'])
        self.assertEqual(agent.stop(), weir.OK)

    def test_an_interface_may_be_called_what_is_no_text(self):
        self.ip(self.here, 'link', 'add', 'name', 'd\udcff', 'type', 'veth', 'peer', 'name', 'dsnd')  # the byte 0xff
        self.ip(self.here, 'link', 'set', 'd\udcff', 'up')
        self.ip(self.here, 'link', 'set', 'dsnd', 'up')
        agent = self.begin(NAMED % ('^(cap|d[^s])', 'local'))
        live.wait_for(lambda: self.names(agent) == ['cap', 'd?'])
        self.assertEqual(sorted(h['object'] for h in agent.data('status')['hops'] if h['hop'] == 'link'), ['cap', 'd?'])

    def test_a_group_s_filter_changes_while_packets_flow_and_those_of_both_are_not_lost(self):
        regex = 'tap_interface_regex: ^cap$\ncapture_bpf: "%s"\n'
        agent = self.begin(regex % 'tcp')
        agent.wait_port('cap', state='up')
        sender = self.flow(2500, 2)
        for text in ('tcp or udp', 'ip and not udp port 53', '', 'tcp'):
            time.sleep(0.6)
            self.assertIsNone(sender.poll(), 'packets did not flow')
            changes = self.group(agent, regex % text)
            self.assertTrue(any('extra_bpf_filter' in c and c.endswith(': live') for c in changes), changes)
            self.assertFalse(any('opened again' in c for c in changes), changes)
        self.assertEqual(sender.wait(60), 0)
        p = self.wait_received(agent, 14000)
        self.assertEqual((p['received'], p['missed'], self.kernel_received()), (14000, 0, 14000))
        self.assertEqual(p['outcomes']['flow']['packets'], 14000)
        self.group(agent, regex % 'udp')  # no packet passes any more, from now on
        live.wait_for(lambda: self.filter_in_force(agent) == 'udp')
        self.send(live.conversation(10))
        self.group(agent, regex % 'tcp port 80')
        live.wait_for(lambda: self.filter_in_force(agent) == 'tcp port 80')
        self.send(live.conversation(10, sport=30000))
        self.wait_received(agent, 14070)
        live.wait_for(lambda: sum(o['packets'] for o in agent.port('cap')['outcomes'].values()) == 14070)
        self.assertEqual(agent.port('cap')['received'], 14070)
        self.assertEqual(agent.stop(), weir.OK)

    def test_a_group_s_filter_that_is_none_is_refused_and_the_one_before_it_stays(self):
        agent = self.begin('tap_interface_regex: ^cap$\ncapture_bpf: tcp\n')
        agent.wait_port('cap', state='up')
        self.file('group.yaml', b'tap_interface_regex: ^cap$\ncapture_bpf: "tcp prt 80"\n')
        self.assertFalse(agent.ask('reload')['ok'])
        reason = agent.data('status')['group']['refused']['reason']
        self.assertIn('inputs.cbpf.af_packet.extra_bpf_filter', reason)
        self.send(live.conversation(10))
        self.assertEqual(self.wait_received(agent, 70)['received'], 70)
        self.assertEqual(agent.port('cap')['state'], 'up')

    def test_promiscuous_mode_is_the_group_s_and_that_of_the_modes_which_need_it(self):
        promiscuity = lambda: json.loads(self.ip(self.here, '-d', '-j', 'link', 'show', 'cap'))[0]['promiscuity']
        text = NAMED + 'global: {alerts: {thread_threshold: %d}}\n'
        agent = self.begin(text % ('^cap$', 'local', 400))
        agent.wait_port('cap', state='up')
        self.assertEqual(promiscuity(), 0)
        for mode, more, expected in (('analyzer', '', 1), ('local', '', 0), ('local', 'true', 1), ('mirror', 'false', 1),
                                     ('local', 'false', 0)):
            said = text % ('^cap$', mode, 401)
            if more:
                said = said.replace('af_packet: {', 'af_packet: {tunning: {interface_promisc_enabled: %s}, ' % more)
            self.assertFalse(any('opened again' in c for c in self.group(agent, said)))
            self.assertEqual(promiscuity(), expected, (mode, more))
        self.send(live.conversation(10))
        self.assertEqual(self.wait_received(agent, 70)['received'], 70)

    def test_rings_and_queues_of_chosen_interfaces_are_the_group_s(self):
        tunning = '{ring_blocks_enabled: %s, ring_blocks: 16, packet_fanout_count: %d}'
        text = (NAMED % ('^cap$', 'local')).replace('af_packet: {', 'af_packet: {tunning: ' + tunning + ', ')
        agent = self.begin(text % ('false', 1))
        self.assertEqual(agent.wait_port('cap', state='up')['queues'], 1)
        changes = self.group(agent, text % ('true', 2))
        self.assertIn('port cap: opened again: queues: 1 -> 2', changes)
        live.wait_for(lambda: agent.wait_port('cap', state='up')['queues'] == 2)
        self.assertEqual(self.rings(agent), [8 << 20, 8 << 20])
        self.send(live.conversation(10))
        self.assertEqual(self.wait_received(agent, 70)['received'], 70)

    def rings(self, agent):
        """-> bytes of each packet socket's ring, as the agent's memory map says."""
        with open(f'/proc/{agent.process.pid}/maps', encoding='utf-8') as f:
            spans = [line.split()[0].split('-') for line in f if 'socket:' in line]
        return [int(b, 16) - int(a, 16) for a, b in spans]

    def filter_in_force(self, agent):
        said = [line for line in agent.text().splitlines() if 'port cap: by the filter' in line]
        return said[-1].split('"')[1]

    def flow(self, packets_s, loops):
        """-> who sends 7,000 packets so many times meanwhile."""
        path = self.file('flow.pcap', weir.pcap([(1.0, f) for f in live.conversation(1000)]))
        sender = subprocess.Popen(['ip', 'netns', 'exec', self.there, 'tcpreplay', '-i', 'snd', '--pps', str(packets_s), '--loop', str(loops),
                                   path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(sender.wait)
        self.addCleanup(sender.terminate)
        return sender

    def test_what_is_asked_of_the_agent_on_the_loopback_device_is_no_flow(self):
        agent = self.begin(NAMED % ('^lo$', 'local'))
        agent.wait_port('lo', state='up')
        for _ in range(3):
            self.assertEqual(self.http('/livez')[0], 200)
        self.sh('ip', 'netns', 'exec', self.here, '/usr/bin/python3', '-c', 'import socket as s; a = s.create_server(("127.0.0.1", 8181)); '
                's.create_connection(("127.0.0.1", 8181))')
        live.wait_for(lambda: agent.port('lo')['received'] > 0)
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT DISTINCT server_port FROM flow'), [(8181,)])

    def threads(self, agent, key):
        """-> what /proc says of each thread, once."""
        found = set()
        for tid in os.listdir(f'/proc/{agent.process.pid}/task'):
            with contextlib.suppress(FileNotFoundError), open(f'/proc/{agent.process.pid}/task/{tid}/status', encoding='utf-8') as f:
                found |= {line.split(':')[1].strip() for line in f if line.startswith(key + ':')}
        return found

    def test_all_threads_run_on_the_cpus_of_the_group_and_go_back(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest('one CPU only')
        agent = self.begin(NAMED % ('^cap$', 'local'))
        agent.wait_port('cap', state='up')
        before = self.threads(agent, 'Cpus_allowed_list')
        cpu = max(os.sched_getaffinity(0))
        self.group(agent, NAMED % ('^cap$', 'local') + 'global: {tunning: {cpu_affinity: [%d, 1000]}}' % cpu)
        self.assertEqual(self.threads(agent, 'Cpus_allowed_list'), {str(cpu)})
        self.send(live.conversation(10))
        self.wait_received(agent, 70)
        self.group(agent, NAMED % ('^cap$', 'local') + 'global: {tunning: {cpu_affinity: [1000]}}')
        self.assertIn('this process may run on none of these CPUs', agent.text())
        self.group(agent, NAMED % ('^cap$', 'local'))
        self.assertEqual(self.threads(agent, 'Cpus_allowed_list'), before)
        self.assertEqual(len(before), 1)

    def test_from_the_start_all_threads_run_on_the_cpus_of_the_group(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest('one CPU only')
        cpu = max(os.sched_getaffinity(0))
        for _ in range(10):  # threads begin while others are told
            agent = self.begin(NAMED % ('^cap$', 'local') + 'global: {tunning: {cpu_affinity: [%d]}}' % cpu)
            agent.wait_port('cap', state='up')
            self.assertEqual(self.threads(agent, 'Cpus_allowed_list'), {str(cpu)})
            self.assertEqual(agent.stop(), weir.OK)

    def locked(self, agent):
        return self.threads(agent, 'VmLck') != {'0 kB'}

    def test_memory_is_kept_out_of_swap_where_it_may_be(self):
        text = 'tap_mode: 0\nglobal: {tunning: {swap_disabled: %s}}'
        self.file('group.yaml', (text % 'false').encode())
        # A port of AF_XDP, which is not there, is why the agent keeps CAP_IPC_LOCK.
        for more, may in (('', False), (', { name = "far"; ports = [ "net_af_xdp0,iface=none" ]; }', True)):
            agent = self.agent(self.conf('{ name = "edge"; ports = [ "cap" ]; }' + more), more=('--group-config', self.dir + '/group.yaml'),
                               command=(*self.machine({'/proc/loadavg': b'0.01 0.01 0.01 1/100 1\n'}), 'prlimit', '--memlock=65536'))
            agent.wait_port('cap', state='up')
            self.assertFalse(self.locked(agent))
            self.group(agent, text % 'true')
            self.assertEqual((self.locked(agent), 'swap_disabled: not done: it needs CAP_IPC_LOCK' in agent.text()), (may, not may))
            self.send(live.conversation(10))
            self.wait_received(agent, 70)
            self.group(agent, text % 'false')
            self.assertFalse(self.locked(agent))
            self.assertEqual(agent.stop(), weir.OK)

    def test_records_of_other_networks_and_of_ignored_points_are_counted_and_not_kept(self):
        text = NAMED % ('^cap$', 'local') + 'processors: {flow_log: {conntrack: {timeouts: {closing_rst: 1s, others: 1s}}}}\n%s'
        agent = self.begin(text % '')
        agent.wait_port('cap', state='up')
        sink = lambda: agent.data('ports')['sinks'][0]
        made = kept = 0
        for i, (more, is_kept) in enumerate((('l4_log_tap_types: [7, 255]', False), ('l4_log_tap_types: [7, 3]', True),
                                             ('l4_log_ignore_tap_sides: [rest]', False))):
            self.group(agent, text % more)
            self.send(live.conversation(10, sport=20000 + 100 * i))
            made, kept = made + 10, kept + 10 * is_kept
            live.wait_for(lambda: sink()['taken'] == made and sink()['written'] + sink()['filtered'] == made, 30)
            self.assertEqual(sink()['filtered'], made - kept, more)
        self.assertIn('result="filtered"} %d\n' % (made - kept), self.http('/metrics')[1])
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT count(*) FROM flow'), [(kept,)])
        self.assertEqual(self.rows('SELECT DISTINCT client_port / 100 FROM flow ORDER BY 1'), [(201,)])

    def test_the_level_of_the_log_is_the_group_s_where_the_box_says_none(self):
        agent = self.begin('log_level: ERROR\n')
        log = 'configuration: global.alerts.thread_threshold'
        self.group(agent, 'log_level: ERROR\nthread_threshold: 400\n')
        self.group(agent, 'log_level: DEBUG\nthread_threshold: 400\n')
        self.group(agent, 'log_level: DEBUG\nthread_threshold: 401\n')
        self.assertEqual([line.split(log)[1] for line in agent.text().splitlines() if log in line], [': 400 -> 401: live'])
        value = self.value(agent, 'global.self_monitoring.log.log_level')
        self.assertEqual((value['value'], value['origin']), ('"DEBUG"', self.dir + '/group.yaml:1'))
        self.conf('', 'log = { level = "err"; };')
        agent.data('reload')
        self.group(agent, 'log_level: DEBUG\nthread_threshold: 402\n')
        self.assertNotIn('402', agent.text())
        value = self.value(agent, 'global.self_monitoring.log.log_level')
        self.assertEqual(value['value'], '"ERROR"')
        self.assertIn('agent.cfg:5: log.level', value['origin'])

    def value(self, agent, key):
        return next(v for v in agent.data('config')['values'] if v['key'] == key)

    def space(self, name):
        """A namespace with interface `inner`, whose other end is `name`'s last letter + "snd" where packets come from."""
        self.sh('ip', 'netns', 'add', name)
        self.addCleanup(subprocess.run, ['ip', 'netns', 'del', name], capture_output=True)
        self.sh('ip', 'netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1', 'net.ipv6.conf.all.disable_ipv6=1')
        self.ip(self.there, 'link', 'add', 'name', name[-1] + 'snd', 'type', 'veth', 'peer', 'name', 'inner', 'netns', name)
        self.ip(self.there, 'link', 'set', name[-1] + 'snd', 'up')
        self.ip(name, 'link', 'set', 'inner', 'up')
        live.wait_for(lambda: json.loads(self.ip(name, '-j', 'link', 'show', 'inner'))[0]['operstate'] == 'UP')

    def test_interfaces_of_named_namespaces_are_captured_and_followed(self):
        spaces = [f'{self.here}-{c}' for c in 'xy']
        self.space(spaces[0])
        up = lambda agent: sorted(p['tap'] for p in agent.data('ports')['ports'] if p['state'] == 'up')
        text = NAMED.replace('af_packet: {', f'af_packet: {{extra_netns_regex: "^{self.here}", ') % ('^(cap|inner)$', 'local')
        agent = self.begin(text)
        live.wait_for(lambda: up(agent) == ['cap', spaces[0] + '/inner'])
        self.space(spaces[1])  # one comes
        live.wait_for(lambda: up(agent) == ['cap'] + [s + '/inner' for s in spaces])
        for n, end in ((1, 'snd'), (2, 'xsnd'), (3, 'ysnd')):
            self.send(live.conversation(10 * n, sport=10000 * n), end)
        received = lambda: {p['tap']: p['received'] for p in agent.data('ports')['ports']}
        live.wait_for(lambda: received() == {'cap': 70, spaces[0] + '/inner': 140, spaces[1] + '/inner': 210})
        self.sh('ip', 'netns', 'del', spaces[0])  # one goes
        live.wait_for(lambda: up(agent) == ['cap', spaces[1] + '/inner'])
        self.group(agent, NAMED % ('^(cap|inner)$', 'local'))
        live.wait_for(lambda: up(agent) == ['cap'])
        self.assertEqual(agent.stop(), weir.OK)
        nics = self.rows('SELECT sum(packet_tx + packet_rx) FROM flow GROUP BY capture_nic ORDER BY 1')
        self.assertEqual(nics, [(70,), (140,), (210,)])

    def test_a_namespace_with_two_names_is_captured_once(self):
        first, second = (f'{self.here}-{c}' for c in 'xy')
        self.space(first)
        self.file('empty', b'')
        self.sh('touch', f'/run/netns/{second}')
        self.addCleanup(subprocess.run, ['ip', 'netns', 'del', second], capture_output=True)
        self.sh('mount', '--bind', f'/run/netns/{first}', f'/run/netns/{second}')
        text = NAMED.replace('af_packet: {', f'af_packet: {{extra_netns_regex: "^{self.here}-", ') % ('^(cap|inner)$', 'local')
        agent = self.begin(text)
        live.wait_for(lambda: 'cap' in self.names(agent) and 'inner' in self.names(agent))
        sent = self.send(live.conversation(10), 'xsnd')
        self.wait_received(agent, sent, 'inner')
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT sum(packet_tx + packet_rx) FROM flow'), [(sent,)])

    def test_interfaces_stay_while_descriptors_are_short(self):
        agent = self.begin(NAMED % ('^cap$', 'local'))
        agent.wait_port('cap', state='up')
        pid = agent.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))  # of descriptors that are open already
        live.wait_for(lambda: 'interfaces cannot be looked at' in agent.text() or 'removed from tap' in agent.text())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        self.assertNotIn('removed from tap', agent.text())
        sent = self.send(live.conversation(10))
        self.assertEqual(self.wait_received(agent, sent)['received'], sent)

    def test_without_the_right_to_enter_namespaces_the_rest_is_captured_and_that_is_said(self):
        self.space(self.here + '-x')
        agent = self.begin(NAMED % ('^(cap|inner)$', 'local'))  # CAP_SYS_ADMIN is given up: nothing asks for it
        self.group(agent, NAMED.replace('af_packet: {', 'af_packet: {extra_netns_regex: ".", ') % ('^(cap|inner)$', 'local'))
        agent.wait_port('cap', state='up')
        live.wait_for(lambda: 'CAP_SYS_ADMIN is needed' in agent.text())
        self.assertEqual(self.names(agent), ['cap'])

    def test_taps_of_the_box_go_before_the_group_s_choice(self):
        self.veth('cap2', 'snd2')
        self.file('group.yaml', (NAMED % ('^cap2$', 'local')).encode())
        agent = self.agent(self.conf('{ name = "edge"; ports = [ "cap" ]; }'), more=('--group-config', self.dir + '/group.yaml'))
        live.wait_for(lambda: self.names(agent) == ['cap'])


if __name__ == '__main__':
    weir.main()
