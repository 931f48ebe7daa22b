/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as they come: read, checked, kept until they are compiled. Spec: control plane, 1.10. */
#include "policy_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ID_MASK          0xffff
#define TUNNEL_IP_ID_MAX 64000

struct weir_policy_builder *weir_policy_builder_create(void)
{
	return calloc(1, sizeof(struct weir_policy_builder));
}

void weir_policy_builder_destroy(struct weir_policy_builder *b)
{
	if (b == NULL)
		return;
	free(b->groups.items);
	free(b->prefixes.items);
	free(b->acls.items);
	free(b->group_ids.items);
	free(b->ports.items);
	free(b->actions.items);
	free(b);
}

const struct weir_policy_drops *weir_policy_builder_drops(const struct weir_policy_builder *b)
{
	return &b->drops;
}

static int dropped(uint64_t *counter)
{
	(*counter)++;
	return -EINVAL;
}

static int no_memory(struct weir_policy_builder *b)
{
	b->out_of_memory = true;
	return -ENOMEM;
}

static int add_prefix(struct weir_policy_builder *b, const struct weir_prefix *p)
{
	struct weir_prefix *to = weir_list_add(&b->prefixes, sizeof(*to));

	if (to == NULL)
		return no_memory(b);
	*to = *p;
	return 0;
}

static int add_addresses(struct weir_policy_builder *b, const struct weir_policy_group *row)
{
	for (size_t i = 0; i < row->ip_count; i++) {
		struct weir_prefix p;

		if (!weir_prefix_parse(row->ips[i], &p))
			return -EINVAL;
		if (add_prefix(b, &p) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < row->ip_range_count; i++) {
		struct weir_prefix p[WEIR_PREFIX_RANGE_MAX];
		const unsigned int n = weir_prefix_range(row->ip_ranges[i], p);

		if (n == 0)
			return -EINVAL;
		for (unsigned int k = 0; k < n; k++)
			if (add_prefix(b, &p[k]) < 0)
				return -ENOMEM;
	}
	return 0;
}

int weir_policy_add_group(struct weir_policy_builder *b, const struct weir_policy_group *row)
{
	const size_t before = b->prefixes.count;
	const uint16_t id = row->id & ID_MASK;
	struct group *g;
	int rc;

	if (row->ip_count + row->ip_range_count == 0)
		return dropped(&b->drops.group_empty);
	if (b->has_group[id / 8] >> id % 8 & 1)
		return dropped(&b->drops.group_repeated);
	rc = add_addresses(b, row);
	if (rc < 0) {
		b->prefixes.count = before;
		return rc == -EINVAL ? dropped(&b->drops.group_address) : rc;
	}
	g = weir_list_add(&b->groups, sizeof(*g));
	if (g == NULL)
		return no_memory(b);
	b->has_group[id / 8] |= (uint8_t)(1 << id % 8);
	*g = (struct group){ .id = id,
			     .vpc = row->vpc & ID_MASK,
			     .prefixes = { (uint32_t)before,
					   (uint32_t)(b->prefixes.count - before) } };
	return 0;
}

/* A port number at the text's front; what follows it. NULL: there is none. */
static const char *parse_port(const char *text, uint16_t *port)
{
	unsigned int v = 0, digits = 0;

	for (; *text >= '0' && *text <= '9' && digits < 6; text++, digits++)
		v = v * 10 + (unsigned int)(*text - '0');
	*port = (uint16_t)v;
	return digits > 0 && v < PORTS ? text : NULL;
}

static int add_ports(struct weir_policy_builder *b, const char *text, struct span *span)
{
	span->first = (uint32_t)b->ports.count;
	if (text == NULL || *text == '\0')
		return 0;
	for (;;) {
		struct port_range r, *to;

		text = parse_port(text, &r.first);
		r.last = r.first;
		if (text != NULL && *text == '-')
			text = parse_port(text + 1, &r.last);
		if (text == NULL || r.last < r.first || (*text != ',' && *text != '\0'))
			return -EINVAL;
		to = weir_list_add(&b->ports, sizeof(*to));
		if (to == NULL)
			return no_memory(b);
		*to = r;
		span->count++;
		if (*text++ == '\0')
			return 0;
	}
}

static bool is_valid(const struct weir_policy_action *a)
{
	const bool is_broker = a->tunnel_type == WEIR_POLICY_VXLAN ||
			       a->tunnel_type == WEIR_POLICY_GRE_ERSPAN ||
			       a->tunnel_type == WEIR_POLICY_TCP;
	struct weir_prefix p;

	return a->tunnel_type <= WEIR_POLICY_TCP && a->side >= WEIR_POLICY_SRC &&
	       a->side <= WEIR_POLICY_BOTH && a->direction >= WEIR_POLICY_ALL &&
	       a->direction <= WEIR_POLICY_BACKWARD && a->tunnel_ip_id <= TUNNEL_IP_ID_MAX &&
	       a->gid <= UINT16_MAX &&
	       (!is_broker ||
		(weir_prefix_parse(a->tunnel_ip, &p) && strchr(a->tunnel_ip, '/') == NULL));
}

static int add_actions(struct weir_policy_builder *b, const struct weir_policy_acl *row,
		       struct span *span)
{
	span->first = (uint32_t)b->actions.count;
	span->count = (uint32_t)row->action_count;
	for (size_t i = 0; i < row->action_count; i++) {
		struct action *a;

		if (!is_valid(&row->actions[i]))
			return -EINVAL;
		a = weir_list_add(&b->actions, sizeof(*a));
		if (a == NULL)
			return no_memory(b);
		a->a = row->actions[i];
		a->a.tunnel_ip = NULL;
		if (row->actions[i].tunnel_ip != NULL)
			snprintf(a->ip, sizeof(a->ip), "%s", row->actions[i].tunnel_ip);
	}
	return 0;
}

static int add_groups(struct weir_policy_builder *b, const int32_t *ids, size_t n,
		      struct span *span)
{
	span->first = (uint32_t)b->group_ids.count;
	span->count = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		uint16_t *id = weir_list_add(&b->group_ids, sizeof(*id));

		if (id == NULL)
			return no_memory(b);
		*id = (uint16_t)((uint32_t)ids[i] & ID_MASK);
	}
	return 0;
}

/* 0, -ENOMEM, or -EINVAL with the counter of why. */
static int fill(struct weir_policy_builder *b, const struct weir_policy_acl *row, struct acl *acl,
		uint64_t **why)
{
	int rc;

	*why = &b->drops.acl_ports;
	rc = add_ports(b, row->src_ports, &acl->ports[WEIR_SRC]);
	if (rc == 0)
		rc = add_ports(b, row->dst_ports, &acl->ports[WEIR_DST]);
	if (rc < 0)
		return rc;
	*why = &b->drops.acl_action;
	rc = add_actions(b, row, &acl->actions);
	if (rc == 0)
		rc = add_groups(b, row->src_groups, row->src_group_count, &acl->groups[WEIR_SRC]);
	if (rc == 0)
		rc = add_groups(b, row->dst_groups, row->dst_group_count, &acl->groups[WEIR_DST]);
	return rc;
}

int weir_policy_add_acl(struct weir_policy_builder *b, const struct weir_policy_acl *row)
{
	const size_t ports = b->ports.count, actions = b->actions.count;
	struct acl acl = { .id = row->id,
			   .network_type = (uint8_t)row->network_type,
			   .protocol = (uint16_t)row->protocol,
			   .has_groups = { row->src_group_count > 0, row->dst_group_count > 0 } };
	struct acl *to;
	uint64_t *why;
	int rc;

	if (row->protocol > WEIR_POLICY_ANY_PROTOCOL)
		return dropped(&b->drops.acl_protocol);
	rc = fill(b, row, &acl, &why);
	if (rc < 0) {
		b->ports.count = ports;
		b->actions.count = actions;
		return rc == -EINVAL ? dropped(why) : rc;
	}
	to = weir_list_add(&b->acls, sizeof(*to));
	if (to == NULL)
		return no_memory(b);
	*to = acl;
	return 0;
}
