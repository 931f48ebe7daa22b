/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a text, and what was said of it. */
#ifndef CONF_TEST_H
#define CONF_TEST_H

#include "weir_test.h"

#include <weir_conf.h>

#include <errno.h>
#include <stdlib.h>

static struct weir_err_list errs;

static inline int group_read(const char *text, struct weir_group_conf *conf)
{
	memset(&errs, 0, sizeof(errs));
	return weir_group_conf_parse(text, strlen(text), "g.yaml", conf, &errs);
}

static inline int box_read(const char *text, struct weir_box_conf *conf)
{
	memset(&errs, 0, sizeof(errs));
	return weir_box_conf_parse(text, strlen(text), "b.cfg", conf, &errs);
}

/* Everything said, as it is printed; free(). */
static inline char *said(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	weir_err_list_print(&errs, f);
	fclose(f);
	return text;
}

/* Is `line` one of the lines that were printed? */
static inline bool is_said(const char *line)
{
	char *all = said(), *at = all;
	size_t len = strlen(line);
	bool found = false;

	while (!found && (at = strstr(at, line)) != NULL) {
		found = (at == all || at[-1] == '\n') && at[len] == '\n';
		at++;
	}
	if (!found)
		fprintf(stderr, "\nnot said: %s\nbut:\n%s", line, all);
	free(all);
	return found;
}

#endif
