/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time of the controllers, over Query. It is not waited for, and a jump ends nothing: packets have the
 * clock of whoever captured them.
 */
#include "session.h"

#include <inttypes.h>

static void offset_use(struct weir_sync *s, int64_t fresh_s)
{
	const enum weir_sync_ntp_verdict verdict = weir_sync_ntp_judge(s->clock_offset_s, fresh_s,
								       !s->clock_known,
								       s->min_drift_ns,
								       s->max_drift_ns);

	s->clock_known = true;
	if (verdict == WEIR_SYNC_NTP_KEEP)
		return;
	if (verdict == WEIR_SYNC_NTP_JUMP)
		weir_log_about(WEIR_LOG_WARN, "controller", s->server,
			       "its clock is off by %" PRId64 " s now, it was %" PRId64 " s",
			       fresh_s, s->clock_offset_s);
	s->clock_offset_s = fresh_s;
	if (s->o.to->clock != NULL)
		s->o.to->clock(s->o.user, fresh_s);
}

static void on_answer(struct weir_rpc_call *call, const ProtobufCMessage *m, void *user)
{
	struct weir_sync *s = user;
	const ProtobufCBinaryData *b;
	struct weir_err err = { 0 };
	int64_t offset = 0;

	if (s->ntp != call)
		return;
	b = s->dialect == WEIR_SYNC_AGENT ? &((const Agent__NtpResponse *)m)->response
					  : &((const Trident__NtpResponse *)m)->response;
	if (weir_sync_ntp_answer(b->data, b->len, s->ntp_mark, s->ntp_sent_ns, weir_clock_wall_ns(),
				 &offset, &err) == 0)
		offset_use(s, offset);
	else
		weir_log_about(WEIR_LOG_WARN, "controller", s->server, "%s", err.msg);
}

static void on_end(struct weir_rpc_call *call, int status, const char *why, void *user)
{
	struct weir_sync *s = user;

	if (s->ntp != call)
		return;
	s->ntp = NULL;
	if (status != WEIR_RPC_OK)
		weir_log_about(WEIR_LOG_WARN, "controller", s->server, "NTP: %s: %s",
			       weir_rpc_status_name(status), why);
}

void weir_sync_ntp_ask(struct weir_sync *s)
{
	uint8_t packet[WEIR_SYNC_NTP_BYTES];
	Agent__NtpRequest agent = AGENT__NTP_REQUEST__INIT;
	Trident__NtpRequest trident = TRIDENT__NTP_REQUEST__INIT;
	char path[64];
	struct weir_rpc_request rq = {
		.path = weir_sync_path(s, "Query", path),
		.message = s->dialect == WEIR_SYNC_AGENT ? &agent.base : &trident.base,
		.answer = s->dialect == WEIR_SYNC_AGENT ? &agent__ntp_response__descriptor
							: &trident__ntp_response__descriptor,
		.budget_bytes = 65536,
		.timeout_ms = 5000,
		.message_in = on_answer,
		.end = on_end,
	};

	if (s->ntp != NULL)
		return;
	s->ntp_mark = weir_random_u64();
	weir_sync_ntp_request(packet, s->ntp_mark);
	agent.ctrl_ip = trident.ctrl_ip = s->id.ip;
	agent.has_request = trident.has_request = true;
	agent.request = trident.request = (ProtobufCBinaryData){ sizeof(packet), packet };
	s->ntp_sent_ns = weir_clock_wall_ns();
	s->ntp = weir_rpc_call_start(s->channel, &rq, s);
}
