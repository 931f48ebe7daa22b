/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as agents send them, and the tables made of them, read by the specification's field numbers (control plane, 1.6 and 1.9). */
#ifndef CONTROLLER_INVENTORY_TEST_H
#define CONTROLLER_INVENTORY_TEST_H

#include "controller_inventory_site.h"
#include "sync_wire.h"

enum { BARE_METAL = 5, DEDICATED = 6, VM_POD = 8, KVM = 1, SIDECAR = 12 };

/* ------------------------------------------------------------------ reports */

static struct wire report;

static inline void begin(void)
{
	report.n = 0;
}

static inline void interface(uint64_t mac, const char *name, const char *ip)
{
	struct wire m = { .n = 0 };

	wire_number(&m, 1, mac);
	if (ip != NULL)
		wire_text(&m, 2, ip);
	wire_text(&m, 3, name);
	wire_message(&report, 32, &m);
}

static inline uint64_t say_as(uint32_t id, uint64_t version, const void *v, size_t n)
{
	char ip[16], mac[18];
	const struct inventory_genesis g = {
		.ctrl_ip = ip, .ctrl_mac = mac, .version = version, .platform = v, .platform_len = n
	};

	snprintf(ip, sizeof(ip), "10.0.%u.%u", id >> 8, id & 255);
	snprintf(mac, sizeof(mac), "02:00:00:00:%02x:%02x", id >> 8, id & 255);
	return inventory_genesis_put(inv, &g);
}

static inline uint64_t say(uint32_t id, uint64_t version)
{
	return say_as(id, version, report.v, report.n);
}

static inline uint64_t heartbeat(uint32_t id, uint64_t version)
{
	return say_as(id, version, NULL, 0);
}

/* Agent `id` with eth0, its own MAC and 10.1.ID.1/24. */
static inline void reporting(uint32_t id, uint32_t type)
{
	char ip[32];

	if (site->agent[id] == NULL)
		agent_add(id, type);
	begin();
	snprintf(ip, sizeof(ip), "10.1.%u.1/24", id & 255);
	interface(0x020000000000 + id, "eth0", ip);
	CU_ASSERT_EQUAL(say(id, 7), 7);
}

/* ------------------------------------------------------------------ answers, by their numbers */

struct field {
	unsigned int number;
	uint64_t v;       /* of a number */
	const uint8_t *p; /* of bytes */
	size_t n;
};

static inline uint64_t varint(const uint8_t **p)
{
	uint64_t v = 0;

	for (unsigned int shift = 0;; shift += 7) {
		const uint8_t b = *(*p)++;

		v |= (uint64_t)(b & 127) << shift;
		if (b < 128)
			return v;
	}
}

static inline bool next(const uint8_t **p, const uint8_t *end, struct field *f)
{
	uint64_t key;

	if (*p >= end)
		return false;
	key = varint(p);
	*f = (struct field){ .number = (unsigned int)(key >> 3), .v = varint(p) };
	if ((key & 7) == 2) {
		f->p = *p;
		f->n = (size_t)f->v;
		*p += f->n;
	}
	return true;
}

/* Where fields are, by dialect. */
struct numbers {
	unsigned int platform, local, remote, types, skip;    /* SyncResponse */
	unsigned int if_type, epc, ips, region, mac, cluster; /* Interface */
	unsigned int cidr_region;
};
static const struct numbers numbers[2] = {
	{ 11, 9, 10, 14, 15, 3, 4, 5, 6, 7, 9, 4 },
	{ 12, 10, 11, 16, 19, 4, 6, 8, 10, 11, 26, 5 },
};

static inline size_t put_ip(char *to, const struct field *m)
{
	const uint8_t *p = m->p;
	struct field f, ip = { 0 }, len = { 0 };

	while (next(&p, m->p + m->n, &f)) {
		ip = f.number == 1 ? f : ip;
		len = f.number == 2 ? f : len;
	}
	return (size_t)sprintf(to, " %.*s/%u", (int)ip.n, ip.p, (unsigned int)len.v);
}

/* "ID type=T LAN epc=E region=R mac=M cluster=C IP/LEN" */
static inline size_t put_interface(char *to, const struct field *m, const struct numbers *k)
{
	uint64_t v[32] = { 0 };
	const uint8_t *p = m->p;
	struct field f;
	size_t n;

	while (next(&p, m->p + m->n, &f))
		if (f.p == NULL)
			v[f.number % 32] = f.v;
	n = (size_t)sprintf(to, "%llu:%llu type=%llu %s epc=%llu region=%llu mac=%llx cluster=%llu",
			    (unsigned long long)v[1] >> 16, (unsigned long long)v[1] & 65535,
			    (unsigned long long)v[2],
			    v[k->if_type] == 3   ? "WAN"
			    : v[k->if_type] == 4 ? "LAN"
						 : "?",
			    (unsigned long long)v[k->epc], (unsigned long long)v[k->region],
			    (unsigned long long)v[k->mac], (unsigned long long)v[k->cluster]);
	p = m->p;
	while (next(&p, m->p + m->n, &f))
		if (f.number == k->ips)
			n += put_ip(to + n, &f);
	return n + (size_t)sprintf(to + n, "\n");
}

static inline size_t put_cidr(char *to, const struct field *m, const struct numbers *k)
{
	const uint8_t *p = m->p;
	struct field f, prefix = { 0 };
	uint64_t v[32] = { 0 };

	while (next(&p, m->p + m->n, &f)) {
		if (f.number == 1)
			prefix = f;
		else
			v[f.number % 32] = f.v;
	}
	return (size_t)sprintf(to, "%.*s type=%llu epc=%llu region=%llu\n", (int)prefix.n, prefix.p,
			       (unsigned long long)v[2], (unsigned long long)v[3],
			       (unsigned long long)v[k->cidr_region]);
}

static inline struct inventory_view view(uint32_t id, bool trident)
{
	struct inventory_view v;

	inventory_view(inv, site->agent[id], trident, &v);
	return v;
}

/* PlatformData of an agent. */
static inline struct field platform_of(uint32_t id, bool trident)
{
	const struct inventory_view v = view(id, trident);
	const uint8_t *p;
	struct field f = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(v.platform.bytes);
	p = v.platform.bytes->v;
	CU_ASSERT_TRUE_FATAL(next(&p, p + v.platform.bytes->n, &f));
	CU_ASSERT_EQUAL(f.number, numbers[trident].platform);
	CU_ASSERT_PTR_EQUAL(p, v.platform.bytes->v + v.platform.bytes->n);
	return f;
}

static inline const char *platform(uint32_t id, bool trident)
{
	static char text[65536];
	const struct field all = platform_of(id, trident);
	const uint8_t *p = all.p;
	struct field f;
	size_t n = 0;

	text[0] = '\0';
	while (next(&p, all.p + all.n, &f)) {
		if (f.number == 1)
			n += put_interface(text + n, &f, &numbers[trident]);
		else if (f.number == 4)
			n += put_cidr(text + n, &f, &numbers[trident]);
	}
	return text;
}

#define HAS(agent, other) (strstr(platform(agent, false), "mac=2000000000" #other) != NULL)

static inline size_t put_segment(char *to, const char *what, const struct field *m)
{
	const uint8_t *p = m->p;
	size_t n = (size_t)sprintf(to, "%s", what), macs = 0, vmacs = 0, ids = 0;
	struct field f;

	while (next(&p, m->p + m->n, &f)) {
		if (f.number == 2)
			n += (size_t)sprintf(to + n, " %.*s", (int)f.n, f.p);
		macs += f.number == 2;
		ids += f.number == 3;
		vmacs += f.number == 4;
	}
	CU_ASSERT_EQUAL(macs, vmacs); /* else agents drop it: 1.9 */
	CU_ASSERT_EQUAL(macs, ids);
	return n + (size_t)sprintf(to + n, "\n");
}

/* "local MAC MAC", "remote MAC", "type T packet P vlan V", "skip MAC" */
static inline const char *places(uint32_t id, bool trident)
{
	static char text[65536];
	const struct inventory_view v = view(id, trident);
	const struct numbers *k = &numbers[trident];
	const uint8_t *p = v.places.bytes->v;
	struct field f;
	size_t n = 0;

	text[0] = '\0';
	while (next(&p, v.places.bytes->v + v.places.bytes->n, &f)) {
		uint64_t w[8] = { 0 };
		const uint8_t *q = f.p;
		struct field part;

		if (f.number == k->local || f.number == k->remote) {
			n += put_segment(text + n, f.number == k->local ? "local" : "remote", &f);
			continue;
		}
		while (next(&q, f.p + f.n, &part))
			w[part.number % 8] = part.v;
		if (f.number == k->types)
			n += (size_t)sprintf(text + n, "type %llu packet %llu vlan %llu\n",
					     (unsigned long long)w[1], (unsigned long long)w[2],
					     (unsigned long long)w[3]);
		else if (f.number == k->skip)
			n += (size_t)sprintf(text + n, "skip %llx\n", (unsigned long long)w[1]);
		else
			CU_FAIL("another field");
	}
	return text;
}

static inline void same(const char *is, const char *wanted)
{
	CU_ASSERT_STRING_EQUAL(is, wanted);
	if (strcmp(is, wanted) != 0)
		fprintf(stderr, "\nis:\n%s\nwanted:\n%s\n", is, wanted);
}

static inline struct inventory_counts counts(void)
{
	struct inventory_counts c;

	inventory_counts(inv, &c);
	return c;
}

#endif
