/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl config plan, explain, show; reload. What a setting is comes from the tables, its value from the agent. */
#include "agent.h"
#include "group_plan.h"
#include "input.h"
#include "rows.h"

#include <weir_conf.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *name_of(const struct weir_conf_row *row)
{
	return row->path[0] != '\0' ? row->path : row->old;
}

static json_t *config_ask(const struct ctl *ctl, struct weir_err *err)
{
	json_t *answer = agent_ask(ctl, "config", NULL, err);

	if (answer == NULL || json_is_array(json_object_get(answer, "values")))
		return answer;
	weir_err_set(err, EPROTO, "config: the agent names no values: is it of this version?");
	json_decref(answer);
	return NULL;
}

/* What the agent says of a key; NULL = it does not know it. */
static json_t *value_of(const json_t *answer, const char *key)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(answer, "values"), i, row)
		if (strcmp(agent_text(row, "key"), key) == 0)
			return row;
	return NULL;
}

/* --- show --- */

static const struct rows_column show_columns[] = {
	{ "KEY", "key", ROWS_TEXT, false, NULL },
	{ "VALUE", "value", ROWS_TEXT, false, "" },
	{ "ORIGIN", "origin", ROWS_TEXT, false, NULL },
	{ "REVISION", "revision", ROWS_NUMBER, false, NULL },
	{ "SINCE", "since_us", ROWS_TIME, false, NULL },
	{ "A CHANGE", "effect", ROWS_TEXT, true, NULL },
};

/* A configuration that the agent would not take, if there was one: for people, beside the data. */
static void refused_say(const json_t *answer)
{
	const json_t *no = json_object_get(json_object_get(answer, "group"), "refused");
	struct weir_err err;
	char origin[128], reason[ROWS_TEXT_MAX];

	if (!json_is_object(no))
		return;
	rows_copy(origin, sizeof(origin), agent_text(no, "origin"));
	rows_copy(reason, sizeof(reason), agent_text(no, "reason"));
	weir_err_set(&err, EINVAL, "another one, of %s, is refused: %s", origin, reason);
	ctl_complain(&err);
}

enum ctl_exit ctl_config_show(struct ctl *ctl, struct weir_err *err)
{
	json_t *answer = config_ask(ctl, err), *rows, *row;
	size_t i;
	int rc;

	if (answer == NULL)
		return agent_exit(err);
	rows = json_array();
	json_array_foreach(json_object_get(answer, "values"), i, row)
		if (ctl->effective || strcmp(agent_text(row, "origin"), "default") != 0)
			json_array_append(rows, row);
	rc = rows_print(ctl->format, show_columns, WEIR_ARRAY_SIZE(show_columns), rows, err);
	refused_say(answer);
	json_decref(rows);
	json_decref(answer);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

/* --- plan --- */

static const struct rows_column plan_columns[] = {
	{ "KEY", "key", ROWS_TEXT, false, NULL },
	{ "OLD", "old", ROWS_TEXT, false, "" },
	{ "NEW", "new", ROWS_TEXT, false, "" },
	{ "APPLYING IT", "effect", ROWS_TEXT, false, NULL },
	{ "LINE", "line", ROWS_NUMBER, true, NULL },
};

/* 0, or an error after all mistakes were said, or with `err` set. */
static int plan_read(const struct ctl *ctl, struct weir_group_conf *conf, struct weir_err *err)
{
	static struct weir_err_list errs; /* large */
	char *text;
	size_t len;
	int rc;

	if (strcmp(ctl->file, "-") == 0) {
		text = input_read(ctl, &len, err);
		if (text == NULL)
			return -EIO;
		rc = weir_group_conf_parse(text, len, input_name(ctl), conf, &errs);
		free(text);
	} else {
		rc = weir_group_conf_load(ctl->file, conf, &errs);
	}
	weir_err_list_print(&errs, stderr);
	return rc;
}

static bool is_given(const struct weir_group_conf *conf, uint32_t i)
{
	return conf->origin[i].from == WEIR_CONF_FILE &&
	       weir_group_table.rows[i].type != WEIR_CONF_ANY;
}

/* "a: {b: v}": a setting in one line. */
static void line_print(const struct weir_group_conf *conf, uint32_t i, FILE *out)
{
	char *value = weir_group_conf_text(conf, i);
	unsigned int depth = 0;

	for (const char *p = weir_group_table.rows[i].path; *p != '\0'; p++) {
		if (*p == '.')
			fputs(": {", out);
		else
			putc(*p, out);
		depth += *p == '.';
	}
	fprintf(out, ": %s", value != NULL ? value : "");
	while (depth-- > 0)
		putc('}', out);
	putc('\n', out);
	free(value);
}

/* What the file gives, a setting a line: for who knows more than the table. NULL without memory; free(). */
static char *given_text(const struct weir_group_conf *conf)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	for (uint32_t i = 0; i < weir_group_table.n; i++)
		if (is_given(conf, i))
			line_print(conf, i, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* The file's line of the `n`th setting it gives. */
static uint32_t line_of(const struct weir_group_conf *conf, uint64_t n)
{
	for (uint32_t i = 0; i < weir_group_table.n; i++)
		if (is_given(conf, i) && --n == 0)
			return conf->origin[i].line;
	return 0;
}

/* The agent looks at what only it knows: filters, regular expressions, what the box has. 0, or an exit code. */
static enum ctl_exit plan_check(const struct ctl *ctl, const struct weir_group_conf *conf,
				struct weir_err *err)
{
	static struct weir_err_list errs;
	char *text = given_text(conf);
	json_t *args = json_pack("{s:s}", "text", text != NULL ? text : "");
	json_t *answer = agent_ask(ctl, "check", args, err), *mistake;
	size_t i;

	free(text);
	if (answer == NULL)
		return agent_exit(err);
	json_array_foreach(json_object_get(answer, "mistakes"), i, mistake) {
		char words[ROWS_TEXT_MAX];

		rows_copy(words, sizeof(words), agent_text(mistake, "message"));
		weir_err_list_add(&errs, false, input_name(ctl),
				  agent_u64(mistake, "line") > 0
					  ? line_of(conf, agent_u64(mistake, "line"))
					  : 0,
				  0, "%s", words);
	}
	weir_err_list_print(&errs, stderr);
	json_decref(answer);
	return errs.mistakes > 0 ? CTL_INVALID : CTL_OK;
}

static void plan_row(json_t *rows, const struct weir_group_conf *conf, uint32_t i,
		     const json_t *now)
{
	const struct weir_conf_row *row = &weir_group_table.rows[i];
	char *next = weir_group_conf_text(conf, i);
	const uint32_t line = conf->origin[i].line;

	if (next != NULL && strcmp(next, agent_text(now, "value")) != 0)
		json_array_append_new(rows,
				      json_pack("{s:s, s:s, s:s, s:s, s:o}", "key", name_of(row),
						"old", agent_text(now, "value"), "new", next,
						"effect", weir_conf_effect_text(row), "line",
						line > 0 ? json_integer(line) : json_null()));
	free(next);
}

static json_t *plan_rows(const struct weir_group_conf *conf, const json_t *answer)
{
	json_t *rows = json_array();

	for (uint32_t i = 0; rows != NULL && i < weir_group_table.n; i++) {
		const json_t *now = value_of(answer, name_of(&weir_group_table.rows[i]));

		if (now != NULL)
			plan_row(rows, conf, i, now);
	}
	return rows;
}

static enum ctl_exit plan_print(const struct ctl *ctl, const struct weir_group_conf *conf,
				const json_t *answer, struct weir_err *err)
{
	json_t *rows = plan_rows(conf, answer);
	int rc;

	if (rows == NULL) {
		weir_err_set(err, ENOMEM, "config plan: no memory");
		return CTL_FAILED;
	}
	if (json_array_size(rows) == 0 && output_is_for_people(ctl->format))
		fputs("nothing changes\n", stderr);
	rc = rows_print(ctl->format, plan_columns, WEIR_ARRAY_SIZE(plan_columns), rows, err);
	json_decref(rows);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

enum ctl_exit ctl_config_plan(struct ctl *ctl, struct weir_err *err)
{
	struct weir_group_conf conf;
	enum ctl_exit code;
	json_t *answer;

	if (ctl->file == NULL) {
		weir_err_set(err, EINVAL, "config plan: -f FILE says what would be planned");
		return CTL_USAGE;
	}
	if (ctl->group != NULL)
		return group_plan(ctl, err);
	if (plan_read(ctl, &conf, err) != 0)
		return CTL_INVALID;
	code = plan_check(ctl, &conf, err);
	answer = code == CTL_OK ? config_ask(ctl, err) : NULL;
	if (answer != NULL)
		code = plan_print(ctl, &conf, answer, err);
	else if (code == CTL_OK)
		code = agent_exit(err);
	json_decref(answer);
	weir_group_conf_free(&conf);
	return code;
}

/* --- explain --- */

static const struct rows_column explain_columns[] = {
	{ "KEY", "key", ROWS_TEXT, false, NULL },
	{ "MEANING", "meaning", ROWS_TEXT, false, NULL },
	{ "CONFIGURATION", "configuration", ROWS_TEXT, false, NULL },
	{ "ALLOWED", "allowed", ROWS_TEXT, false, NULL },
	{ "UNIT", "unit", ROWS_TEXT, false, NULL },
	{ "DEFAULT", "default", ROWS_TEXT, false, "" },
	{ "OLD NAMES", "old_names", ROWS_TEXT, false, NULL },
	{ "A CHANGE", "effect", ROWS_TEXT, false, NULL },
	{ "VALUE", "value", ROWS_TEXT, false, "no agent was asked" },
	{ "ORIGIN", "origin", ROWS_TEXT, false, NULL },
	{ "REVISION", "revision", ROWS_NUMBER, false, NULL },
	{ "SINCE", "since_us", ROWS_TIME, false, NULL },
};

/* Its row in the first table that has it; else what was meant, in the first that knows. */
static const struct weir_conf_row *row_named(const char *name, const char **table,
					     struct weir_err *err)
{
	const struct {
		const char *name;
		const struct weir_conf_table *rows;
	} tables[] = {
		{ "group", &weir_group_table },
		{ "box", &weir_box_table },
		{ "controller", &weir_controller_table },
	};
	char meant[192], first[192] = "";

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(tables); i++) {
		const struct weir_conf_row *row = weir_conf_row_named(tables[i].rows, name, meant,
								      sizeof(meant));

		*table = tables[i].name;
		if (row != NULL)
			return row;
		if (first[0] == '\0')
			memcpy(first, meant, sizeof(first));
	}
	weir_err_set(err, ENOENT, "%.60s: is not a setting%s", name, first);
	return NULL;
}

/* Of a box's setting: taps are opened again, and what is made at start stays as it was. */
static const char *effect_of(const struct weir_conf_row *row, const char *table)
{
	if (strcmp(table, "box") == 0 && row->cls == WEIR_CONF_REBUILD)
		return "at the agent's next start";
	if (strcmp(table, "controller") == 0)
		return "at the controller's next start";
	return weir_conf_effect_text(row);
}

static json_t *explain_row(const struct weir_conf_row *row, const char *table)
{
	char *allowed = weir_conf_allowed_text(row);
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:n, s:n, s:n, s:n}",
				 "key", name_of(row), "meaning", row->help, "configuration", table,
				 "allowed", allowed != NULL ? allowed : "", "unit", row->unit,
				 "default", row->dflt, "old_names",
				 row->path[0] != '\0' ? row->old : "", "effect",
				 effect_of(row, table), "value", "origin", "revision", "since_us");

	free(allowed);
	return json;
}

/* Where no agent runs, what the tables say is said all the same. */
static void explain_value(const struct ctl *ctl, json_t *json)
{
	static const char *const keys[] = { "value", "origin", "revision", "since_us" };
	struct weir_err err;
	json_t *answer = config_ask(ctl, &err), *now;

	now = value_of(answer, agent_text(json, "key"));
	for (size_t i = 0; now != NULL && i < WEIR_ARRAY_SIZE(keys); i++)
		json_object_set(json, keys[i], json_object_get(now, keys[i]));
	json_decref(answer);
}

static int explain_print(enum output_format format, json_t *json, struct weir_err *err)
{
	char text[ROWS_TEXT_MAX];
	json_t *rows;
	int rc;

	if (output_is_for_people(format)) {
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(explain_columns); i++) {
			rows_text(text, &explain_columns[i], json);
			printf("%-13s  %s\n", explain_columns[i].key, text);
		}
		return rows_flush(err);
	}
	rows = json_pack("[O]", json);
	rc = rows_print(format, explain_columns, WEIR_ARRAY_SIZE(explain_columns), rows, err);
	json_decref(rows);
	return rc;
}

enum ctl_exit ctl_config_explain(struct ctl *ctl, struct weir_err *err)
{
	const char *table;
	const struct weir_conf_row *row = row_named(ctl->name, &table, err);
	json_t *json;
	int rc;

	if (row == NULL)
		return CTL_NOT_FOUND;
	json = explain_row(row, table);
	if (strcmp(table, "group") == 0)
		explain_value(ctl, json);
	rc = explain_print(ctl->format, json, err);
	json_decref(json);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

/* --- reload --- */

static const struct rows_column reload_columns[] = { { "CHANGE", "change", ROWS_TEXT, false,
						       NULL } };

enum ctl_exit ctl_reload(struct ctl *ctl, struct weir_err *err)
{
	json_t *answer = agent_ask(ctl, "reload", NULL, err), *rows, *change;
	size_t i;
	int rc;

	if (answer == NULL)
		return err->code == EINVAL ? CTL_INVALID : agent_exit(err);
	rows = json_array();
	json_array_foreach(json_object_get(answer, "changes"), i, change)
		json_array_append_new(rows, json_pack("{s:O}", "change", change));
	if (json_array_size(rows) == 0 && output_is_for_people(ctl->format))
		fputs("nothing changed\n", stderr);
	rc = rows_print(ctl->format, reload_columns, 1, rows, err);
	json_decref(rows);
	json_decref(answer);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}
