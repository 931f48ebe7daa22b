#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes lpm.txt: prefixes, and what Python's ipaddress module says of addresses and ranges.

p SCOPE PREFIX VALUE     a prefix; a later one of the same network holds
q SCOPE ADDRESS VALUE    the longest prefix it is in; - = none
u SCOPE PREFIX VALUE     the longest shorter prefix around this one; - = none
r RANGE PREFIX...        the range as prefixes
"""
import ipaddress
import random

R = random.Random(20)
LENGTHS = {4: [0, 1, 7, 8, 12, 16, 20, 23, 24, 25, 28, 30, 31, 32],
           6: [0, 1, 3, 16, 32, 48, 56, 63, 64, 65, 96, 112, 127, 128]}


def address(version, near):
    """A random one, or one that shares its first bits with another."""
    bits = 32 if version == 4 else 128
    value = R.getrandbits(bits)
    if near and R.random() < 0.8:
        keep = R.randrange(bits + 1)
        host = (1 << (bits - keep)) - 1
        value = int(R.choice(near)) & ~host | value & host
    return ipaddress.IPv4Address(value) if version == 4 else ipaddress.IPv6Address(value)


def main():
    nets, near = {}, {4: [], 6: []}
    for value in range(600):
        version = R.choice([4, 6])
        scope = R.choice([0, 1, 2, 7 << 32 | 5])
        ip = address(version, near[version])
        net = ipaddress.ip_network((ip, R.choice(LENGTHS[version])), strict=False)
        near[version].append(ip)
        nets[scope, net] = value
        print("p", scope, net, value)

    def longest(scope, inside):
        around = [(n.prefixlen, v) for (s, n), v in nets.items() if s == scope and inside(n)]
        return max(around)[1] if around else "-"

    for _ in range(1500):
        version = R.choice([4, 6])
        ip = address(version, near[version])
        scope = R.choice([0, 1, 2, 3, 7 << 32 | 5])
        print("q", scope, ip, longest(scope, lambda n: n.version == ip.version and ip in n))
    for scope, net in R.sample(sorted(nets, key=str), 200):
        print("u", scope, net, longest(scope, lambda n: n.version == net.version and n != net and
                                       net.subnet_of(n)))
    for _ in range(60):
        version = R.choice([4, 6])
        first = address(version, near[version])
        last = address(version, [first])
        first, last = min(first, last), max(first, last)
        print("r", f"{first}-{last}", *ipaddress.summarize_address_range(first, last))
    for text in ["0.0.0.0-255.255.255.255", "0.0.0.1-255.255.255.254", "255.255.255.255-255.255.255.255",
                 "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"]:
        ends = [ipaddress.ip_address(t) for t in text.split("-")]
        print("r", text, *ipaddress.summarize_address_range(*ends))


main()
