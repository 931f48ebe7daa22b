#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""wrap_capture.py gre|geneve|erspan2 VXLAN-PCAP PCAP: take the inner frames of a VXLAN capture into another tunnel."""
import sys

from scapy.all import GRE, IP, UDP, Ether, Raw, rdpcap, wrpcap
from scapy.contrib.geneve import GENEVE
from scapy.layers.vxlan import VXLAN


def gre(inner, n):
    return GRE(key_present=1, key=42) / inner.payload


def geneve(inner, n):
    return UDP(sport=49152, dport=6081) / GENEVE(vni=42, proto=0x6558) / inner


def erspan2(inner, n):
    # Version 1, VLAN 0, session 42; index 0 (draft-foschiano-erspan-03, 4.2)
    header = bytes.fromhex('1000002a00000000')
    return GRE(seqnum_present=1, seqence_number=n, proto=0x88be) / Raw(header + bytes(inner))


def main():
    wrap = {'gre': gre, 'geneve': geneve, 'erspan2': erspan2}[sys.argv[1]]
    frames = []
    for p in rdpcap(sys.argv[2]):
        if VXLAN not in p or (wrap is gre and IP not in p[VXLAN]):
            continue
        outer = Ether(src=p.src, dst=p.dst) / IP(src=p[IP].src, dst=p[IP].dst)
        frame = outer / wrap(p[VXLAN].payload, len(frames))
        frame.time = p.time
        frames.append(frame)
    wrpcap(sys.argv[3], frames)


main()
