/* SPDX-License-Identifier: Apache-2.0 */
/* The pipe as a whole: its memory, its threads, a run from start to end, its counts. */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>

static const struct weir_fragment_conf fragment_conf = {
	.datagrams = 8192,
	.frames = 2048,
	.hold_ns = WEIR_NS_PER_S / 2,
};

static void view_free(struct weir_view *view)
{
	if (view == NULL)
		return;
	weir_hints_destroy(view->hints);
	free(view);
}

static struct weir_view *view_create(const struct weir_settings *settings, struct weir_hints *hints)
{
	struct weir_view *view = calloc(1, sizeof(*view));

	if (view != NULL)
		*view = (struct weir_view){ .settings = settings, .hints = hints };
	return view;
}

size_t weir_pipe_bytes(const struct weir_pipe_options *o)
{
	return worker_bytes(o) * o->workers + weir_fragment_bytes(&fragment_conf);
}

static int create_parts(struct weir_pipe *p)
{
	struct weir_view *view = view_create(p->opt.settings, NULL);
	int rc;

	if (view == NULL)
		return -ENOMEM;
	p->views = weir_views_create(p->opt.workers, view, view_free);
	if (p->views == NULL) {
		view_free(view);
		return -ENOMEM;
	}
	p->fragments = weir_fragment_create(&fragment_conf);
	p->workers = weir_mem_map(p->opt.workers * sizeof(*p->workers));
	if (p->fragments == NULL || p->workers == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		rc = worker_init(&p->workers[i], p, i);
		if (rc < 0)
			return rc;
		p->records[i] = p->workers[i].records;
	}
	return 0;
}

struct weir_pipe *weir_pipe_create(const struct weir_pipe_options *o, struct weir_err *err)
{
	struct weir_pipe *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		weir_err_set(err, ENOMEM, "no memory");
		return NULL;
	}
	p->opt = *o;
	if (create_parts(p) < 0) {
		weir_err_set(
			err, ENOMEM,
			"flow.capacity: %u flows for each of %u workers take %zu MiB, more than this machine "
			"gives; lower it, or free memory",
			o->budget.flows, o->workers, weir_pipe_bytes(o) >> 20);
		weir_pipe_destroy(p);
		return NULL;
	}
	return p;
}

void weir_pipe_destroy(struct weir_pipe *p)
{
	if (p == NULL)
		return;
	for (unsigned int i = 0; p->workers != NULL && i < p->opt.workers; i++)
		worker_fini(&p->workers[i]);
	if (p->workers != NULL)
		weir_mem_unmap(p->workers, p->opt.workers * sizeof(*p->workers));
	weir_fragment_destroy(p->fragments);
	weir_views_destroy(p->views);
	free(p);
}

struct weir_ring *const *weir_pipe_records(const struct weir_pipe *p)
{
	return p->records;
}

void weir_pipe_close_records(struct weir_pipe *p)
{
	for (unsigned int i = 0; i < p->opt.workers; i++)
		weir_ring_close(p->workers[i].records);
}

/* Each run begins with no time, no counts, and nothing known of servers, datagrams or packets. */
static void begin(struct weir_pipe *p)
{
	p->tap = (struct weir_tap){ .number = p->opt.tap,
				    .lossless = p->opt.lossless,
				    .epoch = atomic_load_explicit(&p->epoch, memory_order_acquire),
				    .delay_ns = p->opt.settings->flow.delay_ns };
	memset(&p->acc, 0, sizeof(p->acc));
	hints_forget(p);
	weir_fragment_forget(p->fragments);
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		if (p->workers[i].dedup != NULL)
			weir_dedup_forget(p->workers[i].dedup);
		memset(&p->workers[i].acc, 0, sizeof(p->workers[i].acc));
		p->workers[i].watermark_ns = 0;
	}
}

void weir_pipe_back(struct weir_pipe *p)
{
	for (unsigned int i = 0; !p->backed && i < p->opt.workers; i++)
		weir_flow_table_back(p->workers[i].table);
	p->backed = true;
}

static void stop_workers(struct weir_pipe *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		weir_ring_close(p->workers[i].in);
	for (unsigned int i = 0; i < n; i++) {
		pthread_join(p->workers[i].thread, NULL);
		weir_ring_destroy(p->workers[i].in);
		p->workers[i].in = NULL;
	}
}

static int start_workers(struct weir_pipe *p, struct weir_err *err)
{
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		struct worker *w = &p->workers[i];
		int rc;

		w->in = weir_ring_create(p->opt.input_bursts, sizeof(struct burst));
		rc = w->in == NULL ? ENOMEM : pthread_create(&w->thread, NULL, worker_main, w);
		if (rc != 0) {
			weir_ring_destroy(w->in);
			w->in = NULL;
			stop_workers(p, i);
			return weir_err_set(err, rc, "worker %u: cannot start its thread: %s", i,
					    strerror(rc));
		}
	}
	return 0;
}

int weir_pipe_run(struct weir_pipe *p, struct weir_source *const *sources, unsigned int n,
		  const atomic_bool *stop, struct weir_err *err)
{
	int rc;

	if (!p->opt.lossless)
		weir_pipe_back(p);
	begin(p);
	if (p->opt.workers > 1 && n == 1 && sources[0]->queues == p->opt.workers)
		return direct_run(p, sources[0], stop, err);
	if (p->opt.workers == 1) {
		reader_run(p, sources, n, stop);
		return 0;
	}
	rc = start_workers(p, err);
	if (rc < 0)
		return rc;
	reader_run(p, sources, n, stop);
	stop_workers(p, p->opt.workers);
	return 0;
}

void weir_pipe_epoch_raise(struct weir_pipe *p)
{
	/* Release: pairs with the acquire of who receives; the settings are seen with it. */
	atomic_fetch_add_explicit(&p->epoch, 1, memory_order_release);
}

void weir_pipe_accounting(const struct weir_pipe *p, struct weir_accounting *out)
{
	*out = p->acc;
	for (unsigned int i = 0; i < p->opt.workers; i++)
		weir_accounting_add(out, &p->workers[i].acc);
}

void weir_pipe_flow_counters(const struct weir_pipe *p, struct weir_flow_counters *out)
{
	uint64_t *sum = (uint64_t *)out;

	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		const uint64_t *c = (const uint64_t *)weir_flow_table_counters(p->workers[i].table);

		for (size_t j = 0; j < sizeof(*out) / sizeof(*sum); j++)
			sum[j] += c[j];
	}
}

void weir_pipe_shortages(const struct weir_pipe *p, struct weir_pipe_shortages *out)
{
	const struct weir_fragment_counters *f = &p->fragments->counters;
	const struct weir_view *view = weir_views_get(p->views);

	*out = (struct weir_pipe_shortages){ .fragments = f->exhausted + f->evicted };
	if (view->hints != NULL)
		out->hints = weir_hints_dropped(view->hints);
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		const struct worker *w = &p->workers[i];

		out->hints += weir_hint_log_dropped(w->hints);
		if (w->dedup != NULL)
			out->dedup += weir_dedup_counters(w->dedup)->evicted;
	}
}

void weir_pipe_cycles(const struct weir_pipe *p, uint64_t *cycles, uint64_t *packets)
{
	*cycles = 0;
	*packets = 0;
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		*cycles += p->workers[i].cycles;
		*packets += p->workers[i].packets;
	}
}

/* Nothing reads a view now: the reader is offline, the workers' rings are empty. */
static void publish(struct weir_pipe *p, struct weir_hints *hints)
{
	struct weir_view *view = view_create(p->opt.settings, hints);

	if (view != NULL) {
		weir_views_publish(p->views, view);
		return;
	}
	/* The old ones serve on; the logs went on from what is freed now. */
	for (unsigned int i = 0; i < p->opt.workers; i++)
		weir_hint_log_clear(p->workers[i].hints);
	weir_hints_destroy(hints);
}

void hints_exchange(struct weir_pipe *p)
{
	struct weir_hint_log *logs[WEIR_PIPE_WORKERS_MAX];
	const struct weir_view *view = weir_views_get(p->views);
	bool news = false;
	struct weir_hints *next;

	for (unsigned int i = 0; i < p->opt.workers; i++) {
		logs[i] = p->workers[i].hints;
		news |= !weir_hint_log_is_empty(logs[i]);
	}
	if (!news)
		return;
	next = weir_hints_merge(view->hints, logs, p->opt.workers);
	if (next != NULL)
		publish(p, next);
}

void hints_forget(struct weir_pipe *p)
{
	for (unsigned int i = 0; i < p->opt.workers; i++)
		weir_hint_log_clear(p->workers[i].hints);
	if (weir_views_get(p->views)->hints != NULL)
		publish(p, NULL);
}
