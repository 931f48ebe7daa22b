/* SPDX-License-Identifier: Apache-2.0 */
/* A loop, a server of the controller's kind on it, and calls to it that note how they went. */
#ifndef RPC_TEST_H
#define RPC_TEST_H

#include "weir_test.h"

#include <weir_rpc.h>

#include <event2/event.h>

#include <agent.pb-c.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <trident.pb-c.h>

#define SYNC    "/agent.Synchronizer/Sync"
#define PUSH    "/agent.Synchronizer/Push"
#define UPGRADE "/agent.Synchronizer/Upgrade"
#define QUERY   "/agent.Synchronizer/Query"
#define EXECUTE "/agent.Synchronizer/RemoteExecute"

/* Also where no test runs: in a process that a test started. */
#define MUST(x) ((x) ? (void)0 : abort())

#define PIECES  40 /* of an upgrade, of this many bytes each */
#define PIECE   ((size_t)300000)

static struct event_base *base;
static struct weir_rpc *rpc;
static struct weir_rpc_server *server;
static unsigned int opened, closed, cancelled, gone;
static struct weir_rpc_stream *pushes[64];
static unsigned int n_pushes;
static char identity[256]; /* of the last who called Sync */
static bool certified;     /* by its certificate */

/* ---- the server ---- */

static void on_closed(struct weir_rpc_stream *st, bool was_cancelled)
{
	closed++;
	cancelled += was_cancelled;
	for (unsigned int i = 0; i < n_pushes; i++)
		if (pushes[i] == st)
			pushes[i--] = pushes[--n_pushes];
}

/* Says the host back as the wanted revision; a custom_app_config asks for that many bytes. */
static void sync_open(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	const Agent__SyncRequest *rq = (const Agent__SyncRequest *)m;
	Agent__SyncResponse answer = AGENT__SYNC_RESPONSE__INIT;

	opened++;
	snprintf(identity, sizeof(identity), "%s", weir_rpc_stream_identity(st, &certified));
	answer.has_status = true;
	answer.revision = rq->host;
	answer.has_platform_data = rq->has_memory_size;
	answer.platform_data.len = rq->has_memory_size ? rq->memory_size : 0;
	answer.platform_data.data = calloc(1, answer.platform_data.len + 1);
	weir_rpc_stream_answer(st, &answer.base);
	free(answer.platform_data.data);
}

static void push_open(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	Agent__SyncResponse answer = AGENT__SYNC_RESPONSE__INIT;

	opened++;
	answer.revision = ((const Agent__SyncRequest *)m)->host;
	pushes[n_pushes++] = st;
	MUST(weir_rpc_stream_send(st, &answer.base));
}

static unsigned int pieces_sent;

static void upgrade_go_on(struct weir_rpc_stream *st)
{
	static uint8_t piece[PIECE];
	Agent__UpgradeResponse answer = AGENT__UPGRADE_RESPONSE__INIT;

	answer.has_content = answer.has_pkt_count = true;
	answer.content = (ProtobufCBinaryData){ sizeof(piece), piece };
	while (pieces_sent < PIECES) {
		answer.pkt_count = pieces_sent;
		if (!weir_rpc_stream_send(st, &answer.base))
			return;
		pieces_sent++;
	}
	weir_rpc_stream_finish(st, WEIR_RPC_OK, NULL);
}

static void upgrade_open(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	(void)m;
	opened++;
	pieces_sent = 0;
	upgrade_go_on(st);
}

/* Never answers: a deadline, a cancel or a stop is all that ends it. */
static void query_open(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	(void)st;
	(void)m;
	opened++;
}

static void execute_open(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	(void)st;
	MUST(m == NULL);
	opened++;
}

/* Each message back, by its number. */
static void execute_message(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	const Agent__RemoteExecResponse *in = (const Agent__RemoteExecResponse *)m;
	Agent__RemoteExecRequest out = AGENT__REMOTE_EXEC_REQUEST__INIT;

	if (m == NULL) {
		weir_rpc_stream_finish(st, WEIR_RPC_OK, NULL);
		return;
	}
	out.has_request_id = true;
	out.request_id = in->request_id;
	MUST(weir_rpc_stream_send(st, &out.base));
}

static const struct weir_rpc_method methods[] = {
	{ SYNC, &agent__sync_request__descriptor, 0, false, false, sync_open, NULL, NULL,
	  on_closed },
	{ PUSH, &agent__sync_request__descriptor, 0, false, true, push_open, NULL, NULL,
	  on_closed },
	{ UPGRADE, &agent__upgrade_request__descriptor, 0, false, false, upgrade_open, NULL,
	  upgrade_go_on, on_closed },
	{ QUERY, &agent__ntp_request__descriptor, 4096, false, false, query_open, NULL, NULL,
	  on_closed },
	{ EXECUTE, &agent__remote_exec_response__descriptor, 0, true, false, execute_open,
	  execute_message, NULL, on_closed },
};

/* ---- the loop ---- */

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Run the loop until `*n` is at least `want`; false after 20 s. */
static bool run_until(const unsigned int *n, unsigned int want)
{
	struct timeval limit = { .tv_sec = 20 };
	bool late = false;
	struct event *ev = event_new(base, -1, 0, on_late, &late);

	event_add(ev, &limit);
	while (*n < want && !late)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	return *n >= want;
}

/* Run the loop for so long. */
static inline void run_ms(unsigned int ms)
{
	struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
	bool late = false;
	struct event *ev = event_new(base, -1, 0, on_late, &late);

	event_add(ev, &limit);
	while (!late)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
}

static inline void on_gone(void *user)
{
	(void)user;
	gone++;
}

/* A server with `methods`, on loopback; `files` NULL: cleartext. */
static struct weir_rpc_server *serve(const struct weir_cert_files *files, bool mutual,
				     const char *address, struct weir_err *err)
{
	const struct weir_rpc_listen at = { address, files, mutual };
	const struct weir_rpc_serve conf = {
		.listens = &at,
		.n_listens = 1,
		.methods = methods,
		.n_methods = WEIR_ARRAY_SIZE(methods),
		.receive_max_bytes = 1 << 20,
	};

	return weir_rpc_server_start(rpc, &conf, err);
}

static void begin(void)
{
	struct weir_err err = { 0 };

	opened = closed = cancelled = gone = n_pushes = 0;
	base = event_base_new();
	rpc = weir_rpc_create(base, &err);
	MUST(rpc != NULL);
}

static inline void begin_served(void)
{
	begin();
	server = serve(NULL, false, "127.0.0.1:0", NULL);
	MUST(server != NULL);
}

/* Everything goes; what was opened was closed. */
static void end(void)
{
	weir_rpc_destroy(rpc);
	event_base_free(base);
	CU_ASSERT_EQUAL(opened, closed);
}

/* ---- calls ---- */

struct went {
	unsigned int messages, rooms, ends;
	int status;
	char why[512];
	char revision[64];      /* of the last answer */
	size_t bytes;           /* of platform data, or of an upgrade */
	unsigned int cancel_in; /* message (1) or room (2) number one */
	struct weir_rpc_channel *close_in_message;
	size_t budget_bytes;
	const ProtobufCMessageDescriptor *answer; /* NULL: the usual one */
};

static inline struct weir_rpc_channel *dial_for(const struct weir_cert_files *files,
						const char *name, struct weir_err *err)
{
	char target[64];
	const struct weir_rpc_peer peer = { .target = target, .files = files, .name = name };

	snprintf(target, sizeof(target), "127.0.0.1:%u", weir_rpc_server_port(server, 0));
	return weir_rpc_channel_open(rpc, &peer, err);
}

static inline struct weir_rpc_channel *dial(void)
{
	struct weir_rpc_channel *ch = dial_for(NULL, NULL, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ch);
	return ch;
}

static void message_in(struct weir_rpc_call *call, const ProtobufCMessage *m, void *user)
{
	struct went *w = user;

	w->messages++;
	MUST(w->ends == 0);
	if (m->descriptor == &agent__sync_response__descriptor) {
		const Agent__SyncResponse *answer = (const Agent__SyncResponse *)m;

		snprintf(w->revision, sizeof(w->revision), "%s",
			 answer->revision != NULL ? answer->revision : "");
		w->bytes = answer->platform_data.len;
	} else if (m->descriptor == &agent__upgrade_response__descriptor) {
		const Agent__UpgradeResponse *piece = (const Agent__UpgradeResponse *)m;

		MUST(piece->pkt_count == w->messages - 1);
		w->bytes += piece->content.len;
	}
	if (w->cancel_in == 1)
		weir_rpc_call_cancel(call);
	weir_rpc_channel_close(w->close_in_message);
	w->close_in_message = NULL;
}

static void room(struct weir_rpc_call *call, void *user)
{
	struct went *w = user;

	w->rooms++;
	if (w->cancel_in == 2)
		weir_rpc_call_cancel(call);
}

static void on_end(struct weir_rpc_call *call, int status, const char *why, void *user)
{
	struct went *w = user;

	(void)call;
	w->ends++;
	w->status = status;
	snprintf(w->why, sizeof(w->why), "%s", why);
}

/* The call of `path` with an answer of its usual kind. */
static inline struct weir_rpc_call *call(struct weir_rpc_channel *ch, const char *path,
					 const ProtobufCMessage *m, int timeout_ms, struct went *w)
{
	struct weir_rpc_request rq = {
		.path = path,
		.message = m,
		.answer = &agent__sync_response__descriptor,
		.budget_bytes = w->budget_bytes,
		.timeout_ms = timeout_ms,
		.message_in = message_in,
		.room = room,
		.end = on_end,
	};

	if (strcmp(path, QUERY) == 0)
		rq.answer = &agent__ntp_response__descriptor;
	if (strcmp(path, UPGRADE) == 0)
		rq.answer = &agent__upgrade_response__descriptor;
	if (strcmp(path, EXECUTE) == 0)
		rq.answer = &agent__remote_exec_request__descriptor;
	if (w->answer != NULL)
		rq.answer = w->answer;
	rq.sends = strcmp(path, EXECUTE) == 0;
	rq.streams = rq.sends || strcmp(path, UPGRADE) == 0 || strcmp(path, PUSH) == 0;
	return weir_rpc_call_start(ch, &rq, w);
}

/* One Sync from start to end; the answer has `bytes` bytes of platform data. */
static inline struct went sync_once(struct weir_rpc_channel *ch, size_t bytes)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	char host[] = "host-a";
	struct went w = { 0 };

	rq.host = host;
	rq.has_memory_size = bytes > 0;
	rq.memory_size = bytes;
	call(ch, SYNC, &rq.base, 10000, &w);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	return w;
}

#endif
