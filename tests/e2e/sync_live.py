# SPDX-License-Identifier: Apache-2.0
"""What the tests of an agent under a controller share: where that is, and time that passes at will."""
import os
import time

import live
from controllers import Agent, Controller, FAILED, Trident

TAP = '{ name = "edge"; ports = [ "cap" ]; }'
PORT = 30035
ANALYZER = 'inputs:\n  cbpf: {common: {capture_mode: 2}}\n'  # a box that is not held to limits of a guest


def group(memory, more=ANALYZER):
    return Agent.group(memory, more)


class SyncAgentCase(live.LiveCase):
    """An agent whose box configuration names a controller of 127.0.0.1."""

    def controller(self, dialects, sync):
        c = Controller(dialects, PORT, sync, netns=self.here)
        self.addCleanup(c.stop)
        return c

    def v7(self, sync):
        return self.controller(('agent', 'trident'), lambda d, f, c: sync(f) if d == 'agent' else Trident.response(FAILED))

    def start(self, env=None, more='', address='127.0.0.1'):
        state = os.path.join(self.dir, 'state')
        conf = self.conf(TAP, f'controller = {{ address = "{address}"; port = {PORT}; }};{more}')
        command = self.machine({'/proc/loadavg': b'0.01 0.01 0.01 1/100 1\n'})  # the group has a breaker of load
        names = [f'{name}={value}' for name, value in {'STATE_DIRECTORY': state, **(env or {})}.items()]
        return self.agent(conf, command=(*command, 'env', *names))

    def in_force(self, agent, **want):
        def is_so():
            g = agent.data('status')['group']
            return g if all(g[k] == v for k, v in want.items()) else None
        try:
            return live.wait_for(is_so, 20)
        except AssertionError as e:
            raise AssertionError(f'{want}: {agent.data("status")["group"]}\n{agent.text()}') from e

    def vpcs(self):
        """-> {client port: (VPC of the client, of the server)} of the store."""
        return {port: (client, server) for port, client, server in
                self.rows('select client_port, l3_epc_id_0, l3_epc_id_1 from flow')}

    def table(self, agent, name, **want):
        """-> the controller's table, once it is as is wanted."""

        def is_so():
            t = next(t for t in agent.data('config')['tables'] if t['table'] == name)
            return t if all(t[k] == v for k, v in want.items()) else None
        try:
            return live.wait_for(is_so, 30)
        except AssertionError as e:
            raise AssertionError(f'{want}: {agent.data("config")["tables"]}\n{agent.text()}') from e

    def value(self, agent, path):
        return next(v for v in agent.data('config')['values'] if v['key'] == path)['value']

    def hop(self, agent):
        return next((h for h in agent.data('status')['hops'] if h['hop'] == 'controller'), None)

    def captures(self, agent, sport):
        """What is sent is received, every packet of it."""
        before = agent.port('cap')['received']
        sent = self.send(live.conversation(20, sport=sport))
        p = self.wait_received(agent, before + sent)
        self.assertEqual((p['received'] - before, p['missed'] or 0), (sent, 0))

    def kept_has(self, text):
        """Whether the file that a restart goes on with has this: None or True."""
        try:
            with open(os.path.join(self.dir, 'state/controller'), 'rb') as f:
                return text in f.read() or None
        except FileNotFoundError:
            return None


class HoursCase(SyncAgentCase):
    """The agent's clock is advanced by the test, and its disk hangs at will: shim.c."""

    def setUp(self):
        super().setUp()
        self.hours = live.Hours(self)
        self.hangs = os.path.join(self.dir, 'disk-hangs')

    def start(self, env=None, more=''):
        return super().start(more=more, env={**self.hours.env, 'SHIM_DISK': self.hangs, **(env or {})})

    def pass_until(self, check, text):
        """Time goes by until it is so: -> what check() gave; text() is shown where it never is."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            value = check()
            if value:
                return value
            self.hours.pass_s(5)
            time.sleep(0.1)
        raise AssertionError(f'never so\n{text()}')
