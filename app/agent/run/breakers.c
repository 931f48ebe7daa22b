/* SPDX-License-Identifier: Apache-2.0 */
/* Control-plane specification, 3.2 global.circuit_breakers and 7.5. */
#include "breakers.h"

#include "disks.h"

#include <weir_machine.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define END_SHARE 0.7 /* of the memory limit */
#define GIB       (UINT64_C(1) << 30)
#define GB        1e9

const char *const breaker_names[BREAKERS] = {
	[BREAKER_LOAD] = "load",
	[BREAKER_MEMORY] = "memory",
	[BREAKER_DISK] = "disk",
};

/* --- measures: with words for people; NAN = not known --- */

static double load_measure(const struct breakers *bs, const struct weir_group_conf *g, char *words,
			   size_t size)
{
	static const char *const names[] = { "load1", "load5", "load15" };
	const uint32_t which = g->global.circuit_breakers.relative_sys_load.metric;
	const uint32_t cpus = weir_machine_cpus("");
	double load[3];

	(void)bs;
	if (weir_machine_load("", load) != 0) {
		snprintf(words, size, "/proc/loadavg cannot be read");
		return NAN;
	}
	snprintf(words, size, "%s is %.2f on %u CPU%s: %.2f, the limit is %.2f", names[which],
		 load[which], cpus, cpus == 1 ? "" : "s", load[which] / cpus,
		 g->global.circuit_breakers.relative_sys_load.trigger_threshold);
	return load[which] / cpus;
}

static double memory_measure(const struct breakers *bs, const struct weir_group_conf *g,
			     char *words, size_t size)
{
	const bool available = g->global.circuit_breakers.sys_memory_percentage.metric != 0;
	struct weir_machine_memory m;
	uint64_t bytes;

	(void)bs;
	if (weir_machine_memory("", &m) != 0) {
		snprintf(words, size, "/proc/meminfo cannot be read");
		return NAN;
	}
	bytes = available ? m.available : m.free;
	snprintf(words, size, "%.1f GiB of %.1f GiB memory %s %s: %.1f %%, the limit is %u %%",
		 (double)bytes / (double)GIB, (double)m.all / (double)GIB, "are",
		 available ? "available" : "free", 100.0 * (double)bytes / (double)m.all,
		 g->global.circuit_breakers.sys_memory_percentage.trigger_threshold);
	return 100.0 * (double)bytes / (double)m.all;
}

/* The worst of all directories; those that are not there, or have not answered yet, say nothing. */
static double disk_measure(const struct breakers *bs, const struct weir_group_conf *g, char *words,
			   size_t size)
{
	const uint32_t percent = g->global.circuit_breakers.free_disk.percentage_trigger_threshold;
	const uint32_t gb = g->global.circuit_breakers.free_disk.absolute_trigger_threshold;
	const struct weir_conf_names *dirs = &g->global.circuit_breakers.free_disk.directories;
	double worst = NAN;

	snprintf(words, size, "no directory can be looked at");
	for (uint32_t i = 0; i < dirs->n; i++) {
		uint64_t room, all;
		double value;

		if (disks_room(bs->disks, dirs->v[i], &room, &all) != 0)
			continue;
		value = weir_breaker_disk_measure(room, all, percent, gb);
		if (!isnan(worst) && value >= worst)
			continue;
		worst = value;
		snprintf(words, size,
			 "%.60s has %.1f GB free, %.1f %%; the limits are %u GB, %u %%", dirs->v[i],
			 (double)room / GB, all > 0 ? 100.0 * (double)room / (double)all : 0, gb,
			 percent);
	}
	return worst;
}

/* --- thresholds --- */

static struct weir_breaker_conf load_conf(const struct weir_group_conf *g)
{
	return weir_breaker_of_load(
		g->global.circuit_breakers.relative_sys_load.trigger_threshold,
		g->global.circuit_breakers.relative_sys_load.recovery_threshold);
}

static struct weir_breaker_conf memory_conf(const struct weir_group_conf *g)
{
	return weir_breaker_of_memory(
		g->global.circuit_breakers.sys_memory_percentage.trigger_threshold);
}

/* A container's file systems are its host's business. */
static struct weir_breaker_conf disk_conf(const struct weir_group_conf *g)
{
	if (weir_machine_is_container(""))
		return weir_breaker_of_disk(0, 0);
	return weir_breaker_of_disk(
		g->global.circuit_breakers.free_disk.percentage_trigger_threshold,
		g->global.circuit_breakers.free_disk.absolute_trigger_threshold);
}

static const struct row {
	uint64_t bit;
	struct weir_breaker_conf (*conf)(const struct weir_group_conf *g);
	double (*measure)(const struct breakers *bs, const struct weir_group_conf *g, char *words,
			  size_t size);
} rows[BREAKERS] = {
	[BREAKER_LOAD] = { WEIR_EXCEPTION_SYSTEM_LOAD_CIRCUIT_BREAKER, load_conf, load_measure },
	[BREAKER_MEMORY] = { WEIR_EXCEPTION_FREE_MEM_EXCEEDED, memory_conf, memory_measure },
	[BREAKER_DISK] = { WEIR_EXCEPTION_FREE_DISK_CIRCUIT_BREAKER, disk_conf, disk_measure },
};

static void say(struct breakers *bs, int i, enum weir_breaker_event event,
		struct weir_exceptions *exceptions)
{
	struct breaker_state *s = &bs->of[i];

	if (event == WEIR_BREAKER_TRIPPED) {
		s->since_us = weir_clock_wall_ns() / WEIR_NS_PER_US;
		weir_exceptions_set(exceptions, rows[i].bit);
		weir_log_about(WEIR_LOG_ERR, "breaker", breaker_names[i],
			       "tripped, the capture stops: %s", s->words);
	} else if (event == WEIR_BREAKER_RECOVERED) {
		weir_exceptions_clear(exceptions, rows[i].bit);
		weir_log_about(WEIR_LOG_INFO, "breaker", breaker_names[i], "recovered: %s",
			       s->conf.trip > 0 ? s->words : "it is switched off");
	}
}

void breakers_look(struct breakers *bs, const struct weir_group_conf *group,
		   struct weir_exceptions *exceptions, uint64_t now_ns)
{
	for (int i = 0; i < BREAKERS; i++) {
		struct breaker_state *s = &bs->of[i];

		s->conf = rows[i].conf(group);
		s->value = NAN;
		if (s->conf.trip > 0)
			s->value = rows[i].measure(bs, group, s->words, sizeof(s->words));
		say(bs, i, weir_breaker_feed(&s->b, &s->conf, s->value, now_ns), exceptions);
	}
}

bool breakers_want_disks(const struct weir_group_conf *group)
{
	return disk_conf(group).trip > 0;
}

bool breakers_any(const struct breakers *bs)
{
	bool any = false;

	for (int i = 0; i < BREAKERS; i++)
		any |= bs->of[i].b.tripped;
	return any;
}

void breaker_recovery_text(const struct breakers *bs, int i, uint64_t now_ns, char *to, size_t size)
{
	static const char *const beyond[] = {
		[BREAKER_LOAD] = "below %.2f",
		[BREAKER_MEMORY] = "with at least %.1f %%",
		[BREAKER_DISK] = "at %.1f times the limits",
	};
	const struct breaker_state *s = &bs->of[i];
	const uint64_t at_ns = weir_breaker_recovers_ns(&s->b, &s->conf);
	size_t n = (size_t)snprintf(to, size, "it goes on by itself ");

	if (s->conf.hold_ns > 0 && n < size)
		n += (size_t)snprintf(to + n, size - n, "after %u s ",
				      (unsigned int)(s->conf.hold_ns / WEIR_NS_PER_S));
	if (n < size)
		n += (size_t)snprintf(to + n, size - n, beyond[i], s->conf.recover);
	if (at_ns > now_ns && n < size)
		snprintf(to + n, size - n, ", which is in %u s",
			 (unsigned int)((at_ns - now_ns) / WEIR_NS_PER_S));
}

bool breakers_end(const struct breakers *bs)
{
	const struct breaker_state *s = &bs->of[BREAKER_MEMORY];

	return s->conf.trip > 0 && s->value < END_SHARE * s->conf.trip;
}
