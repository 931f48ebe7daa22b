/* SPDX-License-Identifier: Apache-2.0 */
#include "capabilities.h"

#include <cap-ng.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct capability_row table[] = {
#define FEATURE(kind, name)    { kind, name, 0, NULL },
#define NEEDS(capability, why) { 0, NULL, CAP_##capability, why },
#include "capabilities.def"
};

static uint64_t given_up; /* at boot; read only after it */

const struct capability_row *capability_rows(const struct capability_row **end)
{
	*end = table + WEIR_ARRAY_SIZE(table);
	return table;
}

bool port_pci_address(const char *text, char *address, size_t size)
{
	unsigned int domain, bus, device, function;
	int end = -1;

	if (sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) != 4 ||
	    end < 0) {
		domain = 0;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &device, &function, &end) != 3 || end < 0)
			return false;
	}
	if (text[end] != '\0' && text[end] != ',')
		return false;
	snprintf(address, size, "%04x:%02x:%02x.%x", domain, bus, device, function);
	return true;
}

static enum port_kind pci_kind(const char *address)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	return access(path, F_OK) == 0 ? PORT_PCI : PORT_PCI_BARE;
}

enum port_kind port_kind(const char *text, const char *netns)
{
	static const struct {
		const char *prefix;
		enum port_kind kind;
	} drivers[] = {
		{ "net_af_xdp", PORT_AF_XDP },
		{ "net_af_packet", PORT_AF_PACKET },
		{ "net_tap", PORT_TAP },
		{ "net_", PORT_VDEV },
	};
	char address[32];

	if (port_pci_address(text, address, sizeof(address)))
		return pci_kind(address);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(drivers); i++)
		if (strncmp(text, drivers[i].prefix, strlen(drivers[i].prefix)) == 0)
			return drivers[i].kind;
	if (netns[0] == '\0')
		return PORT_KERNEL;
	return strncmp(netns, "/proc/", 6) == 0 ? PORT_NETNS_PID : PORT_NETNS;
}

unsigned int port_kinds(const struct weir_box_conf *box)
{
	unsigned int kinds = box->taps_n == 0 ? PORT_KERNEL : 0;

	for (uint32_t t = 0; t < box->taps_n; t++) {
		const struct weir_box_tap *tap = &box->taps[t];

		for (uint32_t i = 0; i < tap->ports.n; i++)
			kinds |= port_kind(tap->ports.v[i], tap->netns);
		for (uint32_t i = 0; i < tap->ports_b.n; i++)
			kinds |= port_kind(tap->ports_b.v[i], tap->netns);
	}
	return kinds;
}

uint64_t capabilities_wanted(unsigned int kinds)
{
	uint64_t set = 0;
	bool counts = false;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(table); i++) {
		if (table[i].feature != NULL)
			counts = (table[i].kind & kinds) != 0;
		else if (counts)
			set |= UINT64_C(1) << table[i].capability;
	}
	return set;
}

static bool locks_all(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

bool capability_may(unsigned int capability)
{
	if (capng_get_caps_process() != 0)
		return false;
	return capng_have_capability(CAPNG_EFFECTIVE, capability) != 0 ||
	       (capability == CAP_IPC_LOCK && locks_all());
}

static const char *refused(unsigned int kinds, unsigned int capability)
{
	bool counts = false;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(table); i++) {
		if (table[i].feature != NULL)
			counts = (table[i].kind & kinds) != 0;
		else if (counts && table[i].capability == capability)
			return table[i].refused;
	}
	return "";
}

bool capabilities_lacking(unsigned int kinds, char *text, size_t size)
{
	const uint64_t wanted = capabilities_wanted(kinds);
	bool again = false;
	size_t n = 0;

	text[0] = '\0';
	for (unsigned int c = 0; c <= CAP_LAST_CAP; c++) {
		const char *name = capng_capability_to_name(c);

		if ((wanted >> c & 1) == 0 || capability_may(c) || name == NULL || n >= size)
			continue;
		n += (size_t)snprintf(text + n, size - n, "%sCAP_%s (%s)", n > 0 ? ", " : "", name,
				      refused(kinds, c));
		again = again || (given_up >> c & 1) != 0;
	}
	for (char *c = text; *c != '\0'; c++) /* the library has small letters */
		if (strncmp(c, "CAP_", 4) == 0)
			for (; *c != '\0' && *c != ' '; c++)
				*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
	if (again && n < size)
		snprintf(text + n, size - n, ": given up at the start; a new start brings it back");
	return n > 0;
}

void capabilities_keep(unsigned int kinds)
{
	uint64_t keep = capabilities_wanted(kinds), had = 0;

	if (geteuid() == 0)
		keep |= UINT64_C(1) << CAP_DAC_OVERRIDE;
	if (capng_get_caps_process() != 0)
		return;
	for (unsigned int c = 0; c <= CAP_LAST_CAP; c++)
		if (capng_have_capability(CAPNG_PERMITTED, c) != 0)
			had |= UINT64_C(1) << c;
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned int c = 0; c <= CAP_LAST_CAP; c++)
		if ((had & keep) >> c & 1)
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, c);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0) {
		weir_log(WEIR_LOG_WARN,
			 "capabilities: those that no port needs cannot be given up");
		return;
	}
	given_up = had & ~keep;
	weir_log(WEIR_LOG_DEBUG, "capabilities: %d are kept, %d given up",
		 __builtin_popcountll(had & keep), __builtin_popcountll(given_up));
}
