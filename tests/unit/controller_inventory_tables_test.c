/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From reports to tables: bytes are read by the specification's field numbers (control plane, 1.6 and 1.9), and by the
 * agent's own builder of tables.
 */
#include "controller_inventory_site.h"
#include "sync_wire.h"

#include <weir_sync.h>

#include <time.h>

enum { BARE_METAL = 5, DEDICATED = 6, VM_POD = 8, KVM = 1, SIDECAR = 12 };

/* ------------------------------------------------------------------ reports */

static struct wire report;

static void begin(void)
{
	report.n = 0;
}

static void interface(uint64_t mac, const char *name, const char *ip)
{
	struct wire m = { .n = 0 };

	wire_number(&m, 1, mac);
	if (ip != NULL)
		wire_text(&m, 2, ip);
	wire_text(&m, 3, name);
	wire_message(&report, 32, &m);
}

static uint64_t say_as(uint32_t id, uint64_t version, const void *v, size_t n)
{
	char ip[16], mac[18];
	const struct inventory_genesis g = {
		.ctrl_ip = ip, .ctrl_mac = mac, .version = version, .platform = v, .platform_len = n
	};

	snprintf(ip, sizeof(ip), "10.0.%u.%u", id >> 8, id & 255);
	snprintf(mac, sizeof(mac), "02:00:00:00:%02x:%02x", id >> 8, id & 255);
	return inventory_genesis_put(inv, &g);
}

static uint64_t say(uint32_t id, uint64_t version)
{
	return say_as(id, version, report.v, report.n);
}

static uint64_t heartbeat(uint32_t id, uint64_t version)
{
	return say_as(id, version, NULL, 0);
}

/* Agent `id` with eth0, its own MAC and 10.1.ID.1/24. */
static void reporting(uint32_t id, uint32_t type)
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

static uint64_t varint(const uint8_t **p)
{
	uint64_t v = 0;

	for (unsigned int shift = 0;; shift += 7) {
		const uint8_t b = *(*p)++;

		v |= (uint64_t)(b & 127) << shift;
		if (b < 128)
			return v;
	}
}

static bool next(const uint8_t **p, const uint8_t *end, struct field *f)
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

static size_t put_ip(char *to, const struct field *m)
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
static size_t put_interface(char *to, const struct field *m, const struct numbers *k)
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

static size_t put_cidr(char *to, const struct field *m, const struct numbers *k)
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

static struct inventory_view view(uint32_t id, bool trident)
{
	struct inventory_view v;

	inventory_view(inv, site->agent[id], trident, &v);
	return v;
}

/* PlatformData of an agent. */
static struct field platform_of(uint32_t id, bool trident)
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

static const char *platform(uint32_t id, bool trident)
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

static size_t put_segment(char *to, const char *what, const struct field *m)
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
static const char *places(uint32_t id, bool trident)
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

static void same(const char *is, const char *wanted)
{
	CU_ASSERT_STRING_EQUAL(is, wanted);
	if (strcmp(is, wanted) != 0)
		fprintf(stderr, "\nis:\n%s\nwanted:\n%s\n", is, wanted);
}

/* ------------------------------------------------------------------ tests */

static void test_a_report_becomes_interfaces_in_both_dialects(void)
{
	world_begin();
	agent_add(3, BARE_METAL)->vpc = 21;
	agent_add(9, DEDICATED);
	begin();
	interface(0x020000000003, "eth0", "10.1.2.3/24");
	interface(0x0a0000000001, "eth1", "8.8.4.4/29");
	CU_ASSERT_EQUAL(say(3, 7), 7);
	world_turn();
	for (int trident = 0; trident < 2; trident++)
		same(platform(9, trident),
		     trident ? platform(3, true) : platform(3, false)); /* all get the same */
	same(platform(9, false),
	     "3:1 type=1 LAN epc=21 region=1 mac=20000000003 cluster=0 10.1.2.3/24\n"
	     "3:2 type=1 LAN epc=21 region=1 mac=a0000000001 cluster=0\n"
	     "3:3 type=1 WAN epc=21 region=1 mac=0 cluster=0 8.8.4.4/29\n"
	     "10.1.2.0/24 type=2 epc=21 region=1\n");
	world_end();
}

static void test_wan_rows_carry_no_mac_and_types_are_those_of_the_agents(void)
{
	static const struct {
		uint32_t agent, device; /* AgentType, DeviceType: 1.4 */
	} types[] = { { KVM, 6 }, { BARE_METAL, 1 }, { DEDICATED, 6 }, { 3, 1 },
		      { 7, 14 },  { VM_POD, 14 },    { SIDECAR, 10 } };
	char wanted[512];
	size_t n = 0;

	world_begin();
	for (uint32_t i = 0; i < WEIR_ARRAY_SIZE(types); i++) {
		const uint32_t id = i + 1;

		agent_add(id, types[i].agent)->pod_cluster = types[i].agent == VM_POD ? 4 : 0;
		begin();
		interface(0x020000000000 + id, "eth0", NULL);
		say(id, 7);
		n += (size_t)sprintf(
			wanted + n, "%u:1 type=%u LAN epc=1 region=1 mac=2000000000%u cluster=%u\n",
			id, types[i].device, id, types[i].agent == VM_POD ? 4 : 0);
	}
	world_turn();
	same(platform(1, false), wanted);
	same(platform(1, true), wanted);
	world_end();
}

static void test_the_agents_own_builder_finds_what_was_reported(void)
{
	static const uint8_t ip[] = { 10, 1, 3, 1 }, other[] = { 10, 1, 3, 200 };

	world_begin();
	reporting(3, BARE_METAL);
	reporting(4, BARE_METAL);
	world_turn();
	for (int trident = 0; trident < 2; trident++) {
		const struct weir_meta_agent self = { .type = BARE_METAL, .region_id = 1 };
		const struct inventory_view v = view(3, trident);
		const enum weir_sync_dialect d = trident ? WEIR_SYNC_TRIDENT : WEIR_SYNC_AGENT;
		const struct field all = platform_of(3, trident);
		struct weir_sync_tables t = {
			{ [WEIR_SYNC_PLATFORM] = { d, 1, { (uint8_t *)(uintptr_t)all.p, all.n } },
			  [WEIR_SYNC_PLACES] = { d,
						 0,
						 { (uint8_t *)(uintptr_t)v.places.bytes->v,
						   v.places.bytes->n } } }
		};
		struct weir_meta_builder *b = weir_meta_builder_create(&self);
		struct weir_meta_hit hit;
		union weir_ip at = { { 0 } };
		struct weir_err err = { 0 };
		struct weir_meta *m;

		CU_ASSERT_EQUAL_FATAL(weir_sync_tables_build(&t, b, NULL, &err), 0);
		m = weir_meta_freeze(b, &err);
		CU_ASSERT_EQUAL(weir_meta_interfaces(m), 2);
		CU_ASSERT_TRUE(weir_meta_by_mac(m, 0x020000000003, &hit));
		CU_ASSERT_EQUAL(hit.vpc, 1);
		CU_ASSERT_EQUAL(hit.interface_id, 3 << 16 | 1);
		CU_ASSERT_EQUAL(hit.flags, WEIR_META_IS_LOCAL);
		CU_ASSERT_TRUE(weir_meta_by_mac(m, 0x020000000004, &hit));
		CU_ASSERT_EQUAL(hit.flags, 0); /* on the other machine */
		memcpy(at.b, ip, 4);
		CU_ASSERT_TRUE(weir_meta_by_address(m, 1, &at, false, &hit));
		CU_ASSERT_EQUAL(hit.mac, 0x020000000003);
		memcpy(at.b, other, 4);
		CU_ASSERT_TRUE(weir_meta_by_prefix(m, WEIR_META_IN_VPC, 1, &at, false, &hit));
		weir_meta_destroy(m);
		weir_meta_builder_destroy(b);
	}
	world_end();
}

static void test_versions_stay_while_the_content_does_also_over_a_restart(void)
{
	uint64_t first, second;

	world_begin();
	reporting(3, BARE_METAL);
	world_turn();
	first = view(3, false).platform.version;
	CU_ASSERT_TRUE(first >= (uint64_t)time(NULL) - 60);
	CU_ASSERT_EQUAL(view(3, false).platform.version, first);
	agent_told(3);
	world_turn();
	CU_ASSERT_EQUAL(view(3, false).platform.version, first);
	world_stop();
	world_start();
	CU_ASSERT_EQUAL(view(3, false).platform.version, first);
	reporting(4, BARE_METAL);
	world_turn();
	second = view(3, false).platform.version;
	CU_ASSERT_TRUE(second > first);
	world_stop();
	world_start();
	CU_ASSERT_EQUAL(view(3, false).platform.version, second);
	same(platform(3, false),
	     "3:1 type=1 LAN epc=1 region=1 mac=20000000003 cluster=0 10.1.3.1/24\n"
	     "4:1 type=1 LAN epc=1 region=1 mac=20000000004 cluster=0 10.1.4.1/24\n"
	     "10.1.3.0/24 type=2 epc=1 region=1\n"
	     "10.1.4.0/24 type=2 epc=1 region=1\n");
	world_end();
}

static void test_changes_in_one_second_have_versions_of_their_own(void)
{
	uint64_t before = 0;

	world_begin();
	agent_add(3, BARE_METAL);
	for (uint64_t i = 1; i < 5; i++) {
		begin();
		interface(0x020000000000 + i, "eth0", NULL);
		say(3, i);
		world_turn();
		CU_ASSERT_TRUE(view(3, false).platform.version > before);
		before = view(3, false).platform.version;
	}
	world_end();
}

static void test_a_version_does_not_come_back_with_another_content(void)
{
	uint64_t last;

	world_begin();
	reporting(3, BARE_METAL);
	reporting(4, BARE_METAL);
	for (uint64_t i = 0; i < 3; i++) { /* ahead of the clock */
		begin();
		interface(0x0a0000000000 + i, "eth0", NULL);
		say(3, 8 + i);
		world_turn();
	}
	last = view(3, false).platform.version;
	agent_remove(3);
	agent_remove(4); /* nobody has a table any more */
	world_turn();
	world_stop();
	world_start();
	reporting(5, BARE_METAL);
	world_turn();
	CU_ASSERT_TRUE(view(5, false).platform.version > last);
	world_end();
}

static void test_what_the_database_does_not_take_is_written_later(void)
{
	struct weir_err err = { 0 };
	struct weir_db *other;
	char path[sizeof(dir) + 16];
	uint64_t version;

	world_begin();
	snprintf(path, sizeof(path), "%s/state", dir);
	other = weir_db_open(&(struct weir_db_conf){ .path = path,
						     .schema = &site_schema,
						     .flags = WEIR_DB_WAL },
			     &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	CU_ASSERT_EQUAL_FATAL(weir_db_begin(other, &err), 0); /* somebody else writes */
	reporting(3, BARE_METAL);
	world_turn();
	CU_ASSERT_TRUE(HAS(3, 3)); /* agents do not wait for it */
	version = view(3, false).platform.version;
	weir_db_rollback(other);
	weir_db_close(other);
	agent_told(3);
	world_turn();
	world_stop();
	world_start();
	CU_ASSERT_TRUE(HAS(3, 3));
	CU_ASSERT_EQUAL(view(3, false).platform.version, version);
	world_end();
}

static void test_ids_stay_over_changes_and_restarts(void)
{
	world_begin();
	agent_add(3, BARE_METAL);
	begin();
	interface(0x020000000003, "eth0", NULL);
	interface(0x020000000004, "eth1", NULL);
	say(3, 7);
	world_turn();
	begin();
	interface(0x020000000005, "eth2", NULL);
	interface(0x020000000004, "eth1", NULL);
	say(3, 8);
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(
		strstr(platform(3, false), "3:2 type=1 LAN epc=1 region=1 mac=20000000004"));
	world_stop();
	world_start();
	CU_ASSERT_PTR_NOT_NULL(
		strstr(platform(3, false), "3:2 type=1 LAN epc=1 region=1 mac=20000000004"));
	world_end();
}

static void test_who_is_not_registered_is_kept_until_it_is(void)
{
	world_begin();
	agent_add(9, BARE_METAL);
	begin();
	interface(0x020000000003, "eth0", "10.1.2.3/24");
	CU_ASSERT_EQUAL(say(3, 7), 7);
	CU_ASSERT_EQUAL(heartbeat(3, 7), 7);
	world_turn();
	same(platform(9, false), "");
	agent_add(3, BARE_METAL);
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(9, false), "mac=20000000003"));
	world_stop();
	world_start();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(9, false), "mac=20000000003"));
	world_end();
}

static void test_rows_of_a_deleted_agent_leave_and_it_reports_anew(void)
{
	world_begin();
	reporting(3, BARE_METAL);
	reporting(4, BARE_METAL);
	world_turn();
	agent_remove(3);
	world_turn();
	CU_ASSERT_PTR_NULL(strstr(platform(4, false), "mac=20000000003"));
	CU_ASSERT_EQUAL(heartbeat(3, 7), 0); /* none is held: the next one is whole */
	world_stop();
	world_start();
	CU_ASSERT_PTR_NULL(strstr(platform(4, false), "mac=20000000003"));
	reporting(3, BARE_METAL);
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(4, false), "mac=20000000003"));
	world_end();
}

/* Control plane, 4.10: what the server does with versions. */
static void test_versions_of_reports_follow_the_rules(void)
{
	world_begin();
	agent_add(3, BARE_METAL);
	begin();
	interface(0x020000000003, "eth0", NULL);
	CU_ASSERT_EQUAL(say(3, 0), 0);       /* version 0 is ignored */
	CU_ASSERT_EQUAL(heartbeat(3, 5), 0); /* nothing is held */
	CU_ASSERT_EQUAL(say(3, 5), 5);
	CU_ASSERT_EQUAL(heartbeat(3, 5), 5);
	CU_ASSERT_EQUAL(heartbeat(3, 6), 5); /* differs: the whole comes next */
	CU_ASSERT_EQUAL(say(3, 6), 6);
	CU_ASSERT_EQUAL(say(3, 4), 4); /* its clock was set back */
	CU_ASSERT_EQUAL(say(3, 0), 4);
	world_stop();
	world_start();
	CU_ASSERT_EQUAL(heartbeat(3, 4), 4);
	world_end();
}

static void test_a_node_that_reports_nothing_keeps_what_it_said(void)
{
	const struct inventory_genesis g = { .ctrl_ip = "10.0.0.3",
					     .ctrl_mac = "02:00:00:00:00:03",
					     .version = 8,
					     .cluster_id = "d-1",
					     .platform = (const uint8_t *)"",
					     .platform_len = 0 };

	world_begin();
	reporting(3, VM_POD);
	CU_ASSERT_EQUAL(inventory_genesis_put(inv, &g), 8);
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(3, false), "mac=20000000003"));
	world_end();
}

static struct inventory_counts counts(void)
{
	struct inventory_counts c;

	inventory_counts(inv, &c);
	return c;
}

static void test_who_says_not_who_it_is_is_refused_and_counted(void)
{
	static const char *const none[][2] = { { "", "" },
					       { "10.0.0", "" },
					       { "10.0.0.3/24", "" },
					       { "10.0.0.3", "02:00:00:00:00" },
					       { "10.0.0.3", "02-00-00-00-00-03" },
					       { "10.0.0.3", "'; DROP TABLE agent;--" } };

	world_begin();
	reporting(3, BARE_METAL);
	reporting(4, BARE_METAL);
	begin();
	interface(0x0666, "eth0", NULL);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(none); i++) {
		const struct inventory_genesis g = { .ctrl_ip = none[i][0],
						     .ctrl_mac = none[i][1],
						     .version = 8,
						     .platform = report.v,
						     .platform_len = report.n };

		CU_ASSERT_EQUAL(inventory_genesis_put(inv, &g), 0);
	}
	CU_ASSERT_EQUAL(counts().genesis_refused, WEIR_ARRAY_SIZE(none));
	world_turn();
	CU_ASSERT_PTR_NULL(strstr(platform(3, false), "mac=666"));
	world_end();
}

static void test_an_agents_own_mac_and_address_are_nobody_elses(void)
{
	world_begin();
	reporting(3, BARE_METAL);
	agent_add(4, BARE_METAL);
	begin();
	interface(0x020000000004, "eth0", "10.0.0.4/24");
	interface(0x020000000003, "liar0", "10.7.0.1/24"); /* agent 3's ctrl_mac */
	interface(0x0a0000000001, "liar1", "10.0.0.3/24"); /* agent 3's ctrl_ip */
	CU_ASSERT_EQUAL(say(4, 7), 7);
	world_turn();
	same(platform(3, false),
	     "3:1 type=1 LAN epc=1 region=1 mac=20000000003 cluster=0 10.1.3.1/24\n"
	     "4:1 type=1 LAN epc=1 region=1 mac=20000000004 cluster=0 10.0.0.4/24\n"
	     "4:3 type=1 LAN epc=1 region=1 mac=a0000000001 cluster=0\n"
	     "10.0.0.0/24 type=2 epc=1 region=1\n"
	     "10.1.3.0/24 type=2 epc=1 region=1\n");
	same(places(4, false), "local 02:00:00:00:00:04 0a:00:00:00:00:01\n");
	agent_remove(3); /* then they may be its own */
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(4, false), "mac=20000000003"));
	world_end();
}

static void test_domains_that_a_group_names_restrict_its_agents(void)
{
	static const char *const names[] = { "lcuuid-two", "not there" };
	struct config_compiled two = { .domains = { 2, names } };

	world_begin();
	for (uint32_t i = 0; i < 3; i++)
		site->domain[i] =
			(struct site_domain){ .id = 11 + i, .name = "d", .cluster_id = "c" };
	memcpy(site->domain[1].lcuuid, "lcuuid-two", 11);
	site->domains = 3;
	for (uint32_t i = 1; i <= 4; i++) /* the last one is in no cluster */
		agent_add(i, i < 4 ? VM_POD : BARE_METAL)->pod_cluster = i < 4 ? 10 + i : 0;
	for (uint32_t i = 1; i <= 4; i++)
		reporting(i, VM_POD);
	world_config_of[1] = world_config_of[2] = world_config_of[4] = &two;
	agent_add(5, DEDICATED);
	world_config_of[5] = &two;
	world_turn();
	CU_ASSERT_TRUE(HAS(1, 1) && HAS(1, 2) && !HAS(1, 3) && !HAS(1, 4)); /* its own always */
	CU_ASSERT_TRUE(!HAS(2, 1) && HAS(2, 2) && !HAS(2, 3) && !HAS(2, 4));
	CU_ASSERT_TRUE(HAS(3, 1) && HAS(3, 2) && HAS(3, 3) && HAS(3, 4)); /* no domains named */
	CU_ASSERT_TRUE(!HAS(4, 1) && HAS(4, 2) && !HAS(4, 3) && HAS(4, 4));
	CU_ASSERT_TRUE(HAS(5, 1) && HAS(5, 2) && HAS(5, 3) &&
		       HAS(5, 4)); /* dedicated: everything */
	world_end();
}

static void test_pods_of_other_clusters_are_left_out_where_they_are_not_wanted(void)
{
	struct config_compiled internal = { .pod_cluster_internal = true };

	world_begin();
	for (uint32_t i = 1; i <= 4; i++) {
		agent_add(i, i < 4 ? SIDECAR : VM_POD)->pod_cluster = i < 3 ? 1 : 2;
		reporting(i, SIDECAR);
	}
	world_config_of[1] = &internal;
	world_turn();
	CU_ASSERT_TRUE(HAS(1, 1) && HAS(1, 2) && !HAS(1, 3) && HAS(1, 4)); /* a node is no pod */
	CU_ASSERT_TRUE(HAS(2, 1) && HAS(2, 2) && HAS(2, 3) && HAS(2, 4));
	world_end();
}

static void test_the_same_is_encoded_once_and_shared(void)
{
	struct config_compiled internal = { .pod_cluster_internal = true };

	world_begin();
	for (uint32_t i = 1; i <= 3; i++)
		reporting(i, BARE_METAL);
	world_config_of[3] = &internal; /* another flavour, of the same rows */
	world_turn();
	CU_ASSERT_PTR_EQUAL(view(1, false).platform.bytes, view(2, false).platform.bytes);
	CU_ASSERT_PTR_EQUAL(view(1, false).platform.bytes, view(3, false).platform.bytes);
	CU_ASSERT_EQUAL(view(1, false).platform.version, view(3, false).platform.version);
	CU_ASSERT_PTR_NOT_EQUAL(view(1, false).platform.bytes, view(1, true).platform.bytes);
	CU_ASSERT_NOT_EQUAL(view(1, false).platform.version, view(1, true).platform.version);
	world_end();
}

static void test_bytes_that_are_kept_outlive_the_next_build(void)
{
	const struct inventory_bytes *kept;

	world_begin();
	reporting(1, BARE_METAL);
	world_turn();
	kept = inventory_keep(view(1, false).platform.bytes);
	reporting(2, BARE_METAL);
	world_turn();
	CU_ASSERT_PTR_NOT_EQUAL(kept, view(1, false).platform.bytes);
	CU_ASSERT_EQUAL(kept->refs, 1);
	CU_ASSERT_EQUAL(kept->v[0], 11 << 3 | 2);
	inventory_put(kept);
	world_end();
}

static void test_dedicated_agents_get_what_nobody_captures_and_the_types_of_networks(void)
{
	world_begin();
	site->type[0] = (struct site_network_type){ 3, 1, 100, "", 0 };
	site->types = 1;
	reporting(1, BARE_METAL);
	reporting(2, BARE_METAL);
	reporting(6, DEDICATED);
	world_turn();
	same(places(6, false), "local 02:00:00:00:00:06\nremote 02:00:00:00:00:06\n"
			       "type 3 packet 1 vlan 100\n");
	same(places(1, false), "local 02:00:00:00:00:01\n");
	site->agent[2]->state = SITE_LOST;
	agent_told(2);
	memset(told, 0, sizeof(told));
	world_turn();
	same(places(6, true),
	     "local 02:00:00:00:00:06\nremote 02:00:00:00:00:02 02:00:00:00:00:06\n"
	     "type 3 packet 1 vlan 100\n");
	CU_ASSERT_EQUAL(told[6], 1);
	CU_ASSERT_EQUAL(told[1], 0);
	world_end();
}

static void test_hypervisors_skip_machines_that_capture_for_themselves(void)
{
	world_begin();
	reporting(1, KVM);
	reporting(2, BARE_METAL);
	reporting(6, DEDICATED);
	world_turn();
	same(places(1, false), "local 02:00:00:00:00:01\nskip 20000000002\n");
	same(places(1, true), "local 02:00:00:00:00:01\nskip 20000000002\n");
	same(places(2, false), "local 02:00:00:00:00:02\n");
	world_end();
}

static void test_those_whose_bytes_change_are_told_after_changes_were_gathered(void)
{
	static const char *const names[] = { "d-2" };
	struct config_compiled other = { .domains = { 1, names } };
	uint64_t builds;

	world_begin();
	site->domain[0] = (struct site_domain){ .id = 12, .name = "d-2", .cluster_id = "c" };
	site->domains = 1;
	for (uint32_t i = 1; i <= 4; i++)
		reporting(i, BARE_METAL);
	world_config_of[4] = &other;
	site->agent[4]->pod_cluster = 12;
	world_turn();
	CU_ASSERT_EQUAL(told[1], 1);
	memset(told, 0, sizeof(told));
	builds = counts().builds;
	for (uint64_t i = 0; i < 50; i++) {
		begin();
		interface(0x0a0000000000 + i, "eth0", NULL);
		say(1, 100 + i);
	}
	world_turn();
	CU_ASSERT_EQUAL(counts().builds, builds + 1);
	CU_ASSERT_TRUE(told[1] == 1 && told[2] == 1 && told[3] == 1);
	CU_ASSERT_EQUAL(told[4], 0); /* sees nothing of it */
	say(1, 200);                 /* the same by another version */
	world_turn();
	CU_ASSERT_TRUE(told[1] == 1 && told[2] == 1 && told[3] == 1);
	world_end();
}

static void test_who_changes_all_the_time_is_heard_now_and_then(void)
{
	uint64_t builds;

	world_begin();
	reporting(1, BARE_METAL);
	reporting(2, BARE_METAL);
	world_turn();
	builds = counts().builds;
	for (uint64_t i = 0; i < 20; i++) { /* two machines say they are agent 1 */
		begin();
		interface(0x0a0000000000 + i % 2, "eth0", NULL);
		CU_ASSERT_EQUAL(say(1, 100 + i), 100 + i);
		world_turn();
	}
	CU_ASSERT_TRUE(counts().builds - builds <= 10);
	builds = counts().builds;
	reporting(3, BARE_METAL); /* others are not hurt, and bring its last word along */
	world_turn();
	CU_ASSERT_EQUAL(counts().builds, builds + 1);
	CU_ASSERT_TRUE(strstr(platform(2, false), "mac=a0000000001") != NULL && HAS(2, 3));
	world_end();
}

static void test_a_report_that_is_refused_leaves_what_was_said_before(void)
{
	static const uint8_t garbage[] = { 0xff, 0xff, 0xff };

	world_begin();
	reporting(3, BARE_METAL);
	CU_ASSERT_EQUAL(say_as(3, 8, garbage, sizeof(garbage)), 0);
	CU_ASSERT_EQUAL(heartbeat(3, 8), 7);
	CU_ASSERT_EQUAL(counts().genesis_refused, 1);
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(3, false), "mac=20000000003"));
	world_end();
}

static void test_who_is_not_registered_is_kept_in_a_bounded_number(void)
{
	world_begin();
	reporting(9, BARE_METAL);
	begin();
	interface(0x020000000003, "eth0", NULL);
	for (uint32_t i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(say(10000 + i, 7), 7);
	CU_ASSERT_EQUAL(say(20000, 7), 0);
	CU_ASSERT_EQUAL(counts().genesis_refused, 1);
	CU_ASSERT_EQUAL(counts().reporters, 1001);
	begin();
	interface(0x020000000009, "eth0", NULL);
	CU_ASSERT_EQUAL(say(9, 8), 8); /* agents are not hurt by it */
	agent_new(20000, BARE_METAL);
	agent_told(20000);
	CU_ASSERT_EQUAL(say(20000, 7), 7);
	world_end();
}

static void test_trident_does_not_say_its_mac(void)
{
	const struct inventory_genesis by_ip = {
		.ctrl_ip = "10.0.0.3", .version = 7, .platform = report.v, .platform_len = 0
	};
	struct inventory_genesis g = by_ip;

	world_begin();
	begin();
	interface(0x020000000003, "eth0", NULL);
	g.platform_len = report.n;
	CU_ASSERT_EQUAL(inventory_genesis_put(inv, &g), 7); /* before it is registered */
	agent_add(3, BARE_METAL);
	world_turn();
	CU_ASSERT_TRUE(HAS(3, 3));
	begin();
	interface(0x020000000004, "eth1", NULL);
	g.platform_len = report.n;
	g.version = 8;
	CU_ASSERT_EQUAL(inventory_genesis_put(inv, &g), 8);
	world_turn();
	CU_ASSERT_TRUE(HAS(3, 4) && !HAS(3, 3));
	CU_ASSERT_EQUAL(counts().reporters, 1);
	CU_ASSERT_EQUAL(heartbeat(3, 8), 8); /* it is one with what says its MAC */
	world_stop();
	world_start();
	CU_ASSERT_TRUE(HAS(3, 4));
	world_end();
}

/* Until there was a build more; how long it took is for who reads the test's output. */
static void build_and_say(const char *what)
{
	const uint64_t builds = counts().builds;
	const clock_t began = clock();

	while (counts().builds == builds)
		event_base_loop(base, EVLOOP_ONCE);
	fprintf(stderr, "\n%s: %.1f ms, of which %.1f ms were waited for a processor or the disk",
		what, (double)counts().build_ns_last / 1e6,
		(double)counts().build_ns_last / 1e6 -
			(double)(clock() - began) * 1e3 / CLOCKS_PER_SEC);
}

static void test_fifty_thousand_interfaces_are_built(void)
{
	uint64_t version, began;

	world_begin();
	for (uint32_t id = 1; id <= 1000; id++) {
		agent_add(id, BARE_METAL)->trident = id % 2;
		begin();
		for (uint32_t i = 0; i < 50; i++) {
			char name[16], ip[32];

			sprintf(name, "veth%u", i);
			sprintf(ip, "10.%u.%u.%u/24", id >> 6, (id & 63) * 4 + i / 16, 1 + i % 16);
			interface(0x0a0000000000 + id * 256 + i, name, ip);
		}
		CU_ASSERT_EQUAL(say(id, 7), 7);
	}
	build_and_say("50,000 interfaces of 1,000 agents, both dialects");
	CU_ASSERT_EQUAL(counts().interfaces, 50000);
	begin();
	interface(0x020000000001, "eth0", "10.9.9.9/24");
	say(1, 8);
	build_and_say("one agent's of them changed");
	CU_ASSERT_EQUAL(counts().interfaces, 49951);
	CU_ASSERT_EQUAL(told[1000], 2);
	version = view(1, false).platform.version;
	world_stop();
	began = weir_clock_mono_ns();
	world_start();
	fprintf(stderr, "\nread and built at a start: %.1f ms\n",
		(double)(weir_clock_mono_ns() - began) / 1e6);
	CU_ASSERT_EQUAL(view(1, false).platform.version, version);
	world_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a report becomes interfaces in both dialects",
		  test_a_report_becomes_interfaces_in_both_dialects },
		{ "wan rows carry no mac and types are those of the agents",
		  test_wan_rows_carry_no_mac_and_types_are_those_of_the_agents },
		{ "the agents own builder finds what was reported",
		  test_the_agents_own_builder_finds_what_was_reported },
		{ "versions stay while the content does also over a restart",
		  test_versions_stay_while_the_content_does_also_over_a_restart },
		{ "changes in one second have versions of their own",
		  test_changes_in_one_second_have_versions_of_their_own },
		{ "a version does not come back with another content",
		  test_a_version_does_not_come_back_with_another_content },
		{ "what the database does not take is written later",
		  test_what_the_database_does_not_take_is_written_later },
		{ "ids stay over changes and restarts", test_ids_stay_over_changes_and_restarts },
		{ "who is not registered is kept until it is",
		  test_who_is_not_registered_is_kept_until_it_is },
		{ "rows of a deleted agent leave and it reports anew",
		  test_rows_of_a_deleted_agent_leave_and_it_reports_anew },
		{ "versions of reports follow the rules",
		  test_versions_of_reports_follow_the_rules },
		{ "a node that reports nothing keeps what it said",
		  test_a_node_that_reports_nothing_keeps_what_it_said },
		{ "who says not who it is is refused and counted",
		  test_who_says_not_who_it_is_is_refused_and_counted },
		{ "an agents own mac and address are nobody elses",
		  test_an_agents_own_mac_and_address_are_nobody_elses },
		{ "domains that a group names restrict its agents",
		  test_domains_that_a_group_names_restrict_its_agents },
		{ "pods of other clusters are left out where they are not wanted",
		  test_pods_of_other_clusters_are_left_out_where_they_are_not_wanted },
		{ "the same is encoded once and shared", test_the_same_is_encoded_once_and_shared },
		{ "bytes that are kept outlive the next build",
		  test_bytes_that_are_kept_outlive_the_next_build },
		{ "dedicated agents get what nobody captures and the types of networks",
		  test_dedicated_agents_get_what_nobody_captures_and_the_types_of_networks },
		{ "hypervisors skip machines that capture for themselves",
		  test_hypervisors_skip_machines_that_capture_for_themselves },
		{ "those whose bytes change are told after changes were gathered",
		  test_those_whose_bytes_change_are_told_after_changes_were_gathered },
		{ "who changes all the time is heard now and then",
		  test_who_changes_all_the_time_is_heard_now_and_then },
		{ "a report that is refused leaves what was said before",
		  test_a_report_that_is_refused_leaves_what_was_said_before },
		{ "who is not registered is kept in a bounded number",
		  test_who_is_not_registered_is_kept_in_a_bounded_number },
		{ "trident does not say its mac", test_trident_does_not_say_its_mac },
		{ "fifty thousand interfaces are built", test_fifty_thousand_interfaces_are_built },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/inventory/tables", tests);
}
