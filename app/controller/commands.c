/* SPDX-License-Identifier: Apache-2.0 */
/* weir-controller check, weir-controller restore. */
#include "controller.h"

#include <site.h>

#include <errno.h>
#include <unistd.h>

int controller_conf_load(struct weir_controller_conf *c, const char *path)
{
	struct weir_err_list errs = { 0 };
	int rc;

	if (path == NULL && access(CONTROLLER_PATH, F_OK) == 0)
		path = CONTROLLER_PATH;
	rc = path != NULL ? weir_controller_conf_load(path, c, &errs)
			  : weir_controller_conf_defaults(c);
	weir_err_list_print(&errs, stderr);
	if (rc != 0)
		return rc == -EINVAL ? WEIR_EXIT_CONFIG : WEIR_EXIT_FAILED;
	weir_log_level_set((enum weir_log_level)c->log.level);
	rc = weir_log_format_set((enum weir_log_format)c->log.format);
	if (rc < 0)
		weir_log(WEIR_LOG_WARN, "log.format: no journal: %s; it is text on standard error",
			 strerror(-rc));
	return WEIR_EXIT_OK;
}

enum { CHECK_CONFIG };

static const struct option_row check_rows[] = {
	[CHECK_CONFIG] = { "config", 'c', "FILE", "configuration (" CONTROLLER_PATH ", if there)" },
};

static const struct option_table check_options = {
	.command = "weir-controller check",
	.synopsis = "",
	.purpose = "Read the configuration as `run` would, and say what is wrong with it.",
	.rows = check_rows,
	.n = WEIR_ARRAY_SIZE(check_rows),
};

int controller_check(int argc, char **argv)
{
	struct weir_controller_conf conf;
	const char *arg, *path = NULL;
	int row, operand, rc;

	while ((row = options_next(&check_options, argc, argv, &arg, &operand)) >= 0)
		path = arg;
	if (row != OPTION_END)
		return row == OPTION_HELP ? WEIR_EXIT_OK : WEIR_EXIT_USAGE;
	if (operand < argc)
		return option_mistake(&check_options, "%s: nothing more is expected",
				      argv[operand]);
	rc = controller_conf_load(&conf, path);
	if (rc != WEIR_EXIT_OK)
		return rc;
	weir_controller_conf_free(&conf);
	puts("the configuration is good");
	return WEIR_EXIT_OK;
}

enum { RESTORE_CONFIG, RESTORE_STATE, RESTORE_FORCE };

static const struct option_row restore_rows[] = {
	[RESTORE_CONFIG] = { "config", 'c', "FILE",
			     "configuration (" CONTROLLER_PATH ", if there)" },
	[RESTORE_STATE] = { "state", 0, "DIR",
			    "directory of the state, instead of the configuration's" },
	[RESTORE_FORCE] = { "force", 0, NULL, "also where there is a state: it is kept aside" },
};

static const struct option_table restore_options = {
	.command = "weir-controller restore",
	.synopsis = "BACKUP",
	.purpose =
		"Put a backup, made by `weirctl backup`, in the place of the state. No controller may run on it.",
	.rows = restore_rows,
	.n = WEIR_ARRAY_SIZE(restore_rows),
};

static int restore(const char *config, const char *state, const char *backup, bool force)
{
	struct weir_controller_conf conf;
	struct weir_err err = { 0 };
	int rc = controller_conf_load(&conf, config);

	if (rc != WEIR_EXIT_OK)
		return rc;
	rc = site_restore(state != NULL ? state : conf.state.dir, backup, force, &err);
	if (rc != 0)
		fprintf(stderr, "weir-controller restore: %s\n", err.msg);
	weir_controller_conf_free(&conf);
	return rc == 0 ? WEIR_EXIT_OK : WEIR_EXIT_FAILED;
}

int controller_restore(int argc, char **argv)
{
	const char *given[WEIR_ARRAY_SIZE(restore_rows)] = { NULL };
	bool force = false;
	const char *arg;
	int row, operand;

	while ((row = options_next(&restore_options, argc, argv, &arg, &operand)) >= 0) {
		given[row] = arg;
		force = force || row == RESTORE_FORCE;
	}
	if (row != OPTION_END)
		return row == OPTION_HELP ? WEIR_EXIT_OK : WEIR_EXIT_USAGE;
	if (operand != argc - 1)
		return option_mistake(&restore_options, "one BACKUP is needed");
	return restore(given[RESTORE_CONFIG], given[RESTORE_STATE], argv[operand], force);
}
