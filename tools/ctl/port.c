/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl port list, show, drops. */
#include "port.h"

#include "agent.h"
#include "rows.h"

#include <weir_stats.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

json_t *port_ask(const struct ctl *ctl, struct weir_err *err)
{
	json_t *answer = agent_ask(ctl, "ports", NULL, err);

	if (answer != NULL && !json_is_array(json_object_get(answer, "ports"))) {
		weir_err_set(err, EPROTO, "ports: the agent names none: is it of this version?");
		json_decref(answer);
		return NULL;
	}
	return answer;
}

const struct weir_outcome_info *port_outcome(const char *name)
{
	for (unsigned int i = 0; i < WEIR_OUTCOMES; i++)
		if (strcmp(weir_outcomes[i].name, name) == 0)
			return &weir_outcomes[i];
	return NULL;
}

uint64_t port_dropped(const json_t *port)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < WEIR_OUTCOMES; i++)
		if (weir_outcomes[i].loss)
			n += agent_u64(json_object_get(json_object_get(port, "outcomes"),
						       weir_outcomes[i].name),
				       "packets");
	return n;
}

static bool has_name(const json_t *port, const char *name)
{
	return strcmp(agent_text(port, "name"), name) == 0;
}

static bool has_tap(const json_t *port, const char *name)
{
	return strcmp(agent_text(port, "tap"), name) == 0;
}

static void add_all(json_t *to, json_t *ports, const char *name,
		    bool (*matches)(const json_t *port, const char *name))
{
	json_t *port;
	size_t i;

	json_array_foreach(ports, i, port)
		if (name == NULL || matches(port, name))
			json_array_append(to, port);
}

/* "eth0, eth1": what there is instead. */
static void names_of(char *to, size_t room, const json_t *ports)
{
	const json_t *port;
	size_t i, n = 0;

	to[0] = '\0';
	json_array_foreach(ports, i, port)
		if (n < room)
			n += (size_t)snprintf(to + n, room - n, "%s%s", i > 0 ? ", " : "",
					      agent_text(port, "name"));
}

json_t *port_choose(const json_t *answer, const char *name, struct weir_err *err)
{
	json_t *ports = json_object_get(answer, "ports");
	json_t *chosen = json_array();
	char names[200];

	add_all(chosen, ports, name, has_name);
	if (name == NULL || json_array_size(chosen) > 0)
		return chosen;
	add_all(chosen, ports, name, has_tap);
	if (json_array_size(chosen) > 0)
		return chosen;
	json_decref(chosen);
	names_of(names, sizeof(names), ports);
	weir_err_set(err, ENOENT, "port %s: there is no such port or tap; ports are: %s", name,
		     names[0] != '\0' ? names : "none");
	return NULL;
}

static const struct rows_column list_columns[] = {
	{ "PORT", "name", ROWS_TEXT, false, NULL },
	{ "TAP", "tap", ROWS_TEXT, false, NULL },
	{ "STATE", "state", ROWS_TEXT, false, NULL },
	{ "SINCE", "since_us", ROWS_TIME, false, NULL },
	{ "DRIVER", "driver", ROWS_TEXT, false, NULL },
	{ "DEVICE", "device_driver", ROWS_TEXT, true, NULL },
	{ "QUEUES", "queues", ROWS_NUMBER, false, NULL },
	{ "MTU", "mtu", ROWS_NUMBER, true, NULL },
	{ "MBIT/S", "speed_mbps", ROWS_NUMBER, true, NULL },
	{ "RECEIVED", "received", ROWS_COUNT, false, NULL },
	{ "BYTES", "bytes", ROWS_COUNT, false, NULL },
	{ "MISSED", "missed", ROWS_COUNT, false, "unknown" },
	{ "DROPPED", "dropped", ROWS_COUNT, false, NULL },
	{ "LATE", "late", ROWS_COUNT, true, NULL },
	{ "LINEARISED", "linearised", ROWS_COUNT, true, NULL },
	{ "CUT", "cut", ROWS_COUNT, true, NULL },
	{ "TORN", "torn", ROWS_COUNT, true, NULL },
	{ "DOWNS", "downs", ROWS_NUMBER, true, NULL },
	{ "RETURNS", "returns", ROWS_NUMBER, true, NULL },
	{ "PROMISC", "promiscuous", ROWS_TEXT, true, NULL },
	{ "SNAPLEN", "snaplen", ROWS_NUMBER, true, NULL },
	{ "FILTER", "filter", ROWS_TEXT, true, NULL },
	{ "ERROR", "error", ROWS_TEXT, false, NULL },
};

static void add_dropped(json_t *ports)
{
	json_t *port;
	size_t i;

	json_array_foreach(ports, i, port)
		json_object_set_new(port, "dropped", json_integer((json_int_t)port_dropped(port)));
}

/* The ports of `ctl->name`, or all. NULL with the exit code and `err` set. */
static json_t *chosen_ports(const struct ctl *ctl, enum ctl_exit *code, struct weir_err *err)
{
	json_t *answer = port_ask(ctl, err), *ports = NULL;

	if (answer != NULL)
		ports = port_choose(answer, ctl->name, err);
	*code = ports != NULL ? CTL_OK : agent_exit(err);
	json_decref(answer);
	return ports;
}

enum ctl_exit ctl_port_list(struct ctl *ctl, struct weir_err *err)
{
	enum ctl_exit code;
	json_t *ports = chosen_ports(ctl, &code, err);

	if (ports == NULL)
		return code;
	add_dropped(ports);
	if (rows_print(ctl->format, list_columns, WEIR_ARRAY_SIZE(list_columns), ports, err) != 0)
		code = CTL_FAILED;
	json_decref(ports);
	return code;
}

static void show_port(const json_t *port)
{
	char text[ROWS_TEXT_MAX];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(list_columns); i++) {
		struct rows_column c = list_columns[i];

		if (c.kind == ROWS_COUNT)
			c.kind = ROWS_NUMBER;
		rows_text(text, &c, port);
		printf("%-14s  %s\n", c.key, text);
	}
}

enum ctl_exit ctl_port_show(struct ctl *ctl, struct weir_err *err)
{
	enum ctl_exit code;
	json_t *ports = chosen_ports(ctl, &code, err);
	const json_t *port;
	size_t i;
	int rc;

	if (ports == NULL)
		return code;
	add_dropped(ports);
	if (ctl->format != OUTPUT_TABLE && ctl->format != OUTPUT_WIDE) {
		rc = rows_print(ctl->format, list_columns, WEIR_ARRAY_SIZE(list_columns), ports,
				err);
	} else {
		json_array_foreach(ports, i, port) {
			if (i > 0)
				putchar('\n');
			show_port(port);
		}
		rc = rows_flush(err);
	}
	json_decref(ports);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

/* A row of the waterfall: what came, what was missed, and each outcome. */
static void add_step(json_t *rows, const json_t *port, const char *step, json_t *packets, double of,
		     const char *what, const char *meaning, const char *remedy, json_t *since)
{
	json_t *share = json_is_null(packets) || of <= 0
				? json_null()
				: json_real(json_number_value(packets) / of);

	json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:s,s:s,s:s}", "port",
					      agent_text(port, "name"), "tap",
					      agent_text(port, "tap"), "step", step, "packets",
					      packets, "share", share, "since_us", since, "kind",
					      what, "meaning", meaning, "remedy", remedy));
}

static json_t *copy_of(const json_t *object, const char *key)
{
	json_t *v = json_object_get(object, key);

	return v != NULL ? json_incref(v) : json_null();
}

static void add_outcome(json_t *rows, const json_t *port, const char *name, const json_t *outcome,
			double of)
{
	const struct weir_outcome_info *info = port_outcome(name);
	uint64_t n = agent_u64(outcome, "packets");

	add_step(rows, port, name, json_integer((json_int_t)n), of,
		 info == NULL ? "other"
		 : info->loss ? "loss"
			      : "outcome",
		 info != NULL ? info->help
			      : "this weirctl does not know it: it is older than the agent",
		 info != NULL && n > 0 ? info->remedy : "", copy_of(outcome, "since_us"));
}

static uint64_t sum_of(const json_t *outcomes)
{
	uint64_t n = 0;
	const char *name;
	json_t *outcome;

	json_object_foreach((json_t *)(uintptr_t)outcomes, name, outcome)
		n += agent_u64(outcome, "packets");
	return n;
}

static void add_port(json_t *rows, const json_t *port)
{
	const json_t *outcomes = json_object_get(port, "outcomes");
	uint64_t received = agent_u64(port, "received"), missed = agent_u64(port, "missed");
	int64_t gap = (int64_t)(received - sum_of(outcomes));
	double of = (double)(received + missed);
	const char *name;
	json_t *outcome;

	add_step(rows, port, "missed", copy_of(port, "missed"), of, "loss",
		 "lost before weir by NIC or kernel",
		 agent_is_null(port, "missed") ? "this port cannot tell"
		 : missed > 0                  ? "see weirctl status"
					       : "",
		 json_null());
	add_step(rows, port, "received", json_integer((json_int_t)received), of, "sum",
		 "handed to weir", "", json_null());
	json_object_foreach((json_t *)(uintptr_t)outcomes, name, outcome)
		add_outcome(rows, port, name, outcome, of);
	if (gap != 0)
		add_step(rows, port, "in_work", json_integer(gap), of, "sum",
			 "not counted yet: the port is busy", "", json_null());
}

static const struct rows_column drop_columns[] = {
	{ "PORT", "port", ROWS_TEXT, false, NULL },
	{ "TAP", "tap", ROWS_TEXT, true, NULL },
	{ "STEP", "step", ROWS_TEXT, false, NULL },
	{ "PACKETS", "packets", ROWS_NUMBER, false, "unknown" },
	{ "SHARE", "share", ROWS_SHARE, false, NULL },
	{ "KIND", "kind", ROWS_TEXT, false, NULL },
	{ "SINCE", "since_us", ROWS_TIME, false, NULL },
	{ "WHAT IT MEANS", "meaning", ROWS_TEXT, false, NULL },
	{ "WHAT TO CHANGE", "remedy", ROWS_TEXT, false, "" },
};

enum ctl_exit ctl_port_drops(struct ctl *ctl, struct weir_err *err)
{
	enum ctl_exit code;
	json_t *ports = chosen_ports(ctl, &code, err), *rows;
	const json_t *port;
	size_t i;

	if (ports == NULL)
		return code;
	rows = json_array();
	json_array_foreach(ports, i, port)
		add_port(rows, port);
	if (rows_print(ctl->format, drop_columns, WEIR_ARRAY_SIZE(drop_columns), rows, err) != 0)
		code = CTL_FAILED;
	json_decref(rows);
	json_decref(ports);
	return code;
}
