# SPDX-License-Identifier: Apache-2.0
"""weir-agent run under a controller of others: its group's configuration comes into force while packets flow."""
import os
import sys

import live
import weir

try:
    from controllers import Agent, Controller, Trident, number, text
    from sync_live import ANALYZER, PORT, SyncAgentCase, TAP, group
except ModuleNotFoundError as e:
    print(f'SKIP: {e}')
    sys.exit(77)

LAN = 4

def inventory(client, server):
    """PlatformData of agent.proto: the two hosts of live.conversation(), each in a VPC."""
    hosts = ((client, 0x020000000002, '10.1.0.1'), (server, 0x020000000001, '10.1.0.2'))
    return b''.join(text(1, number(1, i) + number(3, LAN) + number(4, vpc) + text(5, text(1, ip)) + number(7, mac))
                    for i, (vpc, mac, ip) in enumerate(hosts, 1))


def policy(gid):
    """FlowAcls: TCP to port 80 is to be brokered."""
    action = number(1, 0) + number(2, 7) + text(3, '192.0.2.1') + number(4, 1) + number(6, gid) + number(8, 1)
    return text(1, number(1, 5) + number(3, 6) + text(5, '80') + text(6, action))


class SyncAgentTest(SyncAgentCase):
    def test_a_push_is_in_force_while_packets_flow(self):
        server = self.v7(lambda f: Agent.response(config=group(2048), versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, origin=f'controller 127.0.0.1:{PORT}', revision=1)
        self.assertEqual(self.hop(agent)['state'], 'ok')
        sent = self.send(live.conversation(500))
        live.wait_for(lambda: server.streams)
        pid = agent.process.pid
        for i in range(10):
            server.push(Agent.response(config=group(3000 + i), versions=(1, 1, 1)))
            self.in_force(agent, revision=2 + i)
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

    def test_a_configuration_that_was_too_large_for_the_box_is_taken_when_a_reload_gives_it_room(self):
        large = 'processors: {flow_log: {tunning: {concurrent_flow_limit: 100000}}}'
        now = {'config': group(2048)}
        server = self.v7(lambda f: Agent.response(config=now['config'], versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, revision=1)
        live.wait_for(lambda: server.streams)
        now['config'] = large
        server.push(Agent.response(config=large, versions=(1, 1, 1)))
        live.wait_for(lambda: server.calls('Sync')[-1][3][6] == [256])
        agent.reload()  # as small as before
        self.assertIn('allowed are 65536', str(self.in_force(agent, revision=1)['refused']))
        with open(os.path.join(self.dir, 'agent.cfg'), encoding='ascii') as f:
            box = f.read()
        self.file('agent.cfg', box.replace('capacity = 65536', 'capacity = 200000').encode())
        agent.reload()
        self.assertIsNone(self.in_force(agent, origin=f'controller 127.0.0.1:{PORT}')['refused'])
        self.assertEqual(self.value(agent, 'processors.flow_log.tunning.concurrent_flow_limit'), '100000')
        self.assertIn('weir_exception{name="INVALID_CONFIGURATION"} 0\n', self.http('/metrics')[1])

    def test_records_have_the_vpcs_of_the_inventory_that_was_in_force_when_a_flow_began(self):
        def answer(version):
            m = inventory(10 * version, 10 * version + 1) if version else None
            return Agent.response(config=group(2048), versions=(version, 1, 0), tables=(m, policy(9), None))

        now = {'version': 0}
        server = self.v7(lambda f: answer(now['version']))
        agent = self.start()
        self.in_force(agent, revision=1)
        live.wait_for(lambda: server.streams)
        open_flow = live.conversation(1, sport=29000)
        sent = self.send(live.conversation(5, sport=20000))
        self.wait_received(agent, sent)
        for version in (1, 2):
            now['version'] = version
            server.push(answer(version))
            t = self.table(agent, 'inventory', version=version)
            self.assertEqual((t['in_force'], t['rows'], t['dropped'], t['refusals']), (True, 2, 0, 0))
            sent += self.send(live.conversation(5, sport=20000 + 100 * version))
            sent += self.send(open_flow[:3] if version == 1 else open_flow[3:])  # it goes on over the change
            self.wait_received(agent, sent)
        self.table(agent, 'policies', version=1, rows=1)
        hops = {h['hop']: h for h in agent.data('status')['hops']}
        self.assertEqual((hops['inventory']['object'], hops['inventory']['state']), ('version 2', 'ok'))
        self.assertIn('weir_controller_table_version{table="inventory"} 2\n', self.http('/metrics')[1])
        now['version'] = 3  # no message of its kind
        server.push(Agent.response(config=group(2048), versions=(3, 1, 0), tables=(b'\x0a\xff', None, None)))
        self.assertNotEqual(self.table(agent, 'inventory', refusals=1)['refused'], '')
        self.assertEqual(self.table(agent, 'inventory', in_force=True)['version'], 2)
        sent += self.send(live.conversation(5, sport=20300))
        self.assertEqual(self.wait_received(agent, sent)['received'], sent)
        self.assertEqual(agent.stop(), weir.OK, agent.text())
        want = {29000: (10, 11)}
        for port, vpcs in ((20000, (0, 0)), (20100, (10, 11)), (20200, (20, 21)), (20300, (20, 21))):
            want.update({port + i: vpcs for i in range(5)})
        self.assertEqual(self.vpcs(), want)
        self.assertEqual(self.rows('select count(*) from flow'), [(len(want),)])  # none ended early

    def test_what_the_mirror_of_a_gateway_sees_is_observed_at_the_gateway(self):
        gateway = ANALYZER.replace('}}', '}, physical_mirror: {private_cloud_gateway_traffic: true}}')
        client = text(1, number(1, 1) + number(3, LAN) + number(4, 10) + text(5, text(1, '10.1.0.1')) + number(7, 0x020000000002))
        mac = '02:00:00:00:00:02'
        near = text(10, number(1, 1) + text(2, mac) + number(3, 1) + text(4, mac))  # remote_segments: what an analyzer is near to
        server = self.v7(lambda f: Agent.response(config=group(2048), versions=(1, 1, 0), tables=(client, policy(9), None), segments=near))
        agent = self.start()
        since = self.table(agent, 'inventory', version=1, in_force=True)['since_us']
        live.wait_for(lambda: server.streams)
        sent = self.send(live.conversation(5))
        self.wait_received(agent, sent)
        server.push(Agent.response(config=group(2048, gateway), versions=(1, 1, 0), segments=near))
        self.in_force(agent, revision=2)
        self.assertEqual(self.value(agent, 'inputs.cbpf.physical_mirror.private_cloud_gateway_traffic'), 'true')
        live.wait_for(lambda: self.table(agent, 'inventory', in_force=True)['since_us'] != since)  # it is built once more
        sent += self.send(live.conversation(5, sport=30000))
        self.wait_received(agent, sent)
        self.assertEqual(agent.stop(), weir.OK)
        points = {port: point for port, point in self.rows('SELECT client_port, observation_point FROM flow')}
        self.assertEqual({points[20000 + i] for i in range(5)} | {'-'} | {points[30000 + i] for i in range(5)}, {'c', '-', 's-gw'})

    def test_a_disabled_agent_closes_its_ports_until_it_is_enabled(self):
        server = self.v7(lambda f: Agent.response(config=group(2048), dynamic=number(2, 0) + number(13, 9), versions=(1, 1, 1)))
        agent = self.start()
        agent.wait_port('cap', state='paused')
        live.wait_for(lambda: server.streams)
        server.push(Agent.response(config=group(2048), dynamic=number(2, 1) + number(13, 9), versions=(1, 1, 1)))
        agent.wait_port('cap', state='up')
        sent = self.send(live.conversation(50))
        self.assertEqual(self.wait_received(agent, sent)['received'], sent)

    def test_the_agent_s_own_session_is_no_flow_of_the_interface_it_goes_through_nor_is_that_with_the_proxy(self):
        self.ip(self.here, 'address', 'add', '10.9.0.1/24', 'dev', 'cap')
        for address in ('10.9.0.2/24', '10.9.0.3/24'):
            self.ip(self.there, 'address', 'add', address, 'dev', 'snd')
        proxied = group(2048) + 'sync_interval: 10\nproxy_controller_ip: 10.9.0.3\nproxy_controller_port: 30036\n'
        servers = [Controller(('agent',), port, lambda d, f, c: Agent.response(config=proxied, versions=(1, 1, 1)), netns=self.there,
                              address=address) for address, port in (('10.9.0.2', PORT), ('10.9.0.3', 30036))]
        for server in servers:
            self.addCleanup(server.stop)
        conf = self.conf(TAP, f'controller = {{ address = "10.9.0.2"; port = {PORT}; }};', listen='0.0.0.0')
        command = (*self.machine({'/proc/loadavg': b'0.01 0.01 0.01 1/100 1\n'}), 'env', 'STATE_DIRECTORY=' + self.dir + '/state')
        agent = self.agent(conf, command=command)
        agent.wait_port('cap', state='up')
        live.wait_for(lambda: servers[0].calls('Sync') and servers[1].calls('Sync') and servers[1].streams, 30)
        self.assertEqual(self.http('/livez', self.there, '10.9.0.1')[0], 200)
        # A session of others with the same server, and what else these two hosts say to each other, are flows.
        sent = self.send([live.tcp_frame('10.9.0.7', '10.9.0.2', 5555, PORT, 2)])
        servers[0].stop()
        sent += self.send([live.tcp_frame('10.9.0.2', '10.9.0.1', 5556, 8080, 2), live.tcp_frame('10.9.0.3', '10.9.0.1', 5557, PORT, 2)])
        self.wait_received(agent, sent)
        self.assertEqual(agent.stop(), weir.OK)
        ports = {ports for ports in self.rows('SELECT client_port, server_port FROM flow WHERE protocol = 6')}
        self.assertEqual(ports, {(5555, PORT), (5556, 8080), (5557, PORT)})

    def test_without_a_controller_any_more_the_box_s_own_holds(self):
        self.v7(lambda f: Agent.response(config=group(2048), versions=(1, 1, 1)))
        agent = self.start()
        self.in_force(agent, revision=1)
        self.conf(TAP)
        agent.reload()
        self.in_force(agent, origin='appliance profile')
        self.assertIsNone(self.hop(agent))


if __name__ == '__main__':
    weir.main()
