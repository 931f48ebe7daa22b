#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the programs answer to right and wrong command lines."""
import json
import os

import weir

COMMANDS = {weir.AGENT: ['replay', 'bench', 'check', 'run', 'doctor'], weir.CONTROLLER: ['run', 'check', 'restore']}


class CommandLine(weir.Case):
    def test_help_is_on_standard_output_for_every_command(self):
        for program, commands in COMMANDS.items():
            for command in [[]] + [[c] for c in commands]:
                p = weir.run(program, *command, '--help')
                self.assertEqual((p.returncode, p.stderr), (weir.OK, ''), command)
                self.assertIn('usage: ' + ' '.join([os.path.basename(program), *command]), p.stdout)

    def test_every_program_tells_its_version(self):
        for program, name in ((weir.AGENT, 'weir-agent'), (weir.CONTROLLER, 'weir-controller'), (weir.CTL, 'weirctl')):
            p = weir.run(program, '--version')
            self.assertEqual(p.returncode, weir.OK)
            self.assertRegex(p.stdout, rf'^{name} \d+\.\d+\.\d+\n$')

    def test_help_of_weirctl_names_its_verbs(self):
        p = weir.run(weir.CTL, '--help')
        self.assertEqual(p.returncode, weir.OK)
        for word in ('flow', 'list', 'top', 'show'):
            self.assertIn(word, p.stdout)

    def test_an_unknown_option_is_named_and_exits_2(self):
        for program, commands in COMMANDS.items():
            for command in commands:
                p = weir.run(program, command, '--no-such-option')
                self.assertEqual(p.returncode, weir.USAGE, command)
                self.assertIn(f'{os.path.basename(program)} {command}: unrecognized option', p.stderr)
                self.assertIn('--no-such-option', p.stderr)
                self.assertEqual(p.stdout, '')

    def test_an_unknown_command_exits_2(self):
        for program in (*COMMANDS, weir.CTL):
            p = weir.run(program, 'no-such-command')
            self.assertEqual(p.returncode, weir.USAGE)
            self.assertIn('no-such-command', p.stderr)

    def test_a_command_without_what_it_needs_exits_2(self):
        for command in ([weir.AGENT], [weir.AGENT, 'replay'], [weir.CONTROLLER], [weir.CONTROLLER, 'restore'], [weir.CTL], [weir.CTL, 'flow']):
            self.assertEqual(weir.run(*command).returncode, weir.USAGE, command)

    def test_standard_output_that_cannot_be_written_is_a_failure(self):
        quick = weir.data('quickstart.pcap')
        for command in (['--help'], ['--version'], ['check'], ['check', '--help'], ['replay', '--accounting', quick],
                        ['replay', '--flows', '-', quick], ['bench', '--seconds', '1', '-o', 'json']):
            with open('/dev/full', 'w') as full:
                p = weir.run(weir.AGENT, *command, stdout=full)
            self.assertEqual(p.returncode, weir.FAILED, command)
            self.assertIn('standard output: No space left on device', p.stderr)

    def test_values_out_of_range_exit_2(self):
        quick = weir.data('quickstart.pcap')
        for wrong in (['--workers', '0'], ['--workers', 'many'], ['--speed', 'fast'], ['--mode', 'bridge']):
            self.assertEqual(weir.replay(*wrong, quick).returncode, weir.USAGE, wrong)

    def test_a_replay_is_what_its_mode_says(self):
        # Of an analyzer VLAN 5 is network 7; for the others all is the cloud's, 3, of which a local one keeps copies.
        frame = bytes.fromhex('020000000002 020000000001 8100 0005 0800 4500001c12340000401154b50a000001 0a000002 9c40 0035 0008 0000')
        path = self.file('twice.pcap', weir.pcap([(1.0, frame), (1.0005, frame)]))
        box = self.file('agent.cfg', b'vlan_map = ( { vlan = 5; type = 7; } );')
        group = 'inputs: {{cbpf: {{common: {{capture_mode: {}}}, physical_mirror: {{packet_dedup_disabled: false}}}}}}\n'
        for mode, want in {'analyzer': (7, 2), 'mirror': (3, 1), 'local': (3, 2)}.items():
            asked = self.file('asked.yaml', group.format('analyzer').encode())
            named = self.file('named.yaml', group.format(mode).encode())
            for options in (['--mode', mode, '--group-config', asked], ['--group-config', named]):
                p = weir.replay('-c', box, *options, '--flows', '-', path)
                self.assertEqual(p.returncode, weir.OK, p.stderr)
                flow, = [json.loads(line) for line in p.stdout.splitlines()]
                self.assertEqual((flow['capture_network_type_id'], flow['packet_tx']), want, (mode, options))

    def test_a_wrong_group_configuration_exits_3_with_its_place(self):
        path = self.file('group.yaml', b'processors:\n  flow_log:\n    no_such_key: 1\n')
        p = weir.replay('--group-config', path, weir.data('quickstart.pcap'))
        self.assertEqual(p.returncode, weir.INVALID)
        self.assertIn('group.yaml:3:', p.stderr)
        self.assertIn('no_such_key', p.stderr)


if __name__ == '__main__':
    weir.main()
