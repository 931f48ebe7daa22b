/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of a controller under load: 1,000,000 addresses and 10,000 rules, through the pipeline of one worker.
 *
 * New flows: what it costs a new flow to be looked up in the inventory, and matched with the policies. Each packet is a new
 * flow; time of the worker's thread with each table less that without, runs in turn, medians.
 *
 * Swaps: a live source that always has packets, of 100,000 flows and some new ones. How long it is from one burst to the
 * next while nothing changes, and while another thread makes both tables anew each second and swaps them in. Phases in turn,
 * medians of their percentiles: by the clock, and by the time that the worker's thread had a CPU, which is what is left of it
 * where others want that too. Nothing may be lost.
 *
 * view_swap [ROUNDS [SECONDS OF A PHASE]]
 */
#include "tables.h"

#include <weir_pipe.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ACLS         10000u
#define KNOWN        100000u /* flows that go on */
#define NEW          2       /* packets of a burst that begin a flow */
#define NEW_FLOWS    400000u /* of a run of new flows alone */
#define FRAME_BYTES  64
#define RECORD_SLOTS 65536
#define BIN_NS       8
#define BINS         131072
#define PHASES_MAX   64

enum { WALL, CPU, WATCHES };

/* Gaps between bursts by each clock; the last bin is of all longer ones. */
struct gaps {
	uint32_t bin[WATCHES][BINS];
	uint64_t n;
};

struct load {
	struct weir_source src;
	bool all_new;
	uint64_t left; /* packets until it ends; of new flows alone */
	uint64_t next_new, random;
	uint64_t returned[WATCHES]; /* when the last burst was handed out */
	struct gaps *_Atomic gaps;  /* main: rw, the worker: ro; NULL = they do not count */
	uint8_t bytes[WEIR_BURST_MAX][FRAME_BYTES];
};

/* Of this thread: others on the machine do not count. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * WEIR_NS_PER_S + (uint64_t)t.tv_nsec;
}

static void read_clocks(uint64_t ns[WATCHES])
{
	ns[CPU] = cpu_ns();
	ns[WALL] = weir_clock_mono_ns();
}

static void put(uint8_t *p, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

/* Ethernet, IPv4, UDP: from one interface of the inventory to another, by the flow's number. */
static void fill(uint8_t *b, uint64_t flow)
{
	const uint64_t h = weir_mix(flow ^ UINT64_C(0x9e3779b97f4a7c15),
				    flow + UINT64_C(0xd6e8feb86659fd93));
	const uint32_t src = (uint32_t)(h >> 32) % TABLES_INTERFACES;
	const uint32_t dst = (uint32_t)h % TABLES_INTERFACES;

	put(b, tables_mac(dst), 6);
	put(b + 6, tables_mac(src), 6);
	put(b + 26, tables_ip(src, (uint32_t)(flow % TABLES_EACH)), 4);
	put(b + 30, tables_ip(dst, (uint32_t)(h >> 7 & 7)), 4);
	put(b + 34, 32768 + (h >> 20) % 28000, 2);
	put(b + 36, (h >> 9) % 3000, 2);
}

static void count(struct load *l)
{
	struct gaps *g = atomic_load_explicit(&l->gaps, memory_order_acquire);
	uint64_t now[WATCHES];

	if (g == NULL || l->returned[WALL] == 0)
		return;
	read_clocks(now);
	for (unsigned int w = 0; w < WATCHES; w++)
		g->bin[w][weir_min_u64((now[w] - l->returned[w]) / BIN_NS, BINS - 1)]++;
	g->n++;
}

static uint16_t rx(struct weir_source *src, uint16_t queue, struct weir_frame *frames, uint16_t max)
{
	struct load *l = (struct load *)src;
	const uint64_t now = l->all_new ? UINT64_C(1700000000) * WEIR_NS_PER_S
					: weir_clock_wall_ns();
	uint16_t n = 0;

	(void)queue;
	count(l);
	for (; n < max && l->left > 0; n++) {
		const bool is_new = l->all_new || n < NEW;

		fill(l->bytes[n], is_new ? KNOWN + l->next_new++ : tables_below(&l->random, KNOWN));
		frames[n] = (struct weir_frame){ .data = l->bytes[n],
						 .ts_ns = now,
						 .caplen = FRAME_BYTES,
						 .wirelen = FRAME_BYTES,
						 .link = WEIR_LINK_ETHER };
		l->left -= l->all_new;
	}
	if (n == 0)
		atomic_store_explicit(&src->ended, true, memory_order_release);
	read_clocks(l->returned);
	return n;
}

static void done(struct weir_source *src, const struct weir_frame *frames, uint16_t n)
{
	(void)src;
	(void)frames;
	(void)n;
}

static void load_init(struct load *l, bool all_new)
{
	static const struct weir_source_ops ops = { .name = "load", .rx = rx, .done = done };

	memset(l, 0, sizeof(*l));
	l->src = (struct weir_source){
		.ops = &ops, .label = "load", .queues = 1, .lossless = all_new
	};
	l->all_new = all_new;
	l->left = NEW_FLOWS;
	l->random = 1;
	for (unsigned int i = 0; i < WEIR_BURST_MAX; i++) {
		static const uint8_t head[] = { 8, 0, 0x45, 0, 0, 50, 0, 1, 0, 0, 64, 17 };

		memcpy(l->bytes[i] + 12, head, sizeof(head));
		put(l->bytes[i] + 38, 30, 2);
	}
}

/* ---- a pipe, and who takes its records ---- */

struct rig {
	struct weir_settings settings;
	struct weir_pipe *p;
	struct load load;
	struct weir_meta *m;
	struct weir_policy *policy;
	pthread_t taker, worker;
	atomic_bool stop, taker_stops;
	uint64_t records, worker_ns;
	int cpus[1]; /* of the worker; others stay away from it */
};

static void stay_away(const struct rig *r)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) < 2)
		return;
	CPU_CLR((size_t)r->cpus[0], &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *take(void *arg)
{
	struct rig *r = arg;
	struct weir_ring *ring = weir_pipe_records(r->p)[0];
	bool last = false;
	void *slot;
	uint32_t n;

	stay_away(r);
	while (!last) {
		last = atomic_load(&r->taker_stops);
		while ((n = weir_ring_peek(ring, &slot, 256)) > 0) {
			r->records += n;
			weir_ring_pop(ring, n);
		}
		usleep(200);
	}
	return NULL;
}

static void rig_init(struct rig *r, bool all_new, uint32_t flows)
{
	const struct weir_pipe_options o = { .workers = 1,
					     .budget = { .flows = flows, .ext_blocks = flows / 2 },
					     .settings = &r->settings,
					     .record_slots = RECORD_SLOTS,
					     .input_bursts = 64,
					     .lossless = all_new,
					     .cpus = r->cpus };

	memset(r, 0, sizeof(*r));
	r->cpus[0] = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	r->settings = (struct weir_settings){
		.decode = { .max_tunnels = 6 },
		.flow = { .established_ns = WEIR_NS_PER_S,
			  .closing_rst_ns = WEIR_NS_PER_S,
			  .opening_rst_ns = WEIR_NS_PER_S,
			  .others_ns = WEIR_NS_PER_S,
			  .delay_ns = 100 * WEIR_NS_PER_MS },
		.attribute = { .default_type = TABLES_NETWORK, .pcp = WEIR_PCP_INNER_VLAN },
	};
	r->p = weir_pipe_create(&o, NULL);
	if (r->p == NULL)
		abort();
	weir_pipe_back(r->p);
	load_init(&r->load, all_new);
	pthread_create(&r->taker, NULL, take, r);
}

static void rig_fini(struct rig *r)
{
	atomic_store(&r->taker_stops, true);
	pthread_join(r->taker, NULL);
	weir_pipe_destroy(r->p);
	weir_meta_destroy(r->m);
	weir_policy_destroy(r->policy);
}

static void *run(void *arg)
{
	struct rig *r = arg;
	const struct weir_pipe_port port = { .source = &r->load.src };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	const struct weir_pipe_taps taps = { .taps = &tap, .n = 1 };

	r->worker_ns = cpu_ns();
	if (weir_pipe_run(r->p, &taps, &r->stop, NULL) != 0)
		abort();
	r->worker_ns = cpu_ns() - r->worker_ns;
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

/* ---- new flows ---- */

enum { NOTHING, INVENTORY, BOTH, KINDS };

/* ns a packet of a run of new flows alone, making them included. */
static double new_flows(struct rig *r, unsigned int kind)
{
	weir_pipe_inventory_set(r->p, kind >= INVENTORY ? r->m : NULL);
	weir_pipe_policy_set(r->p, kind == BOTH ? r->policy : NULL);
	r->load.left = NEW_FLOWS;
	atomic_store(&r->load.src.ended, false);
	pthread_create(&r->worker, NULL, run, r);
	pthread_join(r->worker, NULL);
	return (double)r->worker_ns / NEW_FLOWS;
}

static void measure_new_flows(unsigned int rounds)
{
	static struct rig r;
	double ns[KINDS][PHASES_MAX], m[KINDS];

	rig_init(&r, true, NEW_FLOWS + NEW_FLOWS / 2);
	r.m = tables_inventory();
	r.policy = tables_policy(ACLS);
	new_flows(&r, BOTH);
	for (unsigned int i = 0; i < rounds; i++)
		for (unsigned int kind = 0; kind < KINDS; kind++)
			ns[kind][i] = new_flows(&r, kind);
	for (unsigned int kind = 0; kind < KINDS; kind++)
		m[kind] = median(ns[kind], rounds);
	printf("new flow: %.0f ns of CPU without tables, making it included; %.1f ns more for both ends of it in 1 M addresses, %.1f ns more for %u rules"
	       " (medians of %u runs of %u flows)\n",
	       m[NOTHING], m[INVENTORY] - m[NOTHING], m[BOTH] - m[INVENTORY], ACLS, rounds,
	       NEW_FLOWS);
	rig_fini(&r);
}

/* ---- swaps ---- */

struct builder {
	struct rig *r;
	atomic_bool active, stop;
	_Atomic unsigned int swaps;
};

static void swap(struct rig *r)
{
	struct weir_meta *m = tables_inventory();
	struct weir_policy *policy = tables_policy(ACLS);

	if (weir_pipe_inventory_set(r->p, m) != 0 || weir_pipe_policy_set(r->p, policy) != 0)
		abort();
	weir_meta_destroy(r->m);
	weir_policy_destroy(r->policy);
	r->m = m;
	r->policy = policy;
}

static void *build(void *arg)
{
	struct builder *b = arg;

	stay_away(b->r);
	while (!atomic_load(&b->stop)) {
		const uint64_t start = weir_clock_mono_ns();

		if (!atomic_load(&b->active)) {
			usleep(1000);
			continue;
		}
		swap(b->r);
		atomic_fetch_add(&b->swaps, 1);
		while (weir_clock_mono_ns() - start < WEIR_NS_PER_S && atomic_load(&b->active))
			usleep(1000);
	}
	return NULL;
}

/* us */
static double percentile(const struct gaps *g, unsigned int watch, double part)
{
	uint64_t left = (uint64_t)((double)g->n * part);
	unsigned int i = 0;

	while (i < BINS - 1 && left >= g->bin[watch][i])
		left -= g->bin[watch][i++];
	return (double)i * BIN_NS / 1000;
}

enum { MIDDLE, HIGH, HIGH_CPU, MPPS, FIGURES };

static void phase(struct rig *r, struct gaps *g, unsigned int seconds, double figures[FIGURES])
{
	const uint64_t start = weir_clock_mono_ns();

	memset(g, 0, sizeof(*g));
	atomic_store_explicit(&r->load.gaps, g, memory_order_release);
	sleep(seconds);
	atomic_store_explicit(&r->load.gaps, NULL, memory_order_release);
	usleep(20000); /* the burst that still has it */
	figures[MIDDLE] = percentile(g, WALL, 0.5);
	figures[HIGH] = percentile(g, WALL, 0.999);
	figures[HIGH_CPU] = percentile(g, CPU, 0.999);
	figures[MPPS] = (double)g->n * WEIR_BURST_MAX * 1000 /
			(double)(weir_clock_mono_ns() - start);
}

static void print(const char *what, const double figures[FIGURES])
{
	printf("  %s: gap %.2f us, p99.9 %.2f us, of CPU time %.2f us, %.2f Mpps\n", what,
	       figures[MIDDLE], figures[HIGH], figures[HIGH_CPU], figures[MPPS]);
}

static bool check(const struct rig *r)
{
	struct weir_accounting acc;
	struct weir_flow_counters flow;
	uint64_t outcomes = 0;

	weir_pipe_accounting(r->p, &acc);
	weir_pipe_flow_counters(r->p, &flow);
	for (unsigned int i = 0; i < WEIR_OUTCOMES; i++)
		outcomes += acc.outcomes[i];
	printf("%llu packets received, %llu counted in flows; %llu flows; %llu records made, %llu taken, %llu lost\n",
	       (unsigned long long)acc.received,
	       (unsigned long long)acc.outcomes[WEIR_OUTCOME_FLOW],
	       (unsigned long long)flow.created, (unsigned long long)flow.reports,
	       (unsigned long long)r->records, (unsigned long long)flow.records_lost);
	return acc.received == outcomes && acc.received == acc.outcomes[WEIR_OUTCOME_FLOW] &&
	       flow.records_lost == 0 && flow.reports == r->records;
}

static bool measure_swaps(unsigned int rounds, unsigned int seconds)
{
	static struct gaps gaps;
	static struct rig r;
	struct builder b = { .r = &r };
	double all[2][FIGURES][PHASES_MAX], one[FIGURES], mid[2][FIGURES];
	pthread_t builder;
	bool kept;

	rig_init(&r, false, 1u << 20);
	swap(&r);
	pthread_create(&r.worker, NULL, run, &r);
	pthread_create(&builder, NULL, build, &b);
	stay_away(&r);
	sleep(2); /* as many flows end as begin */
	for (unsigned int i = 0; i < rounds; i++)
		for (unsigned int swaps = 0; swaps < 2; swaps++) {
			atomic_store(&b.active, swaps);
			phase(&r, &gaps, seconds, one);
			print(swaps ? "with   " : "without", one);
			for (unsigned int k = 0; k < FIGURES; k++)
				all[swaps][k][i] = one[k];
			atomic_store(&b.active, false);
		}
	atomic_store(&b.stop, true);
	pthread_join(builder, NULL);
	atomic_store(&r.stop, true);
	pthread_join(r.worker, NULL);
	atomic_store(&r.taker_stops, true);
	pthread_join(r.taker, NULL);
	for (unsigned int swaps = 0; swaps < 2; swaps++)
		for (unsigned int k = 0; k < FIGURES; k++)
			mid[swaps][k] = median(all[swaps][k], rounds);
	printf("from burst to burst, medians of %u phases of %u s, %u swaps of both tables:\n",
	       rounds, seconds, atomic_load(&b.swaps));
	print("without", mid[0]);
	print("with   ", mid[1]);
	printf("  p99.9 %.3f times that without, of CPU time %.3f times\n",
	       mid[1][HIGH] / mid[0][HIGH], mid[1][HIGH_CPU] / mid[0][HIGH_CPU]);
	kept = check(&r);
	weir_pipe_destroy(r.p);
	weir_meta_destroy(r.m);
	weir_policy_destroy(r.policy);
	return kept;
}

int main(int argc, char **argv)
{
	const unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 3;
	const unsigned int seconds = argc > 2 ? (unsigned int)atoi(argv[2]) : 2;

	if (rounds < 1 || rounds > PHASES_MAX || seconds < 1)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	measure_new_flows(rounds);
	return measure_swaps(rounds, seconds) ? 0 : 1;
}
