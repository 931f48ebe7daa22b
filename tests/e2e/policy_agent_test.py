# SPDX-License-Identifier: Apache-2.0
"""weir-agent run under a controller that pushes policies: flows that begin get the groups of the rules for them."""
import json
import sys

import live
import weir

try:
    from controllers import Agent, number, text
    from sync_live import SyncAgentCase, group
except ModuleNotFoundError as e:
    print(f'SKIP: {e}')
    sys.exit(77)

LAN = 4
PCAP, VXLAN = 2, 0
TCP, ANY = 6, 256
CLIENT, SERVER = 0x020000000002, 0x020000000001


def inventory():
    """PlatformData: the client of live.conversation() in VPC 7, its server in 8."""
    hosts = ((7, CLIENT, '10.1.0.1'), (8, SERVER, '10.1.0.2'))
    return b''.join(text(1, number(1, i) + number(3, LAN) + number(4, vpc) + text(5, text(1, ip)) + number(7, mac))
                    for i, (vpc, mac, ip) in enumerate(hosts, 1))


def near_client():
    """remote_segments of Sync: the machine that this box is told of."""
    return text(10, number(1, 1) + text(2, '02:00:00:00:00:02'))


def action(gid, kind=PCAP):
    """NpbAction, for packets of both directions."""
    return number(1, kind) + number(2, 7) + text(3, '192.0.2.1') + number(4, 3) + number(5, 65535) + number(6, gid) + number(8, 1)


def acl(i, gid, protocol=ANY, ports='', src=(), dst=(), kind=PCAP):
    """FlowAcl with one action."""
    m = number(1, i) + number(3, protocol) + text(5, ports) + text(6, action(gid, kind))
    return text(1, m + b''.join(number(7, g) for g in src) + b''.join(number(8, g) for g in dst))


def groups(**vpc_and_ip):
    """Groups: g<id>=(vpc, address)."""
    return b''.join(text(1, number(1, int(k[1:])) + number(2, vpc) + text(5, ip)) for k, (vpc, ip) in vpc_and_ip.items())


class PolicyAgentTest(SyncAgentCase):
    def setUp(self):
        super().setUp()
        self.now = ((0, 0, 0), (None, None, None))
        self.server = self.v7(lambda f: self.answer())

    def answer(self):
        versions, tables = self.now
        return Agent.response(config=group(2048), versions=versions, tables=tables, segments=near_client())

    def push(self, agent, versions, tables, **want):
        """Until the tables are in force, or refused, as is wanted of that of policies."""
        self.now = (versions, tables)
        self.server.push(self.answer())
        return self.table(agent, 'policies', **want)

    def test_flows_have_the_rules_that_were_in_force_when_they_began(self):
        agent = self.start()
        live.wait_for(lambda: self.server.streams)
        self.in_force(agent, revision=1)
        open_flow = live.conversation(1, sport=29000)
        sent = self.send(live.conversation(3, sport=20000))
        self.wait_received(agent, sent)

        first = (acl(1, 11, TCP, '80') + acl(2, 12, src=(1,)) + acl(3, 13, dst=(2,)) + acl(4, 14, kind=VXLAN) +
                 acl(5, 15, 17) + acl(6, 16, dst=(3,)))
        members = groups(g1=(0, '10.1.0.0/30'), g2=(8, '10.1.0.2'), g3=(9, '10.1.0.2'))
        self.push(agent, (1, 1, 1), (inventory(), first, members), version=1, rows=6, dropped=0)
        sent += self.send(live.conversation(3, sport=20100) + open_flow[:3])
        self.wait_received(agent, sent)

        self.push(agent, (1, 2, 1), (inventory(), acl(9, 99, TCP, '80,443'), members), version=2, rows=1)
        sent += self.send(live.conversation(3, sport=20200) + open_flow[3:])
        self.wait_received(agent, sent)

        # Each port has other rules than the one before: sets of more than there may be of memory.
        big = b''.join(text(1, number(1, i) + text(4, f'{i}-65535') + text(5, f'{i}-65535') + text(6, action(98))) for i in range(1, 65000))
        self.push(agent, (1, 3, 2), (inventory(), big, members), refusals=1, version=2, in_force=True)
        live.wait_for(lambda: 4096 & (self.server.calls('Sync')[-1][3].get(6) or [0])[0])  # TOO_MANY_POLICIES
        sent += self.send(live.conversation(3, sport=20300))
        self.wait_received(agent, sent)

        self.push(agent, (1, 4, 3), (inventory(), b'', b''), in_force=False)
        sent += self.send(live.conversation(3, sport=20400))
        self.assertEqual(self.wait_received(agent, sent)['received'], sent)
        self.assertEqual(agent.stop(), weir.OK, agent.text())

        # Rules 1, 2 and 3, in their order; 4 is for brokers, 5 for UDP, 6 for another VPC.
        want = {29000: '[11,12,13]'}
        for port, gids in ((20000, '[]'), (20100, '[11,12,13]'), (20200, '[99]'), (20300, '[99]'), (20400, '[]')):
            want.update({port + i: gids for i in range(3)})
        self.assertEqual(dict(self.rows('select client_port, acl_gids from flow')), want)
        # The first flows began before there was an inventory; then the client's end is the near one.
        rows = self.rows('select client_port, observation_point, l2_end_0, l2_end_1, l3_epc_id_0, epc_id_1 from flow')
        self.assertEqual({r[1:] for r in rows if r[0] < 20100}, {('rest', 0, 0, 0, 0)})
        self.assertEqual({r[1:] for r in rows if r[0] >= 20100}, {('c', 1, 0, 7, 8)})
        for where, ports in (('acl_gids == 12', [29000, 20100, 20101, 20102]), ('acl_gids in (1, 99) and client_port < 20203',
                                                                                [20200, 20201, 20202])):
            p = weir.run(weir.CTL, 'flow', 'list', '--store', self.store, '--where', where, '-o', 'jsonl')
            self.assertEqual(p.returncode, weir.OK, p.stderr)
            self.assertEqual(sorted(json.loads(line)['client_port'] for line in p.stdout.splitlines()), sorted(ports))


if __name__ == '__main__':
    weir.main()
