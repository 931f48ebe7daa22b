/* SPDX-License-Identifier: Apache-2.0 */
#include "field.h"

#include "filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_ARP  0x0806

void field_mac_text(char *to, uint64_t mac)
{
	snprintf(to, OUTPUT_CELL_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned int)(mac >> 40),
		 (unsigned int)(mac >> 32 & 255), (unsigned int)(mac >> 24 & 255),
		 (unsigned int)(mac >> 16 & 255), (unsigned int)(mac >> 8 & 255),
		 (unsigned int)(mac & 255));
}

static void ip_text(char *to, const struct weir_flow_rec *rec, union weir_ip ip)
{
	inet_ntop(rec->is_ipv6 ? AF_INET6 : AF_INET, ip.b, to, OUTPUT_CELL_MAX);
}

static void ip4_text(char *to, uint32_t host_order)
{
	uint32_t ip = htonl(host_order);

	inet_ntop(AF_INET, &ip, to, OUTPUT_CELL_MAX);
}

/* A row of csv has a hundred of them. */
static void number_text(char *to, uint64_t n)
{
	char digits[24], *p = digits + sizeof(digits);

	*--p = '\0';
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	memcpy(to, p, (size_t)(digits + sizeof(digits) - p));
}

static void gids_text(char *to, const uint16_t *gids, const struct weir_flow_rec *rec)
{
	size_t n = (size_t)snprintf(to, OUTPUT_CELL_MAX, "[");

	for (unsigned int i = 0; i < weir_rec_gids(rec); i++)
		n += (size_t)snprintf(to + n, OUTPUT_CELL_MAX - n, "%s%u", i > 0 ? "," : "",
				      gids[i]);
	snprintf(to + n, OUTPUT_CELL_MAX - n, "]");
}

/* A value of each kind of flow_fields.def. */
#define TEXT_NUMBER(v)                  \
	number_text(to, (uint64_t)(v)); \
	*is_zero = (v) == 0
#define TEXT_U8      TEXT_NUMBER
#define TEXT_U16     TEXT_NUMBER
#define TEXT_U32     TEXT_NUMBER
#define TEXT_U64     TEXT_NUMBER
#define TEXT_ID      TEXT_NUMBER
#define TEXT_TIME(v) TEXT_NUMBER((v) / WEIR_NS_PER_US)
#define TEXT_SPAN(v) TEXT_NUMBER((v) / WEIR_NS_PER_US)
#define TEXT_I32(v)                                              \
	snprintf(to, OUTPUT_CELL_MAX, "%" PRId64, (int64_t)(v)); \
	*is_zero = (v) == 0
#define TEXT_IP(v) ip_text(to, rec, v)
#define TEXT_IP4(v)      \
	ip4_text(to, v); \
	*is_zero = (v) == 0
#define TEXT_GIDS(v)             \
	gids_text(to, (v), rec); \
	*is_zero = (v)[0] == 0
#define TEXT_MAC(v)   field_mac_text(to, weir_be48(v))
#define TEXT_POINT(v) snprintf(to, OUTPUT_CELL_MAX, "%s", weir_observation_point_text(v))

void field_text(char *to, bool *is_zero, enum weir_field f, const struct weir_flow_rec *rec)
{
	const struct weir_flow_rec *r = rec; /* the name in the table's expressions */

	*is_zero = false;
	switch (f) {
#define WEIR_FIELD(name, kind, member, add, show, help) \
	case WEIR_FIELD_##name:                         \
		TEXT_##kind(r->member);                 \
		break;
#define WEIR_DERIVED(name, kind, expr, show, help) \
	case WEIR_FIELD_##name:                    \
		TEXT_##kind((expr));               \
		break;
#include "flow_fields.def"
	case WEIR_FIELDS:
		break;
	}
}

bool field_is_text(enum weir_field f)
{
	static const char *const kinds[] = { "ID", "IP", "IP4", "MAC", "POINT" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(kinds); i++)
		if (strcmp(weir_fields[f].kind, kinds[i]) == 0)
			return true;
	return false;
}

int field_compare(enum weir_field f, const struct weir_flow_rec *a, const struct weir_flow_rec *b)
{
	int64_t x, y;

	if (weir_fields[f].bytes == sizeof(union weir_ip))
		return memcmp((const uint8_t *)a + weir_fields[f].offset,
			      (const uint8_t *)b + weir_fields[f].offset, sizeof(union weir_ip));
	x = weir_field_number(f, a);
	y = weir_field_number(f, b);
	if (weir_field_is_signed(f))
		return (x > y) - (x < y);
	return ((uint64_t)x > (uint64_t)y) - ((uint64_t)x < (uint64_t)y);
}

void field_address_text(char *to, const struct weir_flow_rec *rec, unsigned int side)
{
	if (rec->eth_type == ETH_IPV4 || rec->eth_type == ETH_IPV6 || rec->eth_type == ETH_ARP)
		ip_text(to, rec, rec->ip[side]);
	else
		field_mac_text(to, weir_be48(rec->mac[side]));
}

void field_end_text(char *to, const struct weir_flow_rec *rec, unsigned int side)
{
	char address[OUTPUT_CELL_MAX];

	field_address_text(address, rec, side);
	if (rec->port[0] == 0 && rec->port[1] == 0)
		memcpy(to, address, sizeof(address));
	else
		snprintf(to, OUTPUT_CELL_MAX, rec->is_ipv6 ? "[%.100s]:%u" : "%.100s:%u", address,
			 rec->port[side]);
}

void field_time_text(char *to, uint64_t ns)
{
	time_t s = (time_t)(ns / WEIR_NS_PER_S);
	struct tm tm;
	size_t len;

	localtime_r(&s, &tm);
	len = strftime(to, OUTPUT_CELL_MAX, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(to + len, OUTPUT_CELL_MAX - len, ".%03u",
		 (unsigned int)(ns % WEIR_NS_PER_S / WEIR_NS_PER_MS));
}

static const char *const close_texts[] = {
	[WEIR_CLOSE_UNKNOWN] = "unknown",
	[WEIR_CLOSE_FINISH] = "normal",
	[WEIR_CLOSE_SERVER_RST] = "server-rst",
	[WEIR_CLOSE_TIMEOUT] = "timeout",
	[WEIR_CLOSE_FORCED_REPORT] = "open",
	[WEIR_CLOSE_CLIENT_SYN_REPEAT] = "syn-repeat",
	[WEIR_CLOSE_SERVER_HALF_CLOSE] = "server-half-close",
	[WEIR_CLOSE_CLIENT_RST] = "client-rst",
	[WEIR_CLOSE_SERVER_SYNACK_REPEAT] = "synack-repeat",
	[WEIR_CLOSE_CLIENT_HALF_CLOSE] = "client-half-close",
	[WEIR_CLOSE_CLIENT_PORT_REUSE] = "port-reuse",
	[WEIR_CLOSE_SERVER_RESET] = "server-reset",
	[WEIR_CLOSE_SERVER_QUEUE_LACK] = "queue-lack",
	[WEIR_CLOSE_CLIENT_ESTABLISH_RESET] = "client-establish-rst",
	[WEIR_CLOSE_SERVER_ESTABLISH_RESET] = "server-establish-rst",
	[WEIR_CLOSE_FIN_CLIENT_RST] = "fin-client-rst",
};

void field_close_text(char *to, uint8_t close_type)
{
	if (close_type < WEIR_ARRAY_SIZE(close_texts) && close_texts[close_type] != NULL)
		snprintf(to, OUTPUT_CELL_MAX, "%s", close_texts[close_type]);
	else
		snprintf(to, OUTPUT_CELL_MAX, "%u", close_type);
}

int field_close_parse(uint8_t *close_type, const char *text, struct weir_err *err)
{
	struct weir_nearest near = { .word = text };
	char all[320] = "";
	size_t n = 0;
	uint64_t number;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(close_texts); i++) {
		if (close_texts[i] == NULL)
			continue;
		*close_type = (uint8_t)i;
		if (strcmp(close_texts[i], text) == 0)
			return 0;
		weir_nearest_offer(&near, close_texts[i]);
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", n > 0 ? ", " : "",
				      close_texts[i]);
	}
	*close_type = 0;
	if (filter_parse_u64(&number, text, UINT8_MAX) == 0) {
		*close_type = (uint8_t)number;
		return 0;
	}
	return weir_err_set(err, EINVAL, "--close-type %s: allowed are 0 to 255, %s%s%s", text, all,
			    near.best[0] != '\0' ? "; did you mean " : "", near.best);
}

enum weir_field field_parse(const char *name, const char *option, struct weir_err *err)
{
	enum weir_field f = weir_field_by_name(name);
	struct weir_nearest near = { .word = name };

	if (f != WEIR_FIELDS)
		return f;
	for (unsigned int i = 0; i < WEIR_FIELDS; i++)
		weir_nearest_offer(&near, weir_fields[i].name);
	weir_err_set(err, EINVAL, "--%s: %s: no such field; %s%s", option, name,
		     near.best[0] != '\0' ? "did you mean " : "flow show has all of them",
		     near.best);
	return f;
}
