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
	const struct weir_rpc_packed *part;
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
	news.has_user_config = true;
	news.user_config = (ProtobufCBinaryData){ sizeof(text) - 1, (uint8_t *)text };
	part = packed = weir_rpc_packed_create(&news.base);
	for (unsigned int i = 0; i < STREAMS; i++)
		CU_ASSERT_TRUE(weir_rpc_stream_send_parts(all[i], &part, 1));
	weir_rpc_packed_destroy(packed);
	CU_ASSERT_TRUE(run_until(&heard, STREAMS));
	weir_rpc_server_stop(server, 10000, on_gone, NULL);
	CU_ASSERT_TRUE(run_until(&gone, 1));
	CU_ASSERT_TRUE(run_until(&over, STREAMS));
	CU_ASSERT_EQUAL(unavailable, STREAMS);
	CU_ASSERT_EQUAL(cancelled, 0); /* each was told */
	end();
}

static unsigned int given_back;

static void on_given_back(void *user)
{
	given_back++;
	free(user);
}

/* The field platform_data of an answer, with `n` bytes. */
static struct weir_rpc_packed *lent_platform(size_t n)
{
	Agent__SyncResponse m = AGENT__SYNC_RESPONSE__INIT;
	struct weir_rpc_packed *p;
	uint8_t *bytes;
	size_t packed;

	m.has_platform_data = true;
	m.platform_data = (ProtobufCBinaryData){ n, calloc(1, n) };
	packed = protobuf_c_message_get_packed_size(&m.base);
	bytes = malloc(packed);
	MUST(bytes != NULL && m.platform_data.data != NULL);
	protobuf_c_message_pack(&m.base, bytes);
	free(m.platform_data.data);
	given_back = 0;
	p = weir_rpc_packed_lend(rpc, bytes, packed, on_given_back, bytes);
	CU_ASSERT_EQUAL(weir_rpc_packed_size(p), packed);
	return p;
}

static void test_a_head_and_a_lent_part_are_one_message_and_the_part_is_given_back_once(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	Agent__SyncResponse head = AGENT__SYNC_RESPONSE__INIT;
	struct weir_rpc_packed *both[2];
	struct weir_rpc_channel *ch;
	struct went w[50] = { 0 };
	char text[16];

	begin_many(0, 100);
	ch = dial();
	for (int i = 0; i < 50; i++)
		call(ch, PUSH, &rq.base, -1, &w[i]);
	CU_ASSERT_TRUE(run_until(&n_all, 50));
	both[1] = lent_platform(100000);
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "head %d", i);
		head.revision = text;
		both[0] = weir_rpc_packed_create(&head.base);
		CU_ASSERT_TRUE(
			weir_rpc_stream_send_parts(all[i],
						   (const struct weir_rpc_packed *const *)both, 2));
		weir_rpc_packed_destroy(both[0]);
	}
	weir_rpc_packed_destroy(both[1]);
	for (int i = 0; i < 50; i++) {
		CU_ASSERT_TRUE(run_until(&w[i].messages, 1));
		CU_ASSERT_EQUAL(w[i].bytes, 100000);
		CU_ASSERT_PTR_EQUAL(strstr(w[i].revision, "head "), w[i].revision);
	}
	CU_ASSERT_TRUE(run_until(&given_back, 1));
	run_ms(20);
	CU_ASSERT_EQUAL(given_back, 1);
	end();
	CU_ASSERT_EQUAL(given_back, 1);
}

static void test_parts_that_never_left_are_given_back_when_all_ends(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	const struct weir_rpc_packed *part;
	struct weir_rpc_packed *lent;
	struct went w[8] = { 0 };

	begin_many(0, 100);
	for (int i = 0; i < 8; i++)
		call(dial(), PUSH, &rq.base, -1, &w[i]);
	CU_ASSERT_TRUE(run_until(&n_all, 8));
	part = lent = lent_platform((size_t)4 << 20);
	for (int i = 0; i < 8; i++)
		while (weir_rpc_stream_send_parts(all[i], &part, 1))
			;
	weir_rpc_packed_destroy(lent);
	end();
	CU_ASSERT_EQUAL(given_back, 1);
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

static unsigned int over_here(const struct went *w, unsigned int n, const char *why)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < n; i++)
		found += w[i].ends == 1 && w[i].status == WEIR_RPC_RESOURCE_EXHAUSTED &&
			 strstr(w[i].why, why) != NULL;
	return found;
}

static void begin_limited(unsigned int calls_max, unsigned int peer_calls_max)
{
	const struct weir_rpc_listen at[] = { { .address = "127.0.0.1:0" },
					      { .address = "[::1]:0" } };
	const struct weir_rpc_serve conf = {
		.listens = at,
		.n_listens = WEIR_ARRAY_SIZE(at),
		.methods = table,
		.n_methods = WEIR_ARRAY_SIZE(table),
		.calls_max = calls_max,
		.peer_calls_max = peer_calls_max,
	};
	struct weir_err err = { 0 };

	n_all = 0;
	begin();
	server = weir_rpc_server_start(rpc, &conf, &err);
	if (server == NULL)
		printf("%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
}

static void wait_refused(const struct went *w, unsigned int n, unsigned int wanted, const char *why)
{
	for (int i = 0; i < 100 && over_here(w, n, why) < wanted; i++)
		run_ms(50);
	CU_ASSERT_EQUAL(over_here(w, n, why), wanted);
}

/* From two connections: the number is of the server. */
static void
test_calls_over_the_number_of_a_server_are_refused_and_a_place_that_is_free_again_is_given(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct weir_rpc_call *calls[12];
	struct weir_rpc_counts n;
	struct weir_rpc_channel *ch[2];
	struct went w[12] = { 0 };

	begin_limited(8, 100);
	ch[0] = dial();
	ch[1] = dial();
	for (int i = 0; i < 12; i++)
		calls[i] = call(ch[i % 2], PUSH, &rq.base, -1, &w[i]);
	wait_refused(w, 12, 4, "8 calls are open here, no more are taken");
	weir_rpc_server_counts(server, &n);
	CU_ASSERT_EQUAL(n_all, 8);
	CU_ASSERT_EQUAL(n.calls, 8);
	CU_ASSERT_EQUAL(n.served, 8);
	CU_ASSERT_EQUAL(n.refused_full, 4);
	CU_ASSERT_EQUAL(n.refused_peer, 0);
	for (int i = 0; i < 12; i++) /* one leaves */
		if (w[i].ends == 0) {
			weir_rpc_call_cancel(calls[i]);
			break;
		}
	CU_ASSERT_TRUE(run_until(&closed, 1));
	run_ms(50);
	CU_ASSERT_EQUAL(sync_once(ch[0], 0).status, WEIR_RPC_OK);
	end();
}

static void test_who_has_too_many_calls_takes_no_place_of_another_address(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct weir_rpc_channel *ch[3], *other;
	struct weir_rpc_peer peer = { 0 };
	struct weir_rpc_counts n;
	struct went w[30] = { 0 };
	char target[64];

	begin_limited(100, 5);
	for (int i = 0; i < 3; i++)
		ch[i] = dial();
	for (int i = 0; i < 30; i++)
		call(ch[i % 3], PUSH, &rq.base, -1, &w[i]);
	wait_refused(w, 30, 25, "5 calls of your address are open here");
	snprintf(target, sizeof(target), "[::1]:%u", weir_rpc_server_port(server, 1));
	peer.target = target;
	other = weir_rpc_channel_open(rpc, &peer, NULL);
	CU_ASSERT_EQUAL(sync_once(other, 0).status, WEIR_RPC_OK);
	CU_ASSERT_EQUAL(sync_once(ch[0], 0).status, WEIR_RPC_RESOURCE_EXHAUSTED);
	weir_rpc_server_counts(server, &n);
	CU_ASSERT_EQUAL(n.refused_peer, 26);
	CU_ASSERT_EQUAL(n.refused_full, 0);
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
		{ "a head and a lent part are one message, and the part is given back once",
		  test_a_head_and_a_lent_part_are_one_message_and_the_part_is_given_back_once },
		{ "parts that never left are given back when all ends",
		  test_parts_that_never_left_are_given_back_when_all_ends },
		{ "calls over the number of a connection wait, and none fails",
		  test_calls_over_the_number_of_a_connection_wait_and_none_fails },
		{ "calls over the number of a server are refused, and a place that is free again is given",
		  test_calls_over_the_number_of_a_server_are_refused_and_a_place_that_is_free_again_is_given },
		{ "who has too many calls takes no place of another address",
		  test_who_has_too_many_calls_takes_no_place_of_another_address },
		{ "a message larger than the quota is refused, and others are served",
		  test_a_message_larger_than_the_quota_is_refused_and_others_are_served },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rpc/many", tests);
}
