/* SPDX-License-Identifier: Apache-2.0 */
/* Settings by their paths, written as nested YAML: each section once, whatever the order. */
#ifndef NEST_H
#define NEST_H

#include <weir_base.h>

#include <stdio.h>

struct nest_item {
	char *path, *value; /* "flow.others-timeout"; the value as YAML in one line. free() */
	char *comment; /* a line above it, and the setting is commented out; NULL = none. free() */
};

struct nest {
	struct nest_item *v;
	uint32_t n;
	bool failed; /* no memory; what is there is not all */
};

/* `value` is taken; NULL is no memory. */
void nest_add(struct nest *nest, const char *path, size_t path_len, char *value);
/* As an example: `comment` is taken too. */
void nest_add_example(struct nest *nest, const char *path, size_t path_len, char *value,
		      char *comment);
/* `indent`: levels above. */
void nest_print(const struct nest *nest, unsigned int indent, FILE *out);
void nest_free(struct nest *nest);

#endif
