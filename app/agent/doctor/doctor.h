/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of `weir-agent doctor` share: what the box needs, findings, files of the kernel. */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "agent.h"
#include "capabilities.h"

enum finding_state { FINDING_OK, FINDING_WARN, FINDING_BAD };

struct finding {
	enum finding_state state;
	const char *check;
	char text[400];    /* one sentence: object, value, what follows */
	char command[300]; /* what mends it; "" = nothing to type */
};

#define FINDINGS_MAX 256

struct doctor {
	const char *root; /* before /proc, /sys and other files: "", or another machine's */
	bool live;        /* root is "": this machine can be asked, too */
	const struct agent_conf *conf;
	unsigned int ports; /* enum port_kind of all taps */

	const char *check; /* that runs now */
	struct finding findings[FINDINGS_MAX];
	unsigned int n, left_out;
};

/* A finding of the check that runs. `command` may be "". */
void doctor_say(struct doctor *d, enum finding_state state, const char *command, const char *fmt,
		...) __attribute__((format(printf, 4, 5)));
/* FINDING_BAD where the configured taps have one of these kinds, else FINDING_WARN. */
enum finding_state doctor_unless_needed(const struct doctor *d, unsigned int kinds);
/* read.c: files below the root. What is not there, or not to be read, is false. */
void doctor_path(const struct doctor *d, char *path, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool doctor_exists(const struct doctor *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The first line, without its end. */
bool doctor_line(const struct doctor *d, char *line, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool doctor_number(const struct doctor *d, long long *out, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Last part of where a symbolic link leads to. */
bool doctor_link(const struct doctor *d, char *name, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The line of a file that begins with `key` and what follows its first ':' or blank, trimmed. */
bool doctor_field(const struct doctor *d, const char *path, const char *key, char *value,
		  size_t size);
/* Names in a folder, sorted, that begin with `prefix`; at most `max`; their number. */
struct doctor_name {
	char name[64];
};
unsigned int doctor_names(const struct doctor *d, struct doctor_name *names, unsigned int max,
			  const char *prefix, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Is `cpu` in a list like "0-3,8"? */
bool doctor_in_list(const char *list, int cpu);

/* The checks. Each gives at least one finding, whatever is missing. */
void doctor_kernel(struct doctor *d);
void doctor_cpu(struct doctor *d);
void doctor_clock(struct doctor *d);
void doctor_hugepages(struct doctor *d);
void doctor_memlock(struct doctor *d);
void doctor_iommu(struct doctor *d);
void doctor_nics(struct doctor *d);
void doctor_ports(struct doctor *d);
void doctor_sockets(struct doctor *d);
void doctor_bpf(struct doctor *d);
void doctor_capabilities(struct doctor *d);
void doctor_store(struct doctor *d);
void doctor_directories(struct doctor *d);
void doctor_systemd(struct doctor *d);
void doctor_cgroup(struct doctor *d);

/* iface.c: an interface of this machine. */
struct doctor_iface {
	bool up, carrier, address, route;
	char master[64];
	long long mtu, speed; /* Mbit/s; -1 = not told */
	unsigned int queues;  /* receive queues, 0 = not told */
	bool hash;            /* spreads packets over them by a key that can be set */
};
bool doctor_iface(const struct doctor *d, const char *name, struct doctor_iface *out);
/* Would the host miss it? Then what it carries, else NULL. */
const char *doctor_iface_live(const struct doctor_iface *i);

#endif
