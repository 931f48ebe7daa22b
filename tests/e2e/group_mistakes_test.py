#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Forty mistakes in group configurations: each alone is refused with its line, its column, and what to write instead."""
import weir

# A text with one mistake: `@` stands before it. What is said of it has these words: ranges are the specification's.
MISTAKES = (
    # misspelt names, in old and new files
    ('mtu: 600\n@max_memry: 512\n', 'did you mean max_memory'),
    ('@tap_interfce_regex: eth0\n', 'did you mean tap_interface_regex'),
    ('static_config:\n  flow:\n    @establshed-timeout: 5m\n', 'did you mean established-timeout'),
    ('static_config:\n  @kubernetes-resorces: []\n', 'did you mean kubernetes-resources'),
    ('inputs:\n  cbpf:\n    @comon:\n      capture_mode: 2\n', 'did you mean common'),
    ('inputs: {cbpf: {common: {@capturemode: 2}}}\n', 'did you mean capture_mode'),
    ('processors:\n  flow_log:\n    conntrack:\n      timeouts: {established: 5m, @opening_rts: 1s}\n', 'did you mean opening_rst'),
    ('outputs:\n  flow_log:\n    @throtles: {l4_throttle: 500}\n', 'did you mean throttles'),
    # a name at the wrong place
    ('@established: 5m\n', 'did you mean processors.flow_log.conntrack.timeouts.established'),
    ('global:\n  limits:\n    @capture_mode: 2\n', 'did you mean inputs.cbpf.common.capture_mode'),
    # numbers out of range
    ('max_memory: @127\n', '128 to 100000 MiB'),
    ('sync_interval: @9\n', '10s to 1h'),
    ('sync_interval: @3601\n', '10s to 1h'),
    ('max_escape_seconds: @599\n', '10m to 30d'),
    ('capture_packet_size: @65536\n', '128 to 65535 bytes'),
    ('output_vlan: @4096\n', '0 to 4095'),
    ('analyzer_port: @0\n', '1 to 65535'),
    ('thread_threshold: @1001\n', '1 to 1000'),
    ('l7_log_packet_size: @255\n', '256 to 65535'),
    ('global: {circuit_breakers: {relative_sys_load: {trigger_threshold: @10.5}}}\n', '0 to 10'),
    ('static_config: {mirror-traffic-pcp: @10}\n', '0 to 9'),
    ('static_config:\n  process-scheduling-priority: @20\n', '-20 to 19'),
    ('inputs: {cbpf: {tunning: {max_capture_pps: @1000000001}}}\n', '1 to 1000000000'),
    # values of another kind
    ('mtu: @big\n', 'is not a whole number'),
    ('mtu: @1500.5\n', 'is not a whole number'),
    ('mtu: @-1\n', '500 to 10000'),
    ('rsyslog_enabled: @maybe\n', 'true'),
    ('inputs:\n  integration: {enabled: @2}\n', 'true'),
    ('processors: {flow_log: {conntrack: {timeouts: {others: @60}}}}\n', 'unit'),
    ('processors: {flow_log: {conntrack: {timeouts: {others: @1 minute}}}}\n', 'write a number and ns, us, ms, s, m, h or d'),
    ('tap_mode: @analyser\n', 'analyzer (2)'),
    ('tap_mode: @3\n', 'analyzer (2)'),
    ('collector_socket_type: @RAW_UDP\n', 'FILE'),
    ('decap_type: @[1, 99]\n', 'VXLAN'),
    ('l4_log_ignore_tap_sides: @[c, 3]\n', 'c-nd'),
    ('static_config: {server-ports: @[443, 70000]}\n', '1 to 65535'),
    ('static_config: {server-ports: @[90-80]}\n', '90-80'),
    # a section for a setting, and the other way round
    ('tap_mode: @{value: 2}\n', 'is a setting, not a section'),
    ('global:\n  limits: @5\n', 'is a section, not a setting'),
    ('mtu: @[600]\n', 'list'),
    # what contradicts itself
    ('tap_mode: 2\ninputs: {cbpf: {common: {capture_mode: @0}}}\n', 'line 1'),
    # YAML itself
    ('tap_mode: 2\n@\tmtu: 600\n', 'indent with blanks'),
    ('plugins: {so_plugins: @*x}\n', 'alias'),
    ('tap_mode: 2\n@---\nmtu: 600\n', 'a second document'),
)


class GroupMistakes(weir.Case):
    def test_each_is_refused_with_line_column_and_advice(self):
        self.assertGreaterEqual(len(MISTAKES), 40)
        for marked, words in MISTAKES:
            at = marked.index('@')
            line, column = marked[:at].count('\n') + 1, at - (marked.rfind('\n', 0, at) + 1) + 1
            path = self.file('group.yaml', marked.replace('@', '', 1).encode())
            p = weir.run(weir.AGENT, 'check', '-c', '/dev/null', '--group-config', path)
            self.assertEqual((p.returncode, p.stdout), (weir.INVALID, ''), marked + p.stderr)
            said = [s for s in p.stderr.splitlines() if ': warning: ' not in s]
            self.assertEqual(len(said), 1, marked + p.stderr)
            self.assertTrue(said[0].startswith(f'{path}:{line}:{column}: '), f'{marked}: {line}:{column}: {said[0]}')
            self.assertIn(words, said[0], marked)

    def test_expressions_that_do_not_compile_are_refused_with_their_line(self):
        for text, words in (('mtu: 600\ntap_interface_regex: "^(eth"\n', 'parenthes'), ('mtu: 600\ncapture_bpf: tcp prt 80\n', 'prt')):
            path = self.file('group.yaml', text.encode())
            p = weir.run(weir.AGENT, 'check', '-c', '/dev/null', '--group-config', path)
            self.assertEqual(p.returncode, weir.INVALID)
            said = [s for s in p.stderr.splitlines() if ': warning: ' not in s]
            self.assertEqual(len(said), 1, p.stderr)
            self.assertTrue(said[0].startswith(f'{path}:2:'), said[0])
            self.assertIn(words, said[0])


if __name__ == '__main__':
    weir.main()
