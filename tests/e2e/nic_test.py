#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Physical ports: emulated network cards in a guest, their packets from this side of the wire (tests/nic)."""
import json
import os
import sys
import tempfile
import time
import unittest

import weir

sys.path.insert(0, os.path.join(weir.SOURCE, 'tests/nic'))
import image  # noqa: E402
import machine  # noqa: E402
import traffic  # noqa: E402

SKIPPED = 77
PER_SECOND = 1000  # packets; what the guest holds on a busy machine
CONVERSATIONS = 200
PATIENCE_S = 40
VIRTIO, E1000E = '0000:01:00.0', '0000:02:00.0'
# The guest's threads share two slow processors: what waits for one must find room.
BOX = """
cores = { workers = %d; };
rings = { input_bursts = 4096; };
flow = { capacity = 16384; };
taps = ( { name = "mirror"; exclusive = true; %s } );
sinks = ( { type = "jsonl"; path = "/run/flows"; } );
"""


GONE = ('gone', 'failed')  # the latter once it was looked for again


class Agent:
    """weir-agent run in the guest."""

    def __init__(self, guest, workers, ports):
        self.guest = guest
        guest.write('/etc/box.cfg', BOX % (workers, ports))
        guest.check('mkdir -p /run/weir; rm -f /run/flows /run/status')
        guest.check('(weir-agent run -c /etc/box.cfg >/run/log 2>&1; echo $? >/run/status) &')

    def ask(self, command):
        return json.loads(self.guest.check(f'weirctl {command} -o json'))

    def wait(self, address, **wanted):
        """Until the port shows these values (of a tuple: one of them) -> the port."""
        end = time.monotonic() + PATIENCE_S
        while True:
            done = self.guest.run('weirctl port list -o json')  # at first there is no agent that answers
            port = {}
            if done.returncode == 0:
                port = next((p for p in json.loads(done.stdout) if p['name'] == address), {})
            if all(port.get(k) in v if isinstance(v, tuple) else port.get(k) == v for k, v in wanted.items()):
                return port
            if time.monotonic() > end:
                raise AssertionError(f'{address}: not within {PATIENCE_S} s: {wanted} in {port}\n'
                                     f'{done.stderr}{self.log()}')
            time.sleep(0.2)

    def packets_of_workers(self):
        metrics = self.guest.check('wget -q -O - http://127.0.0.1:9740/metrics')
        return [int(line.split()[1]) for line in metrics.splitlines() if line.startswith('weir_worker_packets_total{')]

    def log(self):
        return self.guest.run('cat /run/log').stdout

    def stop(self):
        """-> exit status, flow records."""
        self.guest.run('kill $(pidof weir-agent)')
        self.guest.wait('[ -s /run/status ]', PATIENCE_S)
        lines = self.guest.check('cat /run/flows').splitlines()
        return int(self.guest.read('/run/status')), [json.loads(line) for line in lines]


def without_direction(packets):
    """{(protocol, address, port, address, port): packets of each side} -> the same with the sides in any order"""
    return {(name[0], frozenset((name[1:3], name[3:5]))): {(name[1:3], tx), (name[3:5], rx)}
            for name, (tx, rx) in packets.items()}


class Cards(unittest.TestCase):
    """One guest for all tests: nic0 is virtio with 4 queues and a hash over them, nic1 is e1000e with one queue."""

    @classmethod
    def boot(cls, folder):
        cls.virtio, cls.e1000e = machine.virtio('nic0', 4, folder), machine.e1000e('nic1', folder)
        cls.guest = machine.Machine(folder, image.ready(), (cls.virtio, cls.e1000e))

    def setUp(self):
        self.sent = []  # conversations
        self.received = {VIRTIO: 0, E1000E: 0}

    def start(self, workers, ports):
        self.agent = Agent(self.guest, workers, ports)
        self.addCleanup(self.guest.run, 'kill -KILL $(pidof weir-agent)')

    def send(self, clients, servers):
        """Conversations nobody had before: the clients' packets by one card, the servers' by another or the same."""
        cards = {VIRTIO: self.virtio, E1000E: self.e1000e}
        new = traffic.conversations(CONVERSATIONS, len(self.sent))
        frames = [(clients if side else servers, frame) for side, frame in traffic.both_sides(new)]
        taken = machine.send([(cards[address], frame) for address, frame in frames], PER_SECOND)
        self.assertEqual(taken, len(frames))
        self.sent += new
        for address, _ in frames:
            self.received[address] += 1
        for address in {clients, servers}:
            self.assert_conserved(self.agent.wait(address, received=self.received[address]))

    def assert_conserved(self, port):
        outcomes = {name: outcome['packets'] for name, outcome in port['outcomes'].items()}
        self.assertEqual(port['received'], sum(outcomes.values()), port)
        self.assertEqual(port['received'], outcomes['flow'], port)

    def assert_each_conversation_is_one_flow(self, named=lambda packets: packets):
        """A flow can have several records: a minute may be over while it lasts."""
        status, records = self.agent.stop()
        self.assertEqual(status, weir.OK, self.agent.log())
        packets, two_way, ids = {}, set(), {}
        for r in records:
            name = tuple(r[field] for field in ('protocol', 'ip_0', 'client_port', 'ip_1', 'server_port'))
            tx, rx = packets.get(name, (0, 0))
            packets[name] = tx + r['packet_tx'], rx + r['packet_rx']
            ids.setdefault(name, set()).add(r['flow_id'])
            if r['packet_tx'] and r['packet_rx']:
                two_way.add(name)
        seen, wanted = named(packets), named(traffic.expected(self.sent))
        wrong = {name: (seen.get(name), wanted.get(name)) for name in seen.keys() | wanted.keys()
                 if seen.get(name) != wanted.get(name)}
        self.assertFalse(wrong, f'{len(wrong)} conversations are not as sent')
        self.assertEqual(two_way, set(packets))
        self.assertEqual({len(of_one) for of_one in ids.values()}, {1})

    def life_of_a_card(self, card, address, workers, way):
        """Packets; its link goes and comes; packets; it is taken out and put back; packets."""
        self.start(workers, f'ports = [ "{address}" ];')
        self.agent.wait(address, state='up')
        self.assertEqual(self.agent.ask('status')['way'], way)
        self.send(address, address)

        self.guest.link(card, False)
        self.agent.wait(address, state='down', downs=1)
        self.guest.link(card, True)
        self.agent.wait(address, state='up', returns=1)
        self.send(address, address)

        self.guest.unplug(card)
        self.agent.wait(address, state=GONE)
        self.guest.plug(card)
        self.agent.wait(address, state='up')
        self.send(address, address)

        each = self.agent.packets_of_workers()
        self.assertEqual((len(each), sum(each)), (workers, self.received[address]))
        self.assertGreater(min(each), 0)
        self.assert_each_conversation_is_one_flow()

    def test_a_card_that_hashes_gives_each_worker_a_queue_and_lives_on_after_link_and_card_were_gone(self):
        self.life_of_a_card(self.virtio, VIRTIO, 4, 'direct')

    def test_a_card_of_one_queue_is_shared_by_two_workers_and_lives_on_after_link_and_card_were_gone(self):
        self.life_of_a_card(self.e1000e, E1000E, 2, 'steered')

    def test_two_fibres_at_two_cards_are_one_conversation_and_one_card_goes_on_while_the_other_is_gone(self):
        self.start(2, f'ports = [ "{VIRTIO}" ]; ports_b = [ "{E1000E}" ];')
        for address in (VIRTIO, E1000E):
            self.agent.wait(address, state='up')
        self.send(VIRTIO, E1000E)

        self.guest.unplug(self.virtio)
        self.agent.wait(VIRTIO, state=GONE)
        self.send(E1000E, E1000E)
        self.guest.plug(self.virtio)
        self.agent.wait(VIRTIO, state='up')
        self.send(E1000E, VIRTIO)
        # Between two wires an answer can overtake its question, and who asked is a guess then.
        self.assert_each_conversation_is_one_flow(without_direction)


def main():
    image.ready()
    with tempfile.TemporaryDirectory(prefix='weir-nic-') as folder:
        try:
            machine.enter_namespace()
            Cards.boot(folder)
        except machine.Unavailable as e:
            print(f'skipped: {e}')
            return SKIPPED
        try:
            return not unittest.main(exit=False).result.wasSuccessful()
        finally:
            Cards.guest.close()


if __name__ == '__main__':
    sys.exit(main())
