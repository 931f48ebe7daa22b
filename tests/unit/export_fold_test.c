/* SPDX-License-Identifier: Apache-2.0 */
#include "fold.h"
#include "weir_test.h"

#include <stdlib.h>

#define FLOOD  5000
#define SECOND UINT64_C(1700000000)

struct out {
	struct weir_flow_rec *recs;
	uint32_t n;
};

static void collect(void *ctx, const struct weir_flow_rec *recs, uint32_t n)
{
	struct out *o = ctx;

	memcpy(o->recs + o->n, recs, n * sizeof(*recs));
	o->n += n;
}

static struct weir_flow_rec syn(uint64_t start_ns, uint32_t client, uint32_t server)
{
	struct weir_flow_rec r = {
		.flow_id = client,
		.start_ns = start_ns,
		.end_ns = start_ns,
		.ip = { { .w = { client } }, { .w = { server } } },
		.port = { (uint16_t)client, 80 },
		.protocol = 6,
		.close_type = WEIR_CLOSE_CLIENT_SYN_REPEAT,
		.flags = WEIR_REC_NEW | WEIR_REC_UNANSWERED,
		.flow_count = 1,
		.packet = { 1, 0 },
		.byte = { 54, 0 },
		.syn_count = 1,
	};

	return r;
}

/* Unanswered flows of two seconds and three servers; the first server gets most. */
static void make_flood(struct weir_flow_rec *r)
{
	unsigned int seed = 4;

	for (uint32_t i = 0; i < FLOOD; i++) {
		uint64_t ns = (uint64_t)rand_r(&seed) % (2 * WEIR_NS_PER_S);

		r[i] = syn(SECOND * WEIR_NS_PER_S + ns, i + 1,
			   i % 10 == 0   ? 2
			   : i % 10 == 1 ? 3
					 : 1);
	}
}

static void shuffle(struct weir_flow_rec *r, unsigned int seed)
{
	for (uint32_t i = FLOOD - 1; i > 0; i--) {
		uint32_t j = (uint32_t)rand_r(&seed) % (i + 1);
		struct weir_flow_rec t = r[i];

		r[i] = r[j];
		r[j] = t;
	}
}

static struct out fold_all(const struct weir_flow_rec *r, uint32_t n, uint32_t groups,
			   uint32_t kept, uint64_t *early)
{
	struct out o = { .recs = malloc((n + 1) * sizeof(*o.recs)) };
	struct weir_folder *f = weir_folder_create(groups, kept, collect, &o);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (uint32_t i = 0; i < n; i++)
		weir_folder_take(f, &r[i]);
	CU_ASSERT(weir_folder_held(f) + o.n <= n);
	weir_folder_end(f);
	CU_ASSERT_EQUAL(weir_folder_held(f), 0);
	*early = weir_folder_early(f);
	weir_folder_destroy(f);
	qsort(o.recs, o.n, sizeof(*o.recs), weir_flow_rec_compare);
	return o;
}

static uint64_t flows_of(const struct out *o)
{
	uint64_t flows = 0;

	for (uint32_t i = 0; i < o->n; i++)
		flows += o->recs[i].flow_count;
	return flows;
}

/* The expectation is made by sorting, the way of the definition: the design, section 2. */
static void test_the_first_thousand_stay_and_the_rest_is_counted(void)
{
	struct weir_flow_rec *r = malloc(FLOOD * sizeof(*r));
	uint64_t early;
	struct out o;

	make_flood(r);
	qsort(r, FLOOD, sizeof(*r), weir_flow_rec_compare);
	o = fold_all(r, FLOOD, 64, FLOOD, &early);
	CU_ASSERT_EQUAL(early, 0);
	CU_ASSERT_EQUAL(flows_of(&o), FLOOD);
	for (uint64_t s = SECOND; s < SECOND + 2; s++) {
		for (uint32_t server = 1; server <= 3; server++) {
			uint32_t sent = 0, stayed = 0, folded = 0, at = 0;

			for (uint32_t i = 0; i < FLOOD; i++) {
				if (r[i].ip[1].w[0] != server || r[i].start_ns / WEIR_NS_PER_S != s)
					continue;
				if (++sent > 1000)
					continue;
				while (at < o.n && memcmp(&o.recs[at], &r[i], sizeof(r[i])) != 0)
					at++;
				CU_ASSERT(at < o.n);
			}
			for (uint32_t i = 0; i < o.n; i++) {
				if (o.recs[i].ip[1].w[0] != server ||
				    o.recs[i].start_ns / WEIR_NS_PER_S != s)
					continue;
				if ((o.recs[i].flags & WEIR_REC_FOLDED) == 0) {
					stayed++;
					continue;
				}
				folded += o.recs[i].flow_count;
				CU_ASSERT_EQUAL(o.recs[i].packet[0], o.recs[i].flow_count);
				CU_ASSERT_EQUAL(o.recs[i].port[0], 0);
			}
			CU_ASSERT_EQUAL(stayed, sent < 1000 ? sent : 1000);
			CU_ASSERT_EQUAL(folded, sent < 1000 ? 0 : sent - 1000);
		}
	}
	free(o.recs);
	free(r);
}

static void test_the_order_of_arrival_does_not_matter(void)
{
	struct weir_flow_rec *r = malloc(FLOOD * sizeof(*r));
	struct out first = { 0 };
	uint64_t early;

	make_flood(r);
	for (unsigned int round = 0; round < 5; round++) {
		struct out o = fold_all(r, FLOOD, 64, FLOOD, &early);

		if (round == 0) {
			first = o;
		} else {
			CU_ASSERT_EQUAL(o.n, first.n);
			CU_ASSERT_EQUAL(memcmp(o.recs, first.recs, o.n * sizeof(*o.recs)), 0);
			free(o.recs);
		}
		shuffle(r, round);
	}
	free(first.recs);
	free(r);
}

static void test_small_pools_lose_nothing(void)
{
	struct weir_flow_rec *r = malloc(FLOOD * sizeof(*r));
	uint64_t early;
	struct out o;

	make_flood(r);
	o = fold_all(r, FLOOD, 2, FOLD_KEPT + 1, &early);
	CU_ASSERT(early > 0);
	CU_ASSERT_EQUAL(flows_of(&o), FLOOD);
	free(o.recs);
	free(r);
}

static void test_evicted_half_open_flows_are_always_folded(void)
{
	struct weir_flow_rec r[3];
	uint64_t early;
	struct out o;

	for (uint32_t i = 0; i < 3; i++) {
		r[i] = syn(SECOND * WEIR_NS_PER_S + i, i + 1, 1);
		r[i].flags = WEIR_REC_NEW | WEIR_REC_FOLD;
	}
	o = fold_all(r, 3, 64, 2000, &early);
	CU_ASSERT_EQUAL_FATAL(o.n, 1);
	CU_ASSERT_EQUAL(o.recs[0].flow_count, 3);
	CU_ASSERT_EQUAL(o.recs[0].flags, WEIR_REC_NEW | WEIR_REC_FOLD | WEIR_REC_FOLDED);
	free(o.recs);
}

static void test_a_part_of_a_flow_or_a_long_one_is_not_folded(void)
{
	struct weir_flow_rec r[2];
	uint64_t early;
	struct out o;

	r[0] = syn(SECOND * WEIR_NS_PER_S, 1, 1);
	r[0].flags = WEIR_REC_FOLD; /* its first report was passed on before */
	r[1] = syn(SECOND * WEIR_NS_PER_S, 2, 1);
	r[1].flags |= WEIR_REC_FOLD;
	r[1].end_ns += 41 * WEIR_NS_PER_S;
	o = fold_all(r, 2, 64, 2000, &early);
	CU_ASSERT_EQUAL_FATAL(o.n, 2);
	CU_ASSERT_EQUAL(memcmp(o.recs, r, sizeof(r)), 0);
	free(o.recs);
}

static void test_a_group_comes_out_when_all_rings_are_past_it(void)
{
	struct out o = { .recs = malloc(4 * sizeof(*o.recs)) };
	struct weir_folder *f = weir_folder_create(64, 2000, collect, &o);
	struct weir_flow_rec r = syn(SECOND * WEIR_NS_PER_S + 5, 1, 1);

	weir_folder_take(f, &r);
	weir_folder_advance(f, (SECOND + 59) * WEIR_NS_PER_S);
	CU_ASSERT_EQUAL(o.n, 0);
	CU_ASSERT_EQUAL(weir_folder_held(f), 1);
	weir_folder_advance(f, (SECOND + 61) * WEIR_NS_PER_S);
	CU_ASSERT_EQUAL(o.n, 1);
	CU_ASSERT_EQUAL(weir_folder_held(f), 0);
	weir_folder_destroy(f);
	free(o.recs);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the first thousand stay and the rest is counted",
		  test_the_first_thousand_stay_and_the_rest_is_counted },
		{ "the order of arrival does not matter",
		  test_the_order_of_arrival_does_not_matter },
		{ "small pools lose nothing", test_small_pools_lose_nothing },
		{ "evicted half-open flows are always folded",
		  test_evicted_half_open_flows_are_always_folded },
		{ "a part of a flow, or a long one, is not folded",
		  test_a_part_of_a_flow_or_a_long_one_is_not_folded },
		{ "a group comes out when all rings are past it",
		  test_a_group_comes_out_when_all_rings_are_past_it },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("export/fold", tests);
}
