/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces that come, change and go, each step a layer over the one before: what is found is what a
 * list of the present interfaces says, and what a base made anew of it finds.
 */
#include "weir_test.h"

#include <weir_meta.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS 40
#define STEPS 30
#define EACH  3

struct slot {
	bool is_there, is_wan;
	uint32_t vpc, version; /* addresses and MAC follow from the version */
};

static uint64_t random_state = 1;

static uint32_t below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((random_state >> 33) % n);
}

static uint64_t mac_of(unsigned int slot, const struct slot *s)
{
	return UINT64_C(0x020000000000) | s->version << 8 | slot;
}

/* The first stays, the others change with the version; the last is IPv6. */
static void ip_text(unsigned int slot, const struct slot *s, unsigned int k, char text[48])
{
	if (k == 2)
		snprintf(text, 48, "fd00::%x:%x", slot, s->version);
	else
		snprintf(text, 48, "10.%u.%u.%u", k, slot, k == 0 ? 0 : s->version);
}

static union weir_ip ip_of(unsigned int slot, const struct slot *s, unsigned int k)
{
	union weir_ip ip = { { 0 } };

	if (k == 2) {
		ip.b[0] = 0xfd;
		ip.b[13] = (uint8_t)slot;
		ip.b[15] = (uint8_t)s->version;
	} else {
		ip = (union weir_ip){ { 10, (uint8_t)k, (uint8_t)slot,
					k == 0 ? 0 : (uint8_t)s->version } };
	}
	return ip;
}

static void add(struct weir_meta_builder *b, unsigned int slot, const struct slot *s)
{
	struct weir_meta_address addresses[EACH];
	char text[EACH][48];
	const struct weir_meta_interface row = { .id = slot + 1000 * s->version,
						 .if_type = s->is_wan ? WEIR_IF_WAN : WEIR_IF_LAN,
						 .vpc = s->vpc,
						 .mac = mac_of(slot, s),
						 .addresses = addresses,
						 .address_count = EACH };

	for (unsigned int k = 0; k < EACH; k++) {
		ip_text(slot, s, k, text[k]);
		addresses[k] = (struct weir_meta_address){ .ip = text[k] };
	}
	CU_ASSERT_EQUAL(weir_meta_add_interface(b, &row), 0);
}

static struct weir_meta_builder *builder(void)
{
	static const struct weir_meta_agent agent = { .type = WEIR_AGENT_PROCESS };
	static const char *const macs[] = { "02:00:00:00:00:05", "02:00:00:00:01:06" };
	struct weir_meta_builder *b = weir_meta_builder_create(&agent);

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	weir_meta_add_segment(b, WEIR_META_LOCAL,
			      &(struct weir_meta_segment){ .macs = macs, .mac_count = 2 });
	return b;
}

static struct weir_meta *make_anew(const struct slot slots[SLOTS])
{
	struct weir_meta_builder *b = builder();
	struct weir_meta *m;

	for (unsigned int i = 0; i < SLOTS; i++)
		if (slots[i].is_there)
			add(b, i, &slots[i]);
	m = weir_meta_freeze(b, NULL);
	weir_meta_builder_destroy(b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	return m;
}

static bool same(const struct weir_meta_hit *a, const struct weir_meta_hit *b)
{
	return a->mac == b->mac && a->vpc == b->vpc && a->flags == b->flags &&
	       a->interface_id == b->interface_id;
}

/* All that any slot ever was is found as it is found in `anew`, or not at all. */
static void check(const struct weir_meta *m, const struct weir_meta *anew,
		  const struct slot slots[SLOTS], unsigned int slot, const struct slot *was)
{
	const struct slot *is = &slots[slot];
	const uint64_t mac = mac_of(slot, was);
	const bool is_mac = is->is_there && is->version == was->version;
	struct weir_meta_hit a = { 0 }, b = { 0 };

	CU_ASSERT_EQUAL_FATAL(weir_meta_by_mac(m, mac, &a), is_mac);
	CU_ASSERT_EQUAL(weir_meta_by_mac(anew, mac, &b), is_mac);
	CU_ASSERT(same(&a, &b));
	for (unsigned int k = 0; k < EACH; k++) {
		const union weir_ip ip = ip_of(slot, was, k);
		const int32_t vpc = was->is_wan ? 0 : (int32_t)was->vpc;
		const bool is_address = is->is_there && is->is_wan == was->is_wan &&
					(is->is_wan || is->vpc == was->vpc) &&
					(k == 0 || is->version == was->version);

		a = b = (struct weir_meta_hit){ 0 };
		CU_ASSERT_EQUAL_FATAL(weir_meta_by_address(m, vpc, &ip, k == 2, &a), is_address);
		CU_ASSERT_EQUAL(weir_meta_by_address(anew, vpc, &ip, k == 2, &b), is_address);
		CU_ASSERT(same(&a, &b));
		CU_ASSERT_EQUAL_FATAL(weir_meta_mac_has_address(m, mac, &ip, k == 2), is_mac);
		CU_ASSERT_EQUAL(weir_meta_mac_has_address(anew, mac, &ip, k == 2), is_mac);
	}
}

static struct slot random_slot(uint32_t version)
{
	return (struct slot){ .is_there = below(4) != 0,
			      .is_wan = below(5) == 0,
			      .vpc = 1 + below(3),
			      .version = version };
}

/* Change some slots; what they were is gone. */
static struct weir_meta *step(struct weir_meta *m, struct slot slots[SLOTS], uint32_t version)
{
	struct weir_meta_builder *gone = builder(), *changed = builder();
	struct weir_meta *next;

	for (unsigned int i = 0; i < SLOTS; i++) {
		if (below(6) != 0)
			continue;
		if (slots[i].is_there)
			add(gone, i, &slots[i]);
		slots[i] = random_slot(version);
		if (slots[i].is_there)
			add(changed, i, &slots[i]);
	}
	next = weir_meta_overlay(m, gone, changed, NULL);
	weir_meta_builder_destroy(gone);
	weir_meta_builder_destroy(changed);
	weir_meta_destroy(m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(next);
	return next;
}

static void test_layers_find_what_a_new_base_finds(void)
{
	for (unsigned int run = 0; run < 10; run++) {
		static struct slot ever[STEPS + 1][SLOTS];
		struct slot slots[SLOTS];
		struct weir_meta *m, *anew;

		for (unsigned int i = 0; i < SLOTS; i++)
			slots[i] = random_slot(0);
		memcpy(ever[0], slots, sizeof(slots));
		m = make_anew(slots);
		for (uint32_t n = 1; n <= STEPS; n++) {
			m = step(m, slots, n);
			memcpy(ever[n], slots, sizeof(slots));
			anew = make_anew(slots);
			for (uint32_t k = 0; k <= n; k++)
				for (unsigned int i = 0; i < SLOTS; i++)
					check(m, anew, slots, i, &ever[k][i]);
			weir_meta_destroy(anew);
		}
		CU_ASSERT(weir_meta_overlay_size(m) > STEPS);
		weir_meta_destroy(m);
	}
}

static void test_the_base_of_a_layer_can_go_first(void)
{
	struct slot slots[SLOTS] = { { .is_there = true, .vpc = 2 } };
	struct weir_meta *base = make_anew(slots);
	struct weir_meta_builder *none = builder();
	struct weir_meta *over = weir_meta_overlay(base, none, none, NULL);
	struct weir_meta_hit hit;

	weir_meta_builder_destroy(none);
	CU_ASSERT_PTR_NOT_NULL_FATAL(over);
	weir_meta_destroy(base);
	CU_ASSERT(weir_meta_by_mac(over, mac_of(0, &slots[0]), &hit));
	CU_ASSERT_EQUAL(hit.vpc, 2);
	CU_ASSERT_EQUAL(weir_meta_overlay_size(over), 0);
	weir_meta_destroy(over);
}

/* ---- interfaces whose keys meet ---- */

#define CROWD     12
#define MACS      8
#define ADDRESSES 12 /* the last four are IPv6 */

struct one {
	bool is_there, is_wan, is_elsewhere;
	uint32_t vpc;
	uint64_t mac;            /* 0 to MACS */
	unsigned int address[2]; /* of ADDRESSES */
};

static void crowd_text(unsigned int address, char text[48])
{
	if (address >= ADDRESSES - 4)
		snprintf(text, 48, "fd00::%u", address);
	else
		snprintf(text, 48, "10.0.0.%u", address);
}

static struct one random_one(void)
{
	return (struct one){ .is_there = below(4) != 0,
			     .is_wan = below(5) == 0,
			     .is_elsewhere = below(4) == 0,
			     .vpc = 1 + below(2),
			     .mac = below(MACS + 1),
			     .address = { below(ADDRESSES), below(ADDRESSES) } };
}

static void add_one(struct weir_meta_builder *b, uint32_t id, const struct one *o)
{
	struct weir_meta_address addresses[2];
	char text[2][48];

	for (unsigned int i = 0; i < 2; i++) {
		crowd_text(o->address[i], text[i]);
		addresses[i] = (struct weir_meta_address){ .ip = text[i] };
	}
	weir_meta_add_interface(b, &(struct weir_meta_interface){
					   .id = id,
					   .if_type = o->is_wan ? WEIR_IF_WAN : WEIR_IF_LAN,
					   .vpc = o->vpc,
					   .region_id = o->is_elsewhere,
					   .mac = o->mac,
					   .addresses = addresses,
					   .address_count = o->address[0] == o->address[1] ? 1 : 2,
				   });
}

static struct weir_meta *crowd_anew(const struct one crowd[CROWD])
{
	struct weir_meta_builder *b = builder();
	struct weir_meta *m;

	for (uint32_t i = 0; i < CROWD; i++)
		if (crowd[i].is_there)
			add_one(b, i, &crowd[i]);
	m = weir_meta_freeze(b, NULL);
	weir_meta_builder_destroy(b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	return m;
}

/* Everything that can be asked has the same answer. */
static void check_all(const struct weir_meta *m, const struct weir_meta *anew)
{
	struct weir_meta_hit a, b;

	CU_ASSERT_EQUAL(weir_meta_interfaces(m), weir_meta_interfaces(anew));
	for (uint64_t mac = 1; mac <= MACS; mac++) {
		a = b = (struct weir_meta_hit){ 0 };
		CU_ASSERT_EQUAL_FATAL(weir_meta_by_mac(m, mac, &a),
				      weir_meta_by_mac(anew, mac, &b));
		CU_ASSERT_FATAL(same(&a, &b));
	}
	for (unsigned int i = 0; i < ADDRESSES; i++) {
		const bool is_ipv6 = i >= ADDRESSES - 4;
		union weir_ip ip = { { 10, 0, 0, (uint8_t)i } };

		if (is_ipv6)
			ip = (union weir_ip){
				.b = { 0xfd, [15] = (uint8_t)(i < 10 ? i : i - 10 + 16) }
			};
		for (int32_t vpc = 0; vpc <= 2; vpc++) {
			a = b = (struct weir_meta_hit){ 0 };
			CU_ASSERT_EQUAL_FATAL(weir_meta_by_address(m, vpc, &ip, is_ipv6, &a),
					      weir_meta_by_address(anew, vpc, &ip, is_ipv6, &b));
			CU_ASSERT_FATAL(same(&a, &b));
		}
		for (uint64_t mac = 1; mac <= MACS; mac++)
			CU_ASSERT_EQUAL_FATAL(weir_meta_mac_has_address(m, mac, &ip, is_ipv6),
					      weir_meta_mac_has_address(anew, mac, &ip, is_ipv6));
	}
}

/* One of them changes; what cannot be a layer is made anew. Returns whether it was a layer. */
static bool crowd_step(struct weir_meta **m, struct one crowd[CROWD])
{
	struct weir_meta_builder *gone = builder(), *changed = builder();
	const uint32_t i = below(CROWD);
	struct weir_err err = { 0 };
	struct weir_meta *next;

	if (crowd[i].is_there)
		add_one(gone, i, &crowd[i]);
	crowd[i] = random_one();
	if (crowd[i].is_there)
		add_one(changed, i, &crowd[i]);
	next = weir_meta_overlay(*m, gone, changed, &err);
	if (next == NULL) {
		CU_ASSERT_EQUAL_FATAL(err.code, EEXIST);
		next = crowd_anew(crowd);
	}
	weir_meta_builder_destroy(gone);
	weir_meta_builder_destroy(changed);
	weir_meta_destroy(*m);
	*m = next;
	return err.code == 0;
}

static void test_a_layer_is_refused_where_it_would_not_find_the_same(void)
{
	unsigned int layers = 0, refused = 0;

	for (unsigned int run = 0; run < 200; run++) {
		struct one crowd[CROWD];
		struct weir_meta *m, *anew;

		for (unsigned int i = 0; i < CROWD; i++)
			crowd[i] = random_one();
		m = crowd_anew(crowd);
		for (unsigned int n = 0; n < STEPS; n++) {
			if (crowd_step(&m, crowd))
				layers++;
			else
				refused++;
			anew = crowd_anew(crowd);
			check_all(m, anew);
			weir_meta_destroy(anew);
		}
		weir_meta_destroy(m);
	}
	CU_ASSERT(layers > 500 && refused > 500);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "layers find what a new base finds", test_layers_find_what_a_new_base_finds },
		{ "the base of a layer can go first", test_the_base_of_a_layer_can_go_first },
		{ "a layer is refused where it would not find the same",
		  test_a_layer_is_refused_where_it_would_not_find_the_same },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("meta/overlay", tests);
}
