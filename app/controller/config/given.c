/* SPDX-License-Identifier: Apache-2.0 */
#include "given.h"

#include <errno.h>
#include <stdlib.h>

#define PATH_MAX_LEN 256

static bool is_twice(const struct tree_node *map, const struct tree_node *key)
{
	for (const struct tree_node *k = map->first; k != key; k = k->next->next)
		if (strcmp(k->text, key->text) == 0)
			return true;
	return false;
}

static void setting(struct given *given, const struct weir_conf_row *row, bool old,
		    const struct tree_node *value)
{
	struct given_row *to = &given->rows[row - weir_group_table.rows];

	if (old) {
		given->older = true;
		to->older = value;
	} else {
		to->newer = value;
	}
}

/* Sections are as deep as the table's; `path` has room for each of them. */
static void section(struct given *given, const struct tree_node *map, char *path, size_t len)
{
	for (const struct tree_node *key = map->first; key != NULL; key = key->next->next) {
		struct weir_conf_twist twist;
		const struct weir_conf_row *row;
		const int n = snprintf(path + len, PATH_MAX_LEN - len, "%s%s", len > 0 ? "." : "",
				       key->text);

		given->twice |= is_twice(map, key);
		if ((size_t)n >= PATH_MAX_LEN - len)
			continue;
		row = weir_conf_row_at(&weir_group_table, path, &twist);
		if (row != NULL) /* "dev" is of either tree */
			setting(given, row, twist.old && strcmp(path, "dev") != 0, key->next);
		else if (key->next->kind == TREE_MAP)
			section(given, key->next, path, len + (size_t)n);
	}
	path[len] = '\0';
}

int given_find(struct given *given, const struct tree *tree)
{
	char path[PATH_MAX_LEN] = "";

	*given = (struct given){ .rows = calloc(weir_group_table.n, sizeof(*given->rows)) };
	if (given->rows == NULL)
		return -ENOMEM;
	if (tree->root != NULL && tree->root->kind == TREE_MAP)
		section(given, tree->root, path, 0);
	return 0;
}

void given_free(struct given *given)
{
	free(given->rows);
	*given = (struct given){ 0 };
}
