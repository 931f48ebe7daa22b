/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One flow against all ACLs: the sets of its values in each dimension are met, 64 ACLs a word and 4,096
 * ACLs a word of their summaries, in both orientations at once. What is looked up is in the tables made
 * by compile.c; nothing depends on how many ACLs there are but the length of the summaries.
 */
#include "policy_priv.h"

#define VPC_MASK    0xffff
#define BLOCK_WORDS 12 /* from so many words on, all 64 at once take less */
#define WAYS        2  /* the key as it is, and turned round */

enum dimension { SRC_ADDRESS, DST_ADDRESS, SRC_PORT, DST_PORT, PROTOCOL, TYPE, DIMENSIONS };

/* ACLs that one dimension allows: any of these sets. */
struct allowed {
	set_t set[3];
};

/* An end: among groups of any VPC, and of its own. */
struct place {
	uint32_t scope[2];
	uint32_t prefix[2]; /* WEIR_LPM_NONE: in none */
};

static void place_begin(const struct weir_policy *p, const struct weir_policy_key *key,
			unsigned int end, struct place *at)
{
	const uint32_t vpc = (uint32_t)key->vpc[end] & VPC_MASK;

	at->scope[0] = p->any_vpc;
	at->scope[1] = vpc != 0 ? weir_lpm_scope(p->lpm, vpc) : WEIR_LPM_NONE;
	if (key->is_ipv6)
		return;
	weir_lpm_prefetch(p->lpm, at->scope[0], &key->ip[end]);
	weir_lpm_prefetch(p->lpm, at->scope[1], &key->ip[end]);
}

static void place_find(const struct weir_policy *p, const struct weir_policy_key *key,
		       unsigned int end, struct place *at)
{
	for (unsigned int i = 0; i < 2; i++) {
		at->prefix[i] = weir_lpm_find_in(p->lpm, at->scope[i], &key->ip[end], key->is_ipv6);
		if (at->prefix[i] != WEIR_LPM_NONE)
			weir_prefetch(p->prefix_set[at->prefix[i]]);
	}
	weir_prefetch(&p->port_class[WEIR_SRC][key->port[end]]);
	weir_prefetch(&p->port_class[WEIR_DST][key->port[end]]);
}

static set_t place_set(const struct weir_policy *p, const struct place *at, unsigned int scope,
		       unsigned int role)
{
	return at->prefix[scope] == WEIR_LPM_NONE ? SET_EMPTY
						  : p->prefix_set[at->prefix[scope]][role];
}

static void allow(const struct weir_policy *p, struct allowed *a, set_t first, set_t second,
		  set_t any)
{
	a->set[0] = first;
	a->set[1] = second;
	a->set[2] = any;
	weir_prefetch(&p->sets.words[first]);
	weir_prefetch(&p->sets.words[second]);
}

/* One flow while it is matched. */
struct work {
	struct place place[2];
	struct allowed allowed[WAYS][DIMENSIONS];
};

static void sets_find(const struct weir_policy *p, const struct weir_policy_key *key,
		      struct work *w)
{
	const set_t type = key->network_type < 256 && key->network_type > 0
				   ? p->type[key->network_type]
				   : SET_EMPTY;

	for (unsigned int way = 0; way < WAYS; way++) {
		struct allowed *a = w->allowed[way];

		for (unsigned int role = 0; role < 2; role++) {
			const unsigned int end = role ^ way;
			const uint16_t class = p->port_class[role][key->port[end]];

			allow(p, &a[SRC_ADDRESS + role], place_set(p, &w->place[end], 0, role),
			      place_set(p, &w->place[end], 1, role), p->any_group[role]);
			allow(p, &a[SRC_PORT + role], p->port_set[role][class], SET_EMPTY,
			      p->any_port[role]);
		}
		allow(p, &a[PROTOCOL], p->protocol[key->protocol], SET_EMPTY, p->any_protocol);
		allow(p, &a[TYPE], type, SET_EMPTY, p->any_type);
	}
}

static inline uint64_t allowed_has(const struct arena *sets, const struct allowed *a, uint32_t has)
{
	return set_has(sets, a->set[0], has) | set_has(sets, a->set[1], has) |
	       set_has(sets, a->set[2], has);
}

static inline uint64_t allowed_word(const struct arena *sets, const struct allowed *a, uint32_t has,
				    unsigned int word)
{
	return set_word(sets, a->set[0], has, word) | set_word(sets, a->set[1], has, word) |
	       set_word(sets, a->set[2], has, word);
}

/* Words in which every dimension has an ACL. */
static uint64_t meet_has(const struct arena *sets, const struct allowed a[DIMENSIONS], uint32_t has)
{
	uint64_t bits = UINT64_MAX;

	for (unsigned int d = 0; d < DIMENSIONS; d++)
		bits &= allowed_has(sets, &a[d], has);
	return bits;
}

/* ACLs of a word that every dimension has. */
static uint64_t meet_word(const struct arena *sets, const struct allowed a[DIMENSIONS],
			  uint32_t has, unsigned int word)
{
	uint64_t bits = UINT64_MAX;

	for (unsigned int d = 0; d < DIMENSIONS && bits != 0; d++)
		bits &= allowed_word(sets, &a[d], has, word);
	return bits;
}

static uint16_t flag_of(uint32_t tunnel_type)
{
	switch (tunnel_type) {
	case WEIR_POLICY_PCAP:
		return WEIR_POLICY_HAS_PCAP;
	case WEIR_POLICY_NPB_DROP:
		return WEIR_POLICY_HAS_DROP;
	default:
		return WEIR_POLICY_HAS_NPB;
	}
}

/* `way` 1: the ACL's source is the key's destination. */
static void orient(const struct weir_policy_action *a, unsigned int way,
		   struct weir_policy_hit *hit)
{
	const uint8_t turned = (uint8_t)((a->side & 1) << 1 | a->side >> 1);

	if (a->direction == WEIR_POLICY_ALL)
		hit->along |= 3;
	else
		hit->along |= (a->direction == WEIR_POLICY_FORWARD) == (way == 0) ? 1 : 2;
	hit->side |= way == 0 ? (uint8_t)a->side : turned;
}

/* Hits stand in the order of their ACLs, which is that of their actions; what is too much is the last. */
static void hit_add(struct weir_policy_result *r, const struct weir_policy_hit *hit)
{
	unsigned int at = r->hit_count;

	if (at == WEIR_POLICY_HITS_MAX) {
		r->hits_lost += r->hits_lost < UINT16_MAX;
		if (hit->action > r->hit[--at].action)
			return;
	} else {
		r->hit_count++;
	}
	for (; at > 0 && r->hit[at - 1].action > hit->action; at--)
		r->hit[at] = r->hit[at - 1];
	r->hit[at] = *hit;
}

/* An ACL that matches, in these ways. */
static void take(const struct weir_policy *p, uint32_t bit, const bool ways[WAYS],
		 struct weir_policy_result *r)
{
	const struct rule *rule = &p->rule[bit];

	if (r->acls == 0 || rule->order < r->acl_order) {
		r->acl_id = rule->id;
		r->acl_order = rule->order;
	}
	r->acls += (uint32_t)ways[0] + (uint32_t)ways[1];
	for (uint32_t i = 0; i < rule->actions.count; i++) {
		struct weir_policy_hit hit = { .action = rule->actions.first + i };
		const struct weir_policy_action *a = &p->action[hit.action].a;

		r->flags |= flag_of(a->tunnel_type);
		for (unsigned int way = 0; way < WAYS; way++)
			if (ways[way])
				orient(a, way, &hit);
		hit_add(r, &hit);
	}
}

/* What matches of a word of 64 ACLs, in each way. */
static void take_word(const struct weir_policy *p, uint32_t word, uint64_t along, uint64_t back,
		      struct weir_policy_result *r)
{
	for (uint64_t left = along | back; left != 0; left &= left - 1) {
		const unsigned int bit = (unsigned int)__builtin_ctzll(left);
		const bool ways[WAYS] = { along >> bit & 1, back >> bit & 1 };

		take(p, word * 64 + bit, ways, r);
	}
}

/* All words in the reach of one word of summaries at once: for when nearly each of them has something. */
static void add_block(const struct arena *sets, set_t set, uint32_t has, uint64_t words[64])
{
	const uint64_t *from = set_words(sets, set, has);
	uint64_t left = set_has(sets, set, has);

	if (left == UINT64_MAX) {
		for (unsigned int i = 0; i < 64; i++)
			words[i] |= from[i];
		return;
	}
	for (; left != 0; left &= left - 1)
		words[__builtin_ctzll(left)] |= *from++;
}

static void meet_block(const struct arena *sets, const struct allowed a[DIMENSIONS], uint32_t has,
		       uint64_t words[64])
{
	memset(words, 0xff, 64 * sizeof(*words));
	for (unsigned int d = 0; d < DIMENSIONS; d++) {
		uint64_t any[64] = { 0 };

		for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(a[d].set); i++)
			add_block(sets, a[d].set[i], has, any);
		for (unsigned int i = 0; i < 64; i++)
			words[i] &= any[i];
	}
}

static void take_block(const struct weir_policy *p, const struct allowed allowed[WAYS][DIMENSIONS],
		       uint32_t has, uint64_t left, struct weir_policy_result *r)
{
	uint64_t words[WAYS][64];

	for (unsigned int way = 0; way < WAYS; way++)
		meet_block(&p->sets, allowed[way], has, words[way]);
	for (; left != 0; left &= left - 1) {
		const unsigned int word = (unsigned int)__builtin_ctzll(left);

		take_word(p, has * 64 + word, words[0][word], words[1][word], r);
	}
}

static void take_words(const struct weir_policy *p, const struct allowed allowed[WAYS][DIMENSIONS],
		       uint32_t has, uint64_t left, struct weir_policy_result *r)
{
	for (; left != 0; left &= left - 1) {
		const unsigned int word = (unsigned int)__builtin_ctzll(left);

		take_word(p, has * 64 + word, meet_word(&p->sets, allowed[0], has, word),
			  meet_word(&p->sets, allowed[1], has, word), r);
	}
}

static void meet(const struct weir_policy *p, const struct allowed allowed[WAYS][DIMENSIONS],
		 struct weir_policy_result *result)
{
	for (uint32_t has = 0; has < p->sets.summary; has++) {
		const uint64_t left = meet_has(&p->sets, allowed[0], has) |
				      meet_has(&p->sets, allowed[1], has);

		if (bits_of(left) < BLOCK_WORDS)
			take_words(p, allowed, has, left, result);
		else
			take_block(p, allowed, has, left, result);
	}
}

static void result_clear(struct weir_policy_result *r)
{
	r->acl_id = 0;
	r->acl_order = 0;
	r->acls = 0;
	r->flags = 0;
	r->hits_lost = 0;
	r->hit_count = 0;
}

void weir_policy_match_burst(const struct weir_policy *p, const struct weir_policy_key *keys,
			     struct weir_policy_result *results, unsigned int n)
{
	struct work work[WEIR_BURST_MAX];

	for (unsigned int i = 0; i < n; i++)
		result_clear(&results[i]);
	if (p->rule_count == 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int end = 0; end < 2; end++)
			place_begin(p, &keys[i], end, &work[i].place[end]);
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int end = 0; end < 2; end++)
			place_find(p, &keys[i], end, &work[i].place[end]);
	for (unsigned int i = 0; i < n; i++)
		sets_find(p, &keys[i], &work[i]);
	for (unsigned int i = 0; i < n; i++)
		meet(p, work[i].allowed, &results[i]);
}

bool weir_policy_match(const struct weir_policy *p, const struct weir_policy_key *key,
		       struct weir_policy_result *result)
{
	weir_policy_match_burst(p, key, result, 1);
	return result->acls > 0;
}

const struct weir_policy_action *weir_policy_action_at(const struct weir_policy *p, uint32_t action)
{
	return &p->action[action].a;
}

static bool has_gid(const uint16_t *gids, unsigned int n, uint16_t gid)
{
	for (unsigned int i = 0; i < n; i++)
		if (gids[i] == gid)
			return true;
	return false;
}

unsigned int weir_policy_gids(const struct weir_policy *p, const struct weir_policy_result *result,
			      bool all, uint16_t *gids, unsigned int max)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < result->hit_count && n < max; i++) {
		const struct weir_policy_action *a = weir_policy_action_at(p,
									   result->hit[i].action);

		if ((all || a->tunnel_type == WEIR_POLICY_PCAP) && a->gid != 0 &&
		    !has_gid(gids, n, (uint16_t)a->gid))
			gids[n++] = (uint16_t)a->gid;
	}
	return n;
}
