/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as texts. */
#include "inventory_priv.h"

#include <arpa/inet.h>
#include <stdio.h>

void inventory_ip_text(const struct address *a, char text[46])
{
	inet_ntop(a->is_ipv6 ? AF_INET6 : AF_INET, a->ip.b, text, 46);
}

void inventory_mac_text(uint64_t mac, char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned int)(mac >> 40 & 255),
		 (unsigned int)(mac >> 32 & 255), (unsigned int)(mac >> 24 & 255),
		 (unsigned int)(mac >> 16 & 255), (unsigned int)(mac >> 8 & 255),
		 (unsigned int)(mac & 255));
}

bool inventory_mac_parse(const char *text, uint64_t *mac)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	uint64_t v = 0;

	for (unsigned int i = 0; i < 17; i++) {
		const char *d = text[i] != '\0' ? strchr(digits, text[i]) : NULL;

		if (i % 3 == 2 ? text[i] != ':' : d == NULL)
			return false;
		if (d != NULL)
			v = v << 4 | (uint64_t)((d - digits) % 16);
	}
	*mac = v;
	return text[17] == '\0';
}
