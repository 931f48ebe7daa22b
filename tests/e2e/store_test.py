#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a replay leaves in a store, as the sqlite3 command reads it."""
import glob
import json
import os
import subprocess

import weir


def rows(folder):
    """-> every row of the view `flow` of every file, in the order of the files."""
    found = []
    for path in sorted(glob.glob(os.path.join(folder, 'flow-*.sqlite'))):
        p = subprocess.run(['sqlite3', '-readonly', '-json', path, 'SELECT * FROM flow'], text=True, check=True,
                           capture_output=True)
        found += json.loads(p.stdout) if p.stdout else []
    return found


def filled(record, like):
    """A record of JSON lines with what it leaves out: 0, or an empty list."""
    return {k: record.get(k, '0.0.0.0' if '_ip_' in k else '[]' if k == 'acl_gids' else 0) for k in like}


class Store(weir.Case):
    def check_same(self, *captures):
        folder = os.path.join(self.dir, 'store')
        p = weir.replay('--store', folder, '--flows', '-', '--reports', *captures)
        self.assertEqual((p.returncode, p.stdout != ''), (weir.OK, True), p.stderr)
        lines = [json.loads(line) for line in p.stdout.splitlines()]
        have = rows(folder)
        self.assertEqual(len(have), len(lines))
        order = json.dumps
        self.assertEqual(sorted(have, key=order), sorted((filled(r, have[0]) for r in lines), key=order))
        self.assertTrue(all(r.keys() <= have[0].keys() for r in lines))
        return folder

    def test_rows_are_the_json_lines(self):
        for name in ('quickstart', 'vxlan', 'gre'):
            with self.subTest(name):
                self.check_same(weir.data(name + '.pcap'))
                self.setUp()

    def test_reports_of_many_minutes_are_all_there(self):
        seconds = range(0, 7500, 15)  # one UDP flow over three hours of the clock
        frame = bytes.fromhex('020000000002020000000001080045000020000000004011'
                              '669a0a0000010a0000020fa0003500 0c0000'.replace(' ', '')) + bytes(18)
        capture = self.file('long.pcap', weir.pcap([(1700000000 + s, frame) for s in seconds]))
        folder = self.check_same(capture)
        self.assertGreater(len(rows(folder)), 100)
        self.assertEqual(sum(r['packet_tx'] for r in rows(folder)), len(seconds))
        self.assertEqual(len(glob.glob(os.path.join(folder, '*.sqlite'))), 3)

    def test_files_are_finished_when_it_ends(self):
        folder = self.check_same(weir.data('quickstart.pcap'))
        self.assertEqual(glob.glob(os.path.join(folder, '*-wal')), [])
        for path in glob.glob(os.path.join(folder, '*.sqlite')):
            p = weir.run('sqlite3', '-readonly', path, 'PRAGMA journal_mode; SELECT finished FROM file; '
                         "SELECT count(*) > 3 FROM sqlite_schema WHERE type = 'index'")
            self.assertEqual(p.stdout, 'delete\n1\n1\n')

    def test_a_second_replay_adds_to_it(self):
        folder = self.check_same(weir.data('quickstart.pcap'))
        n = len(rows(folder))
        self.assertEqual(weir.replay('--store', folder, weir.data('quickstart.pcap')).returncode, weir.OK)
        self.assertEqual(len(rows(folder)), 2 * n)

    def test_what_cannot_be_a_store_is_refused_by_name(self):
        quick = weir.data('quickstart.pcap')
        for folder, why in ((self.file('file', b'x'), 'Not a directory'), ('/nonexistent/store', 'No such file'),
                            ('/proc', 'Permission denied|No such file|Operation not')):
            p = weir.replay('--store', folder, quick)
            self.assertEqual((p.returncode, p.stdout), (weir.FAILED, ''))
            self.assertRegex(p.stderr, f'{folder}.*({why})')

    def test_records_that_were_lost_are_a_failure_and_counted(self):
        if os.geteuid() != 0:
            self.skipTest('a small disk can only be mounted as root')
        folder = os.path.join(self.dir, 'small')
        os.mkdir(folder)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', folder], check=True)
        self.addCleanup(subprocess.run, ['umount', '-l', folder], check=True)
        p = weir.replay('--store', folder, '--flows', '-', '--reports', weir.data('quickstart.pcap'))
        self.assertEqual(p.returncode, weir.FAILED, p.stderr)
        n = len(p.stdout.splitlines())
        self.assertGreater(n, 0)
        self.assertRegex(p.stderr, rf'--store {folder}: {n} of {n} records could not be written; .*disk is full')


if __name__ == '__main__':
    weir.main()
