/* SPDX-License-Identifier: Apache-2.0 */
/* An inventory of 100,000 interfaces with 10 addresses each, and policies over the same addresses. */
#ifndef PERF_TABLES_H
#define PERF_TABLES_H

#include <weir_meta.h>
#include <weir_policy.h>

#include <stdio.h>
#include <stdlib.h>

#define TABLES_INTERFACES 100000u
#define TABLES_EACH       10u  /* addresses of an interface */
#define TABLES_VPCS       100u /* each with the same 10,000 addresses in 10.0.0.0/11 */
#define TABLES_STEP       209u /* from one to the next */
#define TABLES_GROUPS     5000u
#define TABLES_NETWORK    3 /* cloud */

static inline uint64_t tables_mac(uint32_t i)
{
	return UINT64_C(0x020000000000) + i * UINT64_C(7919);
}

/* In host order. */
static inline uint32_t tables_ip(uint32_t i, uint32_t k)
{
	return 0x0a000000 + (i / TABLES_VPCS * TABLES_EACH + k) * TABLES_STEP;
}

/* Random numbers, the same in every run. */
static inline uint32_t tables_below(uint64_t *state, uint32_t n)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((*state >> 32) * n >> 32);
}

static inline void tables_text(char text[20], uint32_t ip)
{
	snprintf(text, 20, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

static inline struct weir_meta *tables_inventory(void)
{
	static const struct weir_meta_agent agent = { .type = WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE,
						      .mode = 2 };
	struct weir_meta_builder *b = weir_meta_builder_create(&agent);
	struct weir_meta *m;

	for (uint32_t i = 0; b != NULL && i < TABLES_INTERFACES; i++) {
		struct weir_meta_address addresses[TABLES_EACH];
		char text[TABLES_EACH][20];
		const struct weir_meta_interface row = { .id = i + 1,
							 .if_type = WEIR_IF_LAN,
							 .vpc = 1 + i % TABLES_VPCS,
							 .mac = tables_mac(i),
							 .addresses = addresses,
							 .address_count = TABLES_EACH };

		for (uint32_t k = 0; k < TABLES_EACH; k++) {
			tables_text(text[k], tables_ip(i, k));
			addresses[k] = (struct weir_meta_address){ .ip = text[k] };
		}
		if (weir_meta_add_interface(b, &row) < 0)
			abort();
	}
	m = b != NULL ? weir_meta_freeze(b, NULL) : NULL;
	if (m == NULL)
		abort();
	weir_meta_builder_destroy(b);
	return m;
}

static inline void tables_group(struct weir_policy_builder *b, uint32_t id, uint64_t *random)
{
	char text[4][24];
	const char *ips[4];
	const struct weir_policy_group row = {
		.id = id,
		.vpc = tables_below(random, 2) ? 0 : 1 + tables_below(random, TABLES_VPCS),
		.ips = ips,
		.ip_count = 4
	};

	for (unsigned int i = 0; i < 4; i++) {
		snprintf(text[i], sizeof(text[i]), "10.%u.%u.%u/%u", tables_below(random, 32),
			 tables_below(random, 256), tables_below(random, 256),
			 24 + tables_below(random, 9));
		ips[i] = text[i];
	}
	if (weir_policy_add_group(b, &row) < 0)
		abort();
}

/* Of ten rules five go from groups to groups, four leave one end open but say ports, one says one port only. */
static inline void tables_acl(struct weir_policy_builder *b, uint32_t id, uint64_t *random)
{
	const uint32_t kind = id % 10, port = tables_below(random, kind == 0 ? 60000 : 3000);
	const int32_t src[2] = { 1 + (int32_t)tables_below(random, TABLES_GROUPS),
				 1 + (int32_t)tables_below(random, TABLES_GROUPS) };
	const int32_t dst[2] = { 1 + (int32_t)tables_below(random, TABLES_GROUPS),
				 1 + (int32_t)tables_below(random, TABLES_GROUPS) };
	const struct weir_policy_action action = { .tunnel_type = WEIR_POLICY_PCAP,
						   .side = WEIR_POLICY_BOTH,
						   .direction = WEIR_POLICY_ALL,
						   .gid = 1 + id % 1000 };
	char ports[32];
	const struct weir_policy_acl row = {
		.id = id,
		.protocol = tables_below(random, 2) ? WEIR_POLICY_ANY_PROTOCOL : 17,
		.dst_ports = ports,
		.src_groups = src,
		.src_group_count = kind == 0 || kind > 7 ? 0 : 2,
		.dst_groups = dst,
		.dst_group_count = kind == 0 || kind == 6 || kind == 7 ? 0 : 2,
		.actions = &action,
		.action_count = 1
	};

	snprintf(ports, sizeof(ports), kind == 0 ? "%u" : "%u-%u", port, port + 200);
	if (weir_policy_add_acl(b, &row) < 0)
		abort();
}

static inline struct weir_policy *tables_policy(uint32_t acls)
{
	struct weir_policy_builder *b = weir_policy_builder_create();
	uint64_t random = acls;
	struct weir_policy *p;

	if (b == NULL)
		abort();
	for (uint32_t i = 1; i <= TABLES_GROUPS; i++)
		tables_group(b, i, &random);
	for (uint32_t i = 1; i <= acls; i++)
		tables_acl(b, i, &random);
	p = weir_policy_compile(b, (size_t)1 << 30, NULL);
	if (p == NULL)
		abort();
	weir_policy_builder_destroy(b);
	return p;
}

#endif
