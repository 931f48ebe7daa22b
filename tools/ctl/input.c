/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *input_name(const struct ctl *ctl)
{
	return strcmp(ctl->file, "-") == 0 ? "standard input" : ctl->file;
}

/* NULL with `err` set. */
static char *read_all(FILE *from, const char *name, size_t *len, struct weir_err *err)
{
	char *text = NULL, part[16384];
	FILE *to = open_memstream(&text, len);
	size_t n, all = 0;

	while (to != NULL && all <= INPUT_MAX && (n = fread(part, 1, sizeof(part), from)) > 0)
		all += fwrite(part, 1, n, to);
	if (ferror(from))
		weir_err_set(err, EIO, "%.200s: %s", name, strerror(errno));
	else if (all > INPUT_MAX)
		weir_err_set(err, EFBIG, "%.200s: is larger than %zu MiB", name, INPUT_MAX >> 20);
	if (to == NULL || fclose(to) != 0)
		weir_err_set(err, ENOMEM, "%.200s: no memory", name);
	if (err->code == 0)
		return text;
	free(text);
	return NULL;
}

char *input_read(const struct ctl *ctl, size_t *len, struct weir_err *err)
{
	bool standard;
	FILE *from;
	char *text;

	if (ctl->file == NULL) {
		weir_err_set(err, EINVAL, "-f FILE says what; - is standard input");
		return NULL;
	}
	standard = strcmp(ctl->file, "-") == 0;
	from = standard ? stdin : fopen(ctl->file, "re");
	if (from == NULL) {
		weir_err_set(err, errno, "%.200s: %s", ctl->file, strerror(errno));
		return NULL;
	}
	text = read_all(from, input_name(ctl), len, err);
	if (!standard)
		fclose(from);
	return text;
}
