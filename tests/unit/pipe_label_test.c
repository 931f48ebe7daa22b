/* SPDX-License-Identifier: Apache-2.0 */
/* Flows get what the inventory that is there when they start knows of them. Hosts: MAC 02:00:00:00:00:NN, 10.1.0.NN. */
#include "pipe_hosts_test.h"
#include "pipe_live_test.h"

enum { PACKETS = 8000, A_BURST = 40 };

static bool has_vpcs(const struct weir_flow_rec *r, int32_t client, int32_t server)
{
	const bool turned = r->ip[0].b[3] == SERVER;

	return r->l3_epc_id[turned] == client && r->l3_epc_id[!turned] == server;
}

static void add_flows(struct script *s, uint16_t cport)
{
	for (unsigned int i = 0; i < CLIENTS; i++)
		for (unsigned int k = 0; k < 4; k++)
			script_add(s, (struct script_item){ .ts_ns = START_NS + k * MS,
							    .client = (uint8_t)i,
							    .server = SERVER,
							    .cport = cport,
							    .sport = 53,
							    .answer = k % 2 });
}

static void test_flows_of_a_file_have_the_vpcs_of_both_ends(void)
{
	for (unsigned int workers = 1; workers <= 3; workers++) {
		struct weir_meta *m = inventory(7);
		struct weir_settings settings;
		struct weir_flow_rec *rec;
		struct weir_pipe *p;
		struct script s;
		unsigned int n;

		test_settings(&settings);
		p = test_pipe(&settings, workers, true);
		script_init(&s, 4 * CLIENTS, true);
		add_flows(&s, 4000);
		for (int with = 0; with < 3; with++) { /* without, with, and without again */
			CU_ASSERT_EQUAL(weir_pipe_inventory_set(p, with == 1 ? m : NULL), 0);
			script_rewind(&s);
			test_run(p, &s.src);
			rec = test_records(p, workers, &n);
			CU_ASSERT_EQUAL(n, CLIENTS);
			for (unsigned int i = 0; i < n; i++)
				CU_ASSERT(with == 1 ? has_vpcs(&rec[i], 7, 8)
						    : has_vpcs(&rec[i], 0, 0));
			free(rec);
		}
		weir_pipe_destroy(p);
		weir_meta_destroy(m);
		script_fini(&s);
	}
}

/* Data plane 1.8, agent type 6 in the cloud: (c, s) by L2 end; of two neither holds without a local MAC. */
static uint8_t point(bool client_near, bool server_near)
{
	return client_near == server_near ? 0 : client_near ? 1 : 2;
}

static void test_a_flow_is_observed_at_the_end_that_is_near_whoever_speaks_first(void)
{
	struct weir_settings settings;
	struct weir_flow_rec *rec;
	struct weir_pipe *p;
	struct script s;
	unsigned int n;

	test_settings(&settings);
	p = test_pipe(&settings, 1, true);
	script_init(&s, 2 * CLIENTS, true);
	for (unsigned int i = 0; i < 2 * CLIENTS; i++) /* by its port the server's packet is told */
		script_add(&s, (struct script_item){ .ts_ns = START_NS,
						     .client = (uint8_t)(i / 2),
						     .server = SERVER,
						     .cport = (uint16_t)(40000 + i % 2),
						     .sport = 53,
						     .answer = i % 2 });
	for (unsigned int near = 0; near < 2; near++) {
		struct weir_meta *m = inventory_near(7, near);

		CU_ASSERT_EQUAL(weir_pipe_inventory_set(p, m), 0);
		script_rewind(&s);
		test_run(p, &s.src);
		rec = test_records(p, 1, &n);
		CU_ASSERT_EQUAL(n, 2 * CLIENTS);
		for (unsigned int i = 0; i < n; i++) {
			const bool client_near = rec[i].ip[0].b[3] % 2;

			CU_ASSERT_EQUAL(rec[i].port[1], 53);
			CU_ASSERT_EQUAL(rec[i].observation_point, point(client_near, near));
			CU_ASSERT(rec[i].l2_end[0] == client_near && rec[i].l2_end[1] == near);
			CU_ASSERT(rec[i].l3_end[0] == 1 && rec[i].l3_end[1] == 1);
			CU_ASSERT(has_vpcs(&rec[i], 7, 8));
		}
		free(rec);
		CU_ASSERT_EQUAL(weir_pipe_inventory_set(p, NULL), 0);
		weir_meta_destroy(m);
	}
	weir_pipe_destroy(p);
	script_fini(&s);
}

static void test_flows_that_go_on_keep_what_they_have_for_their_minute(void)
{
	struct live_script a;
	struct weir_pipe_port port = { .slot = 0 };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	struct weir_meta *m[2] = { inventory(7), inventory(20) };
	struct weir_flow_rec *rec;
	unsigned int n, found[4] = { 0 };
	struct live l;

	live_start(&l, 2);
	live_script_init(&a, 4 * CLIENTS);
	for (unsigned int i = 0; i < a.s.n; i++) { /* old flows, new ones, old and new ones */
		a.s.item[i].cport = (uint16_t)(5000 + (i % (2 * CLIENTS)) / CLIENTS);
		a.s.item[i].sport = 53;
	}
	atomic_store(&a.allowed, CLIENTS);
	port.source = &a.s.src;
	CU_ASSERT_EQUAL(weir_pipe_inventory_set(l.p, m[0]), 0);
	live_taps(&l, &tap, 1);
	live_wait_received(&l, 0, CLIENTS);
	live_taps(&l, &tap, 1); /* what was received went to workers */
	while (weir_pipe_way(l.p) == WEIR_PIPE_STEERED) {
		struct weir_pipe_worker_stats w[2];

		weir_pipe_worker_stats(l.p, 0, &w[0]);
		weir_pipe_worker_stats(l.p, 1, &w[1]);
		if (w[0].packets + w[1].packets == CLIENTS)
			break;
		usleep(500);
	}
	CU_ASSERT_EQUAL(weir_pipe_inventory_set(l.p, m[1]), 0);
	weir_meta_destroy(m[0]); /* nobody reads it */
	atomic_store(&a.allowed, a.s.n);
	live_wait_received(&l, 0, a.s.n);
	live_stop(&l);
	rec = test_records(l.p, 2, &n);
	for (unsigned int i = 0; i < n; i++) {
		found[0] += has_vpcs(&rec[i], 7, 8) && rec[i].port[0] == 5000;
		found[1] += has_vpcs(&rec[i], 20, 21) && rec[i].port[0] == 5001;
		found[2] += (unsigned int)rec[i].packet[0];
	}
	CU_ASSERT_EQUAL(n, 2 * CLIENTS);
	CU_ASSERT_EQUAL(found[0], CLIENTS);
	CU_ASSERT_EQUAL(found[1], CLIENTS);
	CU_ASSERT_EQUAL(found[2], 4 * CLIENTS);
	free(rec);
	live_fini(&l);
	weir_meta_destroy(m[1]);
	script_fini(&a.s);
}

static void test_an_inventory_can_change_every_moment(void)
{
	struct live_script a;
	struct weir_pipe_port port = { .slot = 0 };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	struct weir_meta *now = NULL;
	struct weir_flow_rec *rec;
	unsigned int n, swaps = 0, odd = 0;
	struct live l;

	live_start(&l, 2);
	live_script_init(&a, PACKETS);
	live_flows(&a, CLIENTS);
	atomic_store(&a.allowed, 0);
	port.source = &a.s.src;
	live_taps(&l, &tap, 1);
	for (unsigned int let = 0; let < PACKETS; swaps++) {
		struct weir_meta *next = swaps % 3 == 2 ? NULL : inventory(10 * (1 + swaps % 3));

		let += A_BURST; /* on their way while it is swapped */
		atomic_store(&a.allowed, let);
		CU_ASSERT_EQUAL_FATAL(weir_pipe_inventory_set(l.p, next), 0);
		weir_meta_destroy(now);
		now = next;
		live_wait_received(&l, 0, let);
	}
	live_stop(&l);
	rec = test_records(l.p, 2, &n);
	for (unsigned int i = 0; i < n; i++) /* each of one inventory, whole */
		odd += !has_vpcs(&rec[i], 0, 0) && !has_vpcs(&rec[i], 10, 11) &&
		       !has_vpcs(&rec[i], 20, 21);
	CU_ASSERT_EQUAL(odd, 0);
	CU_ASSERT_EQUAL(test_packets(rec, n), PACKETS);
	CU_ASSERT_EQUAL(swaps, PACKETS / A_BURST);
	free(rec);
	live_fini(&l);
	weir_meta_destroy(now);
	script_fini(&a.s);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "flows of a file have the VPCs of both ends",
		  test_flows_of_a_file_have_the_vpcs_of_both_ends },
		{ "a flow is observed at the end that is near, whoever speaks first",
		  test_a_flow_is_observed_at_the_end_that_is_near_whoever_speaks_first },
		{ "flows that go on keep what they have for their minute",
		  test_flows_that_go_on_keep_what_they_have_for_their_minute },
		{ "an inventory can change every moment",
		  test_an_inventory_can_change_every_moment },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pipe/label", tests);
}
