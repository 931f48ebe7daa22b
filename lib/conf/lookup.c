/* SPDX-License-Identifier: Apache-2.0 */
/* From a path of a file to its row: by its name, by its older ones, or by what was meant. */
#include "conf_priv.h"

#include <stdlib.h>

#define OLD_TREE     "static_config."
#define PATH_MAX_LEN 128 /* longest name of the tables, and some */

bool weir_conf_old_next(const char **names, struct weir_conf_old *name)
{
	const char *p = *names + strspn(*names, " ");

	if (*p == '\0')
		return false;
	*name = (struct weir_conf_old){ .twist = { .scale = 1, .old = true } };
	if (*p == '!') {
		name->twist.opposite = true;
		p++;
	}
	if (strncmp(p, "sc:", 3) == 0) {
		name->is_static = true;
		p += 3;
	}
	name->text = p;
	name->len = strcspn(p, " *,");
	p += name->len;
	name->twist.bare = *p == '*' || !name->is_static;
	name->twist.commas = *p == ',';
	if (*p == '*')
		name->twist.scale = (uint32_t)strtoul(p + 1, NULL, 10);
	*names = p + strcspn(p, " ");
	return true;
}

static struct weir_conf_old new_name(const struct weir_conf_row *row)
{
	return (struct weir_conf_old){ false, row->path, strlen(row->path), { .scale = 1 } };
}

static const char *tree_of(const struct weir_conf_old *name)
{
	return name->is_static ? OLD_TREE : "";
}

/* Is `path` a section that holds the name? */
static bool is_section(const struct weir_conf_old *name, const char *path)
{
	const size_t tree = strlen(tree_of(name)), len = strlen(path);

	if (len < tree)
		return len == tree - 1 && strncmp(path, OLD_TREE, len) == 0;
	return strncmp(path, tree_of(name), tree) == 0 && len - tree < name->len &&
	       strncmp(path + tree, name->text, len - tree) == 0 && name->text[len - tree] == '.';
}

/* Is `word` the row's older name, below static_config or not? Most rows do not hold it at all. */
static bool is_old(const struct weir_conf_row *row, bool is_static, const char *word, size_t len,
		   struct weir_conf_twist *twist)
{
	const char *names = row->old;
	struct weir_conf_old name;

	if (strstr(names, word) == NULL)
		return false;
	while (weir_conf_old_next(&names, &name)) {
		if (name.is_static == is_static && name.len == len &&
		    strncmp(name.text, word, len) == 0) {
			*twist = name.twist;
			return true;
		}
	}
	return false;
}

/* Newer names have sections; older ones only below static_config. */
const struct weir_conf_row *weir_conf_row_at(const struct weir_conf_table *table, const char *path,
					     struct weir_conf_twist *twist)
{
	const bool is_static = strncmp(path, OLD_TREE, strlen(OLD_TREE)) == 0;
	const char *word = path + (is_static ? strlen(OLD_TREE) : 0);
	const bool newer = !is_static && strchr(path, '.') != NULL;
	const size_t len = strlen(word);

	*twist = (struct weir_conf_twist){ .scale = 1 };
	for (uint32_t i = 0; i < table->n && len > 0; i++) {
		const struct weir_conf_row *row = &table->rows[i];

		if (newer ? strcmp(row->path, path) == 0 : is_old(row, is_static, word, len, twist))
			return row;
	}
	return NULL;
}

static bool has_section(const struct weir_conf_row *row, const char *path)
{
	struct weir_conf_old name = new_name(row);
	const char *names = row->old;

	do
		if (is_section(&name, path))
			return true;
	while (weir_conf_old_next(&names, &name));
	return false;
}

bool weir_conf_is_section(const struct weir_conf_table *table, const char *path)
{
	for (uint32_t i = 0; i < table->n; i++)
		if (has_section(&table->rows[i], path))
			return true;
	return false;
}

/* Where a wrong path is, and what stands beside it. */
struct sibling {
	struct weir_nearest near;
	const char *section; /* with its last dot */
	size_t len;
};

static void offer(struct sibling *s, const struct weir_conf_old *name)
{
	char path[PATH_MAX_LEN], word[PATH_MAX_LEN];

	snprintf(path, sizeof(path), "%s%.*s", tree_of(name), (int)name->len, name->text);
	if (strncmp(path, s->section, s->len) != 0)
		return;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(path + s->len, "."), path + s->len);
	weir_nearest_offer(&s->near, word);
}

/* The path that ends in this word, if there is exactly one. */
static const char *same_word(const struct weir_conf_table *table, const char *word)
{
	const char *found = NULL;

	for (uint32_t i = 0; i < table->n; i++) {
		const char *dot = strrchr(table->rows[i].path, '.');

		if (dot == NULL || strcmp(dot + 1, word) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = table->rows[i].path;
	}
	return found;
}

const char *weir_conf_suggestion(const struct weir_conf_table *table, const char *path, char *buf,
				 size_t size)
{
	const char *dot = strrchr(path, '.'), *word = dot != NULL ? dot + 1 : path, *best;
	struct sibling s = { .near.word = word, .section = path, .len = (size_t)(word - path) };

	for (uint32_t i = 0; i < table->n; i++) {
		const char *names = table->rows[i].old;
		struct weir_conf_old name = new_name(&table->rows[i]);

		do
			offer(&s, &name);
		while (weir_conf_old_next(&names, &name));
	}
	best = same_word(table, word);
	if (best == NULL && s.near.best[0] != '\0')
		best = s.near.best;
	snprintf(buf, size, "%s%s", best != NULL ? "; did you mean " : "",
		 best != NULL ? best : "");
	return buf;
}

/* The last words of all paths, and the older names. */
static void nearest_word(const struct weir_conf_table *table, const char *word, char *meant,
			 size_t size)
{
	struct weir_nearest near = { .word = word };

	for (uint32_t i = 0; i < table->n; i++) {
		const char *names = table->rows[i].old, *dot = strrchr(table->rows[i].path, '.');
		struct weir_conf_old name = new_name(&table->rows[i]);
		char old[PATH_MAX_LEN];

		weir_nearest_offer(&near, dot != NULL ? dot + 1 : table->rows[i].path);
		while (weir_conf_old_next(&names, &name)) {
			snprintf(old, sizeof(old), "%.*s", (int)name.len, name.text);
			weir_nearest_offer(&near, old);
		}
	}
	snprintf(meant, size, "%s%s", near.best[0] != '\0' ? "; did you mean " : "", near.best);
}

const struct weir_conf_row *weir_conf_row_named(const struct weir_conf_table *table,
						const char *name, char *meant, size_t size)
{
	char old[PATH_MAX_LEN];
	struct weir_conf_twist twist;
	const struct weir_conf_row *row = weir_conf_row_at(table, name, &twist);
	const char *path;

	meant[0] = '\0';
	if (row != NULL)
		return row;
	snprintf(old, sizeof(old), OLD_TREE "%s", strncmp(name, "sc:", 3) == 0 ? name + 3 : name);
	row = weir_conf_row_at(table, old, &twist);
	if (row != NULL)
		return row;
	path = same_word(table, name);
	if (path != NULL)
		return weir_conf_row_at(table, path, &twist);
	if (strchr(name, '.') != NULL)
		weir_conf_suggestion(table, name, meant, size);
	else
		nearest_word(table, name, meant, size);
	return NULL;
}

static const struct weir_conf_origin *origin_of(const struct weir_group_conf *conf,
						const void *field)
{
	const size_t offset = (size_t)((const char *)field - (const char *)conf);
	const struct weir_conf_row *rows = weir_group_table.rows;
	uint32_t i = 0;

	while (rows[i].type == WEIR_CONF_ANY || rows[i].offset != offset) {
		i++;
		assert(i < weir_group_table.n);
	}
	return &conf->origin[i];
}

enum weir_conf_from weir_group_conf_from(const struct weir_group_conf *conf, const void *field)
{
	return origin_of(conf, field)->from;
}

uint32_t weir_group_conf_line(const struct weir_group_conf *conf, const void *field)
{
	return origin_of(conf, field)->line;
}
