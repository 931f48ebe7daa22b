/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as they come: read, checked, kept until they are frozen. Spec: control plane, 1.9. */
#include "meta_priv.h"

#include <errno.h>
#include <stdlib.h>

#define VPC_MAX 0xffff

struct weir_meta_builder *weir_meta_builder_create(const struct weir_meta_agent *agent)
{
	struct weir_meta_builder *b = calloc(1, sizeof(*b));

	if (b != NULL)
		b->agent = *agent;
	return b;
}

void weir_meta_builder_destroy(struct weir_meta_builder *b)
{
	if (b == NULL)
		return;
	free(b->interfaces.items);
	free(b->addresses.items);
	free(b->segments[WEIR_META_LOCAL].items);
	free(b->segments[WEIR_META_REMOTE].items);
	free(b->cidrs.items);
	free(b->peers.items);
	free(b->flow_tap_types.items);
	free(b);
}

const struct weir_meta_drops *weir_meta_builder_drops(const struct weir_meta_builder *b)
{
	return &b->drops;
}

static int dropped(uint64_t *counter)
{
	(*counter)++;
	return -EINVAL;
}

static int no_memory(struct weir_meta_builder *b)
{
	b->out_of_memory = true;
	return -ENOMEM;
}

static bool is_pod_agent(const struct weir_meta_agent *a)
{
	return a->type == WEIR_AGENT_HOST_POD || a->type == WEIR_AGENT_VM_POD ||
	       a->type == WEIR_AGENT_K8S_SIDECAR;
}

/* Its MAC may be another machine's here: MACs repeat between regions and clusters. */
static bool is_elsewhere(const struct weir_meta_agent *a, const struct weir_meta_interface *row)
{
	const bool same_region = row->region_id == a->region_id;

	if (!is_pod_agent(a))
		return !same_region;
	return row->pod_cluster_id != a->pod_cluster_id &&
	       !(same_region && row->device_type != WEIR_DEVICE_POD);
}

static uint16_t flags_of(const struct weir_meta_agent *a, const struct weir_meta_interface *row)
{
	uint16_t flags = 0;

	if (row->is_vip)
		flags |= WEIR_META_IS_VIP;
	if (row->if_type == WEIR_IF_WAN)
		flags |= WEIR_META_IS_WAN;
	if (a->mode == MODE_ANALYZER)
		return flags;
	if (is_elsewhere(a, row))
		flags |= WEIR_META_SKIP_MAC;
	if (row->pod_node_id > 0 && row->pod_cluster_id > 0)
		flags |= WEIR_META_SKIP_TAP;
	return flags;
}

static int32_t own_vpc(int32_t vpc)
{
	return vpc == 0 ? WEIR_VPC_DEEPFLOW : vpc;
}

static int add_address(struct weir_meta_builder *b, struct interface *itf, const char *text)
{
	struct weir_prefix p;
	struct address *a;

	if (!weir_prefix_parse(text, &p) || strchr(text, '/') != NULL)
		return dropped(&b->drops.address);
	a = weir_list_add(&b->addresses, sizeof(*a));
	if (a == NULL)
		return no_memory(b);
	a->ip = p.ip;
	a->is_ipv6 = p.is_ipv6;
	itf->count++;
	return 0;
}

int weir_meta_add_interface(struct weir_meta_builder *b, const struct weir_meta_interface *row)
{
	struct interface *itf;
	int worst = 0;

	if (row->if_type != WEIR_IF_WAN && row->if_type != WEIR_IF_LAN)
		return dropped(&b->drops.interface_type);
	if (row->mac > MAC_MASK)
		return dropped(&b->drops.interface_mac);
	itf = weir_list_add(&b->interfaces, sizeof(*itf));
	if (itf == NULL)
		return no_memory(b);
	itf->id = row->id;
	itf->mac = row->mac;
	itf->vpc = own_vpc((int32_t)(row->vpc & VPC_MAX));
	itf->flags = flags_of(&b->agent, row);
	itf->first = (uint32_t)b->addresses.count;
	for (size_t i = 0; i < row->address_count; i++) {
		const int rc = add_address(b, itf, row->addresses[i].ip);

		worst = rc < 0 && worst != -ENOMEM ? rc : worst;
	}
	return worst;
}

/* Six pairs of hexadecimal digits with colons between. */
static bool parse_mac(const char *text, uint64_t *mac)
{
	uint64_t v = 0;

	if (text == NULL)
		return false;
	for (unsigned int i = 0; i < 17; i++) {
		const char c = text[i];

		if (i % 3 == 2) {
			if (c != ':')
				return false;
			continue;
		}
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | (uint64_t)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	*mac = v;
	return text[17] == '\0';
}

static int add_segment_mac(struct weir_meta_builder *b, enum weir_meta_place place,
			   const char *text, const char *vtext)
{
	struct segment_mac *s, pair;

	if (!parse_mac(text, &pair.mac) || !parse_mac(vtext, &pair.vmac))
		return dropped(&b->drops.segment_mac);
	s = weir_list_add(&b->segments[place], sizeof(*s));
	if (s == NULL)
		return no_memory(b);
	*s = pair;
	return 0;
}

int weir_meta_add_segment(struct weir_meta_builder *b, enum weir_meta_place place,
			  const struct weir_meta_segment *row)
{
	const char *const *vmacs = row->vmacs != NULL ? row->vmacs : row->macs;
	int worst = 0;

	if (row->vmacs != NULL && row->vmac_count != row->mac_count)
		return dropped(&b->drops.segment_pairs);
	for (size_t i = 0; i < row->mac_count; i++) {
		const int rc = add_segment_mac(b, place, row->macs[i], vmacs[i]);

		worst = rc < 0 && worst != -ENOMEM ? rc : worst;
	}
	return worst;
}

int weir_meta_add_cidr(struct weir_meta_builder *b, const struct weir_meta_cidr *row)
{
	struct weir_prefix prefix;
	struct cidr *c;

	if (row->prefix == NULL || strchr(row->prefix, '/') == NULL ||
	    !weir_prefix_parse(row->prefix, &prefix))
		return dropped(&b->drops.cidr_prefix);
	if (row->type != WEIR_CIDR_WAN && row->type != WEIR_CIDR_LAN)
		return dropped(&b->drops.cidr_type);
	if (row->vpc < WEIR_VPC_DEEPFLOW || row->vpc > VPC_MAX)
		return dropped(&b->drops.cidr_vpc);
	c = weir_list_add(&b->cidrs, sizeof(*c));
	if (c == NULL)
		return no_memory(b);
	*c = (struct cidr){ .prefix = prefix,
			    .vpc = own_vpc(row->vpc),
			    .tunnel_id = row->tunnel_id,
			    .is_wan = row->type == WEIR_CIDR_WAN,
			    .is_vip = row->is_vip };
	return 0;
}

int weir_meta_add_peer(struct weir_meta_builder *b, const struct weir_meta_peer *row)
{
	struct peer *p;

	if (row->local_vpc == 0 || row->local_vpc > VPC_MAX || row->remote_vpc == 0 ||
	    row->remote_vpc > VPC_MAX)
		return dropped(&b->drops.peer_vpc);
	p = weir_list_add(&b->peers, sizeof(*p));
	if (p == NULL)
		return no_memory(b);
	p->vpc[0] = (int32_t)row->local_vpc;
	p->vpc[1] = (int32_t)row->remote_vpc;
	return 0;
}

static int add_flow_tap_type(struct weir_meta_builder *b, const struct weir_meta_tap_type *row)
{
	struct flow_tap_type *t;
	struct weir_prefix p;

	if (!weir_prefix_parse(row->source_ip, &p) || p.is_ipv6 || p.len != 32)
		return dropped(&b->drops.tap_type_source);
	t = weir_list_add(&b->flow_tap_types, sizeof(*t));
	if (t == NULL)
		return no_memory(b);
	*t = (struct flow_tap_type){ .source_ip = weir_be32(p.ip.b),
				     .tap_port = row->tap_port,
				     .tap_type = (uint16_t)row->tap_type };
	return 0;
}

int weir_meta_add_tap_type(struct weir_meta_builder *b, const struct weir_meta_tap_type *row)
{
	if (row->tap_type == 0 || row->tap_type > UINT8_MAX)
		return dropped(&b->drops.tap_type);
	if (row->packet_type != WEIR_PACKET_TYPE_PACKET)
		return add_flow_tap_type(b, row);
	if (row->vlan >= VLAN_IDS)
		return dropped(&b->drops.tap_type_vlan);
	b->vlan_map[row->vlan] = (uint16_t)row->tap_type;
	return 0;
}
