/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU a record costs, in ns, user and system, the best of several runs: each sink alone, the way
 * through the collector with all its threads, folding. Records are like those of short TCP flows: random clients, ports, sequence
 * numbers and delays, 200 servers.
 *
 *   export_bench [directory for what is written; default: the current one]
 */
#include "fold.h"
#include "records.h"

#include <weir_export.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define RECS   20000 /* 9 MB: not from the first caches, as after a ring */
#define ROUNDS 10    /* over the records in one run */
#define RUNS   7

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
