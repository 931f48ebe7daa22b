/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include "agent.h"

#include <config.h>

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

/* NULL with `err` set. */
static json_t *value_read(const struct ctl *ctl, struct weir_err *err)
{
	struct weir_err why = { 0 };
	size_t len;
	char *yaml = input_read(ctl, &len, err), *json;
	json_t *value;

	if (yaml == NULL)
		return NULL;
	json = config_yaml_to_json(yaml, len, &why);
	free(yaml);
	value = json != NULL ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;
	free(json);
	if (value == NULL)
		weir_err_set(err, why.code != 0 ? why.code : EINVAL, "%.200s: %s", input_name(ctl),
			     why.msg);
	return value;
}

json_t *input_object(const struct ctl *ctl, struct weir_err *err)
{
	json_t *value = value_read(ctl, err);

	if (value == NULL || json_is_object(value))
		return value;
	json_decref(value);
	weir_err_set(err, EINVAL, "%.200s: must be names and values, as its example is",
		     input_name(ctl));
	return NULL;
}

json_t *input_list(const struct ctl *ctl, struct weir_err *err)
{
	json_t *value = value_read(ctl, err);

	if (value == NULL || json_is_array(value))
		return value;
	json_decref(value);
	weir_err_set(err, EINVAL, "%.200s: must be a list: - {...}", input_name(ctl));
	return NULL;
}

enum ctl_exit input_exit(const struct ctl *ctl, const struct weir_err *err)
{
	return ctl->file != NULL && err->code == EINVAL ? CTL_INVALID : agent_exit(err);
}
