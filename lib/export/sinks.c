/* SPDX-License-Identifier: Apache-2.0 */
#include "export_priv.h"

struct weir_sink *weir_sink_open(enum weir_sink_type type, const char *target, struct weir_err *err)
{
	static struct weir_sink *(*const openers[WEIR_SINKS])(const char *, struct weir_err *) = {
#define WEIR_SINK(id, fn, help) [WEIR_SINK_##id] = weir_sink_##fn##_open,
#include "sinks.def"
	};

	assert(type < WEIR_SINKS);
	return openers[type](target, err);
}
