/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables as bytes. Both dialects have the same words for most of it and different numbers, which the generated types know: so
 * this is included once for each, which says its types (T), functions (F), initialisers (INIT) and the few words that
 * differ. Spec: control plane, 1.6 and 1.9.
 */
#include "inventory_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define IF_WAN 3
#define IF_LAN 4

/* One for the members' rows, all of it in one block. */
struct draft {
	T(Interface) * interface;
	T(Interface) * *interfaces;
	T(IpResource) * ip;
	T(IpResource) * *ips;
	char (*text)[46];
	size_t n_interfaces, n_ips;
};

static struct packed pack(const ProtobufCMessage *m)
{
	struct packed to = { .n = protobuf_c_message_get_packed_size(m) };

	to.v = malloc(to.n + 1);
	if (to.v != NULL)
		protobuf_c_message_pack(m, to.v);
	return to;
}

static struct inventory_bytes *pack_shared(const ProtobufCMessage *m)
{
	struct inventory_bytes *b = inventory_bytes_new(protobuf_c_message_get_packed_size(m));

	if (b != NULL)
		protobuf_c_message_pack(m, (uint8_t *)(b + 1));
	return b;
}

static void draft_free(struct draft *d)
{
	free(d->interface);
	free(d->interfaces);
	free(d->ip);
	free(d->ips);
	free(d->text);
}

static bool draft_init(struct draft *d, const struct report *r)
{
	*d = (struct draft){ 0 };
	d->interface = calloc(r->rows + 1, sizeof(*d->interface));
	d->interfaces = calloc(r->rows + 1, sizeof(*d->interfaces));
	d->ip = calloc(r->addresses + 1, sizeof(*d->ip));
	d->ips = calloc(r->addresses + 1, sizeof(*d->ips));
	d->text = calloc(r->addresses + 1, sizeof(*d->text));
	return d->interface != NULL && d->interfaces != NULL && d->ip != NULL && d->ips != NULL &&
	       d->text != NULL;
}

static void put_addresses(struct draft *d, const struct report *r, const struct row *row,
			  T(Interface) * m)
{
	m->ip_resources = &d->ips[d->n_ips];
	for (uint32_t i = 0; i < row->count; i++) {
		const struct address *a = &r->address[row->first + i];
		T(IpResource) * ip;

		if (a->is_others)
			continue;
		ip = &d->ip[d->n_ips];
		F(ip_resource__init)(ip);
		inventory_ip_text(a, d->text[d->n_ips]);
		ip->ip = d->text[d->n_ips];
		ip->has_masklen = true;
		ip->masklen = a->len;
		d->ips[d->n_ips++] = ip;
		m->n_ip_resources++;
	}
}

static void put_row(struct draft *d, const struct member *of, const struct row *row)
{
	T(Interface) *m = &d->interface[d->n_interfaces];

	F(interface__init)(m);
	m->has_id = m->has_device_type = m->has_if_type = m->has_epc_id = true;
	m->has_region_id = m->has_mac = true;
	m->id = inventory_row_id(of, row);
	m->device_type = inventory_device_type(of->type);
	m->if_type = row->is_wan ? IF_WAN : IF_LAN;
	m->epc_id = of->vpc;
	m->region_id = SITE_REGION;
	m->mac = row->mac;
	m->has_pod_cluster_id = of->cluster != 0;
	m->pod_cluster_id = of->cluster;
	put_addresses(d, &of->reporter->report, row, m);
	d->interfaces[d->n_interfaces++] = m;
}

static struct packed rows(const struct member *m)
{
	const struct report *r = &m->reporter->report;
	T(PlatformData) data = PLATFORM_DATA_INIT;
	struct packed to = { 0 };
	struct draft d;

	if (draft_init(&d, r)) {
		for (uint32_t i = 0; i < r->rows; i++)
			if (!r->row[i].is_others)
				put_row(&d, m, &r->row[i]);
		data.n_interfaces = d.n_interfaces;
		data.interfaces = d.interfaces;
		to = pack(&data.base);
	}
	draft_free(&d);
	return to;
}

static void put_subnet(T(Cidr) * m, const struct subnet *s, char text[64])
{
	const struct address a = { .ip = s->prefix.ip, .is_ipv6 = s->prefix.is_ipv6 };

	F(cidr__init)(m);
	inventory_ip_text(&a, text);
	snprintf(text + strlen(text), 8, "/%u", s->prefix.len);
	m->prefix = text;
	m->has_type = m->has_epc_id = m->has_region_id = true;
	m->type = CIDR_LAN;
	m->epc_id = (int32_t)s->vpc;
	m->region_id = SITE_REGION;
}

static struct packed subnets(const struct subnet *s, size_t n)
{
	T(PlatformData) data = PLATFORM_DATA_INIT;
	T(Cidr) *cidr = calloc(n + 1, sizeof(*cidr));
	char(*text)[64] = calloc(n + 1, sizeof(*text));
	struct packed to = { 0 };

	data.cidrs = calloc(n + 1, sizeof(*data.cidrs));
	if (cidr != NULL && text != NULL && data.cidrs != NULL) {
		for (size_t i = 0; i < n; i++) {
			put_subnet(&cidr[i], &s[i], text[i]);
			data.cidrs[i] = &cidr[i];
		}
		data.n_cidrs = n;
		to = pack(&data.base);
	}
	free(cidr);
	free(text);
	free(data.cidrs);
	return to;
}

static struct inventory_bytes *platform(struct packed rows_of)
{
	T(SyncResponse) m = SYNC_RESPONSE_INIT;

	m.has_platform_data = true;
	m.platform_data = (ProtobufCBinaryData){ rows_of.n, rows_of.v };
	return pack_shared(&m.base);
}

/* ------------------------------------------------------------------ places */

/* A segment whose MACs are their virtual ones, too. */
struct segment {
	T(Segment) m;
	T(Segment) * list[1];
	char (*text)[18];
	char **macs;
	uint32_t *ids;
};

static bool segment_init(struct segment *s, uint32_t id, const struct place_mac *v, size_t n)
{
	*s = (struct segment){ .text = calloc(n + 1, sizeof(*s->text)),
			       .macs = calloc(n + 1, sizeof(*s->macs)),
			       .ids = calloc(n + 1, sizeof(*s->ids)) };
	F(segment__init)(&s->m);
	s->list[0] = &s->m;
	if (s->text == NULL || s->macs == NULL || s->ids == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		inventory_mac_text(v[i].mac, s->text[i]);
		s->macs[i] = s->text[i];
		s->ids[i] = v[i].interface_id;
	}
	s->m.has_id = true;
	s->m.id = id;
	s->m.n_mac = s->m.n_vmac = s->m.n_interface_id = n;
	s->m.mac = s->m.vmac = s->macs;
	s->m.interface_id = s->ids;
	return true;
}

static void segment_free(struct segment *s)
{
	free(s->text);
	free(s->macs);
	free(s->ids);
}

/* MACs whose machines capture for themselves. */
struct skips {
	T(SkipInterface) * m;
	T(SkipInterface) * *list;
};

static bool skips_init(struct skips *s, const struct place_mac *v, size_t n)
{
	s->m = calloc(n + 1, sizeof(*s->m));
	s->list = calloc(n + 1, sizeof(*s->list));
	if (s->m == NULL || s->list == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		F(skip_interface__init)(&s->m[i]);
		s->m[i].has_mac = true;
		s->m[i].mac = v[i].mac;
		s->list[i] = &s->m[i];
	}
	return true;
}

/* Which VLAN, or which exporter, is which network. */
struct types {
	TAP_TYPE *m;
	TAP_TYPE **list;
	size_t n;
};

static bool types_init(struct types *t, const struct site *site)
{
	const struct site_network_type *v = NULL;
	size_t n = 0;

	while (site != NULL && (v = site_network_type_next(site, v)) != NULL)
		n++;
	*t = (struct types){ calloc(n + 1, sizeof(*t->m)), calloc(n + 1, sizeof(*t->list)), n };
	if (t->m == NULL || t->list == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		TAP_TYPE *m = t->list[i] = &t->m[i];

		v = site_network_type_next(site, v);
		TAP_TYPE_INIT(m);
		m->has_tap_type = m->has_packet_type = m->has_vlan = m->has_tap_port = true;
		m->tap_type = v->type;
		m->packet_type = v->packet_type;
		m->vlan = v->vlan;
		m->tap_port = v->port;
		m->source_ip = (char *)(uintptr_t)v->source_ip;
	}
	return true;
}

static struct inventory_bytes *places(struct places p)
{
	T(SyncResponse) m = SYNC_RESPONSE_INIT;
	struct inventory_bytes *b = NULL;
	struct segment local = { 0 }, remote = { 0 };
	struct skips skips = { 0 };
	struct types types = { 0 };

	if (segment_init(&local, p.agent_id, p.local, p.n_local) &&
	    segment_init(&remote, p.agent_id, p.remote, p.n_remote) &&
	    skips_init(&skips, p.skip, p.n_skip) && types_init(&types, p.types_of)) {
		m.n_local_segments = p.n_local > 0;
		m.local_segments = local.list;
		m.n_remote_segments = p.n_remote > 0;
		m.remote_segments = remote.list;
		m.n_skip_interface = p.n_skip;
		m.skip_interface = skips.list;
		m.N_TAP_TYPES = types.n;
		m.TAP_TYPES = types.list;
		b = pack_shared(&m.base);
	}
	segment_free(&local);
	segment_free(&remote);
	free(skips.m);
	free(skips.list);
	free(types.m);
	free(types.list);
	return b;
}
