# SPDX-License-Identifier: Apache-2.0
"""The controller's tables as they come, change, are refused and go, while packets flow: what the flows' records say."""
import sys

import live
import weir

try:
    from controllers import Agent, Trident, number, text
    from sync_agent_test import LAN, TAP, group, inventory, policy
    from sync_live import SyncAgentCase
except ModuleNotFoundError as e:
    print(f'SKIP: {e}')
    sys.exit(77)

HOSTS = ((0x020000000002, '10.1.0.1'), (0x020000000001, '10.1.0.2'))  # client and server of live.conversation()
TOO_MANY_POLICIES = 4096
VERSION_ACLS, EXCEPTIONS = 10, 6  # fields of SyncRequest


def others(n, vpc=lambda i: 100):
    """PlatformData: more interfaces, which carry no packet here."""
    return b''.join(text(1, number(1, 1000 + i) + number(3, LAN) + number(4, vpc(i)) +
                         text(5, text(1, f'10.{64 + (i >> 16)}.{i >> 8 & 255}.{i & 255}')) + number(7, 0x0a0000000000 + i))
                    for i in range(n))


def trident_inventory(client, server):
    """The same as inventory(), by the numbers of trident.proto."""
    return b''.join(text(1, number(1, i) + number(4, LAN) + number(6, vpc) + text(8, text(1, ip)) + number(11, mac))
                    for i, (vpc, (mac, ip)) in enumerate(zip((client, server), HOSTS), 1))


def too_many():
    """FlowAcls whose ranges of ports overlap, those of sources in another order: each port begins another set of ACLs."""
    def ports(i):
        return f'{i}-{i + 32768}'
    return b''.join(text(1, number(1, 1 + i) + text(4, ports(i * 7919 % 32000)) + text(5, ports(i))) for i in range(32000))


class TablesTest(SyncAgentCase):
    def run_under(self, **first):
        """-> agent, answer(**what the controller says from now on). Each is pushed, too."""
        now = {'config': group(2048), 'versions': (0, 0, 0), **first}
        server = self.v7(lambda f: Agent.response(**now))
        agent = self.start()
        self.in_force(agent, revision=1)
        live.wait_for(lambda: server.streams)
        self.sent = 0

        def answer(**changes):
            now.update(changes)
            server.push(Agent.response(**now))
        return agent, server, answer

    def flows(self, agent, sport, n=3):
        self.sent += self.send(live.conversation(n, sport=sport))
        self.assertEqual(self.wait_received(agent, self.sent)['received'], self.sent)

    def check(self, agent, want, n=3):
        self.assertEqual(agent.stop(), weir.OK, agent.text())
        self.assertEqual(self.vpcs(), {sport + i: vpcs for sport, vpcs in want.items() for i in range(n)})

    def test_one_interface_of_many_that_changes_comes_and_goes(self):
        many = others(3000)
        agent, _, answer = self.run_under(versions=(1, 0, 0), tables=(inventory(10, 11) + many, None, None))
        want = {}
        for version, (m, vpcs) in enumerate(((inventory(10, 11) + many, (10, 11)), (inventory(12, 11) + many, (12, 11)),
                                             (many + inventory(12, 13), (12, 13)), (many, (0, 0)),
                                             (many + inventory(14, 15)[:-1] + b'\x63', (0, 0)),
                                             (many + inventory(14, 15), (14, 15))), 1):
            answer(versions=(version, 0, 0), tables=(m, None, None))
            if m[-1:] == b'\x63':  # its last row has another MAC
                vpcs = (14, 0)
            self.table(agent, 'inventory', version=version, rows=3000 + (2 if m != many else 0), dropped=0, refusals=0)
            want[20000 + 100 * version] = vpcs
            self.flows(agent, 20000 + 100 * version)
        self.check(agent, want)

    def test_many_changes_one_upon_the_other_become_one_inventory(self):
        agent, _, answer = self.run_under(versions=(1, 0, 0), tables=(inventory(10, 11) + others(3000), None, None))
        want, sizes = {}, []
        for version in range(2, 9):
            changed = others(3000, lambda i, v=version: 100 + v if i < 300 else 100)
            answer(versions=(version, 0, 0), tables=(inventory(version, 11) + changed, None, None))
            sizes.append(self.table(agent, 'inventory', version=version, rows=3002)['bytes'])
            want[20000 + 100 * version] = (version, 11)
            self.flows(agent, 20000 + 100 * version)
        live.wait_for(lambda: self.table(agent, 'inventory', version=8)['bytes'] < max(sizes))  # they were laid over, and merged
        self.check(agent, want)

    def test_a_change_becomes_part_of_the_base_when_it_is_quiet(self):
        many = others(3000)
        agent, _, answer = self.run_under(versions=(1, 0, 0), tables=(inventory(10, 11) + many, None, None))
        base = self.table(agent, 'inventory', version=1)['bytes']
        answer(versions=(2, 0, 0), tables=(inventory(12, 11) + many, None, None))
        laid = self.table(agent, 'inventory', version=2, rows=3002)
        self.assertGreater(laid['bytes'], base)
        live.wait_for(lambda: self.table(agent, 'inventory', version=2)['bytes'] == base, 60)
        self.assertEqual(self.table(agent, 'inventory', version=2)['since_us'], laid['since_us'])
        self.flows(agent, 20000)
        self.check(agent, {20000: (12, 11)})

    def test_tables_of_both_dialects_give_flows_the_same_vpcs(self):
        config = Trident.group(2048, number(503, 2) + number(23, 0))  # analyzer; flows of all networks are stored
        self.controller(('trident',), lambda d, f, c: Trident.response(config=config, versions=(1, 0, 0),
                                                                         tables=(trident_inventory(10, 11), None, None)))
        agent = self.start()
        self.sent = 0
        self.table(agent, 'inventory', version=1, rows=2, dropped=0)
        self.flows(agent, 20000)
        self.check(agent, {20000: (10, 11)})

    def test_too_many_policies_are_told_and_those_in_force_stay_until_fewer_come(self):
        often = group(2048).replace('  limits', '  communication: {proactive_request_interval: 10s}\n  limits')
        agent, server, answer = self.run_under(config=often, versions=(0, 1, 0), tables=(None, policy(9), None))
        asked = lambda field: server.calls('Sync')[-1][3].get(field, [0])
        self.table(agent, 'policies', version=1, rows=1)
        answer(versions=(0, 2, 0), tables=(None, too_many(), None))
        t = self.table(agent, 'policies', refusals=1)
        self.assertEqual((t['in_force'], t['version'], t['rows']), (True, 1, 1))
        self.assertIn('32000 ACLs', t['refused'])
        # Told at once. They are asked for once more, and the same is not built again.
        live.wait_for(lambda: asked(EXCEPTIONS) == [TOO_MANY_POLICIES])
        live.wait_for(lambda: asked(VERSION_ACLS) == [2], 90)
        self.assertEqual(self.table(agent, 'policies', version=1)['refusals'], 1)
        answer(versions=(0, 3, 0), tables=(None, policy(9) + policy(9), None))
        self.table(agent, 'policies', version=3, rows=2, refused='')
        live.wait_for(lambda: asked(EXCEPTIONS) == [0], 90)
        self.flows(agent, 20000)
        self.check(agent, {20000: (0, 0)})

    def test_what_is_no_message_is_not_built_again_and_the_next_that_is_one_is(self):
        agent, _, answer = self.run_under(versions=(1, 0, 0), tables=(inventory(10, 11), None, None))
        self.table(agent, 'inventory', version=1)
        answer(versions=(2, 0, 0), tables=(b'\x0a\xff', None, None))
        self.table(agent, 'inventory', version=1, refusals=1)
        answer(versions=(3, 0, 0), tables=(b'\x0a\xff', None, None))  # the same by another number
        answer(versions=(4, 1, 0), tables=(inventory(10, 11), policy(9), None))  # as it is in force
        self.table(agent, 'policies', version=1)
        self.assertEqual(self.table(agent, 'inventory', version=4, refused='')['refusals'], 1)
        self.flows(agent, 20000)
        self.check(agent, {20000: (10, 11)})

    def test_a_group_without_tables_empties_them_and_an_empty_controller_does_not(self):
        agent, _, answer = self.run_under(versions=(1, 1, 0), tables=(inventory(10, 11), policy(9), None))
        self.table(agent, 'inventory', version=1)
        self.table(agent, 'policies', version=1)
        self.flows(agent, 20000)
        answer(versions=(0, 0, 0), tables=(None, None, None), config=group(2049))  # it prepares them still
        self.in_force(agent, revision=2)
        self.flows(agent, 20100)
        self.assertTrue(self.table(agent, 'inventory', version=1)['in_force'])
        answer(versions=(2, 2, 0))
        self.table(agent, 'inventory', in_force=False, rows=0)
        self.table(agent, 'policies', in_force=False, rows=0)
        self.flows(agent, 20200)
        answer(versions=(3, 2, 0), tables=(inventory(12, 13), None, None))
        self.table(agent, 'inventory', version=3)
        self.flows(agent, 20300)
        self.check(agent, {20000: (10, 11), 20100: (10, 11), 20200: (0, 0), 20300: (12, 13)})

    def test_an_agent_disabled_and_enabled_again_has_its_tables(self):
        enabled, disabled = number(2, 1) + number(13, 9), number(2, 0) + number(13, 9)
        agent, _, answer = self.run_under(dynamic=enabled, versions=(1, 0, 0), tables=(inventory(10, 11), None, None))
        self.table(agent, 'inventory', version=1)
        answer(dynamic=disabled)
        agent.wait_port('cap', state='paused')
        answer(dynamic=disabled, versions=(2, 0, 0), tables=(inventory(12, 13), None, None))
        self.table(agent, 'inventory', version=2)
        answer(dynamic=enabled)
        agent.wait_port('cap', state='up')
        self.flows(agent, 20000)
        self.check(agent, {20000: (12, 13)})

    def test_without_a_controller_any_more_there_are_no_tables(self):
        agent, _, _ = self.run_under(versions=(1, 1, 0), tables=(inventory(10, 11), policy(9), None))
        self.table(agent, 'inventory', version=1)
        self.table(agent, 'policies', version=1)
        self.flows(agent, 20000)
        self.conf(TAP)
        agent.reload()
        self.table(agent, 'inventory', in_force=False, version=0)
        self.table(agent, 'policies', in_force=False, version=0)
        self.flows(agent, 20100)
        self.check(agent, {20000: (10, 11), 20100: (0, 0)})


if __name__ == '__main__':
    weir.main()
