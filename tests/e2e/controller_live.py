# SPDX-License-Identifier: Apache-2.0
"""A weir-controller of a test's own: a directory, ports that are free, its HTTP API; and agents made of grpcio and rpc_messages.py."""
import json
import os
import queue
import re
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

import rpc_codec
import site_live
import weir
from live import wait_for

try:
    import grpc
except ModuleNotFoundError as e:
    print(f'SKIP: {e}')
    sys.exit(77)

LOAD = os.path.join(weir.BUILD, 'tools/dev/agent_load')


class Controller:
    """Runs until the test is over; start() again after stop() or kill(), on the ports it had. `tls`: `conf` says where agents call."""

    def __init__(self, case, conf='', command=(), tls=False, address='127.0.0.1', grpc_port=0):
        self.case, self.command, self.address, self.tls = case, command, address, tls
        self.dir = case.enterContext(tempfile.TemporaryDirectory())
        self.conf = os.path.join(self.dir, 'test.cfg')
        with open(self.conf, 'w') as f:
            f.write(conf)
        self.grpc_port, self.http_port = grpc_port, 0
        case.addCleanup(self.end)
        self.start()

    def start(self):
        self.running = site_live.Controller(self.case, os.path.join(self.dir, 'state'), self.command,
                                            None if self.tls else f'{self.address}:{self.grpc_port}',
                                            f'127.0.0.1:{self.http_port}', ('-c', self.conf))
        self.grpc_port, self.http_port = self.running.grpc, self.running.http
        self.target = f'{self.address}:{self.grpc_port}'

    def text(self):
        return self.running.text()

    def kill(self):
        self.running.kill()

    def stop(self):
        status = self.running.stop()
        if status != 0:
            raise AssertionError(f'exit status {status}: {self.text()}')

    def end(self):
        """It stops as it should, and no sanitizer has anything to say."""
        if self.running.process.poll() is None:
            self.stop()
        found = [line for line in self.text().splitlines() if 'runtime error:' in line or 'Sanitizer' in line]
        if found:
            raise AssertionError('\n'.join(found))

    # ---- HTTP: the routes of DeepFlow's ctl ----

    def http(self, method, path, body=None, raw=None):
        """-> DATA of the answer."""
        data = raw.encode() if raw is not None else json.dumps(body).encode() if body is not None else None
        kind = 'application/x-www-form-urlencoded' if raw is not None else 'application/json'
        request = urllib.request.Request(f'http://127.0.0.1:{self.http_port}{path}', data, {'Content-Type': kind}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                answer = json.loads(reply.read() or b'{}')
        except urllib.error.HTTPError as e:
            raise AssertionError(f'{method} {path}: {e.code} {e.read()}') from e
        if not isinstance(answer, dict) or 'OPT_STATUS' not in answer:
            return answer  # of /api/v1
        if answer['OPT_STATUS'] not in ('', 'SUCCESS'):
            raise AssertionError(f'{method} {path}: {answer}')
        return answer.get('DATA')

    def group(self, name):
        """-> a new one: its lcuuid and short id."""
        g = self.http('POST', '/v1/vtap-groups/', {'name': name})
        return g['LCUUID'], g['SHORT_UUID']

    def default_group(self):
        return next(g for g in self.http('GET', '/v1/vtap-groups/') if g['NAME'] == 'default')['LCUUID']

    def config(self, lcuuid, text, method='POST'):
        self.http(method, f'/v1/agent-group-configuration/{lcuuid}/yaml', raw=text)

    def agents(self, **by):
        query = '?' + urllib.parse.urlencode(by) if by else ''
        return self.http('GET', '/v1/vtaps/' + query)

    def agent(self, ip):
        return next((a for a in self.agents() if a['CTRL_IP'] == ip), None)


class Stream:
    """A Push, or another stream of answers; what comes waits in a queue."""

    def __init__(self, call, decode):
        self.call = call
        self.messages = queue.Queue()
        self.decode = decode
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for m in self.call:
                self.messages.put(self.decode(m))
            self.messages.put(None)
        except grpc.RpcError as e:
            self.messages.put(e)

    def next(self, seconds=20):
        m = self.messages.get(timeout=seconds)
        if isinstance(m, grpc.RpcError):
            raise m
        return m

    def nothing(self, seconds=0.5):
        """-> whether nothing more has come for so long."""
        try:
            self.messages.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def end(self, seconds=20):
        """-> the status it ended with."""
        while True:
            m = self.messages.get(timeout=seconds)
            if m is None:
                return grpc.StatusCode.OK
            if isinstance(m, grpc.RpcError):
                return m.code()

    def cancel(self):
        self.call.cancel()


class Peer:
    """An agent, or what says it is one."""

    def __init__(self, case, controller, dialect='agent', ip='10.9.0.1', mac='02:00:00:00:00:01', credentials=None, target=None,
                 options=(), **hello):
        self.dialect, self.ip, self.mac = dialect, ip, mac
        options = [('grpc.max_receive_message_length', 64 << 20), ('grpc.use_local_subchannel_pool', 1),
                   ('grpc.enable_http_proxy', 0), *options]
        target = target or controller.target
        self.channel = grpc.secure_channel(target, credentials, options) if credentials else \
            grpc.insecure_channel(target, options)
        case.addCleanup(self.channel.close)
        self.held = {}
        self.hello = hello

    def say(self, values):
        """-> a SyncRequest. `group`: the group it asks for."""
        values = {'boot_time': 1700000000, 'state': 2, 'revision': 'main 1-abc', 'process_name': 'test', 'ctrl_ip': self.ip,
                  'ctrl_mac': self.mac, 'host': 'host-' + self.ip, 'host_ips': [self.ip], 'exception': 0, 'cpu_num': 4,
                  'memory_size': 1 << 33, 'arch': 'x86_64', 'os': 'Debian 12', 'kernel_version': '6.1.0', **self.held,
                  **self.hello, **values}
        if 'group' in values:
            values['agent_group_id_request' if self.dialect == 'agent' else 'vtap_group_id_request'] = values.pop('group')
        return values

    def call(self, method, values, timeout=20):
        asked, answered = rpc_codec.METHODS[method]
        data = rpc_codec.encode(self.dialect, asked, values)
        return rpc_codec.decode(self.dialect, answered, self.bytes(method, data, timeout))

    def bytes(self, method, data, timeout=20):
        return self.channel.unary_unary(f'/{self.dialect}.Synchronizer/{method}')(data, timeout=timeout)

    def stream(self, method, values):
        asked, answered = rpc_codec.METHODS[method]
        call = self.channel.unary_stream(f'/{self.dialect}.Synchronizer/{method}')
        return Stream(call(rpc_codec.encode(self.dialect, asked, values)),
                      lambda m: rpc_codec.decode(self.dialect, answered, m))

    def sync(self, **values):
        return self.call('Sync', self.say(values))

    def hold(self, answer):
        """Take over the versions of an answer."""
        self.held = {k: answer[k] for k in ('version_platform_data', 'version_acls', 'version_groups')}
        return answer

    def push(self, **values):
        return self.stream('Push', self.say(values))

    def own(self, answer):
        """-> what is the agent's own, by the names of agent.proto."""
        if self.dialect == 'agent':
            return answer['dynamic_config']
        c = answer['config']
        return {'agent_id': c.get('vtap_id'), 'agent_type': c.get('trident_type'), 'enabled': c['enabled'],
                'kubernetes_api_enabled': c['kubernetes_api_enabled'], 'region_id': c.get('region_id', 0)}

    def memory(self, answer):
        """-> global.limits.max_memory of the configuration."""
        if self.dialect == 'trident':
            return answer['config'].get('max_memory', 768)
        m = re.search(rb'max_memory: (\d+)', answer['user_config'])
        return int(m.group(1)) if m else 768


class ControllerCase(weir.Case):
    def refused(self, code, call, *arguments, **more):
        """-> why a call is refused with this status."""
        with self.assertRaises(grpc.RpcError) as e:
            call(*arguments, **more)
        self.assertEqual(e.exception.code(), code, e.exception.details())
        return e.exception.details()


class OfADialect:
    """What is tested in each dialect: mixed into a ControllerCase."""
    dialect = None

    def setUp(self):
        super().setUp()
        self.c = Controller(self)

    def peer(self, n=1, **more):
        return Peer(self, self.c, self.dialect, f'10.9.0.{n}', f'02:00:00:00:00:{n:02x}', **more)


def memory(mib):
    """-> a group's configuration."""
    return f'global:\n  limits:\n    max_memory: {mib}\n'


def genesis(peer, agent_id, macs, version=1):
    """-> a GenesisSyncRequest of interfaces with these MACs."""
    rows = [{'mac': int(m.replace(':', ''), 16), 'ip': [f'172.16.{i >> 8}.{i & 255}/16'], 'name': f'eth{i}', 'tap_index': i + 1}
            for i, m in enumerate(macs)]
    asked = {'version': version, 'source_ip': peer.ip,
             'platform_data': {'raw_hostname': 'host', 'interfaces': rows}}
    if peer.dialect == 'agent':
        return {**asked, 'agent_id': agent_id, 'agent_info': {'ip': peer.ip, 'mac': peer.mac}}
    return {**asked, 'vtap_id': agent_id}


def macs_of(peer, answer):
    """-> MACs of the interfaces in an answer's platform data, as numbers."""
    data = rpc_codec.decode(peer.dialect, 'PlatformData', answer['platform_data'])
    return {i.get('mac') for i in data.get('interfaces', [])}
