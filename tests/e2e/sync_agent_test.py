# SPDX-License-Identifier: Apache-2.0
"""weir-agent run under a controller of others: its group's configuration comes into force while packets flow."""
import os
import sys
import time
import unittest

import live
import weir

try:
    from controllers import (Agent, Controller, FAILED, Trident, number, text)
except ModuleNotFoundError as e:
    print(f'SKIP: {e}')
    sys.exit(77)

TAP = '{ name = "edge"; ports = [ "cap" ]; }'
PORT = 30035
ANALYZER = 'inputs:\n  cbpf: {common: {capture_mode: 2}}\n'  # a box that is not held to limits of a guest


def group(memory, more=ANALYZER):
    return Agent.group(memory, more)


class SyncAgentTest(live.LiveCase):
    def controller(self, dialects, sync):
        c = Controller(dialects, PORT, sync, netns=self.here)
        self.addCleanup(c.stop)
        return c

    def v7(self, sync):
        return self.controller(('agent', 'trident'), lambda d, f, c: sync(f) if d == 'agent' else Trident.response(FAILED))

    def start(self):
        state = os.path.join(self.dir, 'state')
        conf = self.conf(TAP, f'controller = {{ address = "127.0.0.1"; port = {PORT}; }};')
        command = self.machine({'/proc/loadavg': b'0.01 0.01 0.01 1/100 1\n'})  # the group has a breaker of load
        return self.agent(conf, command=('env', f'STATE_DIRECTORY={state}', *command))

    def in_force(self, agent, **want):
        def is_so():
            g = agent.data('status')['group']
            return g if all(g[k] == v for k, v in want.items()) else None
        try:
            return live.wait_for(is_so, 20)
        except AssertionError as e:
            raise AssertionError(f'{want}: {agent.data("status")["group"]}\n{agent.text()}') from e

    def value(self, agent, path):
        return next(v for v in agent.data('config')['values'] if v['key'] == path)['value']

    def hop(self, agent):
        return next((h for h in agent.data('status')['hops'] if h['hop'] == 'controller'), None)

    def test_a_push_is_in_force_while_packets_flow(self):
        server = self.v7(lambda f: Agent.response(config=group(2048), versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, origin=f'controller 127.0.0.1:{PORT}', revision=1)
        self.assertEqual(self.hop(agent)['state'], 'ok')
        sent = self.send(live.conversation(500))
        live.wait_for(lambda: server.streams)
        pid = agent.process.pid
        for i in range(10):
            began = time.monotonic()
            server.push(Agent.response(config=group(3000 + i), versions=(1, 1, 1)))
            self.in_force(agent, revision=2 + i)
            self.assertLess(time.monotonic() - began, 1)
            sent += self.send(live.conversation(50, sport=30000 + 100 * i))
        self.assertEqual(self.value(agent, 'global.limits.max_memory'), '3009')
        p = self.wait_received(agent, sent)
        self.assertEqual((p['received'], p['missed']), (sent, 0))
        self.assertEqual(sum(o['packets'] for o in p['outcomes'].values()), sent)
        self.assertEqual(agent.process.pid, pid)
        metrics = dict(line.split() for line in self.http('/metrics')[1].splitlines() if line.startswith('weir_controller'))
        self.assertEqual((metrics['weir_controller_up'], metrics['weir_controller_pushes_total']), ('1', '10'))
        self.assertEqual(agent.stop(), weir.OK, agent.text())

    def test_a_v65_controller_s_config_is_in_force(self):
        config = Trident.group(2048, number(503, 2) + text(510, 'default-tap-type: 9\n'))
        self.controller(('trident',), lambda d, f, c: Trident.response(config=config, versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, revision=1)
        self.assertEqual(self.value(agent, 'inputs.cbpf.physical_mirror.default_capture_network_type'), '9')
        self.assertIn('trident', self.hop(agent)['detail'])

    def test_killed_and_started_without_a_controller_it_captures_with_what_was_kept(self):
        server = self.v7(lambda f: Agent.response(config=group(2345), dynamic=number(2, 1) + number(13, 9), versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, revision=1)
        live.wait_for(lambda: os.path.exists(os.path.join(self.dir, 'state/controller')))
        server.stop()
        agent.kill()
        os.unlink(self.socket) if os.path.exists(self.socket) else None
        agent = self.start()
        self.in_force(agent, origin=f'controller 127.0.0.1:{PORT}, kept')
        self.assertEqual(self.value(agent, 'global.limits.max_memory'), '2345')
        self.assertEqual(self.hop(agent)['state'], 'warn')
        agent.wait_port('cap', state='up')
        sent = self.send(live.conversation(50))
        self.assertEqual(self.wait_received(agent, sent)['received'], sent)

    def test_a_bad_configuration_is_refused_and_the_controller_told(self):
        now = {'config': group(2048)}
        server = self.v7(lambda f: Agent.response(config=now['config'], versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, revision=1)
        live.wait_for(lambda: server.streams)
        now['config'] = 'global:\n  limits: {max_memory: lots}\n'
        server.push(Agent.response(config=now['config'], versions=(1, 1, 1)))
        live.wait_for(lambda: server.calls('Sync')[-1][3][6] == [256])
        g = self.in_force(agent, revision=1)
        self.assertIn('lots', g['refused']['message'] if 'message' in g['refused'] else str(g['refused']))
        self.assertEqual(self.value(agent, 'global.limits.max_memory'), '2048')

    def test_a_disabled_agent_closes_its_ports_until_it_is_enabled(self):
        server = self.v7(lambda f: Agent.response(config=group(2048), dynamic=number(2, 0) + number(13, 9), versions=(1, 1, 1)))
        agent = self.start()
        agent.wait_port('cap', state='paused')
        live.wait_for(lambda: server.streams)
        server.push(Agent.response(config=group(2048), dynamic=number(2, 1) + number(13, 9), versions=(1, 1, 1)))
        agent.wait_port('cap', state='up')
        sent = self.send(live.conversation(50))
        self.assertEqual(self.wait_received(agent, sent)['received'], sent)

    def test_without_a_controller_any_more_the_box_s_own_holds(self):
        self.v7(lambda f: Agent.response(config=group(2048), versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, revision=1)
        self.conf(TAP)
        agent.reload()
        self.in_force(agent, origin='appliance profile')
        self.assertIsNone(self.hop(agent))


if __name__ == '__main__':
    unittest.main()
