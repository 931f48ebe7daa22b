/* SPDX-License-Identifier: Apache-2.0 */
/* One thing looked up. */
#include "meta_priv.h"

uint64_t weir_meta_get_wan(const struct weir_meta *m, const union weir_ip *ip, bool is_ipv6)
{
	uint64_t key[3], value;

	key_pair(0, ip, is_ipv6, key);
	if (m->has_over) {
		value = weir_table_get32(&m->over.wans, key);
		if (value != 0)
			return found(value);
	}
	return weir_table_get32(&m->base->layer.wans, key);
}

const struct interface_info *weir_meta_info_of(const struct weir_meta *m, uint64_t mac,
					       uint64_t value)
{
	const uint32_t place = (uint32_t)value - 1;

	if (m->has_over && weir_table_get16(&m->over.macs, mac) != 0)
		return &m->over.info[place];
	return &m->base->layer.info[place];
}

uint64_t weir_meta_get_pair(const struct weir_meta *m, uint64_t mac, const union weir_ip *ip,
			    bool is_ipv6)
{
	uint64_t key[3], value;

	key_pair(mac, ip, is_ipv6, key);
	if (m->has_over) {
		value = weir_table_get32(&m->over.pairs, key);
		if (value != 0)
			return found(value);
	}
	return m->base->layer.pairs.count > 0 ? weir_table_get32(&m->base->layer.pairs, key) : 0;
}

bool weir_meta_by_mac(const struct weir_meta *m, uint64_t mac, struct weir_meta_hit *hit)
{
	const uint64_t value = get_mac(m, mac);

	if (value == 0)
		return false;
	*hit = (struct weir_meta_hit){ .mac = mac,
				       .vpc = vpc_of_value(value),
				       .flags = flags_of_value(value),
				       .interface_id = weir_meta_info_of(m, mac, value)->id };
	return true;
}

bool weir_meta_by_address(const struct weir_meta *m, int32_t vpc, const union weir_ip *ip,
			  bool is_ipv6, struct weir_meta_hit *hit)
{
	const uint64_t value = vpc == 0 ? weir_meta_get_wan(m, ip, is_ipv6)
					: get_address(m, vpc, ip, is_ipv6);

	if (value == 0)
		return false;
	if (vpc == 0)
		*hit = (struct weir_meta_hit){ .vpc = vpc_of_value(value),
					       .flags = flags_of_value(value) };
	else
		*hit = (struct weir_meta_hit){ .mac = value & MAC_MASK,
					       .vpc = vpc,
					       .flags = (uint16_t)(value >> 48 & 0x3fff) };
	return true;
}

bool weir_meta_mac_has_address(const struct weir_meta *m, uint64_t mac, const union weir_ip *ip,
			       bool is_ipv6)
{
	const uint64_t value = get_mac(m, mac);
	uint64_t row;

	if (mac == 0)
		return false;
	if (value != 0) {
		row = get_address(m, vpc_of_value(value), ip, is_ipv6);
		if (row != 0 && (row & MAC_MASK) == mac)
			return true;
	}
	return has_pair(m, mac, ip, is_ipv6);
}

bool weir_meta_by_prefix(const struct weir_meta *m, enum weir_meta_scope scope, int32_t id,
			 const union weir_ip *ip, bool is_ipv6, struct weir_meta_hit *hit)
{
	const uint32_t value = weir_lpm_find(m->base->lpm, scope_of(scope, id), ip, is_ipv6);

	if (value == WEIR_LPM_NONE)
		return false;
	*hit = (struct weir_meta_hit){ .vpc = (int32_t)(value >> 1) - VPC_BIAS,
				       .flags = value & 1 ? WEIR_META_IS_VIP : 0 };
	return true;
}

size_t weir_meta_peers(const struct weir_meta *m, int32_t vpc, const int32_t **peers)
{
	const struct base *base = m->base;
	const uint64_t place = weir_table_get16(&base->peers, (uint32_t)(vpc + VPC_BIAS));

	if (place == 0)
		return 0;
	*peers = &base->peer[base->peer_range[place - 1].first];
	return base->peer_range[place - 1].count;
}

bool weir_meta_in_segment(const struct weir_meta *m, uint32_t mac_low, uint64_t *vmac)
{
	const uint64_t value = weir_table_get16(&m->base->segments, mac_low);

	if (value != 0 && vmac != NULL)
		*vmac = value & MAC_MASK;
	return value != 0;
}

size_t weir_meta_segment_size(const struct weir_meta *m)
{
	return m->base->segments.count;
}

const uint16_t *weir_meta_vlan_map(const struct weir_meta *m)
{
	return m->base->vlan_map;
}

uint16_t weir_meta_flow_tap_type(const struct weir_meta *m, uint32_t source_ip, uint32_t tap_port)
{
	return (uint16_t)weir_table_get16(&m->base->flow_tap_types,
					  (uint64_t)source_ip << 32 | tap_port);
}

const struct weir_meta_agent *weir_meta_agent_of(const struct weir_meta *m)
{
	return &m->base->agent;
}
