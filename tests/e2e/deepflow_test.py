#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""DeepFlow's own captures through the agent: the facts its tests state, in the records people read."""
import glob
import json
import os
import sys

import weir

# Spec: data plane 4.6.
CLOSE_TYPES = {'client_syn_repeat': 7, 'server_synack_repeat': 10, 'client_source_port_reuse': 13,
               'server_queue_lack': 17, 'client_established_reset': 18}
# DeepFlow's dumps number the sides by the first packet; here a server, by its port, sent it.
SERVER_FIRST = {'xiangdao-retrans.pcap'}
UNITS = {'µs': 1, 'ms': 1e3, 'ns': 1e-3, 's': 1e6}


def facts(key):
    """-> (capture, what DeepFlow's tests say of it) of all that say something under `key`."""
    found = []
    for path in sorted(glob.glob(os.path.join(weir.CAPTURES, 'deepflow', '*.facts.json'))):
        with open(path) as f:
            fact = json.load(f).get('deepflow', {}).get(key)
        if fact is not None:
            found.append((path.removesuffix('.facts.json'), fact))
    return found


def us(text):
    if text is None:
        return 0
    unit = next(u for u in UNITS if text.endswith(u))
    return round(float(text.removesuffix(unit)) * UNITS[unit])


def delay(row, key):
    d = row.get(key, {})
    return (d.get('count', 0), us(d.get('sum')), us(d.get('max')))


def measured(record, name):
    return tuple(record.get(f'{name}_{part}', 0) for part in ('count', 'sum', 'max'))


class DeepFlow(weir.Case):
    def only_flow(self, path):
        records = weir.flows(path)
        self.assertEqual(len(records), 1, path)
        return records[0]

    def test_close_types(self):
        cases = facts('close_type')
        self.assertGreaterEqual(len(cases), 6)
        for path, name in cases:
            with self.subTest(path):
                self.assertEqual(self.only_flow(path)['close_type'], CLOSE_TYPES[name])

    def test_flow_figures(self):
        names = {'zero_window_client': 'zero_win_tx', 'zero_window_server': 'zero_win_rx'}
        cases = facts('flow_perf')
        self.assertGreaterEqual(len(cases), 3)
        for path, want in cases:
            record = self.only_flow(path)
            for key, value in want.items():
                field = names.get(key, key.removesuffix('_us'))
                # Of rtt's parts JSON has the maximum only.
                if field in record:
                    with self.subTest(path, field=field):
                        self.assertEqual(record[field], value)

    def test_the_last_row_of_each_dump_of_tcp_metrics_is_the_flow_s_record(self):
        cases = facts('tcp_perf_after_packet')
        self.assertGreaterEqual(len(cases), 7)
        for path, rows in cases:
            record, row = self.only_flow(path), rows[-1]
            tx, rx = ('rx', 'tx') if os.path.basename(path) in SERVER_FIRST else ('tx', 'rx')
            with self.subTest(path):
                self.assertEqual(record['rtt'], us(row.get('rtt_full')))
                for field, key in (('srt', 'srt_1'), ('art', 'art_1'), ('cit', 'cit')):
                    self.assertEqual(measured(record, field), delay(row, key), field)
                self.assertEqual(record['rtt_client_max'], us(row.get('rtt_0', {}).get('max')))
                self.assertEqual(record['rtt_server_max'], us(row.get('rtt_1', {}).get('max')))
                for field, key in (('retrans_' + tx, 'retrans_0'), ('retrans_' + rx, 'retrans_1'),
                                   ('syn_count', 'syn'), ('synack_count', 'synack'), ('fin_count', 'fin_count'),
                                   ('retrans_syn', 'retrans_syn'), ('retrans_synack', 'retrans_synack')):
                    self.assertEqual(record.get(field, 0), row.get(key, 0), field)

    def test_fragments_are_one_flow_with_every_byte(self):
        want = dict(facts('assertions'))[os.path.join(weir.CAPTURES, 'deepflow/ip-fragment.pcap')]
        path = os.path.join(weir.CAPTURES, 'deepflow/ip-fragment.pcap')
        for options in ((), ('--reports',), ('--workers', '2')):
            with self.subTest(options):
                records = weir.flows(*options, path)
                self.assertEqual(len({r['flow_id'] for r in records}), 1)
                self.assertEqual(sum(r['l3_byte_tx'] for r in records), want['l3_bytes_direction_0_over_all_reports'])
                self.assertEqual(sum(r['l4_byte_tx'] for r in records), want['l4_bytes_direction_0_over_all_reports'])


if __name__ == '__main__':
    if not os.path.isdir(weir.CAPTURES):
        print('skipped: ../shared/pcaps is not there')
        sys.exit(77)
    weir.main()
