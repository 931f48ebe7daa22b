#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The controller's HTTP API: who may, what is refused, /api/v1, and that names are what they are. The client is Python's."""
import concurrent.futures
import hashlib
import http.client
import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import time
import unittest
import urllib.parse

import grpc

import site_live
import weir
from controllers import number, text

NASTY = ['a/b', "Robert'); DROP TABLE agent_group;--", '"quoted"', 'two\nlines', '<script>alert(1)</script>', '%41', '..', 'ä € 😀',
         '{"a": 1}', "it's", 'back\\slash', 'tab\there', '?x=1&y=2#z', '.', 'vtap_group_id: x']
TREE = 'inputs:\n  cbpf:\n    common:\n      capture_mode: {}\n'


def quoted(name):
    return urllib.parse.quote(name, safe='')


class Api(site_live.SiteCase):
    def setUp(self):
        super().setUp()
        self.token = None

    def ask(self, method, target, body=None, status=200, connection=None, **headers):
        """-> the answer; JSON where it is. `token` of the test goes along. `status` None: whatever it is."""
        c = connection or http.client.HTTPConnection('127.0.0.1', self.controller.http, timeout=60)
        if self.token is not None:
            headers.setdefault('Authorization', f'Bearer {self.token}')
        raw = body if body is None or isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        c.request(method, target, raw, {k.replace('_', '-'): v for k, v in headers.items() if v is not None})
        self.answer = c.getresponse()
        answer = self.answer.read()
        if connection is None:
            c.close()
        self.assertEqual(self.answer.status, status or self.answer.status, f'{method} {target}: {answer[:500]}\n{self.controller.text()[-2000:]}')
        return json.loads(answer) if 'json' in self.answer.getheader('Content-Type') else answer

    def data(self, method, target, body=None, **headers):
        """-> DATA of DeepFlow's envelope."""
        envelope = self.ask(method, target, body, **headers)
        self.assertEqual((envelope['OPT_STATUS'], envelope['DESCRIPTION']), ('SUCCESS', ''))
        return envelope['DATA']

    def table(self):
        """-> (method, path, operation) of every route."""
        paths = self.ask('GET', '/api/v1/openapi.json')['paths']
        return [(m.upper(), p, o) for p, methods in paths.items() for m, o in methods.items()]

    def make_token(self, name='boss', role='admin', **more):
        return self.ask('POST', '/api/v1/tokens', {'name': name, 'role': role, **more})['token']

    def register(self, ip='192.0.2.7', mac='52:54:00:40:68:0c', host='node1', group=''):
        with grpc.insecure_channel(f'127.0.0.1:{self.controller.grpc}') as ch:
            fields = [text(5, 'v6.6 12257-0123456789abcdef'), text(21, ip), text(22, host), text(25, mac), number(32, 8)]
            ch.unary_unary('/agent.Synchronizer/Sync')(b''.join(fields + [text(26, group)] if group else fields), timeout=20)


class Credentials(Api):
    def changes(self):
        return [(m, re.sub(r'{\w+}', 'x', p)) for m, p, o in self.table() if m != 'GET' or o['x-weir-role'] == 'admin']

    def test_no_route_of_the_table_changes_anything_without_a_credential(self):
        self.run_controller()
        self.token = self.make_token()
        changes = self.changes()
        self.assertGreater(len(changes), 40)
        for what in (None, 'Bearer ', 'Bearer wrong', 'Basic YTpi', f'bearer {self.token}x'):
            for method, target in changes:
                self.ask(method, target, b'{}', status=401, Authorization=what)
                self.assertIn('Bearer', self.answer.getheader('WWW-Authenticate'))
        self.assertNotIn(self.token, self.controller.text())
        self.token = None
        for method, path, operation in self.table():
            if operation['x-weir-role'] == 'read':
                self.ask(method, re.sub(r'{\w+}', 'x', path), status=401)
        for open_to_all in '/livez', '/readyz', '/v1/health/', '/api/v1/openapi.json':
            self.ask('GET', open_to_all)

    def test_a_role_is_enough_for_what_the_table_says(self):
        self.run_controller()
        boss = self.token = self.make_token()
        tokens = {role: self.make_token(role, role) for role in ('read', 'operate', 'admin')}
        ranks = ['none', 'read', 'operate', 'admin']
        for role, token in tokens.items():
            self.token = token
            for method, path, operation in self.table():
                if ranks.index(operation['x-weir-role']) <= ranks.index(role):
                    continue
                answer = self.ask(method, re.sub(r'{\w+}', 'x', path), b'{}', status=403)
                words = answer.get('detail') or answer['DESCRIPTION']
                self.assertIn(f'has the role {role}', words)
                self.assertIn(f'needs {operation["x-weir-role"]}', words)
        self.token = tokens['operate']
        self.data('POST', '/v1/vtap-groups/', {'name': 'mine'})
        self.token = boss
        who = [(a['who'], a['what'], a['object']) for a in self.ask('GET', '/api/v1/audit')]
        self.assertIn(('operate', 'agent-group create', 'mine'), who)

    @unittest.skipUnless(os.getuid() == 0, 'needs root, to be somebody else')
    def test_without_tokens_root_changes_and_others_on_this_machine_read(self):
        self.run_controller()
        self.data('POST', '/v1/vtap-groups/', {'name': 'by root'})
        script = ('import http.client, sys\n'
                  'for method, target in ("GET", "/v1/vtap-groups/"), ("POST", "/v1/vtap-groups/"):\n'
                  f'  c = http.client.HTTPConnection("127.0.0.1", {self.controller.http})\n'
                  '  c.request(method, target, b"{}"); r = c.getresponse(); r.read(); print(r.status)\n')
        p = subprocess.run(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '/usr/bin/python3', '-c', script],
                           capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(p.stdout.split(), ['200', '401'])
        self.make_token()
        refused = self.ask('GET', '/v1/vtap-groups/', status=401)  # there is one now: root needs it, too
        self.assertIn('http.local_root', refused['DESCRIPTION'])
        self.ask('POST', '/v1/vtap-groups/', {'name': 'x'}, status=401)

    @unittest.skipUnless(os.getuid() == 0, 'needs root, to be somebody else')
    def test_who_asks_and_is_gone_is_not_root(self):
        """The kernel shows a socket that was closed as root's."""
        self.run_controller()
        script = ('import socket\n'
                  'for i in range(200):\n'
                  f'  s = socket.create_connection(("127.0.0.1", {self.controller.http}))\n'
                  '  body = b\'{"name": "gone%d"}\' % i\n'
                  '  s.sendall(b"POST /v1/vtap-groups/ HTTP/1.1\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body); s.close()\n')
        subprocess.run(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '/usr/bin/python3', '-c', script],
                       timeout=60, check=True)
        self.assertEqual([g['NAME'] for g in self.data('GET', '/v1/vtap-groups/')], ['default'])

    def test_local_root_needs_no_token_where_the_configuration_says_so(self):
        path = os.path.join(self.dir, 'controller.cfg')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('http: { local_root = true; };\n')
        self.run_controller(more=('-c', path))
        self.make_token()
        self.data('POST', '/v1/vtap-groups/', {'name': 'still'})

    def test_an_administrator_s_token_comes_first_and_goes_last(self):
        self.run_controller()
        for role in ('read', 'operate'):
            self.assertIn('first token', self.ask('POST', '/api/v1/tokens', {'name': 'early', 'role': role}, status=403)['detail'])
        self.token = self.make_token()
        self.make_token('reader', 'read')
        self.assertIn('boss', self.ask('DELETE', '/api/v1/tokens/boss', status=403)['detail'])
        self.ask('DELETE', '/api/v1/tokens/reader')
        self.ask('DELETE', '/api/v1/tokens/boss')
        self.token = None
        self.assertEqual(self.ask('GET', '/api/v1/tokens'), [])

    def test_tokens_expire_and_are_deleted(self):
        self.run_controller()
        self.token = self.make_token()
        short = self.make_token('short', 'read', expires_in_s=1)
        self.ask('GET', '/v1/vtaps', Authorization=f'Bearer {short}')
        end = time.monotonic() + 20
        while time.monotonic() < end:
            time.sleep(0.2)
            self.ask('GET', '/v1/vtaps', status=None, Authorization=f'Bearer {short}')
            if self.answer.status == 401:
                break
        else:
            self.fail('it does not expire')
        other = self.make_token('other', 'read')
        shown = self.ask('GET', '/api/v1/tokens')
        self.assertEqual({t['name']: t['role'] for t in shown}['other'], 'read')
        self.assertNotIn(other, json.dumps(shown))
        self.ask('DELETE', '/api/v1/tokens/other')
        self.ask('GET', '/v1/vtaps', status=401, Authorization=f'Bearer {other}')
        self.ask('POST', '/api/v1/tokens', {'name': 'boss', 'role': 'read'}, status=409)
        self.ask('POST', '/api/v1/tokens', {'name': 'no', 'role': 'king'}, status=400)
        for path in (os.path.join(d, f) for d, _, fs in os.walk(self.state) for f in fs):
            with open(path, 'rb') as f:
                self.assertNotIn(other.encode(), f.read())

    def test_a_browser_lured_here_changes_nothing(self):
        self.run_controller()
        for headers in ({'Origin': 'http://evil.example'}, {'Origin': 'null'}, {'Sec_Fetch_Site': 'cross-site'}):
            self.ask('POST', '/v1/vtap-groups/', {'name': 'x'}, status=403, **headers)
        for host in ('evil.example', 'evil.example:80', '127.0.0.1.evil.example', '[::1'):
            self.ask('GET', '/v1/vtaps/', status=421, Host=host)
            self.ask('POST', '/v1/vtap-groups/', {'name': 'x'}, status=421, Host=host)
        here = f'127.0.0.1:{self.controller.http}'
        self.data('POST', '/v1/vtap-groups/', {'name': 'x'}, Origin=f'http://{here}')
        self.ask('GET', '/v1/vtaps/', Host='localhost:30417')
        self.ask('GET', '/v1/vtaps/', Host='[::1]:30417')

    def test_other_machines_are_served_only_with_a_token_or_tls(self):
        path = os.path.join(self.dir, 'log')
        with open(path, 'wb') as log:
            p = subprocess.run([site_live.CONTROLLER, 'run', '--state', self.state, '--grpc', '127.0.0.1:0', '--http', '0.0.0.0:0'],
                               stdout=log, stderr=log, timeout=60, check=False)
        with open(path, encoding='utf-8') as f:
            words = f.read()
        self.assertNotEqual(p.returncode, 0)
        self.assertIn('weirctl token create', words)
        self.run_controller()
        self.token = self.make_token()
        self.controller.stop()
        self.run_controller(http='0.0.0.0:0')
        self.ask('GET', '/v1/vtaps')
        self.ask('GET', '/v1/vtaps', status=401, Authorization=None)

    def test_tls_serves_whoever_has_the_authority(self):
        cert, key = os.path.join(self.dir, 'cert.pem'), os.path.join(self.dir, 'key.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=c',
                        '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], capture_output=True, check=True, timeout=60)
        path = os.path.join(self.dir, 'controller.cfg')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'http: {{ cert = "{cert}"; key = "{key}"; }};\n')
        self.run_controller(http='0.0.0.0:0', more=('-c', path))
        c = http.client.HTTPSConnection('127.0.0.1', self.controller.http, context=ssl.create_default_context(cafile=cert), timeout=60)
        self.assertTrue(self.ask('GET', '/api/v1/status', connection=c)['tls'])
        self.token = self.ask('POST', '/api/v1/tokens', {'name': 'a', 'role': 'admin'}, connection=c)['token']
        self.ask('GET', '/v1/vtaps', connection=c)
        self.assertTrue(self.ask('POST', '/api/v1/backup', connection=c).startswith(b'SQLite format 3\0'))
        self.ask('GET', '/v1/vtaps', connection=c)
        c.close()


class Names(Api):
    def test_names_are_what_they_are_everywhere(self):
        self.run_controller()
        taken = []
        for name in NASTY:
            answer = self.ask('POST', '/v1/vtap-groups/', {'name': name}, status=None)
            if self.answer.status != 200:
                self.assertEqual(answer['OPT_STATUS'], 'INVALID_PARAMETERS', answer)
                continue
            taken.append(name)
            self.assertEqual(answer['DATA']['NAME'], name)
            self.assertEqual([g['NAME'] for g in self.data('GET', f'/v1/vtap-groups/?name={quoted(name)}')], [name])
            self.assertEqual(self.ask('GET', f'/api/v1/groups/{quoted(name)}')['name'], name)
            self.ask('PUT', f'/api/v1/groups/{quoted(name)}/config?comment={quoted(name)}', TREE.format(1))
            self.assertEqual(self.ask('GET', f'/api/v1/groups/{quoted(name)}/config/history')[0]['comment'], name)
        self.assertGreaterEqual(set(taken), {'a/b', NASTY[1], '"quoted"', '<script>alert(1)</script>', '%41', "it's"})
        self.assertEqual({g['NAME'] for g in self.data('GET', '/v1/vtap-groups/')}, {'default', *taken})
        objects = {a['object'] for a in self.ask('GET', '/api/v1/audit?limit=1000')}
        self.assertLessEqual(set(taken), objects)
        for name in taken:
            self.ask('DELETE', f'/api/v1/groups/{quoted(name)}')

    def test_hosts_of_agents_are_shown_as_they_are(self):
        self.run_controller()
        host = '<b>"x"</b>/\\;\n--'
        self.register(host=host)
        agent, = self.ask('GET', '/api/v1/agents')
        self.assertEqual(agent['host'], host)
        self.assertEqual(self.data('GET', f'/v1/vtaps/?name={quoted(agent["name"])}')[0]['LCUUID'], agent['lcuuid'])
        self.ask('DELETE', f'/api/v1/agents/{quoted(agent["name"])}')

    def test_what_is_no_text_is_refused(self):
        self.run_controller()
        self.ask('GET', '/api/v1/groups/%ff', status=400)
        self.ask('GET', '/v1/vtaps?name=%c3%28', status=400)
        self.ask('GET', '/api/v1/groups/a%00b', status=400)
        for body in (b'{', b'[]', b'"x"', b'{"name": "\xff"}', b'{"name": "a", "name": "b"}', b'\x00', b'[' * 10000, b'{"name": "a\\u0000b"}'):
            self.ask('POST', '/v1/vtap-groups/', body, status=400)
        self.ask('POST', '/v1/vtap-groups/', {'name': 7}, status=400)
        self.ask('POST', '/v1/vtap-groups/', b'null', status=400)


class Configs(Api):
    def setUp(self):
        super().setUp()
        self.run_controller()
        self.data('POST', '/v1/vtap-groups/', {'name': 'g'})

    def test_a_change_of_what_was_read_is_refused_where_another_came_between(self):
        self.ask('GET', '/api/v1/groups/g/config', status=404)
        first = self.ask('PUT', '/api/v1/groups/g/config?comment=first', TREE.format(1))
        self.assertEqual((first['version'], first['comment'], first['who'], first['in_force']), (1, 'first', 'local', True))
        tag = self.answer.getheader('ETag')
        self.assertEqual(tag, '"1"')
        self.ask('PUT', '/api/v1/groups/g/config', TREE.format(2), If_Match=tag)
        self.ask('PUT', '/api/v1/groups/g/config', TREE.format(2), status=412, If_Match=tag)  # sent again: replayed
        self.ask('PUT', '/api/v1/groups/g/config?if_version=1', TREE.format(0), status=412)
        self.ask('PUT', '/api/v1/groups/g/config', TREE.format(0), status=400, If_Match='"x"')
        self.ask('DELETE', '/api/v1/groups/g/config', status=412, If_Match='"1"')
        self.assertEqual(self.ask('GET', '/api/v1/groups/g/config')['text'], TREE.format(2))
        self.ask('POST', '/api/v1/groups/g/config/rollback?version=1', status=412, If_Match='"1"')
        back = self.ask('POST', '/api/v1/groups/g/config/rollback?version=1', If_Match='"2"')
        self.assertEqual((back['version'], back['text']), (3, TREE.format(1)))
        self.assertEqual([v['version'] for v in self.ask('GET', '/api/v1/groups/g/config/history')], [3, 2, 1])
        self.assertEqual(self.ask('GET', '/api/v1/groups/g/config/versions/2')['text'], TREE.format(2))
        self.ask('GET', '/api/v1/groups/g/config/versions/9', status=404)
        self.ask('POST', '/api/v1/groups/g/config/rollback?version=9', status=404)

    def test_an_empty_configuration_gives_way_to_the_next(self):
        """Of an empty file DeepFlow's ctl, in Go, sends the JSON of a map that is nil."""
        for empty in (b'null', b''):
            self.data('POST', '/v1/agent-group-configuration/g/yaml', empty)
            self.assertEqual(self.data('GET', '/v1/agent-group-configuration/g/yaml'), '')
        self.data('POST', '/v1/agent-group-configuration/g/yaml', TREE.format(1))
        self.ask('POST', '/v1/agent-group-configuration/g/yaml', TREE.format(1), status=409)

    def test_mistakes_come_as_a_list_with_their_places(self):
        bad = 'global:\n  limits:\n    max_memory: 5\n  limitz: 4\n'
        for method, target in ('PUT', '/api/v1/groups/g/config'), ('POST', '/api/v1/groups/g/config/plan'), \
                              ('PUT', '/v1/agent-group-configuration/g/yaml'):
            answer = self.ask(method, target, bad, status=400)
            self.assertEqual([(e['level'], e['line']) for e in answer['errors']], [('error', 3), ('error', 4)])
            self.assertIn('128', answer['errors'][0]['message'])
        self.assertEqual(self.data('GET', '/v1/agent-group-configurations'), [])

    def test_a_plan_says_what_would_change_on_which_agents_and_changes_nothing(self):
        self.register(group='g')
        name = self.ask('GET', '/api/v1/agents')[0]['name']
        plan = self.ask('POST', '/api/v1/groups/g/config/plan', 'global:\n  limits:\n    max_memory: 2048\n')
        self.assertEqual(plan['agents'], 1)
        target, = plan['targets']
        self.assertEqual(target['agents'], [name])
        change, = target['changes']
        self.assertEqual((change['key'], change['from'], change['to']), ('global.limits.max_memory', '768', '2048'))
        self.ask('GET', '/api/v1/groups/g/config', status=404)

    def test_a_canary_is_on_some_agents_until_it_is_promoted_or_aborted(self):
        for i in range(4):
            self.register(ip=f'192.0.2.{i + 1}', mac=f'52:54:00:00:00:0{i}', host=f'n{i}', group='g')
        self.ask('PUT', '/api/v1/groups/g/config', TREE.format(0))
        staged = self.ask('PUT', '/api/v1/groups/g/config?canary=2', TREE.format(1))
        self.assertEqual((staged['version'], staged['canary'], staged['in_force']), (2, True, False))
        group = self.ask('GET', '/api/v1/groups/g')
        self.assertEqual((group['canaries'], group['config_version'], group['canary_version']), (2, 1, 2))
        self.assertEqual(sorted(a['canary'] for a in self.ask('GET', '/api/v1/agents')), [False, False, True, True])
        self.assertEqual(sorted(v['TAP_MODE'] for v in self.data('GET', '/v1/vtaps')), [0, 0, 1, 1])
        plan = self.ask('POST', '/api/v1/groups/g/config/plan', TREE.format(1))
        self.assertEqual([(t['canary'], len(t['agents']), len(t['changes']) > 0) for t in plan['targets']], [(False, 2, True), (True, 2, False)])
        self.ask('POST', '/api/v1/groups/g/config/abort')
        self.assertEqual(self.ask('GET', '/api/v1/groups/g')['canary_version'], None)
        self.ask('PUT', '/api/v1/groups/g/config?canary=1', TREE.format(1))
        self.assertEqual(self.ask('POST', '/api/v1/groups/g/config/promote')['in_force'], True)
        self.assertEqual({v['TAP_MODE'] for v in self.data('GET', '/v1/vtaps')}, {1})
        self.ask('POST', '/api/v1/groups/g/config/promote', status=404)  # none is left


class Everything(Api):
    def test_an_agent_is_renamed_moved_disabled_and_revoked(self):
        self.run_controller()
        self.register()
        self.ask('POST', '/api/v1/groups', {'name': 'g'})
        agent, = self.ask('GET', '/api/v1/agents')
        self.assertEqual((agent['state'], agent['approved'], agent['group']), ('normal', True, 'default'))
        target = f'/api/v1/agents/{agent["name"]}'
        moved = self.ask('PATCH', target, {'group': 'g', 'enabled': False, 'name': 'other'})
        self.assertEqual((moved['group'], moved['state'], moved['name']), ('g', 'disabled', 'other'))
        self.assertEqual(self.ask('GET', '/api/v1/agents?group=default'), [])
        self.assertEqual(len(self.ask('GET', '/api/v1/agents?group=g&state=disabled')), 1)
        self.ask('PATCH', '/api/v1/agents/other', {'group': 'nowhere'}, status=404)
        self.ask('PATCH', '/api/v1/agents/other', {'enabled': 'yes'}, status=400)
        self.ask('POST', '/api/v1/agents/other/revoke')
        self.assertEqual(self.ask('GET', '/api/v1/agents'), [])
        refused, = self.ask('GET', '/api/v1/revoked')
        self.ask('DELETE', f'/api/v1/revoked/{quoted(refused["who"])}')
        self.assertEqual(self.ask('GET', '/api/v1/revoked'), [])
        self.register()
        self.assertEqual(len(self.ask('GET', '/api/v1/agents')), 1)

    def test_who_waits_for_approval_is_approved(self):
        path = os.path.join(self.dir, 'controller.cfg')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('enrolment: { approve = true; };\n')
        self.run_controller(more=('-c', path))
        self.register()
        agent, = self.ask('GET', '/api/v1/agents')
        self.assertEqual((agent['state'], agent['approved']), ('pending', False))
        for _ in range(2):  # asked again it changes nothing
            agent = self.ask('PATCH', f'/api/v1/agents/{agent["name"]}', {'approved': True})
            self.assertEqual((agent['state'], agent['approved']), ('normal', True))

    def test_networks_are_set_and_listed(self):
        self.run_controller()
        vpc = self.ask('POST', '/api/v1/vpcs', {'name': 'blue'})
        self.assertEqual([v['name'] for v in self.ask('GET', '/api/v1/vpcs')], ['default', 'blue'])
        self.assertGreater(vpc['id'], 1)
        self.ask('DELETE', '/api/v1/vpcs/blue')
        self.ask('DELETE', '/api/v1/vpcs/blue', status=404)
        rows = [{'type': 7, 'packet_type': 1, 'vlan': 100, 'source_ip': '', 'port': 0}]
        self.ask('PUT', '/api/v1/network-types', rows)
        self.assertEqual(self.ask('GET', '/api/v1/network-types'), rows)
        for bad in ({}, [1], [{'type': 'x'}], [{'type': 300, 'vlan': 1}], [{'type': -1}]):
            self.ask('PUT', '/api/v1/network-types', bad, status=400)
        self.assertEqual(self.ask('GET', '/api/v1/network-types'), rows)

    def test_a_domain_is_the_same_by_either_family(self):
        self.run_controller()
        made = self.ask('POST', '/api/v1/domains', {'name': 'k "8" s', 'cluster_id': 'd-0123456789', 'config': {'region_uuid': 'x'}})
        self.assertEqual((made['type'], made['config'], made['enabled'], made['objects']), (11, {'region_uuid': 'x'}, True, {}))
        row, = self.data('GET', "/v2/domains/?name=" + quoted('k "8" s'))
        self.assertEqual((row['LCUUID'], row['CLUSTER_ID'], row['CONFIG']), (made['lcuuid'], 'd-0123456789', {'region_uuid': 'x'}))
        self.assertFalse(self.ask('PATCH', '/api/v1/domains/d-0123456789', {'enabled': False})['enabled'])
        self.assertEqual(self.data('GET', f'/v2/domains/{made["lcuuid"]}/')['ENABLED'], 0)
        self.ask('POST', '/api/v1/domains', {'name': 'other', 'cluster_id': 'd-0123456789'}, status=409)
        self.ask('DELETE', f'/api/v1/domains/{made["lcuuid"]}')
        self.assertEqual(self.ask('GET', '/api/v1/domains'), [])

    def test_an_image_is_uploaded_either_way_and_deleted(self):
        self.run_controller()
        image = os.urandom(3_000_000) + b'\r\n--b\r\n--bound\r\n' + os.urandom(1000)
        made = self.ask('PUT', '/api/v1/images/weir-1?arch=x86_64&rev_count=12&commit_id=abc&os=Linux', image)
        self.assertEqual((made['bytes'], made['md5']), (len(image), hashlib.md5(image).hexdigest()))
        parts = {'NAME': 'weir-2', 'ARCH': 'x86', 'OS': 'Linux', 'BRANCH': 'main', 'REV_COUNT': '13', 'COMMIT_ID': 'def', 'K8S_IMAGE': ''}
        form = b''.join(b'--boundary\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (k.encode(), v.encode()) for k, v in parts.items())
        form += b'--boundary\r\nContent-Disposition: form-data; name="IMAGE"; filename="deepflow-agent"\r\nContent-Type: application/octet-stream\r\n\r\n'
        form += image + b'\r\n--boundary--\r\n'
        kind = 'multipart/form-data; boundary=boundary'
        row = self.data('POST', '/v1/vtap-repo/', form, Content_Type=kind)
        self.assertEqual({k: row[k] for k in parts}, parts)
        self.assertEqual({i['name']: i['md5'] for i in self.ask('GET', '/api/v1/images')}, dict.fromkeys(('weir-1', 'weir-2'), hashlib.md5(image).hexdigest()))
        self.ask('POST', '/v1/vtap-repo/', form[:-20], status=400, Content_Type=kind)
        self.ask('POST', '/v1/vtap-repo/', form, status=400, Content_Type='application/json')
        self.ask('POST', '/v1/vtap-repo/', form, status=409, Content_Type=kind)
        self.ask('POST', '/v1/vtap-repo/', form.replace(b'weir-2', b'x' * 300), status=400, Content_Type=kind)
        self.ask('PUT', '/api/v1/images/none', b'', status=400)
        self.register()
        lcuuid = self.ask('GET', '/api/v1/agents')[0]['lcuuid']
        self.data('PATCH', f'/v1/upgrade/vtap/{lcuuid}/', {'image_name': 'weir-1'})
        self.assertEqual(self.data('GET', f'/v1/vtaps/{lcuuid}/')['EXPECTED_REVISION'], '12-abc')
        self.data('PATCH', f'/v1/cancel-upgrade/vtap/{lcuuid}/', {})
        self.assertEqual(self.data('GET', f'/v1/vtaps/{lcuuid}/')['EXPECTED_REVISION'], '')
        self.ask('PATCH', f'/v1/upgrade/vtap/{lcuuid}/', {'image_name': 'no'}, status=404)
        self.data('DELETE', '/v1/vtap-repo/', {'image_name': 'weir-1'})
        self.data('DELETE', '/v1/vtap-repo/weir-2/')
        self.assertEqual(self.data('GET', '/v1/vtap-repo/'), [])
        left = [f for d, _, fs in os.walk(self.state) for f in fs if 'upload' in f or len(f) == 36]
        self.assertEqual(left, [])

    def test_a_half_sent_image_leaves_nothing(self):
        self.run_controller()
        with socket.create_connection(('127.0.0.1', self.controller.http)) as s:
            s.sendall(b'PUT /api/v1/images/x HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n' + b'x' * 500000)
            end = time.monotonic() + 20
            while not self.uploads() and time.monotonic() < end:
                time.sleep(0.02)
            self.assertEqual(len(self.uploads()), 1)
        end = time.monotonic() + 20
        while self.uploads() and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(self.uploads(), [])

    def uploads(self):
        return [f for d, _, fs in os.walk(self.state) for f in fs if f.startswith('upload-')]

    def test_a_backup_is_a_whole_database(self):
        self.run_controller()
        self.ask('POST', '/api/v1/groups', {'name': 'kept'})
        copy = self.ask('POST', '/api/v1/backup')
        self.assertEqual(self.answer.getheader('Content-Type'), 'application/vnd.sqlite3')
        path = os.path.join(self.dir, 'copy.db')
        with open(path, 'wb') as f:
            f.write(copy)
        with sqlite3.connect(path) as db:
            self.assertEqual(db.execute('PRAGMA integrity_check').fetchone(), ('ok',))
            self.assertIn(('kept',), db.execute('SELECT name FROM agent_group').fetchall())
        self.assertEqual(self.uploads(), [])

    def test_status_metrics_and_the_audit_log_tell_what_was_done(self):
        self.run_controller()
        self.register()
        self.ask('POST', '/api/v1/groups', {'name': 'g'})
        status = self.ask('GET', '/api/v1/status')
        self.assertEqual((status['agents']['normal'], status['groups'], status['tokens'], status['tls']), (1, 2, False, False))
        metrics = self.ask('GET', '/metrics').decode()
        self.assertIn('weir_controller_agents{state="normal"} 1\n', metrics)
        for line in metrics.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="\w+"\})? \d+)$')
        for i in range(30):
            self.ask('POST', '/api/v1/vpcs', {'name': f'v{i}'})
        page = self.ask('GET', '/api/v1/audit?limit=10')
        self.assertEqual([a['object'] for a in page], [f'v{i}' for i in range(29, 19, -1)])
        after = self.ask('GET', f'/api/v1/audit?limit=10&before={page[-1]["id"]}')
        self.assertEqual(after[0]['object'], 'v19')
        self.assertEqual((page[0]['who'], page[0]['from']), ('local', '127.0.0.1'))


class Bounds(Api):
    def test_what_is_too_long_is_refused_and_the_next_is_served(self):
        self.run_controller()
        self.ask('POST', '/v1/vtap-groups/', b'x' * 70000, status=413)
        self.ask('PUT', '/api/v1/groups/default/config', b'#' * 1048577, status=413)
        self.ask('PUT', '/api/v1/groups/default/config', b'#' * 1048576)
        self.ask('GET', '/' + 'x' * 20000, status=414)
        self.ask('GET', '/livez', status=431, X='x' * 20000)
        self.ask('PUT', '/v1/vtaps/', b'{}', status=405)
        self.assertEqual(self.answer.getheader('Allow'), 'GET, HEAD')
        answer = self.ask('GET', '/v1/nothing', status=404)
        self.assertEqual((answer['OPT_STATUS'], answer['DATA']), ('RESOURCE_NOT_FOUND', None))
        self.assertEqual(self.ask('GET', '/api/v1/nothing', status=404)['status'], 404)
        self.ask('GET', '/livez')

    def test_a_thousand_connections_are_served_and_slow_ones_are_given_up(self):
        self.run_controller()
        slow = []
        for i in range(1000):
            s = socket.create_connection(('127.0.0.1', self.controller.http), timeout=60)
            s.sendall(b'GET /v1/vt')
            slow.append(s)
        self.ask('GET', '/livez')
        for s in slow[:500]:
            s.sendall(b'aps/ HTTP/1.1\r\nConnection: close\r\n\r\n')
        for s in slow[:500]:
            self.assertIn(b' 200 OK', s.recv(100))
            s.close()
        for s in slow[500:]:
            self.assertEqual(s.recv(100), b'')  # given up, though not at once
            s.close()
        self.ask('GET', '/livez')

    def test_many_ask_at_once(self):
        self.run_controller()

        def one(i):
            c = http.client.HTTPConnection('127.0.0.1', self.controller.http, timeout=60)
            for n in range(5):
                c.request('POST', '/v1/vtap-groups/', json.dumps({'name': f'g{i}-{n}'}))
                r = c.getresponse()
                r.read()
                if r.status != 200:
                    return r.status
            c.close()
            return 200
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            self.assertEqual(set(pool.map(one, range(40))), {200})
        self.assertEqual(len(self.data('GET', '/v1/vtap-groups/')), 201)

    def test_a_locked_database_is_said_and_nothing_is_changed(self):
        self.run_controller()
        path, = [os.path.join(d, f) for d, _, fs in os.walk(self.state) for f in fs if f.endswith('.sqlite')]
        db = sqlite3.connect(path, isolation_level=None, timeout=30)
        db.execute('BEGIN IMMEDIATE')
        answer = self.ask('POST', '/v1/vtap-groups/', {'name': 'x'}, status=503)
        self.assertEqual(answer['OPT_STATUS'], 'SERVER_ERROR')
        self.assertEqual(self.answer.getheader('Retry-After'), '1')
        self.assertEqual(self.ask('POST', '/api/v1/groups', {'name': 'x'}, status=503)['title'], 'busy')
        self.assertEqual([g['NAME'] for g in self.data('GET', '/v1/vtap-groups/')], ['default'])
        db.execute('ROLLBACK')
        db.close()
        self.data('POST', '/v1/vtap-groups/', {'name': 'x'})

    def test_a_request_sent_again_does_nothing_twice(self):
        """What a replayed request meets: a name that is taken, a version that is past, a state that is so already."""
        self.run_controller()
        self.data('POST', '/v1/vtap-groups/', {'name': 'x', 'group_id': 'g-0123456789'})
        answer = self.ask('POST', '/v1/vtap-groups/', {'name': 'x', 'group_id': 'g-0123456789'}, status=409)
        self.assertEqual(answer['OPT_STATUS'], 'RESOURCE_ALREADY_EXIST')
        self.data('DELETE', '/v1/vtap-groups/g-0123456789/')
        self.ask('DELETE', '/v1/vtap-groups/g-0123456789/', status=404)


if __name__ == '__main__':
    unittest.main()
