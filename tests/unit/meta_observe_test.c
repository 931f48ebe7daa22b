/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every combination of conditions, for every type of agent, against the table of data plane 1.8 written
 * as sentences instead of rows.
 */
#include "meta_priv.h"
#include "weir_test.h"

/* What a flow is, whoever of its ends is asked. */
struct observer {
	uint8_t agent_type; /* enum weir_agent_type */
	bool gateway_traffic;
	bool is_cloud; /* network_type 3 */
	bool is_dst_unicast;
	uint8_t tier;
	uint8_t tunnel_type; /* enum weir_tunnel_type */
	struct {
		bool l2_end, l3_end, is_local_mac, is_local_ip, is_internet;
	} end[2];
};

/* One of them. */
struct seen {
	bool l2, l3, local_mac, local_ip, internet, unicast;
};

static const char *text(const char *const pair[2], unsigned int side)
{
	return pair[side];
}

#define BOTH(src, dst) text((const char *const[2]){ src, dst }, side)

static const char *analyzer(const struct observer *o, const struct seen *s, unsigned int side)
{
	if (!o->is_cloud)
		return s->internet ? "" : BOTH("c", "s");
	if (!s->l2)
		return "";
	return o->gateway_traffic ? BOTH("s-gw", "c-gw") : BOTH("c", "s");
}

static const char *pod(const struct observer *o, const struct seen *s, unsigned int side)
{
	const bool inside = s->local_ip || o->tier > 0;

	if (s->l2 && s->l3)
		return o->tier == 0 ? BOTH("c", "s") : BOTH("c-nd", "s-nd");
	if (s->l2)
		return inside ? BOTH("c-nd", "s-nd") : "";
	if (!s->local_mac)
		return "";
	return s->l3 || inside ? BOTH("c-nd", "s-nd") : "";
}

static const char *kvm_l2(const struct observer *o, const struct seen *s, unsigned int side)
{
	const bool tunnel = o->tier > 0;

	if (s->l3 && !tunnel)
		return BOTH("c", "s");
	if (s->local_ip)
		return tunnel ? BOTH("c-hv", "s-hv") : BOTH("s-gw", "c-gw");
	if (s->local_mac) {
		if (!tunnel)
			return BOTH("s-gw", "c-gw");
		return o->tunnel_type == WEIR_TUNNEL_IPIP ? BOTH("c-hv", "s-hv")
							  : BOTH("s-gw-hv", "c-gw-hv");
	}
	return tunnel && o->tunnel_type == WEIR_TUNNEL_TENCENT_GRE ? BOTH("c-hv", "s-hv") : "";
}

static const char *kvm(const struct observer *o, const struct seen *s, unsigned int side)
{
	if (o->gateway_traffic)
		return s->l2 ? BOTH("s-gw", "c-gw") : "";
	if (s->l2)
		return kvm_l2(o, s, side);
	if (!s->local_mac)
		return "";
	if (s->l3 || s->local_ip || o->tier > 0)
		return BOTH("c-hv", "s-hv");
	return BOTH("s-gw-hv", "c-gw-hv");
}

static const char *expected(const struct observer *o, const struct seen *s, unsigned int side)
{
	switch (o->agent_type) {
	case 6:
		return analyzer(o, s, side);
	case 10:
		return s->l2 ? BOTH("c-hv", "s-hv") : "";
	case 11:
		if (s->l2 && s->l3)
			return BOTH("c-hv", "s-hv");
		return s->l2 && s->unicast ? BOTH("s-gw-hv", "c-gw-hv") : "";
	case 3:
	case 5:
		if (s->l2 && s->l3)
			return BOTH("c", "s");
		return s->l2 && s->unicast ? BOTH("s-gw", "c-gw") : "";
	case 7:
	case 8:
	case 12:
		return pod(o, s, side);
	case 1:
		return kvm(o, s, side);
	case 2:
		return o->tier == 0 && s->l2 && s->l3 ? BOTH("c", "s") : "";
	default:
		return "";
	}
}

/* Numbers of the ingest format's table of observation points. */
static uint8_t number(const char *name)
{
	static const struct {
		const char *name;
		uint8_t value;
	} points[] = { { "", 0 },         { "c", 1 },        { "s", 2 },     { "local", 4 },
		       { "c-nd", 9 },     { "s-nd", 10 },    { "c-hv", 17 }, { "s-hv", 18 },
		       { "c-gw-hv", 25 }, { "s-gw-hv", 26 }, { "c-gw", 33 }, { "s-gw", 34 } };

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(points); i++)
		if (strcmp(points[i].name, name) == 0)
			return points[i].value;
	CU_FAIL("name of a point");
	return UINT8_MAX;
}

static struct observer observer(unsigned int agent, bool gateway_traffic, unsigned int bits)
{
	static const uint8_t tunnels[] = { WEIR_TUNNEL_NONE, WEIR_TUNNEL_VXLAN, WEIR_TUNNEL_IPIP,
					   WEIR_TUNNEL_TENCENT_GRE };
	struct observer o = { .agent_type = (uint8_t)agent,
			      .gateway_traffic = gateway_traffic,
			      .is_cloud = bits & 1,
			      .is_dst_unicast = bits >> 1 & 1,
			      .tunnel_type = tunnels[bits >> 2 & 3] };

	o.tier = o.tunnel_type != WEIR_TUNNEL_NONE;
	for (unsigned int side = 0; side < 2; side++) {
		const unsigned int own = bits >> (4 + 5 * side);

		o.end[side].l2_end = own & 1;
		o.end[side].l3_end = own >> 1 & 1;
		o.end[side].is_local_mac = own >> 2 & 1;
		o.end[side].is_local_ip = own >> 3 & 1;
		o.end[side].is_internet = own >> 4 & 1;
	}
	return o;
}

static struct observe_table table_of(unsigned int agent, bool gateway_traffic)
{
	const struct weir_meta_agent a = { .type = (uint8_t)agent,
					   .gateway_traffic = gateway_traffic };
	struct observe_table t;

	weir_meta_observe_table_init(&t, &a);
	return t;
}

/* The point of a flow labelled so. */
static uint8_t point_of(const struct observe_table *t, const struct observer *o, bool is_same_mac,
			uint8_t by[2], uint8_t *turned)
{
	const uint64_t multicast = o->is_dst_unicast ? 0 : UINT64_C(0x010000000000);
	const struct weir_meta_query q = {
		.mac = { 1, multicast | (is_same_mac ? 1 : 2) },
		.network_type = o->is_cloud ? 3 : 4,
		.tier = o->tier,
		.tunnel_type = o->tunnel_type,
	};
	struct weir_meta_label label = { 0 };

	for (unsigned int side = 0; side < 2; side++)
		label.end[side] = (struct weir_meta_end){
			.l2_end = o->end[side].l2_end,
			.l3_end = o->end[side].l3_end,
			.is_local_mac = o->end[side].is_local_mac,
			.is_local_ip = o->end[side].is_local_ip,
			.l3_vpc = o->end[side].is_internet ? WEIR_VPC_INTERNET : 5,
		};
	weir_meta_observe(t, &q,
			  (const uint16_t[2]){ end_meets(&label.end[0]), end_meets(&label.end[1]) },
			  &label);
	memcpy(by, label.observation, 2);
	if (turned != NULL)
		*turned = label.observation_turned;
	return label.observation_point;
}

/* The notes below the table. */
static void choose(const struct observer *o, const char *by[2])
{
	if (by[0][0] == '\0' || by[1][0] == '\0' || !o->is_cloud)
		return;
	if ((strcmp(by[0], "c") == 0 || o->end[0].l2_end) && strcmp(by[1], "s") != 0)
		by[1] = "";
	else if ((strcmp(by[1], "s") == 0 || o->end[1].l2_end) && strcmp(by[0], "c") != 0)
		by[0] = "";
	else if (o->end[0].is_local_mac)
		by[1] = "";
	else if (o->end[1].is_local_mac)
		by[0] = "";
}

static uint8_t expected_point(const struct observer *o, uint8_t by[2])
{
	const char *want[2];

	for (unsigned int side = 0; side < 2; side++) {
		const struct seen s = { .l2 = o->end[side].l2_end,
					.l3 = o->end[side].l3_end,
					.local_mac = o->end[side].is_local_mac,
					.local_ip = o->end[side].is_local_ip,
					.internet = o->end[side].is_internet,
					.unicast = side == 0 || o->is_dst_unicast };

		want[side] = expected(o, &s, side);
	}
	choose(o, want);
	for (unsigned int side = 0; side < 2; side++)
		by[side] = number(want[side]);
	return by[0] != 0 && by[1] != 0 ? 0 : by[0] + by[1];
}

static void check(const struct observe_table *t, const struct observer *o)
{
	struct observer back = *o;
	uint8_t want[2], got[2], one, turned;

	one = point_of(t, o, false, got, &turned);
	if (one != expected_point(o, want) || memcmp(got, want, 2) != 0)
		CU_FAIL_FATAL("another point");
	back.end[0] = o->end[1];
	back.end[1] = o->end[0];
	back.is_dst_unicast = true; /* a source's MAC is */
	if (turned != expected_point(&back, want))
		CU_FAIL_FATAL("another point the other way round");
}

static void test_every_combination_is_as_the_table_says(void)
{
	for (unsigned int agent = 0; agent < 20; agent++)
		for (unsigned int gateway = 0; gateway < 2; gateway++) {
			const struct observe_table t = table_of(agent, gateway);

			for (unsigned int bits = 0; bits < 1u << 14; bits++) {
				const struct observer o = observer(agent, gateway, bits);

				check(&t, &o);
			}
		}
}

static void test_traffic_to_itself_is_local_to_workloads(void)
{
	uint8_t by[2];

	for (unsigned int agent = 0; agent < 20; agent++) {
		const bool is_workload = agent == 3 || agent == 5 || agent == 7 || agent == 8 ||
					 agent == 12;
		const struct observe_table t = table_of(agent, false);
		struct observer o = observer(agent, false, 0);

		o.is_dst_unicast = true;
		CU_ASSERT_EQUAL(point_of(&t, &o, true, by, NULL), is_workload ? 4 : 0);
		if (is_workload) {
			CU_ASSERT_EQUAL(by[0], 0);
			CU_ASSERT_EQUAL(by[1], 4);
		}
	}
}

static void test_both_sides_of_a_physical_network_stay(void)
{
	const struct observe_table t = table_of(WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE, false);
	struct observer o = { 0 };
	uint8_t by[2];

	CU_ASSERT_EQUAL(point_of(&t, &o, false, by, NULL), 0);
	CU_ASSERT_EQUAL(by[0], 1);
	CU_ASSERT_EQUAL(by[1], 2);
	o.end[1].is_internet = true;
	CU_ASSERT_EQUAL(point_of(&t, &o, false, by, NULL), 1);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every combination is as the table says",
		  test_every_combination_is_as_the_table_says },
		{ "traffic to itself is local to workloads",
		  test_traffic_to_itself_is_local_to_workloads },
		{ "both sides of a physical network stay",
		  test_both_sides_of_a_physical_network_stay },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("meta/observe", tests);
}
