/* SPDX-License-Identifier: Apache-2.0 */
/* The commented examples, made of the table of settings, once. */
#include "config.h"
#include "form.h"
#include "nest.h"

#include <pthread.h>
#include <stdlib.h>

#define GROUP "vtap_group_id" /* stands first */

static char *newer, *older; /* for ever */

static char *comment_of(const struct weir_conf_row *row, const struct weir_conf_old *old)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (out == NULL)
		return NULL;
	fputs(row->help, out);
	if (row->type == WEIR_CONF_U32 && old->twist.scale > 1)
		fprintf(out, "; in units of %u", old->twist.scale);
	if (old->twist.opposite)
		fputs("; in the opposite sense", out);
	if (row->path[0] != '\0')
		fprintf(out, " (now %s)", row->path);
	return fclose(out) == 0 ? text : NULL;
}

static void row_add(struct nest *nest, const struct weir_group_conf *conf,
		    const struct weir_conf_row *row, bool is_static)
{
	const char *names = row->old;
	struct weir_conf_old old;
	char *value;

	if (!weir_conf_old_next(&names, &old) || old.is_static != is_static ||
	    strcmp(row->old, GROUP) == 0)
		return;
	value = row->type == WEIR_CONF_ANY ? strdup(row->dflt)
					   : form_text(row, &old, (const char *)conf + row->offset);
	nest_add_example(nest, old.text, old.len, value, comment_of(row, &old));
}

/* Sections are not commented out: an empty one means nothing. */
static void older_print(FILE *out)
{
	struct nest flat = { 0 }, below = { 0 };
	struct weir_group_conf conf;

	if (weir_group_conf_defaults(&conf) < 0)
		return;
	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		row_add(&flat, &conf, &weir_group_table.rows[i], false);
		row_add(&below, &conf, &weir_group_table.rows[i], true);
	}
	fputs("# weir: the group configuration by its older names, every setting with its default. Take the # away\n"
	      "# before what is to be another.\n\n# the group that it is for, its name or id\n#" GROUP
	      ": g-xxxxxxxxxx\n",
	      out);
	nest_print(&flat, 0, out);
	fputs("static_config:\n", out);
	nest_print(&below, 1, out);
	nest_free(&flat);
	nest_free(&below);
	weir_group_conf_free(&conf);
}

static char *made(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (out == NULL)
		return NULL;
	print(out);
	return fclose(out) == 0 ? text : NULL;
}

static void make(void)
{
	newer = made(weir_group_sample_print);
	older = made(older_print);
}

static const char *once(char *const *text)
{
	static pthread_once_t done = PTHREAD_ONCE_INIT;

	pthread_once(&done, make);
	return *text != NULL ? *text : "";
}

const char *config_template_new(void)
{
	return once(&newer);
}

const char *config_template_old(void)
{
	return once(&older);
}
