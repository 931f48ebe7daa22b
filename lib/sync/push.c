/* SPDX-License-Identifier: Apache-2.0 */
/* The Push stream: answers that come when something changes. Opened once a Sync was answered. */
#include "session.h"

#include <event2/event.h>

#include <stdio.h>

#define AGAIN        (10 * WEIR_NS_PER_S)
#define AGAIN_FAILED (60 * WEIR_NS_PER_S)

static void on_push(struct weir_rpc_call *call, const ProtobufCMessage *m, void *user)
{
	struct weir_sync *s = user;
	enum weir_sync_status status = WEIR_SYNC_HEARTBEAT;
	bool with_config = false;

	if (s->push != call)
		return;
	s->n.pushes++;
	weir_sync_apply(s, m, true, &status, &with_config);
	if (status != WEIR_SYNC_FAILED)
		return;
	s->push_failed = true;
	weir_rpc_call_cancel(call);
}

static void on_push_end(struct weir_rpc_call *call, int status, const char *why, void *user)
{
	struct weir_sync *s = user;
	uint64_t wait = weir_sync_or(s->o.push_again_ns, AGAIN);

	if (s->push != call)
		return;
	s->push = NULL;
	if (status == WEIR_RPC_UNIMPLEMENTED || s->push_failed)
		wait = weir_sync_or(s->o.push_again_ns, AGAIN_FAILED);
	if (status != WEIR_RPC_OK && !s->push_failed && s->state == WEIR_SYNC_IN_CONTACT)
		weir_log_about(WEIR_LOG_INFO, "controller", s->server, "Push ended: %s: %s",
			       weir_rpc_status_name(status), why);
	weir_sync_at(s->push_at, weir_sync_backoff(wait, wait, 1, weir_random_u64()));
}

void weir_sync_push_open(struct weir_sync *s)
{
	union weir_sync_request message;
	char path[64];
	struct weir_rpc_request rq = {
		.path = weir_sync_path(s, "Push", path),
		.answer = s->dialect == WEIR_SYNC_AGENT ? &agent__sync_response__descriptor
							: &trident__sync_response__descriptor,
		.budget_bytes = weir_min_u64(BUDGET_TIMES * s->buffer_bytes, BUDGET_MOST),
		.timeout_ms = -1,
		.streams = true,
		.message_in = on_push,
		.end = on_push_end,
	};

	s->push_failed = false;
	rq.message = weir_sync_ask_make(s, &message);
	s->push = weir_rpc_call_start(s->channel, &rq, s);
}

void weir_sync_push_close(struct weir_sync *s)
{
	struct weir_rpc_call *call = s->push;

	s->push = NULL; /* its end counts no more */
	event_del(s->push_at);
	if (call != NULL)
		weir_rpc_call_cancel(call);
}
