/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the session stands with its controllers, in one place: what each event makes of each state. The escape
 * time runs beside it (timers.c): an answer need not be one that counts.
 */
#include "sync_priv.h"

/* Short, so that the table can be read as one. */
enum {
	RESOLVE = WEIR_SYNC_RESOLVING,
	CONNECT = WEIR_SYNC_CONNECTING,
	PROBE = WEIR_SYNC_PROBING,
	CONTACT = WEIR_SYNC_IN_CONTACT,
	AWAY = WEIR_SYNC_NO_CONTACT,
};

/* clang-format off */
static const uint8_t next[WEIR_SYNC_STATES][WEIR_SYNC_EVENTS] = {
	/*                          UNKNOWN  ANSWERED  UNSPOKEN  FAILED   MOVED */
	[WEIR_SYNC_CONNECTING] = {  RESOLVE, CONTACT,  PROBE,    AWAY,    CONNECT },
	[WEIR_SYNC_RESOLVING]  = {  RESOLVE, CONTACT,  PROBE,    AWAY,    CONNECT },
	[WEIR_SYNC_PROBING]    = {  RESOLVE, CONTACT,  AWAY,     AWAY,    CONNECT },
	[WEIR_SYNC_IN_CONTACT] = {  RESOLVE, CONTACT,  PROBE,    AWAY,    CONTACT },
	[WEIR_SYNC_NO_CONTACT] = {  RESOLVE, CONTACT,  PROBE,    AWAY,    AWAY },
};
/* clang-format on */

enum weir_sync_state weir_sync_state_next(enum weir_sync_state is, enum weir_sync_event what)
{
	return (enum weir_sync_state)next[is][what];
}

bool weir_sync_state_is_good(enum weir_sync_state is)
{
	return is != WEIR_SYNC_RESOLVING && is != WEIR_SYNC_NO_CONTACT;
}

const char *weir_sync_state_name(enum weir_sync_state is)
{
	static const char *const names[WEIR_SYNC_STATES] = {
		[WEIR_SYNC_CONNECTING] = "connecting", [WEIR_SYNC_RESOLVING] = "resolving",
		[WEIR_SYNC_PROBING] = "connecting",    [WEIR_SYNC_IN_CONTACT] = "in contact",
		[WEIR_SYNC_NO_CONTACT] = "no contact",
	};

	return names[is];
}
