#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Requests of DeepFlow's own command, byte for byte, and what it needs of the answers. Its routes, headers and the keys it
reads are those of the protocol's specification; the bytes are those of Go's HTTP client."""
import contextlib
import json
import re
import socket
import urllib.parse

import grpc

import site_live
import weir
from controllers import number, text

MAC = '52:54:00:40:68:0c'
OLD = 'vtap_group_id: {}\n# why\ntap_interface_regex: eth0\ntap_mode: 1\n'
NEW = '# of the newer style\ninputs:\n  cbpf:\n    common:\n      capture_mode: 1\n'
VTAP = ('ID NAME STATE ENABLE LAUNCH_SERVER TYPE CTRL_IP CTRL_MAC CONTROLLER_IP ANALYZER_IP CUR_CONTROLLER_IP SYNCED_CONTROLLER_AT '
        'BOOT_TIME REVISION UPGRADE_REVISION COMPLETE_REVISION EXCEPTIONS VTAP_GROUP_LCUUID VTAP_GROUP_NAME REGION AZ CPU_NUM '
        'MEMORY_SIZE ARCH OS KERNEL_VERSION PROCESS_NAME LICENSE_TYPE EXPECTED_REVISION UPGRADE_PACKAGE TAP_MODE LCUUID '
        'POD_CLUSTER_NAME').split()
GROUP = 'ID NAME UPDATED_AT SHORT_UUID LCUUID VTAP_LCUUIDS DISABLE_VTAP_LCUUIDS PENDING_VTAP_LCUUIDS'.split()
DOMAIN = ('ID NAME DISPLAY_NAME CLUSTER_ID TYPE ENABLED STATE CONTROLLER_IP VTAP_NAME CONFIG CREATED_AT SYNCED_AT LCUUID').split()
TIME = r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d'


class DeepFlowCtl(site_live.SiteCase):
    def setUp(self):
        super().setUp()
        self.run_controller()

    def exchange(self, method, target, body=b'', kind=None):
        """As Go's client writes it: -> status, body."""
        head = [f'{method} {target} HTTP/1.1', f'Host: 127.0.0.1:{self.controller.http}', 'User-Agent: Go-http-client/1.1']
        if body or method in ('POST', 'PUT', 'PATCH'):
            head.append(f'Content-Length: {len(body)}')
        head += ['Accept: application/json, text/plain', f'Content-Type: {kind or "application/json"}', 'X-Org-Id: 1', 'X-User-Id: 1',
                 'X-User-Type: 1', 'Accept-Encoding: gzip']
        with contextlib.closing(socket.create_connection(('127.0.0.1', self.controller.http), timeout=20)) as s:
            s.sendall('\r\n'.join(head).encode() + b'\r\n\r\n' + body)
            with s.makefile('rb') as f:
                status = int(f.readline().split()[1])
                headers = {}
                for line in iter(f.readline, b'\r\n'):
                    name, value = line.decode().rstrip('\r\n').split(': ', 1)
                    headers[name.lower()] = value
                self.assertNotIn('content-encoding', headers)
                return status, f.read(int(headers['content-length']))

    def ask(self, method, target, body=None, kind=None):
        """-> DATA of an answer that says SUCCESS. A body that is text is YAML, as a form's type says."""
        if isinstance(body, str):
            raw, kind = body.encode(), 'application/x-www-form-urlencoded'
        else:
            raw = b'' if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        status, answer = self.exchange(method, target, raw, kind)
        self.assertEqual(status, 200, f'{method} {target}: {answer}\n{self.controller.text()}')
        envelope = json.loads(answer)
        self.assertEqual(envelope['OPT_STATUS'], 'SUCCESS', envelope)
        self.assertIn('DESCRIPTION', envelope)
        return envelope['DATA']

    def refused(self, status, method, target, body=None, kind=None):
        """-> DESCRIPTION of an answer that says this."""
        raw = body.encode() if isinstance(body, str) else b'' if body is None else json.dumps(body).encode()
        if isinstance(body, str):
            kind = 'application/x-www-form-urlencoded'
        http, answer = self.exchange(method, target, raw, kind)
        envelope = json.loads(answer)
        self.assertNotEqual(envelope['OPT_STATUS'], 'SUCCESS')
        self.assertEqual(envelope['OPT_STATUS'], status, (http, envelope))
        self.assertTrue(envelope['DESCRIPTION'])
        return envelope['DESCRIPTION']

    def has(self, keys, row):
        self.assertEqual([k for k in keys if k not in row], [], row)

    def register(self, ip='10.1.11.122', host='node1'):
        """An agent calls: -> its row."""
        with grpc.insecure_channel(f'127.0.0.1:{self.controller.grpc}') as channel:
            sync = channel.unary_unary('/agent.Synchronizer/Sync')
            sync(number(1, 1700000000) + text(5, 'v6.6 12257-abcdef') + text(21, ip) + text(22, host) + text(25, MAC), timeout=20)
        return next(v for v in self.ask('GET', '/v1/vtaps/') if v['CTRL_IP'] == ip)

    def group(self, name='macvlan'):
        self.ask('POST', '/v1/vtap-groups/', {'group_id': '', 'name': name})
        return self.ask('GET', f'/v1/vtap-groups/?name={urllib.parse.quote_plus(name)}')[0]

    def test_agent_groups(self):
        default, = self.ask('GET', '/v1/vtap-groups/')
        self.has(GROUP, default)
        self.assertEqual((default['ID'], default['NAME']), (1, 'default'))
        self.assertRegex(default['SHORT_UUID'], '^g-[A-Za-z0-9]{10}$')
        self.assertRegex(default['UPDATED_AT'], f'^{TIME}$')
        group = self.group()
        self.assertEqual([g['NAME'] for g in self.ask('GET', '/v1/vtap-groups/')], ['default', 'macvlan'])
        self.assertEqual(self.ask('GET', f'/v1/vtap-groups/?short_uuid={group["SHORT_UUID"]}')[0]['NAME'], 'macvlan')
        given = self.ask('POST', '/v1/vtap-groups/', {'name': 'edge', 'group_id': 'g-edge000001'})
        self.assertEqual(given['SHORT_UUID'], 'g-edge000001')
        self.refused('RESOURCE_ALREADY_EXIST', 'POST', '/v1/vtap-groups/', {'name': 'macvlan'})
        self.refused('INVALID_PARAMETERS', 'POST', '/v1/vtap-groups/', {'name': 'other', 'group_id': 'edge'})
        self.ask('DELETE', f'/v1/vtap-groups/{group["LCUUID"]}/')
        self.assertEqual(self.ask('GET', '/v1/vtap-groups/?name=macvlan'), [])

    def test_configurations_of_the_older_style(self):
        group = self.group()
        yaml = OLD.format(group['SHORT_UUID'])
        self.ask('POST', '/v1/vtap-group-configuration/advanced/', yaml)
        row, = self.ask('GET', f'/v1/vtap-group-configuration/?vtap_group_id={group["SHORT_UUID"]}')
        self.assertEqual((row['VTAP_GROUP_NAME'], row['VTAP_GROUP_ID']), ('macvlan', group['SHORT_UUID']))
        self.assertEqual(len(self.ask('GET', '/v1/vtap-group-configuration/')), 1)
        place = f'/v1/vtap-group-configuration/advanced/{row["LCUUID"]}/'
        self.assertIn('tap_mode: 1', json.dumps(self.ask('GET', place)))
        self.assertIn('tap_mode: 1', json.dumps(self.ask('GET', f'/v1/vtap-group-configuration/advanced/?vtap_group_id={group["SHORT_UUID"]}')))
        self.ask('PATCH', place, yaml.replace('tap_mode: 1', 'tap_mode: 0'))
        self.assertIn('tap_mode: 0', json.dumps(self.ask('GET', place)))
        self.assertIn('tap_mode', json.dumps(self.ask('GET', '/v1/vtap-group-configuration/example/')))
        self.refused('RESOURCE_ALREADY_EXIST', 'POST', '/v1/vtap-group-configuration/advanced/', yaml)
        self.ask('DELETE', f'/v1/vtap-group-configuration/filter/?vtap_group_id={group["SHORT_UUID"]}')
        self.assertEqual(self.ask('GET', '/v1/vtap-group-configuration/'), [])

    def test_configurations_of_the_newer_style(self):
        group = self.group()
        place = f'/v1/agent-group-configuration/{group["LCUUID"]}'
        self.assertIn('capture_mode', self.ask('GET', '/v1/agent-group-configuration/template/yaml'))
        self.ask('POST', place + '/yaml', NEW)
        self.assertEqual(self.ask('GET', place + '/yaml'), NEW)
        row, = self.ask('GET', '/v1/agent-group-configurations')
        self.assertEqual((row['AGENT_GROUP_LCUUID'], row['YAML']), (group['LCUUID'], NEW))
        self.ask('PUT', place + '/yaml', NEW.replace('1', '0'))
        self.assertEqual(self.ask('GET', place + '/yaml'), NEW.replace('1', '0'))
        self.refused('INVALID_POST_DATA', 'PUT', place + '/yaml', 'inputs: {cbpf: {common: {capture_mode: 77}}}\n')
        self.assertEqual(self.ask('GET', place + '/yaml'), NEW.replace('1', '0'))
        self.ask('DELETE', place)
        self.assertEqual(self.ask('GET', '/v1/agent-group-configurations'), [])

    def test_agents(self):
        agent = self.register()
        self.has(VTAP, agent)
        self.assertEqual((agent['STATE'], agent['ENABLE'], agent['CTRL_MAC'], agent['VTAP_GROUP_NAME'], agent['EXCEPTIONS']),
                         (1, 1, MAC, 'default', []))
        self.assertEqual((agent['REVISION'], agent['COMPLETE_REVISION']), ('v6.6 12257', 'abcdef'))
        self.assertEqual(self.ask('GET', f'/v1/vtaps/?name={agent["NAME"]}'), [agent])
        self.assertEqual(self.ask('GET', f'/v1/vtaps/{agent["LCUUID"]}/')['NAME'], agent['NAME'])
        group = self.group()
        self.ask('PATCH', f'/v1/vtaps/{agent["LCUUID"]}/', {'ENABLE': 0, 'VTAP_GROUP_LCUUID': group['LCUUID']})
        row, = self.ask('GET', '/v1/vtaps/')
        self.assertEqual((row['ENABLE'], row['VTAP_GROUP_NAME']), (0, 'macvlan'))
        self.ask('PATCH', f'/v1/vtaps-by-name/{agent["NAME"]}/', {'ENABLE': 1})
        self.assertEqual(self.ask('GET', '/v1/vtaps/')[0]['ENABLE'], 1)
        self.assertIn(agent['LCUUID'], self.ask('GET', '/v1/vtap-groups/?name=macvlan')[0]['VTAP_LCUUIDS'])
        self.ask('DELETE', f'/v1/vtaps/{agent["LCUUID"]}/')
        self.assertEqual(self.ask('GET', '/v1/vtaps/'), [])
        self.refused('RESOURCE_NOT_FOUND', 'DELETE', f'/v1/vtaps/{agent["LCUUID"]}/')

    def test_domains(self):
        self.ask('POST', '/v1/domains/', {'NAME': 'kubernetes', 'TYPE': 11, 'CLUSTER_ID': 'd-7AgT3X3ZuG', 'CONFIG': {
            'region_uuid': 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'pod_net_ipv4_cidr_max_mask': 16}})
        row, = self.ask('GET', '/v2/domains/?name=kubernetes')
        self.has(DOMAIN, row)
        self.assertEqual((row['NAME'], row['TYPE'], row['CLUSTER_ID']), ('kubernetes', 11, 'd-7AgT3X3ZuG'))
        self.assertRegex(row['CREATED_AT'], f'^{TIME}$')
        self.assertEqual(self.ask('GET', f'/v2/domains/{row["LCUUID"]}/')['NAME'], 'kubernetes')
        self.refused('RESOURCE_ALREADY_EXIST', 'POST', '/v1/domains/', {'NAME': 'kubernetes', 'TYPE': 11})
        self.assertEqual((row['ICON_ID'], row['TEAM_ID']), (0, 1))
        place = f'/v1/domains/{row["LCUUID"]}/'
        self.ask('PATCH', place, {'CONFIG': {'sync_timer': 90}})
        self.ask('PATCH', place, {'NAME': 'k8s', 'TYPE': 0, 'CONTROLLER_IP': '192.0.2.1', 'ICON_ID': 5, 'TEAM_ID': 2})
        row, = self.ask('GET', '/v2/domains/?name=k8s')
        self.assertEqual([row[k] for k in ('TYPE', 'CONTROLLER_IP', 'ICON_ID', 'TEAM_ID', 'CONFIG')], [11, '192.0.2.1', 5, 2, {'sync_timer': 90}])
        self.refused('INVALID_PARAMETERS', 'PATCH', place, {'ICON_ID': 'five'})
        self.assertEqual(self.ask('DELETE', '/v1/domains/k8s/')['LCUUID'], row['LCUUID'])
        self.assertEqual(self.ask('GET', '/v2/domains/'), [])

    def test_where_controllers_are_and_how_they_do(self):
        controller, = self.ask('GET', '/v1/controllers/')
        self.assertEqual(controller['NODE_TYPE'], 1)
        socket.inet_aton(controller['IP'])
        self.assertEqual(self.exchange('GET', '/v1/health/')[0], 200)

    def test_an_image_and_an_agent_that_is_to_become_it(self):
        agent = self.register()
        boundary = 'a1b2c3d4e5f6'
        parts = {'NAME': 'deepflow-agent', 'ARCH': 'x86_64', 'BRANCH': 'v6.6', 'REV_COUNT': '12300', 'COMMIT_ID': 'feedbeef', 'OS': 'Linux',
                 'K8S_IMAGE': ''}
        body = ''.join(f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in parts.items())
        body += (f'--{boundary}\r\nContent-Disposition: form-data; name="IMAGE"; filename="deepflow-agent"\r\n'
                 'Content-Type: application/octet-stream\r\n\r\nELF of course\r\n' + f'--{boundary}--\r\n')
        self.ask('POST', '/v1/vtap-repo/', body.encode(), f'multipart/form-data; boundary={boundary}')
        image, = self.ask('GET', '/v1/vtap-repo/')
        self.has('NAME ARCH OS BRANCH REV_COUNT UPDATED_AT COMMIT_ID K8S_IMAGE'.split(), image)
        self.ask('PATCH', f'/v1/upgrade/vtap/{agent["LCUUID"]}/', {'image_name': 'deepflow-agent'})
        self.assertEqual(self.ask('GET', '/v1/vtaps/')[0]['UPGRADE_PACKAGE'], 'deepflow-agent')
        self.ask('PATCH', f'/v1/cancel-upgrade/vtap/{agent["LCUUID"]}/', {})
        self.assertEqual(self.ask('GET', '/v1/vtaps/')[0]['EXPECTED_REVISION'], '')
        self.ask('DELETE', '/v1/vtap-repo/', {'image_name': 'deepflow-agent'})
        self.assertEqual(self.ask('GET', '/v1/vtap-repo/'), [])

    def test_names_of_any_kind_are_stored_and_found_literally(self):
        for name in ('it\'s "quoted"', 'a/b', '../..', '<b>bold</b>', "'; drop table vtap_group; --", 'a&b=c?d#e%41 f+g', 'two\nlines', 'ü 汉字'):
            group = self.group(name)
            self.assertEqual(group['NAME'], name)
            self.ask('DELETE', f'/v1/vtap-groups/{group["LCUUID"]}/')
        self.assertEqual(len(self.ask('GET', '/v1/vtap-groups/')), 1)

    def test_connections_are_kept_as_gos_client_keeps_them(self):
        request = (f'GET /v1/vtap-groups/ HTTP/1.1\r\nHost: 127.0.0.1:{self.controller.http}\r\nUser-Agent: Go-http-client/1.1\r\n'
                   'Accept-Encoding: gzip\r\n\r\n').encode()
        with contextlib.closing(socket.create_connection(('127.0.0.1', self.controller.http), timeout=20)) as s, s.makefile('rb') as f:
            for _ in range(3):
                s.sendall(request)
                self.assertRegex(f.readline(), rb'^HTTP/1\.1 200 ')
                n = 0
                for line in iter(f.readline, b'\r\n'):
                    found = re.match(rb'(?i)content-length: (\d+)', line)
                    n = int(found[1]) if found else n
                self.assertEqual(json.loads(f.read(n))['OPT_STATUS'], 'SUCCESS')


if __name__ == '__main__':
    weir.main()
