/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a flow. A flow's minutes begin at its own start; a record holds the packets of one
 * minute, or of what there was of it when the flow ended. A minute without packets gives none.
 */
#include "table_priv.h"

static void tell_second(struct weir_flow_table *t, const struct weir_flow *f)
{
	const unsigned int client = flow_client(f);
	struct weir_flow_second delta = { .second = f->second };

	for (unsigned int role = 0; role < 2; role++) {
		delta.packet[role] = f->sec.packet[client ^ role];
		delta.byte[role] = f->sec.byte[client ^ role];
		delta.l3_byte[role] = f->sec.l3[client ^ role];
		delta.l4_byte[role] = f->sec.l4[client ^ role];
	}
	t->hooks.on_second(t->hooks.ctx, f, &delta);
}

static void fill_counters(const struct weir_flow_table *t, const struct weir_flow *f,
			  const struct weir_flow_cold *c, struct weir_flow_rec *rec)
{
	const unsigned int client = flow_client(f);
	const struct ext *x = ext_find(&t->ext, c->ext, EXT_BYTES);

	for (unsigned int role = 0; role < 2; role++) {
		const unsigned int side = client ^ role;

		rec->packet[role] = c->sum.packet[side];
		rec->byte[role] = c->sum.byte[side];
		rec->l3_byte[role] = c->sum.l3[side];
		rec->l4_byte[role] = c->sum.l4[side];
		if (weir_unlikely(x != NULL)) {
			rec->byte[role] += (uint64_t)x->wraps[side] << 32;
			rec->l3_byte[role] += (uint64_t)x->wraps[2 + side] << 32;
			rec->l4_byte[role] += (uint64_t)x->wraps[4 + side] << 32;
		}
		rec->tcp_flags[role] = f->tcp_flags[side];
	}
}

static void fill_ends(const struct weir_flow_table *t, uint32_t flow, struct weir_flow_rec *rec)
{
	const struct weir_flow *f = flow_at(t, flow);
	const struct weir_flow_cold *c = cold_at(t, flow);
	const unsigned int client = flow_client(f);
	const struct ext *x = f->flags & FLOW_IPV6 ? ext_find(&t->ext, c->ext, EXT_IPV6) : NULL;
	struct weir_flow_label label;

	flow_label(t, flow, &label);
	for (unsigned int role = 0; role < 2; role++) {
		const unsigned int side = client ^ role;

		if (x != NULL)
			rec->ip[role] = x->ip[side];
		else
			rec->ip[role].w[0] = f->ip[side];
		rec->port[role] = f->flags & FLOW_NOT_IP ? 0 : f->port[side];
		memcpy(rec->mac[role], c->mac[side], 6);
		rec->l2_end[role] = label.l2_end[side];
		rec->l3_end[role] = label.l3_end[side];
		rec->l3_epc_id[role] = label.l3_vpc[side];
		rec->epc_id[role] = label.l2_vpc[side];
	}
	rec->observation_point = label.point[client];
	memcpy(rec->acl_gids, label.gids, sizeof(rec->acl_gids));
	rec->direction_score = c->score[client ^ 1];
	if (rec->direction_score == UINT8_MAX)
		rec->flags |= WEIR_REC_ACTIVE_SERVICE;
}

static void fill_details(const struct weir_flow_table *t, const struct weir_flow *f,
			 const struct weir_flow_cold *c, struct weir_flow_rec *rec)
{
	const unsigned int client = flow_client(f);
	const struct ext *x;

	if (f->flags & FLOW_TUNNEL) {
		x = ext_find(&t->ext, c->ext, EXT_TUNNEL);
		rec->tunnel[0] = x->tunnel[client];
		rec->tunnel[1] = x->tunnel[client ^ 1];
	}
	if (f->flags & FLOW_NAT) {
		x = ext_find(&t->ext, c->ext, EXT_NAT);
		for (unsigned int role = 0; role < 2; role++) {
			rec->nat_real_ip[role] = x->nat.ip[client ^ role];
			rec->nat_real_port[role] = x->nat.port[client ^ role];
		}
		rec->nat_source = 6;
	}
}

/* Everything but the period. */
static void fill(const struct weir_flow_table *t, uint32_t flow, struct weir_flow_rec *rec)
{
	const struct weir_flow *f = flow_at(t, flow);
	const struct weir_flow_cold *c = cold_at(t, flow);

	memset(rec, 0, sizeof(*rec));
	rec->flow_id = flow_id(t, flow);
	rec->capture_nic = UINT64_C(4) << 60 | c->capture_id;
	rec->flow_start_ns = f->start_ns;
	rec->duration_ns = weir_max_u64(flow_last_ns(f), f->start_ns) - f->start_ns;
	rec->eth_type = f->flags & FLOW_NOT_IP ? f->port[0]
			: f->flags & FLOW_IPV6 ? 0x86dd
					       : 0x0800;
	rec->vlan = c->vlan;
	rec->capture_network_type = f->network_type;
	rec->protocol = f->proto;
	rec->is_ipv6 = (f->flags & FLOW_IPV6) != 0;
	rec->init_ipid = c->init_ipid;
	rec->flow_count = 1;
	if (!(f->flags & FLOW_REPORTED))
		rec->flags |= WEIR_REC_NEW;
	fill_ends(t, flow, rec);
	fill_counters(t, f, c, rec);
	fill_details(t, f, c, rec);
	weir_perf_report(f, c, &t->ext, rec);
}

/* The record has left: what it held begins again. */
static void clear_report(struct weir_flow_table *t, uint32_t flow)
{
	struct weir_flow *f = flow_at(t, flow);
	struct weir_flow_cold *c = cold_at(t, flow);
	struct ext *x = ext_find(&t->ext, c->ext, EXT_BYTES);

	f->flags |= FLOW_REPORTED;
	memset(f->tcp_flags, 0, sizeof(f->tcp_flags));
	c->sum = (union flow_sums){ 0 };
	if (x != NULL)
		memset(x->wraps, 0, sizeof(x->wraps));
	weir_perf_clear(c, &t->ext);
}

static struct weir_flow_rec *reserve(struct weir_flow_table *t)
{
	struct weir_flow_rec *rec = t->hooks.rec_reserve(t->hooks.ctx);

	if (weir_unlikely(rec == NULL))
		t->counters.records_lost++;
	return rec;
}

static void commit(struct weir_flow_table *t)
{
	t->hooks.rec_commit(t->hooks.ctx);
	t->counters.reports++;
}

static bool has_packets(const struct weir_flow_cold *c)
{
	return (c->sum.packet[0] | c->sum.packet[1]) != 0;
}

static void report_forced(struct weir_flow_table *t, uint32_t flow)
{
	const struct weir_flow *f = flow_at(t, flow);
	const uint64_t index = flow_report_index(f, flow_last_ns(f));
	struct weir_flow_rec *rec;

	flow_settle(t, flow);
	rec = reserve(t);
	if (rec != NULL) {
		fill(t, flow, rec);
		rec->start_ns = f->start_ns + index * WEIR_REPORT_NS;
		rec->end_ns = rec->start_ns + WEIR_REPORT_NS;
		rec->close_type = WEIR_CLOSE_FORCED_REPORT;
		commit(t);
	}
	clear_report(t, flow);
}

/* Where the report's bytes go on past 32 bits; NULL = no extension is free. */
static struct ext *wide_counters(struct weir_flow_table *t, struct weir_flow_cold *c)
{
	struct ext *x = ext_find(&t->ext, c->ext, EXT_BYTES);

	return x != NULL ? x : detail_add(t, c, EXT_BYTES);
}

/* Neither has its top bit set: no sum of two can wrap. */
static bool is_small(const struct weir_flow *f, const struct weir_flow_cold *c)
{
	uint32_t bits = 0;

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(f->sec.all); i++)
		bits |= f->sec.all[i] | c->sum.all[i];
	return bits >> 31 == 0;
}

static bool wraps(const struct weir_flow *f, const struct weir_flow_cold *c)
{
	bool any = false;

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(f->sec.all); i++)
		any |= f->sec.all[i] > UINT32_MAX - c->sum.all[i];
	return any;
}

/* Packets are too few to wrap within a minute, but for a file that says they all came at once. */
static bool packets_wrap(const struct weir_flow *f, const struct weir_flow_cold *c)
{
	return f->sec.packet[0] > UINT32_MAX - c->sum.packet[0] ||
	       f->sec.packet[1] > UINT32_MAX - c->sum.packet[1];
}

static void add_large(struct weir_flow_table *t, uint32_t flow)
{
	const struct weir_flow *f = flow_at(t, flow);
	struct weir_flow_cold *c = cold_at(t, flow);
	struct ext *wide = NULL;

	if (wraps(f, c)) {
		wide = packets_wrap(f, c) ? NULL : wide_counters(t, c);
		if (wide == NULL) /* exact all the same, in two records of one minute */
			report_forced(t, flow);
	}
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(f->sec.all); i++)
		if (__builtin_add_overflow(c->sum.all[i], f->sec.all[i], &c->sum.all[i]) &&
		    wide != NULL)
			wide->wraps[i - 2]++;
}

void second_end(struct weir_flow_table *t, uint32_t flow)
{
	struct weir_flow *f = flow_at(t, flow);
	struct weir_flow_cold *c = cold_at(t, flow);

	if ((f->sec.packet[0] | f->sec.packet[1]) == 0)
		return;
	if (t->hooks.on_second != NULL)
		tell_second(t, f);
	if (weir_likely(is_small(f, c)))
		for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(f->sec.all); i++)
			c->sum.all[i] += f->sec.all[i];
	else
		add_large(t, flow);
	f->sec = (union flow_sums){ 0 };
}

void report_turn(struct weir_flow_table *t, uint32_t flow, uint64_t index)
{
	second_end(t, flow);
	if (has_packets(cold_at(t, flow)))
		report_forced(t, flow);
	flow_at(t, flow)->report = (uint16_t)index;
	flow_at(t, flow)->second = 0;
}

void report_fill(const struct weir_flow_table *t, uint32_t flow, uint8_t close_type, uint16_t flags,
		 struct weir_flow_rec *rec)
{
	const struct weir_flow *f = flow_at(t, flow);
	const uint64_t last = weir_max_u64(flow_last_ns(f), f->start_ns);

	fill(t, flow, rec);
	rec->start_ns = has_packets(cold_at(t, flow))
				? f->start_ns + flow_report_index(f, last) * WEIR_REPORT_NS
				: last;
	rec->end_ns = weir_max_u64(last, rec->start_ns); /* all of them may have been late */
	rec->close_type = close_type;
	rec->flags |= flags;
}

void report_close(struct weir_flow_table *t, uint32_t flow, uint8_t close_type, uint16_t flags)
{
	struct weir_flow_rec *rec;

	flow_settle(t, flow);
	second_end(t, flow);
	rec = reserve(t);
	if (rec == NULL)
		return;
	report_fill(t, flow, close_type, flags, rec);
	commit(t);
}

void report_folded(struct weir_flow_table *t, const struct weir_flow_rec *rec)
{
	struct weir_flow_rec *to = reserve(t);

	if (to == NULL)
		return;
	*to = *rec;
	commit(t);
}
