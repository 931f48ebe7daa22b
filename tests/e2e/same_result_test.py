#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same input gives the same bytes, whatever the number of workers, the speed and the way the records take."""
import os

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
