/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A breaker: it trips when a measure passes a threshold, and recovers when the measure has been well beyond
 * another one for some time. Pure: measures and time come from the caller, one thread an object.
 */
#ifndef WEIR_BREAKER_H
#define WEIR_BREAKER_H

#include <weir_base.h>

struct weir_breaker_conf {
	bool below; /* trips below `trip`, is well from `recover` on; else trips from `trip` on, is well below `recover` */
	double trip;      /* 0 = off */
	double recover;   /* on the good side of `trip`, or the same */
	uint64_t hold_ns; /* it must have been well for so long */
};

/* Closed when all zeros. */
struct weir_breaker {
	bool tripped;
	uint64_t well_ns;  /* tripped: well since; 0 = it is not */
	uint64_t since_ns; /* tripped since */
	uint64_t trips;    /* so far */
};

enum weir_breaker_event { WEIR_BREAKER_STAYS, WEIR_BREAKER_TRIPPED, WEIR_BREAKER_RECOVERED };

/*
 * The next measure, at `now_ns` (not 0, never going back). NAN, not known, changes nothing but that it is not
 * well. One that is switched off recovers at once.
 */
enum weir_breaker_event weir_breaker_feed(struct weir_breaker *b,
					  const struct weir_breaker_conf *conf, double value,
					  uint64_t now_ns);

/* When a tripped one recovers if it stays well: 0 = it is not well. */
uint64_t weir_breaker_recovers_ns(const struct weir_breaker *b,
				  const struct weir_breaker_conf *conf);

/*
 * The breakers of a group (control-plane specification 3.2 and 7.5), with what each is fed with.
 *
 * load: load / CPUs; a threshold of 0 in either place is off.
 * memory: free (or available) memory in percent of all; a limit above 90 recovers at 99.
 * disk: weir_breaker_disk_measure(), the least of all directories.
 * tx: Mbit/s of an interface that also carries at most `distributed` of our own.
 */
struct weir_breaker_conf weir_breaker_of_load(double trip, double recover);
struct weir_breaker_conf weir_breaker_of_memory(uint32_t percent);
struct weir_breaker_conf weir_breaker_of_disk(uint32_t percent, uint32_t gb);
struct weir_breaker_conf weir_breaker_of_tx(uint32_t mbps, uint32_t distributed,
					    uint64_t interval_ns);

/* How far a file system is from its thresholds: 1 = at the nearer one of both. A threshold of 0 is none. */
double weir_breaker_disk_measure(uint64_t free_bytes, uint64_t all_bytes, uint32_t percent,
				 uint32_t gb);

#endif
