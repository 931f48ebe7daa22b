/* SPDX-License-Identifier: Apache-2.0 */
/* What the text of a port says. */
#include "port.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>

/* The configuration has looked at the text: what has a colon is a PCI address. */
bool port_text_is_device(const char *text)
{
	return strncmp(text, "net_", 4) == 0 ||
	       (strncmp(text, "if:", 3) != 0 && strchr(text, ':') != NULL);
}

/* DPDK calls a device by its whole address. */
static const char *domain_of(const char *text, size_t len)
{
	return strncmp(text, "net_", 4) != 0 && len == strlen("3b:00.0") ? "0000:" : "";
}

/* False when it does not fit. */
static bool copy(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

static int name_it(struct port_spec *spec, const char *text, struct weir_err *err)
{
	const size_t len = strcspn(text, ",");

	spec->kernel = !port_text_is_device(text);
	if (spec->kernel) {
		if (strncmp(text, "if:", 3) == 0)
			text += 3;
		if (*text != '\0' && copy(spec->name, IF_NAMESIZE, text, strlen(text)))
			return 0;
		return weir_err_set(err, EINVAL,
				    "port \"%.40s\": an interface's name has 1 to %d characters; a "
				    "DPDK device begins with net_ or is a PCI address",
				    text, IF_NAMESIZE - 1);
	}
	if ((size_t)snprintf(spec->name, sizeof(spec->name), "%s%.*s", domain_of(text, len),
			     (int)len, text) < sizeof(spec->name) &&
	    (size_t)snprintf(spec->device, sizeof(spec->device), "%s%s", domain_of(text, len),
			     text) < sizeof(spec->device))
		return 0;
	return weir_err_set(err, EINVAL, "port \"%.40s\": is longer than %zu characters", text,
			    sizeof(spec->device) - 1);
}

/* A NIC spreads by what it is told; a virtual device, and its peer, know best what they have. */
static uint16_t queues_by_default(const struct port_spec *spec, uint32_t workers)
{
	if (spec->kernel)
		return 1;
	return strncmp(spec->name, "net_", 4) == 0 ? 0 : (uint16_t)workers;
}

int port_spec_make(struct port_spec *spec, const struct weir_box_tap *tap, uint8_t tap_number,
		   const char *text, uint32_t workers, struct weir_err *err)
{
	*spec = (struct port_spec){
		.tap_number = tap_number,
		.promiscuous = tap->promiscuous,
		.ignore_outgoing = tap->ignore_outgoing,
		.exclusive = tap->exclusive,
		.snaplen = tap->snaplen,
		.memory_mib = tap->memory_mib,
	};
	if (name_it(spec, text, err) < 0)
		return -EINVAL;
	spec->queues = (uint16_t)tap->queues;
	if (spec->queues == 0)
		spec->queues = queues_by_default(spec, workers);
	copy(spec->tap, sizeof(spec->tap), tap->name, strlen(tap->name));
	if (spec->kernel && !copy(spec->netns, sizeof(spec->netns), tap->netns, strlen(tap->netns)))
		return weir_err_set(err, EINVAL, "tap %s: netns: is longer than %zu characters",
				    tap->name, sizeof(spec->netns) - 1);
	if (!copy(spec->filter, sizeof(spec->filter), tap->filter, strlen(tap->filter)))
		return weir_err_set(err, EINVAL, "tap %s: filter: is longer than %d characters",
				    tap->name, WEIR_PATTERN_TEXT_MAX);
	return 0;
}

bool port_spec_is_same_device(const struct port_spec *a, const struct port_spec *b)
{
	return a->kernel == b->kernel && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->netns, b->netns) == 0;
}

bool port_spec_is_same_port(const struct port_spec *a, const struct port_spec *b)
{
	return port_spec_is_same_device(a, b) && strcmp(a->tap, b->tap) == 0;
}

static bool same_number(const char *name, uint32_t a, uint32_t b, char *what, size_t size)
{
	if (a != b)
		snprintf(what, size, "%s: %u -> %u", name, a, b);
	return a == b;
}

static bool same_text(const char *name, const char *a, const char *b, char *what, size_t size)
{
	if (strcmp(a, b) == 0)
		return true;
	snprintf(what, size, "%s: \"%s\" -> \"%s\"", name, a, b);
	return false;
}

bool port_spec_is_equal(const struct port_spec *a, const struct port_spec *b, char *what,
			size_t size)
{
	return same_number("number of the tap", a->tap_number, b->tap_number, what, size) &&
	       same_number("snaplen", a->snaplen, b->snaplen, what, size) &&
	       same_number("queues", a->queues, b->queues, what, size) &&
	       (a->kernel ||
		same_number("promiscuous", a->promiscuous, b->promiscuous, what, size)) &&
	       same_number("ignore_outgoing", a->ignore_outgoing, b->ignore_outgoing, what, size) &&
	       same_number("exclusive", a->exclusive, b->exclusive, what, size) &&
	       same_number("memory_mib", a->memory_mib, b->memory_mib, what, size) &&
	       same_text("arguments", a->device, b->device, what, size);
}
