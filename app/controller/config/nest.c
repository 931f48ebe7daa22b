/* SPDX-License-Identifier: Apache-2.0 */
#include "nest.h"

#include <stdlib.h>

void nest_add(struct nest *nest, const char *path, size_t path_len, char *value)
{
	nest_add_example(nest, path, path_len, value, NULL);
}

void nest_add_example(struct nest *nest, const char *path, size_t path_len, char *value,
		      char *comment)
{
	struct nest_item *more = realloc(nest->v, (nest->n + 1) * sizeof(*more));
	const struct nest_item item = { strndup(path, path_len), value, comment };

	if (more != NULL)
		nest->v = more;
	if (more != NULL && item.path != NULL && value != NULL) {
		more[nest->n++] = item;
		return;
	}
	nest->failed = true;
	free(item.path);
	free(value);
	free(comment);
}

/* Is `path` in the section that is the first `len` bytes of `of`? */
static bool is_in(const char *path, const char *of, size_t len)
{
	return strncmp(path, of, len) == 0;
}

static void indent_print(unsigned int indent, FILE *out)
{
	fprintf(out, "%*s", (int)indent * 2, "");
}

static void item_print(const struct nest_item *item, const char *name, unsigned int indent,
		       FILE *out)
{
	if (item->comment != NULL) {
		indent_print(indent, out);
		fprintf(out, "# %s\n", item->comment);
	}
	indent_print(indent, out);
	fprintf(out, "%s%s: %s\n", item->comment != NULL ? "#" : "", name, item->value);
}

/* Those in the section that is the first `len` bytes of v[from]'s path, of v[from] and what follows. */
static void section_print(const struct nest *nest, uint32_t from, size_t len, unsigned int indent,
			  FILE *out)
{
	for (uint32_t i = from; i < nest->n; i++) {
		const char *path = nest->v[i].path, *dot;
		size_t below;
		uint32_t k = from;

		if (!is_in(path, nest->v[from].path, len))
			continue;
		dot = strchr(path + len, '.');
		if (dot == NULL) {
			item_print(&nest->v[i], path + len, indent, out);
			continue;
		}
		below = (size_t)(dot + 1 - path);
		while (!is_in(nest->v[k].path, path, below))
			k++;
		if (k < i) /* was written with the first of it */
			continue;
		indent_print(indent, out);
		fprintf(out, "%.*s:\n", (int)(dot - path - (ptrdiff_t)len), path + len);
		section_print(nest, i, below, indent + 1, out);
	}
}

void nest_print(const struct nest *nest, unsigned int indent, FILE *out)
{
	if (nest->n > 0)
		section_print(nest, 0, 0, indent, out);
}

void nest_free(struct nest *nest)
{
	for (uint32_t i = 0; i < nest->n; i++) {
		free(nest->v[i].path);
		free(nest->v[i].value);
		free(nest->v[i].comment);
	}
	free(nest->v);
	*nest = (struct nest){ 0 };
}
