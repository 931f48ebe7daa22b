#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""capture_expect.py PCAP: the flows of a capture as tshark sees them, innermost headers, one row a flow.

Columns: protocol, client, port, server, port, then packets, bytes of frames and bytes of payload from the client, the
same from the server. The client sent the first packet. ICMP has ports 0 and one flow a pair of addresses.
"""
import subprocess
import sys

FIELDS = ('frame.len ip.src ip.dst ipv6.src ipv6.dst tcp.stream tcp.srcport tcp.dstport tcp.len '
          'udp.stream udp.srcport udp.dstport udp.length icmp.type icmpv6.type arp.opcode').split()


def frames(path):
    command = ['tshark', '-r', path, '-T', 'fields', '-E', 'occurrence=l', '-o', 'tcp.desegment_tcp_streams:FALSE']
    for f in FIELDS:
        command += ['-e', f]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in text.split('\n')[:-1]:
        yield dict(zip(FIELDS, line.split('\t')))


def flow_of(f):
    """-> (key, source, source port, destination, destination port, payload bytes), or None."""
    if f['arp.opcode']:
        return None
    src, dst = f['ip.src'] or f['ipv6.src'], f['ip.dst'] or f['ipv6.dst']  # no capture has one in the other
    if f['tcp.stream']:
        return ('tcp', f['tcp.stream']), src, f['tcp.srcport'], dst, f['tcp.dstport'], int(f['tcp.len'])
    if f['icmp.type'] or f['icmpv6.type']:
        return ('icmp', *sorted([src, dst])), src, '0', dst, '0', 0
    if f['udp.stream']:
        return ('udp', f['udp.stream']), src, f['udp.srcport'], dst, f['udp.dstport'], int(f['udp.length']) - 8
    return None


def main():
    flows = {}
    for f in frames(sys.argv[1]):
        found = flow_of(f)
        if found is None:
            continue
        key, src, sport, dst, dport, payload = found
        row = flows.setdefault(key, [key[0], src, sport, dst, dport] + [0] * 6)
        side = 0 if (row[1], row[2]) == (src, sport) else 3
        for i, add in enumerate((1, int(f['frame.len']), payload)):
            row[5 + side + i] += add
    print('# ' + sys.argv[1].rsplit('/', 1)[-1] + ': by tshark, see tools/dev/capture_expect.py')
    for row in flows.values():
        print(*row, sep='\t')


main()
