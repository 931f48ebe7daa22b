/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_flow_service.h>

#include <stdlib.h>

struct event {
	enum weir_hint_event event;
	union weir_ip ip;
	uint16_t port;
};

static union weir_ip ip_of(uint32_t n)
{
	return (union weir_ip){ .b = { 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };
}

/*
 * Intervals of events, dealt to `n` logs at random. The snapshot after the last; `count` events are in
 * each of `intervals`, one interval behind the other.
 */
static struct weir_hints *after(const struct event *events, size_t count, unsigned int intervals,
				unsigned int n)
{
	struct weir_hints *h = NULL, *next;
	struct weir_hint_log *logs[4];

	for (unsigned int i = 0; i < n; i++) {
		logs[i] = weir_hint_log_create();
		CU_ASSERT_PTR_NOT_NULL_FATAL(logs[i]);
	}
	for (size_t i = 0; i < count * intervals; i++) {
		weir_hint_log_add(logs[(unsigned int)rand() % n], events[i].event, &events[i].ip,
				  events[i].port);
		if ((i + 1) % count != 0)
			continue;
		next = weir_hints_merge(h, logs, n);
		CU_ASSERT_PTR_NOT_NULL_FATAL(next);
		weir_hints_destroy(h);
		h = next;
	}
	for (unsigned int i = 0; i < n; i++) {
		CU_ASSERT(weir_hint_log_is_empty(logs[i]));
		weir_hint_log_destroy(logs[i]);
	}
	return h;
}

/* The score of 10.0.0.1:80 after events of one interval each. */
static uint8_t score_after(const enum weir_hint_event *kinds, unsigned int count)
{
	struct event events[8];
	struct weir_hints *h;
	uint8_t score;

	for (unsigned int i = 0; i < count; i++)
		events[i] = (struct event){ kinds[i], ip_of(1), 80 };
	h = after(events, 1, count, 1);
	score = weir_hints_score(h, &events[0].ip, 80);
	weir_hints_destroy(h);
	return score;
}

#define SCORE_AFTER(...)                                                    \
	score_after((const enum weir_hint_event[]){ __VA_ARGS__ },          \
		    sizeof((const enum weir_hint_event[]){ __VA_ARGS__ }) / \
			    sizeof(enum weir_hint_event))

static void test_a_syn_ack_proves_a_server(void)
{
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_PROVEN), 255);
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_PROVEN, WEIR_HINT_CLIENT), 255);
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_PROVEN, WEIR_HINT_SERVER), 255);
}

static void test_who_sends_a_syn_is_removed(void)
{
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_PROVEN, WEIR_HINT_REMOVED), 0);
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_SERVER, WEIR_HINT_REMOVED), 0);
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_REMOVED), 0);
}

static void test_first_packets_raise_and_lower_by_one(void)
{
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_SERVER), 1);
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_SERVER, WEIR_HINT_SERVER), 2);
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_SERVER, WEIR_HINT_SERVER, WEIR_HINT_CLIENT), 1);
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_SERVER, WEIR_HINT_CLIENT), 0);
	CU_ASSERT_EQUAL(SCORE_AFTER(WEIR_HINT_CLIENT), 0);
}

static void test_a_learned_score_ends_at_252(void)
{
	static struct event events[300];
	struct weir_hints *h;

	for (size_t i = 0; i < 300; i++)
		events[i] = (struct event){ WEIR_HINT_SERVER, ip_of(1), 80 };
	h = after(events, 300, 1, 1);
	CU_ASSERT_EQUAL(weir_hints_score(h, &events[0].ip, 80), 252);
	weir_hints_destroy(h);
}

static void test_port_and_every_address_byte_count(void)
{
	struct event e = { WEIR_HINT_PROVEN, ip_of(1), 80 };
	struct weir_hints *h = after(&e, 1, 1, 1);

	CU_ASSERT_EQUAL(weir_hints_score(h, &e.ip, 80), 255);
	CU_ASSERT_EQUAL(weir_hints_score(h, &e.ip, 81), 0);
	for (int i = 0; i < 16; i++) {
		union weir_ip other = e.ip;

		other.b[i] ^= 1;
		CU_ASSERT_EQUAL(weir_hints_score(h, &other, 80), 0);
	}
	weir_hints_destroy(h);
}

static bool is_same(const struct weir_hints *a, const struct weir_hints *b, uint32_t ips,
		    uint16_t ports)
{
	bool same = weir_hints_size(a) == weir_hints_size(b) &&
		    weir_hints_dropped(a) == weir_hints_dropped(b);

	for (uint32_t i = 0; i < ips; i++) {
		const union weir_ip ip = ip_of(i);

		for (uint16_t port = 0; port < ports; port++)
			same &= weir_hints_score(a, &ip, port) == weir_hints_score(b, &ip, port);
	}
	return same;
}

static void shuffle(struct event *events, size_t count)
{
	for (size_t i = count - 1; i > 0; i--) {
		size_t k = (size_t)rand() % (i + 1);
		struct event e = events[i];

		events[i] = events[k];
		events[k] = e;
	}
}

/* Three intervals of random events over 40 pairs, each dealt and ordered in many ways. */
static void test_any_split_and_order_gives_the_same_snapshot(void)
{
	struct event events[3 * 400];
	struct weir_hints *one;

	srand(3);
	for (size_t i = 0; i < 3 * 400; i++) {
		int kind = rand() % 30 < 4 ? rand() % 4 : 2 + rand() % 2;

		events[i] = (struct event){ (enum weir_hint_event)kind,
					    ip_of((uint32_t)rand() % 10), (uint16_t)(rand() % 4) };
	}
	one = after(events, 400, 3, 1);
	CU_ASSERT(weir_hints_size(one) > 0);
	for (int round = 0; round < 24; round++) {
		struct weir_hints *split;

		for (int interval = 0; interval < 3; interval++)
			shuffle(events + interval * 400, 400);
		split = after(events, 400, 3, 1U << round % 3);
		CU_ASSERT(is_same(one, split, 10, 4));
		weir_hints_destroy(split);
	}
	weir_hints_destroy(one);
}

/* 20000 servers, the first 5000 addresses with a lower score: 16384 stay. */
static void test_a_full_snapshot_keeps_high_scores_then_small_keys(void)
{
	const size_t count = 20000;
	struct event *events = calloc(count, sizeof(*events));
	struct weir_hints *one, *four;
	unsigned int low = 0;

	for (uint32_t i = 0; i < count; i++)
		events[i] = (struct event){ i < 5000 ? WEIR_HINT_SERVER : WEIR_HINT_PROVEN,
					    ip_of(i), 0 };
	one = after(events, count, 1, 1);
	shuffle(events, count);
	four = after(events, count, 1, 4);
	CU_ASSERT_EQUAL(weir_hints_size(one), WEIR_HINTS_MAX);
	CU_ASSERT_EQUAL(weir_hints_dropped(one), count - WEIR_HINTS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		const union weir_ip ip = ip_of(i);
		uint8_t score = weir_hints_score(one, &ip, 0);

		CU_ASSERT_EQUAL(score, i >= 5000 ? 255 : i < WEIR_HINTS_MAX - 15000 ? 1 : 0);
		low += score == 1;
	}
	CU_ASSERT_EQUAL(low, WEIR_HINTS_MAX - 15000);
	CU_ASSERT(is_same(one, four, (uint32_t)count, 1));
	weir_hints_destroy(one);
	weir_hints_destroy(four);
	free(events);
}

static void test_a_full_log_counts_what_it_drops(void)
{
	struct weir_hint_log *log = weir_hint_log_create();

	CU_ASSERT(weir_hint_log_is_empty(log));
	for (uint32_t i = 0; i < WEIR_HINT_LOG_MAX + 3; i++) {
		const union weir_ip ip = ip_of(i);

		weir_hint_log_add(log, WEIR_HINT_SERVER, &ip, 80);
	}
	CU_ASSERT_FALSE(weir_hint_log_is_empty(log));
	CU_ASSERT_EQUAL(weir_hint_log_dropped(log), 3);
	weir_hint_log_clear(log);
	CU_ASSERT(weir_hint_log_is_empty(log));
	weir_hint_log_destroy(log);
}

static void test_clients_of_a_flood_leave_no_trace(void)
{
	struct weir_hint_log *log = weir_hint_log_create();

	for (uint32_t i = 0; i < 1000; i++) {
		const union weir_ip ip = ip_of(i);

		weir_hint_log_add(log, WEIR_HINT_REMOVED, &ip, 80);
		weir_hint_log_add(log, WEIR_HINT_CLIENT, &ip, 80);
	}
	CU_ASSERT(weir_hint_log_is_empty(log));
	weir_hint_log_destroy(log);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a SYN-ACK proves a server", test_a_syn_ack_proves_a_server },
		{ "who sends a SYN is removed", test_who_sends_a_syn_is_removed },
		{ "first packets raise and lower by one",
		  test_first_packets_raise_and_lower_by_one },
		{ "a learned score ends at 252", test_a_learned_score_ends_at_252 },
		{ "port and every address byte count", test_port_and_every_address_byte_count },
		{ "any split and order gives the same snapshot",
		  test_any_split_and_order_gives_the_same_snapshot },
		{ "a full snapshot keeps high scores, then small keys",
		  test_a_full_snapshot_keeps_high_scores_then_small_keys },
		{ "a full log counts what it drops", test_a_full_log_counts_what_it_drops },
		{ "clients of a flood leave no trace", test_clients_of_a_flood_leave_no_trace },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/service", tests);
}
