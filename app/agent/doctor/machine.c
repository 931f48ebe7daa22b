/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel, processors and clocks. */
#include "doctor.h"

#include <ctype.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <sys/utsname.h>

#define CPUS_MAX 1024

static bool version_of(const struct doctor *d, char *release, size_t size, int *major, int *minor)
{
	struct utsname u;

	if (d->live && uname(&u) == 0)
		snprintf(release, size, "%s", u.release);
	else if (!doctor_line(d, release, size, "/proc/sys/kernel/osrelease"))
		return false;
	return sscanf(release, "%d.%d", major, minor) == 2;
}

void doctor_kernel(struct doctor *d)
{
	char release[128];
	int major, minor, version;

	if (!version_of(d, release, sizeof(release), &major, &minor)) {
		doctor_say(d, FINDING_WARN, "", "the kernel's version is not to be found");
		return;
	}
	version = major * 100 + minor;
	if (version < 419)
		doctor_say(
			d, FINDING_WARN, "apt-get install linux-image-amd64",
			"Linux %s: weir is tried with Debian 12's 6.1 and newer; AF_XDP needs 4.19",
			release);
	else if (version < 508)
		doctor_say(
			d, FINDING_OK, "",
			"Linux %s; before 5.8 BPF programs need CAP_SYS_ADMIN instead of CAP_BPF",
			release);
	else
		doctor_say(d, FINDING_OK, "", "Linux %s", release);
}

/* Are two of the workers' CPUs threads of one core? */
static void siblings(struct doctor *d, const struct weir_conf_ints *cpus)
{
	for (uint32_t i = 0; i < cpus->n; i++) {
		char list[128];

		if (!doctor_line(d, list, sizeof(list),
				 "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
				 cpus->v[i]))
			continue;
		for (uint32_t k = i + 1; k < cpus->n; k++)
			if (doctor_in_list(list, cpus->v[k]))
				doctor_say(
					d, FINDING_WARN, "",
					"worker CPUs %d and %d are two threads of one core and share its speed: "
					"name one of them in cores.worker_cpus",
					cpus->v[i], cpus->v[k]);
	}
}

static void pinned(struct doctor *d, const char *online)
{
	const struct weir_conf_ints *cpus = &d->conf->box.cores.worker_cpus;
	char isolated[256] = "";
	bool all = true;

	doctor_line(d, isolated, sizeof(isolated), "/sys/devices/system/cpu/isolated");
	for (uint32_t i = 0; i < cpus->n; i++) {
		if (!doctor_in_list(online, cpus->v[i]))
			doctor_say(d, FINDING_BAD, "",
				   "cores.worker_cpus names CPU %d; there are %s", cpus->v[i],
				   online);
		all = all && doctor_in_list(isolated, cpus->v[i]);
	}
	if (cpus->n == 0)
		doctor_say(d, FINDING_OK, "", "workers are not pinned; CPUs isolated: %s",
			   isolated[0] != '\0' ? isolated : "none");
	else if (all)
		doctor_say(d, FINDING_OK, "", "the workers' CPUs are isolated: %s", isolated);
	else
		doctor_say(
			d, FINDING_WARN,
			"sed -i 's/^GRUB_CMDLINE_LINUX=\"/&isolcpus=managed_irq,domain,LIST /' /etc/default/grub "
			"&& update-grub && reboot # LIST: the workers' CPUs",
			"CPUs of cores.worker_cpus are not isolated (isolated: %s): other programs may take them",
			isolated[0] != '\0' ? isolated : "none");
	siblings(d, cpus);
}

/* The first CPU that is told to save energy speaks for all. */
static void governor(struct doctor *d, const char *online)
{
	char name[64], seen[64] = "";

	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (!doctor_in_list(online, cpu) ||
		    !doctor_line(d, name, sizeof(name),
				 "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu))
			continue;
		snprintf(seen, sizeof(seen), "%s", name);
		if (strcmp(name, "performance") == 0)
			continue;
		doctor_say(
			d, FINDING_WARN,
			"echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
			"frequency governor of CPU %d is %s: packets wait while it speeds up", cpu,
			name);
		return;
	}
	doctor_say(d, FINDING_OK, "", "frequency governor: %s",
		   seen[0] != '\0' ? seen : "none, the firmware or the hypervisor decides");
}

void doctor_cpu(struct doctor *d)
{
	const uint32_t workers = d->conf->box.cores.workers;
	char online[256] = "", flags[4096] = "", smt[32] = "not told";
	cpu_set_t set;
	int n = 0;

	if (!doctor_line(d, online, sizeof(online), "/sys/devices/system/cpu/online"))
		doctor_say(d, FINDING_WARN, "",
			   "which CPUs are online is not to be found: no /sys");
	for (int cpu = 0; cpu < CPUS_MAX; cpu++)
		n += doctor_in_list(online, cpu);
	if (d->live && sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	doctor_line(d, smt, sizeof(smt), "/sys/devices/system/cpu/smt/control");
	if (n > 0 && (int)workers > n)
		doctor_say(
			d, FINDING_BAD, "",
			"%u workers for %d CPUs: cores.workers in the box configuration is too many",
			workers, n);
	else if (n > 0)
		doctor_say(d, FINDING_OK, "", "%d CPU%s to be used of %s, SMT %s; %u worker%s", n,
			   n > 1 ? "s" : "", online, smt, workers, workers > 1 ? "s" : "");
	if (doctor_field(d, "/proc/cpuinfo", "flags", flags, sizeof(flags)) &&
	    strstr(flags, "sse4_2") == NULL)
		doctor_say(d, FINDING_BAD, "", "the CPU has no SSE 4.2, which Debian's DPDK needs");
	if (online[0] != '\0') {
		pinned(d, online);
		governor(d, online);
	}
}

static void tsc(struct doctor *d)
{
	char flags[4096] = "", source[64] = "";

	doctor_field(d, "/proc/cpuinfo", "flags", flags, sizeof(flags));
	if (!doctor_line(d, source, sizeof(source),
			 "/sys/devices/system/clocksource/clocksource0/current_clocksource"))
		snprintf(source, sizeof(source), "not told");
	if (strcmp(source, "hpet") == 0 || strcmp(source, "acpi_pm") == 0)
		doctor_say(
			d, FINDING_WARN,
			"echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource",
			"clocksource %s: asking for the time takes a microsecond; the kernel's log says why "
			"it does not trust the TSC",
			source);
	else if (strstr(flags, "constant_tsc") == NULL || strstr(flags, "nonstop_tsc") == NULL)
		doctor_say(
			d, FINDING_WARN, "",
			"clocksource %s; the CPU does not promise that its time stamp counter runs evenly: "
			"shares of busy time may be wrong",
			source);
	else
		doctor_say(d, FINDING_OK, "",
			   "clocksource %s; the TSC is constant and does not stop", source);
}

static void ntp(struct doctor *d)
{
	struct timex t = { 0 };
	int state;

	if (!d->live)
		return;
	state = adjtimex(&t);
	if (state < 0)
		doctor_say(d, FINDING_WARN, "",
			   "whether the clock is synchronised is not told: %m");
	else if (state == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
		doctor_say(d, FINDING_WARN, "apt-get install chrony",
			   "the clock is not synchronised: flows of several boxes do not line up");
	else
		doctor_say(d, FINDING_OK, "", "the clock is synchronised, to %.1f ms at most",
			   (double)t.maxerror / 1000);
}

void doctor_clock(struct doctor *d)
{
	tsc(d);
	ntp(d);
}
