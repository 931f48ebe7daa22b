/* SPDX-License-Identifier: Apache-2.0 */
/* Records into one: reports of a flow (merge), flows of a flood (fold). Columns of flow_fields.def. */
#include <weir_rec.h>

static uint64_t min_set(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Client and server change places. Delays stay: they are measured from the handshake's own side. */
static void turn(struct weir_flow_rec *r)
{
#define SWAP(pair)                                             \
	do {                                                   \
		uint8_t first[sizeof((pair)[0])];              \
		memcpy(first, &(pair)[0], sizeof(first));      \
		memcpy(&(pair)[0], &(pair)[1], sizeof(first)); \
		memcpy(&(pair)[1], first, sizeof(first));      \
	} while (0)
	SWAP(r->ip);
	SWAP(r->mac);
	SWAP(r->port);
	SWAP(r->l2_end);
	SWAP(r->l3_end);
	SWAP(r->tcp_flags);
	SWAP(r->l3_epc_id);
	SWAP(r->epc_id);
	SWAP(r->tunnel);
	SWAP(r->nat_real_ip);
	SWAP(r->nat_real_port);
	SWAP(r->packet);
	SWAP(r->byte);
	SWAP(r->l3_byte);
	SWAP(r->l4_byte);
	SWAP(r->retrans);
	SWAP(r->zero_win);
	SWAP(r->ooo);
#undef SWAP
}

static bool same_ends(const struct weir_flow_rec *a, const struct weir_flow_rec *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 && a->port[0] == b->port[0] &&
	       a->port[1] == b->port[1];
}

static bool opposite_ends(const struct weir_flow_rec *a, const struct weir_flow_rec *b)
{
	return memcmp(&a->ip[0], &b->ip[1], sizeof(a->ip[0])) == 0 &&
	       memcmp(&a->ip[1], &b->ip[0], sizeof(a->ip[0])) == 0 && a->port[0] == b->port[1] &&
	       a->port[1] == b->port[0];
}

bool weir_flow_rec_same_flow(const struct weir_flow_rec *a, const struct weir_flow_rec *b)
{
	return a->flow_id == b->flow_id && a->capture_nic == b->capture_nic &&
	       a->protocol == b->protocol && a->is_ipv6 == b->is_ipv6 &&
	       (same_ends(a, b) || opposite_ends(a, b));
}

void weir_flow_rec_merge(struct weir_flow_rec *to, const struct weir_flow_rec *from)
{
	uint16_t flags = (from->flags & ~(WEIR_REC_NEW | WEIR_REC_UNANSWERED)) |
			 ((to->flags | from->flags) & WEIR_REC_NEW) |
			 (to->flags & from->flags & WEIR_REC_UNANSWERED);
	uint32_t flow_count = to->flow_count;

	if (!same_ends(to, from))
		turn(to);
#define KEY(m)
#define LAST(m)                                         memcpy(&to->m, &from->m, sizeof(to->m));
#define SET(m)                                          to->m = from->m != 0 ? from->m : to->m;
#define TUN(m)                                          /* below, a tunnel as a whole */
#define SUM(m)                                          to->m += from->m;
#define MAX(m)                                          to->m = to->m > from->m ? to->m : from->m;
#define MIN(m)                                          to->m = min_set(to->m, from->m);
#define OR(m)                                           to->m |= from->m;
#define END(m)                                          to->m = from->m;
#define FLAG(m)                                         to->m = flags;
#define WEIR_FIELD(name, kind, member, add, show, help) add(member)
#include "flow_fields.def"
#undef KEY
#undef LAST
#undef SET
#undef TUN
#undef END
#undef FLAG
	for (int i = 0; i < 2; i++)
		if (from->tunnel[i].type != WEIR_TUNNEL_NONE)
			to->tunnel[i] = from->tunnel[i];
	to->flow_count = flow_count; /* still one flow */
}

void weir_flow_rec_fold_start(struct weir_flow_rec *rec)
{
	rec->flags = (rec->flags & WEIR_REC_FOLD) | WEIR_REC_NEW | WEIR_REC_FOLDED;
	memset(&rec->ip[0], 0, sizeof(rec->ip[0]));
	rec->port[0] = 0;
}

/* 0 swallows: once two flows differ in a field, no third one brings a value back. */
static void keep_shared(void *to, const void *from, size_t bytes)
{
	if (memcmp(to, from, bytes) != 0)
		memset(to, 0, bytes);
}

void weir_flow_rec_fold(struct weir_flow_rec *to, const struct weir_flow_rec *from)
{
	struct weir_flow_rec one = *from;

	weir_flow_rec_fold_start(&one);
	from = &one;
#define KEY(m)                                          keep_shared(&to->m, &from->m, sizeof(to->m));
#define LAST(m)                                         KEY(m)
#define SET(m)                                          KEY(m)
#define TUN(m)                                          KEY(m)
#define END(m)                                          MAX(m)
#define FLAG(m)                                         to->m |= from->m;
#define WEIR_FIELD(name, kind, member, add, show, help) add(member)
#include "flow_fields.def"
}
