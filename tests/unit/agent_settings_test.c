/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group configuration changes while a lossless source runs. What the records have to be then is known from
 * other runs: the packets before the change by themselves, with the old settings, and those after it with the new.
 */
#include "agent.h"
#include "weir_test.h"

#include <weir_source_pcap.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define DATA    WEIR_SOURCE_ROOT "/tests/data/"
#define RECORDS 16384

/* A key that has an effect, and a value that is not the one it has without a file. */
static const struct {
	const char *path, *value;
} keys[] = {
	{ "global.limits.max_millicpus", "2000" },
	{ "global.limits.max_memory", "1024" },
	{ "global.limits.max_sockets", "100" },
	{ "global.limits.max_sockets_tolerate_interval", "1s" },
	{ "global.alerts.thread_threshold", "400" },
	{ "global.alerts.process_threshold", "5" },
	{ "global.alerts.check_core_file_disabled", "true" },
	{ "global.circuit_breakers.sys_memory_percentage.trigger_threshold", "10" },
	{ "global.circuit_breakers.sys_memory_percentage.metric", "available" },
	{ "global.circuit_breakers.relative_sys_load.trigger_threshold", "2" },
	{ "global.circuit_breakers.relative_sys_load.recovery_threshold", "0.5" },
	{ "global.circuit_breakers.relative_sys_load.metric", "load1" },
	{ "global.circuit_breakers.free_disk.percentage_trigger_threshold", "1" },
	{ "global.circuit_breakers.free_disk.absolute_trigger_threshold", "1" },
	{ "global.circuit_breakers.free_disk.directories", "[/var]" },
	{ "global.tunning.cpu_affinity", "[0]" },
	{ "global.tunning.process_scheduling_priority", "5" },
	{ "global.tunning.idle_memory_trimming", "false" },
	{ "global.tunning.resource_monitoring_interval", "1s" },
	{ "global.tunning.swap_disabled", "true" },
	{ "global.ntp.enabled", "true" },
	{ "global.ntp.max_drift", "200s" },
	{ "global.ntp.min_drift", "20s" },
	{ "global.communication.grpc_buffer_size", "6" },
	{ "global.communication.proactive_request_interval", "30s" },
	{ "global.communication.max_escape_duration", "700s" },
	{ "global.communication.proxy_controller_ip", "192.0.2.1" },
	{ "global.communication.proxy_controller_port", "30036" },
	{ "global.self_monitoring.log.log_level", "WARN" },
	{ "inputs.resources.push_interval", "20s" },
	{ "inputs.cbpf.common.capture_mode", "mirror" },
	{ "inputs.cbpf.af_packet.vlan_pcp_in_physical_mirror_traffic", "8" },
	{ "inputs.cbpf.af_packet.extra_bpf_filter", "udp" },
	{ "inputs.cbpf.af_packet.tunning.interface_promisc_enabled", "true" },
	{ "inputs.cbpf.tunning.max_capture_packet_size", "128" },
	{ "inputs.cbpf.tunning.max_capture_pps", "1" },
	{ "inputs.cbpf.preprocess.tunnel_decap_protocols", "[VXLAN, GENEVE]" },
	{ "inputs.cbpf.preprocess.tunnel_trim_protocols", "[VXLAN]" },
	{ "inputs.cbpf.physical_mirror.default_capture_network_type", "7" },
	{ "inputs.cbpf.physical_mirror.packet_dedup_disabled", "true" },
	{ "inputs.cbpf.physical_mirror.private_cloud_gateway_traffic", "true" },
	{ "processors.flow_log.time_window.max_tolerable_packet_delay", "9s" },
	{ "processors.flow_log.conntrack.flow_generation.server_ports", "[1024-65535]" },
	{ "processors.flow_log.conntrack.flow_generation.cloud_traffic_ignore_mac", "true" },
	{ "processors.flow_log.conntrack.flow_generation.ignore_l2_end", "true" },
	{ "processors.flow_log.conntrack.flow_generation.idc_traffic_ignore_vlan", "true" },
	{ "processors.flow_log.conntrack.timeouts.established", "1s" },
	{ "processors.flow_log.conntrack.timeouts.closing_rst", "1s" },
	{ "processors.flow_log.conntrack.timeouts.opening_rst", "9s" },
	{ "processors.flow_log.conntrack.timeouts.others", "1s" },
	{ "processors.flow_log.tunning.concurrent_flow_limit", "70000" },
	{ "outputs.flow_log.filters.l4_capture_network_types", "[3]" },
	{ "outputs.flow_log.filters.l4_ignored_observation_points", "[rest]" },
	{ "outputs.flow_log.throttles.l4_throttle", "100" },
};

/* Packets `from` to `to` of captures; before packet `hold` it waits until it is let go. */
struct part {
	struct weir_source src;
	struct weir_source *inner;
	uint64_t from, to, hold, at;
	atomic_bool held, let_go;
};

static bool is_held(struct part *p)
{
	if (p->at != p->hold || atomic_load(&p->let_go))
		return false;
	atomic_store(&p->held, true);
	return true;
}

static uint16_t part_rx(struct weir_source *src, uint16_t queue, struct weir_frame *frames,
			uint16_t max)
{
	struct part *p = (struct part *)src;
	uint64_t room = p->to - p->at;
	uint16_t n;

	if (p->at < p->from)
		room = p->from - p->at;
	else if (p->at < p->hold)
		room = weir_min_u64(room, p->hold - p->at);
	if (is_held(p))
		return 0;
	n = room > 0 ? p->inner->ops->rx(p->inner, queue, frames, (uint16_t)weir_min_u64(max, room))
		     : 0;
	p->at += n;
	if (n == 0 && (room == 0 || atomic_load(&p->inner->ended)))
		atomic_store_explicit(&src->ended, true, memory_order_release);
	if (n == 0 || p->at > p->from)
		return n;
	p->inner->ops->done(p->inner, frames, n);
	return 0;
}

static void part_done(struct weir_source *src, const struct weir_frame *frames, uint16_t n)
{
	const struct part *p = (struct part *)src;

	p->inner->ops->done(p->inner, frames, n);
}

static const struct weir_source_ops part_ops = { .name = "part", .rx = part_rx, .done = part_done };

static void part_init(struct part *p, uint64_t from, uint64_t to, uint64_t hold)
{
	static const char *const paths[] = { DATA "quickstart.pcap", DATA "vxlan.pcap",
					     DATA "gre.pcap", DATA "geneve.pcap",
					     DATA "erspan2.pcap" };
	const struct weir_pcap_options o = { .paths = paths,
					     .n_paths = WEIR_ARRAY_SIZE(paths),
					     .loop = 1 };
	struct weir_err err = { 0 };

	*p = (struct part){
		.src = { .ops = &part_ops, .label = "part", .queues = 1, .lossless = true },
		.inner = weir_source_pcap_create(&o, &err),
		.from = from,
		.to = to,
		.hold = hold
	};
	CU_ASSERT_PTR_NOT_NULL_FATAL(p->inner);
	CU_ASSERT_EQUAL_FATAL(p->inner->ops->open(p->inner, &err), 0);
	CU_ASSERT_EQUAL_FATAL(p->inner->ops->start(p->inner, &err), 0);
}

static void part_fini(struct part *p)
{
	p->inner->ops->stop(p->inner);
	p->inner->ops->close(p->inner);
}

/* What came of a run. */
struct result {
	struct weir_flow_rec rec[RECORDS];
	unsigned int n;
	struct weir_accounting acc;
};

static void records_take(struct weir_pipe *p, unsigned int workers, struct result *to)
{
	void *slot;
	uint32_t k;

	for (unsigned int i = 0; i < workers; i++) {
		struct weir_ring *r = weir_pipe_records(p)[i];

		while ((k = weir_ring_peek(r, &slot, 64)) > 0) {
			CU_ASSERT_FATAL(to->n + k <= RECORDS);
			memcpy(&to->rec[to->n], slot, k * sizeof(to->rec[0]));
			to->n += k;
			weir_ring_pop(r, k);
		}
	}
	qsort(to->rec, to->n, sizeof(to->rec[0]), weir_flow_rec_compare);
}

static struct weir_pipe *pipe_make(const struct agent_conf *c, unsigned int workers)
{
	struct weir_pipe_options o = agent_pipe_options(c, workers, 100000);
	struct weir_err err = { 0 };
	struct weir_pipe *p;

	o.lossless = true;
	o.record_slots = RECORDS;
	p = weir_pipe_create(&o, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	return p;
}

struct running {
	struct weir_pipe *pipe;
	struct part *part;
};

static void *run(void *arg)
{
	static const atomic_bool never;
	const struct running *r = arg;
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL(agent_run_source(r->pipe, &r->part->src, &never, &err), 0);
	return NULL;
}

/* "a: {b: {c: v}}" */
static size_t key_print(char *text, size_t size, const char *path, const char *value)
{
	unsigned int depth = 0;
	size_t n = 0;

	for (const char *p = path; *p != '\0'; p++) {
		n += (size_t)snprintf(text + n, size - n, *p == '.' ? ": {" : "%c", *p);
		depth += *p == '.';
	}
	n += (size_t)snprintf(text + n, size - n, ": %s", value);
	while (depth-- > 0)
		text[n++] = '}';
	return n;
}

/* An analyzer with this key (NULL = none), unless that is what it says. */
static void conf_make(struct agent_conf *c, const char *path, const char *value)
{
	static struct weir_err_list errs;
	char text[400] = "";
	struct agent_group_text group = { .text = text, .name = "g.yaml" };

	if (path == NULL || strstr(path, "capture_mode") == NULL)
		group.len = (size_t)snprintf(text, sizeof(text), "tap_mode: 2\n");
	if (path != NULL)
		group.len += key_print(text + group.len, sizeof(text) - group.len, path, value);
	memset(&errs, 0, sizeof(errs));
	if (agent_conf_read(c, "/dev/null", &group, &errs) != 0) {
		weir_err_list_print(&errs, stderr);
		CU_FAIL_FATAL("a configuration of the test is refused");
	}
	agent_conf_live(c);
}

/* Packets `from` to `to`, all with these settings. */
static void run_part(const struct agent_conf *c, unsigned int workers, uint64_t from, uint64_t to,
		     struct result *out)
{
	struct weir_pipe *p = pipe_make(c, workers);
	struct part part;
	struct running r = { p, &part };

	part_init(&part, from, to, UINT64_MAX);
	run(&r);
	weir_pipe_accounting(p, &out->acc);
	records_take(p, workers, out);
	part_fini(&part);
	weir_pipe_destroy(p);
}

/* All packets; after `cut` of them the settings are `b`'s. */
static void run_changed(const struct agent_conf *a, const struct agent_conf *b,
			unsigned int workers, uint64_t cut, bool ends_flows, struct result *out)
{
	struct weir_pipe *p = pipe_make(a, workers);
	struct part part;
	struct running r = { p, &part };
	pthread_t thread;

	part_init(&part, 0, UINT64_MAX, cut);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, &r), 0);
	while (!atomic_load(&part.held))
		usleep(100);
	CU_ASSERT_EQUAL(weir_pipe_settings_set(p, &b->settings, ends_flows), 0);
	atomic_store(&part.let_go, true);
	pthread_join(thread, NULL);
	weir_pipe_accounting(p, &out->acc);
	records_take(p, workers, out);
	part_fini(&part);
	weir_pipe_destroy(p);
}

static uint64_t packets_of(const struct result *r)
{
	uint64_t packets = 0;

	for (unsigned int i = 0; i < r->n; i++)
		packets += r->rec[i].packet[0] + r->rec[i].packet[1];
	return packets;
}

static void check_conserved(const struct result *r)
{
	uint64_t all = 0;

	for (int i = 0; i < WEIR_OUTCOMES; i++)
		all += r->acc.outcomes[i];
	CU_ASSERT_EQUAL(r->acc.received, all);
	CU_ASSERT_EQUAL(packets_of(r), r->acc.outcomes[WEIR_OUTCOME_FLOW]);
}

/* A flow that the change ended says so; run by itself it ended with its packets. All else is the same. */
static void check_same(struct result *changed, const struct result *expected, const char *key)
{
	unsigned int differ = 0;

	CU_ASSERT_EQUAL(changed->n, expected->n);
	for (unsigned int i = 0; i < changed->n && i < expected->n; i++) {
		struct weir_flow_rec *rec = &changed->rec[i];

		if (rec->flags & WEIR_REC_EPOCH) {
			CU_ASSERT_EQUAL(rec->close_type, WEIR_CLOSE_FORCED_REPORT);
			rec->close_type = expected->rec[i].close_type;
			rec->flags = expected->rec[i].flags;
		}
		differ += memcmp(rec, &expected->rec[i], sizeof(*rec)) != 0;
	}
	if (differ > 0 || changed->n != expected->n)
		fprintf(stderr, "\n%s: %u records, %u expected, %u differ\n", key, changed->n,
			expected->n, differ);
	CU_ASSERT_EQUAL(differ, 0);
	for (int i = 0; i < WEIR_OUTCOMES; i++)
		CU_ASSERT_EQUAL(changed->acc.outcomes[i], expected->acc.outcomes[i]);
}

static struct result changed, expected, after;

/*
 * Packets before the change: in the middle of plain connections, and of those in tunnels, of which each packet comes
 * four times at once; not between these: that it has seen a packet is not forgotten with a change.
 */
static const uint64_t cuts[] = { 120, 331 };

static void check_key(const char *path, const char *value, unsigned int workers, uint64_t cut)
{
	struct agent_conf *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));

	CU_ASSERT_FATAL(a != NULL && b != NULL);
	changed.n = expected.n = after.n = 0;
	conf_make(a, NULL, NULL);
	conf_make(b, path, value);
	run_changed(a, b, workers, cut, true, &changed);
	check_conserved(&changed);
	run_part(a, workers, 0, cut, &expected);
	run_part(b, workers, cut, UINT64_MAX, &after);
	memcpy(&expected.rec[expected.n], after.rec, after.n * sizeof(after.rec[0]));
	expected.n += after.n;
	qsort(expected.rec, expected.n, sizeof(expected.rec[0]), weir_flow_rec_compare);
	weir_accounting_add(&expected.acc, &after.acc);
	check_same(&changed, &expected, path);
	agent_conf_free(a);
	agent_conf_free(b);
	free(a);
	free(b);
}

static void test_a_change_of_any_key_is_as_if_the_capture_were_cut_there(void)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(keys); i++)
		for (size_t k = 0; k < WEIR_ARRAY_SIZE(cuts); k++) {
			check_key(keys[i].path, keys[i].value, 1, cuts[k]);
			check_key(keys[i].path, keys[i].value, 3, cuts[k]);
		}
}

/* Flows that the change does not touch are those of a run with the old settings, or with the new, from end to end. */
static bool is_in(const struct weir_flow_rec *rec, const struct result *whole)
{
	for (unsigned int i = 0; i < whole->n; i++)
		if (memcmp(rec, &whole->rec[i], sizeof(*rec)) == 0)
			return true;
	return false;
}

static void check_live(const char *path, const char *value, unsigned int workers, uint64_t cut)
{
	struct agent_conf *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));

	CU_ASSERT_FATAL(a != NULL && b != NULL);
	changed.n = expected.n = after.n = 0;
	conf_make(a, NULL, NULL);
	conf_make(b, path, value);
	run_changed(a, b, workers, cut, false, &changed);
	check_conserved(&changed);
	run_part(a, workers, 0, UINT64_MAX, &expected);
	run_part(b, workers, 0, UINT64_MAX, &after);
	for (unsigned int i = 0; i < changed.n; i++) {
		CU_ASSERT_EQUAL(changed.rec[i].flags & WEIR_REC_EPOCH, 0);
		CU_ASSERT(is_in(&changed.rec[i], &expected) || is_in(&changed.rec[i], &after));
	}
	agent_conf_free(a);
	agent_conf_free(b);
	free(a);
	free(b);
}

static const struct weir_conf_row *row_of(const char *path)
{
	for (uint32_t i = 0; i < weir_group_table.n; i++)
		if (strcmp(weir_group_table.rows[i].path, path) == 0)
			return &weir_group_table.rows[i];
	CU_FAIL_FATAL("no such key");
	return NULL;
}

static void test_a_live_key_s_change_ends_no_flow(void)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(keys); i++)
		for (size_t k = 0; k < WEIR_ARRAY_SIZE(cuts); k++)
			if (row_of(keys[i].path)->cls == WEIR_CONF_LIVE) {
				check_live(keys[i].path, keys[i].value, 1, cuts[k]);
				check_live(keys[i].path, keys[i].value, 3, cuts[k]);
			}
}

/* How many there are of each is for who reads the test's output. */
static void test_every_key_with_an_effect_is_tried_here_and_none_needs_a_restart(void)
{
	static const char *const effects[] = { "live",    "live, ends flows",  "reopen",
					       "rebuild", "by the controller", "no effect yet" };
	unsigned int n[WEIR_ARRAY_SIZE(effects)] = { 0 };

	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		const struct weir_conf_row *row = &weir_group_table.rows[i];
		const char *effect = weir_conf_effect_text(row);
		bool tried = !(row->flags & WEIR_CONF_USED) || row->cls == WEIR_CONF_REOPEN;
		size_t e = 0;

		for (size_t k = 0; k < WEIR_ARRAY_SIZE(keys); k++)
			tried |= strcmp(keys[k].path, row->path) == 0;
		if (!tried)
			fprintf(stderr, "\n%s: is not in the test's table\n", row->path);
		CU_ASSERT(tried);
		while (e < WEIR_ARRAY_SIZE(effects) && strcmp(effects[e], effect) != 0)
			e++;
		CU_ASSERT_FATAL(e < WEIR_ARRAY_SIZE(effects));
		n[e]++;
	}
	for (size_t e = 0; e < WEIR_ARRAY_SIZE(effects); e++)
		fprintf(stderr, "%s%u %s", e > 0 ? ", " : "\nkeys: ", n[e], effects[e]);
	fputs("\n", stderr);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a change of any key is as if the capture were cut there",
		  test_a_change_of_any_key_is_as_if_the_capture_were_cut_there },
		{ "a live key's change ends no flow", test_a_live_key_s_change_ends_no_flow },
		{ "every key with an effect is tried here, and none needs a restart",
		  test_every_key_with_an_effect_is_tried_here_and_none_needs_a_restart },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("agent/settings", tests);
}
