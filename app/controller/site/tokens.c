/* SPDX-License-Identifier: Apache-2.0 */
#include "site_priv.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKENS_MAX     1000
#define PREFIX         "weir-" /* so that one is known where it should not be */
#define SECRET_LETTERS 43      /* of 62: 256 bits */
#define USED_GRAIN_S   60      /* written back no more often than that */

const struct site_token *site_token_next(const struct site *s, const struct site_token *after)
{
	const struct token *t = after != NULL ? TAILQ_NEXT((const struct token *)after, link)
					      : TAILQ_FIRST(&s->tokens);

	return t != NULL ? &t->pub : NULL;
}

static struct token *token_named(const struct site *s, const char *name)
{
	struct token *t;

	TAILQ_FOREACH(t, &s->tokens, link)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

static int load_one(void *ctx, struct weir_db_stmt *row)
{
	struct site *s = ctx;
	struct token *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->pub.name = t->name;
	site_text_clean(t->name, sizeof(t->name), weir_db_text(row, 0));
	site_text_clean(t->sha256, sizeof(t->sha256), weir_db_text(row, 1));
	t->pub.role = (enum site_role)weir_db_i64(row, 2);
	t->pub.created_s = (uint64_t)weir_db_i64(row, 3);
	t->pub.expires_s = (uint64_t)weir_db_i64(row, 4);
	t->pub.used_s = (uint64_t)weir_db_i64(row, 5);
	TAILQ_INSERT_TAIL(&s->tokens, t, link);
	return 0;
}

int site_tokens_load(struct site *s, struct weir_err *err)
{
	int rc = site_rows(&s->sql,
			   "SELECT name, sha256, role, created_s, expires_s, used_s FROM token"
			   " ORDER BY name",
			   NULL, 0, load_one, s, err);

	return rc == -ENOMEM ? weir_err_set(err, ENOMEM, "no memory for tokens") : rc;
}

void site_tokens_free(struct site *s)
{
	struct token *t;

	while ((t = TAILQ_FIRST(&s->tokens)) != NULL) {
		TAILQ_REMOVE(&s->tokens, t, link);
		free(t);
	}
}

void site_tokens_write(struct site *s, struct site_change *c)
{
	const struct token *t;

	if (!s->tokens_dirty)
		return;
	TAILQ_FOREACH(t, &s->tokens, link)
		site_change_run(c, "UPDATE token SET used_s = ?1 WHERE name = ?2 AND used_s <> ?1",
				site_number((int64_t)t->pub.used_s), site_text(t->name));
}

static const char *role_name(enum site_role role)
{
	static const char *const names[] = {
		[SITE_READ] = "read", [SITE_OPERATE] = "operate", [SITE_ADMIN] = "admin"
	};

	return (size_t)role < WEIR_ARRAY_SIZE(names) ? names[role] : NULL;
}

static int check_new(const struct site *s, const char *name, enum site_role role,
		     uint64_t expires_s, struct weir_err *err)
{
	unsigned int n = 0;
	const struct token *t;
	int rc = site_name_check("token", name, err);

	if (rc != 0)
		return rc;
	if (token_named(s, name) != NULL)
		return weir_err_set(err, EEXIST,
				    "token %s: there is one of this name: delete it first, or "
				    "choose another name",
				    name);
	if (role_name(role) == NULL)
		return weir_err_set(err, EINVAL,
				    "token %s: its role must be read, operate or admin", name);
	if (expires_s != 0 && expires_s <= site_now_s())
		return weir_err_set(err, EINVAL, "token %s: it would have expired already", name);
	TAILQ_FOREACH(t, &s->tokens, link)
		n++;
	return n < TOKENS_MAX ? 0
			      : weir_err_set(err, ENOSPC,
					     "token %s: there are %u tokens, and no more than that "
					     "are kept: delete one that is not used",
					     name, n);
}

int site_token_create(struct site *s, const struct site_actor *by, const char *name,
		      enum site_role role, uint64_t expires_s, char secret[64],
		      struct weir_err *err)
{
	struct site_change c;
	struct token *t;
	int rc = check_new(s, name, role, expires_s, err);

	if (rc != 0)
		return rc;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return weir_err_set(err, ENOMEM, "no memory for a token");
	t->pub = (struct site_token){ t->name, role, site_now_s(), expires_s, 0 };
	site_text_clean(t->name, sizeof(t->name), name);
	memcpy(secret, PREFIX, sizeof(PREFIX));
	site_random_text(secret + strlen(PREFIX), SECRET_LETTERS);
	site_sha256_hex(t->sha256, secret);
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run(&c,
			"INSERT INTO token (name, sha256, role, created_s, expires_s, used_s)"
			" VALUES (?, ?, ?, ?, ?, 0)",
			site_text(name), site_text(t->sha256), site_number(role),
			site_number((int64_t)t->pub.created_s), site_number((int64_t)expires_s));
	site_change_note(&c, by, "token create", name,
			 json_pack("{s:s,s:I}", "role", role_name(role), "expires",
				   (json_int_t)expires_s));
	rc = site_change_end(&c);
	if (rc != 0) {
		OPENSSL_cleanse(secret, 64);
		free(t);
		return rc;
	}
	TAILQ_INSERT_TAIL(&s->tokens, t, link);
	return 0;
}

int site_token_delete(struct site *s, const struct site_actor *by, const char *name,
		      struct weir_err *err)
{
	struct token *t = token_named(s, name);
	struct site_change c;
	int rc;

	if (t == NULL)
		return weir_err_set(err, ENOENT, "token %.200s: there is none of this name", name);
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run(&c, "DELETE FROM token WHERE name = ?", site_text(name));
	site_change_note(&c, by, "token delete", name, NULL);
	rc = site_change_end(&c);
	if (rc != 0)
		return rc;
	TAILQ_REMOVE(&s->tokens, t, link);
	site_bury(s, t, free);
	return 0;
}

const struct site_token *site_token_of(struct site *s, const char *secret)
{
	const uint64_t now = site_now_s();
	struct token *t, *found = NULL;
	char sha256[65];

	site_sha256_hex(sha256, secret);
	TAILQ_FOREACH(t, &s->tokens, link) /* all of them, whichever it is */
		if (CRYPTO_memcmp(t->sha256, sha256, sizeof(sha256)) == 0)
			found = t;
	if (found == NULL || (found->pub.expires_s != 0 && found->pub.expires_s <= now))
		return NULL;
	if (now / USED_GRAIN_S != found->pub.used_s / USED_GRAIN_S)
		s->tokens_dirty = true;
	found->pub.used_s = now;
	return &found->pub;
}
