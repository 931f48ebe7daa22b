/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records a second into the store, while it finishes what was written before; then questions, at last while
 * 50,000 records a second are written. Records are like those of short TCP flows, as in export_bench.
 *
 *   store_bench [directory [million records [million rows a file]]]
 */
#include "records.h"

#include <weir_store.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256
#define RECS  (BATCH * 256)
#define BUSY  50000 /* records a second */
#define START UINT64_C(1700002800000000000)

static union weir_ip a_client; /* of what was written */
static double slowest;         /* longest time a call of the writer took, s */

/* Of all threads. */
static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(bool ok, const struct weir_err *err)
{
	if (ok)
		return;
	fprintf(stderr, "store_bench: %s\n", err->msg);
	exit(1);
}

/* End times run at 100,000 a second; a fifth of the records comes up to 5 s late. */
static void write_all(struct weir_store *s, struct weir_flow_rec *recs, uint64_t n)
{
	struct weir_err err = { 0 };
	double flushed = seconds(CLOCK_MONOTONIC);

	for (uint64_t i = 0; i < n; i += BATCH) {
		struct weir_flow_rec *r = &recs[i % RECS];
		double began;

		for (uint64_t k = 0; k < BATCH; k++) {
			uint64_t late_ns = noise() % 5 ? 0 : noise() % (5 * WEIR_NS_PER_S);

			r[k].end_ns = START + (i + k) * 10000 - late_ns;
			r[k].start_ns = r[k].flow_start_ns = r[k].end_ns - r[k].duration_ns;
			r[k].flow_id = r[k].start_ns >> 30 << 32 | (uint32_t)noise();
		}
		began = seconds(CLOCK_MONOTONIC);
		must(weir_store_write(s, r, BATCH, &err) == 0, &err);
		slowest = fmax(slowest, seconds(CLOCK_MONOTONIC) - began);
		if (seconds(CLOCK_MONOTONIC) - flushed < 1)
			continue;
		must(weir_store_flush(s, &err) == 0, &err);
		flushed = seconds(CLOCK_MONOTONIC);
	}
	must(weir_store_flush(s, &err) == 0, &err);
}

static void bench_write(const char *dir, uint64_t n, uint64_t file_rows)
{
	struct weir_store_conf conf = { .dir = dir, .file_rows = file_rows };
	struct weir_flow_rec *recs = malloc(RECS * sizeof(*recs));
	struct weir_store_stats st;
	struct weir_err err = { 0 };
	struct weir_store *s = weir_store_open(&conf, &err);
	uint64_t clock_ns = START;
	double wall, cpu, cpu_all;

	must(s != NULL && recs != NULL, &err);
	for (int i = 0; i < RECS; i++)
		make(&recs[i], &clock_ns);
	a_client = recs[0].ip[0];
	cpu_all = cpu_seconds();
	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	write_all(s, recs, n);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
	weir_store_stats(s, &st);
	printf("written:  %7.0f rows a second, %4.0f ns CPU of the writer a row; %u of %u files wait "
	       "to be finished; longest call %.0f ms\n",
	       (double)n / wall, cpu * 1e9 / (double)n, st.unfinished, st.files, slowest * 1e3);
	fflush(stdout);
	wall = seconds(CLOCK_MONOTONIC);
	must(weir_store_settle(s, &err) == 0, &err);
	weir_store_stats(s, &st);
	printf("finished: after %.1f s more, %.0f ns CPU of other threads a row; %.0f bytes a row\n",
	       seconds(CLOCK_MONOTONIC) - wall, (cpu_seconds() - cpu_all - cpu) * 1e9 / (double)n,
	       (double)st.bytes / (double)n);
	weir_store_close(s, NULL);
	free(recs);
}

struct busy {
	const char *dir;
	uint64_t written;
	atomic_bool stop;
};

/* Records of the hour that follows, until it is stopped. */
static void *write_paced(void *arg)
{
	struct busy *b = arg;
	struct weir_store_conf conf = { .dir = b->dir };
	struct weir_flow_rec *recs = malloc(RECS * sizeof(*recs));
	struct weir_err err = { 0 };
	struct weir_store *s = weir_store_open(&conf, &err);
	uint64_t clock_ns = START + 3600 * WEIR_NS_PER_S;
	double began = seconds(CLOCK_MONOTONIC);

	must(s != NULL && recs != NULL, &err);
	for (int i = 0; i < RECS; i++)
		make(&recs[i], &clock_ns);
	while (!b->stop) {
		must(weir_store_write(s, &recs[b->written % RECS], BATCH, &err) == 0, &err);
		b->written += BATCH;
		if (b->written % (BUSY / BATCH * BATCH) == 0)
			must(weir_store_flush(s, &err) == 0, &err);
		while ((double)b->written / BUSY > seconds(CLOCK_MONOTONIC) - began && !b->stop)
			usleep(1000);
	}
	weir_store_close(s, NULL);
	free(recs);
	return NULL;
}

static void bench_list(struct weir_store_reader *r, const char *what,
		       const struct weir_store_query *q)
{
	double wall = seconds(CLOCK_MONOTONIC);
	struct weir_err err = { 0 };
	struct weir_store_rows *rows = weir_store_select(r, q, &err);
	uint64_t n = 0;

	must(rows != NULL, &err);
	while (weir_store_rows_next(rows) != NULL)
		n++;
	weir_store_rows_close(rows);
	printf("%-34s %7.3f s, %llu rows, %u files opened\n", what, seconds(CLOCK_MONOTONIC) - wall,
	       (unsigned long long)n, weir_store_reader_opened(r));
}

static void bench_top(struct weir_store_reader *r, const char *what, enum weir_field field,
		      uint32_t sums)
{
	struct weir_store_query q = { 0 };
	struct weir_store_grouping g = {
		.fields = { field }, .n_fields = 1, .sums = sums, .by = WEIR_STORE_BYTES, .n = 10
	};
	double wall = seconds(CLOCK_MONOTONIC);
	struct weir_err err = { 0 };
	struct weir_store_top top;

	must(weir_store_top(r, &q, &g, &top, &err) == 0, &err);
	printf("%-34s %7.3f s, %llu groups\n", what, seconds(CLOCK_MONOTONIC) - wall,
	       (unsigned long long)top.n_all);
	weir_store_top_fini(&top);
}

static void bench_busy(struct weir_store_reader *r, const char *dir)
{
	struct busy b = { .dir = dir };
	double wall = seconds(CLOCK_MONOTONIC);
	pthread_t writer;

	if (pthread_create(&writer, NULL, write_paced, &b) != 0)
		return;
	bench_top(r, "while written: top servers, bytes", WEIR_FIELD_ip_1, 1 << WEIR_STORE_BYTES);
	bench_top(r, "while written: top clients, bytes", WEIR_FIELD_ip_0, 1 << WEIR_STORE_BYTES);
	b.stop = true;
	pthread_join(writer, NULL);
	printf("%-34s %7.0f rows a second\n", "written meanwhile",
	       (double)b.written / (seconds(CLOCK_MONOTONIC) - wall));
}

static void bench_ask(const char *dir)
{
	struct weir_store_net client = { .ip = a_client, .prefix = 32 };
	struct weir_store_net server = { .ip.b = { 192, 168, 0, 1 }, .prefix = 32 };
	struct weir_store_query q = { .sort = WEIR_FIELD_end_time, .nets = &client, .n_nets = 1 };
	double wall = seconds(CLOCK_MONOTONIC);
	struct weir_err err = { 0 };
	struct weir_store_reader *r = weir_store_reader_open(dir, &err);

	must(r != NULL, &err);
	printf("%-34s %7.3f s\n", "open", seconds(CLOCK_MONOTONIC) - wall);
	bench_list(r, "list, one client", &q);
	bench_list(r, "again", &q);
	q.nets = &server;
	server.ip.b[3] = 7;
	q.descending = true;
	q.limit = 100;
	bench_list(r, "list, newest 100 of a server", &q);
	q.n_nets = 0;
	q.has_port = true;
	q.port = 4711;
	bench_list(r, "list, newest 100 of a port", &q);
	bench_top(r, "top servers, bytes", WEIR_FIELD_ip_1, 1 << WEIR_STORE_BYTES);
	bench_top(r, "top servers, all sums", WEIR_FIELD_ip_1, (1 << WEIR_STORE_SUMS) - 1);
	bench_top(r, "top clients, bytes", WEIR_FIELD_ip_0, 1 << WEIR_STORE_BYTES);
	bench_busy(r, dir);
	weir_store_reader_close(r);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "store_bench.dir";
	double millions = argc > 2 ? atof(argv[2]) : 2;
	double file_millions = argc > 3 ? atof(argv[3]) : millions / 4;
	char command[4096];

	bench_write(dir, (uint64_t)(millions * 1e6) / BATCH * BATCH,
		    (uint64_t)(file_millions * 1e6));
	bench_ask(dir);
	if (argc <= 1) {
		snprintf(command, sizeof(command), "rm -r %s", dir);
		return system(command);
	}
	return 0;
}
