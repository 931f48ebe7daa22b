/* SPDX-License-Identifier: Apache-2.0 */
/* The table itself; what table.c, create.c, expire.c, report.c and direction.c share. */
#ifndef WEIR_FLOW_TABLE_PRIV_H
#define WEIR_FLOW_TABLE_PRIV_H

#include "flow_priv.h"
#include "index.h"
#include "queue.h"

#include <weir_flow_service.h>

#include <netinet/in.h>

/* A packet as the table sees it: its key in packet orientation, and the symmetric hash. */
struct probe {
	const struct weir_pkt *p;
	const struct weir_attr *a;
	uint64_t hash;
	struct bucket *bucket; /* home */
	uint32_t candidate;    /* its flow whose tag is the same, FLOW_NONE = none */
	uint32_t near;         /* the entry asked for: the candidate's, or that of a new flow */
	union flow_key there, back; /* the key of a flow whose side 0, or side 1, sent the packet */
	bool whole;                 /* the key says it all */
	uint8_t at;                 /* the packet's place in its burst */
};

#define FOLD_SETS 16 /* a power of two */
#define FOLD_WAYS 4

struct fold_set {
	uint32_t oldest;                     /* the sum that leaves for another one */
	struct weir_flow_rec sum[FOLD_WAYS]; /* flow_count 0 = free */
};

/* Evicted half-open flows that have not left yet: fold.c. */
struct folds {
	bool any;
	uint64_t due_ns; /* with `any`: all leave */
	struct fold_set set[FOLD_SETS];
};

/* Flows of this burst that have no label yet, or are to have another. */
struct news {
	unsigned int n;
	struct weir_flow_first first[WEIR_BURST_MAX];
	uint32_t flow[WEIR_BURST_MAX];
	uint8_t side[WEIR_BURST_MAX]; /* the packet's sender */
};

struct weir_flow_table {
	struct flow_entry *entries;
	/* One an entry, with LABELLED. Apart, as without an inventory nobody looks there. */
	struct flow_label *labels;
	struct flow_index index;
	struct queues queues;
	struct ext_pool ext;
	uint32_t capacity;
	uint32_t size;
	uint32_t fresh;     /* entries never used begin here */
	uint32_t coming;    /* entries asked for in this burst end here */
	uint32_t free_head; /* chain of freed entries through ip[0], FLOW_NONE = none */
	uint64_t seed[2];

	const struct weir_flow_conf *conf;
	uint64_t timeout_ns[TO_COUNT];
	uint64_t now_ns;                /* the watermark, as last told */
	const struct weir_hints *hints; /* what earlier flows told, may be NULL */
	struct weir_hint_log *hint_log; /* what flows of now tell, may be NULL */
	weir_flow_label_fn label;       /* asked about new flows, NULL = nobody is */
	const void *label_of;
	uint32_t label_generation;
	uint64_t newest_ns;        /* of all packets that reports began with */
	uint64_t relabel_until_ns; /* flows whose last packet is older may have a label of before */
	struct news news;

	bool behind; /* flows are due that no sweep has come to */

	struct weir_flow_hooks hooks;
	struct weir_flow_counters counters;
	struct weir_flow_budget budget;
	struct folds folds;
};

static inline struct weir_flow *flow_at(const struct weir_flow_table *t, uint32_t flow)
{
	return &t->entries[flow].hot;
}

static inline struct weir_flow_cold *cold_at(const struct weir_flow_table *t, uint32_t flow)
{
	return &t->entries[flow].cold;
}

static inline void flow_prefetch(const struct weir_flow_table *t, uint32_t flow)
{
	const uint8_t *entry = (const uint8_t *)&t->entries[flow];

	for (size_t line = 0; line < sizeof(t->entries[flow]); line += WEIR_CACHE_LINE)
		weir_prefetch_w(entry + line);
}

static inline uint64_t flow_last_ns(const struct weir_flow *f)
{
	return weir_max_u64(f->last_ns[0], f->last_ns[1]);
}

/* The value part of capture_nic: ERSPAN source << 8 | tap. */
static inline uint32_t capture_id(const struct weir_attr *a)
{
	return (uint32_t)a->capture_nic;
}

/* SYNs from one side and nothing else. */
static inline bool flow_is_unanswered(const struct weir_flow *f)
{
	return f->proto == IPPROTO_TCP && f->state == ST_OPENING1 && flow_is_one_way(f) &&
	       !(f->flags & FLOW_REPORTED);
}

/* When the flow ends unless a packet comes first. Spec 4.3: one direction alone has its own time. */
static inline uint64_t flow_deadline_ns(const struct weir_flow_table *t, const struct weir_flow *f)
{
	static_assert(TO_OPENING == 0, "what the product is of a flow that is one way");

	return flow_last_ns(f) + t->timeout_ns[f->timeout * !flow_is_one_way(f)];
}

/* Index of the report a time falls in; times before the flow's start belong to its first. */
static inline uint64_t flow_report_of(const struct weir_flow *f, uint64_t ts_ns)
{
	return ts_ns <= f->start_ns ? 0 : (ts_ns - f->start_ns) / WEIR_REPORT_NS;
}

/* The entry keeps 16 bits of its report's index; no flow is silent for 65536 minutes. */
static inline bool flow_report_is_before(const struct weir_flow *f, uint64_t index)
{
	return (int16_t)((uint16_t)index - f->report) > 0;
}

/* Index of the current report, in full: the last packet lies in it, or in an earlier one. */
static inline uint64_t flow_report_index(const struct weir_flow *f, uint64_t near_ns)
{
	const uint64_t near = flow_report_of(f, near_ns);

	return near + (uint64_t)(int64_t)(int16_t)(f->report - (uint16_t)near);
}

/* key.c */
void probe_init(const struct weir_flow_table *t, const struct weir_pkt *p,
		const struct weir_attr *a, struct probe *probe);
uint64_t flow_hash(const struct weir_flow_table *t, const struct weir_flow *f, uint32_t flow);
/* What the key leaves open: is this the packet's flow, if `side` of it sent the packet? */
bool flow_match_rest(const struct weir_flow_table *t, uint32_t flow, const struct probe *probe,
		     unsigned int side);

static inline bool key_is(const union flow_key *a, const union flow_key *b)
{
	return ((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1])) == 0;
}

/* Side of the flow that sent the packet, or -1: not this flow. Spec 4.1. */
static inline int flow_match(const struct weir_flow_table *t, uint32_t flow,
			     const struct probe *probe)
{
	const bool there = key_is(&flow_at(t, flow)->key, &probe->there);
	const bool back = key_is(&flow_at(t, flow)->key, &probe->back);

	if (weir_likely(probe->whole)) {
		unsigned int either = there | back;

		weir_opaque(either); /* which side sends is not to be foreseen: no branch on it */
		return either ? !there : -1;
	}
	if (there && flow_match_rest(t, flow, probe, 0))
		return 0;
	return back && flow_match_rest(t, flow, probe, 1) ? 1 : -1;
}
uint64_t flow_id(const struct weir_flow_table *t, uint32_t flow);

/* create.c */
/* A detail that the entry itself has no room for; left out, and counted, when none is free. */
struct ext *detail_add(struct weir_flow_table *t, struct weir_flow_cold *c, enum ext_kind kind);
uint32_t flow_create(struct weir_flow_table *t, const struct probe *probe);
void flow_free(struct weir_flow_table *t, uint32_t flow);

/* label.c */
/* A new flow: `probe` lives as long as the burst. */
void news_add(struct weir_flow_table *t, uint32_t flow, const struct probe *probe);
/* A report of a known flow begins with this packet, and what is known of it may have changed. */
void news_again(struct weir_flow_table *t, uint32_t flow, const struct probe *probe,
		unsigned int side);
/* Ask about all of them. */
void news_label(struct weir_flow_table *t);
/* What is known of a flow; of one without a label what its first packet showed. */
void flow_label(const struct weir_flow_table *t, uint32_t flow, struct weir_flow_label *l);

/* The flow is about to say what it is. */
static inline void flow_settle(struct weir_flow_table *t, uint32_t flow)
{
	if (weir_unlikely(flow_at(t, flow)->ends & LABEL_COMING))
		news_label(t);
}

/* direction.c */
/* Which side of a new flow is the client: FLOW_REVERSED and the scores. */
void direction_first(struct weir_flow_table *t, struct weir_flow *f, struct weir_flow_cold *c,
		     const struct weir_pkt *p);
/* The same of a later packet that may tell: one with SYN, or of a flow with FLOW_NAT or the option. */
void direction_tcp(struct weir_flow_table *t, struct weir_flow *f, struct weir_flow_cold *c,
		   const struct weir_pkt *p, unsigned int side);

/* report.c */
/* Move the second's counters into the report's. */
void second_end(struct weir_flow_table *t, uint32_t flow);
/* The current report is over, `index` is the one that begins: what has packets leaves. */
void report_turn(struct weir_flow_table *t, uint32_t flow, uint64_t index);

/* Cut every report that is over at `now_ns`: what has packets leaves with a forced report. */
static inline void report_until(struct weir_flow_table *t, uint32_t flow, uint64_t now_ns)
{
	const uint64_t index = flow_report_of(flow_at(t, flow), now_ns);

	if (weir_unlikely(flow_report_is_before(flow_at(t, flow), index)))
		report_turn(t, flow, index);
}
/* The flow's last record, of all seconds that are over. */
void report_fill(const struct weir_flow_table *t, uint32_t flow, uint8_t close_type, uint16_t flags,
		 struct weir_flow_rec *rec);
/* It leaves. */
void report_close(struct weir_flow_table *t, uint32_t flow, uint8_t close_type, uint16_t flags);
/* So does a record of many flows. */
void report_folded(struct weir_flow_table *t, const struct weir_flow_rec *rec);

/* fold.c */
/* Fold an evicted half-open flow; false: it has to leave as a record of its own. */
bool fold_take(struct weir_flow_table *t, uint32_t flow);
/* All sums leave. */
void folds_end(struct weir_flow_table *t);

/* expire.c */
enum flow_queue flow_queue_of(const struct weir_flow *f);
/* Put a flow's reference where its deadline wants it; the old one becomes stale. */
void flow_requeue(struct weir_flow_table *t, uint32_t flow, uint64_t now_ns);
/* The flow's deadline has passed: last record, entry free. */
void flow_end(struct weir_flow_table *t, uint32_t flow);
/* Free an entry: of what is due, else by the policy. `by_syn`: no established flow may go. */
bool evict(struct weir_flow_table *t, bool by_syn);
/* Free an extension: of a half-open or one-way flow. */
bool evict_for_ext(struct weir_flow_table *t);

#endif
