/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_pkt.h>

#define BUCKETS 16

/* 10.x.y.z:port -> 192.0.2.1:443, as a scan or a crowd of clients has them. */
static struct weir_pkt client(uint32_t n)
{
	struct weir_pkt pkt = { .flags = WEIR_PKT_IP,
				.proto = 6,
				.port = { (uint16_t)(1024 + n % 60000), 443 } };

	pkt.ip[WEIR_SRC].w[0] = 10 | n << 8;
	pkt.ip[WEIR_DST].w[0] = 0x010200c0;
	return pkt;
}

static struct weir_pkt turned(const struct weir_pkt *pkt)
{
	struct weir_pkt back = *pkt;

	for (int side = WEIR_SRC; side <= WEIR_DST; side++) {
		back.ip[side] = pkt->ip[!side];
		back.port[side] = pkt->port[!side];
		memcpy(back.mac[side], pkt->mac[!side], sizeof(back.mac[side]));
	}
	return back;
}

static void test_both_directions_have_one_hash(void)
{
	for (uint32_t n = 0; n < 1000; n++) {
		struct weir_pkt there = client(n), back;

		there.mac[WEIR_SRC][5] = (uint8_t)n;
		back = turned(&there);
		CU_ASSERT_EQUAL(weir_pkt_steer_hash(&there), weir_pkt_steer_hash(&back));
		there.flags = back.flags = 0; /* not IP: by MACs */
		CU_ASSERT_EQUAL(weir_pkt_steer_hash(&there), weir_pkt_steer_hash(&back));
	}
}

/* Exchanging the ports alone makes another conversation. */
static void test_ends_are_told_apart(void)
{
	struct weir_pkt a = client(1), b = a;

	b.port[WEIR_SRC] = a.port[WEIR_DST];
	b.port[WEIR_DST] = a.port[WEIR_SRC];
	CU_ASSERT_NOT_EQUAL(weir_pkt_steer_hash(&a), weir_pkt_steer_hash(&b));
}

/* Workers are chosen by the top or the bottom of the hash: both spread. 5 sigma of a fair spread. */
static void test_workers_get_equal_shares(void)
{
	enum { N = 160000, FAIR = N / BUCKETS, SLACK = 500 };
	int top[BUCKETS] = { 0 }, bottom[BUCKETS] = { 0 };

	for (uint32_t n = 0; n < N; n++) {
		struct weir_pkt pkt = client(n);
		uint32_t hash = weir_pkt_steer_hash(&pkt);

		top[hash >> 28]++;
		bottom[hash % BUCKETS]++;
	}
	for (int i = 0; i < BUCKETS; i++) {
		CU_ASSERT(top[i] > FAIR - SLACK && top[i] < FAIR + SLACK);
		CU_ASSERT(bottom[i] > FAIR - SLACK && bottom[i] < FAIR + SLACK);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "both directions have one hash", test_both_directions_have_one_hash },
		{ "ends are told apart", test_ends_are_told_apart },
		{ "workers get equal shares", test_workers_get_equal_shares },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pkt/steer_hash", tests);
}
