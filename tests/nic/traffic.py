# SPDX-License-Identifier: Apache-2.0
"""Conversations with packets both ways: TCP and UDP, over IPv4 and IPv6, spread over addresses and ports."""
import random
import socket
import struct

ETHERNET = {4: 0x0800, 6: 0x86dd}
TCP, UDP = 6, 17
SYN, ACK, PSH, FIN = 0x02, 0x10, 0x08, 0x01


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Conversation:
    """One client and one server. `client` and `server` are (address as text, port)."""

    def __init__(self, number):
        r = random.Random(number)
        self.version = 6 if number % 4 == 3 else 4
        self.protocol = TCP if number % 2 else UDP
        if self.version == 4:
            addresses = [f'10.{side}.{r.randrange(256)}.{r.randrange(1, 255)}' for side in (1, 2)]
        else:
            addresses = [f'2001:db8:{side}::{r.randrange(1, 0x10000):x}:{r.randrange(1, 0x10000):x}' for side in (1, 2)]
        # The number is in the port, so no two conversations are the same.
        self.client = addresses[0], 20000 + number
        self.server = addresses[1], r.choice((443, 80, 8080))
        self.packets = 0

    def frame(self, from_client, transport, payload):
        source, destination = (self.client, self.server) if from_client else (self.server, self.client)
        family = socket.AF_INET if self.version == 4 else socket.AF_INET6
        src, dst = (socket.inet_pton(family, address) for address, _ in (source, destination))
        self.packets += 1  # each packet another identification: none is the copy of one before
        length = len(transport) + len(payload)
        at = 16 if self.protocol == TCP else 6
        total = checksum(src + dst + struct.pack('!II', length, self.protocol) + transport + payload)
        transport = transport[:at] + struct.pack('!H', total or 0xffff) + transport[at + 2:]
        if self.version == 4:
            head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + length, self.packets, 0x4000, 64, self.protocol, 0)
            total = checksum(head + src + dst)
            head = head[:10] + struct.pack('!H', total)
        else:
            head = struct.pack('!IHBB', 0x60000000, length, self.protocol, 64)
        macs = b'\x02\0\0\0\0\x02', b'\x02\0\0\0\0\x01'  # to, from
        ether = b''.join(macs if from_client else macs[::-1]) + struct.pack('!H', ETHERNET[self.version])
        return (ether + head + src + dst + transport + payload).ljust(60, b'\0')

    def udp(self, from_client, payload):
        ports = self.client[1], self.server[1]
        head = struct.pack('!HHHH', *(ports if from_client else ports[::-1]), 8 + len(payload), 0)
        return self.frame(from_client, head, payload)

    def tcp(self, from_client, flags, seq, ack, payload=b''):
        ports = self.client[1], self.server[1]
        head = struct.pack('!HHIIBBHHH', *(ports if from_client else ports[::-1]), seq, ack, 0x50, flags, 8192, 0, 0)
        return self.frame(from_client, head, payload)

    def frames(self):
        """-> (from the client?, frame) in order: a question and its answer, with all that TCP has around it."""
        question, answer = b'q' * 100, b'a' * 700
        if self.protocol == UDP:
            steps = (True, question), (False, answer), (True, question[1:]), (False, answer[1:])
            return [(step[0], self.udp(*step)) for step in steps]
        c, s = 1000, 5000
        steps = ((True, SYN, c, 0, b''), (False, SYN | ACK, s, c + 1, b''), (True, ACK, c + 1, s + 1, b''),
                 (True, ACK | PSH, c + 1, s + 1, question), (False, ACK | PSH, s + 1, c + 101, answer),
                 (True, ACK | FIN, c + 101, s + 701, b''), (False, ACK | FIN, s + 701, c + 102, b''),
                 (True, ACK, c + 102, s + 702, b''))
        return [(step[0], self.tcp(*step)) for step in steps]


def conversations(count, first=0):
    return [Conversation(first + i) for i in range(count)]


def both_sides(of):
    """-> (from the client?, frame) of all these conversations, a packet of each in turn."""
    lists = [c.frames() for c in of]
    longest = max(map(len, lists))
    return [one[i] for i in range(longest) for one in lists if i < len(one)]


def frames(of):
    return [frame for _, frame in both_sides(of)]


def expected(of):
    """-> {(protocol, client's address and port, server's address and port): packets of each of them}"""
    result = {}
    for c in of:
        from_client = [side for side, _ in c.frames()]
        result[(c.protocol, *c.client, *c.server)] = from_client.count(True), from_client.count(False)
    return result
