#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same input gives the same bytes, whatever the number of workers, the speed and the way the records take."""
import os
import struct

import weir

WAYS = (['--workers', '1'], ['--workers', '2'], ['--workers', '4'], ['--workers', '2', '--speed', '100x'])


class SameResult(weir.Case):
    def sorted_flows(self, path, *options):
        p = weir.replay('--sorted', '--flows', '-', *options, path)
        self.assertIn(p.returncode, (weir.OK, weir.PARTIAL, weir.FAILED), path)
        return p.stdout

    def test_a_mix_of_everything_gives_the_same_with_any_number_of_workers(self):
        path = os.path.join(self.dir, 'mix.pcap')
        weir.run(weir.TRAFFIC, 'mix', path)
        for reports in ([], ['--reports']):
            first = self.sorted_flows(path, *reports, *WAYS[0])
            self.assertGreater(first.count('\n'), 5000)
            for way in WAYS[1:]:
                self.assertTrue(self.sorted_flows(path, *reports, *way) == first, way + reports)

    def cut(self, path, most):
        """-> the capture (little-endian, microseconds) with at most so many bytes of each packet."""
        with open(path, 'rb') as f:
            data = f.read()
        out, at = [data[:24]], 24
        while at < len(data):
            sec, usec, caplen, wirelen = struct.unpack_from('<IIII', data, at)
            out += (struct.pack('<IIII', sec, usec, min(caplen, most), wirelen), data[at + 16:at + 16 + min(caplen, most)])
            at += 16 + caplen
        return self.file(f'cut{most}.pcap', b''.join(out))

    def test_bytes_that_the_group_leaves_out_are_as_if_they_had_not_been_captured(self):
        path = os.path.join(self.dir, 'mix.pcap')
        weir.run(weir.TRAFFIC, 'mix', path)
        for size in (128, 300):
            group = self.file('group.yaml', b'tap_mode: 2\ncapture_packet_size: %d\n' % size)
            plain = self.file('plain.yaml', b'tap_mode: 2\n')
            expected = self.sorted_flows(self.cut(path, size), '--group-config', plain)
            self.assertTrue(expected != self.sorted_flows(path, '--group-config', plain) or size > 128)
            for way in WAYS[:2]:
                self.assertTrue(self.sorted_flows(path, '--group-config', group, *way) == expected, (size, way))

    def test_records_read_back_are_the_flows_that_were_printed(self):
        path = weir.data('quickstart.pcap')
        folder = os.path.join(self.dir, 'records')
        self.assertEqual(weir.replay('--records', folder, path).returncode, weir.OK)
        p = weir.run(weir.CTL, 'flow', 'list', '--file', folder, '-o', 'jsonl')
        self.assertEqual(p.returncode, weir.OK, p.stderr)
        printed = self.sorted_flows(path).splitlines()
        self.assertEqual(sorted(p.stdout.splitlines()), sorted(printed))


if __name__ == '__main__':
    weir.main()
