/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. */
#include "command.h"

static const char capture_text[] =
	"FILTER is an expression as tcpdump takes it: host 10.0.0.1 and port 443. A file that is\n"
	"there is written over. Ctrl-C ends in order: the file then says what was dropped, too.\n";

static const char explain_text[] =
	"KEY is a path as in a file, an older name of it, or its last word where no other setting has it:\n"
	"inputs.cbpf.common.capture_mode, tap_mode, capture_mode. Settings of the box, too.\n";

static const char agents_text[] =
	"STATE is NORMAL, LOST (it has not called for eight intervals), DISABLE or PENDING (it waits for\n"
	"agent approve).\n";

static const char agent_delete_text[] =
	"An agent that goes on to run is there again with its next call, in the group that its\n"
	"vtap-group-id-request names: to move it, stop it first.\n";

static const char revoke_text[] =
	"It is refused by its address and MAC, and by its certificate, where it has one. weirctl revoked\n"
	"delete lets it in again.\n";

static const char upgrade_text[] =
	"For DeepFlow's agents: weir's own come in packages, and do not replace themselves.\n";

static const char group_text[] = "GROUP is a group's name or its id (g-...).\n";

static const char config_create_text[] =
	"GROUP is a group's name or its id (g-...); without it the file names it: vtap_group_id. Without\n"
	"a file the configuration is an empty one, which a later create replaces.\n";

static const char network_type_text[] =
	"The file is a list: - {type: 7, vlan: 100}. type is 1 to 255, vlan 0 to 4096.\n";

static const char token_text[] =
	"While there is no token, root and the controller's own user may change things from its machine,\n"
	"and nobody else. The first token ends that, so it is one of role admin.\n";

static const char backup_text[] =
	"It is taken while the controller runs. weir-controller restore puts it back, while it does not.\n";

const struct command ctl_commands[] = {
	{ "flow", "list", NULL, FOR_FLOW | FOR_LIST, ctl_flow_list, "flow records, one a line",
	  weir_expr_grammar,
	  "weirctl flow list --last 10m --ip 10.0.0.0/8,2001:db8::/32\n"
	  "weirctl flow list --sort -byte_rx --limit 20 -o wide\n" },
	{ "flow", "top", NULL, FOR_FLOW | FOR_TOP, ctl_flow_top,
	  "who has most bytes, packets, flows, retransmissions ...", weir_expr_grammar,
	  "weirctl flow top --by retrans --group-by ip_1,server_port\n" },
	{ "flow", "watch", NULL, FOR_AGENT | FOR_WATCH, ctl_flow_watch,
	  "flow records as the agent makes them, until Ctrl-C", weir_expr_grammar,
	  "weirctl flow watch --where 'close_type == 2 and server_port == 443'\n" },
	{ "flow", "show", "FLOW_ID", FOR_FLOW, ctl_flow_show,
	  "all that is known of a flow, its reports merged", weir_expr_grammar,
	  "weirctl flow show 7523648765432\n" },
	{ "status", NULL, NULL, FOR_AGENT, ctl_status,
	  "the way of a packet from link to disk, and where it is broken", NULL,
	  "weirctl status\n" },
	{ "port", "list", NULL, FOR_AGENT, ctl_port_list, "ports, and what they received", NULL,
	  "weirctl port list\n"
	  "weirctl port list -o json\n" },
	{ "port", "show", "PORT", FOR_AGENT, ctl_port_show, "all that is known of a port", NULL,
	  "weirctl port show eth0\n" },
	{ "port", "drops", "[PORT]", FOR_AGENT, ctl_port_drops,
	  "what became of every packet, and what to change", NULL, "weirctl port drops eth0\n" },
	{ "port", "top", "[PORT]", FOR_AGENT | FOR_PORT_TOP, ctl_port_top,
	  "rates of ports and workers", NULL, "weirctl port top --interval 2s --count 5\n" },
	{ "config", "show", NULL, FOR_AGENT | FOR_SHOW, ctl_config_show,
	  "the group configuration in force: values, who gave them, since when", NULL,
	  "weirctl config show --effective\n" },
	{ "config", "plan", NULL, FOR_AGENT | FOR_INPUT | FOR_GROUP | FOR_SITE, ctl_config_plan,
	  "what a group configuration would change, and what that does", NULL,
	  "weirctl config plan -f group.yaml\n"
	  "weirctl config plan --group macvlan -f group.yaml\n" },
	{ "config", "explain", "KEY", FOR_AGENT, ctl_config_explain,
	  "all about a setting; its value, too, where an agent runs", explain_text,
	  "weirctl config explain tap_mode\n" },
	{ "reload", NULL, NULL, FOR_AGENT, ctl_reload,
	  "have the agent read its configurations again", NULL, "weirctl reload\n" },
	{ "capture", NULL, "PORT [FILTER...]", FOR_AGENT | FOR_CAPTURE, ctl_capture,
	  "packets of a port or tap to a file, as pcapng", capture_text,
	  "weirctl capture eth0 host 10.0.0.1 and port 443 -c 100 -w web.pcapng\n"
	  "weirctl capture eth0 -w - | tcpdump -nr -\n" },
	{ "agent", "list", "[NAME]", FOR_SITE, ctl_agent_list, "agents of a controller",
	  agents_text,
	  "weirctl agent list\n"
	  "weirctl agent list node1-V3 -o yaml\n"
	  "weirctl -i 192.0.2.1 --cacert ca.pem agent list -o wide\n" },
	{ "agent", "delete", "NAME", FOR_SITE, ctl_agent_delete,
	  "forget an agent: it registers anew when it calls", agent_delete_text,
	  "weirctl agent delete node1-V3\n" },
	{ "agent", "approve", "NAME", FOR_SITE, ctl_agent_approve,
	  "let an agent in that waits (PENDING)", NULL, "weirctl agent approve node1-V3\n" },
	{ "agent", "revoke", "NAME", FOR_SITE, ctl_agent_revoke,
	  "delete an agent, and refuse it from now on", revoke_text,
	  "weirctl agent revoke node1-V3\n" },
	{ "agent", "update", NULL, FOR_SITE | FOR_INPUT, ctl_agent_update,
	  "move an agent to a group, or switch it on or off", NULL,
	  "weirctl agent update -f agent.yaml\n" },
	{ "agent", "update-example", NULL, FOR_SITE, ctl_agent_update_example,
	  "a file for agent update", NULL, "weirctl agent update-example >agent.yaml\n" },
	{ "revoked", "list", NULL, FOR_SITE, ctl_revoked_list, "who is refused as an agent", NULL,
	  "weirctl revoked list\n" },
	{ "revoked", "delete", "WHO", FOR_SITE, ctl_revoked_delete, "refuse it no longer", NULL,
	  "weirctl revoked delete 192.0.2.7-52:54:00:12:34:56\n" },
	{ "agent-upgrade", "list", NULL, FOR_SITE, ctl_upgrade_list,
	  "agents that are to become another version", NULL, "weirctl agent-upgrade list\n" },
	{ "agent-upgrade", "cancel", "AGENT", FOR_SITE, ctl_upgrade_cancel,
	  "leave an agent the version it has", NULL, "weirctl agent-upgrade cancel node1-V3\n" },
	{ "agent-upgrade", NULL, "AGENT", FOR_SITE | FOR_UPGRADE, ctl_upgrade,
	  "have an agent become another version", upgrade_text,
	  "weirctl agent-upgrade node1-V3 -I deepflow-agent\n" },
	{ "agent-group", "list", "[GROUP]", FOR_SITE, ctl_group_list, "groups of agents",
	  group_text,
	  "weirctl agent-group list\n"
	  "weirctl agent-group list | grep macvlan\n" },
	{ "agent-group", "create", "NAME", FOR_SITE | FOR_ID, ctl_group_create, "a new group", NULL,
	  "weirctl agent-group create macvlan\n"
	  "weirctl agent-group create edge --id g-edge000001\n" },
	{ "agent-group", "update", "GROUP NEW_NAME", FOR_SITE, ctl_group_update,
	  "give a group another name", group_text,
	  "weirctl agent-group update macvlan macvlan-nodes\n" },
	{ "agent-group", "delete", "GROUP", FOR_SITE, ctl_group_delete,
	  "its agents go to default, its configuration is gone", group_text,
	  "weirctl agent-group delete macvlan\n" },
	{ "agent-group-config", "list", "[GROUP]", FOR_SITE, ctl_group_config_list,
	  "groups that have a configuration; of one with -o yaml: as it was given", group_text,
	  "weirctl agent-group-config list\n"
	  "weirctl agent-group-config list macvlan -o yaml\n" },
	{ "agent-group-config", "create", "[GROUP]", FOR_SITE | FOR_INPUT | FOR_STAGED,
	  ctl_group_config_create, "the first configuration of a group", config_create_text,
	  "weirctl agent-group-config create macvlan\n"
	  "weirctl agent-group-config create macvlan -f group.yaml\n"
	  "weirctl agent-group-config create -f macvlan-agent-group-config.yaml\n" },
	{ "agent-group-config", "update", "[GROUP]", FOR_SITE | FOR_INPUT | FOR_STAGED,
	  ctl_group_config_update, "another configuration in place of the one it has",
	  config_create_text,
	  "weirctl agent-group-config update macvlan -f group.yaml\n"
	  "weirctl agent-group-config update macvlan -f group.yaml --canary 2 --comment 'mirror mode'\n"
	  "weirctl agent-group-config update -f macvlan-agent-group-config.yaml\n" },
	{ "agent-group-config", "history", "GROUP", FOR_SITE, ctl_group_config_history,
	  "its versions, newest first", group_text,
	  "weirctl agent-group-config history macvlan\n" },
	{ "agent-group-config", "rollback", "GROUP [VERSION]", FOR_SITE, ctl_group_config_rollback,
	  "the text of an earlier version (the one before) becomes a new one", group_text,
	  "weirctl agent-group-config rollback macvlan\n"
	  "weirctl agent-group-config rollback macvlan 1\n" },
	{ "agent-group-config", "promote", "GROUP", FOR_SITE, ctl_group_config_promote,
	  "what --canary put in force on some agents, on all", group_text,
	  "weirctl agent-group-config promote macvlan\n" },
	{ "agent-group-config", "abort", "GROUP", FOR_SITE, ctl_group_config_abort,
	  "what --canary put in force on some agents, on none", group_text,
	  "weirctl agent-group-config abort macvlan\n" },
	{ "agent-group-config", "delete", "GROUP", FOR_SITE, ctl_group_config_delete,
	  "defaults hold for the group again", group_text,
	  "weirctl agent-group-config delete macvlan\n" },
	{ "agent-group-config", "example", NULL, FOR_SITE, ctl_group_config_example,
	  "every setting with its meaning, as comments", NULL,
	  "weirctl agent-group-config example\n" },
	{ "domain", "list", "[NAME]", FOR_SITE, ctl_domain_list, "clouds and clusters", NULL,
	  "weirctl domain list\n"
	  "weirctl domain list kubernetes -o json\n" },
	{ "domain", "create", NULL, FOR_SITE | FOR_INPUT, ctl_domain_create, "a new one, of a file",
	  NULL, "weirctl domain create -f domain.yaml\n" },
	{ "domain", "update", "NAME", FOR_SITE | FOR_INPUT, ctl_domain_update,
	  "what a file says of it", NULL, "weirctl domain update kubernetes -f domain.yaml\n" },
	{ "domain", "delete", "NAME", FOR_SITE, ctl_domain_delete, "and what was learned from it",
	  NULL, "weirctl domain delete kubernetes\n" },
	{ "domain", "example", "TYPE", FOR_SITE, ctl_domain_example,
	  "a file for domain create: kubernetes, agent_sync", NULL,
	  "weirctl domain example kubernetes >domain.yaml\n" },
	{ "repo", "agent list", NULL, FOR_SITE, ctl_repo_list, "images that agents can become",
	  NULL, "weirctl repo agent list\n" },
	{ "repo", "agent create", NULL, FOR_SITE | FOR_REPO, ctl_repo_create, "a new image", NULL,
	  "weirctl repo agent create --arch x86_64 --image deepflow-agent\n" },
	{ "repo", "agent delete", "IMAGE", FOR_SITE, ctl_repo_delete,
	  "an image is not needed any more", NULL, "weirctl repo agent delete deepflow-agent\n" },
	{ "vpc", "list", NULL, FOR_SITE, ctl_vpc_list, "networks that addresses are of", NULL,
	  "weirctl vpc list\n" },
	{ "vpc", "create", "NAME", FOR_SITE, ctl_vpc_create, "a new one", NULL,
	  "weirctl vpc create tenant-a\n" },
	{ "vpc", "delete", "NAME", FOR_SITE, ctl_vpc_delete, "one that nothing is of any more",
	  NULL, "weirctl vpc delete tenant-a\n" },
	{ "network-type", "list", NULL, FOR_SITE, ctl_network_type_list,
	  "which VLAN of a mirror is which network", NULL, "weirctl network-type list\n" },
	{ "network-type", "set", NULL, FOR_SITE | FOR_INPUT, ctl_network_type_set,
	  "all of them, of a file", network_type_text,
	  "weirctl network-type set -f networks.yaml\n" },
	{ "token", "list", NULL, FOR_SITE, ctl_token_list, "who may ask a controller, and for what",
	  NULL, "weirctl token list\n" },
	{ "token", "create", "NAME", FOR_SITE | FOR_TOKEN, ctl_token_create,
	  "a new one: its secret is shown this once", token_text,
	  "weirctl token create boss --role admin\n"
	  "weirctl token create grafana\n"
	  "weirctl token create deploy --role operate --expires 90d\n" },
	{ "token", "delete", "NAME", FOR_SITE, ctl_token_delete, "it counts no more", NULL,
	  "weirctl token delete grafana\n" },
	{ "audit", "list", NULL, FOR_SITE | FOR_LIMIT, ctl_audit_list,
	  "who changed what, newest first", NULL, "weirctl audit list --limit 20\n" },
	{ "controller", "status", NULL, FOR_SITE, ctl_controller_status, "how a controller does",
	  NULL, "weirctl controller status\n" },
	{ "backup", NULL, "FILE", FOR_SITE, ctl_backup, "all that a controller knows, in one file",
	  backup_text, "weirctl backup controller.backup\n" },
	{ "completion", "bash", NULL, 0, ctl_completion_bash,
	  "a script that completes command lines of weirctl", NULL,
	  "source <(weirctl completion bash)\n" },
};

const size_t ctl_n_commands = WEIR_ARRAY_SIZE(ctl_commands);
