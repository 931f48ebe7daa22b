/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' text format 0.0.4: all lines of a metric stand together, after its HELP and TYPE. */
#include "breakers.h"
#include "limit.h"
#include "run.h"
#include "sync.h"
#include "tables.h"
#include "watch.h"

#include <weir_http.h>

#include <dirent.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

enum metric {
#define METRIC(id, name, type, help) M_##id,
#include "metrics.def"
	METRICS
};

static const struct {
	const char *name, *type, *help;
} metrics[METRICS] = {
#define METRIC(id, n, t, h) [M_##id] = { .name = n, .type = t, .help = h },
#include "metrics.def" /* NOLINT(readability-duplicate-include): with another meaning */
};

static struct weir_http_text *page; /* during metrics_text() */

static void head(enum metric m)
{
	weir_http_text_printf(page, "# HELP %s %s\n# TYPE %s %s\n", metrics[m].name,
			      metrics[m].help, metrics[m].name, metrics[m].type);
}

static void line(enum metric m, const char *labels, uint64_t v)
{
	weir_http_text_printf(page, "%s%s %" PRIu64 "\n", metrics[m].name, labels, v);
}

static void one(enum metric m, uint64_t v)
{
	head(m);
	line(m, "", v);
}

/* As a label's value; what has no room is left out. */
static const char *escaped(char *to, size_t size, const char *s)
{
	size_t n = 0;

	for (; *s != '\0' && n + 3 < size; s++) {
		if (*s == '\\' || *s == '"' || *s == '\n')
			to[n++] = '\\';
		to[n++] = *s;
		if (*s == '\n')
			to[n - 1] = 'n';
	}
	to[n] = '\0';
	return to;
}

static void port_labels(char *to, size_t size, const struct port_view *v, const char *outcome)
{
	char port[2 * PORT_NAME_MAX], tap[2 * PORT_TAP_MAX];

	snprintf(to, size, "{port=\"%s\",tap=\"%s\"%s%s%s}",
		 escaped(port, sizeof(port), v->spec->name),
		 escaped(tap, sizeof(tap), v->spec->tap), outcome != NULL ? ",outcome=\"" : "",
		 outcome != NULL ? outcome : "", outcome != NULL ? "\"" : "");
}

static bool port_value(const struct port_view *v, enum metric m, uint64_t *value)
{
	switch (m) {
	case M_PORT_UP:
		*value = v->state == PORT_UP;
		return true;
	case M_PORT_RECEIVED:
		*value = v->acc.received;
		return true;
	case M_PORT_BYTES:
		*value = v->acc.bytes;
		return true;
	case M_PORT_MISSED:
		*value = v->missed;
		return v->missed_known;
	case M_PORT_LATE:
		*value = v->acc.late;
		return true;
	case M_PORT_CUT:
		*value = v->cut;
		return true;
	case M_PORT_DOWNS:
		*value = v->downs;
		return true;
	default:
		*value = v->returns;
		return true;
	}
}

static void ports_of(const struct run *r, enum metric m)
{
	head(m);
	for (unsigned int i = 0; i < ports_n(r->ports); i++) {
		struct port_view v;
		char labels[400];
		uint64_t value;

		ports_view(r->ports, i, &v);
		port_labels(labels, sizeof(labels), &v, NULL);
		if (port_value(&v, m, &value))
			line(m, labels, value);
	}
}

static void outcomes_of(const struct run *r)
{
	head(M_PORT_OUTCOME);
	for (unsigned int i = 0; i < ports_n(r->ports); i++) {
		struct port_view v;

		ports_view(r->ports, i, &v);
		for (int k = 0; k < WEIR_OUTCOMES; k++) {
			char labels[400];

			port_labels(labels, sizeof(labels), &v, weir_outcomes[k].name);
			line(M_PORT_OUTCOME, labels, v.acc.outcomes[k]);
		}
	}
}

static uint64_t worker_value(const struct weir_pipe_worker_stats *s, enum metric m)
{
	switch (m) {
	case M_WORKER_PACKETS:
		return s->packets;
	case M_WORKER_BUSY:
		return s->busy_cycles;
	case M_WORKER_CYCLES:
		return s->cycles;
	case M_WORKER_RING:
		return s->ring_used;
	case M_WORKER_RING_SLOTS:
		return s->ring_slots;
	case M_WORKER_RECORDS:
		return s->records_used;
	case M_WORKER_RECORDS_SLOTS:
		return s->records_slots;
	case M_WORKER_FLOWS:
		return s->flows;
	default:
		return s->flow_capacity;
	}
}

static void workers_of(const struct run *r, enum metric m)
{
	head(m);
	for (unsigned int i = 0; i < r->boot->box.cores.workers; i++) {
		struct weir_pipe_worker_stats s;
		char labels[32];

		weir_pipe_worker_stats(r->pipe, i, &s);
		snprintf(labels, sizeof(labels), "{worker=\"%u\"}", i);
		line(m, labels, worker_value(&s, m));
	}
}

static void flow_tables(const struct run *r)
{
	struct weir_flow_counters f;

	weir_pipe_flow_counters(r->pipe, &f);
#define WEIR_FLOW_COUNTER(name, help)                                                              \
	weir_http_text_printf(page,                                                                \
			      "# HELP weir_flow_" #name "_total " help "\n# TYPE weir_flow_" #name \
			      "_total counter\nweir_flow_" #name "_total %" PRIu64 "\n",           \
			      f.name);
#include <counters.def>
}

static void sink_line(const struct run *r, enum metric m, uint32_t i, const char *result,
		      uint64_t v)
{
	const bool has_result = result != NULL;
	char labels[96];

	snprintf(labels, sizeof(labels), "{sink=\"%s\"%s%s%s}", r->sinks.v[i].name,
		 has_result ? ",result=\"" : "", has_result ? result : "", has_result ? "\"" : "");
	line(m, labels, v);
}

static void sinks_of(const struct run *r, enum metric m)
{
	head(m);
	for (uint32_t i = 0; i < r->sinks.n; i++) {
		struct weir_outlet_stats s;

		weir_collector_stats(r->sinks.collector, i, &s);
		if (m == M_SINK_RECORDS) {
			sink_line(r, m, i, "written", s.written);
			sink_line(r, m, i, "dropped", s.dropped);
			sink_line(r, m, i, "failed", s.failed);
			sink_line(r, m, i, "folded", s.folded);
			sink_line(r, m, i, "filtered", s.filtered);
			sink_line(r, m, i, "throttled", s.throttled);
			sink_line(r, m, i, "merged", s.merged);
		} else {
			sink_line(r, m, i, NULL, m == M_SINK_HELD ? s.held : s.taken);
		}
	}
}

static void store_of(const struct run *r)
{
	struct weir_store_stats s;
	struct weir_err fault = { 0 };

	if (r->sinks.store == NULL)
		return;
	weir_store_stats(r->sinks.store, &s);
	weir_store_fault(r->sinks.store, &fault);
	one(M_STORE_TAKEN, s.taken);
	one(M_STORE_STORED, s.stored);
	one(M_STORE_LOST, s.lost);
	one(M_STORE_PENDING, s.pending);
	one(M_STORE_FAILURES, s.failures);
	one(M_STORE_UP, fault.code == 0);
	one(M_STORE_FILES, s.files);
	one(M_STORE_UNFINISHED, s.unfinished);
	one(M_STORE_BAD, s.bad);
	one(M_STORE_BYTES, s.bytes);
	one(M_STORE_REMOVED, s.removed);
}

static uint64_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint64_t n = 0;

	if (d == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n > 3 ? n - 3 : 0; /* itself, . and .. */
}

static void memory(void)
{
	unsigned long long vsz = 0, rss = 0;
	const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return;
	if (fscanf(f, "%llu %llu", &vsz, &rss) == 2) {
		one(M_PROCESS_VSZ, vsz * page_bytes);
		one(M_PROCESS_RSS, rss * page_bytes);
	}
	fclose(f);
}

static void process(const struct run *r)
{
	struct rusage u;
	struct rlimit fds;

	getrusage(RUSAGE_SELF, &u);
	head(M_PROCESS_CPU);
	weir_http_text_printf(page, "%s %.6f\n", metrics[M_PROCESS_CPU].name,
			      (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
				      (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	memory();
	one(M_PROCESS_FDS, open_fds());
	if (getrlimit(RLIMIT_NOFILE, &fds) == 0)
		one(M_PROCESS_FDS_MAX, fds.rlim_cur);
	head(M_PROCESS_START);
	weir_http_text_printf(page, "%s %.3f\n", metrics[M_PROCESS_START].name,
			      (double)r->started_us / 1e6);
}

static void breakers_of(const struct run *r, enum metric m)
{
	head(m);
	for (int i = 0; i < BREAKERS; i++) {
		char labels[48];

		snprintf(labels, sizeof(labels), "{breaker=\"%s\"}", breaker_names[i]);
		line(m, labels,
		     m == M_BREAKER_TRIPPED ? limits_is_tripped(r->limits, i)
					    : limits_trips(r->limits, i));
	}
}

static void exceptions_of(const struct run *r)
{
	const uint64_t bits = weir_exceptions_get(&r->exceptions);

	head(M_EXCEPTIONS);
	for (uint32_t i = 0; i < weir_exception_table_n; i++) {
		const struct weir_exception_info *x = &weir_exception_table[i];
		char labels[96];

		if (x->of_controller)
			continue;
		snprintf(labels, sizeof(labels), "{name=\"%s\"}", x->name);
		line(M_EXCEPTIONS, labels, (bits & x->bit) != 0);
	}
}

static void tables_of(const struct run *r, enum metric m)
{
	head(m);
	for (enum table i = 0; i < TABLES; i++) {
		struct table_view v;
		char labels[48];

		table_view(r->tables, i, &v);
		snprintf(labels, sizeof(labels), "{table=\"%s\"}", table_names[i]);
		line(m, labels,
		     m == M_TABLE_BYTES     ? v.bytes
		     : m == M_TABLE_VERSION ? v.version
					    : v.refusals);
	}
}

static void controller_of(const struct run *r)
{
	struct weir_sync_view v;

	if (!sync_view(r->sync, &v))
		return;
	one(M_CONTROLLER_UP, strcmp(v.state, "in contact") == 0);
	one(M_CONTROLLER_SYNCS, v.syncs);
	one(M_CONTROLLER_FAILURES, v.failures);
	one(M_CONTROLLER_PUSHES, v.pushes);
	one(M_CONTROLLER_REFUSED, v.refused);
	for (enum metric m = M_TABLE_BYTES; m <= M_TABLE_REFUSED; m++)
		tables_of(r, m);
}

void metrics_text(struct run *r, struct weir_http_text *to)
{
	struct watch_counts watch;

	ports_look(r->ports);
	page = to;
	head(M_BUILD_INFO);
	line(M_BUILD_INFO, "{version=\"" WEIR_VERSION "\"}", 1);
	one(M_UPTIME, (weir_clock_mono_ns() - r->started_ns) / WEIR_NS_PER_S);
	for (enum metric m = M_PORT_UP; m < M_PORT_OUTCOME; m++)
		ports_of(r, m);
	outcomes_of(r);
	for (enum metric m = M_WORKER_PACKETS; m <= M_WORKER_FLOWS_MAX; m++)
		workers_of(r, m);
	one(M_SPLIT_FLOWS, weir_collector_split_flows(r->sinks.collector));
	flow_tables(r);
	for (enum metric m = M_SINK_TAKEN; m <= M_SINK_HELD; m++)
		sinks_of(r, m);
	breakers_of(r, M_BREAKER_TRIPPED);
	breakers_of(r, M_BREAKER_TRIPS);
	exceptions_of(r);
	controller_of(r);
	watch_counts(r->watch, &watch);
	one(M_WATCH_UNSEEN, watch.unseen + watch.untold);
	store_of(r);
	process(r);
	page = NULL;
}
