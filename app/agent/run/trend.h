/* SPDX-License-Identifier: Apache-2.0 */
/* A counter that only rises, seen over time: how fast, and since when it does. Looked at once a second. */
#ifndef RUN_TREND_H
#define RUN_TREND_H

#include <weir_base.h>

#define TREND_QUIET_NS \
	(60 * WEIR_NS_PER_S) /* without a rise for so long, the next one is a new story */
#define TREND_SECONDS 5      /* rates are means over so many */

struct trend {
	uint64_t value;
	uint64_t rose_ns;  /* monotonic: last time; 0 = never */
	uint64_t since_us; /* wall clock: when the present, or last, rising began; 0 = never */
	uint64_t past[TREND_SECONDS];
	uint64_t past_ns[TREND_SECONDS];
	uint32_t at;
};

void trend_look(struct trend *t, uint64_t value, uint64_t now_ns);
/* A second mean, 0 until there are two looks. */
double trend_rate(const struct trend *t);
/* It rose within the last minute. */
bool trend_is_rising(const struct trend *t);

#endif
