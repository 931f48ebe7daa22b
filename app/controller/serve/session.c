/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of an agent between its calls, above all which tables it holds: one that is told a version it has not,
 * without the bytes, drops its table (control plane, 1.6). Answers to Sync and Push come on two ways, and overtake each
 * other where an agent is busy. So for a second after a Sync no table is pushed, and what was pushed counts as held only
 * if no older answer can arrive behind it.
 */
#include "serve_priv.h"

#include <stdlib.h>

#define ARRIVES_WITHIN (5 * WEIR_NS_PER_S)

struct serve_session *serve_session_of(struct serve *s, const struct site_agent *a)
{
	struct serve_session *se = a->session;

	if (se != NULL)
		return se;
	se = calloc(1, sizeof(*se));
	if (se == NULL)
		return NULL;
	se->agent_id = a->id;
	TAILQ_INIT(&se->pushes);
	site_agent_session(s->o.site, a, se);
	return se;
}

static void says(struct serve_session *se, const struct serve_hello *h, bool watch)
{
	se->held = h->held;
	se->buffer_bytes = h->site.facts.buffer_bytes;
	se->watch = watch;
}

/* The answer may have arrived or not: it holds what it said or what it was told, and so bytes come with either. */
static void doubt(struct serve_session *se)
{
	if (se->answered != 0 && se->answered != se->held.platform)
		se->held.platform = 0;
}

void serve_session_synced(struct serve_session *se, const struct serve_hello *h,
			  const struct serve_answer *a)
{
	struct push *p;

	says(se, h, a->watch);
	se->answered = a->partial ? 0 : a->versions.platform;
	se->answered_ns = weir_clock_mono_ns();
	se->arrived = false;
	doubt(se);
	TAILQ_FOREACH(p, &se->pushes, entry)
		p->trusted = false; /* what it says itself is better */
}

void serve_session_pushes(struct serve_session *se, const struct serve_hello *h, bool watch)
{
	says(se, h, watch);
	se->arrived = h->held.platform == se->answered;
	if (weir_clock_mono_ns() - se->answered_ns < ARRIVES_WITHIN)
		doubt(se);
}

bool serve_session_is_settled(const struct serve_session *se)
{
	return se->held.platform != 0 && se->held.platform == se->answered &&
	       (se->arrived || weir_clock_mono_ns() - se->answered_ns > ARRIVES_WITHIN);
}

bool serve_session_is_answered_now(const struct serve_session *se)
{
	return se->answered_ns != 0 && !se->arrived &&
	       weir_clock_mono_ns() - se->answered_ns < SERVE_HOLD_MS * WEIR_NS_PER_MS;
}
