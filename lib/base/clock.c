/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_base.h>

#include <sys/random.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * WEIR_NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t weir_clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t weir_clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t weir_random_u64(void)
{
	uint64_t v;

	if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
		v = weir_mix(weir_clock_mono_ns(), UINT64_C(0x9e3779b97f4a7c15));
	return v;
}
