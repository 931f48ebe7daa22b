/* SPDX-License-Identifier: Apache-2.0 */
/* An inventory as plain lists, searched from the last to the first, and random ones of it. */
#ifndef META_MODEL_H
#define META_MODEL_H

#include <weir_meta.h>

#include <arpa/inet.h>
#include <stdio.h>

#define MODEL_INTERFACES 80
#define MODEL_ADDRESSES  4
#define MODEL_CIDRS      40
#define MODEL_PEERS      12
#define MODEL_SEGMENTS   12

struct model_ip {
	char text[48];
	union weir_ip ip;
	bool is_ipv6;
};

struct model_interface {
	uint32_t id;
	uint64_t mac;
	int32_t vpc;
	bool is_wan, is_vip, skip_mac;
	unsigned int count;
	struct model_ip ip[MODEL_ADDRESSES];
};

struct model_cidr {
	struct model_ip ip;
	unsigned int len;
	int32_t vpc;
	uint32_t tunnel_id;
	bool is_wan, is_vip;
};

struct model {
	struct weir_meta_agent agent;
	unsigned int interfaces, cidrs, peers, segments;
	struct model_interface interface[MODEL_INTERFACES];
	struct model_cidr cidr[MODEL_CIDRS];
	int32_t peer[MODEL_PEERS][2];
	uint64_t segment[MODEL_SEGMENTS];
	uint64_t random;
};

static inline uint32_t model_below(struct model *w, uint32_t n)
{
	w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((w->random >> 33) % n);
}

/* Of few addresses, so that they meet; some are special. */
static inline struct model_ip model_ip(struct model *w, bool is_ipv6)
{
	static const char *const special[2][8] = {
		{ "0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255", "8.8.8.8", "169.254.1.1",
		  "100.64.0.1", "172.32.0.1" },
		{ "::", "::1", "ff02::1", "fe80::1", "2001:db8::1", "fd00::1", "fc00::1", "::2" }
	};
	struct model_ip m = { .is_ipv6 = is_ipv6 };

	if (model_below(w, 8) == 0)
		snprintf(m.text, sizeof(m.text), "%s", special[is_ipv6][model_below(w, 8)]);
	else if (is_ipv6)
		snprintf(m.text, sizeof(m.text), "2001:db8:%x::%x", model_below(w, 4),
			 model_below(w, 12));
	else
		snprintf(m.text, sizeof(m.text), "%s.%u.%u", model_below(w, 4) ? "10.0" : "9.9",
			 model_below(w, 4), model_below(w, 12));
	inet_pton(is_ipv6 ? AF_INET6 : AF_INET, m.text, m.ip.b);
	return m;
}

static inline uint64_t model_mac(struct model *w)
{
	const uint64_t mac = UINT64_C(0x020000000000) | model_below(w, 40);

	return model_below(w, 12) == 0   ? 0
	       : model_below(w, 12) == 0 ? mac | UINT64_C(1) << 40
					 : mac;
}

static inline int32_t model_vpc(struct model *w)
{
	return (int32_t)model_below(w, 6) + 1;
}

static inline void model_interface_make(struct model *w, struct model_interface *f, uint32_t id)
{
	*f = (struct model_interface){ .id = id,
				       .mac = model_mac(w),
				       .vpc = model_below(w, 10) == 0 ? WEIR_VPC_DEEPFLOW
								      : model_vpc(w),
				       .is_wan = model_below(w, 6) == 0,
				       .is_vip = model_below(w, 6) == 0,
				       .skip_mac = model_below(w, 6) == 0,
				       .count = model_below(w, MODEL_ADDRESSES + 1) };
	for (unsigned int i = 0; i < f->count; i++)
		f->ip[i] = model_ip(w, model_below(w, 3) == 0);
}

static inline void model_make(struct model *w, uint64_t seed)
{
	*w = (struct model){ .random = seed * UINT64_C(0x9e3779b97f4a7c15) };
	w->agent = (struct weir_meta_agent){ .type = (uint8_t)model_below(w, 13),
					     .mode = model_below(w, 2) ? 1 : 0,
					     .vpc = model_below(w, 2) ? 0 : 3,
					     .region_id = 1 };
	if (w->agent.type == 7 || w->agent.type == 8 || w->agent.type == 12)
		w->agent.type = 1; /* the rule of skip_mac below is that of the others */
	w->interfaces = model_below(w, MODEL_INTERFACES + 1);
	for (unsigned int i = 0; i < w->interfaces; i++)
		model_interface_make(w, &w->interface[i], i + 1);
	w->cidrs = model_below(w, MODEL_CIDRS + 1);
	for (unsigned int i = 0; i < w->cidrs; i++) {
		struct model_cidr *c = &w->cidr[i];
		const bool is_ipv6 = model_below(w, 3) == 0;

		*c = (struct model_cidr){ .ip = model_ip(w, is_ipv6),
					  .len = model_below(w, 2)
							 ? model_below(w, is_ipv6 ? 129 : 33)
							 : (is_ipv6 ? 64 : 24),
					  .vpc = model_vpc(w),
					  .tunnel_id = model_below(w, 4) ? 0
									 : 1 + model_below(w, 2),
					  .is_wan = model_below(w, 3) == 0,
					  .is_vip = model_below(w, 4) == 0 };
	}
	w->peers = model_below(w, MODEL_PEERS + 1);
	for (unsigned int i = 0; i < w->peers; i++)
		for (unsigned int k = 0; k < 2; k++)
			w->peer[i][k] = model_vpc(w);
	w->segments = model_below(w, MODEL_SEGMENTS + 1);
	for (unsigned int i = 0; i < w->segments; i++)
		w->segment[i] = UINT64_C(0x020000000000) | model_below(w, 40);
}

static inline int model_add_interface(struct weir_meta_builder *b, const struct model_interface *f)
{
	struct weir_meta_address ip[MODEL_ADDRESSES];
	const struct weir_meta_interface row = { .id = f->id,
						 .if_type = f->is_wan ? 3 : 4,
						 .vpc = f->vpc > 0 ? (uint32_t)f->vpc : 0,
						 .region_id = f->skip_mac ? 2 : 1,
						 .mac = f->mac,
						 .is_vip = f->is_vip,
						 .addresses = ip,
						 .address_count = f->count };

	for (unsigned int i = 0; i < f->count; i++)
		ip[i] = (struct weir_meta_address){ .ip = f->ip[i].text, .masklen = 8 };
	return weir_meta_add_interface(b, &row);
}

static inline int model_add_rest(struct weir_meta_builder *b, const struct model *w)
{
	int rc = 0;

	for (unsigned int i = 0; i < w->cidrs; i++) {
		const struct model_cidr *c = &w->cidr[i];
		char text[64];
		const struct weir_meta_cidr row = { .prefix = text,
						    .type = c->is_wan ? 1 : 2,
						    .vpc = c->vpc,
						    .tunnel_id = c->tunnel_id,
						    .is_vip = c->is_vip };

		snprintf(text, sizeof(text), "%s/%u", c->ip.text, c->len);
		rc |= weir_meta_add_cidr(b, &row);
	}
	for (unsigned int i = 0; i < w->peers; i++)
		rc |= weir_meta_add_peer(b, &(struct weir_meta_peer){
						    .local_vpc = (uint32_t)w->peer[i][0],
						    .remote_vpc = (uint32_t)w->peer[i][1] });
	for (unsigned int i = 0; i < w->segments; i++) {
		char text[18];
		const char *const macs[] = { text };

		snprintf(text, sizeof(text), "02:00:00:00:00:%02X",
			 (unsigned int)(w->segment[i] & 0xff));
		rc |= weir_meta_add_segment(b, WEIR_META_LOCAL,
					    &(struct weir_meta_segment){ .macs = macs,
									 .mac_count = 1 });
	}
	return rc;
}

static inline struct weir_meta *model_freeze(const struct model *w)
{
	struct weir_meta_builder *b = weir_meta_builder_create(&w->agent);
	struct weir_meta *m = NULL;
	int rc = 0;

	if (b == NULL)
		return NULL;
	for (unsigned int i = 0; i < w->interfaces; i++)
		rc |= model_add_interface(b, &w->interface[i]);
	rc |= model_add_rest(b, w);
	if (rc == 0)
		m = weir_meta_freeze(b, NULL);
	weir_meta_builder_destroy(b);
	return m;
}

static inline bool model_same_ip(const struct model_ip *a, const struct model_ip *b)
{
	return a->is_ipv6 == b->is_ipv6 && memcmp(&a->ip, &b->ip, sizeof(a->ip)) == 0;
}

/* The interface a MAC belongs to. */
static inline const struct model_interface *model_by_mac(const struct model *w, uint64_t mac)
{
	for (unsigned int i = w->interfaces; mac != 0 && i-- > 0;)
		if (w->interface[i].mac == mac && !w->interface[i].skip_mac)
			return &w->interface[i];
	return NULL;
}

static inline bool model_has(const struct model_interface *f, const struct model_ip *ip)
{
	for (unsigned int k = 0; k < f->count; k++)
		if (model_same_ip(&f->ip[k], ip))
			return true;
	return false;
}

/* vpc 0: of the WAN. */
static inline const struct model_interface *model_by_ip(const struct model *w, int32_t vpc,
							const struct model_ip *ip)
{
	for (unsigned int i = w->interfaces; i-- > 0;) {
		const struct model_interface *f = &w->interface[i];

		if (f->is_wan == (vpc == 0) && (vpc == 0 || f->vpc == vpc) && model_has(f, ip))
			return f;
	}
	return NULL;
}

static inline bool model_has_pair(const struct model *w, uint64_t mac, const struct model_ip *ip)
{
	for (unsigned int i = 0; mac != 0 && i < w->interfaces; i++)
		if (w->interface[i].mac == mac && model_has(&w->interface[i], ip))
			return true;
	return false;
}

static inline bool model_is_local(const struct model *w, uint64_t mac)
{
	for (unsigned int i = 0; mac != 0 && i < w->segments; i++)
		if (w->segment[i] == mac)
			return true;
	return false;
}

static inline bool model_bit(const union weir_ip *ip, unsigned int n)
{
	return ip->b[n / 8] >> (7 - n % 8) & 1;
}

static inline bool model_in(const struct model_cidr *c, const struct model_ip *ip)
{
	if (c->ip.is_ipv6 != ip->is_ipv6)
		return false;
	for (unsigned int n = 0; n < c->len; n++)
		if (model_bit(&c->ip.ip, n) != model_bit(&ip->ip, n))
			return false;
	return true;
}

/* The longest, and of equally long ones the last. */
static inline const struct model_cidr *model_by_cidr(const struct model *w,
						     enum weir_meta_scope scope, int32_t id,
						     const struct model_ip *ip)
{
	const struct model_cidr *best = NULL;

	for (unsigned int i = 0; i < w->cidrs; i++) {
		const struct model_cidr *c = &w->cidr[i];
		const bool in_scope = scope == WEIR_META_IN_TUNNEL
					      ? c->tunnel_id == (uint32_t)id && id != 0
				      : scope == WEIR_META_IN_WAN
					      ? c->tunnel_id == 0 && c->is_wan
					      : c->tunnel_id == 0 && c->vpc == id;

		if (in_scope && model_in(c, ip) && (best == NULL || c->len >= best->len))
			best = c;
	}
	return best;
}

static inline bool model_are_peers(const struct model *w, int32_t a, int32_t b)
{
	for (unsigned int i = 0; i < w->peers; i++)
		if ((w->peer[i][0] == a && w->peer[i][1] == b) ||
		    (w->peer[i][0] == b && w->peer[i][1] == a))
			return true;
	return false;
}

#endif
