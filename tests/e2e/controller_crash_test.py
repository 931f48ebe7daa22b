#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The controller's state through the worst: killed in the midst of changes ($WEIR_KILLS times, else 20), locked, full,
newer than the controller, asked for by two. What is there is read with SQLite and over HTTP, and compared with what was
acknowledged."""
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import threading
import time
import unittest

import controller_live
import site_live
import weir

grpc = controller_live.grpc
KILLS = int(os.environ.get('WEIR_KILLS', 20))
FILE = 'controller.sqlite'


class Api:
    """DeepFlow's routes, over one connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)

    def ask(self, method, path, body=None):
        """-> HTTP status, the envelope."""
        content = 'application/x-www-form-urlencoded' if isinstance(body, str) else 'application/json'
        raw = body if isinstance(body, str) or body is None else json.dumps(body)
        self.connection.request(method, path, raw, {'Content-Type': content})
        r = self.connection.getresponse()
        text = r.read()
        return r.status, json.loads(text) if text.startswith(b'{') else {'DATA': text.decode()}

    def must(self, method, path, body=None):
        """-> DATA of a request that succeeds."""
        status, reply = self.ask(method, path, body)
        if status != 200 or reply.get('OPT_STATUS', 'SUCCESS') != 'SUCCESS':
            raise AssertionError(f'{method} {path}: {status} {reply}')
        return reply['DATA']

    def groups(self):
        return {g['NAME']: g['LCUUID'] for g in self.must('GET', '/v1/vtap-groups/')}


class Case(site_live.SiteCase):
    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(f'file:{self.state}/{FILE}?mode=ro', uri=True)) as db:
            return db.execute(sql).fetchall()

    def api(self):
        api = Api(self.controller.http)
        self.addCleanup(api.connection.close)
        return api

    def fails_to_start(self):
        """-> what a controller says that does not run."""
        p = weir.run(site_live.CONTROLLER, 'run', '--state', self.state, '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0', timeout=30)
        self.assertEqual(p.returncode, weir.FAILED, p.stderr)
        return p.stderr


class Model:
    """What is acknowledged: groups with the text of their configuration, domains, agents with their numbers; and the audit
    log of that."""

    def __init__(self):
        self.groups, self.domains, self.agents, self.audit, self.made = {}, set(), {}, [], 0

    def copy(self):
        m = Model()
        m.groups, m.domains, m.agents = dict(self.groups), set(self.domains), dict(self.agents)
        m.audit, m.made = list(self.audit), self.made
        return m

    def seen(self):
        return self.groups, self.domains, self.agents, self.audit

    def choose(self, rng):
        """-> a change, any: its kind and what it is of."""
        self.made += 1
        name = f"n{self.made} '\"/<b>"
        kinds = ['create', 'domain', 'agent', 'agent']
        if self.groups:
            kinds += ['config'] * 3 + ['delete', 'rename']
        if len(self.domains) > 3:
            kinds += ['domain delete']
        if len(self.agents) > 3:
            kinds += ['agent delete']
        kind = rng.choice(kinds)
        if kind in ('create', 'domain'):
            return kind, name, None
        if kind == 'agent':
            return kind, f'10.{self.made >> 16 & 255}.{self.made >> 8 & 255}.{self.made & 255}', None
        if kind == 'agent delete':
            return kind, rng.choice(sorted(self.agents)), None
        if kind == 'domain delete':
            return kind, rng.choice(sorted(self.domains)), None
        more = f'tap_interface_regex: eth{self.made}\n' if kind == 'config' else name
        return kind, rng.choice(sorted(self.groups)), more

    def after(self, kind, name, more):
        """-> what is to be there after a change."""
        m = self.copy()
        if kind == 'create':
            m.groups[name] = None
            m.audit.append(('agent-group create', name))
        elif kind == 'config':
            m.audit.append(('agent-group-config create' if m.groups[name] is None else 'agent-group-config update', name))
            m.groups[name] = more
        elif kind == 'delete':
            del m.groups[name]
            m.audit.append(('agent-group delete', name))
        elif kind == 'rename':
            m.groups[more] = m.groups.pop(name)
            m.audit.append(('agent-group update', name))
        elif kind == 'domain':
            m.domains.add(name)
            m.audit.append(('domain create', name))
        elif kind == 'agent':  # by its call, which is nobody's change: not in the log
            m.agents[name] = None
        elif kind == 'agent delete':
            m.audit.append(('agent delete', f'host-{name}-W{m.agents.pop(name)}'))
        else:
            m.domains.discard(name)
            m.audit.append(('domain delete', name))
        return m


def known(model, found):
    """The number of an agent that was registered and never heard of it."""
    for name, number in model.agents.items():
        if number is None and name in found.agents:
            model.agents[name] = found.agents[name]
    return model


def mac(ip):
    return '02:00:' + ':'.join(f'{int(n):02x}' for n in ip.split('.'))


class Changer(threading.Thread):
    """Makes one change after the other until nobody answers."""

    def __init__(self, api, peer, model, rng):
        super().__init__()
        self.api, self.peer, self.model, self.rng = api, peer, model, rng
        self.lcuuids = api.groups()
        self.domains = {d['NAME']: d['LCUUID'] for d in api.must('GET', '/v2/domains/')}
        self.pending, self.acknowledged, self.wrong = None, 0, None

    def make(self, kind, name, more):
        if kind == 'create':
            self.lcuuids[name] = self.api.must('POST', '/v1/vtap-groups/', {'name': name})['LCUUID']
        elif kind == 'config':
            method = 'POST' if self.model.groups[name] is None else 'PUT'
            self.api.must(method, f'/v1/agent-group-configuration/{self.lcuuids[name]}/yaml', more)
        elif kind == 'delete':
            self.api.must('DELETE', f'/v1/vtap-groups/{self.lcuuids[name]}/')
        elif kind == 'rename':
            self.api.must('PATCH', f'/v1/vtap-groups/{self.lcuuids[name]}/', {'name': more})
            self.lcuuids[more] = self.lcuuids[name]
        elif kind == 'domain':
            reply = self.api.must('POST', '/v1/domains/', {'NAME': name, 'TYPE': 11, 'CONFIG': {}})
            self.domains[name] = reply['LCUUID']
        elif kind == 'agent':
            answer = self.peer.sync(ctrl_ip=name, ctrl_mac=mac(name), host=f'host-{name}')
            self.pending.agents[name] = self.peer.own(answer)['agent_id']
        elif kind == 'agent delete':
            vtap = self.api.must('GET', f'/v1/vtaps/?name=host-{name}-W{self.model.agents[name]}')
            self.api.must('DELETE', f"/v1/vtaps/{vtap[0]['LCUUID']}/")
        else:
            self.api.must('DELETE', f'/v1/domains/{self.domains[name]}/')

    def run(self):
        try:
            while True:
                change = self.model.choose(self.rng)
                self.pending = self.model.after(*change)
                self.make(*change)
                self.model, self.pending = self.pending, None
                self.acknowledged += 1
        except (OSError, http.client.HTTPException, grpc.RpcError):
            pass  # it was killed
        except Exception as e:  # pylint: disable=broad-except
            self.wrong = e


class Crash(Case):
    def found(self):
        """-> what is there, as the model has it: over HTTP, and the log of the file."""
        api, m = self.api(), Model()
        for name, lcuuid in api.groups().items():
            if name == 'default':
                continue
            texts = self.rows(f"SELECT c.text FROM config c JOIN agent_group g ON g.id = c.agent_group AND g.config = c.version"
                              f" WHERE g.lcuuid = '{lcuuid}'")
            m.groups[name] = texts[0][0] if texts else None
            if texts:
                self.assertEqual(api.must('GET', f'/v1/agent-group-configuration/{lcuuid}/yaml'), m.groups[name])
        m.agents = dict(self.rows('SELECT ctrl_ip, id FROM agent'))
        self.assertEqual({v['CTRL_IP']: v['ID'] for v in api.must('GET', '/v1/vtaps/')}, m.agents)
        m.domains = {d['NAME'] for d in api.must('GET', '/v2/domains/')}
        m.audit = self.rows('SELECT what, object FROM audit ORDER BY id')
        return m

    def nothing_by_half(self):
        """Rows that belong together, and those of nothing that is there."""
        self.assertEqual(self.rows('PRAGMA integrity_check'), [('ok',)])
        for sql in ('SELECT * FROM config WHERE agent_group NOT IN (SELECT id FROM agent_group)',
                    'SELECT * FROM agent_group g WHERE versions <> (SELECT count(*) FROM config WHERE agent_group = g.id)',
                    'SELECT * FROM agent WHERE agent_group NOT IN (SELECT id FROM agent_group)',
                    'SELECT * FROM agent_synced WHERE agent NOT IN (SELECT id FROM agent)',
                    'SELECT * FROM domain WHERE vpc NOT IN (SELECT id FROM vpc)',
                    'SELECT * FROM vpc WHERE id > 1 AND id NOT IN (SELECT vpc FROM domain)'):
            self.assertEqual(self.rows(sql), [], sql)

    def test_what_was_acknowledged_survives_kills_and_nothing_is_there_by_half(self):
        seed = random.randrange(1 << 32)
        rng, model, acknowledged, more = random.Random(seed), Model(), 0, 0
        self.run_controller()
        for i in range(KILLS):
            peer = controller_live.Peer(self, None, target=f'127.0.0.1:{self.controller.grpc}')
            changer = Changer(self.api(), peer, model, rng)
            changer.start()
            time.sleep(rng.uniform(0.005, 0.15))
            self.controller.kill()
            changer.join()
            peer.channel.close()
            self.assertIsNone(changer.wrong)
            acknowledged += changer.acknowledged
            self.run_controller()
            self.nothing_by_half()
            found = self.found()
            if changer.pending is not None and found.seen() == known(changer.pending, found).seen():
                model, more = changer.pending, more + 1  # it was committed, and killed before it could say so
            else:
                model = changer.model
                self.assertEqual(found.seen(), model.seen(), f'seed {seed}, kill {i}')
            model.made = max(model.made, changer.model.made, changer.pending.made if changer.pending else 0)
        print(f'{KILLS} kills, seed {seed}: {acknowledged} changes acknowledged, all there; {more} more were there')
        self.assertGreater(acknowledged, KILLS)
        self.assertEqual(self.controller.stop(), 0)


class Trouble(Case):
    def test_a_second_controller_is_refused_and_the_first_goes_on(self):
        self.run_controller()
        said = self.fails_to_start()
        self.assertIn(f'process {self.controller.process.pid}', said)
        self.assertIn(self.state, said)
        self.api().must('POST', '/v1/vtap-groups/', {'name': 'g'})

    def test_the_state_of_a_newer_controller_is_not_touched(self):
        self.run_controller()
        self.assertEqual(self.controller.stop(), 0)
        with contextlib.closing(sqlite3.connect(f'{self.state}/{FILE}')) as db:
            db.execute('PRAGMA user_version = 99')

        def content():
            return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in pathlib.Path(self.state).glob(f'{FILE}*')}
        before = content()
        self.assertIn('use the newer weir', self.fails_to_start())
        self.assertEqual(content(), before)

    def test_while_another_program_has_the_database_changes_are_refused_and_the_rest_goes_on(self):
        self.run_controller()
        api = self.api()
        with contextlib.closing(sqlite3.connect(f'{self.state}/{FILE}', isolation_level=None)) as db:
            db.execute('BEGIN IMMEDIATE')
            status, reply = api.ask('POST', '/v1/vtap-groups/', {'name': 'g'})
            self.assertNotEqual(reply['OPT_STATUS'], 'SUCCESS', (status, reply))
            self.assertIn('locked', reply['DESCRIPTION'])
            self.assertEqual(set(api.groups()), {'default'})
            db.execute('ROLLBACK')
        api.must('POST', '/v1/vtap-groups/', {'name': 'g'})
        self.assertEqual(set(api.groups()), {'default', 'g'})

    def test_a_backup_of_a_running_controller_brings_its_state_back(self):
        self.run_controller()
        api = self.api()
        api.must('POST', '/v1/vtap-groups/', {'name': 'before'})
        api.connection.request('POST', '/api/v1/backup')
        reply = api.connection.getresponse()
        self.assertEqual(reply.status, 200)
        backup = self.file('backup.sqlite', reply.read())
        api.must('POST', '/v1/vtap-groups/', {'name': 'after'})
        restore = [site_live.CONTROLLER, 'restore', '--state', self.state]
        self.assertIn('another controller', weir.run(*restore, '--force', backup).stderr)
        self.assertEqual(self.controller.stop(), 0)
        self.assertIn('--force', weir.run(*restore, backup).stderr)
        self.assertIn('not the state of a weir controller', weir.run(*restore, '--force', self.foreign()).stderr)
        with open(backup, 'rb') as f:
            cut = self.file('cut', f.read()[:-5000])
        self.assertEqual(weir.run(*restore, '--force', cut).returncode, weir.FAILED)
        p = weir.run(*restore, '--force', backup)
        self.assertEqual(p.returncode, weir.OK, p.stderr)
        self.run_controller()
        self.assertEqual(set(self.api().groups()), {'default', 'before'})
        aside = [p for p in pathlib.Path(self.state).glob(f'{FILE}.before-*')]
        self.assertEqual(len(aside), 1)
        with contextlib.closing(sqlite3.connect(aside[0])) as db:
            self.assertEqual(db.execute('SELECT name FROM agent_group WHERE id > 2').fetchall(), [('after',)])

    @unittest.skipUnless(os.geteuid() == 0, 'needs root')
    def test_what_root_restores_belongs_to_the_state_s_user(self):
        self.run_controller()
        connection = self.api().connection
        connection.request('POST', '/api/v1/backup')
        backup = self.file('backup.sqlite', connection.getresponse().read())
        state = os.path.join(self.dir, 'of-nobody')
        os.mkdir(state, 0o700)
        os.chown(state, 65534, 65534)
        p = weir.run(site_live.CONTROLLER, 'restore', '--state', state, backup)
        self.assertEqual(p.returncode, weir.OK, p.stderr)
        self.assertEqual({f: os.stat(os.path.join(state, f)).st_uid for f in os.listdir(state)}, {'lock': 65534, FILE: 65534})

    def foreign(self):
        path = os.path.join(self.dir, 'foreign.sqlite')
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.executescript('CREATE TABLE t (a)')
        return path

    def test_on_a_full_disk_changes_are_refused_whole_and_taken_when_there_is_room(self):
        os.mkdir(self.state)
        made = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'weir-e2e', self.state], capture_output=True, text=True)
        if made.returncode:
            self.skipTest(f'no file system can be mounted here: {made.stderr.strip()}')
        self.addCleanup(subprocess.run, ['umount', '-l', self.state], check=True)
        self.run_controller()
        api, ballast = self.api(), os.path.join(self.state, 'ballast')
        try:
            with open(ballast, 'wb', buffering=0) as f:
                while True:
                    f.write(bytes(4096))
        except OSError:
            pass
        made = 0
        while True:
            status, reply = api.ask('POST', '/v1/vtap-groups/', {'name': f'g{made}'})
            if reply['OPT_STATUS'] != 'SUCCESS':
                break
            made += 1
            self.assertLess(made, 10000)
        self.assertIn('full', reply['DESCRIPTION'], status)
        self.assertEqual(len(api.groups()), made + 1)
        os.unlink(ballast)
        api.must('POST', '/v1/vtap-groups/', {'name': f'g{made}'})
        self.assertEqual(self.controller.stop(), 0)
        self.run_controller()
        self.assertEqual(len(self.api().groups()), made + 2)
        self.assertEqual(self.rows('PRAGMA integrity_check'), [('ok',)])


class Size(Case):
    """10,000 agents and 1,000 groups, each with a configuration."""
    AGENTS, GROUPS = 10000, 1000

    def fill(self):
        with contextlib.closing(sqlite3.connect(f'{self.state}/{FILE}')) as db:
            for i in range(2, self.GROUPS + 2):
                text = f'tap_interface_regex: ^eth{i}$\nmax_cpus: 2\nstatic_config:\n  l7-protocol-enabled: [HTTP, DNS]\n'
                db.execute('INSERT INTO agent_group VALUES (?, ?, ?, ?, 0, 1, 1, 0)',
                           (i, f'group-{i}', f'g-{i:010}', f'{i:08}-0000-4000-8000-000000000000'))
                db.execute("INSERT INTO config VALUES (?, 1, 0, 'test', '', ?)", (i, text))
            columns = [r[1] for r in db.execute('PRAGMA table_info(agent)')]
            number = {'agent_group', 'canary', 'enabled', 'state', 'type', 'trident', 'vpc', 'pod_cluster', 'created_s', 'boot_s', 'cpus',
                      'memory_bytes', 'exceptions', 'buffer_bytes'}
            for i in range(1, self.AGENTS + 1):
                row = {c: 0 if c in number else 'text of this column' for c in columns}
                row |= {'id': i, 'lcuuid': f'{i:08}-0000-4000-9000-000000000000', 'name': f'agent-{i}', 'agent_group': i % self.GROUPS + 2, 'enabled': 1,
                        'state': 1, 'type': 5, 'vpc': 1, 'ctrl_ip': f'10.0.{i >> 8}.{i & 255}', 'ctrl_mac': f'02:00:00:00:{i >> 8:02x}:{i & 255:02x}',
                        'identity': '', 'wanted_revision': '', 'wanted_image': '', 'cluster_id': ''}
                db.execute(f"INSERT INTO agent VALUES ({', '.join('?' * len(columns))})", [row[c] for c in columns])
                db.execute('INSERT INTO agent_synced VALUES (?, ?)', (i, int(time.time())))
            db.commit()

    def cpu_s(self):
        with open(f'/proc/{self.controller.process.pid}/stat', encoding='ascii') as f:
            fields = f.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def rss_mb(self):
        with open(f'/proc/{self.controller.process.pid}/statm', encoding='ascii') as f:
            return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6

    def test_ten_thousand_agents_in_a_thousand_groups_are_served_within_two_seconds(self):
        self.run_controller()
        self.assertEqual(self.controller.stop(), 0)
        self.fill()
        begin = time.monotonic()
        self.run_controller()
        took, cpu, rss = time.monotonic() - begin, self.cpu_s(), self.rss_mb()
        print(f'running after {took:.2f} s, {cpu:.2f} s of the processor, {rss:.0f} MB')
        self.assertLess(cpu, 2)  # of the processor: a busy machine makes that no longer
        vtaps = self.api().must('GET', '/v1/vtaps/')
        self.assertEqual(len(vtaps), self.AGENTS)
        self.assertEqual({v['VTAP_GROUP_NAME'] for v in vtaps}, {f'group-{i}' for i in range(2, self.GROUPS + 2)})


if __name__ == '__main__':
    weir.main()
