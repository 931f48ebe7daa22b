/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table: a burst of packets meets its flows.
 *
 * Memory latency is what a packet costs. So a burst goes through twice: hash all and ask for their
 * buckets; then look up AHEAD of them at once, ask for one's entry, and count the one AHEAD before it. To
 * ask for all first would fill the processor's few places for lines on their way, and count nothing
 * meanwhile.
 */
#include "table_priv.h"

#include <netinet/in.h>

#define AHEAD           8 /* flows on their way from memory while another one is counted */
#define SYN_ONLY(flags) (((flags) & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_SYN)

/* Where the parts lie in the one mapping of a table. */
struct layout {
	size_t self, buckets, chunks, entries, labels, ext, total;
};

static size_t part(size_t *total, size_t bytes)
{
	const size_t at = *total;

	*total += (bytes + 4095) & ~(size_t)4095;
	return at;
}

static struct layout layout_of(const struct weir_flow_budget *b)
{
	struct layout l = { 0 };

	l.self = part(&l.total, sizeof(struct weir_flow_table));
	l.buckets = part(&l.total, (size_t)index_bucket_count(b->flows) * sizeof(struct bucket));
	l.chunks = part(&l.total, (size_t)queue_chunk_count(b->flows) * sizeof(struct chunk));
	l.entries = part(&l.total, (size_t)b->flows * sizeof(struct flow_entry));
	l.labels = part(&l.total, (size_t)b->flows * sizeof(struct flow_label));
	l.ext = part(&l.total, (size_t)b->ext_blocks * sizeof(struct ext));
	return l;
}

size_t weir_flow_table_bytes(const struct weir_flow_budget *budget)
{
	return layout_of(budget).total;
}

struct weir_flow_table *weir_flow_table_create(const struct weir_flow_budget *budget,
					       const struct weir_flow_hooks *hooks, uint64_t seed)
{
	const struct layout l = layout_of(budget);
	struct weir_flow_table *t;
	uint8_t *mem;

	if (budget->flows == 0 || budget->flows >= 1u << REF_FLOW_BITS)
		return NULL;
	mem = weir_mem_map(l.total);
	if (mem == NULL)
		return NULL;
	t = (struct weir_flow_table *)(mem + l.self);
	t->entries = (struct flow_entry *)(mem + l.entries);
	t->labels = (struct flow_label *)(mem + l.labels);
	index_init(&t->index, mem + l.buckets, budget->flows);
	queues_init(&t->queues, mem + l.chunks, budget->flows);
	weir_ext_pool_init(&t->ext, mem + l.ext, budget->ext_blocks);
	t->capacity = budget->flows;
	t->free_head = FLOW_NONE;
	t->seed[0] = weir_mix(seed ^ UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd6e8feb86659fd93));
	t->seed[1] = weir_mix(seed ^ UINT64_C(0xa0761d6478bd642f), UINT64_C(0xe7037ed1a0b428db));
	t->hooks = *hooks;
	t->budget = *budget;
	return t;
}

void weir_flow_table_destroy(struct weir_flow_table *t)
{
	if (t != NULL)
		weir_mem_unmap(t, weir_flow_table_bytes(&t->budget));
}

void weir_flow_table_back(struct weir_flow_table *t)
{
	weir_mem_back(t, weir_flow_table_bytes(&t->budget));
}

void weir_flow_table_configure(struct weir_flow_table *t, const struct weir_flow_conf *conf)
{
	t->conf = conf;
	t->timeout_ns[TO_OPENING] = conf->others_ns;
	t->timeout_ns[TO_ESTABLISHED] = conf->established_ns;
	t->timeout_ns[TO_CLOSING] = conf->others_ns;
	t->timeout_ns[TO_ESTABLISHED_RST] = conf->closing_rst_ns;
	t->timeout_ns[TO_EXCEPTION] = conf->others_ns;
	t->timeout_ns[TO_CLOSED_FIN] = 2 * WEIR_NS_PER_S; /* no setting of DeepFlow's */
	t->timeout_ns[TO_OPENING_RST] = conf->opening_rst_ns;
}

void weir_flow_table_limit(struct weir_flow_table *t, uint32_t flows, uint64_t now_ns)
{
	if (flows == 0 || flows > t->budget.flows)
		flows = t->budget.flows;
	if (flows == t->capacity)
		return;
	weir_flow_table_flush(t, WEIR_FLOW_ALL_TAPS, WEIR_FLUSH_EPOCH, now_ns);
	t->capacity = flows;
	t->fresh = 0; /* all entries are free, and those of the lower numbers are taken */
	t->free_head = FLOW_NONE;
}

void weir_flow_table_hints(struct weir_flow_table *t, const struct weir_hints *hints,
			   struct weir_hint_log *log)
{
	t->hints = hints;
	t->hint_log = log;
}

void weir_flow_table_label(struct weir_flow_table *t, weir_flow_label_fn label, const void *of,
			   uint32_t generation)
{
	t->label = label;
	t->label_of = of;
	if (weir_likely(t->label_generation == generation))
		return;
	t->label_generation = generation;
	t->relabel_until_ns = t->newest_ns + WEIR_REPORT_NS;
}

uint32_t weir_flow_table_size(const struct weir_flow_table *t)
{
	return t->size;
}

uint32_t weir_flow_table_capacity(const struct weir_flow_table *t)
{
	return t->capacity;
}

const struct weir_flow_counters *weir_flow_table_counters(const struct weir_flow_table *t)
{
	return &t->counters;
}

/* The candidate is nearly always the one; it may have ended since. */
static bool is_candidate(const struct weir_flow_table *t, const struct probe *probe,
			 unsigned int *side)
{
	int s;

	if (probe->candidate == FLOW_NONE || flow_at(t, probe->candidate)->queue == QUEUE_NONE)
		return false;
	s = flow_match(t, probe->candidate, probe);
	*side = (unsigned int)s;
	return s >= 0;
}

/* The flow of a packet, and which side of it sent the packet. */
static uint32_t find(const struct weir_flow_table *t, const struct probe *probe, unsigned int *side)
{
	const struct bucket *b = probe->bucket;
	const uint8_t tag = index_tag(probe->hash);

	for (;;) {
		for (uint32_t m = bucket_match(b, tag); m != 0; m &= m - 1) {
			const uint32_t flow = b->flow[__builtin_ctz(m)];
			const int s = flow_match(t, flow, probe);

			if (s >= 0) {
				*side = (unsigned int)s;
				return flow;
			}
		}
		if (b->next == 0)
			return FLOW_NONE;
		b = &t->index.buckets[b->next];
	}
}

/* Of each side's first packet. The extension is far away: later ones do not look there. */
static void note_tunnel(struct weir_flow_table *t, struct weir_flow *f,
			const struct weir_flow_cold *c, const struct weir_pkt *p, unsigned int side)
{
	if (weir_likely((f->ends & TUNNEL_KNOWN << side) != 0))
		return;
	f->ends |= (uint8_t)(TUNNEL_KNOWN << side);
	ext_find(&t->ext, c->ext, EXT_TUNNEL)->tunnel[side] = p->tunnel;
}

/* TCP option address: what lies behind the proxy that sent this packet. */
static void note_nat(struct weir_flow_table *t, struct weir_flow *f, struct weir_flow_cold *c,
		     const struct weir_pkt *p, unsigned int side)
{
	struct ext *x = ext_find(&t->ext, c->ext, EXT_NAT);

	if (x == NULL)
		x = detail_add(t, c, EXT_NAT);
	if (x == NULL)
		return;
	f->flags |= FLOW_NAT;
	x->nat.ip[side] = p->nat_ip;
	x->nat.port[side] = p->nat_port;
}

/*
 * A report is asked about no later than with its first packet. So what was said before a change is that of reports
 * which began by the newest packet of then; the watermark may be far behind that: it is the slowest tap's.
 */
static void report_begin(struct weir_flow_table *t, uint32_t flow, const struct probe *probe,
			 unsigned int side)
{
	t->newest_ns = weir_max_u64(t->newest_ns, probe->p->ts_ns);
	if (flow_last_ns(flow_at(t, flow)) < t->relabel_until_ns)
		news_again(t, flow, probe, side);
}

static void count_second(struct weir_flow_table *t, uint32_t flow, struct weir_flow *f,
			 const struct probe *probe, unsigned int side)
{
	const struct weir_pkt *p = probe->p;
	const uint32_t second = (uint32_t)(p->ts_ns / WEIR_NS_PER_S);

	if (second != f->second || f->sec.byte[side] > UINT32_MAX - p->packet_len) {
		second_end(t, flow);
		if (weir_unlikely(f->second == 0))
			report_begin(t, flow, probe, side);
		f->second = second;
	}
	f->sec.packet[side]++;
	f->sec.byte[side] += p->packet_len;
	f->sec.l3[side] += p->l3_payload_len;
	f->sec.l4[side] += p->l4_payload_len;
}

static void update_tcp(struct weir_flow_table *t, struct weir_flow *f, struct weir_flow_cold *c,
		       const struct weir_pkt *p, unsigned int side, bool first)
{
	if (weir_unlikely((p->tcp_flags & WEIR_TCP_SYN) || (p->flags & WEIR_PKT_TOA) ||
			  (f->flags & FLOW_NAT))) {
		if (!first)
			direction_tcp(t, f, c, p, side);
		if (p->flags & WEIR_PKT_TOA)
			note_nat(t, f, c, p, side);
	}
	f->tcp_flags[side] |= p->tcp_flags;
	f->tcp_flags_all[side] |= p->tcp_flags;
	weir_tcp_state_update(f, p, side);
	weir_tcp_perf_update(&t->ext, &t->counters, f, c, p, side);
}

static void update_other(struct weir_flow_table *t, struct weir_flow *f, struct weir_flow_cold *c,
			 const struct weir_pkt *p, unsigned int side)
{
	weir_other_state_update(f);
	if (p->proto == IPPROTO_UDP && (p->flags & WEIR_PKT_L4))
		weir_udp_perf_update(&t->ext, &t->counters, f, c, p, side);
	else if (p->flags & (WEIR_PKT_ECHO_REQUEST | WEIR_PKT_ECHO_REPLY))
		weir_icmp_perf_update(&t->ext, &t->counters, c, p);
}

/*
 * A deadline that comes much nearer is followed at once, any other when the reference comes up: each
 * new reference leaves a stale one behind.
 */
static bool comes_sooner(const struct weir_flow *f)
{
	const enum flow_queue q = flow_queue_of(f);

	return (q == QUEUE_FAST && f->queue != QUEUE_FAST) ||
	       (q == QUEUE_CLOSING && f->queue == QUEUE_LONG);
}

static void update(struct weir_flow_table *t, uint32_t flow, const struct probe *probe,
		   unsigned int side, bool first)
{
	const struct weir_pkt *p = probe->p;
	struct weir_flow *f = flow_at(t, flow);
	struct weir_flow_cold *c = cold_at(t, flow);
	const uint8_t timeout = f->timeout;

	if (first)
		direction_first(t, f, c, p);
	else
		report_until(t, flow, p->ts_ns);
	count_second(t, flow, f, probe, side);
	f->flags |= (uint8_t)(FLOW_SEEN_0 << side);
	if (f->flags & FLOW_TUNNEL)
		note_tunnel(t, f, c, p, side);
	if (p->proto == IPPROTO_TCP)
		update_tcp(t, f, c, p, side, first);
	else
		update_other(t, f, c, p, side);
	f->last_ns[side] = weir_max_u64(f->last_ns[side], p->ts_ns);
	if (first || (timeout != f->timeout && comes_sooner(f)))
		flow_requeue(t, flow, p->ts_ns);
}

/* No flow could be made. What it lacks is an entry, or for IPv6 an extension. */
static bool make_room(struct weir_flow_table *t, const struct weir_pkt *p)
{
	if (t->size == t->capacity)
		return evict(t, p->proto == IPPROTO_TCP && SYN_ONLY(p->tcp_flags));
	return (p->flags & WEIR_PKT_IPV6) && evict_for_ext(t);
}

static uint8_t handle(struct weir_flow_table *t, const struct probe *probe)
{
	const struct weir_pkt *p = probe->p;
	unsigned int side = 0;
	bool first = false;
	uint32_t flow = is_candidate(t, probe, &side) ? probe->candidate : find(t, probe, &side);

	if (flow != FLOW_NONE && p->ts_ns >= flow_deadline_ns(t, flow_at(t, flow))) {
		flow_end(t, flow);
		flow = FLOW_NONE;
	}
	if (flow == FLOW_NONE) {
		first = true;
		side = 0;
		flow = flow_create(t, probe);
		if (flow == FLOW_NONE && make_room(t, p))
			flow = flow_create(t, probe);
		if (flow == FLOW_NONE)
			return WEIR_OUTCOME_TABLE_FULL;
	}
	update(t, flow, probe, side, first);
	return WEIR_OUTCOME_FLOW;
}

/*
 * Ask for the first line of the entry a tag points to; without one it is a new flow, and those take
 * consecutive entries. Many at once: with millions of flows it is the address that takes its time, and
 * a few of them are translated side by side.
 */
static void look_up(struct weir_flow_table *t, struct probe *probes, unsigned int from,
		    unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		struct probe *p = &probes[i];
		const uint32_t m = bucket_match(p->bucket, index_tag(p->hash));

		p->candidate = m != 0 ? p->bucket->flow[__builtin_ctz(m)] : FLOW_NONE;
		p->near = p->candidate;
		if (m == 0 && t->coming < t->capacity)
			p->near = t->coming++;
		if (p->near != FLOW_NONE)
			weir_prefetch_w(flow_at(t, p->near));
	}
}

/* The addresses of an IPv6 flow are compared in its extension, which its entry names. */
static void prefetch_addresses(const struct weir_flow_table *t, const struct probe *probe)
{
	if (weir_likely((probe->there.form & FORM_IPV6) == 0) || probe->candidate == FLOW_NONE ||
	    cold_at(t, probe->candidate)->ext == FLOW_NONE)
		return;
	weir_prefetch(&t->ext.block[cold_at(t, probe->candidate)->ext]);
}

void weir_flow_table_burst(struct weir_flow_table *t, const struct weir_pkt *pkts,
			   const struct weir_attr *attrs, uint8_t *outcome, unsigned int n)
{
	struct probe probes[WEIR_BURST_MAX];
	unsigned int flows = 0;

	for (unsigned int i = 0; i < n; i++)
		if (outcome[i] == WEIR_OUTCOME_FLOW) {
			struct probe *probe = &probes[flows++];

			probe_init(t, &pkts[i], &attrs[i], probe);
			probe->at = (uint8_t)i;
			probe->bucket = index_bucket(&t->index, probe->hash);
			weir_prefetch(probe->bucket);
		}
	t->coming = t->fresh;
	look_up(t, probes, 0, (unsigned int)weir_min_u64(AHEAD, flows));
	for (unsigned int k = 0; k < flows + AHEAD; k++) {
		if (k % AHEAD == 0)
			look_up(t, probes, k + AHEAD,
				(unsigned int)weir_min_u64(k + 2 * AHEAD, flows));
		if (k < flows && probes[k].near != FLOW_NONE)
			flow_prefetch(t, probes[k].near);
		if (k >= AHEAD / 2 && k < flows + AHEAD / 2)
			prefetch_addresses(t, &probes[k - AHEAD / 2]);
		if (k >= AHEAD)
			outcome[probes[k - AHEAD].at] = handle(t, &probes[k - AHEAD]);
	}
	if (weir_unlikely(t->news.n > 0))
		news_label(t);
}
