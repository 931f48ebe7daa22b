/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FIRST_MS 1000 /* short runs show nothing */
#define TTY_MS   500
#define FILE_MS  10000

struct progress {
	const struct weir_pipe *pipe;
	struct weir_source *src;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool stop; /* under lock */
	bool tty, shown;
	uint64_t start_ns, last_ns, last_packets;
};

static void show(struct progress *p)
{
	const uint64_t now = weir_clock_mono_ns();
	const uint64_t done = atomic_load_explicit(&p->src->bytes_done, memory_order_relaxed);
	struct weir_accounting a;
	double rate;

	weir_pipe_accounting(p->pipe, &a); /* may lag, and that is fine here */
	rate = (double)(a.received - p->last_packets) * 1e3 / (double)(now - p->last_ns + 1);
	fprintf(stderr, "%s", p->tty ? "\r" : "");
	if (p->src->bytes_total > 0)
		fprintf(stderr, "%5.1f %% read  ",
			100.0 * (double)done / (double)p->src->bytes_total);
	fprintf(stderr, "%" PRIu64 " packets  ", a.received);
	if (rate < 0.01) /* paced */
		fprintf(stderr, "%.0f packets/s", rate * 1e6);
	else
		fprintf(stderr, "%.2f Mpps", rate);
	fprintf(stderr, "  %.0f s%s", (double)(now - p->start_ns) / 1e9, p->tty ? "   " : "\n");
	p->last_ns = now;
	p->last_packets = a.received;
	p->shown = true;
}

static void *run(void *arg)
{
	struct progress *p = arg;
	uint64_t wait_ms = FIRST_MS;

	weir_thread_setup("weir-progress", -1);
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		const uint64_t until = weir_clock_mono_ns() + wait_ms * WEIR_NS_PER_MS;
		const struct timespec ts = { .tv_sec = (time_t)(until / WEIR_NS_PER_S),
					     .tv_nsec = (long)(until % WEIR_NS_PER_S) };

		if (pthread_cond_timedwait(&p->over, &p->lock, &ts) != 0 && !p->stop) {
			show(p);
			wait_ms = p->tty ? TTY_MS : FILE_MS;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct progress *progress_start(const struct weir_pipe *pipe, struct weir_source *src)
{
	struct progress *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (p == NULL)
		return NULL;
	p->pipe = pipe;
	p->src = src;
	p->tty = isatty(STDERR_FILENO);
	p->start_ns = p->last_ns = weir_clock_mono_ns();
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->over, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&p->thread, NULL, run, p) != 0) {
		free(p);
		return NULL;
	}
	return p;
}

void progress_stop(struct progress *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->over);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	if (p->tty && p->shown)
		fputs("\r\033[K", stderr);
	free(p);
}
