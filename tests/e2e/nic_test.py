#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Physical ports: emulated network cards in a guest, their packets from this side of the wire (tests/nic)."""
import json
import os
import sys
import tempfile
import unittest

import weir

sys.path.insert(0, os.path.join(weir.SOURCE, 'tests/nic'))
import image  # noqa: E402
import machine  # noqa: E402
import traffic  # noqa: E402

SKIPPED = 77
PER_SECOND = 1000  # packets; what the guest holds on a busy machine
CONVERSATIONS = 200
# The guest's threads share two slow processors: what waits for one must find room.
BOX = 'rings = { input_bursts = 4096; };'


def flow_name(record):
    return tuple(record[field] for field in ('protocol', 'ip_0', 'client_port', 'ip_1', 'server_port'))


class Cards(unittest.TestCase):
    """One guest for all tests: nic0 is virtio with 4 queues and a hash over them, nic1 is e1000e with one queue."""

    @classmethod
    def boot(cls, folder):
        cls.cards = [machine.virtio('nic0', 4, folder), machine.e1000e('nic1', folder)]
        cls.guest = machine.Machine(folder, image.ready(), cls.cards)
        cls.guest.write('/etc/box.cfg', BOX)

    def bench(self, pci, card, workers, frames):
        """-> figures and flow records of a bench that got these frames."""
        g = self.guest
        g.check('rm -rf /run/records /run/status')
        g.check(f'(weir-agent bench -c /etc/box.cfg --port {pci} --workers {workers} --seconds 600 --flows 1000 -o json '
                '--records /run/records >/run/figures 2>/run/log; echo $? >/run/status) &')
        thread = 'weir-worker-0' if workers == 1 else 'weir-reader'
        g.wait(f'grep -q {thread} /proc/$(pidof weir-agent)/task/*/comm')
        self.assertEqual(machine.send(card, frames, PER_SECOND), len(frames))
        g.check('sleep 2; kill -INT $(pidof weir-agent)')
        g.wait('[ -s /run/status ]')
        self.assertEqual(g.read('/run/status'), '0\n', g.read('/run/log'))
        lines = g.check('weirctl flow list --file /run/records -o jsonl').splitlines()
        return json.loads(g.read('/run/figures')), [json.loads(line) for line in lines]

    def assert_both_directions_in_one_record(self, records, conversations):
        seen = {flow_name(r): (r['packet_tx'], r['packet_rx']) for r in records}
        self.assertEqual(len(records), len(conversations))
        self.assertEqual(seen, traffic.expected(conversations))

    def test_two_workers_behind_each_card_get_all_packets_and_split_no_conversation(self):
        conversations = traffic.conversations(CONVERSATIONS)
        frames = traffic.frames(conversations)
        for pci, card in zip(('0000:01:00.0', '0000:02:00.0'), self.cards):
            with self.subTest(card=card.properties['driver']):
                figures, records = self.bench(pci, card, 2, frames)
                self.assertEqual((figures['packets'], figures['lost']), (len(frames), 0))
                self.assert_both_directions_in_one_record(records, conversations)


def main():
    with tempfile.TemporaryDirectory(prefix='weir-nic-') as folder:
        image.ready()
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
