/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address and port is a server: what flows tell each other. Spec: data plane 4.4.
 *
 * A worker writes what its flows show into its hint log; at a boundary of packet time the logs of all
 * workers are merged into a new immutable snapshot, which flows that start later read. The merge
 * depends only on what the logs hold together, not on which worker saw what or when.
 */
#ifndef WEIR_FLOW_SERVICE_H
#define WEIR_FLOW_SERVICE_H

#include <weir_pkt.h>

#define WEIR_HINTS_MAX    16384 /* pairs of address and port in a snapshot */
#define WEIR_HINT_LOG_MAX 32768 /* in a log, between two merges */

/* Scores of being a server. */
#define WEIR_SCORE_PROVEN      255
#define WEIR_SCORE_LEARNED_MAX 252

struct weir_hints;    /* snapshot: {address, port} -> score 0..255 */
struct weir_hint_log; /* one worker's events since the last boundary */

enum weir_hint_event {
	WEIR_HINT_PROVEN,  /* sent a SYN-ACK: 255 */
	WEIR_HINT_REMOVED, /* sent a SYN, received a SYN-ACK: no server */
	WEIR_HINT_SERVER,  /* received the first packet of a flow: +1, at most 252 */
	WEIR_HINT_CLIENT,  /* sent the first packet of a flow: -1, gone at 0 */
};

/* 0 = nothing known. `h` may not be NULL. Any thread that holds the view. */
uint8_t weir_hints_score(const struct weir_hints *h, const union weir_ip *ip, uint16_t port);

uint32_t weir_hints_size(const struct weir_hints *h);    /* pairs */
uint64_t weir_hints_dropped(const struct weir_hints *h); /* pairs left out so far: no room */
void weir_hints_destroy(struct weir_hints *h);

/* Fixed memory; NULL without it. Empty, for flows that know no hints. Control thread. */
struct weir_hint_log *weir_hint_log_create(void);
size_t weir_hint_log_bytes(void);
void weir_hint_log_destroy(struct weir_hint_log *log);

/* Worker that owns the log. A full log drops the event and counts it. */
void weir_hint_log_add(struct weir_hint_log *log, enum weir_hint_event event,
		       const union weir_ip *ip, uint16_t port);

bool weir_hint_log_is_empty(struct weir_hint_log *log); /* a merge would change nothing */
uint64_t weir_hint_log_dropped(
	const struct weir_hint_log *log); /* events, ever; as of the last merge or is_empty */

/* As created: empty, nothing known. */
void weir_hint_log_clear(struct weir_hint_log *log);

/*
 * A new snapshot of `old` (NULL = none) and what `n` logs hold, which are emptied and go on from it: they
 * borrow it until the next merge or clear. `old` is the snapshot they went on from. When it is full
 * the highest scores stay, of equal ones the smallest addresses and ports.
 * NULL without memory; then the logs are emptied all the same, and `old` holds on. While no worker
 * writes a log.
 */
struct weir_hints *weir_hints_merge(const struct weir_hints *old, struct weir_hint_log *const *logs,
				    unsigned int n);

#endif
