#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every example of the top README (its blocks marked sh) runs, and what it points to is there."""
import glob
import os
import re
import shutil
import unittest

import weir


# A machine of its own for the agent: an interface that is up, and folders that are there and empty. In a changed root, mounts
# cannot be made private: then the folders are the tree's, and removed.
FOLDERS = ['/run/weir', '/var/lib/weir']
MOUNTS = 'mount -t tmpfs none /run; mount -t tmpfs none /var/lib'
MACHINE = '''
set -euo pipefail
ip link set lo up
ip link add mirror0 type veth peer name switch0
ip link set mirror0 up
ip link set switch0 up
'''


class Readme(weir.Case):
    @unittest.skipUnless(os.geteuid() == 0, 'the agent captures as root')
    def test_every_example_runs(self):
        with open(os.path.join(weir.SOURCE, 'README.md')) as f:
            blocks = re.findall(r'^```sh\n(.*?)^```', f.read(), re.M | re.S)
        self.assertGreater(len(blocks), 0)
        os.symlink(weir.BUILD, os.path.join(self.dir, 'build'))
        for folder in ('config', 'tests', 'tools'):
            os.symlink(os.path.join(weir.SOURCE, folder), os.path.join(self.dir, folder))
        machine = ['unshare', '--net', '--mount', 'bash', '-c', MOUNTS + MACHINE]
        if weir.run('unshare', '--mount', 'true').returncode != 0:
            if any(map(os.path.exists, FOLDERS)):
                self.skipTest('mounts cannot be made private here, and an agent has its folders')
            self.addCleanup(lambda: [shutil.rmtree(folder, ignore_errors=True) for folder in FOLDERS])
            machine = ['unshare', '--net', 'bash', '-c', MACHINE]
        for block in blocks:
            p = weir.run(*machine[:-1], machine[-1] + block, cwd=self.dir)
            self.assertEqual(p.returncode, 0, block + p.stdout + p.stderr)

    def test_what_it_names_to_read_is_there(self):
        with open(os.path.join(weir.SOURCE, 'README.md')) as f:
            for path in re.findall(r'`([\w/*]*README.md)`', f.read()):
                self.assertTrue(glob.glob(os.path.join(weir.SOURCE, path)), path)

    def test_it_has_less_than_200_lines(self):
        with open(os.path.join(weir.SOURCE, 'README.md')) as f:
            self.assertLess(len(f.readlines()), 200)


if __name__ == '__main__':
    weir.main()
