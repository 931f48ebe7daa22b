/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices on the PCI bus, what DPDK needs to own one, and the ports of the configured taps. */
#include "doctor.h"

#include <limits.h>
#include <sys/utsname.h>

#define PCI "/sys/bus/pci/devices"

/* A driver that is in the kernel, loaded, or a module that can be. */
static bool module_there(const struct doctor *d, const char *name, const char *file)
{
	static const char *const lists[] = { "modules.dep", "modules.builtin" };
	struct utsname u;

	if (doctor_exists(d, "/sys/module/%s", name))
		return true;
	if (uname(&u) != 0)
		return false;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(lists); i++) {
		char path[PATH_MAX], line[1024];
		bool found = false;
		FILE *f;

		doctor_path(d, path, sizeof(path), "/lib/modules/%s/%s", u.release, lists[i]);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		while (!found && fgets(line, sizeof(line), f) != NULL)
			found = strstr(line, file) != NULL;
		fclose(f);
		if (found)
			return true;
	}
	return false;
}

static void vfio(struct doctor *d, bool iommu)
{
	char unsafe[16] = "";

	if (!module_there(d, "vfio_pci", "/vfio-pci.ko")) {
		doctor_say(
			d, doctor_unless_needed(d, PORT_PCI | PORT_PCI_BARE), "",
			"the kernel has no vfio-pci: DPDK cannot own a NIC; kernel interfaces and "
			"virtual devices work");
		return;
	}
	if (!doctor_exists(d, "/sys/bus/pci/drivers/vfio-pci")) {
		doctor_say(d, doctor_unless_needed(d, PORT_PCI | PORT_PCI_BARE),
			   "modprobe vfio-pci", "vfio-pci is there and not loaded");
		return;
	}
	doctor_line(d, unsafe, sizeof(unsafe),
		    "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	if (iommu || unsafe[0] == 'Y')
		doctor_say(d, FINDING_OK, "", "vfio-pci is loaded%s",
			   iommu ? "" : ", in its mode without an IOMMU: a NIC can write anywhere");
	else
		doctor_say(
			d, doctor_unless_needed(d, PORT_PCI | PORT_PCI_BARE),
			"echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
			"vfio-pci is loaded and refuses NICs that no IOMMU confines; its unsafe mode, for "
			"root only, takes them");
}

void doctor_iommu(struct doctor *d)
{
	struct doctor_name groups[256];
	const unsigned int n = doctor_names(d, groups, WEIR_ARRAY_SIZE(groups), "",
					    "/sys/kernel/iommu_groups");

	if (n > 0)
		doctor_say(d, FINDING_OK, "", "IOMMU: %u%s groups", n,
			   n == WEIR_ARRAY_SIZE(groups) ? " or more" : "");
	else
		doctor_say(
			d, doctor_unless_needed(d, PORT_PCI | PORT_PCI_BARE),
			"sed -i 's/^GRUB_CMDLINE_LINUX=\"/&intel_iommu=on iommu=pt /' /etc/default/grub && "
			"update-grub && reboot # and VT-d or AMD-Vi in the firmware's setup",
			"no IOMMU group: the IOMMU is off or not there; ports that DPDK owns need it to run "
			"without root");
	vfio(d, n > 0);
}

static void describe(struct doctor *d, const char *who, const struct doctor_iface *i)
{
	const char *live = doctor_iface_live(i);
	char speed[32] = "speed not told";

	if (i->speed > 0)
		snprintf(speed, sizeof(speed), "%lld Mbit/s", i->speed);
	doctor_say(d, FINDING_OK, "", "%s; %s, %s, %u receive queue%s, %s%s%s%s", who,
		   !i->up       ? "down"
		   : i->carrier ? "link is up"
				: "no link",
		   speed, i->queues, i->queues == 1 ? "" : "s",
		   i->queues < 2 ? "no RSS"
		   : i->hash     ? "RSS with a key that can be made symmetric"
				 : "RSS without a key to set",
		   live != NULL ? "; carries " : "", live != NULL ? live : "",
		   live != NULL ? ": not to be taken away from the host" : "");
}

/* The interfaces of one device; virtio puts them one folder deeper. */
static unsigned int interfaces(const struct doctor *d, const char *pci, struct doctor_name *names,
			       unsigned int max)
{
	struct doctor_name inner[4];
	unsigned int n = doctor_names(d, names, max, "", PCI "/%s/net", pci);

	if (n == 0 && doctor_names(d, inner, WEIR_ARRAY_SIZE(inner), "virtio", PCI "/%s", pci) > 0)
		n = doctor_names(d, names, max, "", PCI "/%s/%s/net", pci, inner[0].name);
	return n;
}

static void pci_nic(struct doctor *d, const char *pci)
{
	char driver[64] = "none", group[32] = "none", who[256];
	struct doctor_name names[16];
	const unsigned int n = interfaces(d, pci, names, WEIR_ARRAY_SIZE(names));
	struct doctor_iface iface;
	long long node = -1;

	doctor_link(d, driver, sizeof(driver), PCI "/%s/driver", pci);
	doctor_link(d, group, sizeof(group), PCI "/%s/iommu_group", pci);
	doctor_number(d, &node, PCI "/%s/numa_node", pci);
	if (n == 0)
		doctor_say(
			d, FINDING_OK, "",
			"%s: driver %s, no interface of the kernel; NUMA node %lld, IOMMU group %s",
			pci, driver, node, group);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(who, sizeof(who), "%.16s %.32s: driver %s, NUMA node %lld, IOMMU group %s",
			 pci, names[i].name, driver, node, group);
		if (doctor_iface(d, names[i].name, &iface))
			describe(d, who, &iface);
	}
}

/* Devices that are on no PCI bus: virtio-mmio, USB, systems on a chip. */
static bool other_nic(struct doctor *d, const char *name)
{
	char bus[64] = "", parent[64] = "", who[128];
	struct doctor_iface iface;

	if (!doctor_exists(d, "/sys/class/net/%s/device", name))
		return false;
	doctor_link(d, bus, sizeof(bus), "/sys/class/net/%s/device/subsystem", name);
	doctor_link(d, parent, sizeof(parent), "/sys/class/net/%s/device/../subsystem", name);
	if (strcmp(bus, "pci") == 0 || strcmp(parent, "pci") == 0 || !doctor_iface(d, name, &iface))
		return false;
	snprintf(who, sizeof(who), "%.32s on bus %.32s", name, bus);
	describe(d, who, &iface);
	return true;
}

void doctor_nics(struct doctor *d)
{
	struct doctor_name names[256];
	unsigned int n = doctor_names(d, names, WEIR_ARRAY_SIZE(names), "", PCI), found = 0;

	for (unsigned int i = 0; i < n; i++) {
		long long class;

		if (!doctor_number(d, &class, PCI "/%s/class", names[i].name) || class >> 16 != 2)
			continue;
		pci_nic(d, names[i].name);
		found++;
	}
	n = doctor_names(d, names, WEIR_ARRAY_SIZE(names), "", "/sys/class/net");
	for (unsigned int i = 0; i < n; i++)
		found += other_nic(d, names[i].name);
	if (found == 0)
		doctor_say(
			d, FINDING_OK, "",
			"no network device of its own (a container, or no /sys): interfaces that others gave "
			"it are %s",
			n > 0 ? "there" : "not to be seen");
}

/* Workers on another node than the NIC reach its packets across the link between them. */
static void numa(struct doctor *d, const char *pci)
{
	const struct weir_conf_ints *cpus = &d->conf->box.cores.worker_cpus;
	long long node = -1;
	char list[256];

	if (!doctor_number(d, &node, PCI "/%s/numa_node", pci) || node < 0 ||
	    !doctor_line(d, list, sizeof(list), "/sys/devices/system/node/node%lld/cpulist", node))
		return;
	for (uint32_t i = 0; i < cpus->n; i++)
		if (!doctor_in_list(list, cpus->v[i]))
			doctor_say(
				d, FINDING_WARN, "",
				"worker CPU %d is not on NUMA node %lld of %s: cores.worker_cpus should "
				"name some of %s",
				cpus->v[i], node, pci, list);
}

/* Drivers under which DPDK can use a device; those of Mellanox share it with the kernel. */
static bool is_dpdks(const char *driver)
{
	static const char *const names[] = { "vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core",
					     "mlx4_core" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++)
		if (strcmp(driver, names[i]) == 0)
			return true;
	return false;
}

/* True when the host would miss one of its interfaces. */
static bool is_live(const struct doctor *d, const char *pci, char *what, size_t size)
{
	struct doctor_name names[16];
	const unsigned int n = interfaces(d, pci, names, WEIR_ARRAY_SIZE(names));

	for (unsigned int i = 0; i < n; i++) {
		struct doctor_iface iface;

		if (!doctor_iface(d, names[i].name, &iface) || doctor_iface_live(&iface) == NULL)
			continue;
		snprintf(what, size, "%.32s carries %s", names[i].name, doctor_iface_live(&iface));
		return true;
	}
	return false;
}

static void pci_port(struct doctor *d, const struct weir_box_tap *tap, const char *pci)
{
	char driver[64] = "none", command[200], what[128];

	if (!doctor_exists(d, PCI "/%s", pci)) {
		doctor_say(d, FINDING_BAD, "ls /sys/bus/pci/devices",
			   "port %s: no PCI device of this address", pci);
		return;
	}
	numa(d, pci);
	doctor_link(d, driver, sizeof(driver), PCI "/%s/driver", pci);
	snprintf(command, sizeof(command), "weir-setup --nic %s", pci);
	if (is_dpdks(driver))
		doctor_say(d, FINDING_OK, "", "port %s: driver %s, DPDK can use it", pci, driver);
	else if (!tap->exclusive && is_live(d, pci, what, sizeof(what)))
		doctor_say(
			d, FINDING_BAD, "",
			"port %s: %s and is not taken away from the host; name the interface as port "
			"instead",
			pci, what);
	else
		doctor_say(d, FINDING_BAD, command, "port %s: driver %s, which DPDK cannot use",
			   pci, driver);
}

static void kernel_port(struct doctor *d, const struct weir_box_tap *tap, const char *port,
			const char *name, enum port_kind kind)
{
	struct doctor_iface iface;
	char command[100];

	if (!doctor_iface(d, name, &iface)) {
		doctor_say(d, FINDING_BAD, "ip -br link", "port %s: no interface %s", port, name);
		return;
	}
	snprintf(command, sizeof(command), "ip link set %s up", name);
	if (kind == PORT_AF_XDP && !tap->exclusive && doctor_iface_live(&iface) != NULL)
		doctor_say(
			d, FINDING_BAD, "",
			"port %s: %s carries %s, and AF_XDP takes packets away from the host: name the "
			"interface alone as port, or set exclusive = true for the tap",
			port, name, doctor_iface_live(&iface));
	else if (!iface.up)
		doctor_say(d, FINDING_WARN, command, "port %s: %s is down", port, name);
	else if (!iface.carrier)
		doctor_say(d, FINDING_WARN, "",
			   "port %s: %s has no link: the cable, or the other side", port, name);
	else
		doctor_say(d, FINDING_OK, "", "port %s: %s is up", port, name);
}

static void namespace_port(struct doctor *d, const char *port, const char *netns)
{
	if (doctor_exists(d, "%s", netns))
		doctor_say(d, FINDING_OK, "",
			   "port %s: namespace %s is there, what is in it is not looked at", port,
			   netns);
	else
		doctor_say(d, FINDING_BAD, "ip netns list", "port %s: no network namespace %s",
			   port, netns);
}

/* The interface that a port is about: its own text, or the device's argument. */
static void iface_of(const char *port, char *name, size_t size)
{
	const char *iface = strncmp(port, "net_", 4) == 0 ? strstr(port, "iface=") : NULL;

	if (iface != NULL)
		snprintf(name, size, "%.*s", (int)strcspn(iface + 6, ","), iface + 6);
	else
		snprintf(name, size, "%s", strncmp(port, "if:", 3) == 0 ? port + 3 : port);
}

static void port(struct doctor *d, const struct weir_box_tap *tap, const char *text)
{
	const enum port_kind kind = port_kind(text, tap->netns);
	char name[64];

	iface_of(text, name, sizeof(name));
	if (port_pci_address(text, name, sizeof(name)))
		pci_port(d, tap, name);
	else if (kind == PORT_NETNS || kind == PORT_NETNS_PID)
		namespace_port(d, text, tap->netns);
	else if (kind == PORT_KERNEL || kind == PORT_AF_XDP || kind == PORT_AF_PACKET)
		kernel_port(d, tap, text, name, kind);
	else
		doctor_say(d, FINDING_OK, "", "port %s: a virtual device of DPDK", text);
}

void doctor_ports(struct doctor *d)
{
	const struct weir_box_conf *box = &d->conf->box;

	if (box->taps_n == 0)
		doctor_say(d, FINDING_OK, "",
			   "no tap is configured: the agent takes kernel interfaces that are up");
	for (uint32_t t = 0; t < box->taps_n; t++) {
		for (uint32_t i = 0; i < box->taps[t].ports.n; i++)
			port(d, &box->taps[t], box->taps[t].ports.v[i]);
		for (uint32_t i = 0; i < box->taps[t].ports_b.n; i++)
			port(d, &box->taps[t], box->taps[t].ports_b.v[i]);
	}
}
