/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and streams between our client and our server: how each of them may end. */
#include "rpc_test.h"

static void test_an_answer_comes_and_then_the_end(void)
{
	struct went w;

	begin_served();
	w = sync_once(dial(), 0);
	CU_ASSERT_EQUAL(w.messages, 1);
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_OK);
	CU_ASSERT_STRING_EQUAL(w.revision, "host-a");
	CU_ASSERT_PTR_EQUAL(strstr(identity, "ipv4:127.0.0.1:"), identity);
	end();
	CU_ASSERT_EQUAL(cancelled, 0);
}

static void test_an_unknown_method_is_said_to_be_so(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct went w = { 0 };

	begin_served();
	call(dial(), "/trident.Synchronizer/Sync", &rq.base, 10000, &w);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_UNIMPLEMENTED);
	CU_ASSERT_EQUAL(w.messages, 0);
	end();
}

static void test_a_deadline_ends_a_call_that_is_not_answered(void)
{
	Agent__NtpRequest rq = AGENT__NTP_REQUEST__INIT;
	uint64_t start = weir_clock_mono_ns(), took;
	struct went w = { 0 };

	begin_served();
	call(dial(), QUERY, &rq.base, 300, &w);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	took = (weir_clock_mono_ns() - start) / WEIR_NS_PER_MS;
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_DEADLINE_EXCEEDED);
	CU_ASSERT(took >= 290 && took < 5000);
	CU_ASSERT_TRUE(run_until(&closed, 1));
	CU_ASSERT_EQUAL(cancelled, 1);
	end();
}

static void test_nobody_listening_is_unavailable_at_once(void)
{
	struct weir_rpc_channel *ch;
	struct went w;

	begin_served();
	ch = dial();
	weir_rpc_server_stop(server, 0, on_gone, NULL);
	CU_ASSERT_TRUE(run_until(&gone, 1));
	w = sync_once(ch, 0);
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(w.why, "refused"));
	end();
}

static void test_pushes_come_one_by_one_and_a_broadcast_reaches_all(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	Agent__SyncResponse news = AGENT__SYNC_RESPONSE__INIT;
	char host[] = "first", text[] = "second";
	const struct weir_rpc_packed *part;
	struct weir_rpc_packed *packed;
	struct went w[20] = { 0 };
	struct weir_rpc_channel *ch;

	begin_served();
	ch = dial();
	rq.host = host;
	for (int i = 0; i < 20; i++)
		call(ch, PUSH, &rq.base, -1, &w[i]);
	for (int i = 0; i < 20; i++)
		CU_ASSERT_TRUE(run_until(&w[i].messages, 1));
	CU_ASSERT_EQUAL(n_pushes, 20);
	news.revision = text;
	part = packed = weir_rpc_packed_create(&news.base);
	CU_ASSERT_EQUAL(weir_rpc_packed_size(packed), 2 + strlen(text));
	for (unsigned int i = 0; i < n_pushes; i++)
		CU_ASSERT_TRUE(weir_rpc_stream_send_parts(pushes[i], &part, 1));
	weir_rpc_packed_destroy(packed);
	for (int i = 0; i < 20; i++) {
		CU_ASSERT_TRUE(run_until(&w[i].messages, 2));
		CU_ASSERT_STRING_EQUAL(w[i].revision, "second");
		CU_ASSERT_EQUAL(w[i].ends, 0);
	}
	end();
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(w[i].ends, 1);
}

static void test_a_stream_takes_five_messages_before_one_has_left_and_then_says_no(void)
{
	static uint8_t bytes[1 << 20];
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	Agent__SyncResponse big = AGENT__SYNC_RESPONSE__INIT;
	struct went w = { 0 };
	int taken = 0;

	begin_served();
	call(dial(), PUSH, &rq.base, -1, &w);
	CU_ASSERT_TRUE(run_until(&n_pushes, 1));
	run_ms(50);
	big.has_platform_data = true;
	big.platform_data = (ProtobufCBinaryData){ sizeof(bytes), bytes };
	while (taken < 100 && weir_rpc_stream_send(pushes[0], &big.base))
		taken++;
	CU_ASSERT_EQUAL(taken, 1 + WEIR_RPC_QUEUE); /* the loop did not run: one is on its way */
	CU_ASSERT_TRUE(run_until(&w.messages, 1 + (unsigned int)taken));
	CU_ASSERT_TRUE(weir_rpc_stream_send(pushes[0], &big.base));
	end();
}

static void test_a_file_comes_in_pieces_with_room_asking_for_the_next(void)
{
	Agent__UpgradeRequest rq = AGENT__UPGRADE_REQUEST__INIT;
	struct went w = { 0 };

	begin_served();
	call(dial(), UPGRADE, &rq.base, 20000, &w);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_OK);
	CU_ASSERT_EQUAL(w.messages, PIECES);
	CU_ASSERT_EQUAL(w.bytes, PIECES * PIECE);
	end();
}

static void test_both_sides_send_and_half_close_ends_it(void)
{
	Agent__RemoteExecResponse out = AGENT__REMOTE_EXEC_RESPONSE__INIT;
	struct weir_rpc_call *c;
	struct went w = { 0 };

	begin_served();
	c = call(dial(), EXECUTE, NULL, 20000, &w);
	out.has_request_id = true;
	for (uint64_t i = 0; i < 2000; i++) {
		out.request_id = i;
		while (!weir_rpc_call_send(c, &out.base))
			event_base_loop(base, EVLOOP_ONCE);
	}
	CU_ASSERT_TRUE(weir_rpc_call_send(c, NULL));
	CU_ASSERT_FALSE(weir_rpc_call_send(c, &out.base));
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_OK);
	CU_ASSERT_EQUAL(w.messages, 2000);
	end();
	CU_ASSERT_EQUAL(cancelled, 0);
}

static void test_a_call_can_be_cancelled_at_once_and_in_each_callback(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	Agent__RemoteExecResponse out = AGENT__REMOTE_EXEC_RESPONSE__INIT;
	struct went at_once = { 0 }, in_message = { .cancel_in = 1 }, in_room = { .cancel_in = 2 },
		    unary = { .cancel_in = 1 };
	struct weir_rpc_channel *ch;

	begin_served();
	ch = dial();
	weir_rpc_call_cancel(call(ch, SYNC, &rq.base, -1, &at_once));
	CU_ASSERT_EQUAL(at_once.ends, 0); /* from the loop, not from in there */
	call(ch, PUSH, &rq.base, -1, &in_message);
	call(ch, EXECUTE, &out.base, -1, &in_room);
	call(ch, SYNC, &rq.base, -1, &unary);
	CU_ASSERT_TRUE(run_until(&at_once.ends, 1));
	CU_ASSERT_TRUE(run_until(&in_message.ends, 1));
	CU_ASSERT_TRUE(run_until(&in_room.ends, 1));
	CU_ASSERT_TRUE(run_until(&unary.ends, 1));
	CU_ASSERT_EQUAL(at_once.status, WEIR_RPC_CANCELLED);
	CU_ASSERT_EQUAL(at_once.messages, 0);
	CU_ASSERT_EQUAL(in_message.status, WEIR_RPC_CANCELLED);
	CU_ASSERT_EQUAL(in_message.messages, 1);
	CU_ASSERT_EQUAL(in_room.status, WEIR_RPC_CANCELLED);
	CU_ASSERT_EQUAL(unary.status, WEIR_RPC_CANCELLED); /* though the server's OK may be here */
	run_ms(50);
	CU_ASSERT_EQUAL(in_message.ends, 1);
	end();
}

static void test_a_channel_can_be_closed_in_a_callback_of_its_call(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct went w = { 0 }, other = { 0 };

	begin_served();
	w.close_in_message = dial();
	call(w.close_in_message, QUERY, &rq.base, -1, &other);
	call(w.close_in_message, PUSH, &rq.base, -1, &w);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT_TRUE(run_until(&other.ends, 1));
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_CANCELLED);
	CU_ASSERT_EQUAL(other.status, WEIR_RPC_CANCELLED);
	CU_ASSERT_TRUE(run_until(&closed, opened));
	end();
}

static void test_the_server_sees_a_client_that_cancels(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct weir_rpc_call *c;
	struct went w = { 0 };

	begin_served();
	c = call(dial(), PUSH, &rq.base, -1, &w);
	CU_ASSERT_TRUE(run_until(&w.messages, 1));
	weir_rpc_call_cancel(c);
	CU_ASSERT_TRUE(run_until(&closed, 1));
	CU_ASSERT_EQUAL(cancelled, 1);
	CU_ASSERT_EQUAL(n_pushes, 0);
	end();
}

static void test_a_server_that_stops_ends_pushes_at_once_and_gives_others_time(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	Agent__NtpRequest never = AGENT__NTP_REQUEST__INIT;
	struct went push = { 0 }, query = { 0 }, late;
	struct weir_rpc_channel *ch;
	uint64_t start;

	begin_served();
	ch = dial();
	call(ch, PUSH, &rq.base, -1, &push);
	call(ch, QUERY, &never.base, -1, &query);
	CU_ASSERT_TRUE(run_until(&push.messages, 1));
	CU_ASSERT_TRUE(run_until(&opened, 2));
	start = weir_clock_mono_ns();
	weir_rpc_server_stop(server, 500, on_gone, NULL);
	weir_rpc_server_stop(server, 500, on_gone, NULL);
	CU_ASSERT_TRUE(run_until(&push.ends, 1));
	CU_ASSERT_EQUAL(push.status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_STRING_EQUAL(push.why, "the server stops");
	CU_ASSERT_EQUAL(query.ends, 0);
	late = sync_once(ch, 0);
	CU_ASSERT_EQUAL(late.status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_TRUE(run_until(&query.ends, 1));
	CU_ASSERT(weir_clock_mono_ns() - start >= 450 * WEIR_NS_PER_MS);
	CU_ASSERT_EQUAL(query.status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_TRUE(run_until(&gone, 1));
	CU_ASSERT_EQUAL(closed, 2);
	run_ms(50);
	CU_ASSERT_EQUAL(gone, 1);
	end();
}

static void test_destroy_ends_everything_that_is_open(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct went push = { 0 }, query = { 0 }, early = { 0 };
	struct weir_rpc_channel *ch;

	begin_served();
	ch = dial();
	call(ch, PUSH, &rq.base, -1, &push);
	call(ch, QUERY, &rq.base, -1, &query);
	CU_ASSERT_TRUE(run_until(&push.messages, 1));
	weir_rpc_server_stop(server, 100000, on_gone, NULL);
	call(ch, SYNC, &rq.base, -1, &early); /* not even started */
	end();
	CU_ASSERT_EQUAL(push.ends + query.ends + early.ends, 3);
	CU_ASSERT_EQUAL(gone, 1);
}

static void test_an_address_that_is_taken_or_none_is_said_and_nothing_is_left(void)
{
	static const struct {
		const char *address;
		int code;
	} rows[] = { { "127.0.0.1", EINVAL },
		     { "127.0.0.1:99999", EINVAL },
		     { "192.0.2.1:0", EADDRNOTAVAIL } };
	struct weir_err err = { 0 };
	char address[32];
	struct went w;

	begin_served();
	snprintf(address, sizeof(address), "127.0.0.1:%u", weir_rpc_server_port(server, 0));
	CU_ASSERT_PTR_NULL(serve(NULL, false, address, &err));
	CU_ASSERT_EQUAL(err.code, EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, address));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		CU_ASSERT_PTR_NULL(serve(NULL, false, rows[i].address, &err));
		CU_ASSERT_EQUAL(err.code, rows[i].code);
	}
	CU_ASSERT_PTR_NULL(serve(NULL, true, "127.0.0.1:0", &err));
	CU_ASSERT_EQUAL(err.code, EINVAL);
	w = sync_once(dial(), 0);
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_OK);
	end();
}

static void test_a_target_without_a_port_is_refused(void)
{
	static const char *const targets[] = { "",       "host",  "host:", "host:0", "host:70000",
					       "::1:80", "[::1]", ":80",   "unix:" };
	struct weir_err err;

	begin();
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(targets); i++) {
		const struct weir_rpc_peer peer = { .target = targets[i] };

		err.code = 0;
		CU_ASSERT_PTR_NULL(weir_rpc_channel_open(rpc, &peer, &err));
		CU_ASSERT_EQUAL(err.code, EINVAL);
	}
	end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an answer comes, and then the end", test_an_answer_comes_and_then_the_end },
		{ "an unknown method is said to be so", test_an_unknown_method_is_said_to_be_so },
		{ "a deadline ends a call that is not answered",
		  test_a_deadline_ends_a_call_that_is_not_answered },
		{ "nobody listening is unavailable at once",
		  test_nobody_listening_is_unavailable_at_once },
		{ "pushes come one by one, and a broadcast reaches all",
		  test_pushes_come_one_by_one_and_a_broadcast_reaches_all },
		{ "a stream takes five messages before one has left, and then says no",
		  test_a_stream_takes_five_messages_before_one_has_left_and_then_says_no },
		{ "a file comes in pieces, with room asking for the next",
		  test_a_file_comes_in_pieces_with_room_asking_for_the_next },
		{ "both sides send, and half-close ends it",
		  test_both_sides_send_and_half_close_ends_it },
		{ "a call can be cancelled at once and in each callback",
		  test_a_call_can_be_cancelled_at_once_and_in_each_callback },
		{ "a channel can be closed in a callback of its call",
		  test_a_channel_can_be_closed_in_a_callback_of_its_call },
		{ "the server sees a client that cancels",
		  test_the_server_sees_a_client_that_cancels },
		{ "a server that stops ends pushes at once and gives others time",
		  test_a_server_that_stops_ends_pushes_at_once_and_gives_others_time },
		{ "destroy ends everything that is open",
		  test_destroy_ends_everything_that_is_open },
		{ "an address that is taken, or none, is said, and nothing is left",
		  test_an_address_that_is_taken_or_none_is_said_and_nothing_is_left },
		{ "a target without a port is refused", test_a_target_without_a_port_is_refused },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rpc/call", tests);
}
