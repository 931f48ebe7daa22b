/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML text as a tree whose nodes know where in the text they stand. */
#ifndef TREE_H
#define TREE_H

#include <weir_base.h>

#include <stdio.h>

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_node {
	enum tree_kind kind;
	bool plain; /* a scalar without quotes; a list or map without brackets */
	size_t start,
		end; /* bytes of the text; the end of one without brackets is where the next thing begins */
	size_t column;                  /* characters, from 0 */
	char *text;                     /* of a scalar, without zero bytes; else NULL */
	struct tree_node *first, *next; /* of a map: key, value, key, value */
	struct tree_node *made_before;  /* private */
};

struct tree {
	struct tree_node *root; /* NULL: nothing stands in the text */
	struct tree_node *last; /* private: all nodes */
};

/*
 * At most WEIR_CONF_BYTES_MAX bytes, 65,536 nodes, 100 levels, no aliases. 0; -EINVAL or -ENOMEM with `err`, and `tree`
 * holds nothing.
 */
int tree_read(struct tree *tree, const char *text, size_t len, struct weir_err *err);
void tree_free(struct tree *tree);

/* A value that is not there: nothing, ~ or null. */
bool tree_is_null(const struct tree_node *n);
/* What stands for a name in a map; NULL: it is no map, or has no such name. */
struct tree_node *tree_get(const struct tree_node *map, const char *name);

/* In double quotes, whatever is in it. */
void tree_quote(FILE *out, const char *text);
/*
 * In one line, with brackets. `renamed` may be NULL: pairs of names, ended by NULL; keys of the first are written as the
 * second.
 */
void tree_print(FILE *out, const struct tree_node *n, const char *const *renamed);

#endif
