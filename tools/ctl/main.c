/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl: the operator's command.
 *
 * What it can do stands in two tables, commands and options; parsing (line.c) and every help text
 * (help.c) come from them.
 */
#include "command.h"
#include "field.h"

#include <weir_ctl.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define SNAPLEN_MIN 16

static int take_u32(uint32_t *to, const char *name, const char *value, uint32_t max,
		    struct weir_err *err)
{
	uint64_t n;

	if (filter_parse_u64(&n, value, max) != 0 || n == 0)
		return weir_err_set(err, EINVAL, "--%s %s: allowed are 1 to %u", name, value, max);
	*to = (uint32_t)n;
	return 0;
}

static int take_output(struct ctl *ctl, const char *value, struct weir_err *err)
{
	for (unsigned int i = 0; i < OUTPUT_FORMATS; i++) {
		if (strcmp(output_formats[i], value) == 0) {
			ctl->format = (enum output_format)i;
			return 0;
		}
	}
	return weir_err_set(err, EINVAL,
			    "--output %s: allowed are table, wide, json, yaml, jsonl and csv",
			    value);
}

static int take_file(struct ctl *ctl, const char *value, struct weir_err *err)
{
	(void)err;
	ctl->file = value;
	return 0;
}

static int take_store(struct ctl *ctl, const char *value, struct weir_err *err)
{
	(void)err;
	ctl->store = value;
	return 0;
}

static int take_ip(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_take_ip(&ctl->filter, value, err);
}

static int take_port(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_take_port(&ctl->filter, value, err);
}

static int take_protocol(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_take_protocol(&ctl->filter, value, err);
}

static int take_tap(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_take_tap(&ctl->filter, value, err);
}

static int take_close_type(struct ctl *ctl, const char *value, struct weir_err *err)
{
	ctl->filter.has_close_type = true;
	return field_close_parse(&ctl->filter.close_type, value, err);
}

static int take_where(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_take_where(&ctl->filter, value, err);
}

static int take_last(struct ctl *ctl, const char *value, struct weir_err *err)
{
	if (ctl->filter.since_ns != 0)
		return weir_err_set(err, EINVAL, "--last and --since: one of them says it");
	return filter_take_last(&ctl->filter, value, err);
}

static int take_since(struct ctl *ctl, const char *value, struct weir_err *err)
{
	if (ctl->filter.since_ns != 0)
		return weir_err_set(err, EINVAL, "--last and --since: one of them says it");
	return filter_parse_time(&ctl->filter.since_ns, value, err);
}

static int take_until(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_parse_time(&ctl->filter.until_ns, value, err);
}

static int take_limit(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_u32(&ctl->limit, "limit", value, 1000000000, err);
}

static int take_sort(struct ctl *ctl, const char *value, struct weir_err *err)
{
	(void)err;
	ctl->sort = value;
	return 0;
}

static int take_by(struct ctl *ctl, const char *value, struct weir_err *err)
{
	(void)err;
	ctl->by = value;
	return 0;
}

static int take_of(struct ctl *ctl, const char *value, struct weir_err *err)
{
	(void)err;
	ctl->of = value;
	return 0;
}

static int take_group_by(struct ctl *ctl, const char *value, struct weir_err *err)
{
	(void)err;
	ctl->group_by = value;
	return 0;
}

static int take_socket(struct ctl *ctl, const char *value, struct weir_err *err)
{
	(void)err;
	ctl->socket = value;
	return 0;
}

/* "10s", "500ms", "1.5": seconds, at most a year. */
static int take_span(double *to, const char *name, const char *value, struct weir_err *err)
{
	static const struct {
		const char *unit;
		double s;
	} units[] = { { "", 1 },   { "ms", 1e-3 }, { "s", 1 },
		      { "m", 60 }, { "h", 3600 },  { "d", 86400 } };
	char *end;
	double n = strtod(value, &end);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(units); i++) {
		if (value[0] < '0' || value[0] > '9' || strcmp(end, units[i].unit) != 0)
			continue;
		*to = n * units[i].s;
		if (*to >= 0.001 && *to <= 366 * 86400.0)
			return 0;
	}
	return weir_err_set(err, EINVAL, "--%s %s: must be a time, as 10s, 500ms or 5m", name,
			    value);
}

static int take_interval(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_span(&ctl->interval_s, "interval", value, err);
}

static int take_for(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_span(&ctl->for_s, "for", value, err);
}

static int take_count(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_u32(&ctl->count, "count", value, UINT32_MAX, err);
}

static int take_write(struct ctl *ctl, const char *value, struct weir_err *err)
{
	(void)err;
	ctl->write = value;
	return 0;
}

static int take_snaplen(struct ctl *ctl, const char *value, struct weir_err *err)
{
	if (take_u32(&ctl->snaplen, "snaplen", value, WEIR_FRAME_MAX, err) != 0)
		return -err->code;
	if (ctl->snaplen >= SNAPLEN_MIN)
		return 0;
	return weir_err_set(err, EINVAL, "--snaplen %s: allowed are %d to %d", value, SNAPLEN_MIN,
			    WEIR_FRAME_MAX);
}

static int take_comment(struct ctl *ctl, const char *value, struct weir_err *err)
{
	(void)err;
	ctl->comment = value;
	return 0;
}

static int take_effective(struct ctl *ctl, const char *value, struct weir_err *err)
{
	(void)value;
	(void)err;
	ctl->effective = true;
	return 0;
}

const struct option_row ctl_options[] = {
	{ 'o', "output", "FORMAT", FOR_ALL, take_output,
	  "table, wide, json, yaml, jsonl or csv (table)" },
	{ 0, "store", "DIR", FOR_FLOW, take_store,
	  "ask the store of this directory (" CTL_STORE ")" },
	{ 0, "file", "PATH", FOR_FLOW, take_file,
	  "ask this record file, or directory of them, as written by replay --records" },
	{ 0, "ip", "ADDRESS", FOR_FLOW | FOR_WATCH | FOR_MANY, take_ip,
	  "either end is this address, or in this prefix; of several (a,b, or given again) any" },
	{ 0, "port", "PORT", FOR_FLOW | FOR_WATCH, take_port, "either end's port" },
	{ 0, "protocol", "NAME", FOR_FLOW | FOR_WATCH, take_protocol,
	  "tcp, udp, icmp ... or a number" },
	{ 0, "tap", "NUMBER", FOR_FLOW | FOR_WATCH, take_tap, "seen at this tap" },
	{ 0, "close-type", "NAME", FOR_FLOW | FOR_WATCH, take_close_type,
	  "why it ended: normal, timeout, server-rst ... or a number; open: it goes on" },
	{ 0, "where", "CONDITION", FOR_FLOW | FOR_WATCH, take_where,
	  "and this holds, as 'byte_tx > 1M and server_port in (80, 443)'; see below" },
	{ 0, "last", "TIME", FOR_FLOW, take_last, "not ended before so long ago: 10m (s m h d)" },
	{ 0, "since", "TIME", FOR_FLOW, take_since,
	  "not ended before: 15m (ago; s m h d), 2023-11-14 22:13:20, or epoch seconds" },
	{ 0, "until", "TIME", FOR_FLOW, take_until, "started before; written as --since" },
	{ 0, "limit", "N", FOR_LIST | FOR_TOP | FOR_WATCH, take_limit, "at most so many rows" },
	{ 0, "sort", "FIELD", FOR_LIST, take_sort,
	  "by this field of flow show; -FIELD: largest first (a store: end_time; files: as they are)" },
	{ 0, "by", "WHAT", FOR_TOP, take_by,
	  "byte, packet, flow, retrans, zero_win or syn (byte)" },
	{ 0, "of", "WHOM", FOR_TOP, take_of, "server, client, port or pair (server)" },
	{ 0, "group-by", "FIELDS", FOR_TOP, take_group_by,
	  "in place of --of: one field of flow show, or two with a comma between" },
	{ 0, "socket", "PATH", FOR_AGENT, take_socket,
	  "ask the agent whose control socket this is (" WEIR_CTL_PATH ")" },
	{ 'c', "count", "N", FOR_CAPTURE, take_count, "end after so many packets" },
	{ 'w', "write", "FILE", FOR_CAPTURE, take_write, "pcapng; - is standard output" },
	{ 's', "snaplen", "BYTES", FOR_CAPTURE, take_snaplen, "keep so much of a packet (all)" },
	{ 0, "for", "TIME", FOR_CAPTURE, take_for, "end after this time: 10s, 500ms, 5m" },
	{ 0, "comment", "TEXT", FOR_CAPTURE, take_comment, "for the head of the file" },
	{ 'f', "file", "FILE", FOR_PLAN, take_file, "the group configuration, YAML" },
	{ 0, "effective", NULL, FOR_SHOW, take_effective,
	  "every setting, not only what was given" },
	{ 0, "interval", "TIME", FOR_PORT_TOP, take_interval, "between two looks (1s)" },
	{ 0, "count", "N", FOR_PORT_TOP, take_count,
	  "end after so many intervals (1; on a terminal: go on until Ctrl-C)" },
};

const size_t ctl_n_options = WEIR_ARRAY_SIZE(ctl_options);

static const char capture_text[] =
	"FILTER is an expression as tcpdump takes it: host 10.0.0.1 and port 443. A file that is\n"
	"there is written over. Ctrl-C ends in order: the file then says what was dropped, too.\n";

static const char explain_text[] =
	"KEY is a path as in a file, an older name of it, or its last word where no other setting has it:\n"
	"inputs.cbpf.common.capture_mode, tap_mode, capture_mode. Settings of the box, too.\n";

const struct command ctl_commands[] = {
	{ "flow", "list", NULL, FOR_FLOW | FOR_LIST, ctl_flow_list, "flow records, one a line",
	  weir_expr_grammar },
	{ "flow", "top", NULL, FOR_FLOW | FOR_TOP, ctl_flow_top,
	  "who has most bytes, packets, flows, retransmissions ...", weir_expr_grammar },
	{ "flow", "watch", NULL, FOR_AGENT | FOR_WATCH, ctl_flow_watch,
	  "flow records as the agent makes them, until Ctrl-C", weir_expr_grammar },
	{ "flow", "show", "FLOW_ID", FOR_FLOW, ctl_flow_show,
	  "all that is known of a flow, its reports merged", weir_expr_grammar },
	{ "status", NULL, NULL, FOR_AGENT, ctl_status,
	  "the way of a packet from link to disk, and where it is broken", NULL },
	{ "port", "list", NULL, FOR_AGENT, ctl_port_list, "ports, and what they received", NULL },
	{ "port", "show", "PORT", FOR_AGENT, ctl_port_show, "all that is known of a port", NULL },
	{ "port", "drops", "[PORT]", FOR_AGENT, ctl_port_drops,
	  "what became of every packet, and what to change", NULL },
	{ "port", "top", "[PORT]", FOR_AGENT | FOR_PORT_TOP, ctl_port_top,
	  "rates of ports and workers", NULL },
	{ "config", "show", NULL, FOR_AGENT | FOR_SHOW, ctl_config_show,
	  "the group configuration in force: values, who gave them, since when", NULL },
	{ "config", "plan", NULL, FOR_AGENT | FOR_PLAN, ctl_config_plan,
	  "what a group configuration would change, and what that does", NULL },
	{ "config", "explain", "KEY", FOR_AGENT, ctl_config_explain,
	  "all about a setting; its value, too, where an agent runs", explain_text },
	{ "reload", NULL, NULL, FOR_AGENT, ctl_reload,
	  "have the agent read its configurations again", NULL },
	{ "capture", NULL, "PORT [FILTER...]", FOR_AGENT | FOR_CAPTURE, ctl_capture,
	  "packets of a port or tap to a file, as pcapng", capture_text },
};

const size_t ctl_n_commands = WEIR_ARRAY_SIZE(ctl_commands);

void ctl_complain(const struct weir_err *err)
{
	fflush(stdout);
	fprintf(stderr, "weirctl: %s\n", err->msg);
}

static bool help(const struct line *line)
{
	struct weir_err err;
	const struct command *c;

	if (!line->help)
		return false;
	c = line_command(line, &err);
	help_print(c, line->n > 0 && line_noun_exists(line->word[0]) ? line->word[0] : NULL);
	return true;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	struct weir_err err = { 0 };
	struct line line = { 0 };
	const struct command *command;
	enum ctl_exit code = CTL_USAGE;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("weirctl " WEIR_VERSION);
		return CTL_OK;
	}
	if (line_split(&line, argc, argv, &err) != 0)
		goto out;
	if (help(&line))
		return CTL_OK;
	signal(SIGPIPE, SIG_IGN); /* who reads has enough: no failure, see output_end() */
	command = line_command(&line, &err);
	if (command == NULL || line_take(&ctl, &line, command, &err) != 0)
		goto out;
	code = command->run(&ctl, &err);
out:
	if (err.code != 0)
		ctl_complain(&err);
	filter_fini(&ctl.filter);
	return (int)code;
}
