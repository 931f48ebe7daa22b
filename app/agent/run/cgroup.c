/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup.h"

#include <weir_base.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void cgroup_enter(void)
{
	static const char *const groups[] = {
		"/sys/fs/cgroup/cpu/weir-agent",
		"/sys/fs/cgroup/memory/weir-agent",
		"/sys/fs/cgroup/weir-agent",
		"/sys/fs/cgroup/unified/weir-agent",
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(groups); i++) {
		char path[64];
		int fd, rc;

		snprintf(path, sizeof(path), "%s/cgroup.procs", groups[i]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		rc = fd >= 0 && write(fd, "0", 1) == 1 ? 0 : errno; /* 0 = who writes */
		if (fd >= 0)
			close(fd);
		if (rc == 0)
			weir_log(WEIR_LOG_INFO, "control group %s: entered", groups[i]);
		else
			weir_log(WEIR_LOG_WARN,
				 "control group %s: cannot be entered: %s; its limits do not hold",
				 groups[i], strerror(rc));
	}
}
