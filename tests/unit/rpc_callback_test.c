/* SPDX-License-Identifier: Apache-2.0 */
/* What may be done in a callback: finish, stop the server, start the next call, close the channel. */
#include "rpc_test.h"

/* What the methods of this file do, by what the client asks: the host of its request. */
static void finish(struct weir_rpc_stream *st)
{
	weir_rpc_stream_finish(st, WEIR_RPC_ABORTED, "as asked");
	weir_rpc_stream_finish(st, WEIR_RPC_OK, "too late");
}

static const char *asked;

static bool ask_is(const char *what)
{
	return strcmp(asked, what) == 0;
}

static void on_open(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	Agent__SyncResponse answer = AGENT__SYNC_RESPONSE__INIT;

	(void)m;
	opened++;
	weir_rpc_stream_user_set(st, &opened);
	CU_ASSERT_PTR_EQUAL(weir_rpc_stream_server_user(st), &asked);
	if (ask_is("finish in open"))
		finish(st);
	if (ask_is("stop in open"))
		weir_rpc_server_stop(server, 0, on_gone, NULL);
	if (ask_is("answer twice"))
		weir_rpc_stream_answer(st, &answer.base);
	if (ask_is("answer twice") || ask_is("answer") || ask_is("stop in closed"))
		weir_rpc_stream_answer(st, &answer.base);
	if (ask_is("finish in room"))
		CU_ASSERT_TRUE(weir_rpc_stream_send(st, &answer.base));
	if (ask_is("finish after five"))
		while (weir_rpc_stream_send(st, &answer.base))
			;
	if (ask_is("finish after five"))
		finish(st);
}

static void on_room(struct weir_rpc_stream *st)
{
	CU_ASSERT_FALSE(ask_is("finish after five"));
	if (ask_is("finish in room"))
		finish(st);
}

static void on_over(struct weir_rpc_stream *st, bool was_cancelled)
{
	Agent__SyncResponse answer = AGENT__SYNC_RESPONSE__INIT;

	closed++;
	cancelled += was_cancelled;
	CU_ASSERT_PTR_EQUAL(weir_rpc_stream_user(st), &opened);
	CU_ASSERT_FALSE(weir_rpc_stream_send(st, &answer.base));
	weir_rpc_stream_answer(st, &answer.base);
	finish(st);
	if (ask_is("stop in closed"))
		weir_rpc_server_stop(server, 0, on_gone, NULL);
}

static const struct weir_rpc_method table[] = {
	{ PUSH, &agent__sync_request__descriptor, 0, false, false, on_open, NULL, on_room,
	  on_over },
};

/* How a call goes that asks for `what`. */
static struct went ask_for(const char *what)
{
	const struct weir_rpc_listen at = { .address = "127.0.0.1:0" };
	const struct weir_rpc_serve conf = {
		.listens = &at, .n_listens = 1, .methods = table, .n_methods = 1, .user = &asked
	};
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct went w = { 0 };

	asked = what;
	begin();
	server = weir_rpc_server_start(rpc, &conf, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
	call(dial(), PUSH, &rq.base, 10000, &w);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT_TRUE(run_until(&closed, 1));
	if (strncmp(what, "stop", 4) == 0)
		CU_ASSERT_TRUE(run_until(&gone, 1));
	end();
	return w;
}

static void test_a_stream_can_be_finished_in_open_and_in_room(void)
{
	struct went w = ask_for("finish in open");

	CU_ASSERT_EQUAL(w.status, WEIR_RPC_ABORTED);
	CU_ASSERT_STRING_EQUAL(w.why, "as asked");
	w = ask_for("finish in room");
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_ABORTED);
	CU_ASSERT_EQUAL(w.messages, 1);
}

static void test_what_was_sent_before_a_finish_arrives_before_it(void)
{
	struct went w = ask_for("finish after five");

	CU_ASSERT_EQUAL(w.status, WEIR_RPC_ABORTED);
	CU_ASSERT_EQUAL(w.messages, 1 + WEIR_RPC_QUEUE);
}

static void test_a_second_answer_is_not_sent(void)
{
	struct went w = ask_for("answer twice");

	CU_ASSERT_EQUAL(w.status, WEIR_RPC_OK);
	CU_ASSERT_EQUAL(w.messages, 1);
	CU_ASSERT_EQUAL(cancelled, 0);
}

static void test_the_server_can_be_stopped_in_open_and_in_closed(void)
{
	CU_ASSERT_EQUAL(ask_for("stop in open").status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_EQUAL(ask_for("stop in closed").status, WEIR_RPC_OK);
}

/* ---- what a client does in its `end` ---- */

static struct weir_rpc_channel *channel;
static unsigned int rounds;

static void next_round(struct weir_rpc_call *c, int status, const char *why, void *user);

static void start_round(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	const struct weir_rpc_request one = {
		.path = SYNC,
		.message = &rq.base,
		.answer = &agent__sync_response__descriptor,
		.timeout_ms = 10000,
		.end = next_round,
	};

	weir_rpc_call_start(channel, &one, NULL);
}

static void next_round(struct weir_rpc_call *c, int status, const char *why, void *user)
{
	(void)c;
	(void)why;
	(void)user;
	CU_ASSERT_EQUAL(status, WEIR_RPC_OK);
	if (++rounds < 500) {
		start_round();
		return;
	}
	weir_rpc_channel_close(channel);
}

static void test_the_next_call_can_be_started_and_the_channel_closed_in_an_end(void)
{
	begin_served();
	channel = dial();
	rounds = 0;
	start_round();
	CU_ASSERT_TRUE(run_until(&rounds, 500));
	end();
}

/* 192.0.2.1 (RFC 5737): nobody answers there, or the kernel says at once that there is no way. */
static void test_a_channel_can_be_closed_while_it_connects(void)
{
	const struct weir_rpc_peer peer = { .target = "192.0.2.1:30035" };
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct weir_rpc_channel *ch;
	struct went w = { 0 }, left = { 0 };

	begin();
	ch = weir_rpc_channel_open(rpc, &peer, NULL);
	call(ch, SYNC, &rq.base, 60000, &w);
	run_ms(50);
	weir_rpc_channel_close(ch);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT(w.status == WEIR_RPC_CANCELLED || w.status == WEIR_RPC_UNAVAILABLE);
	call(weir_rpc_channel_open(rpc, &peer, NULL), SYNC, &rq.base, 60000, &left);
	end();
	CU_ASSERT_EQUAL(left.ends, 1);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a stream can be finished in open and in room",
		  test_a_stream_can_be_finished_in_open_and_in_room },
		{ "what was sent before a finish arrives before it",
		  test_what_was_sent_before_a_finish_arrives_before_it },
		{ "a second answer is not sent", test_a_second_answer_is_not_sent },
		{ "the server can be stopped in open and in closed",
		  test_the_server_can_be_stopped_in_open_and_in_closed },
		{ "the next call can be started, and the channel closed, in an end",
		  test_the_next_call_can_be_started_and_the_channel_closed_in_an_end },
		{ "a channel can be closed while it connects",
		  test_a_channel_can_be_closed_while_it_connects },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rpc/callback", tests);
}
