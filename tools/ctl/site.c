/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl controller status, weirctl backup. */
#include "agent.h"
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name and a value a line; what has parts is a line each, "agents.normal". */
static void print_pairs(const json_t *object, const char *before)
{
	const char *key;
	json_t *v;
	/* jansson's iterator takes no const. */
	json_object_foreach((json_t *)(uintptr_t)object, key, v) {
		const struct rows_column column = { key, key, ROWS_TEXT, false, NULL };
		char name[128], text[ROWS_TEXT_MAX];

		snprintf(name, sizeof(name), "%s%s%s", before, before[0] != '\0' ? "." : "", key);
		if (json_is_object(v) && before[0] == '\0') {
			print_pairs(v, key);
			continue;
		}
		rows_text(text, &column, object);
		printf("%-28s  %s\n", name, text);
	}
}

enum ctl_exit ctl_controller_status(struct ctl *ctl, struct weir_err *err)
{
	json_t *status = api_get(ctl, api_target("/api/v1/status"), err);
	int rc;

	if (status == NULL)
		return api_exit(err);
	if (output_is_for_people(ctl->format)) {
		print_pairs(status, "");
		rc = rows_flush(err);
	} else {
		rc = rows_print_value(ctl->format, status, err);
	}
	json_decref(status);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

/* For its owner only: tokens' hashes and certificates' names are in it. What is there is not written over. */
static FILE *backup_open(const char *path, struct weir_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (to == NULL)
		weir_err_set(err, errno == ENOENT ? EIO : errno, "%.200s: %s", path,
			     strerror(errno));
	return to;
}

enum ctl_exit ctl_backup(struct ctl *ctl, struct weir_err *err)
{
	FILE *to = backup_open(ctl->name, err);
	int rc;

	if (to == NULL)
		return CTL_FAILED;
	rc = api_fetch(ctl, "POST", api_target("/api/v1/backup"), to, err);
	if ((fflush(to) != 0 || fsync(fileno(to)) != 0) && rc == 0)
		rc = weir_err_set(err, errno, "%.200s: %s", ctl->name, strerror(errno));
	fclose(to);
	if (rc == 0)
		return CTL_OK;
	unlink(ctl->name);
	return api_exit(err);
}
