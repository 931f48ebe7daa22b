/* SPDX-License-Identifier: Apache-2.0 */
/* At build time: the reference of counters or of record fields, on stdout, from their tables. */
#include <weir_flow.h>

#include <stdio.h>

/* The last cell of a row: a bar would end it. */
static void last_cell(const char *text)
{
	putchar(' ');
	for (; *text != '\0'; text++)
		printf(*text == '|' ? "\\%c" : "%c", *text);
	puts(" |");
}

static void counters_print(void)
{
	static const struct {
		const char *name, *help;
	} flow[] = {
#define WEIR_FLOW_COUNTER(name, help) { #name, help },
#include <counters.def>
	};

	puts("# Counters\n\n"
	     "## What becomes of a packet\n\n"
	     "Every packet received has exactly one outcome. A loss should have been in a flow.\n\n"
	     "| outcome | loss | meaning | what to change |\n|---|---|---|---|");
	for (unsigned int i = 0; i < WEIR_OUTCOMES; i++) {
		const struct weir_outcome_info *o = &weir_outcomes[i];

		printf("| `%s` | %s | %s |", o->name, o->loss ? "yes" : "no", o->help);
		last_cell(o->remedy);
	}
	puts("\n## Beside the outcomes\n\n"
	     "| counter | meaning |\n|---|---|\n"
	     "| `received` | packets the source handed out; the sum of all outcomes |\n"
	     "| `missed` | packets the source lost before; null where it cannot tell |\n"
	     "| `late` | packets behind the newest one, within the tolerated delay |");
	puts("\n## Flow table\n\n| counter | meaning |\n|---|---|");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(flow); i++) {
		printf("| `%s` |", flow[i].name);
		last_cell(flow[i].help);
	}
}

/* A feature's row, then one for each capability that it needs. */
static void capabilities_print(void)
{
	static const struct {
		const char *feature, *capability, *help;
	} rows[] = {
#define FEATURE(kind, name)     { name, NULL, NULL },
#define NEEDS(capability, help) { NULL, "CAP_" #capability, help },
#include <capabilities.def>
	};

	puts("# Capabilities\n\n"
	     "What the agent needs when it does not run as root, feature by feature: each was found by leaving\n"
	     "it out. `weir-agent doctor` says which are there; the systemd units give all, and the agent keeps\n"
	     "those that its configuration needs. config/README.md says how to give them by hand.\n\n"
	     "| feature | capability | what the kernel refuses without it |\n|---|---|---|");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		const bool none = rows[i].feature != NULL &&
				  (i + 1 == WEIR_ARRAY_SIZE(rows) || rows[i + 1].feature != NULL);

		if (rows[i].feature != NULL)
			printf("| %s | %s | |\n", rows[i].feature, none ? "none" : "");
		else
			printf("| | `%s` | %s |\n", rows[i].capability, rows[i].help);
	}
}

/* What stands in JSON lines. */
static const char *json_type(const char *kind)
{
	static const struct {
		const char *kind, *text;
	} types[] = {
		{ "ID", "text: a decimal number" },
		{ "TIME", "number: us since the epoch" },
		{ "SPAN", "number: us" },
		{ "IP", "text: IPv4 or IPv6 address" },
		{ "IP4", "text: IPv4 address" },
		{ "MAC", "text: MAC address" },
		{ "POINT", "text" },
		{ "GIDS", "array of numbers" },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(types); i++)
		if (strcmp(types[i].kind, kind) == 0)
			return types[i].text;
	return "number";
}

static void fields_print(void)
{
	static const char *const shows[] = {
		[WEIR_SHOW_ALWAYS] = "always",
		[WEIR_SHOW_SET] = "unless 0",
		[WEIR_SHOW_NEVER] = "no",
	};

	puts("# Fields of a flow record\n\n"
	     "In the order of JSON lines. `bytes` is the size in a record file, whose layout is in\n"
	     "`lib/export/README.md`; a field without is computed from others.\n\n"
	     "| field | in JSON | as | kind | bytes | meaning |\n|---|---|---|---|---|---|");
	for (unsigned int i = 0; i < WEIR_FIELDS; i++) {
		const struct weir_field_info *f = &weir_fields[i];

		printf("| `%s` | %s | %s | %s |", f->name, shows[f->show], json_type(f->kind),
		       f->kind);
		if (f->bytes > 0)
			printf(" %u", f->bytes);
		fputs(" |", stdout);
		last_cell(f->help);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} pages[] = {
		{ "capabilities", capabilities_print },
		{ "counters", counters_print },
		{ "fields", fields_print },
	};

	for (size_t i = 0; argc == 2 && i < WEIR_ARRAY_SIZE(pages); i++) {
		if (strcmp(argv[1], pages[i].name) == 0) {
			pages[i].print();
			return ferror(stdout) != 0 || fflush(stdout) != 0;
		}
	}
	fputs("usage: weir_doc_pages capabilities|counters|fields\n", stderr);
	return 2;
}
