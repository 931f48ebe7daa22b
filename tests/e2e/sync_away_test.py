# SPDX-License-Identifier: Apache-2.0
"""weir-agent run whose controller goes away, for minutes or for good, and whose disk hangs: it captures on, as specified."""
import os
import sys

import live
import weir

try:
    from controllers import Agent, number
    from sync_live import ANALYZER, HoursCase, PORT, group
except ModuleNotFoundError as e:
    print(f'SKIP: {e}')
    sys.exit(77)

LEAST = 600  # seconds: the shortest max_escape_duration there is


def escaping(memory=2048):
    return f'global:\n  limits: {{max_memory: {memory}}}\n  communication: {{max_escape_duration: {LEAST}s}}\n{ANALYZER}'


class AwayTest(HoursCase):
    def back(self, agent):
        """The controller is there again: after the wait between two tries it captures."""
        self.pass_until(lambda: agent.port('cap')['state'] == 'up' and self.hop(agent)['state'] == 'ok', agent.text)

    def test_capture_stops_at_the_escape_time_and_not_before_and_goes_on_when_the_controller_is_back(self):
        server = self.v7(lambda f: Agent.response(config=escaping(), versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, revision=1)
        agent.wait_port('cap', state='up')
        self.captures(agent, 20000)
        server.stop()
        self.hours.pass_s(LEAST - 30)
        live.wait_for(lambda: self.hop(agent)['state'] == 'warn')
        self.assertIn('no contact', self.hop(agent)['detail'])
        self.captures(agent, 21000)
        self.hours.pass_s(60)
        agent.wait_port('cap', state='paused')
        self.assertEqual(self.hop(agent)['state'], 'broken')
        self.assertIn('escaped', self.hop(agent)['detail'])
        self.assertIn(f'away for {LEAST} s: nothing is captured until it is back', agent.text())
        received = agent.port('cap')['received']
        self.send(live.conversation(20, sport=22000))
        self.assertEqual(agent.port('cap')['received'], received)
        self.assertEqual(self.value(agent, 'global.limits.max_memory'), '2048')  # what was in force stays
        self.v7(lambda f: Agent.response(config=escaping(), versions=(1, 1, 1)))
        self.back(agent)
        self.captures(agent, 23000)
        self.assertEqual(agent.stop(), weir.OK, agent.text())
        self.assertEqual(self.rows('select count(*) from flow'), [(60,)])

    def test_started_again_without_a_controller_the_escape_time_counts_from_then(self):
        server = self.v7(lambda f: Agent.response(config=escaping(2345), versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, revision=1)
        self.kept(b'2345')
        server.stop()
        self.assertEqual(agent.stop(), weir.OK, agent.text())
        agent = self.start()
        self.in_force(agent, origin=f'controller 127.0.0.1:{PORT}, kept')
        agent.wait_port('cap', state='up')
        self.hours.pass_s(LEAST - 30)
        self.captures(agent, 20000)
        self.hours.pass_s(60)
        agent.wait_port('cap', state='paused')
        self.v7(lambda f: Agent.response(config=escaping(2346), versions=(1, 1, 1)))
        self.back(agent)
        self.in_force(agent, origin=f'controller 127.0.0.1:{PORT}')
        self.assertEqual(self.value(agent, 'global.limits.max_memory'), '2346')
        self.captures(agent, 21000)

    def test_an_empty_controller_in_its_place_takes_nothing_away(self):
        server = self.v7(lambda f: Agent.response(config=escaping(), dynamic=number(2, 1) + number(13, 9), versions=(7, 8, 9)))
        agent = self.start()
        self.in_force(agent, revision=1)
        agent.wait_port('cap', state='up')
        server.stop()
        empty = self.v7(lambda f: Agent.response())  # knows no agent: no configuration, no versions
        self.pass_until(lambda: self.hop(agent)['state'] == 'ok' and empty.calls('Sync'), agent.text)
        self.hours.pass_s(LEAST + 60)  # and its answers count
        self.assertEqual(self.hop(agent)['state'], 'ok', agent.text())
        self.assertEqual(self.value(agent, 'global.limits.max_memory'), '2048')
        self.captures(agent, 20000)

    def test_a_disk_that_hangs_holds_up_no_configuration_and_no_packet(self):
        server = self.v7(lambda f: Agent.response(config=group(3000), versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, revision=1)
        self.kept(b'3000')
        live.wait_for(lambda: server.streams)
        with open(self.hangs, 'w'):
            pass
        for i in range(1, 5):
            server.push(Agent.response(config=group(3000 + i), versions=(1, 1, 1)))
            self.in_force(agent, revision=1 + i)
            self.captures(agent, 20000 + 1000 * i)
            self.hours.pass_s(10)  # each is to be kept
        self.assertIsNone(self.kept_has(b'3004'))
        os.unlink(self.hangs)
        self.kept(b'3004')
        self.assertEqual(agent.stop(), weir.OK, agent.text())

    def kept(self, text):
        live.wait_for(lambda: self.kept_has(text))


if __name__ == '__main__':
    weir.main()
