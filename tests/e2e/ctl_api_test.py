#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What weirctl asks a controller, byte for byte, and what it makes of the answers. Routes and columns are those of
DeepFlow's API and command; the controller here is Python's HTTP server."""
import json
import os
import re
import shutil
import socket
import ssl
import subprocess

import weir
from controller_api import ApiCase, Canned, envelope

GROUP = {'ID': 2, 'NAME': 'macvlan', 'SHORT_UUID': 'g-QWNDKc3ftQ', 'LCUUID': '1b0f2a54-0000-4000-8000-000000000002',
         'UPDATED_AT': '2026-03-19 09:30:00', 'VTAP_LCUUIDS': []}
DEFAULT = dict(GROUP, ID=1, NAME='default', SHORT_UUID='g-845089d116', LCUUID='1b0f2a54-0000-4000-8000-000000000001')
AGENT = {'ID': 5, 'NAME': 'node1-P1', 'TYPE': 8, 'STATE': 1, 'ENABLE': 1, 'CTRL_IP': '10.1.11.122', 'CTRL_MAC': '52:54:00:40:68:0c',
         'VTAP_GROUP_NAME': 'default', 'EXCEPTIONS': [], 'REVISION': 'v6.6 12257', 'UPGRADE_REVISION': '',
         'POD_CLUSTER_NAME': 'k8s-d-7AgT3X3ZuG', 'LCUUID': '7d0d1b0a-0000-4000-8000-000000000005'}
DOMAIN = {'NAME': 'k8s-d-7AgT3X3ZuG', 'CLUSTER_ID': 'd-7AgT3X3ZuG', 'LCUUID': '0b5f0000-0000-4000-8000-000000000001', 'TYPE': 11,
          'CONTROLLER_IP': '10.1.11.122', 'CREATED_AT': '2026-03-19 09:30:00', 'SYNCED_AT': '2026-03-19 10:01:12', 'ENABLED': 1,
          'STATE': 1, 'VTAP_NAME': 'node1-P1'}
NASTY = ['it\'s "quoted"', 'a/b', '../..', '<b>bold</b>', "'; drop table vtap; --", 'a&b=c?d#e%41', 'ü 汉字']


def place(group):
    return f'/v1/agent-group-configuration/{group["LCUUID"]}'


class Lists(ApiCase):
    def rows(self, out):
        return [line.split() for line in out.splitlines()]

    def test_agents_are_rows_on_standard_output_under_a_header_on_standard_error(self):
        api = self.canned({('GET', '/v1/vtaps/'): [AGENT, dict(AGENT, ID=6, NAME='x', ENABLE=0, EXCEPTIONS=[256, 1 << 34])]})
        out = self.ctl('agent', 'list')
        self.assertEqual(self.err.split(), 'ID NAME TYPE CTRL_IP CTRL_MAC STATE GROUP EXCEPTIONS REVISION UPGRADE_REVISION '
                         'POD_CLUSTER'.split())
        self.assertEqual(self.rows(out)[0], '5 node1-P1 K8S_VM 10.1.11.122 52:54:00:40:68:0c NORMAL default v6.6 12257 '
                         'k8s-d-7AgT3X3ZuG'.split())
        self.assertIn(' DISABLE ', out.splitlines()[1])
        self.assertIn(' INVALID_CONFIGURATION,NOT_ALLOWED_CE ', out.splitlines()[1])
        self.assertEqual([repr(r) for r in api.asked], ["GET /v1/vtaps/ b''"])

    def test_what_an_agent_has_not_is_empty_not_made_up(self):
        self.canned({('GET', '/v1/vtaps/'): [{'ID': 1, 'NAME': 'a', 'TYPE': 99, 'STATE': 9}]})
        self.assertEqual(self.rows(self.ctl('agent', 'list')), [['1', 'a', '99', '9']])

    def test_programs_get_what_the_controller_said(self):
        self.canned({('GET', '/v1/vtaps/'): [AGENT]})
        self.assertEqual(json.loads(self.ctl('agent', 'list', '-o', 'json')), [AGENT])
        self.assertEqual(json.loads(self.ctl('agent', 'list', '-o', 'jsonl')), AGENT)
        self.assertIn('CTRL_IP: "10.1.11.122"', self.ctl('agent', 'list', '-o', 'yaml'))
        head, row = self.ctl('agent', 'list', '-o', 'csv').split('\n')[:2]
        self.assertTrue(head.startswith('ID,NAME,TYPE,'))
        self.assertTrue(row.startswith('5,node1-P1,K8S_VM,'))

    def test_groups_configurations_and_domains_have_their_columns(self):
        self.canned({('GET', '/v1/vtap-groups/'): [DEFAULT, GROUP],
                     ('GET', '/v1/agent-group-configurations'): [{'LCUUID': 'c', 'AGENT_GROUP_LCUUID': GROUP['LCUUID'], 'YAML': ''}],
                     ('GET', '/v2/domains/'): [DOMAIN]})
        self.assertEqual(self.rows(self.ctl('agent-group', 'list')), [['default', 'g-845089d116'], ['macvlan', 'g-QWNDKc3ftQ']])
        self.assertEqual(self.err.split(), ['NAME', 'ID'])
        self.assertEqual(self.rows(self.ctl('agent-group-config', 'list')), [['macvlan', 'g-QWNDKc3ftQ']])
        self.assertEqual(self.err.split(), ['NAME', 'AGENT_GROUP_ID'])
        self.assertEqual(self.rows(self.ctl('domain', 'list')), [
            'k8s-d-7AgT3X3ZuG d-7AgT3X3ZuG 0b5f0000-0000-4000-8000-000000000001 kubernetes 10.1.11.122 2026-03-19 09:30:00 '
            '2026-03-19 10:01:12 ENABLE NORMAL node1-P1'.split()])
        self.assertEqual(self.err.split(), 'NAME ID LCUUID TYPE CONTROLLER_IP CREATED_AT SYNCED_AT ENABLED STATE '
                         'AGENT_WATCH_K8S'.split())

    def test_a_terminal_is_given_no_orders_by_a_name(self):
        self.canned({('GET', '/v1/vtap-groups/'): [dict(GROUP, NAME='a\x1b[31m\nb\x9bc')]})
        self.assertEqual(self.ctl('agent-group', 'list').split(), ['a?[31m?b?c', 'g-QWNDKc3ftQ'])
        self.assertEqual(json.loads(self.ctl('agent-group', 'list', '-o', 'json'))[0]['NAME'], 'a\x1b[31m\nb\x9bc')

    def test_columns_stand_under_each_other_also_behind_wide_characters(self):
        self.canned({('GET', '/v1/vtap-groups/'): [dict(GROUP, NAME='汉字'), dict(GROUP, NAME='abcd')]})
        wide, narrow = self.ctl('agent-group', 'list').splitlines()
        self.assertEqual((wide, narrow), ('汉字  g-QWNDKc3ftQ', 'abcd  g-QWNDKc3ftQ'))


class Requests(ApiCase):
    def test_headers_are_those_of_deepflows_command(self):
        api = self.canned({('GET', '/v1/vtap-groups/'): []})
        self.ctl('agent-group', 'list')
        headers = api.asked[0].headers
        self.assertEqual({k: headers[k] for k in ('Accept', 'X-User-Id', 'X-User-Type', 'X-Org-Id')},
                         {'Accept': 'application/json, text/plain', 'X-User-Id': '1', 'X-User-Type': '1', 'X-Org-Id': '1'})
        self.assertNotIn('Authorization', headers)

    def test_an_agent_is_found_by_name_and_deleted_by_id(self):
        for name in ['node1-P1'] + NASTY:
            with self.subTest(name=name):
                from urllib.parse import unquote
                api = self.canned()
                api.reply = lambda method, target, name=name: (
                    200, envelope([dict(AGENT, NAME=name), dict(AGENT, NAME='like it', LCUUID='other')] if method == 'GET' else {}))
                self.assertEqual(self.ctl('agent', 'delete', '--', name), '')
                self.assertEqual(self.err, '')
                get, delete = api.asked
                self.assertEqual(unquote(get.target), '/v1/vtaps/?name=' + name)
                self.assertRegex(get.target, r'^/v1/vtaps/\?name=[A-Za-z0-9_~%-]+$')
                self.assertEqual(repr(delete), f"DELETE /v1/vtaps/{AGENT['LCUUID']}/ b''")

    def test_a_group_is_named_by_name_id_or_lcuuid(self):
        for words, target in (('macvlan', 'name=macvlan'), (GROUP['SHORT_UUID'], 'short_uuid=g-QWNDKc3ftQ'),
                              (GROUP['LCUUID'], 'lcuuid=' + GROUP['LCUUID'])):
            api = self.canned({('GET', f'/v1/vtap-groups/?name={words}'): [],
                               ('GET', f'/v1/vtap-groups/?{target}'): [GROUP], ('DELETE', f'/v1/vtap-groups/{GROUP["LCUUID"]}/'): {}})
            self.ctl('agent-group', 'delete', words)
            self.assertEqual(api.asked[-1].method, 'DELETE')

    def test_a_group_is_created_and_shown(self):
        api = self.canned({('POST', '/v1/vtap-groups/'): GROUP})
        self.assertEqual(self.ctl('agent-group', 'create', 'macvlan').split(), ['macvlan', 'g-QWNDKc3ftQ'])
        self.assertEqual(json.loads(api.asked[0].body), {'name': 'macvlan'})
        self.assertEqual(api.asked[0].headers['Content-Type'], 'application/json')
        self.ctl('agent-group', 'create', 'macvlan', '--id', 'g-QWNDKc3ftQ')
        self.assertEqual(json.loads(api.asked[1].body), {'name': 'macvlan', 'group_id': 'g-QWNDKc3ftQ'})

    def test_a_configuration_without_a_file_is_an_empty_one(self):
        api = self.canned({('GET', '/v1/vtap-groups/?name=macvlan'): [GROUP], ('POST', place(GROUP) + '/yaml'): ''})
        self.ctl('agent-group-config', 'create', 'macvlan')
        self.assertEqual((api.asked[1].body, api.asked[1].headers['Content-Type']), (b'', 'application/x-www-form-urlencoded'))

    def test_a_configuration_that_names_its_group_is_sent_as_it_is(self):
        text = f'vtap_group_id: {GROUP["SHORT_UUID"]}\n# why\ntap_mode: 1\n'.encode()
        api = self.canned({('POST', '/v1/vtap-group-configuration/advanced/'): ''})
        self.ctl('agent-group-config', 'create', '-f', self.file('group.yaml', text))
        request, = api.asked
        self.assertEqual((request.body, request.headers['Content-Type']), (text, 'application/x-www-form-urlencoded'))

    def test_a_configuration_of_a_named_group_is_sent_as_it_is(self):
        text = 'inputs: {cbpf: {common: {capture_mode: 1}}} # ü\n'.encode()
        path = self.file('group.yaml', text)
        api = self.canned({('GET', '/v1/vtap-groups/?name=macvlan'): [GROUP],
                           ('POST', place(GROUP) + '/yaml'): '', ('PUT', place(GROUP) + '/yaml'): '', ('DELETE', place(GROUP)): {}})
        self.ctl('agent-group-config', 'create', 'macvlan', '-f', path)
        self.ctl('agent-group-config', 'update', 'macvlan', '-f', path)
        self.ctl('agent-group-config', 'delete', 'macvlan')
        self.assertEqual([(r.method, r.body) for r in api.asked if r.method != 'GET'], [('POST', text), ('PUT', text), ('DELETE', b'')])

    def test_standard_input_is_a_file(self):
        text = b'inputs: {}\n' * 20000
        api = self.canned({('GET', '/v1/vtap-groups/?name=macvlan'): [GROUP], ('PUT', place(GROUP) + '/yaml'): ''})
        p = subprocess.run([weir.CTL, '--api-port', str(self.port), 'agent-group-config', 'update', 'macvlan', '-f', '-'], input=text,
                           capture_output=True, env=self.env)
        self.assertEqual((p.returncode, p.stderr), (weir.OK, b''))
        self.assertEqual(api.asked[1].body, text)

    def test_a_configuration_of_one_group_in_yaml_is_what_was_given(self):
        text = '# mine\ntap_mode: 1\n'
        self.canned({('GET', '/v1/vtap-groups/?name=macvlan'): [GROUP], ('GET', place(GROUP) + '/yaml'): text})
        self.assertEqual(self.ctl('agent-group-config', 'list', 'macvlan', '-o', 'yaml'), text)

    def test_a_file_that_names_its_group_replaces_what_that_group_has(self):
        text = b'vtap_group_id: macvlan\ntap_mode: 0\n'
        place = '/v1/vtap-group-configuration/advanced/c1/'
        api = self.canned({('GET', '/v1/vtap-groups/?name=macvlan'): [GROUP], ('PATCH', place): '',
                           ('GET', '/v1/vtap-group-configuration/?vtap_group_id=g-QWNDKc3ftQ'): [{'LCUUID': 'c1'}]})
        self.ctl('agent-group-config', 'update', '-f', self.file('g.yaml', text))
        self.assertEqual((api.asked[-1].method, api.asked[-1].body), ('PATCH', text))
        self.ctl('agent-group-config', 'update', '-f', self.file('g.yaml', b'tap_mode: 0\n'), code=weir.INVALID)
        self.assertIn('g.yaml: names no group', self.err)
        self.ctl('agent-group-config', 'update', '-f', self.file('g.yaml', b'a: [1\n'), code=weir.INVALID)
        self.assertIn('g.yaml:', self.err)
        self.ctl('agent-group-config', 'update', code=weir.USAGE)

    def test_a_stage_and_a_comment_go_with_a_configuration(self):
        path = self.file('g.yaml', b'tap_mode: 0\n')
        target = place(GROUP) + '/yaml?canary=2&comment=why%20%26%20who'
        self.canned({('GET', '/v1/vtap-groups/?name=macvlan'): [GROUP], ('PUT', target): ''})
        self.ctl('agent-group-config', 'update', 'macvlan', '-f', path, '--canary', '2', '--comment', 'why & who')

    def test_a_domain_of_a_file(self):
        api = self.canned({('POST', '/v1/domains/'): DOMAIN, ('GET', '/v2/domains/?name=kubernetes'): [dict(DOMAIN, NAME='kubernetes')],
                           ('PATCH', f'/v1/domains/{DOMAIN["LCUUID"]}/'): {}, ('DELETE', f'/v1/domains/{DOMAIN["LCUUID"]}/'): {'LCUUID': 'x'}})
        path = self.file('domain.yaml', weir.run(weir.CTL, 'domain', 'example', 'kubernetes').stdout.encode())
        self.assertEqual(json.loads(self.ctl('domain', 'create', '-f', path)), DOMAIN)
        self.assertEqual(json.loads(api.asked[0].body), {'NAME': 'kubernetes', 'TYPE': 11, 'CONFIG': {
            'region_uuid': 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'pod_net_ipv4_cidr_max_mask': 16, 'pod_net_ipv6_cidr_max_mask': 64,
            'node_port_name_regex': '^(cni|flannel|vxlan.calico|tunl|en[ospx])', 'sync_timer': 60}})
        self.ctl('domain', 'update', 'kubernetes', '-f', path)
        self.assertEqual(api.asked[-1].method, 'PATCH')
        self.assertEqual(json.loads(self.ctl('domain', 'delete', 'kubernetes')), {'LCUUID': 'x'})
        self.ctl('domain', 'create', '-f', self.file('bad.yaml', b'name: a\ntype: moon\n'), code=weir.INVALID)
        self.assertIn('bad.yaml: type: moon is no type', self.err)

    def test_an_agent_is_updated_by_a_file(self):
        api = self.canned({('GET', '/v1/vtaps/?name=node1-P1'): [AGENT], ('GET', '/v1/vtap-groups/?name=macvlan'): [GROUP],
                           ('PATCH', f'/v1/vtaps/{AGENT["LCUUID"]}/'): {}, ('PATCH', '/v1/vtaps-tap-mode/'): {}})
        self.ctl('agent', 'update', '-f', self.file('a.yaml', b'name: node1-P1\nenable: 0\nagent_group_id: macvlan\ntap_mode: mirror\n'))
        self.assertEqual([(r.target, json.loads(r.body)) for r in api.asked if r.method == 'PATCH'],
                         [(f'/v1/vtaps/{AGENT["LCUUID"]}/', {'VTAP_GROUP_LCUUID': GROUP['LCUUID'], 'ENABLE': 0}),
                          ('/v1/vtaps-tap-mode/', {'VTAP_LCUUIDS': [AGENT['LCUUID']], 'TAP_MODE': 1})])
        for wrong in (b'enable: 1\n', b'name: node1-P1\nenable: 2\n', b'[1]\n'):
            self.ctl('agent', 'update', '-f', self.file('a.yaml', wrong), code=weir.INVALID)
        example = self.ctl('agent', 'update-example')
        self.assertIn('\nagent_group_id: ', example)

    def test_upgrades(self):
        api = self.canned({('GET', '/v1/vtaps/?name=node1-P1'): [AGENT],
                           ('GET', '/v1/vtaps/'): [AGENT, dict(AGENT, NAME='b', EXPECTED_REVISION='1-a', UPGRADE_PACKAGE='p')],
                           ('PATCH', f'/v1/upgrade/vtap/{AGENT["LCUUID"]}/'): {}, ('PATCH', f'/v1/cancel-upgrade/vtap/{AGENT["LCUUID"]}/'): {}})
        self.assertEqual(self.ctl('agent-upgrade', 'list').split(), ['b', 'v6.6', '12257', '1-a', 'p'])
        self.assertEqual(self.err.split(), ['NAME', 'REVISION', 'EXPECTED_REVISION', 'UPGRADE_PACKAGE'])
        self.ctl('agent-upgrade', 'node1-P1', '--image-name=deepflow-agent')
        self.assertEqual(json.loads(api.asked[-1].body), {'image_name': 'deepflow-agent'})
        self.ctl('agent-upgrade', 'cancel', 'node1-P1')
        self.assertEqual((api.asked[-1].target, api.asked[-1].body), (f'/v1/cancel-upgrade/vtap/{AGENT["LCUUID"]}/', b'{}'))
        self.ctl('agent-upgrade', 'node1-P1', code=weir.USAGE)

    def test_an_image_is_sent_with_what_it_says_of_itself(self):
        api = self.canned({('POST', '/v1/vtap-repo/'): {}, ('DELETE', '/v1/vtap-repo/'): {}, ('GET', '/v1/vtap-repo/'): []})
        image = self.file('deepflow-agent', b'#!/bin/sh\necho "Name: x"; echo "Branch: v6.6"; echo "CommitId: feedbeef"; echo "RevCount: 12300"\n')
        self.ctl('repo', 'agent', 'create', '--arch', 'x86_64', '--image', image, code=weir.FAILED)  # does not run
        os.chmod(image, 0o755)
        self.ctl('repo', 'agent', 'create', '--arch', 'x86_64', '--image', image)
        with open(image, 'rb') as f:
            content = f.read()
        request, = api.asked
        self.assertRegex(request.headers['Content-Type'], '^multipart/form-data; boundary=')
        for name, value in (('NAME', 'deepflow-agent'), ('ARCH', 'x86_64'), ('BRANCH', 'v6.6'), ('REV_COUNT', '12300'),
                            ('COMMIT_ID', 'feedbeef'), ('OS', 'Linux'), ('K8S_IMAGE', '')):
            self.assertIn(f'name="{name}"\r\n\r\n{value}\r\n'.encode(), request.body)
        self.assertIn(content, request.body)
        self.ctl('repo', 'agent', 'delete', 'deepflow-agent')
        self.assertEqual(json.loads(api.asked[-1].body), {'image_name': 'deepflow-agent'})
        self.assertEqual(self.ctl('repo', 'agent', 'list'), '')

    def test_an_example_of_a_domain_needs_no_controller(self):
        self.port = 1
        out = weir.run(weir.CTL, 'domain', 'example', 'kubernetes')
        self.assertEqual(out.returncode, weir.OK)
        self.assertIn('type: kubernetes\n', out.stdout)
        self.assertEqual(weir.run(weir.CTL, 'domain', 'example', 'moon').returncode, weir.NOT_FOUND)


class Refusals(ApiCase):
    def test_who_is_not_there_is_4_and_nothing_is_changed(self):
        api = self.canned({('GET', '/v1/vtaps/?name=nobody'): [], ('GET', '/v1/vtap-groups/?name=nobody'): [],
                           ('GET', '/v2/domains/?name=nobody'): []})
        for words in (('agent', 'delete'), ('agent-group', 'delete'), ('agent-group-config', 'create'), ('domain', 'delete'),
                      ('agent', 'list')):
            self.assertEqual(self.ctl(*words, 'nobody', code=weir.NOT_FOUND), '')
            self.assertIn('nobody: there is none', self.err)
        self.assertEqual({r.method for r in api.asked}, {'GET'})

    def test_the_controllers_words_and_the_exit_code(self):
        for http, status, code in ((400, 'INVALID_PARAMETERS', weir.USAGE), (403, 'FAIL', weir.REFUSED), (401, 'FAIL', weir.REFUSED),
                                   (400, 'INVALID_POST_DATA', weir.INVALID),
                                   (400, 'RESOURCE_ALREADY_EXIST', weir.FAILED), (404, 'RESOURCE_NOT_FOUND', weir.NOT_FOUND),
                                   (500, 'SERVER_ERROR', weir.FAILED), (200, 'FAIL', weir.FAILED)):
            self.canned({('POST', '/v1/vtap-groups/'): (http, envelope(None, status, 'the group a\nis wrong: do it right'))})
            self.assertEqual(self.ctl('agent-group', 'create', 'a', code=code), '')
            self.assertEqual(self.err, 'weirctl: the group a?is wrong: do it right%s\n' % (
                ': --token-file FILE or WEIR_TOKEN has yours' if http == 401 else ''))

    def test_a_configuration_with_mistakes_is_3(self):
        self.canned({('POST', '/v1/vtap-group-configuration/advanced/'): (400, envelope(None, 'INVALID_POST_DATA', 'tap_mode: 7'))})
        self.ctl('agent-group-config', 'create', '-f', self.file('g.yaml', b'tap_mode: 7\n'), code=weir.INVALID)
        self.assertIn('tap_mode: 7', self.err)

    def test_each_mistake_of_a_file_has_its_place(self):
        answer = json.dumps({'OPT_STATUS': 'INVALID_POST_DATA', 'DESCRIPTION': '1:1: a\n2:3: b', 'DATA': None, 'errors': [
            {'level': 'error', 'line': 2, 'column': 3, 'message': 'tap_mode: 7 is none\x1b'}, {'level': 'warning', 'line': 5, 'column': 1,
             'message': 'old'}, {'level': 'error', 'line': 1, 'column': 1, 'message': 'mtu: 1'}], 'mistakes': 2}).encode()
        self.canned({('POST', '/v1/vtap-group-configuration/advanced/'): (400, answer)})
        path = self.file('g.yaml', b'x')
        self.ctl('agent-group-config', 'create', '-f', path, code=weir.INVALID)
        lines = self.err.splitlines()
        self.assertEqual([line.split(' ')[0] for line in lines], [f'{path}:1:1:', f'{path}:2:3:', f'{path}:5:1:'])
        self.assertIn('tap_mode: 7 is none?', lines[1])

    def test_nobody_there_is_6_with_what_to_do(self):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = s.getsockname()[1]
            self.ctl('agent', 'list', code=weir.UNREACHABLE)
        self.assertIn(f'http://127.0.0.1:{self.port}: Connection refused: ', self.err)
        self.assertIn('weir-controller', self.err)
        self.assertEqual(self.err.count('\n'), 1)

    def test_an_answer_that_never_comes_is_6_after_the_timeout(self):
        with socket.create_server(('127.0.0.1', 0)) as s:
            self.port = s.getsockname()[1]
            self.ctl('agent', 'list', '--timeout', '300ms', code=weir.UNREACHABLE)
        self.assertIn('timed out', self.err)

    def test_answers_of_something_else_are_said(self):
        for http, body, code in ((200, b'<html>hello', weir.FAILED), (404, b'Not Found', weir.UNREACHABLE), (200, b'', weir.FAILED),
                                 (200, b'[1,2', weir.FAILED), (200, b'{"DATA": []} rubbish', weir.FAILED)):
            self.canned({('GET', '/v1/vtaps/'): (http, body)})
            self.assertEqual(self.ctl('agent', 'list', code=code), '')
            self.assertIn(f'the answer (status {http}) is none of a controller', self.err)

    def test_a_file_that_is_not_there_is_4(self):
        self.canned()
        self.ctl('agent-group-config', 'create', '-f', os.path.join(self.dir, 'none.yaml'), code=weir.NOT_FOUND)
        self.assertIn('none.yaml: No such file', self.err)


class Tokens(ApiCase):
    def asked_with(self, *words, env=None):
        api = self.canned({('GET', '/v1/vtap-groups/'): []})
        self.ctl(*words, 'agent-group', 'list', env=env)
        return api.asked[0].headers.get('Authorization')

    def token_file(self, mode, name='token'):
        path = self.file(name, b'secret-of-file\n')
        os.chmod(path, mode)
        return path

    def test_a_token_is_of_the_option_then_the_environment_then_home(self):
        self.token_file(0o600, '.config/weir/token')
        self.assertEqual(self.asked_with(), 'Bearer secret-of-file')
        self.assertEqual(self.asked_with(env={'WEIR_TOKEN': 'of-env'}), 'Bearer of-env')
        path = self.file('t', b'of-option')
        os.chmod(path, 0o640)
        self.assertEqual(self.asked_with('--token-file', path, env={'WEIR_TOKEN': 'of-env'}), 'Bearer of-option')

    def test_a_token_that_everybody_may_read_is_not_used(self):
        api = self.canned({('GET', '/v1/vtap-groups/'): []})
        self.ctl('--token-file', self.token_file(0o604), 'agent-group', 'list', code=weir.REFUSED)
        self.assertIn('chmod 600', self.err)
        self.assertEqual(api.asked, [])

    def test_a_token_is_not_shown_where_it_makes_no_sense(self):
        self.canned()
        self.ctl('agent-group', 'list', env={'WEIR_TOKEN': 'a\nb: c'}, code=weir.USAGE)
        self.assertNotIn('b: c', self.err)


class AnyShape(ApiCase):
    """A controller that answers JSON of another shape than is expected."""
    SHAPES = [None, 7, [], [1, None, 'x', [[]]], [{}], {'targets': [{'agents': 7, 'changes': [3]}]},
              [{'NAME': 1, 'LCUUID': None, 'EXCEPTIONS': ['a', 1.5], 'TYPE': {}, 'STATE': [], 'ENABLE': 'no', 'version': 'x'}]]
    WORDS = {'NAME': 'a', 'GROUP': 'a', 'AGENT': 'a', 'NEW_NAME': 'b', 'IMAGE': 'i', 'WHO': 'w', 'VERSION': '1', 'TYPE': 'kubernetes'}

    def commands(self):
        """-> each command that asks a controller, with what it needs."""
        for line in weir.run(weir.CTL, '--help').stdout.splitlines():
            found = re.match(r'  ([a-z][a-z -]*[a-z])((?: [A-Z_[][A-Z_[\]. ]*?)?) {2,}\S', line)
            if not found or '--api-port' not in (page := weir.run(weir.CTL, *found[1].split(), '--help').stdout):
                continue
            words = found[1].split() + [self.WORDS.get(w.strip('[]'), os.path.join(self.dir, 'out')) for w in found[2].split()]
            yield words + (['-f', self.path] if '--file' in page else []) + (['--group', 'a'] if '--group' in page else [])

    def test_no_answer_ends_a_command_by_a_signal(self):
        api = self.canned()
        self.path = self.file('f.yaml', b'name: a\nvtap_group_id: a\nenable: 1\n')
        commands = list(self.commands())
        self.assertGreater(len(commands), 30)
        for shape in self.SHAPES:
            for status in (200, 400):
                body = envelope(shape) if status == 200 else json.dumps({'errors': shape, 'detail': shape, 'OPT_STATUS': shape}).encode()
                own = json.dumps(shape).encode()
                api.reply = lambda method, target, s=status, b=body, o=own: (s, o if s == 200 and target.startswith('/api/') else b)
                for words in commands if status == 200 or shape else commands[:5]:
                    p = weir.run(weir.CTL, '--api-port', str(self.port), *words, env=self.env)
                    self.assertIn(p.returncode, range(9), f'{words}: {shape}: {p.stderr}')
                    self.assertNotIn('Sanitizer', p.stderr)
                    if os.path.exists(os.path.join(self.dir, 'out')):
                        os.unlink(os.path.join(self.dir, 'out'))


class Tls(ApiCase):
    def openssl(self, *words):
        subprocess.run(['openssl', *words], check=True, capture_output=True, cwd=self.dir)

    def server(self, subject):
        """Its certificate is for `subject`, and signed by ca.pem."""
        new = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes')
        self.openssl('req', '-x509', *new, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca', '-days', '2')
        self.openssl('req', *new, '-keyout', 'own.key', '-out', 'own.csr', '-subj', '/CN=controller')
        self.file('ext', f'subjectAltName={subject}\n'.encode())
        self.openssl('x509', '-req', '-in', 'own.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext',
                     '-out', 'own.pem')
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.dir, 'own.pem'), os.path.join(self.dir, 'own.key'))
        api = Canned(self, {('GET', '/v1/vtap-groups/'): [GROUP]}, context)
        self.port, self.ca = api.port, os.path.join(self.dir, 'ca.pem')
        return api

    def test_a_certificate_is_checked_and_the_token_goes_nowhere_else(self):
        api = self.server('IP:127.0.0.1')
        token = {'WEIR_TOKEN': 'secret'}
        self.assertIn('macvlan', self.ctl('--cacert', self.ca, 'agent-group', 'list', env=token))
        self.assertEqual(api.asked[0].headers['Authorization'], 'Bearer secret')
        self.ctl('--tls', 'agent-group', 'list', env=token, code=weir.UNREACHABLE)  # signed by nobody that is known
        self.assertIn('--cacert FILE names who signed', self.err)
        self.ctl('agent-group', 'list', code=weir.UNREACHABLE)  # in clear text
        self.assertEqual(len(api.asked), 1)

    def test_a_certificate_of_another_name_is_not_spoken_with(self):
        api = self.server('DNS:other.example')
        self.ctl('--cacert', self.ca, 'agent-group', 'list', code=weir.UNREACHABLE)
        self.assertEqual(api.asked, [])

    def test_a_server_without_tls_is_said(self):
        api = self.canned({('GET', '/v1/vtap-groups/'): []})
        self.ctl('--tls', 'agent-group', 'list', code=weir.UNREACHABLE)
        self.assertIn('does it speak TLS there?', self.err)
        self.assertEqual(api.asked, [])

    def test_a_file_of_authorities_that_is_none_is_named(self):
        self.server('IP:127.0.0.1')
        self.ctl('--cacert', os.path.join(self.dir, 'none.pem'), 'agent-group', 'list', code=weir.USAGE)
        self.assertIn('none.pem', self.err)


class Completion(ApiCase):
    """What a shell offers behind `weirctl ...`."""

    def complete(self, *words):
        script = self.file('weirctl.bash', weir.run(weir.CTL, 'completion', 'bash').stdout.encode())
        wrapper = self.file('bin/weirctl', f'#!/bin/sh\nexec {weir.CTL} --api-port {self.port} "$@"\n'.encode())
        os.chmod(wrapper, 0o755)
        ask = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weirctl; printf "%s\\n" "${COMPREPLY[@]}"'
        p = weir.run('bash', '-c', ask, 'bash', script, 'weirctl', *words,
                     env={**self.env, 'PATH': os.path.dirname(wrapper) + ':' + os.environ['PATH']})
        self.assertEqual((p.returncode, p.stderr), (0, ''))
        return p.stdout.split('\n')[:-1]

    def test_nouns_verbs_options_and_their_values(self):
        self.canned()
        self.assertEqual(self.complete('agent-g'), ['agent-group', 'agent-group-config'])
        self.assertEqual(self.complete('agent-group', ''), ['list', 'create', 'update', 'delete'])
        self.assertEqual(self.complete('-i', '192.0.2.1', 'agent-group', 'd'), ['delete'])
        self.assertEqual(self.complete('agent-group-config', 'create', '--c'), ['--cacert', '--canary', '--comment'])
        self.assertEqual(self.complete('agent', 'list', '-o', 'j'), ['json', 'jsonl'])
        self.assertEqual(self.complete('nonsense', ''), [''])

    def test_names_of_what_there_is(self):
        self.canned({('GET', '/v1/vtap-groups/'): [DEFAULT, dict(GROUP, NAME='two words; rm')], ('GET', '/v1/vtaps/'): [AGENT]})
        self.assertEqual(self.complete('agent-group', 'delete', ''), ['default', 'two\\ words\\;\\ rm'])
        self.assertEqual(self.complete('agent-group-config', 'create', 'd'), ['default'])
        self.assertEqual(self.complete('agent', 'delete', 'node'), ['node1-P1'])
        self.assertEqual(self.complete('agent-group', 'create', ''), [''])

    def test_the_script_passes_shellcheck(self):
        if shutil.which('shellcheck') is None:
            self.skipTest('no program shellcheck')
        p = weir.run('shellcheck', self.file('c.bash', weir.run(weir.CTL, 'completion', 'bash').stdout.encode()))
        self.assertEqual(p.returncode, 0, p.stdout)


if __name__ == '__main__':
    weir.main()
