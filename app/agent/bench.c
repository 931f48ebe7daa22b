/* SPDX-License-Identifier: Apache-2.0 */
/* weir-agent bench: synthetic load, or a DPDK device, through the pipeline that live packets take. */
#include "agent.h"

#include <weir_source_ethdev.h>
#include <weir_source_load.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	OPT_PORT,
	OPT_FLOWS,
	OPT_SIZE,
	OPT_WORKERS,
	OPT_SECONDS,
	OPT_WARM_UP,
	OPT_TRAFFIC,
	OPT_RECORDS,
	OPT_CONFIG,
	OPT_OUTPUT,
};

static const struct option_row rows[] = {
	[OPT_PORT] = { "port", 0, "DEVICE", "packets from this DPDK device instead of memory" },
	[OPT_FLOWS] = { "flows", 0, "N", "flows at the same time (100000)" },
	[OPT_SIZE] = { "size", 0, "BYTES", "size of data packets with FCS, or imix (imix)" },
	[OPT_WORKERS] = { "workers", 'w', "N", "threads that process packets (1)" },
	[OPT_SECONDS] = { "seconds", 0, "S", "how long (5)" },
	[OPT_WARM_UP] = { "warm-up", 0, "S",
			  "seconds before those that count, to open the flows (0)" },
	[OPT_TRAFFIC] = { "traffic", 0, "KIND",
			  "tcp, udp, synflood, vxlan, erspan or mixed (tcp);\nhttp and dns are not there yet" },
	[OPT_RECORDS] = { "records", 0, "DIR",
			  "write binary records (records are made and dropped)" },
	[OPT_CONFIG] = { "config", 'c', "FILE", "box configuration (" BOX_PATH ", if there)" },
	[OPT_OUTPUT] = { "output", 'o', "FORMAT",
			 "json: the figures as one JSON object, as the last line" },
};

static const struct option_table table = {
	.command = "weir-agent bench",
	.synopsis = "",
	.purpose =
		"Measure the pipeline on this machine. Cycles are a worker's, making the load excluded.",
	.rows = rows,
	.n = WEIR_ARRAY_SIZE(rows),
};

/* What has been done so far. */
struct so_far {
	uint64_t ns, received, bytes;
	uint64_t cycles, packets; /* of workers */
};

struct bench {
	const char *port, *config, *records;
	const char *traffic_name;
	uint64_t flows, size, workers, seconds, warm_up;
	int traffic;
	bool json;
	struct agent_conf conf;
	struct weir_pipe *pipe;
	struct weir_collector *collector;
	struct weir_source *src;
	atomic_bool stop;
	struct weir_accounting acc;
	struct weir_flow_counters flow;
	struct weir_outlet_stats sink;
	uint64_t missed; /* by the port; 0 where it does not tell */
	bool missed_known;
	struct so_far begin, end; /* of what counts */
};

static bool take(struct bench *b, int row, const char *arg)
{
	struct weir_err err = { 0 };

	switch (row) {
	case OPT_PORT:
		b->port = arg;
		return true;
	case OPT_FLOWS:
		return option_number(&table, row, arg, 1, 1u << 25, &b->flows);
	case OPT_SIZE:
		b->size = 0;
		return strcmp(arg, "imix") == 0 ||
		       option_number(&table, row, arg, 64, WEIR_LOAD_SIZE_MAX, &b->size);
	case OPT_WORKERS:
		return option_number(&table, row, arg, 1, WEIR_PIPE_WORKERS_MAX, &b->workers);
	case OPT_SECONDS:
		return option_number(&table, row, arg, 1, 86400, &b->seconds);
	case OPT_WARM_UP:
		return option_number(&table, row, arg, 0, 86400, &b->warm_up);
	case OPT_TRAFFIC:
		b->traffic_name = arg;
		b->traffic = weir_load_traffic_parse(arg, &err);
		if (b->traffic < 0)
			option_mistake(&table, "%s", err.msg);
		return b->traffic >= 0;
	case OPT_RECORDS:
		b->records = arg;
		return true;
	case OPT_CONFIG:
		b->config = arg;
		return true;
	default:
		b->json = strcmp(arg, "json") == 0;
		if (!b->json)
			option_mistake(&table, "--output %s: json is the only other form", arg);
		return b->json;
	}
}

static int parse(struct bench *b, int argc, char **argv, bool *help)
{
	const char *arg;
	int row, operand;

	while ((row = options_next(&table, argc, argv, &arg, &operand)) >= 0)
		if (!take(b, row, arg))
			return WEIR_EXIT_USAGE;
	*help = row == OPTION_HELP;
	if (row == OPTION_BAD)
		return WEIR_EXIT_USAGE;
	if (!*help && operand < argc)
		return option_mistake(&table, "%s: no operand is expected", argv[operand]);
	return 0;
}

static struct weir_source *make_source(const struct bench *b, struct weir_err *err)
{
	const struct weir_ethdev_options dev = {
		.device = b->port, .queues = 1, .numa = -1, .promiscuous = true
	};
	const struct weir_load_options load = {
		.traffic = (enum weir_load_traffic)b->traffic,
		.flows = (uint32_t)b->flows,
		.size = (uint32_t)b->size,
		.queues = (uint16_t)b->workers,
		.seed = 1,
		.seconds = (uint32_t)(b->warm_up + b->seconds),
	};

	return b->port != NULL ? weir_source_ethdev_create(&dev, err)
			       : weir_source_load_create(&load, err);
}

static int start_collector(struct bench *b, struct weir_err *err)
{
	struct weir_outlet_conf outlet = {
		.sink = weir_sink_open(b->records != NULL ? WEIR_SINK_RECORDS : WEIR_SINK_NULL,
				       b->records, err),
		.name = "records",
		.stop = &b->stop,
	};
	const struct weir_collector_conf conf = { .rings = weir_pipe_records(b->pipe),
						  .n_rings = (uint32_t)b->workers,
						  .outlets = &outlet,
						  .n_outlets = 1,
						  .lossless = b->port == NULL,
						  .cpu = -1 };

	if (outlet.sink != NULL)
		b->collector = weir_collector_start(&conf, err);
	return b->collector != NULL ? 0 : -err->code;
}

static int start(struct bench *b, struct weir_err *err)
{
	/* Flows that have ended stay for their timeout beside those that follow. */
	const uint32_t capacity = (uint32_t)weir_max_u64(b->flows + b->flows / 2 + 65536, 1024);
	struct weir_pipe_options o = agent_pipe_options(&b->conf, (unsigned int)b->workers,
							capacity);
	int rc;

	o.lossless = b->port == NULL;
	if (o.lossless)
		o.record_slots = (uint32_t)weir_min_u64(o.record_slots, LOSSLESS_RECORDS);
	b->conf.settings.dedup_enabled = false;
	b->pipe = weir_pipe_create(&o, err);
	if (b->pipe == NULL)
		return -err->code;
	weir_pipe_back(b->pipe);
	rc = start_collector(b, err);
	if (rc < 0)
		return rc;
	b->src = make_source(b, err);
	if (b->src == NULL)
		return -err->code;
	rc = b->src->ops->open(b->src, err);
	return rc < 0 ? rc : b->src->ops->start(b->src, err);
}

static void mark(const struct bench *b, struct so_far *m)
{
	struct weir_accounting a;

	m->ns = weir_clock_mono_ns();
	weir_pipe_accounting(b->pipe, &a);
	weir_pipe_cycles(b->pipe, &m->cycles, &m->packets);
	m->received = a.received;
	m->bytes = a.bytes;
}

static void sleep_until(const struct bench *b, uint64_t end_ns)
{
	const atomic_bool *signalled = agent_stop_on_signals();

	while (weir_clock_mono_ns() < end_ns &&
	       !atomic_load_explicit(&b->stop, memory_order_relaxed) &&
	       !atomic_load_explicit(signalled, memory_order_relaxed))
		usleep(10000);
}

/* A port has no end of its own. */
static void *stop_after(void *arg)
{
	struct bench *b = arg;
	const uint64_t counts_ns = b->begin.ns + b->warm_up * WEIR_NS_PER_S;

	weir_thread_setup("weir-timer", -1);
	if (b->warm_up > 0) {
		sleep_until(b, counts_ns);
		mark(b, &b->begin);
	}
	sleep_until(b, counts_ns + b->seconds * WEIR_NS_PER_S);
	/* Relaxed: a flag alone. */
	atomic_store_explicit(&b->stop, true, memory_order_relaxed);
	return NULL;
}

static int run(struct bench *b, struct weir_err *err)
{
	pthread_t timer;
	int rc;

	b->begin.ns = weir_clock_mono_ns();
	rc = pthread_create(&timer, NULL, stop_after, b);
	if (rc != 0)
		return weir_err_set(err, rc, "timer: cannot start its thread: %s", strerror(rc));
	rc = agent_run_source(b->pipe, b->src, &b->stop, err);
	mark(b, &b->end);
	atomic_store_explicit(&b->stop, true, memory_order_relaxed);
	pthread_join(timer, NULL);
	/* Before stop: a stopped port need not know. */
	b->missed_known = b->src->ops->missed != NULL && b->src->ops->missed(b->src, &b->missed);
	b->src->ops->stop(b->src);
	weir_pipe_accounting(b->pipe, &b->acc);
	weir_pipe_flow_counters(b->pipe, &b->flow);
	return rc;
}

/* Packets and records that did not come through. */
static uint64_t lost(const struct bench *b)
{
	return accounting_lost(&b->acc) + b->missed + b->flow.records_lost + b->sink.dropped;
}

static void print_losses(const struct bench *b)
{
	if (b->port != NULL && b->missed_known)
		fprintf(stderr, "  missed   %14" PRIu64 "  by the port, before weir saw them\n",
			b->missed);
	else if (b->port != NULL)
		fprintf(stderr, "  missed          unknown: this driver does not tell\n");
	if (b->sink.dropped > 0)
		fprintf(stderr, "  dropped  %14" PRIu64 "  records, writing them was too slow\n",
			b->sink.dropped);
}

static double memory_per_flow(const struct bench *b)
{
	const struct weir_pipe_options large = agent_pipe_options(&b->conf, 1, 1000000);
	const struct weir_pipe_options small = agent_pipe_options(&b->conf, 1, 1024);

	return (double)(weir_pipe_bytes(&large) - weir_pipe_bytes(&small)) /
	       (double)(large.budget.flows - small.budget.flows);
}

static void print(const struct bench *b)
{
	const struct so_far *x = &b->begin, *y = &b->end;
	const double ns = (double)(y->ns - x->ns);
	const double mpps = (double)(y->received - x->received) / ns * 1e3;
	const double gbps = (double)(y->bytes - x->bytes) * 8 / ns;
	const double packets = (double)(y->packets - x->packets);
	const double each = packets > 0 ? (double)(y->cycles - x->cycles) / packets : 0;

	if (!b->json) {
		printf("%.2f Mpps, %.2f Gbit/s, %.0f cycles a packet, %" PRIu64
		       " worker%s, %" PRIu64 " flows made\n",
		       mpps, gbps, each, b->workers, b->workers == 1 ? "" : "s", b->flow.created);
		return;
	}
	printf("{\"mpps\":%.3f,\"gbps\":%.3f,\"cycles_per_packet\":%.1f,\"workers\":%" PRIu64
	       ",\"flows\":%" PRIu64 ",\"flows_created\":%" PRIu64 ",\"packets\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"memory_per_flow_bytes\":%.1f,\"traffic\":\"%s\"}\n",
	       mpps, gbps, each, b->workers, b->flows, b->flow.created, b->acc.received, lost(b),
	       memory_per_flow(b), b->port != NULL ? "port" : b->traffic_name);
}

static int bench(struct bench *b, struct weir_err *err)
{
	int rc = start(b, err);

	if (rc == 0)
		rc = run(b, err);
	if (b->pipe != NULL)
		weir_pipe_close_records(b->pipe);
	if (b->collector != NULL && weir_collector_join(b->collector, rc == 0 ? err : NULL) < 0 &&
	    rc == 0)
		rc = -err->code;
	if (rc < 0)
		return rc;
	weir_collector_stats(b->collector, 0, &b->sink);
	accounting_print(stderr, &b->acc, b->pipe);
	print_losses(b);
	print(b);
	return 0;
}

int weir_agent_bench(int argc, char **argv)
{
	struct bench b = { .flows = 100000,
			   .workers = 1,
			   .seconds = 5,
			   .traffic = WEIR_LOAD_TCP,
			   .traffic_name = "tcp" };
	struct weir_err err = { 0 };
	bool help;
	int rc;

	rc = parse(&b, argc, argv, &help);
	if (rc != 0 || help)
		return rc;
	rc = agent_conf_load(&b.conf, b.config, NULL);
	if (rc != 0)
		return rc;
	rc = bench(&b, &err);
	if (rc < 0)
		weir_log(WEIR_LOG_ERR, "%s", err.msg);
	if (b.src != NULL)
		b.src->ops->close(b.src);
	weir_collector_destroy(b.collector);
	weir_pipe_destroy(b.pipe);
	agent_conf_free(&b.conf);
	return rc < 0 || lost(&b) > 0 ? WEIR_EXIT_FAILED : WEIR_EXIT_OK;
}
