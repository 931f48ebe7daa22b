#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Forty-four mistakes in the two configurations: one run of `weir-agent check` names each with its file, its line, the object
and what to do, and nothing else is said to be wrong. The mark behind a line says what is expected of it: the object, then
words of the advice; `//` in the box, `#` in the group. A line without a mark is right."""
import re

import weir

BOX = '''\
cores = {
    workers = 4;
    worker_cpus = [ 0, 1, 0, 1 ];              // cores.worker_cpus: CPU 0 is named twice // cores.worker_cpus: CPU 1 is named twice
    contol_cpus = [ 3 ];                       // cores.contol_cpus: did you mean control_cpus
};
memory = { hugepages = "always"; };            // memory.hugepages: auto (0), on (1), off (2)
flow = {
    capacity = 500;                            // flow.capacity: 1024 to 64000000 flows
    extension_share = "half";                  // flow.extension_share: 1 to 800 %
    idle = 60;                                 // flow.idle: is not a setting
};
rings = {
    records = 10000;                           // rings.records: power of two; did you mean 8192
    input_bursts = [ 64 ];                     // rings.input_bursts: one value
};
dedup = 10;                                    // dedup: write { name = value; }
log = {
    level = "verbose";                         // log.level: err (0), warn (1), info (2), debug (3)
    format = "logftm";                         // log.format: did you mean logfmt
};
control = { socket = "weir/agent.sock"; };     // control.socket: absolute path
http = { listen = "localhost:9740"; };         // http.listen: write 127.0.0.1:9740
controler = { address = "10.0.0.1"; };         // controler: did you mean controller
taps = (
    { name = "core";
      ports = [ "0000:3b:00",                  // taps[0].ports: 0000:3b:00.0
                "net_memfi0,role=client",      // taps[0].ports: did you mean net_memif
                "lo" ];
      filter = "tcp prot 80";                  // taps[0].filter: tcp port 80
      snaplen = 32;                            // taps[0].snaplen: 0, or 64 to 65535 bytes
      memory_mib = "64MiB"; },                 // taps[0].memory_mib: 1 to 4096 MiB
    { name = "core";                           // taps[1].name: also the name of taps[0]
      ports = "lo";                            // taps[1].ports: did you mean [ "lo" ]
      promiscuous = "maybe";                   // taps[1].promiscuous: true nor false
      filtr = "udp"; },                        // taps[1].filtr: did you mean filter
    { ports = [ "if:lo" ];                     // taps[2]: lacks name // taps[2].ports: lo is a port of taps[0] already
      queues = 65; },                          // taps[2].queues: 0, or 1 to 64
    { name = "edge"; netns = "blue";           // taps[3].netns: /run/netns/blue
      ports = [ ]; } );                        // taps[3].ports: is needed
sinks = (
    { type = "store"; path = "/srv/weir-a"; max_age = "30 days"; },  // sinks[0].max_age: ns, us, ms, s, m, h or d
    { type = "store"; path = "/srv/weir-b"; }, // sinks[1].type: one is allowed
    { type = "jsonl"; path = "/srv/weir-a"; }, // sinks[2].path: also the path of sinks[0]
    { type = "parquet" } );                    // sinks[3].type: records (0), jsonl (1), store (2) // sinks[3]: lacks path
vlan_map = ( { vlan = 4097; type = 3; } );     // vlan_map[0].vlan: 0 to 4096
'''

GROUP = '''\
inputs:
  cbpf:
    common:
      capture_mode: analyser                   # inputs.cbpf.common.capture_mode: did you mean analyzer
    af_packet:
      interface_regex: "^(eth[0-9]+$"          # inputs.cbpf.af_packet.interface_regex: missing closing parenthesis
      extra_bpf_filter: "host 10.0.0.1 adn tcp" # inputs.cbpf.af_packet.extra_bpf_filter: syntax error
    preprocess:
      tunnel_decap_protocols: [VXLAN, GREE]    # inputs.cbpf.preprocess.tunnel_decap_protocols: did you mean GRE
processors:
  flow_log:
    conntrack:
      timeouts:
        established: 300                       # processors.flow_log.conntrack.timeouts.established: did you mean 300s
        closing_rst: 35 sec                    # processors.flow_log.conntrack.timeouts.closing_rst: ns, us, ms, s, m, h or d
tap_mode: 1
tap_mode: 2                                    # tap_mode: another value on line 16
global: {limits: {max_milicpus: 1000}}         # global.limits.max_milicpus: did you mean max_millicpus
\tmax_memory: 512                              # a tab: indent with blanks
'''


def expected(text, name, mark):
    """-> [(place, object, words)]"""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for part in line.split(f' {mark} ')[1:]:
            thing, _, words = part.strip().partition(': ')
            found.append((f'{name}:{number}:', thing, words))
    return found


class Mistakes(weir.Case):
    def test_all_mistakes_are_named_with_line_object_and_advice(self):
        box, group = self.file('agent.cfg', BOX.encode()), self.file('group.yaml', GROUP.encode())
        p = weir.run(weir.AGENT, 'check', '-c', box, '--group-config', group)
        self.assertEqual((p.returncode, p.stdout), (weir.INVALID, ''))
        said = [line for line in p.stderr.splitlines() if ': warning: ' not in line]
        wanted = expected(BOX, box, '//') + expected(GROUP, group, '#')
        self.assertEqual(len(wanted), 44)
        for place, thing, words in wanted:
            matching = [line for line in said if re.match(re.escape(place) + r'(\d+:)? ' + re.escape(thing) + ': ', line)
                        and words in line]
            self.assertEqual(len(matching), 1, f'{place} {thing}: ... {words}\n' + '\n'.join(said))
            said.remove(matching[0])
        self.assertEqual(said, [])

    def test_the_lines_of_each_file_come_in_their_order(self):
        box, group = self.file('agent.cfg', BOX.encode()), self.file('group.yaml', GROUP.encode())
        p = weir.run(weir.AGENT, 'check', '-c', box, '--group-config', group)
        places = [re.match(r'(.*\.(?:cfg|yaml)):(\d+):', line).groups() for line in p.stderr.splitlines()]
        self.assertEqual(places, sorted(places, key=lambda place: (place[0], int(place[1]))))

    def test_what_is_not_there_yet_is_a_warning_with_what_there_is(self):
        box = self.file('agent.cfg', b'taps = ( { name = "a";\n ports = [ "lo", "nosuch9" ]; } );\n'
                                     b'cores = { worker_cpus = [ 1023 ]; };\n')
        p = weir.run(weir.AGENT, 'check', '-c', box)
        self.assertEqual(p.returncode, weir.OK, p.stderr)
        first, second = p.stderr.splitlines()
        self.assertRegex(first, re.escape(box) + r':2: warning: taps\[0\]: there is no interface nosuch9 now; there are .*\blo\b')
        self.assertRegex(second, re.escape(box) + r':3: warning: cores.worker_cpus: there is no CPU 1023; there are 0 to \d+')

    def test_replay_refuses_the_same_and_does_not_speak_of_ports(self):
        box = self.file('agent.cfg', b'taps = ( { name = "a"; ports = [ "nosuch9" ]; filter = "tcp prot 80"; } );\n')
        p = weir.replay('-c', box, weir.data('quickstart.pcap'))
        self.assertEqual(p.returncode, weir.INVALID)
        self.assertIn('taps[0].filter', p.stderr)
        self.assertNotIn('nosuch9', p.stderr)


if __name__ == '__main__':
    weir.main()
