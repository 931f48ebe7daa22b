#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `weir-agent check` says of right and wrong configurations, and that replay refuses the same."""
import os
import re

import weir

WRONG_BOX = b'flow = { capacity = 5; };\nlog = { levl = "info"; };\n'
WRONG_GROUP = b'tap_mode: 7\ninputs:\n  cbpf: {common: {capture_mod: 2}}\n'


class Check(weir.Case):
    def check(self, *arguments):
        return weir.run(weir.AGENT, 'check', *arguments)

    def test_the_samples_are_right_and_nothing_is_said_of_them(self):
        config = os.path.join(weir.SOURCE, 'config')
        p = self.check('-c', os.path.join(config, 'agent.cfg'), '--group-config', os.path.join(config, 'group.yaml'))
        self.assertEqual((p.returncode, p.stderr), (weir.OK, ''))
        self.assertTrue(p.stdout.startswith('ok: '))

    def test_the_memory_grows_with_the_flows(self):
        sizes = []
        for flows in (100000, 200000):
            box = self.file('agent.cfg', b'flow = { capacity = %d; };' % flows)
            p = self.check('-c', box)
            self.assertIn(f'{flows} flows at most', p.stdout)
            sizes.append(float(re.search(r'flow tables +([0-9.]+) MiB', p.stdout).group(1)))
        self.assertTrue(sizes[0] < sizes[1] <= 3 * sizes[0], sizes)

    def test_all_mistakes_of_both_files_are_said_with_their_places(self):
        box, group = self.file('agent.cfg', WRONG_BOX), self.file('group.yaml', WRONG_GROUP)
        p = self.check('-c', box, '--group-config', group)
        self.assertEqual((p.returncode, p.stdout), (weir.INVALID, ''))
        lines = p.stderr.splitlines()
        self.assertEqual(len(lines), 4, p.stderr)
        for line, place, words in zip(lines, (f'{box}:1: ', f'{box}:2: ', f'{group}:1:11: ', f'{group}:3:19: '),
                                      ('1024 to 64000000', 'did you mean level', 'analyzer (2)',
                                       'did you mean capture_mode')):
            self.assertTrue(line.startswith(place), line)
            self.assertIn(words, line)

    def test_a_small_box_takes_a_group_that_says_nothing_of_flows(self):
        box, group = self.file('agent.cfg', b'flow = { capacity = 2000; };'), self.file('group.yaml', b'')
        p = self.check('-c', box, '--group-config', group)
        self.assertEqual((p.returncode, p.stderr), (weir.OK, ''))
        self.assertIn('2000 flows at most', p.stdout)

    def test_every_command_reads_the_box_configuration_of_the_machine_unless_one_is_named(self):
        other_etc = ['unshare', '-rm', 'sh', '-c',
                     'mount -t tmpfs none /etc && mkdir /etc/weir && cp "$0" /etc/weir/agent.cfg && exec "$@"',
                     self.file('agent.cfg', WRONG_BOX)]
        if weir.run(*other_etc, 'true').returncode != 0:
            self.skipTest('no mount namespace to be had')
        for command in (['check'], ['bench', '--seconds', '1'], ['replay', weir.data('quickstart.pcap')]):
            p = weir.run(*other_etc, weir.AGENT, *command)
            self.assertEqual(p.returncode, weir.INVALID, command)
            self.assertIn('/etc/weir/agent.cfg:1: ', p.stderr)
            p = weir.run(*other_etc, weir.AGENT, *command, '-c', '/dev/null')
            self.assertEqual(p.returncode, weir.OK, p.stderr)

    def test_a_group_that_asks_for_more_flows_than_the_box_has_is_refused_with_the_number(self):
        box = self.file('agent.cfg', b'flow = { capacity = 70000; };')
        group = self.file('group.yaml', b'static_config: {flow: {flow-count-limit: 70001}}')
        p = self.check('-c', box, '--group-config', group)
        self.assertEqual(p.returncode, weir.INVALID)
        self.assertIn('allowed are 70000', p.stderr)

    def test_a_file_that_is_not_there_is_named(self):
        for option in ('-c', '--group-config'):
            p = self.check(option, '/no/such/file')
            self.assertEqual(p.returncode, weir.INVALID)
            self.assertIn('/no/such/file: cannot be read', p.stderr)

    def test_replay_refuses_what_check_refuses(self):
        group = self.file('group.yaml', WRONG_GROUP)
        p = weir.replay('--group-config', group, weir.data('quickstart.pcap'))
        self.assertEqual(p.returncode, weir.INVALID)
        self.assertIn(f'{group}:1:11: ', p.stderr)


if __name__ == '__main__':
    weir.main()
