#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The MACVlan procedure of DeepFlow's documentation ("Special Environment Agent Deployment"), word for word: nodes whose
pods are macvlan devices on the node's eth0, a controller, and weirctl under the name of DeepFlow's command."""
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import unittest

import live
import site_live
import weir

CONTROLLER_IP = '10.77.0.1'
PODS = {'node1': '10.77.0.21', 'node2': '10.77.0.22'}  # one a node
NODES = {'node1': '10.77.0.11', 'node2': '10.77.0.12'}
SERVER = '''
import socket
s = socket.create_server(("", 8080))
print("ready", flush=True)
while True:
    c = s.accept()[0]
    c.sendall(c.recv(100)[::-1])
    c.close()
'''
CLIENT = '''
import socket, sys
for i in range(int(sys.argv[2])):
    with socket.create_connection((sys.argv[1], 8080), timeout=10) as c:
        c.sendall(b"hello")
        assert c.recv(100) == b"olleh"
'''


class Node:
    """A namespace with eth0 and an agent, and one with its pod."""

    def __init__(self, case, name):
        self.case, self.name, self.ns, self.pod = case, name, case.ns[name], case.ns[f'{name}-pod']
        self.dir = os.path.join(case.dir, name)
        self.boot = f'controller-ips: [{CONTROLLER_IP}]\noverride-os-hostname: {name}\n'
        self.agent = None

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self):
        """Under an /etc of its own with DeepFlow's boot file, and the address of its node to be known by."""
        etc, old = self.path('etc'), self.path('etc.old')
        for d in (etc, old):
            os.makedirs(d, exist_ok=True)
        boot = self.case.file(f'{self.name}/boot.yaml', self.boot.encode())
        load = self.case.file(f'{self.name}/loadavg', b'0.01 0.01 0.01 1/100 1\n')
        conf = self.case.file(f'{self.name}/agent.cfg', (
            f'control = {{ socket = "{self.path("sock")}"; }};\nhttp = {{ listen = ""; }};\nflow = {{ capacity = 65536; }};\n'
            f'sinks = ( {{ type = "store"; path = "{self.path("store")}"; }} );\n').encode())
        script = (f'mount --bind {load} /proc/loadavg && mount --bind /etc {old} && mount -t tmpfs none {etc} && ln -s {old}/* {etc} && '
                  f'mkdir {etc}/deepflow-agent && cp {boot} {etc}/deepflow-agent/deepflow-agent.yaml && mount --bind {etc} /etc && '
                  f'exec env STATE_DIRECTORY={self.path("state")} "$@"')
        self.agent = live.Agent(self.case, ['ip', 'netns', 'exec', self.ns, 'sh', '-c', script, 'sh', weir.AGENT, 'run', '-c', conf],
                                self.path('sock'))
        self.agent.wait_word('READY=1')

    def stop(self):
        self.case.assertEqual(self.agent.stop(signal.SIGTERM), 0, self.agent.text())

    def ctl(self, *words):
        p = weir.run(weir.CTL, *words, '--socket', self.path('sock'))
        self.case.assertIn(p.returncode, (weir.OK, weir.FAILED), p.stderr)
        return p.stdout

    def value(self, key):
        """-> what weirctl config show says of a setting; None: it has its default."""
        rows = json.loads(self.ctl('config', 'show', '-o', 'json'))
        return next((r['value'] for r in rows if r['key'] == key), None)

    def in_force(self, key, value):
        try:
            live.wait_for(lambda: self.value(key) == value, 30)
        except AssertionError as e:
            raise AssertionError(f'{key} is {self.value(key)}, not {value}\n{self.agent.text()}') from e

    def flows(self, server):
        """-> how many flows of port 8080 of this server are in the store."""
        n = 0
        for name in sorted(os.listdir(self.path('store'))):
            if name.endswith('.sqlite'):
                with contextlib.closing(sqlite3.connect(self.path(f'store/{name}'))) as db:
                    n += db.execute('select count(*) from flow where ip_1 = ? and server_port = 8080', (server,)).fetchone()[0]
        return n


class MacVlan(site_live.SiteCase):
    @classmethod
    def setUpClass(cls):
        why = live.why_not()
        if why:
            raise unittest.SkipTest(why)
        probe = f'weirmv{os.getpid()}'
        subprocess.run(['ip', 'netns', 'add', probe], capture_output=True)
        subprocess.run(['ip', '-n', probe, 'link', 'add', 'name', 'under', 'type', 'veth', 'peer', 'name', 'peer'], capture_output=True)
        made = subprocess.run(['ip', '-n', probe, 'link', 'add', 'link', 'under', 'name', 'over', 'type', 'macvlan', 'mode', 'bridge'], capture_output=True)
        subprocess.run(['ip', 'netns', 'del', probe], capture_output=True)
        if made.returncode:
            raise unittest.SkipTest('no macvlan in this kernel')

    def sh(self, *command):
        p = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(p.returncode, 0, f'{command}: {p.stderr}')
        return p.stdout

    def setUp(self):
        super().setUp()
        names = ['controller'] + [n + part for n in NODES for part in ('', '-pod')]
        self.ns = {name: f'weirctl{os.getpid()}-{i}' for i, name in enumerate(names)}
        for ns in self.ns.values():
            self.sh('ip', 'netns', 'add', ns)
            self.addCleanup(subprocess.run, ['ip', 'netns', 'del', ns], capture_output=True)
            self.sh('ip', '-n', ns, 'link', 'set', 'lo', 'up')
        self.wire()
        bin_dir = os.path.join(self.dir, 'bin')
        os.makedirs(bin_dir)
        os.symlink(weir.CTL, os.path.join(bin_dir, 'deepflow-ctl'))
        self.env['PATH'] = bin_dir + ':' + os.environ['PATH']
        self.run_controller(command=('ip', 'netns', 'exec', self.ns['controller']), grpc='0.0.0.0:30035', http='127.0.0.1:30417')
        self.nodes = [Node(self, name) for name in NODES]

    def wire(self):
        """A switch with the controller at it, and the nodes; a pod is a macvlan device of its node's eth0."""
        switch = self.ns['controller']
        self.sh('ip', '-n', switch, 'link', 'add', 'name', 'switch', 'type', 'bridge')
        self.sh('ip', '-n', switch, 'link', 'set', 'switch', 'up')
        self.sh('ip', '-n', switch, 'address', 'add', f'{CONTROLLER_IP}/24', 'dev', 'switch')
        for name, address in NODES.items():
            node, pod = self.ns[name], self.ns[f'{name}-pod']
            self.sh('ip', '-n', node, 'link', 'add', 'name', 'eth0', 'type', 'veth', 'peer', 'name', name, 'netns', switch)
            self.sh('ip', '-n', switch, 'link', 'set', name, 'master', 'switch', 'up')
            self.sh('ip', '-n', node, 'link', 'set', 'eth0', 'up')
            self.sh('ip', '-n', node, 'address', 'add', f'{address}/24', 'dev', 'eth0')
            self.sh('ip', '-n', node, 'link', 'add', 'link', 'eth0', 'name', 'pod', 'type', 'macvlan', 'mode', 'bridge')
            self.sh('ip', '-n', node, 'link', 'set', 'pod', 'netns', pod)
            self.sh('ip', '-n', pod, 'link', 'set', 'pod', 'name', 'eth0')
            self.sh('ip', '-n', pod, 'link', 'set', 'eth0', 'up')
            self.sh('ip', '-n', pod, 'address', 'add', f'{PODS[name]}/24', 'dev', 'eth0')

    def type_in(self, line, code=0):
        """A line at the controller's shell: -> standard output."""
        p = weir.run('ip', 'netns', 'exec', self.ns['controller'], 'bash', '-c', line, env=self.env)
        self.assertEqual(p.returncode, code, f'{line}: {p.stdout}{p.stderr}\n{self.controller.text()}')
        return p.stdout

    def agents(self):
        """-> {name: group} of `agent list`."""
        return {r['NAME']: r['VTAP_GROUP_NAME'] for r in json.loads(self.type_in('deepflow-ctl agent list -o json'))}

    def wait_agents(self, want):
        try:
            live.wait_for(lambda: {re.sub(r'-[VW]\d+$', '', n): g for n, g in self.agents().items()} == want, 90)
        except AssertionError as e:
            raise AssertionError(f'{want}: {self.agents()}\n' + '\n'.join(n.agent.text() for n in self.nodes if n.agent)) from e

    def full_name(self, node):
        return next(n for n in self.agents() if n == node or n.startswith(node + '-'))

    def talk(self, n=10):
        """The pod of node 1 asks that of node 2: both nodes' agents see it on eth0."""
        server = subprocess.Popen(['ip', 'netns', 'exec', self.ns['node2-pod'], 'python3', '-c', SERVER], stdout=subprocess.PIPE)
        try:
            server.stdout.readline()
            self.sh('ip', 'netns', 'exec', self.ns['node1-pod'], 'python3', '-c', CLIENT, PODS['node2'], str(n))
        finally:
            server.kill()
            server.wait()
            server.stdout.close()

    def recorded(self, node, n=10):
        before = node.flows(PODS['node2'])
        self.talk(n)
        try:
            live.wait_for(lambda: node.flows(PODS['node2']) - before >= n, 90)
        except AssertionError as e:
            raise AssertionError(f'{node.name}: {node.flows(PODS["node2"]) - before} of {n} flows\n{node.ctl("status")}') from e

    def test_the_procedure(self):
        first, second = self.nodes
        first.start()
        self.wait_agents({'node1': 'default'})

        # 1. Create agent-group and agent-group-config
        self.type_in('deepflow-ctl agent-group create macvlan')
        self.type_in('deepflow-ctl agent-group-config create macvlan')

        # 2. Get the macvlan agent-group ID
        row = self.type_in('deepflow-ctl agent-group list  | grep macvlan')
        group = re.fullmatch(r'macvlan +(g-[A-Za-z0-9]{10})\n', row)[1]

        # 3. Create a new agent-group-config file
        with open(weir.data('macvlan-agent-group-config.yaml'), encoding='utf-8') as f:
            text = f.read().replace('g-xxxxxx', group)
        path = self.file('macvlan-agent-group-config.yaml', text.encode())

        # 4. Create agent-group-config
        self.type_in(f'cd {self.dir} && deepflow-ctl agent-group-config create -f macvlan-agent-group-config.yaml')
        self.assertEqual(self.type_in('deepflow-ctl agent-group-config list').split(), ['macvlan', group])
        self.assertEqual(self.type_in('deepflow-ctl agent-group-config list macvlan -o yaml'), text)

        # 5. Modify the agent-group of deepflow-agent: add the configuration, stop, delete, start, check
        for node in self.nodes:
            node.boot += f'vtap-group-id-request: {group}\n'
        first.stop()
        self.type_in(f'deepflow-ctl agent delete {self.full_name("node1")}')
        self.assertEqual(self.agents(), {})
        first.start()
        second.start()
        self.wait_agents({'node1': 'macvlan', 'node2': 'macvlan'})
        table = self.type_in('deepflow-ctl agent list')
        self.assertRegex(table, r'(?m)^\d+ +node1\S* +\S+ +10\.77\.0\.11 +\S+ +NORMAL +macvlan ')

        # The capture follows: what pods say is seen on eth0.
        for node in self.nodes:
            node.in_force('inputs.cbpf.common.capture_mode', '"mirror"')
            node.in_force('inputs.cbpf.af_packet.interface_regex', '"eth0"')
            self.recorded(node)

        # An update is in force without a restart.
        self.file('macvlan-agent-group-config.yaml', text.replace('tap_mode: 1', 'tap_mode: 0').encode())
        self.type_in(f'deepflow-ctl agent-group-config update -f {path}')
        for node in self.nodes:
            node.in_force('inputs.cbpf.common.capture_mode', '"local"')
        self.recorded(first)

    def test_an_agent_that_ran_before_its_group_existed_joins_it_when_deleted_while_it_is_stopped(self):
        node = self.nodes[0]
        node.boot += 'vtap-group-id-request: macvlan\n'  # by name
        node.start()
        self.wait_agents({'node1': 'default'})
        self.type_in('deepflow-ctl agent-group create macvlan')
        node.stop()
        node.start()
        self.wait_agents({'node1': 'default'})  # the request counts at registration only
        node.stop()
        self.type_in(f'deepflow-ctl agent delete {self.full_name("node1")}')
        node.start()
        self.wait_agents({'node1': 'macvlan'})
        self.type_in('deepflow-ctl agent delete nobody', code=weir.NOT_FOUND)


if __name__ == '__main__':
    weir.main()
