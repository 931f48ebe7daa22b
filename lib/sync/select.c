/* SPDX-License-Identifier: Apache-2.0 */
/* A controller answers first and may name a proxy; who does not answer is left. */
#include "sync_priv.h"

bool weir_sync_choose(struct weir_sync_choice *c, bool ok, bool proxy)
{
	switch (c->on) {
	case WEIR_SYNC_ON_NOTHING:
		c->on = WEIR_SYNC_ON_CONTROLLER;
		return true;
	case WEIR_SYNC_ON_CONTROLLER:
		if (ok && proxy) {
			c->on = WEIR_SYNC_ON_PROXY;
			return true;
		}
		if (ok)
			return false;
		c->at = (c->at + 1) % c->controllers;
		return c->controllers > 1;
	case WEIR_SYNC_ON_PROXY:
		if (ok && proxy)
			return false;
		c->on = WEIR_SYNC_ON_CONTROLLER;
		return true;
	}
	return false;
}
