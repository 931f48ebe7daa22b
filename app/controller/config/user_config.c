/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents of the newer dialect are sent: YAML of the newer tree (control plane, 3.2).
 *
 * A text of newer names goes out as it was given, comments and all. Written into it are the site's keys, where it does
 * not have them, and what lib/conf takes and DeepFlow's agents do not: a name for a number, a key without a value. A text with
 * older names is written anew, as is one that could not be changed in place: whether it could is seen by reading it back.
 */
#include "config_priv.h"
#include "form.h"
#include "nest.h"

#include <stdlib.h>

const char *const config_names_newer[] = { "tap-interfaces", "slave_interfaces", "field-selector",
					   "field_selector", NULL };
const char *const config_names_older[] = { "slave_interfaces", "tap-interfaces", "field_selector",
					   "field-selector", NULL };

static char *any_text(const struct given_row *given, const char *const *renamed)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (out == NULL)
		return NULL;
	tree_print(out, given->newer != NULL ? given->newer : given->older, renamed);
	return fclose(out) == 0 ? text : NULL;
}

static void row_add(struct nest *nest, const struct config_source *s, uint32_t i)
{
	const struct weir_conf_row *row = &weir_group_table.rows[i];
	const char *path = row->path[0] != '\0' ? row->path : row->old;

	if (s->conf->origin[i].from != WEIR_CONF_FILE)
		return;
	if (row->type != WEIR_CONF_ANY)
		nest_add(nest, path, strlen(path),
			 form_text(row, NULL, (const char *)s->conf + row->offset));
	else if (row->path[0] != '\0' || s->given.rows[i].newer != NULL)
		nest_add(nest, path, strlen(path), any_text(&s->given.rows[i], config_names_newer));
}

static char *anew(const struct config_source *s, const struct config_site_keys *keys)
{
	struct nest nest = { 0 };
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	for (unsigned int i = 0; i < keys->n; i++)
		nest_add(&nest, keys->v[i].path, strlen(keys->v[i].path), strdup(keys->v[i].value));
	for (uint32_t i = 0; i < weir_group_table.n; i++)
		row_add(&nest, s, i);
	if (out != NULL && !nest.failed)
		nest_print(&nest, 0, out);
	if (out == NULL || fclose(out) != 0 || nest.failed) {
		free(text);
		text = NULL;
	}
	nest_free(&nest);
	return text;
}

char *config_user_text(const struct config_source *s)
{
	const bool newer = !s->given.older && !s->given.twice && s->tree.root != NULL &&
			   s->tree.root->kind == TREE_MAP;
	struct config_site_keys keys;
	char *text = NULL;

	config_site_keys_find(&keys, s);
	if (newer && !keys.failed)
		text = config_in_place(s, &keys);
	if (text == NULL && !keys.failed)
		text = anew(s, &keys);
	config_site_keys_free(&keys);
	return text;
}
