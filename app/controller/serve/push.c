/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Push: all at once when it is opened, then what changes. A stream has at most one message under way: who reads slowly
 * is marked, and gets what is true when there is room again. Control plane, 2.6.
 */
#include "serve_priv.h"

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define AT_ONCE    256 /* streams a turn of the loop: Syncs are answered between */
#define PUSHES_MAX 4   /* of one agent: a connection that broke unheard is noticed later */

/* Tables that change again and again take so much of an agent's line: the next one waits for it. */
#define TABLE_BYTES_PER_S ((uint64_t)256 << 10)
#define TABLE_WAIT_MAX    (20 * WEIR_NS_PER_S)

static const struct timeval soon = { 0, 0 }, hold = { SERVE_HOLD_MS / 1000, 0 };

static void unlist(struct push *p)
{
	if (p->list != NULL)
		TAILQ_REMOVE(p->list, p, list_entry);
	p->list = NULL;
}

static void list(struct push *p, struct serve_pushes *to, struct event *ev,
		 const struct timeval *when)
{
	unlist(p);
	if (TAILQ_EMPTY(to))
		event_add(ev, when);
	p->list = to;
	TAILQ_INSERT_TAIL(to, p, list_entry);
}

static void touch(struct serve *s, struct push *p)
{
	if (p->busy) {
		s->n.pushes_skipped += !p->again;
		p->again = true;
	} else if (p->list != &s->dirty) {
		list(p, &s->dirty, s->flush, &soon);
	}
}

/* ---- one message ---- */

/* Whom it is for, as things are now. False: it is over. */
static bool whose(struct serve *s, const struct push *p, struct serve_for *f)
{
	const struct serve_session *se = p->session;

	*f = (struct serve_for){ .trident = p->trident };
	if (se == NULL) {
		f->group = site_group_named(s->o.site, p->group);
		if (f->group == NULL)
			f->group = site_group_default(s->o.site);
		f->watch = p->watch;
		f->type = p->type;
		return true;
	}
	f->agent = site_agent_of(s->o.site, se->agent_id);
	if (f->agent == NULL)
		return false;
	f->group = f->agent->group;
	f->watch = se->watch;
	return true;
}

static const struct serve_versions *held(const struct push *p)
{
	static const struct serve_versions none;

	if (p->trusted)
		return &p->pushed;
	return p->session != NULL ? &p->session->held : &none;
}

/*
 * While an answer to its Sync may be on its way the agent is not told of other tables: that answer could come behind them,
 * and say the version before without the bytes. Nor is it while the one before is paid for. Version 0 leaves what it holds.
 */
static void hold_back(struct serve *s, struct push *p, struct serve_answer *a)
{
	if (p->session == NULL || !a->tables || a->versions.platform == held(p)->platform ||
	    (!serve_session_is_answered_now(p->session) && weir_clock_mono_ns() >= p->table_ns))
		return;
	a->versions.platform = 0;
	a->platform = NULL;
	list(p, &s->held, s->unhold, &hold);
}

/* Larger than what the agent takes: it is told to ask, and its Sync tells it to take more. */
static void fit(struct serve *s, const struct push *p, struct serve_answer *a,
		struct serve_parts *parts)
{
	const uint64_t room = p->session != NULL ? p->session->buffer_bytes : 0;

	if (room < SERVE_BUFFER_MIN || parts->bytes <= room)
		return;
	a->failed = true;
	serve_parts_free(parts);
	serve_parts_make(s, p->trident, a, parts);
}

static void note_tables(struct push *p, const struct serve_answer *a)
{
	const size_t n = a->platform != NULL ? a->platform->n : 0;

	p->trusted = p->trusted || serve_session_is_settled(p->session);
	p->pushed = a->versions;
	if (n > 0)
		p->table_ns = weir_clock_mono_ns() +
			      weir_min_u64(n * WEIR_NS_PER_S / TABLE_BYTES_PER_S, TABLE_WAIT_MAX);
}

static void send_now(struct serve *s, struct push *p, bool first)
{
	struct serve_answer a;
	struct serve_parts parts;
	struct serve_for f;
	uint64_t hash;

	if (!whose(s, p, &f))
		return;
	serve_answer_make(s, &f, held(p), &a);
	if (!first)
		hold_back(s, p, &a);
	hash = serve_answer_hash(&a);
	if (!first && hash == p->sent)
		return;
	serve_parts_make(s, p->trident, &a, &parts);
	fit(s, p, &a, &parts);
	if (parts.n > 0 &&
	    weir_rpc_stream_send_parts(p->st, (const struct weir_rpc_packed *const *)parts.v,
				       parts.n)) {
		p->busy = true;
		p->sent = hash;
		s->n.pushes_sent++;
		if (p->session != NULL && !a.failed && a.versions.platform != 0)
			note_tables(p, &a);
	}
	serve_parts_free(&parts);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct serve *s = arg;
	struct push *p;

	(void)fd;
	(void)what;
	for (int i = 0; i < AT_ONCE && (p = TAILQ_FIRST(&s->dirty)) != NULL; i++) {
		unlist(p);
		send_now(s, p, false);
	}
	if (!TAILQ_EMPTY(&s->dirty))
		event_add(s->flush, &soon);
}

static void on_unhold(evutil_socket_t fd, short what, void *arg)
{
	struct serve *s = arg;
	struct push *p;

	(void)fd;
	(void)what;
	while ((p = TAILQ_FIRST(&s->held)) != NULL) {
		unlist(p);
		touch(s, p);
	}
}

/* ---- a stream ---- */

static struct serve_pushes *list_of(struct serve *s, struct push *p)
{
	return p->session != NULL ? &p->session->pushes : &s->nobodys;
}

/* Nothing is sent any more; it is freed when it is closed. */
static void leave(struct serve *s, struct push *p)
{
	if (p->over)
		return;
	p->over = true;
	unlist(p);
	TAILQ_REMOVE(list_of(s, p), p, entry);
	if (p->session != NULL)
		p->session->n_pushes--;
	p->session = NULL;
	s->n.pushes_open--;
}

static void end(struct serve *s, struct push *p, int status, const char *why)
{
	leave(s, p);
	weir_rpc_stream_finish(p->st, status, why);
}

/* False: no memory. */
static bool join(struct serve *s, struct push *p, const struct serve_hello *h,
		 const struct site_seen *seen)
{
	struct serve_session *se;

	if (seen->agent == NULL) {
		snprintf(p->group, sizeof(p->group), "%s", seen->group->short_id);
		p->watch = seen->watch_kubernetes;
		p->type = seen->type;
		return true;
	}
	se = serve_session_of(s, seen->agent);
	if (se == NULL)
		return false;
	if (se->n_pushes == PUSHES_MAX)
		end(s, TAILQ_LAST(&se->pushes, serve_pushes), WEIR_RPC_ABORTED,
		    "this agent has opened Push again, from elsewhere");
	serve_session_pushes(se, h, seen->watch_kubernetes);
	se->n_pushes++;
	p->session = se;
	return true;
}

void serve_push_open(struct weir_rpc_stream *st, struct serve_hello *h)
{
	struct serve *s = serve_of(st);
	struct site_seen seen;
	struct push *p;

	if (!serve_seen(st, h, true, &seen))
		return;
	p = calloc(1, sizeof(*p));
	if (p == NULL || !join(s, p, h, &seen)) {
		free(p);
		weir_rpc_stream_finish(st, WEIR_RPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	p->st = st;
	p->trident = h->site.trident;
	TAILQ_INSERT_HEAD(list_of(s, p), p, entry);
	s->n.pushes_open++;
	weir_rpc_stream_user_set(st, p);
	send_now(s, p, true);
}

void serve_push_room(struct weir_rpc_stream *st)
{
	struct push *p = weir_rpc_stream_user(st);

	if (p == NULL || p->over)
		return;
	p->busy = false;
	if (p->again)
		touch(serve_of(st), p);
	p->again = false;
}

void serve_push_closed(struct weir_rpc_stream *st, bool cancelled)
{
	struct push *p = weir_rpc_stream_user(st);

	(void)cancelled;
	if (p == NULL)
		return;
	leave(serve_of(st), p);
	free(p);
}

/* ---- what changes ---- */

static void touch_agent(struct serve *s, const struct site_agent *a)
{
	struct serve_session *se = a->session;
	struct push *p;

	if (se == NULL)
		return;
	TAILQ_FOREACH(p, &se->pushes, entry)
		touch(s, p);
}

static void on_tables(void *ctx, const struct site_agent *a)
{
	touch_agent(ctx, a);
}

static void on_agent(void *ctx, const struct site_agent *a)
{
	touch_agent(ctx, a);
}

static void on_config(void *ctx, const struct site_group *g)
{
	struct serve *s = ctx;
	const struct site_agent *a = NULL;
	struct push *p;

	while ((a = site_agent_next(s->o.site, a)) != NULL)
		if (a->group == g)
			touch_agent(s, a);
	TAILQ_FOREACH(p, &s->nobodys, entry)
		touch(s, p);
}

static void on_agent_gone(void *ctx, const struct site_agent *a)
{
	struct serve *s = ctx;
	struct serve_session *se = a->session;
	struct push *p;

	if (se == NULL)
		return;
	while ((p = TAILQ_FIRST(&se->pushes)) != NULL)
		end(s, p, WEIR_RPC_NOT_FOUND, "this agent is not one of the site's any more");
	site_agent_session(s->o.site, a, NULL);
	free(se);
}

int serve_push_start(struct serve *s)
{
	TAILQ_INIT(&s->nobodys);
	TAILQ_INIT(&s->dirty);
	TAILQ_INIT(&s->held);
	s->flush = evtimer_new(s->o.base, on_flush, s);
	s->unhold = evtimer_new(s->o.base, on_unhold, s);
	return s->flush != NULL && s->unhold != NULL ? 0 : -ENOMEM;
}

void serve_push_watch(struct serve *s)
{
	site_watch_add(s->o.site, &(struct site_watch){ .config = on_config,
							.agent = on_agent,
							.agent_gone = on_agent_gone,
							.ctx = s });
	inventory_watch(s->o.inventory, on_tables, s);
}

void serve_push_stop(struct serve *s)
{
	const struct site_agent *a = NULL;

	while ((a = site_agent_next(s->o.site, a)) != NULL) {
		free(a->session);
		site_agent_session(s->o.site, a, NULL);
	}
	event_free(s->flush);
	event_free(s->unhold);
}
