/* SPDX-License-Identifier: Apache-2.0 */
/* The captures kept beside the tree, by their manifest. */
#ifndef WEIR_CAPTURES_TEST_H
#define WEIR_CAPTURES_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPTURES_MAX 8192

static const char *root = WEIR_SOURCE_ROOT "/../shared/pcaps";
static char *names[CAPTURES_MAX]; /* below root */
static size_t n_names;

/* False: they are not there. */
static inline bool manifest_read(void)
{
	char line[4096];
	FILE *in;

	snprintf(line, sizeof(line), "%s/MANIFEST.tsv", root);
	in = fopen(line, "r");
	if (in == NULL)
		return false;
	while (n_names < CAPTURES_MAX && fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\t\n")] = '\0';
		if (strcmp(line, "file") != 0)
			names[n_names++] = strdup(line);
	}
	fclose(in);
	return true;
}

#endif
