/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl: the operator's command.
 *
 * What it can do stands in two tables, commands and options; parsing and every help text come from
 * them.
 */
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Which commands an option belongs to; bits of a command's row. */
enum { FOR_ALL = 1 << 0, FOR_FLOW = 1 << 1, FOR_LIST = 1 << 2, FOR_TOP = 1 << 3 };

struct option_row {
	char letter; /* 0 = none */
	const char *name;
	const char *arg; /* NULL = none is taken */
	unsigned int commands;
	int (*take)(struct ctl *ctl, const char *value, struct weir_err *err);
	const char *help;
};

struct command {
	const char *noun;
	const char *verb;
	const char *arg; /* the NAME it needs, NULL = none */
	unsigned int options;
	enum ctl_exit (*run)(struct ctl *ctl, struct weir_err *err);
	const char *help;
};

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

static const struct option_row options[] = {
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

static const struct command commands[] = {
	{ "flow", "list", NULL, FOR_FLOW | FOR_LIST, ctl_flow_list, "flow records, one a line" },
	{ "flow", "top", NULL, FOR_FLOW | FOR_TOP, ctl_flow_top,
	  "who has most bytes, packets, flows, retransmissions ..." },
	{ "flow", "show", "FLOW_ID", FOR_FLOW, ctl_flow_show,
	  "all that is known of a flow, its reports merged" },
};

static const struct {
	enum ctl_exit code;
	const char *help;
} exits[] = {
	{ CTL_OK, "done" },
	{ CTL_FAILED, "failed" },
	{ CTL_USAGE, "the command line makes no sense" },
	{ CTL_NOT_FOUND, "what was named does not exist" },
	{ CTL_PARTIAL, "done, but part of the input could not be read" },
};

void ctl_complain(const struct weir_err *err)
{
	fflush(stdout);
	fprintf(stderr, "weirctl: %s\n", err->msg);
}

static void help_options(unsigned int which)
{
	char left[32];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(options); i++) {
		const struct option_row *o = &options[i];

		if ((o->commands & which) == 0)
			continue;
		snprintf(left, sizeof(left), "--%s %s", o->name, o->arg);
		if (o->letter != 0)
			printf("  -%c, %-20s  %s\n", o->letter, left, o->help);
		else
			printf("      %-20s  %s\n", left, o->help);
	}
	if (which & FOR_ALL)
		printf("  -h, %-20s  this text; behind a noun or verb, theirs\n", "--help");
}

static void help_command(const struct command *c)
{
	printf("weirctl %s %s%s%s [OPTIONS]: %s\n\n", c->noun, c->verb, c->arg != NULL ? " " : "",
	       c->arg != NULL ? c->arg : "", c->help);
	help_options(c->options);
	help_options(FOR_ALL);
}

/* All commands, or those of one noun. */
static void help_list(const char *noun)
{
	char left[48];

	printf("weirctl [OPTIONS] NOUN VERB [NAME] [OPTIONS]\n\n");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];

		if (noun != NULL && strcmp(noun, c->noun) != 0)
			continue;
		snprintf(left, sizeof(left), "%s %s %s", c->noun, c->verb,
			 c->arg != NULL ? c->arg : "");
		printf("  %-24s  %s\n", left, c->help);
	}
	printf("\n");
	help_options(FOR_ALL);
	printf("      %-20s  the version\n", "--version");
	printf("\nExit codes:");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(exits); i++)
		printf("%s %d %s", i > 0 ? ";" : "", exits[i].code, exits[i].help);
	printf("\n");
}

/* What the words of a command line are, before anything is done. */
struct words {
	const char *word[3]; /* noun, verb, name */
	unsigned int n;
	const char *value[WEIR_ARRAY_SIZE(options)]; /* of each option, NULL = not given */
	bool help;
};

static const struct option_row *option_find(const char *arg, size_t len)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(options); i++) {
		if (arg[1] != '-' && len == 2 && options[i].letter == arg[1])
			return &options[i];
		if (arg[1] == '-' && strlen(options[i].name) == len - 2 &&
		    memcmp(options[i].name, arg + 2, len - 2) == 0)
			return &options[i];
	}
	return NULL;
}

/* Takes argv[*i], and the word behind it where that is its value. */
static int option_split(struct words *w, int argc, char **argv, int *i, struct weir_err *err)
{
	const char *arg = argv[*i];
	size_t len = strcspn(arg, "=");
	const struct option_row *o = option_find(arg, len);

	if (o == NULL)
		return weir_err_set(err, EINVAL, "%s: no such option; weirctl --help lists them",
				    arg);
	if (arg[len] != '=' && *i + 1 == argc)
		return weir_err_set(err, EINVAL, "%s: needs a value: %s", arg, o->help);
	if (w->value[o - options] != NULL)
		return weir_err_set(err, EINVAL, "--%s: is given twice", o->name);
	w->value[o - options] = arg[len] == '=' ? arg + len + 1 : argv[++*i];
	return 0;
}

static int split(struct words *w, int argc, char **argv, struct weir_err *err)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			w->help = true;
		} else if (argv[i][0] == '-' && argv[i][1] != '\0') {
			if (option_split(w, argc, argv, &i, err) != 0)
				return -err->code;
		} else if (w->n == WEIR_ARRAY_SIZE(w->word)) {
			return weir_err_set(err, EINVAL, "%s: one word too many", argv[i]);
		} else {
			w->word[w->n++] = argv[i];
		}
	}
	return 0;
}

static bool noun_exists(const char *noun)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].noun, noun) == 0)
			return true;
	return false;
}

static const struct command *command_find(const struct words *w, struct weir_err *err)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(commands); i++)
		if (w->n >= 2 && strcmp(commands[i].noun, w->word[0]) == 0 &&
		    strcmp(commands[i].verb, w->word[1]) == 0)
			return &commands[i];
	if (w->n == 0)
		weir_err_set(err, EINVAL,
			     "a noun and a verb are needed; weirctl --help lists them");
	else if (!noun_exists(w->word[0]))
		weir_err_set(err, EINVAL, "%s: no such noun; weirctl --help lists them",
			     w->word[0]);
	else if (w->n == 1)
		weir_err_set(err, EINVAL, "%s: a verb is needed; weirctl %s --help lists them",
			     w->word[0], w->word[0]);
	else
		weir_err_set(err, EINVAL, "%s %s: no such verb; weirctl %s --help lists them",
			     w->word[0], w->word[1], w->word[0]);
	return NULL;
}

static int configure(struct ctl *ctl, const struct command *c, const struct words *w,
		     struct weir_err *err)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(options); i++) {
		const struct option_row *o = &options[i];

		if (w->value[i] == NULL)
			continue;
		if ((o->commands & (c->options | FOR_ALL)) == 0)
			return weir_err_set(err, EINVAL, "--%s: not an option of %s %s", o->name,
					    c->noun, c->verb);
		if (o->take(ctl, w->value[i], err) != 0)
			return -err->code;
	}
	ctl->name = w->n > 2 ? w->word[2] : NULL;
	if (c->arg != NULL && ctl->name == NULL)
		return weir_err_set(err, EINVAL, "%s %s: needs %s", c->noun, c->verb, c->arg);
	if (c->arg == NULL && ctl->name != NULL)
		return weir_err_set(err, EINVAL, "%s %s: %s is one word too many", c->noun, c->verb,
				    ctl->name);
	if ((c->options & FOR_FLOW) && ctl->file == NULL)
		return weir_err_set(err, EINVAL,
				    "%s %s: needs --file PATH, record files as written by "
				    "weir-agent replay --records",
				    c->noun, c->verb);
	return 0;
}

static bool help(const struct words *w)
{
	struct weir_err err;
	const struct command *c;

	if (!w->help)
		return false;
	c = command_find(w, &err);
	if (c != NULL)
		help_command(c);
	else
		help_list(w->n > 0 && noun_exists(w->word[0]) ? w->word[0] : NULL);
	return true;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	struct weir_err err = { 0 };
	struct words words = { 0 };
	const struct command *command;
	enum ctl_exit code = CTL_USAGE;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("weirctl " WEIR_VERSION);
		return CTL_OK;
	}
	if (split(&words, argc, argv, &err) != 0)
		goto out;
	if (help(&words))
		return CTL_OK;
	command = command_find(&words, &err);
	if (command == NULL || configure(&ctl, command, &words, &err) != 0)
		goto out;
	code = command->run(&ctl, &err);
out:
	if (err.code != 0)
		ctl_complain(&err);
	return (int)code;
}
