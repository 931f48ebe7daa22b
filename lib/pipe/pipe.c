/* SPDX-License-Identifier: Apache-2.0 */
/* The pipe as a whole: its memory, its threads, a run from start to end, its counts. */
#include "worker.h"

#include <rte_cycles.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void view_free(struct weir_view *view)
{
	if (view == NULL)
		return;
	weir_hints_destroy(view->hints);
	free(view);
}

static struct weir_view *view_create(struct weir_hints *hints)
{
	struct weir_view *view = calloc(1, sizeof(*view));

	if (view != NULL)
		view->hints = hints;
	return view;
}

size_t weir_pipe_bytes(const struct weir_pipe_options *o)
{
	return (worker_bytes(o) + reader_bytes()) * o->workers;
}

static int create_views(struct weir_pipe *p)
{
	struct weir_view *view = view_create(NULL);

	/* A reader that steers is one more. */
	p->views = view != NULL ? weir_views_create(p->opt.workers + 1, view, view_free) : NULL;
	if (p->views == NULL)
		view_free(view);
	return p->views != NULL ? 0 : -ENOMEM;
}

static int create_threads_memory(struct weir_pipe *p)
{
	p->workers = weir_mem_map(p->opt.workers * sizeof(*p->workers));
	p->readers = weir_mem_map(p->opt.workers * sizeof(*p->readers));
	if (p->workers == NULL || p->readers == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		if (worker_init(&p->workers[i], p, i) < 0 || reader_init(&p->readers[i], p, i) < 0)
			return -ENOMEM;
		p->records[i] = p->workers[i].records;
	}
	return 0;
}

static int create_parts(struct weir_pipe *p)
{
	static const struct weir_pipe_taps none;
	int rc = create_views(p);

	if (rc == 0)
		rc = create_threads_memory(p);
	if (rc < 0)
		return rc;
	atomic_store_explicit(&p->plan, plan_create(p, &none), memory_order_relaxed);
	if (atomic_load_explicit(&p->plan, memory_order_relaxed) == NULL)
		return -ENOMEM;
	clocks_forget(p);
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
	p->regime.settings = o->settings;
	pthread_mutex_init(&p->lock, NULL);
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
	for (unsigned int i = 0; p->workers != NULL && p->readers != NULL && i < p->opt.workers;
	     i++) {
		worker_fini(&p->workers[i]);
		reader_fini(&p->readers[i]);
	}
	weir_mem_unmap(p->workers, p->opt.workers * sizeof(*p->workers));
	weir_mem_unmap(p->readers, p->opt.workers * sizeof(*p->readers));
	plan_destroy(atomic_load_explicit(&p->plan, memory_order_relaxed));
	weir_views_destroy(p->views);
	pthread_mutex_destroy(&p->lock);
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

static void hints_forget(struct weir_pipe *p);

/* Each run begins with no time, no counts, and nothing known of servers, datagrams or packets. */
static void begin(struct weir_pipe *p, const atomic_bool *stop)
{
	p->stop = stop;
	hints_forget(p);
	pthread_mutex_lock(&p->lock);
	clocks_forget(p);
	pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		reader_begin(&p->readers[i]);
		worker_begin(&p->workers[i]);
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
	for (unsigned int i = 0; i < n; i++)
		pthread_join(p->workers[i].thread, NULL);
}

static int start_workers(struct weir_pipe *p, struct weir_err *err)
{
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		struct worker *w = &p->workers[i];
		int rc;

		weir_ring_reopen(w->in);
		rc = pthread_create(&w->thread, NULL, worker_main, w);
		if (rc != 0) {
			stop_workers(p, i);
			return weir_err_set(err, rc, "worker %u: cannot start its thread: %s", i,
					    strerror(rc));
		}
	}
	return 0;
}

/* As reader_run(), for each way. Negative with `err` set without memory or threads. */
static int run_one_worker(struct weir_pipe *p)
{
	const bool over = reader_run(&p->readers[0], &p->workers[0], WEIR_PIPE_ONE_WORKER);

	reader_leave(&p->readers[0]);
	return over;
}

static int run_steered(struct weir_pipe *p, struct weir_err *err)
{
	int rc = start_workers(p, err);

	if (rc < 0)
		return rc;
	rc = reader_run(&p->readers[0], NULL, WEIR_PIPE_STEERED);
	stop_workers(p, p->opt.workers);
	reader_leave(&p->readers[0]);
	return rc;
}

static void *read_queues(void *arg)
{
	struct reader *r = arg;
	const bool over = reader_run(r, &r->pipe->workers[r->id], WEIR_PIPE_DIRECT);

	reader_leave(r);
	return (void *)(uintptr_t)over;
}

static int run_direct(struct weir_pipe *p, struct weir_err *err)
{
	unsigned int started = 0;
	bool over = true;
	void *result;
	int rc = 0;

	for (; rc == 0 && started < p->opt.workers - 1; started += rc == 0)
		rc = pthread_create(&p->workers[started + 1].thread, NULL, read_queues,
				    &p->readers[started + 1]);
	if (rc == 0)
		over = read_queues(&p->readers[0]) != NULL;
	for (unsigned int i = 0; i < started; i++) {
		pthread_join(p->workers[i + 1].thread, &result);
		over &= result != NULL;
	}
	return rc == 0 ? over
		       : weir_err_set(err, rc, "worker %u: cannot start its thread: %s",
				      started + 1, strerror(rc));
}

int weir_pipe_run(struct weir_pipe *p, const struct weir_pipe_taps *taps, const atomic_bool *stop,
		  struct weir_err *err)
{
	int rc = taps != NULL ? weir_pipe_taps_set(p, taps) : 0;

	if (rc < 0)
		return weir_err_set(err, ENOMEM, "no memory for a list of %u taps", taps->n);
	if (!p->opt.lossless)
		weir_pipe_back(p);
	begin(p, stop);
	do {
		switch (weir_pipe_way(p)) {
		case WEIR_PIPE_ONE_WORKER:
			rc = run_one_worker(p);
			break;
		case WEIR_PIPE_STEERED:
			rc = run_steered(p, err);
			break;
		case WEIR_PIPE_DIRECT:
			rc = run_direct(p, err);
			break;
		}
	} while (rc == 0);
	return rc > 0 ? 0 : rc;
}

int weir_pipe_taps_set(struct weir_pipe *p, const struct weir_pipe_taps *taps)
{
	struct plan *plan = plan_create(p, taps);

	if (plan == NULL)
		return -ENOMEM;
	plan_set(p, plan);
	return 0;
}

int weir_pipe_settings_set(struct weir_pipe *p, const struct weir_settings *settings,
			   bool ends_flows)
{
	const struct regime next = { settings, p->regime.cut + ends_flows };
	struct plan *plan = plan_copy(p, &next);

	if (plan == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&p->lock); /* a run that begins now looks at it */
	p->regime = next;
	pthread_mutex_unlock(&p->lock);
	plan_set(p, plan);
	return 0;
}

enum weir_pipe_way weir_pipe_way(const struct weir_pipe *p)
{
	struct weir_pipe *rw = (struct weir_pipe *)(uintptr_t)p;
	enum weir_pipe_way way;

	pthread_mutex_lock(&rw->lock);
	way = atomic_load_explicit(&p->plan, memory_order_relaxed)->way;
	pthread_mutex_unlock(&rw->lock);
	return way;
}

void weir_pipe_epoch_raise(struct weir_pipe *p)
{
	/* Release: pairs with the acquire of who receives; the settings are seen with it. */
	atomic_fetch_add_explicit(&p->epoch, 1, memory_order_release);
}

void weir_pipe_port_accounting(const struct weir_pipe *p, uint8_t slot, struct weir_accounting *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		weir_accounting_add(out, &p->readers[i].acc[slot]);
		weir_accounting_add(out, &p->workers[i].acc[slot]);
	}
}

void weir_pipe_accounting(const struct weir_pipe *p, struct weir_accounting *out)
{
	struct weir_accounting port;

	memset(out, 0, sizeof(*out));
	for (uint8_t slot = 0; slot < WEIR_PIPE_PORTS_MAX; slot++) {
		weir_pipe_port_accounting(p, slot, &port);
		weir_accounting_add(out, &port);
	}
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
	const struct weir_view *view = weir_views_get(p->views);

	*out = (struct weir_pipe_shortages){ 0 };
	if (view->hints != NULL)
		out->hints = weir_hints_dropped(view->hints);
	for (unsigned int i = 0; i < p->opt.workers; i++) {
		const struct weir_fragment_counters *f = &p->readers[i].fragments->counters;
		const struct worker *w = &p->workers[i];

		out->fragments += f->exhausted + f->evicted;
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

void weir_pipe_worker_stats(const struct weir_pipe *p, unsigned int worker,
			    struct weir_pipe_worker_stats *out)
{
	const struct worker *w = &p->workers[worker];

	*out = (struct weir_pipe_worker_stats){
		.busy_cycles = w->cycles,
		.cycles = w->start_tsc != 0 ? rte_rdtsc() - w->start_tsc : 0,
		.packets = w->packets,
		.records_used = weir_ring_used(w->records),
		.records_slots = p->opt.record_slots,
		.flows = weir_flow_table_size(w->table),
		.flow_capacity = weir_flow_table_capacity(p->workers[worker].table),
	};
	if (w->in == NULL)
		return;
	out->ring_used = weir_ring_used(w->in);
	out->ring_slots = p->opt.input_bursts;
}

/* Nothing reads a view now: the reader is offline, the workers' rings are empty. */
static void publish(struct weir_pipe *p, struct weir_hints *hints)
{
	struct weir_view *view = view_create(hints);

	if (view != NULL) {
		view->inventory = weir_views_get(p->views)->inventory;
		view->policy = weir_views_get(p->views)->policy;
		view->generation = weir_views_get(p->views)->generation;
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

static void hints_forget(struct weir_pipe *p)
{
	for (unsigned int i = 0; i < p->opt.workers; i++)
		weir_hint_log_clear(p->workers[i].hints);
	/* Live, nothing was exchanged, and control may swap the view while a run begins. */
	if (p->opt.lossless && weir_views_get(p->views)->hints != NULL)
		publish(p, NULL);
}

/* A copy of the view, to be changed and published. Live, no hints are exchanged: who publishes is control. */
static struct weir_view *view_copy(const struct weir_pipe *p)
{
	const struct weir_view *view = weir_views_get(p->views);
	struct weir_view *copy = view_create(NULL);

	assert(view->hints == NULL);
	if (copy != NULL)
		*copy = *view;
	return copy;
}

/* The same, for who does not exchange hints: nobody, or a lossless pipe between two runs. */
static struct weir_view *view_copy_at_rest(struct weir_pipe *p)
{
	if (p->opt.lossless)
		hints_forget(p); /* of the last run; the next one does without */
	return view_copy(p);
}

int weir_pipe_inventory_set(struct weir_pipe *p, const struct weir_meta *inventory)
{
	struct weir_view *view = view_copy_at_rest(p);

	if (view == NULL)
		return -ENOMEM;
	view->inventory = inventory;
	view->generation++;
	weir_views_publish(p->views, view);
	return 0;
}

int weir_pipe_policy_set(struct weir_pipe *p, const struct weir_policy *policy)
{
	struct weir_view *view = view_copy_at_rest(p);

	if (view == NULL)
		return -ENOMEM;
	view->policy = policy;
	view->generation++;
	weir_views_publish(p->views, view);
	return 0;
}

int view_add_capture(struct weir_pipe *p, struct weir_capture *c)
{
	struct weir_view *view;

	if (weir_views_get(p->views)->n_captures == WEIR_CAPTURES_MAX)
		return -EBUSY;
	view = view_copy(p);
	if (view == NULL)
		return -ENOMEM;
	view->captures[view->n_captures++] = c;
	weir_views_publish(p->views, view);
	return 0;
}

void view_remove_capture(struct weir_pipe *p, const struct weir_capture *c)
{
	struct weir_view *view;
	unsigned int kept = 0;

	while ((view = view_copy(p)) == NULL)
		usleep(1000); /* it cannot stay in: who asks frees it */
	for (unsigned int i = 0; i < view->n_captures; i++)
		if (view->captures[i] != c)
			view->captures[kept++] = view->captures[i];
	view->n_captures = kept;
	weir_views_publish(p->views, view);
}
