/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory at its size: 100,000 interfaces with 10 addresses each. To make it, and to label both
 * ends of flows in bursts of 64. Inside: both ends are interfaces, at random, so that no row is in a
 * cache. Outside: the destination is an address of the Internet behind a router. Changed: as inside, with
 * 1,000 interfaces laid over the others. Median of bursts, and what the best tenth of them stay below.
 */
#include <weir_meta.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define INTERFACES 100000u
#define EACH       10u
#define VPCS       100u
#define ROUNDS     31
#define BURSTS     512
#define CHANGES    1000u

static uint64_t random_state = 1;

static uint32_t below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((random_state >> 32) * n >> 32);
}

static uint64_t mac_of(uint32_t i)
{
	return UINT64_C(0x020000000000) + i * UINT64_C(7919);
}

static uint32_t vpc_of(uint32_t i)
{
	return 1 + i % VPCS;
}

/* Addresses repeat in each VPC, as they do. */
static void ip_of(uint32_t i, uint32_t k, bool is_ipv6, union weir_ip *ip)
{
	memset(ip, 0, sizeof(*ip));
	if (is_ipv6) {
		ip->w[0] = htonl(0xfd000000 + i);
		ip->w[3] = htonl(k + 1);
	} else {
		ip->w[0] = htonl(0x0a000000 + i / VPCS * EACH + k);
	}
}

/* Time of this thread, so that others on the machine do not count. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void add(struct weir_meta_builder *b, uint32_t i, bool is_ipv6)
{
	struct weir_meta_address addresses[EACH];
	char text[EACH][INET6_ADDRSTRLEN];
	const struct weir_meta_interface row = { .id = i + 1,
						 .if_type = WEIR_IF_LAN,
						 .vpc = vpc_of(i),
						 .mac = mac_of(i),
						 .addresses = addresses,
						 .address_count = EACH };

	for (uint32_t k = 0; k < EACH; k++) {
		union weir_ip ip;

		ip_of(i, k, is_ipv6, &ip);
		inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, ip.b, text[k], sizeof(text[k]));
		addresses[k] = (struct weir_meta_address){ .ip = text[k] };
	}
	if (weir_meta_add_interface(b, &row) < 0)
		abort();
}

static struct weir_meta *make(bool is_ipv6)
{
	static const struct weir_meta_agent agent = { .type = WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE,
						      .mode = 2 };
	struct weir_meta_builder *b = weir_meta_builder_create(&agent);
	const double start = cpu_ms();
	struct weir_meta *m;
	double taken;

	if (b == NULL)
		abort();
	for (uint32_t i = 0; i < INTERFACES; i++)
		add(b, i, is_ipv6);
	for (uint32_t v = 1; v <= VPCS; v++) {
		char text[32];

		snprintf(text, sizeof(text), "10.%u.0.0/16", v);
		weir_meta_add_cidr(b, &(struct weir_meta_cidr){ .prefix = text,
								.type = WEIR_CIDR_LAN,
								.vpc = (int32_t)v });
	}
	taken = cpu_ms();
	m = weir_meta_freeze(b, NULL);
	if (m == NULL)
		abort();
	printf("IPv%d: %u interfaces, %u addresses: rows taken in %.0f ms of CPU, frozen in %.0f ms, %.0f MiB\n",
	       is_ipv6 ? 6 : 4, INTERFACES, INTERFACES * EACH, taken - start, cpu_ms() - taken,
	       (double)weir_meta_bytes(m) / (1 << 20));
	weir_meta_builder_destroy(b);
	return m;
}

/* Some interfaces leave and come back as they were: what is looked up is asked of the layer first. */
static struct weir_meta *lay_over(const struct weir_meta *base, bool is_ipv6)
{
	struct weir_meta_builder *changed = weir_meta_builder_create(weir_meta_agent_of(base));
	const double start = cpu_ms();
	struct weir_meta *m;

	if (changed == NULL)
		abort();
	for (uint32_t i = 0; i < CHANGES; i++)
		add(changed, i * (INTERFACES / CHANGES), is_ipv6);
	m = weir_meta_overlay(base, changed, changed, NULL);
	if (m == NULL)
		abort();
	printf("  %u interfaces changed: laid over in %.1f ms of CPU\n", CHANGES, cpu_ms() - start);
	weir_meta_builder_destroy(changed);
	return m;
}

static void fill(struct weir_meta_query *q, bool outside, bool is_ipv6)
{
	*q = (struct weir_meta_query){ .network_type = 3, .has_ip = true, .is_ipv6 = is_ipv6 };
	for (unsigned int side = 0; side < 2; side++) {
		const uint32_t i = below(INTERFACES);

		q->mac[side] = mac_of(i);
		ip_of(i, below(EACH), is_ipv6, &q->ip[side]);
	}
	if (outside) {
		q->mac[1] = mac_of(below(VPCS));
		if (is_ipv6)
			q->ip[1].w[0] = htonl(0x20010000 + below(1 << 16));
		else
			q->ip[1].w[0] = htonl(0x2c000000 + below(1 << 24));
	}
}

/* What a line of memory costs here and now, 64 of them asked for at once. */
static double line_ns(void)
{
	const size_t bytes = (size_t)64 << 20;
	uint64_t *lines = weir_mem_map(bytes);
	uint64_t best = UINT64_MAX, sum = 0;

	if (lines == NULL)
		abort();
	weir_mem_back(lines, bytes);
	for (unsigned int round = 0; round < 2000; round++) {
		const uint64_t *line[WEIR_BURST_MAX];
		uint64_t start;

		for (unsigned int i = 0; i < WEIR_BURST_MAX; i++)
			line[i] = &lines[(size_t)below((uint32_t)(bytes / WEIR_CACHE_LINE)) *
					 (WEIR_CACHE_LINE / sizeof(*lines))];
		start = weir_clock_mono_ns();
		for (unsigned int i = 0; i < WEIR_BURST_MAX; i++)
			weir_prefetch(line[i]);
		for (unsigned int i = 0; i < WEIR_BURST_MAX; i++)
			sum += *line[i];
		best = weir_min_u64(best, weir_clock_mono_ns() - start);
	}
	weir_opaque(sum);
	weir_mem_unmap(lines, bytes);
	return (double)best / WEIR_BURST_MAX;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(const struct weir_meta *m, const char *name, bool outside, bool is_ipv6)
{
	static struct weir_meta_query q[WEIR_BURST_MAX];
	static struct weir_meta_label labels[WEIR_BURST_MAX];
	static double ns[ROUNDS * BURSTS];
	uint64_t known = 0;

	for (unsigned int i = 0; i < ROUNDS * BURSTS; i++) {
		uint64_t start;

		for (unsigned int k = 0; k < WEIR_BURST_MAX; k++)
			fill(&q[k], outside, is_ipv6);
		start = weir_clock_mono_ns();
		weir_meta_label_burst(m, q, labels, WEIR_BURST_MAX);
		ns[i] = (double)(weir_clock_mono_ns() - start) / WEIR_BURST_MAX;
		known += labels[0].end[1].l3_vpc != 0;
	}
	if (known != (uint64_t)ROUNDS * BURSTS)
		abort();
	qsort(ns, ROUNDS * BURSTS, sizeof(ns[0]), by_value);
	printf("  label both ends, %-8s %6.1f ns a flow (first tenth %.1f), a line of memory %.1f ns\n",
	       name, ns[ROUNDS * BURSTS / 2], ns[ROUNDS * BURSTS / 10], line_ns());
}

int main(void)
{
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		struct weir_meta *m = make(v6), *over;

		measure(m, "inside", false, v6);
		measure(m, "outside", true, v6);
		over = lay_over(m, v6);
		measure(over, "changed", false, v6);
		weir_meta_destroy(over);
		weir_meta_destroy(m);
	}
	return 0;
}
