/* SPDX-License-Identifier: Apache-2.0 */
/* Where records go, and what the system around the agent offers: disk, folders, systemd, cgroups. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB           (UINT64_C(1) << 20)
#define WRITE_MIB     64
#define SLOW_MIB_S    40 /* 200,000 records a second of some 200 bytes */
#define STORE_DEFAULT "/var/lib/weir/store"

/* The folder, or the nearest one above it that is there. */
static void existing(char *path)
{
	while (path[0] == '/' && path[1] != '\0' && access(path, F_OK) != 0)
		*(path == strrchr(path, '/') ? path + 1 : strrchr(path, '/')) = '\0';
	if (path[0] != '/' && access(path, F_OK) != 0)
		memcpy(path, ".", 2);
}

/* A file that nobody sees and that is gone with the descriptor. */
static int scratch(const char *folder)
{
	char path[PATH_MAX];
	int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	if (snprintf(path, sizeof(path), "%s/.weir-doctor-XXXXXX", folder) >= (int)sizeof(path))
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

/* MiB/s of written and synced bytes: WRITE_MIB or about a second of it. 0 with errno when it failed. */
static double write_speed(int fd)
{
	const uint64_t begin = weir_clock_mono_ns();
	static uint8_t block[MIB];
	uint64_t written = 0, ns = 0;

	for (size_t i = 0; i < sizeof(block); i += 8) {
		const uint64_t v = weir_mix(i + 1, begin); /* nothing to compress */

		memcpy(block + i, &v, sizeof(v));
	}
	while (written < WRITE_MIB && ns < WEIR_NS_PER_S) {
		if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
			return 0;
		written++;
		if (written % 8 == 0 && fdatasync(fd) != 0)
			return 0;
		ns = weir_clock_mono_ns() - begin;
	}
	if (fsync(fd) != 0)
		return 0;
	ns = weir_clock_mono_ns() - begin;
	return ns > 0 ? (double)written * 1e9 / (double)ns : 0;
}

static void space(struct doctor *d, const char *path, const char *folder)
{
	struct statvfs fs;
	uint64_t left;

	if (statvfs(folder, &fs) != 0)
		return;
	left = (uint64_t)fs.f_bavail * fs.f_frsize / MIB;
	if ((fs.f_flag & ST_RDONLY) != 0)
		doctor_say(d, FINDING_BAD, "", "%s: the file system is read-only", path);
	else
		doctor_say(d,
			   left < 64     ? FINDING_BAD
			   : left < 1024 ? FINDING_WARN
					 : FINDING_OK,
			   "", "%s: %llu MiB are free; a million records take some 200 MiB", path,
			   (unsigned long long)left);
}

static void disk(struct doctor *d, const char *path)
{
	char folder[PATH_MAX], command[200];
	double speed;
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	existing(folder);
	space(d, path, folder);
	fd = scratch(folder);
	if (fd < 0) {
		snprintf(command, sizeof(command), "install -d -o weir -g weir -m 0750 %s", path);
		doctor_say(d, FINDING_WARN, command, "%s: user %u cannot write in %s: %m", path,
			   geteuid(), folder);
		return;
	}
	speed = write_speed(fd);
	if (speed == 0)
		doctor_say(d, FINDING_BAD, "", "%s: writing failed: %m", path);
	else
		doctor_say(d, speed < SLOW_MIB_S ? FINDING_WARN : FINDING_OK, "",
			   "%s: %.0f MiB/s written and synced%s", path, speed,
			   speed < SLOW_MIB_S ? ": records of busy seconds will wait or be dropped"
					      : "");
	close(fd);
}

void doctor_store(struct doctor *d)
{
	const struct weir_box_conf *box = &d->conf->box;
	bool none = true;

	if (!d->live) {
		doctor_say(d, FINDING_OK, "", "not tried: another machine's");
		return;
	}
	if (box->sinks_n == 0)
		disk(d, STORE_DEFAULT);
	for (uint32_t i = 0; i < box->sinks_n; i++) {
		const struct weir_box_sink *s = &box->sinks[i];
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s", s->path);
		if (s->type == WEIR_BOX_SINK_JSONL && strcmp(s->path, "-") == 0)
			continue;
		disk(d, s->type == WEIR_BOX_SINK_JSONL ? dirname(path) : path);
		none = false;
	}
	if (box->sinks_n > 0 && none)
		doctor_say(d, FINDING_OK, "", "records go to standard output only");
}

static void folder(struct doctor *d, const char *path, const char *mode, const char *use)
{
	char command[200];
	struct stat st;
	const struct passwd *owner;

	if (stat(path, &st) != 0) {
		snprintf(command, sizeof(command), "install -d -o weir -g weir -m %s %s", mode,
			 path);
		doctor_say(d, FINDING_WARN, command,
			   "%s (%s) is not there: systemd makes it, other starters do not", path,
			   use);
		return;
	}
	owner = getpwuid(st.st_uid);
	doctor_say(d, FINDING_OK, "", "%s (%s) is there, of user %s, mode %04o", path, use,
		   owner != NULL ? owner->pw_name : "?", (unsigned int)st.st_mode & 07777);
}

void doctor_directories(struct doctor *d)
{
	char run[PATH_MAX];

	if (!d->live) {
		doctor_say(d, FINDING_OK, "", "not looked at: another machine's");
		return;
	}
	if (getpwnam("weir") == NULL)
		doctor_say(d, FINDING_WARN,
			   "useradd --system --user-group --home-dir /var/lib/weir --shell "
			   "/usr/sbin/nologin weir",
			   "there is no user weir: the agent would run as root or another user");
	else
		doctor_say(d, FINDING_OK, "", "user weir is there");
	snprintf(run, sizeof(run), "%s", d->conf->box.control.socket);
	if (run[0] == '/')
		folder(d, dirname(run), "0755", "control socket");
	folder(d, "/var/lib/weir", "0750", "state");
}

void doctor_systemd(struct doctor *d)
{
	if (!doctor_exists(d, "/run/systemd/system")) {
		doctor_say(
			d, FINDING_OK, "",
			"systemd does not run here: whoever starts 'weir-agent run' gives it user, "
			"capabilities and restart");
		return;
	}
	if (doctor_exists(d, "/usr/lib/systemd/system/weir-agent.service") ||
	    doctor_exists(d, "/lib/systemd/system/weir-agent.service") ||
	    doctor_exists(d, "/etc/systemd/system/weir-agent.service") ||
	    doctor_exists(d, "/usr/local/lib/systemd/system/weir-agent.service"))
		doctor_say(d, FINDING_OK, "", "systemd runs, weir-agent.service is installed");
	else
		doctor_say(d, FINDING_WARN, "meson install -C build && systemctl daemon-reload",
			   "systemd runs, and has no weir-agent.service");
	if (doctor_exists(d, "/run/systemd/journal/socket"))
		doctor_say(d, FINDING_OK, "", "journald takes the log");
	else
		doctor_say(d, FINDING_WARN, "systemctl start systemd-journald",
			   "journald does not run: the log goes to standard error");
}

void doctor_cgroup(struct doctor *d)
{
	static const char *const folders[] = {
		"/sys/fs/cgroup/cpu/weir-agent",
		"/sys/fs/cgroup/memory/weir-agent",
		"/sys/fs/cgroup/weir-agent",
	};
	const char *version = doctor_exists(d, "/sys/fs/cgroup/cgroup.controllers") ? "2"
			      : doctor_exists(d, "/sys/fs/cgroup/memory")           ? "1"
										    : NULL;
	bool found = false;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(folders); i++) {
		char path[PATH_MAX];

		doctor_path(d, path, sizeof(path), "%s/cgroup.procs", folders[i]);
		if (access(path, F_OK) != 0)
			continue;
		found = true;
		if (d->live && access(path, W_OK) != 0)
			doctor_say(d, FINDING_WARN,
				   "chown -R weir:weir /sys/fs/cgroup/*/weir-agent",
				   "%s is there, and user %u may not enter it", folders[i],
				   geteuid());
		else
			doctor_say(d, FINDING_OK, "", "%s is there: the agent enters it",
				   folders[i]);
	}
	if (!found)
		doctor_say(d, FINDING_OK, "",
			   "no cgroup of its own (cgroups: %s); limits come from %s",
			   version != NULL ? version : "none",
			   doctor_exists(d, "/run/systemd/system") ? "the service" : "nobody");
}
