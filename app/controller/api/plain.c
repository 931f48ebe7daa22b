/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked by machines: health, and the few routes of DeepFlow's that say what this controller is. */
#include "api_priv.h"

#include <unistd.h>

void api_deepflow_health(struct call *c)
{
	api_done(c);
}

void api_deepflow_none(struct call *c)
{
	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	api_out_close(&c->out, ']');
	api_end(c);
}

void api_deepflow_controllers(struct call *c)
{
	struct out *o = &c->out;
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	api_begin(c);
	api_out_open(o, NULL, '[');
	api_out_open(o, NULL, '{');
	api_out_number(o, "ID", 1);
	api_out_text(o, "NAME", host);
	api_out_text(o, "IP", c->api->own_ip);
	api_out_text(o, "POD_IP", c->api->own_ip);
	api_out_number(o, "NODE_TYPE", 1);
	api_out_number(o, "STATE", 2);
	api_out_text(o, "REGION_NAME", c->api->region);
	api_out_close(o, '}');
	api_out_close(o, ']');
	api_end(c);
}

void api_plain_livez(struct call *c)
{
	weir_http_text_printf(c->answer->body, "ok\n");
}

static int first_line(void *ctx, const struct site_audit *a)
{
	(void)ctx;
	(void)a;
	return 0;
}

/* It answers, so the loop turns; the database is asked. */
void api_plain_readyz(struct call *c)
{
	struct weir_err err = { 0 };

	if (site_audit_list(c->api->site, 0, 1, first_line, NULL, &err) == 0) {
		weir_http_text_printf(c->answer->body, "ok\n");
		return;
	}
	c->answer->status = 503;
	weir_http_text_printf(c->answer->body, "%s\n", err.msg);
}
