/* SPDX-License-Identifier: Apache-2.0 */
/* The tables as a person reads them: a page of all settings, and a sample of each file. */
#include "conf_priv.h"

#include <stdlib.h>

/* How a file writes a section, its end and a setting. */
struct form {
	const char *indent, *open, *close, *is, *end;
};

static const struct form yaml = { "  ", ":\n", NULL, ": ", "" };
static const struct form libconfig = { "\t", " = {\n", "};\n", " = ", ";" };

static void indent(const struct form *form, unsigned int depth, FILE *out)
{
	while (depth-- > 0)
		fputs(form->indent, out);
}

/* Length of what two paths have in common, in whole sections with their dots. */
static size_t common_sections(const char *a, const char *b)
{
	size_t common = 0;

	for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++)
		if (a[i] == '.')
			common = i + 1;
	return common;
}

static unsigned int depth_of(const char *path)
{
	unsigned int depth = 0;

	for (; *path != '\0'; path++)
		depth += *path == '.';
	return depth;
}

/* Close the sections of `from` that `to` is not in, and open those it is in. */
static void sections(const struct form *form, const char *from, const char *to, FILE *out)
{
	size_t at = common_sections(from, to);
	unsigned int depth = depth_of(from), common = depth_of(to) - depth_of(to + at);

	while (depth > common) {
		depth--;
		if (form->close != NULL) {
			indent(form, depth, out);
			fputs(form->close, out);
		}
	}
	for (const char *dot; (dot = strchr(to + at, '.')) != NULL; at = (size_t)(dot + 1 - to)) {
		indent(form, depth++, out);
		fprintf(out, "%.*s%s", (int)(dot - to - (ptrdiff_t)at), to + at, form->open);
	}
}

static void limit_print(const struct weir_conf_row *row, int64_t v, FILE *out)
{
	char buf[24];

	fputs(weir_conf_limit_text(row, v, buf, sizeof(buf)), out);
}

/* "1s to 20s", "local (0), mirror (1)"; nothing where the type says it all. */
static void allowed_print(const struct weir_conf_row *row, FILE *out)
{
	const char *between = "";

	for (const struct weir_conf_name *e = row->names; e != NULL && e->name != NULL; e++) {
		fprintf(out, "%s%s (%u)", between, e->name, e->number);
		between = ", ";
	}
	switch (row->type) {
	case WEIR_CONF_STRING:
		fputs("at most ", out);
		limit_print(row, row->max, out);
		fputs(" bytes", out);
		break;
	case WEIR_CONF_U32:
	case WEIR_CONF_I32:
	case WEIR_CONF_REAL:
	case WEIR_CONF_DURATION:
	case WEIR_CONF_INTS:
	case WEIR_CONF_PORTS:
		fputs(row->flags & WEIR_CONF_ZERO ? "0, or " : "", out);
		limit_print(row, row->min, out);
		fputs(" to ", out);
		limit_print(row, row->max, out);
		fprintf(out, "%s%s", row->unit[0] ? " " : "", row->unit);
		break;
	default:
		break;
	}
}

static const char *type_name(enum weir_conf_type type)
{
	static const char *const names[] = {
		[WEIR_CONF_BOOL] = "true or false",
		[WEIR_CONF_U32] = "number",
		[WEIR_CONF_I32] = "number",
		[WEIR_CONF_REAL] = "number",
		[WEIR_CONF_DURATION] = "duration",
		[WEIR_CONF_STRING] = "text",
		[WEIR_CONF_ENUM] = "one of",
		[WEIR_CONF_SET] = "list of",
		[WEIR_CONF_INTS] = "list of numbers",
		[WEIR_CONF_NAMES] = "list of texts",
		[WEIR_CONF_PORTS] = "list of ports or ranges",
		[WEIR_CONF_ANY] = "not read",
	};

	return names[type];
}

/* The default as a file may have it; a string, a name or a duration of libconfig is quoted. */
static void default_print(const struct weir_conf_row *row, const void *conf,
			  const struct form *form, FILE *out)
{
	const char *quote = form == &libconfig && row->type == WEIR_CONF_DURATION ? "\"" : "";
	char *text = NULL;

	if (form == &libconfig || row->type == WEIR_CONF_STRING)
		text = weir_conf_value_text(row, (const char *)conf + row->offset);
	fprintf(out, "%s%s%s", quote, text != NULL ? text : row->dflt, quote);
	free(text);
}

/* "number, 1 to 64" */
static void kind_print(const struct weir_conf_row *row, FILE *out)
{
	bool names = row->type == WEIR_CONF_ENUM || row->type == WEIR_CONF_SET;
	bool plain = row->type == WEIR_CONF_BOOL || row->type == WEIR_CONF_NAMES;

	fprintf(out, "%s%s", type_name(row->type),
		plain || row->type == WEIR_CONF_ANY ? ""
		: names                             ? " "
						    : ", ");
	allowed_print(row, out);
}

char *weir_conf_allowed_text(const struct weir_conf_row *row)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	kind_print(row, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* A setting without effect yet is there as a comment. */
static void sample_row(const struct weir_conf_row *row, const void *conf, const struct form *form,
		       FILE *out)
{
	unsigned int depth = depth_of(row->path);

	indent(form, depth, out);
	fprintf(out, "# %s", row->help);
	if (row->type != WEIR_CONF_ANY) {
		fputs(" (", out);
		kind_print(row, out);
		fputc(')', out);
	}
	fputc('\n', out);
	indent(form, depth, out);
	fprintf(out, "%s%s%s", row->flags & WEIR_CONF_USED ? "" : "#", strrchr(row->path, '.') + 1,
		form->is);
	default_print(row, conf, form, out);
	fprintf(out, "%s\n", form->end);
}

static bool is_item(const struct weir_conf_row *row)
{
	return strchr(row->path, '[') != NULL;
}

static void sample(const struct weir_conf_table *table, const void *conf, const struct form *form,
		   FILE *out)
{
	const char *before = "";

	for (uint32_t i = 0; i < table->n; i++) {
		const struct weir_conf_row *row = &table->rows[i];

		if (row->path[0] == '\0' || is_item(row))
			continue;
		sections(form, before, row->path, out);
		sample_row(row, conf, form, out);
		before = row->path;
	}
	sections(form, before, "", out);
}

static void sample_list(const struct weir_conf_table *table, const struct conf_list *list,
			FILE *out)
{
	size_t len = strlen(list->name);

	fprintf(out, "\n# %s; at most %u. Each { name = value; } with\n", list->help, list->most);
	for (uint32_t i = 0; i < table->n; i++) {
		const struct weir_conf_row *row = &table->rows[i];

		if (strncmp(row->path, list->name, len) != 0 || row->path[len] != '[')
			continue;
		fprintf(out, "#   %s: %s (", strrchr(row->path, '.') + 1, row->help);
		kind_print(row, out);
		fputs(row->flags & WEIR_CONF_NEEDED ? "), needed\n" : ")\n", out);
	}
	fprintf(out, "%s = ( );\n", list->name);
}

void weir_group_sample_print(FILE *out)
{
	struct weir_group_conf conf;

	if (weir_group_conf_defaults(&conf) < 0)
		return;
	fputs("# weir: the group configuration, every setting with its default.\n"
	      "# Without such a file the appliance profile holds, which is another. Settings that are\n"
	      "# commented out are known and checked, but have no effect in this version.\n",
	      out);
	sample(&weir_group_table, &conf, &yaml, out);
	weir_group_conf_free(&conf);
}

/* Of libconfig's grammar. */
static void sample_of(const struct conf_kind *kind, const char *what, FILE *out)
{
	void *conf = malloc(kind->size);

	if (conf == NULL || weir_conf_kind_defaults(kind, conf) < 0) {
		free(conf);
		return;
	}
	fprintf(out,
		"# weir: %s, every setting with its default. Settings that are commented\n"
		"# out are known and checked, but have no effect in this version.\n",
		what);
	sample(kind->table, conf, &libconfig, out);
	for (uint32_t i = 0; i < kind->n_lists; i++)
		sample_list(kind->table, &kind->lists[i], out);
	weir_conf_kind_free(kind, conf);
	free(conf);
}

void weir_box_sample_print(FILE *out)
{
	sample_of(&weir_conf_box_kind, "the box configuration", out);
}

void weir_controller_sample_print(FILE *out)
{
	sample_of(&weir_conf_controller_kind, "the controller's configuration", out);
}

/* A cell of a table: a bar would end it. */
static void cell(const char *text, FILE *out)
{
	if (text[0] == '\0') {
		fputs(" |", out);
		return;
	}
	fputs(" `", out);
	for (; *text != '\0'; text++)
		fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
	fputs("` |", out);
}

static void reference_row(const struct weir_conf_row *row, FILE *out)
{
	static const char *const classes[] = {
		[WEIR_CONF_LIVE] = "live",
		[WEIR_CONF_EPOCH] = "live, ends flows",
		[WEIR_CONF_REOPEN] = "re-opens ports",
		[WEIR_CONF_REBUILD] = "rebuilds tables",
		[WEIR_CONF_RESTART] = "start again",
	};

	fputs("|", out);
	cell(row->path[0] != '\0' ? row->path : row->old, out);
	cell(row->path[0] != '\0' ? row->old : "", out);
	cell(row->dflt, out);
	fprintf(out, " %s ", type_name(row->type));
	allowed_print(row, out);
	fprintf(out, " | %s | %s | %s |\n", classes[row->cls],
		row->flags & WEIR_CONF_USED         ? "yes"
		: row->flags & WEIR_CONF_CONTROLLER ? "controller"
						    : "no",
		row->help);
}

static void reference_table(const struct weir_conf_table *table, FILE *out)
{
	fputs("| Path | Old names | Default | Allowed | A change | Effect | Meaning |\n"
	      "|---|---|---|---|---|---|---|\n",
	      out);
	for (uint32_t i = 0; i < table->n; i++)
		reference_row(&table->rows[i], out);
}

void weir_conf_reference_print(FILE *out)
{
	fputs("# Settings of weir\n\n"
	      "Made from the tables `lib/conf/box.def`, `lib/conf/group.def` and "
	      "`lib/conf/controller.def`. \"Effect: no\" is known "
	      "and checked, but does nothing in this version.\n\n"
	      "## Box configuration\n\nlibconfig, `/etc/weir/agent.cfg`. An item of a list is written "
	      "as its first.\n\n",
	      out);
	reference_table(&weir_box_table, out);
	fputs("\n## Group configuration\n\nYAML. Old names: `sc:` is below `static_config`, `!` has the "
	      "opposite sense, `*60` counts in units of 60, `,` is a list as one text with commas; there, a duration "
	      "without a unit is seconds.\n\n",
	      out);
	reference_table(&weir_group_table, out);
	fputs("\n## Appliance profile\n\nHolds over the defaults where no group configuration is "
	      "given.\n\n| Path | Value |\n|---|---|\n",
	      out);
	for (uint32_t i = 0; i < weir_conf_profile_n; i++)
		fprintf(out, "| `%s` | `%s` |\n", weir_conf_profile[i].path,
			weir_conf_profile[i].value);
	fputs("\n## Controller\n\nlibconfig, `/etc/weir/controller.cfg`.\n\n", out);
	reference_table(&weir_controller_table, out);
}
