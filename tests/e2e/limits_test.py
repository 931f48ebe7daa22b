#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Limits and breakers of a group on the running agent: each trips, is told, and recovers; packets stay accounted for."""
import ctypes
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import live
import weir

TAP = '{ name = "edge"; ports = [ "cap" ]; }'
CALM = b'0.50 0.50 0.50 1/100 1\n'


def meminfo(free, available=None):
    """-> /proc/meminfo of a machine with 100 GB, of which so many are free."""
    return f'MemTotal: 100000000 kB\nMemFree: {free}000000 kB\nMemAvailable: {available or free}000000 kB\n'.encode()


class Disk:
    """A file system by the kernel's FUSE protocol, version 7.8: 1000 blocks, as many free as `free` says; it can stop answering."""

    def __init__(self, case, path):
        os.mkdir(path)
        self.free, self.answers = 500, threading.Event()
        self.answers.set()
        self.fd = os.open('/dev/fuse', os.O_RDWR)
        case.addCleanup(subprocess.run, ['umount', '-l', path], capture_output=True)
        case.addCleanup(self.answers.set)  # before that
        options = f'fd={self.fd},rootmode=40000,user_id=0,group_id=0,allow_other'.encode()
        libc = ctypes.CDLL(None, use_errno=True)
        case.assertEqual(libc.mount(b'disk', path.encode(), b'fuse', 0, options), 0, os.strerror(ctypes.get_errno()))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            self.answers.wait()  # what was read must be answered: who waits for that cannot even be killed
            if not select.select([self.fd], [], [], 0.05)[0] or not self.answers.is_set():
                continue
            try:
                request = os.read(self.fd, 1 << 17)
            except OSError:  # it is not mounted any more
                return
            opcode, unique = struct.unpack_from('<IQ', request, 4)
            error, body = -38, b''  # ENOSYS
            if opcode == 26:  # INIT
                error, body = 0, struct.pack('<IIIIHHI', 7, 8, 0, 0, 0, 0, 1 << 16)
            elif opcode == 17:  # STATFS
                error, body = 0, struct.pack('<QQQQQIIII24x', 1000, self.free, self.free, 0, 0, 4096, 255, 4096, 0)
            if opcode != 2:  # FORGET has no answer
                os.write(self.fd, struct.pack('<IiQ', 16 + len(body), error, unique) + body)


class Limits(live.LiveCase):
    def group(self, text):
        return self.file('group.yaml', ('global: {tunning: {resource_monitoring_interval: 1s}, ' + text).encode())

    def start(self, text, command=(), load=True):
        """`text`: the rest of "global: {", and what follows. Load: this machine's is of no concern."""
        group = self.group(text)
        if not command and load:
            command = self.machine({'/proc/loadavg': CALM})
        return self.agent(self.conf(TAP), command=command, more=('--group-config', group))

    def hop(self, agent, name):
        return next((h for h in agent.data('status')['hops'] if (h['hop'], h['object']) == ('limit', name)), None)

    def wait_hop(self, agent, name, there=True):
        """Until this limit is exceeded, or kept again: -> its hop."""
        hop = None

        def so():
            nonlocal hop
            hop = self.hop(agent, name)
            return bool(hop) == there
        try:
            live.wait_for(so)
        except AssertionError as e:
            raise AssertionError(f'limit {name}: {agent.data("status")["hops"]}\n{agent.text()}') from e
        return hop

    def metric(self, line):
        """-> the value of this line of /metrics."""
        text = self.http('/metrics')[1]
        return float(next(row for row in text.splitlines() if row.startswith(line + ' ')).split()[-1])

    def assert_captures(self, agent, n):
        """Packets sent now are received."""
        before = agent.port('cap')['received']
        sent = self.send(live.conversation(n))
        p = self.wait_received(agent, before + sent)
        self.assertEqual((p['received'], p['missed']), (before + sent, 0))
        self.assert_port_conserved(p)

    def assert_stopped(self, agent, name, bit):
        """Nothing is captured because of breaker `name`, which everybody says; the rest goes on."""
        hop = self.wait_hop(agent, name)
        self.assertEqual(hop['state'], 'broken')
        self.assertRegex(hop['detail'], r'^since \d\d:\d\d:\d\d: capture stopped: .*it goes on by itself')
        self.assertIn('circuit_breakers', hop['remedy'])
        agent.wait_port('cap', state='paused')
        link = next(h for h in agent.data('status')['hops'] if h['hop'] == 'link')
        self.assertRegex(link['detail'], r'^closed since \S+: a breaker is tripped$')
        self.assertEqual(self.http('/readyz')[0], 503)
        self.assertEqual(self.http('/livez')[0], 200)
        self.assertEqual(self.metric(f'weir_breaker_tripped{{breaker="{name}"}}'), 1)
        self.assertEqual(self.metric(f'weir_exception{{name="{bit}"}}'), 1)
        before = agent.port('cap')['received']
        self.send(live.conversation(10))
        time.sleep(1.2)
        self.assertEqual(agent.port('cap')['received'], before)
        self.assertEqual(agent.text().count(f'breaker {name}: tripped'), 1, agent.text())

    def assert_goes_on(self, agent, name, bit):
        self.wait_hop(agent, name, False)
        agent.wait_port('cap', state='up')
        self.assertEqual(self.metric(f'weir_breaker_tripped{{breaker="{name}"}}'), 0)
        self.assertEqual(self.metric(f'weir_breaker_trips_total{{breaker="{name}"}}'), 1)
        self.assertEqual(self.metric(f'weir_exception{{name="{bit}"}}'), 0)
        self.assertEqual(agent.text().count(f'breaker {name}: recovered'), 1, agent.text())
        self.assert_captures(agent, 100)

    def test_packets_beyond_the_rate_are_refused_and_counted_exactly(self):
        agent = self.start('}\ninputs: {cbpf: {tunning: {max_capture_pps: 1000}}}')
        before = self.kernel_received()
        began = time.monotonic()
        sent = self.send(live.conversation(3000), pps=20000)  # 21000 packets
        p = self.wait_received(agent, sent)
        took = time.monotonic() - began
        outcomes = {k: o['packets'] for k, o in p['outcomes'].items()}
        self.assertEqual((p['received'], p['missed'], self.kernel_received() - before), (sent, 0, sent))
        self.assertEqual(outcomes['flow'] + outcomes['rate_limit'], sent)
        self.assertGreaterEqual(outcomes['flow'], 1000)  # a second's worth at once
        self.assertLessEqual(outcomes['flow'], 1000 + 1000 * (took + 0.1))
        self.assertEqual(self.wait_hop(agent, 'max_capture_pps')['state'], 'warn')
        self.assertEqual(self.metric('weir_exception{name="RX_PPS_THRESHOLD_EXCEEDED"}'), 1)
        self.wait_hop(agent, 'max_capture_pps', False)
        self.group('}\ninputs: {cbpf: {tunning: {max_capture_pps: 0}}}')
        agent.reload()
        self.assert_captures(agent, 3000)
        self.assertEqual(agent.port('cap')['outcomes']['rate_limit']['packets'], outcomes['rate_limit'])
        self.assertEqual(agent.stop(), weir.OK)

    def test_records_beyond_the_throttle_are_left_out_and_counted_exactly(self):
        agent = self.start('}\noutputs: {flow_log: {throttles: {l4_throttle: 100}}}')
        began = time.monotonic()
        self.send(live.conversation(2000), pps=40000)
        self.wait_received(agent, 14000)
        took = time.monotonic() - began
        self.assertEqual(self.wait_hop(agent, 'l4_throttle')['state'], 'warn')
        sink = None

        def quiet():
            nonlocal sink
            sink = agent.data('ports')['sinks'][0]
            return sink['taken'] == 2000 == sink['written'] + sink['throttled']
        live.wait_for(quiet, 30)
        self.assertIn(sink['written'], range(400, 400 * int(2 + took / 4) + 1, 400))  # 4 s worth each
        self.assertEqual(self.metric('weir_sink_records_total{sink="store",result="throttled"}'), sink['throttled'])
        self.group('}\noutputs: {flow_log: {throttles: {l4_throttle: 0}}}')
        agent.reload()
        self.assert_captures(agent, 2000)
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT count(*), sum(packet_tx + packet_rx) FROM flow'),
                         [(2000 + sink['written'], 7 * (2000 + sink['written']))])

    def test_a_throttle_s_sample_fits_the_smallest_queue(self):
        group = self.group('}\noutputs: {flow_log: {throttles: {l4_throttle: 1000}}}')
        agent = self.agent(self.conf(TAP, 'rings = { sink_batches = 2; };'), more=('--group-config', group))
        self.send(live.conversation(6000), pps=40000)  # more than 4000 records in a window, of which 512 fit the queue
        self.wait_received(agent, 42000)
        sink = None

        def quiet():
            nonlocal sink
            sink = agent.data('ports')['sinks'][0]
            return sink['taken'] == 6000 == sink['written'] + sink['throttled'] + sink['dropped']
        live.wait_for(quiet, 30)
        self.assertGreaterEqual(sink['written'], 4000, sink)
        self.assertEqual(sink['dropped'], 0)
        self.assertEqual(agent.stop(), weir.OK)

    def test_the_appliance_profile_has_no_rate_and_no_breaker(self):
        busy = self.machine({'/proc/loadavg': b'99.0 99.0 99.0 1/100 1\n', '/proc/meminfo': meminfo(1)})
        agent = self.agent(self.conf(TAP), command=busy)
        time.sleep(1.5)
        self.assert_captures(agent, 1000)
        self.assertEqual([h for h in agent.data('status')['hops'] if h['hop'] == 'limit'], [])

    def test_load_stops_the_capture_until_the_breaker_recovers_or_is_switched_off(self):
        load = 'circuit_breakers: {relative_sys_load: {trigger_threshold: %s, metric: load5}}}'
        agent = self.start(load % 1.0, self.machine({'/proc/loadavg': CALM}))
        self.assert_captures(agent, 100)
        cpus = os.sysconf('SC_NPROCESSORS_ONLN')
        self.file('machine/proc/loadavg', f'0.10 {cpus}.00 0.10 1/100 1\n'.encode())  # at the threshold
        self.assert_stopped(agent, 'load', 'SYSTEM_LOAD_CIRCUIT_BREAKER')
        self.assertIn(f'load5 is {cpus}.00', self.hop(agent, 'load')['detail'])
        self.file('machine/proc/loadavg', CALM)  # well for some seconds, not for 300
        live.wait_for(lambda: 'which is in 29' in self.hop(agent, 'load')['detail'])
        self.assertEqual(agent.port('cap')['state'], 'paused')
        self.group(load % 0)
        agent.reload()
        self.assert_goes_on(agent, 'load', 'SYSTEM_LOAD_CIRCUIT_BREAKER')
        self.assertEqual(agent.stop(), weir.OK)

    def test_a_breaker_waits_for_five_minutes_in_a_row_below_the_lower_threshold(self):
        hours, cpus = live.Hours(self), os.sysconf('SC_NPROCESSORS_ONLN')

        def load(per_cpu):
            self.file('machine/proc/loadavg', f'0.10 {per_cpu * cpus:.2f} 0.10 1/100 1\n'.encode())
        command = (*self.machine({'/proc/loadavg': CALM}), 'env', *(f'{k}={v}' for k, v in hours.env.items()))
        agent = self.start('circuit_breakers: {relative_sys_load: {trigger_threshold: 1.0, recovery_threshold: 0.8, metric: load5}}}', command)
        load(1.1)
        self.assert_stopped(agent, 'load', 'SYSTEM_LOAD_CIRCUIT_BREAKER')
        load(0.7)
        live.wait_for(lambda: 'which is in 29' in self.hop(agent, 'load')['detail'])
        hours.pass_s(280)
        load(0.9)  # neither one nor the other: the time begins anew
        live.wait_for(lambda: 'which is in' not in self.hop(agent, 'load')['detail'])
        load(0.7)
        live.wait_for(lambda: 'which is in 29' in self.hop(agent, 'load')['detail'])
        hours.pass_s(280)
        live.wait_for(lambda: re.search(r'which is in 1?\d s', self.hop(agent, 'load')['detail']))
        self.assertEqual(agent.port('cap')['state'], 'paused')
        hours.pass_s(20)
        self.assert_goes_on(agent, 'load', 'SYSTEM_LOAD_CIRCUIT_BREAKER')
        self.assertEqual(agent.stop(), weir.OK)

    def test_low_memory_stops_the_capture_and_very_low_memory_ends_the_agent(self):
        memory = 'circuit_breakers: {sys_memory_percentage: {trigger_threshold: %d, metric: %s}}}'
        agent = self.start(memory % (20, 'available'),
                           self.machine({'/proc/loadavg': CALM, '/proc/meminfo': meminfo(1, 20)}))
        self.assert_captures(agent, 100)  # 1 % is free, and 20 % are available
        self.file('machine/proc/meminfo', meminfo(19, 19))
        self.assert_stopped(agent, 'memory', 'FREE_MEM_EXCEEDED')
        self.file('machine/proc/meminfo', meminfo(30))
        live.wait_for(lambda: 'which is in 29' in self.hop(agent, 'memory')['detail'])
        self.group(memory % (0, 'free'))
        agent.reload()
        self.assert_goes_on(agent, 'memory', 'FREE_MEM_EXCEEDED')
        self.group(memory % (50, 'free'))
        self.file('machine/proc/meminfo', meminfo(34))  # below 70 % of 50
        agent.process.send_signal(1)
        self.assertEqual(agent.process.wait(timeout=30), weir.FAILED)
        self.assertIn('limit memory: the agent ends: 32.4 GiB of 95.4 GiB memory are free: 34.0 %', agent.text())
        self.assertEqual(self.rows('SELECT sum(packet_tx + packet_rx) FROM flow'), [(1400,)])  # nothing was lost by it

    def disk(self):
        """-> a file system of 20 MiB."""
        path = os.path.join(self.dir, 'disk')
        os.mkdir(path)
        self.sh('mount', '-t', 'tmpfs', '-o', 'size=20m', 'none', path)
        self.addCleanup(subprocess.run, ['umount', path], capture_output=True)
        return path

    def test_a_full_disk_stops_the_capture_and_it_goes_on_at_110_percent_of_the_limit(self):
        path = self.disk()
        agent = self.start('circuit_breakers: {free_disk: {percentage_trigger_threshold: 15, '
                           f'absolute_trigger_threshold: 0, directories: [/no/such/folder, {path}]}}}}}}')
        self.assert_captures(agent, 100)
        self.file('disk/data', bytes(int(17.1 * 2**20)))  # 14.5 % are free
        self.assert_stopped(agent, 'disk', 'FREE_DISK_CIRCUIT_BREAKER')
        os.truncate(path + '/data', int(16.8 * 2**20))  # 16 %
        time.sleep(2.5)
        self.assertIsNotNone(self.hop(agent, 'disk'))
        os.truncate(path + '/data', int(16.5 * 2**20))  # 17.5 %
        self.assert_goes_on(agent, 'disk', 'FREE_DISK_CIRCUIT_BREAKER')
        self.assertEqual(agent.stop(), weir.OK)

    def test_a_file_system_that_does_not_answer_blocks_nothing_and_is_named(self):
        if not os.path.exists('/dev/fuse'):
            self.skipTest('no /dev/fuse')
        path = os.path.join(self.dir, 'far')
        disk = Disk(self, path)
        disk.answers.clear()
        agent = self.start(f'circuit_breakers: {{free_disk: {{directories: [{path}], absolute_trigger_threshold: 0}}}}}}')
        hop = self.wait_hop(agent, 'free_disk')
        self.assertEqual(hop['state'], 'warn')
        self.assertRegex(hop['detail'], rf'{path} does not answer for \d+ s; what it last said holds$')
        self.assert_captures(agent, 100)  # nothing is known of it yet
        disk.answers.set()
        self.wait_hop(agent, 'free_disk', False)
        self.assertIsNone(self.hop(agent, 'disk'))
        disk.free = 100  # 10 %
        self.assert_stopped(agent, 'disk', 'FREE_DISK_CIRCUIT_BREAKER')
        disk.answers.clear()
        disk.free = 500
        self.wait_hop(agent, 'free_disk')
        self.assertIn(f'{path} has 0.0 GB free, 10.0 %', self.hop(agent, 'disk')['detail'])
        disk.answers.set()
        self.assert_goes_on(agent, 'disk', 'FREE_DISK_CIRCUIT_BREAKER')
        disk.answers.clear()
        self.wait_hop(agent, 'free_disk')
        self.assertEqual(agent.stop(), weir.OK)
        disk.answers.set()

    def test_sinks_on_a_full_disk_are_written_again_once_there_is_room(self):
        disk, path = self.disk(), self.conf(TAP)
        with open(path, 'r+b') as f:
            text = f.read().decode().replace('sinks = (', f'sinks = ( {{ type = "jsonl"; path = "{disk}/flows.jsonl"; }}, '
                                                          f'{{ type = "records"; path = "{disk}/records"; }},')
            f.seek(0)
            f.write(text.encode())
        agent = self.agent(path)
        sent = 0

        def sinks():
            return {s['name']: s for s in agent.data('ports')['sinks']}

        def send(n):
            nonlocal sent
            sent += n
            self.send(live.conversation(n))
            live.wait_for(lambda: all(s['taken'] == s['written'] + s['failed'] == sent for s in sinks().values()))

        def failing():
            send(100)
            return [s['state'] for s in sinks().values()] == ['failing', 'failing', 'ok']

        def well():
            send(100)
            return [s['state'] for s in sinks().values()] == ['ok'] * 3
        send(1000)
        with self.assertRaises(OSError):
            self.file('disk/data', bytes(20 * 2**20))
        live.wait_for(failing)
        for name in ('jsonl', 'records'):
            hop = next(h for h in agent.data('status')['hops'] if (h['hop'], h['object']) == ('sink', name))
            self.assertEqual(hop['state'], 'broken')
            self.assertRegex(hop['detail'], r'^cannot be written since \d\d:\d\d:\d\d: .*No space left on device; 1\d+ records written')
            self.assertIn('No space left on device', sinks()[name]['error'])
        os.unlink(disk + '/data')
        live.wait_for(well, 60)
        self.assertRegex(agent.text(), r'sink jsonl: written again; \d+ records were lost')
        self.assertEqual(agent.stop(), weir.OK)
        written = {name: int(n) for name, n in re.findall(r'sink (\w+): \d+ records taken, (\d+) written', agent.text())}
        with open(disk + '/flows.jsonl', encoding='utf-8') as f:
            self.assertEqual(len([json.loads(line) for line in f]), written['jsonl'])
        found = weir.run(weir.CTL, 'flow', 'list', '--file', disk + '/records', '--limit', '1000000', '-o', 'jsonl')
        self.assertEqual((found.returncode, len(found.stdout.splitlines())), (weir.OK, written['records']), found.stderr)
        self.assertEqual(written['store'], sent)

    def test_flows_that_are_open_when_the_capture_stops_end_with_a_record(self):
        agent = self.start('circuit_breakers: {sys_memory_percentage: {trigger_threshold: 20}}}\n'
                           'processors: {flow_log: {conntrack: {timeouts: {established: 2s, others: 2s}}}}',
                           self.machine({'/proc/loadavg': CALM, '/proc/meminfo': meminfo(50)}))
        self.send(live.conversation(10)[:-1])  # the last connection stays open
        self.wait_received(agent, 69)
        self.file('machine/proc/meminfo', meminfo(18))
        self.wait_hop(agent, 'memory')
        live.wait_for(lambda: sum(w['flows'] for w in agent.data('ports')['workers']) == 0)
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT sum(packet_tx + packet_rx) FROM flow'), [(69,)])

    def groups_of(self, agent):
        with open(f'/proc/{agent.data("status")["pid"]}/cgroup', encoding='ascii') as f:
            return {name: path for _, names, path in (line.strip().split(':', 2) for line in f) for name in names.split(',')}

    def value(self, controller, path, name):
        with open(f'/sys/fs/cgroup/{controller}{path}/{name}', encoding='ascii') as f:
            return f.read().strip()

    def test_cpu_and_memory_are_held_by_control_groups_that_go_with_the_agent(self):
        for controller in ('cpu', 'memory'):
            if not os.path.exists(f'/sys/fs/cgroup/{controller}/cgroup.procs'):
                self.skipTest(f'no cgroup v1 hierarchy of {controller}')
        group = self.group('limits: {max_millicpus: 500, max_memory: 2048}}')
        # `ip netns exec` mounts a /sys of its own, without the groups
        agent = live.Agent(self, ['nsenter', f'--net=/run/netns/{self.here}', 'unshare', '-m', *self.machine({'/proc/loadavg': CALM}),
                                  weir.AGENT, 'run', '-c', self.conf(TAP), '--group-config', group], self.socket)
        agent.wait_word('READY=1')
        groups = self.groups_of(agent)
        for controller in ('cpu', 'memory'):
            self.assertRegex(groups[controller], r'/weir-agent\.\d+$', agent.text())
        self.assertEqual(self.value('cpu', groups['cpu'], 'cpu.cfs_quota_us'), '50000')
        self.assertEqual(self.value('cpu', groups['cpu'], 'cpu.cfs_period_us'), '100000')
        self.assertEqual(self.value('memory', groups['memory'], 'memory.limit_in_bytes'), str(2048 << 20))
        self.group('limits: {max_millicpus: 250, max_memory: 1024}}')
        agent.reload()
        self.assertEqual(self.value('cpu', groups['cpu'], 'cpu.cfs_quota_us'), '25000')
        self.assertEqual(self.value('memory', groups['memory'], 'memory.limit_in_bytes'), str(1024 << 20))
        self.group('limits: {max_millicpus: 250, max_memory: 1024}}\ninputs: {cbpf: {common: {capture_mode: analyzer}}}')
        agent.reload()  # a box of its own: the CPU that it was given, and no memory limit
        self.assertEqual(self.value('cpu', groups['cpu'], 'cpu.cfs_quota_us'), '25000')
        self.assertGreater(int(self.value('memory', groups['memory'], 'memory.limit_in_bytes')), 1 << 50)
        self.assert_captures(agent, 100)
        self.assertEqual(agent.stop(), weir.OK)
        for controller in ('cpu', 'memory'):
            self.assertFalse(os.path.exists(f'/sys/fs/cgroup/{controller}{groups[controller]}'))

    def test_without_control_groups_the_agent_watches_itself_and_says_so(self):
        agent = self.start('limits: {max_millicpus: 500}}')  # in this /sys there are none
        hop = self.wait_hop(agent, 'cgroup')
        self.assertEqual(hop['state'], 'warn')
        self.assertEqual(self.metric('weir_exception{name="CGROUPS_CONFIG_ERROR"}'), 1)
        self.assert_captures(agent, 100)

    def test_more_cpu_than_allowed_in_two_rounds_ends_the_agent_where_no_control_group_holds_it(self):
        agent = self.start('limits: {max_millicpus: 1}}')
        live.wait_for(lambda: agent.process.poll() is not None or self.send(live.conversation(100)) == 0, 60)
        self.assertEqual(agent.process.returncode, weir.FAILED)
        self.assertRegex(agent.text(), r'limit max_millicpus: \d+ milli-CPUs are used, the limit is 1\n')
        self.assertRegex(agent.text(), r'limit max_millicpus: the agent ends: \d+ milli-CPUs are used, the limit is 1\n')

    def test_configurations_one_after_the_other_are_no_rounds(self):
        group = self.file('group.yaml', b'global: {tunning: {resource_monitoring_interval: 1h}, limits: {max_millicpus: 1}}')
        agent = self.agent(self.conf(TAP), more=('--group-config', group))
        for _ in range(5):
            self.assert_captures(agent, 5000)
            agent.reload()
        self.assertEqual(agent.stop(), weir.OK)
        self.assertNotIn('the agent ends', agent.text())

    def test_a_memory_limit_below_what_the_box_has_is_said_and_does_no_harm(self):
        group = self.group('limits: {max_memory: 128}}')
        path = self.conf(TAP)
        with open(path, 'r+b') as f:
            text = f.read().replace(b'65536', b'1048576')  # flows: some 300 MiB, as README says of lib/flow
            f.seek(0)
            f.write(text)
        agent = self.agent(path, more=('--group-config', group))
        hop = self.wait_hop(agent, 'max_memory')
        self.assertRegex(hop['detail'], r'\d+ MiB are used, the limit is 128 MiB; the box was given more')
        self.assertEqual(self.metric('weir_exception{name="MEM_EXCEEDED"}'), 1)
        time.sleep(3.5)
        self.assert_captures(agent, 100)

    def test_more_memory_than_allowed_in_two_rounds_ends_the_agent_and_in_one_does_not(self):
        # What the kernel says of the agent's memory is the test's; all else that it says of it stays.
        status, calm = os.path.join(self.dir, 'status'), self.file('loadavg', CALM)
        overlay = f'cat /proc/$$/status >{status} && mount --bind {status} /proc/$$/status && mount --bind {calm} /proc/loadavg'

        def use(mib):
            with open(status, 'r+', encoding='ascii') as f:
                text = re.sub(r'(VmRSS:\s+)\d+', lambda m: m[1] + str(mib * 1024), f.read())
                f.seek(0)
                f.truncate()
                f.write(text)
        group = self.file('group.yaml', b'global: {tunning: {resource_monitoring_interval: 3s}, limits: {max_memory: 700}}')
        agent = self.agent(self.conf(TAP), command=('sh', '-c', overlay + ' && exec "$@"', 'sh'), more=('--group-config', group))
        use(100)
        for _ in range(2):  # a round above it, and one below: as often as it likes
            time.sleep(3.5)
            use(900)
            self.assertIn('900 MiB are used, the limit is 700 MiB', self.wait_hop(agent, 'max_memory')['detail'])
            self.assertEqual(self.metric('weir_exception{name="MEM_EXCEEDED"}'), 1)
            use(100)
            self.wait_hop(agent, 'max_memory', False)
            self.assertEqual(self.metric('weir_exception{name="MEM_EXCEEDED"}'), 0)
        self.assert_captures(agent, 100)
        use(900)
        self.assertEqual(agent.process.wait(timeout=30), weir.FAILED)
        self.assertIn('limit max_memory: the agent ends: 900 MiB are used', agent.text())

    def named(self, *mounts):
        """-> command that runs the agent under a name that no other has, and that name."""
        name = f'weir{os.getpid()}'
        link = os.path.join(self.dir, name)
        if not os.path.exists(link):
            os.symlink(weir.AGENT, link)
        mounts = ' && '.join((f'mount --bind {self.file("loadavg", CALM)} /proc/loadavg', *mounts))
        return ('sh', '-c', f'{mounts} && shift && exec {link} "$@"', 'sh'), name

    def test_too_many_agents_are_told_until_they_are_fewer_and_one_more_gives_way_at_its_start(self):
        command, name = self.named()
        os.mkdir(self.dir + '/others')
        shutil.copy(shutil.which('sleep'), f'{self.dir}/others/{name}')

        def other():
            p = subprocess.Popen([f'{self.dir}/others/{name}', '1000'])
            self.addCleanup(p.wait)
            self.addCleanup(p.kill)
            return p
        group = self.group('alerts: {process_threshold: 2}}')
        first = other()
        agent = self.agent(self.conf(TAP), command=command, more=('--group-config', group))
        second = other()
        self.assertIn(f'3 processes named {name}, the limit is 2', self.wait_hop(agent, 'process_threshold')['detail'])
        self.assertEqual(self.metric('weir_exception{name="PROCESS_THRESHOLD_EXCEEDED"}'), 1)
        self.assert_captures(agent, 100)
        for p in (first, second):
            p.kill()
            p.wait()
        self.wait_hop(agent, 'process_threshold', False)
        self.assertEqual(agent.stop(), weir.OK)
        other()
        other()
        agent = self.agent(self.conf(TAP), ready=False, command=command, more=('--group-config', group))
        self.assertEqual(agent.process.wait(timeout=30), weir.FAILED)
        self.assertIn(f'global.alerts.process_threshold: 3 processes named {name}, the limit is 2', agent.text())

    def test_core_files_of_the_agent_are_told_until_they_are_removed(self):
        with open('/proc/sys/kernel/core_pattern', encoding='ascii') as f:
            if f.read().strip() != 'core':
                self.skipTest('core files of this machine go elsewhere than where a process stands')
        cores = os.path.join(self.dir, 'cores')
        os.mkdir(cores)
        pattern = self.file('pattern', f'{cores}/core\n'.encode())
        command, name = self.named(f'mount --bind {pattern} /proc/sys/kernel/core_pattern')
        os.mkdir(self.dir + '/others')
        shutil.copy(shutil.which('sleep'), f'{self.dir}/others/{name}')
        for i in range(4):  # the kernel's own
            died = subprocess.Popen([f'{self.dir}/others/{name}', '1000'], cwd=self.dir,
                                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30)))
            died.send_signal(signal.SIGQUIT)
            self.assertEqual(died.wait(), -signal.SIGQUIT)
            core = next((c for c in os.listdir(self.dir) if c.startswith('core') and c != 'cores'), None)
            self.assertIsNotNone(core, 'the kernel wrote none')
            os.rename(f'{self.dir}/{core}', f'{cores}/core.{i}')
        agent = self.agent(self.conf(TAP), command=command, more=('--group-config', self.group('}')))
        self.assertIn(f'4 of {name}, more than 3', self.wait_hop(agent, 'core files')['detail'])
        self.assertEqual(self.metric('weir_exception{name="COREFILE_TOO_MANY"}'), 1)
        self.assert_captures(agent, 100)
        os.unlink(f'{cores}/core.0')
        self.wait_hop(agent, 'core files', False)
        self.assertEqual(self.metric('weir_exception{name="COREFILE_TOO_MANY"}'), 0)

    def test_too_many_sockets_are_told_and_end_the_agent_unless_they_are_closed_in_time(self):
        limit = 'limits: {max_sockets: %d, max_sockets_tolerate_interval: %s}}'
        agent = self.start(limit % (1000, '1h'))
        self.group(limit % (16, '1h'))
        agent.reload()
        self.assertIsNone(self.hop(agent, 'max_sockets'))
        many = self.connections(16)
        self.assertRegex(self.wait_hop(agent, 'max_sockets')['detail'], r'\d+ sockets are open, the limit is 16$')
        for c in many:
            c.close()
        self.wait_hop(agent, 'max_sockets', False)
        many = self.connections(16)
        self.wait_hop(agent, 'max_sockets')
        self.group(limit % (16, '1s'))
        agent.process.send_signal(1)
        self.assertEqual(agent.process.wait(timeout=30), weir.FAILED)
        self.assertRegex(agent.text(), r'limit max_sockets: the agent ends: \d+ sockets are open')

    def connections(self, n):
        """-> so many, to the control socket."""
        all_of_them = [socket.socket(socket.AF_UNIX) for _ in range(n)]
        for c in all_of_them:
            self.addCleanup(c.close)
            c.connect(self.socket)
        return all_of_them

    def test_every_thread_has_the_priority_of_the_group(self):
        agent = self.start('alerts: {thread_threshold: 3}}')
        pid = agent.data('status')['pid']
        threads = [int(t) for t in os.listdir(f'/proc/{pid}/task')]
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        if ours > 17:
            self.skipTest('these tests have the lowest priority already')
        # the store's indexer stands back by itself
        self.assertEqual({os.getpriority(os.PRIO_PROCESS, t) for t in threads}, {ours, 19})
        self.file('group.yaml', b'global: {tunning: {resource_monitoring_interval: 1s, process_scheduling_priority: 18}}')
        agent.reload()
        self.assertEqual({os.getpriority(os.PRIO_PROCESS, t) for t in threads}, {18, 19})

    def test_too_many_threads_are_told_and_twice_as_many_end_the_agent(self):
        agent = self.start('alerts: {thread_threshold: 500}}')
        n = len(os.listdir(f'/proc/{agent.data("status")["pid"]}/task'))
        self.group(f'alerts: {{thread_threshold: {n - 1}}}}}')
        agent.reload()
        self.assertIn(f'{n} threads, the limit is {n - 1}', self.wait_hop(agent, 'thread_threshold')['detail'])
        self.assertEqual(self.metric('weir_exception{name="THREAD_THRESHOLD_EXCEEDED"}'), 1)
        self.group('alerts: {thread_threshold: 1}}')
        agent.process.send_signal(1)
        self.assertEqual(agent.process.wait(timeout=30), weir.FAILED)
        self.assertIn('limit thread_threshold: the agent ends', agent.text())


if __name__ == '__main__':
    weir.main()
