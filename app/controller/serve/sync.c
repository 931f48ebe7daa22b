/* SPDX-License-Identifier: Apache-2.0 */
/* Sync: an agent says who it is and what it holds, and is told all that it is to have. Control plane, 1.5 and 1.6. */
#include "serve_priv.h"

#include <errno.h>

#define BUFFER_MAX ((uint64_t)1 << 30)

bool serve_seen(struct weir_rpc_stream *st, struct serve_hello *h, bool push,
		struct site_seen *seen)
{
	struct weir_err err = { 0 };
	struct serve_peer peer;

	serve_peer(st, &peer);
	h->site.peer = peer.name;
	h->site.certified = peer.certified;
	if (site_agent_seen(serve_of(st)->o.site, &h->site, push, seen, &err) < 0) {
		weir_rpc_stream_finish(st, WEIR_RPC_UNAVAILABLE, err.msg);
		return false;
	}
	if (seen->verdict != SITE_REFUSED)
		return true;
	serve_refuse(st, seen->why); /* the site has said it in the log */
	return false;
}

/* Room for so many bytes, and some more: the tables grow. */
static uint64_t buffer_for(uint64_t bytes)
{
	uint64_t n = SERVE_BUFFER_MIN;

	while (n < bytes + bytes / 4 && n < BUFFER_MAX)
		n *= 2;
	return n;
}

/* An answer larger than what the agent takes says so instead, and how much it is to take. */
static void fit(struct serve *s, const struct serve_hello *h, struct serve_answer *a,
		struct serve_parts *parts)
{
	const uint64_t room = h->site.facts.buffer_bytes;

	if (room < SERVE_BUFFER_MIN || parts->bytes <= room)
		return;
	a->partial = true;
	a->buffer_bytes = buffer_for(parts->bytes);
	serve_parts_free(parts);
	serve_parts_make(s, h->site.trident, a, parts);
}

void serve_sync(struct weir_rpc_stream *st, struct serve_hello *h)
{
	struct serve *s = serve_of(st);
	struct serve_session *se = NULL;
	struct serve_answer a;
	struct serve_parts parts;
	struct site_seen seen;

	if (!serve_seen(st, h, false, &seen))
		return;
	s->n.syncs++;
	serve_answer_make(s,
			  &(struct serve_for){ .agent = seen.agent,
					       .group = seen.group,
					       .trident = h->site.trident,
					       .watch = seen.watch_kubernetes,
					       .type = seen.type },
			  &h->held, &a);
	serve_parts_make(s, h->site.trident, &a, &parts);
	fit(s, h, &a, &parts);
	if (parts.n == 0) {
		weir_rpc_stream_finish(st, WEIR_RPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	if (seen.agent != NULL)
		se = serve_session_of(s, seen.agent);
	if (se != NULL)
		serve_session_synced(se, h, &a);
	weir_rpc_stream_answer_parts(st, (const struct weir_rpc_packed *const *)parts.v, parts.n);
	serve_parts_free(&parts);
}
