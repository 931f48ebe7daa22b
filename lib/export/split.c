/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows whose two directions met different workers. A port says that its hash keeps them together, which is
 * not proof: tunnels, a driver that only says so, a switch that sends the halves to two ports of which each
 * hashes by itself. The proof is in the records: half a TCP connection from one worker, and the other
 * half, of the same time, from another.
 */
#include "split.h"

#include <stdlib.h>

#define HALVES \
	4096 /* remembered: connections that end within seconds of each other are what counts */
#define SLACK_NS WEIR_NS_PER_S
#define K        UINT64_C(0x9e3779b97f4a7c15)

struct half {
	uint64_t connection; /* hash of both ends; 0 = none */
	uint64_t start_ns, end_ns;
	uint32_t worker;
	bool lower_sends; /* the end whose address and port are the lower ones */
};

struct weir_splits {
	uint64_t found;
	struct half halves[HALVES];
};

struct weir_splits *weir_splits_create(void)
{
	return calloc(1, sizeof(struct weir_splits));
}

void weir_splits_destroy(struct weir_splits *s)
{
	free(s);
}

uint64_t weir_splits_found(const struct weir_splits *s)
{
	return s->found;
}

static bool is_half(const struct weir_flow_rec *rec)
{
	return rec->protocol == 6 && (rec->packet[0] == 0) != (rec->packet[1] == 0) &&
	       (rec->flags & (WEIR_REC_UNANSWERED | WEIR_REC_FOLD | WEIR_REC_FOLDED)) == 0;
}

static uint64_t end_hash(const struct weir_flow_rec *rec, unsigned int end)
{
	return weir_mix(rec->ip[end].q[0] ^ K, rec->ip[end].q[1] ^ rec->port[end] ^ K);
}

static struct half half_of(const struct weir_flow_rec *rec, uint32_t worker)
{
	const uint64_t a = end_hash(rec, 0), b = end_hash(rec, 1);
	const unsigned int sender = rec->packet[0] == 0;

	return (struct half){ .connection = weir_mix(a + b, (a ^ b) ^ rec->capture_nic) | 1,
			      .start_ns = rec->start_ns,
			      .end_ns = rec->end_ns,
			      .worker = worker,
			      .lower_sends = (a < b) == (sender == 0) };
}

static bool are_one(const struct half *a, const struct half *b)
{
	return a->connection == b->connection && a->lower_sends != b->lower_sends &&
	       a->worker != b->worker && a->start_ns <= b->end_ns + SLACK_NS &&
	       b->start_ns <= a->end_ns + SLACK_NS;
}

void weir_splits_look(struct weir_splits *s, uint32_t worker, const struct weir_flow_rec *rec)
{
	struct half half, *known;

	if (weir_likely(!is_half(rec)))
		return;
	half = half_of(rec, worker);
	known = &s->halves[half.connection / 2 % HALVES];
	if (!are_one(known, &half)) {
		*known = half;
		return;
	}
	s->found++;
	known->connection = 0;
}
