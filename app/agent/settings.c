/* SPDX-License-Identifier: Apache-2.0 */
/* From the two configurations to what the pipe reads. */
#include "agent.h"

#include <errno.h>
#include <unistd.h>

/* A mirror of a gateway sees a packet before and behind it, with other MAC addresses. */
static bool is_gateway(const struct weir_group_conf *g)
{
	return g->inputs.cbpf.physical_mirror.private_cloud_gateway_traffic &&
	       g->inputs.cbpf.common.capture_mode != WEIR_CAPTURE_LOCAL;
}

static void from_group(struct weir_settings *s, const struct weir_group_conf *g)
{
	s->decode.decap = (uint32_t)(g->inputs.cbpf.preprocess.tunnel_decap_protocols |
				     g->inputs.cbpf.preprocess.tunnel_trim_protocols);
	s->decode.trim = (uint32_t)g->inputs.cbpf.preprocess.tunnel_trim_protocols;
	s->decode.max_tunnels = 6;
	s->flow.established_ns = g->processors.flow_log.conntrack.timeouts.established;
	s->flow.closing_rst_ns = g->processors.flow_log.conntrack.timeouts.closing_rst;
	s->flow.opening_rst_ns = g->processors.flow_log.conntrack.timeouts.opening_rst;
	s->flow.others_ns = g->processors.flow_log.conntrack.timeouts.others;
	s->flow.delay_ns = g->processors.flow_log.time_window.max_tolerable_packet_delay;
	s->flow.ignore_mac =
		g->processors.flow_log.conntrack.flow_generation.cloud_traffic_ignore_mac ||
		is_gateway(g);
	s->flow.ignore_l2_end = g->processors.flow_log.conntrack.flow_generation.ignore_l2_end;
	s->flow.ignore_idc_vlan =
		g->processors.flow_log.conntrack.flow_generation.idc_traffic_ignore_vlan;
	s->flow.server_ports = g->processors.flow_log.conntrack.flow_generation.server_ports;
	s->attribute.default_type =
		(uint16_t)g->inputs.cbpf.physical_mirror.default_capture_network_type;
	s->attribute.pcp = (uint8_t)g->inputs.cbpf.af_packet.vlan_pcp_in_physical_mirror_traffic;
	s->dedup_enabled = !g->inputs.cbpf.physical_mirror.packet_dedup_disabled;
	s->snaplen = g->inputs.cbpf.tunning.max_capture_packet_size;
	if (s->snaplen == UINT16_MAX) /* all: some are longer */
		s->snaplen = 0;
	s->max_pps = g->inputs.cbpf.tunning.max_capture_pps;
}

static void from_box(struct weir_settings *s, const struct weir_box_conf *b)
{
	s->dedup.window_ns = b->dedup.window_ms * WEIR_NS_PER_MS;
	for (uint32_t i = 0; i < b->vlan_map_n; i++)
		s->attribute.vlan_map[b->vlan_map[i].vlan] = (uint16_t)b->vlan_map[i].type;
}

void agent_log_set(const struct weir_box_conf *b)
{
	const int rc = weir_log_format_set((enum weir_log_format)b->log.format);

	if (rc < 0)
		weir_log(WEIR_LOG_WARN, "log.format: no journal: %s; it is text on standard error",
			 strerror(-rc));
}

enum weir_log_level agent_log_level(const struct agent_conf *c)
{
	if (weir_box_conf_line(&c->box, &c->box.log.level) != 0)
		return (enum weir_log_level)c->box.log.level;
	return (enum weir_log_level)c->group.global.self_monitoring.log.log_level;
}

/* What attribution and dedup do in the modes that are no analyzer's. Spec: data plane 1.1. */
void agent_conf_mode(struct agent_conf *c)
{
	const uint32_t mode = c->group.inputs.cbpf.common.capture_mode;
	struct weir_settings *s = &c->settings;

	if (mode == WEIR_CAPTURE_ANALYZER)
		return;
	memset(s->attribute.vlan_map, 0, sizeof(s->attribute.vlan_map));
	memset(s->attribute.tap_type, 0, sizeof(s->attribute.tap_type));
	s->attribute.default_type = WEIR_NETWORK_TYPE_CLOUD;
	s->dedup_enabled = s->dedup_enabled && mode == WEIR_CAPTURE_MIRROR;
}

void agent_conf_live(struct agent_conf *c)
{
	c->settings.flows = weir_conf_flows(&c->box, &c->group,
					    c->group.inputs.cbpf.common.capture_mode);
	for (uint32_t i = 0; i < c->box.taps_n; i++)
		c->settings.attribute.tap_type[i + 1] = (uint16_t)c->box.taps[i].network_type;
	agent_conf_mode(c);
}

void agent_record_filter(struct weir_record_filter *to, const struct weir_group_conf *g)
{
	const struct weir_conf_ints *types = &g->outputs.flow_log.filters.l4_capture_network_types;

	*to = (struct weir_record_filter){
		.ignored_points = g->outputs.flow_log.filters.l4_ignored_observation_points
	};
	for (uint32_t i = 0; i < types->n; i++) {
		to->every_type |= types->v[i] == 0;
		if (types->v[i] > 0)
			to->types[types->v[i] / 64] |= UINT64_C(1) << types->v[i] % 64;
	}
}

static int group_read(struct agent_conf *c, const struct agent_group_text *group,
		      struct weir_err_list *errs)
{
	if (group->path != NULL)
		return weir_group_conf_load(group->path, &c->group, errs);
	if (group->text != NULL && group->newer)
		return weir_group_conf_take(group->text, group->len, group->name, &c->group, errs);
	if (group->text != NULL)
		return weir_group_conf_parse(group->text, group->len, group->name, &c->group, errs);
	return weir_group_conf_profile(&c->group);
}

/* The box is there, or has mistakes: `box`. */
static int add_group(struct agent_conf *c, int box, const struct agent_group_text *group,
		     struct weir_err_list *errs)
{
	int rc = group_read(c, group, errs);

	if (box == 0 && rc == 0 && (group->path != NULL || group->text != NULL))
		rc = weir_conf_pair_check(&c->box, &c->group,
					  group->path != NULL ? group->path : group->name, errs);
	if (box < 0 || rc < 0) {
		agent_conf_free(c);
		return box != -ENOMEM && rc != -ENOMEM ? -EINVAL : -ENOMEM;
	}
	from_group(&c->settings, &c->group);
	from_box(&c->settings, &c->box);
	return 0;
}

int agent_conf_read(struct agent_conf *c, const char *box_path,
		    const struct agent_group_text *group, struct weir_err_list *errs)
{
	int box;

	memset(c, 0, sizeof(*c));
	if (box_path == NULL && access(BOX_PATH, F_OK) == 0)
		box_path = BOX_PATH;
	c->box_path = box_path;
	box = box_path != NULL ? weir_box_conf_load(box_path, &c->box, errs)
			       : weir_box_conf_defaults(&c->box);
	return add_group(c, box, group, errs);
}

int agent_conf_regroup(struct agent_conf *c, const struct agent_conf *of,
		       const struct agent_group_text *group, struct weir_err_list *errs)
{
	memset(c, 0, sizeof(*c));
	c->box_path = of->box_path;
	c->box = of->box;
	c->box_of = of->box_of != NULL ? of->box_of : of;
	return add_group(c, 0, group, errs);
}

int agent_conf_load(struct agent_conf *c, const char *box_path, const char *group_path)
{
	static struct weir_err_list errs; /* large; commands load once */
	const struct agent_group_text group = { .path = group_path };
	const int rc = agent_conf_read(c, box_path, &group, &errs);

	weir_err_list_print(&errs, stderr);
	if (rc == -EINVAL)
		return WEIR_EXIT_CONFIG;
	if (rc < 0) {
		weir_log(WEIR_LOG_ERR, "no memory for the configurations");
		return WEIR_EXIT_FAILED;
	}
	weir_log_level_set(agent_log_level(c));
	agent_log_set(&c->box);
	return 0;
}

bool agent_dedup_is_asked_for(const struct agent_conf *c)
{
	const bool *disabled = &c->group.inputs.cbpf.physical_mirror.packet_dedup_disabled;

	return !*disabled && weir_group_conf_from(&c->group, disabled) == WEIR_CONF_FILE;
}

void agent_conf_free(struct agent_conf *c)
{
	weir_group_conf_free(&c->group);
	if (c->box_of == NULL)
		weir_box_conf_free(&c->box);
}

struct weir_pipe_options agent_pipe_options(const struct agent_conf *c, unsigned int workers,
					    uint32_t flows)
{
	const uint32_t all = flows != 0
				     ? flows
				     : weir_conf_flows(&c->box, &c->group, WEIR_CAPTURE_ANALYZER);
	const uint32_t each = (all + workers - 1) / workers;

	return (struct weir_pipe_options){
		.workers = workers,
		.budget = { .flows = each,
			    .ext_blocks = (uint32_t)((uint64_t)each * c->box.flow.extension_share /
						     100) +
					  64 },
		.settings = &c->settings,
		.record_slots = c->box.rings.records,
		.input_bursts = c->box.rings.input_bursts,
		.cpus = c->box.cores.worker_cpus.n >= workers ? c->box.cores.worker_cpus.v : NULL,
	};
}

int agent_run_source(struct weir_pipe *p, struct weir_source *src, const atomic_bool *stop,
		     struct weir_err *err)
{
	const struct weir_pipe_port port = { .source = src };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	const struct weir_pipe_taps taps = { .taps = &tap, .n = 1 };

	return weir_pipe_run(p, &taps, stop, err);
}
