# SPDX-License-Identifier: Apache-2.0
"""What agents and controllers say to each other, as tables: written from the description of the protocol, not from proto/.

A field is "number name type", with "=default" where it has one. Types: u32 u64 i32 bool float str bytes, eN an enumeration
whose largest value is N, or the name of a message; * before it: repeated.
"""

BOTH = '''
CommandResult
  1 error_number i32; 2 content bytes; 3 md5 str; 4 total_len u64; 5 pkt_count u32;
Container
  1 pod_id u32; 2 container_id str;
FlowAcls
  1 flow_acl *FlowAcl;
GPIDSyncEntry
  1 protocol e2=0; 2 epc_id_1 u32=0; 3 ipv4_1 u32=0; 4 port_1 u32=0; 5 pid_1 u32=0; 6 epc_id_0 u32=0;
  7 ipv4_0 u32=0; 8 port_0 u32=0; 9 pid_0 u32=0; 10 epc_id_real u32=0; 11 ipv4_real u32=0; 12 port_real u32=0;
  13 pid_real u32=0; 14 role_real e2=0; 15 netns_idx u32=0;
GPIDSyncResponse
  1 entries_compress_algorithm u32; 2 entries *GPIDSyncEntry;
GenesisIp
  2 last_seen u32; 3 mac u64; 4 ip bytes; 9 port_uuid str;
GenesisPlatformData
  7 ips *GenesisIp; 10 platform_enabled bool; 11 raw_hostname str; 12 raw_all_vm_xml str; 13 raw_vm_states str;
  14 raw_ovs_interfaces str; 15 raw_ovs_ports str; 16 raw_brctl_show str; 17 raw_vlan_config str;
  20 lldp_info *Lldp; 30 raw_ip_netns *str; 31 raw_ip_addrs *str; 32 interfaces *InterfaceInfo;
GenesisProcessData
  5 process_entries *ProcessInfo;
GenesisSyncResponse
  1 version u64=0;
Groups
  1 groups *Group;
InterfaceInfo
  1 mac u64; 2 ip *str; 3 name str; 4 device_id str; 5 tap_index u32; 6 device_name str; 7 netns str=;
  8 netns_id u32=0; 9 if_type str=;
IpResource
  1 ip str; 2 masklen u32=32; 3 subnet_id u32=0;
KubernetesAPIInfo
  1 type str; 2 info str; 3 compressed_info bytes;
KubernetesAPISyncResponse
  1 version u64;
KubernetesClusterIDRequest
  1 ca_md5 str; 2 team_id str; 46 kubernetes_cluster_name str;
KubernetesClusterIDResponse
  1 error_msg str; 2 cluster_id str;
Lldp
  1 interface str; 2 system_name str; 5 management_address str; 10 port_id str; 11 port_description str;
NtpRequest
  1 ctrl_ip str; 10 request bytes;
NtpResponse
  1 response bytes;
PeerConnection
  1 id u32; 2 local_epc_id u32; 3 remote_epc_id u32;
PlatformData
  1 interfaces *Interface; 3 peer_connections *PeerConnection; 4 cidrs *Cidr;
PluginRequest
  1 ctrl_ip str; 2 ctrl_mac str; 3 plugin_type e2=1; 4 plugin_name str; 5 team_id str;
PluginResponse
  1 status e10=0; 2 content bytes; 3 md5 str; 4 total_len u64; 5 pkt_count u32; 6 update_time u32;
RemoteExecRequest
  1 request_id u64; 2 exec_type e3=0; 3 command_id u32; 4 params *Tag; 5 linux_ns_pid u32; 6 batch_len u32=1048576;
  7 command_ident str; 10 command_data bytes;
RemoteExecResponse
  1 agent_id u32; 2 request_id u64; 3 errmsg str; 4 commands *bytes; 5 linux_namespaces *bytes;
  6 command_result CommandResult;
Segment
  1 id u32; 2 mac *str; 3 interface_id *u32; 4 vmac *str;
SkipInterface
  1 mac u64;
Tag
  1 key str; 2 value str;
UpgradeResponse
  1 status e10=0; 2 content bytes; 3 md5 str; 4 total_len u64; 5 pkt_count u32; 6 k8s_image str;
'''

TRIDENT = '''
Cidr
  1 prefix str; 2 type e2=1; 3 epc_id i32; 4 subnet_id u32; 5 region_id u32; 6 az_id u32; 7 tunnel_id u32;
  20 is_vip bool=false;
CommunicationVtap
  1 vtap_id u32; 2 last_active_time u32;
Config
  1 enabled bool=true; 2 max_cpus u32=1; 3 max_memory u32=768; 4 sync_interval u32=60; 5 stats_interval u32=60;
  6 global_pps_threshold u64=200000; 7 extra_netns_regex str=;
  8 tap_interface_regex str=^(tap.*|cali.*|veth.*|eth.*|en[osipx].*|lxc.*|lo|[0-9a-f]+_h)$; 9 host str;
  10 rsyslog_enabled bool=true; 11 output_vlan u32=0; 12 mtu u32=1500; 13 npb_bps_threshold u64=1000000000;
  14 collector_enabled bool=false; 15 max_millicpus u32=1000; 16 platform_enabled bool=false;
  17 kubernetes_api_enabled bool=false; 18 server_tx_bandwidth_threshold u64=0; 19 bandwidth_probe_interval u64=10;
  21 capture_socket_type e3=0; 22 npb_vlan_mode e2=0; 23 l4_log_tap_types *u32; 24 npb_dedup_enabled bool=true;
  25 if_mac_source e2=0; 27 vtap_flow_1s_enabled bool=true; 28 debug_enabled bool=true; 31 analyzer_ip str;
  32 max_escape_seconds u32=3600; 34 proxy_controller_ip str; 35 region_id u32=0; 36 pod_cluster_id u32=0;
  37 epc_id u32=0; 38 analyzer_port u32=30033; 39 proxy_controller_port u32=30035; 40 vtap_id u32;
  41 trident_type e12=0; 42 platform_sync_interval u32=10; 43 team_id u32=0; 44 organize_id u32=0;
  45 collector_socket_type e3=1; 47 npb_socket_type e3=0; 51 pcap_data_retention u32=7;
  52 capture_packet_size u32=65535; 53 inactive_server_port_enabled bool=true; 54 capture_bpf str=;
  55 inactive_ip_enabled bool=true; 60 libvirt_xml_path str=/etc/libvirt/qemu; 101 log_threshold u32=300;
  102 log_level str=INFO; 103 thread_threshold u32=500; 104 process_threshold u32=10; 201 log_retention u32=30;
  203 ntp_enabled bool=false; 204 decap_type *e5; 301 http_log_proxy_client str=X-Forwarded-For;
  302 http_log_trace_id str=traceparent, sw8; 303 l7_log_packet_size u32=1024;
  304 l4_log_collect_nps_threshold u64=10000; 305 l7_log_collect_nps_threshold u64=10000;
  306 http_log_span_id str=traceparent, sw8; 307 http_log_x_request_id str=X-Request-ID;
  401 l4_log_ignore_tap_sides *u32; 402 l7_log_ignore_tap_sides *u32; 403 l7_log_store_tap_types *u32;
  404 l4_performance_enabled bool=true; 405 l7_metrics_enabled bool=true;
  406 external_agent_http_proxy_enabled bool=true; 407 external_agent_http_proxy_port u32=38086;
  410 packet_sequence_flag u32=0; 420 plugins PluginConfig; 501 sys_free_memory_limit u32=0;
  502 log_file_size u32=1000; 503 tap_mode e3=0; 504 system_load_circuit_breaker_threshold float=1.0;
  505 system_load_circuit_breaker_metric e2=2; 506 system_load_circuit_breaker_recover float=0.9;
  507 secret_key str; 508 sys_free_memory_metric e1=0; 510 local_config bytes;
FlowAcl
  1 id u32; 2 tap_type u32; 6 protocol u32=256; 7 src_ports str; 8 dst_ports str; 9 vlan u32;
  11 npb_actions *NpbAction; 12 src_group_ids *i32; 13 dst_group_ids *i32;
GPIDSyncRequest
  1 ctrl_ip str; 2 ctrl_mac str; 3 vtap_id u32; 4 entries_compress_algorithm u32; 5 team_id str;
  10 entries *GPIDSyncEntry;
GenesisSyncRequest
  1 version u64=0; 2 trident_type e12=0; 3 source_ip str; 4 vtap_id u32; 5 kubernetes_cluster_id str; 6 nat_ip str;
  7 team_id str; 9 platform_data GenesisPlatformData; 10 process_data GenesisProcessData;
Group
  1 id u32; 2 epc_id u32=0; 3 type e1=0; 5 ips *str; 6 ip_ranges *str; 7 business_id u32;
Interface
  1 id u32; 2 device_type u32; 3 device_id u32; 4 if_type u32; 6 epc_id u32; 7 launch_server str;
  8 ip_resources *IpResource; 9 launch_server_id u32; 10 region_id u32; 11 mac u64; 21 pod_node_id u32;
  22 az_id u32; 23 pod_group_id u32; 24 pod_ns_id u32; 25 pod_id u32; 26 pod_cluster_id u32; 27 netns_id u32;
  28 vtap_id u32; 29 pod_group_type u32; 100 is_vip_interface bool=false;
KubernetesAPISyncRequest
  1 cluster_id str; 2 version u64; 3 error_msg str; 4 vtap_id u32; 5 source_ip str; 6 team_id str;
  10 entries *KubernetesAPIInfo;
NpbAction
  1 tunnel_type e3=0; 2 tunnel_id u32; 3 tunnel_ip str; 4 tap_side e3=1; 5 payload_slice u32=65535;
  6 npb_acl_group_id u32; 7 tunnel_ip_id u32; 8 direction e3=1;
PluginConfig
  1 update_time u32; 2 wasm_plugins *str; 3 so_plugins *str;
ProcessInfo
  1 name str; 2 pid u64; 3 process_name str; 4 cmdline str; 5 user str; 6 start_time u32; 7 netns_id u32;
  8 container_id str; 11 os_app_tags *Tag;
SyncRequest
  1 boot_time u32; 2 config_accepted bool=true; 4 state e5=0; 5 revision str; 6 exception u64=0;
  7 process_name str; 8 tap_mode e3=0; 9 version_platform_data u64=0; 10 version_acls u64=0;
  11 version_groups u64=0; 12 current_k8s_image str; 21 ctrl_ip str; 22 host str; 23 host_ips *str;
  25 ctrl_mac str; 26 vtap_group_id_request str; 27 kubernetes_force_watch bool=false;
  28 agent_unique_identifier e2=1; 29 team_id str; 31 communication_vtaps *CommunicationVtap; 32 cpu_num u32;
  33 memory_size u64; 34 arch str; 35 os str; 36 kernel_version str; 41 kubernetes_watch_policy e2=0;
  45 kubernetes_cluster_id str; 46 kubernetes_cluster_name str; 50 org_id u32;
SyncResponse
  1 status e10=0; 2 config Config; 4 revision str; 5 self_update_url str; 6 version_platform_data u64=0;
  7 version_acls u64=0; 8 version_groups u64=0; 9 containers *Container; 10 local_segments *Segment;
  11 remote_segments *Segment; 12 platform_data bytes; 13 flow_acls bytes; 15 groups bytes; 16 tap_types *TapType;
  19 skip_interface *SkipInterface;
TapType
  1 tap_type u32; 2 packet_type e6=1; 3 vlan u32; 4 source_ip str; 5 tap_port u32;
UpgradeRequest
  1 ctrl_ip str; 3 ctrl_mac str; 4 team_id str;
'''

AGENT = '''
AgentId
  1 ip str; 2 mac str; 3 team_id str; 4 group_id str;
CaptureNetworkType
  1 tap_type u32; 2 packet_type e6=1; 3 vlan u32; 4 source_ip str; 5 tap_port u32;
Cidr
  1 prefix str; 2 type e2=1; 3 epc_id i32; 4 region_id u32; 5 tunnel_id u32; 20 is_vip bool=false;
CustomAppConfig
  1 version u64; 2 compressed bool; 10 configs bytes;
DynamicConfig
  1 kubernetes_api_enabled bool; 2 enabled bool; 10 region_id u32; 11 pod_cluster_id u32; 12 vpc_id u32;
  13 agent_id u32; 14 team_id u32; 15 organize_id u32; 16 agent_type e12=0; 20 secret_key str; 21 hostname str;
  22 group_id str;
FlowAcl
  1 id u32; 2 capture_network_type u32; 3 protocol u32=256; 4 src_ports str; 5 dst_ports str;
  6 npb_actions *NpbAction; 7 src_group_ids *i32; 8 dst_group_ids *i32;
GPIDSyncRequest
  1 ctrl_ip str; 2 ctrl_mac str; 3 agent_id u32; 4 entries_compress_algorithm u32; 5 team_id str;
  10 entries *GPIDSyncEntry;
GenesisSyncRequest
  1 version u64=0; 2 agent_type e12=0; 3 source_ip str; 4 agent_id u32; 5 kubernetes_cluster_id str; 6 nat_ip str;
  7 team_id str; 9 platform_data GenesisPlatformData; 10 process_data GenesisProcessData; 11 agent_info AgentId;
Group
  1 id u32; 2 epc_id u32=0; 3 type e1=0; 5 ips *str; 6 ip_ranges *str;
Interface
  1 id u32; 2 device_type e120=0; 3 if_type u32; 4 epc_id u32; 5 ip_resources *IpResource; 6 region_id u32;
  7 mac u64; 8 pod_node_id u32; 9 pod_cluster_id u32; 10 is_vip_interface bool=false;
KubernetesAPISyncRequest
  1 cluster_id str; 2 version u64; 3 error_msg str; 4 agent_id u32; 5 source_ip str; 6 team_id str;
  10 entries *KubernetesAPIInfo;
NpbAction
  1 tunnel_type e3=0; 2 tunnel_id u32; 3 tunnel_ip str; 4 packet_capture_side e3=1; 5 payload_slice u32=65535;
  6 npb_acl_group_id u32; 7 tunnel_ip_id u32; 8 direction e3=1;
ProcessInfo
  1 name str; 2 pid u64; 3 process_name str; 4 cmdline str; 5 user str; 6 start_time u32; 7 netns_id u32;
  8 container_id str; 11 os_app_tags *Tag; 12 biz_type u32;
SyncRequest
  1 boot_time u32; 2 config_accepted bool=true; 4 state e5=0; 5 revision str; 6 exception u64=0;
  7 process_name str; 8 packet_capture_type e3=0; 9 version_platform_data u64=0; 10 version_acls u64=0;
  11 version_groups u64=0; 12 current_k8s_image str; 13 custom_app_config CustomAppConfig;
  14 exception_description str; 21 ctrl_ip str; 22 host str; 23 host_ips *str; 25 ctrl_mac str;
  26 agent_group_id_request str; 27 kubernetes_force_watch bool=false; 28 agent_unique_identifier e2=1;
  29 team_id str; 32 cpu_num u32; 33 memory_size u64; 34 arch str; 35 os str; 36 kernel_version str;
  41 kubernetes_watch_policy e2=0; 45 kubernetes_cluster_id str; 46 kubernetes_cluster_name str;
  47 kubernetes_cluster_md5 str; 50 current_grpc_buffer_size u64;
SyncResponse
  1 status e10=0; 2 user_config bytes; 3 revision str; 4 self_update_url str; 5 version_platform_data u64=0;
  6 version_acls u64=0; 7 version_groups u64=0; 8 containers *Container; 9 local_segments *Segment;
  10 remote_segments *Segment; 11 platform_data bytes; 12 flow_acls bytes; 13 groups bytes;
  14 capture_network_types *CaptureNetworkType; 15 skip_interface *SkipInterface; 20 dynamic_config DynamicConfig;
  21 custom_app_config CustomAppConfig; 30 only_partial_fields bool=false; 31 new_grpc_buffer_size u64;
UpgradeRequest
  1 ctrl_ip str; 2 ctrl_mac str; 3 team_id str;
'''
