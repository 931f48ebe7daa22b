/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a port: a kernel interface, a PCI address, or a virtual device of DPDK. */
#include "conf_priv.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>

#define SHOWN "%.80s"

/* Virtual devices of DPDK's network drivers, without net_. */
static const char *const drivers[] = {
	"af_packet", "af_xdp", "bonding", "enetfec",     "failsafe", "kni",
	"memif",     "mvneta", "mvpp2",   "null",        "pcap",     "ring",
	"softnic",   "tap",    "tun",     "vdev_netvsc", "vhost",    "virtio_user",
};

/* Does `text` begin with `form`, where h is a hexadecimal digit? */
static bool has_form(const char *text, const char *form)
{
	for (; *form != '\0'; form++, text++)
		if (*form == 'h' ? !isxdigit((unsigned char)*text) : *form != *text)
			return false;
	return true;
}

/* [domain:]bus:device.function, device of 5 bits, function of 3. Returns where bus begins, or NULL. */
static const char *pci_bus(const char *text, size_t len)
{
	const char *bus = len == strlen("hhhh:hh:hh.h") && has_form(text, "hhhh:") ? text + 5
										   : text;

	if (len - (size_t)(bus - text) != strlen("hh:hh.h") || !has_form(bus, "hh:hh.h") ||
	    (bus[3] != '0' && bus[3] != '1') || bus[6] > '7')
		return NULL;
	return bus;
}

static int pci_check(const char *text, size_t len, char *name, size_t size, struct weir_err *err)
{
	const char *bus = pci_bus(text, len);

	if (bus == NULL)
		return weir_err_set(err, EINVAL,
				    SHOWN
				    " is neither a PCI address nor an interface; an address is "
				    "written 0000:3b:00.0 (domain, bus, device up to 1f, "
				    "function up to 7, hexadecimal)",
				    text);
	snprintf(name, size, "%.5s%.*s", bus != text ? text : "0000:", (int)strlen("hh:hh.h"), bus);
	for (char *p = name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

/* Drivers of others are let pass, but not a name that is nearly one of these. */
static int device_check(const char *text, size_t len, char *name, size_t size, struct weir_err *err)
{
	char driver[64];
	struct weir_nearest near = { .word = driver };
	size_t n = len;

	while (n > 0 && isdigit((unsigned char)text[n - 1]))
		n--;
	snprintf(driver, sizeof(driver), "%.*s", (int)(n - strlen("net_")), text + strlen("net_"));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(drivers); i++)
		weir_nearest_offer(&near, drivers[i]);
	if (near.best[0] != '\0' && near.distance > 0)
		return weir_err_set(err, EINVAL, SHOWN ": net_%s is no driver; did you mean net_%s",
				    text, driver, near.best);
	snprintf(name, size, "%.*s", (int)len, text);
	return 0;
}

static int interface_check(const char *text, char *name, size_t size, struct weir_err *err)
{
	const size_t len = strlen(text);

	if (len >= IF_NAMESIZE)
		return weir_err_set(err, EINVAL,
				    SHOWN " is too long for an interface (at most %d bytes); a "
					  "device of DPDK begins with net_ or is a PCI address",
				    text, IF_NAMESIZE - 1);
	if (len == 0 || strpbrk(text, "/ \t") != NULL || strcmp(text, ".") == 0 ||
	    strcmp(text, "..") == 0)
		return weir_err_set(err, EINVAL, "\"" SHOWN "\" cannot be the name of an interface",
				    text);
	snprintf(name, size, "%s", text);
	return 0;
}

int weir_conf_port_check(const char *text, struct conf_port *port, struct weir_err *err)
{
	const size_t len = strcspn(text, ",");

	port->is_interface = false;
	if (strncmp(text, "net_", 4) == 0)
		return device_check(text, len, port->name, sizeof(port->name), err);
	if (strncmp(text, "if:", 3) != 0 && strchr(text, ':') != NULL)
		return pci_check(text, len, port->name, sizeof(port->name), err);
	port->is_interface = true;
	if (strncmp(text, "if:", 3) == 0)
		return interface_check(text + 3, port->name, sizeof(port->name), err);
	if (text[len] == ',')
		return weir_err_set(err, EINVAL,
				    SHOWN
				    ": write each port as a text of its own, [ \"%.*s\", ... ]",
				    text, (int)(len > 80 ? 80 : len), text);
	return interface_check(text, port->name, sizeof(port->name), err);
}
