/* SPDX-License-Identifier: Apache-2.0 */
/* Random inventories, searched as lists (meta_model.h) and as tables. */
#include "meta_model.h"
#include "weir_test.h"

#define SEEDS   60
#define QUERIES 2000

static void check_mac(struct model *w, const struct weir_meta *m)
{
	const uint64_t mac = model_mac(w);
	const struct model_interface *f = model_by_mac(w, mac);
	struct weir_meta_hit hit;

	CU_ASSERT_EQUAL_FATAL(weir_meta_by_mac(m, mac, &hit), f != NULL);
	if (f == NULL)
		return;
	CU_ASSERT_EQUAL(hit.mac, mac);
	CU_ASSERT_EQUAL(hit.vpc, f->vpc);
	CU_ASSERT_EQUAL(hit.interface_id, f->id);
	CU_ASSERT_EQUAL((hit.flags & WEIR_META_IS_VIP) != 0, f->is_vip);
	CU_ASSERT_EQUAL((hit.flags & WEIR_META_IS_LOCAL) != 0, model_is_local(w, mac));
}

static void check_address(struct model *w, const struct weir_meta *m)
{
	const struct model_ip ip = model_ip(w, model_below(w, 3) == 0);
	const uint32_t pick = model_below(w, 8);
	const int32_t vpc = pick == 7 ? WEIR_VPC_DEEPFLOW : (int32_t)pick;
	const struct model_interface *f = model_by_ip(w, vpc, &ip);
	struct weir_meta_hit hit;

	CU_ASSERT_EQUAL_FATAL(weir_meta_by_address(m, vpc, &ip.ip, ip.is_ipv6, &hit), f != NULL);
	if (f == NULL)
		return;
	CU_ASSERT_EQUAL(hit.vpc, f->vpc);
	CU_ASSERT_EQUAL(hit.mac, vpc == 0 ? 0 : f->mac);
	CU_ASSERT_EQUAL((hit.flags & WEIR_META_IS_LOCAL) != 0, model_is_local(w, f->mac));
}

static void check_pair(struct model *w, const struct weir_meta *m)
{
	const uint64_t mac = model_mac(w);
	struct model_ip ip = model_ip(w, model_below(w, 3) == 0);

	if (w->interfaces > 0 && model_below(w, 2)) { /* one that is somewhere */
		const struct model_interface *f = &w->interface[model_below(w, w->interfaces)];

		if (f->count > 0)
			ip = f->ip[model_below(w, f->count)];
	}
	CU_ASSERT_EQUAL(weir_meta_mac_has_address(m, mac, &ip.ip, ip.is_ipv6),
			model_has_pair(w, mac, &ip));
}

static void check_cidr(struct model *w, const struct weir_meta *m)
{
	const struct model_ip ip = model_ip(w, model_below(w, 3) == 0);
	const enum weir_meta_scope scope = model_below(w, 3);
	const int32_t id = scope == WEIR_META_IN_WAN ? 0 : (int32_t)model_below(w, 7);
	const struct model_cidr *c = model_by_cidr(w, scope, id, &ip);
	struct weir_meta_hit hit;

	CU_ASSERT_EQUAL_FATAL(weir_meta_by_prefix(m, scope, id, &ip.ip, ip.is_ipv6, &hit),
			      c != NULL);
	if (c == NULL)
		return;
	CU_ASSERT_EQUAL(hit.vpc, c->vpc);
	CU_ASSERT_EQUAL((hit.flags & WEIR_META_IS_VIP) != 0, c->is_vip);
}

static void check_peers(struct model *w, const struct weir_meta *m)
{
	for (int32_t a = 1; a < 8; a++) {
		const int32_t *peers = NULL;
		const size_t n = weir_meta_peers(m, a, &peers);
		size_t want = 0;

		for (int32_t b = 1; b < 8; b++) {
			bool listed = false;

			for (size_t i = 0; i < n; i++)
				listed |= peers[i] == b;
			CU_ASSERT_EQUAL(listed, a != b && model_are_peers(w, a, b));
			want += a != b && model_are_peers(w, a, b);
		}
		CU_ASSERT_EQUAL(n, want);
	}
}

static void check_segments(struct model *w, const struct weir_meta *m)
{
	for (uint32_t i = 0; i < 48; i++) {
		uint64_t vmac = 0;
		const bool in = weir_meta_in_segment(m, i, &vmac);

		CU_ASSERT_EQUAL(in, model_is_local(w, UINT64_C(0x020000000000) | i));
		CU_ASSERT_EQUAL(vmac, in ? UINT64_C(0x020000000000) | i : 0);
	}
}

static void check_all(struct model *w, const struct weir_meta *m)
{
	for (unsigned int i = 0; i < QUERIES; i++) {
		check_mac(w, m);
		check_address(w, m);
		check_pair(w, m);
		check_cidr(w, m);
	}
	check_peers(w, m);
	check_segments(w, m);
}

static void test_tables_find_what_lists_do(void)
{
	static struct model w;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct weir_meta *m;

		model_make(&w, seed);
		m = model_freeze(&w);
		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		check_all(&w, m);
		CU_ASSERT(weir_meta_bytes(m) > 0);
		weir_meta_destroy(m);
	}
}

static void test_an_empty_inventory_finds_nothing(void)
{
	static struct model w;
	struct weir_meta *m;

	model_make(&w, 1);
	w.interfaces = w.cidrs = w.peers = w.segments = 0;
	m = model_freeze(&w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	check_all(&w, m);
	CU_ASSERT_EQUAL(weir_meta_segment_size(m), 0);
	weir_meta_destroy(m);
	weir_meta_destroy(NULL);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "tables find what lists do", test_tables_find_what_lists_do },
		{ "an empty inventory finds nothing", test_an_empty_inventory_finds_nothing },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("meta/find", tests);
}
