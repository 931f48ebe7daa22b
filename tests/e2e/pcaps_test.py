#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A hundred captures of others: the same bytes with any number of workers."""
import os
import sys

import weir

WAYS = ('1', '2', '4')


def sample(n):
    """n of the captures beside the tree, evenly over all of at most 2 MB."""
    with open(os.path.join(weir.CAPTURES, 'MANIFEST.tsv')) as f:
        paths = [os.path.join(weir.CAPTURES, line.split('\t')[0]) for line in f.read().splitlines()[1:]]
    paths = [p for p in paths if os.path.getsize(p) < 2e6]
    return paths[::max(1, len(paths) // n)][:n]


class Pcaps(weir.Case):
    def sorted_flows(self, path, workers):
        p = weir.replay('--sorted', '--flows', '-', '--workers', workers, path)
        self.assertIn(p.returncode, (weir.OK, weir.PARTIAL, weir.FAILED), path)
        return p.stdout

    def test_a_hundred_captures_give_the_same_with_any_number_of_workers(self):
        filled = 0
        for path in sample(100):
            first = self.sorted_flows(path, WAYS[0])
            filled += first != ''
            for workers in WAYS[1:]:
                with self.subTest(path, workers=workers):
                    self.assertEqual(self.sorted_flows(path, workers), first)
        self.assertGreater(filled, 80)  # not all have flows: some are damaged, or of other link types


if __name__ == '__main__':
    if not os.path.isdir(weir.CAPTURES):
        print('skipped: ../shared/pcaps is not there')
        sys.exit(77)
    weir.main()
