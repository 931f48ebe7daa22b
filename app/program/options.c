/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>

#define ROWS_MAX 40
#define ROW_BASE 2000
#define HELP_AT  30

static void print_help(const struct option_table *t)
{
	printf("usage: %s [options] %s\n\n%s\n\n", t->command, t->synopsis, t->purpose);
	for (unsigned int i = 0; i < t->n; i++) {
		const struct option_row *r = &t->rows[i];
		char head[64];
		int len = snprintf(head, sizeof(head), "  %s%c%s--%s%s%s", r->letter ? "-" : "",
				   r->letter ? r->letter : ' ', r->letter ? ", " : "   ", r->name,
				   r->arg != NULL ? " " : "", r->arg != NULL ? r->arg : "");

		if (len < HELP_AT)
			printf("%-*s", HELP_AT, head);
		else
			printf("%s\n%*s", head, HELP_AT, "");
		for (const char *c = r->help; *c != '\0'; c++) {
			putchar(*c);
			if (*c == '\n')
				printf("%*s", HELP_AT, "");
		}
		putchar('\n');
	}
	printf("  %-*s%s\n", HELP_AT - 2, "-h, --help", "this text");
}

static void build(const struct option_table *t, struct option *longs, char *shorts)
{
	unsigned int n = 0;

	*shorts++ = 'h';
	for (; n < t->n; n++) {
		const struct option_row *r = &t->rows[n];

		longs[n] = (struct option){ r->name, r->arg != NULL, NULL, ROW_BASE + (int)n };
		if (r->letter == 0)
			continue;
		*shorts++ = r->letter;
		if (r->arg != NULL)
			*shorts++ = ':';
	}
	longs[n++] = (struct option){ "help", no_argument, NULL, 'h' };
	longs[n] = (struct option){ 0 };
	*shorts = '\0';
}

static int row_of_letter(const struct option_table *t, int letter)
{
	for (unsigned int i = 0; i < t->n; i++)
		if (t->rows[i].letter == letter)
			return (int)i;
	return OPTION_BAD;
}

int options_next(const struct option_table *t, int argc, char **argv, const char **arg,
		 int *operand)
{
	struct option longs[ROWS_MAX + 2];
	char shorts[2 * ROWS_MAX + 2];
	int c;

	assert(t->n <= ROWS_MAX);
	build(t, longs, shorts);
	c = getopt_long(argc, argv, shorts, longs, NULL);
	*arg = optarg;
	*operand = optind;
	if (c == -1)
		return OPTION_END;
	if (c == 'h') {
		print_help(t);
		return OPTION_HELP;
	}
	if (c == '?') {
		option_mistake(t, "see '%s --help'", t->command);
		return OPTION_BAD;
	}
	return c >= ROW_BASE ? c - ROW_BASE : row_of_letter(t, c);
}

bool option_number(const struct option_table *t, int row, const char *arg, uint64_t min,
		   uint64_t max, uint64_t *out)
{
	char *end;
	const unsigned long long v = strtoull(arg, &end, 10);

	if (*arg >= '0' && *arg <= '9' && *end == '\0' && v >= min && v <= max) {
		*out = v;
		return true;
	}
	option_mistake(t, "--%s %s: a whole number from %llu to %llu is needed", t->rows[row].name,
		       arg, (unsigned long long)min, (unsigned long long)max);
	return false;
}

int option_mistake(const struct option_table *t, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", t->command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return WEIR_EXIT_USAGE;
}
