/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl completion: a script for the shell, made of the tables. */
#include "command.h"
#include "rows.h"

#include <stdio.h>

/* The words of a command, without what it is given. */
struct path {
	char text[64];
};

static struct path path_of(const struct command *c)
{
	struct path p;

	snprintf(p.text, sizeof(p.text), "%s%s%s", c->noun, c->verb != NULL ? " " : "",
		 c->verb != NULL ? c->verb : "");
	return p;
}

/* Where the word behind the first `len` characters, which are whole words, ends; -1: none is there. */
static int word_end(const struct path *p, int len)
{
	int start = len + (len > 0);

	if (p->text[len] == '\0')
		return -1;
	return start + (int)strcspn(p->text + start, " ");
}

static bool begins_with(const struct command *c, const struct path *p, int len)
{
	struct path other = path_of(c);

	return strncmp(other.text, p->text, (size_t)len) == 0 &&
	       (len == 0 || other.text[len] == '\0' || other.text[len] == ' ');
}

/* No command before begins with these words. */
static bool is_first(const struct command *c, int len)
{
	struct path p = path_of(c);

	for (const struct command *b = ctl_commands; b < c; b++)
		if (begins_with(b, &p, len))
			return false;
	return true;
}

/* Each word once that may follow the first `len` characters of `p`. */
static void print_next(const struct path *p, int len)
{
	printf("\t'%.*s') echo", len, p->text);
	for (const struct command *c = ctl_commands; c < ctl_commands + ctl_n_commands; c++) {
		struct path other = path_of(c);
		int end = begins_with(c, p, len) ? word_end(&other, len) : -1,
		    start = len + (len > 0);

		if (end > 0 && is_first(c, end))
			printf(" %.*s", end - start, other.text + start);
	}
	printf(" ;;\n");
}

static void print_words(void)
{
	printf("_weirctl_words() { # that may follow these\n\tcase $1 in\n");
	for (const struct command *c = ctl_commands; c < ctl_commands + ctl_n_commands; c++) {
		struct path p = path_of(c);

		for (int len = 0; word_end(&p, len) >= 0; len = word_end(&p, len))
			if (is_first(c, len))
				print_next(&p, len);
	}
	printf("\tesac\n}\n\n");
}

static void print_options(void)
{
	printf("_weirctl_options() { # of a command\n\tcase $1 in\n");
	for (const struct command *c = ctl_commands; c < ctl_commands + ctl_n_commands; c++) {
		struct path p = path_of(c);

		printf("\t'%s' | '%s '*) echo", p.text, p.text);
		for (const struct option_row *o = ctl_options; o < ctl_options + ctl_n_options; o++)
			if (o->commands & (c->options | FOR_ALL))
				printf(" --%s", o->name);
		printf(" --help ;;\n");
	}
	printf("\t*) echo");
	for (const struct option_row *o = ctl_options; o < ctl_options + ctl_n_options; o++)
		if (o->commands & (FOR_ALL | FOR_SITE))
			printf(" --%s", o->name);
	printf(" --help --version ;;\n\tesac\n}\n\n");
}

/* Which list has the names that stand where a command has this. */
static const char *list_of(const struct command *c)
{
	static const struct {
		const char *noun, *args; /* NULL: any noun */
		const char *list;
	} lists[] = {
		{ NULL, "GROUP", "agent-group" }, { NULL, "[GROUP", "agent-group" },
		{ NULL, "AGENT", "agent" },       { "agent", "NAME", "agent" },
		{ "agent", "[NAME", "agent" },    { "domain", "NAME", "domain" },
		{ "domain", "[NAME", "domain" },  { NULL, "PORT", "port" },
		{ NULL, "[PORT", "port" },
	};

	for (size_t i = 0; c->args != NULL && i < WEIR_ARRAY_SIZE(lists); i++)
		if ((lists[i].noun == NULL || strcmp(lists[i].noun, c->noun) == 0) &&
		    strncmp(lists[i].args, c->args, strlen(lists[i].args)) == 0 &&
		    (c->verb == NULL || strcmp(c->verb, "create") != 0 ||
		     strcmp(c->noun, "agent-group-config") == 0))
			return lists[i].list;
	return NULL;
}

static void print_names(void)
{
	printf("_weirctl_names() { # of what a command is about: its list\n\tcase $1 in\n");
	for (const struct command *c = ctl_commands; c < ctl_commands + ctl_n_commands; c++)
		if (list_of(c) != NULL)
			printf("\t'%s') echo %s ;;\n", path_of(c).text, list_of(c));
	printf("\tesac\n}\n\n");
}

/* Other commands may have another option of this name: it takes a value, too. */
static bool is_first_named(const struct option_row *o)
{
	for (const struct option_row *b = ctl_options; b < o; b++)
		if (strcmp(b->name, o->name) == 0)
			return false;
	return true;
}

/* What follows an option: "FILE", "FORMAT"; nothing behind one that takes none. */
static void print_values(void)
{
	printf("_weirctl_value() { # that an option takes\n\tcase $1 in\n");
	for (const struct option_row *o = ctl_options; o < ctl_options + ctl_n_options; o++) {
		if (o->arg != NULL && is_first_named(o))
			printf("\t--%s) echo %s ;;\n", o->name, o->arg);
		if (o->arg != NULL && o->letter != 0)
			printf("\t-%c) echo %s ;;\n", o->letter, o->arg);
	}
	printf("\tesac\n}\n\n_weirctl_formats='");
	for (unsigned int i = 0; i < OUTPUT_FORMATS; i++)
		printf("%s%s", i > 0 ? " " : "", output_formats[i]);
	printf("'\n\n");
}

/* What is the same whatever the tables hold. Two spaces stand between the columns of a list. */
static const char script[] =
	"_weirctl_list() { # names, one a line\n"
	"\ttimeout 2 weirctl \"$1\" list 2>/dev/null |\n"
	"\t\tawk -F '  +' -v at=\"$([ \"$1\" = agent ] && echo 2 || echo 1)\" '{ print $at }'\n"
	"}\n"
	"\n"
	"_weirctl() {\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} said='' i list IFS=$' \\t\\n'\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tif [ -n \"$(_weirctl_value \"${COMP_WORDS[i]}\")\" ]; then\n"
	"\t\t\t((++i))\n"
	"\t\telif [[ ${COMP_WORDS[i]} != -* ]]; then\n"
	"\t\t\tsaid+=\"${said:+ }${COMP_WORDS[i]}\"\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tcase $(_weirctl_value \"${COMP_WORDS[COMP_CWORD - 1]}\") in\n"
	"\t'') ;;\n"
	"\tFORMAT) COMPREPLY=($(compgen -W \"$_weirctl_formats\" -- \"$word\")); return ;;\n"
	"\tFILE | DIR | PATH) compopt -o default 2>/dev/null; return ;;\n"
	"\t*) return ;;\n"
	"\tesac\n"
	"\tif [[ $word == -* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(_weirctl_options \"$said\")\" -- \"$word\"))\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tCOMPREPLY=($(compgen -W \"$(_weirctl_words \"$said\")\" -- \"$word\"))\n"
	"\tlist=$(_weirctl_names \"$said\")\n"
	"\t[ -n \"$list\" ] || return\n"
	"\twhile IFS= read -r i; do\n"
	"\t\tif [[ $i == \"$word\"* ]]; then COMPREPLY+=(\"$(printf %q \"$i\")\"); fi\n"
	"\tdone < <(_weirctl_list \"$list\")\n"
	"}\n"
	"complete -F _weirctl weirctl\n";

enum ctl_exit ctl_completion_bash(struct ctl *ctl, struct weir_err *err)
{
	(void)ctl;
	printf("# bash completion of weirctl, made by: weirctl completion bash\n"
	       "# shellcheck shell=bash disable=SC2207\n\n");
	print_words();
	print_options();
	print_names();
	print_values();
	fputs(script, stdout);
	return rows_flush(err) == 0 ? CTL_OK : CTL_FAILED;
}
