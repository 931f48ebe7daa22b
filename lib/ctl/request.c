/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_priv.h"

#include <errno.h>
#include <stdlib.h>

static const struct weir_ctl_command *command_find(const struct weir_ctl_command *commands,
						   unsigned int n, const char *name)
{
	for (unsigned int i = 0; i < n; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int choose(struct ctl_request *r, const struct weir_ctl_command *commands, unsigned int n,
		  struct weir_err *err)
{
	const char *name = json_string_value(json_object_get(r->json, "command"));

	if (name == NULL)
		return weir_err_set(err, EINVAL,
				    "request: it names no command: {\"command\":\"status\"} does");
	r->command = command_find(commands, n, name);
	if (r->command == NULL)
		return weir_err_set(err, EINVAL,
				    "request: command %.100s: this agent does not know it; "
				    "are agent and weirctl of one version?",
				    name);
	return 0;
}

static int take_args(struct ctl_request *r, struct weir_err *err)
{
	if (json_object_get(r->json, "args") == NULL)
		json_object_set_new(r->json, "args", json_object());
	r->args = json_object_get(r->json, "args");
	if (!json_is_object(r->args))
		return weir_err_set(err, EINVAL, "request: args: must be an object, {...}");
	return 0;
}

int ctl_request_parse(struct ctl_request *r, const char *line, size_t len,
		      const struct weir_ctl_command *commands, unsigned int n, struct weir_err *err)
{
	json_error_t at;
	int rc;

	*r = (struct ctl_request){ .json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &at) };
	if (r->json == NULL)
		return weir_err_set(err, EINVAL, "request: byte %d: %s; one line of JSON is needed",
				    at.position, at.text);
	rc = choose(r, commands, n, err);
	if (rc == 0)
		rc = take_args(r, err);
	if (rc != 0)
		ctl_request_free(r);
	return rc;
}

void ctl_request_free(struct ctl_request *r)
{
	json_decref(r->json);
	r->json = NULL;
}

/* `reply` is given. */
static char *line_of(json_t *reply)
{
	char *text = json_dumps(reply, JSON_COMPACT);
	size_t len = text != NULL ? strlen(text) : 0;
	char *line = realloc(text, len + 2);

	json_decref(reply);
	if (line == NULL || len == 0) {
		free(line != NULL ? line : text);
		return NULL;
	}
	memcpy(line + len, "\n", 2);
	return line;
}

char *ctl_reply_data(json_t *data)
{
	return line_of(json_pack("{s:b,s:o}", "ok", 1, "data", data));
}

static enum weir_ctl_code code_of(const struct weir_err *err)
{
	switch (err->code) {
	case EINVAL:
		return WEIR_CTL_USAGE;
	case ENOENT:
		return WEIR_CTL_NOT_FOUND;
	case EPERM:
	case EACCES:
	case EBUSY:
		return WEIR_CTL_REFUSED;
	default:
		return WEIR_CTL_FAILED;
	}
}

json_t *weir_ctl_text(const char *text)
{
	json_t *json = json_string(text);
	char *plain;

	if (json != NULL)
		return json;
	plain = strdup(text);
	if (plain == NULL)
		return NULL;
	for (char *p = plain; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
	json = json_string(plain);
	free(plain);
	return json;
}

char *ctl_reply_error(const struct weir_err *err)
{
	return line_of(json_pack("{s:b,s:{s:i,s:o}}", "ok", 0, "error", "code", code_of(err),
				 "message", weir_ctl_text(err->msg)));
}
