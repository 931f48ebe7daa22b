/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU a record costs, in ns, user and system, the best of several runs: each sink alone, the way
 * through the collector with all its threads, folding. Records are like those of short TCP flows: random clients, ports, sequence
 * numbers and delays, 200 servers.
 *
 *   export_bench [directory for what is written; default: the current one]
 */
#include "fold.h"

#include <weir_export.h>

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define RECS   20000 /* 9 MB: not from the first caches, as after a ring */
#define ROUNDS 10    /* over the records in one run */
#define RUNS   7

static uint64_t state = 88172645463325252u;

static uint64_t noise(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint32_t around(uint32_t mean)
{
	return (uint32_t)(-log(1 - (double)(noise() >> 11) * 0x1p-53) * mean);
}

static struct weir_delay delay(uint32_t count, uint32_t mean)
{
	struct weir_delay d = { .count = count };

	for (uint32_t i = 0; i < count; i++) {
		uint32_t us = around(mean);

		d.max = us > d.max ? us : d.max;
		d.sum += us;
	}
	return d;
}

static void make(struct weir_flow_rec *r, uint64_t *clock_ns)
{
	uint64_t client_ns = around(20000000), server_ns = around(3000000);

	memset(r, 0, sizeof(*r));
	*clock_ns += around(100000);
	r->duration_ns = client_ns + server_ns + (uint64_t)around(3000000) * 1000;
	r->end_ns = *clock_ns;
	r->start_ns = r->flow_start_ns = r->end_ns - r->duration_ns;
	r->flow_id = r->start_ns >> 30 << 32 | (uint32_t)noise();
	r->capture_nic = UINT64_C(4) << 60 | 1;
	r->ip[0].w[0] = 10 | (uint32_t)(noise() % 1000000) << 8;
	r->ip[1].w[0] = 0x0100a8c0 | (uint32_t)(noise() % 200) << 24;
	memcpy(r->mac, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	r->port[0] = (uint16_t)(1024 + noise() % 60000);
	r->port[1] = noise() & 3 ? 443 : 80;
	r->eth_type = 0x0800;
	r->capture_network_type = 3;
	r->flags = WEIR_REC_NEW | WEIR_REC_ACTIVE_SERVICE;
	r->protocol = 6;
	r->close_type = noise() % 20 ? WEIR_CLOSE_FINISH : WEIR_CLOSE_TIMEOUT;
	r->direction_score = 255;
	r->flow_count = 1;
	for (int d = 0; d < 2; d++) {
		r->tcp_flags[d] = 0x1b;
		r->packet[d] = 3 + around(3);
		r->l4_byte[d] = around(d == 0 ? 800 : 4000);
		r->l3_byte[d] = r->l4_byte[d] + 20 * r->packet[d] + 20;
		r->byte[d] = r->l3_byte[d] + 34 * r->packet[d];
	}
	r->syn_seq = (uint32_t)noise();
	r->syn_ack_seq = (uint32_t)noise();
	r->init_ipid = (uint16_t)noise();
	r->rtt = (uint32_t)((client_ns + server_ns) / 1000);
	r->rtt_client = (struct weir_delay){ (uint32_t)(client_ns / 1000), 1, client_ns / 1000 };
	r->rtt_server = (struct weir_delay){ (uint32_t)(server_ns / 1000), 1, server_ns / 1000 };
	r->srt = delay(1 + around(1), 4000);
	r->art = delay(1 + around(1), 9000);
	r->cit = delay(around(2), 90000);
	r->retrans[0] = noise() % 50 == 0;
	r->syn_count = r->synack_count = 1;
	r->fin_count = 2;
}

static double cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

typedef void (*bench_fn)(const char *target, enum weir_sink_type type, struct weir_flow_rec *recs);

static void remove_dir(const char *dir)
{
	glob_t g;
	char pattern[4096];

	snprintf(pattern, sizeof(pattern), "%s/*.weir", dir);
	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			unlink(g.gl_pathv[i]);
	globfree(&g);
	rmdir(dir);
}

static void bench(const char *what, bench_fn fn, enum weir_sink_type type, const char *target,
		  struct weir_flow_rec *recs)
{
	double best_ns = INFINITY;

	for (int run = 0; run < RUNS; run++) {
		double began_ns = cpu_ns(), ns;

		fn(target, type, recs);
		ns = (cpu_ns() - began_ns) / (RECS * ROUNDS);
		best_ns = ns < best_ns ? ns : best_ns;
		if (type == WEIR_SINK_RECORDS)
			remove_dir(target);
		else if (type == WEIR_SINK_JSONL && strcmp(target, "/dev/null") != 0)
			unlink(target);
	}
	printf("%-30s %6.0f ns a record\n", what, best_ns);
}

static void must(int rc, const struct weir_err *err)
{
	if (rc < 0) {
		fprintf(stderr, "export_bench: %s\n", err->msg);
		exit(1);
	}
}

static struct weir_sink *open_sink(enum weir_sink_type type, const char *target)
{
	struct weir_err err = { 0 };
	struct weir_sink *s = weir_sink_open(type, target, &err);

	must(s == NULL ? -1 : 0, &err);
	return s;
}

static void through_sink(const char *target, enum weir_sink_type type, struct weir_flow_rec *recs)
{
	struct weir_sink *s = open_sink(type, target);
	struct weir_err err = { 0 };

	for (int round = 0; round < ROUNDS; round++)
		for (uint32_t i = 0; i < RECS; i += 250)
			must(s->ops->write(s, recs + i, 250, &err), &err);
	must(s->ops->flush(s, &err), &err);
	must(s->ops->close(s, &err), &err);
}

/* This thread is the worker: its copying into the ring is part of the figure. */
static void through_collector(const char *target, enum weir_sink_type type,
			      struct weir_flow_rec *recs)
{
	struct weir_ring *ring = weir_ring_create(4096, sizeof(*recs));
	struct weir_outlet_conf outlet = { .sink = open_sink(type, target),
					   .name = "bench",
					   .merge = true };
	struct weir_collector_conf conf = { .rings = &ring,
					    .n_rings = 1,
					    .outlets = &outlet,
					    .n_outlets = 1,
					    .lossless = true,
					    .cpu = -1 };
	struct weir_err err = { 0 };
	struct weir_collector *c = weir_collector_start(&conf, &err);

	must(c == NULL ? -1 : 0, &err);
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < RECS; i++) {
			memcpy(weir_ring_reserve_wait(ring), &recs[i], sizeof(*recs));
			weir_ring_push(ring);
		}
	}
	weir_ring_close(ring);
	must(weir_collector_join(c, &err), &err);
	weir_collector_destroy(c);
	weir_ring_destroy(ring);
}

static void forget(void *ctx, const struct weir_flow_rec *recs, uint32_t n)
{
	(void)recs;
	*(uint64_t *)ctx += n;
}

/* Unanswered flows to 50 servers in the order of their time, 200 ns apart: nearly all are folded. */
static void make_flood(struct weir_flow_rec *recs)
{
	for (uint32_t i = 0; i < RECS; i++) {
		recs[i].flags = WEIR_REC_NEW | WEIR_REC_UNANSWERED;
		recs[i].port[1] = 80;
		recs[i].ip[1].w[0] = i % 50;
		recs[i].start_ns = UINT64_C(1700000000000000000) + 200 * i;
		recs[i].end_ns = recs[i].start_ns;
	}
}

static void through_folder(const char *target, enum weir_sink_type type, struct weir_flow_rec *recs)
{
	uint64_t left = 0;
	struct weir_folder *f = weir_folder_create(16384, 65536, forget, &left);

	(void)target;
	(void)type;
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < RECS; i++) {
			recs[i].start_ns += 200 * RECS;
			weir_folder_take(f, &recs[i]);
		}
	}
	weir_folder_end(f);
	weir_folder_destroy(f);
}

int main(int argc, char **argv)
{
	struct weir_flow_rec *recs = malloc(RECS * sizeof(*recs));
	uint64_t clock_ns = UINT64_C(1700000000000000000);
	char lines[4096], dir[4096];

	if (recs == NULL)
		return 1;
	snprintf(lines, sizeof(lines), "%s/export_bench.jsonl", argc > 1 ? argv[1] : ".");
	snprintf(dir, sizeof(dir), "%s/export_bench.records", argc > 1 ? argv[1] : ".");
	for (int i = 0; i < RECS; i++)
		make(&recs[i], &clock_ns);
	bench("JSON lines to /dev/null", through_sink, WEIR_SINK_JSONL, "/dev/null", recs);
	bench("JSON lines to a file", through_sink, WEIR_SINK_JSONL, lines, recs);
	bench("record files", through_sink, WEIR_SINK_RECORDS, dir, recs);
	bench("ring, collector", through_collector, WEIR_SINK_NULL, "", recs);
	bench("ring, collector, JSON lines", through_collector, WEIR_SINK_JSONL, lines, recs);
	bench("ring, collector, record files", through_collector, WEIR_SINK_RECORDS, dir, recs);
	make_flood(recs);
	bench("folding a flood", through_folder, WEIR_SINK_NULL, "", recs);
	free(recs);
	return 0;
}
