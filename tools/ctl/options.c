/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options, and what the value of each becomes. */
#include "command.h"
#include "field.h"

#include <weir_ctl.h>

#include <errno.h>
#include <stdlib.h>

#define SNAPLEN_MIN 16
#define AT(member)  offsetof(struct ctl, member)

static int take_u32(uint32_t *to, const char *name, const char *value, uint32_t max,
		    struct weir_err *err)
{
	uint64_t n;

	if (filter_parse_u64(&n, value, max) != 0 || n == 0)
		return weir_err_set(err, EINVAL, "--%s %s: allowed are 1 to %u", name, value, max);
	*to = (uint32_t)n;
	return 0;
}

static int take_output(struct ctl *ctl, const char *value, struct weir_err *err)
{
	for (unsigned int i = 0; i < OUTPUT_FORMATS; i++) {
		if (strcmp(output_formats[i], value) == 0) {
			ctl->format = (enum output_format)i;
			return 0;
		}
	}
	return weir_err_set(err, EINVAL,
			    "--output %s: allowed are table, wide, json, yaml, jsonl and csv",
			    value);
}

static int take_ip(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_take_ip(&ctl->filter, value, err);
}

static int take_port(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_take_port(&ctl->filter, value, err);
}

static int take_protocol(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_take_protocol(&ctl->filter, value, err);
}

static int take_tap(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_take_tap(&ctl->filter, value, err);
}

static int take_close_type(struct ctl *ctl, const char *value, struct weir_err *err)
{
	ctl->filter.has_close_type = true;
	return field_close_parse(&ctl->filter.close_type, value, err);
}

static int take_where(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_take_where(&ctl->filter, value, err);
}

static int take_last(struct ctl *ctl, const char *value, struct weir_err *err)
{
	if (ctl->filter.since_ns != 0)
		return weir_err_set(err, EINVAL, "--last and --since: one of them says it");
	return filter_take_last(&ctl->filter, value, err);
}

static int take_since(struct ctl *ctl, const char *value, struct weir_err *err)
{
	if (ctl->filter.since_ns != 0)
		return weir_err_set(err, EINVAL, "--last and --since: one of them says it");
	return filter_parse_time(&ctl->filter.since_ns, value, err);
}

static int take_until(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return filter_parse_time(&ctl->filter.until_ns, value, err);
}

static int take_limit(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_u32(&ctl->limit, "limit", value, 1000000000, err);
}

/* "10s", "500ms", "1.5": seconds, at most a year. */
static int take_span(double *to, const char *name, const char *value, struct weir_err *err)
{
	static const struct {
		const char *unit;
		double s;
	} units[] = { { "", 1 },   { "ms", 1e-3 }, { "s", 1 },
		      { "m", 60 }, { "h", 3600 },  { "d", 86400 } };
	char *end;
	double n = strtod(value, &end);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(units); i++) {
		if (value[0] < '0' || value[0] > '9' || strcmp(end, units[i].unit) != 0)
			continue;
		*to = n * units[i].s;
		if (*to >= 0.001 && *to <= 366 * 86400.0)
			return 0;
	}
	return weir_err_set(err, EINVAL, "--%s %s: must be a time, as 10s, 500ms or 5m", name,
			    value);
}

static int take_interval(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_span(&ctl->interval_s, "interval", value, err);
}

static int take_for(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_span(&ctl->for_s, "for", value, err);
}

static int take_count(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_u32(&ctl->count, "count", value, UINT32_MAX, err);
}

static int take_snaplen(struct ctl *ctl, const char *value, struct weir_err *err)
{
	if (take_u32(&ctl->snaplen, "snaplen", value, WEIR_FRAME_MAX, err) != 0)
		return -err->code;
	if (ctl->snaplen >= SNAPLEN_MIN)
		return 0;
	return weir_err_set(err, EINVAL, "--snaplen %s: allowed are %d to %d", value, SNAPLEN_MIN,
			    WEIR_FRAME_MAX);
}

static int take_api_port(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_u32(&ctl->api_port, "api-port", value, UINT16_MAX, err);
}

static int take_org_id(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_u32(&ctl->org_id, "org-id", value, UINT32_MAX, err);
}

/* A port of DeepFlow's that is not asked: its scripts may name it. */
static int take_other_port(struct ctl *ctl, const char *value, struct weir_err *err)
{
	uint32_t port;

	(void)ctl;
	return take_u32(&port, "rpc-port", value, UINT16_MAX, err);
}

static int take_timeout(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_span(&ctl->timeout_s, "timeout", value, err);
}

static int take_canary(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_u32(&ctl->canary, "canary", value, UINT32_MAX, err);
}

static int take_expires(struct ctl *ctl, const char *value, struct weir_err *err)
{
	return take_span(&ctl->expires_s, "expires", value, err);
}

const struct option_row ctl_options[] = {
	{ 'o', "output", "FORMAT", FOR_ALL, take_output, 0,
	  "table, wide, json, yaml, jsonl or csv (table)" },
	{ 0, "store", "DIR", FOR_FLOW, NULL, AT(store),
	  "ask the store of this directory (" CTL_STORE ")" },
	{ 0, "file", "PATH", FOR_FLOW, NULL, AT(file),
	  "ask this record file, or directory of them, as written by replay --records" },
	{ 0, "ip", "ADDRESS", FOR_FLOW | FOR_WATCH | FOR_MANY, take_ip, 0,
	  "either end is this address, or in this prefix; of several (a,b, or given again) any" },
	{ 0, "port", "PORT", FOR_FLOW | FOR_WATCH, take_port, 0, "either end's port" },
	{ 0, "protocol", "NAME", FOR_FLOW | FOR_WATCH, take_protocol, 0,
	  "tcp, udp, icmp ... or a number" },
	{ 0, "tap", "NUMBER", FOR_FLOW | FOR_WATCH, take_tap, 0, "seen at this tap" },
	{ 0, "close-type", "NAME", FOR_FLOW | FOR_WATCH, take_close_type, 0,
	  "why it ended: normal, timeout, server-rst ... or a number; open: it goes on" },
	{ 0, "where", "CONDITION", FOR_FLOW | FOR_WATCH, take_where, 0,
	  "and this holds, as 'byte_tx > 1M and server_port in (80, 443)'; see below" },
	{ 0, "last", "TIME", FOR_FLOW, take_last, 0,
	  "not ended before so long ago: 10m (s m h d)" },
	{ 0, "since", "TIME", FOR_FLOW, take_since, 0,
	  "not ended before: 15m (ago; s m h d), 2023-11-14 22:13:20, or epoch seconds" },
	{ 0, "until", "TIME", FOR_FLOW, take_until, 0, "started before; written as --since" },
	{ 0, "limit", "N", FOR_LIST | FOR_TOP | FOR_WATCH | FOR_LIMIT, take_limit, 0,
	  "at most so many rows" },
	{ 0, "sort", "FIELD", FOR_LIST, NULL, AT(sort),
	  "by this field of flow show; -FIELD: largest first (a store: end_time; files: as they are)" },
	{ 0, "by", "WHAT", FOR_TOP, NULL, AT(by),
	  "byte, packet, flow, retrans, zero_win or syn (byte)" },
	{ 0, "of", "WHOM", FOR_TOP, NULL, AT(of), "server, client, port or pair (server)" },
	{ 0, "group-by", "FIELDS", FOR_TOP, NULL, AT(group_by),
	  "in place of --of: one field of flow show, or two with a comma between" },
	{ 0, "socket", "PATH", FOR_AGENT, NULL, AT(socket),
	  "ask the agent whose control socket this is (" WEIR_CTL_PATH ")" },
	{ 'c', "count", "N", FOR_CAPTURE, take_count, 0, "end after so many packets" },
	{ 'w', "write", "FILE", FOR_CAPTURE, NULL, AT(write), "pcapng; - is standard output" },
	{ 's', "snaplen", "BYTES", FOR_CAPTURE, take_snaplen, 0, "keep so much of a packet (all)" },
	{ 0, "for", "TIME", FOR_CAPTURE, take_for, 0, "end after this time: 10s, 500ms, 5m" },
	{ 0, "comment", "TEXT", FOR_CAPTURE, NULL, AT(comment), "for the head of the file" },
	{ 'i', "ip", "ADDRESS", FOR_SITE, NULL, AT(ip),
	  "the controller's address (127.0.0.1, where it listens until it is told otherwise)" },
	{ 0, "api-port", "PORT", FOR_SITE, take_api_port, 0, "of its HTTP API (30417)" },
	{ 0, "rpc-port", "PORT", FOR_SITE, take_other_port, 0, "as DeepFlow's; not used" },
	{ 0, "svc-port", "PORT", FOR_SITE, take_other_port, 0, "as DeepFlow's; not used" },
	{ 0, "org-id", "NUMBER", FOR_SITE, take_org_id, 0,
	  "as DeepFlow's (1); weir's controller has one" },
	{ 0, "timeout", "TIME", FOR_SITE, take_timeout, 0,
	  "wait so long for an answer: 30s, 500ms, 5m (30s)" },
	{ 0, "tls", NULL, FOR_SITE, NULL, AT(tls), "by https, its certificate checked" },
	{ 0, "cacert", "FILE", FOR_SITE, NULL, AT(ca),
	  "by https, with a certificate signed by this one, PEM" },
	{ 0, "token-file", "FILE", FOR_SITE, NULL, AT(token_file),
	  "the token is in this file (WEIR_TOKEN, else ~/.config/weir/token)" },
	{ 'f', "file", "FILE", FOR_INPUT, NULL, AT(file), "YAML; - is standard input" },
	{ 0, "canary", "N", FOR_STAGED, take_canary, 0,
	  "in force on N agents of the group first, until promote or abort" },
	{ 0, "comment", "TEXT", FOR_STAGED, NULL, AT(comment), "for its history" },
	{ 'I', "image-name", "IMAGE", FOR_UPGRADE, NULL, AT(image),
	  "an image's name, as repo agent list says it" },
	{ 0, "arch", "ARCH", FOR_REPO, NULL, AT(arch), "x86_64, aarch64" },
	{ 0, "image", "FILE", FOR_REPO, NULL, AT(image), "the program that agents become" },
	{ 0, "version-image", "FILE", FOR_REPO, NULL, AT(version_image),
	  "a program that says, with -v, what version it is (the image)" },
	{ 0, "k8s-image", "NAME", FOR_REPO, NULL, AT(k8s_image),
	  "the image of containers that agents in Kubernetes become" },
	{ 0, "role", "ROLE", FOR_TOKEN, NULL, AT(role),
	  "read, operate (groups, agents, domains) or admin (all) (read)" },
	{ 0, "expires", "TIME", FOR_TOKEN, take_expires, 0,
	  "it ends after this time: 90d, 8h (never)" },
	{ 'g', "group", "GROUP", FOR_GROUP, NULL, AT(group),
	  "ask a controller: what would change on the agents of this group" },
	{ 0, "id", "ID", FOR_ID, NULL, AT(id), "g- and ten letters or digits (made up)" },
	{ 0, "effective", NULL, FOR_SHOW, NULL, AT(effective),
	  "every setting, not only what was given" },
	{ 0, "interval", "TIME", FOR_PORT_TOP, take_interval, 0, "between two looks (1s)" },
	{ 0, "count", "N", FOR_PORT_TOP, take_count, 0,
	  "end after so many intervals (1; on a terminal: go on until Ctrl-C)" },
};

const size_t ctl_n_options = WEIR_ARRAY_SIZE(ctl_options);
