/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl token and audit: who may do what at a controller, and who did. */
#include "agent.h"
#include "api.h"

#include <errno.h>
#include <stdio.h>

static const struct rows_column columns[] = {
	{ "NAME", "name", ROWS_TEXT, false, NULL },
	{ "ROLE", "role", ROWS_TEXT, false, NULL },
	{ "CREATED_AT", "created_at", ROWS_TEXT, false, "" },
	{ "EXPIRES_AT", "expires_at", ROWS_TEXT, false, "never" },
	{ "USED_AT", "used_at", ROWS_TEXT, false, "never" },
};

static const struct rows_column audit_columns[] = {
	{ "ID", "id", ROWS_TEXT, true, NULL },       { "AT", "at", ROWS_TEXT, false, NULL },
	{ "WHO", "who", ROWS_TEXT, false, "" },      { "FROM", "from", ROWS_TEXT, false, "" },
	{ "WHAT", "what", ROWS_TEXT, false, NULL },  { "OBJECT", "object", ROWS_TEXT, false, "" },
	{ "DETAIL", "detail", ROWS_TEXT, true, "" },
};

enum ctl_exit ctl_token_list(struct ctl *ctl, struct weir_err *err)
{
	return api_list(ctl, api_target("/api/v1/tokens"), columns, WEIR_ARRAY_SIZE(columns), err);
}

/* The secret alone is on standard output: it is shown this once. */
enum ctl_exit ctl_token_create(struct ctl *ctl, struct weir_err *err)
{
	struct api_body body = { 0 };
	json_t *token;
	int rc;

	body.json = json_pack("{s:s, s:s, s:I}", "name", ctl->name, "role",
			      ctl->role != NULL ? ctl->role : "read", "expires_in_s",
			      (json_int_t)ctl->expires_s);
	token = api_ask(ctl, "POST", api_target("/api/v1/tokens"), &body, err);
	if (token == NULL)
		return api_exit(err);
	if (output_is_for_people(ctl->format)) {
		printf("%s\n", agent_text(token, "token"));
		rc = rows_flush(err);
		fputs("weirctl: it is not kept: put it into ~/.config/weir/token (chmod 600) of who is to "
		      "use it\n",
		      stderr);
	} else {
		rc = rows_print_value(ctl->format, token, err);
	}
	json_decref(token);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

enum ctl_exit ctl_token_delete(struct ctl *ctl, struct weir_err *err)
{
	return api_change(ctl, "DELETE", api_target("/api/v1/tokens/%s", ctl->name), NULL, err);
}

enum ctl_exit ctl_audit_list(struct ctl *ctl, struct weir_err *err)
{
	return api_list(ctl,
			api_target("/api/v1/audit?limit=%u", ctl->limit > 0 ? ctl->limit : 100),
			audit_columns, WEIR_ARRAY_SIZE(audit_columns), err);
}
