/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new flow against 1,000 to 100,000 ACLs over 5,000 groups, and what it takes to compile them. Wide: more ACLs leave
 * their ends open, and every tenth group is large networks around others. Each flow is another one. Median of bursts
 * of 32 flows, and what the best tenth of them stay below.
 */
#include <weir_policy.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define GROUPS 5000u
#define ROUNDS 31
#define FLOWS  4096
#define GROUP  32 /* new flows of a burst */

static uint64_t random_state = 1;

static uint32_t below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((random_state >> 32) * n >> 32);
}

static void add_group(struct weir_policy_builder *b, uint32_t id, bool wide)
{
	static char text[5][64];
	const char *ips[4], *ranges[1] = { text[4] };
	const struct weir_policy_group row = { .id = id,
					       .vpc = below(2) ? 0 : 1 + below(20),
					       .ips = ips,
					       .ip_count = 4,
					       .ip_ranges = ranges,
					       .ip_range_count = 1 };

	for (unsigned int i = 0; i < 4; i++) {
		const uint32_t len = wide && id % 10 == 0 ? 8 + below(9) : 24 + below(9);

		snprintf(text[i], sizeof(text[i]), "10.%u.%u.%u/%u", below(32), below(256),
			 below(256), len);
		ips[i] = text[i];
	}
	snprintf(text[4], sizeof(text[4]), "10.%u.%u.3-10.40.0.9", below(32) + 8, below(256));
	if (!wide || id % 10 != 0) {
		const uint32_t x = below(32), y = below(256);

		snprintf(text[4], sizeof(text[4]), "10.%u.%u.3-10.%u.%u.77", x, y, x, y);
	}
	if (weir_policy_add_group(b, &row) < 0)
		abort();
}

/*
 * Of ten ACLs four go from group to group, four leave one end open but say the port, one leaves both open
 * and says one port; of wide ones, one more does.
 */
static void add_acl(struct weir_policy_builder *b, uint32_t id, bool wide)
{
	const uint32_t kind = id % 10;
	const bool is_open = kind == 0 || (wide && kind == 9);
	const int32_t src[2] = { 1 + (int32_t)below(GROUPS), 1 + (int32_t)below(GROUPS) };
	const int32_t dst[2] = { 1 + (int32_t)below(GROUPS), 1 + (int32_t)below(GROUPS) };
	const struct weir_policy_action action = { .tunnel_type = WEIR_POLICY_PCAP,
						   .side = WEIR_POLICY_BOTH,
						   .direction = WEIR_POLICY_ALL,
						   .gid = 1 + id % 1000 };
	const uint32_t port = below(is_open ? 60000 : 3000);
	char ports[64];
	const struct weir_policy_acl row = {
		.id = id,
		.protocol = below(4) == 0 ? WEIR_POLICY_ANY_PROTOCOL
			    : below(2)    ? 6
					  : 17,
		.network_type = below(10) < 8 ? 0 : 3,
		.dst_ports = !is_open && kind < 5 && below(2) ? "" : ports,
		.src_groups = src,
		.src_group_count = is_open || kind == 5 || kind == 6 ? 0 : 2,
		.dst_groups = dst,
		.dst_group_count = is_open || kind == 7 || kind == 8 ? 0 : 2,
		.actions = &action,
		.action_count = 1,
	};

	if (is_open)
		snprintf(ports, sizeof(ports), "%u", port);
	else
		snprintf(ports, sizeof(ports), "%u,%u-%u", port, port + 10, port + 10 + below(200));
	if (weir_policy_add_acl(b, &row) < 0)
		abort();
}

static struct weir_policy *make(uint32_t acls, bool wide, double *ms)
{
	struct weir_policy_builder *b = weir_policy_builder_create();
	struct weir_policy *p;
	struct weir_err err;
	uint64_t start;

	if (b == NULL)
		abort();
	random_state = acls;
	for (uint32_t i = 1; i <= GROUPS; i++)
		add_group(b, i, wide);
	for (uint32_t i = 1; i <= acls; i++)
		add_acl(b, i, wide);
	start = weir_clock_mono_ns();
	p = weir_policy_compile(b, (size_t)1 << 30, &err);
	if (p == NULL) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	*ms = (double)(weir_clock_mono_ns() - start) / 1e6;
	weir_policy_builder_destroy(b);
	return p;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void fill(struct weir_policy_key *key)
{
	*key = (struct weir_policy_key){ .network_type = 3, .protocol = below(2) ? 6 : 17 };
	for (unsigned int end = 0; end < 2; end++) {
		key->ip[end].w[0] = htonl(0x0a000000 + below(32 << 16));
		key->vpc[end] = 1 + (int32_t)below(20);
	}
	key->port[0] = (uint16_t)(32768 + below(28000));
	key->port[1] = (uint16_t)below(3000);
}

static void measure(uint32_t acls, bool wide)
{
	static struct weir_policy_key keys[GROUP];
	static struct weir_policy_result results[GROUP];
	static double ns[ROUNDS * FLOWS / GROUP];
	const unsigned int groups = ROUNDS * FLOWS / GROUP;
	double ms;
	struct weir_policy *p = make(acls, wide, &ms);
	uint64_t matched = 0;

	for (unsigned int k = 0; k < groups; k++) {
		uint64_t start;

		for (unsigned int i = 0; i < GROUP; i++)
			fill(&keys[i]);
		start = weir_clock_mono_ns();
		weir_policy_match_burst(p, keys, results, GROUP);
		ns[k] = (double)(weir_clock_mono_ns() - start) / GROUP;
		for (unsigned int i = 0; i < GROUP; i++)
			matched += results[i].acls;
	}
	qsort(ns, groups, sizeof(ns[0]), by_value);
	printf("%-6s %7u ACLs: %6.0f ns a flow (first tenth %.0f), %.2f match; compiled in %.0f ms, %.1f MiB\n",
	       wide ? "wide" : "sparse", acls, ns[groups / 2], ns[groups / 10],
	       (double)matched / (ROUNDS * FLOWS), ms, (double)weir_policy_bytes(p) / (1 << 20));
	weir_policy_destroy(p);
}

/* One group of many prefixes, which every ACL names: how long it takes to compile, and only that. */
static void measure_huge(uint32_t prefixes, uint32_t acls)
{
	struct weir_policy_builder *b = weir_policy_builder_create();
	const char **ips = calloc(prefixes, sizeof(*ips));
	char(*text)[20] = calloc(prefixes, sizeof(*text));
	const int32_t group = 1;
	struct weir_policy *p;
	uint64_t start;

	if (b == NULL || ips == NULL || text == NULL)
		abort();
	for (uint32_t i = 0; i < prefixes; i++) {
		snprintf(text[i], sizeof(text[i]), "10.%u.%u.%u/%u", i >> 15 & 255, i >> 7 & 255,
			 i << 1 & 255, i % 2 ? 31 : 32);
		ips[i] = text[i];
	}
	weir_policy_add_group(b, &(struct weir_policy_group){
					 .id = 1, .ips = ips, .ip_count = prefixes });
	for (uint32_t i = 1; i <= acls; i++)
		weir_policy_add_acl(b, &(struct weir_policy_acl){
					       .id = i,
					       .protocol = i % WEIR_POLICY_ANY_PROTOCOL,
					       .src_groups = &group,
					       .src_group_count = 1 });
	start = weir_clock_mono_ns();
	p = weir_policy_compile(b, (size_t)1 << 30, NULL);
	if (p == NULL)
		abort();
	printf("huge   %7u ACLs name a group of %u prefixes: compiled in %.0f ms, %.1f MiB\n", acls,
	       prefixes, (double)(weir_clock_mono_ns() - start) / 1e6,
	       (double)weir_policy_bytes(p) / (1 << 20));
	weir_policy_destroy(p);
	weir_policy_builder_destroy(b);
	free(ips);
	free(text);
}

int main(void)
{
	for (unsigned int wide = 0; wide < 2; wide++)
		for (uint32_t acls = 1000; acls <= 100000; acls *= 10)
			measure(acls, wide);
	for (uint32_t n = 1000; n <= 100000; n *= 10)
		measure_huge(n, n);
	return 0;
}
