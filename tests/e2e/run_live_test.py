#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weir-agent run on kernel interfaces: what is sent is received, accounted for and stored, whatever happens to ports."""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess

import live
import weir

TAP = '{ name = "edge"; ports = [ "cap" ]; }'


class Capture(live.LiveCase):
    def test_all_that_is_sent_is_received_and_the_kernel_agrees(self):
        agent = self.agent(self.conf(TAP))
        before = self.kernel_received()
        sent = self.send(live.conversation(2000))
        p = self.wait_received(agent, sent)
        self.assertEqual((p['received'], p['missed']), (sent, 0))
        self.assertEqual(self.kernel_received() - before, sent)
        self.assert_port_conserved(p)
        self.assertEqual(p['outcomes']['flow']['packets'], sent)

    def test_sigterm_leaves_a_complete_store_with_both_directions_in_one_record(self):
        agent = self.agent(self.conf(TAP, 'cores = { workers = 2; };'))
        sent = self.send(live.conversation(500))
        self.wait_received(agent, sent)
        self.assertEqual(agent.stop(), weir.OK, agent.text())
        rows = self.rows('SELECT client_port, packet_tx, packet_rx FROM flow')
        self.assertEqual(sorted(rows), [(20000 + i, 4, 3) for i in range(500)])
        self.assertIn('STOPPING=1', ''.join(agent.said) + agent.words.recv(4096).decode())

    def test_queues_that_workers_read_themselves_keep_both_directions_together(self):
        agent = self.agent(self.conf('{ name = "edge"; ports = [ "cap" ]; queues = 2; }', 'cores = { workers = 2; };'))
        self.assertEqual(agent.data('status')['way'], 'direct')
        sent = self.send(live.conversation(500))
        p = self.wait_received(agent, sent)
        self.assert_port_conserved(p)
        self.assertTrue(all(w['packets'] > 0 for w in agent.data('ports')['workers']))
        self.assertEqual(agent.stop(), weir.OK, agent.text())
        rows = self.rows('SELECT client_port, packet_tx, packet_rx FROM flow')
        self.assertEqual(sorted(rows), [(20000 + i, 4, 3) for i in range(500)])

    def test_an_interface_of_another_namespace(self):
        agent = self.agent(self.conf(f'{{ name = "edge"; ports = [ "snd" ]; netns = "/run/netns/{self.there}"; }}'))
        sent = self.send(live.conversation(10))
        p = self.wait_received(agent, sent, 'snd')  # what that host sends is seen there, too
        self.assertEqual((p['received'], p['missed']), (sent, 0))

    def test_open_flows_of_a_full_table_are_all_stored_at_the_end(self):
        agent = self.agent(self.conf(TAP))
        frames = [live.tcp_frame('10.2.0.1', f'10.2.{i >> 8}.{i & 255}', 1025 + i % 7, 80, 0x18, 5, 5, b'x') for i in range(60000)]
        sent = self.send(frames, pps=60000)
        p = self.wait_received(agent, sent)
        self.assertEqual(p['missed'], 0)
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT count(*), sum(packet_tx + packet_rx) FROM flow'), [(60000, 60000)], agent.text())

    def test_a_filter_lets_through_what_tcpdump_would(self):
        agent = self.agent(self.conf('{ name = "edge"; ports = [ "cap" ]; filter = "tcp dst port 80"; snaplen = 96; }'))
        frames = live.conversation(100)
        self.send(frames)
        p = self.wait_received(agent, 400)
        self.assertEqual(p['outcomes']['flow']['packets'], 400)
        self.assert_port_conserved(p)

    def test_what_does_not_fit_into_the_ring_is_missed_and_counted(self):
        agent = self.agent(self.conf('{ name = "edge"; ports = [ "cap" ]; memory_mib = 2; }'))
        before = self.kernel_received()
        agent.process.send_signal(signal.SIGSTOP)
        sent = self.send([live.tcp_frame('10.3.0.1', '10.3.0.2', 1025, 80, 0x10, i, 1, b'x' * 1000) for i in range(5000)])
        agent.process.send_signal(signal.SIGCONT)
        p = self.wait_received(agent, sent)
        self.assertEqual((p['received'] + p['missed'], self.kernel_received() - before), (sent, sent))
        self.assertGreater(p['missed'], 1000)
        self.assert_port_conserved(p)
        live.wait_for(lambda: 'broken' in [h['state'] for h in agent.data('status')['hops'] if h['hop'] == 'port'])

    def test_a_tap_s_network_type_is_that_of_its_records_also_when_it_changes(self):
        agent = self.agent(self.conf('{ name = "edge"; ports = [ "cap" ]; network_type = 44; }'))
        first, second = live.conversation(1)[:4], live.conversation(1)[4:]
        self.send(first)
        self.wait_received(agent, 4)
        self.conf('{ name = "edge"; ports = [ "cap" ]; network_type = 45; }')
        agent.reload()
        self.send(second)
        self.wait_received(agent, 7)
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT capture_network_type_id, packet_tx + packet_rx FROM flow ORDER BY 1'), [(44, 4), (45, 3)])

    def test_a_port_of_dpdk_beside_one_of_the_kernel(self):
        frames = live.conversation(50, sport=40000)
        path = self.file('port.pcap', weir.pcap([(1.0, f) for f in frames]))
        agent = self.agent(self.conf(f'{TAP}, {{ name = "dpdk"; ports = [ "net_pcap0,rx_pcap={path}" ]; filter = "tcp dst port 80"; }}'))
        self.send(live.conversation(50))
        self.wait_received(agent, 350)
        p = self.wait_received(agent, 350, 'net_pcap0')
        self.assertEqual((p['driver'], p['outcomes']['flow']['packets'], p['outcomes']['filtered']['packets']), ('ethdev', 200, 150))
        self.conf(TAP)
        agent.reload()
        live.wait_for(lambda: agent.port('net_pcap0') is None)
        self.conf(f'{TAP}, {{ name = "dpdk"; ports = [ "net_pcap0,rx_pcap={path}" ]; }}')
        agent.reload()
        self.assertEqual(self.wait_received(agent, 350, 'net_pcap0')['received'], 350)
        self.assertEqual(agent.stop(), weir.OK, agent.text())

    def test_the_agent_s_own_http_is_no_flow(self):
        self.ip(self.here, 'addr', 'add', '10.9.0.1/24', 'dev', 'cap')
        self.ip(self.there, 'addr', 'add', '10.9.0.2/24', 'dev', 'snd')
        agent = self.agent(self.conf(TAP, listen='0.0.0.0'))
        self.assertEqual(self.http('/livez', self.there, '10.9.0.1'), (200, 'ok\n'))
        def in_flows():
            return (agent.port('cap') or {}).get('outcomes', {}).get('flow', {}).get('packets', 0)
        before = in_flows()  # ARP
        # not of this host: they count; more than there can be late ARP
        sent = self.send([live.tcp_frame('10.9.0.7', '10.9.0.8', 1025, live.PORT, 0x10, seq) for seq in range(50)])
        live.wait_for(lambda: in_flows() >= before + sent)
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows(f'SELECT ip_0 FROM flow WHERE server_port = {live.PORT} OR client_port = {live.PORT}'),
                         [('10.9.0.7',)])


class OnDemand(live.LiveCase):
    """Packets of a port, asked for over the control socket."""

    def begin(self, agent, **args):
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.settimeout(30)
        s.connect(self.socket)
        s.sendall(json.dumps({'command': 'capture', 'args': args}).encode() + b'\n')
        f = s.makefile('rb')
        self.addCleanup(f.close)
        return s, f, json.loads(f.readline())

    def packets(self, pcapng):
        """-> frames of a pcapng file, as tcpdump reads it."""
        source, target = self.file('c.pcapng', pcapng), os.path.join(self.dir, 'c.pcap')
        self.sh('tcpdump', '-r', source, '-w', target)
        with open(target, 'rb') as f:
            data = f.read()
        frames, at = [], 24
        while at < len(data):
            caplen = struct.unpack_from('<I', data, at + 8)[0]
            frames.append(data[at + 16:at + 16 + caplen])
            at += 16 + caplen
        return frames

    def test_a_capture_holds_the_packets_that_were_sent_byte_for_byte(self):
        agent = self.agent(self.conf(TAP))
        s, f, reply = self.begin(agent, port='cap', filter='tcp port 80', comment='by hand')
        self.assertTrue(reply['ok'], reply)
        frames = live.conversation(50)
        other = [live.tcp_frame('10.1.0.1', '10.1.0.2', 1025, 81, 2)]
        self.send(other + frames + other)
        self.wait_received(agent, 352)
        s.shutdown(socket.SHUT_WR)  # enough
        data = f.read()
        self.assertEqual(self.packets(data), frames)
        self.assertIn(b'by hand', data)
        self.assertIn(b'cap', data)

    def test_a_capture_ends_with_its_count_and_is_cut_to_its_snap_length(self):
        agent = self.agent(self.conf(TAP))
        _, f, reply = self.begin(agent, tap='edge', count=10, snaplen=60)
        self.assertTrue(reply['ok'], reply)
        frames = live.conversation(5)
        self.send(frames)
        self.assertEqual(self.packets(f.read()), [x[:60] for x in frames[:10]])

    def test_a_capture_ends_with_its_time(self):
        agent = self.agent(self.conf(TAP))
        _, f, reply = self.begin(agent, port='cap', seconds=1)
        self.assertTrue(reply['ok'], reply)
        self.assertEqual(self.packets(f.read()), [])

    def test_what_cannot_be_captured_is_said(self):
        agent = self.agent(self.conf(TAP))
        for args, code, words in (({'port': 'nix'}, 4, 'there are: cap of tap edge'), ({'tap': 'nix'}, 4, 'there are'),
                                  ({}, 2, 'a port or a tap is needed'), ({'port': 'cap', 'filter': 'tcp porrt 80'}, 2, 'tcp porrt'),
                                  ({'port': 'cap', 'snaplen': 'x'}, 2, 'snaplen'), ({'port': 'cap', 'seconds': -1}, 2, 'seconds')):
            error = self.begin(agent, **args)[2]['error']
            self.assertEqual(error['code'], code, error)
            self.assertIn(words, error['message'])
        for _ in range(4):
            self.assertTrue(self.begin(agent, port='cap')[2]['ok'])
        self.assertEqual(self.begin(agent, port='cap')[2]['error']['code'], 5)


class Ports(live.LiveCase):
    def test_a_link_goes_down_and_up_and_packets_come_again(self):
        agent = self.agent(self.conf(TAP))
        self.assertEqual(self.send(live.conversation(10)), 70)
        self.wait_received(agent, 70)
        self.ip(self.there, 'link', 'set', 'snd', 'down')
        agent.wait_port('cap', state='down')
        self.assertIn(('link', 'broken'), [(h['hop'], h['state']) for h in agent.data('status')['hops']])
        self.assertEqual(self.http('/readyz')[0], 503)
        self.ip(self.there, 'link', 'set', 'snd', 'up')
        p = agent.wait_port('cap', state='up')
        self.assertEqual(p['downs'], 1)
        self.send(live.conversation(10, sport=30000))
        p = self.wait_received(agent, 140)
        self.assertEqual((p['received'], p['missed']), (140, 0))
        self.assert_port_conserved(p)

    def test_an_interface_is_removed_and_comes_back(self):
        agent = self.agent(self.conf(TAP))
        self.send(live.conversation(10))
        self.wait_received(agent, 70)
        self.ip(self.here, 'link', 'del', 'cap')
        agent.wait_port('cap', state='gone')
        self.veth('cap', 'snd')
        p = agent.wait_port('cap', state='up')
        self.assertEqual(p['returns'], 1)
        self.send(live.conversation(10, sport=30000))
        p = self.wait_received(agent, 140)
        self.assertEqual((p['received'], p['missed']), (140, 0))
        self.assert_port_conserved(p)
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT sum(packet_tx + packet_rx) FROM flow'), [(140,)])

    def test_a_port_that_is_not_there_is_named_and_captured_when_it_comes(self):
        agent = self.agent(self.conf('{ name = "edge"; ports = [ "cap", "later" ]; }'))
        p = agent.wait_port('later', state='failed')
        self.assertIn('interface later: not there; there are: lo, cap', p['error'])
        self.send(live.conversation(10))
        self.wait_received(agent, 70)  # the rest goes on
        self.veth('later', 'snd2')
        agent.wait_port('later', state='up')
        self.send(live.conversation(10, sport=30000), 'snd2')
        self.assertEqual(self.wait_received(agent, 70, 'later')['received'], 70)

    def test_an_interface_that_carries_an_address_is_not_taken_from_the_host(self):
        self.ip(self.here, 'addr', 'add', '10.9.0.1/24', 'dev', 'cap')
        agent = self.agent(self.conf('{ name = "edge"; ports = [ "net_af_xdp0,iface=cap" ]; }'))
        p = agent.wait_port('net_af_xdp0', state='failed')
        self.assertIn('cap carries 10.9.0.1', p['error'])
        self.assertIn('exclusive = true', p['error'])


class Reload(live.LiveCase):
    def test_sighup_adds_and_removes_ports_and_others_do_not_notice(self):
        self.veth('two', 'snd2')
        agent = self.agent(self.conf(TAP))
        self.send(live.conversation(10))
        self.wait_received(agent, 70)
        self.conf(TAP + ', { name = "more"; ports = [ "two" ]; }')
        agent.reload()
        agent.wait_port('two', state='up')
        self.send(live.conversation(10, sport=30000), 'snd2')
        self.assertEqual(self.wait_received(agent, 70, 'two')['tap_number'], 2)
        self.assertEqual(agent.port('cap')['received'], 70)
        self.conf('{ name = "more"; ports = [ "two" ]; }')
        agent.reload()
        live.wait_for(lambda: agent.port('cap') is None)
        agent.wait_port('two', state='up', tap_number=1, received=70)
        self.assertIn('port cap: removed from tap edge', agent.text())
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT sum(packet_tx + packet_rx) FROM flow'), [(140,)])

    def test_a_changed_filter_opens_the_port_again_and_its_counts_go_on(self):
        agent = self.agent(self.conf(TAP))
        self.send(live.conversation(10))
        self.wait_received(agent, 70)
        self.conf('{ name = "edge"; ports = [ "cap" ]; filter = "tcp dst port 80"; }')
        self.assertIn('filter: "" -> "tcp dst port 80"', agent.data('reload')['changes'][0])
        agent.wait_port('cap', state='up', filter='tcp dst port 80')
        self.send(live.conversation(10, sport=30000))
        p = self.wait_received(agent, 110)
        self.assertEqual(p['outcomes']['flow']['packets'], 110)
        self.assert_port_conserved(p)

    def test_a_wrong_configuration_is_refused_whole_and_the_old_one_stays(self):
        agent = self.agent(self.conf(TAP))
        self.conf('{ name = "other"; ports = [ "cap" ]; snaplen = 7; }', 'cores = { worker = 2; };')
        reply = agent.ask('reload')
        self.assertFalse(reply['ok'])
        self.assertEqual(reply['error']['code'], 2)
        self.assertIn('the old one stays', reply['error']['message'])
        agent.reload()
        self.assertIn('snaplen', agent.text())
        self.assertIn('did you mean workers', agent.text())
        self.assertEqual(agent.port('cap')['tap'], 'edge')
        self.send(live.conversation(10))
        self.assertEqual(self.wait_received(agent, 70)['received'], 70)

    def test_a_group_file_read_again_changes_flows_in_place_and_a_wrong_one_is_refused_and_remembered(self):
        group = self.file('group.yaml', b'processors: {flow_log: {conntrack: {timeouts: {others: 50s}}}}')
        agent = self.agent(self.conf(TAP), more=('--group-config', group))
        g = agent.data('status')['group']
        self.assertEqual((g['origin'], g['revision'], g['refused']), (group, 0, None))
        self.send(live.conversation(10)[:-1])  # the last connection stays open
        self.wait_received(agent, 69)
        self.file('group.yaml', b'processors: {flow_log: {conntrack: {timeouts: {others: 40s}, flow_generation: {ignore_l2_end: true}}}}\n'
                                b'plugins: {so_plugins: [x]}\n')
        changes = agent.data('reload')['changes']
        path = 'processors.flow_log.conntrack.'
        for said in (path + 'timeouts.others: 50s -> 40s: live', path + 'flow_generation.ignore_l2_end: false -> true: live, ends flows',
                     'plugins.so_plugins: [] -> ["x"]: no effect yet'):
            self.assertIn(said, changes)
        self.send(live.conversation(1, sport=30000))
        self.wait_received(agent, 76)
        self.file('group.yaml', b'processors: {flow_log: {conntrack: {timeouts: {others: 40}}}}')
        self.assertFalse(agent.ask('reload')['ok'])
        no = agent.data('status')['group']['refused']
        self.assertEqual((no['origin'], no['mistakes']), (group, 1))
        self.assertIn(path + 'timeouts.others', no['reason'])
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT sum(packet_tx + packet_rx), count(DISTINCT client_port) FROM flow'), [(76, 11)])
        self.assertEqual(self.rows('SELECT count(*) FROM flow WHERE close_type = 5'), [(10,)])  # forced by the new epoch

    def test_what_cannot_change_in_place_is_said(self):
        agent = self.agent(self.conf(TAP))
        self.conf(TAP, 'cores = { workers = 2; };\nlog = { level = "debug"; };')
        changes = agent.data('reload')['changes']
        self.assertIn('cores.workers: 1 -> 2: stays as it was until the agent is started again', changes)
        self.assertIn('log.level: "info" -> "debug"', changes)


class Service(live.LiveCase):
    def test_metrics_are_well_formed_and_say_what_happened(self):
        agent = self.agent(self.conf(TAP))
        sent = self.send(live.conversation(10))
        self.wait_received(agent, sent)
        status, text = self.http('/metrics')
        self.assertEqual(status, 200)
        samples = prometheus(text)
        self.assertEqual(samples['weir_port_received_packets_total', (('port', 'cap'), ('tap', 'edge'))], sent)
        outcomes = [v for (name, _), v in samples.items() if name == 'weir_port_outcome_packets_total']
        self.assertEqual(sum(outcomes), sent)
        self.assertEqual(samples['weir_port_missed_packets_total', (('port', 'cap'), ('tap', 'edge'))], 0)
        self.assertEqual(self.http('/livez'), (200, 'ok\n'))
        self.assertEqual(self.http('/readyz'), (200, 'ok\n'))
        self.assertEqual(self.http('/other')[0], 404)
        if shutil.which('promtool'):
            p = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True, text=True)
            self.assertEqual((p.returncode, p.stdout + p.stderr), (0, ''))

    def test_scraping_makes_no_memory_grow(self):
        agent = self.agent(self.conf(TAP))

        def resident():
            with open(f'/proc/{agent.process.pid}/statm', encoding='ascii') as f:
                return int(f.read().split()[1])

        code = (f'import http.client as h\nfor i in range(300):\n c = h.HTTPConnection("127.0.0.1", {live.PORT})\n'
                ' c.request("GET", "/metrics"); c.getresponse().read(); c.close()')
        self.sh('ip', 'netns', 'exec', self.here, '/usr/bin/python3', '-c', code)
        before = resident()
        self.sh('ip', 'netns', 'exec', self.here, '/usr/bin/python3', '-c', code)
        self.assertLess(resident() - before, 32)  # pages: less than half a byte a metric and scrape

    def test_watch_tells_each_record_as_a_line_of_json(self):
        agent = self.agent(self.conf(TAP))
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.settimeout(30)
        s.connect(self.socket)
        s.sendall(b'{"command":"watch"}\n')
        f = s.makefile('rb')
        self.addCleanup(f.close)
        self.assertTrue(json.loads(f.readline())['ok'])
        self.send(live.conversation(5))
        ports = sorted(json.loads(f.readline())['client_port'] for _ in range(5))
        self.assertEqual(ports, [20000 + i for i in range(5)])

    def test_a_second_agent_on_one_store_or_one_socket_refuses(self):
        first = self.agent(self.conf(TAP))
        other = self.agent(self.conf(TAP, name='socket.cfg'), ready=False)
        self.assertEqual(other.process.wait(timeout=20), weir.FAILED)
        self.assertIn(self.socket, other.text())
        path, self.socket = self.socket, os.path.join(self.dir, 'other.sock')
        other = self.agent(self.conf(TAP, name='store.cfg', listen=None), ready=False)
        self.assertEqual(other.process.wait(timeout=20), weir.FAILED)
        self.assertIn(self.store, other.text())
        self.assertIn(str(first.process.pid), other.text())
        self.socket = path
        self.assertEqual(first.port('cap')['state'], 'up')

    def test_systemd_s_watchdog_is_told_that_all_is_well(self):
        path = self.conf(TAP)
        agent = live.Agent(self, ['ip', 'netns', 'exec', self.here, weir.AGENT, 'run', '-c', path], self.socket,
                           {'WATCHDOG_USEC': '1000000'})
        self.assertIn('1 of 1 port up', agent.wait_word('READY=1'))
        agent.wait_word('WATCHDOG=1', 5)
        agent.wait_word('STATUS=', 10)

    def test_systemd_may_listen_at_an_abstract_address(self):
        name = f'weir-{os.getpid()}'
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as words:
            words.bind('\0' + name)
            words.settimeout(20)
            tap = f'{{ name = "edge"; ports = [ "cap" ]; netns = "/run/netns/{self.here}"; }}'  # such a name is of one namespace
            agent = live.Agent(self, [weir.AGENT, 'run', '-c', self.conf(tap, listen=None)], self.socket,
                               {'NOTIFY_SOCKET': '@' + name})
            self.assertIn('READY=1', words.recv(4096).decode())
            self.assertEqual(agent.stop(), weir.OK)

    def test_it_keeps_no_right_that_it_does_not_need(self):
        agent = self.agent(self.conf(TAP))
        for thread in os.listdir(f'/proc/{agent.process.pid}/task'):
            with open(f'/proc/{agent.process.pid}/task/{thread}/status', encoding='ascii') as f:
                sets = {line.split(':')[0]: int(line.split()[1], 16) for line in f if line.startswith('Cap')}
            # NET_RAW, and DAC_OVERRIDE as it is root: files of the store may be another user's
            self.assertEqual((sets['CapPrm'], sets['CapEff']), (1 << 13 | 1 << 1, 1 << 13 | 1 << 1))

    def test_without_any_configuration_it_is_an_appliance(self):
        self.veth('used', 'snd2')
        self.ip(self.here, 'addr', 'add', '10.9.0.1/24', 'dev', 'used')
        folders = 'mkdir -p /etc/weir; for d in /etc/weir /run /var/lib; do mount -t tmpfs none $d || exit 1; done; exec "$@"'
        if not os.path.isdir('/etc/weir'):
            folders = folders.replace('mkdir -p /etc/weir; for d in /etc/weir', 'for d in')
        command = ['ip', 'netns', 'exec', self.here, 'sh', '-c', folders, 'sh', weir.AGENT, 'run']
        agent = live.Agent(self, command, None)
        agent.wait_word('READY=1')
        root = f'/proc/{agent.process.pid}/root'
        agent.control, self.store = root + '/run/weir/agent.sock', os.path.join(self.dir, 'kept')
        self.assertEqual([p['name'] for p in agent.data('ports')['ports']], ['cap'])
        self.assertIn('capturing from cap: it is up and carries no address', agent.text())
        sent = self.send(live.conversation(10))
        self.wait_received(agent, sent)
        self.assertEqual([s['target'] for s in agent.data('ports')['sinks']], ['/var/lib/weir/store'])
        self.assertEqual(agent.stop(), weir.OK, agent.text())


def prometheus(text):
    """-> {(name, labels): value} of the text format 0.0.4, read strictly."""
    sample = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)$')
    label = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
    samples, types, seen, last = {}, {}, set(), None
    if not text.endswith('\n'):
        raise AssertionError('the last line has no end')
    for line in text[:-1].split('\n'):
        if line.startswith('# HELP '):
            last = line.split(' ', 3)[2]
            if last in seen or not line.split(' ', 3)[3]:
                raise AssertionError(line)
            seen.add(last)
        elif line.startswith('# TYPE '):
            _, _, name, kind = line.split(' ')
            if name != last or kind not in ('counter', 'gauge') or (kind == 'counter') != name.endswith('_total'):
                raise AssertionError(line)
            types[name] = kind
        else:
            m = sample.match(line)
            if not m or m.group(1) != last or m.group(1) not in types:
                raise AssertionError(line)
            labels = m.group(2) or ''
            if ''.join(x.group(0) for x in label.finditer(labels)) != labels:
                raise AssertionError(line)
            key = m.group(1), tuple(sorted((x.group(1), x.group(2)) for x in label.finditer(labels)))
            if key in samples:
                raise AssertionError(f'twice: {line}')
            samples[key] = float(m.group(3))
    return samples


if __name__ == '__main__':
    weir.main()
