#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weirctl and a running controller: each command that its help names, with the examples that it gives."""
import csv
import functools
import io
import json
import os
import re
import shlex
import subprocess
import time

import grpc

import site_live
import weir
from controllers import number, text

MAC = '52:54:00:40:68:0c'
NASTY = ['it\'s "quoted"', 'a/b', '../..', '<script>alert(1)</script>', "'; drop table agent_group; --", 'a&b=c?d#e%41 f+g', 'ü 汉字',
         'two\nlines', '-o', '--help', 'g-QWNDKc3ftQ']
YAML = 'inputs: {{cbpf: {{common: {{capture_mode: {}}}}}}}\n'
COMMAND = re.compile(r'  ([a-z][a-z -]*[a-z])(?: [A-Z_[][A-Z_[\]. ]*?)? {2,}\S')
# Each command of a controller is tried by test_examples; these need what the others forbid.
WITHOUT = {'agent-group create': 'group', 'agent-group-config create': 'config', 'domain create': 'domain', 'vpc create': 'vpc',
           'token create': 'token', 'repo agent create': 'image'}
IMAGE = b'#!/bin/sh\necho "Branch: v6.6"; echo "CommitId: feedbeef"; echo "RevCount: 12300"\n'


def register(case, host='node1', ip='10.1.11.122', mac=MAC, group=''):
    """An agent of a cluster calls: -> its name."""
    with grpc.insecure_channel(f'127.0.0.1:{case.controller.grpc}') as channel:
        channel.unary_unary('/agent.Synchronizer/Sync')(
            number(1, 1700000000) + text(5, 'v6.6 12257-abcdef') + text(21, ip) + text(22, host) + text(25, mac) + text(26, group) +
            text(45, 'd-7AgT3X3ZuG'), timeout=20)
    return next(a['NAME'] for a in json.loads(case.ctl('agent', 'list', '-o', 'json')) if a['CTRL_IP'] == ip)


class ControllerCtl(site_live.SiteCase):
    def setUp(self):
        super().setUp()
        self.run_controller()

    def json(self, *words):
        return json.loads(self.ctl(*words, '-o', 'json'))

    def test_columns_are_those_of_deepflows_command(self):
        name = register(self)
        row = self.ctl('agent', 'list').split()
        self.assertEqual(self.err.split(), 'ID NAME TYPE CTRL_IP CTRL_MAC STATE GROUP EXCEPTIONS REVISION UPGRADE_REVISION '
                         'POD_CLUSTER'.split())
        self.assertEqual(row[:9], ['1', name, 'K8S_VM', '10.1.11.122', '52:54:00:40:68:0c', 'NORMAL', 'default', 'v6.6', '12257'])
        self.assertRegex(self.ctl('agent-group', 'list'), '^default +g-[A-Za-z0-9]{10}\n$')
        self.assertEqual(self.err.split(), ['NAME', 'ID'])
        self.ctl('agent-group-config', 'create', 'default')
        self.assertRegex(self.ctl('agent-group-config', 'list'), '^default +g-[A-Za-z0-9]{10}\n$')
        self.assertEqual(self.err.split(), ['NAME', 'AGENT_GROUP_ID'])
        row = self.ctl('domain', 'list').split()
        self.assertEqual((row[0], row[1], row[3]), ('k8s-d-7AgT3X3ZuG', 'd-7AgT3X3ZuG', 'kubernetes'))
        self.assertEqual(self.err.split(), 'NAME ID LCUUID TYPE CONTROLLER_IP CREATED_AT SYNCED_AT ENABLED STATE AGENT_WATCH_K8S'.split())

    def test_names_of_any_kind_are_shown_literally_and_found(self):
        for name in NASTY:
            with self.subTest(name=name):
                self.ctl('agent-group', 'create', '--', name)
                self.assertIn(name, [g['NAME'] for g in self.json('agent-group', 'list')])
                shown = name.replace('\n', '?')
                self.assertIn(shown + ' ', self.ctl('agent-group', 'list'))
                self.ctl('agent-group-config', 'create', '--', name)
                self.assertEqual([c['NAME'] for c in json.loads(self.ctl('agent-group-config', 'list', '-o', 'json', '--', name))], [name])
                agent = register(self, group=name, host=f'h {name}')
                self.assertEqual(self.json('agent', 'list')[0]['VTAP_GROUP_NAME'], name)
                self.ctl('agent', 'delete', '--', agent)
                self.ctl('agent-group', 'delete', '--', name)
        self.assertEqual([g['NAME'] for g in self.json('agent-group', 'list')], ['default'])

    def test_an_empty_configuration_gives_way_and_another_does_not(self):
        self.ctl('agent-group', 'create', 'macvlan')
        self.ctl('agent-group-config', 'create', 'macvlan')
        one = self.file('one.yaml', YAML.format(1).encode())
        self.ctl('agent-group-config', 'create', 'macvlan', '-f', one)
        self.assertEqual(self.ctl('agent-group-config', 'list', 'macvlan', '-o', 'yaml'), YAML.format(1))
        self.ctl('agent-group-config', 'create', 'macvlan', '-f', one, code=weir.FAILED)
        self.assertIn('macvlan has a configuration already', self.err)
        self.ctl('agent-group-config', 'update', 'macvlan', '-f', self.file('two.yaml', YAML.format(0).encode()))
        self.assertEqual(self.ctl('agent-group-config', 'list', 'macvlan', '-o', 'yaml'), YAML.format(0))
        self.ctl('agent-group-config', 'delete', 'macvlan')
        self.ctl('agent-group-config', 'delete', 'macvlan', code=weir.NOT_FOUND)

    def test_mistakes_are_said_with_their_places_and_nothing_changes(self):
        self.ctl('agent-group', 'create', 'macvlan')
        good = 'vtap_group_id: macvlan\ntap_mode: 1\n'
        self.ctl('agent-group-config', 'create', '-f', self.file('good.yaml', good.encode()))
        bad = self.file('bad.yaml', b'vtap_group_id: macvlan\ntap_mode: 7\n\ntap_interface_regex: "("\nmtux: 1\n')
        self.ctl('agent-group-config', 'update', '-f', bad, code=weir.INVALID)
        for place in (2, 4, 5):
            self.assertIn(f'{bad}:{place}:', self.err)
        self.ctl('agent-group-config', 'update', 'macvlan', '-f', bad, code=weir.INVALID)
        self.assertIn(f'{bad}:2:', self.err)
        self.assertEqual(self.ctl('agent-group-config', 'list', 'macvlan', '-o', 'yaml'), good)
        broken = self.file('broken.yaml', b'vtap_group_id: [\n')
        self.ctl('agent-group-config', 'create', '-f', broken, code=weir.INVALID)

    def test_exit_codes(self):
        self.ctl('agent-group', 'create', 'macvlan')
        self.ctl('agent-group', 'create', 'macvlan', code=weir.FAILED)
        self.ctl('agent-group', 'create', 'x', '--id', 'nonsense', code=weir.USAGE)
        for words in (('agent', 'delete'), ('agent', 'list'), ('agent-group', 'delete'), ('agent-group-config', 'create'), ('domain', 'delete')):
            self.ctl(*words, 'nobody', code=weir.NOT_FOUND)
            self.assertIn('nobody', self.err)
        self.ctl('agent-group', 'delete', 'default', code=weir.REFUSED)
        self.controller.stop()
        self.ctl('agent', 'list', code=weir.UNREACHABLE)

    def test_an_agent_is_moved_and_switched_off_by_a_file(self):
        name = register(self)
        self.ctl('agent-group', 'create', 'edge')
        self.ctl('agent', 'update', '-f', self.file('a.yaml', f'name: {name}\nenable: 0\nagent_group_id: edge\n'.encode()))
        self.assertRegex(self.ctl('agent', 'list'), r' DISABLE +edge ')
        self.ctl('agent', 'update', '-f', self.file('a.yaml', f'name: {name}\nenable: 1\n'.encode()))
        self.assertRegex(self.ctl('agent', 'list'), r' NORMAL +edge ')
        self.ctl('agent', 'update', '-f', self.file('a.yaml', f'name: {name}\ntap_mode: mirror\n'.encode()), code=weir.USAGE)
        self.assertIn('its capture mode is that of its group, edge', self.err)


class OwnNouns(site_live.SiteCase):
    """What DeepFlow's command has not."""

    def setUp(self):
        super().setUp()
        self.run_controller()
        self.ctl('agent-group', 'create', 'macvlan')

    def set(self, mode, *words):
        return self.ctl('agent-group-config', 'update', 'macvlan', '-f', self.file('g.yaml', YAML.format(mode).encode()), *words)

    def text(self):
        return self.ctl('agent-group-config', 'list', 'macvlan', '-o', 'yaml')

    def history(self):
        """-> (version, state, comment), newest first."""
        rows = csv.DictReader(io.StringIO(self.ctl('agent-group-config', 'history', 'macvlan', '-o', 'csv')))
        return [(int(r['version']), r['state'], r['comment']) for r in rows]

    def test_versions_are_kept_and_come_back(self):
        self.set(1, '--comment', 'mirror; <b>why</b>')
        self.set(0)
        self.assertEqual(self.history(), [(2, 'in force', ''), (1, '', 'mirror; <b>why</b>')])
        self.ctl('agent-group-config', 'rollback', 'macvlan')
        self.assertEqual(self.text(), YAML.format(1))
        self.assertEqual([v[:2] for v in self.history()], [(3, 'in force'), (2, ''), (1, '')])
        self.ctl('agent-group-config', 'rollback', 'macvlan', '2')
        self.assertEqual(self.text(), YAML.format(0))
        self.ctl('agent-group-config', 'rollback', 'macvlan', '77', code=weir.NOT_FOUND)
        self.ctl('agent-group-config', 'rollback', 'macvlan', 'first', code=weir.USAGE)
        self.ctl('agent-group-config', 'rollback', 'default', code=weir.NOT_FOUND)

    def test_a_canary_is_tried_then_promoted_or_aborted(self):
        self.set(0)
        for i in range(3):
            register(self, f'n{i}', f'10.1.1.{i}', f'52:54:00:00:00:0{i}', 'macvlan')
        self.set(1, '--canary', '2')
        self.assertEqual(self.history(), [(2, 'canary', ''), (1, 'in force', '')])
        plan = json.loads(self.ctl('config', 'plan', '--group', 'macvlan', '-f', self.file('p.yaml', YAML.format(1).encode()), '-o', 'json'))
        self.assertEqual([(len(t['agents']), len(t['changes'])) for t in plan['targets']], [(1, 1), (2, 0)])
        self.ctl('agent-group-config', 'abort', 'macvlan')
        self.assertEqual(self.history()[1], (1, 'in force', ''))
        self.set(1, '--canary', '1')
        self.ctl('agent-group-config', 'promote', 'macvlan')
        self.assertEqual(self.history()[0][1], 'in force')

    def test_a_plan_names_what_would_change_on_which_agents_and_changes_nothing(self):
        self.set(0)
        name = register(self, group='macvlan')
        path = self.file('p.yaml', b'tap_mode: 1\nmtu: 9000\n')
        rows = {r[0]: r[1:] for r in (re.split(' {2,}', line) for line in self.ctl('config', 'plan', '--group', 'macvlan', '-f', path).splitlines())}
        self.assertIn(f'1 agent ({name}), which has version 1:\n', self.err)
        self.assertEqual(rows['inputs.cbpf.common.capture_mode'][:2], ['"local"', '"mirror"'])
        self.assertEqual(rows['outputs.npb.max_mtu'][:2], ['1500', '9000'])
        self.assertEqual(self.text(), YAML.format(0))
        bad = self.file('bad.yaml', b'tap_mode: 1\nmtux: 1\n')
        self.ctl('config', 'plan', '--group', 'macvlan', '-f', bad, code=weir.INVALID)
        self.assertIn(f'{bad}:2:', self.err)
        self.ctl('config', 'plan', '--group', 'nobody', '-f', path, code=weir.NOT_FOUND)

    def test_tokens_say_who_may_do_what(self):
        self.ctl('token', 'create', 'grafana', code=weir.REFUSED)
        self.assertIn('the first token must be of role admin', self.err)
        admin = self.ctl('token', 'create', 'boss', '--role', 'admin').strip()
        self.ctl('agent-group', 'list', code=weir.REFUSED)
        self.assertIn('--token-file', self.err)
        self.env['WEIR_TOKEN'] = admin
        reader = self.ctl('token', 'create', 'grafana', '--expires', '8h').strip()
        self.assertEqual([line.split()[:2] for line in self.ctl('token', 'list').splitlines()], [['boss', 'admin'], ['grafana', 'read']])
        self.assertNotIn(admin, self.ctl('token', 'list', '-o', 'json'))
        self.ctl('agent-group', 'list', env={'WEIR_TOKEN': reader})
        self.ctl('agent-group', 'create', 'x', env={'WEIR_TOKEN': reader}, code=weir.REFUSED)
        self.ctl('token', 'delete', 'grafana')
        self.ctl('agent-group', 'list', env={'WEIR_TOKEN': reader}, code=weir.REFUSED)
        self.ctl('agent-group', 'list', env={'WEIR_TOKEN': 'x' * 40}, code=weir.REFUSED)
        for secret in (admin, reader):
            self.assertNotIn(secret, self.controller.text())

    def test_every_change_is_in_the_audit_log(self):
        self.set(1)
        self.ctl('agent-group', 'delete', 'macvlan')
        rows = json.loads(self.ctl('audit', 'list', '--limit', '2', '-o', 'json'))
        self.assertEqual([(r['what'], r['object']) for r in rows], [('agent-group delete', 'macvlan'), (rows[1]['what'], 'macvlan')])
        self.assertEqual(self.ctl('audit', 'list').split('\n')[0].split()[-3:], ['agent-group', 'delete', 'macvlan'])

    def test_networks(self):
        self.assertEqual(self.ctl('vpc', 'create', 'tenant a').split(), ['tenant', 'a', '2'])
        self.assertEqual([v['name'] for v in json.loads(self.ctl('vpc', 'list', '-o', 'json'))], ['default', 'tenant a'])
        self.ctl('vpc', 'delete', 'tenant a')
        self.ctl('vpc', 'delete', 'tenant a', code=weir.NOT_FOUND)
        self.ctl('network-type', 'set', '-f', self.file('n.yaml', b'- {type: 7, vlan: 100}\n- {type: 8, vlan: 200}\n'))
        self.assertEqual([line.split()[:3] for line in self.ctl('network-type', 'list').splitlines()], [['7', '1', '100'], ['8', '1', '200']])
        self.ctl('network-type', 'set', '-f', self.file('n.yaml', b'type: 7\n'), code=weir.INVALID)
        self.ctl('network-type', 'set', '-f', self.file('n.yaml', b'[]\n'))
        self.assertEqual(self.ctl('network-type', 'list'), '')

    def test_who_was_revoked_is_refused_until_it_is_let_in(self):
        name = register(self)
        self.ctl('agent', 'revoke', name)
        self.assertEqual(self.ctl('agent', 'list'), '')
        who = self.ctl('revoked', 'list').split()[0]
        with self.assertRaises((StopIteration, grpc.RpcError)):
            register(self)
        self.ctl('revoked', 'delete', who)
        self.assertRegex(register(self), '^node1-V')

    def test_a_backup_comes_back_by_restore(self):
        self.set(1)
        path = os.path.join(self.dir, 'backup')
        self.ctl('backup', path)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.ctl('backup', path, code=weir.FAILED)  # nothing is written over
        self.ctl('agent-group', 'delete', 'macvlan')
        self.controller.stop()
        self.state = os.path.join(self.dir, 'restored')
        p = weir.run(site_live.CONTROLLER, 'restore', '--state', self.state, path)
        self.assertEqual(p.returncode, 0, p.stderr)
        self.run_controller()
        self.assertEqual(self.text(), YAML.format(1))

    def test_status(self):
        register(self)
        self.assertRegex(self.ctl('controller', 'status'), r'(?m)^agents\.normal +1$')
        self.assertEqual(json.loads(self.ctl('controller', 'status', '-o', 'json'))['groups'], 2)


class Examples(site_live.SiteCase):
    def commands(self):
        """-> each command that the help names."""
        p = weir.run(weir.CTL, '--help')
        return [m[1] for m in map(COMMAND.match, p.stdout.splitlines()) if m]

    def examples(self, words):
        p = weir.run(weir.CTL, *words, '--help')
        self.assertEqual((p.returncode, p.stderr), (weir.OK, ''), words)
        lines = p.stdout.split('\nExamples:\n')[1].splitlines()
        self.assertTrue(lines, words)
        return [line.strip() for line in lines]

    def shell(self, line):
        """-> exit code of the weirctl that a line begins with, and all it says."""
        bin_dir = os.path.join(self.dir, 'bin')
        if not os.path.isdir(bin_dir):
            wrapper = self.file('bin/weirctl', f'#!/bin/sh\nexec {weir.CTL} "$@"\n'.encode())
            os.chmod(wrapper, 0o755)
        p = subprocess.run(['bash', '-c', f'cd {self.dir}; {line}\nexit ${{PIPESTATUS[0]}}'], capture_output=True, text=True, timeout=60,
                           env={**self.env, 'PATH': bin_dir + ':' + os.environ['PATH']})
        return p.returncode, p.stdout + p.stderr

    def test_every_noun_and_verb_has_examples_of_itself(self):
        commands = self.commands()
        self.assertGreater(len(commands), 30)
        for noun in {c.split()[0] for c in commands}:
            self.assertIn(f'weirctl {noun}', ' '.join(self.examples([noun])))
        for command in commands:
            for line in self.examples(command.split()):
                self.assertIn(command.split()[-1], line)

    def test_examples_of_what_needs_no_controller_make_sense(self):
        for command in self.commands():
            if '--api-port' in weir.run(weir.CTL, *command.split(), '--help').stdout:
                continue
            for line in self.examples(command.split()):
                code, said = self.shell(line)
                self.assertNotEqual(code, weir.USAGE, f'{line}: {said}')

    def files(self, agent):
        self.file('group.yaml', YAML.format(1).encode())
        self.file('macvlan-agent-group-config.yaml', b'vtap_group_id: macvlan\ntap_mode: 1\n')
        self.file('agent.yaml', f'name: {agent}\nenable: 1\n'.encode())
        self.file('domain.yaml', weir.run(weir.CTL, 'domain', 'example', 'kubernetes').stdout.encode())
        self.file('networks.yaml', b'- {type: 7, vlan: 100}\n')
        os.chmod(self.file('deepflow-agent', IMAGE), 0o755)

    def prepare(self, command, line):
        """A controller that knows what the examples speak of, but what is to be new: -> the agent's name."""
        self.state = os.path.join(self.dir, f'state-{time.monotonic_ns()}')
        self.run_controller()
        agent = register(self)
        self.files(agent)
        file = functools.partial(os.path.join, self.dir)
        for what, words in (
                ('group', ('agent-group', 'create', 'macvlan')), ('config', ('agent-group-config', 'create', 'macvlan', '-f', file('group.yaml'))),
                ('domain', ('domain', 'create', '-f', file('domain.yaml'))), ('vpc', ('vpc', 'create', 'tenant-a')),
                ('image', ('repo', 'agent', 'create', '--arch', 'x86_64', '--image', file('deepflow-agent'))),
                ('token', ('token', 'create', 'grafana', '--role', 'admin'))):
            if what == 'token' and command == 'token create' and '--role admin' not in line:
                words = ('token', 'create', 'another', '--role', 'admin')  # the first one
            elif what == WITHOUT.get(command) or (what == 'config' and WITHOUT.get(command) == 'group'):
                continue
            said = self.ctl(*words)
            if what == 'token':
                self.env['WEIR_TOKEN'] = said.strip()
        if 'config' not in command or WITHOUT.get(command):
            return agent
        self.ctl('agent', 'update', '-f', self.file('move.yaml', f'name: {agent}\nagent_group_id: macvlan\n'.encode()))
        update = ('agent-group-config', 'update', 'macvlan', '-f', self.file('other.yaml', YAML.format(0).encode()))
        self.ctl(*update)
        if command.split()[-1] in ('promote', 'abort'):
            self.ctl(*update[:-1], file('group.yaml'), '--canary', '1')
        return agent

    def asked_of_a_controller(self):
        return [c for c in self.commands() if '--api-port' in weir.run(weir.CTL, *c.split(), '--help').stdout]

    def test_examples_of_what_asks_a_controller_do_what_they_say(self):
        for command in self.asked_of_a_controller():
            for line in self.examples(command.split()):
                if '192.0.2.1' in line or '--socket' in weir.run(weir.CTL, *command.split(), '--help').stdout and '--group' not in line:
                    continue  # nobody has this address; asked of an agent
                with self.subTest(line=line):
                    self.env.pop('WEIR_TOKEN', None)
                    agent = self.prepare(command, line)
                    if command == 'revoked delete':
                        self.ctl('agent', 'revoke', agent)
                        line = line.replace('192.0.2.7-52:54:00:12:34:56', f'10.1.11.122-{MAC}')
                    line = line.replace('weirctl ', f'weirctl --api-port {self.controller.http} ').replace('node1-V3', shlex.quote(agent))
                    code, said = self.shell(line)
                    self.assertEqual(code, weir.OK, f'{line}: {said}\n{self.controller.text()}')
                    self.controller.kill()


if __name__ == '__main__':
    weir.main()
