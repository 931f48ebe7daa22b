/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_PRIV_H
#define POLICY_PRIV_H

#include <weir_lpm.h>
#include <weir_policy.h>

#define GROUP_IDS 65536
#define PORTS     65536
#define IP_TEXT   46

/* Some of a list. */
struct span {
	uint32_t first, count;
};

struct port_range {
	uint16_t first, last;
};

struct group {
	uint16_t id;
	uint16_t vpc;
	struct span prefixes;
};

struct action {
	struct weir_policy_action a; /* a.tunnel_ip: see `ip` */
	char ip[IP_TEXT];
};

struct acl {
	uint32_t id;
	uint16_t protocol;
	uint8_t network_type;
	bool has_groups[2];
	struct span groups[2]; /* of WEIR_SRC, WEIR_DST */
	struct span ports[2];  /* none: all */
	struct span actions;
};

struct weir_policy_builder {
	struct weir_policy_drops drops;
	struct weir_list groups;    /* struct group */
	struct weir_list prefixes;  /* struct weir_prefix */
	struct weir_list acls;      /* struct acl */
	struct weir_list group_ids; /* uint16_t */
	struct weir_list ports;     /* struct port_range */
	struct weir_list actions;   /* struct action */
	uint8_t has_group[GROUP_IDS / 8];
	bool out_of_memory;
};

/*
 * Sets of ACLs as bits, most of them 0. In the arena, from a set's place on: a bit for each word of 64
 * ACLs that is not 0; for each of these words of bits how many words come before it; the words. So a set
 * takes memory for what is in it, and two sets that have nothing in common are told apart by the first bits.
 */
struct arena {
	uint64_t *words;
	size_t used, room;
	size_t max;       /* words */
	uint32_t summary; /* words of bits that say which words there are */
	uint32_t *place;  /* hash table of sets, to have equal ones once; 0 = empty */
	size_t places, taken;
	uint64_t *scratch;     /* the set that is being made */
	uint64_t *scratch_has; /* its bits of words */
};

/* A set's place in the arena. The empty one is at 0. */
typedef uint32_t set_t;
#define SET_EMPTY 0

/* Room for sets of `bits`; at most `max_bytes`. -ENOMEM. */
int weir_policy_arena_init(struct arena *a, size_t bits, size_t max_bytes);
void weir_policy_arena_fini(struct arena *a);

/* No more sets will come: memory that only making them takes is given back. */
void weir_policy_arena_seal(struct arena *a);

/* The scratch set gets a member; all members of another set. */
static inline void scratch_add(struct arena *a, uint32_t bit)
{
	a->scratch[bit / 64] |= UINT64_C(1) << bit % 64;
	a->scratch_has[bit / 4096] |= UINT64_C(1) << bit / 64 % 64;
}

static inline void scratch_remove(struct arena *a, uint32_t bit)
{
	a->scratch[bit / 64] &= ~(UINT64_C(1) << bit % 64);
	if (a->scratch[bit / 64] == 0)
		a->scratch_has[bit / 4096] &= ~(UINT64_C(1) << bit / 64 % 64);
}

void weir_policy_scratch_add_set(struct arena *a, set_t set);
void weir_policy_scratch_clear(struct arena *a);

/* The scratch set as it is now, kept. 0 or -ENOMEM, -E2BIG. */
int weir_policy_scratch_keep(struct arena *a, set_t *set);

/* Word `has` of the bits that say which words of a set there are. */
static inline uint64_t set_has(const struct arena *a, set_t set, uint32_t has)
{
	return a->words[set + has];
}

/* Bits of a word: inline, where the compiler would call a function. */
static inline uint32_t bits_of(uint64_t v)
{
	v -= v >> 1 & UINT64_C(0x5555555555555555);
	v = (v & UINT64_C(0x3333333333333333)) + (v >> 2 & UINT64_C(0x3333333333333333));
	v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)(v * UINT64_C(0x0101010101010101) >> 56);
}

/* The words that are kept of the 64 in the reach of `has`. */
static inline const uint64_t *set_words(const struct arena *a, set_t set, uint32_t has)
{
	const uint64_t *s = &a->words[set];
	uint32_t before;

	memcpy(&before, (const uint8_t *)(s + a->summary) + sizeof(before) * has, sizeof(before));
	return s + before;
}

/* Word `word` of them; 0 where it is not kept. */
static inline uint64_t set_word(const struct arena *a, set_t set, uint32_t has, unsigned int word)
{
	const uint64_t bits = set_has(a, set, has);

	if (!(bits >> word & 1))
		return 0;
	return set_words(a, set, has)[bits_of(bits & ((UINT64_C(1) << word) - 1))];
}

/* An ACL in force. */
struct rule {
	uint32_t id;
	uint32_t order; /* as it was given: its place among all */
	struct span actions;
};

struct weir_policy {
	struct arena sets;
	uint32_t any_vpc;     /* the scope of groups of any VPC */
	struct weir_lpm *lpm; /* scope: VPC, 0 = any -> place in prefix_set */
	set_t (*prefix_set)
		[2]; /* ACLs that name a group with an address of this prefix; as source, as
				   destination */
	size_t prefix_count;
	set_t any_group[2];
	set_t any_port[2], any_protocol, any_type;
	uint16_t port_class[2][PORTS];
	set_t *port_set[2]; /* by class */
	uint32_t port_classes[2];
	set_t protocol[256];
	set_t type[256];
	struct rule *rule;
	size_t rule_count;
	struct action *action;
	size_t action_count;
};

#endif
