/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl port top: rates, made of two answers. */
#include "agent.h"
#include "port.h"
#include "rows.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define CLEAR "\033[H\033[2J"

/* Two answers, and the time between. */
struct span {
	const json_t *before, *after;
	double s;
};

/* A counter's growth a second; null where it is not known, or began anew. */
static json_t *rate_of(const struct span *t, const json_t *before, const json_t *after,
		       const char *key, double unit)
{
	uint64_t a = agent_u64(before, key), b = agent_u64(after, key);

	if (agent_is_null(before, key) || agent_is_null(after, key) || b < a || t->s <= 0)
		return json_null();
	return json_real((double)(b - a) * unit / t->s);
}

static json_t *drop_rate(const struct span *t, const json_t *before, const json_t *after)
{
	uint64_t a = port_dropped(before), b = port_dropped(after);

	if (before == NULL || b < a || t->s <= 0)
		return json_null();
	return json_real((double)(b - a) / t->s);
}

/* The same port, or worker, in the answer before. */
static const json_t *find(const json_t *list, const json_t *row, const char *key)
{
	const json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
		if (json_equal(json_object_get(other, key), json_object_get(row, key)))
			return other;
	return NULL;
}

static json_t *share_of(const json_t *before, const json_t *after, const char *part,
			const char *whole)
{
	uint64_t n = agent_u64(after, part) - agent_u64(before, part);
	uint64_t of = agent_u64(after, whole) - agent_u64(before, whole);

	if (before == NULL || of == 0 || n > of)
		return json_null();
	return json_real((double)n / (double)of);
}

static void add_ports(json_t *rows, const struct span *t, const json_t *chosen)
{
	const json_t *before = json_object_get(t->before, "ports"), *port;
	size_t i;

	json_array_foreach(chosen, i, port) {
		const json_t *was = find(before, port, "name");

		json_array_append_new(rows,
				      json_pack("{s:I,s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "time_us",
						(json_int_t)agent_u64(t->after, "now_us"), "kind",
						"port", "name", agent_text(port, "name"), "tap",
						agent_text(port, "tap"), "state",
						agent_text(port, "state"), "packets_per_s",
						rate_of(t, was, port, "received", 1), "bits_per_s",
						rate_of(t, was, port, "bytes", 8), "missed_per_s",
						rate_of(t, was, port, "missed", 1), "drops_per_s",
						drop_rate(t, was, port)));
	}
}

static void copy(json_t *to, const json_t *from, const char *key)
{
	json_object_set(to, key, json_object_get(from, key));
}

static void add_workers(json_t *rows, const struct span *t)
{
	const json_t *before = json_object_get(t->before, "workers"), *worker;
	char name[24];
	size_t i;

	json_array_foreach(json_object_get(t->after, "workers"), i, worker) {
		const json_t *was = find(before, worker, "id");
		json_t *row;

		snprintf(name, sizeof(name), "%llu", (unsigned long long)agent_u64(worker, "id"));
		row = json_pack("{s:I,s:s,s:s,s:o,s:o}", "time_us",
				(json_int_t)agent_u64(t->after, "now_us"), "kind", "worker", "name",
				name, "packets_per_s", rate_of(t, was, worker, "packets", 1),
				"busy", share_of(was, worker, "busy_cycles", "cycles"));
		copy(row, worker, "ring_used");
		copy(row, worker, "ring_slots");
		copy(row, worker, "records_used");
		copy(row, worker, "records_slots");
		copy(row, worker, "flows");
		copy(row, worker, "flow_capacity");
		json_array_append_new(rows, row);
	}
}

static const struct rows_column columns[] = {
	{ "KIND", "kind", ROWS_TEXT, false, NULL },
	{ "NAME", "name", ROWS_TEXT, false, NULL },
	{ "TAP", "tap", ROWS_TEXT, false, NULL },
	{ "STATE", "state", ROWS_TEXT, false, NULL },
	{ "PACKETS/S", "packets_per_s", ROWS_COUNT, false, NULL },
	{ "BITS/S", "bits_per_s", ROWS_COUNT, false, NULL },
	{ "MISSED/S", "missed_per_s", ROWS_COUNT, false, NULL },
	{ "DROPS/S", "drops_per_s", ROWS_COUNT, false, NULL },
	{ "BUSY", "busy", ROWS_SHARE, false, NULL },
	{ "RING", "ring_used", ROWS_NUMBER, false, NULL },
	{ "OF", "ring_slots", ROWS_NUMBER, false, NULL },
	{ "RECORDS", "records_used", ROWS_NUMBER, true, NULL },
	{ "OF", "records_slots", ROWS_NUMBER, true, NULL },
	{ "FLOWS", "flows", ROWS_COUNT, false, NULL },
	{ "OF", "flow_capacity", ROWS_COUNT, true, NULL },
	{ "TIME", "time_us", ROWS_TIME, true, NULL },
};

static enum ctl_exit show(const struct ctl *ctl, const struct span *t, bool redraw,
			  struct weir_err *err)
{
	json_t *chosen = port_choose(t->after, ctl->name, err), *rows;
	int rc;

	if (chosen == NULL)
		return agent_exit(err);
	rows = json_array();
	add_ports(rows, t, chosen);
	add_workers(rows, t);
	if (redraw) {
		fputs(CLEAR, stdout);
		fflush(stdout); /* the titles are on standard error */
	}
	rc = rows_print(ctl->format, columns, WEIR_ARRAY_SIZE(columns), rows, err);
	json_decref(rows);
	json_decref(chosen);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

/* A missed value that is not told by the port, in either answer, is "unknown", not a rate. */
static double seconds_between(const json_t *before, const json_t *after)
{
	uint64_t a = agent_u64(before, "now_us"), b = agent_u64(after, "now_us");

	return b > a ? (double)(b - a) / 1e6 : 0;
}

static void wait_s(double s, const volatile sig_atomic_t *stop)
{
	struct timespec ts = { .tv_sec = (time_t)s, .tv_nsec = (long)((s - floor(s)) * 1e9) };

	if (!*stop)
		nanosleep(&ts, NULL);
}

enum ctl_exit ctl_port_top(struct ctl *ctl, struct weir_err *err)
{
	const volatile sig_atomic_t *stop = agent_stop_on_signals();
	const bool redraw = output_is_for_people(ctl->format) && isatty(STDOUT_FILENO);
	uint32_t left = ctl->count > 0 ? ctl->count : redraw ? UINT32_MAX : 1;
	struct span t = { .before = port_ask(ctl, err) };
	json_t *before = (json_t *)(uintptr_t)t.before, *after;
	enum ctl_exit code = before != NULL ? CTL_OK : agent_exit(err);

	for (; code == CTL_OK && left > 0; left--) {
		wait_s(ctl->interval_s > 0 ? ctl->interval_s : 1, stop);
		if (*stop)
			break;
		after = port_ask(ctl, err);
		if (after == NULL) {
			code = agent_exit(err);
			break;
		}
		t = (struct span){ before, after, seconds_between(before, after) };
		code = show(ctl, &t, redraw, err);
		json_decref(before);
		before = after;
	}
	json_decref(before);
	return code;
}
