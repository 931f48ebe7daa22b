/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random policies against a matcher that takes the texts as they were given and asks each ACL in turn. Its
 * ranges of addresses are compared as numbers, its prefixes bit by bit.
 */
#include "weir_test.h"

#include <weir_policy.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS       120
#define KEYS        400
#define GROUPS_MAX  40
#define ACLS_MAX    300
#define TEXTS       4
#define ACTIONS_MAX 3

struct group {
	uint32_t id, vpc;
	unsigned int ips, ranges;
	char ip[TEXTS][64], range[TEXTS][128];
};

struct acl {
	uint32_t id, type, protocol;
	char ports[2][64];
	unsigned int groups[2];
	int32_t group[2][TEXTS];
	unsigned int actions;
	struct weir_policy_action action[ACTIONS_MAX];
};

static uint64_t random_state;
static struct group groups[GROUPS_MAX];
static struct acl acls[ACLS_MAX];
static unsigned int group_count, acl_count;

static uint32_t below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((random_state >> 33) % n);
}

static void random_ip(bool is_ipv6, char *text, size_t room)
{
	if (is_ipv6)
		snprintf(text, room, "fd00::%x:%x", below(3), below(40));
	else
		snprintf(text, room, "10.%u.0.%u", below(3), below(40));
}

static void random_group(struct group *g, uint32_t id)
{
	*g = (struct group){ .id = id, .vpc = below(2) ? 0 : 1 + below(3) };
	if (below(8) == 0)
		g->vpc = 65534; /* the Internet's */
	g->ips = below(TEXTS);
	g->ranges = below(3) == 0 ? 1 + below(2) : g->ips == 0;
	for (unsigned int i = 0; i < g->ips; i++) {
		const bool is_ipv6 = below(3) == 0;
		char ip[40];

		random_ip(is_ipv6, ip, sizeof(ip));
		if (below(3) == 0)
			snprintf(g->ip[i], sizeof(g->ip[i]), "%s", ip);
		else
			snprintf(g->ip[i], sizeof(g->ip[i]), "%s/%u", ip,
				 is_ipv6 ? 100 + below(29) : 8 + below(25));
	}
	for (unsigned int i = 0; i < g->ranges; i++) {
		const bool is_ipv6 = below(3) == 0;
		const uint32_t net = below(3), from = below(30), to = from + below(40);

		if (is_ipv6)
			snprintf(g->range[i], sizeof(g->range[i]), "fd00::%x:%x-fd00::%x:%x", net,
				 from, net, to);
		else
			snprintf(g->range[i], sizeof(g->range[i]), "10.%u.0.%u-10.%u.0.%u", net,
				 from, net, to);
	}
}

static void random_ports(char *text, size_t room)
{
	static const uint16_t edges[] = { 0, 1, 79, 80, 81, 443, 65534, 65535 };
	size_t len = 0;

	text[0] = '\0';
	for (unsigned int n = below(2) ? 0 : 1 + below(3); n > 0; n--) {
		const uint32_t a = below(2) ? edges[below(8)] : below(100);
		const uint32_t b = weir_min_u64(65535, a + below(50));

		len += (size_t)snprintf(text + len, room - len, below(2) ? "%s%u" : "%s%u-%u",
					len > 0 ? "," : "", a, b);
	}
}

static void random_acl(struct acl *a, uint32_t id)
{
	*a = (struct acl){ .id = id,
			   .type = below(3) ? 0 : 3 + below(2),
			   .protocol = below(3) == 0 ? 256
				       : below(2)    ? 6
						     : 17 };
	for (unsigned int side = 0; side < 2; side++) {
		random_ports(a->ports[side], sizeof(a->ports[side]));
		a->groups[side] = below(3) == 0 ? 0 : 1 + below(TEXTS - 1);
		for (unsigned int i = 0; i < a->groups[side]; i++)
			a->group[side][i] = 1 + (int32_t)below(GROUPS_MAX); /* may not be there */
	}
	a->actions = below(ACTIONS_MAX + 1);
	for (unsigned int i = 0; i < a->actions; i++)
		a->action[i] = (struct weir_policy_action){ .tunnel_type = below(5),
							    .tunnel_ip = "192.0.2.1",
							    .side = 1 + below(3),
							    .direction = 1 + below(3),
							    .gid = id,
							    .payload_slice = i };
}

static struct weir_policy *compiled(struct weir_policy_drops *drops)
{
	struct weir_policy_builder *b = weir_policy_builder_create();
	struct weir_policy *p;

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	for (unsigned int i = 0; i < acl_count; i++) {
		const struct acl *a = &acls[i];

		CU_ASSERT_EQUAL(weir_policy_add_acl(b,
						    &(struct weir_policy_acl){
							    .id = a->id,
							    .network_type = a->type,
							    .protocol = a->protocol,
							    .src_ports = a->ports[0],
							    .dst_ports = a->ports[1],
							    .src_groups = a->group[0],
							    .src_group_count = a->groups[0],
							    .dst_groups = a->group[1],
							    .dst_group_count = a->groups[1],
							    .actions = a->action,
							    .action_count = a->actions }),
				0);
	}
	for (unsigned int i = 0; i < group_count; i++) {
		const char *ips[TEXTS], *ranges[TEXTS];

		for (unsigned int k = 0; k < TEXTS; k++) {
			ips[k] = groups[i].ip[k];
			ranges[k] = groups[i].range[k];
		}
		CU_ASSERT_EQUAL(weir_policy_add_group(b,
						      &(struct weir_policy_group){
							      .id = groups[i].id,
							      .vpc = groups[i].vpc,
							      .ips = ips,
							      .ip_count = groups[i].ips,
							      .ip_ranges = ranges,
							      .ip_range_count = groups[i].ranges }),
				0);
	}
	p = weir_policy_compile(b, (size_t)64 << 20, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	*drops = *weir_policy_builder_drops(b);
	weir_policy_builder_destroy(b);
	return p;
}

/* ---------------------------------------------------------------- the same, from the texts */

static bool parse(const char *text, size_t len, union weir_ip *ip, bool *is_ipv6)
{
	char copy[64];

	memcpy(copy, text, len);
	copy[len] = '\0';
	memset(ip, 0, sizeof(*ip));
	*is_ipv6 = strchr(copy, ':') != NULL;
	return inet_pton(*is_ipv6 ? AF_INET6 : AF_INET, copy, ip->b) == 1;
}

static bool text_has_ip(const char *text, const union weir_ip *ip, bool is_ipv6)
{
	const char *slash = strchr(text, '/');
	union weir_ip net;
	bool net6;
	int bits;

	if (!parse(text, slash != NULL ? (size_t)(slash - text) : strlen(text), &net, &net6))
		abort();
	bits = slash != NULL ? atoi(slash + 1) : net6 ? 128 : 32;
	for (int n = 0; n < bits; n++)
		if ((net.b[n / 8] ^ ip->b[n / 8]) >> (7 - n % 8) & 1)
			return false;
	return net6 == is_ipv6;
}

static bool range_has_ip(const char *text, const union weir_ip *ip, bool is_ipv6)
{
	const char *dash = strchr(text, '-');
	union weir_ip first, last;
	bool range6;

	if (!parse(text, (size_t)(dash - text), &first, &range6) ||
	    !parse(dash + 1, strlen(dash + 1), &last, &range6))
		abort();
	return range6 == is_ipv6 && memcmp(first.b, ip->b, 16) <= 0 &&
	       memcmp(ip->b, last.b, 16) <= 0;
}

static bool group_has(uint32_t id, const union weir_ip *ip, int32_t vpc, bool is_ipv6)
{
	for (unsigned int i = 0; i < group_count; i++) {
		const struct group *g = &groups[i];

		if (g->id != id || (g->vpc != 0 && (uint16_t)g->vpc != (uint16_t)vpc))
			continue;
		for (unsigned int k = 0; k < g->ips; k++)
			if (text_has_ip(g->ip[k], ip, is_ipv6))
				return true;
		for (unsigned int k = 0; k < g->ranges; k++)
			if (range_has_ip(g->range[k], ip, is_ipv6))
				return true;
	}
	return false;
}

static bool ports_have(const char *text, unsigned int port)
{
	char copy[64], *word, *save;

	if (*text == '\0')
		return true;
	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save)) {
		unsigned int from, to;
		const int n = sscanf(word, "%u-%u", &from, &to);

		if (port >= from && port <= (n == 2 ? to : from))
			return true;
	}
	return false;
}

/* `way` 1: the key turned round. */
static bool matches(const struct acl *a, const struct weir_policy_key *k, unsigned int way)
{
	if (a->type != 0 && a->type != k->network_type)
		return false;
	if (a->protocol != 256 && a->protocol != k->protocol)
		return false;
	for (unsigned int side = 0; side < 2; side++) {
		const unsigned int end = side ^ way;
		bool any = a->groups[side] == 0;

		for (unsigned int i = 0; i < a->groups[side]; i++)
			any |= group_has((uint32_t)a->group[side][i], &k->ip[end], k->vpc[end],
					 k->is_ipv6);
		if (!any || !ports_have(a->ports[side], k->port[end]))
			return false;
	}
	return true;
}

struct expected {
	struct weir_policy_result r;
	struct weir_policy_action action[WEIR_POLICY_HITS_MAX];
};

static void expect_action(struct expected *e, const struct weir_policy_action *a,
			  const bool ways[2])
{
	struct weir_policy_hit hit = { 0 };

	e->r.flags |= a->tunnel_type == 2 ? 1 : a->tunnel_type == 3 ? 4 : 2;
	for (unsigned int way = 0; way < 2; way++) {
		if (!ways[way])
			continue;
		if (a->direction != 3) /* packets from the ACL's source */
			hit.along |= way == 0 ? 1 : 2;
		if (a->direction != 2) /* to it */
			hit.along |= way == 0 ? 2 : 1;
		if (a->side != 2) /* the ACL's source */
			hit.side |= way == 0 ? 1 : 2;
		if (a->side != 1)
			hit.side |= way == 0 ? 2 : 1;
	}
	if (e->r.hit_count == WEIR_POLICY_HITS_MAX) {
		e->r.hits_lost++;
		return;
	}
	e->action[e->r.hit_count] = *a;
	e->r.hit[e->r.hit_count++] = hit;
}

static void expect(const struct weir_policy_key *k, struct expected *e)
{
	memset(e, 0, sizeof(*e));
	for (unsigned int i = 0; i < acl_count; i++) {
		const bool ways[2] = { matches(&acls[i], k, 0), matches(&acls[i], k, 1) };

		if (!ways[0] && !ways[1])
			continue;
		if (e->r.acls == 0)
			e->r.acl_id = acls[i].id;
		e->r.acls += (uint32_t)ways[0] + (uint32_t)ways[1];
		for (unsigned int n = 0; n < acls[i].actions; n++)
			expect_action(e, &acls[i].action[n], ways);
	}
}

static struct weir_policy_key random_key(void)
{
	struct weir_policy_key k = { .is_ipv6 = below(3) == 0,
				     .protocol = below(4) == 0 ? 1
						 : below(2)    ? 6
							       : 17,
				     .network_type = (uint16_t)(below(20) == 0 ? 300
									       : 3 + below(3)) };

	for (unsigned int end = 0; end < 2; end++) {
		char text[64];
		bool is_ipv6;

		random_ip(k.is_ipv6, text, sizeof(text));
		if (!parse(text, strlen(text), &k.ip[end], &is_ipv6))
			abort();
		k.vpc[end] = (int32_t)below(6) - 2; /* -2, the Internet, to 3 */
		k.port[end] = (uint16_t)(below(8) == 0 ? 65535 - below(2) : below(150));
	}
	return k;
}

static void check(const struct weir_policy *p, const struct weir_policy_key *k)
{
	struct weir_policy_result got;
	struct expected want;

	expect(k, &want);
	CU_ASSERT_EQUAL_FATAL(weir_policy_match(p, k, &got), want.r.acls > 0);
	CU_ASSERT_EQUAL_FATAL(got.acls, want.r.acls);
	CU_ASSERT_EQUAL_FATAL(got.acl_id, want.r.acl_id);
	CU_ASSERT_EQUAL_FATAL(got.flags, want.r.flags);
	CU_ASSERT_EQUAL_FATAL(got.hit_count, want.r.hit_count);
	CU_ASSERT_EQUAL_FATAL(got.hits_lost, want.r.hits_lost);
	for (unsigned int i = 0; i < got.hit_count; i++) {
		const struct weir_policy_action *a = weir_policy_action_at(p, got.hit[i].action);

		CU_ASSERT_EQUAL_FATAL(a->gid, want.action[i].gid);
		CU_ASSERT_EQUAL_FATAL(a->payload_slice, want.action[i].payload_slice);
		CU_ASSERT_EQUAL_FATAL(a->tunnel_type, want.action[i].tunnel_type);
		CU_ASSERT_EQUAL_FATAL(got.hit[i].along, want.r.hit[i].along);
		CU_ASSERT_EQUAL_FATAL(got.hit[i].side, want.r.hit[i].side);
	}
}

static bool same(const struct weir_policy_result *a, const struct weir_policy_result *b)
{
	return a->acl_id == b->acl_id && a->acl_order == b->acl_order && a->acls == b->acls &&
	       a->flags == b->flags && a->hits_lost == b->hits_lost &&
	       a->hit_count == b->hit_count &&
	       memcmp(a->hit, b->hit, a->hit_count * sizeof(a->hit[0])) == 0;
}

static void check_burst(const struct weir_policy *p)
{
	static struct weir_policy_result results[WEIR_BURST_MAX];
	const unsigned int n = below(WEIR_BURST_MAX + 1);
	static struct weir_policy_key keys[WEIR_BURST_MAX];

	for (unsigned int i = 0; i < n; i++)
		keys[i] = random_key();
	weir_policy_match_burst(p, keys, results, n);
	for (unsigned int i = 0; i < n; i++) {
		struct weir_policy_result alone;

		weir_policy_match(p, &keys[i], &alone);
		CU_ASSERT_FATAL(same(&results[i], &alone));
	}
}

static void random_policy(uint64_t seed)
{
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
	group_count = below(GROUPS_MAX + 1);
	acl_count = below(4) == 0 ? below(5) : below(ACLS_MAX + 1);
	for (unsigned int i = 0; i < group_count; i++)
		random_group(&groups[i], i + 1);
	for (unsigned int i = 0; i < acl_count; i++)
		random_acl(&acls[i], i + 1);
}

static void test_what_matches_is_what_each_acl_says(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct weir_policy_drops drops;
		struct weir_policy *p;

		random_policy(seed);
		p = compiled(&drops);
		CU_ASSERT_EQUAL(weir_policy_acls(p) + drops.acl_groups, acl_count);
		for (unsigned int i = 0; i < KEYS; i++) {
			const struct weir_policy_key k = random_key();

			check(p, &k);
		}
		check_burst(p);
		weir_policy_destroy(p);
	}
}

/* More ACLs than one word of a summary has bits for: 4,096. */
static void test_many_acls_are_all_seen(void)
{
	struct weir_policy_builder *b = weir_policy_builder_create();
	struct weir_policy *p;

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	for (uint32_t i = 0; i < 20000; i++) {
		char port[8];

		snprintf(port, sizeof(port), "%u", 40000 + i);
		CU_ASSERT_EQUAL(weir_policy_add_acl(b,
						    &(struct weir_policy_acl){ .id = i + 1,
									       .protocol = 6,
									       .dst_ports = port }),
				0);
	}
	p = weir_policy_compile(b, (size_t)64 << 20, NULL);
	weir_policy_builder_destroy(b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	for (uint32_t port = 39990; port < 60010; port++) {
		const struct weir_policy_key k = { .protocol = 6, .port = { 9, (uint16_t)port } };
		const bool is_one = port >= 40000 && port < 60000;
		struct weir_policy_result r;

		CU_ASSERT_EQUAL(weir_policy_match(p, &k, &r), is_one);
		CU_ASSERT_EQUAL(r.acl_id, is_one ? port - 40000 + 1 : 0);
	}
	weir_policy_destroy(p);
}

static void test_gids_are_told_once(void)
{
	static const struct weir_policy_action actions[] = {
		{ .tunnel_type = WEIR_POLICY_PCAP, .side = 3, .direction = 1, .gid = 7 },
		{ .tunnel_type = WEIR_POLICY_VXLAN,
		  .side = 3,
		  .direction = 1,
		  .gid = 9,
		  .tunnel_ip = "192.0.2.1" },
		{ .tunnel_type = WEIR_POLICY_PCAP, .side = 1, .direction = 1, .gid = 7 },
	};
	struct weir_policy_builder *b = weir_policy_builder_create();
	const struct weir_policy_key k = { .protocol = 6 };
	struct weir_policy_result r;
	struct weir_policy *p;
	uint16_t gids[4];

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	weir_policy_add_acl(b, &(struct weir_policy_acl){ .id = 1,
							  .protocol = 256,
							  .actions = actions,
							  .action_count = 3 });
	p = weir_policy_compile(b, (size_t)64 << 20, NULL);
	weir_policy_builder_destroy(b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT(weir_policy_match(p, &k, &r));
	CU_ASSERT_EQUAL(weir_policy_gids(p, &r, false, gids, 4), 1);
	CU_ASSERT_EQUAL(gids[0], 7);
	CU_ASSERT_EQUAL(weir_policy_gids(p, &r, true, gids, 4), 2);
	CU_ASSERT_EQUAL(gids[1], 9);
	CU_ASSERT_EQUAL(weir_policy_gids(p, &r, true, gids, 1), 1);
	CU_ASSERT_STRING_EQUAL(weir_policy_action_at(p, r.hit[1].action)->tunnel_ip, "192.0.2.1");
	weir_policy_destroy(p);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "what matches is what each ACL says", test_what_matches_is_what_each_acl_says },
		{ "many ACLs are all seen", test_many_acls_are_all_seen },
		{ "gids are told once", test_gids_are_told_once },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("policy/match", tests);
}
