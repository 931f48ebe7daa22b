/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl repo: images that agents are upgraded to. Columns: control plane, 6.3. */
#include "api.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct rows_column columns[] = {
	{ "NAME", "NAME", ROWS_TEXT, false, NULL },
	{ "ARCH", "ARCH", ROWS_TEXT, false, "" },
	{ "OS", "OS", ROWS_TEXT, false, "" },
	{ "BRANCH", "BRANCH", ROWS_TEXT, false, "" },
	{ "REV_COUNT", "REV_COUNT", ROWS_TEXT, false, "" },
	{ "UPDATED_AT", "UPDATED_AT", ROWS_TEXT, false, "" },
	{ "COMMIT_ID", "COMMIT_ID", ROWS_TEXT, false, "" },
	{ "K8S_IMAGE", "K8S_IMAGE", ROWS_TEXT, false, "" },
};

enum ctl_exit ctl_repo_list(struct ctl *ctl, struct weir_err *err)
{
	return api_list(ctl, api_target("/v1/vtap-repo/"), columns, WEIR_ARRAY_SIZE(columns), err);
}

enum ctl_exit ctl_repo_delete(struct ctl *ctl, struct weir_err *err)
{
	return api_change(ctl, "DELETE", api_target("/v1/vtap-repo/"),
			  json_pack("{s:s}", "image_name", ctl->name), err);
}

/* What a program says of its version, a row each. */
struct version {
	char branch[128], commit[128], count[64];
};

static void take_line(const char *line, const char *name, char *to, size_t size)
{
	size_t len = strlen(name);

	if (strncmp(line, name, len) != 0)
		return;
	line += len + strspn(line + len, " ");
	snprintf(to, size, "%.*s", (int)strcspn(line, "\r\n"), line);
}

/* Of its standard output, to the end. */
static int output_read(FILE *said, struct version *v)
{
	char line[512];

	while (fgets(line, sizeof(line), said) != NULL) {
		take_line(line, "Branch:", v->branch, sizeof(v->branch));
		take_line(line, "CommitId:", v->commit, sizeof(v->commit));
		take_line(line, "RevCount:", v->count, sizeof(v->count));
	}
	return v->commit[0] != '\0' && v->count[0] != '\0' ? 0 : -EINVAL;
}

/* PROGRAM -v, as DeepFlow's command asks. 0, or -EINVAL with `err` set. */
static int version_ask(const char *program, struct version *v, struct weir_err *err)
{
	FILE *said;
	int fds[2], rc;
	pid_t child;

	if (pipe(fds) != 0)
		return weir_err_set(err, errno, "%.200s: %s", program, strerror(errno));
	child = fork();
	if (child == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execl(program, program, "-v", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	said = fdopen(fds[0], "r");
	rc = child > 0 && said != NULL ? output_read(said, v) : -EINVAL;
	if (said != NULL)
		fclose(said);
	if (child > 0)
		waitpid(child, NULL, 0);
	if (rc == 0)
		return 0;
	return weir_err_set(err, EINVAL,
			    "%.200s -v: does not run here, or names no RevCount and CommitId: "
			    "--version-image FILE names a program of this version that does",
			    program);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

enum ctl_exit ctl_repo_create(struct ctl *ctl, struct weir_err *err)
{
	struct version v = { 0 };
	const char *asked = ctl->version_image != NULL ? ctl->version_image : ctl->image;
	const struct weir_http_client_part parts[] = {
		{ .name = "NAME", .value = base_name(ctl->image != NULL ? ctl->image : "") },
		{ .name = "ARCH", .value = ctl->arch },
		{ .name = "BRANCH", .value = v.branch },
		{ .name = "REV_COUNT", .value = v.count },
		{ .name = "COMMIT_ID", .value = v.commit },
		{ .name = "OS", .value = "Linux" },
		{ .name = "K8S_IMAGE", .value = ctl->k8s_image != NULL ? ctl->k8s_image : "" },
		{ .name = "IMAGE", .file = ctl->image },
	};
	const struct api_body body = { .parts = parts, .n_parts = WEIR_ARRAY_SIZE(parts) };
	json_t *answer;

	if (ctl->arch == NULL || ctl->image == NULL) {
		weir_err_set(err, EINVAL, "repo agent create: needs --arch ARCH and --image FILE");
		return CTL_USAGE;
	}
	if (access(ctl->image, R_OK) != 0) {
		weir_err_set(err, errno, "%.200s: %s", ctl->image, strerror(errno));
		return api_exit(err);
	}
	if (version_ask(asked, &v, err) != 0)
		return CTL_FAILED;
	answer = api_ask(ctl, "POST", api_target("/v1/vtap-repo/"), &body, err);
	json_decref(answer);
	return answer != NULL ? CTL_OK : api_exit(err);
}
