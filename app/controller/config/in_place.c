/* SPDX-License-Identifier: Apache-2.0 */
/* A text of the newer tree as it was given, with the site's keys, and values in DeepFlow's form, written into it. */
#include "config_priv.h"
#include "form.h"

#include <stdlib.h>

#define PATH_MAX_LEN 256

struct edit {
	const struct config_source *s;
	const struct config_site_keys *keys;
	FILE *out;
	size_t at; /* of the text that is written */
	bool bad;  /* it cannot be changed in place */
};

/* Everything up to `at`, but what stands from there to `end` is left out. */
static void write_to(struct edit *e, size_t at, size_t end)
{
	e->bad |= at < e->at;
	if (e->bad)
		return;
	fwrite(e->s->text + e->at, 1, at - e->at, e->out);
	e->at = end;
}

static void replace(struct edit *e, const struct tree_node *n, const char *value)
{
	if (n->kind != TREE_SCALAR && n->plain) { /* its end is not known */
		e->bad = true;
		return;
	}
	write_to(e, n->start, n->end);
	fprintf(e->out, "%s%s", n->start > 0 && e->s->text[n->start - 1] == ':' ? " " : "", value);
}

static void setting(struct edit *e, const struct weir_conf_row *row, const struct tree_node *n)
{
	const struct config_site_key *key = config_site_key_of(e->keys, row->path);
	char *value = NULL;

	if (key != NULL) {
		replace(e, n, key->value);
	} else if (row->type == WEIR_CONF_ANY) {
		if (tree_is_null(n))
			replace(e, n, row->dflt);
	} else if (!form_is_right(row, n)) {
		value = form_text(row, NULL, (const char *)e->s->conf + row->offset);
		if (value != NULL)
			replace(e, n, value);
		e->bad |= value == NULL;
		free(value);
	}
}

/* Of the site's keys those for which there is no name in the text: "ingester_ip: "10.0.0.9", ...". */
static bool site_keys_print(const struct edit *e, FILE *out)
{
	const char *between = "";

	for (unsigned int i = 0; i < e->keys->n; i++) {
		if (e->keys->v[i].there)
			continue;
		if (out != NULL)
			fprintf(out, "%s%s: %s", between,
				e->keys->v[i].path + strlen(CONFIG_PLACES "."),
				e->keys->v[i].value);
		between = ", ";
	}
	return between[0] != '\0';
}

/* As the whole of global.communication: below `path`, which is it or above it. */
static void site_print(const struct edit *e, const char *path)
{
	const bool root = path[0] == '\0', above = strcmp(path, CONFIG_PLACES) != 0;

	fputs(root ? "global: {communication: {" : above ? "communication: {" : "", e->out);
	site_keys_print(e, e->out);
	fputs(root ? "}}" : above ? "}" : "", e->out);
}

/* Before the first name of a section. Lines of one without brackets begin at its column. */
static void site_insert(struct edit *e, const struct tree_node *map, const char *path)
{
	if (map->first == NULL) { /* {} */
		write_to(e, map->start + 1, map->start + 1);
		site_print(e, path);
		return;
	}
	write_to(e, map->first->start, map->first->start);
	if (strcmp(path, CONFIG_PLACES) != 0 || !map->plain) {
		site_print(e, path);
		fprintf(e->out, map->plain ? "\n%*s" : ", ", (int)map->first->column, "");
		return;
	}
	for (unsigned int i = 0; i < e->keys->n; i++)
		if (!e->keys->v[i].there)
			fprintf(e->out, "%s: %s\n%*s", strrchr(e->keys->v[i].path, '.') + 1,
				e->keys->v[i].value, (int)map->first->column, "");
}

/* Do the site's keys go right here: is this global.communication, or where its next section is lacking? */
static bool is_place(const struct edit *e, const struct tree_node *map, const char *path)
{
	if (!site_keys_print(e, NULL))
		return false;
	if (path[0] == '\0')
		return tree_get(map, "global") == NULL;
	if (strcmp(path, "global") == 0)
		return tree_get(map, "communication") == NULL;
	return strcmp(path, CONFIG_PLACES) == 0;
}

static void null_section(struct edit *e, const struct tree_node *n, const char *path)
{
	const struct tree_node nothing = { .kind = TREE_MAP };

	replace(e, n, "{");
	if (is_place(e, &nothing, path))
		site_print(e, path);
	fputc('}', e->out);
}

static void section(struct edit *e, const struct tree_node *map, char *path, size_t len)
{
	if (is_place(e, map, path))
		site_insert(e, map, path);
	for (const struct tree_node *key = map->first; key != NULL; key = key->next->next) {
		struct weir_conf_twist twist;
		const struct weir_conf_row *row;
		const int n = snprintf(path + len, PATH_MAX_LEN - len, "%s%s", len > 0 ? "." : "",
				       key->text);

		e->bad |= (size_t)n >= PATH_MAX_LEN - len;
		if (e->bad)
			return;
		row = weir_conf_row_at(&weir_group_table, path, &twist);
		if (row != NULL)
			setting(e, row, key->next);
		else if (key->next->kind == TREE_MAP)
			section(e, key->next, path, len + (size_t)n);
		else
			null_section(e, key->next, path);
	}
	path[len] = '\0';
}

/* Does a text say what the source says, and the site's keys besides? */
static bool means_the_same(const struct edit *e, const char *text)
{
	struct weir_err_list *errs = calloc(1, sizeof(*errs));
	struct weir_group_conf conf;
	struct weir_conf_plan plan;
	bool same = errs != NULL &&
		    weir_group_conf_parse_kept(text, strlen(text), "", &conf, errs) == 0;

	free(errs);
	if (!same)
		return false;
	same = weir_group_conf_plan(&plan, e->s->conf, &conf) == 0;
	if (same) {
		for (uint32_t i = 0; i < plan.n; i++)
			same &= config_site_key_of(e->keys, plan.changes[i].row->path) != NULL;
		weir_conf_plan_free(&plan);
	}
	weir_group_conf_free(&conf);
	return same;
}

char *config_in_place(const struct config_source *s, const struct config_site_keys *keys)
{
	struct edit e = { .s = s, .keys = keys };
	char path[PATH_MAX_LEN] = "", *text = NULL;
	size_t n;

	e.out = open_memstream(&text, &n);
	if (e.out == NULL)
		return NULL;
	section(&e, s->tree.root, path, 0);
	write_to(&e, s->len, s->len);
	if (fclose(e.out) == 0 && !e.bad && means_the_same(&e, text))
		return text;
	free(text);
	return NULL;
}
