/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl: the operator's command.
 *
 * What it can do stands in two tables, commands and options; parsing (line.c) and every help text
 * (help.c) come from them.
 */
#include "command.h"

#include <errno.h>
#include <stdio.h>

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

static int take_since(struct ctl *ctl, const char *value, struct weir_err *err)
{
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

const struct option_row ctl_options[] = {
	{ 'o', "output", "FORMAT", FOR_ALL, take_output,
	  "table, wide, json, yaml, jsonl or csv (table)" },
	{ 0, "file", "PATH", FOR_FLOW, take_file,
	  "record file, or directory of record files, as written by replay --records" },
	{ 0, "ip", "ADDRESS", FOR_FLOW, take_ip, "either end is this address, or in this prefix" },
	{ 0, "port", "PORT", FOR_FLOW, take_port, "either end's port" },
	{ 0, "protocol", "NAME", FOR_FLOW, take_protocol, "tcp, udp, icmp ... or a number" },
	{ 0, "since", "TIME", FOR_FLOW, take_since,
	  "not ended before: 15m (ago; s m h d), 2023-11-14 22:13:20, or epoch seconds" },
	{ 0, "until", "TIME", FOR_FLOW, take_until, "started before; written as --since" },
	{ 0, "limit", "N", FOR_LIST | FOR_TOP, take_limit, "at most so many rows" },
	{ 0, "sort", "FIELD", FOR_LIST, take_sort,
	  "by this field of flow show; -FIELD: largest first (order of the files)" },
	{ 0, "by", "WHAT", FOR_TOP, take_by,
	  "byte, packet, flow, retrans, zero_win or syn (byte)" },
	{ 0, "of", "WHOM", FOR_TOP, take_of, "server, client, port or pair (server)" },
};

const size_t ctl_n_options = WEIR_ARRAY_SIZE(ctl_options);

const struct command ctl_commands[] = {
	{ "flow", "list", NULL, FOR_FLOW | FOR_LIST, ctl_flow_list, "flow records, one a line",
	  NULL },
	{ "flow", "top", NULL, FOR_FLOW | FOR_TOP, ctl_flow_top,
	  "who has most bytes, packets, flows, retransmissions ...", NULL },
	{ "flow", "show", "FLOW_ID", FOR_FLOW, ctl_flow_show,
	  "all that is known of a flow, its reports merged", NULL },
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
	command = line_command(&line, &err);
	if (command == NULL || line_take(&ctl, &line, command, &err) != 0)
		goto out;
	code = command->run(&ctl, &err);
out:
	if (err.code != 0)
		ctl_complain(&err);
	return (int)code;
}
