/* SPDX-License-Identifier: Apache-2.0 */
/* Adding to a report's counters and delays, and reporting them. Spec: data plane, 5. */
#include "perf.h"

#include <netinet/in.h>

struct ext *weir_perf_ext(struct perf m, enum ext_kind kind)
{
	struct ext *e = ext_find(m.pool, m.c->ext, kind);

	if (e == NULL)
		e = weir_ext_add(m.pool, &m.c->ext, kind);
	if (e == NULL)
		m.counters->ext_exhausted++;
	return e;
}

/* The byte has just wrapped; without a block for the rest it stays at its most. */
void weir_perf_count_wrap(struct perf m, enum tcp_counter which)
{
	struct ext *e = weir_perf_ext(m, EXT_COUNTERS);

	if (e == NULL)
		m.c->meter.count[which] = UINT8_MAX;
	else if (++e->counters.low[which] == 0)
		e->counters.high[which]++;
}

static uint32_t to_us(uint64_t ns)
{
	return (uint32_t)weir_min_u64(ns / WEIR_NS_PER_US, UINT32_MAX);
}

void weir_perf_delay(struct perf m, enum tcp_counter which, uint64_t ns)
{
	struct tcp_meter *meter = &m.c->meter;
	uint32_t us = to_us(ns);

	perf_count(m, which);
	if (us > meter->delay_max[which])
		meter->delay_max[which] = us;
	if (weir_unlikely(__builtin_add_overflow(meter->delay_sum[which], us,
						 &meter->delay_sum[which]))) {
		struct ext *e = weir_perf_ext(m, EXT_DELAYS);

		if (e != NULL)
			e->delays.sum_wraps[which]++;
		else
			meter->delay_sum[which] = UINT32_MAX;
	}
}

/* One sample is its own sum; a second one, of a repeated SYN-ACK or ACK, needs a block. */
void weir_perf_rtt(struct perf m, unsigned int side, uint64_t ns)
{
	struct tcp_meter *meter = &m.c->meter;
	uint32_t us = to_us(ns);

	if (meter->count[CN_RTT0 + side] != 0 || meter->rtt_max[side] != 0) {
		struct ext *e = weir_perf_ext(m, EXT_DELAYS);

		if (e == NULL)
			return;
		if (e->delays.rtt_sum[side] == 0)
			e->delays.rtt_sum[side] = meter->rtt_max[side];
		e->delays.rtt_sum[side] += us;
	}
	perf_count(m, (enum tcp_counter)(CN_RTT0 + side));
	if (us > meter->rtt_max[side])
		meter->rtt_max[side] = us;
}

/* Where a report is read from; the extensions are NULL in nearly every flow. */
struct reader {
	const struct tcp_meter *meter;
	const struct ext *counters, *delays;
};

static uint32_t count_of(const struct reader *r, unsigned int which)
{
	uint32_t n = r->meter->count[which];

	if (r->counters != NULL)
		n += ((uint32_t)r->counters->counters.high[which] << 16 |
		      r->counters->counters.low[which])
		     << 8;
	return n;
}

static struct weir_delay delay_of(const struct reader *r, enum tcp_counter which)
{
	uint64_t wraps = r->delays != NULL ? r->delays->delays.sum_wraps[which] : 0;

	return (struct weir_delay){ .max = r->meter->delay_max[which],
				    .count = count_of(r, which),
				    .sum = wraps << 32 | r->meter->delay_sum[which] };
}

static struct weir_delay rtt_of(const struct reader *r, unsigned int side)
{
	uint64_t sum = r->delays != NULL ? r->delays->delays.rtt_sum[side] : 0;

	return (struct weir_delay){ .max = r->meter->rtt_max[side],
				    .count = count_of(r, CN_RTT0 + side),
				    .sum = sum != 0 ? sum : r->meter->rtt_max[side] };
}

static void report_tcp(const struct weir_flow *f, const struct reader *r, struct weir_flow_rec *rec)
{
	unsigned int client = flow_client(f);

	rec->rtt = r->meter->rtt;
	rec->rtt_client = rtt_of(r, client);
	rec->rtt_server = rtt_of(r, !client);
	for (unsigned int role = 0; role < 2; role++) {
		rec->retrans[role] = count_of(r, CN_RETRANS0 + (client ^ role));
		rec->zero_win[role] = count_of(r, CN_ZERO_WIN0 + (client ^ role));
		rec->ooo[role] = count_of(r, CN_OOO0 + (client ^ role));
	}
	rec->syn_count = count_of(r, CN_SYN);
	rec->synack_count = count_of(r, CN_SYNACK);
	rec->fin_count = count_of(r, CN_FIN);
	rec->retrans_syn = count_of(r, CN_RETRANS_SYN);
	rec->retrans_synack = count_of(r, CN_RETRANS_SYNACK);
}

/* ISN of a side that has sent a SYN, else 0. */
static uint32_t isn_of(const struct weir_flow *f, unsigned int side)
{
	bool sent = f->tcp_flags_all[side] & WEIR_TCP_SYN && f->side[side].bits & TCP_ISN;

	return sent ? f->seq_threshold[side] - 1 : 0;
}

void weir_perf_report(const struct weir_flow *f, const struct weir_flow_cold *c,
		      const struct ext_pool *pool, struct weir_flow_rec *rec)
{
	const struct reader r = { .meter = &c->meter,
				  .counters = ext_find(pool, c->ext, EXT_COUNTERS),
				  .delays = ext_find(pool, c->ext, EXT_DELAYS) };
	const struct ext *keepalive;

	rec->srt = delay_of(&r, CN_SRT);
	rec->art = delay_of(&r, CN_ART);
	if (f->proto != IPPROTO_TCP)
		return;
	rec->cit = delay_of(&r, CN_CIT);
	report_tcp(f, &r, rec);
	rec->syn_seq = isn_of(f, flow_client(f));
	rec->syn_ack_seq = isn_of(f, !flow_client(f));
	keepalive = ext_find(pool, c->ext, EXT_KEEPALIVE);
	if (keepalive != NULL) {
		rec->last_keepalive_seq = keepalive->keepalive.seq;
		rec->last_keepalive_ack = keepalive->keepalive.ack;
	}
}

static void drop(struct ext_pool *pool, struct weir_flow_cold *c, enum ext_kind kind)
{
	const struct ext *e = ext_find(pool, c->ext, kind);

	if (e != NULL)
		weir_ext_remove(pool, &c->ext, e);
}

void weir_perf_clear(struct weir_flow_cold *c, struct ext_pool *pool)
{
	memset(&c->meter, 0, sizeof(c->meter));
	drop(pool, c, EXT_COUNTERS);
	drop(pool, c, EXT_DELAYS);
}

void weir_perf_reverse(struct weir_flow *f, struct weir_flow_cold *c, struct ext_pool *pool)
{
	struct ext *counters = ext_find(pool, c->ext, EXT_COUNTERS);
	struct ext *delays = ext_find(pool, c->ext, EXT_DELAYS);

	for (unsigned int i = CN_SRT; i <= CN_CIT; i++) {
		c->meter.delay_max[i] = 0;
		c->meter.delay_sum[i] = 0;
		c->meter.count[i] = 0;
		if (counters != NULL)
			counters->counters.low[i] = counters->counters.high[i] = 0;
		if (delays != NULL)
			delays->delays.sum_wraps[i] = 0;
	}
	for (unsigned int side = 0; side < 2; side++)
		f->side[side].bits &= (uint8_t) ~(TCP_SRT | TCP_ART | TCP_HANDSHAKE_ACK);
}
