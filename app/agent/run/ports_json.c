/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of everything, cumulative, as the control socket tells them: weirctl makes rates of two answers. */
#include "run.h"

#include <weir_ctl.h>

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

/* NULL = null. */
static json_t *text(const char *s)
{
	return s != NULL ? weir_ctl_text(s) : json_null();
}

static json_t *outcomes_json(const struct port_view *v)
{
	json_t *all = json_object();

	for (int i = 0; i < WEIR_OUTCOMES; i++) {
		const uint64_t since_us = v->outcomes[i].since_us;

		json_object_set_new(all, weir_outcomes[i].name,
				    json_pack("{s:o, s:o}", "packets", number(v->acc.outcomes[i]),
					      "since_us",
					      since_us != 0 ? number(since_us) : json_null()));
	}
	return all;
}

static void set_if(json_t *o, const char *key, uint64_t v)
{
	if (v != 0)
		json_object_set_new(o, key, number(v));
}

static json_t *port_json(const struct port_view *v)
{
	const bool failed = v->err->code != 0;
	json_t *o = json_pack("{s:o, s:o, s:i, s:i, s:s, s:s, s:o, s:o, s:i, s:b, s:o, s:i}",
			      "name", text(v->spec->name), "tap", text(v->spec->tap), "tap_number",
			      v->spec->tap_number, "slot", v->slot, "driver",
			      v->spec->kernel ? "afpacket" : "ethdev", "state",
			      port_state_names[v->state], "since_us", number(v->since_us), "error",
			      text(failed ? v->err->msg : NULL), "queues", v->queues, "promiscuous",
			      v->spec->promiscuous, "filter", text(v->spec->filter), "snaplen",
			      v->spec->snaplen);

	if (v->device_driver != NULL)
		json_object_set_new(o, "device_driver", text(v->device_driver));
	set_if(o, "mtu", v->mtu);
	set_if(o, "speed_mbps", v->speed_mbps);
	json_object_set_new(o, "received", number(v->acc.received));
	json_object_set_new(o, "bytes", number(v->acc.bytes));
	json_object_set_new(o, "missed", v->missed_known ? number(v->missed) : json_null());
	json_object_set_new(o, "late", number(v->acc.late));
	json_object_set_new(o, "linearised", number(v->linearised));
	json_object_set_new(o, "torn", number(v->torn));
	json_object_set_new(o, "cut", number(v->cut));
	json_object_set_new(o, "downs", number(v->downs));
	json_object_set_new(o, "returns", number(v->returns));
	json_object_set_new(o, "outcomes", outcomes_json(v));
	return o;
}

static json_t *all_ports(const struct run *r)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < ports_n(r->ports); i++) {
		struct port_view v;

		ports_view(r->ports, i, &v);
		json_array_append_new(list, port_json(&v));
	}
	return list;
}

static json_t *all_workers(const struct run *r)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < r->boot->box.cores.workers; i++) {
		struct weir_pipe_worker_stats s;

		weir_pipe_worker_stats(r->pipe, i, &s);
		json_array_append_new(
			list, json_pack("{s:i, s:I, s:I, s:I, s:i, s:i, s:i, s:i, s:I, s:I}", "id",
					i, "packets", (json_int_t)s.packets, "busy_cycles",
					(json_int_t)s.busy_cycles, "cycles", (json_int_t)s.cycles,
					"ring_used", s.ring_used, "ring_slots", s.ring_slots,
					"records_used", s.records_used, "records_slots",
					s.records_slots, "flows", (json_int_t)s.flows,
					"flow_capacity", (json_int_t)s.flow_capacity));
	}
	return list;
}

static const char *sink_error(const struct run *r, uint32_t i, struct weir_err *err)
{
	err->code = 0;
	if (strcmp(r->sinks.v[i].type, "store") == 0)
		weir_store_fault(r->sinks.store, err);
	else
		weir_collector_fault(r->sinks.collector, i, err);
	return err->code != 0 ? err->msg : NULL;
}

static json_t *all_sinks(const struct run *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->sinks.n; i++) {
		const struct sink_info *info = &r->sinks.v[i];
		struct weir_outlet_stats s;
		struct weir_err err;
		const char *why = sink_error(r, i, &err);

		weir_collector_stats(r->sinks.collector, i, &s);
		json_array_append_new(
			list,
			json_pack(
				"{s:s, s:s, s:o, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
				"name", info->name, "type", info->type, "target",
				text(info->target), "state", why != NULL ? "failing" : "ok",
				"error", text(why), "taken", (json_int_t)s.taken, "held",
				(json_int_t)s.held, "folded", (json_int_t)s.folded, "filtered",
				(json_int_t)s.filtered, "throttled", (json_int_t)s.throttled,
				"merged", (json_int_t)s.merged, "dropped", (json_int_t)s.dropped,
				"failed", (json_int_t)s.failed, "written", (json_int_t)s.written));
	}
	return list;
}

static json_t *store_json(const struct run *r)
{
	struct weir_store_stats s;
	struct weir_err fault = { 0 };

	if (r->sinks.store == NULL)
		return json_null();
	weir_store_stats(r->sinks.store, &s);
	weir_store_fault(r->sinks.store, &fault);
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "path",
			 text(r->sinks.store_path), "taken", (json_int_t)s.taken, "stored",
			 (json_int_t)s.stored, "pending", (json_int_t)s.pending, "lost",
			 (json_int_t)s.lost, "failures", (json_int_t)s.failures, "files",
			 (json_int_t)s.files, "unfinished", (json_int_t)s.unfinished, "bad",
			 (json_int_t)s.bad, "bytes", (json_int_t)s.bytes, "removed",
			 (json_int_t)s.removed, "fault", text(fault.code != 0 ? fault.msg : NULL));
}

json_t *ports_json(struct run *r)
{
	ports_look(r->ports);
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "now_us",
			 number(weir_clock_wall_ns() / WEIR_NS_PER_US), "ports", all_ports(r),
			 "workers", all_workers(r), "sinks", all_sinks(r), "store", store_json(r));
}
