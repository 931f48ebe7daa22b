#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weir-agent run on ports of DPDK: what another program sends is received and accounted for, and whoever goes can return."""
import os
import subprocess
import unittest

import live
import testpmd
import weir


class Port(live.LiveCase):
    def tap(self, device, more=''):
        return f'{{ name = "edge"; ports = [ "{device}" ]; {more} }}'

    def wait_all(self, agent, n, port):
        p = live.wait_for(lambda: (lambda p: p if p['received'] + (p['missed'] or 0) >= n else None)(agent.port(port)))
        self.assertEqual(p['received'], n, p)
        self.assert_port_conserved(p)
        return p


class Between(Port):
    """Ports between processes, with testpmd on the other side."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if testpmd.why_not():
            raise unittest.SkipTest(testpmd.why_not())

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.dir, 'peer.sock')
        self.inside = ['ip', 'netns', 'exec', self.here]

    def peer(self, vdev):
        return testpmd.Testpmd(self, vdev, self.inside)

    def come_and_go(self, device, other, gone='down', queues=1):
        """The agent first, then a peer that sends, is killed, and comes again."""
        name = device.split(',')[0]
        agent = self.agent(self.conf(self.tap(device, f'queues = {queues};')))
        sent = 0
        for _ in range(2):
            peer = self.peer(other)
            p = agent.wait_port(name, state='up')
            sent += peer.send()
            self.assertGreater(sent, 1000)
            self.wait_all(agent, sent, name)
            peer.kill()
            agent.wait_port(name, state=(gone, 'failed'))
            if os.path.exists(self.path) and 'server' in other:
                os.unlink(self.path)
        p = agent.port(name)
        self.assertIsNone(p['missed'])  # the other side knows, and nobody else
        self.assertEqual(agent.stop(), weir.OK, agent.text())

    def test_memif_as_server(self):
        self.come_and_go(f'net_memif0,role=server,socket-abstract=no,socket={self.path}',
                         f'net_memif0,role=client,socket-abstract=no,socket={self.path}')

    def test_memif_as_server_with_more_queues_than_its_client(self):
        self.come_and_go(f'net_memif0,role=server,socket-abstract=no,socket={self.path}',
                         f'net_memif0,role=client,socket-abstract=no,socket={self.path}', queues=2)

    def test_memif_as_client_whose_server_comes_later_and_returns(self):
        self.come_and_go(f'net_memif0,role=client,socket-abstract=no,socket={self.path}',
                         f'net_memif0,role=server,socket-abstract=no,socket={self.path}', gone='gone')

    def test_vhost_as_server(self):
        self.come_and_go(f'net_vhost0,iface={self.path}', f'net_virtio_user0,path={self.path}')

    def test_virtio_user_as_server(self):
        self.come_and_go(f'net_virtio_user0,server=1,path={self.path}', f'net_vhost0,client=1,iface={self.path}')

    def test_virtio_user_with_more_queues_than_its_client(self):
        self.come_and_go(f'net_virtio_user0,server=1,path={self.path}', f'net_vhost0,client=1,iface={self.path}', queues=2)


class Kernel(Port):
    """Ports over interfaces of the kernel."""

    def test_af_xdp_receives_what_tcpreplay_sends_through_down_and_up_and_removal(self):
        device = 'net_af_xdp0'
        agent = self.agent(self.conf(self.tap(f'{device},iface=cap')))
        agent.wait_port(device, state='up')
        sent = self.send(live.conversation(500))
        self.assertEqual(self.wait_all(agent, sent, device)['missed'], 0)
        self.ip(self.there, 'link', 'set', 'snd', 'down')
        agent.wait_port(device, state='down')
        self.ip(self.there, 'link', 'set', 'snd', 'up')
        self.assertEqual(agent.wait_port(device, state='up')['downs'], 1)
        sent += self.send(live.conversation(500))
        self.wait_all(agent, sent, device)
        self.ip(self.here, 'link', 'del', 'cap')
        agent.wait_port(device, state=('gone', 'failed'))
        self.veth('cap', 'snd')
        agent.wait_port(device, state='up')
        sent += self.send(live.conversation(500))
        p = self.wait_all(agent, sent, device)
        self.assertEqual(p['missed'], 0)
        self.assertEqual(agent.stop(), weir.OK, agent.text())

    def test_af_xdp_counts_what_it_missed(self):
        device = 'net_af_xdp0'
        agent = self.agent(self.conf(self.tap(f'{device},iface=cap')))
        agent.wait_port(device, state='up')
        agent.process.send_signal(live.signal.SIGSTOP)
        sent = self.send([live.tcp_frame('10.3.0.1', '10.3.0.2', 1025, 80, 0x10, i, 1) for i in range(10000)])
        agent.process.send_signal(live.signal.SIGCONT)
        p = self.wait_received(agent, sent, device)
        self.assertEqual(p['received'] + p['missed'], sent)
        self.assertGreater(p['missed'], 1000)
        self.assert_port_conserved(p)

    def test_af_xdp_takes_no_more_queues_than_its_interface_has(self):
        device = 'net_af_xdp0'
        agent = self.agent(self.conf(self.tap(f'{device},iface=cap', 'queues = 2;')))
        agent.wait_port(device, state='up')
        sent = self.send(live.conversation(100))
        self.wait_all(agent, sent, device)

    def test_a_tap_device_receives_what_the_kernel_sends_on_it(self):
        device = 'net_tap0'
        agent = self.agent(self.conf(self.tap(f'{device},iface=wtap')))
        live.wait_for(lambda: subprocess.run(['ip', '-n', self.here, 'link', 'show', 'wtap'], capture_output=True).returncode == 0)
        self.ip(self.here, 'link', 'set', 'wtap', 'up')
        agent.wait_port(device, state='up')
        path = self.file('tap.pcap', weir.pcap([(1.0, f) for f in live.conversation(500)]))
        self.sh('ip', 'netns', 'exec', self.here, 'tcpreplay', '-i', 'wtap', '--pps', '2000', path)  # the kernel's queue holds 500
        self.assertEqual(self.wait_all(agent, 3500, device)['missed'], 0)

    def test_ports_come_and_go_while_another_is_read(self):
        device = 'net_af_xdp0'
        conf = lambda *devices: self.conf(', '.join(f'{{ name = "t{i}"; ports = [ "{d}" ]; }}' for i, d in enumerate(devices)))
        agent = self.agent(conf(f'{device},iface=cap'))
        agent.wait_port(device, state='up')
        path = self.file('all.pcap', weir.pcap([(1.0, f) for f in live.conversation(2000)]))
        send = subprocess.Popen(['ip', 'netns', 'exec', self.there, 'tcpreplay', '-q', '-i', 'snd', '--pps', '5000', path],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(send.kill)
        for _ in range(3):
            conf(f'{device},iface=cap', 'net_null0', f'net_memif0,role=server,socket=weir-{os.getpid()}')
            agent.reload()
            agent.wait_port('net_null0', state='up')
            conf(f'{device},iface=cap')
            agent.reload()
            live.wait_for(lambda: agent.port('net_null0') is None)
        self.assertEqual(send.wait(30), 0)
        p = self.wait_received(agent, 14000, device)
        self.assertEqual(p['received'] + p['missed'], 14000)
        self.assertGreater(p['received'], 12000)  # a busy machine may stop it for longer than its ring holds
        self.assert_port_conserved(p)
        self.assertEqual(agent.stop(), weir.OK, agent.text())


if __name__ == '__main__':
    weir.main()
