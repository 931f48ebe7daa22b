#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Synthetic load and a DPDK port through the pipeline: nothing is lost, and the figures come in the promised form."""
import json

import weir

KEYS = {'mpps', 'gbps', 'cycles_per_packet', 'workers', 'flows', 'lost', 'memory_per_flow_bytes', 'traffic'}


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

    def test_a_device_that_is_not_there_is_named(self):
        p = weir.run(weir.AGENT, 'bench', '--seconds', '1', '--port', 'net_nosuch0')
        self.assertEqual(p.returncode, weir.FAILED)
        self.assertIn('net_nosuch0', p.stderr)


if __name__ == '__main__':
    weir.main()
