/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "ah", 51 },    { "esp", 50 }, { "gre", 47 }, { "icmp", 1 },
	{ "icmp6", 58 }, { "igmp", 2 }, { "ipip", 4 }, { "ospf", 89 },
	{ "sctp", 132 }, { "tcp", 6 },  { "udp", 17 }, { "vrrp", 112 },
};

static bool is_in_net(const struct weir_store_net *net, const union weir_ip *ip)
{
	unsigned int bytes = net->prefix / 8, bits = net->prefix % 8;

	if (memcmp(net->ip.b, ip->b, bytes) != 0)
		return false;
	return bits == 0 || ((net->ip.b[bytes] ^ ip->b[bytes]) >> (8 - bits)) == 0;
}

static bool is_in_nets(const struct filter *f, const struct weir_flow_rec *rec)
{
	for (uint32_t i = 0; i < f->n_nets; i++)
		if (f->nets[i].is_ipv6 == (rec->is_ipv6 != 0) &&
		    (is_in_net(&f->nets[i], &rec->ip[0]) || is_in_net(&f->nets[i], &rec->ip[1])))
			return true;
	return false;
}

bool filter_matches(const struct filter *f, const struct weir_flow_rec *rec)
{
	if (f->since_ns != 0 && rec->end_ns < f->since_ns)
		return false;
	if (f->until_ns != 0 && rec->start_ns >= f->until_ns)
		return false;
	if (f->has_flow_id && rec->flow_id != f->flow_id)
		return false;
	if (f->has_port && rec->port[0] != f->port && rec->port[1] != f->port)
		return false;
	if (f->has_protocol && rec->protocol != f->protocol)
		return false;
	if (f->has_tap && (rec->capture_nic & 0xff) != f->tap)
		return false;
	if (f->has_close_type && rec->close_type != f->close_type)
		return false;
	if (f->n_nets > 0 && !is_in_nets(f, rec))
		return false;
	return f->where == NULL || weir_expr_matches(f->where, rec);
}

static bool match_where(const void *where, const struct weir_flow_rec *rec)
{
	return weir_expr_matches(where, rec);
}

static void need_nets(struct weir_store_query *q, struct filter *f,
		      const struct weir_expr_need *need)
{
	if (q->n_nets > 0 || need->n_nets > FILTER_NETS_MAX)
		return;
	for (uint32_t i = 0; i < need->n_nets; i++) {
		struct weir_expr_net net = weir_expr_net(f->where, need, i);

		f->where_nets[i] = (struct weir_store_net){ .ip = net.ip,
							    .prefix = net.prefix,
							    .is_ipv6 = net.is_ipv6 };
	}
	q->nets = f->where_nets;
	q->n_nets = need->n_nets;
}

static void need_exactly(struct weir_store_query *q, enum weir_field field, uint64_t n)
{
	switch (field) {
	case WEIR_FIELD_client_port:
	case WEIR_FIELD_server_port:
		q->port = q->has_port ? q->port : (uint16_t)n;
		q->has_port = true;
		break;
	case WEIR_FIELD_protocol:
		q->protocol = q->has_protocol ? q->protocol : (uint8_t)n;
		q->has_protocol = true;
		break;
	case WEIR_FIELD_close_type:
		q->close_type = q->has_close_type ? q->close_type : (uint8_t)n;
		q->has_close_type = true;
		break;
	case WEIR_FIELD_flow_id:
		q->flow_id = q->has_flow_id ? q->flow_id : n;
		q->has_flow_id = true;
		break;
	default:
		break;
	}
}

/* Times have a filter of their own. */
static void need_range(struct weir_store_query *q, struct filter *f,
		       const struct weir_expr_need *need)
{
	if (q->n_ranges == FILTER_RANGES_MAX || need->low > INT64_MAX ||
	    strcmp(weir_fields[need->field].kind, "TIME") == 0)
		return;
	f->where_ranges[q->n_ranges++] = (struct weir_store_range){ .field = need->field,
								    .low = need->low,
								    .high = need->high };
	q->ranges = f->where_ranges;
}

static void need(struct weir_store_query *q, struct filter *f, const struct weir_expr_need *need)
{
	const uint64_t latest_us = INT64_MAX / WEIR_NS_PER_US - 1;

	if (need->n_nets > 0) {
		need_nets(q, f, need);
		return;
	}
	need_range(q, f, need);
	if (need->low == need->high)
		need_exactly(q, need->field, need->low);
	if (need->field == WEIR_FIELD_end_time && need->low < latest_us)
		q->since_ns = weir_max_u64(q->since_ns, need->low * WEIR_NS_PER_US);
	if (need->field == WEIR_FIELD_start_time && need->high < latest_us)
		q->until_ns = weir_min_u64(q->until_ns > 0 ? q->until_ns : UINT64_MAX,
					   (need->high + 1) * WEIR_NS_PER_US);
}

struct weir_store_query filter_query(struct filter *f)
{
	struct weir_expr_need each;
	struct weir_store_query q = {
		.since_ns = f->since_ns,
		.until_ns = f->until_ns,
		.nets = f->nets,
		.n_nets = f->n_nets,
		.has_flow_id = f->has_flow_id,
		.has_port = f->has_port,
		.has_protocol = f->has_protocol,
		.has_tap = f->has_tap,
		.has_close_type = f->has_close_type,
		.port = f->port,
		.protocol = f->protocol,
		.tap = f->tap,
		.close_type = f->close_type,
		.flow_id = f->flow_id,
		.match = f->where != NULL ? match_where : NULL,
		.match_ctx = f->where,
		.sort = WEIR_FIELD_end_time,
	};

	for (uint32_t i = 0; f->where != NULL && weir_expr_need(f->where, i, &each); i++)
		need(&q, f, &each);
	return q;
}

void filter_fini(struct filter *f)
{
	weir_expr_destroy(f->where);
	f->where = NULL;
}

int filter_parse_u64(uint64_t *n, const char *text, uint64_t max)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*n = strtoull(text, &end, 10);
	return *end != '\0' || errno != 0 || *n > max ? -EINVAL : 0;
}

static bool parse_net(struct weir_store_net *net, const char *text, size_t len)
{
	char address[INET6_ADDRSTRLEN + sizeof("/128")], *slash;
	uint64_t prefix, longest;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	slash = strchr(address, '/');
	if (slash != NULL)
		*slash++ = '\0';
	*net = (struct weir_store_net){ .is_ipv6 = strchr(address, ':') != NULL };
	prefix = longest = net->is_ipv6 ? 128 : 32;
	if (inet_pton(net->is_ipv6 ? AF_INET6 : AF_INET, address, net->ip.b) != 1 ||
	    (slash != NULL && filter_parse_u64(&prefix, slash, longest) != 0))
		return false;
	net->prefix = (uint8_t)prefix;
	return true;
}

int filter_take_ip(struct filter *f, const char *text, struct weir_err *err)
{
	const char *p = text;

	for (bool more = true; more; p++) {
		size_t len = strcspn(p, ",");

		if (f->n_nets == FILTER_NETS_MAX)
			return weir_err_set(err, EINVAL,
					    "--ip %.60s: more than %d addresses: a shorter prefix "
					    "may hold several",
					    p, FILTER_NETS_MAX);
		if (!parse_net(&f->nets[f->n_nets++], p, len))
			return weir_err_set(err, EINVAL,
					    "--ip %s: an address or a prefix is expected, as "
					    "10.0.0.1, 10.0.0.0/8 or 2001:db8::/32; several with a "
					    "comma between",
					    text);
		p += len;
		more = *p == ',';
	}
	return 0;
}

int filter_take_port(struct filter *f, const char *text, struct weir_err *err)
{
	uint64_t n;

	if (filter_parse_u64(&n, text, UINT16_MAX) != 0)
		return weir_err_set(err, EINVAL, "--port %s: allowed are 0 to 65535", text);
	f->port = (uint16_t)n;
	f->has_port = true;
	return 0;
}

int filter_take_protocol(struct filter *f, const char *text, struct weir_err *err)
{
	uint64_t n;

	f->has_protocol = true;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(protocols); i++) {
		if (strcasecmp(protocols[i].name, text) == 0) {
			f->protocol = protocols[i].number;
			return 0;
		}
	}
	if (filter_parse_u64(&n, text, UINT8_MAX) != 0)
		return weir_err_set(err, EINVAL,
				    "--protocol %s: allowed are 0 to 255 and names as tcp, udp, "
				    "icmp, icmp6, sctp, gre, esp",
				    text);
	f->protocol = (uint8_t)n;
	return 0;
}

int filter_take_flow_id(struct filter *f, const char *text, struct weir_err *err)
{
	if (filter_parse_u64(&f->flow_id, text, UINT64_MAX) != 0)
		return weir_err_set(err, EINVAL,
				    "flow %s: a decimal number is expected, as flow list -o wide "
				    "shows it",
				    text);
	f->has_flow_id = true;
	return 0;
}

int filter_take_tap(struct filter *f, const char *text, struct weir_err *err)
{
	uint64_t n;

	if (filter_parse_u64(&n, text, UINT8_MAX) != 0)
		return weir_err_set(
			err, EINVAL,
			"--tap %s: allowed are 0 to 255, the number of a tap as in column "
			"TAP of flow list -o wide",
			text);
	f->tap = (uint8_t)n;
	f->has_tap = true;
	return 0;
}

int filter_take_where(struct filter *f, const char *text, struct weir_err *err)
{
	struct weir_err why;

	f->where = weir_expr_create(text, &why);
	if (f->where != NULL)
		return 0;
	return weir_err_set(err, why.code, "--where: %s", why.msg);
}

/* "15m": so long ago, in whole us. */
static bool parse_ago(uint64_t *ns, const char *text)
{
	static const char units[] = "smhd";
	static const uint64_t seconds[] = { 1, 60, 3600, 86400 };
	uint64_t now = weir_clock_wall_ns() / WEIR_NS_PER_US * WEIR_NS_PER_US, n;
	const char *unit;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	n = strtoull(text, &end, 10);
	unit = strchr(units, *end);
	if (*end == '\0' || unit == NULL || end[1] != '\0' || n > 1000000000)
		return false;
	n = weir_min_u64(n * seconds[unit - units], now / WEIR_NS_PER_S - 1);
	*ns = now - n * WEIR_NS_PER_S;
	return true;
}

int filter_take_last(struct filter *f, const char *text, struct weir_err *err)
{
	if (parse_ago(&f->since_ns, text))
		return 0;
	return weir_err_set(err, EINVAL, "--last %s: a time is expected, as 30s, 10m, 24h or 7d",
			    text);
}

static bool parse_epoch(uint64_t *ns, const char *text)
{
	char *end;
	double v;

	if (*text < '0' || *text > '9')
		return false;
	v = strtod(text, &end);
	if (*end != '\0' || v > 1e10 || (end - text == 4 && strchr(text, '.') == NULL))
		return false; /* four digits are a year */
	*ns = (uint64_t)(v * 1e6 + 0.5) * 1000;
	return true;
}

static bool parse_date(uint64_t *ns, const char *text)
{
	static const char *const formats[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
					       "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(formats); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, formats[i], &tm);

		if (end == NULL || (strcmp(end, "") != 0 && strcmp(end, "Z") != 0))
			continue;
		*ns = (uint64_t)(*end == 'Z' ? timegm(&tm) : mktime(&tm)) * WEIR_NS_PER_S;
		return true;
	}
	return false;
}

int filter_parse_time(uint64_t *ns, const char *text, struct weir_err *err)
{
	if (parse_ago(ns, text) || parse_epoch(ns, text) || parse_date(ns, text))
		return 0;
	return weir_err_set(err, EINVAL,
			    "time %s: allowed are 15m (ago; s, m, h, d), 1700000000.5 (epoch) and "
			    "2023-11-14 22:13:20 (local; with Z at its end UTC)",
			    text);
}

void filter_protocol_text(char *to, uint8_t protocol)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(protocols); i++) {
		if (protocols[i].number == protocol) {
			snprintf(to, 8, "%s", protocols[i].name);
			return;
		}
	}
	snprintf(to, 8, "%u", protocol);
}
