#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Synthetic load and a DPDK port through the pipeline: nothing is lost, and the figures come in the promised form."""
import json
import os
import struct

import weir

KEYS = {'mpps', 'gbps', 'cycles_per_packet', 'workers', 'flows', 'lost', 'memory_per_flow_bytes', 'traffic'}


def udp(number):
    """-> a frame of a flow of its own."""
    head = struct.pack('>BBHHHBBHI4s', 0x45, 0, 46, number & 0xffff, 0, 64, 17, 0, 0x0a000000 + number, b'\x0b\0\0\1')
    return b'\x02' * 12 + b'\x08\x00' + head + struct.pack('>HHHH', 4000, 4001, 26, 0) + bytes(18)


class Bench(weir.Case):
    def figures(self, *options):
        p = weir.run(weir.AGENT, 'bench', '--seconds', '1', '-o', 'json', *options)
        self.assertEqual(p.returncode, weir.OK, p.stderr)
        return json.loads(p.stdout.splitlines()[-1])

    def test_every_kind_of_traffic_is_taken_without_loss(self):
        for kind in ('tcp', 'udp', 'synflood', 'vxlan', 'erspan', 'mixed'):
            f = self.figures('--traffic', kind, '--flows', '1000')
            self.assertLessEqual(KEYS, set(f), kind)
            self.assertEqual((f['lost'], f['traffic']), (0, kind))
            self.assertGreater(f['mpps'], 0)

    def test_two_workers_lose_nothing(self):
        f = self.figures('--workers', '2')
        self.assertEqual((f['lost'], f['workers']), (0, 2))

    def test_what_is_done_while_warming_up_does_not_count(self):
        # Packets of both seconds are made, those of one second are the rate.
        f = self.figures('--warm-up', '1')
        self.assertLess(f['mpps'] * 1e6, f['packets'])

    def test_a_capture_through_a_dpdk_port_gives_its_flows(self):
        capture = weir.data('quickstart.pcap')
        f = self.figures('--port', f'net_pcap0,rx_pcap={capture},infinite_rx=1')
        self.assertEqual(f['traffic'], 'port')
        self.assertEqual(f['flows_created'], len(weir.flows(capture)))

    def test_a_port_says_what_it_missed(self):
        capture = weir.data('quickstart.pcap')
        p = weir.run(weir.AGENT, 'bench', '--seconds', '1', '--port', f'net_pcap0,rx_pcap={capture}')
        self.assertEqual(p.returncode, weir.OK, p.stderr)
        self.assertRegex(p.stderr, r'missed +0 ')

    def test_records_a_port_brings_too_fast_are_lost_by_the_number_and_fail_the_run(self):
        # All flows end at once, when the last packet says that their time is over.
        start, many = 999999960, 100000
        frames = [(start + i / many, udp(i)) for i in range(many)] + [(start + 40, udp(many))]
        capture = self.file('burst.pcap', weir.pcap(frames))
        for slots in (256, 262144):  # the workers' ring is full; the ring of the one who writes
            box = self.file('agent.cfg', b'rings = { records = %d; };' % slots)
            records = os.path.join(self.dir, f'records-{slots}')
            p = weir.run(weir.AGENT, 'bench', '-c', box, '--seconds', '2', '-o', 'json', '--flows', str(2 * many),
                         '--records', records, '--port', f'net_pcap0,rx_pcap={capture}')
            f = json.loads(p.stdout.splitlines()[-1])
            kept = weir.run(weir.CTL, 'flow', 'list', '--file', records, '-o', 'jsonl').stdout.count('\n')
            self.assertEqual((f['packets'], f['flows_created']), (many + 1, many + 1))
            self.assertEqual(f['lost'], many + 1 - kept, p.stderr)
            self.assertEqual(p.returncode, weir.FAILED if f['lost'] else weir.OK)
            if slots == 256:
                self.assertGreater(f['lost'], 0)

    def test_a_device_that_is_not_there_is_named(self):
        p = weir.run(weir.AGENT, 'bench', '--seconds', '1', '--port', 'net_nosuch0')
        self.assertEqual(p.returncode, weir.FAILED)
        self.assertIn('net_nosuch0', p.stderr)


if __name__ == '__main__':
    weir.main()
