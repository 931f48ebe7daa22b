#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every example of the top README (its blocks marked sh) runs, and what it points to is there."""
import glob
import os
import re

import weir


class Readme(weir.Case):
    def test_every_example_runs(self):
        with open(os.path.join(weir.SOURCE, 'README.md')) as f:
            blocks = re.findall(r'^```sh\n(.*?)^```', f.read(), re.M | re.S)
        self.assertGreater(len(blocks), 0)
        for link in ('build', 'tests', 'tools'):
            os.symlink(weir.BUILD if link == 'build' else os.path.join(weir.SOURCE, link), os.path.join(self.dir, link))
        for block in blocks:
            p = weir.run('bash', '-euo', 'pipefail', '-c', block, cwd=self.dir)
            self.assertEqual(p.returncode, 0, block + p.stderr)

    def test_what_it_names_to_read_is_there(self):
        with open(os.path.join(weir.SOURCE, 'README.md')) as f:
            for path in re.findall(r'`([\w/*]*README.md)`', f.read()):
                self.assertTrue(glob.glob(os.path.join(weir.SOURCE, path)), path)

    def test_it_has_less_than_200_lines(self):
        with open(os.path.join(weir.SOURCE, 'README.md')) as f:
            self.assertLess(len(f.readlines()), 200)


if __name__ == '__main__':
    weir.main()
