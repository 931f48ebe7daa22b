/* SPDX-License-Identifier: Apache-2.0 */
/* Other machines are folders of files; this one is compared with what its kernel says in another way. */
#include "weir_test.h"

#include <weir_machine.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static char root[64];

static void folders(char *path)
{
	for (char *c = path + 1; *c != '\0'; c++)
		if (*c == '/') {
			*c = '\0';
			mkdir(path, 0700);
			*c = '/';
		}
}

static void put_bytes(const char *name, const void *bytes, size_t n)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	folders(path);
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fwrite(bytes, 1, n, f);
	fclose(f);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static void fresh(void)
{
	strcpy(root, P_tmpdir "/limit_machine_XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
}

static void gone(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	CU_ASSERT_EQUAL(system(command), 0); /* NOLINT: a test's own folder */
}

static void test_memory_of_a_machine(void)
{
	struct weir_machine_memory m;

	fresh();
	CU_ASSERT_EQUAL(weir_machine_memory(root, &m), -ENOENT);
	put("/proc/meminfo", "MemTotal:       16384000 kB\nMemFree:         1024000 kB\n"
			     "MemAvailable:    8192000 kB\nBuffers:           1 kB\n");
	CU_ASSERT_EQUAL_FATAL(weir_machine_memory(root, &m), 0);
	CU_ASSERT_EQUAL(m.all, UINT64_C(16384000) * 1024);
	CU_ASSERT_EQUAL(m.free, UINT64_C(1024000) * 1024);
	CU_ASSERT_EQUAL(m.available, UINT64_C(8192000) * 1024);
	put("/proc/meminfo", "MemFree: 1 kB\nMemAvailable: 1 kB\n");
	CU_ASSERT_EQUAL(weir_machine_memory(root, &m), -EBADMSG);
	gone();
}

static void test_load_of_a_machine(void)
{
	double load[3];

	fresh();
	CU_ASSERT_EQUAL(weir_machine_load(root, load), -ENOENT);
	put("/proc/loadavg", "0.20 12.18 3.07 2/345 6789\n");
	CU_ASSERT_EQUAL_FATAL(weir_machine_load(root, load), 0);
	CU_ASSERT_DOUBLE_EQUAL(load[0], 0.20, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(load[1], 12.18, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(load[2], 3.07, 1e-9);
	put("/proc/loadavg", "many\n");
	CU_ASSERT_EQUAL(weir_machine_load(root, load), -EBADMSG);
	gone();
}

static void test_cpus_of_a_machine(void)
{
	static const struct {
		const char *text;
		uint32_t n;
	} lists[] = { { "0-3\n", 4 }, { "0\n", 1 },   { "0-1,4,6-7\n", 5 },     { "\n", 1 },
		      { "x\n", 1 },   { "3-1\n", 1 }, { "0-63,128-191\n", 128 } };

	fresh();
	CU_ASSERT_EQUAL(weir_machine_cpus(root), 1);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(lists); i++) {
		put("/sys/devices/system/cpu/online", lists[i].text);
		CU_ASSERT_EQUAL(weir_machine_cpus(root), lists[i].n);
	}
	gone();
}

static void test_processes_are_counted_by_name(void)
{
	fresh();
	put("/proc/1/comm", "init\n");
	put("/proc/20/comm", "weir-agent\n");
	put("/proc/21/comm", "weir-agent2\n");
	put("/proc/300/comm", "weir-agent\n");
	put("/proc/self/comm", "weir-agent\n");
	CU_ASSERT_EQUAL(weir_machine_processes(root, "weir-agent"), 2);
	gone();
}

static void test_a_process_with_brackets_in_its_name(void)
{
	struct weir_process p;

	fresh();
	put("/proc/self/status", "Name:\ta) b 1\nVmRSS:\t    2048 kB\nThreads:\t17\n");
	put("/proc/self/stat", "77 (a) b 1) S 1 77 77 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 17 0\n");
	CU_ASSERT_EQUAL_FATAL(weir_machine_process(root, &p), 0);
	CU_ASSERT_EQUAL(p.rss, 2048 * 1024);
	CU_ASSERT_EQUAL(p.threads, 17);
	CU_ASSERT_EQUAL(p.sockets, 0);
	CU_ASSERT_EQUAL(p.cpu_ns, 300 * (WEIR_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK)));
	CU_ASSERT_STRING_EQUAL(p.name, "a) b 1");
	gone();
}

static void test_core_files_are_those_of_the_program(void)
{
	char core[200] = "\177ELF\2\1\1";
	char other[200] = "\177ELF\2\1\1";

	core[16] = other[16] = 4; /* ET_CORE */
	strcpy(core + 100, "weir-agent");
	strcpy(other + 100, "sleep");
	fresh();
	put("/proc/sys/kernel/core_pattern", "/var/crash/core.%e.%p\n");
	CU_ASSERT_EQUAL(weir_machine_cores(root, "weir-agent"), 0);
	put_bytes("/var/crash/core.weir-agent.1", core, sizeof(core));
	put_bytes("/var/crash/core.weir-agent.2", core, sizeof(core));
	put_bytes("/var/crash/core.sleep.3", other, sizeof(other));
	put_bytes("/var/crash/other.weir-agent.4", core, sizeof(core));
	put("/var/crash/core.weir-agent.txt", "weir-agent");
	CU_ASSERT_EQUAL(weir_machine_cores(root, "weir-agent"), 2);
	put("/proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P\n");
	CU_ASSERT_EQUAL(weir_machine_cores(root, "weir-agent"), 0);
	put("/proc/sys/kernel/core_pattern", "/core\n");
	put_bytes("/core", core, sizeof(core));
	CU_ASSERT_EQUAL(weir_machine_cores(root, "weir-agent"), 1);
	gone();
}

static void test_a_container_shows_by_its_marks(void)
{
	unsetenv("IN_CONTAINER");
	fresh();
	CU_ASSERT_FALSE(weir_machine_is_container(root));
	setenv("IN_CONTAINER", "yes", 1);
	CU_ASSERT_TRUE(weir_machine_is_container(root));
	unsetenv("IN_CONTAINER");
	put("/run/secrets/kubernetes.io/serviceaccount/ca.crt", "x");
	CU_ASSERT_TRUE(weir_machine_is_container(root));
	gone();
}

static void test_this_machine_is_as_the_kernel_says_elsewhere(void)
{
	struct weir_machine_memory m;
	struct sysinfo info;
	double load[3];

	CU_ASSERT_EQUAL_FATAL(sysinfo(&info), 0);
	CU_ASSERT_EQUAL_FATAL(weir_machine_memory("", &m), 0);
	CU_ASSERT_EQUAL(m.all, (uint64_t)info.totalram * info.mem_unit);
	CU_ASSERT(m.free <= m.all && m.available <= m.all);
	CU_ASSERT_EQUAL_FATAL(weir_machine_load("", load), 0);
	CU_ASSERT_DOUBLE_EQUAL(load[2], (double)info.loads[2] / 65536, 0.2);
	CU_ASSERT_EQUAL(weir_machine_cpus(""), (uint32_t)sysconf(_SC_NPROCESSORS_ONLN));
}

static void test_this_process_is_as_the_kernel_says_elsewhere(void)
{
	struct weir_process before, after;
	struct rusage u;
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(weir_machine_process("", &before), 0);
	CU_ASSERT_EQUAL(before.threads, 1);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CU_ASSERT_EQUAL_FATAL(weir_machine_process("", &after), 0);
	CU_ASSERT_EQUAL(after.sockets, before.sockets + 2);
	CU_ASSERT(weir_machine_processes("", after.name) >= 1);
	getrusage(RUSAGE_SELF, &u);
	CU_ASSERT(after.rss > 0 && after.rss <= (uint64_t)u.ru_maxrss * 1024 + (4 << 20));
	CU_ASSERT(after.cpu_ns <=
		  (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec + 1) * WEIR_NS_PER_S);
	close(pair[0]);
	close(pair[1]);
}

static void test_a_file_system_has_room_or_is_not_there(void)
{
	uint64_t room, all;

	CU_ASSERT_EQUAL_FATAL(weir_machine_disk("/", &room, &all), 0);
	CU_ASSERT(all > 0 && room <= all);
	CU_ASSERT_EQUAL(weir_machine_disk("/no/such/folder", &room, &all), -ENOENT);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "memory of a machine", test_memory_of_a_machine },
		{ "load of a machine", test_load_of_a_machine },
		{ "CPUs of a machine", test_cpus_of_a_machine },
		{ "processes are counted by name", test_processes_are_counted_by_name },
		{ "a process with brackets in its name", test_a_process_with_brackets_in_its_name },
		{ "core files are those of the program", test_core_files_are_those_of_the_program },
		{ "a container shows by its marks", test_a_container_shows_by_its_marks },
		{ "this machine is as the kernel says elsewhere",
		  test_this_machine_is_as_the_kernel_says_elsewhere },
		{ "this process is as the kernel says elsewhere",
		  test_this_process_is_as_the_kernel_says_elsewhere },
		{ "a file system has room or is not there",
		  test_a_file_system_has_room_or_is_not_there },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("limit/machine", tests);
}
