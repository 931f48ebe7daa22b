#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The bundled captures: their flows are those tshark states beside them (tools/dev/capture_expect.py)."""
import collections
import glob

import weir

PROTOCOLS = {1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp'}
# Bytes of tshark's rows hold the tunnel's headers; what weir counts of them is its own rule.
TUNNELS = ('vxlan', 'gre', 'geneve', 'erspan2')


def add(sides, protocol, ip, port, other, other_port, numbers):
    key = (protocol, ip, port, other, other_port)
    sides[key] = tuple(map(sum, zip(sides.get(key, (0, 0, 0)), numbers)))


def expected(path):
    sides = {}
    with open(path) as f:
        for line in f:
            if line.startswith('#'):
                continue
            c = line.split()
            add(sides, c[0], c[1], c[2], c[3], c[4], map(int, c[5:8]))
            add(sides, c[0], c[3], c[4], c[1], c[2], map(int, c[8:11]))
    return sides


def measured(records):
    sides = collections.OrderedDict()
    for r in records:
        a, b = (r['ip_0'], str(r['client_port'])), (r['ip_1'], str(r['server_port']))
        protocol = PROTOCOLS.get(r['protocol'])
        if protocol is None:
            continue
        for (x, y), d in (((a, b), 'tx'), ((b, a), 'rx')):
            payload = r['l4_byte_' + d] if protocol != 'icmp' else 0
            add(sides, protocol, *x, *y, (r['packet_' + d], r['byte_' + d], payload))
    return sides


class Capture(weir.Case):
    maxDiff = None

    def test_flows_are_those_of_tshark(self):
        expects = sorted(glob.glob(weir.data('*.expect')))
        self.assertGreaterEqual(len(expects), 5)
        for expect in expects:
            name = expect.rsplit('/', 1)[-1].removesuffix('.expect')
            want, have = expected(expect), measured(weir.flows(weir.data(name + '.pcap')))
            if name in TUNNELS:
                want, have = ({k: (v[0], v[2]) for k, v in x.items()} for x in (want, have))
            with self.subTest(name):
                self.assertEqual(have, want)

    def test_the_refused_connection_is_a_flow_that_the_server_reset(self):
        refused = [r for r in weir.flows(weir.data('quickstart.pcap')) if r['server_port'] == 81]
        self.assertEqual([(r['packet_tx'], r['packet_rx'], r['syn_count'], r['synack_count']) for r in refused],
                         [(1, 1, 1, 0)])

    def test_every_http_flow_has_a_connect_time(self):
        web = [r for r in weir.flows(weir.data('quickstart.pcap')) if r['server_port'] == 80 and r['packet_rx'] > 0]
        self.assertGreaterEqual(len(web), 3)
        self.assertTrue(all(r['rtt'] > 0 for r in web), web)

    def test_tunnels_show_in_the_records(self):
        for name, ident in (('vxlan', 42), ('geneve', 42), ('gre', 42)):
            inner = [r for r in weir.flows(weir.data(name + '.pcap')) if r['ip_0'] == '10.42.0.1']
            self.assertTrue(inner and all(r['tunnel_tx_id'] == ident and r['tunnel_tier'] == 1 for r in inner), name)


if __name__ == '__main__':
    weir.main()
