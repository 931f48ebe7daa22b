/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which network a packet of a mirror belongs to, and which tap saw it. Spec: data plane 1.5 to 1.7.
 *
 * Which ends are local is known from an inventory only; without one no end is.
 */
#include "pipe_priv.h"

#define VID_MASK    0x0fff
#define PCP_SHIFT   13
#define NIC_FROM_ID (UINT64_C(4) << 60)
#define ERSPAN_MASK 0xffffff

static uint16_t mapped(const struct weir_attribute_conf *conf, uint16_t vid)
{
	return conf->vlan_map[vid] != 0 ? conf->vlan_map[vid] : conf->default_type;
}

static uint16_t tagged_type(const struct weir_attribute_conf *conf, const struct weir_pkt *pkt)
{
	switch (conf->pcp) {
	case WEIR_PCP_OUTER_VLAN:
		return mapped(conf, pkt->tci[0] & VID_MASK);
	case WEIR_PCP_INNER_VLAN:
		return mapped(conf, pkt->tci[1] & VID_MASK);
	default:
		if (pkt->tci[0] >> PCP_SHIFT == conf->pcp)
			return mapped(conf, pkt->tci[0] & VID_MASK);
		return conf->default_type;
	}
}

void weir_attribute_burst(const struct weir_attribute_conf *conf, uint8_t tap,
			  const struct weir_pkt *pkts, struct weir_attr *attrs, unsigned int n)
{
	const uint16_t tap_type = conf->tap_type[tap];
	const struct weir_attr plain = { .capture_nic = NIC_FROM_ID | tap,
					 .network_type = tap_type != 0 ? tap_type : mapped(conf, 0),
					 .tap = tap };

	for (unsigned int i = 0; i < n; i++) {
		const struct weir_pkt *pkt = &pkts[i];

		memcpy(&attrs[i], &plain,
		       sizeof(plain)); /* in one go, where `=` goes by the fields */
		if (weir_unlikely(pkt->erspan_src != 0))
			attrs[i].capture_nic |= (uint64_t)(pkt->erspan_src & ERSPAN_MASK) << 8;
		if (weir_unlikely(pkt->tags > 0) && tap_type == 0)
			attrs[i].network_type = tagged_type(conf, pkt);
	}
}
