/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of streams, and more bytes than a server wants to hold. */
#include "rpc_test.h"

#define STREAMS 2000

static struct weir_rpc_stream *all[STREAMS];
static unsigned int n_all;

static void push_many(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	(void)m;
	opened++;
	all[n_all++] = st;
}

static void on_over(struct weir_rpc_stream *st, bool was_cancelled)
{
	(void)st;
	closed++;
	cancelled += was_cancelled;
}

static void sync_quiet(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	Agent__SyncResponse answer = AGENT__SYNC_RESPONSE__INIT;

	(void)m;
	opened++;
	weir_rpc_stream_answer(st, &answer.base);
}

static const struct weir_rpc_method table[] = {
	{ PUSH, &agent__sync_request__descriptor, 0, false, true, push_many, NULL, NULL, on_over },
	{ SYNC, &agent__sync_request__descriptor, (size_t)1 << 30, false, false, sync_quiet, NULL,
	  NULL, on_over },
};

static void begin_many(size_t quota_bytes, unsigned int streams_max)
{
	const struct weir_rpc_listen at = { .address = "127.0.0.1:0" };
	const struct weir_rpc_serve conf = {
		.listens = &at,
		.n_listens = 1,
		.methods = table,
		.n_methods = WEIR_ARRAY_SIZE(table),
		.quota_bytes = quota_bytes,
		.streams_max = streams_max,
	};

	n_all = 0;
	begin();
	server = weir_rpc_server_start(rpc, &conf, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
}

static unsigned int heard, over;

static void on_news(struct weir_rpc_call *c, const ProtobufCMessage *m, void *user)
{
	(void)c;
	(void)m;
	(void)user;
	heard++;
}

static void on_over_here(struct weir_rpc_call *c, int status, const char *why, void *user)
{
	(void)c;
	(void)why;
	over++;
	*(unsigned int *)user += status == WEIR_RPC_UNAVAILABLE;
}

static void test_a_broadcast_reaches_two_thousand_streams_and_a_stop_ends_them(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	Agent__SyncResponse news = AGENT__SYNC_RESPONSE__INIT;
	const struct weir_rpc_request one = {
		.path = PUSH,
		.message = &rq.base,
		.answer = &agent__sync_response__descriptor,
		.timeout_ms = -1,
		.streams = true,
		.message_in = on_news,
		.end = on_over_here,
	};
	struct weir_rpc_packed *packed;
	struct weir_rpc_channel *ch;
	unsigned int unavailable = 0;
	char text[100] = "";

	begin_many(0, 2 * STREAMS);
	heard = over = 0;
	ch = dial();
	for (int i = 0; i < STREAMS; i++)
		weir_rpc_call_start(ch, &one, &unavailable);
	CU_ASSERT_TRUE(run_until(&n_all, STREAMS));
	memset(text, 'x', sizeof(text) - 1);
	news.user_config = text;
	packed = weir_rpc_packed_create(&news.base);
	for (unsigned int i = 0; i < STREAMS; i++)
		CU_ASSERT_TRUE(weir_rpc_stream_send_packed(all[i], packed));
	weir_rpc_packed_destroy(packed);
	CU_ASSERT_TRUE(run_until(&heard, STREAMS));
	weir_rpc_server_stop(server, 10000, on_gone, NULL);
	CU_ASSERT_TRUE(run_until(&gone, 1));
	CU_ASSERT_TRUE(run_until(&over, STREAMS));
	CU_ASSERT_EQUAL(unavailable, STREAMS);
	CU_ASSERT_EQUAL(cancelled, 0); /* each was told */
	end();
}

static void test_calls_over_the_number_of_a_connection_wait_and_none_fails(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct weir_rpc_channel *ch;
	struct went w[100] = { 0 };

	begin_many(0, 3);
	ch = dial();
	for (int i = 0; i < 100; i++)
		call(ch, SYNC, &rq.base, 20000, &w[i]);
	for (int i = 0; i < 100; i++) {
		CU_ASSERT_TRUE(run_until(&w[i].ends, 1));
		CU_ASSERT_EQUAL(w[i].status, WEIR_RPC_OK);
	}
	end();
}

/* Its limit lets 100 MiB through: a message is looked at when it is whole, and it never gets so far. */
static void test_a_message_larger_than_the_quota_is_refused_and_others_are_served(void)
{
	const size_t n = (size_t)96 << 20;
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct weir_rpc_channel *large, *other;
	struct went w = { 0 };

	begin_many((size_t)32 << 20, 0);
	large = dial();
	other = dial();
	rq.host = malloc(n + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rq.host);
	memset(rq.host, 'h', n);
	rq.host[n] = '\0';
	call(large, SYNC, &rq.base, 20000, &w);
	free(rq.host);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_RESOURCE_EXHAUSTED);
	CU_ASSERT_EQUAL(opened, 0);
	CU_ASSERT_EQUAL(sync_once(other, 0).status, WEIR_RPC_OK);
	end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a broadcast reaches two thousand streams, and a stop ends them",
		  test_a_broadcast_reaches_two_thousand_streams_and_a_stop_ends_them },
		{ "calls over the number of a connection wait, and none fails",
		  test_calls_over_the_number_of_a_connection_wait_and_none_fails },
		{ "a message larger than the quota is refused, and others are served",
		  test_a_message_larger_than_the_quota_is_refused_and_others_are_served },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rpc/many", tests);
}
