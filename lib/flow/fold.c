/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flood of SYNs fills the table, and the flow that each of them evicts leaves as a record to be
 * folded. Those of one tap, server address, port and second of start are folded here, from their
 * entries, into what weir_flow_rec_fold() makes of their records; one record for many goes through the ring.
 *
 * A set has room for FOLD_WAYS sums. One more sends the oldest of its set on, and all are sent on a
 * second after the first began; the collector joins what belongs together.
 */
#include "table_priv.h"

/* Nothing but SYNs over IPv4, in one direction: what its record can say is all in the entry. */
static bool is_plain(const struct weir_flow *f, const struct weir_flow_cold *c)
{
	return flow_is_unanswered(f) && c->ext == FLOW_NONE &&
	       (f->flags & (FLOW_IPV6 | FLOW_REVERSED)) == 0 &&
	       flow_last_ns(f) - f->start_ns < WEIR_REPORT_NS / 2;
}

static uint64_t second_of(const struct weir_flow *f)
{
	return f->start_ns / WEIR_NS_PER_S;
}

static struct fold_set *set_of(struct weir_flow_table *t, const struct weir_flow *f)
{
	const uint64_t x = (uint64_t)f->ip[1] << 16 ^ f->port[1] ^ second_of(f) << 48;

	return &t->folds.set[x * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (FOLD_SETS - 1)];
}

static bool is_of(const struct weir_flow_rec *sum, const struct weir_flow *f,
		  const struct weir_flow_cold *c)
{
	return sum->ip[1].w[0] == f->ip[1] && sum->port[1] == f->port[1] &&
	       sum->start_ns / WEIR_NS_PER_S == second_of(f) &&
	       (uint32_t)sum->capture_nic == c->capture_id && sum->flow_count > 0;
}

static void send_on(struct weir_flow_table *t, struct weir_flow_rec *sum)
{
	if (sum->flow_count > 0)
		report_folded(t, sum);
	sum->flow_count = 0;
}

/* The sum a flow belongs to; a free one has flow_count 0. */
static struct weir_flow_rec *sum_of(struct weir_flow_table *t, const struct weir_flow *f,
				    const struct weir_flow_cold *c)
{
	struct fold_set *set = set_of(t, f);
	struct weir_flow_rec *sum;

	for (unsigned int i = 0; i < FOLD_WAYS; i++)
		if (is_of(&set->sum[i], f, c))
			return &set->sum[i];
	sum = &set->sum[set->oldest];
	set->oldest = (set->oldest + 1) % FOLD_WAYS;
	send_on(t, sum);
	return sum;
}

static void begin(struct weir_flow_table *t, uint32_t flow, struct weir_flow_rec *sum)
{
	if (!t->folds.any)
		t->folds.due_ns = t->now_ns + WEIR_NS_PER_S;
	t->folds.any = true;
	second_end(t, flow);
	report_fill(t, flow, weir_flow_close_type(flow_at(t, flow)), WEIR_REC_FOLD, sum);
	weir_flow_rec_fold_start(sum);
}

/* 0 unless all share it. */
#define SHARED(member, value)               \
	do {                                \
		if (sum->member != (value)) \
			sum->member = 0;    \
	} while (0)

static void share_ends(const struct weir_flow_table *t, uint32_t flow, struct weir_flow_rec *sum)
{
	const struct weir_flow *f = flow_at(t, flow);
	const struct weir_flow_cold *c = cold_at(t, flow);

	struct weir_flow_label label;

	flow_label(t, flow, &label);
	SHARED(observation_point, label.point[0]);
	for (unsigned int side = 0; side < 2; side++) {
		SHARED(l2_end[side], label.l2_end[side]);
		SHARED(l3_end[side], label.l3_end[side]);
		SHARED(l3_epc_id[side], label.l3_vpc[side]);
		SHARED(epc_id[side], label.l2_vpc[side]);
		if (memcmp(sum->mac[side], c->mac[side], 6) != 0)
			memset(sum->mac[side], 0, 6);
	}
	SHARED(capture_network_type, f->network_type);
	SHARED(vlan, c->vlan);
	SHARED(direction_score, c->score[1]);
	SHARED(init_ipid, c->init_ipid);
	SHARED(syn_seq, f->seq_threshold[0] - 1);
}

static void add(const struct weir_flow_table *t, uint32_t flow, struct weir_flow_rec *sum)
{
	const struct weir_flow *f = flow_at(t, flow);
	const struct weir_flow_cold *c = cold_at(t, flow);
	const uint64_t last_ns = weir_max_u64(f->last_ns[0], f->start_ns);

	sum->flow_id = weir_min_u64(sum->flow_id, flow_id(t, flow));
	sum->start_ns = weir_min_u64(sum->start_ns, f->start_ns);
	sum->flow_start_ns = sum->start_ns;
	sum->end_ns = weir_max_u64(sum->end_ns, last_ns);
	sum->duration_ns = weir_max_u64(sum->duration_ns, last_ns - f->start_ns);
	sum->packet[0] += (uint64_t)c->sum.packet[0] + f->sec.packet[0];
	sum->byte[0] += (uint64_t)c->sum.byte[0] + f->sec.byte[0];
	sum->l3_byte[0] += (uint64_t)c->sum.l3[0] + f->sec.l3[0];
	sum->l4_byte[0] += (uint64_t)c->sum.l4[0] + f->sec.l4[0];
	sum->tcp_flags[0] |= f->tcp_flags[0];
	sum->syn_count += c->meter.count[CN_SYN];
	sum->retrans_syn += c->meter.count[CN_RETRANS_SYN];
	sum->retrans[0] += c->meter.count[CN_RETRANS0];
	sum->zero_win[0] += c->meter.count[CN_ZERO_WIN0];
	sum->flow_count++;
	share_ends(t, flow, sum);
}

bool fold_take(struct weir_flow_table *t, uint32_t flow)
{
	struct weir_flow_rec *sum;

	flow_settle(t, flow); /* with groups of rules it is not plain */
	if (!is_plain(flow_at(t, flow), cold_at(t, flow)))
		return false;
	if (t->hooks.on_second != NULL)
		second_end(t, flow);
	sum = sum_of(t, flow_at(t, flow), cold_at(t, flow));
	if (sum->flow_count == 0)
		begin(t, flow, sum);
	else
		add(t, flow, sum);
	return true;
}

void folds_end(struct weir_flow_table *t)
{
	for (unsigned int i = 0; i < FOLD_SETS; i++)
		for (unsigned int way = 0; way < FOLD_WAYS; way++)
			send_on(t, &t->folds.set[i].sum[way]);
	t->folds.any = false;
}
