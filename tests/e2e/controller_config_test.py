#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A group's file, and what agents of either dialect get of it: read by PyYAML and by messages of another making. Names, units
and defaults are those of the protocol's description."""
import json
import os
import socket
import urllib.error
import urllib.request

import weir
import yaml
from controller_live import Controller, ControllerCase, Peer

# old name and value -> fields of trident.Config, path and value of the newer tree
SETTINGS = [
    ('max_millicpus: 2500', {'max_millicpus': 2500}, 'global.limits.max_millicpus', 2500),
    ('max_memory: 2048', {'max_memory': 2048}, 'global.limits.max_memory', 2048),
    ('log_retention: 60', {'log_retention': 60}, 'global.limits.local_log_retention', '60d'),
    ('log_threshold: 500', {'log_threshold': 500}, 'global.limits.max_log_backhaul_rate', 500),
    ('sys_free_memory_limit: 10', {'sys_free_memory_limit': 10}, 'global.circuit_breakers.sys_memory_percentage.trigger_threshold', 10),
    ('system_load_circuit_breaker_metric: load5', {'system_load_circuit_breaker_metric': 1},
     'global.circuit_breakers.relative_sys_load.metric', 'load5'),
    ('max_tx_bandwidth: 20000', {'server_tx_bandwidth_threshold': 20000 * 10**6},
     'global.circuit_breakers.tx_throughput.trigger_threshold', 20000),
    ('bandwidth_probe_interval: 7', {'bandwidth_probe_interval': 7},
     'global.circuit_breakers.tx_throughput.throughput_monitoring_interval', '7s'),
    ('ntp_enabled: 1', {'ntp_enabled': 1}, 'global.ntp.enabled', True),
    ('sync_interval: 90', {'sync_interval': 90}, 'global.communication.proactive_request_interval', '90s'),
    ('max_escape_seconds: 601', {'max_escape_seconds': 601}, 'global.communication.max_escape_duration', '601s'),
    ('log_level: WARNING', {'log_level': 'WARNING'}, 'global.self_monitoring.log.log_level', 'WARNING'),
    ('rsyslog_enabled: 0', {'rsyslog_enabled': 0}, 'global.self_monitoring.log.log_backhaul_enabled', False),
    ('stats_interval: 61', {'stats_interval': 61}, 'global.self_monitoring.interval', '61s'),
    ('tap_mode: 2', {'tap_mode': 2}, 'inputs.cbpf.common.capture_mode', 2),
    ('tap_interface_regex: "^ens1f[01]$"', {'tap_interface_regex': '^ens1f[01]$'}, 'inputs.cbpf.af_packet.interface_regex', '^ens1f[01]$'),
    ('capture_bpf: not port 22', {'capture_bpf': 'not port 22'}, 'inputs.cbpf.af_packet.extra_bpf_filter', 'not port 22'),
    ('capture_socket_type: 3', {'capture_socket_type': 3}, 'inputs.cbpf.af_packet.tunning.socket_version', 3),
    ('capture_packet_size: 1500', {'capture_packet_size': 1500}, 'inputs.cbpf.tunning.max_capture_packet_size', 1500),
    ('max_collect_pps: 2000', {'global_pps_threshold': 2000 * 1000}, 'inputs.cbpf.tunning.max_capture_pps', 2000 * 1000),
    ('decap_type: [1, 3, 4]', {'decap_type': [1, 3, 4]}, 'inputs.cbpf.preprocess.tunnel_decap_protocols', [1, 3, 4]),
    ('platform_sync_interval: 30', {'platform_sync_interval': 30}, 'inputs.resources.push_interval', '30s'),
    ('platform_enabled: 1', {'platform_enabled': 1}, 'inputs.resources.private_cloud.hypervisor_resource_enabled', True),
    ('vm_xml_path: /var/lib/libvirt', {'libvirt_xml_path': '/var/lib/libvirt'},
     'inputs.resources.private_cloud.vm_xml_directory', '/var/lib/libvirt'),
    ('domains: ["a-b"]', {}, 'inputs.resources.pull_resource_from_controller.domain_filter', ['a-b']),
    ('pod_cluster_internal_ip: 1', {}, 'inputs.resources.pull_resource_from_controller.only_kubernetes_pod_ip_in_local_cluster', True),
    ('external_agent_http_proxy_port: 8086', {'external_agent_http_proxy_port': 8086}, 'inputs.integration.listen_port', 8086),
    ('collector_socket_type: UDP', {'collector_socket_type': 2}, 'outputs.socket.data_socket_type', 'UDP'),
    ('npb_socket_type: UDP', {'npb_socket_type': 2}, 'outputs.socket.npb_socket_type', 'UDP'),
    ('l4_log_tap_types: [3, 4]', {'l4_log_tap_types': [3, 4]}, 'outputs.flow_log.filters.l4_capture_network_types', [3, 4]),
    ('l7_log_store_tap_types: [-1]', {'l7_log_store_tap_types': []}, 'outputs.flow_log.filters.l7_capture_network_types', [-1]),
    ('l4_log_ignore_tap_sides: [1, 10]', {'l4_log_ignore_tap_sides': [1, 10]},
     'outputs.flow_log.filters.l4_ignored_observation_points', [1, 10]),
    ('l4_log_collect_nps_threshold: 20000', {'l4_log_collect_nps_threshold': 20000}, 'outputs.flow_log.throttles.l4_throttle', 20000),
    ('collector_enabled: 0', {'collector_enabled': 0}, 'outputs.flow_metrics.enabled', False),
    ('inactive_server_port_enabled: 0', {'inactive_server_port_enabled': 0},
     'outputs.flow_metrics.filters.inactive_server_port_aggregation', True),
    ('l4_performance_enabled: 0', {'l4_performance_enabled': 0}, 'outputs.flow_metrics.filters.npm_metrics', False),
    ('mtu: 1400', {'mtu': 1400}, 'outputs.npb.max_mtu', 1400),
    ('npb_vlan_mode: 2', {'npb_vlan_mode': 2}, 'outputs.npb.extra_vlan_header', 2),
    ('max_npb_bps: 5000', {'npb_bps_threshold': 5000 * 10**6}, 'outputs.npb.max_tx_throughput', 5000),
    ('so_plugins: [one]', {'plugins': {'so_plugins': ['one']}}, 'plugins.so_plugins', ['one']),
]
# below static_config, as v6.5 takes it
STATIC = {
    'kubernetes-resources': [{'name': 'ingresses', 'disabled': True}, {'name': 'routes'}],
    'default-tap-type': 7, 'mirror-traffic-pcp': 8, 'cpu-affinity': '0,2', 'memory-trim-disabled': True,
    'packet-delay': '3s', 'l7-protocol-inference-ttl': 90, 'os-proc-socket-min-lifetime': 7,
    'xflow-collector': {'sflow-ports': [6343], 'netflow-ports': []}, 'trim-tunnel-types': ['ERSPAN'],
    'flow': {'flow-count-limit': 1048576, 'established-timeout': '299s', 'ignore-idc-vlan': True},
    'ebpf': {'go-tracing-timeout': 61, 'kprobe-blacklist': {'port-list': '22,80-90'}},
}
NEWER = [
    ('inputs.cbpf.physical_mirror.default_capture_network_type', 7), ('inputs.cbpf.af_packet.vlan_pcp_in_physical_mirror_traffic', 8),
    ('global.tunning.cpu_affinity', [0, 2]), ('global.tunning.idle_memory_trimming', False),
    ('processors.flow_log.time_window.max_tolerable_packet_delay', '3s'), ('inputs.proc.min_lifetime', '7s'),
    ('processors.request_log.application_protocol_inference.inference_result_ttl', '90s'),
    ('inputs.resources.kubernetes.api_resources', [{'name': 'ingresses', 'disabled': True}, {'name': 'routes'}]),
    ('inputs.cbpf.preprocess.tunnel_trim_protocols', ['ERSPAN']), ('inputs.ebpf.socket.kprobe.blacklist.ports', '22,80-90'),
    ('processors.flow_log.tunning.concurrent_flow_limit', 1048576), ('inputs.ebpf.socket.uprobe.golang.tracing_timeout', '61s'),
    ('processors.flow_log.conntrack.timeouts.established', '299s'),
]
SITE = 'site = { address = "10.1.1.1"; ingester_address = "10.1.1.2"; ingester_port = 40033; };\n'
UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}


def seconds(v):
    """'2m' and '120s' are the same."""
    return int(v[:-1]) * UNITS[v[-1]] if isinstance(v, str) and v[:-1].isdigit() and v[-1] in UNITS else v


def at(tree, path):
    for name in path.split('.'):
        tree = tree[name]
    return tree


class Config(ControllerCase):
    def setUp(self):
        super().setUp()
        self.c = Controller(self, SITE)
        self.n = 0

    def answers(self, group=None):
        """-> trident.Config, and user_config as text, of two agents new to the group."""
        out = []
        for dialect in ('trident', 'agent'):
            self.n += 1
            p = Peer(self, self.c, dialect, f'10.9.0.{self.n}', f'02:00:00:00:00:{self.n:02x}')
            out.append(p.sync(**({'group': group} if group else {})))
        return out[0]['config'], out[1]['user_config'].decode()

    def of(self, text):
        lcuuid, short = self.c.group(f'group {self.n}')
        self.c.config(lcuuid, text)
        return self.answers(short)

    def test_every_setting_by_its_older_name_has_its_unit_in_either_dialect(self):
        text = '\n'.join(s[0] for s in SETTINGS) + '\nstatic_config:\n  ' + \
            yaml.safe_dump(STATIC).replace('\n', '\n  ').rstrip() + '\n'
        config, user = self.of(text)
        tree = yaml.load(user, yaml.SafeLoader)
        for old, fields, path, value in SETTINGS:
            for name, v in fields.items():
                self.assertEqual(config.get(name, [] if v == [] else None), v, old)
            self.assertEqual(seconds(at(tree, path)), seconds(value), path)
        self.assertEqual(yaml.safe_load(config['local_config']), STATIC)
        for path, value in NEWER:
            self.assertEqual(seconds(at(tree, path)), seconds(value), path)
        self.assertEqual((config['system_load_circuit_breaker_threshold'], round(config['system_load_circuit_breaker_recover'], 4)),
                         (1, 0.9))

    def test_a_newer_text_comes_as_it_is_with_where_the_site_is(self):
        text = '# why\nglobal:\n  limits: {max_memory: 1024}  # MiB\ninputs:\n  cbpf:\n    common: {capture_mode: 1}\n'
        config, user = self.of(text)
        kept = [line for line in user.splitlines() if 'communication' not in line]
        self.assertEqual(kept, text.splitlines())
        places = yaml.safe_load(user)['global']['communication']
        self.assertIn(places.pop('proxy_controller_port'), (30035, self.c.grpc_port))
        self.assertEqual(places, {'ingester_ip': '10.1.1.2', 'ingester_port': 40033, 'proxy_controller_ip': '10.1.1.1'})
        self.assertEqual((config['max_memory'], config['tap_mode'], config['analyzer_ip'], config['analyzer_port'],
                          config['proxy_controller_ip']), (1024, 1, '10.1.1.2', 40033, '10.1.1.1'))

    def test_without_a_configuration_defaults_are_those_of_a_file(self):
        config, user = self.answers()
        self.assertEqual((config['collector_enabled'], config['decap_type'], config['l4_log_tap_types'], config['log_retention']),
                         (1, [1, 2], [0], 300))
        self.assertEqual(config.get('local_config', b''), b'')
        self.assertEqual(list(yaml.safe_load(user)), ['global'])

    def refused_with(self, lcuuid, text, why):
        request = urllib.request.Request(f'http://127.0.0.1:{self.c.http_port}/v1/agent-group-configuration/{lcuuid}/yaml',
                                         text.encode(), {'Content-Type': 'application/x-www-form-urlencoded'}, method='PUT')
        with self.assertRaises(urllib.error.HTTPError) as e:
            urllib.request.urlopen(request, timeout=60)
        with e.exception as answer:
            self.assertIn(why, json.loads(answer.read())['DESCRIPTION'])

    def test_a_silent_name_server_is_asked_for_a_host_of_a_filter_once(self):
        if os.geteuid() != 0:
            self.skipTest('a mount namespace needs root')
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dns:
            try:
                dns.bind(('127.0.0.97', 53))
            except OSError as e:
                self.skipTest(f'127.0.0.97:53: {e}')
            dns.setblocking(False)
            resolv = os.path.join(self.c.dir, 'resolv.conf')
            with open(resolv, 'w') as f:
                f.write('nameserver 127.0.0.97\n')
            self.c = Controller(self, command=['unshare', '-m', 'sh', '-c', f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', 'sh'])
            lcuuid, _ = self.c.group('named')
            self.refused_with(lcuuid, 'capture_bpf: host a.b.example\n', 'unknown host')
            queries = []
            try:
                while True:
                    queries.append(dns.recv(512))
            except BlockingIOError:
                pass
        self.assertIn(len(queries), (1, 2))  # for an address of either kind

    def test_what_agents_could_not_use_never_reaches_them(self):
        lcuuid, short = self.c.group('kept')
        self.c.config(lcuuid, 'max_memory: 1024\n')
        for text, why in (('tap_interface_regex: "^(eth"\n', 'regular expression'), ('capture_bpf: tcp prot 80\n', 'filter'),
                          ('max_memory: 1\n', 'out of range'), ('no_such_key: 1\n', 'is not a setting'), ('a: [\n', 'YAML'),
                          ('a: &a [x]\nb: [*a, *a]\n', 'alias'), ('[' * 5000, 'levels'), ('x' * (1 << 20), '')):
            self.refused_with(lcuuid, text, why)
        config, user = self.answers(short)
        self.assertEqual((config['max_memory'], at(yaml.safe_load(user), 'global.limits.max_memory')), (1024, 1024))


if __name__ == '__main__':
    weir.main()
