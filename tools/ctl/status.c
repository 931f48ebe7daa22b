/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl status: the way of a packet, hop by hop from link to disk, and where it is broken. */
#include "agent.h"
#include "rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct rows_column columns[] = {
	{ "STATE", "state", ROWS_TEXT, false, NULL },
	{ "HOP", "hop", ROWS_TEXT, false, NULL },
	{ "OBJECT", "object", ROWS_TEXT, false, NULL },
	{ "DETAIL", "detail", ROWS_TEXT, false, NULL },
	{ "REMEDY", "remedy", ROWS_TEXT, false, "" },
};

enum { STATE, HOP, OBJECT, DETAIL, REMEDY };

#define COLOUR_OFF "\033[0m"

static const struct mark {
	const char *state;
	const char *colour;
} marks[] = { { "ok", "\033[32m" }, { "warn", "\033[33m" }, { "broken", "\033[1;31m" } };

/* https://no-color.org */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

static const char *colour_of(const char *state)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(marks); i++)
		if (wants_colour() && strcmp(marks[i].state, state) == 0)
			return marks[i].colour;
	return "";
}

static void print_span(uint64_t s)
{
	if (s >= 86400)
		printf("%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		printf("%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
	else if (s >= 60)
		printf("%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else
		printf("%" PRIu64 " s", s);
}

static void print_agent(const json_t *status)
{
	char name[ROWS_TEXT_MAX];

	rows_copy(name, sizeof(name), agent_text(status, "name"));
	printf("weir-agent %s%s%s, process %" PRIu64 ", up ", agent_text(status, "version"),
	       name[0] != '\0' ? " of " : "", name, agent_u64(status, "pid"));
	print_span(agent_u64(status, "uptime_s"));
	printf("\n");
}

static void print_hop(const json_t *hop, int width)
{
	char text[ROWS_TEXT_MAX], object[ROWS_TEXT_MAX];
	const char *state = agent_text(hop, "state"), *colour = colour_of(state);

	rows_text(text, &columns[HOP], hop);
	rows_text(object, &columns[OBJECT], hop);
	printf("  %s%-6.6s%s  %-9s  %-*s  ", colour, state, colour[0] != '\0' ? COLOUR_OFF : "",
	       text, width, object);
	rows_text(text, &columns[DETAIL], hop);
	printf("%s\n", text);
	rows_text(text, &columns[REMEDY], hop);
	if (text[0] != '\0' && strcmp(state, "ok") != 0)
		printf("  %-6s  %-9s  %-*s  what to do: %s\n", "", "", width, "", text);
}

static int object_width(const json_t *hops)
{
	char text[ROWS_TEXT_MAX];
	const json_t *hop;
	int width = 0;
	size_t i;

	json_array_foreach(hops, i, hop) {
		rows_text(text, &columns[OBJECT], hop);
		if ((int)strlen(text) > width)
			width = (int)strlen(text);
	}
	return width;
}

/* The first one in this state, on a packet's way. */
static const json_t *first_in(const json_t *hops, const char *state)
{
	const json_t *hop;
	size_t i;

	json_array_foreach(hops, i, hop)
		if (strcmp(agent_text(hop, "state"), state) == 0)
			return hop;
	return NULL;
}

static unsigned int count_in(const json_t *hops, const char *state)
{
	const json_t *hop;
	unsigned int n = 0;
	size_t i;

	json_array_foreach(hops, i, hop)
		n += strcmp(agent_text(hop, "state"), state) == 0;
	return n;
}

/* "broken: port eth0: what is wrong: what to do". */
static void print_first(const json_t *hops, const char *state, const char *words)
{
	const json_t *hop = first_in(hops, state);
	unsigned int n = count_in(hops, state);
	char text[ROWS_TEXT_MAX];

	printf("%s%s%s: ", colour_of(state), words, colour_of(state)[0] != '\0' ? COLOUR_OFF : "");
	for (size_t c = HOP; c <= REMEDY; c++) {
		rows_text(text, &columns[c], hop);
		if (text[0] != '\0')
			printf("%s%s", c == HOP ? "" : c == OBJECT ? " " : ": ", text);
	}
	if (n > 1)
		printf(" (and %u more)", n - 1);
	printf("\n");
}

static void print_result(const json_t *hops)
{
	if (first_in(hops, "broken") != NULL)
		print_first(hops, "broken", "broken");
	else if (first_in(hops, "warn") != NULL)
		print_first(hops, "warn", "works, but");
	else
		printf("%sok%s: packets go all the way from link to disk\n", colour_of("ok"),
		       colour_of("ok")[0] != '\0' ? COLOUR_OFF : "");
}

static int print_for_people(const json_t *status, struct weir_err *err)
{
	const json_t *hops = json_object_get(status, "hops"), *hop;
	int width = object_width(hops);
	size_t i;

	print_agent(status);
	json_array_foreach(hops, i, hop)
		print_hop(hop, width);
	print_result(hops);
	return rows_flush(err);
}

static int print(enum output_format format, const json_t *status, struct weir_err *err)
{
	switch (format) {
	case OUTPUT_JSON:
	case OUTPUT_YAML:
		return rows_print_value(format, status, err);
	case OUTPUT_JSONL:
	case OUTPUT_CSV:
		return rows_print(format, columns, WEIR_ARRAY_SIZE(columns),
				  json_object_get(status, "hops"), err);
	default:
		return print_for_people(status, err);
	}
}

enum ctl_exit ctl_status(struct ctl *ctl, struct weir_err *err)
{
	json_t *status = agent_ask(ctl, "status", NULL, err);
	enum ctl_exit code = CTL_OK;

	if (status == NULL)
		return agent_exit(err);
	if (json_array_size(json_object_get(status, "hops")) == 0) {
		weir_err_set(err, EPROTO, "status: the agent names no hop: is it of this version?");
		code = CTL_FAILED;
	} else if (print(ctl->format, status, err) != 0 ||
		   first_in(json_object_get(status, "hops"), "broken") != NULL) {
		code = CTL_FAILED;
	}
	json_decref(status);
	return code;
}
