/* SPDX-License-Identifier: Apache-2.0 */
#include "run_caps.h"

#include <cap-ng.h>

/* The kernel checks these where the feature is used; see the README for what each is for. */
static const struct {
	unsigned int need;
	unsigned int capability;
} table[] = {
	{ CAPS_KERNEL, CAP_NET_RAW },    { CAPS_KERNEL, CAP_NET_ADMIN },
	{ CAPS_KERNEL, CAP_IPC_LOCK },   { CAPS_NETNS, CAP_SYS_ADMIN },
	{ CAPS_NETNS, CAP_SYS_PTRACE },  { CAPS_NETNS, CAP_DAC_READ_SEARCH },
	{ CAPS_DPDK, CAP_NET_RAW },      { CAPS_DPDK, CAP_NET_ADMIN },
	{ CAPS_DPDK, CAP_IPC_LOCK },     { CAPS_DPDK, CAP_SYS_ADMIN },
	{ CAPS_DPDK, CAP_SYS_RAWIO },    { CAPS_DPDK, CAP_BPF },
	{ CAPS_DPDK, CAP_DAC_OVERRIDE }, { CAPS_DPDK, CAP_SYS_NICE },
};

void caps_drop(unsigned int needs)
{
	bool had[CAP_LAST_CAP + 1] = { false };
	unsigned int kept = 0;

	if (capng_get_caps_process() != 0)
		return;
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(table); i++)
		had[table[i].capability] |= (table[i].need & needs) != 0 &&
					    capng_have_capability(CAPNG_PERMITTED,
								  table[i].capability) != 0;
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned int c = 0; c <= CAP_LAST_CAP; c++) {
		if (!had[c])
			continue;
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, c);
		kept++;
	}
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		weir_log(WEIR_LOG_WARN,
			 "capabilities: those not needed any more cannot be given up");
	else
		weir_log(WEIR_LOG_DEBUG,
			 "capabilities: %u are kept, for ports that are opened again", kept);
}
