/* SPDX-License-Identifier: Apache-2.0 */
/* Huge pages, those who have them, and memory that may be locked. */
#include "doctor.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

/* What the agent's tables take; DPDK ports take their packet memory beside it. */
static uint64_t tables_bytes(const struct agent_conf *c)
{
	const struct weir_pipe_options o = agent_pipe_options(c, c->box.cores.workers, 0);

	return weir_pipe_bytes(&o);
}

static void transparent(struct doctor *d)
{
	char line[128];

	if (doctor_line(d, line, sizeof(line), "/sys/kernel/mm/transparent_hugepage/enabled") &&
	    strstr(line, "[never]") != NULL)
		doctor_say(
			d, FINDING_WARN,
			"echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
			"transparent huge pages are switched off: what finds no reserved page gets "
			"small ones, and each new flow costs a page walk more");
}

static uint64_t node_pages(struct doctor *d, const char *node, const char *size)
{
	long long total = 0, left = 0, kib = 0;

	if (sscanf(size, "hugepages-%lldkB", &kib) != 1 ||
	    !doctor_number(d, &total, "/sys/devices/system/node/%s/hugepages/%s/nr_hugepages", node,
			   size) ||
	    !doctor_number(d, &left, "/sys/devices/system/node/%s/hugepages/%s/free_hugepages",
			   node, size))
		return 0;
	if (total > 0)
		doctor_say(d, FINDING_OK, "", "%s: %lld of %lld pages of %lld MiB are free", node,
			   left, total, kib / 1024);
	return (uint64_t)left * (uint64_t)kib * 1024;
}

/* Without NUMA in the kernel there are no nodes. */
static uint64_t meminfo_pages(const struct doctor *d)
{
	char value[64];
	unsigned long long left, kib;

	if (!doctor_field(d, "/proc/meminfo", "HugePages_Free", value, sizeof(value)) ||
	    sscanf(value, "%llu", &left) != 1 ||
	    !doctor_field(d, "/proc/meminfo", "Hugepagesize", value, sizeof(value)) ||
	    sscanf(value, "%llu", &kib) != 1)
		return 0;
	return left * kib * 1024;
}

static void advice(char *command, size_t size, unsigned int nodes, uint64_t pages)
{
	if (nodes < 2)
		snprintf(command, size, "sysctl -w vm.nr_hugepages=%llu",
			 (unsigned long long)pages);
	else
		snprintf(command, size,
			 "echo %llu | tee /sys/devices/system/node/node[0-9]*/hugepages/"
			 "hugepages-2048kB/nr_hugepages",
			 (unsigned long long)((pages + nodes - 1) / nodes));
}

/* A process of DPDK holds a lock on the file `config` below its prefix; others may not look there. */
static void prefixes(struct doctor *d)
{
	struct doctor_name names[64];
	const unsigned int n =
		d->live ? doctor_names(d, names, WEIR_ARRAY_SIZE(names), "", "/run/dpdk") : 0;

	for (unsigned int i = 0; i < n; i++) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		char path[PATH_MAX];
		int fd;

		doctor_path(d, path, sizeof(path), "/run/dpdk/%s/config", names[i].name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		/* It locks a few bytes in the middle. */
		if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
			doctor_say(d, FINDING_OK, "",
				   "DPDK process %d runs here with the file prefix %s",
				   (int)lock.l_pid, names[i].name);
		close(fd);
	}
}

/* All that is free, over nodes and sizes. */
static uint64_t free_bytes(struct doctor *d, const struct doctor_name *nodes, unsigned int n)
{
	struct doctor_name sizes[8];
	uint64_t left = 0;

	for (unsigned int i = 0; i < n; i++) {
		const unsigned int n_sizes = doctor_names(d, sizes, WEIR_ARRAY_SIZE(sizes),
							  "hugepages-",
							  "/sys/devices/system/node/%s/hugepages",
							  nodes[i].name);

		for (unsigned int k = 0; k < n_sizes; k++)
			left += node_pages(d, nodes[i].name, sizes[k].name);
	}
	return n > 0 ? left : meminfo_pages(d);
}

void doctor_hugepages(struct doctor *d)
{
	const uint64_t need = tables_bytes(d->conf), pages = (need + 2 * MIB - 1) / (2 * MIB);
	const bool demanded = d->conf->box.memory.hugepages == WEIR_HUGEPAGES_ON;
	struct doctor_name nodes[64];
	const unsigned int n = doctor_names(d, nodes, WEIR_ARRAY_SIZE(nodes), "node",
					    "/sys/devices/system/node");
	const uint64_t left = free_bytes(d, nodes, n);
	char command[200];

	advice(command, sizeof(command), n, pages);
	if (left >= need) {
		doctor_say(d, FINDING_OK, "",
			   "%llu MiB of huge pages are free, tables take %llu MiB",
			   (unsigned long long)(left / MIB), (unsigned long long)(need / MIB));
	} else {
		doctor_say(d, demanded ? FINDING_BAD : FINDING_WARN, command,
			   "%llu MiB of huge pages are free, tables take %llu MiB; %s",
			   (unsigned long long)(left / MIB), (unsigned long long)(need / MIB),
			   demanded ? "memory.hugepages demands them"
				    : "ordinary pages do, but memory is slower to reach");
		transparent(d);
	}
	prefixes(d);
}

void doctor_memlock(struct doctor *d)
{
	struct rlimit limit;

	if (!d->live || getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
		doctor_say(d, FINDING_OK, "", "what a process may lock is not looked at");
		return;
	}
	if (limit.rlim_cur == RLIM_INFINITY || capability_may(CAP_IPC_LOCK))
		doctor_say(d, FINDING_OK, "", "any amount of memory may be locked");
	else
		doctor_say(
			d, doctor_unless_needed(d, PORT_PCI | PORT_PCI_BARE | PORT_AF_XDP),
			"ulimit -l unlimited # systemd: LimitMEMLOCK=infinity; or CAP_IPC_LOCK",
			"this process may lock %llu KiB: too few for AF_XDP and PCI ports, which lock "
			"their packet memory",
			(unsigned long long)(limit.rlim_cur / 1024));
}
