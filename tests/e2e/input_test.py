#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Input that is damaged, empty, foreign or cut short: said to the person, counted for the packet, nothing else lost."""
import gzip
import json
import os
import signal
import subprocess
import time

import weir

QUICK = weir.data('quickstart.pcap')


def quick():
    with open(QUICK, 'rb') as f:
        return f.read()


class Input(weir.Case):
    def whole(self):
        return weir.accounting(QUICK)[1]['received']

    def test_a_capture_cut_in_the_middle_is_read_up_to_the_cut(self):
        content = quick()
        code, a, words = weir.accounting(self.file('cut.pcap', content[:len(content) // 2]))
        self.assertEqual(code, weir.PARTIAL)
        self.assertGreater(a['received'], 0)
        self.assertLess(a['received'], self.whole())
        self.assertIn('cut.pcap', words)
        self.assert_conserved(a)

    def test_a_cut_at_every_byte_of_the_headers_and_first_packets_ends_cleanly(self):
        content = quick()
        for n in list(range(1, 120)) + list(range(120, 600, 7)):
            p = weir.replay('--accounting', self.file('cut.pcap', content[:n]))
            self.assertIn(p.returncode, (weir.OK, weir.FAILED, weir.PARTIAL), n)
            if p.stdout:
                self.assert_conserved(json.loads(p.stdout))

    def test_garbage_is_refused_by_name(self):
        p = weir.replay(self.file('garbage.pcap', bytes(range(256)) * 10))
        self.assertIn(p.returncode, (weir.FAILED, weir.PARTIAL))
        self.assertIn('garbage.pcap', p.stderr)

    def test_an_empty_file_is_refused_by_name(self):
        p = weir.replay(self.file('empty.pcap', b''))
        self.assertNotEqual(p.returncode, weir.OK)
        self.assertIn('empty.pcap', p.stderr)

    def test_a_capture_without_packets_has_no_flows(self):
        code, a, _ = weir.accounting(self.file('none.pcap', weir.pcap([])))
        self.assertEqual((code, a['received']), (weir.OK, 0))

    def test_a_missing_file_is_named(self):
        p = weir.replay(os.path.join(self.dir, 'missing.pcap'))
        self.assertNotEqual(p.returncode, weir.OK)
        self.assertIn('missing.pcap', p.stderr)

    def test_standard_input_is_refused_in_words(self):
        p = weir.replay('-')
        self.assertEqual(p.returncode, weir.FAILED)
        self.assertIn('standard input', p.stderr)

    def test_output_that_cannot_be_written_ends_the_replay_at_once(self):
        # Looped for hours: a run that went on would meet the time limit.
        p = weir.replay('--loop', '1000000000', '--reports', '--flows', '/dev/full', QUICK, timeout=20)
        self.assertEqual(p.returncode, weir.FAILED)
        self.assertIn('/dev/full: No space left on device', p.stderr)

    def test_a_capture_is_not_overwritten_by_its_flows(self):
        path = self.file('a.pcap', quick())
        self.assertEqual(weir.replay('--flows', path, path).returncode, weir.FAILED)
        with open(path, 'rb') as f:
            self.assertEqual(f.read(), quick())

    def test_a_folder_is_read_for_its_captures_whatever_else_lies_there(self):
        self.file('captures/a.pcap', quick())
        self.file('captures/deeper/b.pcap', quick())
        self.file('captures/notes.txt', b'not a capture\n')
        self.file('captures/empty.log', b'')
        _, a, _ = weir.accounting(os.path.join(self.dir, 'captures'))
        self.assertEqual(a['received'], 2 * self.whole())
        self.assert_conserved(a)

    def test_gzip_and_plain_give_the_same_flows(self):
        packed = self.file('quick.pcap.gz', gzip.compress(quick()))
        self.assertEqual(weir.flows('--sorted', packed), weir.flows('--sorted', QUICK))

    def test_frames_of_an_unknown_link_type_are_counted_as_that(self):
        path = self.file('strange.pcap', weir.pcap([(1.0, b'x' * 60)] * 5, linktype=147))
        _, a, _ = weir.accounting(path)
        self.assertEqual((a['received'], a['outcomes']['linktype']), (5, 5))

    def test_frames_of_no_bytes_and_of_64_kib_are_counted(self):
        path = self.file('odd.pcap', weir.pcap([(1.0, b''), (1.1, b'\0' * 65535), (1.2, b'\xff' * 13)]))
        _, a, _ = weir.accounting(path)
        self.assertEqual(a['received'], 3)
        self.assert_conserved(a)

    def test_times_that_jump_lose_nothing(self):
        frames = [(t, b'\x02' * 12 + b'\x08\x00' + bytes.fromhex('4500001c000000004011000001020304050607080035003500080000'))
                  for t in (1000.0, 2.0, 900.0, 4e9, 3.0, 1000.5)]
        _, a, _ = weir.accounting(self.file('jump.pcap', weir.pcap(frames)))
        self.assertEqual((a['received'], a['outcomes']['flow']), (6, 6))

    def paced(self, *before):
        """-> a replay that takes long."""
        command = (*before, weir.AGENT, 'replay', '-c', '/dev/null', '--speed', '0.1x', '--accounting', QUICK)
        # The tests themselves may run under nohup.
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
        self.addCleanup(p.kill)
        time.sleep(1)
        return p

    def assert_partial(self, p):
        out, words = p.communicate(timeout=10)
        self.assertEqual(p.returncode, weir.PARTIAL, words)
        self.assertIn('interrupted', words)
        a = json.loads(out.splitlines()[-1])
        self.assertLess(a['received'], self.whole())
        self.assert_conserved(a)

    def test_an_interrupt_ends_a_paced_replay_with_all_packets_accounted_for(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            p = self.paced()
            p.send_signal(number)
            time.sleep(0.02)
            p.send_signal(number)  # as timeout(1) does: to the process, and to its group
            self.assert_partial(p)

    def test_under_nohup_a_closed_terminal_ends_nothing(self):
        p = self.paced('nohup')
        p.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        self.assertIsNone(p.poll())
        p.send_signal(signal.SIGTERM)
        self.assert_partial(p)

    def test_each_prints_one_accounting_line_a_file(self):
        paths = [self.file('a.pcap', quick()), self.file('b.pcap', weir.pcap([])), self.file('c.pcap', quick())]
        p = weir.replay('--each', '--accounting', *paths)
        lines = [json.loads(line) for line in p.stdout.splitlines()]
        self.assertEqual([a['file'] for a in lines], paths)
        self.assertEqual([a['received'] for a in lines], [self.whole(), 0, self.whole()])

    def test_flows_and_accounting_of_each_file_share_standard_output_line_by_line(self):
        # The accounting alone is more than a pipe's buffer of standard output holds.
        paths = [self.file(f'{i:03}.pcap', quick()) for i in range(60)]
        p = weir.replay('--each', '--accounting', '--flows', '-', *paths)
        self.assertEqual(p.returncode, weir.OK, p.stderr)
        lines = [json.loads(line) for line in p.stdout.splitlines()]
        self.assertEqual([a['file'] for a in lines[-60:]], paths)
        self.assertEqual(len(lines) - 60, 60 * len(weir.flows(QUICK)))
        self.assertTrue(all('flow_id' in flow for flow in lines[:-60]))

    def test_a_wrong_place_for_records_leaves_the_flows_of_before(self):
        flows, place = self.file('flows', b'of before\n'), self.file('place', b'')
        p = weir.replay('--flows', flows, '--records', place, QUICK)
        self.assertEqual(p.returncode, weir.FAILED)
        self.assertIn(f'{place}: records cannot be written there: Not a directory', p.stderr)
        with open(flows) as f:
            self.assertEqual(f.read(), 'of before\n')

    def test_a_file_of_a_folder_that_cannot_be_read_is_named_and_fails_the_run(self):
        self.file('captures/a.pcap', quick())
        os.symlink('/proc/self/mem', os.path.join(self.dir, 'captures/b.pcap'))  # its byte 0 is an I/O error
        p = weir.replay('--accounting', os.path.join(self.dir, 'captures'))
        self.assertEqual((p.returncode, p.stdout), (weir.FAILED, ''))
        self.assertIn('captures/b.pcap', p.stderr)

    def test_duplicates_are_dropped_where_the_option_or_else_the_group_says_so(self):
        frame = b'\x02' * 12 + b'\x08\x00' + bytes.fromhex('4500001c000100004011000001020304050607080035003500080000')
        path = self.file('twice.pcap', weir.pcap([(1.0, frame), (1.0001, frame)]))
        key = b'inputs: {cbpf: {physical_mirror: {packet_dedup_disabled: %s}}}'
        silent, on, off = (self.file(name, text) for name, text in
                           (('silent.yaml', b''), ('on.yaml', key % b'false'), ('off.yaml', key % b'true')))
        for group, options, dropped in ((None, [], 0), (silent, [], 0), (on, [], 1), (off, [], 0),
                                        (None, ['--dedup'], 1), (off, ['--dedup'], 1)):
            options = options + (['--group-config', group] if group else [])
            _, a, words = weir.accounting(*options, path)
            self.assertEqual((a['received'], a['outcomes']['duplicate']), (2, dropped), (options, words))


if __name__ == '__main__':
    weir.main()
