/* SPDX-License-Identifier: Apache-2.0 */
#include "trend.h"

void trend_look(struct trend *t, uint64_t value, uint64_t now_ns)
{
	if (value > t->value) {
		if (t->rose_ns == 0 || now_ns - t->rose_ns > TREND_QUIET_NS)
			t->since_us = weir_clock_wall_ns() / WEIR_NS_PER_US;
		t->rose_ns = now_ns;
	}
	t->value = value;
	t->at = (t->at + 1) % TREND_SECONDS;
	t->past[t->at] = value;
	t->past_ns[t->at] = now_ns;
}

double trend_rate(const struct trend *t)
{
	const uint32_t next = (t->at + 1) % TREND_SECONDS;
	const uint32_t first = t->past_ns[next] != 0 ? next : 1;
	const uint64_t ns = t->past_ns[t->at] - t->past_ns[first];

	if (t->past_ns[first] == 0 || ns == 0)
		return 0;
	return (double)(t->past[t->at] - t->past[first]) * 1e9 / (double)ns;
}

bool trend_is_rising(const struct trend *t)
{
	return t->rose_ns != 0 && weir_clock_mono_ns() - t->rose_ns < TREND_QUIET_NS;
}
