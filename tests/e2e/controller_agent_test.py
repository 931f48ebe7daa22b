#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weir-agent under weir-controller, both as they run: what is set is in force, and a controller that was killed takes nothing with it."""
import json
import time

import live
import weir
from controller_live import Controller, memory
from sync_live import PORT, SyncAgentCase


class AgentAndController(SyncAgentCase):
    """The controller in a namespace of its own, as on another machine."""

    def setUp(self):
        super().setUp()
        self.veth('ctl', 'far')
        self.ip(self.here, 'address', 'add', '10.77.0.1/24', 'dev', 'ctl')
        self.ip(self.there, 'address', 'add', '10.77.0.2/24', 'dev', 'far')
        self.c = Controller(self, command=('ip', 'netns', 'exec', self.there), address='10.77.0.2', grpc_port=PORT)

    def weirctl(self, *words):
        p = weir.run('ip', 'netns', 'exec', self.there, weir.CTL, '-i', '127.0.0.1', '--api-port', str(self.c.http_port), *words)
        self.assertEqual(p.returncode, weir.OK, p.stderr)
        return p.stdout

    def set_memory(self, mib, verb='update'):
        path = self.file('group.yaml', (memory(mib) + 'inputs:\n  cbpf:\n    common:\n      capture_mode: 2\n').encode())
        self.weirctl('agent-group-config', verb, 'default', '-f', path)

    def has_memory(self, agent, mib):
        live.wait_for(lambda: self.value(agent, 'global.limits.max_memory') == str(mib), 40)

    def settled(self, agent):
        """-> the inventory once it has rows and has not changed for 3 s, or None."""
        table = self.table(agent, 'inventory')
        return table if table['rows'] and time.time() * 1e6 - table['since_us'] > 3e6 else None

    def test_a_configuration_is_in_force_and_a_controller_that_was_killed_leaves_all_as_it_was(self):
        agent = self.start(address='10.77.0.2')
        self.in_force(agent, origin=f'controller 10.77.0.2:{PORT}')
        self.set_memory(2048, 'create')
        self.has_memory(agent, 2048)
        table = live.wait_for(lambda: self.settled(agent), 40)
        self.c.kill()
        self.c.start()
        self.set_memory(2049)
        self.has_memory(agent, 2049)  # Push is open again
        self.assertEqual(self.table(agent, 'inventory'), table)
        self.assertNotIn('emptied', agent.text())
        self.assertEqual(len(json.loads(self.weirctl('agent', 'list', '-o', 'json'))), 1)
        self.captures(agent, 41000)
        self.assertEqual(agent.stop(), weir.OK, agent.text())


if __name__ == '__main__':
    weir.main()
