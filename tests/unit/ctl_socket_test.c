/* SPDX-License-Identifier: Apache-2.0 */
/* The socket: who may ask, and whose file it is. */
#include "ctl_server_test.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534

static void test_the_socket_of_a_living_agent_is_not_taken(void)
{
	struct event_base *base = event_base_new();
	struct weir_err err = { 0 };
	char pid[32];

	CU_ASSERT_PTR_NULL(server_at(base, path, &err));
	CU_ASSERT_EQUAL(err.code, EADDRINUSE);
	snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, pid));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	event_base_free(base);
	CU_ASSERT_TRUE(becomes("clients", 1)); /* it answers */
}

static void test_the_socket_of_a_killed_agent_is_replaced(void)
{
	char other[160];
	struct event_base *base = event_base_new();
	struct weir_ctl_server *server;
	struct weir_err err = { 0 };
	struct stat before, after;
	pid_t pid;

	snprintf(other, sizeof(other), "%s/deep/killed.sock", dir);
	pid = fork();
	if (pid == 0) {
		if (server_at(base, other, NULL) == NULL)
			_exit(1);
		raise(SIGKILL);
	}
	waitpid(pid, NULL, 0);
	CU_ASSERT_EQUAL(stat(other, &before), 0);
	CU_ASSERT_PTR_NULL(weir_ctl_client_open(other, &err));
	CU_ASSERT_EQUAL(err.code, ECONNREFUSED);
	server = server_at(base, other, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
	CU_ASSERT_EQUAL(stat(other, &after), 0);
	CU_ASSERT_EQUAL(after.st_mode, S_IFSOCK | 0600);
	weir_ctl_server_destroy(server);
	CU_ASSERT_EQUAL(stat(other, &after), -1);
	event_base_free(base);
}

static void test_a_file_that_is_no_socket_stays(void)
{
	char other[160];
	struct event_base *base = event_base_new();
	struct weir_err err = { 0 };
	FILE *f;

	snprintf(other, sizeof(other), "%s/deep/precious", dir);
	f = fopen(other, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fclose(f);
	CU_ASSERT_PTR_NULL(server_at(base, other, &err));
	CU_ASSERT_EQUAL(err.code, EEXIST);
	CU_ASSERT_EQUAL(access(other, F_OK), 0);
	unlink(other);
	event_base_free(base);
}

/* Somebody removed ours and made another. */
static void test_only_the_own_socket_is_removed(void)
{
	char other[160];
	struct event_base *base = event_base_new();
	struct weir_ctl_server *first, *second;

	snprintf(other, sizeof(other), "%s/deep/twice.sock", dir);
	first = server_at(base, other, NULL);
	unlink(other);
	second = server_at(base, other, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_PTR_NOT_NULL_FATAL(second);
	weir_ctl_server_destroy(first);
	CU_ASSERT_EQUAL(access(other, F_OK), 0);
	weir_ctl_server_destroy(second);
	CU_ASSERT_EQUAL(access(other, F_OK), -1);
	event_base_free(base);
}

static void test_no_agent_is_said_with_what_to_do(void)
{
	struct weir_err err = { 0 };

	CU_ASSERT_PTR_NULL(weir_ctl_client_open("/nonexistent/agent.sock", &err));
	CU_ASSERT_EQUAL(err.code, ECONNREFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "systemctl start weir-agent"));
}

/* A child as another user; its exit code says what it saw. */
static int as_nobody(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct weir_err err = { 0 };
		struct weir_ctl_client *c;

		if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
			_exit(99);
		c = weir_ctl_client_open(path, &err);
		if (c == NULL)
			_exit(err.code == EACCES ? 10 : 98);
		if (weir_ctl_client_call(c, "echo", NULL, &err) != NULL)
			_exit(0);
		_exit(err.code == EPERM && strstr(err.msg, "user 65534: may not ask") != NULL ? 11
											      : 97);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_another_user_is_refused_by_the_file_and_by_the_agent(void)
{
	if (getuid() != 0) {
		printf("(skipped: needs root) ");
		return;
	}
	CU_ASSERT_EQUAL(as_nobody(), 10);
	chmod(dir, 0755);
	chmod(path, 0666);
	CU_ASSERT_EQUAL(as_nobody(), 11);
	chmod(path, 0600);
}

static void test_a_member_of_the_sockets_group_may_ask(void)
{
	struct weir_ctl_server_conf conf = { .path = path,
					     .group = "nogroup",
					     .commands = commands,
					     .n_commands = WEIR_ARRAY_SIZE(commands),
					     .ctx = &agent };
	struct stat st;

	if (getuid() != 0) {
		printf("(skipped: needs root) ");
		return;
	}
	agent_stop();
	agent = (struct agent){ .base = event_base_new() };
	agent.feed = evtimer_new(agent.base, on_feed, &agent);
	conf.base = agent.base;
	agent.server = weir_ctl_server_create(&conf, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(agent.server);
	pthread_create(&agent.thread, NULL, agent_main, &agent);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode, S_IFSOCK | 0660);
	CU_ASSERT_EQUAL(st.st_gid, NOBODY);
	CU_ASSERT_EQUAL(as_nobody(), 0);
	agent_stop();
	agent_start();
}

/* A server made the folder of a socket that had none. */
static void end(void)
{
	char deep[160];

	agent_stop();
	snprintf(deep, sizeof(deep), "%s/deep", dir);
	CU_ASSERT_EQUAL(rmdir(deep), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "(an agent is started)", agent_start },
		{ "another user is refused by the file and by the agent",
		  test_another_user_is_refused_by_the_file_and_by_the_agent },
		{ "a member of the socket's group may ask",
		  test_a_member_of_the_sockets_group_may_ask },
		{ "the socket of a living agent is not taken",
		  test_the_socket_of_a_living_agent_is_not_taken },
		{ "the socket of a killed agent is replaced",
		  test_the_socket_of_a_killed_agent_is_replaced },
		{ "a file that is no socket stays", test_a_file_that_is_no_socket_stays },
		{ "only the own socket is removed", test_only_the_own_socket_is_removed },
		{ "no agent is said with what to do", test_no_agent_is_said_with_what_to_do },
		{ "(it ends)", end },
		CU_TEST_INFO_NULL,
	};

	return server_test_main("ctl/socket", tests);
}
