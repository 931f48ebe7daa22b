/* SPDX-License-Identifier: Apache-2.0 */
/* What is written where, with files in the place of the kernel's. With the kernel's: tests/e2e/limits_test.py. */
#include "weir_test.h"

#include <weir_cgroup.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *c = path + 1; *c != '\0'; c++)
		if (*c == '/') {
			*c = '\0';
			mkdir(path, 0700);
			*c = '/';
		}
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

/* Files are not emptied before: what is written stands at their start. */
static bool begins(const char *name, const char *with)
{
	char path[256], text[128] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return strncmp(text, with, strlen(with)) == 0;
}

static void fresh(void)
{
	strcpy(root, P_tmpdir "/limit_cgroup_XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
}

static void gone(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	CU_ASSERT_EQUAL(system(command), 0); /* NOLINT: a test's own folder */
}

static void test_version_1_has_a_quota_of_each_100_ms_and_bytes(void)
{
	struct weir_cgroup g = { 0 };
	struct weir_err err = { 0 };

	fresh();
	put("/proc/self/cgroup", "4:memory:/\n1:cpu,cpuacct:/\n");
	put("/sys/fs/cgroup/cpu/cgroup.procs", "");
	put("/sys/fs/cgroup/cpu/weir-agent/cgroup.procs", "");
	put("/sys/fs/cgroup/cpu/weir-agent/cpu.cfs_period_us", "");
	put("/sys/fs/cgroup/cpu/weir-agent/cpu.cfs_quota_us", "");
	put("/sys/fs/cgroup/memory/cgroup.procs", "");
	put("/sys/fs/cgroup/memory/weir-agent/cgroup.procs", "");
	put("/sys/fs/cgroup/memory/weir-agent/memory.limit_in_bytes", "");
	CU_ASSERT_EQUAL(weir_cgroup_set(&g, WEIR_CGROUP_CPU, 1500, root, "weir-agent", &err), 0);
	CU_ASSERT_EQUAL(weir_cgroup_set(&g, WEIR_CGROUP_MEMORY, UINT64_C(768) << 20, root,
					"weir-agent", &err),
			0);
	CU_ASSERT(begins("/sys/fs/cgroup/cpu/weir-agent/cpu.cfs_period_us", "100000"));
	CU_ASSERT(begins("/sys/fs/cgroup/cpu/weir-agent/cpu.cfs_quota_us", "150000"));
	CU_ASSERT(begins("/sys/fs/cgroup/memory/weir-agent/memory.limit_in_bytes", "805306368"));
	CU_ASSERT(begins("/sys/fs/cgroup/cpu/weir-agent/cgroup.procs", "0"));
	CU_ASSERT(begins("/sys/fs/cgroup/memory/weir-agent/cgroup.procs", "0"));
	weir_cgroup_leave(&g);
	CU_ASSERT(begins("/sys/fs/cgroup/cpu/weir-agent/cpu.cfs_quota_us", "-1"));
	CU_ASSERT(begins("/sys/fs/cgroup/memory/weir-agent/memory.limit_in_bytes", "-1"));
	gone();
}

static void test_version_2_has_one_group_for_both(void)
{
	struct weir_cgroup g = { 0 };
	struct weir_err err = { 0 };
	char pid[32];

	fresh();
	snprintf(pid, sizeof(pid), "1\n%d\n", (int)getpid());
	put("/proc/self/cgroup", "0::/system.slice/weir-agent.service\n");
	put("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
	put("/sys/fs/cgroup/cgroup.procs", "");
	put("/sys/fs/cgroup/weir-agent/cgroup.procs", "");
	put("/sys/fs/cgroup/weir-agent/cpu.max", "");
	put("/sys/fs/cgroup/weir-agent/memory.max", "");
	CU_ASSERT_EQUAL(weir_cgroup_set(&g, WEIR_CGROUP_CPU, 500, root, "weir-agent", &err), 0);
	CU_ASSERT_EQUAL(weir_cgroup_set(&g, WEIR_CGROUP_MEMORY, 128 << 20, root, "weir-agent",
					&err),
			0);
	CU_ASSERT(begins("/sys/fs/cgroup/weir-agent/cpu.max", "50000 100000"));
	CU_ASSERT(begins("/sys/fs/cgroup/weir-agent/memory.max", "134217728"));
	CU_ASSERT_FALSE(weir_cgroup_holds(&g)); /* somebody moved it away */
	put("/sys/fs/cgroup/weir-agent/cgroup.procs", pid);
	CU_ASSERT_TRUE(weir_cgroup_holds(&g));
	CU_ASSERT_EQUAL(weir_cgroup_set(&g, WEIR_CGROUP_CPU, 0, root, "weir-agent", &err), 0);
	CU_ASSERT(begins("/sys/fs/cgroup/weir-agent/cpu.max", "max 100000"));
	weir_cgroup_leave(&g);
	CU_ASSERT(begins("/sys/fs/cgroup/weir-agent/memory.max", "max"));
	gone();
}

static void test_a_machine_without_control_groups_says_so(void)
{
	struct weir_cgroup g = { 0 };
	struct weir_err err = { 0 };

	fresh();
	CU_ASSERT_EQUAL(weir_cgroup_set(&g, WEIR_CGROUP_CPU, 0, root, "weir-agent", &err), 0);
	CU_ASSERT_EQUAL(weir_cgroup_set(&g, WEIR_CGROUP_CPU, 100, root, "weir-agent", &err),
			-ENOENT);
	CU_ASSERT(strstr(err.msg, "no control groups") != NULL);
	CU_ASSERT_TRUE(weir_cgroup_holds(&g)); /* nothing is set that could not */
	gone();
}

static void test_a_group_that_cannot_have_the_limit_is_removed_again(void)
{
	struct weir_cgroup g = { 0 };
	struct weir_err err = { 0 };
	char command[160];

	fresh();
	put("/proc/self/cgroup", "1:cpu:/a/b\n");
	put("/sys/fs/cgroup/cpu/cgroup.procs", "");
	put("/sys/fs/cgroup/cpu/a/b/cgroup.procs", "");
	CU_ASSERT_NOT_EQUAL(weir_cgroup_set(&g, WEIR_CGROUP_CPU, 100, root, "weir-agent", &err), 0);
	CU_ASSERT(strstr(err.msg, "control group ") == err.msg);
	snprintf(command, sizeof(command), "test -z \"$(find '%s' -name 'weir-agent.*')\"", root);
	CU_ASSERT_EQUAL(system(command), 0); /* NOLINT: a test's own folder */
	gone();
}

/* A controller that was handed on, and is not to be had all the same. */
static void test_what_a_group_handed_on_in_vain_it_takes_back(void)
{
	struct weir_cgroup g = { 0 };
	struct weir_err err = { 0 };

	fresh();
	put("/proc/self/cgroup", "0::/a\n");
	put("/sys/fs/cgroup/cgroup.controllers", "");
	put("/sys/fs/cgroup/cgroup.procs", "");
	put("/sys/fs/cgroup/a/cgroup.procs", "");
	put("/sys/fs/cgroup/a/cgroup.subtree_control", "");
	put("/sys/fs/cgroup/weir-agent/cgroup.procs", "");
	put("/sys/fs/cgroup/weir-agent/cpu.max", "");
	put("/sys/fs/cgroup/cgroup.subtree_control", "");
	CU_ASSERT_EQUAL(weir_cgroup_set(&g, WEIR_CGROUP_CPU, 500, root, "weir-agent", &err), 0);
	CU_ASSERT_NOT_EQUAL(weir_cgroup_set(&g, WEIR_CGROUP_MEMORY, 1 << 20, root, "weir-agent",
					    &err),
			    0);
	CU_ASSERT(begins("/sys/fs/cgroup/cgroup.subtree_control", "-memory"));
	CU_ASSERT_FALSE(begins("/sys/fs/cgroup/a/cgroup.subtree_control", "+"));
	CU_ASSERT(begins("/sys/fs/cgroup/weir-agent/cpu.max", "50000 100000")); /* it holds on */
	weir_cgroup_leave(&g);
	gone();
}

static const char *unified(void)
{
	return access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "/sys/fs/cgroup"
								      : "/sys/fs/cgroup/unified";
}

/* This process's group of version 2, as the kernel says. */
static void own_group(char *to, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[512];

	to[0] = '\0';
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "0::", 3) == 0)
			snprintf(to, size, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
	if (f != NULL)
		fclose(f);
}

static int groups_of_ours(void)
{
	char command[160];

	snprintf(command, sizeof(command), "test -z \"$(find '%s' -type d -name 'weir-test.%d')\"",
		 unified(), (int)getpid());
	return system(command); /* NOLINT: reads names */
}

/* Whether this kernel's version 2 has the controller or not: with the one, both ways; without, all is as before. */
static void test_version_2_of_this_kernel_is_left_as_it_was(void)
{
	static const char *const whats[] = { "cpu", "memory" };
	char before[256], after[256], path[512];
	struct weir_cgroup g = { 0 };
	struct weir_err err = { 0 };

	snprintf(path, sizeof(path), "%s/cgroup.procs", unified());
	own_group(before, sizeof(before));
	if (access(path, W_OK) != 0 || before[0] == '\0') {
		printf(" no cgroup v2 that may be written; skipped ");
		return;
	}
	fresh();
	put("/sys/fs/x", "");
	snprintf(path, sizeof(path), "%s/sys/fs/cgroup", root);
	CU_ASSERT_EQUAL_FATAL(symlink(unified(), path), 0);
	snprintf(path, sizeof(path), "%s/proc", root);
	CU_ASSERT_EQUAL_FATAL(symlink("/proc", path), 0);
	for (int i = 0; i < WEIR_CGROUP_WHATS; i++) {
		const int rc = weir_cgroup_set(&g, (enum weir_cgroup_what)i,
					       i == 0 ? 2000 : UINT64_C(8) << 30, root, "weir-test",
					       &err);

		own_group(after, sizeof(after));
		printf(" %s: %s ", whats[i], rc == 0 ? after : err.msg);
		if (rc != 0 && g.of[!i].limit == 0)
			CU_ASSERT_STRING_EQUAL(after, before);
		CU_ASSERT_EQUAL(weir_cgroup_holds(&g), true);
	}
	weir_cgroup_leave(&g);
	own_group(after, sizeof(after));
	CU_ASSERT_STRING_EQUAL(after, before);
	CU_ASSERT_EQUAL(groups_of_ours(), 0);
	gone();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "version 1 has a quota of each 100 ms, and bytes",
		  test_version_1_has_a_quota_of_each_100_ms_and_bytes },
		{ "version 2 has one group for both", test_version_2_has_one_group_for_both },
		{ "a machine without control groups says so",
		  test_a_machine_without_control_groups_says_so },
		{ "a group that cannot have the limit is removed again",
		  test_a_group_that_cannot_have_the_limit_is_removed_again },
		{ "what a group handed on in vain it takes back",
		  test_what_a_group_handed_on_in_vain_it_takes_back },
		{ "version 2 of this kernel is left as it was",
		  test_version_2_of_this_kernel_is_left_as_it_was },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("limit/cgroup", tests);
}
