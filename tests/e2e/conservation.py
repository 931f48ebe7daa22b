#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""conservation.py AGENT FOLDER: replay every capture of a folder, each for itself in one process; nothing may be
uncounted, and as many packets are received as the facts beside the captures say. Meant for a build with sanitizers."""
import json
import os
import subprocess
import sys

# Captures of which weir reads another number of packets than the facts' reader does: how many, and why.
KNOWN = {
    # A section of a version that the format does not have is left out, as tshark and tcpdump do.
    'gopacket/tests__be__test901.pcapng': 2,
    'gopacket/tests__le__test901.pcapng': 2,
    'libpcap/pcapng-invalid-vers-1.pcapng': 0,
    # A record of 197 bytes that says 524,501 were on the wire; tshark and tcpdump read it too.
    'ndpi/fuzz-2021-10-13.pcap': 1,
}


def captures(folder):
    with open(os.path.join(folder, 'MANIFEST.tsv')) as f:
        return [os.path.join(folder, line.split('\t')[0]) for line in f.read().splitlines()[1:]]


def packets_of(path):
    known = KNOWN.get('/'.join(path.split('/')[-2:]))
    if known is not None:
        return known
    with open(path + '.facts.json') as f:
        return json.load(f)['reader']['packets']


def mistakes(a):
    if a['received'] != sum(a['outcomes'].values()):
        yield 'not conserved'
    if a['received'] != packets_of(a['file']):
        yield f'{a["received"]} packets received, {packets_of(a["file"])} are in it'


def main():
    agent, folder = sys.argv[1:]
    paths = captures(folder)
    p = subprocess.run([agent, 'replay', '--each', '--accounting', *paths], capture_output=True, text=True)
    lines = [json.loads(line) for line in p.stdout.splitlines() if line.startswith('{"file"')]
    wrong = [f'{a["file"]}: {words}' for a in lines for words in mistakes(a)]
    seen = {a['file'] for a in lines}
    wrong += [f'{path}: no accounting' for path in paths if path not in seen and packets_of(path) > 0]
    reports = [line for line in p.stderr.splitlines() if 'runtime error:' in line or 'Sanitizer' in line]
    for line in wrong + reports:
        print(line)
    print(f'{len(lines)} captures, {sum(a["received"] for a in lines)} packets, {len(wrong)} wrong, '
          f'{len(reports)} findings, exit {p.returncode}')
    return 1 if wrong or reports or p.returncode not in (0, 7) else 0


sys.exit(main())
