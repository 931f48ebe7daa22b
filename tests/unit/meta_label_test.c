/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of random flows in random inventories against data plane 8.1, step by step over lists. */
#include "meta_model.h"
#include "meta_priv.h"
#include "weir_test.h"

#include <stdlib.h>

#define SEEDS  300
#define BURSTS 12

/* One flow as the specification's words have it. */
struct flow {
	const struct model *w;
	const struct weir_meta_query *q;
	struct model_ip ip[2];
	const struct model_interface *by_mac[2];
	int32_t l2[2], l3[2];
	bool l3_end[2], vip[2], local_ip[2];
};

static bool starts(const struct model_ip *ip, const char *prefix, unsigned int len)
{
	struct model_cidr c = { .len = len };

	c.ip.is_ipv6 = strchr(prefix, ':') != NULL;
	if (inet_pton(c.ip.is_ipv6 ? AF_INET6 : AF_INET, prefix, c.ip.ip.b) != 1)
		abort();
	return model_in(&c, ip);
}

static bool loopback(const struct model_ip *ip)
{
	return starts(ip, "127.0.0.0", 8) || starts(ip, "::1", 128);
}

static bool multicast(const struct model_ip *ip)
{
	return starts(ip, "224.0.0.0", 4) || starts(ip, "255.255.255.255", 32) ||
	       starts(ip, "ff00::", 8);
}

static bool unspecified(const struct model_ip *ip)
{
	return starts(ip, "0.0.0.0", 32) || starts(ip, "::", 128);
}

static bool intranet(const struct model_ip *ip)
{
	return unspecified(ip) || loopback(ip) || multicast(ip) || starts(ip, "10.0.0.0", 8) ||
	       starts(ip, "172.16.0.0", 12) || starts(ip, "192.168.0.0", 16) ||
	       starts(ip, "100.64.0.0", 10) || starts(ip, "169.254.0.0", 16) ||
	       starts(ip, "fc00::", 7) || starts(ip, "fe80::", 10);
}

static bool exact(struct flow *f, unsigned int s, int32_t vpc)
{
	const struct model_interface *i = model_by_ip(f->w, vpc, &f->ip[s]);

	if (i == NULL)
		return false;
	f->l3[s] = i->vpc;
	f->local_ip[s] = model_is_local(f->w, i->mac);
	f->vip[s] |= vpc != 0 && i->is_vip;
	return true;
}

static bool by_cidr(struct flow *f, unsigned int s, enum weir_meta_scope scope, int32_t id)
{
	const struct model_cidr *c = model_by_cidr(f->w, scope, id, &f->ip[s]);

	if (c == NULL)
		return false;
	f->l3[s] = c->vpc;
	f->vip[s] |= c->is_vip;
	return true;
}

static bool wan(struct flow *f, unsigned int s)
{
	return exact(f, s, 0) || by_cidr(f, s, WEIR_META_IN_WAN, 0);
}

static void alone(struct flow *f, unsigned int s)
{
	const struct weir_meta_query *q = f->q;
	const struct model_interface *i = f->by_mac[s];
	const bool cloud = q->network_type == 3;

	f->l3_end[s] = cloud &&
		       (loopback(&f->ip[0]) || model_has_pair(f->w, q->mac[s], &f->ip[s]) ||
			(q->l2_end[s] && i != NULL && i->is_vip));
	if (q->mac[0] == q->mac[1] && q->mac[0] != 0 && f->w->agent.vpc != 0) {
		f->l2[s] = f->l3[s] = f->w->agent.vpc;
		f->local_ip[s] = i != NULL && model_is_local(f->w, q->mac[s]) && f->l3_end[s];
		return;
	}
	if (q->tunnel_id != 0) {
		if (!by_cidr(f, s, WEIR_META_IN_TUNNEL, (int32_t)q->tunnel_id) && q->is_pseudo_mac)
			wan(f, s);
		if (q->is_pseudo_mac)
			return;
	}
	f->l2[s] = i != NULL ? i->vpc : q->l2_end[s] ? f->w->agent.vpc : 0;
	if (f->l2[s] == 0 || f->l3[s] != 0)
		return;
	if (f->l3_end[s] || unspecified(&f->ip[s]) || loopback(&f->ip[s])) {
		f->l3[s] = f->l2[s];
		f->local_ip[s] = i != NULL && model_is_local(f->w, q->mac[s]) && f->l3_end[s];
	} else {
		exact(f, s, f->l2[s]);
	}
}

/* Steps 5 and 6 for one unknown end. VPCs of peers are tried in the order of their numbers. */
static void from(struct flow *f, unsigned int s)
{
	const int32_t known = f->l3[s ^ 1];

	if (f->l3[s] != 0 || known == 0)
		return;
	if ((f->q->mac[s] >> 40 & 1) || loopback(&f->ip[s]) || multicast(&f->ip[s]) ||
	    model_same_ip(&f->ip[0], &f->ip[1])) {
		f->l3[s] = known;
		return;
	}
	if (exact(f, s, known) || by_cidr(f, s, WEIR_META_IN_VPC, known))
		return;
	for (int32_t v = 1; v < 8; v++)
		if (v != known && model_are_peers(f->w, known, v) && exact(f, s, v))
			return;
	for (int32_t v = 1; v < 8; v++)
		if (v != known && model_are_peers(f->w, known, v) &&
		    by_cidr(f, s, WEIR_META_IN_VPC, v))
			return;
}

static void together(struct flow *f)
{
	bool any = false;

	from(f, 1);
	from(f, 0);
	for (unsigned int s = 0; s < 2; s++)
		any |= f->l3[s] == 0 && wan(f, s);
	if (any) {
		from(f, 1);
		from(f, 0);
	}
	for (unsigned int s = 0; s < 2; s++)
		if (f->l3[s] == 0)
			f->l3[s] = multicast(&f->ip[s])  ? f->l3[s ^ 1]
				   : intranet(&f->ip[s]) ? 0
							 : WEIR_VPC_INTERNET;
}

static void check_real_ip(const struct flow *f, const struct weir_meta_end *e, unsigned int s)
{
	const struct model_interface *i = f->by_mac[s];
	const struct model_ip *first = NULL;

	for (unsigned int k = 0; i != NULL && f->vip[s] && k < i->count && first == NULL; k++)
		if (i->ip[k].is_ipv6 == f->q->is_ipv6)
			first = &i->ip[k];
	CU_ASSERT_EQUAL_FATAL(e->has_real_ip, first != NULL);
	if (first != NULL)
		CU_ASSERT_EQUAL(memcmp(&e->real_ip, &first->ip, sizeof(first->ip)), 0);
}

static void check(const struct model *w, const struct weir_meta_query *q,
		  const struct model_ip ip[2], const struct weir_meta_label *got)
{
	struct flow f = { .w = w, .q = q, .ip = { ip[0], ip[1] } };

	for (unsigned int s = 0; s < 2; s++)
		f.by_mac[s] = model_by_mac(w, q->mac[s]);
	alone(&f, 0);
	alone(&f, 1);
	together(&f);
	for (unsigned int s = 0; s < 2; s++) {
		const struct weir_meta_end *e = &got->end[s];

		CU_ASSERT_EQUAL_FATAL(e->l3_vpc, f.l3[s]);
		CU_ASSERT_EQUAL_FATAL(e->l2_vpc, f.l2[s]);
		CU_ASSERT_EQUAL_FATAL(e->l3_end, f.l3_end[s]);
		CU_ASSERT_EQUAL_FATAL(e->l2_end, q->l2_end[s] != 0);
		CU_ASSERT_EQUAL_FATAL(e->is_local_ip, f.local_ip[s]);
		check_real_ip(&f, e, s);
	}
}

static struct weir_meta_query query(struct model *w, struct model_ip ip[2])
{
	struct weir_meta_query q = { .is_ipv6 = model_below(w, 3) == 0,
				     .has_ip = true,
				     .network_type = model_below(w, 4) ? 3 : 5,
				     .tunnel_id = model_below(w, 4) ? 0 : 1 + model_below(w, 3) };

	q.is_pseudo_mac = q.tunnel_id != 0 && model_below(w, 2);
	for (unsigned int s = 0; s < 2; s++) {
		q.mac[s] = model_mac(w);
		ip[s] = model_ip(w, q.is_ipv6);
		q.l2_end[s] = (uint8_t)model_below(w, 2);
	}
	if (model_below(w, 10) == 0)
		q.mac[1] = q.mac[0];
	if (model_below(w, 2) && w->interfaces > 0) { /* one that is there */
		const struct model_interface *i = &w->interface[model_below(w, w->interfaces)];

		q.mac[0] = i->mac;
		if (i->count > 0 && i->ip[0].is_ipv6 == q.is_ipv6)
			ip[0] = i->ip[0];
	}
	q.ip[0] = ip[0].ip;
	q.ip[1] = ip[1].ip;
	return q;
}

/* The points are those that the ends' conditions have: meta_observe_test. */
static void check_points(const struct observe_table *t, const struct weir_meta_query *q,
			 const struct weir_meta_label *got)
{
	const uint16_t meets[2] = { end_meets(&got->end[0]), end_meets(&got->end[1]) };
	struct weir_meta_label want;

	weir_meta_observe(t, q, meets, &want);
	CU_ASSERT_EQUAL_FATAL(got->observation_point, want.observation_point);
	CU_ASSERT_EQUAL_FATAL(got->observation_turned, want.observation_turned);
	CU_ASSERT_EQUAL_FATAL(memcmp(got->observation, want.observation, 2), 0);
}

static void test_labels_are_those_of_the_specification(void)
{
	static struct model w;
	static struct observe_table points;
	unsigned int known = 0, internet = 0, unknown = 0, seen = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct weir_meta *m;

		model_make(&w, seed);
		m = model_freeze(&w);
		weir_meta_observe_table_init(&points, &w.agent);
		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		for (unsigned int burst = 0; burst < BURSTS; burst++) {
			const unsigned int n = model_below(&w, WEIR_BURST_MAX + 1);
			struct weir_meta_query q[WEIR_BURST_MAX];
			struct weir_meta_label labels[WEIR_BURST_MAX];
			struct model_ip ip[WEIR_BURST_MAX][2];

			for (unsigned int i = 0; i < n; i++)
				q[i] = query(&w, ip[i]);
			weir_meta_label_burst(m, q, labels, n);
			for (unsigned int i = 0; i < n; i++) {
				check(&w, &q[i], ip[i], &labels[i]);
				check_points(&points, &q[i], &labels[i]);
				seen += labels[i].observation_point != 0;
				known += labels[i].end[1].l3_vpc > 0;
				internet += labels[i].end[1].l3_vpc == WEIR_VPC_INTERNET;
				unknown += labels[i].end[1].l3_vpc == 0;
			}
		}
		weir_meta_destroy(m);
	}
	CU_ASSERT(known > 1000 && internet > 1000 && unknown > 1000 && seen > 1000);
}

static void test_the_ends_of_an_analyzer(void)
{
	/* Data plane, 1.5. MACs 1 and 2 are known; 3 is not. */
	static const struct {
		uint8_t src, dst;
		bool multicast, tunnel;
		uint8_t ends;
	} cases[] = {
		{ 1, 2, false, false, 3 }, { 1, 3, false, false, 1 }, { 3, 2, false, false, 2 },
		{ 3, 3, false, false, 0 }, { 1, 2, true, false, 1 },  { 1, 2, true, true, 3 },
		{ 3, 2, true, true, 2 },
	};
	static const char *const macs[] = { "02:00:00:00:00:01", "02:00:00:00:00:02" };
	const struct weir_meta_agent agent = { .type = 6, .mode = 2 };
	struct weir_meta_builder *b = weir_meta_builder_create(&agent);
	struct weir_meta *m;

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	weir_meta_add_segment(b, WEIR_META_REMOTE,
			      &(struct weir_meta_segment){ .macs = macs, .mac_count = 2 });
	m = weir_meta_freeze(b, NULL);
	weir_meta_builder_destroy(b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_pkt p = { 0 };
		uint8_t ends;

		p.mac[WEIR_SRC][5] = cases[i].tunnel ? 0 : cases[i].src;
		p.mac[WEIR_DST][5] = cases[i].tunnel ? 0 : cases[i].dst;
		p.mac[WEIR_DST][0] = cases[i].multicast;
		if (cases[i].tunnel)
			p.tunnel = (struct weir_tunnel){ .tier = 1,
							 .type = WEIR_TUNNEL_VXLAN,
							 .mac = { cases[i].src, cases[i].dst } };
		weir_meta_l2_ends_burst(m, &p, &ends, 1);
		CU_ASSERT_EQUAL(ends, cases[i].ends);
	}
	weir_meta_destroy(m);
}

/* Data plane, 1.8: rows of KVM. A machine that is here speaks to one that nobody knows. */
static void test_a_label_says_where_the_flow_was_seen(void)
{
	static const struct {
		bool turned; /* the machine is the destination */
		uint8_t tier;
		uint8_t point;
	} cases[] = { { false, 0, 1 }, { true, 0, 2 }, { false, 1, 17 }, { true, 1, 18 } };
	static const char *const macs[] = { "02:00:00:00:00:01" };
	const struct weir_meta_agent agent = { .type = 1 };
	struct weir_meta_builder *b = weir_meta_builder_create(&agent);
	struct weir_meta *m;

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	weir_meta_add_segment(b, WEIR_META_LOCAL,
			      &(struct weir_meta_segment){ .macs = macs, .mac_count = 1 });
	weir_meta_add_interface(b, &(struct weir_meta_interface){
					   .if_type = WEIR_IF_LAN,
					   .vpc = 5,
					   .mac = 0x020000000001,
					   .addresses = &(
						   struct weir_meta_address){ .ip = "10.0.0.1" },
					   .address_count = 1 });
	m = weir_meta_freeze(b, NULL);
	weir_meta_builder_destroy(b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		const unsigned int own = cases[i].turned ? WEIR_DST : WEIR_SRC;
		struct weir_meta_query q = { .network_type = 3,
					     .has_ip = true,
					     .tier = cases[i].tier,
					     .tunnel_type = cases[i].tier > 0 ? WEIR_TUNNEL_VXLAN
									      : 0 };
		struct weir_meta_label label;

		q.mac[own] = 0x020000000001;
		q.mac[own ^ 1] = 0x020000000009;
		q.l2_end[own] = 1;
		memcpy(q.ip[own].b, (const uint8_t[4]){ 10, 0, 0, 1 }, 4);
		memcpy(q.ip[own ^ 1].b, (const uint8_t[4]){ 10, 0, 0, 9 }, 4);
		weir_meta_label_burst(m, &q, &label, 1);
		CU_ASSERT_EQUAL(label.observation_point, cases[i].point);
		CU_ASSERT_EQUAL(label.observation[own], cases[i].point);
		CU_ASSERT_EQUAL(label.observation[own ^ 1], 0);
	}
	weir_meta_destroy(m);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "labels are those of the specification",
		  test_labels_are_those_of_the_specification },
		{ "the ends of an analyzer", test_the_ends_of_an_analyzer },
		{ "a label says where the flow was seen",
		  test_a_label_says_where_the_flow_was_seen },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("meta/label", tests);
}
