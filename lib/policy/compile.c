/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rows to a policy: for each dimension (source and destination address, both ports, protocol,
 * network type) a table that gives, for a value, the set of ACLs that ask for it. ACLs that do not ask
 * at all are in one set beside it, so that the others stay small.
 */
#include "policy_priv.h"

#include <weir_table.h>

#include <errno.h>
#include <stdlib.h>

struct compiler {
	struct weir_policy_builder *b;
	struct weir_policy *p;
	uint32_t *acl;               /* those in force by bit: their places in the builder's list */
	uint32_t *group_of;          /* id -> place in the builder's list + 1 */
	struct weir_list *asking[2]; /* group -> bits of the ACLs that name it; uint32_t */
	set_t *asked[2];             /* the same as a set, once it was wanted; else SET_EMPTY */
	struct weir_table joined;    /* two sets -> the set of both + 1 */
	struct named *named;         /* prefixes of all groups */
	size_t named_count;
};

/* A prefix of a group. */
struct named {
	struct weir_prefix prefix;
	uint32_t vpc;
	uint32_t group;
};

static const struct acl *acls_of(const struct compiler *c)
{
	return c->b->acls.items;
}

/* The ACL of a bit. */
static const struct acl *acl_at(const struct compiler *c, size_t bit)
{
	return &acls_of(c)[c->acl[bit]];
}

static const struct group *groups_of(const struct compiler *c)
{
	return c->b->groups.items;
}

static const uint16_t *group_ids_of(const struct compiler *c, const struct span *s)
{
	return (const uint16_t *)c->b->group_ids.items + s->first;
}

/* Are there addresses that this side asks for? */
static bool side_is_possible(const struct compiler *c, const struct acl *acl, unsigned int side)
{
	const uint16_t *id = group_ids_of(c, &acl->groups[side]);

	for (uint32_t i = 0; i < acl->groups[side].count; i++)
		if (c->group_of[id[i]] != 0)
			return true;
	return !acl->has_groups[side];
}

/* Ports, protocol and type by what little they allow: 0 = all. */
static uint32_t narrowness(const struct compiler *c, const struct acl *acl)
{
	const struct port_range *r = c->b->ports.items;
	const struct span *dst = &acl->ports[WEIR_DST], *src = &acl->ports[WEIR_SRC];

	if (dst->count > 0)
		return 0x20000 + r[dst->first].first;
	return src->count > 0 ? 0x10000 + r[src->first].first : 0;
}

static int compare(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static uint32_t first_group(const struct compiler *c, const struct acl *acl, unsigned int side)
{
	return acl->has_groups[side] ? c->group_of[*group_ids_of(c, &acl->groups[side])] : 0;
}

/*
 * The order of bits. ACLs that are alike stand together, above all those that leave an end open: so a
 * word of 64 either has nearly all its bits in a set or nearly none, and few words are met in vain.
 */
static int alike(const void *a, const void *b, void *ctx)
{
	const struct compiler *c = ctx;
	const uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
	const struct acl *p = &acls_of(c)[first], *q = &acls_of(c)[second];
	int order = 0;

	for (unsigned int side = 0; order == 0 && side < 2; side++)
		order = compare(p->has_groups[side], q->has_groups[side]);
	for (unsigned int side = 0; order == 0 && side < 2; side++)
		order = compare(first_group(c, p, side), first_group(c, q, side));
	if (order == 0)
		order = compare(narrowness(c, p), narrowness(c, q));
	if (order == 0)
		order = compare(p->protocol, q->protocol);
	if (order == 0)
		order = compare(p->network_type, q->network_type);
	return order != 0 ? order : compare(first, second);
}

static void choose_acls(struct compiler *c)
{
	for (size_t i = 0; i < c->b->acls.count; i++) {
		const struct acl *acl = &acls_of(c)[i];

		if (side_is_possible(c, acl, WEIR_SRC) && side_is_possible(c, acl, WEIR_DST))
			c->acl[c->p->rule_count++] = (uint32_t)i;
		else
			c->b->drops.acl_groups++;
	}
	qsort_r(c->acl, c->p->rule_count, sizeof(c->acl[0]), alike, c);
}

static int groups_index(struct compiler *c)
{
	const size_t n = c->b->groups.count;

	c->b->drops.acl_groups = 0;
	c->group_of = calloc(GROUP_IDS, sizeof(*c->group_of));
	c->acl = calloc(c->b->acls.count + 1, sizeof(*c->acl));
	for (unsigned int side = 0; side < 2; side++) {
		c->asking[side] = calloc(n + 1, sizeof(*c->asking[side]));
		c->asked[side] = calloc(n + 1, sizeof(*c->asked[side]));
		if (c->asking[side] == NULL || c->asked[side] == NULL)
			return -ENOMEM;
	}
	if (c->group_of == NULL || c->acl == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		c->group_of[groups_of(c)[i].id] = (uint32_t)i + 1;
	return 0;
}

static int rules_make(struct compiler *c)
{
	struct weir_policy *p = c->p;

	choose_acls(c);
	p->action_count = c->b->actions.count;
	p->rule = calloc(p->rule_count + 1, sizeof(*p->rule));
	p->action = calloc(p->action_count + 1, sizeof(*p->action));
	if (p->rule == NULL || p->action == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < p->rule_count; i++)
		p->rule[i] = (struct rule){ .id = acl_at(c, i)->id,
					    .order = c->acl[i],
					    .actions = acl_at(c, i)->actions };
	for (size_t i = 0; i < p->action_count; i++) {
		p->action[i] = ((const struct action *)c->b->actions.items)[i];
		if (p->action[i].ip[0] != '\0')
			p->action[i].a.tunnel_ip = p->action[i].ip;
	}
	return 0;
}

/* Which ACLs name which group, and which name none. */
static int groups_ask(struct compiler *c, unsigned int side)
{
	struct arena *sets = &c->p->sets;

	weir_policy_scratch_clear(sets);
	for (uint32_t bit = 0; bit < c->p->rule_count; bit++) {
		const struct acl *acl = acl_at(c, bit);
		const uint16_t *id = group_ids_of(c, &acl->groups[side]);

		if (!acl->has_groups[side])
			scratch_add(sets, bit);
		for (uint32_t i = 0; i < acl->groups[side].count; i++) {
			const uint32_t group = c->group_of[id[i]];
			uint32_t *to;

			if (group == 0)
				continue;
			to = weir_list_add(&c->asking[side][group - 1], sizeof(*to));
			if (to == NULL)
				return -ENOMEM;
			*to = bit;
		}
	}
	return weir_policy_scratch_keep(sets, &c->p->any_group[side]);
}

static int by_prefix(const void *a, const void *b)
{
	const struct named *p = a, *q = b;
	int order;

	if (p->prefix.len != q->prefix.len) /* those around others first */
		return p->prefix.len < q->prefix.len ? -1 : 1;
	if (p->vpc != q->vpc)
		return p->vpc < q->vpc ? -1 : 1;
	if (p->prefix.is_ipv6 != q->prefix.is_ipv6)
		return p->prefix.is_ipv6 ? 1 : -1;
	order = memcmp(&p->prefix.ip, &q->prefix.ip, sizeof(p->prefix.ip));
	return order != 0 ? order : p->group < q->group ? -1 : p->group > q->group;
}

static bool same_prefix(const struct named *a, const struct named *b)
{
	return a->vpc == b->vpc && a->prefix.len == b->prefix.len &&
	       a->prefix.is_ipv6 == b->prefix.is_ipv6 &&
	       memcmp(&a->prefix.ip, &b->prefix.ip, sizeof(a->prefix.ip)) == 0;
}

static int named_make(struct compiler *c)
{
	const struct weir_prefix *prefixes = c->b->prefixes.items;

	c->named = calloc(c->b->prefixes.count + 1, sizeof(*c->named));
	if (c->named == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->b->groups.count; i++) {
		const struct group *g = &groups_of(c)[i];

		/* Nobody asks for it: it need not be found. */
		if (c->asking[WEIR_SRC][i].count + c->asking[WEIR_DST][i].count == 0)
			continue;
		for (uint32_t k = 0; k < g->prefixes.count; k++)
			c->named[c->named_count++] =
				(struct named){ .prefix = prefixes[g->prefixes.first + k],
						.vpc = g->vpc,
						.group = (uint32_t)i };
	}
	qsort(c->named, c->named_count, sizeof(*c->named), by_prefix);
	return 0;
}

/* Each different prefix once, its value its place. */
static int lpm_make(struct compiler *c)
{
	struct weir_lpm_row *rows = calloc(c->named_count + 1, sizeof(*rows));
	size_t n = 0;

	if (rows == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->named_count; i++) {
		if (i > 0 && same_prefix(&c->named[i], &c->named[i - 1]))
			continue;
		rows[n] = (struct weir_lpm_row){ .scope = c->named[i].vpc,
						 .prefix = c->named[i].prefix,
						 .value = (uint32_t)n };
		n++;
	}
	c->p->prefix_count = n;
	c->p->lpm = weir_lpm_create(rows, n);
	free(rows);
	c->p->prefix_set = calloc(n + 1, sizeof(*c->p->prefix_set));
	if (c->p->lpm == NULL || c->p->prefix_set == NULL)
		return -ENOMEM;
	c->p->any_vpc = weir_lpm_scope(c->p->lpm, 0);
	return 0;
}

/* ACLs that name a group: made when first wanted. */
static int group_set(struct compiler *c, uint32_t group, unsigned int side, set_t *set)
{
	const struct weir_list *asking = &c->asking[side][group];
	struct arena *sets = &c->p->sets;
	set_t *asked = &c->asked[side][group];
	int rc = 0;

	if (*asked == SET_EMPTY && asking->count > 0) {
		weir_policy_scratch_clear(sets);
		for (size_t i = 0; i < asking->count; i++)
			scratch_add(sets, ((const uint32_t *)asking->items)[i]);
		rc = weir_policy_scratch_keep(sets, asked);
	}
	*set = *asked;
	return rc;
}

/* ACLs of either set. The same two meet for as many prefixes as a group has. */
static int join(struct compiler *c, set_t a, set_t b, set_t *set)
{
	const uint64_t key = (uint64_t)a << 32 | b;
	const uint64_t known = weir_table_get16(&c->joined, key);
	struct arena *sets = &c->p->sets;
	int rc = 0;

	if (a == SET_EMPTY || b == SET_EMPTY) {
		*set = a == SET_EMPTY ? b : a;
	} else if (known != 0) {
		*set = (set_t)(known - 1);
	} else {
		weir_policy_scratch_clear(sets);
		weir_policy_scratch_add_set(sets, a);
		weir_policy_scratch_add_set(sets, b);
		rc = weir_policy_scratch_keep(sets, set);
		if (rc == 0)
			weir_table_put16(&c->joined, key, (uint64_t)*set + 1);
	}
	return rc;
}

/* ACLs of a set, and those that name one of the groups from `first` to `last`. */
static int join_groups(struct compiler *c, set_t around, size_t first, size_t last,
		       unsigned int side, set_t *set)
{
	struct arena *sets = &c->p->sets;
	set_t ignored;
	int rc = 0;

	for (size_t i = first; rc == 0 && i <= last; i++)
		rc = group_set(c, c->named[i].group, side, &ignored);
	if (rc < 0)
		return rc;
	weir_policy_scratch_clear(sets);
	weir_policy_scratch_add_set(sets, around);
	for (size_t i = first; i <= last; i++)
		weir_policy_scratch_add_set(sets, c->asked[side][c->named[i].group]);
	return weir_policy_scratch_keep(sets, set);
}

/* ACLs that ask for one of the groups from `first` to `last`, or for one of a prefix around. */
static int prefix_set_make(struct compiler *c, size_t first, size_t last, uint32_t place,
			   unsigned int side)
{
	const struct named *named = &c->named[first];
	const uint32_t parent = weir_lpm_parent(c->p->lpm, named->vpc, &named->prefix);
	const set_t around = parent != WEIR_LPM_NONE ? c->p->prefix_set[parent][side] : SET_EMPTY;
	set_t *set = &c->p->prefix_set[place][side], of_group;
	int rc;

	if (last > first)
		return join_groups(c, around, first, last, side, set);
	rc = group_set(c, named->group, side, &of_group);
	return rc < 0 ? rc : join(c, around, of_group, set);
}

static int addresses_make(struct compiler *c)
{
	uint32_t place = 0;
	int rc = groups_ask(c, WEIR_SRC);

	if (rc == 0)
		rc = groups_ask(c, WEIR_DST);
	if (rc == 0)
		rc = named_make(c);
	if (rc == 0)
		rc = lpm_make(c);
	if (rc == 0)
		rc = weir_table_init(&c->joined, 2 * c->named_count, sizeof(struct weir_row16));
	for (size_t first = 0; rc == 0 && first < c->named_count; place++) {
		size_t last = first;

		while (last + 1 < c->named_count &&
		       same_prefix(&c->named[first], &c->named[last + 1]))
			last++;
		rc = prefix_set_make(c, first, last, place, WEIR_SRC);
		if (rc == 0)
			rc = prefix_set_make(c, first, last, place, WEIR_DST);
		first = last + 1;
	}
	return rc;
}

/* At a port an ACL begins or stops to ask. */
struct event {
	uint32_t port; /* up to 65536 */
	uint32_t bit;
	bool is_end;
};

static int by_port(const void *a, const void *b)
{
	const struct event *p = a, *q = b;

	return p->port < q->port ? -1 : p->port > q->port;
}

static int range_by_first(const void *a, const void *b)
{
	const struct port_range *p = a, *q = b;

	return p->first < q->first ? -1 : p->first > q->first;
}

/* An ACL's ranges, those that touch joined: each port of it begins once and ends once. */
static size_t events_of(struct port_range *r, size_t n, uint32_t bit, struct event *out)
{
	size_t events = 0;

	qsort(r, n, sizeof(*r), range_by_first);
	for (size_t i = 0; i < n; i++) {
		if (events > 0 && r[i].first <= out[events - 1].port) {
			if (r[i].last + 1u > out[events - 1].port)
				out[events - 1].port = r[i].last + 1u;
			continue;
		}
		out[events++] = (struct event){ .port = r[i].first, .bit = bit };
		out[events++] =
			(struct event){ .port = r[i].last + 1u, .bit = bit, .is_end = true };
	}
	return events;
}

/* Ports up to `to`, of which the scratch set is asked for, as one class. */
static int class_add(struct compiler *c, struct weir_list *classes, unsigned int side,
		     uint32_t from, uint32_t to)
{
	set_t set, *kept;
	const int rc = weir_policy_scratch_keep(&c->p->sets, &set);

	if (rc < 0)
		return rc;
	kept = weir_list_add(classes, sizeof(*kept));
	if (kept == NULL)
		return -ENOMEM;
	*kept = set;
	for (; from < to; from++)
		c->p->port_class[side][from] = (uint16_t)(classes->count - 1);
	return 0;
}

/* From each event to the next it is one class of ports. */
static int classes_make(struct compiler *c, const struct event *events, size_t n, unsigned int side)
{
	struct weir_policy *p = c->p;
	struct weir_list classes = { 0 };
	uint32_t from = 0;
	int rc = 0;

	weir_policy_scratch_clear(&p->sets);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (events[i].port > from)
			rc = class_add(c, &classes, side, from, events[i].port);
		from = events[i].port;
		if (events[i].is_end)
			scratch_remove(&p->sets, events[i].bit);
		else
			scratch_add(&p->sets, events[i].bit);
	}
	if (rc == 0 && from < PORTS)
		rc = class_add(c, &classes, side, from, PORTS);
	p->port_set[side] = classes.items;
	p->port_classes[side] = (uint32_t)classes.count;
	return rc;
}

static int ports_make(struct compiler *c, unsigned int side)
{
	struct weir_policy *p = c->p;
	struct port_range *ranges = c->b->ports.items;
	struct event *events = calloc(2 * c->b->ports.count + 1, sizeof(*events));
	size_t n = 0;
	int rc;

	if (events == NULL)
		return -ENOMEM;
	weir_policy_scratch_clear(&p->sets);
	for (uint32_t bit = 0; bit < p->rule_count; bit++) {
		const struct span *s = &acl_at(c, bit)->ports[side];

		if (s->count == 0)
			scratch_add(&p->sets, bit);
		else
			n += events_of(ranges + s->first, s->count, bit, &events[n]);
	}
	rc = weir_policy_scratch_keep(&p->sets, &p->any_port[side]);
	qsort(events, n, sizeof(*events), by_port);
	if (rc == 0)
		rc = classes_make(c, events, n, side);
	free(events);
	return rc;
}

typedef uint32_t value_fn(const struct acl *acl);

static uint32_t protocol_of(const struct acl *acl)
{
	return acl->protocol;
}

static uint32_t type_of(const struct acl *acl)
{
	return acl->network_type;
}

/* One of 256 values, or `any`. */
static int values_make(struct compiler *c, value_fn *value, uint32_t any, set_t set[256],
		       set_t *any_set)
{
	struct arena *sets = &c->p->sets;
	struct weir_list members[257] = { 0 };
	int rc = 0;

	for (uint32_t bit = 0; rc == 0 && bit < c->p->rule_count; bit++) {
		uint32_t *to = weir_list_add(&members[value(acl_at(c, bit))], sizeof(*to));

		if (to == NULL)
			rc = -ENOMEM;
		else
			*to = bit;
	}
	for (uint32_t v = 0; v < WEIR_ARRAY_SIZE(members); v++) {
		set_t *to = v == any ? any_set : v < 256 ? &set[v] : NULL;

		weir_policy_scratch_clear(sets);
		for (size_t i = 0; to != NULL && i < members[v].count; i++)
			scratch_add(sets, ((const uint32_t *)members[v].items)[i]);
		if (rc == 0 && to != NULL)
			rc = weir_policy_scratch_keep(sets, to);
		free(members[v].items);
	}
	return rc;
}

static void compiler_fini(struct compiler *c)
{
	for (unsigned int side = 0; side < 2; side++) {
		for (size_t i = 0; c->asking[side] != NULL && i < c->b->groups.count; i++)
			free(c->asking[side][i].items);
		free(c->asking[side]);
		free(c->asked[side]);
	}
	weir_table_fini(&c->joined);
	free(c->group_of);
	free(c->acl);
	free(c->named);
}

static int compile(struct compiler *c, size_t max_bytes)
{
	struct weir_policy *p = c->p;
	int rc = c->b->out_of_memory ? -ENOMEM : groups_index(c);

	if (rc == 0)
		rc = rules_make(c);
	if (rc == 0)
		rc = weir_policy_arena_init(&p->sets, p->rule_count, max_bytes);
	if (rc == 0)
		rc = addresses_make(c);
	if (rc == 0)
		rc = ports_make(c, WEIR_SRC);
	if (rc == 0)
		rc = ports_make(c, WEIR_DST);
	if (rc == 0)
		rc = values_make(c, protocol_of, WEIR_POLICY_ANY_PROTOCOL, p->protocol,
				 &p->any_protocol);
	if (rc == 0)
		rc = values_make(c, type_of, 0, p->type, &p->any_type);
	if (rc < 0)
		return rc;
	weir_policy_arena_seal(&p->sets);
	return weir_policy_bytes(p) > max_bytes ? -E2BIG : 0;
}

struct weir_policy *weir_policy_compile(struct weir_policy_builder *b, size_t max_bytes,
					struct weir_err *err)
{
	struct compiler c = { .b = b, .p = calloc(1, sizeof(struct weir_policy)) };
	const int rc = c.p == NULL ? -ENOMEM : compile(&c, max_bytes);

	compiler_fini(&c);
	if (rc == 0)
		return c.p;
	if (rc == -E2BIG)
		weir_err_set(
			err, E2BIG,
			"policy of %zu ACLs: takes more than %zu MiB; the one in force stays: use fewer ACLs or groups, or raise the memory limit",
			b->acls.count, max_bytes >> 20);
	else
		weir_err_set(err, ENOMEM,
			     "policy of %zu ACLs: out of memory; the one in force stays",
			     b->acls.count);
	weir_policy_destroy(c.p);
	return NULL;
}

void weir_policy_destroy(struct weir_policy *p)
{
	if (p == NULL)
		return;
	weir_policy_arena_fini(&p->sets);
	weir_lpm_destroy(p->lpm);
	free(p->prefix_set);
	free(p->port_set[WEIR_SRC]);
	free(p->port_set[WEIR_DST]);
	free(p->rule);
	free(p->action);
	free(p);
}

size_t weir_policy_bytes(const struct weir_policy *p)
{
	return sizeof(*p) + p->sets.room * sizeof(*p->sets.words) +
	       (p->lpm != NULL ? weir_lpm_bytes(p->lpm) : 0) +
	       p->prefix_count * sizeof(*p->prefix_set) +
	       (p->port_classes[0] + p->port_classes[1]) * sizeof(set_t) +
	       p->rule_count * sizeof(*p->rule) + p->action_count * sizeof(*p->action);
}

size_t weir_policy_acls(const struct weir_policy *p)
{
	return p->rule_count;
}
